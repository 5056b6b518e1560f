//! The suite that every backend passes: honest proofs are accepted, whatever is changed is rejected, keys and proofs survive
//! the way through bytes.
//!
//! Invariant: nothing here knows a backend. A case that a backend cannot express, by its own
//! [`SetupError::Unsupported`](tessera_api::SetupError::Unsupported), is left out and reported with the reason.

use super::{Case, Family, case};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tessera_api::{Backend, Container, Digest, FileKind, Publics, SetupError, Trace};

/// Keys and proofs as bytes: how each is written, and how it is read.
pub struct Codec<B: Backend> {
    /// The proving key.
    pub proving_key: Coding<B::ProvingKey>,
    /// The verifying key.
    pub verifying_key: Coding<B::VerifyingKey>,
    /// A proof, written and read for a verifying key.
    pub proof: (WriteFor<B::Proof, B::VerifyingKey>, ReadFor<B::Proof, B::VerifyingKey>),
}

/// Writes a value.
pub type Write<T> = fn(&T) -> Vec<u8>;
/// Writes a value that belongs to a key.
pub type WriteFor<T, K> = fn(&T, &K) -> Vec<u8>;
/// Reads a value, or says why it cannot.
pub type Read<T> = fn(&[u8]) -> Result<T, String>;
/// Reads a value that belongs to a key, or says why it cannot.
pub type ReadFor<T, K> = fn(&[u8], &K) -> Result<T, String>;
/// Both ways.
pub type Coding<T> = (Write<T>, Read<T>);

/// For types that serde knows: a [`Container`] with one section.
pub mod plain {
    use super::*;
    use serde::{Serialize, de::DeserializeOwned};

    /// Writes a value.
    pub fn write<T: Serialize>(value: &T) -> Vec<u8> {
        let mut c = Container::new(FileKind::Proof, Digest::default());
        c.put("value", value);
        c.to_bytes()
    }

    /// Reads a value.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn read<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        let c = Container::from_bytes(bytes, FileKind::Proof).map_err(|e| e.to_string())?;
        c.get("value").map_err(|e| e.to_string())
    }

    /// Writes a value, whatever key it is for.
    pub fn write_for<T: Serialize, K>(value: &T, _: &K) -> Vec<u8> {
        write(value)
    }

    /// Reads a value, whatever key it is for.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn read_for<T: Serialize + DeserializeOwned, K>(bytes: &[u8], _: &K) -> Result<T, String> {
        read(bytes)
    }
}

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Random cases of each family.
    pub cases: u64,
    /// Changes of each kind that are tried on a case.
    pub changes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { cases: 5, changes: 8 }
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
pub fn run<B: Backend>(
    backend: &B,
    codec: &Codec<B>,
    settings: &Settings,
    trace: impl Fn(&Case) -> Trace,
) -> Report {
    let mut suite = Suite { backend, codec, settings, report: Report::default(), wrong: vec![] };
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

struct Suite<'a, B: Backend> {
    backend: &'a B,
    codec: &'a Codec<B>,
    settings: &'a Settings,
    report: Report,
    wrong: Vec<String>,
}

impl<B: Backend> Suite<'_, B> {
    fn wrong(&mut self, name: &str, what: impl std::fmt::Display) -> Tried {
        self.wrong.push(format!("{name}: {what}"));
        Tried::Done
    }

    fn case(&mut self, name: &str, case: &Case, honest: &Trace) -> Tried {
        let (pk, vk) = match self.backend.setup(&case.program) {
            Ok(keys) => keys,
            Err(SetupError::Unsupported { reason, .. }) => return Tried::Unsupported(reason),
            Err(e) => return self.wrong(name, format_args!("setup fails: {e}")),
        };
        let (write_pk, read_pk) = self.codec.proving_key;
        let (write_vk, read_vk) = self.codec.verifying_key;
        let (write_proof, read_proof) = self.codec.proof;
        let (pk_bytes, vk_bytes) = (write_pk(&pk), write_vk(&vk));
        match self.backend.setup(&case.program) {
            Ok((p, v)) if write_pk(&p) == pk_bytes && write_vk(&v) == vk_bytes => {}
            _ => return self.wrong(name, "setting up again gives other keys"),
        }
        // keys as read are what is used from here on
        let pk = match read_pk(&pk_bytes) {
            Ok(pk) if write_pk(&pk) == pk_bytes => pk,
            Ok(_) => return self.wrong(name, "the proving key is written in another way after it was read"),
            Err(e) => return self.wrong(name, format_args!("the proving key cannot be read: {e}")),
        };
        let vk = match read_vk(&vk_bytes) {
            Ok(vk) if write_vk(&vk) == vk_bytes => vk,
            Ok(_) => {
                return self.wrong(name, "the verifying key is written in another way after it was read");
            }
            Err(e) => return self.wrong(name, format_args!("the verifying key cannot be read: {e}")),
        };
        let proof = match self.backend.prove(&pk, honest.clone()) {
            Ok((proof, _)) => write_proof(&proof, &vk),
            Err(e) => return self.wrong(name, format_args!("an honest witness is not proven: {e}")),
        };
        let verify = |publics: &Publics, bytes: &[u8]| {
            let proof = read_proof(bytes, &vk)?;
            self.backend.verify(&vk, publics, &proof).map_err(|e| e.to_string())
        };
        if let Err(e) = verify(&honest.publics, &proof) {
            return self.wrong(name, format_args!("an honest proof is rejected: {e}"));
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
            let proof = self.backend.prove(&pk, bad).ok().map(|(proof, _)| write_proof(&proof, &vk));
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
        for at in 0..self.settings.changes {
            let at = at * proof.len() / self.settings.changes;
            let mut bad = proof.clone();
            bad[at] ^= 1 << (at % 8);
            expect(format!("a changed proof is accepted: byte {at}"), verify(&honest.publics, &bad).is_ok());
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
        // another relation: a table of twice the height
        let mut other = case.program.clone();
        if let Some(table) = other.tables.first_mut() {
            table.log_height += 1;
            if let Ok((_, other)) = self.backend.setup(&other) {
                expect("another Program has the same verifying key".into(), write_vk(&other) == vk_bytes);
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
