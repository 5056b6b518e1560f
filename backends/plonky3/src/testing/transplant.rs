//! Transplants: for a second witness of the same statement, masks are found with which its proof shows, element by element, what a proof
//! of the first showed. So what is shown says nothing that would tell them apart.
//!
//! Round after round, as the argument goes: how what is shown depends on a round's randomness is probed on the real prover, and solved.
use super::hiding::{Bench, Cell, Place, exposed};
use super::simulator::benches;
use super::*;
use crate::air::Group;
use crate::arithmetic::{F, Field, PrimeCharacteristicRing};
use crate::keys::{Proof, Round};

/// Another witness of the same public values: lanes of folds are differences of two columns, and rows of lookups may change places.
fn other(c: &Case) -> Trace {
    let mut trace = c.trace.clone();
    let mut r = rng(77);
    for (t, cells) in c.program.tables.iter().zip(&mut trace.tables) {
        let w = t.witness.len();
        if t.name.starts_with("user") {
            cells.rotate_left(w);
        }
        for j in 0..w.saturating_sub(1) {
            if t.witness[j].name.starts_with('a') && t.witness[j + 1].name.starts_with('b') {
                for row in cells.chunks_exact_mut(w) {
                    let by = r.random_range(-50..50);
                    row[j] += by;
                    row[j + 1] += by;
                }
            }
        }
    }
    assert_ne!(trace, c.trace, "{}", c.name);
    assert_eq!(trace.publics, c.trace.publics);
    assert_eq!(tessera_checker::check(&c.program, &trace), Ok(()), "{}", c.name);
    trace
}

/// Amounts x with Σ x·row = target where there are such: elimination on columns. What cannot be reached is left.
fn solve(rows: &[Vec<F>], target: &[F]) -> Vec<F> {
    // one equation for each element that is shown, over the cells
    let n = rows.len();
    let mut equations: Vec<Vec<F>> = (0..target.len())
        .map(|i| rows.iter().map(|r| r[i]).chain([target[i]]).collect())
        .filter(|e: &Vec<F>| e[..n].iter().any(|x| *x != F::ZERO))
        .collect();
    let mut pivots = vec![];
    for c in 0..n {
        let at = pivots.len();
        let Some(p) = (at..equations.len()).find(|e| equations[*e][c] != F::ZERO) else { continue };
        equations.swap(at, p);
        let by = equations[at][c].inverse();
        equations[at].iter_mut().for_each(|x| *x *= by);
        let pivot = equations[at].clone();
        for (_, e) in equations.iter_mut().enumerate().filter(|(i, e)| *i != at && e[c] != F::ZERO) {
            let k = e[c];
            e.iter_mut().zip(&pivot).for_each(|(x, y)| *x -= k * *y);
        }
        pivots.push(c);
    }
    let mut out = F::zero_vec(n);
    pivots.iter().zip(&equations).for_each(|(c, e)| out[*c] = e[n]);
    out
}

/// The randomness, round by round, with what it is there for.
fn randomness<E: Extension>(b: &Bench<E>) -> Vec<(Vec<Cell>, [Place; 2])> {
    let (air, budget, d) = (&b.pk.vk.air, b.budget, E::DEGREE);
    let groups = || air.groups.iter().enumerate();
    let columns = |round: u8, g: usize, width: u32| {
        let cell = move |row, column, k| Cell::Column(round, g, row, column, k);
        let rows = (1..budget.rows()).flat_map(move |row| (0..width as usize).map(move |c| (row, c)));
        rows.flat_map(move |(row, c)| (0..d).map(move |k| cell(row, c, k)))
    };
    let witness = groups().flat_map(|(g, group)| {
        let rows = (0..budget.rows()).flat_map(move |r| (0..group.witness as usize).map(move |c| (r, c)));
        rows.map(move |(r, c)| Cell::Witness(g, r, c))
    });
    let handed = groups().flat_map(|(g, _)| {
        let pairs = |n: usize| (0..n).flat_map(move |i| (0..d).map(move |k| (i, k)));
        let first = pairs(budget.first()).map(move |(i, k)| Cell::First(g, i, k));
        first.chain(pairs(budget.second()).map(move |(i, k)| Cell::Second(g, i, k)))
    });
    let last = air.groups.len();
    let heights = groups().map(|(g, group)| (g, group.height())).chain([(last, 1 << budget.log_last())]);
    let codewords = heights
        .flat_map(|(m, height)| (0..height).flat_map(move |i| (0..d).map(move |k| Cell::Codeword(m, i, k))));
    let of = |round: u8, width: &dyn Fn(&Group) -> u32| {
        groups().flat_map(|(g, group)| columns(round, g, width(group))).collect::<Vec<Cell>>()
    };
    use Place::{Exposed, Layer, Opened};
    vec![
        (witness.collect(), [Exposed, Opened(Round::Witness)]),
        (of(2, &|g| g.round2), [Exposed, Opened(Round::Second)]),
        (of(3, &|g| g.round3), [Exposed, Opened(Round::Third)]),
        (handed.collect(), [Opened(Round::Quotient); 2]),
        (codewords.collect(), [Layer, Opened(Round::Quotient)]),
    ]
}

fn another_witness_has_masks_that_show_the_same<E: Extension>() {
    // every cell is probed by a proof: of the larger challenges, copies are enough
    for b in benches::<E>().into_iter().skip(if E::DEGREE > 2 { 2 } else { 0 }) {
        let name = &b.case.name;
        let second = other(&b.case);
        let show =
            |trace: &Trace, entropy: u8, cells: &[(Cell, F)]| elements(&b, &b.moved(trace, entropy, cells));
        let wanted = show(&b.case.trace, 1, &[]);
        let mut cells: Vec<(Cell, F)> = vec![];
        for (round, places) in randomness(&b) {
            let missing = |from: &[(Place, F)], to: &[(Place, F)]| -> Vec<F> {
                let own = from.iter().zip(to).filter(|(x, _)| places.contains(&x.0));
                own.map(|(x, y)| y.1 - x.1).collect()
            };
            let now = show(&second, 2, &cells);
            let probe = |c: &Cell| missing(&now, &show(&second, 2, &[&cells[..], &[(*c, F::ONE)]].concat()));
            let rows: Vec<Vec<F>> = round.iter().map(probe).collect();
            let by = solve(&rows, &missing(&now, &wanted));
            cells.extend(round.into_iter().zip(by));
        }
        let proof = b.moved(&second, 2, &cells);
        let found = elements(&b, &proof);
        let differ: Vec<Place> =
            found.iter().zip(&wanted).filter(|(a, b)| a != b).map(|(a, _)| a.0).collect();
        println!("{name}: {} elements are shown, {} cells", wanted.len(), cells.len());
        assert_eq!(differ, [], "{name}");
        assert!(b.verdict(&proof).is_ok(), "{name}");
        // hashes do differ: the witnesses are two
        assert_ne!(proof.commitments[0], b.moved(&b.case.trace, 1, &[]).commitments[0]);
    }
}

/// What is shown, but for salts, which are drawn afresh.
fn elements<E: Extension>(b: &Bench<E>, p: &Proof<E>) -> Vec<(Place, F)> {
    exposed(&b.pk.vk, p).into_iter().filter(|(place, _)| *place != Place::Salt).collect()
}

both!(another_witness_has_masks_that_show_the_same);
