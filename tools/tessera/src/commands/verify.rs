//! `tessera verify`: whether a proof holds, and what it says. Knows nothing of the compiler.
use crate::cli::{Policy, Verify};
use crate::failure::{Failure, Result};
use crate::infer;
use crate::measure::{Time, timed};
use crate::model::Metadata;
use crate::prover::{ProofFile, VerifyingKey};
use crate::screen::Screen;
use crate::statement::{Statement, outputs_of, statement};
use crate::{files, show};
use serde::Serialize;
use tessera_api::{Publics, Verified};

#[derive(Serialize)]
struct Report<'a> {
    verified: bool,
    model: &'a str,
    key: String,
    program: String,
    /// The commitment to weights that are their owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<String>,
    source: String,
    #[serde(flatten)]
    statement: Statement,
    inputs: Vec<Input<'a>>,
    /// Bits by which a proof is told from a simulated one, where inputs are hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    hiding: Option<f64>,
    security: Verified,
    time: Time,
}

/// An input as the statement has it.
#[derive(Serialize)]
struct Input<'a> {
    name: &'a str,
    shape: &'a [usize],
    scale: f64,
    /// Whether the proof hides it.
    private: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    integers: Vec<&'a [i64]>,
}

/// Runs the command.
pub fn run(o: &Verify, screen: &Screen) -> Result<()> {
    let key = VerifyingKey::read(&o.key)?;
    o.policy.check(&key).map_err(|f| f.in_file(&o.key))?;
    let proof = ProofFile::read(&o.proof, &key)?;
    let (verified, time) = timed(|| key.verify(&proof));
    let verified = verified.map_err(|f| f.in_file(&o.proof))?;
    let m = &key.metadata;
    if let Some(path) = &o.input {
        let inputs = infer::read(m, path, o.data.scale, o.index, screen)?;
        about_this(m, &proof.publics, &infer::single(m, &inputs, path)?).map_err(|f| f.in_file(&o.proof))?;
    }

    let used = proof.used;
    let statement = statement(m, outputs_of(m, &proof.publics), used, m.batch - used);
    let inputs = m.inputs.iter().zip(&proof.publics.tensors).map(|(p, flat)| Input {
        name: &p.name,
        shape: &p.shape,
        scale: p.scale,
        // a statement that holds has values of everything else
        private: flat.is_empty(),
        integers: flat.chunks(p.len().max(1)).take(used).collect(),
    });
    let report = Report {
        verified: true,
        model: &m.name,
        key: format!("{:#}", key.digest()),
        program: format!("{:#}", key.program()),
        weights: key.weights().map(|d| format!("{d:#}")),
        source: m.source.to_string(),
        inputs: inputs.collect(),
        hiding: key.offer().hiding,
        statement,
        security: verified,
        time,
    };
    screen.json(&report);
    explain(&report, &key, o, screen);
    Ok(())
}

impl Policy {
    /// Errs when a key is not good enough.
    pub fn check(&self, key: &VerifyingKey) -> Result<()> {
        self.key_digest.map_or(Ok(()), |digest| key.pinned(digest))?;
        key.at_least(self.min_security)
    }
}

/// Errs unless the proof's public inputs are these.
pub fn about_this(m: &Metadata, publics: &Publics, batch: &infer::Batch) -> Result<()> {
    for ((port, proven), given) in m.inputs.iter().zip(&publics.tensors).zip(&batch.inputs) {
        if proven.is_empty() {
            return Err(Failure::rejected("the proof holds, and does not say which input it is about")
                .expected(format!("a proof about a public input {:?}", port.name))
                .found("a proof with zero knowledge, which hides it")
                .help("verify without --input"));
        }
        let n = batch.used * port.len();
        if proven.get(..n) != given.get(..n) {
            let differ = proven.iter().zip(&given[..n]).filter(|(a, b)| a != b).count();
            return Err(Failure::rejected("the proof holds, but it is about another input")
                .expected(format!("the given input {:?}", port.name))
                .found(format!("{differ} of {n} values differ after quantization")));
        }
    }
    Ok(())
}

fn explain(r: &Report, key: &VerifyingKey, o: &Verify, screen: &Screen) {
    let (s, m) = (&r.statement, &key.metadata);
    screen.line(format!("{} {}", screen.style.good("verified"), o.proof.display()));
    let ports = |ports: &[crate::model::Port]| {
        let one = |p: &crate::model::Port| format!("{} {:?}", p.name, p.shape);
        ports.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let about = match (r.inputs.iter().any(|i| i.private), o.input.is_some()) {
        (true, _) => "an input that the prover knows",
        (false, true) => "exactly the given input",
        (false, false) => "the public input in the proof",
    };
    screen.line(format!(
        "  statement  the quantized model {} (program {}), run on {about} ({}), gives ({}):",
        r.model,
        key.program(),
        ports(&m.inputs),
        ports(&m.outputs)
    ));
    s.lines(10).iter().for_each(|l| screen.line(format!("             {l}")));
    if let Some(bits) = r.hiding {
        let names: Vec<&str> = r.inputs.iter().filter(|i| i.private).map(|i| i.name).collect();
        screen.line(format!(
            "  hidden     {}, but for its shape, scale and range and what the outputs tell of it ({bits:.0} bits)",
            names.join(", ")
        ));
    }
    screen.line(format!("  key        {}", r.key));
    if let Some(weights) = &r.weights {
        screen
            .line(format!("  weights    those committed as {weights}, the same in every proof of this key"));
    }
    if s.padding > 0 {
        screen.line(format!(
            "             and {} that only fill the batch",
            show::plural(s.padding, "inference")
        ));
    }
    let v = &r.security;
    screen.line(format!(
        "  security   {:.1} bits ({} regime), limited by {}",
        v.security_bits, v.regime, v.limited_by
    ));
    screen.line(format!("  time       {}", show::seconds(r.time.wall_s)));
}

/// The size of a proof and its statement, for other commands.
pub fn statement_of(key: &VerifyingKey, proof: &ProofFile) -> Statement {
    let m = &key.metadata;
    statement(m, outputs_of(m, &proof.publics), proof.used, m.batch.saturating_sub(proof.used))
}

/// Reads and checks a proof, for other commands.
pub fn check(proof: &std::path::Path, key: &std::path::Path) -> Result<(Statement, Verified, Time)> {
    let key_file = VerifyingKey::read(key)?;
    let bytes = files::read(proof)?;
    let proof = ProofFile::from_bytes(&bytes, &key_file)?;
    let (verified, time) = timed(|| key_file.verify(&proof));
    Ok((statement_of(&key_file, &proof), verified?, time))
}
