//! Images of other sizes: along each axis a constant linear map, since sizes are known while the model is read.

use super::operators;
use super::products::multiply;
use super::shapes::extents;
use crate::build::{Reason, Value};
use crate::node::{self, Node};
use crate::tensor::Kind;
use crate::translate::Translator;

operators! { "";
    "AffineGrid" => affine_grid,
    "Resize" => resize,
    "Upsample" => upsample,
}

const SIZES: &str = "the size of the result";

/// How a position of the result takes from positions of the operand.
struct Sampling {
    mode: String,
    coordinates: String,
    rounding: String,
    cubic: f64,
    antialias: bool,
    exclude_outside: bool,
}

/// One axis: its old and new extent, the factor between, and the part of it that is shown.
struct Along {
    extent: usize,
    to: usize,
    scale: f64,
    part: (f64, f64),
}

impl Sampling {
    /// Where a position of the result lies on the axis of the operand. Source: ONNX `Resize`.
    fn coordinate(&self, i: usize, a: &Along) -> Result<f64, Reason> {
        let (x, width, scale) = (i as f64, a.extent as f64, a.scale);
        let to = scale * width;
        Ok(match self.coordinates.as_str() {
            "half_pixel" => (x + 0.5) / scale - 0.5,
            "pytorch_half_pixel" if to == 1.0 => -0.5,
            "pytorch_half_pixel" => (x + 0.5) / scale - 0.5,
            "half_pixel_symmetric" => {
                let offset = width / 2.0 * (1.0 - a.to as f64 / to);
                offset + (x + 0.5) / scale - 0.5
            }
            "align_corners" if to == 1.0 => 0.0,
            "align_corners" => x * (width - 1.0) / (to - 1.0),
            "asymmetric" => x / scale,
            "tf_half_pixel_for_nn" => (x + 0.5) / scale,
            "tf_crop_and_resize" => {
                let (start, end) = a.part;
                let inside = match to == 1.0 {
                    true => (end - start) * (width - 1.0) / 2.0,
                    false => x * (end - start) * (width - 1.0) / (to - 1.0),
                };
                inside + start * (width - 1.0)
            }
            other => return Err(format!("coordinate_transformation_mode \"{other}\" is not supported")),
        })
    }

    /// The weights of the positions around a coordinate that lies `ratio` past the one on its left.
    fn weights(&self, ratio: f64, scale: f64) -> Result<Vec<f64>, Reason> {
        let a = self.cubic;
        let scale = scale.min(1.0);
        let over = |reach: f64, f: &dyn Fn(f64) -> f64| {
            let start = (-reach / scale).floor() as i64 + 1;
            let weights: Vec<f64> = (start..2 - start).map(|i| f(scale * (i as f64 - ratio))).collect();
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|w| w / sum).collect()
        };
        // Keys (1981)
        let cubic = |x: f64| {
            let x = x.abs();
            match x {
                x if x <= 1.0 => (a + 2.0) * x.powi(3) - (a + 3.0) * x.powi(2) + 1.0,
                x if x < 2.0 => a * x.powi(3) - 5.0 * a * x.powi(2) + 8.0 * a * x - 4.0 * a,
                _ => 0.0,
            }
        };
        let left = |left: bool| if left { vec![1.0, 0.0] } else { vec![0.0, 1.0] };
        Ok(match (self.mode.as_str(), self.rounding.as_str()) {
            ("linear", _) if self.antialias => over(1.0, &|x| (1.0 - x.abs()).clamp(0.0, 1.0)),
            ("linear", _) => vec![1.0 - ratio, ratio],
            ("cubic", _) if self.antialias => over(2.0, &cubic),
            ("cubic", _) => vec![cubic(1.0 + ratio), cubic(ratio), cubic(1.0 - ratio), cubic(2.0 - ratio)],
            ("nearest", _) if ratio == 1.0 => left(false),
            ("nearest", "round_prefer_floor") => left(ratio <= 0.5),
            ("nearest", "round_prefer_ceil") => left(ratio < 0.5),
            ("nearest", "floor") => left(true),
            ("nearest", "ceil") => left(false),
            (mode, rounding) => return Err(format!("the mode \"{mode}\" ({rounding}) is not supported")),
        })
    }

    /// The positions that one position of the result is made of; `None` where it lies outside what is shown.
    fn row(&self, i: usize, a: &Along) -> Result<Option<Vec<(usize, f64)>>, Reason> {
        let x = self.coordinate(i, a)?;
        let last = a.extent as i64 - 1;
        if self.coordinates == "tf_crop_and_resize" && (x < 0.0 || x > last as f64) {
            return Ok(None);
        }
        // of two positions equally near, the left one: a whole number lies at the end of its interval
        let left = x.ceil() as i64 - 1;
        let mut weights = self.weights(x - left as f64, a.scale)?;
        let first = left - (weights.len() as i64 / 2 - 1);
        let at: Vec<i64> = (0..weights.len() as i64).map(|k| first + k).collect();
        if self.exclude_outside {
            weights
                .iter_mut()
                .zip(&at)
                .for_each(|(w, &i)| *w *= f64::from(u8::from((0..=last).contains(&i))));
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|w| *w /= sum);
        }
        let positions = at.iter().map(|&i| i.clamp(0, last) as usize);
        let mut row: Vec<(usize, f64)> = vec![];
        for (i, w) in positions.zip(weights).filter(|(_, w)| *w != 0.0) {
            match row.iter_mut().find(|(j, _)| *j == i) {
                Some((_, sum)) => *sum += w,
                None => row.push((i, w)),
            }
        }
        Ok(Some(row))
    }
}

fn resize(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let shape = b.shape(x);
    let old = n.opset < 11;
    let text = |name: &str, otherwise: &str| n.text(name).unwrap_or_else(|| otherwise.to_owned());
    let sampling = Sampling {
        mode: text("mode", "nearest"),
        coordinates: text("coordinate_transformation_mode", if old { "asymmetric" } else { "half_pixel" }),
        rounding: text("nearest_mode", if old { "floor" } else { "round_prefer_floor" }),
        cubic: n.float("cubic_coeff_a").unwrap_or(-0.75),
        antialias: n.flag("antialias"),
        exclude_outside: n.flag("exclude_outside"),
    };
    let outside = n.float("extrapolation_value").unwrap_or(0.0);
    let policy = text("keep_aspect_ratio_policy", "stretch");
    let part = if old { None } else { n.known(1, SIZES)? };
    let scales = n.known(if old { 1 } else { 2 }, SIZES)?.filter(|s| s.len() > 0);
    let sizes = n.known(3, SIZES)?.filter(|s| s.len() > 0);
    let axes = match n.ints("axes") {
        Some(list) => list.iter().map(|&a| node::axis(a, shape.len())).collect::<Result<Vec<_>, _>>()?,
        None => (0..shape.len()).collect(),
    };
    let given = scales.or(sizes).ok_or("neither sizes nor factors are given")?;
    if given.len() != axes.len() {
        return Err(format!("expected {} sizes or factors, found {}", axes.len(), given.len()));
    }
    let numbers = given.numbers();
    let mut plan = vec![];
    let ratios: Vec<f64> = axes.iter().zip(&numbers).map(|(&a, &size)| size / shape[a] as f64).collect();
    for (k, &axis) in axes.iter().enumerate() {
        let extent = shape[axis];
        let (to, scale) = match (scales, policy.as_str()) {
            (Some(_), _) => ((extent as f64 * numbers[k]).floor(), numbers[k]),
            (None, "stretch") => (numbers[k], ratios[k]),
            (None, policy) => {
                let least = policy == "not_larger";
                let pick = |a: f64, b: f64| if least { a.min(b) } else { a.max(b) };
                let scale = ratios.iter().copied().reduce(pick).unwrap_or(1.0);
                ((scale * extent as f64 + 0.5).floor(), scale)
            }
        };
        if !(scale > 0.0 && to >= 1.0) {
            return Err(format!("axis {axis} would have {to} positions"));
        }
        let part = part.map(|p| p.numbers()).filter(|p| p.len() == 2 * axes.len());
        let part = part.map_or((0.0, 1.0), |p| (p[k], p[k + axes.len()]));
        plan.push((axis, Along { extent, to: to as usize, scale, part }));
    }
    let mut x = x.clone();
    for (axis, along) in plan {
        if along.scale == 1.0 && sampling.coordinates != "tf_crop_and_resize" {
            continue;
        }
        let mut to = b.shape(&x);
        to[axis] = along.to;
        b.room(&x, &to)?;
        let rows = (0..along.to).map(|i| sampling.row(i, &along)).collect::<Result<Vec<_>, _>>()?;
        let beyond: Vec<f64> = rows.iter().map(|r| if r.is_none() { outside } else { 0.0 }).collect();
        let rows: Vec<Vec<(usize, f64)>> = rows.into_iter().map(Option::unwrap_or_default).collect();
        let kind = b.kind(&x);
        x = b.along(&x, axis, &rows)?;
        if beyond.iter().any(|&v| v != 0.0) {
            let mut wide = vec![1; to.len()];
            wide[axis] = along.to;
            let beyond = b.known(kind, &wide, beyond)?;
            x = b.add(&x, &beyond)?;
        }
    }
    Ok(vec![x])
}

fn upsample(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let mut x = x.clone();
    let factors = match n.known(1, SIZES)? {
        Some(scales) => scales.numbers(),
        None => n.floats("scales").ok_or("the factors are missing")?,
    };
    let sampling = Sampling {
        mode: n.text("mode").unwrap_or_else(|| "nearest".into()),
        coordinates: "asymmetric".into(),
        rounding: "floor".into(),
        cubic: -0.75,
        antialias: false,
        exclude_outside: false,
    };
    for (axis, (&extent, &scale)) in b.shape(&x).iter().zip(&factors).enumerate() {
        if scale == 1.0 {
            continue;
        }
        let to = (extent as f64 * scale).floor();
        if !(scale > 0.0 && to >= 1.0 && to < crate::graph::MAX_ELEMENTS as f64) {
            return Err(format!("axis {axis} would have {to} positions"));
        }
        let along = Along { extent, to: to as usize, scale, part: (0.0, 1.0) };
        let rows = (0..along.to).map(|i| sampling.row(i, &along)).collect::<Result<Vec<_>, _>>()?;
        let rows: Vec<Vec<(usize, f64)>> = rows.into_iter().map(Option::unwrap_or_default).collect();
        x = b.along(&x, axis, &rows)?;
    }
    Ok(vec![x])
}

/// Points of a regular grid, mapped by computed matrices: one product.
fn affine_grid(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (theta, b) = (n.input(0)?, &mut t.build);
    let size = extents(&n.known(1, SIZES)?.ok_or("the size is missing")?.integers())?;
    let corners = n.flag("align_corners");
    let [batch, _, spatial @ ..] = &size[..] else { return Err("expected the size of images".into()) };
    let dims = spatial.len();
    if !(2..=3).contains(&dims) || b.shape(theta) != [*batch, dims, dims + 1] {
        return Err(format!("matrices of shape {:?} do not fit the size {size:?}", b.shape(theta)));
    }
    crate::graph::element_count(spatial).map_err(|e| e.to_string())?;
    let points: usize = spatial.iter().product();
    let strides = tessera_mlir::shape::strides(spatial);
    let coordinate = |at: usize, extent: usize| match corners {
        true if extent == 1 => 0.0,
        true => -1.0 + 2.0 * at as f64 / (extent as f64 - 1.0),
        false => -1.0 + (2.0 * at as f64 + 1.0) / extent as f64,
    };
    let mut base = vec![];
    for p in 0..points {
        // x first: the last axis
        base.extend((0..dims).rev().map(|a| coordinate(p / strides[a] % spatial[a], spatial[a])));
        base.push(1.0);
    }
    let base = b.known(Kind::F32, &[points, dims + 1], base)?;
    let turned = b.transpose(theta, &[0, 2, 1])?;
    let grid = multiply(b, &base, &turned)?;
    Ok(vec![b.reshape(&grid, &[&[*batch], spatial, &[dims]].concat())?])
}
