//! `apply-patterns`: rewrite patterns from a file, written in PDL or PDLL.

use super::natives::NATIVES;
use melior::ir::{OperationRef, operation::OperationLike};
use std::{path::Path, process::Command};
use tessera_mlir::{
    Error, Result, context_of,
    pass::{OptionSpec, Options, Pass, PassInfo},
    rewrite,
};

/// The pass; its [`PassInfo`] describes it.
pub struct ApplyPatterns;

impl Pass for ApplyPatterns {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "apply-patterns",
            summary: "Apply the rewrite patterns of a file until nothing changes, with folding",
            expects: "any module, and a file of patterns: `pdl.pattern` ops (.mlir), or PDLL (.pdll), which `mlir-pdll` translates",
            guarantees: "valid IR in which no pattern of the file matches; whether it computes the same is up to the patterns",
            rejects: "a file that is missing, does not parse or holds no pattern; a pattern that asks for a result that is not there or \
                      calls what is not there; a call that fails; patterns that do not come to an end",
            options: const { &[OptionSpec::text("file", "the patterns; without it, ops are folded only", "")] },
            example: "func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %0 = nn.relu %x : tensor<4xf32>\n  %1 = nn.relu %0 : tensor<4xf32>\n  return %1 : tensor<4xf32>\n}",
        }
    }

    fn nests(&self) -> bool {
        true
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        match options.text("file") {
            "" => rewrite::Patterns::new(context_of(module.location())).apply(module),
            file => rewrite::apply_pdl(module, &read(Path::new(file))?, file, NATIVES),
        }
    }
}

/// The patterns of a file as PDL.
fn read(file: &Path) -> Result<String> {
    let cannot = |error: std::io::Error| Error::new(format!("cannot read {}: {error}", file.display()));
    if file.extension().is_none_or(|extension| extension != "pdll") {
        return std::fs::read_to_string(file).map_err(cannot);
    }
    std::fs::metadata(file).map_err(cannot)?;
    let tool = "mlir-pdll";
    let prefix = std::env::var("MLIR_SYS_220_PREFIX").unwrap_or_else(|_| "/usr/lib/llvm-22".into());
    let output = Command::new(format!("{prefix}/bin/{tool}")).args(["-x", "mlir"]).arg(file).output();
    let output = output.map_err(|error| {
        Error::new(format!(
            "cannot run {prefix}/bin/{tool}: {error}; install mlir-22-tools, or write the patterns in PDL"
        ))
    })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        // it crashes on what it does not know, such as types of our dialects
        let text = text.split("PLEASE submit").next().unwrap_or_default();
        return Err(Error::new(format!("{} is not PDLL:\n{}", file.display(), text.trim_end())));
    }
    String::from_utf8(output.stdout).map_err(|error| Error::new(format!("{tool}: {error}")))
}
