//! The suite that every backend passes, on the prover. The reference backend and the example run it in their own crates.
use std::sync::Arc;
use tessera_api::{Container, FileKind, Program};
use tessera_checker::testing::conformance::{self, Codec, Settings};
use tessera_plonky3::{Plonky3, Proof, ProvingKey, SecurityTarget, VerifyingKey};

fn container(bytes: &[u8], kind: FileKind) -> Result<Container, String> {
    Container::from_bytes(bytes, kind).map_err(|e| e.to_string())
}

#[test]
fn plonky3_conforms() {
    let codec = Codec::<Plonky3> {
        proving_key: (
            // the file of a key does not hold its Program, which whoever reads it has
            |key| {
                let mut c = key.to_container();
                key.program.store(&mut c);
                c.to_bytes()
            },
            |bytes| {
                let c = container(bytes, FileKind::ProvingKey)?;
                let program = Program::load(&c).map_err(|e| e.to_string())?;
                ProvingKey::from_container(&c, Arc::new(program)).map_err(|e| e.to_string())
            },
        ),
        verifying_key: (
            |key| key.to_container().to_bytes(),
            |bytes| {
                let c = container(bytes, FileKind::VerifyingKey)?;
                VerifyingKey::from_container(&c).map_err(|e| e.to_string())
            },
        ),
        proof: (
            |proof, key| proof.to_container(key.digest()).to_bytes(),
            |bytes, key| {
                let c = container(bytes, FileKind::Proof)?;
                Proof::from_container(&c, key).map_err(|e| e.to_string())
            },
        ),
    };
    // the relation is what is tested: few queries do
    let backend = Plonky3 { target: SecurityTarget { bits: 20, grinding: 2, ..SecurityTarget::default() } };
    let report = conformance::run(&backend, &codec, &Settings { cases: 3, changes: 6 }, |case| {
        tessera_runtime::run(&case.program, &case.plan, case.inputs.clone()).expect("an honest witness")
    });
    // some random cases are too small for FRI, and are refused at setup
    assert!(report.left_out.iter().all(|(.., why)| why.contains("FRI needs at least")), "{report:?}");
    assert!(report.left_out.len() <= 4 && report.rejected > 500, "{report:?}");
}
