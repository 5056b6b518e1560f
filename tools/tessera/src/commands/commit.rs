//! `tessera commit`: the root of an input, and its opening. Needs neither the model nor a proving key.
use crate::cli::Commit;
use crate::failure::{Failure, Result};
use crate::infer::Batch;
use crate::model::{Metadata, Port};
use crate::opening::{self, Opening};
use crate::prover;
use crate::screen::Screen;
use crate::{files, infer};
use serde::Serialize;
use tessera_api::Public;
use tessera_verify::commitments::{Tensor, ports};

#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    name: &'a str,
    #[serde(flatten)]
    tensor: &'a Tensor,
    inferences: usize,
    root: String,
    opening: String,
}

/// Runs the command.
pub fn run(o: &Commit, screen: &Screen) -> Result<()> {
    let key = prover::verifying_key(&o.key)?;
    files::check_output(&o.output)?;
    let m = &key.metadata;
    let port = port(m, key.statement(), o.name.as_deref()).map_err(|f| f.in_file(&o.key))?;
    let only = Metadata { inputs: vec![port.clone()], ..m.clone() };
    let read = infer::read(&only, &o.input, o.data.scale, o.index, screen)?;
    let opening = opening(m, port, infer::single(&only, &read, &o.input)?)?;
    opening.write(&o.output)?;
    let root = opening.root().to_string();
    screen.json(&Report {
        model: &m.name,
        name: &port.name,
        tensor: &opening.tensor,
        inferences: opening.used,
        root: root.clone(),
        opening: o.output.display().to_string(),
    });
    screen.line(format!("{} {:?} of {} is committed as {root}", port.name, port.shape, m.name));
    screen
        .line(format!("  {}  for the prover, and for nobody who may not know the input", o.output.display()));
    Ok(())
}

/// The committed input of this name, or the only one.
///
/// # Errors
/// Where there is none, or several and no name is given.
pub fn port<'m>(m: &'m Metadata, statement: &'m [Public], name: Option<&str>) -> Result<&'m Port> {
    let inputs = || ports(m, statement).take(m.inputs.len()).filter(|(_, p)| p.role.is_committed());
    let names = || inputs().map(|(port, _)| port.name.as_str()).collect::<Vec<_>>().join(", ");
    let asked = |own: &str| name.is_none_or(|n| n == own);
    let found: Vec<_> = inputs().filter(|(port, _)| asked(&port.name)).collect();
    let [(port, _)] = found[..] else {
        let none = inputs().next().is_none();
        let what = match name {
            _ if none => format!("{} commits to no input", m.name),
            Some(name) => format!("{} commits to no input {name:?}", m.name),
            None => format!("{} commits to several inputs", m.name),
        };
        let help = match none {
            true => "compile it with: tessera compile --visibility NAME=committed",
            false => "say which one, with --name",
        };
        let expected = if none { "a key of a model with a committed input".into() } else { names() };
        return Err(Failure::new(what).expected(expected).help(help));
    };
    Ok(port)
}

/// The opening of an input, with a new salt; the batch has that input alone.
pub fn opening(m: &Metadata, port: &Port, mut batch: Batch) -> Result<Opening> {
    let values = batch.inputs.remove(0);
    let salt = opening::salt(&values)?;
    Ok(Opening::new(Tensor::of(m, port), (values, batch.used), salt))
}
