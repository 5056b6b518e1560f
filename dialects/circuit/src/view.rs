//! Affine re-indexings: making them, following them, and composing two into one.
//!
//! Invariant: for a view that [`ViewAttrs::check`] accepts, every valid position reads inside the operand.

use crate::interval::Interval;
use tessera_mlir::{Error, Result, shape};

/// `result[r] = x.flat[offset + Σ r_d·strides_d]` where `valid_low ≤ r < valid_high`, else 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ViewAttrs {
    /// The flat index of position 0, which need not be valid itself.
    pub offset: i64,
    /// How far one step along each axis of the result goes in the operand.
    pub strides: Vec<i64>,
    /// The first valid position of each axis.
    pub valid_low: Vec<i64>,
    /// The position after the last valid one of each axis.
    pub valid_high: Vec<i64>,
}

impl ViewAttrs {
    /// Every position of `shape` is valid.
    pub fn full(offset: i64, strides: Vec<i64>, shape: &[usize]) -> Self {
        Self { offset, strides, valid_low: vec![0; shape.len()], valid_high: signed(shape) }
    }

    /// The operand itself.
    pub fn identity(shape: &[usize]) -> Self {
        Self::full(0, signed(&shape::strides(shape)), shape)
    }

    /// The operand's elements in order, under other extents.
    pub fn reshape(to: &[usize]) -> Self {
        Self::identity(to)
    }

    /// Axis `i` of the result is axis `perm[i]` of the operand.
    ///
    /// # Errors
    /// When `perm` is not a permutation of the axes.
    pub fn transpose(from: &[usize], perm: &[usize]) -> Result<Self> {
        let to = shape::transpose(from, perm)?;
        let strides = shape::strides(from);
        Ok(Self::full(0, perm.iter().map(|&axis| strides[axis] as i64).collect(), &to))
    }

    /// `sizes[i]` positions of axis `i`, from `starts[i]` in steps of `steps[i]`.
    ///
    /// # Errors
    /// When a position lies outside the operand.
    pub fn slice(from: &[usize], starts: &[usize], sizes: &[usize], steps: &[usize]) -> Result<Self> {
        let to = shape::slice(from, starts, sizes, steps)?;
        let strides = shape::strides(from);
        let offset = starts.iter().zip(&strides).map(|(start, stride)| (start * stride) as i64).sum();
        Ok(Self::full(
            offset,
            steps.iter().zip(&strides).map(|(step, stride)| (step * stride) as i64).collect(),
            &to,
        ))
    }

    /// `low[i]` zeros before and `high[i]` zeros after axis `i`.
    ///
    /// # Errors
    /// When there is not one of each per axis.
    pub fn pad(from: &[usize], low: &[usize], high: &[usize]) -> Result<Self> {
        shape::pad(from, low, high)?;
        let strides = signed(&shape::strides(from));
        Ok(Self {
            offset: -low.iter().zip(&strides).map(|(&low, stride)| low as i64 * stride).sum::<i64>(),
            strides,
            valid_low: signed(low),
            valid_high: low.iter().zip(from).map(|(low, extent)| (low + extent) as i64).collect(),
        })
    }

    /// Numpy broadcasting to a shape.
    ///
    /// # Errors
    /// When the operand does not broadcast to it.
    pub fn broadcast(from: &[usize], to: &[usize]) -> Result<Self> {
        if shape::broadcast(from, to)? != to {
            return Err(Error::new(format!(
                "{} does not broadcast to {}",
                shape::show(from),
                shape::show(to)
            )));
        }
        let new = to.len() - from.len();
        let strides = shape::strides(from);
        let strides = (0..to.len())
            .map(|axis| if axis < new || from[axis - new] == 1 { 0 } else { strides[axis - new] as i64 })
            .collect();
        Ok(Self::full(0, strides, to))
    }

    /// The flat index that a position of the result reads; `None` for padding.
    pub fn source(&self, position: &[usize]) -> Option<usize> {
        let mut index = i128::from(self.offset);
        for (axis, &at) in position.iter().enumerate() {
            let at = at as i64;
            if at < self.valid_low[axis] || at >= self.valid_high[axis] {
                return None;
            }
            index += i128::from(at) * i128::from(self.strides[axis]);
        }
        usize::try_from(index).ok()
    }

    /// Whether a result of these extents has padding.
    pub fn has_padding(&self, result: &[usize]) -> bool {
        (0..result.len()).any(|axis| self.valid_low[axis] > 0 || self.valid_high[axis] < result[axis] as i64)
    }

    /// Whether the result is the operand, element by element.
    pub fn is_identity(&self, from: &[usize], result: &[usize]) -> bool {
        let contiguous = shape::strides(result);
        from == result
            && self.offset == 0
            && !self.has_padding(result)
            && (0..result.len())
                .all(|axis| result[axis] == 1 || self.strides[axis] == contiguous[axis] as i64)
    }

    /// Checks the view of an operand of `operand` elements.
    ///
    /// # Errors
    /// When lists have another length than the result has axes, valid ranges leave the result, or a valid position
    /// reads outside the operand.
    pub fn check(&self, operand: usize, result: &[usize]) -> Result<()> {
        for (name, list) in
            [("strides", &self.strides), ("valid", &self.valid_low), ("valid end", &self.valid_high)]
        {
            if list.len() != result.len() {
                return Err(Error::new(format!(
                    "{name}: expected one value for each of {} axes, found {}",
                    result.len(),
                    list.len()
                )));
            }
        }
        for (axis, &extent) in result.iter().enumerate() {
            let (low, high) = (self.valid_low[axis], self.valid_high[axis]);
            if low < 0 || high > extent as i64 || low > high {
                return Err(Error::new(format!(
                    "valid: expected a range within 0..{extent} on axis {axis}, found {low}..{high}"
                )));
            }
        }
        match self.reach() {
            Some(reach) if reach.lo < 0 || reach.hi >= operand as i128 => Err(Error::new(format!(
                "valid positions read the flat indices {reach}, but the operand has {operand} elements"
            ))),
            _ => Ok(()),
        }
    }

    /// The least and greatest flat index read; `None` when no position is valid.
    fn reach(&self) -> Option<Interval> {
        let mut reach = Interval::point(self.offset.into());
        for axis in 0..self.strides.len() {
            let (low, high) = (self.valid_low[axis], self.valid_high[axis]);
            if low >= high {
                return None;
            }
            reach =
                reach + Interval { lo: low.into(), hi: (high - 1).into() }.scale(self.strides[axis].into());
        }
        Some(reach)
    }

    /// The one view that equals this view of the inner view's result (of extents `between`), if there is one.
    ///
    /// Along each axis of this view one step moves by a fixed vector of positions in `between`, if no step carries
    /// from one axis into the next. Then the composition is affine too. It is a view when moreover the positions
    /// whose inner position is valid form a box.
    pub fn after(&self, inner: &Self, between: &[usize]) -> Option<Self> {
        let rank = self.strides.len();
        if (0..rank).any(|axis| self.valid_low[axis] >= self.valid_high[axis]) {
            return None;
        }
        let digits = |position: &[i64]| {
            let mut flat = self.offset;
            for axis in 0..rank {
                flat = flat.checked_add(position[axis].checked_mul(self.strides[axis])?)?;
            }
            let mut flat = usize::try_from(flat).ok()?;
            let mut digits = vec![0i64; between.len()];
            for axis in (0..between.len()).rev() {
                digits[axis] = (flat % between[axis]) as i64;
                flat /= between[axis];
            }
            (flat == 0).then_some(digits)
        };
        let origin = self.valid_low.clone();
        let base = digits(&origin)?;
        let steps = (0..rank)
            .map(|axis| {
                if self.valid_high[axis] - origin[axis] < 2 {
                    return Some(vec![0; between.len()]);
                }
                let mut next = origin.clone();
                next[axis] += 1;
                Some(digits(&next)?.iter().zip(&base).map(|(to, from)| to - from).collect())
            })
            .collect::<Option<Vec<Vec<i64>>>>()?;
        let mut composed = Self {
            offset: inner.offset,
            strides: vec![0; rank],
            valid_low: origin.clone(),
            valid_high: self.valid_high.clone(),
        };
        for (axis, &extent) in between.iter().enumerate() {
            // Where this digit goes over the whole valid box; no carry when it stays a digit.
            let mut reach = Interval::point(base[axis].into());
            let mut movers = vec![];
            for outer in 0..rank {
                let step = steps[outer][axis];
                let last = self.valid_high[outer] - 1 - origin[outer];
                reach = reach + Interval::new(0, i128::from(last) * i128::from(step));
                if step != 0 {
                    movers.push(outer);
                }
                composed.strides[outer] =
                    composed.strides[outer].checked_add(step.checked_mul(inner.strides[axis])?)?;
            }
            if reach.lo < 0 || reach.hi >= extent as i128 {
                return None;
            }
            composed.offset = composed.offset.checked_add(base[axis].checked_mul(inner.strides[axis])?)?;
            let valid =
                Interval { lo: inner.valid_low[axis].into(), hi: i128::from(inner.valid_high[axis]) - 1 };
            if valid.contains(reach) {
                continue;
            }
            let &[outer] = movers.as_slice() else { return None };
            // low ≤ base + (r − origin)·step < high, solved for r.
            let step = steps[outer][axis];
            let inside = |r: i64| {
                let digit = base[axis] + (r - origin[outer]) * step;
                (inner.valid_low[axis]..inner.valid_high[axis]).contains(&digit)
            };
            let range = composed.valid_low[outer]..composed.valid_high[outer];
            composed.valid_low[outer] = range.clone().find(|&r| inside(r)).unwrap_or(range.start);
            composed.valid_high[outer] =
                range.rev().find(|&r| inside(r)).map_or(composed.valid_low[outer], |r| r + 1);
        }
        for axis in 0..rank {
            composed.offset =
                composed.offset.checked_sub(origin[axis].checked_mul(composed.strides[axis])?)?;
        }
        Some(composed)
    }
}

fn signed(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&value| value as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
        let strides = shape::strides(shape);
        let shape = shape.to_vec();
        (0..shape.iter().product())
            .map(move |flat: usize| (0..shape.len()).map(|axis| flat / strides[axis] % shape[axis]).collect())
    }

    fn apply(view: &ViewAttrs, x: &[i64], shape: &[usize]) -> Vec<i64> {
        positions(shape).map(|position| view.source(&position).map_or(0, |index| x[index])).collect()
    }

    #[test]
    fn makers_agree_with_their_meaning() {
        let x = (1..=6).collect::<Vec<i64>>();
        let transposed = ViewAttrs::transpose(&[2, 3], &[1, 0]).unwrap();
        assert_eq!(apply(&transposed, &x, &[3, 2]), [1, 4, 2, 5, 3, 6]);
        let padded = ViewAttrs::pad(&[2, 3], &[1, 0], &[0, 1]).unwrap();
        assert_eq!(apply(&padded, &x, &[3, 4]), [0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0]);
        let sliced = ViewAttrs::slice(&[2, 3], &[0, 1], &[2, 2], &[1, 1]).unwrap();
        assert_eq!(apply(&sliced, &x, &[2, 2]), [2, 3, 5, 6]);
        let broadcast = ViewAttrs::broadcast(&[2, 1], &[2, 2, 3]).unwrap();
        assert_eq!(apply(&broadcast, &x, &[2, 2, 3]), [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]);
        assert!(ViewAttrs::broadcast(&[2], &[3]).is_err());
    }

    #[test]
    fn reading_outside_is_refused() {
        let shape = [2, 3];
        let mut view = ViewAttrs::identity(&shape);
        assert!(view.check(6, &shape).is_ok());
        assert!(view.check(5, &shape).is_err());
        view.offset = i64::MAX;
        assert!(view.check(6, &shape).is_err());
        view.valid_high[0] = 0;
        assert!(view.check(6, &shape).is_ok(), "nothing is read where nothing is valid");
    }

    /// Composes random chains of pad, slice, transpose and reshape and compares with applying one after the other.
    #[test]
    fn composition_equals_one_after_the_other() {
        let mut state = 1u64;
        let mut random = |bound: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % bound
        };
        let mut composed = 0;
        for _ in 0..4000 {
            let shape = vec![1 + random(3), 1 + random(4), 1 + random(4)];
            let mut step = |from: &[usize]| -> (ViewAttrs, Vec<usize>) {
                let rank = from.len();
                match random(4) {
                    0 => {
                        let (low, high) =
                            ((0..rank).map(|_| random(2)).collect::<Vec<_>>(), vec![random(2); rank]);
                        (ViewAttrs::pad(from, &low, &high).unwrap(), shape::pad(from, &low, &high).unwrap())
                    }
                    1 => {
                        let starts = from.iter().map(|&extent| random(extent)).collect::<Vec<_>>();
                        let steps = (0..rank).map(|_| 1 + random(2)).collect::<Vec<_>>();
                        let sizes = (0..rank)
                            .map(|axis| 1 + random((from[axis] - 1 - starts[axis]) / steps[axis] + 1))
                            .collect::<Vec<_>>();
                        (ViewAttrs::slice(from, &starts, &sizes, &steps).unwrap(), sizes)
                    }
                    2 => {
                        let mut perm = (0..rank).collect::<Vec<_>>();
                        perm.rotate_left(random(rank));
                        let to = shape::transpose(from, &perm).unwrap();
                        (ViewAttrs::transpose(from, &perm).unwrap(), to)
                    }
                    _ => {
                        let to = vec![from[0] * from[1], from[2..].iter().product()];
                        (ViewAttrs::reshape(&to), to)
                    }
                }
            };
            let (inner, between) = step(&shape);
            if between.len() < 3 {
                continue;
            }
            let (outer, result) = step(&between);
            let x = (1..=shape.iter().product::<usize>() as i64).collect::<Vec<_>>();
            let expected = apply(&outer, &apply(&inner, &x, &between), &result);
            if let Some(both) = outer.after(&inner, &between) {
                composed += 1;
                both.check(x.len(), &result).unwrap();
                assert_eq!(
                    apply(&both, &x, &result),
                    expected,
                    "{outer:?} after {inner:?} between {between:?}"
                );
            }
        }
        assert!(composed > 1500, "only {composed} pairs were composed");
    }
}
