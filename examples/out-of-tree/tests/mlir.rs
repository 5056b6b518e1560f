//! The files of `tests/mlir`, run by this crate's own driver.
use tessera_out_of_tree::{PASSES, context};
use tessera_test::Suite;

fn suite() -> Suite {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mlir");
    Suite::new(folder, env!("CARGO_BIN_EXE_example-opt")).accept("INSTA_UPDATE=always cargo test --test mlir")
}

#[test]
fn files() {
    suite().run();
}

#[test]
fn examples() {
    suite().examples(&[PASSES], context);
    tessera_test::documented(&[PASSES]);
}
