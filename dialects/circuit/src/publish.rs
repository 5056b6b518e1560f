//! Parameters that a pass made: their types, names and registration.
//!
//! Invariants: a module declares the parameters that its circuit reads and no others; the name of the set tells its content,
//! so that two modules in one process cannot read each other's parameters, and the same pass on the same module prints the
//! same text.

use crate::ops::CircuitOp;
use melior::ir::{OperationRef, RegionLike, operation::OperationLike};
use std::collections::BTreeSet;
use tessera_mlir::func::{self, Func};
use tessera_mlir::params::{self, Param, ParamData, Params};
use tessera_mlir::types::{self, Elem};
use tessera_mlir::{Error, Result, context_of};

/// A parameter of these values in the narrowest type that holds them.
///
/// # Errors
/// When there are more or fewer values than elements.
pub fn param(shape: &[usize], values: &[i64]) -> Result<Param> {
    let (lo, hi) = values.iter().fold((0, 0), |(lo, hi), &v| (v.min(lo), v.max(hi)));
    let data = ParamData::integers((lo, hi), values.len(), values.iter().copied());
    Param::new(shape, data)
}

/// `base`, or `base.1`, `base.2`, ..: the first that `taken` does not know.
pub fn fresh_name(base: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (1..).map(|i| format!("{base}.{i}"));
    std::iter::once(base.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

/// Makes a module use these parameters: declares those that its circuit reads, erases declarations of others, and registers
/// the values under a name made from their content.
///
/// # Errors
/// When the circuit reads a parameter that is not among them.
pub fn publish(module: OperationRef, params: &Params) -> Result<()> {
    let main = Func::main(module)?;
    let mut read = BTreeSet::new();
    let mut kept = Params::default();
    for op in main.ops() {
        if let Some(CircuitOp::Weight { global, .. }) = CircuitOp::decode(op)? {
            let param = params.shared(&global).map_err(|error| error.or_at(op.location()))?;
            kept.insert(global.as_str(), param.clone());
            read.insert(global);
        }
    }
    let mut declared = BTreeSet::new();
    for (name, _) in func::globals(module)? {
        if read.contains(&name) {
            declared.insert(name);
        } else {
            func::erase_global(module, &name);
        }
    }
    let body = module.region(0).ok().and_then(|region| region.first_block());
    let body = body.ok_or_else(|| Error::at(module.location(), "expected a module with a body"))?;
    for name in read.difference(&declared) {
        let param = kept.get(name)?;
        let elem = match param.data {
            ParamData::F32(_) => Elem::F32,
            ParamData::I8(_) => Elem::Int(8),
            ParamData::I16(_) => Elem::Int(16),
            ParamData::I32(_) => Elem::Int(32),
            ParamData::I64(_) => Elem::Int(64),
        };
        let location = main.op.location();
        let ty = types::tensor(context_of(location), &param.shape, &elem);
        func::declare_global(body, location, name, ty)?;
    }
    if kept.0.is_empty() && params::name_of(module).is_none() {
        return Ok(());
    }
    params::publish(module, "circuit", kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_get_a_number() {
        assert!(param(&[3], &[1]).is_err());
        let taken = ["w", "w.1"];
        assert_eq!(fresh_name("w", |name| taken.contains(&name)), "w.2");
        assert_eq!(fresh_name("v", |name| taken.contains(&name)), "v");
    }
}
