//! Cleans the translated graph: what the reader split apart (bias of a Gemm, flattening reshapes) comes together.
//!
//! Each rule states its equation; none changes what the model computes beyond the rounding of float32.

use crate::graph::{Constant, Graph, Node, Op, Value};
use ndarray::ArrayD;
use tessera_mlir::shape::ConvAttrs;
use tessera_mlir::{Result, kernels};

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

enum Replacement {
    /// Another value stands for the node.
    Value(Value),
    /// These nodes, in order; `Value::Node(usize::MAX)` in a node means the one before it in the chain.
    Chain(Vec<(String, Op, Vec<Value>)>),
}

const PREVIOUS: Value = Value::Node(usize::MAX);

const RULES: &[Rule] = &[
    reshape_of_reshape,
    identity_reshape,
    slice_of_slice,
    neutral_scalar,
    scalar_of_scalar,
    pointwise,
    bias_into,
    scale_into,
    batch_norm,
    reshape_after,
];

/// reshape(reshape(x, a), b) = reshape(x, b)
fn reshape_of_reshape(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    if let (Op::Reshape(to), Some(inner)) = (&node.op, producer(graph, node.operands[0]))
        && matches!(inner.op, Op::Reshape(_))
    {
        let chain = vec![(node.name.clone(), Op::Reshape(to.clone()), vec![inner.operands[0]])];
        return Ok(Some(Replacement::Chain(chain)));
    }
    Ok(None)
}

/// reshape(x, shape of x) = x
fn identity_reshape(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    let same = matches!(node.op, Op::Reshape(_)) && graph.shape(node.operands[0]) == node.shape;
    Ok(same.then(|| Replacement::Value(node.operands[0])))
}

/// slice(slice(x)) = slice(x), with starts s₁ + t₁·s₂ and strides t₁·t₂.
fn slice_of_slice(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    let (Op::Slice { starts, sizes, strides }, Some(&Value::Node(inner))) = (&node.op, node.operands.first())
    else {
        return Ok(None);
    };
    let Op::Slice { starts: inner_starts, strides: inner_strides, .. } = &graph.nodes[inner].op else {
        return Ok(None);
    };
    if uses[inner] != 1 {
        return Ok(None);
    }
    let axes = || 0..sizes.len();
    let op = Op::Slice {
        starts: axes().map(|a| inner_starts[a] + inner_strides[a] * starts[a]).collect(),
        sizes: sizes.clone(),
        strides: axes().map(|a| inner_strides[a] * strides[a]).collect(),
    };
    Ok(Some(Replacement::Chain(vec![(node.name.clone(), op, vec![graph.nodes[inner].operands[0]])])))
}

/// f(reshape(x)) = reshape(f(x)) where f is elementwise and its other operand, if any, is one number.
fn reshape_after(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    let Some(x) = data_operand(graph, &node) else { return Ok(None) };
    let Value::Node(inner_index) = x else { return Ok(None) };
    let inner = graph.nodes[inner_index].clone();
    if !matches!(inner.op, Op::Reshape(_)) || uses[inner_index] != 1 {
        return Ok(None);
    }
    let rank = graph.shape(inner.operands[0]).len();
    let mut operands = Vec::new();
    for &v in &node.operands {
        operands.push(match graph.constant(v) {
            _ if v == x => inner.operands[0],
            Some(c) if c.len() == 1 => {
                let c = kernels::reshape(c, &vec![1; rank])?;
                let name = format!("{}.scale", node.name);
                graph.push_constant(name, c)
            }
            _ => return Ok(None),
        });
    }
    Ok(Some(Replacement::Chain(vec![
        (node.name.clone(), node.op.clone(), operands),
        (inner.name, Op::Reshape(node.shape), vec![PREVIOUS]),
    ])))
}

/// x·1 = x, x + 0 = x, x − 0 = x
fn neutral_scalar(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    let neutral = match node.op {
        Op::Mul => 1.0,
        Op::Add | Op::Sub => 0.0,
        _ => return Ok(None),
    };
    for (x, c) in [(0, 1), (1, 0)] {
        if matches!((&node.op, c), (Op::Sub, 0)) {
            continue;
        }
        let all = graph.constant(node.operands[c]).is_some_and(|c| c.iter().all(|&v| v == neutral));
        if all && graph.shape(node.operands[x]) == node.shape {
            return Ok(Some(Replacement::Value(node.operands[x])));
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
    Ok(Some(Replacement::Chain(vec![(name, Op::Mul, vec![x, constant])])))
}

/// The operand and the number of a product with one number.
fn times_number(graph: &Graph, node: &Node) -> Option<(Value, f32)> {
    if node.op != Op::Mul {
        return None;
    }
    [(0, 1), (1, 0)].into_iter().find_map(|(x, c)| {
        let c = graph.constant(node.operands[c]).filter(|c| c.len() == 1)?;
        (graph.shape(node.operands[x]) == node.shape)
            .then(|| (node.operands[x], c.iter().copied().next().unwrap_or(0.0)))
    })
}

/// A 1×1 convolution, which the reader writes as a product with channels last: for an image x of axes (N), C, H, W,
/// channels_first(linear(channels_last(x), w, b)) = conv(x, w, b) with w[O, C] as w[O, C, 1, 1].
fn pointwise(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    let (to_first, to_last): (&[usize], &[usize]) = match node.shape.len() {
        3 => (&[2, 0, 1], &[1, 2, 0]),
        4 => (&[0, 3, 1, 2], &[0, 2, 3, 1]),
        _ => return Ok(None),
    };
    let is = |n: &Node, perm: &[usize]| matches!(&n.op, Op::Transpose(p) if p == perm);
    let once = |v: Value| matches!(v, Value::Node(j) if uses[j] == 1);
    let Some(linear) = producer(graph, node.operands[0]).filter(|n| n.op == Op::Linear).cloned() else {
        return Ok(None);
    };
    let Some(last) = producer(graph, linear.operands[0]).filter(|n| is(n, to_last)).cloned() else {
        return Ok(None);
    };
    let Some(w) = graph.constant(linear.operands[1]).filter(|w| w.ndim() == 2).cloned() else {
        return Ok(None);
    };
    if !is(&node, to_first) || !once(node.operands[0]) || !once(linear.operands[0]) {
        return Ok(None);
    }
    let Value::Const(c) = linear.operands[1] else { return Ok(None) };
    let name = graph.constants[c].name.clone();
    let w = graph.push_constant(name, kernels::reshape(&w, &[w.shape()[0], w.shape()[1], 1, 1])?);
    let image = last.operands[0];
    let shape = graph.shape(image);
    let batch = if shape.len() == 3 { [&[1], shape].concat() } else { shape.to_vec() };
    let operands = [PREVIOUS, w].into_iter().chain(linear.operands.get(2).copied()).collect();
    Ok(Some(Replacement::Chain(vec![
        (last.name, Op::Reshape(batch), vec![image]),
        (linear.name, Op::Conv(ConvAttrs::default()), operands),
        (node.name, Op::Reshape(node.shape), vec![PREVIOUS]),
    ])))
}

/// linear(x, w) + b = linear(x, w, b), conv(x, w) + b = conv(x, w, b); adds to a bias that is there already.
/// Looks through a reshape in between.
fn bias_into(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    if !matches!(node.op, Op::Add | Op::Sub) {
        return Ok(None);
    }
    let Some((inner, constant)) = weighted(graph, &node, uses) else { return Ok(None) };
    if node.op == Op::Sub && graph.constant(node.operands[0]).is_some() {
        return Ok(None);
    }
    let Some(mut bias) = per_channel(graph, &inner, &node, constant) else { return Ok(None) };
    if node.op == Op::Sub {
        bias.iter_mut().for_each(|b| *b = -*b);
    }
    if let Some(old) = inner.operands.get(2).and_then(|&b| graph.constant(b)) {
        bias.iter_mut().zip(old.iter()).for_each(|(b, o)| *b += o);
    }
    let name = match (inner.operands.get(2), node.operands.iter().find(|&&v| graph.constant(v).is_some())) {
        (None, Some(Value::Const(c))) => graph.constants[*c].name.clone(),
        _ => format!("{}.bias", inner.name),
    };
    let channels = bias.len();
    let bias = graph.push_constant(name, kernels::reshape(&ndarray::arr1(&bias).into_dyn(), &[channels])?);
    let operands = vec![inner.operands[0], inner.operands[1], bias];
    Ok(Some(Replacement::Chain(vec![
        (inner.name.clone(), inner.op.clone(), operands),
        (node.name, Op::Reshape(node.shape), vec![PREVIOUS]),
    ])))
}

/// linear(x, w, b)·s = linear(x, s·w, s·b) for s per output channel; the same for conv.
fn scale_into(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    if node.op != Op::Mul {
        return Ok(None);
    }
    let Some((inner, constant)) = weighted(graph, &node, uses) else { return Ok(None) };
    let Some(scale) = per_channel(graph, &inner, &node, constant) else { return Ok(None) };
    let mut operands = vec![inner.operands[0]];
    for &v in &inner.operands[1..] {
        let Value::Const(c) = v else { return Ok(None) };
        let mut scaled = graph.constants[c].clone();
        for (mut channel, s) in scaled.data.outer_iter_mut().zip(&scale) {
            channel.mapv_inplace(|w| w * s);
        }
        if scaled.data.iter().any(|w| !w.is_finite()) {
            return Ok(None);
        }
        operands.push(graph.push_constant(scaled.name, scaled.data));
    }
    Ok(Some(Replacement::Chain(vec![
        (inner.name.clone(), inner.op.clone(), operands),
        (node.name, Op::Reshape(node.shape), vec![PREVIOUS]),
    ])))
}

/// x·s + t = conv(x, diag(s), t), a depthwise 1×1 convolution, for s and t per channel of an image: a batch
/// normalization that follows no convolution. One layer instead of two.
fn batch_norm(graph: &mut Graph, i: usize, uses: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    let &[_, channels, h, w] = &node.shape[..] else { return Ok(None) };
    let numbers = |v: Value| graph.constant(v).and_then(|c| along_axis(c, &node.shape, channels, h * w));
    let sides = |node: &Node| {
        [(0, 1), (1, 0)].into_iter().find_map(|(x, c)| {
            let (x, c) = (*node.operands.get(x)?, numbers(*node.operands.get(c)?)?);
            (graph.shape(x) == node.shape).then_some((x, c))
        })
    };
    if node.op != Op::Add {
        return Ok(None);
    }
    let Some((Value::Node(inner), shift)) = sides(&node) else { return Ok(None) };
    if graph.nodes[inner].op != Op::Mul || uses[inner] != 1 {
        return Ok(None);
    }
    let Some((x, scale)) = sides(&graph.nodes[inner]) else { return Ok(None) };
    let name = node.name.clone();
    let weights = kernels::reshape(&ndarray::arr1(&scale).into_dyn(), &[channels, 1, 1, 1])?;
    let weights = graph.push_constant(format!("{name}.scale"), weights);
    let bias = graph.push_constant(format!("{name}.shift"), ndarray::arr1(&shift).into_dyn());
    let op = Op::Conv(ConvAttrs { groups: channels, ..ConvAttrs::default() });
    Ok(Some(Replacement::Chain(vec![(name, op, vec![x, weights, bias])])))
}

/// The linear or conv node a binary node works on (with constant weights, used once, perhaps behind a reshape), and
/// the constant on the other side.
fn weighted<'g>(graph: &'g Graph, node: &Node, uses: &[usize]) -> Option<(Node, &'g ArrayD<f32>)> {
    [(0, 1), (1, 0)].into_iter().find_map(|(x, c)| {
        let constant = graph.constant(node.operands[c])?;
        let Value::Node(mut index) = node.operands[x] else { return None };
        if matches!(graph.nodes[index].op, Op::Reshape(_)) && uses[index] == 1 {
            match graph.nodes[index].operands[0] {
                Value::Node(inner) => index = inner,
                _ => return None,
            }
        }
        let inner = &graph.nodes[index];
        let fits = matches!(inner.op, Op::Linear | Op::Conv(_))
            && uses[index] == 1
            && graph.constant(inner.operands[1]).is_some()
            && graph.shape(node.operands[x]) == node.shape;
        fits.then(|| (inner.clone(), constant))
    })
}

/// The constant as one number per output channel of `inner`, if it is constant along all other axes of the result.
fn per_channel(graph: &Graph, inner: &Node, node: &Node, constant: &ArrayD<f32>) -> Option<Vec<f32>> {
    let channels = graph.shape(inner.operands[1])[0];
    let axis = match inner.op {
        Op::Linear => inner.shape.len() - 1,
        _ => 1,
    };
    along_axis(constant, &node.shape, channels, inner.shape[axis + 1..].iter().product())
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
    if !matches!(node.op, Op::Relu | Op::Add | Op::Sub | Op::Mul) {
        return None;
    }
    let mut data = node.operands.iter().filter(|v| graph.constant(**v).is_none());
    match (data.next(), data.next()) {
        (Some(&x), None) if graph.shape(x) == node.shape => Some(x),
        _ => None,
    }
}

fn producer(graph: &Graph, v: Value) -> Option<&Node> {
    match v {
        Value::Node(i) => graph.nodes.get(i),
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
                stack.extend(&graph.nodes[i].operands);
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
                    for (name, op, operands) in chain {
                        let operands: Vec<Value> =
                            operands.iter().map(|&v| resolve(v, &map, previous)).collect();
                        let shapes: Vec<&[usize]> = operands.iter().map(|&v| graph.shape(v)).collect();
                        let shape = crate::graph::infer(&op, &shapes)?;
                        graph.nodes.push(Node { name, op, operands, shape });
                        previous = Value::Node(graph.nodes.len() - 1);
                    }
                    map.push(previous);
                }
                None => {}
            }
            continue;
        }
        node.operands = node.operands.iter().map(|&v| resolve(v, &map, PREVIOUS)).collect();
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
        let operands = node.operands.iter().map(|&v| resolve(v, &nodes, &mut out.constants)).collect();
        out.nodes.push(Node { operands, ..node });
        nodes.push(Value::Node(out.nodes.len() - 1));
    }
    for (name, v) in graph.outputs {
        let v = resolve(v, &nodes, &mut out.constants);
        out.outputs.push((name, v));
    }
    out
}
