//! Choosing a form of a circuit by what placement says of it.
//!
//! The prices by which the pass `optimize` chooses are of ops, one by one; what a table's height and width make of them, only placement
//! knows. So the form that it finds is placed without looking at a weight, and so are those that it finds without one of its rules, as
//! long as that gains; and where an integer program finds one that is cheaper by the prices of ops, that one. What comes out is the pass with its options, to be run as any other, so that the same pipeline gives the same
//! model.
//!
//! Invariants: the circuit that is there is always a candidate, and another one is taken only where more is predicted than the
//! predictions are wrong by; how many are placed is bounded by their number and the circuit's, not by a clock.

use crate::failure::Result;
use crate::forms::{Forms, ILP, SEARCH};
use melior::ir::Module;
use std::cell::Cell;
use tessera_api::{TargetSpec, spec};
use tessera_circuit::graph::Circuit;
use tessera_circuit_to_program::{PlaceOptions, price};
use tessera_egraph::{Decided, Optimized, Request, optimize, rules};
use tessera_mlir::{attrs, params};

/// By how much a form must be predicted to be faster: the error of predictions, as docs/benchmarks.md has it.
pub const ERROR: f64 = 0.02;

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
    let prices = &options.prices;
    let before = prices.seconds(&price(&circuit, options)?);
    let all = rules()?;
    let most = (MOST_OPS / circuit.ops.len().max(1)).clamp(1, MOST_PLACED);
    // what cannot be placed is no candidate
    let placed = |optimized: Optimized, pass: String| -> Option<Candidate> {
        let cost = price(optimized.circuit.as_ref()?, options).ok()?;
        Some(Candidate {
            seconds: prices.seconds(&cost),
            pass,
            applied: optimized.applied.into_keys().collect(),
        })
    };
    let tried = Cell::new(0);
    let try_without = |disabled: &[String]| -> Result<Option<Candidate>> {
        let mut request = Request::new(all.clone(), target);
        request.rules.retain(|rule| !disabled.contains(&rule.name));
        request.ilp = forms.has(ILP);
        tried.set(tried.get() + 1);
        let optimized = optimize(&circuit, &request)?;
        if optimized.by != Decided::Ilp {
            return Ok(placed(optimized, pass(disabled, false)));
        }
        // cheaper by the prices of ops; placement may say otherwise
        request.ilp = false;
        tried.set(tried.get() + 1);
        let searched = placed(optimize(&circuit, &request)?, pass(disabled, false));
        let program = placed(optimized, pass(disabled, true));
        Ok(searched.into_iter().chain(program).min_by(|a, b| a.seconds.total_cmp(&b.seconds)))
    };
    let mut disabled = forms.rules.clone();
    let Some(mut best) = try_without(&disabled)? else {
        return Ok(Found { pass: None, before, after: before, rules: vec![] });
    };
    if !forms.has(SEARCH) {
        return Ok(Found { pass: Some(best.pass), before, after: best.seconds, rules: best.applied });
    }
    loop {
        let mut better: Option<(Candidate, Vec<String>)> = None;
        for rule in best.applied.iter().filter(|rule| !disabled.contains(*rule)) {
            if tried.get() >= most {
                break;
            }
            let without: Vec<String> = disabled.iter().chain([rule]).cloned().collect();
            if let Some(candidate) = try_without(&without)?
                && candidate.seconds < better.as_ref().map_or(best.seconds, |(known, _)| known.seconds)
            {
                better = Some((candidate, without));
            }
        }
        let Some(found) = better else { break };
        (best, disabled) = found;
    }
    let pass = (best.seconds < before * (1.0 - ERROR)).then_some(best.pass);
    Ok(Found { pass, before, after: best.seconds, rules: best.applied })
}

/// A form that was placed.
struct Candidate {
    /// Predicted seconds of a proof.
    seconds: f64,
    /// The pass that makes it.
    pass: String,
    /// The rules that found something new.
    applied: Vec<String>,
}

/// The pass, without these rules, and whether an integer program chooses.
fn pass(disabled: &[String], ilp: bool) -> String {
    let disable = (!disabled.is_empty()).then(|| format!("disable={}", disabled.join("+")));
    let options: Vec<String> = disable.into_iter().chain(ilp.then(|| "ilp=true".into())).collect();
    if options.is_empty() { "optimize".into() } else { format!("optimize{{{}}}", options.join(" ")) }
}
