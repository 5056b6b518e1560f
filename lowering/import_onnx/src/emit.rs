//! From the plain graph to IR: a module with one `func.func @main` of nn ops, and the weights beside it.
//!
//! Invariants:
//! - Every op has the name of its ONNX node as location.
//! - Every constant becomes one `ml_program.global`, declared in order of first use, its data in [`Params`].

use crate::error::ImportError;
use crate::graph::{Graph, Value as GraphValue};
use melior::{
    Context,
    ir::{Location, Module, Type, Value},
};
use std::collections::BTreeSet;
use tessera_mlir::func::{self, FuncBuilder, Port};
use tessera_mlir::loc;
use tessera_mlir::params::{self, Param, ParamData, Params};
use tessera_mlir::types::TensorType;
use tessera_mlir::{Error, attrs};

/// Builds and verifies the module. With a name for the weights, registers and attaches them.
pub(crate) fn emit<'c>(
    context: &'c Context,
    graph: Graph,
    weights: Option<&str>,
) -> Result<(Module<'c>, Params), ImportError> {
    let (module, params) = build(context, graph).map_err(|e| ImportError::Build(e.to_string()))?;
    if let Some(name) = weights {
        params::put(name, params.clone());
        params::attach(module.as_operation(), name);
    }
    Ok((module, params))
}

fn build<'c>(context: &'c Context, graph: Graph) -> tessera_mlir::Result<(Module<'c>, Params)> {
    let module = Module::new(Location::unknown(context));
    let names = unique_names(&graph);
    let mut params = Params::default();
    let types: Vec<Type> = (graph.constants.iter())
        .map(|constant| TensorType::f32(constant.data.shape().to_vec()).to_type(context))
        .collect();
    for ((name, constant), &ty) in names.iter().zip(graph.constants).zip(&types) {
        func::declare_global(module.body(), loc::node(context, name), name, ty)?;
        let shape = constant.data.shape().to_vec();
        let data = match constant.data {
            data if data.is_standard_layout() => data.into_raw_vec_and_offset().0,
            data => data.into_iter().collect(),
        };
        params.insert(name, Param::new(shape, ParamData::F32(data.into()))?);
    }
    let ports: Vec<Port> = graph
        .inputs
        .iter()
        .map(|(name, ty)| Port { name: name.clone(), ty: ty.to_type(context), range: None })
        .collect();
    let function = FuncBuilder::new(module.body(), Location::unknown(context), "main", &ports)?;
    let cursor = function.cursor();
    let mut constants: Vec<Option<Value>> = vec![None; names.len()];
    let mut results: Vec<Value> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let location = loc::node(context, &node.name);
        let op = node.op.try_map(|&v| {
            Ok::<_, Error>(match v {
                GraphValue::Input(i) => function.argument(i)?,
                GraphValue::Node(i) => results[i],
                GraphValue::Const(i) => match constants[i] {
                    Some(value) => value,
                    None => {
                        let load = func::load_global(loc::node(context, &names[i]), &names[i], types[i]);
                        *constants[i].insert(cursor.value(load)?)
                    }
                },
            })
        })?;
        results.push(cursor.value(op.build(location))?);
    }
    let mut returned = Vec::new();
    for (name, v) in &graph.outputs {
        returned.push(match v {
            GraphValue::Input(i) => function.argument(*i)?,
            GraphValue::Node(i) => results[*i],
            GraphValue::Const(_) => {
                return Err(Error::new(format!("the output \"{name}\" does not depend on the input")));
            }
        });
    }
    let outputs: Vec<&str> = graph.outputs.iter().map(|(name, _)| name.as_str()).collect();
    let function = function.finish(&returned, &outputs)?;
    for (input, texts) in graph.texts.iter().enumerate() {
        if let Some(texts) = texts {
            function.set_argument(input, attrs::TEXTS, attrs::int(context, *texts as i64));
        }
    }
    tessera_mlir::verify(&module)?;
    Ok((module, params))
}

/// One symbol per constant: its name without a leading slash, numbered where two constants share it.
fn unique_names(graph: &Graph) -> Vec<String> {
    let mut taken = BTreeSet::new();
    graph
        .constants
        .iter()
        .map(|c| {
            let base = c.name.trim_start_matches('/').to_owned();
            let base = if base.is_empty() { "constant".to_owned() } else { base };
            let mut name = base.clone();
            let mut number = 1;
            while !taken.insert(name.clone()) {
                number += 1;
                name = format!("{base}.{number}");
            }
            name
        })
        .collect()
}
