//! A convolution in the transform domain: any 2-D convolution (stride, padding, dilation, groups) as one stride-1 full
//! convolution between two views, which a prover checks as a product of polynomials, borders included.
//!
//! Along one axis, with stride s, dilation d, padding p and kernel w, `y[u] = Σ_k x[s·u + d·k - p]·w[k]`. Write each position
//! read as j = s·v + r with phase 0 ≤ r < s. Then tap k meets phase r = (d·k - p) mod s, at v = u + q with
//! q = (d·k - p - r)/s, so with `X[r][v] = x[s·v + r]` and `W[r][q] = w[k]`
//!
//! `y[u] = Σ_r Σ_q X[r][u + q]·W[r][q]`,
//!
//! a stride-1 correlation with the phases as further channels. Flipped, `W'[r][t] = W[r][qmax - t]`, it is row u + qmax of the
//! full convolution of X and W': the result is a crop. Padding never touches x: where it reaches beyond the full convolution
//! the crop reads zeros. Dilation leaves zeros in W, or vanishes where it shares factors with the stride. Zeros are what a view pads:
//! they are no weights, and placement gives them no cell.
//! (The polyphase decomposition of multirate signal processing: Vaidyanathan 1990, "Multirate digital filters".)
//!
//! Invariants: phases that no tap meets are not read; x is padded (at its end alone) only where its extent leaves a phase
//! short.

use super::{ConvPlan, Convolution, Strategy};
use tessera_circuit::semantics::{ContractSpec, LARGE, ResultIndex, View, for_each_index, row_major};

/// Products of polynomials.
pub const STRATEGY: Strategy = Strategy { name: "transform", summary: "as products of polynomials", plan };

/// Plans a convolution.
///
/// # Errors
/// A sentence, where the shapes and attributes do not fit together.
pub fn plan(conv: &Convolution) -> Result<ConvPlan, String> {
    let ([n, c, h, wd], [o, cg, kh, kw]) = (conv.x, conv.w);
    let attrs = &conv.attrs;
    let g = attrs.groups;
    if g == 0 || c != cg * g || o % g != 0 {
        return Err(format!(
            "{g} groups do not divide {c} input channels of {cg} each and {o} output channels"
        ));
    }
    let axis = |d: usize, extent, kernel| {
        Axis::new(extent, kernel, attrs.strides[d], attrs.dilations[d], [attrs.pads[d], attrs.pads[d + 2]])
    };
    let axes = [axis(0, h, kh)?, axis(1, wd, kw)?];
    let [ah, aw] = &axes;
    let spread = [o, cg, ah.phases(), aw.phases(), ah.taps(), aw.taps()];
    let full = [n, o, ah.positions + ah.taps() - 1, aw.positions + aw.taps() - 1];
    for (what, extents) in [("kernel", &spread[..]), ("result", &full[..])] {
        if tessera_mlir::shape::elements(extents).is_ok_and(|elements| elements <= LARGE) {
            continue;
        }
        return Err(format!("with these strides and dilations the {what} has more than {LARGE} elements"));
    }

    // Operand x: [N, (G), C/G, (RH), (RW), VH, VW].
    let mut x_views = vec![];
    let padded = [n, c, h.max(ah.reads()), wd.max(aw.reads())];
    if padded != conv.x {
        x_views.push(View::window(&conv.x, &[0; 4], &[1; 4], &padded));
    }
    let dims = row_major(&padded).into_iter().map(|s| s as i64).collect::<Vec<_>>();
    let mut operand = vec![(n, dims[0])];
    if g > 1 {
        operand.push((g, cg as i64 * dims[1]));
    }
    operand.push((cg, dims[1]));
    for (a, dim) in axes.iter().zip(&dims[2..]) {
        if a.phases() > 1 {
            operand.push((a.phases(), a.phase_step as i64 * dim));
        }
    }
    for (a, dim) in axes.iter().zip(&dims[2..]) {
        operand.push((a.positions, a.stride as i64 * dim));
    }
    let offset = (ah.first_phase as i64) * dims[2] + (aw.first_phase as i64) * dims[3];
    let (x_shape, strides): (Vec<usize>, Vec<i64>) = operand.into_iter().unzip();
    let phases = View::dense(x_shape.clone(), offset, strides);
    if !phases.is_identity(&padded) {
        x_views.push(phases);
    }

    // Operand w: [(G), O/G, C/G, (RH), (RW), QH, QW].
    let og = o / g;
    let phases: Vec<usize> = axes.iter().map(|a| a.phases()).filter(|&p| p > 1).collect();
    let w_shape =
        [if g > 1 { vec![g] } else { vec![] }, vec![og, cg], phases.clone(), vec![ah.taps(), aw.taps()]]
            .concat();
    let (taps, w_views) = kernel(&conv.w, &w_shape, &axes, g)?;

    // Indices in the order n g o rh rw c i j k l: segments of one phase, which have the same taps, are neighbours.
    let mut next = 0;
    let mut index = || {
        next += 1;
        next - 1
    };
    let i_n = index();
    let i_g = (g > 1).then(&mut index);
    let i_o = index();
    let i_r: Vec<usize> = phases.iter().map(|_| index()).collect();
    let i_c = index();
    let [i, j, k, l] = [index(), index(), index(), index()];
    let g_list: Vec<usize> = i_g.into_iter().collect();
    let x_map = [vec![i_n], g_list.clone(), vec![i_c], i_r.clone(), vec![i, j]].concat();
    let w_map = [g_list.clone(), vec![i_o, i_c], i_r, vec![k, l]].concat();
    let free = [vec![i_n], g_list, vec![i_o]].concat();
    let y_map = free
        .into_iter()
        .map(ResultIndex::One)
        .chain([ResultIndex::Sum(i, k), ResultIndex::Sum(j, l)])
        .collect();
    let spec = ContractSpec::new(next, x_map, w_map, y_map, &x_shape, &w_shape)?;

    let y_view = View::window(&full, &[0, 0, ah.start, aw.start], &[1; 4], &[n, o, ah.outputs, aw.outputs]);
    Ok(ConvPlan { x_views, taps, w_views, spec, y_view })
}

/// How the kernel w[O, C/groups, KH, KW] becomes the second operand: the order its elements are stored in, and views from there.
/// Where a phase has fewer taps than another, views pad, so that no zero is stored as if it were a weight.
fn kernel(
    w: &[usize; 4],
    operand: &[usize],
    axes: &[Axis; 2],
    g: usize,
) -> Result<(Vec<Option<usize>>, Vec<View>), String> {
    let [ah, aw] = axes;
    let mut taps = vec![];
    for_each_index(&[ah.phases(), aw.phases(), ah.taps(), aw.taps()], |at| {
        let tap = |a: &Axis, phase, t| a.kernel[phase * a.taps() + t];
        let k = tap(ah, at[0], at[2]).zip(tap(aw, at[1], at[3]));
        taps.push(k.map(|(k, l)| k * w[3] + l));
    });
    if taps.iter().all(Option::is_some) {
        return Ok((taps, vec![]));
    }
    let [o, cg, kh, kw] = *w;
    let mut views = vec![];
    let [dh, dw] = [ah.dilation, aw.dilation];
    // every position that a phase and a tap meet, in the kernel or not
    let padded = [o, cg, ah.met(), aw.met()];
    for extents in [[o, cg, kh.saturating_mul(dh), kw.saturating_mul(dw)], padded] {
        if !tessera_mlir::shape::elements(&extents).is_ok_and(|elements| elements <= LARGE) {
            return Err(format!("with these strides and dilations the kernel spans more than {LARGE} elements"));
        }
    }
    if dh * dw > 1 {
        let mut spread = View::dense(vec![o, cg, kh, dh, kw, dw], 0, vec![0; 6]);
        for (axis, step) in [(0, cg * kh * kw), (1, kh * kw), (2, kw), (4, 1)] {
            spread.strides[axis] = step as i64;
        }
        (spread.valid_high[3], spread.valid_high[5]) = (1, 1);
        views.push(spread.normalized());
        views.push(View::reshape(vec![o, cg, kh * dh, kw * dw]));
    }
    let starts = [0, 0, ah.first_met, aw.first_met];
    views.push(View::window(&[o, cg, kh * dh, kw * dw], &starts, &[1; 4], &padded));
    let dims: Vec<i64> = row_major(&padded).into_iter().map(|d| d as i64).collect();
    let grouped = (g > 1).then_some((o / g) as i64 * dims[0]);
    let steps = [ah.phase_step as i64 * dims[2], aw.phase_step as i64 * dims[3]];
    let live = [ah, aw].into_iter().zip(steps).filter(|(a, _)| a.phases() > 1);
    let turns = [(ah, dims[2]), (aw, dims[3])].map(|(a, d)| a.stride as i64 * d);
    let strides = grouped.into_iter().chain(dims[..2].iter().copied()).chain(live.map(|(_, step)| step));
    let strides = strides.chain(turns.map(|t| -t)).collect();
    let offset = (ah.taps() as i64 - 1) * turns[0] + (aw.taps() as i64 - 1) * turns[1];
    views.push(View::dense(operand.to_vec(), offset, strides).normalized());
    Ok(((0..kh * kw).map(Some).collect(), views))
}

/// The decomposition along one axis.
struct Axis {
    stride: usize,
    dilation: usize,
    /// Positions v of each phase that are read.
    positions: usize,
    /// The phases read are first_phase + m·phase_step.
    first_phase: usize,
    phase_step: usize,
    n_phases: usize,
    /// Kernel index per phase and flipped tap, phase-major; `None` where the kernel has no such tap.
    kernel: Vec<Option<usize>>,
    /// The tap, of a kernel with zeros for its dilation, that the first phase meets at the least shift; not positive.
    first_met: i64,
    /// Row of the full convolution that is output 0; may be negative.
    start: i64,
    /// Number of outputs.
    outputs: usize,
}

impl Axis {
    fn new(
        extent: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        pads: [usize; 2],
    ) -> Result<Axis, String> {
        if extent == 0 || kernel == 0 || stride == 0 || dilation == 0 {
            return Err("extents, kernel, strides and dilations must be at least 1".into());
        }
        let span = dilation * (kernel - 1) + 1;
        let outputs = (extent + pads[0] + pads[1])
            .checked_sub(span)
            .map(|free| free / stride + 1)
            .ok_or_else(|| format!("a kernel that spans {span} does not fit {extent} padded by {pads:?}"))?;
        let (s, at) = (stride as i64, |k: usize| (dilation * k) as i64 - pads[0] as i64);
        let phase = |k: usize| at(k).rem_euclid(s) as usize;
        let shift = |k: usize| at(k).div_euclid(s);
        let (q_min, q_max) = (shift(0), shift(kernel - 1));

        let mut live: Vec<usize> = (0..kernel).map(phase).collect();
        live.sort_unstable();
        live.dedup();
        let step = if live.len() > 1 { live[1] - live[0] } else { 1 };
        if live.windows(2).any(|p| p[1] - p[0] != step) {
            if stride > LARGE {
                return Err(format!("a stride of {stride} leaves more than {LARGE} phases"));
            }
            live = (0..stride).collect(); // not evenly spaced: read them all
        }
        let phase_step = if live.len() > 1 { live[1] - live[0] } else { 1 };

        let taps = (q_max - q_min + 1) as usize;
        if taps.checked_mul(live.len()).is_none_or(|slots| slots > LARGE) {
            return Err(format!("a kernel that spans {span} has more than {LARGE} taps"));
        }
        let mut table = vec![None; live.len() * taps];
        for k in 0..kernel {
            let row = live.iter().position(|&r| r == phase(k)).unwrap_or(0);
            table[row * taps + (q_max - shift(k)) as usize] = Some(k);
        }
        // Positions that hold input, of those the outputs reach.
        let held = extent.saturating_sub(live[0]).div_ceil(stride) as i64;
        let positions = held.min(outputs as i64 + q_max).max(1) as usize;
        Ok(Axis {
            stride,
            dilation,
            positions,
            first_met: s * q_min + live[0] as i64 + pads[0] as i64,
            first_phase: live[0],
            phase_step,
            n_phases: live.len(),
            kernel: table,
            start: q_max,
            outputs,
        })
    }

    fn phases(&self) -> usize {
        self.n_phases
    }

    fn taps(&self) -> usize {
        self.kernel.len() / self.n_phases
    }

    /// Over how many taps, of a kernel with zeros for its dilation, phases and shifts reach.
    fn met(&self) -> usize {
        self.stride.saturating_mul(self.taps() - 1).saturating_add(self.phase_step * (self.n_phases - 1) + 1)
    }

    /// How much of the axis the phases read.
    fn reads(&self) -> usize {
        self.stride * (self.positions - 1) + self.first_phase + self.phase_step * (self.n_phases - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_mlir::shape::ConvAttrs;

    fn attrs(stride: usize, pad: usize, dilation: usize) -> ConvAttrs {
        ConvAttrs { strides: [stride; 2], pads: [pad; 4], dilations: [dilation; 2], groups: 1 }
    }

    fn plan(x: [usize; 4], w: [usize; 4], attrs: &ConvAttrs) -> Result<ConvPlan, String> {
        super::plan(&Convolution { x, w, attrs: attrs.clone() })
    }

    /// A plain convolution reads x as it stands; a pointwise one of stride 2 reads a quarter of it and has one tap.
    #[test]
    fn no_more_is_read_than_needed() {
        let plain = plan([1, 3, 8, 8], [4, 3, 3, 3], &attrs(1, 1, 1)).unwrap();
        assert!(plain.x_views.is_empty());
        assert_eq!((plain.spec.x_shape(), plain.spec.w_shape()), (vec![1, 3, 8, 8], vec![4, 3, 3, 3]));
        let pointwise = plan([1, 3, 7, 7], [4, 3, 1, 1], &attrs(2, 0, 1)).unwrap();
        assert_eq!(pointwise.x_views.len(), 1);
        assert_eq!((pointwise.spec.x_shape(), pointwise.taps), (vec![1, 3, 4, 4], vec![Some(0)]));
        // Dilation and stride with a common factor need no zeros in the kernel.
        let atrous = plan([1, 1, 9, 9], [1, 1, 3, 3], &attrs(2, 0, 2)).unwrap();
        assert!(atrous.w_views.is_empty());
        // An odd image is padded at its end, then spread over the phases.
        let odd = plan([1, 3, 7, 7], [4, 3, 3, 3], &attrs(2, 1, 1)).unwrap();
        assert_eq!(odd.x_views.len(), 2);
        assert_eq!(
            (odd.spec.x_shape(), odd.spec.w_shape()),
            (vec![1, 3, 2, 2, 4, 4], vec![4, 3, 2, 2, 2, 2])
        );
    }

    #[test]
    fn misfits_are_errors() {
        let groups = ConvAttrs { groups: 3, ..attrs(1, 0, 1) };
        assert!(plan([1, 4, 5, 5], [3, 1, 3, 3], &groups).is_err());
        assert!(plan([1, 4, 5, 5], [3, 2, 3, 3], &attrs(1, 0, 1)).is_err());
        assert!(plan([1, 4, 2, 5], [3, 4, 3, 3], &attrs(1, 0, 1)).is_err());
        assert!(plan([1, 4, 5, 5], [3, 4, 3, 3], &attrs(0, 0, 1)).is_err());
        // Sizes that a file may ask for and no machine holds.
        let huge = 1 << 30;
        assert!(plan([1, 1, 2, 2], [1, 1, 2, 2], &attrs(1, huge, huge)).is_err());
        let far = plan([1, 1, 2, 2], [1, 1, 3, 3], &attrs(huge, huge, 3));
        assert!(far.is_ok_and(|plan| plan.y_view.len() == 4));
    }
}
