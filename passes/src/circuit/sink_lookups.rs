//! `circuit-sink-lookups`: the maximum of keys is taken, and looked up once.
//!
//! Equation, for a nondecreasing f: max(f(x), f(y), ..) = f(max(x, y, ..)).
//!
//! The left-hand side is a tree of b + relu(a - b) over lookups of one clamp, as max pooling after a requantization is. Of n
//! lookups and n - 1 of relu, one is left; n differences of keys are looked up instead, but no f(x) has a cell.
//!
//! It is applied where nothing else reads what the tree computes. Keys with many bits stay: what a maximum proves of its
//! operands is a range twice as wide as the table's, and where a key is the high part of an accumulator, weights of two channels
//! share a cell only if both accumulators are proven to be short.

use melior::ir::{
    OperationRef, Value, ValueLike,
    operation::{OperationLike, OperationResult},
};
use tessera_circuit::analysis::Analysis;
use tessera_circuit::ops::{self, CircuitOp, CircuitType, maximum, producer};
use tessera_circuit::semantics::TableFunction;
use tessera_circuit::unused::{erase_unread_tables, erase_unused};
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::{Result, rewrite};

/// Most bits of what is split into a key and a low part.
const MOST_BITS: u32 = 30;

/// The pass; its [`PassInfo`] describes it.
pub struct SinkLookups;

impl Pass for SinkLookups {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "circuit-sink-lookups",
            summary: "Take the maximum before a nondecreasing lookup instead of after it",
            expects: "a circuit whose parameters are at hand.",
            guarantees: "the same circuit; a maximum over lookups of one clamp is one lookup of a circuit.max of the keys, where \
                         nothing else reads those lookups; no unused ops or tables.",
            rejects: "nothing.",
            options: &[],
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("sunk", "maxima of lookups that are lookups of maxima")]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let analysis = Analysis::complete(module)?;
        // Users first: the largest trees.
        let mut inner = vec![];
        let mut trees = vec![];
        for op in main.ops().into_iter().rev().filter(|op| op.result_count() == 1) {
            let root: Value = op.result(0)?.into();
            if !inner.contains(&root)
                && let Some(tree) = Tree::read(&analysis, op)?
            {
                inner.extend(tree.parts.iter().copied());
                trees.push(tree);
            }
        }
        for tree in &trees {
            tree.sink(&analysis)?;
        }
        options.count("sunk", trees.len());
        erase_unused(main)?;
        erase_unread_tables(module)
    }
}

/// A maximum of lookups of one table.
struct Tree<'c, 'a> {
    root: OperationRef<'c, 'a>,
    table: String,
    keys: Vec<Value<'c, 'a>>,
    /// Everything that it computes, the root last.
    parts: Vec<Value<'c, 'a>>,
}

impl<'c, 'a> Tree<'c, 'a> {
    fn read(analysis: &Analysis, root: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        let result: Value = root.result(0)?.into();
        let mut tree = Tree { root, table: String::new(), keys: vec![], parts: vec![] };
        if !tree.collect(analysis, result)? || tree.keys.len() < 2 {
            return Ok(None);
        }
        let parts = &tree.parts;
        let within = |user: OperationRef| user.results().any(|r: OperationResult| parts.contains(&r.into()));
        let alone =
            |&part: &Value| part == result || rewrite::users(part).into_iter().all(|(user, _)| within(user));
        Ok((tree.parts.iter().all(alone) && tree.fits(analysis)?).then_some(tree))
    }

    /// Adds what computes a value; whether all of it belongs to a tree.
    fn collect(&mut self, analysis: &Analysis, value: Value<'c, 'a>) -> Result<bool> {
        let Some(op) = rewrite::defining_op(value) else { return Ok(false) };
        let more = match CircuitOp::decode(op)? {
            Some(CircuitOp::Lookup { x, tables, .. })
                if tables.len() == 1 && (self.keys.is_empty() || self.table == tables[0]) =>
            {
                self.table.clone_from(&tables[0]);
                self.keys.push(x);
                true
            }
            Some(CircuitOp::Affine { terms, constant: 0 }) if analysis.is_maximum(op)? => {
                match maximum(&terms, 0, |x| producer(*x))? {
                    Some(max) if max.a_constant == 0 && max.a.len() == 1 && max.a[0].0 == 1 => {
                        self.parts.extend([max.difference, max.excess]);
                        self.collect(analysis, max.a[0].1)? && self.collect(analysis, max.b)?
                    }
                    _ => false,
                }
            }
            _ => false,
        };
        self.parts.push(value);
        Ok(more)
    }

    /// Whether the table is nondecreasing, the keys are few bits, and the result keeps its interval.
    fn fits(&self, analysis: &Analysis) -> Result<bool> {
        let Some(f @ TableFunction::Clamp { .. }) = analysis.tables().get(&self.table) else {
            return Ok(false);
        };
        let mut keys = CircuitType::of(self.keys[0])?.interval();
        for &key in &self.keys {
            keys = keys.max(CircuitType::of(key)?.interval());
            if let Some(op) = rewrite::defining_op(key)
                && let Some(CircuitOp::Split { shift, .. }) = CircuitOp::decode(op)?
                && (f.domain().hi - f.domain().lo + 1) > 1 << MOST_BITS.saturating_sub(shift)
            {
                return Ok(false);
            }
        }
        let declared = CircuitType::of(self.root.result(0)?.into())?.interval();
        Ok(f.image(keys).is_some_and(|image| declared.contains(image)))
    }

    fn sink(&self, analysis: &Analysis) -> Result<()> {
        let (cursor, location) = (Cursor::before(self.root), self.root.location());
        let greatest = cursor.value(ops::max(location, &self.keys))?;
        let Some(f) = analysis.tables().get(&self.table) else { return Ok(()) };
        let new = cursor.value(ops::lookup(location, greatest, &self.table, f))?;
        new.set_type(self.root.result(0)?.r#type());
        rewrite::replace(self.root, &[new]);
        Ok(())
    }
}

const EXAMPLE: &str = r#"circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
circuit.table @shrink(x in [-1000, 1000]) = clamp(x >> 3, 0, 100)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-1000, 1000]
  %y = circuit.input "y" public : 4 in [-1000, 1000]
  %a = circuit.lookup @shrink(%x) : 4 in [-1000, 1000] -> [0, 100]
  %b = circuit.lookup @shrink(%y) : 4 in [-1000, 1000] -> [0, 100]
  %d = circuit.affine %a - %b : 4 in [0, 100] -> [-100, 100]
  %e = circuit.lookup @relu(%d) : 4 in [-100, 100] -> [0, 100]
  %m = circuit.affine %b + %e : 4 in [0, 100] -> [0, 100]
  circuit.output %m "m" public : 4 in [0, 100]
  return
}"#;
