//! What works on rows along axes and is one op each: softmax with what a mask leaves out, normalization, rows of a table, the place
//! of the greatest.
//!
//! Exporters mask scores by a constant that is −∞, or next to it, where they do not count. What gives such scores is translated as
//! the arithmetic it is, and remembered: a softmax that reads it takes the scores and the mask apart again. Where it is computed what
//! counts (texts that are padded to one length), the arithmetic is kept a second time with a mild number in the place of −∞, for a
//! softmax to read: what rests of such a score in its row is e⁻¹³ at most either way.

use crate::build::{Builder, Masked, Reason, Value};
use crate::graph;
use crate::tensor::{Kind, Tensor};
use std::rc::Rc;
use tessera_mlir::shape::broadcast;
use tessera_mlir::types::F64;
use tessera_nn::{
    NnOp,
    ops::{Binary, INDEX},
};

/// Scores from here down are as good as −∞: exporters write −10⁴, −10⁹ and the least number of a type.
const NOTHING: f64 = -1e4;
/// What is added in their place where it is computed which count: more than scores of a softmax are apart.
const MILD: f64 = -256.0;

/// Whether an element is as good as −∞.
fn hides(v: &Value) -> bool {
    matches!(v, Value::Known(t) if t.numbers().iter().any(|&v| v <= NOTHING))
}

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
            let scores = self.mild(&scores).unwrap_or(scores);
            return self.push(NnOp::Softmax { x: scores, mask: Some(mask) }, *kind);
        }
        let x = self.mild(x).unwrap_or_else(|| x.clone());
        self.on_rows(&x, &[axis], |x| NnOp::Softmax { x, mask: None })
    }

    /// What a softmax may read instead.
    fn mild(&self, v: &Value) -> Option<Value> {
        match v {
            Value::Computed(v, _) => self.mild.get(v).cloned(),
            Value::Known(_) => None,
        }
    }

    /// Whether all elements are integers, as far as types and arithmetic say.
    fn is_whole(&self, v: &Value) -> bool {
        match v {
            Value::Computed(v, kind) => !kind.is_float() || self.whole.contains(v),
            Value::Known(t) => t.numbers().iter().all(|v| v.fract() == 0.0),
        }
    }

    /// Marks a result as integers, which its type does not say any more.
    pub(crate) fn integers(&mut self, v: &Value) {
        if let Value::Computed(v, _) = v {
            self.whole.insert(*v);
        }
    }

    /// Sums, products and moves of integers are integers.
    pub(crate) fn remember_integers(&mut self, op: &NnOp<Value>, result: graph::Value, kind: Kind) {
        let keeps = match op {
            NnOp::Binary { .. } => true,
            op => moves(op),
        };
        // of what is known every number is looked at: last
        let mut operands = op.operands();
        operands.sort_by_key(|v| matches!(v, Value::Known(_)));
        if !kind.is_float() || (keeps && operands.iter().all(|v| self.is_whole(v))) {
            self.whole.insert(result);
        }
    }

    /// Scores of which it is computed which count: integers times what is as good as −∞, and sums and moves of such. The same op is
    /// kept with a mild number instead.
    pub(crate) fn remember_mild(
        &mut self,
        op: &NnOp<Value>,
        result: graph::Value,
        kind: Kind,
    ) -> Result<(), Reason> {
        let carries = |v: &Value| self.mild(v).is_some();
        let fits = match op {
            NnOp::Binary { kind: Binary::Mul, a, b } => [(a, b), (b, a)].into_iter().any(|(a, b)| {
                (hides(a) || carries(a)) && matches!(b, Value::Computed(..)) && self.is_whole(b)
            }),
            NnOp::Binary { kind: Binary::Add, a, b } => carries(a) || carries(b),
            op => moves(op) && op.operands().iter().any(carries),
        };
        if !fits {
            return Ok(());
        }
        if let NnOp::Binary { kind: Binary::Add, a, b } = op {
            for (scores, added) in [(a, b), (b, a)] {
                if let (Value::Computed(v, _), Some(added)) = (scores, self.mild(added))
                    && let Some(masked) = self.masked.get(v).cloned()
                {
                    let scores = self.mild(&masked.scores).unwrap_or(masked.scores.clone());
                    let scores = self.add(&scores, &added)?;
                    self.masked.insert(result, Masked { scores, ..masked });
                    return Ok(());
                }
            }
        }
        let op = op.try_map(|v| match v {
            Value::Known(t) if hides(v) => {
                let numbers = t.numbers().iter().map(|&v| if v <= NOTHING { MILD } else { v }).collect();
                self.known(t.kind, t.shape(), numbers)
            }
            v => Ok::<_, Reason>(self.mild(v).unwrap_or_else(|| v.clone())),
        })?;
        let mild = self.push(op, kind)?;
        self.mild.insert(result, mild);
        Ok(())
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
        let Value::Known(fill) = fill else { return Ok(None) };
        let counts = condition.numbers().iter().map(|&c| (c != 0.0) == kept).collect::<Vec<_>>();
        let Some(mask) = self.mask(scores, &counts, condition.shape(), fill)? else { return Ok(None) };
        let (others, finite) = (self.not(&mask)?, self.finite(fill)?);
        let (kept, left_out) = (self.mul(&mask, scores)?, self.mul(&others, &finite)?);
        let sum = self.add(&kept, &left_out)?;
        Ok(Some(self.remember(sum, scores, mask, fill)))
    }

    /// Scores plus a constant that is 0 where they count, and next to −∞ elsewhere.
    pub(crate) fn add_mask(&mut self, scores: &Value, added: &Rc<Tensor>) -> Result<Option<Value>, Reason> {
        let numbers = added.numbers();
        let is_mask = numbers.iter().all(|&v| v == 0.0 || v <= NOTHING) && numbers.iter().any(|&v| v != 0.0);
        if !is_mask {
            return Ok(None);
        }
        let counts: Vec<bool> = numbers.iter().map(|&v| v == 0.0).collect();
        let Some(mask) = self.mask(scores, &counts, added.shape(), added)? else { return Ok(None) };
        let finite = self.finite(added)?;
        let sum = self.add(scores, &finite)?;
        Ok(Some(self.remember(sum, scores, mask, added)))
    }

    /// 1 where a score counts and 0 elsewhere; `None` for what is no mask of the scores, or leaves a row without any: a softmax of
    /// such a row is no softmax of what is left.
    fn mask(
        &mut self,
        scores: &Value,
        counts: &[bool],
        shape: &[usize],
        fill: &Tensor,
    ) -> Result<Option<Value>, Reason> {
        let to = self.shape(scores);
        let fits = |shape: &[usize]| broadcast(&to, shape).is_ok_and(|s| s == to);
        let real = matches!(scores, Value::Computed(_, kind) if kind.is_float());
        let row = shape.last().copied().unwrap_or(1).max(1);
        if !real || !fits(shape) || !fits(fill.shape()) || counts.chunks(row).any(|row| !row.contains(&true))
        {
            return Ok(None);
        }
        let numbers = counts.iter().map(|&c| f64::from(u8::from(c))).collect();
        self.known(Kind::F32, shape, numbers).map(Some)
    }

    /// A constant with the least number in the place of −∞; a finite one is what it is.
    fn finite(&mut self, fill: &Tensor) -> Result<Value, Reason> {
        self.known(Kind::F32, fill.shape(), fill.numbers().iter().map(|&v| v.max(f32::MIN.into())).collect())
    }

    /// The sum, remembered as scores with a mask.
    fn remember(&mut self, sum: Value, scores: &Value, mask: Value, fill: &Tensor) -> Value {
        if let Value::Computed(v, _) = sum {
            let infinite = fill.numbers().contains(&f64::NEG_INFINITY);
            let masked = Masked { scores: scores.clone(), mask, infinite, node: self.node.clone() };
            self.masked.insert(v, masked);
        }
        sum
    }

    /// Elements of −∞ as the least number, where it is computed which are taken.
    pub(crate) fn without_infinity(&mut self, v: &Value) -> Result<Value, Reason> {
        match v {
            Value::Known(t) if t.numbers().contains(&f64::NEG_INFINITY) => self.finite(t),
            v => Ok(v.clone()),
        }
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

/// Ops that move elements and change none.
fn moves(op: &NnOp<Value>) -> bool {
    matches!(op, NnOp::Reshape { .. } | NnOp::Transpose { .. } | NnOp::Slice { .. } | NnOp::Concat { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_mlir::types::TensorType;

    fn scores(b: &mut Builder, shape: &[usize]) -> Value {
        b.graph.inputs.push(("x".into(), TensorType::f32(shape)));
        Value::Computed(graph::Value::Input(b.graph.inputs.len() - 1), Kind::F32)
    }

    fn tensor(shape: &[usize], numbers: &[f64]) -> Rc<Tensor> {
        Rc::new(Tensor::new("mask", Kind::F32, shape, numbers.to_vec()).unwrap())
    }

    /// A large negative constant is added, whoever reads the sum; a softmax alone takes it for a mask.
    #[test]
    fn what_is_added_to_scores_is_added() {
        let mut b = Builder::new(0);
        let x = scores(&mut b, &[2, 2]);
        let sum = b.add_mask(&x, &tensor(&[2, 2], &[0.0, -2e4, 0.0, 0.0])).unwrap().unwrap();
        let Value::Computed(graph::Value::Node(at), _) = sum else { panic!("{sum:?}") };
        let NnOp::Binary { kind: Binary::Add, a, b: added } = b.graph.nodes[at].op else { panic!("no sum") };
        assert_eq!(a, graph::Value::Input(0));
        assert_eq!(b.graph.constant(added).unwrap().as_slice().unwrap(), [0.0, -2e4, 0.0, 0.0]);
        let y = b.softmax(&sum, 1).unwrap();
        let Value::Computed(graph::Value::Node(at), _) = y else { panic!("{y:?}") };
        assert!(matches!(b.graph.nodes[at].op, NnOp::Softmax { x: graph::Value::Input(0), mask: Some(_) }));
    }

    /// The softmax of a row of which nothing is left is that of its numbers as they are.
    #[test]
    fn a_row_without_scores_has_no_mask() {
        let mut b = Builder::new(0);
        let x = scores(&mut b, &[2, 2]);
        let empty = tensor(&[2, 2], &[0.0, 0.0, -2e4, -2e4]);
        assert!(b.add_mask(&x, &empty).unwrap().is_none());
        let fill = Value::Known(tensor(&[], &[f64::NEG_INFINITY]));
        let condition = tensor(&[2, 1], &[1.0, 0.0]);
        assert!(b.choose_scores(&condition, &x, &fill).unwrap().is_none());
        let condition = tensor(&[1, 2], &[1.0, 0.0]);
        assert!(b.choose_scores(&condition, &x, &fill).unwrap().is_some());
    }
}
