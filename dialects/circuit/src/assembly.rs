//! What the assembly of `circuit.view` asks of [`Named`]: the words for a view, and the view for words. Called from C++
//! (`assembly.h`), which reads and prints them.

use crate::{
    ops::{CircuitOp, CircuitType},
    semantics::named::Named,
};
use melior::ir::OperationRef;
use mlir_sys::{MlirOperation, MlirStringRef};
use std::{
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
};
use tessera_mlir::{string_ref, text};

/// A list that C++ hands over; an empty one may have no address.
#[repr(C)]
struct Integers {
    values: *const i64,
    count: isize,
}

impl Integers {
    /// # Safety
    /// The list is alive, and as long as it says.
    unsafe fn get(&self) -> &[i64] {
        if self.count <= 0 {
            return &[];
        }
        // SAFETY: the caller's word: that many integers lie there.
        unsafe { slice::from_raw_parts(self.values, self.count as usize) }
    }

    /// # Safety
    /// As [`Integers::get`].
    unsafe fn shape(&self) -> Vec<usize> {
        // SAFETY: the caller's word.
        unsafe { self.get() }.iter().map(|&extent| extent as usize).collect()
    }
}

/// A word and its integers.
#[repr(C)]
struct Clause {
    word: MlirStringRef,
    values: Integers,
}

/// Appends text to a string that C++ owns.
type Sink = unsafe extern "C" fn(*mut c_void, MlirStringRef);

/// Where a view is written: lists are of the result's rank.
#[repr(C)]
struct Read {
    offset: i64,
    strides: *mut i64,
    low: *mut i64,
    high: *mut i64,
    padded: bool,
    say: Sink,
    target: *mut c_void,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tessera_circuit_view_read(
    clauses: *const Clause,
    count: isize,
    source: Integers,
    result: Integers,
    to: *mut Read,
) -> bool {
    // SAFETY: the parser's lists and words live until this returns, and it counted them.
    let read = || unsafe {
        let clauses = if count <= 0 { &[] } else { slice::from_raw_parts(clauses, count as usize) };
        let words = clauses.iter().map(|clause| text(clause.word)).collect::<Vec<_>>();
        let words = words.iter().zip(clauses).map(|(word, clause)| (word.as_str(), clause.values.get()));
        let source = source.shape();
        Named::from_words(&words.collect::<Vec<_>>(), source.len())?.view(&source, &result.shape())
    };
    let view = catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err("internal compiler error; please report it with the input".into()));
    // SAFETY: the parser's own record, to which nothing else points.
    let to = unsafe { &mut *to };
    match view {
        Ok(view) => {
            (to.offset, to.padded) = (view.offset, !view.reads_everywhere());
            for (list, to) in
                [(&view.strides, to.strides), (&view.valid_low, to.low), (&view.valid_high, to.high)]
            {
                // SAFETY: both lists have the rank of the result; the parser allocated its own by `result`.
                unsafe { to.copy_from_nonoverlapping(list.as_ptr(), list.len()) };
            }
            true
        }
        Err(reason) => {
            // SAFETY: the parser's function with the parser's string; the text is copied.
            unsafe { (to.say)(to.target, string_ref(&reason)) };
            false
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tessera_circuit_view_write(op: MlirOperation, sink: Sink, target: *mut c_void) {
    let words = || {
        // SAFETY: the printer's op is alive.
        let op = unsafe { OperationRef::from_raw(op) };
        let Ok(Some(CircuitOp::View { x, view })) = CircuitOp::decode(op) else {
            return None;
        };
        let source = CircuitType::of(x).ok()?.shape;
        Named::of(&view, &source).map(|named| named.words(&view))
    };
    if let Ok(Some(words)) = catch_unwind(AssertUnwindSafe(words)) {
        // SAFETY: the printer's function with the printer's string; the text is copied.
        unsafe { sink(target, string_ref(&words)) };
    }
}
