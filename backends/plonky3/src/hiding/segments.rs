//! The quotient of a hiding proof, in three segments, and the random codewords.
//!
//! Q has up to 2n + m − 2 coefficients, m the mask rows. With s = n − t₁ it is cut into A₀ + x^s·A₁ + x^2s·A₂, and committed are
//!
//! > B₀ = A₀ + x^s·r₀,  B₁ = A₁ − r₀ + x^s·r₁,  B₂ = A₂ − r₁
//!
//! with random r₀ and r₁ of [`Budget::first`] and t₁ = [`Budget::second`] coefficients, so that B₀ + x^s·B₁ + x^2s·B₂ = Q. B₀ and B₁ are
//! of degree below n and stand in their group's matrix, with a random codeword; B₂ is short, and all groups' stand in one matrix.
//!
//! # Correctness
//! A verifier adds the segments at the out-of-domain point: whatever they are, they are a polynomial of degree below
//! 2s + 2^k, k the height of the third ones, fixed before the point is drawn. Random codewords take part in FRI and in nothing else.
//!
//! # Hiding
//! The third segment is committed as B₂(κ·x): without the shift its queries would lie at points of the others' in a table of its height,
//! and what is shown would not be independent. A codeword at the tallest height alone would not hide what rolls into FRI at lower
//! ones, whose layers are opened almost whole.
use super::masks::Hiding;
use super::random::Purpose;
use super::tails::{Points, at_coset};
use crate::arithmetic::{Extension, F, Field, Mat, PrimeCharacteristicRing, coordinates, flatten};
use crate::p3::{Order, interpolate};
use p3_maybe_rayon::prelude::*;
use p3_util::reverse_slice_index_bits;

/// κ, by which the third segments' argument is multiplied.
pub fn kappa() -> F {
    F::GENERATOR
}

/// Rows of a codeword that come from one stream.
const BLOCK: usize = 1 << 12;

/// A quotient's values: on the extension in bit-reversed order, and at the points beyond it.
pub struct Values<E> {
    /// On the extension.
    pub extended: Vec<E>,
    /// At the points.
    pub beyond: Vec<E>,
}

/// Coefficients of what is committed of one group, row i those of xⁱ.
pub struct Segments {
    /// B₀, B₁ and a random codeword, side by side.
    pub tall: Mat,
    /// B₂(κ·x).
    pub last: Mat,
}

/// The quotient's coefficients: of the polynomial that takes these values.
fn coefficients<E: Extension>(hiding: &Hiding, values: Values<E>) -> Vec<E> {
    let points = Points::of(hiding.budget);
    let Values { mut extended, beyond } = values;
    let size = extended.len();
    reverse_slice_index_bits(&mut extended);
    // modulo x^2n − g^2n
    let low = interpolate(flatten(extended, 1), F::GENERATOR);
    let seen = at_coset(&low.values, E::DEGREE, Order::Natural, points, Points::shift());
    // what is left is a multiple of it, by a polynomial of few coefficients
    let modulus = |shift: F| shift.exp_u64(size as u64) - F::GENERATOR.exp_u64(size as u64);
    let scale = modulus(Points::shift()).inverse();
    let left = beyond.iter().zip(seen.values.chunks_exact(E::DEGREE));
    let left: Vec<E> =
        left.map(|(v, low)| (*v - E::from_basis_coefficients_fn(|i| low[i])) * scale).collect();
    let high = interpolate(flatten(left, 1), Points::shift());
    let constant = F::GENERATOR.exp_u64(size as u64);
    let element = |m: &Mat, i: usize| E::from_basis_coefficients_fn(|k| m.values[E::DEGREE * i + k]);
    let mut all: Vec<E> = (0..size).map(|i| element(&low, i)).collect();
    for i in 0..hiding.budget.top() {
        let h: E = element(&high, i);
        all[i] -= h * constant;
        all.push(h);
    }
    all
}

/// The segments of a group's quotient.
pub fn segments<E: Extension>(hiding: &Hiding, group: usize, values: Values<E>) -> Segments {
    let b = hiding.budget;
    let n = values.extended.len() / 2;
    let s = b.stride(n);
    let q = coefficients(hiding, values);
    let mut stream = hiding.seed.stream(Purpose::Segments, group, 0);
    let first: Vec<E> = (0..b.first()).map(|_| stream.extension()).collect();
    let second: Vec<E> = (0..b.second()).map(|_| stream.extension()).collect();
    let mut tall = Mat::new(F::zero_vec(3 * E::DEGREE * n), 3 * E::DEGREE);
    let put = |row: &mut [F], segment: usize, x: E| {
        row[segment * E::DEGREE..][..E::DEGREE].copy_from_slice(coordinates(&x));
    };
    for (i, row) in tall.values.chunks_exact_mut(3 * E::DEGREE).enumerate() {
        let handed = |list: &[E], from: usize| {
            i.checked_sub(from).and_then(|i| list.get(i)).copied().unwrap_or_default()
        };
        let own = |k: usize| if i < s { q[k * s + i] } else { E::ZERO };
        put(row, 0, own(0) + handed(&first, s));
        put(row, 1, own(1) - handed(&first, 0) + handed(&second, s));
    }
    codeword(hiding, group, &mut tall, 2 * E::DEGREE);
    let mut last = Mat::new(F::zero_vec(E::DEGREE << b.log_last()), E::DEGREE);
    let powers = kappa().powers();
    for (i, (row, power)) in last.values.chunks_exact_mut(E::DEGREE).zip(powers).enumerate().take(b.last()) {
        let a = q.get(2 * s + i).copied().unwrap_or_default();
        put(row, 0, (a - second.get(i).copied().unwrap_or_default()) * power);
    }
    Segments { tall, last }
}

/// Uniform coefficients in the columns from `at` on.
fn codeword(hiding: &Hiding, group: usize, m: &mut Mat, at: usize) {
    let width = m.width;
    m.values.par_chunks_mut(width * BLOCK).enumerate().for_each(|(b, rows)| {
        let mut stream = hiding.seed.stream(Purpose::Codeword, group, b);
        rows.chunks_exact_mut(width).for_each(|row| stream.fill(&mut row[at..]));
    });
}

/// All groups' third segments and a random codeword, side by side.
pub fn last<E: Extension>(hiding: &Hiding, all: &[Segments]) -> Mat {
    let width = E::DEGREE * (all.len() + 1);
    let mut out = Mat::new(F::zero_vec(width << hiding.budget.log_last()), width);
    for (g, s) in all.iter().enumerate() {
        let from = s.last.values.chunks_exact(E::DEGREE);
        for (row, from) in out.values.chunks_exact_mut(width).zip(from) {
            row[g * E::DEGREE..][..E::DEGREE].copy_from_slice(from);
        }
    }
    codeword(hiding, all.len(), &mut out, E::DEGREE * all.len());
    out
}
