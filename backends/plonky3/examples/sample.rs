//! Writes a verifying key and a proof of a small random network, as the backend makes them: files on which a verifier may run before it is
//! asked anything.
//!
//! cargo run -p tessera-plonky3 --example sample -- FOLDER
use std::path::PathBuf;
use std::sync::Arc;
use tessera_api::{Backend, Goal, Regime, Security};
use tessera_checker::testing::{Family, case};
use tessera_plonky3::BACKEND;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("sample FOLDER")?);
    let mut c = case(Family::Mixed, 3);
    // FRI needs a table of some height
    c.program.tables[0].log_height = c.program.tables[0].log_height.max(3);
    let security = Security { bits: 100, regime: Regime::Proven, goal: Goal::Time };
    let keys = BACKEND.keys(&c.program, security)?;
    let trace = tessera_runtime::run(&c.program, &c.plan, c.inputs)?;
    let publics = trace.publics.clone();
    let program = Arc::new(c.program);
    let (mut proof, _) = BACKEND.prover(&keys.proving, program)?.prove(trace)?;
    BACKEND.verifier(&keys.verifying)?.verify(&publics, &proof)?;
    proof.put("publics", &publics);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("sample.vk"), keys.verifying.to_bytes())?;
    std::fs::write(folder.join("sample.proof"), proof.to_bytes())?;
    Ok(())
}
