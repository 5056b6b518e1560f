//! The suite of every backend, on the reference backend, and on backends that are wrong: each hole is found.
use std::panic::{AssertUnwindSafe, catch_unwind};
use tessera_api::*;
use tessera_checker::Checker;
use tessera_checker::testing::conformance::{self, Codec, Settings, plain};
use tessera_checker::testing::{Case, Family};

fn trace(c: &Case) -> Trace {
    tessera_runtime::run(&c.program, &c.plan, c.inputs.clone()).unwrap()
}

fn write_trace(t: &Trace) -> Vec<u8> {
    plain::write(&(&t.tables, &t.publics))
}

fn read_trace(bytes: &[u8]) -> Result<Trace, String> {
    plain::read(bytes).map(|(tables, publics)| Trace { tables, publics })
}

#[test]
fn the_checker_conforms() {
    let codec = Codec::<Checker> {
        proving_key: (plain::write, plain::read),
        verifying_key: (plain::write, plain::read),
        proof: (|proof, _| write_trace(proof), |bytes, _| read_trace(bytes)),
    };
    let report = conformance::run(&Checker, &codec, &Settings::default(), trace);
    assert_eq!((report.accepted, report.left_out), (5 * Family::ALL.len(), vec![]));
    assert!(report.rejected > 1000, "{}", report.rejected);
}

/// What is wrong with a backend.
#[derive(Clone, Copy, Debug)]
enum Hole {
    /// Takes every proof.
    Accepts,
    /// Does not compare the statement.
    Statement,
    /// Refuses what is right.
    Refuses,
    /// Verifying panics.
    Panics,
    /// Expresses nothing.
    Nothing,
}

/// The checker with a hole.
#[derive(Debug)]
struct Broken(Hole);

impl Target for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }
    fn capabilities(&self) -> Capabilities {
        Checker.capabilities()
    }
    fn prices(&self) -> Prices {
        Checker.prices()
    }
    fn cost(&self, shape: &Shape) -> Cost {
        Checker.cost(shape)
    }
}

impl Backend for Broken {
    type ProvingKey = Program;
    type VerifyingKey = Program;
    type Proof = Trace;
    fn setup(&self, program: &Program) -> Result<(Program, Program), SetupError> {
        match self.0 {
            Hole::Nothing => {
                Err(SetupError::Unsupported { backend: "broken".into(), reason: "nothing".into() })
            }
            _ => Checker.setup(program),
        }
    }
    fn prove(&self, key: &Program, trace: Trace) -> Result<(Trace, Timings), ProveError> {
        Checker.prove(key, trace)
    }
    fn verify(&self, key: &Program, publics: &Publics, proof: &Trace) -> Result<Verified, VerifyError> {
        match self.0 {
            Hole::Accepts => {
                Ok(Verified { security_bits: 0.0, regime: String::new(), limited_by: String::new() })
            }
            Hole::Statement => Checker.verify(key, &proof.publics, proof),
            Hole::Refuses => Err(VerifyError::Lookups),
            Hole::Panics => panic!("not written"),
            Hole::Nothing => Checker.verify(key, publics, proof),
        }
    }
}

#[test]
fn every_hole_is_found() {
    let codec = Codec::<Broken> {
        proving_key: (plain::write, plain::read),
        verifying_key: (plain::write, plain::read),
        proof: (|proof, _| write_trace(proof), |bytes, _| read_trace(bytes)),
    };
    let says = |hole| {
        let run = || conformance::run(&Broken(hole), &codec, &Settings { cases: 1, changes: 4 }, trace);
        let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    assert!(says(Hole::Accepts).contains("a false witness is accepted: table 0"));
    assert!(says(Hole::Statement).contains("a proof is accepted for another statement: public 0"));
    assert!(says(Hole::Refuses).contains("an honest proof is rejected"));
    assert!(says(Hole::Panics).contains("the backend panicked"));
    assert!(says(Hole::Nothing).contains("cannot express a single case"));
}
