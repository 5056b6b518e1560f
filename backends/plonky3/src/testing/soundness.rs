//! Forgeries in every place: each column, exposed value and message of a few Programs, one after the other. (Random ones
//! on random Programs are in `forgeries.rs`.)
//!
//! Invariant: every cell that is changed here takes part in something, so every forgery is rejected.
use super::join::{Shape, join};
use super::suite::{Over, quick};
use super::*;
use crate::adversary::Tamper;
use crate::adversary::forger::{Forged, Forger};
use crate::arithmetic::{Extension, F, Mat, PrimeCharacteristicRing};
use crate::keys::Proof;
use crate::transcript::Skew;
use crate::{ProvingKey, prove_with};
use tessera_checker::testing::Family;

fn rejected<E: Extension>(key: &ProvingKey, c: &Case, publics: &Publics, t: &mut dyn Tamper<E>, what: &str) {
    let (proof, _) = prove_with(key, c.trace.clone(), t).unwrap();
    let verdict = quick::<E>().verify(&key.vk, publics, &proof);
    assert!(verdict.is_err(), "{}: accepted with {what}", c.name);
}

/// Cases of every family, with columns of every kind: copies of segment values, fixed weights, sums over segments.
fn cases() -> Vec<Case> {
    let matmul = Shape {
        layers: 2,
        channels: 5,
        positions: 1,
        outputs: 5,
        taps: 1,
        fixed: true,
        lanes: (2, 3),
        together: false,
    };
    let conv = Shape { positions: 6, taps: 3, fixed: false, ..matmul };
    let together = Shape { together: true, ..matmul };
    vec![lookups(3), constraints(4), folds(5), join(6, matmul), join(7, conv), join(8, together)]
}

/// The forger changes this thing of this kind, by one.
fn one_rejected<E: Extension>(key: &ProvingKey, c: &Case, kind: Forged, pick: usize) {
    let mut f = Forger::new(kind, pick, 0);
    rejected::<E>(key, c, &c.trace.publics, &mut f, &format!("{kind:?} {pick}"));
    assert!(f.hit.is_some(), "{}: there is no {kind:?} {pick}", c.name);
}

fn a_changed_cell_of_any_column_is_rejected<E: Extension>() {
    for c in cases() {
        let key = quick::<E>().setup(&c.program).unwrap().0;
        // cells of the groups before, in the order in which a forger counts
        let mut before = [0; 4];
        for (g, group) in key.vk.air.groups.iter().enumerate() {
            let h = group.height();
            let wide = [group.witness, group.round2, group.round3].map(|w| w as usize);
            // every column, on the last row, which is active in every table, and on the first, which may be padding
            for row in [h - 1, 0] {
                for col in 0..wide[0] {
                    if row == h - 1 && binding(g, col, &key) {
                        one_rejected::<E>(&key, &c, Forged::Witness, before[0] + row * wide[0] + col);
                    }
                }
                for col in 0..wide[1] {
                    // a copy column's cells between segment ends mean nothing
                    let copy = key.compiled.copies.iter().any(|k| k.to == (g as u32, col as u32));
                    if !copy || row == h - 1 {
                        one_rejected::<E>(&key, &c, Forged::Round2, before[1] + row * wide[1] + col);
                    }
                }
                for col in 0..wide[2] {
                    one_rejected::<E>(&key, &c, Forged::Round3, before[2] + row * wide[2] + col);
                }
            }
            for cell in [0, h, 2 * h - 1] {
                one_rejected::<E>(&key, &c, Forged::Quotient, before[3] + cell);
            }
            (0..3).for_each(|k| before[k] += h * wide[k]);
            before[3] += 2 * h;
        }
        for i in 0..key.vk.air.terminals as usize {
            one_rejected::<E>(&key, &c, Forged::Terminal, i);
        }
    }
}

/// Copies segment values wrongly, and goes on consistently: only the η-folds can tell.
struct Copied<E>(fn(&mut [E]));

impl<E: Extension> Tamper<E> for Copied<E> {
    fn copied(&mut self, _: usize, values: &mut [E]) {
        (self.0)(values);
    }
}

fn wrongly_copied_segment_values_are_rejected<E: Extension>() {
    let forgeries: [fn(&mut [E]); 4] = [
        |v| v[1] += E::ONE,
        |v| v.swap(0, 2),
        |v| v.rotate_left(1),
        |v| {
            v[0] += E::ONE;
            v[3] -= E::ONE;
        },
    ];
    let mut seen = 0;
    for c in cases() {
        let key = quick::<E>().setup(&c.program).unwrap().0;
        if key.compiled.copies.is_empty() {
            continue;
        }
        seen += 1;
        for f in forgeries {
            let (proof, _) = prove_with(&key, c.trace.clone(), &mut Copied(f)).unwrap();
            let e = quick::<E>().verify(&key.vk, &c.trace.publics, &proof).unwrap_err();
            assert_eq!(e, VerifyError::Equation("copied segment values".into()), "{}", c.name);
        }
    }
    assert!(seen >= 2);
}

fn a_tuple_of_another_bus_is_rejected<E: Extension>() {
    // y = x² instead of relu(x): a tuple that only the other relation provides
    let mut c = lookups(3);
    let t = c.program.tables.iter().position(|t| t.lookups.iter().any(|l| l.relation == 1)).unwrap();
    let lookup = c.program.tables[t].lookups.iter().position(|l| l.relation == 1).unwrap();
    let width = c.program.tables[t].witness.len();
    let row = (0..c.program.tables[t].rows as usize)
        .find(|r| {
            let key = 2 * c.trace.tables[t][r * width + 2 * lookup] - 3;
            key < 0 && key > -20
        })
        .unwrap();
    let cells = &mut c.trace.tables[t][row * width..(row + 1) * width];
    let key = 2 * cells[2 * lookup] - 3;
    cells[2 * lookup + 1] = key * key;
    // the dishonest prover counts it where it exists
    let user = c.program.clone();
    let mut moved = user.clone();
    moved.tables[t].lookups[lookup].relation = 0;
    let other = |p: &Program, relation| {
        p.tables.iter().position(|t| t.provides.iter().any(|x| x.relation == relation)).unwrap()
    };
    let (squares, relus) = (other(&user, 0), other(&user, 1));
    c.trace.tables[squares][(key + 20) as usize] += 1;
    c.trace.tables[relus][(key + 64) as usize] -= 1;
    let key = quick::<E>().setup(&c.program).unwrap().0;
    let (proof, _) = quick::<E>().prove(&key, c.trace.clone()).unwrap();
    assert_eq!(quick::<E>().verify(&key.vk, &c.trace.publics, &proof), Err(VerifyError::Lookups));
}

/// Whether the cell in the last row of a group's witness column takes part in anything.
fn binding(group: usize, column: usize, key: &ProvingKey) -> bool {
    let program = &key.program;
    let (t, place) = program
        .tables
        .iter()
        .zip(&key.compiled.places)
        .find(|(t, p)| {
            let at = p.witness as usize;
            p.group == group && (at..at + t.witness.len()).contains(&column)
        })
        .unwrap();
    let index = program.tables.iter().position(|x| std::ptr::eq(x, t)).unwrap();
    let cell = Cell::Witness(column as u32 - place.witness);
    if !t.constraints.is_empty() || !t.lookups.is_empty() || !t.provides.is_empty() {
        return true;
    }
    let last = t.rows as usize - 1;
    let vars = program.variables.len();
    program.folds.iter().filter(|f| f.table as usize == index).flat_map(|f| &f.lanes).any(|l| {
        let present = l.monomials.expand(last + 1).unwrap()[last * (1 + vars)] != 0;
        present && l.expr.cells().any(|x| x == cell)
    })
}

fn a_changed_public_value_is_rejected<E: Extension>() {
    for c in cases() {
        let key = quick::<E>().setup(&c.program).unwrap().0;
        for t in 0..c.trace.publics.tensors.len() {
            for i in 0..c.trace.publics.tensors[t].len() {
                let mut publics = c.trace.publics.clone();
                publics.tensors[t][i] += 1;
                if i % 5 == 0 {
                    // the same proof for another statement
                    rejected::<E>(&key, &c, &publics, &mut crate::adversary::Honest, "another statement");
                }
                // a proof made for the false statement
                let mut forged = c.clone();
                forged.trace.publics = publics.clone();
                rejected::<E>(&key, &forged, &publics, &mut crate::adversary::Honest, "a false statement");
            }
        }
    }
}

fn public_values_out_of_range_or_shape_are_refused<E: Extension>() {
    let c = folds(1);
    let key = quick::<E>().setup(&c.program).unwrap().0;
    let (proof, _) = quick::<E>().prove(&key, c.trace.clone()).unwrap();
    let mut p = c.trace.publics.clone();
    p.tensors[0][0] = 1 << 41;
    assert!(matches!(quick::<E>().verify(&key.vk, &p, &proof), Err(VerifyError::Publics(_))));
    p.tensors[0].pop();
    assert!(matches!(quick::<E>().verify(&key.vk, &p, &proof), Err(VerifyError::Publics(_))));
    p.tensors.clear();
    assert!(matches!(quick::<E>().verify(&key.vk, &p, &proof), Err(VerifyError::Publics(_))));
}

fn another_key_or_other_weights_are_rejected<E: Extension>() {
    for c in cases() {
        let key = quick::<E>().setup(&c.program).unwrap().0;
        let (proof, _) = quick::<E>().prove(&key, c.trace.clone()).unwrap();
        // the same shapes with one fixed value changed
        let mut other = c.program.clone();
        let Some(column) = other.tables.iter_mut().flat_map(|t| &mut t.fixed).next() else { continue };
        let Values::Seq(s) = &mut column.values else { continue };
        s.runs[0].start[0] += 1;
        column.padding += 1;
        let changed = quick::<E>().setup(&other).unwrap().0;
        assert!(
            quick::<E>().verify(&changed.vk, &c.trace.publics, &proof).is_err(),
            "{}: other weights",
            c.name
        );
        // a prover who commits to other weights under the true key's digest
        let forged = ProvingKey { vk: key.vk.clone(), digest: key.digest, ..changed };
        let (proof, _) = quick::<E>().prove(&forged, c.trace.clone()).unwrap();
        assert!(
            quick::<E>().verify(&key.vk, &c.trace.publics, &proof).is_err(),
            "{}: swapped weights",
            c.name
        );
    }
}

fn a_name_in_the_key_is_bound<E: Extension>() {
    let c = folds(2);
    let key = quick::<E>().setup(&c.program).unwrap().0;
    let (proof, _) = quick::<E>().prove(&key, c.trace.clone()).unwrap();
    let mut vk = key.vk.clone();
    vk.air.publics[0].name.push('!');
    assert!(quick::<E>().verify(&vk, &c.trace.publics, &proof).is_err());
    let mut vk = key.vk.clone();
    vk.air.publics[0].max += 1;
    assert!(quick::<E>().verify(&vk, &c.trace.publics, &proof).is_err());
}

fn a_changed_message_is_rejected<E: Extension>() {
    for c in cases() {
        let key = quick::<E>().setup(&c.program).unwrap().0;
        let (honest, _) = quick::<E>().prove(&key, c.trace.clone()).unwrap();
        for kind in Forged::ALL.into_iter().filter(|k| !k.while_proving()) {
            let mut found = 0;
            for (pick, by) in (0..20).flat_map(|pick| [(pick, 0), (pick, 1)]) {
                let (mut proof, mut f) = (honest.clone(), Forger::new(kind, pick, by));
                Tamper::<E>::proof(&mut f, &mut proof);
                if f.hit.is_some() {
                    found += 1;
                    let verdict = quick::<E>().verify(&key.vk, &c.trace.publics, &proof);
                    assert!(verdict.is_err(), "{}: accepted with {:?}", c.name, f.forgery);
                }
            }
            // a small tree may be opened whole, without any hash on a path; row constraints expose nothing
            let may_lack = [Forged::FriRowPath, Forged::FriLayerPath, Forged::SentTerminal].contains(&kind);
            assert!(found > 0 || may_lack, "{}: no {kind:?}", c.name);
        }
    }
}

/// Sends proofs of work that were never done.
struct Idle;

impl<E: Extension> Tamper<E> for Idle {
    fn transcript(&mut self) -> Option<Skew> {
        Some(Skew::Idle)
    }
}

fn a_missing_proof_of_work_is_rejected<E: Extension>() {
    let backend = Over::<E>::new(crate::SecurityTarget { bits: 122, grinding: 10, ..Default::default() });
    let mut tried = 0;
    for c in cases() {
        let key = backend.setup(&c.program).unwrap().0;
        let (proof, _) = prove_with::<E>(&key, c.trace.clone(), &mut Idle).unwrap();
        if !proof.witnesses.is_empty() {
            let e = backend.verify(&key.vk, &c.trace.publics, &proof).unwrap_err();
            assert_eq!(
                e.to_string(),
                "an opening does not match its commitment: a proof of work is missing or wrong"
            );
            tried += 1;
        }
    }
    // challenges of degree three need no work below what the hash is worth
    assert!(tried >= 3 || E::DEGREE > 2);
}

/// Commits to one more column of every table of the witness; what is sent of it.
enum Widened {
    /// All.
    Sent,
    /// In the rows that FRI opens alone.
    InRows,
    /// Nothing: values and rows have the lengths that the key demands.
    Hidden,
}

impl<E: Extension> Tamper<E> for (Widened, bool) {
    fn extended(&mut self, matrices: &mut [Mat]) {
        if std::mem::replace(&mut self.1, true) {
            return;
        }
        for m in matrices {
            let wide = m.width + 1;
            let rows = m.values.chunks(m.width).flat_map(|row| row.iter().copied().chain([F::ZERO]));
            *m = Mat::new(rows.collect(), wide);
        }
    }

    fn proof(&mut self, p: &mut Proof<E>) {
        // the key's commitments are opened first, then the proof's, of which the witness is the first
        let k = p.opened.len() - p.commitments.len();
        if !matches!(self.0, Widened::Sent) {
            p.opened[k].iter_mut().flatten().for_each(|values| values.truncate(values.len() - 1));
        }
        if matches!(self.0, Widened::Hidden) {
            let rows = p.fri.input_openings[k].opened_values.iter_mut().flatten();
            rows.for_each(|row| row.truncate(row.len() - 1));
        }
    }
}

fn a_table_with_more_columns_than_the_key_says_is_rejected<E: Extension>() {
    for c in [lookups(3), constraints(4), folds(5)] {
        let key = quick::<E>().setup(&c.program).unwrap().0;
        for how in [Widened::Sent, Widened::InRows, Widened::Hidden] {
            let hidden = matches!(how, Widened::Hidden);
            let (proof, _) = prove_with::<E>(&key, c.trace.clone(), &mut (how, false)).unwrap();
            match crate::verify::checked(&key.vk, &c.trace.publics, &proof).unwrap_err() {
                // the key says how many columns there are
                VerifyError::Shape(why) if !hidden => assert!(why.contains("columns"), "{why}"),
                // the path says what the row was
                VerifyError::Opening(_) if hidden => {}
                e => panic!("{}: {e}", c.name),
            }
        }
    }
}

/// Proofs of two statements of one Program.
fn two_statements<E: Extension>() -> (ProvingKey, [(Publics, Proof<E>); 2]) {
    let mut c = tessera_checker::testing::case(Family::Mixed, 3);
    // FRI needs a table of some height
    c.program.tables[0].log_height = c.program.tables[0].log_height.max(3);
    let key = quick::<E>().setup(&c.program).unwrap().0;
    let mut other = c.inputs.clone();
    other[0][0] += if other[0][0] > 0 { -1 } else { 1 };
    let proofs = [c.inputs, other].map(|inputs| {
        let trace = tessera_runtime::run(&c.program, &c.plan, inputs).unwrap();
        (trace.publics.clone(), quick::<E>().prove(&key, trace).unwrap().0)
    });
    (key, proofs)
}

/// An adaptive prover says what it said once before, wherever that suits it: any mixture of what two proofs sent is a proof of neither
/// statement.
fn mixtures_of_two_proofs_are_rejected<E: Extension>() {
    let (key, [(one, a), (two, b)]) = two_statements::<E>();
    assert_ne!(one, two);
    let rounds = a.commitments.len();
    // bits: the statement, each commitment, what is opened, exposed values with proofs of work, folding commitments, rows with the rest
    for mask in 0..1u32 << (5 + rounds) {
        let of = |bit: usize| mask >> bit & 1 == 1;
        let mut p = a.clone();
        for (i, to) in p.commitments.iter_mut().enumerate().filter(|(i, _)| of(5 + i)) {
            *to = b.commitments[i].clone();
        }
        if of(1) {
            p.opened = b.opened.clone();
        }
        if of(2) {
            (p.terminals, p.witnesses) = (b.terminals.clone(), b.witnesses.clone());
        }
        if of(3) {
            p.fri.commit_phase_commits = b.fri.commit_phase_commits.clone();
            p.fri.final_poly = b.fri.final_poly.clone();
        }
        if of(4) {
            let (commits, last) = (p.fri.commit_phase_commits, p.fri.final_poly);
            p.fri = b.fri.clone();
            (p.fri.commit_phase_commits, p.fri.final_poly) = (commits, last);
        }
        let verdict = quick::<E>().verify(&key.vk, if of(0) { &two } else { &one }, &p);
        let whole = mask == 0 || mask + 1 == 1 << (5 + rounds);
        assert_eq!(verdict.is_ok(), whole, "{mask:b}");
    }
}

/// What a key of few bits accepts, one of more refuses, though all columns and names are the same.
fn a_proof_of_a_weaker_key_is_rejected<E: Extension>() {
    let (weak, [(publics, proof), _]) = two_statements::<E>();
    let strong = Over::<E>::new(crate::SecurityTarget { bits: 40, ..quick::<E>().target });
    let strong = strong.setup(&weak.program).unwrap().0;
    assert!(quick::<E>().verify(&weak.vk, &publics, &proof).is_ok());
    assert!(quick::<E>().verify(&strong.vk, &publics, &proof).is_err());
}

both!(
    mixtures_of_two_proofs_are_rejected,
    a_proof_of_a_weaker_key_is_rejected,
    a_table_with_more_columns_than_the_key_says_is_rejected,
    a_changed_cell_of_any_column_is_rejected,
    wrongly_copied_segment_values_are_rejected,
    a_tuple_of_another_bus_is_rejected,
    a_changed_public_value_is_rejected,
    public_values_out_of_range_or_shape_are_refused,
    another_key_or_other_weights_are_rejected,
    a_name_in_the_key_is_bound,
    a_changed_message_is_rejected,
    a_missing_proof_of_work_is_rejected
);
