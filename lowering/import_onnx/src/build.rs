//! The graph under construction, and the vocabulary that operators are translated into: sums and products, functions, moves.
//!
//! Invariants:
//! - What is known is computed at once, by the interpreter of the dialect, and never becomes an op.
//! - Known results hold at most [`GROWTH`] elements beyond four times those of the weights, so that no file of a few bytes
//!   asks for much memory or time.
//! - A constant of the graph has finite elements.

pub(crate) use crate::error::Reason;
use crate::graph::{self, Graph, element_count};
use crate::tensor::{Data, Kind, Tensor};
use ndarray::{ArrayD, IxDyn};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use tessera_mlir::functions::Map;
use tessera_mlir::types::F64;
use tessera_mlir::{Error, compute::Real, shape};
use tessera_nn::{NnOp, interp, ops::Binary};

/// Elements that known values may grow by.
const GROWTH: usize = 1 << 24;
/// Multiplications of all products of known matrices.
const PRODUCTS: usize = 1 << 30;
/// Nodes of the graph that is built: rules look at it again after every change.
const NODES: usize = 1 << 13;
/// Pieces that a selection is put together from; beyond, it is a product with a matrix of zeros and ones.
const PIECES: usize = 64;
/// Elements of such a matrix.
const MATRIX: usize = 1 << 22;

/// A value of the model.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Known now.
    Known(Rc<Tensor>),
    /// Computed from the inputs.
    Computed(graph::Value, Kind),
}

/// Scores of which a mask leaves some out.
#[derive(Clone)]
pub(crate) struct Masked {
    pub(crate) scores: Value,
    /// 1 where a score counts, 0 where not.
    pub(crate) mask: Value,
    /// Whether what is left out is −∞, which no arithmetic has.
    pub(crate) infinite: bool,
    /// The ONNX node.
    pub(crate) node: String,
}

/// What stands behind quantized integers: real numbers on a grid.
#[derive(Clone, Debug)]
pub(crate) struct Quantized {
    pub(crate) real: graph::Value,
    pub(crate) scale: f64,
    pub(crate) zero: f64,
}

/// A graph under construction.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) graph: Graph,
    /// The ONNX node that is being translated.
    pub(crate) node: String,
    /// Constants of the graph, by the address of what they hold; it is kept, so that the address stays its own.
    constants: HashMap<*const Tensor, (graph::Value, Rc<Tensor>)>,
    /// Results that are scores with a mask.
    pub(crate) masked: HashMap<graph::Value, Masked>,
    /// What a softmax may read instead of results.
    pub(crate) mild: HashMap<graph::Value, Value>,
    /// Integers that real numbers were quantized to.
    pub(crate) quantized: HashMap<graph::Value, Quantized>,
    /// Results that are integers, whatever their type.
    pub(crate) whole: HashSet<graph::Value>,
    grown: usize,
    budget: usize,
    products: usize,
}

impl Builder {
    /// A graph of a model whose weights hold that many elements.
    pub(crate) fn new(weights: usize) -> Builder {
        Builder { budget: GROWTH.saturating_add(weights.saturating_mul(4)), ..Builder::default() }
    }

    /// Extents.
    pub(crate) fn shape(&self, v: &Value) -> Vec<usize> {
        match v {
            Value::Known(t) => t.shape().to_vec(),
            Value::Computed(v, _) => self.graph.shape(*v).to_vec(),
        }
    }

    pub(crate) fn kind(&self, v: &Value) -> Kind {
        match v {
            Value::Known(t) => t.kind,
            Value::Computed(_, kind) => *kind,
        }
    }

    /// The same value, taken for another type.
    pub(crate) fn retyped(&self, v: &Value, kind: Kind) -> Result<Value, Reason> {
        match v {
            Value::Computed(v, _) => Ok(Value::Computed(*v, kind)),
            Value::Known(t) if t.kind == kind => Ok(v.clone()),
            Value::Known(t) => Ok(known(Tensor::new(&t.name, kind, t.shape(), t.numbers())?)),
        }
    }

    /// A known value that the current node computes.
    pub(crate) fn known(&mut self, kind: Kind, shape: &[usize], data: Vec<f64>) -> Result<Value, Reason> {
        self.grow(shape)?;
        Ok(known(Tensor::new(&format!("{}.constant", self.node), kind, shape, data)?))
    }

    /// One number of a type, without axes.
    pub(crate) fn number(&mut self, kind: Kind, number: f64) -> Result<Value, Reason> {
        self.known(kind, &[], vec![number])
    }

    /// Makes room for a known result.
    pub(crate) fn grow(&mut self, shape: &[usize]) -> Result<(), Reason> {
        let count = shape.iter().fold(1, |p: usize, &d| p.saturating_mul(d));
        self.grown = self.grown.saturating_add(count);
        if self.grown <= self.budget {
            return Ok(());
        }
        Err(format!(
            "makes too much on constants: all that is known when the model is read may hold {} elements",
            self.budget
        ))
    }

    /// Makes room for what `x` becomes: bounded in all where it is known, by the size of a tensor where it is computed.
    pub(crate) fn room(&mut self, x: &Value, shape: &[usize]) -> Result<(), Reason> {
        match x {
            Value::Known(_) => self.grow(shape),
            Value::Computed(..) => element_count(shape).map(|_| ()).map_err(|e| e.to_string()),
        }
    }

    /// Makes room for multiplications of known matrices.
    pub(crate) fn work(&mut self, multiplications: usize) -> Result<(), Reason> {
        self.products = self.products.saturating_add(multiplications);
        if self.products <= PRODUCTS {
            return Ok(());
        }
        Err(format!("takes too long on constants: at most {PRODUCTS} products are computed while reading"))
    }

    /// What stands for a value in the graph.
    pub(crate) fn operand(&mut self, v: &Value) -> Result<graph::Value, Reason> {
        let tensor = match v {
            Value::Computed(v, _) => return Ok(*v),
            Value::Known(tensor) => tensor,
        };
        if let Some((constant, _)) = self.constants.get(&Rc::as_ptr(tensor)) {
            return Ok(*constant);
        }
        let data = tensor.floats();
        if let Some(at) = data.iter().position(|v| !v.is_finite()) {
            return Err(format!("element {at} of the constant \"{}\" is not finite", tensor.name));
        }
        let constant = self.graph.push_constant(tensor.name.clone(), data);
        self.constants.insert(Rc::as_ptr(tensor), (constant, tensor.clone()));
        Ok(constant)
    }

    /// Appends an operation, or computes it where all its operands are known.
    pub(crate) fn push(&mut self, op: NnOp<Value>, kind: Kind) -> Result<Value, Reason> {
        let operands = op.operands();
        if operands.iter().all(|v| matches!(v, Value::Known(_))) {
            return self.compute(&op, kind);
        }
        let computed = op.try_map(|v| self.operand(v))?;
        if self.graph.nodes.len() >= NODES {
            return Err(format!("the model takes more than {NODES} operations, which is not supported"));
        }
        let name = self.node.clone();
        let result = self.graph.push(&name, computed).map_err(|e| e.to_string())?;
        self.remember_integers(&op, result, kind);
        self.remember_mild(&op, result, kind)?;
        Ok(Value::Computed(result, kind))
    }

    fn compute(&mut self, op: &NnOp<Value>, kind: Kind) -> Result<Value, Reason> {
        let shape_of = |v: &Value| Ok::<_, Error>(tessera_mlir::types::TensorType::f32(self.shape(v)));
        let shape = op.infer(shape_of).map_err(|e| e.to_string())?.shape;
        let operands = op.operands();
        let size = |v: &Value| self.shape(v).iter().product::<usize>();
        if let NnOp::Conv { .. } | NnOp::Linear { .. } | NnOp::MatMul { .. } = op {
            let inner = operands.iter().map(size).max().unwrap_or(0);
            self.work(shape.iter().fold(inner.min(1 << 20), |p: usize, &d| p.saturating_mul(d)))?;
        }
        self.grow(&shape)?;
        let tensors: Vec<&Tensor> = operands
            .iter()
            .filter_map(|v| match v {
                Value::Known(t) => Some(&**t),
                Value::Computed(..) => None,
            })
            .collect();
        let name = match op {
            NnOp::Reshape { .. } | NnOp::Transpose { .. } | NnOp::Slice { .. } => tensors[0].name.clone(),
            _ => format!("{}.constant", self.node),
        };
        let data = match kind {
            Kind::F32 | Kind::F16 => Data::F32(given(op, &tensors, |t| t.floats())?),
            _ => {
                let all = |t: &Tensor| ArrayD::from_shape_vec(IxDyn(t.shape()), t.numbers());
                let mut result = given(op, &tensors, |t| all(t).unwrap_or_default())?;
                result.mapv_inplace(|v| kind.hold(v));
                Data::F64(result)
            }
        };
        Ok(known(Tensor { name, kind, data }))
    }

    /// A function of every element.
    pub(crate) fn map(&mut self, x: &Value, name: &str, parameters: &[f64]) -> Result<Value, Reason> {
        let f = Map::named(name, parameters).map_err(|e| e.to_string())?;
        let kind = self.kind(x);
        self.push(NnOp::Map { x: x.clone(), f }, kind)
    }

    fn binary(&mut self, kind: Binary, a: &Value, b: &Value) -> Result<Value, Reason> {
        let of = if matches!(a, Value::Known(_)) { self.kind(b) } else { self.kind(a) };
        let of = if of == Kind::Bool { Kind::F32 } else { of };
        self.push(NnOp::Binary { kind, a: a.clone(), b: b.clone() }, of)
    }

    /// a + b, broadcast.
    pub(crate) fn add(&mut self, a: &Value, b: &Value) -> Result<Value, Reason> {
        self.binary(Binary::Add, a, b)
    }

    /// a − b, broadcast.
    pub(crate) fn sub(&mut self, a: &Value, b: &Value) -> Result<Value, Reason> {
        self.binary(Binary::Sub, a, b)
    }

    /// a·b, broadcast.
    pub(crate) fn mul(&mut self, a: &Value, b: &Value) -> Result<Value, Reason> {
        self.binary(Binary::Mul, a, b)
    }

    /// One number with as many axes as `x`, of its type.
    fn beside(&mut self, x: &Value, number: f64) -> Result<Value, Reason> {
        let rank = self.shape(x).len();
        let kind = if self.kind(x) == Kind::Bool { Kind::F32 } else { self.kind(x) };
        self.known(kind, &vec![1; rank], vec![number])
    }

    /// x·number.
    pub(crate) fn scale(&mut self, x: &Value, number: f64) -> Result<Value, Reason> {
        if number == 1.0 {
            return Ok(x.clone());
        }
        let number = self.beside(x, number)?;
        self.mul(x, &number)
    }

    /// x + number.
    pub(crate) fn shift(&mut self, x: &Value, number: f64) -> Result<Value, Reason> {
        if number == 0.0 {
            return Ok(x.clone());
        }
        let number = self.beside(x, number)?;
        self.add(x, &number)
    }

    /// number − x.
    pub(crate) fn minus_from(&mut self, number: f64, x: &Value) -> Result<Value, Reason> {
        let number = self.beside(x, number)?;
        self.sub(&number, x)
    }

    /// 1 − x, for truth values.
    pub(crate) fn not(&mut self, x: &Value) -> Result<Value, Reason> {
        self.minus_from(1.0, x)
    }

    /// The sum of all values.
    pub(crate) fn sum(&mut self, xs: &[Value]) -> Result<Value, Reason> {
        let (first, rest) = xs.split_first().ok_or("expected at least one operand")?;
        rest.iter().try_fold(first.clone(), |sum, x| self.add(&sum, x))
    }

    /// Reshapes unless the shape is right already.
    pub(crate) fn reshape(&mut self, v: &Value, shape: &[usize]) -> Result<Value, Reason> {
        if self.shape(v) == shape {
            return Ok(v.clone());
        }
        if let Value::Known(t) = v
            && t.len() == 0
        {
            return self.known(t.kind, shape, vec![]);
        }
        self.push(NnOp::Reshape { x: v.clone(), shape: shape.to_vec() }, self.kind(v))
    }

    /// Transposes unless the order is right already. Moving axes of extent 1 is a reshape.
    pub(crate) fn transpose(&mut self, v: &Value, perm: &[usize]) -> Result<Value, Reason> {
        let shape = self.shape(v);
        let to = shape::transpose(&shape, perm).map_err(|e| e.to_string())?;
        if perm.iter().filter(|&&p| shape[p] > 1).is_sorted() {
            return self.reshape(v, &to);
        }
        self.push(NnOp::Transpose { x: v.clone(), perm: perm.to_vec() }, self.kind(v))
    }

    /// One after the other; empty ones are left out.
    pub(crate) fn concat(&mut self, xs: &[Value], axis: usize) -> Result<Value, Reason> {
        let some: Vec<Value> = xs.iter().filter(|x| !self.shape(x).contains(&0)).cloned().collect();
        let kind = xs.first().map(|x| self.kind(x)).ok_or("expected at least one operand")?;
        match &some[..] {
            [] => return Ok(xs[0].clone()),
            [x] => return Ok(x.clone()),
            _ => {}
        }
        let constant = |v: &Value| matches!(v, Value::Known(t) if t.numbers().iter().any(|v| *v != 0.0));
        if !some.iter().any(constant) || some.iter().all(|v| matches!(v, Value::Known(_))) {
            return self.push(NnOp::Concat { xs: some, axis }, kind);
        }
        // zeros where constants stand, and a sum with what is known
        let (mut computed, mut added) = (vec![], vec![]);
        for x in some {
            let shape = self.shape(&x);
            let zeros = self.known(kind, &shape, vec![0.0; shape.iter().product()])?;
            match x {
                Value::Known(_) => (computed.push(zeros), added.push(x)),
                Value::Computed(..) => (computed.push(x), added.push(zeros)),
            };
        }
        let computed = self.push(NnOp::Concat { xs: computed, axis }, kind)?;
        let added = self.push(NnOp::Concat { xs: added, axis }, kind)?;
        let sum = self.add(&computed, &added)?;
        self.retyped(&sum, kind)
    }

    /// Along axis `axis`, `size` positions from `start` on, in steps.
    pub(crate) fn slice(
        &mut self,
        x: &Value,
        axis: usize,
        start: usize,
        size: usize,
        step: usize,
    ) -> Result<Value, Reason> {
        let mut sizes = self.shape(x);
        if axis >= sizes.len() {
            return Err(format!("axis {axis} does not exist"));
        }
        if start == 0 && size == sizes[axis] && step == 1 {
            return Ok(x.clone());
        }
        let (mut starts, mut strides) = (vec![0; sizes.len()], vec![1; sizes.len()]);
        (starts[axis], sizes[axis], strides[axis]) = (start, size, step.max(1));
        if size == 0 {
            return self.empty(x, &sizes);
        }
        self.push(NnOp::Slice { x: x.clone(), starts, sizes, strides }, self.kind(x))
    }

    fn empty(&mut self, x: &Value, shape: &[usize]) -> Result<Value, Reason> {
        match x {
            Value::Known(t) => self.known(t.kind, shape, vec![]),
            Value::Computed(..) => Err("tensors without elements are not supported".into()),
        }
    }

    /// Numbers of `value` around a tensor.
    pub(crate) fn pad(
        &mut self,
        x: &Value,
        low: &[usize],
        high: &[usize],
        value: f64,
    ) -> Result<Value, Reason> {
        if low.iter().chain(high).all(|&p| p == 0) {
            return Ok(x.clone());
        }
        let (kind, shape) = (self.kind(x), self.shape(x));
        let zero =
            |value| NnOp::Pad { x: x.clone(), low: low.to_vec(), high: high.to_vec(), value: F64(value) };
        if value == 0.0 || matches!(x, Value::Known(_)) {
            return self.push(zero(value), kind);
        }
        // x where it was, and the value around it: a padding with zeros, and a sum with what is known
        let padded = self.push(zero(0.0), kind)?;
        let inside = self.known(kind, &shape, vec![0.0; shape.iter().product()])?;
        let around = self.pad(&inside, low, high, value)?;
        self.add(&padded, &around)
    }

    /// Along an axis, the positions listed, in this order; each may stand there any number of times.
    pub(crate) fn select(&mut self, x: &Value, axis: usize, at: &[usize]) -> Result<Value, Reason> {
        let shape = self.shape(x);
        let extent = *shape.get(axis).ok_or_else(|| format!("axis {axis} does not exist"))?;
        if let Some(i) = at.iter().find(|&&i| i >= extent) {
            return Err(format!("position {i} does not exist on an axis of {extent}"));
        }
        let mut to = shape.clone();
        to[axis] = at.len();
        if at.is_empty() {
            return self.empty(x, &to);
        }
        if let Value::Known(t) = x {
            let (inner, from) = (shape[axis + 1..].iter().product::<usize>(), t.numbers());
            self.grow(&to)?;
            let outer = shape[..axis].iter().product::<usize>();
            let row = |o: usize, i: usize| from[(o * extent + i) * inner..][..inner].to_vec();
            let data = (0..outer).flat_map(|o| at.iter().flat_map(move |&i| row(o, i))).collect();
            return Ok(known(Tensor::new(&t.name, t.kind, &to, data)?));
        }
        // every position so many times in its place: copies side by side
        let times = at.len() / extent;
        if times > 1
            && times <= PIECES
            && at.len() == extent * times
            && at.iter().enumerate().all(|(k, &i)| i == k / times)
        {
            let split: Vec<usize> = [&shape[..=axis], &[1], &shape[axis + 1..]].concat();
            let split = self.reshape(x, &split)?;
            let copies = self.concat(&vec![split; times], axis + 1)?;
            return self.reshape(&copies, &to);
        }
        let pieces = runs(at);
        if pieces.len() <= PIECES {
            let pieces = pieces.iter().map(|&(start, size, step)| self.slice(x, axis, start, size, step));
            let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
            return self.concat(&pieces, axis);
        }
        let rows: Vec<Vec<(usize, f64)>> = at.iter().map(|&i| vec![(i, 1.0)]).collect();
        self.along(x, axis, &rows)
    }

    /// A constant linear map along an axis: position k of the result is the sum of the weighted positions that row k lists.
    pub(crate) fn along(
        &mut self,
        x: &Value,
        axis: usize,
        rows: &[Vec<(usize, f64)>],
    ) -> Result<Value, Reason> {
        let shape = self.shape(x);
        let (extent, rank) = (shape[axis], shape.len());
        let one = |row: &Vec<(usize, f64)>| matches!(row[..], [(_, w)] if w == 1.0);
        if rows.iter().all(one) && runs(&rows.iter().map(|r| r[0].0).collect::<Vec<_>>()).len() <= PIECES {
            return self.select(x, axis, &rows.iter().map(|r| r[0].0).collect::<Vec<_>>());
        }
        if rows.len().saturating_mul(extent) > MATRIX {
            return Err(format!(
                "a map of {extent} positions to {} by a table of positions is not supported; at most {MATRIX} pairs are",
                rows.len()
            ));
        }
        let mut matrix = vec![0.0; rows.len() * extent];
        for (k, row) in rows.iter().enumerate() {
            for &(i, w) in row {
                *matrix.get_mut(k * extent + i).ok_or("a position does not exist")? += w;
            }
        }
        let kind = self.kind(x);
        let w = self.known(kind, &[rows.len(), extent], matrix)?;
        let mut to_last: Vec<usize> = (0..rank).filter(|&a| a != axis).collect();
        to_last.push(axis);
        let last = self.transpose(x, &to_last)?;
        let mapped = self.push(NnOp::Linear { x: last, w, bias: None }, kind)?;
        let mut back: Vec<usize> = (0..rank - 1).collect();
        back.insert(axis, rank - 1);
        self.transpose(&mapped, &back)
    }

    /// Elements of all of `xs`, which are taken as one list, by their positions in it.
    pub(crate) fn pick(&mut self, xs: &[Value], at: &[usize], shape: &[usize]) -> Result<Value, Reason> {
        let lists = xs.iter().map(|x| {
            let n = self.shape(x).iter().product();
            self.reshape(x, &[n])
        });
        let lists = lists.collect::<Result<Vec<_>, _>>()?;
        let list = self.concat(&lists, 0)?;
        let picked = self.select(&list, 0, at)?;
        self.reshape(&picked, shape)
    }

    /// `x` stretched to `shape` as numpy broadcasts.
    pub(crate) fn expand(&mut self, x: &Value, shape: &[usize]) -> Result<Value, Reason> {
        let from = self.shape(x);
        let to = shape::broadcast(&from, shape).map_err(|e| e.to_string())?;
        self.room(x, &to)?;
        let mut wide = vec![1; to.len() - from.len()];
        wide.extend(&from);
        let mut x = self.reshape(x, &wide)?;
        for axis in 0..to.len() {
            if wide[axis] == to[axis] {
                continue;
            }
            if to[axis] > PIECES && matches!(x, Value::Computed(..)) {
                let mut ones = vec![1; to.len()];
                ones[axis] = to[axis];
                let ones = self.known(Kind::F32, &ones, vec![1.0; to[axis]])?;
                let kind = self.kind(&x);
                let stretched = self.mul(&x, &ones)?;
                x = self.retyped(&stretched, kind)?;
            } else if let Value::Known(_) = x {
                x = self.select(&x, axis, &vec![0; to[axis]])?;
            } else {
                x = self.concat(&vec![x; to[axis]], axis)?;
            }
        }
        Ok(x)
    }
}

pub(crate) fn known(tensor: Tensor) -> Value {
    Value::Known(Rc::new(tensor))
}

/// What an op gives for known operands, in the arithmetic of one type.
fn given<T: Real>(
    op: &NnOp<Value>,
    tensors: &[&Tensor],
    array: impl Fn(&Tensor) -> ArrayD<T>,
) -> Result<ArrayD<T>, Reason> {
    let arrays: Vec<ArrayD<T>> = tensors.iter().map(|t| array(t)).collect();
    let mut next = arrays.iter();
    let op = op.try_map(|_| next.next().ok_or("an op has more operands than it lists"))?;
    interp::compute(&op).map_err(|e| e.to_string())
}

/// The longest stretches of equal, positive steps: start, size, step.
fn runs(at: &[usize]) -> Vec<(usize, usize, usize)> {
    let (mut runs, mut k) = (vec![], 0);
    while k < at.len() {
        let step = match at.get(k + 1) {
            Some(&next) if next > at[k] => next - at[k],
            _ => 0,
        };
        let mut size = 1;
        while step > 0 && at.get(k + size) == Some(&(at[k] + size * step)) {
            size += 1;
        }
        // two that are not neighbours may belong to what follows
        if size == 2 && step > 1 {
            size = 1;
        }
        runs.push((at[k], size, if size == 1 { 1 } else { step }));
        k += size;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_taken_in_stretches() {
        assert_eq!(runs(&[0, 1, 2, 7, 9, 11, 5, 5]), [(0, 3, 1), (7, 3, 2), (5, 1, 1), (5, 1, 1)]);
        assert_eq!(runs(&[3, 2, 1]), [(3, 1, 1), (2, 1, 1), (1, 1, 1)]);
    }
}
