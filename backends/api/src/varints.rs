//! Lists of integers as one string of bytes: each a zigzag LEB128, as postcard writes an `i64`, but read in one loop. A model's
//! weights are millions of them.
use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};
use std::fmt;
use std::sync::Arc;

/// The lists, each as its bytes.
pub(crate) fn serialize<S: Serializer>(lists: &[Arc<Vec<i64>>], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(lists.iter().map(|l| Encoded(l)))
}

/// Lists; an encoding that is cut or longer than 64 bits need is an error.
pub(crate) fn deserialize<'d, D: Deserializer<'d>>(d: D) -> Result<Vec<Arc<Vec<i64>>>, D::Error> {
    let lists: Vec<Decoded> = serde::Deserialize::deserialize(d)?;
    Ok(lists.into_iter().map(|l| Arc::new(l.0)).collect())
}

struct Encoded<'a>(&'a [i64]);

impl serde::Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = Vec::with_capacity(2 * self.0.len());
        for v in self.0 {
            let mut z = (v << 1 ^ v >> 63) as u64;
            while z >= 0x80 {
                out.push(z as u8 | 0x80);
                z >>= 7;
            }
            out.push(z as u8);
        }
        s.serialize_bytes(&out)
    }
}

struct Decoded(Vec<i64>);

impl<'d> serde::Deserialize<'d> for Decoded {
    fn deserialize<D: Deserializer<'d>>(d: D) -> Result<Decoded, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Decoded;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("bytes of LEB128 integers")
            }
            fn visit_bytes<E: Error>(self, b: &[u8]) -> Result<Decoded, E> {
                decode(b).map(Decoded).ok_or_else(|| E::custom("an integer is cut or exceeds 64 bits"))
            }
        }
        d.deserialize_bytes(Bytes)
    }
}

fn decode(b: &[u8]) -> Option<Vec<i64>> {
    // every integer ends with the one byte below 0x80
    let mut out = Vec::with_capacity(b.iter().filter(|b| **b < 0x80).count());
    let mut bytes = b.iter();
    while let Some(first) = bytes.next() {
        let mut z = (first & 0x7f) as u64;
        let (mut shift, mut byte) = (0, *first);
        while byte >= 0x80 {
            byte = *bytes.next()?;
            shift += 7;
            // the tenth byte holds one bit, and the last of several is never zero: one encoding for each integer
            if byte == 0 || shift == 63 && byte > 1 {
                return None;
            }
            z |= ((byte & 0x7f) as u64) << shift;
        }
        out.push((z >> 1) as i64 ^ -((z & 1) as i64));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Lists(#[serde(with = "super")] Vec<Arc<Vec<i64>>>);

    proptest! {
        #[test]
        fn lists_read_back(lists: Vec<Vec<i64>>, bits in 0u32..64) {
            let lists = Lists(lists.into_iter().map(|l| Arc::new(l.iter().map(|v| v >> bits).collect())).collect());
            let bytes = postcard::to_allocvec(&lists).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Lists>(&bytes).unwrap(), lists);
        }

        #[test]
        fn what_is_read_is_written_so(bytes: Vec<u8>) {
            if let Some(list) = decode(&bytes) {
                let again = postcard::to_allocvec(&Lists(vec![Arc::new(list)])).unwrap();
                prop_assert!(again.ends_with(&bytes));
            }
        }
    }

    #[test]
    fn the_extremes_are_exact_and_longer_is_refused() {
        for v in [0, -1, 1, 63, 64, -64, -65, i64::MAX, i64::MIN] {
            let bytes = postcard::to_allocvec(&Lists(vec![Arc::new(vec![v])])).unwrap();
            assert_eq!(*postcard::from_bytes::<Lists>(&bytes).unwrap().0[0], [v]);
        }
        assert_eq!(decode(&[0xff; 9]), None);
        assert_eq!(decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None);
        assert_eq!(decode(&[0x80, 0]), None);
    }
}
