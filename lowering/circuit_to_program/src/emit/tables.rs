//! The tables of contractions, elementwise rows and borders, with their folds.
//!
//! Invariant: rows stand in the order that `plan.rs` fills: contraction by contraction, segment by segment, chunks in descending order of z;
//! cluster by cluster, batch entry by batch entry.
use super::{ENTRIES, Emitter, Monomials, ProductTables, Use, term};
use crate::PlaceError;
use crate::biases::Bias;
use crate::cluster::{Cluster, Instruction, RowProgram};
use crate::contraction::{Border, Contraction, Part};
use crate::layout::{Nest, run, sequence};
use crate::placement::{Factors, Hidden, Products};
use std::collections::{HashMap, HashSet};
use tessera_api::{
    Blob, Block, Cell, Constraint, Expr, FixedColumn, Lane, Lookup, Matrix, Operand, Run, Seq, Term, Values,
    WitnessColumn,
};
use tessera_circuit::graph::ValueId;

impl Emitter<'_> {
    /// The weight and the activation table of some products, with their join.
    pub(super) fn product_tables(&mut self, products: &Products) -> ProductTables {
        let (p, width) = (self.p, products.x_width);
        let (factors, right) = self.factors(products);
        let contractions = || products.contractions.iter().map(|k| (*k as i64, &p.contractions[*k]));
        let biases = || products.biases.iter().map(|k| &p.biases[*k]);
        let witness = (0..width).map(|l| WitnessColumn { name: format!("x{l}"), padding: 0 }).collect();
        let rows =
            contractions().map(|c| c.1.x_rows(width)).chain(biases().map(|b| b.x_rows(p.batch, width)));
        let activations = self.push_table("activations", rows.sum(), vec![], witness);
        let (mut ends, mut join, mut link) = (vec![], vec![], vec![]);
        let mut row = 0;
        for (k, c) in contractions() {
            let chunks = c.x_span.div_ceil(width) as i64;
            ends.push(run([row + chunks], [(c.segments, [chunks])]));
            row += chunks * c.segments as i64;
            let (own, packed) = (c.segments_of_a_group(), c.packed_channels() as i64);
            join.push(run([1, 0, 0, k, 0], [(own, [0; ENTRIES]), (c.groups, [0, 0, packed, 0, 0])]));
            link.push(run([1, 0, 0, k, 0], [(c.segments, [0, 0, 1, 0, 0])]));
        }
        for b in biases() {
            row += b.x_rows(p.batch, width) as i64;
            ends.push(run([row], []));
            join.push(run([1, 0, 0, b.id as i64, 0], []));
            link.push(run([1, 0, b.segment as i64, b.id as i64, 0], []));
        }
        let spans = contractions().map(|(_, c)| (c.x_span, c.segments));
        let spans = spans.chain(biases().map(|b| (b.span(p.batch), 1)));
        let runs = spans.map(|(span, segments)| {
            let chunks = span.div_ceil(width);
            let start = [1, ((chunks - 1) * width) as i64, 0, 0, 0];
            run(start, [(chunks, [0, -(width as i64), 0, 0, 0]), (segments, [0; ENTRIES])])
        });
        let first = Seq::of_runs(ENTRIES, runs.collect());
        let lane = |l: usize| Lane {
            expr: Expr::witness(l as u32),
            monomials: moved(&first, [0, l as i64, 0, 0, 0]),
        };
        let lanes = (0..width).map(lane).collect();
        let left = self.fold("activations".into(), activations, lanes, Seq::of_runs(1, ends));
        let join = Seq::of_runs(ENTRIES, join);
        self.program.terms.push(Term::Join { left, right, weights: join });
        self.contraction.push(term(1, Operand::Term(self.program.terms.len() as u32 - 1)));
        self.program.terms.push(Term::Sum { fold: left, weights: Seq::of_runs(ENTRIES, link) });
        self.link.push(term(1, Operand::Term(self.program.terms.len() as u32 - 1)));
        let ones: Vec<Run> = biases().flat_map(|b| b.ones(p.batch)).collect();
        if !ones.is_empty() {
            self.link.push(term(-1, Operand::Ones { monomials: Seq { dim: ENTRIES as u32, runs: ones } }));
        }
        ProductTables { activations, factors }
    }

    /// The table of the second factors of some products, and its fold.
    fn factors(&mut self, products: &Products) -> (u32, u32) {
        let (p, width) = (self.p, products.w_width);
        let computed = products.factors == Factors::Computed;
        let (fixed, witness) = match products.factors {
            Factors::Computed => {
                let column = |l: usize| WitnessColumn { name: format!("w{l}"), padding: 0 };
                (vec![], (0..width).map(column).collect())
            }
            Factors::Owned | Factors::Public => (self.weight_columns(products), vec![]),
        };
        let contractions = || products.contractions.iter().map(|k| &p.contractions[*k]);
        let biases = || products.biases.iter().map(|k| &p.biases[*k]);
        let rows = contractions().map(|c| c.w_rows(width)).chain(biases().map(|b| b.w_rows(width)));
        let name = if computed { "factors" } else { "weights" };
        let table = self.push_table(name, rows.sum(), fixed, witness);
        let committed = products.factors == Factors::Owned;
        self.program.tables[table as usize].committed = committed;
        let mut ends = vec![];
        let mut row = 0;
        for c in contractions() {
            let chunks = c.packed_channels().div_ceil(width);
            for part in &c.weights.parts {
                let own = (part.taps.len() * chunks) as i64;
                ends.push(run([row + own], [(part.count, [own])]));
                row += own * part.count as i64;
            }
        }
        for b in biases() {
            row += b.w_rows(width) as i64;
            ends.push(run([row], []));
        }
        let monomials = |l: usize| {
            let runs = contractions().flat_map(|c| weight_monomials(c, (width, l), committed));
            let runs = runs.chain(biases().flat_map(|b| parameter_monomials(b, width, l))).collect();
            Seq::of_runs(ENTRIES, runs)
        };
        // the lanes of public weights are the first one moved
        let (first, equal) = (monomials(0), !committed);
        let lane = |l: usize| {
            let monomials = if equal { moved(&first, [0, 0, l as i64, 0, 0]) } else { monomials(l) };
            let expr = if computed { Expr::witness(l as u32) } else { Expr::fixed(l as u32) };
            Lane { expr, monomials }
        };
        let lanes = (0..width).map(lane).collect();
        let fold = self.fold(name.into(), table, lanes, Seq::of_runs(1, ends));
        if computed {
            let link = products.contractions.iter().map(|k| {
                let d = self.factor_uses[k];
                run([1, 0, 0, d, 0], [(p.contractions[*k].segments, [0, 1, 0, 0, 0])])
            });
            let weights = Seq::of_runs(ENTRIES, link.collect());
            self.program.terms.push(Term::Sum { fold, weights });
            self.link.push(term(1, Operand::Term(self.program.terms.len() as u32 - 1)));
        }
        (table, fold)
    }

    /// Columns of weights that are known at setup.
    fn weight_columns(&mut self, products: &Products) -> Vec<FixedColumn> {
        let (p, width) = (self.p, products.w_width);
        let mut blocks = vec![];
        for k in &products.contractions {
            let c = &p.contractions[*k];
            let constant = self.constant(|| p.roots.values(c.w, self.g.values[c.w].len()));
            self.weights_of[*k] = constant;
            blocks.extend(c.weights.parts.iter().map(|part| Block {
                constant,
                segments: part.segments.clone(),
                channels: c.weights.channels.clone(),
                taps: Seq::compress(1, &part.taps.iter().map(|t| t.1).collect::<Vec<_>>()),
                pack: c.pack as u32,
            }));
        }
        for k in &products.biases {
            let b = &p.biases[*k];
            let (data, places) = b.constant(self.g, &p.roots);
            let constant = self.constant(|| data);
            self.parameters_of[*k] = constant;
            blocks.push(Block {
                constant,
                segments: Seq::constant(&[0], 1),
                channels: Seq::compress(1, &places),
                taps: Seq::constant(&[0], 1),
                pack: b.pack as u32,
            });
        }
        let radix = 1 << p.capabilities.radix_bits();
        self.program.matrices.push(Matrix { width: width as u32, radix, blocks });
        let matrix = self.program.matrices.len() as u32 - 1;
        let column = |l: usize| FixedColumn {
            name: format!("w{l}"),
            padding: 0,
            values: Values::Matrix { matrix, lane: l as u32 },
        };
        (0..width).map(column).collect()
    }

    /// One table per row program. Returns their indices.
    pub(super) fn cluster_tables(
        &mut self,
        bound_ids: &HashMap<(usize, usize, usize), i64>,
    ) -> Result<Vec<u32>, PlaceError> {
        let p = self.p;
        let mut indices = vec![];
        for (t, clusters) in p.clusters.iter().enumerate() {
            let row_program = &clusters[0].row_program;
            let rows: usize = clusters.iter().map(|c| c.len * p.batch).sum();
            let fixed: Vec<FixedColumn> =
                (0..row_program.fixed as usize).map(|i| self.fixed_column(clusters, i)).collect();
            let padding = self.padding(clusters)?;
            let witness = row_program
                .columns
                .iter()
                .zip(&padding)
                .map(|((name, _), v)| WitnessColumn { name: name.clone(), padding: *v })
                .collect();
            let table = self.push_table(&format!("elementwise{t}"), rows, fixed, witness);
            indices.push(table);
            let c = &clusters[0];
            let constraints = row_program.constraints.iter().zip(&c.constraint_sources);
            let constraints =
                constraints.map(|(e, s)| Constraint { expr: e.clone(), source: s.clone() }).collect();
            let lookups = row_program.lookups.iter().zip(&c.lookup_sources);
            let lookups = lookups
                .map(|((relation, tuple), s)| Lookup {
                    relation: *relation,
                    tuple: tuple.clone(),
                    source: s.clone(),
                })
                .collect();
            let x = &mut self.program.tables[table as usize];
            (x.constraints, x.lookups) = (constraints, lookups);
            // bound values
            let first: Vec<usize> = self.first_rows(clusters);
            let shifted = |m: Monomials, k: usize| {
                let row = first[k] as i64;
                m.0.into_iter().map(move |n| Nest { at: n.at + row, ..n })
            };
            let (mut products, mut links): (Vec<(Expr, Monomials)>, Vec<(Expr, Monomials)>) =
                (vec![], vec![]);
            for (i, expr) in row_program.bound.iter().enumerate() {
                let (mut product, mut link) = (Monomials::default(), Monomials::default());
                for (k, c) in clusters.iter().enumerate() {
                    let d = bound_ids[&(t, k, i)];
                    let (direct, own) = match c.held.get(&i) {
                        Some(h) => self.held(h, c.order, c.len, d),
                        None => self.read(c.bound[i], c.order, c.len, d),
                    };
                    product.0.extend(shifted(direct, k));
                    link.0.extend(shifted(own, k));
                }
                products.push((expr.clone(), product));
                links.push((expr.clone(), link));
            }
            // exports: as many lanes as the most used element of any layer has uses; they stand on the makers' side
            for (i, (expr, _)) in row_program.exports.iter().enumerate() {
                let used = |c: &Cluster| self.uses.0.get(&c.exports[i]).map_or(0, Vec::len);
                let negated = expr.clone().checked_scale(-1);
                let beyond = || PlaceError::unsupported(&clusters[0].source, "coefficients beyond 64 bits");
                let negated = negated.ok_or_else(beyond)?;
                for layer in 0..clusters.iter().map(used).max().unwrap_or(0) {
                    let of = |c: &Cluster| -> &[Use] {
                        self.uses.0.get(&c.exports[i]).and_then(|l| l.get(layer)).map_or(&[], |l| l)
                    };
                    // of all uses, or of the one use that each layer has under a number
                    let monomials = |which: Option<usize>| {
                        let mut m = Monomials::default();
                        for (k, c) in clusters.iter().enumerate() {
                            let numbers = numbers(of(c));
                            let number = which.map(|which| numbers.get(which).copied());
                            let taken = of(c).iter().filter(|u| number.is_none_or(|n| n == Some(u.at.to[2])));
                            let all = taken.map(|u| u.in_batch(p.batch, c.len)).collect();
                            m.0.extend(shifted(Monomials(c.order.places(p.batch, all)), k));
                        }
                        m
                    };
                    let (whole, most) =
                        (monomials(None), clusters.iter().map(|c| numbers(of(c)).len()).max().unwrap_or(0));
                    if most < 2 || !is_restless(&whole.seq(rows), rows) {
                        links.push((negated.clone(), whole));
                        continue;
                    }
                    links.extend((0..most).map(|which| (negated.clone(), monomials(Some(which)))));
                }
            }
            for lanes in grouped(products, rows) {
                let operand = self.whole_fold(format!("elementwise{t} accumulators"), table, lanes);
                self.contraction.push(term(-1, operand));
            }
            for lanes in grouped(links, rows) {
                let operand = self.whole_fold(format!("elementwise{t} links"), table, lanes);
                self.link.push(term(1, operand));
            }
        }
        Ok(indices)
    }

    /// A table of the elements of a tensor that the statement does not have, one a row, in the range that everybody knows.
    fn elements(&mut self, what: &str, (name, v, public): (&str, ValueId, u32), hidden: Hidden) -> u32 {
        let x = &self.g.values[v];
        let witness = vec![WitnessColumn { name: "x".into(), padding: 0.clamp(x.lo, x.hi) }];
        let table = self.push_table(&format!("{what} {name}"), x.len() * self.p.batch, vec![], witness);
        let lookup = Lookup { relation: hidden.range, tuple: vec![Expr::witness(0)], source: name.into() };
        self.program.tables[table as usize].lookups.push(lookup);
        self.elements.insert(public, table);
        table
    }

    /// A hidden input: a maker whose elements are cells.
    pub(super) fn hidden_input(&mut self, port: (&str, ValueId, u32), hidden: Hidden) {
        let (name, v, public) = port;
        let table = self.elements("input", port, hidden);
        let len = self.g.values[v].len();
        let rows = len * self.p.batch;
        let layers = self.uses.0.get(&v).into_iter().flatten();
        let monomials = |l: &Vec<Use>| Monomials(l.iter().map(|u| u.in_batch(self.p.batch, len)).collect());
        let lanes = layers.map(|l| (Expr::witness(0).scale(-1), monomials(l))).collect();
        for lanes in grouped(lanes, rows) {
            let operand = self.whole_fold(format!("input {name}"), table, lanes);
            self.link.push(term(1, operand));
        }
        if hidden.committed {
            self.commit(name, rows, public);
        }
    }

    /// A hidden output: a reader whose elements are cells, with these monomials in the contraction and in the link equation.
    pub(super) fn hidden_output(
        &mut self,
        port: (&str, ValueId, u32),
        hidden: Hidden,
        (direct, linked): (Monomials, Monomials),
    ) {
        let (name, v, public) = port;
        let table = self.elements("output", port, hidden);
        let rows = self.g.values[v].len() * self.p.batch;
        for lanes in grouped(vec![(Expr::witness(0), direct)], rows) {
            let operand = self.whole_fold(format!("output {name} accumulators"), table, lanes);
            self.contraction.push(term(-1, operand));
        }
        for lanes in grouped(vec![(Expr::witness(0), linked)], rows) {
            let operand = self.whole_fold(format!("output {name}"), table, lanes);
            self.link.push(term(1, operand));
        }
        self.commit(name, rows, public);
    }

    /// The first row of each cluster of a table.
    pub(super) fn first_rows(&self, clusters: &[Cluster]) -> Vec<usize> {
        let next = |row: &mut usize, c: &Cluster| Some(std::mem::replace(row, *row + c.len * self.p.batch));
        clusters.iter().scan(0, next).collect()
    }

    /// A fixed column over all layers that share the table. Data that several of them have are stored once.
    fn fixed_column(&mut self, clusters: &[Cluster], i: usize) -> FixedColumn {
        let p = self.p;
        let (mut data, mut known): (Vec<i64>, Vec<([u8; 32], i64)>) = (vec![], vec![]);
        let (mut nests, mut row) = (vec![], 0);
        for c in clusters {
            let mut own_nests = vec![];
            for piece in p.roots.pieces(c.fixed[i]) {
                let Some(own) = p.roots.data(piece.root) else { continue };
                let at = known.iter().find(|k| k.0 == own.hash()).map_or(data.len() as i64, |k| k.1);
                if at == data.len() as i64 {
                    known.push((own.hash(), at));
                    data.extend(own.data.to_i64s().unwrap_or_default());
                }
                let nest = piece.nest.map([at], |from| *from).around(p.batch, c.len as i64, [0]);
                own_nests.push(nest);
            }
            let rows = c.order.places(p.batch, own_nests);
            nests.extend(rows.into_iter().map(|n| Nest { at: n.at + row, ..n }));
            row += (c.len * p.batch) as i64;
        }
        FixedColumn {
            name: format!("k{i}"),
            padding: p.roots.first(clusters[0].fixed[i]),
            values: Values::Gather {
                constant: self.constant(|| Blob::new(data)),
                index: sequence(&nests, row as usize, [-1]),
            },
        }
    }

    /// Witness cells of a padding row: the row program run on the first row's setup data and on zero for what enters, or on other numbers
    /// where zero leaves a table.
    fn padding(&self, clusters: &[Cluster]) -> Result<Vec<i64>, PlaceError> {
        let c = &clusters[0];
        let k = &c.row_program;
        // what enters: zero, or an end of its interval
        let interval = |v: &ValueId| (self.g.values[*v].lo, self.g.values[*v].hi);
        let entering = c.bound.iter().chain(c.computed.iter().flat_map(|x| &x.ys)).map(|v| {
            let (lo, hi) = interval(v);
            let mut all = vec![0];
            all.extend([lo, hi].into_iter().filter(|end| *end != 0));
            all.dedup();
            all
        });
        let choices: Vec<Vec<i64>> = entering.collect();
        let ways = choices.iter().try_fold(1usize, |n, c| n.checked_mul(c.len())).unwrap_or(usize::MAX);
        let at = |mut way: usize| -> Vec<i64> {
            let digit = |c: &Vec<i64>| {
                let at = way % c.len();
                way /= c.len();
                c[at]
            };
            choices.iter().map(digit).collect()
        };
        let found = (0..ways.min(MAX_PADDINGS)).find_map(|way| self.padding_of(c, k, &at(way)));
        found.ok_or_else(|| {
            PlaceError::unsupported(&c.source, "a row program of which no padding row lies in its tables")
        })
    }

    /// The cells of a row of these numbers; `None` where it leaves a table, or an assertion is not kept.
    fn padding_of(&self, c: &Cluster, k: &RowProgram, entering: &[i64]) -> Option<Vec<i64>> {
        let mut r: Vec<i64> = vec![];
        for s in &k.steps {
            let v = match s {
                Instruction::Bound(i) => entering.get(*i).copied(),
                Instruction::Computed(i, result) => {
                    let before: usize = c.computed[..*i].iter().map(|x| x.ys.len()).sum();
                    entering.get(c.bound.len() + before + result).copied()
                }
                Instruction::Fixed(i) => Some(self.p.roots.first(c.fixed[*i as usize])),
                Instruction::Lookup(relation, entry, x) => self.p.relations.eval(*relation, *entry, r[*x]),
                computed => computed.eval(&r),
            };
            r.push(v?);
        }
        let cells: Vec<i64> = k.columns.iter().map(|(_, reg)| r[*reg]).collect();
        let value = |cell: Cell| match cell {
            Cell::Witness(i) => cells[i as usize],
            Cell::Fixed(i) => self.p.roots.first(c.fixed[i as usize]),
        };
        for (relation, tuple) in &k.lookups {
            // functions were looked up above
            let ([key], Some((lo, hi))) = (&tuple[..], self.p.relations.keys(*relation)) else { continue };
            key.eval(value).filter(|key| (lo..=hi).contains(key))?;
        }
        let kept = k.constraints.iter().all(|e| e.eval(value) == Some(0));
        kept.then_some(cells)
    }

    /// The border rows of every contraction.
    pub(super) fn border_rows(&self) -> Vec<BorderRows> {
        let rows = self.p.contractions.iter().zip(&self.p.borders);
        rows.map(|(c, borders)| BorderRows::new(c, borders, self.p.batch, self.p.border_width)).collect()
    }

    /// Free cells for what nothing reads.
    pub(super) fn border_table(&mut self, layout: &[BorderRows]) -> Option<u32> {
        let width = self.p.border_width;
        if width == 0 {
            return None;
        }
        let rows: usize = layout.iter().map(|b| b.rows).sum();
        let witness = (0..width).map(|l| WitnessColumn { name: format!("y{l}"), padding: 0 }).collect();
        let table = self.push_table("borders", rows, vec![], witness);
        let lane = |l: usize| {
            let mut runs = vec![];
            for (k, (c, b)) in self.p.contractions.iter().zip(layout).enumerate() {
                // lanes past the last channel keep their monomial: nothing else has it, so they are zero
                let present = |s: i64, z: i64| s >= c.s_span() as i64 || b.is_border(s, z);
                runs.extend(b.runs(l, present, [0; ENTRIES], |s| ([1, 0, s, k as i64, 0], [0, 1, 0, 0, 0])));
            }
            Lane { expr: Expr::witness(l as u32), monomials: Seq::of_runs(ENTRIES, runs) }
        };
        let lanes = (0..width).map(lane).collect();
        let operand = self.whole_fold("borders".into(), table, lanes);
        self.contraction.push(term(-1, operand));
        Some(table)
    }
}

/// The rows that hold the borders of one contraction: for each chunk of channels the exponents of z that some of them have.
pub(super) struct BorderRows {
    /// Number of rows.
    pub rows: usize,
    width: usize,
    /// For each chunk which of `z` it has.
    chunks: Vec<usize>,
    /// Ascending, over the whole batch.
    z: Vec<Vec<i64>>,
    /// Of channels, over the whole batch.
    borders: Vec<Border>,
}

impl BorderRows {
    fn new(c: &Contraction, borders: &[Border], batch: usize, width: usize) -> BorderRows {
        let over = |b: &Border| {
            let images = (0..batch as i64).map(|i| i * c.batch_stride);
            let mut z: Vec<i64> = images.flat_map(|i| b.z.iter().map(move |z| z + i)).collect();
            z.sort_unstable();
            z.dedup();
            Border { s: b.s.clone(), z }
        };
        let borders: Vec<Border> = borders.iter().map(over).collect();
        let (mut z, mut chunks): (Vec<Vec<i64>>, Vec<usize>) = (vec![], vec![]);
        for chunk in 0..c.s_span().div_ceil(width.max(1)) as i64 {
            let (from, to) = (chunk * width as i64, (chunk + 1) * width as i64);
            let here = borders.iter().filter(|b| b.s.start < to && b.s.end > from);
            let mut own: Vec<i64> = here.flat_map(|b| b.z.iter().copied()).collect();
            own.sort_unstable();
            own.dedup();
            chunks.push(z.iter().position(|z| *z == own).unwrap_or_else(|| {
                z.push(own);
                z.len() - 1
            }));
        }
        let rows = chunks.iter().map(|i| z[*i].len()).sum();
        BorderRows { rows, width, chunks, z, borders }
    }

    /// Whether (s, z) is reachable and read by nothing.
    pub fn is_border(&self, s: i64, z: i64) -> bool {
        self.borders.iter().any(|b| b.s.contains(&s) && b.z.binary_search(&z).is_ok())
    }

    /// A vector for each row of a lane: `place(s)` is an affine map of z, where `present`; `absent` elsewhere.
    pub fn runs<const D: usize>(
        &self,
        lane: usize,
        present: impl Fn(i64, i64) -> bool,
        absent: [i64; D],
        place: impl Fn(i64) -> ([i64; D], [i64; D]),
    ) -> Vec<Run> {
        let compressed: Vec<Seq> = self.z.iter().map(|z| Seq::compress(1, z)).collect();
        let mut out = vec![];
        for (chunk, i) in self.chunks.iter().enumerate() {
            let s = (chunk * self.width + lane) as i64;
            let (start, step) = place(s);
            let at = |z: i64| std::array::from_fn(|d| start[d] + z * step[d]);
            let here: Vec<bool> = self.z[*i].iter().map(|z| present(s, *z)).collect();
            if here.iter().all(|h| *h) {
                out.extend(compressed[*i].runs.iter().map(|r| {
                    let loops = r.loops.iter().map(|(n, d)| (*n as usize, step.map(|s| s * d[0])));
                    run(at(r.start[0]), loops)
                }));
            } else if !here.contains(&true) {
                out.extend(Seq::constant(&absent, here.len()).runs);
            } else {
                let cells = self.z[*i].iter().zip(&here);
                let flat: Vec<i64> = cells.flat_map(|(z, h)| if *h { at(*z) } else { absent }).collect();
                out.extend(Seq::compress(D, &flat).runs);
            }
        }
        out
    }
}

/// The same, every vector moved.
fn moved(seq: &Seq, by: [i64; ENTRIES]) -> Seq {
    let mut seq = seq.clone();
    seq.runs.iter_mut().for_each(|run| run.start.iter_mut().zip(by).for_each(|(start, by)| *start += by));
    seq
}

impl Bias {
    /// The monomials of the cells that are 1, in the link equation.
    fn ones(&self, batch: usize) -> Vec<Run> {
        let z = Seq::compress(1, &self.z);
        let run = |r: Run| {
            let own = r.loops.into_iter().map(|(n, d)| (n as usize, [0, d[0], 0, 0, 0]));
            let start = [1, r.start[0], self.segment as i64, self.id as i64, 0];
            run(start, own.chain([(batch, [0, self.batch_stride, 0, 0, 0])]))
        };
        z.runs.into_iter().map(run).collect()
    }
}

/// Monomials of a lane of the rows of a bias's parameters: chunks in descending order. A cell of no parameter takes no part, or is zero
/// where everybody knows that.
fn parameter_monomials(b: &Bias, width: usize, lane: usize) -> Vec<Run> {
    if b.public {
        let chunks = b.w_rows(width);
        let first = ((chunks - 1) * width + lane) as i64;
        return vec![run([1, 0, first, 0, 0], [(chunks, [0, 0, -(width as i64), 0, 0])])];
    }
    let cell = |chunk: usize| {
        let s = chunk * width + lane;
        let there = b.elements.get(s).copied().flatten().is_some();
        run(if there { [1, 0, s as i64, 0, 0] } else { [0; ENTRIES] }, [])
    };
    Seq::of_runs(ENTRIES, single(&(0..b.w_rows(width)).rev().map(cell).collect::<Vec<_>>())).runs
}

/// Runs of one entry each, as few as they can be told in.
fn single(runs: &[Run]) -> Vec<Run> {
    let flat: Vec<i64> = runs.iter().flat_map(|r| r.start.iter().copied()).collect();
    Seq::compress(ENTRIES, &flat).runs
}

/// Monomials of a lane of the rows of a contraction's weights: segments, chunks of channels in descending order, taps.
///
/// A row whose segment has no taps stands for nothing. Past the last channel there is no weight. Where the weights are public the cell is zero, whatever its monomial; where they are their
/// owner's it takes no part, or has a monomial that no result has: of one group alone nothing lies beyond the last channel.
fn weight_monomials(c: &Contraction, lane: (usize, usize), committed: bool) -> Vec<Run> {
    c.weights.parts.iter().flat_map(|part| part_monomials(c, part, lane, committed)).collect()
}

/// The same of segments with the same taps.
fn part_monomials(c: &Contraction, part: &Part, (width, lane): (usize, usize), committed: bool) -> Vec<Run> {
    let taps = Seq::compress(1, &part.taps.iter().map(|t| t.0).collect::<Vec<_>>());
    let segments = part.count;
    let chunks = c.packed_channels().div_ceil(width);
    let s = |chunk: usize| (chunk * width + lane) as i64;
    let absent = |chunk: usize| s(chunk) >= c.packed_channels() as i64;
    let own = part.taps.len();
    if part.empty || committed && absent(0) {
        let cells = [own, chunks, segments].iter().product();
        return vec![run([0; ENTRIES], [(cells, [0; ENTRIES])])];
    }
    let ragged = committed && c.groups > 1 && (0..chunks).any(absent);
    if let ([taps], false) = (&taps.runs[..], ragged) {
        let own = taps.loops.iter().map(|(n, d)| (*n as usize, [0, d[0], 0, 0, 0]));
        let around = [(chunks, [0, 0, -(width as i64), 0, 0]), (segments, [0; ENTRIES])];
        return vec![run([1, taps.start[0], s(chunks - 1), 0, 0], own.chain(around))];
    }
    let chunk = |chunk: usize| -> Vec<Run> {
        if ragged && absent(chunk) {
            return vec![run([0; ENTRIES], [(own, [0; ENTRIES])])];
        }
        let tap = |r: &Run| {
            let own = r.loops.iter().map(|(n, d)| (*n as usize, [0, d[0], 0, 0, 0]));
            run([1, r.start[0], s(chunk), 0, 0], own)
        };
        taps.runs.iter().map(tap).collect()
    };
    let segment: Vec<Run> = (0..chunks).rev().flat_map(chunk).collect();
    (0..segments).flat_map(|_| segment.iter().cloned()).collect()
}

/// Most ways to fill a padding row that are tried.
const MAX_PADDINGS: usize = 1 << 12;

/// Most ratios of monomials a lane may have to the first lane of its fold: each costs a selector column.
const MAX_RATIOS: usize = 4;

/// The numbers of uses, each once: their exponents of d.
fn numbers(uses: &[Use]) -> Vec<i64> {
    let mut all: Vec<i64> = uses.iter().map(|u| u.at.to[2]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Most ratios of monomials that uses by several readers may have, one of which follows another's row by row: each is a kind of rows, which
/// a backend tells apart.
const MOST_STEPS: usize = 256;

/// Whether the monomials of a lane have more ratios from row to row than that.
fn is_restless(lane: &Seq, rows: usize) -> bool {
    let mut steps: HashSet<[i64; 4]> = HashSet::new();
    let mut last: Option<[i64; 4]> = None;
    let seen = lane.visit(rows, &mut |_, m| {
        if m[0] == 1 && steps.len() <= MOST_STEPS {
            let m = [m[1], m[2], m[3], m[4]];
            steps.extend(last.map(|last| [0, 1, 2, 3].map(|i| m[i] - last[i])));
            last = Some(m);
        }
    });
    seen.is_ok() && steps.len() > MOST_STEPS
}

/// Distributes lanes over folds: lanes whose monomials move together share one.
pub(super) fn grouped(lanes: Vec<(Expr, Monomials)>, rows: usize) -> Vec<Vec<Lane>> {
    let mut folds: Vec<Vec<Lane>> = vec![];
    for (expr, m) in lanes.into_iter().filter(|l| l.1.any()) {
        let lane = Lane { expr, monomials: m.seq(rows) };
        match folds.iter_mut().find(|f| moves_with(&f[0].monomials, &lane.monomials, rows)) {
            Some(f) => f.push(lane),
            None => folds.push(vec![lane]),
        }
    }
    folds
}

/// Whether a lane stands only on rows where the first lane of a fold does, with few ratios to it.
fn moves_with(first: &Seq, lane: &Seq, rows: usize) -> bool {
    let mut ratios: HashSet<[i64; 4]> = HashSet::new();
    let mut fits = |a: &[i64], b: &[i64]| {
        // a row the first lane leaves out would need the lane to lead: keep such lanes apart
        b[0] == 0
            || a[0] == 1 && {
                ratios.insert([1, 2, 3, 4].map(|i| b[i] - a[i]));
                ratios.len() <= MAX_RATIOS
            }
    };
    if first.runs.iter().map(|r| &r.loops).eq(lane.runs.iter().map(|r| &r.loops)) {
        return first.runs.iter().zip(&lane.runs).all(|(a, b)| fits(&a.start, &b.start));
    }
    let Ok(first) = first.expand(rows) else { return false };
    let mut all = true;
    let seen = lane.visit(rows, &mut |row, b| {
        all = all && fits(&first[row * ENTRIES..][..ENTRIES], b);
    });
    all && seen.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contraction::{Indices, Operation};
    use crate::wanted::Wanted;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use tessera_circuit::semantics::contract::{ContractSpec, ResultIndex};

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Row by row, whether all, some or none of a chunk's rows are there.
        #[test]
        fn border_rows_have_what_is_present(
            z in prop::collection::vec(prop::collection::btree_set(0i64..30, 1..8), 1..4),
            chunks in prop::collection::vec(0usize..9, 1..6),
            (width, lane, least) in (1usize..4, 0usize..4, 0i64..30),
        ) {
            let z: Vec<Vec<i64>> = z.into_iter().map(|z| z.into_iter().collect()).collect();
            let chunks: Vec<usize> = chunks.iter().map(|c| c % z.len()).collect();
            let b = BorderRows { rows: 0, width, chunks: chunks.clone(), z: z.clone(), borders: vec![] };
            let present = |s: i64, z: i64| z >= least && s != 2;
            let runs = b.runs(lane, present, [7, 7], |s| ([s, 1], [0, 2]));
            let row = |(chunk, i): (usize, &usize)| {
                let s = (chunk * width + lane) as i64;
                let at = move |z: &i64| if present(s, *z) { [s, 1 + 2 * z] } else { [7, 7] };
                z[*i].iter().flat_map(at).collect::<Vec<i64>>()
            };
            let all: Vec<i64> = chunks.iter().enumerate().flat_map(row).collect();
            prop_assert_eq!(Seq::of_runs(2, runs).expand(all.len() / 2).unwrap(), all);
        }
    }

    /// y[n, g, o, i + k] = Σ x[n, g, c, i]·w[g, o, c, k], with what a part of it is read at.
    fn contraction(e: [usize; 6], read: &[bool], pack: usize) -> (Contraction, Vec<Border>) {
        let y = [0, 1, 2].map(ResultIndex::One).into_iter().chain([ResultIndex::Sum(4, 5)]).collect();
        let of = |map: &[usize]| map.iter().map(|i| e[*i]).collect::<Vec<_>>();
        let (x, w) = (vec![0, 1, 3, 4], vec![1, 2, 3, 5]);
        let (of_x, of_w) = (of(&x), of(&w));
        let spec = ContractSpec::new(6, x, w, y, &of_x, &of_w).unwrap();
        let op = Operation { x: 0, w: 1, y: 2, spec: &spec, holes: &[], source: "" };
        let indices = Indices::new(&op).unwrap();
        let mut wanted = Wanted::none(&indices);
        let len: usize = spec.result_shape().iter().product();
        for at in (0..len).filter(|at| read[at % read.len()]) {
            wanted.add(&indices, &[Nest::new(0, [at as i64], vec![])]).unwrap();
        }
        let mut c = Contraction::new(&op, &indices, &wanted, (2, false));
        c.pack = pack;
        let borders = c.borders(&wanted);
        (c, borders)
    }

    fn lanes(runs: Vec<Run>, rows: usize) -> Vec<i64> {
        Seq::of_runs(ENTRIES, runs).expand(rows).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Rows of weights: segment by segment, chunks in descending order, tap by tap. What is past the last channel takes no part where it
        /// is its owner's, if it could mean anything.
        #[test]
        fn rows_of_weights_have_their_monomials(
            e in (1usize..3, 1usize..4, 1usize..6, 1usize..3, 1usize..4, 1usize..4).prop_map(|e| [e.0, e.1, e.2, e.3, e.4, e.5]),
            (width, committed, pack) in (1usize..5, any::<bool>(), 1usize..3),
        ) {
            let (c, _) = contraction(e, &[true], pack);
            let (channels, rows) = (c.packed_channels(), c.w_rows(width));
            for lane in 0..width {
                let mut expected = vec![];
                for part in &c.weights.parts {
                    for chunk in (0..part.count).flat_map(|_| (0..channels.div_ceil(width)).rev()) {
                        let s = chunk * width + lane;
                        let past = s >= channels && (c.groups > 1 || lane >= channels);
                        let there = !(committed && past);
                        let cell = |z: i64| if there { [1, z, s as i64, 0, 0] } else { [0; ENTRIES] };
                        expected.extend(part.taps.iter().flat_map(|t| cell(t.0)));
                    }
                }
                prop_assert_eq!(lanes(weight_monomials(&c, (width, lane), committed), rows), expected);
            }
        }

        /// The same of a bias.
        #[test]
        fn rows_of_biases_have_their_monomials(
            there in prop::collection::vec(any::<bool>(), 1..12),
            (width, public) in (1usize..5, any::<bool>()),
        ) {
            let elements: Vec<Option<i64>> = there.iter().zip(0..).map(|(there, i)| there.then_some(i)).collect();
            let z = vec![0];
            let b = Bias { root: 0, id: 0, segment: 0, elements, pack: 1, public, z, batch_stride: 0, source: String::new() };
            for lane in 0..width {
                let cell = |chunk: usize| {
                    let s = chunk * width + lane;
                    let takes_part = public || there.get(s) == Some(&true);
                    if takes_part { [1, 0, s as i64, 0, 0] } else { [0; ENTRIES] }
                };
                let expected: Vec<i64> = (0..b.w_rows(width)).rev().flat_map(cell).collect();
                prop_assert_eq!(lanes(parameter_monomials(&b, width, lane), b.w_rows(width)), expected);
            }
        }

        /// Each border of each image has one cell, and a chunk of channels no rows that none of them has.
        #[test]
        fn rows_of_borders_have_all_of_them(
            e in (1usize..3, 1usize..3, 1usize..5, 1usize..5, 1usize..4).prop_map(|e| [e.0, e.1, e.2, 1, e.3, e.4]),
            read in prop::collection::vec(any::<bool>(), 1..20),
            (width, pack) in (1usize..4, 1usize..3),
        ) {
            let (c, borders) = contraction(e, &read, pack);
            let b = BorderRows::new(&c, &borders, 2, width);
            let mut all = BTreeSet::new();
            for border in &borders {
                for (s, z) in border.s.clone().flat_map(|s| border.z.iter().map(move |z| (s, *z))) {
                    all.extend([(s, z), (s, z + c.batch_stride)]);
                }
            }
            let mut rows = 0;
            let mut cells = vec![];
            for (chunk, z) in b.chunks.iter().map(|i| &b.z[*i]).enumerate() {
                rows += z.len();
                for z in z {
                    let here: Vec<(i64, i64)> = (0..width).map(|l| ((chunk * width + l) as i64, *z)).collect();
                    prop_assert!(here.iter().any(|at| all.contains(at)), "a row of no border: {:?}", here);
                    cells.extend(here.into_iter().filter(|(s, z)| b.is_border(*s, *z)));
                }
            }
            prop_assert_eq!((b.rows, b.chunks.len()), (rows, c.s_span().div_ceil(width)));
            prop_assert_eq!(cells.len(), all.len());
            prop_assert_eq!(cells.into_iter().collect::<BTreeSet<_>>(), all);
        }

        /// A lane goes with another where it stands only on rows where that does, with few ratios to it.
        #[test]
        fn lanes_that_move_together(
            rows in prop::collection::vec((0usize..4, 0i64..4, 0usize..8), 1..40),
            (kinds, step) in (1i64..8, 0i64..3),
        ) {
            let first: Vec<i64> = rows.iter().zip(0..).flat_map(|(r, i)| [i64::from(r.2 > 0), i * step, r.1, 0, 1]).collect();
            let lane: Vec<i64> = rows.iter().zip(0..).flat_map(|(r, i)| [i64::from(r.0 > 0 && (r.2 > 0 || r.1 > 2)), i * step + i % kinds, r.1, 2, 1]).collect();
            let pairs = || first.chunks(ENTRIES).zip(lane.chunks(ENTRIES)).filter(|(_, b)| b[0] == 1);
            let ratios: BTreeSet<Vec<i64>> = pairs().map(|(a, b)| (1..ENTRIES).map(|i| b[i] - a[i]).collect()).collect();
            let together = pairs().all(|(a, _)| a[0] == 1) && ratios.len() <= MAX_RATIOS;
            let (a, b) = (Seq::compress(ENTRIES, &first), Seq::compress(ENTRIES, &lane));
            prop_assert_eq!(moves_with(&a, &b, rows.len()), together, "{:?} {:?}", a, b);
        }
    }

    fn monomials(rows: usize, step: i64, d: i64) -> Monomials {
        Monomials(vec![Nest::new(0, [0, 0, d, 0], [(rows, 1, [step, 0, 0, 0])])])
    }

    /// Lanes of nothing are none; those that move apart are folds of their own.
    #[test]
    fn lanes_share_folds() {
        let lane = |m: Monomials| (Expr::witness(0), m);
        let all = vec![
            lane(monomials(9, 1, 0)),
            lane(Monomials::default()),
            lane(monomials(9, 1, 4)),
            lane(monomials(9, 2, 0)),
        ];
        let folds = grouped(all, 9);
        assert_eq!(folds.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(folds[1][0].monomials, monomials(9, 2, 0).seq(9));
        assert!(grouped(vec![lane(Monomials::default())], 9).is_empty());
    }

    #[test]
    fn numbers_of_uses_are_told_once() {
        let used = |d: i64| Use { at: Nest::new(0, [1, 2, d, 3], vec![]), step: [0, 0] };
        assert_eq!(numbers(&[used(5), used(2), used(5), used(-1)]), [-1, 2, 5]);
        assert!(numbers(&[]).is_empty());
    }

    /// As many steps as there may be, and one more.
    #[test]
    fn the_most_steps_are_not_restless() {
        let lane = |steps: i64| {
            // the i-th step is i, so that all differ; the first row is not there
            let z = (0..=steps).map(|i| i * (i + 1) / 2);
            let rows: Vec<i64> = [0; ENTRIES].into_iter().chain(z.flat_map(|z| [1, z, 0, 0, 0])).collect();
            is_restless(&Seq::compress(ENTRIES, &rows), rows.len() / ENTRIES)
        };
        assert_eq!((lane(MOST_STEPS as i64), lane(MOST_STEPS as i64 + 1)), (false, true));
    }

    /// Rows of 8 that two readers take turns at, each in its own order of heads: as many ratios as there are turns. Those of one reader are two.
    #[test]
    fn turns_of_readers_are_restless() {
        const TURNS: usize = 400;
        let lane = |readers: &[i64]| {
            let mut entries = vec![];
            for turn in 0..TURNS as i64 {
                for (reader, steps) in [3, 5].into_iter().enumerate() {
                    let there = i64::from(readers.contains(&(reader as i64)));
                    (0..4).for_each(|i| entries.extend([there, turn * steps + i, 0, reader as i64, 0]));
                }
            }
            Seq::compress(ENTRIES, &entries)
        };
        let rows = 8 * TURNS;
        assert!(is_restless(&lane(&[0, 1]), rows));
        assert!(!is_restless(&lane(&[0]), rows) && !is_restless(&lane(&[1]), rows));
    }
}
