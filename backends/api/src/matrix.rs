//! Weights as the rows of a table: fixed columns side by side that are told together, not cell by cell.
//!
//! A contraction has segments (values of what is summed over, group by group), output channels, and taps. Its rows are all
//! (segment, chunk of channels, tap), taps innermost, chunks in descending order; lane l of chunk c holds channel c·width + l.
//! With h = ⌈channels / pack⌉, a cell holds the channels s, s + h, … < channels, each times a further power of the radix, where
//! s < h; else zero. The element of the constant is a sum of three offsets, of the segment, of the channel and of the tap.
//!
//! Invariants: nothing here is as long as the weights; a [`Reader`] was checked as a whole, so that rows are read without checks.
use crate::blob::{Blob, Numbers};
use crate::error::ProgramError;
use crate::seq::Seq;
use serde::{Deserialize, Serialize};

/// Fixed columns side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// Lanes: columns that may read it.
    pub width: u32,
    /// What the second of the integers in a cell is multiplied by.
    pub radix: i64,
    /// One below the other.
    pub blocks: Vec<Block>,
}

/// The rows of one contraction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Index into `Program::constants`.
    pub constant: u32,
    /// Offset of each segment (dimension 1).
    pub segments: Seq,
    /// Offset of each output channel of a group (dimension 1).
    pub channels: Seq,
    /// Offset of each tap (dimension 1).
    pub taps: Seq,
    /// Integers that share a cell.
    pub pack: u32,
}

/// Offsets that are expanded at a time, at most.
const MAX_OFFSETS: u64 = 1 << 24;
/// Integers that share a cell, at most.
const MAX_PACK: u32 = 8;

impl Matrix {
    /// Number of rows.
    ///
    /// # Errors
    /// Where a layout is malformed or has more offsets than are possible.
    pub fn rows(&self) -> Result<u64, ProgramError> {
        let wrong = |what: &str| ProgramError::Invalid(format!("a matrix of weights has {what}"));
        if self.width == 0 && !self.blocks.is_empty() {
            return Err(wrong("no lanes"));
        }
        self.blocks.iter().try_fold(0u64, |rows, b| {
            let mut counts = [0; 3];
            for (n, s) in counts.iter_mut().zip([&b.segments, &b.channels, &b.taps]) {
                *n = s.len()?;
                if !(1..=MAX_OFFSETS).contains(n) {
                    return Err(wrong("an impossible number of offsets"));
                }
                s.check(1, *n)?;
            }
            if !(1..=MAX_PACK).contains(&b.pack) || b.pack > 1 && !(2..=1 << 32).contains(&self.radix) {
                return Err(wrong(&format!("{} integers in a cell", b.pack)));
            }
            let chunks = counts[1].div_ceil(b.pack.into()).div_ceil(self.width.into());
            let own = counts[0].checked_mul(chunks).and_then(|n| n.checked_mul(counts[2]));
            own.and_then(|n| n.checked_add(rows)).ok_or_else(|| wrong("too many rows"))
        })
    }

    /// The cells of one lane.
    ///
    /// # Errors
    /// As [`Matrix::reader`], or where there is no such lane.
    pub fn lane(&self, lane: u32, rows: usize, constants: &[Blob]) -> Result<Vec<i64>, ProgramError> {
        if lane >= self.width {
            return Err(ProgramError::missing("lane", lane));
        }
        let reader = self.reader(rows, constants)?;
        let mut cell = [0];
        Ok((0..rows)
            .map(|row| {
                reader.cells(row, lane as usize, &mut cell);
                cell[0]
            })
            .collect())
    }

    /// A reader of all rows.
    ///
    /// # Errors
    /// Where there are not so many rows, the data are not at hand or shorter than the offsets reach, or a cell leaves 64 bits.
    pub fn reader<'a>(&self, rows: usize, constants: &'a [Blob]) -> Result<Reader<'a>, ProgramError> {
        let found = self.rows()?;
        if found != rows as u64 {
            return Err(ProgramError::Invalid(format!(
                "a matrix of weights has {found} rows, the table {rows}"
            )));
        }
        let mut all = Reader { width: self.width as usize, blocks: vec![], first: vec![] };
        let mut first = 0;
        for b in &self.blocks {
            let data = constants
                .get(b.constant as usize)
                .ok_or_else(|| ProgramError::missing("constant", b.constant))?;
            let expand = |s: &Seq| -> Result<Vec<i64>, ProgramError> { Ok(s.expand(s.len()? as usize)?) };
            let [segments, channels, taps] = [&b.segments, &b.channels, &b.taps].map(expand);
            let (segments, channels, taps) = (segments?, channels?, taps?);
            let ends =
                |v: &[i64]| (v.iter().min().copied().unwrap_or(0), v.iter().max().copied().unwrap_or(0));
            let (least, most) = [&segments, &channels, &taps]
                .iter()
                .map(|v| ends(v))
                .fold((0i128, 0i128), |(a, b), (lo, hi)| (a + lo as i128, b + hi as i128));
            if least < 0 || most >= data.len() as i128 {
                return Err(ProgramError::missing("constant element", if least < 0 { least } else { most }));
            }
            let scales: Vec<i64> = (0..b.pack).map_while(|t| self.radix.checked_pow(t)).collect();
            let (lo, hi) = data.bounds().unwrap_or((0, 0));
            let reach = |v: i64| scales.iter().map(|s| *s as i128 * v as i128).sum::<i128>();
            let fits = |v: i128| i64::try_from(v).is_ok();
            if scales.len() != b.pack as usize || !fits(reach(lo.min(0))) || !fits(reach(hi.max(0))) {
                return Err(ProgramError::Invalid("a cell of packed weights leaves 64 bits".into()));
            }
            let held = channels.len().div_ceil(b.pack as usize);
            let chunks = held.div_ceil(all.width);
            all.first.push(first);
            first += segments.len() * chunks * taps.len();
            let numbers = data.numbers()?;
            all.blocks.push(Rows { numbers, segments, channels, taps, scales, held, chunks });
        }
        Ok(all)
    }
}

/// The rows of a matrix, read one by one.
pub struct Reader<'a> {
    width: usize,
    blocks: Vec<Rows<'a>>,
    /// First row of each block.
    first: Vec<usize>,
}

struct Rows<'a> {
    numbers: Numbers<'a>,
    segments: Vec<i64>,
    channels: Vec<i64>,
    taps: Vec<i64>,
    scales: Vec<i64>,
    /// Channels that are first in a cell.
    held: usize,
    chunks: usize,
}

impl Reader<'_> {
    /// The cells of a row from lane `first` on, as many as `out` has. The row and the lanes must exist.
    pub fn cells(&self, row: usize, first: usize, out: &mut [i64]) {
        let block = self.first.partition_point(|f| *f <= row) - 1;
        let (b, row) = (&self.blocks[block], row - self.first[block]);
        let (rest, tap) = (row / b.taps.len(), row % b.taps.len());
        let (segment, chunk) = (rest / b.chunks, b.chunks - 1 - rest % b.chunks);
        let base = b.segments[segment] + b.taps[tap];
        let from = chunk * self.width + first;
        out.fill(0);
        crate::with_numbers!(b.numbers, |get| {
            for (t, scale) in b.scales.iter().enumerate() {
                let end = b.held.min(b.channels.len() - (t * b.held).min(b.channels.len()));
                let channels = b.channels.get(t * b.held + from..t * b.held + end).unwrap_or(&[]);
                for (x, c) in out.iter_mut().zip(channels) {
                    *x += scale * get((base + c) as usize);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two segments of five channels and two taps, packed in pairs and in chunks of two lanes.
    #[test]
    fn cells_are_where_the_definition_says() {
        let offsets = |v: &[i64]| Seq::compress(1, v);
        let (segments, channels, taps) = ([0, 2], [0, 4, 8, 12, 16], [1, 0]);
        let block = Block {
            constant: 0,
            segments: offsets(&segments),
            channels: offsets(&channels),
            taps: offsets(&taps),
            pack: 2,
        };
        let m = Matrix { width: 2, radix: 1000, blocks: vec![block.clone(), Block { pack: 1, ..block }] };
        let data: Vec<i64> = (0..20).map(|i| i * 7 % 11 - 5).collect();
        let constants = [Blob::new(data.iter().copied())];
        let mut expected = vec![];
        for pack in [2usize, 1] {
            let h = 5usize.div_ceil(pack);
            for s in segments {
                for chunk in (0..h.div_ceil(2)).rev() {
                    for t in taps {
                        for lane in 0..2 {
                            let at = chunk * 2 + lane;
                            let part = |p: usize| {
                                let c = at + p * h;
                                let here = at < h && c < 5;
                                if here {
                                    1000i64.pow(p as u32) * data[(s + channels[c] + t) as usize]
                                } else {
                                    0
                                }
                            };
                            expected.push((0..pack).map(part).sum::<i64>());
                        }
                    }
                }
            }
        }
        let rows = expected.len() / 2;
        assert_eq!(m.rows().unwrap(), rows as u64);
        let lanes = [0, 1].map(|l| m.lane(l, rows, &constants).unwrap());
        let found: Vec<i64> = (0..rows).flat_map(|r| [lanes[0][r], lanes[1][r]]).collect();
        assert_eq!(found, expected);
        let reader = m.reader(rows, &constants).unwrap();
        let mut row = [9; 2];
        for (r, e) in expected.chunks(2).enumerate() {
            reader.cells(r, 0, &mut row);
            assert_eq!(row, e);
        }
        assert!(m.lane(2, rows, &constants).is_err() && m.lane(0, rows + 1, &constants).is_err());
        assert!(m.reader(rows, &[Blob::new(data[..19].iter().copied())]).is_err());
        let mut wide = constants;
        wide[0] = Blob::new([i64::MAX / 100; 20]);
        assert!(m.reader(rows, &wide).is_err());
    }
}
