//! The fields that challenges are drawn from: two extensions of the base field, each with what p3 does not say of it.
//!
//! Whatever computes in a challenge field has its [`Extension`] for a type parameter, and is compiled once for each degree. What only
//! counts columns takes the degree as a number, which stands in every key.
use super::{F, PE, PF};
use core::fmt::Debug;
use p3_field::extension::{BinomialExtensionField, BinomiallyExtendable, CubicTrinomialExtensionField};
use p3_field::{BasedVectorSpace, ExtensionField, Field};

/// F[X]/(X² − 7).
pub type Quadratic = BinomialExtensionField<F, 2>;
/// F[X]/(X³ − X − 1).
pub type Cubic = CubicTrinomialExtensionField<F>;

/// The degrees there are, the one that costs less first.
pub const DEGREES: [usize; 2] = [Quadratic::DEGREE, Cubic::DEGREE];

/// log₂ of the size of the extension of this degree, rounded down: what soundness is counted in.
pub fn extension_bits(degree: usize) -> usize {
    F::bits() * degree - 1
}

/// Something that an [`Extension::Array`] may hold.
pub trait Part: Copy + Send + Sync + Debug {}
impl<T: Copy + Send + Sync + Debug> Part for T {}

/// A challenge field.
pub trait Extension: ExtensionField<F> {
    /// Its degree: base columns of an extension column.
    const DEGREE: usize;
    /// As many as an element has coordinates.
    type Array<T: Part>: Part + AsRef<[T]> + AsMut<[T]>;
    /// Entry by entry.
    fn array<T: Part>(f: impl FnMut(usize) -> T) -> Self::Array<T>;
    /// The product of the other conjugates of x, and the norm, which is x times that: x⁻¹ = cofactors / norm.
    fn conjugate(x: &PE<Self>) -> (Self::Array<PF>, PF);
}

impl Extension for Quadratic {
    const DEGREE: usize = 2;
    type Array<T: Part> = [T; 2];

    #[inline(always)]
    fn array<T: Part>(f: impl FnMut(usize) -> T) -> [T; 2] {
        std::array::from_fn(f)
    }

    #[inline]
    fn conjugate(x: &PE<Self>) -> ([PF; 2], PF) {
        let c: &[PF] = x.as_basis_coefficients_slice();
        let w = PF::from(<F as BinomiallyExtendable<2>>::W);
        ([c[0], -c[1]], c[0] * c[0] - w * c[1] * c[1])
    }
}

impl Extension for Cubic {
    const DEGREE: usize = 3;
    type Array<T: Part> = [T; 3];

    #[inline(always)]
    fn array<T: Part>(f: impl FnMut(usize) -> T) -> [T; 3] {
        std::array::from_fn(f)
    }

    /// The cofactors are the first row of those of multiplication by x, where X³ = X + 1.
    #[inline]
    fn conjugate(x: &PE<Self>) -> ([PF; 3], PF) {
        let c: &[PF] = x.as_basis_coefficients_slice();
        let (a, b, c) = (c[0], c[1], c[2]);
        let (ac, bc) = (a + c, b + c);
        let cofactors = [ac * ac - bc * b, bc * c - b * ac, b * b - ac * c];
        (cofactors, a * cofactors[0] + c * cofactors[1] + b * cofactors[2])
    }
}
