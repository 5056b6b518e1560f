//! `tessera-verify`: the verifier alone, as a command.
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let said = tessera_verify::command::run(std::env::args_os().skip(1).collect());
    let _ = std::io::stderr().write_all(said.err.as_bytes());
    match std::io::stdout().write_all(said.out.as_bytes()).and_then(|()| std::io::stdout().flush()) {
        // whoever closed the pipe has seen enough
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            let _ = writeln!(std::io::stderr(), "error: the result could not be written to stdout: {e}");
            ExitCode::from(3)
        }
        _ => ExitCode::from(said.code),
    }
}
