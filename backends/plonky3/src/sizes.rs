//! What keys and proofs of a Program take, before any is made: counted of the compiled relation, and of the parameters that it gets.
//!
//! Invariants: no column is made, no data are looked at, and nothing is measured: equal Programs give equal numbers. Keys are counted; so is
//! a proof, but for what queries share of their paths, which is taken at its expectation. Memory is what is held at once at the peak.
use crate::air::compile::Compiled;
use crate::air::{Group, Node};
use crate::arithmetic::DEGREES;
use crate::files;
use crate::keys::{VerifyingKey, planned};
use crate::p3::{Commitment, typed};
use crate::rounds::Round;
use crate::security::SecurityTarget;
use crate::size::proof_bytes;
use tessera_api::container::HASHED;
use tessera_api::matrix::Block;
use tessera_api::{Container, Cost, FileKind, FixedColumn, Program, SetupError, Sizes, Table, Values};

/// Bytes of a cell of a column.
const CELL: u64 = 8;
/// Bytes of a digest.
const DIGEST: u64 = 32;
/// Bytes that the opening takes for a point of an extension.
const ROW: u64 = 200;
/// Columns that are extended at a time where extensions are not kept.
const PART: u64 = 128;

/// The sizes of a Program's keys and proofs at a security target.
pub fn sizes(program: &Program, target: SecurityTarget) -> Result<Sizes, SetupError> {
    let (compiled, security) = planned(program, target)?;
    let air = &compiled.air;
    let root = || Commitment::new(vec![[0; 32]]);
    let of = |round: Round| (!round.shapes(air).is_empty()).then(root);
    let vk = VerifyingKey {
        program: program.digest(),
        air: air.clone(),
        fixed: of(Round::Fixed),
        model: of(Round::Model),
        summed: of(Round::Summed),
        security,
        epochs: crate::epochs::epochs(&compiled, &security).map(Box::new),
    };
    let verifying = vk.to_container().to_bytes().len() as u64;
    let mut key = Container::new(FileKind::ProvingKey, vk.program);
    key.put("key", &vk);
    key.put("entropy", &crate::hiding::weights::hidden(air).then_some([0u8; 32]));
    let lean = key.to_bytes().len() as u64;
    let mut compact_key = key.clone();
    files::columns(false).for_each(|name| key.insert(name, vec![]));
    files::columns(true).for_each(|name| compact_key.insert(name, vec![]));
    let cells: u64 = air.groups.iter().map(|g| u64::from(g.fixed + g.model + g.summed) << g.log_height).sum();
    let blowup = 1u64 << security.fri.log_blowup;
    let columns = cells * CELL * (1 + blowup);
    // a digest for each node of a tree
    let digests = |width: fn(&Group) -> u32| {
        let tallest = air.groups.iter().filter(|g| width(g) > 0).map(|g| (2 * blowup) << g.log_height).max();
        tallest.map_or(0, |nodes| (nodes - 1) * DIGEST)
    };
    let summed = digests(|g| g.summed);
    let trees = digests(|g| g.fixed) + digests(|g| g.model) + summed;
    let can_be_compact = air.budget().is_none();
    let compact = |bytes: u64| can_be_compact.then_some(bytes);
    let prove_memory = memory(&compiled, security.fri.log_blowup).0;
    let (_, least_memory) = compact_memory(&compiled, security.fri.log_blowup);
    Ok(Sizes {
        // columns, their extensions, both once more as a file, and a transform on the way
        setup_memory: cells * 3 * (1 + blowup) * CELL,
        // columns, once more as a file, and those that are extended at a time
        compact_setup_memory: compact(
            2 * (cells * CELL + trees)
                + made(&compiled, blowup, |g| u64::from(g.fixed.max(g.model).max(g.summed))),
        ),
        compact_key: compact(compact_key.to_bytes().len() as u64 + narrow(&compiled, program) + trees),
        prove_memory,
        least_memory: compact(least_memory),
        proving_key: key.to_bytes().len() as u64 + columns + summed,
        lean_key: lean,
        verifying_key: verifying,
        proof: proof_bytes(air, &security.fri) as u64,
        cost: cost(&compiled),
    })
}

/// Bytes of the columns of a compact key, at most: what is known of their cells without a look at data.
fn narrow(compiled: &Compiled, program: &Program) -> u64 {
    let air = &compiled.air;
    let columns: u64 = air.groups.iter().map(|g| u64::from(g.fixed + g.model + g.summed)).sum();
    let table = |(i, t): (usize, &Table)| {
        let (place, factor) = (&compiled.places[i], u64::from(compiled.factors[i]));
        let one = |c: &FixedColumn| u64::from(typed::width(bounds(program, c))) * factor;
        let bytes = t.fixed.iter().map(one).sum::<u64>() + compiled.dense[i].len() as u64;
        bytes << air.groups[place.group].log_height
    };
    columns + program.tables.iter().enumerate().map(table).sum::<u64>()
}

/// Between what the cells of a fixed column are.
fn bounds(program: &Program, column: &FixedColumn) -> (i64, i64) {
    let held = |constant: u32| {
        let half = program
            .constants
            .get(constant as usize)
            .map_or(i64::MIN, |c| i64::MIN >> (64 - 8 * c.width().bytes()));
        (half, -(half + 1))
    };
    let (least, most) = match &column.values {
        Values::Seq(seq) => seq.bounds(),
        Values::Gather { constant, .. } => held(*constant),
        Values::Matrix { matrix, .. } => {
            let m = &program.matrices[*matrix as usize];
            let of = |b: &Block| {
                let (least, most) = held(b.constant);
                let units = (0..b.pack).map(|i| m.radix.saturating_pow(i)).fold(0, i64::saturating_add);
                (least.saturating_mul(units), most.saturating_mul(units))
            };
            m.blocks.iter().map(of).fold((0, 0), |a, b| (a.0.min(b.0), a.1.max(b.1)))
        }
    };
    (least.min(column.padding), most.max(column.padding))
}

/// Bytes of memory that a proof takes with a key that holds extensions, and those it takes with that key where extensions of a proof's columns
/// are made anew, if they can be.
pub fn memory(compiled: &Compiled, log_blowup: u8) -> (u64, Option<u64>) {
    let air = &compiled.air;
    let blowup = 1u64 << log_blowup;
    let Cells { fixed, summed, witness, extension, .. } = Cells::of(compiled);
    // columns of the key where they lie, of which the plain ones are read into memory; of a large key only the sums' operands are read, and rows
    // of their extension
    let unread = summed * CELL * blowup;
    let read = (fixed + summed) * CELL * (1 + blowup) - if unread > HASHED as u64 { unread } else { 0 };
    let key = read + 3 * CELL * fixed;
    // the witness as it was computed, as columns and extended; columns of later rounds as elements and extended; vectors of the opening
    let kept = key + (2 + blowup) * CELL * (witness + extension) + opening(compiled, blowup);
    (kept, air.budget().is_none().then_some(key + anew(compiled, blowup)))
}

/// As [`memory`], with a compact key, whose columns are read into memory but for those that are summed.
pub fn compact_memory(compiled: &Compiled, log_blowup: u8) -> (u64, u64) {
    let blowup = 1u64 << log_blowup;
    let Cells { fixed, summed, witness, extension, .. } = Cells::of(compiled);
    let key = (2 * fixed + summed) * CELL;
    let kept = (2 + blowup) * CELL * (witness + extension) + opening(compiled, blowup);
    (key + kept, key + anew(compiled, blowup))
}

/// Bytes of memory that are held while quotients are made and openings, with a compact key or one that has extensions, where no extensions of a
/// proof's columns are.
pub fn standing(compiled: &Compiled, log_blowup: u8, compact: bool) -> u64 {
    let blowup = 1u64 << log_blowup;
    let Cells { fixed, summed, witness, extension, .. } = Cells::of(compiled);
    let key = summed + if compact { 2 * fixed } else { (4 + blowup) * fixed };
    // of the trees of the witness, of round 2 and of quotients
    let digests = 3 * 2 * DIGEST * blowup * Cells::of(compiled).rows;
    CELL * (key + witness + extension) + digests + opening(compiled, blowup).max(crate::quotient::PART)
}

/// Cells of a relation.
struct Cells {
    fixed: u64,
    summed: u64,
    witness: u64,
    /// Of rounds 2 and 3, in base cells.
    extension: u64,
    rows: u64,
}

impl Cells {
    fn of(compiled: &Compiled) -> Cells {
        let of = |width: fn(&Group) -> u32| -> u64 {
            compiled.air.groups.iter().map(|g| u64::from(width(g)) << g.log_height).sum()
        };
        Cells {
            fixed: of(|g| g.fixed + g.model),
            summed: of(|g| g.summed),
            witness: of(|g| g.witness),
            extension: u64::from(compiled.air.degree) * of(|g| g.round2 + g.round3),
            rows: of(|_| 1),
        }
    }
}

/// Vectors of the opening.
fn opening(compiled: &Compiled, blowup: u64) -> u64 {
    ROW * blowup * Cells::of(compiled).rows
}

/// What is held where extensions of a proof's columns are made anew, beside the key: the columns, and the most of what is on the way.
fn anew(compiled: &Compiled, blowup: u64) -> u64 {
    let Cells { witness, extension, .. } = Cells::of(compiled);
    // scratch columns of round 2 take about as much as what they lead to
    let degree = u64::from(compiled.air.degree);
    let part = made(compiled, blowup, |g| u64::from(g.witness).max(degree * u64::from(g.round2)));
    CELL * (witness + extension) + (CELL * extension).max(part).max(opening(compiled, blowup))
}

/// Columns that are extended at a time, with their extensions, where the widest group of each height has so many.
fn made(compiled: &Compiled, blowup: u64, width: impl Fn(&Group) -> u64) -> u64 {
    let of = |g: &Group| (width(g).min(PART) * (1 + blowup) * CELL) << g.log_height;
    compiled.air.groups.iter().map(of).max().unwrap_or(0)
}

/// What is committed, by groups, as it is compiled.
fn cost(compiled: &Compiled) -> Cost {
    let mut cost = Cost::default();
    let degree = u64::from(compiled.air.degree);
    for g in &compiled.air.groups {
        let of = cost.group(g.log_height);
        of.fixed = u64::from(g.fixed + g.model);
        of.summed = g.summed.into();
        of.witness = g.witness.into();
        of.extension = u64::from(g.round2 + g.round3) * degree / DEGREES[0] as u64;
        of.lookups = g.nodes.iter().map(lookups).sum();
        of.nodes = g.nodes.iter().map(summands).sum();
        of.openings = of.fixed + of.summed + of.witness + degree * (u64::from(g.round2 + g.round3) + 2);
    }
    cost
}

fn lookups(n: &Node) -> u64 {
    match n {
        Node::Lookups { pairs, .. } => pairs.iter().map(Vec::len).sum::<usize>() as u64,
        _ => 0,
    }
}

/// What is added up of a constraint on a row.
fn summands(n: &Node) -> u64 {
    let count = match n {
        Node::Base { products, .. } => products.len(),
        Node::Horner { parts, ratio, .. } => {
            ratio.cells.len() + parts.iter().map(|p| p.gate.cells.len() + p.dot.cells.len()).sum::<usize>()
        }
        Node::Sum { ratio, end, factors, .. } => ratio.cells.len() + end.cells.len() + factors.len(),
        Node::Lookups { .. } | Node::Terminal { .. } | Node::Start { .. } => 0,
    };
    count as u64
}
