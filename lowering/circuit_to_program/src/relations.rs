//! Which lookup relations the circuit needs, shared by content.
//!
//! Functions on one domain share a table (one key column, one column per function); a range check is a lookup of the key alone.
//!
//! Invariant: a relation is named by its domain and function, never by who uses it.
use crate::PlaceError;
use std::collections::BTreeMap;
use tessera_api::{Capabilities, Expr, FixedColumn, Provide, Seq, Table, Values, WitnessColumn};
use tessera_circuit::graph::Circuit;
use tessera_circuit::semantics::table::TableFunction;

/// All relations, in the order they were first needed.
pub struct LookupRelations {
    /// Most rows of a table.
    most: i64,
    names: Vec<String>,
    /// domain → (relation of the plain range check, functions with their relation)
    domains: BTreeMap<(i64, i64), Domain>,
}

#[derive(Default)]
struct Domain {
    range: Option<u32>,
    functions: Vec<(TableFunction, String, u32)>,
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

    /// The relation that holds (x, f(x)).
    pub fn function(&mut self, g: &Circuit, table: &str, source: &str) -> Result<u32, PlaceError> {
        let f = g
            .tables
            .get(table)
            .ok_or_else(|| PlaceError::Invalid(format!("{source}: table @{table} does not exist")))?;
        let (lo, hi) = domain_of(f);
        let next = self.names.len() as u32;
        let d = self.domain((lo, hi), source)?;
        if let Some(x) = d.functions.iter().find(|x| x.0 == *f) {
            return Ok(x.2);
        }
        d.functions.push((f.clone(), table.into(), next));
        self.names.push(format!("@{table}"));
        Ok(next)
    }

    /// The keys of a relation, smallest and largest.
    pub fn keys(&self, relation: u32) -> Option<(i64, i64)> {
        let has = |d: &&Domain| d.range == Some(relation) || d.functions.iter().any(|f| f.2 == relation);
        self.domains.iter().find(|(_, d)| has(d)).map(|(keys, _)| *keys)
    }

    /// The value a relation gives for a key.
    pub fn eval(&self, relation: u32, key: i64) -> Option<i64> {
        self.domains.values().flat_map(|d| &d.functions).find(|f| f.2 == relation)?.0.eval(key)
    }

    /// Relation names, by index.
    pub fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// One table per domain.
    pub fn tables(&self, capabilities: &Capabilities) -> Vec<Table> {
        self.domains.iter().map(|((lo, hi), d)| d.table(*lo, *hi, capabilities)).collect()
    }
}

/// The domain as plain integers.
pub fn domain_of(f: &TableFunction) -> (i64, i64) {
    f.domain().to_i64s().unwrap_or((0, -1))
}

impl Domain {
    fn table(&self, lo: i64, hi: i64, capabilities: &Capabilities) -> Table {
        let rows = (hi - lo + 1) as u32;
        let mut t = Table {
            name: format!("table[{lo}, {hi}]"),
            rows,
            log_height: capabilities.log_height(rows.into()),
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
        for (f, name, relation) in &self.functions {
            let values = (lo..=hi).map(|x| f.eval(x).unwrap_or(0)).collect();
            tuples.push((*relation, name.clone(), vec![key.clone(), column(name.clone(), values)]));
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
