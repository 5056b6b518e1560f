//! `tessera demo`: one image of clothing, from the ONNX file to "verified", told as it happens.
//!
//! Invariant: nothing is staged: the demo calls what `compile`, `setup`, `prove` and `verify` call, writes the same
//! files, and reads them back before it verifies.
use super::{compile, prove, verify};
use crate::cli::{Demo, Weights};
use crate::failure::{Failure, Result};
use crate::fixtures::{CLOTHES, Fixture};
use crate::measure::{Stopwatch, Time, timed};
use crate::model::Model;
use crate::pipeline::Quantizing;
use crate::prover::{self, ProofFile, ProvingKey};
use crate::screen::Screen;
use crate::show::{self, image};
use crate::{files, infer};
use serde::Serialize;
use std::path::Path;
use tessera_api::{Goal, Regime, Security, Verified};

#[derive(Serialize)]
struct Report {
    verified: bool,
    image: usize,
    labelled: String,
    class: String,
    probability: f64,
    cheat_rejected: bool,
    security: Verified,
    model_bytes: u64,
    proving_key_bytes: u64,
    verifying_key_bytes: u64,
    proof_bytes: u64,
    compile: Time,
    setup: Time,
    prove: Time,
    verify: Time,
    total: Time,
}

/// Runs the command.
pub fn run(o: &Demo, screen: &Screen) -> Result<()> {
    match &o.keep {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(|e| Failure::io("make the directory", dir, &e))?;
            demo(o, dir, screen)
        }
        None => {
            let dir = std::env::temp_dir().join(format!("tessera-demo-{}", std::process::id()));
            std::fs::create_dir_all(&dir).map_err(|e| Failure::io("make the directory", &dir, &e))?;
            let result = demo(o, &dir, screen);
            let _ = std::fs::remove_dir_all(&dir);
            result
        }
    }
}

fn demo(o: &Demo, dir: &Path, screen: &Screen) -> Result<()> {
    let watch = Stopwatch::start();
    let lenet = Fixture::find("fmnist_lenet").ok_or_else(|| Failure::new("this build carries no demo"))?;
    let (images, factor) = lenet.data()?;
    let style = screen.style;
    let step = |n: usize, text: &str, time: Option<f64>| {
        let time = time.map_or(String::new(), |t| style.dim(&show::seconds(t)));
        screen.line(format!("{} {text}  {time}", style.bold(&format!("{n}"))).trim_end());
    };
    let more = |text: &str| screen.line(if text.is_empty() { String::new() } else { format!("  {text}") });
    screen.line(style.bold("Tessera: a neural network names an image, and proves that it did"));
    more("");

    // compile
    let request = compile::Request {
        name: "fmnist_lenet".into(),
        onnx: &lenet.onnx(),
        file: None,
        data: std::slice::from_ref(&images),
        factor,
        placing: compile::Placing {
            batch: 1,
            weights: Weights::Public,
            zero_knowledge: false,
            visibility: Default::default(),
            uses: None,
            backend: tessera_backends::default(),
            forms: Default::default(),
            limits: Default::default(),
            prices: None,
        },
        quantizing: Quantizing::default(),
        samples: 256,
        labels: CLOTHES.iter().map(ToString::to_string).collect(),
        dump_ir: None,
        import: compile::Import::default(),
        watch: &|_| Ok(()),
    };
    let bar = screen.progress.phase("compiling", None);
    let (model, compile_time) = timed(|| compile::compile(&request));
    bar.finish_and_clear();
    let model = model?.model;
    let path = dir.join("fmnist_lenet.tess");
    files::write_container(&path, &model.container())?;
    let model_bytes = files::read(&path)?.len() as u64;
    step(1, "compile", Some(compile_time.wall_s));
    more(&format!(
        "a LeNet of {} parameters: ONNX, float tensors, 8-bit integers, relations, tables ({})",
        show::count(model.metadata.parameters),
        show::bytes(model_bytes)
    ));

    // setup
    let bar = screen.progress.phase("making the keys", None);
    let security = Security { bits: 100, regime: Regime::Proven, goal: Goal::Time };
    let (keys, setup_time) = timed(|| prover::keys(&model, security, false));
    bar.finish_and_clear();
    let keys = keys?;
    let (pk, vk) = (files::beside(&path, "pk"), files::beside(&path, "vk"));
    let proving_bytes = files::write_container(&pk, &keys.proving)?;
    let verifying_bytes = files::write_container(&vk, &keys.verifying)?;
    step(2, "setup", Some(setup_time.wall_s));
    more(&format!(
        "a proving key ({}), and a verifying key ({}) that commits to the weights",
        show::bytes(proving_bytes),
        show::bytes(verifying_bytes)
    ));

    // the image
    let inputs = infer::bind(&model.metadata, &images, None, Some(o.index))?;
    let pixels = inputs.one(0, 0);
    let labelled = label(&lenet, o.index)?;
    step(3, &format!("image {} of the Fashion-MNIST test set, labelled {labelled:?}", o.index), None);
    more("");
    image::render(pixels, 28, style).iter().for_each(|l| more(l));
    more("");

    // prove
    let bar = screen.progress.phase("proving", None);
    let (proved, prove_time) = timed(|| -> Result<Vec<u8>> {
        let model = Model::read(&path)?;
        let key = ProvingKey::read(&pk, &model)?;
        let batch = infer::batches(&model.metadata, &inputs).remove(0);
        let used = batch.used;
        let (trace, _) = prove::fill(&prove::prepare(&model)?, batch)?;
        Ok(key.prove(trace, used)?.0.to_bytes(&key.verifying()))
    });
    bar.finish_and_clear();
    let proof_path = dir.join("image.proof");
    let bytes = proved?;
    files::write(&proof_path, &bytes)?;
    step(4, "prove", Some(prove_time.wall_s));
    more(&format!(
        "the quantized network runs on the image, and every step of that run is proven ({})",
        show::bytes(bytes.len() as u64)
    ));
    more("");

    // verify
    let (said, verify_time) = verify::check(&proof_path, &vk)?;
    let verified = said.security;
    let said = said.statement;
    let scores = said.outputs.first().and_then(|o| o.values.first()).cloned().unwrap_or_default();
    let p = show::probabilities(&scores);
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    for i in order.iter().take(4) {
        let name = CLOTHES.get(*i).copied().unwrap_or_default();
        more(&format!("{name:<15} {:>5.1} %  {}", p[*i] * 100.0, style.bar(p[*i], 32)));
    }
    more("");
    step(5, "verify", Some(verify_time.wall_s));
    let class = said.classes.first().cloned();
    let class = class.ok_or_else(|| Failure::new("the demo's network has no classes"))?;
    let name = class.label.clone().unwrap_or_else(|| class.index.to_string());
    more(&format!("{}: {name}", style.good("verified")));
    more("");

    // cheat
    let cheat = cheat(&proof_path, &vk)?;
    let rejected = cheat.is_some();
    step(6, "cheat", None);
    more("the same proof, claiming a higher score for another class:");
    match cheat {
        Some(f) => more(&format!("{}: {}", style.bad("rejected"), reason(&f))),
        None => more(&style.bad("accepted: this must not happen; please report it")),
    }
    more("");

    let total = watch.read();
    screen.line(style.bold("What was proven"));
    more(
        "The network whose weights the verifying key commits to, quantized to 8-bit integers, gives exactly",
    );
    more(
        "these ten scores for exactly this image. Whoever checks needs the proof and the key, not the network.",
    );
    more(&format!(
        "Security: {:.0} bits in the {} regime, limited by {}; BLAKE3 is assumed",
        verified.security_bits.floor(),
        verified.regime,
        verified.limited_by
    ));
    more("to behave like a random function.");
    more(
        "Not proven: that the network is right, or that integers and floats agree (tessera eval measures that).",
    );
    more("Not hidden: the image and the scores are part of the proof.");
    more("");
    more(&style.dim(&format!(
        "{} in all, {} of it proving; with --keep DIR the files stay",
        show::seconds(total.wall_s),
        show::seconds(prove_time.wall_s)
    )));
    screen.json(&Report {
        verified: true,
        image: o.index,
        labelled,
        class: name,
        probability: class.probability,
        cheat_rejected: rejected,
        security: verified,
        model_bytes,
        proving_key_bytes: proving_bytes,
        verifying_key_bytes: verifying_bytes,
        proof_bytes: bytes.len() as u64,
        compile: compile_time,
        setup: setup_time,
        prove: prove_time,
        verify: verify_time,
        total,
    });
    if rejected { Ok(()) } else { Err(Failure::new("a false proof was accepted")) }
}

/// Why a proof was rejected, without the sentence that every rejection begins with.
fn reason(f: &Failure) -> &str {
    let message = &f.problems[0].message;
    message.strip_prefix("the proof does not hold: ").unwrap_or(message)
}

/// What the data set says the image is.
fn label(lenet: &Fixture, index: usize) -> Result<String> {
    let file = lenet.labelled()?;
    let labels = file.take("labels")?;
    let class = match &labels.numbers {
        crate::data::Numbers::I64(v, _) => v.get(index).and_then(|c| usize::try_from(*c).ok()),
        _ => None,
    };
    Ok(class.and_then(|c| CLOTHES.get(c)).map_or("nothing", |s| s).to_string())
}

/// Claims another class: swaps the best and the worst score in the proof's statement. `None` if that is accepted.
fn cheat(proof: &Path, vk: &Path) -> Result<Option<Failure>> {
    let key = prover::verifying_key(vk)?;
    let mut proof = ProofFile::from_bytes(&files::read(proof)?, &key)?;
    let scores = proof.publics.tensors.last_mut().ok_or_else(|| Failure::new("the proof has no outputs"))?;
    let extreme = |better: fn(&i64, &i64) -> bool, v: &[i64]| {
        (1..v.len()).fold(0, |b, i| if better(&v[i], &v[b]) { i } else { b })
    };
    let (best, worst) = (extreme(|a, b| a > b, scores), extreme(|a, b| a < b, scores));
    scores.swap(best, worst);
    Ok(key.verify(&proof).err().map(Failure::from))
}
