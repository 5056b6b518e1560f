//! The second pass: columns get their numbers, constraints are written.
//!
//! Invariant: columns of round 2 are numbered before those of round 3, monomials and exposed values in order of first use; keys,
//! and with them proofs, are those numbers.
use super::basis::{Combination, Selectors};
use super::nodes::{self, FixedKind, Place, Sum};
use super::plan::{Plan, Running, Source, Value};
use super::rows::{intern, minus, plus};
use super::symbol::{Exponents, Monomials, Poly, balanced};
use super::{
    Air, Blind, Copy, Dot, EXTRA_VARIABLES, Equation, EquationTerm, Factor, Group, Mask, Node, Operand,
};
use crate::arithmetic::{F, PrimeCharacteristicRing, signed};
use std::collections::{BTreeMap, HashMap};

/// Where tables stand.
pub struct Layout {
    /// Groups, without extension columns and constraints.
    pub groups: Vec<Group>,
    /// Place of each table.
    pub places: Vec<Place>,
    /// Selectors of each table.
    pub selectors: Vec<Selectors>,
}

/// Extension columns by what stands in them, each counted in its group.
#[derive(Default)]
struct Columns {
    folds: BTreeMap<usize, u32>,
    copies: Vec<u32>,
    running: Vec<u32>,
}

/// Ratio and end of a running sum.
struct Steps {
    ratio: Dot,
    end: Dot,
}

/// An extension column, by a table of its group.
type At = (usize, u32);

/// A relation so far.
struct Writer<'a> {
    degree: u8,
    plan: &'a Plan<'a>,
    places: &'a [Place],
    selectors: &'a [Selectors],
    groups: Vec<Group>,
    monomials: Monomials,
    columns: Columns,
    terminals: u32,
    lookup_terminals: Vec<u32>,
    void: Vec<(F, Poly)>,
    /// Terminals by group and column.
    exposed: HashMap<(usize, u32), u32>,
    /// Witness columns of each group whose cell on row 0 is part of a blind: the first so many.
    blinding: Vec<u32>,
}

/// Writes the relation, and how its copies are filled; challenges have this degree.
pub fn write(degree: u8, plan: &Plan, layout: &Layout) -> (Air, Vec<Copy>) {
    let mut w = Writer {
        degree,
        plan,
        places: &layout.places,
        selectors: &layout.selectors,
        groups: layout.groups.clone(),
        monomials: Monomials::default(),
        columns: Columns::default(),
        terminals: 0,
        lookup_terminals: vec![],
        void: vec![],
        exposed: HashMap::new(),
        blinding: vec![0; layout.groups.len()],
    };
    let (one, eta) = (w.extra(|_| 0), w.extra(|i| i64::from(i == 2)));
    w.folds();
    w.number_copies_and_sums();
    w.rows_and_lookups();
    w.number_eta_folds();
    let ends = w.running_sums(one, eta);
    let operands = w.operands();
    let (links, copies) = w.copies(&ends);
    let equations = w.equations(&operands);
    for (g, p) in w.groups.iter_mut().zip(0..) {
        // the column that is 1 on row 0 is the first sparse one; it costs a verifier nothing to speak of
        debug_assert!(g.sparse[0] == [0], "group {p}");
        g.nodes.sort_by_key(|n| matches!(n, Node::Base { .. }));
        // a blind may need more cells of row 0 than the witness has columns
        g.witness = g.witness.max(w.blinding[p as usize]);
    }
    let air = Air {
        degree,
        variables: plan.program.variables.iter().map(|v| v.value).collect(),
        monomials: w.monomials.list,
        groups: w.groups,
        terminals: w.terminals,
        lookup_terminals: w.lookup_terminals,
        links,
        equations,
        publics: plan.program.publics.clone(),
        void: w.void.into_iter().map(|(n, d)| (balanced(n), d)).collect(),
    };
    (air, copies)
}

/// Counts `k` more; the first of them.
fn take(n: &mut u32, k: u32) -> u32 {
    *n += k;
    *n - k
}

impl Writer<'_> {
    /// The monomial of challenges beyond the Program's own.
    fn extra(&mut self, exponent: impl Fn(u32) -> i64) -> u32 {
        let mut e = vec![0; self.plan.variables()];
        e.extend((0..EXTRA_VARIABLES).map(exponent));
        self.monomials.id(&e)
    }

    fn group(&mut self, table: usize) -> &mut Group {
        &mut self.groups[self.places[table].group]
    }

    /// Round 2: folds.
    fn folds(&mut self) {
        let plan = self.plan;
        for (f, walk) in &plan.walks {
            let t = plan.program.folds[*f].table as usize;
            let (place, s) = (&self.places[t], &self.selectors[t]);
            let column = take(&mut self.group(t).round2, 1);
            let (r, p) = plan.fold_requests[f];
            let answers = (&s.answers[r].1[..], &s.answers[p].1[..]);
            let mut node = nodes::horner(place, column, walk, &plan.lanes[*f], answers, &mut self.monomials);
            let group = self.group(t);
            if let (true, Node::Horner { parts, .. }) = (place.kind == FixedKind::Summed, &mut node) {
                for p in parts {
                    p.sum = Some(group.sums.len() as u32);
                    let cells = std::mem::take(&mut p.dot.cells);
                    group.sums.push(Dot { constant: Default::default(), cells });
                }
            }
            group.nodes.push(node);
            self.columns.folds.insert(*f, column);
        }
    }

    /// Round 2: copies, then running sums. η-folds belong to round 3 and are numbered after all of round 2.
    fn number_copies_and_sums(&mut self) {
        let plan = self.plan;
        self.columns.copies = plan.copies.iter().map(|c| take(&mut self.group(c.table).round2, 1)).collect();
        let number = |r: &Running| if r.eta { 0 } else { take(&mut self.group(r.table).round2, 1) };
        self.columns.running = plan.running.iter().map(number).collect();
    }

    fn number_eta_folds(&mut self) {
        let plan = self.plan;
        for (i, r) in plan.running.iter().enumerate().filter(|(_, r)| r.eta) {
            let g = self.group(r.table);
            self.columns.running[i] = g.round2 + take(&mut g.round3, 1);
        }
    }

    /// Constraints on rows; round 2: lookups.
    fn rows_and_lookups(&mut self) {
        let plan = self.plan;
        let tuples = |t: &'_ tessera_api::Table| {
            let lookups = t.lookups.iter().map(|l| l.tuple.len());
            lookups.chain(t.provides.iter().map(|p| p.tuple.len())).max()
        };
        let width = plan.tables.iter().filter_map(tuples).max().unwrap_or(0);
        let with_lookups = plan.tables.iter().filter_map(tuples).count();
        for (i, (t, place)) in plan.tables.iter().zip(self.places).enumerate() {
            self.group(i).nodes.extend(t.constraints.iter().map(|c| nodes::base(place, c)));
            let pairs = nodes::pairs(place, t, plan.variables(), width, &mut self.monomials);
            if pairs.is_empty() {
                continue;
            }
            let column = take(&mut self.group(i).round2, pairs.len() as u32);
            let terminal = take(&mut self.terminals, 1);
            self.lookup_terminals.push(terminal);
            self.group(i).nodes.push(Node::Lookups { column, terminal, pairs });
            if self.hiding() {
                let first = place.first;
                self.group(i).nodes.push(Node::Start { column, here: first + 1 });
                // the only sum is what everybody knows
                let blind = (with_lookups > 1).then(|| self.blind(i, |_| 0));
                self.group(i).nodes.push(Node::Terminal { column, first, terminal, blind });
                self.void_rows(t, width);
            }
        }
    }

    /// What the mask rows of a table would have looked up.
    fn void_rows(&mut self, t: &tessera_api::Table, width: usize) {
        let masks = F::from_u32(self.groups[0].masks);
        for (n, d) in nodes::padding(t, self.plan.variables(), width, &mut self.monomials) {
            match self.void.iter_mut().find(|v| v.1 == d) {
                Some(v) => v.0 += masks * n,
                None => self.void.push((masks * n, d)),
            }
        }
    }

    /// A blind of cells that nothing else reads, in the group of a table.
    fn blind(&mut self, table: usize, weight: impl Fn(usize) -> i64) -> Blind {
        let place = &self.places[table];
        let cells = (0..self.degree).map(|_| place.witness_base + take(&mut self.blinding[place.group], 1));
        let cells = cells.collect();
        let e: Vec<i64> = (0..self.plan.variables() + EXTRA_VARIABLES as usize).map(weight).collect();
        Blind { weight: self.monomials.id(&e), mask: Mask::Cells(cells) }
    }

    /// Running sums; the end of each.
    fn running_sums(&mut self, one: u32, eta: u32) -> Vec<Dot> {
        let plan = self.plan;
        let mut ends = vec![];
        for (i, r) in plan.running.iter().enumerate() {
            let Steps { ratio, end } = self.steps(r, one, eta);
            let factor = |s: &Source| match s {
                Source::Fold(f) => Factor::Next(self.columns.folds[f]),
                Source::Copy(c) => Factor::Current(self.columns.copies[*c]),
            };
            let factors = r.factors.iter().map(factor).collect();
            let node = Node::Sum { column: self.columns.running[i], ratio, end: end.clone(), factors };
            self.group(r.table).nodes.push(node);
            ends.push(end);
        }
        ends
    }

    /// No end → ratio 1 and end 0; first end → 0 and 1; further ends → ratio and 1.
    fn steps(&mut self, r: &Running, one: u32, eta: u32) -> Steps {
        let place = &self.places[r.table];
        let answers: &[Combination] = &self.selectors[r.table].answers[r.request].1;
        let mut ratios: Vec<Exponents> = vec![];
        let mut index = HashMap::new();
        for w in r.ends.windows(2) {
            intern(&mut index, &mut ratios, minus(&w[0].1, &w[1].1));
        }
        let (mut ratio, mut end) = (Sum::default(), Sum::default());
        for (class, c) in answers.iter().enumerate() {
            match class {
                0 => ratio.indicator(place, one, c),
                1 => end.indicator(place, one, c),
                k => {
                    let m =
                        if r.eta { eta } else { self.monomials.id(&[&ratios[k - 2][..], &[0; 3]].concat()) };
                    ratio.indicator(place, m, c);
                    end.indicator(place, one, c);
                }
            }
        }
        Steps { ratio: ratio.dot(), end: end.dot() }
    }

    fn hiding(&self) -> bool {
        self.groups.iter().any(Group::hiding)
    }

    /// The terminal that exposes a column of a table's group as it is: once, whoever asks for it.
    fn expose(&mut self, (table, column): At) -> u32 {
        let group = self.places[table].group;
        if let Some(terminal) = self.exposed.get(&(group, column)) {
            return *terminal;
        }
        let terminal = self.expose_with((table, column), None);
        self.exposed.insert((group, column), terminal);
        terminal
    }

    /// A terminal of its own that exposes a column.
    fn expose_with(&mut self, (table, column): At, blind: Option<Blind>) -> u32 {
        let first = self.places[table].first;
        let terminal = take(&mut self.terminals, 1);
        self.group(table).nodes.push(Node::Terminal { column, first, terminal, blind });
        terminal
    }

    fn running_at(&self, running: usize) -> At {
        (self.plan.running[running].table, self.columns.running[running])
    }

    /// Exposes a running sum of copied values, or of what they are copied from: `values` is the column they stand in.
    ///
    /// # Correctness
    /// The sum's powers of η are not negative, so a power of −1 is one for the blind alone: two sums are equal for a random η if the
    /// copied values are equal and the blinds are.
    fn expose_copied(&mut self, running: usize, values: u32) -> u32 {
        let at = self.running_at(running);
        if !self.hiding() {
            return self.expose(at);
        }
        let weight = self.extra(|i| if i == 2 { -1 } else { 0 });
        self.expose_with(at, Some(Blind { weight, mask: Mask::Next(values) }))
    }

    /// Per term its monomial and the columns whose values are multiplied; none where it is 0.
    fn operands(&mut self) -> Vec<Option<(Exponents, Vec<At>)>> {
        let plan = self.plan;
        let operand = |value: &Value| match value {
            Value::Zero => None,
            Value::Folds(m, folds) => {
                let one = |f: &usize| (plan.program.folds[*f].table as usize, self.columns.folds[f]);
                Some((m.clone(), folds.iter().map(one).collect()))
            }
            Value::Running(m, r) => Some((m.clone(), vec![self.running_at(*r)])),
        };
        let operands: Vec<Option<(Exponents, Vec<At>)>> = plan.values.iter().map(operand).collect();
        if !self.hiding() {
            // in the order of the terms, whatever equations do with them
            operands.iter().flatten().flat_map(|(_, all)| all).for_each(|at| {
                self.expose(*at);
            });
        }
        operands
    }

    /// The exposed values of one summand of an equation, whose monomial is given; alone in it, or beside others.
    ///
    /// # Correctness
    /// Blinds are multiplied by LogUp's α over the summand's monomial: the equation says of the coefficient of α that a sum of
    /// blinds vanishes, with coefficients that everybody knows, and of the rest what it says without.
    fn exposed_summand(&mut self, columns: &[At], monomial: &[i64], alone: bool) -> Vec<u32> {
        if alone || !self.hiding() {
            return columns.iter().map(|at| self.expose(*at)).collect();
        }
        let alpha = self.plan.variables();
        let inverse = |i: usize| if i == alpha { 1 } else { -monomial.get(i).copied().unwrap_or(0) };
        let one = |at: &At| {
            let blind = self.blind(at.0, inverse);
            self.expose_with(*at, Some(blind))
        };
        columns.iter().map(one).collect()
    }

    /// Links between both sides of each copy, and how it is filled.
    fn copies(&mut self, ends: &[Dot]) -> (Vec<(u32, u32)>, Vec<Copy>) {
        let plan = self.plan;
        let mut links = vec![];
        let mut copies = vec![];
        for (i, c) in plan.copies.iter().enumerate() {
            let (copy, from) = (self.columns.copies[i], self.columns.folds[&c.from]);
            links.push((self.expose_copied(c.host_sum, copy), self.expose_copied(c.from_sum, from)));
            let group = |sum: usize| self.places[plan.running[sum].table].group as u32;
            copies.push(Copy {
                to: (group(c.host_sum), self.columns.copies[i]),
                to_end: ends[c.host_sum].clone(),
                from: (group(c.from_sum), self.columns.folds[&c.from]),
                from_end: ends[c.from_sum].clone(),
            });
        }
        (links, copies)
    }

    fn equations(&mut self, operands: &[Option<(Exponents, Vec<At>)>]) -> Vec<Equation> {
        let program = self.plan.program;
        let extend = |e: &[i64]| [e, &[0; 3]].concat();
        let equation = |e: &tessera_api::Equation| {
            let mut terms = vec![];
            let exposed = |t: &&tessera_api::EquationTerm| match t.operand {
                tessera_api::Operand::Term(i) => {
                    operands[i as usize].is_some() && signed(t.coefficient) != F::ZERO
                }
                _ => false,
            };
            let alone = e.terms.iter().filter(exposed).count() < 2;
            for t in &e.terms {
                let coefficient = balanced(signed(t.coefficient));
                match &t.operand {
                    tessera_api::Operand::Term(i) => {
                        // what is multiplied by zero would be exposed for nothing
                        if coefficient == 0 && self.hiding() {
                            continue;
                        }
                        if let Some((m, columns)) = &operands[*i as usize] {
                            let product = plus(&t.monomial, m);
                            let operand = Operand::Terminals(self.exposed_summand(columns, &product, alone));
                            let monomial = self.monomials.id(&extend(&product));
                            terms.push(EquationTerm { coefficient, monomial, operand });
                        }
                    }
                    tessera_api::Operand::Public { public, monomials: m } => {
                        let operand = Operand::Public { public: *public, monomials: m.clone() };
                        terms.push(EquationTerm {
                            coefficient,
                            monomial: self.monomials.id(&extend(&t.monomial)),
                            operand,
                        });
                    }
                    tessera_api::Operand::Ones { monomials: m } => {
                        let operand = Operand::Ones { monomials: m.clone() };
                        terms.push(EquationTerm {
                            coefficient,
                            monomial: self.monomials.id(&extend(&t.monomial)),
                            operand,
                        });
                    }
                }
            }
            Equation { name: e.name.clone(), terms }
        };
        program.equations.iter().map(equation).collect()
    }
}
