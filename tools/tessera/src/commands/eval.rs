//! `tessera eval`: what quantizing costs, on data of the user's.
use crate::cli::Eval;
use crate::data::bind::{Answers, Inputs};
use crate::data::{DataFile, bind};
use crate::failure::{Failure, Result};
use crate::measure::{Time, timed};
use crate::model::{Metadata, Model};
use crate::screen::Screen;
use crate::show::fidelity;
use crate::{files, infer, levels, show};
use serde::Serialize;
use tessera_nn_to_qnn::evaluate::{Evaluation, Layer, Output, Quality, Task, Truth, evaluate_watched};

/// What is told of an evaluation.
#[derive(Serialize)]
pub struct Report<'a> {
    model: &'a str,
    samples: usize,
    task: Task,
    float: &'a Quality,
    quantized: &'a Quality,
    agreement: f64,
    cosine: Cosine,
    outputs: &'a [Output],
    worst_layer: Option<Named<'a>>,
    layers: Vec<Named<'a>>,
    time: Time,
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
    cosine: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reaches_output_db: Option<f64>,
}

fn named(l: &Layer) -> Named<'_> {
    Named {
        name: &l.node,
        op: &l.op,
        snr_db: l.snr_db,
        cosine: l.cosine,
        reaches_output_db: l.reaches_output_db,
    }
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
        task: e.task,
        float: &e.float,
        quantized: &e.quantized,
        agreement: e.agreement,
        cosine: Cosine { mean: e.cosine.mean, min: e.cosine.worst },
        outputs: &e.ports,
        worst_layer: e.worst_layer.as_ref().map(named),
        layers: e.layers.iter().map(named).collect(),
        time,
    }
}

/// Runs the float and the quantized network of a model on the same inputs; `compared` is called after each of them.
pub fn evaluation(
    model: &Model,
    inputs: &Inputs,
    truth: Option<&Truth>,
    compared: &(dyn Fn() + Sync),
) -> Result<Evaluation> {
    let context = tessera_passes::context();
    let (float, quantized) = (levels::nn(&context, model)?, levels::qnn(&context, model)?);
    let samples = levels::samples(&model.metadata.inputs, inputs)?;
    Ok(evaluate_watched(&float, &quantized, (&samples, truth), compared)?)
}

/// Runs the command.
pub fn run(o: &Eval, screen: &Screen) -> Result<()> {
    let model = Model::read(&o.model)?;
    let m = &model.metadata;
    let inputs = infer::read(m, &o.input, o.data.scale, None, screen)?;
    let truth = o.labels.as_ref().map(|path| truth(m, &DataFile::read(path)?, inputs.count)).transpose()?;
    let bar = screen
        .progress
        .counted(&format!("comparing on {}", show::plural(inputs.count, "input")), inputs.count);
    let (evaluation, time) = timed(|| evaluation(&model, &inputs, truth.as_ref(), &|| bar.inc(1)));
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
    lines(&e).iter().for_each(|line| screen.line(format!("  {line}")));
    if let Some(w) = &e.worst_layer {
        screen.line(format!("  worst layer {} ({}), signal-to-noise ratio {:.1} dB", w.node, w.op, w.snr_db));
    }
    if let Some(path) = &o.report {
        files::write(path, fidelity::page(&m.name, &lines(&e), &e).as_bytes())?;
        screen.line(format!("  wrote {}", path.display()));
    }
    Ok(())
}

/// What is right, as a file has it.
pub fn truth(m: &Metadata, file: &DataFile, count: usize) -> Result<Truth> {
    let port = m.outputs.first().ok_or_else(|| Failure::new("the model has no output"))?;
    Ok(match bind::answers(file, count, port)? {
        Answers::Classes(classes) => Truth::Classes(classes),
        Answers::Numbers(numbers) => Truth::Numbers(numbers),
    })
}

/// What is told, in the language of the task.
fn lines(e: &Evaluation) -> Vec<String> {
    let percent = |x: f64| format!("{:.1} %", x * 100.0);
    let mut lines = vec![];
    if let (Some(f), Some(q)) = (e.float.accuracy, e.quantized.accuracy) {
        lines.push(format!("accuracy    float {}, quantized {}", percent(f), percent(q)));
    }
    if let (Some(f), Some(q)) = (e.float.error, e.quantized.error) {
        lines.push(format!("error       float {f:.5}, quantized {q:.5}, in the mean"));
    }
    if let (Some(f), Some(q)) = (e.float.r2, e.quantized.r2) {
        lines.push(format!("explained   float {}, quantized {} of the variance", percent(f), percent(q)));
    }
    if let (Some(f), Some(q)) = (e.float.perplexity, e.quantized.perplexity) {
        lines.push(format!("perplexity  float {f:.4}, quantized {q:.4}, of the tokens of the inputs, each after those before it"));
    }
    lines.push(match e.task {
        Task::Classes => format!("agreement   {} have the same class in both", percent(e.agreement)),
        Task::Sequence => {
            format!("agreement   {} of the positions have the same class in both", percent(e.agreement))
        }
        Task::Labels => format!("agreement   {} have the same label in both", percent(e.agreement)),
        Task::Numbers => {
            format!("agreement   {} are within a hundredth of the float outputs' range", percent(e.agreement))
        }
    });
    lines.push(match e.task {
        Task::Classes | Task::Sequence => {
            format!("cosine      mean {:.5}, least {:.5}", e.cosine.mean, e.cosine.worst)
        }
        _ => format!("cosine      {:.5}, of deviations from the mean", e.cosine.mean),
    });
    if e.ports.len() > 1 {
        let one = |o: &Output| {
            format!(
                "output      {}: cosine {:.5}, signal-to-noise ratio {:.1} dB",
                o.name, o.cosine, o.snr_db
            )
        };
        lines.extend(e.ports.iter().map(one));
    }
    lines
}
