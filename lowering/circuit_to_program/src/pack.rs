//! Packing: weights of several output channels in one cell, W_a + t·W_b with t a power of two, 2³² in a field of 64 bits.
//!
//! Contractions are linear in their weights, so the product of activations with packed weights is Y_a + t·Y_b: half the cells,
//! half the borders, half the work. Where results are read, both cells u_a and u_b stand in the same equation with the
//! factors 1 and t.
//!
//! # Correctness
//! The contraction equation says u_a + t·u_b ≡ Y_a + t·Y_b mod p for every pair. It has to follow that u_a = Y_a and u_b = Y_b.
//! Y_a and Y_b lie in the interval I that the circuit proves; u_a and u_b lie in the range B that lookups (or the public range) of
//! the reading cells enforce, whatever a prover does. So each difference u − Y is at most D in magnitude, where D is the
//! largest distance between B and I. If D ≤ t − 2, then |(u_a − Y_a) + t·(u_b − Y_b)| ≤ (t − 2)(t + 1) = t² − t − 2 < p
//! ([`Capabilities::radix_bits`](tessera_api::Capabilities::radix_bits) is the largest t for which that holds), so the difference is zero over the integers, and since |u_a − Y_a| < t both parts are zero.
//!
//! A cell without a lookup of its own has a range where a lookup's key is its difference from a cell that has one: what a maximum
//! is of lies at most the table's keys below the maximum.
//!
//! A cell whose range nothing enforces must not share a monomial: both channels of a pair are read at a position, or neither.
use crate::buses::Buses;
use crate::cluster::Cluster;
use crate::contraction::Contraction;
use crate::roots::{Element, Roots};
use std::collections::{HashMap, HashSet};
use tessera_api::{Cell, Expr};
use tessera_circuit::graph::{Circuit, ValueId};

/// Integers in a cell where channels are packed.
pub const FACTOR: usize = 2;

/// What is known where packing is decided.
pub struct Known<'a> {
    /// The circuit.
    pub g: &'a Circuit,
    /// Where views lead.
    pub roots: &'a Roots,
    /// All clusters.
    pub clusters: &'a [Vec<Cluster>],
    /// The outputs.
    pub outputs: &'a [(String, ValueId)],
    /// Values that verifiers hold to a range.
    pub published: &'a HashMap<ValueId, (i64, i64)>,
    /// Lookup relations.
    pub buses: &'a Buses,
    /// The radix, as a power of two.
    pub radix_bits: u32,
}

/// Whether the channels of a contraction may share cells as its `pack` says.
pub fn possible(k: &Known, c: &Contraction, wanted: &[bool]) -> bool {
    let Known { g, roots, clusters, outputs, published, buses, radix_bits } = *k;
    if c.channels < FACTOR || radix_bits < 2 {
        return false;
    }
    let y = &g.values[c.y];
    let radix = 1i128 << radix_bits;
    let reads = |v: ValueId| {
        roots.constant(v).is_none()
            && (0..g.values[v].len()).any(|i| matches!(roots.element(v, i), Element::Of(r, _) if r == c.y))
    };
    let near = |(lo, hi): (i128, i128)| {
        let distance = (hi - y.lo as i128).max(y.hi as i128 - lo);
        distance <= radix - 2
    };
    // packed weights, and packed cells of results that nothing reads, are 64-bit integers
    let small = |lo: i64, hi: i64| lo.unsigned_abs().max(hi.unsigned_abs()) < 1 << (radix_bits - 1);
    let w = &g.values[c.w];
    small(y.lo, y.hi)
        && small(w.lo, w.hi)
        && pairs_agree(c, wanted)
        && outputs.iter().filter(|o| reads(o.1)).all(|(_, v)| {
            let v = &g.values[*v];
            near((v.lo as i128, v.hi as i128))
        })
        && clusters.iter().flatten().all(|cluster| {
            let ports = cluster.ports.iter().enumerate().filter(|(_, v)| reads(**v));
            ports.into_iter().all(|(i, _)| enforced(cluster, published, buses, i).is_some_and(near))
        })
}

/// Whether at every position all channels that share a cell are read, or none is.
fn pairs_agree(c: &Contraction, wanted: &[bool]) -> bool {
    let mut read: HashMap<(i64, i64), HashSet<bool>> = HashMap::new();
    for ((channel, z), w) in c.y_at.iter().zip(wanted) {
        read.entry((c.packed(*channel).0, *z)).or_default().insert(*w);
    }
    read.values().all(|s| s.len() == 1)
}

/// The range that lookups and verifiers enforce on what stands for a port, over all rows of its cluster.
fn enforced(
    c: &Cluster,
    published: &HashMap<ValueId, (i64, i64)>,
    buses: &Buses,
    port: usize,
) -> Option<(i128, i128)> {
    Enforced { c, published, buses }.expression(&c.kernel.ports[port], &mut vec![])
}

/// What is enforced on the cells of a cluster's rows.
struct Enforced<'a> {
    c: &'a Cluster,
    published: &'a HashMap<ValueId, (i64, i64)>,
    buses: &'a Buses,
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
        let (c, k) = (self.c, &self.c.kernel);
        let i = match cell {
            Cell::Fixed(i) => {
                let data = c.fixed.get(*i as usize)?;
                return Some((*data.iter().min()? as i128, *data.iter().max()? as i128));
            }
            Cell::Witness(i) => *i,
        };
        let this = Expr::witness(i);
        let keys = k.lookups.iter().filter_map(|(bus, tuple)| Some((tuple.first()?, self.buses.keys(*bus)?)));
        let domains = keys.clone().filter(|(key, _)| **key == this).map(|(_, domain)| domain);
        let exports = k.exports.iter().zip(&c.exports).filter(|((e, _), _)| *e == this);
        let outputs = exports.filter_map(|(_, v)| self.published.get(v).copied());
        let ranges = domains.chain(outputs).map(|(lo, hi)| (lo as i128, hi as i128));
        let width = |(lo, hi): &(i128, i128)| hi - lo;
        let known = ranges.min_by_key(width);
        if known.is_some() || open.contains(&i) {
            return known;
        }
        open.push(i);
        // key = rest − cell, so cell = rest − key: what a maximum is of, where the key is its difference from the maximum
        let found = keys.filter_map(|(key, (lo, hi))| {
            let rest = key.clone().plus(&this);
            let whole = !rest.cells().any(|c| c == Cell::Witness(i));
            let (low, high) = whole.then(|| self.expression(&rest, open)).flatten()?;
            Some((low - hi as i128, high - lo as i128))
        });
        let found = found.min_by_key(width);
        open.pop();
        found
    }
}
