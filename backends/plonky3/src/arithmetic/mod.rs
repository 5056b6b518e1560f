//! Fields and matrices: the base field, the extensions that challenges are drawn from, machine vectors of both, and how rows
//! of matrices are read and summed.
//!
//! Invariant: nothing here knows a constraint, a commitment or a key; every other room of the crate stands on this one.
pub use extension::{Cubic, DEGREES, Extension, Quadratic, extension_bits};
pub use p3_field::{
    BasedVectorSpace, ExtensionField, Field, PackedFieldExtension, PackedFieldPow2, PackedValue,
    PrimeCharacteristicRing, PrimeField64, TwoAdicField,
};
use p3_goldilocks::Goldilocks;
use p3_matrix::dense::RowMajorMatrix;

pub mod dot;
mod extension;
pub mod lanes;
pub mod rows;

/// The base field.
pub type F = Goldilocks;
/// Order of the field.
pub const MODULUS: u64 = F::ORDER_U64;
/// A machine vector of base elements.
pub type PF = <F as Field>::Packing;
/// A machine vector of extension elements.
pub type PE<E> = <E as ExtensionField<F>>::ExtensionPacking;
/// Rows of base elements.
pub type Mat = RowMajorMatrix<F>;

/// Rows of extension elements.
#[derive(Clone, Debug)]
pub struct Columns<E> {
    /// Cells, row by row.
    pub values: Vec<E>,
    /// Columns.
    pub width: usize,
}

impl<E: Extension> Columns<E> {
    /// Zeros.
    pub fn new(height: usize, width: usize) -> Columns<E> {
        Columns { values: E::zero_vec(height * width), width }
    }
    /// Number of rows; 0 without columns.
    pub fn height(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }
    /// A cell.
    #[inline]
    pub fn at(&self, row: usize, column: usize) -> E {
        self.values[row * self.width + column]
    }
    /// A row.
    #[inline]
    pub fn row(&self, row: usize) -> &[E] {
        &self.values[row * self.width..][..self.width]
    }
}

/// The residue of a signed integer.
pub fn signed(x: i64) -> F {
    if x < 0 { -F::from_u64(x.unsigned_abs()) } else { F::from_u64(x as u64) }
}

/// The coordinates of an extension element.
#[inline]
pub fn coordinates<E: Extension>(x: &E) -> &[F] {
    x.as_basis_coefficients_slice()
}

/// The extension element whose coordinate polynomials take these values: Σ vᵢ·Xⁱ for X the extension's generator.
pub fn combine<E: Extension>(v: impl FnMut(usize) -> E) -> E {
    let x: E = E::from_basis_coefficients_fn(|i| if i == 1 { F::ONE } else { F::ZERO });
    (0..E::DEGREE).map(v).collect::<Vec<E>>().into_iter().rev().fold(E::ZERO, |sum, v| sum * x + v)
}

/// Base columns ([`Extension::DEGREE`] per extension column) of a row-major extension matrix.
pub fn flatten<E: Extension>(values: Vec<E>, width: usize) -> Mat {
    Mat::new(E::flatten_to_base(values), E::DEGREE * width)
}

/// Inverses of all entries, zero where an entry is zero: Montgomery's trick on norms, in the base field. `scratch` is overwritten.
pub fn invert_all<E: Extension>(x: &mut [PE<E>], scratch: &mut Vec<PF>) {
    scratch.clear();
    let mut product = PF::ONE;
    for v in x.iter() {
        scratch.push(product);
        product *= E::conjugate(v).1;
    }
    if product.as_slice().contains(&F::ZERO) {
        for v in x.iter_mut() {
            let old = *v;
            *v = PE::<E>::from_ext_fn(|lane| {
                let x: E = old.extract(lane);
                x.try_inverse().unwrap_or(E::ZERO)
            });
        }
        return;
    }
    let mut inverse = PF::from_fn(|lane| product.as_slice()[lane].inverse());
    for (v, before) in x.iter_mut().zip(scratch.iter()).rev() {
        let (cofactors, norm) = E::conjugate(v);
        let scale = inverse * *before;
        inverse *= norm;
        *v = PE::<E>::from_basis_coefficients_fn(|i| cofactors.as_ref()[i] * scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::p3::Sponge;

    fn inverses_are_inverses_and_zero_stays<E: Extension>() {
        let mut sponge = Sponge::new(b"test");
        let mut v: Vec<PE<E>> = (0..9).map(|_| PE::<E>::from_ext_fn(|_| E::from_u64(3))).collect();
        for x in &mut v {
            let lanes: Vec<E> = (0..PF::WIDTH).map(|_| sponge.draw()).collect();
            *x = PE::<E>::from_ext_slice(&lanes);
        }
        for zero in [false, true] {
            if zero {
                v[4] = PE::<E>::from_ext_fn(|l| if l == 0 { E::ZERO } else { E::from_u64(l as u64) });
            }
            let mut w = v.clone();
            invert_all::<E>(&mut w, &mut vec![]);
            for (a, b) in v.iter().zip(&w) {
                for l in 0..PF::WIDTH {
                    let (a, b): (E, E) = (a.extract(l), b.extract(l));
                    assert_eq!(a * b, if a == E::ZERO { E::ZERO } else { E::ONE });
                }
            }
        }
    }

    both!(inverses_are_inverses_and_zero_stays);
}
