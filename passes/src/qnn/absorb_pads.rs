//! `qnn-absorb-pads`: lets convolutions and sum poolings pad by themselves.
//!
//! Equations, for a padding of height and width alone, by top, left, bottom and right:
//!
//! - conv(pad(x, p), w, pads = q) = conv(x, w, pads = p + q): both pad with stored zeros;
//! - sum_pool(pad(x, p), pads = q) = sum_pool(x, pads = p + q), where p + q is less than the window on every side, as the
//!   op demands.
//!
//! A max pooling has no such equation: its own padding never wins, while the zeros of `qnn.pad` may.

use melior::ir::{OperationRef, Value, operation::OperationLike};
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::rewrite::{self, Patterns, Rewriter};
use tessera_mlir::{Result, context_of};
use tessera_qnn::QnnOp;

/// The pass; its [`PassInfo`] describes it.
pub struct AbsorbPads;

impl Pass for AbsorbPads {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "qnn-absorb-pads",
            summary: "Merge the padding of images into the convolutions and sum poolings that read them",
            expects: "a module of qnn ops",
            guarantees: "the same integers; no convolution reads an image that is padded in height and width alone, and no sum pooling \
                         one whose padding it can take over; ops are folded, unused ones removed",
            rejects: "nothing",
            options: &[],
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("absorbed", "paddings that an op took over")]
    }

    fn nests(&self) -> bool {
        true
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let counted = |absorbed: bool| {
            options.count("absorbed", absorbed.into());
            Ok(absorbed)
        };
        Patterns::new(context_of(module.location()))
            .add("pad-into-conv", |op, rewriter| counted(pad_into_conv(op, rewriter)?))
            .add("pad-into-sum-pool", |op, rewriter| counted(pad_into_sum_pool(op, rewriter)?))
            .apply(module)
    }
}

fn pad_into_conv<'c, 'a>(op: OperationRef<'c, 'a>, rewriter: &Rewriter<'c, 'a>) -> Result<bool> {
    let Some(QnnOp::Conv { x, w, bias, mut attrs }) = QnnOp::decode(op)? else { return Ok(false) };
    let Some((x, pads)) = padded_image(x)? else { return Ok(false) };
    attrs.pads = plus(attrs.pads, pads);
    let new = rewriter.value(QnnOp::Conv { x, w, bias, attrs }.build(op.location()))?;
    rewriter.replace(op, &[new]);
    Ok(true)
}

fn pad_into_sum_pool<'c, 'a>(op: OperationRef<'c, 'a>, rewriter: &Rewriter<'c, 'a>) -> Result<bool> {
    let Some(QnnOp::SumPool { x, mut attrs }) = QnnOp::decode(op)? else { return Ok(false) };
    let Some((x, pads)) = padded_image(x)? else { return Ok(false) };
    attrs.pads = plus(attrs.pads, pads);
    if (0..4).any(|side| attrs.pads[side] >= attrs.kernel[side % 2]) {
        return Ok(false);
    }
    let new = rewriter.value(QnnOp::SumPool { x, attrs }.build(op.location()))?;
    rewriter.replace(op, &[new]);
    Ok(true)
}

/// What a padding of height and width pads, and by how much.
fn padded_image<'c: 'a, 'a>(image: Value<'c, 'a>) -> Result<Option<(Value<'c, 'a>, [usize; 4])>> {
    let Some(op) = rewrite::defining_op(image) else { return Ok(None) };
    let Some(QnnOp::Pad { x, low, high }) = QnnOp::decode(op)? else { return Ok(None) };
    Ok(match (&low[..], &high[..]) {
        (&[0, 0, top, left], &[0, 0, bottom, right]) => Some((x, [top, left, bottom, right])),
        _ => None,
    })
}

fn plus(p: [usize; 4], q: [usize; 4]) -> [usize; 4] {
    std::array::from_fn(|side| p[side] + q[side])
}

const EXAMPLE: &str = r#"!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x1x6x6x!q>) -> tensor<1x1x3x3xi32> {
  %0 = qnn.pad %x low [0, 0, 1, 1] high [0, 0, 0, 0] : tensor<1x1x6x6x!q> -> tensor<1x1x7x7x!q>
  %1 = qnn.sum_pool %0 kernel [3, 3] strides [2, 2] : tensor<1x1x7x7x!q> -> tensor<1x1x3x3xi32>
  return %1 : tensor<1x1x3x3xi32>
}"#;
