//! What a pass or a lowering knows about each value of a circuit in IR beyond its type, by the rules of `proof.rs`: what the
//! lowering declares and what `circuit-intervals` checks.
//!
//! Invariants: every interval claimed holds for all inputs within the intervals declared by `circuit.input`; an op is visited
//! after the ops that define its operands; nothing is claimed about a value that is gone ([`ValueMap`]).

use crate::ops::{CircuitOp, CircuitType, producer, tables};
use crate::proof::{Elements, Facts, Known, known_maximum};
use crate::semantics::{Interval, Ranges, TableFunction};
use melior::ir::{
    OperationRef, Value, ValueLike,
    operation::{OperationLike, OperationResult},
};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use tessera_mlir::{
    Error, Result, context_of,
    func::Func,
    op::op_name,
    params::{self, Param, Params},
    values::ValueMap,
};

/// What is known about the values visited so far.
pub struct Analysis {
    params: Arc<Params>,
    tables: BTreeMap<String, TableFunction>,
    known: ValueMap<Known>,
}

impl Analysis {
    /// Of a module's tables and parameters; no value is known yet.
    ///
    /// # Errors
    /// When the parameters cannot be found or a table does not decode.
    pub fn of(module: OperationRef) -> Result<Self> {
        Ok(Self { params: params::of(module)?, tables: tables(module)?, known: ValueMap::default() })
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
        Self { params: Arc::default(), tables: BTreeMap::new(), known: ValueMap::default() }
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
        Ok(self.known(&value)?.ranges)
    }

    /// The interval that holds every element of a value.
    ///
    /// # Errors
    /// When the value is not a circuit tensor.
    pub fn hull(&self, value: Value) -> Result<Interval> {
        Ok(self.ranges(value)?.hull())
    }

    /// The elements of a visited value that depends on no input.
    pub fn exact(&self, value: Value) -> Option<Elements> {
        self.known.get(value)?.elements
    }

    /// Visits an op and gives its results the tightest types that are proven and that the verifier can follow: per channel
    /// for contracts, affine forms and products, by the operands' types for others.
    ///
    /// # Errors
    /// As [`Analysis::visit`], or where a value could leave the field.
    pub fn tighten(&mut self, op: OperationRef) -> Result<()> {
        self.visit(op)?;
        let Some(decoded) = CircuitOp::decode(op)? else { return Ok(()) };
        let place = |error: Error| error.context(format!("'{}' op", op_name(op))).or_at(op.location());
        let results = || op.results().map(|result| self.hull(OperationResult::into(result)));
        let inferred = decoded.infer(|x| CircuitType::of(*x)).map_err(place)?;
        let hulls: Vec<Interval> = if let CircuitOp::Lookup { x, tables, .. } = &decoded {
            let keys = CircuitType::of(*x)?.interval();
            let image = |table: &String| {
                let image = self.tables.get(table).and_then(|f| f.image(keys));
                let missing = || Error::new(format!("no table @{table} whose domain holds {keys}"));
                image.ok_or_else(missing).map_err(place)
            };
            tables.iter().map(image).collect::<Result<_>>()?
        } else if decoded.is_correlated() || matches!(decoded, CircuitOp::Weight { .. }) {
            results().collect::<Result<_>>()?
        } else {
            inferred.iter().map(CircuitType::interval).collect()
        };
        let types =
            inferred.into_iter().zip(hulls).map(|(ty, hull)| CircuitType::with_interval(ty.shape, hull));
        let types = types.collect::<Result<Vec<_>>>().map_err(place)?;
        for (result, ty) in op.results().zip(types) {
            let ty = ty.to_type(context_of(op.location())).map_err(place)?;
            Value::from(result).set_type(ty);
        }
        Ok(())
    }

    /// Works out what is known about the results of an op from what is known about its operands. Declared intervals of
    /// the results are not looked at, except those of inputs.
    ///
    /// # Errors
    /// When the op does not decode, or a lookup's keys are not proven to lie in its table's domain.
    pub fn visit(&mut self, op: OperationRef) -> Result<()> {
        let known = || {
            let decoded = CircuitOp::decode(op)?;
            decoded.ok_or_else(|| Error::new("is not an op of the circuit dialect"))?.known(self)
        };
        let place = |error: Error| error.context(format!("'{}' op", op_name(op))).or_at(op.location());
        for (result, known) in op.results().zip(known().map_err(place)?) {
            self.known.insert(result.into(), known);
        }
        Ok(())
    }

    /// Whether an op is the sum in max(a, b) = b + relu(a - b): taken apart, its interval could not be proven any more.
    ///
    /// # Errors
    /// When an op does not decode.
    pub fn is_maximum(&self, op: OperationRef) -> Result<bool> {
        match CircuitOp::decode(op)? {
            Some(CircuitOp::Affine { terms, constant }) => {
                Ok(known_maximum(&terms, constant, self)?.is_some())
            }
            _ => Ok(false),
        }
    }
}

impl<'c: 'a, 'a> Facts<Value<'c, 'a>> for Analysis {
    fn known(&self, &value: &Value<'c, 'a>) -> Result<Known> {
        if let Some(known) = self.known.get(value) {
            return Ok(known);
        }
        let ty = CircuitType::of(value)?;
        Ok(Known::ranges(Ranges::uniform(&ty.shape, ty.interval())))
    }

    fn producer(&self, &value: &Value<'c, 'a>) -> Result<Option<CircuitOp<Value<'c, 'a>>>> {
        producer(value)
    }

    fn parameter(&self, global: &str) -> Result<Arc<Param>> {
        self.params.shared(global).cloned()
    }

    fn table(&self, symbol: &str) -> Option<&TableFunction> {
        self.tables.get(symbol)
    }
}
