//! What works on rows along axes and is one op each: softmax with what a mask leaves out, normalization, rows of a table, the place
//! of the greatest.
//!
//! Exporters mask scores by a constant that is −∞, or next to it, where they do not count. What gives such scores is translated as
//! the arithmetic it is, and remembered: a softmax that reads it takes the scores and the mask apart again.

use crate::build::{Builder, Masked, Reason, Value};
use crate::graph;
use crate::tensor::{Kind, Tensor};
use std::rc::Rc;
use tessera_mlir::shape::broadcast;
use tessera_mlir::types::F64;
use tessera_nn::{NnOp, ops::INDEX};

/// Scores from here down are as good as −∞: exporters write −10⁴, −10⁹ and the least number of a type.
const NOTHING: f64 = -1e4;

impl Builder {
    /// An op on rows: `axes` are moved to the end, as one.
    fn on_rows(
        &mut self,
        x: &Value,
        axes: &[usize],
        op: impl FnOnce(Value) -> NnOp<Value>,
    ) -> Result<Value, Reason> {
        let (shape, kind) = (self.shape(x), self.kind(x));
        let kept = (0..shape.len()).filter(|a| !axes.contains(a));
        let order: Vec<usize> = kept.chain(axes.iter().copied()).collect();
        let moved = self.transpose(x, &order)?;
        let moved_shape = self.shape(&moved);
        let (outer, inner) = moved_shape.split_at(shape.len() - axes.len());
        let rows = self.reshape(&moved, &[outer, &[inner.iter().product()]].concat())?;
        let y = self.push(op(rows), kind)?;
        let y = self.reshape(&y, &moved_shape)?;
        let back = (0..shape.len()).map(|a| order.iter().position(|&o| o == a).unwrap_or(a));
        self.transpose(&y, &back.collect::<Vec<_>>())
    }

    /// exp(x)/Σ exp(x) along an axis, over what a mask before it leaves.
    pub(crate) fn softmax(&mut self, x: &Value, axis: usize) -> Result<Value, Reason> {
        if let Value::Computed(v, kind) = x
            && let Some(Masked { scores, mask, .. }) = self.masked.get(v).cloned()
            && axis + 1 == self.shape(x).len()
        {
            return self.push(NnOp::Softmax { x: scores, mask: Some(mask) }, *kind);
        }
        self.on_rows(x, &[axis], |x| NnOp::Softmax { x, mask: None })
    }

    /// The same along the last axis, over what `mask` is not 0 for.
    pub(crate) fn masked_softmax(&mut self, x: &Value, mask: &Value) -> Result<Value, Reason> {
        self.push(NnOp::Softmax { x: x.clone(), mask: Some(mask.clone()) }, self.kind(x))
    }

    /// x/√(mean(x²) + ε) over some axes; of x − mean(x) where it is centred.
    pub(crate) fn norm(
        &mut self,
        x: &Value,
        axes: &[usize],
        centred: bool,
        epsilon: f64,
    ) -> Result<Value, Reason> {
        self.on_rows(x, axes, |x| NnOp::Norm { x, centred, epsilon: F64(epsilon) })
    }

    /// Rows of a known table by indices that are computed; `None` where they are numbers like others.
    pub(crate) fn embedding(
        &mut self,
        table: &Value,
        axis: usize,
        indices: &Value,
    ) -> Result<Option<Value>, Reason> {
        match indices {
            Value::Computed(v, _) if self.graph.type_of(*v).elem == INDEX => {}
            _ => return Ok(None),
        }
        let (shape, along) = (self.shape(table), self.shape(indices));
        if axis != 0 || !matches!(table, Value::Known(_)) {
            return Err("computed indices are supported for rows of a constant table only".into());
        }
        let table = self.reshape(table, &[shape[0], shape[1..].iter().product()])?;
        let kind = self.kind(&table);
        let rows = self.push(NnOp::Embedding { table, ids: indices.clone() }, kind)?;
        self.reshape(&rows, &[&along[..], &shape[1..]].concat()).map(Some)
    }

    /// Where the greatest element along an axis stands; the first of several.
    pub(crate) fn argmax(&mut self, x: &Value, axis: usize, to: &[usize]) -> Result<Value, Reason> {
        let rank = self.shape(x).len();
        let last: Vec<usize> = (0..rank).filter(|&a| a != axis).chain([axis]).collect();
        let x = self.transpose(x, &last)?;
        let at = self.push(NnOp::ArgMax { x }, Kind::I64)?;
        self.reshape(&at, to)
    }

    /// A choice by `condition` between scores and a constant that says that they do not count.
    pub(crate) fn choose_scores(
        &mut self,
        condition: &Rc<Tensor>,
        x: &Value,
        y: &Value,
    ) -> Result<Option<Value>, Reason> {
        let nothing = |v: &Value| matches!(v, Value::Known(t) if t.numbers().iter().all(|&v| v <= NOTHING));
        let (scores, fill, kept) = match (nothing(x), nothing(y)) {
            (false, true) => (x, y, true),
            (true, false) => (y, x, false),
            _ => return Ok(None),
        };
        let truth = condition.numbers();
        let counts = truth.iter().map(|&c| if (c != 0.0) == kept { 1.0 } else { 0.0 });
        let mask = self.known(Kind::F32, condition.shape(), counts.collect())?;
        let Value::Known(fill) = fill else { return Ok(None) };
        self.leave_out(scores, mask, fill)
    }

    /// Scores plus a constant that is 0 where they count.
    pub(crate) fn add_mask(&mut self, scores: &Value, added: &Rc<Tensor>) -> Result<Option<Value>, Reason> {
        let numbers = added.numbers();
        let is_mask = numbers.iter().all(|&v| v == 0.0 || v <= NOTHING) && numbers.iter().any(|&v| v != 0.0);
        if !is_mask {
            return Ok(None);
        }
        let counts = numbers.iter().map(|&v| if v == 0.0 { 1.0 } else { 0.0 }).collect();
        let mask = self.known(Kind::F32, added.shape(), counts)?;
        self.leave_out(scores, mask, added)
    }

    /// scores·mask + fill·(1 − mask), remembered for a softmax; `None` for what is no mask of the scores.
    fn leave_out(&mut self, scores: &Value, mask: Value, fill: &Tensor) -> Result<Option<Value>, Reason> {
        let to = self.shape(scores);
        let fits = |shape: &[usize]| broadcast(&to, shape).is_ok_and(|s| s == to);
        if !matches!(scores, Value::Computed(..)) || !fits(&self.shape(&mask)) || !fits(fill.shape()) {
            return Ok(None);
        }
        let infinite = fill.numbers().contains(&f64::NEG_INFINITY);
        // a finite constant stays what it is
        let finite = fill.numbers().iter().map(|&v| v.max(f32::MIN.into())).collect();
        let finite = self.known(Kind::F32, fill.shape(), finite)?;
        let others = self.not(&mask)?;
        let (kept, left_out) = (self.mul(&mask, scores)?, self.mul(&others, &finite)?);
        let sum = self.add(&kept, &left_out)?;
        if let Value::Computed(v, _) = sum {
            let masked = Masked { scores: scores.clone(), mask, infinite, node: self.node.clone() };
            self.masked.insert(v, masked);
        }
        Ok(Some(sum))
    }

    /// Scores of −∞ that something else than a softmax reads: their nodes.
    pub(crate) fn infinite_scores(&self) -> Vec<String> {
        let mut read = vec![false; self.graph.nodes.len()];
        let visit = |v: graph::Value, read: &mut Vec<bool>| {
            if let graph::Value::Node(i) = v {
                read[i] = true;
            }
        };
        self.graph.outputs.iter().for_each(|(_, v)| visit(*v, &mut read));
        // operands stand before what reads them, so one pass backwards sees all
        for i in (0..read.len()).rev() {
            if read[i] {
                self.graph.nodes[i].op.operands().into_iter().for_each(|v| visit(v, &mut read));
            }
        }
        let of = |(v, m): (&graph::Value, &Masked)| match v {
            graph::Value::Node(i) if m.infinite && read[*i] => Some(m.node.clone()),
            _ => None,
        };
        let mut nodes: Vec<String> = self.masked.iter().filter_map(of).collect();
        nodes.sort();
        nodes
    }
}
