//! Which lookup relations the circuit needs, shared by content.
//!
//! Functions on one domain share a table (one key column, one column per function); a range check is a lookup of the key alone, and
//! functions that are looked up at once are one relation.
//!
//! Invariant: a relation is named by its domain and functions, never by who uses it.
use crate::PlaceError;
use std::collections::BTreeMap;
use tessera_api::{Capabilities, Expr, FixedColumn, Provide, Seq, Table, Values, WitnessColumn};
use tessera_circuit::graph::Circuit;
use tessera_circuit::semantics::table::TableFunction;

/// All relations, in the order they were first needed.
#[derive(Clone)]
pub struct LookupRelations {
    /// Most rows of a table.
    most: i64,
    names: Vec<String>,
    /// domain → (relation of the plain range check, lists of functions with their relation)
    domains: BTreeMap<(i64, i64), Domain>,
}

#[derive(Clone, Default)]
struct Domain {
    range: Option<u32>,
    functions: Vec<Functions>,
}

/// What is looked up at once.
#[derive(Clone)]
struct Functions {
    all: Vec<(String, TableFunction)>,
    relation: u32,
}

impl Functions {
    fn name(&self) -> String {
        let names: Vec<String> = self.all.iter().map(|(name, _)| format!("@{name}")).collect();
        names.join(", ")
    }
}

impl LookupRelations {
    /// None yet, for a backend.
    pub fn new(capabilities: &Capabilities) -> Self {
        LookupRelations {
            most: 1 << capabilities.max_log_table.min(62),
            names: vec![],
            domains: BTreeMap::new(),
        }
    }

    fn domain(&mut self, (lo, hi): (i64, i64), source: &str) -> Result<&mut Domain, PlaceError> {
        if hi < lo || hi.saturating_sub(lo) >= self.most {
            return Err(PlaceError::unsupported(
                source,
                &format!(
                    "a lookup table over [{lo}, {hi}]; at most {} rows are possible, split the value first",
                    self.most
                ),
            ));
        }
        Ok(self.domains.entry((lo, hi)).or_default())
    }

    /// The relation that holds the numbers lo..=hi.
    pub fn range(&mut self, lo: i64, hi: i64, source: &str) -> Result<u32, PlaceError> {
        let next = self.names.len() as u32;
        let d = self.domain((lo, hi), source)?;
        if let Some(b) = d.range {
            return Ok(b);
        }
        d.range = Some(next);
        self.names.push(format!("range[{lo}, {hi}]"));
        Ok(next)
    }

    /// The relation that holds (x, f(x), g(x), ..).
    pub fn functions(&mut self, g: &Circuit, tables: &[String], source: &str) -> Result<u32, PlaceError> {
        let mut all = vec![];
        for table in tables {
            let f = g.tables.get(table);
            let f =
                f.ok_or_else(|| PlaceError::Invalid(format!("{source}: table @{table} does not exist")))?;
            all.push((table.clone(), f.clone()));
        }
        let (lo, hi) = all.first().map_or((0, -1), |(_, f)| domain_of(f));
        let next = self.names.len() as u32;
        let d = self.domain((lo, hi), source)?;
        let same = |x: &&Functions| x.all.iter().map(|f| &f.1).eq(all.iter().map(|f| &f.1));
        if let Some(x) = d.functions.iter().find(same) {
            return Ok(x.relation);
        }
        d.functions.push(Functions { all, relation: next });
        let name = d.functions.last().map(Functions::name);
        self.names.extend(name);
        Ok(next)
    }

    /// A relation that has this function among its own, and which entry of its tuples that is.
    pub fn with_function(
        &mut self,
        g: &Circuit,
        table: &str,
        source: &str,
    ) -> Result<(u32, u32), PlaceError> {
        if let Some(f) = g.tables.get(table) {
            let entry = |x: &Functions| {
                x.all.iter().position(|known| known.1 == *f).map(|at| (x.relation, at as u32 + 1))
            };
            if let Some(found) = self.domains.values().flat_map(|d| &d.functions).find_map(entry) {
                return Ok(found);
            }
        }
        self.functions(g, &[table.into()], source).map(|relation| (relation, 1))
    }

    /// The keys of a relation, smallest and largest.
    pub fn keys(&self, relation: u32) -> Option<(i64, i64)> {
        let has =
            |d: &&Domain| d.range == Some(relation) || d.functions.iter().any(|f| f.relation == relation);
        self.domains.iter().find(|(_, d)| has(d)).map(|(keys, _)| *keys)
    }

    /// An entry, from 1 on, that a relation gives for a key.
    pub fn eval(&self, relation: u32, entry: u32, key: i64) -> Option<i64> {
        let functions = self.domains.values().flat_map(|d| &d.functions).find(|f| f.relation == relation)?;
        functions.all.get(entry.checked_sub(1)? as usize)?.1.eval(key)
    }

    /// Relation names, by index.
    pub fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// One table per domain.
    pub fn tables(&self) -> Vec<Table> {
        self.domains.iter().map(|((lo, hi), d)| d.table(*lo, *hi)).collect()
    }
}

/// The domain as plain integers.
pub fn domain_of(f: &TableFunction) -> (i64, i64) {
    f.domain().to_i64s().unwrap_or((0, -1))
}

impl Domain {
    fn table(&self, lo: i64, hi: i64) -> Table {
        let rows = (hi - lo + 1) as u32;
        let mut t = Table {
            name: format!("table[{lo}, {hi}]"),
            rows,
            // once all its columns are known
            log_height: 0,
            fixed: vec![],
            committed: false,
            witness: vec![],
            constraints: vec![],
            lookups: vec![],
            provides: vec![],
        };
        let mut column = |name: String, values: Vec<i64>| {
            // padding repeats the first row, a tuple that is on the relation already
            t.fixed.push(FixedColumn {
                name,
                padding: values[0],
                values: Values::Seq(Seq::compress(1, &values)),
            });
            Expr::fixed(t.fixed.len() as u32 - 1)
        };
        let key = column("key".into(), (lo..=hi).collect());
        let mut provide = |relation: u32, name: &str, tuple: Vec<Expr>| {
            let multiplicity = t.witness.len() as u32;
            t.witness.push(WitnessColumn { name: format!("multiplicity of {name}"), padding: 0 });
            t.provides.push(Provide { relation, tuple, multiplicity });
        };
        let mut tuples = vec![];
        // functions that are looked up in several ways have one column
        let mut known: Vec<(&TableFunction, Expr)> = vec![];
        for functions in &self.functions {
            let mut tuple = vec![key.clone()];
            for (name, f) in &functions.all {
                let at = known.iter().position(|k| k.0 == f).unwrap_or_else(|| {
                    let values = (lo..=hi).map(|x| f.eval(x).unwrap_or(0)).collect();
                    known.push((f, column(name.clone(), values)));
                    known.len() - 1
                });
                tuple.push(known[at].1.clone());
            }
            let name: Vec<&str> = functions.all.iter().map(|(name, _)| name.as_str()).collect();
            tuples.push((functions.relation, name.join(", "), tuple));
        }
        if let Some(relation) = self.range {
            provide(relation, "range", vec![key]);
        }
        for (relation, name, tuple) in tuples {
            provide(relation, &name, tuple);
        }
        t
    }
}
