//! Operators that slide a window over an image of one, two or three axes: convolutions and poolings.
//!
//! The dialect knows windows of two axes. One axis is two, of which one has one position; over three axes a convolution is the
//! sum of those of its slices, and a maximum or a mean is that over two axes, then over the third.

use super::elementwise::to_the;
use super::operators;
use super::reduce::{self, Reduction};
use crate::build::{Builder, Reason, Value};
use crate::node::Node;
use crate::tensor::Kind;
use crate::translate::Translator;
use tessera_mlir::shape::{ConvAttrs, PoolAttrs};
use tessera_nn::NnOp;

operators! { "";
    "AveragePool" => average_pool,
    "Conv" => conv,
    "ConvTranspose" => conv_transpose,
    "GlobalAveragePool" => |t, n| global(t, n, |b, x, axes, _| reduce::reduce(b, x, axes, Reduction::Mean)),
    "GlobalLpPool" => |t, n| global(t, n, reduce::norm),
    "GlobalMaxPool" => |t, n| global(t, n, |b, x, axes, _| reduce::reduce(b, x, axes, Reduction::Max)),
    "LpPool" => lp_pool,
    "MaxPool" => max_pool,
}

/// How a window walks along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// Positions added before and after.
    pub(super) low: usize,
    pub(super) high: usize,
    /// Those of `high` that the file does not ask for: the last window reaches past what it says.
    over: usize,
}

impl Walk {
    /// One tap at every position.
    pub(super) const ONE: Walk = Walk { kernel: 1, stride: 1, dilation: 1, low: 0, high: 0, over: 0 };

    /// Positions from the first tap to the last.
    fn reach(&self) -> usize {
        self.kernel.saturating_sub(1).saturating_mul(self.dilation).saturating_add(1)
    }

    fn steps(&self, extent: usize) -> usize {
        let padded = extent.saturating_add(self.low).saturating_add(self.high);
        padded.checked_sub(self.reach()).map_or(0, |free| free / self.stride.max(1) + 1)
    }
}

/// The windows of a node over an image of these extents.
fn walks(n: &Node, spatial: &[usize], kernel: &[usize]) -> Result<Vec<Walk>, Reason> {
    let rank = spatial.len();
    if kernel.len() != rank {
        return Err(format!("a window of {} axes does not fit an image of {rank}", kernel.len()));
    }
    let strides = n.extents("strides", rank, 1)?;
    let dilations = n.extents("dilations", rank, 1)?;
    let pads = n.extents("pads", 2 * rank, 0)?;
    let auto = n.text("auto_pad").unwrap_or_else(|| "NOTSET".into());
    let ceil = n.flag("ceil_mode");
    let mut walks = vec![];
    for axis in 0..rank {
        let (kernel, stride, dilation) = (kernel[axis], strides[axis], dilations[axis]);
        if kernel == 0 || stride == 0 || dilation == 0 {
            return Err("windows, strides and dilations are at least 1".into());
        }
        let mut walk = Walk { kernel, stride, dilation, low: 0, high: 0, over: 0 };
        let extent = spatial[axis];
        match auto.as_str() {
            "NOTSET" => (walk.low, walk.high) = (pads[axis], pads[axis + rank]),
            "VALID" => {}
            "SAME_UPPER" | "SAME_LOWER" => {
                let reached =
                    (extent.div_ceil(stride) - 1).saturating_mul(stride).saturating_add(walk.reach());
                let missing = reached.saturating_sub(extent);
                let less = missing / 2;
                let more = missing - less;
                (walk.low, walk.high) = if auto == "SAME_UPPER" { (less, more) } else { (more, less) };
            }
            other => return Err(format!("auto_pad \"{other}\" is not supported")),
        }
        if ceil {
            let padded = extent + walk.low + walk.high;
            let free = padded.checked_sub(walk.reach()).ok_or("the window is larger than the image")?;
            let mut steps = free.div_ceil(stride) + 1;
            // a window that would begin in the padding behind the image is left out
            if (steps - 1) * stride >= extent + walk.low {
                steps -= 1;
            }
            let reached = (steps - 1) * stride + walk.reach();
            walk.over = reached.saturating_sub(padded);
            walk.high += walk.over;
        }
        walks.push(walk);
    }
    Ok(walks)
}

/// Batch and channels of an image, and the extents of its other axes, one to three.
fn image(b: &Builder, x: &Value) -> Result<(usize, usize, Vec<usize>), Reason> {
    match &b.shape(x)[..] {
        [n, c, spatial @ ..] if (1..=3).contains(&spatial.len()) => Ok((*n, *c, spatial.to_vec())),
        shape => Err(format!("windows on shape {shape:?} are not supported; only over one to three axes")),
    }
}

fn conv(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    const WEIGHTS: &str = "the weights of a convolution";
    let (x, w, bias) = (n.input(0)?, n.known(1, WEIGHTS)?, n.known(2, WEIGHTS)?);
    let w = Value::Known(w.ok_or("the weights are missing")?.clone());
    let bias = bias.map(|bias| Value::Known(bias.clone()));
    Ok(vec![conv_of(&mut t.build, n, x, &w, bias)?])
}

/// The convolution that the attributes of a node say.
pub(super) fn conv_of(
    b: &mut Builder,
    n: &Node,
    x: &Value,
    w: &Value,
    bias: Option<Value>,
) -> Result<Value, Reason> {
    let (_, _, spatial) = image(b, x)?;
    let shape = b.shape(w);
    let kernel = shape.get(2..).unwrap_or_default().to_vec();
    if n.ints("kernel_shape").is_some_and(|k| k.iter().map(|&k| k as usize).ne(kernel.iter().copied())) {
        return Err("the window is not that of the weights".into());
    }
    let walks = walks(n, &spatial, &kernel)?;
    let groups = usize::try_from(n.int("group").unwrap_or(1)).map_err(|e| e.to_string())?;
    convolution(b, x, w, bias, &walks, groups)
}

/// A convolution over one to three axes.
pub(super) fn convolution(
    b: &mut Builder,
    x: &Value,
    w: &Value,
    bias: Option<Value>,
    walks: &[Walk],
    groups: usize,
) -> Result<Value, Reason> {
    let bias = bias.filter(|bias| match bias {
        Value::Known(t) => t.numbers().iter().any(|&v| v != 0.0),
        Value::Computed(..) => true,
    });
    let bias = match bias {
        Some(Value::Known(t)) if t.len() == 1 && b.shape(w)[0] != 1 => {
            let channels = b.shape(w)[0];
            Some(b.known(t.kind, &[channels], vec![t.numbers()[0]; channels])?)
        }
        bias => bias,
    };
    let (batch, c, spatial) = image(b, x)?;
    let mut kernel = b.shape(w);
    let kind = b.kind(x);
    let one = Walk::ONE;
    match (&spatial[..], walks) {
        (&[width], &[walk]) => {
            let x = b.reshape(x, &[batch, c, 1, width])?;
            kernel.insert(2, 1);
            let w = b.reshape(w, &kernel)?;
            let y = convolution(b, &x, &w, bias, &[one, walk], groups)?;
            let mut shape = b.shape(&y);
            shape.remove(2);
            b.reshape(&y, &shape)
        }
        (&[_, _], &[rows, columns]) => {
            let attrs = ConvAttrs {
                strides: [rows.stride, columns.stride],
                pads: [rows.low, columns.low, rows.high, columns.high],
                dilations: [rows.dilation, columns.dilation],
                groups,
            };
            b.push(NnOp::Conv { x: x.clone(), w: w.clone(), bias, attrs }, kind)
        }
        (&[_, height, width], &[deep, rows, columns]) => {
            let x = b.pad(x, &[0, 0, deep.low, 0, 0], &[0, 0, deep.high, 0, 0], 0.0)?;
            let depth = b.shape(&x)[2];
            let steps = Walk { low: 0, high: 0, ..deep }.steps(depth);
            if steps == 0 {
                return Err("the window is larger than the image".into());
            }
            let mut terms = vec![];
            for tap in 0..deep.kernel {
                let slice = b.slice(&x, 2, tap * deep.dilation, steps, deep.stride)?;
                let slices = b.transpose(&slice, &[0, 2, 1, 3, 4])?;
                let slices = b.reshape(&slices, &[batch * steps, c, height, width])?;
                let taps = b.slice(w, 2, tap, 1, 1)?;
                let taps = b.reshape(&taps, &[kernel[0], kernel[1], kernel[3], kernel[4]])?;
                let bias = bias.clone().filter(|_| tap == 0);
                terms.push(convolution(b, &slices, &taps, bias, &[rows, columns], groups)?);
            }
            let y = b.sum(&terms)?;
            let [_, o, h, w] = b.shape(&y)[..] else { return Err("expected an image".into()) };
            let y = b.reshape(&y, &[batch, steps, o, h, w])?;
            b.transpose(&y, &[0, 2, 1, 3, 4])
        }
        _ => Err(format!("a window of {} axes does not fit an image of {}", walks.len(), spatial.len())),
    }
}

/// A convolution of the image with zeros between its elements, with the weights turned around.
fn conv_transpose(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    const WEIGHTS: &str = "the weights of a convolution";
    let b = &mut t.build;
    let (x, w, bias) = (n.input(0)?, n.known(1, WEIGHTS)?, n.known(2, WEIGHTS)?);
    let mut w = Value::Known(w.ok_or("the weights are missing")?.clone());
    let bias = bias.map(|bias| Value::Known(bias.clone()));
    let (batch, c, spatial) = image(b, x)?;
    let rank = spatial.len();
    let shape = b.shape(&w);
    let kernel = shape.get(2..).unwrap_or_default().to_vec();
    n.ints("kernel_shape");
    let strides = n.extents("strides", rank, 1)?;
    let dilations = n.extents("dilations", rank, 1)?;
    let pads = n.extents("pads", 2 * rank, 0)?;
    let extra = n.extents("output_padding", rank, 0)?;
    let asked = n.ints("output_shape");
    let auto = n.text("auto_pad").unwrap_or_else(|| "NOTSET".into());
    let groups = usize::try_from(n.int("group").unwrap_or(1)).map_err(|e| e.to_string())?;
    if kernel.len() != rank || shape[0] != c || groups == 0 || c % groups != 0 || strides.contains(&0) {
        return Err(format!("weights of shape {shape:?} do not fit {c} channels in {groups} groups"));
    }
    let mut x = x.clone();
    let mut walks = vec![];
    for axis in 0..rank {
        let (stride, extent) = (strides[axis], spatial[axis]);
        let walk =
            Walk { kernel: kernel[axis], stride: 1, dilation: dilations[axis], low: 0, high: 0, over: 0 };
        let full = (extent - 1) * stride + walk.reach() + extra[axis];
        let wanted = match &asked {
            Some(list) => {
                let at = list.len().checked_sub(rank).ok_or("the shape of the result has too few extents")?;
                Some(usize::try_from(list[at + axis]).map_err(|e| e.to_string())?)
            }
            None if auto.starts_with("SAME") => Some(extent * stride),
            None => None,
        };
        let (low, high) = match wanted {
            Some(wanted) => {
                let cut = full as i64 - wanted as i64;
                let less = cut.div_euclid(2);
                if auto == "SAME_UPPER" { (less, cut - less) } else { (cut - less, less) }
            }
            None => (pads[axis] as i64, pads[axis + rank] as i64),
        };
        // zeros between the elements
        let shape = b.shape(&x);
        let at = 2 + axis;
        let split = [&shape[..=at], &[1], &shape[at + 1..]].concat();
        let split = b.reshape(&x, &split)?;
        let (none, mut between) = (vec![0; shape.len() + 1], vec![0; shape.len() + 1]);
        between[at + 1] = stride - 1;
        let stuffed = b.pad(&split, &none, &between, 0.0)?;
        let mut merged = shape.clone();
        merged[at] = extent * stride;
        let stuffed = b.reshape(&stuffed, &merged)?;
        x = b.slice(&stuffed, at, 0, (extent - 1) * stride + 1, 1)?;
        // what the window sees beyond the image, or does not see of it
        let reach = walk.reach() as i64 - 1;
        let (before, after) = (reach - low, reach - high + extra[axis] as i64);
        let size = b.shape(&x)[at] as i64;
        let cut = |p: i64| (-p).max(0);
        let left = size - cut(before) - cut(after);
        if left <= 0 {
            return Err("nothing is left of the image".into());
        }
        x = b.slice(&x, at, cut(before) as usize, left as usize, 1)?;
        walks.push(Walk { low: before.max(0) as usize, high: after.max(0) as usize, ..walk });
    }
    let _ = batch;
    // w[C, M/groups, taps] to [M, C/groups, taps turned around]
    let per_group = shape[1];
    let split = [&[groups, c / groups, per_group][..], &kernel].concat();
    w = b.reshape(&w, &split)?;
    let perm: Vec<usize> = [0, 2, 1].into_iter().chain(3..3 + rank).collect();
    w = b.transpose(&w, &perm)?;
    w = b.reshape(&w, &[&[groups * per_group, c / groups][..], &kernel].concat())?;
    for (axis, &taps) in kernel.iter().enumerate() {
        w = b.select(&w, 2 + axis, &(0..taps).rev().collect::<Vec<_>>())?;
    }
    Ok(vec![convolution(b, &x, &w, bias, &walks, groups)?])
}

/// What a pooling does with the elements of a window.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pool {
    Max,
    /// Positions in the padding count as zeros.
    Mean,
}

/// The pooling of an image over one to three axes.
fn pool(b: &mut Builder, x: &Value, walks: &[Walk], how: Pool) -> Result<Value, Reason> {
    let (mut x, mut walks) = (x.clone(), walks.to_vec());
    for (axis, walk) in walks.iter_mut().enumerate() {
        let at = axis + 2;
        if how == Pool::Mean && (walk.low >= walk.kernel || walk.high >= walk.kernel || walk.dilation > 1) {
            let rank = b.shape(&x).len();
            let (mut low, mut high) = (vec![0; rank], vec![0; rank]);
            (low[at], high[at]) = (walk.low, walk.high);
            x = b.pad(&x, &low, &high, 0.0)?;
            (walk.low, walk.high) = (0, 0);
        }
        if walk.dilation == 1 {
            continue;
        }
        if (walk.low, walk.high) != (0, 0) {
            return Err("dilated maxima with padding are not supported".into());
        }
        // every window's taps, one window after the other
        let steps = walk.steps(b.shape(&x)[at]);
        let Walk { kernel, stride, dilation, .. } = *walk;
        let taps = (0..steps).flat_map(|s| (0..kernel).map(move |k| s * stride + k * dilation));
        let taps: Vec<usize> = taps.collect();
        x = b.select(&x, at, &taps)?;
        *walk = Walk { stride: walk.kernel, dilation: 1, ..*walk };
    }
    let (batch, c, spatial) = image(b, &x)?;
    let two = |b: &mut Builder, x: &Value, rows: Walk, columns: Walk| {
        let attrs = PoolAttrs {
            kernel: [rows.kernel, columns.kernel],
            strides: [rows.stride, columns.stride],
            pads: [rows.low, columns.low, rows.high, columns.high],
        };
        let (kind, x) = (b.kind(x), x.clone());
        match how {
            Pool::Max => b.push(NnOp::MaxPool { x, attrs }, kind),
            Pool::Mean => b.push(NnOp::AvgPool { x, attrs, count_include_pad: true }, kind),
        }
    };
    let one = Walk::ONE;
    match (&spatial[..], &walks[..]) {
        (&[width], &[walk]) => {
            let x = b.reshape(&x, &[batch, c, 1, width])?;
            let y = two(b, &x, one, walk)?;
            let width = b.shape(&y)[3];
            b.reshape(&y, &[batch, c, width])
        }
        (&[_, _], &[rows, columns]) => two(b, &x, rows, columns),
        (&[depth, height, width], &[deep, rows, columns]) => {
            let x = b.reshape(&x, &[batch, c * depth, height, width])?;
            let y = two(b, &x, rows, columns)?;
            let [_, _, h, w] = b.shape(&y)[..] else { return Err("expected an image".into()) };
            let y = b.reshape(&y, &[batch, c, depth, h * w])?;
            let y = two(b, &y, deep, one)?;
            let depth = b.shape(&y)[2];
            b.reshape(&y, &[batch, c, depth, h, w])
        }
        _ => Err(format!("a window of {} axes does not fit an image of {}", walks.len(), spatial.len())),
    }
}

fn kernel(n: &Node) -> Result<Vec<usize>, Reason> {
    let list = n.ints("kernel_shape").ok_or("the window is missing")?;
    super::shapes::extents(&list)
}

fn max_pool(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    n.int("storage_order");
    let walks = walks(n, &image(b, x)?.2, &kernel(n)?)?;
    Ok(vec![pool(b, x, &walks, Pool::Max)?])
}

/// Means: those of windows with zeros in the padding, corrected where positions do not count.
fn average_pool(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let (_, _, spatial) = image(b, x)?;
    let walks = walks(n, &spatial, &kernel(n)?)?;
    let padding = n.flag("count_include_pad");
    let mean = pool(b, x, &walks, Pool::Mean)?;
    let mut factors = vec![1.0];
    for (walk, &extent) in walks.iter().zip(&spatial) {
        let counts = (0..walk.steps(extent)).map(|step| {
            let inside = |tap: &usize| {
                let at = step * walk.stride + tap * walk.dilation;
                let (from, to) = if padding {
                    (0, extent + walk.low + walk.high - walk.over)
                } else {
                    (walk.low, walk.low + extent)
                };
                (from..to).contains(&at)
            };
            walk.kernel as f64 / (0..walk.kernel).filter(inside).count() as f64
        });
        let counts: Vec<f64> = counts.collect();
        factors = factors.iter().flat_map(|f| counts.iter().map(move |c| f * c)).collect();
    }
    if factors.iter().all(|&f| f == 1.0) {
        return Ok(vec![mean]);
    }
    let mut shape = b.shape(&mean);
    (shape[0], shape[1]) = (1, 1);
    let kind = b.kind(x);
    let factors = b.known(kind, &shape, factors)?;
    Ok(vec![b.mul(&mean, &factors)?])
}

fn lp_pool(t: &mut Translator, n: &Node) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let p = n.int("p").unwrap_or(2) as f64;
    let walks = walks(n, &image(b, x)?.2, &kernel(n)?)?;
    let powers = match p {
        2.0 => b.mul(x, x)?,
        p => {
            let size = b.map(x, "abs", &[])?;
            to_the(b, &size, p)?
        }
    };
    let mean = pool(b, &powers, &walks, Pool::Mean)?;
    let sum = b.scale(&mean, walks.iter().map(|w| w.kernel as f64).product())?;
    Ok(vec![to_the(b, &sum, 1.0 / p)?])
}

/// A pooling of the whole image.
fn global(
    t: &mut Translator,
    n: &Node,
    f: fn(&mut Builder, &Value, &[usize], f64) -> Result<Value, Reason>,
) -> Result<Vec<Value>, Reason> {
    let (x, b) = (n.input(0)?, &mut t.build);
    let p = n.int("p").unwrap_or(2) as f64;
    let axes: Vec<usize> = (2..b.shape(x).len()).collect();
    let kind = if b.kind(x).is_float() { b.kind(x) } else { Kind::F32 };
    let pooled = f(b, x, &axes, p)?;
    Ok(vec![b.retyped(&pooled, kind)?])
}
