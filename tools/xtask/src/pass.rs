//! A new pass: its file, its line in the folder's list, its test, its entry in the reference (which is rendered).

use super::{Changes, Name, append, fill, insert_sorted};
use std::path::Path;

/// Where a pass may stand, and an example of a rewrite on that dialect that is right.
struct Room {
    folder: &'static str,
    krate: &'static str,
    op: &'static str,
    equation: &'static str,
    rewrite: &'static str,
    test: &'static str,
}

const ROOMS: [Room; 4] = [
    Room {
        folder: "circuit",
        krate: "tessera_circuit",
        op: "CircuitOp",
        equation: "1·x + 0 = x",
        rewrite: r#"    let new = match CircuitOp::decode(op)? {
        Some(CircuitOp::Affine { terms, constant: 0 }) if matches!(terms[..], [(1, _)]) => terms[0].1,
        _ => return Ok(false),
    };"#,
        test: r#"func.func @main() {
  %x = circuit.input "x" public : 4 in [0, 9]
  %y = circuit.affine %x : 4 in [0, 9] -> [0, 9]
  circuit.output %y "y" public : 4 in [0, 9]
  return
}"#,
    },
    Room {
        folder: "generic",
        krate: "",
        op: "",
        equation: "",
        rewrite: "",
        test: r#"func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.relu %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}"#,
    },
    Room {
        folder: "nn",
        krate: "tessera_nn",
        op: "NnOp",
        equation: "relu(relu(x)) = relu(x)",
        rewrite: r#"    let Some(NnOp::Map { x: new, f }) = NnOp::decode(op)? else { return Ok(false) };
    let Some(inner) = rewrite::defining_op(new) else { return Ok(false) };
    if f.name() != "relu" || !matches!(NnOp::decode(inner)?, Some(NnOp::Map { f: g, .. }) if g == f) {
        return Ok(false);
    }"#,
        test: r#"func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.relu %x : tensor<4xf32>
  %1 = nn.relu %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}"#,
    },
    Room {
        folder: "qnn",
        krate: "tessera_qnn",
        op: "QnnOp",
        equation: "relu(relu(x)) = relu(x)",
        rewrite: r#"    let Some(QnnOp::Relu { x: new }) = QnnOp::decode(op)? else { return Ok(false) };
    let Some(inner) = rewrite::defining_op(new) else { return Ok(false) };
    if !matches!(QnnOp::decode(inner)?, Some(QnnOp::Relu { .. })) {
        return Ok(false);
    }"#,
        test: r#"!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<4x!q>) -> tensor<4x!q> {
  %0 = qnn.relu %x : tensor<4x!q>
  %1 = qnn.relu %0 : tensor<4x!q>
  return %1 : tensor<4x!q>
}"#,
    },
];

const GENERIC: &str = r##"//! `@pass@`: say in one line what the pass does.

use melior::ir::OperationRef;
use tessera_mlir::{
    Result,
    op::all_ops,
    pass::{Options, Pass, PassInfo},
};

/// The pass; its [`PassInfo`] describes it.
pub struct @Camel@;

impl Pass for @Camel@ {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "@pass@",
            summary: "Count the ops of a module",
            expects: "any module",
            guarantees: "the IR is unchanged",
            rejects: "nothing",
            options: &[],
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("seen", "ops of the module")]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        options.count("seen", all_ops(module).len());
        Ok(())
    }
}

const EXAMPLE: &str = r#"@test@"#;
"##;

const REWRITE: &str = r##"//! `@pass@`: say in one line what the pass does.
//!
//! Equations:
//!
//! - @equation@, where both have the same type.

use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use @krate@::@Op@;
use tessera_mlir::func::Func;
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::{Result, rewrite};

/// The pass; its [`PassInfo`] describes it.
pub struct @Camel@;

impl Pass for @Camel@ {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "@pass@",
            summary: "Apply @equation@",
            expects: "a function @main of @folder@ ops",
            guarantees: "the same values; no op that the equation applies to",
            rejects: "nothing",
            options: &[],
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("rewritten", "ops that the equation applied to")]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        for op in Func::main(module)?.ops() {
            let rewritten = rewrite(op).map_err(|error| error.or_at(op.location()))?;
            options.count("rewritten", rewritten.into());
        }
        Ok(())
    }
}

/// Replaces an op that the equation applies to; says whether it did.
fn rewrite(op: OperationRef) -> Result<bool> {
@rewrite@
    let old: Value = op.result(0)?.into();
    if old.r#type() != new.r#type() {
        return Ok(false);
    }
    rewrite::replace(op, &[new]);
    Ok(true)
}

const EXAMPLE: &str = r#"@test@"#;
"##;

const LIST: &str = "//! Passes over the @folder@ dialect.
//!
//! Invariant: each keeps what the model computes, bit for bit.

mod @snake@;

pub use @snake@::@Camel@;

/// The passes of this folder.
pub const PASSES: &[&dyn tessera_mlir::pass::Pass] = &[&@Camel@];
";

/// The files of a pass on a dialect, or on any (`generic`). The pass is called after its dialect: `merge-splits` on
/// `circuit` is `circuit-merge-splits`.
///
/// # Errors
/// When the name or the dialect is wrong, the pass exists, or a list does not look as expected.
pub fn new_pass(root: &Path, name: &str, dialect: &str) -> Result<Changes, String> {
    let rooms = ROOMS.each_ref().map(|room| room.folder).join(", ");
    let room = ROOMS.iter().find(|room| room.folder == dialect);
    let room = room.ok_or_else(|| format!("expected a dialect, one of {rooms}, found {dialect:?}"))?;
    let folder = room.folder;
    let short = name.strip_prefix(&format!("{folder}-")).unwrap_or(name);
    let name = Name::new(short)?;
    let pass = if folder == "generic" { name.kebab.clone() } else { format!("{folder}-{}", name.kebab) };
    let values = [
        ("pass", pass.as_str()),
        ("Camel", &name.camel),
        ("snake", &name.snake),
        ("folder", folder),
        ("krate", room.krate),
        ("Op", room.op),
        ("equation", room.equation),
        ("rewrite", room.rewrite),
        ("test", room.test),
    ];
    let mut changes = Changes::default();
    let source = Path::new("passes/src").join(folder).join(format!("{}.rs", name.snake));
    if root.join(&source).exists() {
        return Err(format!("{} exists already; choose another name", source.display()));
    }
    changes
        .created
        .insert(source.clone(), fill(if folder == "generic" { GENERIC } else { REWRITE }, &values));
    let test = Path::new("tests/mlir").join(folder).join(format!("{}.mlir", name.snake));
    let command = format!("// RUN: zk-opt --pass-pipeline=builtin.module({pass}) --mlir-pass-statistics\n\n");
    changes.created.insert(test.clone(), command + room.test + "\n");

    let list = Path::new("passes/src").join(folder).join("mod.rs");
    if root.join(&list).exists() {
        changes.edit(root, &list, |text| {
            let text = insert_sorted(text, "mod ", &format!("mod {};", name.snake))?;
            let text = insert_sorted(&text, "pub use ", &format!("pub use {}::{};", name.snake, name.camel))?;
            append(&text, &format!("&{}", name.camel))
        })?;
    } else {
        changes.created.insert(list, fill(LIST, &values));
        changes.edit(root, "passes/src/lib.rs", |text| {
            insert_sorted(text, "pub mod ", &format!("pub mod {folder};"))
        })?;
        changes.edit(root, "passes/src/registry.rs", |text| {
            let text = text
                .replace("use crate::{circuit, generic", &format!("use crate::{{circuit, generic, {folder}"));
            let text = text.replace("&[generic::PASSES,", &format!("&[generic::PASSES, {folder}::PASSES,"));
            text.contains(&format!("{folder}::PASSES,")).then_some(text)
        })?;
        changes.edit(root, "tools/zk-opt/src/lib.rs", |text| {
            let line = "    tessera_passes::generic::PASSES,\n";
            let new = format!("{line}    tessera_passes::{folder}::PASSES,\n");
            text.contains(line).then(|| text.replace(line, &new))
        })?;
    }
    let stages = match folder {
        "qnn" => Some("QNN_STAGES"),
        "circuit" => Some("STAGES"),
        _ => None,
    };
    changes.next = vec![
        format!("write the pass: {}", source.display()),
        format!("and what it is tested on: {}", test.display()),
        format!("try it: cargo run -p zk-opt -- {} --pass-pipeline='builtin.module({pass})'", test.display()),
        "accept the snapshots and the reference page, then read them: ./x bless -p tessera-pass-tests && git diff"
            .to_owned(),
    ];
    changes.next.extend(stages.map(|stages| {
        format!("hold it to the interpreter on random models: {stages} in tests/lowering/main.rs, then cargo test -p tessera-tests --test lowering")
    }));
    changes
        .next
        .push("put it into the default pipeline where it belongs: tools/zk-opt/src/pipeline.rs".to_owned());
    Ok(changes)
}
