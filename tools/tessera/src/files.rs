//! Reading and writing the files of the command: whole, or not at all.
use crate::failure::{Failure, Result};
use memmap2::Mmap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use tessera_api::{Bytes, Container};

/// Maps a file into memory: what is used of it is read when it is used.
///
/// The bytes change if somebody writes into the file meanwhile; [`write`] never does, it puts a new file in its place.
pub fn map(path: &Path) -> Result<Bytes> {
    let failed = |e: std::io::Error| Failure::io("read", path, &e);
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    // nothing can be mapped of an empty file, nor of what is no file
    if about.len() == 0 || !about.is_file() {
        return read(path).map(Bytes::from);
    }
    // SAFETY: the mapping is read only, and our own files are replaced, never changed in place. Every section is hashed as it
    // is read; a program that truncates the file meanwhile ends this one, as with any mapped file.
    let mapped = unsafe { Mmap::map(&file) }.map_err(failed)?;
    Ok(Bytes::from_owner(mapped))
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Failure::io("read", path, &e))
}

/// Writes a file under another name and renames it, so that nobody ever sees half of it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_by(path, |file| file.write_all(bytes))
}

/// The same for one of our files, body by body. Returns its length.
pub fn write_container(path: &Path, container: &Container) -> Result<u64> {
    write_by(path, |file| container.write_to(file))
}

fn write_by<T>(path: &Path, f: impl FnOnce(&mut File) -> std::io::Result<T>) -> Result<T> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    if name.is_empty() {
        return Err(Failure::new(format!("{} is not a file name to write to", path.display())));
    }
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = File::create(&part).and_then(|mut file| f(&mut file));
    written.and_then(|done| std::fs::rename(&part, path).map(|()| done)).map_err(|e| {
        let _ = std::fs::remove_file(&part);
        let f = Failure::io("write", path, &e);
        match e.kind() {
            std::io::ErrorKind::NotFound => {
                Failure::new(format!("cannot write {}: its directory does not exist", path.display()))
            }
            _ => f,
        }
    })
}

/// The same file with another extension: `model.tess` and `model.vk` stand side by side.
pub fn beside(path: &Path, extension: &str) -> PathBuf {
    path.with_extension(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_nothing_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tess");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(map(&path).unwrap(), read(&path).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(beside(&path, "vk"), dir.path().join("a.vk"));
    }

    #[test]
    fn a_missing_directory_or_file_is_named() {
        let gone = Path::new("/nonexistent/a.tess");
        let texts = [
            write(gone, b"").unwrap_err().to_string(),
            read(gone).unwrap_err().to_string(),
            map(gone).unwrap_err().to_string(),
            map(Path::new("/")).unwrap_err().to_string(),
            write(Path::new("/"), b"").unwrap_err().to_string(),
        ];
        insta::assert_snapshot!(texts.join("\n\n"));
    }
}
