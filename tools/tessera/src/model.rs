//! `model.tess`: the compiled model as one file, and what people and scripts want to know about it.
//!
//! Sections: `program`, `plan`, `metadata`, `prices` where they are not the backend's, and per IR level `LEVEL.mlir` (text) and `LEVEL.params` (safetensors), so
//! that running, comparing and re-compiling work from this file alone. Levels are not looked at before they are used: proving
//! needs none. Nothing here needs MLIR.
//!
//! Invariants: a model that was read is a valid Program whose public tensors are exactly the ports of its metadata;
//! reading never panics.
use crate::failure::{Failure, Result};
use crate::files;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tessera_api::{Bytes, Container, Digest, FileError, FileKind, Prices, Program, Section, WitnessPlan};
pub use tessera_verify::metadata::{Calibration, Metadata, Port};

/// The levels whose IR a model carries, from the top.
pub const LEVELS: [&str; 3] = ["nn", "qnn", "circuit"];

/// IR of one level: text and parameters (safetensors bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// MLIR.
    pub text: Section,
    /// Parameters that the text refers to.
    pub params: Section,
}

impl Level {
    /// The text.
    pub fn text(&self) -> Result<String, FileError> {
        let bytes = self.text.bytes()?;
        String::from_utf8(bytes.to_vec())
            .map_err(|_| FileError::Damaged("the IR of a level is not text".into()))
    }
}

/// A compiled model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// About it.
    pub metadata: Metadata,
    /// What is proven.
    pub program: Arc<Program>,
    /// How a prover fills the tables.
    pub plan: WitnessPlan,
    /// IR by level name; see [`LEVELS`].
    pub levels: BTreeMap<String, Level>,
    /// What decided how it was placed, where that is not what the backend charges.
    pub prices: Option<Prices>,
    /// Digest of the Program, which keys name.
    digest: Digest,
}

impl Model {
    /// A model of its parts.
    pub fn new(
        metadata: Metadata,
        program: Program,
        plan: WitnessPlan,
        levels: BTreeMap<String, Level>,
    ) -> Model {
        let digest = program.digest();
        Model { metadata, program: Arc::new(program), plan, levels, prices: None, digest }
    }

    /// Digest of the Program, which keys name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What is public of a model whose weights are its owner's: no weights, no plan, no IR. None where all is public.
    pub fn architecture(&self) -> Option<Model> {
        self.program.has_committed().then(|| Model {
            metadata: self.metadata.clone(),
            program: Arc::new(self.program.architecture()),
            plan: WitnessPlan::default(),
            levels: BTreeMap::new(),
            prices: self.prices,
            digest: self.digest,
        })
    }

    /// Errs where there are no weights to work with.
    pub fn with_weights(&self) -> Result<&Model> {
        if self.program.is_architecture() {
            return Err(Failure::new(format!(
                "this file is the architecture of {}, without its weights",
                self.metadata.name
            ))
            .expected("the model as its owner compiled it")
            .help("tessera audit compares an architecture with a verifying key"));
        }
        Ok(self)
    }

    /// The file.
    pub fn container(&self) -> Container {
        let mut c = Container::new(FileKind::Model, Digest::default());
        c.put("metadata", &self.metadata);
        self.program.store(&mut c);
        c.put("plan", &self.plan);
        if let Some(prices) = &self.prices {
            c.put("prices", prices);
        }
        for (name, level) in &self.levels {
            c.insert(&format!("{name}.mlir"), level.text.clone());
            c.insert(&format!("{name}.params"), level.params.clone());
        }
        c
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.container().to_bytes()
    }

    /// Reads a file's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
        Model::from_shared(Bytes::copy_from_slice(bytes))
    }

    /// Reads a file's bytes where they lie.
    pub fn from_shared(bytes: Bytes) -> Result<Model> {
        let c = Container::from_shared(bytes, FileKind::Model)?;
        let of_levels = LEVELS.iter().flat_map(|l| [format!("{l}.mlir"), format!("{l}.params")]);
        let names: Vec<String> = of_levels
            .chain(["constants", "metadata", "plan", "prices", "program"].map(String::from))
            .collect();
        c.only(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
        let mut levels = BTreeMap::new();
        // a model compiled from IR has no levels above it
        for name in LEVELS.into_iter().filter(|name| c.contains(&format!("{name}.mlir"))) {
            let text = c.section(&format!("{name}.mlir"))?.clone();
            let params = c.section(&format!("{name}.params"))?.clone();
            levels.insert(name.to_string(), Level { text, params });
        }
        let mut model = Model {
            metadata: c.get("metadata")?,
            program: Arc::new(Program::load(&c)?),
            plan: c.get("plan")?,
            levels,
            prices: c.contains("prices").then(|| c.get("prices")).transpose()?,
            digest: c.digest("program")?,
        };
        if model.program.has_committed() {
            model.digest = model.program.digest();
        }
        model.program.validate().map_err(|e| FileError::Damaged(format!("section \"program\": {e}")))?;
        model.metadata.check(&model.program.publics)?;
        if let Some(prices) = model.prices {
            prices.check().map_err(|e| FileError::Damaged(format!("section \"prices\": {e}")))?;
        }
        Ok(model)
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Model> {
        Model::from_shared(files::map(path)?)
            .map_err(|f| f.in_file(path).help("write it with: tessera compile MODEL.onnx"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tessera_api::{Public, Role, VERSION};

    /// A model without tables: enough to write and read.
    pub(crate) fn tiny() -> Model {
        let port = |name: &str, n: usize| Port {
            name: name.into(),
            shape: vec![1, n],
            scale: 0.5,
            min: -127,
            max: 127,
            factor: None,
            exact: false,
            texts: vec![],
        };
        let public = |name: &str, n: u32, role| Public {
            name: name.into(),
            shape: vec![2, n],
            min: -127,
            max: 127,
            role,
        };
        let program = Program {
            version: VERSION,
            zero_knowledge: false,
            constants: vec![],
            matrices: vec![],
            tables: vec![],
            relations: vec![],
            publics: vec![public("x", 4, Role::Input), public("y", 3, Role::Output)],
            variables: vec![],
            folds: vec![],
            terms: vec![],
            equations: vec![],
        };
        let metadata = Metadata {
            name: "tiny".into(),
            compiler: "0".into(),
            source: Digest::default(),
            parameters: 12,
            batch: 2,
            inputs: vec![port("x", 4)],
            outputs: vec![port("y", 3)],
            labels: vec!["cat".into(), "dog".into()],
            calibration: Calibration {
                method: "min-max".into(),
                percentile: None,
                samples: 1,
                data: "d".into(),
            },
            pipeline: vec!["cse".into()],
            backend: "plonky3".into(),
        };
        let levels = LEVELS.iter().map(|l| {
            let level = Level { text: format!("// {l}\n").into(), params: vec![1, 2].into() };
            (l.to_string(), level)
        });
        Model::new(metadata, program, WitnessPlan::default(), levels.collect())
    }

    #[test]
    fn a_model_reads_back_as_it_was_written() {
        let m = tiny();
        assert_eq!(Model::from_bytes(&m.to_bytes()).unwrap(), m);
    }

    #[test]
    fn metadata_that_is_not_the_programs_is_refused() {
        let broken = |change: &dyn Fn(&mut Model)| {
            let mut m = tiny();
            change(&mut m);
            Model::from_bytes(&m.to_bytes()).unwrap_err().to_string()
        };
        let texts = [
            broken(&|m| m.metadata.batch = 3),
            broken(&|m| m.metadata.inputs[0].name = "z".into()),
            broken(&|m| m.metadata.outputs[0].scale = f64::NAN),
            broken(&|m| m.metadata.inputs[0].shape = vec![usize::MAX, 4]),
            broken(&|m| Arc::make_mut(&mut m.program).version = 9),
            broken(&|m| m.metadata.labels[1] = "dog\u{1b}[2J\rverified".into()),
        ];
        insta::assert_snapshot!(texts.join("\n\n"));
    }
}
