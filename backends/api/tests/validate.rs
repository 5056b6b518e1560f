//! Every rule of `Program::validate`, at its border: what is just allowed is accepted, what is just beyond is refused with its reason.
//!
//! Invariant: one honest Program, one change a case.
use tessera_api::validate::{MAX_COLUMNS, MAX_LOG_HEIGHT};
use tessera_api::*;

/// Largest exponent of a fold.
const MAX_EXPONENT: i64 = 1 << 32;
const RANGE: usize = 0;
const WEIGHTS: usize = 1;
const ROWS: usize = 2;

fn fixed(values: Values, padding: i64) -> FixedColumn {
    FixedColumn { name: "f".into(), values, padding }
}

fn column() -> WitnessColumn {
    WitnessColumn { name: "w".into(), padding: 0 }
}

fn table(name: &str, rows: u32, log_height: u8) -> Table {
    Table {
        name: name.into(),
        rows,
        log_height,
        fixed: vec![],
        committed: false,
        witness: vec![],
        constraints: vec![],
        lookups: vec![],
        provides: vec![],
    }
}

fn seq(values: &[i64]) -> Seq {
    Seq::compress(1, values)
}

/// So many times the monomial 1.
fn ones(count: usize) -> Seq {
    Seq::constant(&[1, 0, 0], count)
}

fn lane(expr: Expr, monomials: Seq) -> Lane {
    Lane { expr, monomials }
}

fn fold(table: usize, lanes: Vec<Lane>, ends: &[i64]) -> Fold {
    let (segments, segment_count) = (seq(ends), ends.len() as u32);
    Fold { name: "f".into(), table: table as u32, lanes, segments, segment_count }
}

fn product(factors: usize) -> Expr {
    Expr { constant: 0, terms: vec![(1, vec![Cell::Witness(0); factors])] }
}

fn constraint(expr: Expr) -> Constraint {
    Constraint { expr, source: "test".into() }
}

/// A Program with something of every kind: a range table with padding, weights in a matrix and gathered, rows that are looked up,
/// folds of one and of two segments, a join, public values, ones. z is an indeterminate, t has a value.
fn honest() -> Program {
    let range = Table {
        fixed: vec![fixed(Values::Seq(seq(&[0, 1, 2])), 2)],
        witness: vec![column()],
        provides: vec![Provide { relation: 0, tuple: vec![Expr::fixed(0)], multiplicity: 0 }],
        ..table("range", 3, 2)
    };
    let weights = Table {
        fixed: vec![
            fixed(Values::Matrix { matrix: 0, lane: 0 }, 0),
            fixed(Values::Matrix { matrix: 0, lane: 1 }, 0),
            fixed(Values::Gather { constant: 0, index: seq(&[0, -1]) }, 0),
        ],
        ..table("weights", 2, 1)
    };
    let rows = Table {
        witness: vec![column(), column()],
        constraints: vec![constraint(product(3))],
        lookups: vec![Lookup { relation: 0, tuple: vec![Expr::witness(0)], source: "test".into() }],
        ..table("rows", 4, 2)
    };
    let block =
        Block { constant: 0, segments: seq(&[0]), channels: seq(&[0, 1]), taps: seq(&[0, 2]), pack: 1 };
    let first_half = Seq::compress(3, &[1, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    let term = |coefficient, operand| EquationTerm { coefficient, monomial: vec![0, 0], operand };
    Program {
        version: program::VERSION,
        zero_knowledge: false,
        constants: vec![Blob::new([5, 6, 7, 8])],
        matrices: vec![Matrix { width: 2, radix: 256, blocks: vec![block] }],
        tables: vec![range, weights, rows],
        relations: vec!["range".into()],
        publics: vec![Public { name: "x".into(), shape: vec![2, 2], min: -5, max: 5, role: Role::Input }],
        variables: vec!["z".into(), Variable { name: "t".into(), value: Some(256) }],
        folds: vec![
            fold(WEIGHTS, vec![lane(Expr::fixed(0), ones(2)), lane(Expr::fixed(1), ones(2))], &[1, 2]),
            fold(ROWS, vec![lane(Expr::witness(0), ones(4))], &[2, 4]),
            fold(ROWS, vec![lane(Expr::witness(1), first_half)], &[2]),
        ],
        terms: vec![
            Term::Join { left: 1, right: 0, weights: ones(2) },
            Term::Sum { fold: 2, weights: ones(1) },
        ],
        equations: vec![Equation {
            name: "link".into(),
            terms: vec![
                term(1, Operand::Term(0)),
                term(-1, Operand::Public { public: 0, monomials: ones(4) }),
                term(1, Operand::Ones { monomials: ones(3) }),
            ],
        }],
    }
}

fn verdict(change: impl Fn(&mut Program)) -> String {
    let mut p = honest();
    change(&mut p);
    p.validate().err().map_or("accepted".into(), |e| e.to_string())
}

#[track_caller]
fn accepted(change: impl Fn(&mut Program)) {
    assert_eq!(verdict(change), "accepted");
}

#[track_caller]
fn refused(why: &str, change: impl Fn(&mut Program)) {
    assert_eq!(verdict(change), why);
}

/// A sequence is of another length or dimension than it should be.
#[track_caller]
fn misfits(change: impl Fn(&mut Program)) {
    let mut p = honest();
    change(&mut p);
    let verdict = p.validate();
    assert!(matches!(verdict, Err(ProgramError::Layout(_))), "{verdict:?}");
}

#[test]
fn the_honest_program_and_its_version() {
    accepted(|_| {});
    let newer = format!("Program version {}, this build reads {}", program::VERSION + 1, program::VERSION);
    refused(&newer, |p| p.version += 1);
}

#[test]
fn values_of_variables() {
    let with = |value: i64| move |p: &mut Program| p.variables[1].value = Some(value);
    accepted(with(2));
    accepted(with(1 << 62));
    for value in [1, 0, -1, (1 << 62) + 1] {
        refused("variable \"t\" has an impossible value", with(value));
    }
}

#[test]
fn sizes_of_tables() {
    let with = |rows: u32, log_height: u8| {
        move |p: &mut Program| {
            let t = &mut p.tables[ROWS];
            (t.rows, t.log_height) = (rows, log_height);
            p.folds.truncate(1);
            p.terms.clear();
            p.equations.clear();
        }
    };
    accepted(with(1, 0));
    accepted(with(4, 2));
    accepted(with(1 << MAX_LOG_HEIGHT, MAX_LOG_HEIGHT));
    for (rows, log_height) in [(0, 2), (5, 2), (1, MAX_LOG_HEIGHT + 1)] {
        let why = format!("table \"rows\" has {rows} rows and height 2^{log_height}");
        refused(&why, with(rows, log_height));
    }
    let columns = |fixed_columns: usize, witness: usize| {
        move |p: &mut Program| {
            let t = &mut p.tables[ROWS];
            t.fixed = vec![fixed(Values::Seq(Seq::constant(&[1], 4)), 0); fixed_columns];
            t.witness = vec![column(); witness];
        }
    };
    let most = MAX_COLUMNS as usize;
    accepted(columns(1, most - 1));
    refused(&format!("table \"rows\" has more than {MAX_COLUMNS} columns"), columns(1, most));
    refused(&format!("table \"rows\" has more than {MAX_COLUMNS} columns"), columns(most - 1, 2));
}

#[test]
fn values_of_fixed_columns() {
    let values = |table: usize, column: usize, values: Values| {
        move |p: &mut Program| p.tables[table].fixed[column].values = values.clone()
    };
    misfits(values(RANGE, 0, Values::Seq(seq(&[0, 1]))));
    misfits(values(RANGE, 0, Values::Seq(Seq::constant(&[1, 1], 3))));
    let gather = |constant, index: &[i64]| values(WEIGHTS, 2, Values::Gather { constant, index: seq(index) });
    refused("constant 1 does not exist", gather(1, &[0, 1]));
    misfits(gather(0, &[0]));
    let matrix = |matrix, lane| values(WEIGHTS, 2, Values::Matrix { matrix, lane });
    accepted(matrix(0, 1));
    refused("matrix 1 does not exist", matrix(1, 0));
    refused("lane 2 does not exist", matrix(0, 2));
    let why = "a matrix of weights has 3 rows, table \"weights\" 2";
    refused(why, |p| p.matrices[0].blocks[0].taps = seq(&[0, 2, 1]));
    refused("constant 1 does not exist", |p| p.matrices[0].blocks[0].constant = 1);
}

#[test]
fn expressions_of_rows() {
    let expr = |expr: Expr| move |p: &mut Program| p.tables[ROWS].constraints[0].expr = expr.clone();
    let degree = "a constraint of table \"rows\" has degree 4, at most 3 is possible";
    refused(degree, expr(product(4)));
    let empty = Expr { constant: 1, terms: vec![(1, vec![])] };
    refused("a constraint of table \"rows\" has a term without factors", expr(empty));
    accepted(expr(Expr::witness(1)));
    refused("witness column 2 does not exist", expr(Expr::witness(2)));
    refused("fixed column 0 does not exist", expr(Expr::fixed(0)));
    accepted(|p| {
        p.tables[ROWS].fixed.push(fixed(Values::Seq(Seq::constant(&[1], 4)), 0));
        p.tables[ROWS].constraints[0].expr = Expr::fixed(0);
    });
}

#[test]
fn lookups_and_what_they_look_in() {
    let tuple = |tuple: Vec<Expr>| move |p: &mut Program| p.tables[ROWS].lookups[0].tuple = tuple.clone();
    refused("a lookup of table \"rows\" has no entries", tuple(vec![]));
    refused("a lookup entry of table \"rows\" has degree 2, at most 1 is possible", tuple(vec![product(2)]));
    refused("witness column 2 does not exist", tuple(vec![Expr::witness(2)]));
    let sizes = "relation \"range\" has tuples of different sizes";
    refused(sizes, tuple(vec![Expr::witness(0), Expr::witness(1)]));
    refused("relation 1 does not exist", |p| p.tables[ROWS].lookups[0].relation = 1);
    // in a relation of its own, of another size
    accepted(|p| {
        p.relations.push("other".into());
        let l = &mut p.tables[ROWS].lookups[0];
        (l.relation, l.tuple) = (1, vec![Expr::witness(0), Expr::witness(1)]);
    });
}

#[test]
fn what_tables_provide() {
    let provide = |change: fn(&mut Provide)| move |p: &mut Program| change(&mut p.tables[RANGE].provides[0]);
    refused("relation 1 does not exist", provide(|p| p.relation = 1));
    refused("witness column 1 does not exist", provide(|p| p.multiplicity = 1));
    let not_fixed = "table \"range\" provides a tuple that is empty or not fixed";
    refused(not_fixed, provide(|p| p.tuple.clear()));
    refused(not_fixed, |p| {
        p.tables[RANGE].witness.push(column());
        p.tables[RANGE].provides[0].tuple = vec![Expr::witness(1)];
    });
    let square =
        |p: &mut Provide| p.tuple = vec![Expr { constant: 0, terms: vec![(1, vec![Cell::Fixed(0); 2])] }];
    refused("a provided entry of table \"range\" has degree 2, at most 1 is possible", provide(square));
    refused("fixed column 1 does not exist", provide(|p| p.tuple = vec![Expr::fixed(1)]));
    // a multiplicity that something else reads
    let twice = "a multiplicity column of table \"range\" is used twice";
    refused(twice, |p| p.tables[RANGE].constraints.push(constraint(product(1))));
    accepted(|p| {
        p.tables[RANGE].witness.push(column());
        p.tables[RANGE].constraints.push(constraint(Expr::witness(1)));
    });
}

/// Padding repeats what a row provides, as the tuple says it, wherever the column's values are from.
#[test]
fn padding_of_what_tables_provide() {
    let padding = |values: Values, padding: i64, tuple: Vec<Expr>| {
        move |p: &mut Program| {
            p.matrices[0].blocks[0].taps = seq(&[0, 2, 1]);
            p.tables.remove(WEIGHTS);
            p.folds.clear();
            p.terms.clear();
            p.equations.clear();
            p.tables[1].lookups[0].tuple = vec![Expr::witness(0); tuple.len()];
            let t = &mut p.tables[RANGE];
            t.fixed = vec![fixed(values.clone(), padding), fixed(Values::Seq(seq(&[7, 8, 9])), 8)];
            t.provides[0].tuple = tuple.clone();
        }
    };
    let key = || vec![Expr::fixed(0)];
    let new = "padding of table \"range\" provides a tuple in relation \"range\" that no active row does";
    let gather = || Values::Gather { constant: 0, index: seq(&[0, -1, 3]) };
    for (values, held) in [
        (Values::Seq(seq(&[0, 1, 2])), [0, 1, 2]),
        (gather(), [5, 0, 8]),
        (Values::Matrix { matrix: 0, lane: 0 }, [5, 7, 6]),
        (Values::Matrix { matrix: 0, lane: 1 }, [6, 8, 7]),
    ] {
        for x in held {
            accepted(padding(values.clone(), x, key()));
        }
        refused(new, padding(values, 9, key()));
    }
    // both entries on one row: (1, 8) is there, (0, 8) is not
    let pair = || vec![Expr::fixed(0), Expr::fixed(1)];
    accepted(padding(Values::Seq(seq(&[0, 1, 2])), 1, pair()));
    refused(new, padding(Values::Seq(seq(&[0, 1, 2])), 0, pair()));
    // 2·f + 3·g − 1
    let sum =
        || vec![Expr { constant: -1, terms: vec![(2, vec![Cell::Fixed(0)]), (3, vec![Cell::Fixed(1)])] }];
    accepted(padding(Values::Seq(seq(&[0, 1, 2])), 1, sum()));
    refused(new, padding(Values::Seq(seq(&[0, 1, 2])), 2, sum()));
    // a table without padding rows has nothing to repeat
    accepted(|p| {
        let t = &mut p.tables[RANGE];
        t.rows = 4;
        t.fixed[0] = fixed(Values::Seq(seq(&[0, 1, 2, 3])), 9);
    });
    let many = |rows: u32| {
        move |p: &mut Program| {
            let t = &mut p.tables[RANGE];
            (t.rows, t.log_height) = (rows, 23);
            let index = Seq { dim: 1, runs: vec![Run { start: vec![0], loops: vec![(rows, vec![0])] }] };
            t.fixed[0] = fixed(Values::Gather { constant: 0, index }, 5);
        }
    };
    accepted(many(1 << 22));
    refused("table \"range\" provides gathered values on 4194305 rows", many((1 << 22) + 1));
}

/// What is looked at one by one is bounded by a number, not by the file.
#[test]
fn work_is_bounded() {
    let tall = |more: bool| {
        move |p: &mut Program| {
            let t = &mut p.tables[RANGE];
            (t.rows, t.log_height) = (1 << 26, 26);
            let run = Run { start: vec![0], loops: vec![(1 << 26, vec![1])] };
            t.fixed[0].values = Values::Seq(Seq { dim: 1, runs: vec![run] });
            t.provides[0].tuple = vec![Expr::fixed(0); 2];
            p.tables[ROWS].lookups[0].tuple = vec![Expr::witness(0); 2];
            p.equations.clear();
            p.folds[2] = fold(ROWS, vec![lane(Expr::witness(1), ones(4))], &[4]);
            if more {
                let fixed = vec![fixed(Values::Seq(seq(&[0])), 0)];
                let provides = vec![Provide { relation: 1, tuple: vec![Expr::fixed(0)], multiplicity: 0 }];
                p.relations.push("more".into());
                p.tables.push(Table { fixed, witness: vec![column()], provides, ..table("more", 1, 0) });
            }
        }
    };
    accepted(tall(false));
    let cells = |n: u64| {
        format!("its lookup tables and open segments have {n} cells, at most {} are possible", 1 << 27)
    };
    refused(&cells((1 << 27) + 1), tall(true));
    // lanes of segments that reach to the end are not looked at
    accepted(|p| {
        let rows = 1 << 26;
        (p.tables[ROWS].rows, p.tables[ROWS].log_height) = (rows, 26);
        p.folds[1] = fold(ROWS, vec![lane(Expr::witness(0), ones(rows as usize)); 3], &[2, rows.into()]);
        p.folds[2] = fold(ROWS, vec![lane(Expr::witness(0), ones(rows as usize)); 3], &[rows.into()]);
    });
    // lanes of open segments: those of the range table come first
    refused(&cells(3 * (1 << 26) + 3), |p| {
        let rows = 1 << 26;
        (p.tables[ROWS].rows, p.tables[ROWS].log_height) = (rows, 26);
        p.folds[1] = fold(ROWS, vec![lane(Expr::witness(0), ones(rows as usize))], &[2, rows.into()]);
        p.folds[2] = fold(ROWS, vec![lane(Expr::witness(0), ones(rows as usize)); 3], &[1]);
    });
    // sums of ones
    let many = |count: usize| {
        move |p: &mut Program| p.equations[0].terms[2].operand = Operand::Ones { monomials: ones(count) }
    };
    let others = 3 + 4;
    accepted(many((1 << 27) - others));
    refused(&cells((1 << 27) + 1), many((1 << 27) - others + 1));
}

#[test]
fn public_tensors() {
    let public = |shape: &[u32], min: i64, max: i64| {
        let public = Public { name: "more".into(), shape: shape.to_vec(), min, max, role: Role::Output };
        move |p: &mut Program| p.publics.push(public.clone())
    };
    let limit = 1i64 << 61;
    accepted(public(&[65536, 65536], -limit, limit));
    accepted(public(&[], 3, 3));
    let impossible = "public tensor \"more\" has an impossible shape or range";
    for (shape, min, max) in [
        (&[65536, 65537][..], 0, 1),
        (&[1 << 31, 1 << 31, 1 << 31], 0, 1),
        (&[2, 0], 0, 1),
        (&[2], 1, 0),
        (&[2], -limit - 1, 0),
        (&[2], 0, limit + 1),
    ] {
        refused(impossible, public(shape, min, max));
    }
}

/// What is private is hidden, or there is no such thing.
#[test]
fn private_tensors() {
    let hidden = |zero_knowledge: bool, role: Role| {
        move |p: &mut Program| {
            p.zero_knowledge = zero_knowledge;
            p.publics.push(Public { name: "p".into(), shape: vec![2], min: 0, max: 1, role });
        }
    };
    for role in [Role::Private, Role::CommittedInput, Role::CommittedOutput] {
        accepted(hidden(true, role));
        refused("tensor \"p\" is hidden, and proofs hide nothing", hidden(false, role));
    }
}

/// Of what is committed to, equations speak of the root, and of as many numbers.
#[test]
fn roots_in_equations() {
    let of = |role: Role, numbers: usize| {
        move |p: &mut Program| {
            p.zero_knowledge = true;
            p.publics.push(Public { name: "p".into(), shape: vec![2], min: 0, max: 1, role });
            let operand = Operand::Public { public: 1, monomials: Seq::constant(&[1, 0, 0], numbers) };
            p.equations[0].terms.push(EquationTerm { coefficient: 1, monomial: vec![0, 0], operand });
        }
    };
    for role in [Role::CommittedInput, Role::CommittedOutput] {
        accepted(of(role, 4));
        misfits(of(role, 2));
    }
    refused("equation \"link\" speaks of the private tensor \"p\"", of(Role::Private, 2));
}

/// Tables of an owner that say, column by column, that a second list is equal to theirs.
fn certificate() -> Program {
    let twice = |name: &str| Table {
        fixed: vec![fixed(Values::Seq(seq(&[0; 4])), 0), fixed(Values::Seq(seq(&[0; 4])), 0)],
        witness: vec![column(), column()],
        committed: true,
        ..table(name, 4, 2)
    };
    let difference =
        |c: u32| Expr { constant: 0, terms: vec![(1, vec![Cell::Fixed(c)]), (-1, vec![Cell::Witness(c)])] };
    let lanes = || (0..2).map(|c| lane(difference(c), ones(4))).collect();
    let equation = |i: u32| Equation {
        name: "equal".into(),
        terms: vec![EquationTerm { coefficient: 1, monomial: vec![0, 0], operand: Operand::Term(i) }],
    };
    Program {
        zero_knowledge: true,
        constants: vec![],
        matrices: vec![],
        tables: vec![twice("a"), twice("b")],
        relations: vec![],
        publics: vec![],
        folds: vec![fold(0, lanes(), &[4]), fold(1, lanes(), &[4])],
        terms: (0..2).map(|fold| Term::Sum { fold, weights: ones(1) }).collect(),
        equations: vec![equation(0), equation(1)],
        ..honest()
    }
}

/// An owner's columns have a witness beside them in certificates alone, and there it says that both are equal.
#[test]
fn certificates() {
    let verdict = |change: &dyn Fn(&mut Program)| {
        let mut p = certificate();
        change(&mut p);
        p.validate().err().map_or("accepted".into(), |e| e.to_string())
    };
    assert_eq!(verdict(&|_| {}), "accepted");
    let a = |why: &str| format!("table \"a\" is its owner's, and {why}");
    let others = a("has more than fixed columns");
    let difference = a("a lane of it is no difference");
    let equation = a("no equation says that its columns are equal");
    let cases: [(&dyn Fn(&mut Program), &str); 11] = [
        (&|p| p.tables.push(table("c", 4, 2)), &others),
        (&|p| p.tables[1].witness.push(column()), &others),
        (&|p| p.tables[1].committed = false, &others),
        (&|p| p.publics = honest().publics, &others),
        (&|p| p.relations = honest().relations, &others),
        (&|p| p.tables[0].constraints.push(constraint(product(1))), &a("has more than columns")),
        (&|p| p.folds.push(fold(0, vec![], &[4])), &a("has no one fold")),
        (&|p| p.folds[0].lanes.truncate(1), &difference),
        (&|p| p.folds[0].lanes[0].expr = Expr::fixed(0), &difference),
        (&|p| p.folds[0].lanes.swap(0, 1), &difference),
        (&|p| p.equations[0].terms[0].operand = Operand::Term(1), &equation),
    ];
    for (i, (change, why)) in cases.into_iter().enumerate() {
        assert_eq!(verdict(change), why, "case {i}");
    }
    // and an ordinary Program has none of it
    let why = "table \"weights\" is its owner's, and has more than fixed columns";
    refused(why, |p| (p.tables[WEIGHTS].committed, p.tables[WEIGHTS].witness) = (true, vec![column(); 3]));
}

#[test]
fn segments_of_folds() {
    let ends = |ends: &'static [i64]| {
        move |p: &mut Program| {
            let full = lane(Expr::witness(0), if ends == [4] { ones(4) } else { Seq::constant(&[0; 3], 4) });
            p.folds[1] = fold(ROWS, vec![full], ends);
            p.terms.clear();
            p.equations.clear();
        }
    };
    for held in [&[1, 2, 3, 4][..], &[4], &[2, 4], &[1, 3]] {
        accepted(ends(held));
    }
    let order = "fold \"f\": segment ends are not increasing within the table";
    for bad in [&[2, 2][..], &[3, 2], &[0, 4], &[2, 5]] {
        refused(order, ends(bad));
    }
    refused("fold \"f\" has 0 segments over 4 rows", ends(&[]));
    refused("fold \"f\" has 5 segments over 4 rows", ends(&[1, 2, 3, 4, 5]));
    misfits(|p| p.folds[1].segment_count = 1);
    refused("table 3 does not exist", |p| p.folds[1].table = 3);
}

#[test]
fn lanes_of_folds() {
    let expr = |expr: Expr| move |p: &mut Program| p.folds[1].lanes[0].expr = expr.clone();
    refused("a fold lane of table \"rows\" has degree 2, at most 1 is possible", expr(product(2)));
    refused("witness column 2 does not exist", expr(Expr::witness(2)));
    // after the last segment no lane takes part
    let late = |flags: [i64; 4]| {
        let monomials = Seq::compress(3, &flags.map(|f| [f, 0, 0]).concat());
        move |p: &mut Program| p.folds[2].lanes[0].monomials = monomials.clone()
    };
    accepted(late([1, 1, 0, 0]));
    let after = "fold \"f\": a lane takes part after the last segment";
    refused(after, late([1, 1, 1, 0]));
    refused(after, late([0, 0, 0, 1]));
    misfits(|p| p.folds[1].lanes[0].monomials = Seq::constant(&[1, 0], 4));
    misfits(|p| p.folds[1].lanes[0].monomials = ones(3));
}

/// The extremes of a nest are those of its loops together.
#[test]
fn exponents_and_flags() {
    let nest = |start: [i64; 3], loops: &'static [(u32, [i64; 3])]| {
        let loops = loops.iter().map(|(n, d)| (*n, d.to_vec())).collect();
        let monomials = Seq { dim: 3, runs: vec![Run { start: start.to_vec(), loops }] };
        move |p: &mut Program| p.folds[1].lanes[0].monomials = monomials.clone()
    };
    const UP: &[(u32, [i64; 3])] = &[(2, [0, 1, 0]), (2, [0, 2, 0])];
    const DOWN: &[(u32, [i64; 3])] = &[(2, [0, -1, 0]), (2, [0, -2, 0])];
    const SAW: &[(u32, [i64; 3])] = &[(2, [0, 3, 0]), (2, [0, -3, 0])];
    const FAR: &[(u32, [i64; 3])] = &[(4, [0, 5, 0])];
    let exponent = format!("a fold exponent or flag lies outside 0..={MAX_EXPONENT}");
    accepted(nest([1, MAX_EXPONENT - 3, 0], UP));
    refused(&exponent, nest([1, MAX_EXPONENT - 2, 0], UP));
    accepted(nest([1, MAX_EXPONENT - 15, 0], FAR));
    refused(&exponent, nest([1, MAX_EXPONENT - 14, 0], FAR));
    accepted(nest([1, 3, 0], DOWN));
    refused(&exponent, nest([1, 2, 0], DOWN));
    accepted(nest([1, 3, MAX_EXPONENT], SAW));
    refused(&exponent, nest([1, 2, 0], SAW));
    refused(&exponent, nest([1, MAX_EXPONENT - 2, 0], SAW));
    refused(&exponent, nest([1, 3, MAX_EXPONENT + 1], SAW));
    refused(&exponent, nest([1, 3, -1], SAW));
    let flag = "a fold exponent or flag lies outside 0..=1";
    accepted(nest([0, 0, 0], &[(4, [0, 0, 0])]));
    accepted(nest([0, 0, 0], &[(2, [1, 0, 0]), (2, [0, 0, 0])]));
    refused(flag, nest([0, 0, 0], &[(4, [1, 0, 0])]));
    refused(flag, nest([2, 0, 0], &[(4, [0, 0, 0])]));
    refused(flag, nest([-1, 0, 0], &[(4, [0, 0, 0])]));
    refused(flag, nest([0, 0, 0], &[(4, [-1, 0, 0])]));
}

#[test]
fn terms() {
    refused("fold 3 does not exist", |p| p.terms[1] = Term::Sum { fold: 3, weights: ones(1) });
    for (left, right) in [(3, 0), (1, 3)] {
        refused("fold 3 does not exist", move |p| p.terms[0] = Term::Join { left, right, weights: ones(2) });
    }
    let counts = "folds \"f\" and \"f\" are joined but have 1 and 2 segments";
    refused(counts, |p| p.terms[0] = Term::Join { left: 2, right: 0, weights: ones(1) });
    let weights = |weights: Seq| {
        move |p: &mut Program| p.terms[0] = Term::Join { left: 1, right: 0, weights: weights.clone() }
    };
    let sums =
        |weights: Seq| move |p: &mut Program| p.terms[1] = Term::Sum { fold: 1, weights: weights.clone() };
    for bad in [ones(1), Seq::constant(&[1, 0], 2)] {
        misfits(weights(bad.clone()));
        misfits(sums(bad));
    }
    let flag = "a fold exponent or flag lies outside 0..=1";
    refused(flag, weights(Seq::constant(&[2, 0, 0], 2)));
    refused(flag, sums(Seq::constant(&[2, 0, 0], 2)));
    // a number may not stand where an indeterminate is meant: in a start, in a step
    let valued = "a term is weighted by \"t\", which has a value";
    let step =
        |z, t| Seq { dim: 3, runs: vec![Run { start: vec![1, 0, 0], loops: vec![(2, vec![0, z, t])] }] };
    accepted(weights(step(1, 0)));
    accepted(sums(step(1, 0)));
    for bad in [Seq::constant(&[1, 0, 1], 2), step(0, 1)] {
        refused(valued, weights(bad.clone()));
        refused(valued, sums(bad));
    }
}

#[test]
fn equations() {
    let monomial = |m: &'static [i64]| move |p: &mut Program| p.equations[0].terms[0].monomial = m.to_vec();
    accepted(monomial(&[MAX_EXPONENT, 0]));
    let impossible = "equation \"link\" has an impossible monomial";
    for bad in [&[0][..], &[0, 0, 0], &[-1, 0], &[MAX_EXPONENT + 1, 0]] {
        refused(impossible, monomial(bad));
    }
    refused("equation \"link\" has a monomial with a value", monomial(&[0, 1]));
    let operand = |operand: Operand| move |p: &mut Program| p.equations[0].terms[0].operand = operand.clone();
    accepted(operand(Operand::Term(1)));
    refused("term 2 does not exist", operand(Operand::Term(2)));
    let public = |public, monomials| operand(Operand::Public { public, monomials });
    refused("public tensor 1 does not exist", public(1, ones(4)));
    misfits(public(0, ones(3)));
    refused("a fold exponent or flag lies outside 0..=1", public(0, Seq::constant(&[2, 0, 0], 4)));
    // a value's power may stand in public monomials
    accepted(public(0, Seq::constant(&[1, 0, 1], 4)));
    let run = |start: [i64; 3], step: [i64; 3]| {
        let run = Run { start: start.to_vec(), loops: vec![(2, step.to_vec())] };
        operand(Operand::Ones { monomials: Seq { dim: 3, runs: vec![run] } })
    };
    accepted(run([1, 2, 3], [0, 1, 2]));
    let ones = "equation \"link\" has ones that are absent or descend";
    for (start, step) in [([0, 2, 3], [0, 1, 2]), ([0, 2, 3], [1, 0, 0]), ([1, 2, 3], [0, -1, 2])] {
        refused(ones, run(start, step));
    }
    refused("a fold exponent or flag lies outside 0..=1", run([1, 2, 3], [1, 0, 0]));
}
