//! Program → compiled relation, and the data a prover needs besides it.
//!
//! Two passes. The first walks every fold and asks, table by table, for row selectors, which fixes the columns of each group;
//! the second writes the constraints. What depends on rows is forgotten here: the result's size is that of the Program's
//! text, not of its tables.
use super::basis::selectors;
use super::nodes::{FixedKind, Place};
use super::plan::Plan;
use super::reshape::{Limits, reshape};
use super::write::{Layout, write};
use super::{Air, Copy, Group};
use crate::unsupported;
use tessera_api::{Program, SetupError, Table};

/// Sums of fixed columns are worth it from this many columns on,
pub const FEWEST_SUMMED: usize = 8;
/// and for up to this many kinds of rows.
const MOST_SUMS: usize = 2;

/// A compiled Program.
#[derive(Clone)]
pub struct Compiled {
    /// The Program's tables, reshaped.
    pub tables: Vec<Table>,
    /// How many rows of each of the Program's tables became one.
    pub factors: Vec<u32>,
    /// What the verifier keeps.
    pub air: Air,
    /// How copy columns are filled.
    pub copies: Vec<Copy>,
    /// Where each table lies.
    pub places: Vec<Place>,
    /// Values of the committed selectors: per table its dense columns on the active rows.
    pub dense: Vec<Vec<Vec<bool>>>,
}

/// More committed cells than this are refused: their extension would not fit any memory.
const MAX_CELLS: u64 = 1 << 33;

/// Compiles a validated Program.
pub fn compile(program: &Program, limits: Limits) -> Result<Compiled, SetupError> {
    program.validate()?;
    if program.zero_knowledge != (limits.masks > 0) {
        return Err(unsupported(
            "mask rows are for a model that is compiled with zero knowledge, and for no other",
        ));
    }
    let mut reshaped = reshape(program, limits)?;
    let plan = Plan::new(program, &mut reshaped)?;
    let layout = layout(&plan, limits.masks)?;
    let cells = |g: &Group| u64::from(g.fixed + g.model + g.summed + g.witness) << g.log_height;
    let cells: u64 = layout.groups.iter().map(cells).sum();
    if cells > MAX_CELLS {
        return Err(unsupported(&format!("{cells} committed cells; at most {MAX_CELLS} are possible")));
    }
    let (air, copies) = write(limits.degree as u8, &plan, &layout);
    drop(plan);
    let dense = layout.selectors.into_iter().map(|s| s.dense).collect();
    let (tables, factors) = (reshaped.tables, reshaped.factors);
    Ok(Compiled { tables, factors, air, copies, places: layout.places, dense })
}

/// Places tables into groups and their columns into rows.
fn layout(plan: &Plan, masks: u32) -> Result<Layout, SetupError> {
    let full = |t: &&Table| (1u64 << t.log_height) < u64::from(t.rows) + u64::from(masks);
    let full: Vec<String> = plan.tables.iter().filter(full).map(|t| format!("{:?}", t.name)).collect();
    if !full.is_empty() {
        let names = full.join(", ");
        return Err(unsupported(&format!(
            "a hiding proof masks {masks} rows of each table; too few are free in {names}"
        )));
    }
    let mut heights: Vec<u8> = plan.tables.iter().map(|t| t.log_height).collect();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    heights.dedup();
    let mut groups: Vec<Group> = heights
        .iter()
        .map(|h| Group { log_height: *h, masks, sparse: vec![vec![0]], ..Group::default() })
        .collect();
    if masks > 0 {
        groups.iter_mut().for_each(|g| g.sparse.push(vec![masks]));
    }
    let (mut places, mut all) = (vec![], vec![]);
    for (t, requests) in plan.tables.iter().zip(&plan.requests) {
        let g = heights.iter().position(|h| *h == t.log_height).unwrap_or(0);
        let group = &mut groups[g];
        let rows = t.rows as usize;
        let pad = group.height() as u32 - t.rows;
        let s = selectors(rows, pad > 0, requests);
        let sparse = s.sparse.iter().map(|rows| {
            let rows: Vec<u32> = rows.iter().map(|r| r + pad).collect();
            match group.sparse.iter().position(|x| *x == rows) {
                Some(i) => i as u32,
                None => {
                    group.sparse.push(rows);
                    group.sparse.len() as u32 - 1
                }
            }
        });
        let sparse = sparse.collect();
        let (fixed, dense) = (t.fixed.len() as u32, s.dense.len() as u32);
        let kind = if t.committed {
            FixedKind::Model
        } else if summed(plan, places.len()) {
            FixedKind::Summed
        } else {
            FixedKind::Fixed
        };
        let own = match kind {
            FixedKind::Fixed => &mut group.fixed,
            FixedKind::Summed => &mut group.summed,
            FixedKind::Model => &mut group.model,
        };
        let first = *own;
        *own += fixed;
        places.push(Place {
            group: g,
            pad,
            fixed: first,
            fixed_base: 0,
            kind,
            dense: group.fixed,
            sparse,
            witness: group.witness,
            witness_base: 0,
            first: 0,
        });
        group.fixed += dense;
        group.witness += t.witness.len() as u32;
        group.tables.push(t.name.clone());
        all.push(s);
    }
    for p in &mut places {
        let g = &groups[p.group];
        let committed = g.fixed + g.model;
        p.sparse.iter_mut().for_each(|s| *s += committed);
        p.first = committed;
        p.witness_base = committed + g.sparse.len() as u32;
        if p.kind == FixedKind::Model {
            p.fixed_base = g.fixed;
        }
    }
    Ok(Layout { groups, places, selectors: all })
}

/// Whether a table's fixed columns enter one fold, and that in few kinds of rows, and nothing else.
fn summed(plan: &Plan, table: usize) -> bool {
    let t = &plan.tables[table];
    let mut folds = plan.walks.iter().filter(|(f, _)| plan.program.folds[**f].table as usize == table);
    let (Some((_, walk)), None) = (folds.next(), folds.next()) else { return false };
    let alone =
        t.witness.is_empty() && t.constraints.is_empty() && t.lookups.is_empty() && t.provides.is_empty();
    alone && walk.blocks().len() <= MOST_SUMS && t.fixed.len() >= FEWEST_SUMMED
}
