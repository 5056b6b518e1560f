//! All passes of Tessera in one list, and the driver that runs them on files of IR.
//!
//! Invariant: a tool that knows passes by name takes them from here, so that no two tools differ.

pub mod pipeline;

use melior::dialect::DialectRegistry;
use mlir_sys::{MlirDialectRegistry, MlirStringRef};
use std::ffi::{CString, OsStr, OsString, c_char, c_int};
use std::path::Path;
use tessera_mlir::pass::{self, Pass};
use tessera_mlir::pipeline::unknown_passes;
use tessera_mlir::{diag, params};

/// The lists of passes, from the outermost level to the innermost.
pub const PASSES: &[&[&dyn Pass]] = &[
    tessera_nn_to_qnn::PASSES,
    tessera_qnn_to_circuit::PASSES,
    tessera_passes::generic::PASSES,
    tessera_passes::nn::PASSES,
    tessera_passes::qnn::PASSES,
    tessera_passes::circuit::PASSES,
    tessera_egraph::PASSES,
];

/// Registers every pass, and MLIR's generic ones, for textual pipelines.
pub fn register_all() {
    tessera_passes::register_all();
    PASSES.iter().for_each(|passes| pass::register(passes));
}

/// What differs from `mlir-opt`, as `--help` says it.
const DIFFERENCES: &str = "Tessera's mlir-opt. What differs from mlir-opt:
  --print-default-pipeline  prints the pipeline that tessera compile runs
  --patterns=FILE           applies the rewrite patterns of a file, PDL or PDLL: --apply-patterns=file=FILE
  --print-patterns          prints which rewrite pattern was applied where
  --mlir-pass-statistics    prints what Tessera's passes count; MLIR's own count nothing in a release build of LLVM
  -o FILE                   also writes the parameters that passes made, beside the file; on standard output, IR without its
                            parameters is a warning
  input                     parameters are looked for beside it
  threads                   there is one, so that results do not depend on the machine
  errors                    say what to do, where MLIR's own do not; but not with --verify-diagnostics
  dialects and passes       are Tessera's, the few of MLIR that it uses, and transform with its interpreter
";

/// Runs `mlir-opt`'s driver with Tessera's dialects and passes; returns the exit status. `zk-opt --help` says what differs.
///
/// It reads the process's command line into global state of LLVM, so it can be called once.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    run_with(&tessera_passes::registry(), arguments)
}

/// As [`run`], for a driver with dialects and passes of its own: `registry` holds its dialects beside Tessera's, and its
/// passes are registered already.
pub fn run_with(registry: &DialectRegistry, arguments: impl IntoIterator<Item = OsString>) -> i32 {
    register_all();
    let mut arguments = arguments.into_iter().collect::<Vec<_>>();
    if take(&mut arguments, "print-default-pipeline") {
        println!("{}", pipeline::default_pipeline());
        return 0;
    }
    // a file that says which diagnostics it expects knows MLIR's
    if !arguments.iter().any(|argument| is_option(argument, "verify-diagnostics")) {
        diag::advise(registry);
    }
    // parameters lie beside the IR that names them
    for file in arguments.iter().skip(1).map(Path::new).filter(|path| path.is_file()) {
        params::look_in(file.parent().unwrap_or(Path::new("")));
    }
    if take(&mut arguments, "print-patterns") {
        print_patterns();
    }
    let count = take(&mut arguments, "mlir-pass-statistics");
    take(&mut arguments, "mlir-disable-threading");
    arguments.push("--mlir-disable-threading".into());
    for argument in &mut arguments {
        if let Some(file) = argument.to_str().and_then(|text| text.strip_prefix("--patterns=")) {
            *argument = format!("--apply-patterns=file={file}").into();
        }
    }
    // MLIR forgets its passes when its driver ends
    let advice = arguments.iter().filter_map(pipeline_of).flat_map(|text| advise(&text)).collect::<Vec<_>>();
    let status = drive(registry, &arguments);
    if count {
        for counted in pass::statistics() {
            eprintln!("{:>8} {} {}: {}", counted.count, counted.pass, counted.name, counted.help);
        }
    }
    if status == 0 {
        if let Err(error) = keep_params(output_of(&arguments)) {
            eprintln!("error: {error}");
            return 1;
        }
    } else {
        // what MLIR's own message leaves out
        advice.iter().for_each(|note| eprintln!("note: {note}"));
    }
    status
}

/// Whether an argument is this option, with one dash or two, with a value or without.
fn is_option(argument: &OsString, name: &str) -> bool {
    let text = argument.to_str().and_then(|text| text.strip_prefix('-'));
    let text = text.map(|text| text.strip_prefix('-').unwrap_or(text));
    text.and_then(|text| text.strip_prefix(name)).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// Takes an option out; says whether it was there.
fn take(arguments: &mut Vec<OsString>, name: &str) -> bool {
    let before = arguments.len();
    arguments.retain(|argument| !is_option(argument, name));
    arguments.len() < before
}

/// Prints the events of [`tessera_mlir::rewrite::Patterns`] on standard error.
fn print_patterns() {
    let lines =
        tracing_subscriber::fmt().without_time().with_level(false).with_target(false).with_ansi(false);
    // where a program has its own log, it goes on as it was
    let _ = lines.with_env_filter("tessera_mlir::rewrite=debug").with_writer(std::io::stderr).try_init();
}

/// The pipeline that an argument gives.
fn pipeline_of(argument: &OsString) -> Option<String> {
    let text = argument.to_str()?.trim_start_matches('-');
    Some(text.strip_prefix("pass-pipeline=")?.to_owned())
}

/// Where the IR goes; nothing is standard output.
fn output_of(arguments: &[OsString]) -> Option<&Path> {
    let at = arguments.iter().position(|argument| is_option(argument, "o"))?;
    let value =
        arguments[at].to_str().and_then(|text| text.split_once('=')).map(|(_, value)| Path::new(value));
    value.or_else(|| arguments.get(at + 1).map(Path::new)).filter(|path| *path != Path::new("-"))
}

/// Writes the parameters that passes made and the output names beside it, so that the IR can be read again; warns where
/// nothing can lie beside it.
fn keep_params(output: Option<&Path>) -> Result<(), String> {
    let made = params::registered();
    match output {
        // thrown away on purpose
        Some(path) if path == Path::new("/dev/null") => Ok(()),
        Some(path) if path.is_file() => {
            let say = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
            // text or bytecode: a name stands in both as it is
            let bytes = std::fs::read(path).map_err(say)?;
            let named = |name: &String| bytes.windows(name.len()).any(|window| window == name.as_bytes());
            made.iter().filter(|name| named(name)).try_for_each(|name| {
                let saved = params::get(name).and_then(|params| params.save(&path.with_file_name(name)));
                saved.map_err(|error| error.to_string())
            })
        }
        _ if made.is_empty() => Ok(()),
        _ => {
            eprintln!(
                "warning: passes made parameters, and the output is IR alone, which nothing can read without them: with \
                 -o FILE they are written beside the file"
            );
            Ok(())
        }
    }
}

/// What is wrong with the text of a pipeline, and what to do: parentheses that do not close, names that are no passes.
pub fn advise(pipeline: &str) -> Vec<String> {
    // what stands in braces is a pass's own
    let mut depth = 0;
    let outside = pipeline.chars().filter(|&c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    let outside = outside.collect::<String>();
    let (open, close) = (outside.matches('(').count(), outside.matches(')').count());
    let unclosed = (open != close || depth != 0).then(|| {
        let braces = if depth == 0 { "" } else { ", and braces that do not close" };
        format!("the pipeline has {open} '(' and {close} ')'{braces}: {pipeline}")
    });
    unclosed.into_iter().chain(unknown_passes(pipeline).iter().map(|name| unknown(name))).collect()
}

/// What to do about a name that is no pass.
fn unknown(name: &str) -> String {
    let near = PASSES
        .iter()
        .copied()
        .flatten()
        .map(|pass| pass.info().name)
        .chain(["canonicalize", "cse", "inline", "sccp", "symbol-dce", "print-op-stats", "view-op-graph"])
        .min_by_key(|known| distance(name, known))
        .filter(|known| distance(name, known) <= name.len() / 3);
    match near {
        Some(near) => format!("no pass is called '{name}'; did you mean '{near}'?"),
        None => format!("no pass is called '{name}'; zk-opt --help lists all"),
    }
}

/// Insertions, deletions and substitutions of a byte that turn one name into another (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let mut row = (0..=b.len()).collect::<Vec<_>>();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let best = (row[j] + 1).min(row[j + 1] + 1).min(diagonal + usize::from(x != y));
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

/// Runs MLIR's driver.
fn drive(registry: &DialectRegistry, arguments: &[impl AsRef<OsStr>]) -> i32 {
    // An argument with a NUL byte cannot come from a command line.
    let arguments = arguments
        .iter()
        .filter_map(|argument| CString::new(argument.as_ref().as_encoded_bytes()).ok())
        .collect::<Vec<_>>();
    let mut argv = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect::<Vec<_>>();
    let about = MlirStringRef { data: DIFFERENCES.as_ptr().cast(), length: DIFFERENCES.len() };
    // SAFETY: `argv` has `argc` C strings, which `arguments` keeps alive with the text and the registry until the driver ends.
    unsafe { zkOptMain(argv.len() as c_int, argv.as_mut_ptr(), about, registry.to_raw()) }
}

unsafe extern "C" {
    fn zkOptMain(
        argc: c_int,
        argv: *mut *mut c_char,
        about: MlirStringRef,
        registry: MlirDialectRegistry,
    ) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_answered_by_a_near_one() {
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("abc", "abc")), (3, 3, 0));
        assert_eq!(
            unknown("circuit-interval"),
            "no pass is called 'circuit-interval'; did you mean 'circuit-intervals'?"
        );
        assert_eq!(unknown("canonicalise"), "no pass is called 'canonicalise'; did you mean 'canonicalize'?");
        assert_eq!(unknown("frobnicate"), "no pass is called 'frobnicate'; zk-opt --help lists all");
    }

    #[test]
    fn parentheses_are_counted() {
        register_all();
        let one = "the pipeline has 1 '(' and 0 ')': builtin.module(cse,x{a=1}";
        assert_eq!(
            advise("builtin.module(cse,x{a=1}"),
            [one, "no pass is called 'x'; zk-opt --help lists all"]
        );
        assert_eq!(advise("builtin.module(cse)"), Vec::<String>::new());
    }

    #[test]
    fn options_are_told_from_each_other() {
        let arguments = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let mut given = arguments(&["zk-opt", "-a", "--a=true", "--ab", "a"]);
        assert!(take(&mut given, "a") && !take(&mut given, "a"));
        assert_eq!(given, ["zk-opt", "--ab", "a"]);
        let output = |words: &[&str]| output_of(&arguments(words)).map(Path::to_owned);
        assert_eq!(output(&["zk-opt", "x.mlir"]), None);
        assert_eq!(output(&["zk-opt", "-o", "-"]), None);
        for words in [["-o", "y"], ["--o", "y"], ["-o=y", ""], ["--o=y", ""]] {
            assert_eq!(output(&words), Some("y".into()), "{words:?}");
        }
    }

    #[test]
    fn the_pipeline_is_found_among_the_arguments() {
        let text = |argument: &str| pipeline_of(&OsString::from(argument));
        assert_eq!(text("--pass-pipeline=builtin.module(cse)").as_deref(), Some("builtin.module(cse)"));
        assert_eq!(text("-pass-pipeline=x").as_deref(), Some("x"));
        assert_eq!(text("pass.mlir"), None);
    }
}
