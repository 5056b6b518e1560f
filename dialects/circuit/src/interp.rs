//! Reference interpreter of the circuit dialect: runs a circuit on integers and checks every claim it makes on the way.
//!
//! It is the honest prover's view of a circuit: each value is computed as its op says, and an error names the op where a value
//! leaves its declared interval, a lookup key its table's domain, or an asserted zero is not zero.
//!
//! Invariants: results are exact (`i64`, with every product and sum checked); values are dense and row-major; nothing panics on
//! inputs or parameters that do not fit, they are errors.

use crate::graph::Circuit;
use crate::ops::{CircuitOp, CircuitType, tables};
use crate::semantics::{ContractSpec, Interval, LARGE, TableFunction};
use melior::ir::{
    OperationRef,
    operation::{OperationLike, OperationResult},
};
use ndarray::{ArrayD, IxDyn};
use std::collections::BTreeMap;
use std::rc::Rc;
use tessera_mlir::{Error, Result, func::Func, op::op_name, params::Params, shape, values::ValueMap};

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
    let values: ValueMap<Rc<ArrayD<i64>>> = ValueMap::default();
    let mut run = Run { tables: &tables(module)?, params, inputs: inputs.iter(), outputs: vec![] };
    for op in Func::main(module)?.ops() {
        let mut step = || {
            let decoded = CircuitOp::decode(op)?;
            let types = op.results().map(|r: OperationResult| CircuitType::of(r.into()));
            let types = types.collect::<Result<Vec<_>>>()?;
            let get = |x: &_| values.get(*x).ok_or_else(not_there);
            decoded
                .ok_or_else(|| Error::new("is not an op of the circuit dialect"))?
                .evaluate(&mut run, get, &types)
        };
        let place = |error: Error| error.context(format!("'{}' op", op_name(op))).or_at(op.location());
        let results = step().map_err(place)?;
        observe(op, &results);
        for (result, array) in op.results().zip(results) {
            values.insert(result.into(), Rc::new(array));
        }
    }
    run.finish(inputs.len()).map_err(|error| error.or_at(module.location()))
}

/// Runs a plain circuit, as [`run`] does a module.
///
/// # Errors
/// As [`run`].
pub fn run_circuit(circuit: &Circuit, inputs: &[ArrayD<i64>]) -> Result<Vec<ArrayD<i64>>> {
    let mut values: Vec<Option<Rc<ArrayD<i64>>>> = vec![None; circuit.values.len()];
    let params = Params::default();
    let mut run = Run { tables: &circuit.tables, params: &params, inputs: inputs.iter(), outputs: vec![] };
    for node in &circuit.ops {
        tessera_cancel::point();
        let types: Vec<CircuitType> = node.results.iter().map(|&id| circuit.values[id].clone()).collect();
        let results = match node.results[..] {
            [id] if circuit.known.contains_key(&id) => {
                let known = circuit.known[&id].data.to_i64s();
                known.and_then(|known| checked(known, &types[0])).map(|known| vec![known])
            }
            _ => node.op.evaluate(&mut run, |&x| values[x].clone().ok_or_else(not_there), &types),
        };
        let place = |error: Error| error.context(format!("'{}' op", node.op.name())).or_in(&node.place);
        for (&id, array) in node.results.iter().zip(results.map_err(place)?) {
            values[id] = Some(Rc::new(array));
        }
    }
    run.finish(inputs.len())
}

fn not_there() -> Error {
    Error::new("an operand is not the result of an op of this function")
}

/// What stands around the ops of a circuit while it runs.
struct Run<'r> {
    tables: &'r BTreeMap<String, TableFunction>,
    params: &'r Params,
    inputs: std::slice::Iter<'r, ArrayD<i64>>,
    outputs: Vec<ArrayD<i64>>,
}

impl Run<'_> {
    fn finish(self, inputs: usize) -> Result<Vec<ArrayD<i64>>> {
        match self.inputs.len() {
            0 => Ok(self.outputs),
            more => Err(Error::new(format!("the circuit has {} inputs, found {inputs}", inputs - more))),
        }
    }
}

impl<V> CircuitOp<V> {
    /// What the op computes from its operands, checked against the types that its results declare.
    fn evaluate(
        &self,
        run: &mut Run,
        get: impl Fn(&V) -> Result<Rc<ArrayD<i64>>>,
        types: &[CircuitType],
    ) -> Result<Vec<ArrayD<i64>>> {
        if let Some(ty) = types.iter().find(|ty| ty.len() > LARGE) {
            return Err(Error::new(format!(
                "a value of {} has more elements than the {LARGE} that the interpreter takes",
                shape::show(&ty.shape)
            )));
        }
        let flat: Vec<Vec<i64>> = match self {
            CircuitOp::Input { name, .. } => {
                let input = run
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
                run.outputs.push((*get(x)?).clone());
                vec![]
            }
            CircuitOp::Weight { global, .. } => {
                let param = run.params.get(global)?;
                if param.shape != types[0].shape {
                    return Err(Error::new(format!(
                        "parameter {global:?}: expected {}, found {}",
                        shape::show(&types[0].shape),
                        shape::show(&param.shape)
                    )));
                }
                vec![param.data.to_i64s()?]
            }
            CircuitOp::Constant { values, .. } => vec![spread(values.clone(), types[0].len())?],
            CircuitOp::Contract { x, w, maps, .. } => {
                let (x, w) = (get(x)?, get(w)?);
                let spec = ContractSpec::from_maps(maps, x.shape(), w.shape()).map_err(Error::new)?;
                vec![spec.evaluate(&elements(&x), &elements(&w)).map_err(Error::new)?]
            }
            CircuitOp::Affine { terms, constant } => {
                let xs = terms.iter().map(|(c, x)| Ok((*c, get(x)?))).collect::<Result<Vec<_>>>()?;
                let mut sums = vec![i128::from(*constant); types[0].len()];
                for (c, x) in &xs {
                    same_shape(x, &types[0])?;
                    for (sum, &v) in sums.iter_mut().zip(x.iter()) {
                        *sum = sum.saturating_add(i128::from(*c) * i128::from(v));
                    }
                }
                vec![sums.into_iter().map(narrow).collect::<Result<_>>()?]
            }
            CircuitOp::Mul { a, b } => {
                let (a, b) = (get(a)?, get(b)?);
                same_shape(&a, &types[0])?;
                same_shape(&b, &types[0])?;
                let product = |(&a, &b): (&i64, &i64)| narrow(i128::from(a) * i128::from(b));
                vec![a.iter().zip(b.iter()).map(product).collect::<Result<_>>()?]
            }
            CircuitOp::Max { xs } => {
                let xs = xs.iter().map(&get).collect::<Result<Vec<_>>>()?;
                let mut greatest = vec![i64::MIN; types[0].len()];
                for x in &xs {
                    same_shape(x, &types[0])?;
                    greatest.iter_mut().zip(x.iter()).for_each(|(max, &v)| *max = v.max(*max));
                }
                vec![greatest]
            }
            CircuitOp::Split { x, shift } => {
                let x = get(x)?;
                let hi: Vec<i64> = x.iter().map(|v| v >> shift).collect();
                let lo = x.iter().zip(&hi).map(|(v, h)| v - (h << shift)).collect();
                vec![hi, lo]
            }
            CircuitOp::Table { .. } => {
                return Err(Error::new("a table belongs into the module, not a function"));
            }
            CircuitOp::Lookup { x, tables, .. } => {
                let x = get(x)?;
                let image = |table: &String| {
                    let f = run.tables.get(table).ok_or_else(|| Error::new(format!("no table @{table}")))?;
                    let value = |&v: &i64| {
                        f.eval(v).ok_or_else(|| {
                            Error::new(format!("key {v} is outside the domain {} of @{table}", f.domain()))
                        })
                    };
                    x.iter().map(value).collect::<Result<_>>()
                };
                tables.iter().map(image).collect::<Result<_>>()?
            }
            CircuitOp::Range { x, .. } => vec![elements(&*get(x)?)],
            CircuitOp::Hint { x, hint, .. } => {
                let x = get(x)?;
                let table = hint.table().and_then(|table| run.tables.get(table));
                hint.compute(&elements(&x), x.shape(), table)?
            }
            CircuitOp::View { x, view } => {
                let x = get(x)?;
                view.check(x.len()).map_err(Error::new)?;
                vec![view.apply(&elements(&x), 0)]
            }
            CircuitOp::Concat { xs, axis } => {
                let parts = xs.iter().map(&get).collect::<Result<Vec<_>>>()?;
                let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
                let joined = ndarray::concatenate(ndarray::Axis(*axis), &views)
                    .map_err(|error| Error::new(error.to_string()))?;
                vec![joined.iter().copied().collect()]
            }
            CircuitOp::AssertZero { x } => match get(x)?.iter().position(|&v| v != 0) {
                None => vec![],
                Some(at) => return Err(Error::new(format!("element {at} is not zero"))),
            },
        };
        flat.into_iter().zip(types).map(|(values, ty)| checked(values, ty)).collect()
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
