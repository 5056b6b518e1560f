//! What the code under test did with an input: counters of its branches, which the compiler adds (`tests/fuzz/instrumented`).
//!
//! An input that takes a branch no other took, or takes one a different order of magnitude often (as AFL counts them), is worth
//! changing again. In a build without counters nothing is ever new, and honest files alone are changed.
#![allow(unexpected_cfgs)]

/// The counters of this process; none where the build has none.
#[cfg(guided)]
fn counters() -> &'static mut [u64] {
    unsafe extern "C" {
        fn __llvm_profile_begin_counters() -> *mut u64;
        fn __llvm_profile_end_counters() -> *mut u64;
    }
    // SAFETY: the profiler's runtime gives the bounds of one static array of 64-bit counters, which live as long as the process.
    // Code that runs meanwhile adds to them without synchronization, as it does to anybody who reads them: a count may be lost.
    unsafe {
        let (begin, end) = (__llvm_profile_begin_counters(), __llvm_profile_end_counters());
        std::slice::from_raw_parts_mut(begin, end.offset_from(begin).max(0) as usize)
    }
}

#[cfg(not(guided))]
fn counters() -> &'static mut [u64] {
    &mut []
}

/// Orders of magnitude that were seen, a bit each, by counter.
pub struct Seen(Vec<u8>);

impl Seen {
    /// Nothing yet.
    pub fn new() -> Seen {
        Seen(vec![0; counters().len()])
    }

    /// Forgets what the counters say: before an input is read.
    pub fn start(&self) {
        counters().fill(0);
    }

    /// Whether the input that was read since did something new.
    pub fn is_new(&mut self) -> bool {
        let mut new = false;
        for (seen, n) in self.0.iter_mut().zip(counters()).filter(|(_, n)| **n > 0) {
            let order = match *n {
                1..=3 => *n as u32 - 1,
                4..=7 => 3,
                8..=15 => 4,
                16..=31 => 5,
                32..=127 => 6,
                _ => 7,
            };
            new |= *seen & (1 << order) == 0;
            *seen |= 1 << order;
        }
        new
    }

    /// Counters that ever counted.
    pub fn branches(&self) -> usize {
        self.0.iter().filter(|b| **b > 0).count()
    }
}

/// Without counters nothing is new; with them, code that ran.
#[test]
fn what_ran_is_new_once() {
    let mut seen = Seen::new();
    seen.start();
    let read = || drop(std::hint::black_box(tessera::data::npy::read(b"no array")));
    read();
    assert_eq!(seen.is_new(), !seen.0.is_empty());
    seen.start();
    read();
    assert!(!seen.is_new());
}
