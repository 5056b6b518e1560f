//! Small steps from which cases are built: publics, tables, folds, terms, and the plan that fills them.
//!
//! Invariant: what a step adds to the Program it also adds to the plan, so that a case is satisfiable at any time.
use tessera_api::*;

/// Names of the variables every case uses; exponents are in this order.
pub(super) const VARIABLES: [&str; 4] = ["n", "s", "z", "t"];

/// Which element of a tensor stands in each cell, by row and column.
pub(super) type Arrangement = Vec<Vec<Option<usize>>>;

/// A tensor of the plan.
#[derive(Clone, Copy)]
pub(super) struct Tensor {
    pub(super) id: u32,
    pub(super) len: usize,
}

pub(super) struct Build {
    pub(super) program: Program,
    pub(super) plan: WitnessPlan,
    pub(super) inputs: Vec<Vec<i64>>,
    state: u64,
}

impl Build {
    pub(super) fn new(seed: u64) -> Build {
        let program = Program {
            version: VERSION,
            zero_knowledge: false,
            constants: vec![],
            matrices: vec![],
            tables: vec![],
            relations: vec![],
            publics: vec![],
            variables: VARIABLES.map(Variable::from).to_vec(),
            folds: vec![],
            terms: vec![],
            equations: vec![],
        };
        Build { program, plan: WitnessPlan::default(), inputs: vec![], state: seed }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in lo..=hi.
    pub(super) fn range(&mut self, lo: i64, hi: i64) -> i64 {
        lo + (self.next() % (hi - lo + 1) as u64) as i64
    }

    pub(super) fn size(&mut self, lo: usize, hi: usize) -> usize {
        self.range(lo as i64, hi as i64) as usize
    }

    pub(super) fn values(&mut self, n: usize, lo: i64, hi: i64) -> Vec<i64> {
        (0..n).map(|_| self.range(lo, hi)).collect()
    }

    pub(super) fn shuffled(&mut self, n: usize) -> Vec<usize> {
        let mut v: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            let j = self.size(0, i);
            v.swap(i, j);
        }
        v
    }

    pub(super) fn tensor(&mut self, name: &str, len: usize) -> Tensor {
        self.plan.tensors.push((name.into(), len as u64));
        Tensor { id: self.plan.tensors.len() as u32 - 1, len }
    }

    /// A public input with random values, loaded.
    pub(super) fn input(&mut self, name: &str, shape: &[usize], lo: i64, hi: i64) -> (u32, Tensor) {
        let len = shape.iter().product();
        let shape = shape.iter().map(|d| *d as u32).collect();
        self.program.publics.push(Public { name: name.into(), shape, min: lo, max: hi, role: Role::Input });
        let public = self.program.publics.len() as u32 - 1;
        let v = self.values(len, lo, hi);
        self.inputs.push(v);
        let tensor = self.tensor(name, len);
        self.plan.steps.push(Step::Load { public, tensor: tensor.id });
        (public, tensor)
    }

    /// A tensor as public output.
    pub(super) fn output(&mut self, name: &str, tensor: Tensor) -> u32 {
        let (min, max) = (-(1 << 40), 1 << 40);
        let shape = vec![1, tensor.len as u32];
        self.program.publics.push(Public { name: name.into(), shape, min, max, role: Role::Output });
        let public = self.program.publics.len() as u32 - 1;
        self.plan.steps.push(Step::Publish { tensor: tensor.id, public });
        public
    }

    pub(super) fn table(&mut self, name: &str, rows: usize) -> usize {
        // sometimes taller than needed
        let log_height = rows.next_power_of_two().ilog2() as u8 + self.range(0, 1) as u8;
        self.program.tables.push(Table {
            name: name.into(),
            rows: rows as u32,
            log_height,
            fixed: vec![],
            committed: false,
            witness: vec![],
            constraints: vec![],
            lookups: vec![],
            provides: vec![],
        });
        self.program.tables.len() - 1
    }

    pub(super) fn fixed(&mut self, table: usize, name: &str, values: &[i64], padding: i64) -> u32 {
        let values = Values::Seq(Seq::compress(1, values));
        let t = &mut self.program.tables[table];
        t.fixed.push(FixedColumn { name: name.into(), values, padding });
        t.fixed.len() as u32 - 1
    }

    pub(super) fn witness(&mut self, table: usize, name: &str) -> u32 {
        let t = &mut self.program.tables[table];
        t.witness.push(WitnessColumn { name: name.into(), padding: 0 });
        t.witness.len() as u32 - 1
    }

    pub(super) fn rows(&mut self, table: usize, registers: u32, ops: Vec<RowOp>, source: &str) {
        let rows = self.program.tables[table].rows;
        let step = RowStep { table: table as u32, first_row: 0, rows, registers, ops, source: source.into() };
        self.plan.steps.push(Step::Rows(step));
    }

    /// A table that holds `tensor` in the given arrangement. Absent cells are zero, and constrained to be.
    pub(super) fn place(&mut self, name: &str, tensor: Tensor, cells: &Arrangement) -> usize {
        let table = self.table(name, cells.len());
        let width = cells.iter().map(Vec::len).max().unwrap_or(0);
        let mut ops = vec![];
        for lane in 0..width {
            let at: Vec<Option<usize>> = cells.iter().map(|r| r.get(lane).copied().flatten()).collect();
            let column = self.witness(table, &format!("{name}[{lane}]"));
            let index: Vec<i64> = at.iter().map(|e| e.map_or(-1, |e| e as i64)).collect();
            let index = Seq::compress(1, &index);
            ops.push(RowOp::Gather { tensor: tensor.id, index, default: 0, dst: lane as u32 });
            ops.push(RowOp::Store { src: lane as u32, column });
            if at.contains(&None) {
                let absent: Vec<i64> = at.iter().map(|e| e.is_none() as i64).collect();
                let absent = self.fixed(table, &format!("absent[{lane}]"), &absent, 1);
                let expr = Expr::fixed(absent).times(&Expr::witness(column));
                let source = format!("{name}: absent cells");
                self.program.tables[table].constraints.push(Constraint { expr, source });
            }
        }
        self.rows(table, width as u32, ops, name);
        table
    }

    /// A table of fixed columns that holds a constant in the given arrangement.
    pub(super) fn place_fixed(&mut self, name: &str, constant: u32, cells: &Arrangement) -> usize {
        let table = self.table(name, cells.len());
        for lane in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let index: Vec<i64> =
                cells.iter().map(|r| r.get(lane).copied().flatten().map_or(-1, |e| e as i64)).collect();
            self.program.tables[table].fixed.push(FixedColumn {
                name: format!("{name}[{lane}]"),
                values: Values::Gather { constant, index: Seq::compress(1, &index) },
                padding: 0,
            });
        }
        table
    }

    /// A fold over an arrangement, `monomial` giving each element's exponents, cut into segments that end at `ends`.
    pub(super) fn fold(
        &mut self,
        table: usize,
        cells: &Arrangement,
        ends: &[i64],
        cell: impl Fn(u32) -> Expr,
        monomial: impl Fn(usize) -> Monomial,
    ) -> u32 {
        let width = cells.iter().map(Vec::len).max().unwrap_or(0);
        let dim = 1 + VARIABLES.len();
        let lanes = (0..width)
            .map(|lane| {
                let entry = |e: Option<usize>| match e {
                    Some(e) => [vec![1], monomial(e)].concat(),
                    None => vec![0; dim],
                };
                let monomials: Vec<i64> =
                    cells.iter().flat_map(|r| entry(r.get(lane).copied().flatten())).collect();
                Lane { expr: cell(lane as u32), monomials: Seq::compress(dim, &monomials) }
            })
            .collect();
        let name = format!("fold of {}", self.program.tables[table].name);
        self.program.folds.push(Fold {
            name,
            table: table as u32,
            lanes,
            segments: Seq::compress(1, ends),
            segment_count: ends.len() as u32,
        });
        self.program.folds.len() as u32 - 1
    }

    /// Σ over segments of the fold, each with the weight's exponents.
    pub(super) fn sum(&mut self, fold: u32, weight: impl Fn(usize) -> Monomial) -> Operand {
        let weights = self.weights(fold, weight);
        self.program.terms.push(Term::Sum { fold, weights });
        Operand::Term(self.program.terms.len() as u32 - 1)
    }

    pub(super) fn join(&mut self, left: u32, right: u32) -> Operand {
        let weights = self.weights(left, |_| one());
        self.program.terms.push(Term::Join { left, right, weights });
        Operand::Term(self.program.terms.len() as u32 - 1)
    }

    pub(super) fn weights(&self, fold: u32, weight: impl Fn(usize) -> Monomial) -> Seq {
        let n = self.program.folds[fold as usize].segment_count as usize;
        let all: Vec<i64> = (0..n).flat_map(|s| [vec![1], weight(s)].concat()).collect();
        Seq::compress(1 + VARIABLES.len(), &all)
    }

    pub(super) fn public(&self, public: u32, monomial: impl Fn(usize) -> Monomial) -> Operand {
        let n = self.program.publics[public as usize].len();
        let all: Vec<i64> = (0..n).flat_map(|e| [vec![1], monomial(e)].concat()).collect();
        Operand::Public { public, monomials: Seq::compress(1 + VARIABLES.len(), &all) }
    }

    /// left = right as polynomials, both times a random monomial and coefficient.
    pub(super) fn equal(&mut self, name: &str, left: Operand, right: Operand) {
        let monomial: Monomial = VARIABLES.iter().map(|_| self.range(0, 3)).collect();
        let k = [1, -1, 3][self.size(0, 2)];
        let term = |coefficient, operand| EquationTerm { coefficient, monomial: monomial.clone(), operand };
        let terms = vec![term(k, left), term(-k, right)];
        self.program.equations.push(Equation { name: name.into(), terms });
    }

    /// Says that a placed tensor is a public one.
    pub(super) fn bind(&mut self, public: u32, table: usize, cells: &Arrangement) {
        let monomial = |e: usize| vec![0, e as i64, 0, 0];
        let fold = self.fold(table, cells, &[cells.len() as i64], Expr::witness, monomial);
        let sum = self.sum(fold, |_| one());
        let name = format!("{} is public", self.program.tables[table].name);
        let public = self.public(public, monomial);
        self.equal(&name, sum, public);
    }

    pub(super) fn relation(&mut self, name: &str) -> u32 {
        self.program.relations.push(name.into());
        self.program.relations.len() as u32 - 1
    }

    pub(super) fn look_up(&mut self, table: usize, relation: u32, tuple: Vec<Expr>, source: &str) {
        self.program.tables[table].lookups.push(Lookup { relation, tuple, source: source.into() });
    }

    /// Adds a column of multiplicities and provides the tuple.
    pub(super) fn provide(&mut self, table: usize, relation: u32, tuple: Vec<Expr>) {
        let name = format!("multiplicity {}", self.program.tables[table].provides.len());
        let multiplicity = self.witness(table, &name);
        self.program.tables[table].provides.push(Provide { relation, tuple, multiplicity });
    }
}

pub(super) fn one() -> Monomial {
    vec![0; VARIABLES.len()]
}

/// One element a row.
pub(super) fn column(len: usize) -> Arrangement {
    (0..len).map(|e| vec![Some(e)]).collect()
}

/// `width` elements a row, the last row filled up with absent cells.
pub(super) fn wide(len: usize, width: usize) -> Arrangement {
    let row = |r: usize| (0..width).map(|l| Some(r * width + l).filter(|e| *e < len)).collect();
    (0..len.div_ceil(width)).map(row).collect()
}

/// Per part of `part` consecutive elements: rows of `width`, never shared by two parts. With the segments' ends.
pub(super) fn parts(len: usize, part: usize, width: usize) -> (Arrangement, Vec<i64>) {
    let (mut rows, mut ends) = (vec![], vec![]);
    for first in (0..len).step_by(part) {
        let inner = wide(part, width);
        rows.extend(inner.into_iter().map(|r| r.into_iter().map(|e| e.map(|e| first + e)).collect()));
        ends.push(rows.len() as i64);
    }
    (rows, ends)
}
