//! The adversarial harness: random Programs, every kind of forgery on each, and a verdict for every one.
//!
//! A forged witness cell may be another valid witness. The checker says which: where it accepts the forged trace the proof
//! must verify, where it rejects it the proof must not. Of later columns only the cells of a copy between its segment
//! ends are free. Everything else must be rejected. Counts are printed (`--nocapture`) and none may be zero.
//!
//! Invariant: the run is the same every time; `PROPTEST_CASES` makes it longer.
use super::random::{build, expanded, parts};
use super::suite::{GOALS, quick, quick_for};
use super::*;
use crate::adversary::Tamper;
use crate::adversary::forger::{Forged, Forger};
use crate::arithmetic::{PrimeCharacteristicRing, PrimeField64, signed};
use crate::keys::Proof;
use crate::transcript::{Message, Skew};
use crate::verify::checked;
use crate::{ProvingKey, prove_with};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Programs tried unless the environment asks for more.
const PROGRAMS: u32 = 80;
/// Forgeries of each kind on each Program.
const EACH: usize = 2;

/// A runner that tries the same cases every time.
pub fn runner(cases: u32) -> TestRunner {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    let config = Config { cases: asked.unwrap_or(cases), failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// What happened, by kind of forgery.
#[derive(Default)]
struct Counts {
    programs: usize,
    rounds: BTreeMap<usize, usize>,
    /// (rejected, accepted because it is another witness) and how often each error was the reason.
    kinds: BTreeMap<String, (usize, usize, BTreeMap<&'static str, usize>)>,
}

impl Counts {
    fn add(&mut self, kind: &str, verdict: &Result<Verified, VerifyError>) {
        let c = self.kinds.entry(kind.into()).or_default();
        let why = match verdict {
            Ok(_) => return c.1 += 1,
            Err(VerifyError::Shape(_)) => "shape",
            Err(VerifyError::Publics(_)) => "statement",
            Err(VerifyError::Opening(_)) => "opening",
            Err(VerifyError::Constraints(_)) => "constraints",
            Err(VerifyError::Equation(_)) => "equation",
            Err(VerifyError::Lookups) => "lookups",
            Err(VerifyError::Internal(e)) => panic!("a forgery broke the verifier: {e}"),
        };
        c.0 += 1;
        *c.2.entry(why).or_default() += 1;
    }

    fn print(&self) {
        println!("{} Programs, by number of committed rounds: {:?}", self.programs, self.rounds);
        println!("{:<28}{:>9}{:>9}  reasons", "forgery", "rejected", "valid");
        for (kind, (rejected, valid, why)) in &self.kinds {
            println!("{kind:<28}{rejected:>9}{valid:>9}  {why:?}");
        }
    }
}

/// A Program with an honest proof of it.
struct Honest<E: Extension> {
    case: Case,
    key: ProvingKey,
    proof: Proof<E>,
}

impl<E: Extension> Honest<E> {
    fn new(case: Case) -> Honest<E> {
        assert_eq!(tessera_checker::check(&case.program, &case.trace), Ok(()), "{}", case.name);
        // keys of every goal: their extensions and folding differ
        let goal = GOALS[case.trace.tables.iter().flatten().count() % GOALS.len()];
        let key =
            quick_for::<E>(goal).setup(&case.program).unwrap_or_else(|e| panic!("{}: {e}", case.name)).0;
        assert!(key.compiled.factors.iter().all(|f| *f == 1), "small tables keep their shape");
        let (proof, _) = quick::<E>().prove(&key, case.trace.clone()).unwrap();
        let h = Honest { case, key, proof };
        let verdict = h.verdict(&h.case.trace.publics, &h.proof);
        assert!(verdict.is_ok(), "the honest proof of {}: {verdict:?}", h.case.name);
        h
    }

    fn verdict(&self, publics: &Publics, proof: &Proof<E>) -> Result<Verified, VerifyError> {
        // without the net that turns a panic into a rejection
        checked(&self.key.vk, publics, proof)
    }

    /// The proof of a forger. None if there is nothing of the kind in this Program.
    fn forged(&self, f: &mut Forger) -> Option<Proof<E>> {
        let proof = if f.forgery.kind.while_proving() {
            prove_with(&self.key, self.case.trace.clone(), f).unwrap().0
        } else {
            let mut proof = self.proof.clone();
            Tamper::<E>::proof(f, &mut proof);
            proof
        };
        f.hit.map(|_| proof)
    }

    /// The table, row and column of a cell of a group's witness, the row counted in the expanded Program.
    fn cell(&self, group: usize, cell: usize) -> (usize, usize, usize) {
        self.find(group, cell).expect("every witness column belongs to a table")
    }

    fn find(&self, group: usize, cell: usize) -> Option<(usize, usize, usize)> {
        let wide = self.key.vk.air.groups[group].witness as usize;
        let (row, column) = (cell / wide, cell % wide);
        let tables = self.case.program.tables.iter().zip(&self.key.compiled.places).enumerate();
        tables.filter(|(_, (_, p))| p.group == group).find_map(|(i, (t, p))| {
            let column = column.checked_sub(p.witness as usize).filter(|c| *c < t.witness.len())?;
            let pad = p.pad as usize;
            Some((i, row.checked_sub(pad).unwrap_or(t.rows as usize + row), column))
        })
    }

    /// Where multiplicities stand among all witness cells of all groups.
    fn multiplicities(&self) -> Vec<usize> {
        let groups = &self.key.vk.air.groups;
        let start = |g: usize| groups[..g].iter().map(|g| g.height() * g.witness as usize).sum::<usize>();
        let of = |(t, p): (&Table, &crate::air::nodes::Place)| -> Vec<usize> {
            let (at, wide) = (start(p.group), groups[p.group].witness as usize);
            let columns = t.provides.iter().map(|x| (p.witness + x.multiplicity) as usize);
            columns.flat_map(|c| (0..groups[p.group].height()).map(move |r| at + r * wide + c)).collect()
        };
        self.case.program.tables.iter().zip(&self.key.compiled.places).flat_map(of).collect()
    }

    /// Of a cell on a mask row whether anything binds it: blinds that cancel, of which one alone cannot be changed.
    fn judge_mask(&self, (group, cell): (usize, usize)) -> Option<(bool, &'static str)> {
        let g = &self.key.vk.air.groups[group];
        let (row, column) = (cell / g.witness as usize, (cell % g.witness as usize + g.witness_at()) as u32);
        let blinds = |n: &crate::air::Node| match n {
            crate::air::Node::Terminal { blind: Some(b), .. } => {
                matches!(&b.mask, crate::air::Mask::Cells(cells) if row == 0 && cells.contains(&column))
            }
            _ => false,
        };
        match row < g.masks as usize {
            true if g.nodes.iter().any(blinds) => Some((false, "blind")),
            true => Some((true, "mask")),
            // a column that was added for blinds, and is nothing else
            false => self.find(group, cell).is_none().then_some((true, "mask")),
        }
    }

    /// What binds a cell of a later round on a mask row: that of a copy is equal to that of what it is copied from. None where nothing
    /// general can be said.
    fn judge_later(&self, round: u32, (group, cell): (usize, usize)) -> Option<bool> {
        let g = &self.key.vk.air.groups[group];
        let wide = if round == 2 { g.round2 } else { g.round3 } as usize;
        let (row, column) = (cell / wide, (cell % wide) as u32);
        let linked = |n: &crate::air::Node| match n {
            crate::air::Node::Terminal { blind: Some(b), .. } => b.mask == crate::air::Mask::Next(column),
            _ => false,
        };
        match row {
            0 => Some(false),
            1 if round == 2 && g.masks > 1 && g.nodes.iter().any(linked) => Some(false),
            r if r < g.masks as usize => Some(true),
            // what stands after the masks may be read by nothing, as before a fold's first row
            r if r == g.masks as usize => None,
            _ => Some(round == 2 && self.between_copies((group, cell))),
        }
    }

    /// Where cells that blind stand among all witness cells of all groups.
    fn blinds(&self) -> Vec<usize> {
        let (mut start, mut out) = (0, vec![]);
        for (k, g) in self.key.vk.air.groups.iter().enumerate() {
            let width = g.witness as usize;
            let blind = |c: &usize| matches!(self.judge_mask((k, *c)), Some((false, _)));
            out.extend((0..width.min(g.height() * width)).filter(blind).map(|c| start + c));
            start += g.height() * width;
        }
        out
    }

    /// What the checker says of the trace with a cell changed, and what the cell is.
    fn judge(&self, f: &Forger, (group, cell): (usize, usize)) -> (bool, &'static str) {
        if let Some(found) = self.judge_mask((group, cell)) {
            return found;
        }
        let (table, row, column) = self.cell(group, cell);
        let mut e = expanded(&self.case);
        let t = &self.case.program.tables[table];
        let x = &mut e.trace.tables[table][row * t.witness.len() + column];
        let residue = (signed(*x) + f.base()).as_canonical_u64();
        // between −p/2 and p/2, which an i64 holds
        let modulus = i128::from(tessera_api::field::MODULUS);
        let wide = i128::from(residue);
        *x = (if wide > modulus / 2 { wide - modulus } else { wide }) as i64;
        let what = if t.provides.iter().any(|p| p.multiplicity as usize == column) {
            "multiplicity"
        } else if row >= t.rows as usize {
            "witness cell of padding"
        } else {
            "witness cell"
        };
        (tessera_checker::check(&e.program, &e.trace).is_ok(), what)
    }

    /// Whether a cell of round 2 lies in a copy column between the rows that hold copied values: nothing reads it.
    fn between_copies(&self, (group, cell): (usize, usize)) -> bool {
        let g = &self.key.vk.air.groups[group];
        let wide = g.round2 as usize;
        let (row, column) = (cell / wide, (cell % wide) as u32);
        let base = |c: u32| {
            let mut c = c as usize;
            let matrices = [&self.key.fixed[group], &self.key.model[group], &self.key.sparse[group]];
            let m = matrices.into_iter().find(|m| {
                let here = c < m.width;
                c -= if here { 0 } else { m.width };
                here
            });
            m.map(|m| m.values[row * m.width + c]).expect("a fixed column or a selector")
        };
        self.key.compiled.copies.iter().filter(|k| k.to == (group as u32, column)).any(|k| {
            let marked = k.to_end.cells.iter().any(|(c, _)| base(*c) != crate::arithmetic::F::ZERO);
            !marked && k.to_end.constant.0.is_empty()
        })
    }

    /// Whether leaving a message out, or absorbing it after the challenges that follow it, changes anything.
    fn skews(&self, skew: Skew) -> bool {
        let air = &self.key.vk.air;
        let any = |width: &dyn Fn(&crate::air::Group) -> u32| air.groups.iter().any(|g| width(g) > 0);
        match skew {
            Skew::Omit(Message::Key | Message::Quotient) | Skew::Late(Message::Quotient) => true,
            Skew::Omit(Message::Publics) => self.case.trace.publics.tensors.iter().any(|t| !t.is_empty()),
            Skew::Omit(Message::Witness) => any(&|g| g.witness),
            // row constraints alone use none of the challenges that follow the witness
            Skew::Late(Message::Witness) | Skew::Omit(Message::Round2) => any(&|g| g.round2),
            Skew::Omit(Message::Round3) | Skew::Late(Message::Round2) => any(&|g| g.round3),
            Skew::Omit(Message::Terminals) | Skew::Late(Message::Terminals) => air.terminals > 0,
            // another message follows before anything is drawn
            Skew::Late(Message::Key | Message::Publics | Message::Round3) => false,
            Skew::Idle => !self.proof.witnesses.is_empty(),
        }
    }
}

/// One forgery: what was expected of it is what the verifier says.
fn forge<E: Extension>(h: &Honest<E>, kind: Forged, pick: usize, by: u64, counts: &mut Counts) {
    let mut f = Forger::new(kind, pick, by);
    let Some(proof) = h.forged(&mut f) else { return };
    let Some(hit) = f.hit else { return };
    let skew = Tamper::<E>::transcript(&mut Forger::new(kind, pick, by));
    let (valid, label) = match kind {
        Forged::Witness => h.judge(&f, hit),
        Forged::TwoFaced => match h.judge(&f, hit).0 {
            // columns that nothing asks for may still differ: either verdict is right
            true => return,
            false => (false, ""),
        },
        Forged::Round2 | Forged::Round3 => {
            match h.judge_later(if kind == Forged::Round2 { 2 } else { 3 }, hit) {
                Some(valid) if kind == Forged::Round2 => (valid, "cell of round 2"),
                Some(valid) => (valid, ""),
                None => return,
            }
        }
        Forged::Transcript => match skew {
            Some(s) if h.skews(s) => {
                (false, if matches!(s, Skew::Omit(_)) { "omitted message" } else { "late message" })
            }
            // this Program has no such message
            _ => return assert!(h.verdict(&h.case.trace.publics, &proof).is_ok()),
        },
        _ => (false, ""),
    };
    let verdict = h.verdict(&h.case.trace.publics, &proof);
    assert_eq!(verdict.is_ok(), valid, "{:?} {skew:?} at {hit:?}: {verdict:?}\n{}", f.forgery, h.case.name);
    // p3 counts the hashes of paths itself; every other list is compared with the key's before anything looks into it
    let paths = [Forger::LAYER_PATHS, Forger::ROW_PATHS].contains(&hit.0);
    if kind == Forged::Length && !paths {
        assert!(matches!(verdict, Err(VerifyError::Shape(_))), "{:?}: {verdict:?}", f.forgery);
    }
    let label = if label.is_empty() { format!("{kind:?}") } else { label.to_string() };
    counts.add(&label, &verdict);
}

/// A false statement: of the honest proof, and of a proof made for it. The checker judges the second.
fn misstate<E: Extension>(h: &Honest<E>, pick: usize, by: u64, counts: &mut Counts) {
    let mut publics = h.case.trace.publics.clone();
    let mut all: Vec<&mut i64> = publics.tensors.iter_mut().flatten().collect();
    let Some(i) = pick.checked_rem(all.len()) else { return };
    let x = &mut *all[i];
    *x = if *x <= 0 { *x + 1 + (by % 5) as i64 } else { *x - 1 - (by % 5) as i64 };
    let verdict = h.verdict(&publics, &h.proof);
    assert!(verdict.is_err(), "another statement for the same proof of {}", h.case.name);
    counts.add("public value, as stated", &verdict);
    let trace = Trace { publics, ..h.case.trace.clone() };
    let Ok((proof, _)) = quick::<E>().prove(&h.key, trace.clone()) else { return };
    let verdict = h.verdict(&trace.publics, &proof);
    let valid = tessera_checker::check(&h.case.program, &trace).is_ok();
    assert_eq!(verdict.is_ok(), valid, "public value {i}: {verdict:?}\n{}", h.case.name);
    counts.add("public value, as proven", &verdict);
    // and with exposed values that make its equations hold
    let mut f = Forger::new(Forged::Balanced, pick, by);
    let (proof, _) = prove_with(&h.key, trace.clone(), &mut f).unwrap();
    if f.hit.is_some() && !valid {
        let verdict = h.verdict(&trace.publics, &proof);
        assert!(verdict.is_err(), "public value {i} with exposed values that fit: {}", h.case.name);
        counts.add("public value, balanced", &verdict);
    }
}

fn every_forgery_is_rejected_and_every_witness_accepted<E: Extension>() {
    forgeries::<E>(PROGRAMS, false);
}

fn every_forgery_of_a_hiding_proof_is_rejected<E: Extension>() {
    forgeries::<E>(PROGRAMS / 4, true);
}

fn forgeries<E: Extension>(programs: u32, hiding: bool) {
    let counts = RefCell::new(Counts::default());
    let picks = prop::collection::vec((0..usize::MAX / 2, any::<u64>()), EACH * (Forged::ALL.len() + 2));
    let result = runner(programs).run(&(parts(), picks), |(parts, picks)| {
        let case = build(&parts);
        let h = Honest::<E>::new(if hiding { super::hiding::hidden::<E>(case) } else { case });
        let counts = &mut *counts.borrow_mut();
        counts.programs += 1;
        *counts.rounds.entry(h.proof.commitments.len() - 1).or_default() += 1;
        let mut picks = picks.into_iter();
        for kind in Forged::ALL {
            for (pick, by) in picks.by_ref().take(EACH) {
                forge(&h, kind, pick, by, counts);
            }
        }
        let multiplicities = h.multiplicities();
        for (pick, by) in picks.by_ref().take(EACH) {
            if let Some(i) = pick.checked_rem(multiplicities.len()) {
                forge(&h, Forged::Witness, multiplicities[i], by, counts);
            }
        }
        let blinds = h.blinds();
        if let Some(at) = blinds.first() {
            let by = counts.programs as u64;
            forge(&h, Forged::Witness, *at, by, counts);
        }
        picks.for_each(|(pick, by)| misstate(&h, pick, by, counts));
        Ok(())
    });
    let counts = counts.into_inner();
    counts.print();
    if let Err(e) = result {
        panic!("{e}");
    }
    for round in if hiding { 2..=3 } else { 1..=3 } {
        assert!(counts.rounds.contains_key(&round), "no Program with {round} committed rounds");
    }
    for kind in Forged::ALL {
        let label = match kind {
            Forged::Witness | Forged::Round2 | Forged::Transcript => continue,
            Forged::Segment if !hiding => continue,
            _ => format!("{kind:?}"),
        };
        assert!(counts.kinds.get(&label).is_some_and(|c| c.0 > 0), "nothing forged: {label}");
    }
    let named = [
        "witness cell",
        "witness cell of padding",
        "multiplicity",
        "cell of round 2",
        "omitted message",
        "late message",
        "public value, as stated",
        "public value, as proven",
        "public value, balanced",
    ];
    let masks = ["blind", "mask"].into_iter().filter(|_| hiding);
    for label in named.into_iter().chain(masks) {
        if label == "mask" {
            assert!(counts.kinds[label].1 > 0, "no mask was free");
            continue;
        }
        assert!(counts.kinds.get(label).is_some_and(|c| c.0 > 0), "nothing forged: {label}");
    }
    // a harness in which nothing is ever free would not tell a free cell from a bound one
    for label in
        ["witness cell", "witness cell of padding", "cell of round 2"].into_iter().skip(usize::from(hiding))
    {
        assert!(counts.kinds[label].1 > 0, "no {label} was free");
    }
}

both!(every_forgery_is_rejected_and_every_witness_accepted, every_forgery_of_a_hiding_proof_is_rejected);
