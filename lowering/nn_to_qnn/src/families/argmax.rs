//! Where the greatest element of a row stands: a comparison, whatever the scale.

use super::{Converted, Family};
use crate::emit::Emitter;
use crate::model::Role;
use melior::ir::operation::OperationLike;
use tessera_mlir::Result;
use tessera_qnn::ops;

pub(super) struct ArgMax;

impl Family for ArgMax {
    fn role(&self) -> Role {
        Role::Compares
    }

    fn convert<'c, 'a>(&self, e: &mut Emitter<'c, 'a, '_, '_>, op: usize) -> Result<Converted<'c, 'a>> {
        let info = &e.model.ops[op];
        let x = e.get(info.operands[0])?;
        Ok(Converted::Value(e.insert(ops::argmax(info.op.location(), x))?))
    }
}
