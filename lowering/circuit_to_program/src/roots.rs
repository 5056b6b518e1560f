//! Views, resolved: where every element of a value really comes from.
//!
//! A *root* is a value that something else than a view defines: an input, a contraction's result, or the result of an
//! elementwise operation. Views and concatenations are only re-indexings of roots, and cost nothing.
//!
//! Invariants: `of(v)` has one entry per element of v; constants are folded to data.
use crate::PlaceError;
use std::sync::Arc;
use tessera_circuit::CircuitOp;
use tessera_circuit::graph::{Circuit, ValueId};

/// Where an element comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// Padding.
    Zero,
    /// Element `.1` of root `.0`.
    Of(ValueId, usize),
}

/// What a value is made of.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Known at setup.
    Constant(Arc<Vec<i64>>),
    /// A root, all of it, in order.
    Root,
    /// Pieces of roots.
    Pieces(Arc<Vec<Element>>),
}

/// The origin of every value of a graph.
pub struct Roots {
    origin: Vec<Origin>,
}

impl Roots {
    /// Resolves all views and concatenations.
    pub fn new(g: &Circuit) -> Result<Roots, PlaceError> {
        let mut r = Roots { origin: vec![Origin::Root; g.values.len()] };
        for op in &g.ops {
            match &op.op {
                CircuitOp::Weight { .. } | CircuitOp::Constant { .. } => {
                    let v = op.results[0];
                    let data = g.known.get(&v).ok_or_else(|| {
                        PlaceError::Invalid(format!("{}: its values are not known", op.source()))
                    })?;
                    r.origin[v] = Origin::Constant(data.clone());
                }
                CircuitOp::View { x, view } => {
                    let sources = view.sources();
                    let pick = |i: i64| usize::try_from(i).ok();
                    r.origin[op.results[0]] = match &r.origin[*x] {
                        Origin::Constant(d) => Origin::Constant(Arc::new(
                            sources.iter().map(|i| pick(*i).map_or(0, |i| d[i])).collect(),
                        )),
                        _ => Origin::Pieces(Arc::new(
                            sources
                                .iter()
                                .map(|i| pick(*i).map_or(Element::Zero, |i| r.element(*x, i)))
                                .collect(),
                        )),
                    };
                }
                CircuitOp::Concat { xs, axis } => {
                    let outer: usize = g.values[op.results[0]].shape[..*axis].iter().product();
                    if xs.iter().all(|x| matches!(r.origin[*x], Origin::Constant(_))) {
                        let mut d = vec![];
                        for o in 0..outer {
                            for x in xs {
                                let Origin::Constant(c) = &r.origin[*x] else { continue };
                                let n = c.len() / outer;
                                d.extend_from_slice(&c[o * n..(o + 1) * n]);
                            }
                        }
                        r.origin[op.results[0]] = Origin::Constant(Arc::new(d));
                        continue;
                    }
                    let mut e = vec![];
                    for o in 0..outer {
                        for x in xs {
                            let n = g.values[*x].len() / outer;
                            if let Origin::Constant(c) = &r.origin[*x] {
                                if c.iter().any(|v| *v != 0) {
                                    return Err(PlaceError::unsupported(
                                        &op.source(),
                                        "a concatenation of computed values with non-zero constants",
                                    ));
                                }
                                e.extend(std::iter::repeat_n(Element::Zero, n));
                            } else {
                                e.extend((o * n..(o + 1) * n).map(|i| r.element(*x, i)));
                            }
                        }
                    }
                    r.origin[op.results[0]] = Origin::Pieces(Arc::new(e));
                }
                _ => {}
            }
        }
        Ok(r)
    }

    /// The data of a value known at setup.
    pub fn constant(&self, v: ValueId) -> Option<&Arc<Vec<i64>>> {
        match &self.origin[v] {
            Origin::Constant(d) => Some(d),
            _ => None,
        }
    }

    /// Whether `v` is itself a root.
    pub fn is_root(&self, v: ValueId) -> bool {
        matches!(self.origin[v], Origin::Root)
    }

    /// Where element `i` of `v` comes from. `v` is not a constant.
    pub fn element(&self, v: ValueId, i: usize) -> Element {
        match &self.origin[v] {
            Origin::Pieces(p) => p[i],
            _ => Element::Of(v, i),
        }
    }
}
