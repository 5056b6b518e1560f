//! Cleans the translated graph: what the reader split apart (bias of a Gemm, flattening reshapes) comes together.
//!
//! Each rule states its equation; none changes what the model computes beyond the rounding of float32.

use crate::graph::{Constant, Graph, Node, PREVIOUS, Replacement, Value, producer};
use crate::norms;
use ndarray::ArrayD;
use tessera_mlir::functions::{self, Map, Spelled};
use tessera_mlir::shape::ConvAttrs;
use tessera_mlir::{Error, Result, compute};
use tessera_nn::{NnOp, ops::Binary};

/// Applies the rules until none fits, then drops what is not used.
pub(crate) fn simplify(graph: Graph) -> Result<Graph> {
    let mut graph = graph;
    // Every rule that fires removes a node from the live graph or moves a reshape towards the output past one node.
    let limit = 4 * (graph.nodes.len() + 4) * (graph.nodes.len() + 4);
    for _ in 0..limit {
        if !step(&mut graph)? {
            break;
        }
    }
    Ok(sweep(graph))
}

/// Applies one rule somewhere, if one fits.
fn step(graph: &mut Graph) -> Result<bool> {
    let uses = count_uses(graph);
    for i in (0..graph.nodes.len()).filter(|&i| uses[i] > 0) {
        for rule in RULES {
            if let Some(replacement) = rule(graph, i, &uses)? {
                substitute(graph, i, replacement)?;
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// A rule looks at node `i` and may give a chain of nodes whose last one replaces it.
type Rule = fn(&mut Graph, usize, &[usize]) -> Result<Option<Replacement>>;

const RULES: &[Rule] = &[
    spelled_function,
    reshape_of_reshape,
    identity_reshape,
    slice_of_slice,
    neutral_scalar,
    scalar_of_scalar,
    bias_into,
    scale_into,
    batch_norm,
    norms::uncentred,
    norms::centred,
    norms::into_linear,
    reshape_after,
];

/// What spells a function is the function: x·sigmoid(x) = silu(x).
fn spelled_function(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    for f in functions::ALL {
        for spelled in f.spelled() {
            let mut x = None;
            if spells(graph, Value::Node(i), spelled, &mut x)
                && let Some(x) = x.filter(|&x| graph.shape(x) == node.shape)
            {
                let op = NnOp::Map { x, f: Map::new(*f, &[])? };
                return Ok(Some(Replacement::Chain(vec![(node.name.clone(), op)])));
            }
        }
    }
    Ok(None)
}

/// Whether a value is what is spelled, of the operand `x` where that is known; it is known afterwards.
fn spells(graph: &Graph, value: Value, spelled: &Spelled, x: &mut Option<Value>) -> bool {
    let op = producer(graph, value).map(|node| &node.op);
    let mut either = |[first, second]: &[Spelled; 2], a: Value, b: Value| {
        [(a, b), (b, a)].into_iter().any(|(a, b)| {
            let mut found = *x;
            let both = spells(graph, a, first, &mut found) && spells(graph, b, second, &mut found);
            if both {
                *x = found;
            }
            both
        })
    };
    match (spelled, op) {
        (Spelled::X, _) => graph.constant(value).is_none() && *x.get_or_insert(value) == value,
        (Spelled::Number(n), _) => {
            graph.constant(value).is_some_and(|c| c.len() == 1 && c.iter().all(|&v| near(v.into(), *n)))
        }
        (Spelled::Add(terms), Some(&NnOp::Binary { kind: Binary::Add, a, b })) => either(terms, a, b),
        (Spelled::Mul(factors), Some(&NnOp::Binary { kind: Binary::Mul, a, b })) => either(factors, a, b),
        (Spelled::Of(name, inner), Some(NnOp::Map { x: operand, f })) if f.name() == *name => {
            spells(graph, *operand, inner, x)
        }
        (Spelled::With(name, wanted, inner), Some(NnOp::Map { x: operand, f })) if f.name() == *name => {
            let found = f.parameters();
            found.len() == wanted.len()
                && found.iter().zip(*wanted).all(|(&found, &wanted)| near(found, wanted))
                && spells(graph, *operand, inner, x)
        }
        (Spelled::Add(_) | Spelled::Mul(_) | Spelled::Of(..) | Spelled::With(..), _) => false,
    }
}

/// Whether a number is another, up to the rounding of f32.
fn near(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() <= f64::from(f32::EPSILON) * wanted.abs()
}

/// reshape(reshape(x, a), b) = reshape(x, b)
fn reshape_of_reshape(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    if let NnOp::Reshape { x, shape } = &node.op
        && let Some(NnOp::Reshape { x: inner, .. }) = producer(graph, *x).map(|inner| &inner.op)
    {
        let op = NnOp::Reshape { x: *inner, shape: shape.clone() };
        return Ok(Some(Replacement::Chain(vec![(node.name.clone(), op)])));
    }
    Ok(None)
}

/// reshape(x, shape of x) = x
fn identity_reshape(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    Ok(match node.op {
        NnOp::Reshape { x, .. } if graph.shape(x) == node.shape => Some(Replacement::Value(x)),
        _ => None,
    })
}

/// slice(slice(x)) = slice(x), with starts s₁ + t₁·s₂ and strides t₁·t₂.
fn slice_of_slice(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    let NnOp::Slice { x: Value::Node(inner), starts, sizes, strides } = &node.op else { return Ok(None) };
    let NnOp::Slice { x, starts: inner_starts, strides: inner_strides, .. } = &graph.nodes[*inner].op else {
        return Ok(None);
    };
    if uses[*inner] != 1 {
        return Ok(None);
    }
    let axes = || 0..sizes.len();
    let op = NnOp::Slice {
        x: *x,
        starts: axes().map(|a| inner_starts[a] + inner_strides[a] * starts[a]).collect(),
        sizes: sizes.clone(),
        strides: axes().map(|a| inner_strides[a] * strides[a]).collect(),
    };
    Ok(Some(Replacement::Chain(vec![(node.name.clone(), op)])))
}

/// f(reshape(x)) = reshape(f(x)) where f is elementwise and its other operand, if any, is one number.
fn reshape_after(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    let Some(x) = data_operand(graph, &node) else { return Ok(None) };
    let Value::Node(reshape) = x else { return Ok(None) };
    let Node { name, op: NnOp::Reshape { x: before, .. }, .. } = graph.nodes[reshape].clone() else {
        return Ok(None);
    };
    let other_than_numbers = |v: &Value| *v != x && graph.constant(*v).is_none_or(|c| c.len() != 1);
    if uses[reshape] != 1 || node.op.operands().iter().any(other_than_numbers) {
        return Ok(None);
    }
    let rank = graph.shape(before).len();
    let op = node.op.try_map(|&v| match graph.constant(v) {
        Some(number) if v != x => {
            let number = compute::reshape(number, &vec![1; rank])?;
            Ok::<_, Error>(graph.push_constant(format!("{}.scale", node.name), number))
        }
        _ => Ok(before),
    })?;
    let restore = NnOp::Reshape { x: PREVIOUS, shape: node.shape };
    Ok(Some(Replacement::Chain(vec![(node.name, op), (name, restore)])))
}

/// x·1 = x, x + 0 = x, x − 0 = x
fn neutral_scalar(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    let NnOp::Binary { kind, a, b } = node.op else { return Ok(None) };
    let neutral = match kind {
        Binary::Mul => 1.0,
        Binary::Add | Binary::Sub => 0.0,
    };
    for (x, c) in [(a, b), (b, a)] {
        if kind == Binary::Sub && c == a {
            continue;
        }
        let all = graph.constant(c).is_some_and(|c| c.iter().all(|&v| v == neutral));
        if all && graph.shape(x) == node.shape {
            return Ok(Some(Replacement::Value(x)));
        }
    }
    Ok(None)
}

/// (x·a)·b = x·(a·b) for numbers a and b: a mean is a sum times the reciprocal of its extent.
fn scalar_of_scalar(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let Some((x, b)) = times_number(graph, &graph.nodes[i]) else { return Ok(None) };
    let Value::Node(inner) = x else { return Ok(None) };
    let Some((x, a)) = times_number(graph, &graph.nodes[inner]).filter(|_| uses[inner] == 1) else {
        return Ok(None);
    };
    // In f64, so that n·(1/n) is 1 after rounding.
    let mut product = (f64::from(a) * f64::from(b)) as f32;
    if (product - 1.0).abs() < 1e-6 {
        product = 1.0;
    }
    let name = graph.nodes[i].name.clone();
    let rank = graph.nodes[i].shape.len();
    let constant = ArrayD::from_elem(ndarray::IxDyn(&vec![1; rank]), product);
    let constant = graph.push_constant(format!("{name}.scale"), constant);
    let op = NnOp::Binary { kind: Binary::Mul, a: x, b: constant };
    Ok(Some(Replacement::Chain(vec![(name, op)])))
}

/// The operand and the number of a product with one number.
fn times_number(graph: &Graph, node: &Node) -> Option<(Value, f32)> {
    let NnOp::Binary { kind: Binary::Mul, a, b } = node.op else { return None };
    [(a, b), (b, a)].into_iter().find_map(|(x, c)| {
        let c = graph.constant(c).filter(|c| c.len() == 1)?;
        (graph.shape(x) == node.shape).then(|| (x, c.iter().copied().next().unwrap_or(0.0)))
    })
}

/// linear(x, w) + b = linear(x, w, b), conv(x, w) + b = conv(x, w, b); adds to a bias that is there already.
/// Looks through a reshape in between.
fn bias_into(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    let NnOp::Binary { kind: kind @ (Binary::Add | Binary::Sub), a, b } = node.op else { return Ok(None) };
    let Some(layer) = weighted(graph, &node, uses) else { return Ok(None) };
    if kind == Binary::Sub && graph.constant(a).is_some() {
        return Ok(None);
    }
    let Some(mut bias) = per_channel(graph, &layer, &node) else { return Ok(None) };
    if kind == Binary::Sub {
        bias.iter_mut().for_each(|b| *b = -*b);
    }
    if let Some(old) = layer.bias.and_then(|b| graph.constant(b)) {
        bias.iter_mut().zip(old.iter()).for_each(|(b, o)| *b += o);
    }
    let name = match (layer.bias, [a, b].into_iter().find(|&v| graph.constant(v).is_some())) {
        (None, Some(Value::Const(c))) => graph.constants[c].name.clone(),
        _ => format!("{}.bias", layer.node.name),
    };
    let channels = bias.len();
    let bias = graph.push_constant(name, compute::reshape(&ndarray::arr1(&bias).into_dyn(), &[channels])?);
    let (w, bias) = (layer.w, Some(bias));
    Ok(Some(layer.rebuilt(w, bias, node)))
}

/// linear(x, w, b)·s = linear(x, s·w, s·b) for s per output channel; the same for conv.
fn scale_into(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    let NnOp::Binary { kind: Binary::Mul, .. } = node.op else { return Ok(None) };
    let Some(layer) = weighted(graph, &node, uses) else { return Ok(None) };
    let Some(scale) = per_channel(graph, &layer, &node) else { return Ok(None) };
    let mut scaled = |v: Value| {
        let Value::Const(c) = v else { return None };
        let Constant { name, mut data } = graph.constants[c].clone();
        for (mut channel, s) in data.outer_iter_mut().zip(&scale) {
            channel.mapv_inplace(|w| w * s);
        }
        data.iter().all(|w| w.is_finite()).then(|| graph.push_constant(name, data))
    };
    let Some(w) = scaled(layer.w) else { return Ok(None) };
    let bias = match layer.bias {
        Some(bias) => match scaled(bias) {
            None => return Ok(None),
            scaled => scaled,
        },
        None => None,
    };
    Ok(Some(layer.rebuilt(w, bias, node)))
}

/// x·s + t = conv(x, diag(s), t), a depthwise 1×1 convolution, for s and t per channel of an image: a batch
/// normalization that follows no convolution. One layer instead of two.
fn batch_norm(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    let &[_, channels, h, w] = &node.shape[..] else { return Ok(None) };
    let numbers = |v: Value| graph.constant(v).and_then(|c| along_axis(c, &node.shape, channels, h * w));
    let sides = |node: &Node, wanted: Binary| {
        let NnOp::Binary { kind, a, b } = node.op else { return None };
        let mut both = [(a, b), (b, a)].into_iter().filter(|_| kind == wanted);
        both.find_map(|(x, c)| numbers(c).filter(|_| graph.shape(x) == node.shape).map(|c| (x, c)))
    };
    let Some((Value::Node(inner), shift)) = sides(&node, Binary::Add) else { return Ok(None) };
    let Some((x, scale)) = sides(&graph.nodes[inner], Binary::Mul).filter(|_| uses[inner] == 1) else {
        return Ok(None);
    };
    let name = node.name.clone();
    let weights = compute::reshape(&ndarray::arr1(&scale).into_dyn(), &[channels, 1, 1, 1])?;
    let w = graph.push_constant(format!("{name}.scale"), weights);
    let bias = Some(graph.push_constant(format!("{name}.shift"), ndarray::arr1(&shift).into_dyn()));
    let attrs = ConvAttrs { groups: channels, ..ConvAttrs::default() };
    Ok(Some(Replacement::Chain(vec![(name, NnOp::Conv { x, w, bias, attrs })])))
}

/// A linear or conv node with constant weights, and the constant that a binary node behind it applies.
struct Layer {
    node: Node,
    w: Value,
    bias: Option<Value>,
    constant: Value,
}

impl Layer {
    /// The layer with other weights and another bias, in the place of `node`.
    fn rebuilt(self, w: Value, bias: Option<Value>, node: Node) -> Replacement {
        let op = match self.node.op {
            NnOp::Conv { x, attrs, .. } => NnOp::Conv { x, w, bias, attrs },
            NnOp::Linear { x, .. } => NnOp::Linear { x, w, bias },
            other => other,
        };
        let restore = NnOp::Reshape { x: PREVIOUS, shape: node.shape };
        Replacement::Chain(vec![(self.node.name, op), (node.name, restore)])
    }
}

/// The layer that a binary node works on: used once, perhaps behind a reshape.
/// The linear or conv node a binary node works on (with constant weights, used once, perhaps behind a reshape), and
/// the constant on the other side.
fn weighted(graph: &Graph, node: &Node, uses: &[usize]) -> Option<Layer> {
    let NnOp::Binary { a, b, .. } = node.op else { return None };
    [(a, b), (b, a)].into_iter().find_map(|(x, constant)| {
        graph.constant(constant)?;
        let Value::Node(mut index) = x else { return None };
        if let NnOp::Reshape { x: inner, .. } = graph.nodes[index].op
            && uses[index] == 1
        {
            let Value::Node(inner) = inner else { return None };
            index = inner;
        }
        let inner = graph.nodes[index].clone();
        let (NnOp::Linear { w, bias, .. } | NnOp::Conv { w, bias, .. }) = inner.op else { return None };
        let fits = uses[index] == 1 && graph.constant(w).is_some() && graph.shape(x) == node.shape;
        fits.then_some(Layer { node: inner, w, bias, constant })
    })
}

/// The constant as one number per output channel of the layer, if it is constant along all other axes of the result.
fn per_channel(graph: &Graph, layer: &Layer, node: &Node) -> Option<Vec<f32>> {
    let channels = graph.shape(layer.w)[0];
    let axis = match layer.node.op {
        NnOp::Linear { .. } => layer.node.shape.len() - 1,
        _ => 1,
    };
    let inside = layer.node.shape[axis + 1..].iter().product();
    along_axis(graph.constant(layer.constant)?, &node.shape, channels, inside)
}

/// A constant that takes one value per index of the axis with `extent` indices and `inside` elements each.
fn along_axis(constant: &ArrayD<f32>, shape: &[usize], extent: usize, inside: usize) -> Option<Vec<f32>> {
    let full = constant.broadcast(ndarray::IxDyn(shape))?;
    let mut result: Vec<Option<f32>> = vec![None; extent];
    for (flat, &v) in full.iter().enumerate() {
        match &mut result[flat / inside % extent] {
            slot @ None => *slot = Some(v),
            Some(seen) if *seen == v => {}
            Some(_) => return None,
        }
    }
    result.into_iter().collect()
}

/// The operand of an elementwise node that is not a constant, if there is exactly one.
fn data_operand(graph: &Graph, node: &Node) -> Option<Value> {
    if !matches!(node.op, NnOp::Map { .. } | NnOp::Binary { .. }) {
        return None;
    }
    let mut data = node.op.operands().into_iter().filter(|v| graph.constant(*v).is_none());
    match (data.next(), data.next()) {
        (Some(x), None) if graph.shape(x) == node.shape => Some(x),
        _ => None,
    }
}

/// How often each node is read by a live node or an output; 0 for dead nodes.
fn count_uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.nodes.len()];
    let mut stack: Vec<Value> = graph.outputs.iter().map(|(_, v)| *v).collect();
    while let Some(v) = stack.pop() {
        if let Value::Node(i) = v {
            uses[i] += 1;
            if uses[i] == 1 {
                stack.extend(graph.nodes[i].op.operands());
            }
        }
    }
    uses
}

/// Puts a replacement in the place of node `i`, rebuilding the list in order.
fn substitute(graph: &mut Graph, i: usize, replacement: Replacement) -> Result<()> {
    let old = std::mem::take(&mut graph.nodes);
    let mut map: Vec<Value> = Vec::with_capacity(old.len());
    let resolve = |v: Value, map: &[Value], previous: Value| match v {
        PREVIOUS => previous,
        Value::Node(n) => map[n],
        other => other,
    };
    let mut replacement = Some(replacement);
    for (index, mut node) in old.into_iter().enumerate() {
        if index == i {
            match replacement.take() {
                Some(Replacement::Value(v)) => map.push(resolve(v, &map, PREVIOUS)),
                Some(Replacement::Chain(chain)) => {
                    let mut previous = PREVIOUS;
                    for (name, op) in chain {
                        previous = graph.push(&name, op.map(|&v| resolve(v, &map, previous)))?;
                    }
                    map.push(previous);
                }
                None => {}
            }
            continue;
        }
        node.op = node.op.map(|&v| resolve(v, &map, PREVIOUS));
        graph.nodes.push(node);
        map.push(Value::Node(graph.nodes.len() - 1));
    }
    for (_, v) in &mut graph.outputs {
        *v = resolve(*v, &map, PREVIOUS);
    }
    Ok(())
}

/// Drops nodes and constants that no output depends on.
fn sweep(graph: Graph) -> Graph {
    let uses = count_uses(&graph);
    let mut out = Graph { inputs: graph.inputs, ..Graph::default() };
    let mut nodes: Vec<Value> = Vec::with_capacity(graph.nodes.len());
    let mut constants: Vec<Option<Value>> = vec![None; graph.constants.len()];
    let mut old_constants: Vec<Option<Constant>> = graph.constants.into_iter().map(Some).collect();
    let mut resolve = |v: Value, nodes: &[Value], out: &mut Vec<Constant>| match v {
        Value::Input(_) => v,
        Value::Node(i) => nodes[i],
        Value::Const(i) => *constants[i].get_or_insert_with(|| {
            out.extend(old_constants[i].take());
            Value::Const(out.len() - 1)
        }),
    };
    for (i, node) in graph.nodes.into_iter().enumerate() {
        if uses[i] == 0 {
            nodes.push(PREVIOUS);
            continue;
        }
        let op = node.op.map(|&v| resolve(v, &nodes, &mut out.constants));
        out.nodes.push(Node { op, ..node });
        nodes.push(Value::Node(out.nodes.len() - 1));
    }
    for (name, v) in graph.outputs {
        let v = resolve(v, &nodes, &mut out.constants);
        out.outputs.push((name, v));
    }
    out
}
