//! The one place that names the hash, the transform and the polynomial commitment.
//!
//! BLAKE3 Merkle trees, FRI over two-adic cosets (ePrint 2018/046 ICALP, batched as DEEP-FRI). Everything else in this crate
//! speaks of matrices, commitments and openings.
//!
//! Invariants: nothing here reads a length from a proof before comparing it with what the key demands; no function's
//! result depends on the number of threads.
use crate::arithmetic::{Extension, F, Field, Mat, PrimeCharacteristicRing, TwoAdicField};
pub use digests::Digests;
pub use kept::Kept;
pub use open::Watch;
use p3_commit::{ExtensionMmcs, Mmcs as _, Pcs as _, PolynomialSpace};
use p3_dft::{Layout, Radix2DFTSmallBatch, Radix2DitParallel, TwoAdicSubgroupDft};
use p3_fri::{FriParameters, TwoAdicFriPcs};
use p3_matrix::Matrix as _;
use p3_matrix::bitrev::BitReversibleMatrix;
use p3_maybe_rayon::prelude::*;
use p3_merkle_tree::MerkleTreeMmcs;
use p3_symmetric::{CompressionFunctionFromHasher, MerkleCap};
use serde::{Deserialize, Serialize};
#[cfg(test)]
pub use sponge::DEAF;
pub use sponge::Sponge;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
pub use stored::{Stored, decode, encode, loaded, stored};
use streamed::{Held, half, whole};
pub use streamed::{Streamed, commit as commit_streamed};
pub use summed::{Claimed, Summed, sums};
use summed::{ColumnData, ColumnMmcs};

mod digests;
mod hash;
mod kept;
mod open;
mod sponge;
mod stored;
mod streamed;
mod summed;
pub mod typed;

/// Collision resistance of the hash, in bits.
pub const COLLISION_BITS: usize = 128;
/// log₂ of the parts of a quotient: constraints have degree at most 3 because of it. No extension is smaller than this times its columns.
pub const LOG_QUOTIENT: usize = 1;
/// log₂ of the largest inverse rate.
pub const MOST_LOG_BLOWUP: u8 = 4;

type Blake3 = p3_blake3::Blake3;
type NodeHash = CompressionFunctionFromHasher<Blake3, 2, 32>;
type Tree = MerkleTreeMmcs<F, u8, hash::RowHash, NodeHash, 2, 32>;
type FriMmcs<E> = ExtensionMmcs<F, E, Tree>;
type Dft = Radix2DFTSmallBatch<F>;
type Pcs<E> = TwoAdicFriPcs<F, Dft, ColumnMmcs, FriMmcs<E>>;
/// A subgroup or coset on which polynomials are given.
pub type Domain = p3_field::coset::TwoAdicMultiplicativeCoset<F>;
/// A Merkle root.
pub type Commitment = MerkleCap<F, [u8; 32]>;
/// Low-degree extensions and their tree.
pub type Committed = ColumnData<Mat>;
/// The tree of the key's summed columns.
pub type SummedTree = Arc<Kept>;
/// FRI's part of a proof.
pub type FriProof<E> = <Pcs<E> as p3_commit::Pcs<E, Sponge>>::Proof;
/// Opened values by commitment, matrix, point, column.
pub type Opened<E> = p3_commit::OpenedValues<E>;
/// Claims to check: per commitment what is opened of it, and the domain of each matrix with its points and values.
pub type Claims<E> = Vec<(Claimed, Vec<(Domain, Vec<(E, Vec<E>)>)>)>;

/// What FRI is run with. Part of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FriConfig {
    /// Inverse rate as a power of two.
    pub log_blowup: u8,
    /// Coefficients of the polynomial that is sent in place of further layers, as a power of two; every table has more rows.
    pub log_final: u8,
    /// Number of queries.
    pub queries: u32,
    /// Grinding before the queries are drawn, in bits.
    pub query_pow: u8,
    /// Grinding before each folding challenge.
    pub commit_pow: u8,
    /// Grinding before the challenge that batches the openings.
    pub batch_pow: u8,
    /// Largest folding arity as a power of two.
    pub log_arity: u8,
}

/// The transform, with its cached twiddles.
fn dft() -> &'static Dft {
    static DFT: OnceLock<Dft> = OnceLock::new();
    DFT.get_or_init(Dft::default)
}

fn tree() -> Tree {
    Tree::new(hash::RowHash, NodeHash::new(Blake3 {}), 0)
}

/// Evaluations on the subgroup to evaluations on the coset that is committed, rows in bit-reversed order.
pub fn extend(m: Mat, log_blowup: u8) -> Mat {
    extend_to(m, log_blowup, F::GENERATOR)
}

/// From this width on, p3's other transform is the faster one: it leaves rows in bit-reversed order.
const WIDE: usize = 16;

fn wide_dft() -> &'static Radix2DitParallel<F> {
    static DFT: OnceLock<Radix2DitParallel<F>> = OnceLock::new();
    DFT.get_or_init(Default::default)
}

/// Evaluations on the subgroup to evaluations on a coset of the larger subgroup, rows in bit-reversed order.
fn extend_to(m: Mat, log_blowup: u8, shift: F) -> Mat {
    fn by(dft: &impl TwoAdicSubgroupDft<F>, m: Mat, log_blowup: u8, shift: F) -> Mat {
        dft.coset_lde_batch(m, log_blowup.into(), shift).bit_reverse_rows().to_row_major_matrix()
    }
    tessera_cancel::point();
    if m.width >= WIDE { by(wide_dft(), m, log_blowup, shift) } else { by(dft(), m, log_blowup, shift) }
}

/// How coefficients lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Row i has those of xⁱ.
    Natural,
    /// Row i has those of x to the reversal of i.
    BitReversed,
}

/// [`extend`], with somebody who sees the coefficients on the way: (cells, width, order).
pub fn extend_seeing(m: Mat, log_blowup: u8, see: impl FnOnce(&[F], usize, Order)) -> Mat {
    fn by(
        dft: &impl TwoAdicSubgroupDft<F>,
        m: Mat,
        log_blowup: u8,
        see: impl FnOnce(&[F], usize, Order),
    ) -> Mat {
        let width = m.width;
        let order = |l| if l == Layout::Natural { Order::Natural } else { Order::BitReversed };
        let (added, shift) = (log_blowup.into(), F::GENERATOR);
        let extended = dft.coset_lde_batch_with_transform(m, added, shift, |c, layout| {
            see(c.values, width, order(layout));
        });
        extended.bit_reverse_rows().to_row_major_matrix()
    }
    tessera_cancel::point();
    if m.width >= WIDE { by(wide_dft(), m, log_blowup, see) } else { by(dft(), m, log_blowup, see) }
}

/// A half of the extension at an inverse rate of two, rows in bit-reversed order: the first or the second half of its rows.
fn coset(m: Mat, which: usize, height: usize) -> Mat {
    let twice = F::two_adic_generator(height.trailing_zeros() as usize + 1);
    extend_to(m, 0, F::GENERATOR * twice.exp_u64(which as u64))
}

/// Values on a coset of polynomials with these coefficients, both in natural order.
pub fn evaluate(coefficients: Mat, shift: F) -> Mat {
    dft().coset_dft_batch(coefficients, shift).to_row_major_matrix()
}

/// The coefficients of polynomials with these values on a coset, both in natural order.
pub fn interpolate(values: Mat, shift: F) -> Mat {
    dft().coset_idft_batch(values, shift)
}

/// The low-degree extension of polynomials with these coefficients, rows in bit-reversed order.
pub fn extend_coefficients(mut coefficients: Mat, log_blowup: u8) -> Mat {
    tessera_cancel::point();
    coefficients.values.resize(coefficients.values.len() << log_blowup, F::ZERO);
    let values = dft().coset_dft_batch(coefficients, F::GENERATOR);
    values.bit_reverse_rows().to_row_major_matrix()
}

/// Commits to low-degree extensions; none if there is no matrix.
pub fn commit_extended(extended: Vec<Mat>) -> Option<(Commitment, Committed)> {
    (!extended.is_empty()).then(|| commit(extended))
}

/// Elements of a salt: as many bits as a digest has.
pub const SALT: usize = 4;

/// Commits to low-degree extensions, with salts in the leaves, so that rows that are not opened cannot be guessed. `fill(block, cells)`
/// fills the salts of a block of leaves; none if there is no matrix.
pub fn commit_salted(
    mut extended: Vec<Mat>,
    fill: impl Fn(usize, &mut [F]) + Sync,
) -> Option<(Commitment, Committed)> {
    const LEAVES: usize = 1 << 11;
    let tallest = extended.iter().map(|m| m.values.len() / m.width).max()?;
    let mut salts = Mat::new(F::zero_vec(tallest * SALT), SALT);
    salts.values.par_chunks_mut(LEAVES * SALT).enumerate().for_each(|(b, cells)| fill(b, cells));
    extended.push(salts);
    let (commitment, data) = tree().commit(extended);
    Some((commitment, ColumnData::Salted(data)))
}

fn commit(extended: Vec<Mat>) -> (Commitment, Committed) {
    let (commitment, data) = tree().commit(extended);
    (commitment, ColumnData::Tree(data))
}

/// The summed columns' tree with the low-degree extensions of the sums of one proof.
pub fn with_sums(tree: &SummedTree, sums: Vec<Mat>) -> Committed {
    ColumnData::Summed { tree: tree.clone(), sums }
}

/// Commits to the quotients: `chunks[k]` holds both halves of one height, evaluations in natural order of their cosets. The
/// halves of a height stand side by side in one matrix.
pub fn commit_quotients(chunks: Vec<(u8, [Mat; 2])>, log_blowup: u8) -> (Commitment, Committed) {
    let matrix = |(log_height, halves): (u8, [Mat; 2])| {
        let with = quotient_domains(log_height).into_iter().zip(halves);
        let extended = with.map(|(d, m)| {
            let shift = F::GENERATOR * d.first_point().inverse();
            extend_to(m, log_blowup, shift)
        });
        let halves: Vec<Mat> = extended.collect();
        let width = halves[0].width;
        let mut both = Mat::new(F::zero_vec((2 * width) << (log_height + log_blowup)), 2 * width);
        let rows = halves[0].values.par_chunks_exact(width).zip(halves[1].values.par_chunks_exact(width));
        both.values.par_chunks_exact_mut(2 * width).zip(rows).for_each(|(out, (a, b))| {
            out[..width].copy_from_slice(a);
            out[width..].copy_from_slice(b);
        });
        both
    };
    commit(chunks.into_iter().map(matrix).collect())
}

/// Columns on the trace domain with the tree of their extensions.
pub fn streamed(columns: Vec<Arc<Mat>>, log_blowup: u8, tree: Digests) -> Committed {
    ColumnData::Streamed(Streamed::new(columns, log_blowup, tree))
}

/// A half of an extension on twice the rows: of some columns of the matrix at a place, side by side.
pub fn half_of(
    data: &Committed,
    at: usize,
    columns: &[Range<usize>],
    which: usize,
    rows: usize,
) -> Option<Mat> {
    match data {
        ColumnData::Streamed(s) => Some(match s.columns().get(at)? {
            Held::Trace(m) => half(m, columns, which),
            Held::Extension(m) => half_rows(m, columns, which, rows),
        }),
        data => Some(half_rows(matrices(data).get(at)?, columns, which, rows)),
    }
}

/// The first rows of the extension of the matrix at a place, at an inverse rate as a power of two, or all of it where it is held.
pub fn extended(data: &Committed, at: usize, log_blowup: u8) -> Option<Cow<'_, Mat>> {
    match data {
        ColumnData::Streamed(s) => Some(match s.columns().get(at)? {
            Held::Trace(m) => Cow::Owned(whole(m, log_blowup)),
            Held::Extension(m) => Cow::Borrowed(m),
        }),
        data => Some(Cow::Borrowed(matrices(data).get(at)?)),
    }
}

/// Holds the extension of the matrix at a place from now on, where it would be made anew.
pub fn hold_extension(data: &mut Committed, at: usize) {
    if let ColumnData::Streamed(s) = data {
        s.extend(at);
    }
}

/// The rows of a half.
pub fn half_rows(m: &Mat, columns: &[Range<usize>], which: usize, rows: usize) -> Mat {
    let all = m.values.chunks_exact(m.width).skip(which * rows).take(rows);
    let values = all.flat_map(|row| columns.iter().flat_map(|c| row[c.clone()].iter().copied()));
    Mat::new(values.collect(), columns.iter().map(ExactSizeIterator::len).sum())
}

/// The committed low-degree extensions; none where they are made anew.
pub fn matrices(data: &Committed) -> Vec<&Mat> {
    mmcs().get_matrices(data)
}

fn mmcs() -> ColumnMmcs {
    ColumnMmcs { tree: tree() }
}

/// Openings at fixed parameters.
pub struct Scheme<E: Extension> {
    pcs: Pcs<E>,
    fri: FriParameters<FriMmcs<E>>,
    mmcs: ColumnMmcs,
}

impl<E: Extension> Scheme<E> {
    /// The scheme with these FRI parameters.
    pub fn new(c: &FriConfig) -> Scheme<E> {
        let mmcs = mmcs();
        let fri = FriParameters {
            log_blowup: c.log_blowup.into(),
            log_final_poly_len: c.log_final.into(),
            max_log_arity: c.log_arity as usize,
            num_queries: c.queries as usize,
            batch_proof_of_work_bits: c.batch_pow as usize,
            commit_proof_of_work_bits: c.commit_pow as usize,
            query_proof_of_work_bits: c.query_pow as usize,
            mmcs: FriMmcs::new(tree()),
        };
        Scheme { pcs: Pcs::new(dft().clone(), mmcs.clone(), fri.clone()), fri, mmcs }
    }

    /// Opens every matrix of every commitment at its points. The last result is the challenge that batches openings.
    pub fn open(
        &self,
        rounds: Vec<(&Committed, Vec<Vec<E>>)>,
        sponge: &mut Sponge,
        watch: Watch<E>,
    ) -> Result<(Opened<E>, FriProof<E>, E), String> {
        open::open(&self.mmcs, &self.fri, rounds, sponge, watch)
    }

    /// Checks claimed openings.
    ///
    /// # Correctness
    /// p3 absorbs every claimed value before it draws the batching challenge; [`check_fri_shape`] has to run before.
    pub fn verify(&self, claims: Claims<E>, proof: &FriProof<E>, sponge: &mut Sponge) -> Result<(), String> {
        let claims = claims.into_iter().map(Into::into).collect();
        self.pcs.verify(claims, proof, sponge).map_err(|e| e.to_string())
    }
}

/// The subgroup of 2^log_height points.
pub fn domain(log_height: u8) -> Domain {
    Domain::new(F::ONE, log_height as usize).expect("heights are bounded by the key's validation")
}

/// The two cosets on which the quotient of this height is split.
pub fn quotient_domains(log_height: u8) -> [Domain; 2] {
    let whole = domain(log_height).create_disjoint_domain(2 << log_height);
    let halves = whole.split_domains(2);
    [halves[0], halves[1]]
}

/// ω·x for the subgroup of 2^log_height points.
pub fn next_point<E: Extension>(log_height: u8, x: E) -> E {
    x * F::two_adic_generator(log_height as usize)
}

/// x^(2^log_height) − 1.
pub fn vanishing<E: Extension>(log_height: u8, x: E) -> E {
    x.exp_power_of_2(log_height as usize) - E::ONE
}

/// q(x) from the two halves' values at x.
pub fn recompose_quotient<E: Extension>(log_height: u8, halves: [E; 2], x: E) -> E {
    let d = quotient_domains(log_height);
    (0..2)
        .map(|c| {
            let other = d[1 - c];
            halves[c]
                * other.vanishing_poly_at_point(x)
                * other.vanishing_poly_at_point(d[c].first_point()).inverse()
        })
        .sum()
}

/// By which powers of two FRI folds its layers, the extensions having these heights, tallest first.
pub fn schedule(c: &FriConfig, log_heights: &[usize]) -> Vec<usize> {
    p3_fri::fold_schedule(log_heights, usize::from(c.log_blowup + c.log_final), c.log_arity.into())
}

/// Compares every length in FRI's part of a proof with what the parameters and the committed shapes demand.
///
/// `rounds[k]` lists (log height, width) of the matrices of commitment k.
pub fn check_fri_shape<E: Extension>(
    c: &FriConfig,
    rounds: &[Vec<(u8, usize)>],
    p: &FriProof<E>,
) -> Result<(), String> {
    let mut heights: Vec<usize> = rounds.iter().flatten().map(|m| usize::from(m.0 + c.log_blowup)).collect();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    heights.dedup();
    let schedule = schedule(c, &heights);
    let q = c.queries as usize;
    let want = |what: &str, expected: usize, found: usize| {
        if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected}, found {found}")) }
    };
    want("folding commitments", schedule.len(), p.commit_phase_commits.len())?;
    for cap in &p.commit_phase_commits {
        want("roots of a folding commitment", 1, cap.num_roots())?;
    }
    want("folding proofs of work", schedule.len(), p.commit_pow_witnesses.len())?;
    want("folding openings", schedule.len(), p.commit_phase_openings.len())?;
    want("coefficients of the final polynomial", 1 << c.log_final, p.final_poly.len())?;
    for (step, arity) in p.commit_phase_openings.iter().zip(&schedule) {
        want("queries of a folding opening", q, step.sibling_values.len())?;
        for s in &step.sibling_values {
            want("siblings of a folding opening", (1 << arity) - 1, s.len())?;
        }
    }
    want("opened commitments", rounds.len(), p.input_openings.len())?;
    for (opening, round) in p.input_openings.iter().zip(rounds) {
        want("queries of an opening", q, opening.opened_values.len())?;
        for row in &opening.opened_values {
            want("matrices of an opening", round.len(), row.len())?;
            for (values, m) in row.iter().zip(round) {
                want("columns of an opening", m.1, values.len())?;
            }
        }
    }
    Ok(())
}
