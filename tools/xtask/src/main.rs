//! `cargo xtask`: see the library for what the chores do.
use clap::Parser;
use xtask::scaffold::{self, Changes};

#[derive(Parser)]
#[command(name = "xtask", about = "Chores of the repository")]
enum Chore {
    /// Render the generated pages of docs/ from the code
    Docs,
    /// Write the files of a new pass: source, test, and its line in the list
    NewPass {
        /// With dashes, such as merge-splits
        name: String,
        /// nn, qnn, circuit; or generic, for a pass on any
        #[arg(long)]
        dialect: String,
    },
    /// Write the files of a new op with one operand: definition, typed view, round trip
    NewOp {
        /// With underscores, such as bit_and
        name: String,
        /// nn, qnn or circuit
        #[arg(long)]
        dialect: String,
    },
    /// Write a new crate in backends/, with the conformance suite as its test
    NewBackend {
        /// With dashes
        name: String,
    },
}

fn main() -> std::process::ExitCode {
    let root = xtask::root();
    let done = match Chore::parse() {
        Chore::Docs => docs(),
        Chore::NewPass { name, dialect } => scaffold::new_pass(&root, &name, &dialect).and_then(write),
        Chore::NewOp { name, dialect } => scaffold::new_op(&root, &name, &dialect).and_then(write),
        Chore::NewBackend { name } => scaffold::new_backend(&root, &name).and_then(write),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            std::process::ExitCode::from(2)
        }
    }
}

fn docs() -> Result<(), String> {
    let pages = xtask::write()?;
    if pages.is_empty() {
        println!("the generated pages of docs/ are current");
    }
    pages.iter().for_each(|p| println!("wrote {}", p.display()));
    Ok(())
}

fn write(changes: Changes) -> Result<(), String> {
    changes.write(&xtask::root())?;
    // lists that grew, and names whose length nobody knew
    let formatted =
        std::process::Command::new("cargo").args(["fmt", "--all"]).current_dir(xtask::root()).status();
    if !formatted.is_ok_and(|status| status.success()) {
        println!("cargo fmt did not run; run it before committing\n");
    }
    changes.created.keys().for_each(|path| println!("new     {}", path.display()));
    changes.edited.keys().for_each(|path| println!("edited  {}", path.display()));
    println!("\nnext:");
    changes.next.iter().for_each(|step| println!("  - {step}"));
    Ok(())
}
