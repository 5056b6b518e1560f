//! Polynomials in the challenges: what a weight is before the challenges are drawn.
//!
//! Invariants: coefficients are balanced residues, |c| ≤ (p−1)/2; a monomial stands once in a table; exponents may be
//! negative (ratios of challenges), so a value exists where no challenge is zero.
use crate::arithmetic::{Extension, F, PrimeCharacteristicRing, PrimeField64, signed};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Exponents, one per challenge variable.
pub type Exponents = Vec<i64>;

/// Σ coefficient · monomial, monomials by index into a [`Monomials`] table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poly(pub Vec<(i64, u32)>);

/// The residue of `x` that lies in −(p−1)/2 ..= (p−1)/2.
pub fn balanced(x: F) -> i64 {
    tessera_api::field::integer(x.as_canonical_u64())
}

impl Poly {
    /// Adds coefficient · monomial.
    pub fn add(&mut self, coefficient: F, monomial: u32) {
        match self.0.iter().position(|t| t.1 == monomial) {
            Some(i) => {
                let c = signed(self.0[i].0) + coefficient;
                if c == F::ZERO {
                    self.0.remove(i);
                } else {
                    self.0[i].0 = balanced(c);
                }
            }
            None if coefficient != F::ZERO => self.0.push((balanced(coefficient), monomial)),
            None => {}
        }
    }
    /// The value, given the monomials' values.
    pub fn value<E: Extension>(&self, monomials: &[E]) -> E {
        self.0.iter().map(|(c, m)| monomials[*m as usize] * signed(*c)).sum()
    }
}

/// A polynomial under construction: an indicator of many kinds of rows has thousands of monomials.
#[derive(Clone, Default)]
pub struct Terms {
    list: Vec<(F, u32)>,
    /// Where each monomial stands, once there are many.
    index: HashMap<u32, usize>,
}

impl Terms {
    /// Adds coefficient · monomial.
    pub fn add(&mut self, coefficient: F, monomial: u32) {
        const FEW: usize = 16;
        if coefficient == F::ZERO {
            return;
        }
        let found = match self.list.len() <= FEW {
            true => self.list.iter().position(|t| t.1 == monomial),
            false => {
                if self.index.is_empty() {
                    self.index = self.list.iter().enumerate().map(|(i, t)| (t.1, i)).collect();
                }
                self.index.get(&monomial).copied()
            }
        };
        match found {
            Some(i) => self.list[i].0 += coefficient,
            None => {
                if !self.index.is_empty() {
                    self.index.insert(monomial, self.list.len());
                }
                self.list.push((coefficient, monomial));
            }
        }
    }

    /// The polynomial, monomials in order of first use.
    pub fn poly(self) -> Poly {
        Poly(self.list.into_iter().filter(|t| t.0 != F::ZERO).map(|(c, m)| (balanced(c), m)).collect())
    }
}

/// Interned monomials.
#[derive(Default)]
pub struct Monomials {
    index: HashMap<Exponents, u32>,
    /// All of them, in order of first use.
    pub list: Vec<Exponents>,
}

impl Monomials {
    /// The index of a monomial.
    pub fn id(&mut self, m: &[i64]) -> u32 {
        if let Some(i) = self.index.get(m) {
            return *i;
        }
        let i = self.list.len() as u32;
        self.list.push(m.to_vec());
        self.index.insert(m.to_vec(), i);
        i
    }
}

/// The values of all monomials at a point.
pub fn evaluate<E: Extension>(monomials: &[Exponents], point: &[E]) -> Vec<E> {
    let inverse: Vec<E> = point.iter().map(|x| x.try_inverse().unwrap_or(E::ZERO)).collect();
    let mut powers: Vec<HashMap<i64, E>> = vec![HashMap::new(); point.len()];
    monomials
        .iter()
        .map(|m| {
            m.iter().enumerate().filter(|(_, e)| **e != 0).fold(E::ONE, |acc, (v, e)| {
                let p = *powers[v].entry(*e).or_insert_with(|| {
                    let base = if *e < 0 { inverse[v] } else { point[v] };
                    base.exp_u64(e.unsigned_abs())
                });
                acc * p
            })
        })
        .collect()
}
