//! Writes the quantized function: values, parameters, and how sums become stored integers.

use crate::families::{self, Converted};
use crate::features::{self, Normalized};
use crate::model::{Model, Role, Source};
use crate::scales::{Format, ROOMY_SHIFT, Scales, printable};
use melior::ir::{Location, Operation, Value, operation::OperationLike};
use std::collections::HashMap;
use tessera_mlir::build::Cursor;
use tessera_mlir::params::{Param, ParamData, Params};
use tessera_mlir::types::{Quant, TensorType};
use tessera_mlir::{Error, Result, func, loc};
use tessera_qnn::ops::{self, RequantizeAttrs, half};

/// Sums of an accumulating op, and how they become stored integers.
#[derive(Default)]
pub(crate) struct Sums<'c, 'a> {
    pub(crate) terms: Vec<Term<'c, 'a>>,
    /// The axis of channels.
    pub(crate) axis: usize,
    /// Real numbers that are added: none, one, or one per channel.
    pub(crate) bias: Vec<f64>,
}

/// Exact integers, and what they count for in a sum. Lists have one number, or one per channel.
pub(crate) struct Term<'c, 'a> {
    pub(crate) value: Value<'c, 'a>,
    /// For the chosen shift and scale.
    pub(crate) multiplier: Vec<i64>,
    /// Real number that one unit stands for.
    pub(crate) unit: Vec<f64>,
    /// Least and greatest integer, from the actual weights.
    pub(crate) interval: Vec<(i128, i128)>,
}

impl<'c, 'a> Sums<'c, 'a> {
    /// Integers that have the same unit in all channels.
    pub(crate) fn of_one(value: Value<'c, 'a>, multiplier: i64, unit: f64, interval: (i128, i128)) -> Self {
        let term = Term { value, multiplier: vec![multiplier], unit: vec![unit], interval: vec![interval] };
        Sums { terms: vec![term], ..Sums::default() }
    }

    /// The opposite sums.
    pub(crate) fn negated(mut self) -> Self {
        for term in &mut self.terms {
            term.multiplier.iter_mut().for_each(|m| *m = -*m);
            term.unit.iter_mut().for_each(|unit| *unit = -*unit);
        }
        self.bias.iter_mut().for_each(|b| *b = -*b);
        self
    }

    /// Both sums added up. Where both have channels, these lie along one axis.
    pub(crate) fn plus(mut self, other: Self) -> Self {
        self.axis = self.axis.max(other.axis);
        self.terms.extend(other.terms);
        self.bias = match (&self.bias[..], &other.bias[..]) {
            (_, []) => self.bias,
            ([], _) => other.bias,
            (a, b) => (0..a.len().max(b.len())).map(|c| at(a, c) + at(b, c)).collect(),
        };
        self
    }

    /// The sums times numbers for channels, along an axis. They are terms of nothing else, and no weights follow their multipliers.
    pub(crate) fn scaled(mut self, axis: usize, numbers: &[f32], (out, shift): (f64, u32)) -> Self {
        let times = |list: &[f64]| -> Vec<f64> {
            (0..list.len().max(numbers.len())).map(|c| at(list, c) * f64::from(at(numbers, c))).collect()
        };
        for term in &mut self.terms {
            term.unit = times(&term.unit);
            term.multiplier = term.unit.iter().map(|unit| to_multiplier(unit / out, shift)).collect();
        }
        self.axis = if numbers.len() > 1 { axis } else { self.axis };
        self.bias = if self.bias.is_empty() { vec![] } else { times(&self.bias) };
        self
    }

    /// How many channels are told apart.
    fn channels(&self) -> usize {
        let lists = self.terms.iter().flat_map(|t| [t.multiplier.len(), t.interval.len()]);
        lists.chain([self.bias.len()]).max().unwrap_or(1)
    }
}

/// The number of a channel, in a list of one for all or one for each.
fn at<T: Copy>(list: &[T], channel: usize) -> T {
    if list.len() == 1 { list[0] } else { list[channel] }
}

pub(crate) struct Emitter<'c, 'a, 'm, 'p> {
    pub(crate) model: &'m Model<'c, 'a, 'p>,
    pub(crate) scales: &'m Scales,
    cursor: Cursor<'c, 'a>,
    /// New parameters.
    pub(crate) params: Params,
    /// Their types, in the order of use.
    pub(crate) globals: Vec<(String, TensorType, Location<'c>)>,
    values: HashMap<usize, Value<'c, 'a>>,
    /// Wide copies of accumulating ops that are returned and read besides.
    copies: HashMap<usize, Value<'c, 'a>>,
    /// Arguments whose features were brought to one reach.
    normalized: HashMap<usize, Value<'c, 'a>>,
    /// Parameters that several ops read, by name.
    shared: HashMap<&'static str, Value<'c, 'a>>,
}

impl<'c, 'a, 'm, 'p> Emitter<'c, 'a, 'm, 'p> {
    pub(crate) fn new(model: &'m Model<'c, 'a, 'p>, scales: &'m Scales, cursor: Cursor<'c, 'a>) -> Self {
        let (params, globals) = (Params::default(), vec![]);
        let (values, copies, shared, normalized) =
            (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        Emitter { model, scales, cursor, params, globals, values, copies, shared, normalized }
    }

    /// The quantized type of a value's elements.
    pub(crate) fn quant(&self, value: usize) -> Quant {
        self.scales.quant(value)
    }

    pub(crate) fn set(&mut self, value: usize, quantized: Value<'c, 'a>) {
        self.values.insert(value, quantized);
    }

    /// The quantized form of a value. Parameters are quantized when first read.
    pub(crate) fn get(&mut self, value: usize) -> Result<Value<'c, 'a>> {
        if let Some(&v) = self.values.get(&value) {
            return Ok(v);
        }
        let model = self.model;
        let (Source::Parameter(name), Some(data)) = (&model.values[value].source, model.floats(value)) else {
            return Err(Error::new("an operand was not converted; this is a defect of convert-nn-to-qnn"));
        };
        let quant = self.quant(value);
        let (min, max) = (quant.min as f64, quant.max as f64);
        let stored =
            data.iter().map(|&v| (f64::from(v) / quant.scale_at(0)).round_ties_even().clamp(min, max) as i64);
        let stored = stored_as(quant.bits, stored);
        let ty = TensorType::quant(model.values[value].shape.clone(), quant);
        let location = loc::node(model.function.context(), name);
        let loaded = self.parameter(name, ty, stored, location)?;
        self.set(value, loaded);
        Ok(loaded)
    }

    /// An argument with its features brought to one reach, each by a factor of its own.
    pub(crate) fn normalized(&mut self, value: usize, features: &Normalized) -> Result<Value<'c, 'a>> {
        if let Some(&value) = self.normalized.get(&value) {
            return Ok(value);
        }
        let x = self.get(value)?;
        let axis = self.model.values[value].shape.len() - 1;
        let range = (-Normalized::MOST, Normalized::MOST);
        let attrs = RequantizeAttrs::of_one(features.multipliers.clone(), axis, Normalized::SHIFT, range);
        let (min, max) = range;
        let to = Quant { bits: 16, min, max, scales: vec![printable(Normalized::STEP)], axis: None };
        let name = format!("{}.features", self.model.function.argument_name(value));
        let location = loc::node(self.model.function.context(), &name);
        let found = self.insert(ops::requantize(location, &[x], &attrs, &to))?;
        self.normalized.insert(value, found);
        Ok(found)
    }

    /// What is returned for a value.
    pub(crate) fn returned(&mut self, value: usize) -> Result<Value<'c, 'a>> {
        match self.copies.get(&value) {
            Some(&copy) => Ok(copy),
            None => self.get(value),
        }
    }

    /// Adds a parameter, and loads it.
    pub(crate) fn parameter(
        &mut self,
        name: &str,
        ty: TensorType,
        data: ParamData,
        location: Location<'c>,
    ) -> Result<Value<'c, 'a>> {
        let mut unique = name.to_owned();
        let mut number = 1;
        while self.params.get(&unique).is_ok() {
            number += 1;
            unique = format!("{name}.{number}");
        }
        self.params.insert(&unique, Param::new(ty.shape.clone(), data)?);
        let load = func::load_global(location, &unique, ty.to_type(self.model.function.context()));
        self.globals.push((unique, ty, location));
        self.insert(load)
    }

    /// A parameter that every op which asks for it reads.
    pub(crate) fn shared(
        &mut self,
        name: &'static str,
        ty: TensorType,
        data: ParamData,
    ) -> Result<Value<'c, 'a>> {
        if let Some(&value) = self.shared.get(name) {
            return Ok(value);
        }
        let value = self.parameter(name, ty, data, loc::node(self.model.function.context(), name))?;
        self.shared.insert(name, value);
        Ok(value)
    }

    pub(crate) fn insert(&self, op: Result<Operation<'c>>) -> Result<Value<'c, 'a>> {
        self.cursor.value(op)
    }

    /// Converts op `op`, unless it was fused into another.
    pub(crate) fn convert(&mut self, op: usize) -> Result<()> {
        let info = &self.model.ops[op];
        if info.fused_into.is_some() || info.term_of.is_some() {
            return Ok(());
        }
        let converted = match info.role {
            Role::Adds => families::sum::convert(self, op).map(Converted::Value),
            _ => families::of(&info.decoded).convert(self, op),
        };
        let finish = match converted {
            Ok(Converted::Sums(sums)) => self.finish(op, sums),
            Ok(Converted::Value(value)) => {
                self.set(info.result, value);
                Ok(())
            }
            Err(error) => Err(error),
        };
        finish.map_err(|e| e.or_at(info.op.location()))
    }

    /// The sums of an op that are terms of another's.
    pub(crate) fn terms(&mut self, op: usize) -> Result<Sums<'c, 'a>> {
        let info = &self.model.ops[op];
        match families::of(&info.decoded).convert(self, op).map_err(|e| e.or_at(info.op.location()))? {
            Converted::Sums(sums) => Ok(sums),
            Converted::Value(_) => {
                Err(Error::new("a term without sums; this is a defect of convert-nn-to-qnn"))
            }
        }
    }

    /// Requantizes sums to the scale of the op's outcome, with the clamp fused into it.
    fn finish(&mut self, op: usize, sums: Sums<'c, 'a>) -> Result<()> {
        let out = self.model.outcome(op);
        let quant = self.quant(out);
        let mut multipliers: Vec<Vec<i64>> = sums.terms.iter().map(|term| term.multiplier.clone()).collect();
        let (scale, mut shift) = (self.scales.target(self.model, op), self.scales.shift(self.model, op));
        // steps of powers of two are shifted by what they differ
        let powers = |term: &Term| {
            term.unit.iter().map(|unit| power_of_two(unit / scale)).collect::<Option<Vec<i32>>>()
        };
        let powers: Option<Vec<Vec<i32>>> = sums.terms.iter().map(powers).collect();
        let exact = self.scales.group(out).is_exact(self.model) && features::test(self.model, op).is_none();
        let kept = self.scales.group(out).format == Format::Compared;
        if let Some(powers) = powers.filter(|_| exact && !kept) {
            let least = powers.iter().flatten().min().copied().unwrap_or(0);
            let most = powers.iter().flatten().max().copied().unwrap_or(0);
            let by = (-least).max(1);
            if by <= shift as i32 && most + by <= 30 {
                shift = by as u32;
                let signs = |(term, powers): (&Term, &Vec<i32>)| {
                    let one = |(unit, power): (&f64, &i32)| (1i64 << (power + by)) * unit.signum() as i64;
                    term.unit.iter().zip(powers).map(one).collect()
                };
                multipliers = sums.terms.iter().zip(&powers).map(signs).collect();
            }
        }
        // a term that reaches far beyond the others asks for a smaller shift
        let units = sums.terms.iter().flat_map(|term| &term.unit);
        let greatest = units.fold(0.0, |most: f64, unit| most.max((unit / scale).abs()));
        let most = (31.0 - greatest.log2()).ceil() - 1.0;
        if !kept && f64::from(shift) > most && most >= 1.0 {
            shift = most as u32;
            let multiplier = |unit: &f64| to_multiplier(unit / scale, shift);
            multipliers = sums.terms.iter().map(|term| term.unit.iter().map(multiplier).collect()).collect();
        }
        let value = self.requantize(op, &sums, multipliers, (scale, shift), &quant)?;
        self.set(out, value);
        if let Some(scale) = self.scales.copy(op) {
            let multiplier = |unit: &f64| to_multiplier(unit / scale, ROOMY_SHIFT);
            let multipliers =
                sums.terms.iter().map(|term| term.unit.iter().map(multiplier).collect()).collect();
            let to = (scale, ROOMY_SHIFT);
            let copy = self.requantize(op, &sums, multipliers, to, &Quant::i16(scale))?;
            self.copies.insert(out, copy);
        }
        Ok(())
    }

    /// The weighted sum, rounded to a scale by a shift and clamped as the result of op `op` is.
    fn requantize(
        &mut self,
        op: usize,
        sums: &Sums<'c, 'a>,
        multipliers: Vec<Vec<i64>>,
        (scale, shift): (f64, u32),
        quant: &Quant,
    ) -> Result<Value<'c, 'a>> {
        let info = &self.model.ops[op];
        let location = info.fused.map_or(info.op.location(), |fused| self.model.ops[fused].op.location());
        let test = features::test(self.model, op);
        let step = match (&test, sums.terms.first()) {
            (Some(_), Some(term)) => term.unit[0],
            _ => scale / 2f64.powi(shift as i32),
        };
        let mut bias: Vec<i64> = sums.bias.iter().map(|b| (b / step).round() as i64).collect();
        if test.is_some() {
            // rounded up, so that what is above 0 stays there
            let up = (1 << (shift - 1)) - 1;
            bias = if bias.is_empty() { vec![up] } else { bias.iter().map(|b| b + up).collect() };
        }
        let exact = self.scales.group(self.model.outcome(op)).is_exact(self.model);
        fits(sums, &multipliers, &bias, shift, exact)?;
        let (min, max) = self.clamp(op, quant);
        let (multipliers, bias) = (multipliers.into_iter().map(shared).collect(), shared(bias));
        let attrs = RequantizeAttrs { multipliers, axis: sums.axis, bias, shift, min, max };
        let values: Vec<Value> = sums.terms.iter().map(|term| term.value).collect();
        self.insert(ops::requantize(location, &values, &attrs, quant))
    }

    /// The stored integers that the result of op `op` is clamped to: its type's, and those of the clamp fused into it.
    fn clamp(&self, op: usize, quant: &Quant) -> (i64, i64) {
        let (least, most) = self.scales.clamp(self.model.outcome(op)).unwrap_or((quant.min, quant.max));
        let (low, high) = self.model.fused_clamp(op);
        // a cast of what is infinite is the type's end
        let stored = |real: f64| ((real / quant.scale_at(0)).round() as i64).clamp(least, most);
        (stored(low), stored(high))
    }
}

/// One multiplier where all are equal.
fn shared(multiplier: Vec<i64>) -> Vec<i64> {
    match multiplier.first() {
        Some(&first) if multiplier.iter().all(|&m| m == first) => vec![first],
        _ => multiplier,
    }
}

/// Which power of two the size of a factor is, up to the rounding of printed scales.
fn power_of_two(factor: f64) -> Option<i32> {
    let power = factor.abs().log2();
    let near = power.is_finite() && (power - power.round()).abs() < 5e-6;
    near.then_some(power.round() as i32)
}

/// The integer multiplier for a real factor; 0 for 0 alone.
pub(crate) fn to_multiplier(factor: f64, shift: u32) -> i64 {
    let size = (factor.abs() * 2f64.powi(shift as i32)).round().clamp(1.0, f64::from(i32::MAX)) as i64;
    if factor == 0.0 { 0 } else { size * factor.signum() as i64 }
}

/// Integers as a parameter of so many bits.
pub(crate) fn stored_as(bits: u32, stored: impl Iterator<Item = i64>) -> ParamData {
    match bits {
        8 => ParamData::I8(stored.map(|v| v as i8).collect()),
        16 => ParamData::I16(stored.map(|v| v as i16).collect()),
        _ => ParamData::I32(stored.map(|v| v as i32).collect()),
    }
}

/// Proves the rule of `scales` for the actual sums, and that each term fits the accumulator. Sums of a group that is exact are as
/// large as they are.
fn fits(sums: &Sums, multipliers: &[Vec<i64>], bias: &[i64], shift: u32, exact: bool) -> Result<()> {
    let half = half(shift);
    for channel in 0..sums.channels() {
        let (mut low, mut high) = (half, half);
        for (term, multiplier) in sums.terms.iter().zip(multipliers) {
            let ((lo, hi), m) = (at(&term.interval, channel), i128::from(at(multiplier, channel)));
            if lo < i32::MIN.into() || hi > i32::MAX.into() {
                return Err(Error::new(format!(
                    "the sums of channel {channel} lie in {lo}..={hi}, which does not fit a 32-bit accumulator"
                )));
            }
            low += (lo * m).min(hi * m);
            high += (lo * m).max(hi * m);
        }
        if !bias.is_empty() {
            low += i128::from(at(bias, channel));
            high += i128::from(at(bias, channel));
        }
        if !exact && (low < -(1 << 31) || high >= 1 << 31) {
            return Err(Error::new(format!(
                "the weighted sums of channel {channel} lie in {low}..={high} at shift {shift}, which leaves 32 bits; this is a \
                 defect of the choice of scales"
            )));
        }
    }
    Ok(())
}

/// A scale as the type records it.
pub(crate) fn recorded(scale: f64) -> f64 {
    printable(scale)
}
