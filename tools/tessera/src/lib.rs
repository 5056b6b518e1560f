//! The `tessera` command: compile, setup, prove, verify, run, eval, inspect, demo, bench.
//!
//! Invariants: results go to stdout and everything else to stderr; `--json` makes stdout one JSON value; exit codes
//! are 0, 1 for a rejected proof, 2 for wrong use or a bad file, 3 for a machine that failed; only modules behind the feature `compiler` know MLIR.
pub mod cli;
pub mod commands;
pub mod data;
pub mod explain;
pub mod failure;
pub mod files;
#[cfg(feature = "compiler")]
pub mod fixtures;
#[cfg(feature = "compiler")]
pub mod forms;
pub mod infer;
#[cfg(feature = "compiler")]
pub mod ir;
#[cfg(feature = "compiler")]
pub mod levels;
#[cfg(feature = "compiler")]
pub mod limits;
pub mod measure;
pub mod model;
#[cfg(feature = "compiler")]
pub mod networks;
pub mod opening;
#[cfg(feature = "compiler")]
pub mod optimize;
#[cfg(feature = "compiler")]
pub mod pipeline;
#[cfg(feature = "compiler")]
pub mod prices;
pub mod process;
pub mod prover;
pub mod screen;
pub mod show;
pub mod uses;

pub use tessera_verify::statement;
pub mod vocabulary;

use clap::Parser;
use std::process::ExitCode;

/// Where time goes inside the libraries: with TESSERA_LOG=debug every span of work is told on stderr when it ends.
fn trace_spans() {
    use tracing_subscriber::fmt::format::FmtSpan;
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("TESSERA_LOG") {
        let spans = tracing_subscriber::fmt().with_env_filter(filter).with_span_events(FmtSpan::CLOSE);
        spans.with_writer(std::io::stderr).init();
    }
}

/// The whole command: reads the arguments of this process, does what they say, and gives the exit code.
pub fn main() -> ExitCode {
    measure::begin();
    process::catch_signals();
    process::end_cleanly();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) if e.use_stderr() => {
            let _ = e.print();
            return ExitCode::from(failure::USE);
        }
        // help and version are no errors
        Err(e) => {
            screen::say(e.render().to_string().as_bytes());
            return ended(&screen::Screen::new(cli::Global::default()), screen::heard());
        }
    };
    measure::keep_freed_memory();
    trace_spans();
    let screen = screen::Screen::new(cli.global);
    let result = process::guarded(|| {
        process::start_threads()?;
        commands::run(&cli.command, &screen)?;
        files::unchanged()?;
        screen::heard()
    });
    ended(&screen, result)
}

fn ended(screen: &screen::Screen, result: failure::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.fail(&failure);
            ExitCode::from(failure.code)
        }
    }
}
