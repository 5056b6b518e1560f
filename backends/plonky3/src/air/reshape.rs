//! Tall narrow tables made wide: k consecutive rows become one row with k times the columns.
//!
//! Whatever relates cells of one row alone (constraints, lookups, provides) does not care on which row it stands, and a
//! row-major trace has the same bytes in both shapes. What changes is the price: every row of a committed matrix costs a
//! leaf hash and a share of FRI whatever its width, so 2^16 rows of three columns cost several times 2^13 rows of 24.
//! A fold does not care either, as long as no segment ends inside a wide row: it sums over cells, each with its monomial.
//!
//! # Correctness
//! The tuples looked up and provided, and the constraints imposed, are the same multiset before and after, padding rows
//! included: a table has k·2^(h−log k) = 2^h rows' worth of cells in both shapes, and rows that the last wide row lacks are
//! filled with the columns' padding.
use super::rows::Walk;
use std::collections::BTreeMap;
use tessera_api::validate::ProgramError;
use tessera_api::{
    Cell, Constraint, Expr, FixedColumn, Lookup, Program, Provide, Seq, Table, Values, WitnessColumn,
};

/// How far tables are widened. Part of the protocol: prover and verifier's key must come from the same limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tables are widened while they are taller than this power of two,
    pub log_height: u8,
    /// and their columns, extension columns counted twice, are no more than this afterwards.
    pub width: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { log_height: 12, width: 160 }
    }
}

/// A widened fold may have this many kinds of rows: each costs a fixed column at most.
const FEW_CLASSES: usize = 16;

/// The same relation in other shapes. What depends on rows (values of fixed columns, monomials) stands in the Program alone.
pub struct Reshaped {
    /// The tables; their fixed columns have no values.
    pub tables: Vec<Table>,
    /// What each fold's lanes are, for a wide row.
    pub lanes: Vec<Vec<Expr>>,
    /// How many rows of each table became one.
    pub factors: Vec<u32>,
    /// Walks of folds that were made on the way.
    pub walks: BTreeMap<usize, Walk>,
}

/// Base columns a table will have in all rounds.
fn width(t: &Table) -> usize {
    let fractions = t.lookups.len() + t.provides.len();
    t.fixed.len() + t.witness.len() + 2 * fractions.div_ceil(2)
}

/// Widens what gains by it. A folded table is widened as far as its rows stay of few kinds.
pub fn reshape(program: &Program, limits: Limits) -> Result<Reshaped, ProgramError> {
    let mut out = Reshaped {
        tables: vec![],
        lanes: vec![vec![]; program.folds.len()],
        factors: vec![],
        walks: BTreeMap::new(),
    };
    for (i, t) in program.tables.iter().enumerate() {
        let mut log = 0;
        while t.log_height - log > limits.log_height && (width(t) << (log + 1)) <= limits.width {
            log += 1;
        }
        let folds: Vec<usize> =
            (0..program.folds.len()).filter(|f| program.folds[*f].table as usize == i).collect();
        while log > 0 {
            if let Some(walks) = worthwhile(program, t, &folds, log)? {
                out.walks.extend(folds.iter().copied().zip(walks));
                break;
            }
            log -= 1;
        }
        for f in folds {
            let lanes = &program.folds[f].lanes;
            out.lanes[f] =
                (0..1 << log).flat_map(|k| lanes.iter().map(move |l| moved(t, k, &l.expr))).collect();
        }
        out.tables.push(widen(t, log));
        out.factors.push(1 << log);
    }
    Ok(out)
}

/// The walks of a table's folds, if all of them still have few kinds of rows.
fn worthwhile(
    program: &Program,
    t: &Table,
    folds: &[usize],
    log: u8,
) -> Result<Option<Vec<Walk>>, ProgramError> {
    let mut walks = vec![];
    for f in folds {
        match Walk::new(&program.folds[*f], t.rows as usize, program.variables.len(), log)? {
            Ok(w) if w.classes() <= FEW_CLASSES => walks.push(w),
            _ => return Ok(None),
        }
    }
    Ok(Some(walks))
}

/// `e` on the k-th of the rows that became one.
fn moved(t: &Table, k: u32, e: &Expr) -> Expr {
    let (nf, nw) = (t.fixed.len() as u32, t.witness.len() as u32);
    let cell = |c: &Cell| match c {
        Cell::Fixed(f) => Cell::Fixed(k * nf + f),
        Cell::Witness(w) => Cell::Witness(k * nw + w),
    };
    Expr {
        constant: e.constant,
        terms: e.terms.iter().map(|(c, f)| (*c, f.iter().map(cell).collect())).collect(),
    }
}

fn widen(t: &Table, log: u8) -> Table {
    let k = 1u32 << log;
    let rows = t.rows.div_ceil(k);
    let nw = t.witness.len() as u32;
    let fixed = (0..k).flat_map(|i| {
        t.fixed.iter().map(move |c| FixedColumn {
            name: format!("{}/{i}", c.name),
            values: Values::Seq(Seq::empty(1)),
            padding: c.padding,
        })
    });
    let fixed = fixed.collect();
    let copies = 0..k;
    let witness = copies.clone().flat_map(|i| {
        t.witness.iter().map(move |c| WitnessColumn { name: format!("{}/{i}", c.name), padding: c.padding })
    });
    let all = |i: u32, list: &[Expr]| list.iter().map(|e| moved(t, i, e)).collect::<Vec<_>>();
    let constraint = |i, c: &Constraint| Constraint { expr: moved(t, i, &c.expr), source: c.source.clone() };
    let lookup = |i, l: &Lookup| Lookup { bus: l.bus, tuple: all(i, &l.tuple), source: l.source.clone() };
    let provide = |i, p: &Provide| Provide {
        bus: p.bus,
        tuple: all(i, &p.tuple),
        multiplicity: i * nw + p.multiplicity,
    };
    let each = |i: u32| (t.constraints.iter(), t.lookups.iter(), t.provides.iter(), i);
    let (mut constraints, mut lookups, mut provides) = (vec![], vec![], vec![]);
    for (c, l, p, i) in copies.map(each) {
        constraints.extend(c.map(|c| constraint(i, c)));
        lookups.extend(l.map(|l| lookup(i, l)));
        provides.extend(p.map(|p| provide(i, p)));
    }
    Table {
        name: t.name.clone(),
        rows,
        log_height: t.log_height - log,
        witness: witness.collect(),
        fixed,
        constraints,
        lookups,
        provides,
    }
}
