//! The commitments of the protocol, and which matrices each holds: what prover, verifier and whoever predicts sizes count by.
//!
//! Invariant: everything follows from the relation alone.
use crate::air::{Air, Group};
use crate::arithmetic::{Extension, Field};
use crate::hiding::segments::kappa;
use crate::p3::next_point;

/// A commitment of the protocol: which matrices it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Fixed columns, in the key.
    Fixed,
    /// Fixed columns in the commitment of the model's owner.
    Model,
    /// Sums of the key's summed columns.
    Summed,
    /// The witness.
    Witness,
    /// Folds, copies, sums, lookups.
    Second,
    /// η-folds.
    Third,
    /// Quotients, two halves a group. Of a hiding proof two segments and a random codeword a group; and all third segments, with a random
    /// codeword, in one matrix.
    Quotient,
}

/// One committed matrix.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Group; the number of groups for a matrix that all of them share.
    pub group: usize,
    /// Height as a power of two.
    pub log_height: u8,
    /// Base columns.
    pub width: usize,
}

impl Round {
    /// In the order of commitment.
    pub const ALL: [Round; 7] = [
        Round::Fixed,
        Round::Model,
        Round::Summed,
        Round::Witness,
        Round::Second,
        Round::Third,
        Round::Quotient,
    ];

    /// Whether the commitment stands in the key.
    pub fn in_key(self) -> bool {
        matches!(self, Round::Fixed | Round::Model | Round::Summed)
    }

    /// Base columns of a group in this round, challenges being of this degree.
    pub fn width(self, g: &Group, degree: usize) -> usize {
        match self {
            Round::Fixed => g.fixed as usize,
            Round::Model => g.model as usize,
            Round::Summed => degree * g.sums.len(),
            Round::Witness => g.witness as usize,
            Round::Second => degree * g.round2 as usize,
            Round::Third => degree * g.round3 as usize,
            Round::Quotient if g.hiding() => 3 * degree,
            Round::Quotient => 2 * degree,
        }
    }

    /// The place of a group's matrix among those of this round, if it has one.
    pub fn place(self, air: &Air, group: usize) -> Option<usize> {
        self.shapes(air).iter().position(|s| s.group == group)
    }

    /// How many points each matrix is opened at.
    pub fn points(self) -> usize {
        match self {
            Round::Second | Round::Third => 2,
            _ => 1,
        }
    }

    /// These points: ζ, or ζ and ζω; for third segments ζ/κ.
    pub fn points_of<E: Extension>(self, s: &Shape, air: &Air, zeta: E) -> Vec<E> {
        match self {
            Round::Second | Round::Third => vec![zeta, next_point(s.log_height, zeta)],
            Round::Quotient if s.group == air.groups.len() => vec![zeta * kappa().inverse()],
            _ => vec![zeta],
        }
    }

    /// Whether the leaves of its tree have salts, where a proof hides something.
    pub fn private(self) -> bool {
        !self.in_key() || self == Round::Model
    }

    /// The committed matrices, empty ones left out.
    pub fn shapes(self, air: &Air) -> Vec<Shape> {
        let shape = |(group, g): (usize, &Group)| {
            let width = self.width(g, air.degree.into());
            (width > 0).then_some(Shape { group, log_height: g.log_height, width })
        };
        let mut all: Vec<Shape> = air.groups.iter().enumerate().filter_map(shape).collect();
        if let (Round::Quotient, Some(b)) = (self, air.budget()) {
            let (group, width) = (air.groups.len(), usize::from(air.degree) * (air.groups.len() + 1));
            all.push(Shape { group, log_height: b.log_last(), width });
        }
        all
    }
}
