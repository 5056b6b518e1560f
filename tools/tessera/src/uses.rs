//! How many proofs a key of hidden weights has served: a count in a file beside the key.
//!
//! # Hiding
//! A key of hidden weights serves so many proofs, and one more would tell of the weights ([`Prover::uses`]). The count grows, and is on
//! the disk, before a proof opens anything: a prover that is killed has used its turn, whether anything of the proof was seen or not. The
//! key's file is locked meanwhile, so that two provers never have the same turn. It is made with the key; a key without it makes no proof. What it
//! cannot see is a copy: whoever copies both files, or restores them from a backup, can prove with turns that were had before, and
//! gives away what they hide.
//!
//! [`Prover::uses`]: tessera_api::Prover::uses
use crate::failure::{Failure, Result};
use crate::files;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    /// Digest of the verifying key.
    key: String,
    /// Proofs that the key serves.
    of: u64,
    /// Proofs that it has served.
    used: u64,
}

/// Where the count of a proving key is.
pub fn beside(key: &Path) -> PathBuf {
    key.with_extension("uses")
}

/// Starts to count, for a new key that has made so many.
pub fn start(path: &Path, key: String, (used, of): (u64, u64)) -> Result<()> {
    files::write(path, text(&Count { key, of, used })?.as_bytes())
}

/// Takes turns of the key in the file `pk`, which has this digest and serves `of` proofs. Returns how many are left.
///
/// # Errors
/// Where there is none left, no count, or the count of another key.
pub fn take(pk: &Path, key: &str, (turns, of): (u64, u64)) -> Result<u64> {
    let lock = File::open(pk).map_err(|e| Failure::io("read", pk, &e))?;
    lock.lock().map_err(|e| Failure::io("lock", pk, &e))?;
    let path = beside(pk);
    if !path.exists() {
        return Err(Failure::new("the count of the proofs that this key has made is missing")
            .expected(format!("{}, which tessera setup made with the key", path.display()))
            .help("the key hides weights in so many proofs and no more; without its count, make another with: tessera setup"));
    }
    let count = at(&path)?;
    if count.key != key || count.of != of {
        return Err(Failure::new("this count of proofs is of another key")
            .expected(format!("of {key}, which serves {of} proofs"))
            .found(format!("of {}, which serves {}", count.key, count.of))
            .help("keep the .uses file beside the .pk that it was made with"));
    }
    if count.used >= of {
        return Err(Failure::new(format!("this key has served the {of} proofs that it hides weights in"))
            .help(
                "make another key with: tessera setup; compile with more --uses for keys that serve more",
            ));
    }
    let used = count.used.saturating_add(turns);
    if used > of {
        return Err(Failure::new("this key has too few proofs left")
            .expected(format!("{turns}, which a certificate takes"))
            .found(format!("{} of {of}", of - count.used))
            .help("make a certificate with a key that has more left"));
    }
    // whole, synced and renamed: whoever is killed here has either the count before or the one after
    files::write(&path, text(&Count { used, ..count })?.as_bytes())?;
    Ok(of - used)
}

fn at(path: &Path) -> Result<Count> {
    let failed = |e: std::io::Error| Failure::io("read", path, &e);
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::new(format!("{} is no regular file", path.display())));
    }
    let mut found = String::new();
    Read::take(file, 1 << 12).read_to_string(&mut found).map_err(failed)?;
    serde_json::from_str(&found)
        .map_err(|e| Failure::new(format!("{} is no count of proofs: {e}", path.display())))
}

/// How many are used, of how many; for who only wants to know.
pub fn read(path: &Path) -> Result<(u64, u64)> {
    at(path).map(|count| (count.used, count.of))
}

fn text(count: &Count) -> Result<String> {
    let json = serde_json::to_string(count).map_err(|e| Failure::new(format!("the count of proofs: {e}")))?;
    Ok(json + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_turn_is_had_once() {
        let dir = tempfile::tempdir().unwrap();
        let (pk, path) = (dir.path().join("m.pk"), dir.path().join("m.uses"));
        let refused = |key: &str, of: u64| take(&pk, key, (1, of)).unwrap_err().to_string();
        assert!(refused("k", 40).contains("m.pk"));
        std::fs::write(&pk, "a key").unwrap();
        assert!(refused("k", 40).contains("m.uses"));
        start(&path, "k".into(), (0, 40)).unwrap();
        assert!(refused("l", 40).contains("another key") && refused("k", 41).contains("another key"));
        let mut left: Vec<u64> = std::thread::scope(|s| {
            let some = || (0..10).map(|_| take(&pk, "k", (1, 40)).unwrap()).collect::<Vec<_>>();
            let all: Vec<_> = (0..4).map(|_| s.spawn(some)).collect();
            all.into_iter().flat_map(|t| t.join().unwrap()).collect()
        });
        left.sort_unstable();
        assert_eq!(left, (0..40).collect::<Vec<_>>());
        assert!(refused("k", 40).contains("has served"));
        assert_eq!(read(&path).unwrap(), (40, 40));
        // several at once, or none
        start(&path, "k".into(), (3, 5)).unwrap();
        assert!(take(&pk, "k", (3, 5)).unwrap_err().to_string().contains("too few"));
        assert_eq!((take(&pk, "k", (2, 5)).unwrap(), read(&path).unwrap()), (0, (5, 5)));
        std::fs::write(&path, "nonsense").unwrap();
        assert!(refused("k", 40).contains("no count"));
    }
}
