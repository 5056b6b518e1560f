//! Checks that a compiled relation means something: later code may index freely.
//!
//! A verifying key is trusted for what it says, but its bytes may come from anywhere: nothing here or after it may panic or
//! allocate beyond the bytes that were read.
use super::{Air, Dot, EXTRA_VARIABLES, Factor, Group, Mask, Node, Operand, Poly};
use crate::arithmetic::{DEGREES, F, PrimeField64};
use std::collections::HashSet;
use tessera_api::Role;
use tessera_api::field::is_balanced;

const MAX_LOG_HEIGHT: u8 = 26;
const MAX_WIDTH: usize = 1 << 16;
/// Extension columns of all groups: what is known of each is worked out, and takes space.
const MAX_EXTENSION: u64 = 1 << 17;
const MAX_EXPONENT: u64 = 1 << 40;
const MAX_SPARSE: usize = 1 << 12;
/// A verifier multiplies as often as there are mask rows.
const MAX_HIDDEN: usize = 1 << 12;

type Check = Result<(), String>;

fn ensure(ok: bool, what: impl FnOnce() -> String) -> Check {
    if ok { Ok(()) } else { Err(what()) }
}

fn below(what: &str, index: u32, bound: usize) -> Check {
    ensure((index as usize) < bound, || format!("{what} {index} does not exist"))
}

impl Air {
    /// Every index, width and degree.
    pub fn validate(&self) -> Check {
        ensure(DEGREES.contains(&self.degree.into()), || format!("challenges of degree {}", self.degree))?;
        let dim = self.variables.len().saturating_add(EXTRA_VARIABLES as usize);
        let possible = |v: &Option<i64>| v.is_none_or(|x| (2..=1 << 62).contains(&x));
        ensure(self.variables.iter().all(possible), || "a variable has an impossible value".into())?;
        ensure(dim <= 64, || format!("{dim} variables"))?;
        for m in &self.monomials {
            let ok = m.len() == dim && m.iter().all(|e| e.unsigned_abs() <= MAX_EXPONENT);
            ensure(ok, || "a monomial has impossible exponents".into())?;
        }
        ensure(!self.groups.is_empty(), || "no tables".into())?;
        let falling = self.groups.windows(2).all(|w| w[0].log_height > w[1].log_height);
        ensure(falling, || "the groups' heights do not fall".into())?;
        self.groups.iter().try_for_each(|g| self.group(g))?;
        let extension: u64 = self.groups.iter().map(|g| u64::from(g.round2) + u64::from(g.round3)).sum();
        ensure(extension <= MAX_EXTENSION, || format!("{extension} extension columns"))?;
        self.exposed()?;
        self.masks()?;
        let committed = self.groups.iter().any(|g| g.fixed + g.witness > 0);
        ensure(committed, || "no columns".into())?;
        let terminals = self.terminals as usize;
        self.lookup_terminals.iter().try_for_each(|t| below("terminal", *t, terminals))?;
        for (a, b) in &self.links {
            below("terminal", *a, terminals)?;
            below("terminal", *b, terminals)?;
        }
        let third = self.groups.iter().any(|g| g.round3 > 0);
        ensure(third != self.links.is_empty(), || "round 3 without links, or links without it".into())?;
        for p in &self.publics {
            let n = p.shape.iter().try_fold(1u64, |a, d| a.checked_mul(*d as u64).filter(|n| *n <= 1 << 32));
            let range = p.min <= p.max && p.min >= -(1 << 61) && p.max <= 1 << 61;
            ensure(range && n.is_some_and(|n| n > 0), || format!("public tensor {:?}", p.name))?;
        }
        for t in self.equations.iter().flat_map(|e| &e.terms) {
            ensure(is_balanced(t.coefficient), || "a coefficient is not a balanced residue".into())?;
            below("monomial", t.monomial, self.monomials.len())?;
            match &t.operand {
                Operand::Terminals(list) => {
                    ensure((1..=2).contains(&list.len()), || "an operand of no or many values".into())?;
                    list.iter().try_for_each(|t| below("terminal", *t, terminals))?;
                }
                Operand::Public { public, monomials } => {
                    below("public tensor", *public, self.publics.len())?;
                    let p = &self.publics[*public as usize];
                    ensure(p.role != Role::Private, || format!("an equation speaks of {:?}", p.name))?;
                    monomials
                        .check(1 + self.variables.len(), p.stated() as u64)
                        .map_err(|e| format!("public tensor {:?}: {e}", p.name))?;
                }
                Operand::Ones { monomials } => {
                    let count = monomials.len().map_err(|e| e.to_string())?;
                    monomials.check(1 + self.variables.len(), count).map_err(|e| format!("ones: {e}"))?;
                    let ascends = |r: &tessera_api::Run| {
                        r.start[0] == 1
                            && r.loops.iter().all(|l| l.1[0] == 0)
                            && r.loops.iter().map(|l| &l.1).chain([&r.start]).flatten().all(|d| *d >= 0)
                    };
                    ensure(monomials.runs.iter().all(ascends), || "ones that are absent or descend".into())?;
                }
            }
        }
        // a multiplicity is a residue: no tuple can be looked up p times
        ensure(self.measure().fractions < F::ORDER_U64, || {
            "more lookups than multiplicities can count".into()
        })
    }

    /// Every exposed value is that of one column: none is left to the prover, and a number of them takes as many nodes.
    fn exposed(&self) -> Check {
        let mut found = HashSet::new();
        for g in &self.groups {
            for n in &g.nodes {
                let (Node::Terminal { terminal, .. } | Node::Lookups { terminal, .. }) = n else { continue };
                // a sum over the rows after the masks is exposed where it stands on row 0
                let elsewhere = g.hiding() && matches!(n, Node::Lookups { .. });
                ensure(elsewhere || found.insert(*terminal), || {
                    format!("terminal {terminal} is exposed twice")
                })?;
            }
        }
        let terminals = self.terminals as usize;
        ensure(found.len() == terminals, || {
            format!("{terminals} terminals, of which {} are exposed", found.len())
        })
    }

    /// Mask rows are as many in every group, and those of a number of queries; what they would have looked up is left out
    /// nowhere else.
    fn masks(&self) -> Check {
        let rows = self.groups[0].masks;
        ensure(self.groups.iter().all(|g| g.masks == rows), || "groups of different mask rows".into())?;
        ensure(rows > 0 || self.void.is_empty(), || "void lookups without mask rows".into())?;
        for (n, d) in &self.void {
            ensure(is_balanced(*n), || "a coefficient is not a balanced residue".into())?;
            self.poly(d)?;
        }
        let Some(budget) = self.budget() else {
            return ensure(rows == 0, || format!("{rows} mask rows hide no query"));
        };
        ensure(budget.queries <= MAX_HIDDEN, || format!("{rows} mask rows"))?;
        let small = self.groups.iter().find(|g| g.height() < budget.least_height());
        ensure(small.is_none(), || {
            let least = budget.least_height();
            let found = small.map_or(0, Group::height);
            format!("a table of {found} rows; {rows} mask rows need {least}")
        })
    }

    fn poly(&self, p: &Poly) -> Check {
        p.0.iter().try_for_each(|(c, m)| {
            ensure(is_balanced(*c), || "a coefficient is not a balanced residue".into())?;
            below("monomial", *m, self.monomials.len())
        })
    }

    fn dot(&self, d: &Dot, width: usize) -> Check {
        self.poly(&d.constant)?;
        ensure(d.cells.windows(2).all(|w| w[0].0 < w[1].0), || "columns out of order".into())?;
        d.cells.iter().try_for_each(|(c, p)| {
            below("column", *c, width)?;
            self.poly(p)
        })
    }

    fn group(&self, g: &Group) -> Check {
        ensure(g.log_height <= MAX_LOG_HEIGHT, || format!("a table of 2^{} rows", g.log_height))?;
        let wide = [
            g.fixed,
            g.model,
            g.witness,
            g.summed,
            (usize::from(self.degree) * g.sums.len().min(MAX_WIDTH)) as u32,
            g.round2,
            g.round3,
        ]
        .iter()
        .any(|w| *w as usize > MAX_WIDTH);
        let sparse: usize = g.sparse.iter().map(Vec::len).sum();
        ensure(!wide && g.sparse.len() + sparse <= MAX_SPARSE, || "too many columns".into())?;
        for r in g.sparse.iter().flatten() {
            below("row", *r, g.height())?;
        }
        ensure((g.summed > 0) != g.sums.is_empty(), || {
            "sums without columns, or columns without sums".into()
        })?;
        for s in &g.sums {
            ensure(s.constant.0.is_empty(), || "a sum of fixed columns has a constant".into())?;
            self.dot(s, g.summed as usize)?;
        }
        let (width, extension) = (g.base_width(self.degree.into()), (g.round2 + g.round3) as usize);
        let terminals = self.terminals as usize;
        for n in &g.nodes {
            match n {
                Node::Base { constant, products } => {
                    ensure(is_balanced(*constant), || "a coefficient is not a balanced residue".into())?;
                    for p in products {
                        let ok = is_balanced(p.coefficient) && (1..=3).contains(&p.factors.len());
                        ensure(ok, || "an impossible product".into())?;
                        p.factors.iter().try_for_each(|c| below("column", *c, width))?;
                    }
                }
                Node::Horner { column, ratio, parts } => {
                    below("extension column", *column, extension)?;
                    self.dot(ratio, width)?;
                    for p in parts {
                        self.dot(&p.gate, width)?;
                        self.dot(&p.dot, width)?;
                        p.sum.iter().try_for_each(|s| below("sum", *s, g.sums.len()))?;
                    }
                }
                Node::Sum { column, ratio, end, factors } => {
                    below("extension column", *column, extension)?;
                    self.dot(ratio, width)?;
                    self.dot(end, width)?;
                    ensure((1..=2).contains(&factors.len()), || "a sum of no or many factors".into())?;
                    for f in factors {
                        let (Factor::Current(c) | Factor::Next(c)) = f;
                        below("extension column", *c, extension)?;
                    }
                }
                Node::Terminal { column, first, terminal, blind } => {
                    below("extension column", *column, extension)?;
                    below("column", *first, width)?;
                    below("terminal", *terminal, terminals)?;
                    let Some(b) = blind else { continue };
                    ensure(g.hiding(), || "a blind without mask rows".into())?;
                    below("monomial", b.weight, self.monomials.len())?;
                    match &b.mask {
                        Mask::Cells(cells) => {
                            let ok = cells.len() == usize::from(self.degree);
                            ensure(ok, || "a blind of few or many cells".into())?;
                            cells.iter().try_for_each(|c| below("column", *c, width))?;
                        }
                        Mask::Next(c) => below("extension column", *c, extension)?,
                    }
                }
                Node::Start { column, here } => {
                    below("extension column", *column, extension)?;
                    below("column", *here, width)?;
                }
                Node::Lookups { column, terminal, pairs } => {
                    let last = (*column as usize).saturating_add(pairs.len());
                    ensure(!pairs.is_empty() && last <= extension, || "a lookup without columns".into())?;
                    below("terminal", *terminal, terminals)?;
                    for f in pairs.iter().flatten() {
                        f.multiplicity.iter().try_for_each(|c| below("column", *c, width))?;
                        self.dot(&f.denominator, width)?;
                    }
                    ensure(pairs.iter().all(|p| (1..=2).contains(&p.len())), || {
                        "a pair that is none".into()
                    })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::Quadratic;
    use crate::testing::{lookups, suite};

    /// A commitment's matrices are told apart by their heights alone.
    #[test]
    fn groups_fall_in_height_and_none_is_too_tall() {
        let air = suite::quick::<Quadratic>().setup(&lookups(1).program).unwrap().1.air;
        let of = |heights: &[u8]| {
            let group = |h: &u8| Group { log_height: *h, witness: 1, ..Group::default() };
            let nothing = Air {
                terminals: 0,
                lookup_terminals: vec![],
                equations: vec![],
                links: vec![],
                ..air.clone()
            };
            Air { groups: heights.iter().map(group).collect(), ..nothing }.validate()
        };
        assert_eq!(of(&[MAX_LOG_HEIGHT, 9, 8]), Ok(()));
        for heights in [&[9, 9][..], &[10, 9, 9], &[8, 9]] {
            assert_eq!(of(heights), Err("the groups' heights do not fall".into()), "{heights:?}");
        }
        assert_eq!(of(&[MAX_LOG_HEIGHT + 1, 9]), Err("a table of 2^27 rows".into()));
        assert_eq!(of(&[]), Err("no tables".into()));
    }

    /// What is counted in a few bytes takes no more space than what it counts takes in the key.
    #[test]
    fn what_is_counted_is_there() {
        let honest = suite::quick::<Quadratic>().setup(&lookups(1).program).unwrap().1.air;
        let refused = |change: &dyn Fn(&mut Air)| {
            let mut air = honest.clone();
            change(&mut air);
            air.validate().unwrap_err()
        };
        let n = honest.terminals;
        assert_eq!(honest.validate(), Ok(()));
        assert_eq!(
            refused(&|a| a.terminals = 1 << 26),
            format!("67108864 terminals, of which {n} are exposed")
        );
        let first = |a: &mut Air| -> usize {
            a.groups.iter().position(|g| g.nodes.iter().any(|n| matches!(n, Node::Lookups { .. }))).unwrap()
        };
        assert_eq!(
            refused(&|a| {
                let g = first(a);
                let again =
                    a.groups[g].nodes.iter().find(|n| matches!(n, Node::Lookups { .. })).unwrap().clone();
                a.groups[g].nodes.push(again);
            }),
            "terminal 1 is exposed twice"
        );
        let tall = |a: &mut Air| {
            let lowest = a.groups.pop().unwrap();
            a.groups =
                (0..3).map(|i| Group { log_height: 12 - i, round2: 1 << 16, ..Group::default() }).collect();
            a.groups.push(Group { log_height: 4, ..lowest });
        };
        assert!(refused(&tall).ends_with(" extension columns"), "{}", refused(&tall));
    }

    /// Weights of a sum are those of the columns that it reads.
    #[test]
    fn sums_that_read_nothing_weigh_nothing() {
        let g = Group { summed: 1 << 16, sums: vec![Dot::default(); 1 << 14], ..Group::default() };
        assert_eq!(g.sum_weights::<Quadratic>(&[]).iter().map(Vec::capacity).sum::<usize>(), 0);
    }
}
