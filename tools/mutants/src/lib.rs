//! Mutation testing by schemata (Untch, Offutt and Harrold, 1993): one build holds all mutants of the chosen files, and a number in
//! the environment says which one is awake. A rebuild for each, as `cargo mutants` does it, takes half a minute; a test, a fraction of
//! a second.
//!
//! `weave` makes the sources, `values` what functions return instead, `build` a copy of the workspace that compiles, `trial` runs tests.
//!
//! Invariants: while no mutant is awake the woven program does what the original does; a mutant's text holds no other mutant; the
//! repository's own files are never written.
pub mod build;
pub mod trial;
mod values;
pub mod weave;

/// Files to mutate, and the tests that should notice.
pub struct Room {
    /// Files, or folders of them, from the repository's folder.
    pub files: &'static [&'static str],
    /// Tests, by package and target; a package's own stand under "lib".
    pub tests: &'static [(&'static str, &'static str)],
}

/// What soundness rests on.
pub const ROOMS: &[Room] = &[
    Room {
        files: &["backends/api/src/validate.rs"],
        tests: &[("tessera-api", "lib"), ("tessera-api", "validate")],
    },
    Room {
        files: &[
            "backends/plonky3/src/verify.rs",
            "backends/plonky3/src/transcript.rs",
            "backends/plonky3/src/security.rs",
        ],
        tests: &[("tessera-plonky3", "lib")],
    },
    Room {
        files: &[
            "lowering/circuit_to_program/src/pack.rs",
            "lowering/circuit_to_program/src/contraction.rs",
            "lowering/circuit_to_program/src/emit",
        ],
        tests: &[("tessera-circuit-to-program", "lib"), ("tessera-tests", "placement")],
    },
    Room { files: &["lowering/nn_to_qnn/src/scales.rs"], tests: &[("tessera-nn-to-qnn", "lib")] },
];
