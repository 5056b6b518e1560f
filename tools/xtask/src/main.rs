//! `cargo xtask`: the files of something new, written at once, and the generated pages of docs/, which need MLIR and are
//! rendered by `tools/reference`.
use std::process::{Command, ExitCode};
use xtask::{Changes, new_backend, new_op, new_pass, root};

const USAGE: &str = "usage: cargo xtask CHORE

  new-pass NAME --dialect DIALECT   the files of a new pass: source, test, and its line in the list.
                                    NAME has dashes, such as merge-splits; DIALECT is nn, qnn, circuit; or generic, for any
  new-op NAME --dialect DIALECT     the files of a new op with one operand: definition, enum, round trip.
                                    NAME has underscores, such as bit_and; DIALECT is nn, qnn or circuit
  new-backend NAME                  a new crate in backends/, with the conformance suite as its test. NAME has dashes
  docs                              render the generated pages of docs/ from the code";

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let words = arguments.iter().map(String::as_str).flat_map(|word| match word.split_once('=') {
        Some((option, value)) => vec![option, value],
        None => vec![word],
    });
    let done = match words.collect::<Vec<_>>()[..] {
        ["new-pass", "--dialect", dialect, name] | ["new-pass", name, "--dialect", dialect] => {
            new_pass(&root(), name, dialect).and_then(write)
        }
        ["new-op", "--dialect", dialect, name] | ["new-op", name, "--dialect", dialect] => {
            new_op(&root(), name, dialect).and_then(write)
        }
        ["new-backend", name] if !name.starts_with('-') => new_backend(&root(), name).and_then(write),
        ["docs"] => docs(),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("expected a chore, found '{}'\n\n{USAGE}", arguments.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs cargo in the repository; says whether it succeeded.
fn cargo(arguments: &[&str]) -> bool {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    Command::new(cargo).args(arguments).current_dir(root()).status().is_ok_and(|status| status.success())
}

fn docs() -> Result<(), String> {
    match cargo(&["run", "--quiet", "--package", "tessera-reference"]) {
        true => Ok(()),
        false => Err("the pages were not rendered".into()),
    }
}

fn write(changes: Changes) -> Result<(), String> {
    changes.write(&root())?;
    // lists that grew, and names whose length nobody knew
    if !cargo(&["fmt", "--all"]) {
        println!("cargo fmt did not run; run it before committing\n");
    }
    changes.created.keys().for_each(|path| println!("new     {}", path.display()));
    changes.edited.keys().for_each(|path| println!("edited  {}", path.display()));
    println!("\nnext:");
    changes.next.iter().for_each(|step| println!("  - {step}"));
    Ok(())
}
