//! Attributes as Rust values: making them, and reading them off an op with errors that name op and attribute.

use crate::{Error, Result, context_of, string_ref};
use melior::{
    Context,
    ir::{
        Attribute, AttributeLike, Identifier, OperationRef, Type, TypeLike,
        attribute::{
            ArrayAttribute, BoolAttribute, DenseI64ArrayAttribute, FlatSymbolRefAttribute, FloatAttribute,
            IntegerAttribute, StringAttribute,
        },
        operation::OperationLike,
        r#type::{IntegerType, RankedTensorType},
    },
};
use mlir_sys::*;
use std::str::FromStr;

/// An affine map of which every result is a sum of distinct index variables, such as
/// `(d0, d1, d2) -> (d0, d1 + d2)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IndexMap {
    /// How many index variables there are.
    pub dims: usize,
    /// For every result, the variables it is the sum of, in ascending order.
    pub results: Vec<Vec<usize>>,
}

impl IndexMap {
    /// A map whose results are single variables.
    pub fn select(dims: usize, results: &[usize]) -> Self {
        Self { dims, results: results.iter().map(|&dim| vec![dim]).collect() }
    }

    /// A map from the variables of each result.
    pub fn new(dims: usize, results: &[&[usize]]) -> Self {
        Self { dims, results: results.iter().map(|dims| dims.to_vec()).collect() }
    }
}

/// A named attribute for `OperationBuilder::add_attributes`.
pub fn named<'c>(
    context: &'c Context,
    name: &str,
    value: impl Into<Attribute<'c>>,
) -> (Identifier<'c>, Attribute<'c>) {
    (Identifier::new(context, name), value.into())
}

/// `array<i64: ..>`
pub fn i64s<'c>(context: &'c Context, values: &[i64]) -> Attribute<'c> {
    DenseI64ArrayAttribute::new(context, values).into()
}

/// `array<i64: ..>` of sizes.
pub fn usizes<'c>(context: &'c Context, values: &[usize]) -> Attribute<'c> {
    i64s(context, &values.iter().map(|&value| value as i64).collect::<Vec<_>>())
}

/// `dense<..> : tensor<..xi64>`, which may be long: it is printed in hexadecimal, or elided.
pub fn elements<'c>(context: &'c Context, values: &[i64]) -> Attribute<'c> {
    let element = IntegerType::new(context, 64).into();
    let ty = RankedTensorType::new(&[values.len() as u64], element, None);
    // SAFETY: the type is a tensor of as many 64-bit integers as the slice holds, and MLIR copies them.
    unsafe {
        Attribute::from_raw(mlirDenseElementsAttrInt64Get(
            Type::from(ty).to_raw(),
            values.len() as isize,
            values.as_ptr(),
        ))
    }
}

/// `array<f64: ..>`
pub fn f64s<'c>(context: &'c Context, values: &[f64]) -> Attribute<'c> {
    // SAFETY: the context is alive, and `values` is as long as it says; MLIR copies them.
    unsafe {
        Attribute::from_raw(mlirDenseF64ArrayGet(context.to_raw(), values.len() as isize, values.as_ptr()))
    }
}

/// `value : i64`
pub fn int<'c>(context: &'c Context, value: i64) -> Attribute<'c> {
    IntegerAttribute::new(IntegerType::new(context, 64).into(), value).into()
}

/// `value : f32`
pub fn float32<'c>(context: &'c Context, value: f32) -> Attribute<'c> {
    FloatAttribute::new(context, Type::float32(context), f64::from(value)).into()
}

/// `value : f64`
pub fn float64<'c>(context: &'c Context, value: f64) -> Attribute<'c> {
    FloatAttribute::new(context, Type::float64(context), value).into()
}

/// `unit`: there or not
pub fn unit<'c>(context: &'c Context) -> Attribute<'c> {
    Attribute::unit(context)
}

/// `true` or `false`
pub fn boolean<'c>(context: &'c Context, value: bool) -> Attribute<'c> {
    BoolAttribute::new(context, value).into()
}

/// `"value"`
pub fn string<'c>(context: &'c Context, value: &str) -> Attribute<'c> {
    StringAttribute::new(context, value).into()
}

/// `@name`
pub fn symbol<'c>(context: &'c Context, name: &str) -> Attribute<'c> {
    FlatSymbolRefAttribute::new(context, name).into()
}

/// `[@name, ..]`
pub fn symbols<'c>(context: &'c Context, names: &[String]) -> Attribute<'c> {
    let names: Vec<Attribute> = names.iter().map(|name| symbol(context, name)).collect();
    ArrayAttribute::new(context, &names).into()
}

/// `[array<i64: ..>, ..]`
pub fn lists<'c>(context: &'c Context, lists: &[Vec<i64>]) -> Attribute<'c> {
    let lists: Vec<Attribute> = lists.iter().map(|list| i64s(context, list)).collect();
    ArrayAttribute::new(context, &lists).into()
}

/// `[affine_map<..>, ..]`
pub fn maps<'c>(context: &'c Context, maps: &[IndexMap]) -> Attribute<'c> {
    let raw = maps.iter().map(|map| map_to_raw(context, map)).collect::<Vec<_>>();
    // SAFETY: the context and its attributes are alive, and `raw` is as long as it says; MLIR copies them.
    unsafe { Attribute::from_raw(mlirArrayAttrGet(context.to_raw(), raw.len() as isize, raw.as_ptr())) }
}

/// Sets an attribute of an op.
pub fn set<'c>(op: OperationRef<'c, '_>, name: &str, value: Attribute<'c>) {
    // SAFETY: op and attribute are alive and of one context; MLIR copies the name.
    unsafe { mlirOperationSetAttributeByName(op.to_raw(), string_ref(name), value.to_raw()) }
}

/// Removes an attribute of an op, if it is there.
pub fn remove(op: OperationRef, name: &str) {
    // SAFETY: the op is alive; the name is read during the call.
    unsafe { mlirOperationRemoveAttributeByName(op.to_raw(), string_ref(name)) };
}

/// The calibrated range of an op's first result: the discardable attribute `nn.range`.
pub fn range(op: OperationRef) -> Option<(f64, f64)> {
    f64_pair(op.attribute(RANGE).ok()?)
}

/// Sets the calibrated range of an op's first result.
pub fn set_range(op: OperationRef, low: f64, high: f64) {
    set(op, RANGE, f64s(context_of(op.location()), &[low, high]));
}

/// The name of the calibrated range, on ops and on function arguments.
pub const RANGE: &str = "nn.range";

/// The name, on arguments that are texts, of how many the model knows: they are whole numbers from 0 up to that, which is any other text.
pub const TEXTS: &str = "nn.texts";

/// The name of the bits that an op's first result, or a function argument, is to be quantized with.
pub const BITS: &str = "nn.bits";

/// The name of the bits that the weights of an op are to be quantized with.
pub const WEIGHT_BITS: &str = "nn.weight_bits";

/// Bits that a value may be quantized with.
pub const SOME_BITS: std::ops::RangeInclusive<i64> = 2..=16;

/// A number of bits that an op carries under a name; none where it is no such number.
pub fn bits(op: OperationRef, name: &str) -> Option<u32> {
    some_bits(op.attribute(name).ok()?)
}

pub(crate) fn some_bits(attribute: Attribute) -> Option<u32> {
    to_int(attribute).filter(|bits| SOME_BITS.contains(bits)).map(|bits| bits as u32)
}

pub(crate) fn f64_pair(attribute: Attribute) -> Option<(f64, f64)> {
    match to_f64s(attribute)?.as_slice() {
        &[low, high] => Some((low, high)),
        _ => None,
    }
}

macro_rules! readers {
    ($($(#[$doc:meta])* $read:ident, $opt:ident, $ty:ty, $expected:literal, $decode:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// When the attribute is missing or of another kind.
        pub fn $read(op: OperationRef, name: &str) -> Result<$ty> {
            $opt(op, name)?.ok_or_else(|| missing(op, name, $expected))
        }

        /// As the reader without `opt_`, but `None` when the attribute is missing.
        ///
        /// # Errors
        /// When the attribute is of another kind.
        pub fn $opt(op: OperationRef, name: &str) -> Result<Option<$ty>> {
            let Ok(attribute) = op.attribute(name) else { return Ok(None) };
            let decode: fn(Attribute) -> Option<$ty> = $decode;
            match decode(attribute) {
                Some(value) => Ok(Some(value)),
                None => Err(wrong(op, name, $expected, attribute)),
            }
        }
    )*};
}

readers! {
    /// Reads `array<i64: ..>`.
    read_i64s, opt_i64s, Vec<i64>, "array<i64: ..>", to_i64s;
    /// Reads `[array<i64: ..>, ..]`.
    read_lists, opt_lists, Vec<Vec<i64>>, "[array<i64: ..>, ..]",
        to_lists;
    /// Reads `array<i64: ..>` of non-negative values.
    read_usizes, opt_usizes, Vec<usize>, "array<i64: ..> without negative values",
        |attribute| to_i64s(attribute)?.into_iter().map(|value| usize::try_from(value).ok()).collect();
    /// Reads `dense<..>` of i64.
    read_elements, opt_elements, Vec<i64>, "dense<..> : tensor<..xi64>", to_elements;
    /// Reads `array<f64: ..>`.
    read_f64s, opt_f64s, Vec<f64>, "array<f64: ..>", to_f64s;
    /// Reads an integer.
    read_int, opt_int, i64, "an integer", to_int;
    /// Reads a non-negative integer.
    read_usize, opt_usize, usize, "a non-negative integer", |attribute| usize::try_from(to_int(attribute)?).ok();
    /// Reads a float.
    read_f32, opt_f32, f32, "a float", |attribute| Some(FloatAttribute::try_from(attribute).ok()?.value() as f32);
    /// Reads a float of double precision.
    read_f64, opt_f64, f64, "a float", |attribute| Some(FloatAttribute::try_from(attribute).ok()?.value());
    /// Reads `true` or `false`.
    read_bool, opt_bool, bool, "a boolean", |attribute| Some(BoolAttribute::try_from(attribute).ok()?.value());
    /// Reads a string.
    read_string, opt_string, String, "a string",
        |attribute| text_of(StringAttribute::try_from(attribute).ok()?);
    /// Reads a reference to a symbol.
    read_symbol, opt_symbol, String, "a symbol, such as @name",
        |attribute| symbol_of(FlatSymbolRefAttribute::try_from(attribute).ok()?);
    /// Reads an array of references to symbols.
    read_symbols, opt_symbols, Vec<String>, "an array of symbols, such as [@name]", to_symbols;
    /// Reads an array of affine maps.
    read_maps, opt_maps, Vec<IndexMap>, "an array of affine maps whose results are sums of distinct dimensions",
        to_maps;
}

/// Reads a string that says something else, or nothing where the attribute is missing.
///
/// # Errors
/// When the attribute is no string, or its text does not parse.
pub fn opt_parsed<T: FromStr<Err: std::fmt::Display>>(op: OperationRef, name: &str) -> Result<Option<T>> {
    let parse =
        |text: String| text.parse().map_err(|e| Error::at(op.location(), format!("attribute {name:?}: {e}")));
    opt_string(op, name)?.map(parse).transpose()
}

/// Reads `array<i64: ..>` of exactly `N` non-negative values.
///
/// # Errors
/// When the attribute is of another kind or length, or missing without a default.
pub fn read_sized<const N: usize>(
    op: OperationRef,
    name: &str,
    default: Option<[usize; N]>,
) -> Result<[usize; N]> {
    match (opt_usizes(op, name)?, default) {
        (Some(values), _) => values.try_into().map_err(|values: Vec<usize>| {
            let op_name = crate::op::op_name(op);
            let found = values.len();
            Error::at(
                op.location(),
                format!("'{op_name}' attribute '{name}': expected {N} values, found {found}"),
            )
        }),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(missing(op, name, "array<i64: ..>")),
    }
}

fn missing(op: OperationRef, name: &str, expected: &str) -> Error {
    Error::at(op.location(), format!("'{}' needs attribute '{name}': {expected}", crate::op::op_name(op)))
}

fn wrong(op: OperationRef, name: &str, expected: &str, found: Attribute) -> Error {
    let op_name = crate::op::op_name(op);
    Error::at(op.location(), format!("'{op_name}' attribute '{name}': expected {expected}, found {found}"))
}

/// The value of an integer attribute.
pub fn to_int(attribute: Attribute) -> Option<i64> {
    Some(IntegerAttribute::try_from(attribute).ok()?.value())
}

/// The values of `array<i64: ..>`.
pub fn to_i64s(attribute: Attribute) -> Option<Vec<i64>> {
    let raw = attribute.to_raw();
    // SAFETY: the attribute is alive; elements are asked for within bounds, of an array of this kind alone.
    unsafe {
        mlirAttributeIsADenseI64Array(raw).then(|| {
            (0..mlirDenseArrayGetNumElements(raw))
                .map(|index| mlirDenseI64ArrayGetElement(raw, index))
                .collect()
        })
    }
}

/// Most elements of a `dense` attribute that are read.
const MOST_ELEMENTS: i64 = 1 << 28;

fn to_elements(attribute: Attribute) -> Option<Vec<i64>> {
    let raw = attribute.to_raw();
    // SAFETY: `attribute` keeps its context alive; its kind, element type and width are checked before an element is read.
    unsafe {
        if !mlirAttributeIsADenseIntElements(raw) {
            return None;
        }
        let ty = mlirShapedTypeGetElementType(mlirAttributeGetType(raw));
        if !mlirTypeIsAInteger(ty) || mlirIntegerTypeGetWidth(ty) != 64 {
            return None;
        }
        let count = mlirElementsAttrGetNumElements(raw);
        // a splat says in a line what would fill any memory
        if count > MOST_ELEMENTS {
            return None;
        }
        Some((0..count as isize).map(|index| mlirDenseElementsAttrGetInt64Value(raw, index)).collect())
    }
}

/// The numbers of an array of doubles.
pub fn to_f64s(attribute: Attribute) -> Option<Vec<f64>> {
    let raw = attribute.to_raw();
    // SAFETY: the attribute is alive; elements are asked for within bounds, of an array of this kind alone.
    unsafe {
        mlirAttributeIsADenseF64Array(raw).then(|| {
            (0..mlirDenseArrayGetNumElements(raw))
                .map(|index| mlirDenseF64ArrayGetElement(raw, index))
                .collect()
        })
    }
}

fn to_lists(attribute: Attribute) -> Option<Vec<Vec<i64>>> {
    let array = ArrayAttribute::try_from(attribute).ok()?;
    (0..array.len()).map(|index| to_i64s(array.element(index).ok()?)).collect()
}

fn to_symbols(attribute: Attribute) -> Option<Vec<String>> {
    let array = ArrayAttribute::try_from(attribute).ok()?;
    let name = |index| symbol_of(FlatSymbolRefAttribute::try_from(array.element(index).ok()?).ok()?);
    (0..array.len()).map(name).collect()
}

fn to_maps(attribute: Attribute) -> Option<Vec<IndexMap>> {
    let raw = attribute.to_raw();
    // SAFETY: the attribute is alive; elements are asked for within bounds of an array, and a map of an attribute that has one.
    unsafe {
        if !mlirAttributeIsAArray(raw) {
            return None;
        }
        (0..mlirArrayAttrGetNumElements(raw))
            .map(|index| {
                let element = mlirArrayAttrGetElement(raw, index);
                if !mlirAttributeIsAAffineMap(element) {
                    return None;
                }
                map_from_raw(mlirAffineMapAttrGetValue(element))
            })
            .collect()
    }
}

fn map_to_raw(context: &Context, map: &IndexMap) -> MlirAttribute {
    // SAFETY: the context is alive, and `results` is as long as it says, of expressions of that context.
    unsafe {
        let mut results = map
            .results
            .iter()
            .map(|dims| {
                dims.iter()
                    .map(|&dim| mlirAffineDimExprGet(context.to_raw(), dim as isize))
                    .reduce(|left, right| mlirAffineAddExprGet(left, right))
                    .unwrap_or_else(|| mlirAffineConstantExprGet(context.to_raw(), 0))
            })
            .collect::<Vec<_>>();
        mlirAffineMapAttrGet(mlirAffineMapGet(
            context.to_raw(),
            map.dims as isize,
            0,
            results.len() as isize,
            results.as_mut_ptr(),
        ))
    }
}

unsafe fn map_from_raw(map: MlirAffineMap) -> Option<IndexMap> {
    unsafe fn dims(expression: MlirAffineExpr, into: &mut Vec<usize>) -> Option<()> {
        // SAFETY: expressions of a map that is alive; sides are asked of sums alone, positions of dimensions alone.
        unsafe {
            if mlirAffineExprIsADim(expression) {
                into.push(mlirAffineDimExprGetPosition(expression) as usize);
                Some(())
            } else if mlirAffineExprIsAAdd(expression) {
                dims(mlirAffineBinaryOpExprGetLHS(expression), into)?;
                dims(mlirAffineBinaryOpExprGetRHS(expression), into)
            } else {
                None
            }
        }
    }
    // SAFETY: the caller gives a map that is alive; results are asked for within bounds.
    unsafe {
        if mlirAffineMapGetNumSymbols(map) != 0 {
            return None;
        }
        let results = (0..mlirAffineMapGetNumResults(map))
            .map(|index| {
                let mut found = vec![];
                dims(mlirAffineMapGetResult(map, index), &mut found)?;
                found.sort_unstable();
                let count = found.len();
                found.dedup();
                (found.len() == count).then_some(found)
            })
            .collect::<Option<_>>()?;
        Some(IndexMap { dims: mlirAffineMapGetNumDims(map) as usize, results })
    }
}
/// The text of a string attribute; none where it is no UTF-8, which MLIR allows.
pub fn text_of(attribute: StringAttribute) -> Option<String> {
    // SAFETY: the attribute is a string attribute, by its type.
    text(unsafe { mlirStringAttrGetValue(attribute.to_raw()) })
}

/// The name that a symbol attribute has, as [`text_of`].
pub fn symbol_of(attribute: FlatSymbolRefAttribute) -> Option<String> {
    // SAFETY: the attribute is a flat symbol reference, by its type.
    text(unsafe { mlirFlatSymbolRefAttrGetValue(attribute.to_raw()) })
}

/// A text of MLIR; none where it is no UTF-8. Empty ones may stand nowhere.
pub fn text(raw: MlirStringRef) -> Option<String> {
    if raw.length == 0 {
        return Some(String::new());
    }
    // SAFETY: MLIR's texts are alive as long as their context, and so many bytes long.
    let bytes = unsafe { std::slice::from_raw_parts(raw.data.cast::<u8>(), raw.length) };
    String::from_utf8(bytes.to_vec()).ok()
}
