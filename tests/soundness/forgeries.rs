//! A forger changes one thing, at any phase, and goes on as the protocol says.
use crate::lenet::{Lenet, Proof, lenet};
use crate::support::pick;
use tessera_api::{Blob, Publics, Trace};
use tessera_plonky3::adversary::forger::{Forged, Forger};
use tessera_plonky3::adversary::{Honest, Tamper};
use tessera_plonky3::air::Group;
use tessera_plonky3::arithmetic::Quadratic;
use tessera_plonky3::{Plonky3, prove_with};

/// The proof that a forger makes of the honest trace.
fn forged(l: &Lenet, tamper: &mut dyn Tamper<Quadratic>) -> Proof {
    prove_with(&l.pk, l.trace.clone(), tamper).expect("the forger's prover runs").0
}

/// Changes cells of witness columns; both the checker and the verifier must say no.
fn changed_cells(table: &str, rows: usize) {
    let l = lenet();
    let t = l.table(table);
    let (rows_of, width) = (l.model.program.tables[t].rows as usize, l.model.program.tables[t].witness.len());
    assert!(width > 0, "table {table} has no witness columns");
    for (k, row) in pick(rows * width, rows_of).into_iter().enumerate() {
        let column = k % width;
        let mut trace = l.trace.clone();
        trace.tables[t][row * width + column] += if k % 2 == 0 { 1 } else { -1 };
        let what = format!("table {table}, row {row}, column {column}");
        assert!(tessera_checker::check(&l.model.program, &trace).is_err(), "the checker accepts {what}");
        assert!(!l.proves(&trace), "the verifier accepts {what}");
    }
}

#[test]
fn a_changed_activation() {
    changed_cells("activations", 3);
}

#[test]
fn a_changed_accumulator_or_its_parts() {
    changed_cells("elementwise0", 3);
    changed_cells("elementwise1", 3);
    changed_cells("elementwise2", 3);
}

#[test]
fn a_changed_sum_on_the_border_of_a_convolution() {
    changed_cells("borders", 3);
}

#[test]
fn a_changed_lookup_multiplicity() {
    let l = lenet();
    let tables = &l.model.program.tables;
    let providers: Vec<&str> =
        tables.iter().filter(|t| !t.provides.is_empty()).map(|t| &t.name[..]).collect();
    assert!(!providers.is_empty());
    for name in providers {
        changed_cells(name, 4);
    }
}

#[test]
fn the_checker_names_the_operation_that_a_forger_changed() {
    let l = lenet();
    let t = l.table("elementwise0");
    let mut trace = l.trace.clone();
    trace.tables[t][0] += 1;
    let failures = tessera_checker::check(&l.model.program, &trace).expect_err("a false trace");
    let said: String = failures.iter().map(|f| format!("{f}\n")).collect();
    assert!(said.contains("elementwise0") && said.contains("row 0"), "{said}");
}

/// Makes the same statement false in one value, before or after proving.
fn changed_public(tensor: usize) {
    let l = lenet();
    let n = l.trace.publics.tensors[tensor].len();
    for (k, i) in pick(8, n).into_iter().enumerate() {
        let mut publics = l.trace.publics.clone();
        let p = &l.model.program.publics[tensor];
        let x = &mut publics.tensors[tensor][i];
        *x = if *x < p.max { *x + 1 } else { *x - 1 };
        assert!(!l.verifies(&publics, &l.proof), "another statement for the same proof, value {i}");
        if k < 3 {
            let trace = Trace { publics, ..l.trace.clone() };
            assert!(tessera_checker::check(&l.model.program, &trace).is_err(), "the checker, value {i}");
            assert!(!l.proves(&trace), "a proof made for the false statement, value {i}");
        }
    }
}

#[test]
fn a_changed_input() {
    changed_public(0);
}

#[test]
fn a_changed_output() {
    changed_public(1);
}

#[test]
fn public_values_of_another_shape_or_range() {
    let l = lenet();
    let change = |f: &dyn Fn(&mut Publics)| {
        let mut p = l.trace.publics.clone();
        f(&mut p);
        assert!(!l.verifies(&p, &l.proof));
    };
    change(&|p| p.tensors[0][0] = 1 << 40);
    change(&|p| p.tensors[1][0] = i64::MIN);
    change(&|p| p.tensors[0].push(0));
    change(&|p| {
        p.tensors[1].pop();
    });
    change(&|p| p.tensors.reverse());
    change(&|p| p.tensors.clear());
    // a value that is the same residue of the field, but not the same integer
    change(&|p| p.tensors[1][0] -= tessera_api::field::MODULUS as i64);
}

/// A forger of one thing, by one; says whether there was such a thing, and that it was rejected.
fn rejected(l: &Lenet, kind: Forged, pick: usize) -> bool {
    let mut f = Forger::new(kind, pick, 0);
    let proof = if kind.while_proving() {
        forged(l, &mut f)
    } else {
        let mut proof = l.proof.clone();
        Tamper::<Quadratic>::proof(&mut f, &mut proof);
        proof
    };
    assert!(f.hit.is_none() || !l.verifies(&l.trace.publics, &proof), "{kind:?} {pick} is accepted");
    f.hit.is_some()
}

/// Every column, forged on its last row.
fn last_rows(l: &Lenet, kind: Forged, width: fn(&Group) -> u32) {
    let (mut before, mut tried) = (0, 0);
    for g in &l.vk.air.groups {
        let (wide, height) = (width(g) as usize, g.height());
        for column in 0..wide {
            assert!(rejected(l, kind, before + (height - 1) * wide + column));
            tried += 1;
        }
        before += height * wide;
    }
    assert!(tried > 0);
}

#[test]
fn a_changed_fold_or_lookup_sum() {
    let l = lenet();
    last_rows(l, Forged::Round2, |g| g.round2);
    last_rows(l, Forged::Round3, |g| g.round3);
}

#[test]
fn a_changed_terminal() {
    let l = lenet();
    assert!(l.vk.air.terminals > 0);
    for i in 0..l.vk.air.terminals as usize {
        assert!(rejected(l, Forged::Terminal, i), "as committed");
        assert!(rejected(l, Forged::SentTerminal, i), "as sent");
    }
}

#[test]
fn a_changed_quotient() {
    let l = lenet();
    let mut before = 0;
    for g in &l.vk.air.groups {
        assert!(rejected(l, Forged::Quotient, before + 1));
        before += 2 * g.height();
    }
}

/// A commitment to another witness, and to what follows of it.
#[test]
fn a_changed_commitment() {
    let l = lenet();
    let other = forged(l, &mut Forger::new(Forged::Witness, 0, 0));
    assert_eq!(l.proof.commitments.len(), other.commitments.len());
    for i in 0..l.proof.commitments.len() {
        let mut proof = l.proof.clone();
        proof.commitments[i] = other.commitments[i].clone();
        assert!(!l.verifies(&l.trace.publics, &proof), "commitment {i}");
    }
}

#[test]
fn a_changed_opened_value() {
    let l = lenet();
    let count = l.proof.opened.iter().flatten().flatten().map(Vec::len).sum();
    assert!(count > 0);
    (0..count).for_each(|i| assert!(rejected(l, Forged::Opened, i)));
}

#[test]
fn anything_else_that_is_sent_changed() {
    let l = lenet();
    for kind in Forged::ALL.into_iter().filter(|k| !k.while_proving()) {
        let found = (0..12).filter(|pick| rejected(l, kind, pick * 7919)).count();
        assert!(found > 0, "nothing of {kind:?}");
    }
}

#[test]
fn a_changed_weight() {
    let l = lenet();
    let mut program = (*l.model.program).clone();
    let mut changed = 0;
    for c in &mut program.constants {
        let mut values = c.values().expect("the data of the model");
        if let Some(w) = values.iter_mut().find(|w| **w != 0) {
            *w += 1;
            changed += 1;
        }
        *c = Blob::new(values);
    }
    assert!(changed > 0);
    let (pk, vk) = Plonky3::default().setup(&program).expect("keys of the other model");
    let trace = tessera_runtime::run(&program, &l.model.plan, vec![l.trace.publics.tensors[0].clone()]);
    let trace = trace.expect("the other model runs");
    let (proof, _) = prove_with::<Quadratic>(&pk, trace.clone(), &mut Honest).expect("a proof");
    assert!(
        Plonky3::default().verify(&vk, &trace.publics, &proof.clone().into()).is_ok(),
        "honest for its own key"
    );
    assert!(!l.verifies(&trace.publics, &proof), "a proof of another model");
    assert!(!l.verifies(&l.trace.publics, &proof), "and for the statement of this one");
    // with the digest of the right key written over its own
    let c = tessera_plonky3::Proof::from(proof).to_container(l.vk.digest());
    let proof = tessera_plonky3::Proof::from_container(&c, &l.vk).expect("the container says it belongs");
    assert!(Plonky3::default().verify(&l.vk, &trace.publics, &proof).is_err());
}

#[test]
fn a_changed_program_or_key() {
    let l = lenet();
    // weaker relations: a constraint, a lookup, an equation less
    type Weaken = fn(&mut tessera_api::Program) -> bool;
    let weaker: [Weaken; 4] = [
        |p| p.tables.iter_mut().any(|t| t.constraints.pop().is_some()),
        |p| p.tables.iter_mut().any(|t| t.lookups.pop().is_some()),
        |p| p.equations.pop().is_some(),
        |p| {
            p.publics[0].max += 1;
            true
        },
    ];
    let mut tried = 0;
    for weaken in weaker {
        let mut program = (*l.model.program).clone();
        if !weaken(&mut program) {
            continue;
        }
        tried += 1;
        let (pk, vk) = Plonky3::default().setup(&program).expect("keys of the weaker relation");
        assert_ne!(vk.digest(), l.vk.digest());
        // multiplicities are counted anew, since a lookup may be missing
        let input = l.trace.publics.tensors[0].clone();
        let trace = tessera_runtime::run(&program, &l.model.plan, vec![input]).expect("the same model runs");
        assert_eq!(trace.publics, l.trace.publics);
        let (proof, _) =
            prove_with::<Quadratic>(&pk, trace, &mut Honest).expect("a proof of the weaker relation");
        assert!(
            Plonky3::default().verify(&vk, &l.trace.publics, &proof.clone().into()).is_ok(),
            "honest for its own key"
        );
        assert!(!l.verifies(&l.trace.publics, &proof), "a proof of a weaker relation");
        // a key file that mixes the two is no key
        let mut c = vk.to_container();
        c.parent = l.vk.program;
        assert!(tessera_plonky3::VerifyingKey::from_container(&c).is_err());
        let mut c = pk.to_container();
        c.parent = l.vk.program;
        c.put("key", &l.vk);
        assert!(tessera_plonky3::ProvingKey::from_container(&c, pk.program.clone()).is_err());
    }
    assert!(tried >= 3);
    // fewer queries in the key
    let mut vk = l.vk.clone();
    vk.security.fri.queries -= 1;
    assert!(
        Plonky3::default().verify(&vk, &l.trace.publics, &l.proof.clone().into()).is_err(),
        "a weaker key"
    );
}
