//! Selectors: the fewest committed columns from which every row class of a table can be told.
//!
//! Each part of a table asks for indicator columns of its row classes. Indicators that are 1 on a few rows cost nothing
//! committed (the verifier evaluates their Lagrange polynomials); of the others only a linear basis is committed, together with
//! the constant 1, and the rest are written as combinations.
//!
//! # Correctness
//! A combination equals its indicator on every physical row, padding included: columns are compared on all classes of rows
//! that occur, of which padding is one.
use super::rows::ANY;
use crate::arithmetic::{F, Field, PrimeCharacteristicRing};
use std::collections::HashMap;

/// Indicators with at most this many ones are evaluated, not committed.
pub const SPARSE_ROWS: usize = 8;

/// constant + Σ coefficient · selector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Combination {
    /// Added.
    pub constant: F,
    /// (selector, coefficient).
    pub terms: Vec<(Selector, F)>,
}

/// A selector of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// Committed column, by index into [`Selectors::dense`].
    Dense(u32),
    /// By index into [`Selectors::sparse`].
    Sparse(u32),
}

/// Classes of a table's active rows.
pub struct Request {
    /// Class of each active row, or [`ANY`].
    pub class_of: Vec<u32>,
    /// Number of classes.
    pub classes: usize,
    /// The class that needs no indicator; padding belongs to it. The most frequent if none is given.
    pub default: Option<u32>,
}

/// The selectors of one table.
#[derive(Default)]
pub struct Selectors {
    /// Committed columns, values on the active rows; 0 on padding.
    pub dense: Vec<Vec<bool>>,
    /// Active rows on which the column is 1.
    pub sparse: Vec<Vec<u32>>,
    /// Per request: the default class, and the indicator of each class.
    pub answers: Vec<(u32, Vec<Combination>)>,
}

/// Finds the selectors of a table of `rows` active rows, `padded` if there are others.
pub fn selectors(rows: usize, padded: bool, requests: &[Request]) -> Selectors {
    let mut out = Selectors::default();
    let mut resolved: Vec<(u32, Vec<u32>)> = vec![];
    for q in requests {
        let default = q.default.unwrap_or_else(|| {
            let mut count = vec![0u32; q.classes.max(1)];
            q.class_of.iter().filter(|c| **c != ANY).for_each(|c| count[*c as usize] += 1);
            (0..count.len()).max_by_key(|i| (count[*i], usize::MAX - i)).unwrap_or(0) as u32
        });
        let classes = q.class_of.iter().map(|c| if *c == ANY { default } else { *c }).collect();
        resolved.push((default, classes));
    }
    // rows that no request tells apart are one joint class; padding is a class of its own
    let mut joint_index: HashMap<Vec<u32>, usize> = HashMap::new();
    let mut joint_list: Vec<Vec<u32>> = vec![];
    let mut joint_of = Vec::with_capacity(rows);
    for r in 0..rows {
        let key: Vec<u32> = resolved.iter().map(|(_, c)| c[r]).collect();
        let next = joint_list.len();
        let j = *joint_index.entry(key).or_insert_with_key(|k| {
            joint_list.push(k.clone());
            next
        });
        joint_of.push(j);
    }
    let width = joint_list.len() + usize::from(padded);

    // the distinct indicators, by their values on joint classes
    let mut indicators: Vec<Vec<bool>> = vec![];
    let mut indicator_index: HashMap<Vec<bool>, usize> = HashMap::new();
    let mut wanted: Vec<Vec<Option<usize>>> = vec![];
    for (q, (default, _)) in resolved.iter().enumerate() {
        let per_class = (0..requests[q].classes as u32).map(|class| {
            if class == *default {
                return None;
            }
            let mut v: Vec<bool> = joint_list.iter().map(|k| k[q] == class).collect();
            v.resize(width, false);
            let next = indicators.len();
            Some(*indicator_index.entry(v).or_insert_with_key(|v| {
                indicators.push(v.clone());
                next
            }))
        });
        wanted.push(per_class.collect());
    }
    let mut rows_of: Vec<usize> = vec![0; width];
    joint_of.iter().for_each(|j| rows_of[*j] += 1);
    let ones = |v: &[bool]| v.iter().zip(&rows_of).filter(|(b, _)| **b).map(|(_, n)| n).sum::<usize>();

    // Gaussian elimination with the constant and the sparse columns first, so that they are preferred
    let mut space = Space::default();
    space.add(vec![F::ONE; width], Element::One);
    let mut combos: Vec<Option<Combination>> = vec![None; indicators.len()];
    let (sparse, dense): (Vec<usize>, Vec<usize>) =
        (0..indicators.len()).partition(|i| ones(&indicators[*i]) <= SPARSE_ROWS);
    for i in sparse {
        let at = (0..rows as u32).filter(|r| indicators[i][joint_of[*r as usize]]).collect();
        let s = Selector::Sparse(out.sparse.len() as u32);
        out.sparse.push(at);
        space.add(field(&indicators[i]), Element::Selector(s));
        combos[i] = Some(Combination { constant: F::ZERO, terms: vec![(s, F::ONE)] });
    }
    for i in dense {
        let s = Selector::Dense(out.dense.len() as u32);
        combos[i] = Some(match space.express(&field(&indicators[i])) {
            Some(c) => c,
            None => {
                space.add(field(&indicators[i]), Element::Selector(s));
                out.dense.push(joint_of.iter().map(|j| indicators[i][*j]).collect());
                Combination { constant: F::ZERO, terms: vec![(s, F::ONE)] }
            }
        });
    }
    for (q, (default, _)) in resolved.iter().enumerate() {
        let mut answer: Vec<Combination> =
            wanted[q].iter().map(|i| i.and_then(|i| combos[i].clone()).unwrap_or_default()).collect();
        // the default class is what remains
        let mut rest = Combination { constant: F::ONE, terms: vec![] };
        for (k, c) in answer.iter().enumerate() {
            if k as u32 != *default {
                rest.add_scaled(-F::ONE, c);
            }
        }
        if let Some(d) = answer.get_mut(*default as usize) {
            *d = rest;
        }
        out.answers.push((*default, answer));
    }
    out
}

fn field(v: &[bool]) -> Vec<F> {
    v.iter().map(|b| F::from_bool(*b)).collect()
}

impl Combination {
    /// Adds scale · other.
    pub fn add_scaled(&mut self, scale: F, other: &Combination) {
        self.constant += scale * other.constant;
        for (s, c) in &other.terms {
            match self.terms.iter().position(|t| t.0 == *s) {
                Some(i) => self.terms[i].1 += scale * *c,
                None => self.terms.push((*s, scale * *c)),
            }
        }
        self.terms.retain(|t| t.1 != F::ZERO);
        self.terms.sort_by_key(|t| t.0);
    }
}

#[derive(Clone, Copy)]
enum Element {
    One,
    Selector(Selector),
}

/// A growing set of independent vectors in echelon form, each with its combination of the vectors added.
#[derive(Default)]
struct Space {
    rows: Vec<(usize, Vec<F>, Combination)>,
}

impl Space {
    /// Reduces `v` by the echelon rows; returns what was subtracted.
    fn reduce(&self, v: &mut [F]) -> Combination {
        let mut used = Combination::default();
        for (pivot, row, combination) in &self.rows {
            let k = v[*pivot];
            if k != F::ZERO {
                v.iter_mut().zip(row).for_each(|(a, b)| *a -= k * *b);
                used.add_scaled(k, combination);
            }
        }
        used
    }

    fn express(&self, v: &[F]) -> Option<Combination> {
        let mut rest = v.to_vec();
        let used = self.reduce(&mut rest);
        rest.iter().all(|x| *x == F::ZERO).then_some(used)
    }

    fn add(&mut self, v: Vec<F>, name: Element) {
        let mut rest = v;
        let used = self.reduce(&mut rest);
        let Some(pivot) = rest.iter().position(|x| *x != F::ZERO) else { return };
        let scale = rest[pivot].inverse();
        let mut combination = Combination::default();
        combination.add_scaled(
            scale,
            &match name {
                Element::One => Combination { constant: F::ONE, terms: vec![] },
                Element::Selector(s) => Combination { constant: F::ZERO, terms: vec![(s, F::ONE)] },
            },
        );
        combination.add_scaled(-scale, &used);
        rest.iter_mut().for_each(|x| *x *= scale);
        self.rows.push((pivot, rest, combination));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(s: &Selectors, c: &Combination, r: Option<usize>) -> F {
        c.constant
            + c.terms
                .iter()
                .map(|(s_, k)| {
                    let on = r.is_some_and(|r| match s_ {
                        Selector::Dense(i) => s.dense[*i as usize][r],
                        Selector::Sparse(i) => s.sparse[*i as usize].contains(&(r as u32)),
                    });
                    *k * F::from_bool(on)
                })
                .sum::<F>()
    }

    #[test]
    fn every_answer_tells_its_class_on_every_row_and_on_padding() {
        // deterministic, irregular classes of various kinds, some of them dependent
        let rows = 200;
        let mut seed = 1u64;
        let mut next = move |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for padded in [false, true] {
            let mut requests = vec![];
            for k in 0..6u64 {
                let classes = 1 + next(5);
                let class_of = (0..rows)
                    .map(|r| match k % 3 {
                        0 => (r as u64 / 40).min(classes - 1) as u32,
                        1 => {
                            if next(9) == 0 {
                                ANY
                            } else {
                                next(classes) as u32
                            }
                        }
                        _ => u32::from(r == 0 && classes > 1),
                    })
                    .collect();
                let default = (k % 2 == 0).then_some(0);
                requests.push(Request { class_of, classes: classes as usize, default });
            }
            let s = selectors(rows, padded, &requests);
            for (q, (default, answer)) in requests.iter().zip(&s.answers) {
                for (class, c) in answer.iter().enumerate() {
                    for r in 0..rows {
                        let is = if q.class_of[r] == ANY { *default } else { q.class_of[r] } == class as u32;
                        assert_eq!(value(&s, c, Some(r)), F::from_bool(is));
                    }
                    if padded {
                        assert_eq!(value(&s, c, None), F::from_bool(*default == class as u32));
                    }
                }
            }
        }
    }

    #[test]
    fn a_uniform_fold_costs_no_committed_selector() {
        let mut class_of = vec![1; 100];
        class_of[0] = 0;
        let s = selectors(100, true, &[Request { class_of, classes: 2, default: None }]);
        assert_eq!((s.dense.len(), s.sparse.len()), (0, 1));
    }
}
