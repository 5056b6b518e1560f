//! The ops of the circuit dialect as Rust values, read from IR and built into it. What holds for each op is in `rules.rs`.
//!
//! Invariants:
//! - This is the only file that spells an op's name or an attribute's name of this dialect.
//! - Builders infer shapes and intervals by [`CircuitOp::infer`], and verifiers check against the same function.
//! - An op built from what [`CircuitOp::decode`] read has the same operands, in the same order, and the same attributes.

use crate::rules::check_shift;
use melior::ir::{
    Attribute, Location, Operation, OperationRef, Value,
    operation::{OperationBuilder, OperationLike, OperationResult},
};
use std::collections::BTreeMap;
use tessera_mlir::{
    Error, Result,
    attrs::{self, IndexMap},
    context_of, func,
    op::{all_ops, op_name},
    rewrite::defining_op,
};

pub use crate::{
    hint::Hint,
    maximum::{Maximum, maximum},
    semantics::{ContractSpec, Interval, TableFunction, View},
    types::CircuitType,
};

/// Who sees an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Part of the statement.
    Public,
    /// The prover's alone.
    Private,
    /// The prover's alone, and the statement has a commitment to it.
    Committed,
}

/// Whose a tensor of weights is, and when it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Part of the relation, as the ones that a pool sums with: public, with the verifying key.
    Fixed,
    /// A parameter of the model: with the verifying key, by the model's owner where weights are committed.
    Model,
    /// With every proof.
    Witness,
}

macro_rules! keywords {
    ($ty:ident { $($variant:ident = $word:literal),* }) => {
        impl $ty {
            /// The keyword in the assembly.
            pub fn keyword(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            fn read(op: OperationRef, name: &str) -> Result<Self> {
                let word = attrs::read_string(op, name)?;
                match word.as_str() {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(Error::new(format!(
                        "{name}: expected one of {}, found {word}", [$($word),*].join(", ")
                    ))),
                }
            }
        }
    };
}
keywords!(Visibility { Public = "public", Private = "private", Committed = "committed" });
keywords!(Stage { Fixed = "fixed", Model = "model", Witness = "witness" });

/// An op of the dialect. `V` is the operand: a value of MLIR, the index of a value in a [`tessera_mlir::graph::Graph`], a class of an e-graph.
/// Operands come first, attributes as they mean; equal ops compute equal values. `ty` and `interval` say of the result what does
/// not follow from the operands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "fields are named as in the op's documentation")]
pub enum CircuitOp<V> {
    /// `circuit.input`
    Input { name: String, visibility: Visibility, ty: CircuitType },
    /// `circuit.output`
    Output { x: V, name: String, visibility: Visibility },
    /// `circuit.weight`
    Weight { global: String, stage: Stage, ty: CircuitType },
    /// `circuit.constant`: one value for all elements, or one for each.
    Constant { values: Vec<i64>, ty: CircuitType },
    /// `circuit.contract`
    Contract { x: V, w: V, maps: [IndexMap; 3] },
    /// `circuit.affine`
    Affine { terms: Vec<(i64, V)>, constant: i64 },
    /// `circuit.mul`
    Mul { a: V, b: V },
    /// `circuit.max`
    Max { xs: Vec<V> },
    /// `circuit.split`: two results, high and low.
    Split { x: V, shift: u32 },
    /// `circuit.table`
    Table { name: String, function: TableFunction },
    /// `circuit.lookup`: a result for each table.
    Lookup { x: V, tables: Vec<String>, intervals: Vec<(i64, i64)> },
    /// `circuit.range`
    Range { x: V, interval: (i64, i64) },
    /// `circuit.hint`: one result or more.
    Hint { x: V, hint: Hint, intervals: Vec<(i64, i64)> },
    /// `circuit.view`
    View { x: V, view: View },
    /// `circuit.concat`
    Concat { xs: Vec<V>, axis: usize },
    /// `circuit.assert_zero`
    AssertZero { x: V },
}

impl<'c, 'a> CircuitOp<Value<'c, 'a>> {
    /// Reads an op; `None` for ops of other dialects.
    ///
    /// # Errors
    /// When it is an op of this dialect that does not decode.
    pub fn decode(op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        Self::read(op).map_err(|error| error.or_at_op(op))
    }

    fn read(op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        let name = op_name(op);
        let Some(mnemonic) = name.strip_prefix("circuit.") else { return Ok(None) };
        let operand = |index: usize| func::need_operand(op, index);
        let x = || operand(0);
        Ok(Some(match mnemonic {
            "input" => Self::Input {
                name: attrs::read_string(op, "name")?,
                visibility: Visibility::read(op, "visibility")?,
                ty: result_type(op)?,
            },
            "output" => Self::Output {
                x: x()?,
                name: attrs::read_string(op, "name")?,
                visibility: Visibility::read(op, "visibility")?,
            },
            "weight" => Self::Weight {
                global: attrs::read_symbol(op, "global")?,
                stage: Stage::read(op, "stage")?,
                ty: result_type(op)?,
            },
            "constant" => {
                Self::Constant { values: attrs::read_elements(op, "values")?, ty: result_type(op)? }
            }
            "contract" => {
                let maps = attrs::read_maps(op, "maps")?;
                let found = maps.len();
                let maps = maps.try_into().map_err(|_| {
                    Error::new(format!("maps: expected one for each operand and the result, found {found}"))
                })?;
                Self::Contract { x: x()?, w: operand(1)?, maps }
            }
            "affine" => {
                let coefficients = attrs::read_i64s(op, "coefficients")?;
                if coefficients.len() != op.operand_count() {
                    return Err(Error::new(format!(
                        "coefficients: expected one for each of {} operands, found {}",
                        op.operand_count(),
                        coefficients.len()
                    )));
                }
                Self::Affine {
                    terms: coefficients.into_iter().zip(op.operands()).collect(),
                    constant: attrs::read_int(op, "constant")?,
                }
            }
            "mul" => Self::Mul { a: x()?, b: operand(1)? },
            "max" => Self::Max { xs: op.operands().collect() },
            "split" => {
                let shift = attrs::read_int(op, "shift")?;
                Self::Split { x: x()?, shift: check_shift(shift)? }
            }
            "table" => Self::Table { name: attrs::read_string(op, "sym_name")?, function: read_table(op)? },
            "lookup" => {
                let (tables, intervals) = (attrs::read_symbols(op, "tables")?, intervals(op)?);
                if tables.is_empty() || tables.len() != intervals.len() {
                    let (tables, results) = (tables.len(), intervals.len());
                    return Err(Error::new(format!(
                        "expected a table for each result, found {tables} tables and {results} results"
                    )));
                }
                Self::Lookup { x: x()?, tables, intervals }
            }
            "range" => {
                let CircuitType { lo, hi, .. } = result_type(op)?;
                Self::Range { x: x()?, interval: (lo, hi) }
            }
            "hint" => {
                let (function, table) =
                    (attrs::read_string(op, "function")?, attrs::opt_symbol(op, "table")?);
                let hint = Hint::new(&function, table, &attrs::read_i64s(op, "parameters")?)?;
                let intervals = intervals(op)?;
                if intervals.len() != hint.results() {
                    let (expected, found) = (hint.results(), intervals.len());
                    return Err(Error::new(format!("expected {expected} results, found {found}")));
                }
                Self::Hint { x: x()?, hint, intervals }
            }
            "view" => {
                let shape = result_type(op)?.shape;
                let all =
                    View::dense(shape, attrs::read_int(op, "offset")?, attrs::read_i64s(op, "strides")?);
                let view = View {
                    valid_low: attrs::opt_i64s(op, "valid_low")?.unwrap_or_else(|| all.valid_low.clone()),
                    valid_high: attrs::opt_i64s(op, "valid_high")?.unwrap_or_else(|| all.valid_high.clone()),
                    ..all
                };
                Self::View { x: x()?, view }
            }
            "concat" => Self::Concat { xs: op.operands().collect(), axis: attrs::read_usize(op, "axis")? },
            "assert_zero" => Self::AssertZero { x: x()? },
            _ => {
                return Err(Error::at(
                    op.location(),
                    format!("'{name}' is not an op of the circuit dialect"),
                ));
            }
        }))
    }

    /// Builds the op with the inferred result types.
    ///
    /// # Errors
    /// When operands and attributes do not fit together, or a value could wrap the field.
    pub fn build(&self, location: Location<'c>) -> Result<Operation<'c>> {
        let context = context_of(location);
        let name = self.name();
        let place = |error: Error| error.context(format!("'{name}' op")).or_at(location);
        let types = match self {
            // Constants and weights keep the declared interval, which the verifier compares with the values.
            Self::Constant { ty, .. } => vec![ty.clone()],
            _ => self.infer(|x| CircuitType::of(*x)).map_err(place)?,
        };
        let results =
            types.iter().map(|ty| ty.to_type(context)).collect::<Result<Vec<_>>>().map_err(place)?;
        let mut attributes = vec![];
        let mut set = |name: &str, value: Attribute<'c>| attributes.push(attrs::named(context, name, value));
        let int = |value: i64| attrs::int(context, value);
        match self {
            Self::Input { name, visibility, .. } | Self::Output { name, visibility, .. } => {
                set("name", attrs::string(context, name));
                set("visibility", attrs::string(context, visibility.keyword()));
            }
            Self::Weight { global, stage, .. } => {
                set("global", attrs::symbol(context, global));
                set("stage", attrs::string(context, stage.keyword()));
            }
            Self::Constant { values, .. } => set("values", attrs::elements(context, values)),
            Self::Contract { maps, .. } => set("maps", attrs::maps(context, maps)),
            Self::Affine { terms, constant } => {
                let coefficients = terms.iter().map(|&(coefficient, _)| coefficient).collect::<Vec<_>>();
                set("coefficients", attrs::i64s(context, &coefficients));
                set("constant", int(*constant));
            }
            Self::Split { shift, .. } => set("shift", int((*shift).into())),
            Self::Table { name, function } => {
                set("sym_name", attrs::string(context, name));
                match function {
                    TableFunction::Clamp { lo, hi, offset, shift, min, max } => {
                        set("domain", attrs::i64s(context, &[*lo, *hi]));
                        set("offset", int(*offset));
                        set("shift", int((*shift).into()));
                        set("min", int(*min));
                        set("max", int(*max));
                    }
                    TableFunction::Values { lo, values } => {
                        set("domain", attrs::i64s(context, &[*lo, lo + values.len() as i64 - 1]));
                        set("values", attrs::elements(context, values));
                    }
                }
            }
            Self::Lookup { tables, .. } => set("tables", attrs::symbols(context, tables)),
            Self::Hint { hint, .. } => {
                set("function", attrs::string(context, hint.name()));
                if let Some(table) = hint.table() {
                    set("table", attrs::symbol(context, table));
                }
                set("parameters", attrs::i64s(context, &hint.parameters()));
            }
            Self::View { view, .. } => {
                set("offset", int(view.offset));
                set("strides", attrs::i64s(context, &view.strides));
                if !view.reads_everywhere() {
                    set("valid_low", attrs::i64s(context, &view.valid_low));
                    set("valid_high", attrs::i64s(context, &view.valid_high));
                }
            }
            Self::Concat { axis, .. } => set("axis", int(*axis as i64)),
            Self::Mul { .. } | Self::Max { .. } | Self::Range { .. } | Self::AssertZero { .. } => {}
        }
        Ok(OperationBuilder::new(name, location)
            .add_operands(&self.operands())
            .add_attributes(&attributes)
            .add_results(&results)
            .build()?)
    }
}

impl<V> CircuitOp<V> {
    /// The op's full name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input { .. } => "circuit.input",
            Self::Output { .. } => "circuit.output",
            Self::Weight { .. } => "circuit.weight",
            Self::Constant { .. } => "circuit.constant",
            Self::Contract { .. } => "circuit.contract",
            Self::Affine { .. } => "circuit.affine",
            Self::Mul { .. } => "circuit.mul",
            Self::Max { .. } => "circuit.max",
            Self::Split { .. } => "circuit.split",
            Self::Table { .. } => "circuit.table",
            Self::Lookup { .. } => "circuit.lookup",
            Self::Range { .. } => "circuit.range",
            Self::Hint { .. } => "circuit.hint",
            Self::View { .. } => "circuit.view",
            Self::Concat { .. } => "circuit.concat",
            Self::AssertZero { .. } => "circuit.assert_zero",
        }
    }

    /// The tables that the op reads, by name.
    pub fn tables(&self) -> Vec<&str> {
        match self {
            Self::Lookup { tables, .. } => tables.iter().map(String::as_str).collect(),
            Self::Hint { hint, .. } => hint.table().into_iter().collect(),
            Self::Input { .. }
            | Self::Output { .. }
            | Self::Weight { .. }
            | Self::Constant { .. }
            | Self::Contract { .. }
            | Self::Affine { .. }
            | Self::Mul { .. }
            | Self::Max { .. }
            | Self::Split { .. }
            | Self::Table { .. }
            | Self::Range { .. }
            | Self::View { .. }
            | Self::Concat { .. }
            | Self::AssertZero { .. } => vec![],
        }
    }

    /// What is looked up, and where, of a lookup in one table.
    pub fn lookup(&self) -> Option<(&V, &str)> {
        match self {
            Self::Lookup { x, tables, .. } if tables.len() == 1 => Some((x, &tables[0])),
            _ => None,
        }
    }
}

fn read_table(op: OperationRef) -> Result<TableFunction> {
    let domain = attrs::read_i64s(op, "domain")?;
    let &[lo, hi] = domain.as_slice() else {
        return Err(Error::new(format!(
            "domain: expected 2 values, least and greatest, found {}",
            domain.len()
        )));
    };
    if lo > hi {
        return Err(Error::new(format!("domain: expected low end ≤ high end, found [{lo}, {hi}]")));
    }
    let clamp = attrs::opt_int(op, "offset")?;
    match (attrs::opt_elements(op, "values")?, clamp) {
        (Some(values), None) => {
            let rows = i128::from(hi) - i128::from(lo) + 1;
            if values.len() as i128 != rows {
                return Err(Error::new(format!(
                    "values: expected one for each of {rows} rows of the domain, found {}",
                    values.len()
                )));
            }
            Ok(TableFunction::Values { lo, values })
        }
        (None, Some(offset)) => {
            let shift = attrs::read_int(op, "shift")?;
            Ok(TableFunction::Clamp {
                lo,
                hi,
                offset,
                shift: u32::try_from(shift)
                    .map_err(|_| Error::new(format!("shift: expected 0..=62, found {shift}")))?,
                min: attrs::read_int(op, "min")?,
                max: attrs::read_int(op, "max")?,
            })
        }
        _ => Err(Error::new("expected either 'clamp' or 'values'")),
    }
}

/// The intervals that an op's results declare.
fn intervals(op: OperationRef) -> Result<Vec<(i64, i64)>> {
    let of = |result: OperationResult| CircuitType::of(result.into()).map(|ty| (ty.lo, ty.hi));
    op.results().map(of).collect()
}

/// The type of an op's first result.
///
/// # Errors
/// When the op has no result or it is no circuit tensor.
pub fn result_type(op: OperationRef) -> Result<CircuitType> {
    CircuitType::of(func::first_result(op)?).map_err(|error| error.or_at(op.location()))
}

/// The op that defines a value; `None` where that is no op of the dialect.
///
/// # Errors
/// When the op does not decode.
pub fn producer<'c: 'a, 'a>(value: Value<'c, 'a>) -> Result<Option<CircuitOp<Value<'c, 'a>>>> {
    defining_op(value).map_or(Ok(None), CircuitOp::decode)
}

/// The tables of a module, by name.
///
/// # Errors
/// When a table does not decode.
pub fn tables(module: OperationRef) -> Result<BTreeMap<String, TableFunction>> {
    let mut tables = BTreeMap::new();
    for op in all_ops(module) {
        if let Some(CircuitOp::Table { name, function }) = CircuitOp::decode(op)? {
            tables.insert(name, function);
        }
    }
    Ok(tables)
}

macro_rules! builders {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) = $op:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// When operands and attributes do not fit together, or a value could wrap the field.
        pub fn $name<'c>(location: Location<'c>, $($arg: $ty),*) -> Result<Operation<'c>> {
            $op.build(location)
        }
    )*};
}

builders! {
    /// `circuit.input`
    fn input(name: &str, visibility: Visibility, ty: &CircuitType)
        = CircuitOp::<Value>::Input { name: name.into(), visibility, ty: ty.clone() };
    /// `circuit.output`
    fn output(x: Value<'c, '_>, name: &str, visibility: Visibility)
        = CircuitOp::Output { x, name: name.into(), visibility };
    /// `circuit.weight`
    fn weight(global: &str, stage: Stage, ty: &CircuitType)
        = CircuitOp::<Value>::Weight { global: global.into(), stage, ty: ty.clone() };
    /// `circuit.constant` of one value, or one for each element.
    fn constant(values: Vec<i64>, ty: &CircuitType) = CircuitOp::<Value>::Constant { values, ty: ty.clone() };
    /// `circuit.contract`
    fn contract(x: Value<'c, '_>, w: Value<'c, '_>, maps: &[IndexMap; 3])
        = CircuitOp::Contract { x, w, maps: maps.clone() };
    /// `circuit.affine`
    fn affine(terms: &[(i64, Value<'c, '_>)], constant: i64)
        = CircuitOp::Affine { terms: terms.to_vec(), constant };
    /// `circuit.mul`
    fn mul(a: Value<'c, '_>, b: Value<'c, '_>) = CircuitOp::Mul { a, b };
    /// `circuit.max`
    fn max(xs: &[Value<'c, '_>]) = CircuitOp::Max { xs: xs.to_vec() };
    /// `circuit.split`: results are high and low.
    fn split(x: Value<'c, '_>, shift: u32) = CircuitOp::Split { x, shift };
    /// `circuit.table`
    fn table(name: &str, function: &TableFunction)
        = CircuitOp::<Value>::Table { name: name.into(), function: function.clone() };
    /// `circuit.view`
    fn view(x: Value<'c, '_>, view: &View) = CircuitOp::View { x, view: view.clone() };
    /// `circuit.concat`
    fn concat(xs: &[Value<'c, '_>], axis: usize) = CircuitOp::Concat { xs: xs.to_vec(), axis };
    /// `circuit.range`
    fn range(x: Value<'c, '_>, interval: (i64, i64)) = CircuitOp::Range { x, interval };
    /// `circuit.hint`
    fn hint(x: Value<'c, '_>, hint: &Hint, intervals: &[(i64, i64)])
        = CircuitOp::Hint { x, hint: hint.clone(), intervals: intervals.to_vec() };
    /// `circuit.assert_zero`
    fn assert_zero(x: Value<'c, '_>) = CircuitOp::AssertZero { x };
}

/// `circuit.lookup` in a table whose function is given.
///
/// # Errors
/// When the operand's interval leaves the table's domain.
pub fn lookup<'c>(
    location: Location<'c>,
    x: Value<'c, '_>,
    table: &str,
    function: &TableFunction,
) -> Result<Operation<'c>> {
    lookups(location, x, &[(table, function)])
}

/// `circuit.lookup` in tables whose functions are given.
///
/// # Errors
/// When the operand's interval leaves a table's domain.
pub fn lookups<'c>(
    location: Location<'c>,
    x: Value<'c, '_>,
    tables: &[(&str, &TableFunction)],
) -> Result<Operation<'c>> {
    let ty = CircuitType::of(x)?;
    let image = |&(table, function): &(&str, &TableFunction)| {
        let image = function.image(ty.interval()).ok_or_else(|| {
            Error::at(
                location,
                format!(
                    "'circuit.lookup' op: expected values within the domain {} of @{table}, found {}",
                    function.domain(),
                    ty.interval()
                ),
            )
        })?;
        CircuitType::with_interval(ty.shape.clone(), image).map(|ty| (ty.lo, ty.hi))
    };
    let intervals = tables.iter().map(image).collect::<Result<_>>()?;
    let tables = tables.iter().map(|(table, _)| (*table).to_owned()).collect();
    CircuitOp::Lookup { x, tables, intervals }.build(location)
}

/// Replaces the terms and the constant of an affine.
pub(crate) fn set_affine<'c>(op: OperationRef<'c, '_>, terms: &[(i64, Value<'c, '_>)], constant: i64) {
    let context = context_of(op.location());
    let operands = terms.iter().map(|&(_, x)| x).collect::<Vec<_>>();
    let coefficients = terms.iter().map(|&(coefficient, _)| coefficient).collect::<Vec<_>>();
    tessera_mlir::rewrite::set_operands(op, &operands);
    attrs::set(op, "coefficients", attrs::i64s(context, &coefficients));
    attrs::set(op, "constant", attrs::int(context, constant));
}

/// Replaces the operand and the attributes of a view.
pub(crate) fn set_view<'c>(op: OperationRef<'c, '_>, x: Value<'c, '_>, view: &View) {
    let context = context_of(op.location());
    tessera_mlir::rewrite::set_operands(op, &[x]);
    attrs::set(op, "offset", attrs::int(context, view.offset));
    attrs::set(op, "strides", attrs::i64s(context, &view.strides));
    if !view.reads_everywhere() {
        attrs::set(op, "valid_low", attrs::i64s(context, &view.valid_low));
        attrs::set(op, "valid_high", attrs::i64s(context, &view.valid_high));
    } else {
        attrs::remove(op, "valid_low");
        attrs::remove(op, "valid_high");
    }
}
