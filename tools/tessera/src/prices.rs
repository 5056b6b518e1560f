//! What this machine's prover charges, where it was measured: `tessera calibrate-machine` writes it, `compile` and every prediction read it.
//!
//! Invariants: a backend without a file charges what it ships with; what a model was compiled by stands in its IR. Bytes are never
//! measured: a file says times alone.
use crate::failure::{Failure, Result};
use crate::files;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tessera_api::{Backend, Capabilities, Cost, Prices, Program, SetupError, Shape, TableShape, Target};

/// A file of prices.
#[derive(Debug, Serialize, Deserialize)]
pub struct File {
    /// The processor that was measured.
    pub machine: String,
    /// How many points were fitted.
    pub points: usize,
    /// What they gave.
    pub prices: Prices,
}

/// Where prices of a backend are on this machine.
pub fn path(backend: &str) -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let config = of("XDG_CONFIG_HOME").or_else(|| of("HOME").map(|home| home.join(".config")))?;
    Some(config.join("tessera").join(format!("{backend}.prices")))
}

/// What a backend charges on this machine: what was measured, or what it ships with.
pub fn of(backend: &dyn Target) -> Result<Prices> {
    let Some(path) = path(backend.name()).filter(|p| p.exists()) else { return Ok(backend.prices()) };
    let wrong = |why: String| {
        Failure::new(format!("these prices cannot be read: {why}"))
            .in_file(&path)
            .help("measure them again with: tessera calibrate-machine; or remove the file")
    };
    let file: File = serde_json::from_slice(&files::read(&path)?).map_err(|e| wrong(e.to_string()))?;
    let all = serde_json::to_value(file.prices).unwrap_or_default();
    let sane = |v: &serde_json::Value| v.as_f64().is_some_and(|p| p.is_finite() && p >= 0.0);
    match all.as_object().is_some_and(|m| m.values().all(sane)) {
        true => Ok(file.prices),
        false => Err(wrong("a price is no number of at least 0".into())),
    }
}

/// A backend as a compiler asks it on this machine.
pub fn target(backend: &'static dyn Backend) -> Result<&'static dyn Target> {
    let prices = of(backend)?;
    if prices == backend.prices() {
        return Ok(backend);
    }
    // one a process and a backend, as long as the process
    Ok(Box::leak(Box::new(Measured { backend, prices })))
}

/// A backend with other prices.
#[derive(Debug)]
struct Measured {
    backend: &'static dyn Backend,
    prices: Prices,
}

impl Target for Measured {
    fn name(&self) -> &'static str {
        self.backend.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    fn prices(&self) -> Prices {
        self.prices
    }

    fn cost(&self, shape: &Shape) -> Cost {
        self.backend.cost(shape)
    }

    fn log_height(&self, table: &TableShape, proofs: u32) -> u8 {
        self.backend.log_height(table, proofs)
    }

    fn admit(&self, program: &Program) -> Result<(), SetupError> {
        self.backend.admit(program)
    }
}
