//! Rules for normalizations: what the reader took apart comes together, and scales and shifts go into the layers behind.

use crate::graph::{Graph, PREVIOUS, Replacement, Value, producer};
use ndarray::ArrayD;
use tessera_mlir::Result;
use tessera_mlir::types::F64;
use tessera_nn::{NnOp, ops::Binary};

/// norm(x − mean(x)) = norm(x), centred.
pub(crate) fn centred(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    let NnOp::Norm { x, centred: false, epsilon } = node.op else { return Ok(None) };
    let difference = producer(graph, x).map(|d| &d.op);
    let Some(&NnOp::Binary { kind: Binary::Sub, a, b }) = difference else { return Ok(None) };
    if mean_of_rows(graph, b) != Some(a) || graph.shape(a) != node.shape {
        return Ok(None);
    }
    let op = NnOp::Norm { x: a, centred: true, epsilon };
    Ok(Some(Replacement::Chain(vec![(node.name.clone(), op)])))
}

/// x·(mean(x²) + ε)^(−½) = norm(x), however root and quotient are spelled.
pub(crate) fn uncentred(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = &graph.nodes[i];
    let NnOp::Binary { kind: Binary::Mul, a, b } = node.op else { return Ok(None) };
    let found = [(a, b), (b, a)].into_iter().find_map(|(x, root)| {
        let epsilon = root_of_mean_square(graph, x, root)?;
        (graph.shape(x) == node.shape).then_some((x, epsilon))
    });
    let Some((x, epsilon)) = found else { return Ok(None) };
    let op = NnOp::Norm { x, centred: false, epsilon: F64(epsilon) };
    Ok(Some(Replacement::Chain(vec![(node.name.clone(), op)])))
}

/// ε, where a value is (mean(x²) + ε)^(−½) for each row of x along its last axis.
fn root_of_mean_square(graph: &Graph, x: Value, root: Value) -> Option<f64> {
    let (&n, rows) = graph.shape(x).split_last()?;
    let NnOp::Binary { kind: Binary::Add, a, b } = op(graph, raised_to(graph, root, -0.5)?)? else {
        return None;
    };
    let (pooled, epsilon) = [(*a, *b), (*b, *a)].into_iter().find_map(|(mean, c)| {
        let c = graph.constant(c).filter(|c| c.len() == 1)?;
        Some((mean, c.iter().copied().next()?))
    })?;
    let NnOp::AvgPool { x: image, attrs, .. } = op(graph, pooled)? else { return None };
    let NnOp::Binary { kind: Binary::Mul, a, b } = op(graph, *image)? else { return None };
    let whole = attrs.kernel == [1, n] && attrs.pads == [0; 4] && graph.shape(*image).last() == Some(&n);
    let squares = *a == x && *b == x;
    (whole && squares && epsilon > 0.0 && graph.shape(root) == [rows, &[1]].concat())
        .then_some(epsilon.into())
}

/// The op behind a value, reshapes looked through.
fn op(graph: &Graph, value: Value) -> Option<&NnOp<Value>> {
    match &producer(graph, value)?.op {
        NnOp::Reshape { x, .. } => op(graph, *x),
        other => Some(other),
    }
}

/// The base of which a value is this power, one function after the other.
fn raised_to(graph: &Graph, value: Value, exponent: f64) -> Option<Value> {
    let NnOp::Map { x, f } = op(graph, value)? else { return None };
    let own = match f.name() {
        "rsqrt" => -0.5,
        "sqrt" => 0.5,
        "reciprocal" => -1.0,
        "power" => *f.parameters().first()?,
        _ => return None,
    };
    if own == exponent { Some(*x) } else { raised_to(graph, *x, exponent / own) }
}

/// The tensor whose means along the last axis a value holds: an average pooling over whole rows, between reshapes.
fn mean_of_rows(graph: &Graph, mean: Value) -> Option<Value> {
    let NnOp::Reshape { x: pooled, .. } = producer(graph, mean)?.op else { return None };
    let NnOp::AvgPool { x: image, ref attrs, .. } = producer(graph, pooled)?.op else { return None };
    let x = match producer(graph, image) {
        Some(node) => match node.op {
            NnOp::Reshape { x, .. } => x,
            _ => image,
        },
        None => image,
    };
    let (rows, &n) = graph.shape(x).split_last().map(|(n, rows)| (rows, n))?;
    let whole = attrs.kernel == [1, n] && attrs.pads == [0; 4] && graph.shape(image).last() == Some(&n);
    (whole && graph.shape(mean) == [rows, &[1]].concat()).then_some(x)
}

/// linear(norm(x)·g + h, w, b) = linear(norm(x), w·diag(g), b + w·h) for a scale g and a shift h of each position along the last
/// axis. Every layer that reads the normalized rows takes them in; nothing is left to do between. Looks through a reshape of rows.
pub(crate) fn into_linear(graph: &mut Graph, i: usize, _: &[usize]) -> Result<Option<Replacement>> {
    let node = graph.nodes[i].clone();
    let NnOp::Linear { x, w, bias } = node.op else { return Ok(None) };
    let (Some(weights), Some(&n)) = (graph.constant(w).cloned(), graph.shape(x).last()) else {
        return Ok(None);
    };
    let (rows, read) = match producer(graph, x).map(|p| &p.op) {
        Some(&NnOp::Reshape { x: inner, .. }) if graph.shape(inner).last() == Some(&n) => (true, inner),
        _ => (false, x),
    };
    let (scaled, shift) = match side(graph, read, Binary::Add, n) {
        Some((scaled, shift)) => (scaled, Some(shift)),
        None => (read, None),
    };
    let Some((normed, scale)) = side(graph, scaled, Binary::Mul, n) else { return Ok(None) };
    if !matches!(producer(graph, normed).map(|p| &p.op), Some(NnOp::Norm { .. })) {
        return Ok(None);
    }
    let bias = match (bias, shift) {
        (bias, None) => bias,
        (bias, Some(shift)) => {
            let old = bias.and_then(|b| graph.constant(b));
            let moved: Vec<f32> = (weights.outer_iter().enumerate())
                .map(|(channel, row)| {
                    let old = old.and_then(|b| b.iter().nth(channel)).copied().unwrap_or(0.0);
                    let sum: f64 = row.iter().zip(&shift).map(|(&w, &h)| f64::from(w) * f64::from(h)).sum();
                    (f64::from(old) + sum) as f32
                })
                .collect();
            let name = match bias {
                Some(Value::Const(c)) => graph.constants[c].name.clone(),
                _ => format!("{}.bias", node.name),
            };
            Some(graph.push_constant(name, ndarray::arr1(&moved).into_dyn()))
        }
    };
    let mut weights: ArrayD<f32> = weights;
    for mut row in weights.outer_iter_mut() {
        row.iter_mut().zip(&scale).for_each(|(w, g)| *w *= g);
    }
    let name = match w {
        Value::Const(c) => graph.constants[c].name.clone(),
        _ => format!("{}.weight", node.name),
    };
    let w = graph.push_constant(name, weights);
    let shape = graph.shape(x).to_vec();
    let mut chain = vec![];
    if rows {
        chain.push((node.name.clone(), NnOp::Reshape { x: normed, shape }));
    }
    let x = if rows { PREVIOUS } else { normed };
    chain.push((node.name, NnOp::Linear { x, w, bias }));
    Ok(Some(Replacement::Chain(chain)))
}

/// The operand and the numbers, one for each of `n` positions along the last axis, of a sum or a product with a constant.
fn side(graph: &Graph, value: Value, wanted: Binary, n: usize) -> Option<(Value, Vec<f32>)> {
    let node = producer(graph, value)?;
    let NnOp::Binary { kind, a, b } = node.op else { return None };
    let numbers = |c: Value| {
        let c = graph.constant(c)?;
        match (c.len(), c.shape().last()) {
            (1, _) => Some(vec![c.iter().copied().next()?; n]),
            (len, Some(&last)) if len == n && last == n => Some(c.iter().copied().collect()),
            _ => None,
        }
    };
    let mut sides = [(a, b), (b, a)].into_iter().filter(|_| kind == wanted);
    sides.find_map(|(x, c)| numbers(c).filter(|_| graph.shape(x) == node.shape).map(|c| (x, c)))
}
