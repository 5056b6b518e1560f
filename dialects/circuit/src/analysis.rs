//! Proof of intervals from the actual weights: what a pass or a lowering knows about each value of a circuit beyond its type.
//!
//! The type of a value has one interval, and the verifier does plain interval arithmetic on it. Here the intervals are per
//! channel ([`Ranges`]), weights are known exactly, and b + relu(a - b) is understood as max(a, b). What is proven so is what
//! the lowering declares and what `circuit-intervals` checks.
//!
//! Invariants: every interval claimed holds for all inputs within the intervals declared by `circuit.input`; an op is visited
//! after the ops that define its operands.

use crate::interp::{key, spread};
use crate::maximum::same_elements;
use crate::ops::{CircuitOp, CircuitType, maximum, tables};
use crate::semantics::{ContractSpec, Interval, LARGE, Ranges, TableFunction};
use melior::ir::{
    OperationRef, Value, ValueLike,
    operation::{OperationLike, OperationResult},
};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use tessera_mlir::{
    Error, Result, context_of,
    func::{Func, op_name},
    params,
    params::{Param, Params},
};

/// Above this many elements, a weight's intervals are kept as their hull; its values are still known exactly.
const MOST_EXACT: usize = 1 << 16;

/// What is known about the values visited so far.
pub struct Analysis {
    params: Arc<Params>,
    tables: BTreeMap<String, TableFunction>,
    known: HashMap<usize, Known>,
}

#[derive(Clone)]
struct Known {
    ranges: Rc<Ranges>,
    /// The elements themselves, where the value does not depend on an input.
    exact: Option<Rc<Vec<i64>>>,
}

impl Known {
    fn ranges(ranges: Ranges) -> Self {
        Known { ranges: Rc::new(ranges), exact: None }
    }

    fn exact(shape: &[usize], values: Vec<i64>) -> Self {
        let ranges = if values.len() <= MOST_EXACT {
            Ranges::exact(shape, &values)
        } else {
            Ranges::uniform(shape, Interval::around(values.iter().copied()).unwrap_or(Interval::point(0)))
        };
        Known { ranges: Rc::new(ranges), exact: Some(Rc::new(values)) }
    }
}

impl Analysis {
    /// Of a module's tables and parameters; no value is known yet.
    ///
    /// # Errors
    /// When the parameters cannot be found or a table does not decode.
    pub fn of(module: OperationRef) -> Result<Self> {
        Ok(Self { params: params::of(module)?, tables: tables(module)?, known: HashMap::new() })
    }

    /// Of a module's tables, parameters and all that its circuit computes.
    ///
    /// # Errors
    /// As [`Analysis::of`] and [`Analysis::visit`].
    pub fn complete(module: OperationRef) -> Result<Self> {
        let mut analysis = Self::of(module)?;
        for op in Func::main(module)?.ops() {
            analysis.visit(op)?;
        }
        Ok(analysis)
    }

    /// Of a circuit that is being written: tables and parameters are added as it grows.
    pub fn empty() -> Self {
        Self { params: Arc::default(), tables: BTreeMap::new(), known: HashMap::new() }
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Makes a parameter known.
    pub fn add_param(&mut self, name: &str, param: Param) {
        Arc::make_mut(&mut self.params).insert(name, param);
    }

    /// The tables, by symbol.
    pub fn tables(&self) -> &BTreeMap<String, TableFunction> {
        &self.tables
    }

    /// Makes a table known.
    pub fn add_table(&mut self, name: &str, function: TableFunction) {
        self.tables.insert(name.to_owned(), function);
    }

    /// The intervals of a visited value; else what its type declares.
    ///
    /// # Errors
    /// When the value is not a circuit tensor.
    pub fn ranges(&self, value: Value) -> Result<Rc<Ranges>> {
        match self.known.get(&key(value)) {
            Some(known) => Ok(known.ranges.clone()),
            None => {
                let ty = CircuitType::of(value)?;
                Ok(Rc::new(Ranges::uniform(&ty.shape, ty.interval())))
            }
        }
    }

    /// The interval that holds every element of a value.
    ///
    /// # Errors
    /// When the value is not a circuit tensor.
    pub fn hull(&self, value: Value) -> Result<Interval> {
        Ok(self.ranges(value)?.hull())
    }

    /// The elements of a visited value that depends on no input.
    pub fn exact(&self, value: Value) -> Option<Rc<Vec<i64>>> {
        self.known.get(&key(value))?.exact.clone()
    }

    /// Visits an op and gives its results the tightest types that are proven and that the verifier can follow: per channel
    /// for contracts, affine forms and products, by the operands' types for others.
    ///
    /// # Errors
    /// As [`Analysis::visit`], or where a value could leave the field.
    pub fn tighten(&mut self, op: OperationRef) -> Result<()> {
        self.visit(op)?;
        let Some(view) = CircuitOp::decode(op)? else { return Ok(()) };
        let place = |error: Error| error.context(format!("'{}' op", op_name(op))).or_at(op.location());
        let types = match view {
            CircuitOp::Contract { .. } | CircuitOp::Affine { .. } | CircuitOp::Mul { .. } => {
                let value = OperationResult::into(op.result(0)?);
                vec![
                    CircuitType::with_interval(CircuitType::of(value)?.shape, self.hull(value)?)
                        .map_err(place)?,
                ]
            }
            CircuitOp::Weight { .. } | CircuitOp::Lookup { .. } => {
                let value = OperationResult::into(op.result(0)?);
                vec![
                    CircuitType::with_interval(CircuitType::of(value)?.shape, self.type_hull(&view, value)?)
                        .map_err(place)?,
                ]
            }
            CircuitOp::Input { .. } => return Ok(()),
            _ => view.infer(|x| CircuitType::of(*x)).map_err(place)?,
        };
        for (result, ty) in op.results().zip(types) {
            let ty = ty.to_type(context_of(op.location())).map_err(place)?;
            Value::from(result).set_type(ty);
        }
        Ok(())
    }

    /// What a weight's values or a table's values on the operand's type are.
    fn type_hull(&self, op: &CircuitOp<Value>, value: Value) -> Result<Interval> {
        let CircuitOp::Lookup { x, table, .. } = op else { return self.hull(value) };
        let keys = CircuitType::of(*x)?.interval();
        self.tables
            .get(table)
            .and_then(|f| f.image(keys))
            .ok_or_else(|| Error::new(format!("no table @{table} whose domain holds {keys}")))
    }

    /// Works out what is known about the results of an op from what is known about its operands. Declared intervals of
    /// the results are not looked at, except those of inputs.
    ///
    /// # Errors
    /// When the op does not decode, or a lookup's keys are not proven to lie in its table's domain.
    pub fn visit(&mut self, op: OperationRef) -> Result<()> {
        let results = self
            .transfer(op)
            .map_err(|error| error.context(format!("'{}' op", op_name(op))).or_at(op.location()))?;
        for (result, known) in op.results().zip(results) {
            self.known.insert(key(result.into()), known);
        }
        Ok(())
    }

    fn transfer(&self, op: OperationRef) -> Result<Vec<Known>> {
        let Some(view) = CircuitOp::decode(op)? else {
            return Err(Error::new("is not an op of the circuit dialect"));
        };
        let ty = match op.results().next() {
            Some(result) => CircuitType::of(OperationResult::into(result))?,
            None => return Ok(vec![]),
        };
        let known = match view {
            CircuitOp::Input { .. } => Known::ranges(Ranges::uniform(&ty.shape, ty.interval())),
            CircuitOp::Weight { global, .. } => {
                let values = self.params.get(&global)?.data.to_i64s()?;
                if values.len() != ty.len() {
                    return Err(Error::new(format!(
                        "parameter {global:?}: expected {} values, found {}",
                        ty.len(),
                        values.len()
                    )));
                }
                Known::exact(&ty.shape, values)
            }
            CircuitOp::Constant { values, .. } if values.len() == 1 && ty.len() > LARGE => {
                Known::ranges(Ranges::uniform(&ty.shape, Interval::point(values[0])))
            }
            CircuitOp::Constant { values, .. } => Known::exact(&ty.shape, spread(values, ty.len())?),
            CircuitOp::Contract { x, w, maps, .. } => {
                let (rx, rw) = (self.ranges(x)?, self.ranges(w)?);
                let spec = ContractSpec::from_maps(&maps, rx.shape(), rw.shape()).map_err(Error::new)?;
                match self.exact(w) {
                    Some(w) => Known::ranges(Ranges::contract_known(&spec, rx.hull(), &w)),
                    None => Known::ranges(Ranges::contract(&spec, &rx, &rw)),
                }
            }
            CircuitOp::Affine { terms, constant } => match self.maximum(&terms, constant)? {
                Some(max) => Known::ranges(max),
                None => Known::ranges(self.affine(&terms, constant, op.result(0)?.into())?),
            },
            CircuitOp::Mul { a, b } if same_elements(a, b)? => Known::ranges(self.ranges(a)?.square()),
            CircuitOp::Mul { a, b } => Known::ranges(self.ranges(a)?.mul(&*self.ranges(b)?)),
            CircuitOp::Max { xs } => {
                let xs = xs.iter().map(|&x| self.ranges(x)).collect::<Result<Vec<_>>>()?;
                let greatest = xs.into_iter().reduce(|a, b| Rc::new(a.max(&b)));
                Known { ranges: greatest.ok_or_else(|| Error::new("nothing to compare"))?, exact: None }
            }
            CircuitOp::Split { x, shift } => {
                let (hi, lo) = self.ranges(x)?.split(shift);
                return Ok(vec![Known::ranges(hi), Known::ranges(lo)]);
            }
            CircuitOp::Lookup { x, table, .. } => {
                let f = self.tables.get(&table).ok_or_else(|| Error::new(format!("no table @{table}")))?;
                Known::ranges(self.ranges(x)?.lookup(f).map_err(|keys| {
                    Error::new(format!(
                        "keys within {keys} are not proven to lie in the domain {} of @{table}",
                        f.domain()
                    ))
                })?)
            }
            CircuitOp::View { x, view } => match self.exact(x) {
                Some(x) => Known::exact(&ty.shape, view.apply(&x, 0)),
                None => Known::ranges(self.ranges(x)?.view(&view)),
            },
            CircuitOp::Concat { xs, axis } => {
                let parts = xs.iter().map(|&x| self.ranges(x)).collect::<Result<Vec<_>>>()?;
                let parts: Vec<&Ranges> = parts.iter().map(|part| &**part).collect();
                Known::ranges(
                    Ranges::concat(&parts, axis).ok_or_else(|| Error::new("nothing to concatenate"))?,
                )
            }
            CircuitOp::Output { .. } | CircuitOp::Table { .. } | CircuitOp::AssertZero { .. } => {
                return Ok(vec![]);
            }
        };
        Ok(vec![known])
    }

    /// Whether an op is the sum in max(a, b) = b + relu(a - b): taken apart, its interval could not be proven any more.
    ///
    /// # Errors
    /// When an op does not decode.
    pub fn is_maximum(&self, op: OperationRef) -> Result<bool> {
        match CircuitOp::decode(op)? {
            Some(CircuitOp::Affine { terms, constant }) => Ok(self.maximum(&terms, constant)?.is_some()),
            _ => Ok(false),
        }
    }

    /// max(a, b) + k = b + relu(a - b) + k, where the terms are b and a lookup of relu on a - b.
    fn maximum(&self, terms: &[(i64, Value)], constant: i64) -> Result<Option<Ranges>> {
        let Some(max) = maximum(terms, constant)? else { return Ok(None) };
        let Some(table) = self.tables.get(&max.table) else { return Ok(None) };
        if !is_relu_on(table, self.hull(max.difference)?) {
            return Ok(None);
        }
        let (a, b) = (self.affine(&max.a, max.a_constant, max.b)?, self.ranges(max.b)?);
        Ok(Some(Ranges::affine(b.shape(), &[(1, &a.max(&b))], max.constant)))
    }

    /// An affine form of values like `like`.
    fn affine(&self, terms: &[(i64, Value)], constant: i64, like: Value) -> Result<Ranges> {
        let xs = terms.iter().map(|&(c, x)| Ok((c, self.ranges(x)?))).collect::<Result<Vec<_>>>()?;
        let xs: Vec<(i64, &Ranges)> = xs.iter().map(|(c, x)| (*c, &**x)).collect();
        Ok(Ranges::affine(&CircuitType::of(like)?.shape, &xs, constant))
    }
}

/// Whether f(x) = max(x, 0) for every x in `keys`.
fn is_relu_on(f: &TableFunction, keys: Interval) -> bool {
    let Some((lo, hi)) = keys.to_i64s() else { return false };
    match *f {
        TableFunction::Clamp { offset: 0, shift: 0, min: 0, max, .. } => hi <= max,
        TableFunction::Clamp { .. } => false,
        TableFunction::Values { .. } => (lo..=hi).all(|x| f.eval(x) == Some(x.max(0))),
    }
}
