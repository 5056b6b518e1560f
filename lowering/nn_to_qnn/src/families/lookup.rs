//! Functions of one number: a table with an entry for every stored integer of the operand, to a scale of its own.
//!
//! The table is made here, once, from the function's value in f64; from now on it is integers. What alone is read by tables
//! is requantized to 12 bits instead of 8: the proof then makes one lookup of both, so the finer step costs nothing.

use super::{Converted, Family};
use crate::emit::{Emitter, stored_as};
use crate::model::{Model, Role};
use crate::scales::Scales;
use melior::ir::operation::OperationLike;
use tessera_mlir::functions::Map;
use tessera_mlir::types::TensorType;
use tessera_mlir::{Error, Result, loc};
use tessera_nn::NnOp;
use tessera_qnn::ops;

/// Most entries of a table.
const KEYS: i64 = 1 << 16;

pub(super) struct Lookup;

fn function<'m>(model: &'m Model, op: usize) -> Result<&'m Map> {
    match &model.ops[op].decoded {
        NnOp::Map { f, .. } => Ok(f),
        _ => Err(Error::new("expected a function")),
    }
}

impl Family for Lookup {
    fn role(&self) -> Role {
        Role::Table
    }

    fn check(&self, model: &Model, op: usize) -> Result<()> {
        let f = function(model, op)?;
        let (low, high) = f.domain();
        match model.range(model.ops[op].operands[0]) {
            // a calibrated range holds zero, whether it was seen or not
            Some((least, most)) if least < low.min(0.0) || most > high.max(0.0) => Err(Error::new(format!(
                "{} is defined from {low} to {high}, but calibration saw operands from {least} to {most}",
                f.name()
            ))),
            _ => Ok(()),
        }
    }

    fn bound(&self, model: &Model, scales: &Scales, op: usize) -> f64 {
        let Ok(f) = function(model, op) else { return 0.0 };
        let x = model.ops[op].operands[0];
        let ((least, most), scale) = (scales.interval(x), scales.scale(x));
        if most - least >= KEYS {
            return 0.0;
        }
        (least..=most).map(|key| f.stored(key, scale).abs()).fold(0.0, f64::max)
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let info = &e.model.ops[op];
        let f = function(e.model, op)?;
        let x = info.operands[0];
        let (keys, to) = (e.quant(x), e.quant(info.result));
        if keys.max - keys.min >= KEYS {
            return Err(Error::new(
                "the operand of a function is stored in more than 16 bits, since a normalization reads it too or it leaves the \
                 model; put a layer between them",
            ));
        }
        let entries = f.table(keys.min..=keys.max, keys.scale_at(0), to.scale_at(0), to.max);
        let data = stored_as(to.bits, entries.iter().map(|entry| *entry.max(&to.min)));
        let location = info.op.location();
        let node = loc::node_name(location).unwrap_or_else(|| "map".into());
        let name = format!("{node}.{}", f.name());
        let ty = TensorType::quant([entries.len()], to);
        let table = e.parameter(&name, ty, data, loc::node(e.model.function.context(), &name))?;
        let x = e.get(x)?;
        Ok(Converted::Value(e.insert(ops::lookup(location, x, table, keys.min))?))
    }
}
