//! `tessera generate`: what a model of tokens says after a prompt, and one proof of all of it.
//!
//! Token by token, each computes what depends on it and on those before: keys and values of all others are kept ([`tessera_runtime::Growth`]), and
//! the integers are those of a run of the whole text, which is what is proven. A plan that cannot be run in parts is run as a whole for every token.
use super::compile::Watch;
use super::prove::{self, Proven};
use crate::cli::Generate;
use crate::failure::{Failure, Result};
use crate::infer::Batch;
use crate::measure::{Time, timed};
use crate::model::Model;
use crate::prover::ProvingKey;
use crate::screen::Screen;
use crate::vocabulary::Vocabulary;
use crate::{files, measure, show};
use serde::Serialize;
use tessera_runtime::Prepared;
use tessera_verify::claim::{Claim, Speech, Text};

#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    #[serde(flatten)]
    text: &'a Text,
    /// What the tokens spell, the prompt first.
    #[serde(skip_serializing_if = "Option::is_none")]
    spelled: Option<[String; 2]>,
    /// Runs of the model, of a part or the whole.
    runs: usize,
    generate: Time,
    #[serde(flatten)]
    proof: Option<prove::Made>,
}

/// Runs the command.
pub fn run(o: &Generate, screen: &Screen) -> Result<()> {
    let (model, read_model) = timed(|| Model::read(&o.model));
    let model = model?;
    let m = &model.metadata;
    let speech = speech(&model).map_err(|f| f.in_file(&o.model))?;
    let vocabulary = o.vocab.as_deref().map(Vocabulary::read).transpose()?;
    let prompt = match (&o.prompt, &o.prompt_text, &vocabulary) {
        (Some(prompt), ..) => prompt.0.clone(),
        (None, Some(text), Some(vocabulary)) => vocabulary.encode(text)?,
        _ => {
            return Err(
                Failure::new("there is no prompt").help("give --prompt, or --prompt-text and --vocab")
            );
        }
    };
    let wanted = o.tokens.map(|n| n as usize);
    let count = fitting(&speech, &prompt, wanted)?;
    let read = || ProvingKey::read(&prove::key_path(o.key.as_deref(), &o.model)?, &model);
    // what could fail afterwards fails before long work
    let open = || {
        let proof = o.output.as_ref().map(|output| -> Result<_> {
            files::check_output(output)?;
            let mut key = read()?;
            prove::fit(&mut key, &model, o.max_memory, screen)?;
            // a large key makes room for the text, and is opened again
            Ok((output, if key.is_large() { None } else { Some(key) }))
        });
        proof.transpose()
    };
    let (proof, read_key) = timed(open);
    let proof = proof?;

    let bar = screen.progress.phase(&format!("generating {}", show::plural(count, "token")), None);
    let plan = prove::prepare(&model)?;
    let (said, generate) = timed(|| generate(&model, &plan, &prompt, wanted, &|_| Ok(())));
    bar.finish_and_clear();
    let Said { ids, generated, runs } = said?;
    let text = Text { prompt, generated };
    let spelled = vocabulary.as_ref().map(|v| [&text.prompt, &text.generated].map(|ids| v.decode(ids)));
    screen.line(format!(
        "generated {} of {} in {} ({}): {}",
        show::plural(count, "token"),
        m.name,
        show::seconds(generate.wall_s),
        show::plural(runs, "run"),
        text.generated.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")
    ));
    if let Some([prompt, more]) = &spelled {
        screen.line(format!("  {prompt:?} goes on with {more:?}"));
    }
    let claim = Claim { prompt: text.prompt.len() as u64, generated: count as u64 };
    let made = match proof {
        None => None,
        Some((output, key)) => {
            let (key, read_again) = timed(|| -> Result<_> {
                if let Some(key) = key {
                    return Ok(key);
                }
                let mut key = read()?;
                key.fit(&model, o.max_memory.map(|most| most.0))?;
                Ok(key)
            });
            let key = key?;
            let batch = Batch { inputs: vec![ids], used: 1, salts: vec![] };
            let Proven { made, .. } =
                prove::make(&model, &key, (plan, batch), (output, Some(claim), o.check), screen)?;
            screen.line(made.line("the text", &m.name, measure::whole()));
            let before = [("reading", read_model + read_key + read_again), ("generating", generate)];
            screen.line(format!("  {}", made.parts(&before)));
            Some(made)
        }
    };
    screen.json(&Report { model: &m.name, text: &text, spelled, runs, generate, proof: made });
    Ok(())
}

/// What a model says after a prompt: so many tokens, or as many as it has room for. `watch` is told of every run; its error ends the work.
///
/// # Errors
/// Where the model is none of tokens, the prompt or the tokens do not fit it, or it looks ahead.
pub fn generate(
    model: &Model,
    plan: &Prepared,
    prompt: &[i64],
    tokens: Option<usize>,
    watch: Watch,
) -> Result<Said> {
    let speech = speech(model)?;
    let count = fitting(&speech, prompt, tokens)?;
    if let Some(said) = grow(plan, &speech, prompt, count, watch)? {
        return Ok(said);
    }
    let mut run = |ids: &[i64]| {
        watch("run")?;
        let publics = plan.outputs(vec![ids.to_vec()]);
        let publics = publics.map_err(|e| Failure::new(format!("the model cannot be run: {e}")))?;
        Ok(publics.tensors.last().cloned().unwrap_or_default())
    };
    say(&mut run, &speech, prompt, count)
}

/// How a model reads and says tokens.
fn speech(model: &Model) -> Result<Speech> {
    Speech::of(&model.metadata).ok_or_else(|| {
        let ports = |ports: &[crate::model::Port]| {
            ports.iter().map(|p| format!("{} {:?}", p.name, p.shape)).collect::<Vec<_>>().join(", ")
        };
        let m = &model.metadata;
        Failure::new(format!("{} is no model of tokens", m.name))
            .expected(
                "one input, ids of tokens, and one output, the tokens that come next, for one text a proof",
            )
            .found(format!("inputs {}; outputs {}", ports(&m.inputs), ports(&m.outputs)))
            .help("compile a language model with: tessera compile MODEL.onnx --tokens")
    })
}

/// How many tokens are to be said, where the model can read and say that many.
fn fitting(speech: &Speech, prompt: &[i64], wanted: Option<usize>) -> Result<usize> {
    let Speech { positions, first, last_id } = *speech;
    if let Some((at, id)) = prompt.iter().enumerate().find(|(_, id)| !(0..=last_id).contains(*id)) {
        return Err(Failure::new(format!("token {at} of the prompt is none of the model's"))
            .expected(format!("ids of 0 to {last_id}"))
            .found(id.to_string()));
    }
    if !(first + 1..=positions).contains(&prompt.len()) {
        return Err(Failure::new("the prompt is too short or too long")
            .expected(format!("{} to {positions} tokens, as the model was compiled", first + 1))
            .found(show::plural(prompt.len(), "token"))
            .help("export the model for texts of another length; --shortest-prompt of compile says from where on it says tokens"));
    }
    let most = positions + 1 - prompt.len();
    match wanted {
        Some(n) if !(1..=most).contains(&n) => {
            Err(Failure::new(format!("{n} tokens after this prompt do not fit into the model"))
                .expected(format!("1 to {most} tokens: the model reads {positions}"))
                .found(n.to_string()))
        }
        wanted => Ok(wanted.unwrap_or(most)),
    }
}

/// What was said.
pub struct Said {
    /// The whole input.
    pub ids: Vec<i64>,
    /// The tokens after the prompt.
    pub generated: Vec<i64>,
    /// Runs of the model, of a part or the whole.
    pub runs: usize,
}

/// What is said token by token; none where the plan cannot be run in parts.
fn grow(
    plan: &Prepared,
    speech: &Speech,
    prompt: &[i64],
    count: usize,
    watch: Watch,
) -> Result<Option<Said>> {
    let Speech { positions, first, .. } = *speech;
    let n = prompt.len();
    let Some(mut growth) = plan.growth() else { return Ok(None) };
    let mut generated: Vec<i64> = vec![];
    let mut ids = prompt.to_vec();
    for said in 0..count {
        watch("run")?;
        let at = if said == 0 { 0 } else { n + said - 1 };
        if growth.give(0, at, &ids[at..]).is_err() {
            return Ok(None);
        }
        let known = growth.known(growth.publics() - 1).get(n - 1 - first + said).copied().flatten();
        let token = known.ok_or_else(looks_ahead)?;
        generated.push(token);
        ids.push(token);
    }
    ids.resize(positions, 0);
    Ok(Some(Said { ids, generated, runs: count }))
}

fn looks_ahead() -> Failure {
    Failure::new(
        "what the model says of a token depends on tokens after it, so there is no text that it says",
    )
    .expected("a causal model: attention to the tokens before alone")
}

/// Runs a model until it says what it read.
fn say(
    run: &mut impl FnMut(&[i64]) -> Result<Vec<i64>>,
    speech: &Speech,
    prompt: &[i64],
    count: usize,
) -> Result<Said> {
    let Speech { positions, first, .. } = *speech;
    let n = prompt.len();
    let mut ids = prompt.to_vec();
    ids.resize(positions, 0);
    for runs in 1..=count + 1 {
        let next = run(&ids)?;
        let generated = next
            .get(n - 1 - first..n - 1 - first + count)
            .ok_or_else(|| Failure::new("the model says fewer tokens than its output has"))?;
        let read = count.min(positions - n);
        if ids[n..n + read] == generated[..read] {
            return Ok(Said { ids, generated: generated.to_vec(), runs });
        }
        ids[n..n + read].copy_from_slice(&generated[..read]);
    }
    Err(looks_ahead())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEECH: Speech = Speech { positions: 6, first: 1, last_id: 9 };

    /// Says the sum of all tokens so far, modulo 10, after every position from 1 on.
    fn causal(ids: &[i64]) -> Result<Vec<i64>> {
        Ok((1..ids.len()).map(|i| ids[..=i].iter().sum::<i64>() % 10).collect())
    }

    #[test]
    fn what_is_said_is_what_one_run_after_another_says() {
        let said = say(&mut causal, &SPEECH, &[3, 4], 5).unwrap();
        assert_eq!((&said.generated[..], &said.ids[..]), (&[7, 4, 8, 6, 2][..], &[3, 4, 7, 4, 8, 6][..]));
        assert!(said.runs <= 6);
        // what nobody asked for stays open
        let said = say(&mut causal, &SPEECH, &[3, 4], 1).unwrap();
        assert_eq!((said.generated, said.ids, said.runs), (vec![7], vec![3, 4, 7, 0, 0, 0], 2));
        // after the last position nothing is read
        let said = say(&mut causal, &SPEECH, &[3, 4, 7, 4, 8, 6], 1).unwrap();
        assert_eq!((said.generated, said.runs), (vec![2], 1));
    }

    #[test]
    fn a_model_that_looks_ahead_says_nothing() {
        let mut ahead = |ids: &[i64]| Ok(vec![i64::from(ids[3] == 0), 1 - ids[2], ids[2], 0, 0]);
        let failure = say(&mut ahead, &SPEECH, &[1, 1], 3).err().unwrap().to_string();
        assert!(failure.contains("depends on tokens after it"), "{failure}");
    }

    #[test]
    fn prompts_have_tokens_of_the_model_and_room_behind_them() {
        assert_eq!(fitting(&SPEECH, &[1, 2], None).unwrap(), 5);
        assert_eq!(fitting(&SPEECH, &[1, 2, 3, 4, 5, 9], Some(1)).unwrap(), 1);
        let refused = [
            fitting(&SPEECH, &[1, 10], None),
            fitting(&SPEECH, &[1, -1], None),
            fitting(&SPEECH, &[1], None),
            fitting(&SPEECH, &[], None),
            fitting(&SPEECH, &[0; 7], None),
            fitting(&SPEECH, &[1, 2], Some(6)),
        ];
        insta::assert_snapshot!(refused.map(|r| r.unwrap_err().to_string()).join("\n\n"));
    }
}
