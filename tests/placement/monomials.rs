//! The monomials of every equation, cell by cell: who uses an element and who makes it have one of their own, which nobody else of their
//! side has. And circuits whose rows read what other tests read less of: results as they are, several makers at once, padding.
use super::*;
use std::collections::{HashMap, HashSet};
use tessera_api::{EquationTerm, Operand, Seq, Term};

/// Vectors of a sequence, one after the other.
fn all(seq: &Seq) -> Vec<Vec<i64>> {
    let len = seq.len().unwrap() as usize;
    seq.expand(len).unwrap().chunks(seq.dim as usize).map(<[i64]>::to_vec).collect()
}

/// The product of monomials, without the flag.
fn times(monomials: &[&[i64]]) -> Vec<i64> {
    (0..monomials[0].len()).map(|i| monomials.iter().map(|m| m[i]).sum()).collect()
}

/// Checks that cells which read results have monomials of their own, and that in the link equation two cells at most have one: who uses an
/// element, and who makes it, never the same lane. Products have more of them, and are left out.
pub fn are_apart(p: &Program) {
    for e in &p.equations {
        let most = if e.name == "link" { 2 } else { 1 };
        let mut cells: HashMap<Vec<i64>, Vec<String>> = HashMap::new();
        let mut put = |monomial: Vec<i64>, who: String| {
            let here = cells.entry(monomial.clone()).or_default();
            here.push(who);
            assert!(here.len() <= most, "{}: {monomial:?} is that of {here:?}", e.name);
        };
        for (i, t) in e.terms.iter().enumerate() {
            let mut own = HashSet::new();
            let mut put = |monomial: Vec<i64>, who: String| {
                assert!(
                    own.insert((who.clone(), monomial.clone())),
                    "{}: {monomial:?} twice in {who}",
                    e.name
                );
                put(monomial, format!("{who}, term {i}"));
            };
            match &t.operand {
                Operand::Public { public, monomials } => {
                    for m in all(monomials).into_iter().filter(|m| m[0] == 1) {
                        put(times(&[&m[1..], &t.monomial]), p.publics[*public as usize].name.clone());
                    }
                }
                Operand::Ones { monomials } => {
                    all(monomials).iter().for_each(|m| put(times(&[&m[1..], &t.monomial]), "ones".into()));
                }
                Operand::Term(term) => {
                    let Term::Sum { fold, weights } = &p.terms[*term as usize] else { continue };
                    let f = &p.folds[*fold as usize];
                    let (ends, weights) = (all(&f.segments), all(weights));
                    for (l, lane) in f.lanes.iter().enumerate() {
                        let mut segment = 0;
                        for (row, m) in all(&lane.monomials).into_iter().enumerate() {
                            while ends.get(segment).is_some_and(|end| row as i64 >= end[0]) {
                                segment += 1;
                            }
                            let Some(weight) = weights.get(segment) else { break };
                            if (m[0], weight[0]) == (1, 1) {
                                put(
                                    times(&[&m[1..], &weight[1..], &t.monomial]),
                                    format!("{} lane {l}", f.name),
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

fn options() -> PlaceOptions {
    PlaceOptions::new(tessera_backends::default())
}

/// What is wrong with a Program is seen: two cells that change places with others, and one that takes another's.
#[test]
fn cells_under_one_monomial_are_found() {
    let (program, _) = filled(&mut small_cnn(1), 1, options());
    let found = |change: &dyn Fn(&mut Program)| {
        let mut p = program.clone();
        change(&mut p);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| are_apart(&p))).is_err()
    };
    assert!(!found(&|_| ()));
    let link = program.folds.iter().position(|f| f.name.ends_with("links")).unwrap();
    assert!(found(&|p| {
        let m = &mut p.folds[link].lanes[0].monomials;
        m.runs[0].loops.iter_mut().for_each(|(_, step)| step.fill(0));
    }));
    // one reader too many
    for e in 0..2 {
        assert!(found(&|p| {
            let cells = |t: &EquationTerm| match t.operand {
                Operand::Term(term) => matches!(p.terms[term as usize], Term::Sum { .. }),
                _ => true,
            };
            let again = p.equations[e].terms.iter().find(|t| cells(t)).unwrap().clone();
            p.equations[e].terms.extend([again.clone(), again]);
        }));
    }
}

/// Sums that leave the model are the contraction's own.
#[test]
fn results_of_a_product_are_outputs() {
    for batch in [1, 3] {
        let mut b = Build { seed: 4, ..Build::default() };
        let x = b.input(&[1, 6]);
        let y = b.linear(x, 5);
        (b.g.values[y].lo, b.g.values[y].hi) = (-6 * 127 * 9, 6 * 127 * 9);
        b.output(y);
        run(&mut b, batch, options());
    }
}

/// One row reads what two layers and an input make, in turn.
#[test]
fn rows_read_several_makers() {
    for batch in [1, 2] {
        run(&mut several_makers(), batch, options());
    }
}

pub fn several_makers() -> Build {
    let mut b = Build { seed: 7, ..Build::default() };
    let x = b.input(&[1, 4]);
    let (u, v) = (b.linear(x, 3), b.linear(x, 5));
    for y in [u, v] {
        (b.g.values[y].lo, b.g.values[y].hi) = (-4 * 127 * 9, 4 * 127 * 9);
    }
    let all = b.together(&[u, x, v]);
    let all = b.view(all, View::reshape(vec![1, 12]));
    let q = b.requantize(all, 0, -127);
    let y = b.linear(q, 2);
    let q = b.requantize(y, 0, -127);
    b.output(q);
    b
}

/// Layers of one kind share a table: each row has its own numbers, and what is padding in them is zero.
#[test]
fn numbers_of_rows_may_be_padding() {
    for batch in [1, 3] {
        for committed in [false, true] {
            let mut b = Build { seed: 9, ..Build::default() };
            let mut x = b.input(&[1, 8]);
            for _ in 0..2 {
                let few = match committed {
                    true => b.parameter(&[5], -40, 40),
                    false => b.constant(&[5], 1, 40),
                };
                let padded = b.view(few, View::window(&[5], &[-2], &[1], &[8]));
                let padded = b.view(padded, View::reshape(vec![1, 8]));
                let product = b.value(&[1, 8], -127 * 40, 127 * 40);
                b.op(CircuitOp::Mul { a: x, b: padded }, vec![product]);
                x = b.requantize(product, 0, -127);
            }
            b.output(x);
            run(&mut b, batch, PlaceOptions { committed, ..options() });
        }
    }
}

/// Weights of groups whose channels do not fill the last chunk of a row, where they are their owner's and where they are not; and biases
/// of several rows.
#[test]
fn groups_and_biases_fill_rows_in_part() {
    for (x_width, w_width) in [(3, 2), (4, 5)] {
        for committed in [false, true] {
            let widths = PlaceOptions { x_width: Some(x_width), w_width: Some(w_width), ..options() };
            run(&mut owners::network(3), 2, PlaceOptions { committed, biases: Some(true), ..widths });
        }
    }
}

/// Elements that two readers take turns at, each in an order of its own: more ratios from row to row than one lane may have.
#[test]
fn readers_that_take_turns_have_lanes_of_their_own() {
    let (program, _) = filled(&mut turns(&[0, 4], 300), 1, options());
    let makers = program.folds.iter().filter(|f| f.name == "elementwise0 links").map(|f| f.lanes.len());
    assert!(makers.sum::<usize>() >= 2, "one lane has both readers");
}

/// Rows of four elements for each reader, which begin there; every second reader reads them column by column.
pub fn turns(readers: &[i64], rows: usize) -> Build {
    let mut b = Build { seed: 11, ..Build::default() };
    let width = 4 * readers.len();
    let x = b.input(&[1, width * rows]);
    let q = b.affine(vec![(3, x)], 1 << 20, 0, (1 << 21) - 1);
    let (hi, lo) = (b.value(&[1, width * rows], 0, (1 << 9) - 1), b.value(&[1, width * rows], 0, 4095));
    b.op(CircuitOp::Split { x: q, shift: 12 }, vec![hi, lo]);
    let all = b.view(lo, View::reshape(vec![rows, width]));
    for (i, from) in readers.iter().enumerate() {
        let part = b.view(all, View::window(&[rows, width], &[0, *from], &[1, 1], &[rows, 4]));
        let read = if i % 2 == 0 { part } else { b.view(part, View::transpose(&[rows, 4], &[1, 0])) };
        let f = TableFunction::Clamp { lo: 0, hi: 4095, offset: 0, shift: 1, min: 0, max: 127 };
        let y = b.lookup(read, "half", f, 0, 127);
        b.output(y);
    }
    b
}
