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
use tessera_api::validate::ProgramError;
use tessera_api::{
    Cell, Constraint, Expr, FixedColumn, Lane, Lookup, Program, Provide, Seq, Table, Values, WitnessColumn,
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

/// The same relation in other shapes.
pub struct Reshaped {
    /// The relation; a widened table's fixed columns and its folds' lanes are named, but what depends on rows stands in the
    /// original.
    pub program: Program,
    /// How many rows of each table became one.
    pub factors: Vec<u32>,
}

/// Base columns a table will have in all rounds.
fn width(t: &Table) -> usize {
    let fractions = t.lookups.len() + t.provides.len();
    t.fixed.len() + t.witness.len() + 2 * fractions.div_ceil(2)
}

/// Widens what gains by it. A folded table is widened as far as its rows stay of few kinds.
pub fn reshape(program: &Program, limits: Limits) -> Result<Reshaped, ProgramError> {
    let mut out = program.clone();
    let mut factors = vec![];
    for (i, t) in program.tables.iter().enumerate() {
        let mut log = 0;
        while t.log_height - log > limits.log_height && (width(t) << (log + 1)) <= limits.width {
            log += 1;
        }
        let folds: Vec<usize> =
            (0..program.folds.len()).filter(|f| program.folds[*f].table as usize == i).collect();
        while log > 0 && !worthwhile(program, t, &folds, log)? {
            log -= 1;
        }
        if log > 0 {
            out.tables[i] = widen(t, log);
            for f in folds {
                let fold = &mut out.folds[f];
                let lane = |k: u32, l: &Lane| Lane {
                    expr: moved(t, k, &l.expr),
                    // monomials are read from the Program's own fold
                    monos: Seq::empty(1),
                };
                fold.lanes = (0..1 << log).flat_map(|k| fold.lanes.iter().map(move |l| lane(k, l))).collect();
            }
        }
        factors.push(1 << log);
    }
    Ok(Reshaped { program: out, factors })
}

/// Whether all folds of a table still have few kinds of rows.
fn worthwhile(program: &Program, t: &Table, folds: &[usize], log: u8) -> Result<bool, ProgramError> {
    for f in folds {
        let walk = |log| Walk::new(&program.folds[*f], t.rows as usize, program.variables.len(), log);
        let Ok(wide) = walk(log)? else { return Ok(false) };
        if wide.classes() > FEW_CLASSES {
            return Ok(false);
        }
    }
    Ok(true)
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
            // values are read from the Program's own table
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
