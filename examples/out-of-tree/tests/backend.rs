//! The suite that every backend passes.
use tessera_checker::testing::conformance::{self, Settings};
use tessera_out_of_tree::sealed::Sealed;

#[test]
fn the_backend_conforms() {
    let report = conformance::run(&Sealed, &Settings::default(), |case| {
        tessera_runtime::run(&case.program, &case.plan, case.inputs.clone()).expect("an honest witness")
    });
    assert!(report.left_out.is_empty(), "{report:?}");
}
