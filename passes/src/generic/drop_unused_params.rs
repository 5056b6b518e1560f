//! `drop-unused-params`: parameters that nothing reads go, from the IR and from the parameter file.

use melior::ir::OperationRef;
use std::collections::BTreeSet;
use tessera_circuit::CircuitOp;
use tessera_mlir::{
    Result, func,
    op::all_ops,
    params,
    pass::{Options, Pass, PassInfo},
};

/// The pass; its [`PassInfo`] describes it.
pub struct DropUnusedParams;

impl Pass for DropUnusedParams {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "drop-unused-params",
            summary: "Erase parameters that nothing reads, with their values",
            expects: "any module whose parameters are found",
            guarantees: "every declared parameter is read by an op; where one went, the module names a set of parameters without it",
            rejects: "nothing but a parameter that is read and has no value",
            options: &[],
            example: "func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  return %x : tensor<4xf32>\n}",
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("dropped", "parameters erased")]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let mut read = BTreeSet::new();
        for op in all_ops(module) {
            let weight = match CircuitOp::decode(op)? {
                Some(CircuitOp::Weight { global, .. }) => Some(global),
                _ => None,
            };
            read.extend(func::loaded_global(op).or(weight));
        }
        let declared = func::globals(module)?;
        let unused = declared.iter().filter(|(name, _)| !read.contains(name)).collect::<Vec<_>>();
        if unused.is_empty() {
            return Ok(());
        }
        let all = params::of(module)?;
        let mut kept = params::Params::default();
        for name in &read {
            kept.insert(name.as_str(), all.shared(name)?.clone());
        }
        unused.iter().for_each(|(name, _)| func::erase_global(module, name));
        options.count("dropped", unused.len());
        params::publish(module, "used", kept)
    }
}
