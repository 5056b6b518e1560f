//! What this process does when it, or the machine below it, fails: a message and exit code 3, whatever it was.
//!
//! Invariants: no failure of the machine looks like a verdict on a proof; a handler of a signal calls nothing but `write` and
//! `_exit`.
use crate::failure::{Failure, Result};
use crate::show::plain;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// More threads than any machine has cores; with a stack each, they would fill the memory.
const MOST_THREADS: usize = 1024;

/// Runs the command: a panic of it is a failure of the machine.
pub fn guarded(f: impl FnOnce() -> Result<()>) -> Result<()> {
    static LAST: Mutex<Option<String>> = Mutex::new(None);
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string);
        if let Ok(mut last) = LAST.lock() {
            *last = place;
        }
        // whoever asks for backtraces looks for the defect
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|v| v != "0") {
            previous(info);
        }
    }));
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|payload| {
        let place = LAST.lock().ok().and_then(|mut l| l.take());
        let f = panicked(&*payload);
        Err(place.map_or(f.clone(), |p| f.at(p)))
    })
}

/// What is said of a panic, by what it was thrown with.
pub fn panicked(payload: &(dyn Any + Send)) -> Failure {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text =
        text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message");
    Failure::machine("tessera failed unexpectedly: nothing is known about the result")
        .found(plain(text))
        .help("this is a defect of tessera or of the machine; RUST_BACKTRACE=1 says more")
}

/// Starts the threads that work in parallel, as many as `RAYON_NUM_THREADS` says, or one a core.
pub fn start_threads() -> Result<()> {
    let name = "RAYON_NUM_THREADS";
    let mut threads = 0;
    if let Some(given) = std::env::var_os(name).filter(|v| !v.is_empty()) {
        let number = given.to_str().and_then(|s| s.parse::<usize>().ok());
        threads = number.filter(|n| *n <= MOST_THREADS).ok_or_else(|| {
            Failure::new(format!("{name} is no usable number of threads"))
                .expected(format!("1 to {MOST_THREADS}, or 0 for one a core"))
                .found(given.to_string_lossy())
        })?;
    }
    if threads == 0 {
        threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    }
    // told the number, it asks no other variable for one, as RAYON_RS_NUM_CPUS
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().map_err(|e| {
        Failure::machine(format!("the threads that work in parallel cannot be started: {e}"))
            .help("give the process more memory or more threads, or set RAYON_NUM_THREADS=1")
    })
}

/// Ends the process with exit code 3 where the system would end it by a signal: no memory (Rust aborts), a mapped file that was
/// cut short, a stack that is full. A file size limit becomes an error of writing.
pub fn catch_signals() {
    let handlers: [(libc::c_int, extern "C" fn(libc::c_int)); 2] =
        [(libc::SIGBUS, on_bus_error), (libc::SIGABRT, on_abort)];
    for (signal, handler) in handlers {
        // SAFETY: zero is a value of every field of sigaction; the handlers call async-signal-safe functions only.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as libc::sighandler_t;
            action.sa_flags = libc::SA_ONSTACK;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
    // SAFETY: ignoring a signal runs no code.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Where a signal asks for the end, as Ctrl-C does: removes what is half-written, then lets the signal end the process. To be called before
/// any thread is started.
pub fn end_cleanly() {
    // SAFETY: the calls fill the structs that they are given, of which zeros are values. A signal that whoever started this process ignores
    // stays ignored.
    let asked = unsafe {
        let mut asked: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut asked);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            let mut now: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &mut now) == 0 && now.sa_sigaction == libc::SIG_DFL {
                libc::sigaddset(&mut asked, signal);
            }
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &asked, std::ptr::null_mut());
        asked
    };
    let wait = move || {
        let mut signal = 0;
        // SAFETY: the set is initialized, and waiting for one of its signals writes which it was.
        if unsafe { libc::sigwait(&asked, &mut signal) } == 0 {
            crate::files::abandon();
            // SAFETY: unblocked in this thread, the signal does what it does by default.
            unsafe {
                libc::pthread_sigmask(libc::SIG_UNBLOCK, &asked, std::ptr::null_mut());
                libc::raise(signal);
            }
        }
    };
    if std::thread::Builder::new().name("signals".into()).spawn(wait).is_err() {
        // SAFETY: as above; without the thread, signals end the process at once.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &asked, std::ptr::null_mut()) };
    }
}

extern "C" fn on_bus_error(_: libc::c_int) {
    end(b"error: a file was cut short while it was in use, or its disk failed\n  help     run the command again, on files that nobody writes to\n");
}

extern "C" fn on_abort(_: libc::c_int) {
    end(b"error: tessera was ended by a failure of the machine, most often for want of memory\n");
}

fn end(text: &[u8]) -> ! {
    // SAFETY: both are async-signal-safe, and the text is ours.
    unsafe {
        libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
        libc::_exit(crate::failure::MACHINE.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{MACHINE, USE};

    #[test]
    fn a_panic_is_a_failure_of_the_machine() {
        let f = guarded(|| panic!("index {} of \x1b[2J", 7)).unwrap_err();
        assert_eq!(f.code, MACHINE);
        let text = f.to_string();
        assert!(text.contains("index 7 of \\u{1b}[2J") && text.contains("process.rs"), "{text}");
        assert!(guarded(|| Ok(())).is_ok());
        assert_eq!(guarded(|| Err(Failure::new("x"))).unwrap_err().code, USE);
    }
}
