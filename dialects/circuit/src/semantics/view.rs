//! Views: affine re-indexings of a dense tensor. One map says a transpose, reshape, slice, zero padding, crop, broadcast,
//! pooling lane or space-to-depth.
//!
//! `result[r] = x.flat[offset + Σ_d r_d·stride_d]` where `valid_low_d ≤ r_d < valid_high_d` for every d, and 0 elsewhere.
//!
//! Invariants of a checked view: all four lists have the rank of the result; every box lies within its extent; every source
//! read lies in the tensor viewed.

use super::{Interval, LARGE, for_each_index, row_major};

/// An affine re-indexing, with the shape of its result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Flat source index of the result index 0 (which may itself be padding, so it may be negative).
    pub offset: i64,
    /// Flat source step per result axis.
    pub strides: Vec<i64>,
    /// First result index per axis that reads the source.
    pub valid_low: Vec<i64>,
    /// One past the last result index per axis that reads the source.
    pub valid_high: Vec<i64>,
}

/// The mark of a padded (zero) element in [`View::sources`].
pub const ZERO: i64 = -1;

impl View {
    /// A view that reads the source everywhere.
    pub fn dense(shape: Vec<usize>, offset: i64, strides: Vec<i64>) -> View {
        let valid_low = vec![0; shape.len()];
        let valid_high = shape.iter().map(|&e| e as i64).collect();
        View { shape, offset, strides, valid_low, valid_high }
    }

    /// The same elements in the same order under another shape.
    pub fn reshape(shape: Vec<usize>) -> View {
        let strides = row_major(&shape).into_iter().map(|s| s as i64).collect();
        View::dense(shape, 0, strides).normalized()
    }

    /// `result.shape[i] = shape[perm[i]]`.
    pub fn transpose(shape: &[usize], perm: &[usize]) -> View {
        let strides = row_major(shape);
        View::dense(
            perm.iter().map(|&p| shape[p]).collect(),
            0,
            perm.iter().map(|&p| strides[p] as i64).collect(),
        )
        .normalized()
    }

    /// Result index r reads source index `starts + r·steps` per axis where that lies in `shape`, and is 0 elsewhere: crop,
    /// slice, zero padding (a negative start) and pooling lanes. `steps` may be any nonzero integers.
    pub fn window(shape: &[usize], starts: &[i64], steps: &[i64], sizes: &[usize]) -> View {
        let dims = row_major(shape);
        let mut view = View::dense(sizes.to_vec(), 0, vec![0; sizes.len()]);
        for d in 0..sizes.len() {
            let (start, step, extent) = (starts[d], steps[d], shape[d] as i64);
            view.offset += start * dims[d] as i64;
            view.strides[d] = step * dims[d] as i64;
            // backwards is forwards, seen from the other end
            let (start, step) = if step > 0 { (start, step) } else { (extent - 1 - start, -step) };
            let (n, from) = (sizes[d] as i64, |position: i64| (position - start + step - 1).div_euclid(step));
            view.valid_low[d] = from(0).clamp(0, n);
            view.valid_high[d] = from(extent).clamp(view.valid_low[d], n);
        }
        view.normalized()
    }

    /// Numpy broadcasting of a tensor of `from` to `to`; `None` where the shapes do not broadcast.
    pub fn broadcast(from: &[usize], to: &[usize]) -> Option<View> {
        let lead = to.len().checked_sub(from.len())?;
        let dims = row_major(from);
        let mut strides = vec![0; to.len()];
        for (d, &e) in from.iter().enumerate() {
            if e == to[lead + d] {
                strides[lead + d] = if e == 1 { 0 } else { dims[d] as i64 };
            } else if e != 1 {
                return None;
            }
        }
        Some(View::dense(to.to_vec(), 0, strides).normalized())
    }

    /// Repeats a vector of `shape[axis]` elements along every other axis of `shape`.
    pub fn along(shape: &[usize], axis: usize) -> View {
        let mut strides = vec![0; shape.len()];
        strides[axis] = 1;
        View::dense(shape.to_vec(), 0, strides).normalized()
    }

    /// Number of elements of the result.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the result has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no element is padding.
    pub fn reads_everywhere(&self) -> bool {
        self.shape.iter().enumerate().all(|(d, &e)| self.valid_low[d] <= 0 && self.valid_high[d] >= e as i64)
    }

    /// Checks the invariants against a source of `source_len` elements.
    ///
    /// # Errors
    /// A sentence that says which list or axis is wrong, and how.
    pub fn check(&self, source_len: usize) -> Result<(), String> {
        let rank = self.shape.len();
        for (name, list) in
            [("strides", &self.strides), ("valid", &self.valid_low), ("valid end", &self.valid_high)]
        {
            if list.len() != rank {
                return Err(format!(
                    "{name}: expected one value for each of {rank} axes, found {}",
                    list.len()
                ));
            }
        }
        let mut reach = Interval::point(self.offset);
        let mut empty = false;
        for (axis, &extent) in self.shape.iter().enumerate() {
            let (low, high) = (self.valid_low[axis], self.valid_high[axis]);
            if low < 0 || high < low || high > extent as i64 {
                return Err(format!(
                    "valid: expected a range within 0..{extent} on axis {axis}, found {low}..{high}"
                ));
            }
            empty |= low == high;
            reach = reach + Interval::new(low, high - 1).scale(self.strides[axis]);
        }
        if !empty && (reach.lo < 0 || reach.hi >= source_len as i128) {
            return Err(format!(
                "valid positions read the flat indices {reach}, but the operand has {source_len} elements"
            ));
        }
        Ok(())
    }

    /// Flat source index of each result element in row-major order, or [`ZERO`] for padding. Brute force.
    pub fn sources(&self) -> Vec<i64> {
        let mut out = Vec::with_capacity(self.len());
        for_each_index(&self.shape, |r| {
            let (mut at, mut valid) = (self.offset, true);
            for (d, &i) in r.iter().enumerate() {
                let i = i as i64;
                valid &= self.valid_low[d] <= i && i < self.valid_high[d];
                at += i * self.strides[d];
            }
            out.push(if valid { at } else { ZERO });
        });
        out
    }

    /// The viewed tensor, `zero` where padded. `x` must be long enough for a view that passed [`View::check`].
    pub fn apply<T: Copy>(&self, x: &[T], zero: T) -> Vec<T> {
        self.sources().into_iter().map(|s| if s == ZERO { zero } else { x[s as usize] }).collect()
    }

    /// The view whose flat map is `sources` (row-major over `shape`, [`ZERO`] for padding), in canonical form; `None` where
    /// no affine map with a box of valid indices says it.
    pub fn fit(shape: &[usize], sources: &[i64]) -> Option<View> {
        let rank = shape.len();
        let (mut low, mut high) = (vec![i64::MAX; rank], vec![0i64; rank]);
        let (mut at, mut valid) = (0, 0usize);
        for_each_index(shape, |r| {
            if sources[at] != ZERO {
                valid += 1;
                for d in 0..rank {
                    low[d] = low[d].min(r[d] as i64);
                    high[d] = high[d].max(r[d] as i64 + 1);
                }
            }
            at += 1;
        });
        if valid == 0 {
            return Some(View {
                shape: shape.to_vec(),
                offset: 0,
                strides: vec![0; rank],
                valid_low: vec![0; rank],
                valid_high: vec![0; rank],
            });
        }
        if valid != (0..rank).map(|d| (high[d] - low[d]) as usize).product::<usize>() {
            return None;
        }
        let dims = row_major(shape);
        let corner: usize = (0..rank).map(|d| low[d] as usize * dims[d]).sum();
        let strides: Vec<i64> = (0..rank)
            .map(|d| if high[d] - low[d] > 1 { sources[corner + dims[d]] - sources[corner] } else { 0 })
            .collect();
        let offset = sources[corner] - (0..rank).map(|d| low[d] * strides[d]).sum::<i64>();
        let view = View { shape: shape.to_vec(), offset, strides, valid_low: low, valid_high: high };
        (view.sources() == sources).then_some(view)
    }

    /// The canonical form, which every constructor but [`View::dense`] gives: axes with at most one valid index have stride 0, a view of padding alone has an empty box at 0.
    pub fn normalized(&self) -> View {
        let mut v = self.clone();
        let rank = v.shape.len();
        if (0..rank).any(|d| v.valid_low[d] >= v.valid_high[d]) {
            v.offset = 0;
            (v.strides, v.valid_low, v.valid_high) = (vec![0; rank], vec![0; rank], vec![0; rank]);
            return v;
        }
        for d in 0..rank {
            if v.valid_high[d] - v.valid_low[d] == 1 {
                v.offset += v.valid_low[d] * v.strides[d];
                v.strides[d] = 0;
            }
        }
        v
    }

    /// The view of a view: `self` reads what `inner` yields. `None` where the composition is no single view, or too large to
    /// tell.
    pub fn after(&self, inner: &View) -> Option<View> {
        if self.len() > LARGE || inner.len() > LARGE {
            return None;
        }
        let inner = inner.sources();
        let sources: Vec<i64> =
            self.sources().into_iter().map(|s| if s == ZERO { ZERO } else { inner[s as usize] }).collect();
        View::fit(&self.shape, &sources)
    }

    /// Whether the view yields the tensor of shape `source` unchanged.
    pub fn is_identity(&self, source: &[usize]) -> bool {
        self.shape == source && self.normalized() == View::reshape(source.to_vec()).normalized()
    }

    /// Whether the view yields every element of a tensor of `source_len` elements once, in order: a reshape.
    pub fn is_reshape(&self, source_len: usize) -> bool {
        self.len() == source_len && self.normalized() == View::reshape(self.shape.clone()).normalized()
    }
}

/// Whether the views, taken together, read each source element at most once and pad nowhere, so that elementwise work on the
/// source may be done on the views instead without doing any of it twice.
pub fn partition<'a>(views: impl IntoIterator<Item = &'a View>, source_len: usize) -> bool {
    if source_len > LARGE {
        return false;
    }
    let mut seen = vec![false; source_len];
    views.into_iter().all(|v| {
        v.reads_everywhere()
            && v.sources().into_iter().all(|s| !std::mem::replace(&mut seen[s as usize], true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iota(n: usize) -> Vec<i64> {
        (0..n as i64).collect()
    }

    #[test]
    fn the_common_views() {
        let x = iota(24); // 2x3x4
        let t = View::transpose(&[2, 3, 4], &[2, 0, 1]);
        assert_eq!(t.shape, [4, 2, 3]);
        assert_eq!(t.apply(&x, 0)[..6], [0, 4, 8, 12, 16, 20]);
        let pad = View::window(&[2, 2], &[-1, 0], &[1, 1], &[4, 3]);
        assert_eq!(pad.apply(&[1, 2, 3, 4], 0), [0, 0, 0, 1, 2, 0, 3, 4, 0, 0, 0, 0]);
        let lane = View::window(&[4, 4], &[1, 0], &[2, 2], &[2, 2]);
        assert_eq!(lane.apply(&iota(16), 0), [4, 6, 12, 14]);
        let rev = View::window(&[5], &[4], &[-2], &[3]);
        assert_eq!(rev.apply(&iota(5), 0), [4, 2, 0]);
        let b = View::broadcast(&[3, 1], &[2, 3, 2]).unwrap();
        assert_eq!(b.apply(&[7, 8, 9], 0), [7, 7, 8, 8, 9, 9, 7, 7, 8, 8, 9, 9]);
        assert_eq!(View::broadcast(&[3, 2], &[2, 3]), None);
        assert_eq!(View::along(&[2, 2], 1).apply(&[5, 6], 0), [5, 6, 5, 6]);
        assert!(View::reshape(vec![6, 4]).is_reshape(24) && !t.is_reshape(24));
        assert!(View::reshape(vec![6, 4]).is_identity(&[6, 4]));
        assert!(View::transpose(&[1, 6], &[1, 0]).is_reshape(6));
    }

    #[test]
    fn check_names_what_is_wrong() {
        let v = View::dense(vec![2, 2], 0, vec![2, 1]);
        assert_eq!(v.check(4), Ok(()));
        assert_eq!(
            v.check(3).unwrap_err(),
            "valid positions read the flat indices [0, 3], but the operand has 3 elements"
        );
        assert_eq!(
            View { strides: vec![1], ..v.clone() }.check(4).unwrap_err(),
            "strides: expected one value for each of 2 axes, found 1"
        );
        assert_eq!(
            View { valid_high: vec![2, 3], ..v.clone() }.check(4).unwrap_err(),
            "valid: expected a range within 0..2 on axis 1, found 0..3"
        );
        assert!(View { offset: -1, ..v }.check(4).is_err());
    }

    /// `fit` inverts `sources`, and composition agrees with applying one view after the other, on all windows of a 2-D tensor.
    #[test]
    fn fit_and_compose_agree_with_brute_force() {
        let shape = [3, 4];
        let mut windows = vec![View::transpose(&shape, &[1, 0]), View::reshape(vec![2, 6])];
        for start in -1..3 {
            for step in [1, 2, -1] {
                for size in 1..4 {
                    windows.push(View::window(&shape, &[start, 1], &[step, 1], &[size, 3]));
                    windows.push(View::window(&shape, &[0, start], &[1, step], &[3, size]));
                }
            }
        }
        let x = iota(12).iter().map(|v| v + 100).collect::<Vec<_>>();
        let (mut composed, mut refused) = (0, 0);
        for inner in &windows {
            assert_eq!(inner.check(12), Ok(()));
            assert_eq!(View::fit(&inner.shape, &inner.sources()), Some(inner.normalized()), "{inner:?}");
            let y = inner.apply(&x, 0);
            let n = inner.len();
            let outers = [
                View::reshape(vec![n]),
                View::transpose(&inner.shape, &[1, 0]),
                View::window(&inner.shape, &[0, -1], &[1, 2], &[2, 2]),
                View::window(&inner.shape, &[1, 0], &[1, 1], &[3, 2]),
            ];
            for outer in outers {
                match outer.after(inner) {
                    Some(c) => {
                        composed += 1;
                        assert_eq!(c.apply(&x, 0), outer.apply(&y, 0));
                    }
                    None => refused += 1,
                }
            }
        }
        assert!(composed > 100 && refused > 5, "{composed} composed, {refused} refused");
    }

    #[test]
    fn pooling_lanes_partition_only_where_windows_are_disjoint() {
        let lanes = |k: i64, s: i64, n: usize| -> Vec<View> {
            (0..k * k).map(|t| View::window(&[5, 5], &[t / k, t % k], &[s, s], &[n, n])).collect()
        };
        assert!(partition(&lanes(2, 2, 2), 25)); // drops the last row and column
        assert!(!partition(&lanes(3, 2, 2), 25)); // windows overlap
        assert!(!partition(&[View::broadcast(&[5, 1], &[5, 2]).unwrap()], 5));
        assert!(!partition(&[View::window(&[5], &[-1], &[1], &[5])], 5)); // pads
    }
}
