//! The compiler as a list: which passes make which level, and one function that runs a stage.
//!
//! Invariant: the order of passes is written here and nowhere else; `docs/` and `inspect` show this list.
use crate::failure::{Failure, Problem, Result};
use crate::model::Level;
use melior::ir::Module;
use std::path::Path;
use tessera_mlir::{params, pipeline};

/// Passes that end in IR of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The level that is reached.
    pub level: &'static str,
    /// Passes on the module, in order.
    pub passes: &'static str,
    /// What they do, for people.
    pub says: &'static str,
}

/// After import, and with calibration between the first and the second.
pub const STAGES: [Stage; 3] = [
    Stage { level: "nn", passes: "canonicalize,cse", says: "simplifying the float network" },
    Stage { level: "qnn", passes: "convert-nn-to-qnn,canonicalize,cse", says: "quantizing" },
    Stage {
        level: "circuit",
        passes: "convert-qnn-to-circuit,circuit-absorb-scale,circuit-hoist-views,canonicalize,cse,circuit-intervals",
        says: "lowering to relations",
    },
];

impl Stage {
    /// In MLIR's syntax.
    pub fn pipeline(&self) -> String {
        format!("builtin.module({})", self.passes)
    }

    /// Runs the passes; with a directory, the IR after every pass goes to `DIR/LEVEL/`.
    pub fn run(&self, module: &mut Module, dump: Option<&Path>) -> Result<()> {
        zk_opt::register_all();
        let folder = dump.map(|d| d.join(self.level));
        let settings = pipeline::Settings { print_after_all: folder.as_deref(), ..Default::default() };
        let result = pipeline::run(module, &self.pipeline(), &settings);
        if let Some(folder) = &folder {
            flatten(folder).map_err(|e| Failure::io("write to", folder, &e))?;
        }
        Ok(result?)
    }

    /// The module as a level of a model file; with a directory, as `DIR/LEVEL.mlir` with its parameters beside it.
    pub fn snapshot(&self, module: &Module, dump: Option<&Path>) -> Result<Level> {
        let op = module.as_operation();
        let text = tessera_mlir::print_with_locations(op);
        let params = params::of(op)?.to_bytes()?;
        if let Some(dir) = dump {
            let write = |name: &str, bytes: &[u8]| crate::files::write(&dir.join(name), bytes);
            write(&format!("{}.mlir", self.level), text.as_bytes())?;
            if let Some(name) = params::name_of(op) {
                write(&name, &params)?;
            }
        }
        Ok(Level { text, params })
    }
}

/// MLIR writes a folder per operation that a pass is anchored on, and ours are all anchored on the module: one up.
fn flatten(folder: &Path) -> std::io::Result<()> {
    let below: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    for sub in below.iter().map(std::fs::DirEntry::path).filter(|p| p.is_dir()) {
        for entry in std::fs::read_dir(&sub)? {
            let entry = entry?;
            std::fs::rename(entry.path(), folder.join(entry.file_name()))?;
        }
        std::fs::remove_dir(&sub)?;
    }
    Ok(())
}

impl From<tessera_mlir::Error> for Failure {
    fn from(e: tessera_mlir::Error) -> Failure {
        let problem = |r: &tessera_mlir::Report| Problem {
            message: r.message.clone(),
            place: r.place.as_ref().map(ToString::to_string),
            notes: r.notes.iter().map(ToString::to_string).collect(),
            ..Problem::default()
        };
        Failure { code: 2, problems: e.reports.iter().map(problem).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_of_the_list_exists() {
        zk_opt::register_all();
        let context = tessera_passes::context();
        for stage in STAGES {
            let mut empty = tessera_mlir::parse(&context, "module {}", "empty").unwrap();
            // an empty module may be refused by a pass, but no pipeline may be
            if let Err(e) = pipeline::run(&mut empty, &stage.pipeline(), &pipeline::Settings::default()) {
                assert!(!e.to_string().contains("the pipeline"), "{}: {e}", stage.level);
            }
        }
    }
}
