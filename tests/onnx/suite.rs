//! A few cases of every operator from the onnx package, in floats and in integers, against the list of results; `./x onnx` runs all
//! of them, down to proofs.

#[path = "../suite/run.rs"]
mod run;

use rayon::prelude::*;
use run::Case;
use std::io::Cursor;

/// Levels that are run here: up to the reference checker.
const MOST: usize = 2;

#[test]
fn cases_of_the_onnx_package_come_as_far_as_the_list_says() {
    zk_opt::register_all();
    let results = include_str!("../suite/results.txt");
    let cases = run::read(Cursor::new(&include_bytes!("../suite/few.zip")[..]));
    let found: Vec<(&Case, run::Reached)> = cases.par_iter().map(|case| (case, case.run(MOST))).collect();
    let mut changed = String::new();
    for (case, reached) in &found {
        let listed = results.lines().find(|line| line.split(' ').next() == Some(&case.name));
        let level = listed.and_then(|line| line.split(": ").next()?.split(' ').nth(2)).unwrap_or("nothing");
        let listed = run::LEVELS.iter().position(|l| *l == level).map(|l| l.min(MOST));
        if reached.wrong || listed != Some(reached.level) {
            changed += &format!("{} was {level}\n", run::list(&[(case, reached.clone())]).trim_end());
        }
    }
    assert!(changed.is_empty(), "{changed}run ./x onnx --bless where that is intended");
}
