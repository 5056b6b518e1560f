//! Writing a circuit: ops with the tightest intervals that are proven, shared tables, new parameters.
//!
//! Invariants: every value written has been through the interval analysis; a table with the same content is written once in a
//! module; a parameter's name is that of the model's parameter it is made from.

use melior::ir::{Location, Operation, OperationRef, Value, operation::OperationLike};
use tessera_circuit::analysis::Analysis;
use tessera_circuit::ops::{self, CircuitOp, CircuitType, Hint, Stage};
use tessera_circuit::proof::Elements;
use tessera_circuit::publish;
use tessera_circuit::semantics::{ContractSpec, Interval, TableFunction, View};
use tessera_circuit::unused::erase_unused;
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::params::{Param, ParamData};
use tessera_mlir::{Error, Result, rewrite};

/// A circuit under construction.
pub(crate) struct Emit<'c, 'a> {
    cursor: Cursor<'c, 'a>,
    /// The location of ops written from now on.
    pub location: Location<'c>,
    analysis: Analysis,
    /// Tables in the order of their first use.
    tables: Vec<(String, TableFunction)>,
    /// What each parameter is called, was asked for as, and is read by.
    weights: Vec<(String, String, Stage, Value<'c, 'a>)>,
}

impl<'c, 'a> Emit<'c, 'a> {
    /// Writes at `cursor`.
    pub fn new(cursor: Cursor<'c, 'a>, location: Location<'c>) -> Self {
        let analysis = Analysis::empty();
        Self { cursor, location, analysis, tables: vec![], weights: vec![] }
    }

    /// Inserts an op and proves the intervals of its results.
    pub fn op(&mut self, op: Result<Operation<'c>>) -> Result<OperationRef<'c, 'a>> {
        let op = self.cursor.insert(op?);
        self.analysis.tighten(op)?;
        Ok(op)
    }

    fn value(&mut self, op: Result<Operation<'c>>) -> Result<Value<'c, 'a>> {
        Ok(self.op(op)?.result(0)?.into())
    }

    /// The interval proven for a value.
    pub fn hull(&self, value: Value) -> Result<Interval> {
        self.analysis.hull(value)
    }

    /// The shape of a value.
    pub fn shape(&self, value: Value) -> Result<Vec<usize>> {
        Ok(CircuitType::of(value)?.shape)
    }

    /// The elements of a value that depends on no input.
    pub fn exact(&self, value: Value) -> Option<Elements> {
        self.analysis.exact(value)
    }

    /// A model parameter, under `name` or, where that is taken by other content, a name beginning so.
    pub fn weight(&mut self, name: &str, shape: &[usize], data: &ParamData) -> Result<Value<'c, 'a>> {
        self.known(name, Stage::Model, shape, data)
    }

    /// Ones, which are no parameter: zero where the data are.
    pub fn ones(&mut self, shape: &[usize], data: &ParamData) -> Result<Value<'c, 'a>> {
        self.fixed("ones", shape, data)
    }

    /// What everybody knows, and is no parameter.
    pub fn fixed(&mut self, name: &str, shape: &[usize], data: &ParamData) -> Result<Value<'c, 'a>> {
        self.known(name, Stage::Fixed, shape, data)
    }

    fn known(
        &mut self,
        name: &str,
        stage: Stage,
        shape: &[usize],
        data: &ParamData,
    ) -> Result<Value<'c, 'a>> {
        let param = Param::new(shape, data.narrow()?)?;
        for (known, asked, whose, value) in &self.weights {
            if asked == name && *whose == stage && self.analysis.params().get(known)? == &param {
                return Ok(*value);
            }
        }
        let fresh = publish::fresh_name(name, |name| self.analysis.params().0.contains_key(name));
        self.analysis.add_param(&fresh, param);
        let (lo, hi) = data.bounds()?.unwrap_or((0, 0));
        let ty = CircuitType::new(shape, lo, hi);
        let value = self.value(ops::weight(self.location, &fresh, stage, &ty))?;
        self.weights.push((fresh, name.to_owned(), stage, value));
        Ok(value)
    }

    /// A small constant vector.
    pub fn constant(&mut self, values: &[i64]) -> Result<Value<'c, 'a>> {
        let Interval { lo, hi } = Interval::around(values.iter().copied()).unwrap_or(Interval::point(0));
        let ty = CircuitType::new([values.len()], lo as i64, hi as i64);
        self.value(ops::constant(self.location, values.to_vec(), &ty))
    }

    /// A view; `x` itself where the view changes nothing.
    pub fn view(&mut self, x: Value<'c, 'a>, view: &View) -> Result<Value<'c, 'a>> {
        if view.is_identity(&self.shape(x)?) {
            return Ok(x);
        }
        // A view of a view is one view where a single one can say it.
        if let Some(op) = rewrite::defining_op(x)
            && let Some(CircuitOp::View { x: inner, view: first }) = CircuitOp::decode(op)?
            && let Some(both) = view.after(&first)
        {
            return self.view(inner, &both);
        }
        self.value(ops::view(self.location, x, &view.normalized()))
    }

    /// `x` repeated to `shape`, by numpy's rule.
    pub fn broadcast(&mut self, x: Value<'c, 'a>, shape: &[usize]) -> Result<Value<'c, 'a>> {
        let from = self.shape(x)?;
        let view = View::broadcast(&from, shape).ok_or_else(|| {
            Error::new(format!(
                "{} does not broadcast to {}",
                tessera_mlir::shape::show(&from),
                tessera_mlir::shape::show(shape)
            ))
        })?;
        self.view(x, &view)
    }

    /// Σ c·x + k.
    pub fn affine(&mut self, terms: &[(i64, Value<'c, 'a>)], constant: i64) -> Result<Value<'c, 'a>> {
        if let [(1, x)] = *terms
            && constant == 0
        {
            return Ok(x);
        }
        self.value(ops::affine(self.location, terms, constant))
    }

    /// The elementwise product.
    pub fn mul(&mut self, a: Value<'c, 'a>, b: Value<'c, 'a>) -> Result<Value<'c, 'a>> {
        self.value(ops::mul(self.location, a, b))
    }

    /// A contract.
    pub fn contract(
        &mut self,
        x: Value<'c, 'a>,
        w: Value<'c, 'a>,
        spec: &ContractSpec,
    ) -> Result<Value<'c, 'a>> {
        self.value(ops::contract(self.location, x, w, &spec.maps()))
    }

    /// The part of x above its low `shift` bits.
    pub fn high(&mut self, x: Value<'c, 'a>, shift: u32) -> Result<Value<'c, 'a>> {
        self.value(ops::split(self.location, x, shift))
    }

    /// Concatenation.
    pub fn concat(&mut self, xs: &[Value<'c, 'a>], axis: usize) -> Result<Value<'c, 'a>> {
        self.value(ops::concat(self.location, xs, axis))
    }

    /// Both parts of x, above and within its low `shift` bits.
    pub fn split(&mut self, x: Value<'c, 'a>, shift: u32) -> Result<(Value<'c, 'a>, Value<'c, 'a>)> {
        let op = self.op(ops::split(self.location, x, shift))?;
        Ok((op.result(0)?.into(), op.result(1)?.into()))
    }

    /// x, shown to lie within an interval.
    pub fn range(&mut self, x: Value<'c, 'a>, within: Interval) -> Result<Value<'c, 'a>> {
        self.value(ops::range(self.location, x, ends(within)?))
    }

    /// Says that every element of x is zero.
    pub fn assert_zero(&mut self, x: Value<'c, 'a>) -> Result<()> {
        self.op(ops::assert_zero(self.location, x)).map(drop)
    }

    /// What an honest prover computes of x, within intervals; nothing else is proven of it.
    pub fn hint(&mut self, x: Value<'c, 'a>, hint: &Hint, within: &[Interval]) -> Result<Vec<Value<'c, 'a>>> {
        let intervals = within.iter().map(|&within| ends(within)).collect::<Result<Vec<_>>>()?;
        let op = self.op(ops::hint(self.location, x, hint, &intervals))?;
        Ok(op.results().map(Into::into).collect())
    }

    /// f(x), by a table that all lookups of the same function share.
    pub fn lookup(&mut self, x: Value<'c, 'a>, name: &str, f: &TableFunction) -> Result<Value<'c, 'a>> {
        let name = self.table(name, f)?;
        self.value(ops::lookup(self.location, x, &name, f))
    }

    /// f(x), g(x), …, by one lookup in tables of one domain.
    pub fn lookups(
        &mut self,
        x: Value<'c, 'a>,
        tables: &[(&str, &TableFunction)],
    ) -> Result<Vec<Value<'c, 'a>>> {
        let names = tables.iter().map(|(name, f)| self.table(name, f)).collect::<Result<Vec<_>>>()?;
        let named: Vec<_> = names.iter().map(String::as_str).zip(tables.iter().map(|(_, f)| *f)).collect();
        let op = self.op(ops::lookups(self.location, x, &named))?;
        Ok(op.results().map(Into::into).collect())
    }

    /// The name of a table of the module with this content.
    pub fn table(&mut self, name: &str, f: &TableFunction) -> Result<String> {
        Ok(match self.tables.iter().find(|(_, known)| known == f) {
            Some((name, _)) => name.clone(),
            None => {
                f.check().map_err(Error::new)?;
                let name =
                    publish::fresh_name(name, |name| self.tables.iter().any(|(known, _)| known == name));
                self.analysis.add_table(&name, f.clone());
                self.tables.push((name.clone(), f.clone()));
                name
            }
        })
    }

    /// max(x, 0), by one of two tables: one for eight-bit values and their differences, one for sixteen. More bits are compared.
    pub fn relu(&mut self, x: Value<'c, 'a>) -> Result<Value<'c, 'a>> {
        let keys = self.hull(x)?;
        if keys.lo >= 0 {
            return Ok(x);
        }
        let Some(limit) = relu_table(keys) else {
            let zero = self.constant(&[0])?;
            let shape = self.shape(x)?;
            let zero = self.broadcast(zero, &shape)?;
            return self.value(ops::max(self.location, &[x, zero]));
        };
        let f = TableFunction::Clamp { lo: -limit, hi: limit, offset: 0, shift: 0, min: 0, max: limit };
        self.lookup(x, &format!("relu_{limit}"), &f)
    }

    /// The elementwise maximum: max(a, b) = b + relu(a - b) where that is a lookup.
    pub fn max(&mut self, a: Value<'c, 'a>, b: Value<'c, 'a>) -> Result<Value<'c, 'a>> {
        let difference = self.affine(&[(1, a), (-1, b)], 0)?;
        let sign = self.hull(difference)?;
        if sign.lo >= 0 || sign.hi <= 0 {
            return Ok(if sign.lo >= 0 { a } else { b });
        }
        if relu_table(sign).is_none() {
            return self.value(ops::max(self.location, &[a, b]));
        }
        let excess = self.relu(difference)?;
        self.affine(&[(1, b), (1, excess)], 0)
    }

    /// Ends the circuit: declares its tables before `main`, and its parameters.
    pub fn finish(self, module: OperationRef<'c, 'a>, main: Func<'c, 'a>) -> Result<()> {
        let cursor = Cursor::before(main.op);
        for (name, function) in &self.tables {
            cursor.insert(ops::table(main.op.location(), name, function)?);
        }
        // Views that became part of another one.
        erase_unused(main)?;
        publish::publish(module, self.analysis.params())
    }
}

/// The greatest key of the table of max(x, 0) that holds these keys.
fn relu_table(keys: Interval) -> Option<i64> {
    [255i64, 1023, 4095, 16383, 65535].into_iter().find(|&limit| keys.abs_max() <= i128::from(limit))
}

/// An interval as a type has it.
fn ends(within: Interval) -> Result<(i64, i64)> {
    within.to_i64s().ok_or_else(|| Error::new(format!("{within} leaves 64 bits")))
}
