//! Networks that were quantized before: values on grids that the model states, which are stored as the integers that they are there.
//!
//! A grid is that of a `fake_quantize`, which import makes of a quantization and the dequantization that follows it: its scale is the scale
//! of what it gives, and its bounds are the least and the greatest stored integer. It is fused into the sums that it alone reads, so that these
//! are rounded once, to the grid, as the runtimes of quantized networks round them. Weights that meet values of a grid have the scales of
//! the grids that they lie on themselves.

use crate::model::{Model, Role, Source};
use tessera_mlir::functions::Map;
use tessera_nn::NnOp;

/// Multiples of a scale, from a least to a greatest one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    pub(crate) scale: f64,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// What is stored of a grid fits 16 bits.
const MOST: f64 = 32767.0;

impl Grid {
    /// That of a function.
    pub(crate) fn of(f: &Map) -> Option<Grid> {
        let parameters = f.parameters();
        let &[scale, low, high] = &parameters[..] else { return None };
        let fits = scale.is_finite() && scale > 0.0 && low <= high && low.abs().max(high.abs()) <= MOST;
        let named = f.name() == "fake_quantize" && fits && low.fract() == 0.0 && high.fract() == 0.0;
        named.then_some(Grid { scale, low: low as i64, high: high as i64 })
    }

    /// That of the op which gives a value.
    fn of_op(model: &Model, op: usize) -> Option<Grid> {
        match &model.ops[op].decoded {
            NnOp::Map { f, .. } => Grid::of(f),
            _ => None,
        }
    }
}

/// The grid that each value lies on: what a `fake_quantize` gives, and what is moved or compared from there.
pub(crate) fn grids(model: &Model) -> Vec<Option<Grid>> {
    let mut grids = vec![None; model.values.len()];
    for (op, info) in model.ops.iter().enumerate() {
        grids[info.result] = Grid::of_op(model, op);
    }
    grids
}

impl Model<'_, '_, '_> {
    /// An argument that is brought to one grid alone is stored on it: what a proof is given is rounded so in any case.
    pub(crate) fn find_grids(&mut self) {
        for value in 0..self.values.len() {
            let info = &self.values[value];
            if !matches!(info.source, Source::Argument(_)) || info.returned || info.users.is_empty() {
                continue;
            }
            let grids: Vec<Option<Grid>> = info.users.iter().map(|&op| Grid::of_op(self, op)).collect();
            if grids[0].is_some() && grids.iter().all(|grid| *grid == grids[0]) {
                for op in info.users.clone() {
                    self.ops[op].role = Role::Moves;
                }
            }
        }
    }
}

/// Stored weights are at most so large.
const WEIGHTS: u32 = 255;
/// How far from a whole number a weight may be that was multiplied by a scale and rounded to 24 bits.
const TOLERANCE: f64 = 1e-4;

/// How far one of a bias may be, which is a larger number.
const TOLERANCE_OF_BIAS: f64 = 0.02;

/// How far off a scale may be, as a share of it.
const TOLERANCE_OF_SCALES: f64 = 2e-7;

/// The coarsest scale of which weights are whole multiples, of 8 bits and a sign, and a bias of any size.
pub(crate) fn scale_of(weights: &[f32], bias: f64) -> Option<f64> {
    let most = weights.iter().fold(0.0, |most: f64, &w| most.max(f64::from(w).abs()));
    if most == 0.0 || !most.is_finite() {
        return None;
    }
    let off = |x: f64, scale: f64| (x / scale - (x / scale).round()).abs();
    let of_weights = |scale: &f64| weights.iter().all(|&w| off(w.into(), *scale) <= TOLERANCE);
    let mut scales = (1..=WEIGHTS).map(|steps| most / f64::from(steps)).filter(of_weights);
    let coarsest = scales.next()?;
    // the bias of a layer is a multiple of the layer's scale; where no scale fits it, the coarsest does
    let of_bias =
        |scale: &f64| off(bias, *scale) <= TOLERANCE_OF_BIAS + TOLERANCE_OF_SCALES * (bias / scale).abs();
    std::iter::once(coarsest).chain(scales).find(of_bias).or(Some(coarsest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_grid_are_told_from_others() {
        let scale = 0.0123f32;
        let on: Vec<f32> = (0..40).map(|i| ((i * 37) % 255 - 127) as f32 * scale).collect();
        let found = scale_of(&on, f64::from(scale) * 1001.0).unwrap();
        assert!((found / f64::from(scale) - 1.0).abs() < 1e-6, "{found}");
        let off: Vec<f32> = (0..40).map(|i| (i as f32 * 0.37).sin()).collect();
        assert_eq!(scale_of(&off, 0.0), None);
        assert_eq!(scale_of(&[0.0, 0.0], 1.0), None);
        // even weights and an odd bias
        let even = scale_of(&[2.0 * scale, -6.0 * scale, 4.0 * scale], f64::from(scale) * 13.0).unwrap();
        assert!((even / f64::from(scale) - 1.0).abs() < 1e-6, "{even}");
    }

    #[test]
    fn a_grid_has_whole_bounds_that_are_stored() {
        let grid = |p: &[f64]| Grid::of(&Map::named("fake_quantize", p).unwrap());
        assert_eq!(grid(&[0.5, -3.0, 252.0]), Some(Grid { scale: 0.5, low: -3, high: 252 }));
        assert_eq!(grid(&[0.5, -3.0, 1e6]), None);
        assert_eq!(grid(&[0.0, -3.0, 3.0]), None);
        assert_eq!(grid(&[0.5, -2.5, 3.0]), None);
    }
}
