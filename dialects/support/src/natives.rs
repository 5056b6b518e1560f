//! Functions that rewrite patterns in PDL may call: constraints, and functions that give an attribute or a type.
//!
//! Invariants:
//! - What a pattern passes is checked against the signature before the pattern runs.
//! - An error of a call ends the pass; the IR that a pattern made meanwhile is given up with it.

use crate::{Error, Result, attrs, hooks::panicked, string_ref};
use melior::{
    Context,
    ir::{Attribute, AttributeLike, Type, TypeLike, Value},
};
use mlir_sys::{MlirAttribute, MlirContext, MlirStringRef, MlirType, MlirValue};
use std::{
    ffi::c_void,
    fmt::{self, Display, Formatter},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What a native takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value of the IR.
    Value,
    /// An attribute.
    Attribute,
    /// A type.
    Type,
}

/// An argument, of the kind that was declared.
#[derive(Clone, Copy)]
pub enum Argument<'c, 'a> {
    /// A value of the IR.
    Value(Value<'c, 'a>),
    /// An attribute.
    Attribute(Attribute<'c>),
    /// A type.
    Type(Type<'c>),
}

/// What a native does.
#[derive(Clone, Copy)]
pub enum Body {
    /// Says whether the pattern may go on.
    Constraint(for<'c, 'a> fn(&[Argument<'c, 'a>]) -> Result<bool>),
    /// Computes an attribute.
    Attribute(for<'c, 'a> fn(&'c Context, &[Argument<'c, 'a>]) -> Result<Attribute<'c>>),
    /// Computes a type.
    Type(for<'c, 'a> fn(&'c Context, &[Argument<'c, 'a>]) -> Result<Type<'c>>),
}

/// A function that patterns may call by its name.
pub struct Native {
    /// Its name.
    pub name: &'static str,
    /// The kinds of its arguments.
    pub takes: &'static [Kind],
    /// What it does.
    pub body: Body,
}

impl Display for Kind {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::Value => "!pdl.value",
            Self::Attribute => "!pdl.attribute",
            Self::Type => "!pdl.type",
        })
    }
}

impl Native {
    /// Its declaration in PDLL, such as `Constraint HasOneUse(a: Value);`.
    pub fn declaration(&self) -> String {
        let arguments = self.takes.iter().zip('a'..).map(|(kind, name)| match kind {
            Kind::Value => format!("{name}: Value"),
            Kind::Attribute => format!("{name}: Attr"),
            Kind::Type => format!("{name}: Type"),
        });
        let arguments = arguments.collect::<Vec<_>>().join(", ");
        match self.body {
            Body::Constraint(_) => format!("Constraint {}({arguments});", self.name),
            Body::Attribute(_) => format!("Rewrite {}({arguments}) -> Attr;", self.name),
            Body::Type(_) => format!("Rewrite {}({arguments}) -> Type;", self.name),
        }
    }
}

#[repr(C)]
pub(crate) struct RawNative {
    name: MlirStringRef,
    takes: MlirStringRef,
    gives: MlirStringRef,
}

pub(crate) type Call = unsafe extern "C" fn(
    *mut c_void,
    isize,
    MlirContext,
    *const *const c_void,
    isize,
    *mut *const c_void,
) -> bool;

/// The natives of one run, and its first error.
pub(crate) struct Calls<'n> {
    natives: &'n [Native],
    takes: Vec<String>,
    error: Option<Error>,
}

impl<'n> Calls<'n> {
    pub(crate) fn new(natives: &'n [Native]) -> Self {
        let takes = |native: &Native| native.takes.iter().map(Kind::to_string).collect::<Vec<_>>().join(", ");
        Self { natives, takes: natives.iter().map(takes).collect(), error: None }
    }

    /// What the C++ side is told.
    pub(crate) fn declared(&self) -> Vec<RawNative> {
        let gives = |native: &Native| match native.body {
            Body::Constraint(_) => "",
            Body::Attribute(_) => "!pdl.attribute",
            Body::Type(_) => "!pdl.type",
        };
        let declare = |(native, takes): (&Native, &String)| RawNative {
            name: string_ref(native.name),
            takes: string_ref(takes),
            gives: string_ref(gives(native)),
        };
        self.natives.iter().zip(&self.takes).map(declare).collect()
    }

    /// The first error.
    pub(crate) fn error(self) -> Option<Error> {
        self.error
    }

    /// Keeps the first error, and goes on with something that is of the right kind.
    fn keep<T>(&mut self, native: &Native, outcome: std::thread::Result<Result<T>>, otherwise: T) -> T {
        outcome.unwrap_or_else(|panic| Err(panicked(&*panic))).unwrap_or_else(|error| {
            self.error.get_or_insert(error.context(native.name));
            otherwise
        })
    }
}

pub(crate) unsafe extern "C" fn call(
    calls: *mut c_void,
    index: isize,
    context: MlirContext,
    arguments: *const *const c_void,
    count: isize,
    result: *mut *const c_void,
) -> bool {
    // SAFETY: the caller passes on the `Calls` that it was given for this run, and nothing else borrows it meanwhile.
    let calls = unsafe { &mut *calls.cast::<Calls>() };
    let native = &calls.natives[index as usize];
    let context = crate::context_from_raw(context);
    let pointers = if count == 0 {
        &[]
    } else {
        // SAFETY: the caller passes `count` pointers, readable during the call.
        unsafe { std::slice::from_raw_parts(arguments, count as usize) }
    };
    let given = pointers.iter().zip(native.takes).map(|(&pointer, kind)| {
        // SAFETY: signatures were compared, so each points to what its kind says, alive during the call.
        unsafe {
            match kind {
                Kind::Value => Argument::Value(Value::from_raw(MlirValue { ptr: pointer })),
                Kind::Attribute => Argument::Attribute(Attribute::from_raw(MlirAttribute { ptr: pointer })),
                Kind::Type => Argument::Type(Type::from_raw(MlirType { ptr: pointer })),
            }
        }
    });
    let given = given.collect::<Vec<_>>();
    let outcome = match native.body {
        Body::Constraint(holds) => {
            let outcome = catch_unwind(AssertUnwindSafe(|| holds(&given)));
            return calls.keep(native, outcome, false);
        }
        Body::Attribute(compute) => {
            let outcome = catch_unwind(AssertUnwindSafe(|| compute(context, &given)));
            calls.keep(native, outcome, attrs::int(context, 0)).to_raw().ptr
        }
        Body::Type(compute) => {
            let outcome = catch_unwind(AssertUnwindSafe(|| compute(context, &given)));
            calls.keep(native, outcome, Type::none(context)).to_raw().ptr
        }
    };
    // SAFETY: the caller gives a place for the result of what is no constraint.
    unsafe { result.write(outcome) };
    true
}
