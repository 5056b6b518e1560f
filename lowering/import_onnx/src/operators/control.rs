//! Branches and loops whose course is known while the model is read: the branch that is taken, and every turn of a loop.

use super::operators;
use crate::build::{Reason, Value};
use crate::node::{self, Node};
use crate::tensor::Kind;
use crate::translate::Translator;

operators! { "";
    "If" => branch,
    "Loop" => repeat,
    "Scan" => scan,
}

/// Turns of a loop.
const TURNS: usize = 1 << 12;

fn branch<'g>(t: &mut Translator<'g>, n: &Node<'g>) -> Result<Vec<Value>, Reason> {
    let condition = n.known(0, "the condition of a branch")?.and_then(|c| c.number());
    let taken = condition.ok_or("the condition is one truth value")? != 0.0;
    let (yes, no) = (n.graph("then_branch"), n.graph("else_branch"));
    let graph = if taken { yes } else { no }.ok_or("a branch is missing")?;
    t.nested(graph, vec![])
}

fn truth(v: &Value) -> Result<bool, Reason> {
    match v {
        Value::Known(t) => Ok(t.number().ok_or("the condition of a loop is one truth value")? != 0.0),
        Value::Computed(..) => Err("the condition of a loop must be known at compile time".into()),
    }
}

/// The body takes the number of the turn, the condition and what is carried; it gives the condition, what is carried, and an
/// element of every list that the loop collects.
fn repeat<'g>(t: &mut Translator<'g>, n: &Node<'g>) -> Result<Vec<Value>, Reason> {
    let most = n.known(0, "the number of turns of a loop")?.and_then(|m| m.number());
    let mut go = n.known(1, "the condition of a loop")?.is_none_or(|c| c.number() != Some(0.0));
    let body = n.graph("body").ok_or("the body is missing")?;
    let mut carried = (2..n.inputs()).map(|i| n.input(i).cloned()).collect::<Result<Vec<_>, _>>()?;
    let collected = body.output.len().checked_sub(1 + carried.len()).ok_or("the body gives too little")?;
    let mut lists = vec![vec![]; collected];
    let mut turn = 0;
    while go && most.is_none_or(|most| (turn as f64) < most) {
        if turn >= TURNS {
            return Err(format!("loops of more than {TURNS} turns are not supported"));
        }
        let number = t.build.number(Kind::I64, turn as f64)?;
        let condition = t.build.number(Kind::Bool, 1.0)?;
        let given = [&[number, condition][..], &carried].concat();
        let mut results = t.nested(body, given)?;
        let elements = results.split_off(1 + carried.len());
        go = truth(&results[0])?;
        carried = results.split_off(1);
        for (list, element) in lists.iter_mut().zip(elements) {
            let shape = [&[1], &t.build.shape(&element)[..]].concat();
            list.push(t.build.reshape(&element, &shape)?);
        }
        turn += 1;
    }
    for list in lists {
        if list.is_empty() {
            return Err("a loop without a turn collects nothing".into());
        }
        carried.push(t.build.concat(&list, 0)?);
    }
    Ok(carried)
}

/// A body over the positions of an axis of some inputs, with a state that is carried on.
fn scan<'g>(t: &mut Translator<'g>, n: &Node<'g>) -> Result<Vec<Value>, Reason> {
    if n.opset < 9 {
        return Err("this operator is supported from operator set 9 on".into());
    }
    let body = n.graph("body").ok_or("the body is missing")?;
    let scanned = usize::try_from(n.int("num_scan_inputs").unwrap_or(0)).map_err(|e| e.to_string())?;
    let all = n.all()?;
    let states = all.len().checked_sub(scanned).ok_or("there are too few inputs")?;
    let (mut carried, inputs) = (all[..states].to_vec(), &all[states..]);
    let collected = body.output.len().checked_sub(states).ok_or("the body gives too little")?;
    let listed = |name: &str, count: usize| {
        let list = n.ints(name).unwrap_or_else(|| vec![0; count]);
        if list.len() == count { Ok(list) } else { Err(format!("{name}: expected {count} numbers")) }
    };
    let (from, to) = (listed("scan_input_axes", scanned)?, listed("scan_output_axes", collected)?);
    let backwards = listed("scan_input_directions", scanned)?;
    let prepended = listed("scan_output_directions", collected)?;
    let from = inputs.iter().zip(&from).map(|(x, &a)| node::axis(a, t.build.shape(x).len()));
    let from = from.collect::<Result<Vec<_>, _>>()?;
    let turns = match (inputs.first(), from.first()) {
        (Some(x), Some(&axis)) => t.build.shape(x)[axis],
        _ => return Err("expected something to scan".into()),
    };
    let mut lists = vec![vec![]; collected];
    for turn in 0..turns {
        let mut given = carried.clone();
        for ((x, &axis), &back) in inputs.iter().zip(&from).zip(&backwards) {
            let mut shape = t.build.shape(x);
            if shape[axis] != turns {
                return Err("what is scanned has different extents".into());
            }
            let at = if back != 0 { turns - 1 - turn } else { turn };
            let one = t.build.slice(x, axis, at, 1, 1)?;
            shape.remove(axis);
            given.push(t.build.reshape(&one, &shape)?);
        }
        let mut results = t.nested(body, given)?;
        let elements = results.split_off(states);
        carried = results;
        for ((list, element), &axis) in lists.iter_mut().zip(elements).zip(&to) {
            let mut shape = t.build.shape(&element);
            let axis = node::axis(axis, shape.len() + 1)?;
            shape.insert(axis, 1);
            list.push((axis, t.build.reshape(&element, &shape)?));
        }
    }
    for (mut list, &back) in lists.into_iter().zip(&prepended) {
        if back != 0 {
            list.reverse();
        }
        let axis = list.first().map(|(axis, _)| *axis).ok_or("a scan over nothing")?;
        let parts: Vec<Value> = list.into_iter().map(|(_, v)| v).collect();
        carried.push(t.build.concat(&parts, axis)?);
    }
    Ok(carried)
}
