//! `expand-pow`: powers become products, which the rest of the compiler knows.
//!
//! Equations, by which an exponent of n takes about log₂ n products:
//!
//! - x^1 = x;  x^2n = (x·x)^n;  x^(2n+1) = x·(x·x)^n.

use crate::dialect::Pow;
use melior::ir::{OperationRef, Value, operation::OperationLike};
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::{Result, rewrite};
use tessera_nn::ops;

/// The pass; its [`PassInfo`] describes it.
pub struct ExpandPow;

impl Pass for ExpandPow {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "expand-pow",
            summary: "Lower powers to products of the nn dialect, by squaring",
            expects: "a function @main of nn and power ops",
            guarantees: "the same function without power ops; in floats, products are rounded in another order than a library's pow",
            rejects: "nothing",
            options: &[],
            example: "func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %0 = power.pow %x to 5 : tensor<4xf32>\n  return %0 : tensor<4xf32>\n}",
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("products", "products written")]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        for op in Func::main(module)?.ops() {
            let Some(pow) = Pow::view(op)? else { continue };
            let cursor = Cursor::before(op);
            let mul = |a, b| {
                options.count("products", 1);
                cursor.value(ops::mul(op.location(), a, b))
            };
            let (mut square, mut rest) = (pow.x, pow.exponent);
            let mut product: Option<Value> = None;
            loop {
                if rest % 2 == 1 {
                    product = Some(product.map_or(Ok(square), |product| mul(product, square))?);
                }
                rest /= 2;
                if rest == 0 {
                    break;
                }
                square = mul(square, square)?;
            }
            rewrite::replace(op, &[product.unwrap_or(pow.x)]);
        }
        Ok(())
    }
}
