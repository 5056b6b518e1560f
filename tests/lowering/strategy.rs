//! A way to check convolutions that the compiler does not have: this file, and its line in the list of ways.
//!
//! Invariant: it says nothing of its cost. That is counted from the plan, as for every way.

use super::attach;
use ndarray::{ArrayD, IxDyn};
use tessera_api::{Prices, TargetSpec};
use tessera_circuit::interp;
use tessera_circuit::semantics::{ContractSpec, LARGE, ResultIndex, View, for_each_index};
use tessera_mlir::func::Func;
use tessera_mlir::params::{self, Param, ParamData, Params};
use tessera_mlir::shape::{self, ConvAttrs};
use tessera_qnn::interp::{Plan, Tensor};
use tessera_qnn_to_circuit::convolution::{ConvPlan, Convolution, Strategy, Ways, direct, transform};
use tessera_qnn_to_circuit::lower_module;

/// The compiler's ways, and one more.
const WAYS: &[Strategy] = &[MATRIX, transform::STRATEGY, direct::STRATEGY];

/// Nothing but the image and the result is committed; in exchange the kernel stands once for every position of the result.
const MATRIX: Strategy = Strategy { name: "matrix", summary: "as a matrix over the whole image", plan };

/// y[n,g,o,u,v] = Σ_{c,i,j} x[n,g,c,i,j]·W[g,o,c,u,v,i,j], where W has the tap of the kernel that x[i,j] meets at y[u,v].
fn plan(conv: &Convolution) -> Result<ConvPlan, String> {
    let ([n, _, h, w], [o, cg, kh, kw], a) = (conv.x, conv.w, &conv.attrs);
    let y = shape::conv(&conv.x, &conv.w, None, a).map_err(|error| error.to_string())?;
    let x_shape = [n, a.groups, cg, h, w];
    let w_shape = [a.groups, o / a.groups, cg, y[2], y[3], h, w];
    if !shape::elements(&w_shape).is_ok_and(|elements| elements <= LARGE) {
        return Err(format!("the matrix has more than {LARGE} elements"));
    }
    let tap = |d: usize, out: usize, at: usize, taps: usize| {
        let offset = (at + a.pads[d]).checked_sub(out * a.strides[d])?;
        (offset % a.dilations[d] == 0 && offset / a.dilations[d] < taps).then_some(offset / a.dilations[d])
    };
    let mut taps = vec![];
    for_each_index(&w_shape[3..], |at| {
        let both = tap(0, at[0], at[2], kh).zip(tap(1, at[1], at[3], kw));
        taps.push(both.map(|(i, j)| i * kw + j));
    });
    // indices: 0 n, 1 g, 2 c, 3 i, 4 j, 5 o, 6 u, 7 v
    let (x_map, w_map) = (vec![0, 1, 2, 3, 4], vec![1, 5, 2, 6, 7, 3, 4]);
    let y_map = [0, 1, 5, 6, 7].map(ResultIndex::One).to_vec();
    let spec = ContractSpec::new(8, x_map, w_map, y_map, &x_shape, &w_shape)?;
    let x_views = vec![View::reshape(x_shape.to_vec())];
    Ok(ConvPlan { x_views, taps, w_views: vec![], spec, y_view: View::reshape(y) })
}

const CONVOLUTION: &str = r#"
!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
!w = !quant.uniform<i8<-127:127>:f32:0, {1.0, 2.0, 3.0, 4.0}>
module {
ml_program.global private @w(#ml_program.extern : tensor<4x1x3x2x!w>) : tensor<4x1x3x2x!w>
func.func @main(%x: tensor<2x2x6x5x!q> {nn.name = "x"}) -> (tensor<2x4x3x5xi32> {nn.name = "y"}) {
  %w = ml_program.global_load_const @w : tensor<4x1x3x2x!w>
  %y = "qnn.conv"(%x, %w) {strides = array<i64: 2, 1>, pads = array<i64: 1, 2, 1, 0>, dilations = array<i64: 1, 2>, groups = 2}
    : (tensor<2x2x6x5x!q>, tensor<4x1x3x2x!w>) -> tensor<2x4x3x5xi32>
  return %y : tensor<2x4x3x5xi32>
}
}
"#;

/// What weights cost decides whether a way that has many of them is taken.
fn target(weight: f64) -> TargetSpec {
    let prices = Prices { witness_cell: 1.0, summed_cell: weight, ..Prices::default() };
    TargetSpec { prices, ..TargetSpec::default() }
}

#[test]
fn a_way_to_check_convolutions_is_a_file_and_a_line() {
    let attrs = ConvAttrs { strides: [2, 1], pads: [1, 2, 1, 0], dilations: [1, 2], groups: 2 };
    let conv = Convolution { x: [2, 2, 6, 5], w: [4, 1, 3, 2], attrs };
    let values = |count: usize, step: usize| (0..count).map(move |i| (i * step % 255) as i64 - 127);
    for (weight, chosen) in [(0.0, "matrix"), (5.0, "transform")] {
        let ways = Ways { strategies: WAYS, target: target(weight) };
        assert_eq!(ways.cheapest(&conv).expect("a plan").0.name, chosen);

        let context = tessera_passes::context();
        let module = tessera_mlir::parse(&context, CONVOLUTION, "convolution.mlir").expect("a module");
        let mut weights = Params::default();
        let data = ParamData::I8(values(24, 37).map(|v| v as i8).collect::<Vec<_>>().into());
        weights.insert("w", Param::new(vec![4, 1, 3, 2], data).expect("as many values as elements"));
        attach(&module, weights, &format!("strategy-{chosen}.safetensors"));
        let x = ArrayD::from_shape_vec(IxDyn(&conv.x), values(120, 91).collect()).expect("an image");

        let main = Func::main(module.as_operation()).expect("a function");
        let model = Plan::new(&main, &params::of(module.as_operation()).expect("parameters"));
        let expected = model.and_then(|model| model.run_tensors(&[Tensor::Int(x.clone())], |_, _| {}));
        lower_module(module.as_operation(), &ways).expect("a circuit");
        let params = params::of(module.as_operation()).expect("parameters");
        let found = interp::run(module.as_operation(), &[x], &params).expect("a circuit that runs");
        let [Tensor::Int(expected)] = &expected.expect("a model that runs")[..] else {
            panic!("expected one tensor of integers")
        };
        assert_eq!(&found[0], expected, "{chosen}");
    }
}

/// The layers of a ResNet-18 that halve their image, at the prices of the backend that is the default.
#[test]
fn strided_layers_are_checked_over_their_phases() {
    let target = TargetSpec::of(tessera_backends::default());
    for (channels, extent) in [(64, 32), (128, 16), (256, 8)] {
        let attrs = ConvAttrs { strides: [2, 2], pads: [1; 4], dilations: [1, 1], groups: 1 };
        let conv = Convolution { x: [1, channels, extent, extent], w: [2 * channels, channels, 3, 3], attrs };
        assert_eq!(Ways::named("auto", target).cheapest(&conv).expect("a plan").0.name, "transform");
    }
}
