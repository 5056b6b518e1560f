//! `optimize`: a circuit's equal forms side by side, and the one of least cost in its place.

use crate::circuit::Beside;
use crate::explain;
use crate::extract::Extractor;
use crate::ilp::{self, Decided};
use crate::network::Form;
use crate::op::Op;
use crate::rewrite::Limits;
use crate::space::Space;
use crate::text::{self, Rule};
use melior::ir::{OperationRef, operation::OperationLike};
use std::collections::{BTreeMap, BTreeSet};
use tessera_api::{TargetSpec, spec};
use tessera_circuit::graph::{Circuit, Graph, ValueId};
use tessera_circuit::ops::{self, CircuitOp};
use tessera_circuit::proof;
use tessera_circuit::unused::erase_unread_tables;
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::{Error, Result, attrs, diag, params};

/// The rules of the circuit dialect that are shipped.
pub const CIRCUIT_RULES: &str = include_str!("../rules/circuit.rules");

/// The rules of the nn dialect that are shipped.
pub const NETWORK_RULES: &str = include_str!("../rules/nn.rules");

/// The rules that are shipped, as markdown.
///
/// # Errors
/// When they do not read.
pub fn reference() -> Result<String> {
    let rules = text::read::<CircuitOp<()>>(CIRCUIT_RULES, <CircuitOp<()> as Op>::NAMES)?;
    let network = text::read::<Form<()>>(NETWORK_RULES, <Form<()> as Op>::NAMES)?;
    Ok(format!(
        "## Of circuits\n\nBoth sides are the same integers, bit for bit.\n\n{}\n## Of networks\n\n[`nn-optimize`](passes.md#nn-optimize) finds \
         forms by these. Both sides are the same function of real numbers, up to rounding.\n\n{}",
        text::render(&rules),
        text::render(&network)
    ))
}

/// The pass; its [`PassInfo`] describes it.
pub struct Optimize;

/// What decides how a circuit is optimized.
pub struct Request {
    /// The rules.
    pub rules: Vec<Rule<CircuitOp<()>>>,
    /// When to stop.
    pub limits: Limits,
    /// The backend that is asked.
    pub target: TargetSpec,
    /// By how much of its cost, in thousandths, another form must be cheaper.
    pub margin: u64,
    /// Whether an integer program is asked too, where the search is not at its end.
    pub ilp: bool,
    /// Whether every class is wanted as text.
    pub print: bool,
    /// The node or the line whose ops are to be explained; none where empty.
    pub explain: String,
}

impl Request {
    /// With these rules, for this backend, and the limits that the pass has where nothing is said.
    pub fn new(rules: Vec<Rule<CircuitOp<()>>>, target: TargetSpec) -> Self {
        Self {
            rules,
            limits: Limits::default(),
            target,
            margin: 0,
            ilp: false,
            print: false,
            explain: String::new(),
        }
    }
}

/// What came of it.
pub struct Optimized {
    /// The cheaper circuit; none where there is none.
    pub circuit: Option<Circuit>,
    /// What the circuit that was there costs, in picoseconds.
    pub before: u64,
    /// What the cheapest costs.
    pub after: u64,
    /// How often each rule found something new.
    pub applied: BTreeMap<String, usize>,
    /// Rounds over all rules.
    pub rounds: usize,
    /// Whether nothing new was left to find.
    pub saturated: bool,
    /// What found the cheapest form.
    pub by: Decided,
    /// What was asked for, as text.
    pub text: String,
    /// Why the cheapest form was not taken: its intervals are not proven.
    pub refused: Option<Error>,
}

/// Looks for a cheaper form of a circuit.
///
/// # Errors
/// When the sides of a rule differ in shape.
pub fn optimize(circuit: &Circuit, request: &Request) -> Result<Optimized> {
    let env = Beside::new(circuit, request.target);
    let mut space = Space::of(&circuit.graph, env)?;
    let (rounds, saturated) = space.saturate(&request.rules, &request.limits)?;
    let mut applied = BTreeMap::new();
    for known in &space.applied {
        *applied.entry(request.rules[known.rule].name.clone()).or_default() += 1;
    }
    let extractor = Extractor::new(&space);
    let before = extractor.cost_of(&circuit.graph)?;
    let (mut choice, mut after) = extractor.best()?;
    let mut by = Decided::Search;
    if let Some(found) = request.ilp.then(|| ilp::best(&extractor)).flatten() {
        by = match found.cost < after {
            true => Decided::Ilp,
            false if found.optimal => Decided::Optimal,
            false => Decided::Search,
        };
        if by == Decided::Ilp {
            (choice, after) = (found.choice, found.cost);
        }
    }
    let mut text = String::new();
    if request.print {
        text += &explain::classes(&space, &extractor, &choice);
    }
    let enough =
        u128::from(before.saturating_sub(after)) * 1000 > u128::from(before) * u128::from(request.margin);
    let mut outcome =
        Optimized { circuit: None, before, after, applied, rounds, saturated, by, text, refused: None };
    if enough {
        let found =
            extractor.write(&choice, &circuit.graph).and_then(|graph| beside(circuit, graph, space.env()));
        match found.and_then(|found| proof::prove(&found).map(|()| found)) {
            Ok(found) => outcome.circuit = Some(found),
            Err(error) => outcome.refused = Some(error),
        }
    }
    if !request.explain.is_empty() {
        outcome.text += &explain::choice(&mut space, &circuit.graph, (&choice, by), &request.explain)?;
    }
    Ok(outcome)
}

/// A form of a circuit with the tables that it reads and the elements that are known.
///
/// # Errors
/// When it reads what there is not.
pub fn beside(circuit: &Circuit, graph: Graph, env: &Beside) -> Result<Circuit> {
    let names: BTreeSet<&str> = graph.ops.iter().flat_map(|node| node.op.tables()).collect();
    let table = |name: &str| {
        let function = env.table(name).ok_or_else(|| Error::new(format!("no table @{name}")))?;
        Ok((name.to_owned(), (*function).clone()))
    };
    let tables = names.into_iter().map(table).collect::<Result<_>>()?;
    let leaf = |op: &CircuitOp<ValueId>| CircuitOp::<()>::of(env, op).0;
    let mut elements = vec![];
    for node in &circuit.ops {
        elements.extend(node.results.iter().filter_map(|id| Some((leaf(&node.op), circuit.known.get(id)?))));
    }
    let mut known = BTreeMap::new();
    for node in &graph.ops {
        if !matches!(node.op, CircuitOp::Weight { .. } | CircuitOp::Constant { .. }) {
            continue;
        }
        let op = leaf(&node.op);
        let found = elements.iter().find(|(other, _)| *other == op).map(|(_, elements)| (*elements).clone());
        let found = found.ok_or_else(|| Error::new(format!("nothing is known of {}", node.source())))?;
        known.extend(node.results.iter().map(|&id| (id, found.clone())));
    }
    Ok(Circuit { graph, tables, known })
}

/// The rules of circuits that are shipped.
///
/// # Errors
/// When they do not read.
pub fn rules() -> Result<Vec<Rule<CircuitOp<()>>>> {
    text::read(CIRCUIT_RULES, <CircuitOp<()> as Op>::NAMES)
}

/// Rules as the options of the pass say.
fn chosen(options: &Options) -> Result<Vec<Rule<CircuitOp<()>>>> {
    let read = |text: &str| text::read(text, <CircuitOp<()> as Op>::NAMES);
    let mut rules = rules()?;
    let file = options.text("rules");
    if !file.is_empty() {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Error::new(format!("cannot read the rules of {file}: {error}")))?;
        for rule in read(&text).map_err(|error| error.context(file.to_owned()))? {
            rules.retain(|shipped| shipped.name != rule.name);
            rules.push(rule);
        }
    }
    let all: Vec<String> = rules.iter().map(|rule| rule.name.clone()).collect();
    for (option, keep) in [("only", true), ("disable", false)] {
        let named: Vec<&str> = options.text(option).split('+').filter(|name| !name.is_empty()).collect();
        if let Some(name) = named.iter().find(|name| !all.iter().any(|known| known == *name)) {
            return Err(Error::new(format!(
                "{option}: no rule is called '{name}'; there are {}",
                all.join(", ")
            )));
        }
        if !named.is_empty() {
            rules.retain(|rule| named.contains(&&rule.name[..]) == keep);
        }
    }
    Ok(rules)
}

impl Pass for Optimize {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "optimize",
            summary: "Put the cheapest of a circuit's equal forms in its place",
            expects: "a circuit whose parameters are at hand and whose intervals are proven, as circuit-intervals leaves it.",
            guarantees: "the same circuit, or one that computes the same integers and costs less by the prices of the backend: an e-graph \
                         holds what follows by the rules, and a greedy search on the graph from today's circuit chooses. No unused ops \
                         or tables, and no value computed twice, where it changed.",
            rejects: "a file of rules that does not read, with the line; a rule whose sides differ in shape. A form whose intervals are not proven is not taken, and a remark says so.",
            options: const {
                &[
                    OptionSpec::text(
                        "rules",
                        "a file of more rules; one with the name of a shipped rule takes its place",
                        "",
                    ),
                    OptionSpec::text(
                        "only",
                        "the names of the rules that are used, with + between them; all when empty",
                        "",
                    ),
                    OptionSpec::text(
                        "disable",
                        "the names of rules that are not used, with + between them",
                        "",
                    ),
                    OptionSpec::int("rounds", "rounds over all rules, at most", 8, 1, 1000),
                    OptionSpec::int("nodes", "nodes of the e-graph, at most", 20_000, 1, 10_000_000),
                    OptionSpec::int(
                        "margin",
                        "by how many thousandths of its cost another form must be cheaper, not to be taken for the error of the prices",
                        0,
                        0,
                        1000,
                    ),
                    OptionSpec::boolean(
                        "ilp",
                        "choose by an integer program where that finds a cheaper form than the search; of e-graphs of at most 1500 ops that \
                         can be needed",
                        false,
                    ),
                    OptionSpec::boolean(
                        "print-egraph",
                        "print every class and its members on standard error",
                        false,
                    ),
                    OptionSpec::text(
                        "explain-choice",
                        "the name of a node, or a line of the file, whose ops are explained on standard error: what they equal, by how \
                         much more the whole would cost with each, and by which rules",
                        "",
                    ),
                ]
            },
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("equalities", "ways in which a rule found something new"),
            ("changed", "circuits that a cheaper form took the place of"),
        ]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let target = attrs::opt_parsed::<TargetSpec>(module, spec::ATTRIBUTE)?.unwrap_or_default();
        let circuit = Circuit::read(module, &*params::of(module)?)?;
        let at_least = |option: &str| options.int(option) as usize;
        let request = Request {
            rules: chosen(options)?,
            limits: Limits { rounds: at_least("rounds"), nodes: at_least("nodes"), ..Limits::default() },
            target,
            margin: options.int("margin") as u64,
            ilp: options.boolean("ilp"),
            print: options.boolean("print-egraph"),
            explain: options.text("explain-choice").to_owned(),
        };
        let optimized = optimize(&circuit, &request)?;
        eprint!("{}", optimized.text);
        options.count("equalities", optimized.applied.values().sum());
        if let Some(error) = &optimized.refused {
            diag::remark(module.location(), &format!("the cheapest form is not taken: {error}"));
        }
        let Some(found) = optimized.circuit else { return Ok(()) };
        let cursor = Cursor::before(main.op);
        for (name, function) in found.tables.iter().filter(|(name, _)| !circuit.tables.contains_key(*name)) {
            cursor.insert(ops::table(main.op.location(), name, function)?);
        }
        found.graph.write(main)?;
        options.count("changed", 1);
        erase_unread_tables(module)
    }
}

const EXAMPLE: &str = r#"circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
circuit.table @shrink(x in [-1000, 1000]) = clamp(x >> 3, 0, 100)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-1000, 1000]
  %y = circuit.input "y" public : 4 in [-1000, 1000]
  %a = circuit.lookup @shrink(%x) : 4 in [-1000, 1000] -> [0, 100]
  %b = circuit.lookup @shrink(%y) : 4 in [-1000, 1000] -> [0, 100]
  %d = circuit.affine %a - %b : 4 in [0, 100] -> [-100, 100]
  %e = circuit.lookup @relu(%d) : 4 in [-100, 100] -> [0, 100]
  %m = circuit.affine %b + %e : 4 in [0, 100] -> [0, 100]
  circuit.output %m "m" public : 4 in [0, 100]
  return
}"#;
