//! Random small quantized models: every op of the qnn dialect with every combination of attributes, from a tape of choices.
//!
//! Invariants: the same tape gives the same model; a tape that ends early goes on as zeros, so that shrinking a tape shrinks
//! the model; every requantization keeps the quantizer's rule, accumulator times multiplier within 32 bits.

use melior::Context;
use melior::ir::{Location, Module, Value};
use tessera_mlir::build::Cursor;
use tessera_mlir::func::{self, FuncBuilder, Port};
use tessera_mlir::params::{Param, ParamData, Params};
use tessera_mlir::types::{Quant, TensorType};
use tessera_mlir::{Result, shape};
use tessera_qnn::ops::{self, ConvAttrs, PoolAttrs, RequantizeAttrs};

/// The one scale of all activations, so that any two values may be joined.
pub const SCALE: f64 = 0.5;
/// No value grows beyond this many elements.
const MOST: usize = 400;

/// Choices, one after the other.
pub struct Tape<'t> {
    choices: &'t [u16],
    at: usize,
}

impl<'t> Tape<'t> {
    pub fn new(choices: &'t [u16]) -> Self {
        Tape { choices, at: 0 }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        let choice = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(choice) % n.max(1)
    }

    /// A number of `range`, both ends included.
    fn within(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// Integers within ±`most`, made from one choice.
    pub fn integers(&mut self, n: usize, most: i64) -> Vec<i64> {
        let mut state = self.below(1 << 16) as u64 + 1;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 33) as i64 % (2 * most + 1) - most
            })
            .collect()
    }
}

#[derive(Clone)]
struct Node<'c, 'a> {
    value: Value<'c, 'a>,
    shape: Vec<usize>,
    /// Largest magnitude that its type allows: 127, or 32768 for sixteen bits.
    most: i64,
}

/// A model, with what its inputs look like.
pub struct Model<'c> {
    pub module: Module<'c>,
    pub params: Params,
    pub inputs: Vec<Vec<usize>>,
    /// Which inputs are real numbers, quantized by the model.
    pub real: Vec<bool>,
    /// How many ops of each kind it has.
    pub ops: Vec<&'static str>,
}

struct Writer<'c, 'a, 't, 'm> {
    location: Location<'c>,
    cursor: Cursor<'c, 'a>,
    tape: &'m mut Tape<'t>,
    params: Params,
    globals: Vec<(String, TensorType)>,
    nodes: Vec<Node<'c, 'a>>,
    sums: Vec<Sums<'c, 'a>>,
    ops: Vec<&'static str>,
}

/// A sum that must be requantized: its largest magnitude.
struct Sums<'c, 'a> {
    value: Value<'c, 'a>,
    shape: Vec<usize>,
    most: i64,
}

/// What adds up to a requantization.
struct Terms<'c, 'a> {
    /// Each with its largest magnitude.
    values: Vec<(Value<'c, 'a>, i64)>,
    shape: Vec<usize>,
}

impl<'c, 'a> From<Sums<'c, 'a>> for Terms<'c, 'a> {
    fn from(sums: Sums<'c, 'a>) -> Self {
        Terms { values: vec![(sums.value, sums.most)], shape: sums.shape }
    }
}

pub fn model<'c>(context: &'c Context, tape: &mut Tape) -> Result<Model<'c>> {
    let location = Location::unknown(context);
    let module = Module::new(location);
    let inputs: Vec<Vec<usize>> = (0..tape.within(1, 2))
        .map(|_| vec![tape.within(1, 2), tape.within(1, 4), tape.within(2, 7), tape.within(2, 7)])
        .collect();
    let real: Vec<bool> = inputs.iter().map(|_| tape.below(3) > 0).collect();
    let stored = |shape: &[usize], real: bool| match real {
        true => TensorType::f32(shape),
        false => TensorType::quant(shape, Quant::i8(SCALE)),
    };
    let ports: Vec<Port> = inputs
        .iter()
        .zip(&real)
        .enumerate()
        .map(|(i, (shape, &real))| Port::new(format!("x{i}"), stored(shape, real).to_type(context)))
        .collect();
    let builder = FuncBuilder::new(module.body(), location, "main", &ports)?;
    let mut writer = Writer {
        location,
        cursor: builder.cursor(),
        tape,
        params: Params::default(),
        globals: vec![],
        nodes: vec![],
        sums: vec![],
        ops: vec![],
    };
    for (i, shape) in inputs.iter().enumerate() {
        let argument = builder.argument(i)?;
        let value = match real[i] {
            true => writer.cursor.value(ops::quantize(location, argument, &Quant::i8(SCALE)))?,
            false => argument,
        };
        writer.nodes.push(Node { value, shape: shape.clone(), most: 127 });
    }
    for _ in 0..writer.tape.within(1, 6) {
        writer.step()?;
    }
    let Writer { tape, params, globals, nodes, sums, ops: kinds, cursor, .. } = writer;
    // Return the last value, and sometimes an earlier one, stored or real.
    let mut results = vec![nodes[nodes.len() - 1].value];
    if tape.below(4) == 0 {
        results.push(nodes[tape.below(nodes.len())].value);
    }
    for result in &mut results {
        if tape.below(2) == 0 {
            *result = cursor.value(ops::dequantize(location, *result))?;
        }
    }
    // Sums may be results as they are.
    if tape.below(4) == 0 {
        results.extend(sums.last().map(|sums| sums.value));
    }
    let names: Vec<String> = (0..results.len()).map(|i| format!("y{i}")).collect();
    builder.finish(&results, &names)?;
    for (name, ty) in &globals {
        func::declare_global(module.body(), location, name, ty.to_type(context))?;
    }
    Ok(Model { module, params, inputs, real, ops: kinds })
}

impl<'c, 'a> Writer<'c, 'a, '_, '_> {
    fn parameter(&mut self, ty: TensorType, data: ParamData) -> Result<Value<'c, 'a>> {
        let name = format!("p{}", self.globals.len());
        self.params.insert(name.as_str(), Param::new(ty.shape.clone(), data)?);
        let load = func::load_global(self.location, &name, ty.to_type(self.cursor.context()));
        self.globals.push((name, ty));
        self.cursor.value(load)
    }

    /// Weights with a scale per output channel.
    fn weights(&mut self, shape: &[usize]) -> Result<(Value<'c, 'a>, i64)> {
        let most = [127, 127, 3, 0][self.tape.below(4)];
        let values = self.tape.integers(shape.iter().product(), most);
        let quant = Quant::per_channel_i8((0..shape[0]).map(|o| 0.25 + o as f64).collect(), 0);
        let data = ParamData::I8(values.iter().map(|&v| v as i8).collect());
        Ok((self.parameter(TensorType::quant(shape, quant), data)?, most))
    }

    /// An activation that is a parameter.
    fn constant(&mut self, shape: &[usize]) -> Result<Value<'c, 'a>> {
        let values = self.tape.integers(shape.iter().product(), 127);
        let data = ParamData::I8(values.iter().map(|&v| v as i8).collect());
        self.parameter(TensorType::quant(shape, Quant::i8(SCALE)), data)
    }

    fn bias(&mut self, channels: usize) -> Result<(Option<Value<'c, 'a>>, i64)> {
        if self.tape.below(2) == 0 {
            return Ok((None, 0));
        }
        let values = self.tape.integers(channels, 9000);
        let data = ParamData::I32(values.iter().map(|&v| v as i32).collect());
        Ok((Some(self.parameter(TensorType::i32([channels]), data)?), 9000))
    }

    fn step(&mut self) -> Result<()> {
        let node = self.nodes[self.tape.below(self.nodes.len())].clone();
        // The most recent value more often than not.
        let node = if self.tape.below(3) == 0 { node } else { self.nodes[self.nodes.len() - 1].clone() };
        let kind = self.tape.below(17);
        let written = match kind {
            0 => self.conv(&node)?.map(|sums| ("conv", self.requantize(sums))),
            1 => {
                let image = self.padded(&node)?;
                self.conv(&image)?.map(|sums| ("conv", self.requantize(sums)))
            }
            2 => self.linear(&node)?.map(|sums| ("linear", self.requantize(sums))),
            3 => self.matmul(&node)?.map(|sums| ("matmul", self.requantize(sums))),
            4 => {
                let terms = self.add(&node)?;
                Some(("add", self.requantize(terms)))
            }
            5 => self.mul(&node)?.map(|sums| ("mul", self.requantize(sums))),
            6 => {
                let image = self.padded(&node)?;
                self.sum_pool(&image)?.map(|sums| ("sum_pool", self.requantize(sums)))
            }
            7 | 8 => self.max_pool(&node)?.map(|node| ("max_pool", Ok(node))),
            9..=12 => self.pooled(&node)?.map(|node| ("pooled", Ok(node))),
            _ => {
                let (name, op, shape) = self.layout(&node)?;
                let value = self.cursor.value(op)?;
                Some((name, Ok(Node { value, shape, most: node.most })))
            }
        };
        if let Some((name, node)) = written {
            self.ops.push(name);
            self.nodes.push(node?);
        }
        Ok(())
    }

    /// An image under a `qnn.pad` of its own; anything else as it is.
    fn padded(&mut self, x: &Node<'c, 'a>) -> Result<Node<'c, 'a>> {
        if x.shape.len() != 4 {
            return Ok(x.clone());
        }
        let [low, high] = std::array::from_fn(|_| [0, 0, self.tape.below(2), self.tape.below(2)]);
        let value = self.cursor.value(ops::pad(self.location, x.value, &low, &high))?;
        Ok(Node { value, shape: shape::pad(&x.shape, &low, &high)?, most: x.most })
    }

    fn conv(&mut self, x: &Node<'c, 'a>) -> Result<Option<Sums<'c, 'a>>> {
        let &[_, c, h, w] = x.shape.as_slice() else { return Ok(None) };
        let divisors: Vec<usize> = (1..=c).filter(|g| c % g == 0).collect();
        let groups = divisors[self.tape.below(divisors.len())];
        let attrs = ConvAttrs {
            strides: [self.tape.within(1, 3), self.tape.within(1, 2)],
            pads: std::array::from_fn(|_| self.tape.below(3)),
            dilations: [self.tape.within(1, 2), self.tape.within(1, 3)],
            groups,
        };
        let o = groups * self.tape.within(1, 3);
        let kernel = [o, c / groups, self.tape.within(1, 3.min(h)), self.tape.within(1, 3.min(w))];
        let Ok(out) = shape::conv(&x.shape, &kernel, None, &attrs) else { return Ok(None) };
        if out.iter().product::<usize>() > MOST {
            return Ok(None);
        }
        let (weights, most) = self.weights(&kernel)?;
        let (bias, most_bias) = self.bias(o)?;
        let value = self.cursor.value(ops::conv(self.location, x.value, weights, bias, &attrs))?;
        let terms = kernel[1..].iter().product::<usize>() as i64;
        Ok(Some(Sums { value, shape: out, most: terms * x.most * most + most_bias }))
    }

    fn linear(&mut self, x: &Node<'c, 'a>) -> Result<Option<Sums<'c, 'a>>> {
        let Some(&k) = x.shape.last() else { return Ok(None) };
        let o = self.tape.within(1, 5);
        let (weights, most) = self.weights(&[o, k])?;
        let (bias, most_bias) = self.bias(o)?;
        let value = self.cursor.value(ops::linear(self.location, x.value, weights, bias))?;
        Ok(self.small(value)?.map(|shape| Sums { value, shape, most: k as i64 * x.most * most + most_bias }))
    }

    /// x·b or a·x, where the other side is a parameter, or x·xᵀ; leading axes may broadcast.
    fn matmul(&mut self, x: &Node<'c, 'a>) -> Result<Option<Sums<'c, 'a>>> {
        let rank = x.shape.len();
        if rank < 2 || x.most > 127 {
            return Ok(None);
        }
        let (m, k) = (x.shape[rank - 2], x.shape[rank - 1]);
        let extent = self.tape.within(1, 4);
        let lead: Vec<usize> = match self.tape.below(3) {
            0 => vec![],
            1 => x.shape[..rank - 2].to_vec(),
            _ => x.shape[..rank - 2].iter().map(|&e| if self.tape.below(2) == 0 { 1 } else { e }).collect(),
        };
        let (a, b, terms) = match self.tape.below(3) {
            0 => {
                let b = self.constant(&[lead, vec![k, extent]].concat())?;
                (x.value, b, k)
            }
            1 => {
                let a = self.constant(&[lead, vec![extent, m]].concat())?;
                (a, x.value, m)
            }
            _ => {
                let mut perm: Vec<usize> = (0..rank).collect();
                perm.swap(rank - 2, rank - 1);
                let t = self.cursor.value(ops::transpose(self.location, x.value, &perm))?;
                (x.value, t, k)
            }
        };
        let value = self.cursor.value(ops::matmul(self.location, a, b))?;
        Ok(self.small(value)?.map(|shape| Sums { value, shape, most: terms as i64 * 127 * 127 }))
    }

    /// The shape of a value, unless it is too large to go on with.
    fn small(&self, value: Value) -> Result<Option<Vec<usize>>> {
        let shape = tessera_mlir::types::of(value)?.shape;
        Ok((shape.iter().product::<usize>() <= MOST).then_some(shape))
    }

    /// Another value or a parameter that broadcasts with x.
    fn partner(&mut self, x: &Node<'c, 'a>) -> Result<Value<'c, 'a>> {
        let fits: Vec<Value<'c, 'a>> = self
            .nodes
            .iter()
            .filter(|n| {
                let small = |s: Vec<usize>| s.iter().product::<usize>() <= MOST;
                n.most == 127 && shape::broadcast(&x.shape, &n.shape).is_ok_and(small)
            })
            .map(|n| n.value)
            .collect();
        if self.tape.below(2) == 0 && !fits.is_empty() {
            return Ok(fits[self.tape.below(fits.len())]);
        }
        let skip = self.tape.below(x.shape.len() + 1);
        let shape: Vec<usize> =
            x.shape[skip..].iter().map(|&e| if self.tape.below(2) == 0 { 1 } else { e }).collect();
        self.constant(&shape)
    }

    fn add(&mut self, x: &Node<'c, 'a>) -> Result<Terms<'c, 'a>> {
        let other = self.partner(x)?;
        let shape = shape::broadcast(&x.shape, &tessera_mlir::types::of(other)?.shape)?;
        Ok(Terms { values: vec![(x.value, x.most), (other, 127)], shape })
    }

    fn mul(&mut self, x: &Node<'c, 'a>) -> Result<Option<Sums<'c, 'a>>> {
        let other = self.partner(x)?;
        let value = self.cursor.value(ops::mul(self.location, x.value, other))?;
        let shape = tessera_mlir::types::of(value)?.shape;
        Ok(Some(Sums { value, shape, most: x.most * 127 }))
    }

    fn pool_attrs(&mut self, x: &Node) -> Option<(PoolAttrs, Vec<usize>)> {
        let &[_, _, h, w] = x.shape.as_slice() else { return None };
        let kernel = [self.tape.within(1, 5.min(h)), self.tape.within(1, 5.min(w))];
        let strides = match self.tape.below(3) {
            0 => kernel,
            _ => [self.tape.within(1, 3), self.tape.within(1, 3)],
        };
        let pads = match self.tape.below(2) {
            0 => [0; 4],
            _ => std::array::from_fn(|i| self.tape.below(kernel[i % 2])),
        };
        let attrs = PoolAttrs { kernel, strides, pads };
        let out = shape::pool(&x.shape, &attrs).ok()?;
        (out.iter().product::<usize>() <= MOST).then_some((attrs, out))
    }

    fn sum_pool(&mut self, x: &Node<'c, 'a>) -> Result<Option<Sums<'c, 'a>>> {
        let Some((attrs, shape)) = self.pool_attrs(x) else { return Ok(None) };
        let value = self.cursor.value(ops::sum_pool(self.location, x.value, &attrs))?;
        Ok(Some(Sums { value, shape, most: x.most * (attrs.kernel[0] * attrs.kernel[1]) as i64 }))
    }

    fn max_pool(&mut self, x: &Node<'c, 'a>) -> Result<Option<Node<'c, 'a>>> {
        let Some((attrs, shape)) = self.pool_attrs(x) else { return Ok(None) };
        let value = self.cursor.value(ops::max_pool(self.location, x.value, &attrs))?;
        Ok(Some(Node { value, shape, most: x.most }))
    }

    /// A convolution and a pooling of disjoint windows, as a network has them: its sums are short.
    fn pooled(&mut self, x: &Node<'c, 'a>) -> Result<Option<Node<'c, 'a>>> {
        let Some(Sums { value, shape, .. }) = self.conv(x)? else { return Ok(None) };
        let attrs = RequantizeAttrs::of_one(vec![1 << 6], 0, 16, (-127, 127));
        let value = self.cursor.value(ops::requantize(self.location, &[value], &attrs, &Quant::i8(SCALE)))?;
        let kernel = [self.tape.within(1, 3.min(shape[2])), self.tape.within(1, 3.min(shape[3]))];
        let attrs = PoolAttrs { kernel, strides: kernel, pads: [0; 4] };
        let shape = shape::pool(&shape, &attrs)?;
        let value = self.cursor.value(ops::max_pool(self.location, value, &attrs))?;
        Ok(Some(Node { value, shape, most: 127 }))
    }

    fn layout(
        &mut self,
        x: &Node<'c, 'a>,
    ) -> Result<(&'static str, Result<melior::ir::Operation<'c>>, Vec<usize>)> {
        let rank = x.shape.len();
        let location = self.location;
        Ok(match self.tape.below(6) {
            0 if x.most == 127 && self.tape.below(2) == 0 => {
                // any table, or one that holds less than a function of its own
                let values = match self.tape.below(4) {
                    0 => self.tape.integers(255, 127),
                    1 => (-127..=127).map(|key: i64| key.max(0)).collect(),
                    2 => (-127..=127).map(|key: i64| -key).collect(),
                    _ => (-127..=127).collect(),
                };
                let table = self.table(values)?;
                ("lookup", ops::lookup(location, x.value, table, -127), x.shape.clone())
            }
            0 => ("relu", ops::relu(location, x.value), x.shape.clone()),
            1 => {
                let split = self.tape.below(rank + 1);
                let shape = match self.tape.below(3) {
                    0 => vec![x.shape[..split].iter().product(), x.shape[split..].iter().product()],
                    1 => vec![x.shape.iter().product()],
                    _ => [vec![1], x.shape.clone(), vec![1]].concat(),
                };
                ("reshape", ops::reshape(location, x.value, &shape), shape)
            }
            2 => {
                let mut perm: Vec<usize> = (0..rank).collect();
                for i in (1..rank).rev() {
                    perm.swap(i, self.tape.below(i + 1));
                }
                ("transpose", ops::transpose(location, x.value, &perm), shape::transpose(&x.shape, &perm)?)
            }
            3 => {
                let axis = self.tape.below(rank);
                let same = |n: &Node| {
                    n.most == x.most
                        && n.shape.len() == rank
                        && (0..rank).all(|d| d == axis || n.shape[d] == x.shape[d])
                };
                let fits: Vec<Node> = self.nodes.iter().filter(|n| same(n)).cloned().collect();
                let other = fits[self.tape.below(fits.len())].clone();
                let shape = shape::concat(&[&x.shape, &other.shape], axis)?;
                if shape.iter().product::<usize>() > MOST {
                    ("relu", ops::relu(location, x.value), x.shape.clone())
                } else {
                    ("concat", ops::concat(location, &[x.value, other.value], axis), shape)
                }
            }
            4 => {
                let low: Vec<usize> = (0..rank).map(|_| self.tape.below(2)).collect();
                let high: Vec<usize> = (0..rank).map(|_| self.tape.below(2)).collect();
                let shape = shape::pad(&x.shape, &low, &high)?;
                if shape.iter().product::<usize>() > MOST {
                    ("relu", ops::relu(location, x.value), x.shape.clone())
                } else {
                    ("pad", ops::pad(location, x.value, &low, &high), shape)
                }
            }
            _ => {
                let starts: Vec<usize> = x.shape.iter().map(|&e| self.tape.below(e)).collect();
                let strides: Vec<usize> = (0..rank).map(|_| self.tape.within(1, 3)).collect();
                let sizes: Vec<usize> = (0..rank)
                    .map(|d| self.tape.within(1, (x.shape[d] - 1 - starts[d]) / strides[d] + 1))
                    .collect();
                ("slice", ops::slice(location, x.value, &starts, &sizes, &strides), sizes)
            }
        })
    }

    /// A table with an entry for every 8-bit integer.
    fn table(&mut self, values: Vec<i64>) -> Result<Value<'c, 'a>> {
        let data = ParamData::I8(values.iter().map(|&v| v as i8).collect());
        self.parameter(TensorType::quant([255], Quant::i8(SCALE)), data)
    }

    /// Further terms: values and parameters, and earlier sums of the same shape.
    fn more(&mut self, terms: &mut Terms<'c, 'a>) -> Result<()> {
        for _ in 0..[0, 0, 1, 2][self.tape.below(4)] {
            let earlier: Vec<_> = self.sums.iter().filter(|sums| sums.shape == terms.shape).collect();
            if self.tape.below(2) == 0 && !earlier.is_empty() {
                let sums = earlier[self.tape.below(earlier.len())];
                terms.values.push((sums.value, sums.most));
                continue;
            }
            // it may broadcast, and so may the terms
            let value = terms.values[0].0;
            let partner = self.partner(&Node { value, shape: terms.shape.clone(), most: 127 })?;
            terms.shape = shape::broadcast(&terms.shape, &tessera_mlir::types::of(partner)?.shape)?;
            terms.values.push((partner, 127));
        }
        Ok(())
    }

    /// By the quantizer's rule: the largest weighted sum, rounded, fits 32 bits.
    fn requantize(&mut self, terms: impl Into<Terms<'c, 'a>>) -> Result<Node<'c, 'a>> {
        let mut terms = terms.into();
        if let [(value, most)] = terms.values[..] {
            self.sums.push(Sums { value, shape: terms.shape.clone(), most });
        }
        self.more(&mut terms)?;
        let Terms { values, shape } = terms;
        let shift = [16, 17, 20, 24, 5, 1][self.tape.below(6)] as u32;
        // A shift below 16 is as one of 16 with the multiplier scaled up.
        let lift = 16u32.saturating_sub(shift);
        let room = ((1i64 << 31) - (1 << (shift.max(16) - 1)) - 1) >> lift;
        let axis = self.tape.below(shape.len());
        let bias: Vec<i64> = match self.tape.below(3) {
            0 => self.tape.integers(1, room / 2),
            1 => self.tape.integers(shape[axis], room / 2),
            _ => vec![],
        };
        let room = if bias.is_empty() { room } else { room - room / 2 } / values.len() as i64;
        let mut multipliers = vec![];
        for &(_, most) in &values {
            let largest = (room / most.max(1)).clamp(1, (1 << 31) - 1);
            if largest * most > room {
                // Not even a multiplier of 1 fits this shift: the sum itself would not.
                return Err(tessera_mlir::Error::new("a sum is too large for the generator"));
            }
            let count = if self.tape.below(2) == 0 { 1 } else { shape[axis] };
            let mut multiplier = || match self.tape.below(4) {
                0 => largest,
                1 => 1 + self.tape.below(1 << 16) as i64 * largest / (1 << 16),
                2 => -largest,
                _ => (1i64 << shift).min(largest),
            };
            multipliers.push((0..count).map(|_| multiplier()).collect());
        }
        let wide = self.tape.below(5) == 0;
        let quant = if wide { Quant::i16(SCALE) } else { Quant::i8(SCALE) };
        let (min, max) = [(quant.min, quant.max), (0, quant.max), (-5, 90)][self.tape.below(3)];
        let attrs = RequantizeAttrs { multipliers, axis, bias, shift, min, max };
        let values: Vec<Value> = values.into_iter().map(|(value, _)| value).collect();
        let op = ops::requantize(self.location, &values, &attrs, &quant);
        let value = self.cursor.value(op)?;
        if !wide && self.tape.below(6) == 0 {
            // a function of sums: nothing else reads what was requantized
            let entries = self.tape.integers(255, 127);
            let table = self.table(entries)?;
            let value = self.cursor.value(ops::lookup(self.location, value, table, -127))?;
            return Ok(Node { value, shape, most: 127 });
        }
        Ok(Node { value, shape, most: -quant.min })
    }
}
