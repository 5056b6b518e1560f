//! Every backend of this build. A new one is its folder and a line under `[dependencies]` of this crate's manifest; the list
//! below is made of those lines.
//!
//! Invariant: nothing outside this crate and tests names a backend.
use tessera_api::Backend;

static ALL: &[&dyn Backend] = include!(concat!(env!("OUT_DIR"), "/all.rs"));

/// All of them.
pub fn all() -> &'static [&'static dyn Backend] {
    ALL
}

/// The one that is taken when none is named: the first.
pub fn default() -> &'static dyn Backend {
    ALL[0]
}

/// There is no such backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(String);

impl std::error::Error for Unknown {}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let names: Vec<&str> = ALL.iter().map(|b| b.name()).collect();
        write!(f, "there is no backend {:?} in this build; there are {}", self.0, names.join(", "))
    }
}

/// The backend of this name.
///
/// # Errors
/// When there is none, with the names that there are.
pub fn find(name: &str) -> Result<&'static dyn Backend, Unknown> {
    ALL.iter().copied().find(|b| b.name() == name).ok_or_else(|| Unknown(name.into()))
}
