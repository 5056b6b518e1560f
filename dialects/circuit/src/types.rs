//! The type of circuit values as a Rust value.

use crate::semantics::{FIELD_LIMIT, Interval};
use melior::{
    Context,
    ir::{Type, TypeLike, Value, ValueLike},
};
use mlir_sys::{MlirContext, MlirType};
use tessera_mlir::{Error, Result, shape};

/// `!circuit.tensor<shape in [lo, hi]>`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CircuitType {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Least value of an element.
    pub lo: i64,
    /// Greatest value of an element.
    pub hi: i64,
}

impl CircuitType {
    /// A type from its parts, unchecked; [`CircuitType::to_type`] checks.
    pub fn new(shape: impl Into<Vec<usize>>, lo: i64, hi: i64) -> Self {
        Self { shape: shape.into(), lo, hi }
    }

    /// A type with an interval that was computed.
    ///
    /// # Errors
    /// When the interval does not lie within half the field.
    pub fn with_interval(shape: impl Into<Vec<usize>>, interval: Interval) -> Result<Self> {
        if !interval.fits_field() {
            return Err(Error::new(format!(
                "the interval {interval} leaves half the field (±{}): the value could wrap",
                FIELD_LIMIT
            )));
        }
        Ok(Self::new(shape, interval.lo as i64, interval.hi as i64))
    }

    /// Reads a type.
    ///
    /// # Errors
    /// When it is not a circuit tensor.
    pub fn read(ty: Type) -> Result<Self> {
        let raw = ty.to_raw();
        // SAFETY: the type is alive; what follows the first question is asked of circuit tensors alone.
        unsafe {
            if !tesseraCircuitTypeIsTensor(raw) {
                return Err(Error::new(format!("expected !circuit.tensor, found {ty}")));
            }
            Ok(Self {
                shape: (0..tesseraCircuitTensorRank(raw))
                    .map(|axis| tesseraCircuitTensorExtent(raw, axis) as usize)
                    .collect(),
                lo: tesseraCircuitTensorLow(raw),
                hi: tesseraCircuitTensorHigh(raw),
            })
        }
    }

    /// Reads the type of a value.
    ///
    /// # Errors
    /// When it is not a circuit tensor.
    pub fn of(value: Value) -> Result<Self> {
        Self::read(value.r#type()).map_err(|error| error.or_at(value.location()))
    }

    /// The MLIR type.
    ///
    /// # Errors
    /// When an extent is 0, there are too many elements, the interval is empty or leaves half the field.
    pub fn to_type<'c>(&self, context: &'c Context) -> Result<Type<'c>> {
        shape::elements(&self.shape)?;
        let extents = self.shape.iter().map(|&extent| extent as i64).collect::<Vec<_>>();
        let interval = Interval { lo: self.lo.into(), hi: self.hi.into() };
        if self.lo > self.hi || !interval.fits_field() || extents.contains(&0) {
            return Err(Error::new(format!(
                "!circuit.tensor<{} in {interval}>: expected extents of at least 1 and an interval within half the field",
                shape::show(&self.shape)
            )));
        }
        // SAFETY: the context is alive, and `extents` is as long as it says.
        Ok(unsafe {
            Type::from_raw(tesseraCircuitTensorGet(
                context.to_raw(),
                extents.len() as isize,
                extents.as_ptr(),
                self.lo,
                self.hi,
            ))
        })
    }

    /// The interval of every element.
    pub fn interval(&self) -> Interval {
        Interval { lo: self.lo.into(), hi: self.hi.into() }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element, which no valid type has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

unsafe extern "C" {
    fn tesseraCircuitTypeIsTensor(ty: MlirType) -> bool;
    fn tesseraCircuitTensorRank(ty: MlirType) -> isize;
    fn tesseraCircuitTensorExtent(ty: MlirType, axis: isize) -> i64;
    fn tesseraCircuitTensorLow(ty: MlirType) -> i64;
    fn tesseraCircuitTensorHigh(ty: MlirType) -> i64;
    fn tesseraCircuitTensorGet(
        context: MlirContext,
        rank: isize,
        shape: *const i64,
        lo: i64,
        hi: i64,
    ) -> MlirType;
}
