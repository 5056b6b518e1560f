//! `qnn-take-input`: lets a model take an input as another model gives it.
//!
//! Equation, for stored integers q of a scale s′ that stand for what the model reads as integers of a scale s, from `least` to `greatest`:
//! x = clamp((q·m + 2^(shift−1)) >> shift, least, greatest), where m / 2^shift is s′ / s to within a part in 2^12. What a proof says of the input is q.

use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::rewrite;
use tessera_mlir::types::{self, Elem, Quant, TensorType};
use tessera_mlir::{Error, Result};
use tessera_qnn::ops::{self, RequantizeAttrs};

/// The pass; its [`PassInfo`] describes it.
pub struct TakeInput;

impl Pass for TakeInput {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "qnn-take-input",
            summary: "Take an input in the scale and range in which another model gives it",
            expects: "@main with an input of that name, of stored integers with one scale",
            guarantees: "the input has the scale and the range of the options, and is requantized to what it was before anything reads it; \
                         nothing is done where it has them already",
            rejects: "inputs that there are not, of integers as they are or with a scale for each channel, and scales beyond 2^20 times the \
                      model's own or below 2^-40 of it",
            options: OPTIONS,
            example: EXAMPLE,
        }
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        take(&main, options).map_err(|error| error.or_at(main.op.location()))
    }
}

fn take(main: &Func, options: &Options) -> Result<()> {
    let name = options.text("name");
    let arguments = main.arguments();
    let is_it = |i: &usize| main.argument_name(*i) == name || name.is_empty() && arguments.len() == 1;
    let Some(at) = (0..arguments.len()).find(is_it) else {
        let all: Vec<String> = (0..arguments.len()).map(|i| main.argument_name(i)).collect();
        return Err(Error::new(format!("name: expected one of {}, found {name:?}", all.join(", "))));
    };
    let (scale, min, max) = (options.float("scale"), options.int("min"), options.int("max"));
    if min > max {
        return Err(Error::new(format!("expected a range, found {min} to {max}")));
    }
    let argument: Value = arguments[at];
    let ty = types::of(argument)?;
    let own = match &ty.elem {
        Elem::Quant(own) if own.axis.is_none() => own.clone(),
        _ => {
            return Err(Error::new(format!(
                "input {name:?}: expected stored integers with one scale, found {}",
                argument.r#type()
            )));
        }
    };
    let bits = [8, 16, 32].into_iter().find(|b| min >= -(1 << (b - 1)) && max < 1 << (b - 1));
    let bits =
        bits.ok_or_else(|| Error::new(format!("expected a range of 32 bits, found {min} to {max}")))?;
    let given = Quant { bits, min, max, scales: vec![scale], axis: None };
    if given == own {
        return Ok(());
    }
    let (multiplier, shift) = ratio(scale / own.scale_at(0)).ok_or_else(|| {
        Error::new(format!("input {name:?}: scale {scale} is too far from {}", own.scale_at(0)))
    })?;
    let first = main.ops().first().copied().map_or_else(|| main.terminator(), Ok)?;
    let readers = rewrite::users(argument);
    argument.set_type(TensorType::quant(ty.shape.clone(), given).to_type(main.context()));
    let attrs = RequantizeAttrs::of_one(vec![multiplier], 0, shift, (own.min, own.max));
    let read = Cursor::before(first).value(ops::requantize(first.location(), &[argument], &attrs, &own))?;
    for (op, _) in readers {
        let operands: Vec<Value> = op.operands().map(|x| if x == argument { read } else { x }).collect();
        rewrite::set_operands(op, &operands);
    }
    main.update_type();
    Ok(())
}

/// Multiplier and shift of a ratio: twelve bits, or as many as there are where the ratio is a whole number.
fn ratio(r: f64) -> Option<(i64, u32)> {
    let exponent = r.log2().floor();
    if !(-40.0..=20.0).contains(&exponent) {
        return None;
    }
    if r.fract() == 0.0 {
        return Some((r as i64, 0));
    }
    let shift = (11.0 - exponent).max(0.0);
    Some(((r * shift.exp2()).round() as i64, shift as u32))
}

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::text("name", "the input; where there is only one it needs no name", ""),
    OptionSpec::float("scale", "what a stored integer is multiplied by", 1.0, 1e-30, 1e30),
    OptionSpec::int("min", "the least stored integer", -32768, -(1 << 31), 1 << 31),
    OptionSpec::int("max", "the greatest stored integer", 32767, -(1 << 31), 1 << 31),
];

const EXAMPLE: &str = r#"!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x4x!q> {nn.name = "x"}) -> (tensor<1x4x!q> {nn.name = "y"}) {
  %0 = qnn.relu %x : tensor<1x4x!q>
  return %0 : tensor<1x4x!q>
}"#;
