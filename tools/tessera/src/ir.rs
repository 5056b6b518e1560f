//! IR as plain data: the text of a module, and the parameters that it names. What one holds between passes, and changes by hand.
//!
//! Invariant: parameters are named by their content, so that modules of one process never read each other's.
use crate::commands::compile::{self, Request, Watch};
use crate::data::DataFile;
use crate::data::bind::{self, Factor, Inputs, Wanted};
use crate::failure::{Failure, Result};
use crate::levels::{integers, samples};
use crate::model::{Model, Port};
use crate::pipeline;
use melior::Context;
use melior::ir::operation::OperationLike;
use melior::ir::{Module, OperationRef, ValueLike};
use ndarray::ArrayD;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tessera_circuit::ports::ports;
use tessera_mlir::func::Func;
use tessera_mlir::op::op_name;
use tessera_mlir::params::{self, Params};
use tessera_mlir::types::{self, Elem};
use tessera_mlir::{Place, attrs, print_with_locations, splice};
use tessera_nn_to_qnn::calibrate::SAMPLES;
use tessera_qnn::interp::Tensor;
use zk_opt::pipeline::level_of;

/// A module.
#[derive(Clone, Debug)]
pub struct Ir {
    /// With locations.
    pub text: String,
    /// By the names that the text has for them.
    params: BTreeMap<String, Arc<Params>>,
}

/// An operation of `@main`.
#[derive(Debug, PartialEq, Serialize)]
pub struct Op {
    /// Its full name.
    pub name: String,
    /// The node of the ONNX file that it comes from, or what else is known.
    pub place: String,
    /// Where each operand comes from, and its type.
    pub operands: Vec<Operand>,
    /// Types of results.
    pub results: Vec<String>,
    /// As text.
    pub attributes: BTreeMap<String, String>,
    /// The operation, without its location.
    pub text: String,
}

/// An operand.
#[derive(Debug, PartialEq, Serialize)]
pub struct Operand {
    /// The operation, counted from 0, whose result it is; none for an argument.
    pub op: Option<usize>,
    /// The number of the result, or of the argument.
    pub index: usize,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
}

/// What an operation computed.
pub struct Value {
    /// The operation, counted from 0.
    pub op: usize,
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// What an integer is multiplied by, where the type has one number for it.
    pub scale: Option<f64>,
    /// The values.
    pub data: Numbers,
}

/// Values of one kind.
pub enum Numbers {
    /// Of `nn`, and of real numbers in `qnn`.
    Real(Vec<f32>),
    /// Of everything else.
    Integer(Vec<i64>),
}

impl Ir {
    /// Parses and verifies a module. Its parameters lie in a folder, or are those of another module.
    pub fn parse(text: &str, place: &str, folder: Option<&Path>, like: Option<&Ir>) -> Result<Ir> {
        let context = tessera_passes::context();
        like.iter().for_each(|ir| ir.register());
        let module = tessera_mlir::parse(&context, text, place)?;
        let op = module.as_operation();
        for name in params::name_of(op).into_iter().chain(attrs::read_string(op, SAMPLES).ok()) {
            if let Some(folder) = folder.filter(|f| f.join(&name).is_file()) {
                params::put(name.as_str(), Params::load(&folder.join(&name))?);
            }
        }
        Ir::of(&module)
    }

    /// The module that a model has of a level, with a copy of its parameters: it lives longer than a file in which they may lie.
    pub fn of_level(model: &Model, level: &str) -> Result<Ir> {
        let context = tessera_passes::context();
        let opened = crate::levels::open(&context, model, level)?;
        let params = Params::from_bytes(&opened.params.to_bytes()?)?;
        params::publish(opened.module.as_operation(), "ir", params)?;
        Ir::of(&opened.module)
    }

    /// The network of a request as it was imported, with its samples to calibrate by.
    pub fn import(r: &Request) -> Result<Ir> {
        let context = tessera_passes::context();
        let module = compile::module_of(&context, r)?;
        let op = module.as_operation();
        params::publish(op, "ir", params::of(op)?.as_ref().clone())?;
        if let Ok(name) = attrs::read_string(op, SAMPLES) {
            let samples = params::get(&name)?;
            let hash = blake3::hash(&samples.to_bytes()?).to_hex();
            let own = format!("{}.samples-{}.safetensors", r.name, &hash[..16]);
            params::put(own.as_str(), samples.as_ref().clone());
            attrs::set(op, SAMPLES, attrs::string(tessera_mlir::context_of(op.location()), &own));
            params::forget(&name);
        }
        Ir::of(&module)
    }

    fn of(module: &Module) -> Result<Ir> {
        let op = module.as_operation();
        let names = params::name_of(op).into_iter().chain(attrs::read_string(op, SAMPLES).ok());
        let params = names.map(|name| Ok((name.clone(), params::get(&name)?))).collect::<Result<_>>()?;
        Ok(Ir { text: print_with_locations(op), params })
    }

    /// Makes its parameters known to passes.
    fn register(&self) {
        self.params
            .iter()
            .for_each(|(name, params)| drop(params::put(name.as_str(), params.as_ref().clone())));
    }

    /// The module.
    pub fn open<'c>(&self, context: &'c Context) -> Result<Module<'c>> {
        self.register();
        Ok(tessera_mlir::parse(context, &self.text, "the module")?)
    }

    /// Its level: the innermost that it has operations of.
    pub fn level(&self) -> Result<&'static str> {
        let context = tessera_passes::context();
        Ok(level_of(self.open(&context)?.as_operation())?)
    }

    /// Its parameters, as the files that its text names.
    ///
    /// # Errors
    /// Where a name leads out of the folder that the files would lie in.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let file = |(name, params): (&String, &Arc<Params>)| {
            if Path::new(name).file_name().is_none_or(|plain| plain != name.as_str()) {
                return Err(Failure::new("a module names its parameters by a path, and is not written")
                    .expected("the name of a file beside the module")
                    .found(name.clone()));
            }
            Ok((name.clone(), params.to_bytes()?))
        };
        self.params.iter().map(file).collect()
    }

    /// The operations of `@main`, in order.
    pub fn ops(&self) -> Result<Vec<Op>> {
        let context = tessera_passes::context();
        let module = self.open(&context)?;
        let main = Func::main(module.as_operation())?;
        let mut known = BTreeMap::new();
        for (i, argument) in main.arguments().into_iter().enumerate() {
            known.insert(argument.to_raw().ptr as usize, (None, i));
        }
        let mut ops = vec![];
        for (index, op) in main.ops().into_iter().enumerate() {
            let operand = |o: melior::ir::Value| {
                let (op, index) = known.get(&(o.to_raw().ptr as usize)).copied().unwrap_or_default();
                Operand { op, index, ty: o.r#type().to_string() }
            };
            let place = Place::new(op.location());
            ops.push(Op {
                name: op_name(op),
                place: place.node.clone().unwrap_or_else(|| place.to_string()),
                operands: op.operands().map(operand).collect(),
                results: op.results().map(|r| r.r#type().to_string()).collect(),
                attributes: (op.attributes())
                    .map(|(name, value)| {
                        (attrs::text(name.as_string_ref().to_raw()).unwrap_or_default(), value.to_string())
                    })
                    .collect(),
                text: splice::text(op),
            });
            for (i, result) in op.results().enumerate() {
                known.insert(result.to_raw().ptr as usize, (Some(index), i));
            }
        }
        Ok(ops)
    }

    /// The module after every pass of a pipeline, with the name of the pass. `watch` is told of every pass; its error ends the work.
    pub fn run(&self, pipeline: &str, watch: Watch) -> Result<Vec<(String, Ir)>> {
        let context = tessera_passes::context();
        let mut module = self.open(&context)?;
        let mut all = vec![];
        pipeline::observed(&mut module, pipeline, &mut |pass, op| {
            watch(pass)?;
            let names = params::name_of(op).into_iter().chain(attrs::read_string(op, SAMPLES).ok());
            let params = names.map(|name| Ok((name.clone(), params::get(&name)?))).collect::<Result<_>>()?;
            all.push((pass.to_owned(), Ir { text: print_with_locations(op), params }));
            Ok(())
        })?;
        Ok(all)
    }

    /// The module with other operations, given as text, in the places of some; see [`splice::replace_by_text`].
    ///
    /// # Errors
    /// What is wrong with each text, and with the module that comes out.
    pub fn replace(&self, texts: &BTreeMap<usize, String>) -> Result<Ir> {
        let context = tessera_passes::context();
        let module = self.open(&context)?;
        let ops = Func::main(module.as_operation())?.ops();
        let mut errors = vec![];
        for (index, text) in texts {
            let Some(op) = ops.get(*index) else {
                return Err(Failure::new(format!("there is no operation {index} in the module"))
                    .expected(format!("0 to {}", ops.len().saturating_sub(1))));
            };
            let place = op.location();
            errors.extend(
                splice::replace_by_text(module.as_operation(), *op, text).map_err(|e| e.or_at(place)).err(),
            );
        }
        tessera_mlir::Error::all(errors)?;
        tessera_mlir::verify(&module)?;
        Ir::of(&module)
    }

    /// What every operation computes of one inference, by the interpreter of the module's level.
    pub fn values(&self, data: &DataFile, factor: Option<Factor>) -> Result<Vec<Value>> {
        let context = tessera_passes::context();
        let module = self.open(&context)?;
        let op = module.as_operation();
        let (level, params) = (level_of(op)?, params::of(op)?);
        let inputs = wanted(op, level)?;
        let exact = |p: &Port| p.exact.then_some((p.min, p.max));
        let names: Vec<Wanted> = inputs
            .iter()
            .map(|p| Wanted {
                name: &p.name,
                shape: &p.shape,
                factor: None,
                integers: false,
                exact: exact(p),
                texts: &p.texts,
            })
            .collect();
        let bound: Inputs = bind::inputs(data, &names, factor)?;
        if bound.count != 1 {
            return Err(Failure::new("the values of one inference are asked for")
                .found(format!("{} inferences", bound.count)));
        }
        let sample = samples(&inputs, &bound)?.remove(0);
        let whole = |p: &Port, x: &ArrayD<f32>| -> ArrayD<i64> {
            if p.exact {
                x.mapv(|v| v as i64)
            } else {
                integers(std::slice::from_ref(p), &[vec![x.clone()]]).remove(0).remove(0)
            }
        };
        let ops = Func::main(op)?.ops();
        let mut values = vec![];
        match level {
            "nn" => {
                let plan = tessera_nn::interp::Plan::new(&Func::main(op)?, &params)?;
                plan.run_observed(&sample, |step, x| {
                    values.push(Value {
                        op: step.index,
                        shape: x.shape().to_vec(),
                        scale: None,
                        data: Numbers::Real(x.iter().copied().collect()),
                    });
                })?;
            }
            "qnn" => {
                let plan = tessera_qnn::interp::Plan::new(&Func::main(op)?, &params)?;
                let kinds = plan.inputs().iter().zip(&sample).zip(&inputs);
                let given: Vec<Tensor> = kinds
                    .map(|((input, x), p)| match input.ty.elem {
                        Elem::F32 => Tensor::Real(x.clone()),
                        _ => Tensor::Int(whole(p, x)),
                    })
                    .collect();
                plan.run_tensors(&given, |step, x| {
                    let (shape, data) = match x {
                        Tensor::Int(a) => (a.shape().to_vec(), Numbers::Integer(a.iter().copied().collect())),
                        Tensor::Real(a) => (a.shape().to_vec(), Numbers::Real(a.iter().copied().collect())),
                    };
                    let scale = match &step.ty.elem {
                        Elem::Quant(q) => q.scale(),
                        _ => None,
                    };
                    values.push(Value { op: step.index, shape, scale, data });
                })?;
            }
            _ => {
                let given: Vec<ArrayD<i64>> = inputs.iter().zip(&sample).map(|(p, x)| whole(p, x)).collect();
                let position: BTreeMap<usize, usize> =
                    ops.iter().enumerate().map(|(i, op)| (op.to_raw().ptr as usize, i)).collect();
                tessera_circuit::interp::run_observed(op, &given, &params, |op, results| {
                    let index = position.get(&(op.to_raw().ptr as usize)).copied().unwrap_or_default();
                    for x in results {
                        let data = Numbers::Integer(x.iter().copied().collect());
                        values.push(Value { op: index, shape: x.shape().to_vec(), scale: None, data });
                    }
                })?;
            }
        }
        Ok(values)
    }
}

/// The inputs of a module.
fn wanted(op: OperationRef, level: &str) -> Result<Vec<Port>> {
    if level == "circuit" {
        return Ok(ports(op)?.0.iter().map(|p| compile::port(p, None)).collect());
    }
    let main = Func::main(op)?;
    let mut inputs = vec![];
    for (i, value) in main.arguments().into_iter().enumerate() {
        let ty = types::of(value)?;
        let (scale, min, max, exact) = match &ty.elem {
            Elem::Quant(q) => (q.scale().unwrap_or(1.0), q.min, q.max, false),
            Elem::Int(_) => (1.0, 0, bind::INDICES, true),
            Elem::F32 => (1.0, 0, 0, false),
        };
        inputs.push(Port {
            name: main.argument_name(i),
            shape: ty.shape,
            scale,
            min,
            max,
            factor: None,
            exact,
            texts: vec![],
        });
    }
    Ok(inputs)
}
