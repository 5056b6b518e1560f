//! A function as a list of steps that interpreters run: decoded once, run many times, on many threads.
//!
//! MLIR objects belong to one thread; a [`Plan`] holds plain data only, so a batch of inputs can be spread over cores.
//! The dialect gives the meaning: how an op decodes, and what it computes.
//!
//! Invariants:
//! - Steps stand in the order of the function; step `i` is the op `Func::ops()[steps[i].index]`.
//! - Every operand is an argument, a parameter, or the result of an earlier step.

use crate::func::{self, Func};
use crate::op::op_name;
use crate::params::{Param, Params};
use crate::types::{self, TensorType};
use crate::{Error, Place, Result};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};

/// An input of a function.
#[derive(Clone, Debug)]
pub struct Input {
    /// What the model calls it.
    pub name: String,
    /// Its type.
    pub ty: TensorType,
}

/// One op.
#[derive(Clone, Debug)]
pub struct Step<K> {
    /// Position among the function's ops.
    pub index: usize,
    /// Full name of the op, such as `nn.conv`.
    pub mnemonic: String,
    /// Where it came from, with the ONNX node's name.
    pub place: Place,
    /// What it computes.
    pub op: K,
    /// Type of its result.
    pub ty: TensorType,
    operands: Vec<usize>,
    /// Values that no later step reads.
    dead: Vec<usize>,
}

impl<K> Step<K> {
    /// The ONNX node's name, or else what is known about the place.
    pub fn name(&self) -> String {
        self.place.node.clone().unwrap_or_else(|| self.place.to_string())
    }
}

/// A function ready to run. `V` is a value, `K` a decoded op.
#[derive(Clone, Debug)]
pub struct Plan<V, K> {
    /// The function's inputs.
    pub inputs: Vec<Input>,
    /// Names of its results.
    pub outputs: Vec<String>,
    /// Its ops.
    pub steps: Vec<Step<K>>,
    constants: Vec<(usize, V)>,
    results: Vec<usize>,
    slots: usize,
}

/// How a dialect turns IR into plain data.
pub trait Decode<V, K> {
    /// A decoded op.
    ///
    /// # Errors
    /// For ops that the interpreter does not know.
    fn op(&mut self, op: OperationRef) -> Result<K>;
    /// The value of a parameter of the given type.
    ///
    /// # Errors
    /// When the data do not fit the type.
    fn parameter(&mut self, param: &Param, ty: &TensorType) -> Result<V>;
}

impl<V: Clone, K> Plan<V, K> {
    /// Decodes a function.
    ///
    /// # Errors
    /// Every op that does not decode, parameters that are missing or have another shape.
    pub fn new(function: &Func, params: &Params, decode: &mut impl Decode<V, K>) -> Result<Self> {
        let mut errors = Vec::new();
        // Values by their identity in memory, which is what MLIR compares too.
        let mut slots: Vec<(*const std::ffi::c_void, usize)> = Vec::new();
        let mut inputs = Vec::new();
        for (i, value) in function.arguments().into_iter().enumerate() {
            inputs.push(Input { name: function.argument_name(i), ty: types::of(value)? });
            slots.push((value.to_raw().ptr, i));
        }
        let mut plan =
            Plan { inputs, outputs: vec![], steps: vec![], constants: vec![], results: vec![], slots: 0 };
        plan.slots = plan.inputs.len();
        let mut position: std::collections::HashMap<_, usize> = slots.into_iter().collect();
        for (index, op) in function.ops().into_iter().enumerate() {
            let value: Value = match op.result(0) {
                Ok(result) => result.into(),
                Err(_) => {
                    errors.push(Error::at(op.location(), format!("{} has no result", op_name(op))));
                    continue;
                }
            };
            let slot = plan.slots;
            plan.slots += 1;
            position.insert(value.to_raw().ptr, slot);
            let ty = types::of(value).map_err(|e| e.or_at(op.location()))?;
            if let Some(name) = func::global_name(value) {
                let read = params.get(&name).and_then(|param| {
                    if param.shape == ty.shape {
                        decode.parameter(param, &ty)
                    } else {
                        Err(Error::new(format!(
                            "parameter {name:?} has shape {:?}, not {:?}",
                            param.shape, ty.shape
                        )))
                    }
                });
                match read {
                    Ok(constant) => plan.constants.push((slot, constant)),
                    Err(e) => errors.push(e.or_at(op.location())),
                }
                continue;
            }
            let operands: Option<Vec<usize>> =
                op.operands().map(|o| position.get(&(o.to_raw().ptr as *const _)).copied()).collect();
            match (decode.op(op), operands) {
                (Ok(decoded), Some(operands)) => plan.steps.push(Step {
                    index,
                    mnemonic: op_name(op),
                    place: Place::new(op.location()),
                    op: decoded,
                    ty,
                    operands: operands.into_iter().chain([slot]).collect(),
                    dead: vec![],
                }),
                (Err(e), _) => errors.push(e.or_at(op.location())),
                (_, None) => {
                    errors.push(Error::at(op.location(), "an operand is defined outside of the function"))
                }
            }
        }
        Error::all(errors)?;
        for (i, value) in function.returns()?.into_iter().enumerate() {
            plan.outputs.push(function.result_name(i));
            match position.get(&(value.to_raw().ptr as *const _)) {
                Some(&slot) => plan.results.push(slot),
                None => {
                    return Err(Error::at(
                        function.op.location(),
                        "a result is defined outside of the function",
                    ));
                }
            }
        }
        plan.find_last_uses();
        Ok(plan)
    }

    /// The types of the results that are inputs or given by steps.
    pub fn result_types(&self) -> Vec<Option<&TensorType>> {
        let of = |slot: &usize| match self.inputs.get(*slot) {
            Some(input) => Some(&input.ty),
            None => self.steps.iter().find(|step| step.operands.last() == Some(slot)).map(|step| &step.ty),
        };
        self.results.iter().map(of).collect()
    }

    fn find_last_uses(&mut self) {
        let mut needed = vec![false; self.slots];
        self.results.iter().for_each(|&r| needed[r] = true);
        for step in self.steps.iter_mut().rev() {
            for &slot in &step.operands {
                if !std::mem::replace(&mut needed[slot], true) {
                    step.dead.push(slot);
                }
            }
        }
    }

    /// Runs the function. `eval` applies an op to operands; `observe` sees every step's result.
    ///
    /// # Errors
    /// When the number of inputs is wrong, or an op fails: with the op's place.
    pub fn run(
        &self,
        inputs: &[V],
        eval: impl Fn(&Step<K>, &[&V]) -> Result<V>,
        mut observe: impl FnMut(&Step<K>, &V),
    ) -> Result<Vec<V>> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::new(format!(
                "the model has {} inputs, found {}",
                self.inputs.len(),
                inputs.len()
            )));
        }
        let mut values: Vec<Option<std::borrow::Cow<V>>> = vec![None; self.slots];
        for (i, input) in inputs.iter().enumerate() {
            values[i] = Some(std::borrow::Cow::Borrowed(input));
        }
        for (slot, constant) in &self.constants {
            values[*slot] = Some(std::borrow::Cow::Borrowed(constant));
        }
        let missing = || Error::new("a value was used after its last use; this is a defect");
        for step in &self.steps {
            tessera_cancel::point();
            let (&result, operands) = step.operands.split_last().ok_or_else(missing)?;
            let operands: Option<Vec<&V>> = operands.iter().map(|&o| values[o].as_deref()).collect();
            let value = eval(step, &operands.ok_or_else(missing)?).map_err(|mut e| {
                e.reports.iter_mut().for_each(|r| {
                    r.place.get_or_insert_with(|| step.place.clone());
                });
                e
            })?;
            observe(step, &value);
            values[result] = Some(std::borrow::Cow::Owned(value));
            step.dead.iter().for_each(|&slot| values[slot] = None);
        }
        self.results.iter().map(|&r| values[r].as_deref().cloned().ok_or_else(missing)).collect()
    }
}
