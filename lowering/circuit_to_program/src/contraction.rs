//! Where the elements of one contraction lie in the polynomials that check it.
//!
//! A contraction Y = X ∗ W is checked as one product of polynomials per *segment* (a value of the contracted and group
//! indices): Σ_q s^(group) · X_q(z) · W_q(z, s) = Y(z, s). Position indices (images of a batch, rows, columns) share
//! the variable z by strides, output channels the variable s. For a convolution Y holds the full product, borders included.
//! Where channels are packed (`pack.rs`), channel c of a group is channel c mod h times t^(c div h), t the radix.
//!
//! Where both factors are computed, entries of a batch are groups of their own, since each has another W.
//!
//! # Correctness
//! Every element of Y that something reads (*wanted*) has a monomial (s, z) of its own: no other reachable position of Y, wanted or
//! not, carries it. Strides are chosen as small as that rule allows: aliases fall on borders only. Positions of X within a
//! segment are always distinct.
use crate::PlaceError;
use crate::layout::{Nest, fit};
use crate::wanted::Wanted;
use std::collections::HashSet;
use std::ops::Range;
use tessera_api::{Run, Seq};
use tessera_circuit::graph::ValueId;
use tessera_circuit::semantics::contract::{ContractSpec, ResultIndex, Roles};
use tessera_circuit::semantics::{for_each_index, row_major};

/// A contraction of the circuit: y = x ∗ w.
pub struct Operation<'a> {
    /// The activations.
    pub x: ValueId,
    /// The weights.
    pub w: ValueId,
    /// The result, a root.
    pub y: ValueId,
    /// Index maps.
    pub spec: &'a ContractSpec,
    /// Elements of the weights that are padding: zeros that no data have. Empty where none is.
    pub holes: &'a [bool],
    /// For messages.
    pub source: &'a str,
}

/// The layout of one contraction.
#[derive(Clone, Debug)]
pub struct Contraction {
    /// The result, a root.
    pub y: ValueId,
    /// The activations.
    pub x: ValueId,
    /// The weights.
    pub w: ValueId,
    /// Number of segments, group by group.
    pub segments: usize,
    /// From elements of X to (segment, z).
    pub x_at: Nest<2>,
    /// Where the elements of W are.
    pub weights: Weights,
    /// From elements of Y to (channel over all groups, z).
    pub y_at: Nest<2>,
    /// Whether W is computed, not known at setup.
    pub computed: bool,
    /// From elements of W to (segment, channel of its group), for batch entry 0.
    pub w_at: Nest<2>,
    /// Step of z from one proof-batch entry to the next.
    pub batch_stride: i64,
    /// Step of the segment likewise.
    pub batch_segments: i64,
    /// Step of the channel over all groups likewise.
    pub batch_channels: i64,
    /// Exponents of z in X over the whole batch: `0..x_span`.
    pub x_span: usize,
    /// Exponents of z in Y over the whole batch: `0..y_span`.
    pub y_span: usize,
    /// Groups.
    pub groups: usize,
    /// Output channels of a group.
    pub channels: usize,
    /// How many of them share a cell: 1, or `pack::FACTOR`.
    pub pack: usize,
    /// Loops of the witness computation.
    pub loops: Vec<Turn>,
    /// For messages.
    pub source: String,
    /// z of each position of Y in one image.
    positions: Vec<i64>,
}

/// Where the elements of W are: sums of an offset of the segment, one of the channel and one of the tap.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Of each channel of a group.
    pub channels: Seq,
    /// All segments in their order, neighbours with equal taps together.
    pub parts: Vec<Part>,
}

/// Neighbouring segments that have the same taps.
#[derive(Clone, Debug)]
pub struct Part {
    /// How many they are.
    pub count: usize,
    /// Offset of each.
    pub segments: Seq,
    /// z and offset of each tap, z descending. Taps whose elements are padding in all channels are left out, but for one where there is no
    /// other.
    pub taps: Vec<(i64, i64)>,
    /// Whether that one is all there is: its row stands for nothing.
    pub empty: bool,
}

/// One index of the contraction, for the witness.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Turns.
    pub extent: usize,
    /// Step of X's segment.
    pub segment: i64,
    /// Step of z in X and Y.
    pub z: i64,
    /// Whether X moves along z (else only Y does, with W).
    pub in_x: bool,
    /// Step in W's elements.
    pub w: i64,
    /// Step of the channel over all groups.
    pub channel: i64,
}

/// Monomials of Y that are reachable, but read by nothing: for channels `s`, these z.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Border {
    /// Exponents of s.
    pub s: Range<i64>,
    /// Exponents of z, ascending.
    pub z: Vec<i64>,
}

/// An axis of positions of Y.
struct Axis {
    /// Its index of X and, of a convolution, its index of W.
    x: usize,
    w: Option<usize>,
    extent_x: usize,
    extent_y: usize,
}

/// What follows from the index maps alone.
pub struct Indices<'a> {
    spec: &'a ContractSpec,
    roles: Roles,
    /// Step of the channel over all groups, by index.
    channel: Vec<i64>,
    /// Step of the segment, by index.
    segment: Vec<i64>,
    segments: usize,
    groups: usize,
    channels: usize,
    axes: Vec<Axis>,
}

impl<'a> Indices<'a> {
    /// Tells channels, segments and positions apart.
    ///
    /// # Errors
    /// Where an index is summed over in one operand alone.
    pub fn new(op: &Operation<'a>) -> Result<Indices<'a>, PlaceError> {
        let spec = op.spec;
        let roles = spec.roles();
        if !roles.x_summed.is_empty() || !roles.w_summed.is_empty() {
            return Err(PlaceError::unsupported(
                op.source,
                "an index that only one operand has and the result has not; sum it beforehand",
            ));
        }
        // row-major: groups outermost
        let steps = |inner: &[usize], outer: &[usize]| {
            let (mut step, mut span) = (vec![0i64; spec.extents.len()], 1usize);
            for &i in inner.iter().rev().chain(outer.iter().rev()) {
                step[i] = span as i64;
                span *= spec.extents[i];
            }
            (step, span)
        };
        let (channel, all_channels) = steps(&roles.w_free, &roles.batch);
        let (segment, segments) = steps(&roles.contracted, &roles.batch);
        let groups: usize = roles.batch.iter().map(|i| spec.extents[*i]).product();
        let axis = |r: &ResultIndex| match *r {
            ResultIndex::One(i) if roles.x_free.contains(&i) => {
                Some(Axis { x: i, w: None, extent_x: spec.extents[i], extent_y: spec.extents[i] })
            }
            ResultIndex::Sum(i, k) => Some(Axis {
                x: i,
                w: Some(k),
                extent_x: spec.extents[i],
                extent_y: spec.extents[i] + spec.extents[k] - 1,
            }),
            ResultIndex::One(_) => None,
        };
        let axes: Vec<Axis> = spec.y.iter().filter_map(axis).collect();
        let channels = all_channels / groups.max(1);
        Ok(Indices { spec, roles, channel, segment, segments, groups, channels, axes })
    }

    /// Channels over all groups, and positions of Y.
    pub fn counts(&self) -> (usize, usize) {
        (self.groups * self.channels, self.axes.iter().map(|a| a.extent_y).product())
    }

    /// From elements of Y to (channel over all groups, position), positions row-major.
    pub fn y_places(&self) -> Nest<2> {
        let shape: Vec<usize> = self.axes.iter().map(|a| a.extent_y).collect();
        let steps: Vec<i64> = row_major(&shape).into_iter().map(|s| s as i64).collect();
        self.y_nest(&steps)
    }

    /// From elements of X to segments.
    pub fn x_segments(&self) -> Nest<1> {
        let shape: Vec<usize> = self.spec.x.iter().map(|i| self.spec.extents[*i]).collect();
        let steps = row_major(&shape);
        let loops = self.spec.x.iter().zip(steps);
        let loops = loops.map(|(i, at)| (self.spec.extents[*i], at as i64, [self.segment[*i]]));
        Nest::new(0, [0], loops.collect::<Vec<_>>())
    }

    /// From elements of Y to (channel over all groups, sum of a step for each axis).
    fn y_nest(&self, steps: &[i64]) -> Nest<2> {
        let shape = self.spec.result_shape();
        let at = row_major(&shape);
        let place = |r: &ResultIndex| {
            let x = match *r {
                ResultIndex::One(i) | ResultIndex::Sum(i, _) => i,
            };
            match self.axes.iter().position(|a| a.x == x) {
                Some(a) => [0, steps[a]],
                None => [self.channel[x], 0],
            }
        };
        let loops = self.spec.y.iter().zip(&shape).zip(at).map(|((r, n), at)| (*n, at as i64, place(r)));
        Nest::new(0, [0, 0], loops.collect::<Vec<_>>())
    }

    /// The smallest strides, innermost axis first in the search, that keep wanted positions apart from all others; and the
    /// stride from one image to the next.
    fn strides(&self, wanted: &[bool], batch: usize) -> (Vec<i64>, i64) {
        let axes = &self.axes;
        let shape: Vec<usize> = axes.iter().map(|a| a.extent_y).collect();
        let steps = row_major(&shape);
        let mut strides = vec![0i64; axes.len()];
        let (mut span_x, mut span_y) = (1i64, 1i64);
        for a in (0..axes.len()).rev() {
            // positions of the axes further in
            let inner = inner_exponents(&shape[a + 1..], &strides[a + 1..]);
            let block = steps[a] * shape[a];
            let reach = inner.iter().max().copied().unwrap_or(0);
            let mut st = span_x;
            while st < span_y {
                let ok = wanted.chunks(block).all(|c| {
                    let exponents = (0..shape[a] as i64).flat_map(|i| inner.iter().map(move |e| i * st + e));
                    apart(exponents.zip(c.iter().copied()), (shape[a] as i64 - 1) * st + reach)
                });
                if ok {
                    break;
                }
                st += 1;
            }
            strides[a] = st;
            span_x += (axes[a].extent_x as i64 - 1) * st;
            span_y += (axes[a].extent_y as i64 - 1) * st;
        }
        let all = inner_exponents(&shape, &strides);
        let reach = all.iter().max().copied().unwrap_or(0);
        let mut st = span_x;
        while st < span_y {
            let twice = (0..2i64.min(batch as i64))
                .flat_map(|b| all.iter().zip(wanted).map(move |(e, w)| (b * st + e, *w)));
            // neighbours suffice while the span is under two strides
            if span_y <= 2 * st && apart(twice, st + reach) {
                break;
            }
            st += 1;
        }
        (strides, st)
    }

    fn weights(&self, z: &[i64], w: &[i64], holes: &[bool]) -> Weights {
        let spec = self.spec;
        let offsets = |indices: &[&[usize]]| {
            let all = indices.concat();
            let loops = all.iter().rev().filter(|i| spec.extents[**i] > 1);
            let loops = loops.map(|i| (spec.extents[*i] as u32, vec![w[*i]])).collect();
            Seq { dim: 1, runs: vec![Run { start: vec![0], loops }] }
        };
        let kernel: Vec<usize> = self.axes.iter().filter_map(|a| a.w).collect();
        let shape: Vec<usize> = kernel.iter().map(|k| spec.extents[*k]).collect();
        let mut taps = vec![];
        for_each_index(&shape, |at| {
            let sum = |steps: &[i64]| kernel.iter().zip(at).map(|(k, i)| steps[*k] * *i as i64).sum();
            taps.push((sum(z), sum(w)));
        });
        taps.sort_by_key(|tap| std::cmp::Reverse(tap.0));
        let parts = if holes.contains(&true) {
            self.parts(&taps, w, holes)
        } else {
            let segments = offsets(&[&self.roles.batch, &self.roles.contracted]);
            vec![Part { count: self.segments, segments, taps, empty: false }]
        };
        Weights { channels: offsets(&[&self.roles.w_free]), parts }
    }

    /// Segments by the taps that some channel of some group has.
    fn parts(&self, taps: &[(i64, i64)], w: &[i64], holes: &[bool]) -> Vec<Part> {
        let offsets = |indices: &[usize]| -> Vec<i64> {
            let shape: Vec<usize> = indices.iter().map(|i| self.spec.extents[*i]).collect();
            let mut all = vec![];
            for_each_index(&shape, |at| {
                all.push(indices.iter().zip(at).map(|(i, k)| w[*i] * *k as i64).sum());
            });
            all
        };
        let (groups, channels) = (offsets(&self.roles.batch), offsets(&self.roles.w_free));
        let lanes: Vec<i64> = groups.iter().flat_map(|g| channels.iter().map(move |c| g + c)).collect();
        let there = |at: i64| lanes.iter().any(|lane| !holes[(at + lane) as usize]);
        let mut group: Vec<(Vec<i64>, Vec<(i64, i64)>, bool)> = vec![];
        for segment in offsets(&self.roles.contracted) {
            let mut own: Vec<(i64, i64)> = taps.iter().copied().filter(|t| there(segment + t.1)).collect();
            let empty = own.is_empty();
            if empty {
                own.extend(taps.last());
            }
            match group.last_mut() {
                Some((segments, taps, e)) if *taps == own && *e == empty => segments.push(segment),
                _ => group.push((vec![segment], own, empty)),
            }
        }
        let part = |first: i64, (segments, taps, empty): &(Vec<i64>, Vec<(i64, i64)>, bool)| {
            let own: Vec<i64> = segments.iter().map(|s| first + s).collect();
            Part { count: own.len(), segments: Seq::compress(1, &own), taps: taps.clone(), empty: *empty }
        };
        groups.iter().flat_map(|g| group.iter().map(|p| part(*g, p))).collect()
    }
}

impl Contraction {
    /// Lays out one contraction of which this much is read; `batch` proofs share the table. Whether its second factor is computed.
    pub fn new(
        op: &Operation,
        indices: &Indices,
        wanted: &Wanted,
        (batch, computed): (usize, bool),
    ) -> Contraction {
        let spec = op.spec;
        let entries = if computed { batch } else { 1 };
        let (strides, batch_stride) = indices.strides(&wanted.positions(), batch / entries);
        let batch_stride = if computed { 0 } else { batch_stride };
        let batch_segments = if computed { indices.segments as i64 } else { 0 };
        let batch_channels = if computed { (indices.groups * indices.channels) as i64 } else { 0 };
        let mut z = vec![0i64; spec.extents.len()];
        for (a, st) in indices.axes.iter().zip(&strides) {
            z[a.x] = *st;
            a.w.iter().for_each(|w| z[*w] = *st);
        }
        let strides_of = |map: &[usize]| {
            let shape: Vec<usize> = map.iter().map(|i| spec.extents[*i]).collect();
            let mut steps = vec![0i64; spec.extents.len()];
            map.iter().zip(row_major(&shape)).for_each(|(i, s)| steps[*i] = s as i64);
            steps
        };
        let (x, w) = (strides_of(&spec.x), strides_of(&spec.w));
        let x_loops = spec.x.iter().map(|i| (spec.extents[*i], x[*i], [indices.segment[*i], z[*i]]));
        let x_at = Nest::new(0, [0, 0], x_loops.collect::<Vec<_>>());
        let y_at = indices.y_nest(&strides);
        let end = |n: &Nest<2>| {
            let reach: i64 = n.loops.iter().map(|l| (l.count - 1) * l.to[1]).sum();
            (reach + (batch as i64 - 1) * batch_stride + 1) as usize
        };
        // indices of groups move the segment too
        let own = |i: usize| if indices.segment[i] == 0 { indices.channel[i] } else { 0 };
        let w_loops = spec.w.iter().map(|i| (spec.extents[*i], w[*i], [indices.segment[*i], own(*i)]));
        let w_at = Nest::new(0, [0, 0], w_loops.collect::<Vec<_>>());
        let image = Turn {
            extent: batch,
            segment: batch_segments,
            z: batch_stride,
            in_x: true,
            w: 0,
            channel: batch_channels,
        };
        let turn = |i: usize| Turn {
            extent: spec.extents[i],
            segment: indices.segment[i],
            z: z[i],
            in_x: spec.x.contains(&i),
            w: w[i],
            channel: indices.channel[i],
        };
        let loops = std::iter::once(image).chain((0..spec.extents.len()).map(turn));
        let shape: Vec<usize> = indices.axes.iter().map(|a| a.extent_y).collect();
        let mut weights = indices.weights(&z, &w, op.holes);
        weights.parts.iter_mut().for_each(|p| p.count *= entries);
        Contraction {
            y: op.y,
            x: op.x,
            w: op.w,
            segments: indices.segments * entries,
            weights,
            computed,
            w_at,
            batch_stride,
            batch_segments,
            batch_channels,
            x_span: end(&x_at),
            y_span: end(&y_at),
            x_at,
            y_at,
            groups: indices.groups * entries,
            channels: indices.channels,
            pack: 1,
            loops: loops.filter(|l| l.extent > 1).collect(),
            source: op.source.into(),
            positions: inner_exponents(&shape, &strides),
        }
    }

    /// The group of a segment.
    pub fn segments_of_a_group(&self) -> usize {
        self.segments / self.groups.max(1)
    }

    /// Packed channels of a group: exponents of s within one segment of W are `0..packed_channels`.
    pub fn packed_channels(&self) -> usize {
        self.channels.div_ceil(self.pack)
    }

    /// Exponents of s: `0..s_span`.
    pub fn s_span(&self) -> usize {
        self.groups * self.packed_channels()
    }

    /// Elements of W that have a cell.
    pub fn elements(&self) -> usize {
        let parts = self.weights.parts.iter().filter(|p| !p.empty);
        self.channels * parts.map(|p| p.count * p.taps.len()).sum::<usize>()
    }

    /// Rows of the weight table at a width: per segment, one per tap and chunk of output channels.
    pub fn w_rows(&self, width: usize) -> usize {
        let rows: usize = self.weights.parts.iter().map(|p| p.count * p.taps.len()).sum();
        rows * self.packed_channels().div_ceil(width)
    }

    /// Rows of the activation table at a width.
    pub fn x_rows(&self, width: usize) -> usize {
        self.segments * self.x_span.div_ceil(width)
    }

    /// The channels, over all groups, that share the exponent `s`, in ascending powers of t.
    pub fn channels_at(&self, s: i64) -> impl Iterator<Item = i64> + use<> {
        let (channels, packed) = (self.channels as i64, self.packed_channels() as i64);
        let (group, first) = (s / packed, s % packed);
        (first..channels).step_by(packed as usize).map(move |c| group * channels + c)
    }

    /// Step of the exponents of (z, s, d, t) in Y from one batch entry to the next.
    pub fn y_step(&self) -> [i64; 4] {
        // channels that go through a batch are not packed
        [self.batch_stride, self.batch_channels, 0, 0]
    }

    /// From elements of Y to exponents of (z, s, t).
    pub fn y_exponents(&self) -> Vec<Nest<3>> {
        if self.pack == 1 {
            return vec![self.y_at.map([0; 3], |[s, z]| [*z, *s, 0])];
        }
        let (channels, packed) = (self.channels as i64, self.packed_channels() as i64);
        // the loops through the channels of a group, flattened
        let (own, others): (Vec<_>, Vec<_>) =
            self.y_at.loops.iter().copied().partition(|l| l.to[0] != 0 && l.to[0] < channels);
        let mut elements: Vec<(i64, i64)> = vec![];
        Nest { at: 0, to: [0, 0], loops: own }.visit(&mut |at, to| elements.push((to[0], at)));
        elements.sort_unstable();
        let places: Vec<(i64, [i64; 3])> =
            elements.into_iter().map(|(c, at)| (at, [0, c % packed, c / packed])).collect();
        let mut nests = fit(&places);
        for n in &mut nests {
            for l in &others {
                *n = n.clone().around(l.count as usize, l.at, [l.to[1], l.to[0] / channels * packed, 0]);
            }
        }
        nests
    }

    /// From elements of Y to its places in the witness computation, channel by channel.
    pub fn y_tensor(&self) -> Nest<1> {
        let span = self.y_span as i64;
        self.y_at.map([0], |[channel, z]| [channel * span + z])
    }

    /// Exponents of z of one image's Y that some channel is read at, ascending.
    pub fn read_exponents(&self, wanted: &Wanted) -> Vec<i64> {
        let read = wanted.positions();
        let mut z: Vec<i64> =
            self.positions.iter().zip(read).filter(|(_, read)| *read).map(|(z, _)| *z).collect();
        z.sort_unstable();
        z
    }

    /// Monomials (s, z) of one image's Y that are reachable but not wanted.
    pub fn borders(&self, wanted: &Wanted) -> Vec<Border> {
        let mut all: Vec<i64> = self.positions.clone();
        all.sort_unstable();
        all.dedup();
        let mut known: Vec<(Vec<usize>, Vec<i64>)> = vec![];
        let mut borders: Vec<Border> = vec![];
        for s in 0..self.s_span() as i64 {
            let own = |c: i64| if self.computed { c % self.batch_channels } else { c };
            let mut classes: Vec<usize> =
                self.channels_at(s).map(|c| wanted.class_of(own(c) as usize)).collect();
            classes.sort_unstable();
            classes.dedup();
            let at = known.iter().position(|k| k.0 == classes).unwrap_or_else(|| {
                let read = |p: usize| classes.iter().any(|c| wanted.class(*c)[p]);
                let taken: HashSet<i64> =
                    self.positions.iter().enumerate().filter(|(p, _)| read(*p)).map(|(_, z)| *z).collect();
                let z = all.iter().copied().filter(|z| !taken.contains(z)).collect();
                known.push((classes, z));
                known.len() - 1
            });
            match borders.last_mut() {
                Some(b) if b.z == known[at].1 => b.s.end = s + 1,
                _ => borders.push(Border { s: s..s + 1, z: known[at].1.clone() }),
            }
        }
        borders.retain(|b| !b.z.is_empty());
        borders
    }
}

/// Exponents of all positions of some axes, row-major.
fn inner_exponents(shape: &[usize], strides: &[i64]) -> Vec<i64> {
    let mut all = vec![0i64];
    for (n, st) in shape.iter().zip(strides) {
        all = all.iter().flat_map(|e| (0..*n as i64).map(move |i| e + i * st)).collect();
    }
    all
}

/// No wanted exponent occurs twice among all, which are `most` at most.
fn apart(positions: impl Iterator<Item = (i64, bool)>, most: i64) -> bool {
    // nothing yet, unwanted, wanted
    let mut seen = vec![0u8; most as usize + 1];
    positions.into_iter().all(|(e, w)| {
        let before = std::mem::replace(&mut seen[e as usize], if w { 2 } else { 1 });
        before == 0 || (before == 1 && !w)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::TestCaseError;
    use std::collections::{BTreeMap, BTreeSet};

    /// y[n, g, o, i + k, j + l] = Σ x[n, g, c, i, j]·w[g, o, c, k, l], for extents of n, g, o, c, i, j, k, l.
    fn convolution(e: &[usize]) -> ContractSpec {
        let of = |indices: &[usize]| indices.iter().map(|i| e[*i]).collect::<Vec<_>>();
        let y = [0, 1, 2].map(ResultIndex::One).into_iter();
        let y = y.chain([ResultIndex::Sum(4, 6), ResultIndex::Sum(5, 7)]).collect();
        let (x, w) = (vec![0, 1, 3, 4, 5], vec![1, 2, 3, 6, 7]);
        let (of_x, of_w) = (of(&x), of(&w));
        ContractSpec::new(8, x, w, y, &of_x, &of_w).unwrap()
    }

    /// What each element of a nest leads to.
    fn places<const N: usize>(n: &Nest<N>) -> BTreeMap<i64, [i64; N]> {
        let mut all = BTreeMap::new();
        n.visit(&mut |at, to| assert!(all.insert(at, *to).is_none(), "element {at} twice"));
        all
    }

    /// Whether what is wanted shares its exponent with nothing.
    fn alone(all: &[(i64, bool)]) -> bool {
        let mut count = BTreeMap::new();
        all.iter().for_each(|(e, _)| *count.entry(e).or_insert(0) += 1);
        all.iter().all(|(e, wanted)| !wanted || count[e] == 1)
    }

    /// A convolution of which some elements are read: its specification, and which.
    fn partly_read() -> impl Strategy<Value = (Vec<usize>, Vec<bool>)> {
        let extents =
            (1..3usize, 1..3usize, 1..6usize, 1..3usize, (1..5usize, 1..5usize), (1..4usize, 1..4usize));
        let extents = extents.prop_map(|(n, g, o, c, (i, j), (k, l))| vec![n, g, o, c, i, j, k, l]);
        (extents, prop::collection::vec(any::<bool>(), 1..40), any::<bool>())
            .prop_map(|(e, read, all)| (e, if all { vec![true] } else { read }))
    }

    fn wanted(indices: &Indices, len: usize, read: &[bool]) -> Wanted {
        let mut wanted = Wanted::none(indices);
        for at in (0..len).filter(|at| read[at % read.len()]) {
            wanted.add(indices, &[Nest::new(0, [at as i64], vec![])]).expect("read once");
        }
        wanted
    }

    /// Whether none that is smaller keeps what is read apart, from the inside out.
    fn are_smallest(e: &[usize], read: &[bool], batch: usize) -> Result<(), TestCaseError> {
        let spec = convolution(e);
        let op = Operation { x: 0, w: 1, y: 2, spec: &spec, holes: &[], source: "" };
        let indices = Indices::new(&op).unwrap();
        let wanted = wanted(&indices, spec.result_shape().iter().product(), read).positions();
        let (strides, image) = indices.strides(&wanted, batch);
        let (of_x, of_y) = ([e[0], e[4], e[5]], [e[0], e[4] + e[6] - 1, e[5] + e[7] - 1]);
        let (mut inner, mut span_x, mut span_y) = (vec![0i64], 1i64, 1i64);
        for a in (0..3).rev() {
            let at = |st: i64| {
                (0..of_y[a] as i64).flat_map(|i| inner.iter().map(move |z| i * st + z)).collect::<Vec<i64>>()
            };
            let fits = |st: i64| {
                let z = at(st);
                wanted
                    .chunks(z.len())
                    .all(|c| alone(&z.iter().copied().zip(c.iter().copied()).collect::<Vec<_>>()))
            };
            prop_assert!(fits(strides[a]) && !(span_x..strides[a]).any(fits), "axis {}: {:?}", a, strides);
            prop_assert!((span_x..=span_y.max(span_x)).contains(&strides[a]));
            inner = at(strides[a]);
            span_x += (of_x[a] as i64 - 1) * strides[a];
            span_y += (of_y[a] as i64 - 1) * strides[a];
        }
        let fits = |st: i64| {
            let two = [0, st].map(|from| inner.iter().map(move |z| from + z).zip(wanted.iter().copied()));
            span_y <= 2 * st && alone(&two.into_iter().flatten().collect::<Vec<_>>())
        };
        prop_assert!(fits(image) && !(span_x..image).any(fits), "{} images: {}", batch, image);
        Ok(())
    }

    /// Where there is a position or two, nothing is left out.
    #[test]
    fn strides_of_tiny_images_are_the_smallest() {
        for_each_index(&[2; 4], |at| {
            let [i, j, k, l] = [0, 1, 2, 3].map(|a| at[a] + 1);
            for read in [&[true][..], &[false], &[true, false], &[false, true], &[false, true, true]] {
                are_smallest(&[1, 1, 1, 1, i, j, k, l], read, 2).unwrap();
            }
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_has_a_monomial_of_its_own(
            (e, read) in partly_read(),
            batch in 1usize..4,
            pack in 1usize..3,
            padding in prop::collection::vec(any::<bool>(), 0..30),
        ) {
            let spec = convolution(&e);
            let weights: usize = [1, 2, 3, 6, 7].iter().map(|i| e[*i]).product();
            let is_hole = |at: i64| padding.get(at as usize % padding.len().max(1)) == Some(&true);
            let holes: Vec<bool> = (0..weights as i64).map(is_hole).collect();
            let holes = if padding.is_empty() { &[][..] } else { &holes };
            let op = Operation { x: 0, w: 1, y: 2, spec: &spec, holes, source: "" };
            let indices = Indices::new(&op).unwrap();
            let shape = spec.result_shape();
            let len = shape.iter().product::<usize>();
            let wanted = wanted(&indices, len, &read);
            let mut c = Contraction::new(&op, &indices, &wanted, (batch, false));
            c.pack = pack;
            let y = places(&c.y_at);
            prop_assert_eq!(y.len(), len);
            let is_read = |at: i64| read[at as usize % read.len()];

            // every channel has one exponent of s, which packed ones share
            let mut s_of = BTreeMap::new();
            for s in 0..c.s_span() as i64 {
                for (t, channel) in c.channels_at(s).enumerate() {
                    prop_assert_eq!(s_of.insert(channel, (s, t as i64)), None);
                }
            }
            prop_assert!(s_of.keys().copied().eq(0..(e[1] * e[2]) as i64));
            for (at, [z, s, t]) in c.y_exponents().iter().flat_map(places) {
                prop_assert_eq!(([z], (s, t)), ([y[&at][1]], s_of[&y[&at][0]]));
            }

            // who stands at a monomial, of all images: (position, image)
            let positions = (shape[3] * shape[4]) as i64;
            let position = |at: i64| at / (positions * e[1] as i64 * e[2] as i64) * positions + at % positions;
            let mut at_monomial: BTreeMap<(i64, i64), BTreeSet<(i64, usize)>> = BTreeMap::new();
            for image in 0..batch {
                for (at, [channel, z]) in &y {
                    let z = z + image as i64 * c.batch_stride;
                    prop_assert!((0..c.y_span as i64).contains(&z));
                    at_monomial.entry((s_of[channel].0, z)).or_default().insert((position(*at), image));
                }
            }
            for (at, [channel, z]) in y.iter().filter(|(at, _)| is_read(**at)) {
                for image in 0..batch {
                    let here = &at_monomial[&(s_of[channel].0, z + image as i64 * c.batch_stride)];
                    prop_assert_eq!(here, &BTreeSet::from([(position(*at), image)]));
                }
            }
            let farthest = |span: &BTreeMap<i64, [i64; 2]>| {
                span.values().map(|to| to[1]).max().unwrap_or(0) + (batch as i64 - 1) * c.batch_stride + 1
            };
            let x = places(&c.x_at);
            prop_assert_eq!((farthest(&x), farthest(&y)), (c.x_span as i64, c.y_span as i64));

            // what is reachable and not read is the border
            let mut border: BTreeSet<(i64, i64)> = y.values().map(|[channel, z]| (s_of[channel].0, *z)).collect();
            for [channel, z] in y.iter().filter(|(at, _)| is_read(**at)).map(|(_, to)| to) {
                border.remove(&(s_of[channel].0, *z));
            }
            let borders = c.borders(&wanted);
            let all = borders.iter().flat_map(|b| b.s.clone().flat_map(|s| b.z.iter().map(move |z| (s, *z))));
            let listed: Vec<(i64, i64)> = all.collect();
            prop_assert!(listed.iter().copied().eq(border.iter().copied()), "{:?} {:?}", listed, border);
            let apart = |b: &[Border]| b[0].s.end < b[1].s.start || b[0].z != b[1].z;
            prop_assert!(borders.windows(2).all(apart), "{:?}", borders);
            let read_z: BTreeSet<i64> = y.iter().filter(|(at, _)| is_read(**at)).map(|(_, to)| to[1]).collect();
            prop_assert!(c.read_exponents(&wanted).into_iter().eq(read_z));

            // each weight has one place, and a product's exponent is the sum of its factors'
            let own = |s: &Seq| -> Vec<i64> { s.expand(s.len().unwrap() as usize).unwrap() };
            let channels = own(&c.weights.channels);
            let (mut tap_of, mut there, mut rows) = (BTreeMap::new(), 0, 0);
            let of_a_group = c.weights.parts.len() / e[1].min(c.weights.parts.len());
            let apart = |p: &[Part]| p[0].taps != p[1].taps || p[0].empty != p[1].empty;
            prop_assert!(c.weights.parts.chunks(of_a_group).all(|own| own.windows(2).all(apart)));
            for p in &c.weights.parts {
                let segments = own(&p.segments);
                prop_assert_eq!(segments.len(), p.count);
                rows += segments.len() * p.taps.len();
                for (segment, tap) in segments.iter().flat_map(|s| p.taps.iter().map(move |t| (s, t))) {
                    for at in channels.iter().map(|channel| segment + channel + tap.1) {
                        prop_assert!(!p.empty || is_hole(at));
                        there += usize::from(!p.empty);
                        prop_assert_eq!(tap_of.insert(at, tap.0), None);
                    }
                }
            }
            prop_assert!((0..weights as i64).all(|at| tap_of.contains_key(&at) || is_hole(at)));
            prop_assert_eq!((c.elements(), c.segments, c.segments_of_a_group()), (there, e[1] * e[3], e[3]));
            for_each_index(&e, |i| {
                let element = |map: &[usize]| {
                    map.iter().fold(0, |at, axis| at * e[*axis] + i[*axis]) as i64
                };
                let row = ((i[0] * e[1] + i[1]) * e[2] + i[2]) * shape[3] + i[4] + i[6];
                let to = y[&((row * shape[4] + i[5] + i[7]) as i64)];
                let from = x[&element(&[0, 1, 3, 4, 5])];
                assert_eq!(from[0], (i[1] * e[3] + i[3]) as i64);
                assert_eq!(to[0], (i[1] * e[2] + i[2]) as i64);
                let weight = element(&[1, 2, 3, 6, 7]);
                assert!(is_hole(weight) || to[1] == from[1] + tap_of[&weight]);
            });
            for width in 1..5 {
                let packed = e[2].div_ceil(pack);
                prop_assert_eq!(c.w_rows(width), rows * packed.div_ceil(width));
                prop_assert_eq!(c.x_rows(width), e[1] * e[3] * c.x_span.div_ceil(width));
            }
        }

        #[test]
        fn strides_are_the_smallest((e, read) in partly_read(), batch in 2usize..4) {
            are_smallest(&e, &read, batch)?;
        }
    }
}
