//! What rewrite patterns of a file may call: queries about values, and arithmetic on attributes.
//!
//! Invariant: the guide docs/guide/pipelines.md lists exactly these, as PDLL declares them; a test compares.

use melior::{
    Context,
    ir::{Attribute, Type, Value, ValueLike},
};
use tessera_circuit::types::CircuitType;
use tessera_mlir::{
    Error, Result, attrs,
    natives::{Argument, Argument as A, Body, Kind, Native},
    rewrite, shape, types,
};

/// The functions, by name.
pub const NATIVES: &[Native] = &[
    Native { name: "HasOneUse", takes: &[Kind::Value], body: Body::Constraint(has_one_use) },
    Native { name: "SameShape", takes: &[Kind::Value, Kind::Value], body: Body::Constraint(same_shape) },
    Native {
        name: "IntervalWithin",
        takes: &[Kind::Value, Kind::Attribute, Kind::Attribute],
        body: Body::Constraint(interval_within),
    },
    Native { name: "Less", takes: &[Kind::Attribute, Kind::Attribute], body: Body::Constraint(less) },
    Native { name: "IntervalLow", takes: &[Kind::Value], body: Body::Attribute(interval_low) },
    Native { name: "IntervalHigh", takes: &[Kind::Value], body: Body::Attribute(interval_high) },
    Native {
        name: "WithInterval",
        takes: &[Kind::Type, Kind::Attribute, Kind::Attribute],
        body: Body::Type(with_interval),
    },
    Native { name: "Extent", takes: &[Kind::Value, Kind::Attribute], body: Body::Attribute(extent) },
    Native { name: "Elements", takes: &[Kind::Value], body: Body::Attribute(elements) },
    Native { name: "Add", takes: &[Kind::Attribute, Kind::Attribute], body: Body::Attribute(add) },
    Native { name: "Subtract", takes: &[Kind::Attribute, Kind::Attribute], body: Body::Attribute(subtract) },
    Native { name: "Multiply", takes: &[Kind::Attribute, Kind::Attribute], body: Body::Attribute(multiply) },
];

/// Arguments of other kinds than declared are stopped before a native is called.
fn kinds<T>() -> Result<T> {
    Err(Error::new("arguments of other kinds than declared"))
}

fn has_one_use(given: &[Argument]) -> Result<bool> {
    let [A::Value(value)] = given else { return kinds() };
    Ok(rewrite::has_one_use(*value))
}

fn same_shape(given: &[Argument]) -> Result<bool> {
    let [A::Value(a), A::Value(b)] = given else { return kinds() };
    Ok(extents(*a)? == extents(*b)?)
}

fn interval_within(given: &[Argument]) -> Result<bool> {
    let [A::Value(value), A::Attribute(low), A::Attribute(high)] = given else { return kinds() };
    let ty = CircuitType::of(*value)?;
    Ok(int(*low)? <= ty.lo && ty.hi <= int(*high)?)
}

fn less(given: &[Argument]) -> Result<bool> {
    let [A::Attribute(a), A::Attribute(b)] = given else { return kinds() };
    Ok(int(*a)? < int(*b)?)
}

fn interval_low<'c>(context: &'c Context, given: &[Argument]) -> Result<Attribute<'c>> {
    let [A::Value(value)] = given else { return kinds() };
    Ok(attrs::int(context, CircuitType::of(*value)?.lo))
}

fn interval_high<'c>(context: &'c Context, given: &[Argument]) -> Result<Attribute<'c>> {
    let [A::Value(value)] = given else { return kinds() };
    Ok(attrs::int(context, CircuitType::of(*value)?.hi))
}

fn with_interval<'c>(context: &'c Context, given: &[Argument]) -> Result<Type<'c>> {
    let [A::Type(ty), A::Attribute(low), A::Attribute(high)] = given else { return kinds() };
    CircuitType::new(CircuitType::read(*ty)?.shape, int(*low)?, int(*high)?).to_type(context)
}

fn extent<'c>(context: &'c Context, given: &[Argument]) -> Result<Attribute<'c>> {
    let [A::Value(value), A::Attribute(axis)] = given else { return kinds() };
    let (extents, axis) = (extents(*value)?, int(*axis)?);
    let extent = usize::try_from(axis).ok().and_then(|axis| extents.get(axis));
    let extent = extent.ok_or_else(|| Error::new(format!("no axis {axis} in {}", shape::show(&extents))))?;
    Ok(attrs::int(context, *extent as i64))
}

fn elements<'c>(context: &'c Context, given: &[Argument]) -> Result<Attribute<'c>> {
    let [A::Value(value)] = given else { return kinds() };
    Ok(attrs::int(context, shape::elements(&extents(*value)?)? as i64))
}

fn add<'c>(context: &'c Context, given: &[Argument<'c, '_>]) -> Result<Attribute<'c>> {
    arithmetic(context, given, "+", i64::checked_add)
}

fn subtract<'c>(context: &'c Context, given: &[Argument<'c, '_>]) -> Result<Attribute<'c>> {
    arithmetic(context, given, "-", i64::checked_sub)
}

fn multiply<'c>(context: &'c Context, given: &[Argument<'c, '_>]) -> Result<Attribute<'c>> {
    arithmetic(context, given, "*", i64::checked_mul)
}

/// An operation on two integers, or on two arrays of as many.
fn arithmetic<'c>(
    context: &'c Context,
    given: &[Argument<'c, '_>],
    symbol: &str,
    compute: fn(i64, i64) -> Option<i64>,
) -> Result<Attribute<'c>> {
    let [A::Attribute(a), A::Attribute(b)] = given else { return kinds() };
    let checked =
        |a: i64, b: i64| compute(a, b).ok_or_else(|| Error::new(format!("{a} {symbol} {b} leaves 64 bits")));
    match (attrs::to_i64s(*a), attrs::to_i64s(*b)) {
        (Some(a), Some(b)) if a.len() == b.len() => {
            let values = a.iter().zip(b).map(|(&a, b)| checked(a, b)).collect::<Result<Vec<_>>>()?;
            Ok(attrs::i64s(context, &values))
        }
        (None, None) => Ok(attrs::int(context, checked(int(*a)?, int(*b)?)?)),
        _ => Err(Error::new(format!("expected two integers or two arrays of as many, found {a} and {b}"))),
    }
}

/// The extents of a tensor of any level.
fn extents(value: Value) -> Result<Vec<usize>> {
    let ty = value.r#type();
    CircuitType::read(ty).map(|ty| ty.shape).or_else(|_| Ok(types::read(ty)?.shape))
}

fn int(attribute: Attribute) -> Result<i64> {
    attrs::to_int(attribute).ok_or_else(|| Error::new(format!("expected an integer, found {attribute}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_declares_all() {
        let guide = include_str!("../../../docs/guide/pipelines.md");
        let declared = NATIVES.iter().map(|native| native.declaration() + "\n").collect::<String>();
        assert!(guide.contains(&declared), "docs/guide/pipelines.md: expected these lines:\n{declared}");
    }
}
