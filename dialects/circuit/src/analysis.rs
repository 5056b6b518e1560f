//! Proof of intervals from the actual weights: what a pass or a lowering knows about each value of a circuit beyond its type.
//!
//! The type of a value has one interval, and the verifier does plain interval arithmetic on it. Here the intervals are per
//! channel ([`Ranges`]), weights are known exactly, and b + relu(a - b) is understood as max(a, b). What is proven so is what
//! the lowering declares and what `circuit-intervals` checks.
//!
//! Invariants: every interval claimed holds for all inputs within the intervals declared by `circuit.input`; an op is visited
//! after the ops that define its operands.

use crate::interp::{key, spread};
use crate::ops::{CircuitOp, CircuitType, tables};
use crate::semantics::{ContractSpec, Interval, Ranges, TableFunction, View};
use melior::ir::{
    OperationRef, Value,
    operation::{OperationLike, OperationResult},
};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use tessera_mlir::{Error, Result, func::op_name, params, params::{Param, Params}, rewrite};

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
            Ranges::uniform(shape, Interval::of(values.iter().copied()).unwrap_or(Interval::point(0)))
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

    /// Visits an op and gives its results the tightest types that are proven.
    ///
    /// # Errors
    /// As [`Analysis::visit`], or where a value would leave the field.
    pub fn tighten<'c>(&mut self, op: OperationRef<'c, '_>) -> Result<()> {
        use melior::ir::ValueLike;
        self.visit(op)?;
        for result in op.results() {
            let value: Value = result.into();
            let ty = CircuitType::of(value)?;
            let hull = self.hull(value)?;
            if !hull.fits_field() {
                return Err(Error::at(
                    op.location(),
                    format!("'{}': values within {hull} do not fit the field", op_name(op)),
                ));
            }
            let Some((lo, hi)) = hull.to_i64s() else { continue };
            value.set_type(CircuitType::new(ty.shape, lo, hi).to_type(tessera_mlir::context_of(op.location())));
        }
        Ok(())
    }

    /// Works out what is known about the results of an op from what is known about its operands. Declared intervals of
    /// the results are not looked at, except those of inputs.
    ///
    /// # Errors
    /// When the op does not decode, or a lookup's keys are not proven to lie in its table's domain.
    pub fn visit(&mut self, op: OperationRef) -> Result<()> {
        let results = self
            .transfer(op)
            .map_err(|error| error.context(format!("'{}'", op_name(op))).or_at(op.location()))?;
        for (result, known) in op.results().zip(results) {
            self.known.insert(key(result.into()), known);
        }
        Ok(())
    }

    fn transfer(&self, op: OperationRef) -> Result<Vec<Known>> {
        let Some(view) = CircuitOp::view(op)? else {
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
            CircuitOp::Constant { values } => Known::exact(&ty.shape, spread(values, ty.len())?),
            CircuitOp::Contract { x, w, maps } => {
                let (rx, rw) = (self.ranges(x)?, self.ranges(w)?);
                let spec = ContractSpec::from_maps(&maps, rx.shape(), rw.shape()).map_err(Error::new)?;
                match self.exact(w) {
                    Some(w) => Known::ranges(Ranges::contract_known(&spec, rx.hull(), &w)),
                    None => Known::ranges(Ranges::contract(&spec, &rx, &rw)),
                }
            }
            CircuitOp::Affine { terms, constant } => match self.maximum(&terms, constant)? {
                Some(max) => Known::ranges(max),
                None => {
                    let xs =
                        terms.iter().map(|&(c, x)| Ok((c, self.ranges(x)?))).collect::<Result<Vec<_>>>()?;
                    let xs: Vec<(i64, &Ranges)> = xs.iter().map(|(c, x)| (*c, &**x)).collect();
                    Known::ranges(Ranges::affine(&ty.shape, &xs, constant))
                }
            },
            CircuitOp::Mul { a, b } => Known::ranges(self.ranges(a)?.mul(&*self.ranges(b)?)),
            CircuitOp::Split { x, shift } => {
                let (hi, lo) = self.ranges(x)?.split(shift);
                return Ok(vec![Known::ranges(hi), Known::ranges(lo)]);
            }
            CircuitOp::Lookup { x, table } => {
                let f = self.tables.get(&table).ok_or_else(|| Error::new(format!("no table @{table}")))?;
                Known::ranges(self.ranges(x)?.lookup(f).map_err(|keys| {
                    Error::new(format!(
                        "keys within {keys} are not proven to lie in the domain {} of @{table}",
                        f.domain()
                    ))
                })?)
            }
            CircuitOp::View { x, view } => {
                let view = View::of(&view, &ty.shape);
                match self.exact(x) {
                    Some(x) => Known::exact(&ty.shape, view.apply(&x, 0)),
                    None => Known::ranges(self.ranges(x)?.view(&view)),
                }
            }
            CircuitOp::Concat { xs, axis } => {
                let parts = xs.iter().map(|&x| self.ranges(x)).collect::<Result<Vec<_>>>()?;
                let parts: Vec<&Ranges> = parts.iter().map(|part| &**part).collect();
                Known::ranges(Ranges::concat(&parts, axis).ok_or_else(|| Error::new("nothing to concatenate"))?)
            }
            CircuitOp::Output { .. } | CircuitOp::Table { .. } | CircuitOp::AssertZero { .. } => return Ok(vec![]),
        };
        Ok(vec![known])
    }

    /// Whether an op is the sum in max(a, b) = b + relu(a - b): taken apart, its interval could not be proven any more.
    ///
    /// # Errors
    /// When an op does not decode.
    pub fn is_maximum(&self, op: OperationRef) -> Result<bool> {
        match CircuitOp::view(op)? {
            Some(CircuitOp::Affine { terms, constant }) => Ok(self.maximum(&terms, constant)?.is_some()),
            _ => Ok(false),
        }
    }

    /// max(a, b) = b + relu(a - b), where the terms are b and a lookup of relu on a - b.
    fn maximum(&self, terms: &[(i64, Value)], constant: i64) -> Result<Option<Ranges>> {
        let &[(1, one), (1, other)] = terms else { return Ok(None) };
        if constant != 0 {
            return Ok(None);
        }
        for (b, relu) in [(one, other), (other, one)] {
            let Some(lookup) = rewrite::defining_op(relu) else { continue };
            let Some(CircuitOp::Lookup { x, table }) = CircuitOp::view(lookup)? else { continue };
            let Some(difference) = rewrite::defining_op(x) else { continue };
            let Some(CircuitOp::Affine { terms, constant: 0 }) = CircuitOp::view(difference)? else { continue };
            let a = match terms[..] {
                [(1, a), (-1, c)] if c == b => a,
                [(-1, c), (1, a)] if c == b => a,
                _ => continue,
            };
            if self.tables.get(&table).is_some_and(|f| is_relu_on(f, self.hull(x).ok())) {
                return Ok(Some(self.ranges(a)?.max(&*self.ranges(b)?)));
            }
        }
        Ok(None)
    }
}

/// Whether f(x) = max(x, 0) for every x in `keys`.
fn is_relu_on(f: &TableFunction, keys: Option<Interval>) -> bool {
    let Some((lo, hi)) = keys.and_then(Interval::to_i64s) else { return false };
    match *f {
        TableFunction::Clamp { offset: 0, shift: 0, min: 0, max, .. } => hi <= max,
        TableFunction::Clamp { .. } => false,
        TableFunction::Values { .. } => (lo..=hi).all(|x| f.eval(x) == Some(x.max(0))),
    }
}
