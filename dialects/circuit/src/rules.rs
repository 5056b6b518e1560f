//! What holds for each op of the dialect, whatever its operands are: their order, what it is called on others, what it costs, the types
//! of its results and which others may be declared.
//!
//! Invariants:
//! - Every `match` names every op, so that the compiler says where a new op needs its rule.
//! - [`CircuitOp::infer`] is the one rule for types: builders, verifiers and plain graphs use it.

use crate::cost::OpCost;
use crate::ops::{CircuitOp, Stage};
use crate::semantics::{
    ContractSpec, Interval,
    range::{check_range, limbs},
};
use crate::types::CircuitType;
use std::convert::Infallible;
use tessera_mlir::{Error, Result, shape};

impl<V> CircuitOp<V> {
    /// The operands, in order.
    pub fn operands(&self) -> Vec<V>
    where
        V: Clone,
    {
        match self {
            Self::Input { .. } | Self::Weight { .. } | Self::Constant { .. } | Self::Table { .. } => vec![],
            Self::Contract { x: a, w: b, .. } | Self::Mul { a, b } => vec![a.clone(), b.clone()],
            Self::Affine { terms, .. } => terms.iter().map(|(_, x)| x.clone()).collect(),
            Self::Concat { xs, .. } | Self::Max { xs } => xs.clone(),
            Self::Output { x, .. }
            | Self::Split { x, .. }
            | Self::Lookup { x, .. }
            | Self::Range { x, .. }
            | Self::Hint { x, .. }
            | Self::View { x, .. }
            | Self::AssertZero { x } => vec![x.clone()],
        }
    }

    /// The same op on other operands.
    pub fn map<U>(&self, mut on: impl FnMut(&V) -> U) -> CircuitOp<U> {
        let Ok(op) = self.try_map(|x| Ok::<_, Infallible>(on(x)));
        op
    }

    /// The same op on other operands, which are visited in order.
    ///
    /// # Errors
    /// The first of `on`.
    pub fn try_map<U, E>(&self, mut on: impl FnMut(&V) -> Result<U, E>) -> Result<CircuitOp<U>, E> {
        Ok(match self {
            Self::Input { name, visibility, ty } => {
                CircuitOp::Input { name: name.clone(), visibility: *visibility, ty: ty.clone() }
            }
            Self::Output { x, name, visibility } => {
                CircuitOp::Output { x: on(x)?, name: name.clone(), visibility: *visibility }
            }
            Self::Weight { global, stage, ty } => {
                CircuitOp::Weight { global: global.clone(), stage: *stage, ty: ty.clone() }
            }
            Self::Constant { values, ty } => CircuitOp::Constant { values: values.clone(), ty: ty.clone() },
            Self::Contract { x, w, maps } => CircuitOp::Contract { x: on(x)?, w: on(w)?, maps: maps.clone() },
            Self::Affine { terms, constant } => {
                let terms = terms.iter().map(|(c, x)| Ok((*c, on(x)?))).collect::<Result<_, E>>()?;
                CircuitOp::Affine { terms, constant: *constant }
            }
            Self::Mul { a, b } => CircuitOp::Mul { a: on(a)?, b: on(b)? },
            Self::Max { xs } => CircuitOp::Max { xs: xs.iter().map(on).collect::<Result<_, E>>()? },
            Self::Split { x, shift } => CircuitOp::Split { x: on(x)?, shift: *shift },
            Self::Table { name, function } => {
                CircuitOp::Table { name: name.clone(), function: function.clone() }
            }
            Self::Lookup { x, tables, intervals } => {
                CircuitOp::Lookup { x: on(x)?, tables: tables.clone(), intervals: intervals.clone() }
            }
            Self::Range { x, interval } => CircuitOp::Range { x: on(x)?, interval: *interval },
            Self::Hint { x, hint, intervals } => {
                CircuitOp::Hint { x: on(x)?, hint: hint.clone(), intervals: intervals.clone() }
            }
            Self::View { x, view } => CircuitOp::View { x: on(x)?, view: view.clone() },
            Self::Concat { xs, axis } => {
                CircuitOp::Concat { xs: xs.iter().map(on).collect::<Result<_, E>>()?, axis: *axis }
            }
            Self::AssertZero { x } => CircuitOp::AssertZero { x: on(x)? },
        })
    }

    /// Whether each element of a result depends on the same element of the operands alone.
    pub fn is_elementwise(&self) -> bool {
        match self {
            Self::Affine { .. }
            | Self::Mul { .. }
            | Self::Max { .. }
            | Self::Split { .. }
            | Self::Lookup { .. }
            | Self::Range { .. }
            | Self::AssertZero { .. } => true,
            Self::Hint { hint, .. } => hint.is_elementwise(),
            Self::Input { .. }
            | Self::Output { .. }
            | Self::Weight { .. }
            | Self::Constant { .. }
            | Self::Contract { .. }
            | Self::Table { .. }
            | Self::View { .. }
            | Self::Concat { .. } => false,
        }
    }

    /// Whether the elements of a result are cells of rows, one row each.
    pub fn is_in_rows(&self) -> bool {
        self.is_elementwise() || matches!(self, Self::Hint { .. })
    }

    /// Whether the op only computes its results, so that it may go when nobody uses them. The others are part of the statement,
    /// or are used by name.
    pub fn only_computes(&self) -> bool {
        match self {
            Self::Input { .. } | Self::Output { .. } | Self::AssertZero { .. } | Self::Table { .. } => false,
            Self::Weight { .. }
            | Self::Constant { .. }
            | Self::Contract { .. }
            | Self::Affine { .. }
            | Self::Mul { .. }
            | Self::Max { .. }
            | Self::Split { .. }
            | Self::Lookup { .. }
            | Self::Hint { .. }
            | Self::View { .. }
            | Self::Concat { .. } => true,
            // a range says something of its operand, used or not
            Self::Range { .. } => false,
        }
    }

    /// Whether the result may be declared tighter than what [`CircuitOp::infer`] says: operands go together in ways that types do
    /// not say.
    pub fn is_correlated(&self) -> bool {
        match self {
            Self::Contract { .. } | Self::Affine { .. } | Self::Mul { .. } => true,
            Self::Input { .. }
            | Self::Output { .. }
            | Self::Weight { .. }
            | Self::Constant { .. }
            | Self::Max { .. }
            | Self::Split { .. }
            | Self::Table { .. }
            | Self::Lookup { .. }
            | Self::Range { .. }
            | Self::Hint { .. }
            | Self::View { .. }
            | Self::Concat { .. }
            | Self::AssertZero { .. } => false,
        }
    }

    /// Whether the op looks something up.
    pub fn looks_up(&self) -> bool {
        match self {
            Self::Split { .. }
            | Self::Max { .. }
            | Self::Lookup { .. }
            | Self::Range { .. }
            | Self::Hint { .. } => true,
            Self::Input { .. }
            | Self::Output { .. }
            | Self::Weight { .. }
            | Self::Constant { .. }
            | Self::Contract { .. }
            | Self::Affine { .. }
            | Self::Mul { .. }
            | Self::Table { .. }
            | Self::View { .. }
            | Self::Concat { .. }
            | Self::AssertZero { .. } => false,
        }
    }

    /// What the op commits and looks up where its first result has so many elements.
    ///
    /// - An input, a product and the result of a contract are committed: a cell each element.
    /// - A weight is committed with the key, or with the proof where its stage says so.
    /// - A maximum commits its result and products of differences, and looks up every difference.
    /// - A split commits and looks up both parts; a lookup commits its results and looks them up at once.
    /// - A range looks its operand up, in limbs where it is wide; a hint commits its results and looks them up so.
    /// - Constants, affine forms, views, concatenations, outputs and assertions commit nothing of their own.
    pub fn cost(&self, elements: u64) -> OpCost {
        let none = OpCost::default();
        match self {
            Self::Input { .. } | Self::Mul { .. } | Self::Contract { .. } => {
                OpCost { witness: elements, ..none }
            }
            Self::Weight { stage: Stage::Fixed | Stage::Model, .. } => OpCost { fixed: elements, ..none },
            Self::Weight { stage: Stage::Witness, .. } => OpCost { witness: elements, ..none },
            Self::Max { xs } => {
                let (lanes, products) = (xs.len() as u64, xs.len().saturating_sub(3) as u64);
                OpCost { witness: (1 + products) * elements, lookups: lanes * elements, ..none }
            }
            Self::Split { .. } => OpCost { witness: 2 * elements, lookups: 2 * elements, ..none },
            Self::Lookup { tables, .. } => {
                OpCost { witness: tables.len() as u64 * elements, lookups: elements, ..none }
            }
            Self::Range { interval, .. } => {
                let limbs = limbs(*interval).len() as u64;
                OpCost { witness: (limbs - 1) * elements, lookups: limbs * elements, ..none }
            }
            Self::Hint { intervals, .. } => {
                let limbs = intervals.iter().map(|i| limbs(*i).len() as u64).sum::<u64>();
                OpCost { witness: limbs * elements, lookups: limbs * elements, ..none }
            }
            Self::Constant { .. }
            | Self::Affine { .. }
            | Self::View { .. }
            | Self::Concat { .. }
            | Self::Output { .. }
            | Self::Table { .. }
            | Self::AssertZero { .. } => none,
        }
    }

    /// The types of the results by the op's rule, given those of the operands: shapes, and the tightest intervals that follow.
    ///
    /// # Errors
    /// When operands and attributes do not fit together, or a value could wrap the field.
    pub fn infer(&self, type_of: impl Fn(&V) -> Result<CircuitType>) -> Result<Vec<CircuitType>>
    where
        V: PartialEq,
    {
        let of = &type_of;
        let ty = match self {
            Self::Input { ty, .. } | Self::Weight { ty, .. } => ty.clone(),
            Self::Range { x, interval: (lo, hi) } => CircuitType::new(of(x)?.shape, *lo, *hi),
            Self::Lookup { x, intervals, .. } => {
                let shape = of(x)?.shape;
                return Ok(intervals
                    .iter()
                    .map(|(lo, hi)| CircuitType::new(shape.clone(), *lo, *hi))
                    .collect());
            }
            Self::Hint { x, hint, intervals } => {
                let shape = hint.shape(&of(x)?.shape)?;
                return Ok(intervals
                    .iter()
                    .map(|(lo, hi)| CircuitType::new(shape.clone(), *lo, *hi))
                    .collect());
            }
            Self::Output { .. } | Self::Table { .. } | Self::AssertZero { .. } => return Ok(vec![]),
            Self::Constant { values, ty } => {
                let interval = Interval::around(values.iter().copied())
                    .ok_or_else(|| Error::new("values: expected at least one"))?;
                CircuitType::with_interval(ty.shape.clone(), interval)?
            }
            Self::Contract { x, w, maps } => {
                let (x, w) = (of(x)?, of(w)?);
                let spec = ContractSpec::from_maps(maps, &x.shape, &w.shape).map_err(Error::new)?;
                CircuitType::with_interval(spec.result_shape(), spec.bound(x.interval(), w.interval()))?
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
                let (x, shift) = (of(x)?, check_shift((*shift).into())?);
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
}

impl<V: PartialEq> CircuitOp<V> {
    /// Checks everything that can be said of an op by itself, given the types of its operands and those that its results declare.
    ///
    /// # Errors
    /// What does not fit, as `verify.rs` says.
    pub fn check(&self, type_of: impl Fn(&V) -> Result<CircuitType>, declared: &[CircuitType]) -> Result<()> {
        let inferred = self.infer(&type_of)?;
        if inferred.len() != declared.len() {
            return Err(Error::new(format!("expected {} results, found {}", inferred.len(), declared.len())));
        }
        match self {
            Self::Constant { values, ty } if values.len() != 1 && values.len() != ty.len() => {
                return Err(Error::new(format!(
                    "values: expected 1, or {} for {}, found {}",
                    ty.len(),
                    shape::show(&ty.shape),
                    values.len()
                )));
            }
            Self::Split { shift, .. } => {
                let (high, low) = (declared[0].interval(), declared[1].interval());
                if low != inferred[1].interval() {
                    return Err(Error::new(format!(
                        "low part: expected the interval {} of {shift} bits, found {low}",
                        inferred[1].interval()
                    )));
                }
                let together = high.scale(1i128 << shift) + low;
                if !together.fits_field() {
                    return Err(Error::new(format!(
                        "high part: {high} shifted by {shift} bits reaches {together}, outside half the field: the split \
                         would not be unique"
                    )));
                }
            }
            Self::Table { function, .. } => function.check().map_err(Error::new)?,
            Self::Output { name, .. } | Self::Input { name, .. } if name.is_empty() => {
                return Err(Error::new("name: expected a name, found an empty one"));
            }
            Self::AssertZero { x } => {
                let interval = type_of(x)?.interval();
                if !interval.holds(0) {
                    return Err(Error::new(format!(
                        "the operand lies in {interval} and is never 0: nothing satisfies this"
                    )));
                }
            }
            Self::Range { x, interval } => {
                check_range(*interval)?;
                let (x, y) = (type_of(x)?.interval(), Interval::new(interval.0, interval.1));
                if !x.meets(y) {
                    return Err(Error::new(format!(
                        "the operand lies in {x} and never in {y}: nothing satisfies this"
                    )));
                }
            }
            Self::Hint { x, hint, intervals } => {
                hint.check(type_of(x)?.interval())?;
                for interval in intervals {
                    check_range(*interval)?;
                }
            }
            Self::Constant { .. }
            | Self::Output { .. }
            | Self::Input { .. }
            | Self::Weight { .. }
            | Self::Contract { .. }
            | Self::Affine { .. }
            | Self::Mul { .. }
            | Self::Max { .. }
            | Self::Lookup { .. }
            | Self::View { .. }
            | Self::Concat { .. } => {}
        }
        let correlated = self.is_correlated();
        let mut errors = vec![];
        for (index, (inferred, declared)) in inferred.iter().zip(declared).enumerate() {
            if inferred.shape != declared.shape {
                errors.push(Error::new(format!(
                    "result {index}: expected the shape {} that follows from operands and attributes, found {}",
                    shape::show(&inferred.shape),
                    shape::show(&declared.shape)
                )));
            } else if correlated && !inferred.interval().meets(declared.interval()) {
                errors.push(Error::new(format!(
                    "result {index}: expected an interval that meets {}, which follows from the operands, found {}",
                    inferred.interval(),
                    declared.interval()
                )));
            } else if !correlated && !declared.interval().contains(inferred.interval()) {
                errors.push(Error::new(format!(
                    "result {index}: expected an interval that contains {}, which follows from the operands, found {}",
                    inferred.interval(),
                    declared.interval()
                )));
            }
        }
        Error::all(errors)
    }
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

/// The number of bits of a split's low part.
pub(crate) fn check_shift(shift: i64) -> Result<u32> {
    let bits = u32::try_from(shift).ok().filter(|shift| (1..=62).contains(shift));
    bits.ok_or_else(|| Error::new(format!("shift: expected a number of bits in 1..=62, found {shift}")))
}
