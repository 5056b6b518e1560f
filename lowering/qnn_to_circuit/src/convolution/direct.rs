//! A convolution tap by tap: the windows of an image, unfolded, times the kernel as a matrix product.
//!
//! Equation: `y[n,o,u,v] = Σ_{c,i,j} x[n, c, u·s + i·d − top, v·s + j·d − left]·w[o,c,i,j]`, zero outside of x.
//!
//! Against the transform domain ([`super::transform`]): an element of x is committed once for each window that reads it, and
//! no border of a full convolution is committed at all. That is less where windows are few, as where a kernel covers its
//! whole image.

use super::{ConvPlan, Convolution, Strategy};
use tessera_circuit::semantics::{ContractSpec, LARGE, ResultIndex, View, row_major};
use tessera_mlir::shape;

/// A matrix product.
pub const STRATEGY: Strategy = Strategy { name: "direct", summary: "tap by tap", plan };

/// Plans a convolution.
///
/// # Errors
/// A sentence, where the shapes and attributes do not fit together.
pub fn plan(conv: &Convolution) -> Result<ConvPlan, String> {
    let (x, w, attrs) = (conv.x, conv.w, &conv.attrs);
    let y = shape::conv(&x, &w, None, attrs).map_err(|e| e.to_string())?;
    let [&n, &o, &oh, &ow] = [&y[0], &y[1], &y[2], &y[3]];
    let ([_, c, h, wd], [_, cg, kh, kw]) = (x, w);
    let g = attrs.groups;
    let [top, left, bottom, right] = attrs.pads;
    let mut x_views = vec![];
    let extent = |size: usize, a: usize, b: usize| size.checked_add(a).and_then(|s| s.checked_add(b));
    let padded = match (extent(h, top, bottom), extent(wd, left, right)) {
        (Some(h), Some(w)) => [n, c, h, w],
        _ => return Err("the padding is out of range".into()),
    };
    let unfolded = [n, g, cg, oh, ow, kh, kw];
    let small = |extents: &[usize]| shape::elements(extents).is_ok_and(|elements| elements <= LARGE);
    if !small(&padded) || !small(&unfolded) {
        return Err(format!("the unfolded image has more than {LARGE} elements"));
    }
    if padded != x {
        x_views.push(View::window(&x, &[0, 0, -(top as i64), -(left as i64)], &[1; 4], &padded));
    }
    let dims: Vec<i64> = row_major(&padded).into_iter().map(|d| d as i64).collect();
    let ([sh, sw], [dh, dw]) = (attrs.strides.map(|s| s as i64), attrs.dilations.map(|d| d as i64));
    let grouped = usize::from(g > 1);
    // axes of the operand: n (g) c i j u v
    let mut axes = vec![(n, dims[0])];
    axes.extend((g > 1).then_some((g, cg as i64 * dims[1])));
    axes.extend([(cg, dims[1]), (kh, dh * dims[2]), (kw, dw), (oh, sh * dims[2]), (ow, sw)]);
    let (x_shape, strides): (Vec<usize>, Vec<i64>) = axes.into_iter().unzip();
    x_views.push(View::dense(x_shape.clone(), 0, strides));
    let mut w_shape = vec![o / g, cg, kh, kw];
    if g > 1 {
        w_shape.insert(0, g);
    }
    // indices: 0 n, (1 g), o, c, i, j, u, v
    let at = |k: usize| k + grouped;
    let group = (g > 1).then_some(1);
    let (co, rest) = (at(1), [at(2), at(3), at(4), at(5), at(6)]);
    let x_map = [0].into_iter().chain(group).chain(rest).collect();
    let w_map = group.into_iter().chain([co, rest[0], rest[1], rest[2]]).collect();
    let y_map = [0].into_iter().chain(group).chain([co, rest[3], rest[4]]).map(ResultIndex::One).collect();
    let spec = ContractSpec::new(at(7), x_map, w_map, y_map, &x_shape, &w_shape)?;
    let taps = (0..kh * kw).map(Some).collect();
    Ok(ConvPlan { x_views, taps, w_views: vec![], spec, y_view: View::reshape(y) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_mlir::shape::ConvAttrs;

    #[test]
    fn what_does_not_fit_is_an_error() {
        let plan = |x, w, pads| {
            plan(&Convolution {
                x,
                w,
                attrs: ConvAttrs { strides: [1, 1], pads, dilations: [1, 1], groups: 1 },
            })
        };
        assert!(plan([1, 4, 5, 5], [3, 3, 3, 3], [0; 4]).is_err());
        assert!(plan([1, 1, 2, 2], [1, 1, 1, 1], [1 << 40; 4]).is_err());
    }
}
