//! Counts that soundness depends on, taken of the compiled relation alone.
//!
//! # Correctness
//! Nothing here is read from a key: a verifier counts what it checks with. Where a count depends on values that a key only
//! commits to (which row has which ratio), the bound is over all values: a selector that the verifier cannot see may be 1
//! on every row, a listed one on the rows of its list.
use super::symbol::Poly;
use super::{Air, Dot, Factor, Group, Node, Operand};
use std::collections::HashMap;
use tessera_api::Seq;

/// Numerators of the soundness error terms, each over the size of the extension field, and shapes for FRI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// Σ over equations of a bound of the total degree in the fold variables, plus one for each variable that must not be zero.
    /// `u64::MAX` where there is no bound.
    pub fold_degree: u64,
    /// Fractions over all rows of all tables, and one for a sum of blinds that would not vanish.
    pub fractions: u64,
    /// Longest lookup tuple, its relation tag included.
    pub tuple: u64,
    /// Σ over links of the rows that may hold a copied segment value: a bound of the degree in η.
    pub copied: u64,
    /// Constraints batched by one challenge, over all groups.
    pub constraints: u64,
    /// (column, point) pairs batched into FRI.
    pub openings: u64,
}

/// Exponents of some monomials: per variable the least and the greatest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span(Vec<(i128, i128)>);

impl Span {
    /// Of products of monomials of both.
    fn times(&self, other: &Span) -> Span {
        let both = self.0.iter().zip(&other.0);
        Span(both.map(|(a, b)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1))).collect())
    }

    /// Of monomials of either.
    fn or(self, other: Span) -> Span {
        Span(self.0.into_iter().zip(other.0).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))).collect())
    }

    /// Of products of up to `n` monomials of this one.
    fn up_to(&self, n: usize) -> Span {
        let n = n as i128;
        Span(self.0.iter().map(|(a, b)| (a.min(&0).saturating_mul(n), b.max(&0).saturating_mul(n))).collect())
    }

    /// Total degree once multiplied by what makes all exponents positive.
    fn degree(&self) -> u64 {
        let sum = self.0.iter().fold(0i128, |s, (a, b)| s.saturating_add(b.saturating_sub(*a)));
        sum.try_into().unwrap_or(u64::MAX)
    }
}

/// Of monomials of either; none of no monomials.
fn or(a: Option<Span>, b: Option<Span>) -> Option<Span> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.or(b)),
        (a, b) => a.or(b),
    }
}

/// Of products of monomials of all; none where one has none.
fn product(all: impl IntoIterator<Item = Option<Span>>) -> Option<Span> {
    all.into_iter().reduce(|a, b| Some(a?.times(&b?))).flatten()
}

/// What is known of an extension column's or an exposed value's monomials.
#[derive(Clone)]
enum Bound {
    /// They are among these.
    Within(Option<Span>),
    /// Nothing.
    Unknown,
}

/// Spans of what stands in a relation.
struct Spans<'a> {
    air: &'a Air,
}

impl Spans<'_> {
    fn variables(&self) -> usize {
        self.air.variables.len()
    }

    /// Of a monomial, by its exponents; variables with a value are none.
    fn monomial(&self, exponents: &[i64]) -> Span {
        let of = |(v, e): (&Option<i64>, &i64)| {
            if v.is_some() { (0, 0) } else { (i128::from(*e), i128::from(*e)) }
        };
        Span(self.air.variables.iter().zip(exponents).map(of).collect())
    }

    fn poly(&self, p: &Poly) -> Option<Span> {
        let spans = p.0.iter().map(|(_, m)| self.monomial(&self.air.monomials[*m as usize]));
        spans.reduce(Span::or)
    }

    fn dot(&self, d: &Dot) -> Option<Span> {
        d.cells.iter().fold(self.poly(&d.constant), |a, (_, p)| or(a, self.poly(p)))
    }

    /// Of products of the ratios of up to all rows.
    fn steps(&self, g: &Group, ratio: &Dot) -> Span {
        let first = (g.fixed + g.model) as usize;
        let listed = |c: u32| g.sparse.get((c as usize).wrapping_sub(first));
        let mut always = self.poly(&ratio.constant);
        let mut steps = Span(vec![(0, 0); self.variables()]);
        for (c, p) in &ratio.cells {
            match (listed(*c), self.poly(p)) {
                (Some(rows), Some(span)) => steps = steps.times(&span.up_to(rows.len())),
                (_, span) => always = or(always, span),
            }
        }
        always.map_or(steps.clone(), |a| steps.times(&a.up_to(g.height())))
    }

    /// Of a column that follows column(next) = ratio·column + taken.
    fn running(&self, g: &Group, ratio: &Dot, taken: Option<Span>) -> Option<Span> {
        Some(taken?.times(&self.steps(g, ratio)))
    }

    fn horner(&self, g: &Group) -> impl Iterator<Item = (u32, Option<Span>)> {
        let sums: Vec<Option<Span>> = g.sums.iter().map(|s| self.dot(s)).collect();
        g.nodes.iter().filter_map(move |n| {
            let Node::Horner { column, ratio, parts } = n else { return None };
            let taken = parts.iter().fold(None, |all, p| {
                let sum = p.sum.and_then(|s| sums[s as usize].clone());
                or(all, product([self.dot(&p.gate), or(self.dot(&p.dot), sum)]))
            });
            Some((*column, self.running(g, ratio, taken)))
        })
    }

    /// Of columns that are exposed.
    fn columns(&self, ends: &HashMap<u32, (usize, u32)>) -> HashMap<(usize, u32), Bound> {
        let air = self.air;
        let mut columns: HashMap<(usize, u32), Bound> = HashMap::new();
        for (i, g) in air.groups.iter().enumerate() {
            columns.extend(self.horner(g).map(|(c, s)| ((i, c), Bound::Within(s))));
        }
        // a copy has the values of the Horner column that it is linked to
        let summed = summed(air);
        for (a, b) in &air.links {
            let of = |t: &u32| ends.get(t).and_then(|at| Some((at.0, *summed.get(at)?)));
            let (Some(a), Some(b)) = (of(a), of(b)) else { continue };
            match (columns.get(&a).cloned(), columns.get(&b).cloned()) {
                (None, Some(s)) => drop(columns.insert(a, s)),
                (Some(s), None) => drop(columns.insert(b, s)),
                _ => {}
            }
        }
        let known = columns.clone();
        for (i, g) in air.groups.iter().enumerate() {
            for n in &g.nodes {
                let Node::Sum { column, ratio, end, factors } = n else { continue };
                let of = |f: &Factor| {
                    let (Factor::Current(c) | Factor::Next(c)) = f;
                    match known.get(&(i, *c)) {
                        Some(Bound::Within(s)) => Some(s.clone()),
                        _ => None,
                    }
                };
                let factors: Option<Vec<_>> = factors.iter().map(of).collect();
                let bound = factors.map_or(Bound::Unknown, |f| {
                    let taken = product(f.into_iter().chain([self.dot(end)]));
                    Bound::Within(self.running(g, ratio, taken))
                });
                columns.insert((i, *column), bound);
            }
        }
        columns
    }

    /// Of the monomials of a public tensor's elements.
    fn public(&self, s: &Seq) -> Option<Span> {
        let run = |r: &tessera_api::Run| {
            let mut span = self.monomial(&r.start[1..]);
            for (count, step) in &r.loops {
                span =
                    span.times(&self.monomial(&step[1..]).up_to(*count as usize - usize::from(*count > 0)));
            }
            span
        };
        s.runs.iter().map(run).reduce(Span::or)
    }
}

/// Group and column of every value exposed by a terminal.
fn exposed(air: &Air) -> HashMap<u32, (usize, u32)> {
    let of = |(i, g): (usize, &Group)| -> Vec<(u32, (usize, u32))> {
        let one = |n: &Node| match n {
            Node::Terminal { column, terminal, .. } => Some((*terminal, (i, *column))),
            _ => None,
        };
        g.nodes.iter().filter_map(one).collect()
    };
    air.groups.iter().enumerate().flat_map(of).collect()
}

/// Per exposed value the monomial that its blind is multiplied by.
fn blinds(air: &Air) -> HashMap<u32, u32> {
    let of = |n: &Node| match n {
        Node::Terminal { terminal, blind: Some(b), .. } => Some((*terminal, b.weight)),
        _ => None,
    };
    air.groups.iter().flat_map(|g| &g.nodes).filter_map(of).collect()
}

/// For running sums of one column that column, by group and the sum's column.
fn summed(air: &Air) -> HashMap<(usize, u32), u32> {
    let of = |(i, g): (usize, &Group)| -> Vec<((usize, u32), u32)> {
        let one = |n: &Node| match n {
            Node::Sum { column, factors, .. } => match factors[..] {
                [Factor::Current(c) | Factor::Next(c)] => Some(((i, *column), c)),
                _ => None,
            },
            _ => None,
        };
        g.nodes.iter().filter_map(one).collect()
    };
    air.groups.iter().enumerate().flat_map(of).collect()
}

impl Air {
    /// Counts a validated relation.
    pub fn measure(&self) -> Measure {
        let mut m = Measure { fold_degree: self.fold_degree(), ..Measure::default() };
        // α comes after the fold variables, then β
        let beta = self.variables.len() + 1;
        let degree = u64::from(self.degree);
        let power =
            |p: &Poly| p.0.iter().map(|(_, m)| self.monomials[*m as usize][beta].unsigned_abs()).max();
        for g in &self.groups {
            let nodes = g.nodes.iter().map(|n| n.constraints().0 + n.constraints().1);
            m.constraints += nodes.sum::<usize>() as u64;
            let once = u64::from(g.fixed + g.model + g.witness) + degree * g.sums.len() as u64;
            // extension columns are opened at two points, the quotient has two chunks
            m.openings += once + 2 * degree * (u64::from(g.round2 + g.round3) + 1);
            // or three, and a random codeword stands beside them
            m.openings += if g.hiding() { 2 * degree } else { 0 };
            for n in &g.nodes {
                let Node::Lookups { pairs, .. } = n else { continue };
                for f in pairs.iter().flatten() {
                    m.fractions = m.fractions.saturating_add(g.height() as u64);
                    let d = &f.denominator;
                    let most = d.cells.iter().filter_map(|(_, p)| power(p)).max().max(power(&d.constant));
                    m.tuple = m.tuple.max(most.unwrap_or(0).saturating_add(1));
                }
            }
        }
        let ends = exposed(self);
        let rows = |t: &u32| ends.get(t).map_or(u64::MAX, |(g, _)| self.groups[*g].height() as u64);
        m.copied = self.links.iter().fold(0, |sum: u64, (a, b)| sum.saturating_add(rows(a).max(rows(b))));
        if self.budget().is_some() {
            // the random codeword of what all groups share; a blind is one value more
            m.openings += degree;
            m.fractions += u64::from(m.fractions > 0);
            m.copied = m.copied.saturating_add(self.links.len() as u64);
        }
        m
    }

    /// See [`Measure::fold_degree`].
    fn fold_degree(&self) -> u64 {
        let spans = Spans { air: self };
        let ends = exposed(self);
        let columns = spans.columns(&ends);
        let weights = blinds(self);
        let alpha = self.variables.len();
        let mut total = self.variables.iter().filter(|v| v.is_none()).count() as u64;
        for e in &self.equations {
            let mut all = None;
            // the greatest power of LogUp's α, which multiplies blinds
            let mut power = 0;
            for t in &e.terms {
                let own = Some(spans.monomial(&self.monomials[t.monomial as usize]));
                if let Operand::Terminals(list) = &t.operand {
                    for w in list.iter().filter_map(|t| weights.get(t)) {
                        let w = &self.monomials[*w as usize];
                        all = or(all, product([own.clone(), Some(spans.monomial(w))]));
                        power = power.max(w[alpha].unsigned_abs());
                    }
                }
                let operand = match &t.operand {
                    Operand::Public { monomials, .. } | Operand::Ones { monomials } => {
                        spans.public(monomials)
                    }
                    Operand::Terminals(list) => {
                        let of = |t: &u32| match columns.get(ends.get(t)?)? {
                            Bound::Within(s) => Some(s.clone()),
                            Bound::Unknown => None,
                        };
                        let Some(factors) = list.iter().map(of).collect::<Option<Vec<_>>>() else {
                            return u64::MAX;
                        };
                        product(factors)
                    }
                };
                all = or(all, product([own, operand]));
            }
            total = total.saturating_add(all.map_or(0, |s| s.degree())).saturating_add(power);
        }
        total
    }
}
