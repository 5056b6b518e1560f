//! What a Program of some shape costs this prover, and what it charges.
//!
//! The groups are those of `air`, up to what only a whole Program tells: how the rows of a fold differ (hence its selectors,
//! and how far its table is widened), and which copies are shared.
//!
//! Invariant: where no table with a fold is widened and no selector is committed, the counts are those of the compiled relation.
use crate::air::compile::FEWEST_SUMMED;
use crate::air::reshape::Limits;
use crate::arithmetic::DEGREES;
use crate::budget::Budget;
use tessera_api::{Capabilities, Cost, Prices, Shape, TableShape, TermShape};

/// Committed selectors of a table with a fold, as most have.
const SELECTORS: u64 = 2;

/// What is charged on one core with AVX-512: fitted by `tessera calibrate-machine` to 43 programs of seven networks, whose proofs it predicts
/// with a median error of 5 %, and of 7 % where their network is left out of the fit. A lookup is charged here beside the half of an extension cell that
/// it takes. Bytes are those of default keys, with the queries that their policy takes. What a byte is worth is a wish: the least by which no proof
/// of nine models of `tessera bench` grew for wider rows.
pub const PRICES: Prices = Prices {
    proof: 1e6,
    height: 4.9e4,
    row: 770.0,
    fixed_cell: 11.0,
    summed_cell: 1.8,
    witness_cell: 40.0,
    extension_cell: 107.0,
    lookup: 8.0,
    node: 1.2,
    path_bytes: 1240.0,
    opening_bytes: 1670.0,
    cell_bytes: 31.0,
    verify: 2.6e6,
    verify_byte: 5.5,
    byte: 22.0,
};

/// What can be expressed.
pub const CAPABILITIES: Capabilities = Capabilities {
    modulus: crate::arithmetic::MODULUS,
    max_degree: 3,
    min_log_height: 8,
    max_log_height: 26,
    max_columns: 1 << 14,
    max_log_table: 20,
    lookups: true,
    joins: true,
    zero_knowledge: true,
};

/// Degree of the challenges that are counted with: those of default keys.
const DEGREE: usize = DEGREES[0];

/// Base columns a table has in all rounds.
fn width(t: &TableShape) -> usize {
    (t.fixed + t.witness) as usize + DEGREE * ((t.lookups + t.provides) as usize).div_ceil(2)
}

/// The most queries that a default key takes, whatever its heights: a hiding proof's last matrix has 2^10 rows at least.
const HIDDEN: Budget = Budget { queries: 203, degree: DEGREES[1] };

/// The height of a table that leaves masks free however far it is widened: a wide row that is a mask is many rows of the table.
/// An owner's table leaves those of so many proofs free.
pub fn hiding_log_height(t: &TableShape, proofs: u32) -> u8 {
    let least = HIDDEN.least_height().trailing_zeros() as u8;
    let shared = if t.committed { HIDDEN.of_weights() as u64 * u64::from(proofs) } else { 0 };
    let masks = shared.max(HIDDEN.rows() as u64);
    let free = |h: &u8| {
        let rows = masks << Limits::of(DEGREE).log_factor(*h, 0, width(t));
        (1u64 << h) >= t.rows.saturating_add(rows)
    };
    (CAPABILITIES.log_height(t.rows).max(least)..=CAPABILITIES.max_log_height + 1)
        .find(free)
        .unwrap_or(CAPABILITIES.max_log_height + 1)
}

/// Counts what is committed, by groups.
pub fn cost(shape: &Shape) -> Cost {
    let limits = Limits::of(DEGREE);
    let folds = |t: usize| shape.folds.iter().filter(move |f| f.table as usize == t);
    // how far tables are widened
    let widened: Vec<u8> = (shape.tables.iter().enumerate())
        .map(|(i, t)| match folds(i).any(|f| f.segments > 1) {
            true => 0,
            false => limits.log_factor(t.log_height, t.rows, width(t)),
        })
        .collect();
    let height = |t: u32| shape.tables[t as usize].log_height - widened[t as usize];
    let mut cost = Cost::default();
    for (i, (t, log)) in shape.tables.iter().zip(&widened).enumerate() {
        let mut own = folds(i);
        let alone = t.witness + t.constraints + t.lookups + t.provides == 0 && !t.committed;
        let summed = match (own.next(), own.next()) {
            (Some(_), None) => alone && (t.fixed as usize) << log >= FEWEST_SUMMED,
            _ => false,
        };
        let g = cost.group(t.log_height - log);
        let [fixed, witness] = [t.fixed, t.witness].map(|columns| u64::from(columns) << log);
        if summed {
            g.summed += fixed;
        } else {
            g.fixed += fixed;
        }
        if folds(i).next().is_some() {
            g.fixed += SELECTORS;
        }
        g.witness += witness;
        let fractions = u64::from(t.lookups + t.provides) << log;
        g.lookups += fractions;
        g.extension += fractions.div_ceil(2);
        let lanes: u64 = folds(i).map(|f| u64::from(f.lanes)).sum();
        g.nodes += (u64::from(t.monomials) + lanes) << log;
        g.extension += folds(i).count() as u64;
    }
    for term in &shape.terms {
        let fold = |f: u32| shape.folds[f as usize];
        match *term {
            TermShape::Sum(f) if fold(f).segments > 1 => cost.group(height(fold(f).table)).extension += 1,
            TermShape::Sum(_) => {}
            TermShape::Join(l, r) => {
                let (left, right) = (fold(l), fold(r));
                if left.segments > 1 {
                    let (a, b) = (height(left.table), height(right.table));
                    cost.group(a.min(b)).extension += 1;
                    if left.table != right.table {
                        // the copy and its η-fold in the lower table, the η-fold of what is copied in the other
                        cost.group(a.min(b)).extension += 2;
                        cost.group(a.max(b)).extension += 1;
                    }
                }
            }
        }
    }
    let degree = DEGREE as u64;
    for g in &mut cost.groups {
        // the quotient has two halves
        g.openings = g.fixed + g.summed + g.witness + degree * (g.extension + 2);
    }
    cost
}
