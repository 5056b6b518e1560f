//! `tessera prove`: runs the quantized model and proves its output.
use crate::cli::{ByteCount, Prove, When};
use crate::failure::{Failure, Result};
use crate::infer::{self, Batch};
use crate::measure::{Time, timed};
use crate::model::{Metadata, Model, Port};
use crate::opening::{self, Opening, Salt};
use crate::prover::{self, ProofFile, ProvingKey, VerifyingKey};
use crate::screen::Screen;
use crate::statement::{Statement, statement};
use crate::{files, measure, show};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tessera_api::commitment::Root;
use tessera_api::{Public, Publics, Timings, Trace};
use tessera_runtime::{Limits, Prepared};
use tessera_verify::claim::Claim;
use tessera_verify::commitments::{Tensor, ports};

#[derive(Serialize)]
struct Report {
    model: String,
    #[serde(flatten)]
    statement: Statement,
    read: Time,
    #[serde(flatten)]
    made: Made,
    /// All that the command took.
    whole: Time,
}

/// A proof that was written.
#[derive(Serialize)]
pub struct Made {
    proof: String,
    proof_bytes: u64,
    /// Openings that were written: of what is committed to with a new salt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    openings: Vec<String>,
    witness: Time,
    prove: Time,
    /// Verifying the proof before it was written, if that was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Time>,
    write: Time,
    phases: Vec<Phase>,
}

#[derive(Serialize)]
struct Phase {
    name: String,
    #[serde(flatten)]
    time: Time,
}

impl Made {
    /// For people: what was proven of which model, where it is, and how long all of it took.
    pub fn line(&self, what: &str, model: &str, whole: Time) -> String {
        format!(
            "proved {what} of {model} in {} ({} CPU): {}, {}",
            show::seconds(whole.wall_s),
            show::seconds(whole.cpu_s),
            self.proof,
            show::bytes(self.proof_bytes)
        )
    }

    /// What the time went to, and before that to these.
    pub fn parts(&self, before: &[(&str, Time)]) -> String {
        let check = self.check.map(|time| ("checking it", time));
        let parts = before.iter().copied().chain([("inference", self.witness), ("proof", self.prove)]);
        show::clocks(parts.chain(check).chain([("writing", self.write)]))
    }
}

/// Keeps to a limit of memory, and says so where that takes time.
pub fn fit(key: &mut ProvingKey, model: &Model, limit: Option<ByteCount>, screen: &Screen) -> Result<()> {
    if let Some(least) = key.fit(model, limit.map(|limit| limit.0))? {
        let least = show::bytes(least);
        screen.note(format!("about {least} of memory are taken, which takes more time than with more of it"));
    }
    Ok(())
}

/// Runs the command.
pub fn run(o: &Prove, screen: &Screen) -> Result<()> {
    let bar = screen.progress.phase("reading the model and the key", None);
    let (loaded, read) = timed(|| -> Result<_> {
        let model = Model::read(&o.model)?;
        let batch = given(o, &model, screen)?;
        let mut key = ProvingKey::read(&key_path(o.key.as_deref(), &o.model)?, &model)?;
        fit(&mut key, &model, o.max_memory, screen)?;
        Ok((model, batch, key))
    });
    bar.finish_and_clear();
    let (model, batch, key) = loaded?;
    files::check_output(&o.output)?;
    let m = &model.metadata;
    let used = batch.used;
    let (plan, prepared) = timed(|| prepare(&model));
    let Proven { file, values, mut made } =
        make(&model, &key, (plan?, batch), (&o.output, None, o.check), screen)?;
    made.witness = made.witness + prepared;
    let statement = statement(m, &values.tensors[m.inputs.len()..], used, m.batch - used);
    let report = Report { model: m.name.clone(), statement, read, made, whole: measure::whole() };
    screen.json(&report);
    let s = &report.statement;
    screen.line(report.made.line(&show::plural(s.inferences, "inference"), &m.name, report.whole));
    s.lines(10).iter().for_each(|l| screen.line(format!("  {l}")));
    screen.line(format!("  {}", report.made.parts(&[("reading", read)])));
    for (port, public) in ports(m, &model.program.publics).filter(|(_, p)| p.role.is_committed()) {
        let at = model.program.publics.iter().position(|p| std::ptr::eq(p, public));
        let root = at.and_then(|i| Root::of(&file.publics.tensors[i])).unwrap_or_default();
        screen.line(format!("  {} is committed as {root}", port.name));
    }
    report.made.openings.iter().for_each(|path| {
        screen.line(format!("  {path}  for who may know the values, and nobody else"));
    });
    if s.padding > 0 {
        screen.note(format!(
            "the proof covers {} inferences; {} of them are padding (inputs of zeros)",
            m.batch, s.padding
        ));
    }
    Ok(())
}

/// A proof, and what making it took.
pub struct Proven {
    /// The proof.
    pub file: ProofFile,
    /// The values of all inputs and outputs, those that the statement does not have too.
    pub values: Publics,
    /// Where it is, and how long it took.
    pub made: Made,
}

/// Proves a batch of a model, and writes the proof to a file; with what it claims, and checked before it is written where that is wanted.
pub fn make(
    model: &Model,
    key: &ProvingKey,
    (plan, batch): (Prepared, Batch),
    (output, claim, when): (&Path, Option<Claim>, When),
    screen: &Screen,
) -> Result<Proven> {
    let predicted = prover::seconds(model)?;
    let wall = predicted / rayon::current_num_threads().max(1) as f64;
    let proving = format!("proving {}", show::plural(batch.used, "inference"));
    let bar = screen.progress.phase("running the network", None);
    let (used, salts) = (batch.used, batch.salts.clone());
    let (filled, witness) = timed(|| fill(&plan, batch));
    // the prover needs its memory
    drop(plan);
    bar.finish_and_clear();
    let (trace, values) = filled?;
    let bar = screen.progress.phase(&proving, Some(wall));
    let openings = openings(model, (&values, used), &salts, output)?;
    let (proved, prove) = timed(|| key.prove(trace, used));
    bar.finish_and_clear();
    let (mut file, Timings { phases }) = proved?;
    file.claim = claim;

    let large = key.is_large();
    let key = key.verifying();
    let bytes = file.to_bytes(&key);
    let takes = prover::backend(&model.metadata.backend)?.prices().verify_seconds(bytes.len() as u64);
    let check = wanted(when, takes, predicted, large);
    let bar = screen
        .progress
        .phase(if check { "checking and writing the proof" } else { "writing the proof" }, None);
    let checked = check.then(|| timed(|| verifies(&bytes, &key)));
    let check = checked.map(|(result, time)| result.map(|()| time)).transpose()?;
    // first what nobody could make again
    let (written, write) = timed(|| {
        openings.iter().try_for_each(|(path, opening)| opening.write(path))?;
        files::write(output, &bytes)
    });
    bar.finish_and_clear();
    written?;
    let phase = |(name, cpu_s, wall_s)| Phase { name, time: Time { cpu_s, wall_s } };
    let made = Made {
        proof: output.display().to_string(),
        proof_bytes: bytes.len() as u64,
        openings: openings.iter().map(|(path, _)| path.display().to_string()).collect(),
        witness,
        prove,
        check,
        write,
        phases: phases.into_iter().map(phase).collect(),
    };
    Ok(Proven { file, values, made })
}

/// Whether the proof is verified before it is written, by what verifying and proving are predicted to cost; in any case where a key is so
/// large that not all of it was compared with its hash.
pub fn wanted(when: When, verify_s: f64, prove_s: f64, large: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => large || verify_s < 0.05 * prove_s,
    }
}

/// Errs unless what will be written is a proof that holds: a key that changed under the prover's hands, or a machine that miscounts, ends
/// here.
pub fn verifies(bytes: &[u8], key: &VerifyingKey) -> Result<()> {
    let verdict = ProofFile::from_bytes(bytes, key).and_then(|proof| key.verify(&proof));
    verdict.map(|_| ()).map_err(|f| {
        Failure::machine("the proof that was made does not hold, and was not written")
            .found(f.to_string())
            .help("prove again; if it happens twice, make the keys again with: tessera setup MODEL.tess")
    })
}

/// The model's witness plan, ready to run: of elements as many as the machine has free memory for, if that is more than usual.
pub fn prepare(model: &Model) -> Result<Prepared> {
    let model = model.with_weights()?;
    let usual = Limits::default();
    let room = measure::free_memory().map_or(0, |bytes| bytes / 8);
    let limits = Limits { elements: usual.elements.max(room), ..usual };
    Prepared::with_limits(&model.program, &model.plan, limits)
        .map_err(|e| Failure::new(format!("the witness plan does not fit the model: {e}")))
}

/// The witness of a batch, and the values of all inputs and outputs.
pub fn fill(plan: &Prepared, batch: Batch) -> Result<(Trace, Publics)> {
    if batch.salts.len() != plan.salts() {
        return Err(Failure::new("this model commits to inputs or outputs, and they are given no salts")
            .help("prove with the command: tessera prove MODEL.tess --opening FILE -o OUT.proof"));
    }
    let salts = batch.salts.into_iter().map(|s| s.salt.to_vec());
    plan.run_open(batch.inputs.into_iter().chain(salts).collect())
        .map_err(|e| Failure::new(format!("the witness cannot be computed: {e}")))
}

/// What is proven about: inputs from data and from openings.
fn given(o: &Prove, model: &Model, screen: &Screen) -> Result<Batch> {
    let m = &model.metadata;
    let publics = &model.program.publics;
    let mut opened: BTreeMap<usize, Opening> = BTreeMap::new();
    for given in &o.opening {
        let (at, path) = which(given, m, publics)?;
        let port = &m.inputs[at];
        let opening = Opening::read(path, (port, &Tensor::of(m, port)))?;
        if opened.insert(at, opening).is_some() {
            return Err(Failure::new(format!("two openings of the input {:?}", port.name)).in_file(path));
        }
    }
    let others = Metadata { inputs: unopened(m, &opened), ..m.clone() };
    let batch = match &o.input {
        Some(path) if !others.inputs.is_empty() => {
            infer::single(&others, &infer::read(&others, path, o.data.scale, o.index, screen)?, path)?
        }
        Some(path) => {
            return Err(Failure::new("all inputs are given by openings, and data too")
                .help("leave out --input: an opening holds the input that it commits to")
                .in_file(path));
        }
        None if others.inputs.is_empty() => Batch { inputs: vec![], used: 0, salts: vec![] },
        None => {
            let names: Vec<&str> = others.inputs.iter().map(|p| p.name.as_str()).collect();
            let what = "some inputs are given neither by an opening nor by data";
            return Err(Failure::new(what).expected(format!("--input DATA, with {}", names.join(", "))));
        }
    };
    joined(model, &opened, batch)
}

/// The inputs that no opening gives.
pub fn unopened(m: &Metadata, opened: &BTreeMap<usize, Opening>) -> Vec<Port> {
    (0..m.inputs.len()).filter(|i| !opened.contains_key(i)).map(|i| m.inputs[i].clone()).collect()
}

/// What is proven about, of openings by the places of their inputs and of the inputs that none of them gives, in their order: with the salts of
/// all that is committed to, new ones where nothing is given.
pub fn joined(model: &Model, opened: &BTreeMap<usize, Opening>, mut batch: Batch) -> Result<Batch> {
    let counts = opened.values().map(|o| o.used).chain((batch.used > 0).then_some(batch.used));
    let counts: Vec<usize> = counts.collect();
    if let Some([a, b]) = counts.array_windows().find(|[a, b]| a != b) {
        return Err(Failure::new("the inputs are of different numbers of inferences")
            .expected(a.to_string())
            .found(b.to_string()));
    }
    batch.used = counts.first().copied().unwrap_or(1);
    // those that were taken out come back in their order
    opened.iter().for_each(|(at, opening)| batch.inputs.insert(*at, opening.values.clone()));
    for public in opening::committed(&model.program) {
        batch.salts.push(match opened.get(&public) {
            Some(opening) => opening.salt(public),
            None => Salt { public, salt: opening::salt(&batch.inputs.concat())?, new: true },
        });
    }
    Ok(batch)
}

/// Which input an opening is for, and its file: NAME=FILE, or FILE where one input is committed.
fn which<'a>(given: &'a str, m: &Metadata, publics: &[Public]) -> Result<(usize, &'a Path)> {
    let committed =
        || ports(m, publics).take(m.inputs.len()).enumerate().filter(|(_, (_, p))| p.role.is_committed());
    let names = committed().map(|(_, (port, _))| port.name.as_str()).collect::<Vec<_>>().join(", ");
    let named = given.split_once('=').and_then(|(name, path)| {
        committed().find(|(_, (port, _))| port.name == name).map(|(at, _)| (at, Path::new(path)))
    });
    let only = || {
        let mut all = committed();
        all.next().filter(|_| all.next().is_none()).map(|(at, _)| (at, Path::new(given)))
    };
    named.or_else(only).ok_or_else(|| {
        let none = names.is_empty();
        let what = if none {
            "this model commits to no input".into()
        } else {
            format!("which input does {given} open?")
        };
        let wanted = if none { "no --opening".into() } else { format!("NAME=FILE, and NAME one of {names}") };
        Failure::new(what).expected(wanted)
    })
}

/// Openings of what is committed to with a new salt, and whose they are.
pub fn new_openings<'m>(
    model: &'m Model,
    (values, used): (&Publics, usize),
    salts: &[Salt],
) -> Vec<(&'m Port, Opening)> {
    let m = &model.metadata;
    let one = |s: &Salt| {
        let port = m.inputs.iter().chain(&m.outputs).nth(s.public)?;
        let values = values.tensors[s.public].clone();
        Some((port, Opening::new(Tensor::of(m, port), (values, used), s.salt)))
    };
    salts.iter().filter(|s| s.new).filter_map(one).collect()
}

/// Those, and where they go: beside the proof.
fn openings(
    model: &Model,
    values: (&Publics, usize),
    salts: &[Salt],
    proof: &Path,
) -> Result<Vec<(PathBuf, Opening)>> {
    let new = new_openings(model, values, salts);
    let names: Vec<&str> = new.iter().map(|(port, _)| port.name.as_str()).collect();
    let paths = opening::beside(proof, &names);
    paths.iter().try_for_each(|path| files::check_output(path))?;
    Ok(paths.into_iter().zip(new.into_iter().map(|(_, opening)| opening)).collect())
}

/// Where the proving key of a model is: where it was said to be, or beside it.
pub fn key_path(given: Option<&Path>, model: &Path) -> Result<PathBuf> {
    if let Some(key) = given {
        return Ok(key.into());
    }
    let key = files::beside(model, "pk");
    if key.exists() {
        return Ok(key);
    }
    Err(Failure::new("there is no proving key beside the model")
        .expected(key.display().to_string())
        .help(format!("make it with: tessera setup {}, or name one with --key", model.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checking_is_for_where_it_costs_little() {
        assert!(wanted(When::Auto, 15e-3, 0.38, false) && !wanted(When::Auto, 8.9e-3, 34e-3, false));
        assert!(wanted(When::Always, 1.0, 0.1, false) && !wanted(When::Never, 0.0, 1.0, true));
        assert!(wanted(When::Auto, 8.9e-3, 34e-3, true));
    }
}
