//! Large blocks of memory, which are kept when they are freed while work goes on.
//!
//! A compiler and a prover free and allocate matrices of many megabytes. glibc keeps what the first thread of a process frees, as the
//! command does; what other threads free goes back to the system, whose fresh pages cost a sixth of compiling. A package in somebody's
//! process changes nothing about how that allocates: large blocks of this extension are mapped by themselves instead, and ranges of pages
//! that are free are kept in one list, which says what lies where and joins neighbours.
//!
//! Invariants: a range is either used, or in the list, or given back. Nothing waits for the list: where another thread has it, or had it when
//! the process was forked, pages are mapped and given back without it. Outside of work nothing is added to it.
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

/// Blocks from here on are mapped: smaller ones are what glibc is good at.
const LARGE: usize = 1 << 20;
/// Lengths are multiples of this, and so of every system's page.
const PAGES: usize = 1 << 16;
/// Every page begins at a multiple of this.
const ALIGNED: usize = 4096;
/// How often a thread looks whether the list is free.
const LOOKS: usize = 64;

/// Lengths of free ranges of pages by their addresses.
static FREE: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());
static KEEPING: AtomicBool = AtomicBool::new(false);

/// The allocator of this extension.
pub struct Memory;

/// From now on, what is freed is kept for what is allocated next.
pub fn keep() {
    KEEPING.store(true, Ordering::Relaxed);
}

/// From now on, what is freed is given back to the system; and so is what was kept until now, with `all`.
pub fn give_back(all: bool) {
    KEEPING.store(false, Ordering::Relaxed);
    if all {
        give_back_kept();
    }
}

fn give_back_kept() {
    let ranges = free().map(|mut free| std::mem::take(&mut *free));
    for (start, length) in ranges.into_iter().flatten() {
        // SAFETY: the range was in the list, so nobody uses it, and it is in the list no more
        unsafe { unmap(start, length) };
    }
}

// SAFETY: a block is a mapping of its own, or a part of one that is in no other block; both have the layout's size at least, and begin at
// multiples of a page. Which way a block was made follows from its layout alone.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match pages(layout) {
            Some(length) => kept(length).unwrap_or_else(|| map(length)),
            // SAFETY: the caller's promise
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(length) = pages(layout) else {
            // SAFETY: the caller's promise
            return unsafe { System.alloc_zeroed(layout) };
        };
        match kept(length) {
            Some(block) => {
                // SAFETY: the block has so many bytes, and nobody else's
                unsafe { block.write_bytes(0, layout.size()) };
                block
            }
            // fresh pages are zero
            None => map(length),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match pages(layout) {
            // SAFETY: the block was made for this layout, and ends here
            Some(length) => unsafe { put(block as usize, length) },
            // SAFETY: the caller's promise
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size can be one of a layout
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (pages(layout), pages(new)) {
            // SAFETY: the caller's promise
            (None, None) => return unsafe { System.realloc(block, layout, size) },
            (Some(old), Some(new)) if new <= old => {
                // SAFETY: what is behind the new end is the block's no more
                unsafe { put(block as usize + new, old - new) };
                return block;
            }
            (Some(old), Some(new)) => {
                // SAFETY: the range is the block's own. Where it is of several mappings, the call fails and changes nothing.
                let moved = unsafe { libc::mremap(block.cast(), old, new, libc::MREMAP_MAYMOVE) };
                if moved != libc::MAP_FAILED {
                    return moved.cast();
                }
            }
            _ => {}
        }
        // SAFETY: both blocks have the bytes that are copied, and do not overlap; the old one ends here
        unsafe {
            let other = self.alloc(new);
            if !other.is_null() {
                std::ptr::copy_nonoverlapping(block, other, size.min(layout.size()));
                self.dealloc(block, layout);
            }
            other
        }
    }
}

/// Bytes of the pages of a block, where it is mapped.
fn pages(layout: Layout) -> Option<usize> {
    // a layout's size is below half of the address space
    (layout.size() >= LARGE && layout.align() <= ALIGNED).then(|| layout.size().next_multiple_of(PAGES))
}

fn free() -> Option<MutexGuard<'static, BTreeMap<usize, usize>>> {
    (0..LOOKS).find_map(|_| {
        let free = FREE.try_lock().ok();
        if free.is_none() {
            std::hint::spin_loop();
        }
        free
    })
}

/// The shortest free range that is long enough, cut to this length.
fn kept(length: usize) -> Option<*mut u8> {
    let mut free = free()?;
    let (&start, &found) = free.iter().filter(|&(_, &l)| l >= length).min_by_key(|&(_, &l)| l)?;
    free.remove(&start);
    if found > length {
        free.insert(start + length, found - length);
    }
    Some(start as *mut u8)
}

/// Keeps a range, or gives it back.
///
/// # Safety
/// It is a block's, or a block's end, and nobody uses it any more.
unsafe fn put(mut start: usize, mut length: usize) {
    if length == 0 {
        return;
    }
    if let Some(mut free) = KEEPING.load(Ordering::Relaxed).then(free).flatten() {
        if let Some(after) = free.remove(&(start + length)) {
            length += after;
        }
        if let Some((&before, &l)) = free.range(..start).next_back().filter(|&(&s, &l)| s + l == start) {
            (start, length) = (before, l + length);
        }
        free.insert(start, length);
    } else {
        // SAFETY: the caller's promise
        unsafe { unmap(start, length) };
    }
}

/// Fresh pages, all zero; null where there are none.
fn map(length: usize) -> *mut u8 {
    let fresh = || {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping touches none that exists
        unsafe { libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0) }
    };
    let mut mapped = fresh();
    if mapped == libc::MAP_FAILED {
        // what is kept may be what there is none of
        give_back_kept();
        mapped = fresh();
    }
    if mapped == libc::MAP_FAILED { std::ptr::null_mut() } else { mapped.cast() }
}

/// # Safety
/// Nobody uses the range.
unsafe fn unmap(start: usize, length: usize) {
    // SAFETY: the caller's promise. Where the system refuses, the pages stay mapped, and nobody's.
    unsafe { libc::munmap(start as *mut libc::c_void, length) };
}
