//! Writes the Program and the witness plan of a placement.
//!
//! Variables: z (positions), s (channels and segments), d (which contraction, or which use of a value), and the number t = 2³² that
//! tells packed channels apart (`pack.rs`).
//!
//! # Correctness
//! Two equations hold everything together, each a polynomial identity in (z, s, d):
//! * *contraction*: Σ d^k · s^group · X_q · W_q over all contractions k and segments q equals the sum of all cells that hold elements
//!   of the results: cluster ports, outputs, and free border cells. Wanted monomials are never shared (`contraction.rs`), so every port cell is
//!   the exact element of the product.
//! * *link*: every cell that holds an element made elsewhere (activation cells, ports, outputs), with a monomial of its own per use, equals what the
//!   maker holds. Activation cells and port cells without an origin (gaps, padding) have their monomial too, with nothing on the other side: they are zero.
//!
//! Every port row takes part in exactly one of the two.
mod plan;
mod tables;

use crate::PlaceError;
use crate::placement::Placement;
use crate::roots::Element;
use std::collections::{BTreeMap, HashMap};
use tessera_api::{
    Equation, EquationTerm, FixedColumn, Fold, Lane, Operand, Program, Public, Role, Seq, Table, Term,
    Variable, WitnessColumn, WitnessPlan,
};
use tessera_circuit::graph::{Circuit, ValueId};

/// Exponents of (z, s, d, t).
type Exps = [i64; 4];
/// Entries of a monomial in a layout: a flag, then the exponents.
const ENTRIES: usize = 5;

/// Monomials of a lane, row after row.
#[derive(Default)]
struct Monos(Vec<i64>);

impl Monos {
    fn push(&mut self, m: Option<Exps>) {
        match m {
            Some([z, s, d, t]) => self.0.extend([1, z, s, d, t]),
            None => self.0.extend([0; ENTRIES]),
        }
    }
    fn any(&self) -> bool {
        self.0.chunks(ENTRIES).any(|m| m[0] == 1)
    }
    fn seq(&self) -> Seq {
        Seq::compress(ENTRIES, &self.0)
    }
}

/// How one element of a root is used: its monomial in the link equation for batch entry 0, and the step of z per entry.
#[derive(Clone, Copy)]
struct Use {
    at: Exps,
    step: i64,
}

impl Use {
    fn in_batch(&self, b: usize) -> Exps {
        let [z, s, d, t] = self.at;
        [z + b as i64 * self.step, s, d, t]
    }
}

/// Per root: layers of uses, each with at most one use per element.
#[derive(Default)]
struct Uses(BTreeMap<ValueId, Vec<Vec<Option<Use>>>>);

impl Uses {
    fn add(&mut self, root: ValueId, len: usize, element: usize, u: Use) {
        let layers = self.0.entry(root).or_default();
        match layers.iter_mut().find(|l| l[element].is_none()) {
            Some(l) => l[element] = Some(u),
            None => {
                let mut l = vec![None; len];
                l[element] = Some(u);
                layers.push(l);
            }
        }
    }
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
    contraction: Vec<EquationTerm>,
    link: Vec<EquationTerm>,
    next_use: i64,
}

pub(crate) fn emit(g: &Circuit, p: &Placement) -> Result<(Program, WitnessPlan), PlaceError> {
    let program = Program {
        version: tessera_api::VERSION,
        constants: vec![],
        tables: vec![],
        buses: p.buses.names(),
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
        contraction: vec![],
        link: vec![],
        next_use: 0,
    };
    e.contraction_uses();
    let contract_tables = (!p.contractions.is_empty()).then(|| e.contraction_tables()).transpose()?;
    let cluster_ports = e.port_uses();
    e.publics();
    let clusters = e.cluster_tables(&cluster_ports)?;
    let borders = e.border_table();
    for t in p.buses.tables(&p.capabilities) {
        e.program.tables.push(t);
    }
    e.steps(contract_tables, &clusters, borders)?;
    let (contraction, link) = (std::mem::take(&mut e.contraction), std::mem::take(&mut e.link));
    for (name, terms) in [("contraction", contraction), ("link", link)] {
        if !terms.is_empty() {
            e.program.equations.push(Equation { name: name.into(), terms });
        }
    }
    Ok((e.program, e.plan))
}

fn term(coefficient: i64, operand: Operand) -> EquationTerm {
    EquationTerm { coefficient, mono: vec![0; ENTRIES - 1], operand }
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

    fn fold(&mut self, name: String, table: u32, lanes: Vec<Lane>, ends: &[i64]) -> u32 {
        let segments = Seq::compress(1, ends);
        self.program.folds.push(Fold { name, table, lanes, segments, segment_count: ends.len() as u32 });
        self.program.folds.len() as u32 - 1
    }

    /// A fold over all rows of a table, exposed with weight 1.
    fn whole_fold(&mut self, name: String, table: u32, lanes: Vec<Lane>) -> Operand {
        let rows = self.program.tables[table as usize].rows as i64;
        let fold = self.fold(name, table, lanes, &[rows]);
        self.program.terms.push(Term::Sum { fold, weights: Seq::constant(&[1, 0, 0, 0, 0], 1) });
        Operand::Term(self.program.terms.len() as u32 - 1)
    }

    /// Records the uses that contractions make of roots; contraction k uses d = k in the link equation.
    fn contraction_uses(&mut self) {
        for c in &self.p.contractions {
            let d = self.use_id();
            for (i, (q, z)) in c.x_at.iter().enumerate() {
                if let Element::Of(r, e) = self.p.roots.element(c.x, i) {
                    let u = Use { at: [*z, *q as i64, d, 0], step: c.batch_stride };
                    self.uses.add(r, self.g.values[r].len(), e, u);
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
            log_height: self.p.capabilities.log_height(rows as u64),
            // a table without fixed columns has nothing to commit to apart
            committed: self.p.committed && !fixed.is_empty(),
            fixed,
            witness,
            constraints: vec![],
            lookups: vec![],
            provides: vec![],
        });
        self.program.tables.len() as u32 - 1
    }

    /// Records the uses that cluster ports make of roots that are no contraction; returns d of each (table, cluster, port).
    fn port_uses(&mut self) -> HashMap<(usize, usize, usize), i64> {
        let mut ids = HashMap::new();
        for (t, clusters) in self.p.clusters.iter().enumerate() {
            for (k, c) in clusters.iter().enumerate() {
                for (i, v) in c.ports.iter().enumerate() {
                    let d = self.use_id();
                    ids.insert((t, k, i), d);
                    for e in 0..c.len {
                        if let Element::Of(r, x) = self.p.roots.element(*v, e)
                            && !self.contraction_of.contains_key(&r)
                        {
                            let u = Use { at: [e as i64, 0, d, 0], step: c.len as i64 };
                            self.uses.add(r, self.g.values[r].len(), x, u);
                        }
                    }
                }
            }
        }
        ids
    }

    /// Monomial of an element of a contraction's result in the contraction equation.
    fn result_mono(&self, y: ValueId, e: usize, b: usize) -> Option<Exps> {
        let k = *self.contraction_of.get(&y)?;
        let c = &self.p.contractions[k];
        let (channel, z) = c.y_at[e];
        let (s, t) = c.packed(channel);
        Some([z + b as i64 * c.batch_stride, s, k as i64, t])
    }

    fn public(&mut self, name: &str, v: ValueId, role: Role) -> u32 {
        let x = &self.g.values[v];
        let shape = std::iter::once(self.p.batch).chain(x.shape.iter().copied()).map(|d| d as u32).collect();
        self.program.publics.push(Public { name: name.into(), shape, min: x.lo, max: x.hi, role });
        self.program.publics.len() as u32 - 1
    }

    /// Public tensors: outputs are uses, inputs are makers. Call after all other uses are recorded.
    fn publics(&mut self) {
        let p = self.p;
        let inputs: Vec<u32> = p.inputs.iter().map(|(n, v)| self.public(n, *v, Role::Input)).collect();
        for (name, v) in &p.outputs {
            let public = self.public(name, *v, Role::Output);
            let d = self.use_id();
            let len = self.g.values[*v].len();
            let (mut direct, mut linked) = (Monos::default(), Monos::default());
            for b in 0..p.batch {
                for e in 0..len {
                    let own = [(b * len + e) as i64, 0, d, 0];
                    let origin = p.roots.element(*v, e);
                    let product = match origin {
                        Element::Of(r, x) => self.result_mono(r, x, b),
                        Element::Zero => None,
                    };
                    if let (Element::Of(r, x), None, 0) = (origin, product, b) {
                        let u = Use { at: own, step: len as i64 };
                        self.uses.add(r, self.g.values[r].len(), x, u);
                    }
                    direct.push(product);
                    linked.push(product.is_none().then_some(own));
                }
            }
            if direct.any() {
                self.contraction.push(term(-1, Operand::Public { public, monos: direct.seq() }));
            }
            if linked.any() {
                self.link.push(term(1, Operand::Public { public, monos: linked.seq() }));
            }
        }
        for ((_, v), public) in p.inputs.iter().zip(inputs) {
            for layer in self.uses.0.get(v).into_iter().flatten() {
                let mut m = Monos::default();
                for b in 0..p.batch {
                    layer.iter().for_each(|u| m.push(u.map(|u| u.in_batch(b))));
                }
                self.link.push(term(-1, Operand::Public { public, monos: m.seq() }));
            }
        }
    }
}
