//! Running a pass pipeline for the command: the levels of a model on the way, and the IR after every pass where it is asked for.
//!
//! Invariants: which passes the default pipeline has is written in `zk_opt::pipeline` alone; a dumped file lies beside the
//! parameters it names, so that `zk-opt` and `tessera compile` continue from it.
use crate::cli::CalibrationMethod;
use crate::commands::compile::Watch;
use crate::failure::{Failure, Problem, Result, USE};
use crate::files;
use crate::model::{Level, Port};
use melior::ir::{Module, OperationRef};
use std::collections::BTreeMap;
use std::path::Path;
use tessera_api::Section;
use tessera_mlir::{attrs, params, pipeline};
pub use tessera_nn_to_qnn::Goal;
use tessera_nn_to_qnn::calibrate::SAMPLES;
use zk_opt::pipeline::{level_of, pipeline_from};

/// How reals become integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantizing {
    /// How ranges are found.
    pub method: CalibrationMethod,
    /// For the method of that name.
    pub percentile: f64,
    /// What bits are chosen for; the usual ones where nothing is said.
    pub goal: Option<Goal>,
}

impl Default for Quantizing {
    fn default() -> Quantizing {
        Quantizing { method: CalibrationMethod::MinMax, percentile: 99.9, goal: None }
    }
}

/// The default pipeline for a module of a level, with the options that the command has for calibration and bits.
pub fn default(level: &str, Quantizing { method, percentile, goal }: Quantizing) -> String {
    let mut options = vec![];
    if method == CalibrationMethod::Percentile {
        options.push(format!("method=percentile percentile={percentile}"));
    }
    options.extend(goal.map(|_| "keep-samples=true".to_owned()));
    let mut passes = "nn-calibrate".to_owned();
    if !options.is_empty() {
        passes.push_str(&format!("{{{}}}", options.join(" ")));
    }
    if let Some(Goal { cosine, loss }) = goal {
        let loss = loss * 100.0;
        passes.push_str(&format!(",nn-choose-bits{{target-cosine={cosine} max-accuracy-loss={loss}}}"));
    }
    pipeline_from(level).replace("nn-calibrate", &passes)
}

/// A pipeline for a network that scores tokens, which says them instead, from a position on.
pub fn saying_tokens(pipeline: &str, first: u32) -> String {
    pipeline.replacen("builtin.module(", &format!("builtin.module(nn-next-tokens{{first={first}}},"), 1)
}

/// A pipeline for a network that takes inputs of these names as those of another are given.
pub fn taking_inputs(pipeline: &str, inputs: &[(String, Port)]) -> Result<String> {
    const CONVERT: &str = "convert-nn-to-qnn";
    if inputs.is_empty() || pipeline.contains(CONVERT) {
        let pass = |(name, port): &(String, Port)| {
            let Port { scale, min, max, .. } = port;
            format!(",qnn-take-input{{name={name} scale={scale:e} min={min} max={max}}}")
        };
        let passes: String = inputs.iter().map(pass).collect();
        return Ok(pipeline.replacen(CONVERT, &format!("{CONVERT}{passes}"), 1));
    }
    Err(Failure::new("--input-from is for a network, and this IR is of an inner level")
        .help("give the ONNX model, or IR of the level nn"))
}

/// Runs a pipeline and returns the last IR of every level that was reached, with its parameters.
///
/// With a directory, the IR goes to `DIR/00-input.mlir`, `DIR/01-PASS.mlir` and so on, the last of each level to
/// `DIR/LEVEL.mlir`, and what they name beside them. `watch` is told of every pass, and ends the work by an error.
pub fn run(
    module: &mut Module,
    pipeline: &str,
    dump: Option<&Path>,
    watch: Watch,
) -> Result<BTreeMap<String, Level>> {
    let mut seen = Seen { dump, step: 0, levels: BTreeMap::new() };
    seen.after("input", module.as_operation())?;
    observed(module, pipeline, &mut |pass, op| watch(pass).and_then(|()| seen.after(pass, op)))?;
    seen.finish()
}

/// Runs a pipeline. `see` is told of every pass and sees the module after it; its error is returned.
pub fn observed(
    module: &mut Module,
    pipeline: &str,
    see: &mut dyn FnMut(&str, OperationRef) -> Result<()>,
) -> Result<()> {
    zk_opt::register_all();
    let problem = |message: String| Problem {
        message,
        place: Some(format!("the pipeline {pipeline}")),
        ..Problem::default()
    };
    if let Some(failure) = Failure::all(zk_opt::advise(pipeline).into_iter().map(problem).collect()) {
        return Err(failure);
    }
    let mut stopped = None;
    let outcome = pipeline::run_observed(module, pipeline, &pipeline::Settings::default(), |pass, op| {
        see(pass, op).map_err(|failure| {
            let error = tessera_mlir::Error::new(failure.to_string());
            stopped = Some(failure);
            error
        })
    });
    if let Some(failure) = stopped {
        return Err(failure);
    }
    Ok(outcome?)
}

/// What was seen between passes.
struct Seen<'a> {
    dump: Option<&'a Path>,
    step: usize,
    /// Text and the name of the parameters.
    levels: BTreeMap<&'static str, (String, Option<String>)>,
}

impl Seen<'_> {
    fn after(&mut self, pass: &str, module: OperationRef) -> Result<()> {
        let text = tessera_mlir::print_with_locations(module);
        let named = params::name_of(module);
        if let Some(dir) = self.dump {
            files::write(&dir.join(format!("{:02}-{pass}.mlir", self.step)), text.as_bytes())?;
            for name in named.iter().cloned().chain(attrs::read_string(module, SAMPLES).ok()) {
                let path = dir.join(&name);
                if self.step == 0 || !path.exists() {
                    files::write(&path, &params::get(&name)?.to_bytes()?)?;
                }
            }
        }
        self.step += 1;
        self.levels.insert(level_of(module)?, (text, named));
        Ok(())
    }

    fn finish(self) -> Result<BTreeMap<String, Level>> {
        let mut levels = BTreeMap::new();
        for (level, (text, named)) in self.levels {
            if let Some(dir) = self.dump {
                files::write(&dir.join(format!("{level}.mlir")), text.as_bytes())?;
            }
            let params = named.map_or_else(|| Ok(Default::default()), |name| params::get(&name))?;
            let params = Section::of(params.parts()?);
            levels.insert(level.to_owned(), Level { text: text.into(), params });
        }
        Ok(levels)
    }
}

impl From<tessera_mlir::Error> for Failure {
    fn from(e: tessera_mlir::Error) -> Failure {
        let problem = |r: &tessera_mlir::Report| Problem {
            message: r.message.clone(),
            place: r.place.as_ref().map(ToString::to_string),
            notes: r.notes.iter().map(ToString::to_string).collect(),
            ..Problem::default()
        };
        Failure { code: USE, problems: e.reports.iter().map(problem).collect(), report: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELU: &str = r#"module {
  func.func @main(%x: tensor<1x4xf32> {nn.name = "x", nn.range = array<f64: -1.0, 1.0>}) -> (tensor<1x4xf32> {nn.name = "y"}) {
    %r = nn.relu %x {nn.range = array<f64: 0.0, 1.0>} : tensor<1x4xf32>
    return %r : tensor<1x4xf32>
  }
}"#;

    #[test]
    fn the_options_of_calibration_stand_in_the_pipeline() {
        let percentile =
            Quantizing { method: CalibrationMethod::Percentile, percentile: 99.5, ..Quantizing::default() };
        let text = default("nn", percentile);
        assert!(
            text.contains(",nn-calibrate{method=percentile percentile=99.5},convert-nn-to-qnn,"),
            "{text}"
        );
        assert_eq!(default("nn", Quantizing::default()), zk_opt::pipeline::default_pipeline());
        assert!(!default("qnn", percentile).contains("calibrate"));
        let goal = Some(Goal { cosine: 0.9999, loss: 0.001 });
        let text = default("nn", Quantizing { goal, ..Quantizing::default() });
        let expected = ",nn-calibrate{keep-samples=true},nn-choose-bits{target-cosine=0.9999 max-accuracy-loss=0.1},convert-nn-to-qnn,";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn the_last_ir_of_every_level_is_kept_and_every_pass_can_be_dumped() {
        let dir = tempfile::tempdir().unwrap();
        let context = tessera_passes::context();
        let mut module = tessera_mlir::parse(&context, RELU, "relu.mlir").unwrap();
        let levels = run(&mut module, &pipeline_from("nn"), Some(dir.path()), &|_| Ok(())).unwrap();
        assert_eq!(levels.keys().collect::<Vec<_>>(), ["circuit", "nn", "qnn"]);
        let text = |level: &str| levels[level].text().unwrap();
        assert!(text("qnn").contains("qnn.relu") || text("qnn").contains("qnn.requantize"));
        assert!(!text("circuit").contains("qnn."));
        let file = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(
            file("00-input.mlir").contains("nn.relu") && file("03-nn-calibrate.mlir").contains("nn.relu")
        );
        let last = format!("{:02}-circuit-compose-lookups.mlir", pipeline_from("nn").split(',').count());
        assert_eq!(file(&last), file("circuit.mlir"));
        assert_eq!(file("circuit.mlir"), text("circuit"));
    }

    #[test]
    fn every_name_that_is_no_pass_is_reported_before_any_pass_runs() {
        let context = tessera_passes::context();
        let mut module = tessera_mlir::parse(&context, RELU, "relu.mlir").unwrap();
        let failure =
            run(&mut module, "builtin.module(cse,convert-nn-to-qn,cirquit-intervals)", None, &|_| Ok(()));
        insta::assert_snapshot!(failure.unwrap_err());
        let failure = run(&mut module, "builtin.module(cse,", None, &|_| Ok(()));
        insta::assert_snapshot!(failure.unwrap_err());
    }
}
