//! A thread of its own for what reads a user's file: a defect ends as an error.

use crate::error::ImportError;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

const THREAD: &str = "onnx-reader";
/// Graphs are walked recursively in places.
const STACK_BYTES: usize = 256 << 20;

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic on the reader's thread is reported as an error of the import, with its place, so it is not printed as well.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() != Some(THREAD) {
                return previous(info);
            }
            PLACE.set(info.location().map(ToString::to_string).unwrap_or_default());
        }));
    });
}

/// Runs `f` where a panic becomes [`ImportError::Crash`].
pub(crate) fn guarded<T: Send>(
    stage: &'static str,
    f: impl FnOnce() -> Result<T, ImportError> + Send,
) -> Result<T, ImportError> {
    quiet_panics();
    let crash = |(payload, place): (Box<dyn std::any::Any + Send>, String)| {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        let text = text.unwrap_or_else(|| "no message".into());
        Err(ImportError::Crash { stage, message: format!("{text} (at {place})") })
    };
    let mark = tessera_cancel::Mark::current();
    let work = move || {
        mark.enter();
        f()
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(THREAD.into()).stack_size(STACK_BYTES);
        let work = || catch_unwind(AssertUnwindSafe(work)).map_err(|payload| (payload, PLACE.take()));
        match thread.spawn_scoped(scope, work) {
            Ok(handle) => match handle.join() {
                Ok(Ok(result)) => result,
                Ok(Err(panic)) => crash(panic),
                Err(payload) => crash((payload, "an unknown place".into())),
            },
            Err(e) => Err(ImportError::Threads(e)),
        }
    })
}
