//! What layers look like after all passes: the form that placement is written for.
//!
//! Invariant: from a contract to the lookup that requantizes it, or the output, every value stands in the index space of the layer's result,
//! one chain a pooling lane, which meet in a maximum of keys.

use super::{STAGES, attach, register};
use melior::ir::{OperationRef, Value};
use ndarray::ArrayD;
use tessera_circuit::ops::{CircuitOp, CircuitType};
use tessera_circuit::semantics::Interval;
use tessera_circuit::{interp, ports};
use tessera_mlir::func::Func;
use tessera_mlir::params::{self, Param, ParamData, Params};
use tessera_mlir::pipeline::{self, Settings};
use tessera_mlir::rewrite::{defining_op, users};

/// Padded convolution, ReLU and pooling; a strided one; then two linear layers: a LeNet in small.
const LENET: &str = r#"
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!o = !quant.uniform<i16:f32, 2.500000e-01>
!w1 = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0}>
!w2 = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0, 3.0}>
!w3 = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0, 3.0, 4.0}>
module {
ml_program.global private @c1.w(#ml_program.extern : tensor<2x1x3x3x!w1>) : tensor<2x1x3x3x!w1>
ml_program.global private @c1.b(#ml_program.extern : tensor<2xi32>) : tensor<2xi32>
ml_program.global private @c2.w(#ml_program.extern : tensor<3x2x3x3x!w2>) : tensor<3x2x3x3x!w2>
ml_program.global private @f1.w(#ml_program.extern : tensor<4x12x!w3>) : tensor<4x12x!w3>
ml_program.global private @f1.b(#ml_program.extern : tensor<4xi32>) : tensor<4xi32>
func.func @main(%arg0: tensor<1x1x8x8xf32> {nn.name = "image"}) -> (tensor<1x4xf32> {nn.name = "logits"}) {
  %w1 = ml_program.global_load_const @c1.w : tensor<2x1x3x3x!w1>
  %b1 = ml_program.global_load_const @c1.b : tensor<2xi32>
  %w2 = ml_program.global_load_const @c2.w : tensor<3x2x3x3x!w2>
  %w3 = ml_program.global_load_const @f1.w : tensor<4x12x!w3>
  %b3 = ml_program.global_load_const @f1.b : tensor<4xi32>
  %0 = "qnn.quantize"(%arg0) : (tensor<1x1x8x8xf32>) -> tensor<1x1x8x8x!q>
  %1 = "qnn.conv"(%0, %w1, %b1) {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1}
    : (tensor<1x1x8x8x!q>, tensor<2x1x3x3x!w1>, tensor<2xi32>) -> tensor<1x2x8x8xi32>
  %2 = "qnn.requantize"(%1) {multipliers = [array<i64: 900, 1200>], axis = 1, shift = 17, clamp = array<i64: 0, 127>}
    : (tensor<1x2x8x8xi32>) -> tensor<1x2x8x8x!q>
  %3 = "qnn.max_pool"(%2) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<1x2x8x8x!q>) -> tensor<1x2x4x4x!q>
  %4 = "qnn.conv"(%3, %w2) {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 1}
    : (tensor<1x2x4x4x!q>, tensor<3x2x3x3x!w2>) -> tensor<1x3x2x2xi32>
  %5 = "qnn.requantize"(%4) {multipliers = [array<i64: 700>], axis = 0, shift = 17, clamp = array<i64: 0, 127>}
    : (tensor<1x3x2x2xi32>) -> tensor<1x3x2x2x!q>
  %6 = "qnn.reshape"(%5) : (tensor<1x3x2x2x!q>) -> tensor<1x12x!q>
  %7 = "qnn.linear"(%6, %w3, %b3) : (tensor<1x12x!q>, tensor<4x12x!w3>, tensor<4xi32>) -> tensor<1x4xi32>
  %8 = "qnn.requantize"(%7) {multipliers = [array<i64: 3000>], axis = 0, shift = 16, clamp = array<i64: -32768, 32767>}
    : (tensor<1x4xi32>) -> tensor<1x4x!o>
  %9 = "qnn.dequantize"(%8) : (tensor<1x4x!o>) -> tensor<1x4xf32>
  return %9 : tensor<1x4xf32>
}
}
"#;

fn lenet_params() -> Params {
    let mut params = Params::default();
    let mut add = |name: &str, shape: &[usize], most: i64, wide: bool| {
        let n: usize = shape.iter().product();
        let values = (0..n as i64).map(|i| (i * 37 + 11) % (2 * most + 1) - most);
        let data = if wide {
            ParamData::I32(values.map(|v| v as i32).collect())
        } else {
            ParamData::I8(values.map(|v| v as i8).collect())
        };
        params.insert(name, Param::new(shape, data).expect("as many values as elements"));
    };
    add("c1.w", &[2, 1, 3, 3], 127, false);
    add("c1.b", &[2], 4000, true);
    add("c2.w", &[3, 2, 3, 3], 127, false);
    add("f1.w", &[4, 12], 127, false);
    add("f1.b", &[4], 4000, true);
    params
}

/// One chain from a contract to the lookup that requantizes it, or to the output.
struct Lane {
    /// Whether the high part is an operand of a maximum.
    pooled: bool,
    /// Whether a view stands between the contract and the affine form.
    viewed: bool,
    /// Shape of every value from there to the lookup.
    shape: Vec<usize>,
    /// The affine form's coefficients and constant.
    coefficients: Vec<i64>,
    constant: i64,
    /// Interval of what is split.
    interval: Interval,
    /// Bits of the low part.
    low: u32,
    /// `None` where the high part is an output.
    table: Option<String>,
}

fn result<'c, 'a>(op: OperationRef<'c, 'a>, i: usize) -> Value<'c, 'a> {
    op.result(i).expect("a result").into()
}

fn only_user<'c, 'a>(value: Value<'c, 'a>) -> OperationRef<'c, 'a> {
    let users = users(value);
    assert_eq!(users.len(), 1, "expected one user of {value}");
    users[0].0
}

fn decode<'c, 'a>(op: OperationRef<'c, 'a>) -> CircuitOp<Value<'c, 'a>> {
    CircuitOp::decode(op).expect("decodes").expect("an op of the circuit dialect")
}

fn lanes(contract: OperationRef) -> Vec<Lane> {
    users(result(contract, 0))
        .into_iter()
        .map(|(user, _)| {
            let viewed = matches!(decode(user), CircuitOp::View { .. });
            let affine = if viewed { only_user(result(user, 0)) } else { user };
            let CircuitOp::Affine { terms, constant } = decode(affine) else {
                panic!("expected affine, found {affine}")
            };
            for &(_, x) in &terms[1..] {
                let view = defining_op(x).expect("a defining op");
                let CircuitOp::View { x, .. } = decode(view) else {
                    panic!("expected a view of the bias, found {view}")
                };
                let weight = defining_op(x).expect("a defining op");
                assert!(matches!(decode(weight), CircuitOp::Weight { .. }), "{weight}");
            }
            let split = only_user(result(affine, 0));
            let CircuitOp::Split { shift: low, .. } = decode(split) else {
                panic!("expected split, found {split}")
            };
            assert!(users(result(split, 1)).is_empty());
            let reader = only_user(result(split, 0));
            let pooled = matches!(decode(reader), CircuitOp::Max { .. });
            let table = match decode(if pooled { only_user(result(reader, 0)) } else { reader }) {
                CircuitOp::Lookup { tables, .. } => tables.into_iter().next(),
                CircuitOp::Output { .. } => None,
                other => panic!("expected lookup or output, found {other:?}"),
            };
            let shape = CircuitType::of(result(split, 0)).expect("a circuit tensor").shape;
            let split_type = CircuitType::of(result(affine, 0)).expect("a circuit tensor");
            assert_eq!(split_type.shape, shape);
            let coefficients = terms.iter().map(|t| t.0).collect();
            Lane {
                pooled,
                viewed,
                shape,
                coefficients,
                constant,
                interval: split_type.interval(),
                low,
                table,
            }
        })
        .collect()
}

#[test]
fn layers_have_the_form_that_placement_expects() {
    register();
    let context = tessera_passes::context();
    let mut module = tessera_mlir::parse(&context, LENET, "lenet.mlir").expect("parses");
    attach(&module, lenet_params(), "lenet.safetensors");
    let image = ArrayD::from_shape_fn(vec![1, 1, 8, 8], |i| (i[2] * 31 + i[3] * 17) as i64 % 255 - 127);
    let real = tessera_qnn::interp::Tensor::Real(image.mapv(|v| v as f32 * 0.5));
    let plan = tessera_qnn::interp::Plan::new(
        &Func::main(module.as_operation()).expect("a function"),
        &params::of(module.as_operation()).expect("parameters"),
    )
    .expect("decodes");
    let logits = plan.run_tensors(&[real], |_, _| {}).expect("runs");
    let tessera_qnn::interp::Tensor::Real(logits) = &logits[0] else { panic!("expected real logits") };

    let pipeline = format!("builtin.module(convert-qnn-to-circuit,{})", STAGES.join(","));
    pipeline::run(&mut module, &pipeline, &Settings::default()).unwrap_or_else(|error| panic!("{error}"));
    let text = tessera_mlir::print(&module);

    let params = params::of(module.as_operation()).expect("parameters");
    let found = interp::run(module.as_operation(), &[image], &params).expect("runs");
    assert_eq!(found[0].mapv(|v| v as f32 * 0.25), *logits);
    assert!(logits.iter().any(|v| *v != logits[[0, 0]]), "the network computes something: {logits}");

    let contracts: Vec<OperationRef> = Func::main(module.as_operation())
        .expect("a function")
        .ops()
        .into_iter()
        .filter(|&op| matches!(decode(op), CircuitOp::Contract { .. }))
        .collect();
    let layers: Vec<Vec<Lane>> = contracts.iter().map(|&op| lanes(op)).collect();
    for lanes in &layers {
        assert!(lanes.iter().all(|lane| lane.pooled == (lanes.len() > 1)), "{text}");
    }
    let shapes: Vec<(usize, &[usize], bool)> =
        layers.iter().map(|lanes| (lanes.len(), &lanes[0].shape[..], lanes[0].viewed)).collect();
    assert_eq!(
        shapes,
        [(4, &[1, 2, 4, 4][..], true), (1, &[1, 3, 2, 2][..], true), (1, &[1, 4][..], false)],
        "{text}"
    );
    let biases = [2, 1, 2];
    for (lanes, terms) in layers.iter().zip(biases) {
        for lane in lanes {
            assert_eq!(lane.shape, lanes[0].shape, "{text}");
            assert_eq!(lane.coefficients, vec![1; terms], "{text}");
            let fits = match lane.table {
                Some(_) => Interval::new(0, (1i64 << (2 * lane.low)) - 1),
                None => Interval::new(-1i64 << (lane.low + 15), (1i64 << (lane.low + 15)) - 1),
            };
            assert!(fits.contains(lane.interval), "{text}");
        }
    }
    let offsets: Vec<(u32, i64)> = layers.iter().map(|lanes| (lanes[0].low, lanes[0].constant)).collect();
    assert_eq!(offsets, [(14, (1 << 16) + (1 << 27)), (14, (1 << 16) + (1 << 27)), (16, 1 << 15)]);
    let tables: Vec<Option<&str>> = layers.iter().map(|lanes| lanes[0].table.as_deref()).collect();
    assert_eq!(tables, [Some("requant_17_0_127"), Some("requant_17_0_127"), None]);

    let (inputs, outputs) = ports::ports(module.as_operation()).expect("ports");
    let describe =
        |p: &ports::Port| (p.name.clone(), p.ty.shape.clone(), p.scaling.map(|s| (s.scale, s.min, s.max)));
    assert_eq!(
        inputs.iter().map(describe).collect::<Vec<_>>(),
        [("image".into(), vec![1, 1, 8, 8], Some((0.5, -127, 127)))]
    );
    assert_eq!(
        outputs.iter().map(describe).collect::<Vec<_>>(),
        [("logits".into(), vec![1, 4], Some((0.25, -32768, 32767)))]
    );
    // What a person reads: one snapshot of the whole.
    insta::assert_snapshot!("lenet_in_small", text);
}
