//! Any 2-D convolution (stride, padding, dilation, groups) as one stride-1 full convolution between two views.
//!
//! Along one axis, with stride s, dilation d, padding p and kernel w, `y[u] = Σ_k x[s·u + d·k - p]·w[k]`. Write each position
//! read as j = s·v + r with phase 0 ≤ r < s. Then tap k meets phase r = (d·k - p) mod s, at v = u + q with
//! q = (d·k - p - r)/s, so with `X[r][v] = x[s·v + r]` and `W[r][q] = w[k]`
//!
//! `y[u] = Σ_r Σ_q X[r][u + q]·W[r][q]`,
//!
//! a stride-1 correlation with the phases as further channels. Flipped, `W'[r][t] = W[r][qmax - t]`, it is row u + qmax of the
//! full convolution of X and W': the result is a crop. Padding never touches x: where it reaches beyond the full convolution
//! the crop reads zeros. Dilation leaves zeros in W, or vanishes where it shares factors with the stride.
//! (The polyphase decomposition of multirate signal processing: Vaidyanathan 1990, "Multirate digital filters".)
//!
//! Invariants: phases that no tap meets are not read; x is padded (at its end alone) only where its extent leaves a phase
//! short.

use tessera_circuit::semantics::{ContractSpec, LARGE, ResultIndex, View, for_each_index, row_major};
use tessera_mlir::map_values;
use tessera_mlir::params::{Number, ParamData};
use tessera_mlir::shape::ConvAttrs;

/// A convolution as views around a contract.
#[derive(Clone, Debug)]
pub struct Polyphase {
    /// From x[N, C, H, W] to the contract's first operand, one after the other; none where x itself is the operand.
    pub x_views: Vec<View>,
    /// Shape of the contract's second operand.
    pub w_shape: Vec<usize>,
    /// Taps of a kernel w[o, c].
    pub kernel: usize,
    /// Where the phases and taps of the second operand, for one output and one input channel, are in the kernel of these; `None`
    /// for zero.
    pub taps: Vec<Option<usize>>,
    /// The contract, between them.
    pub spec: ContractSpec,
    /// From the full convolution to y[N, O, U, V].
    pub crop: View,
}

impl Polyphase {
    /// Elements of the first operand.
    pub fn operand_len(&self) -> usize {
        self.spec.x.iter().map(|i| self.spec.extents[*i]).product()
    }

    /// The second operand, from w[O, C/groups, KH, KW].
    pub fn weights(&self, w: &ParamData) -> ParamData {
        map_values!(w, |w| self.spread(w))
    }

    fn spread<T: Number + Default>(&self, w: &[T]) -> Vec<T> {
        let mut spread = Vec::with_capacity(w.len() / self.kernel * self.taps.len());
        for kernel in w.chunks_exact(self.kernel) {
            spread.extend(self.taps.iter().map(|tap| tap.map_or(T::default(), |tap| kernel[tap])));
        }
        spread
    }

    /// Plans the convolution of x[N, C, H, W] by w[O, C/groups, KH, KW].
    ///
    /// # Errors
    /// A sentence, where the shapes and attributes do not fit together.
    pub fn new(x: [usize; 4], w: [usize; 4], attrs: &ConvAttrs) -> Result<Polyphase, String> {
        let [n, c, h, wd] = x;
        let [o, cg, kh, kw] = w;
        let g = attrs.groups;
        if g == 0 || c != cg * g || o % g != 0 {
            return Err(format!(
                "{g} groups do not divide {c} input channels of {cg} each and {o} output channels"
            ));
        }
        let axis = |d: usize, extent, kernel| {
            Axis::new(
                extent,
                kernel,
                attrs.strides[d],
                attrs.dilations[d],
                [attrs.pads[d], attrs.pads[d + 2]],
            )
        };
        let axes = [axis(0, h, kh)?, axis(1, wd, kw)?];
        let [ah, aw] = &axes;
        let spread = [o, cg, ah.phases(), aw.phases(), ah.taps(), aw.taps()];
        let full = [n, o, ah.positions + ah.taps() - 1, aw.positions + aw.taps() - 1];
        for (what, extents) in [("kernel", &spread[..]), ("result", &full[..])] {
            if tessera_mlir::shape::elements(extents).is_ok_and(|elements| elements <= LARGE) {
                continue;
            }
            return Err(format!(
                "with these strides and dilations the {what} has more than {LARGE} elements"
            ));
        }

        // Operand x: [N, (G), C/G, (RH), (RW), VH, VW].
        let mut x_views = vec![];
        let padded = [n, c, h.max(ah.reads()), wd.max(aw.reads())];
        if padded != x {
            x_views.push(View::window(&x, &[0; 4], &[1; 4], &padded));
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
        let mut kernel_taps = vec![];
        for_each_index(&[ah.phases(), aw.phases(), ah.taps(), aw.taps()], |at| {
            let tap = |a: &Axis, phase, t| a.kernel[phase * a.taps() + t];
            let k = tap(ah, at[0], at[2]).zip(tap(aw, at[1], at[3]));
            kernel_taps.push(k.map(|(k, l)| k * kw + l));
        });

        // Indices in the order n g o c rh rw i j k l.
        let mut next = 0;
        let mut index = || {
            next += 1;
            next - 1
        };
        let i_n = index();
        let i_g = (g > 1).then(&mut index);
        let (i_o, i_c) = (index(), index());
        let i_r: Vec<usize> = phases.iter().map(|_| index()).collect();
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

        let crop = View::window(&full, &[0, 0, ah.start, aw.start], &[1; 4], &[n, o, ah.outputs, aw.outputs]);
        Ok(Polyphase { x_views, w_shape, kernel: kh * kw, taps: kernel_taps, spec, crop })
    }
}

/// The decomposition along one axis.
struct Axis {
    stride: usize,
    /// Positions v of each phase that are read.
    positions: usize,
    /// The phases read are first_phase + m·phase_step.
    first_phase: usize,
    phase_step: usize,
    n_phases: usize,
    /// Kernel index per phase and flipped tap, phase-major; `None` where the kernel has no such tap.
    kernel: Vec<Option<usize>>,
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
            positions,
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

    /// How much of the axis the phases read.
    fn reads(&self) -> usize {
        self.stride * (self.positions - 1) + self.first_phase + self.phase_step * (self.n_phases - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, one product at a time.
    fn direct(
        x: &[i64],
        xs: [usize; 4],
        w: &[i64],
        ws: [usize; 4],
        a: &ConvAttrs,
        out: &[usize],
    ) -> Vec<i64> {
        let og = ws[0] / a.groups;
        let mut y = vec![];
        for_each_index(out, |at| {
            let mut sum = 0;
            for_each_index(&ws[1..], |k| {
                let pos = |d: usize| {
                    (at[2 + d] * a.strides[d] + k[1 + d] * a.dilations[d])
                        .checked_sub(a.pads[d])
                        .filter(|&p| p < xs[2 + d])
                };
                if let (Some(i), Some(j)) = (pos(0), pos(1)) {
                    let c = at[1] / og * ws[1] + k[0];
                    sum += x[((at[0] * xs[1] + c) * xs[2] + i) * xs[3] + j]
                        * w[((at[1] * ws[1] + k[0]) * ws[2] + k[1]) * ws[3] + k[2]];
                }
            });
            y.push(sum);
        });
        y
    }

    fn data(n: usize, seed: i64) -> Vec<i64> {
        (0..n as i64).map(|i| (i * 37 + seed * 11) % 251 - 125).collect()
    }

    fn check(xs: [usize; 4], ws: [usize; 4], a: &ConvAttrs) -> bool {
        let Ok(plan) = Polyphase::new(xs, ws, a) else { return false };
        let (x, w) = (data(xs.iter().product(), 1), data(ws.iter().product(), 2));
        let mut operand = x.clone();
        for v in &plan.x_views {
            assert_eq!(v.check(operand.len()), Ok(()), "{a:?} {xs:?} {ws:?}");
            operand = v.apply(&operand, 0);
        }
        let weights = plan.weights(&ParamData::I64(w.clone().into())).to_i64s();
        let full = plan.spec.evaluate(&operand, &weights.unwrap()).unwrap();
        assert_eq!(plan.crop.check(full.len()), Ok(()));
        let y = plan.crop.apply(&full, 0);
        let out = tessera_mlir::shape::conv(&xs, &ws, None, a).unwrap();
        assert_eq!(plan.crop.shape, out, "{a:?} {xs:?} {ws:?}");
        assert_eq!(y, direct(&x, xs, &w, ws, a, &out), "{a:?} {xs:?} {ws:?}");
        true
    }

    /// Every extent, kernel, stride, dilation and padding up to small limits, along one axis.
    #[test]
    fn one_axis_exhaustively() {
        let mut run = 0;
        for extent in 1..=8 {
            for kernel in 1..=4 {
                for stride in 1..=4 {
                    for dilation in 1..=3 {
                        for before in 0..=3 {
                            for after in 0..=3 {
                                let a = ConvAttrs {
                                    strides: [stride, 1],
                                    pads: [before, 0, after, 0],
                                    dilations: [dilation, 1],
                                    groups: 1,
                                };
                                run += usize::from(check([1, 1, extent, 1], [1, 1, kernel, 1], &a));
                            }
                        }
                    }
                }
            }
        }
        assert!(run > 5000, "{run}");
    }

    #[test]
    fn two_axes_groups_and_batches() {
        for groups in [1, 2, 4] {
            for strides in [[1, 1], [2, 1], [2, 3]] {
                for dilations in [[1, 1], [2, 1]] {
                    for pads in [[0, 0, 0, 0], [1, 2, 0, 1], [3, 1, 2, 2]] {
                        let a = ConvAttrs { strides, pads, dilations, groups };
                        assert!(check([2, 4, 7, 6], [4, 4 / groups, 3, 2], &a));
                        assert!(check([1, 4, 5, 5], [8, 4 / groups, 1, 1], &a));
                    }
                }
            }
        }
    }

    fn attrs(stride: usize, pad: usize, dilation: usize) -> ConvAttrs {
        ConvAttrs { strides: [stride; 2], pads: [pad; 4], dilations: [dilation; 2], groups: 1 }
    }

    /// A plain convolution reads x as it stands; a pointwise one of stride 2 reads a quarter of it and has one tap.
    #[test]
    fn no_more_is_read_than_needed() {
        let plain = Polyphase::new([1, 3, 8, 8], [4, 3, 3, 3], &attrs(1, 1, 1)).unwrap();
        assert!(plain.x_views.is_empty());
        assert_eq!(
            (plain.spec.extents.clone(), plain.w_shape),
            (vec![1, 3, 8, 8, 4, 3, 3], vec![4, 3, 3, 3])
        );
        let pointwise = Polyphase::new([1, 3, 7, 7], [4, 3, 1, 1], &attrs(2, 0, 1)).unwrap();
        assert_eq!(pointwise.x_views.len(), 1);
        assert_eq!(pointwise.spec.extents, [1, 3, 4, 4, 4, 1, 1]);
        // Dilation and stride with a common factor need no zeros in the kernel.
        let atrous = Polyphase::new([1, 1, 9, 9], [1, 1, 3, 3], &attrs(2, 0, 2)).unwrap();
        assert!(atrous.taps.iter().all(Option::is_some));
        // An odd image is padded at its end, then spread over the phases.
        let odd = Polyphase::new([1, 3, 7, 7], [4, 3, 3, 3], &attrs(2, 1, 1)).unwrap();
        assert_eq!(odd.x_views.len(), 2);
        assert_eq!(
            (odd.spec.extents.clone(), odd.w_shape),
            (vec![1, 3, 2, 2, 4, 4, 4, 2, 2], vec![4, 3, 2, 2, 2, 2])
        );
    }

    #[test]
    fn misfits_are_errors() {
        let groups = ConvAttrs { groups: 3, ..attrs(1, 0, 1) };
        assert!(Polyphase::new([1, 4, 5, 5], [3, 1, 3, 3], &groups).is_err());
        assert!(Polyphase::new([1, 4, 5, 5], [3, 2, 3, 3], &attrs(1, 0, 1)).is_err());
        assert!(Polyphase::new([1, 4, 2, 5], [3, 4, 3, 3], &attrs(1, 0, 1)).is_err());
        assert!(Polyphase::new([1, 4, 5, 5], [3, 4, 3, 3], &attrs(0, 0, 1)).is_err());
        // Sizes that a file may ask for and no machine holds.
        let huge = 1 << 30;
        assert!(Polyphase::new([1, 1, 2, 2], [1, 1, 2, 2], &attrs(1, huge, huge)).is_err());
        assert!(
            Polyphase::new([1, 1, 2, 2], [1, 1, 3, 3], &attrs(huge, huge, 3))
                .is_ok_and(|p| p.crop.len() == 4)
        );
    }
}
