//! A convolution tap by tap: the windows of an image, unfolded, times the kernel as a matrix product.
//!
//! Equation: `y[n,o,u,v] = Σ_{c,i,j} x[n, c, u·s + i·d − top, v·s + j·d − left]·w[o,c,i,j]`, zero outside of x.
//!
//! Against the transform domain ([`crate::polyphase`]): an element of x is committed once for each window that reads it, and
//! no border of a full convolution is committed at all. That is less where windows are few, as where a kernel covers its
//! whole image.

use tessera_circuit::semantics::{ContractSpec, LARGE, ResultIndex, View, row_major};
use tessera_mlir::shape::{self, ConvAttrs};

/// A convolution as views around a contract without sums of indices.
#[derive(Clone, Debug)]
pub struct Direct {
    /// Applied to x one after the other.
    pub x_views: Vec<View>,
    /// Shape of the second operand; its elements are those of the kernel, in order.
    pub w_shape: Vec<usize>,
    /// The contract.
    pub spec: ContractSpec,
    /// Applied to its result; none where that has the convolution's shape.
    pub reshape: Option<View>,
}

impl Direct {
    /// Plans the convolution of x[N, C, H, W] by w[O, C/groups, KH, KW].
    ///
    /// # Errors
    /// A sentence, where the shapes and attributes do not fit together.
    pub fn new(x: [usize; 4], w: [usize; 4], attrs: &ConvAttrs) -> Result<Direct, String> {
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
        let y_map =
            [0].into_iter().chain(group).chain([co, rest[3], rest[4]]).map(ResultIndex::One).collect();
        let spec = ContractSpec::new(at(7), x_map, w_map, y_map, &x_shape, &w_shape)?;
        let reshape = (g > 1).then(|| View::reshape(y));
        Ok(Direct { x_views, w_shape, spec, reshape })
    }

    /// Cells that the operand takes.
    pub fn cells(&self) -> usize {
        self.x_views.last().map_or(0, View::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(view: &View, x: &[i64]) -> Vec<i64> {
        view.sources().into_iter().map(|s| if s < 0 { 0 } else { x[s as usize] }).collect()
    }

    /// The convolution by its definition.
    fn convolution(
        x: &[i64],
        [_, c, h, w]: [usize; 4],
        k: &[i64],
        [o, cg, kh, kw]: [usize; 4],
        a: &ConvAttrs,
        y: &[usize],
    ) -> Vec<i64> {
        let mut out = vec![];
        for n in 0..y[0] {
            for channel in 0..o {
                for (u, v) in (0..y[2]).flat_map(|u| (0..y[3]).map(move |v| (u, v))) {
                    let mut sum = 0;
                    for (ic, i, j) in
                        (0..cg).flat_map(|ic| (0..kh).flat_map(move |i| (0..kw).map(move |j| (ic, i, j))))
                    {
                        let row =
                            (u * a.strides[0] + i * a.dilations[0]).checked_sub(a.pads[0]).filter(|r| *r < h);
                        let column =
                            (v * a.strides[1] + j * a.dilations[1]).checked_sub(a.pads[1]).filter(|s| *s < w);
                        if let (Some(r), Some(s)) = (row, column) {
                            let source = channel / (o / a.groups) * cg + ic;
                            sum += x[((n * c + source) * h + r) * w + s]
                                * k[((channel * cg + ic) * kh + i) * kw + j];
                        }
                    }
                    out.push(sum);
                }
            }
        }
        out
    }

    #[test]
    fn tap_by_tap_is_the_definition() {
        for (x, w, strides, pads, dilations, groups) in [
            ([1, 2, 5, 4], [3, 2, 3, 3], [1, 1], [1, 1, 1, 1], [1, 1], 1),
            ([2, 4, 6, 5], [4, 2, 3, 2], [2, 1], [0, 1, 1, 0], [1, 2], 2),
            ([1, 3, 4, 4], [3, 1, 4, 4], [1, 1], [0, 0, 0, 0], [1, 1], 3),
            ([1, 1, 7, 7], [2, 1, 3, 3], [3, 3], [2, 0, 1, 2], [2, 2], 1),
        ] {
            let attrs = ConvAttrs { strides, pads, dilations, groups };
            let value = |i: usize| (i as i64 * 7 + 3) % 11 - 5;
            let xs: Vec<i64> = (0..x.iter().product()).map(value).collect();
            let ws: Vec<i64> = (0..w.iter().product()).map(|i: usize| value(i * 5 + 1)).collect();
            let plan = Direct::new(x, w, &attrs).unwrap();
            let operand = plan.x_views.iter().fold(xs.clone(), |v, view| run(view, &v));
            let product = plan.spec.evaluate(&operand, &ws).unwrap();
            let y = shape::conv(&x, &w, None, &attrs).unwrap();
            let expected = convolution(&xs, x, &ws, w, &attrs, &y);
            assert_eq!(plan.reshape.as_ref().map_or(product.clone(), |v| run(v, &product)), expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let attrs = |pads, groups| ConvAttrs { strides: [1, 1], pads, dilations: [1, 1], groups };
        assert!(Direct::new([1, 4, 5, 5], [3, 3, 3, 3], &attrs([0; 4], 1)).is_err());
        assert!(Direct::new([1, 1, 2, 2], [1, 1, 1, 1], &attrs([1 << 40; 4], 1)).is_err());
    }
}
