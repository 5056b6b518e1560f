//! `tessera verify`: whether a proof holds, and what it says. Knows nothing of the compiler.
use crate::cli::{Policy, Verify};
use crate::failure::Result;
use crate::infer;
use crate::measure::{Time, timed};
use crate::prover::{self, ProofFile, VerifyingKey};
use crate::screen::Screen;
use crate::vocabulary::Vocabulary;
use crate::{files, show};
use serde::Serialize;
use std::path::Path;
use tessera_verify::report::Report;

#[derive(Serialize)]
struct Timed<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// What the tokens of a text spell, the prompt first.
    #[serde(skip_serializing_if = "Option::is_none")]
    spelled: Option<[String; 2]>,
    time: Time,
}

/// Runs the command.
pub fn run(o: &Verify, screen: &Screen) -> Result<()> {
    let mut key = prover::verifying_key(&o.key)?;
    o.policy.check(&key).map_err(|f| f.in_file(&o.key))?;
    for path in &o.certificate {
        key = prover::certificate(path, &key)?;
    }
    o.policy.wanted().worth(&key)?;
    let proof = prover::proof(&o.proof, &key)?;
    let mut before = vec![];
    for [key, proof] in o.after.as_chunks::<2>().0 {
        let key_of = prover::verifying_key(key)?;
        // a digest pins one key
        let policy = tessera_verify::key::Policy { key_digest: None, ..o.policy.wanted() };
        policy.check(&key_of).map_err(|e| e.in_file(key))?;
        before.push((key_of, proof));
    }
    let vocabulary = o.vocab.as_deref().map(Vocabulary::read).transpose()?;
    let (report, time) = timed(|| Report::new(&key, &proof));
    let mut report = report.map_err(|e| e.in_file(&o.proof))?;
    for root in &o.root {
        report = report.of_root(&root.name, root.value).map_err(|e| e.in_file(&o.proof))?;
    }
    for (key, path) in &before {
        let first = Report::new(key, &prover::proof(path, key)?).map_err(|e| e.in_file(path))?;
        report = report.after(&first).map_err(|e| e.in_file(&o.proof))?;
    }
    if let Some(path) = &o.input {
        let m = &key.metadata;
        let inputs = infer::read(m, path, o.data.scale, o.index, screen)?;
        let batch = infer::single(m, &inputs, path)?;
        report = report.of_input(&key, &proof, &batch.inputs, batch.used).map_err(|e| e.in_file(&o.proof))?;
    }
    let spelled = vocabulary.zip(report.text.as_ref());
    let spelled = spelled.map(|(v, text)| [&text.prompt, &text.generated].map(|ids| v.decode(ids)));
    screen.line(format!("{} {}", screen.style.good("verified"), o.proof.display()));
    report.lines().iter().for_each(|l| screen.line(l));
    if let Some([prompt, more]) = &spelled {
        screen.line(format!("  spelled    {prompt:?} goes on with {more:?}"));
    }
    screen.line(format!("  time       {}", show::seconds(time.wall_s)));
    screen.json(&Timed { report: &report, spelled, time });
    Ok(())
}

impl Policy {
    /// Errs when a key is not good enough.
    pub fn check(&self, key: &VerifyingKey) -> Result<()> {
        Ok(self.wanted().check(key)?)
    }

    fn wanted(&self) -> tessera_verify::key::Policy {
        let (min_security, regime) = (self.min_security, self.regime.into());
        tessera_verify::key::Policy { min_security, regime, key_digest: self.key_digest }
    }
}

/// Reads and checks a proof, for other commands.
pub fn check(proof: &Path, key: &Path) -> Result<(Report, Time)> {
    let key = prover::verifying_key(key)?;
    let proof = ProofFile::from_bytes(&files::read(proof)?, &key)?;
    let (report, time) = timed(|| Report::new(&key, &proof));
    Ok((report?, time))
}
