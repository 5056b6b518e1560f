//! Runs whose inputs become known part by part: products of computed factors, masks, and plans that do not grow.
mod common;

use common::grows;
use proptest::prelude::*;
use tessera_api::*;
use tessera_runtime::Prepared;

fn public(name: &str, n: usize, role: Role) -> Public {
    Public { name: name.into(), shape: vec![1, n as u32], min: -(1 << 61), max: 1 << 61, role }
}

fn program(constants: Vec<Blob>, publics: Vec<Public>) -> Program {
    Program {
        version: VERSION,
        zero_knowledge: false,
        constants,
        matrices: vec![],
        tables: vec![],
        relations: vec![],
        publics,
        variables: vec![],
        folds: vec![],
        terms: vec![],
        equations: vec![],
    }
}

fn turn(extent: usize, x: usize, w: usize, y: usize) -> ContractLoop {
    ContractLoop { extent: extent as u32, x: x as i64, w: w as i64, y: y as i64 }
}

fn numbers(seed: u64, n: usize, most: i64) -> Vec<i64> {
    let mut s = seed | 1;
    let next = move || {
        s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (s >> 20) as i64 % (2 * most + 1) - most
    };
    std::iter::repeat_with(next).take(n).collect()
}

/// The attention of a causal model without its softmax: x·w is q, k and v at once, and v·(q·k) is added to a constant; the greatest element of
/// each row is said.
fn attention(
    (n, d): (usize, usize),
    copied: &[usize],
    seed: u64,
    most: i64,
) -> (Program, WitnessPlan, Vec<Vec<i64>>) {
    let w = numbers(seed, d * d, 300);
    let constants = vec![Blob::new(w), Blob::new(numbers(seed ^ 5, n * d, 9))];
    let publics = vec![
        public("x", n * d, Role::Input),
        public("greatest", n, Role::Output),
        public("at", n, Role::Output),
    ];
    let whole: Vec<i64> = (0..(n * d) as i64).flat_map(|i| [i, i]).collect();
    let tensors = ["x", "q", "scores", "y", "copy", "greatest", "at"];
    let lens = [n * d, n * d, n * n, n * d, n * d, n, n];
    let copies: Vec<i64> =
        copied.iter().enumerate().flat_map(|(to, from)| [to as i64, (from % (n * d)) as i64]).collect();
    let shares = || Step::Contract {
        x: 2,
        w: Factor::Tensor(1),
        y: 3,
        loops: vec![turn(n, n, 0, d), turn(n, 1, d, 0), turn(d, 0, 1, 1)],
    };
    let steps = vec![
        Step::Load { public: 0, tensor: 0 },
        Step::Contract {
            x: 0,
            w: Factor::Constant { constant: 0, offset: 0 },
            y: 1,
            loops: vec![turn(n, d, 0, d), turn(d, 1, d, 0), turn(d, 0, 1, 1)],
        },
        Step::Contract {
            x: 1,
            w: Factor::Tensor(1),
            y: 2,
            loops: vec![turn(n, d, 0, n), turn(n, 0, d, 1), turn(d, 1, 1, 0)],
        },
        Step::Fill { constant: 1, dst: 3, places: Seq::compress(2, &whole) },
        shares(),
        // twice the same product
        shares(),
        Step::Gather { src: 3, dst: 4, places: Seq::compress(2, &copies) },
        Step::Greatest { x: 4, columns: d as u32, greatest: 5, at: 6 },
        Step::Publish { tensor: 5, public: 1 },
        Step::Publish { tensor: 6, public: 2 },
    ];
    let tensors = tensors.iter().zip(lens).map(|(name, len)| (name.to_string(), len as u64)).collect();
    (program(constants, publics), WitnessPlan { tensors, steps }, vec![numbers(seed ^ 9, n * d, most)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn products_of_computed_factors(
        (n, d) in (1usize..6, 1usize..40), copied in prop::collection::vec(0usize..1000, 1..200),
        seed: u64, most in prop::sample::select(vec![3, 100, 32767, 1 << 17, 1 << 22]),
    ) {
        let copied = &copied[..copied.len().min(n * d)];
        let (program, plan, inputs) = attention((n, d), copied, seed, most);
        let grew = grows(&Prepared::new(&program, &plan).unwrap(), &inputs, seed);
        prop_assert!(grew || most > 3);
    }
}

/// An element that two steps write has what the later one wrote, whatever becomes known first.
#[test]
fn steps_that_write_over_each_other_do_not_grow() {
    let publics =
        vec![public("a", 2, Role::Input), public("b", 2, Role::Input), public("y", 2, Role::Output)];
    let tensors = ["a", "b", "y"].map(|name| (name.to_string(), 2)).to_vec();
    let over = |src| Step::Gather { src, dst: 2, places: Seq::compress(2, &[0, 0, 1, 1]) };
    let mut steps = vec![
        Step::Load { public: 0, tensor: 0 },
        Step::Load { public: 1, tensor: 1 },
        over(0),
        over(1),
        Step::Publish { tensor: 2, public: 2 },
    ];
    let program = program(vec![], publics);
    let plan = |steps: &[Step]| WitnessPlan { tensors: tensors.clone(), steps: steps.to_vec() };
    assert!(Prepared::new(&program, &plan(&steps)).unwrap().growth().is_none());
    steps.remove(3);
    assert!(Prepared::new(&program, &plan(&steps)).unwrap().growth().is_some());
}

/// A causal model: what is said of a token is known once that token is, whatever comes after it.
#[test]
fn what_a_mask_leaves_out_need_not_be_known() {
    let n = 5usize;
    let publics = vec![public("x", n, Role::Input), public("y", n, Role::Output)];
    // y[i] = Σ_j m[i, j]·x[j], and m[i, j] = [j ≤ i], which a row program makes of a score and a mask
    let mask: Vec<i64> = (0..n * n).map(|at| i64::from(at % n <= at / n)).collect();
    let mut program = program(vec![Blob::new(mask.clone())], publics);
    program.tables.push(Table {
        name: "masked".into(),
        rows: (n * n) as u32,
        log_height: 5,
        fixed: vec![FixedColumn {
            name: "mask".into(),
            values: Values::Seq(Seq::compress(1, &mask)),
            padding: 0,
        }],
        committed: false,
        witness: vec![],
        constraints: vec![],
        lookups: vec![],
        provides: vec![],
    });
    let scores: Vec<i64> = (0..n as i64).flat_map(|i| (0..n as i64).map(move |j| i.max(j))).collect();
    let all: Vec<i64> = (0..(n * n) as i64).collect();
    let ops = vec![
        RowOp::Gather { tensor: 0, index: Seq::compress(1, &scores), default: 0, dst: 0 },
        RowOp::Fixed { column: 0, dst: 1 },
        RowOp::Mul { a: 0, b: 1, dst: 2 },
        RowOp::Scatter { src: 2, tensor: 1, index: Seq::compress(1, &all) },
    ];
    let rows =
        RowStep { table: 0, first_row: 0, rows: (n * n) as u32, registers: 3, ops, source: "mask".into() };
    let steps = vec![
        Step::Load { public: 0, tensor: 0 },
        Step::Rows(rows),
        Step::Contract { x: 1, w: Factor::Tensor(0), y: 2, loops: vec![turn(n, n, 0, 1), turn(n, 1, 1, 0)] },
        Step::Publish { tensor: 2, public: 1 },
    ];
    let tensors =
        [("x", n), ("m", n * n), ("y", n)].map(|(name, len)| (name.to_string(), len as u64)).to_vec();
    let prepared = Prepared::new(&program, &WitnessPlan { tensors, steps }).unwrap();
    let mut growth = prepared.growth().unwrap();
    for (i, x) in [3, 0, -2, 7, 1].into_iter().enumerate() {
        growth.give(0, i, &[x]).unwrap();
        let known = growth.known(1).iter().filter(|y| y.is_some()).count();
        assert_eq!(known, i + 1);
    }
    assert!(growth.give(0, 2, &[-2]).is_err(), "given twice");
    assert!(grows(&prepared, &[vec![4, -5, 0, 6, 2]], 8));
}
