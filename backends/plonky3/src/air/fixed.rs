//! Values of the fixed columns: the Program's, selectors, and the sparse ones that are never committed.
use super::Group;
use super::compile::Compiled;
use super::nodes::FixedKind;
use crate::arithmetic::{F, Mat, PrimeCharacteristicRing, signed};
use p3_maybe_rayon::prelude::*;
use tessera_api::matrix::Reader;
use tessera_api::{FixedColumn, Program, SetupError, Values};

/// Columns that are filled together: a cache line of cells.
const COLUMNS: usize = 8;

impl Compiled {
    /// The fixed columns of all groups on physical rows: those with the selectors, the model's, the summed ones. `program` is the
    /// Program before reshaping.
    pub fn fixed(&self, program: &Program) -> Result<[Vec<Mat>; 3], SetupError> {
        let zero = |width: fn(&Group) -> u32| -> Vec<Mat> {
            let matrix = |g: &Group| Mat::new(F::zero_vec(g.height() * width(g) as usize), width(g) as usize);
            self.air.groups.iter().map(matrix).collect()
        };
        let (mut out, mut model, mut summed) = (zero(|g| g.fixed), zero(|g| g.model), zero(|g| g.summed));
        for (i, (t, p)) in program.tables.iter().zip(&self.places).enumerate() {
            let mut readers: Vec<Option<Reader>> = program.matrices.iter().map(|_| None).collect();
            for c in &t.fixed {
                if let Values::Matrix { matrix, .. } = c.values
                    && readers[matrix as usize].is_none()
                {
                    let m = &program.matrices[matrix as usize];
                    readers[matrix as usize] = Some(m.reader(t.rows as usize, &program.constants)?);
                }
            }
            let m = match p.kind {
                FixedKind::Fixed => &mut out[p.group],
                FixedKind::Summed => &mut summed[p.group],
                FixedKind::Model => &mut model[p.group],
            };
            let (width, pad) = (m.width, p.pad as usize);
            let log = self.factors[i].trailing_zeros() as usize;
            let columns = t.fixed.len();
            // a few columns at a time, so that neighbouring cells are written together
            for (k, some) in t.fixed.chunks(COLUMNS).enumerate() {
                let rows = lanes(some).and_then(|(matrix, lane)| Some((readers[matrix].as_ref()?, lane)));
                let values = match rows {
                    Some(_) => vec![],
                    None => some
                        .par_iter()
                        .map(|column| {
                            tessera_cancel::point();
                            program.fixed_values(t, column)
                        })
                        .collect::<Result<Vec<_>, _>>()?,
                };
                // k rows of the table stand side by side
                let mut put = |r: usize, c: usize, x: F| {
                    let at = p.fixed as usize + (r & ((1 << log) - 1)) * columns + k * COLUMNS + c;
                    m.values[(r >> log) * width + at] = x;
                };
                let (first, last) = (pad << log, (pad << log) + t.rows as usize);
                for r in (0..first).chain(last..1 << t.log_height) {
                    some.iter().enumerate().for_each(|(c, column)| put(r, c, signed(column.padding)));
                }
                let mut cells = [0; COLUMNS];
                for r in first..last {
                    match rows {
                        Some((reader, lane)) => {
                            reader.cells(r - first, lane, &mut cells[..some.len()]);
                            cells[..some.len()].iter().enumerate().for_each(|(c, v)| put(r, c, signed(*v)));
                        }
                        None => values.iter().enumerate().for_each(|(c, v)| put(r, c, signed(v[r - first]))),
                    }
                }
            }
            let m = &mut out[p.group];
            let width = m.width;
            for (c, column) in self.dense[i].iter().enumerate() {
                for (r, x) in column.iter().enumerate() {
                    m.values[(r + pad) * width + p.dense as usize + c] = F::from_bool(*x);
                }
            }
        }
        Ok([out, model, summed])
    }
}

/// Matrix and first lane of columns that are consecutive lanes of one matrix.
fn lanes(columns: &[FixedColumn]) -> Option<(usize, usize)> {
    let Values::Matrix { matrix, lane } = columns.first()?.values else { return None };
    let follows = |(i, c): (usize, &FixedColumn)| matches!(c.values, Values::Matrix { matrix: m, lane: l } if m == matrix && l as usize == lane as usize + i);
    columns.iter().enumerate().all(follows).then_some((matrix as usize, lane as usize))
}

/// A group's sparse columns.
pub fn sparse(g: &Group) -> Mat {
    let w = g.sparse.len();
    let mut m = Mat::new(F::zero_vec(g.height() * w), w);
    for (c, rows) in g.sparse.iter().enumerate() {
        rows.iter().for_each(|r| m.values[*r as usize * w + c] = F::ONE);
    }
    m
}
