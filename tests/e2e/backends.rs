//! A backend is chosen by its name when a model is compiled, and every later command finds it.
use crate::support::*;
use tessera_backends::all;

#[test]
fn every_backend_of_the_list_proves_a_model() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = |args: &[&str]| ok(dir.path(), args);
    let (data, scale) = calibration("digits_mlp");
    let (onnx, data) = (models().join("digits_mlp.onnx"), data.to_string_lossy().into_owned());
    let onnx = onnx.to_string_lossy();
    let (images, n) = images("digits_mlp");
    npy(dir.path(), "x.npy", &[1, 64], images[..n].to_vec());
    let compile = ["compile", &onnx, "--calibration", &data, "--scale", scale, "--backend"];
    for backend in all() {
        let name = backend.name();
        let file = |extension: &str| format!("{name}.{extension}");
        let (tess, vk, proof) = (file("tess"), file("vk"), file("proof"));
        run(&[&compile[..], &[name, "-o", &tess]].concat());
        run(&["setup", &tess]);
        assert_eq!(run(&["inspect", &vk])["model"]["backend"], name);
        run(&["prove", &tess, "--input", "x.npy", "--check", "-o", &proof]);
        // the reference backend offers 90 bits
        let verified = run(&["verify", &proof, "--key", &vk, "--input", "x.npy", "--min-security", "90"]);
        assert_eq!(verified["verified"], true);
        run(&["audit", &tess, "--key", &vk, "--min-security", "90"]);
    }
    for (proof, key) in all().iter().zip(all().iter().cycle().skip(1)) {
        let (proof, key) = (format!("{}.proof", proof.name()), format!("{}.vk", key.name()));
        let ran = tessera_in(dir.path(), &["verify", &proof, "--key", &key, "--min-security", "90"]);
        assert!(matches!(ran.code, Some(1 | 2)), "{proof} by {key}: {:?} {}", ran.code, ran.err);
    }
    let ran = tessera_in(dir.path(), &[&compile[..], &["plonk", "-o", "x.tess"]].concat());
    assert!(
        ran.code == Some(2) && ran.err.contains("there is no backend \"plonk\" in this build"),
        "{}",
        ran.err
    );
}
