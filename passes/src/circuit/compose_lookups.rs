//! `circuit-compose-lookups`: one lookup instead of two, where a table's results are only the keys of others.
//!
//! Equation: t(u(x)) = (t∘u)(x).
//!
//! So a function after a requantization costs what the requantization's clamp costs alone: the key of the clamp is the key of
//! the function, and the value between them has no cell, however many bits it has.
//!
//! # Correctness
//! The composed table is defined where u is, and nowhere else: a lookup still proves that x lies in the domain of u. That
//! u(x) lies in the domain of t is checked for every key when the table is composed.

use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use std::collections::BTreeMap;
use tessera_api::{TargetSpec, spec};
use tessera_circuit::ops::{self, CircuitOp};
use tessera_circuit::publish::fresh_name;
use tessera_circuit::unused::{erase_unread_tables, erase_unused};
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::{Result, attrs, rewrite};

/// The most keys of a composed table, as a power of two: those of a high part of 16 bits. Fewer where the backend's tables are
/// smaller.
const MOST_KEYS: u8 = 16;

/// The pass; its [`PassInfo`] describes it.
pub struct ComposeLookups;

impl Pass for ComposeLookups {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "circuit-compose-lookups",
            summary: "Look a function of a function up in one table",
            expects: "a circuit.",
            guarantees: "the same circuit; no lookup whose results only other lookups read, unless its table has more than \
                         2^16 keys, or more than the backend's tables have, or both tables are clamps; no unused ops or tables.",
            rejects: "nothing.",
            options: &[],
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("composed", "lookups that took over the one before them")]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let target = attrs::opt_parsed::<TargetSpec>(module, spec::ATTRIBUTE)?.unwrap_or_default();
        let most_keys = 1i128 << MOST_KEYS.min(target.capabilities.max_log_table);
        let mut tables = ops::tables(module)?;
        let mut made = BTreeMap::new();
        for op in main.ops() {
            let decoded = CircuitOp::decode(op)?;
            let Some((&inner, outer)) = decoded.as_ref().and_then(CircuitOp::lookup) else { continue };
            let Some((x, first)) = only_keys(inner)? else { continue };
            let (Some(t), Some(u)) = (tables.get(outer), tables.get(&first)) else { continue };
            let Some(both) = t.after(u, most_keys) else { continue };
            let known = made.iter().find(|(_, f)| **f == both).map(|(name, _): (&String, _)| name.clone());
            let name = known.unwrap_or_else(|| {
                fresh_name(&format!("{outer}_of_{first}"), |name| tables.contains_key(name))
            });
            let (cursor, old) = (Cursor::before(op), op.result(0)?);
            let new = cursor.value(ops::lookup(op.location(), x, &name, &both))?;
            new.set_type(old.r#type());
            rewrite::replace(op, &[new]);
            tables.insert(name.clone(), both.clone());
            made.insert(name, both);
            options.count("composed", 1);
        }
        let cursor = Cursor::before(main.op);
        for (name, function) in &made {
            cursor.insert(ops::table(main.op.location(), name, function)?);
        }
        erase_unused(main)?;
        erase_unread_tables(module)
    }
}

/// What a lookup that only lookups read looks up, and where.
fn only_keys<'c: 'a, 'a>(value: Value<'c, 'a>) -> Result<Option<(Value<'c, 'a>, String)>> {
    let Some(op) = rewrite::defining_op(value) else { return Ok(None) };
    let decoded = CircuitOp::decode(op)?;
    let Some((&x, table)) = decoded.as_ref().and_then(CircuitOp::lookup) else { return Ok(None) };
    for (user, _) in rewrite::users(value) {
        if CircuitOp::decode(user)?.is_none_or(|user| user.lookup().is_none()) {
            return Ok(None);
        }
    }
    Ok(Some((x, table.to_owned())))
}

const EXAMPLE: &str = r#"circuit.table @halve(x in [0, 7]) = clamp((x - 4) >> 1, -2, 1)
circuit.table @square(x in [-2, 2]) = [4, 1, 0, 1, 4]
func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 7]
  %h = circuit.lookup @halve(%x) : 4 in [0, 7] -> [-2, 1]
  %y = circuit.lookup @square(%h) : 4 in [-2, 1] -> [0, 4]
  circuit.output %y "y" public : 4 in [0, 4]
  return
}"#;
