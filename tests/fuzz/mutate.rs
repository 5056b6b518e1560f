//! Changes to a file's bytes: flips, odd numbers in the encodings our formats use, cuts, copies, pieces of other files.
//!
//! Invariant: the bytes are a function of the corpus and of the generator's state.
use crate::wire::take_varint;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    /// Any 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Less than `n`; 0 where that is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// A place in a file: half the time near its front, where structure is.
    fn place(&mut self, n: usize) -> usize {
        if self.below(2) == 0 { self.below(n.min(256)) } else { self.below(n) }
    }

    /// A number that readers get wrong.
    pub fn odd(&mut self) -> u64 {
        let of = [
            0,
            1,
            2,
            7,
            63,
            64,
            127,
            128,
            255,
            1 << 16,
            1 << 26,
            1 << 31,
            1 << 32,
            1 << 40,
            1 << 62,
            1 << 63,
        ];
        let x: u64 = of[self.below(of.len())];
        match self.below(4) {
            0 => x.wrapping_sub(1),
            1 => x.wrapping_neg(),
            _ => x,
        }
    }
}

/// As protobuf and postcard write lengths.
pub fn varint(mut x: u64) -> Vec<u8> {
    let mut out = vec![];
    loop {
        let low = (x & 127) as u8;
        x >>= 7;
        if x == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 128);
    }
}

/// Changes a number where it stands, as a length or a value of postcard: to another near it, or an odd one.
pub fn renumber(b: &mut Vec<u8>, r: &mut Random) {
    let at = r.below(b.len());
    let mut rest = &b[at..];
    let Some(number) = take_varint(&mut rest) else { return };
    let width = b.len() - at - rest.len();
    let other =
        if r.below(2) == 0 { number.wrapping_add(r.below(5) as u64).wrapping_sub(2) } else { r.odd() };
    b.splice(at..at + width, varint(other));
}

fn overwrite(b: &mut Vec<u8>, at: usize, with: &[u8]) {
    let end = (at + with.len()).min(b.len());
    b.splice(at..end, with.iter().copied());
}

/// One to four changes; `others` lends pieces.
pub fn mutate(b: &mut Vec<u8>, others: &[Vec<u8>], r: &mut Random) {
    for _ in 0..1 + r.below(4) {
        let n = b.len();
        let at = r.place(n);
        match r.below(12) {
            _ if n == 0 => b.push(r.next() as u8),
            0..3 => b[at] ^= 1 << r.below(8),
            3 => b[at] = [0, 255, r.next() as u8][r.below(3)],
            4 => {
                let (number, width) = (r.odd().to_le_bytes(), [1, 2, 4, 8][r.below(4)]);
                overwrite(b, at, &number[..width]);
            }
            5 => {
                let number = varint(r.odd());
                overwrite(b, at, &number);
            }
            // decimal, for headers that are text
            6 => match (at..n).find(|i| b[*i].is_ascii_digit()) {
                Some(i) => overwrite(b, i, r.odd().to_string().as_bytes()),
                None => b.insert(at, b'9'),
            },
            7 => b.truncate(at),
            8 => drop(b.drain(at..(at + 1 + r.below(16)).min(n))),
            9 => {
                let piece: Vec<u8> = (0..1 + r.below(16)).map(|_| r.next() as u8).collect();
                b.splice(at..at, piece);
            }
            10 => {
                let len = 1 + r.below(64.min(n));
                let (from, to) = (r.below(n - len + 1), r.below(n - len + 1));
                b.copy_within(from..from + len, to);
            }
            _ => {
                let other = &others[r.below(others.len())];
                let from = r.place(other.len());
                let piece = &other[from..(from + 1 + r.below(256)).min(other.len())];
                overwrite(b, at, piece);
            }
        }
    }
}

#[test]
fn varints_are_postcards() {
    for x in [0, 1, 127, 128, 1 << 32, u64::MAX] {
        assert_eq!(Some(varint(x)), postcard::to_allocvec(&x).ok());
    }
}

#[test]
fn numbers_change_where_they_stand() {
    let (mut r, honest) = (Random(3), postcard::to_allocvec(&[300u64, 5, 1 << 40]).expect("bytes"));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let mut b = honest.clone();
        renumber(&mut b, &mut r);
        seen.extend(postcard::from_bytes::<[u64; 3]>(&b));
    }
    assert!(seen.len() > 40 && seen.iter().any(|n| n[0] == 301) && seen.iter().any(|n| n[2] == u64::MAX));
}
