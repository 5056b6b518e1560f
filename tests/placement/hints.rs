//! Hints: of all numbers in a hint's interval, only the one that its function gives leads to a trace that is accepted, whoever computes the rest
//! of the trace from it; and a quotient in the field, which is no integer's, is no way out.
//!
//! That the rest of a trace follows from inputs and hints is proven apart, by `is_a_function`.
use crate::Build;
use tessera_api::field::{MODULUS, inv, mul, residue};
use tessera_api::{Blob, Expr, Program, RowOp, Run, Seq, Step, Trace, WitnessPlan};
use tessera_checker::testing::system::{System, Unknown};
use tessera_checker::testing::{hints, is_a_function, undetermined};
use tessera_circuit::graph::ValueId;
use tessera_circuit::ops::{CircuitOp, Hint};
use tessera_circuit::semantics::contract::{ContractSpec, ResultIndex};
use tessera_circuit::semantics::table::TableFunction;
use tessera_circuit::semantics::view::View;
use tessera_circuit_to_program::{PlaceOptions, place_graph};
use tessera_runtime::RunError;

impl Build {
    pub fn hint(&mut self, x: ValueId, hint: Hint, intervals: &[(i64, i64)]) -> Vec<ValueId> {
        let shape = hint.shape(&self.shape(x)).unwrap();
        let results: Vec<ValueId> = intervals.iter().map(|(lo, hi)| self.value(&shape, *lo, *hi)).collect();
        self.op(CircuitOp::Hint { x, hint, intervals: intervals.to_vec() }, results.clone());
        results
    }
    pub fn range(&mut self, x: ValueId, lo: i64, hi: i64) -> ValueId {
        let y = self.value(&self.shape(x), lo, hi);
        self.op(CircuitOp::Range { x, interval: (lo, hi) }, vec![y])
    }
    fn lookups(&mut self, x: ValueId, tables: &[(&str, Vec<i64>)]) -> Vec<ValueId> {
        let shape = self.shape(x);
        let mut results = vec![];
        let mut intervals = vec![];
        for (name, values) in tables {
            let (lo, hi) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
            self.g.tables.insert((*name).into(), TableFunction::Values { lo: 0, values: values.clone() });
            results.push(self.value(&shape, lo, hi));
            intervals.push((lo, hi));
        }
        let tables = tables.iter().map(|(name, _)| (*name).into()).collect();
        self.op(CircuitOp::Lookup { x, tables, intervals }, results.clone());
        results
    }
    pub fn minus(&mut self, a: ValueId, b: (i64, ValueId), constant: i64) -> ValueId {
        let ((a0, a1), (b0, b1)) = (self.interval(a), self.interval(b.1));
        let (lo, hi) = (a0 - b.0 * b1 + constant, a1 - b.0 * b0 + constant);
        self.affine(vec![(1, a), (-b.0, b.1)], constant, lo, hi)
    }
    /// Σ over the last axis.
    fn sums(&mut self, x: ValueId) -> ValueId {
        let (s, (lo, hi)) = (self.shape(x), self.interval(x));
        let one = self.constant(&[s[1]], 1, 1);
        let spec = ContractSpec::new(2, vec![0, 1], vec![1], vec![ResultIndex::One(0)], &s, &[s[1]]).unwrap();
        let y = self.value(&[s[0]], lo * s[1] as i64, hi * s[1] as i64);
        self.op(CircuitOp::Contract { x, w: one, maps: spec.maps() }, vec![y])
    }
    /// The quotient by 7 and the rest.
    fn quotient(&mut self, u: ValueId) -> [ValueId; 2] {
        let q = self.hint(u, Hint::Quotient { divisor: 7 }, &[(0, 2047)])[0];
        let rest = self.minus(u, (7, q), 0);
        [q, self.range(rest, 0, 6)]
    }
    /// Mantissa and exponent of base 4.
    fn mantissa(&mut self, u: ValueId) -> [ValueId; 2] {
        let hint = Hint::Mantissa { step: 2, bits: 6, exponents: (0, 4) };
        let [v, e] = self.hint(u, hint, &[(0, 63), (0, 4)])[..] else { unreachable!() };
        let tables = [("power", vec![1, 4, 16, 64, 256]), ("least", vec![0, 16, 16, 16, 16])];
        let [p, least] = self.lookups(e, &tables)[..] else { unreachable!() };
        let whole = self.value(&self.shape(v), 0, 63 * 256);
        let whole = self.op(CircuitOp::Mul { a: v, b: p }, vec![whole]);
        let rest = self.minus(u, (1, whole), 0);
        self.range(rest, 0, 255);
        let above = self.minus(p, (1, rest), -1);
        self.range(above, 0, 255);
        let full = self.minus(v, (1, least), 0);
        self.range(full, 0, 63);
        [v, e]
    }
    /// T(c − x) for the smallest c of each row that keeps the sum of these within 64.
    fn softmax(&mut self, x: ValueId, causal: bool) -> ValueId {
        let value = |k: i64| (64.0 * (-k as f64 / 16.0).exp2()).round() as i64;
        let exp: Vec<i64> = (0..512).map(|k| if k < 500 { value(k) } else { 0 }).collect();
        let before: Vec<i64> = (-1..511).map(|k| if k < 500 { value(k) } else { 0 }).collect();
        self.g.tables.insert("exp".into(), TableFunction::Values { lo: 0, values: exp.clone() });
        let s = self.shape(x);
        let hint = Hint::Threshold { table: "exp".into(), limit: 64, causal };
        let c = self.hint(x, hint, &[(-128, 383)])[0];
        let all = self.view(c, View::along(&s, 0));
        let key = self.minus(all, (1, x), 0);
        let key = if causal {
            // what is masked has the last key, of which nothing is left
            let mask: Vec<i64> = (0..s[0] * s[1]).map(|i| i64::from(i % s[1] <= i / s[1])).collect();
            let mask = self.given(&s, mask);
            let (lo, hi) = self.interval(key);
            let masked = self.value(&s, lo, hi);
            let masked = self.op(CircuitOp::Mul { a: mask, b: key }, vec![masked]);
            self.affine(vec![(1, masked), (-511, mask)], 511, lo.min(0), hi.max(511))
        } else {
            key
        };
        let key = self.range(key, 0, 511);
        let [t, more] = self.lookups(key, &[("exp", exp), ("before", before)])[..] else { unreachable!() };
        let (sum, more) = (self.sums(t), self.sums(more));
        let under = self.affine(vec![(-1, sum)], 64, 64 - 64 * s[1] as i64, 64);
        self.range(under, 0, 64);
        let (_, most) = self.interval(more);
        let over = self.affine(vec![(1, more)], -65, -65, most - 65);
        self.range(over, 0, most - 65);
        t
    }
    /// The greatest of each row, and where it stands first.
    fn place_of_greatest(&mut self, x: ValueId) -> [ValueId; 2] {
        let (s, (lo, hi)) = (self.shape(x), self.interval(x));
        let last = s[1] as i64 - 1;
        let [most, place] = self.hint(x, Hint::Greatest, &[(lo, hi), (0, last)])[..] else { unreachable!() };
        let [all, column] = [most, place].map(|v| self.view(v, View::along(&s, 0)));
        let positions = self.given(&s, (0..s[0] as i64).flat_map(|_| 0..=last).collect());
        let key = self.minus(column, (1, positions), last);
        let of = |holds: &dyn Fn(i64) -> bool| (-last..=last).map(|k| i64::from(holds(k))).collect();
        let tables = [("before", of(&|k| k > 0)), ("at", of(&|k| k == 0))];
        let [before, at] = self.lookups(key, &tables)[..] else { unreachable!() };
        let below = self.minus(all, (1, x), 0);
        let strictly = self.minus(below, (1, before), 0);
        self.range(strictly, 0, 255);
        let (lo, hi) = self.interval(below);
        let here = self.value(&s, lo, hi);
        let here = self.op(CircuitOp::Mul { a: at, b: below }, vec![here]);
        self.op(CircuitOp::AssertZero { x: here }, vec![]);
        [most, place]
    }
    /// Ones at the positions that x says.
    fn one_hot(&mut self, x: ValueId, positions: usize) -> ValueId {
        let count = self.shape(x)[0];
        let code = self.hint(x, Hint::OneHot { positions }, &[(0, 1)])[0];
        let sums = self.given(&[positions, 2], (0..positions as i64).flat_map(|v| [1, v]).collect());
        let (from, with) = ([count, positions], [positions, 2]);
        let y = vec![ResultIndex::One(0), ResultIndex::One(2)];
        let spec = ContractSpec::new(3, vec![0, 1], vec![1, 2], y, &from, &with).unwrap();
        let sums = {
            let y = self.value(&[count, 2], 0, (positions * positions) as i64);
            self.op(CircuitOp::Contract { x: code, w: sums, maps: spec.maps() }, vec![y])
        };
        for (column, of) in [(0, None), (1, Some(x))] {
            let sum = self.view(sums, View::dense(vec![count], column, vec![2]));
            let zero = match of {
                None => self.affine(vec![(1, sum)], -1, -1, (positions * positions) as i64 - 1),
                Some(x) => self.minus(sum, (1, x), 0),
            };
            self.op(CircuitOp::AssertZero { x: zero }, vec![]);
        }
        code
    }
    fn given(&mut self, shape: &[usize], data: Vec<i64>) -> ValueId {
        let (lo, hi) = (*data.iter().min().unwrap(), *data.iter().max().unwrap());
        let v = self.constant(shape, lo, hi);
        let param = tessera_circuit::publish::param(shape, &data).unwrap();
        self.g.known.insert(v, std::sync::Arc::new(param));
        if let Some(CircuitOp::Constant { values, .. }) = self.g.ops.last_mut().map(|n| &mut n.op) {
            *values = data;
        }
        v
    }
    pub fn together(&mut self, xs: &[ValueId]) -> ValueId {
        let flat: Vec<ValueId> =
            xs.iter().map(|x| self.view(*x, View::reshape(vec![self.g.values[*x].len()]))).collect();
        let len = flat.iter().map(|x| self.g.values[*x].len()).sum();
        let lo = flat.iter().map(|x| self.interval(*x).0).min().unwrap();
        let hi = flat.iter().map(|x| self.interval(*x).1).max().unwrap();
        let y = self.value(&[len], lo, hi);
        self.op(CircuitOp::Concat { xs: flat, axis: 0 }, vec![y])
    }
}

pub fn quotients(seed: u64) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let x = b.input(&[4]);
    let u = b.affine(vec![(37, x)], 4699, 0, 9398);
    let [q, rest] = b.quotient(u);
    let y = b.together(&[q, rest]);
    b.output(y);
    b
}

pub fn mantissas(seed: u64) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let x = b.input(&[3]);
    let u = b.affine(vec![(37, x)], 4699, 0, 9398);
    let [v, e] = b.mantissa(u);
    let y = b.together(&[v, e]);
    b.output(y);
    b
}

pub fn rows(seed: u64, causal: bool) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let x = b.input(&[3, 3]);
    let t = b.softmax(x, causal);
    b.output(t);
    b
}

/// Every number stands twice in its row.
pub fn twice(seed: u64) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let x = b.input(&[2, 2]);
    let x = b.view(x, View::dense(vec![2, 2, 2], 0, vec![2, 0, 1]));
    let x = b.view(x, View::reshape(vec![2, 4]));
    let [most, place] = b.place_of_greatest(x);
    let y = b.together(&[most, place]);
    b.output(y);
    b
}

pub fn codes(seed: u64) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let x = b.input(&[2]);
    let x = b.affine(vec![(1, x)], 127, 0, 254);
    let x = b.lookups(x, &[("position", (0..255).map(|v| v % 5).collect())])[0];
    let code = b.one_hot(x, 5);
    // wide enough to say nothing of the code
    let y = b.affine(vec![(2, code)], 0, -64, 64);
    b.output(y);
    b
}

/// A placed circuit with an honest trace.
#[derive(Clone)]
struct Case {
    program: Program,
    plan: WitnessPlan,
    input: Vec<i64>,
    honest: Trace,
}

impl Case {
    fn of(b: &mut Build, batch: usize) -> Case {
        let (program, honest) = crate::filled(b, batch, PlaceOptions::new(tessera_backends::default()));
        let options = PlaceOptions { batch, ..PlaceOptions::new(tessera_backends::default()) };
        let plan = place_graph(&b.g, &options).unwrap().plan;
        is_a_function(&program, &honest, &hints(&plan)).unwrap();
        let input = honest.publics.tensors[0].clone();
        Case { program, plan, input, honest }
    }

    /// What a prover gets who adds to hints, and computes the rest from that as an honest one does.
    fn forged(&self, changes: &[(Unknown, i64)]) -> Result<Trace, RunError> {
        let (mut program, mut plan) = (self.program.clone(), self.plan.clone());
        program.constants.push(Blob::new([1]));
        let one = plan.tensors.len() as u32;
        plan.tensors.push(("one".into(), 1));
        let places = Seq { dim: 2, runs: vec![Run { start: vec![0, 0], loops: vec![] }] };
        let constant = program.constants.len() as u32 - 1;
        plan.steps.insert(0, Step::Fill { constant, dst: one, places });
        for (u, by) in changes {
            let Unknown::Witness { table, row, column } = *u else { panic!("a cell") };
            let rows = plan.steps.iter_mut().find_map(|s| match s {
                Step::Rows(r) if r.table == table && (r.first_row..r.first_row + r.rows).contains(&row) => {
                    Some(r)
                }
                _ => None,
            });
            let rows = rows.unwrap();
            let stores = |op: &RowOp| match op {
                RowOp::Store { src, column: c } if *c == column => Some(*src),
                _ => None,
            };
            let register = rows.ops.iter().find_map(stores).unwrap();
            let writes = |op: &RowOp| match op {
                RowOp::Quotient { dst, .. } | RowOp::Gather { dst, .. } => *dst == register,
                RowOp::Mantissa { mantissa, exponent, .. } => [*mantissa, *exponent].contains(&register),
                _ => false,
            };
            let at = rows.ops.iter().position(writes).unwrap();
            let index: Vec<i64> =
                (0..rows.rows).map(|r| if r + rows.first_row == row { 0 } else { -1 }).collect();
            let spare = rows.registers;
            rows.registers += 1;
            let gather =
                RowOp::Gather { tensor: one, index: Seq::compress(1, &index), default: 0, dst: spare };
            let add = RowOp::Affine { terms: vec![(1, register), (*by, spare)], constant: 0, dst: register };
            rows.ops.splice(at + 1..at + 1, [gather, add]);
        }
        tessera_runtime::run(&program, &plan, vec![self.input.clone()])
    }

    fn value(&self, u: Unknown) -> i64 {
        let Unknown::Witness { table, row, column } = u else { panic!("a cell") };
        let width = self.program.tables[table as usize].witness.len();
        self.honest.tables[table as usize][row as usize * width + column as usize]
    }

    /// No trace that is made so is accepted: a lookup finds nothing, or the checker refuses it.
    fn rejects(&self, changes: &[(Unknown, i64)]) {
        match self.forged(changes) {
            Ok(trace) => {
                assert!(tessera_checker::check(&self.program, &trace).is_err(), "accepted: {changes:?}")
            }
            Err(why) => assert!(matches!(why, RunError::Missing { .. }), "{changes:?}: {why}"),
        }
    }
}

#[test]
fn every_other_quotient_is_rejected() {
    for batch in [1, 2] {
        let case = Case::of(&mut quotients(3), batch);
        let cells = hints(&case.plan);
        assert_eq!(cells.len(), 4 * batch);
        for u in cells {
            let honest = case.value(u);
            for other in (0..2048).filter(|v| *v != honest && ((v - honest).abs() < 12 || v % 64 == 0)) {
                case.rejects(&[(u, other - honest)]);
            }
        }
    }
}

/// The rest may be any number of its range if the quotient may be any residue: (u − rest)/7 always is one.
#[test]
fn a_quotient_in_the_field_is_rejected() {
    let mut b = Build { seed: 4, ..Build::default() };
    let x = b.input(&[1]);
    let u = b.affine(vec![(37, x)], 4699, 0, 9398);
    let [_, rest] = b.quotient(u);
    b.output(rest);
    let case = Case::of(&mut b, 1);
    let [cell @ Unknown::Witness { table, row, column }] = hints(&case.plan)[..] else { panic!("one hint") };
    let honest = case.honest.publics.tensors[1][0];
    let width = case.program.tables[table as usize].witness.len();
    // what keeps the quotient an integer is one lookup
    let mut weak = case.program.clone();
    let ranges = &mut weak.tables[table as usize].lookups;
    let range = ranges.iter().position(|l| l.tuple == [Expr::witness(column)]).unwrap();
    ranges.remove(range);
    let (whole, open) = (System::of(&case.program).unwrap(), System::of(&weak).unwrap());
    assert!(undetermined(&whole, &case.program, &[]).is_empty(), "a quotient needs no help");
    assert!(!undetermined(&open, &weak, &[]).is_empty());
    for other in (0..7).filter(|r| *r != honest) {
        let dividend = residue(7 * case.value(cell) + honest - other);
        let quotient = mul(dividend, inv(7));
        let mut forged = case.honest.clone();
        let signed = if quotient > MODULUS / 2 { -((MODULUS - quotient) as i64) } else { quotient as i64 };
        forged.tables[table as usize][row as usize * width + column as usize] = signed;
        forged.publics.tensors[1][0] = other;
        let mut unchecked = forged.clone();
        open.count_from(&whole, &case.honest, &mut unchecked, &weak);
        assert!(tessera_checker::check(&weak, &unchecked).is_ok(), "a rest of {other}, without the range");
        assert!(
            !whole.hold(&forged, &case.program) && tessera_checker::check(&case.program, &forged).is_err()
        );
    }
}

#[test]
fn every_other_mantissa_and_exponent_is_rejected() {
    for seed in 0..3 {
        let case = Case::of(&mut mantissas(seed), 1);
        let cells = hints(&case.plan);
        let of = |row| -> Vec<Unknown> {
            let here = |u: &&Unknown| matches!(u, Unknown::Witness { row: r, .. } if *r == row);
            cells.iter().filter(here).copied().collect()
        };
        for row in 0..3 {
            let [v, e] = of(row)[..] else { panic!("two hints a row") };
            for (mantissa, exponent) in (0..64).flat_map(|v| (0..5).map(move |e| (v, e))) {
                let by = [(v, mantissa - case.value(v)), (e, exponent - case.value(e))];
                if by.iter().any(|b| b.1 != 0) {
                    case.rejects(&by);
                }
            }
        }
    }
}

#[test]
fn every_other_threshold_is_rejected() {
    for (seed, causal) in [(1, false), (2, true), (3, true)] {
        let case = Case::of(&mut rows(seed, causal), 1 + seed as usize % 2);
        for u in hints(&case.plan) {
            let honest = case.value(u);
            // all that are near, and some of those that are not
            for other in (-128..384).filter(|v| *v != honest && ((v - honest).abs() < 12 || v % 16 == 0)) {
                case.rejects(&[(u, other - honest)]);
            }
        }
    }
}

/// All other codes that sum up to one, to the position, or to both in cells that are no bits.
#[test]
fn every_other_one_hot_code_is_rejected() {
    for batch in [1, 2] {
        let case = Case::of(&mut codes(3), batch);
        let cells = hints(&case.plan);
        assert_eq!(cells.len(), 2 * 5 * batch);
        for row in cells.chunks_exact(5) {
            let honest: Vec<i64> = row.iter().map(|u| case.value(*u)).collect();
            assert_eq!(honest.iter().sum::<i64>(), 1);
            for other in 0..3i64.pow(5) {
                let code: Vec<i64> = (0..5).map(|j| other / 3i64.pow(j) % 3 - 1).collect();
                if code != honest {
                    let change = |(u, (a, b)): (&Unknown, (&i64, &i64))| (*u, a - b);
                    let changes: Vec<_> = row.iter().zip(code.iter().zip(&honest)).map(change).collect();
                    case.rejects(&changes);
                }
            }
        }
    }
}

#[test]
fn every_other_greatest_is_rejected() {
    for seed in 0..2 {
        let case = Case::of(&mut twice(seed), 1 + seed as usize);
        let cells = hints(&case.plan);
        assert_eq!(cells.len(), 4 * (1 + seed as usize));
        for row in cells.chunks_exact(2) {
            let [most, place] = [row[0], row[1]].map(|u| (u, case.value(u)));
            for (greatest, at) in (-127..128).flat_map(|v| (0..4).map(move |at| (v, at))) {
                let near =
                    (greatest - most.1).abs() < 4 || case.input.contains(&greatest) || greatest % 32 == 0;
                if near && (greatest, at) != (most.1, place.1) {
                    case.rejects(&[(most.0, greatest - most.1), (place.0, at - place.1)]);
                }
            }
        }
    }
}

/// A model's case: a function of nn ops on one input, through all passes.
fn lowered(source: &str) -> Case {
    lowered_by(source, |passes| passes)
}

/// The same, through other passes.
fn lowered_by(source: &str, change: impl Fn(String) -> String) -> Case {
    zk_opt::register_all();
    let context = tessera_passes::context();
    let mut module =
        tessera_mlir::parse(&context, source, "model.mlir").unwrap_or_else(|error| panic!("{error}"));
    let passes = change(zk_opt::pipeline::pipeline_from("nn").replace("nn-calibrate,", ""));
    tessera_mlir::pipeline::run(&mut module, &passes, &tessera_mlir::pipeline::Settings::default()).unwrap();
    let params = tessera_mlir::params::of(module.as_operation()).unwrap_or_else(|_| Default::default());
    let options = PlaceOptions::new(tessera_backends::default());
    let placed = tessera_circuit_to_program::place(&module, &params, &options).unwrap();
    let (program, plan) = (placed.program, placed.plan);
    let mut b = Build { seed: 5, ..Build::default() };
    let given = &program.publics[0];
    let (lo, hi) = (given.min.max(-100), given.max.min(100));
    let input: Vec<i64> = (0..plan.tensors[0].1).map(|_| b.random(lo, hi)).collect();
    let honest = tessera_runtime::run(&program, &plan, vec![input.clone()]).unwrap();
    is_a_function(&program, &honest, &hints(&plan)).unwrap();
    Case { program, plan, input, honest }
}

#[test]
fn every_other_factor_of_a_softmax_is_rejected() {
    let case = lowered(
        r#"func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<2x4xf32> {nn.name = "y"}) {
          %0 = nn.add %x, %x {nn.range = array<f64: -6.0, 6.0>} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
          %1 = nn.softmax %0 {nn.range = array<f64: 0.0, 1.0>} : (tensor<2x4xf32>) -> tensor<2x4xf32>
          return %1 : tensor<2x4xf32>
        }"#,
    );
    let cells = hints(&case.plan);
    assert_eq!(cells.len(), 2);
    for u in cells {
        for by in [-3000, -1000, -256, -17, -2, -1, 1, 2, 17, 256, 1000, 3000] {
            case.rejects(&[(u, by)]);
        }
    }
}

#[test]
fn every_other_argmax_is_rejected() {
    let case = lowered(
        r#"func.func @main(%x: tensor<2x5xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<2xi64> {nn.name = "y"}) {
          %0 = nn.argmax %x : tensor<2x5xf32> -> tensor<2xi64>
          return %0 : tensor<2xi64>
        }"#,
    );
    let cells = hints(&case.plan);
    assert_eq!(cells.len(), 4);
    for (row, input) in cells.chunks_exact(2).zip(case.input.chunks_exact(5)) {
        let [most, place] = [row[0], row[1]].map(|u| (u, case.value(u)));
        for at in (0..5).filter(|at| *at != place.1) {
            case.rejects(&[(place.0, at - place.1)]);
            case.rejects(&[(place.0, at - place.1), (most.0, input[at as usize] - most.1)]);
        }
        for by in [-300, -1, 1, 300] {
            case.rejects(&[(most.0, by)]);
        }
    }
}

/// A one elsewhere, one more, one less, and numbers that are no bits.
#[test]
fn every_other_code_of_an_embedding_is_rejected() {
    let case = lowered_by(
        r#"module attributes {tessera.params = "levels/embedding.safetensors"} {
          ml_program.global private @long(#ml_program.extern<tensor<43x2xf32>>) : tensor<43x2xf32>
          func.func @main(%ids: tensor<1x3xi64> {nn.name = "ids"}) -> (tensor<1x3x2xf32> {nn.name = "y"}) {
            %t = ml_program.global_load_const @long : tensor<43x2xf32>
            %0 = nn.embedding %t, %ids {nn.range = array<f64: -1.0, 1.0>} : (tensor<43x2xf32>, tensor<1x3xi64>) -> tensor<1x3x2xf32>
            return %0 : tensor<1x3x2xf32>
          }
        }"#,
        |passes| passes.replace("convert-qnn-to-circuit", "convert-qnn-to-circuit{looked-up=0}"),
    );
    let cells = hints(&case.plan);
    assert_eq!(cells.len(), 3 * 43);
    // cells stand row by row of the table, or token by token
    let ones: Vec<usize> = (0..cells.len()).filter(|i| case.value(cells[*i]) == 1).collect();
    assert_eq!(ones.len(), 3);
    for (i, &u) in cells.iter().enumerate() {
        if ones.contains(&i) {
            for by in [-2, -1, 1] {
                case.rejects(&[(u, by)]);
            }
            continue;
        }
        for by in [-1, 1, 2] {
            case.rejects(&[(u, by)]);
        }
        for &one in &ones {
            case.rejects(&[(u, 1), (cells[one], -1)]);
        }
    }
}

#[test]
fn every_other_mantissa_of_a_norm_is_rejected() {
    let case = lowered(
        r#"func.func @main(%x: tensor<2x4xf32> {nn.name = "x", nn.range = array<f64: -3.0, 3.0>}) -> (tensor<2x4xf32> {nn.name = "y"}) {
          %0 = nn.norm %x centred epsilon 1.0e-5 {nn.range = array<f64: -2.0, 2.0>} : tensor<2x4xf32>
          return %0 : tensor<2x4xf32>
        }"#,
    );
    let cells = hints(&case.plan);
    assert_eq!(cells.len(), 4);
    for &u in &cells {
        for by in [-5000, -64, -2, -1, 1, 2, 64, 5000] {
            case.rejects(&[(u, by)]);
        }
    }
    // mantissa and exponent that belong to each other
    for pair in [[0, 1], [2, 3]].map(|at| at.map(|i| cells[i])) {
        let [a, b] = pair.map(|u| case.value(u));
        let (v, e) = if a > b { ((pair[0], a), (pair[1], b)) } else { ((pair[1], b), (pair[0], a)) };
        case.rejects(&[(v.0, v.1 / 4 - v.1), (e.0, 1)]);
        case.rejects(&[(v.0, 3 * v.1), (e.0, -1)]);
    }
}

/// Whatever is left out of what pins a hint down, its cells are open, or another number for them is accepted.
#[test]
fn every_relation_that_pins_a_hint_is_needed() {
    // what is an output has a public range beside its own: here outputs are sums of hints
    let sum = |b: &mut Build, [x, y]: [ValueId; 2]| {
        // wide enough to say nothing of its terms
        let sum = b.affine(vec![(2, x), (3, y)], 0, -(1 << 14), 1 << 14);
        b.output(sum);
    };
    let dividends = |len: usize| {
        let mut b = Build { seed: 3, ..Build::default() };
        let x = b.input(&[len]);
        let u = b.affine(vec![(37, x)], 4699, 0, 9398);
        (b, u)
    };
    let (mut quotients, u) = dividends(4);
    let parts = quotients.quotient(u);
    sum(&mut quotients, parts);
    let (mut mantissas, u) = dividends(16);
    let parts = mantissas.mantissa(u);
    sum(&mut mantissas, parts);
    let mut greatest = Build { seed: 3, ..Build::default() };
    let x = greatest.input(&[2, 3]);
    let parts = greatest.place_of_greatest(x);
    sum(&mut greatest, parts);
    let cases = [quotients, mantissas, rows(1, false), greatest].map(|mut b| Case::of(&mut b, 1));
    // keys bound a threshold and a place too, and what is greatest is one of the elements
    for (case, (step, spares)) in cases.into_iter().zip([(1i64, 0), (1, 0), (9, 1), (1, 2)]) {
        let cells = hints(&case.plan);
        let mut spare = vec![];
        let lookups = case.program.tables.iter().enumerate();
        let lookups = lookups.flat_map(|(t, table)| (0..table.lookups.len()).map(move |i| (t, i)));
        for (t, i) in lookups.collect::<Vec<_>>() {
            let mut weak = case.program.clone();
            let left_out = weak.tables[t].lookups.remove(i);
            let system = System::of(&weak).unwrap();
            if !undetermined(&system, &weak, &cells).is_empty() {
                continue;
            }
            let weak = Case { program: weak, plan: case.plan.clone(), ..case.clone() };
            let accepted = |changes: &[(Unknown, i64)]| {
                weak.forged(changes).is_ok_and(|trace| tessera_checker::check(&weak.program, &trace).is_ok())
            };
            let near = || (-40i64..=64).filter(|by| by % step == 0 || by.abs() < 3);
            let found = near().any(|by| {
                let first = cells.iter().any(|u| by != 0 && accepted(&[(*u, by)]));
                // two hints of a row
                let row = |u: &Unknown| match *u {
                    Unknown::Witness { table, row, .. } => (table, row),
                    Unknown::Public { .. } => (u32::MAX, 0),
                };
                let pairs = cells.iter().flat_map(|v| cells.iter().map(move |e| (v, e)));
                let mut pairs = pairs.filter(|(v, e)| v < e && row(v) == row(e) && by != 0);
                first || pairs.any(|(v, e)| [-1, 1].iter().any(|more| accepted(&[(*v, by), (*e, *more)])))
            });
            if !found {
                spare.push(left_out);
            }
        }
        assert_eq!(spare.len(), spares, "nothing is lost without {spare:?}");
    }
}
