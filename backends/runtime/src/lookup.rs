//! Lookup tables: finding a key's row, and counting how often every provided tuple is looked up.
//!
//! Counts go to the provider's multiplicity column. Every lookup of every table counts, on active rows and on padding
//! rows; the padding rows of a table all look up the same tuple, so their share is known before any run.
//!
//! Invariant: a counted lookup matched a provided tuple in every entry.
use crate::budget::Budget;
use crate::columns::{Columns, TableShape};
use crate::error::{PlanError, RunError};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use tessera_api::{Cell, Expr, Program, Table};

/// Rows counted together.
const BLOCK: usize = 128;

/// From keys to rows.
#[derive(Debug)]
enum Index {
    /// Keys first, first + 1, ….
    Ramp { first: i64, len: usize },
    /// Any keys.
    Map(HashMap<i64, u32>),
}

impl Index {
    fn new(keys: &[i64]) -> Result<Index, i64> {
        let first = keys.first().copied().unwrap_or(0);
        if keys.iter().enumerate().all(|(i, k)| first.checked_add(i as i64) == Some(*k)) {
            return Ok(Index::Ramp { first, len: keys.len() });
        }
        let mut map = HashMap::with_capacity(keys.len());
        for (i, k) in keys.iter().enumerate() {
            if map.insert(*k, i as u32).is_some() {
                return Err(*k);
            }
        }
        Ok(Index::Map(map))
    }

    #[inline]
    fn find(&self, key: i64) -> Option<usize> {
        match self {
            Index::Ramp { first, len } => {
                let i = key.wrapping_sub(*first) as u64;
                (key >= *first && i < *len as u64).then_some(i as usize)
            }
            Index::Map(m) => m.get(&key).map(|i| *i as usize),
        }
    }
}

/// A Provide, expanded.
#[derive(Debug)]
struct Provider {
    table: usize,
    multiplicity: usize,
    index: Arc<Index>,
    /// Per entry of the tuple, its value on every active row.
    entries: Vec<Arc<Vec<i64>>>,
    /// Bounds of each entry.
    bounds: Vec<(i64, i64)>,
}

/// All lookup relations.
#[derive(Debug)]
pub(crate) struct LookupRelations {
    names: Vec<String>,
    arity: Vec<usize>,
    /// Providers of each relation.
    of: Vec<Vec<usize>>,
    providers: Vec<Provider>,
}

impl LookupRelations {
    /// A relation as a function of its first entry; its values are this other one.
    pub(crate) fn function(&self, relation: u32, entry: u32) -> Result<usize, String> {
        let b = relation as usize;
        let name = self.names.get(b).ok_or_else(|| format!("relation {relation} does not exist"))?;
        if self.of[b].is_empty() || entry == 0 || self.arity[b] <= entry as usize {
            return Err(format!("relation {name:?} maps no key to a value {entry}"));
        }
        Ok(b)
    }

    /// The first key and the values of a relation that is a function of consecutive keys.
    pub(crate) fn consecutive(&self, relation: usize, entry: usize) -> Option<(i64, &[i64])> {
        let (provider, first) = self.ramp(relation)?;
        self.providers[provider].entries.get(entry).map(|values| (first, values.as_slice()))
    }

    pub(crate) fn name(&self, relation: usize) -> &str {
        &self.names[relation]
    }

    /// out = entries for the keys; returns their bounds, or the first position without an entry.
    pub(crate) fn map(
        &self,
        (relation, entry): (usize, usize),
        keys: &[i64],
        out: &mut [i64],
    ) -> Result<(i64, i64), usize> {
        if let Some((one, first)) = self.ramp(relation) {
            let p = &self.providers[one];
            let values = &p.entries[entry];
            for (i, (o, k)) in out.iter_mut().zip(keys).enumerate() {
                // a key below `first` wraps to far beyond the values
                *o = *values.get(k.wrapping_sub(first) as usize).ok_or(i)?;
            }
            return Ok(p.bounds[entry]);
        }
        let providers = &self.of[relation];
        for (i, (o, k)) in out.iter_mut().zip(keys).enumerate() {
            let find =
                |p: &usize| self.providers[*p].index.find(*k).map(|r| self.providers[*p].entries[entry][r]);
            *o = providers.iter().find_map(find).ok_or(i)?;
        }
        let all = providers.iter().map(|p| self.providers[*p].bounds[entry]);
        Ok(all.fold((i64::MAX, i64::MIN), |(l, h), b| (l.min(b.0), h.max(b.1))))
    }

    /// The only provider of a relation and its first key, where its keys are first, first + 1, ….
    fn ramp(&self, relation: usize) -> Option<(usize, i64)> {
        match self.of[relation][..] {
            [p] => match *self.providers[p].index {
                Index::Ramp { first, .. } => Some((p, first)),
                Index::Map(_) => None,
            },
            _ => None,
        }
    }

    /// The provider and row of a whole tuple.
    #[inline]
    fn find(&self, relation: usize, tuple: impl Fn(usize) -> i64) -> Option<(usize, usize)> {
        self.of[relation].iter().find_map(|i| {
            let p = &self.providers[*i];
            let row = p.index.find(tuple(0))?;
            let same = p.entries.iter().enumerate().skip(1).all(|(k, e)| e[row] == tuple(k));
            same.then_some((*i, row))
        })
    }
}

/// A row expression of degree at most 1.
#[derive(Debug)]
struct Linear {
    constant: i64,
    terms: Vec<(i64, Source)>,
}

#[derive(Debug)]
enum Source {
    Fixed(Arc<Vec<i64>>),
    Witness(usize),
}

impl Linear {
    /// Values on rows `first ..` of a row-major table; errs with the first row that leaves 64 bits.
    fn eval(&self, cells: &[i64], width: usize, first: usize, out: &mut [i64]) -> Result<(), usize> {
        if let (0, [(1, Source::Witness(c))]) = (self.constant, &self.terms[..]) {
            for (o, row) in out.iter_mut().zip(cells[first * width..].chunks_exact(width)) {
                *o = row[*c];
            }
            return Ok(());
        }
        out.fill(self.constant);
        for (k, s) in &self.terms {
            let add = |o: &mut i64, x: i64| match k.checked_mul(x).and_then(|p| o.checked_add(p)) {
                Some(v) => {
                    *o = v;
                    true
                }
                None => false,
            };
            for (i, o) in out.iter_mut().enumerate() {
                let x = match s {
                    Source::Fixed(v) => v[first + i],
                    Source::Witness(c) => cells[(first + i) * width + c],
                };
                if !add(o, x) {
                    return Err(first + i);
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Lookup {
    relation: usize,
    tuple: Vec<Linear>,
    source: String,
}

/// How to count the lookups of a Program.
#[derive(Debug)]
pub(crate) struct Counting {
    /// Per table.
    lookups: Vec<Vec<Lookup>>,
    /// Per provider and row: lookups of padding rows.
    padding: Vec<Vec<u64>>,
}

/// Expands providers and lookups of a validated Program.
pub(crate) fn prepare(
    program: &Program,
    columns: &mut Columns,
    budget: &mut Budget,
) -> Result<(LookupRelations, Counting), PlanError> {
    let mut relations = LookupRelations {
        names: program.relations.clone(),
        arity: vec![0; program.relations.len()],
        of: vec![vec![]; program.relations.len()],
        providers: vec![],
    };
    let mut known: HashMap<(usize, &Expr), Arc<Vec<i64>>> = HashMap::new();
    let mut indexes: HashMap<(usize, &Expr), Arc<Index>> = HashMap::new();
    for (t, table) in program.tables.iter().enumerate() {
        for p in &table.provides {
            let mut entries = vec![];
            for e in &p.tuple {
                if let Some(v) = known.get(&(t, e)) {
                    entries.push(v.clone());
                    continue;
                }
                let v = Arc::new(fixed_expr(t, table, e, columns, budget)?);
                known.insert((t, e), v.clone());
                entries.push(v);
            }
            let relation = p.relation as usize;
            let index = match indexes.get(&(t, &p.tuple[0])) {
                Some(i) => i.clone(),
                None => {
                    budget.elements(2 * table.rows as u64)?;
                    let i = Index::new(&entries[0]).map_err(|k| {
                        PlanError::Lookup(format!(
                            "table {:?} provides two tuples with key {k} on {:?}; keys must be distinct",
                            table.name, program.relations[relation]
                        ))
                    })?;
                    let i = Arc::new(i);
                    indexes.insert((t, &p.tuple[0]), i.clone());
                    i
                }
            };
            let bounds = entries.iter().map(|e| crate::vector::bounds(e)).collect();
            relations.arity[relation] = p.tuple.len();
            relations.of[relation].push(relations.providers.len());
            let multiplicity = p.multiplicity as usize;
            relations.providers.push(Provider { table: t, multiplicity, index, entries, bounds });
        }
    }
    for table in &program.tables {
        check_provided_padding(program, table, &relations)?;
    }
    let mut padding: Vec<Vec<u64>> = vec![];
    for p in &relations.providers {
        budget.elements(p.entries[0].len() as u64)?;
        padding.push(vec![0; p.entries[0].len()]);
    }
    let mut lookups = vec![];
    for (t, table) in program.tables.iter().enumerate() {
        let padded = (1u64 << table.log_height) - table.rows as u64;
        let mut of_table = vec![];
        for l in &table.lookups {
            let mut tuple = vec![];
            for e in &l.tuple {
                let mut terms = vec![];
                for (k, f) in &e.terms {
                    // a validated lookup entry has exactly one factor per term
                    for c in f {
                        terms.push(match c {
                            Cell::Fixed(c) => (*k, Source::Fixed(columns.get(t, *c as usize, budget)?)),
                            Cell::Witness(c) => (*k, Source::Witness(*c as usize)),
                        });
                    }
                }
                tuple.push(Linear { constant: e.constant, terms });
            }
            if padded > 0 {
                let value = |c: Cell| match c {
                    Cell::Fixed(c) => table.fixed[c as usize].padding,
                    Cell::Witness(c) => table.witness[c as usize].padding,
                };
                let values: Option<Vec<i64>> = l.tuple.iter().map(|e| e.eval(value)).collect();
                let found = values.as_ref().and_then(|v| relations.find(l.relation as usize, |k| v[k]));
                match found {
                    Some((p, row)) => padding[p][row] += padded,
                    None => {
                        return Err(PlanError::Lookup(format!(
                            "{}: the padding rows of table {:?} look up {} in {:?}, which has no such entry",
                            l.source,
                            table.name,
                            values.map_or("a value beyond 64 bits".into(), |v| show(&v)),
                            program.relations[l.relation as usize]
                        )));
                    }
                }
            }
            of_table.push(Lookup { relation: l.relation as usize, tuple, source: l.source.clone() });
        }
        lookups.push(of_table);
    }
    Ok((relations, Counting { lookups, padding }))
}

/// Refuses tables that provide a tuple on padding rows alone. A prover is free in the multiplicities of padding rows, so
/// such a tuple would be an entry of the function that nobody meant.
fn check_provided_padding(
    program: &Program,
    table: &Table,
    relations: &LookupRelations,
) -> Result<(), PlanError> {
    if 1u64 << table.log_height == table.rows as u64 {
        return Ok(());
    }
    for p in &table.provides {
        let value = |c: Cell| match c {
            Cell::Fixed(c) => table.fixed[c as usize].padding,
            Cell::Witness(_) => 0,
        };
        let tuple: Option<Vec<i64>> = p.tuple.iter().map(|e| e.eval(value)).collect();
        let known = tuple.as_ref().is_some_and(|v| relations.find(p.relation as usize, |k| v[k]).is_some());
        if !known {
            return Err(PlanError::Lookup(format!(
                "the padding rows of table {:?} provide {} on {:?}, which no active row provides",
                table.name,
                tuple.map_or("a value beyond 64 bits".into(), |v| show(&v)),
                program.relations[p.relation as usize]
            )));
        }
    }
    Ok(())
}

/// A provided entry on every active row.
fn fixed_expr(
    t: usize,
    table: &Table,
    e: &Expr,
    columns: &mut Columns,
    budget: &mut Budget,
) -> Result<Vec<i64>, PlanError> {
    budget.elements(table.rows as u64)?;
    let mut out = vec![e.constant; table.rows as usize];
    for (k, factors) in &e.terms {
        for c in factors {
            let Cell::Fixed(c) = c else { continue };
            let v = columns.get(t, *c as usize, budget)?;
            for (o, x) in out.iter_mut().zip(v.iter()) {
                *o = k.checked_mul(*x).and_then(|p| o.checked_add(p)).ok_or_else(|| {
                    PlanError::Lookup(format!("table {:?} provides a value beyond 64 bits", table.name))
                })?;
            }
        }
    }
    Ok(out)
}

fn show(tuple: &[i64]) -> String {
    match tuple {
        [one] => one.to_string(),
        many => format!("({})", many.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

impl Counting {
    /// Fills the multiplicity columns of filled tables.
    pub(crate) fn run(
        &self,
        relations: &LookupRelations,
        shapes: &[TableShape],
        tables: &mut [Vec<i64>],
    ) -> Result<(), RunError> {
        let threads = rayon::current_num_threads();
        let mut blocks: Vec<(usize, usize)> = vec![];
        for (t, l) in self.lookups.iter().enumerate().filter(|(_, l)| !l.is_empty()) {
            debug_assert!(!l.is_empty());
            blocks.extend((0..shapes[t].rows).step_by(BLOCK).map(|r| (t, r)));
        }
        let mut counts = self.padding.clone();
        if threads == 1 || blocks.len() < 64 {
            let seen: &[Vec<i64>] = tables;
            self.count(&blocks, relations, shapes, seen, &mut counts)?;
        } else {
            let seen: &[Vec<i64>] = tables;
            let parts: Vec<Vec<Vec<u64>>> = blocks
                .par_chunks(blocks.len().div_ceil(threads))
                .map(|part| {
                    let mut c: Vec<Vec<u64>> = self.padding.iter().map(|p| vec![0; p.len()]).collect();
                    self.count(part, relations, shapes, seen, &mut c).map(|()| c)
                })
                .collect::<Result<_, _>>()?;
            for part in parts {
                for (a, b) in counts.iter_mut().zip(&part) {
                    a.iter_mut().zip(b).for_each(|(x, y)| *x += y);
                }
            }
        }
        for (p, count) in relations.providers.iter().zip(counts) {
            let width = shapes[p.table].padding.len();
            for (row, n) in tables[p.table].chunks_exact_mut(width).zip(count) {
                row[p.multiplicity] = n as i64;
            }
        }
        Ok(())
    }

    fn count(
        &self,
        blocks: &[(usize, usize)],
        relations: &LookupRelations,
        shapes: &[TableShape],
        tables: &[Vec<i64>],
        counts: &mut [Vec<u64>],
    ) -> Result<(), RunError> {
        let mut columns: Vec<Vec<i64>> = vec![];
        for (t, first) in blocks {
            let (shape, cells) = (&shapes[*t], &tables[*t]);
            let n = BLOCK.min(shape.rows - first);
            for l in &self.lookups[*t] {
                if columns.len() < l.tuple.len() {
                    columns.resize(l.tuple.len(), vec![0; BLOCK]);
                }
                for (e, c) in l.tuple.iter().zip(&mut columns) {
                    e.eval(cells, shape.padding.len(), *first, &mut c[..n]).map_err(|row| {
                        RunError::Overflow {
                            origin: l.source.clone(),
                            table: shape.name.clone(),
                            row,
                            value: "a looked-up value".into(),
                        }
                    })?;
                }
                let missing = |r: usize| RunError::Missing {
                    origin: l.source.clone(),
                    table: shape.name.clone(),
                    row: first + r,
                    value: show(&columns[..l.tuple.len()].iter().map(|c| c[r]).collect::<Vec<_>>()),
                    relation: relations.names[l.relation].clone(),
                };
                if let Some((p, first)) = relations.ramp(l.relation) {
                    // nearly all: one provider, whose keys count up
                    let (entries, counts) = (&relations.providers[p].entries, &mut counts[p]);
                    for r in 0..n {
                        // a key below `first` wraps to far beyond the rows
                        let row = columns[0][r].wrapping_sub(first) as usize;
                        let same =
                            entries.iter().zip(&columns).skip(1).all(|(e, c)| e.get(row) == Some(&c[r]));
                        match counts.get_mut(row).filter(|_| same) {
                            Some(n) => *n += 1,
                            None => return Err(missing(r)),
                        }
                    }
                    continue;
                }
                for r in 0..n {
                    let (p, row) = relations.find(l.relation, |k| columns[k][r]).ok_or_else(|| missing(r))?;
                    counts[p][row] += 1;
                }
            }
        }
        Ok(())
    }
}
