//! A function as a graph for people: what is computed from the inputs, with shapes and costs.
//!
//! Invariants:
//! - parameters, and what is computed from parameters alone, are lines of the ops that read them and no nodes of their own:
//!   a network then looks like its data flow;
//! - each cost is told once: that of a parameter by the first op that reads it.

mod dot;
mod svg;

use melior::ir::{
    OperationRef, Value, ValueLike,
    operation::{OperationLike, OperationResult},
};
use std::collections::{HashMap, HashSet};
use std::ffi::c_void;
use tessera_circuit::cost::OpCost;
use tessera_circuit::ops::{CircuitOp, CircuitType};
use tessera_mlir::func::{Func, loaded_global};
use tessera_mlir::op::op_name;
use tessera_mlir::rewrite::{defining_op, users};
use tessera_mlir::types::{self, Elem};
use tessera_mlir::{Result, loc, shape};

pub(super) use {dot::dot, svg::svg};

/// Nodes, and edges between them by index.
pub(super) struct Graph {
    nodes: Vec<Node>,
    edges: Vec<(usize, usize)>,
}

/// A box with lines of text.
#[derive(Default)]
struct Node {
    /// The op's name, or the argument's.
    title: String,
    /// The node of the ONNX graph that the op comes from.
    source: Option<String>,
    /// Shapes of results and parameters, and the cost.
    lines: Vec<String>,
    cost: OpCost,
    /// Whether values enter or leave here.
    is_port: bool,
}

impl Graph {
    /// The graph of a function.
    ///
    /// # Errors
    /// When an op of a circuit does not decode.
    pub fn of(main: &Func) -> Result<Self> {
        let mut graph = Self { nodes: vec![], edges: vec![] };
        // which node makes a value
        let mut maker = HashMap::new();
        for (index, argument) in main.arguments().into_iter().enumerate() {
            maker.insert(argument.to_raw().ptr, graph.nodes.len());
            let title = main.argument_name(index);
            graph.nodes.push(Node {
                title,
                lines: vec![describe(argument)],
                is_port: true,
                ..Node::default()
            });
        }
        let ops = main.ops();
        let constants = constants(&ops)?;
        let mut told = HashSet::new();
        for &op in ops.iter().filter(|op| !constants.contains(&key(op))) {
            let mut node = Node::of(op)?;
            let index = graph.nodes.len();
            for operand in op.operands() {
                if let Some(&from) = maker.get(&operand.to_raw().ptr) {
                    graph.edges.push((from, index));
                } else if let Some(constant) = defining_op(operand) {
                    node.lines.push(format!("{}: {}", origin(constant)?, describe(operand)));
                    node.cost = node.cost + untold(constant, &mut told)?;
                }
            }
            if node.cost != OpCost::default() {
                node.lines.push(price(node.cost));
            }
            maker.extend(results(&op).map(|value| (value.to_raw().ptr, index)));
            graph.nodes.push(node);
        }
        // a circuit has ops for what it gives; elsewhere it is what the function returns
        let returned = main.returns()?;
        let from = returned.iter().filter_map(|value| maker.get(&value.to_raw().ptr));
        graph.edges.extend(from.map(|&from| (from, graph.nodes.len())));
        if !returned.is_empty() {
            graph.nodes.push(Node { title: "return".to_owned(), is_port: true, ..Node::default() });
        }
        Ok(graph)
    }

    /// What all nodes cost together.
    fn cost(&self) -> OpCost {
        self.nodes.iter().map(|node| node.cost).sum()
    }
}

impl Node {
    fn of(op: OperationRef) -> Result<Self> {
        let name = op_name(op);
        let (title, is_port) = match CircuitOp::decode(op)? {
            Some(CircuitOp::Input { name: port, .. } | CircuitOp::Output { name: port, .. }) => {
                (format!("{name} {port}"), true)
            }
            Some(op) if !op.tables().is_empty() => (format!("{name} @{}", op.tables().join(", @")), false),
            _ => (name, false),
        };
        Ok(Self {
            title,
            source: loc::node_name(op.location()),
            lines: results(&op).map(describe).collect(),
            cost: OpCost::of(op)?.unwrap_or_default(),
            is_port,
        })
    }
}

fn key(op: &OperationRef) -> *const c_void {
    op.to_raw().ptr.cast_const()
}

fn results<'c: 'a, 'a>(op: &OperationRef<'c, 'a>) -> impl Iterator<Item = Value<'c, 'a>> {
    op.results().map(OperationResult::into).collect::<Vec<_>>().into_iter()
}

/// Ops computed from parameters alone that only other ops read.
fn constants(ops: &[OperationRef]) -> Result<HashSet<*const c_void>> {
    let mut constants = HashSet::new();
    for op in ops {
        let is_input = matches!(CircuitOp::decode(*op)?, Some(CircuitOp::Input { .. }));
        let reads_constants = op
            .operands()
            .all(|operand| defining_op(operand).is_some_and(|maker| constants.contains(&key(&maker))));
        // what is given out is drawn, whatever it is made of
        let goes_on = users_of(op).iter().all(|user| user.result_count() > 0) && !users_of(op).is_empty();
        if !is_input && reads_constants && goes_on {
            constants.insert(key(op));
        }
    }
    Ok(constants)
}

fn users_of<'c: 'a, 'a>(op: &OperationRef<'c, 'a>) -> Vec<OperationRef<'c, 'a>> {
    results(op).flat_map(users).map(|(user, _)| user).collect()
}

/// The parameter that a constant is made of.
fn origin(constant: OperationRef) -> Result<String> {
    if let Some(name) = loaded_global(constant) {
        return Ok(name);
    }
    match (CircuitOp::decode(constant)?, constant.operands().next().and_then(defining_op)) {
        (Some(CircuitOp::Weight { global, .. }), _) => Ok(global),
        (_, Some(maker)) => origin(maker),
        _ => Ok("constant".to_owned()),
    }
}

/// The cost of a constant and of what it is made of, as far as nobody has told it.
fn untold(constant: OperationRef, told: &mut HashSet<*const c_void>) -> Result<OpCost> {
    if !told.insert(key(&constant)) {
        return Ok(OpCost::default());
    }
    let mut cost = OpCost::of(constant)?.unwrap_or_default();
    for maker in constant.operands().filter_map(defining_op) {
        cost = cost + untold(maker, told)?;
    }
    Ok(cost)
}

/// Extents and kind of element of a value.
fn describe(value: Value) -> String {
    let ty = value.r#type();
    if let Ok(ty) = CircuitType::read(ty) {
        return format!("{} in [{}, {}]", shape::show(&ty.shape), ty.lo, ty.hi);
    }
    let Ok(tensor) = types::read(ty) else { return ty.to_string() };
    let elem = match tensor.elem {
        Elem::F32 => "f32".to_owned(),
        Elem::Int(bits) => format!("i{bits}"),
        Elem::Quant(quant) => match quant.scale() {
            Some(scale) => format!("i{}, scale {scale:.3e}", quant.bits),
            None => format!("i{}, a scale per channel", quant.bits),
        },
    };
    format!("{} {elem}", shape::show(&tensor.shape))
}

/// A cost in words, without what is none.
fn price(cost: OpCost) -> String {
    let parts = [(cost.fixed, "fixed cells"), (cost.witness, "witness cells"), (cost.lookups, "lookups")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, what)| format!("{} {what}", grouped(*count))).collect::<Vec<_>>().join(" · ")
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The graph of a source text, as DOT.
    pub(super) fn dot_of(source: &str) -> String {
        let context = crate::context();
        let module = tessera_mlir::parse(&context, source, "g.mlir").unwrap();
        dot(&Graph::of(&Func::main(module.as_operation()).unwrap()).unwrap())
    }

    #[test]
    fn parameters_are_lines_of_their_readers_and_costs_are_told_once() {
        let source = r#"
ml_program.global private @w(#ml_program.extern : tensor<2x4xi8>) : tensor<2x4xi8>
func.func @main() {
  %x = circuit.input "x" public : 2x4 in [-10, 10]
  %w = circuit.weight @w fixed : 2x4 in [-3, 3]
  %a = circuit.mul %x * %w : 2x4 in [-10, 10], [-3, 3] -> [-30, 30] loc("first")
  %b = circuit.mul %a * %w : 2x4 in [-30, 30], [-3, 3] -> [-90, 90]
  circuit.output %b "y" public : 2x4 in [-90, 90]
  circuit.output %w "w" public : 2x4 in [-3, 3]
  return
}"#;
        // given out as well, the weight is a node
        let given_out = dot_of(source);
        assert!(
            given_out.contains(r#"[label="circuit.weight\n2x4 in [-3, 3]\n8 fixed cells"]"#),
            "{given_out}"
        );
        let inner = source.replace("  circuit.output %w \"w\" public : 2x4 in [-3, 3]\n", "");
        assert_eq!(
            dot_of(&inner),
            r#"digraph main {
  node [shape=box, fontname="monospace"];
  n0 [label="circuit.input x\n2x4 in [-10, 10]\n8 witness cells", style=rounded];
  n1 [label="circuit.mul\nfirst\n2x4 in [-30, 30]\nw: 2x4 in [-3, 3]\n8 fixed cells · 8 witness cells"];
  n2 [label="circuit.mul\n2x4 in [-90, 90]\nw: 2x4 in [-3, 3]\n8 witness cells"];
  n3 [label="circuit.output y", style=rounded];
  n0 -> n1;
  n1 -> n2;
  n2 -> n3;
}
"#
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
