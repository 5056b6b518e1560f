//! Contractions against the plain definition, on layouts that reach every kernel.
mod common;

use common::grows;
use proptest::prelude::*;
use tessera_api::*;
use tessera_runtime::{Prepared, RunError};

/// A Program without tables and a plan of one contraction.
fn single(
    x: usize,
    w: Vec<i64>,
    w_offset: u64,
    y: usize,
    loops: Vec<ContractLoop>,
) -> (Program, WitnessPlan) {
    let public = |name: &str, n: usize, role| Public {
        name: name.into(),
        shape: vec![1, n as u32],
        min: -(1 << 61),
        max: 1 << 61,
        role,
    };
    let program = Program {
        version: VERSION,
        zero_knowledge: false,
        constants: vec![Blob::new(w)],
        matrices: vec![],
        tables: vec![],
        relations: vec![],
        publics: vec![public("x", x, Role::Input), public("y", y, Role::Output)],
        variables: vec![],
        folds: vec![],
        terms: vec![],
        equations: vec![],
    };
    let plan = WitnessPlan {
        tensors: vec![("x".into(), x as u64), ("y".into(), y as u64)],
        steps: vec![
            Step::Load { public: 0, tensor: 0 },
            Step::Contract {
                x: 0,
                w: tessera_api::Factor::Constant { constant: 0, offset: w_offset },
                y: 1,
                loops,
            },
            Step::Publish { tensor: 1, public: 1 },
        ],
    };
    (program, plan)
}

fn reference(x: &[i64], w: &[i64], y: usize, loops: &[ContractLoop]) -> Vec<i128> {
    let mut out = vec![0i128; y];
    let turns: u64 = loops.iter().map(|l| l.extent as u64).product();
    for mut t in 0..turns {
        let (mut xi, mut wi, mut yi) = (0, 0, 0);
        for l in loops {
            let i = (t % l.extent as u64) as i64;
            t /= l.extent as u64;
            (xi, wi, yi) = (xi + i * l.x, wi + i * l.w, yi + i * l.y);
        }
        out[yi as usize] += x[xi as usize] as i128 * w[wi as usize] as i128;
    }
    out
}

fn reach(loops: &[ContractLoop], step: impl Fn(&ContractLoop) -> i64) -> usize {
    1 + loops.iter().map(|l| (l.extent as i64 - 1) * step(l)).sum::<i64>() as usize
}

fn numbers(seed: u64, n: usize, most: i64) -> Vec<i64> {
    let mut s = seed | 1;
    let next = move || {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        (s % (2 * most as u64 + 1)) as i64 - most
    };
    std::iter::repeat_with(next).take(n).collect()
}

fn agree(loops: Vec<ContractLoop>, slack: usize, seed: u64, x_most: i64, w_most: i64) {
    let nw = reach(&loops, |l| l.w);
    agree_on(loops, slack, seed, x_most, numbers(seed ^ 99, nw + 2 * slack, w_most));
}

fn agree_on(loops: Vec<ContractLoop>, slack: usize, seed: u64, x_most: i64, w: Vec<i64>) {
    let [nx, ny] = [reach(&loops, |l| l.x), reach(&loops, |l| l.y)];
    let x = numbers(seed, nx + slack, x_most);
    let expected = reference(&x, &w[slack..], ny + slack, &loops);
    let (program, plan) = single(nx + slack, w, slack as u64, ny + slack, loops);
    let prepared = Prepared::new(&program, &plan).unwrap();
    grows(&prepared, std::slice::from_ref(&x), seed);
    let found = prepared.outputs(vec![x]);
    match expected.into_iter().map(i64::try_from).collect::<Result<Vec<_>, _>>() {
        Ok(y) if y.iter().all(|v| v.abs() <= 1 << 61) => assert_eq!(found.unwrap().tensors[1], y),
        Ok(_) => assert!(matches!(found, Err(RunError::Outputs(_)))),
        Err(_) => assert!(matches!(found, Err(RunError::Accumulator { .. })), "{found:?}"),
    }
}

fn shuffled(mut loops: Vec<ContractLoop>, seed: u64) -> Vec<ContractLoop> {
    let mut keys = numbers(seed, loops.len(), 1 << 40).into_iter();
    loops.sort_by_cached_key(|_| keys.next());
    loops
}

fn step(extent: usize, x: usize, w: usize, y: usize) -> ContractLoop {
    ContractLoop { extent: extent as u32, x: x as i64, w: w as i64, y: y as i64 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_loops(
        loops in prop::collection::vec((1usize..5, 0usize..4, 0usize..4, 0usize..6), 0..6),
        slack in 0usize..3, seed: u64,
    ) {
        agree(loops.into_iter().map(|(n, x, w, y)| step(n, x, w, y)).collect(), slack, seed, 1000, 1000);
    }

    #[test]
    fn full_convolutions(
        (n, o, c) in (1usize..4, 1usize..10, 1usize..4),
        (i, j, k, l) in (1usize..6, 1usize..40, 1usize..4, 1usize..4),
        border in 0usize..3, small: bool, seed: u64,
    ) {
        let (row, full) = (j + border, j + l - 1);
        let area = (i + k - 1) * full;
        let loops = vec![
            step(n, c * i * row, 0, o * area), step(o, 0, c * k * l, area), step(c, i * row, k * l, 0),
            step(i, row, 0, full), step(j, 1, 0, 1), step(k, 0, l, full), step(l, 0, 1, 1),
        ];
        agree(shuffled(loops, seed), border, seed, 127, if small { 127 } else { 1 << 22 });
    }

    #[test]
    fn matrix_products(
        (n, o, c) in (1usize..40, 1usize..80, 1usize..40), by_output: bool, turned: bool, small: bool, seed: u64,
    ) {
        let (wc, wo) = if by_output { (1, c) } else { (o, 1) };
        let (yn, yo) = if turned { (1, n) } else { (o, 1) };
        let loops = vec![step(n, c, 0, yn), step(o, 0, wo, yo), step(c, 1, wc, 0)];
        agree(shuffled(loops, seed), 0, seed, 127, if small { 127 } else { 1 << 22 });
    }

    // weights as the compiler makes them: small ones times a multiplier of their channel; inputs may be too large for 16 bits
    #[test]
    fn channels_with_a_common_factor(
        (n, o, c) in (1usize..20, 1usize..80, 1usize..20), x_bits in 1u32..24, w_bits in 1u32..18, seed: u64,
    ) {
        let loops = vec![step(n, c, 0, o), step(o, 0, c, 1), step(c, 1, 1, 0)];
        let factors = numbers(seed ^ 7, o, 1 << 12);
        let w = numbers(seed, o * c, 1 << w_bits).iter().enumerate().map(|(i, w)| w * factors[i / c]).collect();
        agree_on(shuffled(loops, seed), 0, seed, 1 << x_bits, w);
    }

    #[test]
    fn channels_last_and_grouped(
        (g, o, c, p) in (1usize..4, 1usize..20, 1usize..5, 1usize..20), seed: u64,
    ) {
        let loops = vec![
            step(g, c, o * c, o), step(o, 0, c, 1), step(c, 1, 1, 0), step(p, g * c, 0, g * o),
        ];
        agree(shuffled(loops, seed), 0, seed, 127, 127);
    }

    #[test]
    fn large_values_are_exact_or_refused(
        (n, o, c) in (1usize..4, 1usize..10, 1usize..10), x_bits in 20u32..61, w_bits in 20u32..62, seed: u64,
    ) {
        let loops = vec![step(n, c, 0, o), step(o, 0, c, 1), step(c, 1, 1, 0)];
        agree(loops, 0, seed, 1 << x_bits, 1 << w_bits);
    }
}

#[test]
fn a_sum_just_below_and_above_what_a_double_holds_is_exact() {
    // 2⁵³ + 1 is not a double
    for (x, w) in [(1i64 << 26, 1i64 << 27), ((1 << 26) + 1, 1 << 27), ((1 << 27) - 1, (1 << 26) + 1)] {
        let loops = vec![step(2, 1, 1, 0)];
        let (program, plan) = single(2, vec![w, 1], 0, 1, loops);
        let y = Prepared::new(&program, &plan).unwrap().outputs(vec![vec![x, 1]]).unwrap();
        assert_eq!(y.tensors[1], [x * w + 1]);
    }
}

#[test]
fn sums_around_what_32_bits_hold_are_exact() {
    // 33 channels of n products, x · w but for one x · 1, so that the channel has no common factor: sums below, at and above
    // 2³¹, factors of 16 bits and of more
    let top = 1i64 << 15;
    for (n, x, w) in [
        (7, 1 << 14, 1 << 14),
        (8, 1 << 14, 1 << 14),
        (9, 1 << 14, 1 << 14),
        (9, -(1 << 14), 1 << 14),
        (4, top - 1, top - 1),
        (4, 1 - top, top - 1),
        (4, top - 1, -top),
        (4, -top, top - 1),
        (4, 1 << 10, top),
        (4, top, 1),
        (65536, 1 << 14, 2),
        (65536, 1 << 15, 1),
        (5, 1 << 40, 1),
    ] {
        let loops = vec![step(33, 0, n, 1), step(n, 1, 1, 0)];
        let sign = |c: usize| if c == 7 { -1 } else { 1 };
        let weight = |i: usize| sign(i / n) * if i.is_multiple_of(n) { 1 } else { w };
        let weights = (0..33 * n).map(weight).collect();
        let (program, plan) = single(n, weights, 0, 33, loops);
        let y = Prepared::new(&program, &plan).unwrap().outputs(vec![vec![x; n]]).unwrap();
        let sum = x * (1 + (n as i64 - 1) * w);
        assert!(y.tensors[1].iter().enumerate().all(|(c, y)| *y == sign(c) * sum), "{n} × {x} · {w}");
    }
}
