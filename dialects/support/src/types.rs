//! Tensor types as Rust values.
//!
//! Invariant: a [`TensorType`] is ranked with static extents; everything else is an error that says so.

use crate::{Error, Result};
use melior::{
    Context,
    ir::{
        Type, TypeLike, Value, ValueLike,
        r#type::{IntegerType, RankedTensorType, ShapedTypeLike},
    },
};
use mlir_sys::*;
use std::{
    fmt,
    hash::{Hash, Hasher},
};

/// A float that compares and hashes by its bits, so that what holds one is a value: NaN is itself, and 0 is not −0.
#[derive(Clone, Copy, Debug, Default)]
pub struct F64(pub f64);

impl PartialEq for F64 {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for F64 {}

impl fmt::Display for F64 {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Hash for F64 {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// The element type of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Elem {
    /// IEEE single precision.
    F32,
    /// A signless integer of so many bits.
    Int(u32),
    /// A uniformly quantized value.
    Quant(Quant),
}

/// `!quant.uniform` with zero point 0: a real number is `stored · scale`.
#[derive(Clone, Debug)]
pub struct Quant {
    /// Bits of the storage type.
    pub bits: u32,
    /// Least stored value.
    pub min: i64,
    /// Greatest stored value.
    pub max: i64,
    /// One scale, or one per index of `axis`.
    pub scales: Vec<f64>,
    /// The axis that scales belong to; `None` when there is one scale for the tensor.
    pub axis: Option<usize>,
}

impl Quant {
    /// What two quantizations have in common when they are the same; scales by their bits.
    fn key(&self) -> (u32, i64, i64, Option<usize>, Vec<u64>) {
        let scales = self.scales.iter().map(|scale| scale.to_bits()).collect();
        (self.bits, self.min, self.max, self.axis, scales)
    }

    /// What holds the stored values of both, where these have the same scales.
    pub fn joined(&self, other: &Quant) -> Option<Quant> {
        let bits = |q: &Quant| q.scales.iter().map(|scale| scale.to_bits()).collect::<Vec<_>>();
        (self.axis == other.axis && bits(self) == bits(other)).then(|| Quant {
            bits: self.bits.max(other.bits),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            ..self.clone()
        })
    }

    /// Eight bits, symmetric: stored values in −127..127.
    pub fn i8(scale: f64) -> Self {
        Self { bits: 8, min: -127, max: 127, scales: vec![scale], axis: None }
    }

    /// Sixteen bits: stored values in −32768..32767.
    pub fn i16(scale: f64) -> Self {
        Self { bits: 16, min: -32768, max: 32767, scales: vec![scale], axis: None }
    }

    /// Eight bits, symmetric, with a scale for each index of an axis.
    pub fn per_channel_i8(scales: Vec<f64>, axis: usize) -> Self {
        Self { bits: 8, min: -127, max: 127, scales, axis: Some(axis) }
    }

    /// The scale of the tensor; `None` when scales are per channel.
    pub fn scale(&self) -> Option<f64> {
        if self.axis.is_none() { self.scales.first().copied() } else { None }
    }

    /// The scale at an index of the axis, or the one of the tensor.
    pub fn scale_at(&self, channel: usize) -> f64 {
        let index = if self.axis.is_some() { channel } else { 0 };
        self.scales.get(index).copied().unwrap_or(f64::NAN)
    }

    fn to_type<'c>(&self, context: &'c Context) -> Type<'c> {
        let storage = IntegerType::new(context, self.bits);
        let expressed = Type::float32(context);
        let zeros = vec![0i64; self.scales.len()];
        let mut scales = self.scales.clone();
        // SAFETY: the types are of the context, which is alive; scales and zero points are as many as it says.
        unsafe {
            let flags = mlirQuantizedTypeGetSignedFlag();
            Type::from_raw(match self.axis {
                None => mlirUniformQuantizedTypeGet(
                    flags,
                    storage.to_raw(),
                    expressed.to_raw(),
                    self.scale_at(0),
                    0,
                    self.min,
                    self.max,
                ),
                Some(axis) => mlirUniformQuantizedPerAxisTypeGet(
                    flags,
                    storage.to_raw(),
                    expressed.to_raw(),
                    scales.len() as isize,
                    scales.as_mut_ptr(),
                    zeros.as_ptr().cast_mut(),
                    axis as i32,
                    self.min,
                    self.max,
                ),
            })
        }
    }

    fn read(ty: Type) -> Option<Result<Self>> {
        let raw = ty.to_raw();
        // SAFETY: the type is alive; what follows is asked of a quantized type of the kind that the first lines found.
        unsafe {
            let per_axis = mlirTypeIsAUniformQuantizedPerAxisType(raw);
            if !per_axis && !mlirTypeIsAUniformQuantizedType(raw) {
                return None;
            }
            let (scales, zeros, axis) = if per_axis {
                let count = mlirUniformQuantizedPerAxisTypeGetNumDims(raw);
                (
                    (0..count).map(|index| mlirUniformQuantizedPerAxisTypeGetScale(raw, index)).collect(),
                    (0..count).map(|index| mlirUniformQuantizedPerAxisTypeGetZeroPoint(raw, index)).collect(),
                    Some(mlirUniformQuantizedPerAxisTypeGetQuantizedDimension(raw) as usize),
                )
            } else {
                (
                    vec![mlirUniformQuantizedTypeGetScale(raw)],
                    vec![mlirUniformQuantizedTypeGetZeroPoint(raw)],
                    None,
                )
            };
            if zeros.iter().any(|&zero| zero != 0) || !mlirQuantizedTypeIsSigned(raw) {
                return Some(Err(Error::new(format!(
                    "{ty} is not symmetric: expected a signed storage type and zero point 0"
                ))));
            }
            Some(Ok(Self {
                bits: mlirQuantizedTypeGetStorageTypeIntegralWidth(raw),
                min: mlirQuantizedTypeGetStorageTypeMin(raw),
                max: mlirQuantizedTypeGetStorageTypeMax(raw),
                scales,
                axis,
            }))
        }
    }
}

impl PartialEq for Quant {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Quant {}

impl Hash for Quant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Elem {
    /// Reads an element type.
    ///
    /// # Errors
    /// For anything but f32, signless integers and symmetric `!quant.uniform`.
    pub fn read(ty: Type) -> Result<Self> {
        if let Some(quant) = Quant::read(ty) {
            return quant.map(Self::Quant);
        }
        // SAFETY: the type is alive.
        if unsafe { mlirTypeIsAF32(ty.to_raw()) } {
            return Ok(Self::F32);
        }
        match IntegerType::try_from(ty) {
            Ok(integer) if integer.is_signless() => Ok(Self::Int(integer.width())),
            _ => Err(Error::new(format!(
                "expected elements of type f32, a signless integer or !quant.uniform, found {ty}"
            ))),
        }
    }

    /// The MLIR type.
    pub fn to_type<'c>(&self, context: &'c Context) -> Type<'c> {
        match self {
            Self::F32 => Type::float32(context),
            Self::Int(bits) => IntegerType::new(context, *bits).into(),
            Self::Quant(quant) => quant.to_type(context),
        }
    }
}

/// A ranked tensor type with static extents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Element type.
    pub elem: Elem,
}

impl TensorType {
    /// A tensor of f32.
    pub fn f32(shape: impl Into<Vec<usize>>) -> Self {
        Self { shape: shape.into(), elem: Elem::F32 }
    }

    /// A tensor of i32.
    pub fn i32(shape: impl Into<Vec<usize>>) -> Self {
        Self { shape: shape.into(), elem: Elem::Int(32) }
    }

    /// A tensor of quantized values.
    pub fn quant(shape: impl Into<Vec<usize>>, quant: Quant) -> Self {
        Self { shape: shape.into(), elem: Elem::Quant(quant) }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The quantization of the elements.
    ///
    /// # Errors
    /// When elements are not quantized.
    pub fn quantization(&self) -> Result<&Quant> {
        match &self.elem {
            Elem::Quant(quant) => Ok(quant),
            other => Err(Error::new(format!("expected quantized elements, found {other:?}"))),
        }
    }

    /// The MLIR type.
    pub fn to_type<'c>(&self, context: &'c Context) -> Type<'c> {
        tensor(context, &self.shape, &self.elem)
    }
}

/// A ranked tensor type.
pub fn tensor<'c>(context: &'c Context, shape: &[usize], elem: &Elem) -> Type<'c> {
    let shape = shape.iter().map(|&extent| extent as u64).collect::<Vec<_>>();
    RankedTensorType::new(&shape, elem.to_type(context), None).into()
}

/// Reads a tensor type.
///
/// # Errors
/// When the type is not a ranked tensor with static extents and a known element type.
pub fn read(ty: Type) -> Result<TensorType> {
    let ranked = RankedTensorType::try_from(ty)
        .map_err(|_| Error::new(format!("expected a ranked tensor, found {ty}")))?;
    let mut shape = Vec::with_capacity(ranked.rank());
    for axis in 0..ranked.rank() {
        // SAFETY: the type is a ranked tensor, and `axis` is below its rank.
        if unsafe { mlirShapedTypeIsDynamicDim(ty.to_raw(), axis as isize) } {
            return Err(Error::new(format!("expected static extents, found {ty}")));
        }
        // SAFETY: the type is a ranked tensor, and `axis` is below its rank.
        shape.push(unsafe { mlirShapedTypeGetDimSize(ty.to_raw(), axis as isize) } as usize);
    }
    Ok(TensorType { shape, elem: Elem::read(ranked.element())? })
}

/// Reads the tensor type of a value.
///
/// # Errors
/// As [`read`], at the place where the value is defined.
pub fn of(value: Value) -> Result<TensorType> {
    read(value.r#type()).map_err(|error| error.or_at(value.location()))
}
