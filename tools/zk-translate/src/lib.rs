//! `zk-translate`: between IR and what is not IR. ONNX in, Programs out, Programs as text.
//!
//! Invariant: each translation is one that `tessera compile` makes as well; nothing is decided here.

mod text;

pub use text::{Limits, text};

use clap::{ArgGroup, Parser};
use std::io::Write;
use std::path::{Path, PathBuf};
use tessera_api::{Container, Digest, FileError, FileKind, Program};
use tessera_circuit_to_program::{PlaceOptions, place};
use tessera_import_onnx::{ImportOptions, Source};
use tessera_mlir::params;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "zk-translate", version, about = "Translates between IR and what is not IR")]
#[command(group = ArgGroup::new("what").required(true).args(["import_onnx", "export_program", "program_to_text"]))]
pub struct Cli {
    /// From an ONNX model to IR of the level nn; weights go to a safetensors file beside the output
    #[arg(long)]
    pub import_onnx: bool,
    /// From IR of the level circuit to a Program and its witness plan, as a model file without IR
    #[arg(long)]
    pub export_program: bool,
    /// From a model file to its Program as text
    #[arg(long)]
    pub program_to_text: bool,
    /// The file to translate
    pub input: PathBuf,
    /// Where the translation goes; text goes to standard output without it
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Inferences a proof covers
    #[arg(long, default_value_t = 1, value_name = "N", requires = "export_program")]
    pub batch: usize,
    /// Print lists whole, however long
    #[arg(long, requires = "program_to_text")]
    pub full: bool,
}

/// The whole command: reads the arguments of this process, does what they say, and gives the exit code.
pub fn main() -> std::process::ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            std::process::ExitCode::from(2)
        }
    }
}

/// Translates.
///
/// # Errors
/// With what is wrong with the input or the output, and in which file.
pub fn run(cli: &Cli) -> Result<(), String> {
    let input = cli.input.display();
    if cli.import_onnx {
        import_onnx(cli).map_err(|e| format!("{input}: {e}"))
    } else if cli.export_program {
        export_program(cli).map_err(|e| format!("{input}: {e}"))
    } else {
        let program = read_program(&read(&cli.input)?).map_err(|e| format!("{input}: {e}"))?;
        let limits = if cli.full { Limits::none() } else { Limits::default() };
        let value = serde_json::to_value(program.named()).map_err(|e| e.to_string())?;
        write_text(cli, &text(&value, limits))
    }
}

fn import_onnx(cli: &Cli) -> Result<(), String> {
    let context = tessera_passes::context();
    let name = cli.output.as_deref().unwrap_or(&cli.input).file_stem().unwrap_or_default();
    let weights = format!("{}.safetensors", name.to_string_lossy());
    let options = ImportOptions { weights: Some(weights.clone()), ..ImportOptions::default() };
    let (module, values) = tessera_import_onnx::import(&context, Source::Path(&cli.input), &options)
        .map_err(|e| e.to_string())?;
    if let Some(output) = &cli.output {
        values.save(&output.with_file_name(weights)).map_err(|e| e.to_string())?;
    }
    write_text(cli, &tessera_mlir::print_with_locations(module.as_operation()))
}

fn export_program(cli: &Cli) -> Result<(), String> {
    let Some(output) = &cli.output else {
        return Err("a Program is not text; say where it goes: -o FILE".into());
    };
    let source = String::from_utf8(read(&cli.input)?).map_err(|_| "IR has to be UTF-8 text")?;
    params::look_in(cli.input.parent().unwrap_or(Path::new("")));
    let context = tessera_passes::context();
    let module =
        tessera_mlir::parse(&context, &source, &cli.input.to_string_lossy()).map_err(|e| e.to_string())?;
    let values = params::of(module.as_operation()).map_err(|e| e.to_string())?;
    let options = PlaceOptions { batch: cli.batch, ..PlaceOptions::new(tessera_backends::default()) };
    let placed = place(&module, &values, &options).map_err(|e| e.to_string())?;
    let mut c = Container::new(FileKind::Model, Digest::default());
    placed.program.store(&mut c);
    c.put("plan", &placed.plan);
    std::fs::write(output, c.to_bytes()).map_err(|e| format!("cannot write {}: {e}", output.display()))
}

/// The Program of a model file.
///
/// # Errors
/// When it is not a model file or is damaged.
pub fn read_program(bytes: &[u8]) -> Result<Program, FileError> {
    let program = Program::load(&Container::from_bytes(bytes, FileKind::Model)?)?;
    program.validate().map_err(|e| FileError::Damaged(e.to_string()))?;
    Ok(program)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

fn write_text(cli: &Cli, text: &str) -> Result<(), String> {
    let text = format!("{}\n", text.trim_end());
    match &cli.output {
        Some(path) => std::fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display())),
        // a reader that has seen enough closes the pipe: no error
        None => std::io::stdout().write_all(text.as_bytes()).or(Ok(())),
    }
}
