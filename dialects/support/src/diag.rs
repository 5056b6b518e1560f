//! Diagnostics: MLIR's into Rust errors, and Rust errors into MLIR's.

use crate::{
    Error, Report,
    loc::{Place, printed},
    string_ref, text,
};
use melior::{
    Context,
    diagnostic::{Diagnostic, DiagnosticSeverity},
    dialect::DialectRegistry,
    ir::{Attribute, Location},
};
use mlir_sys::{MlirContext, MlirDialectRegistry, MlirLocation, MlirStringRef};
use std::{cell::RefCell, ffi::c_void, rc::Rc};

/// What MLIR said while something ran.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    /// Errors, with their notes.
    pub errors: Vec<Report>,
    /// Warnings and remarks.
    pub others: Vec<Report>,
}

impl Diagnostics {
    /// The errors, or one with the given message when something failed without saying why.
    pub fn into_error(self, otherwise: impl Into<String>) -> Error {
        if self.errors.is_empty() { Error::new(otherwise) } else { Error { reports: self.errors } }
    }
}

/// Runs a function and collects what MLIR says meanwhile, instead of printing it.
pub fn collect<T>(context: &Context, function: impl FnOnce() -> T) -> (T, Diagnostics) {
    let collected = Rc::new(RefCell::new(Diagnostics::default()));
    let context_of_errors = context.to_raw();
    let id = context.attach_diagnostic_handler({
        let collected = collected.clone();
        move |diagnostic| {
            let mut report = report(&diagnostic);
            let mut collected = collected.borrow_mut();
            match diagnostic.severity() {
                DiagnosticSeverity::Error => {
                    let advice = advice(context_of_errors, &report.message);
                    report.notes.extend(advice.map(|message| Report { message, place: None, notes: vec![] }));
                    collected.errors.push(report);
                }
                _ => collected.others.push(report),
            }
            true
        }
    });
    let value = function();
    context.detach_diagnostic_handler(id);
    (value, collected.take())
}

/// Makes a driver add what to do to errors of MLIR's own that do not say it, as [`collect`] does.
pub fn advise(registry: &DialectRegistry) {
    // SAFETY: the registry is alive.
    unsafe { tesseraAddAdvisor(registry.to_raw()) }
}

/// Emits every report of an error as an MLIR diagnostic, at `location` where a report has no place of its own.
pub fn emit(location: Location, error: &Error) {
    let context = crate::context_of(location);
    let place = |report: &Report| {
        report
            .place
            .as_ref()
            .and_then(|place| Attribute::parse(context, &place.text))
            .map_or(location, Location::from_attribute)
            .to_raw()
    };
    for report in &error.reports {
        let notes = report
            .notes
            .iter()
            .map(|note| Note { location: place(note), message: string_ref(&note.message) })
            .collect::<Vec<_>>();
        // SAFETY: locations are alive, and `notes` is as long as it says; texts are copied during the call.
        unsafe {
            tesseraEmitError(place(report), string_ref(&report.message), notes.as_ptr(), notes.len() as isize)
        }
    }
}

/// Emits a remark: something worth knowing that is not wrong.
pub fn remark(location: Location, message: &str) {
    // SAFETY: the location is alive; the text is copied during the call.
    unsafe { tesseraEmitRemark(location.to_raw(), string_ref(message)) }
}

fn report(diagnostic: &Diagnostic) -> Report {
    Report {
        message: printed(diagnostic),
        place: Some(Place::new(diagnostic.location())),
        notes: (0..diagnostic.note_count())
            .filter_map(|index| diagnostic.note(index).ok())
            .map(|note| report(&note))
            .collect(),
    }
}

/// What to do about an error of MLIR's own, where there is something to add.
fn advice(context: MlirContext, error: &str) -> Option<String> {
    unsafe extern "C" fn append(target: *mut c_void, part: MlirStringRef) {
        // SAFETY: `target` is the `String` that `advice` passes on, which nothing else borrows during the call; `part` is readable.
        unsafe { (*target.cast::<String>()).push_str(&text(part)) }
    }
    let mut advice = String::new();
    // SAFETY: the context is alive; `append` gets the `String` that it expects, during the call alone.
    unsafe { tesseraAdvise(context, string_ref(error), append, (&raw mut advice).cast()) }
    (!advice.is_empty()).then_some(advice)
}

#[repr(C)]
struct Note {
    location: MlirLocation,
    message: MlirStringRef,
}

type Sink = unsafe extern "C" fn(*mut c_void, MlirStringRef);

unsafe extern "C" {
    fn tesseraAdvise(context: MlirContext, error: MlirStringRef, sink: Sink, target: *mut c_void);
    fn tesseraAddAdvisor(registry: MlirDialectRegistry);
    fn tesseraEmitRemark(location: MlirLocation, message: MlirStringRef);
    fn tesseraEmitError(location: MlirLocation, message: MlirStringRef, notes: *const Note, count: isize);
}
