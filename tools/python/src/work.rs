//! Long work on a thread of its own: the interpreter is free meanwhile, progress is told, and Ctrl-C ends the wait at once.
//!
//! Invariant: interrupted work writes nothing. It ends at its next step, and a process waits for it before it ends: threads that
//! still compute when the process takes its memory down would crash it. A process that the interrupt itself ends is killed instead.
use crate::failure::raised;
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tessera::failure::{Failure, Result};

/// How long a signal may wait.
const GLANCE: Duration = Duration::from_millis(50);
/// The compiler walks nested expressions by recursion.
const STACK: usize = 64 << 20;

/// Work whose result nobody waits for any more.
static LEFT: Mutex<Vec<JoinHandle<()>>> = Mutex::new(vec![]);

enum Event<T> {
    Step(String),
    Done(Result<T>),
}

/// What the work is told, and tells.
pub struct Steps {
    stop: Arc<AtomicBool>,
    tell: Box<dyn Fn(String) + Send>,
}

impl Steps {
    /// Tells that a step is done. Errs when the work shall end.
    pub fn done(&self, step: &str) -> Result<()> {
        (self.tell)(step.to_owned());
        if self.stop.load(Ordering::Relaxed) { Err(Failure::machine("interrupted")) } else { Ok(()) }
    }
}

/// Does `f`. `progress`, if there is one, is called with the name of every step.
pub fn work<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    f: impl FnOnce(&Steps) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let (sender, receiver) = channel();
    let stop = Arc::new(AtomicBool::new(false));
    let thread = start(sender, Arc::clone(&stop), f).map_err(|e| raised(py, &e))?;
    let result = wait_for(py, receiver, progress);
    // what was read for this call may be written by the next
    tessera::files::forget();
    if let Err(e) = result {
        stop.store(true, Ordering::Relaxed);
        left().push(thread);
        return Err(e);
    }
    result?.map_err(|failure| raised(py, &failure))
}

fn start<T: Send + 'static>(
    sender: Sender<Event<T>>,
    stop: Arc<AtomicBool>,
    f: impl FnOnce(&Steps) -> Result<T> + Send + 'static,
) -> Result<JoinHandle<()>> {
    let tell = sender.clone();
    // nobody listens to work that was left
    let steps = Steps { stop, tell: Box::new(move |step| drop(tell.send(Event::Step(step)))) };
    let all = move || {
        let result = catch_unwind(AssertUnwindSafe(|| f(&steps)));
        let result = result.unwrap_or_else(|panic| Err(tessera::process::panicked(&*panic)));
        drop(sender.send(Event::Done(result)));
    };
    std::thread::Builder::new().name("tessera".into()).stack_size(STACK).spawn(all).map_err(|e| {
        Failure::machine(format!("a thread for the work cannot be started: {e}"))
            .help("give the process more memory or more threads")
    })
}

/// The result, or why nobody waits for it any more.
fn wait_for<T: Send>(
    py: Python<'_>,
    mut receiver: Receiver<Event<T>>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Result<T>> {
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
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Err(Failure::machine("the work ended without a result")));
            }
        }
    }
}

fn left() -> std::sync::MutexGuard<'static, Vec<JoinHandle<()>>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for work that was interrupted, for so many seconds at most where they are given. Says whether all of it has ended.
#[pyfunction]
pub fn wait(py: Python<'_>, seconds: Option<f64>) -> bool {
    let start = Instant::now();
    py.detach(|| {
        while left().iter().any(|t| !t.is_finished()) {
            if seconds.is_some_and(|most| start.elapsed().as_secs_f64() > most) {
                return false;
            }
            std::thread::sleep(GLANCE);
        }
        true
    })
}

/// Removes files that are half-written, before the process is killed.
#[pyfunction]
pub fn abandon(py: Python<'_>) {
    py.detach(tessera::files::abandon);
}
