//! The ops of the qnn dialect as Rust values: one enum, which reads and builds them.
//!
//! Invariants:
//! - This is the only file that spells an op's name or an attribute's name of this dialect.
//! - Builders infer result types by [`QnnOp::infer`], and verifiers check against the same function.

use melior::ir::{
    Attribute, Location, Operation, OperationRef, Value,
    operation::{OperationBuilder, OperationLike},
};
use tessera_mlir::{
    Error, Result, attrs, context_of, func,
    op::op_name,
    shape,
    types::{self, Elem, Quant, TensorType},
};

pub use tessera_mlir::shape::{ConvAttrs, PoolAttrs};

/// How a weighted sum becomes stored integers: `clamp((Σ xᵢ·mᵢ + bias + 2^(shift−1)) >> shift, min, max)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequantizeAttrs {
    /// For each operand one multiplier, or one for each index of `axis`.
    pub multipliers: Vec<Vec<i64>>,
    /// The axis of the result that multipliers and biases belong to, where there are several.
    pub axis: usize,
    /// Nothing, one number that is added before the shift, or one for each index of `axis`.
    pub bias: Vec<i64>,
    /// Bits shifted out, at most 62; 0 rounds nothing.
    pub shift: u32,
    /// Least result.
    pub min: i64,
    /// Greatest result.
    pub max: i64,
}

impl RequantizeAttrs {
    /// How one operand becomes stored integers.
    pub fn of_one(multiplier: Vec<i64>, axis: usize, shift: u32, (min, max): (i64, i64)) -> Self {
        Self { multipliers: vec![multiplier], axis, bias: vec![], shift, min, max }
    }

    /// The stored integer of an element, at an index of the axis, with one integer of each operand. The sum is exact: products have
    /// 95 bits at most.
    pub fn apply(&self, xs: impl IntoIterator<Item = i64>, channel: usize) -> i64 {
        let terms = xs.into_iter().zip(&self.multipliers);
        let sum: i128 = terms.map(|(x, m)| i128::from(x) * i128::from(at(m, channel))).sum();
        let bias = if self.bias.is_empty() { 0 } else { at(&self.bias, channel) };
        let rounded = (sum + i128::from(bias) + half(self.shift)) >> self.shift;
        rounded.clamp(self.min.into(), self.max.into()) as i64
    }
}

/// The number of a channel, in a list of one for all or one for each.
fn at(list: &[i64], channel: usize) -> i64 {
    if list.len() == 1 { list[0] } else { list[channel] }
}

/// What makes a shift by so many bits a rounding, halves up.
pub fn half(shift: u32) -> i128 {
    (1i128 << shift) >> 1
}

/// How rows are normalized.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NormAttrs {
    /// Multiplier and shift that give the mean of a row of its sum, in units of `2^−fraction`; `None` where rows are not
    /// centred.
    pub mean: Option<(i64, u32)>,
    /// Bits of fractions that squares are taken with.
    pub fraction: u32,
    /// What is added to the sum of squares; 2^14 or more.
    pub epsilon: i64,
    /// The greatest exponent of 4 that a sum of squares may have, at most 24.
    pub exponent: u32,
    /// Bits shifted out of the product with the root, 1..=62.
    pub shift: u32,
}

/// Mantissas of sums of squares: 2^14..2^16.
pub const MANTISSAS: std::ops::Range<i64> = 1 << 14..1 << 16;

impl NormAttrs {
    /// The rounded mean of a row from its sum.
    pub fn centre(&self, sum: i64) -> i128 {
        self.mean.map_or(0, |(m, shift)| (i128::from(sum) * i128::from(m) + half(shift)) >> shift)
    }
}

/// An op of the dialect over operands `V`: values of the IR, indices of a graph, arrays of an interpreter. Operands come
/// first, attributes as they mean.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "fields are named as in the op's documentation")]
pub enum QnnOp<V> {
    /// `qnn.quantize`
    Quantize { x: V, to: Quant },
    /// `qnn.dequantize`
    Dequantize { x: V, from: Quant },
    /// `qnn.conv`
    Conv { x: V, w: V, bias: Option<V>, attrs: ConvAttrs },
    /// `qnn.linear`
    Linear { x: V, w: V, bias: Option<V> },
    /// `qnn.matmul`
    MatMul { a: V, b: V },
    /// `qnn.requantize`
    Requantize { xs: Vec<V>, attrs: RequantizeAttrs, to: Quant },
    /// `qnn.mul`
    Mul { a: V, b: V },
    /// `qnn.sum_pool`
    SumPool { x: V, attrs: PoolAttrs },
    /// `qnn.max_pool`
    MaxPool { x: V, attrs: PoolAttrs },
    /// `qnn.relu`
    Relu { x: V },
    /// `qnn.lookup`; the table's first entry is that of the key `first`, the least of the operand's type
    Lookup { x: V, table: V, first: i64 },
    /// `qnn.softmax`
    Softmax { x: V, table: V, mask: Option<V>, total: i64, to: Quant },
    /// `qnn.norm`
    Norm { x: V, roots: V, attrs: NormAttrs, to: Quant },
    /// `qnn.embedding`
    Embedding { table: V, ids: V },
    /// `qnn.argmax`
    ArgMax { x: V },
    /// `qnn.reshape`
    Reshape { x: V, shape: Vec<usize> },
    /// `qnn.transpose`
    Transpose { x: V, perm: Vec<usize> },
    /// `qnn.concat`
    Concat { xs: Vec<V>, axis: usize },
    /// `qnn.pad`
    Pad { x: V, low: Vec<usize>, high: Vec<usize> },
    /// `qnn.slice`
    Slice { x: V, starts: Vec<usize>, sizes: Vec<usize>, strides: Vec<usize> },
}

tessera_mlir::operand_methods!(QnnOp);

impl<V> QnnOp<V> {
    /// The same op over other operands, taken in the order of the IR.
    ///
    /// # Errors
    /// The first that `f` gives.
    pub fn try_map<U, E>(&self, mut f: impl FnMut(&V) -> Result<U, E>) -> Result<QnnOp<U>, E> {
        Ok(match self {
            Self::Quantize { x, to } => QnnOp::Quantize { x: f(x)?, to: to.clone() },
            Self::Dequantize { x, from } => QnnOp::Dequantize { x: f(x)?, from: from.clone() },
            Self::Conv { x, w, bias, attrs } => {
                let (x, w, bias) = (f(x)?, f(w)?, bias.as_ref().map(f).transpose()?);
                QnnOp::Conv { x, w, bias, attrs: attrs.clone() }
            }
            Self::Linear { x, w, bias } => {
                QnnOp::Linear { x: f(x)?, w: f(w)?, bias: bias.as_ref().map(f).transpose()? }
            }
            Self::MatMul { a, b } => QnnOp::MatMul { a: f(a)?, b: f(b)? },
            Self::Requantize { xs, attrs, to } => {
                let xs = xs.iter().map(f).collect::<Result<_, E>>()?;
                QnnOp::Requantize { xs, attrs: attrs.clone(), to: to.clone() }
            }
            Self::Mul { a, b } => QnnOp::Mul { a: f(a)?, b: f(b)? },
            Self::SumPool { x, attrs } => QnnOp::SumPool { x: f(x)?, attrs: attrs.clone() },
            Self::MaxPool { x, attrs } => QnnOp::MaxPool { x: f(x)?, attrs: attrs.clone() },
            Self::Relu { x } => QnnOp::Relu { x: f(x)? },
            Self::Lookup { x, table, first } => QnnOp::Lookup { x: f(x)?, table: f(table)?, first: *first },
            Self::Softmax { x, table, mask, total, to } => {
                let (x, table, mask) = (f(x)?, f(table)?, mask.as_ref().map(f).transpose()?);
                QnnOp::Softmax { x, table, mask, total: *total, to: to.clone() }
            }
            Self::Norm { x, roots, attrs, to } => {
                QnnOp::Norm { x: f(x)?, roots: f(roots)?, attrs: attrs.clone(), to: to.clone() }
            }
            Self::Embedding { table, ids } => QnnOp::Embedding { table: f(table)?, ids: f(ids)? },
            Self::ArgMax { x } => QnnOp::ArgMax { x: f(x)? },
            Self::Reshape { x, shape } => QnnOp::Reshape { x: f(x)?, shape: shape.clone() },
            Self::Transpose { x, perm } => QnnOp::Transpose { x: f(x)?, perm: perm.clone() },
            Self::Concat { xs, axis } => {
                QnnOp::Concat { xs: xs.iter().map(f).collect::<Result<_, E>>()?, axis: *axis }
            }
            Self::Pad { x, low, high } => QnnOp::Pad { x: f(x)?, low: low.clone(), high: high.clone() },
            Self::Slice { x, starts, sizes, strides } => QnnOp::Slice {
                x: f(x)?,
                starts: starts.clone(),
                sizes: sizes.clone(),
                strides: strides.clone(),
            },
        })
    }

    /// The type of the result by the op's rule.
    ///
    /// # Errors
    /// When operands and attributes do not fit together, and those of `type_of`.
    pub fn infer(&self, type_of: impl Fn(&V) -> Result<TensorType>) -> Result<TensorType> {
        let of = |value: &V| type_of(value);
        let shape_of = |value: &V| type_of(value).map(|ty| ty.shape);
        let bias = |value: &Option<V>| value.as_ref().map(shape_of).transpose();
        let keep = |value: &V, rule: &dyn Fn(&[usize]) -> Result<Vec<usize>>| {
            let ty = of(value)?;
            Ok(TensorType { shape: rule(&ty.shape)?, elem: ty.elem })
        };
        match self {
            Self::Quantize { x, to } => Ok(TensorType::quant(shape_of(x)?, to.clone())),
            Self::Requantize { xs, to, .. } => {
                let Some((first, rest)) = xs.split_first() else {
                    return Err(Error::new("expected at least one operand, found none"));
                };
                let mut shape = shape_of(first)?;
                for x in rest {
                    shape = shape::broadcast(&shape, &shape_of(x)?)?;
                }
                Ok(TensorType::quant(shape, to.clone()))
            }
            Self::Dequantize { x, .. } => Ok(TensorType::f32(shape_of(x)?)),
            Self::Conv { x, w, bias: b, attrs } => {
                Ok(TensorType::i32(shape::conv(&shape_of(x)?, &shape_of(w)?, bias(b)?.as_deref(), attrs)?))
            }
            Self::Linear { x, w, bias: b } => {
                Ok(TensorType::i32(shape::linear(&shape_of(x)?, &shape_of(w)?, bias(b)?.as_deref())?))
            }
            Self::MatMul { a, b } => Ok(TensorType::i32(shape::matmul(&shape_of(a)?, &shape_of(b)?)?)),
            Self::Mul { a, b } => Ok(TensorType::i32(shape::broadcast(&shape_of(a)?, &shape_of(b)?)?)),
            Self::SumPool { x, attrs } => Ok(TensorType::i32(shape::pool(&shape_of(x)?, attrs)?)),
            Self::MaxPool { x, attrs } => keep(x, &|from| shape::pool(from, attrs)),
            Self::Relu { x } => of(x),
            Self::Lookup { x, table, .. } => {
                let (x, table) = (of(x)?, of(table)?);
                let keys = x.quantization()?;
                let entries = keys.max.abs_diff(keys.min).saturating_add(1);
                if table.shape.len() != 1 || table.shape[0] as u64 != entries {
                    return Err(Error::new(format!(
                        "table: expected {entries} entries on one axis, one for each key in {}..={}, found {}",
                        keys.min,
                        keys.max,
                        shape::show(&table.shape)
                    )));
                }
                Ok(TensorType { shape: x.shape, elem: table.elem })
            }
            Self::Softmax { x, table, mask, to, .. } => {
                if shape_of(table)?.len() != 1 {
                    return Err(Error::new(format!(
                        "table: expected one axis, found {}",
                        shape::show(&shape_of(table)?)
                    )));
                }
                Ok(TensorType::quant(shape::softmax(&shape_of(x)?, bias(mask)?.as_deref())?, to.clone()))
            }
            Self::Norm { x, roots, to, .. } => {
                let entries = [(MANTISSAS.end - MANTISSAS.start) as usize];
                if shape_of(roots)? != entries {
                    return Err(Error::new(format!(
                        "roots: expected {} entries, found {}",
                        entries[0],
                        shape::show(&shape_of(roots)?)
                    )));
                }
                let x = shape_of(x)?;
                shape::last_axis(&x)?;
                Ok(TensorType::quant(x, to.clone()))
            }
            Self::Embedding { table, ids } => {
                let (table, ids) = (of(table)?, of(ids)?);
                Ok(TensorType { shape: shape::embedding(&table.shape, &ids.shape)?, elem: table.elem })
            }
            Self::ArgMax { x } => {
                let x = shape_of(x)?;
                Ok(TensorType { shape: shape::last_axis(&x)?.0.to_vec(), elem: Elem::Int(64) })
            }
            Self::Reshape { x, shape } => keep(x, &|from| shape::reshape(from, shape)),
            Self::Transpose { x, perm } => keep(x, &|from| shape::transpose(from, perm)),
            Self::Pad { x, low, high } => keep(x, &|from| shape::pad(from, low, high)),
            Self::Slice { x, starts, sizes, strides } => {
                keep(x, &|from| shape::slice(from, starts, sizes, strides))
            }
            Self::Concat { xs, axis } => {
                let types = xs.iter().map(of).collect::<Result<Vec<_>>>()?;
                let shapes = types.iter().map(|ty| ty.shape.as_slice()).collect::<Vec<_>>();
                let shape = shape::concat(&shapes, *axis)?;
                let mut quant = types[0].quantization()?.clone();
                for (index, ty) in types.iter().enumerate() {
                    quant = quant.joined(ty.quantization()?).ok_or_else(|| {
                        Error::new(format!(
                            "operand {index}: expected the scale of operand 0; requantize to one scale first"
                        ))
                    })?;
                }
                Ok(TensorType::quant(shape, quant))
            }
        }
    }

    /// The full name of the op, such as `qnn.conv`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Quantize { .. } => "qnn.quantize",
            Self::Dequantize { .. } => "qnn.dequantize",
            Self::Conv { .. } => "qnn.conv",
            Self::Linear { .. } => "qnn.linear",
            Self::MatMul { .. } => "qnn.matmul",
            Self::Requantize { .. } => "qnn.requantize",
            Self::Mul { .. } => "qnn.mul",
            Self::SumPool { .. } => "qnn.sum_pool",
            Self::MaxPool { .. } => "qnn.max_pool",
            Self::Relu { .. } => "qnn.relu",
            Self::Lookup { .. } => "qnn.lookup",
            Self::Softmax { .. } => "qnn.softmax",
            Self::Norm { .. } => "qnn.norm",
            Self::Embedding { .. } => "qnn.embedding",
            Self::ArgMax { .. } => "qnn.argmax",
            Self::Reshape { .. } => "qnn.reshape",
            Self::Transpose { .. } => "qnn.transpose",
            Self::Concat { .. } => "qnn.concat",
            Self::Pad { .. } => "qnn.pad",
            Self::Slice { .. } => "qnn.slice",
        }
    }
}

impl<'c, 'a> QnnOp<Value<'c, 'a>> {
    /// Reads an op; `None` for ops of other dialects.
    ///
    /// # Errors
    /// When it is an op of this dialect that does not decode.
    pub fn decode(op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        Self::read(op).map_err(|error| error.or_at_op(op))
    }

    fn read(op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        let name = op_name(op);
        let Some(mnemonic) = name.strip_prefix("qnn.") else { return Ok(None) };
        let operand = |index: usize| func::need_operand(op, index);
        let x = || operand(0);
        let to = || result_type(op)?.quantization().cloned().map_err(|error| error.or_at(op.location()));
        Ok(Some(match mnemonic {
            "quantize" => Self::Quantize { x: x()?, to: to()? },
            "dequantize" => Self::Dequantize { x: x()?, from: types::of(x()?)?.quantization()?.clone() },
            "conv" => {
                Self::Conv { x: x()?, w: operand(1)?, bias: func::operand(op, 2), attrs: read_conv(op)? }
            }
            "linear" => Self::Linear { x: x()?, w: operand(1)?, bias: func::operand(op, 2) },
            "matmul" => Self::MatMul { a: x()?, b: operand(1)? },
            "requantize" => {
                Self::Requantize { xs: op.operands().collect(), attrs: read_requantize(op)?, to: to()? }
            }
            "mul" => Self::Mul { a: x()?, b: operand(1)? },
            "sum_pool" => Self::SumPool { x: x()?, attrs: read_pool(op)? },
            "max_pool" => Self::MaxPool { x: x()?, attrs: read_pool(op)? },
            "relu" => Self::Relu { x: x()? },
            "lookup" => {
                Self::Lookup { x: x()?, table: operand(1)?, first: types::of(x()?)?.quantization()?.min }
            }
            "softmax" => Self::Softmax {
                x: x()?,
                table: operand(1)?,
                mask: func::operand(op, 2),
                total: attrs::read_int(op, "total")?,
                to: to()?,
            },
            "norm" => Self::Norm { x: x()?, roots: operand(1)?, attrs: read_norm(op)?, to: to()? },
            "embedding" => Self::Embedding { table: x()?, ids: operand(1)? },
            "argmax" => Self::ArgMax { x: x()? },
            "reshape" => Self::Reshape { x: x()?, shape: result_type(op)?.shape },
            "transpose" => Self::Transpose { x: x()?, perm: attrs::read_usizes(op, "perm")? },
            "concat" => Self::Concat { xs: op.operands().collect(), axis: attrs::read_usize(op, "axis")? },
            "pad" => Self::Pad {
                x: x()?,
                low: attrs::read_usizes(op, "low")?,
                high: attrs::read_usizes(op, "high")?,
            },
            "slice" => Self::Slice {
                x: x()?,
                starts: attrs::read_usizes(op, "starts")?,
                sizes: attrs::read_usizes(op, "sizes")?,
                strides: attrs::read_usizes(op, "strides")?,
            },
            _ => return Err(Error::at(op.location(), format!("'{name}' is not an op of the qnn dialect"))),
        }))
    }

    /// Builds the op with the inferred result type.
    ///
    /// # Errors
    /// When operands and attributes do not fit together.
    pub fn build(&self, location: Location<'c>) -> Result<Operation<'c>> {
        let context = context_of(location);
        let name = self.name();
        let result = self
            .infer(|value| types::of(*value))
            .map_err(|error| error.context(format!("'{name}' op")).or_at(location))?;
        let mut attributes = vec![];
        let mut set = |name: &str, value: Attribute<'c>| attributes.push(attrs::named(context, name, value));
        let usizes = |values: &[usize]| attrs::usizes(context, values);
        let int = |value: i64| attrs::int(context, value);
        match self {
            Self::Conv { attrs, .. } => {
                set("strides", usizes(&attrs.strides));
                set("pads", usizes(&attrs.pads));
                set("dilations", usizes(&attrs.dilations));
                set("groups", int(attrs.groups as i64));
            }
            Self::Requantize { attrs, .. } => {
                set("multipliers", attrs::lists(context, &attrs.multipliers));
                set("axis", int(attrs.axis as i64));
                set("bias", attrs::i64s(context, &attrs.bias));
                set("shift", int(attrs.shift.into()));
                set("clamp", attrs::i64s(context, &[attrs.min, attrs.max]));
            }
            Self::SumPool { attrs, .. } | Self::MaxPool { attrs, .. } => {
                set("kernel", usizes(&attrs.kernel));
                set("strides", usizes(&attrs.strides));
                set("pads", usizes(&attrs.pads));
            }
            Self::Softmax { total, .. } => set("total", int(*total)),
            Self::Norm { attrs, .. } => {
                if let Some((multiplier, shift)) = attrs.mean {
                    set("mean", attrs::i64s(context, &[multiplier, shift.into()]));
                }
                set("fraction", int(attrs.fraction.into()));
                set("epsilon", int(attrs.epsilon));
                set("exponent", int(attrs.exponent.into()));
                set("shift", int(attrs.shift.into()));
            }
            Self::Transpose { perm, .. } => set("perm", usizes(perm)),
            Self::Concat { axis, .. } => set("axis", int(*axis as i64)),
            Self::Pad { low, high, .. } => {
                set("low", usizes(low));
                set("high", usizes(high));
            }
            Self::Slice { starts, sizes, strides, .. } => {
                set("starts", usizes(starts));
                set("sizes", usizes(sizes));
                set("strides", usizes(strides));
            }
            Self::Quantize { .. }
            | Self::Dequantize { .. }
            | Self::Linear { .. }
            | Self::MatMul { .. }
            | Self::Mul { .. }
            | Self::Relu { .. }
            | Self::Lookup { .. }
            | Self::Embedding { .. }
            | Self::ArgMax { .. }
            | Self::Reshape { .. } => {}
        }
        Ok(OperationBuilder::new(name, location)
            .add_operands(&self.operands())
            .add_attributes(&attributes)
            .add_results(&[result.to_type(context)])
            .build()?)
    }
}

fn read_conv(op: OperationRef) -> Result<ConvAttrs> {
    Ok(ConvAttrs {
        strides: attrs::read_sized(op, "strides", Some([1, 1]))?,
        pads: attrs::read_sized(op, "pads", Some([0; 4]))?,
        dilations: attrs::read_sized(op, "dilations", Some([1, 1]))?,
        groups: attrs::opt_usize(op, "groups")?.unwrap_or(1),
    })
}

fn read_pool(op: OperationRef) -> Result<PoolAttrs> {
    Ok(PoolAttrs {
        kernel: attrs::read_sized(op, "kernel", None)?,
        strides: attrs::read_sized(op, "strides", Some([1, 1]))?,
        pads: attrs::read_sized(op, "pads", Some([0; 4]))?,
    })
}

fn read_bits(op: OperationRef, name: &str, within: std::ops::RangeInclusive<u32>) -> Result<u32> {
    bits(attrs::read_int(op, name)?, name, within)
}

fn bits(found: i64, name: &str, within: std::ops::RangeInclusive<u32>) -> Result<u32> {
    let (least, most) = (within.start(), within.end());
    u32::try_from(found).ok().filter(|bits| within.contains(bits)).ok_or_else(|| {
        Error::new(format!("{name}: expected a number of bits in {least}..={most}, found {found}"))
    })
}

fn read_norm(op: OperationRef) -> Result<NormAttrs> {
    let mean = match attrs::opt_i64s(op, "mean")?.as_deref() {
        None => None,
        Some(&[multiplier, shift]) => Some((multiplier, bits(shift, "mean", 1..=62)?)),
        Some(other) => {
            return Err(Error::new(format!(
                "mean: expected multiplier and shift, found {} values",
                other.len()
            )));
        }
    };
    Ok(NormAttrs {
        mean,
        fraction: read_bits(op, "fraction", 0..=16)?,
        epsilon: attrs::read_int(op, "epsilon")?,
        exponent: read_bits(op, "exponent", 0..=24)?,
        shift: read_bits(op, "shift", 1..=62)?,
    })
}

fn read_requantize(op: OperationRef) -> Result<RequantizeAttrs> {
    let fail = |message: String| Error::new(message);
    let clamp = attrs::read_i64s(op, "clamp")?;
    let &[min, max] = clamp.as_slice() else {
        return Err(fail(format!("clamp: expected 2 values, least and greatest, found {}", clamp.len())));
    };
    let shift = read_bits(op, "shift", 0..=62)?;
    let multipliers = attrs::read_lists(op, "multipliers")?;
    let bias = attrs::opt_i64s(op, "bias")?.unwrap_or_default();
    Ok(RequantizeAttrs {
        multipliers,
        axis: attrs::opt_usize(op, "axis")?.unwrap_or(0),
        bias,
        shift,
        min,
        max,
    })
}

/// The type of an op's first result.
///
/// # Errors
/// When the op has no result or it is no static tensor.
pub fn result_type(op: OperationRef) -> Result<TensorType> {
    types::of(func::first_result(op)?).map_err(|error| error.or_at(op.location()))
}

/// Replaces the permutation of a transpose.
pub(crate) fn set_perm(op: OperationRef, perm: &[usize]) {
    attrs::set(op, "perm", attrs::usizes(context_of(op.location()), perm));
}

macro_rules! builders {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) = $op:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// When operands and attributes do not fit together.
        pub fn $name<'c>(location: Location<'c>, $($arg: $ty),*) -> Result<Operation<'c>> {
            $op.build(location)
        }
    )*};
}

builders! {
    /// `qnn.quantize`
    fn quantize(x: Value<'c, '_>, to: &Quant) = QnnOp::Quantize { x, to: to.clone() };
    /// `qnn.conv`
    fn conv(x: Value<'c, '_>, w: Value<'c, '_>, bias: Option<Value<'c, '_>>, attrs: &ConvAttrs)
        = QnnOp::Conv { x, w, bias, attrs: attrs.clone() };
    /// `qnn.linear`
    fn linear(x: Value<'c, '_>, w: Value<'c, '_>, bias: Option<Value<'c, '_>>) = QnnOp::Linear { x, w, bias };
    /// `qnn.matmul`
    fn matmul(a: Value<'c, '_>, b: Value<'c, '_>) = QnnOp::MatMul { a, b };
    /// `qnn.requantize`
    fn requantize(xs: &[Value<'c, '_>], attrs: &RequantizeAttrs, to: &Quant)
        = QnnOp::Requantize { xs: xs.to_vec(), attrs: attrs.clone(), to: to.clone() };
    /// `qnn.mul`
    fn mul(a: Value<'c, '_>, b: Value<'c, '_>) = QnnOp::Mul { a, b };
    /// `qnn.sum_pool`
    fn sum_pool(x: Value<'c, '_>, attrs: &PoolAttrs) = QnnOp::SumPool { x, attrs: attrs.clone() };
    /// `qnn.max_pool`
    fn max_pool(x: Value<'c, '_>, attrs: &PoolAttrs) = QnnOp::MaxPool { x, attrs: attrs.clone() };
    /// `qnn.relu`
    fn relu(x: Value<'c, '_>) = QnnOp::Relu { x };
    /// `qnn.lookup` with keys from `first` on
    fn lookup(x: Value<'c, '_>, table: Value<'c, '_>, first: i64) = QnnOp::Lookup { x, table, first };
    /// `qnn.embedding`
    fn embedding(table: Value<'c, '_>, ids: Value<'c, '_>) = QnnOp::Embedding { table, ids };
    /// `qnn.argmax`
    fn argmax(x: Value<'c, '_>) = QnnOp::ArgMax { x };
    /// `qnn.reshape`
    fn reshape(x: Value<'c, '_>, shape: &[usize]) = QnnOp::Reshape { x, shape: shape.to_vec() };
    /// `qnn.transpose`
    fn transpose(x: Value<'c, '_>, perm: &[usize]) = QnnOp::Transpose { x, perm: perm.to_vec() };
    /// `qnn.concat`
    fn concat(xs: &[Value<'c, '_>], axis: usize) = QnnOp::Concat { xs: xs.to_vec(), axis };
    /// `qnn.pad`
    fn pad(x: Value<'c, '_>, low: &[usize], high: &[usize])
        = QnnOp::Pad { x, low: low.to_vec(), high: high.to_vec() };
    /// `qnn.slice`
    fn slice(x: Value<'c, '_>, starts: &[usize], sizes: &[usize], strides: &[usize])
        = QnnOp::Slice { x, starts: starts.to_vec(), sizes: sizes.to_vec(), strides: strides.to_vec() };
}

/// `qnn.dequantize`
///
/// # Errors
/// When the operand is not quantized.
pub fn dequantize<'c>(location: Location<'c>, x: Value<'c, '_>) -> Result<Operation<'c>> {
    let from = types::of(x)?.quantization().map_err(|error| error.or_at(location))?.clone();
    QnnOp::Dequantize { x, from }.build(location)
}
