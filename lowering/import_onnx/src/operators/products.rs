//! Products of matrices, and sums of products by indices (einsum).
//!
//! Invariant: an index is one of four kinds (batch, row, column, contracted), and a product of two tensors is a product of two
//! matrices per batch, once axes are brought in the order of these kinds.

use super::operators;
use super::reduce::{Reduction, reduce};
use crate::build::{Builder, Reason, Value};
use crate::node::Node;
use crate::tensor::Kind;
use crate::translate::Translator;
use tessera_nn::NnOp;

operators! { "";
    "Einsum" => einsum,
    "Gemm" => gemm,
    "MatMul" => |t, n| Ok(vec![multiply(&mut t.build, n.input(0)?, n.input(1)?)?]),
}

/// A tensor with an index for each of its axes.
#[derive(Clone)]
struct Indexed {
    value: Value,
    axes: Vec<char>,
}

/// numpy's matmul.
pub(super) fn multiply(b: &mut Builder, x: &Value, y: &Value) -> Result<Value, Reason> {
    let (from, to) = (b.shape(x), b.shape(y));
    // leading axes are batches, aligned at the end; letters that no other index has
    let batch = |count: usize| ('a'..'i').rev().take(count).collect::<Vec<_>>().into_iter().rev();
    let letters = |rank: usize, last: [char; 2]| match rank {
        0 => Err("a product of matrices has no scalar operands".to_owned()),
        1 => Ok(vec![if last[0] == 'm' { last[1] } else { last[0] }]),
        2..=10 => Ok(batch(rank - 2).chain(last).collect()),
        _ => Err(format!("{rank} axes are too many")),
    };
    let (left, right) = (letters(from.len(), ['m', 'k'])?, letters(to.len(), ['k', 'n'])?);
    let mut out: Vec<char> = batch(from.len().max(to.len()).saturating_sub(2)).collect();
    out.extend(['m', 'n'].iter().filter(|c| left.contains(c) || right.contains(c)));
    let x = Indexed { value: x.clone(), axes: left };
    let y = Indexed { value: y.clone(), axes: right };
    Ok(contract(b, &x, &y, &out)?.value)
}

fn gemm(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, y, b) = (n.input(0)?, n.input(1)?, &mut t.build);
    n.int("broadcast");
    if let Some(rank) = [x, y].map(|v| b.shape(v).len()).into_iter().find(|rank| *rank != 2) {
        return Err(format!("its factors are matrices, and one has {rank} axes"));
    }
    let axes = |turned: bool, [a, c]: [char; 2]| if turned { vec![c, a] } else { vec![a, c] };
    let x = Indexed { value: x.clone(), axes: axes(n.flag("transA"), ['m', 'k']) };
    let y = Indexed { value: y.clone(), axes: axes(n.flag("transB"), ['k', 'n']) };
    let (alpha, beta) = (n.float("alpha").unwrap_or(1.0), n.float("beta").unwrap_or(1.0));
    let product = contract(b, &x, &y, &['m', 'n'])?.value;
    let product = b.scale(&product, alpha)?;
    let Some(c) = n.optional(2) else { return Ok(vec![product]) };
    if beta == 0.0 {
        return Ok(vec![product]);
    }
    let c = b.scale(c, beta)?;
    Ok(vec![b.add(&product, &c)?])
}

fn einsum(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let b = &mut t.build;
    let equation: String = n.text("equation").ok_or("the equation is missing")?.split_whitespace().collect();
    let operands = n.all()?;
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (&equation[..], None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != operands.len() {
        return Err(format!(
            "the equation {equation:?} is of {} operands, found {}",
            terms.len(),
            operands.len()
        ));
    }
    // an ellipsis stands for the axes that no letter names; they get capital letters from the end on
    let rest = |rank: usize| (0..rank).map(move |i| char::from(0xc0 + (22 - rank + i) as u8));
    let mut widest = 0;
    let mut indexed = vec![];
    for (term, value) in terms.iter().zip(&operands) {
        let rank = b.shape(value).len();
        let named = term.chars().filter(|c| c.is_ascii_alphabetic()).count();
        let axes: Vec<char> = match term.split_once("...") {
            Some((first, last)) => {
                let missing =
                    rank.checked_sub(named).filter(|&m| m <= 8).ok_or("an operand has too few axes")?;
                widest = widest.max(missing);
                first.chars().chain(rest(missing)).chain(last.chars()).collect()
            }
            None => term.chars().collect(),
        };
        if axes.len() != rank || axes.iter().any(|c| !c.is_alphabetic()) {
            return Err(format!("the term {term:?} does not fit {rank} axes"));
        }
        indexed.push(diagonal(b, Indexed { value: value.clone(), axes })?);
    }
    let out: Vec<char> = match right {
        Some(right) => match right.split_once("...") {
            Some((first, last)) => first.chars().chain(rest(widest)).chain(last.chars()).collect(),
            None => right.chars().collect(),
        },
        None => {
            let letters = || left.chars().filter(|c| c.is_ascii_alphabetic());
            let mut once: Vec<char> =
                letters().filter(|c| letters().filter(|d| d == c).count() == 1).collect();
            once.sort_unstable();
            rest(widest).chain(once).collect()
        }
    };
    let mut all = indexed.into_iter();
    let mut result = all.next().ok_or("expected at least one operand")?;
    let mut later: Vec<Indexed> = all.collect();
    while !later.is_empty() {
        let next = later.remove(0);
        // an index stays while the result or a later operand has it
        let needed = |c: &char| out.contains(c) || later.iter().any(|l| l.axes.contains(c));
        let mut kept: Vec<char> =
            out.iter().copied().filter(|c| result.axes.contains(c) || next.axes.contains(c)).collect();
        for c in result.axes.iter().chain(&next.axes) {
            if needed(c) && !kept.contains(c) {
                kept.push(*c);
            }
        }
        result = contract(b, &result, &next, &kept)?;
    }
    let result = sum_over(b, result, |c| !out.contains(&c))?;
    let perm: Option<Vec<usize>> = out.iter().map(|c| result.axes.iter().position(|r| r == c)).collect();
    let perm =
        perm.filter(|p| p.len() == result.axes.len()).ok_or("an index of the result occurs in no operand")?;
    Ok(vec![b.transpose(&result.value, &perm)?])
}

/// An index that occurs twice takes the diagonal.
fn diagonal(b: &mut Builder, mut x: Indexed) -> Result<Indexed, Reason> {
    while let Some((i, j)) = (0..x.axes.len())
        .flat_map(|i| (i + 1..x.axes.len()).map(move |j| (i, j)))
        .find(|&(i, j)| x.axes[i] == x.axes[j])
    {
        let rank = x.axes.len();
        let mut perm: Vec<usize> = (0..rank).filter(|&a| a != i && a != j).collect();
        perm.extend([i, j]);
        let moved = b.transpose(&x.value, &perm)?;
        let mut shape = b.shape(&moved);
        let (Some(columns), Some(rows)) = (shape.pop(), shape.pop()) else {
            return Err("expected a matrix".into());
        };
        if rows != columns {
            return Err(format!("index {} has different extents: {rows}, {columns}", x.axes[i]));
        }
        let flat = b.reshape(&moved, &[&shape[..], &[rows * rows]].concat())?;
        let value = b.select(&flat, shape.len(), &(0..rows).map(|k| k * (rows + 1)).collect::<Vec<_>>())?;
        let axes = perm[..rank - 1].iter().map(|&a| x.axes[a]).collect();
        x = Indexed { value, axes };
    }
    Ok(x)
}

/// Sums over the indices that `gone` names.
fn sum_over(b: &mut Builder, x: Indexed, gone: impl Fn(char) -> bool) -> Result<Indexed, Reason> {
    let axes: Vec<usize> = (0..x.axes.len()).filter(|&a| gone(x.axes[a])).collect();
    if axes.is_empty() {
        return Ok(x);
    }
    let summed = reduce(b, &x.value, &axes, Reduction::Sum)?;
    let kept: Vec<usize> = (0..x.axes.len()).filter(|a| !axes.contains(a)).collect();
    let shape = b.shape(&summed);
    let value = b.reshape(&summed, &kept.iter().map(|&a| shape[a]).collect::<Vec<_>>())?;
    Ok(Indexed { value, axes: kept.iter().map(|&a| x.axes[a]).collect() })
}

/// An index of a product: which operands have it, where extents of 1 do not count, and whether the result has it.
struct Index {
    name: char,
    extent: usize,
    a: bool,
    b: bool,
    out: bool,
}

/// Σ x·y over the indices that are not in `out`.
fn contract(t: &mut Builder, x: &Indexed, y: &Indexed, out: &[char]) -> Result<Indexed, Reason> {
    let x = sum_over(t, x.clone(), |c| !y.axes.contains(&c) && !out.contains(&c))?;
    let y = sum_over(t, y.clone(), |c| !x.axes.contains(&c) && !out.contains(&c))?;
    // weights come second
    let constant = |v: &Value| matches!(v, Value::Known(_));
    let (x, y) = if constant(&x.value) && !constant(&y.value) { (y, x) } else { (x, y) };
    let (shape_a, shape_b) = (t.shape(&x.value), t.shape(&y.value));
    let extent =
        |axes: &[char], shape: &[usize], c: char| axes.iter().position(|&a| a == c).map(|i| shape[i]);
    let mut indices = vec![];
    for &name in x.axes.iter().chain(y.axes.iter().filter(|c| !x.axes.contains(c))) {
        let (a, b) = (extent(&x.axes, &shape_a, name), extent(&y.axes, &shape_b, name));
        let most = a.unwrap_or(1).max(b.unwrap_or(1));
        if [a, b].iter().flatten().any(|&e| e != most && e != 1) {
            return Err(format!("inner extents differ: index {name} has {a:?} and {b:?}"));
        }
        let has = |e: Option<usize>| e == Some(most) && most > 1;
        indices.push(Index { name, extent: most, a: has(a), b: has(b), out: out.contains(&name) });
    }
    let target: Vec<usize> =
        out.iter().map(|c| indices.iter().find(|i| i.name == *c).map_or(1, |i| i.extent)).collect();
    indices.retain(|i| i.extent > 1);
    // a sum over an index that one operand has with extent 1
    let single: Vec<char> = indices.iter().filter(|i| !i.out && i.a != i.b).map(|i| i.name).collect();
    if !single.is_empty() {
        let narrow = |t: &mut Builder, v: &Indexed| {
            let gone: Vec<usize> = (0..v.axes.len()).filter(|&a| single.contains(&v.axes[a])).collect();
            let summed = reduce(t, &v.value, &gone, Reduction::Sum)?;
            Ok::<_, Reason>(Indexed { value: summed, axes: v.axes.clone() })
        };
        let (x, y) = (narrow(t, &x)?, narrow(t, &y)?);
        return contract(t, &x, &y, out);
    }
    let pick = |order: &[char], keep: &dyn Fn(&Index) -> bool| -> Vec<(char, usize)> {
        let find = |c: &char| indices.iter().find(|i| i.name == *c && keep(i)).map(|i| (i.name, i.extent));
        order.iter().filter_map(find).collect()
    };
    let batch = pick(out, &|i| i.a && i.b && i.out);
    let rows = pick(out, &|i| i.a && !i.b);
    let columns = pick(out, &|i| !i.a && i.b);
    let contracted = pick(&x.axes, &|i| i.a && i.b && !i.out);
    let size = |list: &[(char, usize)]| list.iter().map(|(_, e)| e).product::<usize>();
    let extents = |list: &[(char, usize)]| list.iter().map(|(_, e)| *e).collect::<Vec<_>>();
    let [m, n, k] = [size(&rows), size(&columns), size(&contracted)];
    let kind = t.kind(&x.value);
    let kind = if kind == Kind::Bool { Kind::F32 } else { kind };
    if contracted.is_empty() && (columns.is_empty() || rows.is_empty()) {
        // nothing is summed: an elementwise product
        let both = [&batch[..], if rows.is_empty() { &columns } else { &rows }].concat();
        let lhs = arrange(
            t,
            &x,
            &[&batch, &rows],
            &[&extents(&batch)[..], &if rows.is_empty() { vec![1; columns.len()] } else { extents(&rows) }]
                .concat(),
        )?;
        let rhs = arrange(
            t,
            &y,
            &[&batch, &columns],
            &[&extents(&batch)[..], &if rows.is_empty() { extents(&columns) } else { vec![1; rows.len()] }]
                .concat(),
        )?;
        let product = t.mul(&lhs, &rhs)?;
        return finish(t, &product, &both, out, &target);
    }
    let product = if batch.is_empty() && constant(&y.value) {
        let lead = if rows.is_empty() { vec![1] } else { extents(&rows) };
        let lhs = arrange(t, &x, &[&rows, &contracted], &[&lead[..], &[k]].concat())?;
        let w = arrange(t, &y, &[&columns, &contracted], &[n, k])?;
        t.push(NnOp::Linear { x: lhs, w, bias: None }, kind)?
    } else {
        let lead = extents(&batch);
        let lhs = arrange(t, &x, &[&batch, &rows, &contracted], &[&lead[..], &[m, k]].concat())?;
        let rhs = arrange(t, &y, &[&batch, &contracted, &columns], &[&lead[..], &[k, n]].concat())?;
        t.push(NnOp::MatMul { a: lhs, b: rhs }, kind)?
    };
    let order: Vec<(char, usize)> = [&batch[..], &rows, &columns].concat();
    finish(t, &product, &order, out, &target)
}

/// Brings the axes of a product to the order of the result.
fn finish(
    t: &mut Builder,
    product: &Value,
    order: &[(char, usize)],
    out: &[char],
    target: &[usize],
) -> Result<Indexed, Reason> {
    let wide = t.reshape(product, &order.iter().map(|(_, e)| *e).collect::<Vec<_>>())?;
    let perm = out.iter().filter_map(|c| order.iter().position(|(o, _)| o == c)).collect::<Vec<_>>();
    if perm.len() != order.len() {
        return Err("an index of the result occurs in no operand".into());
    }
    let value = t.transpose(&wide, &perm)?;
    Ok(Indexed { value: t.reshape(&value, target)?, axes: out.to_vec() })
}

/// Brings the axes of an operand to the order of `groups`, and to `shape`.
fn arrange(
    t: &mut Builder,
    x: &Indexed,
    groups: &[&[(char, usize)]],
    shape: &[usize],
) -> Result<Value, Reason> {
    let from = t.shape(&x.value);
    let order = groups.concat();
    let wide: Vec<usize> = (0..from.len()).filter(|&a| order.iter().any(|(c, _)| *c == x.axes[a])).collect();
    let perm: Option<Vec<usize>> =
        order.iter().map(|(c, _)| wide.iter().position(|&a| x.axes[a] == *c)).collect();
    let perm =
        perm.filter(|p| p.len() == wide.len()).ok_or("the axes of an operand do not fit the product")?;
    let v = if perm.iter().copied().eq(0..perm.len()) {
        x.value.clone()
    } else {
        let v = t.reshape(&x.value, &wide.iter().map(|&a| from[a]).collect::<Vec<_>>())?;
        t.transpose(&v, &perm)?
    };
    t.reshape(&v, shape)
}
