//! Every shipped rule of the nn dialect against the interpreter: networks are made from its left side, and every form that the rule says is
//! equal is run, in 64 bits.
//!
//! Invariants: nothing here knows a rule by name, so a new one is tested by being written; each condition of each rule is needed,
//! which is shown by leaving it out: then some form computes something else, or is refused.

use ndarray::{ArrayD, IxDyn};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::collections::BTreeMap;
use tessera_api::{Prices, TargetSpec};
use tessera_egraph::extract::Extractor;
use tessera_egraph::ilp;
use tessera_egraph::network::{self, Attr, Beside, Form, Graph, Typed};
use tessera_egraph::op::Op;
use tessera_egraph::optimize::NETWORK_RULES;
use tessera_egraph::rewrite::Limits;
use tessera_egraph::space::Space;
use tessera_egraph::text::{self, Expr, Head, Operand, Rule, Term};
use tessera_mlir::functions::Map;
use tessera_mlir::graph::{Node, ValueId};
use tessera_mlir::params::{Param, ParamData, Params};
use tessera_mlir::shape::{ConvAttrs, PoolAttrs};
use tessera_mlir::types::TensorType;
use tessera_mlir::{Error, Place};
use tessera_nn::interp;
use tessera_nn::ops::{Binary, NnOp};
use trials::{Outcome, all_compute_the_same, every_condition_is_needed};

mod trials;

type NetworkRule = Rule<Form<()>>;

/// Networks that are made for a rule, at most.
const TRIES: usize = 200_000;

fn rules() -> Vec<NetworkRule> {
    text::read(NETWORK_RULES, <Form<()> as Op>::NAMES).expect("the shipped rules read")
}

/// What a variable of a rule stands for.
#[derive(Clone, Debug)]
enum Made {
    Value(ValueId),
    Values(Vec<ValueId>),
    Attr(Attr),
    Int(i64),
    Op(NnOp<()>),
}

/// Makes a network from terms.
struct Maker<'r> {
    rng: &'r mut SmallRng,
    graph: Graph,
    /// The values of the parameters.
    params: BTreeMap<String, ArrayD<f64>>,
    made: Vec<Option<Made>>,
}

fn place() -> Place {
    Place { text: "loc(unknown)".into(), node: None, file: None }
}

impl Maker<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.rng.random_range(0..of.len())].clone()
    }

    /// A parameter of this shape; inputs are among them for the interpreter, and arguments for the e-graph.
    fn leaf(&mut self, shape: &[usize], known: bool) -> ValueId {
        let array = ArrayD::from_shape_fn(IxDyn(shape), |_| f64::from(self.rng.random_range(-4i32..5)) / 2.0);
        let value = self.graph.values.len();
        let ty = TensorType::f32(shape.to_vec());
        self.params.insert(format!("v{value}"), array);
        self.graph.values.push(Typed { ty: ty.clone(), known });
        let op = match known {
            true => Form::Parameter(format!("v{value}"), ty),
            false => Form::Argument(value, ty),
        };
        self.graph.ops.push(Node { op, results: vec![value], notes: vec![], place: place() });
        value
    }

    fn push(&mut self, op: NnOp<ValueId>) -> Option<ValueId> {
        let ty = op.infer(|x| Ok(self.graph.values[*x].ty.clone())).ok()?;
        let known = op.operands().iter().all(|x| self.graph.values[*x].known);
        let value = self.graph.values.len();
        self.graph.values.push(Typed { ty, known });
        self.graph.ops.push(Node { op: Form::Op(op), results: vec![value], notes: vec![], place: place() });
        Some(value)
    }

    /// A value for a term; it has this shape where that is possible.
    fn term(&mut self, term: &Term, shape: &[usize], known: bool) -> Option<ValueId> {
        let Term::Op { head, attributes, operands } = term else {
            let Term::Variable(variable) = term else { return None };
            if let Some(Made::Value(value)) = self.made[*variable] {
                return Some(value);
            }
            let value = self.leaf(shape, known);
            self.made[*variable] = Some(Made::Value(value));
            return Some(value);
        };
        let name = match head {
            Head::Name(name, _) => name.clone(),
            Head::Any(variable) => {
                let op = match self.made[*variable].clone() {
                    Some(Made::Op(op)) => op,
                    _ => self.any(shape),
                };
                self.made[*variable] = Some(Made::Op(op.clone()));
                let arity = op.operands().len();
                let xs = self.operands(operands, &vec![shape.to_vec(); arity], arity)?;
                let mut xs = xs.into_iter();
                return self.push(op.try_map(|()| xs.next().ok_or(())).ok()?);
            }
        };
        let (mut drawn, shapes) = self.drawn(&name, shape, operands.len());
        for (drawn, expr) in drawn.iter_mut().zip(attributes) {
            *drawn = match expr {
                Expr::Int(value) => Made::Int(*value),
                Expr::Variable(variable) => self.made[*variable].get_or_insert(drawn.clone()).clone(),
                Expr::Call(..) => return None,
            };
        }
        let xs = self.operands(operands, &shapes, shapes.len())?;
        let given = drawn.into_iter().map(|made| match made {
            Made::Attr(attr) => Some(tessera_egraph::op::Arg::Attr(attr)),
            Made::Int(value) => Some(tessera_egraph::op::Arg::Int(value)),
            _ => None,
        });
        let given: Vec<_> = given.collect::<Option<_>>()?;
        let Form::Op(op) = Form::make(&Beside(TargetSpec::default()), &name, &given, xs.len())? else {
            return None;
        };
        let mut xs = xs.into_iter();
        self.push(op.try_map(|()| xs.next().ok_or(())).ok()?)
    }

    /// Values for operands: those that are ops first, since what has been made cannot change.
    fn operands(
        &mut self,
        operands: &[Operand],
        shapes: &[Vec<usize>],
        arity: usize,
    ) -> Option<Vec<ValueId>> {
        let mut xs = vec![];
        let single = operands.iter().filter(|operand| !operand.many).count();
        for operand in operands {
            let at = xs.len().min(shapes.len().checked_sub(1)?);
            if !operand.many {
                let known = at > 0 && self.below(3) > 0;
                xs.push(self.term(&operand.term, &shapes[at], known)?);
                continue;
            }
            let lists = operands.iter().filter(|operand| operand.many).count();
            let count = if lists == 1 { arity.saturating_sub(single) } else { self.below(3) };
            match &operand.term {
                Term::Variable(variable) => {
                    let values = match self.made[*variable].clone() {
                        Some(Made::Values(values)) => values,
                        _ => (0..count)
                            .map(|i| {
                                let shape = shapes[(at + i).min(shapes.len() - 1)].clone();
                                self.leaf(&shape, false)
                            })
                            .collect(),
                    };
                    self.made[*variable] = Some(Made::Values(values.clone()));
                    xs.extend(values);
                }
                term => {
                    let before = self.made.clone();
                    for i in 0..count.max(1) {
                        let shape = shapes[(at + i).min(shapes.len() - 1)].clone();
                        xs.push(self.term(term, &shape, false)?);
                        for (slot, before) in self.made.iter_mut().zip(&before) {
                            if before.is_none() && matches!(slot, Some(Made::Value(_))) {
                                *slot = None;
                            }
                        }
                    }
                }
            }
        }
        Some(xs)
    }

    /// Any op, elementwise or not.
    fn any(&mut self, shape: &[usize]) -> NnOp<()> {
        match self.below(6) {
            0 => NnOp::Map { x: (), f: self.function() },
            1 => NnOp::Binary { kind: Binary::Add, a: (), b: () },
            2 => NnOp::Binary { kind: Binary::Sub, a: (), b: () },
            3 => NnOp::Binary { kind: Binary::Mul, a: (), b: () },
            4 => NnOp::Softmax { x: (), mask: None },
            _ => NnOp::Concat { xs: vec![(); 2], axis: self.below(shape.len()) },
        }
    }

    fn function(&mut self) -> Map {
        let clip = [f64::from(self.rng.random_range(-2i32..1)), 1.5];
        match self.below(3) {
            0 => Map::relu(),
            1 => {
                Map::named("abs", &[]).or_else(|_| Map::named("sigmoid", &[])).unwrap_or_else(|_| Map::relu())
            }
            _ => Map::named("clip", &clip).unwrap_or_else(|_| Map::relu()),
        }
    }

    /// Attributes of an op whose result is to have a shape, and shapes of its operands.
    fn drawn(&mut self, name: &str, shape: &[usize], operands: usize) -> (Vec<Made>, Vec<Vec<usize>>) {
        let rank = shape.len();
        // sometimes what is broadcast
        let narrow = |maker: &mut Self, shape: &[usize]| match maker.below(4) {
            0 if rank > 1 => shape[1..].to_vec(),
            1 => shape.iter().map(|&e| if maker.below(2) == 0 { 1 } else { e }).collect(),
            _ => shape.to_vec(),
        };
        match name {
            "transpose" => {
                let mut perm: Vec<usize> = (0..rank).collect();
                match self.below(3) {
                    0 if rank > 1 => perm.swap(rank - 1, rank - 2),
                    1 => {}
                    _ => perm.rotate_left(self.below(rank)),
                }
                let mut from = vec![0; rank];
                perm.iter().zip(shape).for_each(|(&axis, &extent)| from[axis] = extent);
                (vec![Made::Attr(Attr::Axes(perm))], vec![from])
            }
            "reshape" => {
                let from = match self.below(4) {
                    0 => vec![shape.iter().product()],
                    1 => [&[1], shape].concat(),
                    2 => shape.iter().rev().copied().collect(),
                    _ => shape.to_vec(),
                };
                (vec![Made::Attr(Attr::Axes(shape.to_vec()))], vec![from])
            }
            "slice" => {
                let starts: Vec<usize> = shape.iter().map(|_| self.pick(&[0, 0, 0, 1, 2])).collect();
                let steps: Vec<usize> = shape.iter().map(|_| self.pick(&[1, 1, 1, 2])).collect();
                let more: Vec<usize> = shape.iter().map(|_| self.pick(&[0, 0, 1, 2])).collect();
                let from = (0..rank).map(|i| starts[i] + (shape[i] - 1) * steps[i] + 1 + more[i]).collect();
                (vec![Made::Attr(Attr::Slice([starts, shape.to_vec(), steps]))], vec![from])
            }
            "concat" => {
                let axis = self.below(rank);
                let count = 1 + self.below(3);
                let part = |maker: &mut Self| {
                    let mut part = shape.to_vec();
                    part[axis] = 1 + maker.below(3);
                    part
                };
                let parts = (0..count).map(|_| part(self)).collect();
                (vec![Made::Int(axis as i64)], parts)
            }
            "map" => (vec![Made::Attr(Attr::Map(self.function()))], vec![shape.to_vec()]),
            "add" | "sub" | "mul" => {
                let other = narrow(self, shape);
                (vec![], vec![shape.to_vec(), other])
            }
            "matmul" => {
                let between = 1 + self.below(3);
                let two: &[usize] = if rank < 2 { &[2, 3] } else { &shape[rank - 2..] };
                let outer = &shape[..rank.saturating_sub(2)];
                let a = [outer, &[two[0], between]].concat();
                let b = if self.below(2) == 0 {
                    vec![between, two[1]]
                } else {
                    [outer, &[between, two[1]]].concat()
                };
                (vec![], vec![a, b])
            }
            "linear" => {
                let inner = 1 + self.below(3);
                let (n, outer) =
                    (1 + self.below(3), if rank > 1 { shape[..rank - 1].to_vec() } else { vec![2] });
                let all = [[&outer[..], &[inner]].concat(), vec![n, inner], vec![n]];
                (vec![], all[..operands.clamp(2, 3)].to_vec())
            }
            "conv" => {
                let (i, o, size) = (1 + self.below(2), 1 + self.below(3), self.pick(&[1, 1, 1, 2, 3]));
                let (pad, stride) = (self.pick(&[0, 0, 1]), self.pick(&[1, 1, 2]));
                let attrs = ConvAttrs { strides: [stride; 2], pads: [pad; 4], ..ConvAttrs::default() };
                let extent = self.pick(&[3, 4]);
                let bias = self.below(2) == 0;
                let count = if operands == 2 { 2 } else { 2 + usize::from(bias) };
                let all = [vec![1, i, extent, extent], vec![o, i, size, size], vec![o]];
                (vec![Made::Attr(Attr::Conv(attrs))], all[..count].to_vec())
            }
            "max_pool" | "avg_pool" => {
                let (size, pad) = (self.pick(&[2, 3]), self.pick(&[0, 0, 1]));
                let attrs = PoolAttrs { kernel: [size; 2], strides: [self.pick(&[1, 2]); 2], pads: [pad; 4] };
                let counted = Made::Int(self.below(2) as i64);
                let attrs = [Made::Attr(Attr::Pool(attrs)), counted];
                let count = if name == "max_pool" { 1 } else { 2 };
                (attrs[..count].to_vec(), vec![vec![1, 1 + self.below(2), 4, 4]])
            }
            other => panic!("nothing here makes an nn.{other}; a rule that has one is tested here first"),
        }
    }
}

/// A network with the left side of a rule, which returns its roots, with the values of its arguments and parameters.
fn network(rule: &NetworkRule, rng: &mut SmallRng) -> Option<(Graph, BTreeMap<String, ArrayD<f64>>)> {
    let rank = rng.random_range(1..4);
    let shape: Vec<usize> = (0..rank).map(|_| rng.random_range(1..4)).collect();
    let made = vec![None; rule.variables.len()];
    let mut maker = Maker { rng, graph: Graph::default(), params: BTreeMap::new(), made };
    for term in &rule.left {
        let root = maker.term(term, &shape, false)?;
        maker.graph.returns.push(root);
    }
    let Maker { graph, params, .. } = maker;
    Some((arguments_first(graph), params))
}

/// Arguments have the first numbers.
fn arguments_first(graph: Graph) -> Graph {
    let is = |node: &Node<Form<ValueId>>| matches!(node.op, Form::Argument(..));
    let arguments: Vec<ValueId> = graph.ops.iter().filter(|n| is(n)).map(|n| n.results[0]).collect();
    let others = (0..graph.values.len()).filter(|v| !arguments.contains(v));
    let order: Vec<ValueId> = arguments.iter().copied().chain(others).collect();
    let new = |old: ValueId| order.iter().position(|v| *v == old).expect("a value");
    let ops = graph.ops.iter().filter(|n| !is(n)).map(|n| Node {
        op: match &n.op {
            Form::Op(op) => Form::Op(op.map(|x| new(*x))),
            other => other.clone(),
        },
        results: n.results.iter().map(|r| new(*r)).collect(),
        ..n.clone()
    });
    Graph {
        values: order.iter().map(|v| graph.values[*v].clone()).collect(),
        arguments: arguments.len(),
        ops: ops.collect(),
        returns: graph.returns.iter().map(|r| new(*r)).collect(),
    }
}

/// What a network computes.
fn run(
    graph: &Graph,
    inputs: &[ArrayD<f64>],
    params: &BTreeMap<String, ArrayD<f64>>,
) -> Result<Vec<ArrayD<f64>>, Error> {
    let mut values: Vec<Option<ArrayD<f64>>> = vec![None; graph.values.len()];
    for (slot, input) in values.iter_mut().zip(inputs) {
        *slot = Some(input.clone());
    }
    for node in &graph.ops {
        let value = match &node.op {
            Form::Argument(..) => return Err(Error::new("an argument is no op")),
            Form::Parameter(name, _) => params[name].clone(),
            Form::Op(op) => {
                interp::compute(&op.try_map(|x| values[*x].as_ref().ok_or_else(|| Error::new("too early")))?)?
            }
        };
        values[node.results[0]] = Some(value);
    }
    graph.returns.iter().map(|r| values[*r].clone().ok_or_else(|| Error::new("nothing"))).collect()
}

fn near(a: &[ArrayD<f64>], b: &[ArrayD<f64>]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            a.shape() == b.shape() && a.iter().zip(b).all(|(x, y)| (x - y).abs() <= 1e-9 * (1.0 + x.abs()))
        })
}

/// What a rule does to a network that was made for it.
fn try_rule(rule: &NetworkRule, rng: &mut SmallRng) -> Outcome {
    let Some((graph, params)) = network(rule, rng) else { return Outcome::Nothing };
    let inputs: Vec<ArrayD<f64>> = graph.values[..graph.arguments]
        .iter()
        .map(|ty| ArrayD::from_shape_fn(IxDyn(&ty.ty.shape), |_| rng.random_range(-2.0..2.0)))
        .collect();
    let mut space = Space::of(&graph, Beside(TargetSpec::default())).expect("a network");
    let limits = Limits { rounds: 1, ..Limits::default() };
    if let Err(error) = space.saturate(std::slice::from_ref(rule), &limits) {
        return Outcome::Wrong(error.to_string());
    }
    if space.applied.is_empty() {
        return Outcome::Nothing;
    }
    let expected = run(&graph, &inputs, &params).expect("what was made runs");
    let extractor = Extractor::new(&space);
    let today = extractor.today();
    for &root in &graph.returns {
        let class = space.find(space.origins[root].1);
        for choice in extractor.members_of(&today, class) {
            let Ok(found) = extractor.write(&choice, &graph) else { continue };
            match run(&found, &inputs, &params) {
                Ok(values) if near(&values, &expected) => {}
                Ok(values) => {
                    return Outcome::Wrong(format!(
                        "{expected:?}\nis not\n{values:?}\n{:?}\n{:?}",
                        graph.ops, found.ops
                    ));
                }
                Err(error) => return Outcome::Wrong(error.to_string()),
            }
        }
    }
    Outcome::Equal
}

#[test]
fn both_sides_of_every_rule_compute_the_same() {
    all_compute_the_same(&rules(), TRIES, try_rule);
}

/// Whoever leaves out a condition of a rule is caught, by the same networks.
#[test]
fn every_condition_of_every_rule_is_needed() {
    every_condition_is_needed(&rules(), TRIES, try_rule);
}

/// Two branches of one shape become one; what is known is computed, and the network computes what it did.
#[test]
fn what_is_cheaper_is_chosen_and_what_is_known_is_computed() {
    let prices = Prices { witness_cell: 50.0, summed_cell: 4.0, lookup: 70.0, ..Prices::default() };
    let mut rng = SmallRng::seed_from_u64(1);
    let made = vec![None; 0];
    let mut maker = Maker { rng: &mut rng, graph: Graph::default(), params: BTreeMap::new(), made };
    let x = maker.leaf(&[1, 2, 4, 4], false);
    let attrs = ConvAttrs { pads: [1; 4], ..ConvAttrs::default() };
    let branch = |maker: &mut Maker| {
        let w = maker.leaf(&[3, 2, 3, 3], true);
        maker.push(NnOp::Conv { x, w, bias: None, attrs: attrs.clone() }).expect("a convolution")
    };
    let (a, b) = (branch(&mut maker), branch(&mut maker));
    let sum = maker.push(NnOp::Binary { kind: Binary::Add, a, b }).expect("a sum");
    maker.graph.returns.push(sum);
    let (graph, params) = (arguments_first(maker.graph.clone()), maker.params.clone());
    let spec = TargetSpec { prices, ..TargetSpec::default() };
    let mut space = Space::of(&graph, Beside(spec)).expect("a network");
    space.saturate(&rules(), &Limits::default()).expect("rules that fit");
    let extractor = Extractor::new(&space);
    let (choice, cost) = extractor.best().expect("a choice");
    assert_eq!(ilp::best(&extractor).map(|found| found.cost), Some(cost));
    let written = extractor.write(&choice, &graph).expect("the choice");
    let mut floats = Params::default();
    for (name, array) in &params {
        let data = ParamData::F32(array.iter().map(|v| *v as f32).collect::<Vec<_>>().into());
        floats.insert(name.as_str(), Param::new(array.shape().to_vec(), data).expect("a parameter"));
    }
    let (folded, made) = network::folded(&written, &floats).expect("numbers");
    // one convolution with one parameter
    assert_eq!((folded.ops.len(), made.0.len()), (2, 1), "{:?}", folded.ops);
    let values: BTreeMap<String, ArrayD<f64>> = made
        .0
        .iter()
        .map(|(name, param)| {
            let data = param.data.f32s().expect("floats").iter().map(|v| f64::from(*v)).collect();
            (name.clone(), ArrayD::from_shape_vec(IxDyn(&param.shape), data).expect("a shape"))
        })
        .collect();
    let input = ArrayD::from_shape_fn(IxDyn(&[1, 2, 4, 4]), |at| (at[2] as f64) - 1.5 * (at[3] as f64));
    let expected = run(&graph, std::slice::from_ref(&input), &params).expect("it runs");
    let found = run(&folded, &[input], &values).expect("it runs");
    assert!(near(&expected, &found), "{expected:?} {found:?}");
}
