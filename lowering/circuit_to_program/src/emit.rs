//! Writes the Program and the witness plan of a placement.
//!
//! Variables: z (positions), s (channels and segments), d (which contraction, or which use of a value).
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
use crate::PlaceError;
use crate::cluster::{Cluster, KernelStep};
use crate::graph::{Graph, ValueId};
use crate::log_height;
use crate::placement::{Placement, taps, w_rows, x_rows};
use crate::roots::Element;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use tessera_api::{
    Constraint, ContractLoop, Equation, EquationTerm, Expr, FixedColumn, Fold, Lane, Lookup, Operand,
    Program, Public, Role, RowOp, RowStep, Run, Seq, Step, Table, Term, Values, WitnessColumn, WitnessPlan,
};

/// Exponents of (z, s, d).
type Exps = [i64; 3];

/// Monomials of a lane, row after row.
#[derive(Default)]
struct Monos(Vec<i64>);

impl Monos {
    fn push(&mut self, m: Option<Exps>) {
        match m {
            Some([z, s, d]) => self.0.extend([1, z, s, d]),
            None => self.0.extend([0, 0, 0, 0]),
        }
    }
    fn any(&self) -> bool {
        self.0.chunks(4).any(|m| m[0] == 1)
    }
    fn seq(&self) -> Seq {
        Seq::compress(4, &self.0)
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
        [self.at[0] + b as i64 * self.step, self.at[1], self.at[2]]
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
    g: &'a Graph,
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

pub(crate) fn emit(g: &Graph, p: &Placement) -> Result<(Program, WitnessPlan), PlaceError> {
    let program = Program {
        version: tessera_api::VERSION,
        constants: vec![],
        tables: vec![],
        buses: p.buses.names(),
        publics: vec![],
        variables: ["z", "s", "d"].map(String::from).to_vec(),
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
    for t in p.buses.tables() {
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
    EquationTerm { coefficient, mono: vec![0; 3], operand }
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
        self.program.terms.push(Term::Sum { fold, weights: Seq::constant(&[1, 0, 0, 0], 1) });
        Operand::Term(self.program.terms.len() as u32 - 1)
    }

    /// Records the uses that contractions make of roots; contraction k uses d = k in the link equation.
    fn contraction_uses(&mut self) {
        for c in &self.p.contractions {
            let d = self.use_id();
            for (i, (q, z)) in c.x_at.iter().enumerate() {
                if let Element::Of(r, e) = self.p.roots.element(c.x, i) {
                    let u = Use { at: [*z, *q as i64, d], step: c.batch_stride };
                    self.uses.add(r, self.g.values[r].len(), e, u);
                }
            }
        }
    }

    /// The weight and the activation table with their join. Returns (weights, activations) table indices.
    fn contraction_tables(&mut self) -> Result<(u32, u32), PlaceError> {
        let (p, width) = (self.p, self.p.w_width);
        // weights
        let mut blob: Vec<i64> = vec![];
        let rows = w_rows(&p.contractions, width);
        let mut index = vec![Vec::with_capacity(rows); width];
        let mut monos = Monos::default();
        let mut ends = vec![];
        for c in &p.contractions {
            let data = p
                .roots
                .constant(c.w)
                .ok_or_else(|| PlaceError::Invalid(format!("{}: weights are not known", c.source)))?;
            let at: HashMap<(usize, i64, i64), usize> =
                c.w_at.iter().enumerate().map(|(i, k)| (*k, i)).collect();
            let taps = taps(c);
            for q in 0..c.segments {
                for chunk in (0..c.channels.div_ceil(width)).rev() {
                    for z in &taps {
                        for (l, col) in index.iter_mut().enumerate() {
                            let s = (chunk * width + l) as i64;
                            col.push(at.get(&(q, s, *z)).map_or(-1, |i| (blob.len() + i) as i64));
                        }
                        monos.push(Some([*z, (chunk * width) as i64, 0]));
                    }
                }
                ends.push(index[0].len() as i64);
            }
            blob.extend_from_slice(data);
        }
        let constant = self.program.constants.len() as u32;
        self.program.constants.push(Arc::new(blob));
        let fixed = index
            .iter()
            .enumerate()
            .map(|(l, v)| FixedColumn {
                name: format!("w{l}"),
                padding: 0,
                values: Values::Gather { constant, index: Seq::compress(1, v) },
            })
            .collect();
        let weights = self.push_table("weights", rows, fixed, vec![]);
        let lanes = (0..width)
            .map(|l| Lane { expr: Expr::fixed(l as u32), monos: shifted(&monos, [0, l as i64, 0]).seq() })
            .collect();
        let right = self.fold("weights".into(), weights, lanes, &ends);
        // activations
        let width = p.x_width;
        let rows = x_rows(&p.contractions, width);
        let witness = (0..width).map(|l| WitnessColumn { name: format!("x{l}"), padding: 0 }).collect();
        let activations = self.push_table("activations", rows, vec![], witness);
        let (mut monos, mut ends, mut join, mut link) =
            (Monos::default(), vec![], Monos::default(), Monos::default());
        let mut row = 0;
        for (k, c) in p.contractions.iter().enumerate() {
            let chunks = c.x_span.div_ceil(width);
            for q in 0..c.segments {
                for chunk in (0..chunks).rev() {
                    monos.push(Some([(chunk * width) as i64, 0, 0]));
                }
                row += chunks as i64;
                ends.push(row);
                join.push(Some([0, c.segment_shift[q], k as i64]));
                link.push(Some([0, q as i64, k as i64]));
            }
        }
        let lanes = (0..width)
            .map(|l| Lane { expr: Expr::witness(l as u32), monos: shifted(&monos, [l as i64, 0, 0]).seq() })
            .collect();
        let left = self.fold("activations".into(), activations, lanes, &ends);
        self.program.terms.push(Term::Join { left, right, weights: join.seq() });
        self.contraction.push(term(1, Operand::Term(self.program.terms.len() as u32 - 1)));
        self.program.terms.push(Term::Sum { fold: left, weights: link.seq() });
        self.link.push(term(1, Operand::Term(self.program.terms.len() as u32 - 1)));
        Ok((weights, activations))
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
            log_height: log_height(rows),
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
                            let u = Use { at: [e as i64, 0, d], step: c.len as i64 };
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
        let (s, z) = c.y_at[e];
        Some([z + b as i64 * c.batch_stride, s, k as i64])
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
                    let own = [(b * len + e) as i64, 0, d];
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

    /// One table per kernel. Returns their indices.
    fn cluster_tables(
        &mut self,
        port_ids: &HashMap<(usize, usize, usize), i64>,
    ) -> Result<Vec<u32>, PlaceError> {
        let p = self.p;
        let mut indices = vec![];
        for (t, clusters) in p.clusters.iter().enumerate() {
            let kernel = &clusters[0].kernel;
            let rows: usize = clusters.iter().map(|c| c.len * p.batch).sum();
            let fixed: Vec<FixedColumn> =
                (0..kernel.fixed as usize).map(|i| self.fixed_column(clusters, i)).collect();
            let padding = self.padding(clusters)?;
            let witness = kernel
                .columns
                .iter()
                .zip(&padding)
                .map(|((name, _), v)| WitnessColumn { name: name.clone(), padding: *v })
                .collect();
            let table = self.push_table(&format!("elementwise{t}"), rows, fixed, witness);
            indices.push(table);
            let c = &clusters[0];
            let constraints = kernel.constraints.iter().zip(&c.constraint_sources);
            let constraints =
                constraints.map(|(e, s)| Constraint { expr: e.clone(), source: s.clone() }).collect();
            let lookups = kernel.lookups.iter().zip(&c.lookup_sources);
            let lookups = lookups
                .map(|((bus, tuple), s)| Lookup { bus: *bus, tuple: tuple.clone(), source: s.clone() })
                .collect();
            let x = &mut self.program.tables[table as usize];
            (x.constraints, x.lookups) = (constraints, lookups);
            // ports
            let (mut products, mut links): (Vec<(Expr, Monos)>, Vec<(Expr, Monos)>) = (vec![], vec![]);
            for (i, expr) in kernel.ports.iter().enumerate() {
                let (mut product, mut link) = (Monos::default(), Monos::default());
                for (k, c) in clusters.iter().enumerate() {
                    let d = port_ids[&(t, k, i)];
                    for b in 0..p.batch {
                        for e in 0..c.len {
                            let m = match p.roots.element(c.ports[i], e) {
                                Element::Of(r, x) => self.result_mono(r, x, b),
                                Element::Zero => None,
                            };
                            product.push(m);
                            link.push(m.is_none().then_some([(b * c.len + e) as i64, 0, d]));
                        }
                    }
                }
                products.push((expr.clone(), product));
                links.push((expr.clone(), link));
            }
            // exports: as many lanes as the most used element of any layer has uses; they stand on the makers' side
            for (i, (expr, _)) in kernel.exports.iter().enumerate() {
                let used = |c: &Cluster| self.uses.0.get(&c.exports[i]).map_or(0, Vec::len);
                for layer in 0..clusters.iter().map(used).max().unwrap_or(0) {
                    let mut m = Monos::default();
                    for c in clusters {
                        let uses = self.uses.0.get(&c.exports[i]).and_then(|l| l.get(layer));
                        for b in 0..p.batch {
                            (0..c.len).for_each(|e| m.push(uses.and_then(|u| u[e]).map(|u| u.in_batch(b))));
                        }
                    }
                    links.push((expr.clone().scale(-1), m));
                }
            }
            for lanes in grouped(products) {
                let operand = self.whole_fold(format!("elementwise{t} accumulators"), table, lanes);
                self.contraction.push(term(-1, operand));
            }
            for lanes in grouped(links) {
                let operand = self.whole_fold(format!("elementwise{t} links"), table, lanes);
                self.link.push(term(1, operand));
            }
        }
        Ok(indices)
    }

    /// A fixed column over all layers that share the table. Distinct values are stored once.
    fn fixed_column(&mut self, clusters: &[Cluster], i: usize) -> FixedColumn {
        let mut distinct: HashMap<i64, i64> = HashMap::new();
        let (mut blob, mut index) = (vec![], vec![]);
        for c in clusters {
            let at: Vec<i64> = c.fixed[i]
                .iter()
                .map(|v| {
                    *distinct.entry(*v).or_insert_with(|| {
                        blob.push(*v);
                        blob.len() as i64 - 1
                    })
                })
                .collect();
            (0..self.p.batch).for_each(|_| index.extend_from_slice(&at));
        }
        let padding = blob.first().copied().unwrap_or(0);
        self.program.constants.push(Arc::new(blob));
        let constant = self.program.constants.len() as u32 - 1;
        FixedColumn {
            name: format!("k{i}"),
            values: Values::Gather { constant, index: Seq::compress(1, &index) },
            padding,
        }
    }

    /// Witness cells of a padding row: the kernel run on zero ports and the first row's setup data.
    fn padding(&self, clusters: &[Cluster]) -> Result<Vec<i64>, PlaceError> {
        let c = &clusters[0];
        let mut r: Vec<i64> = vec![];
        let over =
            || PlaceError::unsupported(&c.source, "a row program whose value at zero leaves its tables");
        for s in &c.kernel.steps {
            let v = match s {
                KernelStep::Port(_) => Some(0),
                KernelStep::Fixed(i) => c.fixed[*i as usize].first().copied(),
                KernelStep::Affine(t, k) => {
                    t.iter().try_fold(*k, |a, (c, x)| a.checked_add(c.checked_mul(r[*x])?))
                }
                KernelStep::Mul(a, b) => r[*a].checked_mul(r[*b]),
                KernelStep::Hi(x, s) => Some(r[*x] >> s),
                KernelStep::Lo(x, s) => Some(r[*x] & ((1 << s) - 1)),
                KernelStep::Lookup(bus, x) => self.p.buses.eval(*bus, r[*x]),
            };
            r.push(v.ok_or_else(over)?);
        }
        Ok(c.kernel.columns.iter().map(|(_, reg)| r[*reg]).collect())
    }

    /// Distinct border monomials (s, z) of a contraction over the whole batch.
    fn border_positions(&self, k: usize) -> (Vec<i64>, HashSet<(i64, i64)>) {
        let c = &self.p.contractions[k];
        let mut all = HashSet::new();
        for b in 0..self.p.batch as i64 {
            all.extend(self.p.borders[k].iter().map(|(s, z)| (*s, z + b * c.batch_stride)));
        }
        let mut zs: Vec<i64> = all.iter().map(|p| p.1).collect::<HashSet<_>>().into_iter().collect();
        zs.sort_unstable();
        (zs, all)
    }

    /// Free cells for what nothing reads. Returns (table, first row and row positions (chunk, z) per contraction).
    fn border_table(&mut self) -> Option<(u32, Vec<Vec<(i64, i64)>>)> {
        let width = self.p.border_width;
        if width == 0 {
            return None;
        }
        let mut lanes: Vec<Monos> = (0..width).map(|_| Monos::default()).collect();
        let mut layout = vec![];
        for (k, c) in self.p.contractions.iter().enumerate() {
            let (zs, all) = self.border_positions(k);
            let mut rows = vec![];
            for chunk in 0..c.s_span.div_ceil(width) as i64 {
                for z in &zs {
                    let s = |l: usize| chunk * width as i64 + l as i64;
                    // lanes past the last channel keep their monomial: nothing else has it, so they are zero
                    let here = |l: usize| s(l) >= c.s_span as i64 || all.contains(&(s(l), *z));
                    if !(0..width).any(|l| s(l) < c.s_span as i64 && here(l)) {
                        continue;
                    }
                    rows.push((chunk, *z));
                    for (l, m) in lanes.iter_mut().enumerate() {
                        m.push(here(l).then_some([*z, s(l), k as i64]));
                    }
                }
            }
            layout.push(rows);
        }
        let rows: usize = layout.iter().map(Vec::len).sum();
        let witness = (0..width).map(|l| WitnessColumn { name: format!("y{l}"), padding: 0 }).collect();
        let table = self.push_table("borders", rows, vec![], witness);
        let lanes = lanes
            .iter()
            .enumerate()
            .map(|(l, m)| Lane { expr: Expr::witness(l as u32), monos: m.seq() })
            .collect();
        let operand = self.whole_fold("borders".into(), table, lanes);
        self.contraction.push(term(-1, operand));
        Some((table, layout))
    }

    // ---- the witness plan ----

    fn steps(
        &mut self,
        contract_tables: Option<(u32, u32)>,
        clusters: &[u32],
        borders: Option<(u32, Vec<Vec<(i64, i64)>>)>,
    ) -> Result<(), PlaceError> {
        let p = self.p;
        let inputs = self.program.publics.iter().filter(|x| x.role == Role::Input).count();
        for (i, (name, v)) in p.inputs.iter().enumerate() {
            let tensor = self.tensor(name.clone(), self.g.values[*v].len() * p.batch);
            self.tensors.insert(*v, tensor);
            self.plan.steps.push(Step::Load { public: i as u32, tensor });
        }
        let mut x_first = vec![];
        let mut row = 0;
        for c in &p.contractions {
            x_first.push(row);
            row += c.segments * c.x_span.div_ceil(p.x_width);
        }
        let mut cluster_first = vec![];
        for t in &p.clusters {
            let mut row = 0;
            cluster_first.push(
                t.iter()
                    .map(|c| {
                        row += c.len * p.batch;
                        row - c.len * p.batch
                    })
                    .collect::<Vec<_>>(),
            );
        }
        let mut w_offset = vec![0u64];
        for c in &p.contractions {
            w_offset.push(w_offset[w_offset.len() - 1] + c.w_at.len() as u64);
        }
        // whatever has its operands goes next
        let mut contractions: Vec<usize> = (0..p.contractions.len()).collect();
        let mut rows: Vec<(usize, usize)> =
            p.clusters.iter().enumerate().flat_map(|(t, c)| (0..c.len()).map(move |k| (t, k))).collect();
        while !contractions.is_empty() || !rows.is_empty() {
            let before = contractions.len() + rows.len();
            let ready: Vec<usize> =
                contractions.extract_if(.., |k| self.ready(p.contractions[*k].x)).collect();
            for k in ready {
                let activations = contract_tables.map_or(0, |t| t.1);
                self.contraction_steps(k, activations, x_first[k], w_offset[k], borders.as_ref());
            }
            let ready: Vec<(usize, usize)> = rows
                .extract_if(.., |(t, k)| p.clusters[*t][*k].ports.iter().all(|v| self.ready(*v)))
                .collect();
            for (t, k) in ready {
                self.row_step(clusters[t], &p.clusters[t][k], cluster_first[t][k]);
            }
            if contractions.len() + rows.len() == before {
                return Err(PlaceError::Invalid(
                    "the circuit's operations depend on each other in a circle".into(),
                ));
            }
        }
        for (i, (name, v)) in p.outputs.iter().enumerate() {
            let len = self.g.values[*v].len();
            let tensor = self.tensor(format!("output {name}"), len * p.batch);
            for (root, index) in self.sources(*v, len) {
                self.plan.steps.push(Step::Gather { src: self.tensors[&root], dst: tensor, index });
            }
            self.plan.steps.push(Step::Publish { tensor, public: (inputs + i) as u32 });
        }
        Ok(())
    }

    fn ready(&self, v: ValueId) -> bool {
        (0..self.g.values[v].len()).all(|i| match self.p.roots.element(v, i) {
            Element::Of(r, _) => self.tensors.contains_key(&r),
            Element::Zero => true,
        })
    }

    /// Flat index of element `e`, batch entry `b`, in the root's tensor.
    fn tensor_index(&self, root: ValueId, e: usize, b: usize) -> i64 {
        match self.contraction_of.get(&root) {
            Some(k) => {
                let c = &self.p.contractions[*k];
                let (s, z) = c.y_at[e];
                s * c.y_span as i64 + z + b as i64 * c.batch_stride
            }
            None => (b * self.g.values[root].len() + e) as i64,
        }
    }

    /// Per root of `v`, the index of each (batch entry, element) in that root's tensor, −1 elsewhere.
    fn sources(&self, v: ValueId, len: usize) -> Vec<(ValueId, Seq)> {
        let mut per_root: BTreeMap<ValueId, Vec<i64>> = BTreeMap::new();
        for e in 0..len {
            if let Element::Of(r, x) = self.p.roots.element(v, e) {
                let index = per_root.entry(r).or_insert_with(|| vec![-1; len * self.p.batch]);
                for b in 0..self.p.batch {
                    index[b * len + e] = self.tensor_index(r, x, b);
                }
            }
        }
        per_root.into_iter().map(|(r, i)| (r, Seq::compress(1, &i))).collect()
    }

    fn contraction_steps(
        &mut self,
        k: usize,
        table: u32,
        first_row: usize,
        w_offset: u64,
        borders: Option<&(u32, Vec<Vec<(i64, i64)>>)>,
    ) {
        let p = self.p;
        let (c, width) = (&p.contractions[k], p.x_width);
        let span = c.x_span.div_ceil(width) * width;
        let x = self.tensor(format!("{} activations", c.source), c.segments * span);
        let mut per_root: BTreeMap<ValueId, Vec<i64>> = BTreeMap::new();
        for (i, (q, z)) in c.x_at.iter().enumerate() {
            if let Element::Of(r, e) = p.roots.element(c.x, i) {
                let index = per_root.entry(r).or_insert_with(|| vec![-1; c.segments * span]);
                for b in 0..p.batch {
                    index[q * span + (*z + b as i64 * c.batch_stride) as usize] = self.tensor_index(r, e, b);
                }
            }
        }
        for (r, index) in per_root {
            self.plan.steps.push(Step::Gather {
                src: self.tensors[&r],
                dst: x,
                index: Seq::compress(1, &index),
            });
        }
        let y = self.tensor(format!("{} accumulators", c.source), c.s_span * c.y_span);
        let loops = c
            .loops
            .iter()
            .map(|l| ContractLoop {
                extent: l.extent as u32,
                x: l.segment * span as i64 + if l.in_x { l.z } else { 0 },
                w: l.w,
                y: l.s * c.y_span as i64 + l.z,
            })
            .collect();
        self.plan.steps.push(Step::Contract { x, w: 0, w_offset, y, loops });
        self.tensors.insert(c.y, y);
        // chunks stand in descending order of z within a segment
        let chunks = span / width;
        let rows = (c.segments * chunks) as u32;
        let cell = |l: usize| Seq {
            dim: 1,
            runs: vec![Run {
                start: vec![((chunks - 1) * width + l) as i64],
                loops: [(chunks, -(width as i64)), (c.segments, span as i64)]
                    .into_iter()
                    .filter(|(n, _)| *n > 1)
                    .map(|(n, d)| (n as u32, vec![d]))
                    .collect(),
            }],
        };
        let ops = (0..width)
            .flat_map(|l| {
                let dst = l as u32;
                [
                    RowOp::Gather { tensor: x, index: cell(l), default: 0, dst },
                    RowOp::Store { src: dst, column: dst },
                ]
            })
            .collect();
        self.plan.steps.push(Step::Rows(RowStep {
            table,
            first_row: first_row as u32,
            rows,
            registers: width as u32,
            ops,
            source: c.source.clone(),
        }));
        if let Some((table, layout)) = borders.filter(|b| !b.1[k].is_empty()) {
            let first_row: usize = layout[..k].iter().map(Vec::len).sum();
            let (_, all) = self.border_positions(k);
            let width = p.border_width;
            let ops = (0..width)
                .flat_map(|l| {
                    let index: Vec<i64> = layout[k]
                        .iter()
                        .map(|(chunk, z)| {
                            let s = chunk * width as i64 + l as i64;
                            if all.contains(&(s, *z)) { s * c.y_span as i64 + z } else { -1 }
                        })
                        .collect();
                    let dst = l as u32;
                    [
                        RowOp::Gather { tensor: y, index: Seq::compress(1, &index), default: 0, dst },
                        RowOp::Store { src: dst, column: dst },
                    ]
                })
                .collect();
            self.plan.steps.push(Step::Rows(RowStep {
                table: *table,
                first_row: first_row as u32,
                rows: layout[k].len() as u32,
                registers: width as u32,
                ops,
                source: c.source.clone(),
            }));
        }
    }

    fn row_step(&mut self, table: u32, c: &Cluster, first_row: usize) {
        let k = &c.kernel;
        let mut registers = k.steps.len() as u32;
        let mut ops = vec![];
        for (dst, s) in k.steps.iter().enumerate() {
            let dst = dst as u32;
            match s {
                KernelStep::Port(i) => {
                    let parts = self.sources(c.ports[*i], c.len);
                    let mut terms = vec![];
                    for (j, (root, index)) in parts.into_iter().enumerate() {
                        let to = if j == 0 {
                            dst
                        } else {
                            registers += 1;
                            registers - 1
                        };
                        ops.push(RowOp::Gather { tensor: self.tensors[&root], index, default: 0, dst: to });
                        terms.push((1, to));
                    }
                    if terms.len() != 1 {
                        ops.push(RowOp::Affine { terms, constant: 0, dst });
                    }
                }
                KernelStep::Fixed(i) => ops.push(RowOp::Fixed { column: *i, dst }),
                KernelStep::Affine(t, constant) => {
                    let terms = t.iter().map(|(c, r)| (*c, *r as u32)).collect();
                    ops.push(RowOp::Affine { terms, constant: *constant, dst });
                }
                KernelStep::Mul(a, b) => ops.push(RowOp::Mul { a: *a as u32, b: *b as u32, dst }),
                KernelStep::Hi(x, shift) => {
                    // the lower half follows as the next step
                    ops.push(RowOp::Split { src: *x as u32, shift: *shift, hi: dst, lo: dst + 1 });
                }
                KernelStep::Lo(..) => {}
                KernelStep::Lookup(bus, x) => ops.push(RowOp::Lookup { bus: *bus, key: *x as u32, dst }),
            }
        }
        for (column, (_, reg)) in k.columns.iter().enumerate() {
            ops.push(RowOp::Store { src: *reg as u32, column: column as u32 });
        }
        let rows = c.len * self.p.batch;
        for ((_, reg), v) in k.exports.iter().zip(&c.exports) {
            let tensor = self.tensor(format!("{} value {v}", c.source), rows);
            self.tensors.insert(*v, tensor);
            let run =
                Run { start: vec![0], loops: if rows > 1 { vec![(rows as u32, vec![1])] } else { vec![] } };
            ops.push(RowOp::Scatter { src: *reg as u32, tensor, index: Seq { dim: 1, runs: vec![run] } });
        }
        self.plan.steps.push(Step::Rows(RowStep {
            table,
            first_row: first_row as u32,
            rows: rows as u32,
            registers,
            ops,
            source: c.source.clone(),
        }));
    }
}

/// The same monomials, each times a fixed one.
fn shifted(m: &Monos, by: Exps) -> Monos {
    let mut out = Monos(m.0.clone());
    for v in out.0.chunks_mut(4).filter(|v| v[0] == 1) {
        (0..3).for_each(|i| v[i + 1] += by[i]);
    }
    out
}

/// Most ratios of monomials a lane may have to the first lane of its fold: each costs a selector column.
const MAX_RATIOS: usize = 4;

/// Distributes lanes over folds: lanes whose monomials move together share one.
fn grouped(lanes: Vec<(Expr, Monos)>) -> Vec<Vec<Lane>> {
    let mut folds: Vec<(Vec<i64>, Vec<Lane>)> = vec![];
    for (expr, m) in lanes.into_iter().filter(|l| l.1.any()) {
        let lane = Lane { expr, monos: m.seq() };
        let fits = |first: &[i64]| {
            let mut ratios = HashSet::new();
            first.chunks(4).zip(m.0.chunks(4)).all(|(a, b)| {
                if b[0] == 0 {
                    return true;
                }
                // a row the first lane leaves out would need the lane to lead: keep such lanes apart
                a[0] == 1 && {
                    ratios.insert([b[1] - a[1], b[2] - a[2], b[3] - a[3]]);
                    ratios.len() <= MAX_RATIOS
                }
            })
        };
        match folds.iter_mut().find(|f| fits(&f.0)) {
            Some(f) => f.1.push(lane),
            None => folds.push((m.0, vec![lane])),
        }
    }
    folds.into_iter().map(|f| f.1).collect()
}
