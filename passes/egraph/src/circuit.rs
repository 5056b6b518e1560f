//! The circuit dialect for the engine: equality of integer relations, bit for bit.
//!
//! # Correctness
//! A rule equates values, as functions of what the circuit reads; what is asserted stays, whatever is chosen. The circuit that is
//! written is proven anew by [`tessera_circuit::proof::prove`], which trusts no interval found here: a lookup whose keys are not proven
//! to lie in its table, and a value that could leave what it declares, are refused, and the circuit stays as it was.
//!
//! Invariant: tables of one function have one name here.

use crate::op::{Arg, Function, Op, Price};
use crate::space::Space;
use egg::Id;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display, Formatter};
use std::rc::Rc;
use std::sync::Arc;
use tessera_api::{Prices, TargetSpec};
use tessera_circuit::graph::{Circuit, ValueId};
use tessera_circuit::ops::{CircuitOp, CircuitType};
use tessera_circuit::proof::{self, Known};
use tessera_circuit::publish::fresh_name;
use tessera_circuit::semantics::{ContractSpec, Interval, ResultIndex, TableFunction, View};
use tessera_mlir::{Error, Result, attrs::IndexMap, params::Param, shape};

/// An attribute of a circuit's op.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    /// Coefficients.
    Ints(Vec<i64>),
    /// A view.
    View(Rc<View>),
    /// Tables by name.
    Tables(Vec<String>),
    /// Maps of a contraction.
    Maps([IndexMap; 3]),
    /// An interval.
    Interval(i64, i64),
}

impl Display for Attr {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        match self {
            Self::Ints(list) => write!(formatter, "{list:?}"),
            Self::View(view) => {
                write!(
                    formatter,
                    "{} from {} in steps of {:?}",
                    shape::show(&view.shape),
                    view.offset,
                    view.strides
                )?;
                if !view.reads_everywhere() {
                    write!(formatter, ", valid {:?} to {:?}", view.valid_low, view.valid_high)?;
                }
                Ok(())
            }
            Self::Tables(tables) => write!(formatter, "@{}", tables.join(", @")),
            Self::Maps(maps) => {
                let of = |map: &IndexMap| {
                    let axes = map
                        .results
                        .iter()
                        .map(|dims| dims.iter().map(|dim| format!("d{dim}")).collect::<Vec<_>>().join("+"));
                    axes.collect::<Vec<_>>().join(" ")
                };
                write!(formatter, "{} * {} -> {}", of(&maps[0]), of(&maps[1]), of(&maps[2]))
            }
            Self::Interval(lo, hi) => write!(formatter, "{lo} to {hi}"),
        }
    }
}

/// What stands beside a circuit.
#[derive(Debug)]
pub struct Beside {
    tables: RefCell<Tables>,
    params: BTreeMap<String, Arc<Param>>,
    composed: RefCell<HashMap<(Rc<View>, Rc<View>), Option<Rc<View>>>>,
    /// The backend that is asked.
    pub target: TargetSpec,
}

#[derive(Debug, Default)]
struct Tables {
    by_name: BTreeMap<String, Rc<TableFunction>>,
    names: HashMap<Rc<TableFunction>, String>,
}

impl Beside {
    /// Of a circuit, for a backend.
    pub fn new(circuit: &Circuit, target: TargetSpec) -> Self {
        let mut all = Tables::default();
        for (name, function) in &circuit.tables {
            let function = Rc::new(function.clone());
            all.names.entry(function.clone()).or_insert_with(|| name.clone());
            all.by_name.insert(name.clone(), function);
        }
        let mut params = BTreeMap::new();
        for node in &circuit.ops {
            if let (CircuitOp::Weight { global, .. }, [id]) = (&node.op, &node.results[..])
                && let Some(elements) = circuit.known.get(id)
            {
                params.insert(global.clone(), elements.clone());
            }
        }
        Self { tables: RefCell::new(all), params, composed: RefCell::default(), target }
    }

    /// A table.
    pub fn table(&self, name: &str) -> Option<Rc<TableFunction>> {
        self.tables.borrow().by_name.get(name).cloned()
    }

    /// The name of the table with the function that `name` has.
    fn same(&self, name: &str) -> String {
        let tables = self.tables.borrow();
        let known = tables.by_name.get(name).and_then(|function| tables.names.get(function));
        known.cloned().unwrap_or_else(|| name.to_owned())
    }

    /// The name of a table with this function, a new one like `base` where there is none.
    fn name(&self, base: &str, function: TableFunction) -> String {
        let mut tables = self.tables.borrow_mut();
        if let Some(name) = tables.names.get(&function) {
            return name.clone();
        }
        let name = fresh_name(base, |name| tables.by_name.contains_key(name));
        let function = Rc::new(function);
        tables.names.insert(function.clone(), name.clone());
        tables.by_name.insert(name.clone(), function);
        name
    }

    fn after(&self, outer: &Rc<View>, inner: &Rc<View>) -> Option<Rc<View>> {
        let key = (outer.clone(), inner.clone());
        self.composed.borrow_mut().entry(key).or_insert_with(|| outer.after(inner).map(Rc::new)).clone()
    }

    /// The most keys of a table that is made here.
    fn most_keys(&self) -> i128 {
        1 << MOST_KEYS.min(self.target.capabilities.max_log_table)
    }
}

/// The most keys of a table that a rule makes, as a power of two; fewer where the backend's tables are smaller.
const MOST_KEYS: u8 = 16;

impl Op for CircuitOp<()> {
    type Type = CircuitType;
    type Attr = Attr;
    type Node = CircuitOp<ValueId>;
    type Env = Beside;
    type Proofs = Proofs;

    const NAMES: &'static [&'static str] = &[
        "input", "weight", "constant", "contract", "affine", "mul", "max", "split", "lookup", "range",
        "hint", "view", "concat",
    ];

    const FUNCTIONS: &'static [Function] = &[
        Function {
            name: "identity",
            arguments: 2,
            help: "whether a view (first) yields the value (second) as it is",
        },
        Function {
            name: "after",
            arguments: 2,
            help: "the view (first) of a view (second), where that is a single view",
        },
        Function { name: "reads_everywhere", arguments: 1, help: "whether a view pads nowhere" },
        Function {
            name: "no_longer",
            arguments: 2,
            help: "whether a view (first) has at most as many elements as the value (second)",
        },
        Function {
            name: "elementwise",
            arguments: 1,
            help: "whether each element of an op's result depends on the same element of its operands alone, and the op says nothing else",
        },
        Function {
            name: "compose",
            arguments: 2,
            help: "the table that looks up in the second, then in the first",
        },
        Function {
            name: "few_keys",
            arguments: 1,
            help: "whether a table has at most 2^16 keys, or as few as the backend's tables have",
        },
        Function {
            name: "keeps",
            arguments: 2,
            help: "whether a table (first) maps every key that the value (second) may be to itself",
        },
        Function {
            name: "nondecreasing",
            arguments: 1,
            help: "whether greater keys of a table have no smaller results",
        },
        Function {
            name: "covers",
            arguments: 2,
            help: "whether a table (first) has every key that the values (second) may be",
        },
        Function {
            name: "rectifies",
            arguments: 3,
            help: "whether a table (first) is max(k, 0) on every key that the difference of two values may be",
        },
        Function {
            name: "are",
            arguments: 2,
            help: "whether all of the coefficients (first) are the number (second)",
        },
        Function { name: "len", arguments: 1, help: "how many values there are" },
        Function { name: "at", arguments: 2, help: "the coefficient (first) with that number (second)" },
        Function { name: "plus", arguments: 2, help: "the sum of two numbers" },
        Function { name: "times", arguments: 2, help: "the product of two numbers" },
        Function {
            name: "is",
            arguments: 2,
            help: "whether a number (first), or every element of a constant, is the number (second)",
        },
        Function {
            name: "inline",
            arguments: 3,
            help: "the coefficients (first) with those (third) in place of the one with that number (second), each times that one",
        },
        Function {
            name: "without",
            arguments: 2,
            help: "the coefficients (first) without the one with that number (second)",
        },
        Function {
            name: "joined",
            arguments: 3,
            help: "the coefficients (first), one (second) with another (third), later one added, which goes",
        },
        Function { name: "value", arguments: 1, help: "the element that a constant has everywhere" },
        Function {
            name: "no_shorter",
            arguments: 2,
            help: "whether a view (first) has at least as many elements as each of the values (second)",
        },
        Function { name: "list", arguments: 1, help: "the one coefficient" },
        Function { name: "positive", arguments: 1, help: "whether all coefficients are greater than 0" },
        Function {
            name: "short",
            arguments: 2,
            help: "whether a value (first) has no bits beyond so many (second), and is not negative",
        },
        Function {
            name: "after_shift",
            arguments: 3,
            help: "the table that shifts the value (third) down by so many bits (second) and looks up in a table (first)",
        },
        Function {
            name: "after_sum",
            arguments: 4,
            help: "the table that looks up c·x + k in a table (first), with c (second), k (third) and the value x (fourth)",
        },
        Function {
            name: "slope",
            arguments: 2,
            help: "by how much the result of a table (first) grows with each key that the value (second) may be, where that is always the same",
        },
        Function {
            name: "intercept",
            arguments: 2,
            help: "what a table (first) with a slope on the value (second) would have for the key 0",
        },
        Function { name: "at_least", arguments: 2, help: "whether one value is never less than another" },
        Function {
            name: "free_axis",
            arguments: 3,
            help: "the axis of the second operand (third) of a contraction (first) of a value (second) on which neither it sums nor the value has",
        },
        Function {
            name: "part",
            arguments: 5,
            help: "the view of a contraction (first) of a value (second) with two operands (third and fourth) joined that is the one with this number",
        },
        Function { name: "known", arguments: 1, help: "whether a value depends on no input" },
        Function {
            name: "join",
            arguments: 2,
            help: "whether two values share no part and have at most four, and the first comes first",
        },
        Function {
            name: "plain",
            arguments: 2,
            help: "whether a sum with coefficients (first) of the values (second) is not b + t(a - b), which is read as a maximum and stays in one piece",
        },
    ];

    fn of(env: &Beside, node: &CircuitOp<ValueId>) -> (Self, Vec<ValueId>) {
        let op = match node.map(|_| ()) {
            // what a lookup says of its results follows from its table and its keys
            CircuitOp::Lookup { x, tables, .. } => {
                let tables = tables.iter().map(|table| env.same(table)).collect();
                CircuitOp::Lookup { x, tables, intervals: vec![] }
            }
            op => op,
        };
        (op, node.operands())
    }

    fn on(&self, env: &Beside, operands: &[(ValueId, CircuitType)]) -> Result<CircuitOp<ValueId>> {
        let op = applied(self, operands.iter().map(|(value, _)| *value))?;
        let CircuitOp::Lookup { x, tables, .. } = op else { return Ok(op) };
        let ty = &operands.first().ok_or_else(too_few)?.1;
        let intervals = images(env, &tables, ty)?.iter().map(|ty| (ty.lo, ty.hi)).collect();
        Ok(CircuitOp::Lookup { x, tables, intervals })
    }

    fn name(&self) -> &'static str {
        CircuitOp::name(self).trim_start_matches("circuit.")
    }

    fn label(&self) -> String {
        match self {
            Self::Input { name, .. } => format!("{name:?}"),
            Self::Weight { global, .. } => format!("@{global}"),
            Self::Constant { values, .. } if values.len() == 1 => values[0].to_string(),
            Self::Constant { values, .. } => format!("of {} values", values.len()),
            Self::Hint { hint, .. } => hint.name().to_owned(),
            _ => String::new(),
        }
    }

    fn show_type(ty: &CircuitType) -> String {
        format!("{} in {}", shape::show(&ty.shape), ty.interval())
    }

    fn attributes(&self) -> Vec<Arg<Self>> {
        match self {
            Self::View { view, .. } => vec![Arg::Attr(Attr::View(Rc::new(view.clone())))],
            Self::Affine { terms, constant } => {
                let coefficients = terms.iter().map(|(coefficient, ())| *coefficient).collect();
                vec![Arg::Attr(Attr::Ints(coefficients)), Arg::Int(*constant)]
            }
            Self::Split { shift, .. } => vec![Arg::Int((*shift).into())],
            Self::Lookup { tables, .. } => vec![Arg::Attr(Attr::Tables(tables.clone()))],
            Self::Contract { maps, .. } => vec![Arg::Attr(Attr::Maps(maps.clone()))],
            Self::Concat { axis, .. } => vec![Arg::Int(*axis as i64)],
            Self::Range { interval: (lo, hi), .. } => vec![Arg::Attr(Attr::Interval(*lo, *hi))],
            _ => vec![],
        }
    }

    fn make(_: &Beside, name: &str, attributes: &[Arg<Self>], operands: usize) -> Option<Self> {
        Some(match (name, attributes, operands) {
            ("view", [Arg::Attr(Attr::View(view))], 1) => Self::View { x: (), view: (**view).clone() },
            ("affine", [Arg::Attr(Attr::Ints(coefficients)), Arg::Int(constant)], 1..)
                if coefficients.len() == operands =>
            {
                let terms = coefficients.iter().map(|&coefficient| (coefficient, ())).collect();
                Self::Affine { terms, constant: *constant }
            }
            ("split", [Arg::Int(shift)], 1) => Self::Split { x: (), shift: u32::try_from(*shift).ok()? },
            ("lookup", [Arg::Attr(Attr::Tables(tables))], 1) => {
                Self::Lookup { x: (), tables: tables.clone(), intervals: vec![] }
            }
            ("contract", [Arg::Attr(Attr::Maps(maps))], 2) => {
                Self::Contract { x: (), w: (), maps: maps.clone() }
            }
            ("concat", [Arg::Int(axis)], 1..) => {
                Self::Concat { xs: vec![(); operands], axis: usize::try_from(*axis).ok()? }
            }
            ("mul", [], 2) => Self::Mul { a: (), b: () },
            ("max", [], 2..) => Self::Max { xs: vec![(); operands] },
            _ => return None,
        })
    }

    fn infer(&self, env: &Beside, operands: &[(Id, CircuitType)]) -> Result<Vec<CircuitType>> {
        if let Self::Lookup { tables, .. } = self {
            return images(env, tables, &operands.first().ok_or_else(too_few)?.1);
        }
        let op = applied(self, 0..operands.len())?;
        // two operands are one value where they are of one class
        let op = op.map(|&index| (operands[index].0, index));
        let op = op.map(|(id, index)| Typed { id: *id, index: *index });
        let types = op.infer(|x| Ok(operands[x.index].1.clone()))?;
        for ty in &types {
            CircuitType::with_interval(ty.shape.clone(), ty.interval())?;
        }
        Ok(types)
    }

    fn meet(a: &CircuitType, b: &CircuitType) -> Option<CircuitType> {
        let both = a.interval().intersect(b.interval()).filter(|_| a.shape == b.shape)?;
        CircuitType::with_interval(a.shape.clone(), both).ok()
    }

    fn proofs(_: &Beside) -> Proofs {
        Proofs::default()
    }

    fn declare(
        proofs: &mut Proofs,
        env: &Beside,
        node: &CircuitOp<ValueId>,
        values: &[ValueId],
        inferred: Vec<CircuitType>,
    ) -> Result<Vec<CircuitType>> {
        for name in node.tables() {
            let function = env.table(name).ok_or_else(|| Error::new(format!("no table @{name}")))?;
            proofs.tables.entry(name.to_owned()).or_insert_with(|| (*function).clone());
        }
        if let CircuitOp::Weight { global, .. } = node {
            let elements =
                env.params.get(global).ok_or_else(|| Error::new(format!("no parameter @{global}")))?;
            proofs.params.insert(global.clone(), elements.clone());
        }
        let known = node.known(proofs)?;
        let declare = |(inferred, known): (CircuitType, &Known)| {
            // weights are declared, not inferred
            let beyond = node.is_correlated() && !matches!(node, CircuitOp::Weight { .. });
            if beyond {
                CircuitType::with_interval(inferred.shape, known.ranges.hull())
            } else {
                Ok(inferred)
            }
        };
        let types = inferred.into_iter().zip(&known).map(declare).collect::<Result<Vec<_>>>()?;
        for (&value, known) in values.iter().zip(known) {
            proofs.known.insert(value, known);
            proofs.producers.insert(value, node.clone());
        }
        Ok(types)
    }

    fn stays(&self) -> bool {
        !self.only_computes()
    }

    fn price(&self, env: &Beside, operands: &[CircuitType], results: &[CircuitType]) -> Price {
        let prices = &env.target.prices;
        let elements = results.first().map_or(0, CircuitType::len) as u64;
        let cost = self.cost(elements);
        let mut own = prices.witness_cell * cost.witness as f64
            + (prices.lookup + prices.extension_cell / 2.0) * cost.lookups as f64
            + prices.fixed_cell * cost.fixed as f64;
        if let (Self::Contract { .. }, [x, w]) = (self, operands) {
            // what is read stands in rows of its own, whoever made it
            own += prices.witness_cell * x.len() as f64 + prices.summed_cell * w.len() as f64;
        }
        let shared = match self {
            Self::Lookup { tables, .. } => tables.iter().flat_map(|name| table(env, name)).collect(),
            Self::Split { .. } => results.iter().map(|ty| range(prices, ty.interval())).collect(),
            Self::Max { .. } => {
                let all = operands.iter().map(CircuitType::interval).reduce(Interval::hull);
                all.into_iter().map(|all| range(prices, Interval::new(0, all.hi - all.lo))).collect()
            }
            _ => vec![],
        };
        Price { own: picoseconds(own), shared }
    }

    fn call(space: &Space<Self>, function: &str, arguments: &[Arg<Self>]) -> Option<Arg<Self>> {
        call(space, function, arguments)
    }
}

/// What is proven of the values of a circuit that is being written.
#[derive(Default)]
pub struct Proofs {
    known: HashMap<ValueId, Known>,
    producers: HashMap<ValueId, CircuitOp<ValueId>>,
    tables: BTreeMap<String, TableFunction>,
    params: BTreeMap<String, Arc<Param>>,
}

impl proof::Facts<ValueId> for Proofs {
    fn known(&self, value: &ValueId) -> Result<Known> {
        let known = self.known.get(value).cloned();
        known.ok_or_else(|| Error::new(format!("value {value} is used before it is defined")))
    }

    fn producer(&self, value: &ValueId) -> Result<Option<CircuitOp<ValueId>>> {
        Ok(self.producers.get(value).cloned())
    }

    fn parameter(&self, global: &str) -> Result<Arc<Param>> {
        self.params.get(global).cloned().ok_or_else(|| Error::new(format!("no parameter @{global}")))
    }

    fn table(&self, symbol: &str) -> Option<&TableFunction> {
        self.tables.get(symbol)
    }
}

/// An operand of an op whose types are asked for.
#[derive(Clone, Copy)]
struct Typed {
    id: Id,
    index: usize,
}

impl PartialEq for Typed {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

fn too_few() -> Error {
    Error::new("expected more operands")
}

/// An op on operands.
fn applied<V>(op: &CircuitOp<()>, mut operands: impl ExactSizeIterator<Item = V>) -> Result<CircuitOp<V>> {
    let (expected, found) = (op.operands().len(), operands.len());
    if expected != found {
        return Err(Error::new(format!("expected {expected} operands, found {found}")));
    }
    op.try_map(|()| operands.next().ok_or_else(too_few))
}

/// The types of what is looked up in tables, which have one domain.
fn images(env: &Beside, tables: &[String], keys: &CircuitType) -> Result<Vec<CircuitType>> {
    let mut domain = None;
    let image = |name: &String| {
        let function = env.table(name).ok_or_else(|| Error::new(format!("no table @{name}")))?;
        let same = *domain.get_or_insert(function.domain()) == function.domain();
        let image = function.image(keys.interval()).filter(|_| same);
        let image = image.ok_or_else(|| {
            Error::new(format!(
                "expected keys within {} of @{name}, found {}",
                function.domain(),
                keys.interval()
            ))
        })?;
        CircuitType::with_interval(keys.shape.clone(), image)
    };
    tables.iter().map(image).collect()
}

fn picoseconds(nanoseconds: f64) -> u64 {
    (nanoseconds * 1000.0).round() as u64
}

/// What a table of these values costs, once: its rows, with how often each is read.
fn range(prices: &Prices, values: Interval) -> (String, u64) {
    let rows = u64::try_from(values.hi - values.lo + 1).unwrap_or(u64::MAX / 2).next_power_of_two();
    let row = prices.row + prices.fixed_cell + prices.witness_cell + prices.extension_cell;
    (format!("keys {values}"), picoseconds(row * rows as f64))
}

fn table(env: &Beside, name: &str) -> Vec<(String, u64)> {
    let Some(function) = env.table(name) else { return vec![] };
    let domain = function.domain();
    let keys = range(&env.target.prices, domain);
    let rows = (domain.hi - domain.lo + 1) as f64;
    vec![keys, (format!("results {name}"), picoseconds(env.target.prices.fixed_cell * rows))]
}

type Given = Arg<CircuitOp<()>>;

fn call(space: &Space<CircuitOp<()>>, function: &str, arguments: &[Given]) -> Option<Given> {
    let env = space.env();
    let ty = |class: &Id| space.ty(*class);
    let keys = |arg: &Given| -> Option<Interval> {
        let classes = Space::<CircuitOp<()>>::classes(arg)?;
        let intervals: Option<Vec<Interval>> =
            classes.iter().map(|class| Some(ty(class)?.interval())).collect();
        intervals?.into_iter().reduce(Interval::hull)
    };
    let one = |tables: &[String]| match tables {
        [name] => env.table(name),
        _ => None,
    };
    let ints = |list: Vec<i64>| Some(Arg::Attr(Attr::Ints(list)));
    Some(match (function, arguments) {
        ("identity", [Arg::Attr(Attr::View(view)), Arg::Class(x)]) => {
            Arg::Bool(view.is_identity(&ty(x)?.shape))
        }
        ("after", [Arg::Attr(Attr::View(outer)), Arg::Attr(Attr::View(inner))]) => {
            Arg::Attr(Attr::View(env.after(outer, inner)?))
        }
        ("reads_everywhere", [Arg::Attr(Attr::View(view))]) => Arg::Bool(view.reads_everywhere()),
        ("no_longer", [Arg::Attr(Attr::View(view)), x]) => {
            let classes = Space::<CircuitOp<()>>::classes(x)?;
            Arg::Bool(classes.iter().all(|x| ty(x).is_some_and(|ty| view.len() <= ty.len())))
        }
        ("no_shorter", [Arg::Attr(Attr::View(view)), x]) => {
            let classes = Space::<CircuitOp<()>>::classes(x)?;
            Arg::Bool(classes.iter().all(|x| ty(x).is_some_and(|ty| view.len() >= ty.len())))
        }
        ("elementwise", [Arg::Op(op, _)]) => {
            let op = space.op(*op);
            Arg::Bool(op.is_elementwise() && op.only_computes())
        }
        ("compose", [Arg::Attr(Attr::Tables(outer)), Arg::Attr(Attr::Tables(inner))]) => {
            let both = one(outer)?.after(&*one(inner)?, env.most_keys())?;
            Arg::Attr(Attr::Tables(vec![env.name(&format!("{}_of_{}", outer[0], inner[0]), both)]))
        }
        ("few_keys", [Arg::Attr(Attr::Tables(tables))]) => {
            let domain = one(tables)?.domain();
            Arg::Bool(domain.hi - domain.lo < env.most_keys())
        }
        ("keeps", [Arg::Attr(Attr::Tables(tables)), x]) => {
            Arg::Bool(agrees(&*one(tables)?, keys(x)?, |key| key))
        }
        ("rectifies", [Arg::Attr(Attr::Tables(tables)), a, b]) => {
            Arg::Bool(agrees(&*one(tables)?, keys(a)? - keys(b)?, |key| key.max(0)))
        }
        ("nondecreasing", [Arg::Attr(Attr::Tables(tables))]) => Arg::Bool(match &*one(tables)? {
            TableFunction::Clamp { .. } => true,
            TableFunction::Values { values, .. } => values.is_sorted(),
        }),
        ("covers", [Arg::Attr(Attr::Tables(tables)), x]) => {
            Arg::Bool(one(tables)?.domain().contains(keys(x)?))
        }
        ("are", [Arg::Attr(Attr::Ints(list)), Arg::Int(value)]) => {
            Arg::Bool(list.iter().all(|entry| entry == value))
        }
        ("len", [Arg::Classes(classes)]) => Arg::Int(classes.len() as i64),
        ("at", [Arg::Attr(Attr::Ints(list)), Arg::Int(index)]) => {
            Arg::Int(*list.get(usize::try_from(*index).ok()?)?)
        }
        ("plus", [Arg::Int(a), Arg::Int(b)]) => Arg::Int(a.checked_add(*b)?),
        ("times", [Arg::Int(a), Arg::Int(b)]) => Arg::Int(a.checked_mul(*b)?),
        ("is", [Arg::Int(a), Arg::Int(b)]) => Arg::Bool(a == b),
        ("is", [Arg::Class(x), Arg::Int(b)]) => Arg::Bool(everywhere(space, *x)? == *b),
        ("value", [Arg::Class(x)]) => Arg::Int(everywhere(space, *x)?),
        ("inline", [Arg::Attr(Attr::Ints(outer)), Arg::Int(index), Arg::Attr(Attr::Ints(inner))]) => {
            let index = usize::try_from(*index).ok()?;
            let factor = *outer.get(index)?;
            let scaled: Option<Vec<i64>> = inner.iter().map(|inner| inner.checked_mul(factor)).collect();
            ints([&outer[..index], &scaled?, &outer[index + 1..]].concat())?
        }
        ("without", [Arg::Attr(Attr::Ints(list)), Arg::Int(index)]) => {
            let index = usize::try_from(*index).ok().filter(|index| *index < list.len())?;
            ints([&list[..index], &list[index + 1..]].concat())?
        }
        ("joined", [Arg::Attr(Attr::Ints(list)), Arg::Int(to), Arg::Int(from)]) => {
            let (to, from) = (usize::try_from(*to).ok()?, usize::try_from(*from).ok()?);
            let mut joined = list.clone();
            let gone = *joined.get(from).filter(|_| to < from)?;
            joined[to] = joined[to].checked_add(gone)?;
            joined.remove(from);
            ints(joined)?
        }
        ("plain", [Arg::Attr(Attr::Ints(list)), Arg::Classes(xs)]) => {
            let looked_up = |class: &Id| {
                let nodes = &space.egraph[*class].nodes;
                nodes.iter().any(|node| matches!(space.op(node.op), CircuitOp::Lookup { .. }))
            };
            Arg::Bool(list[..] != [1, 1] || !xs.iter().any(looked_up))
        }
        ("list", [Arg::Int(value)]) => ints(vec![*value])?,
        ("positive", [Arg::Attr(Attr::Ints(list))]) => Arg::Bool(list.iter().all(|entry| *entry > 0)),
        ("short", [x, Arg::Int(bits)]) => {
            let bits = u32::try_from(*bits).ok().filter(|bits| *bits < 63)?;
            Arg::Bool(Interval::new(0, (1i64 << bits) - 1).contains(keys(x)?))
        }
        ("after_shift", [Arg::Attr(Attr::Tables(tables)), Arg::Int(bits), x]) => {
            let (table, bits) = (one(tables)?, u32::try_from(*bits).ok().filter(|bits| *bits < 63)?);
            let made = tabulated(env, keys(x)?, |key| table.eval(key >> bits))?;
            Arg::Attr(Attr::Tables(vec![env.name(&format!("{}_of_shift", tables[0]), made)]))
        }
        (
            "after_sum",
            [Arg::Attr(Attr::Tables(tables)), Arg::Attr(Attr::Ints(list)), Arg::Int(constant), x],
        ) => {
            let (table, [factor]) = (one(tables)?, &list[..]) else { return None };
            let made = tabulated(env, keys(x)?, |key| {
                table.eval(key.checked_mul(*factor)?.checked_add(*constant)?)
            })?;
            Arg::Attr(Attr::Tables(vec![env.name(&format!("{}_of_sum", tables[0]), made)]))
        }
        ("slope", [Arg::Attr(Attr::Tables(tables)), x]) => ints(vec![line(&*one(tables)?, keys(x)?)?.0])?,
        ("intercept", [Arg::Attr(Attr::Tables(tables)), x]) => Arg::Int(line(&*one(tables)?, keys(x)?)?.1),
        ("at_least", [a, b]) => Arg::Bool(keys(a)?.lo >= keys(b)?.hi),
        ("free_axis", [Arg::Attr(Attr::Maps(maps)), Arg::Class(x), Arg::Class(w)]) => {
            let spec = ContractSpec::from_maps(maps, &ty(x)?.shape, &ty(w)?.shape).ok()?;
            Arg::Int(free(&spec)?.0 as i64)
        }
        (
            "part",
            [Arg::Attr(Attr::Maps(maps)), Arg::Class(x), Arg::Class(v), Arg::Class(w), Arg::Int(which)],
        ) => {
            let spec = ContractSpec::from_maps(maps, &ty(x)?.shape, &ty(v)?.shape).ok()?;
            let (of_w, of_y) = free(&spec)?;
            let (first, second) = (ty(v)?.shape[of_w], *ty(w)?.shape.get(of_w)?);
            let mut whole = spec.result_shape();
            whole[of_y] = first + second;
            let (mut starts, mut sizes) = (vec![0; whole.len()], whole.clone());
            (starts[of_y], sizes[of_y]) = if *which == 0 { (0, first) } else { (first as i64, second) };
            Arg::Attr(Attr::View(Rc::new(View::window(&whole, &starts, &vec![1; whole.len()], &sizes))))
        }
        ("known", [Arg::Class(x)]) => Arg::Bool(known(space, *x)),
        ("join", [Arg::Class(v), Arg::Class(w)]) => {
            let (first, second) = (parts(space, *v), parts(space, *w));
            let apart = first.iter().all(|part| !second.contains(part));
            Arg::Bool(v < w && apart && first.len() + second.len() <= MOST_PARTS)
        }
        _ => return None,
    })
}

/// The most parts of what is joined.
const MOST_PARTS: usize = 4;

/// Whether a value depends on no input.
fn known(space: &Space<CircuitOp<()>>, class: Id) -> bool {
    space.egraph[class].nodes.iter().any(|node| match space.op(node.op) {
        CircuitOp::Weight { .. } | CircuitOp::Constant { .. } => true,
        CircuitOp::View { .. } | CircuitOp::Concat { .. } => {
            // operands were there before it, so this ends
            node.operands.iter().all(|&id| space.find(id) < class && known(space, space.find(id)))
        }
        _ => false,
    })
}

/// What a value is joined of; itself where it is not.
fn parts(space: &Space<CircuitOp<()>>, class: Id) -> Vec<Id> {
    let joined = space.egraph[class].nodes.iter().find(|node| {
        matches!(space.op(node.op), CircuitOp::Concat { .. })
            && node.operands.iter().all(|&id| space.find(id) < class)
    });
    match joined {
        Some(node) => node.operands.iter().flat_map(|&id| parts(space, space.find(id))).collect(),
        None => vec![class],
    }
}

/// The axis of the second operand, and of the result, of an index that is of no other.
fn free(spec: &ContractSpec) -> Option<(usize, usize)> {
    let roles = spec.roles();
    roles.w_free.iter().find_map(|index| {
        let of_y = spec.y.iter().position(|y| *y == ResultIndex::One(*index))?;
        Some((spec.w.iter().position(|w| w == index)?, of_y))
    })
}

/// A table of a function of these keys, where they are few and it has a value for each.
fn tabulated(env: &Beside, keys: Interval, function: impl Fn(i64) -> Option<i64>) -> Option<TableFunction> {
    let (lo, hi) = keys.to_i64s().filter(|_| keys.hi - keys.lo < env.most_keys())?;
    let values = (lo..=hi).map(function).collect::<Option<_>>()?;
    Some(TableFunction::Values { lo, values })
}

/// a and b where a table is a·k + b on every one of these keys.
fn line(table: &TableFunction, keys: Interval) -> Option<(i64, i64)> {
    let (lo, hi) = keys.to_i64s().filter(|_| table.domain().contains(keys))?;
    let at = table.eval(lo)?;
    let slope = if lo == hi { 0 } else { table.eval(lo + 1)?.checked_sub(at)? };
    let intercept = at.checked_sub(slope.checked_mul(lo)?)?;
    let on = |key: i64| key.checked_mul(slope)?.checked_add(intercept);
    (lo..=hi).all(|key| table.eval(key) == on(key)).then_some((slope, intercept))
}

/// Whether a table is a function on every one of these keys.
fn agrees(table: &TableFunction, keys: Interval, function: impl Fn(i64) -> i64) -> bool {
    let Some((lo, hi)) = keys.to_i64s().filter(|_| table.domain().contains(keys)) else { return false };
    (lo..=hi).all(|key| table.eval(key) == Some(function(key)))
}

/// The element that a constant has everywhere.
fn everywhere(space: &Space<CircuitOp<()>>, class: Id) -> Option<i64> {
    match space.leaf(class)? {
        CircuitOp::Constant { values, .. } => match values[..] {
            [one] => Some(one),
            _ => None,
        },
        _ => None,
    }
}
