//! An assignment: the cells of every table's active rows, and the public values.
//!
//! Invariant: a trace holds active rows only; padding is described by the Program.
use crate::program::{Program, Role};
use serde::{Deserialize, Serialize};

/// Values of all tensors of the statement, in the Program's order, row-major; none of a private one.
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
            if v.len() != p.len() {
                return Err(format!(
                    "public tensor {:?}: expected {} values of shape {:?}, found {}",
                    p.name,
                    p.len(),
                    p.shape,
                    v.len()
                ));
            }
            if let Some((i, x)) = v.iter().enumerate().find(|(_, x)| **x < p.min || **x > p.max) {
                return Err(format!(
                    "public tensor {:?}: value {x} at {i} is outside [{}, {}]",
                    p.name, p.min, p.max
                ));
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
