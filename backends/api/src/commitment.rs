//! Commitments to tensors: a hash of the values and a salt, which proofs can be about.
//!
//! The hash is a sponge of Poseidon2 over Goldilocks, eight elements at a time: what stands in the first eight of twelve elements is
//! replaced by the next of the message, and the state permuted. The message is a salt of eight elements, then the values as residues,
//! filled up with zeros; the last four elements are at first the number of values, the number of this scheme, and zeros. The root is the
//! first four elements of the last state.
//!
//! # Correctness
//! A root binds: two messages of one root are a collision of a sponge with 256 bits of capacity and of output (128 bits). The number of
//! values makes filling up injective. Values are compared as residues; whoever opens a root in a proof shows that they are
//! in the range that its key states, so that they are integers.
//!
//! # Hiding
//! The salt has 512 bits, is used for one root, and is known to who may know the values: the root is the value of a random oracle where
//! nobody else ever asks it. What a root is opened in, and how often, does not matter: proofs show nothing of it but itself.
use crate::container::Digest;
use crate::field::{MODULUS, integer, residue};
use crate::poseidon2::{self, Algebra, Residues, WIDTH};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Elements that are hashed at once.
pub const RATE: usize = 8;
/// Elements of the salt: those of the first block.
pub const SALT: usize = RATE;
/// Elements of a root, the first ones of the last state.
pub const ROOT: usize = 4;
/// Elements of a state that no message replaces.
pub const CAPACITY: usize = WIDTH - RATE;
/// Cells of a permutation: the state before it, those that it asks for, and of the state after it the root's elements and those that no message
/// replaces.
pub const CELLS: usize = WIDTH + poseidon2::CELLS + ROOT + CAPACITY;
/// The number of this scheme.
const SCHEME: u64 = 0x7465_7373_6572_6131;

/// What stands in the last elements at first.
pub fn first_capacity(values: usize) -> [u64; CAPACITY] {
    [values as u64, SCHEME, 0, 0]
}

/// Permutations that so many values take.
pub fn permutations(values: usize) -> usize {
    1 + values.div_ceil(RATE)
}

/// The permutation of a state whose elements are cells, and of the state after it the cells for what is read: first the root's, then those that
/// no message replaces.
pub fn permutation<A: Algebra>(a: &mut A, state: [A::Value; WIDTH]) -> [A::Value; ROOT + CAPACITY] {
    let after = poseidon2::permute(a, state);
    std::array::from_fn(|i| a.cell(&after[if i < ROOT { i } else { RATE + i - ROOT }]))
}

/// The cells of all permutations, [`CELLS`] for each.
pub fn cells(salt: &[i64; SALT], values: &[i64]) -> Vec<i64> {
    let mut all = Vec::with_capacity(permutations(values.len()) * CELLS);
    let mut capacity = first_capacity(values.len());
    for block in std::iter::once(&salt[..]).chain(values.chunks(RATE)) {
        let mut state = [0; WIDTH];
        state.iter_mut().zip(block).for_each(|(s, x)| *s = residue(*x));
        state[RATE..].copy_from_slice(&capacity);
        let mut own = Residues::default();
        let after = permutation(&mut own, state);
        all.extend(state.iter().chain(&own.cells).map(|x| integer(*x)));
        capacity = std::array::from_fn(|i| after[ROOT + i]);
    }
    all
}

/// The root, of the cells of all permutations.
pub fn root_of(cells: &[i64]) -> Option<Root> {
    cells.last_chunk::<{ ROOT + CAPACITY }>().and_then(|last| Root::of(&last[..ROOT]))
}

/// What a tensor is committed as: residues, as the integers next to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root(pub [i64; ROOT]);

impl Root {
    /// Of a tensor of the statement that has one.
    pub fn of(values: &[i64]) -> Option<Root> {
        values.try_into().ok().map(Root)
    }
}

impl Root {
    /// As a digest, which is shown as the root is.
    pub fn digest(self) -> Digest {
        let mut bytes = [0; 32];
        let words = bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0);
        words.for_each(|(word, x)| *word = residue(x).to_be_bytes());
        Digest(bytes)
    }
}

/// A salt: uniform residues, of entropy of the operating system and of what will be committed to, so that entropy that repeats does
/// not give two tensors one salt.
pub fn salt(entropy: &[u8; 32], values: &[i64]) -> [i64; SALT] {
    let mut h = blake3::Hasher::new_derive_key("tessera commitments, salt, 1");
    h.update(entropy);
    for x in values {
        h.update(&x.to_le_bytes());
    }
    let mut reader = h.finalize_xof();
    std::array::from_fn(|_| {
        loop {
            let mut word = [0; 8];
            reader.fill(&mut word);
            let x = u64::from_le_bytes(word);
            if x < MODULUS {
                return integer(x);
            }
        }
    })
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|x| write!(f, "{:016x}", residue(*x)))
    }
}

impl FromStr for Root {
    type Err = String;
    fn from_str(s: &str) -> Result<Root, String> {
        let digits = s.len() == 16 * ROOT && s.bytes().all(|b| b.is_ascii_hexdigit());
        let word = |i: usize| u64::from_str_radix(&s[16 * i..16 * (i + 1)], 16).ok();
        let element = |i: usize| word(i).filter(|x| *x < MODULUS).map(integer);
        let all = digits.then(|| (0..ROOT).map(element).collect::<Option<Vec<i64>>>()).flatten();
        let root = all.and_then(|all| Root::of(&all));
        root.ok_or_else(|| {
            format!("expected a root, {} hexadecimal digits as tessera commit prints", 16 * ROOT)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(salt: i64, values: &[i64]) -> Root {
        let cells = cells(&[salt; SALT], values);
        assert_eq!(cells.len(), permutations(values.len()) * CELLS);
        root_of(&cells).unwrap()
    }

    #[test]
    fn roots_differ_by_salt_values_and_how_many_there_are() {
        let all = [
            root(1, &[5; 8]),
            root(2, &[5; 8]),
            root(1, &[5, 5, 5, 5, 5, 5, 5, -5]),
            root(1, &[5; 7]),
            root(1, &[5, 5, 5, 5, 5, 5, 5, 0]),
            root(1, &[5; 9]),
            root(1, &[0; 16]),
            root(1, &[]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b), "{i}");
        }
        assert_eq!(root(1, &[5; 8]), all[0]);
    }

    #[test]
    fn salts_differ_by_entropy_and_values() {
        let all = [salt(&[0; 32], &[1]), salt(&[1; 32], &[1]), salt(&[0; 32], &[2])];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
        assert!(
            all[0] == salt(&[0; 32], &[1])
                && all.as_flattened().iter().all(|x| crate::field::is_balanced(*x))
        );
    }

    #[test]
    fn a_root_is_read_as_it_is_shown() {
        let r = root(-3, &[1, -1]);
        assert_eq!((r.to_string().parse(), r.to_string()), (Ok(r), format!("{:#}", r.digest())));
        let p = format!("{MODULUS:016x}").repeat(ROOT);
        for bad in [
            "",
            "12",
            &r.to_string()[1..],
            &r.to_string().replace(|_| true, "x"),
            &p,
            "é".repeat(32).as_str(),
        ] {
            assert!(bad.parse::<Root>().is_err(), "{bad}");
        }
    }
}
