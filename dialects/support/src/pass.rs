//! Passes: unit structs with a name, a contract, typed options and an example that is run.
//!
//! Invariants:
//! - Option values are checked when the pipeline is parsed; a pass never sees one outside its range.
//! - A pass that fails or panics becomes a diagnostic, and the pipeline stops.
//! - A pass leaves valid IR; the driver verifies after each one.

use crate::{Error, Result, diag, hooks::panicked, string_ref, text};
use melior::ir::{OperationRef, operation::OperationLike};
use mlir_sys::{MlirOperation, MlirStringRef};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ffi::c_void,
    fmt::{self, Display, Formatter},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
};

/// A pass over a `builtin.module`, or over a function alone as well.
pub trait Pass: Send + Sync {
    /// Its name, contract and options.
    fn info(&self) -> PassInfo;

    /// Whether it may also run on one function, as in `builtin.module(func.func(NAME))`: it then gets a `func.func`, which
    /// [`crate::func::Func::main`] takes for the function that is meant, and changes nothing outside.
    fn nests(&self) -> bool {
        false
    }

    /// What it counts by [`Options::count`]: names, and one line about each.
    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Runs it.
    ///
    /// # Errors
    /// Everything the pass rejects; a report without a place is put at the module.
    fn run(&self, module: OperationRef, options: &Options) -> Result<()>;
}

/// What a pass is. Sentences, for people.
#[derive(Clone, Debug)]
pub struct PassInfo {
    /// The name in pipelines, such as `convert-nn-to-qnn`.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What the IR must be like.
    pub expects: &'static str,
    /// What the IR is like afterwards.
    pub guarantees: &'static str,
    /// What is refused, and how.
    pub rejects: &'static str,
    /// Its options.
    pub options: &'static [OptionSpec],
    /// A module that the pass runs on; a test runs it and the reference shows what comes out.
    pub example: &'static str,
}

/// An option of a pass.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub help: &'static str,
    /// Its values.
    pub kind: OptionKind,
}

/// The values of an option, with the default.
#[derive(Clone, Copy, Debug)]
pub enum OptionKind {
    /// An integer in an inclusive range: default, least, greatest.
    Int(i64, i64, i64),
    /// A float in an inclusive range: default, least, greatest.
    Float(f64, f64, f64),
    /// True or false.
    Boolean(bool),
    /// One of several words.
    Choice(&'static str, &'static [&'static str]),
    /// Any text.
    Text(&'static str),
}

impl OptionSpec {
    /// An integer in `least..=greatest`.
    pub const fn int(
        name: &'static str,
        help: &'static str,
        initial: i64,
        least: i64,
        greatest: i64,
    ) -> Self {
        Self { name, help, kind: OptionKind::Int(initial, least, greatest) }
    }

    /// A float in `least..=greatest`.
    pub const fn float(
        name: &'static str,
        help: &'static str,
        initial: f64,
        least: f64,
        greatest: f64,
    ) -> Self {
        Self { name, help, kind: OptionKind::Float(initial, least, greatest) }
    }

    /// True or false.
    pub const fn boolean(name: &'static str, help: &'static str, initial: bool) -> Self {
        Self { name, help, kind: OptionKind::Boolean(initial) }
    }

    /// One of several words.
    pub const fn choice(
        name: &'static str,
        help: &'static str,
        initial: &'static str,
        choices: &'static [&'static str],
    ) -> Self {
        Self { name, help, kind: OptionKind::Choice(initial, choices) }
    }

    /// Any text, such as a file name.
    pub const fn text(name: &'static str, help: &'static str, initial: &'static str) -> Self {
        Self { name, help, kind: OptionKind::Text(initial) }
    }

    /// The default as it is written in a pipeline.
    pub fn initial(&self) -> String {
        match self.kind {
            OptionKind::Int(initial, ..) => initial.to_string(),
            OptionKind::Float(initial, ..) => initial.to_string(),
            OptionKind::Boolean(initial) => initial.to_string(),
            OptionKind::Choice(initial, _) | OptionKind::Text(initial) => initial.to_owned(),
        }
    }

    fn read(&self, text: &str) -> Result<OptionValue> {
        let value = match self.kind {
            OptionKind::Int(_, least, greatest) => {
                text.parse().ok().filter(|value| (least..=greatest).contains(value)).map(OptionValue::Int)
            }
            OptionKind::Float(_, least, greatest) => {
                text.parse().ok().filter(|value| (least..=greatest).contains(value)).map(OptionValue::Float)
            }
            OptionKind::Boolean(_) => text.parse().ok().map(OptionValue::Boolean),
            OptionKind::Choice(_, choices) => {
                choices.contains(&text).then(|| OptionValue::Text(text.to_owned()))
            }
            OptionKind::Text(_) => Some(OptionValue::Text(text.to_owned())),
        };
        value.ok_or_else(|| {
            Error::new(format!("option '{}': expected {}, found '{text}'", self.name, self.kind))
        })
    }
}

impl Display for OptionKind {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        match self {
            Self::Int(_, least, greatest) => write!(formatter, "an integer in {least}..={greatest}"),
            Self::Float(_, least, greatest) => write!(formatter, "a number in {least}..={greatest}"),
            Self::Boolean(_) => write!(formatter, "true or false"),
            Self::Choice(_, choices) => write!(formatter, "one of {}", choices.join(", ")),
            Self::Text(_) => write!(formatter, "text"),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum OptionValue {
    Int(i64),
    Float(f64),
    Boolean(bool),
    Text(String),
}

/// Checked option values of one run of a pass, and what it counts meanwhile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    values: BTreeMap<&'static str, OptionValue>,
    counts: RefCell<BTreeMap<&'static str, u64>>,
}

/// Asking for an option that the pass did not declare, or declared with another kind, is a mistake in the pass.
macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident, $variant:ident, $ty:ty, $get:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// When the pass declares no such option of this kind.
        pub fn $name(&self, name: &str) -> $ty {
            match self.values.get(name) {
                Some(OptionValue::$variant(value)) => $get(value),
                other => panic!("the pass asks for option {name:?}, which it declares as {other:?}"),
            }
        }
    )*};
}

impl Options {
    getters! {
        /// An integer.
        int, Int, i64, |value: &i64| *value;
        /// A float.
        float, Float, f64, |value: &f64| *value;
        /// A boolean.
        boolean, Boolean, bool, |value: &bool| *value;
    }

    /// A text or a choice.
    ///
    /// # Panics
    /// When the pass declares no such option of this kind.
    pub fn text(&self, name: &str) -> &str {
        match self.values.get(name) {
            Some(OptionValue::Text(value)) => value,
            other => panic!("the pass asks for option {name:?}, which it declares as {other:?}"),
        }
    }

    /// A choice.
    ///
    /// # Panics
    /// When the pass declares no such option of this kind.
    pub fn choice(&self, name: &str) -> &str {
        self.text(name)
    }

    /// Adds to a statistic that the pass declares.
    pub fn count(&self, statistic: &'static str, by: usize) {
        *self.counts.borrow_mut().entry(statistic).or_default() += by as u64;
    }

    /// The values of a pass's options: given ones by name, defaults elsewhere.
    ///
    /// # Errors
    /// Every value that is refused, and every name the pass does not have.
    pub fn new<'s>(info: &PassInfo, given: impl IntoIterator<Item = (&'s str, &'s str)>) -> Result<Self> {
        let mut errors = vec![];
        let mut values = BTreeMap::new();
        for spec in info.options {
            match spec.read(&spec.initial()) {
                Ok(value) => drop(values.insert(spec.name, value)),
                Err(error) => errors.push(error.context("default")),
            }
        }
        for (name, text) in given {
            match info.options.iter().find(|spec| spec.name == name) {
                Some(spec) => match spec.read(text) {
                    Ok(value) => drop(values.insert(spec.name, value)),
                    Err(error) => errors.push(error),
                },
                None => errors.push(Error::new(format!("no option '{name}'"))),
            }
        }
        Error::all(errors)
            .map(|()| Self { values, counts: RefCell::default() })
            .map_err(|error| error.context(format!("pass '{}'", info.name)))
    }
}

/// What a pass counted in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistic {
    /// The pass.
    pub pass: &'static str,
    /// What was counted.
    pub name: &'static str,
    /// One line about it.
    pub help: &'static str,
    /// How often, over all runs.
    pub count: u64,
}

type Counted = (&'static str, &'static str);
static COUNTED: Mutex<BTreeMap<Counted, (&'static str, u64)>> = Mutex::new(BTreeMap::new());

/// The statistics of every pass that ran in this process, by pass and name.
pub fn statistics() -> Vec<Statistic> {
    let counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    counted.iter().map(|(&(pass, name), &(help, count))| Statistic { pass, name, help, count }).collect()
}

/// Runs a pass, and adds up what it counted when it succeeded.
fn run_counted(pass: &dyn Pass, module: OperationRef, options: &Options) -> Result<()> {
    pass.run(module, options)?;
    let name = pass.info().name;
    let counts = options.counts.borrow();
    let declared = pass.statistics();
    if let Some(unknown) = counts.keys().find(|count| !declared.iter().any(|(known, _)| known == *count)) {
        return Err(Error::new(format!(
            "pass '{name}' counts '{unknown}', which its statistics do not declare"
        )));
    }
    let mut counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    for &(statistic, help) in declared {
        counted.entry((name, statistic)).or_insert((help, 0)).1 +=
            counts.get(statistic).copied().unwrap_or(0);
    }
    Ok(())
}

/// Registers passes by name for textual pipelines. A name that is registered already is skipped.
pub fn register(passes: &[&'static dyn Pass]) {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    for &pass in passes {
        let info = pass.info();
        if !names.insert(info.name) {
            continue;
        }
        let texts = info
            .options
            .iter()
            .map(|spec| {
                (
                    spec.name,
                    format!("{} ({}; default: {})", spec.help, spec.kind, spec.initial()),
                    spec.initial(),
                )
            })
            .collect::<Vec<_>>();
        let specs = texts
            .iter()
            .map(|(name, help, initial)| RawSpec {
                name: string_ref(name),
                help: string_ref(help),
                initial: string_ref(initial),
            })
            .collect::<Vec<_>>();
        // A registered pass stays until the process ends, and so does the handle to it.
        let handle: &'static &'static dyn Pass = Box::leak(Box::new(pass));
        // SAFETY: `specs` is as long as it says and is copied during the call; the handle stays until the process ends.
        unsafe {
            tesseraRegisterPass(
                string_ref(info.name),
                string_ref(info.summary),
                pass.nests(),
                specs.as_ptr(),
                specs.len() as isize,
                std::ptr::from_ref(handle).cast(),
                run,
                check,
            );
        }
    }
}

/// Runs a pass on a module directly, with options by name; verifying is the caller's.
///
/// # Errors
/// What the pass rejects, or a refused option.
pub fn run_directly(pass: &dyn Pass, module: OperationRef, options: &[(&str, &str)]) -> Result<()> {
    let options = Options::new(&pass.info(), options.iter().copied())?;
    let outcome = catch_unwind(AssertUnwindSafe(|| run_counted(pass, module, &options)));
    outcome.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(|error| error.or_at(module.location()))
}

#[repr(C)]
struct RawOption {
    name: MlirStringRef,
    value: MlirStringRef,
}

#[repr(C)]
struct RawSpec {
    name: MlirStringRef,
    help: MlirStringRef,
    initial: MlirStringRef,
}

type Sink = unsafe extern "C" fn(*mut c_void, MlirStringRef);
type Run = unsafe extern "C" fn(*const c_void, MlirOperation, *const RawOption, isize) -> bool;
type Check = unsafe extern "C" fn(*const c_void, *const RawOption, isize, Sink, *mut c_void) -> bool;

unsafe extern "C" {
    fn tesseraRegisterPass(
        name: MlirStringRef,
        summary: MlirStringRef,
        nests: bool,
        specs: *const RawSpec,
        count: isize,
        pass: *const c_void,
        run: Run,
        check: Check,
    );
}

unsafe fn options(pass: &dyn Pass, raw: *const RawOption, count: isize) -> Result<Options> {
    let given = (0..count as usize)
        // SAFETY: the C++ side passes `count` options, readable during the call.
        .map(|index| unsafe {
            let option = &*raw.add(index);
            (text(option.name), text(option.value))
        })
        .collect::<Vec<_>>();
    Options::new(&pass.info(), given.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

unsafe extern "C" fn run(
    pass: *const c_void,
    op: MlirOperation,
    raw: *const RawOption,
    count: isize,
) -> bool {
    // SAFETY: the handle that `register` leaked.
    let pass = unsafe { *pass.cast::<&'static dyn Pass>() };
    // SAFETY: the pass manager runs a pass on an op that is alive.
    let module = unsafe { OperationRef::from_raw(op) };
    let outcome =
        // SAFETY: the C++ side passes `count` options, readable during the call.
        catch_unwind(AssertUnwindSafe(|| run_counted(pass, module, &unsafe { options(pass, raw, count) }?)));
    match outcome.unwrap_or_else(|panic| Err(panicked(&*panic))) {
        Ok(()) => true,
        Err(error) => {
            diag::emit(module.location(), &error);
            false
        }
    }
}

unsafe extern "C" fn check(
    pass: *const c_void,
    raw: *const RawOption,
    count: isize,
    sink: Sink,
    target: *mut c_void,
) -> bool {
    // SAFETY: the handle that `register` leaked.
    let pass = unsafe { *pass.cast::<&'static dyn Pass>() };
    // SAFETY: the C++ side passes `count` options, readable during the call.
    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { options(pass, raw, count) }));
    match outcome.unwrap_or_else(|panic| Err(panicked(&*panic))) {
        Ok(_) => true,
        Err(error) => {
            // SAFETY: `sink` copies the text into the target that it came with.
            unsafe { sink(target, string_ref(&error.to_string())) };
            false
        }
    }
}
