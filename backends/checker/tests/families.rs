//! Random Programs: honest traces are accepted, any single change is rejected.
//!
//! Every witness cell, multiplicity, public value and fixed cell of every case is changed in turn over the runs; a change
//! that is accepted is a hole in the checker or in a case.
use proptest::prelude::*;
use tessera_api::{Program, Trace, Values};
use tessera_checker::testing::{Case, Family, case};
use tessera_checker::{Failure, check};

fn trace(c: &Case) -> Trace {
    match tessera_runtime::run(&c.program, &c.plan, c.inputs.clone()) {
        Ok(t) => t,
        Err(e) => panic!("the plan of a generated case fails: {e}"),
    }
}

fn accepted(p: &Program, t: &Trace) -> Result<(), String> {
    check(p, t).map_err(|f| f.iter().map(Failure::to_string).collect::<Vec<_>>().join("\n"))
}

fn family() -> impl Strategy<Value = Family> {
    prop::sample::select(Family::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn honest_traces_are_accepted(f in family(), seed: u64) {
        let c = case(f, seed);
        prop_assert_eq!(accepted(&c.program, &trace(&c)), Ok(()));
    }

    #[test]
    fn cases_are_functions_of_their_seed(f in family(), seed: u64) {
        let (a, b) = (case(f, seed), case(f, seed));
        prop_assert_eq!(a.program, b.program);
        prop_assert_eq!(a.plan, b.plan);
        prop_assert_eq!(a.inputs, b.inputs);
    }

    #[test]
    fn a_changed_fixed_value_is_rejected(f in family(), seed: u64, pick: u64, by in prop::sample::select(vec![-3i64, -1, 1, 7])) {
        let c = case(f, seed);
        let t = trace(&c);
        let mut p = c.program.clone();
        let columns: Vec<(usize, usize)> =
            p.tables.iter().enumerate().flat_map(|(t, x)| (0..x.fixed.len()).map(move |c| (t, c))).collect();
        prop_assume!(!columns.is_empty());
        let (i, j) = columns[pick as usize % columns.len()];
        let rows = p.tables[i].rows as usize;
        let mut values = p.fixed_values(&p.tables[i], &p.tables[i].fixed[j]).unwrap();
        let row = (pick >> 32) as usize % rows;
        values[row] += by;
        p.tables[i].fixed[j].values = Values::Seq(tessera_api::Seq::compress(1, &values));
        // a fixed value may enter only multiplied by a witness cell that is 0, or in a table entry nobody looks up
        if let Ok(()) = check(&p, &t) {
            let name = &p.tables[i].fixed[j].name;
            let unused = name.starts_with("absent") || name == "selector" || name == "key" || name == "value" || name.contains(" w[");
            prop_assert!(unused, "{name} row {row}");
        }
    }
}

/// All cells of some cases, one after the other.
#[test]
fn every_changed_cell_is_rejected() {
    for f in Family::ALL {
        for seed in 0..40 {
            let c = case(f, seed);
            let honest = trace(&c);
            let mut t = honest.clone();
            for table in 0..t.tables.len() {
                for cell in 0..t.tables[table].len() {
                    let by = [1, -1, 1 << 20][(cell + seed as usize) % 3];
                    t.tables[table][cell] += by;
                    let width = c.program.tables[table].witness.len();
                    assert!(
                        check(&c.program, &t).is_err(),
                        "{f:?} seed {seed}: {} in row {} of {:?}",
                        c.program.tables[table].witness[cell % width].name,
                        cell / width,
                        c.program.tables[table].name
                    );
                    t.tables[table][cell] -= by;
                }
            }
            for public in 0..t.publics.tensors.len() {
                for i in 0..t.publics.tensors[public].len() {
                    let by =
                        if t.publics.tensors[public][i] == c.program.publics[public].max { -1 } else { 1 };
                    t.publics.tensors[public][i] += by;
                    assert!(
                        check(&c.program, &t).is_err(),
                        "{f:?} seed {seed}: public {public}, element {i}"
                    );
                    t.publics.tensors[public][i] -= by;
                }
            }
            assert_eq!(t, honest);
        }
    }
}
