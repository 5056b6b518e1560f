//! Parameters: weights and biases, which stay out of the IR in a safetensors file.
//!
//! A module names its parameters by the attribute `tessera.params = "file.safetensors"`. The name is looked up among
//! the parameters registered in this process first, then as a file in the folders of [`look_in`], then relative to the
//! current folder.
//!
//! Invariants:
//! - A [`Param`] has as many values as its shape has elements; every reader checks it.
//! - Registered parameters do not change: a pass that makes new ones registers them under a new name.

mod data;

pub use data::{Number, ParamData, Values};

use crate::{
    Error, Result, attrs, func, shape,
    types::{self, Elem},
};
use bytes::Bytes;
use melior::ir::{OperationRef, attribute::StringAttribute, operation::OperationLike};
use safetensors::{Dtype, SafeTensors, tensor::View};
use std::{
    borrow::Cow,
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// The module attribute that names the parameters.
pub const ATTRIBUTE: &str = "tessera.params";

/// One parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub data: ParamData,
    hash: OnceLock<[u8; 32]>,
}

impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        (&self.shape, &self.data) == (&other.shape, &other.data)
    }
}

impl Param {
    /// A parameter.
    ///
    /// # Errors
    /// When there are more or fewer values than elements.
    pub fn new(shape: impl Into<Vec<usize>>, data: ParamData) -> Result<Self> {
        let shape = shape.into();
        let expected = shape::elements(&shape)?;
        if data.len() != expected {
            return Err(Error::new(format!(
                "a parameter of {} has {expected} elements, found {} values",
                shape::show(&shape),
                data.len()
            )));
        }
        Ok(Self { shape, data, hash: OnceLock::new() })
    }

    /// The BLAKE3 hash of shape, element type and values, computed once.
    pub fn hash(&self) -> [u8; 32] {
        *self.hash.get_or_init(|| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(format!("{:?} {} ", self.shape, self.data.kind()).as_bytes());
            hasher.update(self.data.bytes());
            *hasher.finalize().as_bytes()
        })
    }
}

/// Parameters by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(pub BTreeMap<String, Arc<Param>>);

impl Params {
    /// A parameter.
    ///
    /// # Errors
    /// When there is none of that name; the message says which there are.
    pub fn get(&self, name: &str) -> Result<&Param> {
        self.shared(name).map(|param| &**param)
    }

    /// A parameter to be kept.
    ///
    /// # Errors
    /// As [`Params::get`].
    pub fn shared(&self, name: &str) -> Result<&Arc<Param>> {
        self.0.get(name).ok_or_else(|| {
            let mut known = self.0.keys().take(8).cloned().collect::<Vec<_>>().join(", ");
            if self.0.len() > 8 {
                known.push_str(", ...");
            }
            Error::new(format!("no parameter {name:?} among the {} parameters ({known})", self.0.len()))
        })
    }

    /// Adds a parameter, or replaces the one of that name.
    pub fn insert(&mut self, name: impl Into<String>, param: impl Into<Arc<Param>>) {
        self.0.insert(name.into(), param.into());
    }

    /// The contents of a safetensors file, one part after the other: its head, then the values where they lie.
    ///
    /// # Errors
    /// When a parameter's length does not match its shape.
    pub fn parts(&self) -> Result<Vec<Bytes>> {
        let parts = RefCell::new(vec![]);
        let views = self.0.iter().map(|(name, param)| (name, Part { param, parts: &parts }));
        let head = safetensors::serialize(views, &None).map_err(|error| Error::new(error.to_string()))?;
        Ok(std::iter::once(head.into()).chain(parts.into_inner()).collect())
    }

    /// The contents of a safetensors file.
    ///
    /// # Errors
    /// As [`Params::parts`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.parts()?.concat())
    }

    /// Reads the contents of a safetensors file.
    ///
    /// # Errors
    /// When it is not one, or has values of another type than F32, I8, I16, I32 and I64.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_shared(&Bytes::copy_from_slice(bytes))
    }

    /// As [`Params::from_bytes`]; values stay where they lie.
    ///
    /// # Errors
    /// As [`Params::from_bytes`].
    pub fn from_shared(bytes: &Bytes) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| Error::new(format!("not a safetensors file: {error}")))?;
        let mut params = Self::default();
        for (name, view) in file.iter() {
            let param = ParamData::from_bytes(view.dtype(), bytes.slice_ref(view.data()))
                .and_then(|data| Param::new(view.shape(), data))
                .map_err(|error| error.context(format!("parameter {name:?}")))?;
            params.insert(name, param);
        }
        Ok(params)
    }

    /// Writes a safetensors file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        fs::write(path, self.to_bytes()?)
            .map_err(|error| Error::new(format!("cannot write {}: {error}", path.display())))
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// When the file cannot be read or is not one.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes =
            fs::read(path).map_err(|error| Error::new(format!("cannot read {}: {error}", path.display())))?;
        Self::from_shared(&bytes.into()).map_err(|error| error.context(path.display()))
    }
}

/// A parameter as safetensors writes it. It asks for the bytes of one after the other, behind the head: they are kept in that
/// order and not copied.
struct Part<'a> {
    param: &'a Param,
    parts: &'a RefCell<Vec<Bytes>>,
}

impl View for Part<'_> {
    fn dtype(&self) -> Dtype {
        self.param.data.dtype()
    }

    fn shape(&self) -> &[usize] {
        &self.param.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.parts.borrow_mut().push(self.param.data.bytes().clone());
        Cow::Borrowed(&[])
    }

    fn data_len(&self) -> usize {
        self.param.data.bytes().len()
    }
}

static REGISTERED: Mutex<BTreeMap<String, Arc<Params>>> = Mutex::new(BTreeMap::new());

/// Registers parameters in this process under a name.
pub fn put(name: impl Into<String>, params: Params) -> Arc<Params> {
    let params = Arc::new(params);
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), params.clone());
    params
}

static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(vec![]);

/// Looks for parameter files in this folder from now on: that of a file of IR, beside which its parameters lie.
pub fn look_in(folder: impl Into<PathBuf>) {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).push(folder.into());
}

/// Parameters by name: registered ones, else those of the file.
///
/// # Errors
/// When nothing is registered under the name and there is no such safetensors file.
pub fn get(name: &str) -> Result<Arc<Params>> {
    if let Some(params) = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Ok(params.clone());
    }
    let folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let path = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    let found = path.is_some();
    Params::load(&path.unwrap_or_else(|| name.into())).map(Arc::new).map_err(|error| {
        if found { error } else { error.note("it is looked for beside the IR, then in the current folder") }
    })
}

/// Makes a module use these parameters, registered under a name made from `stem` and their content: `lenet` and `circuit`
/// give `lenet.circuit-00112233aabbccdd.safetensors`. So two modules of one process cannot read each other's, and the same
/// pass on the same module prints the same text. `kind` replaces an earlier name of its kind.
///
/// # Errors
/// When the parameters cannot be written as a file.
pub fn publish(module: OperationRef, kind: &str, params: Params) -> Result<()> {
    let name = name_of(module).unwrap_or_default();
    let name = name.strip_suffix(".safetensors").unwrap_or(&name);
    let stem = name.split(&format!(".{kind}-")).next().filter(|stem| !stem.is_empty()).unwrap_or("model");
    let mut hasher = blake3::Hasher::new();
    for (name, param) in &params.0 {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&param.hash());
    }
    let hash = hasher.finalize().to_hex();
    let name = format!("{stem}.{kind}-{}.safetensors", &hash[..16]);
    put(name.as_str(), params);
    attach(module, &name);
    Ok(())
}

/// The names under which parameters are registered in this process.
pub fn registered() -> Vec<String> {
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
}

/// Forgets registered parameters.
pub fn forget(name: &str) {
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
}

/// Makes a module name its parameters.
pub fn attach(module: OperationRef, name: &str) {
    attrs::set(module, ATTRIBUTE, attrs::string(crate::context_of(module.location()), name));
}

/// The name of a module's parameters.
pub fn name_of(module: OperationRef) -> Option<String> {
    attrs::text_of(StringAttribute::try_from(module.attribute(ATTRIBUTE).ok()?).ok()?)
}

/// The parameters of a module; none when it declares none.
///
/// # Errors
/// When the module declares parameters and they cannot be found.
pub fn of(module: OperationRef) -> Result<Arc<Params>> {
    match name_of(module) {
        Some(name) => get(&name).map_err(|error| error.or_at(module.location())),
        None if func::globals(module)?.is_empty() => Ok(Arc::default()),
        None => Err(Error::at(
            module.location(),
            format!(
                "the module declares parameters, but no attribute '{ATTRIBUTE}' says where their values are"
            ),
        )),
    }
}

/// Checks that every declared parameter has values of its shape and element type.
///
/// # Errors
/// Every parameter that does not.
pub fn check(module: OperationRef) -> Result<()> {
    let params = of(module)?;
    let mut errors = vec![];
    for (name, ty) in func::globals(module)? {
        let checked = params.get(&name).and_then(|param| {
            let expected = types::read(ty)?;
            let kind: Cow<str> = match &expected.elem {
                Elem::F32 => "f32".into(),
                Elem::Int(bits) => format!("i{bits}").into(),
                Elem::Quant(quant) => format!("i{}", quant.bits).into(),
            };
            if param.shape != expected.shape || param.data.kind() != kind {
                return Err(Error::new(format!(
                    "parameter {name:?}: expected {} values of {kind}, found {} of {}",
                    shape::show(&expected.shape),
                    shape::show(&param.shape),
                    param.data.kind()
                )));
            }
            Ok(())
        });
        errors.extend(checked.err());
    }
    Error::all(errors).map_err(|error| error.or_at(module.location()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Params {
        let mut params = Params::default();
        params.insert("w", Param::new([2, 3], ParamData::I8(vec![1, -2, 3, -4, 5, -127].into())).unwrap());
        params.insert("b", Param::new([2], ParamData::I32(vec![i32::MIN, 7].into())).unwrap());
        params.insert("f", Param::new([1, 2], ParamData::F32(vec![0.5, f32::MIN_POSITIVE].into())).unwrap());
        params.insert("k", Param::new([], ParamData::I64(vec![i64::MAX].into())).unwrap());
        params
    }

    #[test]
    fn the_hash_tells_shape_type_and_values() {
        let hash = |shape: &[usize], data| Param::new(shape, data).unwrap().hash();
        let all = [
            hash(&[2, 1], ParamData::I8(vec![1, 2].into())),
            hash(&[1, 2], ParamData::I8(vec![1, 2].into())),
            hash(&[2, 1], ParamData::I8(vec![1, 3].into())),
            hash(&[2, 1], ParamData::I16(vec![1, 2].into())),
        ];
        assert!((0..4).all(|i| (0..i).all(|j| all[i] != all[j])));
        assert_eq!(all[0], hash(&[2, 1], ParamData::I8(vec![1, 2].into())));
    }

    #[test]
    fn survive_a_file() {
        let params = sample();
        assert_eq!(Params::from_bytes(&params.to_bytes().unwrap()).unwrap(), params);
    }

    #[test]
    fn damaged_files_are_errors() {
        let bytes = sample().to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(Params::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
        let mut wide = bytes.clone();
        wide[0..8].fill(255);
        assert!(Params::from_bytes(&wide).is_err());
    }

    #[test]
    fn lengths_and_names_are_checked() {
        assert!(Param::new([2, 2], ParamData::I8(vec![1].into())).is_err());
        let error = sample().get("x").unwrap_err().to_string();
        assert!(error.contains("\"x\"") && error.contains("b, f, k, w"), "{error}");
    }
}
