//! How long the compiler takes on large modules: parsing, verifying, and the default pipeline pass by pass.
//!
//! `cargo bench -p zk-opt` prints a table; sizes are given as arguments, `cargo bench -p zk-opt -- 1000 100000`. The networks are
//! chains of elementwise layers with residual sums, whose work grows with the number of ops alone.

use std::fmt::Write;
use std::time::Instant;
use tessera_mlir::pipeline::{self, Settings};
use zk_opt::pipeline::default_pipeline;

/// A network of about that many ops at the level nn, calibrated.
fn network(ops: usize) -> String {
    let ty = "tensor<1x4xf32>";
    let mut text = format!(
        "func.func @main(%x: {ty} {{nn.name = \"x\", nn.range = array<f64: -1.0, 1.0>}}) -> ({ty} {{nn.name = \"y\"}}) {{\n"
    );
    let (range, positive) = ("{nn.range = array<f64: -1.0, 1.0>}", "{nn.range = array<f64: 0.0, 1.0>}");
    let mut last = "%x".to_owned();
    for layer in 0..ops / 4 {
        // writing to a String does not fail
        let _ = write!(
            text,
            "  %a{layer} = nn.add {last}, %x {range} : ({ty}, {ty}) -> {ty}
  %r{layer} = nn.relu %a{layer} {positive} : {ty}
  %s{layer} = nn.sub %r{layer}, %x {range} : ({ty}, {ty}) -> {ty}
  %t{layer} = nn.relu %s{layer} {positive} : {ty}
"
        );
        last = format!("%t{layer}");
    }
    text + &format!("  return {last} : {ty}\n}}\n")
}

fn measure(ops: usize) {
    zk_opt::register_all();
    let context = tessera_passes::context();
    let source = network(ops);
    let mut clock = Instant::now();
    let mut lap = |what: &str| {
        println!("{ops:>8} ops  {:>8.3} s  {what}", clock.elapsed().as_secs_f64());
        clock = Instant::now();
    };
    let mut module = tessera_mlir::parse(&context, &source, "network.mlir").expect("the network parses");
    lap("parse and verify");
    tessera_mlir::verify(&module).expect("the network is valid");
    lap("verify");
    pipeline::run_observed(&mut module, &default_pipeline(), &Settings::default(), |pass, _| {
        lap(pass);
        Ok(())
    })
    .expect("the pipeline runs");
    let text = tessera_mlir::print(&module);
    lap("print");
    println!("{ops:>8} ops become {} lines of circuit", text.lines().count());
}

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    sizes.into_iter().for_each(measure);
}
