//! What can be asked of any op: its name, and the ops inside it.

use melior::ir::{BlockLike, OperationRef, RegionLike, operation::OperationLike};

/// An op's full name, such as `nn.conv`.
pub fn op_name(op: OperationRef) -> String {
    op.name().as_string_ref().as_str().unwrap_or("?").to_owned()
}

/// All ops inside an op, in order, itself not included.
pub fn all_ops<'c, 'a>(op: OperationRef<'c, 'a>) -> Vec<OperationRef<'c, 'a>> {
    let mut ops = vec![];
    for region in op.regions() {
        let mut block = region.first_block();
        while let Some(current) = block {
            let mut next = current.first_operation();
            while let Some(op) = next {
                ops.push(op);
                ops.extend(all_ops(op));
                next = op.next_in_block();
            }
            block = current.next_in_region();
        }
    }
    ops
}
