//! `tessera completions` and `tessera man`: the command line as a shell and a reader of manuals want it.
//!
//! Invariant: both are rendered from the command line itself, so they cannot say anything else than it does.
use crate::cli::{Cli, Completions, Man};
use crate::failure::{Failure, Result};
use crate::files;
use crate::screen::{Screen, say};
use clap::CommandFactory;

/// Prints completions.
pub fn completions(o: &Completions) -> Result<()> {
    let mut text = vec![];
    clap_complete::generate(o.shell, &mut Cli::command(), "tessera", &mut text);
    say(&text);
    Ok(())
}

/// Writes manual pages.
pub fn man(o: &Man, screen: &Screen) -> Result<()> {
    std::fs::create_dir_all(&o.dir).map_err(|e| Failure::io("make the directory", &o.dir, &e))?;
    let pages = pages()?;
    for (name, page) in &pages {
        files::write(&o.dir.join(name), page)?;
    }
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    screen.json(&serde_json::json!({ "dir": o.dir, "pages": names }));
    screen.line(format!("wrote {} to {}", names.join(", "), o.dir.display()));
    Ok(())
}

/// File name and text of every page.
fn pages() -> Result<Vec<(String, Vec<u8>)>> {
    let mut cli = Cli::command();
    cli.build();
    // building gives subcommands names like tessera-compile
    let shown = cli.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
    let commands = std::iter::once(&cli).chain(shown);
    let render = |command: &clap::Command| {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let mut page = vec![];
        clap_mangen::Man::new(command.clone())
            .render(&mut page)
            .map_err(|e| Failure::new(format!("the page {name} cannot be rendered: {e}")))?;
        Ok((format!("{name}.1"), page))
    };
    commands.map(render).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_names_its_options() {
        let pages = pages().unwrap();
        let text = |name: &str| {
            let page = pages.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no page {name}"));
            String::from_utf8(page.1.clone()).unwrap()
        };
        assert!(text("tessera.1").contains("Exit codes"));
        assert!(text("tessera-compile.1").contains("pass\\-pipeline"), "{}", text("tessera-compile.1"));
        assert_eq!(pages.len(), 1 + Cli::command().get_subcommands().count());
    }

    #[test]
    fn completions_know_the_options() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let mut text = vec![];
            clap_complete::generate(shell, &mut Cli::command(), "tessera", &mut text);
            let text = String::from_utf8(text).unwrap();
            assert!(text.contains("pass-pipeline") && text.contains("completions"), "{shell}");
        }
    }
}
