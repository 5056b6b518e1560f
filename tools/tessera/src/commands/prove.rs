//! `tessera prove`: runs the quantized model and proves its output.
use crate::cli::Prove;
use crate::failure::{Failure, Result};
use crate::infer;
use crate::measure::{Time, timed};
use crate::model::Model;
use crate::prover::{ProofFile, ProvingKey};
use crate::screen::Screen;
use crate::statement::{Statement, outputs_of, statement};
use crate::{files, show};
use serde::Serialize;
use std::path::PathBuf;
use tessera_api::{Timings, Trace};
use tessera_runtime::Prepared;

#[derive(Serialize)]
struct Report {
    model: String,
    proof: String,
    proof_bytes: u64,
    #[serde(flatten)]
    statement: Statement,
    read: Time,
    witness: Time,
    prove: Time,
    phases: Vec<Phase>,
}

#[derive(Serialize)]
struct Phase {
    name: String,
    #[serde(flatten)]
    time: Time,
}

/// Runs the command.
pub fn run(o: &Prove, screen: &Screen) -> Result<()> {
    let (loaded, read) = timed(|| -> Result<_> {
        let model = Model::read(&o.model)?;
        let inputs = infer::read(&model.metadata, &o.input, o.data.scale, o.index, screen)?;
        let batch = infer::single(&model.metadata, &inputs, &o.input)?;
        let key = ProvingKey::read(&key_path(o)?, &model)?;
        Ok((model, batch, key))
    });
    let (model, batch, key) = loaded?;
    let m = &model.metadata;

    let estimate = Some(key.estimate(&model.program));
    let bar = screen.progress.phase(&format!("proving {}", show::plural(batch.used, "inference")), estimate);
    let (trace, witness) = timed(|| prepare(&model).and_then(|plan| fill(&plan, batch.inputs)));
    let trace = trace?;
    let publics = trace.publics.clone();
    let (proved, prove) = timed(|| key.prove(trace));
    bar.finish_and_clear();
    let (proof, Timings { phases }) = proved?;

    let file = ProofFile { publics, used: batch.used, proof };
    let bytes = file.to_bytes(&key);
    files::write(&o.output, &bytes)?;

    let statement = statement(m, outputs_of(m, &file.publics), batch.used, m.batch - batch.used);
    let report = Report {
        model: m.name.clone(),
        proof: o.output.display().to_string(),
        proof_bytes: bytes.len() as u64,
        statement,
        read,
        witness,
        prove,
        phases: phases
            .into_iter()
            .map(|(name, cpu_s, wall_s)| Phase { name, time: Time { cpu_s, wall_s } })
            .collect(),
    };
    screen.json(&report);
    let s = &report.statement;
    screen.line(format!(
        "proved {} of {} in {} ({} CPU): {}, {}",
        show::plural(s.inferences, "inference"),
        m.name,
        show::seconds(witness.wall_s + prove.wall_s),
        show::seconds(witness.cpu_s + prove.cpu_s),
        report.proof,
        show::bytes(report.proof_bytes)
    ));
    s.lines(10).iter().for_each(|l| screen.line(format!("  {l}")));
    if s.padding > 0 {
        screen.note(format!(
            "the proof covers {} inferences; {} of them are padding (inputs of zeros)",
            m.batch, s.padding
        ));
    }
    Ok(())
}

/// The model's witness plan, ready to run.
pub fn prepare(model: &Model) -> Result<Prepared> {
    let model = model.with_weights()?;
    Prepared::new(&model.program, &model.plan)
        .map_err(|e| Failure::new(format!("the witness plan does not fit the model: {e}")))
}

/// The witness of a batch.
pub fn fill(plan: &Prepared, inputs: Vec<Vec<i64>>) -> Result<Trace> {
    plan.run(inputs).map_err(|e| Failure::new(format!("the witness cannot be computed: {e}")))
}

fn key_path(o: &Prove) -> Result<PathBuf> {
    if let Some(key) = &o.key {
        return Ok(key.clone());
    }
    let key = files::beside(&o.model, "pk");
    if key.exists() {
        return Ok(key);
    }
    Err(Failure::new("there is no proving key beside the model")
        .expected(key.display().to_string())
        .help(format!("make it with: tessera setup {}, or name one with --key", o.model.display())))
}
