//! Interval of every element of a tensor, kept short where elements along an axis share one.
//!
//! A value's type has one interval for all of its elements. That is too coarse between a convolution and its requantization,
//! where bias and multiplier differ by channel and go together with the channel's accumulator: the sum of the widest
//! accumulator and the widest bias may leave the range that every single channel keeps. So proofs of intervals go through
//! these, and only their hull is declared.
//!
//! Invariants: `kept[d]` is the extent of axis d or 1, in which case the elements along d share their intervals; `values` is
//! dense over `kept`.

use super::contract::{ContractSpec, ResultIndex};
use super::view::{View, ZERO};
use super::{Interval, LARGE, TableFunction, for_each_index, row_major};
use tessera_mlir::{Result, params::ParamData, with_integers};

/// Intervals of a tensor's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    shape: Vec<usize>,
    kept: Vec<usize>,
    values: Vec<Interval>,
}

impl Ranges {
    /// All elements share one interval.
    pub fn uniform(shape: &[usize], interval: Interval) -> Self {
        Ranges { shape: shape.to_vec(), kept: vec![1; shape.len()], values: vec![interval] }
    }

    /// Known elements, row-major over `shape`.
    pub fn exact(shape: &[usize], values: &[i64]) -> Self {
        let values = values.iter().map(|&v| Interval::point(v)).collect();
        Ranges { shape: shape.to_vec(), kept: shape.to_vec(), values }.shorten()
    }

    /// The tensor's shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The smallest interval that holds every element.
    pub fn hull(&self) -> Interval {
        self.values.iter().copied().reduce(Interval::hull).unwrap_or(Interval::point(0))
    }

    /// The interval of one element.
    pub fn at(&self, index: &[usize]) -> Interval {
        let strides = self.steps();
        self.values[index.iter().zip(&strides).map(|(i, s)| i * s).sum::<usize>()]
    }

    /// Step through `values` per axis: 0 where the axis shares.
    fn steps(&self) -> Vec<usize> {
        row_major(&self.kept).into_iter().zip(&self.kept).map(|(s, &k)| if k == 1 { 0 } else { s }).collect()
    }

    /// Drops axes along which nothing differs.
    fn shorten(mut self) -> Self {
        for d in 0..self.kept.len() {
            let extent = self.kept[d];
            let inner: usize = self.kept[d + 1..].iter().product();
            let same = |v: &[Interval]| v.chunks_exact(inner).all(|c| c == &v[..inner]);
            if extent > 1 && self.values.chunks_exact(extent * inner).all(same) {
                self.values =
                    self.values.chunks_exact(extent * inner).flat_map(|v| v[..inner].to_vec()).collect();
                self.kept[d] = 1;
            }
        }
        self
    }

    /// Elementwise on tensors of equal shape.
    fn zip(xs: &[&Ranges], f: impl Fn(&[Interval]) -> Interval) -> Ranges {
        let shape = xs[0].shape.clone();
        let kept: Vec<usize> =
            (0..shape.len()).map(|d| xs.iter().map(|x| x.kept[d]).max().unwrap_or(1)).collect();
        if kept.iter().product::<usize>() > LARGE {
            let hulls: Vec<Interval> = xs.iter().map(|x| x.hull()).collect();
            return Ranges::uniform(&shape, f(&hulls));
        }
        let steps: Vec<Vec<usize>> = xs.iter().map(|x| x.steps()).collect();
        let mut values = Vec::with_capacity(kept.iter().product());
        let mut row = vec![Interval::point(0); xs.len()];
        for_each_index(&kept, |at| {
            for (i, x) in xs.iter().enumerate() {
                row[i] = x.values[at.iter().zip(&steps[i]).map(|(a, s)| a * s).sum::<usize>()];
            }
            values.push(f(&row));
        });
        Ranges { shape, kept, values }
    }

    /// Σ cᵢ·xᵢ + k of tensors of this shape; with no terms, k everywhere.
    pub fn affine(shape: &[usize], terms: &[(i64, &Ranges)], k: i64) -> Ranges {
        if terms.is_empty() {
            return Ranges::uniform(shape, Interval::point(k));
        }
        let xs: Vec<&Ranges> = terms.iter().map(|t| t.1).collect();
        Ranges::zip(&xs, |row| super::interval::affine(terms.iter().map(|t| t.0).zip(row.iter().copied()), k))
    }

    /// The elementwise product.
    pub fn mul(&self, other: &Ranges) -> Ranges {
        Ranges::zip(&[self, other], |row| row[0] * row[1])
    }

    /// The elementwise square.
    pub fn square(&self) -> Ranges {
        Ranges::zip(&[self], |row| {
            let product = row[0] * row[0];
            if row[0].holds(0) {
                Interval { lo: 0, ..product }
            } else {
                Interval { lo: product.lo.max(0), ..product }
            }
        })
    }

    /// The elementwise maximum.
    pub fn max(&self, other: &Ranges) -> Ranges {
        Ranges::zip(&[self, other], |row| row[0].max(row[1]))
    }

    /// The parts (hi, lo) of x = hi·2^s + lo.
    pub fn split(&self, s: u32) -> (Ranges, Ranges) {
        (Ranges::zip(&[self], |row| row[0].split(s).0), Ranges::zip(&[self], |row| row[0].split(s).1))
    }

    /// f of every element.
    ///
    /// # Errors
    /// The first interval that leaves the domain of `f`.
    pub fn lookup(&self, f: &TableFunction) -> Result<Ranges, Interval> {
        let images = f.images(&self.values).into_iter().zip(&self.values);
        let values = images.map(|(image, &v)| image.ok_or(v)).collect::<Result<_, _>>()?;
        Ok(Ranges { values, ..self.clone() })
    }

    /// What is left of every element's interval within `declared`. An element that leaves nothing takes `declared`.
    pub fn meet(&self, declared: Interval) -> Ranges {
        Ranges::zip(&[self], |row| row[0].intersect(declared).unwrap_or(declared))
    }

    /// The viewed tensor; padding is 0.
    pub fn view(&self, view: &View) -> Ranges {
        if self.values.len() == 1 && view.reads_everywhere() {
            return Ranges::uniform(&view.shape, self.values[0]);
        }
        if view.len() > LARGE {
            return Ranges::uniform(&view.shape, self.hull().hull(Interval::point(0)));
        }
        // Along an axis that repeats the source everywhere, elements share their intervals: one of them is enough.
        let repeats = |d: usize| {
            view.strides[d] == 0 && view.valid_low[d] == 0 && view.valid_high[d] == view.shape[d] as i64
        };
        let kept: Vec<usize> =
            view.shape.iter().enumerate().map(|(d, &e)| if repeats(d) { 1 } else { e }).collect();
        let once = View {
            valid_high: view.valid_high.iter().zip(&kept).map(|(&high, &e)| high.min(e as i64)).collect(),
            shape: kept.clone(),
            ..view.clone()
        };
        let strides = row_major(&self.shape);
        let steps = self.steps();
        let value = |flat: i64| {
            let mut rest = flat as usize;
            let mut at = 0;
            for (s, step) in strides.iter().zip(&steps) {
                at += rest / s * step;
                rest %= s;
            }
            self.values[at]
        };
        let values = once
            .sources()
            .into_iter()
            .map(|s| if s == ZERO { Interval::point(0) } else { value(s) })
            .collect();
        Ranges { shape: view.shape.clone(), kept, values }.shorten()
    }

    /// The tensors one after the other along `axis`; `None` where there are none.
    pub fn concat(xs: &[&Ranges], axis: usize) -> Option<Ranges> {
        let mut shape = xs.first()?.shape.clone();
        shape[axis] = xs.iter().map(|x| x.shape[axis]).sum();
        let mut kept: Vec<usize> =
            (0..shape.len()).map(|d| xs.iter().map(|x| x.kept[d]).max().unwrap_or(1)).collect();
        kept[axis] = shape[axis];
        if kept.iter().product::<usize>() > LARGE {
            let hull = xs.iter().map(|x| x.hull()).reduce(Interval::hull)?;
            return Some(Ranges::uniform(&shape, hull));
        }
        let owner: Vec<(usize, usize)> =
            xs.iter().enumerate().flat_map(|(i, x)| (0..x.shape[axis]).map(move |at| (i, at))).collect();
        let steps: Vec<Vec<usize>> = xs.iter().map(|x| x.steps()).collect();
        let mut values = Vec::with_capacity(kept.iter().product());
        for_each_index(&kept, |at| {
            let (i, own) = owner[at[axis]];
            let index = at.iter().enumerate().map(|(d, &a)| if d == axis { own } else { a });
            values.push(xs[i].values[index.zip(&steps[i]).map(|(a, s)| a * s).sum::<usize>()]);
        });
        Some(Ranges { shape, kept, values }.shorten())
    }

    /// A contract with operands of which only intervals are known.
    pub fn contract(spec: &ContractSpec, x: &Ranges, w: &Ranges) -> Ranges {
        Ranges::uniform(&spec.result_shape(), spec.bound(x.hull(), w.hull()))
    }

    /// A contract with known weights `w`, row-major over its map: one interval per output channel and group.
    ///
    /// # Errors
    /// When the weights are floats.
    pub fn contract_known(spec: &ContractSpec, x: Interval, w: &ParamData) -> Result<Ranges> {
        let roles = spec.roles();
        let shape = spec.result_shape();
        let in_w = |r: &ResultIndex| matches!(r, ResultIndex::One(i) if spec.w.contains(i));
        let kept: Vec<usize> = spec.y.iter().zip(&shape).map(|(r, &e)| if in_w(r) { e } else { 1 }).collect();
        let kept_strides = row_major(&kept);
        // Per result element: the sum over taps, of each tap's sum over what is contracted. A border element misses some taps.
        let taps: Vec<usize> = roles.sums.iter().map(|&(_, k)| k).collect();
        let tap_shape: Vec<usize> = taps.iter().map(|&k| spec.extents[k]).collect();
        let n_taps: usize = tap_shape.iter().product();
        let tap_strides = row_major(&tap_shape);
        let repeats: i128 =
            roles.x_summed.iter().map(|&i| spec.extents[i] as i128).fold(1, i128::saturating_mul);
        let channels: usize = kept.iter().product();
        // Per channel and tap, the sum of its positive and that of its negative weights.
        let mut sums = vec![(0i128, 0i128); channels * n_taps];
        let w_shape: Vec<usize> = spec.w.iter().map(|&i| spec.extents[i]).collect();
        let step = |axis: usize| -> usize {
            let i = spec.w[axis];
            let to_channel = spec.y.iter().position(|r| *r == ResultIndex::One(i));
            let to_tap = taps.iter().position(|&k| k == i);
            to_channel.map_or(0, |d| kept_strides[d] * n_taps) + to_tap.map_or(0, |d| tap_strides[d])
        };
        let steps: Vec<usize> = (0..spec.w.len()).map(step).collect();
        with_integers!(w, |w| SignedSums { shape: &w_shape, steps: &steps }.add(w, &mut sums))?;
        let product =
            |(positive, negative): (i128, i128)| (x.scale(positive) + x.scale(negative)).scale(repeats);
        let sums: Vec<Interval> = sums.into_iter().map(product).collect();
        let zero = Interval::point(0);
        let of_channel = |taps: &[Interval]| match taps {
            [one] => *one,
            many => many.iter().fold(zero, |acc, &t| acc + t.hull(zero)),
        };
        Ok(Ranges { shape, kept, values: sums.chunks_exact(n_taps).map(of_channel).collect() }.shorten())
    }
}

/// Sums of the positive and of the negative elements of a tensor, along the axes whose step is 0.
struct SignedSums<'a> {
    shape: &'a [usize],
    /// Step of each axis through the sums.
    steps: &'a [usize],
}

impl SignedSums<'_> {
    /// Adds elements, which are read once and in order.
    fn add<T: Copy + Into<i64>>(&self, values: &[T], sums: &mut [(i128, i128)]) {
        if values.is_empty() {
            return;
        }
        // the last axes, as long as they step through the sums one by one: a row of elements is added to a row of sums
        let (mut first, mut row) = (self.shape.len(), 1);
        while first > 0 && self.steps[first - 1] == row {
            first -= 1;
            row *= self.shape[first];
        }
        // before them, axes that are summed
        let outer = self.steps[..first].iter().rposition(|&step| step > 0).map_or(0, |axis| axis + 1);
        let rows: usize = self.shape[outer..first].iter().product();
        // as many rows as are surely summed in 64 bits
        let most = if size_of::<T>() < 8 { 1 << 31 } else { 1 };
        let (mut positive, mut negative) = (vec![0i64; row], vec![0i64; row]);
        let mut blocks = values.chunks_exact(rows * row);
        for_each_index(&self.shape[..outer], |at| {
            let to: usize = at.iter().zip(self.steps).map(|(a, s)| a * s).sum();
            for some in blocks.next().unwrap_or_default().chunks(row * most) {
                positive.fill(0);
                negative.fill(0);
                if let ([positive], [negative]) = (&mut positive[..], &mut negative[..]) {
                    *positive = some.iter().map(|&value| value.into().max(0)).sum();
                    *negative = some.iter().map(|&value| value.into().min(0)).sum();
                } else {
                    for values in some.chunks_exact(row) {
                        positive.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value.into().max(0));
                        negative.iter_mut().zip(values).for_each(|(sum, &value)| *sum += value.into().min(0));
                    }
                }
                for (sum, (p, n)) in sums[to..][..row].iter_mut().zip(positive.iter().zip(&negative)) {
                    *sum = (sum.0 + i128::from(*p), sum.1 + i128::from(*n));
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ResultIndex::{One, Sum};

    fn iv(lo: i64, hi: i64) -> Interval {
        (lo, hi).into()
    }

    #[test]
    fn shortens_where_nothing_differs() {
        let r = Ranges::exact(&[2, 3, 2], &[1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3]);
        assert_eq!((r.kept.as_slice(), r.values.len()), ([1, 3, 1].as_slice(), 3));
        assert_eq!((r.hull(), r.at(&[1, 2, 0])), (iv(1, 3), iv(3, 3)));
    }

    /// Bias and accumulator go together by channel: the hulls' sum would be [-110, 110].
    #[test]
    fn correlated_channels_stay_narrow() {
        let acc = Ranges::exact(&[1, 2], &[100, -100]);
        let bias = Ranges::exact(&[2], &[-10, 10]).view(&View::along(&[1, 2], 1));
        assert_eq!(Ranges::affine(&[1, 2], &[(1, &acc), (1, &bias)], 0).hull(), iv(-90, 90));
        assert_eq!(acc.mul(&bias).hull(), iv(-1000, -1000));
    }

    #[test]
    fn views_follow_elements() {
        let r = Ranges::exact(&[2, 2], &[1, 2, 3, 4]);
        let v = View::window(&[2, 2], &[0, -1], &[1, 1], &[2, 3]);
        let out = r.view(&v);
        let points: Vec<i128> = (0..6).map(|i| out.at(&[i / 3, i % 3]).lo).collect();
        assert_eq!(points, [0, 1, 2, 0, 3, 4]);
        let padded = Ranges::uniform(&[2, 2], iv(5, 6)).view(&v);
        assert_eq!((padded.at(&[1, 0]), padded.at(&[1, 1])), (iv(0, 0), iv(5, 6)));
        let b = r.view(&View::broadcast(&[2, 2], &[7, 2, 2]).unwrap());
        assert_eq!((b.kept.as_slice(), b.at(&[6, 1, 0])), ([1, 2, 2].as_slice(), iv(3, 3)));
    }

    #[test]
    fn concat_keeps_the_parts_apart() {
        let (a, b) = (Ranges::uniform(&[2, 1], iv(0, 1)), Ranges::uniform(&[2, 2], iv(5, 6)));
        let c = Ranges::concat(&[&a, &b], 1).unwrap();
        assert_eq!((c.at(&[1, 0]), c.at(&[0, 1]), c.at(&[1, 2])), (iv(0, 1), iv(5, 6), iv(5, 6)));
        assert_eq!(c.kept, [1, 3]);
    }

    #[test]
    fn lookup_and_split() {
        let f = TableFunction::Clamp { lo: 0, hi: 9, offset: 0, shift: 1, min: 0, max: 3 };
        let r = Ranges::exact(&[2], &[3, 9]);
        assert_eq!(r.lookup(&f).unwrap().hull(), iv(1, 3));
        assert_eq!(Ranges::exact(&[2], &[3, 10]).lookup(&f), Err(iv(10, 10)));
        let (hi, lo) = Ranges::uniform(&[2], iv(-5, 9)).split(2);
        assert_eq!((hi.hull(), lo.hull()), (iv(-2, 2), iv(0, 3)));
    }

    /// Whatever axes are summed, and for the largest values: the definition.
    #[test]
    fn signed_sums_are_sums() {
        let cases = [[12, 4, 1], [4, 0, 1], [3, 1, 0], [0, 0, 0], [0, 4, 1], [1, 2, 0], [0, 8, 2], [0, 1, 3]];
        let w: Vec<i64> =
            (0..24).map(|i| if i % 3 == 0 { i64::MAX - i } else { i * 7 % 11 - i64::MAX }).collect();
        for steps in cases {
            let (shape, mut expected) = ([2, 3, 4], vec![(0i128, 0i128); 32]);
            let (mut sums, mut narrow, mut all) = (expected.clone(), expected.clone(), w.iter());
            let mut narrow_expected = expected.clone();
            for_each_index(&shape, |at| {
                let to: usize = at.iter().zip(&steps).map(|(a, s)| a * s).sum();
                let add = |sum: &mut (i128, i128), v: i128| *sum = (sum.0 + v.max(0), sum.1 + v.min(0));
                let v = *all.next().unwrap();
                add(&mut expected[to], v.into());
                add(&mut narrow_expected[to], (v as i16).into());
            });
            let signed = SignedSums { shape: &shape, steps: &steps };
            signed.add(&w, &mut sums);
            signed.add(&w.iter().map(|&v| v as i16).collect::<Vec<_>>(), &mut narrow);
            assert_eq!((sums, narrow), (expected, narrow_expected), "{steps:?}");
        }
    }

    /// The bound per channel is attained by some input, and holds for every input, border elements included.
    #[test]
    fn contract_bounds_hold_and_are_attained() {
        let spec = ContractSpec::new(
            4,
            vec![0, 1],
            vec![0, 2, 3],
            vec![One(0), One(2), Sum(1, 3)],
            &[2, 4],
            &[2, 3, 3],
        )
        .unwrap();
        let w: Vec<i64> = (0..18).map(|i| (i * 5) % 7 - 3).collect();
        let x = iv(-2, 3);
        let bound = Ranges::contract_known(&spec, x, &ParamData::I64(w.clone().into())).unwrap();
        let mut seen = vec![None; 6];
        // Every x of one group at its extremes: 2^4 each, both groups alike.
        for bits in 0..16 {
            let xs: Vec<i64> = (0..8).map(|i| if bits >> (i % 4) & 1 == 1 { 3 } else { -2 }).collect();
            let y = spec.evaluate(&xs, &w).unwrap();
            let mut at = 0;
            for_each_index(&[2, 3, 6], |i| {
                let b = bound.at(i);
                assert!(b.holds(y[at]), "{i:?}: {} not in {b}", y[at]);
                let s = &mut seen[i[0] * 3 + i[1]];
                *s = Some(s.map_or(Interval::point(y[at]), |h: Interval| h.hull(Interval::point(y[at]))));
                at += 1;
            });
        }
        for c in 0..6 {
            assert_eq!(seen[c], Some(bound.at(&[c / 3, c % 3, 0])), "channel {c}");
        }
        let whole = Ranges::contract(&spec, &Ranges::uniform(&[2, 4], x), &Ranges::exact(&[2, 3, 3], &w));
        assert!(whole.hull().contains(bound.hull()));
    }
}
