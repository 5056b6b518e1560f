//! IR to plain graph. The only file of this crate that sees MLIR.
//!
//! Invariants: every operation of the circuit dialect is decoded by its typed view; anything else in the function is an error
//! that names it.
use crate::PlaceError;
use crate::graph::{Graph, Kind, Op, Value, ValueId};
use melior::ir::operation::OperationLike;
use melior::ir::{Module, ValueLike};
use std::collections::HashMap;
use std::sync::Arc;
use tessera_circuit::CircuitOp;
use tessera_circuit::ops::{self, Visibility};
use tessera_circuit::semantics::contract::ContractSpec;
use tessera_circuit::types::CircuitType;
use tessera_mlir::func::Func;
use tessera_mlir::params::Params;
use tessera_mlir::{Error, loc};

/// Decodes `@main`.
pub(crate) fn read(module: &Module, params: &Params) -> Result<Graph, PlaceError> {
    let root = module.as_operation();
    let mut g = Graph { tables: ops::tables(root)?, ..Graph::default() };
    let mut ids: HashMap<*const std::ffi::c_void, ValueId> = HashMap::new();
    for op in Func::main(root)?.ops() {
        let location = op.location();
        let Some(decoded) = CircuitOp::view(op)? else {
            let name = tessera_mlir::func::op_name(op);
            return Err(Error::at(
                location,
                format!("expected circuit operations only, found {name}; run convert-qnn-to-circuit first"),
            )
            .into());
        };
        let id = |v: melior::ir::Value| -> Result<ValueId, PlaceError> {
            let unknown = || Error::at(location, "an operand is not defined by an operation of the circuit");
            ids.get(&v.to_raw().ptr).copied().ok_or_else(|| unknown().into())
        };
        let shape = |g: &Graph, v: ValueId| g.values[v].shape.clone();
        let kind = match decoded {
            CircuitOp::Input { name, visibility, .. } => {
                Kind::Input { name, public: visibility == Visibility::Public }
            }
            CircuitOp::Output { x, name, visibility } => {
                Kind::Output { x: id(x)?, name, public: visibility == Visibility::Public }
            }
            CircuitOp::Weight { global, ty, .. } => {
                let p = params.get(&global).map_err(|e| e.or_at(location))?;
                let data = p.data.to_i64s().map_err(|e| e.or_at(location))?;
                constant(data, &ty).map_err(|m| Error::at(location, format!("parameter @{global}: {m}")))?
            }
            CircuitOp::Constant { values, ty } => {
                let values = if values.len() == 1 { vec![values[0]; ty.len()] } else { values };
                constant(values, &ty).map_err(|m| Error::at(location, m))?
            }
            CircuitOp::Contract { x, w, maps, .. } => {
                let (x, w) = (id(x)?, id(w)?);
                let spec = ContractSpec::from_maps(&maps, &shape(&g, x), &shape(&g, w))
                    .map_err(|m| Error::at(location, m))?;
                Kind::Contract { x, w, spec }
            }
            CircuitOp::Affine { terms, constant } => {
                let terms =
                    terms.into_iter().map(|(c, v)| Ok((c, id(v)?))).collect::<Result<_, PlaceError>>()?;
                Kind::Affine { terms, constant }
            }
            CircuitOp::Mul { a, b } => Kind::Mul { a: id(a)?, b: id(b)? },
            CircuitOp::Max { xs } => Kind::Max { xs: xs.into_iter().map(id).collect::<Result<_, _>>()? },
            CircuitOp::Split { x, shift } => Kind::Split { x: id(x)?, shift },
            CircuitOp::Lookup { x, table, .. } => Kind::Lookup { x: id(x)?, table },
            CircuitOp::View { x, view } => {
                let x = id(x)?;
                view.check(g.values[x].len()).map_err(|m| Error::at(location, m))?;
                Kind::View { x, sources: view.sources() }
            }
            CircuitOp::Concat { xs, axis } => {
                Kind::Concat { xs: xs.into_iter().map(id).collect::<Result<_, _>>()?, axis }
            }
            CircuitOp::AssertZero { x } => Kind::AssertZero { x: id(x)? },
            CircuitOp::Table { .. } => {
                return Err(
                    Error::at(location, "a table inside the function; tables belong to the module").into()
                );
            }
        };
        let mut results = vec![];
        for r in op.results() {
            let ty = CircuitType::of(r.into())?;
            ids.insert(r.to_raw().ptr, g.values.len());
            results.push(g.values.len());
            g.values.push(Value { shape: ty.shape.clone(), lo: ty.lo, hi: ty.hi });
        }
        g.ops.push(Op { kind, results, source: loc::describe(location) });
    }
    Ok(g)
}

/// Setup data, checked against its declared shape and interval.
fn constant(data: Vec<i64>, ty: &CircuitType) -> Result<Kind, String> {
    if data.len() != ty.len() {
        return Err(format!("expected {} values of shape {:?}, found {}", ty.len(), ty.shape, data.len()));
    }
    match data.iter().find(|v| !(ty.lo..=ty.hi).contains(*v)) {
        Some(v) => Err(format!("value {v} lies outside the declared interval [{}, {}]", ty.lo, ty.hi)),
        None => Ok(Kind::Constant(Arc::new(data))),
    }
}
