//! The index arithmetic of contractions.

use crate::{interval::Interval, types::CircuitType};
use tessera_mlir::{Error, Result, attrs::IndexMap, shape};

/// The extents of the index variables of a contraction, from its operands' shapes.
///
/// # Errors
/// When maps disagree on the number of variables, do not fit the shapes, or leave a variable without an extent.
pub fn contract_extents(x: &[usize], w: &[usize], maps: &[IndexMap; 3]) -> Result<Vec<usize>> {
    let fail = |message: String| Err(Error::new(message));
    let dims = maps[0].dims;
    if maps.iter().any(|map| map.dims != dims) {
        return fail(format!(
            "maps: expected the same number of index variables, found {}, {} and {}",
            maps[0].dims, maps[1].dims, maps[2].dims
        ));
    }
    let mut extents = vec![None; dims];
    for (operand, (shape, map)) in [x, w].into_iter().zip(maps).enumerate() {
        if map.results.len() != shape.len() {
            return fail(format!(
                "maps: expected {} results for operand {operand} of {}, found {}",
                shape.len(),
                shape::show(shape),
                map.results.len()
            ));
        }
        let mut seen = vec![false; dims];
        for (axis, (result, &extent)) in map.results.iter().zip(shape).enumerate() {
            let &[dim] = result.as_slice() else {
                return fail(format!(
                    "maps: expected one index variable on axis {axis} of operand {operand}, found a sum; only the \
                     result may have sums"
                ));
            };
            if std::mem::replace(&mut seen[dim], true) {
                return fail(format!("maps: index variable d{dim} stands on two axes of operand {operand}"));
            }
            match extents[dim] {
                Some(known) if known != extent => {
                    return fail(format!(
                        "index variable d{dim} has extent {known} in operand 0 and {extent} in operand 1"
                    ));
                }
                _ => extents[dim] = Some(extent),
            }
        }
    }
    extents
        .into_iter()
        .enumerate()
        .map(|(dim, extent)| {
            extent.ok_or_else(|| Error::new(format!("maps: index variable d{dim} stands in no operand")))
        })
        .collect()
}

/// The shape of a contraction's result.
///
/// # Errors
/// As [`contract_extents`]; and when a result is the sum of more than two variables, of two variables of one operand,
/// or a variable stands in two results.
pub fn contract_shape(x: &[usize], w: &[usize], maps: &[IndexMap; 3]) -> Result<Vec<usize>> {
    let extents = contract_extents(x, w, maps)?;
    let mut seen = vec![false; extents.len()];
    let only_in = |dim: usize| {
        let has = |map: &IndexMap| map.results.iter().any(|result| result == &[dim]);
        match (has(&maps[0]), has(&maps[1])) {
            (true, false) => Some(0),
            (false, true) => Some(1),
            _ => None,
        }
    };
    let mut result = vec![];
    for (axis, dims) in maps[2].results.iter().enumerate() {
        for &dim in dims {
            if std::mem::replace(&mut seen[dim], true) {
                return Err(Error::new(format!(
                    "maps: index variable d{dim} stands on two axes of the result"
                )));
            }
        }
        result.push(match dims.as_slice() {
            &[dim] => extents[dim],
            &[a, b] if matches!((only_in(a), only_in(b)), (Some(p), Some(q)) if p != q) => {
                extents[a] + extents[b] - 1
            }
            _ => {
                return Err(Error::new(format!(
                    "maps: expected on axis {axis} of the result one index variable, or the sum of one of each operand"
                )));
            }
        });
    }
    shape::elements(&result)?;
    Ok(result)
}

/// The interval of a contraction's result that follows from its operands' types.
///
/// # Errors
/// As [`contract_shape`].
pub fn contract_interval(x: &CircuitType, w: &CircuitType, maps: &[IndexMap; 3]) -> Result<Interval> {
    contract_shape(&x.shape, &w.shape, maps)?;
    let extents = contract_extents(&x.shape, &w.shape, maps)?;
    // How many products an element is the sum of: as many as the summed variables have values, and along a sum of two
    // variables between one, at the borders, and the lesser extent.
    let (mut least, mut most) = (1i128, 1i128);
    let kept = maps[2].results.iter().flatten().copied().collect::<Vec<_>>();
    for (dim, &extent) in extents.iter().enumerate() {
        if !kept.contains(&dim) {
            least = least.saturating_mul(extent as i128);
            most = most.saturating_mul(extent as i128);
        }
    }
    for dims in &maps[2].results {
        if let &[a, b] = dims.as_slice() {
            most = most.saturating_mul(extents[a].min(extents[b]) as i128);
        }
    }
    Ok((x.interval() * w.interval()).sum_of(least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv2d() -> [IndexMap; 3] {
        // n, o, c, i, j, k, l
        [
            IndexMap::select(7, &[0, 2, 3, 4]),
            IndexMap::select(7, &[1, 2, 5, 6]),
            IndexMap::new(7, &[&[0], &[1], &[3, 5], &[4, 6]]),
        ]
    }

    #[test]
    fn a_convolution_is_full() {
        let shape = contract_shape(&[1, 3, 8, 9], &[4, 3, 5, 2], &conv2d()).unwrap();
        assert_eq!(shape, [1, 4, 12, 10]);
        let interval = contract_interval(
            &CircuitType::new([1, 3, 8, 9], -2, 3),
            &CircuitType::new([4, 3, 5, 2], 1, 1),
            &conv2d(),
        );
        // Between 3 and 3·5·2 products in [-2, 3].
        assert_eq!(interval.unwrap(), Interval::new(-60, 90));
    }

    #[test]
    fn maps_that_do_not_fit_are_refused() {
        let matmul =
            [IndexMap::select(3, &[0, 2]), IndexMap::select(3, &[2, 1]), IndexMap::select(3, &[0, 1])];
        assert_eq!(contract_shape(&[2, 3], &[3, 4], &matmul).unwrap(), [2, 4]);
        assert!(contract_shape(&[2, 3], &[5, 4], &matmul).is_err(), "inner extents differ");
        assert!(contract_shape(&[2, 3, 1], &[3, 4], &matmul).is_err(), "rank");
        let mut unbound = matmul.clone();
        unbound.iter_mut().for_each(|map| map.dims = 4);
        assert!(contract_shape(&[2, 3], &[3, 4], &unbound).is_err(), "a variable without extent");
        let mut inner_sum = matmul.clone();
        inner_sum[2] = IndexMap::new(3, &[&[0, 2], &[1]]);
        assert!(contract_shape(&[2, 3], &[3, 4], &inner_sum).is_err(), "a sum of a shared variable");
        let mut twice = matmul;
        twice[2] = IndexMap::select(3, &[0, 0]);
        assert!(contract_shape(&[2, 3], &[3, 4], &twice).is_err(), "one variable on two axes");
    }
}
