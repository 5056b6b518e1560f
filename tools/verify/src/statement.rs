//! What a proof or a run says, in the model's own terms: outputs as integers and reals, classes with probabilities.
use crate::commitments::ports;
use crate::metadata::{Metadata, Port};
use crate::text;
use serde::Serialize;
use tessera_api::{Public, Publics};

/// One output of some inferences.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    /// The model's name for it.
    pub name: String,
    /// Shape of one inference.
    pub shape: Vec<usize>,
    /// A real is integer·scale.
    pub scale: f64,
    /// Per inference, what is proven; none for the float model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub integers: Vec<Vec<i64>>,
    /// Per inference, what it stands for; none of an output that is committed to.
    pub values: Vec<Vec<f64>>,
    /// Per inference, where these are texts: the texts; "?" for one that the model does not know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Vec<String>>,
}

/// The largest score of an output that is one vector.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Class {
    /// Position.
    pub index: usize,
    /// Name, where the model has names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Softmax of the scores, for people: it is no part of what is proven.
    pub probability: f64,
}

/// What a proof or a run says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// Inferences that were asked for.
    pub inferences: usize,
    /// Inferences of zeros that fill the batch.
    pub padding: usize,
    /// In the model's order.
    pub outputs: Vec<Output>,
    /// Per inference, when the first output is a vector of scores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Class>,
}

/// The first `count` inferences of flat integer outputs, one vector per output port.
pub fn statement(m: &Metadata, outputs: &[Vec<i64>], count: usize, padding: usize) -> Statement {
    let mut s = of_reals(m, &reals(m, outputs), count);
    s.padding = padding;
    for ((o, port), flat) in s.outputs.iter_mut().zip(&m.outputs).zip(outputs) {
        o.integers = per_inference(port, flat, count);
    }
    s
}

/// What integers of the output ports stand for.
pub fn reals(m: &Metadata, integers: &[Vec<i64>]) -> Vec<Vec<f64>> {
    m.outputs.iter().zip(integers).map(|(p, v)| v.iter().map(|q| p.real(*q)).collect()).collect()
}

/// The first `count` inferences of flat real outputs, as the float model has them.
pub fn of_reals(m: &Metadata, outputs: &[Vec<f64>], count: usize) -> Statement {
    let outputs: Vec<Output> = m
        .outputs
        .iter()
        .zip(outputs)
        .map(|(port, flat)| {
            let values = per_inference(port, flat, count);
            let said = |x: &f64| port.text(*x).unwrap_or("?").to_owned();
            let texts = |values: &Vec<f64>| values.iter().map(said).collect();
            Output {
                name: port.name.clone(),
                shape: port.shape.clone(),
                scale: port.scale,
                integers: vec![],
                texts: if port.texts.is_empty() { vec![] } else { values.iter().map(texts).collect() },
                values,
            }
        })
        .collect();
    let classes = outputs.first().map_or(vec![], |o| {
        let class = |scores: &Vec<f64>| {
            let (index, label) = m.class(0, scores)?;
            let probability = text::probabilities(scores)[index];
            Some(Class { index, label: label.map(String::from), probability })
        };
        o.values.iter().filter_map(class).collect()
    });
    Statement { inferences: count, padding: 0, outputs, classes }
}

fn per_inference<T: Clone>(port: &Port, flat: &[T], count: usize) -> Vec<Vec<T>> {
    flat.chunks(port.len().max(1)).take(count).map(<[T]>::to_vec).collect()
}

/// The outputs among the public tensors of a proof; none of those that are committed to.
pub fn outputs_of(m: &Metadata, statement: &[Public], publics: &Publics) -> Vec<Vec<i64>> {
    let all = ports(m, statement).zip(&publics.tensors).skip(m.inputs.len());
    all.map(|((_, p), values)| if p.role.is_committed() { vec![] } else { values.clone() }).collect()
}

impl Statement {
    /// For people: a line per inference, at most `limit`.
    pub fn lines(&self, limit: usize) -> Vec<String> {
        let mut lines: Vec<String> = (0..self.inferences.min(limit)).map(|i| self.line(i)).collect();
        if self.inferences > limit {
            lines.push(format!("… and {} more (--json shows all)", self.inferences - limit));
        }
        lines
    }

    fn line(&self, i: usize) -> String {
        let number = if self.inferences > 1 { format!("[{i}] ") } else { String::new() };
        if let Some(c) = self.classes.get(i) {
            let label = c.label.as_ref().map_or(String::new(), |l| format!(" ({l})"));
            return format!("{number}class {}{label}, {:.1} %", c.index, c.probability * 100.0);
        }
        let one = |o: &Output| {
            let Some(values) = o.values.get(i) else { return format!("{} {:?}, committed", o.name, o.shape) };
            let shown: Vec<String> = match o.texts.get(i) {
                Some(texts) => texts.iter().take(8).map(|text| format!("{text:?}")).collect(),
                None => values.iter().take(8).map(|v| format!("{v:.4}")).collect(),
            };
            let more = if values.len() > 8 { ", …" } else { "" };
            format!("{} {:?} = [{}{more}]", o.name, o.shape, shown.join(", "))
        };
        number + &self.outputs.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_classes_and_leaves_padding_out() {
        let m = crate::metadata::tests::tiny();
        let s = statement(&m, &[vec![2, 6, 4, 0, 0, 9]], 1, 1);
        assert_eq!(s.outputs[0].values, [[1.0, 3.0, 2.0]]);
        assert_eq!((s.classes.len(), s.classes[0].index, s.padding), (1, 1, 1));
        assert_eq!(s.outputs[0].integers, [[2, 6, 4]]);
        assert_eq!(s.lines(5), ["class 1 (dog), 66.5 %"]);
        let real = of_reals(&m, &[vec![1.0, 3.0, 2.0]], 1);
        assert_eq!((&real.classes, &real.outputs[0].values), (&s.classes, &s.outputs[0].values));
        assert!(real.outputs[0].integers.is_empty());
        let both = statement(&m, &[vec![2, 6, 4, 0, 0, 9]], 2, 0);
        assert_eq!(both.lines(1), ["[0] class 1 (dog), 66.5 %", "… and 1 more (--json shows all)"]);
    }

    #[test]
    fn an_output_that_is_no_vector_of_scores_is_shown_as_numbers() {
        let mut m = crate::metadata::tests::tiny();
        m.outputs[0].shape = vec![3, 1];
        assert_eq!(statement(&m, &[vec![2, 6, 4]], 1, 0).lines(5), ["y [3, 1] = [1.0000, 3.0000, 2.0000]"]);
    }
}
