//! Normalizations: exact sums of squares, and a table of reciprocal roots that has scale and length of rows in it.
//!
//! Error against f64, for rows that are stored exactly: the root is off by 2^−16 of itself, half a step of its table, and what is
//! dropped of a sum of squares changes it by less than 2^−15; an epsilon below 2^14/n squares of the finest step at which squares are
//! exact counts as that; a rounded mean shifts a row by half a unit of its fraction, which is
//! at most an eighth of the root of epsilon over 2^7. Then the result is rounded by half a step.

use super::{Converted, Family};
use crate::emit::Emitter;
use crate::model::{Model, Role};
use crate::scales::{Format, Scales};
use melior::ir::operation::OperationLike;
use tessera_mlir::params::ParamData;
use tessera_mlir::types::TensorType;
use tessera_mlir::{Error, Result, loc};
use tessera_nn::NnOp;
use tessera_qnn::QnnOp;
use tessera_qnn::ops::{MANTISSAS, NormAttrs};

pub(super) struct Norm;

/// Bits of the multiplier that gives a mean.
const MEAN_BITS: f64 = 24.0;
/// Bits that exact sums of squares may have: the greatest mantissa times the power of 4 that brackets them is below half the field.
const SQUARE_BITS: f64 = 60.0;
/// Bits of exact products of elements and roots: below half the field, with room for rounding.
const PRODUCT_BITS: f64 = 62.95;

/// Elements of a row, whether it is centred, and what is added to the mean of its squares.
fn row(model: &Model, op: usize) -> Result<(usize, bool, f64)> {
    match (&model.ops[op].decoded, model.values[model.ops[op].result].shape.last()) {
        (NnOp::Norm { centred, epsilon, .. }, Some(&n)) => Ok((n, *centred, epsilon.0)),
        _ => Err(Error::new("expected a normalization")),
    }
}

/// How a row of `n` stored integers within ±`reach` at scale `from` is normalized to scale `to`.
fn choose(n: usize, centred: bool, epsilon: f64, (from, reach): (f64, i64), to: f64) -> Result<NormAttrs> {
    let n = n as f64;
    // enough bits of fractions that epsilon alone is a mantissa, as far as squares are exact: a smaller epsilon counts as the least
    // mantissa, which is the square of a few steps of the operand
    let unit = |fraction: u32| epsilon * n * 4f64.powi(fraction as i32) / (from * from);
    let greatest =
        |fraction: u32| (if centred { 2.0 } else { 1.0 }) * reach as f64 * 2f64.powi(fraction as i32) + 1.0;
    let bits = |fraction: u32| (n * greatest(fraction).powi(2) + unit(fraction)).log2();
    let exponent = |fraction: u32| ((bits(fraction) - 16.0) / 2.0).ceil().max(0.0) as u32 + 1;
    // the greatest entry, of the mantissa 2^14, has 16 bits
    let gain = (n.sqrt() / to).log2();
    let (above, entry) = ((23.0 - gain).floor(), gain - 7.0 + (23.0 - gain).floor());
    let fits = |f: &u32| {
        // an element times the greatest root
        let product = greatest(*f).log2() + entry + f64::from(exponent(*f));
        bits(*f) <= SQUARE_BITS && product <= PRODUCT_BITS
    };
    let enough = (0..=16).find(|&f| unit(f) >= MANTISSAS.start as f64).unwrap_or(16);
    let Some(fraction) = (0..=enough).rev().find(fits) else {
        return Err(Error::new(format!(
            "the sum of squares of a row may have {} bits, at most {SQUARE_BITS} are exact: the operand's greatest possible value \
             is {:.3e}, in steps of {from:.3e}",
            bits(0).ceil(),
            reach as f64 * from,
        )));
    };
    let exponent = exponent(fraction);
    let shift = (f64::from(exponent) + above).clamp(1.0, 62.0) as u32;
    let mean_shift = (MEAN_BITS + n.log2().floor() - f64::from(fraction)).clamp(1.0, 62.0) as u32;
    let multiplier = (2f64.powi((mean_shift + fraction) as i32) / n).round() as i64;
    Ok(NormAttrs {
        mean: centred.then_some((multiplier, mean_shift)),
        fraction,
        epsilon: (unit(fraction).round() as i64).max(MANTISSAS.start),
        exponent,
        shift,
    })
}

/// The root of every mantissa.
fn roots(attrs: &NormAttrs, n: usize, to: f64) -> Vec<i32> {
    let gain = (n as f64).sqrt() / to * 2f64.powi(attrs.shift as i32 - attrs.exponent as i32);
    MANTISSAS.map(|v| (gain / (v as f64).sqrt()).round() as i32).collect()
}

impl Family for Norm {
    fn role(&self) -> Role {
        Role::Rows
    }

    fn formats(&self) -> (Option<Format>, Option<Format>) {
        (Some(Format::Open), Some(Format::Normed))
    }

    /// The square of one element is at most the sum of the squares of all.
    fn bound(&self, model: &Model, _: &Scales, op: usize) -> f64 {
        row(model, op).map_or(0.0, |(n, ..)| (n as f64).sqrt())
    }

    fn fits(&self, model: &Model, scales: &Scales, op: usize) -> bool {
        let Ok((n, centred, epsilon)) = row(model, op) else { return true };
        let info = &model.ops[op];
        let (x, to) = (info.operands[0], scales.scale(info.result));
        let (lo, hi) = scales.interval(x);
        choose(n, centred, epsilon, (scales.scale(x), hi.max(-lo)), to).is_ok()
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let info = &e.model.ops[op];
        let (n, centred, epsilon) = row(e.model, op)?;
        let x = info.operands[0];
        let to = e.quant(info.result);
        // alike in all layers that are alike but for how far rows reach
        let alike = |other: &usize| {
            let info = &e.model.ops[*other];
            row(e.model, *other).is_ok_and(|row| row == (n, centred, epsilon))
                && e.scales.scale(info.operands[0]) == e.scales.scale(x)
                && e.quant(info.result).scale_at(0) == to.scale_at(0)
        };
        let reach = |op: usize| {
            let (lo, hi) = e.scales.interval(e.model.ops[op].operands[0]);
            hi.max(-lo)
        };
        let reach = (0..e.model.ops.len()).filter(alike).map(reach).max().unwrap_or(reach(op));
        let attrs = choose(n, centred, epsilon, (e.scales.scale(x), reach), to.scale_at(0))?;
        let entries = roots(&attrs, n, to.scale_at(0));
        let location = info.op.location();
        let name = format!("{}.roots", loc::node_name(location).unwrap_or_else(|| "norm".into()));
        let ty = TensorType::i32([entries.len()]);
        let context = e.model.function.context();
        let roots = e.parameter(&name, ty, ParamData::I32(entries.into()), loc::node(context, &name))?;
        let x = e.get(x)?;
        Ok(Converted::Value(e.insert(QnnOp::Norm { x, roots, attrs, to }.build(location))?))
    }
}
