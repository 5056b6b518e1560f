//! Build-script helper: runs `mlir-tblgen` on a dialect's `.td` and compiles its thin C++ file.
//!
//! Invariants:
//! - C++ is compiled by LLVM's own clang++, without RTTI and exceptions, as libMLIR is; another compiler breaks
//!   symbol-table traits at run time.
//! - A build script that uses this prints every input it read, so that an edit of a `.td` rebuilds.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder LLVM and MLIR 22 are installed in: `MLIR_SYS_220_PREFIX`, by default Debian's.
pub fn prefix() -> PathBuf {
    println!("cargo:rerun-if-env-changed=MLIR_SYS_220_PREFIX");
    PathBuf::from(env::var("MLIR_SYS_220_PREFIX").unwrap_or_else(|_| "/usr/lib/llvm-22".into()))
}

/// Generates declarations and definitions of the dialect in `<name>.td` and compiles `<name>.cpp`, both beside the
/// crate's Cargo.toml. The generated files are `<name>_{dialect,types,ops}.{h,cpp}.inc`.
///
/// # Panics
/// When a tool is missing or refuses its input: in a build script that is the error message.
pub fn dialect(name: &str) {
    let td = format!("{name}.td");
    println!("cargo:rerun-if-changed={td}");
    let out = out_dir();
    // A .td may include upstream dialects, so the one meant is selected by name.
    for (part, generator, select) in
        [("dialect", "dialect", "-dialect"), ("types", "typedef", "-typedefs-dialect"), ("ops", "op", "")]
    {
        for (suffix, kind) in [("h", "decls"), ("cpp", "defs")] {
            let select = if select.is_empty() { vec![] } else { vec![format!("{select}={name}")] };
            tblgen(
                &format!("-gen-{generator}-{kind}"),
                &select,
                Path::new(&td),
                &out.join(format!("{name}_{part}.{suffix}.inc")),
            );
        }
    }
    cpp(&format!("tessera_{name}"), &[&format!("{name}.cpp")]);
}

/// Compiles C++ files of this crate into a static library that is linked into it.
///
/// # Panics
/// When the compiler is missing or refuses a file.
pub fn cpp(library: &str, files: &[&str]) {
    let prefix = prefix();
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .compiler(prefix.join("bin/clang++"))
        .std("c++17")
        .opt_level(1)
        .debug(false)
        .warnings(false);
    for flag in [
        "-fno-exceptions",
        "-fno-rtti",
        "-Wall",
        "-Werror=return-type",
        "-Wno-unused-parameter",
        "-ferror-limit=5",
        "-fno-caret-diagnostics",
    ] {
        build.flag(flag);
    }
    build.include(out_dir()).flag(format!("-isystem{}", prefix.join("include").display()));
    for file in files {
        println!("cargo:rerun-if-changed={file}");
        build.file(file);
    }
    build.compile(library);
}

/// Links archives of LLVM that libMLIR.so does not contain, such as the one behind `MlirOptMain`.
pub fn link_static(libraries: &[&str]) {
    println!("cargo:rustc-link-search=native={}/lib", prefix().display());
    for library in libraries {
        println!("cargo:rustc-link-lib=static={library}");
    }
}

/// Renders the operation documentation of a `.td` file as markdown.
///
/// # Errors
/// The tool's own message when it is missing or refuses the file.
pub fn document(td: &Path, dialect: &str) -> Result<String, String> {
    let prefix = env::var("MLIR_SYS_220_PREFIX").unwrap_or_else(|_| "/usr/lib/llvm-22".into());
    let output = Command::new(format!("{prefix}/bin/mlir-tblgen"))
        .args(["-gen-dialect-doc", "-dialect", dialect])
        .arg("-I")
        .arg(format!("{prefix}/include"))
        .arg(td)
        .output()
        .map_err(|error| format!("cannot run {prefix}/bin/mlir-tblgen: {error}; install mlir-22-tools"))?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|error| error.to_string())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn out_dir() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"))
}

fn tblgen(generator: &str, options: &[String], td: &Path, output: &Path) {
    let prefix = prefix();
    let status = Command::new(prefix.join("bin/mlir-tblgen"))
        .arg(generator)
        .args(options)
        .arg(td)
        .arg("-I")
        .arg(prefix.join("include"))
        .arg("-o")
        .arg(output)
        .status()
        .unwrap_or_else(|error| {
            panic!("cannot run mlir-tblgen of {}: {error}; install mlir-22-tools", prefix.display())
        });
    assert!(status.success(), "mlir-tblgen {generator} {} failed", td.display());
}
