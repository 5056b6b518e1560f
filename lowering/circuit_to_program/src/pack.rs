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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::RowProgram;
    use crate::contraction::{Indices, Operation};
    use crate::layout::Nest;
    use crate::order::Order;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use tessera_api::TargetSpec;
    use tessera_circuit::CircuitOp;
    use tessera_circuit::graph::Node;
    use tessera_circuit::ops::{CircuitType, Visibility};
    use tessera_circuit::publish;
    use tessera_circuit::semantics::contract::{ContractSpec, ResultIndex};
    use tessera_circuit::semantics::view::View;
    use tessera_mlir::Place;

    /// A circuit that is a list of operations.
    #[derive(Default)]
    struct Build(Circuit);

    impl Build {
        fn op(&mut self, op: CircuitOp<ValueId>, shape: &[usize], (lo, hi): (i64, i64)) -> ValueId {
            self.0.values.push(CircuitType::new(shape, lo, hi));
            let y = self.0.values.len() - 1;
            let place = Place { text: "loc(unknown)".into(), node: None, file: None };
            self.0.ops.push(Node { op, results: vec![y], notes: vec![], place });
            y
        }

        fn constant(&mut self, values: &[i64]) -> ValueId {
            let (lo, hi) = (values.iter().copied().min().unwrap(), values.iter().copied().max().unwrap());
            let ty = CircuitType::new([values.len()], lo, hi);
            let v = self.op(CircuitOp::Constant { values: values.into(), ty }, &[values.len()], (lo, hi));
            self.0.known.insert(v, Arc::new(publish::param(&[values.len()], values).unwrap()));
            v
        }
    }

    /// y[n, o] = Σ x[n, c]·w[o, c] with these intervals, and a value that is y under another interval.
    struct Product {
        channels: usize,
        radix_bits: u32,
        w: (i64, i64),
        y: (i64, i64),
        read: (i64, i64),
        added: (i64, i64),
        /// Channels that something reads.
        wanted: Vec<i64>,
    }

    impl Default for Product {
        /// Of a radix of 256.
        fn default() -> Product {
            let (y, read, wanted) = ((-100, 27), (-100, 154), vec![0, 1, 2, 3]);
            Product { channels: 4, radix_bits: 8, w: (-127, 127), y, read, added: (0, 0), wanted }
        }
    }

    impl Product {
        /// What of its cells reads the value, if that is no output; and the relations that it asks.
        fn packs(&self, reader: Option<(RowProgram, &LookupRelations)>) -> bool {
            let mut b = Build::default();
            let ty = CircuitType::new([1, 3], -9, 9);
            let input = CircuitOp::Input { name: "x".into(), visibility: Visibility::Public, ty };
            let x = b.op(input.clone(), &[1, 3], (-9, 9));
            let w = b.op(input, &[self.channels, 3], self.w);
            let maps = [ResultIndex::One(0), ResultIndex::One(1)].to_vec();
            let spec =
                ContractSpec::new(3, vec![0, 2], vec![1, 2], maps, &[1, 3], &[self.channels, 3]).unwrap();
            let y = b.op(CircuitOp::Contract { x, w, maps: spec.maps() }, &[1, self.channels], self.y);
            let view = View::reshape(vec![self.channels]);
            let v = b.op(CircuitOp::View { x: y, view: view.clone() }, &[self.channels], self.read);
            // reads nothing of the product, whatever its interval
            let far = b.op(CircuitOp::View { x, view: View::reshape(vec![3]) }, &[3], (-(1 << 40), 1 << 40));
            let roots = Roots::new(&b.0).unwrap();
            let op = Operation { x, w, y, spec: &spec, holes: &[], source: "" };
            let indices = Indices::new(&op).unwrap();
            let mut wanted = Wanted::none(&indices);
            for at in &self.wanted {
                wanted.add(&indices, &[Nest::new(0, [*at], vec![])]).unwrap();
            }
            let mut c = Contraction::new(&op, &indices, &wanted, (1, false));
            c.pack = FACTOR;
            let none = LookupRelations::new(&TargetSpec::default().capabilities);
            let relations = reader.as_ref().map_or(&none, |r| r.1);
            let outputs = if reader.is_some() {
                vec![("far".into(), far)]
            } else {
                vec![("far".into(), far), ("y".into(), v)]
            };
            let clusters: Vec<Vec<Cluster>> =
                reader.iter().map(|r| vec![cluster(r.0.clone(), vec![far, v], &[])]).collect();
            let published = HashMap::new();
            let reading = Reading {
                g: &b.0,
                roots: &roots,
                clusters: &clusters,
                outputs: &outputs,
                published: &published,
                relations,
                radix_bits: self.radix_bits,
            };
            reading.may_pack(&c, &wanted, self.added)
        }
    }

    fn cluster(row_program: RowProgram, bound: Vec<ValueId>, fixed: &[ValueId]) -> Cluster {
        Cluster {
            row_program,
            len: 4,
            order: Order::plain(4),
            bound,
            held: BTreeMap::new(),
            fixed: fixed.into(),
            computed: vec![],
            exports: vec![],
            source: String::new(),
            constraint_sources: vec![],
            lookup_sources: vec![],
        }
    }

    /// D ≤ t − 2 at both ends, with what is added.
    #[test]
    fn what_is_read_and_what_is_made_are_near() {
        let p = Product::default;
        assert!(p().packs(None));
        assert!(!Product { read: (-100, 155), ..p() }.packs(None));
        let below = Product { y: (-27, 100), read: (-154, 100), ..p() };
        assert!(below.packs(None));
        assert!(!Product { read: (-155, 100), ..below }.packs(None));
        // what is added moves what is made, and not what is read
        let moved = Product { y: (-90, 25), added: (-10, 2), ..p() };
        assert!(moved.packs(None));
        assert!(!Product { added: (-11, 2), ..moved }.packs(None));
        let moved = Product { y: (-25, 90), read: (-154, 100), added: (-2, 10), ..p() };
        assert!(moved.packs(None));
        assert!(!Product { added: (-2, 11), ..moved }.packs(None));
    }

    /// Half the radix holds whatever stands in a packed cell.
    #[test]
    fn numbers_in_packed_cells_are_small() {
        let p = || Product { y: (-127, 127), read: (-127, 127), ..Product::default() };
        assert!(p().packs(None));
        for big in [(-128, 0), (0, 128)] {
            assert!(!Product { y: big, read: (0, 0), ..p() }.packs(None), "results in {big:?}");
            assert!(!Product { w: big, ..p() }.packs(None), "weights in {big:?}");
            // the sum of a large number and one added to it may be small
            let back = (-big.0 - big.1, -big.0 - big.1);
            assert!(
                !Product { y: back, read: (0, 0), added: (-back.0, -back.0), ..p() }.packs(None),
                "{big:?}"
            );
        }
        let both = Product { y: (-100, 100), added: (-27, 27), ..p() };
        assert!(both.packs(None));
        assert!(!Product { added: (-28, 0), ..both }.packs(None));
        let both = Product { y: (-100, 100), added: (-27, 27), ..p() };
        assert!(!Product { added: (0, 28), ..both }.packs(None));
    }

    #[test]
    fn one_channel_or_no_radix_packs_nothing() {
        let p = || Product { radix_bits: 2, w: (-1, 1), y: (-1, 1), read: (-1, 1), ..Product::default() };
        assert!(p().packs(None));
        assert!(Product { channels: 2, wanted: vec![0, 1], ..p() }.packs(None));
        assert!(!Product { channels: 1, wanted: vec![0], ..p() }.packs(None));
        assert!(!Product { radix_bits: 1, w: (0, 0), y: (0, 0), read: (0, 0), ..p() }.packs(None));
    }

    /// Channels 0 and 2 share a cell, and 1 and 3.
    #[test]
    fn both_channels_of_a_pair_are_read_or_none() {
        let p = |wanted: &[i64]| Product { wanted: wanted.into(), ..Product::default() }.packs(None);
        for together in [&[0, 2][..], &[1, 3], &[0, 1, 2, 3], &[]] {
            assert!(p(together), "{together:?}");
        }
        for apart in [&[0][..], &[1], &[2], &[0, 1], &[0, 3], &[0, 1, 2], &[1, 2, 3]] {
            assert!(!p(apart), "{apart:?}");
        }
    }

    /// Witness cell i times k.
    fn cell(k: i64, i: u32) -> Expr {
        Expr::witness(i).scale(k)
    }

    fn sum(terms: &[Expr], constant: i64) -> Expr {
        terms.iter().fold(Expr::constant(constant), |a, b| a.plus(b))
    }

    fn relations(ranges: &[(i64, i64)]) -> LookupRelations {
        let mut all = LookupRelations::new(&TargetSpec::default().capabilities);
        ranges.iter().for_each(|(lo, hi)| assert!(all.range(*lo, *hi, "").is_ok()));
        all
    }

    /// A row whose keys are looked up in these ranges, and that reads an expression.
    fn row(lookups: &[(u32, Expr)], bound: Expr) -> RowProgram {
        let lookups = lookups.iter().map(|(relation, key)| (*relation, vec![key.clone()])).collect();
        RowProgram { lookups, bound: vec![Expr::constant(0), bound], ..RowProgram::default() }
    }

    /// Rows read results through cells: what lookups enforce on these decides, not what is declared.
    #[test]
    fn what_rows_enforce_is_near() {
        // hi·16 + lo with hi in −7..=8 and lo in 0..=15: −112..=143
        let whole = sum(&[cell(16, 0), cell(1, 1)], 0);
        let r = relations(&[(-7, 8), (0, 15)]);
        let keys = [(0, cell(1, 0)), (1, cell(1, 1))];
        let with = |y| Product { y, read: (0, 0), ..Product::default() };
        assert!(with((-111, 100)).packs(Some((row(&keys, whole.clone()), &r))));
        assert!(!with((-112, 100)).packs(Some((row(&keys, whole.clone()), &r))));
        // where one of them has no range, anything may be read
        assert!(!with((0, 0)).packs(Some((row(&keys[..1], whole), &r))));
    }

    #[test]
    fn ranges_follow_from_lookups() {
        let mut b = Build::default();
        let fixed = b.constant(&[3, -2, 5, 0]);
        let roots = Roots::new(&b.0).unwrap();
        let r = relations(&[(0, 15), (-4, 3), (2, 100), (10, 18)]);
        let published = HashMap::from([(7, (-9, 1))]);
        let enforced = |lookups: &[(u32, Expr)], e: &Expr| {
            let c = Cluster {
                exports: vec![8, 7],
                row_program: RowProgram {
                    exports: vec![(cell(1, 6), 0), (cell(1, 5), 0)],
                    ..row(lookups, e.clone())
                },
                ..cluster(RowProgram::default(), vec![0, 1], &[fixed])
            };
            let all = Reading {
                g: &b.0,
                roots: &roots,
                clusters: &[],
                outputs: &[],
                published: &published,
                relations: &r,
                radix_bits: 8,
            };
            all.enforced(&c, 1)
        };
        let one = |lookups: &[(u32, Expr)]| enforced(lookups, &cell(1, 0));
        assert_eq!(enforced(&[], &Expr::constant(-6)), Some((-6, -6)));
        assert_eq!(one(&[(0, cell(1, 0))]), Some((0, 15)));
        // a key that is the cell and a number
        assert_eq!(one(&[(0, sum(&[cell(1, 0)], 4))]), Some((-4, 11)));
        // of two ranges the narrower, wherever it stands
        for keys in [[(0, cell(1, 0)), (1, cell(1, 0))], [(1, cell(1, 0)), (0, cell(1, 0))]] {
            assert_eq!(one(&keys), Some((-4, 3)));
        }
        assert_eq!(one(&[(0, cell(1, 0)), (3, cell(1, 0))]), Some((10, 18)));
        // negative coefficients turn ends around
        let keys = [(0, cell(1, 0)), (1, cell(1, 1))];
        assert_eq!(enforced(&keys, &sum(&[cell(-2, 0), cell(3, 1)], 10)), Some((10 - 30 - 12, 10 + 9)));
        // setup data are what they are
        assert_eq!(enforced(&keys, &sum(&[Expr::fixed(0).scale(-2), cell(1, 0)], 0)), Some((-10, 4 + 15)));
        assert_eq!(enforced(&keys, &Expr::fixed(1)), None);
        // what a verifier holds to its range
        assert_eq!((enforced(&[], &cell(1, 5)), enforced(&[], &cell(1, 6))), (Some((-9, 1)), None));
        assert_eq!(enforced(&[(1, cell(1, 5))], &cell(1, 5)), Some((-4, 3)));
        // below a maximum: key = maximum − cell
        let below = (0, sum(&[cell(1, 1), cell(-1, 0)], 0));
        assert_eq!(one(&[below.clone(), (1, cell(1, 1))]), Some((-4 - 15, 3)));
        let lower = (2, sum(&[cell(1, 1), cell(-1, 0)], 5));
        assert_eq!(one(&[below.clone(), lower.clone(), (1, cell(1, 1))]), Some((-19, 3)));
        assert_eq!(one(&[lower, (1, cell(1, 1))]), Some((1 - 100, 8 - 2)));
        // a maximum of maxima
        let further = (1, sum(&[cell(1, 2), cell(-1, 1)], 0));
        assert_eq!(one(&[below.clone(), further, (0, cell(1, 2))]), Some((0 - 3 - 15, 15 + 4)));
        // nothing is known of any of these: no lookup, one of a multiple, of a product, of one another, of what they are apart
        let around = [below.clone(), (0, sum(&[cell(1, 0), cell(-1, 1)], 0))];
        let square = Expr { constant: 0, terms: vec![(1, vec![Cell::Witness(0); 2])] };
        for keys in [&[][..], &[(0, cell(2, 0))], &[(0, square.clone())], &[below], &around] {
            assert_eq!(one(keys), None, "{keys:?}");
        }
        assert_eq!(one(&[(0, sum(&[cell(-2, 0), cell(1, 1)], 0)), (1, cell(1, 1))]), None);
        assert_eq!(enforced(&keys, &square), None);
    }
}
