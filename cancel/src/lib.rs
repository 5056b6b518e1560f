//! Ending long work that nobody waits for any more.
//!
//! Whoever starts work gives its threads a [`Mark`]. Long loops call [`point`], which unwinds once the mark is set: memory is given back and
//! files that are half-written are removed on the way, as after any panic, and nothing is printed.
//!
//! Invariants: work without a mark is never ended. Unwinding begins in `point` alone, so what holds between two of them is never seen half
//! done.
use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether some work shall end.
#[derive(Clone, Debug, Default)]
pub struct Mark(Arc<AtomicBool>);

/// What [`point`] unwinds with.
struct Cancelled;

thread_local! {
    static MARK: RefCell<Option<Mark>> = const { RefCell::new(None) };
}

impl Mark {
    /// Asks the work to end, from any thread.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work shall end.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// What this thread does from now on is the work of this mark.
    pub fn enter(&self) {
        MARK.with(|mark| mark.replace(Some(self.clone())));
    }

    /// The mark of this thread's work, for threads that help it; one that nobody sets where there is none.
    pub fn current() -> Mark {
        MARK.with_borrow(Clone::clone).unwrap_or_default()
    }
}

/// Ends the work of this thread where that was asked for. Costs some nanoseconds.
pub fn point() {
    if MARK.with_borrow(|mark| mark.as_ref().is_some_and(Mark::is_set)) {
        std::panic::resume_unwind(Box::new(Cancelled));
    }
}

/// Whether a panic is the end of work at a [`point`].
pub fn is_cancelled(panic: &(dyn Any + Send)) -> bool {
    panic.is::<Cancelled>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_at_its_next_point_where_its_own_mark_is_set() {
        let (mine, other) = (Mark::default(), Mark::default());
        let work = mine.clone();
        let thread = std::thread::spawn(move || {
            work.enter();
            let helper = Mark::current();
            std::thread::spawn(move || {
                helper.enter();
                loop {
                    point();
                }
            })
            .join()
        });
        other.set();
        point();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!thread.is_finished());
        mine.set();
        assert!(is_cancelled(&*thread.join().unwrap().unwrap_err()));
        let panic = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new("other"))).unwrap_err();
        assert!(!is_cancelled(&*panic));
    }
}
