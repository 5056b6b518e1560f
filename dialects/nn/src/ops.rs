//! The ops of the nn dialect as Rust values: one enum, which reads and builds them.
//!
//! Invariants:
//! - This is the only file that spells an op's name or an attribute's name of this dialect.
//! - Builders infer result types by [`tessera_mlir::shape`], and verifiers check against the same functions.

use melior::ir::{
    Location, Operation, OperationRef, Value,
    operation::{OperationBuilder, OperationLike},
};
use tessera_mlir::{
    Error, Result, attrs, context_of, func,
    functions::Map,
    op::op_name,
    shape,
    types::{self, Elem, F64, TensorType},
};

/// The element type of indices.
pub const INDEX: Elem = Elem::Int(64);

pub use tessera_mlir::shape::{ConvAttrs, PoolAttrs};

/// An elementwise op of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
}

/// An op of the dialect over operands `V`: values of the IR, indices of a graph, arrays of an interpreter. Operands come
/// first, attributes as they mean.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "fields are named as in the op's documentation")]
pub enum NnOp<V> {
    /// `nn.conv`
    Conv { x: V, w: V, bias: Option<V>, attrs: ConvAttrs },
    /// `nn.linear`
    Linear { x: V, w: V, bias: Option<V> },
    /// `nn.matmul`
    MatMul { a: V, b: V },
    /// `nn.map`, spelled `nn.relu` where the function is max(x, 0)
    Map { x: V, f: Map },
    /// `nn.add`, `nn.sub`, `nn.mul`
    Binary { kind: Binary, a: V, b: V },
    /// `nn.max_pool`
    MaxPool { x: V, attrs: PoolAttrs },
    /// `nn.avg_pool`
    AvgPool { x: V, attrs: PoolAttrs, count_include_pad: bool },
    /// `nn.softmax`
    Softmax { x: V, mask: Option<V> },
    /// `nn.norm`
    Norm { x: V, centred: bool, epsilon: F64 },
    /// `nn.embedding`
    Embedding { table: V, ids: V },
    /// `nn.argmax`
    ArgMax { x: V },
    /// `nn.reshape`
    Reshape { x: V, shape: Vec<usize> },
    /// `nn.transpose`
    Transpose { x: V, perm: Vec<usize> },
    /// `nn.concat`
    Concat { xs: Vec<V>, axis: usize },
    /// `nn.pad`
    Pad { x: V, low: Vec<usize>, high: Vec<usize>, value: F64 },
    /// `nn.slice`
    Slice { x: V, starts: Vec<usize>, sizes: Vec<usize>, strides: Vec<usize> },
}

tessera_mlir::operand_methods!(NnOp);

impl<V> NnOp<V> {
    /// The same op over other operands, taken in the order of the IR.
    ///
    /// # Errors
    /// The first that `f` gives.
    pub fn try_map<U, E>(&self, mut f: impl FnMut(&V) -> Result<U, E>) -> Result<NnOp<U>, E> {
        Ok(match self {
            Self::Conv { x, w, bias, attrs } => {
                let (x, w, bias) = (f(x)?, f(w)?, bias.as_ref().map(f).transpose()?);
                NnOp::Conv { x, w, bias, attrs: attrs.clone() }
            }
            Self::Linear { x, w, bias } => {
                NnOp::Linear { x: f(x)?, w: f(w)?, bias: bias.as_ref().map(f).transpose()? }
            }
            Self::MatMul { a, b } => NnOp::MatMul { a: f(a)?, b: f(b)? },
            Self::Map { x, f: function } => NnOp::Map { x: f(x)?, f: function.clone() },
            Self::Binary { kind, a, b } => NnOp::Binary { kind: *kind, a: f(a)?, b: f(b)? },
            Self::MaxPool { x, attrs } => NnOp::MaxPool { x: f(x)?, attrs: attrs.clone() },
            Self::AvgPool { x, attrs, count_include_pad } => {
                NnOp::AvgPool { x: f(x)?, attrs: attrs.clone(), count_include_pad: *count_include_pad }
            }
            Self::Softmax { x, mask } => NnOp::Softmax { x: f(x)?, mask: mask.as_ref().map(f).transpose()? },
            Self::Norm { x, centred, epsilon } => {
                NnOp::Norm { x: f(x)?, centred: *centred, epsilon: *epsilon }
            }
            Self::Embedding { table, ids } => NnOp::Embedding { table: f(table)?, ids: f(ids)? },
            Self::ArgMax { x } => NnOp::ArgMax { x: f(x)? },
            Self::Reshape { x, shape } => NnOp::Reshape { x: f(x)?, shape: shape.clone() },
            Self::Transpose { x, perm } => NnOp::Transpose { x: f(x)?, perm: perm.clone() },
            Self::Concat { xs, axis } => {
                NnOp::Concat { xs: xs.iter().map(f).collect::<Result<_, E>>()?, axis: *axis }
            }
            Self::Pad { x, low, high, value } => {
                NnOp::Pad { x: f(x)?, low: low.clone(), high: high.clone(), value: *value }
            }
            Self::Slice { x, starts, sizes, strides } => NnOp::Slice {
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
        let of = |value: &V| match type_of(value)? {
            TensorType { shape, elem: Elem::F32 } => Ok(shape),
            other => Err(Error::new(format!("expected elements of type f32, found {:?}", other.elem))),
        };
        let bias = |value: &Option<V>| value.as_ref().map(&of).transpose();
        let indices = |value: &V| match type_of(value)? {
            TensorType { shape, elem: INDEX } => Ok(shape),
            other => Err(Error::new(format!("ids: expected elements of type i64, found {:?}", other.elem))),
        };
        let shape = match self {
            Self::Conv { x, w, bias: b, attrs } => shape::conv(&of(x)?, &of(w)?, bias(b)?.as_deref(), attrs),
            Self::Linear { x, w, bias: b } => shape::linear(&of(x)?, &of(w)?, bias(b)?.as_deref()),
            Self::MatMul { a, b } => shape::matmul(&of(a)?, &of(b)?),
            Self::Map { x, .. } => of(x),
            Self::Binary { a, b, .. } => shape::broadcast(&of(a)?, &of(b)?),
            Self::MaxPool { x, attrs } | Self::AvgPool { x, attrs, .. } => shape::pool(&of(x)?, attrs),
            Self::Softmax { x, mask } => shape::softmax(&of(x)?, bias(mask)?.as_deref()),
            Self::Norm { x, .. } => shape::last_axis(&of(x)?).map(|(rows, n)| [rows, &[n]].concat()),
            Self::Embedding { table, ids } => shape::embedding(&of(table)?, &indices(ids)?),
            Self::ArgMax { x } => {
                let shape = shape::last_axis(&of(x)?).map(|(rows, _)| rows.to_vec())?;
                return Ok(TensorType { shape, elem: INDEX });
            }
            Self::Reshape { x, shape } => {
                let TensorType { shape: from, elem } = type_of(x)?;
                return Ok(TensorType { shape: shape::reshape(&from, shape)?, elem });
            }
            Self::Transpose { x, perm } => shape::transpose(&of(x)?, perm),
            Self::Concat { xs, axis } => {
                let shapes = xs.iter().map(of).collect::<Result<Vec<_>>>()?;
                shape::concat(&shapes.iter().map(Vec::as_slice).collect::<Vec<_>>(), *axis)
            }
            Self::Pad { x, low, high, .. } => shape::pad(&of(x)?, low, high),
            Self::Slice { x, starts, sizes, strides } => shape::slice(&of(x)?, starts, sizes, strides),
        };
        shape.map(TensorType::f32)
    }

    /// The full name of the op, such as `nn.conv`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv { .. } => "nn.conv",
            Self::Linear { .. } => "nn.linear",
            Self::MatMul { .. } => "nn.matmul",
            Self::Map { f, .. } if *f == Map::relu() => "nn.relu",
            Self::Map { .. } => "nn.map",
            Self::Binary { kind: Binary::Add, .. } => "nn.add",
            Self::Binary { kind: Binary::Sub, .. } => "nn.sub",
            Self::Binary { kind: Binary::Mul, .. } => "nn.mul",
            Self::MaxPool { .. } => "nn.max_pool",
            Self::AvgPool { .. } => "nn.avg_pool",
            Self::Softmax { .. } => "nn.softmax",
            Self::Norm { .. } => "nn.norm",
            Self::Embedding { .. } => "nn.embedding",
            Self::ArgMax { .. } => "nn.argmax",
            Self::Reshape { .. } => "nn.reshape",
            Self::Transpose { .. } => "nn.transpose",
            Self::Concat { .. } => "nn.concat",
            Self::Pad { .. } => "nn.pad",
            Self::Slice { .. } => "nn.slice",
        }
    }
}

impl<'c, 'a> NnOp<Value<'c, 'a>> {
    /// Reads an op; `None` for ops of other dialects.
    ///
    /// # Errors
    /// When it is an op of this dialect that does not decode.
    pub fn decode(op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        let name = op_name(op);
        let Some(mnemonic) = name.strip_prefix("nn.") else { return Ok(None) };
        let operand = |index: usize| func::need_operand(op, index);
        let x = || operand(0);
        Ok(Some(match mnemonic {
            "conv" => {
                Self::Conv { x: x()?, w: operand(1)?, bias: func::operand(op, 2), attrs: read_conv(op)? }
            }
            "linear" => Self::Linear { x: x()?, w: operand(1)?, bias: func::operand(op, 2) },
            "matmul" => Self::MatMul { a: x()?, b: operand(1)? },
            "map" => Self::Map { x: x()?, f: read_function(op)? },
            "relu" => Self::Map { x: x()?, f: Map::relu() },
            "add" => Self::Binary { kind: Binary::Add, a: x()?, b: operand(1)? },
            "sub" => Self::Binary { kind: Binary::Sub, a: x()?, b: operand(1)? },
            "mul" => Self::Binary { kind: Binary::Mul, a: x()?, b: operand(1)? },
            "max_pool" => Self::MaxPool { x: x()?, attrs: read_pool(op)? },
            "avg_pool" => Self::AvgPool {
                x: x()?,
                attrs: read_pool(op)?,
                count_include_pad: attrs::opt_bool(op, "count_include_pad")?.unwrap_or(false),
            },
            "softmax" => Self::Softmax { x: x()?, mask: func::operand(op, 1) },
            "norm" => Self::Norm {
                x: x()?,
                centred: op.has_attribute("centred"),
                epsilon: F64(attrs::read_f64(op, "epsilon")?),
            },
            "embedding" => Self::Embedding { table: x()?, ids: operand(1)? },
            "argmax" => Self::ArgMax { x: x()? },
            "reshape" => Self::Reshape { x: x()?, shape: result_type(op)?.shape },
            "transpose" => Self::Transpose { x: x()?, perm: attrs::read_usizes(op, "perm")? },
            "concat" => Self::Concat { xs: op.operands().collect(), axis: attrs::read_usize(op, "axis")? },
            "pad" => Self::Pad {
                x: x()?,
                low: attrs::read_usizes(op, "low")?,
                high: attrs::read_usizes(op, "high")?,
                value: F64(attrs::opt_f32(op, "value")?.unwrap_or(0.0).into()),
            },
            "slice" => Self::Slice {
                x: x()?,
                starts: attrs::read_usizes(op, "starts")?,
                sizes: attrs::read_usizes(op, "sizes")?,
                strides: attrs::read_usizes(op, "strides")?,
            },
            _ => return Err(Error::at(op.location(), format!("'{name}' is not an op of the nn dialect"))),
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
        let mut usizes = |name: &str, values: &[usize]| {
            attributes.push(attrs::named(context, name, attrs::usizes(context, values)));
        };
        match self {
            Self::Conv { attrs, .. } => {
                usizes("strides", &attrs.strides);
                usizes("pads", &attrs.pads);
                usizes("dilations", &attrs.dilations);
                attributes.push(attrs::named(context, "groups", attrs::int(context, attrs.groups as i64)));
            }
            Self::MaxPool { attrs, .. } => pool_attributes(attrs, usizes),
            Self::AvgPool { attrs, count_include_pad, .. } => {
                pool_attributes(attrs, usizes);
                attributes.push(attrs::named(
                    context,
                    "count_include_pad",
                    attrs::boolean(context, *count_include_pad),
                ));
            }
            Self::Transpose { perm, .. } => usizes("perm", perm),
            Self::Concat { axis, .. } => {
                attributes.push(attrs::named(context, "axis", attrs::int(context, *axis as i64)));
            }
            Self::Pad { low, high, value, .. } => {
                usizes("low", low);
                usizes("high", high);
                attributes.push(attrs::named(context, "value", attrs::float32(context, value.0 as f32)));
            }
            Self::Slice { starts, sizes, strides, .. } => {
                usizes("starts", starts);
                usizes("sizes", sizes);
                usizes("strides", strides);
            }
            Self::Map { f, .. } if name == "nn.map" => {
                attributes.push(attrs::named(context, "function", attrs::string(context, f.name())));
                attributes.push(attrs::named(context, "parameters", attrs::f64s(context, &f.parameters())));
            }
            Self::Norm { centred, epsilon, .. } => {
                if *centred {
                    attributes.push(attrs::named(context, "centred", attrs::unit(context)));
                }
                attributes.push(attrs::named(context, "epsilon", attrs::float64(context, epsilon.0)));
            }
            Self::Map { .. }
            | Self::Linear { .. }
            | Self::Softmax { .. }
            | Self::Embedding { .. }
            | Self::ArgMax { .. }
            | Self::MatMul { .. }
            | Self::Binary { .. }
            | Self::Reshape { .. } => {}
        }
        Ok(OperationBuilder::new(name, location)
            .add_operands(&self.operands())
            .add_attributes(&attributes)
            .add_results(&[result.to_type(context)])
            .build()?)
    }
}

fn pool_attributes(attrs: &PoolAttrs, mut usizes: impl FnMut(&str, &[usize])) {
    usizes("kernel", &attrs.kernel);
    usizes("strides", &attrs.strides);
    usizes("pads", &attrs.pads);
}

fn read_function(op: OperationRef) -> Result<Map> {
    let (name, parameters) = (attrs::read_string(op, "function")?, attrs::opt_f64s(op, "parameters")?);
    let f = Map::named(&name, &parameters.unwrap_or_default())?;
    if f == Map::relu() { Err(Error::new("function: \"relu\" is spelled nn.relu")) } else { Ok(f) }
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

/// The shape and element type of an op's first result.
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
    /// `nn.conv`
    fn conv(x: Value<'c, '_>, w: Value<'c, '_>, bias: Option<Value<'c, '_>>, attrs: &ConvAttrs)
        = NnOp::Conv { x, w, bias, attrs: attrs.clone() };
    /// `nn.linear`
    fn linear(x: Value<'c, '_>, w: Value<'c, '_>, bias: Option<Value<'c, '_>>) = NnOp::Linear { x, w, bias };
    /// `nn.matmul`
    fn matmul(a: Value<'c, '_>, b: Value<'c, '_>) = NnOp::MatMul { a, b };
    /// `nn.relu`
    fn relu(x: Value<'c, '_>) = NnOp::Map { x, f: Map::relu() };
    /// `nn.map`
    fn map(x: Value<'c, '_>, f: &Map) = NnOp::Map { x, f: f.clone() };
    /// `nn.add`
    fn add(a: Value<'c, '_>, b: Value<'c, '_>) = NnOp::Binary { kind: Binary::Add, a, b };
    /// `nn.sub`
    fn sub(a: Value<'c, '_>, b: Value<'c, '_>) = NnOp::Binary { kind: Binary::Sub, a, b };
    /// `nn.mul`
    fn mul(a: Value<'c, '_>, b: Value<'c, '_>) = NnOp::Binary { kind: Binary::Mul, a, b };
    /// `nn.max_pool`
    fn max_pool(x: Value<'c, '_>, attrs: &PoolAttrs) = NnOp::MaxPool { x, attrs: attrs.clone() };
    /// `nn.avg_pool`
    fn avg_pool(x: Value<'c, '_>, attrs: &PoolAttrs, count_include_pad: bool)
        = NnOp::AvgPool { x, attrs: attrs.clone(), count_include_pad };
    /// `nn.softmax`
    fn softmax(x: Value<'c, '_>, mask: Option<Value<'c, '_>>) = NnOp::Softmax { x, mask };
    /// `nn.norm`
    fn norm(x: Value<'c, '_>, centred: bool, epsilon: f64) = NnOp::Norm { x, centred, epsilon: F64(epsilon) };
    /// `nn.embedding`
    fn embedding(table: Value<'c, '_>, ids: Value<'c, '_>) = NnOp::Embedding { table, ids };
    /// `nn.argmax`
    fn argmax(x: Value<'c, '_>) = NnOp::ArgMax { x };
    /// `nn.reshape`
    fn reshape(x: Value<'c, '_>, shape: &[usize]) = NnOp::Reshape { x, shape: shape.to_vec() };
    /// `nn.transpose`
    fn transpose(x: Value<'c, '_>, perm: &[usize]) = NnOp::Transpose { x, perm: perm.to_vec() };
    /// `nn.concat`
    fn concat(xs: &[Value<'c, '_>], axis: usize) = NnOp::Concat { xs: xs.to_vec(), axis };
    /// `nn.pad`
    fn pad(x: Value<'c, '_>, low: &[usize], high: &[usize], value: f32)
        = NnOp::Pad { x, low: low.to_vec(), high: high.to_vec(), value: F64(value.into()) };
    /// `nn.slice`
    fn slice(x: Value<'c, '_>, starts: &[usize], sizes: &[usize], strides: &[usize])
        = NnOp::Slice { x, starts: starts.to_vec(), sizes: sizes.to_vec(), strides: strides.to_vec() };
}
