//! The default pipeline as data: which passes make which level.
//!
//! Invariant: the order of passes is written here and nowhere else. `zk-opt --print-default-pipeline` prints it, `tessera
//! compile` runs it, and the reference shows it.

use melior::ir::OperationRef;
use tessera_mlir::{Result, func::Func, op::op_name};

/// The passes of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The level, which is the name of its dialect.
    pub level: &'static str,
    /// The pass that comes here from the level before; none where the import does.
    pub enter: Option<&'static str>,
    /// Passes within the level, in order.
    pub passes: &'static [&'static str],
}

/// All levels, from the outermost to the innermost.
pub const STAGES: [Stage; 3] = [
    Stage { level: "nn", enter: None, passes: &["canonicalize", "cse", "nn-calibrate"] },
    Stage {
        level: "qnn",
        enter: Some("convert-nn-to-qnn"),
        passes: &["canonicalize", "cse", "qnn-absorb-pads", "qnn-split-attention"],
    },
    Stage {
        level: "circuit",
        enter: Some("convert-qnn-to-circuit"),
        passes: &[
            "circuit-absorb-scale",
            "circuit-hoist-views",
            "canonicalize",
            "cse",
            "circuit-intervals",
            "circuit-narrow-splits",
            "circuit-sink-lookups",
            "circuit-compose-lookups",
        ],
    },
];

/// The pipeline from the import to the circuit.
pub fn default_pipeline() -> String {
    pipeline_from("nn")
}

/// What is left of the default pipeline for a module of a level; all of it for a level that there is not.
///
/// Passes within a level find nothing to do where they have run, so it continues from the IR after any pass.
pub fn pipeline_from(level: &str) -> String {
    let reached = STAGES.iter().position(|stage| stage.level == level).unwrap_or(0);
    let mut passes = vec![];
    for (index, stage) in STAGES.iter().enumerate().skip(reached) {
        passes.extend(stage.enter.filter(|_| index > reached));
        passes.extend(stage.passes);
    }
    format!("builtin.module({})", passes.join(","))
}

/// The level of a module: the innermost whose ops stand in `@main`, and the outermost for a function without any.
///
/// # Errors
/// When there is no function `@main`.
pub fn level_of(module: OperationRef) -> Result<&'static str> {
    let mut found = 0;
    for op in Func::main(module)?.ops() {
        let name = op_name(op);
        let dialect = name.split('.').next().unwrap_or_default();
        found = found.max(STAGES.iter().position(|stage| stage.level == dialect).unwrap_or(0));
    }
    Ok(STAGES[found].level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_of_the_pipeline_exists() {
        crate::register_all();
        assert_eq!(tessera_mlir::pipeline::unknown_passes(&default_pipeline()), Vec::<String>::new());
    }

    #[test]
    fn a_pipeline_starts_at_any_level() {
        let inner = |pipeline: &str| pipeline.trim_start_matches("builtin.module(").to_owned();
        assert!(inner(&default_pipeline()).starts_with("canonicalize,cse,nn-calibrate,convert-nn-to-qnn,"));
        for stage in STAGES {
            let rest = inner(&pipeline_from(stage.level));
            assert!(
                default_pipeline().ends_with(&rest) && rest.starts_with(&stage.passes.join(",")),
                "{rest}"
            );
            assert!(stage.enter.is_none_or(|enter| !rest.contains(enter)), "{rest}");
        }
        assert_eq!(pipeline_from("nowhere"), default_pipeline());
    }

    #[test]
    fn a_module_is_at_the_innermost_level_it_has_ops_of() {
        let context = tessera_passes::context();
        let level = |body: &str| {
            let source = format!("func.func @main() {{ {body} return }}");
            level_of(tessera_mlir::parse(&context, &source, "test.mlir").unwrap().as_operation()).unwrap()
        };
        assert_eq!(level(""), "nn");
        assert_eq!(level("%x = circuit.input \"x\" public : 4 in [-1, 1]"), "circuit");
    }
}
