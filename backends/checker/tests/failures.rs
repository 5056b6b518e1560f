//! What a person reads when a trace is wrong. The texts are the snapshots; a changed text is a changed product.
use std::sync::Arc;
use tessera_api::{Backend, Blob, CheckError, Goal, ProveError, Regime, Security, Trace, VerifyError};
use tessera_checker::testing::{Case, Family, case};
use tessera_checker::{Checker, Failure, check};

fn honest(family: Family, seed: u64) -> (Case, Trace) {
    let c = case(family, seed);
    let t = tessera_runtime::run(&c.program, &c.plan, c.inputs.clone()).unwrap();
    (c, t)
}

/// The failures after a change.
fn after(family: Family, change: impl FnOnce(&mut Case, &mut Trace)) -> String {
    let (mut c, mut t) = honest(family, 5);
    change(&mut c, &mut t);
    match check(&c.program, &t) {
        Ok(()) => "accepted".into(),
        Err(f) => f.iter().map(Failure::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// The cell of a column, by names.
fn cell<'a>(c: &Case, t: &'a mut Trace, table: &str, column: &str, row: usize) -> &'a mut i64 {
    let i = c.program.tables.iter().position(|t| t.name == table).unwrap();
    let columns = &c.program.tables[i].witness;
    let j = columns.iter().position(|w| w.name == column).unwrap();
    &mut t.tables[i][row * columns.len() + j]
}

#[test]
fn constraints() {
    insta::assert_snapshot!(after(Family::Constraints, |c, t| *cell(c, t, "cubes", "square", 1) += 1));
}

#[test]
fn lookups() {
    insta::assert_snapshot!(after(Family::Lookups, |c, t| *cell(c, t, "main", "y[0]", 0) += 1));
}

#[test]
fn multiplicities() {
    insta::assert_snapshot!(after(Family::Lookups, |c, t| *cell(c, t, "function", "multiplicity 0", 3) += 1));
}

#[test]
fn an_accumulator() {
    insta::assert_snapshot!(after(Family::Matmul, |c, t| *cell(c, t, "fc y", "fc y[0]", 0) += 1));
}

#[test]
fn an_activation() {
    insta::assert_snapshot!(after(Family::Convolution, |c, t| *cell(c, t, "conv x", "conv x[0]", 0) += 1));
}

#[test]
fn a_weight() {
    insta::assert_snapshot!(after(Family::Convolution, |c, _| {
        let mut w = c.program.constants[0].values().unwrap();
        w[0] += 1;
        c.program.constants[0] = Blob::new(w);
    }));
}

#[test]
fn a_public_output() {
    insta::assert_snapshot!(after(Family::Mixed, |_, t| t.publics.tensors[1][0] += 1));
}

#[test]
fn shapes() {
    let shapes = [
        after(Family::Mixed, |_, t| {
            t.tables.pop();
        }),
        after(Family::Mixed, |_, t| t.tables[0].push(0)),
        after(Family::Mixed, |_, t| t.publics.tensors[0].push(0)),
        after(Family::Mixed, |_, t| t.publics.tensors[0][0] = 8),
        after(Family::Mixed, |c, _| c.program.tables[0].rows = 0),
    ];
    insta::assert_snapshot!(shapes.join("\n"));
}

#[test]
fn many_failures_are_counted() {
    let (c, mut t) = honest(Family::Constraints, 1);
    t.tables.iter_mut().flatten().for_each(|x| *x += 1 << 30);
    let failures = check(&c.program, &t).unwrap_err();
    let rows = c.program.tables[0].rows as usize;
    let told = failures.iter().filter(|f| matches!(f, Failure::Constraint { .. })).count();
    let more: u64 =
        failures.iter().map(|f| if let Failure::More { count, .. } = f { *count } else { 0 }).sum();
    assert_eq!(told as u64 + more, 2 * rows as u64, "both constraints fail on every row");
    assert!(told <= tessera_checker::MOST_FAILURES);
}

#[test]
fn the_backend_accepts_and_rejects_as_check_does() {
    let (c, t) = honest(Family::Mixed, 5);
    let security = Security { bits: 90, regime: Regime::Proven, goal: Goal::Time };
    let keys = Checker.keys(&c.program, security).unwrap();
    let prover = Checker.prover(&keys.proving, Arc::new(c.program.clone())).unwrap();
    let verifier = Checker.verifier(&keys.verifying).unwrap();
    let (proof, _) = prover.prove(t.clone()).unwrap();
    assert!(verifier.verify(&t.publics, &proof).is_ok());
    let mut other = t.publics.clone();
    other.tensors[1][0] += 1;
    let e = verifier.verify(&other, &proof).unwrap_err();
    assert!(matches!(e, CheckError::Rejected(VerifyError::Equation(_))), "{e:?}");
    let mut wrong = t.clone();
    *cell(&c, &mut wrong, "requantize", "q", 0) += 1;
    let (proof, _) = prover.prove(wrong.clone()).unwrap();
    let e = verifier.verify(&t.publics, &proof).unwrap_err();
    assert!(matches!(e, CheckError::Rejected(VerifyError::Lookups)), "{e:?}");
    wrong.tables.pop();
    assert!(matches!(prover.prove(wrong), Err(ProveError::Shape(_))));
}
