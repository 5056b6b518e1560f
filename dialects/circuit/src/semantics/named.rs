//! Views by name: reshape, transpose, broadcast, crop, stride and pad, as the assembly of `circuit.view` has them.
//!
//! A name with its integers and the two shapes gives the view, and a view is called by a name only where that gives exactly
//! it. So a name loses nothing, and views that no name says keep their offset and strides.

use super::{View, row_major};
use tessera_mlir::shape::show;

/// What a view does, given the shapes of its operand and of its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The same elements in the same order.
    Reshape,
    /// Axis i of the result is axis `perm[i]` of the operand.
    Transpose(Vec<usize>),
    /// Axis k of the operand is axis `axes[k]` of the result; elsewhere, and along extents of 1, elements repeat.
    Broadcast(Vec<usize>),
    /// Position r reads `starts + r·steps` on every axis, and is 0 where that lies outside of the operand.
    Window {
        /// First position read, per axis.
        starts: Vec<i64>,
        /// Distance of positions read, per axis.
        steps: Vec<i64>,
    },
}

impl Named {
    /// What `words` say, each with its integers, of an operand of `rank` axes.
    ///
    /// # Errors
    /// A sentence that says which words there are, or what is wrong with their integers.
    pub fn from_words(words: &[(&str, &[i64])], rank: usize) -> Result<Named, String> {
        let axes = |word: &str, list: &[i64]| {
            let axis = |&axis: &i64| {
                usize::try_from(axis)
                    .map_err(|_| format!("{word}: expected axes, found the negative number {axis}"))
            };
            list.iter().map(axis).collect::<Result<Vec<_>, _>>()
        };
        let all = |word: &str, list: &[i64]| match list.len() {
            found if found == rank => Ok(list.to_vec()),
            found => Err(format!(
                "{word}: expected one value for each of {rank} axes of the operand, found {found}"
            )),
        };
        Ok(match *words {
            [("reshape", [])] => Named::Reshape,
            [("transpose", perm)] => Named::Transpose(axes("transpose", perm)?),
            [("broadcast", to)] => Named::Broadcast(axes("broadcast", to)?),
            [("crop", starts), ref rest @ ..] | [("pad", starts), ref rest @ ..]
                if matches!(rest, [] | [("stride", _)]) =>
            {
                let sign = if words[0].0 == "pad" { -1 } else { 1 };
                let starts = all(words[0].0, starts)?.into_iter().map(|start| sign * start).collect();
                let steps = rest.first().map_or(Ok(vec![1; rank]), |(_, steps)| all("stride", steps))?;
                Named::Window { starts, steps }
            }
            [("stride", steps)] => Named::Window { starts: vec![0; rank], steps: all("stride", steps)? },
            _ => {
                let found = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" ");
                return Err(format!(
                    "expected reshape, transpose [..], broadcast [..], crop [..] stride [..], pad [..] stride [..], or \
                     offset .. strides [..] valid [..] to [..], found {found:?}"
                ));
            }
        })
    }

    /// The view between two shapes, in canonical form.
    ///
    /// # Errors
    /// A sentence that says what does not fit together.
    pub fn view(&self, source: &[usize], result: &[usize]) -> Result<View, String> {
        let fits = |what: &str, expected: &[usize]| {
            if expected == result {
                return Ok(());
            }
            Err(format!(
                "{what} of {}: expected the result {}, found {}",
                show(source),
                show(expected),
                show(result)
            ))
        };
        match self {
            Named::Reshape => {
                let elements = |shape: &[usize]| shape.iter().map(|&e| e as u128).product::<u128>();
                if elements(source) != elements(result) {
                    return Err(format!(
                        "reshape: expected a result of {} elements, as {} has, found {}",
                        elements(source),
                        show(source),
                        show(result)
                    ));
                }
                Ok(View::reshape(result.to_vec()))
            }
            Named::Transpose(perm) => {
                let mut sorted = perm.clone();
                sorted.sort_unstable();
                if !sorted.into_iter().eq(0..source.len()) {
                    return Err(format!(
                        "transpose: expected each of the axes 0..{} once, found {perm:?}",
                        source.len()
                    ));
                }
                let view = View::transpose(source, perm);
                fits("transpose", &view.shape).map(|()| view)
            }
            Named::Broadcast(axes) => {
                if axes.len() != source.len() {
                    return Err(format!(
                        "broadcast: expected an axis of the result for each of {} axes of the operand, found {}",
                        source.len(),
                        axes.len()
                    ));
                }
                let mut strides = vec![0; result.len()];
                let mut expected = result.to_vec();
                for ((&axis, &extent), &stride) in axes.iter().zip(source).zip(&row_major(source)) {
                    let Some(to) = expected.get_mut(axis) else {
                        return Err(format!("broadcast: expected axes below {}, found {axis}", result.len()));
                    };
                    if extent != 1 {
                        (*to, strides[axis]) = (extent, stride as i64);
                    }
                }
                if axes.iter().enumerate().any(|(k, axis)| axes[..k].contains(axis)) {
                    return Err(format!("broadcast: expected distinct axes, found {axes:?}"));
                }
                fits("broadcast", &expected).map(|()| View::dense(expected.clone(), 0, strides).normalized())
            }
            Named::Window { starts, steps } => {
                if result.len() != source.len() {
                    return Err(format!(
                        "expected a result of as many axes as the operand {} has, found {}",
                        show(source),
                        show(result)
                    ));
                }
                let reach = |(d, dim): (usize, usize)| {
                    let positions = u128::from(starts[d].unsigned_abs()).saturating_add(
                        u128::from(steps[d].unsigned_abs()).saturating_mul(result[d] as u128),
                    );
                    positions.saturating_mul(dim as u128)
                };
                let reached = row_major(source).into_iter().enumerate().map(reach);
                if steps.contains(&0) || reached.fold(0, u128::saturating_add) >= 1 << 62 {
                    return Err(
                        "crop, pad, stride: expected positions below 2^62, and steps other than 0".into()
                    );
                }
                Ok(View::window(source, starts, steps, result))
            }
        }
    }

    /// The name that gives `view` of an operand of shape `source`, where there is one.
    pub fn of(view: &View, source: &[usize]) -> Option<Named> {
        view.check(source.iter().product()).ok()?;
        let gives = |named: &Named| named.view(source, &view.shape).is_ok_and(|given| given == *view);
        let candidates =
            [Some(Named::Reshape), window(view, source), transpose(view, source), broadcast(view, source)];
        candidates.into_iter().flatten().find(gives)
    }

    /// The words, as in the assembly. `view` is the one that is said.
    pub fn words(&self, view: &View) -> String {
        match self {
            Named::Reshape => "reshape".into(),
            Named::Transpose(perm) => format!("transpose {perm:?}"),
            Named::Broadcast(axes) => format!("broadcast {axes:?}"),
            Named::Window { starts, steps } => {
                let stride = (steps.iter().any(|&step| step != 1)).then(|| format!("stride {steps:?}"));
                let start = match view.reads_everywhere() {
                    true if starts.iter().all(|&start| start == 0) && stride.is_some() => None,
                    true => Some(format!("crop {starts:?}")),
                    false => Some(format!("pad {:?}", starts.iter().map(|start| -start).collect::<Vec<_>>())),
                };
                [start, stride].into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// Where a view starts on every axis, and in which steps it goes, if it is a window.
fn window(view: &View, source: &[usize]) -> Option<Named> {
    if view.shape.len() != source.len() {
        return None;
    }
    let dims = row_major(source);
    let mut corner =
        view.offset + view.valid_low.iter().zip(&view.strides).map(|(low, step)| low * step).sum::<i64>();
    let (mut starts, mut steps) = (vec![], vec![]);
    for (d, &dim) in dims.iter().enumerate() {
        let dim = dim as i64;
        let step = if view.valid_high[d] - view.valid_low[d] > 1 { view.strides[d] / dim } else { 1 };
        let first = corner.div_euclid(dim);
        corner -= first * dim;
        steps.push(step);
        starts.push(first - view.valid_low[d] * step);
    }
    Some(Named::Window { starts, steps })
}

/// Which axis of the operand each axis of the result is, if a view is a transpose: extents of 1 take what is left, in order.
fn transpose(view: &View, source: &[usize]) -> Option<Named> {
    let dims = row_major(source);
    let mut left: Vec<usize> = (0..source.len()).collect();
    let mut perm = vec![None; view.shape.len()];
    let long = |extent: usize| extent > 1;
    for pass in [true, false] {
        for (axis, &extent) in view.shape.iter().enumerate().filter(|&(_, &extent)| long(extent) == pass) {
            let same = |&k: &usize| source[k] == extent && (!pass || dims[k] as i64 == view.strides[axis]);
            let at = left.iter().position(same)?;
            perm[axis] = Some(left.remove(at));
        }
    }
    perm.into_iter().collect::<Option<Vec<_>>>().map(Named::Transpose)
}

/// Which axis of the result each axis of the operand is, if a view repeats it: extents of 1 keep close to their neighbours.
fn broadcast(view: &View, source: &[usize]) -> Option<Named> {
    let rank = view.shape.len();
    let lead = rank.checked_sub(source.len())?;
    let dims = row_major(source);
    let mut axes: Vec<usize> = vec![];
    for (k, &extent) in source.iter().enumerate() {
        let from = axes.last().map_or(0, |axis| axis + 1);
        let axis = match extent {
            1 => Some(from.max(if source.len() == rank { k } else { from }).min(lead + k)),
            _ => (from..rank).find(|&d| view.strides[d] == dims[k] as i64 && view.shape[d] == extent),
        };
        axes.push(axis?);
    }
    Some(Named::Broadcast(axes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(view: &View, source: &[usize]) -> String {
        Named::of(view, source).map_or("none".into(), |named| named.words(view))
    }

    #[test]
    fn common_views_have_names() {
        let view = |source: &[usize], named: Named, result: &[usize]| {
            let view = named.view(source, result).unwrap();
            said(&view, source)
        };
        let window =
            |starts: &[i64], steps: &[i64]| Named::Window { starts: starts.into(), steps: steps.into() };
        assert_eq!(view(&[1, 16, 5, 5], Named::Reshape, &[1, 400]), "reshape");
        assert_eq!(view(&[2, 3, 4], Named::Transpose(vec![2, 0, 1]), &[4, 2, 3]), "transpose [2, 0, 1]");
        assert_eq!(view(&[1, 3, 4], Named::Transpose(vec![2, 0, 1]), &[4, 1, 3]), "transpose [2, 0, 1]");
        assert_eq!(view(&[6], Named::Broadcast(vec![1]), &[1, 6, 14, 14]), "broadcast [1]");
        assert_eq!(view(&[3, 1], Named::Broadcast(vec![1, 2]), &[2, 3, 5]), "broadcast [1, 2]");
        assert_eq!(
            view(&[1, 6, 32, 32], window(&[0, 0, 2, 3], &[1; 4]), &[1, 6, 28, 28]),
            "crop [0, 0, 2, 3]"
        );
        assert_eq!(view(&[8, 8], window(&[0, 1], &[2, 2]), &[4, 3]), "crop [0, 1] stride [2, 2]");
        assert_eq!(view(&[8, 8], window(&[0, 0], &[2, 1]), &[4, 8]), "stride [2, 1]");
        assert_eq!(view(&[3], window(&[-1], &[1]), &[5]), "pad [1]");
        assert_eq!(view(&[4, 5], window(&[1, 2], &[1, 1]), &[4, 3]), "pad [-1, -2]");
        assert_eq!(view(&[5], window(&[4], &[-1]), &[5]), "crop [4] stride [-1]");
        // a diagonal, and a view that is a window but not in canonical form
        assert_eq!(said(&View::dense(vec![3], 0, vec![4]), &[3, 3]), "none");
        assert_eq!(said(&View::dense(vec![1, 3], 0, vec![3, 1]), &[2, 3]), "none");
    }

    /// A name read back is the same view, for every window, transpose and broadcast of small shapes.
    #[test]
    fn names_lose_nothing() {
        let (mut named, mut nameless) = (0, 0);
        let mut check = |view: View, source: &[usize]| {
            let Some(name) = Named::of(&view, source) else {
                nameless += 1;
                return;
            };
            named += 1;
            let words = name.words(&view);
            let words: Vec<(&str, Vec<i64>)> = words
                .split_inclusive(']')
                .map(|clause| {
                    let (word, list) = clause.trim().split_once(' ').unwrap_or((clause.trim(), "[]"));
                    let list = list.trim_matches(['[', ']']).split(", ").filter(|value| !value.is_empty());
                    (word, list.map(|value| value.parse().unwrap()).collect())
                })
                .collect();
            let words: Vec<(&str, &[i64])> = words.iter().map(|(word, list)| (*word, &list[..])).collect();
            let read = Named::from_words(&words, source.len()).unwrap();
            assert_eq!(read.view(source, &view.shape), Ok(view));
        };
        for source in [[3, 4], [1, 4], [3, 1], [1, 1]] {
            check(View::transpose(&source, &[1, 0]), &source);
            for size in 1..5 {
                for step in [1, 2, -1] {
                    for start in -2..5 {
                        check(View::window(&source, &[start, 0], &[step, 1], &[size, 3]), &source);
                        check(View::window(&source, &[0, start], &[1, step], &[2, size]), &source);
                    }
                }
                for to in [vec![size, 3, 4], vec![3, size], vec![3, 4, size]] {
                    View::broadcast(&source, &to).into_iter().for_each(|view| check(view, &source));
                }
            }
        }
        // reversals, and windows that both pad and stride, have no name: nearly half of what is tried here
        assert!(named >= 329 && nameless > 0, "{named} named, {nameless} nameless");
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let error = |words: &[(&str, &[i64])], source: &[usize], result: &[usize]| {
            Named::from_words(words, source.len()).and_then(|named| named.view(source, result)).unwrap_err()
        };
        let most = i64::MAX;
        for (words, source, result) in [
            (&[("reshape", &[][..])][..], &[2, 3][..], &[5][..]),
            (&[("transpose", &[0, 0])], &[2, 3], &[2, 3]),
            (&[("transpose", &[1, 0])], &[2, 3], &[2, 3]),
            (&[("transpose", &[-1, 0])], &[2, 3], &[3, 2]),
            (&[("broadcast", &[3])], &[2], &[2, 2]),
            (&[("broadcast", &[0, 0])], &[2, 1], &[2, 2]),
            (&[("broadcast", &[0])], &[2], &[3, 2]),
            (&[("crop", &[1])], &[2, 3], &[2, 2]),
            (&[("crop", &[1, 1])], &[2, 3], &[2]),
            (&[("crop", &[most, most])], &[2, 3], &[2, 2]),
            (&[("stride", &[0, 1])], &[2, 3], &[2, 3]),
            (&[("stride", &[most, most])], &[2, 3], &[2, 3]),
            (&[("fold", &[])], &[2, 3], &[2, 3]),
            (&[], &[2, 3], &[2, 3]),
        ] {
            assert!(!error(words, source, result).is_empty());
        }
    }
}
