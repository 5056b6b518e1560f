//! `tessera calibrate-machine`: what this machine's prover charges for rows, cells and lookups, from proofs of small models.
//!
//! Invariant: only times are fitted; what a proof weighs is counted, and the same on every machine.
use super::{compile, prove};
use crate::cli::{CalibrateMachine, Weights};
use crate::failure::{Failure, Result};
use crate::fit::{Point, left_out, prices as fitted, tau};
use crate::fixtures::Fixture;
use crate::measure::{Machine, median, timed};
use crate::prover::{self, ProvingKey, SECURITY};
use crate::pipeline::Quantizing;
use crate::screen::Screen;
use crate::show::program::columns;
use crate::{files, infer, prices, show};
use serde::Serialize;
use tessera_api::{Backend, Cost, Prices};

/// What is measured: a fixture, and batches of it.
const POINTS: [(&str, &[usize]); 6] = [
    ("fmnist_lenet", &[1, 2, 3, 5, 8, 13, 24]),
    ("digits_mlp", &[1, 6, 40]),
    ("mlp", &[1, 4, 14]),
    ("mobilenet", &[1, 2, 3]),
    ("resnet18", &[1, 2]),
    ("vgg16", &[1, 2]),
];
/// Proofs of each, of inputs that differ: grinding takes another time for each.
const RUNS: usize = 5;

#[derive(Serialize)]
struct Row {
    model: &'static str,
    batch: usize,
    prove_cpu_s: f64,
    verify_cpu_s: f64,
    /// By prices that were fitted to all other points.
    left_out_cpu_s: f64,
    proof_bytes: u64,
    cost: Cost,
}

#[derive(Serialize)]
struct Report {
    backend: &'static str,
    machine: Machine,
    points: Vec<Row>,
    /// Kendall's τ of what is predicted of a point that was left out and what was measured.
    tau: f64,
    /// Median of the relative errors of such predictions.
    median_error: f64,
    prices: Prices,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// Runs the command.
pub fn run(o: &CalibrateMachine, screen: &Screen) -> Result<()> {
    let backend = prover::backend(&o.backend)?;
    let path = o.output.clone().or_else(|| prices::path(backend.name())).ok_or_else(|| {
        Failure::new("there is no folder for settings on this machine: neither XDG_CONFIG_HOME nor HOME is set")
            .help("say where with --output FILE")
    })?;
    let wanted: Vec<(&'static str, usize)> = POINTS
        .iter()
        .filter(|(name, _)| o.model.is_empty() || o.model.iter().any(|m| m == name))
        .flat_map(|(name, batches)| batches.iter().map(move |b| (*name, *b)))
        .collect();
    if wanted.len() < FEWEST {
        let names: Vec<&str> = POINTS.iter().map(|p| p.0).collect();
        return Err(Failure::new("too few points for a fit")
            .expected(format!("models of {}, with {FEWEST} points in all", names.join(", ")))
            .found(format!("{} points", wanted.len())));
    }
    let bar = screen.progress.counted("measuring", wanted.len());
    let mut rows = vec![];
    for (name, batch) in wanted {
        bar.set_message(format!("{name}, batches of {batch}"));
        rows.push(measure(name, batch, backend)?);
        bar.inc(1);
    }
    bar.finish_and_clear();

    let shipped = backend.prices();
    let points: Vec<Point> = rows.iter().map(|r| Point { counts: counts(&r.cost), measured: r.prove_cpu_s }).collect();
    let prior = known(&shipped);
    let predicted = left_out(&points, &prior);
    rows.iter_mut().zip(&predicted).for_each(|(r, p)| r.left_out_cpu_s = *p);
    let times: Vec<f64> = points.iter().map(|p| p.measured).collect();
    let errors = predicted.iter().zip(&times).map(|(p, m)| (p / m - 1.0).abs()).collect();
    let checks: Vec<Point> = rows
        .iter()
        .map(|r| Point { counts: vec![1e-9, 1e-9 * r.proof_bytes as f64], measured: r.verify_cpu_s })
        .collect();
    let prices = with(shipped, &fitted(&points, &prior), &fitted(&checks, &[shipped.verify, shipped.verify_byte]));
    let machine = Machine::here();
    let report = Report {
        backend: backend.name(),
        tau: tau(&predicted, &times),
        median_error: median(errors),
        prices,
        file: (!o.dry_run).then(|| path.display().to_string()),
        points: rows,
        machine,
    };
    if !o.dry_run {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(|e| Failure::io("make the directory", dir, &e))?;
        }
        let file = prices::File { machine: report.machine.cpu.clone(), points: report.points.len(), prices };
        let text = serde_json::to_string_pretty(&file).unwrap_or_default();
        files::write(&path, format!("{text}\n").as_bytes())?;
    }
    screen.json(&report);
    let head = ["model", "batch", "proving", "left out", "error", "verifying"].map(String::from);
    let row = |r: &Row| {
        [
            r.model.to_string(),
            r.batch.to_string(),
            show::seconds(r.prove_cpu_s),
            show::seconds(r.left_out_cpu_s),
            format!("{:+.0} %", 100.0 * (r.left_out_cpu_s / r.prove_cpu_s - 1.0)),
            show::seconds(r.verify_cpu_s),
        ]
    };
    let lines = columns(std::iter::once(head).chain(report.points.iter().map(row)).collect());
    lines.iter().for_each(|l| screen.line(l));
    screen.line(format!(
        "{} points; of those that are left out in turn, half are predicted within {:.0} %, and Kendall's tau is {:.2}",
        report.points.len(),
        100.0 * report.median_error,
        report.tau
    ));
    match &report.file {
        Some(file) => screen.line(format!("{file}: compile and all predictions go by it from now on")),
        None => screen.line("nothing was written"),
    }
    Ok(())
}

/// Points that a fit needs.
const FEWEST: usize = 6;

/// What is paid for, in the order of [`known`], by nanoseconds.
fn counts(c: &Cost) -> Vec<f64> {
    let cells = |f: fn(&tessera_api::GroupCost) -> u64| 1e-9 * c.cells(f) as f64;
    vec![
        1e-9,
        1e-9 * c.groups.len() as f64,
        cells(|_| 1),
        cells(|g| g.fixed),
        cells(|g| g.summed),
        cells(|g| g.witness),
        cells(|g| g.extension),
        cells(|g| g.lookups),
        cells(|g| g.nodes),
    ]
}

fn known(p: &Prices) -> Vec<f64> {
    vec![
        p.proof,
        p.height,
        p.row,
        p.fixed_cell,
        p.summed_cell,
        p.witness_cell,
        p.extension_cell,
        p.lookup,
        p.node,
    ]
}

/// Prices with these times.
fn with(shipped: Prices, prove: &[f64], verify: &[f64]) -> Prices {
    Prices {
        proof: prove[0],
        height: prove[1],
        row: prove[2],
        fixed_cell: prove[3],
        summed_cell: prove[4],
        witness_cell: prove[5],
        extension_cell: prove[6],
        lookup: prove[7],
        node: prove[8],
        verify: verify[0],
        verify_byte: verify[1],
        ..shipped
    }
}

/// One point: medians over proofs of different inputs.
fn measure(name: &'static str, batch: usize, backend: &'static dyn Backend) -> Result<Row> {
    let f = Fixture::find(name).ok_or_else(|| Failure::new(format!("there is no model {name:?}")))?;
    let (images, factor) = f.images()?;
    let onnx = f.onnx();
    let request = compile::Request {
        name: name.into(),
        onnx: &onnx,
        file: None,
        data: std::slice::from_ref(&images),
        factor: Some(factor),
        placing: compile::Placing { batch, weights: Weights::Public, zero_knowledge: false, uses: None, backend },
        quantizing: Quantizing::default(),
        samples: 16,
        labels: vec![],
        dump_ir: None,
        import: compile::Import::default(),
        watch: &|_| Ok(()),
    };
    let model = compile::compile(&request)?.model;
    let cost = backend.sizes(&model.program, SECURITY)?.cost;
    let keys = prover::keys(&model, SECURITY)?;
    let key = ProvingKey::from_bytes(&keys.proving.to_bytes(), &model)?;
    let inputs = infer::bind(&model.metadata, &images, None, None)?;
    let batches = infer::batches(&model.metadata, &inputs);
    let plan = prove::prepare(&model)?;
    let (mut proving, mut verifying, mut proof_bytes) = (vec![], vec![], 0);
    for k in 0..RUNS {
        let batch = &batches[k % batches.len()];
        let trace = prove::fill(&plan, batch.inputs.clone())?;
        let (proved, time) = timed(|| key.prove(trace, batch.used));
        let (proof, _) = proved?;
        proving.push(time.cpu_s);
        let verifier = key.verifying();
        proof_bytes = proof.to_bytes(&verifier).len() as u64;
        let (verified, time) = timed(|| verifier.verify(&proof));
        verified?;
        verifying.push(time.cpu_s);
    }
    Ok(Row {
        model: name,
        batch,
        prove_cpu_s: median(proving),
        verify_cpu_s: median(verifying),
        left_out_cpu_s: 0.0,
        proof_bytes,
        cost,
    })
}
