//! Long work on threads of its own: the interpreter is free meanwhile, progress is told, and Ctrl-C ends it.
//!
//! Invariants: interrupted work ends at its next [`tessera_cancel::point`], gives its memory back and writes nothing; work of other threads
//! goes on. A process waits for interrupted work before it ends: threads that still compute when the process takes its memory down would crash
//! it. A process that the interrupt itself ends is killed instead.
use crate::failure::raised;
use crate::memory;
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tessera::failure::{Failure, Result};
use tessera_cancel::Mark;

/// How long a signal may wait.
const GLANCE: Duration = Duration::from_millis(50);
/// How long an interrupted call waits for its work to end: most does at once.
const PATIENCE: Duration = Duration::from_millis(500);
/// The compiler walks nested expressions by recursion.
const STACK: usize = 64 << 20;

/// Work whose result nobody waits for any more.
static LEFT: Mutex<Vec<JoinHandle<()>>> = Mutex::new(vec![]);

/// How much work is going on.
static GOING_ON: Mutex<usize> = Mutex::new(0);
/// Memory that so much work had is given back at its end: what is short is often done again.
const MUCH: Duration = Duration::from_secs(1);

/// While there is one, freed memory is kept for what is allocated next: fresh pages cost a sixth of compiling.
struct Kept {
    mark: Mark,
    since: Instant,
}

impl Kept {
    fn new(mark: Mark) -> Kept {
        let mut going_on = GOING_ON.lock().unwrap_or_else(PoisonError::into_inner);
        if *going_on == 0 {
            memory::keep();
        }
        *going_on += 1;
        Kept { mark, since: Instant::now() }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut going_on = GOING_ON.lock().unwrap_or_else(PoisonError::into_inner);
        *going_on -= 1;
        if *going_on == 0 {
            memory::give_back(self.mark.is_set() || self.since.elapsed() > MUCH);
        }
    }
}

enum Event<T> {
    Step(String),
    Done(Result<T>),
}

/// What the work tells.
pub struct Steps {
    tell: Box<dyn Fn(String) + Send + Sync>,
}

impl Steps {
    /// Tells that a step is done.
    pub fn tell(&self, step: &str) {
        (self.tell)(step.to_owned());
    }

    /// Tells that a step is done, and ends the work where nobody waits for it.
    pub fn done(&self, step: &str) -> Result<()> {
        self.tell(step);
        tessera_cancel::point();
        Ok(())
    }
}

/// Does `f`. `progress`, if there is one, is called with the name of every step; where it is a bar, its method `waiting` between steps, so that time
/// is seen to pass.
pub fn work<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    f: impl FnOnce(&Steps) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let (sender, receiver) = channel();
    let mark = Mark::default();
    let thread = start(sender, mark.clone(), f).map_err(|e| raised(py, &e))?;
    let result = wait_for(py, receiver, progress);
    // what was read for this call may be written by the next
    tessera::files::forget();
    if let Err(e) = result {
        mark.set();
        py.detach(|| ends(PATIENCE, || thread.is_finished()));
        let mut left = left();
        left.retain(|thread| !thread.is_finished());
        left.push(thread);
        return Err(e);
    }
    result?.map_err(|failure| raised(py, &failure))
}

/// A thread that waits while a pool of threads does `f`: all that `f` starts is known by its mark, and whatever waits in the threads that
/// other work shares is none of it.
fn start<T: Send + 'static>(
    sender: Sender<Event<T>>,
    mark: Mark,
    f: impl FnOnce(&Steps) -> Result<T> + Send + 'static,
) -> Result<JoinHandle<()>> {
    let failed = |e: &dyn std::fmt::Display| {
        Failure::machine(format!("threads for the work cannot be started: {e}"))
            .help("give the process more memory or more threads")
    };
    let marked = mark.clone();
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|i| format!("tessera-{i}"))
        .stack_size(STACK)
        .start_handler(move |_| marked.enter())
        .build()
        .map_err(|e| failed(&e))?;
    let tell = sender.clone();
    // nobody listens to work that was left
    let steps = Steps { tell: Box::new(move |step| drop(tell.send(Event::Step(step)))) };
    let all = move || {
        let kept = Kept::new(mark);
        let result = catch_unwind(AssertUnwindSafe(|| pool.install(|| f(&steps))));
        let result = result.unwrap_or_else(|panic| Err(tessera::process::panicked(&*panic)));
        drop(kept);
        drop(sender.send(Event::Done(result)));
    };
    std::thread::Builder::new().name("tessera".into()).spawn(all).map_err(|e| failed(&e))
}

/// The result, or why nobody waits for it any more.
fn wait_for<T: Send>(
    py: Python<'_>,
    mut receiver: Receiver<Event<T>>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Result<T>> {
    let bar = progress.filter(|p| p.hasattr("waiting").unwrap_or(false));
    loop {
        let event;
        (receiver, event) = py.detach(move || {
            let event = receiver.recv_timeout(GLANCE);
            (receiver, event)
        });
        py.check_signals()?;
        match event {
            Ok(Event::Done(result)) => return Ok(result),
            Ok(Event::Step(step)) => drop(progress.map(|p| p.call1((step,))).transpose()?),
            Err(RecvTimeoutError::Timeout) => drop(bar.map(|b| b.call_method0("waiting")).transpose()?),
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Err(Failure::machine("the work ended without a result")));
            }
        }
    }
}

/// Waits until something has ended, so long at most. Says whether it has.
fn ends(most: Duration, ended: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !ended() {
        if start.elapsed() > most {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

fn left() -> std::sync::MutexGuard<'static, Vec<JoinHandle<()>>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for work that was interrupted, for so many seconds at most where they are given. Says whether all of it has ended.
#[pyfunction]
pub fn wait(py: Python<'_>, seconds: Option<f64>) -> bool {
    let most = seconds.map_or(Duration::MAX, |s| Duration::try_from_secs_f64(s).unwrap_or_default());
    py.detach(|| ends(most, || left().iter().all(JoinHandle::is_finished)))
}

/// Removes files that are half-written, before the process is killed.
#[pyfunction]
pub fn abandon(py: Python<'_>) {
    py.detach(tessera::files::abandon);
}
