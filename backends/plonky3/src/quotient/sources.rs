//! Quotients of groups whose extensions may not be at hand: some are held, the others are made anew where they are read.
//!
//! # Correctness
//! A prover uses this, no verifier. Whatever is held, the values are those of [`super::evaluate`] of all extensions.
use super::{Input, evaluate, half, parts};
use crate::air::Air;
use crate::arithmetic::rows::Excerpt;
use crate::arithmetic::{Extension, Mat};
use crate::p3::{Committed, LOG_QUOTIENT, extended, half_of, half_rows};
use crate::rounds::Round;
use std::borrow::Cow;
use std::ops::Range;

/// Bytes of a cell.
const CELL: usize = 8;
/// Bytes that are made anew at a time, at least.
pub const PART: u64 = 1 << 30;
/// Columns that are made anew at a time, at least.
const COLUMNS: usize = 64;

/// Groups whose extensions of a proof's columns are held where so many bytes are to spare, from the smallest on; and what is to spare then.
pub fn held(air: &Air, log_blowup: u8, mut spare: u64) -> (Vec<usize>, u64) {
    let degree = u64::from(air.degree);
    let bytes = |g: usize| {
        let g = &air.groups[g];
        (u64::from(g.witness) + degree * u64::from(g.round2 + g.round3)) * (CELL * g.height()) as u64
    };
    let mut order: Vec<usize> = (0..air.groups.len()).collect();
    order.sort_by_key(|g| bytes(*g));
    let mut all = vec![];
    for g in order {
        // the extension, beside the columns until it is made
        if bytes(g) << log_blowup > spare {
            break;
        }
        spare -= (bytes(g) << log_blowup) - bytes(g);
        all.push(g);
    }
    (all, spare)
}

/// Columns that are made anew at a time, on so many rows, where so many bytes are to spare; in tests those of a single constraint.
fn most_columns(height: usize, spare: u64) -> usize {
    let bytes = usize::try_from(spare.max(PART)).unwrap_or(usize::MAX);
    if cfg!(test) { 1 } else { (bytes / CELL / height).max(COLUMNS) }
}

/// Columns on the extension.
enum Source<'a> {
    /// The matrix at a place of a commitment.
    Committed(&'a Committed, usize),
    /// A matrix.
    Extended(&'a Mat),
}

/// Some columns of a matrix on a half of the extension.
struct Made {
    matrix: Mat,
    columns: Vec<Range<usize>>,
    width: usize,
}

impl Made {
    fn excerpt(&self) -> Excerpt<'_> {
        Excerpt { matrix: &self.matrix, columns: self.columns.clone(), width: self.width }
    }
}

/// Of matrices of these widths, which stand side by side, the columns that are read: of the matrix with this first column and width.
fn excerpts(
    all: &[(Source, usize)],
    read: impl Fn(usize, usize) -> Vec<Range<usize>>,
    (which, height): (usize, usize),
) -> Vec<Made> {
    let mut first = 0;
    let mut made = vec![];
    for (source, width) in all {
        let columns = read(first, *width);
        first += width;
        let matrix = match source {
            Source::Committed(data, at) => half_of(data, *at, &columns, which, height),
            Source::Extended(m) => Some(half_rows(m, &columns, which, height)),
        };
        made.extend(matrix.map(|matrix| Made { matrix, columns, width: *width }));
    }
    made
}

/// All columns of a proof.
pub struct Sources<'a> {
    /// The relation.
    pub air: &'a Air,
    /// By rounds: of the key, of sums, of the proof.
    pub committed: [Option<&'a Committed>; 6],
    /// Of each group its sparse columns, extended.
    pub sparse: &'a [Mat],
}

impl<'a> Sources<'a> {
    fn place(&self, round: Round, g: usize) -> Option<(&'a Committed, usize)> {
        let k = Round::ALL.iter().position(|r| *r == round)?;
        Some((self.committed[k]?, round.place(self.air, g)?))
    }

    /// Of a group whose columns are extended as a whole where they are not.
    pub fn whole<E: Extension>(&self, input: Input<E>, g: usize) -> Vec<E> {
        let of = |round| self.place(round, g).and_then(|(data, at)| extended(data, at, LOG_QUOTIENT as u8));
        let [fixed, model, witness, sums] =
            [Round::Fixed, Round::Model, Round::Witness, Round::Summed].map(of);
        let base = [fixed, model, Some(Cow::Borrowed(&self.sparse[g])), witness, sums];
        let later = [Round::Second, Round::Third].map(of);
        let [base, extension] =
            [&base[..], &later].map(|all| all.iter().flatten().map(|m| Excerpt::whole(m)).collect());
        evaluate(&Input { base, extension, ..input })
    }

    /// Of a group whose columns are made anew for one half of the extension at a time, and for some of its constraints.
    pub fn by_parts<E: Extension>(&self, input: &Input<E>, g: usize, spare: u64) -> Vec<E> {
        let group = &self.air.groups[g];
        let height = group.height();
        let source = |round: Round| {
            let width = round.width(group, E::DEGREE);
            self.place(round, g).map(|(data, at)| (Source::Committed(data, at), width))
        };
        let sparse = &self.sparse[g];
        let base = [
            source(Round::Fixed),
            source(Round::Model),
            Some((Source::Extended(sparse), sparse.width)),
            source(Round::Witness),
            source(Round::Summed),
        ];
        let base: Vec<(Source, usize)> = base.into_iter().flatten().collect();
        let extension: Vec<(Source, usize)> =
            [source(Round::Second), source(Round::Third)].into_iter().flatten().collect();
        let mut sums = E::zero_vec(2 * height);
        let widths = [group.base_width(E::DEGREE), (group.round2 + group.round3) as usize];
        for part in parts(input.nodes, widths, most_columns(height, spare)) {
            for (which, sums) in sums.chunks_exact_mut(height).enumerate() {
                let base = excerpts(&base, |first, width| part.base(first, width), (which, height));
                let extension = excerpts(
                    &extension,
                    |first, width| part.extension(first, width, E::DEGREE),
                    (which, height),
                );
                let [base, extension] =
                    [&base, &extension].map(|all| all.iter().map(Made::excerpt).collect());
                let input = Input { base, extension, summed: part.nodes.clone(), ..*input };
                sums.iter_mut().zip(half(&input, which, 0)).for_each(|(sum, x)| *sum += x);
            }
        }
        sums
    }
}
