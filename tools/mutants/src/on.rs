//! A module of each woven crate: which mutant is awake. Asked for millions of times, so it is one load and one comparison.

/// Whether this mutant is: `TESSERA_MUTANT` has its number. `TESSERA_MUTANT_TRACE` names a file for the numbers of all that are asked for.
#[inline]
pub fn on(number: u32) -> bool {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
    const UNKNOWN: u32 = u32::MAX;
    const TRACED: u32 = u32::MAX - 1;
    const NONE: u32 = u32::MAX - 2;
    static AWAKE: AtomicU32 = AtomicU32::new(UNKNOWN);
    static ASKED: [AtomicBool; MUTANTS] = [const { AtomicBool::new(false) }; MUTANTS];
    #[cold]
    fn first() -> u32 {
        let awake = match std::env::var("TESSERA_MUTANT") {
            Ok(n) => n.parse().expect("the number of a mutant"),
            Err(_) if std::env::var_os("TESSERA_MUTANT_TRACE").is_some() => TRACED,
            Err(_) => NONE,
        };
        AWAKE.store(awake, Relaxed);
        awake
    }
    #[cold]
    fn trace(number: u32) {
        if !ASKED[number as usize].swap(true, Relaxed) {
            use std::io::Write;
            let path = std::env::var_os("TESSERA_MUTANT_TRACE").expect("a path");
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("the trace");
            file.write_all(format!("{number}\n").as_bytes()).expect("a line");
        }
    }
    let mut awake = AWAKE.load(Relaxed);
    if awake >= NONE {
        if awake == UNKNOWN {
            awake = first();
        }
        if awake == TRACED {
            trace(number);
        }
    }
    awake == number
}
