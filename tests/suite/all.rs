//! All cases of the onnx package, from the archive that `cases.py` writes: `./x onnx`.
//!
//! ```text
//! onnx-suite ARCHIVE LIST [LEVEL] [FILTER]
//! ```
//! Compares with the list of results that stands in the repository; with `BLESS=1` writes it.

mod run;

use rayon::prelude::*;
use run::{Case, LEVELS, Reached};
use std::fs::{self, File};
use std::io::BufReader;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [archive, list, rest @ ..] = &arguments[..] else {
        eprintln!("usage: onnx-suite ARCHIVE LIST [LEVEL] [FILTER]");
        return ExitCode::from(2);
    };
    let most =
        rest.first().and_then(|l| LEVELS.iter().position(|level| level == l)).unwrap_or(LEVELS.len() - 1);
    let filter = rest.get(1).map_or("", String::as_str);
    zk_opt::register_all();
    let mut cases = run::read(BufReader::new(File::open(archive).expect("the archive")));
    cases.retain(|case| case.name.contains(filter));
    let results: Vec<(&Case, Reached)> = cases.par_iter().map(|c| (c, c.run(most))).collect();
    for (level, name) in LEVELS.iter().enumerate().skip(1) {
        eprintln!(
            "{name}: {} of {}",
            results.iter().filter(|(_, r)| r.level >= level).count(),
            results.len()
        );
    }
    let wrong = results.iter().filter(|(_, r)| r.wrong).count();
    eprintln!("wrong: {wrong}");
    let text = run::list(&results);
    if std::env::var_os("BLESS").is_some() {
        fs::write(list, text).expect("the list is written");
        return ExitCode::from(u8::from(wrong > 0));
    }
    let old = fs::read_to_string(list).unwrap_or_default();
    let changed: Vec<&str> = text.lines().filter(|line| !old.lines().any(|l| l == *line)).collect();
    for line in &changed {
        println!("{line}");
    }
    ExitCode::from(u8::from(!changed.is_empty()))
}
