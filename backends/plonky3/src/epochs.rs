//! The relation of certificates ([`crate::certificate`]): that two commitments of an owner are to the same parameters.
//!
//! # Correctness
//! It follows from the relation of a model and the parameters of its keys alone, so that it is the key's to say, and an audit's to make again. Rows stand as the
//! model's keys have them: a tree of columns is opened at the same heights and the same rate here and there.
use crate::air::compile::{Compiled, compile};
use crate::air::nodes::FixedKind;
use crate::air::reshape::Limits;
use crate::air::{Air, Group};
use crate::arithmetic::Mat;
use crate::hiding::weights;
use crate::p3::{Commitment, commit_extended, extend};
use crate::queries::budget;
use crate::security::{Goal, SecurityParams, SecurityTarget, choose};
use serde::{Deserialize, Serialize};
use tessera_api::{
    Cell, Equation, EquationTerm, Expr, FixedColumn, Fold, Lane, Operand, Program, Run, Seq, SetupError,
    Table, Term, VERSION, Values, Variable, WitnessColumn,
};

/// What a verifying key says of certificates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epochs {
    /// The compiled relation.
    pub air: Air,
    /// Commitment to its selectors, if there are any.
    pub fixed: Option<Commitment>,
    /// Parameters.
    pub security: SecurityParams,
}

/// Tables of owners as they are committed to, each with a second list of the same columns.
fn program(model: &Compiled) -> Program {
    let mut p = Program {
        version: VERSION,
        zero_knowledge: true,
        constants: vec![],
        matrices: vec![],
        tables: vec![],
        relations: vec![],
        publics: vec![],
        variables: ["z", "s"].map(Variable::from).into(),
        folds: vec![],
        terms: vec![],
        equations: vec![],
    };
    let owned = model.places.iter().zip(&model.tables).filter(|(p, _)| p.kind == FixedKind::Model);
    for (i, (_, t)) in owned.enumerate() {
        let (rows, columns) = (t.rows as usize, t.fixed.len() as u32);
        let fixed = |c: u32| FixedColumn {
            name: format!("old{c}"),
            values: Values::Seq(Seq::constant(&[0], rows)),
            padding: 0,
        };
        let lane = |c: u32| Lane {
            expr: Expr { constant: 0, terms: vec![(1, vec![Cell::Fixed(c)]), (-1, vec![Cell::Witness(c)])] },
            monomials: Seq::of_runs(
                3,
                vec![Run {
                    start: vec![1, 0, i64::from(c)],
                    loops: (rows > 1).then(|| (t.rows, vec![0, 1, 0])).into_iter().collect(),
                }],
            ),
        };
        p.folds.push(Fold {
            name: t.name.clone(),
            table: i as u32,
            lanes: (0..columns).map(lane).collect(),
            segments: Seq::constant(&[i64::from(t.rows)], 1),
            segment_count: 1,
        });
        p.terms.push(Term::Sum { fold: i as u32, weights: Seq::constant(&[1, 0, 0], 1) });
        let difference =
            EquationTerm { coefficient: 1, monomial: vec![0, 0], operand: Operand::Term(i as u32) };
        p.equations.push(Equation { name: t.name.clone(), terms: vec![difference] });
        p.tables.push(Table {
            name: t.name.clone(),
            rows: t.rows,
            log_height: t.log_height,
            fixed: (0..columns).map(fixed).collect(),
            committed: true,
            witness: (0..columns).map(|c| WitnessColumn { name: format!("new{c}"), padding: 0 }).collect(),
            constraints: vec![],
            lookups: vec![],
            provides: vec![],
        });
    }
    p
}

/// The relation of certificates of a model's keys; why there is none, where there is none.
pub struct Relation {
    pub program: Program,
    pub compiled: Compiled,
    pub security: SecurityParams,
}

pub fn relation(model: &Compiled, of: &SecurityParams) -> Result<Relation, String> {
    let program = program(model);
    let degree = model.air.degree.into();
    // rows stay as the model's keys have them
    let limits = Limits { log_height: u8::MAX, ..Limits::of(degree) };
    let target = SecurityTarget { goal: Goal::Time, ..of.target };
    let failed = |e: SetupError| e.to_string();
    let budget = budget(&program, target, limits).map_err(failed)?;
    let compiled = compile(&program, limits.hiding(budget)).map_err(failed)?;
    compiled.air.validate()?;
    let security = choose(target, &compiled.air)?;
    if security.fri.log_blowup != of.fri.log_blowup {
        return Err("certificates are for keys whose proofs are made for time, with a blow-up of 2".into());
    }
    let shapes = |a: &Air, width: fn(&Group) -> u32| -> Vec<(u8, u32)> {
        a.groups.iter().map(|g| (g.log_height, width(g))).filter(|s| s.1 > 0).collect()
    };
    let (own, old, new) = (
        shapes(&model.air, |g| g.model),
        shapes(&compiled.air, |g| g.model),
        shapes(&compiled.air, |g| g.witness),
    );
    if own != old || own != new {
        return Err("the owner's columns are laid out otherwise".into());
    }
    Ok(Relation { program, compiled, security })
}

/// Its selectors, and their extensions.
pub fn selectors(r: &Relation) -> Result<[Vec<Mat>; 2], String> {
    let [fixed, ..] = r.compiled.fixed(&r.program).map_err(|e| e.to_string())?;
    let used = fixed.iter().filter(|m| m.width > 0).cloned();
    let extended = used.map(|m| extend(m, r.security.fri.log_blowup)).collect();
    Ok([fixed, extended])
}

/// What a verifying key says of certificates; none where weights are not hidden, or for these parameters.
pub fn epochs(model: &Compiled, of: &SecurityParams) -> Option<Epochs> {
    let r = weights::hidden(&model.air).then(|| relation(model, of).ok()).flatten()?;
    let [_, extended] = selectors(&r).ok()?;
    let fixed: Option<Commitment> = commit_extended(extended).map(|c| c.0);
    Some(Epochs { air: r.compiled.air, fixed, security: r.security })
}
