//! A backend as passes see it: the part of a [`Target`] that decides how a model is lowered, as text that IR carries.
//!
//! The text is `name=value` pairs apart by blanks, as LLVM's data layout is text: a module that is printed and continued from
//! elsewhere is lowered for the same backend, with the same choices.
//!
//! Invariant: text and value determine each other; what a text leaves out is as in [`TargetSpec::default`].
use crate::backend::{Capabilities, Target};
use crate::cost::Prices;
use std::fmt;
use std::str::FromStr;

/// The module's attribute that holds the text.
pub const ATTRIBUTE: &str = "tessera.target";

/// What a pass may ask of the backend that a model is compiled for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetSpec {
    /// What can be expressed.
    pub capabilities: Capabilities,
    /// What is charged.
    pub prices: Prices,
}

impl Default for TargetSpec {
    /// Of no backend in particular: what a pass assumes of a module that does not say. Tables of 2^16 rows, and a price for
    /// cells of the witness alone.
    fn default() -> Self {
        TargetSpec {
            capabilities: Capabilities {
                modulus: crate::field::MODULUS,
                max_degree: 3,
                min_log_height: 0,
                max_log_height: crate::validate::MAX_LOG_HEIGHT,
                max_columns: crate::validate::MAX_COLUMNS,
                max_log_table: 16,
                lookups: true,
                joins: true,
                zero_knowledge: false,
            },
            prices: Prices { witness_cell: 1.0, ..Prices::default() },
        }
    }
}

impl TargetSpec {
    /// Of a backend.
    pub fn of(target: &dyn Target) -> Self {
        TargetSpec { capabilities: target.capabilities(), prices: target.prices() }
    }
}

/// Names the fields once, for writing and for reading.
macro_rules! fields {
    ($($part:ident { $($field:ident),* })*) => {
        impl fmt::Display for TargetSpec {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let all = [$($((stringify!($field), self.$part.$field.to_string())),*),*];
                let pairs: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
                f.write_str(&pairs.join(" "))
            }
        }

        impl TargetSpec {
            fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
                match name {
                    $($(stringify!($field) => {
                        self.$part.$field = value.parse().map_err(|e| format!("{name}={value}: {e}"))?;
                    })*)*
                    _ => return Err(format!("expected one of {}, found {name:?}", [$($(stringify!($field)),*),*].join(", "))),
                }
                Ok(())
            }
        }
    };
}

fields! {
    capabilities {
        modulus, max_degree, min_log_height, max_log_height, max_columns, max_log_table, lookups, joins, zero_knowledge
    }
    prices {
        proof, height, row, fixed_cell, summed_cell, witness_cell, extension_cell, lookup, node, path_bytes, opening_bytes,
        cell_bytes, verify, verify_byte, byte
    }
}

impl FromStr for TargetSpec {
    type Err = String;

    /// # Errors
    /// A pair without `=`, an unknown name, a value that does not parse, a price that is negative or not finite.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut spec = TargetSpec::default();
        for pair in text.split_whitespace() {
            let (name, value) =
                pair.split_once('=').ok_or_else(|| format!("expected name=value, found {pair:?}"))?;
            spec.set(name, value)?;
            if value.parse().is_ok_and(|number: f64| !number.is_finite() || number < 0.0) {
                return Err(format!("expected prices of at least 0, found {value}"));
            }
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_spec_determine_each_other() {
        let mut spec = TargetSpec::default();
        spec.capabilities.max_log_table = 9;
        spec.capabilities.joins = false;
        spec.prices.byte = 22.5;
        assert_eq!(spec.to_string().parse(), Ok(spec));
        assert_eq!("max_log_table=9 joins=false byte=22.5".parse(), Ok(spec));
        assert_eq!("".parse(), Ok(TargetSpec::default()));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_was_expected() {
        let refused = |text: &str| text.parse::<TargetSpec>().unwrap_err();
        assert_eq!(refused("joins"), "expected name=value, found \"joins\"");
        assert!(
            refused("speed=1").starts_with("expected one of modulus, max_degree, "),
            "{}",
            refused("speed=1")
        );
        assert!(refused("max_degree=-1").starts_with("max_degree=-1: "));
        for price in ["-1", "NaN", "inf"] {
            assert!(refused(&format!("byte={price}")).starts_with("expected prices of at least 0"));
        }
    }
}
