//! Programs and plans from hostile files: errors, never a panic, and never much memory.
//!
//! Bytes are flipped in the canonical form, and numbers are replaced in a readable form, which reaches deeper: most changed
//! bytes are refused while reading already.
use proptest::prelude::*;
use serde_json::Value;
use tessera_api::{Program, Trace, WitnessPlan};
use tessera_checker::check;
use tessera_checker::testing::numbers::{count, number};
use tessera_checker::testing::{Case, Family, case};
use tessera_runtime::{Limits, Prepared};

/// Everything a user's files can reach. What it answers is of no interest here.
fn use_files(program: &Program, plan: &WitnessPlan, inputs: &[Vec<i64>], honest: &Trace) {
    let limits = Limits { elements: 1 << 22, operations: 1 << 22 };
    if let Ok(p) = Prepared::with_limits(program, plan, limits) {
        let _ = p.outputs(inputs.to_vec());
        if let Ok(t) = p.run(inputs.to_vec()) {
            let _ = check(program, &t);
        }
    }
    // a trace of the right shape, as far as the tables still have one that is affordable
    let cells = |t: &tessera_api::Table| t.rows as usize * t.witness.len();
    if program.tables.iter().map(|t| cells(t).saturating_add(t.rows as usize)).fold(0, usize::saturating_add)
        < 1 << 20
    {
        let mut t = honest.clone();
        t.tables.resize(program.tables.len(), vec![]);
        t.tables.iter_mut().zip(&program.tables).for_each(|(v, t)| v.resize(cells(t), 1));
        if let Err(failures) = check(program, &t) {
            failures.iter().for_each(|f| assert!(!f.to_string().is_empty()));
        }
    }
}

fn honest(family: Family, seed: u64) -> (Case, Trace) {
    let c = case(family, seed);
    let t = tessera_runtime::run(&c.program, &c.plan, c.inputs.clone()).unwrap();
    (c, t)
}

fn family() -> impl Strategy<Value = Family> {
    prop::sample::select(Family::ALL.to_vec())
}

fn replace(v: &mut Value, changes: &[(usize, i64)]) {
    let n = count(v);
    for (at, to) in changes.iter().filter(|_| n > 0) {
        if let Some(v) = number(v, &mut (at % n)) {
            *v = match to {
                // small steps away from what is there
                1000..1010 => Value::from(v.as_i64().unwrap_or(0).wrapping_add(to - 1005)),
                to => Value::from(*to),
            };
        }
    }
}

fn numbers() -> impl Strategy<Value = Vec<(usize, i64)>> {
    let odd = prop::sample::select(vec![
        -2,
        -1,
        0,
        1,
        2,
        3,
        64,
        1 << 16,
        1 << 20,
        1 << 26,
        u32::MAX as i64,
        1 << 32,
        1 << 40,
        1 << 61,
        1 << 62,
        i64::MAX,
        i64::MIN,
        i64::MIN + 1,
        1001,
        1002,
        1003,
        1004,
        1006,
        1007,
        1008,
    ]);
    prop::collection::vec((any::<usize>(), odd), 1..4)
}

/// Gives a Program that was read the data of the one it was, where it still names them.
fn find_data(p: &mut Program, from: &Program) {
    for (name, own) in p.constants.iter_mut().zip(&from.constants) {
        let _ = own.data().map(|data| name.fill(data.clone()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn flipped_bytes(f in family(), seed in 0u64..50, which: bool, flips in prop::collection::vec((any::<usize>(), 1u8..), 1..4)) {
        let (c, trace) = honest(f, seed);
        let mut bytes = if which { postcard::to_allocvec(&c.program.named()) } else { postcard::to_allocvec(&c.plan) }.unwrap();
        for (at, x) in flips {
            let n = bytes.len();
            bytes[at % n] ^= x;
        }
        if which {
            if let Ok(mut p) = postcard::from_bytes::<Program>(&bytes) {
                find_data(&mut p, &c.program);
                use_files(&p, &c.plan, &c.inputs, &trace);
            }
        } else if let Ok(p) = postcard::from_bytes::<WitnessPlan>(&bytes) {
            use_files(&c.program, &p, &c.inputs, &trace);
        }
    }

    #[test]
    fn odd_numbers_in_a_program(f in family(), seed in 0u64..50, changes in numbers()) {
        let (c, trace) = honest(f, seed);
        let mut v = serde_json::to_value(c.program.named()).unwrap();
        replace(&mut v, &changes);
        if let Ok(mut p) = serde_json::from_value::<Program>(v) {
            find_data(&mut p, &c.program);
            use_files(&p, &c.plan, &c.inputs, &trace);
        }
    }

    #[test]
    fn odd_numbers_in_a_plan(f in family(), seed in 0u64..50, changes in numbers()) {
        let (c, trace) = honest(f, seed);
        let mut v = serde_json::to_value(&c.plan).unwrap();
        replace(&mut v, &changes);
        if let Ok(p) = serde_json::from_value::<WitnessPlan>(v) {
            use_files(&c.program, &p, &c.inputs, &trace);
        }
    }

    #[test]
    fn odd_cells(f in family(), seed in 0u64..50, changes in prop::collection::vec((any::<usize>(), any::<usize>(), any::<i64>()), 1..30)) {
        let (c, mut t) = honest(f, seed);
        for (table, cell, v) in changes {
            let n = t.tables.len();
            let cells = &mut t.tables[table % n];
            if !cells.is_empty() {
                let n = cells.len();
                cells[cell % n] = v;
            }
        }
        let _ = check(&c.program, &t);
    }
}
/// The changes above must reach beyond the first check, or they test nothing.
#[test]
fn changed_numbers_reach_deep() {
    let (mut refused, mut failed, mut wrong, mut same) = (0, 0, 0, 0);
    for seed in 0..600u64 {
        let (c, honest) = honest(Family::ALL[seed as usize % 6], seed);
        let mut v = serde_json::to_value(&c.plan).unwrap();
        let to = [0, 1, 2, 1004, 1006, 7][seed as usize / 6 % 6];
        replace(&mut v, &[(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize >> 8, to)]);
        let Ok(plan) = serde_json::from_value::<WitnessPlan>(v) else { continue };
        match Prepared::new(&c.program, &plan).map(|p| p.run(c.inputs.clone())) {
            Err(_) => refused += 1,
            Ok(Err(_)) => failed += 1,
            Ok(Ok(t)) => match check(&c.program, &t) {
                Err(_) => wrong += 1,
                Ok(()) => {
                    // a change that changes nothing that is proven
                    assert_eq!(t, honest);
                    same += 1;
                }
            },
        }
    }
    let all = [refused, failed, wrong, same];
    assert!(all.iter().all(|n| *n >= 10), "refused, failed, wrong, same: {all:?}");
}
