//! Files of our own, taken apart without asking whether they are whole, and put together again under right checksums: what was changed once can
//! be changed further.
use crate::wire::take;
use tessera_api::container::{ALIGNMENT, HEAD};

/// A file's parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// What it is, and the digest of what it belongs to.
    pub start: Vec<u8>,
    /// Names and bodies.
    pub sections: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Bytes of [`Parts::start`].
const START: usize = HEAD + 32;
const HASH: usize = 32;

fn number(b: &mut &[u8], width: usize) -> Option<usize> {
    let bytes = take(b, width)?;
    bytes.iter().rev().try_fold(0usize, |n, byte| Some(n.checked_mul(256)? | usize::from(*byte)))
}

/// The length of a file's head, its checksum included: what stands before the first body.
pub fn head(file: &[u8]) -> Option<usize> {
    let mut b = file;
    take(&mut b, START)?;
    for _ in 0..number(&mut b, 4)? {
        let name = number(&mut b, 4)?;
        take(&mut b, name)?;
        take(&mut b, 8 + HASH)?;
    }
    take(&mut b, HASH)?;
    Some(file.len() - b.len())
}

impl Parts {
    /// Those of a file whose lengths add up.
    pub fn of(file: &[u8]) -> Option<Parts> {
        let mut at = head(file)?;
        let mut b = file;
        let start = take(&mut b, START)?.to_vec();
        let mut sections = vec![];
        for _ in 0..number(&mut b, 4)? {
            let name = number(&mut b, 4)?;
            let name = take(&mut b, name)?.to_vec();
            let len = number(&mut b, 8)?;
            take(&mut b, HASH)?;
            at = at.next_multiple_of(ALIGNMENT);
            sections.push((name, file.get(at..at.checked_add(len)?)?.to_vec()));
            at += len;
        }
        Some(Parts { start, sections })
    }

    /// The body of a section.
    pub fn body(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        self.sections.iter_mut().find(|s| s.0 == name.as_bytes()).map(|s| &mut s.1)
    }

    /// What a section holds.
    pub fn get<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        postcard::from_bytes(self.body(name)?).ok()
    }

    /// Makes the file belong to something else.
    pub fn belongs_to(&mut self, digest: tessera_api::Digest) {
        self.start[HEAD..].copy_from_slice(&digest.0);
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = [&self.start[..], &(self.sections.len() as u32).to_le_bytes()].concat();
        for (name, body) in &self.sections {
            out.extend((name.len() as u32).to_le_bytes());
            out.extend(name);
            out.extend((body.len() as u64).to_le_bytes());
            out.extend(blake3::hash(body).as_bytes());
        }
        out.extend(blake3::hash(&out).as_bytes());
        for (_, body) in &self.sections {
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
            out.extend(body);
        }
        out
    }
}

/// Every honest file is its parts, and a file with a changed body is read.
#[test]
fn files_are_their_parts() {
    use tessera_api::{Container, FileKind};
    for f in crate::tessera_files::files() {
        for (bytes, kind) in f.all() {
            let mut parts = Parts::of(bytes).expect("the parts");
            assert!(parts.to_bytes() == *bytes, "{kind}");
            assert_eq!(
                head(bytes).map(|at| blake3::hash(&bytes[..at - HASH]).as_bytes() == &bytes[at - HASH..at]),
                Some(true)
            );
            parts.sections[0].1.push(7);
            parts.belongs_to(tessera_api::Digest([5; 32]));
            let changed = Container::from_bytes(&parts.to_bytes(), kind).expect("a file");
            let name = std::str::from_utf8(&parts.sections[0].0).expect("a name");
            assert_eq!(changed.bytes(name).expect("the section").last(), Some(&7));
            assert_eq!(changed.parent.0, [5; 32]);
        }
    }
    assert!(FileKind::ALL.len() == 6 && Parts::of(&[0; 60]).is_none() && head(&[255; 400]).is_none());
}
