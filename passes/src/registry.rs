//! The one list of passes, the dialects together, and the pass reference.

use crate::{circuit, generic, nn, qnn};
use melior::{
    Context,
    dialect::{DialectHandle, DialectRegistry},
};
use tessera_mlir::pass::{self, Pass};

/// The lists of this crate, a folder each. Lowering crates have a list of their own, named `PASSES` as well.
pub const PASSES: &[&[&dyn Pass]] = &[generic::PASSES, nn::PASSES, qnn::PASSES, circuit::PASSES];

/// The dialects of Tessera.
pub fn dialects() -> [DialectHandle; 3] {
    [tessera_nn::dialect(), tessera_qnn::dialect(), tessera_circuit::dialect()]
}

/// A registry of the dialects of Tessera and of the upstream dialects that it uses.
pub fn registry() -> DialectRegistry {
    tessera_mlir::registry(&dialects())
}

/// A context with all dialects loaded.
pub fn context() -> Context {
    tessera_mlir::context(&dialects())
}

/// Registers the passes of this crate and MLIR's generic ones for textual pipelines.
pub fn register_all() {
    tessera_mlir::register_upstream_passes();
    PASSES.iter().for_each(|passes| pass::register(passes));
}

/// The reference of passes as markdown: a section for each pass of each list, in order.
pub fn render_docs(lists: &[&[&dyn Pass]]) -> String {
    let mut text = String::new();
    for pass in lists.iter().copied().flatten() {
        let info = pass.info();
        let mut line = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        line(&format!("## `{}`\n", info.name));
        line(&format!("{}\n", info.summary));
        line(&format!("- **Expects:** {}", info.expects));
        line(&format!("- **Guarantees:** {}", info.guarantees));
        line(&format!("- **Rejects:** {}", info.rejects));
        if !pass.statistics().is_empty() {
            let counts = pass.statistics().iter().map(|(name, help)| format!("`{name}` ({help})"));
            line(&format!("- **Counts:** {}", counts.collect::<Vec<_>>().join(", ")));
        }
        line("");
        if !info.options.is_empty() {
            line("| option | value | default | |\n|---|---|---|---|");
            for option in info.options {
                let initial = option.initial();
                let initial = if initial.is_empty() { "empty".to_owned() } else { format!("`{initial}`") };
                line(&format!("| `{}` | {} | {initial} | {} |", option.name, option.kind, option.help));
            }
            line("");
        }
        line(&format!("```mlir\n{}\n```\n", info.example.trim()));
    }
    text
}
