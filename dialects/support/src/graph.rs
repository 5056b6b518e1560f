//! A function of a module as plain data: values by number, ops as the enum of their dialect. The bridge from IR to whatever
//! works on graphs: placement, analyses of a whole model, e-graphs.
//!
//! Invariants:
//! - Operands come before their users, and each value is an argument or the result of one op.
//! - Reading and writing are inverse: a function written from the graph it was read into prints the same text, locations included,
//!   but for what an op need not say (bounds of a circuit's view that keep nothing out).

use crate::{Error, Place, Result, attrs, context_of, func::Func, rewrite};
use melior::{
    Context,
    ir::{Attribute, Location, Operation, OperationRef, Type, Value, ValueLike, operation::OperationLike},
};
use mlir_sys::{mlirOperationGetDiscardableAttribute, mlirOperationGetNumDiscardableAttributes};
use std::{collections::HashMap, ffi::c_void, fmt::Debug};

/// Index into [`Graph::values`].
pub type ValueId = usize;

/// An op enum whose operands are numbers of values.
pub trait GraphOp: Clone + Debug {
    /// The type of a value.
    type Type: Clone + Debug;

    /// Reads an op; `number` gives the number of an operand.
    ///
    /// # Errors
    /// When the op does not decode, or graphs of this kind do not have it.
    fn decode<'c, 'a>(
        op: OperationRef<'c, 'a>,
        number: impl FnMut(Value<'c, 'a>) -> Result<ValueId>,
    ) -> Result<Self>;

    /// Builds the op on the values of these numbers.
    ///
    /// # Errors
    /// When operands and attributes do not fit together.
    fn build<'c, 'a>(
        &self,
        value: impl FnMut(ValueId) -> Result<Value<'c, 'a>>,
        location: Location<'c>,
    ) -> Result<Operation<'c>>;

    /// Reads a type.
    ///
    /// # Errors
    /// When values of these graphs do not have it.
    fn read_type(ty: Type) -> Result<Self::Type>;

    /// A type in MLIR.
    ///
    /// # Errors
    /// When MLIR does not have it.
    fn to_type<'c>(ty: &Self::Type, context: &'c Context) -> Result<Type<'c>>;
}

/// A function.
#[derive(Clone, Debug)]
pub struct Graph<O: GraphOp> {
    /// The type of every value; the arguments come first.
    pub values: Vec<O::Type>,
    /// How many values are arguments.
    pub arguments: usize,
    /// Every op, operands first.
    pub ops: Vec<Node<O>>,
    /// What the function returns.
    pub returns: Vec<ValueId>,
}

/// An op with what it defines.
#[derive(Clone, Debug)]
pub struct Node<O> {
    /// What it does.
    pub op: O,
    /// What it defines.
    pub results: Vec<ValueId>,
    /// Notes that the op does not have by itself, such as a calibrated range: name, and value as MLIR prints it.
    pub notes: Vec<(String, String)>,
    /// Where it is from.
    pub place: Place,
}

impl<O> Node<O> {
    /// How a message names where the op is from.
    pub fn source(&self) -> String {
        self.place.to_string()
    }
}

impl<O: GraphOp> Default for Graph<O> {
    fn default() -> Self {
        Self { values: vec![], arguments: 0, ops: vec![], returns: vec![] }
    }
}

impl<O: GraphOp> Graph<O> {
    /// Reads a function.
    ///
    /// # Errors
    /// When an op or a type does not decode, or an operand is defined outside the function.
    pub fn read(func: Func) -> Result<Self> {
        let mut graph = Self::default();
        let mut numbers: HashMap<*const c_void, ValueId> = HashMap::new();
        for argument in func.arguments() {
            numbers.insert(argument.to_raw().ptr, graph.values.len());
            graph.values.push(O::read_type(argument.r#type())?);
        }
        graph.arguments = graph.values.len();
        let number = |numbers: &HashMap<_, _>, value: Value| {
            numbers.get(&value.to_raw().ptr).copied().ok_or_else(|| {
                Error::new("expected operands that are arguments or results of earlier ops of the function")
            })
        };
        for op in func.ops() {
            let read = |error: Error| error.or_at(op.location());
            let decoded = O::decode(op, |value| number(&numbers, value)).map_err(read)?;
            let mut results = vec![];
            for result in op.results() {
                numbers.insert(result.to_raw().ptr, graph.values.len());
                results.push(graph.values.len());
                graph.values.push(O::read_type(result.r#type()).map_err(read)?);
            }
            let place = Place::new(op.location());
            graph.ops.push(Node { op: decoded, results, notes: notes(op), place });
        }
        graph.returns =
            func.returns()?.into_iter().map(|value| number(&numbers, value)).collect::<Result<_>>()?;
        Ok(graph)
    }

    /// Makes a function compute what the graph says. Its arguments must have the graph's types.
    ///
    /// # Errors
    /// When an op cannot be built; the function is then as it was.
    pub fn write(&self, func: Func) -> Result<()> {
        let (old, end) = (func.ops(), func.terminator()?);
        let mut written = vec![];
        let outcome = self.write_before(end, func, &mut written);
        // users first
        let mut gone = old;
        match &outcome {
            Ok(returns) => rewrite::set_operands(end, returns),
            Err(_) => gone = written,
        }
        gone.into_iter().rev().for_each(rewrite::erase);
        outcome.map(|_| func.update_type())
    }

    /// Writes the ops before `end`; what they are called there is `written`. Returns what the function returns.
    fn write_before<'c, 'a>(
        &self,
        end: OperationRef<'c, 'a>,
        func: Func<'c, 'a>,
        written: &mut Vec<OperationRef<'c, 'a>>,
    ) -> Result<Vec<Value<'c, 'a>>> {
        let context = context_of(end.location());
        let cursor = crate::build::Cursor::before(end);
        let mut values: Vec<Option<Value<'c, 'a>>> = vec![None; self.values.len()];
        for (slot, argument) in values.iter_mut().take(self.arguments).zip(func.arguments()) {
            *slot = Some(argument);
        }
        let get = |values: &[Option<Value<'c, 'a>>], id: ValueId| {
            let value = values.get(id).copied().flatten();
            value.ok_or_else(|| Error::new(format!("value {id} of the graph is used before it is defined")))
        };
        for node in &self.ops {
            let location =
                Attribute::parse(context, &node.place.text).map_or(end.location(), Location::from_attribute);
            let op = cursor.insert(node.op.build(|id| get(&values, id), location)?);
            written.push(op);
            for (name, note) in &node.notes {
                let value = Attribute::parse(context, note).ok_or_else(|| {
                    Error::at(location, format!("attribute '{name}': MLIR does not read {note}"))
                })?;
                attrs::set(op, name, value);
            }
            for (&id, result) in node.results.iter().zip(op.results()) {
                let result: Value = result.into();
                result.set_type(O::to_type(&self.values[id], context)?);
                values[id] = Some(result);
            }
        }
        self.returns.iter().map(|&id| get(&values, id)).collect()
    }

    /// The index of the op that defines each value; `usize::MAX` for arguments.
    pub fn definers(&self) -> Vec<usize> {
        let mut definers = vec![usize::MAX; self.values.len()];
        for (index, node) in self.ops.iter().enumerate() {
            node.results.iter().for_each(|&result| definers[result] = index);
        }
        definers
    }
}

/// The attributes that an op does not have by itself.
fn notes(op: OperationRef) -> Vec<(String, String)> {
    // SAFETY: the op is alive.
    let count = unsafe { mlirOperationGetNumDiscardableAttributes(op.to_raw()) };
    let note = |index| {
        // SAFETY: the op is alive, and `index` is below their number.
        let named = unsafe { mlirOperationGetDiscardableAttribute(op.to_raw(), index) };
        // SAFETY: the name is of the context, which outlives the op.
        let name = unsafe { melior::ir::Identifier::from_raw(named.name) };
        // SAFETY: the attribute is of the context, which outlives the op.
        let value = unsafe { Attribute::from_raw(named.attribute) };
        (crate::attrs::text(name.as_string_ref().to_raw()).unwrap_or_default(), value.to_string())
    };
    (0..count).map(note).collect()
}

/// Gives an op enum over its operands, which has `try_map`, the two methods that follow from it. Both copy the attributes: an
/// enum with long ones says by itself what its operands are, as the circuit dialect does.
#[macro_export]
macro_rules! operand_methods {
    ($op:ident) => {
        impl<V> $op<V> {
            /// The same op on other operands, which are visited in order.
            pub fn map<U>(&self, mut on: impl FnMut(&V) -> U) -> $op<U> {
                let Ok(op) = self.try_map(|operand| Ok::<_, std::convert::Infallible>(on(operand)));
                op
            }

            /// The operands, in the order of the IR.
            pub fn operands(&self) -> Vec<V>
            where
                V: Clone,
            {
                let mut operands = vec![];
                self.map(|operand| operands.push(operand.clone()));
                operands
            }
        }
    };
}
