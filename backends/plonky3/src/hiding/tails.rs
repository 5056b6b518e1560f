//! Columns at a few points beyond their low-degree extension.
//!
//! A quotient of a hiding proof has [`Budget::top`] coefficients more than its values on the extension determine. They follow from as
//! many values elsewhere: on a coset of a small subgroup, disjoint from the trace domain and from the extension. On γ·⟨w⟩ with w of
//! order K, a polynomial is its remainder modulo X^K − γ^K, which one pass over coefficients gives.
use crate::arithmetic::{F, Field, Mat, PF, PackedValue, PrimeCharacteristicRing, TwoAdicField};
use crate::budget::Budget;
use crate::p3::{Order, evaluate, extend_seeing};
use p3_maybe_rayon::prelude::*;
use p3_util::reverse_bits_len;

/// The points: a coset of a small subgroup.
#[derive(Clone, Copy, Debug)]
pub struct Points {
    /// log₂ of their number.
    pub log_size: usize,
}

impl Points {
    /// Those of a budget.
    pub fn of(budget: Budget) -> Points {
        Points { log_size: budget.top().next_power_of_two().trailing_zeros() as usize }
    }

    /// Their number.
    pub fn size(self) -> usize {
        1 << self.log_size
    }

    /// γ. The extension stands on the generator's coset of its subgroup, the trace domain on that of 1.
    pub fn shift() -> F {
        F::GENERATOR.square()
    }

    /// All of them.
    pub fn all(self) -> impl Iterator<Item = F> {
        F::two_adic_generator(self.log_size).shifted_powers(Points::shift()).take(self.size())
    }
}

/// A matrix's columns at these points, and at the points after them.
#[derive(Clone, Debug)]
pub struct Tails {
    /// At x.
    pub here: Mat,
    /// At ω·x.
    pub next: Mat,
}

/// The low-degree extension of columns given on the subgroup, and their values at the points.
pub fn extend(m: Mat, log_blowup: u8, points: Points) -> (Mat, Tails) {
    let height = m.values.len() / m.width;
    let omega = F::two_adic_generator(height.trailing_zeros() as usize);
    let shifts = [Points::shift(), Points::shift() * omega];
    let mut tails = vec![];
    let extended = extend_seeing(m, log_blowup, |coefficients, width, order| {
        let at = |shift: &F| at_coset(coefficients, width, order, points, *shift);
        tails = shifts.iter().map(at).collect();
    });
    let [here, next] =
        <[Mat; 2]>::try_from(tails).unwrap_or_else(|_| [Mat::new(vec![], 1), Mat::new(vec![], 1)]);
    (extended, Tails { here, next })
}

/// Columns of these coefficients on shift·⟨w⟩.
pub fn at_coset(coefficients: &[F], width: usize, order: Order, points: Points, shift: F) -> Mat {
    let step = shift.exp_power_of_2(points.log_size);
    let remainder = match order {
        Order::Natural => natural(coefficients, width, points, step),
        Order::BitReversed => bit_reversed(coefficients, width, points, step),
    };
    evaluate(Mat::new(remainder, width), shift)
}

/// out = step·out + from.
fn fold(out: &mut [F], step: F, from: &[F]) {
    let (packed, rest) = PF::pack_slice_with_suffix_mut(out);
    let (add, more) = PF::pack_slice_with_suffix(from);
    packed.iter_mut().zip(add).for_each(|(o, a)| *o = *o * step + *a);
    rest.iter_mut().zip(more).for_each(|(o, a)| *o = *o * step + *a);
}

/// Coefficients modulo X^K − step, the coefficients in natural order.
fn natural(coefficients: &[F], width: usize, points: Points, step: F) -> Vec<F> {
    let mut out = F::zero_vec(points.size() * width);
    coefficients.chunks(out.len()).rev().for_each(|c| fold(&mut out[..c.len()], step, c));
    out
}

/// The same, in bit-reversed order: all coefficients of one remainder stand side by side.
fn bit_reversed(coefficients: &[F], width: usize, points: Points, step: F) -> Vec<F> {
    let many = coefficients.len() / width / points.size();
    let bits = many.trailing_zeros() as usize;
    let powers: Vec<F> = step.powers().take(many).collect();
    let mut sums = F::zero_vec(points.size() * width);
    sums.par_chunks_exact_mut(width).zip(coefficients.par_chunks_exact(many * width)).for_each(
        |(out, rows)| {
            for (l, row) in rows.chunks_exact(width).enumerate() {
                let power = powers[reverse_bits_len(l, bits)];
                let (packed, rest) = PF::pack_slice_with_suffix_mut(out);
                let (add, more) = PF::pack_slice_with_suffix(row);
                packed.iter_mut().zip(add).for_each(|(o, a)| *o += *a * power);
                rest.iter_mut().zip(more).for_each(|(o, a)| *o += *a * power);
            }
        },
    );
    let mut out = F::zero_vec(sums.len());
    for (i, row) in sums.chunks_exact(width).enumerate() {
        let at = reverse_bits_len(i, points.log_size);
        out[at * width..(at + 1) * width].copy_from_slice(row);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Narrow and wide columns go through two transforms, with coefficients in either order.
    #[test]
    fn tails_are_the_columns_polynomials_at_the_points() {
        let budget = Budget { queries: 5, degree: 2 };
        let points = Points::of(budget);
        assert!(points.size() >= budget.top());
        for width in [1, 3, 16, 21] {
            let n = 64;
            let column = |c: usize, r: usize| F::from_usize((r * r * 7 + c * 31 + r) % 1009);
            let m = Mat::new((0..n * width).map(|i| column(i % width, i / width)).collect(), width);
            let log_blowup = 1 + width as u8 % 3;
            let (extended, tails) = extend(m.clone(), log_blowup, points);
            assert_eq!(extended, crate::p3::extend(m.clone(), log_blowup));
            let omega = F::two_adic_generator(6);
            for (k, x) in points.all().enumerate() {
                for (tail, x) in [(&tails.here, x), (&tails.next, x * omega)] {
                    for c in 0..width {
                        // barycentric on the trace domain
                        let scale = (x.exp_u64(n as u64) - F::ONE) * F::from_usize(n).inverse();
                        let sum: F = (0..n)
                            .map(|r| {
                                let w = omega.exp_u64(r as u64);
                                column(c, r) * w * (x - w).inverse()
                            })
                            .sum();
                        assert_eq!(
                            tail.values[k * width + c],
                            sum * scale,
                            "column {c} of {width} at point {k}"
                        );
                    }
                }
            }
        }
    }
}
