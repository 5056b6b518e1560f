//! The pass `convert-qnn-to-circuit`: walks the qnn function in order and writes the circuit beside it.
//!
//! Invariants: the qnn function stays untouched until the circuit is complete; every op that cannot be lowered is reported,
//! not only the first.

use crate::convolution::{NAMES, Ways};
use crate::emit::Emit;
use crate::{
    argmax, arithmetic, boundary, conv, embedding, layout, lengths, linear, lookup, norm, pool, requantize,
    softmax,
};
use melior::ir::{BlockRef, OperationRef, RegionLike, Value, ValueLike, operation::OperationLike};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use tessera_api::{TargetSpec, spec};
use tessera_circuit::semantics::{Interval, View};
use tessera_mlir::attrs;
use tessera_mlir::func::{self, Func, FuncBuilder};
use tessera_mlir::op::op_name;
use tessera_mlir::params::{self, ParamData, Params};
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::types;
use tessera_mlir::{Error, Result, shape};
use tessera_qnn::QnnOp;
use tessera_qnn::ops::RequantizeAttrs;

/// The pass; its [`PassInfo`] describes it.
pub struct ConvertQnnToCircuit;

impl Pass for ConvertQnnToCircuit {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "convert-qnn-to-circuit",
            summary: "Lower the quantized model to a circuit: the same integers, with proven intervals",
            expects: "@main over qnn ops and ml_program parameters; inputs quantized once, before anything else, or indices.",
            guarantees: "@main over circuit ops alone, without arguments and results; circuit.input and circuit.output carry names, \
                         scales and storage ranges; equal to the qnn interpreter bit for bit; every interval proven from the \
                         actual weights; new parameters under a new name.",
            rejects: "ops of other dialects, real numbers inside the model, convolutions whose weights are computed, \
                      tables of embeddings beyond 2^19 rows: each with the node it stems from, all of them at once.",
            options: OPTIONS,
            example: EXAMPLE,
        }
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let target = attrs::opt_parsed::<TargetSpec>(module, spec::ATTRIBUTE)?.unwrap_or_default();
        let forms = Forms {
            looked_up: usize::try_from(options.int("looked-up")).unwrap_or(0),
            lengths: options.boolean("lengths"),
            wide_clamps: options.boolean("wide-clamps"),
        };
        lower(module, &Ways::named(options.choice("convolution"), target), forms)
    }
}

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::choice(
        "convolution",
        "how convolutions are checked: each in the way that costs least, or all in one",
        "auto",
        NAMES,
    ),
    OptionSpec::int(
        "looked-up",
        "elements of an embedding's table up to which they are looked up one by one; larger tables are factors of a product",
        embedding::ELEMENTS as i64,
        0,
        embedding::ELEMENTS as i64,
    ),
    OptionSpec::boolean(
        "lengths",
        "bound sums by how long normalized rows are, and show clamps that they reach no further; without, as far as intervals go",
        true,
    ),
    OptionSpec::boolean(
        "wide-clamps",
        "clamp what has more than 16 bits by one lookup in a taller table where enough elements share it; without, by limbs",
        true,
    ),
];

/// What the options of the pass say beside the ways to check convolutions.
#[derive(Clone, Copy)]
struct Forms {
    /// Elements of a table of embeddings that are looked up one by one, at most.
    looked_up: usize,
    lengths: bool,
    wide_clamps: bool,
}

const EXAMPLE: &str = r#"!q = !quant.uniform<i8<-127:127>:f32, 5.000000e-01>
func.func @main(%x: tensor<1x2x4x4xf32> {nn.name = "x"}) -> (tensor<1x2x2x2xf32> {nn.name = "y"}) {
  %0 = qnn.quantize %x : tensor<1x2x4x4xf32> -> tensor<1x2x4x4x!q>
  %1 = qnn.max_pool %0 kernel [2, 2] strides [2, 2] : tensor<1x2x4x4x!q> -> tensor<1x2x2x2x!q>
  %2 = qnn.dequantize %1 : tensor<1x2x2x2x!q> -> tensor<1x2x2x2xf32>
  return %2 : tensor<1x2x2x2xf32>
}"#;

/// A parameter of the model whose values are needed as they are.
pub(crate) struct Parameter {
    /// Its name.
    pub name: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// Integers, row-major.
    pub data: ParamData,
}

/// What a qnn value has become.
#[derive(Clone)]
enum Lowered<'c, 'a> {
    /// A value of the circuit.
    Value(Value<'c, 'a>),
    /// A parameter that is written where it is first used.
    Parameter(Rc<Parameter>),
    /// A real number; only a result may be one.
    Real,
    /// The op that computes it was rejected.
    Rejected,
}

/// Lowers the function `@main` of a module and replaces it.
///
/// # Errors
/// Everything the pass rejects.
pub fn lower_module(module: OperationRef, ways: &Ways) -> Result<()> {
    lower(module, ways, Forms { looked_up: embedding::ELEMENTS, lengths: true, wide_clamps: true })
}

fn lower(module: OperationRef, ways: &Ways, forms: Forms) -> Result<()> {
    let main = Func::main(module)?;
    params::check(module)?;
    let body = module_body(module)?;
    let builder = FuncBuilder::new(body, main.op.location(), "main", &[])?;
    let emit = Emit::new(builder.cursor(), main.op.location());
    let (values, lengths, totals, sums, alike) = Default::default();
    let params = params::of(module)?;
    let mut lowering =
        Lowering { emit, ways, forms, values, lengths, totals, sums, alike, params, errors: vec![] };
    lowering.function(main);
    let Lowering { emit, errors, .. } = lowering;
    let circuit = builder.finish(&[], &[] as &[&str])?;
    if let Err(error) = Error::all(errors) {
        circuit.erase();
        return Err(error);
    }
    main.erase();
    for (name, _) in func::globals(module)? {
        func::erase_global(module, &name);
    }
    emit.finish(module, circuit)
}

fn module_body<'c, 'a>(module: OperationRef<'c, 'a>) -> Result<BlockRef<'c, 'a>> {
    let block = module.region(0).ok().and_then(|region| region.first_block());
    block.ok_or_else(|| Error::at(module.location(), "expected a module with a body"))
}

struct Lowering<'c, 'a, 'w> {
    emit: Emit<'c, 'a>,
    ways: &'w Ways<'w>,
    forms: Forms,
    values: HashMap<usize, Lowered<'c, 'a>>,
    /// How long rows along the last axis are at most, where that is known.
    lengths: HashMap<usize, f64>,
    /// What rows along the last axis, of numbers from 0 on, add up to at most, where that is known.
    totals: HashMap<usize, i64>,
    /// How far sums reach at most, channel by channel of the last axis, where that is less than intervals say.
    sums: HashMap<usize, Vec<f64>>,
    /// How many elements requantizations have that are alike.
    alike: HashMap<Alike, usize>,
    params: Arc<Params>,
    errors: Vec<Error>,
}

/// What requantizations have in common that would share a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Alike {
    elements: usize,
    clamp: (i64, i64),
}

impl Alike {
    fn of(op: OperationRef, attrs: &RequantizeAttrs) -> Result<Self> {
        let elements = shape::elements(&types::of(op.result(0)?.into())?.shape)?;
        Ok(Alike { elements, clamp: (attrs.min, attrs.max) })
    }
}

fn key(value: Value) -> usize {
    value.to_raw().ptr as usize
}

impl<'c, 'a> Lowering<'c, 'a, '_> {
    fn function(&mut self, main: Func<'c, 'a>) {
        for (index, argument) in main.arguments().into_iter().enumerate() {
            let lowered = match boundary::input(&mut self.emit, argument, &main.argument_name(index)) {
                Ok(Some(value)) => Lowered::Value(value),
                Ok(None) => Lowered::Real,
                Err(error) => self.reject(error.or_at(main.op.location())),
            };
            self.values.insert(key(argument), lowered);
        }
        for op in main.ops() {
            if let Ok(Some(QnnOp::Requantize { attrs, .. })) = QnnOp::decode(op)
                && let Ok(alike) = Alike::of(op, &attrs)
            {
                *self.alike.entry(alike).or_default() += alike.elements;
            }
        }
        for op in main.ops() {
            self.emit.location = op.location();
            let lowered = match self.op(op) {
                Ok(lowered) => lowered,
                Err(error) => self.reject(error.or_at(op.location())),
            };
            for result in op.results() {
                self.values.insert(key(result.into()), lowered.clone());
            }
        }
        self.emit.location = main.op.location();
        match main.returns() {
            Ok(returns) => {
                for (index, value) in returns.into_iter().enumerate() {
                    if let Err(error) = self.output(value, &main.result_name(index)) {
                        self.reject(error.or_at(value.location()));
                    }
                }
            }
            Err(error) => drop(self.reject(error)),
        }
    }

    fn reject(&mut self, error: Error) -> Lowered<'c, 'a> {
        self.errors.push(error);
        Lowered::Rejected
    }

    fn lowered(&self, value: Value) -> Result<Lowered<'c, 'a>> {
        self.values
            .get(&key(value))
            .cloned()
            .ok_or_else(|| Error::new("an operand is not the result of an op of this function"))
    }

    /// The circuit's value of a qnn value that holds integers.
    fn value(&mut self, value: Value) -> Result<Value<'c, 'a>> {
        match self.lowered(value)? {
            Lowered::Value(value) => Ok(value),
            Lowered::Parameter(p) => {
                let lowered = self.emit.weight(&p.name, &p.shape, &p.data)?;
                self.values.insert(key(value), Lowered::Value(lowered));
                Ok(lowered)
            }
            Lowered::Real => Err(Error::new(
                "computes with real numbers: only inputs and results of the model may be real",
            )),
            Lowered::Rejected => Err(Error::new("an operand was rejected")),
        }
    }

    /// The values of a qnn value that is a parameter, under a name.
    fn parameter(&mut self, value: Value, what: &str) -> Result<Rc<Parameter>> {
        if let Lowered::Parameter(parameter) = self.lowered(value)? {
            return Ok(parameter);
        }
        let value = self.value(value)?;
        match self.emit.exact(value) {
            Some(elements) => {
                let data = elements.data().into_owned();
                Ok(Rc::new(Parameter { name: "weights".into(), shape: self.emit.shape(value)?, data }))
            }
            None => Err(Error::new(format!("expected {what} that are parameters, found computed ones"))),
        }
    }

    fn op(&mut self, op: OperationRef<'c, 'a>) -> Result<Lowered<'c, 'a>> {
        if let Some(name) = func::loaded_global(op) {
            let param = self.params.get(&name)?;
            param.data.bounds()?;
            let (shape, data) = (param.shape.clone(), param.data.clone());
            return Ok(Lowered::Parameter(Rc::new(Parameter { name, shape, data })));
        }
        let Some(view) = QnnOp::decode(op)? else {
            let name = op_name(op);
            return Err(Error::new(format!(
                "'{name}' has no lowering to a circuit: expected an op of the qnn dialect"
            )));
        };
        for operand in view.operands() {
            if matches!(self.lowered(operand)?, Lowered::Rejected) {
                return Ok(Lowered::Rejected);
            }
        }
        let value = match view {
            // The argument has become the quantized input.
            QnnOp::Quantize { x, .. } if x.is_block_argument() => self.value(x)?,
            QnnOp::Quantize { .. } => {
                return Err(Error::new(
                    "quantizes inside the model: only inputs may be real, requantize instead",
                ));
            }
            QnnOp::Dequantize { .. } => return Ok(Lowered::Real),
            QnnOp::Conv { x, w, bias, attrs } => {
                let (x, w) = (self.value(x)?, self.parameter(w, "weights")?);
                let bias = bias.map(|bias| self.value(bias)).transpose()?;
                conv::conv(&mut self.emit, x, &w, bias, &attrs, self.ways)?
            }
            QnnOp::Linear { x, w, bias } => {
                if let Some(&length) = self.lengths.get(&key(x))
                    && let Ok(weights) = self.parameter(w, "weights")
                {
                    let bias = bias.map(|bias| self.parameter(bias, "biases")).transpose()?;
                    let sums = lengths::of_sums(&weights, bias.as_deref(), length)?;
                    self.sums.insert(key(op.result(0)?.into()), sums);
                }
                let (x, w) = (self.value(x)?, self.value(w)?);
                let bias = bias.map(|bias| self.value(bias)).transpose()?;
                linear::linear(&mut self.emit, x, w, bias)?
            }
            QnnOp::MatMul { a, b } => {
                let total = self.totals.get(&key(a)).copied();
                let (a, b) = (self.value(a)?, self.value(b)?);
                if let Some(total) = total {
                    let sums = vec![total as f64 * self.emit.hull(b)?.abs_max() as f64];
                    self.sums.insert(key(op.result(0)?.into()), sums);
                }
                linear::matmul(&mut self.emit, a, b)?
            }
            QnnOp::Requantize { xs, attrs, .. } => {
                let last = types::of(xs[0])?.shape.len().saturating_sub(1);
                let channels = attrs.axis == last || attrs.multipliers[0].len() == 1 && attrs.bias.len() <= 1;
                let reach = match (&xs[..], self.sums.get(&key(xs[0]))) {
                    ([_], Some(sums)) if channels && self.forms.lengths => {
                        Some(lengths::of_shifted(sums, &attrs))
                    }
                    _ => None,
                };
                let alike = match self.forms.wide_clamps {
                    true => self.alike.get(&Alike::of(op, &attrs)?).copied().unwrap_or(0),
                    false => 0,
                };
                let xs = xs.into_iter().map(|x| self.value(x)).collect::<Result<Vec<_>>>()?;
                let known = requantize::Known { reach, alike, target: &self.ways.target };
                requantize::requantize(&mut self.emit, &xs, &attrs, &known)?
            }
            QnnOp::Mul { a, b } => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                arithmetic::mul(&mut self.emit, a, b)?
            }
            QnnOp::SumPool { x, attrs } => {
                let x = self.value(x)?;
                pool::sum_pool(&mut self.emit, x, &attrs)?
            }
            QnnOp::MaxPool { x, attrs } => {
                let x = self.value(x)?;
                pool::max_pool(&mut self.emit, x, &attrs)?
            }
            QnnOp::Relu { x } => {
                let x = self.value(x)?;
                self.emit.relu(x)?
            }
            QnnOp::Lookup { x, table, first } => {
                let (x, table) = (self.value(x)?, self.parameter(table, "a table's entries")?);
                lookup::lookup(&mut self.emit, x, &table, first)?
            }
            QnnOp::Softmax { x, table, mask, total, .. } => {
                let (x, table) = (self.value(x)?, self.parameter(table, "a table's entries")?);
                let mask = mask.map(|mask| self.parameter(mask, "a mask's elements")).transpose()?;
                self.totals.insert(key(op.result(0)?.into()), total);
                softmax::softmax(&mut self.emit, x, &table, mask.as_deref(), total)?
            }
            QnnOp::Norm { x, roots, attrs, to } => {
                let (x, roots) = (self.value(x)?, self.parameter(roots, "a table's entries")?);
                let n = self.emit.shape(x)?.last().copied().unwrap_or(1);
                let length = lengths::of_rows(&roots.data.to_i64s()?, &attrs, n);
                self.lengths.insert(key(op.result(0)?.into()), length);
                norm::norm(&mut self.emit, x, &roots, &attrs, Interval::new(to.min, to.max))?
            }
            QnnOp::Embedding { table, ids } => {
                let (table, ids) = (self.parameter(table, "a table's entries")?, self.value(ids)?);
                embedding::embedding(&mut self.emit, &table, ids, self.forms.looked_up)?
            }
            QnnOp::ArgMax { x } => {
                let x = self.value(x)?;
                argmax::argmax(&mut self.emit, x)?
            }
            QnnOp::Reshape { x, shape } => {
                if types::of(x)?.shape.last() == shape.last() {
                    let (x, y) = (key(x), key(op.result(0)?.into()));
                    self.lengths.get(&x).copied().and_then(|length| self.lengths.insert(y, length));
                    self.totals.get(&x).copied().and_then(|total| self.totals.insert(y, total));
                }
                let x = self.value(x)?;
                self.emit.view(x, &View::reshape(shape))?
            }
            QnnOp::Transpose { x, perm } => {
                let x = self.value(x)?;
                let shape = self.emit.shape(x)?;
                self.emit.view(x, &View::transpose(&shape, &perm))?
            }
            QnnOp::Concat { xs, axis } => {
                let xs = xs.into_iter().map(|x| self.value(x)).collect::<Result<Vec<_>>>()?;
                layout::concat(&mut self.emit, &xs, axis)?
            }
            QnnOp::Pad { x, low, high } => {
                let x = self.value(x)?;
                layout::pad(&mut self.emit, x, &low, &high)?
            }
            QnnOp::Slice { x, starts, sizes, strides } => {
                let x = self.value(x)?;
                layout::slice(&mut self.emit, x, &starts, &sizes, &strides)?
            }
        };
        Ok(Lowered::Value(value))
    }

    fn output(&mut self, value: Value<'c, 'a>, name: &str) -> Result<()> {
        let (source, quant) = match self.lowered(value)? {
            Lowered::Rejected => return Ok(()),
            Lowered::Real => {
                match tessera_mlir::rewrite::defining_op(value).map(QnnOp::decode).transpose()? {
                    Some(Some(QnnOp::Dequantize { x, from })) => (x, Some(from)),
                    _ => {
                        return Err(Error::new(format!(
                            "result {name:?} is an input as real numbers: quantize and dequantize it"
                        )));
                    }
                }
            }
            _ => (value, types::of(value)?.quantization().ok().cloned()),
        };
        if matches!(self.lowered(source)?, Lowered::Rejected) {
            return Ok(());
        }
        let lowered = self.value(source)?;
        boundary::output(&mut self.emit, lowered, quant.as_ref(), name)
    }
}
