//! NumPy's `.npy` format (versions 1 to 3), as much of it as models eat: numbers, C or Fortran order, either endianness.
//!
//! The format: NumPy enhancement proposal 1, "A Simple File Format for NumPy Arrays".
//!
//! Invariants: never panics; never allocates more than a small multiple of the file's own length; the dtype is kept,
//! conversion is the reader's business.
use super::{Array, Numbers};
use crate::failure::{Failure, Result};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Dtypes of numbers that are read, for messages.
pub const DTYPES: &str = "float16, float32, float64, int8 to int64, uint8 to uint64 or bool";
/// Most characters of a text.
const LONGEST: usize = 1 << 16;

/// Reads a whole `.npy` file.
pub fn read(bytes: &[u8]) -> Result<Array> {
    let header_error = |why: &str| {
        Failure::new(format!("not a readable .npy file: {why}"))
            .expected("an array written by numpy.save")
            .help("save the array again with numpy.save(path, array)")
    };
    if !bytes.starts_with(MAGIC) {
        return Err(header_error("it does not start with the bytes of NumPy's format"));
    }
    let cut = || header_error("it ends inside its header");
    let major = *bytes.get(6).ok_or_else(cut)?;
    let (length, start) = match major {
        1 => (bytes.get(8..10).ok_or_else(cut)?.iter().rev().fold(0, |n, b| n << 8 | *b as usize), 10),
        2 | 3 => (bytes.get(8..12).ok_or_else(cut)?.iter().rev().fold(0, |n, b| n << 8 | *b as usize), 12),
        v => return Err(header_error(&format!("its format version is {v}, known are 1 to 3"))),
    };
    let header = bytes.get(start..start + length).ok_or_else(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| header_error("its header is not text"))?;
    let header = Header::parse(header).ok_or_else(|| header_error("its header is not a NumPy dictionary"))?;
    let body = &bytes[start + length..];

    let (little, kind, size) = dtype(&header.descr).ok_or_else(|| {
        Failure::new("the array has a dtype that no model eats")
            .expected(format!("{DTYPES}; or text, like <U8"))
            .found(readable(&header.descr))
            .help("convert it first, for example array.astype(numpy.float32)")
    })?;
    let count = header.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    let needed = count.and_then(|n| n.checked_mul(size));
    let (Some(count), Some(needed)) = (count, needed) else {
        return Err(header_error("its shape overflows"));
    };
    if body.len() != needed {
        return Err(Failure::new("the .npy file does not hold the array that its header announces")
            .expected(format!("{needed} bytes for shape {:?} of {}", header.shape, readable(&header.descr)))
            .found(format!("{} bytes", body.len()))
            .help("the file was cut or written twice; save the array again"));
    }
    let body = if header.fortran { reorder(body, &header.shape, size) } else { body.to_vec() };
    let numbers = match kind {
        'U' => Numbers::Text(
            texts(&body, little, size, count)
                .ok_or_else(|| header_error("a text holds what is no character"))?,
        ),
        _ => numbers(&body, little, kind, size),
    };
    debug_assert_eq!(numbers.len(), count);
    Ok(Array { shape: header.shape, numbers })
}

/// Writes a C-order little-endian `.npy` file.
pub fn write(array: &Array) -> Vec<u8> {
    let descr_of_texts;
    let (descr, body): (&str, Vec<u8>) = match &array.numbers {
        Numbers::F32(v) => ("<f4", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        Numbers::F64(v) => ("<f8", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        Numbers::I64(v, _) => ("<i8", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        Numbers::Text(v) => {
            let most = v.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
            descr_of_texts = format!("<U{most}");
            let filled = |text: &String| {
                let characters = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(most);
                characters.flat_map(u32::to_le_bytes).collect::<Vec<u8>>()
            };
            (&descr_of_texts, v.iter().flat_map(filled).collect())
        }
    };
    let shape: String = array.shape.iter().map(|d| format!("{d}, ")).collect();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    // the data begin at a multiple of 64 bytes: 10 before the header, and a newline ends it
    header.push_str(&" ".repeat((64 - (11 + header.len()) % 64) % 64));
    header.push('\n');
    let mut out = MAGIC.to_vec();
    out.extend([1, 0]);
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(body);
    out
}

/// The header's dictionary: a Python literal with three known keys.
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &str) -> Option<Header> {
        let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
        Some(Header {
            descr: value(inner, "descr")?.strip_prefix('\'')?.split('\'').next()?.to_string(),
            fortran: value(inner, "fortran_order")?.starts_with("True"),
            shape: value(inner, "shape")?
                .strip_prefix('(')?
                .split_once(')')?
                .0
                .split(',')
                .map(str::trim)
                .filter(|d| !d.is_empty())
                .map(|d| d.trim_end_matches('L').parse().ok())
                .collect::<Option<_>>()?,
        })
    }
}

/// What follows `'key':`.
fn value<'a>(dictionary: &'a str, key: &str) -> Option<&'a str> {
    let at = dictionary.find(&format!("'{key}'"))?;
    Some(dictionary[at + key.len() + 2..].trim_start().strip_prefix(':')?.trim_start())
}

/// Byte order, kind and size of a numeric dtype.
fn dtype(descr: &str) -> Option<(bool, char, usize)> {
    let mut chars = descr.chars();
    let order = chars.next()?;
    let kind = chars.next()?;
    let size: usize = chars.as_str().parse().ok()?;
    if kind == 'U' {
        // four bytes a character
        let known = (1..=LONGEST).contains(&size) && matches!(order, '<' | '>' | '=');
        return known.then(|| (order != '>', kind, 4 * size));
    }
    let known = match kind {
        'f' => matches!(size, 2 | 4 | 8),
        'i' | 'u' => matches!(size, 1 | 2 | 4 | 8),
        'b' => size == 1,
        _ => false,
    };
    (known && matches!(order, '<' | '>' | '|' | '=')).then_some((order != '>', kind, size))
}

/// `<c8` as NumPy would say it.
fn readable(descr: &str) -> String {
    let name = match descr.get(1..2) {
        Some("f") => "float",
        Some("i") => "int",
        Some("u") => "uint",
        Some("c") => "complex",
        Some("b") => return "bool".into(),
        Some("U") | Some("S") => return format!("text ({descr})"),
        Some("O") => return "Python objects".into(),
        Some("M") | Some("m") => return format!("dates ({descr})"),
        _ => return descr.into(),
    };
    match descr.get(2..).and_then(|s| s.parse::<u32>().ok()) {
        Some(bytes) => format!("{name}{}", u64::from(bytes) * 8),
        None => descr.into(),
    }
}

/// Elements of Fortran order to C order.
fn reorder(body: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1;
    for (s, d) in strides.iter_mut().zip(shape) {
        *s = step;
        step *= d;
    }
    let mut out = Vec::with_capacity(body.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..body.len() / size {
        let at: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
        out.extend(&body[at * size..(at + 1) * size]);
        for d in (0..shape.len()).rev() {
            index[d] += 1;
            if index[d] < shape[d] {
                break;
            }
            index[d] = 0;
        }
    }
    out
}

/// Texts of four bytes a character, filled up with zeros.
fn texts(body: &[u8], little: bool, size: usize, count: usize) -> Option<Vec<String>> {
    let character = |c: &[u8]| {
        let bytes = c.try_into().ok()?;
        char::from_u32(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let text = |at: usize| -> Option<String> {
        let text: String =
            body[at * size..(at + 1) * size].chunks_exact(4).map(character).collect::<Option<_>>()?;
        Some(text.trim_end_matches('\0').to_owned())
    };
    (0..count).map(text).collect()
}

fn numbers(body: &[u8], little: bool, kind: char, size: usize) -> Numbers {
    // every element as the eight bytes of a little-endian word, low bytes first
    let words = body.chunks_exact(size).map(|c| {
        let mut w = [0u8; 8];
        w[..size].copy_from_slice(c);
        if !little {
            w[..size].reverse();
        }
        u64::from_le_bytes(w)
    });
    let unused = 64 - 8 * size as u32;
    match (kind, size) {
        ('f', 2) => Numbers::F32(words.map(|w| half(w as u16)).collect()),
        ('f', 4) => Numbers::F32(words.map(|w| f32::from_bits(w as u32)).collect()),
        ('f', _) => Numbers::F64(words.map(f64::from_bits).collect()),
        ('i', _) => Numbers::I64(words.map(|w| (w << unused) as i64 >> unused).collect(), name(kind, size)),
        // beyond i64 an unsigned number saturates: no model distinguishes 2^63 from more
        _ => Numbers::I64(words.map(|w| i64::try_from(w).unwrap_or(i64::MAX)).collect(), name(kind, size)),
    }
}

/// The integer dtype of that name, or bool.
pub fn integer(dtype: &str) -> Option<&'static str> {
    let all = [('b', 1), ('i', 1), ('i', 2), ('i', 4), ('i', 8), ('u', 1), ('u', 2), ('u', 4), ('u', 8)];
    all.into_iter().map(|(kind, size)| name(kind, size)).find(|n| *n == dtype)
}

fn name(kind: char, size: usize) -> &'static str {
    match (kind, size) {
        ('b', _) => "bool",
        ('i', 1) => "int8",
        ('i', 2) => "int16",
        ('i', 4) => "int32",
        ('i', _) => "int64",
        (_, 1) => "uint8",
        (_, 2) => "uint16",
        (_, 4) => "uint32",
        _ => "uint64",
    }
}

/// IEEE 754 half precision.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        e => (1024.0 + fraction) * 2f32.powi(e - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(descr: &str, fortran: bool, shape: &str, body: &[u8]) -> Vec<u8> {
        let order = if fortran { "True" } else { "False" };
        let h = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        [MAGIC, &[1, 0], &(h.len() as u16).to_le_bytes(), h.as_bytes(), body].concat()
    }

    #[test]
    fn every_dtype_keeps_its_values() {
        let i = |d: &str, shape: &str, body: &[u8]| match read(&file(d, false, shape, body)).unwrap().numbers
        {
            Numbers::I64(v, name) => (v, name),
            other => panic!("{other:?}"),
        };
        assert_eq!(i("|i1", "(2,)", &[255, 127]), (vec![-1, 127], "int8"));
        assert_eq!(i("|u1", "(2,)", &[255, 127]), (vec![255, 127], "uint8"));
        assert_eq!(i("<i2", "(1,)", &[0, 128]), (vec![-32768], "int16"));
        assert_eq!(i(">i2", "(1,)", &[128, 0]), (vec![-32768], "int16"));
        assert_eq!(i("<u8", "()", &[255; 8]), (vec![i64::MAX], "uint64"));
        assert_eq!(i("|b1", "(2,)", &[0, 1]), (vec![0, 1], "bool"));
        let f = |d: &str, body: &[u8]| match read(&file(d, false, "(1,)", body)).unwrap().numbers {
            Numbers::F32(v) => f64::from(v[0]),
            Numbers::F64(v) => v[0],
            other => panic!("{other:?}"),
        };
        assert_eq!(f("<f4", &1.5f32.to_le_bytes()), 1.5);
        assert_eq!(f(">f8", &(-0.1f64).to_be_bytes()), -0.1);
        // 1, the smallest subnormal, the largest finite value, infinity
        let halves = [(0x3c00u16, 1.0), (1, 2f64.powi(-24)), (0x7bff, 65504.0), (0xfc00, f64::NEG_INFINITY)];
        for (bits, x) in halves {
            assert_eq!(f("<f2", &bits.to_le_bytes()), x);
        }
    }

    #[test]
    fn fortran_order_is_turned() {
        let a = read(&file("|u1", true, "(2, 3)", &[0, 10, 1, 11, 2, 12])).unwrap();
        assert_eq!(a.numbers, Numbers::I64(vec![0, 1, 2, 10, 11, 12], "uint8"));
    }

    #[test]
    fn a_width_beyond_all_numbers_is_refused() {
        for kind in ["i", "U", "c", "f"] {
            for width in ["18446744073709551488", "4294967295", "65537"] {
                assert!(read(&file(&format!("<{kind}{width}"), false, "(2,)", &[0; 16])).is_err());
            }
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let cases: [&[u8]; 6] = [
            b"PK\x03\x04",
            &file("<c8", false, "(1,)", &[0; 8]),
            &file("|O", false, "(1,)", &[0; 8]),
            &file("<f4", false, "(2, 3)", &[0; 20]),
            &file("<f4", false, "(99999999999, 99999999999)", &[0; 20]),
            &file("<f4", false, "(2, 3)", &[0; 24])[..30],
        ];
        let texts = cases.map(|b| read(b).unwrap_err().to_string());
        insta::assert_snapshot!(texts.join("\n\n"));
    }

    proptest! {
        #[test]
        fn writing_then_reading_is_the_identity(v in prop::collection::vec(any::<f32>(), 0..40)) {
            let a = Array { shape: vec![1, v.len()], numbers: Numbers::F32(v) };
            let b = read(&write(&a)).unwrap();
            prop_assert_eq!(b.shape, a.shape);
            prop_assert_eq!(format!("{:?}", b.numbers), format!("{:?}", a.numbers));
        }

        #[test]
        fn a_changed_file_never_panics(at in 0usize..200, to in any::<u8>(), cut in 0usize..200) {
            let a = Array { shape: vec![4, 5], numbers: Numbers::F32(vec![1.0; 20]) };
            let mut b = write(&a);
            let at = at % b.len();
            b[at] = to;
            let _ = read(&b);
            b.truncate(cut);
            let _ = read(&b);
        }
    }

    #[test]
    fn texts_are_read_in_either_order_of_bytes_and_refused_where_they_hold_no_characters() {
        let texts =
            Array { shape: vec![3], numbers: Numbers::Text(vec!["é".into(), "".into(), "male".into()]) };
        let mut bytes = write(&texts);
        assert_eq!(read(&bytes).unwrap(), texts);
        let (at, start) = (bytes.windows(3).position(|b| b == b"<U4").unwrap(), bytes.len() - 48);
        bytes[at] = b'>';
        bytes[start..].chunks_exact_mut(4).for_each(|character| character.reverse());
        assert_eq!(read(&bytes).unwrap(), texts);
        bytes[start] = 0xff;
        assert!(read(&bytes).unwrap_err().to_string().contains("no character"));
        // no bytes at all would be any number of texts
        bytes[at + 2] = b'0';
        assert!(read(&bytes[..start]).is_err());
    }
}
