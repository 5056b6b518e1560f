//! Which layers share a table: heights are powers of two, so layers of one kind are divided such that little is padding.
//!
//! 152 000 rows in one table are padded to 2¹⁸. The same layers in a table of 2¹⁷ and one of 2¹⁵ rows cost three fifths of it.
//!
//! Invariants: every cluster lands in exactly one table; the division depends on sizes and prices alone.
use crate::cluster::{Cluster, RowProgram};
use crate::order;
use crate::placement::Heights;
use tessera_api::{FoldShape, Shape, TableShape, TermShape};

/// Divides clusters of one row program into tables.
pub fn split(mut clusters: Vec<Cluster>, batch: usize, heights: Heights) -> Vec<Vec<Cluster>> {
    let Some(row_program) = clusters.first().map(|c| c.row_program.clone()) else { return vec![] };
    let sizes: Vec<usize> = clusters.iter().map(|c| c.len * batch).collect();
    let mut largest_first: Vec<usize> = (0..sizes.len()).collect();
    largest_first.sort_by_key(|i| std::cmp::Reverse(sizes[*i]));
    let tables = Tables {
        cost: &|rows| cost(&row_program, rows, heights),
        room: &|height| room(&row_program, height, heights),
    };
    let (_, mut parts) = best(&largest_first, &sizes, &tables);
    parts.iter_mut().for_each(|p| p.sort_unstable());
    parts.sort();
    let mut out: Vec<Vec<Cluster>> = parts.iter().map(|_| vec![]).collect();
    for (i, c) in clusters.drain(..).enumerate() {
        if let Some(t) = parts.iter().position(|p| p.contains(&i)) {
            out[t].push(c);
        }
    }
    // layers whose blocks stay whole come first, so that none is cut by what stands before it; else the order is that of the graph
    let cut = |c: &Cluster| !(c.len * batch).is_multiple_of(order::MOST as usize);
    out.iter_mut().for_each(|t| t.sort_by_key(|c| (cut(c), std::cmp::Reverse(c.order.block()))));
    out
}

/// What is known of tables of one row program.
struct Tables<'a> {
    /// What one of so many rows is charged.
    cost: &'a dyn Fn(usize) -> f64,
    /// How many rows one of this height holds.
    room: &'a dyn Fn(usize) -> usize,
}

/// The rows that a table of this height, a power of two, holds: all, or what masks leave.
fn room(k: &RowProgram, height: usize, heights: Heights) -> usize {
    let fits = |rows: usize| 1 << heights.of(shape(k, rows)).log_height <= height;
    let (mut least, mut most) = (0, height);
    while least < most {
        let middle = (least + most).div_ceil(2);
        (least, most) = if fits(middle) { (middle, most) } else { (least, middle - 1) };
    }
    least
}

/// A table of `rows` rows; its height is not yet known.
fn shape(k: &RowProgram, rows: usize) -> TableShape {
    TableShape {
        rows: rows as u64,
        fixed: k.fixed,
        witness: k.columns.len() as u32,
        constraints: k.constraints.len() as u32,
        monomials: k.constraints.iter().map(|e| e.terms.len() as u32).sum(),
        lookups: k.lookups.len() as u32,
        ..TableShape::default()
    }
}

/// What a table of `rows` rows is charged; infinite where it is too tall.
fn cost(k: &RowProgram, rows: usize, heights: Heights) -> f64 {
    let target = heights.target;
    let table = heights.of(shape(k, rows));
    if table.log_height > target.capabilities().max_log_height {
        return f64::INFINITY;
    }
    // what it reads of contractions, and the links to and from other tables
    let lanes = [k.bound.len(), k.bound.len() + k.exports.len()];
    let folds = lanes.map(|lanes| FoldShape { table: 0, lanes: lanes as u32, segments: 1 });
    let shape = Shape {
        tables: vec![table],
        folds: folds.to_vec(),
        terms: vec![TermShape::Sum(0), TermShape::Sum(1)],
    };
    heights.prices.weigh(&target.cost(&shape))
}

/// The cheapest division found: all in one table, or for some power of two the largest that fit, and the rest divided likewise.
fn best(order: &[usize], sizes: &[usize], tables: &Tables) -> (f64, Vec<Vec<usize>>) {
    let rows = |part: &[usize]| part.iter().map(|i| sizes[*i]).sum::<usize>();
    let total = rows(order);
    let mut found = ((tables.cost)(total), vec![order.to_vec()]);
    // padding of one part in eight is not worth a table
    let mut height = total.next_power_of_two();
    while found.0.is_finite() && (tables.room)(height) < total {
        height *= 2;
    }
    if (height - total <= height / 8 && found.0.is_finite()) || order.len() < 2 {
        return found;
    }
    let mut capacity = height / 2;
    while capacity * 8 >= total && capacity > 0 {
        let mut free = (tables.room)(capacity);
        let (inside, outside): (Vec<usize>, Vec<usize>) = order.iter().copied().partition(|i| {
            let fits = sizes[*i] <= free;
            free -= if fits { sizes[*i] } else { 0 };
            fits
        });
        if !inside.is_empty() && !outside.is_empty() {
            let (rest, parts) = best(&outside, sizes, tables);
            let whole = rest + (tables.cost)(rows(&inside));
            if whole < found.0 {
                found = (whole, [vec![inside], parts].concat());
            }
        }
        capacity /= 2;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A division, where each table leaves so many rows free.
    fn parts(sizes: &[usize], overhead: f64, free: usize) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse(sizes[*i]));
        let tables = Tables {
            cost: &|rows| (rows + free).next_power_of_two() as f64 + overhead,
            room: &|height| height.saturating_sub(free),
        };
        best(&order, sizes, &tables).1
    }

    #[test]
    fn layers_are_divided_where_padding_is_dear() {
        let sizes = [65536, 32768, 16384, 16384, 8192, 8192, 2048, 2048, 512, 512];
        let tables = parts(&sizes, 1000.0, 0);
        let rows = |t: &Vec<usize>| t.iter().map(|i| sizes[*i]).sum::<usize>();
        let padded: usize = tables.iter().map(|t| rows(t).next_power_of_two()).sum();
        assert_eq!(tables.iter().map(Vec::len).sum::<usize>(), sizes.len());
        assert!(tables.len() > 1 && padded <= 160_000, "{tables:?}");
    }

    #[test]
    fn small_layers_stay_together() {
        assert_eq!(parts(&[30, 20, 10, 9], 1000.0, 0).len(), 1);
        assert_eq!(parts(&[4096], 1.0, 0), vec![vec![0]]);
    }

    /// Two layers that would fill a table to the last row are not put into one of twice its height, most of which would be empty.
    #[test]
    fn rows_left_free_are_counted() {
        let sizes = [65536, 65536, 32768, 32768, 16384, 16384, 16384, 8192, 8192, 8192];
        let tables = parts(&sizes, 1000.0, 3000);
        let rows = |t: &Vec<usize>| t.iter().map(|i| sizes[*i]).sum::<usize>() + 3000;
        let padded: usize = tables.iter().map(|t| rows(t).next_power_of_two()).sum();
        assert!(padded <= 330_000, "{padded}: {tables:?}");
    }
}
