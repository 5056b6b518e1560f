//! Which layers share a table: heights are powers of two, so layers of one kind are divided such that little is padding.
//!
//! 152 000 rows in one table are padded to 2¹⁸. The same layers in a table of 2¹⁷ and one of 2¹⁵ rows cost three fifths of it.
//!
//! Invariants: every cluster lands in exactly one table; the division depends on sizes and prices alone.
use crate::cluster::{Cluster, Kernel};
use crate::log_height;
use tessera_api::Prices;

/// Rows that a table of its own costs beside its cells: folds and selectors of a table widened as far as backends do.
const OVERHEAD_ROWS: f64 = 4096.0;
/// Extension columns and selectors among them.
const OVERHEAD_COLUMNS: (f64, f64) = (3.0, 16.0);

/// Divides clusters of one kernel into tables.
pub fn split(mut clusters: Vec<Cluster>, batch: usize, prices: &Prices) -> Vec<Vec<Cluster>> {
    let Some(kernel) = clusters.first().map(|c| c.kernel.clone()) else { return vec![] };
    // the order within a table stays that of the graph
    let sizes: Vec<usize> = clusters.iter().map(|c| c.len * batch).collect();
    let mut largest_first: Vec<usize> = (0..sizes.len()).collect();
    largest_first.sort_by_key(|i| std::cmp::Reverse(sizes[*i]));
    let (_, mut parts) = best(&largest_first, &sizes, &|rows| cost(&kernel, rows, prices));
    parts.iter_mut().for_each(|p| p.sort_unstable());
    parts.sort();
    let mut out: Vec<Vec<Cluster>> = parts.iter().map(|_| vec![]).collect();
    for (i, c) in clusters.drain(..).enumerate() {
        if let Some(t) = parts.iter().position(|p| p.contains(&i)) {
            out[t].push(c);
        }
    }
    out
}

/// Predicted nanoseconds of a table of `rows` rows.
fn cost(k: &Kernel, rows: usize, p: &Prices) -> f64 {
    let lookups = k.lookups.len();
    let row = k.columns.len() as f64 * p.witness_cell
        + k.fixed as f64 * p.fixed_cell
        + lookups.div_ceil(2) as f64 * p.extension_cell
        + lookups as f64 * p.lookup;
    let (extension, fixed) = OVERHEAD_COLUMNS;
    (1u64 << log_height(rows)) as f64 * row
        + OVERHEAD_ROWS * (extension * p.extension_cell + fixed * p.fixed_cell)
}

/// The cheapest division found: all in one table, or for some power of two the largest that fit, and the rest divided likewise.
fn best(order: &[usize], sizes: &[usize], cost: &dyn Fn(usize) -> f64) -> (f64, Vec<Vec<usize>>) {
    let rows = |part: &[usize]| part.iter().map(|i| sizes[*i]).sum::<usize>();
    let total = rows(order);
    let mut found = (cost(total), vec![order.to_vec()]);
    // padding of one part in eight is not worth a table
    let height = total.next_power_of_two();
    if height - total <= height / 8 || order.len() < 2 {
        return found;
    }
    let mut capacity = height / 2;
    while capacity * 8 >= total && capacity > 0 {
        let mut free = capacity;
        let (inside, outside): (Vec<usize>, Vec<usize>) = order.iter().copied().partition(|i| {
            let fits = sizes[*i] <= free;
            free -= if fits { sizes[*i] } else { 0 };
            fits
        });
        if !inside.is_empty() && !outside.is_empty() {
            let (rest, parts) = best(&outside, sizes, cost);
            let whole = rest + cost(rows(&inside));
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

    fn parts(sizes: &[usize], overhead: f64) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse(sizes[*i]));
        best(&order, sizes, &|rows| rows.next_power_of_two() as f64 + overhead).1
    }

    #[test]
    fn layers_are_divided_where_padding_is_dear() {
        let sizes = [65536, 32768, 16384, 16384, 8192, 8192, 2048, 2048, 512, 512];
        let tables = parts(&sizes, 1000.0);
        let rows = |t: &Vec<usize>| t.iter().map(|i| sizes[*i]).sum::<usize>();
        let padded: usize = tables.iter().map(|t| rows(t).next_power_of_two()).sum();
        assert_eq!(tables.iter().map(Vec::len).sum::<usize>(), sizes.len());
        assert!(tables.len() > 1 && padded <= 160_000, "{tables:?}");
    }

    #[test]
    fn small_layers_stay_together() {
        assert_eq!(parts(&[30, 20, 10, 9], 1000.0).len(), 1);
        assert_eq!(parts(&[4096], 1.0), vec![vec![0]]);
    }
}
