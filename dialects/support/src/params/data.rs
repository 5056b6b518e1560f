//! The values of a parameter: typed, shared, and never copied or widened as a whole.
//!
//! Invariants: the bytes of [`Values`] are a whole number of values, as aligned as their type asks for; they stand in memory as
//! they do in files, little endian.

use crate::{Error, Result};
use bytes::Bytes;
use safetensors::Dtype;
use std::{fmt, marker::PhantomData, ops::Deref};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const _: () = assert!(cfg!(target_endian = "little"), "values in memory are those of files");

/// A type that values have.
pub trait Number: FromBytes + IntoBytes + Immutable + Copy + PartialEq + fmt::Debug + Send + 'static {}

impl<T: FromBytes + IntoBytes + Immutable + Copy + PartialEq + fmt::Debug + Send + 'static> Number for T {}

/// Values of one type; a clone shares them.
#[derive(Clone)]
pub struct Values<T> {
    bytes: Bytes,
    of: PhantomData<T>,
}

impl<T: Number> Values<T> {
    /// Values where they lie; they are copied only where that is not as aligned as their type asks for.
    fn from_bytes(bytes: Bytes) -> Self {
        if <[T]>::ref_from_bytes(&bytes).is_ok() {
            return Self { bytes, of: PhantomData };
        }
        bytes.chunks_exact(size_of::<T>()).filter_map(|value| T::read_from_bytes(value).ok()).collect()
    }
}

impl<T: Number> Deref for Values<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        <[T]>::ref_from_bytes(&self.bytes).expect("values are aligned and whole")
    }
}

impl<T: Number> From<Vec<T>> for Values<T> {
    fn from(values: Vec<T>) -> Self {
        struct Owned<T>(Vec<T>);
        impl<T: Number> AsRef<[u8]> for Owned<T> {
            fn as_ref(&self) -> &[u8] {
                self.0.as_slice().as_bytes()
            }
        }
        Self { bytes: Bytes::from_owner(Owned(values)), of: PhantomData }
    }
}

impl<T: Number> FromIterator<T> for Values<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Vec::from_iter(values).into()
    }
}

impl<T: Number> PartialEq for Values<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Number> fmt::Debug for Values<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The values of one parameter, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamData {
    /// Floats.
    F32(Values<f32>),
    /// Quantized weights.
    I8(Values<i8>),
    /// Weights times small factors.
    I16(Values<i16>),
    /// Biases.
    I32(Values<i32>),
    /// Integers of a circuit.
    I64(Values<i64>),
}

/// Runs an expression with `$values` the integers of a [`ParamData`] as they are stored, compiled for each type; an error for
/// floats.
#[macro_export]
macro_rules! with_integers {
    ($data:expr, |$values:ident| $body:expr) => {
        match $data {
            $crate::params::ParamData::F32(_) => {
                Err($crate::Error::new("expected integers, found f32 values"))
            }
            $crate::params::ParamData::I8($values) => Ok($body),
            $crate::params::ParamData::I16($values) => Ok($body),
            $crate::params::ParamData::I32($values) => Ok($body),
            $crate::params::ParamData::I64($values) => {
                // what widens the other types says nothing here
                #[allow(clippy::useless_conversion)]
                let made = $body;
                Ok(made)
            }
        }
    };
}

/// A [`ParamData`] of the same type, of what an expression makes of `$values`, compiled for each type.
#[macro_export]
macro_rules! map_values {
    ($data:expr, |$values:ident| $body:expr) => {
        match $data {
            $crate::params::ParamData::F32($values) => $crate::params::ParamData::F32($body.into()),
            $crate::params::ParamData::I8($values) => $crate::params::ParamData::I8($body.into()),
            $crate::params::ParamData::I16($values) => $crate::params::ParamData::I16($body.into()),
            $crate::params::ParamData::I32($values) => $crate::params::ParamData::I32($body.into()),
            $crate::params::ParamData::I64($values) => $crate::params::ParamData::I64($body.into()),
        }
    };
}

impl ParamData {
    /// So many integers within `lo..=hi`, in the narrowest type that holds those two.
    pub fn integers((lo, hi): (i64, i64), len: usize, integers: impl Iterator<Item = i64>) -> Self {
        fn collect<T: Number>(len: usize, integers: impl Iterator<Item = T>) -> Values<T> {
            let mut values = Vec::with_capacity(len);
            integers.for_each(|value| values.push(value));
            values.into()
        }
        let fits = |bits: u32| lo >= -1 << (bits - 1) && hi < 1 << (bits - 1);
        match () {
            () if fits(8) => Self::I8(collect(len, integers.map(|v| v as i8))),
            () if fits(16) => Self::I16(collect(len, integers.map(|v| v as i16))),
            () if fits(32) => Self::I32(collect(len, integers.map(|v| v as i32))),
            () => Self::I64(collect(len, integers)),
        }
    }

    /// These integers in the narrowest type that holds them.
    ///
    /// # Errors
    /// When they are floats.
    pub fn narrow(&self) -> Result<Self> {
        let bounds = self.bounds()?.unwrap_or((0, 0));
        let narrowest = Self::integers(bounds, 0, std::iter::empty());
        if narrowest.dtype() == self.dtype() {
            return Ok(self.clone());
        }
        with_integers!(self, |v| Self::integers(bounds, v.len(), v.iter().map(|&v| v.into())))
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.bytes().len() / self.dtype().size()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as they are stored.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::F32(values) => &values.bytes,
            Self::I8(values) => &values.bytes,
            Self::I16(values) => &values.bytes,
            Self::I32(values) => &values.bytes,
            Self::I64(values) => &values.bytes,
        }
    }

    /// The values as floats.
    ///
    /// # Errors
    /// When they are integers.
    pub fn f32s(&self) -> Result<&[f32]> {
        match self {
            Self::F32(values) => Ok(values),
            other => Err(Error::new(format!("expected f32 values, found {}", other.kind()))),
        }
    }

    /// The values as integers, widened: for few.
    ///
    /// # Errors
    /// When they are floats.
    pub fn to_i64s(&self) -> Result<Vec<i64>> {
        with_integers!(self, |values| values.iter().map(|&value| value.into()).collect())
    }

    /// One of the integers, widened.
    pub fn integer(&self, i: usize) -> Option<i64> {
        with_integers!(self, |values| values.get(i).map(|&value| value.into())).ok().flatten()
    }

    /// Smallest and largest of the integers; none where there are none.
    ///
    /// # Errors
    /// When they are floats.
    pub fn bounds(&self) -> Result<Option<(i64, i64)>> {
        fn ends<T: Copy + Ord + Into<i64>>(values: &[T]) -> Option<(i64, i64)> {
            let first = *values.first()?;
            let (lo, hi) = values.iter().fold((first, first), |(lo, hi), &v| (lo.min(v), hi.max(v)));
            Some((lo.into(), hi.into()))
        }
        with_integers!(self, |values| ends(values))
    }

    /// The name of their type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::I8(_) => "i8",
            Self::I16(_) => "i16",
            Self::I32(_) => "i32",
            Self::I64(_) => "i64",
        }
    }

    pub(super) fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::I8(_) => Dtype::I8,
            Self::I16(_) => Dtype::I16,
            Self::I32(_) => Dtype::I32,
            Self::I64(_) => Dtype::I64,
        }
    }

    pub(super) fn from_bytes(dtype: Dtype, bytes: Bytes) -> Result<Self> {
        match dtype {
            Dtype::F32 => Ok(Self::F32(Values::from_bytes(bytes))),
            Dtype::I8 => Ok(Self::I8(Values::from_bytes(bytes))),
            Dtype::I16 => Ok(Self::I16(Values::from_bytes(bytes))),
            Dtype::I32 => Ok(Self::I32(Values::from_bytes(bytes))),
            Dtype::I64 => Ok(Self::I64(Values::from_bytes(bytes))),
            other => Err(Error::new(format!("expected values of F32, I8, I16, I32 or I64, found {other:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_type_that_holds_all() {
        let kind = |v: i64| ParamData::I64(vec![0, v].into()).narrow().unwrap().kind();
        assert_eq!([-128, 127, 128, -129].map(kind), ["i8", "i8", "i16", "i16"]);
        assert_eq!([1 << 15, -1 << 15, 1 << 31, -1 << 31].map(kind), ["i32", "i16", "i64", "i32"]);
        let narrow = ParamData::I8(vec![1, 2].into());
        assert_eq!(narrow.narrow().unwrap().bytes().as_ptr(), narrow.bytes().as_ptr());
        assert!(ParamData::F32(vec![1.0].into()).narrow().is_err());
    }

    #[test]
    fn bytes_that_are_not_aligned_are_copied() {
        let values: Vec<i32> = (0..9).collect();
        let bytes = Bytes::from_iter([0u8].into_iter().chain(values.as_bytes().iter().copied()));
        for skip in 0..4 {
            let some = bytes.slice(1 + 4 * skip..);
            let read = ParamData::from_bytes(Dtype::I32, some).unwrap();
            assert_eq!(read, ParamData::I32(values[skip..].to_vec().into()));
        }
    }
}
