//! The suite that every backend passes.
use tessera_checker::testing::conformance::{self, Codec, Settings, plain};
use tessera_out_of_tree::sealed::Sealed;

#[test]
fn the_backend_conforms() {
    let codec = Codec::<Sealed> {
        proving_key: (plain::write, plain::read),
        verifying_key: (plain::write, plain::read),
        proof: (plain::write_for, plain::read_for),
    };
    let report = conformance::run(&Sealed, &codec, &Settings::default(), |case| {
        tessera_runtime::run(&case.program, &case.plan, case.inputs.clone()).expect("an honest witness")
    });
    assert!(report.left_out.is_empty(), "{report:?}");
}
