//! An assignment: the cells of every table's active rows, and the public values.
//!
//! Invariant: a trace holds active rows only; padding is described by the Program.
use crate::program::{Program, Role};
use serde::{Deserialize, Serialize};

/// Values of all tensors of the statement, in the Program's order, row-major; none of a private one, the root of a committed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publics {
    /// One vector per public tensor.
    pub tensors: Vec<Vec<i64>>,
}

impl Publics {
    /// Checks count, lengths and ranges against the Program's statement; says which value is wrong.
    pub fn check(&self, publics: &[crate::program::Public]) -> Result<(), String> {
        if self.tensors.len() != publics.len() {
            return Err(format!("expected {} public tensors, found {}", publics.len(), self.tensors.len()));
        }
        for (p, v) in publics.iter().zip(&self.tensors) {
            if p.role == Role::Private {
                if !v.is_empty() {
                    return Err(format!(
                        "private tensor {:?}: expected no values, found {}",
                        p.name,
                        v.len()
                    ));
                }
                continue;
            }
            let what = if p.role.is_committed() { "root of tensor" } else { "public tensor" };
            if v.len() != p.stated() {
                let shape = if p.role.is_committed() { vec![p.stated() as u32] } else { p.shape.clone() };
                return Err(format!(
                    "{what} {:?}: expected {} values of shape {shape:?}, found {}",
                    p.name,
                    p.stated(),
                    v.len()
                ));
            }
            let (min, max) = p.stated_range();
            if let Some((i, x)) = v.iter().enumerate().find(|(_, x)| **x < min || **x > max) {
                return Err(format!("{what} {:?}: value {x} at {i} is outside [{min}, {max}]", p.name));
            }
        }
        Ok(())
    }

    /// Only the inputs filled, private ones too, outputs empty.
    pub fn inputs(program: &Program, inputs: Vec<Vec<i64>>) -> Publics {
        let mut it = inputs.into_iter();
        let tensors = program
            .publics
            .iter()
            .map(|p| if p.role.is_input() { it.next().unwrap_or_default() } else { vec![] })
            .collect();
        Publics { tensors }
    }
}

/// Witness cells, one row-major matrix (rows × witness columns) per table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// One per table.
    pub tables: Vec<Vec<i64>>,
    /// How often each multiplicity column's padding row is used is part of the column of padding; honest provers count
    /// lookups made by padding rows too, on active rows of the provider.
    pub publics: Publics,
}
