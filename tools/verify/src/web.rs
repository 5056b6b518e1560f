//! The verifier in a browser: bytes of files in, JSON out.
//!
//! Everything is a pair of functions: those that are tested here, and those that WebAssembly exports, which only move bytes. The page
//! gets memory with `tessera_reserve`, writes a file to it, calls, and reads the answer where `tessera_answer` points.
//!
//! # Correctness
//! An answer says `"verified": true` only where [`Report::new`] returned one. A panic ends the module, and the page takes that for
//! "could not be checked".
use crate::error::{Error, Result};
use crate::key::{Policy, ProofFile, VERIFYING_KEY_AT_MOST, VerifyingKey};
use crate::report::Report;
use crate::text;
use tessera_api::{Container, FileKind, Publics};

/// A key as the page has it.
pub fn read_key(bytes: &[u8]) -> Result<VerifyingKey> {
    within(bytes, VERIFYING_KEY_AT_MOST, "any verifying key")?;
    VerifyingKey::from_bytes(bytes)
}

/// What a key is of and worth, as JSON; or why it cannot be used, as the command says it with `--json`.
pub fn about(key: &Result<VerifyingKey>) -> String {
    key.as_ref().map_or_else(Error::json, |key| text::json(&key.about()))
}

/// What a proof says, as `tessera-verify --json` has it. `digest` pins the key, where it is not empty.
pub fn verify(key: &Result<VerifyingKey>, proof: &[u8], digest: &str, min_security: u32) -> String {
    let report = || {
        let key = key.as_ref().map_err(Clone::clone)?;
        let digest = digest.trim();
        let key_digest = if digest.is_empty() {
            None
        } else {
            let wrong = |e| Error::new(format!("this is no digest: {e}")).found(digest);
            Some(digest.parse().map_err(wrong)?)
        };
        Policy { min_security, key_digest, ..Policy::default() }.check(key)?;
        within(proof, key.proof_bytes_at_most(), "any proof for this key")?;
        Report::new(key, &ProofFile::from_bytes(proof, key)?)
    };
    report().map_or_else(|e| e.json(), |report| text::json(&report))
}

/// Verifies a proof with a key of the backend alone, which tell of no model: engines compile what runs often, and the first proof that
/// somebody asks about should not have to wait for that. Says whether it held.
pub fn rehearse(key: &[u8], proof: &[u8]) -> bool {
    let verify = || {
        let key = Container::from_bytes(key, FileKind::VerifyingKey).ok()?;
        let mut proof = Container::from_bytes(proof, FileKind::Proof).ok()?;
        let publics: Publics = proof.take("publics").ok()?;
        tessera_backends::default().verifier(&key).ok()?.verify(&publics, &proof).ok()
    };
    verify().is_some()
}

fn within(bytes: &[u8], most: u64, what: &str) -> Result<()> {
    if bytes.len() as u64 <= most {
        return Ok(());
    }
    Err(Error::new("the file is too large")
        .expected(format!("at most {most} bytes, the most of {what}"))
        .found(format!("{} bytes", bytes.len())))
}

/// What WebAssembly exports.
#[cfg(target_family = "wasm")]
mod exports {
    use super::{VerifyingKey, about, read_key, rehearse, verify};
    use crate::error::Result;
    use std::cell::RefCell;

    #[derive(Default)]
    struct State {
        given: Vec<u8>,
        key: Option<Result<VerifyingKey>>,
        answer: String,
    }

    thread_local! {
        static STATE: RefCell<State> = RefCell::default();
    }

    fn with<T>(f: impl FnOnce(&mut State) -> T) -> T {
        STATE.with(|s| f(&mut s.borrow_mut()))
    }

    /// Memory for a file of so many bytes.
    #[unsafe(no_mangle)]
    extern "C" fn tessera_reserve(bytes: usize) -> *mut u8 {
        with(|s| {
            s.given = vec![0; bytes];
            s.given.as_mut_ptr()
        })
    }

    /// Reads the key that was written. Returns the length of the answer.
    #[unsafe(no_mangle)]
    extern "C" fn tessera_key() -> usize {
        with(|s| {
            let key = read_key(&std::mem::take(&mut s.given));
            s.answer = about(&key);
            s.key = Some(key);
            s.answer.len()
        })
    }

    /// Verifies the proof that was written, behind `digest` bytes of a digest. Returns the length of the answer.
    #[unsafe(no_mangle)]
    extern "C" fn tessera_verify(digest: usize, min_security: u32) -> usize {
        with(|s| {
            let given = std::mem::take(&mut s.given);
            let (digest, proof) = given.split_at(digest.min(given.len()));
            let digest = String::from_utf8_lossy(digest);
            let none = || Err(crate::error::Error::new("there is no key"));
            s.answer = verify(s.key.get_or_insert_with(none), proof, &digest, min_security);
            s.answer.len()
        })
    }

    /// Verifies the sample that was written, a key of so many bytes and a proof: 1 where it holds. No answer changes.
    #[unsafe(no_mangle)]
    extern "C" fn tessera_rehearse(key: usize) -> u32 {
        let given = with(|s| std::mem::take(&mut s.given));
        let (key, proof) = given.split_at(key.min(given.len()));
        u32::from(rehearse(key, proof))
    }

    /// Where the answer is.
    #[unsafe(no_mangle)]
    extern "C" fn tessera_answer() -> *const u8 {
        with(|s| s.answer.as_ptr())
    }
}
