//! The op families of the quantizer: one a file, and the trait that each of them is.
//!
//! Invariant: [`of`] names every op of the nn dialect, so that the compiler asks for the family of a new one.

mod affine;
mod argmax;
mod elementwise;
mod layout;
mod lookup;
mod matmul;
mod norm;
mod pool;
pub(crate) mod softmax;
pub(crate) mod sum;
mod weighted;

use crate::emit::{Emitter, Sums};
use crate::model::{Model, Role};
use crate::scales::{Format, Scales};
use melior::ir::operation::OperationLike;
use tessera_mlir::{Error, Result};
use tessera_nn::NnOp;

/// How ops of a kind are quantized.
pub(crate) trait Family: Sync {
    /// Where the scale of a result comes from.
    fn role(&self) -> Role;

    /// That an op can be quantized.
    ///
    /// # Errors
    /// Why it cannot.
    fn check(&self, _model: &Model, _op: usize) -> Result<()> {
        Ok(())
    }

    /// The greatest magnitude of the real number that a result may stand for, before anything is clamped; 0 where that
    /// follows from the operands' scale.
    fn bound(&self, _model: &Model, _scales: &Scales, _op: usize) -> f64 {
        0.0
    }

    /// Whether what its operands may be at most can be computed with; without, sums that reach it are clamped to about what was seen.
    fn fits(&self, _model: &Model, _scales: &Scales, _op: usize) -> bool {
        true
    }

    /// How stored integers of the first operand and of the result look, where the family needs that.
    fn formats(&self) -> (Option<Format>, Option<Format>) {
        (None, None)
    }

    /// How sums are requantized, for a family of [`Role::Sums`].
    fn sums(&self) -> Option<&dyn Accumulate> {
        None
    }

    /// Writes what the op becomes: sums, or its result.
    ///
    /// # Errors
    /// When operands and attributes do not fit, or numbers leave their types.
    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>>;
}

/// What the choice of a shift asks a family whose sums are requantized.
pub(crate) trait Accumulate: Sync {
    /// The multiplier at shift 0 and scale 1 of the result, its typical channel's, in units of the one from which on being an integer
    /// costs too little to matter. More matters where 16 bits leave the model, which are `wide`.
    fn multiplier(&self, model: &Model, scales: &Scales, op: usize, wide: bool) -> f64;

    /// The greatest of them, up to rounding.
    fn greatest(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        self.multiplier(model, scales, op, true) * good_multiplier(true)
    }

    /// Whether the sums of all channels can have one unit.
    fn has_unit(&self) -> bool {
        false
    }

    /// That unit, the finest one with which weights and sums fit their types.
    fn unit(&self, _model: &Model, _scales: &Scales, _op: usize) -> Option<f64> {
        None
    }
}

/// Multipliers from here on are off by half a percent at most, and by much less where 16 bits leave the model.
pub(crate) fn good_multiplier(wide: bool) -> f64 {
    if wide { 4096.0 } else { 128.0 }
}

/// What an op becomes.
pub(crate) enum Converted<'c, 'a> {
    /// Sums that are to be requantized.
    Sums(Sums<'c, 'a>),
    /// The result as it is.
    Value(melior::ir::Value<'c, 'a>),
}

/// The family of an op.
pub(crate) fn of<V>(op: &NnOp<V>) -> &'static dyn Family {
    match op {
        NnOp::Conv { .. } | NnOp::Linear { .. } => &weighted::Weighted,
        NnOp::MatMul { .. } => &matmul::MatMul,
        NnOp::Binary { .. } => &elementwise::Elementwise,
        NnOp::AvgPool { .. } => &pool::AveragePool,
        NnOp::Map { f, .. } if layout::keeps_scale(f) => &layout::Compare,
        NnOp::Map { f, .. } if affine::factors(f).is_some() => &affine::Affine,
        NnOp::Map { .. } => &lookup::Lookup,
        NnOp::Softmax { .. } => &softmax::Softmax,
        NnOp::Norm { .. } => &norm::Norm,
        NnOp::ArgMax { .. } => &argmax::ArgMax,
        NnOp::MaxPool { .. } => &layout::Compare,
        NnOp::Reshape { .. } | NnOp::Transpose { .. } | NnOp::Concat { .. } => &layout::Move,
        NnOp::Pad { .. } | NnOp::Slice { .. } | NnOp::Embedding { .. } => &layout::Move,
    }
}

/// Why ops of a model cannot be quantized: all of them.
pub(crate) fn check(model: &Model) -> Vec<Error> {
    let why = |(index, info): (usize, &crate::model::OpInfo)| {
        of(&info.decoded).check(model, index).err().map(|e| e.or_at(info.op.location()))
    };
    model.ops.iter().enumerate().filter_map(why).collect()
}
