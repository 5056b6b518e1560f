//! Sums of products of two operands (what the reader makes of Gemm, MatMul and Einsum) as `linear` or `matmul`.
//!
//! Every index is one of four kinds by where it occurs: batch (both operands and result), row (first operand and
//! result), column (second operand and result), contracted (both operands only). Axes of extent 1 carry no index.

use crate::build::{Builder, Reason};
use crate::graph::Value;
use tessera_mlir::shape::ConvAttrs;
use tessera_nn::NnOp;
use tract_onnx::tract_core::ops::einsum::EinSum;

struct Index {
    repr: char,
    extent: usize,
    a: bool,
    b: bool,
    out: bool,
}

pub(crate) fn translate(
    t: &mut Builder,
    name: &str,
    op: &EinSum,
    operands: &[Value],
    target: &[usize],
) -> Result<Value, Reason> {
    let &[a, b] = operands else {
        return Err(format!(
            "a sum of products of {} operands is not supported; only of two",
            operands.len()
        ));
    };
    if op.q_params.is_some() {
        return Err("quantized matrix products are not supported; export the float model".to_owned());
    }
    let (shape_a, shape_b) = (t.graph.shape(a).to_vec(), t.graph.shape(b).to_vec());
    let mut indices = Vec::new();
    // The index of every axis of an operand; None for axes of extent 1.
    let (mut axes_a, mut axes_b) = (vec![None; shape_a.len()], vec![None; shape_b.len()]);
    let mut axes_out = vec![None; target.len()];
    for axis in op.axes.iter_all_axes() {
        let positions: [&[usize]; 3] = [&axis.inputs[0], &axis.inputs[1], &axis.outputs[0]];
        let mut extents = Vec::new();
        for (positions, shape) in positions.into_iter().zip([&shape_a[..], &shape_b, target]) {
            match positions {
                [] => extents.push(1),
                [p] if *p < shape.len() => extents.push(shape[*p]),
                _ => return Err(format!("index {} occurs more than once in one operand", axis.repr)),
            }
        }
        let extent = extents.iter().copied().max().unwrap_or(1);
        if extents.iter().any(|&e| e != extent && e != 1) {
            return Err(format!("index {} has different extents: {extents:?}", axis.repr));
        }
        if extent == 1 {
            continue;
        }
        let used = |i: usize| extents[i] == extent;
        for (axes, i) in [(&mut axes_a, 0), (&mut axes_b, 1), (&mut axes_out, 2)] {
            if used(i) {
                axes[positions[i][0]] = Some(axis.repr);
            }
        }
        indices.push(Index { repr: axis.repr, extent, a: used(0), b: used(1), out: used(2) });
    }
    if let Some(i) = indices.iter().find(|i| !(i.out && (i.a || i.b)) && !(i.a && i.b)) {
        return Err(format!("index {} is summed over in one operand alone, which is not supported", i.repr));
    }
    // Weights come second.
    let swap = t.graph.constant(a).is_some() && t.graph.constant(b).is_none();
    let ((a, axes_a), (b, axes_b)) =
        if swap { ((b, axes_b), (a, axes_a)) } else { ((a, axes_a), (b, axes_b)) };
    if swap {
        indices.iter_mut().for_each(|i| std::mem::swap(&mut i.a, &mut i.b));
    }
    // Row, column and batch indices in the order of the result, contracted ones in the order of the first operand.
    let pick = |order: &[Option<char>], keep: &dyn Fn(&Index) -> bool| -> Vec<(char, usize)> {
        let find = |r: &char| indices.iter().find(|i| i.repr == *r && keep(i)).map(|i| (i.repr, i.extent));
        order.iter().flatten().filter_map(find).collect()
    };
    let batch = pick(&axes_out, &|i| i.a && i.b && i.out);
    let rows = pick(&axes_out, &|i| i.a && !i.b);
    let columns = pick(&axes_out, &|i| !i.a && i.b);
    let contracted = pick(&axes_a, &|i| i.a && i.b && !i.out);
    let size = |list: &[(char, usize)]| list.iter().map(|(_, e)| e).product::<usize>();
    let extents = |list: &[(char, usize)]| list.iter().map(|(_, e)| *e).collect::<Vec<_>>();
    let [m, n, k] = [size(&rows), size(&columns), size(&contracted)];

    if batch.is_empty()
        && t.graph.constant(b).is_some()
        && let Some(channel) = pointwise(&axes_a, &axes_out, &indices)
    {
        // A 1x1 convolution, which the reader takes apart: keep the image as it lies.
        let extents = |shape: &[usize], range: std::ops::Range<usize>| shape[range].iter().product::<usize>();
        let (height, width) = match shape_of(t, a).len() - channel {
            3 => (shape_of(t, a)[channel + 1], shape_of(t, a)[channel + 2]),
            _ => (extents(&shape_of(t, a), channel + 1..target.len()), 1),
        };
        let image = [extents(&shape_of(t, a), 0..channel), k, height, width];
        let x = t.reshape(name, a, &image)?;
        let w = arrange(t, name, (b, &axes_b), &[&columns, &contracted], &[n, k, 1, 1])?;
        let y = t.push(name, NnOp::Conv { x, w, bias: None, attrs: ConvAttrs::default() })?;
        return t.reshape(name, y, target);
    }
    let is_linear = batch.is_empty() && t.graph.constant(b).is_some();
    let y = if is_linear {
        let lead = if rows.is_empty() { vec![1] } else { extents(&rows) };
        let x = arrange(t, name, (a, &axes_a), &[&rows, &contracted], &[&lead[..], &[k]].concat())?;
        let w = arrange(t, name, (b, &axes_b), &[&columns, &contracted], &[n, k])?;
        t.push(name, NnOp::Linear { x, w, bias: None })?
    } else {
        let lead = extents(&batch);
        let x =
            arrange(t, name, (a, &axes_a), &[&batch, &rows, &contracted], &[&lead[..], &[m, k]].concat())?;
        let w =
            arrange(t, name, (b, &axes_b), &[&batch, &contracted, &columns], &[&lead[..], &[k, n]].concat())?;
        t.push(name, NnOp::MatMul { a: x, b: w })?
    };
    // The result has the order batch, rows, columns; bring it to the order asked for.
    let order: Vec<(char, usize)> = [&batch[..], &rows, &columns].concat();
    let y = t.reshape(name, y, &extents(&order))?;
    let perm: Option<Vec<usize>> =
        axes_out.iter().flatten().map(|r| order.iter().position(|(o, _)| o == r)).collect();
    let perm = perm.ok_or_else(|| "an index of the result occurs in no operand".to_owned())?;
    let y = t.transpose(name, y, &perm)?;
    t.reshape(name, y, target)
}

fn shape_of(t: &Builder, v: Value) -> Vec<usize> {
    t.graph.shape(v).to_vec()
}

/// The one axis, not the last, where operand and result differ (contracted against column index), if all others agree.
fn pointwise(a: &[Option<char>], out: &[Option<char>], indices: &[Index]) -> Option<usize> {
    let mut differing = (0..a.len()).filter(|&i| a.len() == out.len() && a[i] != out[i]);
    let (axis, None) = (differing.next()?, differing.next()) else { return None };
    let kind = |r: Option<char>| r.and_then(|r| indices.iter().find(|i| i.repr == r));
    let contracted = kind(a[axis]).is_none_or(|i| i.a && i.b && !i.out);
    let column = kind(out[axis]).is_none_or(|i| i.b && !i.a);
    (contracted && column && axis > 0 && axis + 1 < a.len()).then_some(axis)
}

/// Brings the axes of an operand to the order of `groups`, and to `shape`.
fn arrange(
    t: &mut Builder,
    name: &str,
    (v, axes): (Value, &[Option<char>]),
    groups: &[&[(char, usize)]],
    shape: &[usize],
) -> Result<Value, Reason> {
    let from = t.graph.shape(v).to_vec();
    let wide: Vec<char> = axes.iter().flatten().copied().collect();
    let extents: Vec<usize> = axes.iter().zip(&from).filter(|(a, _)| a.is_some()).map(|(_, &e)| e).collect();
    let order = groups.concat();
    let perm: Option<Vec<usize>> = order.iter().map(|(r, _)| wide.iter().position(|w| w == r)).collect();
    let perm = perm.filter(|p| p.len() == wide.len());
    let perm = perm.ok_or_else(|| format!("the axes {wide:?} of an operand do not fit the product"))?;
    let v = if perm.iter().copied().eq(0..perm.len()) { v } else { t.reshape(name, v, &extents)? };
    let v = t.transpose(name, v, &perm)?;
    t.reshape(name, v, shape)
}
