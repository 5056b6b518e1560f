//! The Python package's tests, run by pytest on the extension that this build made; and the pages of the book that are written in Python.
//!
//! They need a Python with numpy, pytest and torch: Debian's python3-numpy, python3-pytest and python3-torch, which `./x setup` installs, or
//! an interpreter that TESSERA_PYTHON names, of several the first that has them, with `:` between. What needs more is run by `./x gallery`.
use std::path::{Path, PathBuf};
use std::process::Command;

fn interpreter(modules: &str) -> PathBuf {
    let named = std::env::var_os("TESSERA_PYTHON").map(|all| std::env::split_paths(&all).collect());
    let known = || ["python3", "/usr/bin/python3"].map(PathBuf::from).to_vec();
    let all: Vec<PathBuf> = named.unwrap_or_else(known);
    let code = format!("import {modules}");
    let fits = |python: &&PathBuf| {
        Command::new(python).args(["-c", &code]).output().is_ok_and(|out| out.status.success())
    };
    all.iter().find(fits).cloned().unwrap_or_else(|| {
        panic!(
            "no Python among {all:?} has {modules}: install python3-numpy, python3-pytest, python3-torch and python3-torchvision, as ./x \
             setup does, or name an interpreter by TESSERA_PYTHON"
        )
    })
}

/// A copy of this folder's Python, and of the verifier's, with the extensions that were built with this test.
fn package(room: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (from, to) in [
        (".", "."),
        ("tests", "tests"),
        ("python/tessera", "tessera"),
        ("../verify/python/python/tessera_verify", "tessera_verify"),
    ] {
        let to = room.join(to);
        std::fs::create_dir_all(&to).expect("a folder");
        for entry in std::fs::read_dir(here.join(from)).expect("a folder of this package").flatten() {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
            }
        }
    }
    let me = std::env::current_exe().expect("this test's file");
    for name in ["tessera", "tessera_verify"] {
        let built = me.parent().expect("a folder").join(format!("lib_{name}.so"));
        assert!(built.exists(), "{} was not built", built.display());
        std::os::unix::fs::symlink(&built, room.join(format!("{name}/_{name}.abi3.so"))).expect("a link");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs pytest in the package's copy, with a Python that has these modules.
fn pytest(modules: &str, arguments: &[&str]) {
    let room = tempfile::tempdir().expect("a folder");
    package(room.path());
    let out = Command::new(interpreter(modules))
        .args(["-B", "-m", "pytest", "-q"])
        .args(arguments)
        .env("PYTHONPATH", room.path())
        .env("TESSERA_ROOT", root())
        .current_dir(room.path())
        .output()
        .expect("pytest runs");
    let said = [out.stdout, out.stderr].concat();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&said));
}

const USUAL: &str = "numpy, pytest, torch, torchvision";

#[test]
fn the_package_does_what_its_tests_say() {
    pytest(USUAL, &["tests", "tessera", "tessera_verify", "--ignore=tests/test_pages.py"]);
}

#[test]
#[ignore = "needs matplotlib: ./x gallery"]
fn plots_are_drawn() {
    pytest("numpy, pytest, matplotlib", &["tests/test_looking.py::test_plots_are_drawn_on_axes"]);
}

#[test]
#[ignore = "needs tqdm: ./x gallery"]
fn bars_are_drawn() {
    pytest(
        "numpy, pytest, tqdm",
        &["tests/test_progress.py::test_a_terminal_shows_bars_and_a_file_does_not"],
    );
}

#[test]
#[ignore = "needs mypy: ./x gallery"]
fn types_are_known() {
    pytest("numpy, pytest, mypy", &["tests/test_stubs.py"]);
}

/// A test for each page, so that they run side by side.
macro_rules! pages {
    ($($(#[$attribute:meta])* $name:ident: $page:literal, $modules:expr;)*) => {
        mod pages {
            $(#[test] $(#[$attribute])* fn $name() {
                super::pytest($modules, &[concat!("tests/test_pages.py::test_page[", $page, "]")]);
            })*
        }
        const PAGES: &[&str] = &[$($page),*];
    };
}

pages! {
    readme: "../README.md", super::USUAL;
    python: "guide/python.md", super::USUAL;
    ir_from_python: "tutorials/ir-from-python.md", super::USUAL;
    elsewhere: "gallery/elsewhere.md", super::USUAL;
    gpt: "gallery/gpt.md", super::USUAL;
    lenet: "gallery/lenet.md", super::USUAL;
    #[ignore = "needs pandas, scikit-learn and skl2onnx: ./x gallery"]
    sklearn: "gallery/sklearn.md", "numpy, pytest, pandas, sklearn, skl2onnx";
    torchvision: "gallery/torchvision.md", super::USUAL;
    two_parties: "gallery/two-parties.md", super::USUAL;
}

#[test]
fn every_page_of_the_gallery_is_run() {
    let found = std::fs::read_dir(root().join("docs/gallery")).expect("the gallery").flatten();
    for name in found.map(|entry| format!("gallery/{}", entry.file_name().to_string_lossy())) {
        assert!(PAGES.contains(&name.as_str()), "{name} is not in the list of pages in {}", file!());
    }
}
