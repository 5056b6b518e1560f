//! Choosing a form of a circuit by what placement says of it.
//!
//! The prices by which the pass `optimize` chooses are of ops, one by one; what a table's height and width make of them, only placement
//! knows. So the form that it finds is placed without looking at a weight, and so are those that it finds without one of its rules, as
//! long as that gains. What comes out is the pass with its options, to be run as any other, so that the same pipeline gives the same
//! model.
//!
//! Invariants: the circuit that is there is always a candidate, and another one is taken only where more is predicted than the
//! predictions are wrong by; how many are placed is bounded by their number and the circuit's, not by a clock.

use crate::failure::Result;
use crate::forms::{Forms, SEARCH};
use melior::ir::Module;
use tessera_api::{TargetSpec, spec};
use tessera_circuit::graph::Circuit;
use tessera_circuit_to_program::{PlaceOptions, price};
use tessera_egraph::{Request, optimize, rules};
use tessera_mlir::{attrs, params};

/// By how much a form must be predicted to be faster: the error of predictions, as docs/benchmarks.md has it.
const ERROR: f64 = 0.02;

/// Forms that are placed, at most, and ops that all of them have together, but for the first.
const MOST_PLACED: usize = 32;
const MOST_OPS: usize = 2048;

/// What was found.
pub struct Found {
    /// The pass with its options; none where the circuit stays.
    pub pass: Option<String>,
    /// Predicted seconds of a proof of the circuit that is there.
    pub before: f64,
    /// And of the best form.
    pub after: f64,
    /// The rules that found something new there.
    pub rules: Vec<String>,
}

/// Looks for a form of a module's circuit, by the rules that are not left out.
pub fn choose(module: &Module, options: &PlaceOptions, forms: &Forms) -> Result<Found> {
    let op = module.as_operation();
    let circuit = Circuit::read(op, &*params::of(op)?)?;
    let target = attrs::opt_parsed::<TargetSpec>(op, spec::ATTRIBUTE)?.unwrap_or_default();
    let prices = options.target.prices();
    let before = prices.seconds(&price(&circuit, options)?);
    let all = rules()?;
    let most = (MOST_OPS / circuit.ops.len().max(1)).clamp(1, MOST_PLACED);
    // what cannot be placed is no candidate
    let try_without = |disabled: &[String]| -> Result<Option<(f64, Vec<String>)>> {
        let mut request = Request::new(all.clone(), target);
        request.rules.retain(|rule| !disabled.contains(&rule.name));
        let optimized = optimize(&circuit, &request)?;
        let cost = optimized.circuit.as_ref().and_then(|found| price(found, options).ok());
        Ok(cost.map(|cost| (prices.seconds(&cost), optimized.applied.into_keys().collect())))
    };
    let left_out = forms.rules.clone();
    let mut best = try_without(&left_out)?.map(|(cost, applied)| (cost, left_out, applied));
    if !forms.has(SEARCH) {
        return Ok(match best {
            Some((after, disabled, rules)) => Found { pass: Some(pass(&disabled)), before, after, rules },
            None => Found { pass: None, before, after: before, rules: vec![] },
        });
    }
    let mut tried = 1;
    while let Some((cost, disabled, applied)) = best.clone() {
        let mut better: Option<(f64, Vec<String>, Vec<String>)> = None;
        for rule in applied.iter().filter(|rule| !disabled.contains(*rule)) {
            if tried == most {
                break;
            }
            tried += 1;
            let without: Vec<String> = disabled.iter().chain([rule]).cloned().collect();
            if let Some((cheaper, applied)) = try_without(&without)?
                && cheaper < cost
                && better.as_ref().is_none_or(|(known, ..)| cheaper < *known)
            {
                better = Some((cheaper, without, applied));
            }
        }
        match better {
            Some(_) => best = better,
            None => break,
        }
    }
    let Some((after, disabled, rules)) = best else {
        return Ok(Found { pass: None, before, after: before, rules: vec![] });
    };
    let pass = (after < before * (1.0 - ERROR)).then(|| pass(&disabled));
    Ok(Found { pass, before, after, rules })
}

/// The pass, without these rules.
fn pass(disabled: &[String]) -> String {
    if disabled.is_empty() {
        "optimize".into()
    } else {
        format!("optimize{{disable={}}}", disabled.join("+"))
    }
}
