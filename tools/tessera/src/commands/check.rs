//! `tessera check`: whether a model can be proven, what stands in the way, and what it would take. No data are asked for.
//!
//! Invariant: what is said to be supported was compiled as `tessera compile` does, with other ranges; what is refused is refused with all
//! of it.
use crate::cli::Check;
use crate::commands::compile::{self, Import, Placing, Request};
use crate::failure::{Failure, Problem, Result};
use crate::model::Port;
use crate::pipeline::Quantizing;
use crate::prover::backend;
use crate::screen::Screen;
use crate::show::program::{Prediction, columns};
use crate::{files, show};
use serde::Serialize;
use std::collections::BTreeMap;
use tessera_import_onnx::ImportError;

/// Names of nodes that are listed, of each kind.
const NAMED: usize = 8;

/// What is found of a model.
#[derive(Serialize)]
pub struct Report {
    model: String,
    supported: bool,
    /// How often each operator stands in the file.
    operators: BTreeMap<String, usize>,
    refused: Vec<Refused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Expected>,
}

/// Nodes of one operator, or operations that it became, that cannot be proven.
#[derive(Serialize)]
struct Refused {
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    reason: String,
    nodes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// What a supported model takes.
#[derive(Serialize)]
struct Expected {
    parameters: u64,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// Ranges of values, which decide table sizes a little, are those of stand-ins.
    ranges: &'static str,
    #[serde(flatten)]
    prediction: Prediction,
}

/// Runs the command.
pub fn run(o: &Check, screen: &Screen) -> Result<()> {
    let onnx = files::read(&o.model)?;
    let name = o.model.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let placing = Placing {
        batch: o.batch as usize,
        weights: o.weights,
        zero_knowledge: o.zero_knowledge,
        visibility: Default::default(),
        uses: None,
        backend: backend(&o.backend)?,
        forms: Default::default(),
        limits: Default::default(),
        prices: None,
    };
    let request = Request {
        name: name.clone(),
        onnx: &onnx,
        file: Some(&o.model),
        data: &[],
        factor: "1".parse().ok(),
        placing: placing.checked()?,
        quantizing: Quantizing::default(),
        samples: 2,
        labels: vec![],
        dump_ir: None,
        import: Import::from(&o.bindings),
        watch: &|_| Ok(()),
    };
    let bar = screen.progress.phase(&format!("checking {name}"), None);
    let found = report(&request);
    bar.finish_and_clear();
    found.map_err(|f| f.in_file(&o.model))?.say(screen)
}

/// Whether a model can be proven, what it takes, or all that is refused of it. Data are not looked at.
///
/// # Errors
/// Where the model cannot be read, or needs to be told more.
pub fn report(r: &Request) -> Result<Report> {
    let operators = tessera_import_onnx::operators(r.onnx)?;
    let (expected, refused) = match expected(r)? {
        Ok(expected) => (Some(expected), vec![]),
        Err(refused) => (None, refused),
    };
    Ok(Report { model: r.name.clone(), supported: expected.is_some(), operators, refused, expected })
}

/// What the model takes; or all that is refused of it. Errs where it cannot be read, or needs to be told more.
fn expected(r: &Request) -> Result<std::result::Result<Expected, Vec<Refused>>> {
    let data = match compile::stand_ins(r) {
        Ok(data) => [data],
        Err(ImportError::Unsupported(nodes)) => {
            let refused = |g: &tessera_import_onnx::Refused| Refused {
                operator: Some(g.op.into()),
                reason: g.reason.into(),
                nodes: g.names.iter().map(|n| n.to_string()).collect(),
                help: None,
            };
            return Ok(Err(tessera_import_onnx::refused(&nodes).iter().map(refused).collect()));
        }
        Err(e) => return Err(e.into()),
    };
    let compiled = match compile::compile(&Request {
        data: &data,
        labels: vec![],
        name: r.name.clone(),
        import: r.import.clone(),
        placing: r.placing.clone(),
        ..*r
    }) {
        Ok(compiled) => compiled,
        Err(f) if f.code == crate::failure::USE => return Ok(Err(grouped(f.problems))),
        Err(f) => return Err(f),
    };
    let m = &compiled.model;
    Ok(Ok(Expected {
        parameters: m.metadata.parameters,
        inputs: m.metadata.inputs.clone(),
        outputs: m.metadata.outputs.clone(),
        ranges: "stand-ins",
        prediction: compiled.prediction,
    }))
}

/// Problems by what they say.
fn grouped(problems: Vec<Problem>) -> Vec<Refused> {
    let mut all: Vec<Refused> = vec![];
    for p in problems {
        let nodes: Vec<String> = p.place.into_iter().collect();
        match all.iter_mut().find(|r| r.reason == p.message) {
            Some(r) => r.nodes.extend(nodes),
            None => all.push(Refused { operator: None, reason: p.message, nodes, help: p.help }),
        }
    }
    all
}

impl Report {
    /// For machines.
    pub fn json(&self) -> String {
        // plain data of ours: serializing cannot fail
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let nodes: usize = self.operators.values().sum();
        let verdict = if self.supported { "can be proven" } else { "cannot be proven" };
        let mut lines = vec![format!("{}: {verdict}", self.model)];
        let mut most: Vec<(&String, &usize)> = self.operators.iter().collect();
        most.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), name.as_str()));
        let list: Vec<String> = most.iter().map(|(name, n)| format!("{n} {name}")).collect();
        lines.push(format!("  {}: {}", show::plural(nodes, "node"), list.join(", ")));
        for r in &self.refused {
            let head = r.operator.as_ref().map_or(String::new(), |op| format!("{op}: "));
            lines.push(format!("  {head}{}", r.reason));
            let named = r.nodes.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = r.nodes.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            if !named.is_empty() {
                lines.push(format!("    {}: {named}{more}", show::plural(r.nodes.len(), "node")));
            }
            lines.extend(r.help.iter().map(|help| format!("    help: {help}")));
        }
        if let Some(e) = &self.expected {
            lines.push(format!("  {} parameters", show::count(e.parameters)));
            let ports = |role: &str, all: &[Port]| {
                columns(
                    all.iter().map(|p| [format!("  {role} {}", p.name), format!("{:?}", p.shape)]).collect(),
                )
            };
            lines.extend(ports("input ", &e.inputs));
            lines.extend(ports("output", &e.outputs));
            lines.push(
                "  expected, with keys of the default security and ranges of stand-ins, not of your data"
                    .into(),
            );
            lines.extend(e.prediction.lines().iter().map(|l| format!("    {l}")));
        }
        lines
    }

    fn say(&self, screen: &Screen) -> Result<()> {
        self.lines().iter().for_each(|l| screen.line(l));
        if self.supported {
            screen.json(self);
            return Ok(());
        }
        let count: usize = self.refused.iter().map(|r| r.nodes.len().max(1)).sum();
        let failure =
            Failure::new(format!("the model cannot be proven: {} in the way", show::plural(count, "node")))
                .expected("operators of docs/operators.md, in forms that it lists")
                .help("the list above, or --json, says what about each is not supported");
        Err(failure.with_report(self))
    }
}
