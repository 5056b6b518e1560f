//! Reference interpreter of the circuit dialect: runs a circuit on integers and checks every claim it makes on the way.
//!
//! It is the honest prover's view of a circuit: each value is computed as its op says, and an error names the op where a value
//! leaves its declared interval, a lookup key its table's domain, or an asserted zero is not zero.
//!
//! Invariants: results are exact (`i64`, with every product and sum checked); values are dense and row-major; nothing panics on
//! inputs or parameters that do not fit, they are errors.

use crate::ops::{CircuitOp, CircuitType, tables};
use crate::semantics::{ContractSpec, Interval, LARGE, TableFunction};
use melior::ir::{
    OperationRef, Value, ValueLike,
    operation::{OperationLike, OperationResult},
};
use ndarray::{ArrayD, IxDyn};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use tessera_mlir::{Error, Result, func::Func, func::op_name, params::Params, shape};

/// Runs `@main` of a module. `inputs` belong to the `circuit.input`s in order; the result has one array for each
/// `circuit.output`, in order.
///
/// # Errors
/// Where inputs or parameters do not fit the circuit, or a value breaks a claim of the circuit; the error names the op.
pub fn run(module: OperationRef, inputs: &[ArrayD<i64>], params: &Params) -> Result<Vec<ArrayD<i64>>> {
    run_observed(module, inputs, params, |_, _| {})
}

/// As [`run`]; `observe` sees each op with the values of its results, in order of execution.
///
/// # Errors
/// As [`run`].
pub fn run_observed<'c, 'a>(
    module: OperationRef<'c, 'a>,
    inputs: &[ArrayD<i64>],
    params: &Params,
    mut observe: impl FnMut(OperationRef<'c, 'a>, &[ArrayD<i64>]),
) -> Result<Vec<ArrayD<i64>>> {
    let main = Func::main(module)?;
    let mut run = Run {
        tables: tables(module)?,
        params,
        inputs: inputs.iter(),
        values: HashMap::new(),
        outputs: vec![],
    };
    for op in main.ops() {
        let results = run
            .step(op)
            .map_err(|error| error.context(format!("'{}' op", op_name(op))).or_at(op.location()))?;
        observe(op, &results);
        for (result, array) in op.results().zip(results) {
            run.values.insert(key(result.into()), Rc::new(array));
        }
    }
    match run.inputs.len() {
        0 => Ok(run.outputs),
        more => Err(Error::at(
            module.location(),
            format!("the circuit has {} inputs, found {}", inputs.len() - more, inputs.len()),
        )),
    }
}

struct Run<'r> {
    tables: BTreeMap<String, TableFunction>,
    params: &'r Params,
    inputs: std::slice::Iter<'r, ArrayD<i64>>,
    values: HashMap<usize, Rc<ArrayD<i64>>>,
    outputs: Vec<ArrayD<i64>>,
}

/// Identity of a value.
pub fn key(value: Value) -> usize {
    value.to_raw().ptr as usize
}

impl Run<'_> {
    fn get(&self, value: Value) -> Result<Rc<ArrayD<i64>>> {
        self.values
            .get(&key(value))
            .cloned()
            .ok_or_else(|| Error::new("an operand is not the result of an op of this function"))
    }

    /// The results of one op, checked against their declared types.
    fn step(&mut self, op: OperationRef) -> Result<Vec<ArrayD<i64>>> {
        let Some(view) = CircuitOp::decode(op)? else {
            return Err(Error::new("is not an op of the circuit dialect"));
        };
        let types =
            op.results().map(|r: OperationResult| CircuitType::of(r.into())).collect::<Result<Vec<_>>>()?;
        if let Some(ty) = types.iter().find(|ty| ty.len() > LARGE) {
            return Err(Error::new(format!(
                "a value of {} has more elements than the {LARGE} that the interpreter takes",
                shape::show(&ty.shape)
            )));
        }
        let flat: Vec<Vec<i64>> = match view {
            CircuitOp::Input { name, .. } => {
                let input = self
                    .inputs
                    .next()
                    .ok_or_else(|| Error::new(format!("no value given for input {name:?}")))?;
                if input.shape() != types[0].shape {
                    return Err(Error::new(format!(
                        "input {name:?}: expected {}, found {}",
                        shape::show(&types[0].shape),
                        shape::show(input.shape())
                    )));
                }
                vec![input.iter().copied().collect()]
            }
            CircuitOp::Output { x, .. } => {
                self.outputs.push((*self.get(x)?).clone());
                vec![]
            }
            CircuitOp::Weight { global, .. } => {
                let param = self.params.get(&global)?;
                if param.shape != types[0].shape {
                    return Err(Error::new(format!(
                        "parameter {global:?}: expected {}, found {}",
                        shape::show(&types[0].shape),
                        shape::show(&param.shape)
                    )));
                }
                vec![param.data.to_i64s()?]
            }
            CircuitOp::Constant { values, .. } => vec![spread(values, types[0].len())?],
            CircuitOp::Contract { x, w, maps, .. } => {
                let (x, w) = (self.get(x)?, self.get(w)?);
                let spec = ContractSpec::from_maps(&maps, x.shape(), w.shape()).map_err(Error::new)?;
                vec![spec.evaluate(&elements(&x), &elements(&w)).map_err(Error::new)?]
            }
            CircuitOp::Affine { terms, constant } => {
                let xs = terms.iter().map(|&(c, x)| Ok((c, self.get(x)?))).collect::<Result<Vec<_>>>()?;
                let mut sums = vec![i128::from(constant); types[0].len()];
                for (c, x) in &xs {
                    same_shape(x, &types[0])?;
                    for (sum, &v) in sums.iter_mut().zip(x.iter()) {
                        *sum = sum.saturating_add(i128::from(*c) * i128::from(v));
                    }
                }
                vec![sums.into_iter().map(narrow).collect::<Result<_>>()?]
            }
            CircuitOp::Mul { a, b } => {
                let (a, b) = (self.get(a)?, self.get(b)?);
                same_shape(&a, &types[0])?;
                same_shape(&b, &types[0])?;
                let product = |(&a, &b): (&i64, &i64)| narrow(i128::from(a) * i128::from(b));
                vec![a.iter().zip(b.iter()).map(product).collect::<Result<_>>()?]
            }
            CircuitOp::Max { xs } => {
                let xs = xs.iter().map(|&x| self.get(x)).collect::<Result<Vec<_>>>()?;
                let mut greatest = vec![i64::MIN; types[0].len()];
                for x in &xs {
                    same_shape(x, &types[0])?;
                    greatest.iter_mut().zip(x.iter()).for_each(|(max, &v)| *max = v.max(*max));
                }
                vec![greatest]
            }
            CircuitOp::Split { x, shift } => {
                let x = self.get(x)?;
                let hi: Vec<i64> = x.iter().map(|v| v >> shift).collect();
                let lo = x.iter().zip(&hi).map(|(v, h)| v - (h << shift)).collect();
                vec![hi, lo]
            }
            CircuitOp::Table { .. } => {
                return Err(Error::new("a table belongs into the module, not a function"));
            }
            CircuitOp::Lookup { x, table, .. } => {
                let f = self.tables.get(&table).ok_or_else(|| Error::new(format!("no table @{table}")))?;
                let value = |&v: &i64| {
                    f.eval(v).ok_or_else(|| {
                        Error::new(format!("key {v} is outside the domain {} of @{table}", f.domain()))
                    })
                };
                vec![self.get(x)?.iter().map(value).collect::<Result<_>>()?]
            }
            CircuitOp::View { x, view } => {
                let x = self.get(x)?;
                view.check(x.len()).map_err(Error::new)?;
                vec![view.apply(&elements(&x), 0)]
            }
            CircuitOp::Concat { xs, axis } => {
                let parts = xs.iter().map(|&x| self.get(x)).collect::<Result<Vec<_>>>()?;
                let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
                let joined = ndarray::concatenate(ndarray::Axis(axis), &views)
                    .map_err(|error| Error::new(error.to_string()))?;
                vec![joined.iter().copied().collect()]
            }
            CircuitOp::AssertZero { x } => match self.get(x)?.iter().position(|&v| v != 0) {
                None => vec![],
                Some(at) => return Err(Error::new(format!("element {at} is not zero"))),
            },
        };
        flat.into_iter().zip(&types).map(|(values, ty)| checked(values, ty)).collect()
    }
}

fn elements(x: &ArrayD<i64>) -> Vec<i64> {
    x.iter().copied().collect()
}

fn narrow(v: i128) -> Result<i64> {
    i64::try_from(v).map_err(|_| Error::new(format!("an element is {v}, beyond 64 bits")))
}

fn same_shape(x: &ArrayD<i64>, ty: &CircuitType) -> Result<()> {
    if x.shape() == ty.shape {
        return Ok(());
    }
    Err(Error::new(format!(
        "expected operands of {}, found {}",
        shape::show(&ty.shape),
        shape::show(x.shape())
    )))
}

/// A constant's elements: one value stands for all.
pub(crate) fn spread(values: Vec<i64>, len: usize) -> Result<Vec<i64>> {
    match values[..] {
        [one] => Ok(vec![one; len]),
        _ if values.len() == len => Ok(values),
        _ => Err(Error::new(format!("expected 1 or {len} values, found {}", values.len()))),
    }
}

/// Values of a declared type, every one within its interval.
fn checked(values: Vec<i64>, ty: &CircuitType) -> Result<ArrayD<i64>> {
    let interval: Interval = ty.interval();
    if let Some((at, v)) = values.iter().enumerate().find(|(_, v)| !interval.holds(**v)) {
        return Err(Error::new(format!("element {at} is {v}, outside the declared interval {interval}")));
    }
    ArrayD::from_shape_vec(IxDyn(&ty.shape), values).map_err(|error| Error::new(error.to_string()))
}
