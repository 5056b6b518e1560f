//! The tables of contractions, elementwise rows and borders, with their folds.
//!
//! Invariant: rows stand in the order that `plan.rs` fills: contraction by contraction, segment by segment, chunks in descending order of z;
//! cluster by cluster, batch entry by batch entry.
use super::{ENTRIES, Emitter, Exps, Monos, term};
use crate::PlaceError;
use crate::cluster::{Cluster, KernelStep};
use crate::placement::{w_rows, x_rows};
use crate::roots::Element;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tessera_api::{
    Cell, Constraint, Expr, FixedColumn, Lane, Lookup, Operand, Part, Seq, Term, Values, WitnessColumn,
};

impl Emitter<'_> {
    /// The weight and the activation table with their join. Returns (weights, activations) table indices.
    pub(super) fn contraction_tables(&mut self) -> Result<(u32, u32), PlaceError> {
        let (p, width) = (self.p, self.p.w_width);
        // weights
        let mut blob: Vec<i64> = vec![];
        let rows = w_rows(&p.contractions, width);
        let pack = p.contractions.iter().map(|c| c.pack).max().unwrap_or(1);
        let mut index = vec![vec![Vec::with_capacity(rows); width]; pack];
        let mut monos = Monos::default();
        let mut ends = vec![];
        for c in &p.contractions {
            let data = p
                .roots
                .constant(c.w)
                .ok_or_else(|| PlaceError::Invalid(format!("{}: weights are not known", c.source)))?;
            // the element of W at (segment, channel, tap), or −1
            let mut tap_of = vec![0; 1 + c.taps.first().map_or(0, |z| *z as usize)];
            c.taps.iter().enumerate().for_each(|(k, z)| tap_of[*z as usize] = k);
            let cell = |q: usize, channel: usize, tap: usize| (q * c.channels + channel) * c.taps.len() + tap;
            let mut at = vec![-1i64; cell(c.segments, 0, 0)];
            for (i, (q, channel, z)) in c.w_at.iter().enumerate() {
                at[cell(*q, *channel as usize, tap_of[*z as usize])] = (blob.len() + i) as i64;
            }
            for q in 0..c.segments {
                for chunk in (0..c.packed_channels().div_ceil(width)).rev() {
                    for (k, z) in c.taps.iter().enumerate() {
                        for (t, part) in index.iter_mut().enumerate() {
                            for (l, col) in part.iter_mut().enumerate() {
                                let s = chunk * width + l;
                                let channel = s + t * c.packed_channels();
                                let here = s < c.packed_channels() && t < c.pack && channel < c.channels;
                                col.push(if here { at[cell(q, channel, k)] } else { -1 });
                            }
                        }
                        monos.push(Some([*z, (chunk * width) as i64, 0, 0]));
                    }
                }
                ends.push(index[0][0].len() as i64);
            }
            blob.extend_from_slice(data);
        }
        let constant = self.program.constants.len() as u32;
        self.program.constants.push(Arc::new(blob));
        let radix = p.capabilities.radix_bits() as usize;
        let part = |(t, part): (usize, &Vec<Vec<i64>>), l: usize| Part {
            scale: 1 << (radix * t),
            index: Seq::compress(1, &part[l]),
        };
        let fixed = (0..width)
            .map(|l| FixedColumn {
                name: format!("w{l}"),
                padding: 0,
                values: Values::Gather {
                    constant,
                    parts: index.iter().enumerate().map(|p| part(p, l)).collect(),
                },
            })
            .collect();
        let weights = self.push_table("weights", rows, fixed, vec![]);
        let lanes = (0..width)
            .map(|l| Lane { expr: Expr::fixed(l as u32), monos: shifted(&monos, [0, l as i64, 0, 0]).seq() })
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
                    monos.push(Some([(chunk * width) as i64, 0, 0, 0]));
                }
                row += chunks as i64;
                ends.push(row);
                let s = c.segment_group[q] * c.packed_channels() as i64;
                join.push(Some([0, s, k as i64, 0]));
                link.push(Some([0, q as i64, k as i64, 0]));
            }
        }
        let lanes = (0..width)
            .map(|l| Lane {
                expr: Expr::witness(l as u32),
                monos: shifted(&monos, [l as i64, 0, 0, 0]).seq(),
            })
            .collect();
        let left = self.fold("activations".into(), activations, lanes, &ends);
        self.program.terms.push(Term::Join { left, right, weights: join.seq() });
        self.contraction.push(term(1, Operand::Term(self.program.terms.len() as u32 - 1)));
        self.program.terms.push(Term::Sum { fold: left, weights: link.seq() });
        self.link.push(term(1, Operand::Term(self.program.terms.len() as u32 - 1)));
        Ok((weights, activations))
    }

    /// One table per kernel. Returns their indices.
    pub(super) fn cluster_tables(
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
                            link.push(m.is_none().then_some([(b * c.len + e) as i64, 0, d, 0]));
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
            values: Values::Gather {
                constant,
                parts: vec![Part { scale: 1, index: Seq::compress(1, &index) }],
            },
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
                KernelStep::Max(a, b) => Some(r[*a].max(r[*b])),
                KernelStep::Hi(x, s) => Some(r[*x] >> s),
                KernelStep::Lo(x, s) => Some(r[*x] & ((1 << s) - 1)),
                KernelStep::Lookup(bus, x) => self.p.buses.eval(*bus, r[*x]),
            };
            r.push(v.ok_or_else(over)?);
        }
        let cells: Vec<i64> = c.kernel.columns.iter().map(|(_, reg)| r[*reg]).collect();
        let value = |cell: Cell| match cell {
            Cell::Witness(i) => cells[i as usize],
            Cell::Fixed(i) => c.fixed[i as usize].first().copied().unwrap_or(0),
        };
        for (bus, tuple) in &c.kernel.lookups {
            // functions were looked up above
            let ([key], Some((lo, hi))) = (&tuple[..], self.p.buses.keys(*bus)) else { continue };
            if !key.eval(value).is_some_and(|key| (lo..=hi).contains(&key)) {
                return Err(over());
            }
        }
        Ok(cells)
    }

    /// Distinct border monomials (s, z) of a contraction over the whole batch.
    pub(super) fn border_positions(&self, k: usize) -> (Vec<i64>, HashSet<(i64, i64)>) {
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
    pub(super) fn border_table(&mut self) -> Option<(u32, Vec<Vec<(i64, i64)>>)> {
        let width = self.p.border_width;
        if width == 0 {
            return None;
        }
        let mut lanes: Vec<Monos> = (0..width).map(|_| Monos::default()).collect();
        let mut layout = vec![];
        for (k, c) in self.p.contractions.iter().enumerate() {
            let (zs, all) = self.border_positions(k);
            let mut rows = vec![];
            for chunk in 0..c.s_span().div_ceil(width) as i64 {
                for z in &zs {
                    let s = |l: usize| chunk * width as i64 + l as i64;
                    // lanes past the last channel keep their monomial: nothing else has it, so they are zero
                    let here = |l: usize| s(l) >= c.s_span() as i64 || all.contains(&(s(l), *z));
                    if !(0..width).any(|l| s(l) < c.s_span() as i64 && here(l)) {
                        continue;
                    }
                    rows.push((chunk, *z));
                    for (l, m) in lanes.iter_mut().enumerate() {
                        m.push(here(l).then_some([*z, s(l), k as i64, 0]));
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
}

/// The same monomials, each times a fixed one.
fn shifted(m: &Monos, by: Exps) -> Monos {
    let mut out = Monos(m.0.clone());
    for v in out.0.chunks_mut(ENTRIES).filter(|v| v[0] == 1) {
        v[1..].iter_mut().zip(by).for_each(|(e, b)| *e += b);
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
            first.chunks(ENTRIES).zip(m.0.chunks(ENTRIES)).all(|(a, b)| {
                if b[0] == 0 {
                    return true;
                }
                // a row the first lane leaves out would need the lane to lead: keep such lanes apart
                a[0] == 1 && {
                    ratios.insert([1, 2, 3, 4].map(|i| b[i] - a[i]));
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
