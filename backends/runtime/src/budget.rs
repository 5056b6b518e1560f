//! How much memory and work a plan may ask for, and layouts expanded within it.
use crate::error::PlanError;
use tessera_api::Seq;

/// What a plan may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tensor elements, trace cells and layout entries together; about 8 bytes each.
    pub elements: u64,
    /// Products of all contractions of one run.
    pub operations: u64,
}

impl Default for Limits {
    /// 2³⁰ elements (8 GiB) and 2⁴³ products.
    fn default() -> Limits {
        Limits { elements: 1 << 30, operations: 1 << 43 }
    }
}

/// What is left of the limits.
pub(crate) struct Budget {
    limits: Limits,
    elements: u64,
    operations: u64,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Budget {
        Budget { limits, elements: limits.elements, operations: limits.operations }
    }

    pub(crate) fn elements(&mut self, n: u64) -> Result<(), PlanError> {
        self.elements = self
            .elements
            .checked_sub(n)
            .ok_or(PlanError::Limit { what: "elements", limit: self.limits.elements })?;
        Ok(())
    }

    pub(crate) fn operations(&mut self, n: u128) -> Result<(), PlanError> {
        let limit = PlanError::Limit { what: "operations", limit: self.limits.operations };
        self.operations = u64::try_from(n).ok().and_then(|n| self.operations.checked_sub(n)).ok_or(limit)?;
        Ok(())
    }
}

/// Stands for an absent element in an expanded layout.
pub(crate) const ABSENT: u32 = u32::MAX;

/// Expands a layout of flat indices into a tensor of `len` elements; −1 becomes [`ABSENT`].
pub(crate) fn indices(
    seq: &Seq,
    entries: usize,
    len: usize,
    budget: &mut Budget,
) -> Result<Box<[u32]>, String> {
    seq.check(1, entries as u64).map_err(|e| e.to_string())?;
    // two of them take as much as an element
    budget.elements(entries.div_ceil(2) as u64).map_err(|e| e.to_string())?;
    let (mut out, mut wrong) = (Vec::with_capacity(entries), None);
    seq.visit(entries, &mut |_, v| match v[0] {
        -1 => out.push(ABSENT),
        i if i >= 0 && (i as u64) < len as u64 => out.push(i as u32),
        i => wrong = wrong.or(Some(i)),
    })
    .map_err(|e| e.to_string())?;
    match wrong {
        None => Ok(out.into_boxed_slice()),
        Some(i) => Err(format!("index {i} lies outside a tensor of {len} elements")),
    }
}
