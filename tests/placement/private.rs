//! Private inputs: placed as witness, proven with zero knowledge, and in no statement.
use super::*;
use tessera_api::{CheckError, Goal, Regime, Role, Security, VerifyError};

fn hidden(b: &mut Build, batch: usize) -> (Program, Trace) {
    let options = PlaceOptions { zero_knowledge: true, ..PlaceOptions::new(tessera_backends::default()) };
    filled(b, batch, options)
}

/// What is proven says the output, and of the input that there is one.
#[test]
fn a_private_input_is_proven_with_and_never_stated() {
    let (program, trace) = hidden(&mut small_cnn(1), 1);
    assert!(program.zero_knowledge);
    assert_eq!(program.publics.iter().map(|p| p.role).collect::<Vec<_>>(), [Role::Private, Role::Output]);
    assert!(trace.publics.tensors[0].is_empty() && !trace.publics.tensors[1].is_empty());
    let backend = tessera_backends::default();
    let keys =
        backend.keys(&program, Security { bits: 100, regime: Regime::Proven, goal: Goal::Time }).unwrap();
    assert!(keys.offer.hiding.is_some_and(|bits| bits > 100.0), "{:?}", keys.offer);
    let program = Arc::new(program);
    let prover = backend.prover(&keys.proving, program.clone()).unwrap();
    let (proof, _) = prover.prove(trace.clone()).unwrap();
    let verifier = backend.verifier(&keys.verifying).unwrap();
    verifier.verify(&trace.publics, &proof).unwrap();
    verifier.audit(&program).unwrap();
    // another output, and values where the statement has none
    let mut false_output = trace.publics.clone();
    false_output.tensors[1][0] ^= 1;
    assert!(verifier.verify(&false_output, &proof).is_err());
    let mut told = trace.publics.clone();
    told.tensors[0] = vec![0; program.publics[0].len()];
    let refused = verifier.verify(&told, &proof);
    assert!(matches!(refused, Err(CheckError::Rejected(VerifyError::Publics(_)))), "{refused:?}");
    // one proof is as long as another, whatever is hidden
    let (again, _) = prover.prove(trace).unwrap();
    assert_ne!(again.bytes("proof").unwrap(), proof.bytes("proof").unwrap());
}

/// Its cells are bound to what reads them, and to their range.
#[test]
fn every_cell_of_a_private_input_matters() {
    let (program, trace) = hidden(&mut small_cnn(2), 2);
    let t = program.tables.iter().position(|t| t.name.starts_with("input")).unwrap();
    assert_eq!(trace.tables[t].len(), program.publics[0].len());
    for cell in 0..trace.tables[t].len() {
        for by in [1, 1 << 10] {
            let mut forged = trace.clone();
            forged.tables[t][cell] += by;
            let failures = tessera_checker::check(&program, &forged).unwrap_err();
            let link = |f: &tessera_checker::Failure| matches!(f, tessera_checker::Failure::Equation { name, .. } if name == "link");
            assert!(failures.iter().any(link) || by == 1 << 10, "cell {cell}: {failures:?}");
        }
    }
}

/// Who hides nothing is not asked to.
#[test]
fn a_backend_without_zero_knowledge_refuses() {
    let all = tessera_backends::default().capabilities();
    let target: &'static dyn Target =
        Box::leak(Box::new(Less(Capabilities { zero_knowledge: false, ..all })));
    let options = PlaceOptions { zero_knowledge: true, ..PlaceOptions::new(target) };
    let refused = place_graph(&small_cnn(1).g, &options).unwrap_err().to_string();
    assert!(refused.contains("proofs of the backend less are not zero-knowledge"), "{refused}");
}
