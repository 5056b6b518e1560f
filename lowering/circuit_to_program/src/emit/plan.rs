//! The witness plan: how an honest prover computes every tensor and fills every row.
//!
//! Invariant: a step stands after all that make what it reads.
use super::tables::BorderRows;
use super::{Emitter, ProductTables};
use crate::PlaceError;
use crate::cluster::{Cluster, Computed, Instruction};
use crate::contraction::{Contraction, Turn};
use crate::layout::{Nest, compose, fit, run, sequence};
use tessera_api::{Blob, ContractLoop, Factor, RowOp, RowStep, Seq, Step};
use tessera_circuit::graph::ValueId;
use tessera_circuit::ops::Hint;

/// Where factors of some segments stand.
#[derive(Clone, Copy, Default)]
struct SegmentRows {
    table: u32,
    /// The first row.
    first: usize,
    /// Cells of a row.
    width: usize,
}

impl Emitter<'_> {
    pub(super) fn steps(
        &mut self,
        products: &[ProductTables],
        clusters: &[u32],
        borders: Option<&(u32, Vec<BorderRows>)>,
    ) -> Result<(), PlaceError> {
        let p = self.p;
        let inputs = p.inputs.len();
        for (i, (name, v)) in p.inputs.iter().enumerate() {
            let tensor = self.tensor(name.clone(), self.g.values[*v].len() * p.batch);
            self.tensors.insert(*v, tensor);
            self.plan.steps.push(Step::Load { public: i as u32, tensor });
            self.hidden_steps(name, tensor, i as u32);
        }
        let mut segment_rows = vec![[SegmentRows::default(); 2]; p.contractions.len()];
        for (products, tables) in p.products.iter().zip(products) {
            let mut to = SegmentRows { table: tables.activations, first: 0, width: products.x_width };
            let mut factors = SegmentRows { table: tables.factors, first: 0, width: products.w_width };
            for k in &products.contractions {
                segment_rows[*k] = [to, factors];
                to.first += p.contractions[*k].x_rows(to.width);
                factors.first += p.contractions[*k].w_rows(factors.width);
            }
            for k in &products.biases {
                self.bias_steps(*k, to);
                to.first += p.biases[*k].x_rows(p.batch, to.width);
            }
        }
        let cluster_first: Vec<Vec<usize>> = p.clusters.iter().map(|t| self.first_rows(t)).collect();
        // whatever has its operands goes next
        let mut contractions: Vec<usize> = (0..p.contractions.len()).collect();
        let mut rows: Vec<(usize, usize)> =
            p.clusters.iter().enumerate().flat_map(|(t, c)| (0..c.len()).map(move |k| (t, k))).collect();
        while !contractions.is_empty() || !rows.is_empty() {
            let before = contractions.len() + rows.len();
            let ready: Vec<usize> =
                contractions.extract_if(.., |k| self.factors_ready(&p.contractions[*k])).collect();
            for k in ready {
                self.contraction_steps(k, segment_rows[k], borders);
            }
            let ready: Vec<(usize, usize)> =
                rows.extract_if(.., |(t, k)| self.rows_ready(&p.clusters[*t][*k])).collect();
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
            for (root, nests) in self.sources(*v, len) {
                self.gather(self.tensors[&root], tensor, &nests);
            }
            let public = (inputs + i) as u32;
            self.plan.steps.push(Step::Publish { tensor, public });
            self.hidden_steps(name, tensor, public);
        }
        Ok(())
    }

    fn ready(&self, v: ValueId) -> bool {
        self.p.roots.pieces(v).iter().all(|p| self.tensors.contains_key(&p.root))
    }

    fn factors_ready(&self, c: &Contraction) -> bool {
        self.ready(c.x) && (!c.computed || self.ready(c.w))
    }

    fn rows_ready(&self, c: &Cluster) -> bool {
        c.bound.iter().chain(c.computed.iter().map(|h| &h.x)).all(|v| self.ready(*v))
    }

    /// From elements of a root to the elements of its tensor for batch entry 0, and the step to the next entry.
    fn tensor_of(&self, root: ValueId) -> (Nest<1>, i64) {
        if self.p.roots.is_constant(root) {
            return (Nest::dense(self.g.values[root].len()), 0);
        }
        match self.contraction_of.get(&root) {
            Some(k) => {
                let c = &self.p.contractions[*k];
                (c.y_tensor(), c.batch_channels * c.y_span as i64 + c.batch_stride)
            }
            None => {
                let len = self.g.values[root].len();
                (Nest::dense(len), len as i64)
            }
        }
    }

    /// From elements of `v` to elements of a root's tensor for batch entry 0, and the step to the next entry.
    fn in_tensor(&self, v: ValueId, root: ValueId) -> (Vec<Nest<1>>, i64) {
        let (tensor, step) = self.tensor_of(root);
        let pieces = self.p.roots.pieces(v).iter().filter(|x| x.root == root);
        let pieces: Vec<Nest<1>> = pieces.map(|x| x.nest.clone()).collect();
        (compose(&pieces, &[tensor]), step)
    }

    /// Per root of `v`, from (batch entry, element) to the element of that root's tensor.
    fn sources(&self, v: ValueId, len: usize) -> Vec<(ValueId, Vec<Nest<1>>)> {
        let of_root = |root: ValueId| {
            let (nests, step) = self.in_tensor(v, root);
            (root, nests.into_iter().map(|n| n.around(self.p.batch, len as i64, [step])).collect())
        };
        self.p.roots.roots_of(v).into_iter().map(of_root).collect()
    }

    /// A step that copies elements of one tensor to those elements of another that lead to them.
    fn gather(&mut self, src: u32, dst: u32, nests: &[Nest<1>]) {
        let pair = |n: &Nest<1>| {
            let mut loops = n.loops.clone();
            loops.sort_by_key(|l| l.at);
            run([n.at, n.to[0]], loops.into_iter().map(|l| (l.count as usize, [l.at, l.to[0]])))
        };
        let places = Seq { dim: 2, runs: nests.iter().map(pair).collect() };
        self.plan.steps.push(Step::Gather { src, dst, places });
    }

    /// Cells that are ones, and parameters where they are read: in a tensor of their own, or in the results that they are added to.
    fn bias_steps(&mut self, k: usize, to: SegmentRows) {
        let p = self.p;
        let b = &p.biases[k];
        let constant = self.parameters_of[k];
        let z = Seq::compress(1, &b.z);
        let mut places = vec![];
        let dst = if b.id < p.contractions.len() {
            let c = &p.contractions[b.id];
            // channel of each element that there is, and its place in the data
            let from = b.constant(self.g, &p.roots).1;
            let channel = |i: usize| {
                let (s, t) = (i % b.s_span(), i / b.s_span());
                c.channels_at(s as i64).nth(t).unwrap_or(s as i64)
            };
            let there = (0..b.elements.len()).filter(|i| b.elements[*i].is_some());
            let mut elements: Vec<(i64, [i64; 1])> = there.map(|i| (channel(i), [from[i]])).collect();
            elements.sort_unstable();
            for n in fit(&elements) {
                let span = c.y_span as i64;
                let channels = n.loops.iter().map(|l| (l.count as usize, [l.at * span, l.to[0]]));
                for r in &z.runs {
                    let positions = r.loops.iter().map(|(n, d)| (*n as usize, [d[0], 0]));
                    let all = positions.chain([(p.batch, [b.batch_stride, 0])]).chain(channels.clone());
                    places.push(run([n.at * span + r.start[0], n.to[0]], all));
                }
            }
            self.accumulators(b.id)
        } else {
            let len = self.g.values[b.root].len();
            places.push(run([0, 0], [(len, [1, 1])]));
            let dst = self.tensor(format!("{} parameters", b.source), len);
            self.tensors.insert(b.root, dst);
            dst
        };
        self.plan.steps.push(Step::Fill { constant, dst, places: Seq { dim: 2, runs: places } });
        let span = b.span(p.batch).div_ceil(to.width) * to.width;
        let x = self.tensor(format!("{} ones", b.source), span);
        let one = self.constant(|| Blob::new([1]));
        let ones = z.runs.iter().map(|r| {
            let positions = r.loops.iter().map(|(n, d)| (*n as usize, [d[0], 0]));
            run([r.start[0], 0], positions.chain([(p.batch, [b.batch_stride, 0])]))
        });
        let places = Seq { dim: 2, runs: ones.collect() };
        self.plan.steps.push(Step::Fill { constant: one, dst: x, places });
        self.segment_rows(x, (1, span), to, &b.source);
    }

    /// The tensor of a contraction's results.
    fn accumulators(&mut self, k: usize) -> u32 {
        let c = &self.p.contractions[k];
        if let Some(t) = self.accumulators[k] {
            return t;
        }
        let y = self.tensor(format!("{} accumulators", c.source), c.groups * c.channels * c.y_span);
        self.accumulators[k] = Some(y);
        y
    }

    /// Rows of a tensor of segments, chunks in descending order within each.
    fn segment_rows(&mut self, x: u32, (segments, span): (usize, usize), to: SegmentRows, source: &str) {
        let width = to.width;
        let chunks = span / width;
        let cell = |l: usize| {
            let loops = [(chunks, [-(width as i64)]), (segments, [span as i64])];
            Seq { dim: 1, runs: vec![run([((chunks - 1) * width + l) as i64], loops)] }
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
            table: to.table,
            first_row: to.first as u32,
            rows: (segments * chunks) as u32,
            registers: width as u32,
            ops,
            source: source.into(),
        }));
    }

    /// A factor as a tensor of segments: from elements of the value for batch entry 0 to elements of the tensor, and the step to the
    /// next entry.
    fn factor(&mut self, v: ValueId, (name, len): (String, usize), (place, batch): (Nest<1>, i64)) -> u32 {
        let p = self.p;
        let tensor = self.tensor(name, len);
        for root in p.roots.roots_of(v) {
            // from elements of the root's tensor to those of the factor, and back
            let (nests, step) = self.in_tensor(v, root);
            let inverse: Vec<Nest<1>> = nests.iter().map(Nest::inverse).collect();
            let placed = compose(&inverse, std::slice::from_ref(&place));
            let nests: Vec<Nest<1>> =
                placed.iter().map(|n| n.inverse().around(p.batch, batch, [step])).collect();
            self.gather(self.tensors[&root], tensor, &nests);
        }
        tensor
    }

    fn contraction_steps(
        &mut self,
        k: usize,
        [to, factors]: [SegmentRows; 2],
        borders: Option<&(u32, Vec<BorderRows>)>,
    ) {
        let p = self.p;
        let (c, width) = (&p.contractions[k], to.width);
        let span = c.x_span.div_ceil(width) * width;
        let x_at = c.x_at.map([0], |[q, z]| [q * span as i64 + z]);
        let batch = c.batch_segments * span as i64 + c.batch_stride;
        let name = format!("{} activations", c.source);
        let x = self.factor(c.x, (name, c.segments * span), (x_at, batch));
        let w_span = c.channels.div_ceil(factors.width) * factors.width;
        let w = if c.computed {
            let w_at = c.w_at.map([0], |[q, s]| [q * w_span as i64 + s]);
            let name = format!("{} factors", c.source);
            let batch = c.batch_segments * w_span as i64;
            Factor::Tensor(self.factor(c.w, (name, c.segments * w_span), (w_at, batch)))
        } else {
            Factor::Constant { constant: self.weights_of[k], offset: 0 }
        };
        let y = self.accumulators(k);
        // the channel of an index that moves the segment is that of its group
        let in_w = |l: &Turn| l.segment * w_span as i64 + if l.segment == 0 { l.channel } else { 0 };
        let loops = c
            .loops
            .iter()
            .map(|l| ContractLoop {
                extent: l.extent as u32,
                x: l.segment * span as i64 + if l.in_x { l.z } else { 0 },
                w: if c.computed { in_w(l) } else { l.w },
                y: l.channel * c.y_span as i64 + l.z,
            })
            .collect();
        self.plan.steps.push(Step::Contract { x, w, y, loops });
        if let Factor::Tensor(w) = w {
            self.segment_rows(w, (c.segments, w_span), factors, &c.source);
        }
        self.tensors.insert(c.y, y);
        self.segment_rows(x, (c.segments, span), to, &c.source);
        if let Some((table, layout)) = borders.filter(|b| b.1[k].rows > 0) {
            let first_row: usize = layout[..k].iter().map(|b| b.rows).sum();
            let rows = &layout[k];
            let width = p.border_width;
            // one register per channel of a cell, one for the cell
            let registers = c.pack as u32 + 1;
            let mut ops = vec![];
            for l in 0..width {
                let mut terms = vec![];
                for t in 0..c.pack {
                    let channel = |s: i64| c.channels_at(s).nth(t);
                    let present = |s: i64, z: i64| channel(s).is_some() && rows.is_border(s, z);
                    let place = |s: i64| ([channel(s).unwrap_or(0) * c.y_span as i64], [1]);
                    let index = Seq::of_runs(1, rows.runs(l, present, [-1], place));
                    let dst = t as u32;
                    ops.push(RowOp::Gather { tensor: y, index, default: 0, dst });
                    terms.push((1 << (self.p.capabilities.radix_bits() as usize * t), dst));
                }
                let dst = registers - 1;
                ops.push(RowOp::Affine { terms, constant: 0, dst });
                ops.push(RowOp::Store { src: dst, column: l as u32 });
            }
            self.plan.steps.push(Step::Rows(RowStep {
                table: *table,
                first_row: first_row as u32,
                rows: rows.rows as u32,
                registers,
                ops,
                source: c.source.clone(),
            }));
        }
    }

    /// What a hint that is no row's work computes: its operand is gathered, and each result is a tensor of its own.
    fn computed(&mut self, h: &Computed, source: &str) -> Vec<u32> {
        let (p, shape) = (self.p, &self.g.values[h.x].shape);
        let len = self.g.values[h.x].len();
        let x = self.tensor(format!("{source} operand"), len * p.batch);
        for (root, nests) in self.sources(h.x, len) {
            self.gather(self.tensors[&root], x, &nests);
        }
        let columns = shape.last().map_or(1, |n| *n as u32);
        let result = |y: &ValueId| (format!("{source} hint"), self.g.values[*y].len() * p.batch);
        let results: Vec<(String, usize)> = h.ys.iter().map(result).collect();
        let ys: Vec<u32> = results.into_iter().map(|(name, len)| self.tensor(name, len)).collect();
        match (&h.hint, h.table, &ys[..]) {
            (Hint::Threshold { limit, causal, .. }, Some((relation, entry)), &[y]) => {
                let causal_rows = match shape[..] {
                    [.., rows, _] if *causal => rows as u32,
                    _ => 0,
                };
                let limit = *limit;
                self.plan.steps.push(Step::Threshold { x, relation, entry, limit, columns, causal_rows, y });
            }
            (Hint::Greatest, _, &[greatest, at]) => {
                self.plan.steps.push(Step::Greatest { x, columns, greatest, at });
            }
            (Hint::OneHot { positions }, _, &[y]) => {
                self.plan.steps.push(Step::OneHot { x, columns: *positions as u32, y });
            }
            // rows do these
            (
                Hint::Quotient { .. }
                | Hint::Mantissa { .. }
                | Hint::Threshold { .. }
                | Hint::Greatest
                | Hint::OneHot { .. },
                ..,
            ) => {}
        }
        ys
    }

    fn row_step(&mut self, table: u32, c: &Cluster, first_row: usize) {
        let k = &c.row_program;
        let computed: Vec<Vec<u32>> = c.computed.iter().map(|h| self.computed(h, &c.source)).collect();
        let mut registers = k.steps.len() as u32;
        let mut ops = vec![];
        for (dst, s) in k.steps.iter().enumerate() {
            let dst = dst as u32;
            match s {
                Instruction::Bound(i) => {
                    let parts = self.sources(c.bound[*i], c.len);
                    let mut terms = vec![];
                    for (j, (root, nests)) in parts.into_iter().enumerate() {
                        let nests = c.order.places(self.p.batch, nests);
                        let index = sequence(&nests, c.len * self.p.batch, [-1]);
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
                Instruction::Computed(i, result) => {
                    let rows = c.len * self.p.batch;
                    // every row has one
                    let index = sequence(&[c.order.rows(self.p.batch)], rows, [0]);
                    ops.push(RowOp::Gather { tensor: computed[*i][*result], index, default: 0, dst });
                }
                step => ops.extend(step.row_op(dst)),
            }
        }
        for (column, (_, reg)) in k.columns.iter().enumerate() {
            ops.push(RowOp::Store { src: *reg as u32, column: column as u32 });
        }
        let rows = c.len * self.p.batch;
        for ((_, reg), v) in k.exports.iter().zip(&c.exports) {
            let tensor = self.tensor(format!("{} value {v}", c.source), rows);
            self.tensors.insert(*v, tensor);
            let index = sequence(&[c.order.rows(self.p.batch)], rows, [-1]);
            ops.push(RowOp::Scatter { src: *reg as u32, tensor, index });
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
