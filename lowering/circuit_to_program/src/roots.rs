//! Views, resolved: where every element of a value really comes from.
//!
//! A *root* is a value that something else than a view defines: an input, a contraction's result, the result of an elementwise
//! operation, or data known at setup. Views and concatenations are only re-indexings of roots, and cost nothing.
//!
//! Invariants: a value's pieces have each of its elements once at most; an element of none is zero (padding). Pieces of data known
//! at setup and of others never stand in one value. Steps through a value's elements are positive.
use crate::PlaceError;
use crate::layout::{Nest, compose};
use std::sync::Arc;
use tessera_api::{Blob, blob::Width};
use tessera_circuit::CircuitOp;
use tessera_circuit::graph::{Circuit, ValueId};
use tessera_circuit::ops::Stage;
use tessera_circuit::semantics::{View, row_major};
use tessera_mlir::params::{Param, ParamData};

/// Elements of a value that are elements of one root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Piece {
    /// Which root.
    pub root: ValueId,
    /// From elements of the value to elements of the root.
    pub nest: Nest<1>,
}

/// The origin of every value of a graph.
pub struct Roots {
    pieces: Vec<Vec<Piece>>,
    /// The data of roots that are known at setup, as they are stored.
    data: Vec<Option<Arc<Param>>>,
    /// Whether a value depends on nothing but data known at setup.
    constant: Vec<bool>,
    /// Whether a root is a parameter of the model.
    parameter: Vec<bool>,
}

impl Roots {
    /// Resolves all views and concatenations.
    pub fn new(g: &Circuit) -> Result<Roots, PlaceError> {
        let n = g.values.len();
        let whole = |root: ValueId| vec![Piece { root, nest: Nest::dense(g.values[root].len()) }];
        let mut r = Roots {
            pieces: (0..n).map(whole).collect(),
            data: vec![None; n],
            constant: vec![false; n],
            parameter: vec![false; n],
        };
        for op in &g.ops {
            match &op.op {
                CircuitOp::Weight { .. } | CircuitOp::Constant { .. } => {
                    let y = op.results[0];
                    r.data[y] = Some(g.known[&y].clone());
                    r.constant[y] = true;
                    r.parameter[y] = matches!(op.op, CircuitOp::Weight { stage: Stage::Model, .. });
                }
                CircuitOp::View { x, view } => {
                    let y = op.results[0];
                    r.constant[y] = r.constant[*x];
                    r.pieces[y] = r.viewed(&[nest(view)], *x);
                }
                CircuitOp::Concat { xs, axis } => {
                    let y = op.results[0];
                    r.constant[y] = xs.iter().all(|x| r.constant[*x]);
                    r.pieces[y] = r.concatenated(g, xs, (y, *axis));
                    if !r.constant[y] {
                        let zero = |p: &Piece| {
                            let bounds = r.data(p.root).map(|d| d.data.bounds());
                            bounds.is_none_or(|b| b.is_ok_and(|b| b.is_none_or(|b| b == (0, 0))))
                        };
                        if !r.pieces[y].iter().all(zero) {
                            return Err(PlaceError::unsupported(
                                &op.source(),
                                "a concatenation of computed values with non-zero constants",
                            ));
                        }
                        r.pieces[y].retain(|p| r.data[p.root].is_none());
                    }
                }
                // everything else makes elements of its own
                _ => {}
            }
        }
        Ok(r)
    }

    /// Pieces of a value whose elements lead to those of `x`.
    fn viewed(&self, first: &[Nest<1>], x: ValueId) -> Vec<Piece> {
        // pieces of one root are composed together: each element is in one of them
        let mut out: Vec<Piece> = vec![];
        for root in self.roots_of(x) {
            let of: Vec<Nest<1>> =
                self.pieces[x].iter().filter(|p| p.root == root).map(|p| p.nest.clone()).collect();
            out.extend(compose(first, &of).into_iter().map(|nest| Piece { root, nest }));
        }
        out
    }

    fn concatenated(&self, g: &Circuit, xs: &[ValueId], (y, axis): (ValueId, usize)) -> Vec<Piece> {
        let shape = &g.values[y].shape;
        let outer: usize = shape[..axis].iter().product();
        let all: usize = shape[axis..].iter().product();
        let mut pieces = vec![];
        let mut start = 0;
        for x in xs {
            let n = g.values[*x].len() / outer.max(1);
            let part = Nest::new(start, [0], [(n, 1, [1]), (outer, all as i64, [n as i64])]);
            pieces.extend(self.viewed(&[part], *x));
            start += n as i64;
        }
        pieces
    }

    /// What a value is made of.
    pub fn pieces(&self, v: ValueId) -> &[Piece] {
        &self.pieces[v]
    }

    /// The roots a value is made of, each once.
    pub fn roots_of(&self, v: ValueId) -> Vec<ValueId> {
        let mut roots: Vec<ValueId> = self.pieces[v].iter().map(|p| p.root).collect();
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// Whether a value is known at setup.
    pub fn is_constant(&self, v: ValueId) -> bool {
        self.constant[v]
    }

    /// Whether some of a value's elements are parameters of the model.
    pub fn is_parameter(&self, v: ValueId) -> bool {
        self.pieces[v].iter().any(|p| self.parameter[p.root])
    }

    /// Roots that are parameters of the model.
    pub fn parameters(&self) -> impl Iterator<Item = ValueId> + '_ {
        (0..self.parameter.len()).filter(|v| self.parameter[*v])
    }

    /// The data of a root known at setup.
    pub fn data(&self, root: ValueId) -> Option<&Arc<Param>> {
        self.data[root].as_ref()
    }

    /// Whether `v` is itself a root.
    pub fn is_root(&self, v: ValueId) -> bool {
        matches!(&self.pieces[v][..], [p] if p.root == v)
    }

    /// One number of a root known at setup.
    pub fn number(&self, root: ValueId, i: i64) -> i64 {
        self.data(root).and_then(|d| d.data.integer(i as usize)).unwrap_or(0)
    }

    /// The data of a value known at setup: as it stands where it is a root, else put together.
    pub fn values(&self, v: ValueId, len: usize) -> Blob {
        if let Some(data) = self.data(v) {
            return blob(&data.data);
        }
        let mut out = vec![0; len];
        for p in &self.pieces[v] {
            p.nest.visit(&mut |at, from| out[at as usize] = self.number(p.root, from[0]));
        }
        Blob::new(out)
    }

    /// Which elements of a value are padding; empty where none is.
    pub fn padding(&self, v: ValueId, len: usize) -> Vec<bool> {
        let covered: i64 = self.pieces[v].iter().map(|p| p.nest.len()).sum();
        if covered == len as i64 {
            return vec![];
        }
        let mut holes = vec![true; len];
        self.pieces[v].iter().for_each(|p| p.nest.visit(&mut |at, _| holes[at as usize] = false));
        holes
    }

    /// Smallest and largest number of a value known at setup.
    pub fn bounds(&self, v: ValueId, len: usize) -> (i64, i64) {
        let covered: i64 = self.pieces[v].iter().map(|p| p.nest.len()).sum();
        let padding = (covered < len as i64).then_some(0);
        let mut all: Option<(i64, i64)> = padding.map(|z| (z, z));
        for p in &self.pieces[v] {
            // an element that is repeated is looked at once
            let mut distinct = p.nest.clone();
            distinct.loops.retain(|l| l.to != [0]);
            distinct.visit(&mut |_, from| {
                let x = self.number(p.root, from[0]);
                all = Some(all.map_or((x, x), |(lo, hi)| (lo.min(x), hi.max(x))));
            });
        }
        all.unwrap_or((0, 0))
    }

    /// Whether two values known at setup are the same data in the same places.
    pub fn same(&self, a: ValueId, b: ValueId) -> bool {
        let hash = |p: &Piece| self.data(p.root).map(|d| d.hash());
        let (a, b) = (&self.pieces[a], &self.pieces[b]);
        let equal = |(a, b): (&Piece, &Piece)| a.nest == b.nest && (a.root == b.root || hash(a) == hash(b));
        a.len() == b.len() && a.iter().zip(b).all(equal)
    }

    /// The first number of a value known at setup.
    pub fn first(&self, v: ValueId) -> i64 {
        let first = self.pieces[v].iter().find(|p| p.nest.at == 0);
        first.map_or(0, |p| self.number(p.root, p.nest.to[0]))
    }
}

/// The integers of a parameter, where they lie.
fn blob(data: &ParamData) -> Blob {
    let width = match data {
        // a circuit has none
        ParamData::F32(_) => return Blob::default(),
        ParamData::I8(_) => Width::I8,
        ParamData::I16(_) => Width::I16,
        ParamData::I32(_) => Width::I32,
        ParamData::I64(_) => Width::I64,
    };
    Blob::from_bytes(width, data.bytes().clone()).unwrap_or_default()
}

/// A view as a nest from the elements of its result.
fn nest(v: &View) -> Nest<1> {
    let steps = row_major(&v.shape);
    let (mut at, mut to) = (0, v.offset);
    let mut loops = vec![];
    for (d, step) in steps.iter().enumerate() {
        let (low, high) = (v.valid_low[d], v.valid_high[d]);
        at += low * *step as i64;
        to += low * v.strides[d];
        loops.push(((high - low).max(0) as usize, *step as i64, [v.strides[d]]));
    }
    Nest::new(at, [to], loops)
}
