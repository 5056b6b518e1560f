//! `tessera setup`: the keys of a compiled model, beside it.
use crate::cli::Setup;
use crate::failure::Result;
use crate::measure::{Time, timed};
use crate::model::Model;
use crate::prover::{self, VerifyingKey};
use crate::screen::Screen;
use crate::{files, measure, show, uses};
use serde::Serialize;
use tessera_api::{Offer, Security};

#[derive(Serialize)]
struct Report {
    model: String,
    program: String,
    key: String,
    proving_key: String,
    proving_key_bytes: u64,
    /// Whether the proving key holds no extensions of its columns.
    compact: bool,
    verifying_key: String,
    verifying_key_bytes: u64,
    security: Offer,
    /// How many proofs the proving key serves, where it hides weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<u64>,
    /// Reading the model.
    read: Time,
    /// Making the keys.
    time: Time,
    write: Time,
    /// All that the command took.
    whole: Time,
}

/// Runs the command.
pub fn run(o: &Setup, screen: &Screen) -> Result<()> {
    let (model, read) = timed(|| Model::read(&o.model));
    let model = model?;
    let (pk, vk) = (files::beside(&o.model, "pk"), files::beside(&o.model, "vk"));
    let count = uses::beside(&pk);
    [&pk, &vk, &count].into_iter().try_for_each(|path| files::check_output(path))?;
    let security = Security { bits: o.security, regime: o.regime.into(), goal: o.optimize.into() };
    let compact = prover::compact(&model, security, o.compact, o.max_memory.map(|most| most.0));
    let compact = compact.map_err(|f| f.in_file(&o.model))?;
    let bar = screen.progress.phase("making the keys", None);
    let (keys, time) = timed(|| prover::keys(&model, security, compact));
    bar.finish_and_clear();
    let mut keys = keys.map_err(|f| f.in_file(&o.model))?;
    if o.lean {
        keys.proving = prover::backend(&model.metadata.backend)?.lean(&keys.proving);
    }
    let key = format!("{:#}", VerifyingKey::from_bytes(&keys.verifying.to_bytes())?.digest());
    // first of all: a new key beside the count of an older one is refused
    if let Some(of) = keys.uses {
        uses::start(&count, key.clone(), (0, of))?;
    }
    let bar = screen.progress.phase("writing the keys", None);
    let (written, write) = timed(|| -> Result<_> {
        Ok((files::write_container(&pk, &keys.proving)?, files::write_container(&vk, &keys.verifying)?))
    });
    bar.finish_and_clear();
    let (proving_bytes, verifying_bytes) = written?;

    let report = Report {
        model: model.metadata.name.clone(),
        program: format!("{:#}", model.digest()),
        key,
        proving_key: pk.display().to_string(),
        proving_key_bytes: proving_bytes,
        compact,
        verifying_key: vk.display().to_string(),
        verifying_key_bytes: verifying_bytes,
        security: keys.offer,
        uses: keys.uses,
        read,
        time,
        write,
        whole: measure::whole(),
    };
    screen.json(&report);
    screen.line(format!(
        "keys for {} (program {}) in {}",
        report.model,
        model.digest(),
        show::seconds(report.whole.wall_s)
    ));
    screen.line(format!("  {}", show::clocks([("reading", read), ("keys", time), ("writing", write)])));
    let kind = if compact && !o.lean { "compact, " } else { "" };
    screen.line(format!(
        "  {}  {kind}{}, for proving",
        report.proving_key,
        show::bytes(report.proving_key_bytes)
    ));
    screen.line(format!(
        "  {}  {}, for verifying",
        report.verifying_key,
        show::bytes(report.verifying_key_bytes)
    ));
    screen.line(format!("  key {}, which verify can be told with --key-digest", report.key));
    screen.line(format!("  {}", report.security.text()));
    if let Some(of) = report.uses {
        screen.line(format!(
            "  hides weights in {of} proofs, which {} counts: never copy or restore the two",
            count.display()
        ));
    }
    Ok(())
}
