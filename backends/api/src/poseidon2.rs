//! Poseidon2 (ePrint 2023/323) over Goldilocks: twelve elements wide, x⁷, eight full and 22 partial rounds.
//!
//! The permutation is written once, for whatever it is computed in ([`Algebra`]): residues, where a witness is made and whoever
//! commits computes a root, and polynomials in the cells of a row, where a table says what a permutation is.
//!
//! Invariant: both are the same function by construction. The instance is that of the paper's authors: round constants of the Grain
//! generator, and their matrices (a test of the backend compares it with p3's).
use crate::field::{MODULUS, add, mul};
use std::sync::OnceLock;

/// Elements of a state.
pub const WIDTH: usize = 12;
/// Full rounds before the partial ones, and after them.
const HALF: usize = 4;
const PARTIAL: usize = 22;
/// S-boxes of a permutation: each has two cells, its argument and that one's cube.
const BOXES: usize = 2 * HALF * WIDTH + PARTIAL;
/// Cells that [`permute`] asks for.
pub const CELLS: usize = 2 * BOXES;

/// The multiplication by which a partial round mixes, apart from the sum of all elements: residues.
const DIAGONAL: [u64; WIDTH] = {
    let p = MODULUS;
    // −2, 1, 2, 1/2, 3, 4, −1/2, −3, −4, 1/4, −1/4, 1/8
    let (half, quarter) = (p.div_ceil(2), p - p / 4);
    [p - 2, 1, 2, half, 3, 4, p - half, p - 3, p - 4, quarter, p - quarter, p - p / 8]
};

/// The constants of full rounds and of partial ones, in the order of rounds.
struct Constants {
    full: [[u64; WIDTH]; 2 * HALF],
    partial: [u64; PARTIAL],
}

fn constants() -> &'static Constants {
    static ALL: OnceLock<Constants> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut grain = Grain::new();
        let mut c = Constants { full: [[0; WIDTH]; 2 * HALF], partial: [0; PARTIAL] };
        let (first, last) = c.full.split_at_mut(HALF);
        let all = first.as_flattened_mut().iter_mut().chain(&mut c.partial).chain(last.as_flattened_mut());
        all.for_each(|x| *x = grain.element());
        c
    })
}

/// The Grain generator in self-shrinking mode, as the appendix of the Poseidon paper (ePrint 2019/458) has it.
struct Grain([bool; 80]);

impl Grain {
    fn new() -> Grain {
        // prime field, x^α, bits of an element, width, full rounds, partial rounds; then ones
        let words = [(1, 2), (0, 4), (64, 12), (WIDTH, 12), (2 * HALF, 10), (PARTIAL, 10)];
        let mut state = [true; 80];
        let bits = words.iter().flat_map(|(word, bits)| (0..*bits).rev().map(move |i| word >> i & 1 == 1));
        state.iter_mut().zip(bits).for_each(|(s, b)| *s = b);
        let mut grain = Grain(state);
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> bool {
        let bit = [62, 51, 38, 23, 13, 0].iter().fold(false, |b, i| b ^ self.0[*i]);
        self.0.rotate_left(1);
        self.0[79] = bit;
        bit
    }

    fn bit(&mut self) -> bool {
        loop {
            let (taken, bit) = (self.step(), self.step());
            if taken {
                return bit;
            }
        }
    }

    fn element(&mut self) -> u64 {
        loop {
            let x = (0..64).fold(0, |x, _| x << 1 | u64::from(self.bit()));
            if x < MODULUS {
                return x;
            }
        }
    }
}

/// What a permutation is computed in.
pub trait Algebra {
    /// A polynomial in what the permutation is of.
    type Value: Clone;
    /// a + k·b for a residue k.
    fn plus(&self, a: &Self::Value, k: u64, b: &Self::Value) -> Self::Value;
    /// a + k for a residue k.
    fn shifted(&self, a: &Self::Value, k: u64) -> Self::Value;
    /// A product of three values, each of which is a cell.
    fn product(&self, factors: [&Self::Value; 3]) -> Self::Value;
    /// A cell that has this value.
    fn cell(&mut self, x: &Self::Value) -> Self::Value;
}

/// x⁷, with a cell for x and one for x³.
fn seventh<A: Algebra>(a: &mut A, x: &A::Value) -> A::Value {
    let x = a.cell(x);
    let cube = a.product([&x, &x, &x]);
    let cube = a.cell(&cube);
    a.product([&cube, &cube, &x])
}

/// The matrix of full rounds: of four by four in each block, and the sum of all blocks.
fn mix_full<A: Algebra>(a: &A, state: &mut [A::Value; WIDTH]) {
    const BLOCK: [u64; 4] = [2, 3, 1, 1];
    let (old, blocks) = (state.clone(), WIDTH / 4);
    for (i, x) in state.iter_mut().enumerate() {
        let weight = |j: usize| BLOCK[(4 + j % 4 - i % 4) % 4] * if j / 4 == i / 4 { 2 } else { 1 };
        let rest = (1..4 * blocks).map(|k| (i + k) % WIDTH);
        let own = a.plus(&old[i], weight(i) - 1, &old[i]);
        *x = rest.fold(own, |sum, j| a.plus(&sum, weight(j), &old[j]));
    }
}

/// The matrix of partial rounds: the sum of all elements, and a multiple of each.
fn mix_partial<A: Algebra>(a: &A, state: &mut [A::Value; WIDTH]) {
    let sum = state[1..].iter().fold(state[0].clone(), |sum, x| a.plus(&sum, 1, x));
    state.iter_mut().zip(DIAGONAL).for_each(|(x, k)| *x = a.plus(&sum, k, x));
}

/// The permutation of a state whose elements are cells. Asks for [`CELLS`] cells; what it returns are no cells.
pub fn permute<A: Algebra>(a: &mut A, mut state: [A::Value; WIDTH]) -> [A::Value; WIDTH] {
    let c = constants();
    mix_full(a, &mut state);
    for (round, constants) in c.full.iter().enumerate() {
        for (x, k) in state.iter_mut().zip(constants) {
            *x = seventh(a, &a.shifted(x, *k));
        }
        mix_full(a, &mut state);
        if round + 1 == HALF {
            for k in c.partial {
                state[0] = seventh(a, &a.shifted(&state[0], k));
                mix_partial(a, &mut state);
            }
        }
    }
    state
}

/// Residues, and the cells that were asked for.
#[derive(Default)]
pub struct Residues {
    /// In the order of asking.
    pub cells: Vec<u64>,
}

impl Algebra for Residues {
    type Value = u64;
    fn plus(&self, a: &u64, k: u64, b: &u64) -> u64 {
        add(*a, mul(k, *b))
    }
    fn shifted(&self, a: &u64, k: u64) -> u64 {
        add(*a, k)
    }
    fn product(&self, [a, b, c]: [&u64; 3]) -> u64 {
        mul(mul(*a, *b), *c)
    }
    fn cell(&mut self, x: &u64) -> u64 {
        self.cells.push(*x);
        *x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_those_of_the_authors() {
        let c = constants();
        let full = |round: usize, i: usize| c.full[round][i];
        assert_eq!([full(0, 0), full(3, 11)], [0x13dcf33aba214f46, 0xa95c63971a19bfa7]);
        assert_eq!([c.partial[0], c.partial[21]], [0x4adf842aa75d4316, 0xf7bb62a8da4c961b]);
        assert_eq!([full(4, 0), full(7, 11)], [0xc68be7c94882a24d, 0x962deba3e9a2cd94]);
        let fractions = [(3, 2, 1), (6, 2, MODULUS - 1), (9, 4, 1), (10, 4, MODULUS - 1), (11, 8, 1)];
        fractions.iter().for_each(|(i, k, one)| assert_eq!(mul(*k, DIAGONAL[*i]), *one, "element {i}"));
    }

    #[test]
    fn a_permutation_asks_for_as_many_cells_as_it_says() {
        let mut residues = Residues::default();
        permute(&mut residues, std::array::from_fn(|i| i as u64));
        assert_eq!(residues.cells.len(), CELLS);
    }
}
