//! `tessera prove`: runs the quantized model and proves its output.
use crate::cli::{Prove, When};
use crate::failure::{Failure, Result};
use crate::infer::{self, Batch};
use crate::measure::{Time, timed};
use crate::model::Model;
use crate::prover::{self, ProofFile, ProvingKey, VerifyingKey};
use crate::screen::Screen;
use crate::statement::{Statement, outputs_of, statement};
use crate::{files, show};
use serde::Serialize;
use std::path::{Path, PathBuf};
use tessera_api::{Timings, Trace};
use tessera_runtime::Prepared;
use tessera_verify::claim::Claim;

#[derive(Serialize)]
struct Report {
    model: String,
    #[serde(flatten)]
    statement: Statement,
    read: Time,
    #[serde(flatten)]
    made: Made,
}

/// A proof that was written.
#[derive(Serialize)]
pub struct Made {
    proof: String,
    proof_bytes: u64,
    witness: Time,
    prove: Time,
    /// Verifying the proof before it was written, if that was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Time>,
    phases: Vec<Phase>,
}

#[derive(Serialize)]
struct Phase {
    name: String,
    #[serde(flatten)]
    time: Time,
}

impl Made {
    /// For people: what was proven of which model, how fast, and where it is.
    pub fn line(&self, what: &str, model: &str) -> String {
        format!(
            "proved {what} of {model} in {} ({} CPU): {}, {}",
            show::seconds(self.witness.wall_s + self.prove.wall_s),
            show::seconds(self.witness.cpu_s + self.prove.cpu_s),
            self.proof,
            show::bytes(self.proof_bytes)
        )
    }
}

/// Runs the command.
pub fn run(o: &Prove, screen: &Screen) -> Result<()> {
    let (loaded, read) = timed(|| -> Result<_> {
        let model = Model::read(&o.model)?;
        let inputs = infer::read(&model.metadata, &o.input, o.data.scale, o.index, screen)?;
        let batch = infer::single(&model.metadata, &inputs, &o.input)?;
        let key = ProvingKey::read(&key_path(o.key.as_deref(), &o.model)?, &model)?;
        Ok((model, batch, key))
    });
    let (model, batch, key) = loaded?;
    files::check_output(&o.output)?;
    let m = &model.metadata;
    let used = batch.used;
    let (plan, prepared) = timed(|| prepare(&model));
    let Proven { file, mut made } = make(&model, &key, (&plan?, batch), (&o.output, None, o.check), screen)?;
    made.witness = made.witness + prepared;
    let statement = statement(m, outputs_of(m, &file.publics), used, m.batch - used);
    let report = Report { model: m.name.clone(), statement, read, made };
    screen.json(&report);
    let s = &report.statement;
    screen.line(report.made.line(&show::plural(s.inferences, "inference"), &m.name));
    s.lines(10).iter().for_each(|l| screen.line(format!("  {l}")));
    if s.padding > 0 {
        screen.note(format!(
            "the proof covers {} inferences; {} of them are padding (inputs of zeros)",
            m.batch, s.padding
        ));
    }
    Ok(())
}

/// A proof, and what making it took.
pub struct Proven {
    /// The proof.
    pub file: ProofFile,
    /// Where it is, and how long it took.
    pub made: Made,
}

/// Proves a batch of a model, and writes the proof to a file; with what it claims, and checked before it is written where that is wanted.
pub fn make(
    model: &Model,
    key: &ProvingKey,
    (plan, batch): (&Prepared, Batch),
    (output, claim, when): (&Path, Option<Claim>, When),
    screen: &Screen,
) -> Result<Proven> {
    let predicted = prover::seconds(model)?;
    let wall = predicted / rayon::current_num_threads().max(1) as f64;
    let bar =
        screen.progress.phase(&format!("proving {}", show::plural(batch.used, "inference")), Some(wall));
    let (trace, witness) = timed(|| fill(plan, batch.inputs));
    let trace = trace?;
    let (proved, prove) = timed(|| key.prove(trace, batch.used));
    bar.finish_and_clear();
    let (mut file, Timings { phases }) = proved?;
    file.claim = claim;

    let key = key.verifying();
    let bytes = file.to_bytes(&key);
    let takes = prover::backend(&model.metadata.backend)?.prices().verify_seconds(bytes.len() as u64);
    let check = wanted(when, takes, predicted);
    let checked = check.then(|| timed(|| verifies(&bytes, &key)));
    let check = checked.map(|(result, time)| result.map(|()| time)).transpose()?;
    files::write(output, &bytes)?;
    let phase = |(name, cpu_s, wall_s)| Phase { name, time: Time { cpu_s, wall_s } };
    let made = Made {
        proof: output.display().to_string(),
        proof_bytes: bytes.len() as u64,
        witness,
        prove,
        check,
        phases: phases.into_iter().map(phase).collect(),
    };
    Ok(Proven { file, made })
}

/// Whether the proof is verified before it is written, by what verifying and proving are predicted to cost.
pub fn wanted(when: When, verify_s: f64, prove_s: f64) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => verify_s < 0.05 * prove_s,
    }
}

/// Errs unless what will be written is a proof that holds: a key that changed under the prover's hands, or a machine that miscounts, ends
/// here.
pub fn verifies(bytes: &[u8], key: &VerifyingKey) -> Result<()> {
    let verdict = ProofFile::from_bytes(bytes, key).and_then(|proof| key.verify(&proof));
    verdict.map(|_| ()).map_err(|f| {
        Failure::machine("the proof that was made does not hold, and was not written")
            .found(f.to_string())
            .help("prove again; if it happens twice, make the keys again with: tessera setup MODEL.tess")
    })
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

/// Where the proving key of a model is: where it was said to be, or beside it.
pub fn key_path(given: Option<&Path>, model: &Path) -> Result<PathBuf> {
    if let Some(key) = given {
        return Ok(key.into());
    }
    let key = files::beside(model, "pk");
    if key.exists() {
        return Ok(key);
    }
    Err(Failure::new("there is no proving key beside the model")
        .expected(key.display().to_string())
        .help(format!("make it with: tessera setup {}, or name one with --key", model.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checking_is_for_where_it_costs_little() {
        assert!(wanted(When::Auto, 15e-3, 0.38) && !wanted(When::Auto, 8.9e-3, 34e-3));
        assert!(wanted(When::Always, 1.0, 0.1) && !wanted(When::Never, 0.0, 1.0));
    }
}
