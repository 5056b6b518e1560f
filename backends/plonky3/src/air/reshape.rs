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
use crate::budget::Budget;
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
    /// and their columns, extension columns counted as often as they have coordinates, are no more than this afterwards.
    pub width: usize,
    /// Coordinates of an extension column: the degree of the challenges.
    pub degree: usize,
    /// Rows that every table leaves free, once it is widened, for masks.
    pub masks: u32,
}

impl Limits {
    /// Those of keys, with challenges of this degree.
    pub fn of(degree: usize) -> Limits {
        Limits { log_height: 12, width: 160, degree, masks: 0 }
    }

    /// The same, with the mask rows of this budget.
    pub fn hiding(self, budget: Budget) -> Limits {
        Limits { masks: budget.rows() as u32, ..self }
    }
}

impl Limits {
    /// How many rows of a table of this height and width may become one at most, as a power of two.
    pub fn log_factor(&self, log_height: u8, rows: u64, width: usize) -> u8 {
        let mut log = 0;
        // wide rows that are left free are mask rows, whatever was placed
        let free = |log: u8| (1u64 << (log_height - log)) >= rows.div_ceil(1 << log) + u64::from(self.masks);
        while log_height - log > self.log_height && (width << (log + 1)) <= self.width && free(log + 1) {
            log += 1;
        }
        log
    }
}

/// Folds of so few kinds of rows are as wide as they should be: narrower rows are not looked at.
const FEW_CLASSES: usize = 16;
/// Nanoseconds: what a row costs whatever its width (leaves of four trees, FRI), a selector's cell, and a summand of a fold's
/// row, measured on one core with AVX-512.
const ROW: f64 = 600.0;
const SELECTOR: f64 = 15.0;
const SUMMAND: f64 = 1.5;

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
fn width(t: &Table, degree: usize) -> usize {
    let fractions = t.lookups.len() + t.provides.len();
    t.fixed.len() + t.witness.len() + degree * fractions.div_ceil(2)
}

/// Widens what gains by it.
pub fn reshape(program: &Program, limits: Limits) -> Result<Reshaped, ProgramError> {
    let mut out = Reshaped {
        tables: vec![],
        lanes: vec![vec![]; program.folds.len()],
        factors: vec![],
        walks: BTreeMap::new(),
    };
    for (i, t) in program.tables.iter().enumerate() {
        let most = limits.log_factor(t.log_height, t.rows.into(), width(t, limits.degree));
        let folds: Vec<usize> =
            (0..program.folds.len()).filter(|f| program.folds[*f].table as usize == i).collect();
        let log = if most == 0 || folds.is_empty() {
            most
        } else {
            let (log, walks) = cheapest(program, t, &folds, most)?;
            out.walks.extend(folds.iter().copied().zip(walks));
            log
        };
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

/// How far a folded table is widened, and the walks of its folds. Wide rows are fewer, but of more kinds: each kind costs
/// a selector, and a summand of each block's gate.
fn cheapest(
    program: &Program,
    t: &Table,
    folds: &[usize],
    most: u8,
) -> Result<(u8, Vec<Walk>), ProgramError> {
    let mut best: Option<(f64, u8, Vec<Walk>)> = None;
    for log in (0..=most).rev() {
        let walk = |f: &usize| Walk::new(&program.folds[*f], t.rows as usize, program.variables.len(), log);
        let walks = folds.iter().map(walk).collect::<Result<Vec<_>, _>>()?;
        // a fold that cannot be walked with these rows may be with narrower ones; what cannot be walked at all is refused later
        let Ok(walks) = walks.into_iter().collect::<Result<Vec<_>, String>>() else { continue };
        let row = |w: &Walk| {
            let blocks = w.blocks();
            let lanes: usize = blocks.iter().map(|b| b.lanes.len()).sum();
            w.classes() as f64 * SELECTOR + (blocks.len() * w.patterns.len() + lanes) as f64 * SUMMAND
        };
        let cost = (1u64 << (t.log_height - log)) as f64 * (ROW + walks.iter().map(row).sum::<f64>());
        let few = walks.iter().all(|w| w.classes() <= FEW_CLASSES);
        if best.as_ref().is_none_or(|b| cost < b.0) {
            best = Some((cost, log, walks));
        }
        if few {
            break;
        }
    }
    Ok(best.map_or((0, vec![]), |(_, log, walks)| (log, walks)))
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
    let lookup =
        |i, l: &Lookup| Lookup { relation: l.relation, tuple: all(i, &l.tuple), source: l.source.clone() };
    let provide = |i, p: &Provide| Provide {
        relation: p.relation,
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
        committed: t.committed,
        constraints,
        lookups,
        provides,
    }
}
