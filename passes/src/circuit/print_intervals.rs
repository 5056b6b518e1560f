//! `circuit-print-intervals`: what is proven about every value, as remarks.

use melior::ir::{
    OperationRef, Value,
    operation::{OperationLike, OperationResult},
};
use tessera_circuit::{analysis::Analysis, ops::CircuitType, semantics::Interval};
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::{Result, diag, func::Func, op::op_name};

/// The pass; its [`PassInfo`] describes it.
pub struct PrintIntervals;

impl Pass for PrintIntervals {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "circuit-print-intervals",
            summary: "Say of every value which interval is proven for it, and in how many bits it fits",
            expects: "a circuit whose parameters are at hand.",
            guarantees: "the IR is unchanged; a remark at each op compares the interval that is proven from the actual weights, over \
                         all channels, with the declared one.",
            rejects: "keys of a lookup that are not proven to lie in the table's domain.",
            options: &[],
            example: super::intervals::EXAMPLE,
        }
    }

    fn run(&self, module: OperationRef, _: &Options) -> Result<()> {
        let mut analysis = Analysis::of(module)?;
        for op in Func::main(module)?.ops() {
            analysis.visit(op)?;
            for (index, result) in op.results().enumerate() {
                let value: Value = OperationResult::into(result);
                let (proven, declared) = (analysis.hull(value)?, CircuitType::of(value)?.interval());
                let which = if op.result_count() > 1 { format!(" result {index}") } else { String::new() };
                let mut text = format!("'{}'{which}: within {proven}, {} bits", op_name(op), bits(proven));
                if proven != declared {
                    text += &format!("; declared within {declared}, {} bits", bits(declared));
                }
                diag::remark(op.location(), &text);
            }
        }
        Ok(())
    }
}

/// Bits of the smallest integer type that holds an interval: two's complement where it has negative numbers.
fn bits(interval: Interval) -> u32 {
    let magnitude = |value: i128| i128::BITS - (if value < 0 { !value } else { value }).leading_zeros();
    let most = magnitude(interval.lo).max(magnitude(interval.hi));
    most + u32::from(interval.lo < 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_smallest_type() {
        let of = |lo: i64, hi: i64| bits(Interval::new(lo, hi));
        assert_eq!(
            [of(0, 0), of(0, 1), of(0, 255), of(0, 256), of(-1, 0), of(-128, 127), of(-128, 128)],
            [0, 1, 8, 9, 1, 8, 9]
        );
    }
}
