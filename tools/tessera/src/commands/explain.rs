//! `tessera explain`: what of a proof's cost is whose, layer by layer; predicted, and measured beside it.
use crate::cli::Explain;
use crate::explain::{Part, layers, parts};
use crate::failure::{Failure, Result};
use crate::files;
use crate::model::Model;
use crate::prover::{self};
use crate::screen::Screen;
use crate::show::program::{Prediction, columns};
use crate::show::{self, treemap};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    prediction: &'a Prediction,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
    layers: &'a [Part],
    parts: &'a [Part],
}

/// What `tessera prove --json` said.
#[derive(Serialize)]
struct Measured {
    prove_cpu_s: f64,
    proof_bytes: u64,
}

/// What a proof of a model is expected to cost, and whose that is.
pub struct Explained {
    name: String,
    prediction: Prediction,
    parts: Vec<Part>,
    layers: Vec<Part>,
}

impl Explained {
    /// Of a model, with keys of the default security.
    pub fn of(model: &Model) -> Result<Explained> {
        let prediction = prover::predict(model, prover::SECURITY)?;
        let parts = parts(model, &prediction)?;
        let layers = layers(&parts);
        Ok(Explained { name: model.metadata.name.clone(), prediction, parts, layers })
    }

    /// For machines.
    pub fn json(&self) -> String {
        // plain data of ours: serializing cannot fail
        serde_json::to_string(&self.report(None)).unwrap_or_default()
    }

    fn report(&self, measured: Option<Measured>) -> Report<'_> {
        let Explained { name, prediction, parts, layers } = self;
        Report { model: name, prediction, measured, layers, parts }
    }

    /// What is expected of the whole, for people.
    pub fn lines(&self) -> Vec<String> {
        self.prediction.lines()
    }

    /// A page that shows parts as areas, below some lines of text.
    pub fn page(&self, lines: &[String]) -> String {
        treemap::page(&self.name, &self.parts, &self.layers, lines)
    }

    /// Layers, those that take longest first, for people; of the rest, only what they have together, unless all are asked for.
    pub fn table(&self, all: bool) -> Vec<String> {
        let head = ["layer", "rows", "cells", "lookups", "key", "proof", "memory", "time", "share"]
            .map(String::from);
        let shown = if all { self.layers.len() } else { SHOWN };
        let (first, rest) = self.layers.split_at(shown.min(self.layers.len()));
        let mut others = Part { layer: format!("{} more, with --all", rest.len()), ..Part::default() };
        rest.iter().for_each(|l| others.add(l));
        let whole: f64 = self.layers.iter().map(|l| l.seconds).sum();
        let row = |l: &Part| {
            [
                l.layer.clone(),
                show::count(l.rows),
                show::count(l.cells),
                show::count(l.lookups),
                show::bytes(l.key_bytes as u64),
                show::bytes(l.proof_bytes as u64),
                show::bytes(l.memory_bytes as u64),
                show::seconds(l.seconds),
                format!("{:.1} %", 100.0 * l.seconds / whole.max(f64::MIN_POSITIVE)),
            ]
        };
        let others = (!rest.is_empty()).then_some(&others);
        columns(std::iter::once(head).chain(first.iter().chain(others).map(row)).collect())
    }
}

/// Runs the command.
pub fn run(o: &Explain, screen: &Screen) -> Result<()> {
    let explained = Explained::of(&Model::read(&o.model)?)?;
    let prediction = &explained.prediction;
    let measured = o.measured.as_ref().map(|path| measured(&files::read(path)?).map_err(|f| f.in_file(path)));
    let measured = measured.transpose()?;
    let mut lines = explained.lines();
    if let Some(m) = &measured {
        let off = |found: f64, expected: f64| format!("{:+.0} %", 100.0 * (found / expected - 1.0));
        lines.push(format!(
            "{:<12}proving {} of one core ({}), proof {} ({}), against what is expected",
            "measured",
            show::seconds(m.prove_cpu_s),
            off(m.prove_cpu_s, prediction.prove_cpu_s),
            show::bytes(m.proof_bytes),
            off(m.proof_bytes as f64, prediction.proof_bytes as f64)
        ));
    }
    if let Some(path) = &o.html {
        files::write(path, explained.page(&lines).as_bytes())?;
    }
    screen.json(&explained.report(measured));
    screen.line(format!("{}: expected of a proof", explained.name));
    lines.iter().for_each(|l| screen.line(format!("  {l}")));
    explained.table(o.all).iter().for_each(|l| screen.line(l));
    if let Some(path) = &o.html {
        screen.line(format!("{} shows them as areas", path.display()));
    }
    Ok(())
}

/// Layers that are listed unless all are asked for.
const SHOWN: usize = 24;

fn measured(bytes: &[u8]) -> Result<Measured> {
    let said = serde_json::from_slice::<Value>(bytes).ok();
    let number = |at: &str| said.as_ref().and_then(|v| v.pointer(at)).and_then(Value::as_f64);
    match (number("/prove/cpu_s"), number("/witness/cpu_s"), number("/proof_bytes")) {
        (Some(prove), Some(witness), Some(bytes)) => {
            Ok(Measured { prove_cpu_s: prove + witness, proof_bytes: bytes as u64 })
        }
        _ => Err(Failure::new("no proof was measured in this file")
            .expected("what tessera prove --json says")
            .help("write it with: tessera prove MODEL.tess --input x.npy -o out.proof --json > run.json")),
    }
}
