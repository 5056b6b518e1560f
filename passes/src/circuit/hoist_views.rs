//! `circuit-hoist-views`: does elementwise work on the lanes of a pooling instead of on the whole tensor.
//!
//! Equations, for an elementwise f and a view v that pads nowhere (so that v reads f's results only):
//!
//! - v(f(x, y, ..)) = f(v(x), v(y), ..), for affine forms, products, maxima, splits, lookups and hints;
//! - v(u(x)) = (v∘u)(x), where the composition is a single view.
//!
//! The first is applied where every use of f's results is a view and those views together read no element twice: then no
//! elementwise work is done twice, and work on elements that no lane reads is not done at all. What says something of its operand, as a
//! range does, is moved where every element is read, so that it still says it of all. A single view that merely reorders stays where
//! it is: there is nothing to gain.

use super::views::{compose, view_of};
use melior::ir::{
    OperationRef, Value, ValueLike,
    operation::{OperationLike, OperationResult},
};
use tessera_circuit::ops::{self, CircuitOp, CircuitType};
use tessera_circuit::semantics::{View, view::partition};
use tessera_circuit::unused::erase_unused;
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::{Result, context_of, rewrite};

/// The pass; its [`PassInfo`] describes it.
pub struct HoistViews;

impl Pass for HoistViews {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "circuit-hoist-views",
            summary: "Move views that partition a value above the elementwise ops that compute it",
            expects: "a circuit.",
            guarantees: "the same circuit; the elementwise work of a layer with disjoint pooling windows is done lane by lane, on the \
                         pooled index space; no view of a view that a single view can say; no unused ops.",
            rejects: "nothing.",
            options: &[],
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("moved", "views merged with what they view, and ops done lane by lane")]
    }

    fn nests(&self) -> bool {
        true
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        loop {
            let mut changed = false;
            // Users first, so that one sweep carries a view up a whole chain.
            for op in main.ops().into_iter().rev() {
                let moved = if view_of(op)?.is_some() { merge(op) } else { hoist(op) };
                let moved = moved.map_err(|error| error.or_at(op.location()))?;
                options.count("moved", moved.into());
                changed |= moved;
            }
            if !changed {
                return erase_unused(main);
            }
        }
    }
}

/// Replaces a view of a view by one view, and a view that changes nothing by what it views.
fn merge(op: OperationRef) -> Result<bool> {
    let Some((x, view)) = view_of(op)? else { return Ok(false) };
    if rewrite::is_unused(op) {
        rewrite::erase(op);
        return Ok(true);
    }
    let (source, whole) = compose(x, &view)?;
    let result: Value = op.result(0)?.into();
    if whole.is_identity(&CircuitType::of(source)?.shape) {
        // The view may declare a tighter interval than its source; then it says something and stays.
        if source.r#type() == result.r#type() {
            rewrite::replace(op, &[source]);
            return Ok(true);
        }
        return Ok(false);
    }
    if source == x {
        return Ok(false);
    }
    let merged = Cursor::before(op).value(ops::view(op.location(), source, &whole))?;
    merged.set_type(result.r#type());
    rewrite::replace(op, &[merged]);
    Ok(true)
}

/// A view of an op's results that is to be computed on its own.
struct Lane<'c, 'a> {
    view: View,
    /// The result viewed, the op that views it.
    uses: Vec<(usize, OperationRef<'c, 'a>)>,
}

fn hoist(op: OperationRef) -> Result<bool> {
    let Some(decoded) = CircuitOp::decode(op)? else { return Ok(false) };
    if !decoded.is_elementwise() {
        return Ok(false);
    }
    let results: Vec<Value> = op.results().map(OperationResult::into).collect();
    let mut lanes: Vec<Lane> = vec![];
    for (index, &result) in results.iter().enumerate() {
        for (user, _) in rewrite::users(result) {
            let Some((_, view)) = view_of(user)? else { return Ok(false) };
            match lanes.iter_mut().find(|lane| lane.view == view) {
                Some(lane) => lane.uses.push((index, user)),
                None => lanes.push(Lane { view, uses: vec![(index, user)] }),
            }
        }
    }
    let Some(&first) = results.first() else { return Ok(false) };
    let source = CircuitType::of(first)?;
    let read: usize = lanes.iter().map(|lane| lane.view.len()).sum();
    let gains = lanes.len() > 1 || read < source.len();
    // what says something of its operand says it of all elements, read or not
    if !decoded.only_computes() && read < source.len() {
        return Ok(false);
    }
    if lanes.is_empty() || !gains || !partition(lanes.iter().map(|lane| &lane.view), source.len()) {
        return Ok(false);
    }
    // Uses are listed latest first; lanes in program order read better.
    lanes.reverse();
    let cursor = Cursor::before(op);
    for lane in &lanes {
        let copy = decoded.try_map(|&x| {
            let (x, view) = compose(x, &lane.view)?;
            cursor.value(ops::view(op.location(), x, &view))
        })?;
        let copy = cursor.insert(copy.build(op.location())?);
        for (index, new) in copy.results().enumerate() {
            let new: Value = new.into();
            let declared = CircuitType::of(results[index])?;
            let ty = CircuitType::new(lane.view.shape.clone(), declared.lo, declared.hi);
            new.set_type(ty.to_type(context_of(op.location()))?);
        }
        for &(index, user) in &lane.uses {
            let old: Value = user.result(0)?.into();
            rewrite::replace_all_uses(old, copy.result(index)?.into());
        }
    }
    // At once: as long as they stand, they use values whose own views may now be hoisted.
    for (_, user) in lanes.iter().flat_map(|lane| &lane.uses) {
        rewrite::erase(*user);
    }
    rewrite::erase(op);
    Ok(true)
}

const EXAMPLE: &str = r#"circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100, 100]
  %y = circuit.lookup @relu(%x) : 4 in [-100, 100] -> [0, 100]
  %a = circuit.view %y stride [2] : 4 in [0, 100] -> 2
  %b = circuit.view %y crop [1] stride [2] : 4 in [0, 100] -> 2
  %s = circuit.affine %a + %b : 2 in [0, 100] -> [0, 200]
  circuit.output %s "s" public : 2 in [0, 200]
  return
}"#;
