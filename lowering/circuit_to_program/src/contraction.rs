//! Where the elements of one contraction lie in the polynomials that check it.
//!
//! A contraction Y = X ∗ W is checked as one product of polynomials per *segment* (a value of the contracted and group
//! indices): Σ_q s^(group) · X_q(z) · W_q(z, s) = Y(z, s). Position indices (images of a batch, rows, columns) share
//! the variable z by strides, output channels the variable s. For a convolution Y holds the full product, borders included.
//! Where channels are packed (`pack.rs`), channel c of a group is channel c mod h times t^(c div h), t the radix.
//!
//! # Correctness
//! Every element of Y that something reads (*wanted*) has a monomial (s, z) of its own: no other reachable position of Y, wanted or
//! not, carries it. Strides are chosen as small as that rule allows: aliases fall on borders only. Positions of X within a
//! segment are always distinct.
use crate::PlaceError;
use std::collections::HashSet;
use tessera_circuit::graph::{Circuit, ValueId};
use tessera_circuit::semantics::contract::{ContractSpec, ResultIndex};
use tessera_circuit::semantics::row_major;

/// The layout of one contraction.
#[derive(Clone, Debug)]
pub struct Contraction {
    /// The result, a root.
    pub y: ValueId,
    /// The activations.
    pub x: ValueId,
    /// The weights.
    pub w: ValueId,
    /// Number of segments (group × contracted index values).
    pub segments: usize,
    /// Group of each segment.
    pub segment_group: Vec<i64>,
    /// (segment, z) of every element of X.
    pub x_at: Vec<(usize, i64)>,
    /// (segment, channel within the group, z) of every element of W.
    pub w_at: Vec<(usize, i64, i64)>,
    /// Distinct z exponents of W, descending.
    pub taps: Vec<i64>,
    /// (channel over all groups, z) of every element of Y.
    pub y_at: Vec<(i64, i64)>,
    /// Step of z from one proof-batch entry to the next.
    pub batch_stride: i64,
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
    pub loops: Vec<Loop>,
    /// For messages.
    pub source: String,
}

/// One index of the contraction, for the witness.
#[derive(Clone, Copy, Debug)]
pub struct Loop {
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

/// An axis of positions of Y: extent in X, in W, in Y.
struct Axis {
    x: Option<usize>,
    w: Option<usize>,
    extent_x: usize,
    extent_y: usize,
}

impl Contraction {
    /// Lays out one contraction. `wanted[i]` says whether element i of Y is read; `batch` proofs share the table.
    pub fn new(
        g: &Circuit,
        (y, x, w): (ValueId, ValueId, ValueId),
        spec: &ContractSpec,
        wanted: &[bool],
        batch: usize,
        source: &str,
    ) -> Result<Contraction, PlaceError> {
        let roles = spec.roles();
        if !roles.x_summed.is_empty() || !roles.w_summed.is_empty() {
            return Err(PlaceError::unsupported(
                source,
                "an index that only one operand has and the result has not; sum it beforehand",
            ));
        }
        // s: groups outermost, then the free indices of w
        let mut s_step = vec![0i64; spec.extents.len()];
        let mut s_span = 1usize;
        for &i in roles.w_free.iter().rev() {
            s_step[i] = s_span as i64;
            s_span *= spec.extents[i];
        }
        let channels = s_span;
        for &i in roles.batch.iter().rev() {
            s_step[i] = s_span as i64;
            s_span *= spec.extents[i];
        }
        // segments: groups × contracted
        let mut seg_step = vec![0i64; spec.extents.len()];
        let mut segments = 1usize;
        for &i in roles.contracted.iter().rev().chain(roles.batch.iter().rev()) {
            seg_step[i] = segments as i64;
            segments *= spec.extents[i];
        }
        let axes: Vec<Axis> = spec
            .y
            .iter()
            .filter_map(|r| match *r {
                ResultIndex::One(i) if roles.x_free.contains(&i) => {
                    Some(Axis { x: Some(i), w: None, extent_x: spec.extents[i], extent_y: spec.extents[i] })
                }
                ResultIndex::Sum(i, k) => Some(Axis {
                    x: Some(i),
                    w: Some(k),
                    extent_x: spec.extents[i],
                    extent_y: spec.extents[i] + spec.extents[k] - 1,
                }),
                _ => None,
            })
            .collect();
        let y_shape = spec.result_shape();
        let (strides, batch_stride) = position_strides(spec, &axes, &roles.x_free, &y_shape, wanted, batch);
        let mut z_step = vec![0i64; spec.extents.len()];
        for (a, st) in axes.iter().zip(&strides) {
            for i in [a.x, a.w].into_iter().flatten() {
                z_step[i] = *st;
            }
        }
        let at = |map: &[usize], shape: &[usize], f: &mut dyn FnMut(&[usize])| {
            debug_assert_eq!(map.len(), shape.len());
            tessera_circuit::semantics::for_each_index(shape, |i| f(i));
        };
        let mut x_at = Vec::with_capacity(g.values[x].len());
        at(&spec.x, &g.values[x].shape, &mut |i| {
            let seg: i64 = spec.x.iter().zip(i).map(|(d, v)| seg_step[*d] * *v as i64).sum();
            let z: i64 = spec.x.iter().zip(i).map(|(d, v)| z_step[*d] * *v as i64).sum();
            x_at.push((seg as usize, z));
        });
        let mut w_at = Vec::with_capacity(g.values[w].len());
        at(&spec.w, &g.values[w].shape, &mut |i| {
            let seg: i64 = spec.w.iter().zip(i).map(|(d, v)| seg_step[*d] * *v as i64).sum();
            let z: i64 = spec.w.iter().zip(i).map(|(d, v)| z_step[*d] * *v as i64).sum();
            let s: i64 = roles
                .w_free
                .iter()
                .map(|d| spec.w.iter().position(|e| e == d).map_or(0, |k| s_step[*d] * i[k] as i64))
                .sum();
            w_at.push((seg as usize, s, z));
        });
        let mut is_tap = vec![false; 1 + w_at.iter().map(|p| p.2 as usize).max().unwrap_or(0)];
        w_at.iter().for_each(|p| is_tap[p.2 as usize] = true);
        let taps = (0..is_tap.len()).rev().filter(|z| is_tap[*z]).map(|z| z as i64).collect();
        let mut y_at = Vec::with_capacity(g.values[y].len());
        tessera_circuit::semantics::for_each_index(&y_shape, |i| {
            let (mut s, mut z) = (0, 0);
            for (r, v) in spec.y.iter().zip(i) {
                let v = *v as i64;
                match *r {
                    ResultIndex::One(d) => {
                        s += s_step[d] * v;
                        z += z_step[d] * v;
                    }
                    ResultIndex::Sum(d, _) => z += z_step[d] * v,
                }
            }
            y_at.push((s, z));
        });
        let mut segment_group = vec![0i64; segments];
        let group_shape: Vec<usize> = roles.batch.iter().map(|d| spec.extents[*d]).collect();
        let per_group: usize = roles.contracted.iter().map(|d| spec.extents[*d]).product();
        let mut q = 0;
        tessera_circuit::semantics::for_each_index(&group_shape, |i| {
            let channel: i64 = roles.batch.iter().zip(i).map(|(d, v)| s_step[*d] * *v as i64).sum();
            segment_group[q..q + per_group].fill(channel / channels as i64);
            q += per_group;
        });
        let end = |z: i64| (z + (batch as i64 - 1) * batch_stride + 1) as usize;
        let x_span = end(x_at.iter().map(|p| p.1).max().unwrap_or(0));
        let y_span = end(y_at.iter().map(|p| p.1).max().unwrap_or(0));
        let w_strides = row_major(&g.values[w].shape);
        let mut loops =
            vec![Loop { extent: batch, segment: 0, z: batch_stride, in_x: true, w: 0, channel: 0 }];
        for d in 0..spec.extents.len() {
            let w_axis = spec.w.iter().position(|e| *e == d);
            loops.push(Loop {
                extent: spec.extents[d],
                segment: seg_step[d],
                z: z_step[d],
                in_x: spec.x.contains(&d),
                w: w_axis.map_or(0, |k| w_strides[k] as i64),
                channel: s_step[d],
            });
        }
        loops.retain(|l| l.extent > 1);
        Ok(Contraction {
            y,
            x,
            w,
            segments,
            segment_group,
            x_at,
            w_at,
            taps,
            y_at,
            batch_stride,
            x_span,
            y_span,
            groups: s_span / channels,
            channels,
            pack: 1,
            loops,
            source: source.into(),
        })
    }

    /// Packed channels of a group: exponents of s within one segment of W are `0..packed_channels`.
    pub fn packed_channels(&self) -> usize {
        self.channels.div_ceil(self.pack)
    }

    /// Exponents of s: `0..s_span`.
    pub fn s_span(&self) -> usize {
        self.groups * self.packed_channels()
    }

    /// Exponents of (s, t) of a channel over all groups.
    pub fn packed(&self, channel: i64) -> (i64, i64) {
        let (channels, packed) = (self.channels as i64, self.packed_channels() as i64);
        let (group, c) = (channel / channels, channel % channels);
        (group * packed + c % packed, c / packed)
    }

    /// The channels, over all groups, that share the exponent `s`, in ascending powers of t.
    pub fn channels_at(&self, s: i64) -> impl Iterator<Item = i64> + use<> {
        let (channels, packed) = (self.channels as i64, self.packed_channels() as i64);
        let (group, first) = (s / packed, s % packed);
        (first..channels).step_by(packed as usize).map(move |c| group * channels + c)
    }

    /// Monomials (s, z) of one batch's Y that are reachable but not wanted.
    pub fn borders(&self, wanted: &[bool]) -> Vec<(i64, i64)> {
        let at = |(channel, z): &(i64, i64)| (self.packed(*channel).0, *z);
        let taken: HashSet<(i64, i64)> =
            self.y_at.iter().zip(wanted).filter(|p| *p.1).map(|p| at(p.0)).collect();
        let mut seen = HashSet::new();
        self.y_at.iter().map(at).filter(|p| !taken.contains(p) && seen.insert(*p)).collect()
    }
}

/// The smallest strides, innermost axis first in the search, that keep wanted positions apart from all others.
fn position_strides(
    spec: &ContractSpec,
    axes: &[Axis],
    _x_free: &[usize],
    y_shape: &[usize],
    wanted: &[bool],
    batch: usize,
) -> (Vec<i64>, i64) {
    // project what is wanted onto positions
    let is_axis: Vec<Option<usize>> = {
        let mut k = 0;
        spec.y
            .iter()
            .map(|r| {
                let hit = match *r {
                    ResultIndex::One(i) => axes.iter().any(|a| a.x == Some(i) && a.w.is_none()),
                    ResultIndex::Sum(..) => true,
                };
                hit.then(|| {
                    k += 1;
                    k - 1
                })
            })
            .collect()
    };
    let shape: Vec<usize> = axes.iter().map(|a| a.extent_y).collect();
    let steps = row_major(&shape);
    let mut position_wanted = vec![false; shape.iter().product()];
    let mut i = 0;
    tessera_circuit::semantics::for_each_index(y_shape, |at| {
        if wanted[i] {
            let p: usize = at.iter().zip(&is_axis).map(|(v, k)| k.map_or(0, |k| v * steps[k])).sum();
            position_wanted[p] = true;
        }
        i += 1;
    });
    let mut strides = vec![0i64; axes.len()];
    let (mut span_x, mut span_y) = (1i64, 1i64);
    for a in (0..axes.len()).rev() {
        // positions of the axes further in, as (exponent, wanted by any outer position)
        let inner = steps[a];
        let block = inner * shape[a];
        let exponent = |p: usize| -> i64 {
            (a + 1..axes.len()).map(|k| ((p / steps[k]) % shape[k]) as i64 * strides[k]).sum()
        };
        let mut st = span_x;
        while st < span_y {
            let ok = position_wanted.chunks(block).all(|c| {
                apart(c.iter().enumerate().map(|(p, w)| ((p / inner) as i64 * st + exponent(p % inner), *w)))
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
    let exponent =
        |p: usize| -> i64 { (0..axes.len()).map(|k| ((p / steps[k]) % shape[k]) as i64 * strides[k]).sum() };
    let mut st = span_x;
    while st < span_y {
        let twice = (0..2i64.min(batch as i64))
            .flat_map(|b| position_wanted.iter().enumerate().map(move |(p, w)| (b, p, *w)));
        // neighbours suffice while the span is under two strides
        if span_y <= 2 * st && apart(twice.map(|(b, p, w)| (b * st + exponent(p), w))) {
            break;
        }
        st += 1;
    }
    (strides, st)
}

/// No wanted exponent occurs twice among all.
fn apart(positions: impl Iterator<Item = (i64, bool)>) -> bool {
    let mut seen = std::collections::HashMap::new();
    for (e, w) in positions {
        match seen.entry(e) {
            std::collections::hash_map::Entry::Vacant(v) => {
                v.insert(w);
            }
            std::collections::hash_map::Entry::Occupied(mut o) => {
                if w || *o.get() {
                    return false;
                }
                o.insert(false);
            }
        }
    }
    true
}
