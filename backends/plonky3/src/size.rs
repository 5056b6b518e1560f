//! How large a proof is, predicted from the relation and the parameters alone.
//!
//! Invariant: nothing here decides whether a proof is accepted; parameters are weighed by it.
use crate::air::Air;
use crate::p3::{FriConfig, SALT, schedule};
use crate::rounds::Round;

/// Bytes of a residue.
const RESIDUE: f64 = 8.0;
/// Bytes of a digest.
const DIGEST: f64 = 32.0;

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
pub fn proof_bytes(air: &Air, fri: &FriConfig) -> f64 {
    let degree = f64::from(air.degree);
    let (element, log_blowup) = (degree * RESIDUE, usize::from(fri.log_blowup));
    let queries = f64::from(fri.queries);
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
        let tallest = shapes.iter().map(|s| usize::from(s.log_height)).max().unwrap_or(0) + log_blowup;
        bytes += tree(tallest) + queries;
    }
    // layers of folding
    let mut heights: Vec<usize> =
        rounds.iter().flat_map(|r| &r.1).map(|s| usize::from(s.log_height) + log_blowup).collect();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    heights.dedup();
    let mut log = heights.first().copied().unwrap_or(0);
    for arity in schedule(fri, &heights) {
        log -= arity;
        let siblings = f64::from((1u32 << arity) - 1);
        bytes += queries * (siblings * element + 1.0) + tree(log) + DIGEST + 1.0 + RESIDUE;
    }
    let shown = f64::from(air.terminals) + f64::from(1u32 << fri.log_final);
    bytes + shown * element + 8.0 * RESIDUE + 256.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shared() {
        // one leaf: a sibling a level; all leaves: nothing is missing
        assert_eq!(path(1.0, 10).round(), 10.0);
        assert!(path(1e6, 4) < 0.01);
        // two leaves part at the second level, on average: one sibling above, none there, two a level below
        let two = path(2.0, 10);
        assert!(two > 16.9 && two < 17.1, "{two}");
    }
}
