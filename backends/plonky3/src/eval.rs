//! Constraints at a point: one evaluator for the prover (many rows in a machine vector) and the verifier (one point of the
//! extension).
//!
//! A group's nodes are prepared once per proof: every weight becomes a constant, every weighted sum a list of columns with two
//! vectors of base coefficients. Evaluation then walks a flat list; nothing is allocated per row.
//!
//! # Correctness
//! Prover and verifier run the same code in the same order, so the i-th constraint gets the same power of α on both sides:
//! extension constraints first, by Horner, then base constraints as one weighted sum. Where some rows are masks, constraints at
//! one row take the powers after all those on rows, so that no two constraints share one.
use crate::air::{Blind, Dot, Factor, Group, Mask, Node};
use crate::arithmetic::lanes::{Arithmetic, Weights};
use crate::arithmetic::{Extension, F, Field, PrimeCharacteristicRing, signed};
use std::ops::Range;

/// What is added to a Horner column, with its constants.
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
    Terminal { column: usize, first: usize, terminal: usize, blind: Option<(E, Mask)> },
    /// See [`Node::Start`].
    Start { column: usize, here: usize },
    /// See [`Node::Lookups`]; the constant is 1/height, or 0 where nothing is spread.
    Lookups { column: usize, terminal: usize, share: E, pairs: Vec<Vec<(Option<u32>, Weights<E>)>> },
}

impl<E: Extension> Ready<E> {
    /// Marks the base cells, and the extension columns, that are read.
    pub fn reads(&self, base: &mut [bool], extension: &mut [bool]) {
        let mut dot = |w: &Weights<E>| w.columns.iter().for_each(|c| base[*c as usize] = true);
        match self {
            Ready::Base(_, products) => {
                products.iter().flat_map(|p| &p.1).for_each(|c| base[*c as usize] = true);
            }
            Ready::Horner { column, ratio, parts } => {
                dot(ratio);
                parts.iter().flat_map(|p| p.gate.iter().chain([&p.dot])).for_each(dot);
                parts.iter().filter_map(|p| p.sum).for_each(|s| base[s..s + E::DEGREE].fill(true));
                extension[*column] = true;
            }
            Ready::Sum { column, ratio, end, factors } => {
                dot(ratio);
                dot(end);
                extension[*column] = true;
                let read = |f: &Factor| match f {
                    Factor::Current(c) | Factor::Next(c) => *c as usize,
                };
                factors.iter().for_each(|f| extension[read(f)] = true);
            }
            Ready::Terminal { column, first, blind, .. } => {
                base[*first] = true;
                extension[*column] = true;
                match blind {
                    Some((_, Mask::Cells(cells))) => cells.iter().for_each(|c| base[*c as usize] = true),
                    Some((_, Mask::Next(c))) => extension[*c as usize] = true,
                    None => {}
                }
            }
            Ready::Start { column, here } => {
                base[*here] = true;
                extension[*column] = true;
            }
            Ready::Lookups { column, pairs, .. } => {
                pairs.iter().flatten().for_each(|f| dot(&f.1));
                pairs.iter().flatten().filter_map(|f| f.0).for_each(|m| base[m as usize] = true);
                extension[*column..*column + pairs.len()].fill(true);
            }
        }
    }

    /// Constraints of it that are combined by Horner.
    fn constraints(&self) -> usize {
        match self {
            Ready::Base(..) => 0,
            Ready::Terminal { .. } | Ready::Start { .. } | Ready::Horner { .. } | Ready::Sum { .. } => 1,
            Ready::Lookups { pairs, .. } => pairs.len(),
        }
    }

    /// Marks the extension columns that are read on the next row.
    pub fn reads_next(&self, read: &mut [bool]) {
        match self {
            Ready::Base(..) | Ready::Start { .. } => {}
            Ready::Terminal { blind, .. } => {
                if let Some((_, Mask::Next(c))) = blind {
                    read[*c as usize] = true;
                }
            }
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

/// Σ Xⁱ·cells, X the extension's generator.
pub fn element<A: Arithmetic>(cells: &[u32], row: &[A::B]) -> A::X {
    A::from_coordinates(|i| cells.get(i).map_or(A::base(F::ZERO), |c| row[*c as usize]))
}

/// Prepares all nodes of a group.
pub fn prepare<E: Extension>(g: &Group, monomials: &[E]) -> Vec<Ready<E>> {
    let w = |d: &Dot| d.weights(monomials);
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
        Node::Terminal { column, first, terminal, blind } => Ready::Terminal {
            column: *column as usize,
            first: *first as usize,
            terminal: *terminal as usize,
            blind: blind.as_ref().map(|b: &Blind| (monomials[b.weight as usize], b.mask.clone())),
        },
        Node::Start { column, here } => Ready::Start { column: *column as usize, here: *here as usize },
        Node::Lookups { column, terminal, pairs } => Ready::Lookups {
            column: *column as usize,
            terminal: *terminal as usize,
            share: if g.hiding() { E::ZERO } else { E::from(F::from_u64(1 << g.log_height).inverse()) },
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

/// What is added to a running sum on a row.
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
    /// The polynomial that vanishes on the mask rows; none where there are none.
    pub live: Option<A::B>,
}

impl<E: Extension> Ready<E> {
    /// See [`Node::at_one_row`].
    fn at_one_row(&self) -> bool {
        matches!(self, Ready::Terminal { .. } | Ready::Start { .. })
    }
}

/// What blinds an exposed value, on the row where it stands.
pub fn blind<A: Arithmetic>((weight, mask): &(A::E, Mask), base: &[A::B], next: &[A::X]) -> A::X {
    let element = match mask {
        Mask::Cells(cells) => element::<A>(cells, base),
        Mask::Next(column) => next[*column as usize],
    };
    element * A::constant(*weight)
}

/// Powers of α for the constraints of a group.
pub struct Combiner<E: Extension> {
    alpha: E,
    /// α^n of the base constraints and of what others are combined after these, then powers of the base constraints from the highest down.
    shift: E,
    base: Weights<E>,
    /// α^n of all constraints on rows.
    rows: E,
}

impl<E: Extension> Combiner<E> {
    /// For a group with these nodes.
    pub fn new(nodes: &[Ready<E>], alpha: E) -> Combiner<E> {
        Combiner::of(nodes, 0..nodes.len(), alpha)
    }

    /// For some of a group's nodes, where no rows are masks: what these combine to is their share of what all do.
    pub fn of(nodes: &[Ready<E>], some: Range<usize>, alpha: E) -> Combiner<E> {
        let base = |all: &[Ready<E>]| all.iter().filter(|r| matches!(r, Ready::Base(..))).count();
        let (n, after) = (base(&nodes[some.clone()]), &nodes[some.end..]);
        let mut powers = vec![alpha.exp_u64(base(after) as u64); n];
        for i in (0..n.saturating_sub(1)).rev() {
            powers[i] = powers[i + 1] * alpha;
        }
        let horner = base(nodes) + after.iter().map(Ready::constraints).sum::<usize>();
        let on_rows = |r: &Ready<E>| match r {
            Ready::Base(..) => 1,
            r if r.at_one_row() => 0,
            r => r.constraints(),
        };
        Combiner {
            alpha,
            shift: alpha.exp_u64(horner as u64),
            rows: alpha.exp_u64(nodes.iter().map(on_rows).sum::<usize>() as u64),
            base: Weights::new(E::ZERO, (0..n as u32).collect(), powers),
        }
    }
}

/// Σ αⁱ·constraintᵢ on a row; where some rows are masks, constraints on rows are multiplied by what vanishes there. `scratch` is
/// overwritten.
#[inline]
pub fn combine<A: Arithmetic>(
    nodes: &[Ready<A::E>],
    c: &Combiner<A::E>,
    row: &Row<'_, A>,
    terminals: &[A::X],
    scratch: &mut Vec<A::B>,
) -> A::X {
    let alpha = A::constant(c.alpha);
    let (mut acc, mut ends) = (A::X::ZERO, A::X::ZERO);
    scratch.clear();
    for n in nodes {
        let sum = if row.live.is_some() && n.at_one_row() { &mut ends } else { &mut acc };
        let mut push = |x: A::X| *sum = *sum * alpha + x;
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
            Ready::Terminal { column, first, terminal, blind: by } => {
                let mut value = row.current[*column] - terminals[*terminal];
                if let Some(by) = by {
                    value += blind::<A>(by, row.base, row.next);
                }
                push(A::scale(value, row.base[*first]));
            }
            Ready::Start { column, here } => push(A::scale(row.current[*column], row.base[*here])),
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
    let all = acc * A::constant(c.shift) + A::dot(&c.base, scratch);
    match row.live {
        None => all,
        Some(live) => A::scale(all, live) + ends * A::constant(c.rows),
    }
}
