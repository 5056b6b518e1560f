//! Committed inputs and outputs: the statement has the hash of a salt and the values, and nothing else of them.
use super::*;
use std::collections::BTreeMap;
use tessera_api::commitment::{self, Root, SALT};
use tessera_api::{CheckError, Goal, Publics, Regime, Role, Security, VerifyError, WitnessPlan};

struct Case {
    program: Program,
    plan: WitnessPlan,
    /// The values of input and output.
    values: [Vec<i64>; 2],
    trace: Trace,
}

const SALTS: [[i64; SALT]; 2] = [[1, -2, 3, 1 << 62, 5, 6, 7, 8], [9; SALT]];

fn root(salt: &[i64; SALT], values: &[i64]) -> Root {
    commitment::root_of(&commitment::cells(salt, values)).unwrap()
}

/// The table of permutations: those of the output first, as outputs are placed first.
fn table(program: &Program) -> usize {
    program.tables.iter().position(|t| t.name == "commitments").unwrap()
}

/// A circuit whose input and output are committed to, or one of them; its witness satisfies the checker.
fn committed(b: &mut Build, batch: usize, names: &[&str]) -> Case {
    let visibility: BTreeMap<_, _> = names.iter().map(|n| (n.to_string(), Visibility::Committed)).collect();
    let options = PlaceOptions { batch, visibility, ..PlaceOptions::new(tessera_backends::default()) };
    let placed = place_graph(&b.g, &options).unwrap();
    let cost = options.target.cost(&Shape::of(&placed.program));
    assert_eq!(price(&b.g, &options).unwrap(), cost, "a price is the cost of what is placed");
    monomials::are_apart(&placed.program);
    let len = b.g.values[0].len();
    let input: Vec<i64> = (0..len * batch).map(|_| b.random(-127, 127)).collect();
    let output = input.chunks(len).flat_map(|x| evaluate(&b.g, x).remove(0)).collect();
    let mut given = vec![input.clone()];
    given.extend(SALTS.iter().take(names.len()).map(|s| s.to_vec()));
    let trace = tessera_runtime::run(&placed.program, &placed.plan, given).unwrap();
    if let Err(failures) = tessera_checker::check(&placed.program, &trace) {
        let text: Vec<String> = failures.iter().take(5).map(|f| f.to_string()).collect();
        panic!("{}\n{}", placed.dump, text.join("\n"));
    }
    Case { program: placed.program, plan: placed.plan, values: [input, output], trace }
}

/// The statement has the roots of what went in and came out, and anybody who knows salt and values computes them.
#[test]
fn roots_stand_where_values_would() {
    for batch in [1, 3] {
        let c = committed(&mut small_cnn(1), batch, &["x", "y"]);
        assert!(c.program.zero_knowledge);
        let roles: Vec<Role> = c.program.publics.iter().map(|p| p.role).collect();
        assert_eq!(roles, [Role::CommittedInput, Role::CommittedOutput]);
        let roots = [0, 1].map(|i| root(&SALTS[i], &c.values[i]).0.to_vec());
        assert_eq!(c.trace.publics.tensors, roots);
        let prepared = tessera_runtime::Prepared::new(&c.program, &c.plan).unwrap();
        assert_eq!(prepared.salts(), 2);
        let given = [vec![c.values[0].clone()], SALTS.map(|s| s.to_vec()).to_vec()].concat();
        let (trace, values) = prepared.run_open(given).unwrap();
        assert_eq!((trace.publics.tensors, values.tensors), (roots.to_vec(), c.values.to_vec()));
        // an inference needs no salt
        let outputs = prepared.outputs(vec![c.values[0].clone()]).unwrap();
        assert_eq!(outputs.tensors, [vec![], c.values[1].clone()]);
        let short = prepared.run(vec![c.values[0].clone(), SALTS[0].to_vec(), vec![1]]).unwrap_err();
        assert!(short.to_string().contains("tensor \"y\" is committed to: expected a salt"), "{short}");
    }
}

/// One of the two may be public, and another backend's checker agrees.
#[test]
fn each_is_committed_to_by_itself() {
    let c = committed(&mut small_cnn(2), 1, &["y"]);
    assert_eq!(c.trace.publics.tensors[0], c.values[0]);
    assert_eq!(c.trace.publics.tensors[1], root(&SALTS[0], &c.values[1]).0);
    let c = committed(&mut small_cnn(2), 1, &["x"]);
    assert_eq!(c.trace.publics.tensors[1], c.values[1]);
}

/// Results of a product that leave the model as they are: the contraction's equation reads the elements themselves.
#[test]
fn results_of_a_product_are_committed_to() {
    let mut b = Build { seed: 4, ..Build::default() };
    let x = b.input(&[1, 6]);
    let y = b.linear(x, 3);
    (b.g.values[y].lo, b.g.values[y].hi) = (-6 * 127 * 9, 6 * 127 * 9);
    b.output(y);
    for batch in [1, 2] {
        let c = committed(&mut b, batch, &["y"]);
        assert_eq!(c.trace.publics.tensors[1], root(&SALTS[0], &c.values[1]).0);
        let elements = c.program.tables.iter().position(|t| t.name == "output y").unwrap();
        let mut other = c.values[1].clone();
        other[1] += 1;
        let cells = commitment::cells(&SALTS[0], &other);
        let mut forged = c.trace.clone();
        forged.publics.tensors[1] = commitment::root_of(&cells).unwrap().0.to_vec();
        forged.tables[table(&c.program)] = cells;
        forged.tables[elements] = other;
        let failures = tessera_checker::check(&c.program, &forged).unwrap_err();
        let contraction = |f: &tessera_checker::Failure| matches!(f, tessera_checker::Failure::Equation { name, .. } if name == "contraction");
        assert!(failures.iter().any(contraction), "{failures:?}");
    }
}

/// No cell of elements or of a permutation may be another one, and neither may the root.
#[test]
fn every_cell_of_a_commitment_matters() {
    let c = committed(&mut small_cnn(3), 1, &["x", "y"]);
    let about = |t: &usize| {
        ["input ", "output ", "commitments"].iter().any(|n| c.program.tables[*t].name.starts_with(n))
    };
    let tables: Vec<usize> = (0..c.program.tables.len()).filter(about).collect();
    assert_eq!(tables.len(), 3);
    for t in tables {
        // of every row some cells, over the rows all of them
        let width = c.program.tables[t].witness.len();
        let step = if width == 1 { 1 } else { 5 };
        for cell in (0..c.trace.tables[t].len()).step_by(step) {
            let mut forged = c.trace.clone();
            forged.tables[t][cell] ^= 1;
            assert!(
                tessera_checker::check(&c.program, &forged).is_err(),
                "table {} cell {cell}",
                c.program.tables[t].name
            );
        }
    }
    for (i, element) in [(0, 0), (0, 3), (1, 2)] {
        let mut forged = c.trace.clone();
        forged.publics.tensors[i][element] ^= 1;
        assert!(tessera_checker::check(&c.program, &forged).is_err());
    }
}

/// Whole rows that are computed anew for what is false: other elements, another salt, zeros that are none, another number of values.
#[test]
fn a_root_is_of_one_salt_and_one_tensor() {
    let c = committed(&mut small_cnn(4), 1, &["x", "y"]);
    let t = table(&c.program);
    let honest = &c.values[1];
    let with = |cells: Vec<i64>, stated: bool| {
        let mut forged = c.trace.clone();
        if stated {
            forged.publics.tensors[1] = commitment::root_of(&cells).unwrap().0.to_vec();
        }
        forged.tables[t][..cells.len()].copy_from_slice(&cells);
        tessera_checker::check(&c.program, &forged)
    };
    with(commitment::cells(&SALTS[1], honest), false).unwrap();
    // another salt is another root, which is true as well
    let salted = commitment::cells(&SALTS[0], honest);
    assert!(with(salted.clone(), false).is_err());
    with(salted, true).unwrap();
    let mut other = honest.clone();
    other[1] ^= 1;
    for stated in [false, true] {
        assert!(with(commitment::cells(&SALTS[1], &other), stated).is_err());
    }
    // three values are filled up with five zeros: the cells of four values have a row as well, but another length
    let longer = [&honest[..], &[0]].concat();
    assert_eq!(commitment::permutations(longer.len()), commitment::permutations(honest.len()));
    assert!(with(commitment::cells(&SALTS[1], &longer), true).is_err());
    let filled = [&honest[..], &[7]].concat();
    assert!(with(commitment::cells(&SALTS[1], &filled), true).is_err());
}

/// What verifiers hold a public output to, a lookup does for one that is committed to: the trade of `outputs_that_share_a_cell_cannot_trade`, with
/// elements and a root that follow it.
#[test]
fn a_committed_output_keeps_its_range() {
    let c = committed(&mut eight_high_parts(8), 1, &["y"]);
    let at = |name: &str| c.program.tables.iter().position(|t| t.name == name).unwrap();
    let (t, elements, range) = (at("elementwise0"), at("output y"), at("table[0, 511]"));
    let width = c.program.tables[t].witness.len();
    let column =
        |name: &str| c.program.tables[t].witness.iter().position(|c| c.name.starts_with(name)).unwrap();
    let partner = (4 * width) + column("lo");
    assert!(c.trace.tables[t][partner] > 0, "another seed: the partner's low part is to stay in range");
    let mut forged = c.trace.clone();
    forged.tables[t][column("hi")] += 1 << 23;
    forged.tables[t][partner] -= 1;
    let value = c.trace.tables[t][partner] as usize;
    forged.tables[range][value] -= 1;
    forged.tables[range][value - 1] += 1;
    // what is not looked up any more is counted once less
    forged.tables[at("table[-2048, 2047]")][(c.values[1][0] + 2048) as usize] -= 1;
    forged.tables[elements][0] += 1 << 23;
    let cells = commitment::cells(&SALTS[0], &forged.tables[elements]);
    forged.publics.tensors[1] = commitment::root_of(&cells).unwrap().0.to_vec();
    forged.tables[table(&c.program)] = cells;
    let failures = tessera_checker::check(&c.program, &forged).unwrap_err();
    let lookup = |f: &tessera_checker::Failure| matches!(f, tessera_checker::Failure::Lookup { .. });
    assert!(failures.len() == 1 && lookup(&failures[0]), "the range alone tells: {failures:?}");
}

/// What is proven holds for its roots and no others; proofs of one root differ.
#[test]
fn proofs_are_about_roots() {
    let c = committed(&mut small_cnn(5), 1, &["x", "y"]);
    let backend = tessera_backends::default();
    let keys =
        backend.keys(&c.program, Security { bits: 100, regime: Regime::Proven, goal: Goal::Time }).unwrap();
    assert!(keys.offer.hiding.is_some_and(|bits| bits > 100.0), "{:?}", keys.offer);
    let program = Arc::new(c.program.clone());
    let prover = backend.prover(&keys.proving, program.clone()).unwrap();
    let verifier = backend.verifier(&keys.verifying).unwrap();
    let (proof, _) = prover.prove(c.trace.clone()).unwrap();
    verifier.verify(&c.trace.publics, &proof).unwrap();
    verifier.audit(&program).unwrap();
    let (again, _) = prover.prove(c.trace.clone()).unwrap();
    assert_ne!(again.bytes("proof").unwrap(), proof.bytes("proof").unwrap());
    // other roots, values in place of a root, and a residue in its other form
    let other = root(&SALTS[0], &c.values[1]).0.to_vec();
    let x = c.trace.publics.tensors[0][0];
    let p = tessera_api::field::MODULUS as i128;
    let aliases = [x as i128 + p, x as i128 - p];
    let alias = aliases.into_iter().find_map(|x| i64::try_from(x).ok());
    let mut statements = vec![vec![c.trace.publics.tensors[0].clone(), other], c.values.to_vec()];
    statements.extend(alias.map(|x| {
        let mut tensors = c.trace.publics.tensors.clone();
        tensors[0][0] = x;
        tensors
    }));
    for tensors in statements {
        let refused = verifier.verify(&Publics { tensors }, &proof);
        assert!(matches!(refused, Err(CheckError::Rejected(_))), "{refused:?}");
    }
    // a false witness for a root that was published
    let mut forged = c.trace.clone();
    let t = table(&c.program);
    let mut other = c.values[0].clone();
    other[0] ^= 1;
    let cells = commitment::cells(&SALTS[0], &other);
    let at = forged.tables[t].len() - cells.len();
    forged.tables[t][at..].copy_from_slice(&cells);
    let (false_proof, _) = prover.prove(forged).unwrap();
    let refused = verifier.verify(&c.trace.publics, &false_proof);
    assert!(matches!(refused, Err(CheckError::Rejected(VerifyError::Equation(_)))), "{refused:?}");
}

/// What cannot be: a name that is none, an output that nobody is told anything of.
#[test]
fn what_cannot_be_committed_to_is_refused() {
    let refused = |name: &str, seen: Visibility| {
        let visibility = [(name.to_string(), seen)].into();
        let options = PlaceOptions { visibility, ..PlaceOptions::new(tessera_backends::default()) };
        place_graph(&small_cnn(1).g, &options).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        [refused("z", Visibility::Committed), refused("y", Visibility::Private)].join("\n")
    );
}
