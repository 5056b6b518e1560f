//! The first pass over a Program: how its folds walk over their tables, which running sums and copies its terms need, and which row
//! selectors all of them ask for. No column has a number yet.
//!
//! Invariant: what is planned once is shared: a fold, and a copy of the same values in the same rows.
use super::basis::Request;
use super::reshape::Reshaped;
use super::rows::{Walk, intern, minus, plus};
use super::symbol::Exponents;
use crate::unsupported;
use std::collections::{BTreeMap, HashMap};
use tessera_api::validate::ProgramError;
use tessera_api::{Expr, Program, SetupError, Table, Term};

/// A running sum over segment ends, before its columns exist.
pub struct Running {
    /// Table it stands in.
    pub table: usize,
    /// (end row, exclusive; monomial) of each segment that counts; the monomials of an η-fold are 1.
    pub ends: Vec<(u32, Exponents)>,
    /// An η-fold: each end counts η times what the end before counts.
    pub eta: bool,
    /// What is multiplied at each end.
    pub factors: Vec<Source>,
    /// Which of the table's requests tells ends apart: class 0 for none, 1 for the first, 2.. for further ends by ratio of monomials.
    pub request: usize,
}

/// What a running sum adds at the end of a segment.
#[derive(Clone, Copy)]
pub enum Source {
    /// A fold's value.
    Fold(usize),
    /// A copy's.
    Copy(usize),
}

/// How a term's value is read from exposed values.
pub enum Value {
    /// There is none.
    Zero,
    /// monomial · Π terminals of folds
    Folds(Exponents, Vec<usize>),
    /// monomial · terminal of a running sum
    Running(Exponents, usize),
}

/// A column that holds another fold's segment values.
pub struct CopyPlan {
    /// Table it stands in.
    pub table: usize,
    /// The fold copied.
    pub from: usize,
    /// The η-fold over the copy.
    pub host_sum: usize,
    /// The η-fold over the fold itself.
    pub from_sum: usize,
}

/// What is known after the first pass.
pub struct Plan<'a> {
    /// What is compiled.
    pub program: &'a Program,
    /// Its tables, reshaped.
    pub tables: &'a [Table],
    /// Per fold its lanes' expressions over a reshaped row.
    pub lanes: &'a [Vec<Expr>],
    /// How each fold that is used walks over its table.
    pub walks: BTreeMap<usize, Walk>,
    /// What each table asks of its selectors.
    pub requests: Vec<Vec<Request>>,
    /// Per fold the requests for its ratios and for its patterns.
    pub fold_requests: BTreeMap<usize, (usize, usize)>,
    /// Running sums.
    pub running: Vec<Running>,
    /// Copies.
    pub copies: Vec<CopyPlan>,
    /// How each term is read.
    pub values: Vec<Value>,
    factors: &'a [u32],
    copy_index: HashMap<(usize, Vec<u32>, usize), usize>,
}

impl<'a> Plan<'a> {
    /// Plans a validated Program.
    pub fn new(program: &'a Program, reshaped: &'a mut Reshaped) -> Result<Plan<'a>, SetupError> {
        let Reshaped { tables, lanes, factors, walks: made } = reshaped;
        let mut plan = Plan {
            program,
            tables,
            lanes,
            walks: BTreeMap::new(),
            requests: tables.iter().map(|_| vec![]).collect(),
            fold_requests: BTreeMap::new(),
            running: vec![],
            copies: vec![],
            values: vec![],
            factors,
            copy_index: HashMap::new(),
        };
        plan.values = plan.terms(made)?;
        Ok(plan)
    }

    /// How many fold variables there are.
    pub fn variables(&self) -> usize {
        self.program.variables.len()
    }

    fn walk(&mut self, fold: usize, made: &mut BTreeMap<usize, Walk>) -> Result<(), SetupError> {
        if self.walks.contains_key(&fold) {
            return Ok(());
        }
        let f = &self.program.folds[fold];
        let table = f.table as usize;
        let w = match made.remove(&fold) {
            Some(w) => w,
            None => {
                let rows = self.program.tables[table].rows as usize;
                let log = self.factors[table].trailing_zeros() as u8;
                Walk::new(f, rows, self.variables(), log)?.map_err(|reason| unsupported(&reason))?
            }
        };
        let r = &mut self.requests[table];
        self.fold_requests.insert(fold, (r.len(), r.len() + 1));
        r.push(Request { class_of: w.ratio_of.clone(), classes: w.ratios.len(), default: None });
        r.push(Request { class_of: w.pattern_of.clone(), classes: w.patterns.len(), default: None });
        self.walks.insert(fold, w);
        Ok(())
    }

    /// Plans a running sum and its selectors; returns its index.
    fn running(
        &mut self,
        table: usize,
        ends: Vec<(u32, Exponents)>,
        eta: bool,
        factors: Vec<Source>,
    ) -> usize {
        let mut class_of = vec![0; self.tables[table].rows as usize];
        let mut ratios: Vec<Exponents> = vec![];
        let mut index = HashMap::new();
        for (s, (end, m)) in ends.iter().enumerate() {
            class_of[*end as usize - 1] = match s {
                0 => 1,
                _ => 2 + intern(&mut index, &mut ratios, minus(&ends[s - 1].1, m)),
            };
        }
        let request = self.requests[table].len();
        self.requests[table].push(Request { class_of, classes: 2 + ratios.len(), default: Some(0) });
        self.running.push(Running { table, ends, eta, factors, request });
        self.running.len() - 1
    }

    /// The copy of `from`'s segment values in `table`, whose segments end at `ends`.
    fn copy(&mut self, table: usize, ends: &[u32], from: usize) -> usize {
        let key = (table, ends.to_vec(), from);
        if let Some(i) = self.copy_index.get(&key) {
            return *i;
        }
        let zero = vec![0; self.variables()];
        let with = |e: &[u32]| e.iter().map(|e| (*e, zero.clone())).collect::<Vec<_>>();
        let i = self.copies.len();
        let source_ends = with(&self.walks[&from].ends);
        let source_table = self.program.folds[from].table as usize;
        let host_sum = self.running(table, with(ends), true, vec![Source::Copy(i)]);
        let from_sum = self.running(source_table, source_ends, true, vec![Source::Fold(from)]);
        self.copies.push(CopyPlan { table, from, host_sum, from_sum });
        self.copy_index.insert(key, i);
        i
    }

    /// Walks, running sums and copies of all terms; how each is read.
    fn terms(&mut self, made: &mut BTreeMap<usize, Walk>) -> Result<Vec<Value>, SetupError> {
        let program = self.program;
        let v = self.variables();
        let mut used = vec![false; program.terms.len()];
        for t in program.equations.iter().flat_map(|e| &e.terms) {
            if let tessera_api::Operand::Term(i) = t.operand {
                used[i as usize] = true;
            }
        }
        let mut values = vec![];
        for (term, used) in program.terms.iter().zip(used) {
            if !used {
                values.push(Value::Zero);
                continue;
            }
            let (folds, weights) = match term {
                Term::Sum { fold, weights } => (vec![*fold as usize], weights),
                Term::Join { left, right, weights } => (vec![*left as usize, *right as usize], weights),
            };
            for f in &folds {
                self.walk(*f, made)?;
            }
            let n = program.folds[folds[0]].segment_count as usize;
            let weights = weights.expand(n).map_err(ProgramError::from)?;
            // monomials of the segments that count: weight · Π base of the last row
            let mut ends = vec![];
            for s in 0..n {
                let w = &weights[s * (1 + v)..(s + 1) * (1 + v)];
                let bases: Option<Vec<&Exponents>> =
                    folds.iter().map(|f| self.walks[f].end_base[s].as_ref()).collect();
                let (true, Some(bases)) = (w[0] != 0, bases) else { continue };
                ends.push((s, bases.iter().fold(w[1..].to_vec(), |a, b| plus(&a, b))));
            }
            let Some((_, last)) = ends.last().cloned() else {
                values.push(Value::Zero);
                continue;
            };
            // what is exposed is blinded by something that is added: a product of two exposed values would tell both
            if n == 1 && !(program.zero_knowledge && folds.len() > 1) {
                values.push(Value::Folds(last, folds));
                continue;
            }
            let at = |w: &Walk| ends.iter().map(|(s, m)| (w.ends[*s], m.clone())).collect::<Vec<_>>();
            let tables: Vec<usize> = folds.iter().map(|f| program.folds[*f].table as usize).collect();
            let run = match (&folds[..], &tables[..]) {
                ([f], [t]) => {
                    let ends = at(&self.walks[f]);
                    self.running(*t, ends, false, vec![Source::Fold(*f)])
                }
                ([l, r], [tl, tr]) if tl == tr && self.walks[l].ends == self.walks[r].ends => {
                    let ends = at(&self.walks[l]);
                    self.running(*tl, ends, false, vec![Source::Fold(*l), Source::Fold(*r)])
                }
                ([l, r], [tl, tr]) => {
                    // the copy lives where it is cheaper: in the lower table
                    let height = |t: &usize| self.tables[*t].log_height;
                    let (host, table, from) = if height(tl) <= height(tr) { (l, tl, r) } else { (r, tr, l) };
                    let host_ends = self.walks[host].ends.clone();
                    let copy = self.copy(*table, &host_ends, *from);
                    let ends = at(&self.walks[host]);
                    self.running(*table, ends, false, vec![Source::Fold(*host), Source::Copy(copy)])
                }
                _ => return Err(unsupported("a term over more than two folds")),
            };
            values.push(Value::Running(last, run));
        }
        Ok(values)
    }
}
