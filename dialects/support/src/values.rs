//! What is known about values of IR.
//!
//! Invariant: a [`ValueMap`] knows nothing about a value that is gone. MLIR gives the address of an erased op to a new one; so
//! whatever erases ops or changes them in place, here and in [`crate::rewrite`], makes every map of the thread forget their results.

use crate::op::all_ops;
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use std::{
    cell::RefCell,
    collections::HashMap,
    rc::{Rc, Weak},
};

/// Something for each of some values.
#[derive(Debug)]
pub struct ValueMap<T: 'static>(Rc<RefCell<HashMap<usize, T>>>);

/// A map of whatever, as the ones that erase see it.
trait Forget {
    fn forget(&self, value: usize);
    fn forget_all(&self);
}

impl<T> Forget for RefCell<HashMap<usize, T>> {
    fn forget(&self, value: usize) {
        self.borrow_mut().remove(&value);
    }

    fn forget_all(&self) {
        self.borrow_mut().clear();
    }
}

thread_local! {
    static MAPS: RefCell<Vec<Weak<dyn Forget>>> = const { RefCell::new(vec![]) };
}

impl<T: 'static> Default for ValueMap<T> {
    fn default() -> Self {
        let map = Rc::new(RefCell::new(HashMap::new()));
        let weak: Weak<RefCell<HashMap<usize, T>>> = Rc::downgrade(&map);
        MAPS.with_borrow_mut(|maps| {
            maps.retain(|map| map.strong_count() > 0);
            maps.push(weak);
        });
        Self(map)
    }
}

impl<T: Clone + 'static> ValueMap<T> {
    /// What is known about a value.
    pub fn get(&self, value: Value) -> Option<T> {
        self.0.borrow().get(&key(value)).cloned()
    }

    /// Makes something known about a value.
    pub fn insert(&self, value: Value, known: T) {
        self.0.borrow_mut().insert(key(value), known);
    }
}

fn key(value: Value) -> usize {
    value.to_raw().ptr as usize
}

fn each(act: impl Fn(&dyn Forget)) {
    let maps: Vec<_> = MAPS.with_borrow(|maps| maps.iter().filter_map(Weak::upgrade).collect());
    maps.iter().for_each(|map| act(&**map));
}

/// Makes every map forget the results of an op and of the ops inside it, which are about to be erased or changed.
pub fn forget(op: OperationRef) {
    for op in all_ops(op).into_iter().chain([op]) {
        for result in op.results() {
            let result = key(result.into());
            each(|map| map.forget(result));
        }
    }
}

/// Makes every map forget everything: code that erases without saying what is about to run.
pub fn forget_all() {
    each(|map| map.forget_all());
}
