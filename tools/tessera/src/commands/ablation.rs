//! `tessera bench --ablation`: what each form of a circuit and of its placement is worth, by leaving it out.
//!
//! A model is compiled with everything, and without one form, one group of rules or several. Proofs of both alternate in one process, on
//! one thread and on the same inputs, so that what disturbs one disturbs the other; each must verify.
//!
//! Invariant: ratios are medians over pairs of proofs of the same input; where both programs are the same one, nothing is measured.
use super::{bench, compile, prove};
use crate::cli::Bench;
use crate::failure::{Failure, Result};
use crate::fixtures::{ABLATED, Fixture};
use crate::forms::{EGRAPH, FORMS, Forms, SEARCH, TRANSFORM};
use crate::measure::{Machine, median, timed};
use crate::model::Model;
use crate::prover::{self, ProvingKey};
use crate::screen::Screen;
use crate::show::{self, program::columns, report};
use crate::{files, infer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tessera_api::{Cost, Security, Shape};
use tessera_runtime::Prepared;

/// What `--stage` calls one model's part.
pub const STAGE: &str = "ablation";

/// Forms that are rules of the e-graph too.
const AS_RULES: [&str; 3] = ["views", "maxima", "lookups"];

/// What is left out.
struct Variant {
    name: String,
    forms: Forms,
}

/// A model without something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Without {
    /// What was left out.
    name: String,
    /// What came of it.
    outcome: Outcome,
}

/// What leaving something out does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// Nothing: it is the same program.
    Same,
    /// There is no proof then, and why.
    Refused(String),
    /// Another program.
    Other {
        /// CPU seconds of a proof and its inference, over those of the model with everything: the median, and between which two the
        /// middle half lies.
        ratio: [f64; 3],
        #[serde(flatten)]
        cost: Measured,
    },
}

/// What a model costs.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Measured {
    /// CPU seconds of compiling.
    compile_s: f64,
    /// CPU seconds of a proof with its inference, a median.
    prove_s: f64,
    /// The same, as predicted.
    predicted_s: f64,
    /// What the prediction is made of.
    counts: Cost,
    /// Bytes of a proof.
    proof_bytes: u64,
}

/// A model with everything, and without.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ablation {
    /// Its name.
    model: String,
    /// With everything.
    all: Measured,
    /// Without.
    without: Vec<Without>,
}

/// Runs the command.
pub fn run(o: &Bench, screen: &Screen) -> Result<()> {
    let models = if o.measured.is_empty() { measured(o, screen)? } else { known(&o.measured)? };
    let commit = bench::commit();
    if let Some(dir) = &o.report {
        let path = dir.join("benchmarks.md");
        let machine = Machine::here();
        let about = format!(
            "{}, one thread, {}; {} bits, {} regime; medians of {} pairs of proofs; commit {commit}",
            machine.cpu,
            machine.os,
            o.security,
            bench::regime(o.regime),
            o.runs
        );
        files::write(&path, report::replaced(&path, report::ABLATION, &section(&models, &about)).as_bytes())?;
    }
    screen.json(&models);
    for m in &models {
        lines(m).iter().for_each(|line| screen.line(line));
        screen.line("");
    }
    Ok(())
}

/// What was measured before.
fn known(paths: &[PathBuf]) -> Result<Vec<Ablation>> {
    let read = |path: &PathBuf| -> Result<Vec<Ablation>> {
        let bytes = files::read(path)?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Failure::new(format!("is not what --ablation --json says: {e}")).in_file(path))
    };
    Ok(paths.iter().map(read).collect::<Result<Vec<_>>>()?.concat())
}

/// Measures models, each in a process of its own.
fn measured(o: &Bench, screen: &Screen) -> Result<Vec<Ablation>> {
    let chosen: Vec<&Fixture> =
        ABLATED.iter().filter(|f| o.model.is_empty() || o.model.iter().any(|name| name == f.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = ABLATED.iter().map(|f| f.name).collect();
        return Err(Failure::new("none of these models is measured form by form").expected(names.join(", ")));
    }
    let dir = std::env::temp_dir();
    let bar = screen.progress.counted("measuring", chosen.len());
    let models: Result<Vec<Ablation>> = chosen
        .iter()
        .map(|f| {
            bar.set_message(f.name);
            let value = bench::in_own_process(o, f, STAGE, &dir, Some(1))?;
            bar.inc(1);
            serde_json::from_value(value).map_err(|e| Failure::new(format!("measuring gave no numbers: {e}")))
        })
        .collect();
    bar.finish_and_clear();
    models
}

/// What is left out of a model, one after the other, where these groups of rules apply.
fn variants(groups: &[(String, Vec<String>)]) -> Result<Vec<Variant>> {
    let without = |name: &str, all: &[&str]| -> Result<Variant> {
        Ok(Variant { name: name.into(), forms: Forms::without(all.iter().copied())? })
    };
    let mut variants = vec![];
    for form in FORMS {
        variants.push(without(form.name, &[form.name])?);
    }
    for (group, rules) in groups {
        let mut forms = Forms::default();
        forms.rules = rules.clone();
        variants.push(Variant { name: format!("rules of {group}"), forms });
    }
    variants.push(without("passes that are rules", &AS_RULES)?);
    variants.push(without("those and the e-graph", &[&AS_RULES[..], &[EGRAPH]].concat())?);
    let most: Vec<&str> = FORMS.iter().map(|form| form.name).filter(|name| *name != TRANSFORM).collect();
    variants.push(without("all but transform", &most)?);
    variants.push(without("all", &["all"])?);
    Ok(variants)
}

/// Rules of the e-graph, by what they rewrite.
fn groups() -> Result<Vec<(String, Vec<String>)>> {
    let rules = tessera_egraph::rules()?;
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule.group()).collect();
    let of = |group: &str| {
        let own = rules.iter().filter(|rule| rule.group() == group);
        (group.to_owned(), own.map(|rule| rule.name.clone()).collect())
    };
    Ok(names.into_iter().map(of).collect())
}

/// One model, in this process.
pub fn measure(o: &Bench, f: &Fixture) -> Result<Ablation> {
    let security = Security { bits: o.security, regime: o.regime.into(), goal: o.optimize.into() };
    let compiled = |forms: &Forms| -> Result<(Model, f64)> {
        let request = bench::Inputs::of(f)?;
        let (compiled, time) = timed(|| compile::compile(&request.request(forms.clone())));
        Ok((compiled?.model, time.cpu_s))
    };
    // the first time in a process takes longer
    compiled(&Forms::default())?;
    let (model, compile_s) = compiled(&Forms::default())?;
    let digest = model.digest();
    let base = Provable::of(f, model, security)?;
    let mut own = vec![];
    let mut without = vec![];
    let found = variants(&groups()?)?;
    for Variant { name, forms } in found {
        let outcome = match compiled(&forms) {
            Err(failure) => {
                Outcome::Refused(failure.problems.first().map_or(String::new(), |p| p.message.clone()))
            }
            Ok((model, _)) if model.digest() == digest => Outcome::Same,
            Ok((model, compile_s)) => match Provable::of(f, model, security) {
                Err(failure) => {
                    Outcome::Refused(failure.problems.first().map_or(String::new(), |p| p.message.clone()))
                }
                Ok(other) => {
                    let pairs = compared(&base, &other, o.runs)?;
                    own.extend(pairs.iter().map(|pair| pair.0));
                    let mut ratios: Vec<f64> = pairs.iter().map(|(base, other)| other / base).collect();
                    ratios.sort_by(f64::total_cmp);
                    let quarter = ratios.len() / 4;
                    let ratio = [median(ratios.clone()), ratios[quarter], ratios[ratios.len() - 1 - quarter]];
                    let cost = other.measured(compile_s, pairs.iter().map(|pair| pair.1).collect())?;
                    Outcome::Other { ratio, cost }
                }
            },
        };
        without.push(Without { name, outcome });
    }
    let all = base.measured(compile_s, own)?;
    Ok(Ablation { model: f.name.into(), all, without })
}

/// A model with its key, and what it is run on.
struct Provable {
    plan: Prepared,
    key: ProvingKey,
    batches: Vec<infer::Batch>,
    counts: Cost,
    predicted_s: f64,
}

impl Provable {
    fn of(f: &Fixture, model: Model, security: Security) -> Result<Provable> {
        let backend = prover::backend(&model.metadata.backend)?;
        let counts = backend.cost(&Shape::of(&model.program));
        let predicted_s = prover::prices(&model)?.seconds(&counts);
        let keys = prover::keys(&model, security, false)?;
        let key = ProvingKey::from_container(keys.proving, &model)?;
        let (images, _) = f.data()?;
        let inputs = infer::bind(&model.metadata, &images, None, None)?;
        let batches = infer::batches(&model.metadata, &inputs);
        let provable = Provable { plan: prove::prepare(&model)?, key, batches, counts, predicted_s };
        // a form that is switched off has to be proven as well
        let (proof, _) = provable.proof(0)?;
        provable.key.verifying().verify(&proof)?;
        Ok(provable)
    }

    fn proof(&self, input: usize) -> Result<(prover::ProofFile, f64)> {
        let batch = self.batches[input % self.batches.len()].clone();
        let used = batch.used;
        let (proved, time) = timed(|| -> Result<_> {
            let (trace, _) = prove::fill(&self.plan, batch)?;
            self.key.prove(trace, used)
        });
        Ok((proved?.0, time.cpu_s))
    }

    /// What it costs, when it was compiled and proven in so many seconds.
    fn measured(&self, compile_s: f64, prove_s: Vec<f64>) -> Result<Measured> {
        let proof_bytes = self.proof(0)?.0.to_bytes(&self.key.verifying()).len() as u64;
        let (predicted_s, counts) = (self.predicted_s, self.counts.clone());
        Ok(Measured { compile_s, prove_s: median(prove_s), predicted_s, counts, proof_bytes })
    }
}

/// CPU seconds of pairs of proofs.
fn compared(base: &Provable, other: &Provable, runs: u32) -> Result<Vec<(f64, f64)>> {
    let pair = |run: usize| {
        // neither is always the first
        if run.is_multiple_of(2) {
            let first = base.proof(run)?.1;
            return Ok((first, other.proof(run)?.1));
        }
        let first = other.proof(run)?.1;
        Ok((base.proof(run)?.1, first))
    };
    (0..runs.max(1) as usize).map(pair).collect()
}

/// What is said of it to people.
fn row(w: &Without) -> Option<[String; 6]> {
    match &w.outcome {
        Outcome::Same => None,
        Outcome::Refused(_) => Some([
            w.name.clone(),
            "refused".into(),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ]),
        Outcome::Other { ratio, cost } => Some([
            w.name.clone(),
            format!("{:.3}", ratio[0]),
            format!("{:.3}–{:.3}", ratio[1], ratio[2]),
            show::seconds(cost.prove_s),
            show::bytes(cost.proof_bytes),
            show::seconds(cost.compile_s),
        ]),
    }
}

/// One model for people.
fn lines(m: &Ablation) -> Vec<String> {
    let head = [&m.model[..], "time", "middle half", "prove", "proof", "compile"].map(String::from);
    let all = [
        "everything".into(),
        "1".into(),
        String::new(),
        show::seconds(m.all.prove_s),
        show::bytes(m.all.proof_bytes),
        show::seconds(m.all.compile_s),
    ];
    columns([head, all].into_iter().chain(m.without.iter().filter_map(row)).collect())
}

/// The ratio of a model without something.
fn ratio(m: &Ablation, name: &str) -> Option<f64> {
    match m.without.iter().find(|w| w.name == name)?.outcome {
        Outcome::Same => Some(1.0),
        Outcome::Refused(_) => None,
        Outcome::Other { ratio, .. } => Some(ratio[0]),
    }
}

/// The section of the page.
fn section(models: &[Ablation], about: &str) -> String {
    let mut text = format!(
        "{about}. CPU time of a proof with its inference, without a form, over that with everything; proofs of both alternate on the same \
         inputs. Empty: the same program. Ratios nearer to 1 than 0.05 are noise.\n\n"
    );
    let heads: Vec<String> = models.iter().map(|m| m.model.clone()).collect();
    text += &format!(
        "| without | {} | what it is |\n|---|{}---|\n",
        heads.join(" | "),
        "--:|".repeat(models.len())
    );
    let names: Vec<&str> = models.first().map_or(vec![], |m| m.without.iter().map(|w| &w.name[..]).collect());
    for name in names {
        let cell = |m: &Ablation| match m.without.iter().find(|w| w.name == name).map(|w| &w.outcome) {
            Some(Outcome::Other { ratio, .. }) => format!("{:.2}", ratio[0]),
            Some(Outcome::Refused(_)) => "refused".into(),
            Some(Outcome::Same) | None => String::new(),
        };
        let cells: Vec<String> = models.iter().map(cell).collect();
        if cells.iter().all(String::is_empty) && !FORMS.iter().any(|form| form.name == name) {
            continue;
        }
        let summary = FORMS.iter().find(|form| form.name == name).map_or("", |form| form.summary);
        text += &format!("| {name} | {} | {summary} |\n", cells.join(" | "));
    }
    let off = "all but transform";
    text += "\n| | prove, everything | prove, off | proof, everything | proof, off | compile, everything | compile, off |\n|---|--:|--:|--:|--:|--:|--:|\n";
    for m in models {
        let found = m.without.iter().find(|w| w.name == off).map(|w| &w.outcome);
        let cost = match found {
            Some(Outcome::Other { cost, .. }) => cost,
            _ => &m.all,
        };
        let (s, b) = (show::seconds, show::bytes);
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            m.model,
            s(m.all.prove_s),
            s(cost.prove_s),
            b(m.all.proof_bytes),
            b(cost.proof_bytes),
            s(m.all.compile_s),
            s(cost.compile_s)
        );
    }
    let mean = |name: &str| {
        let logs: Vec<f64> = models.iter().filter_map(|m| ratio(m, name)).map(f64::ln).collect();
        (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp()
    };
    text += &format!(
        "\nGeometric means: off (all but transform) {:.2}, without the e-graph {:.2}, without its search {:.2}.\n",
        mean(off),
        mean(EGRAPH),
        mean(SEARCH)
    );
    let points = points(models);
    let errors = points.iter().map(|(_, predicted, measured)| (predicted / measured - 1.0).abs()).collect();
    text += &format!(
        "\nPredicted against measured, {} programs: median error {:.0} %, Kendall's τ {:.2} over all, {:.2} within a model (pairs more than \
         5 % apart).\n",
        points.len(),
        100.0 * median(errors),
        tau(&points, |_, _| true, 0.0),
        tau(&points, |a, b| a == b, 0.05)
    );
    text
}

/// Of every program that was measured: its model, and predicted and measured seconds. Measured are ratios to the model with everything, so
/// that what else the machine does weighs on all alike.
fn points(models: &[Ablation]) -> Vec<(usize, f64, f64)> {
    let of = |(at, m): (usize, &Ablation)| {
        let others = m.without.iter().filter_map(|w| match &w.outcome {
            Outcome::Other { ratio, cost } => Some((at, cost.predicted_s, ratio[0] * m.all.prove_s)),
            Outcome::Same | Outcome::Refused(_) => None,
        });
        std::iter::once((at, m.all.predicted_s, m.all.prove_s)).chain(others).collect::<Vec<_>>()
    };
    models.iter().enumerate().flat_map(of).collect()
}

/// Kendall's τ of predicted and measured numbers, over pairs of models that count, and that are more than a share apart.
pub fn tau(points: &[(usize, f64, f64)], counts: impl Fn(usize, usize) -> bool, apart: f64) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (i, a) in points.iter().enumerate() {
        for b in &points[i + 1..] {
            if counts(a.0, b.0) && (a.2 / b.2).ln().abs() > (1.0 + apart).ln() {
                sum += ((a.1 - b.1) * (a.2 - b.2)).signum();
                pairs += 1.0;
            }
        }
    }
    if pairs > 0.0 { sum / pairs } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ablation() -> Ablation {
        let cost = |prove_s, predicted_s| {
            let (compile_s, counts, proof_bytes) = (1.0, Cost::default(), 1024);
            Measured { compile_s, prove_s, predicted_s, counts, proof_bytes }
        };
        let other = |name: &str, ratio: f64, predicted_s| Without {
            name: name.into(),
            outcome: Outcome::Other { ratio: [ratio; 3], cost: cost(ratio, predicted_s) },
        };
        let without = vec![
            other("sums", 1.5, 1.4),
            Without { name: "pads".into(), outcome: Outcome::Same },
            Without { name: "rules of max".into(), outcome: Outcome::Same },
            other("all but transform", 2.0, 1.2),
            Without { name: "all".into(), outcome: Outcome::Refused("too tall".into()) },
        ];
        Ablation { model: "m".into(), all: cost(1.0, 1.0), without }
    }

    #[test]
    fn a_section_has_a_row_for_what_differs_and_for_each_form() {
        let text = section(&[ablation()], "a machine");
        assert!(
            text.contains("| sums | 1.50 | sums are rounded once") && text.contains("| pads |  | zeros"),
            "{text}"
        );
        assert!(text.contains("| all | refused |") && !text.contains("rules of max"), "{text}");
        assert!(text.contains("off (all but transform) 2.00"), "{text}");
        assert!(
            text.contains("3 programs: median error 7 %, Kendall's τ 0.33 over all, 0.33 within"),
            "{text}"
        );
    }

    #[test]
    fn what_is_left_out_has_a_name_of_its_own() {
        let names: Vec<String> = variants(&groups().unwrap()).unwrap().into_iter().map(|v| v.name).collect();
        let apart: BTreeSet<&String> = names.iter().collect();
        assert_eq!(apart.len(), names.len());
        assert!(
            names.iter().any(|name| name == "rules of lookup") && names.len() > FORMS.len() + 8,
            "{names:?}"
        );
    }
}
