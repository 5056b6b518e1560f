//! What the quantizer knows about a function of nn ops before it writes anything.
//!
//! Invariants:
//! - Values are numbered: arguments, then parameters and results in the order of the function.
//! - An op's [`Role`] says where the scale of its result comes from.
//! - A function that only clamps, as ReLU does, or a product with one positive number, that alone reads sums is fused into the op
//!   that gives them.
//! - A sum that flows into a normalization is exact: it and its operands have one scale, and nothing is rounded.
//! - Sums that a sum alone reads are its terms: what they give is rounded once, with it, and has no scale of its own.

use crate::grid::Grid;
use crate::quantize::Settings;
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use std::collections::HashMap;
use tessera_mlir::func::{self, Func};
use tessera_mlir::op::op_name;
use tessera_mlir::params::{Param, Params};
use tessera_mlir::types::{self, Elem, TensorType};
use tessera_mlir::{Error, Result, attrs};
use tessera_nn::{NnOp, ops::Binary};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Argument(usize),
    Parameter(String),
    Op(usize),
}

pub(crate) struct ValueInfo {
    pub(crate) shape: Vec<usize>,
    pub(crate) source: Source,
    /// Ops that read it, once per operand.
    pub(crate) users: Vec<usize>,
    pub(crate) returned: bool,
    /// Indices, which have no scale.
    pub(crate) indices: bool,
}

/// Where the scale of an op's result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its sums are exact, and requantized to a scale of their own.
    Sums,
    /// A table gives it, at a scale of its own.
    Table,
    /// Its family chooses stored integers and their scale.
    Rows,
    /// It is that of the operands, which are added exactly.
    Adds,
    /// It is that of the operands, which are compared.
    Compares,
    /// It is that of the operands, which are moved: integers of any width.
    Moves,
}

pub(crate) struct OpInfo<'c, 'a> {
    pub(crate) op: OperationRef<'c, 'a>,
    pub(crate) decoded: NnOp<Value<'c, 'a>>,
    pub(crate) role: Role,
    pub(crate) operands: Vec<usize>,
    pub(crate) result: usize,
    /// The clamp, or the product with a number, fused into this op.
    pub(crate) fused: Option<usize>,
    /// The op that this one is fused into.
    pub(crate) fused_into: Option<usize>,
    /// The sum that this op's sums are terms of.
    pub(crate) term_of: Option<usize>,
}

impl OpInfo<'_, '_> {
    pub(crate) fn accumulates(&self) -> bool {
        self.role == Role::Sums
    }

    /// Whether its result has the scale of its operands.
    pub(crate) fn keeps_scale(&self) -> bool {
        match self.role {
            Role::Sums | Role::Table | Role::Rows => false,
            Role::Adds | Role::Compares | Role::Moves => true,
        }
    }

    /// Operands that are activations; weights and biases of conv and linear are not, nor are masks and indices.
    pub(crate) fn activations(&self) -> &[usize] {
        match self.decoded {
            NnOp::Conv { .. }
            | NnOp::Linear { .. }
            | NnOp::Softmax { .. }
            | NnOp::Norm { .. }
            | NnOp::ArgMax { .. }
            | NnOp::Embedding { .. } => &self.operands[..1],
            NnOp::MatMul { .. }
            | NnOp::Map { .. }
            | NnOp::Binary { .. }
            | NnOp::MaxPool { .. }
            | NnOp::AvgPool { .. }
            | NnOp::Reshape { .. }
            | NnOp::Transpose { .. }
            | NnOp::Concat { .. }
            | NnOp::Pad { .. }
            | NnOp::Slice { .. } => &self.operands,
        }
    }
}

/// Bits where nothing was said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual {
    pub(crate) activations: u32,
    pub(crate) weights: u32,
}

/// Bits of what decisions of a small network are made of.
const DECISIVE_BITS: u32 = 16;
const ACCUMULATOR_BITS: u32 = 31;

pub(crate) struct Model<'c, 'a, 'p> {
    pub(crate) function: Func<'c, 'a>,
    pub(crate) params: &'p Params,
    pub(crate) values: Vec<ValueInfo>,
    pub(crate) ops: Vec<OpInfo<'c, 'a>>,
    pub(crate) returns: Vec<usize>,
    /// Whether activations have 13 bits and weights 12: where there are normalizations or attention, 8 cost too much, and
    /// 12 cost a proof next to nothing.
    pub(crate) precise: bool,
    pub(crate) usual: Usual,
    /// What decisions of a small network are made of: values that a function jumps by, and those that they are computed from.
    pub(crate) decisive: Vec<bool>,
    pub(crate) settings: Settings,
    /// How far the features of an argument reach, where that is very different and all that read it can do with it.
    pub(crate) features: Vec<Option<Vec<f64>>>,
}

impl<'c, 'a, 'p> Model<'c, 'a, 'p> {
    /// Reads a function, with the roles of its ops. What is wrong with it is checked by `check`.
    ///
    /// # Errors
    /// Every op that is not an nn op, and what `check` finds.
    pub(crate) fn read(
        function: Func<'c, 'a>,
        params: &'p Params,
        settings: &Settings,
        role: impl Fn(&NnOp<Value<'c, 'a>>) -> Role,
        check: impl Fn(&Self) -> Vec<Error>,
    ) -> Result<Self> {
        let (values, ops, returns) = (vec![], vec![], vec![]);
        let mut model = Model {
            function,
            params,
            values,
            ops,
            returns,
            precise: false,
            usual: Usual { activations: 8, weights: 8 },
            decisive: vec![],
            settings: settings.clone(),
            features: vec![],
        };
        let mut numbers: HashMap<_, usize> = HashMap::new();
        let mut errors = Vec::new();
        let key = |value: Value| value.to_raw().ptr;
        for (i, value) in function.arguments().into_iter().enumerate() {
            numbers.insert(key(value), model.values.len());
            model.add_value(value, Source::Argument(i))?;
        }
        for op in function.ops() {
            let number = model.values.len();
            if let Some(name) = func::loaded_global(op) {
                let result = func::first_result(op)?;
                if let Err(e) = params.get(&name).and_then(|p| p.data.f32s().map(|_| ())) {
                    errors.push(e.or_at(op.location()));
                }
                numbers.insert(key(result), number);
                model.add_value(result, Source::Parameter(name))?;
                continue;
            }
            let decoded = match NnOp::decode(op) {
                Ok(Some(decoded)) => decoded,
                Ok(None) => {
                    let name = op_name(op);
                    errors.push(Error::at(
                        op.location(),
                        format!("expected an op of the nn dialect, found {name}; leave this pass out where the IR is past its level"),
                    ));
                    continue;
                }
                Err(e) => {
                    errors.push(e.or_at(op.location()));
                    continue;
                }
            };
            let result = func::first_result(op)?;
            let operands: Option<Vec<usize>> = op.operands().map(|o| numbers.get(&key(o)).copied()).collect();
            // An operand of an op that was refused above.
            let Some(operands) = operands else { continue };
            let index = model.ops.len();
            numbers.insert(key(result), number);
            operands.iter().for_each(|&o| model.values[o].users.push(index));
            model.add_value(result, Source::Op(index))?;
            let role = role(&decoded);
            let result = number;
            let (fused, fused_into, term_of) = (None, None, None);
            model.ops.push(OpInfo { op, decoded, role, operands, result, fused, fused_into, term_of });
        }
        for value in function.returns()? {
            match numbers.get(&key(value)) {
                Some(&number) => {
                    model.values[number].returned = true;
                    model.returns.push(number);
                }
                None if errors.is_empty() => {
                    return Err(Error::at(
                        function.op.location(),
                        "a result is defined outside of the function",
                    ));
                }
                None => {}
            }
        }
        errors.extend(check(&model));
        Error::all(errors)?;
        model.precise = model.ops.iter().any(|op| op.role == Role::Rows);
        model.find_grids();
        model.fuse();
        model.find_exact_sums();
        model.merge();
        model.find_features();
        model.usual = model.usual_bits();
        model.decisive = model.find_decisive();
        Ok(model)
    }

    /// Values that a jump reads, and those that they are computed from, where all bits there are cost next to nothing: a rounded number
    /// that comes out on the other side of a jump is another decision, not a small error.
    fn find_decisive(&self) -> Vec<bool> {
        const SMALL: f64 = 262_144.0;
        let mut decisive = vec![false; self.values.len()];
        if self.work() > SMALL {
            return decisive;
        }
        for info in self.ops.iter().rev() {
            let decides = match &info.decoded {
                NnOp::Map { f, .. } => f.decides(self.range(info.operands[0]).unwrap_or_default()),
                op => matches!(op, NnOp::ArgMax { .. }),
            };
            if decides || decisive[info.result] {
                info.activations().iter().for_each(|&x| decisive[x] = true);
            }
        }
        decisive
    }

    /// Products, or elements where an op has none, that one inference takes.
    pub(crate) fn work(&self) -> f64 {
        let shape = |v: usize| &self.values[v].shape;
        let elements = |v: usize| shape(v).iter().product::<usize>() as f64;
        let of = |info: &OpInfo| match info.decoded {
            NnOp::Conv { .. } | NnOp::Linear { .. } => {
                let (w, channels) = (info.operands[1], shape(info.operands[1]).first().copied().unwrap_or(1));
                elements(info.result) * elements(w) / channels.max(1) as f64
            }
            NnOp::MatMul { .. } => {
                elements(info.result) * shape(info.operands[0]).last().copied().unwrap_or(1) as f64
            }
            _ => elements(info.result),
        };
        self.ops.iter().map(of).sum()
    }

    /// The bits of a network that is not precise. What they cost is rows of the tables that clamp, twice as many for each bit: nothing beside
    /// many elements that are looked up in them, and much beside few. Many layers add up what each of them rounds.
    fn usual_bits(&self) -> Usual {
        const DEEP: usize = 8;
        const LARGE: [(usize, u32); 3] = [(1 << 21, 12), (1 << 19, 10), (1 << 14, 9)];
        let rounded = |(_, op): &(usize, &OpInfo)| op.accumulates() && op.term_of.is_none();
        let elements =
            |(op, _): (usize, &OpInfo)| self.values[self.outcome(op)].shape.iter().product::<usize>();
        let all = || self.ops.iter().enumerate().filter(rounded);
        let (layers, count) = (all().count(), all().map(elements).sum::<usize>());
        let deep = (layers >= DEEP).then_some(9);
        match LARGE.iter().find(|(least, _)| count >= *least).map(|&(_, bits)| bits).or(deep) {
            Some(activations) => Usual { activations, weights: 10 },
            None => Usual { activations: 8, weights: 8 },
        }
    }

    fn add_value(&mut self, value: Value, source: Source) -> Result<()> {
        let TensorType { shape, elem } = types::of(value)?;
        let indices = matches!(elem, Elem::Int(_));
        self.values.push(ValueInfo { shape, source, users: vec![], returned: false, indices });
        Ok(())
    }

    fn fuse(&mut self) {
        for op in 0..self.ops.len() {
            let clamps = match &self.ops[op].decoded {
                NnOp::Map { f, .. } => f.clamp().is_some() || Grid::of(f).is_some(),
                _ => false,
            };
            let Some((x, _)) = self.number(op).or(clamps.then(|| (self.ops[op].operands[0], 1.0))) else {
                continue;
            };
            let operand = &self.values[x];
            if let Source::Op(producer) = operand.source
                && self.ops[producer].accumulates()
                && self.ops[producer].fused_into.is_none()
                && operand.users.len() == 1
                && !operand.returned
                && (clamps || self.precise)
            {
                self.ops[producer].fused = Some(op);
                self.ops[op].fused_into = Some(producer);
            }
        }
    }

    /// The operand and the positive number of a product with one.
    fn number(&self, op: usize) -> Option<(usize, f64)> {
        let info = &self.ops[op];
        let NnOp::Binary { kind: Binary::Mul, .. } = info.decoded else { return None };
        let &[a, b] = &info.operands[..] else { return None };
        [(a, b), (b, a)].into_iter().find_map(|(x, number)| match self.floats(number) {
            Some(&[number]) if number > 0.0 && self.values[x].shape == self.values[info.result].shape => {
                Some((x, number.into()))
            }
            _ => None,
        })
    }

    /// From the normalizations back: what they read is added up at one scale, in as many bits as that takes.
    fn find_exact_sums(&mut self) {
        let mut flows = vec![false; self.values.len()];
        for op in (0..self.ops.len()).rev() {
            let info = &self.ops[op];
            let exact = flows[info.result]
                && matches!(info.decoded, NnOp::Binary { kind: Binary::Add | Binary::Sub, .. });
            let reads = matches!(info.decoded, NnOp::Norm { .. });
            if reads || exact || (flows[info.result] && info.role == Role::Moves) {
                info.activations().iter().for_each(|&x| flows[x] = true);
            }
            if exact {
                self.ops[op].role = Role::Adds;
            }
        }
    }

    /// Sums that a sum or a difference alone reads become terms of it: contractions, products, averages, and sums again. Their
    /// channels lie along one axis.
    fn merge(&mut self) {
        let mut axes: Vec<Option<usize>> = vec![];
        for op in 0..self.ops.len() {
            let info = &self.ops[op];
            let rank = self.values[info.result].shape.len();
            axes.push(match info.decoded {
                NnOp::Conv { .. } => Some(1),
                NnOp::Linear { .. } => rank.checked_sub(1),
                _ => self.constant(op).and_then(|(_, axis, numbers)| (numbers.len() > 1).then_some(axis)),
            });
            let adds = matches!(info.decoded, NnOp::Binary { kind: Binary::Add | Binary::Sub, .. });
            let scales =
                self.constant(op).is_some() && matches!(info.decoded, NnOp::Binary { kind: Binary::Mul, .. });
            if !self.settings.merge_sums
                || !(adds || scales)
                || info.role != Role::Sums
                || info.fused_into.is_some()
            {
                continue;
            }
            for x in info.operands.clone() {
                let value = &self.values[x];
                let Source::Op(term) = value.source else { continue };
                let from = &self.ops[term];
                let alone = value.users.len() == 1 && !value.returned;
                let plain = from.accumulates() && from.fused.is_none() && from.fused_into.is_none();
                // what multiplies numbers for channels is a multiplier, and no weight
                if scales && !(self.constant(term).is_some() && self.terms(term) == 0) {
                    continue;
                }
                let one_axis = axes[term].is_none() || axes[op].is_none() || axes[term] == axes[op];
                if alone && plain && one_axis && value.shape == self.values[self.ops[op].result].shape {
                    axes[op] = axes[op].or(axes[term]);
                    self.ops[term].term_of = Some(op);
                }
            }
        }
    }

    /// How many operands of an op are sums that are terms of it.
    fn terms(&self, op: usize) -> usize {
        self.ops[op].operands.iter().filter(|&&x| self.term(x).is_some()).count()
    }

    /// The operand of an elementwise op that is numbers for the channels of its result, with their axis.
    pub(crate) fn constant(&self, op: usize) -> Option<(usize, usize, &'p [f32])> {
        let info = &self.ops[op];
        let &[a, b] = &info.operands[..] else { return None };
        if !matches!(info.decoded, NnOp::Binary { .. }) {
            return None;
        }
        [(a, b), (b, a)].into_iter().find_map(|(x, value)| {
            let (axis, numbers) = self.channels(value, op)?;
            let whole = self.values[x].shape == self.values[info.result].shape;
            (whole && numbers.iter().any(|&n| n != 0.0)).then_some((value, axis, numbers))
        })
    }

    /// Numbers of a parameter that stand for the channels of an op's result, with their axis: one, or one for each of its indices.
    fn channels(&self, value: usize, op: usize) -> Option<(usize, &'p [f32])> {
        let Source::Parameter(name) = &self.values[value].source else { return None };
        let numbers = self.params.get(name).ok()?.data.f32s().ok()?;
        let (own, all) = (&self.values[value].shape, &self.values[self.ops[op].result].shape);
        let before = all.len().checked_sub(own.len())?;
        let mut long = (0..own.len()).filter(|&axis| own[axis] > 1);
        match (long.next(), long.next()) {
            (None, _) => Some((0, numbers)),
            (Some(axis), None) => (own[axis] == all[before + axis]).then_some((before + axis, numbers)),
            _ => None,
        }
    }

    /// The op that rounds the sums of an op: itself, or the last sum they are terms of.
    pub(crate) fn rounded_by(&self, mut op: usize) -> usize {
        while let Some(sum) = self.ops[op].term_of {
            op = sum;
        }
        op
    }

    /// The op whose sums are terms of the one that reads a value.
    pub(crate) fn term(&self, value: usize) -> Option<usize> {
        let Source::Op(op) = self.values[value].source else { return None };
        self.ops[op].term_of.map(|_| op)
    }

    /// The number fused into an op.
    pub(crate) fn factor(&self, op: usize) -> f64 {
        self.ops[op].fused.and_then(|fused| self.number(fused)).map_or(1.0, |(_, number)| number)
    }

    /// The real numbers that the clamp fused into an op keeps its result to.
    pub(crate) fn fused_clamp(&self, op: usize) -> (f64, f64) {
        let clamp = self.ops[op].fused.and_then(|clamp| match &self.ops[clamp].decoded {
            NnOp::Map { f, .. } => f.clamp(),
            _ => None,
        });
        clamp.unwrap_or((f64::NEG_INFINITY, f64::INFINITY))
    }

    /// The value an accumulating op gives after what is fused into it.
    pub(crate) fn outcome(&self, op: usize) -> usize {
        match self.ops[op].fused {
            Some(fused) => self.ops[fused].result,
            None => self.ops[op].result,
        }
    }

    /// The accumulating op behind a value, if it is the outcome of one.
    pub(crate) fn accumulator(&self, value: usize) -> Option<usize> {
        let Source::Op(op) = self.values[value].source else { return None };
        let op = self.ops[op].fused_into.unwrap_or(op);
        (self.ops[op].accumulates() && self.outcome(op) == value).then_some(op)
    }

    /// The parameter behind a value.
    pub(crate) fn parameter(&self, value: usize) -> Option<(&str, &Param)> {
        let Source::Parameter(name) = &self.values[value].source else { return None };
        self.params.get(name).ok().map(|p| (name.as_str(), p))
    }

    /// The elements of the parameter behind a value.
    pub(crate) fn floats(&self, value: usize) -> Option<&[f32]> {
        self.parameter(value).and_then(|(_, p)| p.data.f32s().ok())
    }

    /// The bits that an argument or an op's result is to have, where that was said.
    pub(crate) fn bits(&self, value: usize) -> Option<u32> {
        match &self.values[value].source {
            Source::Argument(i) => self.function.argument_bits(*i),
            Source::Op(op) => attrs::bits(self.ops[*op].op, attrs::BITS),
            Source::Parameter(_) => None,
        }
    }

    /// The bits at which sums of products of a value with another of as many fit the accumulator, for all that multiply it.
    pub(crate) fn most_bits(&self, value: usize) -> u32 {
        let of = |&user: &usize| match self.ops[user].decoded {
            NnOp::MatMul { .. } => {
                let depth = self.values[self.ops[user].operands[0]].shape.last().copied().unwrap_or(1);
                (ACCUMULATOR_BITS - depth.max(1).next_power_of_two().ilog2().min(ACCUMULATOR_BITS)) / 2
            }
            _ => DECISIVE_BITS,
        };
        self.values[value].users.iter().map(of).min().unwrap_or(DECISIVE_BITS).min(DECISIVE_BITS)
    }

    /// The bits of an op's weights where nothing else was said: the usual ones, or 12 in a precise model and on features of their own
    /// reach, or all there are where decisions are made of them.
    pub(crate) fn weight_bits(&self, op: usize) -> u32 {
        let features = self.ops[op].operands.first().is_some_and(|&x| self.features(x).is_some());
        let usual = match () {
            () if self.decisive[self.ops[op].result] => DECISIVE_BITS,
            () if self.precise || features => 12,
            () => self.usual.weights,
        };
        attrs::bits(self.ops[op].op, attrs::WEIGHT_BITS).unwrap_or(usual)
    }

    /// The calibrated range of an argument or an op's result; the exact one of a parameter.
    pub(crate) fn range(&self, value: usize) -> Option<(f64, f64)> {
        match &self.values[value].source {
            Source::Argument(i) => self.function.argument_range(*i),
            Source::Op(op) => attrs::range(self.ops[*op].op),
            Source::Parameter(_) => self.floats(value).map(|data| {
                data.iter().fold((0.0, 0.0), |(lo, hi): (f64, f64), &v| (lo.min(v.into()), hi.max(v.into())))
            }),
        }
    }
}
