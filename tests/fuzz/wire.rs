//! Changes to a protobuf message field by field: numbers, lists of numbers, fields that stand twice, elsewhere or not at all. Lengths
//! stay right, so that what is read behind them sees the change.
use crate::mutate::{Random, mutate, varint};

/// A field: its key, with number and type, and its body as it is written.
struct Field {
    key: u64,
    body: Body,
}

enum Body {
    Number(u64),
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
}

/// The next number.
pub fn take_varint(b: &mut &[u8]) -> Option<u64> {
    let mut x = 0;
    for i in 0..10 {
        let (&byte, rest) = b.split_first()?;
        *b = rest;
        x |= u64::from(byte & 127) << (7 * i);
        if byte < 128 {
            return Some(x);
        }
    }
    None
}

/// The next bytes.
pub fn take<'a>(b: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, rest) = b.split_at_checked(n)?;
    *b = rest;
    Some(head)
}

/// The fields, if these bytes are a message.
fn fields(mut b: &[u8]) -> Option<Vec<Field>> {
    let mut out = vec![];
    while !b.is_empty() {
        let key = take_varint(&mut b)?;
        let body = match key & 7 {
            0 => Body::Number(take_varint(&mut b)?),
            1 => Body::Fixed(take(&mut b, 8)?.into()),
            2 => {
                let n = take_varint(&mut b)?;
                Body::Bytes(take(&mut b, usize::try_from(n).ok()?)?.into())
            }
            5 => Body::Fixed(take(&mut b, 4)?.into()),
            _ => return None,
        };
        if key >> 3 == 0 || key >> 3 > 64 {
            return None;
        }
        out.push(Field { key, body });
    }
    Some(out)
}

fn written(fields: &[Field]) -> Vec<u8> {
    let mut out = vec![];
    for f in fields {
        out.extend(varint(f.key));
        match &f.body {
            Body::Number(n) => out.extend(varint(*n)),
            Body::Fixed(b) => out.extend(b),
            Body::Bytes(b) => {
                out.extend(varint(b.len() as u64));
                out.extend(b);
            }
        }
    }
    out
}

/// A number of an attribute: small, or odd.
fn number(r: &mut Random) -> u64 {
    if r.below(2) == 0 { r.below(12) as u64 } else { r.odd() }
}

/// One change somewhere below this message.
pub fn change(b: &[u8], all: &[Vec<u8>], r: &mut Random) -> Vec<u8> {
    let Some(mut list) = fields(b).filter(|l| !l.is_empty()) else {
        let mut b = b.to_vec();
        mutate(&mut b, all, r);
        return b;
    };
    let i = r.below(list.len());
    match r.below(16) {
        0 => drop(list.remove(i)),
        1 => {
            let j = r.below(list.len());
            list.swap(i, j);
        }
        2 => {
            let twin = Field { key: list[i].key, body: copied(&list[i].body) };
            list.push(twin);
        }
        3 => list[i].key ^= 8 << r.below(4),
        _ => match &mut list[i].body {
            Body::Number(n) => *n = number(r),
            Body::Fixed(b) => mutate_in_place(b, r),
            Body::Bytes(inner) => *inner = below(inner, all, r),
        },
    }
    written(&list)
}

/// A changed body: a message, a list of numbers, or bytes.
fn below(b: &[u8], all: &[Vec<u8>], r: &mut Random) -> Vec<u8> {
    if fields(b).is_some_and(|l| !l.is_empty()) && r.below(8) > 0 {
        return change(b, all, r);
    }
    let mut numbers = vec![];
    let mut rest = b;
    while let Some(n) = take_varint(&mut rest) {
        numbers.push(n);
    }
    if !numbers.is_empty() && rest.is_empty() && r.below(2) == 0 {
        let i = r.below(numbers.len());
        numbers[i] = number(r);
        return numbers.into_iter().flat_map(varint).collect();
    }
    // a tensor's bytes are 64-bit integers as often as not
    let mut b = b.to_vec();
    if b.len() >= 8 && b.len().is_multiple_of(8) && r.below(2) == 0 {
        let at = 8 * r.below(b.len() / 8);
        b[at..at + 8].copy_from_slice(&number(r).to_le_bytes());
    } else {
        mutate(&mut b, all, r);
    }
    b
}

fn mutate_in_place(b: &mut [u8], r: &mut Random) {
    let at = r.below(b.len());
    if let Some(byte) = b.get_mut(at) {
        *byte ^= 1 << r.below(8);
    }
}

fn copied(b: &Body) -> Body {
    match b {
        Body::Number(n) => Body::Number(*n),
        Body::Fixed(b) => Body::Fixed(b.clone()),
        Body::Bytes(b) => Body::Bytes(b.clone()),
    }
}

#[test]
fn messages_are_written_as_they_were_read() {
    let message = [&[8u8, 150, 1, 18, 3][..], b"abc", &[0x15, 1, 2, 3, 4]].concat();
    assert_eq!(written(&fields(&message).expect("a message")), message);
    assert!(fields(&[18, 200, 1]).is_none());
}
