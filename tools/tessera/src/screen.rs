//! Where a command speaks: results on stdout, notes and errors on stderr, JSON when asked for.
//!
//! Invariants: with `--json` stdout is exactly one JSON value, also for errors; what cannot be written to stdout is an error,
//! but for a closed pipe, whose reader has seen enough; no control character of a name reaches a terminal.
use crate::cli::Global;
use crate::failure::{FALSE, Failure, Result};
use crate::show::{Style, plain, plain_but_styled, plain_json, progress::Progress};
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

/// Why something that was said on stdout is not there.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes to stdout. What goes wrong is told by [`heard`].
pub fn say(text: &[u8]) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => drop(LOST.set(e.to_string())),
        _ => {}
    }
}

/// Errs when something that was said on stdout is not there.
pub fn heard() -> Result<()> {
    match LOST.get() {
        None => Ok(()),
        Some(why) => Err(Failure::machine(format!("the result could not be written to stdout: {why}"))
            .help("the command did its work; give it room to say so, and run it again")),
    }
}

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// What the user asked for.
    pub global: Global,
    /// What the terminal understands.
    pub style: Style,
    /// Draws progress.
    pub progress: Progress,
}

impl Screen {
    /// For this process's terminal.
    pub fn new(global: Global) -> Screen {
        let style = if global.json { Style::PLAIN } else { Style::detect() };
        Screen { global, style, progress: Progress::new(!global.json && !global.quiet) }
    }

    /// The same, without notes and progress: for commands that call others.
    pub fn silent(self) -> Screen {
        let global = Global { json: true, quiet: true };
        Screen { global, progress: Progress::new(false), ..self }
    }

    /// A line of a result, for people.
    pub fn line(&self, text: impl AsRef<str>) {
        if !self.global.json {
            say(format!("{}\n", plain_but_styled(text.as_ref())).as_bytes());
        }
    }

    /// A result of several lines, for people.
    pub fn text(&self, text: &str) {
        text.trim_end().lines().for_each(|l| self.line(l));
    }

    /// Something a person should know, beside the result.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.global.quiet {
            let _ = writeln!(std::io::stderr(), "{}", self.style_of_notes(&plain(text.as_ref())));
        }
    }

    /// The result, for machines.
    pub fn json(&self, value: &impl Serialize) {
        if self.global.json {
            // plain data of ours: serializing cannot fail; non-finite numbers become null
            let text = serde_json::to_string_pretty(value).unwrap_or_default();
            say(format!("{}\n", plain_json(&text)).as_bytes());
        }
    }

    /// The end of a command that failed.
    pub fn fail(&self, f: &Failure) {
        let _ = writeln!(std::io::stderr(), "{f}");
        #[derive(Serialize)]
        struct Failed<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            verified: Option<bool>,
            exit_code: u8,
            error: &'a Failure,
        }
        self.json(&Failed { verified: (f.code == FALSE).then_some(false), exit_code: f.code, error: f });
    }

    fn style_of_notes(&self, text: &str) -> String {
        format!("note: {text}")
    }
}
