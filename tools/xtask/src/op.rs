//! A new op: its definition, its place in the typed view, and its round trip.
//!
//! What the op means nobody can guess, so the crate does not compile until that is written: the compiler lists each place.

use super::{Changes, Name, fill};
use std::path::Path;

/// A dialect, its typed view, and the class and the type that its ops are of.
const DIALECTS: [(&str, &str, &str, &str, &str); 3] = [
    ("circuit", "CircuitOp", "Circuit_PureOp", "Circuit_Value", "!circuit.tensor<4 in [0, 9]>"),
    ("nn", "NnOp", "NN_Op", "NN_Tensor", "tensor<4xf32>"),
    ("qnn", "QnnOp", "QNN_Op", "QNN_Accumulator", "tensor<4xi32>"),
];

const DEFINITION: &str = r#"
def @Prefix@_@Camel@Op : @Class@<"@snake@"> {
  let summary = "Say in one line what the op is";
  let description = [{
    `y = @snake@(x)`: say what it means for every element, which extents fit, and its source (paper, section).

    ```mlir
    %y = @dialect@.@snake@ %x : @type@ -> @type@
    ```
  }];
  let arguments = (ins @Value@:$input);
  let results = (outs @Value@:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}
"#;

/// The files of an op with one operand and one result.
///
/// # Errors
/// When the name or the dialect is wrong, the op exists, or a file does not look as expected.
pub fn new_op(root: &Path, name: &str, dialect: &str) -> Result<Changes, String> {
    let known = DIALECTS.map(|(dialect, ..)| dialect).join(", ");
    let found = DIALECTS.into_iter().find(|(known, ..)| *known == dialect);
    let (dialect, view, class, value, ty) =
        found.ok_or_else(|| format!("expected a dialect, one of {known}, found {dialect:?}"))?;
    let name = Name::new(name)?;
    let prefix = class.split('_').next().unwrap_or_default();
    let values = [
        ("Prefix", prefix),
        ("Camel", name.camel.as_str()),
        ("snake", &name.snake),
        ("Class", class),
        ("Value", value),
        ("dialect", dialect),
        ("type", ty),
    ];
    let mut changes = Changes::default();
    let folder = Path::new("dialects").join(dialect);
    let definitions = folder.join(format!("{dialect}.td"));
    let mut exists = false;
    changes.edit(root, &definitions, |text| {
        exists = text.contains(&format!("<\"{}\"", name.snake));
        let at = text.rfind("\n#endif").map_or(text.len(), |at| at);
        Some(format!("{}{}{}", &text[..at], fill(DEFINITION, &values), &text[at..]))
    })?;
    if exists {
        return Err(format!("{dialect}.{} exists already; choose another name", name.snake));
    }
    changes.edit(root, folder.join("src/ops.rs"), |text| {
        // the last variant of the typed view, and the last line of its reader
        let start = text.find(&format!("pub enum {view}<"))?;
        let end = start + text[start..].find("\n}\n")?;
        let variant = format!("\n    /// `{dialect}.{}`\n    {} {{ x: V }},", name.snake, name.camel);
        let text = format!("{}{variant}{}", &text[..end], &text[end..]);
        let message = text.find("is not an op of the")?;
        let reader = text[..message].rfind("            _ => ")?;
        let line = text[..reader].rfind('\n')? + 1;
        let arm = format!("            \"{}\" => Self::{} {{ x: x()? }},\n", name.snake, name.camel);
        Some(format!("{}{arm}{}", &text[..line], &text[line..]))
    })?;
    changes.edit(root, folder.join(format!("{dialect}.cpp")), |text| {
        let at = text.rfind(&format!("}} // namespace tessera::{dialect}"))?;
        Some(format!("{}VERIFY({}Op)\n{}", &text[..at], name.camel, &text[at..]))
    })?;
    let test = Path::new("tests/mlir").join(dialect).join("roundtrip.mlir");
    changes.edit(root, &test, |text| {
        let case = format!(
            "\n// -----\n\nfunc.func @{0}(%x: {ty}) -> {ty} {{\n  %0 = {dialect}.{0} %x : {ty} -> {ty}\n  return %0 : {ty}\n}}\n",
            name.snake
        );
        Some(format!("{}{case}", text.trim_end_matches('\n').to_owned() + "\n"))
    })?;
    changes.next = vec![
        format!("say what the op is: {}", definitions.display()),
        format!(
            "write what it means, where the compiler asks for it: cargo check -p tessera-{dialect} (its shape and intervals, its name, its interpreter), then the lowerings"
        ),
        format!(
            "its mistakes and its folds: tests/mlir/{dialect}/errors.mlir, tests/mlir/{dialect}/canonicalize.mlir"
        ),
        "accept the snapshots and the reference page, then read them: ./x bless && git diff".to_owned(),
    ];
    Ok(changes)
}
