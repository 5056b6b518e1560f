//! What a proof that holds says: what was proven, of which model, what is hidden, and how sure it is. As text and as JSON.
//!
//! Invariant: there is no report of a proof that does not hold, since making one is checking the proof.
use crate::claim::Text;
use crate::commitments::{self, Committed, Link, Side, ports};
use crate::error::{Error, Result};
use crate::key::{ProofFile, VerifyingKey};
use crate::metadata::Port;
use crate::statement::{Statement, outputs_of, statement};
use crate::text;
use serde::Serialize;
use tessera_api::commitment::Root;
use tessera_api::{Public, Verified, proven_of};

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    verified: bool,
    /// The model's name.
    pub model: String,
    /// Digest of the verifying key.
    pub key: String,
    /// Digest of the key that certificates lead to it from, and how many of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certified: Option<(String, usize)>,
    /// Digest of the Program.
    pub program: String,
    /// The commitment to weights that are their owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// BLAKE3 of the file that the model was compiled from.
    pub source: String,
    /// The outputs.
    #[serde(flatten)]
    pub statement: Statement,
    /// The text that is claimed, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// The inputs, as far as they are public.
    pub inputs: Vec<Input>,
    /// What is committed to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub committed: Vec<Committed>,
    /// Inputs that were found to be outputs of other proofs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Bits by which a proof is told from a simulated one, where something is hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hiding: Option<f64>,
    /// How sure it is.
    pub security: Verified,
    /// Whether the inputs were compared with given ones.
    #[serde(skip)]
    given: bool,
}

/// An input as the statement has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Input {
    /// The model's name for it.
    pub name: String,
    /// Shape of one inference.
    pub shape: Vec<usize>,
    /// A real is about integer·scale.
    pub scale: f64,
    /// Whether the proof hides it.
    pub private: bool,
    /// Per inference, its values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub integers: Vec<Vec<i64>>,
}

impl Report {
    /// Checks a proof, and says what it proves.
    ///
    /// # Errors
    /// Where the proof does not hold, or cannot be checked.
    pub fn new(key: &VerifyingKey, proof: &ProofFile) -> Result<Report> {
        let security = key.verify(proof)?;
        let (m, used) = (&key.metadata, proof.used);
        let input = |((p, public), flat): ((&Port, &Public), &Vec<i64>)| {
            let private = public.role.is_hidden();
            let values = if private { &[][..] } else { flat };
            let integers = values.chunks(p.len().max(1)).take(used).map(<[i64]>::to_vec).collect();
            Input { name: p.name.clone(), shape: p.shape.clone(), scale: p.scale, private, integers }
        };
        let inputs = ports(m, key.statement()).zip(&proof.publics.tensors).take(m.inputs.len()).map(input);
        Ok(Report {
            verified: true,
            model: m.name.clone(),
            key: format!("{:#}", key.digest()),
            certified: key.certified().map(|(root, n)| (format!("{root:#}"), n)),
            program: format!("{:#}", key.program()),
            weights: key.weights().map(|d| format!("{d:#}")),
            source: m.source.to_string(),
            statement: statement(m, &outputs_of(m, key.statement(), &proof.publics), used, m.batch - used),
            text: proof.claim.map(|claim| claim.text(m, &proof.publics)).transpose()?,
            inputs: inputs.collect(),
            committed: commitments::committed(key, proof),
            links: vec![],
            hiding: key.offer().hiding,
            security,
            given: false,
        })
    }

    /// Says that the inputs are those that were given, after checking it.
    ///
    /// # Errors
    /// Where the proof is about others, or does not say about which.
    pub fn of_input(
        self,
        key: &VerifyingKey,
        proof: &ProofFile,
        inputs: &[Vec<i64>],
        used: usize,
    ) -> Result<Report> {
        proof.is_about(key, inputs, used)?;
        Ok(Report { given: true, ..self })
    }

    /// Says the same of the tensor of this name, after checking that it is committed to as `root`.
    ///
    /// # Errors
    /// Where it is another one, or not committed to.
    pub fn of_root(self, name: &str, root: Root) -> Result<Report> {
        let found: Vec<&Committed> = self.committed.iter().filter(|c| c.name == name).collect();
        let [c] = found[..] else {
            let all: Vec<&str> = self.committed.iter().map(|c| c.name.as_str()).collect();
            let all = if all.is_empty() { "none".into() } else { all.join(", ") };
            return Err(Error::new(format!("the proof has no one commitment to {name:?}"))
                .expected(format!("the name of a tensor that {} commits to: {all}", self.model)));
        };
        if c.root != root {
            return Err(Error::rejected("the proof holds, but it is about another commitment")
                .expected(format!("the root {root} of {name:?}"))
                .found(c.root.to_string()));
        }
        Ok(self)
    }

    /// Says which inputs are outputs of another proof that holds, after checking that there are such.
    ///
    /// # Errors
    /// Where there are none, or the integers mean something else to the two models.
    pub fn after(mut self, first: &Report) -> Result<Report> {
        let [before, own] = [first, &self].map(|r| Side {
            model: &r.model,
            key: &r.key,
            committed: &r.committed,
            inferences: r.statement.inferences,
        });
        let links = commitments::links(&before, &own)?;
        self.links.extend(links);
        Ok(self)
    }

    /// For people, below a line that names the proof.
    pub fn lines(&self) -> Vec<String> {
        let s = &self.statement;
        let about = match (self.inputs.iter().any(|i| i.private), self.given) {
            (true, _) => "an input that the prover knows",
            (false, true) => "exactly the given input",
            (false, false) => "the public input in the proof",
        };
        let of = |name: &str, shape: &[usize]| format!("{name} {shape:?}");
        let inputs: Vec<String> = self.inputs.iter().map(|i| of(&i.name, &i.shape)).collect();
        let outputs: Vec<String> = s.outputs.iter().map(|o| of(&o.name, &o.shape)).collect();
        let mut lines = vec![format!(
            "  statement  the quantized model {} (program {}), run on {about} ({}), gives ({}):",
            self.model,
            short(&self.program),
            inputs.join(", "),
            outputs.join(", ")
        )];
        lines.extend(s.lines(10).iter().map(|l| format!("             {l}")));
        lines.extend(self.text.iter().map(|text| format!("  text       {}", text.line())));
        if s.padding > 0 {
            let padding = text::plural(s.padding, "inference");
            lines.push(format!("             and {padding} that only fill the batch"));
        }
        for c in &self.committed {
            let what = if c.input { "input" } else { "output" };
            lines.push(format!("  committed  the {what} {} as {}", c.name, c.root));
        }
        for l in &self.links {
            lines.push(format!(
                "  linked     {} is {} of {}, of the key {}",
                l.input, l.output, l.model, l.key
            ));
        }
        if let Some(bits) = self.hiding {
            let inputs = self.inputs.iter().filter(|i| i.private).map(|i| i.name.as_str());
            let outputs = self.committed.iter().filter(|c| !c.input).map(|c| c.name.as_str());
            let names: Vec<&str> = inputs.chain(outputs).collect();
            let what = match names[..] {
                [] => "what is computed on the way, but for what inputs and outputs tell of it".into(),
                _ => format!(
                    "{}, but for its shape, scale and range and what the outputs tell of it",
                    names.join(", ")
                ),
            };
            lines.push(format!("  hidden     {what} ({bits:.0} bits)"));
        }
        lines.push(format!("  key        {}", self.key));
        if let Some((root, n)) = &self.certified {
            let by = text::plural(*n, "certificate");
            lines.push(format!("  certified  by {by}, as of the weights of the key {root}"));
        }
        if let Some(weights) = &self.weights {
            lines.push(format!(
                "  weights    those committed as {weights}, the same in every proof of this key"
            ));
        }
        let v = &self.security;
        lines.push(format!(
            "  security   {:.1} bits ({} regime{}), limited by {}",
            v.security_bits,
            v.regime,
            proven_of(v.security_bits, v.proven_bits),
            v.limited_by
        ));
        lines
    }
}

/// The first 64 bits of a digest, for people who tell things apart.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}
