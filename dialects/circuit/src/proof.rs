//! What is proven about the values of a circuit beyond their types: intervals channel by channel, and the elements of what
//! depends on no input.
//!
//! The type of a value has one interval, and the verifier does plain interval arithmetic on it. Here the intervals are per
//! channel ([`Ranges`]), weights are known exactly, and b + relu(a - b) is understood as max(a, b). The rule of each op is one
//! function, [`CircuitOp::known`], for IR (`analysis.rs`) and for plain circuits ([`prove`]).
//!
//! # Correctness
//! Packing and the ranges of lookups rest on declared intervals, and a contract may declare a tighter one than follows from its
//! operands' types. So [`prove`] holds every declared interval to what the values of the weights allow, starting from what is
//! declared of inputs alone, which verifiers check. It trusts no pass, no verifier of IR, and no interval written in a file.

use crate::graph::{Circuit, ValueId};
use crate::interp::spread;
use crate::maximum::{maximum, same_elements};
use crate::ops::{CircuitOp, CircuitType};
use crate::publish;
use crate::semantics::{ContractSpec, Interval, LARGE, Ranges, TableFunction, View};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use tessera_mlir::{
    Error, Result, map_values,
    params::{Param, ParamData},
    shape,
};

/// What is known about a value.
#[derive(Clone, Debug)]
pub struct Known {
    /// An interval that holds each element.
    pub ranges: Rc<Ranges>,
    /// The elements themselves, where the value does not depend on an input.
    pub elements: Option<Elements>,
}

/// The elements of a value that depends on no input.
#[derive(Clone, Debug)]
pub enum Elements {
    /// All of them, as they are stored.
    Dense(Arc<Param>),
    /// A view of others.
    Viewed(Rc<Elements>, View),
}

impl Elements {
    /// All elements, row-major.
    pub fn data(&self) -> Cow<'_, ParamData> {
        match self {
            Self::Dense(param) => Cow::Borrowed(&param.data),
            Self::Viewed(of, view) => {
                let data = of.data();
                if view.is_reshape(data.len()) {
                    return data;
                }
                Cow::Owned(map_values!(&*data, |values| view.apply(values, Default::default())))
            }
        }
    }
}

/// Above this many elements, a weight's intervals are kept as their hull; its values are still known exactly.
const MOST_EXACT: usize = 1 << 16;

impl Known {
    /// A value of which only intervals are known.
    pub fn ranges(ranges: Ranges) -> Self {
        Self { ranges: Rc::new(ranges), elements: None }
    }

    /// A value of this shape that is known exactly.
    ///
    /// # Errors
    /// When there are more or fewer elements than the shape has, or they are floats.
    pub fn exact(shape: &[usize], param: Arc<Param>) -> Result<Self> {
        let (data, expected) = (&param.data, shape::elements(shape)?);
        if data.len() != expected {
            return Err(Error::new(format!("expected {expected} values, found {}", data.len())));
        }
        let ranges = if expected <= MOST_EXACT {
            Ranges::exact(shape, &data.to_i64s()?)
        } else {
            Ranges::uniform(shape, data.bounds()?.map_or(Interval::point(0), Interval::from))
        };
        Ok(Self { ranges: Rc::new(ranges), elements: Some(Elements::Dense(param)) })
    }
}

/// What the rule of an op asks about the circuit around it.
pub trait Facts<V> {
    /// What is known about an operand.
    ///
    /// # Errors
    /// When the value is not one of the circuit's.
    fn known(&self, value: &V) -> Result<Known>;

    /// The op that defines a value.
    ///
    /// # Errors
    /// When it does not decode.
    fn producer(&self, value: &V) -> Result<Option<CircuitOp<V>>>;

    /// The elements of a parameter.
    ///
    /// # Errors
    /// When there is no such parameter.
    fn parameter(&self, global: &str) -> Result<Arc<Param>>;

    /// A table.
    fn table(&self, symbol: &str) -> Option<&TableFunction>;
}

impl<V: Clone + PartialEq> CircuitOp<V> {
    /// What is known about the op's results, given what is known about its operands. Declared intervals of the results are not
    /// looked at, except those of inputs.
    ///
    /// # Errors
    /// When operands and attributes do not fit together, or a lookup's keys are not proven to lie in its table's domain.
    pub fn known(&self, facts: &impl Facts<V>) -> Result<Vec<Known>> {
        let ranges = |x: &V| facts.known(x).map(|known| known.ranges);
        let known = match self {
            Self::Input { ty, .. } => Known::ranges(Ranges::uniform(&ty.shape, ty.interval())),
            Self::Weight { global, ty, .. } => Known::exact(&ty.shape, facts.parameter(global)?)
                .map_err(|error| error.context(format!("parameter {global:?}")))?,
            Self::Constant { values, ty } if values.len() == 1 && ty.len() > LARGE => {
                Known::ranges(Ranges::uniform(&ty.shape, Interval::point(values[0])))
            }
            Self::Constant { values, ty } => {
                let param = publish::param(&ty.shape, &spread(values.clone(), ty.len())?)?;
                Known::exact(&ty.shape, Arc::new(param))?
            }
            Self::Contract { x, w, maps } => {
                let (x, w) = (ranges(x)?, facts.known(w)?);
                let spec = ContractSpec::from_maps(maps, x.shape(), w.ranges.shape()).map_err(Error::new)?;
                Known::ranges(match w.elements {
                    Some(w) => Ranges::contract_known(&spec, x.hull(), &w.data())?,
                    None => Ranges::contract(&spec, &x, &w.ranges),
                })
            }
            Self::Affine { terms, constant } => match known_maximum(terms, *constant, facts)? {
                Some(max) => Known::ranges(max),
                None => Known::ranges(affine(terms, *constant, facts)?),
            },
            Self::Mul { a, b } if same_elements(a, b, &|x| facts.producer(x))? => {
                Known::ranges(ranges(a)?.square())
            }
            Self::Mul { a, b } => Known::ranges(ranges(a)?.mul(&*ranges(b)?)),
            Self::Max { xs } => {
                let xs = xs.iter().map(ranges).collect::<Result<Vec<_>>>()?;
                let greatest = xs.into_iter().reduce(|a, b| Rc::new(a.max(&b)));
                let ranges = greatest.ok_or_else(|| Error::new("nothing to compare"))?;
                Known { ranges, elements: None }
            }
            Self::Split { x, shift } => {
                let (high, low) = ranges(x)?.split(*shift);
                return Ok(vec![Known::ranges(high), Known::ranges(low)]);
            }
            Self::Lookup { x, tables, .. } => {
                let x = ranges(x)?;
                let mut domain = None;
                let image = |table: &String| {
                    let f = facts.table(table).ok_or_else(|| Error::new(format!("no table @{table}")))?;
                    if *domain.get_or_insert(f.domain()) != f.domain() {
                        return Err(Error::new(format!(
                            "@{table} has the domain {}, another one than @{}; tables that are looked up at once have one",
                            f.domain(),
                            tables[0]
                        )));
                    }
                    Ok(Known::ranges(x.lookup(f).map_err(|keys| {
                        Error::new(format!(
                            "keys within {keys} are not proven to lie in the domain {} of @{table}",
                            f.domain()
                        ))
                    })?))
                };
                return tables.iter().map(image).collect();
            }
            Self::Range { x, interval: (lo, hi) } => Known::ranges(ranges(x)?.meet(Interval::new(*lo, *hi))),
            // of its operand nothing is proven
            Self::Hint { x, hint, intervals } => {
                let shape = hint.shape(ranges(x)?.shape())?;
                let of =
                    |(lo, hi): &(i64, i64)| Known::ranges(Ranges::uniform(&shape, Interval::new(*lo, *hi)));
                return Ok(intervals.iter().map(of).collect());
            }
            Self::View { x, view } => {
                let x = facts.known(x)?;
                Known {
                    ranges: Rc::new(x.ranges.view(view)),
                    elements: x.elements.map(|of| Elements::Viewed(Rc::new(of), view.clone())),
                }
            }
            Self::Concat { xs, axis } => {
                let parts = xs.iter().map(ranges).collect::<Result<Vec<_>>>()?;
                let parts: Vec<&Ranges> = parts.iter().map(|part| &**part).collect();
                Known::ranges(
                    Ranges::concat(&parts, *axis).ok_or_else(|| Error::new("nothing to concatenate"))?,
                )
            }
            Self::Output { .. } | Self::Table { .. } | Self::AssertZero { .. } => return Ok(vec![]),
        };
        Ok(vec![known])
    }
}

/// max(a, b) + k = b + relu(a - b) + k, where the terms are b and a lookup of relu on a - b; `None` for other sums.
///
/// # Errors
/// As [`CircuitOp::known`].
pub fn known_maximum<V: Clone + PartialEq>(
    terms: &[(i64, V)],
    constant: i64,
    facts: &impl Facts<V>,
) -> Result<Option<Ranges>> {
    let Some(max) = maximum(terms, constant, |x| facts.producer(x))? else { return Ok(None) };
    let Some(table) = facts.table(&max.table) else { return Ok(None) };
    if !is_relu_on(table, facts.known(&max.difference)?.ranges.hull()) {
        return Ok(None);
    }
    let b = facts.known(&max.b)?.ranges;
    let a = if max.a.is_empty() {
        Ranges::affine(b.shape(), &[], max.a_constant)
    } else {
        affine(&max.a, max.a_constant, facts)?
    };
    Ok(Some(Ranges::affine(b.shape(), &[(1, &a.max(&b))], max.constant)))
}

fn affine<V>(terms: &[(i64, V)], constant: i64, facts: &impl Facts<V>) -> Result<Ranges> {
    let xs = terms.iter().map(|(c, x)| Ok((*c, facts.known(x)?.ranges))).collect::<Result<Vec<_>>>()?;
    let Some((_, first)) = xs.first() else { return Err(Error::new("expected at least one term")) };
    let xs: Vec<(i64, &Ranges)> = xs.iter().map(|(c, x)| (*c, &**x)).collect();
    Ok(Ranges::affine(first.shape(), &xs, constant))
}

/// Whether f(x) = max(x, 0) for every x in `keys`.
fn is_relu_on(f: &TableFunction, keys: Interval) -> bool {
    let Some((lo, hi)) = keys.to_i64s() else { return false };
    match *f {
        TableFunction::Clamp { lo: first, hi: last, offset: 0, shift: 0, min: 0, max } => {
            first <= lo && hi <= last && hi <= max
        }
        TableFunction::Clamp { .. } => false,
        TableFunction::Values { .. } => {
            f.domain().contains(keys) && (lo..=hi).all(|x| f.eval(x) == Some(x.max(0)))
        }
    }
}

/// Holds every type that a circuit declares to what is proven from the values of its weights.
///
/// # Errors
/// Every value that may leave its declared interval, every lookup whose keys may leave its table, and whatever does not fit
/// together.
pub fn prove(circuit: &Circuit) -> Result<()> {
    let mut proven =
        Proven { circuit, definers: circuit.definers(), known: vec![None; circuit.values.len()] };
    let check = |(name, f): (&String, &TableFunction)| {
        f.check().err().map(|error| Error::new(error).context(format!("table @{name}")))
    };
    let mut errors: Vec<Error> = circuit.tables.iter().filter_map(check).collect();
    for node in &circuit.ops {
        tessera_cancel::point();
        let results = proven.results(&node.op, &node.results);
        if let Err(error) = &results {
            errors.push(error.clone().context(format!("'{}' op", node.op.name())).or_in(&node.place));
        }
        for (index, &id) in node.results.iter().enumerate() {
            // what follows is told by what was declared, so that one mistake is one error
            let declared = &circuit.values[id];
            let declared = || Known::ranges(Ranges::uniform(&declared.shape, declared.interval()));
            let known = results.as_ref().ok().and_then(|results| results.get(index).cloned());
            proven.known[id] = Some(known.unwrap_or_else(declared));
        }
    }
    Error::all(errors)
}

/// What is proven so far of a plain circuit.
struct Proven<'g> {
    circuit: &'g Circuit,
    definers: Vec<usize>,
    known: Vec<Option<Known>>,
}

impl Proven<'_> {
    /// What is known about the results of an op, within what is declared of them.
    fn results(&self, op: &CircuitOp<ValueId>, results: &[ValueId]) -> Result<Vec<Known>> {
        let circuit = self.circuit;
        let declared: Vec<CircuitType> = results.iter().map(|&id| circuit.values[id].clone()).collect();
        op.check(|x| self.known(x).map(|_| circuit.values[*x].clone()), &declared)?;
        let known = match (op, results) {
            (CircuitOp::Input { .. }, [id]) => {
                let ty = &circuit.values[*id];
                vec![Known::ranges(Ranges::uniform(&ty.shape, ty.interval()))]
            }
            // placement takes the elements from there, not from the op
            (_, [id]) if circuit.known.contains_key(id) => {
                vec![Known::exact(&circuit.values[*id].shape, circuit.known[id].clone())?]
            }
            _ => op.known(self)?,
        };
        for (known, declared) in known.iter().zip(&declared) {
            let (possible, declared) = (known.ranges.hull(), declared.interval());
            if !declared.contains(possible) {
                return Err(Error::new(format!(
                    "declares values within {declared}, but {possible} is possible; widen what it declares, or narrow its \
                     operands"
                )));
            }
        }
        Ok(known)
    }
}

impl Facts<ValueId> for Proven<'_> {
    fn known(&self, &value: &ValueId) -> Result<Known> {
        let known = self.known.get(value).cloned().flatten();
        known.ok_or_else(|| Error::new(format!("value {value} is used before it is defined")))
    }

    fn producer(&self, &value: &ValueId) -> Result<Option<CircuitOp<ValueId>>> {
        let definer = self.definers.get(value).and_then(|&definer| self.circuit.ops.get(definer));
        Ok(definer.map(|node| node.op.clone()))
    }

    fn parameter(&self, global: &str) -> Result<Arc<Param>> {
        Err(Error::new(format!("the elements of parameter @{global} are not there")))
    }

    fn table(&self, symbol: &str) -> Option<&TableFunction> {
        self.circuit.tables.get(symbol)
    }
}
