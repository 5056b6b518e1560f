//! Recurrent layers, unrolled: a step of a layer is a product of matrices and some functions, one after the other.

use super::operators;
use crate::build::{Builder, Reason, Value};
use crate::node::Node;
use crate::tensor::{Kind, Tensor};
use crate::translate::Translator;
use tessera_mlir::functions::{self, Function};
use tessera_nn::NnOp;

operators! { "";
    "GRU" => |t, n| layer(t, n, 3, gru),
    "LSTM" => |t, n| layer(t, n, 4, lstm),
    "RNN" => |t, n| layer(t, n, 1, rnn),
}

/// A function that a file names, with what it says of its two parameters.
#[derive(Clone, Debug)]
struct Activation {
    name: String,
    alpha: Option<f64>,
    beta: Option<f64>,
}

impl Activation {
    fn of(&self, b: &mut Builder, x: &Value) -> Result<Value, Reason> {
        let (alpha, beta) = (self.alpha, self.beta);
        match self.name.to_lowercase().as_str() {
            "affine" => {
                let x = b.scale(x, alpha.unwrap_or(1.0))?;
                b.shift(&x, beta.unwrap_or(0.0))
            }
            "scaledtanh" => {
                let x = b.scale(x, beta.unwrap_or(1.0))?;
                let x = b.map(&x, "tanh", &[])?;
                b.scale(&x, alpha.unwrap_or(1.0))
            }
            name => {
                // any function of the list, by its ONNX operator
                let named = |f: &&&dyn Function| f.onnx().iter().any(|o| o.to_lowercase() == name);
                let f = functions::ALL.iter().find(named);
                let f = f.ok_or_else(|| format!("the activation \"{}\" is not supported", self.name))?;
                let given = f.parameters().iter().map(|p| match p.name {
                    "alpha" => alpha.unwrap_or(p.default),
                    "beta" => beta.unwrap_or(p.default),
                    _ => p.default,
                });
                b.map(x, f.name(), &given.collect::<Vec<_>>())
            }
        }
    }
}

/// A layer in one direction: its weights, cut out of those of both, and how a step is computed.
struct Cell {
    hidden: usize,
    /// R[gates·hidden, hidden].
    recurrent: Value,
    /// The biases of both products, by gates: one list where they are only added.
    biases: Option<(Vec<f64>, Vec<f64>)>,
    /// Weights of an LSTM's peepholes.
    peepholes: Option<Vec<Value>>,
    activations: Vec<Activation>,
    clip: Option<f64>,
    linear_before_reset: bool,
    input_forget: bool,
}

/// A step: from the product of the input with its weights [batch, gates·hidden] and the state to the next state. The first
/// of a state is the output.
type Step = fn(&mut Builder, &Cell, &Value, &[Value]) -> Result<Vec<Value>, Reason>;

impl Cell {
    /// x·wᵀ for known weights.
    fn product(b: &mut Builder, x: &Value, w: &Value) -> Result<Value, Reason> {
        b.push(NnOp::Linear { x: x.clone(), w: w.clone(), bias: None }, Kind::F32)
    }

    fn gate(&self, b: &mut Builder, all: &Value, gate: usize) -> Result<Value, Reason> {
        b.slice(all, 1, gate * self.hidden, self.hidden, 1)
    }

    fn activate(&self, b: &mut Builder, x: &Value, which: usize) -> Result<Value, Reason> {
        let x = match self.clip {
            Some(most) => b.map(x, "clip", &[-most, most])?,
            None => x.clone(),
        };
        self.activations[which].of(b, &x)
    }
}

fn rnn(b: &mut Builder, cell: &Cell, x: &Value, state: &[Value]) -> Result<Vec<Value>, Reason> {
    let product = Cell::product(b, &state[0], &cell.recurrent)?;
    let sum = b.add(x, &product)?;
    Ok(vec![cell.activate(b, &sum, 0)?])
}

/// Gates z, r, h; H = (1 − z)·h + z·H.
fn gru(b: &mut Builder, cell: &Cell, x: &Value, state: &[Value]) -> Result<Vec<Value>, Reason> {
    let (before, n) = (&state[0], cell.hidden);
    let gates = b.slice(&cell.recurrent, 0, 0, 2 * n, 1)?;
    let product = Cell::product(b, before, &gates)?;
    let both = b.slice(x, 1, 0, 2 * n, 1)?;
    let both = b.add(&both, &product)?;
    let both = cell.activate(b, &both, 0)?;
    let (z, r) = (cell.gate(b, &both, 0)?, cell.gate(b, &both, 1)?);
    let last = b.slice(&cell.recurrent, 0, 2 * n, n, 1)?;
    let hidden = cell.gate(b, x, 2)?;
    let product = if cell.linear_before_reset {
        let mut product = Cell::product(b, before, &last)?;
        if let Some((_, recurrent)) = &cell.biases {
            let bias = b.known(Kind::F32, &[1, n], recurrent[2 * n..].to_vec())?;
            product = b.add(&product, &bias)?;
        }
        b.mul(&r, &product)?
    } else {
        let kept = b.mul(&r, before)?;
        Cell::product(b, &kept, &last)?
    };
    let h = b.add(&hidden, &product)?;
    let h = cell.activate(b, &h, 1)?;
    // (1 − z)·h + z·H = h + z·(H − h)
    let change = b.sub(before, &h)?;
    let change = b.mul(&z, &change)?;
    Ok(vec![b.add(&h, &change)?])
}

/// Gates i, o, f, c; C = f·C + i·c, H = o·h(C).
fn lstm(b: &mut Builder, cell: &Cell, x: &Value, state: &[Value]) -> Result<Vec<Value>, Reason> {
    let (before, memory) = (&state[0], &state[1]);
    let product = Cell::product(b, before, &cell.recurrent)?;
    let all = b.add(x, &product)?;
    let mut gates = (0..4).map(|g| cell.gate(b, &all, g)).collect::<Result<Vec<_>, _>>()?;
    let peep = |b: &mut Builder, gate: &mut Value, memory: &Value, which: usize| {
        let Some(peepholes) = &cell.peepholes else { return Ok(()) };
        let seen = b.mul(memory, &peepholes[which])?;
        *gate = b.add(gate, &seen)?;
        Ok::<_, Reason>(())
    };
    peep(b, &mut gates[0], memory, 0)?;
    peep(b, &mut gates[2], memory, 2)?;
    let i = cell.activate(b, &gates[0], 0)?;
    let f = if cell.input_forget { b.not(&i)? } else { cell.activate(b, &gates[2], 0)? };
    let c = cell.activate(b, &gates[3], 1)?;
    let (kept, new) = (b.mul(&f, memory)?, b.mul(&i, &c)?);
    let memory = b.add(&kept, &new)?;
    peep(b, &mut gates[1], &memory, 1)?;
    let o = cell.activate(b, &gates[1], 0)?;
    let shown = cell.activations[2].of(b, &memory)?;
    Ok(vec![b.mul(&o, &shown)?, memory])
}

/// Part `direction` of a known tensor of weights, without that axis.
fn part(b: &mut Builder, t: &Tensor, direction: usize) -> Result<Value, Reason> {
    let all = Value::Known(std::rc::Rc::new(t.clone()));
    let one = b.slice(&all, 0, direction, 1, 1)?;
    let shape = b.shape(&one);
    b.reshape(&one, &shape[1..])
}

fn numbers(v: &Value) -> Vec<f64> {
    match v {
        Value::Known(t) => t.numbers(),
        Value::Computed(..) => vec![],
    }
}

fn layer(t: &mut Translator, n: &Node, gates: usize, step: Step) -> Result<Vec<Value>, Reason> {
    const WEIGHTS: &str = "the weights of a recurrent layer";
    let (x, b) = (n.input(0)?, &mut t.build);
    let (w, r) = (n.known(1, WEIGHTS)?.ok_or("W is missing")?, n.known(2, WEIGHTS)?.ok_or("R is missing")?);
    let biases = n.known(3, WEIGHTS)?;
    let lengths = n.known(4, "the lengths of sequences")?;
    let is_lstm = gates == 4;
    let peepholes = if is_lstm { n.known(7, WEIGHTS)? } else { None };
    let batch_first = n.flag("layout");
    let direction = n.text("direction").unwrap_or_else(|| "forward".into());
    let directions: &[bool] = match direction.as_str() {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return Err(format!("the direction \"{other}\" is not supported")),
    };
    // every initial state is one for each direction, batch and number
    let initial = [n.optional(5).cloned(), if is_lstm { n.optional(6).cloned() } else { None }];
    let x = if batch_first { b.transpose(x, &[1, 0, 2])? } else { x.clone() };
    let shape = b.shape(&x);
    let &[time, batch, inputs] = &shape[..] else { return Err("expected sequences of vectors".into()) };
    let hidden = r.shape().last().copied().unwrap_or(0);
    n.int("hidden_size");
    n.int("output_sequence");
    let expected = [directions.len(), gates * hidden];
    if w.shape() != [&expected[..], &[inputs]].concat() || r.shape() != [&expected[..], &[hidden]].concat() {
        return Err(format!("weights of shapes {:?} and {:?} do not fit", w.shape(), r.shape()));
    }
    if lengths.is_some_and(|l| l.integers().iter().any(|&l| l != time as i64)) {
        return Err("sequences of different lengths are not supported; run each by itself".into());
    }
    let per_direction = if is_lstm { 3 } else { gates.min(2) };
    let names = n.texts("activations");
    let default: &[&str] = match gates {
        1 => &["Tanh"],
        3 => &["Sigmoid", "Tanh"],
        _ => &["Sigmoid", "Tanh", "Tanh"],
    };
    let (alphas, betas) = (n.floats("activation_alpha"), n.floats("activation_beta"));
    let clip = n.float("clip");
    let linear_before_reset = gates == 3 && n.flag("linear_before_reset");
    let input_forget = is_lstm && n.flag("input_forget");
    let rows = b.reshape(&x, &[time * batch, inputs])?;
    let (mut all, mut finals) = (vec![], vec![]);
    for (d, &reverse) in directions.iter().enumerate() {
        let activation = |i: usize| {
            let at = d * per_direction + i;
            let name = names.get(at).cloned().unwrap_or_else(|| default[i].to_owned());
            let given = |list: &Option<Vec<f64>>| list.as_ref().and_then(|l| l.get(at)).copied();
            Activation { name, alpha: given(&alphas), beta: given(&betas) }
        };
        let split = |v: Vec<f64>| (v[..gates * hidden].to_vec(), v[gates * hidden..].to_vec());
        let biases = match biases {
            Some(t) if t.shape() == [directions.len(), 2 * gates * hidden] => {
                Some(split(numbers(&part(b, t, d)?)))
            }
            Some(t) => return Err(format!("biases of shape {:?} do not fit", t.shape())),
            None => None,
        };
        let peepholes = match peepholes {
            Some(t) if t.shape() == [directions.len(), 3 * hidden] => {
                let part = part(b, t, d)?;
                let one = |b: &mut Builder, g: usize| {
                    let p = b.slice(&part, 0, g * hidden, hidden, 1)?;
                    b.reshape(&p, &[1, hidden])
                };
                Some((0..3).map(|g| one(b, g)).collect::<Result<Vec<_>, _>>()?)
            }
            Some(t) => return Err(format!("peepholes of shape {:?} do not fit", t.shape())),
            None => None,
        };
        let cell = Cell {
            hidden,
            recurrent: part(b, r, d)?,
            biases,
            peepholes,
            activations: (0..per_direction).map(activation).collect(),
            clip,
            linear_before_reset,
            input_forget,
        };
        let weights = part(b, w, d)?;
        let mut products = Cell::product(b, &rows, &weights)?;
        if let Some((input, recurrent)) = &cell.biases {
            // what the reset gate multiplies is added there
            let late = |i: usize| cell.linear_before_reset && i >= 2 * hidden;
            let sums = (0..input.len()).map(|i| input[i] + if late(i) { 0.0 } else { recurrent[i] });
            let bias = b.known(Kind::F32, &[1, gates * hidden], sums.collect())?;
            products = b.add(&products, &bias)?;
        }
        let mut state = vec![];
        for initial in &initial[..if is_lstm { 2 } else { 1 }] {
            state.push(match initial {
                Some(v) => {
                    let v = if batch_first { b.transpose(v, &[1, 0, 2])? } else { v.clone() };
                    let one = b.slice(&v, 0, d, 1, 1)?;
                    b.reshape(&one, &[batch, hidden])?
                }
                None => b.known(Kind::F32, &[batch, hidden], vec![0.0; batch * hidden])?,
            });
        }
        let mut outputs = vec![];
        for k in 0..time {
            let at = if reverse { time - 1 - k } else { k };
            let here = b.slice(&products, 0, at * batch, batch, 1)?;
            state = step(b, &cell, &here, &state)?;
            outputs.push(b.reshape(&state[0], &[1, 1, batch, hidden])?);
        }
        if reverse {
            outputs.reverse();
        }
        all.push(b.concat(&outputs, 0)?);
        let ends = state.iter().map(|s| b.reshape(s, &[1, batch, hidden])).collect::<Result<Vec<_>, _>>()?;
        finals.push(ends);
    }
    let mut results = vec![b.concat(&all, 1)?];
    for s in 0..finals[0].len() {
        let ends: Vec<Value> = finals.iter().map(|f| f[s].clone()).collect();
        results.push(b.concat(&ends, 0)?);
    }
    if batch_first {
        results[0] = b.transpose(&results[0], &[2, 0, 1, 3])?;
        for end in &mut results[1..] {
            *end = b.transpose(end, &[1, 0, 2])?;
        }
    }
    Ok(results)
}
