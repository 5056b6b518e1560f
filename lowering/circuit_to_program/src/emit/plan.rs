//! The witness plan: how an honest prover computes every tensor and fills every row.
//!
//! Invariant: a step stands after all that make what it reads.
use super::Emitter;
use crate::PlaceError;
use crate::cluster::{Cluster, KernelStep};
use crate::roots::Element;
use std::collections::BTreeMap;
use tessera_api::{ContractLoop, Role, RowOp, RowStep, Run, Seq, Step};
use tessera_circuit::graph::ValueId;

impl Emitter<'_> {
    pub(super) fn steps(
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
                let (channel, z) = c.y_at[e];
                channel * c.y_span as i64 + z + b as i64 * c.batch_stride
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
        let y = self.tensor(format!("{} accumulators", c.source), c.groups * c.channels * c.y_span);
        let loops = c
            .loops
            .iter()
            .map(|l| ContractLoop {
                extent: l.extent as u32,
                x: l.segment * span as i64 + if l.in_x { l.z } else { 0 },
                w: l.w,
                y: l.channel * c.y_span as i64 + l.z,
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
            // one register per channel of a cell, one for the cell
            let registers = c.pack as u32 + 1;
            let mut ops = vec![];
            for l in 0..width {
                let mut terms = vec![];
                for t in 0..c.pack {
                    let index: Vec<i64> = layout[k]
                        .iter()
                        .map(|(chunk, z)| {
                            let s = chunk * width as i64 + l as i64;
                            let channel = c.channels_at(s).nth(t).filter(|_| all.contains(&(s, *z)));
                            channel.map_or(-1, |channel| channel * c.y_span as i64 + z)
                        })
                        .collect();
                    let dst = t as u32;
                    ops.push(RowOp::Gather { tensor: y, index: Seq::compress(1, &index), default: 0, dst });
                    terms.push((1 << (self.p.capabilities.radix_bits() as usize * t), dst));
                }
                let dst = registers - 1;
                ops.push(RowOp::Affine { terms, constant: 0, dst });
                ops.push(RowOp::Store { src: dst, column: l as u32 });
            }
            self.plan.steps.push(Step::Rows(RowStep {
                table: *table,
                first_row: first_row as u32,
                rows: layout[k].len() as u32,
                registers,
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
                KernelStep::Max(a, b) => ops.push(RowOp::Max { a: *a as u32, b: *b as u32, dst }),
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
