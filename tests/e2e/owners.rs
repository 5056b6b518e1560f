//! Weights that are their owner's, from the model file to a stranger who checks a proof; and keys for more bits.
use crate::errors::conversation;
use crate::support::{calibration, compiled, images, models, npy, ok, tessera_in};
use std::path::Path;
use std::sync::Arc;
use tessera::model::Model;
use tessera_api::{Expr, FixedColumn, Seq, Values};

/// Compiles the digits network and puts one of its images beside it.
fn compile(d: &Path, output: &str, more: &[&str]) {
    let model = models().join("digits_mlp.onnx");
    let (data, scale) = calibration("digits_mlp");
    let (model, data) = (model.to_string_lossy(), data.to_string_lossy());
    let args = ["compile", &*model, "--calibration", &*data, "--scale", scale, "-o", output];
    ok(d, &[&args[..], more].concat());
    let (all, n) = images("digits_mlp");
    npy(d, "x.npy", &[1, 64], all[..n].to_vec());
}

/// A text of the command with its digests left out: they change with whatever changes a byte of a Program.
fn without_digests(text: &str) -> String {
    let is_digest =
        |word: &&str| [16, 64].contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_digest).collect();
    // what one begins with may be another
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.into_iter().fold(text.to_owned(), |text, digest| text.replace(digest, "DIGEST"))
}

#[test]
fn committed_weights_are_proven_with_and_never_given_away() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    compile(d, "mine.tess", &["--weights", "committed"]);
    ok(d, &["setup", "mine.tess"]);
    let prove = ok(d, &["prove", "mine.tess", "--input", "x.npy", "-o", "mine.proof"]);
    let verify = ok(d, &["verify", "mine.proof", "--key", "mine.vk", "--input", "x.npy"]);
    assert_eq!((&verify["verified"], &verify["outputs"]), (&true.into(), &prove["outputs"]));
    assert!(verify["weights"].is_string(), "{verify}");
    // what a stranger gets: the architecture, the key, the proof
    ok(d, &["publish", "mine.tess", "-o", "public.tess"]);
    let audit = ok(d, &["audit", "public.tess", "--key", "mine.vk"]);
    assert_eq!((&audit["weights"], &audit["weights_compared"]), (&verify["weights"], &false.into()));
    assert_eq!(ok(d, &["audit", "mine.tess", "--key", "mine.vk"])["weights_compared"], true);
    let public = std::fs::read(d.join("public.tess")).expect("the architecture");
    let mine = std::fs::read(d.join("mine.tess")).expect("the model");
    assert!(public.len() < mine.len() / 4, "{} of {} bytes are public", public.len(), mine.len());
    // a file that only looks like the model, with its plan and without its weights, vouches for none
    let mut hollow = Model::from_bytes(&mine).expect("the model");
    hollow.program = Arc::new(hollow.program.architecture());
    std::fs::write(d.join("hollow.tess"), hollow.to_bytes()).expect("a file");
    assert_eq!(ok(d, &["audit", "hollow.tess", "--key", "mine.vk"])["weights_compared"], false);
    // and the public model's key is another one, of another Program
    compile(d, "open.tess", &[]);
    ok(d, &["setup", "open.tess"]);
    let open = ok(d, &["audit", "open.tess", "--key", "open.vk"]);
    assert!(open["weights"].is_null());
    let cases: [&[&str]; 6] = [
        &["audit", "open.tess", "--key", "mine.vk"],
        &["verify", "mine.proof", "--key", "open.vk"],
        &["publish", "open.tess", "-o", "never.tess"],
        &["setup", "public.tess"],
        &["prove", "public.tess", "--key", "mine.pk", "--input", "x.npy", "-o", "never.proof"],
        &["run", "public.tess", "--input", "x.npy"],
    ];
    let texts: Vec<String> = cases.iter().map(|args| conversation(d, &[], args)).collect();
    insta::assert_snapshot!(without_digests(&texts.join("\n\n")));
}

/// A key that hides weights makes as many proofs as it says, and no more; killed or at once, every proof has its turn.
#[test]
fn a_key_that_hides_weights_counts_its_proofs() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    compile(d, "mine.tess", &["--weights", "committed", "--zero-knowledge", "--uses", "2"]);
    let uses = ok(d, &["setup", "mine.tess"])["uses"].as_u64().expect("a number of proofs");
    assert!((2..1000).contains(&uses), "{uses}");
    ok(d, &["publish", "mine.tess", "-o", "public.tess"]);
    for model in ["public.tess", "mine.tess"] {
        assert_eq!(ok(d, &["audit", model, "--key", "mine.vk"])["weights_compared"], false);
    }
    let prove: &[&str] = &["prove", "mine.tess", "--input", "x.npy", "-o", "mine.proof"];
    let proof = ok(d, prove);
    let verify = ok(d, &["verify", "mine.proof", "--key", "mine.vk"]);
    assert_eq!((&verify["verified"], &verify["outputs"]), (&true.into(), &proof["outputs"]));
    assert!(verify["hiding"].as_f64().is_some_and(|bits| bits > 100.0), "{verify}");
    let count = |d: &Path| tessera::uses::read(&d.join("mine.uses")).expect("a count");
    assert_eq!(count(d), (1, uses));
    // a prover that is killed has had its turn
    let mut killed = std::process::Command::new(crate::support::BINARY);
    let mut killed = killed.args(prove).current_dir(d).spawn().expect("the command starts");
    while count(d).0 < 2 {
        assert!(killed.try_wait().expect("a process").is_none(), "it ended without a turn");
        std::thread::yield_now();
    }
    killed.kill().and_then(|()| killed.wait()).expect("a process that was killed");
    assert_eq!(count(d), (2, uses));
    // the last turn, for which two come
    let text = std::fs::read_to_string(d.join("mine.uses")).expect("the count");
    std::fs::write(d.join("mine.uses"), text.replace("\"used\":2", &format!("\"used\":{}", uses - 1)))
        .expect("a file");
    let two = ["a.proof", "b.proof"].map(|out| {
        let args = ["prove", "mine.tess", "--input", "x.npy", "-o", out];
        let mut command = std::process::Command::new(crate::support::BINARY);
        command.args(args).current_dir(d).spawn().expect("the command starts")
    });
    let codes = two.map(|mut p| p.wait().expect("a process").code());
    assert!(codes == [Some(0), Some(2)] || codes == [Some(2), Some(0)], "{codes:?}");
    // and what a user is told
    let mut texts = vec![conversation(d, &[], prove)];
    std::fs::remove_file(d.join("mine.uses")).expect("the count");
    texts.push(conversation(d, &[], prove));
    texts.push(conversation(d, &[], &["compile", "none.onnx", "--uses", "3", "--zero-knowledge"]));
    texts.push(conversation(d, &[], &["setup", "mine.tess", "--compact"]));
    insta::assert_snapshot!(without_digests(&texts.join("\n\n")).replace(&uses.to_string(), "N"));
}

/// Further keys of the same weights, each with its own turns, are known by the first key and certificates of them.
#[test]
fn further_keys_are_certified() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    compile(d, "mine.tess", &["--weights", "committed", "--zero-knowledge", "--uses", "4"]);
    ok(d, &["setup", "mine.tess"]);
    let status = |key: &str| ok(d, &["model", "status", "mine.tess", "--key", key]);
    let before = status("mine.pk");
    let (turns, of) =
        (before["certificate"].as_u64().expect("turns"), before["of"].as_u64().expect("proofs"));
    assert_eq!((&before["used"], turns), (&0.into(), 1));
    let next =
        |key: &str, output: &str| ok(d, &["model", "next-epoch", "mine.tess", "--key", key, "-o", output]);
    let one = next("mine.pk", "one.pk");
    next("one.pk", "two.pk");
    for (key, used) in [("mine.pk", 1), ("one.pk", 2), ("two.pk", 1)] {
        let left = status(key);
        assert_eq!(
            (&left["used"], &left["of"], &left["left"]),
            (&used.into(), &of.into(), &(of - used).into())
        );
    }
    assert_eq!(status("one.pk")["key"], one["key"]);
    for key in ["one", "two"] {
        let (pk, proof) = (format!("{key}.pk"), format!("{key}.proof"));
        ok(d, &["prove", "mine.tess", "--key", &pk, "--input", "x.npy", "-o", &proof]);
    }
    let said = ok(d, &["verify", "one.proof", "--key", "mine.vk", "--certificate", "one.cert"]);
    assert_eq!((&said["key"], &said["certified"]), (&one["key"], &serde_json::json!([before["key"], 1])));
    let digest = before["key"].as_str().expect("a digest");
    let both = ["--certificate", "one.cert", "--certificate", "two.cert"];
    let twice = [&["verify", "two.proof", "--key", "mine.vk", "--key-digest", digest], &both[..]].concat();
    let said = ok(d, &twice);
    assert_eq!((&said["verified"], &said["certified"][1]), (&true.into(), &2.into()));
    // one of three proofs has to be false
    let bits = |v: &serde_json::Value| v["security"]["security_bits"].as_f64().expect("bits");
    assert!((98.0..99.0).contains(&bits(&said)), "{said}");

    // other weights of the same architecture: keys of them are certified by none of these
    let other = std::fs::read(models().join("digits_mlp.onnx")).expect("the network");
    std::fs::write(d.join("other.onnx"), other).expect("a file");
    compile(
        d,
        "other.tess",
        &["--weights", "committed", "--zero-knowledge", "--uses", "4", "--calibration-samples", "5"],
    );
    ok(d, &["setup", "other.tess"]);
    next("two.pk", "three.pk");
    let all = ["--certificate", "one.cert", "--certificate", "two.cert", "--certificate", "three.cert"];
    let cases: Vec<Vec<&str>> = vec![
        vec!["verify", "one.proof", "--key", "mine.vk"],
        vec!["verify", "two.proof", "--key", "mine.vk", "--certificate", "two.cert"],
        vec!["verify", "two.proof", "--key", "mine.vk", "--certificate", "one.cert"],
        vec!["verify", "one.proof", "--key", "other.vk", "--certificate", "one.cert"],
        [&["verify", "two.proof", "--key", "mine.vk"], &all[..]].concat(),
        vec!["verify", "two.proof", "--key", "mine.vk", "--certificate", "one.proof"],
        vec!["model", "next-epoch", "mine.tess", "-o", "one.pk"],
        vec!["model", "next-epoch", "mine.tess", "--key", "other.pk", "-o", "never.pk"],
    ];
    let mut texts: Vec<String> = cases.iter().map(|args| conversation(d, &[], args)).collect();
    // a key that has one turn left, and one that has none
    let count = std::fs::read_to_string(d.join("mine.uses")).expect("the count");
    std::fs::write(d.join("mine.uses"), count.replace("\"used\":1", &format!("\"used\":{of}")))
        .expect("a file");
    texts.push(conversation(d, &[], &["model", "next-epoch", "mine.tess", "-o", "never.pk"]));
    compile(d, "open.tess", &[]);
    ok(d, &["setup", "open.tess"]);
    texts.push(conversation(d, &[], &["model", "status", "open.tess"]));
    texts.push(conversation(d, &[], &["model", "next-epoch", "open.tess", "-o", "never.pk"]));
    assert!(!d.join("never.pk").exists() && !d.join("never.cert").exists());
    insta::assert_snapshot!(
        without_digests(&texts.join("\n\n")).replace(&format!("the {of} proofs"), "the N proofs")
    );
}

/// A review's attack: biases of one entry of the batch differ from those of the other, in a model file that is edited by hand. Biases stand in
/// the owner's list, once each, so there is nothing left to edit: a column of them is refused where it is called the owner's, and is another
/// architecture where it is not.
#[test]
fn a_batch_has_one_list_of_biases() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    compile(d, "mine.tess", &["--weights", "committed", "--batch", "2"]);
    ok(d, &["publish", "mine.tess", "-o", "public.tess"]);
    let (all, n) = images("digits_mlp");
    npy(d, "twice.npy", &[2, 64], all[..n].repeat(2));
    ok(d, &["setup", "mine.tess"]);
    ok(d, &["audit", "public.tess", "--key", "mine.vk"]);
    let proof = ok(d, &["prove", "mine.tess", "--input", "twice.npy", "-o", "mine.proof"]);
    ok(d, &["verify", "mine.proof", "--key", "mine.vk", "--input", "twice.npy"]);
    let rows = proof["outputs"][0]["integers"].as_array().expect("integers of the output");
    assert!(rows.len() == 2 && rows[0] == rows[1], "{proof}");
    let mine = std::fs::read(d.join("mine.tess")).expect("the model");
    let mut texts = vec![];
    for owned in [true, false] {
        let mut model = Model::from_bytes(&mine).expect("the model");
        let program = Arc::make_mut(&mut model.program);
        let table =
            program.tables.iter_mut().find(|t| t.name == "elementwise1").expect("rows of the last layer");
        // one more in the first class of the second entry
        let mut column = vec![0; table.rows as usize];
        column[table.rows as usize / 2] = 1 << 16;
        let values = Values::Seq(Seq::compress(1, &column));
        table.fixed.push(FixedColumn { name: "bias".into(), values, padding: 0 });
        table.committed = owned;
        let lanes = program
            .folds
            .iter_mut()
            .filter(|f| f.name == "elementwise1 accumulators")
            .flat_map(|f| &mut f.lanes);
        for lane in lanes {
            lane.expr = std::mem::take(&mut lane.expr).plus(&Expr::fixed(0).scale(-1));
        }
        std::fs::write(d.join("edited.tess"), model.to_bytes()).expect("a file");
        texts.push(conversation(d, &[], &["setup", "edited.tess"]));
        texts.push(conversation(d, &[], &["audit", "public.tess", "--key", "edited.vk"]));
    }
    insta::assert_snapshot!(without_digests(&texts.join("\n\n")));
}

#[test]
fn more_bits_than_degree_two_gives_are_proven_in_degree_three() {
    let dir = tempfile::tempdir().expect("a directory");
    let d = dir.path();
    std::fs::copy(compiled("fmnist_lenet", 1).file("tess"), d.join("m.tess")).expect("a copy");
    let (all, n) = images("fmnist_lenet");
    npy(d, "x.npy", &[1, 1, 28, 28], all[..n].to_vec());
    for (bits, degree) in [("100", 2), ("128", 3)] {
        let setup = ok(d, &["setup", "m.tess", "--security", bits]);
        assert_eq!(setup["security"]["degree"], degree, "{setup}");
        assert!(setup["security"]["bits"].as_f64() >= bits.parse().ok(), "{setup}");
        ok(d, &["audit", "m.tess", "--key", "m.vk"]);
        ok(d, &["prove", "m.tess", "--input", "x.npy", "-o", &format!("{bits}.proof")]);
        ok(d, &["verify", &format!("{bits}.proof"), "--key", "m.vk"]);
    }
    // keys of the two are not each other's
    let old = tessera_in(d, &["verify", "100.proof", "--key", "m.vk"]);
    assert_eq!(old.code, Some(1), "{}", old.err);
}
