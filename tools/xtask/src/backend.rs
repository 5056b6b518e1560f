//! A new backend: a crate beside the others, with the conformance suite as its test.

use super::{Changes, Name, fill};
use std::path::Path;

const MANIFEST: &str = r#"[package]
name = "tessera-@kebab@"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

[dependencies]
tessera-api.workspace = true
serde.workspace = true

[dev-dependencies]
tessera-checker = { workspace = true, features = ["testing"] }
tessera-runtime.workspace = true
"#;

const SOURCE: &str = r##"//! The backend `@kebab@`: say what it proves with.
//!
//! Invariant: `verify` trusts nothing but its key.

use serde::{Deserialize, Serialize};
use tessera_api::{
    Backend, Capabilities, Cost, Prices, Program, ProveError, Publics, SetupError, Shape, Target, Timings, Trace,
    Verified, VerifyError,
};

/// See the crate's text.
#[derive(Clone, Copy, Debug, Default)]
pub struct @Camel@;

/// What the prover keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProvingKey {
    /// The relation.
    pub program: Program,
}

/// What the verifier keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerifyingKey {
    /// The relation.
    pub program: Program,
}

/// A proof, without the public values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {}

impl Target for @Camel@ {
    fn name(&self) -> &'static str {
        "@kebab@"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            modulus: tessera_api::field::MODULUS,
            max_degree: 3,
            min_log_height: 0,
            max_log_height: 20,
            max_columns: 1000,
            lookups: false,
            joins: false,
            zero_knowledge: false,
        }
    }

    fn prices(&self) -> Prices {
        Prices { row: 500.0, witness_cell: 50.0, opening_bytes: 1000.0, ..Prices::default() }
    }

    fn cost(&self, shape: &Shape) -> Cost {
        let mut cost = Cost::default();
        for t in &shape.tables {
            cost.group(t.log_height).witness += u64::from(t.witness);
        }
        cost
    }
}

impl Backend for @Camel@ {
    type ProvingKey = ProvingKey;
    type VerifyingKey = VerifyingKey;
    type Proof = Proof;

    fn setup(&self, program: &Program) -> Result<(ProvingKey, VerifyingKey), SetupError> {
        self.admit(program)?;
        let reason = "nothing is implemented yet".into();
        Err(SetupError::Unsupported { backend: self.name().into(), reason })
    }

    fn prove(&self, _: &ProvingKey, _: Trace) -> Result<(Proof, Timings), ProveError> {
        Err(ProveError::Internal("nothing is implemented yet".into()))
    }

    fn verify(&self, _: &VerifyingKey, _: &Publics, _: &Proof) -> Result<Verified, VerifyError> {
        Err(VerifyError::Shape("nothing is implemented yet".into()))
    }
}
"##;

const TEST: &str = r##"//! The suite that every backend passes.
use tessera_@snake@::@Camel@;
use tessera_checker::testing::conformance::{self, Codec, Settings, plain};

#[test]
#[ignore = "take this line out when setup, prove and verify are written"]
fn conforms() {
    let codec = Codec::<@Camel@> {
        proving_key: (plain::write, plain::read),
        verifying_key: (plain::write, plain::read),
        proof: (plain::write_for, plain::read_for),
    };
    let report = conformance::run(&@Camel@, &codec, &Settings::default(), |case| {
        tessera_runtime::run(&case.program, &case.plan, case.inputs.clone()).expect("an honest witness")
    });
    println!("{report:?}");
}
"##;

/// The files of a backend.
///
/// # Errors
/// When the name is wrong, the backend exists, or a list does not look as expected.
pub fn new_backend(root: &Path, name: &str) -> Result<Changes, String> {
    let name = Name::new(name)?;
    let values = [("kebab", name.kebab.as_str()), ("snake", &name.snake), ("Camel", &name.camel)];
    let folder = Path::new("backends").join(&name.snake);
    if root.join(&folder).exists() {
        return Err(format!("{} exists already; choose another name", folder.display()));
    }
    let mut changes = Changes::default();
    changes.created.insert(folder.join("Cargo.toml"), fill(MANIFEST, &values));
    changes.created.insert(folder.join("src/lib.rs"), fill(SOURCE, &values));
    changes.created.insert(folder.join("tests/conformance.rs"), fill(TEST, &values));
    changes.edit(root, "Cargo.toml", |text| {
        let text = text
            .replace("\"backends/plonky3\",", &format!("\"backends/plonky3\", \"backends/{}\",", name.snake));
        let line = "tessera-checker = { path = \"backends/checker\" }\n";
        let new = format!("{line}tessera-{} = {{ path = \"backends/{}\" }}\n", name.kebab, name.snake);
        text.contains(line).then(|| text.replace(line, &new))
    })?;
    changes.edit(root, "docs/ARCHITECTURE.md", |text| {
        let row = "| `backends/plonky3` |";
        let new = format!("| `backends/{}` | say what it proves with | `backends/api` |\n{row}", name.snake);
        text.contains(row).then(|| text.replace(row, &new))
    })?;
    changes.next = vec![
        format!("write setup, prove and verify: {}", folder.join("src/lib.rs").display()),
        format!("take the #[ignore] out of {}", folder.join("tests/conformance.rs").display()),
        format!("and run the suite that every backend passes: cargo test -p tessera-{}", name.kebab),
        "let the command use it: tools/tessera/src/prover.rs".to_owned(),
    ];
    Ok(changes)
}
