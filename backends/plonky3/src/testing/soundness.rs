//! Forgeries: a dishonest prover changes one thing at some phase and goes on as the protocol says; the verifier rejects.
use super::join::{Shape, join};
use super::suite::quick;
use super::*;
use crate::adversary::{Columns, Tamper};
use crate::keys::Proof;
use crate::p3::{E, F, Mat, PrimeCharacteristicRing};
use crate::{ProvingKey, prove_with};

/// Changes one cell of one phase.
#[derive(Clone, Copy, Debug)]
enum Change {
    Witness { group: usize, cell: usize },
    Second { group: usize, cell: usize },
    Third { group: usize, cell: usize },
    Terminal(usize),
    Quotient { group: usize, cell: usize },
}

impl Tamper for Change {
    fn witness(&mut self, g: &mut [Mat]) {
        if let Change::Witness { group, cell } = self {
            g[*group].values[*cell] += F::ONE;
        }
    }
    fn round2(&mut self, g: &mut [Columns]) {
        if let Change::Second { group, cell } = self {
            g[*group].values[*cell] += E::ONE;
        }
    }
    fn round3(&mut self, g: &mut [Columns]) {
        if let Change::Third { group, cell } = self {
            g[*group].values[*cell] += E::ONE;
        }
    }
    fn terminals(&mut self, v: &mut [E]) {
        if let Change::Terminal(i) = self {
            v[*i] += E::ONE;
        }
    }
    fn quotients(&mut self, g: &mut [Vec<E>]) {
        if let Change::Quotient { group, cell } = self {
            g[*group][*cell] += E::ONE;
        }
    }
}

fn rejected(key: &ProvingKey, c: &Case, publics: &Publics, t: &mut dyn Tamper, what: &str) {
    let (proof, _) = prove_with(key, c.trace.clone(), t).unwrap();
    let verdict = quick().verify(&key.vk, publics, &proof);
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

#[test]
fn a_changed_cell_of_any_column_is_rejected() {
    for c in cases() {
        let key = quick().setup(&c.program).unwrap().0;
        for (g, group) in key.vk.air.groups.iter().enumerate() {
            let (h, wide) = (group.height(), group.witness as usize);
            let extended = (group.round2 as usize, group.round3 as usize);
            // every column, on the last row, which is active in every table, and on the first, which may be padding
            for row in [h - 1, 0] {
                for col in 0..wide {
                    let change = Change::Witness { group: g, cell: row * wide + col };
                    if row == h - 1 && binding(g, col, &key) {
                        rejected(&key, &c, &c.trace.publics, &mut { change }, &format!("{change:?}"));
                    }
                }
                for col in 0..extended.0 {
                    let change = Change::Second { group: g, cell: row * extended.0 + col };
                    // a copy column's cells between segment ends mean nothing
                    let copy = key.compiled.copies.iter().any(|k| k.to == (g as u32, col as u32));
                    if !copy || row == h - 1 {
                        rejected(&key, &c, &c.trace.publics, &mut { change }, &format!("{change:?}"));
                    }
                }
                for col in 0..extended.1 {
                    let change = Change::Third { group: g, cell: row * extended.1 + col };
                    rejected(&key, &c, &c.trace.publics, &mut { change }, &format!("{change:?}"));
                }
            }
            for cell in [0, h, 2 * h - 1] {
                let change = Change::Quotient { group: g, cell };
                rejected(&key, &c, &c.trace.publics, &mut { change }, &format!("{change:?}"));
            }
        }
        for i in 0..key.vk.air.terminals as usize {
            let change = Change::Terminal(i);
            rejected(&key, &c, &c.trace.publics, &mut { change }, &format!("{change:?}"));
        }
    }
}

/// Copies segment values wrongly, and goes on consistently: only the η-folds can tell.
struct Copied(fn(&mut [E]));

impl Tamper for Copied {
    fn copied(&mut self, _: usize, values: &mut [E]) {
        (self.0)(values);
    }
}

#[test]
fn wrongly_copied_segment_values_are_rejected() {
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
        let key = quick().setup(&c.program).unwrap().0;
        if key.compiled.copies.is_empty() {
            continue;
        }
        seen += 1;
        for f in forgeries {
            let (proof, _) = prove_with(&key, c.trace.clone(), &mut Copied(f)).unwrap();
            let e = quick().verify(&key.vk, &c.trace.publics, &proof).unwrap_err();
            assert_eq!(e, VerifyError::Equation("copied segment values".into()), "{}", c.name);
        }
    }
    assert!(seen >= 2);
}

#[test]
fn a_tuple_of_another_bus_is_rejected() {
    // y = x² instead of relu(x): a tuple that only the other bus provides
    let mut c = lookups(3);
    let t = c.program.tables.iter().position(|t| t.lookups.iter().any(|l| l.bus == 1)).unwrap();
    let lookup = c.program.tables[t].lookups.iter().position(|l| l.bus == 1).unwrap();
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
    moved.tables[t].lookups[lookup].bus = 0;
    let other =
        |p: &Program, bus| p.tables.iter().position(|t| t.provides.iter().any(|x| x.bus == bus)).unwrap();
    let (squares, relus) = (other(&user, 0), other(&user, 1));
    c.trace.tables[squares][(key + 20) as usize] += 1;
    c.trace.tables[relus][(key + 64) as usize] -= 1;
    let key = quick().setup(&c.program).unwrap().0;
    let (proof, _) = quick().prove(&key, c.trace.clone()).unwrap();
    assert_eq!(quick().verify(&key.vk, &c.trace.publics, &proof), Err(VerifyError::Lookups));
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
        let present = l.monos.expand(last + 1).unwrap()[last * (1 + vars)] != 0;
        present && l.expr.cells().any(|x| x == cell)
    })
}

#[test]
fn a_changed_public_value_is_rejected() {
    for c in cases() {
        let key = quick().setup(&c.program).unwrap().0;
        for t in 0..c.trace.publics.tensors.len() {
            for i in 0..c.trace.publics.tensors[t].len() {
                let mut publics = c.trace.publics.clone();
                publics.tensors[t][i] += 1;
                if i % 5 == 0 {
                    // the same proof for another statement
                    rejected(&key, &c, &publics, &mut crate::adversary::Honest, "another statement");
                }
                // a proof made for the false statement
                let mut forged = c.clone();
                forged.trace.publics = publics.clone();
                rejected(&key, &forged, &publics, &mut crate::adversary::Honest, "a false statement");
            }
        }
    }
}

#[test]
fn public_values_out_of_range_or_shape_are_refused() {
    let c = folds(1);
    let key = quick().setup(&c.program).unwrap().0;
    let (proof, _) = quick().prove(&key, c.trace.clone()).unwrap();
    let mut p = c.trace.publics.clone();
    p.tensors[0][0] = 1 << 41;
    assert!(matches!(quick().verify(&key.vk, &p, &proof), Err(VerifyError::Publics(_))));
    p.tensors[0].pop();
    assert!(matches!(quick().verify(&key.vk, &p, &proof), Err(VerifyError::Publics(_))));
    p.tensors.clear();
    assert!(matches!(quick().verify(&key.vk, &p, &proof), Err(VerifyError::Publics(_))));
}

#[test]
fn another_key_or_other_weights_are_rejected() {
    for c in cases() {
        let key = quick().setup(&c.program).unwrap().0;
        let (proof, _) = quick().prove(&key, c.trace.clone()).unwrap();
        // the same shapes with one fixed value changed
        let mut other = c.program.clone();
        let Some(column) = other.tables.iter_mut().flat_map(|t| &mut t.fixed).next() else { continue };
        let Values::Seq(s) = &mut column.values else { continue };
        s.runs[0].start[0] += 1;
        column.padding += 1;
        let changed = quick().setup(&other).unwrap().0;
        assert!(quick().verify(&changed.vk, &c.trace.publics, &proof).is_err(), "{}: other weights", c.name);
        // a prover who commits to other weights under the true key's digest
        let forged = ProvingKey { vk: key.vk.clone(), digest: key.digest, ..changed };
        let (proof, _) = quick().prove(&forged, c.trace.clone()).unwrap();
        assert!(quick().verify(&key.vk, &c.trace.publics, &proof).is_err(), "{}: swapped weights", c.name);
    }
}

#[test]
fn a_name_in_the_key_is_bound() {
    let c = folds(2);
    let key = quick().setup(&c.program).unwrap().0;
    let (proof, _) = quick().prove(&key, c.trace.clone()).unwrap();
    let mut vk = key.vk.clone();
    vk.air.publics[0].name.push('!');
    assert!(quick().verify(&vk, &c.trace.publics, &proof).is_err());
    let mut vk = key.vk.clone();
    vk.air.publics[0].max += 1;
    assert!(quick().verify(&vk, &c.trace.publics, &proof).is_err());
}

fn flip(hashes: &mut Vec<[u8; 32]>) {
    match hashes.first_mut() {
        Some(h) => h[0] ^= 1,
        None => hashes.push([0; 32]),
    }
}

/// Changes one number somewhere in a finished proof.
struct Sent(usize);

impl Tamper for Sent {
    fn proof(&mut self, p: &mut Proof) {
        let mut bytes = postcard::to_allocvec(&p.commitments).unwrap();
        match self.0 {
            0..4 => {
                let n = bytes.len();
                bytes[n - 1 - 33 * (self.0 % p.commitments.len())] ^= 1;
                p.commitments = postcard::from_bytes(&bytes).unwrap();
            }
            4 => p.opened[0][0][0][0] += E::ONE,
            5 => {
                if let Some(x) = p.opened.last_mut().and_then(|r| r.last_mut()) {
                    x[0][0] += E::ONE;
                }
            }
            6 => p.fri.final_poly[0] += E::ONE,
            7 => p.fri.query_pow_witness += F::ONE,
            8 => p.fri.commit_phase_openings[0].sibling_values[0][0] += E::ONE,
            9 => p.fri.input_openings[0].opened_values[0][0][0] += F::ONE,
            // a small tree may be opened whole, without any sibling
            10 => flip(&mut p.fri.input_openings[0].opening_proof.0.sibling_hashes),
            11 => flip(&mut p.fri.commit_phase_openings[0].opening_proof.sibling_hashes),
            12 => p.fri.commit_pow_witnesses[0] += F::ONE,
            13 => p.fri.batch_pow_witness += F::ONE,
            14 => p.opened.swap(0, 1),
            15 => {
                p.terminals.push(E::ZERO);
            }
            16 => p.witnesses.push(F::ZERO),
            17 => {
                p.commitments.pop();
            }
            18 => {
                p.fri.commit_phase_openings.pop();
            }
            19 => {
                p.fri.input_openings.pop();
            }
            20 => p.fri.final_poly.push(E::ZERO),
            21 => {
                p.fri.input_openings[0].opened_values.pop();
            }
            22 => p.opened[0][0][0].push(E::ZERO),
            23 => {
                p.opened[0][0].pop();
            }
            _ => {
                p.fri.commit_phase_commits.pop();
            }
        }
    }
}

#[test]
fn a_changed_message_is_rejected() {
    for c in cases() {
        let key = quick().setup(&c.program).unwrap().0;
        for k in 0..25 {
            rejected(&key, &c, &c.trace.publics, &mut Sent(k), &format!("message change {k}"));
        }
    }
}
