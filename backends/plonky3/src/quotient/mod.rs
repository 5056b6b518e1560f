//! The quotient of a group: Σ αⁱ·constraintᵢ divided by the vanishing polynomial of its rows, on the committed extension.
//!
//! Invariant: constraints have degree at most 3 in columns of degree below n, so the quotient has degree below 2n and its two
//! halves have degree below n. It is evaluated on 2n points of the extension: in bit-reversed order the first 2n rows of an extension to more. Where m rows are masks, it has up to m − 2 coefficients more, which its values at a few more points give.
use crate::arithmetic::lanes::{Arithmetic, Packed, Single};
use crate::arithmetic::rows::{Excerpt, Strips, extension_cells, used_strips};
use crate::arithmetic::{
    Extension, F, Field, Mat, PF, PackedValue, PrimeCharacteristicRing, TwoAdicField, coordinates,
};
use crate::eval::{Combiner, Ready, Row, combine};
use crate::hiding::tails::{Points, Tails};
use crate::p3::{LOG_QUOTIENT, extend_coefficients};
use p3_maybe_rayon::prelude::*;
use p3_util::reverse_bits_len;
use std::ops::Range;

mod sources;
pub use sources::{PART, Sources, held};

const BLOCK: usize = 512;

/// A group's low-degree extensions and constants.
pub struct Input<'a, E: Extension> {
    /// Height of the trace as a power of two.
    pub log_height: u8,
    /// Fixed, sparse and witness columns, as far as they are read.
    pub base: Vec<Excerpt<'a>>,
    /// Round 2 and round 3, as far as they are read.
    pub extension: Vec<Excerpt<'a>>,
    /// All constraints.
    pub nodes: &'a [Ready<E>],
    /// Those that are summed.
    pub summed: Vec<Range<usize>>,
    /// Exposed values.
    pub terminals: &'a [E],
    /// The challenge that combines constraints.
    pub alpha: E,
    /// The polynomial that vanishes on the mask rows, on the extension.
    pub live: Option<&'a Mat>,
}

/// The polynomial that vanishes on the first `masks` rows of 2^log_height, on their low-degree extension, and at a point.
pub struct Live {
    log_height: u8,
    masks: usize,
}

impl Live {
    /// Of a group; none without masks.
    pub fn of(log_height: u8, masks: u32) -> Option<Live> {
        (masks > 0).then_some(Live { log_height, masks: masks as usize })
    }

    fn roots(&self) -> impl Iterator<Item = F> {
        F::two_adic_generator(self.log_height.into()).powers().take(self.masks)
    }

    /// On the part of the extension where the quotient is evaluated, in bit-reversed order.
    pub fn extended(&self) -> Mat {
        let mut coefficients = F::zero_vec(1 << self.log_height);
        coefficients[0] = F::ONE;
        for (i, root) in self.roots().enumerate() {
            for k in (0..=i + 1).rev() {
                let below = k.checked_sub(1).map_or(F::ZERO, |k| coefficients[k]);
                coefficients[k] = below - root * coefficients[k];
            }
        }
        extend_coefficients(Mat::new(coefficients, 1), LOG_QUOTIENT as u8)
    }

    /// At a point.
    pub fn at<K: Field + std::ops::Sub<F, Output = K>>(&self, x: K) -> K {
        self.roots().map(|r| x - r).product()
    }
}

/// The quotient's values at points beyond the extension, `tails` being the columns there, in the order of [`Input`]'s matrices.
pub fn beyond<E: Extension>(input: &Input<E>, live: &Live, points: Points, tails: [&[&Tails]; 2]) -> Vec<E> {
    type A<E> = Single<E>;
    let size = points.size();
    let columns = |m: &Tails| m.here.values.len() / size;
    let row = |tails: &[&Tails], next: bool, k: usize| -> Vec<F> {
        let cells = |t: &&Tails| {
            let w = columns(t);
            let m = if next { &t.next } else { &t.here };
            m.values[k * w..(k + 1) * w].to_vec()
        };
        tails.iter().flat_map(cells).collect()
    };
    let combiner = Combiner::new(input.nodes, input.alpha);
    let [base, extension] = tails;
    let value = |(k, x): (usize, F)| {
        let (mut current, mut next) = (vec![], vec![]);
        extension_cells::<A<E>>(&row(extension, false, k), &mut current);
        extension_cells::<A<E>>(&row(extension, true, k), &mut next);
        let r = Row::<A<E>> {
            base: &row(base, false, k),
            current: &current,
            next: &next,
            live: Some(live.at(x)),
        };
        let v = combine::<A<E>>(input.nodes, &combiner, &r, input.terminals, &mut vec![]);
        v * (x.exp_power_of_2(input.log_height as usize) - F::ONE).inverse()
    };
    let all: Vec<(usize, F)> = points.all().enumerate().collect();
    all.into_par_iter().map(value).collect()
}

/// Values of the quotient on the extension, in bit-reversed order.
pub fn evaluate<E: Extension>(input: &Input<E>) -> Vec<E> {
    let height = 1usize << input.log_height;
    let [first, second] = [0, 1].map(|which| half(input, which, which * height));
    [first, second].concat()
}

/// The values on one half of the extension, whose rows are those of the matrices from this one on.
pub fn half<E: Extension>(input: &Input<E>, which: usize, first: usize) -> Vec<E> {
    if (1usize << input.log_height).is_multiple_of(PF::WIDTH) {
        rows::<Packed<E>>(input, which, first)
    } else {
        rows::<Single<E>>(input, which, first)
    }
}

fn rows<A: Arithmetic>(input: &Input<A::E>, which: usize, start: usize) -> Vec<A::E> {
    let size = 1usize << input.log_height;
    // xⁿ − 1 takes two values on the coset: natural even rows come first in bit-reversed order
    let gn = F::GENERATOR.exp_power_of_2(input.log_height as usize);
    let vanishing = if which == 0 { gn - F::ONE } else { -gn - F::ONE };
    let inverse = vanishing.inverse();
    let columns = Strips::of(&input.base, |_| true);
    let live: Vec<&Mat> = input.live.into_iter().collect();
    let live = Strips::new(&live, |_| true);
    let extension = Strips::of(&input.extension, |_| true);
    let parts: Vec<(&[Ready<A::E>], Combiner<A::E>)> = (input.summed.iter())
        .map(|r| (&input.nodes[r.clone()], Combiner::of(input.nodes, r.clone(), input.alpha)))
        .collect();
    // of the row after, few columns are read
    let mut read = vec![false; input.extension.iter().map(|e| e.width / A::E::DEGREE).sum()];
    parts.iter().flat_map(|p| p.0).for_each(|n| n.reads_next(&mut read));
    let after_it = Strips::of(&input.extension, |c| read[c / A::E::DEGREE]);
    let terminals: Vec<A::X> = input.terminals.iter().map(|t| A::constant(*t)).collect();
    let mut out = A::E::zero_vec(size);
    out.par_chunks_mut(BLOCK).enumerate().for_each(|(b, out)| {
        tessera_cancel::point();
        let mut row = columns.buffer::<A>();
        let mut factor = live.buffer::<A>();
        let (mut here, mut there) = (extension.buffer::<A>(), after_it.buffer::<A>());
        let (mut current, mut next, mut scratch) = (vec![], vec![], vec![]);
        let mut at = vec![0; A::LANES];
        let mut after = vec![0; A::LANES];
        for i in (0..out.len()).step_by(A::LANES) {
            let first = b * BLOCK + i;
            for l in 0..A::LANES {
                at[l] = start + first + l;
                after[l] = start + next_position(first + l, input.log_height);
            }
            columns.load::<A>(&at, &mut row);
            extension.load::<A>(&at, &mut here);
            extension_cells::<A>(&here, &mut current);
            after_it.load::<A>(&after, &mut there);
            extension_cells::<A>(&there, &mut next);
            live.load::<A>(&at, &mut factor);
            let r = Row::<A> { base: &row, current: &current, next: &next, live: factor.first().copied() };
            let mut sum = A::X::ZERO;
            for (nodes, combiner) in &parts {
                sum += combine::<A>(nodes, combiner, &r, &terminals, &mut scratch);
            }
            let v = A::scale(sum, A::base(inverse));
            (0..A::LANES).for_each(|l| out[i + l] = A::lane(&v, l));
        }
    });
    out
}

/// Constraints that are summed together, and the columns that they read.
pub struct Part {
    /// Of the group's nodes.
    pub nodes: Vec<Range<usize>>,
    base: Vec<bool>,
    extension: Vec<bool>,
}

impl Part {
    /// Columns of a matrix that are read, strip by strip: of the base matrix of so many columns whose first is this one.
    pub fn base(&self, first: usize, width: usize) -> Vec<Range<usize>> {
        used_strips(width, |c| self.base[first + c])
    }

    /// As [`Part::base`], of an extension matrix, in base columns.
    pub fn extension(&self, first: usize, width: usize, degree: usize) -> Vec<Range<usize>> {
        used_strips(width, |c| self.extension[(first + c) / degree])
    }

    fn columns(&self, degree: usize) -> usize {
        let count = |used: &[bool]| used.iter().filter(|u| **u).count();
        count(&self.base) + degree * count(&self.extension)
    }

    /// Takes a node with what it reads.
    fn add(&mut self, node: usize, reads: &Part) {
        let merge = |all: &mut Vec<bool>, more: &[bool]| all.iter_mut().zip(more).for_each(|(a, b)| *a |= b);
        merge(&mut self.base, &reads.base);
        merge(&mut self.extension, &reads.extension);
        match self.nodes.last_mut().filter(|r| r.end == node) {
            Some(r) => r.end = node + 1,
            None => self.nodes.push(node..node + 1),
        }
    }
}

/// Divides a group's nodes so that each part reads `most` columns, or those of a single node, and few columns are read by several parts: a node
/// comes to the part for which it adds fewest columns. Of so many base cells and extension columns.
pub fn parts<E: Extension>(nodes: &[Ready<E>], [base, extension]: [usize; 2], most: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![];
    for (i, node) in nodes.iter().enumerate() {
        let mut reads = Part { nodes: vec![], base: vec![false; base], extension: vec![false; extension] };
        node.reads(&mut reads.base, &mut reads.extension);
        let added = |p: &Part| {
            let new = |all: &[bool], more: &[bool]| all.iter().zip(more).filter(|(a, m)| !**a && **m).count();
            new(&p.base, &reads.base) + E::DEGREE * new(&p.extension, &reads.extension)
        };
        // of several the last: neighbours read the same
        let fits = parts.iter().enumerate().rev().map(|(k, p)| (k, added(p)));
        let fits = fits.filter(|(k, new)| *new == 0 || parts[*k].columns(E::DEGREE) + new <= most);
        match fits.min_by_key(|(_, new)| *new) {
            Some((k, _)) => parts[k].add(i, &reads),
            None => {
                reads.nodes.push(i..i + 1);
                parts.push(reads);
            }
        }
    }
    parts
}

/// The two halves of a quotient, each as evaluations on its coset in natural order, one base column for each coordinate.
pub fn halves<E: Extension>(values: &[E], log_height: u8) -> [Mat; 2] {
    let n = 1usize << log_height;
    [0, 1].map(|c| {
        let mut v = Vec::with_capacity(E::DEGREE * n);
        for i in 0..n {
            v.extend_from_slice(coordinates(&values[c * n + reverse_bits_len(i, log_height as usize)]));
        }
        Mat::new(v, E::DEGREE)
    })
}

/// Where the next row of the row at `position` of a half of n points stands, whose rows are in bit-reversed order: natural index
/// rev(position) + 1. So the row after a row of one half of an extension to 2n points is in the same half.
#[inline]
pub fn next_position(position: usize, log_height: u8) -> usize {
    let bits = log_height as usize;
    reverse_bits_len((reverse_bits_len(position, bits) + 1) & ((1 << bits) - 1), bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::p3::extend;

    #[test]
    fn the_next_position_holds_the_shifted_column() {
        for log_height in 0..6u8 {
            let n = 1usize << log_height;
            let values: Vec<F> = (0..n).map(|i| F::from_u64((i * i + 3) as u64)).collect();
            let mut shifted = values.clone();
            shifted.rotate_left(1);
            let (a, b) = (extend(Mat::new(values, 1), 1), extend(Mat::new(shifted, 1), 1));
            for p in 0..2 * n {
                let half = p / n * n;
                assert_eq!(a.values[half + next_position(p - half, log_height)], b.values[p]);
            }
        }
    }
}
