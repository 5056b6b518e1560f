//! Attention, and the rotation of queries and keys by position.

use super::elementwise::divide;
use super::operators;
use super::products::multiply;
use super::reduce::{Reduction, reduce};
use crate::build::{Builder, Reason, Value};
use crate::node::Node;
use crate::tensor::Kind;
use crate::translate::Translator;

operators! { "";
    "Attention" => attention,
    "RotaryEmbedding" => rotary_embedding,
}

/// [batch, length, heads·size] as [batch, heads, length, size]; four axes are that already.
fn heads(b: &mut Builder, x: &Value, count: Option<i64>) -> Result<Value, Reason> {
    match b.shape(x)[..] {
        [_, _, _, _] => Ok(x.clone()),
        [batch, length, hidden] => {
            let count = count.and_then(|c| usize::try_from(c).ok()).filter(|&c| c > 0 && hidden % c == 0);
            let count = count.ok_or("the number of heads does not fit")?;
            let split = b.reshape(x, &[batch, length, count, hidden / count])?;
            b.transpose(&split, &[0, 2, 1, 3])
        }
        ref shape => Err(format!("expected three or four axes, found shape {shape:?}")),
    }
}

/// What may be attended to: a part that is known, and one that data decide; and what is added to scores.
#[derive(Default)]
struct Mask {
    known: Option<Vec<bool>>,
    computed: Option<Value>,
    bias: Option<Value>,
}

fn attention(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let b = &mut t.build;
    let three = b.shape(n.input(0)?).len() == 3;
    let (many, few) = (n.int("q_num_heads"), n.int("kv_num_heads"));
    n.int("softmax_precision");
    let q = heads(b, n.input(0)?, many)?;
    let (mut k, mut v) = (heads(b, n.input(1)?, few)?, heads(b, n.input(2)?, few)?);
    let mut before = 0;
    if let (Some(past_k), Some(past_v)) = (n.optional(4), n.optional(5)) {
        before = b.shape(past_k)[2];
        (k, v) = (b.concat(&[past_k.clone(), k], 2)?, b.concat(&[past_v.clone(), v], 2)?);
    }
    let present = [k.clone(), v.clone()];
    let shape = b.shape(&q);
    let &[batch, heads, rows, size] = &shape[..] else { return Err("expected four axes".into()) };
    let columns = b.shape(&k)[2];
    let groups = b.shape(&k)[1];
    if groups == 0 || heads % groups != 0 {
        return Err(format!("{heads} heads of queries do not fit {groups} of keys"));
    }
    if groups != heads {
        let at: Vec<usize> = (0..heads).map(|h| h / (heads / groups)).collect();
        (k, v) = (b.select(&k, 1, &at)?, b.select(&v, 1, &at)?);
    }
    let scale = n.float("scale").unwrap_or_else(|| 1.0 / (size as f64).sqrt());
    let turned = b.transpose(&k, &[0, 1, 3, 2])?;
    let product = multiply(b, &q, &turned)?;
    let mut scores = b.scale(&product, scale)?;
    let mode = n.int("qk_matmul_output_mode").unwrap_or(0);
    let mut shown = scores.clone();
    if let Some(cap) = n.float("softcap").filter(|&c| c > 0.0) {
        let small = b.scale(&scores, 1.0 / cap)?;
        let bent = b.map(&small, "tanh", &[])?;
        scores = b.scale(&bent, cap)?;
    }
    if mode == 1 {
        shown = scores.clone();
    }
    let mask = mask(b, n, [batch, heads, rows, columns], before)?;
    if let Some(bias) = &mask.bias {
        scores = b.add(&scores, bias)?;
    }
    if mode == 2 {
        if mask.known.is_some() || mask.computed.is_some() {
            return Err("scores with a mask are not finite, and cannot be an output".into());
        }
        shown = scores.clone();
    }
    let weights = masked_softmax(b, &scores, &mask, [batch, heads, rows, columns])?;
    if mode == 3 {
        shown = weights.clone();
    }
    let mut y = multiply(b, &weights, &v)?;
    if three {
        let last = b.shape(&y)[3];
        y = b.transpose(&y, &[0, 2, 1, 3])?;
        y = b.reshape(&y, &[batch, rows, heads * last])?;
    }
    let [present_k, present_v] = present;
    Ok(vec![y, present_k, present_v, shown])
}

/// The mask of operands and attributes. Numbers that are −∞ forbid; others are added.
fn mask(b: &mut Builder, n: &Node, to: [usize; 4], before: usize) -> Result<Mask, Reason> {
    let [batch, _, rows, columns] = to;
    let count: usize = to.iter().product();
    let mut mask = Mask::default();
    let lengths = n.known(6, "the lengths of sequences")?.map(|l| l.integers());
    let (left, right) = (n.int("left_window_size").unwrap_or(-1), n.int("right_window_size").unwrap_or(-1));
    let causal = n.flag("is_causal");
    if lengths.as_ref().is_some_and(|l| l.len() != batch) {
        return Err(format!("expected {batch} lengths"));
    }
    if causal || left >= 0 || right >= 0 || lengths.is_some() {
        let allowed = |at: usize| {
            let (sequence, i, j) = (at / (count / batch), at / columns % rows, (at % columns) as i64);
            let length = lengths.as_ref().map(|l| l[sequence]);
            let offset = match length {
                Some(length) if before == 0 => length - rows as i64,
                _ => before as i64,
            };
            let place = i as i64 + offset;
            (!causal || j <= place)
                && (left < 0 || place - j <= left)
                && (right < 0 || j - place <= right)
                && length.is_none_or(|length| j < length)
        };
        b.grow(&to)?;
        mask.known = Some((0..count).map(allowed).collect());
    }
    let Some(given) = n.optional(3) else { return Ok(mask) };
    // what is missing at the end is forbidden
    let given_columns = b.shape(given).last().copied().unwrap_or(columns);
    let missing = columns.saturating_sub(given_columns);
    if missing > 0 {
        let beyond = |at: usize| at % columns < given_columns;
        let known = mask.known.get_or_insert_with(|| vec![true; count]);
        known.iter_mut().enumerate().for_each(|(at, k)| *k &= beyond(at));
    }
    let rank = b.shape(given).len();
    let mut high = vec![0; rank];
    if let Some(last) = high.last_mut() {
        *last = missing;
    }
    let given = b.pad(given, &vec![0; rank], &high, 0.0)?;
    let truth = b.kind(&given) == Kind::Bool;
    match &given {
        Value::Known(t) => {
            let wide = Value::Known(t.clone());
            let Value::Known(wide) = b.expand(&wide, &to)? else { return Err("a known mask".into()) };
            let numbers = wide.numbers();
            let forbids = |v: f64| if truth { v == 0.0 } else { v == f64::NEG_INFINITY };
            if numbers.iter().any(|&v| forbids(v)) {
                let known = mask.known.get_or_insert_with(|| vec![true; count]);
                known.iter_mut().zip(&numbers).for_each(|(k, &v)| *k &= !forbids(v));
            }
            if !truth {
                let finite = t.numbers().iter().map(|&v| if forbids(v) { 0.0 } else { v }).collect();
                mask.bias = Some(b.known(Kind::F32, t.shape(), finite)?);
            }
        }
        computed if truth => mask.computed = Some(b.retyped(computed, Kind::F32)?),
        computed => mask.bias = Some(computed.clone()),
    }
    Ok(mask)
}

/// exp(x − m)·M/Σ exp(x − m)·M for what the mask M allows; 0 in rows where it allows nothing.
fn masked_softmax(b: &mut Builder, x: &Value, mask: &Mask, to: [usize; 4]) -> Result<Value, Reason> {
    let empty = mask.known.as_ref().is_some_and(|k| k.chunks(to[3].max(1)).any(|row| !row.contains(&true)));
    let allowed = match &mask.known {
        Some(known) => {
            Some(b.known(Kind::F32, &to, known.iter().map(|&k| f64::from(u8::from(k))).collect())?)
        }
        None => None,
    };
    match &allowed {
        _ if mask.computed.is_some() || empty => {}
        Some(allowed) => return b.masked_softmax(x, allowed),
        None => return b.softmax(x, 3),
    }
    let most = reduce(b, x, &[3], Reduction::Max)?;
    let below = b.sub(x, &most)?;
    let mut exp = b.map(&below, "exp", &[])?;
    for factor in allowed.iter().chain(&mask.computed) {
        exp = b.mul(&exp, factor)?;
    }
    let mut sum = reduce(b, &exp, &[3], Reduction::Sum)?;
    if mask.computed.is_some() || empty {
        let zero = b.map(&sum, "equal_zero", &[])?;
        sum = b.add(&sum, &zero)?;
    }
    divide(b, &exp, &sum)
}

fn rotary_embedding(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, cos, sin, b) = (n.input(0)?, n.input(1)?, n.input(2)?, &mut t.build);
    let shape = b.shape(x);
    let (interleaved, part) = (n.flag("interleaved"), n.int("rotary_embedding_dim").unwrap_or(0));
    let x = heads(b, x, n.int("num_heads"))?;
    let full = b.shape(&x);
    let &[batch, count, length, size] = &full[..] else { return Err("expected four axes".into()) };
    let part = if part == 0 { size } else { usize::try_from(part).map_err(|e| e.to_string())? };
    let half = part / 2;
    if part > size || part % 2 != 0 {
        return Err(format!("a part of {part} of {size} cannot be rotated"));
    }
    // one row of angles for each position of each sequence
    let mut angles = |table: &Value| -> Result<Value, Reason> {
        let table = match n.known(3, "the positions of a rotation")? {
            Some(ids) => {
                let at = super::shapes::extents(&ids.integers())?;
                b.select(table, 0, &at)?
            }
            None => table.clone(),
        };
        b.reshape(&table, &[batch, 1, length, half])
    };
    let (cos, sin) = (angles(cos)?, angles(sin)?);
    let turned = b.slice(&x, 3, 0, part, 1)?;
    let (first, second) = match interleaved {
        true => (b.slice(&turned, 3, 0, half, 2)?, b.slice(&turned, 3, 1, half, 2)?),
        false => (b.slice(&turned, 3, 0, half, 1)?, b.slice(&turned, 3, half, half, 1)?),
    };
    let (cx, sy) = (b.mul(&cos, &first)?, b.mul(&sin, &second)?);
    let (sx, cy) = (b.mul(&sin, &first)?, b.mul(&cos, &second)?);
    let (real, imaginary) = (b.sub(&cx, &sy)?, b.add(&sx, &cy)?);
    let rotated = if interleaved {
        let pair = |b: &mut Builder, v: &Value| b.reshape(v, &[batch, count, length, half, 1]);
        let (real, imaginary) = (pair(b, &real)?, pair(b, &imaginary)?);
        let pairs = b.concat(&[real, imaginary], 4)?;
        b.reshape(&pairs, &[batch, count, length, part])?
    } else {
        b.concat(&[real, imaginary], 3)?
    };
    let y = if part < size {
        let rest = b.slice(&x, 3, part, size - part, 1)?;
        b.concat(&[rotated, rest], 3)?
    } else {
        rotated
    };
    if shape.len() == 3 {
        let y = b.transpose(&y, &[0, 2, 1, 3])?;
        return Ok(vec![b.reshape(&y, &shape)?]);
    }
    Ok(vec![y])
}
