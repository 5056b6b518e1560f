//! Programs at the edge of what is allowed, and what is refused with which words.
use super::suite::GOALS;
use super::suite::quick;
use super::*;

fn prove<E: Extension>(c: &Case) -> Result<Verified, VerifyError> {
    let (pk, vk) = quick::<E>().setup(&c.program).unwrap_or_else(|e| panic!("{}: {e}", c.name));
    let (proof, _) = quick::<E>().prove(&pk, c.trace.clone()).unwrap_or_else(|e| panic!("{}: {e}", c.name));
    quick::<E>().verify(&vk, &c.trace.publics, &proof)
}

/// Σ over three segments of (Σ items)², and of products with another fold, in one table and through a copy.
fn products() -> Case {
    let mut r = rng(1);
    let mut p = program(&["x", "d"]);
    let mut tables = vec![];
    let one = |m: [i64; 2], v: i64| vec![Some((m.to_vec(), v))];
    let a = [[2, 3], [5, 7], [-4, 1]];
    let b = [[1, -1], [10, 20], [3, 4]];
    let segments = |v: [[i64; 2]; 3]| -> Vec<Vec<Vec<Option<Item>>>> {
        v.iter().map(|s| vec![one([0, 0], s[0]), one([1, 0], s[1])]).collect()
    };
    let fa = folded("a", &segments(a), 2, false, &mut r).add(&mut p, &mut tables);
    let fb = folded("b", &segments(b), 2, true, &mut r).add(&mut p, &mut tables);
    let weights = Seq::compress(3, &[1, 0, 0, 1, 0, 1, 1, 0, 2]);
    let square = Seq::compress(3, &[1, 0, 0, 0, 0, 0, 1, 0, 5]);
    for (left, right, weights) in
        [(fa, fa, &square), (fa, fb, &weights), (fb, fa, &weights), (fb, fa, &square)]
    {
        p.terms.push(Term::Join { left, right, weights: weights.clone() });
    }
    // no segment counts
    p.terms.push(Term::Join { left: fa, right: fb, weights: Seq::compress(3, &[0; 9]) });
    let mul = |u: [i64; 2], v: [i64; 2]| [u[0] * v[0], u[0] * v[1] + u[1] * v[0], u[1] * v[1]];
    let poly = |list: &[([i64; 3], i64)]| -> Vec<Item> {
        list.iter().flat_map(|(m, d)| (0..3).map(move |k| (vec![k as i64, *d], m[k]))).collect()
    };
    let squared = poly(&[(mul(a[0], a[0]), 0), (mul(a[2], a[2]), 5)]);
    let product = poly(&[(mul(a[0], b[0]), 0), (mul(a[1], b[1]), 1), (mul(a[2], b[2]), 2)]);
    let partly = poly(&[(mul(a[0], b[0]), 0), (mul(a[2], b[2]), 5)]);
    let mut tensors = vec![];
    for (k, items) in [(0, &squared), (1, &product), (2, &product), (3, &partly)] {
        let (operand, values) = public(&mut p, &format!("t{k}"), items);
        tensors.push(values);
        let terms = vec![
            summand(1, vec![0, 0], Operand::Term(k)),
            summand(7, vec![3, 3], Operand::Term(4)),
            summand(-1, vec![0, 0], operand),
        ];
        p.equations.push(Equation { name: format!("t{k}"), terms });
    }
    // an ordinary fold, twice in one product
    let single = vec![vec![one([0, 0], 6), vec![None], one([2, 0], 7)]];
    let mut f = folded("single", &single, 2, false, &mut r);
    f.table.log_height = 4;
    let f = f.add(&mut p, &mut tables);
    let weight = Seq::compress(3, &[1, 0, 4]);
    p.terms.push(Term::Join { left: f, right: f, weights: weight });
    let items: Vec<Item> = vec![(vec![0, 4], 36), (vec![2, 4], 84), (vec![4, 4], 49)];
    let (operand, values) = public(&mut p, "single", &items);
    tensors.push(values);
    let terms = vec![summand(2, vec![0, 1], Operand::Term(5)), summand(-2, vec![0, 1], operand)];
    p.equations.push(Equation { name: "single".into(), terms });
    Case { name: "products".into(), program: p, trace: Trace { tables, publics: Publics { tensors } } }
}

fn products_of_folds_are_polynomial_products<E: Extension>() {
    let c = products();
    prove::<E>(&c).unwrap();
    for t in 0..c.trace.publics.tensors.len() {
        for i in 0..c.trace.publics.tensors[t].len() {
            let mut bad = c.clone();
            bad.trace.publics.tensors[t][i] += 1;
            assert!(matches!(prove::<E>(&bad), Err(VerifyError::Equation(_))), "{t} {i}");
        }
    }
}

fn joins_of_one_fold_with_one_table_share_a_copy<E: Extension>() {
    let key = quick::<E>().setup(&products().program).unwrap().0;
    assert_eq!(key.compiled.copies.len(), 1);
}

fn tables_without_columns_constraints_or_witness_are_proven<E: Extension>() {
    let mut c = folds(3);
    c.program.tables.push(table("empty", 1, 0));
    c.trace.tables.push(vec![]);
    let mut fixed = table("fixed", 3, 2);
    fixed.fixed.push(FixedColumn {
        name: "f".into(),
        values: Values::Seq(Seq::compress(1, &[1, 2, 3])),
        padding: 0,
    });
    c.program.tables.push(fixed);
    c.trace.tables.push(vec![]);
    let mut free = table("free", 4, 0);
    free.witness.push(column("w"));
    c.program.tables.push(free);
    c.trace.tables.push(vec![1, 2, 3, 4]);
    prove::<E>(&c).unwrap();
}

fn a_fold_without_lanes_is_zero<E: Extension>() {
    let mut c = folds(3);
    let vars = c.program.variables.len();
    c.program.folds.push(Fold {
        name: "nothing".into(),
        table: 0,
        lanes: vec![],
        segments: Seq::compress(1, &[1]),
        segment_count: 1,
    });
    let fold = c.program.folds.len() as u32 - 1;
    let mut weight = vec![0; 1 + vars];
    weight[0] = 1;
    c.program.terms.push(Term::Sum { fold, weights: Seq::compress(1 + vars, &weight) });
    let term = Operand::Term(c.program.terms.len() as u32 - 1);
    let terms = vec![summand(1, vec![0; vars], term)];
    c.program.equations.push(Equation { name: "nothing".into(), terms });
    prove::<E>(&c).unwrap();
}

fn traces_of_another_shape_are_refused<E: Extension>() {
    let c = lookups(2);
    let (pk, _) = quick::<E>().setup(&c.program).unwrap();
    let mut t = c.trace.clone();
    t.tables.pop();
    let text = |r: Result<(crate::keys::Proof<E>, Timings), ProveError>| {
        r.err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(
        text(quick::<E>().prove(&pk, t)),
        "the witness does not fit the proving key: expected 4 tables, found 3"
    );
    let mut t = c.trace.clone();
    let n = t.tables[0].len();
    t.tables[0].push(0);
    let expected = format!(
        "the witness does not fit the proving key: table \"table0\": expected {n} cells, found {}",
        n + 1
    );
    assert_eq!(text(quick::<E>().prove(&pk, t)), expected);
}

#[test]
fn what_cannot_be_proven_is_refused_with_the_reason() {
    let mut p = constraints(1).program;
    p.tables.truncate(1);
    p.tables[0].rows = 2;
    p.tables[0].log_height = 2;
    p.tables[0].fixed.clear();
    p.tables[0].constraints.truncate(0);
    let e = Plonky3::default().setup(&p).err().unwrap().to_string();
    assert_eq!(
        e,
        "backend plonky3 cannot express this model: the tallest table has 2^2 rows; FRI needs at least 2^3"
    );
    let none = program(&[]);
    let e = Plonky3::default().setup(&none).err().unwrap().to_string();
    assert_eq!(e, "backend plonky3 cannot express this model: no tables");
    let far = Plonky3 { target: crate::SecurityTarget { bits: 140, ..Default::default() } };
    let e = far.setup(&constraints(1).program).err().unwrap().to_string();
    assert!(e.contains("140 bits are asked for, and the hash gives 128"), "{e}");
}

/// An inverse rate or a final polynomial that tables do not bear, and parameters that no key of ours has.
#[test]
fn keys_with_impossible_parameters_are_refused() {
    let vk = Plonky3::default().setup(&constraints(1).program).unwrap().1;
    let check = |change: fn(&mut crate::p3::FriConfig), heights: &[u8]| {
        let mut vk = vk.clone();
        (vk.security.fri.queries, vk.security.fri.log_final) = (900, 0);
        change(&mut vk.security.fri);
        let group = |h: &u8| crate::air::Group { log_height: *h, ..vk.air.groups[0].clone() };
        vk.air.groups = heights.iter().map(group).collect();
        crate::security::check(&vk.security, &vk.air)
    };
    assert_eq!(check(|f| f.log_final = 2, &[12, 3]), Ok(()));
    assert_eq!(check(|f| f.log_blowup = 2, &[12, 3]), Ok(()));
    for (change, heights, why) in [
        (
            (|f| f.log_final = 3) as fn(&mut crate::p3::FriConfig),
            [12, 3],
            "a final polynomial of 2^3 coefficients with a table of 2^3 rows",
        ),
        (|f| f.log_blowup = 0, [12, 3], "an inverse rate of 2^0 with a table of 2^3 rows"),
        (|f| f.log_blowup = 5, [12, 3], "an inverse rate of 2^5 with a table of 2^3 rows"),
        (
            |f| (f.log_blowup, f.log_final) = (2, 0),
            [12, 0],
            "an inverse rate of 2^2 with a table of 2^0 rows",
        ),
    ] {
        assert_eq!(check(change, &heights), Err(why.to_string()));
    }
}

/// What is predicted of a proof's size is what it has, up to the luck of its queries and the encoding of numbers.
#[test]
fn sizes_are_predicted() {
    let c = super::join::join(3, super::join::shape(3));
    for goal in GOALS {
        let backend = Plonky3 { target: crate::SecurityTarget { goal, ..Default::default() } };
        let (pk, vk) = backend.setup(&c.program).unwrap();
        let (proof, _) = backend.prove(&pk, c.trace.clone()).unwrap();
        let found = proof.to_container(vk.digest()).to_bytes().len() as f64;
        let predicted = crate::size::proof_bytes(&vk.air, &vk.security.fri);
        println!("{goal:?} {found} {predicted} {:?}", vk.security);
        assert!((found / predicted - 1.0).abs() < 0.1, "{goal:?}: {found} bytes, {predicted} predicted");
        assert!(found as u64 <= vk.proof_bytes_at_most());
    }
}

#[test]
fn targets_are_reached_in_both_regimes() {
    let c = super::join::join(3, super::join::shape(3));
    for regime in [crate::Regime::Proven, crate::Regime::Conjectured] {
        for (bits, goal) in [60, 100, 110].into_iter().flat_map(|b| GOALS.map(|g| (b, g))) {
            let target = crate::SecurityTarget { bits, regime, grinding: 10, goal };
            let backend = Plonky3 { target };
            let (pk, vk) = backend.setup(&c.program).unwrap();
            let (proof, _) = backend.prove(&pk, c.trace.clone()).unwrap();
            let v = backend.verify(&vk, &c.trace.publics, &proof).unwrap();
            assert!(v.security_bits >= bits as f64, "{v:?}");
            // a key that claims more than it gives is refused
            let mut claims = vk.clone();
            claims.security.target.bits = v.security_bits as u32 + 1;
            let e = backend.verify(&claims, &c.trace.publics, &proof).unwrap_err();
            assert!(e.to_string().contains("too weak"), "{e}");
        }
    }
}

both!(
    products_of_folds_are_polynomial_products,
    joins_of_one_fold_with_one_table_share_a_copy,
    tables_without_columns_constraints_or_witness_are_proven,
    a_fold_without_lanes_is_zero,
    traces_of_another_shape_are_refused
);
