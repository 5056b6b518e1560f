//! Placement, checked from end to end without MLIR: random circuits, placed, filled by the runtime, judged by the reference checker, and compared with
//! a plain evaluation of the circuit.
//!
//! Invariants: what the plan publishes equals the evaluation bit for bit; every honest trace is accepted; any changed witness
//! cell is rejected.
mod attention;
mod changes;
mod committed;
mod forms;
mod hints;
mod monomials;
mod owners;
mod private;
mod weak;

use ndarray::ArrayD;
use std::sync::Arc;
use tessera_api::{Capabilities, Cost, Prices, Program, Shape, Target, Trace};
use tessera_circuit::graph::{Circuit, Node, ValueId};
use tessera_circuit::ops::{CircuitOp, CircuitType, Stage, Visibility};
use tessera_circuit::publish;
use tessera_circuit::semantics::contract::{ContractSpec, ResultIndex};
use tessera_circuit::semantics::table::TableFunction;
use tessera_circuit::semantics::view::View;
use tessera_circuit_to_program::{PlaceOptions, place_graph, price};
use tessera_mlir::Place;

/// Builds circuits the way the lowering does.
#[derive(Default)]
struct Build {
    g: Circuit,
    seed: u64,
}

impl Build {
    fn random(&mut self, lo: i64, hi: i64) -> i64 {
        self.seed = self.seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        lo + ((self.seed >> 33) % (hi - lo + 1) as u64) as i64
    }
    fn value(&mut self, shape: &[usize], lo: i64, hi: i64) -> ValueId {
        self.g.values.push(CircuitType::new(shape, lo, hi));
        self.g.values.len() - 1
    }
    fn op(&mut self, op: CircuitOp<ValueId>, results: Vec<ValueId>) -> ValueId {
        let node = Some(format!("op{}", self.g.ops.len()));
        let place = Place { text: "loc(unknown)".into(), node, file: None };
        self.g.ops.push(Node { op, results: results.clone(), notes: vec![], place });
        results.first().copied().unwrap_or(usize::MAX)
    }
    fn shape(&self, v: ValueId) -> Vec<usize> {
        self.g.values[v].shape.clone()
    }
    fn interval(&self, v: ValueId) -> (i64, i64) {
        (self.g.values[v].lo, self.g.values[v].hi)
    }
    fn input(&mut self, shape: &[usize]) -> ValueId {
        let v = self.value(shape, -127, 127);
        self.op(
            CircuitOp::Input {
                name: "x".into(),
                visibility: Visibility::Public,
                ty: self.g.values[v].clone(),
            },
            vec![v],
        )
    }
    fn constant(&mut self, shape: &[usize], lo: i64, hi: i64) -> ValueId {
        let data: Vec<i64> = (0..shape.iter().product()).map(|_| self.random(lo, hi)).collect();
        let v = self.value(shape, lo, hi);
        self.g.known.insert(v, Arc::new(publish::param(shape, &data).expect("as many values as elements")));
        self.op(CircuitOp::Constant { values: data, ty: CircuitType::new(shape, lo, hi) }, vec![v])
    }
    fn parameter(&mut self, shape: &[usize], lo: i64, hi: i64) -> ValueId {
        let v = self.constant(shape, lo, hi);
        let ty = self.g.values[v].clone();
        if let Some(last) = self.g.ops.last_mut() {
            last.op = CircuitOp::Weight { global: format!("w{v}"), stage: Stage::Model, ty };
        }
        v
    }
    fn view(&mut self, x: ValueId, view: View) -> ValueId {
        let (lo, hi) = self.interval(x);
        let v = self.value(&view.shape, lo.min(0), hi.max(0));
        self.op(CircuitOp::View { x, view }, vec![v])
    }
    fn contract(&mut self, x: ValueId, w: ValueId, spec: ContractSpec) -> ValueId {
        let v = self.value(&spec.result_shape(), -(1 << 30), 1 << 30);
        self.op(CircuitOp::Contract { x, w, maps: spec.maps() }, vec![v])
    }
    /// x[n, g·c, h, w] ∗ k[g, o, c, kh, kw], full.
    fn conv(&mut self, x: ValueId, groups: usize, out: usize, k: usize) -> ValueId {
        let s = self.shape(x);
        let (n, c) = (s[0], s[1] / groups);
        let x = self.view(x, View::reshape(vec![n, groups, c, s[2], s[3]]));
        let w = self.parameter(&[groups, out, c, k, k], -9, 9);
        // indices: n g o c i j k l
        let y = vec![
            ResultIndex::One(0),
            ResultIndex::One(1),
            ResultIndex::One(2),
            ResultIndex::Sum(4, 6),
            ResultIndex::Sum(5, 7),
        ];
        let (xs, ws) = (self.shape(x), self.shape(w));
        let spec = ContractSpec::new(8, vec![0, 1, 3, 4, 5], vec![1, 2, 3, 6, 7], y, &xs, &ws).unwrap();
        let y = self.contract(x, w, spec);
        let r = self.shape(y);
        self.view(y, View::reshape(vec![n, groups * out, r[3], r[4]]))
    }
    fn linear(&mut self, x: ValueId, out: usize) -> ValueId {
        let len = self.g.values[x].len();
        let x = self.view(x, View::reshape(vec![1, len]));
        let w = self.parameter(&[out, len], -9, 9);
        let y = vec![ResultIndex::One(0), ResultIndex::One(1)];
        let spec = ContractSpec::new(3, vec![0, 2], vec![1, 2], y, &[1, len], &[out, len]).unwrap();
        self.contract(x, w, spec)
    }
    fn affine(&mut self, terms: Vec<(i64, ValueId)>, constant: i64, lo: i64, hi: i64) -> ValueId {
        let shape = self.shape(terms[0].1);
        let v = self.value(&shape, lo, hi);
        self.op(CircuitOp::Affine { terms, constant }, vec![v])
    }
    fn lookup(&mut self, x: ValueId, name: &str, f: TableFunction, lo: i64, hi: i64) -> ValueId {
        self.g.tables.insert(name.into(), f);
        let shape = self.shape(x);
        let v = self.value(&shape, lo, hi);
        self.op(CircuitOp::Lookup { x, tables: vec![name.into()], intervals: vec![(lo, hi)] }, vec![v])
    }
    /// The high part of x + bias; 24-bit accumulators in two limbs of 12.
    fn key(&mut self, x: ValueId) -> ValueId {
        let shape = self.shape(x);
        let bias = self.parameter(&[shape[1]], -50, 50);
        let bias = self.view(bias, View::along(&shape, 1));
        let u = self.affine(vec![(1, x), (1, bias)], 1 << 23, 0, (1 << 24) - 1);
        let (hi, lo) = (self.value(&shape, 0, 4095), self.value(&shape, 0, 4095));
        self.op(CircuitOp::Split { x: u, shift: 12 }, vec![hi, lo])
    }
    /// (x + bias) → 8 bits, ReLU fused.
    fn requantize(&mut self, x: ValueId, shift: u32, min: i64) -> ValueId {
        let key = self.key(x);
        self.clamp(key, shift, min)
    }
    fn clamp(&mut self, hi: ValueId, shift: u32, min: i64) -> ValueId {
        let f = TableFunction::Clamp { lo: 0, hi: 4095, offset: -2048, shift, min, max: 127 };
        self.lookup(hi, &format!("requant{shift}_{min}"), f, min, 127)
    }
    /// The maximum before the lookup: the same biases for all.
    fn greatest(&mut self, lanes: &[ValueId]) -> ValueId {
        let seed = self.seed;
        let keys: Vec<ValueId> = lanes
            .iter()
            .map(|lane| {
                self.seed = seed;
                self.key(*lane)
            })
            .collect();
        let shape = self.shape(keys[0]);
        let greatest = self.value(&shape, 0, 4095);
        self.op(CircuitOp::Max { xs: keys }, vec![greatest])
    }
    /// (x + bias) >> 9, rounded down: the high part, without a table.
    fn high(&mut self, x: ValueId) -> ValueId {
        let shape = self.shape(x);
        let bias = self.parameter(&[shape[1]], -50, 50);
        let bias = self.view(bias, View::along(&shape, 1));
        let u = self.affine(vec![(1, x), (1, bias)], 256, -(1 << 20), (1 << 20) - 1);
        let (hi, lo) = (self.value(&shape, -(1 << 11), (1 << 11) - 1), self.value(&shape, 0, 511));
        self.op(CircuitOp::Split { x: u, shift: 9 }, vec![hi, lo])
    }
    fn max(&mut self, a: ValueId, b: ValueId) -> ValueId {
        let d = self.affine(vec![(1, a), (-1, b)], 0, -254, 254);
        let r = self.lookup(
            d,
            "relu",
            TableFunction::Clamp { lo: -254, hi: 254, offset: 0, shift: 0, min: 0, max: 254 },
            0,
            254,
        );
        self.affine(vec![(1, b), (1, r)], 0, -127, 127)
    }
    fn lanes(&mut self, x: ValueId) -> Vec<ValueId> {
        let s = self.shape(x);
        let size = [s[0], s[1], s[2] / 2, s[3] / 2];
        [(0, 0), (0, 1), (1, 0), (1, 1)]
            .map(|(i, j)| self.view(x, View::window(&s, &[0, 0, i, j], &[1, 1, 2, 2], &size)))
            .to_vec()
    }
    fn output(&mut self, x: ValueId) {
        self.op(CircuitOp::Output { x, name: "y".into(), visibility: Visibility::Public }, vec![]);
    }
}

/// The circuit's meaning: the elements of its outputs.
fn evaluate(g: &Circuit, input: &[i64]) -> Vec<Vec<i64>> {
    let input = ArrayD::from_shape_vec(g.values[0].shape.clone(), input.to_vec()).unwrap();
    let outputs = tessera_circuit::interp::run_circuit(g, &[input]).unwrap();
    outputs.into_iter().map(|y| y.into_iter().collect()).collect()
}

/// Places, fills, compares, checks, and proves that nothing is left open.
fn run(b: &mut Build, batch: usize, options: PlaceOptions) -> (tessera_api::Program, Trace) {
    let (program, trace) = filled(b, batch, options);
    tessera_checker::testing::is_a_function(&program, &trace, &[]).unwrap();
    (program, trace)
}

/// Places, fills, compares and checks.
fn filled(b: &mut Build, batch: usize, options: PlaceOptions) -> (tessera_api::Program, Trace) {
    let options = PlaceOptions { batch, ..options };
    let placed = place_graph(&b.g, &options).unwrap();
    let cost = options.target.cost(&Shape::of(&placed.program));
    assert_eq!(price(&b.g, &options).unwrap(), cost, "a price is the cost of what is placed");
    let len = b.g.values[0].len();
    let input: Vec<i64> = (0..len * batch).map(|_| b.random(-127, 127)).collect();
    let expected: Vec<i64> = input.chunks(len).flat_map(|x| evaluate(&b.g, x).remove(0)).collect();
    monomials::are_apart(&placed.program);
    let trace = tessera_runtime::run(&placed.program, &placed.plan, vec![input]).unwrap();
    assert_eq!(trace.publics.tensors[1], expected, "the plan disagrees with the circuit\n{}", placed.dump);
    if let Err(failures) = tessera_checker::check(&placed.program, &trace) {
        let text: Vec<String> = failures.iter().take(5).map(|f| f.to_string()).collect();
        panic!("{}\n{}", placed.dump, text.join("\n"));
    }
    (placed.program, trace)
}

fn small_cnn(seed: u64) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let x = b.input(&[1, 2, 6, 6]);
    let y = b.conv(x, 1, 4, 3);
    let s = b.shape(y);
    let crop = b.view(y, View::window(&s, &[0, 0, 1, 1], &[1; 4], &[1, 4, 6, 6]));
    let lanes = b.lanes(crop);
    let q: Vec<ValueId> = lanes.into_iter().map(|l| b.requantize(l, 1, 0)).collect();
    let (m0, m1) = (b.max(q[0], q[1]), b.max(q[2], q[3]));
    let m = b.max(m0, m1);
    let y = b.conv(m, 2, 3, 3);
    let s = b.shape(y);
    let crop = b.view(y, View::window(&s, &[0, 0, 2, 2], &[1; 4], &[1, 6, 1, 1]));
    let q = b.requantize(crop, 0, -127);
    let y = b.linear(q, 5);
    let q = b.requantize(y, 0, 0);
    let y = b.linear(q, 3);
    let q = b.requantize(y, 0, -127);
    b.output(q);
    b
}

#[test]
fn a_small_cnn_with_pooling_and_groups_is_placed() {
    let (program, _) = run(&mut small_cnn(1), 1, PlaceOptions::new(tessera_backends::default()));
    assert_eq!(program.equations.len(), 2);
}

/// What proves Programs to be functions sees each that asks too little, and where little is between it and an output, the search
/// finds another one.
#[test]
fn a_program_that_asks_too_little_is_seen() {
    let options = || PlaceOptions::new(tessera_backends::default());
    let mut sums = (0, 0);
    for b in [&mut small_cnn(1), &mut eight_channels(1 << 20), &mut eight_high_parts(7)] {
        let (program, trace) = run(b, 1, options());
        let (kept, attacked) = weak::is_seen(&program, &trace);
        sums = (sums.0 + kept, sums.1 + attacked);
    }
    assert!(sums.0 >= 19 && sums.1 >= 5, "{sums:?}");
}

#[test]
fn a_batch_shares_tables() {
    run(&mut small_cnn(2), 3, PlaceOptions::new(tessera_backends::default()));
}

#[test]
fn widths_are_free() {
    for (x, w) in [(1, 8), (5, 16), (16, 8)] {
        run(
            &mut small_cnn(3),
            2,
            PlaceOptions {
                x_width: Some(x),
                w_width: Some(w),
                ..PlaceOptions::new(tessera_backends::default())
            },
        );
    }
}

/// requant(W·x) of eight channels, which share cells two by two.
fn eight_channels(interval: i64) -> Build {
    let mut b = Build { seed: 5, ..Build::default() };
    let x = b.input(&[1, 6]);
    let y = b.linear(x, 8);
    (b.g.values[y].lo, b.g.values[y].hi) = (-interval, interval);
    let q = b.requantize(y, 0, -127);
    b.output(q);
    b
}

#[test]
fn channels_share_cells_where_ranges_allow_it() {
    let packed = |b: &Build, pack: bool| {
        let dump =
            place_graph(&b.g, &PlaceOptions { pack, ..PlaceOptions::new(tessera_backends::default()) })
                .unwrap()
                .dump;
        assert!(dump.contains("1 a cell") != dump.contains("2 a cell"), "{dump}");
        dump.contains("2 a cell")
    };
    let small = eight_channels(1 << 20);
    assert!(packed(&small, true) && !packed(&small, false));
    // beyond half the radix the packed weights' product might wrap, so each channel has cells of its own
    assert!(!packed(&eight_channels(1 << 31), true));
    // cells of 33 bits: two of them would not fit the field, though the sums themselves are small
    let mut wide = Build { seed: 5, ..Build::default() };
    let x = wide.input(&[1, 6]);
    let y = wide.linear(x, 8);
    let u = wide.affine(vec![(1, y)], 1 << 32, 0, (1 << 33) - 1);
    let (hi, lo) = (wide.value(&[1, 8], 0, (1 << 17) - 1), wide.value(&[1, 8], 0, (1 << 16) - 1));
    wide.op(CircuitOp::Split { x: u, shift: 16 }, vec![hi, lo]);
    let f =
        TableFunction::Clamp { lo: 0, hi: (1 << 17) - 1, offset: -(1 << 16), shift: 0, min: -127, max: 127 };
    let q = wide.lookup(hi, "wide", f, -127, 127);
    wide.output(q);
    assert!(!packed(&wide, true));
    for seed in 0..4 {
        run(
            &mut Build { seed, ..eight_channels(1 << 20) },
            2,
            PlaceOptions { pack: false, ..PlaceOptions::new(tessera_backends::default()) },
        );
        run(
            &mut Build { seed, ..eight_channels(1 << 20) },
            2,
            PlaceOptions::new(tessera_backends::default()),
        );
    }
}

/// Packing and lookups rest on declared intervals, and a verifier never sees them: what is declared tighter than the weights
/// allow would let wrapped sums pass, so it is not placed.
#[test]
fn an_interval_that_the_weights_break_is_refused() {
    let refusal = |b: &Build| {
        let options = PlaceOptions::new(tessera_backends::default());
        place_graph(&b.g, &options).expect_err("an interval that is not so").to_string()
    };
    // six products of weights within ±9 and inputs within ±127: up to thousands
    let error = refusal(&eight_channels(100));
    assert!(
        error.contains("circuit.contract") && error.contains("declares values within [-100, 100]"),
        "{error}"
    );
    // an affine form of the same
    let mut b = Build { seed: 5, ..Build::default() };
    let x = b.input(&[1, 6]);
    let y = b.affine(vec![(3, x)], 0, -127, 127);
    b.output(y);
    let error = refusal(&b);
    assert!(error.contains("circuit.affine") && error.contains("[-381, 381]"), "{error}");
    // the values themselves are wider than their weight declares
    let mut b = eight_channels(1 << 20);
    let w = *b.g.known.keys().next().unwrap();
    (b.g.values[w].lo, b.g.values[w].hi) = (-1, 1);
    let error = refusal(&b);
    assert!(error.contains("circuit.weight") && error.contains("found [-1, 1]"), "{error}");
}

/// u_a + 2³² and u_b − 1 give the same packed sum: the equations hold, and what refuses it is the range of u_a.
#[test]
fn channels_that_share_a_cell_cannot_trade() {
    let (program, trace) =
        run(&mut eight_channels(1 << 20), 1, PlaceOptions::new(tessera_backends::default()));
    let t = program.tables.iter().position(|t| t.name == "elementwise0").unwrap();
    let width = program.tables[t].witness.len();
    let column = |name: &str| {
        program.tables[t]
            .witness
            .iter()
            .position(|c| c.name.starts_with(name))
            .expect("a column of the split")
    };
    let (hi, lo) = (column("hi"), column("lo"));
    let mut forged = trace.clone();
    // channels 0 and 4 are a pair; hi counts steps of 2¹²
    forged.tables[t][hi] += 1 << 20;
    let partner = &mut forged.tables[t][4 * width..5 * width];
    if partner[lo] > 0 {
        partner[lo] -= 1;
    } else {
        partner[hi] -= 1;
        partner[lo] += (1 << 12) - 1;
    }
    let failures = tessera_checker::check(&program, &forged).unwrap_err();
    let equation = |f: &tessera_checker::Failure| matches!(f, tessera_checker::Failure::Equation { .. });
    let lookup = |f: &tessera_checker::Failure| matches!(f, tessera_checker::Failure::Lookup { .. });
    assert!(!failures.iter().any(equation) && failures.iter().any(lookup), "{failures:?}");
}

/// The high part of W·x: `read` of its eight channels are outputs.
fn eight_high_parts(read: usize) -> Build {
    let mut b = Build { seed: 6, ..Build::default() };
    let x = b.input(&[1, 6]);
    let y = b.linear(x, 8);
    (b.g.values[y].lo, b.g.values[y].hi) = (-(1 << 19), 1 << 19);
    let y = b.high(y);
    let seen = b.view(y, View::window(&[1, 8], &[0, 8 - read as i64], &[1; 2], &[1, read]));
    b.output(seen);
    b
}

/// What verifiers hold to a range needs no lookup for it, also where cells are packed; what they do not see does.
#[test]
fn a_high_part_that_is_an_output_needs_no_table() {
    let lookups = |b: &Build, at: &str| {
        let dump = place_graph(&b.g, &PlaceOptions::new(tessera_backends::default())).unwrap().dump;
        assert!(dump.contains("2 a cell") && dump.contains(at), "{dump}");
    };
    lookups(&eight_high_parts(8), "1 lookups a row");
    lookups(&eight_high_parts(7), "2 lookups a row");
    for seed in 0..4 {
        run(&mut Build { seed, ..eight_high_parts(8) }, 2, PlaceOptions::new(tessera_backends::default()));
        run(&mut Build { seed, ..eight_high_parts(7) }, 2, PlaceOptions::new(tessera_backends::default()));
    }
}

/// The same trade as above, told to verifiers: what refuses it is the range of the output.
#[test]
fn outputs_that_share_a_cell_cannot_trade() {
    let (program, trace) = run(&mut eight_high_parts(8), 1, PlaceOptions::new(tessera_backends::default()));
    let t = program.tables.iter().position(|t| t.name == "elementwise0").unwrap();
    let width = program.tables[t].witness.len();
    let column =
        |name: &str| program.tables[t].witness.iter().position(|c| c.name.starts_with(name)).unwrap();
    let (hi, lo) = (column("hi"), column("lo"));
    let partner = (4 * width) + lo;
    assert!(trace.tables[t][partner] > 0, "another seed: the partner's low part is to stay in range");
    let mut forged = trace.clone();
    forged.tables[t][hi] += 1 << 23;
    forged.tables[t][partner] -= 1;
    // the multiplicities of the range table follow
    let range = program.tables.iter().position(|t| t.name == "table[0, 511]").unwrap();
    let value = trace.tables[t][partner] as usize;
    forged.tables[range][value] -= 1;
    forged.tables[range][value - 1] += 1;
    let equation = |f: &tessera_checker::Failure| matches!(f, tessera_checker::Failure::Equation { name, .. } if name == "contraction");
    let failures = tessera_checker::check(&program, &forged).unwrap_err();
    assert!(!failures.iter().any(equation) && failures.len() == 1, "only the link tells: {failures:?}");
    forged.publics.tensors[1][0] += 1 << 23;
    let failures = tessera_checker::check(&program, &forged).unwrap_err();
    assert!(matches!(failures[..], [tessera_checker::Failure::Publics(_)]), "{failures:?}");
}

/// y = requant(conv(a) + a·2) with a used twice: a residual connection.
#[test]
fn a_residual_connection_is_linked() {
    let mut b = Build { seed: 4, ..Build::default() };
    let x = b.input(&[1, 2, 4, 4]);
    let y = b.conv(x, 1, 2, 3);
    let s = b.shape(y);
    let crop = b.view(y, View::window(&s, &[0, 0, 1, 1], &[1; 4], &[1, 2, 4, 4]));
    let a = b.requantize(crop, 0, 0);
    let y = b.conv(a, 1, 2, 1);
    let q = b.requantize(y, 0, -127);
    let sum = b.affine(vec![(3, a), (5, q)], 0, -2000, 2000);
    let r = b.requantize(sum, 0, 0);
    b.output(r);
    run(&mut b, 2, PlaceOptions::new(tessera_backends::default()));
}

/// Zero padding larger than the kernel reaches: some of the cells that a cluster reads are zero by definition.
/// A sum that is an output with many bits, and is rounded to few for the layer behind it.
#[test]
fn sums_that_are_rounded_twice_are_read_once() {
    let mut b = Build { seed: 5, ..Build::default() };
    let x = b.input(&[1, 12]);
    let y = b.linear(x, 6);
    let wide = b.high(y);
    b.output(wide);
    let narrow = b.requantize(y, 0, -127);
    let z = b.linear(narrow, 3);
    let z = b.requantize(z, 0, -127);
    b.output(z);
    let options = PlaceOptions::new(tessera_backends::default());
    let placed = place_graph(&b.g, &options).unwrap();
    assert_eq!(price(&b.g, &options).unwrap(), options.target.cost(&Shape::of(&placed.program)));
    let input: Vec<i64> = (0..12).map(|_| b.random(-127, 127)).collect();
    let trace = tessera_runtime::run(&placed.program, &placed.plan, vec![input.clone()]).unwrap();
    assert_eq!(trace.publics.tensors[1..], evaluate(&b.g, &input));
    tessera_checker::check(&placed.program, &trace).unwrap();
    tessera_checker::testing::is_a_function(&placed.program, &trace, &[]).unwrap();
}

#[test]
fn a_crop_beyond_the_product_reads_zeros() {
    let mut b = Build { seed: 5, ..Build::default() };
    let x = b.input(&[1, 1, 3, 3]);
    let y = b.conv(x, 1, 2, 2);
    let s = b.shape(y);
    let crop = b.view(y, View::window(&s, &[0, 0, -1, -1], &[1; 4], &[1, 2, 6, 6]));
    let q = b.requantize(crop, 0, -127);
    b.output(q);
    run(&mut b, 2, PlaceOptions::new(tessera_backends::default()));
}

/// A convolution, requantized after pooling: windows of `kernel`, whose maximum is taken before the lookup.
fn pooled(seed: u64, kernel: [usize; 2]) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let [kh, kw] = kernel;
    let x = b.input(&[1, 2, 2 * kh, 2 * kw]);
    let y = b.conv(x, 1, 4, 3);
    let full = b.g.definers()[y];
    let CircuitOp::View { x: full, .. } = b.g.ops[full].op else { panic!("a view of the product") };
    (b.g.values[full].lo, b.g.values[full].hi) = (-(1 << 16), 1 << 16);
    let s = b.shape(y);
    let lane = |i: usize| {
        let offset = [0, 0, 1 + (i / kw) as i64, 1 + (i % kw) as i64];
        View::window(&s, &offset, &[1, 1, kh as i64, kw as i64], &[1, 4, 2, 2])
    };
    let lanes: Vec<ValueId> = (0..kh * kw).map(|i| b.view(y, lane(i))).collect();
    let key = b.greatest(&lanes);
    let q = b.clamp(key, 1, -127);
    let y = b.linear(q, 3);
    let q = b.requantize(y, 0, -127);
    b.output(q);
    b
}

/// Two lanes to nine: products of differences, and a maximum of maxima; cells are shared all the same.
#[test]
fn a_maximum_of_keys_is_placed() {
    for (kernel, columns) in [([1, 2], 6), ([1, 3], 8), ([2, 2], 11), ([3, 3], 23)] {
        for seed in 0..3 {
            let mut circuit = pooled(seed, kernel);
            let dump = place_graph(&circuit.g, &PlaceOptions::new(tessera_backends::default())).unwrap().dump;
            let lanes = kernel[0] * kernel[1];
            let lookups = 2 * lanes + 1 + if lanes > 4 { lanes.div_ceil(4) } else { 0 };
            let row = format!("{columns} columns, {lanes} bound values, {lookups} lookups");
            assert!(dump.contains(&row) && dump.contains("2 a cell"), "{row}\n{dump}");
            run(&mut circuit, 2, PlaceOptions::new(tessera_backends::default()));
        }
    }
}

/// What a maximum enforces on its operands is wider than its table: with limbs of 16 bits too wide for two channels in a cell.
#[test]
fn a_maximum_of_long_keys_keeps_channels_apart() {
    let two_lanes = |maximum: bool| {
        let mut b = Build { seed: 7, ..Build::default() };
        let x = b.input(&[1, 6]);
        let y = b.linear(x, 16);
        let f = TableFunction::Clamp { lo: 0, hi: 65535, offset: -32768, shift: 0, min: -127, max: 127 };
        let mut keys = vec![];
        for lane in 0..2 {
            let v = b.view(y, View::window(&[1, 16], &[0, 8 * lane], &[1; 2], &[1, 8]));
            let u = b.affine(vec![(1, v)], 1 << 31, 0, (1 << 32) - 1);
            let (hi, lo) = (b.value(&[1, 8], 0, 65535), b.value(&[1, 8], 0, 65535));
            keys.push(b.op(CircuitOp::Split { x: u, shift: 16 }, vec![hi, lo]));
        }
        if maximum {
            let greatest = b.value(&[1, 8], 0, 65535);
            keys = vec![b.op(CircuitOp::Max { xs: keys }, vec![greatest])];
        }
        for key in keys {
            let q = b.lookup(key, "wide", f.clone(), -127, 127);
            b.output(q);
        }
        b
    };
    let packed = |b: &Build| {
        place_graph(&b.g, &PlaceOptions::new(tessera_backends::default())).unwrap().dump.contains("2 a cell")
    };
    assert!(packed(&two_lanes(false)) && !packed(&two_lanes(true)));
    run(&mut two_lanes(true), 2, PlaceOptions::new(tessera_backends::default()));
}

/// A false maximum, a false operand of one, and packed channels that trade: each is refused by what is there for it.
#[test]
fn a_maximum_is_the_greatest() {
    use tessera_checker::Failure;
    let (program, trace) = run(&mut pooled(1, [2, 2]), 1, PlaceOptions::new(tessera_backends::default()));
    let t = program.tables.iter().position(|t| t.lookups.len() == 9).unwrap();
    let witness = &program.tables[t].witness;
    let columns = |name: &str| -> Vec<usize> {
        (0..witness.len()).filter(|c| witness[*c].name.starts_with(name)).collect()
    };
    let [his, los] = [columns("hi"), columns("lo")];
    let [max, out, product] = ["max", "out", "product"].map(|name| columns(name)[0]);
    let row = |r: usize| r * witness.len();
    let forged = |change: &dyn Fn(&mut [i64])| {
        let mut forged = trace.clone();
        change(&mut forged.tables[t]);
        tessera_checker::check(&program, &forged).unwrap_err()
    };
    let constraint = |f: &Failure| matches!(f, Failure::Constraint { .. });
    let lookup = |f: &Failure| matches!(f, Failure::Lookup { .. });
    let equation = |f: &Failure| matches!(f, Failure::Equation { .. });
    let differences = |cells: &[i64], max: i64| his.iter().map(|hi| max - cells[*hi]).collect::<Vec<_>>();
    let honest = &trace.tables[t][..witness.len()];
    let mut keys: Vec<i64> = his.iter().map(|hi| honest[*hi]).collect();
    keys.sort_unstable();
    assert_eq!(honest[max], keys[3]);
    let f = TableFunction::Clamp { lo: 0, hi: 4095, offset: -2048, shift: 1, min: -127, max: 127 };
    let set = |cells: &mut [i64], to: i64| {
        cells[max] = to;
        cells[out] = f.eval(to).unwrap();
        let d = differences(cells, to);
        cells[product] = d[0] * d[1];
    };
    // too large: every difference is in range, and none is zero
    let failures = forged(&|cells| set(cells, keys[3] + 1));
    assert!(failures.iter().any(constraint) && !failures.iter().any(lookup), "{failures:?}");
    // too small: one difference is zero, and one is negative
    assert!(keys[2] < keys[3], "another seed: two lanes have the same key");
    let failures = forged(&|cells| set(cells, keys[2]));
    assert!(!failures.iter().any(constraint) && failures.iter().any(lookup), "{failures:?}");
    // another way to write an accumulator
    let least = (0..4).min_by_key(|i| honest[his[*i]]).unwrap();
    let failures = forged(&|cells| {
        cells[his[least]] -= 1;
        cells[los[least]] += 1 << 12;
        set(cells, keys[3]);
    });
    assert!(!failures.iter().any(constraint) && failures.iter().any(lookup), "{failures:?}");
    assert!(!failures.iter().any(equation), "{failures:?}");
    // rows of channels 0 and 2, which share cells and stand in one block: 2³² less in one is one more in the other
    let failures = forged(&|cells| {
        cells[his[least]] -= 1 << 20;
        set(cells, keys[3]);
        let partner = row(2) + los[least];
        cells[partner] += 1;
    });
    assert!(!failures.iter().any(constraint) && failures.iter().any(lookup), "{failures:?}");
    assert!(!failures.iter().any(equation), "{failures:?}");
}

/// A maximum of values so far apart that no table has all their differences, which are sums of limbs then.
#[test]
fn a_maximum_of_wide_values_is_the_greatest() {
    use tessera_checker::Failure;
    let mut b = Build { seed: 12, ..Build::default() };
    let x = b.input(&[1, 12]);
    let wide = [0, 1, 2].map(|_| {
        let y = b.linear(x, 5);
        b.affine(vec![(1000, y)], 7, -20_000_000, 20_000_000)
    });
    let greatest = b.value(&[1, 5], -20_000_000, 20_000_000);
    b.op(CircuitOp::Max { xs: wide.to_vec() }, vec![greatest]);
    b.output(greatest);
    let (program, trace) = filled(&mut b, 1, PlaceOptions::new(tessera_backends::default()));
    let t = program.tables.iter().position(|t| t.lookups.len() == 6).unwrap();
    let witness = &program.tables[t].witness;
    let columns =
        |name: &str| (0..witness.len()).filter(|c| witness[*c].name.starts_with(name)).collect::<Vec<_>>();
    let (max, limbs) = (columns("max")[0], columns("limb"));
    // too large by one: the limbs are, too, and no difference is zero
    let mut forged = trace.clone();
    forged.tables[t][max] += 1;
    for low in limbs.iter().step_by(2) {
        forged.tables[t][*low] += 1;
    }
    let failures = tessera_checker::check(&program, &forged).unwrap_err();
    assert!(failures.iter().any(|f| matches!(f, Failure::Constraint { .. })), "{failures:?}");
    // an operand that is not the greatest: no limbs add up to what is below 0
    let mut forged = trace.clone();
    let lanes: Vec<i64> = limbs
        .chunks(2)
        .map(|l| trace.tables[t][max] - trace.tables[t][l[0]] - (trace.tables[t][l[1]] << 16))
        .collect();
    let second = lanes.iter().copied().filter(|x| *x < trace.tables[t][max]).max().unwrap();
    forged.tables[t][max] = second;
    for (l, lane) in limbs.chunks(2).zip(&lanes) {
        (forged.tables[t][l[0]], forged.tables[t][l[1]]) = ((second - lane) & 0xffff, (second - lane) >> 16);
    }
    let failures = tessera_checker::check(&program, &forged).unwrap_err();
    assert!(failures.iter().any(|f| matches!(f, Failure::Lookup { .. })), "{failures:?}");
    assert!(!failures.iter().any(|f| matches!(f, Failure::Constraint { .. })), "{failures:?}");
}

/// Overlapping windows: one value read by several ports.
#[test]
fn overlapping_windows_read_a_value_several_times() {
    let mut b = Build { seed: 6, ..Build::default() };
    let x = b.input(&[1, 1, 5, 5]);
    let windows: Vec<ValueId> = [(0, 0), (0, 1), (1, 0), (1, 1)]
        .map(|(i, j)| b.view(x, View::window(&[1, 1, 5, 5], &[0, 0, i, j], &[1; 4], &[1, 1, 4, 4])))
        .to_vec();
    let (m0, m1) = (b.max(windows[0], windows[1]), b.max(windows[2], windows[3]));
    let m = b.max(m0, m1);
    b.output(m);
    run(&mut b, 2, PlaceOptions::new(tessera_backends::default()));
}

/// Packing rests on declared intervals. A contract that declares less than its weights allow is refused here, since IR may have
/// been through no pass that proves it.
#[test]
fn a_contract_that_declares_too_little_is_refused() {
    let mut b = Build { seed: 7, ..Build::default() };
    let x = b.input(&[1, 600]);
    let y = b.linear(x, 4);
    (b.g.values[y].lo, b.g.values[y].hi) = (-100, 100);
    let q = b.requantize(y, 0, -127);
    b.output(q);
    let e = place_graph(&b.g, &PlaceOptions::new(tessera_backends::default())).unwrap_err().to_string();
    let node = format!("node \"op{}\": 'circuit.contract' op: declares values within [-100, 100], but ", 3);
    assert!(e.starts_with(&node) && e.lines().count() == 1, "{e}");
}

#[test]
fn all_unsupported_operations_are_named_at_once() {
    let mut b = Build { seed: 7, ..Build::default() };
    let x = b.input(&[1, 3]);
    let full = vec![ResultIndex::One(0), ResultIndex::Sum(1, 2)];
    let spec = ContractSpec::new(3, vec![0, 1], vec![0, 2], full, &[1, 3], &[1, 3]).unwrap();
    let y = b.contract(x, x, spec);
    let row = vec![ResultIndex::One(0)];
    let spec = ContractSpec::new(2, vec![0, 1], vec![0, 1], row, &[1, 5], &[1, 5]).unwrap();
    let z = b.contract(y, y, spec);
    (b.g.values[z].lo, b.g.values[z].hi) = (-(1 << 40), 1 << 40);
    b.output(z);
    let e = place_graph(&b.g, &PlaceOptions::new(tessera_backends::default())).unwrap_err().to_string();
    insta::assert_snapshot!(e, @r#"
    2 operation(s) cannot be proven by this version:
      node "op1": a convolution of two computed tensors
      node "op2": a matrix product of another one's accumulators; requantize in between
    "#);
}

/// Coefficients multiply and add up where row programs are made; beyond 64 bits they would mean something else. Intervals do not
/// see them where an operand is always zero.
/// Sums over an index that the other operand does not have: of activations alone, and of weights alone.
#[test]
fn an_index_of_one_operand_is_summed_beforehand() {
    for (x_alone, w_alone) in [(true, false), (false, true), (true, true)] {
        let mut b = Build::default();
        // indices: n, o, i, and one of x and of w alone
        let (mut xs, mut ws) = (vec![0, 2], vec![1, 2]);
        xs.extend(x_alone.then_some(3));
        ws.extend(w_alone.then_some(3 + usize::from(x_alone)));
        let of = |indices: &[usize]| indices.iter().map(|i| [1, 3, 4, 2, 2][*i]).collect::<Vec<_>>();
        let (x, w) = (b.input(&of(&xs)), b.parameter(&of(&ws), -9, 9));
        let y = vec![ResultIndex::One(0), ResultIndex::One(1)];
        let indices = 3 + usize::from(x_alone) + usize::from(w_alone);
        let spec = ContractSpec::new(indices, xs.clone(), ws.clone(), y, &of(&xs), &of(&ws)).unwrap();
        let y = b.contract(x, w, spec);
        b.output(y);
        let refused = place_graph(&b.g, &PlaceOptions::new(tessera_backends::default()));
        let why = refused.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(why.contains("only one operand has"), "{x_alone} {w_alone}: {why}");
    }
}

#[test]
fn coefficients_beyond_64_bits_are_refused() {
    let refused = |constants: [i64; 2], coefficients: [i64; 2]| {
        let mut b = Build { seed: 3, ..Build::default() };
        let x = b.input(&[2]);
        let zero = CircuitType::new([2], 0, 0);
        b.g.values[x] = zero.clone();
        let CircuitOp::Input { ty, .. } = &mut b.g.ops[0].op else { panic!("the input is first") };
        *ty = zero;
        let y = b.affine(vec![(coefficients[0], x)], constants[0], -5, 5);
        let z = b.affine(vec![(coefficients[1], y), (1, x)], constants[1], -5, 5);
        b.output(z);
        place_graph(&b.g, &PlaceOptions::new(tessera_backends::default()))
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    let large = i64::MAX / 2;
    for coefficients in [[large, 3], [i64::MIN, -1]] {
        let why = refused([0, 0], coefficients).expect_err("coefficients wrap");
        assert!(why.contains("coefficients beyond 64 bits"), "{coefficients:?}: {why}");
    }
    // constants are values, which intervals see
    for (constants, coefficients) in
        [([large, 0], [1, 3]), ([large, large], [1, 2]), ([0, i64::MIN], [1, i64::MAX])]
    {
        let why = refused(constants, coefficients).expect_err("a value wraps");
        assert!(why.contains("circuit.affine"), "{constants:?} {coefficients:?}: {why}");
    }
    assert_eq!(refused([1, 1], [3, 4]), Ok(()));
}

/// A backend that can do less than others, on paper.
#[derive(Debug)]
struct Less(Capabilities);

impl Target for Less {
    fn name(&self) -> &'static str {
        "less"
    }
    fn capabilities(&self) -> Capabilities {
        self.0
    }
    fn prices(&self) -> Prices {
        tessera_backends::default().prices()
    }
    fn cost(&self, shape: &Shape) -> Cost {
        tessera_backends::default().cost(shape)
    }
}

/// Places for a backend with these capabilities.
fn placed_for(b: &Build, capabilities: Capabilities) -> Result<Program, String> {
    let target: &'static dyn Target = Box::leak(Box::new(Less(capabilities)));
    place_graph(&b.g, &PlaceOptions::new(target)).map(|p| p.program).map_err(|e| e.to_string())
}

/// What a backend cannot do is avoided where it can be, and refused where not.
#[test]
fn placement_asks_what_the_backend_can_express() {
    let all = tessera_backends::default().capabilities();
    let b = small_cnn(1);
    let refused = |c: Capabilities| placed_for(&b, c).expect_err("it is beyond the backend");
    assert!(refused(Capabilities { lookups: false, ..all }).contains("a lookup: the backend less has none"));
    assert!(refused(Capabilities { joins: false, ..all }).contains("the backend less joins no folds"));
    assert!(refused(Capabilities { max_log_height: 5, ..all }).contains("at most 2^5 are possible"));
    assert!(refused(Capabilities { max_columns: 1, ..all }).contains("at most 1 are possible"));
    assert!(refused(Capabilities { max_log_table: 6, ..all }).contains("at most 64 rows are possible"));
    // narrower tables than prices alone would choose
    let widest = |p: &Program| p.tables.iter().map(|t| t.fixed.len() + t.witness.len()).max().unwrap();
    let mut wide = Build { seed: 2, ..Build::default() };
    let x = wide.input(&[1, 512]);
    let y = wide.linear(x, 64);
    let y = wide.requantize(y, 0, 0);
    wide.output(y);
    let free = widest(&placed_for(&wide, all).unwrap());
    let held = placed_for(&wide, Capabilities { max_columns: free as u32 - 1, ..all }).unwrap();
    assert!(widest(&held) < free, "{} of {free}", widest(&held));
    // a field of half the bits: nothing is packed, or with a smaller radix
    assert_eq!((all.radix_bits(), Capabilities { modulus: (1 << 31) - 1, ..all }.radix_bits()), (32, 15));
}

/// Maxima of four lanes need three factors at once, or two and a column more.
#[test]
fn constraints_keep_to_the_degree_of_the_backend() {
    let all = tessera_backends::default().capabilities();
    let b = pooled(1, [2, 2]);
    let degree =
        |p: &Program| p.tables.iter().flat_map(|t| &t.constraints).map(|c| c.expr.degree()).max().unwrap();
    assert_eq!(degree(&placed_for(&b, all).unwrap()), 3);
    assert_eq!(degree(&placed_for(&b, Capabilities { max_degree: 2, ..all }).unwrap()), 2);
}
