//! Differential runs: this backend against the checker, and against p3-uni-stark where that can say the same.
//!
//! Invariant: verdicts agree on honest and on tampered traces, and both verdicts occur often.
use super::forgeries::runner;
use super::random::{build, expanded, parts, tangle};
use super::suite::quick;
use super::*;
use crate::arithmetic::{F, Mat, Quadratic, signed};
use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_blake3::Blake3;
use p3_challenger::{HashChallenger, SerializingChallenger64};
use p3_commit::ExtensionMmcs;
use p3_dft::Radix2DFTSmallBatch;
use p3_fri::{FriParameters, TwoAdicFriPcs};
use p3_merkle_tree::MerkleTreeMmcs;
use p3_symmetric::{CompressionFunctionFromHasher, SerializingHasher};
use p3_uni_stark::StarkConfig;
use proptest::prelude::*;
use std::cell::Cell as Count;

/// How a trace is tampered with; indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Change {
    /// A cell moves by a little.
    Add { table: usize, cell: usize, by: i64 },
    /// A cell takes the value of another of its column: a change that looks like a witness.
    Copy { table: usize, from: usize, to: usize },
    /// Two rows of a table are exchanged: often another witness.
    Rows { table: usize, a: usize, b: usize },
}

fn change() -> impl Strategy<Value = Change> {
    let i = || 0..1usize << 20;
    prop_oneof![
        (i(), i(), -9i64..9).prop_map(|(table, cell, by)| Change::Add { table, cell, by }),
        (i(), i(), i()).prop_map(|(table, from, to)| Change::Copy { table, from, to }),
        (i(), i(), i()).prop_map(|(table, a, b)| Change::Rows { table, a, b }),
    ]
}

fn apply(c: &mut Case, change: &Change) {
    let (Change::Add { table, .. } | Change::Copy { table, .. } | Change::Rows { table, .. }) = *change;
    let table = table % c.program.tables.len();
    let width = c.program.tables[table].witness.len();
    let cells = &mut c.trace.tables[table];
    if cells.is_empty() {
        return;
    }
    let (n, rows) = (cells.len(), cells.len() / width);
    match *change {
        Change::Add { cell, by, .. } => cells[cell % n] += by,
        Change::Copy { from, to, .. } => {
            let to = to % n;
            cells[to] = cells[from % rows * width + to % width];
        }
        Change::Rows { a, b, .. } => {
            (0..width).for_each(|k| cells.swap(a % rows * width + k, b % rows * width + k));
        }
    }
}

fn the_checker_and_this_backend_agree<E: Extension>() {
    let (accepted, rejected) = (Count::new(0), Count::new(0));
    let cases = (parts(), prop::collection::vec(change(), 0..3));
    let result = runner(150).run(&cases, |(parts, changes)| {
        let mut c = build(&parts);
        changes.iter().for_each(|x| apply(&mut c, x));
        let expected = tessera_checker::check(&c.program, &c.trace).is_ok();
        let (pk, vk) = quick::<E>().setup(&c.program).unwrap();
        let (proof, _) = quick::<E>().prove(&pk, c.trace.clone()).unwrap();
        let verdict = quick::<E>().verify(&vk, &c.trace.publics, &proof);
        prop_assert_eq!(verdict.is_ok(), expected, "{:?}", verdict);
        let n = if expected { &accepted } else { &rejected };
        n.set(n.get() + 1);
        Ok(())
    });
    println!("checker against plonky3: {} accepted, {} rejected by both", accepted.get(), rejected.get());
    if let Err(e) = result {
        panic!("{e}");
    }
    assert!(accepted.get() > 40 && rejected.get() > 40);
}

/// A table's row constraints as p3 sees them: fixed columns first, then witness columns, all rows given.
struct Rows<'a>(&'a Table);

impl BaseAir<F> for Rows<'_> {
    fn width(&self) -> usize {
        self.0.fixed.len() + self.0.witness.len()
    }
}

impl<B: AirBuilder<F = F>> Air<B> for Rows<'_> {
    fn eval(&self, builder: &mut B) {
        let main = builder.main();
        let row = main.current_slice();
        let cell = |c: &Cell| -> B::Expr {
            match c {
                Cell::Fixed(i) => row[*i as usize].into(),
                Cell::Witness(i) => row[self.0.fixed.len() + *i as usize].into(),
            }
        };
        for c in &self.0.constraints {
            let mut sum = B::Expr::from(signed(c.expr.constant));
            for (k, factors) in &c.expr.terms {
                sum += factors.iter().fold(B::Expr::from(signed(*k)), |p, c| p * cell(c));
            }
            builder.assert_zero(sum);
        }
    }
}

type Compress = CompressionFunctionFromHasher<Blake3, 2, 32>;
type Mmcs = MerkleTreeMmcs<F, u8, SerializingHasher<Blake3>, Compress, 2, 32>;
type Challenger = SerializingChallenger64<F, HashChallenger<u8, Blake3, 32>>;
type Pcs = TwoAdicFriPcs<F, Radix2DFTSmallBatch<F>, Mmcs, ExtensionMmcs<F, Quadratic, Mmcs>>;

/// p3's own hash, challenger and parameters: nothing of this crate's.
fn uni_stark() -> StarkConfig<Pcs, Quadratic, Challenger> {
    let mmcs = Mmcs::new(SerializingHasher::new(Blake3 {}), Compress::new(Blake3 {}), 0);
    let fri = FriParameters {
        log_blowup: 1,
        log_final_poly_len: 0,
        max_log_arity: 1,
        num_queries: 30,
        batch_proof_of_work_bits: 0,
        commit_proof_of_work_bits: 0,
        query_proof_of_work_bits: 0,
        mmcs: ExtensionMmcs::new(mmcs.clone()),
    };
    let pcs = Pcs::new(Radix2DFTSmallBatch::default(), mmcs, fri);
    StarkConfig::new(pcs, Challenger::from_hasher(vec![], Blake3 {}))
}

/// Whether p3-uni-stark's verifier accepts what its prover makes of a trace of one table.
fn uni_stark_accepts(c: &Case) -> bool {
    let e = expanded(c);
    let t = &e.program.tables[0];
    let fixed: Vec<Vec<i64>> = t.fixed.iter().map(|f| e.program.fixed_values(t, f).unwrap()).collect();
    let wide = t.witness.len();
    let row = |r: usize| {
        let of_fixed = fixed.iter().map(move |f| f[r]);
        of_fixed.chain(e.trace.tables[0][r * wide..(r + 1) * wide].iter().copied()).map(signed)
    };
    let cells: Vec<F> = (0..t.rows as usize).flat_map(row).collect();
    let (config, air) = (uni_stark(), Rows(t));
    let trace = Mat::new(cells, t.fixed.len() + wide);
    let proof = p3_uni_stark::prove(&config, &air, trace, &[]).unwrap();
    p3_uni_stark::verify(&config, &air, &proof, &[]).is_ok()
}

/// A single-round Program of one table: the row constraints of a tangle, or of a family.
fn rows_alone(seed: u64) -> Case {
    let mut c = if seed.is_multiple_of(3) { constraints(seed) } else { tangle(seed) };
    let at = c.program.tables.iter().position(|t| !t.constraints.is_empty()).unwrap();
    let mut t = c.program.tables.swap_remove(at);
    t.lookups.clear();
    c.program = Program { tables: vec![t], ..program(&[]) };
    c.trace = Trace { tables: vec![c.trace.tables.swap_remove(at)], publics: Publics { tensors: vec![] } };
    c
}

fn uni_stark_and_this_backend_agree_on_row_constraints<E: Extension>() {
    let (accepted, rejected) = (Count::new(0), Count::new(0));
    let cases = (0..1u64 << 32, prop::collection::vec(change(), 0..3));
    let result = runner(100).run(&cases, |(seed, changes)| {
        let mut c = rows_alone(seed);
        changes.iter().for_each(|x| apply(&mut c, x));
        let (pk, vk) = quick::<E>().setup(&c.program).unwrap();
        let (proof, _) = quick::<E>().prove(&pk, c.trace.clone()).unwrap();
        let verdict = quick::<E>().verify(&vk, &c.trace.publics, &proof).is_ok();
        prop_assert_eq!(verdict, uni_stark_accepts(&c), "p3-uni-stark");
        prop_assert_eq!(verdict, tessera_checker::check(&c.program, &c.trace).is_ok(), "the checker");
        let n = if verdict { &accepted } else { &rejected };
        n.set(n.get() + 1);
        Ok(())
    });
    println!(
        "p3-uni-stark against plonky3: {} accepted, {} rejected by both",
        accepted.get(),
        rejected.get()
    );
    if let Err(e) = result {
        panic!("{e}");
    }
    assert!(accepted.get() > 30 && rejected.get() > 30);
}

both!(the_checker_and_this_backend_agree, uni_stark_and_this_backend_agree_on_row_constraints);
