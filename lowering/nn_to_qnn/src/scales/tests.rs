//! What is chosen for networks of `tests.mlir`, which have every format: as a table of all values, and as what has to hold of any.
use super::*;
use crate::model::Source;
use crate::quantize::Settings;
use crate::separate::separate;
use std::fmt::Write;
use tessera_mlir::func::Func;
use tessera_mlir::params::{Param, ParamData, Params};

/// Parameters by name: shape, and a number for each element.
fn weights() -> Params {
    let mut all = Params::default();
    let mut put = |name: &str, shape: &[usize], f: &dyn Fn(usize) -> f32| {
        let values: Vec<f32> = (0..shape.iter().product()).map(f).collect();
        all.insert(name, Param::new(shape, ParamData::F32(values.into())).unwrap());
    };
    let wave = |i: usize, step: usize| ((i * step + 3) % 17) as f32 / 8.0 - 1.0;
    put("w", &[3, 4], &|i| wave(i, 5));
    put("v", &[4, 4], &|i| 2.0 * wave(i, 7));
    put("big", &[3, 4], &|i| 300.0 * wave(i, 3));
    put("small", &[3, 4], &|i| (i as f32 - 5.0) / 16.0);
    put("wide", &[4, 64], &|i| wave(i, 5) / 100.0);
    // one feature each
    put("one", &[3, 4], &|i| if i % 5 == 1 { 2.0 } else { 0.0 });
    put("b", &[3], &|i| wave(i, 4));
    put("k", &[2, 1, 3, 3], &|i| wave(i, 6));
    put("kb", &[2], &|i| 3.0 * wave(i, 1));
    put("t", &[6, 4], &|i| 2.0 * wave(i, 11));
    put("two", &[1], &|_| 2.0);
    put("half", &[4], &|i| i as f32 / 2.0);
    put("minus", &[3], &|i| -0.25 * (i + 1) as f32);
    put("pos", &[4], &|i| [0.5, 1.0, 1.5, 2.0][i]);
    put("neg", &[4], &|i| wave(i, 9));
    put("m", &[4, 4], &|i| if i % 4 > i / 4 { 0.0 } else { 1.0 });
    put("zero", &[4], &|_| 0.0);
    put("huge", &[512, 520], &|i| wave(i, 5) / 1000.0);
    all
}

/// Calls `f` with the title of each network, what is known of it, and what was chosen.
fn networks(f: &mut dyn FnMut(&str, &Model, &Scales)) {
    let weights = weights();
    let context = tessera_mlir::context(&[tessera_nn::dialect()]);
    for text in include_str!("tests.mlir").split("// -----\n") {
        let title = text.lines().next().unwrap().trim_start_matches("// ");
        let module = tessera_mlir::parse(&context, text, "tests.mlir").unwrap();
        let settings = Settings::default();
        separate(module.as_operation(), &weights, &settings).unwrap();
        let main = Func::main(module.as_operation()).unwrap();
        let role = |op: &NnOp<_>| families::of(op).role();
        let model = Model::read(main, &weights, &settings, role, families::check)
            .unwrap_or_else(|e| panic!("{title}: {e}"));
        let scales = Scales::choose(&model).unwrap_or_else(|e| panic!("{title}: {e}"));
        f(title, &model, &scales);
    }
}

/// Every value and every sum of every network.
#[test]
fn what_is_chosen() {
    let mut table = String::new();
    networks(&mut |title, model, scales| {
        writeln!(table, "# {title}").unwrap();
        for (v, info) in model.values.iter().enumerate() {
            let name = match &info.source {
                Source::Argument(i) => model.function.argument_name(*i),
                Source::Parameter(name) => format!("@{name}"),
                Source::Op(op) => format!("{op} {}", model.ops[*op].decoded.name()),
            };
            if !is_real_value(model, v) {
                continue;
            }
            let (group, quant, (lo, hi)) = (scales.group(v), scales.quant(v), scales.interval(v));
            let reals = scales.reals(v);
            assert_eq!(reals, (lo as f64 * group.scale, hi as f64 * group.scale));
            write!(table, "{name}: {:?} {:.6e}", group.format, quant.scales[0]).unwrap();
            write!(table, " i{} {}..{} in {lo}..{hi}", quant.bits, quant.min, quant.max).unwrap();
            if let Some(op) = model.accumulator(v) {
                write!(table, ", shift {} to {:.6e}", scales.shift(model, op), scales.target(model, op))
                    .unwrap();
            }
            if let Some(copy) = model.accumulator(v).and_then(|op| scales.copy(op)) {
                write!(table, ", copy {copy:.6e}").unwrap();
            }
            if let Some(clamp) = scales.clamp(v) {
                write!(table, ", clamped to {clamp:?}").unwrap();
            }
            writeln!(table).unwrap();
        }
        let groups: Vec<Vec<usize>> = scales.members(model);
        let rooms: Vec<String> =
            groups.iter().map(|g| format!("{g:?} {:.3e}", scales.room(model, g))).collect();
        let asked: Vec<String> =
            Scales::asked(model).iter().map(|a| format!("{a:?}")).filter(|a| a != "[]").collect();
        writeln!(table, "groups {}\nasked {}\n", rooms.join(", "), asked.join(" ")).unwrap();
    });
    insta::assert_snapshot!(table);
}

/// Nothing that calibration saw is clamped, but where the scale had to be made larger for sums, and sums fit two limbs where they are
/// not exact.
#[test]
fn what_holds_of_every_choice() {
    let mut seen = std::collections::BTreeSet::new();
    networks(&mut |title, model, scales| {
        for v in (0..model.values.len()).filter(|v| enters(model, *v)) {
            let group = scales.group(v);
            seen.insert(format!("{:?}", group.format).split('(').next().unwrap().to_string());
            assert!(group.scale > 0.0 && printable(group.scale) >= group.scale, "{title}: {v}");
            let (lo, hi) = scales.interval(v);
            assert!(lo <= hi, "{title}: {v}");
            let Some((low, high)) = model.range(v) else { continue };
            let clamped = group.is_clamped() || matches!(group.format, Format::Even | Format::Features);
            if clamped && model.accumulator(v).is_none() {
                let scale = group.scale;
                let kept = low / scale >= lo as f64 - 0.5 && high / scale <= hi as f64 + 0.5;
                assert!(kept, "{title}: {v} has {low}..{high} in {lo}..{hi} steps of {scale}");
            }
        }
        for op in (0..model.ops.len()).filter(|op| model.ops[*op].accumulates()) {
            let out = model.outcome(op);
            let shift = scales.shift(model, op);
            assert!(shift == 0 || (MIN_SHIFT..=MAX_SHIFT).contains(&shift), "{title}: {shift}");
            assert_eq!(shift == 0, scales.group(out).format == Format::Compared, "{title}: {op}");
            if model.ops[op].term_of.is_some() || scales.group(out).is_exact(model) {
                continue;
            }
            let scale = scales.copy(op).unwrap_or(scales.scale(out)).max(scales.scale(out));
            let bound = families::of(&model.ops[op].decoded).bound(model, scales, op) * model.factor(op);
            assert!(bound / scale <= 32766.0, "{title}: sums of op {op} reach {} steps", bound / scale);
            // 0 ≤ sum·multiplier + 2^(shift−1) + 2^31 < 2^32
            if scales.copy(op).is_none() {
                let steps = bound / scale * f64::from(1 << shift) + f64::from(1 << (shift - 1));
                assert!(steps < 2f64.powi(31), "{title}: op {op}, shift {shift}");
            }
        }
    });
    let all = [
        "Chosen", "Compared", "Even", "Features", "Fine", "Grid", "Normed", "Open", "Scores", "Shares",
        "Signs", "Wide",
    ];
    assert!(all.iter().all(|f| seen.contains(*f)), "{seen:?}");
}

/// What has no range, or none that is finite, is named.
#[test]
fn ranges_have_to_be_known() {
    let refused = |range: &str| {
        let text = format!(
            "func.func @main(%x: tensor<4xf32> {{nn.name = \"x\"{range}}}) -> (tensor<4xf32> {{nn.name = \"y\"}}) {{
               %0 = nn.relu %x : tensor<4xf32>
               return %0 : tensor<4xf32>
             }}"
        );
        let context = tessera_mlir::context(&[tessera_nn::dialect()]);
        let module = tessera_mlir::parse(&context, &text, "test.mlir").unwrap();
        let (weights, settings) = (Params::default(), Settings::default());
        let main = Func::main(module.as_operation()).unwrap();
        let role = |op: &NnOp<_>| families::of(op).role();
        let model = Model::read(main, &weights, &settings, role, families::check).unwrap();
        Scales::choose(&model).err().map(|e| e.to_string())
    };
    assert_eq!(refused(", nn.range = array<f64: -1.0, 1.0>"), None);
    let ends = ["0xFFF0000000000000, 1.0", "-1.0, 0x7FF0000000000000"]
        .map(|ends| format!(", nn.range = array<f64: {ends}>"));
    for range in ["", &ends[0], &ends[1]] {
        let why = refused(range).expect("no range");
        assert!(why.contains("the input \"x\" has no calibrated range"), "{why}");
    }
}

#[test]
fn printable_scales_survive_printing_and_never_shrink() {
    for s in [0.1, 1.0 / 127.0, 3.3e-9, 123456.789, 1.0] {
        let p = printable(s);
        assert!(p >= s && p <= s * (1.0 + 2e-6), "{s} {p}");
        assert_eq!(format!("{p:.6e}").parse::<f64>().unwrap(), p);
    }
}
