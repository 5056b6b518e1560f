//! The Python package's tests, run by pytest on the extension that this build made.
//!
//! They need a Python with numpy, pytest and torch: Debian's python3-numpy, python3-pytest and python3-torch, which `./x setup` installs, or
//! the interpreter that TESSERA_PYTHON names.
use std::path::{Path, PathBuf};
use std::process::Command;

fn interpreter() -> PathBuf {
    let named = std::env::var_os("TESSERA_PYTHON").map(PathBuf::from);
    let known = ["python3", "/usr/bin/python3"].map(PathBuf::from);
    let all: Vec<PathBuf> = named.map_or(known.to_vec(), |python| vec![python]);
    let fits = |python: &&PathBuf| {
        Command::new(python)
            .args(["-c", "import numpy, pytest, torch"])
            .output()
            .is_ok_and(|out| out.status.success())
    };
    all.iter().find(fits).cloned().unwrap_or_else(|| {
        panic!(
            "no Python among {all:?} has numpy, pytest and torch: install python3-numpy, python3-pytest and python3-torch, as ./x setup \
             does, or name an interpreter that has them by TESSERA_PYTHON"
        )
    })
}

/// A copy of this folder's Python, with the extension that was built with this test.
fn package(room: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (from, to) in [(".", "."), ("tests", "tests"), ("python/tessera", "tessera")] {
        let to = room.join(to);
        std::fs::create_dir_all(&to).expect("a folder");
        for entry in std::fs::read_dir(here.join(from)).expect("a folder of this package").flatten() {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
            }
        }
    }
    let me = std::env::current_exe().expect("this test's file");
    let built = me.parent().expect("a folder").join("lib_tessera.so");
    assert!(built.exists(), "{} was not built", built.display());
    std::os::unix::fs::symlink(&built, room.join("tessera/_tessera.abi3.so")).expect("a link");
}

#[test]
fn the_package_does_what_its_tests_say() {
    let room = tempfile::tempdir().expect("a folder");
    package(room.path());
    let out = Command::new(interpreter())
        .args(["-B", "-m", "pytest", "-q", "tests", "tessera"])
        .env("PYTHONPATH", room.path())
        .env("TESSERA_ROOT", Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .current_dir(room.path())
        .output()
        .expect("pytest runs");
    let said = [out.stdout, out.stderr].concat();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&said));
}
