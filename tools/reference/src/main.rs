//! Writes the generated pages of docs/ that are stale; `cargo xtask docs` runs it.

fn main() -> std::process::ExitCode {
    match tessera_reference::write() {
        Ok(pages) => {
            if pages.is_empty() {
                println!("the generated pages of docs/ are current");
            }
            pages.iter().for_each(|page| println!("wrote {}", page.display()));
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::from(2)
        }
    }
}
