//! The ops of the circuit dialect as Rust values: builders and typed views.
//!
//! Invariants:
//! - This is the only file that spells an op's name or an attribute's name of this dialect.
//! - Builders infer shapes and intervals by [`CircuitOp::infer`], and verifiers check against the same function.

use melior::ir::{
    Attribute, Location, Operation, OperationRef, Value,
    operation::{OperationBuilder, OperationLike},
};
use std::collections::BTreeMap;
use tessera_mlir::{
    Error, Result,
    attrs::{self, IndexMap},
    context_of,
    func::{self, op_name},
    rewrite::all_ops,
    shape,
};

pub use crate::{
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
}

/// When a parameter is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// With the verifying key.
    Fixed,
    /// Once for a model of private weights.
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
keywords!(Visibility { Public = "public", Private = "private" });
keywords!(Stage { Fixed = "fixed", Model = "model", Witness = "witness" });

/// An op of the dialect. Values come first, attributes as they mean. `ty` is the type of the result where it does not
/// follow from the operands.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named as in the op's documentation")]
pub enum CircuitOp<'c, 'a> {
    /// `circuit.input`
    Input { name: String, visibility: Visibility, ty: CircuitType },
    /// `circuit.output`
    Output { x: Value<'c, 'a>, name: String, visibility: Visibility },
    /// `circuit.weight`
    Weight { global: String, stage: Stage, ty: CircuitType },
    /// `circuit.constant`
    Constant { values: Vec<i64>, ty: CircuitType },
    /// `circuit.contract`
    Contract { x: Value<'c, 'a>, w: Value<'c, 'a>, maps: [IndexMap; 3], ty: Option<CircuitType> },
    /// `circuit.affine`
    Affine { terms: Vec<(i64, Value<'c, 'a>)>, constant: i64 },
    /// `circuit.mul`
    Mul { a: Value<'c, 'a>, b: Value<'c, 'a> },
    /// `circuit.max`
    Max { xs: Vec<Value<'c, 'a>> },
    /// `circuit.split`: two results, high and low.
    Split { x: Value<'c, 'a>, shift: u32 },
    /// `circuit.table`
    Table { name: String, function: TableFunction },
    /// `circuit.lookup`
    Lookup { x: Value<'c, 'a>, table: String, ty: CircuitType },
    /// `circuit.view`
    View { x: Value<'c, 'a>, view: View },
    /// `circuit.concat`
    Concat { xs: Vec<Value<'c, 'a>>, axis: usize },
    /// `circuit.assert_zero`
    AssertZero { x: Value<'c, 'a> },
}

impl<'c, 'a> CircuitOp<'c, 'a> {
    /// Reads an op; `None` for ops of other dialects.
    ///
    /// # Errors
    /// When it is an op of this dialect that does not decode.
    pub fn view(op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        Self::decode(op).map_err(|error| error.or_at_op(op))
    }

    fn decode(op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
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
            "constant" => Self::Constant { values: attrs::read_i64s(op, "values")?, ty: result_type(op)? },
            "contract" => {
                let maps = attrs::read_maps(op, "maps")?;
                let found = maps.len();
                let maps = maps.try_into().map_err(|_| {
                    Error::new(format!("maps: expected one for each operand and the result, found {found}"))
                })?;
                Self::Contract { x: x()?, w: operand(1)?, maps, ty: Some(result_type(op)?) }
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
                let shift =
                    u32::try_from(shift).ok().filter(|shift| (1..=62).contains(shift)).ok_or_else(|| {
                        Error::new(format!("shift: expected a number of bits in 1..=62, found {shift}"))
                    })?;
                Self::Split { x: x()?, shift }
            }
            "table" => Self::Table { name: attrs::read_string(op, "sym_name")?, function: read_table(op)? },
            "lookup" => {
                Self::Lookup { x: x()?, table: attrs::read_symbol(op, "table")?, ty: result_type(op)? }
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

    /// The operands, in order.
    pub fn operands(&self) -> Vec<Value<'c, 'a>> {
        match self {
            Self::Input { .. } | Self::Weight { .. } | Self::Constant { .. } | Self::Table { .. } => vec![],
            Self::Contract { x, w, .. } => vec![*x, *w],
            Self::Affine { terms, .. } => terms.iter().map(|&(_, x)| x).collect(),
            Self::Mul { a, b } => vec![*a, *b],
            Self::Concat { xs, .. } | Self::Max { xs } => xs.clone(),
            Self::Output { x, .. }
            | Self::Split { x, .. }
            | Self::Lookup { x, .. }
            | Self::View { x, .. }
            | Self::AssertZero { x } => vec![*x],
        }
    }

    /// The types of the results by the op's rule: shapes, and the tightest intervals that follow from the operands.
    ///
    /// # Errors
    /// When operands and attributes do not fit together, or a value could wrap the field.
    pub fn infer(&self) -> Result<Vec<CircuitType>> {
        let of = |value: &Value<'c, 'a>| CircuitType::of(*value);
        let ty = match self {
            Self::Input { ty, .. } | Self::Weight { ty, .. } | Self::Lookup { ty, .. } => ty.clone(),
            Self::Output { .. } | Self::Table { .. } | Self::AssertZero { .. } => return Ok(vec![]),
            Self::Constant { values, ty } => {
                let interval = Interval::around(values.iter().copied())
                    .ok_or_else(|| Error::new("values: expected at least one"))?;
                CircuitType::with_interval(ty.shape.clone(), interval)?
            }
            Self::Contract { x, w, maps, ty } => {
                let (x, w) = (of(x)?, of(w)?);
                let spec = contract_spec(&x, &w, maps)?;
                let interval = spec.bound(x.interval(), w.interval());
                let inferred = CircuitType::with_interval(spec.result_shape(), interval)?;
                ty.clone().unwrap_or(inferred)
            }
            Self::Affine { terms, constant } => {
                let Some(((_, first), rest)) = terms.split_first() else {
                    return Err(Error::new(
                        "expected at least one term; a fixed tensor is a circuit.constant",
                    ));
                };
                let shape = of(first)?.shape;
                for (index, (_, x)) in rest.iter().enumerate() {
                    same_shape(&shape, &of(x)?.shape, index + 1)?;
                }
                let mut interval = Interval::point(*constant);
                for (coefficient, x) in terms {
                    interval = interval + of(x)?.interval().scale(*coefficient);
                }
                CircuitType::with_interval(shape, interval)?
            }
            Self::Mul { a, b } => {
                let (x, y) = (of(a)?, of(b)?);
                same_shape(&x.shape, &y.shape, 1)?;
                let product = x.interval() * y.interval();
                // A square is not negative.
                let interval = if a == b { Interval { lo: product.lo.max(0), ..product } } else { product };
                CircuitType::with_interval(x.shape, interval)?
            }
            Self::Max { xs } => {
                let types = xs.iter().map(of).collect::<Result<Vec<_>>>()?;
                let [first, rest @ ..] = &types[..] else { return Err(Error::new("nothing to compare")) };
                if rest.is_empty() {
                    return Err(Error::new("expected at least two operands, found 1"));
                }
                for (index, x) in rest.iter().enumerate() {
                    same_shape(&first.shape, &x.shape, index + 1)?;
                }
                let greatest = rest.iter().fold(first.interval(), |max, x| max.max(x.interval()));
                CircuitType::with_interval(first.shape.clone(), greatest)?
            }
            Self::Split { x, shift } => {
                let x = of(x)?;
                let high = CircuitType::new(x.shape.clone(), x.lo >> shift, x.hi >> shift);
                return Ok(vec![high, CircuitType::new(x.shape, 0, (1i64 << shift) - 1)]);
            }
            Self::View { x, view } => {
                let x = of(x)?;
                view.check(x.len()).map_err(Error::new)?;
                let zero = Interval::point(0);
                let interval = if view.reads_everywhere() { x.interval() } else { x.interval().hull(zero) };
                CircuitType::with_interval(view.shape.clone(), interval)?
            }
            Self::Concat { xs, axis } => {
                let types = xs.iter().map(of).collect::<Result<Vec<_>>>()?;
                let shapes = types.iter().map(|ty| ty.shape.as_slice()).collect::<Vec<_>>();
                let shape = shape::concat(&shapes, *axis)?;
                let interval =
                    types[1..].iter().fold(types[0].interval(), |hull, ty| hull.hull(ty.interval()));
                CircuitType::with_interval(shape, interval)?
            }
        };
        Ok(vec![ty])
    }

    fn name(&self) -> &'static str {
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
            Self::View { .. } => "circuit.view",
            Self::Concat { .. } => "circuit.concat",
            Self::AssertZero { .. } => "circuit.assert_zero",
        }
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
            _ => self.infer().map_err(place)?,
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
            Self::Constant { values, .. } => set("values", attrs::i64s(context, values)),
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
                        set("values", attrs::i64s(context, values));
                    }
                }
            }
            Self::Lookup { table, .. } => set("table", attrs::symbol(context, table)),
            Self::View { view, .. } => {
                set("offset", int(view.offset));
                set("strides", attrs::i64s(context, &view.strides));
                if !view.reads_everywhere() {
                    set("valid_low", attrs::i64s(context, &view.valid_low));
                    set("valid_high", attrs::i64s(context, &view.valid_high));
                }
            }
            Self::Concat { axis, .. } => set("axis", int(*axis as i64)),
            Self::Mul { .. } | Self::Max { .. } | Self::AssertZero { .. } => {}
        }
        Ok(OperationBuilder::new(name, location)
            .add_operands(&self.operands())
            .add_attributes(&attributes)
            .add_results(&results)
            .build()?)
    }
}

/// What a contraction of operands of these types sums.
pub(crate) fn contract_spec(x: &CircuitType, w: &CircuitType, maps: &[IndexMap; 3]) -> Result<ContractSpec> {
    ContractSpec::from_maps(maps, &x.shape, &w.shape).map_err(Error::new)
}

fn same_shape(expected: &[usize], found: &[usize], operand: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::new(format!(
        "operand {operand}: expected the shape {} of operand 0, found {}; broadcast it by a circuit.view first",
        shape::show(expected),
        shape::show(found)
    )))
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
    match (attrs::opt_i64s(op, "values")?, clamp) {
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

/// The type of an op's first result.
///
/// # Errors
/// When the op has no result or it is no circuit tensor.
pub fn result_type(op: OperationRef) -> Result<CircuitType> {
    CircuitType::of(func::first_result(op)?).map_err(|error| error.or_at(op.location()))
}

/// The tables of a module, by name.
///
/// # Errors
/// When a table does not decode.
pub fn tables(module: OperationRef) -> Result<BTreeMap<String, TableFunction>> {
    let mut tables = BTreeMap::new();
    for op in all_ops(module) {
        if let Some(CircuitOp::Table { name, function }) = CircuitOp::view(op)? {
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
        = CircuitOp::Input { name: name.into(), visibility, ty: ty.clone() };
    /// `circuit.output`
    fn output(x: Value<'c, '_>, name: &str, visibility: Visibility)
        = CircuitOp::Output { x, name: name.into(), visibility };
    /// `circuit.weight`
    fn weight(global: &str, stage: Stage, ty: &CircuitType)
        = CircuitOp::Weight { global: global.into(), stage, ty: ty.clone() };
    /// `circuit.constant` of one value, or one for each element.
    fn constant(values: Vec<i64>, ty: &CircuitType) = CircuitOp::Constant { values, ty: ty.clone() };
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
        = CircuitOp::Table { name: name.into(), function: function.clone() };
    /// `circuit.view`
    fn view(x: Value<'c, '_>, view: &View) = CircuitOp::View { x, view: view.clone() };
    /// `circuit.concat`
    fn concat(xs: &[Value<'c, '_>], axis: usize) = CircuitOp::Concat { xs: xs.to_vec(), axis };
    /// `circuit.assert_zero`
    fn assert_zero(x: Value<'c, '_>) = CircuitOp::AssertZero { x };
}

/// `circuit.contract`. The result's interval is the given one, for weights that are known, or follows from the
/// operands' types.
///
/// # Errors
/// When maps do not fit, or a sum could wrap the field.
pub fn contract<'c>(
    location: Location<'c>,
    x: Value<'c, '_>,
    w: Value<'c, '_>,
    maps: &[IndexMap; 3],
    interval: Option<(i64, i64)>,
) -> Result<Operation<'c>> {
    let ty = match interval {
        None => None,
        Some((lo, hi)) => {
            let spec = contract_spec(&CircuitType::of(x)?, &CircuitType::of(w)?, maps)
                .map_err(|error| error.context("'circuit.contract' op").or_at(location))?;
            Some(CircuitType::new(spec.result_shape(), lo, hi))
        }
    };
    CircuitOp::Contract { x, w, maps: maps.clone(), ty }.build(location)
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
    let ty = CircuitType::of(x)?;
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
    let ty = CircuitType::with_interval(ty.shape, image)?;
    CircuitOp::Lookup { x, table: table.into(), ty }.build(location)
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
