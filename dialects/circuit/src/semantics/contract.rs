//! Contracts: sums of products over index values, where a result index may be the sum of two operand indices.
//!
//! `y[r] = Σ x[i..]·w[j..]` over all values of all indices that give the result index r. A result index that is a sum of an
//! index of x and an index of w makes the contract a full convolution along it: extent I + K - 1, borders included.
//!
//! Invariants of a checked [`ContractSpec`]: indices are numbered as they first occur, in x and then in w, so that one contract
//! has one spelling; every index occurs in x or in w; no map names an index twice; a sum takes one
//! index that only x has and one that only w has; extents are those of the operands. Evaluation is exact: it returns an
//! error where a sum leaves `i64`.

use super::{Interval, for_each_index, row_major};
use tessera_mlir::attrs::IndexMap;
use tessera_mlir::shape::{elements, show};

/// What a result axis runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultIndex {
    /// One index.
    One(usize),
    /// The sum of two, the first of x and the second of w: a convolution.
    Sum(usize, usize),
}

/// The three indexing maps and the extent of every index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractSpec {
    /// Extent per index.
    pub extents: Vec<usize>,
    /// Index per axis of x.
    pub x: Vec<usize>,
    /// Index per axis of w.
    pub w: Vec<usize>,
    /// Index, or sum of two, per axis of y.
    pub y: Vec<ResultIndex>,
}

/// The role of each index, each list in the order of the indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// In x, w and y: groups, batches of a batched product.
    pub batch: Vec<usize>,
    /// In x and y only.
    pub x_free: Vec<usize>,
    /// In w and y only: output channels.
    pub w_free: Vec<usize>,
    /// In x and w, summed over.
    pub contracted: Vec<usize>,
    /// In x alone, summed over.
    pub x_summed: Vec<usize>,
    /// In w alone, summed over.
    pub w_summed: Vec<usize>,
    /// The index of x and the index of w that add up to a result index.
    pub sums: Vec<(usize, usize)>,
}

impl ContractSpec {
    /// Derives the extents from the operands' shapes, checks the invariants and numbers the indices. `indices` is how many there
    /// are; any numbers may be given.
    ///
    /// # Errors
    /// A sentence that says which map or index is wrong.
    pub fn new(
        indices: usize,
        x: Vec<usize>,
        w: Vec<usize>,
        y: Vec<ResultIndex>,
        x_shape: &[usize],
        w_shape: &[usize],
    ) -> Result<Self, String> {
        let mut extents: Vec<Option<usize>> = vec![None; indices];
        let operands = [(&x, x_shape), (&w, w_shape)];
        for (operand, (map, shape)) in operands.into_iter().enumerate() {
            if map.len() != shape.len() {
                return Err(format!(
                    "maps: expected {} results for operand {operand} of {}, found {}",
                    shape.len(),
                    show(shape),
                    map.len()
                ));
            }
            let mut seen = vec![false; indices];
            for (axis, (&i, &e)) in map.iter().zip(shape).enumerate() {
                if i >= indices {
                    return Err(format!(
                        "maps: axis {axis} of operand {operand} has an index variable that is not one of {indices}"
                    ));
                }
                if std::mem::replace(&mut seen[i], true) {
                    let first = map.iter().position(|&index| index == i).unwrap_or(0);
                    return Err(format!(
                        "maps: one index variable stands on the axes {first} and {axis} of operand {operand}"
                    ));
                }
                if let Some(other) = extents[i].replace(e)
                    && other != e
                {
                    let first = x.iter().position(|&index| index == i).unwrap_or(0);
                    return Err(format!(
                        "axis {first} of operand 0 and axis {axis} of operand 1 have one index variable, but the extents \
                         {other} and {e}"
                    ));
                }
            }
        }
        let (in_x, in_w) = (|i: &usize| x.contains(i), |i: &usize| w.contains(i));
        let mut seen = vec![false; indices];
        for (axis, r) in y.iter().enumerate() {
            let named = match r {
                ResultIndex::One(i) => vec![*i],
                ResultIndex::Sum(i, k) => vec![*i, *k],
            };
            for &i in &named {
                if i >= indices {
                    return Err(format!(
                        "maps: axis {axis} of the result has an index variable that is not one of {indices}"
                    ));
                }
                if std::mem::replace(&mut seen[i], true) {
                    return Err(format!(
                        "maps: axis {axis} of the result has an index variable of another axis"
                    ));
                }
            }
            if let ResultIndex::Sum(i, k) = r
                && (!in_x(i) || in_w(i) || !in_w(k) || in_x(k))
            {
                return Err(one_or_sum(axis));
            }
        }
        if let Some(i) = extents.iter().position(Option::is_none) {
            return Err(format!("maps: index variable {i} stands in no operand"));
        }
        let mut order: Vec<usize> = vec![];
        x.iter().chain(&w).for_each(|i| order.extend((!order.contains(i)).then_some(i)));
        let mut number = vec![0; indices];
        order.iter().enumerate().for_each(|(new, &old)| number[old] = new);
        let extents: Vec<usize> = order.iter().filter_map(|&i| extents[i]).collect();
        if extents.contains(&0) {
            return Err("an index variable has extent 0".into());
        }
        let operand = |map: Vec<usize>| map.into_iter().map(|i| number[i]).collect();
        let of_result = |r| match r {
            ResultIndex::One(i) => ResultIndex::One(number[i]),
            ResultIndex::Sum(i, k) => ResultIndex::Sum(number[i], number[k]),
        };
        let y = y.into_iter().map(of_result).collect();
        let spec = ContractSpec { extents, x: operand(x), w: operand(w), y };
        elements(&spec.result_shape()).map_err(|error| error.to_string())?;
        Ok(spec)
    }

    /// From indexing maps as `circuit.contract` has them: of x, of w and of the result.
    ///
    /// # Errors
    /// A sentence that says which map or index is wrong.
    pub fn from_maps(maps: &[IndexMap; 3], x_shape: &[usize], w_shape: &[usize]) -> Result<Self, String> {
        let [mx, mw, my] = maps;
        if mw.dims != mx.dims || my.dims != mx.dims {
            return Err(format!(
                "maps: expected the same number of index variables, found {}, {} and {}",
                mx.dims, mw.dims, my.dims
            ));
        }
        let operand = |number: usize, map: &IndexMap| -> Result<Vec<usize>, String> {
            let single = |(axis, r): (usize, &Vec<usize>)| match r[..] {
                [i] => Ok(i),
                _ => Err(format!(
                    "maps: expected one index variable on axis {axis} of operand {number}, found a sum; only the \
                     result may have sums"
                )),
            };
            map.results.iter().enumerate().map(single).collect()
        };
        let (x, w) = (operand(0, mx)?, operand(1, mw)?);
        let y = my.results.iter().enumerate().map(|(axis, r)| match r[..] {
            [i] => Ok(ResultIndex::One(i)),
            [i, k] if x.contains(&i) => Ok(ResultIndex::Sum(i, k)),
            [i, k] => Ok(ResultIndex::Sum(k, i)),
            _ => Err(one_or_sum(axis)),
        });
        let y = y.collect::<Result<_, _>>()?;
        let spec = ContractSpec::new(mx.dims, x, w, y, x_shape, w_shape)?;
        if spec.maps() != *maps {
            return Err(
                "maps: expected index variables numbered as they first appear, in operand 0 and then in 1"
                    .into(),
            );
        }
        Ok(spec)
    }

    /// The indexing maps of x, of w and of the result.
    pub fn maps(&self) -> [IndexMap; 3] {
        let dims = self.extents.len();
        let of_result = |r: &ResultIndex| match *r {
            ResultIndex::One(i) => vec![i],
            ResultIndex::Sum(i, k) => vec![i.min(k), i.max(k)],
        };
        [
            IndexMap::select(dims, &self.x),
            IndexMap::select(dims, &self.w),
            IndexMap { dims, results: self.y.iter().map(of_result).collect() },
        ]
    }

    /// The first operand's shape.
    pub fn x_shape(&self) -> Vec<usize> {
        self.shape_of(&self.x)
    }

    /// The second operand's shape.
    pub fn w_shape(&self) -> Vec<usize> {
        self.shape_of(&self.w)
    }

    /// The result's shape.
    pub fn result_shape(&self) -> Vec<usize> {
        self.y
            .iter()
            .map(|r| match *r {
                ResultIndex::One(i) => self.extents[i],
                ResultIndex::Sum(i, k) => self.extents[i] + self.extents[k] - 1,
            })
            .collect()
    }

    /// Which role each index plays.
    pub fn roles(&self) -> Roles {
        let mut roles = Roles::default();
        for r in &self.y {
            if let ResultIndex::Sum(i, k) = *r {
                roles.sums.push((i, k));
            }
        }
        for i in 0..self.extents.len() {
            let (x, w) = (self.x.contains(&i), self.w.contains(&i));
            let list = match (x, w, self.y.contains(&ResultIndex::One(i))) {
                (true, true, true) => &mut roles.batch,
                (true, false, true) => &mut roles.x_free,
                (false, true, true) => &mut roles.w_free,
                (true, true, false) => &mut roles.contracted,
                _ if roles.sums.iter().any(|&(a, b)| a == i || b == i) => continue,
                (true, false, false) => &mut roles.x_summed,
                (false, true, false) => &mut roles.w_summed,
                (false, false, _) => continue,
            };
            list.push(i);
        }
        roles
    }

    /// How many products of an x and a w element there are.
    pub fn products(&self) -> u128 {
        self.extents.iter().map(|&e| e as u128).product()
    }

    /// The defining nest: every index value, one product each. Slow; the reference for [`ContractSpec::evaluate`].
    ///
    /// # Errors
    /// Where an element of the result leaves `i64`.
    pub fn evaluate_by_definition(&self, x: &[i64], w: &[i64]) -> Result<Vec<i64>, String> {
        let shape = self.result_shape();
        let (xs, ws, ys) =
            (row_major(&self.shape_of(&self.x)), row_major(&self.shape_of(&self.w)), row_major(&shape));
        let mut y = vec![0i128; shape.iter().product()];
        for_each_index(&self.extents, |at| {
            let flat = |map: &[usize], strides: &[usize]| -> usize {
                map.iter().zip(strides).map(|(&i, s)| at[i] * s).sum()
            };
            let to: usize = (self.y.iter().zip(&ys))
                .map(|(r, s)| match *r {
                    ResultIndex::One(i) => at[i] * s,
                    ResultIndex::Sum(i, k) => (at[i] + at[k]) * s,
                })
                .sum();
            y[to] += i128::from(x[flat(&self.x, &xs)]) * i128::from(w[flat(&self.w, &ws)]);
        });
        y.into_iter().map(|v| i64::try_from(v).map_err(|_| overflow(v))).collect()
    }

    /// The result, exactly. Zero weights cost nothing; the innermost loop is a dot product or a row of a convolution.
    ///
    /// # Errors
    /// Where an element of the result leaves `i64`.
    pub fn evaluate(&self, x: &[i64], w: &[i64]) -> Result<Vec<i64>, String> {
        let roles = self.roles();
        if !roles.x_summed.is_empty() || !roles.w_summed.is_empty() {
            return self.evaluate_by_definition(x, w);
        }
        // Worst case of any partial sum: all products of the largest magnitudes.
        let largest = |v: &[i64]| v.iter().map(|e| u128::from(e.unsigned_abs())).max().unwrap_or(0);
        let terms: u128 = roles.contracted.iter().map(|&i| self.extents[i] as u128).product::<u128>()
            * roles.sums.iter().map(|&(i, k)| self.extents[i].min(self.extents[k]) as u128).product::<u128>();
        let bound = largest(x).checked_mul(largest(w)).and_then(|b| b.checked_mul(terms));
        if bound.is_none_or(|b| b > i64::MAX as u128) {
            return self.evaluate_by_definition(x, w);
        }
        let (s_x, s_w): (Vec<usize>, Vec<usize>) = roles.sums.iter().copied().unzip();
        // X as [batch, x_free, contracted, sums], W as [batch, w_free, contracted, sums], Y as [batch, x_free, w_free, sums].
        let xd = self.gather(x, &self.x, &[&roles.batch, &roles.x_free, &roles.contracted, &s_x]);
        let wd = self.gather(w, &self.w, &[&roles.batch, &roles.w_free, &roles.contracted, &s_w]);
        let size = |l: &[usize]| -> usize { l.iter().map(|&i| self.extents[i]).product() };
        let (nb, nx, nw, nc) =
            (size(&roles.batch), size(&roles.x_free), size(&roles.w_free), size(&roles.contracted));
        let sums = SumAxes::new(
            s_x.iter().map(|&i| self.extents[i]).collect(),
            s_w.iter().map(|&i| self.extents[i]).collect(),
        );
        let (lx, lw, ly) = (sums.x_len(), sums.w_len(), sums.y_len());
        let mut yd = vec![0i64; nb * nx * nw * ly];
        for b in 0..nb {
            for i in 0..nx {
                for o in 0..nw {
                    let y = &mut yd[((b * nx + i) * nw + o) * ly..][..ly];
                    for c in 0..nc {
                        let x = &xd[((b * nx + i) * nc + c) * lx..][..lx];
                        let w = &wd[((b * nw + o) * nc + c) * lw..][..lw];
                        sums.accumulate(x, w, y);
                    }
                }
            }
        }
        Ok(self.scatter(&yd, &roles))
    }

    fn shape_of(&self, map: &[usize]) -> Vec<usize> {
        map.iter().map(|&i| self.extents[i]).collect()
    }

    /// The operand `v` with its axes in the order of `order`'s indices, dense.
    fn gather(&self, v: &[i64], map: &[usize], order: &[&[usize]]) -> Vec<i64> {
        let strides = row_major(&self.shape_of(map));
        let axes: Vec<usize> = order.concat();
        let steps: Vec<usize> =
            axes.iter().map(|i| map.iter().position(|m| m == i).map_or(0, |d| strides[d])).collect();
        let mut out = Vec::with_capacity(v.len());
        for_each_index(&self.shape_of(&axes), |at| {
            out.push(v[at.iter().zip(&steps).map(|(a, s)| a * s).sum::<usize>()])
        });
        out
    }

    /// From [batch, x_free, w_free, sums] to the result's axes.
    fn scatter(&self, yd: &[i64], roles: &Roles) -> Vec<i64> {
        let order: Vec<ResultIndex> = [&roles.batch, &roles.x_free, &roles.w_free]
            .into_iter()
            .flatten()
            .map(|&i| ResultIndex::One(i))
            .chain(roles.sums.iter().map(|&(i, k)| ResultIndex::Sum(i, k)))
            .collect();
        let shape = self.result_shape();
        let axis = |r: &ResultIndex| self.y.iter().position(|y| y == r);
        let dense: Vec<usize> = order.iter().filter_map(axis).map(|d| shape[d]).collect();
        let dense = row_major(&dense);
        let steps: Vec<usize> =
            self.y.iter().map(|r| order.iter().position(|o| o == r).map_or(0, |d| dense[d])).collect();
        let mut out = Vec::with_capacity(yd.len());
        for_each_index(&shape, |at| out.push(yd[at.iter().zip(&steps).map(|(a, s)| a * s).sum::<usize>()]));
        out
    }

    /// Interval of every result element that holds for all operands within theirs.
    pub fn bound(&self, x: Interval, w: Interval) -> Interval {
        let product = x * w;
        let roles = self.roles();
        let summed = roles.contracted.iter().chain(&roles.x_summed).chain(&roles.w_summed);
        let every = self.extent_product(summed);
        // At a border only part of the kernel meets the image: between 1 and `most` terms per contracted index.
        let overlaps = roles.sums.iter().map(|&(i, k)| self.extents[i].min(self.extents[k]) as i128);
        let most = overlaps.fold(every, i128::saturating_mul);
        product.scale(every).hull(product.scale(most))
    }

    fn extent_product<'a>(&self, indices: impl IntoIterator<Item = &'a usize>) -> i128 {
        indices.into_iter().map(|&i| self.extents[i] as i128).fold(1, i128::saturating_mul)
    }
}

fn one_or_sum(axis: usize) -> String {
    format!(
        "maps: expected on axis {axis} of the result one index variable, or the sum of one of each operand"
    )
}

fn overflow(v: i128) -> String {
    format!("an element of the result is {v}, beyond 64 bits")
}

/// The convolved axes of a contract: a full convolution of an x block with a w block, along any number of axes.
struct SumAxes {
    x: Vec<usize>,
    w: Vec<usize>,
    /// Flat result index of each x row (all axes but the last), then of each w element.
    x_rows: Vec<usize>,
    w_at: Vec<usize>,
}

impl SumAxes {
    fn new(mut x: Vec<usize>, mut w: Vec<usize>) -> Self {
        if x.is_empty() {
            (x, w) = (vec![1], vec![1]);
        }
        let y: Vec<usize> = x.iter().zip(&w).map(|(a, b)| a + b - 1).collect();
        let strides = row_major(&y);
        let flat = |shape: &[usize]| {
            let mut out = vec![];
            for_each_index(shape, |at| out.push(at.iter().zip(&strides).map(|(a, s)| a * s).sum()));
            out
        };
        let x_rows = flat(&x[..x.len() - 1]);
        let w_at = flat(&w);
        SumAxes { x, w, x_rows, w_at }
    }
    fn x_len(&self) -> usize {
        self.x.iter().product()
    }
    fn w_len(&self) -> usize {
        self.w.iter().product()
    }
    fn y_len(&self) -> usize {
        self.x.iter().zip(&self.w).map(|(a, b)| a + b - 1).product()
    }
    /// y += x * w, the full convolution; the caller has bounded all partial sums.
    fn accumulate(&self, x: &[i64], w: &[i64], y: &mut [i64]) {
        let row = self.x[self.x.len() - 1];
        for (&wv, &at) in w.iter().zip(&self.w_at) {
            if wv == 0 {
                continue;
            }
            for (xr, &to) in x.chunks_exact(row).zip(&self.x_rows) {
                for (y, &xv) in y[at + to..at + to + row].iter_mut().zip(xr) {
                    *y += wv * xv;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ResultIndex::{One, Sum};

    fn data(n: usize, seed: usize) -> Vec<i64> {
        (0..n).map(|i| ((i * 7919 + seed * 104_729) % 23) as i64 - 11).collect()
    }

    fn conv2d(n: usize, o: usize, c: usize, h: usize, w: usize, k: usize) -> ContractSpec {
        ContractSpec::new(
            7,
            vec![0, 2, 3, 4],
            vec![1, 2, 5, 6],
            vec![One(0), One(1), Sum(3, 5), Sum(4, 6)],
            &[n, c, h, w],
            &[o, c, k, k],
        )
        .unwrap()
    }

    #[test]
    fn evaluation_matches_the_definition() {
        let specs = [
            conv2d(2, 3, 2, 5, 4, 3),
            conv2d(1, 1, 1, 2, 2, 3), // kernel larger than the image
            // matmul, transposed operand and result
            ContractSpec::new(3, vec![0, 1], vec![2, 1], vec![One(2), One(0)], &[3, 4], &[5, 4]).unwrap(),
            // batched matmul
            ContractSpec::new(
                4,
                vec![0, 1, 2],
                vec![0, 2, 3],
                vec![One(0), One(1), One(3)],
                &[2, 3, 4],
                &[2, 4, 5],
            )
            .unwrap(),
            // depthwise convolution along one axis, result axes reordered
            ContractSpec::new(3, vec![0, 1], vec![0, 2], vec![Sum(1, 2), One(0)], &[3, 6], &[3, 2]).unwrap(),
            // dot product; outer product; a sum over an index of one operand alone
            ContractSpec::new(1, vec![0], vec![0], vec![], &[9], &[9]).unwrap(),
            ContractSpec::new(2, vec![0], vec![1], vec![One(1), One(0)], &[3], &[4]).unwrap(),
            ContractSpec::new(3, vec![0, 1], vec![2, 1], vec![One(2)], &[3, 4], &[5, 4]).unwrap(),
            // convolution along three axes with two contracted ones
            ContractSpec::new(
                8,
                vec![0, 1, 2, 3, 4],
                vec![0, 1, 5, 6, 7],
                vec![Sum(2, 5), Sum(3, 6), Sum(4, 7)],
                &[2, 2, 3, 2, 4],
                &[2, 2, 2, 3, 2],
            )
            .unwrap(),
        ];
        for (i, spec) in specs.iter().enumerate() {
            let x = data(spec.shape_of(&spec.x).iter().product(), i);
            let w = data(spec.shape_of(&spec.w).iter().product(), i + 100);
            let y = spec.evaluate(&x, &w).unwrap();
            assert_eq!(y, spec.evaluate_by_definition(&x, &w).unwrap(), "spec {i}");
            assert_eq!(y.len(), spec.result_shape().iter().product::<usize>());
            let hull = |v: &[i64]| Interval::around(v.iter().copied()).unwrap();
            let bound = spec.bound(hull(&x), hull(&w));
            assert!(y.iter().all(|&v| bound.holds(v)), "spec {i}: {bound}");
        }
    }

    #[test]
    fn maps_round_trip() {
        let spec = conv2d(2, 3, 2, 5, 4, 3);
        assert_eq!(ContractSpec::from_maps(&spec.maps(), &[2, 2, 5, 4], &[3, 2, 3, 3]), Ok(spec.clone()));
        // other numbers, the same contract; one spelling
        assert_eq!((spec.x.clone(), spec.w.clone()), (vec![0, 1, 2, 3], vec![4, 1, 5, 6]));
        let renumbered = |map: &IndexMap| IndexMap {
            dims: 7,
            results: map.results.iter().map(|dims| dims.iter().map(|d| 6 - d).rev().collect()).collect(),
        };
        let other = spec.maps().each_ref().map(renumbered);
        assert_eq!(
            ContractSpec::from_maps(&other, &[2, 2, 5, 4], &[3, 2, 3, 3]).unwrap_err(),
            "maps: expected index variables numbered as they first appear, in operand 0 and then in 1"
        );
        let [x, w, y] = spec.maps();
        let bad =
            |maps: [IndexMap; 3]| ContractSpec::from_maps(&maps, &[2, 2, 5, 4], &[3, 2, 3, 3]).unwrap_err();
        assert_eq!(
            [bad([y.clone(), w.clone(), y.clone()]), bad([x.clone(), w.clone(), IndexMap { dims: 6, ..y }])],
            [
                "maps: expected one index variable on axis 2 of operand 0, found a sum; only the result may have sums",
                "maps: expected the same number of index variables, found 7, 7 and 6"
            ]
        );
    }

    #[test]
    fn full_convolution_by_hand() {
        let spec = ContractSpec::new(2, vec![0], vec![1], vec![Sum(0, 1)], &[3], &[2]).unwrap();
        assert_eq!(spec.evaluate(&[1, 2, 3], &[10, 1]).unwrap(), [10, 21, 32, 3]);
    }

    #[test]
    fn large_values_are_exact_or_refused() {
        let spec = ContractSpec::new(1, vec![0], vec![0], vec![], &[2], &[2]).unwrap();
        let m = 1 << 62;
        assert_eq!(spec.evaluate(&[m, m], &[2, -2]).unwrap(), [0]);
        assert_eq!(
            spec.evaluate(&[m, m], &[1, 1]).unwrap_err(),
            "an element of the result is 9223372036854775808, beyond 64 bits"
        );
    }

    #[test]
    fn bounds_cover_borders() {
        // x in [5, 6], w in [1, 2]: a border element is a single product.
        let spec = ContractSpec::new(2, vec![0], vec![1], vec![Sum(0, 1)], &[4], &[3]).unwrap();
        assert_eq!(spec.bound((5, 6).into(), (1, 2).into()), (5, 36).into());
        assert_eq!(spec.bound((-6, -5).into(), (1, 2).into()), (-36, -5).into());
    }

    #[test]
    fn bad_maps_are_named() {
        let e = |n, x: &[usize], w: &[usize], y: &[ResultIndex], xs: &[usize], ws: &[usize]| {
            ContractSpec::new(n, x.to_vec(), w.to_vec(), y.to_vec(), xs, ws).unwrap_err()
        };
        let cases = [
            e(2, &[0], &[0, 1], &[One(1)], &[2, 3], &[2, 3]),
            e(2, &[0, 0], &[1], &[One(1)], &[2, 2], &[3]),
            e(2, &[0, 1], &[1], &[One(0)], &[2, 3], &[4]),
            e(3, &[0, 1], &[1], &[One(0)], &[2, 3], &[3]),
            e(2, &[0, 1], &[1], &[Sum(0, 1)], &[2, 3], &[3]),
            e(2, &[0, 1], &[1], &[One(0), One(0)], &[2, 3], &[3]),
            e(1, &[1], &[0], &[One(0)], &[2], &[3]),
        ];
        assert_eq!(
            cases,
            [
                "maps: expected 2 results for operand 0 of 2x3, found 1",
                "maps: one index variable stands on the axes 0 and 1 of operand 0",
                "axis 1 of operand 0 and axis 0 of operand 1 have one index variable, but the extents 3 and 4",
                "maps: index variable 2 stands in no operand",
                "maps: expected on axis 0 of the result one index variable, or the sum of one of each operand",
                "maps: axis 1 of the result has an index variable of another axis",
                "maps: axis 0 of operand 0 has an index variable that is not one of 1",
            ]
        );
    }
}
