//! Packing: weights of several output channels in one cell, W_a + t·W_b with t a power of two, 2³² in a field of 64 bits.
//!
//! Contractions are linear in their weights, so the product of activations with packed weights is Y_a + t·Y_b: half the cells,
//! half the borders, half the work. Where results are read, both cells u_a and u_b stand in the same equation with the
//! factors 1 and t.
//!
//! # Correctness
//! The contraction equation says u_a + t·u_b ≡ Y_a + t·Y_b mod p for every pair. It has to follow that u_a = Y_a and u_b = Y_b.
//! Y_a and Y_b, with what is added to them, lie in an interval I that the circuit proves; u_a and u_b lie in the range B that lookups (or the public range) of
//! the reading cells enforce, whatever a prover does. So each difference u − Y is at most D in magnitude, where D is the
//! largest distance between B and I. If D ≤ t − 2, then |(u_a − Y_a) + t·(u_b − Y_b)| ≤ (t − 2)(t + 1) = t² − t − 2 < p
//! ([`Capabilities::radix_bits`](tessera_api::Capabilities::radix_bits) is the largest t for which that holds), so the difference
//! is zero over the integers, and since |u_a − Y_a| < t both parts are zero.
//!
//! A cell without a lookup of its own has a range where a lookup's key is its difference from a cell that has one: what a maximum
//! is of lies at most the table's keys below the maximum.
//!
//! A cell whose range nothing enforces must not share a monomial: both channels of a pair are read at a position, or neither.
use crate::cluster::Cluster;
use crate::contraction::Contraction;
use crate::relations::LookupRelations;
use crate::roots::Roots;
use crate::wanted::Wanted;
use std::collections::HashMap;
use tessera_api::{Cell, Expr};
use tessera_circuit::graph::{Circuit, ValueId};

/// Integers in a cell where channels are packed.
pub const FACTOR: usize = 2;

/// Who reads the results of contractions.
pub struct Reading<'a> {
    /// The circuit.
    pub g: &'a Circuit,
    /// Its views, resolved.
    pub roots: &'a Roots,
    /// Rows, by table.
    pub clusters: &'a [Vec<Cluster>],
    /// Name and value of the outputs.
    pub outputs: &'a [(String, ValueId)],
    /// Values whose elements are all outputs, with their range.
    pub published: &'a HashMap<ValueId, (i64, i64)>,
    /// Lookup relations.
    pub relations: &'a LookupRelations,
    /// The radix, as a power of two.
    pub radix_bits: u32,
}

impl Reading<'_> {
    /// Whether the channels of a contraction may share cells as its `pack` says.
    ///
    /// What is added to its results lies between `added`.
    pub fn may_pack(&self, c: &Contraction, wanted: &Wanted, added: (i64, i64)) -> bool {
        if c.channels < FACTOR || self.radix_bits < 2 {
            return false;
        }
        let y = &self.g.values[c.y];
        let (least, most) = (y.lo as i128 + added.0 as i128, y.hi as i128 + added.1 as i128);
        let radix = 1i128 << self.radix_bits;
        let reads = |v: ValueId| self.roots.roots_of(v).contains(&c.y);
        let near = |(lo, hi): (i128, i128)| {
            let distance = (hi - least).max(most - lo);
            distance <= radix - 2
        };
        // packed weights, and packed cells of results that nothing reads, are 64-bit integers
        let small =
            |lo: i128, hi: i128| lo.unsigned_abs().max(hi.unsigned_abs()) < 1 << (self.radix_bits - 1);
        let w = &self.g.values[c.w];
        small(least, most)
            && small(w.lo.into(), w.hi.into())
            && small(added.0.into(), added.1.into())
            && pairs_agree(c, wanted)
            && self.outputs.iter().filter(|o| reads(o.1)).all(|(_, v)| {
                let v = &self.g.values[*v];
                near((v.lo as i128, v.hi as i128))
            })
            && self.clusters.iter().flatten().all(|cluster| {
                let bound = cluster.bound.iter().enumerate().filter(|(_, v)| reads(**v));
                bound.into_iter().all(|(i, _)| self.enforced(cluster, i).is_some_and(near))
            })
    }

    /// The range that lookups and verifiers enforce on what stands for a bound value, over all rows of its cluster.
    fn enforced(&self, c: &Cluster, bound: usize) -> Option<(i128, i128)> {
        Enforced { c, all: self }.expression(&c.row_program.bound[bound], &mut vec![])
    }
}

/// Whether at every position all channels that share a cell are read, or none is.
fn pairs_agree(c: &Contraction, wanted: &Wanted) -> bool {
    (0..c.s_span() as i64).all(|s| {
        let mut classes = c.channels_at(s).map(|channel| wanted.class_of(channel as usize));
        let first = classes.next();
        classes.all(|class| Some(class) == first)
    })
}

/// What is enforced on the cells of a cluster's rows.
struct Enforced<'a> {
    c: &'a Cluster,
    all: &'a Reading<'a>,
}

impl Enforced<'_> {
    /// Of a sum of cells; `open` are cells whose range is being found.
    fn expression(&self, e: &Expr, open: &mut Vec<u32>) -> Option<(i128, i128)> {
        let (mut lo, mut hi) = (e.constant as i128, e.constant as i128);
        for (coefficient, factors) in &e.terms {
            let [cell] = factors.as_slice() else { return None };
            let (a, b) = self.cell(cell, open)?;
            let (a, b) = (*coefficient as i128 * a, *coefficient as i128 * b);
            lo += a.min(b);
            hi += a.max(b);
        }
        Some((lo, hi))
    }

    fn cell(&self, cell: &Cell, open: &mut Vec<u32>) -> Option<(i128, i128)> {
        let (c, k) = (self.c, &self.c.row_program);
        let i = match cell {
            Cell::Fixed(i) => {
                let (lo, hi) = self.all.roots.bounds(*c.fixed.get(*i as usize)?, c.len);
                return Some((lo as i128, hi as i128));
            }
            Cell::Witness(i) => *i,
        };
        let this = Expr::witness(i);
        let keys = k
            .lookups
            .iter()
            .filter_map(|(relation, tuple)| Some((tuple.first()?, self.all.relations.keys(*relation)?)));
        // key = cell + constant
        let domains = keys.clone().filter(|(key, _)| key.terms == this.terms);
        let domains = domains.filter_map(|(key, (lo, hi))| {
            Some((lo.checked_sub(key.constant)?, hi.checked_sub(key.constant)?))
        });
        let exports = k.exports.iter().zip(&c.exports).filter(|((e, _), _)| *e == this);
        let outputs = exports.filter_map(|(_, v)| self.all.published.get(v).copied());
        let ranges = domains.chain(outputs).map(|(lo, hi)| (lo as i128, hi as i128));
        let width = |(lo, hi): &(i128, i128)| hi - lo;
        let known = ranges.min_by_key(width);
        if known.is_some() || open.contains(&i) {
            return known;
        }
        open.push(i);
        // key = rest − cell, so cell = rest − key: what a maximum is of, where the key is its difference from the maximum
        let found = keys.filter_map(|(key, (lo, hi))| {
            let rest = key.clone().checked_plus(&this)?;
            let whole = !rest.cells().any(|c| c == Cell::Witness(i));
            let (low, high) = whole.then(|| self.expression(&rest, open)).flatten()?;
            Some((low - hi as i128, high - lo as i128))
        });
        let found = found.min_by_key(width);
        open.pop();
        found
    }
}
