//! Data files: `.npy` for a model with one input, `.npz` by input name.
//!
//! Invariants: nothing is rescaled silently: an integer array becomes reals only by a factor that the user gave, now
//! or when the model was compiled; NaN and infinities are errors; what a file holds is named in every error.
pub mod bind;
pub mod npy;

use crate::failure::{Failure, Result};
use crate::files;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What compressed arrays may unpack to: bytes, and times the file's size. Images compress less than ten times; a file made
/// to fill the memory, a thousand times.
const UNPACKED: (u64, u64) = (64 << 20, 32);

/// Numbers of an array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// float16 and float32.
    F32(Vec<f32>),
    /// float64.
    F64(Vec<f64>),
    /// Any integer type or bool, and its name.
    I64(Vec<i64>, &'static str),
    /// Texts.
    Text(Vec<String>),
}

impl Numbers {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Numbers::F32(v) => v.len(),
            Numbers::F64(v) => v.len(),
            Numbers::I64(v, _) => v.len(),
            Numbers::Text(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// NumPy's name of the type.
    pub fn dtype(&self) -> &'static str {
        match self {
            Numbers::F32(_) => "float32",
            Numbers::F64(_) => "float64",
            Numbers::I64(_, name) => name,
            Numbers::Text(_) => "text",
        }
    }

    /// Whether this is an integer type or bool.
    pub fn is_integer(&self) -> bool {
        matches!(self, Numbers::I64(..))
    }
}

/// An array of any shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extents.
    pub shape: Vec<usize>,
    /// Values, row-major; as many as the extents' product.
    pub numbers: Numbers,
}

/// Arrays of one file, in its order. A `.npy` file has one, without a name.
#[derive(Clone, Debug)]
pub struct DataFile {
    /// Where it was read from, for messages.
    pub path: PathBuf,
    /// Name (none for `.npy`, or where the user chose the array) and array.
    pub arrays: Vec<(Option<String>, Array)>,
    /// Arrays of a dtype that is not read, and why: an error only for who asks for one of them.
    pub unreadable: Vec<(String, Failure)>,
}

impl DataFile {
    /// Reads `.npy` or `.npz`, told apart by content. `FILE.npz:name` takes one array of the file.
    pub fn read(path: &Path) -> Result<DataFile> {
        let (file, member) = split_member(path);
        let bytes = files::read(&file)?;
        let mut data = DataFile::parse(&bytes, &file).map_err(|f| f.in_file(&file))?;
        if let Some(name) = member {
            let array = data.take(&name)?;
            data.arrays = vec![(None, array)];
        }
        Ok(data)
    }

    /// The arrays of a `.npy` or `.npz` file's bytes.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<DataFile> {
        let mut data = DataFile { path: path.into(), arrays: vec![], unreadable: vec![] };
        if !bytes.starts_with(b"PK") {
            data.arrays.push((None, npy::read(bytes)?));
            return Ok(data);
        }
        let broken = |why: String| {
            Failure::new(format!("not a readable .npz file: {why}"))
                .expected("arrays written by numpy.savez or numpy.savez_compressed")
                .help("the file was cut or changed; save the arrays again")
        };
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).map_err(|e| broken(e.to_string()))?;
        let most = UNPACKED.0 + UNPACKED.1 * bytes.len() as u64;
        let mut held = 0;
        for i in 0..zip.len() {
            let mut member = zip.by_index(i).map_err(|e| broken(e.to_string()))?;
            let name = member.name().trim_end_matches(".npy").to_string();
            let mut body = vec![];
            let limit = most.saturating_sub(held) + 1;
            (&mut member)
                .take(limit)
                .read_to_end(&mut body)
                .map_err(|e| broken(format!("array {name:?}: {e}")))?;
            held += body.len() as u64;
            if held > most {
                return Err(Failure::new("the .npz file unpacks to far more than its own size")
                    .expected(format!("at most {most} bytes for a file of {}", bytes.len()))
                    .help(
                        "save the arrays without compression: numpy.savez instead of numpy.savez_compressed",
                    ));
            }
            match npy::read(&body) {
                Ok(array) => data.arrays.push((Some(name), array)),
                Err(f) => data.unreadable.push((name.clone(), f.at(data.place(Some(&name))))),
            }
        }
        match data.unreadable.first() {
            _ if !data.arrays.is_empty() => Ok(data),
            Some((_, f)) => Err(f.clone()),
            None => Err(broken("it holds no arrays".into())),
        }
    }

    /// The array of that name.
    pub fn take(&self, name: &str) -> Result<Array> {
        if let Some((_, a)) = self.arrays.iter().find(|(n, _)| n.as_deref() == Some(name)) {
            return Ok(a.clone());
        }
        if let Some((_, f)) = self.unreadable.iter().find(|(n, _)| n == name) {
            return Err(f.clone());
        }
        Err(Failure::new(format!("there is no array {name:?} in the file"))
            .found(self.list())
            .in_file(&self.path))
    }

    /// The arrays' names with dtypes and shapes, for messages.
    pub fn list(&self) -> String {
        let one = |(n, a): &(Option<String>, Array)| {
            format!("{} {:?} of {}", n.as_deref().unwrap_or("one array"), a.shape, a.numbers.dtype())
        };
        self.arrays.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    /// Where an array stands, for messages.
    pub fn place(&self, name: Option<&str>) -> String {
        match name {
            Some(n) => format!("array {n:?} of {}", self.path.display()),
            None => self.path.display().to_string(),
        }
    }
}

/// `images.npz:x` is the array `x` of `images.npz`, unless a file of that very name exists.
fn split_member(path: &Path) -> (PathBuf, Option<String>) {
    let whole = (path.to_path_buf(), None);
    let Some(text) = path.to_str().filter(|_| !path.exists()) else { return whole };
    match text.rsplit_once(':') {
        Some((file, name)) if file.ends_with(".npz") => (file.into(), Some(name.into())),
        _ => whole,
    }
}
