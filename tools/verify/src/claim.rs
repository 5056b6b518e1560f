//! Texts: what a proof of a model of tokens says of a prompt and of what follows it.
//!
//! A model of tokens has one input, ids of tokens, and one output named [`NEXT`]: for its last positions the token that it says comes next.
//! A proof of it may claim a text: the first tokens of the input are a prompt, and each of so many tokens after it is what the model said at the
//! position before.
//!
//! # Correctness
//! A claim is numbers of the prover. It is compared with the public values of the statement, which the proof is about, and with the ports of the
//! key, and with nothing else; [`VerifyingKey::verify`](crate::key::VerifyingKey::verify) refuses a proof of which it does not hold.
use crate::error::{Error, Result};
use crate::metadata::Metadata;
use serde::{Deserialize, Serialize};
use tessera_api::Publics;

/// What the output of a model of tokens is called.
pub const NEXT: &str = "next";

/// How a model of tokens reads and says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speech {
    /// Tokens that it reads: positions 0 to this.
    pub positions: usize,
    /// The first position whose next token it says.
    pub first: usize,
    /// The greatest id that it reads.
    pub last_id: i64,
}

impl Speech {
    /// Of a model, if it is one of tokens.
    pub fn of(m: &Metadata) -> Option<Speech> {
        let ([ids], [next]) = (&m.inputs[..], &m.outputs[..]) else { return None };
        let exact = ids.exact && next.exact && next.name == NEXT;
        let fits = m.batch == 1 && next.len() <= ids.len() && !next.is_empty();
        let ids_too = ids.min == 0 && next.min >= 0 && next.max <= ids.max;
        (exact && fits && ids_too).then(|| Speech {
            positions: ids.len(),
            first: ids.len() - next.len(),
            last_id: ids.max,
        })
    }
}

/// What a proof claims of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Tokens of the prompt, with which the input begins.
    pub prompt: u64,
    /// Tokens after it that the model said; the last one may have no position of its own.
    pub generated: u64,
}

/// A text that is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    /// What was given.
    pub prompt: Vec<i64>,
    /// What followed.
    pub generated: Vec<i64>,
}

impl Claim {
    /// The text, if the public values say it.
    ///
    /// # Errors
    /// Where they do not: the proof is rejected.
    pub fn text(&self, m: &Metadata, publics: &Publics) -> Result<Text> {
        let wrong =
            |why: String| Error::rejected("the proof claims a text that its values do not say").found(why);
        let Some(speech) = Speech::of(m) else {
            return Err(wrong(format!("{} is no model of tokens", m.name)));
        };
        let [ids, next] = &publics.tensors[..] else { return Err(wrong("other inputs and outputs".into())) };
        let Speech { positions, first, .. } = speech;
        if ids.len() != positions || next.len() != positions - first {
            return Err(wrong("hidden tokens".into()));
        }
        let counts = usize::try_from(self.prompt).ok().zip(usize::try_from(self.generated).ok());
        let fits = |(n, more): &(usize, usize)| {
            *n > first && *more > 0 && n.checked_add(*more).is_some_and(|end| end <= positions + 1)
        };
        let Some((n, more)) = counts.filter(fits) else {
            return Err(wrong(format!(
                "a prompt of {} tokens and {} after it, where the model reads {positions} and says those after the {}th",
                self.prompt,
                self.generated,
                first + 1
            )));
        };
        let generated = &next[n - 1 - first..][..more];
        let read = &ids[n..][..more.min(positions - n)];
        if let Some(at) = read.iter().zip(generated).position(|(read, said)| read != said) {
            return Err(wrong(format!(
                "token {} after token {}, where the model says {}",
                read[at],
                n + at,
                generated[at]
            )));
        }
        Ok(Text { prompt: ids[..n].to_vec(), generated: generated.to_vec() })
    }
}

impl Text {
    /// For people.
    pub fn line(&self) -> String {
        let list = |tokens: &[i64]| tokens.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
        format!(
            "after the prompt {} the tokens {}, each of the greatest score after all before it",
            list(&self.prompt),
            list(&self.generated)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Calibration, Port};
    use tessera_api::Digest;

    fn model() -> Metadata {
        let port = |name: &str, shape: &[usize]| Port {
            name: name.into(),
            shape: shape.to_vec(),
            scale: 1.0,
            min: 0,
            max: 9,
            factor: None,
            exact: true,
            texts: vec![],
        };
        let calibration =
            Calibration { method: "min-max".into(), percentile: None, samples: 1, data: "d".into() };
        Metadata {
            name: "speaker".into(),
            compiler: "0".into(),
            source: Digest::default(),
            parameters: 1,
            batch: 1,
            inputs: vec![port("ids", &[1, 5])],
            outputs: vec![port(NEXT, &[1, 4])],
            labels: vec![],
            calibration,
            pipeline: vec![],
            backend: "plonky3".into(),
        }
    }

    /// Says 4 and 5 after 1, 2, 3, and then 6.
    fn values() -> Publics {
        Publics { tensors: vec![vec![1, 2, 3, 4, 5], vec![8, 4, 5, 6]] }
    }

    #[test]
    fn a_text_is_what_the_values_say() {
        let (m, v) = (model(), values());
        assert_eq!(Speech::of(&m), Some(Speech { positions: 5, first: 1, last_id: 9 }));
        let text = |prompt, generated| Claim { prompt, generated }.text(&m, &v);
        let said = Text { prompt: vec![1, 2, 3], generated: vec![4, 5, 6] };
        assert_eq!(text(3, 3).unwrap(), said);
        assert_eq!(text(5, 1).unwrap().generated, [6]);
        assert_eq!(text(3, 1).unwrap().generated, [4]);
        // the model says 8 after 1 2, where 3 is read
        let e = text(2, 1).unwrap_err();
        assert!(e.to_string().contains("token 3 after token 2, where the model says 8"), "{e}");
        let impossible = [(1, 1), (0, 1), (3, 0), (3, 4), (6, 1), (u64::MAX, 2), (3, u64::MAX)];
        for (prompt, generated) in impossible {
            assert_eq!(text(prompt, generated).unwrap_err().kind, crate::error::Kind::Rejected);
        }
    }

    #[test]
    fn values_that_are_hidden_or_changed_say_nothing() {
        let m = model();
        let claim = Claim { prompt: 3, generated: 3 };
        for t in 0..2 {
            let mut hidden = values();
            hidden.tensors[t].clear();
            assert!(claim.text(&m, &hidden).is_err());
        }
        // every token that counts
        for (t, i, counts) in [(0, 3, true), (0, 4, true), (1, 1, true), (1, 2, true), (1, 0, false)] {
            let mut other = values();
            other.tensors[t][i] += 1;
            assert_eq!(claim.text(&m, &other).is_err(), counts, "{t} {i}");
        }
        let changes: [&dyn Fn(&mut Metadata); 6] = [
            &|m| m.outputs[0].name = "logits".into(),
            &|m| m.outputs[0].exact = false,
            &|m| m.inputs[0].exact = false,
            &|m| m.batch = 2,
            &|m| m.outputs[0].max = 10,
            &|m| m.outputs[0].shape = vec![6],
        ];
        for change in changes {
            let mut m = model();
            change(&mut m);
            assert!(Speech::of(&m).is_none() && claim.text(&m, &values()).is_err());
        }
    }
}
