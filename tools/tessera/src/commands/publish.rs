//! `tessera publish`: what others may have of a model whose weights are its owner's.
use crate::cli::Publish;
use crate::failure::{Failure, Result};
use crate::model::Model;
use crate::screen::Screen;
use crate::{files, show};
use serde::Serialize;

#[derive(Serialize)]
struct Report {
    model: String,
    program: String,
    architecture: String,
    bytes: u64,
}

/// Runs the command.
pub fn run(o: &Publish, screen: &Screen) -> Result<()> {
    let model = Model::read(&o.model)?;
    files::check_output(&o.output)?;
    let public = model.architecture().ok_or_else(|| {
        Failure::new("the weights of this model are public: it can be given away as it is")
            .in_file(&o.model)
            .help("to keep weights to yourself, compile with --weights committed")
    })?;
    let bytes = public.to_bytes();
    files::write(&o.output, &bytes)?;
    let report = Report {
        model: model.metadata.name.clone(),
        program: format!("{:#}", model.digest()),
        architecture: o.output.display().to_string(),
        bytes: bytes.len() as u64,
    };
    screen.json(&report);
    screen.line(format!(
        "architecture of {} (program {}) without its weights: {}, {}",
        report.model,
        model.digest(),
        report.architecture,
        show::bytes(report.bytes)
    ));
    Ok(())
}
