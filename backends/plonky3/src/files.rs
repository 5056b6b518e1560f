//! Keys and proofs as files.
//!
//! Invariants: what is read is validated before it is handed out; an encoding that is not the one this crate writes is
//! refused by the container, so a file cannot be changed without changing what it says; a file that belongs to something else is an error
//! that names both.
use crate::Proof;
use crate::air::Group;
use crate::air::compile::compile;
use crate::arithmetic::{Cubic, Extension};
use crate::keys::{Extensions, FixedColumns, ProvingKey, Round, VerifyingKey, assemble, limits_of};
use crate::p3::{Committed, SALT, Stored, decode, encode, loaded, matrices, stored, typed};
use crate::security;
use bytes::Bytes;
use std::sync::Arc;
use tessera_api::{Container, Digest, FileError, FileKind, Program};

/// Sections of every proving key.
const LEAN: [&str; 2] = ["key", "entropy"];
/// Those of columns.
const COLUMNS: [&str; 3] = ["fixed", "model", "summed"];
/// Those of extensions, which a compact key has not.
const EXTENSIONS: [&str; 4] = ["fixed.extended", "model.extended", "summed.extended", "summed.tree"];
/// Those of the digests of trees, whose leaves a compact key has not.
const TREES: [&str; 3] = ["fixed.tree", "model.tree", "summed.tree"];

/// Sections beside those of a lean key: of a compact one, or of one with extensions.
pub fn columns(compact: bool) -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(if compact { &TREES[..] } else { &EXTENSIONS }.iter().copied())
}

/// A proving key without its columns, which its reader makes again.
pub fn lean(key: &Container) -> Container {
    let mut c = key.clone();
    columns(true).chain(columns(false)).for_each(|name| c.remove(name));
    c
}

fn kind(c: &Container, expected: FileKind) -> Result<(), FileError> {
    if c.kind == expected { Ok(()) } else { Err(FileError::Kind { expected, found: c.kind }) }
}

/// The digests of a tree whose leaves are made anew; nothing of no tree.
fn digests(data: Option<&Committed>) -> Bytes {
    match data {
        Some(Committed::Streamed(s)) => s.tree().bytes().clone(),
        _ => Bytes::new(),
    }
}

impl VerifyingKey {
    /// As a file that belongs to the Program.
    pub fn to_container(&self) -> Container {
        let mut c = Container::new(FileKind::VerifyingKey, self.program);
        c.put("key", self);
        c
    }

    /// Reads and validates a key.
    pub fn from_container(c: &Container) -> Result<VerifyingKey, FileError> {
        kind(c, FileKind::VerifyingKey)?;
        c.only(&["key"])?;
        let key: VerifyingKey = c.get("key")?;
        c.check_parent(key.program)?;
        key.air.validate().map_err(FileError::Damaged)?;
        security::check(&key.security, &key.air).map_err(FileError::Damaged)?;
        if let Some(e) = &key.epochs {
            e.air.validate().map_err(FileError::Damaged)?;
            security::check(&e.security, &e.air).map_err(FileError::Damaged)?;
        }
        Ok(key)
    }

    /// More bytes than the file of any proof for this key has, beside its statement.
    pub fn proof_bytes_at_most(&self) -> u64 {
        // a number in postcard; a digest; a count
        const CELL: u64 = 10;
        const NODE: u64 = 34;
        let extension = u64::from(self.air.degree) * CELL + 2;
        let (fri, air) = (&self.security.fri, &self.air);
        let queries = u64::from(fri.queries) + 1;
        let layers = air.log_height() as u64 + u64::from(fri.log_blowup) + 1;
        let round = |r: Round| {
            let columns: u64 = r.shapes(air).iter().map(|s| s.width as u64 + 2).sum();
            // every summed column stands in an opening of its own
            let columns = columns + air.groups.iter().map(|g| u64::from(g.summed)).sum::<u64>();
            // and a salt
            let shown = queries * (CELL * (columns + SALT as u64) + 4);
            columns * r.points() as u64 * extension + shown + queries * layers * NODE + NODE
        };
        let folding = queries * (extension << fri.log_arity.min(16)) + queries * layers * NODE + 2 * NODE;
        let outside = (u64::from(air.terminals) + (1 << fri.log_final)) * extension + 1024 * CELL;
        let rounds = Round::ALL.into_iter().map(round).fold(0, u64::saturating_add);
        rounds.saturating_add(layers.saturating_mul(folding)).saturating_add(outside).saturating_add(1 << 12)
    }
}

impl ProvingKey {
    /// As a file that belongs to the Program, which is not in it. Fixed columns stand there with their low-degree extensions, as
    /// they are used; in a compact key with the digests of their trees.
    pub fn to_container(&self) -> Container {
        let mut c = Container::new(FileKind::ProvingKey, self.vk.program);
        c.put("key", &self.vk);
        c.put("entropy", &self.entropy);
        let summed = self.summed_tree.as_ref().map(|t| t.digests().clone()).unwrap_or_default();
        c.insert("summed.tree", summed);
        let (fixed, model) = (self.fixed.iter().map(|m| &**m), self.model.iter().map(|m| &**m));
        if self.is_compact() {
            c.insert("fixed", typed::encode(fixed));
            c.insert("model", typed::encode(model));
            c.insert("summed", typed::encode(&self.summed));
            c.insert("fixed.tree", digests(self.committed.as_ref()));
            c.insert("model.tree", digests(self.model_committed.as_ref()));
            return c;
        }
        c.insert("fixed", encode(fixed));
        c.insert("model", encode(model));
        c.insert("summed", encode(&self.summed));
        let extended = self.committed.iter().flat_map(|c| matrices(c));
        c.insert("fixed.extended", encode(extended));
        let extended = self.model_committed.iter().flat_map(|c| matrices(c));
        c.insert("model.extended", encode(extended));
        let extended = self.summed_tree.iter().flat_map(|t| t.extended());
        c.insert("summed.extended", encode(extended));
        c
    }

    /// Reads the key of `program`, whose digest the caller has compared with the file's parent. Columns are used where they lie; those of
    /// a compact key are read into memory, and a lean key has none: they are made again of the Program's data.
    ///
    /// # Correctness
    /// A prover that was given wrong columns makes proofs that are rejected, nothing worse. Extensions are hashed again, and must have the
    /// commitments of the verifying part; but summed columns, which are most of a large key, are not where they are large: their tree lies
    /// beside them, and its root is that of the verifying part. So it is with all columns of a compact key.
    pub fn from_container(c: &Container, program: Arc<Program>) -> Result<ProvingKey, FileError> {
        kind(c, FileKind::ProvingKey)?;
        let compact = c.contains("fixed.tree");
        c.only(&LEAN.into_iter().chain(columns(compact)).collect::<Vec<_>>())?;
        let vk: VerifyingKey = c.get("key")?;
        c.check_parent(vk.program)?;
        let damaged = |why: String| FileError::Damaged(why);
        // before anything is as large as the key says
        vk.air.validate().map_err(FileError::Damaged)?;
        let compiled = compile(&program, limits_of(&vk.air)).map_err(|e| damaged(e.to_string()))?;
        let foreign = || damaged("its verifying part is not that of its model".into());
        if compiled.air != vk.air {
            return Err(foreign());
        }
        security::check(&vk.security, &vk.air).map_err(FileError::Damaged)?;
        let shapes = |width: fn(&Group) -> u32, log_blowup: u8| -> Vec<(usize, usize)> {
            let all = vk.air.groups.iter().map(|g| (g.height() << log_blowup, width(g) as usize));
            // matrices without columns are committed nowhere
            all.filter(|s| log_blowup == 0 || s.1 > 0).collect()
        };
        let other = |section: &str| damaged(format!("section {section:?} does not hold its columns"));
        let read = |section: &str, width: fn(&Group) -> u32, log_blowup: u8| {
            let all = decode(&c.bytes_in_place(section)?, &shapes(width, log_blowup));
            all.ok_or_else(|| other(section))
        };
        let log_blowup = vk.security.fri.log_blowup;
        let entropy: Option<[u8; 32]> = c.get("entropy")?;
        if !columns(compact).any(|name| c.contains(name)) {
            let columns = FixedColumns::new(&program, &vk.program, (&compiled, log_blowup), entropy);
            let columns = columns.map_err(|e| damaged(format!("its columns cannot be made again: {e}")))?;
            let key = assemble(program, vk.program, compiled, vk.security, columns).map_err(damaged)?;
            return if key.vk == vk { Ok(key) } else { Err(foreign()) };
        }
        if compact && vk.air.budget().is_some() {
            return Err(damaged("a compact key of proofs that hide something".into()));
        }
        let loaded = |c: Vec<Stored>| c.into_iter().map(loaded).collect::<Vec<_>>();
        let columns = match compact {
            true => {
                let read = |section: &str, width: fn(&Group) -> u32| {
                    typed::decode(&c.bytes_in_place(section)?, &shapes(width, 0))
                        .ok_or_else(|| other(section))
                };
                let [fixed, model, summed] = TREES.map(|name| c.bytes_in_place(name));
                FixedColumns {
                    extensions: Extensions::Anew(Some([fixed?, model?, summed?])),
                    fixed: read("fixed", |g| g.fixed)?,
                    model: read("model", |g| g.model)?,
                    summed: read("summed", |g| g.summed)?.into_iter().map(stored).collect(),
                    entropy,
                }
            }
            false => FixedColumns {
                extensions: Extensions::Kept {
                    fixed: loaded(read("fixed.extended", |g| g.fixed, log_blowup)?),
                    model: loaded(read("model.extended", |g| g.model, log_blowup)?),
                    summed: read("summed.extended", |g| g.summed, log_blowup)?,
                    summed_tree: c.is_large().then(|| c.bytes_in_place("summed.tree")).transpose()?,
                },
                fixed: loaded(read("fixed", |g| g.fixed, 0)?),
                model: loaded(read("model", |g| g.model, 0)?),
                summed: read("summed", |g| g.summed, 0)?,
                entropy,
            },
        };
        let key = assemble(program, vk.program, compiled, vk.security, columns).map_err(damaged)?;
        if key.vk != vk {
            return Err(foreign());
        }
        let digests = key.summed_tree.as_ref().map(|t| t.digests().clone()).unwrap_or_default();
        if !c.is_large() && c.section("summed.tree")?.body() != digests {
            return Err(damaged("the tree of its summed columns is one of others".into()));
        }
        Ok(key)
    }
}

impl Proof {
    /// As a file that belongs to a verifying key, which says the degree of its challenges.
    pub fn to_container(&self, key: Digest) -> Container {
        let mut c = Container::new(FileKind::Proof, key);
        match self {
            Proof::Quadratic(proof) => c.put("proof", proof),
            Proof::Cubic(proof) => c.put("proof", proof),
        }
        c
    }

    /// Reads a proof for `key`. Its shape is compared with the key's when it is verified.
    pub fn from_container(c: &Container, key: &VerifyingKey) -> Result<Proof, FileError> {
        kind(c, FileKind::Proof)?;
        c.only(&["proof"])?;
        c.check_parent(key.digest())?;
        match usize::from(key.air.degree) {
            Cubic::DEGREE => c.get("proof").map(Proof::Cubic),
            _ => c.get("proof").map(Proof::Quadratic),
        }
    }
}
