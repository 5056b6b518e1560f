//! The nn dialect for the engine: equality of functions of real numbers, up to rounding.
//!
//! What depends on no input is known, and costs nothing: it is computed once, and becomes a parameter ([`folded`]).
//!
//! # Correctness
//! A rule changes which network is quantized, and by that what is proven: its meaning is the one that the quantized model has, and
//! `tessera eval` compares it with the network that was given.
//!
//! Invariant: arguments are classes of their own, which no rule makes.

use crate::op::{Arg, Function, Op, Price};
use crate::space::Space;
use egg::Id;
use melior::ir::{Location, Operation, OperationRef, Type, Value};
use ndarray::ArrayD;
use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Display, Formatter};
use tessera_api::TargetSpec;
use tessera_mlir::functions::Map;
use tessera_mlir::graph::{self, GraphOp, ValueId};
use tessera_mlir::params::{Param, ParamData, Params};
use tessera_mlir::shape::{self, ConvAttrs, PoolAttrs};
use tessera_mlir::types::TensorType;
use tessera_mlir::{Error, Result};
use tessera_nn::graph::NnNode;
use tessera_nn::interp;
use tessera_nn::ops::{Binary, NnOp};

/// A function of the nn dialect.
pub type Graph = graph::Graph<Form<ValueId>>;

/// What computes a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Form<V> {
    /// An argument of the function, by its number.
    Argument(usize, TensorType),
    /// A parameter, by its name.
    Parameter(String, TensorType),
    /// An op.
    Op(NnOp<V>),
}

/// The type of a value, and whether it depends on no argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// The type.
    pub ty: TensorType,
    /// Whether it depends on no argument.
    pub known: bool,
}

impl GraphOp for Form<ValueId> {
    type Type = Typed;

    fn decode<'c, 'a>(
        op: OperationRef<'c, 'a>,
        number: impl FnMut(Value<'c, 'a>) -> Result<ValueId>,
    ) -> Result<Self> {
        Ok(match NnNode::decode(op, number)? {
            NnNode::Op(op) => Form::Op(op),
            NnNode::Parameter(name, ty) => Form::Parameter(name, ty),
        })
    }

    fn build<'c, 'a>(
        &self,
        value: impl FnMut(ValueId) -> Result<Value<'c, 'a>>,
        location: Location<'c>,
    ) -> Result<Operation<'c>> {
        match self {
            Form::Argument(..) => Err(Error::new("an argument is no op")),
            Form::Parameter(name, ty) => NnNode::Parameter(name.clone(), ty.clone()).build(value, location),
            Form::Op(op) => NnNode::Op(op.clone()).build(value, location),
        }
    }

    fn read_type(ty: Type) -> Result<Typed> {
        Ok(Typed { ty: NnNode::read_type(ty)?, known: false })
    }

    fn to_type<'c>(ty: &Typed, context: &'c melior::Context) -> Result<Type<'c>> {
        NnNode::to_type(&ty.ty, context)
    }
}

/// An attribute of an op of networks.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    /// A shape, or an order of axes.
    Axes(Vec<usize>),
    /// How a convolution walks.
    Conv(ConvAttrs),
    /// How a window walks.
    Pool(PoolAttrs),
    /// A function of one number.
    Map(Map),
    /// Starts, sizes and steps of a slice.
    Slice([Vec<usize>; 3]),
}

impl Display for Attr {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Axes(axes) => write!(f, "{axes:?}"),
            Self::Conv(a) => {
                write!(
                    f,
                    "steps {:?}, pads {:?}, dilations {:?}, groups {}",
                    a.strides, a.pads, a.dilations, a.groups
                )
            }
            Self::Pool(a) => write!(f, "{:?}, steps {:?}, pads {:?}", a.kernel, a.strides, a.pads),
            Self::Map(map) => write!(f, "{}", map.name()),
            Self::Slice([starts, sizes, steps]) => {
                write!(f, "{sizes:?} from {starts:?} in steps of {steps:?}")
            }
        }
    }
}

/// What stands beside a network: the backend that is asked.
#[derive(Debug)]
pub struct Beside(pub TargetSpec);

const fn function(name: &'static str, arguments: usize, help: &'static str) -> Function {
    Function { name, arguments, help }
}

impl Op for Form<()> {
    type Type = Typed;
    type Attr = Attr;
    type Node = Form<ValueId>;
    type Env = Beside;
    type Proofs = ();

    const NAMES: &'static [&'static str] = &[
        "conv",
        "linear",
        "matmul",
        "map",
        "add",
        "sub",
        "mul",
        "max_pool",
        "avg_pool",
        "reshape",
        "transpose",
        "concat",
        "slice",
    ];

    const FUNCTIONS: &'static [Function] = &[
        function("sorted", 1, "whether an order of axes changes nothing"),
        function("permuted", 2, "the order (second) of axes that stand in an order (first)"),
        function("has_shape", 2, "whether a value (first) has this shape (second)"),
        function("shape", 1, "the shape of a value"),
        function("whole", 2, "whether a slice (first) is all of the value (second)"),
        function("within", 2, "the slice (second) of a slice (first) as one"),
        function(
            "in_part",
            4,
            "the slice (first) of values joined along an axis (second) as a slice of the one (fourth) that stands behind others (third), where it lies there",
        ),
        function(
            "elementwise",
            1,
            "whether each element of an op's result depends on the same element of its operands alone",
        ),
        function("same_shape", 2, "whether two values have one shape"),
        function("nondecreasing", 1, "whether a function of one number never falls"),
        function(
            "pointwise",
            2,
            "whether a convolution (first) with these weights (second) reads one position for each",
        ),
        function(
            "counts_no_pads",
            2,
            "whether means over windows (first) are of what is there, or nothing is added around; the second says that what is added counts",
        ),
        function("swaps_last", 1, "whether an order of axes swaps the last two"),
        function("last_axis", 1, "the number of a value's last axis"),
        function(
            "rows_of",
            4,
            "the slice of a linear layer of a value (first) with two weights (second and third) joined that is the one with this number (fourth)",
        ),
        function("known", 1, "whether a value depends on no input"),
    ];

    fn of(_: &Beside, node: &Form<ValueId>) -> (Self, Vec<ValueId>) {
        match node {
            Form::Argument(index, ty) => (Form::Argument(*index, ty.clone()), vec![]),
            Form::Parameter(name, ty) => (Form::Parameter(name.clone(), ty.clone()), vec![]),
            Form::Op(op) => (Form::Op(op.map(|_| ())), op.operands()),
        }
    }

    fn on(&self, _: &Beside, operands: &[(ValueId, Typed)]) -> Result<Form<ValueId>> {
        Ok(match self {
            Form::Argument(index, ty) => Form::Argument(*index, ty.clone()),
            Form::Parameter(name, ty) => Form::Parameter(name.clone(), ty.clone()),
            Form::Op(op) => {
                let mut values = operands.iter().map(|(value, _)| *value);
                Form::Op(op.try_map(|()| values.next().ok_or_else(too_few))?)
            }
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Form::Argument(..) => "argument",
            Form::Parameter(..) => "parameter",
            Form::Op(NnOp::Map { .. }) => "map",
            Form::Op(op) => op.name().trim_start_matches("nn."),
        }
    }

    fn label(&self) -> String {
        match self {
            Form::Argument(index, _) => index.to_string(),
            Form::Parameter(name, _) => format!("@{name}"),
            Form::Op(_) => String::new(),
        }
    }

    fn show_type(ty: &Typed) -> String {
        format!("{}{}", shape::show(&ty.ty.shape), if ty.known { ", known" } else { "" })
    }

    fn attributes(&self) -> Vec<Arg<Self>> {
        let axes = |axes: &[usize]| vec![Arg::Attr(Attr::Axes(axes.to_vec()))];
        let Form::Op(op) = self else { return vec![] };
        match op {
            NnOp::Conv { attrs, .. } => vec![Arg::Attr(Attr::Conv(attrs.clone()))],
            NnOp::Map { f, .. } => vec![Arg::Attr(Attr::Map(f.clone()))],
            NnOp::MaxPool { attrs, .. } => vec![Arg::Attr(Attr::Pool(attrs.clone()))],
            NnOp::AvgPool { attrs, count_include_pad, .. } => {
                vec![Arg::Attr(Attr::Pool(attrs.clone())), Arg::Int((*count_include_pad).into())]
            }
            NnOp::Reshape { shape, .. } => axes(shape),
            NnOp::Transpose { perm, .. } => axes(perm),
            NnOp::Concat { axis, .. } => vec![Arg::Int(*axis as i64)],
            NnOp::Slice { starts, sizes, strides, .. } => {
                vec![Arg::Attr(Attr::Slice([starts.clone(), sizes.clone(), strides.clone()]))]
            }
            _ => vec![],
        }
    }

    fn make(_: &Beside, name: &str, attributes: &[Arg<Self>], operands: usize) -> Option<Self> {
        let bias = |with: usize| (operands == with).then_some(());
        let binary = |kind| NnOp::Binary { kind, a: (), b: () };
        Some(Form::Op(match (name, attributes, operands) {
            ("conv", [Arg::Attr(Attr::Conv(attrs))], 2 | 3) => {
                NnOp::Conv { x: (), w: (), bias: bias(3), attrs: attrs.clone() }
            }
            ("linear", [], 2 | 3) => NnOp::Linear { x: (), w: (), bias: bias(3) },
            ("matmul", [], 2) => NnOp::MatMul { a: (), b: () },
            ("map", [Arg::Attr(Attr::Map(f))], 1) => NnOp::Map { x: (), f: f.clone() },
            ("add", [], 2) => binary(Binary::Add),
            ("sub", [], 2) => binary(Binary::Sub),
            ("mul", [], 2) => binary(Binary::Mul),
            ("max_pool", [Arg::Attr(Attr::Pool(attrs))], 1) => NnOp::MaxPool { x: (), attrs: attrs.clone() },
            ("avg_pool", [Arg::Attr(Attr::Pool(attrs)), Arg::Int(counted)], 1) => {
                NnOp::AvgPool { x: (), attrs: attrs.clone(), count_include_pad: *counted != 0 }
            }
            ("reshape", [Arg::Attr(Attr::Axes(shape))], 1) => NnOp::Reshape { x: (), shape: shape.clone() },
            ("transpose", [Arg::Attr(Attr::Axes(perm))], 1) => NnOp::Transpose { x: (), perm: perm.clone() },
            ("concat", [Arg::Int(axis)], 1..) => {
                NnOp::Concat { xs: vec![(); operands], axis: usize::try_from(*axis).ok()? }
            }
            ("slice", [Arg::Attr(Attr::Slice([starts, sizes, strides]))], 1) => {
                NnOp::Slice { x: (), starts: starts.clone(), sizes: sizes.clone(), strides: strides.clone() }
            }
            _ => return None,
        }))
    }

    fn infer(&self, _: &Beside, operands: &[(Id, Typed)]) -> Result<Vec<Typed>> {
        Ok(vec![match self {
            Form::Argument(_, ty) => Typed { ty: ty.clone(), known: false },
            Form::Parameter(_, ty) => Typed { ty: ty.clone(), known: true },
            Form::Op(op) => {
                let mut all = operands.iter().map(|(_, ty)| &ty.ty);
                let op = op.try_map(|()| all.next().ok_or_else(too_few))?;
                let ty = op.infer(|ty| Ok((*ty).clone()))?;
                Typed { ty, known: operands.iter().all(|(_, ty)| ty.known) }
            }
        }])
    }

    fn meet(a: &Typed, b: &Typed) -> Option<Typed> {
        (a.ty == b.ty).then(|| Typed { ty: a.ty.clone(), known: a.known || b.known })
    }

    fn proofs(_: &Beside) {}

    fn declare(
        (): &mut (),
        _: &Beside,
        _: &Form<ValueId>,
        _: &[ValueId],
        inferred: Vec<Typed>,
    ) -> Result<Vec<Typed>> {
        Ok(inferred)
    }

    fn stays(&self) -> bool {
        false
    }

    fn argument(index: usize, ty: &Typed) -> Option<Self> {
        Some(Form::Argument(index, ty.ty.clone()))
    }

    fn is_argument(&self) -> Option<usize> {
        match self {
            Form::Argument(index, _) => Some(*index),
            _ => None,
        }
    }

    /// By the forms that ops have once they are quantized: what is summed is read from cells of its own, and what is rounded takes two lookups
    /// and three cells.
    fn price(&self, env: &Beside, operands: &[Typed], results: &[Typed]) -> Price {
        let prices = &env.0.prices;
        let elements = |ty: Option<&Typed>| ty.map_or(0.0, |ty| ty.ty.shape.iter().product::<usize>() as f64);
        let (Form::Op(op), Some(result)) = (self, results.first()) else { return Price::default() };
        if result.known {
            return Price::default();
        }
        let (x, w, y) = (elements(operands.first()), operands.get(1), elements(Some(result)));
        let lookup = prices.lookup + prices.extension_cell / 2.0;
        let rounded = 2.0 * lookup + 3.0 * prices.witness_cell;
        let read = |ty: Option<&Typed>| {
            let cell = if ty.is_some_and(|ty| ty.known) { prices.summed_cell } else { prices.witness_cell };
            cell * elements(ty)
        };
        let own = match op {
            NnOp::Conv { .. } | NnOp::Linear { .. } | NnOp::MatMul { .. } => {
                read(operands.first()) + read(w) + rounded * y
            }
            NnOp::AvgPool { .. } => prices.witness_cell * x + rounded * y,
            NnOp::MaxPool { .. } => (prices.witness_cell + lookup) * x,
            // part of the lookup that rounds what it reads
            NnOp::Map { f, .. } if f.clamp().is_some() => 0.001 * y,
            NnOp::Map { .. } => (prices.witness_cell + lookup) * y,
            NnOp::Binary { .. } => rounded * y,
            // where things stand costs next to nothing, but more than nothing
            NnOp::Reshape { .. }
            | NnOp::Transpose { .. }
            | NnOp::Concat { .. }
            | NnOp::Slice { .. }
            | NnOp::Pad { .. } => 0.001 * y,
            NnOp::Softmax { .. } | NnOp::Norm { .. } | NnOp::Embedding { .. } | NnOp::ArgMax { .. } => {
                4.0 * rounded * (x + y)
            }
        };
        Price { own: (own * 1000.0).round() as u64, shared: vec![] }
    }

    fn call(space: &Space<Self>, function: &str, arguments: &[Arg<Self>]) -> Option<Arg<Self>> {
        call(space, function, arguments)
    }
}

fn too_few() -> Error {
    Error::new("expected more operands")
}

type Given = Arg<Form<()>>;

fn call(space: &Space<Form<()>>, function: &str, arguments: &[Given]) -> Option<Given> {
    let of = |class: &Id| space.ty(*class).map(|ty| &ty.ty.shape);
    let yes = |holds: bool| Some(Arg::Bool(holds));
    let axes = |axes: Vec<usize>| Some(Arg::Attr(Attr::Axes(axes)));
    match (function, arguments) {
        ("sorted", [Arg::Attr(Attr::Axes(perm))]) => yes(perm.iter().copied().eq(0..perm.len())),
        ("permuted", [Arg::Attr(Attr::Axes(first)), Arg::Attr(Attr::Axes(then))]) => {
            axes(then.iter().map(|&axis| first.get(axis).copied()).collect::<Option<_>>()?)
        }
        ("has_shape", [Arg::Class(x), Arg::Attr(Attr::Axes(shape))]) => yes(of(x)? == shape),
        ("shape", [Arg::Class(x)]) => axes(of(x)?.clone()),
        ("whole", [Arg::Attr(Attr::Slice([_, sizes, _])), Arg::Class(x)]) => yes(sizes == of(x)?),
        (
            "within",
            [Arg::Attr(Attr::Slice([first, _, first_steps])), Arg::Attr(Attr::Slice([then, sizes, steps]))],
        ) if first.len() == then.len() => {
            let each =
                (0..first.len()).map(|i| (first[i] + then[i] * first_steps[i], first_steps[i] * steps[i]));
            let (starts, steps) = each.unzip();
            Some(Arg::Attr(Attr::Slice([starts, sizes.clone(), steps])))
        }
        (
            "in_part",
            [
                Arg::Attr(Attr::Slice([starts, sizes, steps])),
                Arg::Int(axis),
                Arg::Classes(before),
                Arg::Class(part),
            ],
        ) => {
            let axis = usize::try_from(*axis).ok()?;
            let from: usize =
                before.iter().map(|class| of(class)?.get(axis).copied()).sum::<Option<usize>>()?;
            let extent = *of(part)?.get(axis)?;
            let (start, size, step) = (*starts.get(axis)?, *sizes.get(axis)?, *steps.get(axis)?);
            let last = start + (size.max(1) - 1) * step;
            let inside = size > 0 && start >= from && last < from + extent;
            let mut starts = starts.clone();
            starts[axis] = start.checked_sub(from)?;
            inside.then(|| Arg::Attr(Attr::Slice([starts, sizes.clone(), steps.clone()])))
        }
        ("elementwise", [Arg::Op(op, _)]) => {
            yes(matches!(space.op(*op), Form::Op(NnOp::Map { .. } | NnOp::Binary { .. })))
        }
        ("same_shape", [Arg::Class(x), Arg::Class(y)]) => yes(of(x)? == of(y)?),
        ("nondecreasing", [Arg::Attr(Attr::Map(f))]) => yes(f.clamp().is_some()),
        ("pointwise", [Arg::Attr(Attr::Conv(attrs)), Arg::Class(w)]) => {
            let one = of(w)?.get(2..)? == [1, 1];
            yes(one && attrs.strides == [1, 1] && attrs.pads == [0; 4])
        }
        ("counts_no_pads", [Arg::Attr(Attr::Pool(attrs)), Arg::Int(counted)]) => {
            yes(*counted == 0 || attrs.pads == [0; 4])
        }
        ("swaps_last", [Arg::Attr(Attr::Axes(perm))]) => {
            let rank = perm.len();
            let swapped = |axis: usize| if axis + 2 == rank { rank - 1 } else { rank - 2 };
            yes(rank >= 2 && (0..rank).all(|i| perm[i] == if i + 2 < rank { i } else { swapped(i) }))
        }
        ("last_axis", [Arg::Class(x)]) => Some(Arg::Int(of(x)?.len().checked_sub(1)? as i64)),
        ("rows_of", [Arg::Class(x), Arg::Class(v), Arg::Class(w), Arg::Int(which)]) => {
            let (first, second) = (*of(v)?.first()?, *of(w)?.first()?);
            let (start, size) = if *which == 0 { (0, first) } else { (first, second) };
            let mut sizes = of(x)?.clone();
            *sizes.last_mut()? = size;
            let mut starts = vec![0; sizes.len()];
            *starts.last_mut()? = start;
            let steps = vec![1; sizes.len()];
            Some(Arg::Attr(Attr::Slice([starts, sizes, steps])))
        }
        ("known", [Arg::Class(x)]) => yes(space.ty(*x)?.known),
        _ => None,
    }
}

/// A network in which whatever depends on no argument is a parameter, and its parameters.
///
/// # Errors
/// When a parameter is missing or is not of numbers, or an op does not fit.
pub fn folded(graph: &Graph, params: &Params) -> Result<(Graph, Params)> {
    let mut params = params.clone();
    let mut names: HashMap<ValueId, (String, Vec<usize>)> = HashMap::new();
    let mut out = graph.clone();
    for node in &mut out.ops {
        let [result] = node.results[..] else { continue };
        let at = |error: Error| error.or_in(&node.place);
        match &node.op {
            Form::Argument(..) => {}
            Form::Parameter(name, ty) => {
                names.insert(result, (name.clone(), ty.shape.clone()));
            }
            Form::Op(op) => {
                let operands: Option<Vec<_>> = op.operands().iter().map(|x| names.get(x)).collect();
                let Some(operands) = operands else { continue };
                let arrays = operands
                    .into_iter()
                    .map(|(name, shape)| {
                        let data = params.get(name)?.data.f32s()?.to_vec();
                        ArrayD::from_shape_vec(shape.clone(), data).map_err(|e| Error::new(e.to_string()))
                    })
                    .collect::<Result<Vec<ArrayD<f32>>>>()
                    .map_err(at)?;
                let mut operands = arrays.iter();
                let on = op.try_map(|_| operands.next().ok_or_else(too_few))?;
                let array = interp::compute(&on).map_err(at)?;
                let shape = array.shape().to_vec();
                let values: Vec<f32> = array.iter().copied().collect();
                let name = (0..).map(|i| format!("equal.{i}")).find(|name| !params.0.contains_key(name));
                let name = name.unwrap_or_default();
                params.insert(name.as_str(), Param::new(shape.clone(), ParamData::F32(values.into()))?);
                names.insert(result, (name.clone(), shape));
                node.op = Form::Parameter(name, graph.values[result].ty.clone());
            }
        }
    }
    // what nothing reads any more
    let mut read: BTreeSet<ValueId> = out.returns.iter().copied().collect();
    for node in out.ops.iter().rev() {
        if let Form::Op(op) = &node.op
            && node.results.iter().any(|result| read.contains(result))
        {
            read.extend(op.operands());
        }
    }
    out.ops.retain(|node| node.results.iter().any(|result| read.contains(result)));
    let names: BTreeSet<&str> = out
        .ops
        .iter()
        .filter_map(|node| match &node.op {
            Form::Parameter(name, _) => Some(&name[..]),
            _ => None,
        })
        .collect();
    params.0.retain(|name, _| names.contains(&name[..]));
    Ok((out, params))
}
