//! About a model: what a key carries beside its relation, so that a verifier can say what was proven.
//!
//! Invariant: metadata that was checked describes the public tensors of its Program, in order, with names that can be shown.
use crate::text::is_plain;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use tessera_api::{Digest, FileError, Public};

/// What an integer array is multiplied by: a fraction, so that 1/255 divides exactly as NumPy does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// Numerator.
    pub numerator: f64,
    /// Denominator.
    pub denominator: f64,
}

impl Factor {
    /// x·numerator/denominator.
    pub fn apply(&self, x: f64) -> f64 {
        x * self.numerator / self.denominator
    }
}

impl FromStr for Factor {
    type Err = String;
    fn from_str(s: &str) -> Result<Factor, String> {
        let (n, d) = s.split_once('/').unwrap_or((s, "1"));
        let part = |t: &str| t.trim().parse::<f64>().ok().filter(|x| x.is_finite() && *x != 0.0);
        match (part(n), part(d)) {
            (Some(numerator), Some(denominator)) => Ok(Factor { numerator, denominator }),
            _ => Err("expected a number or a fraction, like 0.5 or 1/255".into()),
        }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.numerator)?;
        if self.denominator == 1.0 { Ok(()) } else { write!(f, "/{}", self.denominator) }
    }
}

/// An input or output of the model: reals outside, integers in the statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// The model's name for it.
    pub name: String,
    /// Shape of one inference.
    pub shape: Vec<usize>,
    /// A real is about integer·scale; 1 for values that are integers.
    pub scale: f64,
    /// Smallest integer.
    pub min: i64,
    /// Largest integer.
    pub max: i64,
    /// What integers in data files are multiplied by, when the user said so at compile time.
    pub factor: Option<Factor>,
    /// Whether it takes integers as they are, such as indices: one outside of the range is refused, not clamped.
    pub exact: bool,
    /// Where it is texts: those that the model knows, of which an integer·scale is the place; beyond the last is any other text.
    pub texts: Vec<String>,
}

impl Port {
    /// Number of values of one inference.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The integer that stands for a real: nearest, ties to even, clamped. `None` for NaN.
    pub fn quantize(&self, x: f32) -> Option<i64> {
        let q = (f64::from(x) / self.scale).round_ties_even();
        if q.is_nan() { None } else { Some(q.clamp(self.min as f64, self.max as f64) as i64) }
    }

    /// Whether quantizing a real clamps it.
    pub fn clamps(&self, x: f32) -> bool {
        let q = (f64::from(x) / self.scale).round_ties_even();
        q < self.min as f64 || q > self.max as f64
    }

    /// The text that a real stands for, where this is texts that the model knows.
    pub fn text(&self, x: f64) -> Option<&str> {
        let place = x.round();
        (place >= 0.0).then(|| self.texts.get(place as usize)).flatten().map(String::as_str)
    }

    /// The real that an integer stands for.
    pub fn real(&self, q: i64) -> f64 {
        q as f64 * self.scale
    }
}

/// How the ranges of activations were found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// "min-max" or "percentile".
    pub method: String,
    /// For the method of that name.
    pub percentile: Option<f64>,
    /// Inferences looked at.
    pub samples: usize,
    /// File name of the data.
    pub data: String,
}

/// Everything about a model that is not its relation. Keys carry it too, so that a verifier can say what was proven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// For people: the file's stem.
    pub name: String,
    /// Version of the compiler.
    pub compiler: String,
    /// BLAKE3 of the source file.
    pub source: Digest,
    /// Trained parameters.
    pub parameters: u64,
    /// Inferences one proof covers.
    pub batch: usize,
    /// In order.
    pub inputs: Vec<Port>,
    /// In order.
    pub outputs: Vec<Port>,
    /// Class names, when the user gave them.
    pub labels: Vec<String>,
    /// Where the scales come from.
    pub calibration: Calibration,
    /// The pass pipelines that were run, in order.
    pub pipeline: Vec<String>,
    /// The backend that it was placed for and that proves it.
    pub backend: String,
}

impl Metadata {
    /// Errs unless the public tensors are the ports, inputs before outputs.
    pub fn check(&self, publics: &[Public]) -> Result<(), FileError> {
        let damaged = |why: String| Err(FileError::Damaged(format!("section \"metadata\": {why}")));
        // they are shown to people, who must not be shown anything else
        let calibration = [&self.calibration.method, &self.calibration.data];
        let ports =
            self.inputs.iter().chain(&self.outputs).flat_map(|p| [&p.name].into_iter().chain(&p.texts));
        let mut names = [&self.name, &self.compiler, &self.backend]
            .into_iter()
            .chain(calibration)
            .chain(ports)
            .chain(&self.labels);
        if let Some(name) = names.find(|name| !is_plain(name)) {
            return damaged(format!("the name {name:?} has characters that cannot be shown"));
        }
        let sane = |p: &Port| p.scale.is_finite() && p.scale > 0.0 && p.min <= p.max && p.min > i64::MIN;
        if let Some(p) = self.inputs.iter().chain(&self.outputs).find(|p| !sane(p)) {
            return damaged(format!("port {:?} has an impossible scale or range", p.name));
        }
        let ports = self.inputs.iter().map(|p| (p, true));
        let ports = ports.chain(self.outputs.iter().map(|p| (p, false)));
        let fits = |((p, input), public): ((&Port, bool), &Public)| {
            let values = p.shape.iter().try_fold(self.batch, |n, d| n.checked_mul(*d));
            let stated = p.min <= public.min && public.max <= p.max;
            p.name == public.name && input == public.role.is_input() && values == Some(public.len()) && stated
        };
        if self.batch == 0
            || self.inputs.len() + self.outputs.len() != publics.len()
            || !ports.zip(publics).all(fits)
        {
            return damaged("it does not describe the public tensors of the Program".into());
        }
        Ok(())
    }

    /// The class an output stands for: index and, where known, name. `None` unless the output is one vector of scores.
    pub fn class(&self, output: usize, scores: &[f64]) -> Option<(usize, Option<&str>)> {
        // integers as they are, such as ids, are no scores
        let port = self.outputs.get(output).filter(|port| !port.exact)?;
        let classes =
            port.shape.last().copied().filter(|n| *n > 1 && *n == port.len() && *n == scores.len())?;
        let best = (1..classes).fold(0, |best, i| if scores[i] > scores[best] { i } else { best });
        Some((best, self.labels.get(best).map(String::as_str)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tessera_api::Role;

    /// Of a model with an input of four values, an output of three scores, and two names.
    pub(crate) fn tiny() -> Metadata {
        let port = |name: &str, n: usize| Port {
            name: name.into(),
            shape: vec![1, n],
            scale: 0.5,
            min: -127,
            max: 127,
            factor: None,
            exact: false,
            texts: vec![],
        };
        Metadata {
            name: "tiny".into(),
            compiler: "0".into(),
            source: Digest::default(),
            parameters: 12,
            batch: 2,
            inputs: vec![port("x", 4)],
            outputs: vec![port("y", 3)],
            labels: vec!["cat".into(), "dog".into()],
            calibration: Calibration {
                method: "min-max".into(),
                percentile: None,
                samples: 1,
                data: "d".into(),
            },
            pipeline: vec!["cse".into()],
            backend: "plonky3".into(),
        }
    }

    /// What the relation holds a port to is what is told of it, or less.
    #[test]
    fn ports_are_the_public_tensors() {
        let public = |name: &str, n: u32, role: Role| Public {
            name: name.into(),
            shape: vec![2, 1, n],
            min: -127,
            max: 127,
            role,
        };
        let all = [public("x", 4, Role::Input), public("y", 3, Role::Output)];
        assert!(tiny().check(&all).is_ok());
        let changes: [&dyn Fn(&mut Public); 7] = [
            &|p| p.name = "z".into(),
            &|p| p.shape[0] = 1,
            &|p| p.min = -128,
            &|p| p.max = 128,
            &|p| p.role = Role::Output,
            &|p| p.role = Role::Input,
            &|p| p.shape[1] = 2,
        ];
        for (i, change) in changes.iter().enumerate() {
            for at in 0..2 {
                let mut other = all.clone();
                change(&mut other[at]);
                assert_eq!(tiny().check(&other).is_err(), other != all, "change {i} of {at}");
            }
        }
        assert!(tiny().check(&all[..1]).is_err());
        let mut narrower = all.clone();
        (narrower[1].min, narrower[1].max) = (-100, 126);
        assert!(tiny().check(&narrower).is_ok());
        // a role that hides is one of inputs, or of outputs, too
        for (at, role) in [(0, Role::Private), (0, Role::CommittedInput), (1, Role::CommittedOutput)] {
            let mut hidden = all.clone();
            hidden[at].role = role;
            assert!(tiny().check(&hidden).is_ok());
        }
    }

    #[test]
    fn quantizing_rounds_to_even_and_clamps() {
        let p = &tiny().inputs[0];
        let q = |x| p.quantize(x).unwrap();
        assert_eq!([q(0.25), q(0.75), q(-0.75), q(1e30), q(-1e30)], [0, 2, -2, 127, -127]);
        assert_eq!(p.quantize(f32::NAN), None);
        assert!(p.clamps(64.0) && !p.clamps(63.5) && p.real(-3) == -1.5);
    }

    #[test]
    fn the_class_is_the_first_of_the_largest_scores() {
        let m = tiny();
        assert_eq!(m.class(0, &[1.0, 5.0, 5.0]), Some((1, Some("dog"))));
        assert_eq!(m.class(0, &[1.0, 5.0, 6.0]), Some((2, None)));
        assert_eq!(m.class(0, &[1.0, 5.0]), None);
        assert_eq!(m.class(1, &[1.0, 5.0, 6.0]), None);
    }
}
