//! The prover's side of an opening: values outside the domain, and the one vector per height that FRI folds.
//!
//! The same messages as `TwoAdicFriPcs::open`, which the verifier checks (p3-fri); what differs is how they are computed. p3
//! walks row by row, which costs as much for two columns as for sixteen; here machine vectors hold neighbouring columns of a
//! row where rows are summed, and several rows of a column where columns are, all matrices of a height are reduced in one sweep, and quotients by x − z share one batched inversion.
//!
//! # Correctness
//! None rests here: a wrong value makes a proof that the verifier refuses. The order in which columns take powers of α is
//! p3's: matrices in order of commitment, for each height a running count of (column, point) pairs.
use super::streamed::Held;
use super::{ColumnMmcs, Committed, FriProof, Opened, Sponge, extend, extend_coefficients, interpolate};
use crate::arithmetic::dot::{Constant, MOST, Sum};
use crate::arithmetic::lanes::{Arithmetic, Packed, Single, Weights};
use crate::arithmetic::rows::Strips;
use crate::arithmetic::{
    Extension, F, Field, Mat, PE, PF, PackedFieldExtension, PackedValue, PrimeCharacteristicRing,
    TwoAdicField, flatten, invert_all,
};
use p3_commit::{Mmcs, OpeningRequest};
use p3_field::coset::TwoAdicMultiplicativeCoset;
use p3_fri::prover::prove_fri;
use p3_fri::{
    FriFoldingStrategy, FriParameters, PcsProverTranscript, PcsShape, TwoAdicFriFolding,
    TwoAdicFriFoldingForMmcs,
};
use p3_matrix::Matrix;
use p3_matrix::bitrev::BitReversibleMatrix;
use p3_maybe_rayon::prelude::*;
use p3_util::reverse_slice_index_bits;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Mul;

/// Rows handed to one task.
const BLOCK: usize = 1024;
/// Columns, for each point, from which on it takes less time to extend their combination than to read all their rows.
const MANY: usize = 64;
/// Rows that are summed before the sum is reduced.
const SUMMED_BLOCK: usize = 256;
/// Rows that are read side by side.
const TILE: usize = 8;
const _: () = assert!(SUMMED_BLOCK <= MOST);

/// A commitment's data and the points at which each of its matrices is opened: one or two.
pub type Request<'a, E> = (&'a Committed, Vec<Vec<E>>);

/// Who looks on, and what is not taken for granted.
pub struct Watch<'a, E> {
    /// Sees each layer that FRI has folded.
    pub folded: &'a mut dyn FnMut(&mut [E]),
    /// Whether matrices may be no extensions: then all their rows are combined.
    pub any_rows: bool,
}

/// Opens every matrix at its points; the last result is the challenge that batches openings.
pub fn open<E: Extension>(
    mmcs: &ColumnMmcs,
    fri: &FriParameters<super::FriMmcs<E>>,
    requests: Vec<Request<E>>,
    sponge: &mut Sponge,
    watch: Watch<E>,
) -> Result<(Opened<E>, FriProof<E>, E), String> {
    let log_blowup = fri.log_blowup;
    let matrices: Vec<(Vec<Known>, &Vec<Vec<E>>)> =
        requests.iter().map(|(data, points)| (known(mmcs, data), points)).collect();
    let heights = matrices.iter().flat_map(|m| &m.0).map(|m| m.height(log_blowup));
    let tallest = heights.max().ok_or("nothing to open")?;
    let coset = coset(tallest);
    let mut inverses: BTreeMap<(Vec<u64>, usize), Vec<E>> = BTreeMap::new();
    for (all, points) in &matrices {
        for (m, points) in all.iter().zip(*points) {
            let height = m.height(log_blowup);
            for z in points {
                // matrices of one height share their points; ζ serves all heights by a prefix
                let known = inverses.range((key(*z), 0)..=(key(*z), usize::MAX)).next_back();
                if known.is_none_or(|(k, _)| k.1 < height) {
                    inverses.insert((key(*z), height), inverse_distances(*z, &coset[..height]));
                }
            }
        }
    }
    let distances = |z: &E, height: usize| -> Result<&[E], String> {
        let all = inverses.range((key(*z), 0)..=(key(*z), usize::MAX)).next_back();
        all.and_then(|(_, d)| d.get(..height)).ok_or_else(|| "a point without distances".to_string())
    };

    let mut opened: Opened<E> = vec![];
    for (all, points) in &matrices {
        let mut round = vec![];
        for (m, points) in all.iter().zip(*points) {
            let low = m.height(log_blowup) >> log_blowup;
            round.push(match m {
                Known::Extension(m) => {
                    let at = points.iter().map(|z| Ok((*z, distances(z, low)?)));
                    values(m, &at.collect::<Result<Vec<_>, String>>()?, &coset[..low], F::GENERATOR)
                }
                Known::Trace(m) => {
                    let subgroup: Vec<F> =
                        F::two_adic_generator(low.trailing_zeros() as usize).powers().take(low).collect();
                    let there: Vec<Vec<E>> =
                        points.iter().map(|z| inverse_distances(*z, &subgroup)).collect();
                    let at: Vec<(E, &[E])> = points.iter().zip(&there).map(|(z, d)| (*z, &d[..])).collect();
                    values(m, &at, &subgroup, F::ONE)
                }
            });
        }
        opened.push(round);
    }

    let mut transcript =
        PcsProverTranscript::<Sponge, F, E>::new(sponge, PcsShape::from_opened_values(fri, &opened));
    transcript.claimed_openings(&opened);
    let (alpha, batch_pow) = transcript.batch_phase();

    let mut sums: BTreeMap<usize, Reduction<E>> = BTreeMap::new();
    for ((all, points), values) in matrices.iter().zip(&opened) {
        for ((m, points), values) in all.iter().zip(*points).zip(values) {
            sums.entry(m.height(log_blowup)).or_default().add(m, points, values, alpha);
        }
    }
    let mut inputs = vec![];
    for (height, r) in sums.iter().rev() {
        let distances = r.points.iter().map(|p| distances(&p.z, *height)).collect::<Result<Vec<_>, _>>()?;
        let unread = if watch.any_rows { 0 } else { log_blowup };
        inputs.push(r.evaluate(*height, log_blowup, unread, &distances));
    }
    let rounds: Vec<_> =
        requests.into_iter().map(|(prover_data, points)| OpeningRequest { prover_data, points }).collect();
    let folding = Folding { p3: TwoAdicFriFolding(PhantomData), folded: RefCell::new(watch.folded) };
    let proof = transcript.delegate(|sponge| {
        let log_height = tallest.trailing_zeros() as usize;
        prove_fri(&folding, fri, inputs, sponge, log_height, &rounds, mmcs, batch_pow.unwrap_or(F::ZERO))
    });
    match proof {
        Ok(proof) => {
            transcript.finish();
            Ok((opened, proof, alpha))
        }
        Err(e) => {
            transcript.abort();
            Err(format!("the openings cannot be proven: {e}"))
        }
    }
}

/// What is known of columns that are opened.
enum Known<'a> {
    /// Their extension, rows in bit-reversed order.
    Extension(&'a Mat),
    /// Their values on the trace domain.
    Trace(&'a Mat),
}

impl<'a> Known<'a> {
    fn matrix(&self) -> &'a Mat {
        match self {
            Known::Extension(m) | Known::Trace(m) => m,
        }
    }

    /// Rows of the extension.
    fn height(&self, log_blowup: usize) -> usize {
        let m = self.matrix();
        let rows = m.values.len() / m.width;
        match self {
            Known::Extension(_) => rows,
            Known::Trace(_) => rows << log_blowup,
        }
    }
}

fn known<'a>(mmcs: &ColumnMmcs, data: &'a Committed) -> Vec<Known<'a>> {
    match data {
        Committed::Streamed(s) => {
            let of = |held: &'a Held| match held {
                Held::Trace(m) => Known::Trace(m),
                Held::Extension(m) => Known::Extension(m),
            };
            s.columns().iter().map(of).collect()
        }
        data => mmcs.get_matrices(data).into_iter().map(Known::Extension).collect(),
    }
}

/// p3's folding, with somebody who sees the layers before they are committed.
struct Folding<'a, E> {
    p3: TwoAdicFriFoldingForMmcs<F, ColumnMmcs>,
    folded: RefCell<&'a mut dyn FnMut(&mut [E])>,
}

impl<E: Extension> FriFoldingStrategy<F, E> for Folding<'_, E> {
    type InputProof = <TwoAdicFriFoldingForMmcs<F, ColumnMmcs> as FriFoldingStrategy<F, E>>::InputProof;
    type InputError = <TwoAdicFriFoldingForMmcs<F, ColumnMmcs> as FriFoldingStrategy<F, E>>::InputError;

    fn extra_query_index_bits(&self) -> usize {
        FriFoldingStrategy::<F, E>::extra_query_index_bits(&self.p3)
    }

    fn fold_row(
        &self,
        index: usize,
        log_height: usize,
        log_arity: usize,
        beta: E,
        evals: impl Iterator<Item = E>,
    ) -> E {
        FriFoldingStrategy::<F, E>::fold_row(&self.p3, index, log_height, log_arity, beta, evals)
    }

    fn fold_matrix<M: Matrix<E>>(&self, beta: E, log_arity: usize, m: M) -> Vec<E> {
        let mut layer = FriFoldingStrategy::<F, E>::fold_matrix(&self.p3, beta, log_arity, m);
        (self.folded.borrow_mut())(&mut layer);
        layer
    }
}

/// An ordered form of a point.
fn key<E: Extension>(z: E) -> Vec<u64> {
    use crate::arithmetic::PrimeField64;
    crate::arithmetic::coordinates(&z).iter().map(|c| c.as_canonical_u64()).collect()
}

/// The coset of the tallest extension in bit-reversed order; prefixes are the smaller ones.
fn coset(height: usize) -> Vec<F> {
    let all = TwoAdicMultiplicativeCoset::new(F::GENERATOR, height.trailing_zeros() as usize);
    let mut points: Vec<F> = all.map_or_else(Vec::new, |c| c.iter().collect());
    reverse_slice_index_bits(&mut points);
    points
}

/// 1/(z − x) for every x.
fn inverse_distances<E: Extension>(z: E, coset: &[F]) -> Vec<E> {
    let mut out = E::zero_vec(coset.len());
    out.par_chunks_mut(BLOCK).zip(coset.par_chunks(BLOCK)).for_each(|(out, xs)| {
        let mut scratch = vec![];
        let whole = xs.len() / PF::WIDTH * PF::WIDTH;
        let mut packed: Vec<PE<E>> =
            xs[..whole].chunks_exact(PF::WIDTH).map(|x| PE::<E>::from(z) - PF::from_fn(|l| x[l])).collect();
        invert_all::<E>(&mut packed, &mut scratch);
        for (out, x) in out.chunks_exact_mut(PF::WIDTH).zip(&packed) {
            x.to_ext_slice(out);
        }
        for (out, x) in out[whole..].iter_mut().zip(&xs[whole..]) {
            *out = (z - *x).inverse();
        }
    });
    out
}

/// Up to `PF::WIDTH` neighbouring cells of a row; zero where there are fewer.
#[inline]
fn strip(cells: &[F]) -> PF {
    match cells.len() {
        PF::WIDTH => *PF::from_slice(cells),
        n => PF::from_fn(|l| if l < n { cells[l] } else { F::ZERO }),
    }
}

/// The values of a matrix's columns at points, by barycentric interpolation over its first rows, which are its values on a coset:
/// f(z) = (zⁿ − gⁿ)/(n·gⁿ) · Σ x·f(x)/(z − x) over the coset gH of n points, g being its shift. Of every point, the inverse distances.
fn values<E: Extension>(m: &Mat, at: &[(E, &[E])], coset: &[F], shift: F) -> Vec<Vec<E>> {
    let (width, low) = (m.width, coset.len());
    let strips = width.div_ceil(PF::WIDTH);
    let zero = || vec![E::array(|_| PF::ZERO); strips * at.len()];
    let sums = m.values[..low * width]
        .par_chunks(SUMMED_BLOCK * width)
        .enumerate()
        .map(|(b, rows)| {
            tessera_cancel::point();
            let mut sums = vec![Sum::<E>::default(); strips * at.len()];
            let here = b * SUMMED_BLOCK..b * SUMMED_BLOCK + rows.len() / width;
            let weigh = |(x, d): (&F, &E)| Constant::from(*d * *x);
            let weigh = |d: &[E]| coset[here.clone()].iter().zip(&d[here.clone()]).map(weigh).collect();
            let weights: Vec<Vec<Constant<E>>> = at.iter().map(|(_, d)| weigh(d)).collect();
            // few rows at a time, so that memory is read in order
            for (t, rows) in rows.chunks(TILE * width).enumerate() {
                for (weights, sums) in weights.iter().zip(sums.chunks_exact_mut(strips)) {
                    for (s, sum) in sums.iter_mut().enumerate() {
                        let cells = s * PF::WIDTH..width.min((s + 1) * PF::WIDTH);
                        for (row, w) in rows.chunks_exact(width).zip(&weights[t * TILE..]) {
                            sum.add(strip(&row[cells.clone()]), w);
                        }
                    }
                }
            }
            sums.into_iter().map(Sum::total).collect::<Vec<E::Array<PF>>>()
        })
        .reduce(zero, |mut a, b| {
            let both = a.iter_mut().zip(&b).flat_map(|(a, b)| a.as_mut().iter_mut().zip(b.as_ref()));
            both.for_each(|(a, b)| *a += *b);
            a
        });
    let n = F::from_usize(low);
    let shift = shift.exp_u64(low as u64);
    at.iter()
        .enumerate()
        .map(|(k, (z, _))| {
            let scale = (z.exp_u64(low as u64) - shift) * (n * shift).inverse();
            let column = |c: usize| {
                let sum = &sums[k * strips + c / PF::WIDTH];
                E::from_basis_coefficients_fn(|i| sum.as_ref()[i].as_slice()[c % PF::WIDTH]) * scale
            };
            (0..width).map(column).collect()
        })
        .collect()
}

/// What is known of one height: Σ α^k·(f(z) − f(x))/(z − x) over its (column, point) pairs.
struct Reduction<'a, E: Extension> {
    /// Pairs so far.
    count: u64,
    points: Vec<AtPoint<E>>,
    /// Extensions.
    matrices: Vec<Reduced<'a, E>>,
    /// Columns on the trace domain.
    traces: Vec<Reduced<'a, E>>,
}

impl<E: Extension> Default for Reduction<'_, E> {
    fn default() -> Self {
        Reduction { count: 0, points: vec![], matrices: vec![], traces: vec![] }
    }
}

struct AtPoint<E> {
    z: E,
    /// Σ α^k·f(z).
    value: E,
}

struct Reduced<'a, E: Extension> {
    columns: Strips<'a>,
    /// α^k of the columns at the first point.
    weights: Weights<E>,
    /// For each point of the matrix its index among the height's, and its factor relative to the first.
    points: Vec<(usize, E)>,
}

impl<'a, E: Extension> Reduction<'a, E> {
    fn add(&mut self, known: &Known<'a>, points: &[E], values: &[Vec<E>], alpha: E) {
        let m = known.matrix();
        let first = alpha.exp_u64(self.count);
        let powers: Vec<E> = alpha.shifted_powers(first).take(m.width).collect();
        let step = alpha.exp_u64(m.width as u64);
        let mut factor = E::ONE;
        let mut at = vec![];
        for (z, values) in points.iter().zip(values) {
            let known = self.points.iter().position(|p| p.z == *z);
            let i = known.unwrap_or_else(|| {
                self.points.push(AtPoint { z: *z, value: E::ZERO });
                self.points.len() - 1
            });
            let value: E = powers.iter().zip(values).map(|(a, v)| *a * *v).sum();
            self.points[i].value += factor * value;
            at.push((i, factor));
            factor *= step;
            self.count += m.width as u64;
        }
        let weights = Weights::new(E::ZERO, (0..m.width as u32).collect(), powers);
        let side = if matches!(known, Known::Trace(_)) { &mut self.traces } else { &mut self.matrices };
        side.push(Reduced { columns: Strips::new(&[m], |_| true), weights, points: at });
    }

    /// On the whole extension, of which the first of 2^`unread` parts is read where there are many columns: a combination of extensions is the
    /// extension of the combination. So is that of columns on the trace domain, which has one of 2^log_blowup parts.
    fn evaluate(&self, height: usize, log_blowup: usize, unread: usize, distances: &[&[E]]) -> Vec<E> {
        let columns: usize = self.matrices.iter().map(|r| r.weights.columns.len()).sum();
        let unread = if columns < MANY * self.points.len() { 0 } else { unread };
        let from_part = |m: Mat| match unread {
            0 => m,
            unread => {
                let natural = m.bit_reverse_rows().to_row_major_matrix();
                extend_coefficients(interpolate(natural, F::GENERATOR), unread as u8)
            }
        };
        let matrices = self.combine(&self.matrices, height >> unread, from_part);
        let traces = self.combine(&self.traces, height >> log_blowup, |m| extend(m, log_blowup as u8));
        let sums: Vec<(&[E], &[E])> = (matrices.iter().zip(distances).chain(traces.iter().zip(distances)))
            .map(|(sum, d)| (&sum[..], *d))
            .collect();
        let mut out = E::zero_vec(height);
        out.par_chunks_mut(BLOCK).enumerate().for_each(|(b, out)| {
            let (first, whole) = (b * BLOCK, out.len() / PF::WIDTH * PF::WIDTH);
            for i in (0..whole).step_by(PF::WIDTH) {
                let packed = |v: &[E]| PE::<E>::from_ext_slice(&v[first + i..][..PF::WIDTH]);
                let values = self.points.iter().zip(distances).map(|(p, d)| packed(d) * p.value);
                let sums = sums.iter().map(|(sum, d)| packed(sum) * packed(d));
                (values.sum::<PE<E>>() - sums.sum::<PE<E>>()).to_ext_slice(&mut out[i..i + PF::WIDTH]);
            }
            for (i, out) in (first + whole..).zip(&mut out[whole..]) {
                let values = self.points.iter().zip(distances).map(|(p, d)| d[i] * p.value);
                *out = values.sum::<E>() - sums.iter().map(|(sum, d)| sum[i] * d[i]).sum::<E>();
            }
        });
        out
    }

    /// Σ α^k·f(x) on the first rows of matrices, extended, for each point; nothing of no matrix.
    fn combine(&self, matrices: &[Reduced<E>], rows: usize, extend: impl Fn(Mat) -> Mat) -> Vec<Vec<E>> {
        if matrices.is_empty() {
            return vec![];
        }
        let points = self.points.len();
        let mut all = vec![E::zero_vec(rows); points];
        let whole = rows / PF::WIDTH * PF::WIDTH;
        // of each block of rows the sums at all points
        let mut blocks: Vec<Vec<&mut [E]>> = vec![];
        blocks.resize_with(whole.div_ceil(BLOCK), Vec::new);
        let mut rest = vec![];
        for sums in &mut all {
            let (packed, last) = sums.split_at_mut(whole);
            blocks.iter_mut().zip(packed.chunks_mut(BLOCK)).for_each(|(block, sums)| block.push(sums));
            rest.push(last);
        }
        blocks.par_iter_mut().enumerate().for_each(|(b, out)| {
            tessera_cancel::point();
            let mut at = vec![PE::<E>::ZERO; points];
            let mut rows: Vec<_> = matrices.iter().map(|r| r.columns.buffer::<Packed<E>>()).collect();
            for i in (0..BLOCK.min(whole - b * BLOCK)).step_by(PF::WIDTH) {
                let positions: [usize; PF::WIDTH] = std::array::from_fn(|l| b * BLOCK + i + l);
                at.fill(PE::<E>::ZERO);
                for (r, row) in matrices.iter().zip(&mut rows) {
                    r.columns.load::<Packed<E>>(&positions, row);
                    r.add(Packed::<E>::dot(&r.weights, row), &mut at);
                }
                at.iter().zip(&mut *out).for_each(|(x, out)| x.to_ext_slice(&mut out[i..i + PF::WIDTH]));
            }
        });
        for position in whole..rows {
            let mut at = E::zero_vec(points);
            for r in matrices {
                let mut row = r.columns.buffer::<Single<E>>();
                r.columns.load::<Single<E>>(&[position], &mut row);
                r.add(Single::<E>::dot(&r.weights, &row), &mut at);
            }
            at.iter().zip(&mut rest).for_each(|(x, out)| out[position - whole] = *x);
        }
        let extended = |sums| E::reconstitute_from_base(extend(flatten(sums, 1)).values);
        all.into_iter().map(extended).collect()
    }
}

impl<E: Extension> Reduced<'_, E> {
    /// Adds a combination of its columns at each of its points.
    fn add<X: PrimeCharacteristicRing + Copy + Mul<E, Output = X>>(&self, sum: X, at: &mut [X]) {
        for (k, (p, factor)) in self.points.iter().enumerate() {
            at[*p] += if k == 0 { sum } else { sum * *factor };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FriConfig, Scheme, commit_extended, commit_streamed, extend, next_point, streamed};
    use super::*;
    use crate::arithmetic::Quadratic;
    use p3_commit::Pcs;
    use std::sync::Arc;

    /// A proof is a function of the transcript, so both ways give the same bytes.
    #[test]
    fn opens_exactly_as_p3_does() {
        for (log_blowup, log_final, any_rows) in [(1, 0, false), (1, 0, true), (3, 0, false), (2, 1, false)] {
            opens_as_p3_does(log_blowup, log_final, any_rows);
        }
    }

    fn opens_as_p3_does(log_blowup: u8, log_final: u8, any_rows: bool) {
        let config = FriConfig {
            queries: 5,
            query_pow: 3,
            commit_pow: 1,
            batch_pow: 2,
            log_arity: 3,
            log_blowup,
            log_final,
        };
        type E = Quadratic;
        let scheme = Scheme::<E>::new(&config);
        let mut random = Sponge::new(b"cells");
        let mut mat = |log: u8, width: usize| {
            Mat::new(
                (0..width << log).map(|_| crate::arithmetic::coordinates(&random.draw::<E>())[0]).collect(),
                width,
            )
        };
        for shapes in [
            vec![vec![(4u8, 3)], vec![(4, 2)]],
            vec![vec![(9, 5), (6, 1), (2, 4)], vec![(9, 2), (6, 150)], vec![(7, 4), (2 * log_final, 2)]],
        ] {
            let columns: Vec<Vec<Mat>> =
                shapes.iter().map(|r| r.iter().map(|(h, w)| mat(*h, *w)).collect()).collect();
            let extended = |r: &Vec<Mat>| -> Committed {
                commit_extended(r.iter().map(|m| extend(m.clone(), log_blowup)).collect()).unwrap().1
            };
            let streaming = |r: &Vec<Mat>| -> Committed {
                let tree = commit_streamed(&r.iter().collect::<Vec<_>>(), log_blowup).unwrap();
                streamed(r.iter().cloned().map(Arc::new).collect(), log_blowup, tree)
            };
            let data: Vec<Committed> = columns.iter().map(extended).collect();
            // some of them in memory, the others made anew
            let mixed: Vec<Committed> = (columns.iter().enumerate())
                .map(|(i, r)| if i % 2 == 0 { streaming(r) } else { extended(r) })
                .collect();
            let zeta: E = Sponge::new(b"point").draw();
            let points = |i: usize, h: u8| match i {
                1 => vec![zeta, next_point(h, zeta)],
                _ => vec![zeta],
            };
            let round = |(i, r): (usize, &Vec<(u8, usize)>)| r.iter().map(|(h, _)| points(i, *h)).collect();
            let all: Vec<Vec<Vec<E>>> = shapes.iter().enumerate().map(round).collect();
            let theirs = data.iter().zip(&all).map(|(d, points)| (d, points.clone()).into());
            let theirs = scheme.pcs.open(theirs.collect(), &mut Sponge::new(b"t")).unwrap();
            let bytes = |x: &(Opened<E>, FriProof<E>)| postcard::to_allocvec(x).unwrap();
            for data in [&data, &mixed] {
                let requests = data.iter().zip(all.clone()).collect();
                let watch = Watch { folded: &mut |_| {}, any_rows };
                let (opened, proof, _) =
                    open(&scheme.mmcs, &scheme.fri, requests, &mut Sponge::new(b"t"), watch).unwrap();
                assert_eq!(bytes(&(opened, proof)), bytes(&theirs));
            }
        }
    }
}
