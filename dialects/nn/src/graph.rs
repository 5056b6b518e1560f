//! A model as plain data: a function of `nn` ops and reads of parameters as a graph.

use crate::NnOp;
use melior::{
    Context,
    ir::{Location, Operation, OperationRef, Type, Value},
};
use tessera_mlir::{
    Error, Result, context_of, func,
    graph::{self, GraphOp, ValueId},
    op::op_name,
    types::{self, TensorType},
};

/// A function of the nn dialect as plain data.
pub type Graph = graph::Graph<NnNode<ValueId>>;

/// What stands in a function of the nn dialect.
#[derive(Clone, Debug, PartialEq)]
pub enum NnNode<V> {
    /// An op of the dialect.
    Op(NnOp<V>),
    /// A read of a parameter: its name and its type.
    Parameter(String, TensorType),
}

impl GraphOp for NnNode<ValueId> {
    type Type = TensorType;

    fn decode<'c, 'a>(
        op: OperationRef<'c, 'a>,
        mut number: impl FnMut(Value<'c, 'a>) -> Result<ValueId>,
    ) -> Result<Self> {
        if let Some(name) = func::loaded_global(op) {
            return Ok(Self::Parameter(name, types::of(func::first_result(op)?)?));
        }
        match NnOp::decode(op)? {
            Some(decoded) => Ok(Self::Op(decoded.try_map(|&x| number(x))?)),
            None => Err(Error::new(format!("expected ops of the nn dialect only, found {}", op_name(op)))),
        }
    }

    fn build<'c, 'a>(
        &self,
        mut value: impl FnMut(ValueId) -> Result<Value<'c, 'a>>,
        location: Location<'c>,
    ) -> Result<Operation<'c>> {
        match self {
            Self::Op(op) => op.try_map(|&x| value(x))?.build(location),
            Self::Parameter(name, ty) => {
                func::load_global(location, name, Self::to_type(ty, context_of(location))?)
            }
        }
    }

    fn read_type(ty: Type) -> Result<TensorType> {
        types::read(ty)
    }

    fn to_type<'c>(ty: &TensorType, context: &'c Context) -> Result<Type<'c>> {
        Ok(types::tensor(context, &ty.shape, &ty.elem))
    }
}
