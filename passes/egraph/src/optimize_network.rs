//! `nn-optimize`: a network's equal forms side by side, and the one of least cost in its place.

use crate::extract::Extractor;
use crate::ilp;
use crate::network::{Beside, Form, Graph, folded};
use crate::op::Op;
use crate::optimize::NETWORK_RULES;
use crate::rewrite::Limits;
use crate::space::Space;
use crate::text::{self, Rule};
use melior::ir::{OperationRef, RegionLike, operation::OperationLike};
use std::collections::BTreeSet;
use tessera_api::{TargetSpec, spec};
use tessera_mlir::func::{self, Func};
use tessera_mlir::graph::GraphOp;
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::{Error, Result, attrs, context_of, params};

/// The pass; its [`PassInfo`] describes it.
pub struct OptimizeNetwork;

/// The rules of the nn dialect that are shipped.
///
/// # Errors
/// When they do not read.
pub fn network_rules() -> Result<Vec<Rule<Form<()>>>> {
    text::read(NETWORK_RULES, <Form<()> as Op>::NAMES)
}

impl Pass for OptimizeNetwork {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "nn-optimize",
            summary: "Put the cheapest of a network's equal forms in its place",
            expects: "a network of nn ops whose parameters are at hand, before its ranges are calibrated.",
            guarantees: "the same network, or one that computes the same function of real numbers, up to rounding, and costs less by the prices \
                         of the backend for the forms that its ops have once they are quantized. What depends on no input is computed, \
                         and is a parameter. Rounded integers of the two differ: tessera eval compares each with the network of numbers.",
            rejects: "a function with an op of another dialect; parameters that are not at hand.",
            options: const {
                &[
                    OptionSpec::text(
                        "disable",
                        "the names of rules that are not used, with + between them",
                        "",
                    ),
                    OptionSpec::int("rounds", "rounds over all rules, at most", 6, 1, 1000),
                    OptionSpec::int("nodes", "nodes of the e-graph, at most", 5_000, 1, 10_000_000),
                    OptionSpec::int(
                        "margin",
                        "by how many thousandths of its cost another form must be cheaper, not to be taken for the error of the prices",
                        20,
                        0,
                        1000,
                    ),
                ]
            },
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("equalities", "ways in which a rule found something new"),
            ("changed", "networks that a cheaper form took the place of"),
        ]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let target = attrs::opt_parsed::<TargetSpec>(module, spec::ATTRIBUTE)?.unwrap_or_default();
        let mut rules = network_rules()?;
        let disabled: Vec<&str> =
            options.text("disable").split('+').filter(|name| !name.is_empty()).collect();
        if let Some(name) = disabled.iter().find(|name| !rules.iter().any(|rule| rule.name == **name)) {
            return Err(Error::new(format!("there is no rule {name:?}")));
        }
        rules.retain(|rule| !disabled.contains(&&rule.name[..]));
        let limits = Limits {
            rounds: options.int("rounds") as usize,
            nodes: options.int("nodes") as usize,
            ..Limits::default()
        };
        let graph = Graph::read(main)?;
        let mut space = Space::of(&graph, Beside(target))?;
        space.saturate(&rules, &limits)?;
        options.count("equalities", space.applied.len());
        let extractor = Extractor::new(&space);
        let before = extractor.cost_of(&graph)?;
        let (mut choice, mut after) = extractor.best()?;
        if let Some(found) = ilp::best(&extractor)
            && found.cost < after
        {
            (choice, after) = (found.choice, found.cost);
        }
        let gained = u128::from(before.saturating_sub(after)) * 1000;
        if after >= before || gained <= u128::from(before) * options.int("margin") as u128 {
            return Ok(());
        }
        let known = params::of(module)?;
        let (found, made) = folded(&extractor.write(&choice, &graph)?, &known)?;
        let declared: BTreeSet<String> = func::globals(module)?.into_iter().map(|(name, _)| name).collect();
        let body = module.region(0).ok().and_then(|region| region.first_block());
        let body = body.ok_or_else(|| Error::at(module.location(), "expected a module with a body"))?;
        for node in &found.ops {
            if let (Form::Parameter(name, _), [value]) = (&node.op, &node.results[..])
                && !declared.contains(name)
            {
                let ty =
                    <Form<usize> as GraphOp>::to_type(&found.values[*value], context_of(module.location()))?;
                func::declare_global(body, main.op.location(), name, ty)?;
            }
        }
        found.write(main)?;
        for name in declared.iter().filter(|name| !made.0.contains_key(*name)) {
            func::erase_global(module, name);
        }
        if !made.0.is_empty() {
            params::publish(module, "equal", made)?;
        }
        options.count("changed", 1);
        Ok(())
    }
}

const EXAMPLE: &str = r#"func.func @main(%x: tensor<4x8xf32> {nn.name = "x"}, %y: tensor<4x8xf32> {nn.name = "y"}, %z: tensor<4x8xf32> {nn.name = "z"}) -> (tensor<4x8xf32> {nn.name = "out"}) {
  %0 = nn.mul %x, %y : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = nn.mul %x, %z : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = nn.add %0, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}"#;
