//! Pooling windows as strided views: one lane per position in the window, each of the shape of the pooled tensor.
//!
//! Invariants: lane t reads position t of every window (row-major within the window); where padding reaches, it reads zero.

use tessera_circuit::semantics::View;
use tessera_mlir::shape::PoolAttrs;

/// The lanes of pooling x[N, C, H, W] to y[N, C, U, V].
pub fn lanes(x: [usize; 4], attrs: &PoolAttrs, y: [usize; 4]) -> Vec<View> {
    let [kh, kw] = attrs.kernel;
    let start = |d: usize, t: usize| t as i64 - attrs.pads[d] as i64;
    let steps = [1, 1, attrs.strides[0] as i64, attrs.strides[1] as i64];
    (0..kh * kw).map(|t| View::window(&x, &[0, 0, start(0, t / kw), start(1, t % kw)], &steps, &y)).collect()
}

/// x[N, C, H, W] as [N, C, U, V, KH, KW], the window of every output, for windows that nothing pads.
pub fn unfolded(x: [usize; 4], attrs: &PoolAttrs, y: [usize; 4]) -> View {
    let dims: Vec<i64> = tessera_circuit::semantics::row_major(&x).into_iter().map(|s| s as i64).collect();
    let [sh, sw] = attrs.strides.map(|s| s as i64);
    let shape = [&y[..], &attrs.kernel[..]].concat();
    View::dense(shape, 0, vec![dims[0], dims[1], sh * dims[2], sw * dims[3], dims[2], dims[3]])
}

/// Whether no element is in two windows of pooling to y[N, C, U, V].
pub fn disjoint(attrs: &PoolAttrs, y: [usize; 4]) -> bool {
    (0..2).all(|d| attrs.kernel[d] <= attrs.strides[d] || y[2 + d] == 1)
}

/// Whether some window reaches into padding.
pub fn padded(attrs: &PoolAttrs) -> bool {
    attrs.pads != [0; 4]
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_circuit::semantics::{for_each_index, view::partition};

    /// Sum and maximum over lanes against the definition, for every window up to 3x2.
    #[test]
    fn lanes_are_the_windows() {
        let x = [2, 2, 6, 5];
        let values: Vec<i64> = (0..120).map(|i| (i * 31) % 97 + 1).collect();
        for kh in 1..=3 {
            for kw in 1..=2 {
                for s in 1..=3 {
                    for p in 0..kh.min(kw) {
                        let a = PoolAttrs { kernel: [kh, kw], strides: [s, s], pads: [p, p, 0, p] };
                        let y: [usize; 4] = tessera_mlir::shape::pool(&x, &a).unwrap().try_into().unwrap();
                        let lanes: Vec<Vec<i64>> = lanes(x, &a, y)
                            .iter()
                            .map(|v| {
                                v.check(120).unwrap();
                                v.apply(&values, 0)
                            })
                            .collect();
                        let mut at = 0;
                        for_each_index(&y, |o| {
                            let mut window = vec![];
                            for k in 0..kh * kw {
                                let i = (o[2] * s + k / kw).wrapping_sub(p);
                                let j = (o[3] * s + k % kw).wrapping_sub(p);
                                let inside = i < x[2] && j < x[3];
                                window.push(if inside {
                                    values[((o[0] * 2 + o[1]) * 6 + i) * 5 + j]
                                } else {
                                    0
                                });
                            }
                            assert_eq!(lanes.iter().map(|l| l[at]).collect::<Vec<_>>(), window, "{a:?}");
                            at += 1;
                        });
                        if p == 0 {
                            let all = unfolded(x, &a, y);
                            all.check(120).unwrap();
                            let n = kh * kw;
                            let by_window = all.apply(&values, 0);
                            assert!((0..at).all(|o| (0..n).all(|k| by_window[o * n + k] == lanes[k][o])));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn disjoint_windows_partition() {
        for k in 1..=7 {
            for s in 1..=3 {
                let a = PoolAttrs { kernel: [k, k], strides: [s, s], pads: [0; 4] };
                let x = [1, 2, 7, 7];
                let y = tessera_mlir::shape::pool(&x, &a).unwrap().try_into().unwrap();
                assert_eq!(partition(&lanes(x, &a, y), 98), disjoint(&a, y), "{a:?}");
            }
        }
    }
}
