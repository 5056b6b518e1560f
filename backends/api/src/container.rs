//! The files a user sees: a magic, a format version, a kind, the digest of what the file belongs to, then sections.
//!
//! Layout (little endian): `TESSERA\0` · version u32 · kind u32 · parent digest 32 bytes · section count u32 ·
//! per section {name length u32, name, body length u64, BLAKE3 of the body} · BLAKE3 of everything before · bodies in
//! order, each behind zeros up to a multiple of [`ALIGNMENT`].
//!
//! A section is hashed when it is asked for, and bodies are shared, not copied: of a file that is mapped into memory only what
//! is used is ever read.
//!
//! Invariants: reading never panics and never allocates by a length that exceeds what the file holds; a checksum, kind or
//! version that is not expected is an error that names both; what a file says has one form: sections in the order of their
//! names, values in the encoding that this program writes.
use bytes::Bytes;
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// First bytes of every file.
pub const MAGIC: [u8; 8] = *b"TESSERA\0";
/// Format version.
pub const FORMAT: u32 = 5;
/// Bodies begin at multiples of this, so that numbers in them can be read in place.
pub const ALIGNMENT: usize = 64;
const MAX_SECTIONS: usize = 64;
/// Bytes up to which a section is always compared with its hash.
pub const HASHED: usize = 1 << 26;
/// Bytes of a file's head that say what it is.
pub const HEAD: usize = 16;

/// A BLAKE3 digest. `{}` shows its first 64 bits, for people who tell things apart; `{:#}` all of it, for who relies on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if f.alternate() { 32 } else { 8 };
        self.0[..shown].iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl std::str::FromStr for Digest {
    type Err = String;
    fn from_str(s: &str) -> Result<Digest, String> {
        let byte = |b: &[u8]| std::str::from_utf8(b).ok().and_then(|s| u8::from_str_radix(s, 16).ok());
        let digits = s.len() == 64 && s.bytes().all(|b| b.is_ascii_hexdigit());
        let bytes: Option<Vec<u8>> = s.as_bytes().chunks(2).map(byte).collect();
        let whole = bytes.filter(|_| digits).and_then(|b| b.try_into().ok());
        whole.map(Digest).ok_or_else(|| "expected a whole digest, of 64 hexadecimal digits".into())
    }
}

/// The digest of a value's canonical bytes (postcard).
pub fn digest_of<T: Serialize>(value: &T) -> Digest {
    struct Hash(blake3::Hasher);
    impl std::io::Write for Hash {
        fn write(&mut self, b: &[u8]) -> std::io::Result<usize> {
            self.0.update(b);
            Ok(b.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    // postcard writes byte by byte, a hasher wants blocks
    let mut h = std::io::BufWriter::with_capacity(1 << 16, Hash(blake3::Hasher::new()));
    // writing to a hasher cannot fail, and every type here has a postcard form
    postcard::to_io(value, &mut h).expect("plain data serializes");
    let h = h.into_inner().map_err(|e| e.into_error()).expect("a hasher takes every byte");
    Digest(*h.0.finalize().as_bytes())
}

fn hash(parts: &[impl AsRef<[u8]>]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_ref());
    }
    Digest(*hasher.finalize().as_bytes())
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A compiled model, `model.tess`.
    Model = 1,
    /// A proving key, `model.pk`.
    ProvingKey = 2,
    /// A verifying key, `model.vk`.
    VerifyingKey = 3,
    /// A proof, `*.proof`.
    Proof = 4,
    /// What a root was made of, `*.opening`.
    Opening = 5,
    /// That a newer key commits to the same weights, `*.cert`.
    Certificate = 6,
}

impl FileKind {
    /// All kinds.
    pub const ALL: [FileKind; 6] = [
        FileKind::Model,
        FileKind::ProvingKey,
        FileKind::VerifyingKey,
        FileKind::Proof,
        FileKind::Opening,
        FileKind::Certificate,
    ];

    fn from_u32(k: u32) -> Option<FileKind> {
        FileKind::ALL.into_iter().find(|x| *x as u32 == k)
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Model => "compiled model (.tess)",
            FileKind::ProvingKey => "proving key (.pk)",
            FileKind::VerifyingKey => "verifying key (.vk)",
            FileKind::Proof => "proof (.proof)",
            FileKind::Opening => "opening (.opening)",
            FileKind::Certificate => "certificate (.cert)",
        })
    }
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Not one of ours.
    #[error("not a Tessera file: it does not start with the magic bytes")]
    Magic,
    /// Another format version.
    #[error("format version {found}, but this program reads version {FORMAT}; compile the model again")]
    Version {
        /// Found in the file.
        found: u32,
    },
    /// Another kind of file.
    #[error("expected a {expected}, found a {found}")]
    Kind {
        /// Needed here.
        expected: FileKind,
        /// Found.
        found: FileKind,
    },
    /// Belongs to something else.
    #[error("this {kind} belongs to {found}, but {expected} is in use; make it again from the same model")]
    Parent {
        /// What the file is.
        kind: FileKind,
        /// Digest of what is in use.
        expected: Digest,
        /// Digest in the file.
        found: Digest,
    },
    /// Cut short, or lengths that do not add up.
    #[error("the file is damaged: {0}")]
    Damaged(String),
}

/// What a file is, from its first [`HEAD`] bytes.
///
/// # Errors
/// When it is none of ours, or of another version.
pub fn kind_of(head: &[u8]) -> Result<FileKind, FileError> {
    if head.get(..8) != Some(&MAGIC[..]) {
        return Err(FileError::Magic);
    }
    let number = |at: usize, what: &str| match head.get(at..at + 4) {
        Some(b) => Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        None => Err(FileError::Damaged(format!("it ends inside the {what}"))),
    };
    let found = number(8, "version")?;
    if found != FORMAT {
        return Err(FileError::Version { found });
    }
    let k = number(12, "kind")?;
    FileKind::from_u32(k).ok_or_else(|| FileError::Damaged(format!("unknown kind {k}")))
}

/// Takes these bytes, one after the other, and no others.
struct Same<'a>(&'a [u8]);

impl Flavor for Same<'_> {
    /// Whether they were all taken.
    type Output = bool;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        let (first, rest) = self.0.split_first().ok_or(postcard::Error::SerializeBufferFull)?;
        self.0 = rest;
        if *first == byte { Ok(()) } else { Err(postcard::Error::SerializeBufferFull) }
    }

    fn finalize(self) -> postcard::Result<bool> {
        Ok(self.0.is_empty())
    }
}

/// A file in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// What it is.
    pub kind: FileKind,
    /// Digest of what it belongs to: the Program for keys, the verifying key for proofs, all zero for models.
    pub parent: Digest,
    sections: BTreeMap<String, Section>,
}

/// A named body of a file.
#[derive(Clone, Debug)]
pub struct Section {
    /// The body, one part after the other.
    parts: Vec<Bytes>,
    /// BLAKE3 of the body: computed, or what the file says.
    hash: Digest,
}

impl<T: Into<Bytes>> From<T> for Section {
    fn from(body: T) -> Section {
        Section::of(vec![body.into()])
    }
}

impl PartialEq for Section {
    /// Equal bodies are equal, whatever their parts.
    fn eq(&self, other: &Section) -> bool {
        self.hash == other.hash && self.body() == other.body()
    }
}

impl Eq for Section {}

impl Section {
    /// A body of parts, which are shared until it is read.
    pub fn of(parts: Vec<Bytes>) -> Section {
        Section { hash: hash(&parts), parts }
    }

    /// The body, which nothing was compared with. It is copied where it has several parts: none has that was read from a file.
    pub fn body(&self) -> Bytes {
        match &self.parts[..] {
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }

    fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// The body, compared with its hash.
    pub fn bytes(&self) -> Result<Bytes, FileError> {
        if hash(&self.parts) == self.hash {
            Ok(self.body())
        } else {
            Err(FileError::Damaged(
                "the checksum of a section does not match; it was changed on the way".into(),
            ))
        }
    }
}

impl Container {
    /// An empty file.
    pub fn new(kind: FileKind, parent: Digest) -> Container {
        Container { kind, parent, sections: BTreeMap::new() }
    }

    /// Adds a section as it is, or replaces it.
    pub fn insert(&mut self, name: &str, section: impl Into<Section>) {
        self.sections.insert(name.into(), section.into());
    }

    /// Leaves a section out, if there is one of that name.
    pub fn remove(&mut self, name: &str) {
        self.sections.remove(name);
    }

    /// Adds a section as postcard.
    pub fn put<T: Serialize>(&mut self, name: &str, value: &T) {
        self.insert(name, postcard::to_allocvec(value).expect("plain data serializes"));
    }

    /// Reads a section written by [`Container::put`]; any other encoding of the value, longer numbers or trailing bytes, is an
    /// error: nobody can change a file without changing what it says.
    pub fn get<T: Serialize + for<'a> Deserialize<'a>>(&self, name: &str) -> Result<T, FileError> {
        let bytes = self.bytes(name)?;
        let value: T = match postcard::take_from_bytes(&bytes) {
            Ok((v, [])) => v,
            Ok(_) => return Err(FileError::Damaged(format!("section {name:?} has trailing bytes"))),
            // a length that is far too large is the one where addresses have 64 bits, the other in a browser
            Err(postcard::Error::DeserializeUnexpectedEnd | postcard::Error::DeserializeBadVarint) => {
                return Err(FileError::Damaged(format!("section {name:?} ends inside of a value")));
            }
            Err(e) => return Err(FileError::Damaged(format!("section {name:?}: {e}"))),
        };
        match postcard::serialize_with_flavor(&value, Same(&bytes)) {
            Ok(true) => Ok(value),
            Ok(false) | Err(_) => {
                Err(FileError::Damaged(format!("section {name:?} is not encoded canonically")))
            }
        }
    }

    /// As [`Container::get`], and the section is gone: what is left belongs to somebody else, who names it.
    pub fn take<T: Serialize + for<'a> Deserialize<'a>>(&mut self, name: &str) -> Result<T, FileError> {
        let value = self.get(name)?;
        self.sections.remove(name);
        Ok(value)
    }

    /// Errs when there is a section of another name: nothing reads it, and it would be part of no statement.
    pub fn only(&self, names: &[&str]) -> Result<(), FileError> {
        match self.sections.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(other) => Err(FileError::Damaged(format!("a {} has no section {other:?}", self.kind))),
        }
    }

    /// The bytes of a section, compared with their hash.
    pub fn bytes(&self, name: &str) -> Result<Bytes, FileError> {
        self.section(name)?.bytes().map_err(|_| {
            FileError::Damaged(format!(
                "the checksum of section {name:?} does not match; it was changed on the way"
            ))
        })
    }

    /// The bytes of a section: of one up to [`HASHED`] bytes compared with their hash, of a larger one as they lie. For what a reader does not
    /// rely on.
    pub fn bytes_in_place(&self, name: &str) -> Result<Bytes, FileError> {
        let section = self.section(name)?;
        if section.len() > HASHED { Ok(section.body()) } else { self.bytes(name) }
    }

    /// Whether some section is so large that [`Container::bytes_in_place`] would not hash it.
    pub fn is_large(&self) -> bool {
        self.sections.values().any(|s| s.len() > HASHED)
    }

    /// What [`digest_of`] gives for the value in a section, read from the file's head.
    pub fn digest(&self, name: &str) -> Result<Digest, FileError> {
        Ok(self.section(name)?.hash)
    }

    /// Whether there is such a section.
    pub fn contains(&self, name: &str) -> bool {
        self.sections.contains_key(name)
    }

    /// Names and lengths of the sections, in order.
    pub fn sections(&self) -> impl Iterator<Item = (&str, usize)> {
        self.sections.iter().map(|(name, s)| (name.as_str(), s.len()))
    }

    /// A section, which is not looked at yet.
    pub fn section(&self, name: &str) -> Result<&Section, FileError> {
        self.sections.get(name).ok_or_else(|| FileError::Damaged(format!("section {name:?} is missing")))
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![];
        self.write_to(&mut out).expect("memory takes every byte");
        out
    }

    /// Writes the file's bytes and says how many they are. Bodies are not copied.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, to: &mut impl std::io::Write) -> std::io::Result<u64> {
        let mut out = MAGIC.to_vec();
        out.extend(FORMAT.to_le_bytes());
        out.extend((self.kind as u32).to_le_bytes());
        out.extend(self.parent.0);
        out.extend((self.sections.len() as u32).to_le_bytes());
        for (name, s) in &self.sections {
            out.extend((name.len() as u32).to_le_bytes());
            out.extend(name.as_bytes());
            out.extend((s.len() as u64).to_le_bytes());
            out.extend(s.hash.0);
        }
        out.extend(hash(&[&out]).0);
        to.write_all(&out)?;
        let mut at = out.len();
        for s in self.sections.values() {
            let begin = at.next_multiple_of(ALIGNMENT);
            to.write_all(&[0; ALIGNMENT][..begin - at])?;
            s.parts.iter().try_for_each(|part| to.write_all(part))?;
            at = begin + s.len();
        }
        Ok(at as u64)
    }

    /// Reads a file of the expected kind.
    pub fn from_bytes(bytes: &[u8], expected: FileKind) -> Result<Container, FileError> {
        Container::from_shared(Bytes::copy_from_slice(bytes), expected)
    }

    /// Reads a file of the expected kind without copying it.
    pub fn from_shared(bytes: Bytes, expected: FileKind) -> Result<Container, FileError> {
        let cut = |what: &str| FileError::Damaged(format!("it ends inside the {what}"));
        let kind = kind_of(&bytes)?;
        if kind != expected {
            return Err(FileError::Kind { expected, found: kind });
        }
        let mut at = HEAD;
        let mut take = |n: usize, what: &str| -> Result<&[u8], FileError> {
            let end = at.checked_add(n).filter(|e| *e <= bytes.len()).ok_or_else(|| cut(what))?;
            let s = &bytes[at..end];
            at = end;
            Ok(s)
        };
        let u32_of = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let digest_of = |b: &[u8]| {
            let mut d = Digest::default();
            d.0.copy_from_slice(b);
            d
        };
        let parent = digest_of(take(32, "digest")?);
        let n = u32_of(take(4, "section count")?) as usize;
        if n > MAX_SECTIONS {
            return Err(FileError::Damaged(format!("{n} sections, at most {MAX_SECTIONS} are possible")));
        }
        let mut heads = Vec::with_capacity(n);
        for _ in 0..n {
            let l = u32_of(take(4, "section table")?) as usize;
            let name = std::str::from_utf8(take(l, "section name")?)
                .map_err(|_| FileError::Damaged("a section name is not UTF-8".into()))?
                .to_string();
            let mut len = [0; 8];
            len.copy_from_slice(take(8, "section table")?);
            heads.push((name, u64::from_le_bytes(len), digest_of(take(32, "section table")?)));
        }
        let sum = digest_of(take(32, "checksum")?);
        if hash(&[&bytes[..at - 32]]) != sum {
            return Err(FileError::Damaged(
                "the checksum does not match; it was changed or cut on the way".into(),
            ));
        }
        if let Some(two) = heads.windows(2).find(|two| two[0].0 >= two[1].0) {
            return Err(FileError::Damaged(format!("section {:?} stands twice, or out of order", two[1].0)));
        }
        let mut sections = BTreeMap::new();
        for (name, len, hash) in heads {
            let begin = at.next_multiple_of(ALIGNMENT);
            let end = usize::try_from(len).ok().and_then(|l| begin.checked_add(l));
            let end = end.filter(|e| *e <= bytes.len()).ok_or_else(|| cut("sections"))?;
            if bytes[at..begin].iter().any(|b| *b != 0) {
                return Err(FileError::Damaged("there is something between its sections".into()));
            }
            at = end;
            sections.insert(name, Section { parts: vec![bytes.slice(begin..end)], hash });
        }
        if at != bytes.len() {
            return Err(FileError::Damaged("bytes follow the end".into()));
        }
        Ok(Container { kind, parent, sections })
    }

    /// Errs on the first section that is not what its hash says.
    pub fn check(&self) -> Result<(), FileError> {
        self.sections.keys().try_for_each(|name| self.bytes(name).map(|_| ()))
    }

    /// Errs unless the file belongs to `expected`.
    pub fn check_parent(&self, expected: Digest) -> Result<(), FileError> {
        if self.parent == expected {
            Ok(())
        } else {
            Err(FileError::Parent { kind: self.kind, expected, found: self.parent })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(c: Result<Container, FileError>) -> String {
        c.unwrap_err().to_string()
    }

    #[test]
    fn longer_numbers_trailing_bytes_and_other_sections_are_refused() {
        let mut c = Container::new(FileKind::Proof, Digest([7; 32]));
        c.put("used", &1u64);
        c.put("list", &vec![1u32, 300]);
        let again = Container::from_bytes(&c.to_bytes(), FileKind::Proof).unwrap();
        assert_eq!((again.get("used"), again.get("list")), (Ok(1u64), Ok(vec![1u32, 300])));
        for longer in [vec![0x81, 0], vec![0x81, 0x80, 0], vec![1, 0]] {
            c.insert("used", longer);
            assert!(c.get::<u64>("used").is_err());
        }
        // whatever is too long for what, and on whatever machine
        for endless in [vec![5, 1], vec![0x80; 4], vec![0xff, 0xff, 0xff, 0xff, 0xff, 1], vec![0xff; 20]] {
            c.insert("list", endless);
            let e = c.get::<Vec<u32>>("list").unwrap_err().to_string();
            assert!(e.contains("section \"list\" ends inside of a value"), "{e}");
        }
        assert!(again.only(&["list", "used"]).is_ok());
        let e = again.only(&["used"]).unwrap_err().to_string();
        assert!(e.contains("a proof (.proof) has no section \"list\""), "{e}");
    }

    #[test]
    fn sections_stand_in_the_order_of_their_names_once() {
        let mut c = Container::new(FileKind::Proof, Digest::default());
        c.insert("aa", vec![1]);
        c.insert("bb", vec![1]);
        let honest = c.to_bytes();
        for (from, to) in [(b"aa", b"cc"), (b"aa", b"bb")] {
            let mut bytes = honest.clone();
            let at = bytes.windows(2).position(|w| w == from).unwrap();
            bytes[at..at + 2].copy_from_slice(to);
            // magic, version, kind, parent, count; then two sections of 4 + 2 + 8 + 32 bytes each
            let head = 8 + 4 + 4 + 32 + 4 + 2 * 46;
            let sum = hash(&[&bytes[..head]]);
            bytes[head..head + 32].copy_from_slice(&sum.0);
            assert!(refused(Container::from_bytes(&bytes, FileKind::Proof)).contains("out of order"));
        }
    }

    #[test]
    fn a_digest_reads_back_whole_or_not_at_all() {
        let d = digest_of(&1u8);
        assert_eq!(format!("{d:#}").parse(), Ok(d));
        for part in [d.to_string(), format!("{d:#}0"), "+1".repeat(32), "é".repeat(32)] {
            assert!(part.parse::<Digest>().is_err(), "{part}");
        }
    }
}
