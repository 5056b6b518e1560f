//! What of a proof's cost is whose: rows, cells, time, and bytes of keys and proofs, layer by layer.
//!
//! Rows belong to the operations of the model that fill them; those of public weights to the contraction that reads them. A table's cost is what
//! its backend charges for it alone, each row the same; what is charged for no table, and rows of padding, have names of their own.
//!
//! Invariant: parts add up to what is predicted of the whole.
use crate::failure::Result;
use crate::model::Model;
use crate::prover::{self, backend};
use crate::show::program::Prediction;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use tessera_api::{
    Cost, Factor, FoldShape, Matrix, Program, RowOp, Seq, Shape, Step, TermShape, Values, WitnessPlan,
};

/// What stands in a table for a layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Part {
    /// The layer: the model's first operation there, or what no layer has.
    pub layer: String,
    /// The table's name.
    pub table: String,
    /// Rows.
    pub rows: u64,
    /// Cells of all kinds.
    pub cells: u64,
    /// Lookups, and tuples provided.
    pub lookups: u64,
    /// Proving, seconds of one core.
    pub seconds: f64,
    /// Of the proving key.
    pub key_bytes: f64,
    /// Of the proof.
    pub proof_bytes: f64,
    /// While proving.
    pub memory_bytes: f64,
}

/// Rows that pad tables to their heights.
pub const PADDING: &str = "(padding)";
/// Tables that all layers look up in.
pub const TABLES: &str = "(lookup tables)";
/// What every proof has.
pub const ALWAYS: &str = "(any proof)";

impl Part {
    /// Adds what another has.
    pub fn add(&mut self, other: &Part) {
        self.rows += other.rows;
        self.cells += other.cells;
        self.lookups += other.lookups;
        self.seconds += other.seconds;
        self.key_bytes += other.key_bytes;
        self.proof_bytes += other.proof_bytes;
        self.memory_bytes += other.memory_bytes;
    }
}

/// All parts of a model's proof, of which this much is predicted.
pub fn parts(model: &Model, prediction: &Prediction) -> Result<Vec<Part>> {
    let backend = backend(&model.metadata.backend)?;
    let prices = prover::prices(model)?;
    let (program, whole) = (&*model.program, Shape::of(&model.program));
    let owners = owners(program, &model.plan);
    let base = prices.seconds(&Cost::default());
    let mut parts = vec![];
    for (t, table) in program.tables.iter().enumerate() {
        let cost = backend.cost(&alone(&whole, t as u32));
        let height = 1u64 << table.log_height;
        let cells = cost.cells(|g| g.fixed + g.summed + g.witness + 2 * g.extension);
        let share = |rows: u64| rows as f64 / height as f64;
        let of = |layer: &str, rows: u64| Part {
            layer: layer.into(),
            table: table.name.clone(),
            rows,
            cells: (cells as f64 * share(rows)) as u64,
            lookups: (cost.cells(|g| g.lookups) as f64 * share(rows)) as u64,
            seconds: (prices.seconds(&cost) - base) * share(rows),
            key_bytes: cost.cells(|g| g.fixed + g.summed) as f64 * share(rows),
            proof_bytes: cost.openings() as f64 * share(rows),
            memory_bytes: cells as f64 * share(rows),
        };
        let own = owners.get(&(t as u32)).cloned().unwrap_or_default();
        let known: u64 = own.iter().map(|o| o.1).sum();
        let rest = u64::from(table.rows).saturating_sub(known);
        let named = own.iter().map(|(layer, rows)| of(layer, *rows));
        parts.extend(named);
        let other = if table.provides.is_empty() { table.name.as_str() } else { TABLES };
        parts.extend((rest > 0).then(|| of(other, rest)));
        parts.extend((height > known + rest).then(|| of(PADDING, height - known - rest)));
    }
    let always = base.min(prediction.prove_cpu_s);
    scale(&mut parts, prediction.prove_cpu_s - always, |p| &mut p.seconds);
    scale(&mut parts, prediction.proving_key_bytes as f64, |p| &mut p.key_bytes);
    scale(&mut parts, prediction.proof_bytes as f64, |p| &mut p.proof_bytes);
    scale(&mut parts, prediction.memory_bytes as f64, |p| &mut p.memory_bytes);
    parts.push(Part { layer: ALWAYS.into(), table: "any proof".into(), seconds: always, ..Part::default() });
    Ok(parts)
}

/// Parts by layer, those that take longest first.
pub fn layers(parts: &[Part]) -> Vec<Part> {
    let mut all: Vec<Part> = vec![];
    for p in parts {
        match all.iter_mut().find(|l| l.layer == p.layer) {
            Some(l) => l.add(p),
            None => all.push(Part { table: String::new(), ..p.clone() }),
        }
    }
    all.sort_by(|a, b| b.seconds.total_cmp(&a.seconds).then_with(|| a.layer.cmp(&b.layer)));
    all
}

/// Makes a number of all parts add up to what is predicted of the whole.
fn scale(parts: &mut [Part], whole: f64, of: fn(&mut Part) -> &mut f64) {
    let sum: f64 = parts.iter_mut().map(|p| *of(p)).sum();
    let factor = if sum > 0.0 { whole / sum } else { 0.0 };
    parts.iter_mut().for_each(|p| *of(p) *= factor);
}

/// A table with its folds, and with the sums and joins that they enter, as if there were no other.
fn alone(whole: &Shape, t: u32) -> Shape {
    let mut index: HashMap<u32, u32> = HashMap::new();
    let mut folds = vec![];
    for (i, f) in whole.folds.iter().enumerate().filter(|(_, f)| f.table == t) {
        index.insert(i as u32, folds.len() as u32);
        folds.push(FoldShape { table: 0, ..*f });
    }
    let term = |t: &TermShape| match t {
        TermShape::Sum(f) => index.get(f).map(|f| TermShape::Sum(*f)),
        // what a join adds is a column in each of its tables, as a sum does
        TermShape::Join(a, b) => index.get(a).or(index.get(b)).map(|f| TermShape::Sum(*f)),
    };
    let terms = whole.terms.iter().filter_map(term).collect();
    Shape { tables: vec![whole.tables[t as usize].clone()], folds, terms }
}

/// By table: layers with their rows, in the order of the witness.
fn owners(program: &Program, plan: &WitnessPlan) -> BTreeMap<u32, Vec<(String, u64)>> {
    let mut owners: BTreeMap<u32, Vec<(String, u64)>> = BTreeMap::new();
    let mut add = |table: u32, layer: &str, rows: u64| {
        let own = owners.entry(table).or_default();
        match own.iter_mut().find(|o| o.0 == layer) {
            Some(o) => o.1 += rows,
            None => own.push((layer.into(), rows)),
        }
    };
    // whose a tensor is that rows read, a contraction's first factor among them
    let mut reader: HashMap<u32, String> = HashMap::new();
    for step in &plan.steps {
        if let Step::Rows(r) = step {
            let layer = layer(&r.source);
            add(r.table, &layer, r.rows.into());
            let gathered = r.ops.iter().filter_map(|op| match op {
                RowOp::Gather { tensor, .. } => Some(*tensor),
                _ => None,
            });
            for tensor in gathered {
                reader.entry(tensor).or_insert_with(|| layer.clone());
            }
        }
    }
    let mut of_constant: HashMap<u32, String> = HashMap::new();
    let mut of_result: HashMap<u32, String> = HashMap::new();
    for step in &plan.steps {
        if let Step::Contract { x, w, y, .. } = step
            && let Some(layer) = reader.get(x)
        {
            of_result.entry(*y).or_insert_with(|| layer.clone());
            if let Factor::Constant { constant, .. } = w {
                of_constant.entry(*constant).or_insert_with(|| layer.clone());
            }
        }
    }
    for step in &plan.steps {
        if let Step::Fill { constant, dst, .. } = step
            && let Some(layer) = of_result.get(dst)
        {
            of_constant.entry(*constant).or_insert_with(|| layer.clone());
        }
    }
    for (t, table) in program.tables.iter().enumerate() {
        let matrix = table.fixed.first().and_then(|c| match c.values {
            Values::Matrix { matrix, .. } => program.matrices.get(matrix as usize),
            _ => None,
        });
        for (constant, rows) in matrix.into_iter().flat_map(block_rows) {
            if let Some(layer) = of_constant.get(&constant) {
                add(t as u32, layer, rows);
            }
        }
    }
    owners
}

/// Constant and rows of each block of a matrix.
fn block_rows(m: &Matrix) -> impl Iterator<Item = (u32, u64)> + '_ {
    let len = |s: &Seq| s.len().unwrap_or(0);
    m.blocks.iter().map(move |b| {
        let chunks = len(&b.channels).div_ceil(b.pack.max(1).into()).div_ceil(m.width.max(1).into());
        (b.constant, len(&b.segments) * chunks * len(&b.taps))
    })
}

/// The name of the first operation that a message names.
fn layer(source: &str) -> String {
    let first = source.split(" … ").next().unwrap_or(source);
    let name = first.strip_prefix("node \"").and_then(|s| s.strip_suffix('"'));
    name.unwrap_or(first).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_has_the_name_of_its_first_operation() {
        assert_eq!(layer("node \"/c1/Conv\" … node \"/p1/MaxPool\""), "/c1/Conv");
        assert_eq!((layer("node \"a\""), layer("x")), ("a".into(), "x".into()));
    }
}
