//! Where new ops go.

use crate::{Result, context_of};
use melior::{
    Context,
    ir::{BlockLike, BlockRef, Operation, OperationRef, Value, operation::OperationLike},
};

/// A place in a block. Ops inserted one after the other stand in that order.
#[derive(Clone, Copy)]
pub struct Cursor<'c, 'a> {
    block: BlockRef<'c, 'a>,
    place: Place<'c, 'a>,
    context: &'c Context,
}

#[derive(Clone, Copy)]
enum Place<'c, 'a> {
    End,
    Before(OperationRef<'c, 'a>),
}

impl<'c, 'a> Cursor<'c, 'a> {
    /// At the end of a block.
    pub fn end(context: &'c Context, block: BlockRef<'c, 'a>) -> Self {
        Self { block, place: Place::End, context }
    }

    /// Before an op.
    ///
    /// # Panics
    /// When the op is in no block: a mistake of the caller.
    pub fn before(op: OperationRef<'c, 'a>) -> Self {
        let block = op.block().expect("a cursor stands beside an op inside a block");
        Self { block, place: Place::Before(op), context: context_of(op.location()) }
    }

    /// After an op.
    ///
    /// # Panics
    /// When the op is in no block: a mistake of the caller.
    pub fn after(op: OperationRef<'c, 'a>) -> Self {
        match op.next_in_block() {
            Some(next) => Self::before(next),
            None => {
                let block = op.block().expect("a cursor stands beside an op inside a block");
                Self::end(context_of(op.location()), block)
            }
        }
    }

    /// The context of the block.
    pub fn context(&self) -> &'c Context {
        self.context
    }

    /// Inserts an op.
    pub fn insert(&self, op: Operation<'c>) -> OperationRef<'c, 'a> {
        tessera_cancel::point();
        match self.place {
            Place::End => self.block.append_operation(op),
            Place::Before(next) => self.block.insert_operation_before(next, op),
        }
    }

    /// Inserts a freshly built op and returns its first result.
    ///
    /// # Errors
    /// The error of building it.
    pub fn value(&self, op: Result<Operation<'c>>) -> Result<Value<'c, 'a>> {
        Ok(self.insert(op?).result(0)?.into())
    }
}
