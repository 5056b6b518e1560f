//! Every shipped rule of the circuit dialect against the interpreter: circuits are made from its left side, with what its conditions are
//! about at and beyond their borders, and every form that the rule says is equal is run.
//!
//! Invariants: nothing here knows a rule by name, so a new one is tested by being written; each condition of each rule is needed,
//! which is shown by leaving it out: then some form computes something else, or is refused.

use egg::Id;
use ndarray::{ArrayD, IxDyn};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::sync::Arc;
use tessera_api::{Prices, TargetSpec};
use tessera_circuit::graph::{Circuit, Node, ValueId};
use tessera_circuit::interp::run_circuit;
use tessera_circuit::ops::{CircuitOp, CircuitType, Visibility};
use tessera_circuit::semantics::{ContractSpec, Interval, ResultIndex, TableFunction, View};
use tessera_circuit::{proof, publish};
use tessera_egraph::circuit::{Attr, Beside};
use tessera_egraph::extract::{Choice, Extractor};
use tessera_egraph::ilp;
use tessera_egraph::op::Op;
use tessera_egraph::optimize::CIRCUIT_RULES;
use tessera_egraph::rewrite::Limits;
use tessera_egraph::space::Space;
use tessera_egraph::text::{self, Expr, Head, Operand, Rule, Term};
use tessera_mlir::Place;
use trials::{Outcome, all_compute_the_same, every_condition_is_needed};

mod trials;

type CircuitRule = Rule<CircuitOp<()>>;

/// Circuits that are made for a rule, at most.
const TRIES: usize = 400_000;

fn rules() -> Vec<CircuitRule> {
    text::read(CIRCUIT_RULES, <CircuitOp<()> as Op>::NAMES).expect("the shipped rules read")
}

/// What a variable of a rule is in a circuit that is being made.
#[derive(Clone)]
enum Made {
    Value(ValueId),
    Values(Vec<ValueId>),
    Int(i64),
    Attr(Attr),
    /// An op on no operands, its result, and how many operands it takes.
    Op(CircuitOp<()>, u8, usize),
}

/// A circuit that is being made; nothing where what was drawn does not fit together.
struct Maker<'r> {
    rng: &'r mut SmallRng,
    circuit: Circuit,
    made: Vec<Option<Made>>,
    shape: Vec<usize>,
    /// The operands of the contraction that was made before.
    contracted: Option<(Vec<usize>, Vec<usize>)>,
}

impl Maker<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.rng.random_range(0..of.len())].clone()
    }

    fn push(&mut self, op: CircuitOp<ValueId>) -> Option<Vec<ValueId>> {
        let types = match &op {
            CircuitOp::Lookup { x, tables, .. } => {
                let keys = self.circuit.values[*x].clone();
                let image = |name: &String| {
                    let (lo, hi) = self.circuit.tables[name].image(keys.interval())?.to_i64s()?;
                    Some(CircuitType::new(keys.shape.clone(), lo, hi))
                };
                tables.iter().map(image).collect::<Option<Vec<_>>>()?
            }
            op => op.infer(|x| Ok(self.circuit.values[*x].clone())).ok()?,
        };
        let op = match op {
            CircuitOp::Lookup { x, tables, .. } => {
                let intervals = types.iter().map(|ty| (ty.lo, ty.hi)).collect();
                CircuitOp::Lookup { x, tables, intervals }
            }
            op => op,
        };
        let first = self.circuit.values.len();
        self.circuit.values.extend(types);
        let results: Vec<ValueId> = (first..self.circuit.values.len()).collect();
        let place = Place { text: "loc(unknown)".into(), node: None, file: None };
        self.circuit.ops.push(Node { op, results: results.clone(), notes: vec![], place });
        Some(results)
    }

    /// A value of this shape: an input, or a constant, which is what conditions ask for.
    fn leaf(&mut self, shape: &[usize]) -> Option<ValueId> {
        if self.below(4) == 0 {
            let values = match self.below(2) {
                0 => vec![self.pick(&[-1, 0, 1, 1, 2])],
                _ => (0..shape.iter().product()).map(|_| self.rng.random_range(-3..4)).collect(),
            };
            return self.constant(shape, values);
        }
        let lo = self.rng.random_range(-9..9);
        let hi = lo + self.rng.random_range(0..12);
        let name = format!("x{}", self.circuit.values.len());
        let ty = CircuitType::new(shape, lo, hi);
        Some(self.push(CircuitOp::Input { name, visibility: Visibility::Public, ty })?[0])
    }

    fn constant(&mut self, shape: &[usize], values: Vec<i64>) -> Option<ValueId> {
        let all = if values.len() == 1 { vec![values[0]; shape.iter().product()] } else { values.clone() };
        let (lo, hi) = Interval::around(all.iter().copied())?.to_i64s()?;
        let id = self.push(CircuitOp::Constant { values, ty: CircuitType::new(shape, lo, hi) })?[0];
        self.circuit.known.insert(id, Arc::new(publish::param(shape, &all).ok()?));
        Some(id)
    }

    fn shape(&self, value: ValueId) -> Vec<usize> {
        self.circuit.values[value].shape.clone()
    }

    fn term(&mut self, term: &Term, shape: &[usize]) -> Option<ValueId> {
        let Term::Op { head, attributes, operands } = term else {
            let Term::Variable(variable) = term else { return None };
            if let Some(Made::Value(known)) = self.made[*variable] {
                return Some(known);
            }
            let made = self.leaf(shape)?;
            self.made[*variable] = Some(Made::Value(made));
            return Some(made);
        };
        match head {
            Head::Any(variable) => {
                let (op, result, arity) = match self.made[*variable].clone() {
                    Some(Made::Op(op, result, arity)) => (op, result, arity),
                    _ => self.any(shape)?,
                };
                let xs = self.operands(operands, shape, Some(arity))?;
                self.made[*variable] = Some(Made::Op(op.clone(), result, arity));
                let mut xs = xs.into_iter();
                let op = op.try_map(|()| xs.next().ok_or(())).ok()?;
                self.push(op)?.get(usize::from(result)).copied()
            }
            Head::Name(name, result) => {
                if name == "contract" {
                    return self.contract(attributes, operands);
                }
                let xs = self.operands(operands, shape, None)?;
                let op = self.named(name, attributes, &xs)?;
                self.push(op)?.get(usize::from(result.unwrap_or(0))).copied()
            }
        }
    }

    fn operands(
        &mut self,
        operands: &[Operand],
        shape: &[usize],
        arity: Option<usize>,
    ) -> Option<Vec<ValueId>> {
        let mut xs = vec![];
        // ops first: variables take the shapes that they give
        let mut shape = shape.to_vec();
        let mut slots: Vec<Option<Vec<ValueId>>> = vec![None; operands.len()];
        for pass in [true, false] {
            for (slot, operand) in slots.iter_mut().zip(operands) {
                let is_op = matches!(operand.term, Term::Op { .. });
                if is_op != pass {
                    continue;
                }
                let count = match operand.many {
                    false => 1,
                    true if is_op => 2 + self.below(3),
                    true => arity.unwrap_or(self.below(3)),
                };
                if !operand.many {
                    *slot = Some(vec![self.term(&operand.term, &shape)?]);
                } else if let Term::Variable(variable) = operand.term {
                    let known = match &self.made[variable] {
                        Some(Made::Values(known)) => Some(known.clone()),
                        _ => None,
                    };
                    let values = match known {
                        Some(known) => known,
                        None => (0..count).map(|_| self.leaf(&shape)).collect::<Option<Vec<_>>>()?,
                    };
                    self.made[variable] = Some(Made::Values(values.clone()));
                    *slot = Some(values);
                } else {
                    *slot = Some(self.each(&operand.term, &shape, count)?);
                }
                if is_op && let Some(&value) = slot.as_ref().and_then(|values| values.first()) {
                    shape = self.shape(value);
                }
            }
        }
        slots.into_iter().flatten().for_each(|slot| xs.extend(slot));
        Some(xs)
    }

    /// Several such terms, that share attributes and no values.
    fn each(&mut self, term: &Term, shape: &[usize], count: usize) -> Option<Vec<ValueId>> {
        let before = self.made.clone();
        let mut values = vec![];
        for _ in 0..count {
            values.push(self.term(term, shape)?);
            for (slot, before) in self.made.iter_mut().zip(&before) {
                if before.is_none() && matches!(slot, Some(Made::Value(_))) {
                    *slot = None;
                }
            }
        }
        Some(values)
    }

    /// Any op, elementwise or not.
    fn any(&mut self, shape: &[usize]) -> Option<(CircuitOp<()>, u8, usize)> {
        Some(match self.below(7) {
            0 => {
                let terms = (0..2).map(|_| (self.rng.random_range(-2..3), ())).collect();
                (CircuitOp::Affine { terms, constant: self.rng.random_range(-2..3) }, 0, 2)
            }
            1 => (CircuitOp::Mul { a: (), b: () }, 0, 2),
            2 => (CircuitOp::Max { xs: vec![(); 3] }, 0, 3),
            3 => (CircuitOp::Split { x: (), shift: 2 }, self.below(2) as u8, 1),
            4 => {
                let tables = vec![self.table(Interval::new(-20, 20))];
                (CircuitOp::Lookup { x: (), tables, intervals: vec![] }, 0, 1)
            }
            5 => (CircuitOp::View { x: (), view: self.view(shape) }, 0, 1),
            _ => (CircuitOp::Concat { xs: vec![(); 2], axis: 0 }, 0, 2),
        })
    }

    fn named(&mut self, name: &str, attributes: &[Expr], xs: &[ValueId]) -> Option<CircuitOp<ValueId>> {
        let first = *xs.first()?;
        let drawn: Vec<Made> = match name {
            "view" => vec![Made::Attr(Attr::View(self.view(&self.shape(first)).into()))],
            "affine" => {
                let some = [-2, -1, -1, 0, 1, 1, 1, 2];
                let coefficients = match self.below(3) {
                    0 => vec![1; xs.len()],
                    1 => (0..xs.len()).map(|index| 1 - 2 * (index as i64 % 2)).collect(),
                    _ => xs.iter().map(|_| self.pick(&some)).collect(),
                };
                vec![Made::Attr(Attr::Ints(coefficients)), Made::Int(self.pick(&[0, 0, 1, -3]))]
            }
            "split" => vec![Made::Int(self.pick(&[1, 2, 3]))],
            "lookup" => {
                let keys = self.circuit.values[first].interval();
                vec![Made::Attr(Attr::Tables(vec![self.table(keys)]))]
            }
            "concat" => vec![Made::Int(self.below(self.shape(first).len()) as i64)],
            "mul" | "max" => vec![],
            other => panic!("nothing here makes a circuit.{other}; a rule that has one is tested here first"),
        };
        let attributes = self.attributes(attributes, drawn)?;
        let mut values = xs.iter();
        let mut next = || values.next().copied();
        let attr = |index: usize| attributes.get(index);
        let op = match name {
            "view" => {
                let Made::Attr(Attr::View(view)) = attr(0)? else { return None };
                CircuitOp::View { x: next()?, view: (**view).clone() }
            }
            "affine" => {
                let (Made::Attr(Attr::Ints(c)), Made::Int(constant)) = (attr(0)?, attr(1)?) else {
                    return None;
                };
                if c.len() != xs.len() {
                    return None;
                }
                CircuitOp::Affine {
                    terms: c.iter().copied().zip(xs.iter().copied()).collect(),
                    constant: *constant,
                }
            }
            "split" => {
                let Made::Int(shift) = attr(0)? else { return None };
                CircuitOp::Split { x: next()?, shift: *shift as u32 }
            }
            "lookup" => {
                let Made::Attr(Attr::Tables(tables)) = attr(0)? else { return None };
                CircuitOp::Lookup { x: next()?, tables: tables.clone(), intervals: vec![] }
            }
            "concat" => {
                let Made::Int(axis) = attr(0)? else { return None };
                CircuitOp::Concat { xs: xs.to_vec(), axis: *axis as usize }
            }
            "mul" => CircuitOp::Mul { a: next()?, b: next()? },
            "max" if xs.len() > 1 => CircuitOp::Max { xs: xs.to_vec() },
            _ => return None,
        };
        Some(op)
    }

    /// What the attributes of a term are: what was drawn, but for numbers that are written, and variables that stand for something.
    fn attributes(&mut self, attributes: &[Expr], drawn: Vec<Made>) -> Option<Vec<Made>> {
        if attributes.is_empty() {
            return Some(drawn);
        }
        let mut all = vec![];
        for (expr, drawn) in attributes.iter().zip(drawn) {
            all.push(match expr {
                Expr::Int(value) => Made::Int(*value),
                Expr::Variable(variable) => self.made[*variable].get_or_insert(drawn).clone(),
                Expr::Call(..) => return None,
            });
        }
        Some(all)
    }

    /// A matrix product, or a convolution along one axis.
    fn contract(&mut self, attributes: &[Expr], operands: &[Operand]) -> Option<ValueId> {
        let (a, b, o) = (1 + self.below(3), 1 + self.below(3), 1 + self.below(3));
        let convolution = self.below(2) == 0;
        let (xs, ws, axes, y) = match convolution {
            false => (vec![a, b], vec![o, b], 3, vec![ResultIndex::One(0), ResultIndex::One(2)]),
            true => {
                let y = vec![ResultIndex::One(2), ResultIndex::Sum(1, 3)];
                (vec![a, b + 2], vec![o, a, b], 4, y)
            }
        };
        let (x, w) = if convolution { (vec![0, 1], vec![2, 0, 3]) } else { (vec![0, 1], vec![2, 1]) };
        let spec = ContractSpec::new(axes, x, w, y, &xs, &ws).ok()?;
        let drawn = vec![Made::Attr(Attr::Maps(spec.maps()))];
        let maps = self.attributes(attributes, drawn)?;
        let Made::Attr(Attr::Maps(maps)) = maps.into_iter().next()? else { return None };
        // what shares maps shares what is read; results may be more or fewer
        let (xs, ws) = match &self.contracted {
            Some((xs, before)) => (xs.clone(), [&[ws[0]], &before[1..]].concat()),
            None => (xs, ws),
        };
        self.contracted = Some((xs.clone(), ws.clone()));
        let [one, other] = operands else { return None };
        let x = self.term(&one.term, &xs)?;
        let known = matches!(&other.term, Term::Variable(variable) if self.made[*variable].is_some());
        let w = match &other.term {
            Term::Variable(variable) if !known => {
                let values = (0..ws.iter().product()).map(|_| self.rng.random_range(-3..4)).collect();
                let w = self.constant(&ws, values)?;
                self.made[*variable] = Some(Made::Value(w));
                w
            }
            term => self.term(term, &ws)?,
        };
        Some(self.push(CircuitOp::Contract { x, w, maps })?[0])
    }

    fn view(&mut self, source: &[usize]) -> View {
        let rank = source.len();
        match self.below(7) {
            0 => View::reshape(source.to_vec()),
            1 => View::reshape(vec![source.iter().product()]),
            2 => {
                let mut order: Vec<usize> = (0..rank).collect();
                order.rotate_left(self.below(rank));
                View::transpose(source, &order)
            }
            3 => {
                let to: Vec<usize> = [&[2], source].concat();
                View::broadcast(source, &to).expect("an axis more")
            }
            // starts and ends within the tensor, at its borders and beyond
            4 | 5 => {
                let starts: Vec<i64> = source.iter().map(|_| self.pick(&[-1, 0, 0, 0, 1])).collect();
                let sizes: Vec<usize> =
                    source.iter().map(|&e| self.pick(&[e.saturating_sub(1).max(1), e, e, e + 1])).collect();
                View::window(source, &starts, &vec![1; rank], &sizes)
            }
            _ => {
                let steps: Vec<i64> = source.iter().map(|_| self.pick(&[1, 2, -1])).collect();
                let starts: Vec<i64> =
                    steps.iter().zip(source).map(|(s, &e)| if *s < 0 { e as i64 - 1 } else { 0 }).collect();
                let sizes: Vec<usize> = source.iter().map(|e| e.div_ceil(2)).collect();
                View::window(source, &starts, &steps, &sizes)
            }
        }
    }

    /// A table that has these keys and some more: near to functions that conditions ask for.
    fn table(&mut self, keys: Interval) -> String {
        let (lo, hi) = (keys.lo as i64 - self.below(4) as i64, keys.hi as i64 + self.below(4) as i64);
        let near = |rng: &mut SmallRng, value: i64| value + rng.random_range(-1..2);
        let function = match self.below(7) {
            0 | 1 => {
                let (min, max) = (near(self.rng, keys.lo as i64), near(self.rng, keys.hi as i64));
                TableFunction::Clamp { lo, hi, offset: 0, shift: 0, min: min.min(max), max: max.max(min) }
            }
            2 => TableFunction::Clamp {
                lo,
                hi,
                offset: 0,
                shift: 0,
                min: 0,
                max: near(self.rng, hi.max(1)).max(0),
            },
            3 => TableFunction::Clamp { lo, hi, offset: 1, shift: 1, min: -3, max: 3 },
            4 => TableFunction::Values {
                lo,
                values: (lo..=hi).map(|_| self.rng.random_range(-9..10)).collect(),
            },
            kind => {
                let mut values: Vec<i64> = (lo..=hi).map(|_| self.rng.random_range(-9..10)).collect();
                values.sort_unstable();
                if kind == 6 && values.len() > 1 {
                    let at = self.below(values.len() - 1);
                    values.swap(at, at + 1);
                }
                TableFunction::Values { lo, values }
            }
        };
        let name = format!("t{}", self.circuit.tables.len());
        self.circuit.tables.insert(name.clone(), function);
        name
    }
}

/// A circuit with the left side of a rule; its roots are its outputs.
fn circuit(rule: &CircuitRule, rng: &mut SmallRng) -> Option<(Circuit, Vec<ValueId>)> {
    let rank = rng.random_range(1..3);
    let shape = (0..rank).map(|_| rng.random_range(1..4)).collect::<Vec<_>>();
    let mut maker = Maker {
        rng,
        circuit: Circuit::default(),
        made: vec![None; rule.variables.len()],
        shape,
        contracted: None,
    };
    let mut roots = vec![];
    for term in &rule.left {
        let shape = maker.shape.clone();
        let root = maker.term(term, &shape)?;
        maker.push(CircuitOp::Output {
            x: root,
            name: format!("y{root}"),
            visibility: Visibility::Public,
        })?;
        roots.push(root);
    }
    Some((maker.circuit, roots))
}

/// Values for the inputs of a circuit: at the ends of their intervals, and between.
fn inputs(circuit: &Circuit, rng: &mut SmallRng) -> Vec<ArrayD<i64>> {
    let way = rng.random_range(0..4);
    let mut inputs = vec![];
    for node in &circuit.ops {
        let CircuitOp::Input { ty, .. } = &node.op else { continue };
        let values = (0..ty.len()).map(|_| match way {
            0 => ty.lo,
            1 => ty.hi,
            2 => [ty.lo, ty.hi][rng.random_range(0..2)],
            _ => rng.random_range(ty.lo..=ty.hi),
        });
        let values = values.collect();
        inputs.push(ArrayD::from_shape_vec(IxDyn(&ty.shape), values).expect("as many values as elements"));
    }
    inputs
}

/// What a rule does to a circuit that was made for it.
fn try_rule(rule: &CircuitRule, rng: &mut SmallRng) -> Outcome {
    let Some((circuit, roots)) = circuit(rule, rng) else { return Outcome::Nothing };
    if proof::prove(&circuit).is_err() {
        return Outcome::Nothing;
    }
    let env = Beside::new(&circuit, TargetSpec::default());
    let mut space = Space::of(&circuit.graph, env).expect("a circuit has no arguments");
    let limits = Limits { rounds: 1, ..Limits::default() };
    if let Err(error) = space.saturate(std::slice::from_ref(rule), &limits) {
        return Outcome::Wrong(error.to_string());
    }
    if space.applied.is_empty() {
        return Outcome::Nothing;
    }
    let extractor = Extractor::new(&space);
    let runs: Vec<Vec<ArrayD<i64>>> = (0..3).map(|_| inputs(&circuit, rng)).collect();
    let expected: Vec<_> =
        runs.iter().map(|x| run_circuit(&circuit, x).expect("what was made runs")).collect();
    let today = extractor.today();
    for root in roots {
        let class = space.find(space.origins[root].1);
        for choice in extractor.members_of(&today, class) {
            let Ok(graph) = extractor.write(&choice, &circuit.graph) else { continue };
            let found = match tessera_egraph::beside(&circuit, graph, space.env()) {
                Ok(found) => found,
                Err(error) => return Outcome::Wrong(error.to_string()),
            };
            if let Err(error) = proof::prove(&found) {
                return Outcome::Wrong(error.to_string());
            }
            for (x, expected) in runs.iter().zip(&expected) {
                match run_circuit(&found, x) {
                    Ok(found) if found == *expected => {}
                    Ok(other) => {
                        return Outcome::Wrong(format!(
                            "{expected:?}\nis not\n{other:?}\n{:?}\n{:?}",
                            circuit.ops, found.ops
                        ));
                    }
                    Err(error) => return Outcome::Wrong(error.to_string()),
                }
            }
        }
    }
    Outcome::Equal
}

#[test]
fn both_sides_of_every_rule_compute_the_same() {
    all_compute_the_same(&rules(), TRIES, try_rule);
}

/// Whoever leaves out a condition of a rule is caught, by the same circuits.
#[test]
fn every_condition_of_every_rule_is_needed() {
    every_condition_is_needed(&rules(), TRIES, try_rule);
}

/// The least cost of all choices for these classes.
fn least(extractor: &Extractor<CircuitOp<()>>, choice: &Choice, classes: &[Id]) -> Option<u64> {
    match classes.split_first() {
        None => extractor.cost(choice),
        Some((&class, rest)) => {
            let choices = extractor.members_of(choice, class);
            choices.iter().filter_map(|choice| least(extractor, choice, rest)).min()
        }
    }
}

/// What single moves lead to is never worse than what is there, and hardly ever worse than the best of all choices; an integer program finds
/// the best.
#[test]
fn the_search_comes_near_the_best_of_all_choices_and_an_integer_program_finds_it() {
    const MOST: usize = 2000;
    let rules = rules();
    let (mut compared, mut changed, mut worse) = (0, 0, vec![]);
    // rows of tables weigh little beside elements, or much
    let dear_rows = TargetSpec {
        prices: Prices {
            witness_cell: 50.0,
            lookup: 70.0,
            fixed_cell: 15.0,
            row: 700.0,
            summed_cell: 4.0,
            ..Prices::default()
        },
        ..TargetSpec::default()
    };
    for (index, rule) in rules.iter().enumerate() {
        let mut rng = SmallRng::seed_from_u64(index as u64);
        for draw in 0..400 {
            let target = if draw % 2 == 0 { TargetSpec::default() } else { dear_rows };
            let Some((circuit, _)) = circuit(rule, &mut rng) else { continue };
            if proof::prove(&circuit).is_err() {
                continue;
            }
            let env = Beside::new(&circuit, target);
            let mut space = Space::of(&circuit.graph, env).expect("a circuit has no arguments");
            space
                .saturate(&rules, &Limits { rounds: 2, nodes: 100, ..Limits::default() })
                .expect("rules that fit");
            let extractor = Extractor::new(&space);
            let all = space.egraph.classes().map(|class| class.id);
            let open: Vec<Id> = all.filter(|&class| extractor.members(class).len() > 1).collect();
            let ways = open.iter().try_fold(1usize, |ways, &class| {
                ways.checked_mul(extractor.members(class).len()).filter(|ways| *ways <= MOST)
            });
            if ways.is_none_or(|ways| ways < 2) {
                continue;
            }
            let today = extractor.cost(&extractor.today()).expect("what is there has a cost");
            let (_, found) = extractor.best().expect("what is there has a cost");
            let best = least(&extractor, &extractor.today(), &open).expect("what is there is a choice");
            assert!(best <= found && found <= today, "{best} {found} {today}: {:?}", circuit.ops);
            let program = ilp::best(&extractor).expect("a small program has a solution");
            assert!(program.optimal && program.cost == best, "{program:?}, not {best}: {:?}", circuit.ops);
            extractor.write(&program.choice, &circuit.graph).expect("a choice without circles");
            let again = ilp::best(&extractor);
            assert_eq!(again.as_ref(), Some(&program), "the same e-graph, the same choice");
            (compared, changed) = (compared + 1, changed + usize::from(found < today));
            if found > best {
                worse.push((rule.name.clone(), found as f64 / best as f64));
            }
        }
    }
    println!(
        "{compared} circuits, {changed} of them cheaper, {} could be cheaper still: {worse:?}",
        worse.len()
    );
    assert!(compared >= 500 && changed >= 100, "{compared} {changed}");
    assert!(worse.len() * 50 <= changed, "{} of {changed}: {worse:?}", worse.len());
}
