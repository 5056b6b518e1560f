//! Zero knowledge: what a hiding proof has that another has not, and how much of it.
//!
//! A proof shows each column at `queries` points of its low-degree extension and at one or two points of the extension field, and
//! it shows exposed values, the quotient and FRI's layers. Each of these is hidden by randomness of its own:
//! * columns by uniform cells on the first rows of every group, of which constraints on rows say nothing ([`masks`]),
//! * exposed values by blinds, cells of the same rows that cancel where the values are compared ([`masks`]),
//! * the quotient by random coefficients that its segments hand on to one another ([`segments`]),
//! * FRI's layers by one random codeword for each height ([`segments`]),
//! * rows that are not shown by salts in the leaves of Merkle trees,
//! * weights, whose commitment many proofs share, by uniform rows for so many of them ([`weights`]).
//!
//! Invariants: all of a proof's comes from one seed ([`random`]), a key's from another, and does not depend on the number of threads; a verifier knows how much
//! there is from its key, and a prover works it out again instead of believing the key.
pub mod masks;
pub mod random;
pub mod segments;
pub mod tails;
pub mod weights;
