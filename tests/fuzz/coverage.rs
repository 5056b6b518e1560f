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

/// Counters that are looked at together: most of a process's are zero, and small readers are done sooner than each is looked at.
const TOGETHER: usize = 64;

/// Calls this with the counters that are not zero and their numbers, and makes them zero.
fn taken(counters: &mut [u64], mut f: impl FnMut(usize, u64)) {
    for (i, group) in counters.chunks_mut(TOGETHER).enumerate() {
        // of so many bytes, a call of memcmp
        if *group != [0; TOGETHER][..group.len()] {
            for (j, n) in group.iter_mut().enumerate().filter(|(_, n)| **n > 0) {
                f(i * TOGETHER + j, *n);
                *n = 0;
            }
        }
    }
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
        taken(counters(), |_, _| ());
    }

    /// Whether the input that was read since did something new; forgets it.
    pub fn is_new(&mut self) -> bool {
        let mut new = false;
        taken(counters(), |at, n| {
            let order = match n {
                1..=3 => n as u32 - 1,
                4..=7 => 3,
                8..=15 => 4,
                16..=31 => 5,
                32..=127 => 6,
                _ => 7,
            };
            new |= self.0[at] & (1 << order) == 0;
            self.0[at] |= 1 << order;
        });
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

#[test]
fn counters_are_taken_once() {
    let mut counters = vec![0; 3 * TOGETHER + 2];
    for at in [0, TOGETHER - 1, TOGETHER, 3 * TOGETHER, 3 * TOGETHER + 1] {
        counters[at] = at as u64 + 1;
    }
    let mut all = vec![];
    taken(&mut counters, |at, n| all.push((at, n)));
    let last = 3 * TOGETHER;
    assert_eq!(all, [0, TOGETHER - 1, TOGETHER, last, last + 1].map(|at| (at, at as u64 + 1)));
    assert!(counters.iter().all(|n| *n == 0));
}
