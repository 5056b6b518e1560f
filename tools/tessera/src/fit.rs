//! Prices from measurements: the non-negative ones that predict best, relative to what was measured.
//!
//! Invariant: no randomness and no clock: equal points give equal prices.

/// What was counted of one run, and what it took.
#[derive(Clone, Debug)]
pub struct Point {
    /// Counts, of which each has a price.
    pub counts: Vec<f64>,
    /// What was measured, above 0.
    pub measured: f64,
}

impl Point {
    /// What prices predict.
    pub fn predicted(&self, prices: &[f64]) -> f64 {
        self.counts.iter().zip(prices).map(|(c, p)| c * p).sum()
    }
}

/// The non-negative prices of least squares of relative errors, by descent along one coordinate after another, which such a problem has no
/// other end for than its minimum. `prior` are prices that are kept where points say nothing: each weighs like so small a part of a point.
pub fn prices(points: &[Point], prior: &[f64]) -> Vec<f64> {
    const SWEEPS: usize = 20_000;
    const PRIOR: f64 = 1e-3;
    let n = prior.len();
    // in units of the prior, so that all coordinates are near 1
    let unit: Vec<f64> = prior.iter().map(|p| p.max(1e-12)).collect();
    let row = |p: &Point| -> Vec<f64> { (0..n).map(|i| p.counts[i] * unit[i] / p.measured).collect() };
    let rows: Vec<Vec<f64>> = points.iter().map(row).collect();
    let mut x = vec![1.0; n];
    let mut rest: Vec<f64> = rows.iter().map(|r| 1.0 - r.iter().sum::<f64>()).collect();
    for _ in 0..SWEEPS {
        let mut moved = 0.0f64;
        for i in 0..n {
            let square: f64 = rows.iter().map(|r| r[i] * r[i]).sum::<f64>() + PRIOR;
            let gain: f64 = rows.iter().zip(&rest).map(|(r, e)| r[i] * e).sum::<f64>() + PRIOR * (1.0 - x[i]);
            let next = (x[i] + gain / square).max(0.0);
            let step = next - x[i];
            rows.iter().zip(&mut rest).for_each(|(r, e)| *e -= r[i] * step);
            x[i] = next;
            moved = moved.max(step.abs());
        }
        if moved < 1e-9 {
            break;
        }
    }
    x.iter().zip(&unit).map(|(x, u)| x * u).collect()
}

/// How well prices predict points that they were not fitted to, each left out in turn: what is predicted of each.
pub fn left_out(points: &[Point], prior: &[f64]) -> Vec<f64> {
    let without = |k: usize| {
        let mut others = points.to_vec();
        let own = others.remove(k);
        own.predicted(&prices(&others, prior))
    };
    (0..points.len()).map(without).collect()
}

/// Kendall's τ of two lists of numbers: of their pairs, those in the same order less those in the other, over all; 1 where the order is the
/// same.
pub fn tau(a: &[f64], b: &[f64]) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0.0);
    for i in 0..a.len() {
        for j in 0..i {
            sum += ((a[i] - a[j]).signum() * (b[i] - b[j]).signum()).clamp(-1.0, 1.0);
            pairs += 1.0;
        }
    }
    if pairs > 0.0 { sum / pairs } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(prices: &[f64]) -> Vec<Point> {
        let counts = [[1.0, 3.0, 0.0], [1.0, 0.0, 5.0], [1.0, 8.0, 2.0], [1.0, 1.0, 1.0], [1.0, 9.0, 30.0]];
        let point = |c: &[f64; 3]| {
            let p = Point { counts: c.to_vec(), measured: 1.0 };
            Point { measured: p.predicted(prices), ..p }
        };
        counts.iter().map(point).collect()
    }

    #[test]
    fn prices_that_explain_everything_are_found() {
        let all = points(&[4.0, 2.0, 0.5]);
        let found = prices(&all, &[1.0, 1.0, 1.0]);
        for (found, expected) in found.iter().zip([4.0, 2.0, 0.5]) {
            assert!((found / expected - 1.0).abs() < 0.02, "{found} {expected}");
        }
        for (p, predicted) in all.iter().zip(left_out(&all, &[1.0, 1.0, 1.0])) {
            assert!((predicted / p.measured - 1.0).abs() < 0.05);
        }
    }

    #[test]
    fn no_price_is_negative() {
        // the second count only ever makes it cheaper
        let point = |a: f64, b: f64, measured| Point { counts: vec![a, b], measured };
        let found = prices(&[point(1.0, 1.0, 3.0), point(1.0, 2.0, 2.0), point(2.0, 1.0, 6.0)], &[1.0, 1.0]);
        assert!(found[0] > 0.0 && found[1] == 0.0, "{found:?}");
    }

    #[test]
    fn tau_counts_pairs() {
        assert_eq!(tau(&[1.0, 2.0, 3.0], &[2.0, 4.0, 9.0]), 1.0);
        assert_eq!(tau(&[1.0, 2.0, 3.0], &[9.0, 4.0, 2.0]), -1.0);
        assert!((tau(&[1.0, 2.0, 3.0], &[4.0, 2.0, 9.0]) - 1.0 / 3.0).abs() < 1e-12);
    }
}
