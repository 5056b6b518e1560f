//! The permutation that commitments are made with is p3's.
use crate::arithmetic::{F, PrimeCharacteristicRing, PrimeField64};
use p3_goldilocks::default_goldilocks_poseidon2_12;
use p3_symmetric::Permutation;
use proptest::prelude::*;
use tessera_api::poseidon2::{Residues, WIDTH, permute};

proptest! {
    #[test]
    fn a_permutation_is_that_of_p3(state in prop::array::uniform12(0..F::ORDER_U64)) {
        let theirs = default_goldilocks_poseidon2_12().permute(state.map(F::from_u64));
        let ours: [u64; WIDTH] = permute(&mut Residues::default(), state);
        prop_assert_eq!(ours, theirs.map(|x| x.as_canonical_u64()));
    }
}
