//! How fast contractions and row programs run. `cargo bench -p tessera-runtime`; one thread unless RAYON_NUM_THREADS says else.
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tessera_api::*;
use tessera_runtime::Prepared;

fn step(extent: usize, x: usize, w: usize, y: usize) -> ContractLoop {
    ContractLoop { extent: extent as u32, x: x as i64, w: w as i64, y: y as i64 }
}

fn empty() -> Program {
    Program {
        version: VERSION,
        zero_knowledge: false,
        constants: vec![],
        matrices: vec![],
        tables: vec![],
        relations: vec![],
        publics: vec![],
        variables: vec![],
        folds: vec![],
        terms: vec![],
        equations: vec![],
    }
}

fn public(name: &str, n: usize, role: Role) -> Public {
    Public { name: name.into(), shape: vec![1, n as u32], min: -(1 << 60), max: 1 << 60, role }
}

/// One contraction as a plan of its own; reports products per second.
fn contraction(c: &mut Criterion, name: &str, loops: Vec<ContractLoop>) {
    let reach = |f: &dyn Fn(&ContractLoop) -> i64| {
        1 + loops.iter().map(|l| (l.extent as i64 - 1) * f(l)).sum::<i64>() as usize
    };
    let (nx, nw, ny) = (reach(&|l| l.x), reach(&|l| l.w), reach(&|l| l.y));
    let mut program = empty();
    program.constants = vec![Blob::new((0..nw as i64).map(|i| i * 7919 % 255 - 127))];
    program.publics = vec![public("x", nx, Role::Input), public("y", ny, Role::Output)];
    let products: u64 = loops.iter().map(|l| l.extent as u64).product();
    let plan = WitnessPlan {
        tensors: vec![("x".into(), nx as u64), ("y".into(), ny as u64)],
        steps: vec![
            Step::Load { public: 0, tensor: 0 },
            Step::Contract { x: 0, w: tessera_api::Factor::Constant { constant: 0, offset: 0 }, y: 1, loops },
            Step::Publish { tensor: 1, public: 1 },
        ],
    };
    let prepared = Prepared::new(&program, &plan).expect("a valid plan");
    let x: Vec<i64> = (0..nx as i64).map(|i| i * 104729 % 255 - 127).collect();
    let mut g = c.benchmark_group("contract");
    g.throughput(Throughput::Elements(products));
    g.bench_function(name, |b| b.iter(|| black_box(prepared.outputs(vec![x.clone()]))));
}

/// Full two-dimensional convolution of n images, c to o channels, i×j by k×l.
fn convolution([n, c, o]: [usize; 3], [i, j]: [usize; 2], [k, l]: [usize; 2]) -> Vec<ContractLoop> {
    let full = j + l - 1;
    let area = (i + k - 1) * full;
    vec![
        step(n, c * i * j, 0, o * area),
        step(o, 0, c * k * l, area),
        step(c, i * j, k * l, 0),
        step(i, j, 0, full),
        step(j, 1, 0, 1),
        step(k, 0, l, full),
        step(l, 0, 1, 1),
    ]
}

fn product(n: usize, o: usize, c: usize) -> Vec<ContractLoop> {
    vec![step(n, c, 0, o), step(o, 0, c, 1), step(c, 1, 1, 0)]
}

fn contractions(c: &mut Criterion) {
    contraction(c, "lenet conv1, 1 image", convolution([1, 1, 6], [28, 28], [5, 5]));
    contraction(c, "lenet conv2, 1 image", convolution([1, 6, 16], [14, 14], [5, 5]));
    contraction(c, "lenet fc1, 1 image", product(1, 120, 400));
    contraction(c, "lenet conv1, 100 images", convolution([100, 1, 6], [28, 28], [5, 5]));
    contraction(c, "lenet conv2, 100 images", convolution([100, 6, 16], [14, 14], [5, 5]));
    contraction(c, "lenet fc1, 100 images", product(100, 120, 400));
    contraction(c, "vgg 64 to 64, 32x32", convolution([1, 64, 64], [32, 32], [3, 3]));
    contraction(c, "vgg 512 to 512, 4x4", convolution([1, 512, 512], [4, 4], [3, 3]));
    contraction(c, "vgg 512 to 512, 2x2", convolution([1, 512, 512], [2, 2], [3, 3]));
}

/// Requantization with pooling: what most rows of a convolutional model do. Reports lookups per second.
fn requantization(c: &mut Criterion) {
    let (rows, lanes) = (1 << 14, 4usize);
    let n = rows * lanes;
    let mut program = empty();
    let keys: Vec<i64> = (0..1 << 16).collect();
    let relu: Vec<i64> = keys.iter().map(|k| (k - 32768).clamp(0, 127)).collect();
    let fixed = |name: &str, v: &[i64]| FixedColumn {
        name: name.into(),
        values: Values::Seq(Seq::compress(1, v)),
        padding: 0,
    };
    let witness = |name: String| WitnessColumn { name, padding: 0 };
    let provide = |relation, tuple: &[u32], multiplicity| Provide {
        relation,
        tuple: tuple.iter().map(|c| Expr::fixed(*c)).collect(),
        multiplicity,
    };
    program.relations = vec!["range".into(), "relu".into()];
    program.tables.push(Table {
        name: "values".into(),
        rows: 1 << 16,
        log_height: 16,
        fixed: vec![fixed("key", &keys), fixed("relu", &relu)],
        committed: false,
        witness: vec![witness("range count".into()), witness("relu count".into())],
        constraints: vec![],
        lookups: vec![],
        provides: vec![provide(0, &[0], 0), provide(1, &[0, 1], 1)],
    });
    let mut main = Table {
        name: "requantize".into(),
        rows: rows as u32,
        log_height: 14,
        fixed: vec![],
        committed: false,
        witness: (0..4 * lanes + 1).map(|i| witness(format!("c{i}"))).collect(),
        constraints: vec![],
        lookups: vec![],
        provides: vec![],
    };
    let (mut ops, mut reg) = (vec![], 0u32);
    let mut out = vec![];
    for lane in 0..lanes {
        let index: Vec<i64> = (0..rows).map(|r| (r * lanes + lane) as i64).collect();
        let (acc, hi, lo, q) = (reg, reg + 1, reg + 2, reg + 3);
        reg += 4;
        ops.extend([
            RowOp::Gather { tensor: 0, index: Seq::compress(1, &index), default: 0, dst: acc },
            RowOp::Affine { terms: vec![(1, acc)], constant: (1 << 31) + (1 << 15), dst: acc },
            RowOp::Split { src: acc, shift: 16, hi, lo },
            RowOp::Lookup { relation: 1, key: hi, entry: 1, dst: q },
        ]);
        ops.extend([acc, hi, lo, q].map(|r| RowOp::Store { src: r, column: r }));
        let cell = Expr::witness;
        main.lookups.push(Lookup { relation: 0, tuple: vec![cell(lo)], source: "low part".into() });
        main.lookups.push(Lookup { relation: 1, tuple: vec![cell(hi), cell(q)], source: "relu".into() });
        out.push(q);
    }
    let sum = RowOp::Affine { terms: out.iter().map(|q| (1, *q)).collect(), constant: 0, dst: reg };
    ops.extend([sum, RowOp::Store { src: reg, column: reg }]);
    ops.push(RowOp::Scatter {
        src: reg,
        tensor: 1,
        index: Seq::compress(1, &(0..rows as i64).collect::<Vec<_>>()),
    });
    program.tables.push(main);
    program.publics = vec![public("x", n, Role::Input), public("y", rows, Role::Output)];
    let plan = WitnessPlan {
        tensors: vec![("x".into(), n as u64), ("y".into(), rows as u64)],
        steps: vec![
            Step::Load { public: 0, tensor: 0 },
            Step::Rows(RowStep {
                table: 1,
                first_row: 0,
                rows: rows as u32,
                registers: reg + 1,
                ops,
                source: "requantize".into(),
            }),
            Step::Publish { tensor: 1, public: 1 },
        ],
    };
    let prepared = Prepared::new(&program, &plan).expect("a valid plan");
    let x: Vec<i64> = (0..n as i64).map(|i| i * 2654435761 % (1 << 31) - (1 << 30)).collect();
    let mut g = c.benchmark_group("rows");
    g.throughput(Throughput::Elements(2 * n as u64));
    g.bench_function("requantize, trace and multiplicities", |b| {
        b.iter(|| black_box(prepared.run(vec![x.clone()])))
    });
    g.bench_function("requantize, outputs only", |b| b.iter(|| black_box(prepared.outputs(vec![x.clone()]))));
}

fn all(c: &mut Criterion) {
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        // measured numbers are of one core unless asked otherwise; a pool that exists already is used as it is
        let _ = rayon::ThreadPoolBuilder::new().num_threads(1).build_global();
    }
    contractions(c);
    requantization(c);
}

criterion_group!(benches, all);
criterion_main!(benches);
