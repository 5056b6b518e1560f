//! Reading and writing the files of the command.
//!
//! Invariants: an output is written whole or not at all, to a new file of a random name beside it that is renamed; never in the
//! place of anything but a regular file, never in that of a file which this process has read, and not when one of those
//! changed meanwhile. Nothing is read without a limit, and no device at all.
use crate::failure::{Failure, Result};
use memmap2::{Mmap, MmapMut};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tessera_api::{Bytes, Container, FileKind};
use tessera_verify::files::{limited, open};

/// The largest file of any kind that is read into memory.
const MOST: u64 = 4 << 30;
/// Files of up to this size are read, larger ones mapped.
const SMALL: u64 = 16 << 20;

/// A file that this process has read. It is kept open, so that the number it is known by stays its own.
struct Input {
    file: File,
    path: PathBuf,
    /// Length and time of the last change, of a file whose bytes are still in use where they lie.
    mapped: Option<(u64, SystemTime)>,
}

impl Input {
    fn unchanged(&self) -> Result<()> {
        let Some(mapped) = self.mapped else { return Ok(()) };
        let now = self.file.metadata().map_err(|e| Failure::io("read", &self.path, &e))?;
        if state(&now) == Some(mapped) {
            return Ok(());
        }
        Err(Failure::machine(format!("{} was changed while it was in use", self.path.display()))
            .help("run the command again, on files that nobody writes to"))
    }
}

fn inputs() -> MutexGuard<'static, Vec<Input>> {
    static INPUTS: Mutex<Vec<Input>> = Mutex::new(vec![]);
    INPUTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn state(about: &Metadata) -> Option<(u64, SystemTime)> {
    about.modified().ok().map(|time| (about.len(), time))
}

/// Remembers that this process has read a file: none of its outputs takes its place.
pub fn remember(path: &Path) {
    // what cannot be opened is an error of whoever reads it
    if let Ok((file, _)) = open(path) {
        inputs().push(Input { file, path: path.into(), mapped: None });
    }
}

/// Forgets what was read, for a process that does one thing after the other: what one has read the next may write.
pub fn forget() {
    inputs().clear();
}

/// Errs when a file that is in use where it lies is not what it was: what was made of it may be wrong.
pub fn unchanged() -> Result<()> {
    inputs().iter().try_for_each(Input::unchanged)
}

/// The bytes of a file of ours, which is remembered: read if they are few, mapped into memory otherwise, so that only what is used is ever
/// read.
pub fn map(path: &Path) -> Result<Bytes> {
    let Mapped { bytes, input } = Mapped::open(path)?;
    inputs().push(input);
    Ok(bytes)
}

/// A file of ours where it lies, as [`map`] has it, for a process that lives longer than the file may stay what it is.
pub struct Mapped {
    bytes: Bytes,
    input: Input,
}

impl Mapped {
    /// Maps a file, or reads a small one.
    pub fn open(path: &Path) -> Result<Mapped> {
        let failed = |e: std::io::Error| Failure::io("read", path, &e);
        let (mut file, about) = open(path)?;
        if !about.is_file() || about.len() == 0 {
            let (file, bytes) = limited(path, MOST, None)?;
            return Ok(Mapped {
                bytes: bytes.into(),
                input: Input { file, path: path.into(), mapped: None },
            });
        }
        if about.len() <= SMALL {
            // as aligned as a mapped file, so that columns are used where they lie
            let mut memory = MmapMut::map_anon(about.len() as usize).map_err(failed)?;
            file.read_exact(&mut memory).map_err(failed)?;
            let bytes = Bytes::from_owner(memory.make_read_only().map_err(failed)?);
            return Ok(Mapped { bytes, input: Input { file, path: path.into(), mapped: None } });
        }
        // SAFETY: the mapping is read only, and our own files are replaced, never changed in place. Sections are hashed as they
        // are read, `unchanged` looks again before anything that was made of them is given away, and a file that is cut short
        // meanwhile ends the process, the command with a message.
        let mapped = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let input = Input { file, path: path.into(), mapped: state(&about) };
        Ok(Mapped { bytes: Bytes::from_owner(mapped), input })
    }

    /// What the file holds.
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Errs when the file is not what it was: what was made of it may be wrong. One that was replaced by another is what it was.
    pub fn unchanged(&self) -> Result<()> {
        self.input.unchanged()
    }
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    read_limited(path, MOST, None)
}

/// Reads a file of this kind that is not larger than such a file can be. Of anything else, the first bytes only.
pub fn read_ours(path: &Path, kind: FileKind, most: u64) -> Result<Vec<u8>> {
    read_limited(path, most, Some(kind))
}

fn read_limited(path: &Path, most: u64, kind: Option<FileKind>) -> Result<Vec<u8>> {
    let (file, bytes) = limited(path, most, kind)?;
    inputs().push(Input { file, path: path.into(), mapped: None });
    Ok(bytes)
}

/// Errs where a file cannot be written, before the work that makes it: its directory does not exist, something else than a
/// regular file is there, or what the command has read.
pub fn check_output(path: &Path) -> Result<()> {
    if path.file_name().is_none() {
        return Err(Failure::new(format!("{} is not a file name to write to", path.display())));
    }
    if !directory(path).is_dir() {
        return Err(Failure::new(format!("cannot write {}: its directory does not exist", path.display())));
    }
    let there = match std::fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Failure::io("write", path, &e)),
    };
    let refused = |why: String| Err(Failure::new(format!("cannot write {}: {why}", path.display())));
    if !there.is_file() {
        let kind = there.file_type();
        let what = match () {
            () if kind.is_symlink() => "a symbolic link",
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a pipe",
            () => "no regular file",
        };
        return refused(format!("it is {what}"))
            .map_err(|f: Failure| f.help("give the name of a new file, or of a regular one"));
    }
    let same = |i: &&Input| i.file.metadata().is_ok_and(|m| (m.dev(), m.ino()) == (there.dev(), there.ino()));
    match inputs().iter().find(same) {
        Some(i) => refused(format!("this command reads it, as {}", i.path.display()))
            .map_err(|f: Failure| f.help("give the output another name")),
        None => Ok(()),
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_by(path, |file| file.write_all(bytes))
}

/// Writes one of our files, body by body. Returns its length.
pub fn write_container(path: &Path, container: &Container) -> Result<u64> {
    write_by(path, |file| container.write_to(file))
}

fn write_by<T>(path: &Path, f: impl FnOnce(&mut Piecewise) -> std::io::Result<T>) -> Result<T> {
    check_output(path)?;
    unchanged()?;
    let failed = |e: std::io::Error| Failure::io("write", path, &e);
    // a name has 255 bytes at most, and this one has some more
    const MOST: usize = 200;
    let name = path.file_name().unwrap_or_default().as_bytes();
    let mut prefix = OsStr::from_bytes(&name[..name.len().min(MOST)]).to_os_string();
    prefix.push(".");
    // created exclusively; removed when anything below fails
    let mut part = {
        let mut parts = parts();
        let part = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory(path))
            .map_err(failed)?;
        parts.insert(part.path().into());
        part
    };
    let _written = Written(part.path().into());
    let done = f(&mut Piecewise(part.as_file_mut())).map_err(failed)?;
    part.as_file().sync_all().map_err(failed)?;
    unchanged()?;
    check_output(path)?;
    tessera_cancel::point();
    part.persist(path).map_err(|e| failed(e.error))?;
    // the name is on the disk too; not every file system can say so
    if let Ok(dir) = File::open(directory(path)) {
        let _ = dir.sync_all();
    }
    Ok(done)
}

/// A file that is written a piece at a time, so that writing much can be ended.
struct Piecewise<'a>(&'a mut File);

impl Write for Piecewise<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        const PIECE: usize = 16 << 20;
        tessera_cancel::point();
        self.0.write(&bytes[..bytes.len().min(PIECE)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Files that are being written, under the names that they have until they are whole.
static PARTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn parts() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    PARTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is being written until this is dropped.
struct Written(PathBuf);

impl Drop for Written {
    fn drop(&mut self) {
        parts().remove(&self.0);
    }
}

/// Removes what other threads are writing and lets them begin nothing new, in a process that is about to end.
pub fn abandon() {
    let parts = parts();
    // whatever cannot be removed stays under a name that nobody reads
    parts.iter().for_each(|part| drop(std::fs::remove_file(part)));
    std::mem::forget(parts);
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
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode();
        let plain = dir.path().join("plain");
        std::fs::write(&plain, b"").unwrap();
        assert_eq!(mode(&path), mode(&plain), "as any file that this user makes");
        assert_eq!(beside(&path, "vk"), dir.path().join("a.vk"));
    }

    #[test]
    fn outputs_take_the_place_of_regular_files_that_were_not_read_and_of_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("read"), b"read").unwrap();
        std::fs::write(at("other"), b"other").unwrap();
        std::fs::hard_link(at("read"), at("hard")).unwrap();
        std::os::unix::fs::symlink(at("other"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        let pipe = std::ffi::CString::new(at("pipe").to_str().unwrap()).unwrap();
        // SAFETY: the path is a string that ends with a zero.
        assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
        assert_eq!(read(&at("read")).unwrap(), b"read");
        for name in ["read", "./read", "hard", "link", "dangling", "pipe", "."] {
            let e = write(&at(name), b"new").unwrap_err();
            assert_eq!(e.code, crate::failure::USE, "{name}: {e}");
        }
        assert!(write(Path::new("/dev/null"), b"new").is_err());
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        write(&at("other"), b"new").unwrap();
        assert_eq!(std::fs::read(at("read")).unwrap(), b"read");
        // a name as long as names may be
        write(&at(&"n".repeat(255)), b"new").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 7);
    }

    #[test]
    fn nothing_is_written_that_was_made_of_a_file_which_changed() {
        let dir = tempfile::tempdir().unwrap();
        let (large, small, out) =
            (dir.path().join("large"), dir.path().join("small"), dir.path().join("out"));
        std::fs::write(&large, vec![1; SMALL as usize + 1]).unwrap();
        std::fs::write(&small, b"small").unwrap();
        let (mapped, copy) = (map(&large).unwrap(), map(&small).unwrap());
        // the place of a file is not the file
        write(&dir.path().join("x"), b"x").unwrap();
        std::fs::rename(dir.path().join("x"), &small).unwrap();
        std::fs::write(&small, b"other").unwrap();
        assert_eq!(&copy[..], b"small");
        write(&out, b"one").unwrap();
        let file = File::options().write(true).open(&large).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(write(&out, b"two").unwrap_err().code, crate::failure::MACHINE);
        assert_eq!((std::fs::read(&out).unwrap(), mapped[0]), (b"one".to_vec(), 1));
        inputs().retain(|i| i.path != large);
    }

    #[test]
    fn what_never_ends_is_not_read() {
        for path in ["/dev/zero", "/dev/urandom"].map(Path::new) {
            for read in [read(path), read_ours(path, FileKind::Proof, 1 << 20), map(path).map(|b| b.to_vec())]
            {
                assert!(read.unwrap_err().to_string().contains("device"));
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(6 << 30).unwrap();
        assert!(read(&path).is_err() && read_ours(&path, FileKind::Proof, 1 << 20).is_err());
        let head = Container::new(FileKind::Proof, Default::default()).to_bytes();
        File::options().write(true).open(&path).unwrap().write_all(&head).unwrap();
        let e = read_ours(&path, FileKind::Proof, 1 << 20).unwrap_err().to_string();
        assert!(e.contains("at most 1048576 bytes, the most of any proof"), "{e}");
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
