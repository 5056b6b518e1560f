//! `tessera bench`: what compiling, setting up, proving and verifying cost.
//!
//! Invariant: every stage of every model runs in a process of its own, so that its peak memory is its own; within it,
//! medians over equal runs, reading files left out.
use super::{ablation, compile, generate, prove};
use crate::cli::{Bench, Regime};
use crate::data::DataFile;
use crate::data::bind::Factor;
use crate::failure::{Failure, Result};
use crate::fixtures::{ABLATED, ALL, Fixture, TEXTS};
use crate::forms::Forms;
use crate::measure::{Machine, Time, median, peak_rss_mb, timed};
use crate::model::Model;
use crate::pipeline::{self, Quantizing};
use crate::prover::{self, ProofFile, ProvingKey};
use crate::screen::Screen;
use crate::show::report;
use crate::show::{self, program::columns};
use crate::{files, infer};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::path::Path;
use std::process::Command;
use tessera_api::Security;

const STAGES: [&str; 4] = ["compile", "setup", "prove", "verify"];

/// Runs the command.
pub fn run(o: &Bench, screen: &Screen) -> Result<()> {
    if o.stage.as_deref() == Some(ablation::STAGE) {
        let found = ABLATED.iter().find(|f| o.model.iter().any(|name| name == f.name));
        let f = found.ok_or_else(|| Failure::new("--stage ablation needs one of its models"))?;
        screen.json(&ablation::measure(o, f)?);
        return Ok(());
    }
    if o.ablation {
        return ablation::run(o, screen);
    }
    let chosen: Vec<Fixture> = if o.model.is_empty() {
        ALL.to_vec()
    } else {
        let find = |n: &String| {
            Fixture::find(n).ok_or_else(|| {
                let names: Vec<&str> = ALL.iter().chain(&TEXTS).map(|f| f.name).collect();
                Failure::new(format!("there is no benchmark {n:?}")).expected(names.join(", "))
            })
        };
        o.model.iter().map(find).collect::<Result<_>>()?
    };
    if let Some(stage) = &o.stage {
        let dir = o.work.clone().ok_or_else(|| Failure::new("--stage needs --work"))?;
        let value = measure(o, &chosen[0], stage, &dir)?;
        screen.json(&value);
        return Ok(());
    }

    let dir = std::env::temp_dir().join(format!("tessera-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(|e| Failure::io("make the directory", &dir, &e))?;
    let bar = screen.progress.counted("measuring", chosen.len() * (STAGES.len() + 1));
    let models: Result<Vec<Value>> = chosen
        .iter()
        .map(|f| {
            let mut all = json!({ "model": f.name, "batch": f.batch });
            for stage in STAGES {
                bar.set_message(format!("{} {stage}", f.name));
                let part = in_own_process(o, f, stage, &dir, None)?;
                if let (Some(all), Value::Object(part)) = (all.as_object_mut(), part) {
                    all.extend(part);
                }
                bar.inc(1);
            }
            bar.set_message(format!("{} prove, one thread", f.name));
            all["one_thread"] = in_own_process(o, f, "prove", &dir, Some(1))?;
            bar.inc(1);
            all["peak_rss_mb"] = all["prove"]["peak_rss_mb"].clone();
            Ok(all)
        })
        .collect();
    bar.finish_and_clear();
    let _ = std::fs::remove_dir_all(&dir);
    let models = models?;

    let machine = Machine::here();
    let commit = commit();
    if let Some(dir) = &o.report {
        let about = format!(
            "{}, {} threads, {:.0} GB of memory, {}; {} bits, {} regime; medians of {} runs; commit {commit}",
            machine.cpu,
            machine.threads,
            machine.memory_mb as f64 / 1000.0,
            machine.os,
            o.security,
            regime(o.regime),
            o.runs
        );
        files::write(&dir.join("benchmarks.svg"), report::chart(&models).as_bytes())?;
        files::write(
            &dir.join("benchmarks.md"),
            report::page(&models, &about, &dir.join("benchmarks.md")).as_bytes(),
        )?;
    }
    screen.json(&json!({
        "machine": machine,
        "commit": commit,
        "runs": o.runs,
        "security": { "bits": o.security, "regime": regime(o.regime) },
        "models": models,
    }));
    table(&models, screen);
    screen.line("");
    screen.line(format!(
        "medians of {} runs; {}, {} threads; {} bits, {} regime; commit {commit}",
        o.runs,
        if machine.cpu.is_empty() { "unknown processor" } else { &machine.cpu },
        machine.threads,
        o.security,
        regime(o.regime)
    ));
    Ok(())
}

/// The commit that is measured, as `./x` says.
pub fn commit() -> String {
    std::env::var("TESSERA_COMMIT").unwrap_or_else(|_| "unknown".into())
}

/// As the command line spells it.
pub fn regime(r: Regime) -> &'static str {
    match r {
        Regime::Proven => "proven",
        Regime::Conjectured => "conjectured",
    }
}

/// Runs a stage in a child of this very program.
pub fn in_own_process(
    o: &Bench,
    f: &Fixture,
    stage: &str,
    dir: &Path,
    threads: Option<usize>,
) -> Result<Value> {
    let me = std::env::current_exe().map_err(|e| Failure::new(format!("cannot find this program: {e}")))?;
    let mut command = Command::new(me);
    if let Some(n) = threads {
        command.env("RAYON_NUM_THREADS", n.to_string());
    }
    let out = command
        .args(["bench", "--json", "--model", f.name, "--stage", stage, "--regime", regime(o.regime)])
        .args(["--runs", &o.runs.to_string(), "--security", &o.security.to_string(), "--work"])
        .arg(dir)
        .output()
        .map_err(|e| Failure::new(format!("cannot start this program again: {e}")))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(Failure::new(format!("measuring {stage} of {} failed", f.name)).found(said.trim()));
    }
    serde_json::from_slice(&out.stdout)
        .map_err(|e| Failure::new(format!("measuring {stage} of {} gave no numbers: {e}", f.name)))
}

/// Medians of some runs of one thing.
#[derive(Serialize)]
struct Medians {
    #[serde(flatten)]
    time: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_rss_mb: Option<f64>,
}

fn medians(times: &[Time], peak_rss_mb: Option<f64>) -> Medians {
    let of = |f: fn(&Time) -> f64| median(times.iter().map(f).collect());
    Medians { time: Time { cpu_s: of(|t| t.cpu_s), wall_s: of(|t| t.wall_s) }, peak_rss_mb }
}

/// Does something as often as asked, and keeps what it made last.
fn repeat<T>(runs: u32, mut f: impl FnMut() -> Result<T>) -> Result<(T, Vec<Time>)> {
    let mut times = vec![];
    let mut last = None;
    for _ in 0..runs.max(1) {
        let (value, time) = timed(&mut f);
        last = Some(value?);
        times.push(time);
    }
    last.map(|l| (l, times)).ok_or_else(|| Failure::new("nothing was measured"))
}

/// A model's file and data.
pub struct Inputs {
    fixture: Fixture,
    onnx: Cow<'static, [u8]>,
    data: DataFile,
    factor: Option<Factor>,
}

impl Inputs {
    /// Reads or makes them.
    pub fn of(f: &Fixture) -> Result<Inputs> {
        let (data, factor) = f.data()?;
        Ok(Inputs { fixture: *f, onnx: f.onnx(), data, factor })
    }

    /// What is asked of the compiler.
    pub fn request(&self, forms: Forms) -> compile::Request<'_> {
        let f = &self.fixture;
        compile::Request {
            name: f.name.into(),
            onnx: &self.onnx,
            file: None,
            data: std::slice::from_ref(&self.data),
            factor: self.factor,
            placing: compile::Placing {
                batch: f.batch,
                weights: f.weights,
                zero_knowledge: f.zero_knowledge,
                visibility: Default::default(),
                uses: None,
                backend: tessera_backends::default(),
                forms,
                limits: Default::default(),
                prices: None,
            },
            quantizing: Quantizing::default(),
            samples: 256,
            labels: vec![],
            dump_ir: None,
            import: compile::Import::default(),
            watch: &|_| Ok(()),
        }
    }
}

/// One stage of one model, in this process.
fn measure(o: &Bench, f: &Fixture, stage: &str, dir: &Path) -> Result<Value> {
    let file = |extension: &str| dir.join(format!("{}.{extension}", f.name));
    let security = Security { bits: o.security, regime: o.regime.into(), goal: o.optimize.into() };
    match stage {
        "compile" => {
            let inputs = Inputs::of(f)?;
            let request = inputs.request(Forms::default());
            let pipeline = pipeline::default("nn", request.quantizing);
            let pipeline = match f.prompt() {
                Some(prompt) => pipeline::saying_tokens(&pipeline, prompt as u32 - 1),
                None => pipeline,
            };
            let (compiled, times) = repeat(o.runs, || compile::compile_by(&request, &pipeline))?;
            let m = medians(&times, Some(peak_rss_mb()));
            let bytes = files::write_container(&file("tess"), &compiled.model.container())?;
            Ok(json!({ "compile": m, "model_bytes": bytes }))
        }
        "setup" => {
            let model = Model::read(&file("tess"))?;
            let (keys, times) = repeat(o.runs, || prover::keys(&model, security, false))?;
            let m = medians(&times, Some(peak_rss_mb()));
            let proving_bytes = files::write_container(&file("pk"), &keys.proving)?;
            let verifying_bytes = files::write_container(&file("vk"), &keys.verifying)?;
            Ok(json!({
                "setup": m,
                "key_bytes": proving_bytes,
                "verifying_key_bytes": verifying_bytes,
            }))
        }
        "prove" => {
            let model = Model::read(&file("tess"))?;
            let (key, load) = timed(|| ProvingKey::read(&file("pk"), &model));
            let key = key?;
            let (data, _) = f.data()?;
            let inputs = infer::bind(&model.metadata, &data, None, None)?;
            let mut batch = infer::batches(&model.metadata, &inputs).remove(0);
            let plan = prove::prepare(&model)?;
            let mut said = None;
            if let Some(prompt) = f.prompt() {
                let prompt = &batch.inputs[0][..prompt];
                let (text, time) = timed(|| generate::generate(&model, &plan, prompt, None, &|_| Ok(())));
                batch.inputs = vec![text?.ids];
                said = Some(time);
            }
            let (mut witness, mut times, mut last) = (vec![], vec![], None);
            for _ in 0..o.runs.max(1) {
                let (trace, t) = timed(|| prove::fill(&plan, batch.clone()));
                witness.push(t);
                let (trace, _) = trace?;
                let (proved, t) = timed(|| key.prove(trace, batch.used));
                times.push(t);
                let (proof, timings) = proved?;
                last = Some((proof, timings));
            }
            let m = medians(&times, Some(peak_rss_mb()));
            let (proof, timings) = last.ok_or_else(|| Failure::new("nothing was measured"))?;
            let bytes = proof.to_bytes(&key.verifying());
            files::write(&file("proof"), &bytes)?;
            let phases: Vec<Value> = timings
                .phases
                .iter()
                .map(|(name, cpu_s, wall_s)| json!({ "name": name, "cpu_s": cpu_s, "wall_s": wall_s }))
                .collect();
            Ok(json!({
                "load_key": load,
                "generate": said,
                "witness": medians(&witness, None),
                "prove": m,
                "prove_phases": phases,
                "proof_bytes": bytes.len(),
            }))
        }
        "verify" => {
            let key = prover::verifying_key(&file("vk"))?;
            let bytes = files::read(&file("proof"))?;
            let proof = ProofFile::from_bytes(&bytes, &key)?;
            let (verified, times) = repeat(o.runs, || Ok(key.verify(&proof)?))?;
            Ok(json!({ "verify": medians(&times, Some(peak_rss_mb())), "security": verified }))
        }
        other => Err(Failure::new(format!("there is no stage {other:?}")).expected(STAGES.join(", "))),
    }
}

fn table(models: &[Value], screen: &Screen) {
    let head = ["", "compile", "setup", "witness", "prove", "1 thread", "verify", "proof", "key", "memory"]
        .map(String::from);
    let rows = models.iter().map(|m| {
        let wall = |stage: &str| show::seconds(m[stage]["wall_s"].as_f64().unwrap_or(0.0));
        let size = |what: &str| show::bytes(m[what].as_u64().unwrap_or(0));
        [
            m["model"].as_str().unwrap_or_default().to_string(),
            wall("compile"),
            wall("setup"),
            wall("witness"),
            wall("prove"),
            show::seconds(m["one_thread"]["prove"]["wall_s"].as_f64().unwrap_or(0.0)),
            wall("verify"),
            size("proof_bytes"),
            size("key_bytes"),
            format!("{:.0} MB", m["peak_rss_mb"].as_f64().unwrap_or(0.0)),
        ]
    });
    columns(std::iter::once(head).chain(rows).collect()).iter().for_each(|l| screen.line(l));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_taken_apart_for_cpu_and_wall() {
        let t = |cpu_s, wall_s| Time { cpu_s, wall_s };
        let m = medians(&[t(1.0, 9.0), t(3.0, 7.0), t(2.0, 8.0)], None);
        assert_eq!((m.time.cpu_s, m.time.wall_s), (2.0, 8.0));
    }

    #[test]
    fn repeating_stops_at_the_first_error() {
        let mut n = 0;
        let r = repeat(5, || {
            n += 1;
            if n < 3 { Ok(n) } else { Err(Failure::new("stop")) }
        });
        assert!(r.is_err() && n == 3);
    }
}
