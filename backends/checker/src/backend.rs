//! The checker as a proving backend: a proof is the trace without its public values, a key is the Program.
//!
//! Invariant: `verify` accepts exactly the traces that [`crate::check`] accepts with the statement's public values.
//! Nothing is succinct: a verifier does all the work and sees all cells.
use crate::failure::Failure;
use crate::folds::POINTS;
use std::sync::Arc;
use std::time::Instant;
use tessera_api::container::digest_of;
use tessera_api::{
    Backend, Capabilities, CheckError, Container, Cost, Digest, FileError, FileKind, Keys, Offer, Prices,
    Program, ProveError, Prover, Public, Publics, Security, SetupError, Shape, Table, Target, Timings, Trace,
    Verified, Verifier, VerifyError,
};

/// See the module's text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checker;

/// The backend's place in a registry.
pub static BACKEND: Checker = Checker;

/// Bits by which one point of the field sees a wrong equation, for total degrees up to 2³⁴.
const BITS_PER_POINT: f64 = 30.0;

impl Target for Checker {
    fn name(&self) -> &'static str {
        "checker"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            modulus: tessera_api::field::MODULUS,
            max_degree: 3,
            min_log_height: 0,
            max_log_height: tessera_api::validate::MAX_LOG_HEIGHT,
            max_columns: tessera_api::validate::MAX_COLUMNS,
            max_log_table: 20,
            lookups: true,
            joins: true,
            zero_knowledge: false,
        }
    }

    fn prices(&self) -> Prices {
        let (cell, byte) = (8.0, 0.0);
        Prices {
            witness_cell: 10.0,
            fixed_cell: 2.0,
            lookup: 40.0,
            cell_bytes: cell,
            byte,
            ..Prices::default()
        }
    }

    fn cost(&self, shape: &Shape) -> Cost {
        let mut cost = Cost::default();
        for t in &shape.tables {
            let g = cost.group(t.log_height);
            g.fixed += u64::from(t.fixed);
            g.witness += u64::from(t.witness);
            g.lookups += u64::from(t.lookups);
        }
        cost
    }
}

impl Backend for Checker {
    fn keys(&self, program: &Program, _: Security) -> Result<Keys, SetupError> {
        self.admit(program)?;
        let key = Key::new(Arc::new(program.clone()));
        let mut verifying = Container::new(FileKind::VerifyingKey, key.program());
        program.store(&mut verifying);
        // a prover has the Program
        let proving = Container::new(FileKind::ProvingKey, key.program());
        Ok(Keys { proving, verifying, offer: key.offer(), uses: None })
    }

    fn prover(&self, key: &Container, program: Arc<Program>) -> Result<Box<dyn Prover>, FileError> {
        key.only(&[])?;
        Ok(Box::new(Key::new(program)))
    }

    fn verifier(&self, key: &Container) -> Result<Box<dyn Verifier>, FileError> {
        key.only(&Program::SECTIONS)?;
        let program = Program::load(key)?;
        key.check_parent(program.digest())?;
        self.admit(&program).map_err(|e| FileError::Damaged(e.to_string()))?;
        Ok(Box::new(Key::new(Arc::new(program))))
    }
}

/// The Program is both keys.
#[derive(Clone)]
struct Key {
    program: Arc<Program>,
    /// Of the Program with the data that are their owner's, if there are any: the Program's own is that of its architecture.
    digest: Digest,
}

impl Key {
    fn new(program: Arc<Program>) -> Key {
        let digest = digest_of(&program.named());
        Key { program, digest }
    }
}

impl Prover for Key {
    fn verifier(&self) -> Box<dyn Verifier> {
        Box::new(self.clone())
    }

    fn prove(&self, trace: Trace) -> Result<(Container, Timings), ProveError> {
        let start = Instant::now();
        shape(&self.program, &trace)?;
        let mut proof = Container::new(FileKind::Proof, self.digest);
        proof.put("tables", &trace.tables);
        let wall = start.elapsed().as_secs_f64();
        Ok((proof, Timings { phases: vec![("shape".into(), wall, wall)] }))
    }
}

impl Verifier for Key {
    fn digest(&self) -> Digest {
        self.digest
    }

    fn program(&self) -> Digest {
        self.program.digest()
    }

    fn statement(&self) -> &[Public] {
        &self.program.publics
    }

    fn offer(&self) -> Offer {
        let bits = POINTS as f64 * BITS_PER_POINT;
        let limit = "random points of the fold equations".to_owned();
        Offer {
            bits,
            proven: bits,
            regime: "proven".into(),
            limited_by: limit.clone(),
            degree: 1,
            terms: vec![(limit, bits)],
            hiding: None,
        }
    }

    fn weights(&self) -> Option<Digest> {
        self.program.has_committed().then_some(self.digest)
    }

    fn audit(&self, program: &Program) -> Result<(), String> {
        if self.program.is_of(program) { Ok(()) } else { Err("the key is not that of this model".into()) }
    }

    fn proof_bytes_at_most(&self) -> u64 {
        // a cell has at most ten bytes, and so has a length
        let cells = |t: &Table| 10 + 10 * u64::from(t.rows).saturating_mul(t.witness.len() as u64);
        self.program.tables.iter().map(cells).fold(1 << 12, u64::saturating_add)
    }

    fn verify(&self, publics: &Publics, proof: &Container) -> Result<Verified, CheckError> {
        proof.only(&["tables"])?;
        proof.check_parent(self.digest)?;
        let trace = Trace { tables: proof.get("tables")?, publics: publics.clone() };
        Ok(verify(&self.program, &trace)?)
    }
}

/// Whether a trace has the Program's shape, and public values in range.
///
/// # Errors
/// With what is wrong.
pub fn shape(program: &Program, trace: &Trace) -> Result<(), ProveError> {
    match crate::table::views(program, trace) {
        Ok(_) => Ok(()),
        Err(Failure::Publics(s)) => Err(ProveError::Publics(s)),
        Err(f) => Err(ProveError::Shape(f.to_string())),
    }
}

/// Checks a whole trace, its public values included.
///
/// # Errors
/// With the first thing that does not hold.
pub fn verify(program: &Program, trace: &Trace) -> Result<Verified, VerifyError> {
    crate::check(program, trace).map_err(|f| match f.into_iter().next() {
        Some(Failure::Publics(s)) => VerifyError::Publics(s),
        Some(Failure::Constraint { table, .. }) => VerifyError::Constraints(table),
        Some(Failure::Equation { name, .. }) => VerifyError::Equation(name),
        Some(Failure::Lookup { .. } | Failure::Multiplicity { .. }) => VerifyError::Lookups,
        Some(f) => VerifyError::Shape(f.to_string()),
        None => VerifyError::Shape("nothing was said about why".into()),
    })?;
    Ok(Verified {
        security_bits: POINTS as f64 * BITS_PER_POINT,
        proven_bits: POINTS as f64 * BITS_PER_POINT,
        regime: "proven".into(),
        limited_by: "random points of the fold equations".into(),
    })
}
