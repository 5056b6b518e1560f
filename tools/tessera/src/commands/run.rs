//! `tessera run`: the model without a proof, at any level of the compiler.
use crate::cli::{Level, Run};
use crate::data::bind::Inputs;
use crate::data::{Array, Numbers, npy};
use crate::failure::{Failure, Result};
use crate::measure::{Time, timed};
use crate::model::{Metadata, Model, Port};
use crate::screen::Screen;
use crate::statement::{Statement, of_reals, reals, statement};
use crate::{files, infer, show};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    level: &'a str,
    #[serde(flatten)]
    statement: Statement,
    time: Time,
}

/// Outputs of all inferences.
pub struct Outputs {
    /// Per output port, flat; empty for the float level.
    pub integers: Vec<Vec<i64>>,
    /// Per output port, flat.
    pub values: Vec<Vec<f64>>,
}

/// Runs the command.
pub fn run(o: &Run, screen: &Screen) -> Result<()> {
    let model = Model::read(&o.model)?;
    let m = &model.metadata;
    let inputs = infer::read(m, &o.input, o.data.scale, o.index, screen)?;
    let bar = screen.progress.phase("running", None);
    let (outputs, time) = timed(|| outputs(&model, &inputs, o.level));
    bar.finish_and_clear();
    let outputs = outputs?;

    if let Some(path) = &o.output {
        save(m, &outputs, inputs.count, path)?;
    }
    let said = if outputs.integers.is_empty() {
        of_reals(m, &outputs.values, inputs.count)
    } else {
        statement(m, &outputs.integers, inputs.count, 0)
    };
    screen.json(&Report { model: &m.name, level: o.level.name(), statement: said.clone(), time });
    screen.line(format!(
        "ran {} of {} ({} level) in {}",
        show::plural(inputs.count, "inference"),
        m.name,
        o.level.name(),
        show::seconds(time.wall_s)
    ));
    said.lines(10).iter().for_each(|l| screen.line(format!("  {l}")));
    Ok(())
}

/// Runs all inferences at a level.
pub fn outputs(model: &Model, inputs: &Inputs, level: Level) -> Result<Outputs> {
    let m = &model.metadata;
    let integers = match level {
        Level::Program => program(model, inputs)?,
        #[cfg(feature = "compiler")]
        level => return crate::levels::outputs(model, inputs, level),
        #[cfg(not(feature = "compiler"))]
        _ => return Err(super::without_compiler()),
    };
    let values = reals(m, &integers);
    Ok(Outputs { integers, values })
}

/// Runs all inferences by the witness plan, as a prover does.
pub fn program(model: &Model, inputs: &Inputs) -> Result<Vec<Vec<i64>>> {
    let m = &model.metadata;
    let prepared = super::prove::prepare(model)?;
    let mut out = vec![vec![]; m.outputs.len()];
    for batch in infer::batches(m, inputs) {
        let bad = |e| Failure::new(format!("the model cannot be run: {e}"));
        let publics = prepared.outputs(batch.inputs).map_err(bad)?;
        for (i, port) in m.outputs.iter().enumerate() {
            let values = publics.tensors.get(m.inputs.len() + i).map_or(&[][..], Vec::as_slice);
            out[i].extend(&values[..(batch.used * port.len()).min(values.len())]);
        }
    }
    Ok(out)
}

/// Writes outputs as reals: `.npy` for one output port, `.npz` for several.
fn save(m: &Metadata, outputs: &Outputs, count: usize, path: &Path) -> Result<()> {
    let array = |p: &Port, v: &[f64]| {
        let rest = if p.shape.first() == Some(&1) { &p.shape[1..] } else { &p.shape[..] };
        let shape = std::iter::once(count).chain(rest.iter().copied()).collect();
        npy::write(&Array { shape, numbers: Numbers::F32(v.iter().map(|x| *x as f32).collect()) })
    };
    let arrays: Vec<_> =
        m.outputs.iter().zip(&outputs.values).map(|(p, v)| (p.name.clone(), array(p, v))).collect();
    match &arrays[..] {
        [(_, bytes)] if path.extension().is_none_or(|e| e != "npz") => files::write(path, bytes),
        _ => files::write(path, &npz(&arrays)?),
    }
}

/// An uncompressed `.npz` file.
fn npz(arrays: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    use std::io::Write;
    let bad = |e: &dyn std::fmt::Display| Failure::new(format!("cannot write the .npz file: {e}"));
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), stored).map_err(|e| bad(&e))?;
        zip.write_all(bytes).map_err(|e| bad(&e))?;
    }
    Ok(zip.finish().map_err(|e| bad(&e))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataFile;

    #[test]
    fn outputs_are_saved_so_that_numpy_and_tessera_read_them() {
        let mut m = crate::model::tests::tiny().metadata;
        let outputs = Outputs { integers: vec![], values: vec![vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]] };
        let dir = tempfile::tempdir().unwrap();
        let one = dir.path().join("y.npy");
        save(&m, &outputs, 2, &one).unwrap();
        let read = DataFile::read(&one).unwrap();
        assert_eq!(read.arrays[0].1.shape, [2, 3]);
        m.outputs.push(Port { name: "z".into(), shape: vec![3], ..m.outputs[0].clone() });
        let two = Outputs { integers: vec![], values: vec![vec![1.0; 3], vec![2.0; 3]] };
        let file = dir.path().join("both.npz");
        save(&m, &two, 1, &file).unwrap();
        assert_eq!(DataFile::read(&file).unwrap().take("z").unwrap().numbers, Numbers::F32(vec![2.0; 3]));
    }
}
