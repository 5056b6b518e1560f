//! Tensors that are known while a model is read: weights, and what shape arithmetic computes.
//!
//! Invariant: data hold what the element type can: f32 for the floats that models compute with, f64 for doubles, integers and
//! truth values. f64 holds every integer up to 2^53, which no shape, index or step reaches; larger ones only mark "to the end".

use crate::error::Reason;
use ndarray::{ArrayD, IxDyn};
use tract_onnx::pb::{TensorProto, tensor_proto::DataType};

/// More texts than a model names: `f32` has every integer up to it.
const MOST_TEXTS: f64 = (1 << 24) as f64;

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    F16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
    /// A text, as its place in the list of all that the model names; beyond the list is any other.
    Text,
}

impl Kind {
    /// The type that ONNX numbers so, where it is supported.
    pub(crate) fn of(code: i64) -> Option<Kind> {
        Some(match DataType::try_from(i32::try_from(code).ok()?).ok()? {
            DataType::Float16 => Kind::F16,
            DataType::Float => Kind::F32,
            DataType::Double => Kind::F64,
            DataType::Int8 => Kind::I8,
            DataType::Int16 => Kind::I16,
            DataType::Int32 => Kind::I32,
            DataType::Int64 => Kind::I64,
            DataType::Uint8 => Kind::U8,
            DataType::Uint16 => Kind::U16,
            DataType::Uint32 => Kind::U32,
            DataType::Uint64 => Kind::U64,
            DataType::Bool => Kind::Bool,
            _ => return None,
        })
    }

    /// The type of an input or an output, which may be text, too.
    pub(crate) fn of_port(code: i64) -> Option<Kind> {
        if code == i64::from(DataType::String as i32) { Some(Kind::Text) } else { Kind::of(code) }
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, Kind::F16 | Kind::F32 | Kind::F64)
    }

    /// Bytes of an element in `raw_data`.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Kind::I8 | Kind::U8 | Kind::Bool => 1,
            Kind::F16 | Kind::I16 | Kind::U16 => 2,
            Kind::F32 | Kind::I32 | Kind::U32 => 4,
            Kind::F64 | Kind::I64 | Kind::U64 | Kind::Text => 8,
        }
    }

    /// A number as an element in `raw_data`, little endian; a half as the float of 32 bits that it is here.
    pub(crate) fn encode(self, x: f64) -> Vec<u8> {
        let x = self.hold(x);
        match self {
            Kind::F16 | Kind::F32 => (x as f32).to_le_bytes().to_vec(),
            Kind::F64 => x.to_le_bytes().to_vec(),
            // two's complement has the low bytes of wider integers
            Kind::I8
            | Kind::I16
            | Kind::I32
            | Kind::I64
            | Kind::U8
            | Kind::U16
            | Kind::U32
            | Kind::U64
            | Kind::Bool
            | Kind::Text => (x as i128).to_le_bytes()[..self.bytes()].to_vec(),
        }
    }

    /// Least and greatest integer, of an integer type.
    pub(crate) fn bounds(self) -> Option<(f64, f64)> {
        let signed = |bits: i32| (-(2f64.powi(bits - 1)), 2f64.powi(bits - 1) - 1.0);
        let unsigned = |bits: i32| (0.0, 2f64.powi(bits) - 1.0);
        Some(match self {
            Kind::I8 => signed(8),
            Kind::I16 => signed(16),
            Kind::I32 => signed(32),
            Kind::I64 => signed(64),
            Kind::U8 => unsigned(8),
            Kind::U16 => unsigned(16),
            Kind::U32 => unsigned(32),
            Kind::U64 => unsigned(64),
            Kind::F16 | Kind::F32 | Kind::F64 | Kind::Bool | Kind::Text => return None,
        })
    }

    /// A number as this type holds it: integers wrap as in the arithmetic of machines, truth is 1.
    pub(crate) fn hold(self, x: f64) -> f64 {
        match (self, self.bounds()) {
            (Kind::Bool, _) => f64::from(u8::from(x != 0.0)),
            (Kind::F32 | Kind::F16, _) => (x as f32).into(),
            (_, Some((low, high))) => {
                let x = x.trunc();
                let span = high - low + 1.0;
                if (low..=high).contains(&x) { x } else { x - span * ((x - low) / span).floor() }
            }
            (_, None) => x,
        }
    }
}

/// Elements, row-major.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    F32(ArrayD<f32>),
    F64(ArrayD<f64>),
}

/// A known tensor.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    /// What the file calls it, or what it was made for.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) data: Data,
}

impl Tensor {
    /// A tensor of computed elements, each as its type holds it.
    pub(crate) fn new(name: &str, kind: Kind, shape: &[usize], data: Vec<f64>) -> Result<Tensor, Reason> {
        let fits = |_| format!("{} elements do not fit the shape {shape:?}", shape.iter().product::<usize>());
        let data = match kind {
            Kind::F32 | Kind::F16 => Data::F32(
                ArrayD::from_shape_vec(IxDyn(shape), data.iter().map(|&v| v as f32).collect())
                    .map_err(fits)?,
            ),
            _ => {
                let held = data.iter().map(|&v| kind.hold(v)).collect();
                Data::F64(ArrayD::from_shape_vec(IxDyn(shape), held).map_err(fits)?)
            }
        };
        Ok(Tensor { name: name.to_owned(), kind, data })
    }

    pub(crate) fn shape(&self) -> &[usize] {
        match &self.data {
            Data::F32(a) => a.shape(),
            Data::F64(a) => a.shape(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.data {
            Data::F32(a) => a.len(),
            Data::F64(a) => a.len(),
        }
    }

    /// All elements.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        match &self.data {
            Data::F32(a) => a.iter().map(|&v| v.into()).collect(),
            Data::F64(a) => a.iter().copied().collect(),
        }
    }

    /// All elements as integers; what is greater is the greatest.
    pub(crate) fn integers(&self) -> Vec<i64> {
        self.numbers().into_iter().map(|v| v as i64).collect()
    }

    /// All elements as f32.
    pub(crate) fn floats(&self) -> ArrayD<f32> {
        match &self.data {
            Data::F32(a) => a.clone(),
            Data::F64(a) => a.mapv(|v| v as f32),
        }
    }

    /// The one element.
    pub(crate) fn number(&self) -> Option<f64> {
        (self.len() == 1).then(|| self.numbers()[0])
    }

    /// The tensor of a file. Its length was checked when the file was read.
    pub(crate) fn read(t: &TensorProto) -> Result<Tensor, Reason> {
        let kind = Kind::of_port(t.data_type.into());
        let kind = kind.ok_or_else(|| format!("elements of type {} are not supported", t.data_type))?;
        let shape: Vec<usize> = t.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
        let raw = &t.raw_data[..];
        macro_rules! raw {
            ($ty:ty) => {
                raw.chunks_exact(size_of::<$ty>())
                    .map(|b| <$ty>::from_le_bytes(b.try_into().unwrap_or_default()) as f64)
                    .collect::<Vec<f64>>()
            };
        }
        let fits = |_| format!("the data of \"{}\" do not fit the shape {shape:?}", t.name);
        if kind == Kind::F32 {
            let data = match raw {
                [] => t.float_data.clone(),
                raw => raw
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes(b.try_into().unwrap_or_default()))
                    .collect(),
            };
            let data = Data::F32(ArrayD::from_shape_vec(IxDyn(&shape), data).map_err(fits)?);
            return Ok(Tensor { name: t.name.clone(), kind, data });
        }
        let bits = |v: u16| f64::from(half(v));
        let data = match kind {
            // places, which `proto` puts there
            Kind::Text if t.double_data.iter().all(|v| v.fract() == 0.0 && (0.0..MOST_TEXTS).contains(v)) => {
                t.double_data.clone()
            }
            Kind::Text => return Err(format!("the texts of \"{}\" have no places", t.name)),
            _ if raw.is_empty() => match kind {
                Kind::F64 => t.double_data.clone(),
                Kind::I64 => t.int64_data.iter().map(|&v| v as f64).collect(),
                Kind::U32 | Kind::U64 => t.uint64_data.iter().map(|&v| v as f64).collect(),
                Kind::F16 => t.int32_data.iter().map(|&v| bits(v as u16)).collect(),
                _ => t.int32_data.iter().map(|&v| v.into()).collect(),
            },
            Kind::F16 => raw
                .chunks_exact(2)
                .map(|b| bits(u16::from_le_bytes(b.try_into().unwrap_or_default())))
                .collect(),
            Kind::F32 => vec![],
            Kind::F64 => raw!(f64),
            Kind::I8 => raw!(i8),
            Kind::U8 | Kind::Bool => raw!(u8),
            Kind::I16 => raw!(i16),
            Kind::U16 => raw!(u16),
            Kind::I32 => raw!(i32),
            Kind::U32 => raw!(u32),
            Kind::I64 => raw!(i64),
            Kind::U64 => raw!(u64),
        };
        Tensor::new(&t.name, kind, &shape, data)
    }
}

/// The number of an IEEE 754 half.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        e => (1.0 + fraction / 1024.0) * 2f32.powi(e - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_hold_what_machines_hold() {
        let held = [Kind::U8.hold(257.0), Kind::I8.hold(128.0), Kind::I8.hold(-129.0), Kind::I32.hold(-2.7)];
        assert_eq!(held, [1.0, -128.0, 127.0, -2.0]);
        assert_eq!([half(0x3c00), half(0xc000), half(0x0001)], [1.0, -2.0, 2f32.powi(-24)]);
        assert_eq!(Kind::Bool.hold(-3.0), 1.0);
    }
}
