//! Hiding proofs: complete, sound, and what each part of their randomness is there for.
use super::join::{join, shape};
use super::suite::{Over, all, quick};
use super::*;
use crate::adversary::Tamper;
use crate::air::Node;
use crate::arithmetic::{Columns, F, Field, Mat, PrimeCharacteristicRing, PrimeField64, coordinates};
use crate::budget::Budget;
use crate::hiding::segments::{Segments, kappa};
use crate::keys::{Proof, Round};
use crate::p3::DEAF;
use crate::verify::rounds;
use crate::{ProvingKey, SecurityTarget, VerifyingKey};
use std::marker::PhantomData;

/// A case with room for masks in every table, proven with zero knowledge. Padding looks up more than before: who provides it counts it.
pub fn hidden<E: Extension>(mut c: Case) -> Case {
    let budget = budget::<E>();
    c.program.zero_knowledge = true;
    for i in 0..c.program.tables.len() {
        let t = &mut c.program.tables[i];
        let before = 1i64 << t.log_height;
        while 1usize << t.log_height < budget.least_height().max(t.rows as usize + budget.rows()) {
            t.log_height += 1;
        }
        let more = (1i64 << t.log_height) - before;
        let t = c.program.tables[i].clone();
        let fixed: Vec<i64> = t.fixed.iter().map(|f| f.padding).collect();
        let witness: Vec<i64> = t.witness.iter().map(|w| w.padding).collect();
        for l in &t.lookups {
            let tuple: Vec<i64> = l.tuple.iter().map(|e| value(e, &fixed, &witness)).collect();
            provide(&mut c, l.relation, &tuple, more);
        }
    }
    c.name = format!("{}, hidden", c.name);
    c
}

/// Counts lookups of a tuple where it is provided.
fn provide(c: &mut Case, relation: u32, tuple: &[i64], more: i64) {
    for (t, cells) in c.program.tables.iter().zip(&mut c.trace.tables) {
        let fixed: Vec<Vec<i64>> = t.fixed.iter().map(|f| c.program.fixed_values(t, f).unwrap()).collect();
        let w = t.witness.len();
        for p in t.provides.iter().filter(|p| p.relation == relation) {
            for row in 0..t.rows as usize {
                let f: Vec<i64> = fixed.iter().map(|v| v[row]).collect();
                let own = &mut cells[row * w..(row + 1) * w];
                if p.tuple.iter().map(|e| value(e, &f, own)).eq(tuple.iter().copied()) {
                    own[p.multiplicity as usize] += more;
                    return;
                }
            }
        }
    }
    panic!("{tuple:?} is provided nowhere in {}", c.name);
}

/// What the cheap target takes over tables of any height that tests have: the smaller the tallest table, the more queries.
fn budget<E: Extension>() -> Budget {
    Budget { queries: 50, degree: E::DEGREE }
}

/// Keys and a proof of a hidden case.
pub struct Proven<E: Extension> {
    pub case: Case,
    pub pk: ProvingKey,
    pub vk: VerifyingKey,
    pub proof: Proof<E>,
}

impl<E: Extension> Proven<E> {
    pub fn new(c: Case) -> Proven<E> {
        let case = hidden::<E>(c);
        assert_eq!(tessera_checker::check(&case.program, &case.trace), Ok(()), "{}", case.name);
        let (pk, vk) = quick::<E>().setup(&case.program).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let (proof, _) =
            quick::<E>().prove(&pk, case.trace.clone()).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        Proven { case, pk, vk, proof }
    }

    pub fn verdict(&self, proof: &Proof<E>) -> Result<Verified, VerifyError> {
        crate::verify::checked(&self.vk, &self.case.trace.publics, proof)
    }
}

fn hidden_proofs_verify<E: Extension>() {
    let cases = (0..3).flat_map(all).chain((3..12).map(|s| join(s, shape(s))));
    for c in cases {
        let p = Proven::<E>::new(c);
        assert!(p.vk.air.budget().is_some_and(|b| b.queries >= p.vk.security.fri.queries as usize));
        if let Err(e) = p.verdict(&p.proof) {
            panic!("{}: {e}", p.case.name);
        }
    }
}

/// Two proofs of one statement are of other commitments each, and of one shape.
fn two_proofs_of_one_statement_differ<E: Extension>() {
    let p = Proven::<E>::new(folds(3));
    let (other, _) = quick::<E>().prove(&p.pk, p.case.trace.clone()).unwrap();
    assert!(p.verdict(&other).is_ok());
    assert!(p.proof.commitments.iter().zip(&other.commitments).all(|(a, b)| a != b));
    let lengths = |p: &Proof<E>| {
        let points = p.opened.iter().flatten().flatten().map(Vec::len);
        let rows = p.fri.input_openings.iter().flat_map(|o| o.opened_values.iter().flatten()).map(Vec::len);
        let layers = p.fri.commit_phase_openings.iter().flat_map(|o| &o.sibling_values).map(Vec::len);
        (p.terminals.len(), p.witnesses.len(), points.chain(rows).chain(layers).collect::<Vec<_>>())
    };
    assert_eq!(lengths(&p.proof), lengths(&other));
}

/// Proves with challenges that are known beforehand, whatever is committed: what is shown is then a function of the masks that can be
/// probed one by one.
pub fn deaf<T>(number: u64, prove: impl FnOnce() -> T) -> T {
    DEAF.set(Some(number));
    let out = prove();
    DEAF.set(None);
    out
}

/// One cell of the randomness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// Of a mask row: (group, row, base column) of the witness.
    Witness(usize, usize, usize),
    /// (round, group, row, column, coordinate) of an extension column.
    Column(u8, usize, usize, usize, usize),
    /// (group, coefficient, coordinate) that a quotient's first segment hands to the second.
    First(usize, usize, usize),
    /// That the second hands to the third.
    Second(usize, usize, usize),
    /// (matrix, coefficient, coordinate) of a random codeword; the last matrix is what groups share.
    Codeword(usize, usize, usize),
}

/// What a prover leaves out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dropped {
    Nothing,
    /// Mask rows of the witness but for blinds.
    Witness,
    /// Mask rows of a later round.
    Columns(u8),
    /// Cells of the witness that blind.
    Blinds,
    /// What the first segment hands to the second.
    First,
    /// What the second hands to the third.
    Second,
    /// Salts.
    Salts,
    /// The codeword of one matrix.
    Codeword(usize),
    /// κ: third segments are committed as they are.
    Kappa,
}

/// A prover with fixed entropy who adds to cells.
struct Probe {
    budget: Budget,
    entropy: [u8; 32],
    cells: Vec<(Cell, F)>,
    dropped: Dropped,
    /// Randomness as it is used: what it is, and its cells.
    seen: Vec<(String, Vec<F>)>,
}

impl<E: Extension> Tamper<E> for Probe {
    fn entropy(&mut self) -> Option<[u8; 32]> {
        Some(self.entropy)
    }

    fn salted(&mut self) -> bool {
        self.dropped != Dropped::Salts
    }

    fn masks(&mut self, groups: &mut [Mat]) {
        for (cell, by) in &self.cells {
            if let Cell::Witness(g, row, column) = *cell {
                let m = &mut groups[g];
                m.values[row * m.width + column] += *by;
            }
        }
        for (g, m) in groups.iter_mut().enumerate() {
            let rows = self.budget.rows() * m.width;
            match self.dropped {
                Dropped::Witness => m.values[m.width..rows].fill(F::ZERO),
                Dropped::Blinds => m.values[..m.width].fill(F::ZERO),
                _ => {}
            }
            self.seen.push((format!("blinds of group {g}"), m.values[..m.width].to_vec()));
            self.seen.push((format!("masks of the witness of group {g}"), m.values[m.width..rows].to_vec()));
        }
    }

    fn extension_masks(&mut self, round: u8, groups: &mut [Columns<E>]) {
        for (cell, by) in &self.cells {
            if let Cell::Column(r, g, row, column, coordinate) = *cell
                && r == round
            {
                let c = &mut groups[g];
                let by = E::from_basis_coefficients_fn(|k| if k == coordinate { *by } else { F::ZERO });
                c.values[row * c.width + column] += by;
            }
        }
        for (g, c) in groups.iter_mut().enumerate() {
            let rows = c.width..self.budget.rows() * c.width;
            if self.dropped == Dropped::Columns(round) {
                c.values[rows.clone()].fill(E::ZERO);
            }
            let cells = c.values[rows].iter().flat_map(|x| coordinates(x).to_vec()).collect();
            self.seen.push((format!("masks of round {round} of group {g}"), cells));
        }
    }

    fn segments(&mut self, groups: &mut [Segments]) {
        let last = groups.len();
        let (b, d) = (self.budget, E::DEGREE);
        for (cell, by) in &self.cells {
            match *cell {
                Cell::First(g, i, k) => {
                    let m = &mut groups[g].tall;
                    let s = b.stride(m.values.len() / m.width);
                    m.values[(s + i) * 3 * d + k] += *by;
                    m.values[i * 3 * d + d + k] -= *by;
                }
                Cell::Second(g, i, k) => {
                    let Segments { tall, last } = &mut groups[g];
                    let s = b.stride(tall.values.len() / tall.width);
                    tall.values[(s + i) * 3 * d + d + k] += *by;
                    last.values[i * d + k] -= kappa().exp_u64(i as u64) * *by;
                }
                _ => {}
            }
        }
        if self.dropped == Dropped::Kappa {
            for s in &mut *groups {
                for (i, row) in s.last.values.chunks_exact_mut(d).enumerate() {
                    row.iter_mut().for_each(|x| *x *= kappa().exp_u64(i as u64).inverse());
                }
            }
        }
        for (g, s) in groups.iter_mut().enumerate().filter(|(g, _)| *g < last) {
            self.codeword::<E>(g, &mut s.tall, 2 * d);
            self.handed::<E>(g, s);
        }
    }

    fn last(&mut self, m: &mut Mat) {
        let at = m.width - E::DEGREE;
        self.codeword::<E>(at / E::DEGREE, m, at);
    }
}

impl Probe {
    fn new(budget: Budget, entropy: u8) -> Probe {
        Probe { budget, entropy: [entropy; 32], cells: vec![], dropped: Dropped::Nothing, seen: vec![] }
    }

    /// What the segments of a group hand on, undone where it is dropped.
    fn handed<E: Extension>(&mut self, group: usize, segments: &mut Segments) {
        let (b, d) = (self.budget, E::DEGREE);
        let Segments { tall, last } = segments;
        let s = b.stride(tall.values.len() / tall.width);
        let (mut first, mut second) = (vec![], vec![]);
        for i in 0..b.second() {
            for k in 0..d {
                let (to, from) = ((s + i) * 3 * d + k, i * 3 * d + d + k);
                if i < b.first() && self.dropped == Dropped::First {
                    let handed = std::mem::take(&mut tall.values[to]);
                    tall.values[from] += handed;
                }
                if self.dropped == Dropped::Second {
                    let handed = std::mem::take(&mut tall.values[to + d]);
                    last.values[i * d + k] += handed * kappa().exp_u64(i as u64);
                }
                first.extend((i < b.first()).then_some(tall.values[to]));
                second.push(tall.values[to + d]);
            }
        }
        self.seen.push((format!("what the first segment of group {group} hands on"), first));
        self.seen.push((format!("what the second segment of group {group} hands on"), second));
    }

    fn codeword<E: Extension>(&mut self, matrix: usize, m: &mut Mat, at: usize) {
        for (cell, by) in &self.cells {
            if let Cell::Codeword(k, i, coordinate) = *cell
                && k == matrix
            {
                m.values[i * m.width + at + coordinate] += *by;
            }
        }
        if self.dropped == Dropped::Codeword(matrix) {
            m.values.chunks_exact_mut(m.width).for_each(|row| row[at..at + E::DEGREE].fill(F::ZERO));
        }
        let cells = m.values.chunks_exact(m.width).flat_map(|row| row[at..at + E::DEGREE].to_vec());
        self.seen.push((format!("the codeword of matrix {matrix}"), cells.collect()));
    }
}

/// A small case at a target of few queries and no grinding, for probing.
pub struct Bench<E: Extension> {
    pub case: Case,
    pub pk: ProvingKey,
    pub budget: Budget,
    of: PhantomData<E>,
}

impl<E: Extension> Bench<E> {
    /// Tables take these heights in turn.
    pub fn new(case: Case, bits: u32, log_heights: &[u8]) -> Bench<E> {
        Bench::fitting(case, bits, log_heights).unwrap()
    }

    /// The same; an error where these heights leave too few rows free.
    fn fitting(mut case: Case, bits: u32, log_heights: &[u8]) -> Result<Bench<E>, SetupError> {
        case.program.tables.iter_mut().zip(log_heights.iter().cycle()).for_each(|(t, h)| t.log_height = *h);
        if !case.program.relations.is_empty() {
            count(&case.program, &mut case.trace.tables);
        }
        case.program.zero_knowledge = true;
        let target = SecurityTarget { bits, grinding: 0, ..Default::default() };
        let pk = Over::<E>::new(target).setup(&case.program)?.0;
        let budget = pk.vk.air.budget().unwrap();
        Ok(Bench { case, pk, budget, of: PhantomData })
    }

    pub fn prove(&self, entropy: u8, cell: Option<Cell>, dropped: Dropped) -> Proof<E> {
        self.watch(entropy, cell, dropped).0
    }

    /// A proof, and the randomness of it.
    fn watch(&self, entropy: u8, cell: Option<Cell>, dropped: Dropped) -> (Proof<E>, Vec<(String, Vec<F>)>) {
        let cells: Vec<(Cell, F)> = cell.iter().map(|c| (*c, F::ONE)).collect();
        let mut probe = Probe { cells, dropped, ..Probe::new(self.budget, entropy) };
        let proof = self.proof(&mut probe, &self.case.trace);
        if dropped == Dropped::Nothing {
            let verdict = self.verdict(&proof);
            assert!(verdict.is_ok(), "{cell:?}: {verdict:?}");
        }
        (proof, probe.seen)
    }

    fn proof(&self, by: &mut dyn Tamper<E>, trace: &Trace) -> Proof<E> {
        deaf(0, || crate::prove_with(&self.pk, trace.clone(), by)).unwrap().0
    }

    /// A proof of some witness, whose randomness is moved by so much.
    pub fn moved(&self, trace: &Trace, entropy: u8, cells: &[(Cell, F)]) -> Proof<E> {
        self.proof(&mut Probe { cells: cells.to_vec(), ..Probe::new(self.budget, entropy) }, trace)
    }

    /// What the verifier says, at the same challenges.
    pub fn verdict(&self, proof: &Proof<E>) -> Result<Verified, VerifyError> {
        deaf(0, || crate::verify::checked(&self.pk.vk, &self.case.trace.publics, proof))
    }

    /// What two proofs with other randomness have in common, and what later randomness owes to that of the witness.
    fn findings(&self, dropped: Dropped) -> Vec<String> {
        let ((a, seen), (b, others)) = (self.watch(1, None, dropped), self.watch(2, None, dropped));
        let mut found = vec![];
        let mut same = |what: &str, pairs: Vec<bool>| {
            if pairs.contains(&true) {
                found.push(what.to_string());
            }
        };
        for ((what, x), (_, y)) in seen.iter().zip(&others) {
            same(what, x.iter().zip(y).map(|(x, y)| x == y).collect());
        }
        // masks are drawn, not computed of other masks
        let moved = self.watch(1, Some(Cell::Witness(0, 2, 0)), dropped).1;
        for ((what, x), (_, y)) in
            seen.iter().zip(&moved).filter(|((what, _), _)| !what.contains("of the witness"))
        {
            same(what, x.iter().zip(y).map(|(x, y)| x != y).collect());
        }
        for n in self.pk.vk.air.groups.iter().flat_map(|g| &g.nodes) {
            if let Node::Terminal { terminal, blind: Some(_), .. } = n {
                let t = *terminal as usize;
                same("an exposed value", vec![a.terminals[t] == b.terminals[t]]);
            }
        }
        // those of the key's trees are its own
        let in_key = rounds(&self.pk.vk.air).into_iter().filter(|r| r.in_key()).count();
        for (x, y) in a.fri.input_openings.iter().zip(&b.fri.input_openings).skip(in_key) {
            let salts = |o: &'_ Vec<Vec<Vec<F>>>| o.concat().concat();
            let (x, y) = (salts(&x.opening_proof.1), salts(&y.opening_proof.1));
            same("salts", x.iter().zip(&y).map(|(x, y)| x == y).collect());
        }
        found.sort();
        found.dedup();
        found
    }

    fn shown(&self, p: &Proof<E>, round: Round, matrix: usize, columns: std::ops::Range<usize>) -> Vec<F> {
        shown(&self.pk.vk, p, round, matrix, columns)
    }

    /// The differences that cells make to what is shown.
    fn differences(
        &self,
        cells: impl Iterator<Item = Cell>,
        dropped: Dropped,
        shown: impl Fn(&Proof<E>) -> Vec<F>,
    ) -> Vec<Vec<F>> {
        let honest = shown(&self.prove(1, None, dropped));
        cells
            .map(|c| {
                let other = shown(&self.prove(1, Some(c), dropped));
                assert_eq!(other.len(), honest.len(), "queries fall together");
                other.iter().zip(&honest).map(|(a, b)| *a - *b).collect()
            })
            .collect()
    }
}

/// What a proof shows of columns of a matrix: at queries and out of the domain, coordinate by coordinate.
pub fn shown<E: Extension>(
    vk: &VerifyingKey,
    p: &Proof<E>,
    round: Round,
    matrix: usize,
    columns: std::ops::Range<usize>,
) -> Vec<F> {
    let k = rounds(&vk.air).iter().position(|r| *r == round).unwrap();
    let mut out = vec![];
    for points in &p.opened[k][matrix] {
        columns.clone().for_each(|c| out.extend(coordinates(&points[c])));
    }
    let mut seen = std::collections::BTreeSet::new();
    for row in &p.fri.input_openings[k].opened_values {
        // one row for each place
        let id: Vec<u64> = row[matrix].iter().map(|x| x.as_canonical_u64()).collect();
        if seen.insert(id) {
            columns.clone().for_each(|c| out.push(row[matrix][c]));
        }
    }
    out
}

/// Where an element of a proof stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Among the exposed values.
    Exposed,
    /// In what is opened of a commitment, at the queries or out of the domain.
    Opened(Round),
    /// In a leaf's salt.
    Salt,
    /// In FRI's layers.
    Layer,
}

/// All that a proof shows but for hashes and what the key determines, coordinate by coordinate.
pub fn exposed<E: Extension>(vk: &VerifyingKey, p: &Proof<E>) -> Vec<(Place, F)> {
    let mut out = vec![];
    let mut add = |place: Place, all: &mut dyn Iterator<Item = &E>| {
        out.extend(all.flat_map(|x| coordinates(x).to_vec()).map(|x| (place, x)));
    };
    add(Place::Exposed, &mut p.terminals.iter());
    let own = || rounds(&vk.air).into_iter().enumerate().filter(|(_, r)| !r.in_key());
    for (k, r) in own() {
        add(Place::Opened(r), &mut p.opened[k].iter().flatten().flatten());
    }
    let layers = p.fri.commit_phase_openings.iter().flat_map(|o| &o.sibling_values).flatten();
    add(Place::Layer, &mut layers.chain(&p.fri.final_poly));
    for (k, r) in own() {
        let o = &p.fri.input_openings[k];
        out.extend(o.opened_values.iter().flatten().flatten().map(|x| (Place::Opened(r), *x)));
        out.extend(o.opening_proof.1.iter().flatten().flatten().map(|x| (Place::Salt, *x)));
    }
    out
}

/// The rank of a matrix, by its rows.
pub fn rank(mut rows: Vec<Vec<F>>) -> usize {
    let mut rank = 0;
    for c in 0..rows.first().map_or(0, Vec::len) {
        let Some(p) = (rank..rows.len()).find(|r| rows[*r][c] != F::ZERO) else { continue };
        rows.swap(rank, p);
        let inverse = rows[rank][c].inverse();
        let (done, rest) = rows.split_at_mut(rank + 1);
        let pivot = &done[rank];
        for row in rest {
            let k = row[c] * inverse;
            if k != F::ZERO {
                row.iter_mut().zip(pivot).for_each(|(x, y)| *x -= k * *y);
            }
        }
        rank += 1;
    }
    rank
}

/// What a proof shows of a column is as many independent functionals of its mask rows as it is values; with a mask row fewer, it is not.
fn masks_have_the_rank_of_what_is_shown<E: Extension>() {
    let b = Bench::<E>::new(folds(3), 5, &[11]);
    let (rows, q, d) = (b.budget.rows(), b.budget.queries, E::DEGREE);
    assert_eq!(b.pk.vk.security.fri.queries as usize, q);
    let check = |round: Round, cell: &dyn Fn(usize) -> Cell, points: usize, column: usize| {
        let found = b
            .differences((2..rows).map(cell), Dropped::Nothing, |p| b.shown(p, round, 0, column..column + 1));
        let shown = q + points * d;
        assert_eq!(found[0].len(), shown, "places fall together: choose another height");
        assert_eq!(rank(found.clone()), shown, "{round:?}, column {column}");
        found
    };
    for column in [0, 1] {
        check(Round::Witness, &|r| Cell::Witness(0, r, column), 1, column);
    }
    for column in 0..b.pk.vk.air.groups[0].round2 as usize {
        let found = check(Round::Second, &|r| Cell::Column(2, 0, r, column, 0), 2, d * column);
        // as many rows as values: one row fewer, and what is shown would depend on what is hidden
        assert_eq!(found.len(), q + 2 * d);
        assert_eq!(rank(found[1..].to_vec()), q + 2 * d - 1);
    }
}

/// All that is shown of a quotient's segments, but for what its value at the out-of-domain point determines, is uniform: in a group of the third
/// segments' own height too, which is what κ is for.
fn segments_have_the_rank_of_what_is_shown<E: Extension>() {
    let lowest = (3..10).find(|h| Bench::<E>::fitting(folds(3), 5, &[*h]).is_ok()).unwrap();
    for log_height in [lowest, 10] {
        let b = Bench::<E>::new(folds(3), 5, &[log_height]);
        let (q, d) = (b.budget.queries, E::DEGREE);
        let groups = b.pk.vk.air.groups.len();
        let shown = |p: &Proof<E>| {
            let tall = [0, d].map(|c| b.shown(p, Round::Quotient, 0, c..c + 1));
            [tall.concat(), b.shown(p, Round::Quotient, groups, 0..1)].concat()
        };
        let cells = || {
            (0..b.budget.first())
                .map(|i| Cell::First(0, i, 0))
                .chain((0..b.budget.second()).map(|i| Cell::Second(0, i, 0)))
        };
        let found = b.differences(cells(), Dropped::Nothing, shown);
        assert_eq!(found.len(), 3 * q + 2 * d);
        let places = found[0].len() - 3 * d;
        // without a place that two queries share
        let full = places == 3 * q;
        let expected = places + 2 * d;
        println!("2^{log_height} rows: {places} places of {} queries, rank {}", 3 * q, rank(found.clone()));
        assert_eq!(rank(found.clone()), expected, "2^{log_height} rows");
        assert!(!full || rank(found[1..].to_vec()) < expected);
        assert!(!full || rank(found[..found.len() - 1].to_vec()) < expected);
    }
}

/// Two short tables with a constraint, at two heights.
fn short() -> Case {
    let mut c = constraints(1);
    for (t, cells) in c.program.tables.iter_mut().zip(&mut c.trace.tables) {
        let rows = std::mem::replace(&mut t.rows, 6) as usize;
        cells.truncate(6 * t.witness.len());
        for f in &mut t.fixed {
            let Values::Seq(s) = &f.values else { continue };
            f.values = Values::Seq(Seq::compress(1, &s.expand(rows).unwrap()[..6]));
        }
    }
    c
}

/// What FRI shows can be anything that it could be, whatever is committed, by the random codewords alone. Without that of the tallest
/// matrix it cannot, nor without that of the lowest, whose layers are opened as a whole.
fn codewords_hide_what_fri_shows<E: Extension>() {
    let b = Bench::<E>::new(short(), 5, &[5]);
    let heights = [b.pk.vk.air.groups[0].height(), 1 << b.budget.log_last()];
    assert!(heights[0] < heights[1] && b.pk.vk.air.groups.len() == 1);
    let shown = |p: &Proof<E>| -> Vec<F> {
        let layers = p.fri.commit_phase_openings.iter().flat_map(|o| &o.sibling_values).flatten();
        layers.chain(&p.fri.final_poly).flat_map(|x| coordinates(x).to_vec()).collect()
    };
    let cells: Vec<Cell> = (heights.iter().enumerate())
        .flat_map(|(k, h)| (0..*h).flat_map(move |i| (0..E::DEGREE).map(move |c| Cell::Codeword(k, i, c))))
        .collect();
    let found = b.differences(cells.iter().copied(), Dropped::Nothing, shown);
    let all = rank(found.clone());
    // proofs with other masks everywhere
    let honest = shown(&b.prove(1, None, Dropped::Nothing));
    for entropy in 2..5 {
        let other = shown(&b.prove(entropy, None, Dropped::Nothing));
        let difference = other.iter().zip(&honest).map(|(a, b)| *a - *b).collect();
        assert_eq!(rank([found.clone(), vec![difference]].concat()), all, "seed {entropy}");
    }
    for k in 0..2 {
        let left = found.iter().zip(&cells).filter(|(_, c)| !matches!(c, Cell::Codeword(m, ..) if *m == k));
        let left: Vec<Vec<F>> = left.map(|(f, _)| f.clone()).collect();
        let (honest, other) =
            (b.prove(1, None, Dropped::Codeword(k)), b.prove(2, None, Dropped::Codeword(k)));
        let difference = shown(&other).iter().zip(&shown(&honest)).map(|(a, b)| *a - *b).collect();
        let before = rank(left.clone());
        assert!(rank([left, vec![difference]].concat()) > before, "the codeword of matrix {k}");
    }
}

/// Whatever of the randomness a prover leaves out, something here sees it.
fn nothing_of_the_randomness_can_be_left_out<E: Extension>() {
    // lookups, equations and copies; the copies' values are in two tables
    for case in [lookups(1), folds(3), join(5, shape(5))] {
        let heights: Vec<u8> = case.program.tables.iter().map(|t| t.log_height.max(6) + 1).collect();
        let name = case.name.clone();
        let b = Bench::<E>::new(case, 2, &heights);
        assert_eq!(b.findings(Dropped::Nothing), [""; 0], "{name}");
        let third = b.pk.vk.air.groups.iter().any(|g| g.round3 > 0);
        let blinds = b.pk.vk.air.groups.iter().flat_map(|g| &g.nodes);
        let blinds = blinds.filter(|n| matches!(n, Node::Terminal { blind: Some(_), .. })).count();
        println!("{name}: {blinds} blinds, round 3: {third}");
        let groups = b.pk.vk.air.groups.len();
        let all = [
            Dropped::Witness,
            Dropped::Columns(2),
            Dropped::Blinds,
            Dropped::First,
            Dropped::Second,
            Dropped::Salts,
        ];
        let codewords = (0..=groups).map(Dropped::Codeword);
        for d in all.into_iter().chain(codewords).chain(third.then_some(Dropped::Columns(3))) {
            assert!(!b.findings(d).is_empty(), "{name}: {d:?}");
        }
    }
}

both!(
    nothing_of_the_randomness_can_be_left_out,
    hidden_proofs_verify,
    two_proofs_of_one_statement_differ,
    masks_have_the_rank_of_what_is_shown,
    segments_have_the_rank_of_what_is_shown,
    codewords_hide_what_fri_shows
);
