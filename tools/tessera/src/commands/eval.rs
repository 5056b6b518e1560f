//! `tessera eval`: what quantizing costs, on data of the user's.
use crate::cli::Eval;
use crate::data::bind::Inputs;
use crate::data::{DataFile, bind};
use crate::failure::Result;
use crate::measure::{Time, timed};
use crate::model::{Metadata, Model};
use crate::screen::Screen;
use crate::{infer, levels, show};
use serde::Serialize;
use tessera_nn_to_qnn::evaluate::{Evaluation, Layer, evaluate};

/// What is told of an evaluation.
#[derive(Serialize)]
pub struct Report<'a> {
    model: &'a str,
    samples: usize,
    float: Quality,
    quantized: Quality,
    agreement: f64,
    cosine: Cosine,
    worst_layer: Option<Named<'a>>,
    layers: Vec<Named<'a>>,
    time: Time,
}

#[derive(Serialize)]
struct Quality {
    accuracy: Option<f64>,
}

#[derive(Serialize)]
struct Cosine {
    mean: f64,
    min: f64,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    op: &'a str,
    snr_db: f64,
}

fn named(l: &Layer) -> Named<'_> {
    Named { name: &l.node, op: &l.op, snr_db: l.snr_db }
}

impl Report<'_> {
    /// For machines.
    pub fn json(&self) -> String {
        // plain data of ours: serializing cannot fail
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What is told of an evaluation that took this time.
pub fn report<'a>(m: &'a Metadata, e: &'a Evaluation, time: Time) -> Report<'a> {
    Report {
        model: &m.name,
        samples: e.samples,
        float: Quality { accuracy: e.float.accuracy },
        quantized: Quality { accuracy: e.quantized.accuracy },
        agreement: e.agreement,
        cosine: Cosine { mean: e.cosine.mean, min: e.cosine.worst },
        worst_layer: e.worst_layer.as_ref().map(named),
        layers: e.layers.iter().map(named).collect(),
        time,
    }
}

/// Runs the float and the quantized network of a model on the same inputs.
pub fn evaluation(model: &Model, inputs: &Inputs, labels: Option<&[usize]>) -> Result<Evaluation> {
    let context = tessera_passes::context();
    let (float, quantized) = (levels::nn(&context, model)?, levels::qnn(&context, model)?);
    let samples = levels::samples(&model.metadata.inputs, inputs)?;
    Ok(evaluate(&float, &quantized, &samples, labels)?)
}

/// Runs the command.
pub fn run(o: &Eval, screen: &Screen) -> Result<()> {
    let model = Model::read(&o.model)?;
    let m = &model.metadata;
    let inputs = infer::read(m, &o.input, o.data.scale, None, screen)?;
    let labels = match &o.labels {
        None => None,
        Some(path) => {
            let classes = m.outputs.first().map_or(0, |p| p.len());
            Some(bind::labels(&DataFile::read(path)?, inputs.count, classes)?)
        }
    };
    let bar = screen.progress.phase(&format!("comparing on {}", show::plural(inputs.count, "input")), None);
    let (evaluation, time) = timed(|| evaluation(&model, &inputs, labels.as_deref()));
    bar.finish_and_clear();
    let e = evaluation?;
    let report = report(m, &e, time);
    screen.json(&report);
    screen.line(format!(
        "{} on {} in {}",
        m.name,
        show::plural(e.samples, "input"),
        show::seconds(time.wall_s)
    ));
    let percent = |x: f64| format!("{:.1} %", x * 100.0);
    if let (Some(f), Some(q)) = (e.float.accuracy, e.quantized.accuracy) {
        screen.line(format!("  accuracy    float {}, quantized {}", percent(f), percent(q)));
    }
    screen.line(format!("  agreement   {} have the same class in both", percent(e.agreement)));
    screen.line(format!("  cosine      mean {:.5}, least {:.5}", e.cosine.mean, e.cosine.worst));
    if let Some(w) = &e.worst_layer {
        screen.line(format!("  worst layer {} ({}), signal-to-noise ratio {:.1} dB", w.node, w.op, w.snr_db));
    }
    Ok(())
}
