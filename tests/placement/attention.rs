//! Products of computed tensors: every form of attention, placed and checked, alone and in batches.
use crate::{Build, filled, run, weak};
use proptest::prelude::*;
use tessera_circuit::graph::ValueId;
use tessera_circuit::semantics::contract::{ContractSpec, ResultIndex::One};
use tessera_circuit::semantics::view::View;
use tessera_circuit_to_program::{PlaceOptions, place_graph};

/// Heads of keys, heads of queries for each, queries, keys, and elements of each.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub keys: usize,
    pub repeats: usize,
    pub rows: usize,
    pub columns: usize,
    pub size: usize,
}

impl Build {
    fn part(&mut self, x: ValueId, from: usize, shape: &[usize]) -> ValueId {
        let len = shape.iter().product();
        let part = self.view(x, View::window(&[self.g.values[x].len()], &[from as i64], &[1], &[len]));
        self.view(part, View::reshape(shape.to_vec()))
    }
    fn product(&mut self, x: ValueId, w: ValueId, maps: [Vec<usize>; 3]) -> ValueId {
        let [xs, ws, ys] = maps;
        let dims = xs.iter().chain(&ws).max().unwrap() + 1;
        let ys = ys.into_iter().map(One).collect();
        let spec = ContractSpec::new(dims, xs, ws, ys, &self.shape(x), &self.shape(w)).unwrap();
        self.contract(x, w, spec)
    }
}

/// Softmax apart: scores, requantized, times values, in another order of axes.
pub fn attention(seed: u64, s: Sizes) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let q_len = s.keys * s.repeats * s.rows * s.size;
    let k_len = s.keys * s.columns * s.size;
    let x = b.input(&[q_len + 2 * k_len]);
    let q = b.part(x, 0, &[s.keys, s.repeats, s.rows, s.size]);
    let k = b.part(x, q_len, &[s.keys, s.columns, s.size]);
    let v = b.part(x, q_len + k_len, &[s.keys, s.columns, s.size]);
    // k r i c, k j c -> k r i j
    let scores = b.product(q, k, [vec![0, 1, 2, 3], vec![0, 4, 3], vec![0, 1, 2, 4]]);
    let p = b.requantize(scores, 0, -127);
    // k r i j, k j c -> i k r c
    let y = b.product(p, v, [vec![0, 1, 2, 3], vec![0, 3, 4], vec![2, 0, 1, 4]]);
    let y = b.requantize(y, 0, -127);
    b.output(y);
    b
}

fn sizes() -> impl Strategy<Value = Sizes> {
    (1usize..3, 1usize..3, 1usize..4, 1usize..4, 1usize..4)
        .prop_map(|(keys, repeats, rows, columns, size)| Sizes { keys, repeats, rows, columns, size })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn attention_of_any_size_is_placed(seed in 0u64..1000, s in sizes(), batch in 1usize..4, widths in 0usize..4) {
        let options = PlaceOptions::new(tessera_backends::default());
        let (x_width, w_width) = [(None, None), (Some(1), Some(1)), (Some(4), Some(2)), (Some(3), Some(8))][widths];
        run(&mut attention(seed, s), batch, PlaceOptions { x_width, w_width, ..options });
    }
}

#[test]
fn a_product_with_itself_and_of_one_element() {
    let mut b = Build { seed: 9, ..Build::default() };
    let x = b.input(&[3, 4]);
    let squares = b.product(x, x, [vec![0, 1], vec![0, 1], vec![0]]);
    let gram = b.product(x, x, [vec![0, 1], vec![2, 1], vec![0, 2]]);
    let squares = b.view(squares, View::reshape(vec![1, 3]));
    let gram = b.view(gram, View::reshape(vec![1, 9]));
    let (q, r) = (b.requantize(squares, 0, -127), b.requantize(gram, 0, -127));
    let (q, r) = (b.view(q, View::reshape(vec![3])), b.view(r, View::reshape(vec![9])));
    let (lo, hi) = (b.interval(q).0.min(b.interval(r).0), b.interval(q).1.max(b.interval(r).1));
    let y = b.value(&[12], lo, hi);
    let y = b.op(tessera_circuit::CircuitOp::Concat { xs: vec![q, r], axis: 0 }, vec![y]);
    b.output(y);
    for batch in [1, 2] {
        run(&mut b, batch, PlaceOptions::new(tessera_backends::default()));
    }
}

/// Each lookup, constraint and monomial that is left out is seen.
#[test]
fn attention_that_asks_too_little_is_seen() {
    let s = Sizes { keys: 2, repeats: 2, rows: 2, columns: 2, size: 3 };
    let (program, trace) = filled(&mut attention(2, s), 1, PlaceOptions::new(tessera_backends::default()));
    let (kept, attacked) = weak::is_seen(&program, &trace);
    assert!(kept >= 2 && attacked >= 2, "{kept} {attacked}");
}

/// Neither keys nor values are repeated for the queries' heads, and no result of a product is a border.
#[test]
fn keys_are_not_copied_for_each_head() {
    let s = Sizes { keys: 2, repeats: 4, rows: 4, columns: 4, size: 8 };
    let placed = place_graph(&attention(1, s).g, &PlaceOptions::new(tessera_backends::default())).unwrap();
    let table = |name: &str| {
        let t = placed.program.tables.iter().find(|t| t.name == name).unwrap();
        t.rows as usize * t.witness.len()
    };
    // keys and values as second factors
    assert_eq!(table("factors"), 2 * 2 * 4 * 8);
    assert!(placed.program.tables.iter().all(|t| t.name != "borders"));
}
