//! A whole circuit as plain data: `@main` as a graph, the tables that it looks up, and what is known at setup.
//!
//! Invariants: a circuit has no arguments, so every value is the result of an op; `known` has every element of the result of each
//! weight and constant, within its declared interval.

use crate::interp::spread;
use crate::ops::{CircuitOp, CircuitType, tables};
use crate::publish;
use crate::semantics::TableFunction;
use melior::{
    Context,
    ir::{Location, Operation, OperationRef, Type, Value, operation::OperationLike},
};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tessera_mlir::{
    Error, Result,
    func::Func,
    graph::{self, GraphOp},
    op::op_name,
    params::{Param, Params},
    shape,
};

pub use tessera_mlir::graph::{Node, ValueId};

/// The ops of a circuit as plain data.
pub type Graph = graph::Graph<CircuitOp<ValueId>>;

/// A circuit: its graph, with what stands beside it in the module.
#[derive(Clone, Debug, Default)]
pub struct Circuit {
    /// What `@main` says.
    pub graph: Graph,
    /// Lookup tables by symbol.
    pub tables: BTreeMap<String, TableFunction>,
    /// The elements of the values that weights and constants define, as they are stored.
    pub known: BTreeMap<ValueId, Arc<Param>>,
}

impl Circuit {
    /// Reads the circuit of a module.
    ///
    /// # Errors
    /// When something in it is not of a circuit, or a parameter is missing or does not fit its declaration.
    pub fn read(module: OperationRef, params: &Params) -> Result<Self> {
        let main = Func::main(module)?;
        let graph = Graph::read(main)?;
        if graph.arguments > 0 {
            return Err(Error::at(
                main.op.location(),
                "expected a circuit without arguments; its inputs are circuit.input",
            ));
        }
        let mut known = BTreeMap::new();
        for (node, op) in graph.ops.iter().zip(main.ops()) {
            let values = if let CircuitOp::Weight { global, ty, .. } = &node.op {
                params.shared(global).and_then(|param| {
                    within(param.clone(), ty).map_err(|e| e.context(format!("parameter @{global}")))
                })
            } else if let CircuitOp::Constant { values, ty } = &node.op {
                spread(values.clone(), ty.len())
                    .and_then(|values| publish::param(&ty.shape, &values))
                    .and_then(|param| within(Arc::new(param), ty))
            } else if let CircuitOp::Table { .. } = &node.op {
                Err(Error::new("a table inside the function; tables belong to the module"))
            } else {
                continue;
            };
            let values = values.map_err(|error| error.or_at(op.location()))?;
            known.extend(node.results.iter().map(|&result| (result, values.clone())));
        }
        Ok(Self { graph, tables: tables(module)?, known })
    }
}

impl Deref for Circuit {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        &self.graph
    }
}

impl DerefMut for Circuit {
    fn deref_mut(&mut self) -> &mut Graph {
        &mut self.graph
    }
}

/// Elements of a value of this type, checked against it.
fn within(param: Arc<Param>, ty: &CircuitType) -> Result<Arc<Param>> {
    let values = &param.data;
    if values.len() != ty.len() {
        let shape = shape::show(&ty.shape);
        return Err(Error::new(format!("expected {} values of {shape}, found {}", ty.len(), values.len())));
    }
    let (least, most) = values.bounds()?.unwrap_or((ty.lo, ty.lo));
    match [least, most].into_iter().find(|value| !ty.interval().holds(*value)) {
        None => Ok(param),
        Some(value) => {
            Err(Error::new(format!("value {value} lies outside the declared interval {}", ty.interval())))
        }
    }
}

impl GraphOp for CircuitOp<ValueId> {
    type Type = CircuitType;

    fn decode<'c, 'a>(
        op: OperationRef<'c, 'a>,
        mut number: impl FnMut(Value<'c, 'a>) -> Result<ValueId>,
    ) -> Result<Self> {
        let Some(decoded) = CircuitOp::decode(op)? else {
            return Err(Error::new(format!(
                "expected circuit operations only, found {}; run convert-qnn-to-circuit first",
                op_name(op)
            )));
        };
        decoded.try_map(|&x| number(x))
    }

    fn build<'c, 'a>(
        &self,
        mut value: impl FnMut(ValueId) -> Result<Value<'c, 'a>>,
        location: Location<'c>,
    ) -> Result<Operation<'c>> {
        self.try_map(|&x| value(x))?.build(location)
    }

    fn read_type(ty: Type) -> Result<CircuitType> {
        CircuitType::read(ty)
    }

    fn to_type<'c>(ty: &CircuitType, context: &'c Context) -> Result<Type<'c>> {
        ty.to_type(context)
    }
}
