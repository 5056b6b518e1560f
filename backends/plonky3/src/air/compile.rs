//! Program → compiled relation, and the data a prover needs besides it.
//!
//! Two passes. The first walks every fold and asks, table by table, for row selectors, which fixes the columns of each group;
//! the second writes the constraints. What depends on rows is forgotten here: the result's size is that of the Program's
//! text, not of its tables.
use super::basis::{Combination, Request, Selectors, selectors};
use super::nodes::{self, FixedKind, Place, Sum};
use super::reshape::{Limits, Reshaped, reshape};
use super::rows::{Walk, intern, minus, plus};
use super::symbol::{Exponents, Monomials, balanced};
use super::{Air, Copy, Dot, EXTRA_VARIABLES, Equation, EquationTerm, Factor, Group, Node, Operand};
use crate::arithmetic::signed;
use std::collections::{BTreeMap, HashMap};
use tessera_api::validate::ProgramError;
use tessera_api::{Expr, Program, SetupError, Table, Term};

/// Sums of fixed columns are worth it from this many columns on,
pub const FEWEST_SUMMED: usize = 8;
/// and for up to this many kinds of rows.
const MOST_SUMS: usize = 2;

/// A compiled Program.
pub struct Compiled {
    /// The Program's tables, reshaped.
    pub tables: Vec<Table>,
    /// How many rows of each of the Program's tables became one.
    pub factors: Vec<u32>,
    /// What the verifier keeps.
    pub air: Air,
    /// How copy columns are filled.
    pub copies: Vec<Copy>,
    /// Where each table lies.
    pub places: Vec<Place>,
    /// Values of the committed selectors: per table its dense columns on the active rows.
    pub dense: Vec<Vec<Vec<bool>>>,
}

/// More committed cells than this are refused: their extension would not fit any memory.
const MAX_CELLS: u64 = 1 << 33;

fn unsupported(reason: String) -> SetupError {
    crate::unsupported(&reason)
}

/// A running sum over segment ends, before its columns exist.
struct Running {
    table: usize,
    /// (end row, exclusive; monomial) of each segment that counts; without monomials an η-fold.
    ends: Vec<(u32, Exponents)>,
    eta: bool,
    factors: Vec<Source>,
    request: usize,
}

/// What a running sum takes up.
#[derive(Clone, Copy)]
enum Source {
    Fold(usize),
    Copy(usize),
}

/// How a term's value is read from exposed values.
enum Value {
    Zero,
    /// monomial · Π terminals of folds
    Folds(Exponents, Vec<usize>),
    /// monomial · terminal of a running sum
    Running(Exponents, usize),
}

/// A copy column: host table, segment ends and fold copied.
struct CopyPlan {
    table: usize,
    from: usize,
    host_sum: usize,
    from_sum: usize,
}

/// The relation, how copies are filled, and the values of the committed selectors of each table.
type Written = (Air, Vec<Copy>, Vec<Vec<Vec<bool>>>);

struct Compiler<'a> {
    degree: u8,
    program: &'a Program,
    /// Reshaped.
    tables: &'a [Table],
    lanes: &'a [Vec<Expr>],
    factors: &'a [u32],
    walks: BTreeMap<usize, Walk>,
    requests: Vec<Vec<Request>>,
    fold_requests: BTreeMap<usize, (usize, usize)>,
    running: Vec<Running>,
    copies: Vec<CopyPlan>,
    copy_index: HashMap<(usize, Vec<u32>, usize), usize>,
}

/// Compiles a validated Program.
pub fn compile(program: &Program, limits: Limits) -> Result<Compiled, SetupError> {
    program.validate()?;
    let Reshaped { tables, lanes, factors, mut walks } = reshape(program, limits)?;
    let mut c = Compiler {
        degree: limits.degree as u8,
        program,
        tables: &tables,
        lanes: &lanes,
        factors: &factors,
        walks: BTreeMap::new(),
        requests: tables.iter().map(|_| vec![]).collect(),
        fold_requests: BTreeMap::new(),
        running: vec![],
        copies: vec![],
        copy_index: HashMap::new(),
    };
    let values = c.plan(&mut walks)?;
    let (groups, places, dense) = c.layout();
    let cells: u64 =
        groups.iter().map(|g| ((g.fixed + g.model + g.summed + g.witness) as u64) << g.log_height).sum();
    if cells > MAX_CELLS {
        return Err(unsupported(format!("{cells} committed cells; at most {MAX_CELLS} are possible")));
    }
    let (air, copies, dense) = c.write(groups, &places, dense, values)?;
    Ok(Compiled { tables, factors, air, copies, places, dense })
}

impl Compiler<'_> {
    fn variables(&self) -> usize {
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
                Walk::new(f, rows, self.variables(), log)?.map_err(unsupported)?
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
        // classes: 0 no end, 1 the first end, 2.. further ends by ratio of monomials
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

    /// First pass: walks, running sums, copies; how each term is read.
    fn plan(&mut self, made: &mut BTreeMap<usize, Walk>) -> Result<Vec<Value>, SetupError> {
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
            if n == 1 {
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
                _ => return Err(unsupported("a term over more than two folds".into())),
            };
            values.push(Value::Running(last, run));
        }
        Ok(values)
    }

    /// Places tables into groups and their columns into rows.
    fn layout(&self) -> (Vec<Group>, Vec<Place>, Vec<Selectors>) {
        let mut heights: Vec<u8> = self.tables.iter().map(|t| t.log_height).collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        heights.dedup();
        let mut groups: Vec<Group> = heights
            .iter()
            .map(|h| Group { log_height: *h, sparse: vec![vec![0]], ..Group::default() })
            .collect();
        let (mut places, mut all) = (vec![], vec![]);
        for (t, requests) in self.tables.iter().zip(&self.requests) {
            let g = heights.iter().position(|h| *h == t.log_height).unwrap_or(0);
            let group = &mut groups[g];
            let rows = t.rows as usize;
            let pad = group.height() as u32 - t.rows;
            let s = selectors(rows, pad > 0, requests);
            let sparse = s.sparse.iter().map(|rows| {
                let rows: Vec<u32> = rows.iter().map(|r| r + pad).collect();
                match group.sparse.iter().position(|x| *x == rows) {
                    Some(i) => i as u32,
                    None => {
                        group.sparse.push(rows);
                        group.sparse.len() as u32 - 1
                    }
                }
            });
            let sparse = sparse.collect();
            let (fixed, dense) = (t.fixed.len() as u32, s.dense.len() as u32);
            let kind = if t.committed {
                FixedKind::Model
            } else if self.summed(places.len()) {
                FixedKind::Summed
            } else {
                FixedKind::Fixed
            };
            let own = match kind {
                FixedKind::Fixed => &mut group.fixed,
                FixedKind::Summed => &mut group.summed,
                FixedKind::Model => &mut group.model,
            };
            let first = *own;
            *own += fixed;
            places.push(Place {
                group: g,
                pad,
                fixed: first,
                fixed_base: 0,
                kind,
                dense: group.fixed,
                sparse,
                witness: group.witness,
                witness_base: 0,
                first: 0,
            });
            group.fixed += dense;
            group.witness += t.witness.len() as u32;
            group.tables.push(t.name.clone());
            all.push(s);
        }
        for p in &mut places {
            let g = &groups[p.group];
            let committed = g.fixed + g.model;
            p.sparse.iter_mut().for_each(|s| *s += committed);
            p.first = committed;
            p.witness_base = committed + g.sparse.len() as u32;
            if p.kind == FixedKind::Model {
                p.fixed_base = g.fixed;
            }
        }
        (groups, places, all)
    }

    /// Whether a table's fixed columns enter one fold, and that in few kinds of rows, and nothing else.
    fn summed(&self, table: usize) -> bool {
        let t = &self.tables[table];
        let mut folds = self.walks.iter().filter(|(f, _)| self.program.folds[**f].table as usize == table);
        let (Some((_, walk)), None) = (folds.next(), folds.next()) else { return false };
        let alone =
            t.witness.is_empty() && t.constraints.is_empty() && t.lookups.is_empty() && t.provides.is_empty();
        alone && walk.blocks().len() <= MOST_SUMS && t.fixed.len() >= FEWEST_SUMMED
    }

    /// Second pass: columns and constraints.
    fn write(
        &self,
        mut groups: Vec<Group>,
        places: &[Place],
        selectors: Vec<Selectors>,
        values: Vec<Value>,
    ) -> Result<Written, SetupError> {
        let program = self.program;
        let v = self.variables();
        let mut monos = Monomials::default();
        let one = monos.id(&vec![0; v + EXTRA_VARIABLES as usize]);
        let eta = {
            let mut e = vec![0; v + EXTRA_VARIABLES as usize];
            e[v + 2] = 1;
            monos.id(&e)
        };
        let mut terminals = 0u32;
        let mut lookup_terminals = vec![];
        let take = |n: &mut u32, k: u32| {
            *n += k;
            *n - k
        };
        // round 2: folds
        let mut fold_column = BTreeMap::new();
        for (f, walk) in &self.walks {
            let t = program.folds[*f].table as usize;
            let (place, s) = (&places[t], &selectors[t]);
            let group = &mut groups[place.group];
            let column = take(&mut group.round2, 1);
            let (r, p) = self.fold_requests[f];
            let lanes = &self.lanes[*f];
            let answers = (&s.answers[r].1[..], &s.answers[p].1[..]);
            let mut node = nodes::horner(place, column, walk, lanes, answers, &mut monos);
            if let (true, Node::Horner { parts, .. }) = (place.kind == FixedKind::Summed, &mut node) {
                for p in parts {
                    p.sum = Some(group.sums.len() as u32);
                    let cells = std::mem::take(&mut p.dot.cells);
                    group.sums.push(Dot { constant: Default::default(), cells });
                }
            }
            group.nodes.push(node);
            fold_column.insert(*f, column);
        }
        // round 2: copies, then running sums; η-folds belong to round 3 and are numbered after all of round 2
        let copy_column: Vec<u32> =
            self.copies.iter().map(|c| take(&mut groups[places[c.table].group].round2, 1)).collect();
        let mut column_of = vec![0; self.running.len()];
        for (r, c) in self.running.iter().zip(&mut column_of).filter(|(r, _)| !r.eta) {
            *c = take(&mut groups[places[r.table].group].round2, 1);
        }
        // round 2: lookups
        let width = self
            .tables
            .iter()
            .flat_map(|t| t.lookups.iter().map(|l| &l.tuple).chain(t.provides.iter().map(|p| &p.tuple)))
            .map(Vec::len)
            .max()
            .unwrap_or(0);
        for (t, place) in self.tables.iter().zip(places) {
            let group = &mut groups[place.group];
            for c in &t.constraints {
                group.nodes.push(nodes::base(place, c));
            }
            let pairs = nodes::pairs(place, t, v, width, &mut monos);
            if pairs.is_empty() {
                continue;
            }
            let column = take(&mut group.round2, pairs.len() as u32);
            let terminal = take(&mut terminals, 1);
            lookup_terminals.push(terminal);
            group.nodes.push(Node::Lookups { column, terminal, pairs });
        }
        for (r, c) in self.running.iter().zip(&mut column_of).filter(|(r, _)| r.eta) {
            let g = &mut groups[places[r.table].group];
            *c = g.round2 + take(&mut g.round3, 1);
        }
        let mut end_dots = vec![];
        for (r, column) in self.running.iter().zip(&column_of) {
            let place = &places[r.table];
            let answers = &selectors[r.table].answers[r.request].1;
            let factor = |s: &Source| match s {
                Source::Fold(f) => Factor::Next(fold_column[f]),
                Source::Copy(c) => Factor::Current(copy_column[*c]),
            };
            let (ratio, end) = self.running_dots(r, place, answers, (one, eta), &mut monos);
            end_dots.push(end.clone());
            groups[place.group].nodes.push(Node::Sum {
                column: *column,
                ratio,
                end,
                factors: r.factors.iter().map(factor).collect(),
            });
        }
        // exposed values
        let mut exposed: HashMap<(usize, u32), u32> = HashMap::new();
        let mut expose = |groups: &mut Vec<Group>, place: &Place, column: u32| {
            *exposed.entry((place.group, column)).or_insert_with(|| {
                let terminal = take(&mut terminals, 1);
                groups[place.group].nodes.push(Node::Terminal { column, first: place.first, terminal });
                terminal
            })
        };
        let mut operands = vec![];
        for value in &values {
            operands.push(match value {
                Value::Zero => None,
                Value::Folds(m, folds) => {
                    let list = folds.iter().map(|f| {
                        expose(&mut groups, &places[program.folds[*f].table as usize], fold_column[f])
                    });
                    Some((m, list.collect::<Vec<_>>()))
                }
                Value::Running(m, r) => {
                    let place = &places[self.running[*r].table];
                    Some((m, vec![expose(&mut groups, place, column_of[*r])]))
                }
            });
        }
        let mut links = vec![];
        let mut copies = vec![];
        for (c, column) in self.copies.iter().zip(&copy_column) {
            let (host, from) = (&self.running[c.host_sum], &self.running[c.from_sum]);
            let (hp, fp) = (&places[host.table], &places[from.table]);
            let a = expose(&mut groups, hp, column_of[c.host_sum]);
            let b = expose(&mut groups, fp, column_of[c.from_sum]);
            links.push((a, b));
            copies.push(Copy {
                to: (hp.group as u32, *column),
                to_end: end_dots[c.host_sum].clone(),
                from: (fp.group as u32, fold_column[&c.from]),
                from_end: end_dots[c.from_sum].clone(),
            });
        }
        let equations = self.equations(&operands, &mut monos);
        for (g, p) in groups.iter_mut().zip(0..) {
            // the column that is 1 on row 0 is the first sparse one; it costs a verifier nothing to speak of
            debug_assert!(g.sparse[0] == [0], "group {p}");
            g.nodes.sort_by_key(|n| matches!(n, Node::Base { .. }));
        }
        let air = Air {
            degree: self.degree,
            variables: program.variables.iter().map(|v| v.value).collect(),
            monos: monos.list,
            groups,
            terminals,
            lookup_terminals,
            links,
            equations,
            publics: program.publics.clone(),
        };
        let dense = selectors.into_iter().map(|s| s.dense).collect();
        Ok((air, copies, dense))
    }

    /// Ratio and end of a running sum: no end → 1 and 0; first end → 0 and 1; further ends → ratio and 1.
    fn running_dots(
        &self,
        r: &Running,
        place: &Place,
        answers: &[Combination],
        (one, eta): (u32, u32),
        monos: &mut Monomials,
    ) -> (Dot, Dot) {
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
                    let m = if r.eta { eta } else { monos.id(&[&ratios[k - 2][..], &[0; 3]].concat()) };
                    ratio.indicator(place, m, c);
                    end.indicator(place, one, c);
                }
            }
        }
        (ratio.dot(), end.dot())
    }

    fn equations(&self, operands: &[Option<(&Exponents, Vec<u32>)>], monos: &mut Monomials) -> Vec<Equation> {
        let extend = |e: &[i64]| [e, &[0; 3]].concat();
        let equation = |e: &tessera_api::Equation| {
            let mut terms = vec![];
            for t in &e.terms {
                let coefficient = balanced(signed(t.coefficient));
                match &t.operand {
                    tessera_api::Operand::Term(i) => {
                        if let Some((m, list)) = &operands[*i as usize] {
                            let mono = monos.id(&extend(&plus(&t.mono, m)));
                            let operand = Operand::Terminals(list.clone());
                            terms.push(EquationTerm { coefficient, mono, operand });
                        }
                    }
                    tessera_api::Operand::Public { public, monos: m } => {
                        let operand = Operand::Public { public: *public, monos: m.clone() };
                        terms.push(EquationTerm { coefficient, mono: monos.id(&extend(&t.mono)), operand });
                    }
                }
            }
            Equation { name: e.name.clone(), terms }
        };
        self.program.equations.iter().map(equation).collect()
    }
}
