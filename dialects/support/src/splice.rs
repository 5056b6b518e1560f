//! Ops in the place of another one, given as text: how a pass is tried out before it is written.
//!
//! Invariant: nothing is changed where an error is returned.

use crate::func::Func;
use crate::op::op_name;
use crate::rewrite::{replace, replace_all_uses};
use crate::{Error, Result, context_of, parse};
use melior::ir::operation::{OperationLike, OperationPrintingFlags};
use melior::ir::{BlockLike, OperationRef, RegionLike, Value, ValueLike};
use mlir_sys::{
    mlirBlockInsertOwnedOperationBefore, mlirOperationGetBlock, mlirOperationRemoveFromParent,
    mlirOperationSetLocation,
};

/// An op on its own, with types and attributes in full and without locations.
pub fn text(op: OperationRef) -> String {
    let flags = OperationPrintingFlags::new().use_local_scope();
    op.to_string_with_flags(flags).unwrap_or_else(|error| error.to_string())
}

/// Puts the ops of a text in the place of an op of a module. The text calls the op's operands `%operand0`, `%operand1` and so on, and what replaces
/// its result `%result` (of several results, `%result#0` and so on); or it ends in a `return` of its own. The ops get the location of the op that
/// they replace, and may name the module's symbols.
///
/// # Errors
/// What the parser and the verifiers say of the text, whose first line is line 1.
pub fn replace_by_text(module: OperationRef, op: OperationRef, source: &str) -> Result<()> {
    let context = context_of(module.location());
    let list = |items: Vec<String>| items.join(", ");
    let arguments = op.operands().enumerate().map(|(i, o)| format!("%operand{i}: {}", o.r#type()));
    let types: Vec<String> = op.results().map(|r| r.r#type().to_string()).collect();
    let own = source.lines().rfind(|line| !line.trim().is_empty()).is_some_and(|line| {
        let first = line.split_whitespace().next();
        matches!(first, Some("return" | "func.return"))
    });
    let names: Vec<String> = match types.len() {
        0 => vec![],
        1 => vec!["%result".into()],
        n => (0..n).map(|i| format!("%result#{i}")).collect(),
    };
    let end = match (own, types.is_empty()) {
        (true, _) => String::new(),
        (false, true) => "return".into(),
        (false, false) => format!("return {} : {}", list(names), list(types.clone())),
    };
    let whole = format!(
        "func.func private @replacement({}) -> ({}) {{ {source}\n{end}\n}}\n{}",
        list(arguments.collect()),
        list(types),
        symbols(module)
    );
    let place = format!("what replaces '{}'", op_name(op));
    let known = match op.operand_count() {
        0 => "the operation has no operands".to_owned(),
        1 => "its operand is %operand0".to_owned(),
        n => format!("its operands are %operand0 to %operand{}", n - 1),
    };
    let help = format!("{known}, and what takes the place of its result is called %result");
    let parsed = parse(context, &whole, &place).map_err(|e| e.note(help))?;
    let first =
        parsed.body().first_operation().ok_or_else(|| Error::new(format!("{place}: nothing was parsed")))?;
    let function = Func::of(first)?;
    for (argument, operand) in function.arguments().into_iter().zip(op.operands()) {
        replace_all_uses(argument, operand);
    }
    let values: Vec<Value> = function.returns()?;
    // SAFETY: all ops are alive and of one context; each is taken out of the parsed function and handed to the block of `op`.
    unsafe {
        let block = mlirOperationGetBlock(op.to_raw());
        for new in function.ops() {
            mlirOperationSetLocation(new.to_raw(), op.location().to_raw());
            mlirOperationRemoveFromParent(new.to_raw());
            mlirBlockInsertOwnedOperationBefore(block, op.to_raw(), new.to_raw());
        }
    }
    replace(op, &values);
    // the return still reads values that now stand elsewhere
    crate::rewrite::erase(function.terminator()?);
    Ok(())
}

/// What a module declares beside functions, as text.
fn symbols(module: OperationRef) -> String {
    let mut symbols = String::new();
    let block = module.region(0).ok().and_then(|region| region.first_block());
    let mut next = block.and_then(|block| block.first_operation());
    while let Some(op) = next {
        if op_name(op) != "func.func" {
            symbols += &text(op);
            symbols.push('\n');
        }
        next = op.next_in_block();
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print;

    const SUM: &str = "module {
  ml_program.global private @w(dense<2> : tensor<4xi32>) : tensor<4xi32>
  func.func @main(%x: tensor<4xi32>) -> tensor<4xi32> {
    %0 = arith.addi %x, %x : tensor<4xi32>
    %1 = arith.muli %0, %x : tensor<4xi32>
    return %1 : tensor<4xi32>
  }
}";

    fn replaced(index: usize, source: &str) -> Result<String> {
        let context = crate::context(&[]);
        let module = parse(&context, SUM, "sum.mlir")?;
        let op = Func::main(module.as_operation())?.ops()[index];
        let done = replace_by_text(module.as_operation(), op, source);
        crate::verify(&module)?;
        let now = print(&module);
        // an error leaves everything as it was
        assert_eq!(done.is_err(), now == print(&parse(&context, SUM, "sum.mlir")?));
        done.map(|()| now)
    }

    #[test]
    fn ops_take_the_place_of_another() {
        let now = replaced(
            0,
            "%w = ml_program.global_load_const @w : tensor<4xi32>\n%result = arith.muli %operand1, %w : tensor<4xi32>",
        );
        let now = now.unwrap();
        assert!(
            now.contains("%w = ml_program.global_load_const @w") && now.contains("arith.muli %arg0, %w"),
            "{now}"
        );
        assert!(!now.contains("addi") && !now.contains("replacement"), "{now}");
        // nothing at all, but another value
        let now = replaced(1, "return %operand0 : tensor<4xi32>").unwrap();
        assert!(now.contains("return %0") && !now.contains("muli"), "{now}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let told = |source: &str| replaced(1, source).unwrap_err().to_string();
        let unknown = told("%result = arith.addi %operand0, %operand2 : tensor<4xi32>");
        assert!(unknown.contains("undeclared") && unknown.contains("%operand0 to %operand1"), "{unknown}");
        assert!(told("%result = arith.constant dense<1> : tensor<3xi32>").contains("tensor<3xi32>"));
        assert!(told("").contains("is called %result"));
        assert!(told("%result = arith.").contains("what replaces 'arith.muli':1"));
        assert!(told("} func.func private @other() {").contains("result"));
    }
}
