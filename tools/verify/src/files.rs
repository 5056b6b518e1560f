//! Reading files of others.
//!
//! Invariant: nothing is read without a limit, and no device at all; of a file of another kind than the one asked for, the first
//! bytes only.
use crate::error::{Error, Result};
use crate::key::{ProofFile, VERIFYING_KEY_AT_MOST, VerifyingKey};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use tessera_api::{FileError, FileKind, container::HEAD, container::kind_of};

/// Reads a verifying key.
pub fn verifying_key(path: &Path) -> Result<VerifyingKey> {
    let (_, bytes) = limited(path, VERIFYING_KEY_AT_MOST, Some(FileKind::VerifyingKey))?;
    VerifyingKey::from_bytes(&bytes).map_err(|e| e.in_file(path))
}

/// Reads a proof for a key. Errs, as rejected, when it is a proof for another one.
pub fn proof(path: &Path, key: &VerifyingKey) -> Result<ProofFile> {
    let (_, bytes) = limited(path, key.proof_bytes_at_most(), Some(FileKind::Proof))?;
    ProofFile::from_bytes(&bytes, key).map_err(|e| e.in_file(path))
}

/// The key that a certificate of `key` leads to.
pub fn certificate(path: &Path, key: &VerifyingKey) -> Result<VerifyingKey> {
    let (_, bytes) = limited(path, key.certificate_bytes_at_most(), Some(FileKind::Certificate))?;
    key.next(&bytes).map_err(|e| e.in_file(path))
}

/// Opens a file to read it, unless it is something that never ends.
pub fn open(path: &Path) -> Result<(File, Metadata)> {
    let failed = |e: std::io::Error| Error::io("read", path, &e);
    let about = std::fs::metadata(path).map_err(failed)?;
    if is_device(&about) {
        return Err(Error::new(format!("cannot read {}: it is a device, not a file", path.display())));
    }
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    Ok((file, about))
}

#[cfg(unix)]
fn is_device(about: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = about.file_type();
    kind.is_char_device() || kind.is_block_device()
}

#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
}

/// The bytes of a file of at most so many, which is of this kind, if one is asked for; and the file, still open.
pub fn limited(path: &Path, most: u64, kind: Option<FileKind>) -> Result<(File, Vec<u8>)> {
    let failed = |e: std::io::Error| Error::io("read", path, &e);
    let (mut file, about) = open(path)?;
    let mut bytes = Vec::with_capacity(about.len().min(most) as usize);
    if let Some(expected) = kind {
        Read::take(&mut file, HEAD as u64).read_to_end(&mut bytes).map_err(failed)?;
        let found = kind_of(&bytes).map_err(|e| Error::from(e).in_file(path))?;
        if found != expected {
            return Err(Error::from(FileError::Kind { expected, found }).in_file(path));
        }
    }
    let large = |found: String| {
        let what = match kind {
            None => "a file that is read into memory".into(),
            Some(FileKind::Proof) => "any proof for this key".into(),
            Some(kind) => format!("any {kind}"),
        };
        Error::new(format!("{} is too large", path.display()))
            .expected(format!("at most {most} bytes, the most of {what}"))
            .found(found)
    };
    if about.is_file() && about.len() > most {
        return Err(large(format!("{} bytes", about.len())));
    }
    let rest = most + 1 - bytes.len() as u64;
    Read::take(&mut file, rest).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(large("more".into()));
    }
    Ok((file, bytes))
}
