//! Circuit to Program: decides where every value lies (placement) and writes the relation that a backend proves.
//!
//! Stages: the dialect's plain [`Circuit`] → `roots` (views resolved) → `placement` (contractions, clusters, widths by cost) →
//! `emit` (tables, folds, equations, witness plan).
//!
//! Invariants: nothing here sees MLIR; the Program returned passes `Program::validate`.
pub mod biases;
pub mod cluster;
pub mod contraction;
mod emit;
pub mod layout;
pub mod order;
mod pack;
pub mod placement;
pub mod relations;
pub mod roots;
mod tables;
pub mod wanted;

use std::collections::BTreeMap;
use tessera_api::{Cost, Prices, Program, Shape, Target, WitnessPlan};
use tessera_circuit::graph::Circuit;
use tessera_circuit::ops::Visibility;

/// Why a circuit cannot be placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Operations this version cannot prove: (model operation, what it is), all of them.
    #[error("{}", list(.0))]
    Unsupported(Vec<(String, String)>),
    /// The Program is beyond what its backend can express: all of it.
    #[error("the backend {name} cannot prove this model:\n  {}", .refused.join("\n  "))]
    Target {
        /// The backend.
        name: &'static str,
        /// What is beyond it.
        refused: Vec<String>,
    },
    /// The circuit contradicts itself.
    #[error("invalid circuit: {0}")]
    Invalid(String),
    /// The IR could not be read.
    #[error(transparent)]
    Ir(#[from] tessera_mlir::Error),
    /// The result contradicts itself: a defect of this stage.
    #[error("placement produced an invalid Program (please report it): {0}")]
    Program(#[from] tessera_api::validate::ProgramError),
}

fn list(ops: &[(String, String)]) -> String {
    let lines: Vec<String> = ops.iter().map(|(s, w)| format!("  {s}: {w}")).collect();
    format!("{} operation(s) cannot be proven by this version:\n{}", ops.len(), lines.join("\n"))
}

impl PlaceError {
    pub(crate) fn unsupported(source: &str, what: &str) -> PlaceError {
        PlaceError::Unsupported(vec![(source.into(), what.into())])
    }
}

/// What a user may choose, and whom placement asks.
#[derive(Clone, Debug)]
pub struct PlaceOptions {
    /// Inferences per proof, at least 1.
    pub batch: usize,
    /// The backend that will prove: what it can express is what is placed.
    pub target: &'static dyn Target,
    /// What decides how: what the backend charges, or what it costs on some machine.
    pub prices: Prices,
    /// Activation cells per row; chosen by cost when absent.
    pub x_width: Option<usize>,
    /// Weight cells per row; chosen by cost when absent.
    pub w_width: Option<usize>,
    /// Whether weights of several output channels share a cell where ranges allow it.
    pub pack: bool,
    /// Whether parts and products that a row's other cells determine have no cells.
    pub determined: bool,
    /// Whether rows of a layer stand channel by channel in blocks.
    pub blocks: bool,
    /// Whether layers of one kind of row share tables; without, each has its own.
    pub shared: bool,
    /// Whether layers of one kind of row are divided into tables such that little is padding; without, they share one.
    pub divided: bool,
    /// Whether public data that are added to all results of a contraction are rows of its weights, not columns of all rows that read the
    /// results; chosen by cost when absent.
    pub biases: Option<bool>,
    /// Whether weights and biases are their owner's: committed apart, unknown to verifiers. They are never packed then: what
    /// packing rests on are their ranges, which nobody proves.
    pub committed: bool,
    /// Whether proofs tell nothing of the witness, and inputs are private. Also where the circuit says of an input that it is.
    pub zero_knowledge: bool,
    /// Who sees the inputs and outputs of these names; of all others the circuit says it, and with zero knowledge inputs are private.
    pub visibility: BTreeMap<String, Visibility>,
    /// Of how many proofs the commitment to weights that are their owner's hides them, where proofs tell nothing of the witness.
    pub uses: u32,
}

impl PlaceOptions {
    /// One inference, everything chosen by cost.
    pub fn new(target: &'static dyn Target) -> PlaceOptions {
        PlaceOptions {
            batch: 1,
            target,
            prices: target.prices(),
            x_width: None,
            w_width: None,
            pack: true,
            determined: true,
            blocks: true,
            shared: true,
            divided: true,
            biases: None,
            committed: false,
            zero_knowledge: false,
            visibility: BTreeMap::new(),
            uses: 1,
        }
    }
}

/// A placed circuit.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The relation.
    pub program: Program,
    /// How to fill it.
    pub plan: WitnessPlan,
    /// The placement as text.
    pub dump: String,
}

/// Places the circuit of a module.
///
/// # Errors
/// [`PlaceError::Unsupported`] lists every operation that cannot be proven.
pub fn place(
    module: &melior::ir::Module,
    params: &tessera_mlir::params::Params,
    options: &PlaceOptions,
) -> Result<Placed, PlaceError> {
    place_graph(&Circuit::read(module.as_operation(), params)?, options)
}

/// What the proof of a circuit will cost its target: exactly what the target says of the Program that [`place_graph`] gives. No
/// weight is looked at.
///
/// # Errors
/// As [`place`].
pub fn price(g: &Circuit, options: &PlaceOptions) -> Result<Cost, PlaceError> {
    Ok(decide(g, options)?.1)
}

/// The placement of least cost, of those that the options leave open.
fn decide(g: &Circuit, options: &PlaceOptions) -> Result<(placement::Placement, Cost), PlaceError> {
    let placed = |biases: Option<bool>| -> Result<(placement::Placement, Cost), PlaceError> {
        let p = placement::place(g, &PlaceOptions { biases, ..options.clone() })?;
        let (program, _) = emit::emit(g, &p, emit::Extent::Shape)?;
        let cost = options.target.cost(&Shape::of(&program));
        Ok((p, cost))
    };
    let first = placed(options.biases)?;
    if options.biases.is_some() || options.committed || first.0.biases.is_empty() {
        return Ok(first);
    }
    let other = placed(Some(false))?;
    let prices = &options.prices;
    Ok(if prices.weigh(&other.1) < prices.weigh(&first.1) { other } else { first })
}

/// Places a circuit given as plain data.
///
/// # Errors
/// As [`place`].
pub fn place_graph(g: &Circuit, options: &PlaceOptions) -> Result<Placed, PlaceError> {
    if options.batch == 0 || options.batch > 1 << 16 {
        return Err(PlaceError::Invalid(format!(
            "a batch of {} is not possible; choose 1 to 65536",
            options.batch
        )));
    }
    // packing and lookups rest on declared intervals: they are proven here, whatever was run before
    tessera_circuit::proof::prove(g)?;
    let (p, _) = decide(g, options)?;
    let (program, plan) = emit::emit(g, &p, emit::Extent::Whole)?;
    program.validate()?;
    let refused = p.capabilities.refusals(&Shape::of(&program));
    if !refused.is_empty() {
        let name = options.target.name();
        return Err(PlaceError::Target { name, refused });
    }
    let dump = p.dump(&program);
    Ok(Placed { program, plan, dump })
}
