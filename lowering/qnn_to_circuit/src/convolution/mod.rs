//! Ways to check a convolution, as a list. Each plans the same sums, as views around one contraction; the cheapest plan by the
//! prices of a backend is written.
//!
//! A new way is a file with a [`Strategy`] and its line in the list below: the pass option names it, the tests of this file hold it
//! to the definition of a convolution, and it is chosen where it costs least.
//!
//! Invariants: what is planned equals the convolution for all integers; no plan counts its own cost.

use tessera_api::{Cost, TargetSpec};
use tessera_circuit::semantics::{ContractSpec, View};
use tessera_mlir::map_values;
use tessera_mlir::params::{Number, ParamData};
use tessera_mlir::shape::ConvAttrs;

macro_rules! strategies {
    ($($file:ident,)*) => {
        $(pub mod $file;)*
        /// All ways; the first is taken, unless another is clearly cheaper.
        pub const STRATEGIES: &[Strategy] = &[$($file::STRATEGY),*];
    };
}

strategies! {
    transform,
    direct,
}

/// What the option of the pass may be: the cheapest way, or one by its name.
pub const NAMES: &[&str] = &{
    let mut names = ["auto"; STRATEGIES.len() + 1];
    let mut at = 0;
    while at < STRATEGIES.len() {
        names[at + 1] = STRATEGIES[at].name;
        at += 1;
    }
    names
};

/// A way to check a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Strategy {
    /// Its name in `convert-qnn-to-circuit{convolution=..}`.
    pub name: &'static str,
    /// What is checked, for people.
    pub summary: &'static str,
    /// Plans a convolution; a sentence where it cannot.
    pub plan: fn(&Convolution) -> Result<ConvPlan, String>,
}

/// x[N, C, H, W] ⋆ w[O, C/groups, KH, KW].
#[derive(Clone, Debug)]
pub struct Convolution {
    /// Extents of the image.
    pub x: [usize; 4],
    /// Extents of the kernel.
    pub w: [usize; 4],
    /// Strides, padding, dilations, groups.
    pub attrs: ConvAttrs,
}

/// A convolution as views around a contraction.
#[derive(Clone, Debug)]
pub struct ConvPlan {
    /// From x to the contraction's first operand, one after the other; none where x itself is the operand.
    pub x_views: Vec<View>,
    /// What is stored of w, kernel by kernel: for each element which of the KH·KW of a kernel it is, or `None` for zero.
    pub taps: Vec<Option<usize>>,
    /// From what is stored to the contraction's second operand, one after the other; none where that is the operand. What they pad
    /// with zeros is no weight.
    pub w_views: Vec<View>,
    /// The contraction, between them.
    pub spec: ContractSpec,
    /// From its result to y[N, O, U, V].
    pub y_view: View,
}

impl ConvPlan {
    /// The shape of what is stored of w.
    fn stored(&self, conv: &Convolution) -> Vec<usize> {
        if self.w_views.is_empty() { self.spec.w_shape() } else { conv.w.to_vec() }
    }

    /// What is stored of w[O, C/groups, KH, KW], with its shape.
    pub fn weights(&self, conv: &Convolution, w: &ParamData) -> (Vec<usize>, ParamData) {
        let shape = self.stored(conv);
        let kernel = conv.w[2] * conv.w[3];
        if self.taps.iter().copied().eq((0..kernel).map(Some)) {
            return (shape, w.clone());
        }
        (shape, map_values!(w, |w| self.spread(kernel, w)))
    }

    fn spread<T: Number + Default>(&self, kernel: usize, w: &[T]) -> Vec<T> {
        let mut spread = Vec::with_capacity(w.len() / kernel * self.taps.len());
        for kernel in w.chunks_exact(kernel) {
            spread.extend(self.taps.iter().map(|tap| tap.map_or(T::default(), |tap| kernel[tap])));
        }
        spread
    }

    /// What the plan commits. An element of the result that y does not read, a border, is half a cell, and so is a weight: two
    /// output channels share one.
    pub fn cost(&self, conv: &Convolution) -> Cost {
        let elements = |shape: &[usize]| shape.iter().map(|&extent| extent as u64).product::<u64>();
        let (result, y) = (elements(&self.spec.result_shape()), elements(&self.y_view.shape));
        let borders = result.saturating_sub(y) / 2;
        let mut cost = Cost::default();
        // before placement there are no tables: a column of one row for every cell
        let group = cost.group(0);
        group.witness = elements(&self.spec.x_shape()) + y + borders;
        group.summed = elements(&self.stored(conv)) / 2;
        cost
    }
}

/// By how much a way has to be cheaper than one before it: prices are no better than that.
const MARGIN: f64 = 0.75;

/// The ways that may be taken, and the backend whose prices decide between them.
#[derive(Clone, Copy, Debug)]
pub struct Ways<'s> {
    /// The first is taken, unless another is clearly cheaper.
    pub strategies: &'s [Strategy],
    /// For whom.
    pub target: TargetSpec,
}

impl<'s> Ways<'s> {
    /// The ways that the option `name` of the pass allows.
    pub fn named(name: &str, target: TargetSpec) -> Ways<'static> {
        let one = STRATEGIES.iter().find(|strategy| strategy.name == name);
        Ways { strategies: one.map_or(STRATEGIES, std::slice::from_ref), target }
    }

    /// The cheapest plan, with its strategy.
    ///
    /// # Errors
    /// Where no strategy can plan the convolution: what each of them says.
    pub fn cheapest(&self, conv: &Convolution) -> Result<(&'s Strategy, ConvPlan), String> {
        let mut refusals = vec![];
        let mut best: Option<(f64, &Strategy, ConvPlan)> = None;
        for strategy in self.strategies {
            match (strategy.plan)(conv) {
                Ok(plan) => {
                    let price = self.target.prices.weigh(&plan.cost(conv));
                    if best.as_ref().is_none_or(|(least, ..)| price < MARGIN * *least) {
                        best = Some((price, strategy, plan));
                    }
                }
                Err(reason) => refusals.push(format!("{}: {reason}", strategy.name)),
            }
        }
        best.map(|(_, strategy, plan)| (strategy, plan)).ok_or_else(|| refusals.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_circuit::semantics::for_each_index;
    use tessera_mlir::shape;

    /// As the pass has it by default: every committed cell costs the same, and weights nothing.
    fn cells() -> TargetSpec {
        TargetSpec::default()
    }

    /// The definition, one product at a time.
    fn definition(conv: &Convolution, x: &[i64], w: &[i64], y: &[usize]) -> Vec<i64> {
        let Convolution { x: xs, w: ws, attrs: a } = conv;
        let per_group = ws[0] / a.groups;
        let mut out = vec![];
        for_each_index(y, |at| {
            let mut sum = 0;
            for_each_index(&ws[1..], |k| {
                let position = |d: usize| {
                    (at[2 + d] * a.strides[d] + k[1 + d] * a.dilations[d])
                        .checked_sub(a.pads[d])
                        .filter(|&p| p < xs[2 + d])
                };
                if let (Some(i), Some(j)) = (position(0), position(1)) {
                    let c = at[1] / per_group * ws[1] + k[0];
                    sum += x[((at[0] * xs[1] + c) * xs[2] + i) * xs[3] + j]
                        * w[((at[1] * ws[1] + k[0]) * ws[2] + k[1]) * ws[3] + k[2]];
                }
            });
            out.push(sum);
        });
        out
    }

    fn data(n: usize, seed: i64) -> Vec<i64> {
        (0..n as i64).map(|i| (i * 37 + seed * 11) % 251 - 125).collect()
    }

    /// Every strategy agrees with the definition; how many could plan.
    fn check(x: [usize; 4], w: [usize; 4], attrs: ConvAttrs) -> usize {
        let conv = Convolution { x, w, attrs };
        let (xs, ws) = (data(x.iter().product(), 1), data(w.iter().product(), 2));
        let plan = |strategy: &Strategy| {
            let plan = (strategy.plan)(&conv).ok()?;
            let view = |v: &View, x: &[i64]| {
                assert_eq!(v.check(x.len()), Ok(()), "{} {conv:?}", strategy.name);
                v.apply(x, 0)
            };
            let operand = plan.x_views.iter().fold(xs.clone(), |x, v| view(v, &x));
            let (stored, weights) = plan.weights(&conv, &ParamData::I64(ws.clone().into()));
            let weights = weights.to_i64s().unwrap();
            assert_eq!(stored.iter().product::<usize>(), weights.len(), "{} {conv:?}", strategy.name);
            let weights = plan.w_views.iter().fold(weights, |w, v| view(v, &w));
            let result = plan.spec.evaluate(&operand, &weights).unwrap();
            let shape = shape::conv(&x, &w, None, &conv.attrs).unwrap();
            assert_eq!(plan.y_view.shape, shape, "{} {conv:?}", strategy.name);
            let expected = definition(&conv, &xs, &ws, &shape);
            assert_eq!(view(&plan.y_view, &result), expected, "{} {conv:?}", strategy.name);
            Some(())
        };
        STRATEGIES.iter().filter_map(plan).count()
    }

    /// Every extent, kernel, stride, dilation and padding up to small limits, along one axis.
    #[test]
    fn one_axis_exhaustively() {
        let mut run = 0;
        let limits = [8, 4, 4, 3, 4, 4];
        for_each_index(&limits, |at| {
            let (extent, kernel, stride, dilation) = (at[0] + 1, at[1] + 1, at[2] + 1, at[3] + 1);
            let attrs = ConvAttrs {
                strides: [stride, 1],
                pads: [at[4], 0, at[5], 0],
                dilations: [dilation, 1],
                groups: 1,
            };
            run += check([1, 1, extent, 1], [1, 1, kernel, 1], attrs);
        });
        assert!(run > 5000 * STRATEGIES.len(), "{run}");
    }

    #[test]
    fn two_axes_groups_and_batches() {
        for groups in [1, 2, 4] {
            for strides in [[1, 1], [2, 1], [2, 3]] {
                for dilations in [[1, 1], [2, 1]] {
                    for pads in [[0, 0, 0, 0], [1, 2, 0, 1], [3, 1, 2, 2]] {
                        let attrs = ConvAttrs { strides, pads, dilations, groups };
                        let all = STRATEGIES.len();
                        assert_eq!(check([2, 4, 7, 6], [4, 4 / groups, 3, 2], attrs.clone()), all);
                        assert_eq!(check([1, 4, 5, 5], [8, 4 / groups, 1, 1], attrs), all);
                    }
                }
            }
        }
    }

    /// The convolutions of the benchmarks: channels in, extent, channels out, kernel, stride, padding, groups.
    #[test]
    fn known_networks_choose_as_they_did() {
        let networks: [(&str, &[[usize; 7]]); 4] = [
            ("lenet", &[[1, 28, 6, 5, 1, 2, 1], [6, 14, 16, 5, 1, 0, 1]]),
            (
                "vgg16",
                &[
                    [3, 32, 64, 3, 1, 1, 1],
                    [64, 32, 64, 3, 1, 1, 1],
                    [64, 16, 128, 3, 1, 1, 1],
                    [128, 16, 128, 3, 1, 1, 1],
                    [128, 8, 256, 3, 1, 1, 1],
                    [256, 8, 256, 3, 1, 1, 1],
                    [256, 4, 512, 3, 1, 1, 1],
                    [512, 4, 512, 3, 1, 1, 1],
                    [512, 2, 512, 3, 1, 1, 1],
                ],
            ),
            (
                "resnet18",
                &[
                    [3, 32, 64, 3, 1, 1, 1],
                    [64, 32, 64, 3, 1, 1, 1],
                    [64, 32, 128, 3, 2, 1, 1],
                    [128, 16, 128, 3, 1, 1, 1],
                    [64, 32, 128, 1, 2, 0, 1],
                    [128, 16, 256, 3, 2, 1, 1],
                    [256, 8, 256, 3, 1, 1, 1],
                    [128, 16, 256, 1, 2, 0, 1],
                    [256, 8, 512, 3, 2, 1, 1],
                    [512, 4, 512, 3, 1, 1, 1],
                    [256, 8, 512, 1, 2, 0, 1],
                ],
            ),
            (
                "mobilenet",
                &[
                    [3, 32, 16, 3, 1, 1, 1],
                    [16, 32, 16, 3, 1, 1, 16],
                    [16, 32, 32, 1, 1, 0, 1],
                    [32, 32, 32, 3, 2, 1, 32],
                    [32, 16, 64, 1, 1, 0, 1],
                    [64, 16, 64, 3, 1, 1, 64],
                    [64, 16, 64, 1, 1, 0, 1],
                    [64, 16, 64, 3, 2, 1, 64],
                    [64, 8, 128, 1, 1, 0, 1],
                    [128, 8, 128, 3, 1, 1, 128],
                    [128, 8, 128, 1, 1, 0, 1],
                    [128, 8, 128, 3, 2, 1, 128],
                    [128, 4, 256, 1, 1, 0, 1],
                    [256, 4, 256, 3, 1, 1, 256],
                    [256, 4, 256, 1, 1, 0, 1],
                    [256, 4, 256, 3, 2, 1, 256],
                    [256, 2, 512, 1, 1, 0, 1],
                    [512, 2, 512, 3, 1, 1, 512],
                    [512, 2, 512, 1, 1, 0, 1],
                ],
            ),
        ];
        // a kernel that covers its whole image
        let whole =
            [[1, 4, 3, 4, 1, 0, 1], [16, 5, 120, 5, 1, 0, 1]].map(|layer| ("a whole image", layer, "direct"));
        let layers =
            networks.iter().flat_map(|(network, layers)| layers.iter().map(|l| (*network, *l, "transform")));
        for (network, [c, extent, o, k, stride, pad, groups], name) in layers.chain(whole) {
            let attrs = ConvAttrs { strides: [stride; 2], pads: [pad; 4], dilations: [1, 1], groups };
            let conv = Convolution { x: [1, c, extent, extent], w: [o, c / groups, k, k], attrs };
            let (strategy, _) = Ways::named("auto", cells()).cheapest(&conv).unwrap();
            assert_eq!(strategy.name, name, "{network}: {conv:?}");
        }
    }

    #[test]
    fn what_no_strategy_can_plan_is_refused_with_all_reasons() {
        let attrs = ConvAttrs { strides: [1, 1], pads: [0; 4], dilations: [1, 1], groups: 3 };
        let conv = Convolution { x: [1, 4, 5, 5], w: [3, 1, 3, 3], attrs };
        let reasons = Ways::named("auto", cells()).cheapest(&conv).unwrap_err();
        assert!(STRATEGIES.iter().all(|strategy| reasons.contains(strategy.name)), "{reasons}");
    }
}
