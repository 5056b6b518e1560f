//! Weights that are their owner's: each parameter is one cell of the owner's tables, and an owner who is dishonest has no other freedom.
//!
//! An owner may commit to any columns, compile anything, and fill witnesses at will; what a stranger has is the architecture that was
//! agreed on, a key to audit, proofs to verify.
use super::*;
use std::collections::{BTreeMap, BTreeSet};
use tessera_api::{Blob, Cell, Operand, Program, Step, Values, WitnessPlan};
use tessera_mlir::shape::ConvAttrs;
use tessera_plonky3::keys::audit;
use tessera_plonky3::{Plonky3, SecurityTarget};
use tessera_qnn_to_circuit::convolution::{Convolution, transform};

/// Fast keys of few bits.
const QUICK: Plonky3 =
    Plonky3 { target: SecurityTarget { bits: 20, grinding: 2, ..SecurityTarget::DEFAULT } };

fn committed() -> PlaceOptions {
    PlaceOptions { committed: true, ..PlaceOptions::new(tessera_backends::default()) }
}

/// A network with everything: groups, biases that rows of several shapes read, sums of a pool, a product with parameters, and a parameter
/// that is added to no product.
pub fn network(seed: u64) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let x = b.input(&[1, 2, 4, 4]);
    let scale = b.parameter(&[2], 1, 2);
    let scale = b.view(scale, View::along(&[1, 2, 4, 4], 1));
    let scaled = b.value(&[1, 2, 4, 4], -254, 254);
    b.op(CircuitOp::Mul { a: x, b: scale }, vec![scaled]);
    let mean = b.parameter(&[2, 4, 4], -20, 20);
    let mean = b.view(mean, View::reshape(vec![1, 2, 4, 4]));
    let moved = b.affine(vec![(1, scaled), (1, mean)], 0, -274, 274);
    let x = b.requantize(moved, 1, -127);
    // two groups of three channels, then a sum over 2×2
    let y = b.conv(x, 2, 3, 3);
    let s = b.shape(y);
    let crop = b.view(y, View::window(&s, &[0, 0, 1, 1], &[1; 4], &[1, 6, 4, 4]));
    let q = b.requantize(crop, 1, 0);
    let pooled = b.sum_pool(q, 2);
    let q = b.requantize(pooled, 1, 0);
    let y = b.linear(q, 11);
    let q = b.requantize(y, 3, -127);
    b.output(q);
    b
}

/// What an owner has: a compiled network, its plan, and what was published of it.
struct Owner {
    program: Program,
    plan: WitnessPlan,
    published: Program,
    inputs: Vec<i64>,
    honest: Vec<i64>,
}

/// What becomes of what an owner tries.
#[derive(Debug, PartialEq)]
enum End {
    /// No key can be made of it.
    Invalid(String),
    /// The key is not of what was published.
    Audited(String),
    /// The verifier says no.
    Rejected(String),
    /// The verifier says yes, to these outputs.
    Accepted(Vec<i64>),
}

impl Owner {
    fn new(mut circuit: Build, batch: usize) -> Owner {
        let placed = place_graph(&circuit.g, &PlaceOptions { batch, ..committed() }).unwrap();
        monomials::are_apart(&placed.program);
        let published = placed.program.architecture();
        published.validate().unwrap();
        // one image, as often as there are entries
        let one: Vec<i64> = (0..circuit.g.values[0].len()).map(|_| circuit.random(-127, 127)).collect();
        let honest = evaluate(&circuit.g, &one).remove(0).repeat(batch);
        let inputs = one.repeat(batch);
        Owner { program: placed.program, plan: placed.plan, published, inputs, honest }
    }

    /// Goes on with a changed Program and plan, and a changed witness.
    fn tries(
        &self,
        change: impl Fn(&mut Program, &mut WitnessPlan),
        forge: impl Fn(&Program, &mut Trace),
    ) -> End {
        let (mut program, mut plan) = (self.program.clone(), self.plan.clone());
        change(&mut program, &mut plan);
        let (pk, vk) = match QUICK.setup(&program) {
            Ok(keys) => keys,
            Err(e) => return End::Invalid(e.to_string()),
        };
        if let Err(e) = audit(&self.published, &vk) {
            return End::Audited(e);
        }
        let mut trace = match tessera_runtime::run(&program, &plan, vec![self.inputs.clone()]) {
            Ok(trace) => trace,
            Err(e) => return End::Rejected(e.to_string()),
        };
        forge(&program, &mut trace);
        let publics = trace.publics.clone();
        match QUICK.prove(&pk, trace) {
            Ok((proof, _)) => match QUICK.verify(&vk, &publics, &proof) {
                Ok(_) => End::Accepted(publics.tensors[1].clone()),
                Err(e) => End::Rejected(e.to_string()),
            },
            Err(e) => End::Rejected(e.to_string()),
        }
    }

    fn changes(&self, change: impl Fn(&mut Program, &mut WitnessPlan)) -> End {
        self.tries(change, |_, _| {})
    }
}

/// Present cells of the owner's tables: (table, column, row), and the monomial.
fn cells(p: &Program) -> Vec<((usize, u32, usize), Vec<i64>)> {
    let mut all = vec![];
    for f in p.folds.iter().filter(|f| p.tables[f.table as usize].committed) {
        for l in &f.lanes {
            let Some(Cell::Fixed(column)) = l.expr.cells().next() else { panic!("a lane of no column") };
            let rows = p.tables[f.table as usize].rows as usize;
            l.monomials
                .visit(rows, &mut |row, m| {
                    if m[0] == 1 {
                        all.push(((f.table as usize, column, row), m[1..].to_vec()));
                    }
                })
                .unwrap();
        }
    }
    all
}

/// The constants that the owner's columns are made of.
fn owned(p: &Program) -> BTreeSet<usize> {
    let columns = p.tables.iter().filter(|t| t.committed).flat_map(|t| &t.fixed);
    let matrices: BTreeSet<u32> = columns
        .map(|c| match &c.values {
            Values::Matrix { matrix, .. } => *matrix,
            other => panic!("{other:?}"),
        })
        .collect();
    matrices.into_iter().flat_map(|m| &p.matrices[m as usize].blocks).map(|b| b.constant as usize).collect()
}

/// Every parameter stands in one cell that takes part, and every cell that takes part holds one; but cells past the last channel of a
/// contraction without groups, which have monomials that no result has.
fn every_cell_is_one_parameter(circuit: &Build, options: &PlaceOptions) -> usize {
    let mut p = place_graph(&circuit.g, options).unwrap().program;
    let mut next = 0;
    let owned = owned(&p);
    for c in &owned {
        let len = p.constants[*c].len() as i64;
        p.constants[*c] = Blob::new((0..len).map(|i| 1 + next + i));
        next += len;
    }
    let columns: BTreeMap<(usize, u32), Vec<i64>> = p
        .tables
        .iter()
        .enumerate()
        .filter(|(_, t)| t.committed)
        .flat_map(|(i, t)| (0..t.fixed.len()).map(move |c| (i, t, c)))
        .map(|(i, t, c)| ((i, c as u32), p.fixed_values(t, &t.fixed[c]).unwrap()))
        .collect();
    let mut seen = BTreeSet::new();
    let mut beyond = vec![];
    for ((table, column, row), m) in cells(&p) {
        match columns[&(table, column)][row] {
            0 => beyond.push(m),
            id => assert!(seen.insert(id), "parameter {id} has two cells"),
        }
    }
    assert_eq!(seen.len() as i64, next, "a parameter has no cell");
    // the last product has eleven channels, no groups, and no other result has its d
    assert!(beyond.iter().all(|m: &Vec<i64>| (11..16).contains(&m[1])), "{beyond:?}");
    next as usize
}

#[test]
fn networks_of_committed_weights_are_placed() {
    for seed in 0..4 {
        let (p, _) = run(&mut network(seed), 1 + seed as usize % 3, committed());
        for t in p.tables.iter().filter(|t| t.name.starts_with("elementwise")) {
            assert!(t.fixed.is_empty() && !t.committed, "{}", t.name);
        }
        run(&mut small_cnn(seed), 2, committed());
        run(&mut pooled(seed, [2, 2]), 2, committed());
        run(&mut pooled(seed, [3, 3]), 1, committed());
    }
}

/// A bias costs no cell of a row where it is added to a product.
#[test]
fn biases_are_added_in_the_product() {
    let columns = |options: PlaceOptions| {
        let p = place_graph(&pooled(1, [2, 2]).g, &options).unwrap().program;
        let rows = p.tables.iter().filter(|t| t.name.starts_with("elementwise"));
        rows.map(|t| (t.fixed.len(), t.witness.len())).collect::<Vec<_>>()
    };
    let apart = PlaceOptions { biases: Some(false), ..PlaceOptions::new(tessera_backends::default()) };
    let (public, owned) = (columns(apart), columns(committed()));
    assert_eq!(public.iter().map(|t| t.1).collect::<Vec<_>>(), owned.iter().map(|t| t.1).collect::<Vec<_>>());
    assert!(public.iter().any(|t| t.0 > 0) && owned.iter().all(|t| t.0 == 0), "{public:?} {owned:?}");
}

#[test]
fn a_parameter_is_one_cell() {
    for w_width in [None, Some(8), Some(16)] {
        for batch in [1, 3] {
            let options = PlaceOptions { w_width, batch, ..committed() };
            // scale 2, mean 32, kernels 54 + 6, linear 24·11 + 11, biases of rows that are no product: 2 + 6
            assert_eq!(every_cell_is_one_parameter(&network(1), &options), 377);
            every_cell_is_one_parameter(&small_cnn(1), &options);
            every_cell_is_one_parameter(&pooled(1, [2, 2]), &options);
        }
    }
}

/// A convolution whose kernel has fewer taps for some phases than for others, and what is made of it.
fn strided(seed: u64, stride: usize, kernel: usize, dilation: usize, groups: usize) -> Build {
    let mut b = Build { seed, ..Build::default() };
    let x = b.input(&[1, 2, 7, 7]);
    let attrs = ConvAttrs { strides: [stride; 2], pads: [1; 4], dilations: [dilation; 2], groups };
    let conv = Convolution { x: [1, 2, 7, 7], w: [6, 2 / groups, kernel, kernel], attrs };
    let plan = transform::plan(&conv).unwrap();
    assert!(!plan.w_views.is_empty());
    let x = plan.x_views.iter().fold(x, |x, v| b.view(x, v.clone()));
    let w = b.parameter(&conv.w, 1, 9);
    let w = plan.w_views.iter().fold(w, |w, v| b.view(w, v.clone()));
    let y = b.contract(x, w, plan.spec);
    let y = b.view(y, plan.y_view);
    let q = b.requantize(y, 1, -127);
    b.output(q);
    b
}

/// Stride, taps, dilation, groups.
const STRIDED: [[usize; 4]; 6] =
    [[2, 3, 1, 1], [2, 3, 1, 2], [3, 2, 1, 1], [1, 2, 2, 1], [4, 3, 3, 2], [2, 5, 1, 1]];

/// Zeros between the taps of a strided or dilated kernel are no cells: an owner cannot have a larger kernel than was published.
#[test]
fn zeros_between_taps_have_no_cells() {
    for [stride, kernel, dilation, groups] in STRIDED {
        for w_width in [None, Some(4)] {
            let mut circuit = strided(1, stride, kernel, dilation, groups);
            let options = PlaceOptions { w_width, ..committed() };
            let program = place_graph(&circuit.g, &options).unwrap().program;
            // lanes past the last channel of a product without groups have monomials that no result has
            let own = cells(&program).into_iter().filter(|(_, m)| m[1] < 6).count();
            assert_eq!(own, 6 * 2 / groups * kernel * kernel + 6, "stride {stride}, {kernel} taps");
            run(&mut circuit, 2, options);
            run(&mut circuit, 2, PlaceOptions { w_width, ..PlaceOptions::new(tessera_backends::default()) });
        }
    }
    let owner = Owner::new(strided(2, 2, 3, 1, 1), 1);
    assert_eq!(owner.changes(|_, _| {}), End::Accepted(owner.honest.clone()));
}

/// The honest owner, and one who commits to something in cells that are no parameter.
#[test]
fn cells_that_are_no_parameter_count_for_nothing() {
    let owner = Owner::new(network(2), 2);
    assert_eq!(owner.changes(|_, _| {}), End::Accepted(owner.honest.clone()));
    let present: BTreeSet<(usize, u32, usize)> = cells(&owner.program).into_iter().map(|c| c.0).collect();
    let mut changed = 0;
    let p = &owner.program;
    for t in p.tables.iter().filter(|t| t.committed) {
        changed += t.fixed.len() * t.rows as usize;
    }
    assert!(changed > present.len(), "lanes past the last channel of a group");
    let end = owner.changes(|p, _| {
        for t in (0..p.tables.len()).filter(|t| p.tables[*t].committed).collect::<Vec<_>>() {
            for c in 0..p.tables[t].fixed.len() {
                let mut v = p.fixed_values(&p.tables[t], &p.tables[t].fixed[c]).unwrap();
                for (row, v) in v.iter_mut().enumerate() {
                    // those that have a monomial count for what no result has: the next test
                    *v += if present.contains(&(t, c as u32, row)) { 0 } else { 1000 + row as i64 };
                }
                // and rows of padding
                let column = &mut p.tables[t].fixed[c];
                (column.values, column.padding) = (Values::Seq(tessera_api::Seq::compress(1, &v)), 77);
            }
        }
    });
    assert_eq!(end, End::Accepted(owner.honest.clone()));
}

/// Eleven channels in lanes of eight: the last three cells have monomials that no result has.
#[test]
fn what_no_result_has_proves_nothing() {
    let mut circuit = Build { seed: 9, ..Build::default() };
    let x = circuit.input(&[1, 6]);
    let y = circuit.linear(x, 11);
    let q = circuit.requantize(y, 1, -127);
    circuit.output(q);
    let placed = place_graph(&circuit.g, &PlaceOptions { w_width: Some(8), ..committed() }).unwrap();
    let mut owner = Owner::new(circuit, 1);
    (owner.program, owner.plan) = (placed.program, placed.plan);
    owner.published = owner.program.architecture();
    assert_eq!(owner.changes(|_, _| {}), End::Accepted(owner.honest.clone()));
    let end = owner.changes(|p, _| {
        let t = p.tables.iter().position(|t| t.committed).unwrap();
        let mut v = p.fixed_values(&p.tables[t], &p.tables[t].fixed[7]).unwrap();
        let at = v.iter().position(|v| *v == 0).unwrap();
        v[at] = 5;
        p.tables[t].fixed[7].values = Values::Seq(tessera_api::Seq::compress(1, &v));
    });
    assert!(matches!(end, End::Rejected(_)), "{end:?}");
}

/// A bias of its own for an entry of the batch, or for a position: there is no cell for it.
#[test]
fn biases_do_not_depend_on_where_they_are_read() {
    let owner = Owner::new(network(3), 2);
    let rows = |p: &Program| p.tables.iter().position(|t| t.name == "elementwise0").unwrap();
    let column = |p: &mut Program, committed: bool| {
        let t = rows(p);
        let values = (0..i64::from(p.tables[t].rows)).collect::<Vec<_>>();
        let values = Values::Seq(tessera_api::Seq::compress(1, &values));
        p.tables[t].fixed.push(tessera_api::FixedColumn { name: "bias".into(), values, padding: 0 });
        p.tables[t].committed = committed;
        let c = &mut p.tables[t].constraints[0];
        c.expr = std::mem::take(&mut c.expr).plus(&tessera_api::Expr::fixed(0));
    };
    // the column that was there before
    let end = owner.changes(|p, _| column(p, true));
    assert!(matches!(&end, End::Invalid(e) if e.contains("has more than fixed columns")), "{end:?}");
    let end = owner.changes(|p, _| column(p, false));
    assert!(matches!(end, End::Audited(_)), "{end:?}");
    // ones at the positions of the first entry alone
    let end = owner.changes(|p, _| {
        for t in p.equations.iter_mut().flat_map(|e| &mut e.terms) {
            let Operand::Ones { monomials } = &mut t.operand else { continue };
            monomials.runs.iter_mut().for_each(|r| drop(r.loops.pop()));
        }
    });
    assert!(matches!(end, End::Audited(_)), "{end:?}");
    // other numbers than ones: twice the biases, wherever they are read
    let end = owner.changes(|p, plan| {
        freeze(p);
        let filled: BTreeSet<usize> = plan
            .steps
            .iter()
            .filter_map(|s| match s {
                Step::Fill { constant, .. } => Some(*constant as usize),
                _ => None,
            })
            .collect();
        for c in filled {
            p.constants[c] = Blob::new(p.constants[c].values().unwrap().into_iter().map(|x| 2 * x));
        }
    });
    assert!(matches!(end, End::Rejected(_)), "{end:?}");
}

/// The owner's columns as they are, whatever becomes of the constants.
fn freeze(p: &mut Program) {
    for t in (0..p.tables.len()).filter(|t| p.tables[*t].committed).collect::<Vec<_>>() {
        for c in 0..p.tables[t].fixed.len() {
            let v = p.fixed_values(&p.tables[t], &p.tables[t].fixed[c]).unwrap();
            p.tables[t].fixed[c].values = Values::Seq(tessera_api::Seq::compress(1, &v));
        }
    }
}

/// A cell that is one, or zero beside them, and no other number.
#[test]
fn ones_are_ones() {
    let owner = Owner::new(network(4), 2);
    let (p, plan) = (&owner.program, &owner.plan);
    let trace = tessera_runtime::run(p, plan, vec![owner.inputs.clone()]).unwrap();
    let rows = plan.steps.iter().filter_map(|s| match s {
        Step::Rows(r) => {
            let reads = |op: &tessera_api::RowOp| match op {
                tessera_api::RowOp::Gather { tensor, .. } => {
                    plan.tensors[*tensor as usize].0.ends_with(" ones")
                }
                _ => false,
            };
            r.ops.iter().any(reads).then_some((r.table as usize, r.first_row, r.rows))
        }
        _ => None,
    });
    let mut changed = 0;
    for (table, first, count) in rows.collect::<Vec<_>>() {
        let width = p.tables[table].witness.len();
        for cell in first as usize * width..(first + count) as usize * width {
            let mut forged = trace.clone();
            forged.tables[table][cell] += 1;
            let failures = tessera_checker::check(p, &forged).unwrap_err();
            let link = |f: &tessera_checker::Failure| matches!(f, tessera_checker::Failure::Equation { name, .. } if name == "link");
            assert!(failures.iter().any(link), "{failures:?}");
            changed += 1;
        }
    }
    assert!(changed > 100, "{changed}");
}

/// What a pool sums with is no parameter.
#[test]
fn ones_of_a_pool_are_public() {
    let owner = Owner::new(network(5), 1);
    let public: Vec<usize> = {
        let owned = owned(&owner.program);
        let read: BTreeSet<usize> =
            owner.program.matrices.iter().flat_map(|m| &m.blocks).map(|b| b.constant as usize).collect();
        read.difference(&owned).copied().collect()
    };
    assert_eq!(public.len(), 1, "the ones of one pool");
    let end = owner.changes(|p, _| p.constants[public[0]] = Blob::new([1, 1, 2, 1]));
    assert!(matches!(end, End::Audited(_)), "{end:?}");
}

/// A parameter with two homes would be two parameters.
#[test]
fn a_parameter_that_is_used_twice_is_refused() {
    let mut b = Build { seed: 1, ..Build::default() };
    let x = b.input(&[1, 4]);
    let w = b.parameter(&[4, 4], -9, 9);
    let y = vec![ResultIndex::One(0), ResultIndex::One(1)];
    let spec = ContractSpec::new(3, vec![0, 2], vec![1, 2], y, &[1, 4], &[4, 4]).unwrap();
    let y = b.contract(x, w, spec.clone());
    let q = b.requantize(y, 1, -127);
    let y = b.contract(q, w, spec);
    let q = b.requantize(y, 1, -127);
    b.output(q);
    let e = place_graph(&b.g, &committed()).unwrap_err().to_string();
    assert!(e.contains("a committed weight that is used more than once"), "{e}");
    place_graph(&b.g, &PlaceOptions::new(tessera_backends::default())).unwrap();
}

impl Build {
    /// Sums over windows of k×k.
    fn sum_pool(&mut self, x: ValueId, k: usize) -> ValueId {
        let s = self.shape(x);
        let (u, v) = (s[2] / k, s[3] / k);
        let ones = self.constant(&[k, k], 1, 1);
        let [a, b, c, d] = [s[1] * s[2] * s[3], s[2] * s[3], s[3], 1].map(|d| d as i64);
        let step = k as i64;
        let shape = vec![s[0], s[1], u, v, k, k];
        let unfolded = self.view(x, View::dense(shape.clone(), 0, vec![a, b, step * c, step * d, c, d]));
        let y = (0..4).map(ResultIndex::One).collect();
        let spec = ContractSpec::new(6, vec![0, 1, 2, 3, 4, 5], vec![4, 5], y, &shape, &[k, k]).unwrap();
        self.contract(unfolded, ones, spec)
    }
}
