//! What an op of a circuit costs a prover, before placement: a first estimate from its kind and its shapes alone.
//!
//! Counts are of cells and lookups without packing, padding and sharing, which the placement decides; what placement says
//! about a whole model is in its Program. The cost of an op is the discardable attribute `circuit.cost`, spelled here alone.

use crate::ops::{CircuitOp, CircuitType};
use melior::ir::{
    Attribute, OperationRef,
    operation::{OperationLike, OperationResult},
};
use std::fmt::{self, Display, Formatter};
use std::iter::Sum;
use std::ops::Add;
use tessera_mlir::{Result, attrs, context_of};

/// The attribute.
const COST: &str = "circuit.cost";

/// What an op commits and looks up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpCost {
    /// Cells committed once, with the verifying key.
    pub fixed: u64,
    /// Cells committed with every proof.
    pub witness: u64,
    /// Lookups made with every proof.
    pub lookups: u64,
}

impl OpCost {
    /// Of an op ([`CircuitOp::cost`]); none for ops of other dialects.
    ///
    /// # Errors
    /// When the op does not decode.
    pub fn of(op: OperationRef) -> Result<Option<Self>> {
        let Some(decoded) = CircuitOp::decode(op)? else { return Ok(None) };
        let elements = match op.results().next() {
            Some(result) => CircuitType::of(OperationResult::into(result))?.len() as u64,
            None => 0,
        };
        Ok(Some(decoded.cost(elements)))
    }
}

impl Add for OpCost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            fixed: self.fixed + other.fixed,
            witness: self.witness + other.witness,
            lookups: self.lookups + other.lookups,
        }
    }
}

impl Sum for OpCost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

impl Display for OpCost {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        write!(
            formatter,
            "{} fixed cells, {} witness cells, {} lookups",
            self.fixed, self.witness, self.lookups
        )
    }
}

/// Notes what an op costs; an op that costs nothing has no note.
pub fn annotate(op: OperationRef, cost: OpCost) {
    if cost == OpCost::default() {
        return attrs::remove(op, COST);
    }
    let OpCost { fixed, witness, lookups } = cost;
    let text = format!(
        "{{fixed_cells = {fixed} : i64, witness_cells = {witness} : i64, lookups = {lookups} : i64}}"
    );
    if let Some(attribute) = Attribute::parse(context_of(op.location()), &text) {
        attrs::set(op, COST, attribute);
    }
}
