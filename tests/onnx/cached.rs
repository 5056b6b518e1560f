//! The export with a cache of keys and values: token by token it gives the integers that the whole sequence gives.
//!
//! Both are quantized with the ranges of the whole sequence: whoever calibrates a cached export apart has other scales, and another model.

use crate::{context, here, import, noise};
use melior::Context;
use melior::ir::operation::OperationLike;
use melior::ir::{Module, OperationRef};
use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate};
use std::collections::{BTreeMap, HashMap};
use tessera_mlir::func::Func;
use tessera_mlir::op::op_name;
use tessera_mlir::params::{Param, ParamData, Params};
use tessera_mlir::{attrs, loc};
use tessera_nn_to_qnn::{Method, Settings};
use tessera_qnn::interp::Plan;

const POSITIONS: usize = 16;
const HEADS: usize = 4;
const WIDTH: usize = 16;

/// Tokens of a text, one after the other.
fn text(at: usize) -> Vec<i64> {
    let file = std::fs::File::open(here().join("../models/gpt2_tiny_test.npz")).unwrap();
    let ids: ndarray::Array2<i64> = ndarray_npy::NpzReader::new(file).unwrap().by_name("ids").unwrap();
    ids.row(at).iter().take(POSITIONS).copied().collect()
}

fn ids(of: &[i64]) -> ArrayD<i64> {
    ArrayD::from_shape_vec(IxDyn(&[1, of.len()]), of.to_vec()).unwrap()
}

/// An op: the node it came from, its name, and its place among the ops of that name that the node became.
type Key = (String, String, usize);
type Ranges = HashMap<Key, (f64, f64)>;

/// Visits the ops that came from nodes.
fn each(function: &Func, mut visit: impl FnMut(OperationRef, Key)) {
    let mut seen = HashMap::new();
    for op in function.ops() {
        let Some(node) = loc::node_name(op.location()) else { continue };
        let count = seen.entry((node.clone(), op_name(op))).or_insert(0);
        visit(op, (node, op_name(op), *count));
        *count += 1;
    }
}

/// The whole sequence, quantized, and what the cached export takes over from it.
struct Whole {
    plan: Plan,
    ranges: Ranges,
    /// In the order in which they are read.
    weights: Vec<Param>,
}

/// The weights of a model in the order in which it reads them, without what the exporter made: scales and masks.
fn weights(function: &Func, params: &Params) -> Vec<(String, Param)> {
    let names = function
        .ops()
        .into_iter()
        .filter_map(|op| tessera_mlir::func::global_name(op.result(0).ok()?.into()));
    let made = |name: &String| name.ends_with(".scale") || name.ends_with(".constant");
    names.filter(|name| !made(name)).map(|name| (name.clone(), Param::clone(&params.0[&name]))).collect()
}

fn quantized(module: &Module, params: &Params, name: &str) -> Plan {
    let op = module.as_operation();
    let quantized = tessera_nn_to_qnn::quantize(op, params, name, &Settings::default()).unwrap();
    tessera_mlir::verify(module).unwrap();
    Plan::new(&Func::main(op).unwrap(), &quantized).unwrap()
}

/// Weights as great as those of a layer are, from a seed.
fn drawn(like: &Param, seed: u64) -> Param {
    let fan_in = like.shape.last().copied().unwrap_or(1) as f32;
    let gain = if like.shape.len() > 1 { 3.0 / fan_in.sqrt() } else { 0.3 };
    let data: Vec<f32> = noise(&like.shape, seed).iter().map(|x| x * gain).collect();
    Param::new(like.shape.clone(), ParamData::F32(data.into())).unwrap()
}

fn whole(context: &Context, seed: Option<u64>) -> Whole {
    let (module, mut params) = import(context, &here().join("../models/gpt2_tiny.onnx"));
    let function = Func::main(module.as_operation()).unwrap();
    let found = weights(&function, &params);
    for (i, (name, param)) in found.iter().enumerate() {
        if let Some(seed) = seed {
            params.0.insert(name.clone(), drawn(param, seed + i as u64).into());
        }
    }
    let weights = weights(&function, &params).into_iter().map(|(_, param)| param).collect();
    let samples: Vec<_> = (0..16).map(|at| vec![ids(&text(at)).mapv(|id| id as f32)]).collect();
    tessera_nn_to_qnn::calibrate(module.as_operation(), &params, &samples, Method::MinMax).unwrap();
    let mut ranges = Ranges::new();
    each(&function, |op, key| {
        ranges.extend(attrs::range(op).map(|range| (key, range)));
    });
    let plan = quantized(&module, &params, &format!("whole.{seed:?}.safetensors"));
    Whole { plan, ranges, weights }
}

/// The cached export for a token with `past` ones before it; the file is of 8.
fn cached(context: &Context, whole: &Whole, past: usize, name: &str) -> Plan {
    let (module, mut params) = import(context, &here().join("../models/gpt2_tiny_kv.onnx"));
    let function = Func::main(module.as_operation()).unwrap();
    let own = weights(&function, &params);
    assert_eq!(own.len(), whole.weights.len());
    for ((name, own), whole) in own.into_iter().zip(&whole.weights) {
        let param = match own.shape == whole.shape {
            true => whole.clone(),
            // the row of this position
            false => {
                assert_eq!((&own.shape[..], &whole.shape[..]), (&[1, 64][..], &[POSITIONS, 64][..]));
                let rows = whole.data.f32s().unwrap();
                Param::new([1, 64], ParamData::F32(rows[64 * past..64 * (past + 1)].to_vec().into())).unwrap()
            }
        };
        params.0.insert(name, param.into());
    }
    each(&function, |op, key| {
        if let Some(&(low, high)) = whole.ranges.get(&key) {
            attrs::set_range(op, low, high);
        }
    });
    // all three parts of what was split have one scale
    for layer in 0..2 {
        let parts =
            [1, 2].map(|part| whole.ranges[&(format!("/b.{layer}/a/Split"), "nn.slice".to_owned(), part)]);
        for (part, (low, high)) in parts.into_iter().enumerate() {
            function.set_argument_range(1 + 2 * layer + part, low, high);
        }
    }
    function.set_argument_range(0, 0.0, 95.0);
    let text = tessera_mlir::print(&module);
    let text = text.replace("x8x16", "x?x16").replace("x9x", &format!("x{}x", past + 1));
    let text = text.replace('?', &past.to_string());
    let module = tessera_mlir::parse(context, &text, name).unwrap();
    quantized(&module, &params, name)
}

/// Keys and values of both layers, [1, heads, positions, width] each, and the scores of every position.
struct Run {
    caches: Vec<ArrayD<i64>>,
    scores: ArrayD<i64>,
}

/// The whole sequence at once.
fn at_once(plan: &Plan, text: &[i64]) -> Run {
    let mut caches = vec![];
    let outputs = plan
        .run_observed(&[ids(text)], |step, value| {
            if step.mnemonic == "qnn.slice" && value.shape() == [1, POSITIONS, HEADS * WIDTH] {
                caches.push(value.clone());
            }
        })
        .unwrap();
    let heads = |part: &ArrayD<i64>| {
        let split = part.to_shape((1, POSITIONS, HEADS, WIDTH)).unwrap().to_owned();
        split.permuted_axes([0, 2, 1, 3]).as_standard_layout().into_owned().into_dyn()
    };
    // queries, keys and values of each layer
    let caches = [1, 2, 4, 5].map(|part| heads(&caches[part])).into();
    Run { caches, scores: outputs[0].clone() }
}

fn first(of: &ArrayD<i64>, positions: usize) -> ArrayD<i64> {
    of.slice_axis(Axis(2), Slice::from(..positions)).as_standard_layout().into_owned()
}

fn greatest(scores: impl Iterator<Item = i64>) -> i64 {
    let (at, _) = scores
        .enumerate()
        .fold((0, i64::MIN), |best, (at, score)| if score > best.1 { (at, score) } else { best });
    at as i64
}

/// Says a text token by token with the cache, and compares with what the whole sequence gives at once.
fn agree(whole: &Whole, cached: &BTreeMap<usize, Plan>, prompt: &[i64]) {
    // the key and value of the first token, before which there is nothing to cache
    let mut text = prompt[..1].to_vec();
    text.resize(POSITIONS, 0);
    let mut caches: Vec<_> = at_once(&whole.plan, &text).caches.iter().map(|cache| first(cache, 1)).collect();
    let mut text = prompt.to_vec();
    let mut scores = vec![];
    for past in 1..POSITIONS {
        let inputs: Vec<_> = std::iter::once(ids(&text[past..=past])).chain(caches).collect();
        let mut outputs = cached[&past].run(&inputs).unwrap();
        let said = outputs.remove(0);
        if past + 1 == text.len() {
            text.push(greatest(said.iter().copied()));
        }
        scores.push(said.into_shape_with_order(IxDyn(&[1, 1, 96])).unwrap());
        caches = outputs;
    }
    let once = at_once(&whole.plan, &text[..POSITIONS]);
    assert_eq!(caches, once.caches, "keys and values");
    let scores: Vec<_> = scores.iter().map(ArrayD::view).collect();
    let expected = once.scores.slice_axis(Axis(1), Slice::from(1..));
    assert_eq!(concatenate(Axis(1), &scores).unwrap(), expected, "scores");
    for at in prompt.len()..=POSITIONS {
        let row = once.scores.index_axis(Axis(1), at - 1);
        assert_eq!(text[at], greatest(row.iter().copied()), "token {at}");
    }
}

fn plans(context: &Context, whole: &Whole, name: &str) -> BTreeMap<usize, Plan> {
    (1..POSITIONS)
        .map(|past| (past, cached(context, whole, past, &format!("{name}.{past}.safetensors"))))
        .collect()
}

#[test]
fn a_cached_text_is_that_of_the_whole_sequence() {
    let context = context();
    let whole = whole(&context, None);
    let cached = plans(&context, &whole, "cached");
    for at in 0..8 {
        agree(&whole, &cached, &text(8 * at)[..5 + at]);
    }
}

#[test]
fn a_cached_text_of_a_random_model_is_that_of_the_whole_sequence() {
    let context = context();
    for seed in [3, 5, 9] {
        let whole = whole(&context, Some(1000 * seed));
        let cached = plans(&context, &whole, &format!("cached.{seed}"));
        agree(&whole, &cached, &text(seed as usize)[..3]);
    }
}
