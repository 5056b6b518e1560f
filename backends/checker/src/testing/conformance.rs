//! The suite that every backend passes: honest proofs are accepted, whatever is changed is rejected, keys and proofs survive
//! the way through bytes.
//!
//! Invariant: nothing here knows a backend. A case that a backend cannot express, by its own
//! [`SetupError::Unsupported`](tessera_api::SetupError::Unsupported), is left out and reported with the reason.

use super::{Case, Family, case};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tessera_api::{Backend, Container, FileKind, Goal, Publics, Regime, Security, SetupError, Trace};

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Random cases of each family.
    pub cases: u64,
    /// Changes of each kind that are tried on a case.
    pub changes: usize,
    /// What keys are made for. The relation is what is tested: little does.
    pub security: Security,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cases: 5,
            changes: 8,
            security: Security { bits: 20, regime: Regime::Proven, goal: Goal::Time },
        }
    }
}

/// What was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Honest proofs that were accepted.
    pub accepted: usize,
    /// Changes that were rejected.
    pub rejected: usize,
    /// Cases that the backend cannot express, by family and seed, and why.
    pub left_out: Vec<(Family, u64, String)>,
}

/// Runs the suite; `trace` computes an honest witness, which `tessera_runtime::run` does.
///
/// # Panics
/// That is how it fails: with everything that is wrong.
pub fn run(backend: &dyn Backend, settings: &Settings, trace: impl Fn(&Case) -> Trace) -> Report {
    let mut suite = Suite { backend, settings, report: Report::default(), wrong: vec![] };
    for family in Family::ALL {
        for seed in 0..settings.cases {
            let case = case(family, seed);
            let honest = trace(&case);
            let name = format!("{family:?} {seed}");
            let tried = catch_unwind(AssertUnwindSafe(|| suite.case(&name, &case, &honest)));
            match tried {
                Ok(Tried::Unsupported(reason)) => suite.report.left_out.push((family, seed, reason)),
                Ok(Tried::Done) => {}
                Err(_) => suite.wrong.push(format!("{name}: the backend panicked")),
            }
        }
    }
    let name = backend.name();
    assert!(suite.wrong.is_empty(), "backend {name} does not conform:\n  {}", suite.wrong.join("\n  "));
    assert!(suite.report.accepted > 0, "backend {name} cannot express a single case");
    suite.report
}

enum Tried {
    Done,
    Unsupported(String),
}

struct Suite<'a> {
    backend: &'a dyn Backend,
    settings: &'a Settings,
    report: Report,
    wrong: Vec<String>,
}

/// A file's bytes, read again.
fn again(bytes: &[u8], kind: FileKind) -> Result<Container, String> {
    Container::from_bytes(bytes, kind).map_err(|e| e.to_string())
}

impl Suite<'_> {
    fn wrong(&mut self, name: &str, what: impl std::fmt::Display) -> Tried {
        self.wrong.push(format!("{name}: {what}"));
        Tried::Done
    }

    fn case(&mut self, name: &str, case: &Case, honest: &Trace) -> Tried {
        let keys = |program| self.backend.keys(program, self.settings.security);
        let files = |program| keys(program).map(|k| (k.proving.to_bytes(), k.verifying.to_bytes()));
        let (pk_bytes, vk_bytes) = match files(&case.program) {
            Ok(files) => files,
            Err(SetupError::Unsupported { reason, .. }) => return Tried::Unsupported(reason),
            Err(e) => return self.wrong(name, format_args!("setup fails: {e}")),
        };
        match files(&case.program) {
            Ok((p, v)) if p == pk_bytes && v == vk_bytes => {}
            _ => return self.wrong(name, "setting up again gives other keys"),
        }
        // keys as read are what is used
        let program = Arc::new(case.program.clone());
        let read_pk = |bytes: &[u8]| {
            let file = again(bytes, FileKind::ProvingKey)?;
            self.backend.prover(&file, program.clone()).map_err(|e| e.to_string())
        };
        let read_vk = |bytes: &[u8]| {
            let file = again(bytes, FileKind::VerifyingKey)?;
            self.backend.verifier(&file).map_err(|e| e.to_string())
        };
        let pk = match read_pk(&pk_bytes) {
            Ok(pk) => pk,
            Err(e) => return self.wrong(name, format_args!("the proving key cannot be read: {e}")),
        };
        let vk = match read_vk(&vk_bytes) {
            Ok(vk) => vk,
            Err(e) => return self.wrong(name, format_args!("the verifying key cannot be read: {e}")),
        };
        if vk.statement() != case.program.publics || vk.program() != case.program.digest() {
            return self.wrong(name, "the verifying key is about another statement or Program");
        }
        if let Err(e) = vk.audit(&case.program) {
            return self.wrong(name, format_args!("a key is not found to be of its Program: {e}"));
        }
        if pk.verifier().digest() != vk.digest() {
            return self.wrong(name, "the proving key has another verifying key in it");
        }
        let (file, proof) = match pk.prove(honest.clone()) {
            Ok((file, _)) => (file.clone(), file.to_bytes()),
            Err(e) => return self.wrong(name, format_args!("an honest witness is not proven: {e}")),
        };
        let verify = |publics: &Publics, bytes: &[u8]| {
            vk.verify(publics, &again(bytes, FileKind::Proof)?).map_err(|e| e.to_string())
        };
        if let Err(e) = verify(&honest.publics, &proof) {
            return self.wrong(name, format_args!("an honest proof is rejected: {e}"));
        }
        if proof.len() as u64 > vk.proof_bytes_at_most() {
            let (bytes, most) = (proof.len(), vk.proof_bytes_at_most());
            return self.wrong(name, format_args!("a proof has {bytes} bytes; its key says at most {most}"));
        }

        let mut found = vec![];
        let mut rejected = 0;
        let mut expect = |what: String, accepted: bool| match accepted {
            true => found.push(what),
            false => rejected += 1,
        };
        for (table, cell) in self.cells(honest) {
            let mut bad = honest.clone();
            bad.tables[table][cell] += 1;
            // a prover may notice, or make a proof that does not hold
            let proof = pk.prove(bad).ok().map(|(proof, _)| proof.to_bytes());
            let accepted = proof.is_some_and(|proof| verify(&honest.publics, &proof).is_ok());
            expect(format!("a false witness is accepted: table {table}, cell {cell}"), accepted);
        }
        for (tensor, value) in spread(honest.publics.tensors.iter().map(Vec::len), self.settings.changes) {
            let mut publics = honest.publics.clone();
            let most = case.program.publics[tensor].max;
            let at = &mut publics.tensors[tensor][value];
            *at = if *at == most { *at - 1 } else { *at + 1 };
            expect(
                format!("a proof is accepted for another statement: public {tensor}, value {value}"),
                verify(&publics, &proof).is_ok(),
            );
        }
        for place in 0..self.settings.changes {
            let at = place * proof.len() / self.settings.changes;
            let mut bad = proof.clone();
            bad[at] ^= 1 << (at % 8);
            expect(format!("a changed proof is accepted: byte {at}"), verify(&honest.publics, &bad).is_ok());
            // as a forger would: the checksum is right
            for (section, length) in file.sections().filter(|(_, length)| *length > 0) {
                let mut body = file.bytes(section).expect("a section").to_vec();
                let i = place * length / self.settings.changes;
                body[i] ^= 1 << (place % 8);
                let mut bad = file.clone();
                bad.insert(section, body);
                expect(
                    format!("a forged proof is accepted: section {section:?}, byte {i}"),
                    verify(&honest.publics, &bad.to_bytes()).is_ok(),
                );
            }
            expect(
                format!("a cut proof is accepted: {at} bytes"),
                verify(&honest.publics, &proof[..at]).is_ok(),
            );
            let (pk_at, vk_at) = (at % pk_bytes.len(), at % vk_bytes.len());
            expect(format!("a cut proving key is read: {pk_at} bytes"), read_pk(&pk_bytes[..pk_at]).is_ok());
            expect(
                format!("a cut verifying key is read: {vk_at} bytes"),
                read_vk(&vk_bytes[..vk_at]).is_ok(),
            );
        }
        // what nothing reads is part of no statement
        let more = |bytes: &[u8], kind| {
            let mut c = again(bytes, kind).expect("it was read before");
            c.insert("note", b"unnoticed".to_vec());
            c.to_bytes()
        };
        let note = "with a section more is";
        let (p, k) = (more(&proof, FileKind::Proof), more(&vk_bytes, FileKind::VerifyingKey));
        expect(format!("a proof {note} accepted"), verify(&honest.publics, &p).is_ok());
        expect(format!("a verifying key {note} read"), read_vk(&k).is_ok());
        let k = more(&pk_bytes, FileKind::ProvingKey);
        expect(format!("a proving key {note} read"), read_pk(&k).is_ok());
        // another relation: a table of twice the height
        let mut other = case.program.clone();
        if let Some(table) = other.tables.first_mut() {
            table.log_height += 1;
            if let Ok((_, other_vk)) = files(&other) {
                expect("another Program has the same verifying key".into(), other_vk == vk_bytes);
                expect("a key is found to be of another Program".into(), vk.audit(&other).is_ok());
            }
        }
        self.report.accepted += 1;
        self.report.rejected += rejected;
        self.wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
        Tried::Done
    }

    fn cells(&self, trace: &Trace) -> Vec<(usize, usize)> {
        spread(trace.tables.iter().map(Vec::len), self.settings.changes)
    }
}

/// About `count` places, spread over lists of these lengths: the list, and the place in it.
fn spread(lengths: impl Iterator<Item = usize>, count: usize) -> Vec<(usize, usize)> {
    let lengths: Vec<usize> = lengths.collect();
    let total: usize = lengths.iter().sum();
    let mut places = vec![];
    for k in 0..count.min(total) {
        let mut at = k * total / count.min(total);
        for (list, &length) in lengths.iter().enumerate() {
            if at < length {
                places.push((list, at));
                break;
            }
            at -= length;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_over_all_lists() {
        assert_eq!(spread([2, 0, 2].into_iter(), 2), [(0, 0), (2, 0)]);
        assert_eq!(spread([2, 0, 2].into_iter(), 9), [(0, 0), (0, 1), (2, 0), (2, 1)]);
        assert!(spread([0].into_iter(), 9).is_empty());
    }
}
