//! Openings: the files of who may know what a root was made of.
//!
//! A `.opening` holds the integers of a tensor and the salt that they were hashed with, and belongs to their root. The owner of an input makes
//! one and gives it to the prover; a prover makes one of each committed output, for whoever proves with it next.
//!
//! Invariant: an opening that was read is of the root that its file names, and of integers in the range that it states.
use crate::failure::{Failure, Result};
use crate::files;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tessera_api::commitment::{self, Root, SALT};
use tessera_api::field::is_balanced;
use tessera_api::{Container, FileError, FileKind, Program};
use tessera_verify::commitments::Tensor;
use tessera_verify::metadata::Port;

/// What a root was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// What the integers are.
    pub tensor: Tensor,
    /// How many inferences count; the rest only fills the batch.
    pub used: usize,
    salt: [i64; SALT],
    /// All of them, one inference after the other.
    pub values: Vec<i64>,
}

/// The salt of a tensor that a proof commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salt {
    /// Index into the statement.
    pub public: usize,
    /// The salt.
    pub salt: [i64; SALT],
    /// Whether it is a new one: then the opening is written beside the proof.
    pub new: bool,
}

/// A new salt, for a tensor of these values or one that follows from them.
pub fn salt(values: &[i64]) -> Result<[i64; SALT]> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)
        .map_err(|e| Failure::machine(format!("no entropy from the operating system: {e}")))?;
    Ok(commitment::salt(&entropy, values))
}

impl Opening {
    /// Of integers of which so many inferences count.
    pub fn new(tensor: Tensor, (values, used): (Vec<i64>, usize), salt: [i64; SALT]) -> Opening {
        Opening { tensor, used, salt, values }
    }

    /// By which others know it.
    pub fn root(&self) -> Root {
        commitment::root_of(&commitment::cells(&self.salt, &self.values)).unwrap_or_default()
    }

    /// The salt, for a proof of this input.
    pub fn salt(&self, public: usize) -> Salt {
        Salt { public, salt: self.salt, new: false }
    }

    /// The file.
    pub fn container(&self) -> Container {
        let mut file = Container::new(FileKind::Opening, self.root().digest());
        file.put("opening", self);
        file
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<()> {
        files::write_container(path, &self.container()).map(drop)
    }

    /// Reads an opening of a tensor that a model takes as it is.
    ///
    /// # Errors
    /// Where the file is damaged, or of another tensor.
    pub fn read(path: &Path, (port, wanted): (&Port, &Tensor)) -> Result<Opening> {
        // a value is at most ten bytes long
        let most = ((wanted.batch * port.len()) as u64).saturating_mul(10).saturating_add(1 << 12);
        files::read_ours(path, FileKind::Opening, most)
            .and_then(|bytes| Opening::from_bytes(&bytes))
            .and_then(|opening| opening.fits(port, wanted).map(|()| opening))
            .map_err(|f| f.in_file(path))
    }

    /// Errs unless it is of a tensor that a model takes as it is.
    pub fn fits(&self, port: &Port, wanted: &Tensor) -> Result<()> {
        self.tensor.is(wanted).map_err(|why| {
            Failure::new(format!("this is no opening of the input {:?}", port.name))
                .expected("the shape, scale and range that the model takes")
                .found(why)
                .help("make it with: tessera commit --key MODEL.vk --input DATA -o FILE")
        })
    }

    /// Reads a file's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Opening> {
        let mut file = Container::from_bytes(bytes, FileKind::Opening)?;
        let opening: Opening = file.take("opening")?;
        let damaged = |why: &str| Failure::from(FileError::Damaged(format!("section \"opening\": {why}")));
        let t = &opening.tensor;
        let count = t.shape.iter().try_fold(t.batch, |n, d| n.checked_mul(*d));
        if count != Some(opening.values.len()) || !(1..=t.batch).contains(&opening.used) {
            return Err(damaged("it is of another number of values"));
        }
        if !opening.values.iter().all(|x| (t.min..=t.max).contains(x))
            || !opening.salt.iter().all(|x| is_balanced(*x))
        {
            return Err(damaged("a value lies outside the range"));
        }
        if opening.root().digest() != file.parent {
            return Err(damaged("it is not what its root was made of"));
        }
        Ok(opening)
    }
}

/// Which tensors of a statement are committed to.
pub fn committed(program: &Program) -> impl Iterator<Item = usize> + '_ {
    let all = program.publics.iter().enumerate();
    all.filter(|(_, p)| p.role.is_committed()).map(|(i, _)| i)
}

/// Where the openings of tensors of these names are, beside a proof.
pub fn beside(proof: &Path, names: &[&str]) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = vec![];
    for (i, name) in names.iter().enumerate() {
        let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' };
        let name: String = name.chars().take(64).map(plain).collect();
        let path = proof.with_extension(format!("{name}.opening"));
        let path =
            if all.contains(&path) { proof.with_extension(format!("{name}.{i}.opening")) } else { path };
        all.push(path);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> (Opening, Port) {
        let m = crate::model::tests::tiny().metadata;
        let port = m.inputs[0].clone();
        let salt = salt(&[1]).unwrap();
        (Opening::new(Tensor::of(&m, &port), ((0..8).collect(), 2), salt), port)
    }

    #[test]
    fn an_opening_is_read_as_it_was_written_and_not_where_anything_differs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.opening");
        let (opening, port) = some();
        let read = |opening: &Opening, wanted: &Tensor| {
            std::fs::write(&path, opening.container().to_bytes()).unwrap();
            Opening::read(&path, (&port, wanted))
        };
        assert_eq!(read(&opening, &opening.tensor).unwrap(), opening);
        let wrong: [(fn(&mut Opening), &str); 5] = [
            (|o| o.values[0] = 128, "outside the range"),
            (|o| o.values.push(0), "another number"),
            (|o| o.used = 3, "another number"),
            (|o| o.salt[0] = i64::MIN, "outside the range"),
            (|o| o.tensor.scale = 0.25, "scales differ"),
        ];
        for (change, why) in wrong {
            let mut other = opening.clone();
            change(&mut other);
            let refused = read(&other, &opening.tensor).unwrap_err().to_string();
            assert!(refused.contains(why) && refused.contains("x.opening"), "{refused}");
        }
        let mut file = opening.container();
        file.put("opening", &Opening { salt: [0; SALT], ..opening.clone() });
        std::fs::write(&path, file.to_bytes()).unwrap();
        let refused = Opening::read(&path, (&port, &opening.tensor)).unwrap_err().to_string();
        assert!(refused.contains("not what its root was made of"), "{refused}");
    }

    #[test]
    fn openings_beside_a_proof_have_names_of_their_own() {
        let paths = beside(Path::new("a/out.proof"), &["y", "../x", "___x"]);
        let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        assert_eq!(paths, ["a/out.y.opening", "a/out.___x.opening", "a/out.___x.2.opening"]);
    }
}
