//! What keys and proofs of a Program take, before any is made: counted of the compiled relation, and of the parameters that it gets.
//!
//! Invariants: no column is made, no data are looked at, and nothing is measured: equal Programs give equal numbers. Keys are counted; so is
//! a proof, but for what queries share of their paths, which is taken at its expectation. Memory is what is held at once at the peak.
use crate::air::compile::Compiled;
use crate::air::{Air, Node};
use crate::arithmetic::DEGREES;
use crate::files;
use crate::keys::{Round, VerifyingKey, planned};
use crate::p3::{Commitment, LOG_BLOWUP, SALT};
use crate::security::{SecurityParams, SecurityTarget};
use tessera_api::{Container, Cost, FileKind, Program, SetupError, Sizes};

/// Bytes of a residue in a proof.
const RESIDUE: f64 = 8.0;
/// Bytes of a cell of a column.
const CELL: u64 = 8;
/// Bytes that the opening takes for a row of a height.
const ROW: u64 = 400;
/// Bytes of a digest.
const DIGEST: f64 = 32.0;

/// The sizes of a Program's keys and proofs at a security target.
pub fn sizes(program: &Program, target: SecurityTarget) -> Result<Sizes, SetupError> {
    let (compiled, security) = planned(program, target)?;
    let air = &compiled.air;
    let root = || Commitment::new(vec![[0; 32]]);
    let of = |round: Round| (!round.shapes(air).is_empty()).then(root);
    let vk = VerifyingKey {
        program: program.digest(),
        air: air.clone(),
        fixed: of(Round::Fixed),
        model: of(Round::Model),
        summed: of(Round::Summed),
        security,
    };
    let verifying = vk.to_container().to_bytes().len() as u64;
    let mut key = Container::new(FileKind::ProvingKey, vk.program);
    key.put("key", &vk);
    key.put("entropy", &crate::hiding::weights::hidden(air).then_some([0u8; 32]));
    let lean = key.to_bytes().len() as u64;
    files::columns().for_each(|name| key.insert(name, vec![]));
    let cells: u64 = air.groups.iter().map(|g| u64::from(g.fixed + g.model + g.summed) << g.log_height).sum();
    let columns = cells * CELL * (1 + (1 << LOG_BLOWUP));
    let cost = cost(&compiled);
    let fixed: u64 = air.groups.iter().map(|g| u64::from(g.fixed + g.model) << g.log_height).sum();
    let witness = cost.cells(|g| g.witness);
    let extension: u64 = air.groups.iter().map(|g| u64::from(g.round2 + g.round3) << g.log_height).sum();
    let extension = extension * u64::from(air.degree);
    Ok(Sizes {
        // columns, their extensions, both once more as a file, and a transform on the way
        setup_memory: cells * 9 * CELL,
        // columns of the key where they lie, of which the plain ones are read into memory; the witness as it was computed, as columns and extended;
        // columns of later rounds as elements and extended; vectors of the opening
        prove_memory: columns
            + 3 * CELL * fixed
            + 4 * CELL * witness
            + 4 * CELL * extension
            + ROW * cost.cells(|_| 1),
        proving_key: key.to_bytes().len() as u64 + columns,
        lean_key: lean,
        verifying_key: verifying,
        proof: proof(air, &security) as u64,
        cost,
    })
}

/// What is committed, by groups, as it is compiled.
fn cost(compiled: &Compiled) -> Cost {
    let mut cost = Cost::default();
    let degree = u64::from(compiled.air.degree);
    for g in &compiled.air.groups {
        let of = cost.group(g.log_height);
        of.fixed = u64::from(g.fixed + g.model);
        of.summed = g.summed.into();
        of.witness = g.witness.into();
        of.extension = u64::from(g.round2 + g.round3) * degree / DEGREES[0] as u64;
        of.lookups = g.nodes.iter().map(lookups).sum();
        of.nodes = g.nodes.iter().map(summands).sum();
        of.openings = of.fixed + of.summed + of.witness + degree * (u64::from(g.round2 + g.round3) + 2);
    }
    cost
}

fn lookups(n: &Node) -> u64 {
    match n {
        Node::Lookups { pairs, .. } => pairs.iter().map(Vec::len).sum::<usize>() as u64,
        _ => 0,
    }
}

/// What is added up of a constraint on a row.
fn summands(n: &Node) -> u64 {
    let count = match n {
        Node::Base { products, .. } => products.len(),
        Node::Horner { parts, ratio, .. } => {
            ratio.cells.len() + parts.iter().map(|p| p.gate.cells.len() + p.dot.cells.len()).sum::<usize>()
        }
        Node::Sum { ratio, end, factors, .. } => ratio.cells.len() + end.cells.len() + factors.len(),
        Node::Lookups { .. } | Node::Terminal { .. } | Node::Start { .. } => 0,
    };
    count as u64
}

/// Bytes of a number in a proof that says how many follow.
fn count(n: usize) -> f64 {
    f64::from((usize::BITS - n.leading_zeros()).div_ceil(7).max(1))
}

/// Digests of the paths of so many random leaves to the root of a tree of 2^log leaves, each once.
fn path(queries: f64, log: usize) -> f64 {
    // how many nodes of a level are on a path
    let on = |level: usize| {
        let nodes = (level as f64).exp2();
        nodes * (1.0 - (queries * (-1.0 / nodes).ln_1p()).exp())
    };
    let on = |level: usize| if level == 0 { 1.0 } else { on(level) };
    (1..=log).map(|level| 2.0 * on(level - 1) - on(level)).sum()
}

/// Expected bytes of a proof's file, beside the statement.
fn proof(air: &Air, p: &SecurityParams) -> f64 {
    let degree = f64::from(air.degree);
    let element = degree * RESIDUE;
    let queries = f64::from(p.fri.queries);
    let salted = air.budget().is_some();
    let tree = |log: usize| path(queries, log) * DIGEST + 2.0;
    let rounds: Vec<(Round, Vec<_>)> =
        Round::ALL.into_iter().map(|r| (r, r.shapes(air))).filter(|(_, s)| !s.is_empty()).collect();
    let mut bytes = 0.0;
    // values outside the domain, roots, and what is opened of leaves
    for (round, shapes) in &rounds {
        let summed = *round == Round::Summed;
        for s in shapes {
            let points = match (round, s.group == air.groups.len()) {
                (Round::Quotient, true) => 1,
                _ => round.points(),
            } as f64;
            bytes += points * (s.width as f64 * element + count(s.width)) + 1.0;
            // rows of sums, and the rows behind them
            let behind = if summed { f64::from(air.groups[s.group].summed) } else { 0.0 };
            bytes += queries
                * ((s.width as f64 + behind) * RESIDUE + count(s.width) + f64::from(u8::from(summed)));
        }
        if !round.in_key() {
            bytes += DIGEST + 1.0;
        }
        if salted && round.private() {
            bytes += queries * (SALT as f64 * RESIDUE + 2.0);
        }
        let tallest = shapes.iter().map(|s| usize::from(s.log_height)).max().unwrap_or(0) + LOG_BLOWUP;
        bytes += tree(tallest) + queries;
    }
    // layers of folding
    let mut heights: Vec<usize> =
        rounds.iter().flat_map(|r| &r.1).map(|s| usize::from(s.log_height) + LOG_BLOWUP).collect();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    heights.dedup();
    let mut log = heights.first().copied().unwrap_or(0);
    for arity in p3_fri::fold_schedule(&heights, LOG_BLOWUP, p.fri.log_arity.into()) {
        log -= arity;
        let siblings = f64::from((1u32 << arity) - 1);
        bytes += queries * (siblings * element + 1.0) + tree(log) + DIGEST + 1.0 + RESIDUE;
    }
    bytes + f64::from(air.terminals) * element + 8.0 * RESIDUE + 256.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shared() {
        // one leaf: a sibling a level; all leaves: nothing is missing
        assert_eq!(path(1.0, 10).round(), 10.0);
        assert!(path(1e6, 4) < 0.01);
        // two leaves share all of their paths above the level where they part
        let two = path(2.0, 10);
        assert!((two - 17.0).abs() < 0.01, "{two}");
    }
}
