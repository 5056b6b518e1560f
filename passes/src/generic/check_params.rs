//! `check-params`: the values of a module's parameters are there and are what the module declares.

use melior::ir::OperationRef;
use tessera_mlir::{
    Error, Result, func, params,
    pass::{OptionSpec, Options, Pass, PassInfo},
};

/// Checks parameters before a long pipeline starts on them.
pub struct CheckParams;

impl Pass for CheckParams {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "check-params",
            summary: "Checks that parameters have values of the declared shapes and types",
            expects: "any module; `ml_program.global` declares parameters, and the attribute `tessera.params` names the \
                      safetensors file of their values",
            guarantees: "every declared parameter has values of its shape and element type; nothing is changed",
            rejects: "parameters without values, with another shape or type, all of them at once; more parameters than \
                      `most`",
            options: const {
                &[
                    OptionSpec::int("most", "how many parameters a module may declare", 1 << 20, 0, 1 << 20),
                    OptionSpec::choice(
                        "unused",
                        "what to do about values that no parameter reads",
                        "allow",
                        &["allow", "reject"],
                    ),
                ]
            },
            example: "module {\n  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n    return %x : tensor<4xf32>\n  }\n}",
        }
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let declared = func::globals(module)?;
        let most = options.int("most");
        if declared.len() as i64 > most {
            return Err(Error::new(format!("expected at most {most} parameters, found {}", declared.len())));
        }
        params::check(module)?;
        if options.choice("unused") == "reject" {
            let names = declared.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
            return Error::all(
                params::of(module)?.0.keys().filter(|name| !names.contains(&name.as_str())).map(|name| {
                    Error::new(format!("the values of {name:?} belong to no parameter of the module"))
                }),
            );
        }
        Ok(())
    }
}
