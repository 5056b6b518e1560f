//! The checker as a proving backend: a proof is the trace, a key is the Program.
//!
//! Invariant: `verify` accepts exactly the traces that [`crate::check`] accepts and whose public values are the statement's.
//! Nothing is succinct: a verifier does all the work and sees all cells.
use crate::failure::Failure;
use crate::folds::POINTS;
use std::time::Instant;
use tessera_api::{
    Backend, Capabilities, Cost, Prices, Program, ProveError, Publics, SetupError, Shape, Target, Timings,
    Trace, Verified, VerifyError,
};

/// See the module's text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checker;

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
    type ProvingKey = Program;
    type VerifyingKey = Program;
    type Proof = Trace;

    fn setup(&self, program: &Program) -> Result<(Program, Program), SetupError> {
        self.admit(program)?;
        Ok((program.clone(), program.clone()))
    }

    fn prove(&self, key: &Program, trace: Trace) -> Result<(Trace, Timings), ProveError> {
        let start = Instant::now();
        match crate::table::views(key, &trace) {
            Ok(_) => {}
            Err(Failure::Publics(s)) => return Err(ProveError::Publics(s)),
            Err(f) => return Err(ProveError::Shape(f.to_string())),
        }
        let wall = start.elapsed().as_secs_f64();
        Ok((trace, Timings { phases: vec![("shape".into(), wall, wall)] }))
    }

    fn verify(&self, key: &Program, publics: &Publics, proof: &Trace) -> Result<Verified, VerifyError> {
        if *publics != proof.publics {
            return Err(VerifyError::Publics("the trace was made for other public values".into()));
        }
        crate::check(key, proof).map_err(|f| match f.into_iter().next() {
            Some(Failure::Publics(s)) => VerifyError::Publics(s),
            Some(Failure::Constraint { table, .. }) => VerifyError::Constraints(table),
            Some(Failure::Equation { name, .. }) => VerifyError::Equation(name),
            Some(Failure::Lookup { .. } | Failure::Multiplicity { .. }) => VerifyError::Lookups,
            Some(f) => VerifyError::Shape(f.to_string()),
            None => VerifyError::Shape("nothing was said about why".into()),
        })?;
        Ok(Verified {
            security_bits: POINTS as f64 * BITS_PER_POINT,
            regime: "proven".into(),
            limited_by: "random points of the fold equations".into(),
        })
    }
}
