//! `tessera model`: keys that hide weights, each in so many proofs.
use crate::cli::{ModelCommand, ModelKeys, NextEpoch, Status};
use crate::commands::prove::key_path;
use crate::failure::{Failure, Result};
use crate::measure::{Time, timed};
use crate::model::Model;
use crate::prover::ProvingKey;
use crate::screen::Screen;
use crate::{files, show, uses};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
struct Left {
    model: String,
    key: String,
    proving_key: String,
    /// Proofs that it has made, and certificates in their place.
    used: u64,
    /// Proofs that it serves.
    of: u64,
    left: u64,
    /// What a certificate takes of it; none where it has none.
    certificate: Option<u64>,
}

#[derive(Serialize)]
struct Made {
    model: String,
    /// Digest of the further key.
    key: String,
    proving_key: String,
    certificate: String,
    bytes: u64,
    left: u64,
    time: Time,
}

/// Runs the command.
pub fn run(o: &ModelKeys, screen: &Screen) -> Result<()> {
    match &o.what {
        ModelCommand::Status(o) => status(o, screen),
        ModelCommand::NextEpoch(o) => next_epoch(o, screen),
    }
}

/// A model, its key, and where that is.
fn read(model: &Path, key: Option<&Path>) -> Result<(Model, ProvingKey, PathBuf)> {
    let m = Model::read(model)?;
    let path = key_path(key, model)?;
    let key = ProvingKey::read(&path, &m)?;
    Ok((m, key, path))
}

fn status(o: &Status, screen: &Screen) -> Result<()> {
    let (model, key, path) = read(&o.model, o.key.as_deref())?;
    let Some((used, of)) = key.used()? else {
        return Err(Failure::new(
            "proofs of this key are not counted: it hides no weights, and serves any number",
        )
        .in_file(&path)
        .help("keys of models that are compiled with --weights committed --zero-knowledge are"));
    };
    let report = Left {
        model: model.metadata.name.clone(),
        key: format!("{:#}", key.verifying().digest()),
        proving_key: path.display().to_string(),
        used,
        of,
        left: of.saturating_sub(used),
        certificate: key.certificate_turns(),
    };
    screen.json(&report);
    screen.line(format!(
        "{}: {} of {} used, {} left",
        report.proving_key,
        used,
        show::plural(of as usize, "proof"),
        report.left
    ));
    if let Some(turns) = report.certificate {
        screen.line(format!("  a certificate of a further key takes {turns} of it, and of that"));
    }
    screen.line(format!("  key {} of {}", report.key, report.model));
    Ok(())
}

/// Where the certificate of a further key goes: beside it. Errs where the key, its certificate or its count cannot be written.
pub fn certificate(output: &Path) -> Result<PathBuf> {
    let certificate = files::beside(output, "cert");
    let count = uses::beside(output);
    if count.exists() {
        return Err(Failure::new(
            "there is a count of another key's proofs where the further key's would be",
        )
        .found(count.display().to_string())
        .help("give the further key another name"));
    }
    [output, &certificate, &count].into_iter().try_for_each(files::check_output)?;
    Ok(certificate)
}

fn next_epoch(o: &NextEpoch, screen: &Screen) -> Result<()> {
    let certificate = certificate(&o.output)?;
    let (model, key, path) = read(&o.model, o.key.as_deref())?;
    let bar = screen.progress.phase("making a further key and its certificate", None);
    let (made, time) = timed(|| key.epoch(&o.output, &certificate));
    bar.finish_and_clear();
    let made = made.map_err(|f| f.in_file(&path))?;
    let (used, of) = key.used()?.unwrap_or_default();
    let bytes = std::fs::metadata(&certificate).map_err(|e| Failure::io("read", &certificate, &e))?.len();
    let report = Made {
        model: model.metadata.name.clone(),
        key: format!("{made:#}"),
        proving_key: o.output.display().to_string(),
        certificate: certificate.display().to_string(),
        bytes,
        left: of.saturating_sub(used),
        time,
    };
    screen.json(&report);
    screen.line(format!(
        "a further key of the weights of {} in {} ({} CPU)",
        report.model,
        show::seconds(time.wall_s),
        show::seconds(time.cpu_s)
    ));
    screen.line(format!(
        "  {}  for proving, with {} beside it: never copy or restore the two",
        report.proving_key,
        uses::beside(&o.output).display()
    ));
    screen.line(format!(
        "  {}  {}, for who verifies: with --certificate",
        report.certificate,
        show::bytes(bytes)
    ));
    screen.line(format!("  {} has {} left", path.display(), show::plural(report.left as usize, "proof")));
    Ok(())
}
