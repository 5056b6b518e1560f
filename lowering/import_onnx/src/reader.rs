//! The one place that runs the ONNX reader (tract), on a thread of its own so that its defects end as errors.

use crate::error::ImportError;
use crate::proto;
use crate::source::{ImportOptions, Source};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;
use tract_onnx::model::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

const THREAD: &str = "onnx-reader";
/// Graphs are walked recursively in places.
const STACK_BYTES: usize = 256 << 20;

/// A panic on the reader's thread is reported as an error of the import, so it is not printed as well.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() != Some(THREAD) {
                previous(info);
            }
        }));
    });
}

/// Runs `f` where a panic becomes [`ImportError::Crash`].
pub(crate) fn guarded<T: Send>(
    stage: &'static str,
    f: impl FnOnce() -> Result<T, ImportError> + Send,
) -> Result<T, ImportError> {
    quiet_panics();
    let crash = |payload: Box<dyn std::any::Any + Send>| {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Err(ImportError::Crash { stage, message: text.unwrap_or_else(|| "no message".into()) })
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(THREAD.into()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, || catch_unwind(AssertUnwindSafe(f))) {
            Ok(handle) => match handle.join() {
                Ok(Ok(result)) => result,
                Ok(Err(payload)) | Err(payload) => crash(payload),
            },
            Err(e) => Err(ImportError::Threads(e)),
        }
    })
}

/// Reads a model and checks it.
pub(crate) fn checked(source: Source, options: &ImportOptions) -> Result<ModelProto, ImportError> {
    let read;
    let (bytes, path) = match source {
        Source::Bytes(bytes) => (bytes, None),
        Source::File(bytes, path) => (bytes, Some(path)),
        Source::Path(path) => {
            read = std::fs::read(path).map_err(|source| ImportError::Io { path: path.to_owned(), source })?;
            (&read[..], Some(path))
        }
    };
    let directory = path.map(|p| p.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    guarded("decoding the file", || proto::load(bytes, directory, options))
}

/// Takes a checked model and brings it to the reader's canonical ("decluttered") form.
pub(crate) fn decluttered(onnx: &Onnx, proto: &ModelProto) -> Result<TypedModel, ImportError> {
    let reader = |stage| move |e: TractError| ImportError::Reader { stage, message: format!("{e:#}") };
    onnx.model_for_proto_model(proto)
        .map_err(reader("reading the graph"))?
        .into_typed()
        .map_err(reader("inferring shapes"))?
        .into_decluttered()
        .map_err(reader("simplifying the graph"))
}
