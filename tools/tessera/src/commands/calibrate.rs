//! `tessera calibrate-machine`: what proofs cost on this machine, as prices by which `compile --prices` places models.
//!
//! Networks of several kinds are compiled in several ways, each way such that tables are wider or narrower, more or fewer than they are by
//! default; proofs are measured on one thread, with inference and with checking them; prices are fitted to all of it.
//!
//! Invariant: what is measured changes prices alone: programs and keys are functions of the model, its data, options and prices.
use super::{ablation, bench, compile, prove};
use crate::cli::CalibrateMachine;
use crate::failure::{Failure, Result};
use crate::fixtures::{CALIBRATED, Fixture};
use crate::forms::Forms;
use crate::measure::{Machine, median, timed};
use crate::model::Model;
use crate::prices::{self, Point};
use crate::prover::{self, ProvingKey};
use crate::screen::Screen;
use crate::show::{self, program::columns};
use crate::{files, infer};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};
use tessera_api::{Backend, Prices, Shape};

/// A way to compile a network.
struct Way {
    name: &'static str,
    /// Inferences a proof covers.
    batch: usize,
    /// Forms that are left out.
    without: &'static [&'static str],
    /// What it is placed by.
    change: fn(&mut Prices),
}

const WAYS: [Way; 7] = [
    Way { name: "as it is", batch: 1, without: &[], change: |_| {} },
    Way { name: "three at once", batch: 3, without: &[], change: |_| {} },
    Way { name: "dear rows", batch: 1, without: &["division"], change: |p| p.row *= 20.0 },
    Way {
        name: "dear openings",
        batch: 1,
        without: &[],
        change: |p| {
            p.row = 0.0;
            p.byte *= 10.0;
        },
    },
    Way { name: "dear lookups", batch: 1, without: &[], change: |p| p.lookup *= 10.0 },
    Way { name: "tables of their own", batch: 1, without: &["sharing", "packing"], change: |_| {} },
    Way {
        name: "cells for everything",
        batch: 1,
        without: &["determined", "scales", "limbs"],
        change: |_| {},
    },
];

/// A program that was measured.
#[derive(Serialize)]
struct Measured {
    network: &'static str,
    way: &'static str,
    #[serde(flatten)]
    point: Point,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    file: String,
    prices: Prices,
    /// Of predicted proving times: medians of relative errors.
    error_shipped: f64,
    error: f64,
    /// Of networks that were left out.
    error_left_out: f64,
    /// Kendall's τ of predicted and measured times: over all, and within a network over pairs more than 5 % apart.
    tau: [f64; 2],
    points: Vec<Measured>,
}

/// Runs the command.
pub fn run(o: &CalibrateMachine, screen: &Screen) -> Result<()> {
    let backend = prover::backend(&o.backend)?;
    files::check_output(&o.output)?;
    let chosen: Vec<(usize, &Fixture)> = CALIBRATED
        .iter()
        .enumerate()
        .filter(|(_, f)| o.model.is_empty() || o.model.iter().any(|name| name == f.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = CALIBRATED.iter().map(|f| f.name).collect();
        return Err(Failure::new("no program is of these networks").expected(names.join(", ")));
    }
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|e| Failure::machine(format!("a thread cannot be started: {e}")))?;
    let bar = screen.progress.counted("measuring", chosen.len() * WAYS.len());
    let mut points: Vec<Measured> = vec![];
    let mut refused = 0;
    for (network, f) in chosen {
        let mut seen = HashSet::new();
        for way in &WAYS {
            bar.set_message(format!("{} {}", f.name, way.name));
            match program(f, way, backend) {
                Err(_) => refused += 1,
                Ok(model) if seen.insert(model.digest()) => {
                    let point = one.install(|| measure(network, f, &model, o.runs))?;
                    points.push(Measured { network: f.name, way: way.name, point });
                }
                Ok(_) => {}
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();

    let shipped = backend.prices();
    let all: Vec<Point> = points.iter().map(|m| m.point.clone()).collect();
    let fitted = prices::fit(&all, shipped);
    let machine = Machine::here();
    prices::write(&o.output, &o.backend, &machine.cpu, fitted)?;
    let times: Vec<(usize, f64, f64)> =
        all.iter().map(|p| (p.network, fitted.seconds(&p.cost), p.prove_s)).collect();
    let report = Report {
        machine,
        file: o.output.display().to_string(),
        prices: fitted,
        error_shipped: median(prices::errors(&all, &shipped)),
        error: median(prices::errors(&all, &fitted)),
        error_left_out: median(prices::errors_left_out(&all, shipped)),
        tau: [ablation::tau(&times, |_, _| true, 0.0), ablation::tau(&times, |a, b| a == b, 0.05)],
        points,
    };
    screen.json(&report);
    say(&report, (shipped, fitted), screen);
    if refused > 0 {
        screen.note(format!("{} cannot be proven, and were left out", show::plural(refused, "program")));
    }
    Ok(())
}

/// A network, compiled in a way.
fn program(f: &Fixture, way: &Way, backend: &'static dyn Backend) -> Result<Model> {
    let f = Fixture { batch: f.batch * way.batch, ..*f };
    let inputs = bench::Inputs::of(&f)?;
    let mut request = inputs.request(Forms::without(way.without.iter().copied())?);
    let mut prices = backend.prices();
    (way.change)(&mut prices);
    request.placing.backend = backend;
    request.placing.prices = Some(prices);
    Ok(compile::compile(&request)?.model)
}

/// Proofs of a model, each of another input.
fn measure(network: usize, f: &Fixture, model: &Model, runs: u32) -> Result<Point> {
    let backend = prover::backend(&model.metadata.backend)?;
    let keys = prover::keys(model, prover::SECURITY, false)?;
    let key = ProvingKey::from_container(keys.proving, model)?;
    let (images, _) = f.data()?;
    let inputs = infer::bind(&model.metadata, &images, None, None)?;
    let batches = infer::batches(&model.metadata, &inputs);
    let plan = prove::prepare(model)?;
    let (mut proving, mut checking, mut bytes) = (vec![], vec![], 0);
    // the first one takes longer
    for run in 0..=runs as usize {
        let batch = batches[run % batches.len()].clone();
        let used = batch.used;
        let (proved, time) = timed(|| -> Result<_> { key.prove(prove::fill(&plan, batch)?.0, used) });
        let proof = proved?.0;
        let (verified, checked) = timed(|| key.verifying().verify(&proof));
        verified?;
        if run > 0 {
            proving.push(time.cpu_s);
            checking.push(checked.cpu_s);
        }
        bytes = proof.to_bytes(&key.verifying()).len() as u64;
    }
    Ok(Point {
        network,
        cost: backend.cost(&Shape::of(&model.program)),
        prove_s: median(proving),
        verify_s: median(checking),
        proof_bytes: bytes,
        memory_bytes: backend.sizes(&model.program, prover::SECURITY)?.prove_memory,
    })
}

fn say(r: &Report, (mut shipped, mut fitted): (Prices, Prices), screen: &Screen) {
    let mut rows = vec![["price".to_owned(), "shipped".into(), "here".into()]];
    for ((name, shipped), (_, here)) in shipped.named().into_iter().zip(fitted.named()) {
        rows.push([name.into(), shipped.to_string(), here.to_string()]);
    }
    columns(rows).iter().for_each(|l| screen.line(l));
    screen.line("");
    screen.line(format!(
        "{} of {} on {}, one thread: predicted with a median error of {:.0} %, {:.0} % of networks that are left out, {:.0} % by shipped prices; \
         Kendall's τ {:.2} over all, {:.2} within a network",
        show::plural(r.points.len(), "program"),
        show::plural(r.points.iter().map(|p| p.point.network).collect::<BTreeSet<_>>().len(), "network"),
        if r.machine.cpu.is_empty() { "an unknown processor" } else { &r.machine.cpu },
        100.0 * r.error,
        100.0 * r.error_left_out,
        100.0 * r.error_shipped,
        r.tau[0],
        r.tau[1]
    ));
    screen.line(format!("{}: compile with --prices {}", r.file, r.file));
}
