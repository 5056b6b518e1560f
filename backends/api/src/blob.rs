//! Integer data, such as the weights of a layer: typed, named by content, shared and never widened as a whole.
//!
//! A Program names its data (width, length, digest); the bytes themselves lie beside it, in a file that may be mapped. So a
//! Program is as small without its weights as it is for a small model, and its digest covers them.
//!
//! Invariants: numbers stand in the narrowest width that holds all of them, little endian; the digest is that of the width and
//! the bytes; data that were given are as long as the name says and have its digest.
use crate::container::{Digest, FileError};
use crate::error::ProgramError;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How wide the integers of a blob are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Width {
    /// 8 bits.
    #[default]
    I8,
    /// 16 bits.
    I16,
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

impl Width {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Width::I8 => 1,
            Width::I16 => 2,
            Width::I32 => 4,
            Width::I64 => 8,
        }
    }

    /// The narrowest that holds `lo` and `hi`.
    pub fn of(lo: i64, hi: i64) -> Width {
        let fits = |bits: u32| lo >= -1 << (bits - 1) && hi < 1 << (bits - 1);
        [(8, Width::I8), (16, Width::I16), (32, Width::I32)]
            .into_iter()
            .find(|(bits, _)| fits(*bits))
            .map_or(Width::I64, |w| w.1)
    }
}

/// Integers, or their name alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Blob {
    width: Width,
    len: u64,
    digest: Digest,
    data: Option<Bytes>,
}

impl Default for Blob {
    /// No numbers.
    fn default() -> Blob {
        Blob::of(Width::I8, Bytes::new())
    }
}

/// A blob as it is written: with its data, where they are at hand.
#[derive(Serialize, Deserialize)]
struct Parts {
    width: Width,
    len: u64,
    digest: Digest,
    data: Option<Vec<u8>>,
}

impl From<Blob> for Parts {
    fn from(b: Blob) -> Parts {
        Parts { width: b.width, len: b.len, digest: b.digest, data: b.data.map(|d| d.to_vec()) }
    }
}

impl TryFrom<Parts> for Blob {
    type Error = FileError;

    fn try_from(p: Parts) -> Result<Blob, FileError> {
        let mut blob = Blob { width: p.width, len: p.len, digest: p.digest, data: None };
        if let Some(data) = p.data {
            blob.fill(data.into())?;
        }
        Ok(blob)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?} {}", self.len, self.width, self.digest)
    }
}

/// The numbers of a blob where they lie.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// Of 8 bits.
    I8(&'a [[u8; 1]]),
    /// Of 16 bits.
    I16(&'a [[u8; 2]]),
    /// Of 32 bits.
    I32(&'a [[u8; 4]]),
    /// Of 64 bits.
    I64(&'a [[u8; 8]]),
}

/// Runs an expression with `$get` a function from an index to the number there, compiled for each width. An index beyond the end
/// panics.
#[macro_export]
macro_rules! with_numbers {
    ($numbers:expr, |$get:ident| $body:expr) => {
        match $numbers {
            $crate::blob::Numbers::I8(s) => {
                let $get = |i: usize| i64::from(i8::from_le_bytes(s[i]));
                $body
            }
            $crate::blob::Numbers::I16(s) => {
                let $get = |i: usize| i64::from(i16::from_le_bytes(s[i]));
                $body
            }
            $crate::blob::Numbers::I32(s) => {
                let $get = |i: usize| i64::from(i32::from_le_bytes(s[i]));
                $body
            }
            $crate::blob::Numbers::I64(s) => {
                let $get = |i: usize| i64::from_le_bytes(s[i]);
                $body
            }
        }
    };
}

impl Numbers<'_> {
    /// The number at an index.
    pub fn get(&self, i: usize) -> Option<i64> {
        match self {
            Numbers::I8(s) => s.get(i).map(|b| i8::from_le_bytes(*b).into()),
            Numbers::I16(s) => s.get(i).map(|b| i16::from_le_bytes(*b).into()),
            Numbers::I32(s) => s.get(i).map(|b| i32::from_le_bytes(*b).into()),
            Numbers::I64(s) => s.get(i).map(|b| i64::from_le_bytes(*b)),
        }
    }
}

impl Blob {
    /// These numbers.
    pub fn new(values: impl IntoIterator<Item = i64, IntoIter: Clone>) -> Blob {
        let values = values.into_iter();
        let (lo, hi) = values.clone().fold((0, 0), |(lo, hi): (i64, i64), v| (lo.min(v), hi.max(v)));
        let width = Width::of(lo, hi);
        let n = width.bytes();
        let mut bytes = Vec::with_capacity(values.size_hint().0 * n);
        values.for_each(|v| bytes.extend_from_slice(&v.to_le_bytes()[..n]));
        Blob::of(width, bytes.into())
    }

    /// Numbers as bytes, which are shared. They are narrowed where they stand wider than they need.
    ///
    /// # Errors
    /// When the bytes are no whole number of numbers.
    pub fn from_bytes(width: Width, bytes: Bytes) -> Result<Blob, FileError> {
        if !bytes.len().is_multiple_of(width.bytes()) {
            return Err(FileError::Damaged(format!("{} bytes are no numbers of {width:?}", bytes.len())));
        }
        let blob = Blob {
            width,
            len: (bytes.len() / width.bytes()) as u64,
            digest: Digest::default(),
            data: Some(bytes),
        };
        let (lo, hi) = blob.bounds().unwrap_or((0, 0));
        Ok(match blob.data {
            Some(bytes) if Width::of(lo, hi) == width => Blob::of(width, bytes),
            _ => Blob::new(blob.values().unwrap_or_default()),
        })
    }

    fn of(width: Width, bytes: Bytes) -> Blob {
        let digest = digest(width, &bytes);
        Blob { width, len: (bytes.len() / width.bytes()) as u64, digest, data: Some(bytes) }
    }

    /// How many numbers.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Their width.
    pub fn width(&self) -> Width {
        self.width
    }

    /// What they are named by.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The name alone.
    pub fn named(&self) -> Blob {
        Blob { data: None, ..self.clone() }
    }

    /// The bytes, if they are at hand.
    pub fn data(&self) -> Option<&Bytes> {
        self.data.as_ref()
    }

    /// Gives a name its bytes.
    ///
    /// # Errors
    /// When they are others than those that were named.
    pub fn fill(&mut self, bytes: Bytes) -> Result<(), FileError> {
        if self.len.checked_mul(self.width.bytes() as u64) != Some(bytes.len() as u64)
            || digest(self.width, &bytes) != self.digest
        {
            return Err(FileError::Damaged(format!("its data {} are not those it names", self.digest)));
        }
        self.data = Some(bytes);
        Ok(())
    }

    /// The numbers where they lie.
    ///
    /// # Errors
    /// When the blob is a name alone.
    pub fn numbers(&self) -> Result<Numbers<'_>, ProgramError> {
        let bytes: &[u8] = match &self.data {
            Some(bytes) => bytes,
            None if self.len == 0 => return Ok(Numbers::I8(&[])),
            None => return Err(ProgramError::Invalid(format!("the data {} are not at hand", self.digest))),
        };
        Ok(match self.width {
            Width::I8 => Numbers::I8(bytes.as_chunks().0),
            Width::I16 => Numbers::I16(bytes.as_chunks().0),
            Width::I32 => Numbers::I32(bytes.as_chunks().0),
            Width::I64 => Numbers::I64(bytes.as_chunks().0),
        })
    }

    /// All numbers, widened: for few.
    ///
    /// # Errors
    /// As [`Blob::numbers`].
    pub fn values(&self) -> Result<Vec<i64>, ProgramError> {
        let numbers = self.numbers()?;
        Ok(crate::with_numbers!(numbers, |get| (0..self.len()).map(get).collect()))
    }

    /// Smallest and largest number; none of an empty blob, nor of a name alone.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let numbers = self.numbers().ok()?;
        crate::with_numbers!(numbers, |get| {
            (0..self.len()).map(get).fold(None, |b: Option<(i64, i64)>, v| {
                Some(b.map_or((v, v), |(lo, hi)| (lo.min(v), hi.max(v))))
            })
        })
    }
}

fn digest(width: Width, bytes: &[u8]) -> Digest {
    let mut h = blake3::Hasher::new();
    h.update(&[width as u8]);
    h.update(bytes);
    Digest(*h.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_the_narrowest_width() {
        let cases: [(&[i64], Width); 5] = [
            (&[], Width::I8),
            (&[-128, 127], Width::I8),
            (&[128], Width::I16),
            (&[1 << 20, -5], Width::I32),
            (&[i64::MIN, i64::MAX], Width::I64),
        ];
        for (values, width) in cases {
            let blob = Blob::new(values.iter().copied());
            assert_eq!((blob.width(), blob.values().unwrap()), (width, values.to_vec()));
            let wide: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            assert_eq!(Blob::from_bytes(Width::I64, wide.into()).unwrap(), blob);
            assert_eq!(blob.bounds(), values.iter().min().zip(values.iter().max()).map(|(a, b)| (*a, *b)));
        }
        assert!(Blob::from_bytes(Width::I16, vec![1, 2, 3].into()).is_err());
    }

    #[test]
    fn a_name_takes_its_own_data_and_no_others() {
        let blob = Blob::new([1, 2, 300]);
        let read = |blob: &Blob| postcard::from_bytes::<Blob>(&postcard::to_allocvec(blob).unwrap());
        assert_eq!(read(&blob).unwrap(), blob);
        let mut name = read(&blob.named()).unwrap();
        assert!(name.values().is_err() && name != blob);
        let data = blob.data().unwrap();
        let mut changed = data.to_vec();
        changed[0] ^= 1;
        assert!(name.fill(changed.clone().into()).is_err() && name.fill(data.slice(..4)).is_err());
        assert!(read(&Blob { data: Some(changed.into()), ..blob.clone() }).is_err());
        name.fill(data.clone()).unwrap();
        assert_eq!(name, blob);
        let mut none = Blob::default().named();
        none.fill(Bytes::new()).unwrap();
        assert_eq!(none, Blob::new([]));
    }
}
