//! Sums, differences and products of two tensors, with broadcasting.
//!
//! A sum is no op of its own: its terms are the operands of the requantization, each with a multiplier, and where an operand is a
//! sum that nothing else reads, that one's terms. A parameter with numbers for channels is a bias in a sum, exactly, and multipliers
//! in a product; so a normalization by constants is one requantization.

use super::{Accumulate, Converted, Family, good_multiplier, matmul::product, of};
use crate::emit::{Emitter, Sums, Term, to_multiplier};
use crate::model::{Model, Role};
use crate::scales::Scales;
use melior::ir::operation::OperationLike;
use tessera_mlir::{Error, Result};
use tessera_nn::{NnOp, ops::Binary};
use tessera_qnn::ops;

pub(super) struct Elementwise;

/// What an operand of a sum or a product counts for.
enum Operand<'m> {
    /// The sums of an op that are terms of this one's.
    Sums(usize),
    /// Numbers for channels along an axis.
    Channels(usize, &'m [f32]),
    /// A value with a scale.
    Value(usize),
}

fn operand<'m>(model: &Model<'_, '_, 'm>, op: usize, value: usize) -> Operand<'m> {
    if let Some(term) = model.term(value) {
        return Operand::Sums(term);
    }
    match model.constant(op) {
        Some((constant, axis, numbers)) if constant == value => Operand::Channels(axis, numbers),
        _ => Operand::Value(value),
    }
}

/// Both operands, and whether the second is subtracted.
fn operands<'m>(model: &Model<'_, '_, 'm>, op: usize) -> [(Operand<'m>, bool); 2] {
    let &[a, b] = &model.ops[op].operands[..] else { unreachable!("an elementwise op has two operands") };
    let minus = matches!(kind(model, op), Ok(Binary::Sub));
    [(operand(model, op, a), false), (operand(model, op, b), minus)]
}

impl Family for Elementwise {
    fn role(&self) -> Role {
        Role::Sums
    }

    fn sums(&self) -> Option<&dyn Accumulate> {
        Some(self)
    }

    fn bound(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        let [a, b] = operands(model, op).map(|(operand, _)| match operand {
            Operand::Sums(term) => of(&model.ops[term].decoded).bound(model, scales, term),
            Operand::Channels(_, numbers) => greatest(numbers),
            Operand::Value(value) => reach(scales, value),
        });
        match kind(model, op) {
            Ok(Binary::Mul) => a * b,
            _ => a + b,
        }
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let model = e.model;
        let (out, shift) = (e.scales.target(model, op), e.scales.shift(model, op));
        let stored = |value: usize| {
            let (lo, hi) = e.scales.interval(value);
            (e.scales.scale(value), (i128::from(lo), i128::from(hi)))
        };
        let parts = operands(model, op);
        if kind(model, op)? == Binary::Mul {
            let sums = match parts.map(|(operand, _)| operand) {
                [Operand::Value(x), Operand::Channels(axis, numbers)]
                | [Operand::Channels(axis, numbers), Operand::Value(x)] => {
                    let (scale, interval) = stored(x);
                    let unit: Vec<f64> = numbers.iter().map(|&n| f64::from(n) * scale).collect();
                    let multiplier = unit.iter().map(|u| to_multiplier(u / out, shift)).collect();
                    let value = e.get(x)?;
                    let term = Term { value, multiplier, unit, interval: vec![interval] };
                    Sums { terms: vec![term], axis, bias: vec![] }
                }
                [Operand::Value(a), Operand::Value(b)] => {
                    let (unit, interval) =
                        (stored(a).0 * stored(b).0, product(e.scales.interval(a), e.scales.interval(b)));
                    let (a, b) = (e.get(a)?, e.get(b)?);
                    let value = e.insert(ops::mul(model.ops[op].op.location(), a, b))?;
                    Sums::of_one(value, to_multiplier(unit / out, shift), unit, interval)
                }
                [Operand::Sums(term), Operand::Channels(axis, numbers)]
                | [Operand::Channels(axis, numbers), Operand::Sums(term)] => {
                    e.terms(term)?.scaled(axis, numbers, (out, shift))
                }
                _ => return Err(Error::new("a product of sums; this is a defect of convert-nn-to-qnn")),
            };
            return Ok(Converted::Sums(sums));
        }
        let mut all = Sums::default();
        for (operand, minus) in parts {
            let sums = match operand {
                Operand::Sums(term) => e.terms(term)?,
                Operand::Channels(axis, numbers) => {
                    let bias = numbers.iter().map(|&n| n.into()).collect();
                    Sums { terms: vec![], axis, bias }
                }
                Operand::Value(x) => {
                    let (scale, interval) = stored(x);
                    Sums::of_one(e.get(x)?, to_multiplier(scale / out, shift), scale, interval)
                }
            };
            all = all.plus(if minus { sums.negated() } else { sums });
        }
        Ok(Converted::Sums(all))
    }
}

impl Accumulate for Elementwise {
    /// The least of the terms'.
    fn multiplier(&self, model: &Model, scales: &Scales, op: usize, wide: bool) -> f64 {
        let [a, b] = operands(model, op).map(|(operand, _)| operand);
        match (kind(model, op), a, b) {
            (Ok(Binary::Mul), Operand::Value(a), Operand::Value(b)) => {
                scales.scale(a) * scales.scale(b) / good_multiplier(wide)
            }
            (Ok(Binary::Mul), Operand::Sums(term), Operand::Channels(_, numbers))
            | (Ok(Binary::Mul), Operand::Channels(_, numbers), Operand::Sums(term)) => {
                let sums = of(&model.ops[term].decoded).sums();
                sums.map_or(0.0, |sums| sums.multiplier(model, scales, term, true)) * greatest(numbers)
            }
            (Ok(Binary::Mul), Operand::Value(x), Operand::Channels(_, numbers))
            | (Ok(Binary::Mul), Operand::Channels(_, numbers), Operand::Value(x)) => {
                scales.scale(x) * greatest(numbers) / good_multiplier(true)
            }
            (_, a, b) => [a, b]
                .into_iter()
                .filter_map(|operand| match operand {
                    Operand::Sums(term) => {
                        Some(of(&model.ops[term].decoded).sums()?.multiplier(model, scales, term, wide))
                    }
                    Operand::Channels(..) => None,
                    Operand::Value(value) => Some(scales.scale(value) / good_multiplier(wide)),
                })
                .fold(f64::INFINITY, f64::min),
        }
    }
}

fn greatest(numbers: &[f32]) -> f64 {
    numbers.iter().fold(0.0, |most, &n| f64::max(most, f64::from(n).abs()))
}

fn kind(model: &Model, op: usize) -> Result<Binary> {
    match model.ops[op].decoded {
        NnOp::Binary { kind, .. } => Ok(kind),
        _ => Err(Error::new("expected an elementwise op")),
    }
}

fn reach(scales: &Scales, value: usize) -> f64 {
    let (lo, hi) = scales.reals(value);
    lo.abs().max(hi.abs())
}
