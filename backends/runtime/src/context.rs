//! What the check of a step may consult, and how it refuses one.
use crate::budget::Budget;
use crate::columns::Columns;
use crate::error::PlanError;
use crate::lookup::LookupRelations;
use tessera_api::Program;

/// A tensor's place.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub name: String,
    pub len: usize,
}

/// What checking a step may consult.
pub(crate) struct Context<'a, 'p> {
    pub program: &'p Program,
    pub tensors: &'a [Tensor],
    pub columns: &'a mut Columns<'p>,
    pub relations: &'a LookupRelations,
    pub budget: &'a mut Budget,
}

impl Context<'_, '_> {
    /// A tensor's index, if there is one.
    pub(crate) fn tensor(&self, id: u32) -> Result<usize, String> {
        if (id as usize) < self.tensors.len() {
            Ok(id as usize)
        } else {
            Err(format!("tensor {id} does not exist, the plan has {}", self.tensors.len()))
        }
    }
}

/// Why a step is refused.
pub(crate) enum Refusal {
    /// Something in the step itself.
    Reason(String),
    /// A limit, or the Program.
    Error(PlanError),
}

impl From<String> for Refusal {
    fn from(s: String) -> Refusal {
        Refusal::Reason(s)
    }
}

impl From<PlanError> for Refusal {
    fn from(e: PlanError) -> Refusal {
        Refusal::Error(e)
    }
}
