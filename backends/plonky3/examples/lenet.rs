//! Times of a Program with the shape of a LeNet's: weights 1024 × 120 fixed, activations 1024 × 16, requantization of 2048 rows of
//! 15 columns, a table of 2^16 rows with three provides, a small one. The numbers in it are arbitrary but satisfy it.
//!
//! cargo run --release -p tessera-plonky3 --example lenet -- [repetitions [images [phase to repeat]]]
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::time::Instant;
use tessera_api::*;
use tessera_plonky3::{Plonky3, Proof, ProvingKey, VerifyingKey, cpu_seconds};

const CHANNELS: usize = 256;
const W_ROWS: usize = 4; // rows per channel
const W_LANES: usize = 120;
const X_LANES: usize = 16;
/// Output cells of a channel whose weights are not zero.
const OUTPUTS: usize = 40;

fn witness(names: &[&str]) -> Vec<WitnessColumn> {
    names.iter().map(|n| WitnessColumn { name: n.to_string(), padding: 0 }).collect()
}

fn table(name: &str, rows: usize, log_height: u8) -> Table {
    Table {
        name: name.into(),
        rows: rows as u32,
        log_height,
        fixed: vec![],
        committed: false,
        witness: vec![],
        constraints: vec![],
        lookups: vec![],
        provides: vec![],
    }
}

fn fixed(name: &str, v: &[i64]) -> FixedColumn {
    FixedColumn { name: name.into(), values: Values::Seq(Seq::compress(1, v)), padding: 0 }
}

/// Lanes with the monomial `monomial(row, lane)`.
fn fold(
    name: &str,
    table: u32,
    rows: usize,
    exprs: Vec<Expr>,
    ends: &[i64],
    monomial: impl Fn(usize, usize) -> [i64; 4],
) -> Fold {
    let lane = |(l, expr)| {
        let m: Vec<i64> = (0..rows).flat_map(|r| [&[1][..], &monomial(r, l)].concat()).collect();
        Lane { expr, monomials: Seq::compress(5, &m) }
    };
    Fold {
        name: name.into(),
        table,
        lanes: exprs.into_iter().enumerate().map(lane).collect(),
        segments: Seq::compress(1, ends),
        segment_count: ends.len() as u32,
    }
}

/// The Program and a satisfying trace.
fn lenet(images: usize) -> (Program, Trace) {
    let log_images = images.next_power_of_two().trailing_zeros() as u8;
    let r_rows = 2048 * images;
    let x_rows = W_ROWS * images; // per channel
    let mut r = SmallRng::seed_from_u64(1);
    let mut p = Program {
        version: VERSION,
        zero_knowledge: false,
        constants: vec![],
        matrices: vec![],
        tables: vec![],
        relations: vec!["requantize".into(), "range".into(), "relu".into()],
        publics: vec![],
        // z: position, s: output, d: layer, g: channel
        variables: ["z", "s", "d", "g"].map(Variable::from).to_vec(),
        folds: vec![],
        terms: vec![],
        equations: vec![],
    };
    let rows = CHANNELS * W_ROWS;
    // weights: per channel the output cells o = 120·k + lane
    let mut w = table("weights", rows, 10);
    let weights: Vec<Vec<i64>> = (0..W_LANES)
        .map(|l| {
            let weight = |row: usize, r: &mut SmallRng| {
                if row % W_ROWS * W_LANES + l < OUTPUTS { r.random_range(-127..128) } else { 0 }
            };
            (0..rows).map(|row| weight(row, &mut r)).collect()
        })
        .collect();
    p.constants = vec![Blob::new(weights.concat())];
    for l in 0..W_LANES {
        let index: Vec<i64> = (0..rows as i64).map(|r| l as i64 * rows as i64 + r).collect();
        let values = Values::Gather { constant: 0, index: Seq::compress(1, &index) };
        w.fixed.push(FixedColumn { name: format!("w{l}"), values, padding: 0 });
    }
    // activations
    let mut x = table("activations", CHANNELS * x_rows, 10 + log_images);
    x.witness = (0..X_LANES).flat_map(|_| witness(&["x"])).collect();
    let xs: Vec<i64> = (0..CHANNELS * x_rows * X_LANES).map(|_| r.random_range(0..128)).collect();
    // requantization: hi, lo, y of 4 lanes, 3 of relu
    let mut q = table("requantize", r_rows, 11 + log_images);
    q.witness = witness(&["hi", "hi", "hi", "hi", "lo", "lo", "lo", "lo", "y", "y", "y", "y", "r", "r", "r"]);
    let act = |hi: i64| ((hi - 32768) >> 2).clamp(0, 127);
    let mut qs = vec![];
    for _ in 0..r_rows {
        let hi: [i64; 4] = [0; 4].map(|_| r.random_range(0..65536));
        let lo: [i64; 4] = [0; 4].map(|_| r.random_range(0..65536));
        let y = hi.map(act);
        let m1 = y[1].max(y[0]);
        let m2 = y[3].max(y[2]);
        qs.extend(hi.iter().chain(&lo).chain(&y));
        qs.extend([m1 - y[1], m2 - y[3], (m1 - m2).max(0)]);
    }
    for w in &mut q.witness[8..12] {
        w.padding = act(0);
    }
    let cell = |i: usize| Expr::witness(i as u32);
    let source = || "requantize".to_string();
    for i in 0..4 {
        q.lookups.push(Lookup { relation: 0, tuple: vec![cell(i), cell(8 + i)], source: source() });
        q.lookups.push(Lookup { relation: 1, tuple: vec![cell(4 + i)], source: source() });
    }
    let minus = |a: Expr, b: Expr| a.plus(&b.scale(-1));
    let m1 = cell(9).plus(&cell(12));
    let m2 = cell(11).plus(&cell(13));
    for (d, k) in [(minus(cell(8), cell(9)), 12), (minus(cell(10), cell(11)), 13), (minus(m1, m2), 14)] {
        q.lookups.push(Lookup { relation: 2, tuple: vec![d, cell(k)], source: source() });
    }
    // providers
    let keys: Vec<i64> = (0..65536).collect();
    let mut t = table("table", 65536, 16);
    t.fixed = vec![
        fixed("key", &keys),
        fixed("relu", &keys.iter().map(|k| act(*k)).collect::<Vec<_>>()),
        fixed("wide", &keys.iter().map(|k| (k - 32768) >> 1).collect::<Vec<_>>()),
    ];
    p.relations.push("wide".into());
    t.witness = witness(&["m", "m", "m"]);
    let entry = |i| Expr::fixed(i);
    t.provides = vec![
        Provide { relation: 0, tuple: vec![entry(0), entry(1)], multiplicity: 0 },
        Provide { relation: 1, tuple: vec![entry(0)], multiplicity: 1 },
        Provide { relation: 3, tuple: vec![entry(0), entry(2)], multiplicity: 2 },
    ];
    let mut s = table("relu", 256, 8);
    let keys: Vec<i64> = (-128..128).collect();
    s.fixed = vec![fixed("key", &keys), fixed("value", &keys.iter().map(|k| *k.max(&0)).collect::<Vec<_>>())];
    s.witness = witness(&["m"]);
    s.provides = vec![Provide { relation: 2, tuple: vec![entry(0), entry(1)], multiplicity: 0 }];
    let mut tm = vec![0i64; 3 * 65536];
    let mut sm = vec![0i64; 256];
    for row in qs.chunks(15) {
        for i in 0..4 {
            tm[3 * row[i] as usize] += 1;
            tm[3 * row[4 + i] as usize + 1] += 1;
        }
        let m1 = row[9] + row[12];
        let m2 = row[11] + row[13];
        for d in [row[8] - row[9], row[10] - row[11], m1 - m2] {
            sm[(d + 128) as usize] += 1;
        }
    }
    // contraction over channels of Σ_p z^p X · Σ_o s^o W
    let ends = |n: usize| -> Vec<i64> { (1..=CHANNELS as i64).map(|c| c * n as i64).collect() };
    let layer = |c: usize| (c / 128) as i64;
    p.folds.push(fold("X", 1, CHANNELS * x_rows, (0..X_LANES).map(cell).collect(), &ends(x_rows), |r, l| {
        [((r % x_rows) * X_LANES + l) as i64, 0, 0, 0]
    }));
    p.folds.push(fold(
        "W",
        0,
        rows,
        (0..W_LANES as u32).map(Expr::fixed).collect(),
        &ends(W_ROWS),
        |r, l| [0, ((r % W_ROWS) * W_LANES + l) as i64, 0, 0],
    ));
    let joined: Vec<i64> = (0..CHANNELS).flat_map(|c| [1, 0, 0, layer(c), 0]).collect();
    p.terms.push(Term::Join { left: 0, right: 1, weights: Seq::compress(5, &joined) });
    let linked: Vec<i64> = (0..CHANNELS as i64).flat_map(|c| [1, 0, 0, 0, c]).collect();
    p.terms.push(Term::Sum { fold: 0, weights: Seq::compress(5, &linked) });
    // the accumulators, folded like a pooled layer, and the activations
    let acc = |i: usize| cell(i).scale(65536).plus(&cell(4 + i)).plus(&Expr::constant(-(1 << 31)));
    p.folds.push(fold("acc", 2, r_rows, (0..4).map(acc).collect(), &[r_rows as i64], |r, l| {
        let (o, e) = (r / 64, r % 64);
        [(2 * e + (l & 1) + 16 * (l >> 1)) as i64, o as i64, (r / (r_rows / 2)) as i64, 0]
    }));
    let out = |_| cell(11).plus(&cell(13)).plus(&cell(14));
    p.folds.push(fold("y", 2, r_rows, (0..1).map(out).collect(), &[r_rows as i64], |r, _| {
        [(r % 64) as i64, 0, 0, (r / 64) as i64]
    }));
    for f in [2, 3] {
        p.terms.push(Term::Sum { fold: f, weights: Seq::compress(5, &[1, 0, 0, 0, 0]) });
    }
    // the product's coefficients, in a table as wide as borders are
    let one = vec![0i64; 4];
    let mut product = vec![0i64; 2 * x_rows * X_LANES * OUTPUTS];
    for c in 0..CHANNELS {
        for pos in 0..x_rows * X_LANES {
            let xv = xs[c * x_rows * X_LANES + pos];
            let at = (layer(c) as usize * x_rows * X_LANES + pos) * OUTPUTS;
            for o in 0..OUTPUTS {
                product[at + o] += xv * weights[o % W_LANES][c * W_ROWS + o / W_LANES];
            }
        }
    }
    let y_rows = product.len() / OUTPUTS;
    let mut y = table("borders", y_rows, 7 + log_images);
    y.witness = (0..OUTPUTS).flat_map(|_| witness(&["y"])).collect();
    p.folds.push(fold("Y", 5, y_rows, (0..OUTPUTS).map(cell).collect(), &[y_rows as i64], |r, l| {
        let n = x_rows * X_LANES;
        [(r % n) as i64, l as i64, (r / n) as i64, 0]
    }));
    p.terms.push(Term::Sum { fold: 4, weights: Seq::compress(5, &[1, 0, 0, 0, 0]) });
    let image: Vec<i64> = (0..784).map(|i| i % 256).collect();
    let monomials: Vec<i64> = (0..784).flat_map(|i| [1, i, 0, 0, 0]).collect();
    let public = |k: u32| Public {
        name: format!("image{k}"),
        shape: vec![1, 784],
        min: 0,
        max: 255,
        role: Role::Input,
    };
    p.publics = vec![public(0), public(1)];
    let term = |coefficient, operand| EquationTerm { coefficient, monomial: one.clone(), operand };
    let operand = |k| Operand::Public { public: k, monomials: Seq::compress(5, &monomials) };
    // the other folds are computed and compared with themselves: their price is what matters here
    for (name, a, b) in [
        ("product", Operand::Term(0), Operand::Term(4)),
        ("x", Operand::Term(1), Operand::Term(1)),
        ("accumulators", Operand::Term(2), Operand::Term(2)),
        ("outputs", Operand::Term(3), Operand::Term(3)),
        ("image", operand(0), operand(1)),
    ] {
        p.equations.push(Equation { name: name.into(), terms: vec![term(1, a), term(-1, b)] });
    }
    let publics = vec![image.clone(), image];
    p.tables = vec![w, x, q, t, s, y];
    let tables = vec![vec![], xs, qs, tm, sm, product];
    (p, Trace { tables, publics: Publics { tensors: publics } })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reps: usize = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(5);
    let images: usize = std::env::args().nth(2).and_then(|a| a.parse().ok()).unwrap_or(1);
    let (program, trace) = lenet(images);
    let backend = Plonky3::default();
    println!("{:?}", backend.cost(&tessera_api::Shape::of(&program)));
    let t = Instant::now();
    let (pk, vk) = backend.setup(&program)?;
    println!("setup {:.1} ms", t.elapsed().as_secs_f64() * 1e3);
    let report = vk.security_report();
    println!(
        "{:.1} bits ({}), limited by {}: {:?}",
        report.bits, report.regime, report.limited_by, vk.security
    );
    for (name, bits) in &report.terms {
        println!("    {name:24} {bits:.1}");
    }
    let t = Instant::now();
    let file = pk.to_container().to_bytes();
    println!("pk {} KiB written in {:.1} ms", file.len() / 1024, t.elapsed().as_secs_f64() * 1e3);
    let t = Instant::now();
    let pk = ProvingKey::from_container(&Container::from_bytes(&file, FileKind::ProvingKey)?, pk.program)?;
    println!("pk read in {:.1} ms", t.elapsed().as_secs_f64() * 1e3);
    let mut all = vec![];
    let mut verify = vec![];
    for rep in 0..reps {
        let trace = trace.clone();
        let (proof, timings) = backend.prove(&pk, trace.clone())?;
        let file = proof.to_container(vk.digest()).to_bytes();
        let key = vk.to_container().to_bytes();
        let t = Instant::now();
        let vk = VerifyingKey::from_container(&Container::from_bytes(&key, FileKind::VerifyingKey)?)?;
        let t_key = t.elapsed().as_secs_f64();
        let proof = Proof::from_container(&Container::from_bytes(&file, FileKind::Proof)?, &vk)?;
        let t_read = t.elapsed().as_secs_f64();
        backend.verify(&vk, &trace.publics, &proof)?;
        verify.push(t.elapsed().as_secs_f64());
        if rep + 1 == reps {
            println!(
                "proof {} KiB, vk {:.1} KiB; read vk {:.2} ms, read proof {:.2} ms, verify {:.2} ms",
                file.len() / 1024,
                key.len() as f64 / 1024.0,
                t_key * 1e3,
                (t_read - t_key) * 1e3,
                (verify[rep] - t_read) * 1e3
            );
        }
        all.push(timings.phases);
    }
    let file = pk.to_container().to_bytes();
    let proof = backend.prove(&pk, trace.clone())?.0;
    // a phase named on the command line is repeated, for a profiler
    let only = std::env::args().nth(3);
    let time = |what: &str, f: &dyn Fn() -> bool| {
        let (c, n) = (cpu_seconds(), if only.as_deref() == Some(what) { 2000 } else { 20 });
        let ok = (0..n).all(|_| f());
        println!("{what} ({ok}): cpu {:.2} ms", (cpu_seconds() - c) / n as f64 * 1e3);
    };
    time("verify", &|| backend.verify(&vk, &trace.publics, &proof).is_ok());
    time("prove", &|| backend.prove(&pk, trace.clone()).is_ok());
    time("setup", &|| backend.setup(&program).is_ok());
    time("read pk", &|| {
        let c = Container::from_bytes(&file, FileKind::ProvingKey);
        c.is_ok_and(|c| ProvingKey::from_container(&c, pk.program.clone()).is_ok())
    });
    let least = |f: &dyn Fn(&(String, f64, f64)) -> f64, i: usize| {
        all.iter().map(|p| f(&p[i])).fold(f64::INFINITY, f64::min) * 1e3
    };
    for (i, phase) in all[0].iter().enumerate() {
        println!("    {:20} cpu {:7.2} ms  wall {:7.2} ms", phase.0, least(&|p| p.1, i), least(&|p| p.2, i));
    }
    let total = |f: &dyn Fn(&(String, f64, f64)) -> f64| {
        all.iter().map(|p| p.iter().map(f).sum::<f64>()).fold(f64::INFINITY, f64::min) * 1e3
    };
    println!("prove: cpu {:.1} ms, wall {:.1} ms", total(&|p| p.1), total(&|p| p.2));
    Ok(())
}
