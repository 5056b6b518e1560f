//! A model's IR, run by the interpreters of its levels: the meaning that proofs are held to.
use crate::cli;
use crate::commands::run::Outputs;
use crate::data::bind::Inputs;
use crate::failure::{Failure, Result};
use crate::model::{Model, Port};
use crate::statement::reals;
use melior::ir::operation::OperationLike;
use melior::{Context, ir::Module};
use ndarray::ArrayD;
use rayon::prelude::*;
use serde::Serialize;
use tessera_mlir::op::op_name;
use tessera_mlir::types::{self, Elem};
use tessera_mlir::{Place, func::Func, params::Params};

/// IR of one level with its parameters.
pub struct Opened<'c> {
    /// The module.
    pub module: Module<'c>,
    /// Its parameters.
    pub params: Params,
}

/// Parses a level of a model.
pub fn open<'c>(context: &'c Context, model: &Model, level: &str) -> Result<Opened<'c>> {
    let l = model
        .levels
        .get(level)
        .ok_or_else(|| Failure::new(format!("the model carries no IR of the level {level:?}")))?;
    let module = tessera_mlir::parse(context, &l.text()?, &format!("{}.mlir", level))?;
    Ok(Opened { module, params: Params::from_shared(&l.params.bytes()?)? })
}

/// The float network, ready to run.
pub fn nn(context: &Context, model: &Model) -> Result<tessera_nn::interp::Plan> {
    let o = open(context, model, "nn")?;
    Ok(tessera_nn::interp::Plan::new(&Func::main(o.module.as_operation())?, &o.params)?)
}

/// The quantized network, ready to run.
pub fn qnn(context: &Context, model: &Model) -> Result<tessera_qnn::interp::Plan> {
    let o = open(context, model, "qnn")?;
    Ok(tessera_qnn::interp::Plan::new(&Func::main(o.module.as_operation())?, &o.params)?)
}

/// An operation of the quantized network.
#[derive(Debug, PartialEq, Serialize)]
pub struct Layer {
    /// The node of the ONNX file that it comes from.
    pub name: String,
    /// Its kind, without the dialect.
    pub op: String,
    /// Of its result.
    pub shape: Vec<usize>,
    /// Of its result's integers.
    pub bits: Option<u32>,
}

/// The operations of the quantized network, in its order; none of a model without that level.
pub fn layers(model: &Model) -> Result<Vec<Layer>> {
    if !model.levels.contains_key("qnn") {
        return Ok(vec![]);
    }
    let context = tessera_passes::context();
    let opened = open(&context, model, "qnn")?;
    let mut layers = vec![];
    for op in Func::main(opened.module.as_operation())?.ops() {
        let name = op_name(op);
        let Some(kind) = name.strip_prefix("qnn.") else { continue };
        let ty = types::of(op.result(0).map_err(tessera_mlir::Error::from)?.into())?;
        let place = Place::new(op.location());
        layers.push(Layer {
            name: place.node.clone().unwrap_or_else(|| place.to_string()),
            op: kind.into(),
            bits: match &ty.elem {
                Elem::Quant(q) => Some(q.bits),
                Elem::Int(bits) => Some(*bits),
                _ => None,
            },
            shape: ty.shape,
        });
    }
    Ok(layers)
}

/// The inputs of each inference as arrays of the model's shapes.
pub fn samples(ports: &[Port], inputs: &Inputs) -> Result<Vec<Vec<ArrayD<f32>>>> {
    let one = |i: usize| {
        let array = |(t, p): (usize, &Port)| {
            ArrayD::from_shape_vec(p.shape.clone(), inputs.one(t, i).to_vec())
                .map_err(|e| Failure::new(format!("input {:?}: {e}", p.name)))
        };
        ports.iter().enumerate().map(array).collect()
    };
    (0..inputs.count).map(one).collect()
}

/// The same as integers.
pub fn integers(ports: &[Port], samples: &[Vec<ArrayD<f32>>]) -> Vec<Vec<ArrayD<i64>>> {
    // finite numbers only: they were checked when they were read
    let array = |(x, p): (&ArrayD<f32>, &Port)| x.mapv(|v| p.quantize(v).unwrap_or(0));
    samples.iter().map(|s| s.iter().zip(ports).map(array).collect()).collect()
}

/// Runs all inferences by the interpreter of a level.
pub fn outputs(model: &Model, inputs: &Inputs, level: cli::Level) -> Result<Outputs> {
    let m = &model.metadata;
    let samples = samples(&m.inputs, inputs)?;
    let context = tessera_passes::context();
    let integers = match level {
        cli::Level::Nn => {
            let plan = nn(&context, model)?;
            let runs = samples.par_iter().map(|s| plan.run(s)).collect::<Result<Vec<_>, _>>()?;
            let values = join(runs, m.outputs.len(), f64::from);
            return Ok(Outputs { integers: vec![], values });
        }
        cli::Level::Qnn => {
            let plan = qnn(&context, model)?;
            join(plan.run_many(&integers(&m.inputs, &samples))?, m.outputs.len(), |x| x)
        }
        cli::Level::Circuit => {
            let o = open(&context, model, "circuit")?;
            let run =
                |x: &Vec<ArrayD<i64>>| tessera_circuit::interp::run(o.module.as_operation(), x, &o.params);
            let runs = integers(&m.inputs, &samples).iter().map(run).collect::<Result<Vec<_>, _>>()?;
            join(runs, m.outputs.len(), |x| x)
        }
        cli::Level::Program => crate::commands::run::program(model, inputs)?,
    };
    let values = reals(m, &integers);
    Ok(Outputs { integers, values })
}

/// Per output port, the values of all inferences one after the other.
fn join<A: Copy, B>(runs: Vec<Vec<ArrayD<A>>>, ports: usize, f: impl Fn(A) -> B) -> Vec<Vec<B>> {
    let port =
        |p: usize| runs.iter().filter_map(|r| r.get(p)).flat_map(|a| a.iter().map(|x| f(*x))).collect();
    (0..ports).map(port).collect()
}
