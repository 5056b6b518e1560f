//! The suite that every backend passes, on every backend of the registry. The example runs it in its own crate.
use tessera_backends::all;
use tessera_checker::testing::conformance::{self, Settings};

#[test]
fn every_backend_conforms() {
    for backend in all() {
        let settings = Settings { cases: 3, changes: 6, ..Settings::default() };
        let report = conformance::run(*backend, &settings, |case| {
            tessera_runtime::run(&case.program, &case.plan, case.inputs.clone()).expect("an honest witness")
        });
        // some random cases are too small for FRI, and are refused at setup
        assert!(report.left_out.iter().all(|(.., why)| why.contains("FRI needs at least")), "{report:?}");
        assert!(report.left_out.len() <= 4 && report.rejected > 500, "{}: {report:?}", backend.name());
    }
}

#[test]
fn names_are_found() {
    for backend in all() {
        let found = tessera_backends::find(backend.name()).expect("it is in the list");
        assert!(std::ptr::addr_eq(found, *backend), "two backends are called {}", backend.name());
    }
    let unknown = tessera_backends::find("plonk").expect_err("no such backend");
    assert_eq!(
        unknown.to_string(),
        "there is no backend \"plonk\" in this build; there are plonky3, checker"
    );
}

/// The layers of the wall spell one modulus each.
#[test]
fn every_layer_is_over_one_field() {
    assert_eq!(tessera_circuit::semantics::interval::FIELD, i128::from(tessera_api::field::MODULUS));
    assert!(all().iter().all(|b| b.capabilities().modulus == tessera_api::field::MODULUS));
}
