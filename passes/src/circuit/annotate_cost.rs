//! `circuit-annotate-cost`: what each op commits and looks up, as an attribute.

use melior::ir::{OperationRef, operation::OperationLike};
use tessera_circuit::cost::{self, OpCost};
use tessera_mlir::func::Func;
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::{Result, diag};

/// The pass; its [`PassInfo`] describes it.
pub struct AnnotateCost;

impl Pass for AnnotateCost {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "circuit-annotate-cost",
            summary: "Note at each op how many cells it commits and how often it looks up",
            expects: "a circuit.",
            guarantees: "the same circuit; every op that costs something carries circuit.cost: fixed cells, witness cells and \
                         lookups, by its shapes alone; packing, padding and sharing are the placement's.",
            rejects: "nothing.",
            options: const {
                &[OptionSpec::boolean("total", "whether to say the sum, as a remark at @main", false)]
            },
            example: EXAMPLE,
        }
    }

    fn nests(&self) -> bool {
        true
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let mut total = OpCost::default();
        for op in main.ops() {
            if let Some(cost) = OpCost::of(op)? {
                cost::annotate(op, cost);
                total = total + cost;
            }
        }
        if options.boolean("total") {
            diag::remark(main.op.location(), &total.to_string());
        }
        Ok(())
    }
}

const EXAMPLE: &str = r#"circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100, 100]
  %y = circuit.lookup @relu(%x) : 4 in [-100, 100] -> [0, 100]
  circuit.output %y "y" public : 4 in [0, 100]
  return
}"#;
