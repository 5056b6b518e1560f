//! What rows are computed over: many in a machine vector, one, or a point of the extension outside the domain; and weighted
//! sums over their cells.
//!
//! Invariant: all three give the same value for the same cells.
use super::dot::{Constant, MOST, Sum};
use super::{
    BasedVectorSpace, Extension, F, Mat, PE, PF, PackedFieldExtension, PackedFieldPow2, PackedValue,
    PrimeCharacteristicRing, coordinates,
};
use std::marker::PhantomData;

/// What rows are computed over.
pub trait Arithmetic {
    /// The challenge field.
    type E: Extension;
    /// Cells of base columns.
    type B: PrimeCharacteristicRing + Copy + Send + Sync;
    /// Cells of extension columns.
    type X: PrimeCharacteristicRing + Copy + Send + Sync;
    /// Rows evaluated at once.
    const LANES: usize;
    /// A base constant.
    fn base(f: F) -> Self::B;
    /// An extension constant.
    fn constant(e: Self::E) -> Self::X;
    /// The extension element with these coordinates.
    fn from_coordinates(c: impl FnMut(usize) -> Self::B) -> Self::X;
    /// x·b.
    fn scale(x: Self::X, b: Self::B) -> Self::X;
    /// The weighted sum over a row.
    fn dot(d: &Weights<Self::E>, row: &[Self::B]) -> Self::X;
    /// From one value per lane.
    fn pack_base(f: impl Fn(usize) -> F) -> Self::B;
    /// Columns `column..` of the rows at `positions`, one for each lane.
    #[inline]
    fn load(m: &Mat, column: usize, positions: &[usize], out: &mut [Self::B])
    where
        Self: Sized,
    {
        gather::<Self>(m, column, positions, out);
    }
    /// The value of a lane.
    fn lane(x: &Self::X, lane: usize) -> Self::E;
    /// Inverses, 0 of 0.
    fn invert(x: &mut [Self::X], scratch: &mut Vec<PF>);
}

/// Up to so many summands, modular products are cheaper than what reducing a long sum costs.
const FEW: usize = 4;

/// Many rows at once.
pub struct Packed<E>(PhantomData<E>);
/// One row.
pub struct Single<E>(PhantomData<E>);
/// One point outside the domain: base columns take extension values there.
pub struct Point<E>(PhantomData<E>);

impl<E: Extension> Arithmetic for Packed<E> {
    type E = E;
    type B = PF;
    type X = PE<E>;
    const LANES: usize = PF::WIDTH;
    #[inline]
    fn base(f: F) -> PF {
        PF::from(f)
    }
    #[inline]
    fn constant(e: E) -> PE<E> {
        PE::<E>::from(e)
    }
    #[inline]
    fn from_coordinates(c: impl FnMut(usize) -> PF) -> PE<E> {
        PE::<E>::from_basis_coefficients_fn(c)
    }
    #[inline]
    fn scale(x: PE<E>, b: PF) -> PE<E> {
        x * b
    }
    #[inline]
    fn dot(d: &Weights<E>, row: &[PF]) -> PE<E> {
        let constant = coordinates(&d.constant);
        let mut sums = E::array(|i| PF::from(constant[i]));
        let acc = sums.as_mut();
        if d.columns.len() <= FEW {
            for (c, w) in d.columns.iter().zip(&d.full) {
                let v = row[*c as usize];
                if *w == E::ONE {
                    acc[0] += v;
                } else {
                    acc.iter_mut().zip(coordinates(w)).for_each(|(a, w)| *a += v * *w);
                }
            }
        } else {
            for (columns, constants) in d.columns.chunks(MOST).zip(d.constants.chunks(MOST)) {
                let mut sum = Sum::<E>::default();
                columns.iter().zip(constants).for_each(|(c, w)| sum.add(row[*c as usize], w));
                acc.iter_mut().zip(sum.total().as_ref()).for_each(|(a, s)| *a += *s);
            }
        }
        PE::<E>::from_basis_coefficients_fn(|i| sums.as_ref()[i])
    }
    #[inline]
    fn pack_base(f: impl Fn(usize) -> F) -> PF {
        PF::from_fn(f)
    }
    #[inline]
    fn load(m: &Mat, column: usize, positions: &[usize], out: &mut [PF]) {
        match <&mut [PF; PF::WIDTH]>::try_from(&mut *out) {
            Ok(block) => load_block(m, column, positions, block),
            Err(_) => gather::<Self>(m, column, positions, out),
        }
    }
    #[inline]
    fn lane(x: &PE<E>, lane: usize) -> E {
        x.extract(lane)
    }
    fn invert(x: &mut [PE<E>], scratch: &mut Vec<PF>) {
        super::invert_all::<E>(x, scratch);
    }
}

fn slow_dot<E: Extension, B: Copy>(d: &Weights<E>, row: &[B], times: impl Fn(E, B) -> E) -> E {
    d.columns.iter().zip(&d.full).fold(d.constant, |a, (c, w)| a + times(*w, row[*c as usize]))
}

impl<E: Extension> Arithmetic for Single<E> {
    type E = E;
    type B = F;
    type X = E;
    const LANES: usize = 1;
    fn base(f: F) -> F {
        f
    }
    fn constant(e: E) -> E {
        e
    }
    fn from_coordinates(c: impl FnMut(usize) -> F) -> E {
        E::from_basis_coefficients_fn(c)
    }
    fn scale(x: E, b: F) -> E {
        x * b
    }
    fn dot(d: &Weights<E>, row: &[F]) -> E {
        slow_dot(d, row, |w, v| w * v)
    }
    fn pack_base(f: impl Fn(usize) -> F) -> F {
        f(0)
    }
    fn lane(x: &E, _: usize) -> E {
        *x
    }
    fn invert(x: &mut [E], _: &mut Vec<PF>) {
        x.iter_mut().for_each(|v| *v = v.try_inverse().unwrap_or(E::ZERO));
    }
}

impl<E: Extension> Arithmetic for Point<E> {
    type E = E;
    type B = E;
    type X = E;
    const LANES: usize = 1;
    fn base(f: F) -> E {
        E::from(f)
    }
    fn constant(e: E) -> E {
        e
    }
    fn from_coordinates(c: impl FnMut(usize) -> E) -> E {
        super::combine(c)
    }
    fn scale(x: E, b: E) -> E {
        x * b
    }
    fn dot(d: &Weights<E>, row: &[E]) -> E {
        slow_dot(d, row, |w, v| w * v)
    }
    fn pack_base(f: impl Fn(usize) -> F) -> E {
        E::from(f(0))
    }
    fn lane(x: &E, _: usize) -> E {
        *x
    }
    fn invert(x: &mut [E], _: &mut Vec<PF>) {
        x.iter_mut().for_each(|v| *v = v.try_inverse().unwrap_or(E::ZERO));
    }
}

/// A weighted sum with its weights at the challenge point.
#[derive(Clone, Debug)]
pub struct Weights<E: Extension> {
    /// Added.
    pub constant: E,
    /// Columns read.
    pub columns: Vec<u32>,
    /// Their weights.
    pub full: Vec<E>,
    /// The same weights for long sums.
    constants: Vec<Constant<E>>,
}

impl<E: Extension> Weights<E> {
    /// From weights as extension elements.
    pub fn new(constant: E, columns: Vec<u32>, full: Vec<E>) -> Weights<E> {
        let constants = full.iter().map(|w| Constant::from(*w)).collect();
        Weights { constant, columns, full, constants }
    }
}

/// Columns `column..` of the rows at `positions`, cell by cell.
#[inline]
fn gather<A: Arithmetic>(m: &Mat, column: usize, positions: &[usize], out: &mut [A::B]) {
    for (c, v) in out.iter_mut().enumerate() {
        *v = A::pack_base(|lane| m.values[positions[lane] * m.width + column + c]);
    }
}

/// As many columns as a machine vector has lanes, from `column` on, of the rows at `positions`.
#[inline]
fn load_block(m: &Mat, column: usize, positions: &[usize], block: &mut [PF; PF::WIDTH]) {
    for (v, position) in block.iter_mut().zip(positions) {
        *v = *PF::from_slice(&m.values[position * m.width + column..][..PF::WIDTH]);
    }
    transpose(block);
}

/// Lane j of vector i becomes lane i of vector j.
#[inline]
fn transpose(block: &mut [PF; PF::WIDTH]) {
    let mut half = 1;
    while half < PF::WIDTH {
        for i in (0..PF::WIDTH).filter(|i| i & half == 0) {
            (block[i], block[i + half]) = block[i].interleave(block[i + half], half);
        }
        half *= 2;
    }
}
