//! Tensors of a statement that are committed to: what they are to the model, and how proofs are linked by them.
//!
//! # Correctness
//! A proof says that its root is of integers in the range of its key. That the output of one proof is the input of another takes more than equal
//! roots: the same integers must mean the same to both models, so their shapes and scales are compared, and what the first
//! may say must be what the second takes. Of batches as many inferences must count. Only reports of proofs that hold are compared.
use crate::error::{Error, Result};
use crate::key::{ProofFile, VerifyingKey};
use crate::metadata::{Metadata, Port};
use serde::{Deserialize, Serialize};
use tessera_api::Public;
pub use tessera_api::commitment::Root;

/// A tensor of the statement that is committed to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Committed {
    /// The model's name for it.
    pub name: String,
    /// Whether it is an input, or else an output.
    pub input: bool,
    /// What it is.
    #[serde(flatten)]
    pub tensor: Tensor,
    /// By which it is known.
    #[serde(serialize_with = "crate::text::shown")]
    pub root: Root,
}

/// What integers that are committed to are, all inferences of a batch together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// Inferences.
    pub batch: usize,
    /// Of one inference.
    pub shape: Vec<usize>,
    /// A real is about integer·scale.
    pub scale: f64,
    /// Smallest integer.
    pub min: i64,
    /// Largest integer.
    pub max: i64,
}

impl Tensor {
    /// That a port of a model takes or gives.
    pub fn of(m: &Metadata, port: &Port) -> Tensor {
        Tensor { batch: m.batch, shape: port.shape.clone(), scale: port.scale, min: port.min, max: port.max }
    }

    /// Whether what is this tensor of one model is `other` of another, as it is.
    ///
    /// # Errors
    /// What differs.
    pub fn is(&self, other: &Tensor) -> Result<(), String> {
        if (self.batch, &self.shape) != (other.batch, &other.shape) {
            return Err(format!(
                "shapes differ: {} of {:?} and {} of {:?}",
                self.batch, self.shape, other.batch, other.shape
            ));
        }
        if self.scale != other.scale {
            return Err(format!("scales differ: {} and {}", self.scale, other.scale));
        }
        if self.min < other.min || self.max > other.max {
            let (a, b) = ([self.min, self.max], [other.min, other.max]);
            return Err(format!("ranges differ: {a:?} does not lie in {b:?}"));
        }
        Ok(())
    }
}

/// Ports of a model with what the statement has of them, inputs first.
pub fn ports<'a>(m: &'a Metadata, statement: &'a [Public]) -> impl Iterator<Item = (&'a Port, &'a Public)> {
    m.inputs.iter().chain(&m.outputs).zip(statement)
}

/// Of a proof that holds.
pub(crate) fn committed(key: &VerifyingKey, proof: &ProofFile) -> Vec<Committed> {
    let m = &key.metadata;
    let all =
        ports(m, key.statement()).zip(&proof.publics.tensors).filter(|((_, p), _)| p.role.is_committed());
    let one = |((port, public), values): ((&Port, &Public), &Vec<i64>)| {
        let root = Root::of(values)?;
        Some(Committed {
            name: port.name.clone(),
            input: public.role.is_input(),
            tensor: Tensor::of(m, port),
            root,
        })
    };
    all.filter_map(one).collect()
}

/// An input that is the output of another proof.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// The input.
    pub input: String,
    /// The output that it is.
    pub output: String,
    /// The model of that output.
    pub model: String,
    /// Digest of the verifying key of that model.
    pub key: String,
}

/// A side of a link: the tensors of a proof that are committed to, and how many of its inferences count.
pub(crate) struct Side<'a> {
    pub model: &'a str,
    pub key: &'a str,
    pub committed: &'a [Committed],
    pub inferences: usize,
}

/// The inputs of the second proof that are outputs of the first.
///
/// # Errors
/// Where there is none, or the same integers mean something else to both models.
pub(crate) fn links(first: &Side, second: &Side) -> Result<Vec<Link>> {
    let inputs = || second.committed.iter().filter(|c| c.input);
    let outputs = || first.committed.iter().filter(|c| !c.input);
    let mut all = vec![];
    for (x, y) in inputs().flat_map(|x| outputs().filter(|y| y.root == x.root).map(move |y| (x, y))) {
        let broken = |why: String| {
            Error::rejected(format!(
                "the root of {:?} is that of {:?}, which is another tensor",
                x.name, y.name
            ))
            .expected(format!("an output of {} as {} takes it", first.model, second.model))
            .found(why)
            .help("compile the second model for what the first one gives")
        };
        y.tensor.is(&x.tensor).map_err(broken)?;
        if first.inferences != second.inferences {
            return Err(broken(format!("{} inferences and {}", first.inferences, second.inferences)));
        }
        let [input, output, model, key] =
            [&x.name, &y.name, first.model, first.key].map(|s: &str| s.to_string());
        all.push(Link { input, output, model, key });
    }
    if all.is_empty() {
        let roots = |all: Vec<&Committed>| match all[..] {
            [] => "none".to_string(),
            _ => all.iter().map(|c| format!("{} {}", c.name, c.root)).collect::<Vec<_>>().join(", "),
        };
        return Err(Error::rejected("no input of this proof is an output of the one before")
            .expected(format!("a root of {}: {}", first.model, roots(outputs().collect())))
            .found(format!("roots of {}: {}", second.model, roots(inputs().collect()))));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor() -> Tensor {
        Tensor { batch: 1, shape: vec![1, 4], scale: 0.5, min: -127, max: 127 }
    }

    fn side(committed: &[Committed], inferences: usize) -> Side<'_> {
        Side { model: "m", key: "k", committed, inferences }
    }

    fn link(output: &Committed, input: &Committed, inferences: [usize; 2]) -> Result<Vec<Link>> {
        let [first, second] = [(output, inferences[0]), (input, inferences[1])];
        links(&side(std::slice::from_ref(first.0), first.1), &side(std::slice::from_ref(second.0), second.1))
    }

    #[test]
    fn equal_roots_of_equal_tensors_are_links_and_nothing_else_is() {
        let y = Committed { name: "y".into(), input: false, tensor: tensor(), root: Root([1, 2, 3, 4]) };
        let x = Committed { name: "x".into(), input: true, ..y.clone() };
        assert_eq!(link(&y, &x, [1, 1]).unwrap()[0].output, "y");
        let other = |tensor: Tensor| Committed { tensor, ..x.clone() };
        // what takes more is fine
        link(&y, &other(Tensor { min: -200, ..tensor() }), [1, 1]).unwrap();
        let refused = [
            link(&y, &other(Tensor { scale: 0.25, ..tensor() }), [1, 1]),
            link(&y, &other(Tensor { shape: vec![4, 1], ..tensor() }), [1, 1]),
            link(&y, &other(Tensor { batch: 2, ..tensor() }), [1, 1]),
            link(&y, &other(Tensor { max: 126, ..tensor() }), [1, 1]),
            link(&y, &x, [1, 2]),
            link(&y, &Committed { root: Root([1, 2, 3, 5]), ..x.clone() }, [1, 1]),
            // the other way round
            link(&x, &y, [1, 1]),
        ];
        let texts: Vec<String> = refused.into_iter().map(|r| r.unwrap_err().to_string()).collect();
        insta::assert_snapshot!(texts.join("\n\n"));
    }
}
