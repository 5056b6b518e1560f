//! Parameters that stand in elementwise rows as results of contractions: each is one cell of a weight table, and no row has one for it.
//!
//! Where weights are their owner's, all parameters are such: each is one cell of the owner's table. Of public ones, those are that are added
//! to all results of a contraction, where that is cheaper: a bias is a row of weights then, not a fixed column of every row.
//!
//! A parameter b that rows read is the result of a contraction of its own with one segment, Y[s, z] = b[s]·X[z]: X is 1 at the positions
//! z that are read, which everybody knows, and one cell holds b[s] for all of them, whatever the batch. What is added to *every* result of
//! another contraction is counted with that (the same power of d, positions and channels): its rows then read the sum of both, and no row
//! has a cell for the parameter. That is what a bias becomes.
//!
//! # Correctness
//! * A parameter is an element of one [`Bias`] at most, and a bias that is added to a contraction is added wherever that is read: at each
//!   wanted position each channel gets its own element, and positions that only other channels want are borders of the channel, whose
//!   cells are free.
//! * X's cells are bound to ones and zeros by the link equation (`emit`).
use crate::PlaceError;
use crate::cluster::{Cluster, Held, Instruction};
use crate::contraction::{Contraction, Indices};
use crate::layout::{Nest, compose};
use crate::roots::Roots;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tessera_api::{Blob, Cell, Expr};
use tessera_circuit::graph::{Circuit, ValueId};

/// Parameters that are multiplied by ones.
#[derive(Clone, Debug)]
pub struct Bias {
    /// The parameter, a root.
    pub root: ValueId,
    /// The contraction that it is added to, by number, or a number of its own: the exponent of d.
    pub id: usize,
    /// Which segment of that number it is.
    pub segment: usize,
    /// For each exponent of s, and then for each with the next power of t, the parameter's element, if there is one.
    pub elements: Vec<Option<i64>>,
    /// How many of them share a cell.
    pub pack: usize,
    /// Whether everybody knows them.
    pub public: bool,
    /// Exponents of z that are read in one batch entry, ascending.
    pub z: Vec<i64>,
    /// Step of z from one batch entry to the next.
    pub batch_stride: i64,
    /// For messages.
    pub source: String,
}

impl Bias {
    /// Exponents of z over the whole batch: `0..span`.
    pub fn span(&self, batch: usize) -> usize {
        let last = self.z.last().copied().unwrap_or(0);
        (last + (batch as i64 - 1) * self.batch_stride + 1) as usize
    }

    /// Rows of the activation table at a width.
    pub fn x_rows(&self, batch: usize, width: usize) -> usize {
        self.span(batch).div_ceil(width)
    }

    /// Rows of the weight table at a width.
    pub fn w_rows(&self, width: usize) -> usize {
        self.s_span().div_ceil(width)
    }

    /// Exponents of s: `0..s_span`.
    pub fn s_span(&self) -> usize {
        self.elements.len().div_ceil(self.pack)
    }

    /// The data that cells are filled from, and of each of `elements` the place in them. Where they are public, an element that there is
    /// not is a zero.
    pub fn constant(&self, g: &Circuit, roots: &Roots) -> (Blob, Vec<i64>) {
        if !self.public {
            let data = roots.values(self.root, g.values[self.root].len());
            return (data, self.elements.iter().map(|e| e.unwrap_or(0)).collect());
        }
        let value = |e: &Option<i64>| e.map_or(0, |e| roots.number(self.root, e));
        let own: Vec<i64> = self.elements.iter().map(value).collect();
        let places = (0..own.len() as i64).collect();
        (Blob::new(own), places)
    }
}

/// What is added to all results of a contraction.
pub struct Addend {
    /// The parameter, a root.
    pub root: ValueId,
    /// For each channel over all groups the parameter's element, if the channel is read.
    pub elements: Vec<Option<i64>>,
}

impl Addend {
    /// Smallest and largest of what is added, or zero.
    pub fn bounds(&self, roots: &Roots) -> (i64, i64) {
        let values = self.elements.iter().flatten().map(|e| roots.number(self.root, *e));
        values.fold((0, 0), |(lo, hi), v| (lo.min(v), hi.max(v)))
    }

    /// As a bias of a contraction, whose channels share cells as it says; of public elements where nobody owns them.
    pub fn bias(self, c: &Contraction, (id, z): (usize, Vec<i64>), public: bool) -> Bias {
        let mut elements = vec![None; c.s_span() * c.pack];
        for s in 0..c.s_span() {
            for (t, channel) in c.channels_at(s as i64).enumerate() {
                elements[t * c.s_span() + s] = self.elements[channel as usize % self.elements.len()];
            }
        }
        Bias {
            root: self.root,
            id,
            segment: c.segments,
            elements,
            pack: c.pack,
            public,
            z,
            batch_stride: c.batch_stride,
            source: c.source.clone(),
        }
    }
}

/// What one parameter is to the rows that read it.
#[derive(Default)]
struct Reads {
    /// Results that it is added to.
    sums: BTreeSet<ValueId>,
    /// Whether it also enters otherwise.
    otherwise: bool,
}

/// Finds what is added to all results of a contraction, and takes it out of the row programs. By the contraction's result: of these
/// alone, whose index maps are given.
pub fn merge(
    roots: &Roots,
    clusters: &mut [Cluster],
    outputs: &[(String, ValueId)],
    indices: HashMap<ValueId, &Indices>,
) -> BTreeMap<ValueId, Addend> {
    let mut found: BTreeMap<ValueId, Addend> = BTreeMap::new();
    let mut spoiled: BTreeSet<ValueId> = BTreeSet::new();
    let mut parameters: BTreeMap<ValueId, Reads> = BTreeMap::new();
    for (_, v) in outputs {
        spoiled.extend(roots.roots_of(*v));
    }
    for c in clusters.iter() {
        for (i, v) in c.bound.iter().enumerate() {
            if c.held.contains_key(&i) {
                let otherwise = !c.is_only_added(i);
                roots.roots_of(*v).into_iter().for_each(|r| {
                    parameters.entry(r).or_default().otherwise |= otherwise;
                });
                continue;
            }
            let read = roots.roots_of(*v);
            let ys: Vec<ValueId> = read.iter().copied().filter(|r| indices.contains_key(r)).collect();
            let added = c.addend_of(i).map(|j| c.bound[j]);
            let whole = added.and_then(|b| match (&read[..], &ys[..]) {
                ([y], [_]) => per_channel(roots, (*v, *y), b, indices[y], c.len),
                _ => None,
            });
            let agrees = whole.is_some_and(|own| match found.get_mut(&ys[0]) {
                Some(known) => join(known, &own),
                None => {
                    found.insert(ys[0], own);
                    true
                }
            });
            if !agrees {
                spoiled.extend(&ys);
            }
            for r in added.into_iter().flat_map(|b| roots.roots_of(b)) {
                let reads = parameters.entry(r).or_default();
                reads.sums.extend(&ys);
                reads.otherwise |= !agrees;
            }
        }
    }
    // a parameter has one home: what is added to results of several contractions, or enters otherwise as well, is added to none
    loop {
        let before = spoiled.len();
        for reads in parameters.values_mut() {
            if reads.otherwise || reads.sums.len() > 1 || reads.sums.iter().any(|y| spoiled.contains(y)) {
                reads.otherwise = true;
                spoiled.extend(&reads.sums);
            }
        }
        if spoiled.len() == before {
            break;
        }
    }
    found.retain(|y, _| !spoiled.contains(y));
    for c in clusters.iter_mut() {
        for j in (0..c.bound.len()).rev().filter(|j| c.held.contains_key(j)).collect::<Vec<_>>() {
            if roots.roots_of(c.bound[j]).iter().all(|r| !parameters[r].otherwise) {
                c.take_in(j);
            }
        }
    }
    found
}

/// The same parameter, and no channel with two elements of it.
fn join(known: &mut Addend, own: &Addend) -> bool {
    known.root == own.root
        && known.elements.iter_mut().zip(&own.elements).all(|(a, b)| match (*a, b) {
            (Some(a), Some(b)) => a == *b,
            (None, b) => {
                *a = *b;
                true
            }
            (Some(_), None) => true,
        })
}

/// The element of a parameter `b` that is added to each channel of `v`, a view of the result `y`; none where that depends on more.
fn per_channel(
    roots: &Roots,
    (v, y): (ValueId, ValueId),
    b: ValueId,
    indices: &Indices,
    len: usize,
) -> Option<Addend> {
    let [root] = roots.roots_of(b)[..] else { return None };
    let nests = |v: ValueId| -> Vec<Nest<1>> { roots.pieces(v).iter().map(|p| p.nest.clone()).collect() };
    debug_assert!(roots.roots_of(v) == [y]);
    let mut channel = vec![None; len];
    compose(&nests(v), &[indices.y_places()])
        .iter()
        .for_each(|n| n.visit(&mut |at, to| channel[at as usize] = Some(to[0] as usize)));
    let mut elements: Vec<Option<i64>> = vec![None; indices.counts().0];
    let (mut count, mut consistent) = (0, true);
    for n in nests(b) {
        n.visit(&mut |at, to| {
            count += 1;
            let slot = channel[at as usize].map(|c| &mut elements[c]);
            consistent &= slot.is_some_and(|slot| *slot.get_or_insert(to[0]) == to[0]);
        });
    }
    (consistent && count == len).then_some(Addend { root, elements })
}

/// Parameters that rows still read: a bias for each, numbered from `first` on. Every bound value that reads one learns where.
///
/// # Errors
/// Where a parameter does not lie in a row's elements as a product of elements and positions.
pub fn apart(
    g: &Circuit,
    roots: &Roots,
    clusters: &mut [Cluster],
    first: usize,
) -> Result<Vec<Bias>, PlaceError> {
    let mut biases: Vec<Bias> = vec![];
    for c in clusters.iter_mut() {
        for (i, held) in &mut c.held {
            let v = c.bound[*i];
            let irregular = || {
                PlaceError::unsupported(
                    &c.source,
                    "committed weights that are read element by element in more than one order",
                )
            };
            let [piece] = roots.pieces(v) else { return Err(irregular()) };
            let mut at = Nest { at: piece.nest.at, to: [0, piece.nest.to[0]], loops: vec![] };
            let mut positions = 1;
            for l in &piece.nest.loops {
                let to = if l.to == [0] { [positions, 0] } else { [0, l.to[0]] };
                positions *= if l.to == [0] { l.count } else { 1 };
                at = at.around(l.count as usize, l.at, to);
            }
            let mut elements = vec![None; g.values[piece.root].len()];
            let mut reads = 0;
            at.visit(&mut |_, to| {
                reads += i64::from(elements[to[1] as usize].is_none()) * positions;
                elements[to[1] as usize] = Some(to[1]);
            });
            if reads != at.len() {
                return Err(irregular());
            }
            let known = biases.iter().position(|b| b.root == piece.root);
            let k = match known {
                Some(k) if biases[k].elements == elements => k,
                Some(_) => return Err(irregular()),
                None => {
                    let (root, source) = (piece.root, c.source.clone());
                    let id = first + biases.len();
                    let (z, public) = (vec![], false);
                    biases.push(Bias {
                        root,
                        id,
                        segment: 0,
                        elements,
                        pack: 1,
                        public,
                        z,
                        batch_stride: 0,
                        source,
                    });
                    biases.len() - 1
                }
            };
            let b = &mut biases[k];
            at.to[0] += b.batch_stride;
            b.batch_stride += positions;
            *held = Held { id: b.id, at };
        }
    }
    for b in &mut biases {
        b.z = (0..b.batch_stride).collect();
    }
    Ok(biases)
}

impl Cluster {
    /// The parameter's bound value that is subtracted in what stands for another bound value: a bound value is its result where no column is, so that
    /// the parameter is added to it.
    fn addend_of(&self, bound: usize) -> Option<usize> {
        if self.held.contains_key(&bound) {
            return None;
        }
        let terms = &self.row_program.bound[bound].terms;
        let mut added = self.held.keys().filter(|j| {
            let Some(cell) = self.own_cell(**j) else { return false };
            terms.iter().any(|(k, f)| *k == -1 && f[..] == [cell])
        });
        let one = added.next().copied();
        one.filter(|_| added.next().is_none())
    }

    /// The cell of a bound value that has one.
    fn own_cell(&self, bound: usize) -> Option<Cell> {
        match &self.row_program.bound[bound] {
            Expr { constant: 0, terms } => match &terms[..] {
                [(1, f)] => f.first().copied().filter(|_| f.len() == 1),
                _ => None,
            },
            Expr { .. } => None,
        }
    }

    /// Whether nothing reads a parameter's bound value but bound values that it is added to.
    fn is_only_added(&self, bound: usize) -> bool {
        let Some(cell) = self.own_cell(bound) else { return false };
        let k = &self.row_program;
        let rows = k.constraints.iter().chain(k.lookups.iter().flat_map(|l| &l.1));
        let mut others = rows.chain(k.exports.iter().map(|e| &e.0)).flat_map(Expr::cells);
        let used = |(i, e): (usize, &Expr)| {
            i == bound || !e.cells().any(|c| c == cell) || self.addend_of(i) == Some(bound)
        };
        !others.any(|c| c == cell) && k.bound.iter().enumerate().all(used)
    }

    /// Removes a parameter's bound value: what it is added to is read with it.
    fn take_in(&mut self, bound: usize) {
        let Some(cell) = self.own_cell(bound) else { return };
        let k = &mut self.row_program;
        k.bound.remove(bound);
        self.bound.remove(bound);
        let later = |i: usize| if i > bound { i - 1 } else { i };
        self.held = std::mem::take(&mut self.held)
            .into_iter()
            .filter(|h| h.0 != bound)
            .map(|(i, h)| (later(i), h))
            .collect();
        for e in &mut k.bound {
            e.terms.retain(|t| t.1[..] != [cell]);
        }
        for s in &mut k.steps {
            if let Instruction::Bound(i) = s {
                if *i == bound {
                    *s = Instruction::Affine(vec![], 0);
                } else {
                    *i = later(*i);
                }
            }
        }
        k.drop_unused_columns(&mut []);
    }
}
