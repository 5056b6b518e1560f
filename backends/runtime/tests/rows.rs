//! Whole plans against a plain interpreter that follows the definition row by row, and against themselves: with other
//! thread counts, without the trace, and run again.
mod common;

use common::grows;
use proptest::prelude::*;
use tessera_api::*;
use tessera_checker::testing::{Family, case};
use tessera_runtime::{Prepared, RunError};

/// What a plan means, in i128 and without any haste. None where a value leaves 64 bits or a lookup has no entry.
fn reference(p: &Program, plan: &WitnessPlan, inputs: &[Vec<i64>]) -> Option<Trace> {
    let mut publics = Publics::inputs(p, inputs.to_vec());
    let mut tables: Vec<Vec<i64>> = p
        .tables
        .iter()
        .map(|t| (0..t.rows).flat_map(|_| t.witness.iter().map(|w| w.padding)).collect())
        .collect();
    let mut tensors: Vec<Vec<i64>> = plan.tensors.iter().map(|t| vec![0; t.1 as usize]).collect();
    for s in &plan.steps {
        match s {
            Step::Load { public, tensor } => {
                tensors[*tensor as usize] = publics.tensors[*public as usize].clone();
            }
            Step::Publish { tensor, public } => {
                publics.tensors[*public as usize] = tensors[*tensor as usize].clone();
            }
            Step::Gather { src, dst, places } => {
                let n = places.len().unwrap() as usize;
                for place in places.expand(n).unwrap().chunks(2) {
                    tensors[*dst as usize][place[0] as usize] = tensors[*src as usize][place[1] as usize];
                }
            }
            Step::Fill { constant, dst, places } => {
                let data = p.constants[*constant as usize].values().unwrap();
                let n = places.len().unwrap() as usize;
                for place in places.expand(n).unwrap().chunks(2) {
                    tensors[*dst as usize][place[0] as usize] = data[place[1] as usize];
                }
            }
            Step::Contract { x, w, y, loops } => {
                let (w, offset) = match w {
                    Factor::Constant { constant, offset } => {
                        (p.constants[*constant as usize].values().unwrap(), *offset as i64)
                    }
                    Factor::Tensor(w) => (tensors[*w as usize].clone(), 0),
                };
                for mut turn in 0..loops.iter().map(|l| l.extent as u64).product::<u64>() {
                    let (mut xi, mut wi, mut yi) = (0, offset, 0);
                    for l in loops {
                        let i = (turn % l.extent as u64) as i64;
                        turn /= l.extent as u64;
                        (xi, wi, yi) = (xi + i * l.x, wi + i * l.w, yi + i * l.y);
                    }
                    tensors[*y as usize][yi as usize] += tensors[*x as usize][xi as usize] * w[wi as usize];
                }
            }
            Step::Threshold { x, relation, entry, limit, columns, causal_rows, y } => {
                let provided = p.tables.iter().flat_map(|t| t.provides.iter().map(move |x| (t, x)));
                let (t, provide) = provided.into_iter().find(|x| x.1.relation == *relation)?;
                let column = |e: &Expr| -> Vec<i64> {
                    let at = p.tables.iter().position(|x| std::ptr::eq(x, t)).unwrap();
                    (0..t.rows as usize).map(|r| eval(p, at, r, e, &tables)).collect()
                };
                let (keys, values) = (column(&provide.tuple[0]), column(&provide.tuple[*entry as usize]));
                let (columns, rows) = (*columns as usize, *causal_rows as usize);
                for i in 0..tensors[*y as usize].len() {
                    let last = if rows == 0 { columns } else { i % rows + 1 + columns - rows };
                    let xs = &tensors[*x as usize][i * columns..][..last];
                    let low = xs.iter().max()? + keys[0];
                    let sum = |c: &i64| {
                        let value = |x: &i64| values[values.len().min((c - x - keys[0]) as usize + 1) - 1];
                        xs.iter().map(value).sum::<i64>() <= *limit
                    };
                    let found = (low..low + keys.len() as i64).find(sum)?;
                    tensors[*y as usize][i] = found;
                }
            }
            Step::Greatest { x, columns, greatest, at } => {
                let rows = tensors[*x as usize].chunks(*columns as usize).map(|row| {
                    let most = *row.iter().max().unwrap();
                    (most, row.iter().position(|v| *v == most).unwrap() as i64)
                });
                let (most, first) = rows.unzip();
                tensors[*greatest as usize] = most;
                tensors[*at as usize] = first;
            }
            Step::OneHot { x, columns, y } => {
                let code = |v: &i64| (0..i64::from(*columns)).map(|j| i64::from(j == *v)).collect::<Vec<_>>();
                tensors[*y as usize] = tensors[*x as usize].iter().flat_map(code).collect();
            }
            // no plan here has one
            Step::Commit { .. } => return None,
            Step::Rows(r) => {
                // an operation is for all rows before the next one
                let mut regs = vec![vec![0; r.registers as usize]; r.rows as usize];
                for op in &r.ops {
                    for (row, regs) in regs.iter_mut().enumerate() {
                        one_op(p, (r, op, row), regs, &mut tensors, &mut tables)?;
                    }
                }
            }
        }
    }
    // multiplicities: every lookup of every row, padding too
    for t in 0..p.tables.len() {
        for l in &p.tables[t].lookups {
            for row in 0..1usize << p.tables[t].log_height {
                let tuple: Vec<i64> = l.tuple.iter().map(|e| eval(p, t, row, e, &tables)).collect();
                let (pt, column, at) = find(p, l.relation, &tuple, &tables)?;
                tables[pt][at * p.tables[pt].witness.len() + column] += 1;
            }
        }
    }
    Some(Trace { tables, publics })
}

fn eval(p: &Program, table: usize, row: usize, e: &Expr, tables: &[Vec<i64>]) -> i64 {
    let t = &p.tables[table];
    let active = row < t.rows as usize;
    let cell = |c: Cell| match c {
        Cell::Fixed(c) if active => p.fixed_values(t, &t.fixed[c as usize]).unwrap()[row],
        Cell::Fixed(c) => t.fixed[c as usize].padding,
        Cell::Witness(c) if active => tables[table][row * t.witness.len() + c as usize],
        Cell::Witness(c) => t.witness[c as usize].padding,
    };
    e.constant + e.terms.iter().map(|(k, f)| k * f.iter().map(|c| cell(*c)).product::<i64>()).sum::<i64>()
}

/// Table, multiplicity column and row that provide a tuple, or its beginning.
fn find(p: &Program, relation: u32, tuple: &[i64], tables: &[Vec<i64>]) -> Option<(usize, usize, usize)> {
    p.tables.iter().enumerate().find_map(|(t, table)| {
        table.provides.iter().filter(|x| x.relation == relation).find_map(|x| {
            let same = |row: usize| tuple.iter().zip(&x.tuple).all(|(v, e)| eval(p, t, row, e, tables) == *v);
            (0..table.rows as usize).find(|r| same(*r)).map(|r| (t, x.multiplicity as usize, r))
        })
    })
}

fn one_op(
    p: &Program,
    (s, op, row): (&RowStep, &RowOp, usize),
    regs: &mut [i64],
    tensors: &mut [Vec<i64>],
    tables: &mut [Vec<i64>],
) -> Option<()> {
    let (t, at) = (s.table as usize, s.first_row as usize + row);
    let index = |i: &Seq| i.expand(s.rows as usize).unwrap()[row];
    match op {
        RowOp::Gather { tensor, index: i, default, dst } => {
            let i = index(i);
            regs[*dst as usize] = if i < 0 { *default } else { tensors[*tensor as usize][i as usize] };
        }
        RowOp::Fixed { column, dst } => {
            let e = Expr::fixed(*column);
            regs[*dst as usize] = eval(p, t, at, &e, tables);
        }
        RowOp::Affine { terms, constant, dst } => {
            let sum = |s: i128, (k, r): &(i64, u32)| s + *k as i128 * regs[*r as usize] as i128;
            regs[*dst as usize] = i64::try_from(terms.iter().fold(*constant as i128, sum)).ok()?;
        }
        RowOp::Mul { a, b, dst } => {
            regs[*dst as usize] = regs[*a as usize].checked_mul(regs[*b as usize])?;
        }
        RowOp::Max { a, b, dst } => regs[*dst as usize] = regs[*a as usize].max(regs[*b as usize]),
        RowOp::Split { src, shift, hi, lo } => {
            let x = regs[*src as usize];
            regs[*hi as usize] = x.div_euclid(1 << shift);
            regs[*lo as usize] = x.rem_euclid(1 << shift);
        }
        RowOp::Quotient { src, divisor, dst } => {
            let (x, d) = (i128::from(regs[*src as usize]), i128::from(*divisor));
            regs[*dst as usize] = i64::try_from((x - (x % d + d) % d) / d).ok()?;
        }
        RowOp::Mantissa { src, step, bits, first, last, mantissa, exponent } => {
            let x = i128::from(regs[*src as usize]);
            let quotient = |e: u32| x.div_euclid(1 << (step * e));
            let mut e = *first;
            while e < *last && quotient(e) >= 1 << bits {
                e += 1;
            }
            regs[*mantissa as usize] = i64::try_from(quotient(e)).ok()?;
            regs[*exponent as usize] = i64::from(e);
        }
        RowOp::Lookup { relation, key, entry, dst } => {
            let (pt, column, r) = find(p, *relation, &[regs[*key as usize]], tables)?;
            let provide = p.tables[pt]
                .provides
                .iter()
                .find(|x| x.relation == *relation && x.multiplicity as usize == column)?;
            regs[*dst as usize] = eval(p, pt, r, &provide.tuple[*entry as usize], tables);
        }
        RowOp::Store { src, column } => {
            tables[t][at * p.tables[t].witness.len() + *column as usize] = regs[*src as usize];
        }
        RowOp::Scatter { src, tensor, index: i } => {
            let i = index(i);
            if i >= 0 {
                tensors[*tensor as usize][i as usize] = regs[*src as usize];
            }
        }
    }
    Some(())
}

/// Random row programs over a table of `rows` rows and registers 0..4, reading tensor 0 and writing tensor 1.
fn rows_case(
    rows: usize,
    first: usize,
    ops: Vec<RowOp>,
    input: Vec<i64>,
) -> (Program, WitnessPlan, Vec<Vec<i64>>) {
    let keys: Vec<i64> = (0..40).map(|i| i * 3 - 60).collect();
    let values: Vec<i64> = keys.iter().map(|k| k * k - 5).collect();
    let fixed = |name: &str, v: &[i64], padding| FixedColumn {
        name: name.into(),
        values: Values::Seq(Seq::compress(1, v)),
        padding,
    };
    let witness = |name: &str, padding| WitnessColumn { name: name.into(), padding };
    let functions = Table {
        name: "squares".into(),
        rows: 40,
        log_height: 6,
        fixed: vec![fixed("key", &keys, -60), fixed("value", &values, 3595)],
        committed: false,
        witness: vec![witness("multiplicity", 0)],
        constraints: vec![],
        lookups: vec![],
        provides: vec![Provide { relation: 0, tuple: vec![Expr::fixed(0), Expr::fixed(1)], multiplicity: 0 }],
    };
    let total = rows + first;
    let ramp: Vec<i64> = (0..total as i64).map(|i| i * i - 3).collect();
    let main = Table {
        name: "main".into(),
        rows: total as u32,
        log_height: total.next_power_of_two().ilog2() as u8,
        fixed: vec![fixed("ramp", &ramp, 0)],
        committed: false,
        witness: vec![witness("a", 7), witness("b", 0), witness("c", -1)],
        constraints: vec![],
        lookups: vec![],
        provides: vec![],
    };
    let public = |name: &str, n: usize, role| Public {
        name: name.into(),
        shape: vec![1, n as u32],
        min: -(1 << 61),
        max: 1 << 61,
        role,
    };
    let n = input.len();
    let program = Program {
        version: VERSION,
        zero_knowledge: false,
        constants: vec![],
        matrices: vec![],
        tables: vec![functions, main],
        relations: vec!["squares".into()],
        publics: vec![public("x", n, Role::Input), public("y", rows, Role::Output)],
        variables: vec![],
        folds: vec![],
        terms: vec![],
        equations: vec![],
    };
    let step = RowStep {
        table: 1,
        first_row: first as u32,
        rows: rows as u32,
        registers: 5,
        ops,
        source: "the step".into(),
    };
    let plan = WitnessPlan {
        tensors: vec![("x".into(), n as u64), ("y".into(), rows as u64)],
        steps: vec![
            Step::Load { public: 0, tensor: 0 },
            Step::Rows(step),
            Step::Publish { tensor: 1, public: 1 },
        ],
    };
    (program, plan, vec![input])
}

fn op(rows: usize, n: usize) -> impl Strategy<Value = RowOp> {
    let r = 0u32..5;
    let big =
        prop::sample::select(vec![-3i64, -1, 0, 1, 2, 1 << 31, 1 << 40, -(1 << 62), i64::MAX, i64::MIN]);
    prop_oneof![
        (prop::collection::vec(-1i64..n as i64, rows), big.clone(), r.clone()).prop_map(
            |(i, default, dst)| { RowOp::Gather { tensor: 0, index: Seq::compress(1, &i), default, dst } }
        ),
        r.clone().prop_map(|dst| RowOp::Fixed { column: 0, dst }),
        (
            prop::collection::vec((prop_oneof![4 => -3i64..4, 1 => big.clone()], r.clone()), 0..4),
            -9i64..9,
            r.clone()
        )
            .prop_map(|(terms, constant, dst)| RowOp::Affine { terms, constant, dst }),
        (r.clone(), r.clone(), r.clone()).prop_map(|(a, b, dst)| RowOp::Mul { a, b, dst }),
        (r.clone(), r.clone(), r.clone()).prop_map(|(a, b, dst)| RowOp::Max { a, b, dst }),
        (r.clone(), 0u32..63, r.clone(), 1u32..5).prop_map(|(src, shift, hi, d)| RowOp::Split {
            src,
            shift,
            hi,
            lo: (hi + d) % 5
        }),
        (r.clone(), 1i64..50, r.clone()).prop_map(|(src, divisor, dst)| RowOp::Quotient {
            src,
            divisor,
            dst
        }),
        (r.clone(), (1u32..5, 0u32..20), (0u32..5, 0u32..8), r.clone(), 1u32..5).prop_map(
            |(src, (step, bits), (first, more), mantissa, d)| RowOp::Mantissa {
                src,
                step,
                bits,
                first,
                last: first + more,
                mantissa,
                exponent: (mantissa + d) % 5
            }
        ),
        (r.clone(), 0u32..3).prop_map(|(src, column)| RowOp::Store { src, column }),
        (r.clone(), prop::collection::vec(-1i64..rows as i64, rows)).prop_map(|(src, i)| RowOp::Scatter {
            src,
            tensor: 1,
            index: Seq::compress(1, &i)
        }),
        (r.clone(), r.clone()).prop_map(|(key, dst)| RowOp::Lookup { relation: 0, key, entry: 1, dst }),
    ]
}

fn program_of_rows() -> impl Strategy<Value = (usize, usize, Vec<RowOp>, Vec<i64>)> {
    (1usize..20, 0usize..4, 1usize..10).prop_flat_map(|(rows, first, n)| {
        let ops = prop::collection::vec(op(rows, n), 0..10);
        let values = prop_oneof![20 => (-20i64..20).prop_map(|k| 3 * k), 1 => -(1i64 << 61)..1 << 61];
        (Just(rows), Just(first), ops, prop::collection::vec(values, n))
    })
}

/// Every register gets a value first, so that all of them may be read.
fn started(rows: usize, n: usize, mut ops: Vec<RowOp>) -> Vec<RowOp> {
    let index = Seq::compress(1, &(0..rows).map(|r| (r % n) as i64).collect::<Vec<_>>());
    let mut all: Vec<RowOp> =
        (0..5).map(|dst| RowOp::Gather { tensor: 0, index: index.clone(), default: 0, dst }).collect();
    all.append(&mut ops);
    all
}

fn threads<T: Send>(n: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(f)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn row_programs_follow_the_definition((rows, first, ops, input) in program_of_rows()) {
        let ops = started(rows, input.len(), ops);
        let (program, plan, inputs) = rows_case(rows, first, ops, input);
        let prepared = Prepared::new(&program, &plan).unwrap();
        grows(&prepared, &inputs, first as u64 + 7 * rows as u64);
        let found = prepared.run(inputs.clone());
        match reference(&program, &plan, &inputs) {
            Some(t) if t.publics.check(&program.publics).is_ok() => {
                prop_assert_eq!(prepared.outputs(inputs).unwrap(), t.publics.clone());
                prop_assert_eq!(found.unwrap(), t);
            }
            Some(_) => prop_assert!(matches!(found, Err(RunError::Outputs(_))), "{found:?}"),
            None => prop_assert!(
                matches!(found, Err(RunError::Overflow { .. } | RunError::Missing { .. })), "{found:?}"
            ),
        }
    }

    #[test]
    fn plans_follow_the_definition(f in prop::sample::select(Family::ALL.to_vec()), seed: u64) {
        let c = case(f, seed);
        let prepared = Prepared::new(&c.program, &c.plan).unwrap();
        prop_assert!(grows(&prepared, &c.inputs, seed));
        let t = prepared.run(c.inputs.clone()).unwrap();
        prop_assert_eq!(Some(t.clone()), reference(&c.program, &c.plan, &c.inputs));
        prop_assert_eq!(prepared.outputs(c.inputs.clone()).unwrap(), t.publics.clone());
        let mut seen = vec![];
        let again = prepared.observe(c.inputs.clone(), &mut |name, _| seen.push(name.to_string())).unwrap();
        prop_assert_eq!(again, t);
        for (name, _) in &c.plan.tensors {
            prop_assert!(seen.contains(name), "{name} was never shown");
        }
    }

    #[test]
    fn threads_change_nothing(f in prop::sample::select(Family::ALL.to_vec()), seed: u64) {
        let c = case(f, seed);
        let prepared = Prepared::new(&c.program, &c.plan).unwrap();
        let one = threads(1, || prepared.run(c.inputs.clone())).unwrap();
        let three = threads(3, || prepared.run(c.inputs.clone())).unwrap();
        prop_assert_eq!(one, three);
    }
}

#[test]
fn the_first_of_the_greatest_is_found() {
    let (program, mut plan, inputs) = rows_case(3, 0, vec![], vec![4, 9, 9, -7, -2, -3, 5, 5, 5]);
    plan.tensors.push(("most".into(), 3));
    plan.steps[1] = Step::Greatest { x: 0, columns: 3, greatest: 2, at: 1 };
    let prepared = Prepared::new(&program, &plan).unwrap();
    assert!(grows(&prepared, &inputs, 3));
    let trace = prepared.run(inputs.clone()).unwrap();
    assert_eq!(trace.publics.tensors[1], [1, 1, 0]);
    assert_eq!(Some(trace), reference(&program, &plan, &inputs));
    let wrong = [(0, 4, 2, 1), (0, 3, 1, 1), (0, 3, 0, 1), (0, 0, 2, 1), (9, 3, 2, 1)];
    for (x, columns, greatest, at) in wrong {
        plan.steps[1] = Step::Greatest { x, columns, greatest, at };
        assert!(Prepared::new(&program, &plan).is_err());
    }
}

#[test]
fn a_one_hot_code_has_a_one_where_there_is_such_a_position() {
    let (program, mut plan, inputs) = rows_case(6, 0, vec![], vec![2, 7]);
    plan.steps[1] = Step::OneHot { x: 0, columns: 3, y: 1 };
    let prepared = Prepared::new(&program, &plan).unwrap();
    assert!(grows(&prepared, &inputs, 4));
    let trace = prepared.run(inputs.clone()).unwrap();
    assert_eq!(trace.publics.tensors[1], [0, 0, 1, 0, 0, 0]);
    assert_eq!(Some(trace), reference(&program, &plan, &inputs));
    for (x, columns, y) in [(0, 2, 1), (0, 0, 1), (1, 1, 1), (0, 3, 9), (9, 3, 1), (0, u32::MAX, 1)] {
        plan.steps[1] = Step::OneHot { x, columns, y };
        assert!(Prepared::new(&program, &plan).is_err());
    }
}

/// Enough rows for many blocks, so that blocks, chunks of lookups and contractions are shared among threads.
#[test]
fn many_rows_on_many_threads() {
    let rows = 20_000;
    let index = Seq::compress(1, &(0..rows as i64).map(|r| r * 7 % 1000).collect::<Vec<_>>());
    let back = Seq::compress(1, &(0..rows as i64).rev().collect::<Vec<_>>());
    let ops = vec![
        RowOp::Gather { tensor: 0, index, default: 0, dst: 0 },
        RowOp::Store { src: 0, column: 0 },
        RowOp::Lookup { relation: 0, key: 0, entry: 1, dst: 1 },
        RowOp::Store { src: 1, column: 1 },
        RowOp::Scatter { src: 1, tensor: 1, index: back },
    ];
    let input = (0..1000).map(|i| i % 40 * 3 - 60).collect();
    let (mut program, plan, inputs) = rows_case(rows, 0, ops, input);
    program.tables[1].witness.iter_mut().zip([-60, 3595, 0]).for_each(|(w, p)| w.padding = p);
    let tuple = vec![Expr::witness(0), Expr::witness(1)];
    program.tables[1].lookups.push(Lookup { relation: 0, tuple, source: "squares".into() });
    let prepared = Prepared::new(&program, &plan).unwrap();
    let one = threads(1, || prepared.run(inputs.clone())).unwrap();
    assert_eq!(threads(4, || prepared.run(inputs.clone())).unwrap(), one);
    assert_eq!(one.tables[0].iter().sum::<i64>(), 1 << 15);
    assert_eq!(tessera_checker::check(&program, &one), Ok(()));
}
