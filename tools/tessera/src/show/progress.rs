//! Progress on stderr: a spinner for a phase of unknown length, a bar for counted work, nothing where nobody watches.
//!
//! Invariant: nothing is drawn with `--json`, with `--quiet`, or when stderr is not a terminal.
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Draws progress, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    visible: bool,
}

impl Progress {
    /// Draws only where a person watches.
    pub fn new(wanted: bool) -> Progress {
        use std::io::IsTerminal;
        Progress { visible: wanted && std::io::stderr().is_terminal() }
    }

    /// A phase; `estimate` is how long it will take, in seconds, where that is known.
    pub fn phase(self, text: &str, estimate: Option<f64>) -> ProgressBar {
        let bar = self.bar_of(ProgressBar::new_spinner());
        let about = estimate.map_or(String::new(), |s| format!(" (about {})", super::seconds(s)));
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.set_message(format!("{text}{about}"));
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    /// Counted work.
    pub fn counted(self, text: &str, total: usize) -> ProgressBar {
        let bar = self.bar_of(ProgressBar::new(total as u64));
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.set_message(text.to_string());
        bar
    }

    fn bar_of(self, bar: ProgressBar) -> ProgressBar {
        bar.set_draw_target(if self.visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        bar
    }
}
