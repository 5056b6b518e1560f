//! `cargo xtask`: see the library for what the chores do.
use clap::Parser;

#[derive(Parser)]
#[command(name = "xtask", about = "Chores of the repository")]
enum Chore {
    /// Render docs/reference from the passes and the dialect definitions
    Docs,
}

fn main() -> std::process::ExitCode {
    let Chore::Docs = Chore::parse();
    match xtask::write() {
        Ok(pages) if pages.is_empty() => println!("docs/reference is current"),
        Ok(pages) => pages.iter().for_each(|p| println!("wrote {}", p.display())),
        Err(e) => {
            eprintln!("error: {e}");
            return std::process::ExitCode::from(2);
        }
    }
    std::process::ExitCode::SUCCESS
}
