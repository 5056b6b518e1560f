//! Mask rows and blinds: what of the columns is random.
//!
//! # Correctness
//! Nothing here is asked of a prover: mask rows may hold anything. Blinds must cancel, or the proof does not verify.
//!
//! # Hiding
//! Every column of the witness, of round 2 and of round 3 is uniform on the mask rows but for row 0, where the last row determines
//! running values and blinds stand, and row 1, where a copy has what it is copied from. The rest are [`Budget::rows`] − 2 cells, onto
//! which what a proof shows of a column maps with full rank (a Cauchy matrix: `testing/hiding.rs`).
use super::random::{Purpose, Seed};
use crate::air::{Air, Blind, Copy, Mask, Node, Operand};
use crate::arithmetic::{Columns, Extension, F, Field, Mat, PrimeCharacteristicRing, signed};
use crate::budget::Budget;
use std::collections::HashMap;

/// What hides a proof.
pub struct Hiding {
    /// How much of it there is.
    pub budget: Budget,
    /// Where it comes from.
    pub seed: Seed,
}

/// Per exposed value whose blind is made of cells of the witness: the group, and these cells.
fn blinds(air: &Air) -> HashMap<u32, (usize, &[u32])> {
    let mut all = HashMap::new();
    for (g, group) in air.groups.iter().enumerate() {
        for n in &group.nodes {
            if let Node::Terminal { terminal, blind: Some(Blind { mask: Mask::Cells(cells), .. }), .. } = n {
                all.insert(*terminal, (g, &cells[..]));
            }
        }
    }
    all
}

/// The sums of blinds that vanish: of each the exposed values, with coefficients.
fn relations(air: &Air) -> Vec<Vec<(u32, F)>> {
    let lookups = air.lookup_terminals.iter().map(|t| (*t, F::ONE)).collect();
    let equation = |e: &crate::air::Equation| {
        let of = |t: &crate::air::EquationTerm| match &t.operand {
            Operand::Terminals(list) => list.iter().map(|x| (*x, signed(t.coefficient))).collect(),
            Operand::Public { .. } | Operand::Ones { .. } => vec![],
        };
        e.terms.iter().flat_map(of).collect()
    };
    std::iter::once(lookups).chain(air.equations.iter().map(equation)).collect()
}

impl Hiding {
    /// Masks the witness, and makes the blinds of each relation cancel.
    pub fn witness<E: Extension>(&self, air: &Air, groups: &mut [Mat]) {
        for (g, m) in groups.iter_mut().enumerate() {
            let cells = self.budget.rows() * m.width;
            self.seed.stream(Purpose::Masks(1), g, 0).fill(&mut m.values[..cells]);
        }
        let blinds = blinds(air);
        let column = |g: usize, c: u32| c as usize - air.groups[g].witness_at();
        for relation in relations(air) {
            let mut all = relation.iter().filter_map(|(t, k)| Some((blinds.get(t)?, *k)));
            let Some(((g, last), k)) = all.next() else { continue };
            // the first is what makes the sum vanish
            let mut sums = vec![F::default(); E::DEGREE];
            for ((g, cells), k) in all {
                sums.iter_mut().zip(*cells).for_each(|(s, c)| *s += k * groups[*g].values[column(*g, *c)]);
            }
            let inverse = -k.inverse();
            for (s, c) in sums.into_iter().zip(*last) {
                groups[*g].values[column(*g, *c)] = s * inverse;
            }
        }
    }

    /// Masks columns of a later round. Of round 2, `copies` have the masks on row 1 of what they are copied from.
    pub fn columns<E: Extension>(&self, round: u8, all: &mut [Columns<E>], copies: &[Copy]) {
        for (g, c) in all.iter_mut().enumerate() {
            let mut stream = self.seed.stream(Purpose::Masks(round), g, 0);
            let masked = c.width..self.budget.rows() * c.width;
            c.values[masked].iter_mut().for_each(|x| *x = stream.extension());
        }
        for c in copies {
            let value = all[c.from.0 as usize].at(1, c.from.1 as usize);
            let to = &mut all[c.to.0 as usize];
            to.values[to.width + c.to.1 as usize] = value;
        }
    }
}
