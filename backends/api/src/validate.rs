//! Checks that a Program means something: every index in range, every layout as long as its rows, every degree within
//! bounds. Backends call it before anything else, so that later code may index freely.
//!
//! # Correctness
//! Four rules here carry soundness: a multiplicity column belongs to one `Provide` and to nothing else, padding provides no
//! tuple of its own, a fold's lanes never take part outside its segments, and a cell that the model's owner committed to is
//! one factor of one join, or of none: what it multiplies, and where the product counts, stands in the Program, which is public.
pub use crate::error::ProgramError;
use crate::program::*;
use crate::seq::{Run, Seq};
use std::collections::{BTreeMap, BTreeSet};

/// Largest height of a table, as a power of two.
pub const MAX_LOG_HEIGHT: u8 = 26;
/// Most columns of a table.
pub const MAX_COLUMNS: u32 = 1 << 14;
const MAX_EXPONENT: i64 = 1 << 32;
/// Cells that validation looks at one by one. A few bytes describe a tall table, so time and memory are not the file's size.
const MAX_WALK: u64 = 1 << 27;
/// Cells that it expands.
const MAX_EXPANDED: u32 = 1 << 22;

fn invalid<T>(s: String) -> Result<T, ProgramError> {
    Err(ProgramError::Invalid(s))
}

fn walkable(cells: u64) -> Result<(), ProgramError> {
    if cells > MAX_WALK {
        return invalid(format!(
            "its lookup tables and open segments have {cells} cells, at most {MAX_WALK} are possible"
        ));
    }
    Ok(())
}

fn expr(e: &Expr, t: &Table, degree: usize, what: &str) -> Result<(), ProgramError> {
    if e.degree() > degree {
        return invalid(format!(
            "{what} of table {:?} has degree {}, at most {degree} is possible",
            t.name,
            e.degree()
        ));
    }
    if e.terms.iter().any(|x| x.1.is_empty()) {
        return invalid(format!("{what} of table {:?} has a term without factors", t.name));
    }
    for c in e.cells() {
        match c {
            Cell::Fixed(i) if i as usize >= t.fixed.len() => {
                return Err(ProgramError::missing("fixed column", i));
            }
            Cell::Witness(i) if i as usize >= t.witness.len() => {
                return Err(ProgramError::missing("witness column", i));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Exponents in range and flags 0 or 1, entry by entry of the loop nests' extremes.
fn monomials(s: &Seq, vars: usize, expected: u64) -> Result<(), ProgramError> {
    s.check(1 + vars, expected)?;
    for r in &s.runs {
        for k in 0..=vars {
            let (lo, hi) = r.loops.iter().fold((r.start[k], r.start[k]), |(lo, hi), (c, d)| {
                let reach = (*c as i64 - 1) * d[k];
                (lo + reach.min(0), hi + reach.max(0))
            });
            let max = if k == 0 { 1 } else { MAX_EXPONENT };
            if lo < 0 || hi > max {
                return invalid(format!("a fold exponent or flag lies outside 0..={max}"));
            }
        }
    }
    Ok(())
}

impl Program {
    /// Every index, length and degree; see the module's text.
    pub fn validate(&self) -> Result<(), ProgramError> {
        if self.version != VERSION {
            return invalid(format!("Program version {}, this build reads {VERSION}", self.version));
        }
        let vars = self.variables.len();
        if let Some(v) = self.variables.iter().find(|v| v.value.is_some_and(|x| !(2..=1 << 62).contains(&x)))
        {
            return invalid(format!("variable {:?} has an impossible value", v.name));
        }
        // rows are walked one by one below
        let provided =
            |t: &Table| t.rows as u64 * t.provides.iter().map(|p| p.tuple.len() as u64).sum::<u64>();
        let mut work = self.tables.iter().map(provided).fold(0, u64::saturating_add);
        walkable(work)?;
        let mut matrix_rows = vec![];
        for m in &self.matrices {
            matrix_rows.push(m.rows()?);
            if let Some(b) = m.blocks.iter().find(|b| b.constant as usize >= self.constants.len()) {
                return Err(ProgramError::missing("constant", b.constant));
            }
        }
        for t in &self.tables {
            self.validate_table(t, &matrix_rows)?;
        }
        for b in 0..self.relations.len() {
            let arities: Vec<usize> = self
                .tables
                .iter()
                .flat_map(|t| {
                    t.lookups.iter().filter(move |l| l.relation as usize == b).map(|l| l.tuple.len()).chain(
                        t.provides.iter().filter(move |p| p.relation as usize == b).map(|p| p.tuple.len()),
                    )
                })
                .collect();
            if arities.windows(2).any(|w| w[0] != w[1]) {
                return invalid(format!("relation {:?} has tuples of different sizes", self.relations[b]));
            }
        }
        for p in &self.publics {
            let n = p.shape.iter().try_fold(1u64, |a, d| a.checked_mul(*d as u64).filter(|n| *n <= 1 << 32));
            if n.is_none_or(|n| n == 0) || p.min > p.max || p.min < -(1 << 61) || p.max > 1 << 61 {
                return invalid(format!("public tensor {:?} has an impossible shape or range", p.name));
            }
        }
        if let Some(p) = self.publics.iter().find(|p| p.role.is_hidden() && !self.zero_knowledge) {
            return invalid(format!("tensor {:?} is hidden, and proofs hide nothing", p.name));
        }
        for f in &self.folds {
            let t =
                self.tables.get(f.table as usize).ok_or_else(|| ProgramError::missing("table", f.table))?;
            if f.segment_count == 0 || f.segment_count > t.rows {
                return invalid(format!(
                    "fold {:?} has {} segments over {} rows",
                    f.name, f.segment_count, t.rows
                ));
            }
            f.segments.check(1, f.segment_count as u64)?;
            let mut last = 0;
            let increasing = f.segments.values().all(|end| std::mem::replace(&mut last, end) < end);
            if !increasing || last > t.rows as i64 {
                return invalid(format!(
                    "fold {:?}: segment ends are not increasing within the table",
                    f.name
                ));
            }
            let last = last as usize;
            let rows_after = last < t.rows as usize;
            if rows_after {
                work = work.saturating_add(t.rows as u64 * f.lanes.len() as u64);
                walkable(work)?;
            }
            for l in &f.lanes {
                expr(&l.expr, t, 1, "a fold lane")?;
                monomials(&l.monomials, vars, t.rows as u64)?;
                if rows_after {
                    let mut late = false;
                    let mut see = |row, m: &[i64]| late = late || row >= last && m[0] != 0;
                    l.monomials.visit(t.rows as usize, &mut see)?;
                    if late {
                        return invalid(format!(
                            "fold {:?}: a lane takes part after the last segment",
                            f.name
                        ));
                    }
                }
            }
        }
        for t in &self.terms {
            let fold = |i: u32| self.folds.get(i as usize).ok_or_else(|| ProgramError::missing("fold", i));
            let (Term::Sum { weights, .. } | Term::Join { weights, .. }) = t;
            self.indeterminates_only(weights)?;
            match t {
                Term::Sum { fold: f, weights } => monomials(weights, vars, fold(*f)?.segment_count as u64)?,
                Term::Join { left, right, weights } => {
                    let (l, r) = (fold(*left)?, fold(*right)?);
                    if l.segment_count != r.segment_count {
                        return invalid(format!(
                            "folds {:?} and {:?} are joined but have {} and {} segments",
                            l.name, r.name, l.segment_count, r.segment_count
                        ));
                    }
                    monomials(weights, vars, l.segment_count as u64)?;
                }
            }
        }
        for e in &self.equations {
            for x in &e.terms {
                let valued = |(v, e): (&Variable, &i64)| v.value.is_some() && *e != 0;
                if self.variables.iter().zip(&x.monomial).any(valued) {
                    return invalid(format!("equation {:?} has a monomial with a value", e.name));
                }
                if x.monomial.len() != vars || x.monomial.iter().any(|k| !(0..=MAX_EXPONENT).contains(k)) {
                    return invalid(format!("equation {:?} has an impossible monomial", e.name));
                }
                match &x.operand {
                    Operand::Term(i) if *i as usize >= self.terms.len() => {
                        return Err(ProgramError::missing("term", *i));
                    }
                    Operand::Term(_) => {}
                    Operand::Public { public, monomials: m } => {
                        let p = self
                            .publics
                            .get(*public as usize)
                            .ok_or_else(|| ProgramError::missing("public tensor", *public))?;
                        if p.role == Role::Private {
                            return invalid(format!(
                                "equation {:?} speaks of the private tensor {:?}",
                                e.name, p.name
                            ));
                        }
                        monomials(m, vars, p.stated() as u64)?;
                    }
                    Operand::Ones { monomials: m } => {
                        let count = m.len()?;
                        work = work.saturating_add(count);
                        walkable(work)?;
                        monomials(m, vars, count)?;
                        let ascends = |r: &Run| {
                            r.start[0] == 1
                                && r.loops.iter().all(|l| l.1[0] == 0 && l.1.iter().all(|d| *d >= 0))
                        };
                        if !m.runs.iter().all(ascends) {
                            return invalid(format!(
                                "equation {:?} has ones that are absent or descend",
                                e.name
                            ));
                        }
                    }
                }
            }
        }
        self.validate_committed()
    }

    /// Tables of the model's owner have fixed columns and nothing else; each column is a lane by itself of one fold at most, and that
    /// fold one side of one join with cells that are nobody's commitment.
    fn validate_committed(&self) -> Result<(), ProgramError> {
        for (i, t) in self.tables.iter().enumerate().filter(|(_, t)| t.committed) {
            let refused = |what: &str| invalid(format!("table {:?} is its owner's, and {what}", t.name));
            if !t.witness.is_empty() {
                self.validate_certificate(i as u32)?;
                continue;
            }
            if !(t.witness.is_empty()
                && t.constraints.is_empty()
                && t.lookups.is_empty()
                && t.provides.is_empty())
            {
                return refused("has more than fixed columns");
            }
            let own = |fold: u32| self.folds[fold as usize].table as usize == i;
            let mut used = vec![false; t.fixed.len()];
            for l in self.folds.iter().filter(|f| f.table as usize == i).flat_map(|f| &f.lanes) {
                let [(1, cell)] = &l.expr.terms[..] else { return refused("a lane of it is no single cell") };
                let (0, [Cell::Fixed(c)]) = (l.expr.constant, &cell[..]) else {
                    return refused("a lane of it is no single cell");
                };
                if std::mem::replace(&mut used[*c as usize], true) {
                    return refused("a column of it is in two lanes");
                }
            }
            let mut joined = BTreeSet::new();
            for term in &self.terms {
                match *term {
                    Term::Sum { fold, .. } if own(fold) => return refused("a fold of it is exposed alone"),
                    Term::Join { left, right, .. } if own(left) || own(right) => {
                        let (fold, other) = if own(left) { (left, right) } else { (right, left) };
                        if self.tables[self.folds[other as usize].table as usize].committed {
                            return refused("a fold of it is joined with its owner's cells");
                        }
                        if !joined.insert(fold) {
                            return refused("a fold of it is joined twice");
                        }
                    }
                    Term::Sum { .. } | Term::Join { .. } => {}
                }
            }
        }
        Ok(())
    }

    /// A table whose columns are its owner's twice, once as fixed columns and once as a witness, says that both are equal, in a Program
    /// that says nothing else: one equation, of one fold over all rows, whose lanes are the differences.
    fn validate_certificate(&self, table: u32) -> Result<(), ProgramError> {
        let t = &self.tables[table as usize];
        let refused = |what: &str| invalid(format!("table {:?} is its owner's, and {what}", t.name));
        let twice = |t: &Table| t.committed && t.witness.len() == t.fixed.len();
        if !self.tables.iter().all(twice) || !self.publics.is_empty() || !self.relations.is_empty() {
            return refused("has more than fixed columns");
        }
        if !(t.constraints.is_empty() && t.lookups.is_empty() && t.provides.is_empty()) {
            return refused("has more than columns");
        }
        let folds: Vec<usize> = (0..self.folds.len()).filter(|f| self.folds[*f].table == table).collect();
        let [fold] = folds[..] else { return refused("has no one fold") };
        let difference = |(c, l): (u32, &Lane)| {
            l.expr.constant == 0 && l.expr.terms == [(1, vec![Cell::Fixed(c)]), (-1, vec![Cell::Witness(c)])]
        };
        let lanes = &self.folds[fold].lanes;
        if lanes.len() != t.fixed.len() || !(0..).zip(lanes).all(difference) {
            return refused("a lane of it is no difference");
        }
        let of_it = |term: &Term| matches!(term, Term::Sum { fold: f, .. } if *f as usize == fold);
        let alone = |e: &Equation| {
            let [EquationTerm { coefficient: 1, operand: Operand::Term(i), .. }] = e.terms[..] else {
                return false;
            };
            of_it(&self.terms[i as usize])
        };
        if !self.equations.iter().any(alone) {
            return refused("no equation says that its columns are equal");
        }
        Ok(())
    }

    /// No variable with a value stands in these weights.
    fn indeterminates_only(&self, weights: &Seq) -> Result<(), ProgramError> {
        for r in &weights.runs {
            for exponents in r.loops.iter().map(|l| &l.1).chain([&r.start]) {
                let valued = |(v, e): (&Variable, &i64)| v.value.is_some() && *e != 0;
                if let Some((v, _)) = self.variables.iter().zip(exponents.iter().skip(1)).find(|p| valued(*p))
                {
                    return invalid(format!("a term is weighted by {:?}, which has a value", v.name));
                }
            }
        }
        Ok(())
    }

    fn validate_table(&self, t: &Table, matrix_rows: &[u64]) -> Result<(), ProgramError> {
        if t.log_height > MAX_LOG_HEIGHT || t.rows == 0 || t.rows as u64 > 1 << t.log_height {
            return invalid(format!("table {:?} has {} rows and height 2^{}", t.name, t.rows, t.log_height));
        }
        if t.fixed.len() + t.witness.len() > MAX_COLUMNS as usize {
            return invalid(format!("table {:?} has more than {MAX_COLUMNS} columns", t.name));
        }
        for c in &t.fixed {
            match &c.values {
                Values::Seq(s) => s.check(1, t.rows as u64)?,
                Values::Gather { constant, index } => {
                    index.check(1, t.rows as u64)?;
                    if *constant as usize >= self.constants.len() {
                        return Err(ProgramError::missing("constant", *constant));
                    }
                }
                Values::Matrix { matrix, lane } => {
                    let m = self
                        .matrices
                        .get(*matrix as usize)
                        .ok_or_else(|| ProgramError::missing("matrix", *matrix))?;
                    if *lane >= m.width {
                        return Err(ProgramError::missing("lane", *lane));
                    }
                    if matrix_rows[*matrix as usize] != t.rows as u64 {
                        return invalid(format!(
                            "a matrix of weights has {} rows, table {:?} {}",
                            matrix_rows[*matrix as usize], t.name, t.rows
                        ));
                    }
                }
            }
        }
        for c in &t.constraints {
            expr(&c.expr, t, 3, "a constraint")?;
        }
        for l in &t.lookups {
            if l.relation as usize >= self.relations.len() {
                return Err(ProgramError::missing("relation", l.relation));
            }
            if l.tuple.is_empty() {
                return invalid(format!("a lookup of table {:?} has no entries", t.name));
            }
            l.tuple.iter().try_for_each(|e| expr(e, t, 1, "a lookup entry"))?;
        }
        let mut multiplicities = vec![];
        for p in &t.provides {
            if p.relation as usize >= self.relations.len() {
                return Err(ProgramError::missing("relation", p.relation));
            }
            if p.multiplicity as usize >= t.witness.len() {
                return Err(ProgramError::missing("witness column", p.multiplicity));
            }
            if p.tuple.is_empty()
                || p.tuple.iter().flat_map(Expr::cells).any(|c| matches!(c, Cell::Witness(_)))
            {
                return invalid(format!("table {:?} provides a tuple that is empty or not fixed", t.name));
            }
            p.tuple.iter().try_for_each(|e| expr(e, t, 1, "a provided entry"))?;
            self.validate_padding(t, p)?;
            multiplicities.push(p.multiplicity);
        }
        let used = t.constraints.iter().map(|c| &c.expr).chain(t.lookups.iter().flat_map(|l| &l.tuple));
        let mut used: Vec<Cell> = used.flat_map(Expr::cells).collect();
        used.extend(multiplicities.iter().map(|m| Cell::Witness(*m)));
        for m in &multiplicities {
            if used.iter().filter(|c| **c == Cell::Witness(*m)).count() != 1 {
                return invalid(format!("a multiplicity column of table {:?} is used twice", t.name));
            }
        }
        Ok(())
    }

    /// Multiplicities of padding rows are the prover's to choose, so padding may only repeat a tuple that an active row provides.
    fn validate_padding(&self, t: &Table, p: &Provide) -> Result<(), ProgramError> {
        use crate::field::{add, mul, residue};
        if t.rows as u64 == 1 << t.log_height {
            return Ok(());
        }
        let read: BTreeSet<u32> = (p.tuple.iter().flat_map(Expr::cells))
            .filter_map(|c| match c {
                Cell::Fixed(i) => Some(i),
                Cell::Witness(_) => None,
            })
            .collect();
        // per column its values on the active rows, of which none is kept, and the cell of the row in question: padding first
        let mut columns = BTreeMap::new();
        for i in read {
            let c = &t.fixed[i as usize];
            let values: Box<dyn Iterator<Item = i64>> = match &c.values {
                Values::Seq(s) => Box::new(s.values()),
                _ if t.rows > MAX_EXPANDED => {
                    return invalid(format!(
                        "table {:?} provides gathered values on {} rows",
                        t.name, t.rows
                    ));
                }
                _ => Box::new(self.fixed_values(t, c)?.into_iter()),
            };
            columns.insert(i, (values, c.padding));
        }
        let entry = |columns: &BTreeMap<u32, (_, i64)>, e: &Expr| -> u64 {
            let cell = |c: &Cell| match c {
                Cell::Fixed(i) => columns.get(i).map_or(0, |c| residue(c.1)),
                Cell::Witness(_) => 0,
            };
            let term = |(k, f): &(i64, Vec<Cell>)| f.iter().fold(residue(*k), |a, c| mul(a, cell(c)));
            e.terms.iter().map(term).fold(residue(e.constant), add)
        };
        let padding: Vec<u64> = p.tuple.iter().map(|e| entry(&columns, e)).collect();
        for _ in 0..t.rows {
            for c in columns.values_mut() {
                let short = || ProgramError::Invalid(format!("a column of table {:?} is too short", t.name));
                c.1 = c.0.next().ok_or_else(short)?;
            }
            if p.tuple.iter().zip(&padding).all(|(e, x)| entry(&columns, e) == *x) {
                return Ok(());
            }
        }
        invalid(format!(
            "padding of table {:?} provides a tuple in relation {:?} that no active row does",
            t.name, self.relations[p.relation as usize]
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A range table 0..=2 of height 4 whose padding row says `padding`.
    fn range(padding: i64) -> Program {
        let key =
            FixedColumn { name: "key".into(), values: Values::Seq(Seq::compress(1, &[0, 1, 2])), padding };
        let table = Table {
            name: "range".into(),
            rows: 3,
            log_height: 2,
            fixed: vec![key],
            committed: false,
            witness: vec![WitnessColumn { name: "m".into(), padding: 0 }],
            constraints: vec![],
            lookups: vec![],
            provides: vec![Provide { relation: 0, tuple: vec![Expr::fixed(0)], multiplicity: 0 }],
        };
        Program {
            version: VERSION,
            zero_knowledge: false,
            constants: vec![],
            matrices: vec![],
            tables: vec![table],
            relations: vec!["range".into()],
            publics: vec![],
            variables: vec![],
            folds: vec![],
            terms: vec![],
            equations: vec![],
        }
    }

    /// A few bytes may describe a tall table: it is judged without being expanded, or refused.
    #[test]
    fn tall_tables_are_judged_in_little_space() {
        let tall = |count: u32, padding: i64| {
            let mut p = range(padding);
            let t = &mut p.tables[0];
            (t.rows, t.log_height) = (count, MAX_LOG_HEIGHT);
            t.fixed[0].values = Values::Seq(Seq {
                dim: 1,
                runs: vec![Run { start: vec![0], loops: vec![(count, vec![1])] }],
            });
            p
        };
        assert_eq!(tall(1 << 25, 5).validate(), Ok(()));
        assert!(tall(1 << 20, 1 << 20).validate().is_err());
        let mut many = tall(1 << 25, 5);
        many.tables = vec![many.tables[0].clone(); 5];
        let e = many.validate().unwrap_err().to_string();
        assert_eq!(
            e,
            "its lookup tables and open segments have 167772160 cells, at most 134217728 are possible"
        );
    }

    #[test]
    fn padding_provides_nothing_new() {
        assert_eq!(range(2).validate(), Ok(()));
        let e = range(3).validate().unwrap_err().to_string();
        assert_eq!(
            e,
            "padding of table \"range\" provides a tuple in relation \"range\" that no active row does"
        );
    }

    #[test]
    fn a_multiplicity_column_counts_one_tuple_and_nothing_else() {
        let refused = |change: &dyn Fn(&mut Table)| {
            let mut p = range(2);
            p.tables[0].witness.push(WitnessColumn { name: "w".into(), padding: 0 });
            assert_eq!(p.validate(), Ok(()));
            change(&mut p.tables[0]);
            let e = p.validate().unwrap_err().to_string();
            assert_eq!(e, "a multiplicity column of table \"range\" is used twice");
        };
        refused(&|t| t.provides.push(t.provides[0].clone()));
        refused(&|t| t.constraints.push(Constraint { expr: Expr::witness(0), source: "test".into() }));
        let sum = Expr::witness(1).plus(&Expr::witness(0));
        refused(&|t| t.lookups.push(Lookup { relation: 0, tuple: vec![sum.clone()], source: "test".into() }));
    }

    /// A table of the owner's, joined with cells of a witness.
    fn owned() -> Program {
        let column = |name: &str| FixedColumn {
            name: name.into(),
            values: Values::Seq(Seq::constant(&[1], 2)),
            padding: 0,
        };
        let table =
            |name: &str| Table { name: name.into(), rows: 2, log_height: 1, ..range(0).tables[0].clone() };
        let empty = |t: Table| Table { fixed: vec![], witness: vec![], provides: vec![], ..t };
        let weights =
            Table { fixed: vec![column("a"), column("b")], committed: true, ..empty(table("weights")) };
        let x = Table { witness: vec![WitnessColumn { name: "x".into(), padding: 0 }], ..empty(table("x")) };
        let lane = |expr: Expr| Lane { expr, monomials: Seq::constant(&[1], 2) };
        let fold = |table: u32, lanes: Vec<Lane>| Fold {
            name: "f".into(),
            table,
            lanes,
            segments: Seq::constant(&[2], 1),
            segment_count: 1,
        };
        let one = || Seq::constant(&[1], 1);
        Program {
            tables: vec![weights, x],
            relations: vec![],
            folds: vec![
                fold(0, vec![lane(Expr::fixed(0)), lane(Expr::fixed(1))]),
                fold(1, vec![lane(Expr::witness(0))]),
            ],
            terms: vec![
                Term::Join { left: 1, right: 0, weights: one() },
                Term::Sum { fold: 1, weights: one() },
            ],
            ..range(0)
        }
    }

    #[test]
    fn an_owners_cell_is_one_factor() {
        assert_eq!(owned().validate(), Ok(()));
        // what is nobody's may be joined as often as one likes
        let mut others = owned();
        let join = Term::Join { left: 1, right: 1, weights: Seq::constant(&[1], 1) };
        others.terms.extend([join.clone(), join]);
        assert_eq!(others.validate(), Ok(()));
        let refused = |why: &str, change: &dyn Fn(&mut Program)| {
            let mut p = owned();
            change(&mut p);
            let text = format!("table \"weights\" is its owner's, and {why}");
            assert_eq!(p.validate().unwrap_err().to_string(), text);
            p.tables.iter_mut().for_each(|t| t.committed = false);
            assert_eq!(p.validate(), Ok(()));
        };
        let column = WitnessColumn { name: "x".into(), padding: 0 };
        refused("has more than fixed columns", &|p| p.tables[0].witness.push(column.clone()));
        let expr = Expr::fixed(0).plus(&Expr::constant(-1));
        refused("has more than fixed columns", &|p| {
            p.tables[0].constraints.push(Constraint { expr: expr.clone(), source: "test".into() });
        });
        let lane = |p: &mut Program, expr: Expr| p.folds[0].lanes[0].expr = expr;
        refused("a lane of it is no single cell", &|p| lane(p, Expr::fixed(0).scale(2)));
        refused("a lane of it is no single cell", &|p| lane(p, Expr::fixed(0).plus(&Expr::constant(1))));
        refused("a lane of it is no single cell", &|p| lane(p, Expr::constant(1)));
        refused("a column of it is in two lanes", &|p| lane(p, Expr::fixed(1)));
        refused("a column of it is in two lanes", &|p| p.folds.push(p.folds[0].clone()));
        let one = || Seq::constant(&[1], 1);
        refused("a fold of it is exposed alone", &|p| p.terms.push(Term::Sum { fold: 0, weights: one() }));
        refused("a fold of it is joined twice", &|p| p.terms.push(p.terms[0].clone()));
        refused("a fold of it is joined with its owner's cells", &|p| {
            p.terms[0] = Term::Join { left: 0, right: 0, weights: one() };
        });
    }

    /// A sum of ones that everybody knows is told in a few bytes, and only ascending.
    #[test]
    fn ones_ascend_and_are_bounded() {
        let with = |flag: i64, count: u32, step: Vec<i64>| {
            let mut p = owned();
            p.variables = vec!["z".into()];
            let widen = |s: &mut Seq| {
                s.dim = 2;
                s.runs.iter_mut().for_each(|r| {
                    r.start.push(0);
                    r.loops.iter_mut().for_each(|l| l.1.push(0));
                });
            };
            p.folds.iter_mut().flat_map(|f| &mut f.lanes).for_each(|l| widen(&mut l.monomials));
            for t in &mut p.terms {
                let (Term::Sum { weights, .. } | Term::Join { weights, .. }) = t;
                widen(weights);
            }
            let run = Run { start: vec![flag, 9], loops: vec![(count, step)] };
            let operand = Operand::Ones { monomials: Seq { dim: 2, runs: vec![run] } };
            let term = EquationTerm { coefficient: -1, monomial: vec![0], operand };
            p.equations.push(Equation { name: "link".into(), terms: vec![term] });
            p.validate()
        };
        assert_eq!(with(1, 5, vec![0, 2]), Ok(()));
        for (flag, count, step) in
            [(0, 5, vec![0, 2]), (1, 5, vec![0, -2]), (0, 2, vec![1, 0]), (1, 1 << 28, vec![0, 1])]
        {
            assert!(with(flag, count, step.clone()).is_err(), "{flag} {count} {step:?}");
        }
    }
}
