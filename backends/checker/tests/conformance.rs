//! The suite of every backend, on the reference backend, and on backends that are wrong: each hole is found.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tessera_api::*;
use tessera_checker::Checker;
use tessera_checker::testing::conformance::{self, Settings};
use tessera_checker::testing::{Case, Family};

fn trace(c: &Case) -> Trace {
    tessera_runtime::run(&c.program, &c.plan, c.inputs.clone()).unwrap()
}

#[test]
fn the_checker_conforms() {
    let report = conformance::run(&Checker, &Settings::default(), trace);
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
    /// Takes sections that nothing reads.
    Sections,
    /// Says that proofs are smaller than they are.
    Small,
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
    fn keys(&self, program: &Program, security: Security) -> Result<Keys, SetupError> {
        match self.0 {
            Hole::Nothing => {
                Err(SetupError::Unsupported { backend: "broken".into(), reason: "nothing".into() })
            }
            _ => Checker.keys(program, security),
        }
    }
    fn prover(&self, key: &Container, program: Arc<Program>) -> Result<Box<dyn Prover>, FileError> {
        let inner = Checker.prover(key, program)?;
        Ok(Box::new(Holed { hole: self.0, inner }))
    }
    fn verifier(&self, key: &Container) -> Result<Box<dyn Verifier>, FileError> {
        let inner = Checker.verifier(key)?;
        Ok(Box::new(Holed { hole: self.0, inner }))
    }
}

/// A key with a hole.
struct Holed<K: ?Sized> {
    hole: Hole,
    inner: Box<K>,
}

impl Prover for Holed<dyn Prover> {
    fn verifier(&self) -> Box<dyn Verifier> {
        Box::new(Holed { hole: self.hole, inner: self.inner.verifier() })
    }
    fn prove(&self, trace: Trace) -> Result<(Container, Timings), ProveError> {
        let publics = trace.publics.tensors.clone();
        let (mut proof, timings) = self.inner.prove(trace)?;
        if let Hole::Statement = self.hole {
            proof.put("publics", &publics);
        }
        Ok((proof, timings))
    }
}

impl Verifier for Holed<dyn Verifier> {
    fn digest(&self) -> Digest {
        self.inner.digest()
    }
    fn program(&self) -> Digest {
        self.inner.program()
    }
    fn statement(&self) -> &[Public] {
        self.inner.statement()
    }
    fn offer(&self) -> Offer {
        self.inner.offer()
    }
    fn weights(&self) -> Option<Digest> {
        self.inner.weights()
    }
    fn audit(&self, program: &Program) -> Result<(), String> {
        self.inner.audit(program)
    }
    fn proof_bytes_at_most(&self) -> u64 {
        if let Hole::Small = self.hole { 100 } else { self.inner.proof_bytes_at_most() }
    }
    fn verify(&self, publics: &Publics, proof: &Container) -> Result<Verified, CheckError> {
        match self.hole {
            Hole::Accepts => Ok(Verified {
                security_bits: 0.0,
                proven_bits: 0.0,
                regime: String::new(),
                limited_by: String::new(),
            }),
            Hole::Statement => {
                let mut own = proof.clone();
                let tensors = own.take("publics")?;
                self.inner.verify(&Publics { tensors }, &own)
            }
            Hole::Refuses => Err(VerifyError::Lookups.into()),
            Hole::Panics => panic!("not written"),
            Hole::Sections => {
                let mut own = Container::new(FileKind::Proof, proof.parent);
                own.insert("tables", proof.bytes("tables")?);
                self.inner.verify(publics, &own)
            }
            Hole::Small | Hole::Nothing => self.inner.verify(publics, proof),
        }
    }
}

#[test]
fn every_hole_is_found() {
    let says = |hole| {
        let settings = Settings { cases: 1, changes: 4, ..Settings::default() };
        let run = || conformance::run(&Broken(hole), &settings, trace);
        let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    assert!(says(Hole::Accepts).contains("a false witness is accepted: table 0"));
    assert!(says(Hole::Statement).contains("a proof is accepted for another statement: public 0"));
    assert!(says(Hole::Refuses).contains("an honest proof is rejected"));
    assert!(says(Hole::Panics).contains("the backend panicked"));
    assert!(says(Hole::Sections).contains("a proof with a section more is accepted"));
    assert!(says(Hole::Small).contains("its key says at most 100"));
    assert!(says(Hole::Nothing).contains("cannot express a single case"));
}
