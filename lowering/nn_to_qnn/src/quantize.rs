//! The conversion of a whole module, and the pass around it.

use crate::emit::Emitter;
use crate::families;
use crate::model::Model;
use crate::scales::Scales;
use crate::separate::separate;
use melior::ir::{OperationRef, RegionLike, operation::OperationLike};
use tessera_mlir::func::{self, Func, FuncBuilder, Port};
use tessera_mlir::op::{all_ops, op_name};
use tessera_mlir::params::{self, Params};
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::types::{Elem, Quant, TensorType};
use tessera_mlir::{Error, Result, attrs};

/// What there is to choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether sums that a sum alone reads are rounded once, with it.
    pub merge_sums: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { merge_sums: true }
    }
}

/// Replaces `@main` of nn ops by one of qnn ops, and the module's parameters by quantized ones.
///
/// `name` is what the new parameters are registered under and attached as. The inputs and outputs of the function
/// become quantized tensors; nothing real is left in it.
///
/// # Errors
/// Every op that cannot be quantized, then every value without a calibrated range. The module computes what it did then.
pub fn quantize(module: OperationRef, weights: &Params, name: &str, settings: &Settings) -> Result<Params> {
    separate(module, weights, settings)?;
    let old = Func::main(module)?;
    let context = old.context();
    let model = Model::read(old, weights, settings, |op| families::of(op).role(), families::check)?;
    let scales = Scales::choose(&model)?;
    let body = module.region(0)?.first_block().ok_or_else(|| Error::new("the module has no body"))?;
    let ports: Vec<Port> = (0..old.arguments().len())
        .map(|i| {
            let shape = model.values[i].shape.clone();
            let ty = match model.values[i].indices {
                true => TensorType { shape, elem: Elem::Int(64) },
                // what a user may feed has the bounds that calibration saw
                false => {
                    let (min, max) = scales.interval(i);
                    TensorType::quant(shape, Quant { min, max, ..scales.quant(i) })
                }
            };
            Port::new(old.argument_name(i), ty.to_type(context))
        })
        .collect();
    let new = FuncBuilder::new(body, old.op.location(), "main", &ports)?;
    let mut emitter = Emitter::new(&model, &scales, new.cursor());
    for i in 0..ports.len() {
        emitter.set(i, new.argument(i)?);
    }
    let converted = (0..model.ops.len()).try_for_each(|op| emitter.convert(op));
    let returned: Result<Vec<_>> =
        converted.and_then(|()| model.returns.iter().map(|&v| emitter.returned(v)).collect());
    let names: Vec<String> = (0..model.returns.len()).map(|i| old.result_name(i)).collect();
    let (params, globals) = (std::mem::take(&mut emitter.params), std::mem::take(&mut emitter.globals));
    drop(emitter);
    let built = match returned {
        Ok(values) => new.finish(&values, &names)?,
        Err(e) => {
            // Leave the module as it was.
            if let Some(op) = last_function(module) {
                tessera_mlir::rewrite::erase(op);
            }
            return Err(e);
        }
    };
    debug_assert_eq!(attrs::read_string(built.op, "sym_name").ok().as_deref(), Some("main"));
    old.erase();
    for (global, _) in func::globals(module)? {
        func::erase_global(module, &global);
    }
    for (global, ty, location) in globals {
        func::declare_global(body, location, &global, ty.to_type(context))?;
    }
    params::put(name, params.clone());
    params::attach(module, name);
    Ok(params)
}

/// The function that was begun last.
fn last_function<'c, 'a>(module: OperationRef<'c, 'a>) -> Option<OperationRef<'c, 'a>> {
    let ops = all_ops(module);
    ops.into_iter().rev().find(|&op| op_name(op) == "func.func")
}

/// The name for the quantized parameters of a module: `lenet.safetensors` gives `lenet.q.safetensors`.
pub fn quantized_name(module: OperationRef) -> String {
    match params::name_of(module) {
        Some(name) => format!("{}.q.safetensors", name.trim_end_matches(".safetensors")),
        None => "model.q.safetensors".to_owned(),
    }
}

/// `convert-nn-to-qnn`
pub struct ConvertNnToQnn;

impl Pass for ConvertNnToQnn {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "convert-nn-to-qnn",
            summary: "Quantize a calibrated network to integers of 8 to 13 bits, by its size and depth",
            expects: "a function @main of nn ops whose inputs and results carry calibrated ranges (nn.range), and whose \
                      parameters are found",
            guarantees: "a function @main of qnn ops from quantized inputs to quantized outputs: weights in 8 bits with \
                         a scale per output channel, activations in 8 bits, outputs in 16; where at least 2^14 elements are rounded, or \
                         by at least 8 layers, weights in 10 bits and activations in 9, from 2^19 elements on in 10, and from 2^21 on in \
                         12; every sum fits 32 bits, and \
                         for every requantization 0 <= sum*multiplier + 2^(shift-1) + 2^31 < 2^32, both proven from the \
                         actual weights. With softmax or normalizations: weights in 12 bits and activations in 13, in steps of powers of two, sums that flow \
                         into a normalization and outputs exact, without a clamp. What decisions of small networks are made of, up to 2^18 products \
                         that flow into comparisons, has 16 bits everywhere; sums of weights that comparisons alone read, as an argmax, are exact. What a fake_quantize gives \
                         is stored as the integers of its grid, and weights that meet it as those of theirs",
            rejects: "ops that have no quantized form, all of them at once and before anything is changed; values \
                      without a calibrated range",
            options: const {
                &[
                    OptionSpec::text("params", "name for the quantized parameters", ""),
                    OptionSpec::boolean(
                        "merge-sums",
                        "round sums that a sum alone reads once, with it; without, each for itself",
                        true,
                    ),
                ]
            },
            example: r#"func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<1x4xf32> {nn.name = "y"}) {
  %a = nn.add %x, %x {nn.range = array<f64: -2.0, 2.0>} : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %r = nn.relu %a {nn.range = array<f64: 0.0, 2.0>} : tensor<1x4xf32>
  return %r : tensor<1x4xf32>
}"#,
        }
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let name = match options.text("params") {
            "" => quantized_name(module),
            name => name.to_owned(),
        };
        let weights = params::of(module)?;
        let settings = Settings { merge_sums: options.boolean("merge-sums") };
        quantize(module, &weights, &name, &settings).map(|_| ())
    }
}
