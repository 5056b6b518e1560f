//! Operators that slide a window over an image: convolutions and poolings.
//!
//! Invariant: images are brought to N×C×H×W and windows to two axes, and back.

use crate::build::{Builder, Reason};
use crate::graph::Value;
use ndarray::{ArrayD, IxDyn};
use tessera_mlir::shape::{ConvAttrs, PoolAttrs};
use tessera_nn::{NnOp, ops::Binary};
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::nn::DataFormat;

struct Window {
    pool: PoolAttrs,
    dilations: [usize; 2],
    /// The last window reaches past the declared padding.
    rounded_up: bool,
}

#[derive(Clone, Copy)]
struct Restore {
    batch: bool,
    rank: usize,
}

impl Builder<'_> {
    /// A convolution with constant weights.
    pub(crate) fn conv(&mut self, name: &str, op: &Conv, operands: &[Value]) -> Result<Value, Reason> {
        let &[x, w, bias] = operands else {
            return Err(format!("{} operands are not supported", operands.len()));
        };
        if self.graph.constant(w).is_none() || self.graph.constant(bias).is_none() {
            return Err("the weights of a convolution must be constant".to_owned());
        }
        let (x, window, restore) = self.window(name, &op.pool_spec, x)?;
        let w = match op.kernel_fmt {
            KernelFormat::OIHW => w,
            _ => return Err(format!("kernel layout {:?} is not supported", op.kernel_fmt)),
        };
        let mut kernel = self.graph.shape(w).to_vec();
        if kernel.len() == 3 {
            kernel.insert(2, 1);
        }
        let w = self.reshape(name, w, &kernel)?;
        let attrs = ConvAttrs {
            strides: window.pool.strides,
            pads: window.pool.pads,
            dilations: window.dilations,
            groups: op.group,
        };
        let mut full_bias = None;
        let b = self.graph.constant(bias).map(|b| b.iter().copied().collect::<Vec<_>>()).unwrap_or_default();
        if b.iter().any(|&v| v != 0.0) {
            let channels = kernel[0];
            let full = if b.len() == 1 { vec![b[0]; channels] } else { b };
            let data = ArrayD::from_shape_vec(IxDyn(&[channels]), full)
                .map_err(|_| format!("the bias must have {channels} elements"))?;
            let constant = self.names.role(name, "bias");
            full_bias = Some(self.graph.push_constant(constant, data));
        }
        let y = self.push(name, NnOp::Conv { x, w, bias: full_bias, attrs })?;
        self.restore(name, y, restore)
    }

    /// Brings the image to N×C×H×W, and the window to two axes.
    fn window(&mut self, name: &str, spec: &PoolSpec, x: Value) -> Result<(Value, Window, Restore), Reason> {
        let batch = match spec.data_format {
            DataFormat::NCHW => true,
            DataFormat::CHW => false,
            other => return Err(format!("the data layout {other:?} is not supported")),
        };
        let mut shape = self.graph.shape(x).to_vec();
        let rank = spec.kernel_shape.len();
        if shape.len() != rank + 1 + usize::from(batch) || !(1..=2).contains(&rank) {
            return Err(format!("{rank}-d windows on shape {shape:?} are not supported; only 1-d and 2-d"));
        }
        let spatial = &shape[shape.len() - rank..];
        let mut axes = Vec::new();
        for (i, dim) in spec.computed_padding(spatial).iter().enumerate() {
            let (kernel, stride, dilation) = (spec.kernel_shape[i], spec.stride(i), spec.dilation(i));
            // Padding that covers exactly the windows there are: with rounding up ("ceil mode") the last one may
            // reach further than the declared padding.
            let reach = (dim.convoluted.max(1) - 1) * stride + (kernel.max(1) - 1) * dilation + 1;
            let declared = spatial[i] + dim.pad_before + dim.pad_after;
            let after = dim.pad_after + reach.saturating_sub(declared);
            axes.push((kernel, stride, dilation, dim.pad_before, after, reach > declared));
        }
        let explicit_rounding = matches!(&spec.padding, PaddingSpec::ExplicitOnnxPool(_, _, true));
        if rank == 1 {
            axes.insert(0, (1, 1, 1, 0, 0, false));
            shape.insert(shape.len() - 1, 1);
        }
        if !batch {
            shape.insert(0, 1);
        }
        let (h, w) = (axes[0], axes[1]);
        let window = Window {
            pool: PoolAttrs { kernel: [h.0, w.0], strides: [h.1, w.1], pads: [h.3, w.3, h.4, w.4] },
            dilations: [h.2, w.2],
            rounded_up: explicit_rounding && (h.5 || w.5),
        };
        Ok((self.reshape(name, x, &shape)?, window, Restore { batch, rank }))
    }

    fn restore(&mut self, name: &str, y: Value, r: Restore) -> Result<Value, Reason> {
        let mut shape = self.graph.shape(y).to_vec();
        if r.rank == 1 {
            shape.remove(2);
        }
        if !r.batch {
            shape.remove(0);
        }
        self.reshape(name, y, &shape)
    }

    /// A pooling that `op` makes of an image and a window.
    pub(crate) fn pool(
        &mut self,
        name: &str,
        spec: &PoolSpec,
        x: Value,
        op: &dyn Fn(Value, PoolAttrs) -> NnOp<Value>,
    ) -> Result<Value, Reason> {
        let (x, window, restore) = self.window(name, spec, x)?;
        if window.dilations != [1, 1] {
            return Err("dilated pooling is not supported".to_owned());
        }
        let y = self.push(name, op(x, window.pool))?;
        self.restore(name, y, restore)
    }

    /// A mean over windows, or a sum as a mean times the size of the window.
    pub(crate) fn sum_pool(&mut self, name: &str, op: &SumPool, x: Value) -> Result<Value, Reason> {
        let (_, window, _) = self.window(name, &op.pool_spec, x)?;
        if op.count_include_pad && window.rounded_up {
            return Err(
                "average pooling with ceil_mode and count_include_pad together is not supported".to_owned()
            );
        }
        let count_include_pad = op.count_include_pad || !op.normalize;
        let mean =
            self.pool(name, &op.pool_spec, x, &|x, attrs| NnOp::AvgPool { x, attrs, count_include_pad })?;
        if op.normalize {
            return Ok(mean);
        }
        let cells = window.pool.kernel[0] * window.pool.kernel[1];
        let count = self.scalar(name, cells as f32, self.graph.shape(mean).len());
        self.push(name, NnOp::Binary { kind: Binary::Mul, a: mean, b: count })
    }

    /// A sum over axes is an average pooling over all of them, times their extent.
    pub(crate) fn reduce_sum(&mut self, name: &str, axes: &[usize], x: Value) -> Result<Value, Reason> {
        let shape = self.graph.shape(x).to_vec();
        let reduced: usize = axes.iter().map(|&a| shape.get(a).copied().unwrap_or(1)).product();
        let target: Vec<usize> =
            (0..shape.len()).map(|i| if axes.contains(&i) { 1 } else { shape[i] }).collect();
        let trailing_image = shape.len() == 4 && axes == [2, 3];
        let (image, window) = if trailing_image {
            (x, [shape[2], shape[3]])
        } else {
            let kept = (0..shape.len()).filter(|i| !axes.contains(i));
            let perm: Vec<usize> = kept.chain(axes.iter().copied()).collect();
            let moved = self.transpose(name, x, &perm)?;
            let kept: usize = target.iter().product();
            (self.reshape(name, moved, &[1, kept, 1, reduced])?, [1, reduced])
        };
        let pool = PoolAttrs { kernel: window, strides: [1, 1], pads: [0; 4] };
        let mean = self.push(name, NnOp::AvgPool { x: image, attrs: pool, count_include_pad: true })?;
        let mean = self.reshape(name, mean, &target)?;
        let count = self.scalar(name, reduced as f32, target.len());
        self.push(name, NnOp::Binary { kind: Binary::Mul, a: mean, b: count })
    }
}
