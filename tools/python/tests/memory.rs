//! The allocator of the extension, by itself: blocks keep what is written into them, and what is freed is kept and given back as said.
#[path = "../src/memory.rs"]
mod memory;

use std::collections::BTreeMap;

#[global_allocator]
static MEMORY: memory::Memory = memory::Memory;

const MIB: usize = 1 << 20;

/// Pages of the process that are in memory, in bytes.
fn resident() -> usize {
    let said = std::fs::read_to_string("/proc/self/statm").expect("Linux says it");
    said.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

fn faults() -> i64 {
    // SAFETY: rusage is plain integers, for which zero is a value, and the call only writes it
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage.ru_minflt
    }
}

/// One test, since what is kept is the process's.
#[test]
fn blocks_are_their_owners_and_what_is_freed_is_kept_until_it_is_given_back() {
    let made = |mib: usize| vec![1_u8; mib * MIB];
    drop(made(64));
    let before = resident();
    drop(made(64));
    assert!(resident() < before + 8 * MIB, "freed outside of work, and not given back");

    memory::keep();
    drop(made(64));
    assert!(resident() > before + 56 * MIB, "freed in work, and given back");
    let since = faults();
    for mib in [64, 48, 16, 63, 1] {
        drop(made(mib));
    }
    // neighbours are joined: halves make a whole again
    let halves = [made(32), made(32)];
    drop(halves);
    drop(made(64));
    assert!(faults() - since < 500, "pages were fresh: {}", faults() - since);
    assert!(vec![0_u8; 64 * MIB].iter().all(|&b| b == 0), "what is kept is no zero");

    // many threads, every size, growing and shrinking
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            scope.spawn(move || {
                let (mut state, mut blocks) = (thread + 1, BTreeMap::<u64, Vec<u64>>::new());
                for _ in 0..3000 {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let (slot, length) = (state >> 61, (state >> 33) as usize % (MIB / 2));
                    let mut block = blocks.remove(&slot).unwrap_or_default();
                    let tag = thread << 32 | slot;
                    assert!(block.iter().all(|&word| word == tag), "a block of another's");
                    block.resize(length, tag);
                    if state & 1 == 0 {
                        block.shrink_to_fit();
                    }
                    if state & 6 != 0 {
                        blocks.insert(slot, block);
                    }
                }
            });
        }
    });
    assert!(resident() > before + 32 * MIB);
    memory::give_back(false);
    assert!(resident() > before + 32 * MIB, "given back early");
    memory::give_back(true);
    assert!(resident() < before + 16 * MIB, "{} MiB are held", (resident() - before) / MIB);
}
