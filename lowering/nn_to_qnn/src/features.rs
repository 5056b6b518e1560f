//! Inputs of tables: features that reach very differently far, and comparisons of features with numbers.
//!
//! One scale for all features leaves nothing of the small ones, so such an input is stored in 31 bits, and what reads it reads each
//! feature at a step of its own: a layer by way of factors that bring all features to one reach, an elementwise op by multipliers for
//! channels, which it has anyway, and a comparison exactly.
//!
//! # Correctness
//! A comparison of a stored integer q with a number t is that of integers, q > round(t / step): where a value and the number lie in
//! different steps, the outcome is that of real numbers. Only signs of such sums are read, and `A > 0` stays so in the requantization,
//! which rounds up: `(A + 2^(s−1) − 1 + 2^(s−1)) >> s = ⌈A / 2^s⌉`.

use crate::model::{Model, Role, Source};
use crate::scales::{Scales, printable};
use melior::ir::attribute::{ArrayAttribute, DictionaryAttribute};
use melior::ir::operation::OperationLike;
use ndarray::ArrayD;
use tessera_mlir::attrs;
use tessera_nn::NnOp;
use tessera_nn::ops::Binary;

/// The name of the attribute of an argument that says how far each of its features reaches.
pub(crate) const REACH: &str = "nn.reach";

/// Features reach very differently far where one reaches less than this share of what another does.
const SPREAD: f64 = 1.0 / 32.0;
const MOST_FEATURES: usize = 1 << 12;

/// How far each feature of rows reaches, where that is very different.
pub(crate) fn seen<'a>(samples: impl Iterator<Item = &'a ArrayD<f32>>) -> Option<Vec<f64>> {
    let mut reach: Vec<f64> = vec![];
    for sample in samples {
        let features = *sample.shape().last()?;
        if sample.len() != features || features > MOST_FEATURES {
            return None;
        }
        reach.resize(features, 0.0);
        for (most, v) in reach.iter_mut().zip(sample) {
            *most = most.max(f64::from(v.abs()));
        }
    }
    let most = reach.iter().fold(0.0, |a: f64, &b| a.max(b));
    let least = reach.iter().filter(|&&r| r > 0.0).fold(most, |a, &b| a.min(b));
    // a feature that was never seen reaches as far as any
    let reach = reach.iter().map(|&r| if r > 0.0 { r } else { most }).collect();
    (least < most * SPREAD).then_some(reach)
}

/// A test whether one value, less a number, is above 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Test {
    /// The value.
    pub(crate) operand: usize,
    /// What it is multiplied by, up to the sign.
    pub(crate) magnitude: f64,
}

/// The test that an op's sums are read for: `step` alone reads them, and each is one value of a row, less a number.
pub(crate) fn test(model: &Model, op: usize) -> Option<Test> {
    let info = &model.ops[op];
    let out = &model.values[info.result];
    let plain = info.role == Role::Sums && info.fused.is_none() && info.term_of.is_none() && !out.returned;
    let step = |&user: &usize| matches!(&model.ops[user].decoded, NnOp::Map { f, .. } if f.name() == "step");
    if !plain || out.users.is_empty() || !out.users.iter().all(step) {
        return None;
    }
    let linear = match info.decoded {
        NnOp::Linear { .. } => op,
        NnOp::Binary { kind: Binary::Add | Binary::Sub, .. } => {
            // a value less a number; the other way round it would be negated
            let &[a, _] = &info.operands[..] else { return None };
            let linear = model.term(a)?;
            model.constant(op).filter(|&(constant, ..)| constant != a)?;
            linear
        }
        _ => return None,
    };
    let NnOp::Linear { .. } = model.ops[linear].decoded else { return None };
    let operands = &model.ops[linear].operands;
    let weights = model.floats(operands[1])?;
    let row = *model.values[operands[1]].shape.last()?;
    let magnitude = weights.iter().find(|w| **w != 0.0)?.abs();
    let one = |row: &[f32]| {
        let mut kept = row.iter().filter(|w| **w != 0.0);
        // rows of zeros are tests that nothing reads
        kept.next().is_none_or(|w| w.abs() == magnitude) && kept.next().is_none()
    };
    weights
        .chunks_exact(row.max(1))
        .all(one)
        .then_some(Test { operand: operands[0], magnitude: magnitude.into() })
}

/// Whether an op's sums are of features of their own reach.
pub(crate) fn reads(model: &Model, op: usize) -> bool {
    model.ops[op].operands.iter().any(|&x| {
        let terms = model.term(x).is_some_and(|term| reads(model, term));
        terms
            || (model.features.get(x).is_some_and(Option::is_some)
                && matches!(model.ops[op].decoded, NnOp::Binary { .. }))
    })
}

impl Model<'_, '_, '_> {
    /// How far the features of a value reach, where they have steps of their own.
    pub(crate) fn features(&self, value: usize) -> Option<&[f64]> {
        self.features.get(value)?.as_deref()
    }

    /// Finds the arguments whose features have steps of their own: those that layers and elementwise ops with numbers alone read.
    pub(crate) fn find_features(&mut self) {
        let reach = |value: usize| {
            let Source::Argument(index) = self.values[value].source else { return None };
            let ports = ArrayAttribute::try_from(self.function.op.attribute("arg_attrs").ok()?).ok()?;
            let port = DictionaryAttribute::try_from(ports.element(index).ok()?).ok()?;
            let reach = attrs::to_f64s(port.element_by_name(REACH)?)?;
            let info = &self.values[value];
            let good = reach.iter().all(|r| r.is_finite() && *r > 0.0);
            let fits = info.shape.last() == Some(&reach.len()) && good && !info.returned && !info.indices;
            let can = |&user: &usize| match self.ops[user].decoded {
                NnOp::Linear { .. } => self.ops[user].operands[0] == value,
                NnOp::Binary { .. } => self.constant(user).is_some(),
                _ => false,
            };
            (fits && info.users.iter().all(can)).then_some(reach)
        };
        let found = (0..self.function.arguments().len()).map(reach).collect();
        self.features = found;
    }
}

/// Features that factors bring to one reach.
pub(crate) struct Normalized {
    /// What a stored feature is multiplied by, before the shift.
    pub(crate) multipliers: Vec<i64>,
    /// The real number that 1 stands for, feature by feature.
    pub(crate) units: Vec<f64>,
}

impl Normalized {
    /// Greatest stored integer.
    pub(crate) const MOST: i64 = (1 << 15) - 1;
    /// What it stands for is 1, nearly.
    pub(crate) const STEP: f64 = 1.0 / (1 << 15) as f64;
    pub(crate) const SHIFT: u32 = 28;

    /// Of the operand of a layer; none where that has one step for all.
    pub(crate) fn of(model: &Model, op: usize) -> Option<Self> {
        let x = *model.ops[op].operands.first()?;
        let reach = model.features(x)?;
        let NnOp::Linear { .. } = model.ops[op].decoded else { return None };
        if test(model, model.rounded_by(op)).is_some() {
            return None;
        }
        let scale = Scales::of_features(reach);
        let step = printable(Self::STEP);
        let shift = f64::from(1 << Self::SHIFT);
        // a quarter more than was seen
        let multiplier =
            |r: &f64| (scale / (r * 1.25 * step) * shift).round().clamp(1.0, f64::from(i32::MAX)) as i64;
        let multipliers: Vec<i64> = reach.iter().map(multiplier).collect();
        let units = multipliers.iter().map(|&m| scale * shift / (m as f64 * step)).collect();
        Some(Self { multipliers, units })
    }
}
