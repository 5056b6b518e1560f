//! `tessera audit`: is this verifying key of that model? Made again, and compared.
use crate::cli::Audit;
use crate::failure::{Failure, Result};
use crate::model::Model;
use crate::prover;
use crate::screen::Screen;
use serde::Serialize;

#[derive(Serialize)]
struct Report {
    model: String,
    program: String,
    key: String,
    /// What the key's commitment to weights is, if they are their owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<String>,
    /// Whether the weights were compared too.
    weights_compared: bool,
}

/// Runs the command.
///
/// # Correctness
/// Exit code 0 says that the key is what `tessera setup` makes of this model. Of an architecture, and of a key that hides weights, that it is
/// so up to the commitment to weights, which may be to any.
pub fn run(o: &Audit, screen: &Screen) -> Result<()> {
    let model = Model::read(&o.model)?;
    let key = prover::verifying_key(&o.key)?;
    let audited = || Ok::<_, Failure>(key.audit(&model.program, model.digest(), &model.metadata)?);
    o.policy.check(&key).and_then(|()| audited()).map_err(|f| f.in_file(&o.key))?;
    let report = Report {
        model: model.metadata.name.clone(),
        program: format!("{:#}", model.digest()),
        key: format!("{:#}", key.digest()),
        weights: key.weights().map(|d| format!("{d:#}")),
        // hidden weights are committed to with randomness that nobody can make again
        weights_compared: !model.program.is_architecture() && !model.program.zero_knowledge,
    };
    screen.json(&report);
    screen.line(format!(
        "{} this key is of {} (program {})",
        screen.style.good("right:"),
        report.model,
        model.digest()
    ));
    screen.line(format!("  key        {}", report.key));
    if let Some(w) = &report.weights {
        let compared = match (report.weights_compared, model.program.zero_knowledge) {
            (true, _) => "they are this model's",
            (false, true) => "they are its owner's and hidden, and may be any",
            (false, false) => "they are its owner's, and may be any",
        };
        screen.line(format!("  weights    committed as {w}: {compared}"));
    }
    screen.line(format!("  security   {}", key.offer().text()));
    Ok(())
}
