//! From real inputs to whole batches of integers, and from flat outputs back.
//!
//! Invariant: a batch always has the model's size; what is missing is filled with zeros, and every caller is told.
use crate::data::DataFile;
use crate::data::bind::{self, Factor, Inputs, Wanted};
use crate::failure::{Failure, Result};
use crate::model::{Metadata, Port};
use crate::opening::Salt;
use crate::screen::Screen;
use std::path::Path;

/// Reads a data file for the inputs of a model; `index` takes one inference of it.
pub fn read(
    m: &Metadata,
    path: &Path,
    factor: Option<Factor>,
    index: Option<usize>,
    screen: &Screen,
) -> Result<Inputs> {
    let inputs = bind(m, &DataFile::read(path)?, factor, index)?;
    inputs.notes.iter().for_each(|n| screen.note(n));
    Ok(inputs)
}

/// As [`read`], from a file in memory. What a person should know stands in the notes.
pub fn bind(m: &Metadata, file: &DataFile, factor: Option<Factor>, index: Option<usize>) -> Result<Inputs> {
    let exact = |p: &Port| p.exact.then_some((p.min, p.max));
    let wanted: Vec<Wanted> = (m.inputs.iter())
        .map(|p| Wanted {
            name: &p.name,
            shape: &p.shape,
            factor: p.factor,
            integers: false,
            exact: exact(p),
            texts: &p.texts,
        })
        .collect();
    let mut inputs = bind::inputs(file, &wanted, factor)?;
    if let Some(i) = index {
        if i >= inputs.count {
            return Err(Failure::new(format!("there is no input {i} in the file"))
                .expected(format!("--index 0 to {}", inputs.count - 1))
                .in_file(&file.path));
        }
        inputs.tensors = (0..inputs.tensors.len()).map(|t| inputs.one(t, i).to_vec()).collect();
        inputs.count = 1;
    }
    let clamped = clamped(m, &inputs);
    if clamped > 0.0 {
        inputs.notes.push(format!(
            "{:.2} % of the input values lie outside the range seen at calibration and are clamped",
            clamped * 100.0
        ));
    }
    Ok(inputs)
}

/// Share of the values, in 0 to 1, that quantizing clamps.
fn clamped(m: &Metadata, inputs: &Inputs) -> f64 {
    let (mut all, mut out) = (0usize, 0usize);
    for (port, values) in m.inputs.iter().zip(&inputs.tensors) {
        all += values.len();
        out += values.iter().filter(|x| port.clamps(**x)).count();
    }
    out as f64 / all.max(1) as f64
}

/// Some inferences as the integers of one proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Per input of the model: the whole batch, one inference after the other.
    pub inputs: Vec<Vec<i64>>,
    /// Inferences that were asked for; the rest is padding.
    pub used: usize,
    /// Of a proof: the salts of what is committed to, inputs before outputs.
    pub salts: Vec<Salt>,
}

/// All inferences, in batches of the model's size.
pub fn batches(m: &Metadata, inputs: &Inputs) -> Vec<Batch> {
    (0..inputs.count)
        .step_by(m.batch)
        .map(|first| {
            let used = m.batch.min(inputs.count - first);
            let tensors = m.inputs.iter().enumerate().map(|(t, port)| {
                let n = port.len();
                let values = &inputs.tensors[t][first * n..(first + used) * n];
                // finite numbers only: they were checked when they were read
                let mut q: Vec<i64> = values.iter().map(|x| port.quantize(*x).unwrap_or(0)).collect();
                q.resize(m.batch * n, 0i64.clamp(port.min, port.max));
                q
            });
            Batch { inputs: tensors.collect(), used, salts: vec![] }
        })
        .collect()
}

/// The one batch of a proof. Errs when there are more inferences than one proof covers.
pub fn single(m: &Metadata, inputs: &Inputs, path: &Path) -> Result<Batch> {
    if inputs.count > m.batch {
        let proof = if m.batch == 1 { "1 input".into() } else { format!("1 to {} inputs", m.batch) };
        return Err(Failure::new("there are more inputs than one proof of this model covers")
            .expected(format!("{proof}, the batch it was compiled for"))
            .found(format!("{} inputs", inputs.count))
            .in_file(path)
            .help(format!(
                "prove one of them with --index N, or compile again with --batch {}",
                inputs.count
            )));
    }
    Ok(batches(m, inputs).remove(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: usize) -> Inputs {
        let values = (0..count * 4).map(|i| i as f32).collect();
        Inputs { count, tensors: vec![values], factors: vec![None], notes: vec![] }
    }

    #[test]
    fn batches_are_whole_and_filled_with_zeros() {
        let m = crate::model::tests::tiny().metadata;
        let b = batches(&m, &some(3));
        assert_eq!(b.iter().map(|b| b.used).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(b[0].inputs, [[0, 2, 4, 6, 8, 10, 12, 14]]);
        assert_eq!(b[1].inputs, [[16, 18, 20, 22, 0, 0, 0, 0]]);
    }

    #[test]
    fn one_proof_takes_one_batch() {
        let m = crate::model::tests::tiny().metadata;
        assert_eq!(single(&m, &some(2), Path::new("x.npy")).unwrap().used, 2);
        let one = Metadata { batch: 1, ..m.clone() };
        let texts = [single(&m, &some(3), Path::new("x.npy")), single(&one, &some(3), Path::new("x.npy"))]
            .map(|r| r.unwrap_err().to_string());
        insta::assert_snapshot!(texts.join("\n\n"));
    }
}
