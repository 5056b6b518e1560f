//! Where a command speaks: results on stdout, notes and errors on stderr, JSON when asked for.
//!
//! Invariants: with `--json` stdout is exactly one JSON value, also for errors; a closed pipe is no error of ours.
use crate::cli::Global;
use crate::failure::Failure;
use crate::show::{Style, progress::Progress};
use serde::Serialize;
use std::io::Write;

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
            let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
        }
    }

    /// Something a person should know, beside the result.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.global.quiet {
            let _ = writeln!(std::io::stderr(), "{}", self.style_of_notes(text.as_ref()));
        }
    }

    /// The result, for machines.
    pub fn json(&self, value: &impl Serialize) {
        if self.global.json {
            // plain data of ours: serializing cannot fail; non-finite numbers become null
            let text = serde_json::to_string_pretty(value).unwrap_or_default();
            let _ = writeln!(std::io::stdout(), "{text}");
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
        self.json(&Failed { verified: (f.code == 1).then_some(false), exit_code: f.code, error: f });
    }

    fn style_of_notes(&self, text: &str) -> String {
        format!("note: {text}")
    }
}
