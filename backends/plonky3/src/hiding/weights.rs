//! Hidden weights: one commitment to them that several proofs open.
//!
//! # Hiding
//! A proof shows [`Budget::of_weights`] values of each column of the owner: one for each query, and the coordinates of one out of the
//! domain. They are values of one polynomial at distinct points outside of the trace domain, so as many rows that are uniform and stand
//! for nothing hide them (a Cauchy matrix: `testing/hiding.rs`). The commitment, and with it these rows, is the same in every proof: rows
//! for one proof hide nothing from who has two. A key has so many rows, serves so many proofs ([`uses`]), and whoever keeps it counts.
use super::random::{Purpose, Seed};
use crate::air::Air;
use crate::air::compile::Compiled;
use crate::air::nodes::FixedKind;
use crate::arithmetic::Mat;
use crate::p3::{Commitment, Committed, commit_salted};

/// Per table of the owner: its group, its columns there, and how many rows from the first on stand for nothing.
fn free(compiled: &Compiled) -> impl Iterator<Item = (usize, std::ops::Range<usize>, usize)> + '_ {
    let all = compiled.places.iter().zip(&compiled.tables);
    all.filter(|(p, _)| p.kind == FixedKind::Model).map(|(p, t)| {
        let first = p.fixed as usize;
        (p.group, first..first + t.fixed.len(), p.pad as usize)
    })
}

/// How many proofs the free rows hide the weights in; none where there are no weights to hide.
pub fn uses(compiled: &Compiled) -> Option<u64> {
    let budget = compiled.air.budget()?;
    free(compiled).map(|(_, _, rows)| (rows / budget.of_weights()) as u64).min()
}

/// Fills the free rows of the owner's columns.
pub fn mask(compiled: &Compiled, model: &mut [Mat], seed: &Seed) {
    for (i, (group, columns, rows)) in free(compiled).enumerate() {
        let mut stream = seed.stream(Purpose::Weights, i, 0);
        let m = &mut model[group];
        m.values.chunks_exact_mut(m.width).take(rows).for_each(|row| stream.fill(&mut row[columns.clone()]));
    }
}

/// The commitment, with salts in its leaves.
pub fn commit(extended: Vec<Mat>, seed: &Seed) -> Option<(Commitment, Committed)> {
    commit_salted(extended, |block, cells| {
        seed.stream(Purpose::WeightSalts, 0, block).fill(cells);
    })
}

/// Whether the owner's weights are hidden.
pub fn hidden(air: &Air) -> bool {
    air.budget().is_some() && air.groups.iter().any(|g| g.model > 0)
}
