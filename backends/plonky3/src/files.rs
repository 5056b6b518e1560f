//! Keys and proofs as files.
//!
//! Invariants: what is read is validated before it is handed out; an encoding that is not the one this crate writes is
//! refused, so a file cannot be changed without changing what it says; a file that belongs to something else is an error
//! that names both.
use crate::air::reshape::Limits;
use crate::keys::{Proof, ProvingKey, VerifyingKey, build};
use crate::security;
use serde::{Deserialize, Serialize};
use tessera_api::{Container, Digest, FileError, FileKind, Program};

/// Reads a section and insists on the canonical encoding.
fn strict<T: Serialize + for<'a> Deserialize<'a>>(c: &Container, section: &str) -> Result<T, FileError> {
    let value: T = c.get(section)?;
    let again = postcard::to_allocvec(&value).map_err(|e| FileError::Damaged(e.to_string()))?;
    if again != c.bytes(section)? {
        return Err(FileError::Damaged(format!("section {section:?} is not encoded canonically")));
    }
    Ok(value)
}

fn kind(c: &Container, expected: FileKind) -> Result<(), FileError> {
    if c.kind == expected { Ok(()) } else { Err(FileError::Kind { expected, found: c.kind }) }
}

impl VerifyingKey {
    /// As a file that belongs to the Program.
    pub fn to_container(&self) -> Container {
        let mut c = Container::new(FileKind::VerifyingKey, self.program);
        c.put("key", self);
        c
    }

    /// Reads and validates a key.
    pub fn from_container(c: &Container) -> Result<VerifyingKey, FileError> {
        kind(c, FileKind::VerifyingKey)?;
        let key: VerifyingKey = strict(c, "key")?;
        c.check_parent(key.program)?;
        key.air.validate().map_err(FileError::Damaged)?;
        security::check(&key.security, &key.air).map_err(FileError::Damaged)?;
        Ok(key)
    }
}

impl ProvingKey {
    /// As a file that belongs to the Program. Committed columns are not stored: making them again costs no more than
    /// reading them, since most of them are short descriptions expanded.
    pub fn to_container(&self) -> Container {
        let mut c = Container::new(FileKind::ProvingKey, self.vk.program);
        c.put("program", &self.program);
        c.put("key", &self.vk);
        c
    }

    /// Reads a key and commits to its fixed columns again.
    pub fn from_container(c: &Container) -> Result<ProvingKey, FileError> {
        kind(c, FileKind::ProvingKey)?;
        let program: Program = c.get("program")?;
        let vk: VerifyingKey = strict(c, "key")?;
        let digest = program.digest();
        c.check_parent(digest)?;
        let key = build(program, digest, Limits::default(), |air| {
            security::check(&vk.security, air)
                .map(|()| vk.security)
                .map_err(|reason| crate::unsupported(&reason))
        });
        let key = key.map_err(|e| FileError::Damaged(e.to_string()))?;
        if key.vk != vk {
            return Err(FileError::Damaged("its verifying part is not that of its model".into()));
        }
        Ok(key)
    }
}

impl Proof {
    /// As a file that belongs to a verifying key.
    pub fn to_container(&self, key: Digest) -> Container {
        let mut c = Container::new(FileKind::Proof, key);
        c.put("proof", self);
        c
    }

    /// Reads a proof for `key`. Its shape is compared with the key's when it is verified.
    pub fn from_container(c: &Container, key: &VerifyingKey) -> Result<Proof, FileError> {
        kind(c, FileKind::Proof)?;
        c.check_parent(key.digest())?;
        strict(c, "proof")
    }
}
