//! What a script may rely on: exit codes of a machine that fails, files that are never destroyed, keys that say what they are,
//! inputs that end.
use crate::support::*;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tessera::commands::prove::verifies;
use tessera::model::{Metadata, Model};
use tessera::prover::ProvingKey;
use tessera_api::{Container, FileKind, Section};

/// A folder with the digits model, its keys, an input and a proof.
struct Room {
    dir: tempfile::TempDir,
}

impl Room {
    fn new() -> Room {
        let room = Room { dir: tempfile::tempdir().expect("a directory") };
        let m = compiled("digits_mlp", 1);
        for extension in ["tess", "pk", "vk"] {
            std::fs::copy(m.file(extension), room.at(&format!("m.{extension}"))).expect("a copy");
        }
        let (all, n) = images("digits_mlp");
        npy(room.path(), "x.npy", &[1, 64], all[..n].to_vec());
        ok(room.path(), &["prove", "m.tess", "--input", "x.npy", "-o", "m.proof"]);
        room
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Exit code and stderr.
    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let ran = tessera_in(self.path(), args);
        (ran.code, ran.err)
    }

    /// The same through a shell, which sets limits or redirects.
    fn shell(&self, line: &str) -> (Option<i32>, String) {
        let out = Command::new("bash")
            .args(["-c", &line.replace("tessera", BINARY)])
            .current_dir(self.path())
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("a shell");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    }

    fn container(&self, name: &str, kind: FileKind) -> Container {
        Container::from_bytes(&std::fs::read(self.at(name)).expect("a file"), kind).expect("a container")
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at(name)).expect("a file")
    }
}

#[test]
fn a_machine_without_memory_or_threads_never_calls_a_proof_false() {
    let room = Room::new();
    let mut seen = std::collections::BTreeMap::<Option<i32>, usize>::new();
    for mib in (64..4096).step_by(48) {
        let line = format!("ulimit -v {}; exec tessera verify m.proof --key m.vk", mib * 1024);
        let (code, err) = room.shell(&line);
        // with the least of it, the loader ends the process before the first line of ours
        let loaded = seen.contains_key(&Some(3));
        let unloaded = matches!(code, None | Some(127)) && !loaded;
        assert!(matches!(code, Some(0 | 3)) || unloaded, "{mib} MiB: {code:?} {err}");
        *seen.entry(code).or_default() += 1;
        if code == Some(0) {
            break;
        }
    }
    assert!(seen.contains_key(&Some(0)) && seen.len() > 1, "{seen:?}");
    // room for the program, and not for the stack of one thread more
    let (code, err) = room.shell(
        "ulimit -v 1048576; RUST_MIN_STACK=2147483648 RAYON_NUM_THREADS=4 exec tessera verify m.proof --key m.vk",
    );
    assert!(code == Some(3) && err.contains("cannot be started"), "{code:?} {err}");
    for (threads, code) in [("1", 0), ("0", 0), ("100000", 2), ("many", 2), ("-1", 2)] {
        let line = format!("RAYON_NUM_THREADS={threads} exec tessera verify m.proof --key m.vk");
        let (found, err) = room.shell(&line);
        assert_eq!(found, Some(code), "{threads}: {err}");
    }
    // an older name of the same, which is asked where nothing else says how many
    for more in ["", "RAYON_NUM_THREADS=0 "] {
        let line = format!(
            "ulimit -v 16777216; {more}RAYON_RS_NUM_CPUS=100000 exec tessera verify m.proof --key m.vk"
        );
        let (found, err) = room.shell(&line);
        assert_eq!(found, Some(0), "{line}: {err}");
    }
}

#[test]
fn what_cannot_be_said_on_stdout_is_an_error() {
    let room = Room::new();
    for command in [
        "tessera verify m.proof --key m.vk",
        "tessera --json verify m.proof --key m.vk",
        "tessera inspect m.vk",
        "tessera completions bash",
        "tessera --help",
    ] {
        let (code, err) = room.shell(&format!("{command} > /dev/full"));
        assert!(
            code == Some(3) && err.contains("could not be written to stdout"),
            "{command}: {code:?} {err}"
        );
    }
    // a reader that has seen enough is no error
    assert_eq!(room.shell("set -o pipefail; tessera inspect m.tess | true").0, Some(0));
}

#[test]
fn outputs_never_take_the_place_of_inputs_devices_pipes_or_links() {
    let room = Room::new();
    std::fs::hard_link(room.at("m.tess"), room.at("hard.tess")).expect("a link");
    symlink("elsewhere.proof", room.at("link.proof")).expect("a link");
    std::fs::create_dir(room.at("sub")).expect("a folder");
    assert_eq!(room.shell("mkfifo pipe.proof").0, Some(0));
    let before: Vec<Vec<u8>> = ["m.tess", "m.pk", "x.npy"].map(|f| room.bytes(f)).into();
    for output in [
        "/dev/null",
        "link.proof",
        "pipe.proof",
        "sub",
        "m.tess",
        "hard.tess",
        "./sub/../m.tess",
        "m.pk",
        "x.npy",
    ] {
        let (code, err) = room.run(&["prove", "m.tess", "--input", "x.npy", "-o", output]);
        assert!(code == Some(2) && err.contains("cannot write"), "{output}: {code:?} {err}");
    }
    let null = std::fs::metadata("/dev/null").expect("it is there").file_type();
    assert!(null.is_char_device() && !room.at("elsewhere.proof").exists());
    // a model, its data, its class names and its weights in another file
    let model = models().join("digits_mlp.onnx");
    let (data, scale) = calibration("digits_mlp");
    std::fs::copy(model, room.at("s.onnx")).expect("a copy");
    std::fs::copy(data, room.at("s.npz")).expect("a copy");
    std::fs::write(room.at("labels.txt"), "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n").expect("a file");
    for output in ["s.onnx", "s.npz", "labels.txt"] {
        let kept = room.bytes(output);
        let args =
            ["compile", "s.onnx", "--calibration", "s.npz", "--scale", scale, "--labels", "labels.txt"];
        let (code, err) = room.run(&[&args[..], &["-o", output]].concat());
        assert!(code == Some(2) && err.contains("this command reads it"), "{output}: {code:?} {err}");
        assert_eq!(room.bytes(output), kept);
    }
    assert_eq!(["m.tess", "m.pk", "x.npy"].map(|f| room.bytes(f)).to_vec(), before);
    let left = std::fs::read_dir(room.path()).expect("the folder").flatten();
    let parts: Vec<_> =
        left.map(|e| e.file_name()).filter(|n| n.to_string_lossy().ends_with(".part")).collect();
    assert!(parts.is_empty(), "{parts:?}");
}

#[test]
fn the_digest_of_a_key_covers_the_names_it_shows() {
    let room = Room::new();
    let honest = ok(room.path(), &["verify", "m.proof", "--key", "m.vk"]);
    let digest = honest["key"].as_str().expect("a digest").to_owned();
    assert_eq!(digest.len(), 64);
    for (pinned, code) in
        [(&digest[..], 0), (&digest.replace(&digest[..1], "x"), 2), (&"0".repeat(64), 2), (&digest[..16], 2)]
    {
        let (found, err) = room.run(&["verify", "m.proof", "--key", "m.vk", "--key-digest", pinned]);
        assert_eq!(found, Some(code), "{pinned}: {err}");
    }
    let changes: [(&str, fn(&mut Metadata)); 5] = [
        ("labels", |m| m.labels = (0..10).rev().map(|i| i.to_string()).collect()),
        ("scale", |m| m.outputs[0].scale *= 8.0),
        ("name", |m| m.name = "another".into()),
        ("factor", |m| m.inputs[0].factor = None),
        ("source", |m| m.source.0[0] ^= 1),
    ];
    for (what, change) in changes {
        let mut c = room.container("m.vk", FileKind::VerifyingKey);
        let mut m: Metadata = c.get("metadata").expect("metadata");
        change(&mut m);
        c.put("metadata", &m);
        std::fs::write(room.at("other.vk"), c.to_bytes()).expect("a file");
        let key = ok(room.path(), &["inspect", "other.vk"]);
        assert_ne!(key["digest"], digest.as_str(), "{what}");
        let (code, err) = room.run(&["verify", "m.proof", "--key", "other.vk"]);
        assert_eq!(code, Some(1), "{what}: {err}");
        let (code, err) = room.run(&["verify", "m.proof", "--key", "other.vk", "--key-digest", &digest]);
        assert_eq!(code, Some(2), "{what}: {err}");
    }
}

#[test]
fn names_cannot_write_on_a_terminal() {
    let room = Room::new();
    let mut c = room.container("m.vk", FileKind::VerifyingKey);
    let mut m: Metadata = c.get("metadata").expect("metadata");
    m.labels = (0..10).map(|i| format!("\x1b[2K\rverified as {i}\u{202e}")).collect();
    c.put("metadata", &m);
    std::fs::write(room.at("other.vk"), c.to_bytes()).expect("a file");
    let mut strange = Container::new(FileKind::Proof, Default::default());
    strange.insert("\x1b[2J\u{9b}31m", vec![1]);
    std::fs::write(room.at("strange.proof"), strange.to_bytes()).expect("a file");
    std::fs::write(room.at("\x1b[2Jx.npy"), b"no array").expect("a file");
    let cases: [&[&str]; 5] = [
        &["verify", "m.proof", "--key", "other.vk"],
        &["inspect", "other.vk"],
        &["inspect", "strange.proof"],
        &["inspect", "strange.proof", "--json"],
        &["inspect", "\x1b[2Jx.npy"],
    ];
    for args in cases {
        let ran = tessera_in(room.path(), args);
        let said = ran.out + &ran.err;
        let control = said.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(control, None, "{args:?}: {said:?}");
    }
}

#[test]
fn weak_keys_are_refused_unless_they_are_asked_for() {
    let room = Room::new();
    ok(room.path(), &["setup", "m.tess", "--security", "60"]);
    ok(room.path(), &["prove", "m.tess", "--input", "x.npy", "-o", "weak.proof"]);
    for command in [["verify", "weak.proof"], ["audit", "m.tess"]] {
        let args = [&command[..], &["--key", "m.vk"]].concat();
        let (code, err) = room.run(&args);
        assert!(code == Some(2) && err.contains("at least 96 bits"), "{code:?} {err}");
        ok(room.path(), &[&args[..], &["--min-security", "60"]].concat());
    }
    let (code, err) = room.run(&["verify", "m.proof", "--key", "m.vk", "--min-security", "60"]);
    assert_eq!(code, Some(1), "the proof of the stronger key is another key's: {err}");
}

/// What rests on a conjecture counts for a policy where a user says so, and a report says how much of it is proven.
#[test]
fn bits_of_a_conjecture_count_where_they_are_asked_for() {
    let room = Room::new();
    let d = room.path();
    ok(d, &["setup", "m.tess", "--regime", "conjectured"]);
    ok(d, &["prove", "m.tess", "--input", "x.npy", "-o", "c.proof"]);
    for command in [["verify", "c.proof"], ["audit", "m.tess"]] {
        let args = [&command[..], &["--key", "m.vk"]].concat();
        let (code, err) = room.run(&args);
        assert!(
            code == Some(2)
                && err.contains("at least 96 proven bits")
                && err.contains("--regime conjectured"),
            "{err}"
        );
        let json = ok(d, &[&args[..], &["--regime", "conjectured"]].concat());
        assert!(json["security"].is_null() || json["security"]["regime"] == "conjectured", "{json}");
        // or fewer that are proven
        ok(d, &[&args[..], &["--min-security", "30"]].concat());
        let (code, err) =
            room.run(&[&args[..], &["--regime", "conjectured", "--min-security", "120"]].concat());
        assert!(code == Some(2) && err.contains("at least 120 bits of security"), "{err}");
    }
    let args = ["verify", "c.proof", "--key", "m.vk", "--regime", "conjectured"];
    let security = ok(d, &args)["security"].clone();
    let [all, proven] = ["security_bits", "proven_bits"].map(|bits| security[bits].as_f64().expect("bits"));
    assert!(all >= 100.0 && (30.0..80.0).contains(&proven), "{security}");
    let said = format!("{all:.1} bits (conjectured regime; {proven:.1} of them proven)");
    assert!(tessera_in(d, &args).out.contains(&said), "{said}");
    // the verifier alone is of the same mind
    let alone = |more: &[&str]| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_tessera-verify-under-test"));
        let mut run = run;
        run.current_dir(d).args(["m.vk", "c.proof"]).args(more).output().expect("the verifier").status.code()
    };
    assert_eq!(alone(&[]), Some(2));
    assert_eq!(alone(&["--regime", "conjectured"]), Some(0));
    assert_eq!(alone(&["--regime", "hopeful"]), Some(2));
}

/// What a user reads calls a proof hiding where it is: the command as a whole on demand, a proof that hides something by its name and bits, and
/// every other one not at all.
#[test]
fn only_what_hides_something_is_said_to() {
    let room = Room::new();
    let d = room.path();
    let help = tessera_in(d, &["--help"]).out;
    assert!(help.contains("with zero knowledge of inputs on demand"), "{help}");
    assert_eq!(help.matches("zero").count(), 1, "{help}");
    let said = |proof: &str, key: &str| {
        let args = ["verify", proof, "--key", key];
        (ok(d, &args), tessera_in(d, &args).out + &tessera_in(d, &["inspect", key]).out)
    };
    let (json, text) = said("m.proof", "m.vk");
    assert!(json["hiding"].is_null() && json["inputs"][0]["private"] == false, "{json}");
    assert!(json["inputs"][0]["integers"][0].as_array().is_some_and(|all| all.len() == 64), "{json}");
    assert!(
        !["hidden", "hides", "zero knowledge", "private"].iter().any(|word| text.contains(word)),
        "{text}"
    );

    let (data, scale) = calibration("digits_mlp");
    let data = data.to_string_lossy();
    let options = ["--calibration", &data, "--scale", scale, "--zero-knowledge"];
    let m = compiled_with("digits_mlp", "digits_private".into(), &options);
    for extension in ["tess", "pk", "vk"] {
        std::fs::copy(m.file(extension), room.at(&format!("private.{extension}"))).expect("a copy");
    }
    ok(d, &["prove", "private.tess", "--input", "x.npy", "-o", "private.proof"]);
    let (json, text) = said("private.proof", "private.vk");
    assert!(json["hiding"].as_f64().is_some_and(|bits| bits > 100.0), "{json}");
    assert!(json["inputs"][0]["private"] == true && json["inputs"][0]["integers"].is_null(), "{json}");
    assert!(text.contains("  hidden     "), "{text}");
}

#[test]
fn a_proof_has_one_form() {
    let room = Room::new();
    let proof = room.container("m.proof", FileKind::Proof);
    let key = room.container("m.vk", FileKind::VerifyingKey);
    let write = |name: &str, c: &Container, change: &dyn Fn(&mut Container)| {
        let mut c = c.clone();
        change(&mut c);
        std::fs::write(room.at(name), c.to_bytes()).expect("a file");
    };
    write("same.proof", &proof, &|_| ());
    assert_eq!(room.bytes("same.proof"), room.bytes("m.proof"));
    // a number in two bytes that needs one, at every place where a number may stand
    let longer = |section: &'static str, at: usize| {
        move |c: &mut Container| {
            let mut b = c.bytes(section).expect("a section").to_vec();
            b[at] |= 0x80;
            b.insert(at + 1, 0);
            c.insert(section, b);
        }
    };
    write("extra.proof", &proof, &|c| c.insert("note", b"unnoticed".to_vec()));
    write("used.proof", &proof, &longer("used", 0));
    write("publics.proof", &proof, &longer("publics", 0));
    write("first.proof", &proof, &longer("proof", 0));
    write("trailing.proof", &proof, &|c| {
        let b = [&c.bytes("publics").expect("a section")[..], &[0]].concat();
        c.insert("publics", b);
    });
    for name in ["extra", "used", "publics", "first", "trailing"] {
        let (code, err) = room.run(&["verify", &format!("{name}.proof"), "--key", "m.vk"]);
        assert_eq!(code, Some(2), "{name}: {err}");
    }
    write("extra.vk", &key, &|c| c.insert("note", b"unnoticed".to_vec()));
    write("longer.vk", &key, &longer("metadata", 0));
    for name in ["extra.vk", "longer.vk"] {
        let (code, err) = room.run(&["verify", "m.proof", "--key", name]);
        assert_eq!(code, Some(2), "{name}: {err}");
    }
}

#[test]
fn verifying_reads_no_more_than_the_key_allows() {
    let room = Room::new();
    let sparse = |name: &str, head: &[u8]| {
        let mut f = File::create(room.at(name)).expect("a file");
        f.write_all(head).expect("its head");
        f.set_len(6 << 30).expect("a sparse file");
    };
    sparse("sparse.proof", &[]);
    sparse("honest_head.proof", &room.bytes("m.proof"));
    sparse("honest_head.vk", &room.bytes("m.vk"));
    std::fs::write(room.at("long.proof"), [room.bytes("m.proof"), vec![0; 8 << 20]].concat())
        .expect("a file");
    let start = Instant::now();
    for (proof, key) in [
        ("sparse.proof", "m.vk"),
        ("honest_head.proof", "m.vk"),
        ("long.proof", "m.vk"),
        ("/dev/zero", "m.vk"),
        ("m.tess", "m.vk"),
        ("m.proof", "honest_head.vk"),
        ("m.proof", "/dev/zero"),
        ("m.proof", "/dev/urandom"),
    ] {
        // no more memory than an honest proof takes, either
        let line = format!("ulimit -v 2097152; exec tessera verify {proof} --key {key}");
        let (code, err) = room.shell(&line);
        assert_eq!(code, Some(2), "{proof} {key}: {err}");
    }
    // a pipe that goes on and on
    let (code, err) = room.shell("tessera verify <(cat m.proof /dev/zero) --key m.vk");
    assert!(code == Some(2) && err.contains("too large"), "{err}");
    assert_eq!(room.shell("tessera verify <(cat m.proof) --key <(cat m.vk)").0, Some(0));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn a_proof_is_checked_before_it_is_written_when_asked() {
    let room = Room::new();
    for (when, checked) in [("--check", true), ("--check=never", false), ("--check=auto", false)] {
        let report = ok(room.path(), &["prove", "m.tess", "--input", "x.npy", "-o", "c.proof", when]);
        assert_eq!(report["check"].is_object(), checked, "{when}: {report}");
    }
}

#[test]
fn a_proof_that_does_not_hold_is_not_written() {
    let room = Room::new();
    let model = Model::read(&room.at("m.tess")).expect("the model");
    let key = ProvingKey::read(&room.at("m.pk"), &model).expect("the key");
    let mut proof = tessera::prover::proof(&room.at("m.proof"), &key.verifying()).expect("the proof");
    let key = key.verifying();
    verifies(&proof.to_bytes(&key), &key).expect("an honest proof");
    // as if a cell of the key had changed under the prover's hands
    let last = proof.publics.tensors.last_mut().expect("an output");
    last[0] ^= 1;
    let e = verifies(&proof.to_bytes(&key), &key).expect_err("a false one");
    assert!(e.code == 3 && e.to_string().contains("was not written"), "{e}");
}

/// A command that waits for its input at a pipe, with a model so large that it is mapped.
struct Waiting {
    child: Child,
    pipe: PathBuf,
    model: PathBuf,
}

impl Waiting {
    fn start(room: &Room) -> Waiting {
        let mut model = Model::read(&room.at("m.tess")).expect("the model");
        let level = model.levels.get_mut("circuit").expect("a level");
        let text = level.text().expect("its text") + &" ".repeat(20 << 20);
        level.text = Section::from(text);
        let (path, pipe) = (room.at("large.tess"), room.at("pipe.npy"));
        std::fs::write(&path, model.to_bytes()).expect("a file");
        let _ = std::fs::remove_file(&pipe);
        assert_eq!(room.shell("mkfifo pipe.npy").0, Some(0));
        let child = Command::new(BINARY)
            .args(["run", "large.tess", "--input", "pipe.npy", "--level", "circuit"])
            .current_dir(room.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command");
        Waiting { child, pipe, model: path }
    }

    /// Does something to the model once it is mapped, then gives the command its input; the exit code and what it says.
    fn after(self, room: &Room, change: impl FnOnce(&File)) -> (Option<i32>, String) {
        // opening a pipe to write waits for who reads it: by then the model was read
        let mut input = File::options().write(true).open(&self.pipe).expect("the pipe");
        change(&File::options().write(true).open(&self.model).expect("the model"));
        input.write_all(&room.bytes("x.npy")).expect("the input");
        drop(input);
        let out = self.child.wait_with_output().expect("its end");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    }
}

#[test]
fn a_file_that_changes_while_it_is_in_use_ends_in_a_message() {
    let room = Room::new();
    let (code, err) = Waiting::start(&room).after(&room, |_| ());
    assert_eq!(code, Some(0), "{err}");
    let (code, err) = Waiting::start(&room).after(&room, |f| f.set_len(4096).expect("a cut"));
    assert!(code == Some(3) && err.contains("cut short while it was in use"), "{code:?} {err}");
    let (code, err) = Waiting::start(&room).after(&room, |f| {
        use std::os::unix::fs::FileExt;
        f.write_all_at(b"x", 100).expect("a change");
    });
    assert!(matches!(code, Some(2 | 3)) && err.contains("chang"), "{code:?} {err}");
}
