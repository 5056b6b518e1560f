//! A Program written out: one polynomial over the cells that a prover chooses for each row constraint and for each monomial of each
//! equation, and what each lookup reads. For small Programs, and for tests that ask what else could satisfy one.
//!
//! It is a second way to read a Program beside [`crate::check`], which draws random points: here equations are compared
//! coefficient by coefficient, and nothing is shared with the checker but [`tessera_api`].
use std::collections::{BTreeMap, HashMap, HashSet};
use tessera_api::field::{add, mul, pow, residue};
use tessera_api::{Cell, Expr, Operand, Program, Seq, Table, Term, Trace};

/// What a prover chooses, or states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unknown {
    /// A cell of a witness column on an active row, multiplicities excepted.
    Witness {
        /// Index of the table.
        table: u32,
        /// Its row.
        row: u32,
        /// Its column.
        column: u32,
    },
    /// A value of the statement.
    Public {
        /// Index of the public tensor.
        tensor: u32,
        /// Flat index of the element.
        element: u32,
    },
}

/// Σ coefficient · Π unknowns, mod p; no coefficient is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Polynomial(pub BTreeMap<Vec<Unknown>, u64>);

impl Polynomial {
    fn constant(c: u64) -> Polynomial {
        let mut p = Polynomial::default();
        p.plus(vec![], c);
        p
    }
    pub(super) fn plus(&mut self, unknowns: Vec<Unknown>, coefficient: u64) {
        let sum = self.0.get(&unknowns).map_or(coefficient, |c| add(*c, coefficient));
        match sum {
            0 => self.0.remove(&unknowns),
            _ => self.0.insert(unknowns, sum),
        };
    }
    pub(super) fn add_scaled(&mut self, other: &Polynomial, k: u64) {
        other.0.iter().for_each(|(u, c)| self.plus(u.clone(), mul(*c, k)));
    }
    pub(super) fn times(&self, other: &Polynomial) -> Polynomial {
        let mut out = Polynomial::default();
        for (u, a) in &self.0 {
            for (v, b) in &other.0 {
                let mut both = [u.clone(), v.clone()].concat();
                both.sort();
                out.plus(both, mul(*a, *b));
            }
        }
        out
    }
    /// The value, given the unknowns' residues.
    pub fn eval(&self, value: &impl Fn(Unknown) -> u64) -> u64 {
        self.0.iter().fold(0, |sum, (u, c)| add(sum, u.iter().fold(*c, |p, u| mul(p, value(*u)))))
    }
    /// The unknowns, each once.
    pub fn unknowns(&self) -> HashSet<Unknown> {
        self.0.keys().flatten().copied().collect()
    }
}

/// A polynomial that is to be zero.
#[derive(Clone, Debug)]
pub struct Zero {
    /// The constraint's source, or the equation's name.
    pub name: String,
    /// What is to be zero.
    pub polynomial: Polynomial,
    /// Its parts by powers of variables that are numbers, with that power, ascending: an honest trace has each of them zero.
    pub parts: Vec<(u64, Polynomial)>,
}

/// A tuple that is to be among those provided.
#[derive(Clone, Debug)]
pub struct Tuple {
    /// Index of the lookup relation.
    pub relation: u32,
    /// Its entries.
    pub entries: Vec<Polynomial>,
}

/// All that a Program asks of a trace, but for multiplicities.
#[derive(Clone, Debug)]
pub struct System {
    /// Row constraints and coefficients of equations.
    pub zeros: Vec<Zero>,
    /// What lookups read.
    pub lookups: Vec<Tuple>,
    /// Per lookup relation, what is provided, in the order of tables, rows and provides.
    pub provided: Vec<Vec<Vec<u64>>>,
    sets: Vec<HashSet<Vec<u64>>>,
    /// How often padding rows look which tuple up.
    padding: HashMap<(u32, Vec<u64>), i64>,
}

/// The most products that are written out.
pub const MOST_PRODUCTS: u64 = 1 << 20;

/// Fixed cells of all tables.
struct Fixed<'a> {
    program: &'a Program,
    columns: Vec<Vec<Vec<i64>>>,
}

impl Fixed<'_> {
    /// An expression of an active row over the unknowns.
    fn of(&self, table: usize, row: usize, e: &Expr) -> Polynomial {
        let mut out = Polynomial::constant(residue(e.constant));
        for (k, cells) in &e.terms {
            let (mut k, mut unknowns) = (residue(*k), vec![]);
            for cell in cells {
                match cell {
                    Cell::Fixed(c) => k = mul(k, residue(self.columns[table][*c as usize][row])),
                    Cell::Witness(c) => {
                        unknowns.push(Unknown::Witness { table: table as u32, row: row as u32, column: *c })
                    }
                }
            }
            unknowns.sort();
            if k != 0 {
                out.plus(unknowns, k);
            }
        }
        out
    }
}

/// A polynomial in the Program's variables whose coefficients are polynomials in the unknowns.
type Outer = HashMap<Vec<i64>, Polynomial>;

fn product(a: &[i64], b: &[i64]) -> Vec<i64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn shifted(outer: &Outer, by: &[i64], k: u64, into: &mut Outer) {
    for (m, p) in outer {
        into.entry(product(m, by)).or_default().add_scaled(p, k);
    }
}

fn entries(layout: &Seq, count: usize, mut f: impl FnMut(usize, &[i64])) {
    let present = &mut |i, m: &[i64]| {
        if m[0] != 0 {
            f(i, &m[1..])
        }
    };
    layout.visit(count, present).expect("a validated layout");
}

impl System {
    /// Writes a validated Program out. `None` where that takes more than [`MOST_PRODUCTS`] products of cells.
    pub fn of(program: &Program) -> Option<System> {
        let column = |t: &Table| -> Vec<Vec<i64>> {
            t.fixed.iter().map(|c| program.fixed_values(t, c).expect("a validated Program")).collect()
        };
        let fixed = Fixed { program, columns: program.tables.iter().map(column).collect() };
        let none = vec![vec![]; program.relations.len()];
        let mut r =
            System { zeros: vec![], lookups: vec![], provided: none, sets: vec![], padding: HashMap::new() };
        for (i, t) in program.tables.iter().enumerate() {
            let cell = |c: Cell| match c {
                Cell::Fixed(c) => t.fixed[c as usize].padding,
                Cell::Witness(c) => t.witness[c as usize].padding,
            };
            for l in &t.lookups {
                let tuple = l.tuple.iter().map(|e| residue(e.eval(cell).expect("small numbers"))).collect();
                *r.padding.entry((l.relation, tuple)).or_default() += (1 << t.log_height) - i64::from(t.rows);
            }
            for row in 0..t.rows as usize {
                for c in &t.constraints {
                    r.zero(&c.source, vec![(1, fixed.of(i, row, &c.expr))]);
                }
                for l in &t.lookups {
                    let entries = l.tuple.iter().map(|e| fixed.of(i, row, e)).collect();
                    r.lookups.push(Tuple { relation: l.relation, entries });
                }
                for p in &t.provides {
                    let tuple = p.tuple.iter().map(|e| fixed.of(i, row, e).eval(&|_| 0)).collect();
                    r.provided[p.relation as usize].push(tuple);
                }
            }
        }
        r.sets = r.provided.iter().map(|p| p.iter().cloned().collect()).collect();
        let segments: Vec<Vec<Outer>> = program.folds.iter().map(|f| segments(&fixed, f)).collect();
        let mut budget = MOST_PRODUCTS;
        let mut terms = vec![];
        for t in &program.terms {
            let mut sum = Outer::new();
            match t {
                Term::Sum { fold, weights } => {
                    let s = &segments[*fold as usize];
                    entries(weights, s.len(), |i, w| shifted(&s[i], w, 1, &mut sum));
                }
                Term::Join { left, right, weights } => {
                    let (l, r) = (&segments[*left as usize], &segments[*right as usize]);
                    let products: u64 = l.iter().zip(r).map(|(l, r)| (l.len() * r.len()) as u64).sum();
                    budget = budget.checked_sub(products)?;
                    entries(weights, l.len(), |i, w| {
                        for (m, p) in &l[i] {
                            let by = product(m, w);
                            for (n, q) in &r[i] {
                                sum.entry(product(n, &by)).or_default().add_scaled(&p.times(q), 1);
                            }
                        }
                    });
                }
            }
            terms.push(sum);
        }
        for e in &program.equations {
            let mut sum = Outer::new();
            for t in &e.terms {
                let k = residue(t.coefficient);
                match &t.operand {
                    Operand::Term(i) => shifted(&terms[*i as usize], &t.monomial, k, &mut sum),
                    Operand::Public { public, monomials } => {
                        let count = program.publics[*public as usize].len();
                        entries(monomials, count, |element, m| {
                            let u = Unknown::Public { tensor: *public, element: element as u32 };
                            sum.entry(product(m, &t.monomial)).or_default().plus(vec![u], k);
                        });
                    }
                    Operand::Ones { monomials } => {
                        let count = monomials.len().map_or(0, |n| n as usize);
                        entries(monomials, count, |_, m| {
                            sum.entry(product(m, &t.monomial)).or_default().plus(vec![], k);
                        });
                    }
                }
            }
            let mut by_indeterminates: BTreeMap<Vec<i64>, BTreeMap<u64, Polynomial>> = BTreeMap::new();
            for (m, p) in sum {
                let (mut rest, mut factor) = (vec![], 1);
                for (e, v) in m.iter().zip(&program.variables) {
                    match v.value {
                        Some(t) => factor = mul(factor, pow(residue(t), *e as u64)),
                        None => rest.push(*e),
                    }
                }
                by_indeterminates.entry(rest).or_default().entry(factor).or_default().add_scaled(&p, 1);
            }
            by_indeterminates.into_values().for_each(|p| r.zero(&e.name, p.into_iter().collect()));
        }
        Some(r)
    }

    fn zero(&mut self, name: &str, mut parts: Vec<(u64, Polynomial)>) {
        parts.retain(|(_, p)| !p.0.is_empty());
        let mut polynomial = Polynomial::default();
        parts.iter().for_each(|(factor, p)| polynomial.add_scaled(p, *factor));
        if !parts.is_empty() {
            self.zeros.push(Zero { name: name.into(), polynomial, parts });
        }
    }

    /// Whether the tuple that a lookup reads is provided.
    pub fn provides(&self, l: &Tuple, value: &impl Fn(Unknown) -> u64) -> bool {
        let tuple: Vec<u64> = l.entries.iter().map(|e| e.eval(value)).collect();
        self.sets[l.relation as usize].contains(&tuple)
    }

    /// Whether a trace satisfies everything but the multiplicities.
    pub fn hold(&self, trace: &Trace, program: &Program) -> bool {
        let value = |u| value(program, trace, u);
        let found = |l: &Tuple| self.provides(l, &value);
        trace.publics.check(&program.publics).is_ok()
            && self.zeros.iter().all(|z| z.polynomial.eval(&value) == 0)
            && self.lookups.iter().all(found)
    }
}

/// Per segment of a fold, its polynomial.
fn segments(fixed: &Fixed, f: &tessera_api::Fold) -> Vec<Outer> {
    let ends = f.segments.expand(f.segment_count as usize).expect("a validated layout");
    let mut out = vec![Outer::new(); ends.len()];
    for lane in &f.lanes {
        let rows = fixed.program.tables[f.table as usize].rows as usize;
        entries(&lane.monomials, rows, |row, m| {
            let segment = ends.partition_point(|e| *e <= row as i64);
            let p = fixed.of(f.table as usize, row, &lane.expr);
            out[segment].entry(m.to_vec()).or_default().add_scaled(&p, 1);
        });
    }
    out
}

/// The residue that a trace gives an unknown.
pub fn value(program: &Program, trace: &Trace, u: Unknown) -> u64 {
    residue(match u {
        Unknown::Witness { table, row, column } => {
            let width = program.tables[table as usize].witness.len();
            trace.tables[table as usize][row as usize * width + column as usize]
        }
        Unknown::Public { tensor, element } => trace.publics.tensors[tensor as usize][element as usize],
    })
}

impl System {
    /// Corrects the multiplicities of a changed trace, given those of an honest one.
    pub fn count(&self, honest: &Trace, changed: &mut Trace, program: &Program) {
        self.count_from(self, honest, changed, program);
    }

    /// The same where the honest trace is of another Program with the same tables: `whole` are its system.
    pub fn count_from(&self, whole: &System, honest: &Trace, changed: &mut Trace, program: &Program) {
        let mut more: HashMap<(u32, Vec<u64>), i64> = HashMap::new();
        for (system, trace, by) in [(whole, honest, -1), (self, &*changed, 1)] {
            system.padding.iter().for_each(|(tuple, n)| *more.entry(tuple.clone()).or_default() += by * n);
            for l in &system.lookups {
                let tuple = l.entries.iter().map(|e| e.eval(&|u| value(program, trace, u))).collect();
                *more.entry((l.relation, tuple)).or_default() += by;
            }
        }
        // the first provided tuple of its kind takes the difference
        let mut at: Vec<usize> = vec![0; self.provided.len()];
        for (t, table) in program.tables.iter().enumerate() {
            for row in 0..table.rows as usize {
                for p in &table.provides {
                    let tuple = self.provided[p.relation as usize][at[p.relation as usize]].clone();
                    at[p.relation as usize] += 1;
                    if let Some(n) = more.remove(&(p.relation, tuple)) {
                        changed.tables[t][row * table.witness.len() + p.multiplicity as usize] += n;
                    }
                }
            }
        }
    }
}
