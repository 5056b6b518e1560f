//! The reference interpreter of qnn: exact integers, and thereby *the* meaning of a quantized model.
//!
//! Invariants:
//! - Every value lies in the range its type declares; one that would not is an error at its op. Nothing wraps.
//! - Operands have at most 32 bits, so sums of fewer than 2^31 products of two 16-bit values are exact in `i64`.

use crate::ops::{QnnOp, RequantizeAttrs};
use crate::rows;
use melior::ir::{OperationRef, operation::OperationLike};
use ndarray::ArrayD;
use rayon::prelude::*;
use tessera_mlir::compute::{self, quantize};
use tessera_mlir::func::Func;
use tessera_mlir::op::op_name;
use tessera_mlir::params::{Param, Params};
use tessera_mlir::plan::{self, Step};
use tessera_mlir::types::{Elem, Quant, TensorType};
use tessera_mlir::{Error, Result, shape};

/// A value: integers of a quantized or integer tensor, or real numbers before `quantize` and after `dequantize`.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// Stored integers.
    Int(ArrayD<i64>),
    /// Real numbers.
    Real(ArrayD<f32>),
}

impl Tensor {
    /// The integers.
    ///
    /// # Errors
    /// When the value is real.
    pub fn int(&self) -> Result<&ArrayD<i64>> {
        match self {
            Tensor::Int(a) => Ok(a),
            Tensor::Real(_) => Err(Error::new("expected integers, found real numbers")),
        }
    }

    fn real(&self) -> Result<&ArrayD<f32>> {
        match self {
            Tensor::Real(a) => Ok(a),
            Tensor::Int(_) => Err(Error::new("expected real numbers, found integers")),
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Tensor::Int(a) => a.shape(),
            Tensor::Real(a) => a.shape(),
        }
    }
}

/// Least and greatest integer of a type; `None` for real numbers.
pub fn integer_range(ty: &TensorType) -> Option<(i64, i64)> {
    match &ty.elem {
        Elem::F32 => None,
        Elem::Int(bits) => {
            let half = 1i64 << (bits.clamp(&1, &63) - 1);
            Some((-half, half - 1))
        }
        Elem::Quant(q) => Some((q.min, q.max)),
    }
}

/// A function of qnn ops ready to run, each over the positions of its operands; free of MLIR, so it may be shared between threads.
#[derive(Clone, Debug)]
pub struct Plan(plan::Plan<Tensor, QnnOp<usize>>);

struct Decoder;

impl plan::Decode<Tensor, QnnOp<usize>> for Decoder {
    fn op(&mut self, op: OperationRef) -> Result<QnnOp<usize>> {
        let Some(decoded) = QnnOp::decode(op)? else {
            return Err(Error::at(op.location(), format!("{} is not an op of the qnn dialect", op_name(op))));
        };
        let mut positions = 0..;
        decoded.try_map(|_| positions.next().ok_or_else(|| Error::new("too many operands")))
    }

    fn parameter(&mut self, param: &Param, ty: &TensorType) -> Result<Tensor> {
        let data = param.data.to_i64s()?;
        let array = ArrayD::from_shape_vec(ty.shape.clone(), data);
        let value = Tensor::Int(array.map_err(|e| Error::new(format!("parameter: {e}")))?);
        check(&value, ty)?;
        Ok(value)
    }
}

/// That a value has its type's shape, and integers its type's range.
fn check(value: &Tensor, ty: &TensorType) -> Result<()> {
    if value.shape() != ty.shape {
        return Err(Error::new(format!("expected shape {:?}, found {:?}", ty.shape, value.shape())));
    }
    match (value, integer_range(ty)) {
        (Tensor::Int(a), Some((lo, hi))) => match a.iter().position(|v| !(lo..=hi).contains(v)) {
            Some(i) => {
                let found = a.iter().nth(i).copied().unwrap_or_default();
                Err(Error::new(format!(
                    "element {i} is {found}, outside of the range {lo}..={hi} of its type"
                )))
            }
            None => Ok(()),
        },
        (Tensor::Real(a), None) => match a.iter().position(|v| !v.is_finite()) {
            Some(i) => Err(Error::new(format!("element {i} is not a finite number"))),
            None => Ok(()),
        },
        _ => Err(Error::new(format!("expected elements of type {:?}", ty.elem))),
    }
}

/// What an op gives for operands, exactly.
///
/// # Errors
/// When operands do not fit, or an intermediate value leaves 64 bits.
pub fn compute(op: &QnnOp<&Tensor>) -> Result<Tensor> {
    let overflow = || Error::new("an intermediate sum leaves 64 bits");
    let bias = |bias: &Option<&Tensor>| bias.as_ref().map(|b| b.int().cloned()).transpose();
    Ok(Tensor::Int(match op {
        QnnOp::Quantize { x, to } => quantize_array(x.real()?, to)?,
        QnnOp::Dequantize { x, from } => return Ok(Tensor::Real(dequantize_array(x.int()?, from))),
        QnnOp::Conv { x, w, bias: b, attrs } => {
            compute::conv2d(x.int()?, w.int()?, bias(b)?.as_ref(), attrs)?
        }
        QnnOp::Linear { x, w, bias: b } => compute::linear(x.int()?, w.int()?, bias(b)?.as_ref())?,
        QnnOp::MatMul { a, b } => compute::matmul(a.int()?, b.int()?)?,
        QnnOp::Requantize { xs, attrs, .. } => {
            requantize_array(&xs.iter().map(|x| x.int()).collect::<Result<Vec<_>>>()?, attrs)?
        }
        QnnOp::Mul { a, b } => compute::zip_broadcast(a.int()?, b.int()?, |a, b| a.checked_mul(b))
            .and_then(|products| all(products).ok_or_else(overflow))?,
        QnnOp::SumPool { x, attrs } => compute::sum_pool(x.int()?, attrs)?,
        QnnOp::MaxPool { x, attrs } => compute::max_pool(x.int()?, attrs)?,
        QnnOp::Relu { x } => x.int()?.mapv(|v| v.max(0)),
        QnnOp::Lookup { x, table, first } => lookup_array(x.int()?, table.int()?, *first)?,
        QnnOp::Softmax { x, table, mask, total, .. } => {
            let mask = mask.as_ref().map(|mask| mask.int()).transpose()?;
            rows::softmax(x.int()?, table.int()?, mask, *total)?
        }
        QnnOp::Norm { x, roots, attrs, .. } => rows::norm(x.int()?, roots.int()?, attrs)?,
        QnnOp::Embedding { table, ids } => {
            compute::embedding(table.int()?, ids.int()?, |id| usize::try_from(id).ok())?
        }
        QnnOp::ArgMax { x } => compute::argmax(x.int()?)?.mapv(|at| at as i64),
        QnnOp::Reshape { x, shape } => compute::reshape(x.int()?, shape)?,
        QnnOp::Transpose { x, perm } => compute::transpose(x.int()?, perm)?,
        QnnOp::Concat { xs, axis } => {
            compute::concat(&xs.iter().map(|x| x.int()).collect::<Result<Vec<_>>>()?, *axis)?
        }
        QnnOp::Pad { x, low, high } => compute::pad(x.int()?, low, high, 0)?,
        QnnOp::Slice { x, starts, sizes, strides } => compute::slice(x.int()?, starts, sizes, strides)?,
    }))
}

fn eval(step: &Step<QnnOp<usize>>, operands: &[&Tensor]) -> Result<Tensor> {
    let value = compute(&step.op.map(|&i| operands[i]))?;
    check(&value, &step.ty)?;
    Ok(value)
}

/// The entry of a table for every key; the first is that of the key `first`.
///
/// # Errors
/// For a key without an entry.
pub fn lookup_array(x: &ArrayD<i64>, table: &ArrayD<i64>, first: i64) -> Result<ArrayD<i64>> {
    let entries: Vec<i64> = table.iter().copied().collect();
    let entry = |key: i64| entries.get(usize::try_from(key.checked_sub(first)?).ok()?).copied();
    all(x.mapv(entry)).ok_or_else(|| Error::new("a key has no entry in the table"))
}

/// The array of values, if there is one everywhere.
fn all(a: ArrayD<Option<i64>>) -> Option<ArrayD<i64>> {
    if a.iter().any(Option::is_none) { None } else { Some(a.mapv(Option::unwrap_or_default)) }
}

/// Stored integers of real numbers: nearest multiple of the scale (ties to even), clamped to the storage range.
///
/// # Errors
/// For NaN, and for types with a scale per channel (activations have one scale).
pub fn quantize_array(x: &ArrayD<f32>, q: &Quant) -> Result<ArrayD<i64>> {
    let Some(scale) = q.scale() else { return Err(Error::new("expected one scale for the whole tensor")) };
    let mut bad = None;
    let out = ArrayD::from_shape_vec(
        x.shape(),
        x.iter()
            .enumerate()
            .map(|(i, &v)| {
                quantize::quantize(v, scale, q.min, q.max).unwrap_or_else(|| {
                    bad.get_or_insert(i);
                    0
                })
            })
            .collect(),
    );
    match (bad, out) {
        (None, Ok(out)) => Ok(out),
        (Some(i), _) => Err(Error::new(format!("element {i} is not a number"))),
        (_, Err(e)) => Err(Error::new(e.to_string())),
    }
}

/// The real numbers that stored integers stand for.
pub fn dequantize_array(x: &ArrayD<i64>, q: &Quant) -> ArrayD<f32> {
    let inner: usize = q.axis.map_or(1, |axis| x.shape().iter().skip(axis + 1).product());
    let channels = q.scales.len().max(1);
    let mut out = ArrayD::zeros(x.shape());
    for (i, (o, &v)) in out.iter_mut().zip(x.iter()).enumerate() {
        *o = (v as f64 * q.scale_at(i / inner.max(1) % channels)) as f32;
    }
    out
}

/// Requantizes the weighted sum of arrays, broadcast to one shape.
///
/// # Errors
/// When they do not broadcast, or there is none.
pub fn requantize_array(xs: &[&ArrayD<i64>], attrs: &RequantizeAttrs) -> Result<ArrayD<i64>> {
    let Some((first, rest)) = xs.split_first() else { return Err(Error::new("a sum of no operands")) };
    let mut shape = first.shape().to_vec();
    for x in rest {
        shape = shape::broadcast(&shape, x.shape())?;
    }
    let views = xs.iter().map(|x| compute::broadcast(x, &shape)).collect::<Result<Vec<_>>>()?;
    let inner: usize = shape.iter().skip(attrs.axis + 1).product();
    let channels = shape.get(attrs.axis).map_or(1, |&channels| channels.max(1));
    let mut elements: Vec<_> = views.iter().map(|view| view.iter()).collect();
    let mut channel = (0..shape.iter().product()).map(|i: usize| i / inner.max(1) % channels);
    Ok(ArrayD::from_shape_simple_fn(shape, || {
        let xs = elements.iter_mut().map(|x| x.next().copied().unwrap_or_default());
        attrs.apply(xs, channel.next().unwrap_or_default())
    }))
}

impl Plan {
    /// Decodes a function with its weights.
    ///
    /// # Errors
    /// Every op that is not a qnn op, and parameters that are missing, of another type or outside its range.
    pub fn new(function: &Func, params: &Params) -> Result<Self> {
        plan::Plan::new(function, params, &mut Decoder).map(Plan)
    }

    /// Names and types of the inputs.
    pub fn inputs(&self) -> &[plan::Input] {
        &self.0.inputs
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> &[String] {
        &self.0.outputs
    }

    /// Types of the outputs, where they are known.
    pub fn output_types(&self) -> Vec<Option<&TensorType>> {
        self.0.result_types()
    }

    /// The ops, in order.
    pub fn steps(&self) -> &[Step<QnnOp<usize>>] {
        &self.0.steps
    }

    /// Runs one inference on tensors of either kind; `observe` sees the result of every op.
    ///
    /// # Errors
    /// When inputs do not fit their types, or a value leaves its type's range: with the op's place.
    pub fn run_tensors(
        &self,
        inputs: &[Tensor],
        observe: impl FnMut(&Step<QnnOp<usize>>, &Tensor),
    ) -> Result<Vec<Tensor>> {
        for (declared, x) in self.0.inputs.iter().zip(inputs) {
            check(x, &declared.ty).map_err(|e| e.context(format!("input {:?}", declared.name)))?;
        }
        self.0.run(inputs, eval, observe)
    }

    /// Runs one inference on stored integers.
    ///
    /// # Errors
    /// As [`Plan::run_tensors`]; when an output is real.
    pub fn run(&self, inputs: &[ArrayD<i64>]) -> Result<Vec<ArrayD<i64>>> {
        self.run_observed(inputs, |_, _| ())
    }

    /// Runs one inference on stored integers; `observe` sees the integers of every op.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run_observed(
        &self,
        inputs: &[ArrayD<i64>],
        mut observe: impl FnMut(&Step<QnnOp<usize>>, &ArrayD<i64>),
    ) -> Result<Vec<ArrayD<i64>>> {
        let inputs: Vec<Tensor> = inputs.iter().map(|x| Tensor::Int(x.clone())).collect();
        let outputs = self.run_tensors(&inputs, |step, value| {
            if let Tensor::Int(a) = value {
                observe(step, a);
            }
        })?;
        outputs.iter().map(|t| t.int().cloned()).collect()
    }

    /// Runs many inferences on all cores; results in the order of the inputs.
    ///
    /// # Errors
    /// As [`Plan::run`], for the first input that fails.
    pub fn run_many(&self, batch: &[Vec<ArrayD<i64>>]) -> Result<Vec<Vec<ArrayD<i64>>>> {
        batch.par_iter().map(|inputs| self.run(inputs)).collect()
    }
}

/// Runs `@main` of a module once.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run`].
pub fn run(module: OperationRef, inputs: &[ArrayD<i64>], params: &Params) -> Result<Vec<ArrayD<i64>>> {
    Plan::new(&Func::main(module)?, params)?.run(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// `floor(acc·m / 2^shift + 1/2)` by division of big integers, then the clamp.
    fn reference(acc: i64, m: i64, attrs: &RequantizeAttrs) -> i128 {
        let (numerator, denominator) = (2 * i128::from(acc) * i128::from(m), 2i128 << attrs.shift);
        let floor = (numerator + (1i128 << attrs.shift)).div_euclid(denominator);
        floor.clamp(attrs.min.into(), attrs.max.into())
    }

    #[test]
    fn requantize_is_the_rounded_quotient_exactly() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            state
        };
        for round in 0..4000 {
            let positive: Vec<i64> = (0..3).map(|_| (next() >> (33 + round % 20)) as i64 + 1).collect();
            let multiplier: Vec<i64> =
                positive.iter().map(|m| if round % 3 == 0 { -m } else { *m }).collect();
            let shift = 1 + (next() >> 32) as u32 % 40;
            let (min, max) = if round % 2 == 0 { (0, 127) } else { (-32768, 32767) };
            let attrs = RequantizeAttrs::of_one(multiplier.clone(), 1, shift, (min, max));
            // Sums around a tie, and anywhere.
            let tie = ((1i128 << (shift - 1)) / i128::from(positive[0])).min(1 << 30) as i64;
            let sums = [tie - 1, tie, tie + 1, -tie, (next() >> 32) as i32 as i64, i64::from(i32::MIN)];
            let x = ArrayD::from_shape_fn(vec![2, 3, 6], |i| sums[i[2]]);
            for (i, &y) in requantize_array(&[&x], &attrs).unwrap().indexed_iter() {
                assert_eq!(
                    i128::from(y),
                    reference(sums[i[2]], multiplier[i[1]], &attrs),
                    "{} {attrs:?}",
                    sums[i[2]]
                );
            }
        }
    }

    fn run_text(source: &str, inputs: &[ArrayD<i64>]) -> Result<Vec<ArrayD<i64>>> {
        let context = tessera_mlir::context(&[crate::dialect()]);
        let module = tessera_mlir::parse(&context, source, "test.mlir").unwrap_or_else(|e| panic!("{e}"));
        run(module.as_operation(), inputs, &Params::default())
    }

    #[test]
    fn a_sum_is_rounded_once_with_the_multipliers_of_its_channels() {
        // 3·5 + 7·(1, 2) + (100, -100), in units of 2^-4, along the last axis; the second operand is broadcast
        let source = r#"
            !q = !quant.uniform<i8<-127:127>:f32, 0.5>
            func.func @main(%a: tensor<2x2x!q>, %b: tensor<2x!q>) -> tensor<2x2x!q> {
              %s = qnn.requantize %a times [3], %b times [1, -2] axis 1 bias [100, -100] shift 4 clamp [-20, 127]
                : (tensor<2x2x!q>, tensor<2x!q>) -> tensor<2x2x!q>
              return %s : tensor<2x2x!q>
            }"#;
        let (a, b) = (array![[5i64, 6], [8, -127]].into_dyn(), array![7i64, -2].into_dyn());
        // (15 + 7 + 100)/16, (18 + 4 - 100)/16, (24 + 7 + 100)/16, clamped
        assert_eq!(run_text(source, &[a, b]).unwrap(), [array![[8i64, -5], [8, -20]].into_dyn()]);
    }

    const MUL: &str = r#"
        !q = !quant.uniform<i32:f32, 0.5>
        func.func @main(%a: tensor<2x!q>, %b: tensor<2x!q>) -> tensor<2xi32> {
          %s = qnn.mul %a, %b : (tensor<2x!q>, tensor<2x!q>) -> tensor<2xi32> loc("product")
          return %s : tensor<2xi32>
        }"#;

    #[test]
    fn a_product_that_leaves_its_type_is_an_error_at_its_op() {
        let b = array![1i64, 20_000_000].into_dyn();
        let small = run_text(MUL, &[array![3i64, -4].into_dyn(), b.clone()]).unwrap();
        assert_eq!(small, [array![3i64, -80_000_000].into_dyn()]);
        let error = run_text(MUL, &[array![3i64, 127].into_dyn(), b]).unwrap_err().to_string();
        assert!(error.contains("node \"product\"") && error.contains("2540000000"), "{error}");
    }

    #[test]
    fn inputs_outside_of_their_type_are_errors() {
        let source = MUL.replace("i32:f32", "i8<-127:127>:f32");
        let ok = array![1i64, 2].into_dyn();
        let error = |x: ArrayD<i64>| run_text(&source, &[ok.clone(), x]).unwrap_err().to_string();
        assert!(error(array![0i64, -128].into_dyn()).contains("-128"));
        assert!(error(array![0i64, 1, 2].into_dyn()).contains("expected shape [2]"));
        assert!(run_text(&source, std::slice::from_ref(&ok)).is_err());
    }
}
