//! `circuit-absorb-scale`: moves constant factors into weights, so that requantizing a contract multiplies nothing.
//!
//! Equations, for known factors c, known weights w and an elementwise affine form:
//!
//! - (Σ x·w[o])·c[o] = Σ x·(w[o]·c[o]): the weights of output channel o take the channel's factor;
//! - v(y)·c = v(y·c'), where c' gives each element of y the factor of the elements that view it;
//! - (Σ aᵢ·xᵢ + k)·c = Σ aᵢ·(xᵢ·c) + k·c;
//! - a·t + .. = 1·(a·t) + .., where t is known or leads to a contract; and a·t + k = (a·t₀ + k), where t is t₀ everywhere.
//!
//! Factors move only where the value they leave has no other use; max(a, b) = b + relu(a - b) is left in one piece, since its
//! interval is proven from that form. `canonicalize` makes affine forms of affine forms one.

use super::views::view_of;
use melior::ir::{Operation, OperationRef, Value, ValueLike, operation::OperationLike};
use tessera_circuit::analysis::Analysis;
use tessera_circuit::ops::{self, CircuitOp, CircuitType, Stage};
use tessera_circuit::publish;
use tessera_circuit::semantics::{
    ContractSpec, Interval, ResultIndex, View, for_each_index, row_major, view::ZERO,
};
use tessera_circuit::unused::{erase_computation, erase_unused};
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::params::{Param, ParamData};
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::{Error, Result, rewrite, with_integers};

/// The pass; its [`PassInfo`] describes it.
pub struct AbsorbScale;

impl Pass for AbsorbScale {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "circuit-absorb-scale",
            summary: "Move constant factors into the weights of contracts",
            expects: "a circuit whose parameters are at hand.",
            guarantees: "the same circuit; a contract whose result is only multiplied by known factors per output channel has them \
                         in its weights; a bias takes its channel's factor; new parameters under a new name; no unused ops or \
                         parameters.",
            rejects: "nothing; a factor that would take a weight out of the field stays where it is.",
            options: &[],
            example: EXAMPLE,
        }
    }

    fn run(&self, module: OperationRef, _: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let mut analysis = Analysis::of(module)?;
        for op in main.ops() {
            analysis.visit(op)?;
            let mut absorb = Absorb { analysis: &mut analysis, cursor: Cursor::before(op) };
            absorb.rewrite(op).map_err(|error| error.or_at(op.location()))?;
        }
        erase_unused(main)?;
        publish::publish(module, analysis.params())
    }
}

/// Known factors of a tensor's elements.
#[derive(Clone)]
enum Factors {
    /// The same for all.
    Uniform(i64),
    /// One each; `None` for elements whose factor does not matter.
    Each(Vec<Option<i64>>),
}

impl Factors {
    fn at(&self, index: usize) -> Option<i64> {
        match self {
            Factors::Uniform(c) => Some(*c),
            Factors::Each(factors) => factors[index],
        }
    }
}

/// Rewrites one op; what it writes stands before the op.
struct Absorb<'r, 'c, 'a> {
    analysis: &'r mut Analysis,
    cursor: Cursor<'c, 'a>,
}

impl<'c, 'a> Absorb<'_, 'c, 'a> {
    fn rewrite(&mut self, op: OperationRef<'c, 'a>) -> Result<()> {
        let new = match CircuitOp::decode(op)? {
            Some(CircuitOp::Mul { a, b }) => match self.product(a, b)? {
                Some(product) => Some(product),
                None => self.product(b, a)?,
            },
            Some(CircuitOp::Affine { terms, constant }) if !self.analysis.is_maximum(op)? => {
                self.absorbed(op, &terms, constant)?
            }
            _ => None,
        };
        if let Some(new) = new {
            let operands: Vec<Value> = op.operands().collect();
            rewrite::replace(op, &[new]);
            for operand in operands {
                erase_computation(operand)?;
            }
        }
        Ok(())
    }

    /// x·c without a multiplication, where c is known.
    fn product(&mut self, x: Value<'c, 'a>, c: Value<'c, 'a>) -> Result<Option<Value<'c, 'a>>> {
        let Some(c) = self.analysis.exact(c) else { return Ok(None) };
        let c = c.data();
        let factors = match same(&c)? {
            Some(value) => Factors::Uniform(value),
            None => Factors::Each(c.to_i64s()?.into_iter().map(Some).collect()),
        };
        self.scaled(x, &factors)
    }

    /// The affine form with its coefficients absorbed.
    fn absorbed(
        &mut self,
        op: OperationRef<'c, 'a>,
        terms: &[(i64, Value<'c, 'a>)],
        constant: i64,
    ) -> Result<Option<Value<'c, 'a>>> {
        let (mut kept, mut k) = (vec![], constant);
        for &(c, x) in terms {
            if let Some(known) = self.analysis.exact(x)
                && let Some(value) = same(&known.data())?
                && let Some(sum) = c.checked_mul(value).and_then(|v| v.checked_add(k))
            {
                k = sum;
                continue;
            }
            let scaled = if c == 1 { None } else { self.scaled(x, &Factors::Uniform(c))? };
            kept.push(scaled.map_or((c, x), |scaled| (1, scaled)));
        }
        // An affine form takes its shape from a term.
        if kept.is_empty() || (kept == terms && k == constant) {
            return Ok(None);
        }
        self.write(ops::affine(op.location(), &kept, k)).map(Some)
    }

    /// A value whose elements are those of x times their factors, where no multiplication is needed for it.
    fn scaled(&mut self, x: Value<'c, 'a>, factors: &Factors) -> Result<Option<Value<'c, 'a>>> {
        let Some(op) = rewrite::defining_op(x) else { return Ok(None) };
        let known = self.analysis.exact(x);
        if known.is_none() && !rewrite::has_one_use(x) {
            return Ok(None);
        }
        if let Some((y, view)) = view_of(op)? {
            let len = CircuitType::of(y)?.len();
            if let Some(pulled) = pull_back(&view, factors, len)
                && let Some(y) = self.scaled(y, &pulled)?
            {
                return self.write(ops::view(op.location(), y, &view)).map(Some);
            }
        }
        if let Some(known) = known {
            let each = (0..CircuitType::of(x)?.len()).map(|i| factors.at(i).unwrap_or(1));
            return self.known(x, scale(&known.data(), 1, each)?);
        }
        match CircuitOp::decode(op)? {
            Some(CircuitOp::Contract { x, w, maps, .. }) => self.scaled_contract(op, (x, w), &maps, factors),
            Some(CircuitOp::Affine { terms, constant }) if !self.analysis.is_maximum(op)? => {
                let k = match *factors {
                    _ if constant == 0 => Some(0),
                    Factors::Uniform(c) => constant.checked_mul(c),
                    Factors::Each(_) => None,
                };
                let Some(k) = k else { return Ok(None) };
                let mut scaled = vec![];
                for (c, x) in terms {
                    let Some(x) = self.scaled(x, factors)? else { return Ok(None) };
                    scaled.push((c, x));
                }
                self.write(ops::affine(op.location(), &scaled, k)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// New weights for a contract, where the factors depend on nothing but indices of the weights.
    fn scaled_contract(
        &mut self,
        op: OperationRef<'c, 'a>,
        (x, w): (Value<'c, 'a>, Value<'c, 'a>),
        maps: &[tessera_mlir::attrs::IndexMap; 3],
        factors: &Factors,
    ) -> Result<Option<Value<'c, 'a>>> {
        let Some(weights) = self.analysis.exact(w) else { return Ok(None) };
        let (x_shape, w_shape) = (CircuitType::of(x)?.shape, CircuitType::of(w)?.shape);
        let spec = ContractSpec::from_maps(maps, &x_shape, &w_shape).map_err(Error::new)?;
        let Some((each, run)) = by_channel(&spec, factors) else { return Ok(None) };
        // parameters keep their shape: what a view pads is no parameter
        if let Some(by) = rewrite::defining_op(w)
            && view_of(by)?.is_some()
        {
            let each = each.iter().flat_map(|f| std::iter::repeat_n(Some(*f), run));
            if let Some(w) = self.scaled(w, &Factors::Each(each.collect()))? {
                return self.write(ops::contract(op.location(), x, w, &spec.maps())).map(Some);
            }
        }
        let Some(w) = self.known(w, scale(&weights.data(), run, each.into_iter())?)? else { return Ok(None) };
        self.write(ops::contract(op.location(), x, w, &spec.maps())).map(Some)
    }

    /// Known integers that take the place of `old`, if there are any: a constant where that is made from one, else a parameter.
    fn known(&mut self, old: Value<'c, 'a>, data: Option<ParamData>) -> Result<Option<Value<'c, 'a>>> {
        let Some(data) = data else { return Ok(None) };
        let shape = CircuitType::of(old)?.shape;
        let hull = data.bounds()?.map_or(Interval::point(0), Interval::from);
        let ty = CircuitType::with_interval(shape.clone(), hull)?;
        let location = rewrite::defining_op(old).map_or(old.location(), |op| op.location());
        let Some((global, stage)) = source(old)? else {
            return self.write(ops::constant(location, data.to_i64s()?, &ty)).map(Some);
        };
        let base = format!("{}.scaled", global.strip_suffix(".scaled").unwrap_or(&global));
        let name = publish::fresh_name(&base, |name| self.analysis.params().0.contains_key(name));
        self.analysis.add_param(&name, Param::new(shape, data)?);
        self.write(ops::weight(location, &name, stage, &ty)).map(Some)
    }

    fn write(&mut self, op: Result<Operation<'c>>) -> Result<Value<'c, 'a>> {
        let op = self.cursor.insert(op?);
        self.analysis.tighten(op)?;
        Ok(op.result(0)?.into())
    }
}

/// The factors of what `view` views, given those of the view; `None` where an element would need two.
fn pull_back(view: &View, factors: &Factors, len: usize) -> Option<Factors> {
    let Factors::Each(each) = factors else { return Some(factors.clone()) };
    let mut pulled = vec![None; len];
    for (source, factor) in view.sources().into_iter().zip(each) {
        if source == ZERO || factor.is_none() {
            continue;
        }
        let slot = &mut pulled[source as usize];
        if slot.is_some() && slot != factor {
            return None;
        }
        *slot = *factor;
    }
    Some(Factors::Each(pulled))
}

/// The factors of a contract's weights, each for a run of elements of this length; `None` where an output channel would need two.
fn by_channel(spec: &ContractSpec, factors: &Factors) -> Option<(Vec<i64>, usize)> {
    let shape = spec.result_shape();
    // The result's axes that are an index of w, and their strides among the channels.
    let axes: Vec<(usize, usize)> = spec
        .y
        .iter()
        .enumerate()
        .filter_map(|(d, r)| match r {
            ResultIndex::One(i) if spec.w.contains(i) => Some((d, *i)),
            _ => None,
        })
        .collect();
    let extents: Vec<usize> = axes.iter().map(|&(d, _)| shape[d]).collect();
    let strides = row_major(&extents);
    let mut channels: Vec<Option<i64>> = vec![None; extents.iter().product()];
    let (mut flat, mut consistent) = (0, true);
    for_each_index(&shape, |at| {
        let channel: usize = axes.iter().zip(&strides).map(|(&(d, _), s)| at[d] * s).sum();
        if let Some(factor) = factors.at(flat) {
            consistent &= channels[channel].is_none_or(|known| known == factor);
            channels[channel] = Some(factor);
        }
        flat += 1;
    });
    if !consistent {
        return None;
    }
    let w_shape: Vec<usize> = spec.w.iter().map(|&i| spec.extents[i]).collect();
    let steps: Vec<usize> = spec
        .w
        .iter()
        .map(|i| axes.iter().position(|(_, index)| index == i).map_or(0, |at| strides[at]))
        .collect();
    // along the last axes, the channel is the same
    let outer = steps.iter().rposition(|&step| step > 0).map_or(0, |axis| axis + 1);
    let mut out = vec![];
    for_each_index(&w_shape[..outer], |at| {
        let channel: usize = at.iter().zip(&steps).map(|(a, s)| a * s).sum();
        out.push(channels[channel].unwrap_or(1));
    });
    Some((out, w_shape[outer..].iter().product()))
}

/// The value that all are; `None` where they differ.
fn same(data: &ParamData) -> Result<Option<i64>> {
    Ok(data.bounds()?.filter(|(lo, hi)| lo == hi).map(|(value, _)| value))
}

/// Products of integers with a factor for each `run` of them; `None` where one leaves the field: then the factor stays where it is.
fn scale(
    data: &ParamData,
    run: usize,
    factors: impl Iterator<Item = i64> + Clone,
) -> Result<Option<ParamData>> {
    with_integers!(data, |values| {
        let runs = || values.chunks(run.max(1)).zip(factors.clone());
        let mut bounds = (0, 0);
        for (values, factor) in runs() {
            for value in values.iter().min().into_iter().chain(values.iter().max()) {
                let product = i64::from(*value).checked_mul(factor);
                let Some(v) = product.filter(|&v| Interval::point(v).fits_field()) else { return Ok(None) };
                bounds = (v.min(bounds.0), v.max(bounds.1));
            }
        }
        let products =
            runs().flat_map(|(values, factor)| values.iter().map(move |&value| i64::from(value) * factor));
        Some(ParamData::integers(bounds, values.len(), products))
    })
}

/// The parameter that a known value is made from, and whose it is; `None` where it is made from constants.
fn source(value: Value) -> Result<Option<(String, Stage)>> {
    let Some(op) = rewrite::defining_op(value) else { return Ok(None) };
    match CircuitOp::decode(op)? {
        Some(CircuitOp::Weight { global, stage, .. }) => Ok(Some((global, stage))),
        Some(CircuitOp::View { x, .. }) => source(x),
        _ => Ok(None),
    }
}

const EXAMPLE: &str = r#"func.func @main() {
  %x = circuit.input "x" public : 1x2 in [0, 10]
  %w = circuit.constant [3, -1, 2, 0] : 2x2 in [-1, 3]
  %c = circuit.constant [5, 7] : 2 in [5, 7]
  %y = circuit.contract %x[n, c] * %w[o, c] -> [n, o]
    : 1x2 in [0, 10], 2x2 in [-1, 3] -> 1x2 in [-10, 30]
  %cs = circuit.view %c reshape : 2 in [5, 7] -> 1x2
  %z = circuit.mul %y * %cs : 1x2 in [-10, 30], [5, 7] -> [-70, 210]
  circuit.output %z "z" public : 1x2 in [-70, 210]
  return
}"#;

#[cfg(test)]
mod tests {
    use super::*;

    /// Each element viewed takes the factor of the elements that view it; one that would need two is refused.
    #[test]
    fn factors_go_back_through_views() {
        let each = |factors: &[i64]| Factors::Each(factors.iter().map(|&f| Some(f)).collect());
        let pulled = |view: &View, factors: &Factors, len| match pull_back(view, factors, len) {
            Some(Factors::Each(pulled)) => Some(pulled),
            Some(Factors::Uniform(_)) | None => None,
        };
        let rows = View::along(&[2, 3], 0);
        assert_eq!(pulled(&rows, &each(&[5, 5, 5, 7, 7, 7]), 2), Some(vec![Some(5), Some(7)]));
        assert_eq!(pulled(&rows, &each(&[5, 5, 6, 7, 7, 7]), 2), None);
        let padded_crop = View::window(&[4], &[-1], &[1], &[3]);
        assert_eq!(pulled(&padded_crop, &each(&[9, 5, 6]), 4), Some(vec![Some(5), Some(6), None, None]));
        assert!(matches!(pull_back(&rows, &Factors::Uniform(3), 2), Some(Factors::Uniform(3))));
    }

    /// Channels of a grouped convolution: the group and the output channel, whatever the position.
    #[test]
    fn channels_of_a_contract() {
        let one = ResultIndex::One;
        let y = vec![one(0), one(1), ResultIndex::Sum(2, 3)];
        let spec = ContractSpec::new(4, vec![0, 2], vec![0, 1, 3], y, &[2, 2], &[2, 2, 2]).unwrap();
        let factors: Vec<i64> = (0..12).map(|at| at / 3).collect();
        let each = |factors: &[i64]| Factors::Each(factors.iter().map(|&f| Some(f)).collect());
        assert_eq!(by_channel(&spec, &each(&factors)), Some((vec![0, 1, 2, 3], 2)));
        let mut uneven = factors.clone();
        uneven[1] = 9;
        assert_eq!(by_channel(&spec, &each(&uneven)), None);
        // A position that is cropped away has no say.
        let Factors::Each(mut cropped) = each(&uneven) else { unreachable!() };
        cropped[1] = None;
        assert_eq!(by_channel(&spec, &Factors::Each(cropped)), Some((vec![0, 1, 2, 3], 2)));
    }
}
