//! `circuit-intervals`: proves every declared interval from the actual weights, and tightens it to what is proven.

use melior::ir::{
    OperationRef, Value,
    operation::{OperationLike, OperationResult},
};
use tessera_circuit::{analysis::Analysis, ops::CircuitType};
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::{Error, Result, func::Func, op::op_name};

/// The pass; its [`PassInfo`] describes it.
pub struct Intervals;

impl Pass for Intervals {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "circuit-intervals",
            summary: "Prove declared intervals from the actual weights, channel by channel, and tighten them",
            expects: "a circuit whose parameters are at hand.",
            guarantees: "every value's type holds the interval that is proven for it: the hull over its channels.",
            rejects: "an interval that declares less than what is possible, with both; keys of a lookup not proven to lie in \
                      the table's domain.",
            options: &[],
            example: EXAMPLE,
        }
    }

    fn run(&self, module: OperationRef, _: &Options) -> Result<()> {
        let mut analysis = Analysis::of(module)?;
        let mut errors = vec![];
        for op in Func::main(module)?.ops() {
            if let Err(error) = prove(&mut analysis, op) {
                errors.push(error);
            }
        }
        Error::all(errors)
    }
}

/// Checks that what an op declares holds what is proven, then declares what is proven.
fn prove(analysis: &mut Analysis, op: OperationRef) -> Result<()> {
    let results: Vec<Value> = op.results().map(OperationResult::into).collect();
    let declared = results.iter().map(|&value| CircuitType::of(value)).collect::<Result<Vec<_>>>()?;
    analysis.tighten(op)?;
    for (value, declared) in results.into_iter().zip(declared) {
        let (proven, declared) = (analysis.hull(value)?, declared.interval());
        if !declared.contains(proven) {
            return Err(Error::at(
                op.location(),
                format!(
                    "'{}': declares values within {declared}, but {proven} is possible; widen what it declares, or narrow its operands",
                    op_name(op)
                ),
            ));
        }
    }
    Ok(())
}

pub(super) const EXAMPLE: &str = r#"func.func @main() {
  %x = circuit.input "x" public : 1x2 in [0, 10]
  %w = circuit.constant [3, -1, 2, 0] : 2x2 in [-1, 3]
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 1x2 in [0, 10], 2x2 in [-1, 3] -> 1x2 in [-1000, 1000]
  circuit.output %y "y" public : 1x2 in [-1000, 1000]
  return
}"#;
