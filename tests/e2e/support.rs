//! The real binary, a cache of compiled models, and data files.
//!
//! Invariant: a compiled model is made once per build of the binary, by whichever test process comes first; others wait.
use serde_json::Value;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use tessera::data::{Array, DataFile, Numbers, npy};

/// The command under test: the same source as the shipped binary.
pub const BINARY: &str = env!("CARGO_BIN_EXE_tessera-under-test");

/// Where the ONNX files and data of the tests are.
pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

/// What a run of the command gave.
pub struct Ran {
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("no JSON ({e}): {}\n{}", self.out, self.err))
    }
}

/// Runs the command in a directory.
pub fn tessera_in(dir: &Path, args: &[&str]) -> Ran {
    let out = Command::new(BINARY)
        .args(args)
        .current_dir(dir)
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("the command starts");
    Ran {
        code: out.status.code(),
        out: String::from_utf8_lossy(&out.stdout).into_owned(),
        err: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

/// Runs the command and expects exit code 0 and JSON.
pub fn ok(dir: &Path, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let ran = tessera_in(dir, &args);
    assert_eq!(ran.code, Some(0), "tessera {}\n{}", args.join(" "), ran.err);
    ran.json()
}

/// A model of the tests, compiled and with keys.
pub struct Compiled {
    /// Directory with NAME.tess, NAME.pk, NAME.vk.
    pub dir: PathBuf,
    /// NAME.
    pub name: String,
}

impl Compiled {
    /// A file of the model.
    pub fn file(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", self.name))
    }
}

/// Compiles `ONNX` (without extension) for a batch, and makes keys; once per build.
pub fn compiled(onnx: &str, batch: usize) -> Compiled {
    let (data, scale) = calibration(onnx);
    let (data, batch) = (data.to_string_lossy().into_owned(), batch.to_string());
    let options = ["--calibration", &data, "--scale", scale, "--batch", &batch];
    compiled_with(onnx, format!("{onnx}_{batch}"), &options)
}

/// Compiles `ONNX` (without extension) with options, under a name, and makes keys; once per build.
pub fn compiled_with(onnx: &str, name: String, options: &[&str]) -> Compiled {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e").join(build_id());
    std::fs::create_dir_all(&dir).expect("a directory for compiled models");
    let lock = File::create(dir.join(format!("{name}.lock"))).expect("a lock file");
    lock.lock().expect("the lock");
    // written last: where it stands, model and keys are whole
    let done = dir.join(format!("{name}.done"));
    if !done.exists() {
        let model = models().join(format!("{onnx}.onnx"));
        let tess = format!("{name}.tess");
        ok(&dir, &[&["compile", &model.to_string_lossy(), "-o", &tess], options].concat());
        ok(&dir, &["setup", &tess]);
        std::fs::write(&done, []).expect("the mark");
    }
    Compiled { dir, name }
}

/// Changes whenever the binary is built anew.
fn build_id() -> String {
    let meta = std::fs::metadata(BINARY).expect("the binary");
    let mut h = std::hash::DefaultHasher::new();
    (meta.len(), meta.modified().expect("a modification time")).hash(&mut h);
    format!("{:016x}", h.finish())
}

/// Data of a model, and the factor of its integers.
pub fn calibration(onnx: &str) -> (PathBuf, &'static str) {
    let (file, scale) = if onnx.starts_with("digits") {
        ("digits_test.npz", "1/16")
    } else {
        ("fmnist_lenet_test1000.npz", "1/255")
    };
    (models().join(file), scale)
}

/// The images of a data file, as numbers between 0 and 1, and the values per image.
pub fn images(onnx: &str) -> (Vec<f32>, usize) {
    let (path, scale) = calibration(onnx);
    let array = DataFile::read(&path).and_then(|f| f.take("images_u8")).expect("the images");
    let divisor: f32 = scale.trim_start_matches("1/").parse().expect("a divisor");
    let Numbers::I64(v, _) = array.numbers else { panic!("images are integers") };
    let n = v.len() / array.shape[0];
    (v.iter().map(|x| *x as f32 / divisor).collect(), n)
}

/// Writes a float32 `.npy` file and returns its path.
pub fn npy(dir: &Path, name: &str, shape: &[usize], values: Vec<f32>) -> PathBuf {
    let path = dir.join(name);
    let array = Array { shape: shape.to_vec(), numbers: Numbers::F32(values) };
    std::fs::write(&path, npy::write(&array)).expect("a data file");
    path
}

/// A `.npy` file of any dtype, full of zeros.
pub fn raw_npy(descr: &str, shape: &str, bytes: usize) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &vec![0; bytes]].concat()
}

/// `count` indices below `below`, the same every time.
pub fn pick(count: usize, below: usize) -> Vec<usize> {
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    (0..count)
        .map(|_| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize % below
        })
        .collect()
}
