//! Random small networks through calibration and `convert-nn-to-qnn`: the integers must stand for the float values.

use crate::{context, noise};
use melior::ir::{Location, Module, Value};
use ndarray::ArrayD;
use proptest::prelude::*;
use tessera_mlir::build::Cursor;
use tessera_mlir::func::{self, Func, FuncBuilder, Port};
use tessera_mlir::functions::Map;
use tessera_mlir::params::{Param, ParamData, Params};
use tessera_mlir::shape::{ConvAttrs, PoolAttrs};
use tessera_mlir::types::{self, Elem, TensorType};
use tessera_nn::ops;
use tessera_nn_to_qnn::Method;
use tessera_qnn::interp::{dequantize_array, integer_range, quantize_array};

/// One op to append, where it fits; numbers choose its form.
#[derive(Clone, Debug)]
struct Step {
    kind: u8,
    a: u8,
    b: u8,
}

struct Net<'c, 'a> {
    body: melior::ir::BlockRef<'c, 'a>,
    cursor: Cursor<'c, 'a>,
    location: Location<'c>,
    params: Params,
    seed: u64,
}

impl<'c, 'a> Net<'c, 'a> {
    fn parameter(&mut self, shape: &[usize], reach: f32) -> Value<'c, 'a> {
        let name = format!("p{}", self.params.0.len());
        self.seed += 1;
        let data = noise(shape, self.seed).iter().map(|v| v * reach).collect();
        self.params.insert(&name, Param::new(shape, ParamData::F32(data)).unwrap());
        let ty = TensorType::f32(shape).to_type(self.cursor.context());
        func::declare_global(self.body, self.location, &name, ty).unwrap();
        self.cursor.value(func::load_global(self.location, &name, ty)).unwrap()
    }

    fn shape(v: Value) -> Vec<usize> {
        types::of(v).unwrap().shape
    }

    /// Appends one op on `x` (and perhaps `other`, an earlier value).
    fn step(&mut self, x: Value<'c, 'a>, other: Value<'c, 'a>, step: &Step) -> Value<'c, 'a> {
        let shape = Self::shape(x);
        let (a, b) = (usize::from(step.a), usize::from(step.b));
        let l = self.location;
        let same = Self::shape(other) == shape;
        let op = match (step.kind, &shape[..]) {
            (0 | 1, &[_, c, h, w]) => {
                let groups = if a.is_multiple_of(3) && c.is_multiple_of(2) { 2 } else { 1 };
                let (o, k) = (groups * (1 + a % 3), 1 + b % 3);
                let attrs = ConvAttrs {
                    strides: [1 + b % 2, 1],
                    pads: [k / 2, k / 2, k / 2, k / 2],
                    dilations: if k == 2 && h > 2 && w > 2 { [1, 2] } else { [1, 1] },
                    groups,
                };
                let fan_in = (c / groups * k * k) as f32;
                let weights = self.parameter(&[o, c / groups, k, k], 1.7 / fan_in.sqrt());
                let bias = (b.is_multiple_of(2)).then(|| self.parameter(&[o], 0.3));
                ops::conv(l, x, weights, bias, &attrs)
            }
            (2 | 3, _) if shape.len() == 2 => {
                let weights = self.parameter(&[3 + a % 4, shape[1]], 1.7 / (shape[1] as f32).sqrt());
                let bias = (b.is_multiple_of(2)).then(|| self.parameter(&[3 + a % 4], 0.3));
                ops::linear(l, x, weights, bias)
            }
            (4, _) if a.is_multiple_of(2) => ops::relu(l, x),
            (4, _) => {
                let smooth = ["sigmoid", "gelu", "tanh", "silu", "neg", "abs"];
                ops::map(l, x, &Map::named(smooth[b % smooth.len()], &[]).unwrap())
            }
            (5, _) if same => ops::add(l, x, other),
            (6, _) if same => ops::sub(l, other, x),
            (7, _) if same => ops::mul(l, x, other),
            (8, &[_, _, h, w]) if h > 1 && w > 1 => ops::max_pool(
                l,
                x,
                &PoolAttrs { kernel: [2, 2], strides: [1 + a % 2, 2], pads: [0, b % 2, 1, 0] },
            ),
            (9, &[_, _, h, w]) if h > 1 && w > 1 => {
                let padded = b.is_multiple_of(2);
                let pads = if padded { [1, 0, 0, 1] } else { [0; 4] };
                ops::avg_pool(l, x, &PoolAttrs { kernel: [2, 2], strides: [1 + a % 2, 1], pads }, padded)
            }
            (10, &[n, c, h, w]) => ops::reshape(l, x, &[n, c * h * w]),
            (11, s) if s.len() == 4 => ops::transpose(l, x, &[0, 1, 3, 2]),
            (12, _) if same => ops::concat(l, &[x, other], 1),
            (13, s) => {
                let high: Vec<usize> = (0..s.len()).map(|i| if i == 0 { 0 } else { a % 2 }).collect();
                ops::pad(l, x, &vec![0; s.len()], &high, 0.0)
            }
            (14, s) => {
                let starts: Vec<usize> = s.iter().map(|&e| usize::from(e > 2)).collect();
                let sizes: Vec<usize> =
                    s.iter().map(|&e| if e > 2 { (e - 1).div_ceil(2) } else { e }).collect();
                let strides: Vec<usize> = s.iter().map(|&e| if e > 2 { 2 } else { 1 }).collect();
                ops::slice(l, x, &starts, &sizes, &strides)
            }
            (15, s) => {
                let mut constant = vec![1; s.len()];
                constant[1] = s[1];
                let c = self.parameter(&constant, 1.0);
                if a.is_multiple_of(2) { ops::add(l, x, c) } else { ops::mul(l, x, c) }
            }
            (16, s) if s.len() == 2 => {
                let t = self.cursor.value(ops::transpose(l, x, &[1, 0])).unwrap();
                ops::matmul(l, x, t)
            }
            _ => return x,
        };
        self.cursor.value(op).unwrap()
    }
}

/// Relative error of the quantized network on fresh inputs, and the module's text.
fn error_of(steps: &[Step], seed: u64) -> (f64, String) {
    let context = context();
    let location = Location::unknown(&context);
    let module = Module::new(location);
    let ty = TensorType::f32([1, 2, 5, 4]).to_type(&context);
    let builder = FuncBuilder::new(module.body(), location, "main", &[Port::new("x", ty)]).unwrap();
    let x = builder.argument(0).unwrap();
    let mut net = Net {
        body: module.body(),
        cursor: builder.cursor(),
        location,
        params: Params::default(),
        seed: seed * 1000,
    };
    let mut values = vec![x];
    for step in steps {
        let other = values[usize::from(step.b) % values.len()];
        let next = net.step(*values.last().unwrap(), other, step);
        values.push(next);
    }
    let params = net.params;
    builder.finish(&[*values.last().unwrap()], &["y"]).unwrap();
    tessera_mlir::verify(&module).unwrap();
    let op = module.as_operation();
    let float = tessera_nn::interp::Plan::new(&Func::main(op).unwrap(), &params).unwrap();
    let inputs = |from: u64, n: u64| -> Vec<Vec<ArrayD<f32>>> {
        (from..from + n).map(|s| vec![noise(&[1, 2, 5, 4], seed * 7919 + s)]).collect()
    };
    tessera_nn_to_qnn::calibrate(op, &params, &inputs(0, 64), Method::MinMax).unwrap();
    let quantized = tessera_nn_to_qnn::quantize(
        op,
        &params,
        &format!("random-{seed}"),
        &tessera_nn_to_qnn::Settings::default(),
    )
    .unwrap();
    tessera_mlir::params::forget(&format!("random-{seed}"));
    let text = tessera_mlir::print(&module);
    tessera_mlir::verify(&module).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let plan = tessera_qnn::interp::Plan::new(&Func::main(op).unwrap(), &quantized).unwrap();
    let types = tessera_nn_to_qnn::evaluate::input_types(&plan).unwrap();
    let output = types::of(Func::main(op).unwrap().returns().unwrap()[0]).unwrap();
    let Elem::Quant(quant) = &output.elem else { panic!("the output is not quantized") };
    assert!(integer_range(&output).is_some());
    let function = Func::main(op).unwrap();
    crate::local::check_weights(function, &params, &quantized);
    let (mut noise, mut signal) = (0.0, 0.0);
    for sample in inputs(64, 16) {
        let integers = [quantize_array(&sample[0], &types[0]).unwrap()];
        let stored = plan.run(&integers).unwrap_or_else(|e| panic!("{e}\n{text}"));
        crate::local::check(function, &plan, &quantized, &integers);
        let found = dequantize_array(&stored[0], quant);
        for (a, b) in float.run(&sample).unwrap()[0].iter().zip(&found) {
            noise += f64::from(a - b).powi(2);
            signal += f64::from(*a).powi(2);
        }
    }
    // Per layer about one step in 127 of its range; the signal is often a fraction of that range.
    (if signal < 1e-3 { 0.0 } else { (noise / signal).sqrt() }, text)
}

proptest! {
    // a bound on a statistic: the same networks every time
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    })]

    #[test]
    fn quantized_networks_stand_for_the_float_ones(
        steps in prop::collection::vec((0..17u8, any::<u8>(), any::<u8>()), 1..8),
        seed in 0..1_000_000u64,
    ) {
        let steps: Vec<Step> = steps.into_iter().map(|(kind, a, b)| Step { kind, a, b }).collect();
        let (error, text) = error_of(&steps, seed);
        // errors are steps of a layer's range: a slice may keep its smallest part, and a square doubles what is relative to it;
        // a wrong scale or channel gives an error near 1
        prop_assert!(error < 0.5, "relative error {error}\n{text}");
    }
}
