//! Writes the Program and the witness plan of a placement.
//!
//! Variables: z (positions), s (channels and segments), d (which contraction, or which use of a value), and the number t = 2³² that
//! tells packed channels apart (`pack.rs`).
//!
//! # Correctness
//! Two equations hold everything together, each a polynomial identity in (z, s, d):
//! * *contraction*: Σ d^k · s^group · X_q · W_q over all contractions k and segments q, biases (`biases.rs`) among them, equals the sum of
//!   all cells that hold elements of the results: bound values of clusters, outputs, and free border cells. Wanted monomials are
//!   never shared (`contraction.rs`), so every such cell but a border's is the exact element of the product.
//! * *link*: every cell that holds an element made elsewhere (activation cells, bound values, outputs), with a monomial of its own
//!   per use, equals what the maker holds. Of the cells that parameters are multiplied by, everybody knows which are ones.
//!   Factors of a product that are both computed are activation cells both, with monomials of their own: z^position s^segment on one side,
//!   z^segment s^channel on the other.
//!   Activation cells and bound values without an origin (gaps, padding) have their monomial too, with nothing on the other side:
//!   they are zero.
//!
//! Every row of a bound value takes part in exactly one of the two.
mod committed;
mod plan;
mod tables;

use crate::PlaceError;
use crate::cluster::Held;
use crate::layout::{Nest, compose, gaps, sequence};
use crate::order::Order;
use crate::placement::{Hidden, Placement};
use std::collections::{BTreeMap, HashMap};
use tessera_api::{
    Blob, Equation, EquationTerm, FixedColumn, Fold, Lane, Operand, Program, Public, Role, Seq, Table,
    TableShape, Term, Variable, WitnessColumn, WitnessPlan,
};
use tessera_circuit::graph::{Circuit, ValueId};

/// Entries of a monomial in a layout: a flag, then the exponents.
const ENTRIES: usize = 5;

/// Monomials, exponents of (z, s, d, t), of the rows of a table, or of the elements of a public tensor.
#[derive(Clone, Default)]
struct Monomials(Vec<Nest<4>>);

impl Monomials {
    /// Whether there is any.
    fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// One entry for each of `len` rows.
    fn seq(&self, len: usize) -> Seq {
        let flagged = |n: &Nest<4>| n.map([1, 0, 0, 0, 0], |[z, s, d, t]| [0, *z, *s, *d, *t]);
        sequence(&self.0.iter().map(flagged).collect::<Vec<_>>(), len, [0; ENTRIES])
    }
}

/// How elements of a root are used: their monomials in the link equation for batch entry 0, and the step of (z, s) per entry.
#[derive(Clone)]
struct Use {
    at: Nest<4>,
    step: [i64; 2],
}

impl Use {
    /// For all entries of a batch, of which each has `len` elements of the root.
    fn in_batch(&self, batch: usize, len: usize) -> Nest<4> {
        self.at.clone().around(batch, len as i64, [self.step[0], self.step[1], 0, 0])
    }
}

/// Per root: layers of uses, each with at most one use per element.
#[derive(Default)]
struct Uses(BTreeMap<ValueId, Vec<Vec<Use>>>, HashMap<ValueId, Filled>);

/// How many elements the layers of a root leave. What is broadcast has as many layers as it has copies, nearly all of them full.
#[derive(Default)]
struct Filled {
    left: Vec<i64>,
    /// Layers before this one use all elements.
    open: usize,
}

impl Uses {
    /// Records uses of a root of `len` elements.
    fn add(&mut self, root: ValueId, len: usize, at: &Nest<4>, step: [i64; 2]) {
        let (layers, filled) = (self.0.entry(root).or_default(), self.1.entry(root).or_default());
        for at in at.once() {
            let room = |l: &usize| at.len() <= filled.left[*l];
            let free = (filled.open..layers.len()).filter(room).find(|&l| apart(&layers[l], &at));
            let l = free.unwrap_or_else(|| {
                layers.push(vec![]);
                filled.left.push(len as i64);
                layers.len() - 1
            });
            filled.left[l] -= at.len();
            layers[l].push(Use { at, step });
            while filled.left.get(filled.open) == Some(&0) {
                filled.open += 1;
            }
        }
    }
}

/// Whether two intervals, ends included, have a number in common.
fn overlap(a: (i64, i64), b: (i64, i64)) -> bool {
    a.1 >= b.0 && a.0 <= b.1
}

/// Whether no element of `at` is used in a layer.
fn apart(layer: &[Use], at: &Nest<4>) -> bool {
    let (lo, hi) = at.span();
    let near: Vec<&Use> = layer.iter().filter(|u| overlap(u.at.span(), (lo, hi))).collect();
    if near.is_empty() {
        return true;
    }
    let mut taken = vec![false; (lo..=hi).count()];
    at.visit(&mut |e, _| taken[(e - lo) as usize] = true);
    let mut free = true;
    for u in near {
        u.at.visit(&mut |e, _| free &= !((lo..=hi).contains(&e) && taken[(e - lo) as usize]));
    }
    free
}

/// Monomials of their own for the elements that these leave out.
fn linked(direct: &[Nest<4>], len: usize, d: i64) -> Monomials {
    let own = |(at, n): (i64, usize)| Nest::new(at, [at, 0, d, 0], [(n, 1, [1, 0, 0, 0])]);
    Monomials(gaps(direct, len).into_iter().map(own).collect())
}

/// The tables of some products.
#[derive(Clone, Copy)]
struct ProductTables {
    activations: u32,
    /// Of the second factors.
    factors: u32,
}

struct Emitter<'a> {
    g: &'a Circuit,
    p: &'a Placement,
    program: Program,
    plan: WitnessPlan,
    /// Tensor of each root, laid out [batch, element].
    tensors: HashMap<ValueId, u32>,
    /// Number of the contraction that makes a value.
    contraction_of: HashMap<ValueId, usize>,
    uses: Uses,
    /// The constant that holds the weights of each contraction.
    weights_of: Vec<u32>,
    /// And the parameters of each bias.
    parameters_of: Vec<u32>,
    /// Exponent of d of each second factor that is computed, in the link equation, by contraction.
    factor_uses: BTreeMap<usize, i64>,
    /// The tensor of each contraction's results, once there is one.
    accumulators: Vec<Option<u32>>,
    /// Whether constants get their data.
    data: bool,
    contraction: Vec<EquationTerm>,
    link: Vec<EquationTerm>,
    next_use: i64,
    /// The tables of the elements of tensors that the statement does not have, by public tensor.
    elements: BTreeMap<u32, u32>,
    /// What is committed to, and the table of its permutations.
    committed: Vec<committed::Committed>,
    commitments: Option<u32>,
}

/// What is written of a placement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything.
    Whole,
    /// The Program without its data, and no plan: all that a cost depends on.
    Shape,
}

pub(crate) fn emit(g: &Circuit, p: &Placement, extent: Extent) -> Result<(Program, WitnessPlan), PlaceError> {
    let program = Program {
        version: tessera_api::VERSION,
        zero_knowledge: p.heights.hiding > 0,
        constants: vec![],
        matrices: vec![],
        tables: vec![],
        relations: p.relations.names(),
        publics: vec![],
        variables: ["z", "s", "d"]
            .map(Variable::from)
            .into_iter()
            .chain([Variable { name: "t".into(), value: Some(1 << p.capabilities.radix_bits()) }])
            .collect(),
        folds: vec![],
        terms: vec![],
        equations: vec![],
    };
    let contraction_of = p.contractions.iter().enumerate().map(|(k, c)| (c.y, k)).collect();
    let mut e = Emitter {
        g,
        p,
        program,
        plan: WitnessPlan::default(),
        tensors: HashMap::new(),
        contraction_of,
        uses: Uses::default(),
        weights_of: vec![0; p.contractions.len()],
        parameters_of: vec![0; p.biases.len()],
        factor_uses: BTreeMap::new(),
        accumulators: vec![None; p.contractions.len()],
        data: extent == Extent::Whole,
        contraction: vec![],
        link: vec![],
        next_use: 0,
        elements: BTreeMap::new(),
        committed: vec![],
        commitments: None,
    };
    e.contraction_uses();
    let products: Vec<ProductTables> = p.products.iter().map(|products| e.product_tables(products)).collect();
    let cluster_ports = e.port_uses();
    e.publics();
    e.commitments();
    let clusters = e.cluster_tables(&cluster_ports)?;
    let layout = e.border_rows();
    let borders = e.border_table(&layout).map(|table| (table, layout));
    e.program.tables.extend(p.relations.tables());
    for t in &mut e.program.tables {
        t.log_height = p.heights.of(TableShape::of(t)).log_height;
    }
    if extent == Extent::Whole {
        e.steps(&products, &clusters, borders.as_ref())?;
    }
    let (contraction, link) = (std::mem::take(&mut e.contraction), std::mem::take(&mut e.link));
    for (name, terms) in [("contraction", contraction), ("link", link)] {
        if !terms.is_empty() {
            e.program.equations.push(Equation { name: name.into(), terms });
        }
    }
    Ok((e.program, e.plan))
}

fn term(coefficient: i64, operand: Operand) -> EquationTerm {
    EquationTerm { coefficient, monomial: vec![0; ENTRIES - 1], operand }
}

impl Emitter<'_> {
    fn use_id(&mut self) -> i64 {
        self.next_use += 1;
        self.next_use - 1
    }

    fn tensor(&mut self, name: String, len: usize) -> u32 {
        self.plan.tensors.push((name, len as u64));
        self.plan.tensors.len() as u32 - 1
    }

    fn fold(&mut self, name: String, table: u32, lanes: Vec<Lane>, segments: Seq) -> u32 {
        let segment_count = segments.len().unwrap_or(0) as u32;
        self.program.folds.push(Fold { name, table, lanes, segments, segment_count });
        self.program.folds.len() as u32 - 1
    }

    /// A fold over all rows of a table, exposed with weight 1.
    fn whole_fold(&mut self, name: String, table: u32, lanes: Vec<Lane>) -> Operand {
        let rows = self.program.tables[table as usize].rows as i64;
        let fold = self.fold(name, table, lanes, Seq::constant(&[rows], 1));
        self.program.terms.push(Term::Sum { fold, weights: Seq::constant(&[1, 0, 0, 0, 0], 1) });
        Operand::Term(self.program.terms.len() as u32 - 1)
    }

    /// Data among the Program's constants, each once.
    fn constant(&mut self, data: impl FnOnce() -> Blob) -> u32 {
        let data = if self.data { data() } else { Blob::default() };
        let all = &mut self.program.constants;
        all.iter().position(|c| *c == data).unwrap_or_else(|| {
            all.push(data);
            all.len() - 1
        }) as u32
    }

    /// Records the uses that contractions make of roots; contraction k uses d = k in the link equation. So do biases with a number
    /// of their own.
    fn contraction_uses(&mut self) {
        for c in &self.p.contractions {
            let d = self.use_id();
            for piece in self.p.roots.pieces(c.x) {
                for at in compose(&[piece.nest.inverse()], std::slice::from_ref(&c.x_at)) {
                    let at = at.map([0, 0, d, 0], |[q, z]| [*z, *q, 0, 0]);
                    let step = [c.batch_stride, c.batch_segments];
                    self.uses.add(piece.root, self.g.values[piece.root].len(), &at, step);
                }
            }
        }
        self.next_use += self.p.biases.iter().filter(|b| b.id >= self.p.contractions.len()).count() as i64;
        // second factors that are computed: z tells segments apart, s channels
        for (k, c) in self.p.contractions.iter().enumerate().filter(|(_, c)| c.computed) {
            let d = self.use_id();
            self.factor_uses.insert(k, d);
            for piece in self.p.roots.pieces(c.w) {
                for at in compose(&[piece.nest.inverse()], std::slice::from_ref(&c.w_at)) {
                    let at = at.map([0, 0, d, 0], |[q, s]| [*q, *s, 0, 0]);
                    let len = self.g.values[piece.root].len();
                    self.uses.add(piece.root, len, &at, [c.batch_segments, 0]);
                }
            }
        }
    }

    fn push_table(
        &mut self,
        name: &str,
        rows: usize,
        fixed: Vec<FixedColumn>,
        witness: Vec<WitnessColumn>,
    ) -> u32 {
        self.program.tables.push(Table {
            name: name.into(),
            rows: rows as u32,
            // once all its columns are known
            log_height: 0,
            committed: false,
            fixed,
            witness,
            constraints: vec![],
            lookups: vec![],
            provides: vec![],
        });
        self.program.tables.len() as u32 - 1
    }

    /// Records the uses that cluster bound values make of roots that are no contraction; returns d of each (table, cluster, bound value).
    fn port_uses(&mut self) -> HashMap<(usize, usize, usize), i64> {
        let mut ids = HashMap::new();
        for (t, clusters) in self.p.clusters.iter().enumerate() {
            for (k, c) in clusters.iter().enumerate() {
                for (i, v) in c.bound.iter().enumerate() {
                    let d = self.use_id();
                    ids.insert((t, k, i), d);
                    if !c.held.contains_key(&i) {
                        self.own_uses(*v, c.order, c.len, d);
                    }
                }
            }
        }
        ids
    }

    /// Records that a value is read element by element, each with the number of its row for z.
    fn own_uses(&mut self, v: ValueId, order: Order, len: usize, d: i64) {
        for piece in self.p.roots.pieces(v) {
            if !self.contraction_of.contains_key(&piece.root) {
                let inverse = piece.nest.inverse();
                let rows = match order.is_plain() {
                    true => vec![inverse],
                    false => compose(&[inverse], &[order.elements()]),
                };
                for at in rows {
                    let at = at.map([0, 0, d, 0], |[row]| [*row, 0, 0, 0]);
                    self.uses.add(piece.root, self.g.values[piece.root].len(), &at, [len as i64, 0]);
                }
            }
        }
    }

    /// Monomials of a value that is read element by element, batch entry by batch entry: those of contractions' results in the
    /// contraction equation, and those of all others, of its own, in the link equation. Both by rows, which stand in this order.
    fn read(&self, v: ValueId, order: Order, len: usize, d: i64) -> (Monomials, Monomials) {
        let p = self.p;
        let mut direct = vec![];
        for piece in p.roots.pieces(v) {
            let Some(k) = self.contraction_of.get(&piece.root) else { continue };
            let c = &p.contractions[*k];
            let nests = compose(std::slice::from_ref(&piece.nest), &c.y_exponents());
            direct.extend(nests.into_iter().map(|n| {
                n.map([0, 0, *k as i64, 0], |[z, s, t]| [*z, *s, 0, *t]).around(
                    p.batch,
                    len as i64,
                    c.y_step(),
                )
            }));
        }
        let direct = order.places(p.batch, direct);
        let linked = linked(&direct, len * p.batch, d);
        (Monomials(direct), linked)
    }

    /// Monomials of a bound value that holds parameters, likewise; elements that are none are zero.
    fn held(&self, h: &Held, order: Order, len: usize, d: i64) -> (Monomials, Monomials) {
        let step = self.p.biases.iter().find(|b| b.id == h.id).map_or(0, |b| b.batch_stride);
        let at = h.at.map([0, 0, h.id as i64, 0], |[z, s]| [*z, *s, 0, 0]);
        let direct = order.places(self.p.batch, vec![at.around(self.p.batch, len as i64, [step, 0, 0, 0])]);
        let linked = linked(&direct, len * self.p.batch, d);
        (Monomials(direct), linked)
    }

    fn public(&mut self, name: &str, v: ValueId, role: Role) -> u32 {
        let x = &self.g.values[v];
        let shape = std::iter::once(self.p.batch).chain(x.shape.iter().copied()).map(|d| d as u32).collect();
        self.program.publics.push(Public { name: name.into(), shape, min: x.lo, max: x.hi, role });
        self.program.publics.len() as u32 - 1
    }

    /// The tensors of the statement: outputs are uses, inputs are makers. Call after all other uses are recorded.
    fn publics(&mut self) {
        let p = self.p;
        let role = |hidden: &Option<Hidden>, [public, private, committed]: [Role; 3]| match hidden {
            None => public,
            Some(Hidden { committed: false, .. }) => private,
            Some(Hidden { committed: true, .. }) => committed,
        };
        let [hidden_inputs, hidden_outputs] = &p.hidden;
        let roles = [Role::Input, Role::Private, Role::CommittedInput];
        let inputs = p.inputs.iter().zip(hidden_inputs);
        let inputs: Vec<u32> = inputs.map(|((n, v), h)| self.public(n, *v, role(h, roles))).collect();
        for ((name, v), hidden) in p.outputs.iter().zip(hidden_outputs) {
            let roles = [Role::Output, Role::Output, Role::CommittedOutput];
            let public = self.public(name, *v, role(hidden, roles));
            let d = self.use_id();
            let len = self.g.values[*v].len();
            let order = Order::plain(len);
            self.own_uses(*v, order, len, d);
            let (direct, linked) = self.read(*v, order, len, d);
            if let Some(hidden) = hidden {
                self.hidden_output((name, *v, public), *hidden, (direct, linked));
                continue;
            }
            let seq = |m: &Monomials| m.seq(len * p.batch);
            if direct.any() {
                self.contraction.push(term(-1, Operand::Public { public, monomials: seq(&direct) }));
            }
            if linked.any() {
                self.link.push(term(1, Operand::Public { public, monomials: seq(&linked) }));
            }
        }
        for (((name, v), hidden), public) in p.inputs.iter().zip(hidden_inputs).zip(inputs) {
            if let Some(hidden) = hidden {
                self.hidden_input((name, *v, public), *hidden);
                continue;
            }
            let len = self.g.values[*v].len();
            for layer in self.uses.0.get(v).into_iter().flatten() {
                let all = Monomials(layer.iter().map(|u| u.in_batch(p.batch, len)).collect());
                self.link.push(term(-1, Operand::Public { public, monomials: all.seq(len * p.batch) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn elements(n: &Nest<4>) -> BTreeSet<i64> {
        let mut all = BTreeSet::new();
        n.visit(&mut |at, _| assert!(all.insert(at), "an element twice"));
        all
    }

    /// A layer takes what fills it to the last element.
    #[test]
    fn a_layer_may_be_full() {
        let mut uses = Uses::default();
        for (at, n) in [(0, 3), (3, 1), (0, 4), (2, 2), (0, 2)] {
            uses.add(7, 4, &Nest::new(at, [0; 4], [(n, 1, [1, 0, 0, 0])]), [0, 0]);
        }
        let layers: Vec<usize> =
            uses.0[&7].iter().map(|l| l.iter().map(|u| elements(&u.at).len()).sum()).collect();
        assert_eq!(layers, [4, 4, 4]);
        // full ones are not looked at again
        assert_eq!((&uses.1[&7].left[..], uses.1[&7].open), (&[0; 3][..], 3));
        uses.add(7, 4, &Nest::new(1, [0; 4], [(2, 1, [1, 0, 0, 0])]), [0, 0]);
        assert_eq!((&uses.1[&7].left[..], uses.1[&7].open), (&[0, 0, 0, 2][..], 3));
    }

    #[test]
    fn intervals_overlap_where_they_have_a_number_in_common() {
        let all = || (0..5).flat_map(|lo| (lo..5).map(move |hi| (lo, hi)));
        for (a, b) in all().flat_map(|a| all().map(move |b| (a, b))) {
            assert_eq!(overlap(a, b), (a.0..=a.1).any(|x| (b.0..=b.1).contains(&x)), "{a:?} {b:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Each part of a use goes where none of its elements is used yet, into the first such layer.
        #[test]
        fn a_layer_uses_an_element_once(all in prop::collection::vec((0i64..5, 1usize..4, 0i64..4, 1usize..3, 0i64..10), 1..40)) {
            let (mut uses, mut layers) = (Uses::default(), Vec::<BTreeSet<i64>>::new());
            for (at, n, step, m, outer) in all {
                let nest = Nest::new(at, [0; 4], [(n, step, [0; 4]), (m, outer, [0; 4])]);
                uses.add(7, 20, &nest, [3, 5]);
                for mut part in nest.once().iter().map(elements) {
                    match layers.iter_mut().find(|l| l.is_disjoint(&part)) {
                        Some(l) => l.append(&mut part),
                        None => layers.push(part),
                    }
                }
                let of = |l: &Vec<Use>| l.iter().flat_map(|u| elements(&u.at)).collect::<Vec<_>>();
                let found: Vec<Vec<i64>> = uses.0[&7].iter().map(of).collect();
                let sets: Vec<BTreeSet<i64>> = found.iter().map(|l| l.iter().copied().collect()).collect();
                prop_assert_eq!(&sets, &layers);
                prop_assert!(found.iter().zip(&sets).all(|(l, s)| l.len() == s.len()));
            }
        }
    }
}
