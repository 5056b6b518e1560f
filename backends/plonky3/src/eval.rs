//! Constraints at a point: one evaluator for the prover (many rows in a machine vector) and the verifier (one point of the
//! extension).
//!
//! A group's nodes are prepared once per proof: every weight becomes a constant, every weighted sum a list of columns with two
//! vectors of base coefficients. Evaluation then walks a flat list; nothing is allocated per row.
//!
//! # Correctness
//! Prover and verifier run the same code in the same order, so the i-th constraint gets the same power of α on both sides:
//! extension constraints first, by Horner, then base constraints as one weighted sum.
use crate::air::symbol::Poly;
use crate::air::{Dot, Factor, Group, Node};
use crate::p3::dot::{Constant, MOST, Sum};
use crate::p3::{
    BasedVectorSpace, Extension, F, Field, Mat, PE, PF, PackedFieldExtension, PackedValue,
    PrimeCharacteristicRing, coordinates, signed,
};
use crate::rows;
use std::marker::PhantomData;

/// What constraints are computed over.
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
        rows::gather::<Self>(m, column, positions, out);
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
            Ok(block) => rows::load_block(m, column, positions, block),
            Err(_) => rows::gather::<Self>(m, column, positions, out),
        }
    }
    #[inline]
    fn lane(x: &PE<E>, lane: usize) -> E {
        x.extract(lane)
    }
    fn invert(x: &mut [PE<E>], scratch: &mut Vec<PF>) {
        crate::p3::invert_all::<E>(x, scratch);
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
        crate::p3::combine(c)
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
    /// The sum's weights, given the monomials' values.
    pub fn of(d: &Dot, monos: &[E]) -> Weights<E> {
        let value = |p: &Poly| p.value(monos);
        Weights::new(
            value(&d.constant),
            d.cells.iter().map(|c| c.0).collect(),
            d.cells.iter().map(|c| value(&c.1)).collect(),
        )
    }
}

/// What a Horner column takes up, with its constants.
pub struct ReadyPart<E: Extension> {
    /// What it is multiplied by; none for 1.
    pub gate: Option<Weights<E>>,
    /// Of base cells.
    pub dot: Weights<E>,
    /// The first of the base cells that are a sum's coordinates.
    pub sum: Option<usize>,
}

/// A node with its constants.
pub enum Ready<E: Extension> {
    /// See [`Node::Base`].
    Base(F, Vec<(F, Vec<u32>)>),
    /// See [`Node::Horner`].
    Horner { column: usize, ratio: Weights<E>, parts: Vec<ReadyPart<E>> },
    /// See [`Node::Sum`].
    Sum { column: usize, ratio: Weights<E>, end: Weights<E>, factors: Vec<Factor> },
    /// See [`Node::Terminal`].
    Terminal { column: usize, first: usize, terminal: usize },
    /// See [`Node::Lookups`]; the constant is 1/height.
    Lookups { column: usize, terminal: usize, share: E, pairs: Vec<Vec<(Option<u32>, Weights<E>)>> },
}

impl<E: Extension> Ready<E> {
    /// Marks the extension columns that are read on the next row.
    pub fn reads_next(&self, read: &mut [bool]) {
        match self {
            Ready::Base(..) | Ready::Terminal { .. } => {}
            Ready::Horner { column, .. } | Ready::Lookups { column, .. } => read[*column] = true,
            Ready::Sum { column, factors, .. } => {
                read[*column] = true;
                for f in factors {
                    if let Factor::Next(c) = f {
                        read[*c as usize] = true;
                    }
                }
            }
        }
    }
}

/// Prepares all nodes of a group.
pub fn prepare<E: Extension>(g: &Group, monos: &[E]) -> Vec<Ready<E>> {
    let w = |d: &Dot| Weights::of(d, monos);
    let node = |n: &Node| match n {
        Node::Base { constant, products } => Ready::Base(
            signed(*constant),
            products.iter().map(|p| (signed(p.coefficient), p.factors.clone())).collect(),
        ),
        Node::Horner { column, ratio, parts } => Ready::Horner {
            column: *column as usize,
            ratio: w(ratio),
            parts: parts
                .iter()
                .map(|p| ReadyPart {
                    gate: Some(w(&p.gate)).filter(|g| !g.columns.is_empty() || g.constant != E::ONE),
                    dot: w(&p.dot),
                    sum: p.sum.map(|s| g.sums_at() + E::DEGREE * s as usize),
                })
                .collect(),
        },
        Node::Sum { column, ratio, end, factors } => {
            Ready::Sum { column: *column as usize, ratio: w(ratio), end: w(end), factors: factors.clone() }
        }
        Node::Terminal { column, first, terminal } => {
            Ready::Terminal { column: *column as usize, first: *first as usize, terminal: *terminal as usize }
        }
        Node::Lookups { column, terminal, pairs } => Ready::Lookups {
            column: *column as usize,
            terminal: *terminal as usize,
            share: E::from(F::from_u64(1 << g.log_height).inverse()),
            pairs: pairs
                .iter()
                .map(|p| p.iter().map(|f| (f.multiplicity, w(&f.denominator))).collect())
                .collect(),
        },
    };
    g.nodes.iter().map(node).collect()
}

/// The lanes of a Horner node on a row.
#[inline]
pub fn lanes<A: Arithmetic>(parts: &[ReadyPart<A::E>], row: &[A::B]) -> A::X {
    parts.iter().fold(A::X::ZERO, |acc, p| {
        let mut v = A::dot(&p.dot, row);
        if let Some(s) = p.sum {
            v += A::from_coordinates(|i| row[s + i]);
        }
        acc + p.gate.as_ref().map_or(v, |g| v * A::dot(g, row))
    })
}

/// (numerator, denominator) of a pair of fractions.
#[inline]
pub fn pair<A: Arithmetic>(p: &[(Option<u32>, Weights<A::E>)], row: &[A::B]) -> (A::X, A::X) {
    // n/d with n = 1 or −multiplicity
    let over = |x: A::X, multiplicity: Option<u32>| multiplicity.map_or(x, |m| -A::scale(x, row[m as usize]));
    match p {
        [(n, d)] => (over(A::X::ONE, *n), A::dot(d, row)),
        [(n0, d0), (n1, d1)] => {
            let (a, b) = (A::dot(d0, row), A::dot(d1, row));
            (over(b, *n0) + over(a, *n1), a * b)
        }
        _ => (A::X::ZERO, A::X::ONE),
    }
}

/// The factors of a running sum on a row.
#[inline]
fn factor<X: Copy>(f: Factor, current: &[X], next: &[X]) -> X {
    match f {
        Factor::Current(c) => current[c as usize],
        Factor::Next(c) => next[c as usize],
    }
}

/// What a running sum takes up on a row.
#[inline]
pub fn product<X: PrimeCharacteristicRing + Copy>(factors: &[Factor], current: &[X], next: &[X]) -> X {
    factors.iter().fold(X::ONE, |a, f| a * factor(*f, current, next))
}

/// A row and its successor.
pub struct Row<'a, A: Arithmetic> {
    /// Base cells.
    pub base: &'a [A::B],
    /// Extension cells.
    pub current: &'a [A::X],
    /// Extension cells of the next row.
    pub next: &'a [A::X],
}

/// Powers of α for the constraints of a group.
pub struct Combiner<E: Extension> {
    alpha: E,
    /// α^n of the base constraints, then their powers from the highest down.
    shift: E,
    base: Weights<E>,
}

impl<E: Extension> Combiner<E> {
    /// For a group with these nodes.
    pub fn new(nodes: &[Ready<E>], alpha: E) -> Combiner<E> {
        let n = nodes.iter().filter(|r| matches!(r, Ready::Base(..))).count();
        let mut powers = vec![E::ONE; n];
        for i in (0..n.saturating_sub(1)).rev() {
            powers[i] = powers[i + 1] * alpha;
        }
        Combiner {
            alpha,
            shift: alpha.exp_u64(n as u64),
            base: Weights::new(E::ZERO, (0..n as u32).collect(), powers),
        }
    }
}

/// Σ αⁱ·constraintᵢ on a row. `scratch` is overwritten.
#[inline]
pub fn combine<A: Arithmetic>(
    nodes: &[Ready<A::E>],
    c: &Combiner<A::E>,
    row: &Row<'_, A>,
    terminals: &[A::X],
    scratch: &mut Vec<A::B>,
) -> A::X {
    let alpha = A::constant(c.alpha);
    let mut acc = A::X::ZERO;
    scratch.clear();
    for n in nodes {
        let mut push = |x: A::X| acc = acc * alpha + x;
        match n {
            Ready::Base(constant, products) => {
                let mut sum = A::base(*constant);
                for (k, factors) in products {
                    let mut v = A::base(*k);
                    for f in factors {
                        v *= row.base[*f as usize];
                    }
                    sum += v;
                }
                scratch.push(sum);
            }
            Ready::Horner { column, ratio, parts } => {
                push(
                    row.next[*column]
                        - A::dot(ratio, row.base) * row.current[*column]
                        - lanes::<A>(parts, row.base),
                );
            }
            Ready::Sum { column, ratio, end, factors } => {
                push(
                    row.next[*column]
                        - A::dot(ratio, row.base) * row.current[*column]
                        - A::dot(end, row.base) * product(factors, row.current, row.next),
                );
            }
            Ready::Terminal { column, first, terminal } => {
                push(A::scale(row.current[*column] - terminals[*terminal], row.base[*first]));
            }
            Ready::Lookups { column, terminal, share, pairs } => {
                let mut last =
                    row.next[*column] - row.current[*column] + terminals[*terminal] * A::constant(*share);
                for (i, p) in pairs.iter().enumerate() {
                    let (n, d) = pair::<A>(p, row.base);
                    let phi = if i + 1 < pairs.len() {
                        let phi = row.current[*column + 1 + i];
                        last -= phi;
                        phi
                    } else {
                        last
                    };
                    push(phi * d - n);
                }
            }
        }
    }
    acc * A::constant(c.shift) + A::dot(&c.base, scratch)
}
