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

[dev-dependencies]
tessera-checker = { workspace = true, features = ["testing"] }
tessera-runtime.workspace = true
"#;

const SOURCE: &str = r##"//! The backend `@kebab@`: say what it proves with.
//!
//! Invariant: `verify` trusts nothing but its key.

use std::sync::Arc;
use tessera_api::{
    Backend, Capabilities, Container, Cost, FileError, Keys, Prices, Program, Prover, Security, SetupError, Shape,
    Target, Verifier,
};

/// See the crate's text.
#[derive(Clone, Copy, Debug, Default)]
pub struct @Camel@;

/// The backend's place in the registry.
pub static BACKEND: @Camel@ = @Camel@;

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
            max_log_table: 20,
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
    fn keys(&self, program: &Program, _: Security) -> Result<Keys, SetupError> {
        self.admit(program)?;
        let reason = "nothing is implemented yet".into();
        Err(SetupError::Unsupported { backend: self.name().into(), reason })
    }

    fn prover(&self, _: &Container, _: Arc<Program>) -> Result<Box<dyn Prover>, FileError> {
        Err(FileError::Damaged("nothing is implemented yet".into()))
    }

    fn verifier(&self, _: &Container) -> Result<Box<dyn Verifier>, FileError> {
        Err(FileError::Damaged("nothing is implemented yet".into()))
    }
}
"##;

const TEST: &str = r##"//! The suite that every backend passes.
use tessera_@snake@::@Camel@;
use tessera_checker::testing::conformance::{self, Settings};

#[test]
#[ignore = "take this line out when keys, prover and verifier are written"]
fn conforms() {
    let report = conformance::run(&@Camel@, &Settings::default(), |case| {
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
    changes.edit(root, "backends/all/Cargo.toml", |text| {
        let line = "tessera-checker.workspace = true\n";
        let new = format!("{line}tessera-{} = {{ path = \"../{}\" }}\n", name.kebab, name.snake);
        text.contains(line).then(|| text.replace(line, &new))
    })?;
    changes.edit(root, "docs/ARCHITECTURE.md", |text| {
        let row = "| `backends/plonky3` |";
        let new = format!("| `backends/{}` | say what it proves with | `backends/api` |\n{row}", name.snake);
        text.contains(row).then(|| text.replace(row, &new))
    })?;
    changes.next = vec![
        format!("write keys, prover and verifier: {}", folder.join("src/lib.rs").display()),
        format!("take the #[ignore] out of {}", folder.join("tests/conformance.rs").display()),
        format!("and run the suite that every backend passes: cargo test -p tessera-{}", name.kebab),
        format!("the command has it already: tessera compile --backend {}", name.kebab),
    ];
    Ok(changes)
}
