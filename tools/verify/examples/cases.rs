//! Writes what a verifier is tried on elsewhere: files that hold, that are false and that are broken, each with what this verifier says.
//!
//! `cases FOLDER KEY PROOF [KEY PROOF …]` makes a folder for every case: `key.vk`, `x.proof`, `asked.json` (a digest, and the least
//! bits of security) and `said.json`.
use std::path::Path;
use tessera_api::{Container, FileKind};
use tessera_verify::key::ProofFile;
use tessera_verify::web::{read_key, verify};

/// Writes one case.
struct Case<'a> {
    key: &'a [u8],
    proof: &'a [u8],
    digest: &'a str,
    bits: u32,
}

impl Case<'_> {
    fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("key.vk"), self.key)?;
        std::fs::write(folder.join("x.proof"), self.proof)?;
        let asked = serde_json::json!({ "digest": self.digest, "bits": self.bits });
        std::fs::write(folder.join("asked.json"), asked.to_string())?;
        // a key that cannot be read is all that there is to say
        let key = read_key(self.key);
        std::fs::write(folder.join("said.json"), verify(&key, self.proof, self.digest, self.bits))
    }
}

/// With the byte at this share of the file changed.
fn flipped(bytes: &[u8], share: f64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = ((bytes.len() - 1) as f64 * share) as usize;
    bytes[at] ^= 0x10;
    bytes
}

/// A section changed, in a container whose digests are right.
fn resealed(bytes: &[u8], kind: FileKind, section: &str, share: f64) -> Vec<u8> {
    let mut c = Container::from_bytes(bytes, kind).expect("a file of ours");
    let body = c.bytes(section).expect("the section");
    c.insert(section, flipped(&body, share));
    c.to_bytes()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, files @ ..] = &arguments[..] else {
        return Err("cases FOLDER KEY PROOF [KEY PROOF …]".into());
    };
    let folder = Path::new(folder);
    let read = |path: &String| std::fs::read(path);
    let pairs: Vec<(Vec<u8>, Vec<u8>)> =
        files.chunks_exact(2).map(|c| Ok((read(&c[0])?, read(&c[1])?))).collect::<std::io::Result<_>>()?;
    for (n, (key, proof)) in pairs.iter().enumerate() {
        let case = |name: &str, key: &[u8], proof: &[u8], digest: &str, bits: u32| {
            Case { key, proof, digest, bits }.write(&folder.join(format!("{n} {name}")))
        };
        let read = read_key(key)?;
        let own = format!("{:#}", read.digest());
        case("holds", key, proof, "", 96)?;
        case("holds for the pinned key", key, proof, &own, 96)?;
        case("is not the pinned key", key, proof, &own.replace(&own[..1], "0"), 96)?;
        case("no digest", key, proof, "abc", 96)?;
        case("worth too little", key, proof, "", 200)?;
        case("key for a proof", key, key, "", 96)?;
        case("proof for a key", proof, proof, "", 96)?;
        case("empty", &[], &[], "", 96)?;
        case("cut short", key, &proof[..proof.len() / 2], "", 96)?;
        for share in [0.0, 0.001, 0.4, 0.9] {
            case(&format!("changed at {share}"), key, &flipped(proof, share), "", 96)?;
            case(&format!("key changed at {share}"), &flipped(key, share), proof, "", 96)?;
        }
        for share in [0.0, 0.02, 0.3, 0.6, 0.95] {
            let sealed = resealed(proof, FileKind::Proof, "proof", share);
            case(&format!("sealed with another proof at {share}"), key, &sealed, "", 96)?;
            let sealed = resealed(key, FileKind::VerifyingKey, "key", share);
            case(&format!("sealed with another key at {share}"), &sealed, proof, "", 96)?;
        }
        // the false statement: another output
        let mut other = ProofFile::from_bytes(proof, &read)?;
        let scores = other.publics.tensors.last_mut().ok_or("a proof without outputs")?;
        let (first, last) = (scores[0], scores[scores.len() - 1]);
        scores[0] = if first == last { first - 1 } else { last };
        case("another output", key, &other.to_bytes(&read), "", 96)?;
        let (_, next) = &pairs[(n + 1) % pairs.len()];
        case("the proof of another key", key, next, "", 96)?;
    }
    Ok(())
}
