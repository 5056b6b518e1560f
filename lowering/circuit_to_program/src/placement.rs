//! Placement: which value lies in which table, in which rows, in which columns. The stage between circuit and Program, with a
//! text form of its own.
//!
//! Invariants: contractions are numbered in graph order (their *id* is the exponent of the variable d in the contraction
//! equation); every element of every contraction's result has exactly one holder: a cluster's bound value, an output, or a border cell.
use crate::biases::{self, Bias};
use crate::cluster::{self, Cluster};
use crate::contraction::{Border, Contraction, Indices, Operation};
use crate::layout::Nest;
use crate::relations::LookupRelations;
use crate::roots::Roots;
use crate::wanted::Wanted;
use crate::{PlaceError, PlaceOptions, order, pack, tables};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use tessera_api::{Capabilities, FoldShape, Prices, Shape, TableShape, Target, TermShape};
use tessera_circuit::CircuitOp;
use tessera_circuit::graph::{Circuit, ValueId};
use tessera_circuit::ops::Visibility;
use tessera_circuit::semantics::{ContractSpec, ResultIndex};

/// Everything decided, nothing emitted.
pub struct Placement {
    /// Proofs per batch.
    pub batch: usize,
    /// Whether parameters are committed by their owner.
    pub committed: bool,
    /// In graph order.
    pub contractions: Vec<Contraction>,
    /// Data known at setup that rows read as results of contractions.
    pub biases: Vec<Bias>,
    /// Which of them share a weight and an activation table.
    pub products: Vec<Products>,
    /// Border monomials of each contraction, for one batch entry.
    pub borders: Vec<Vec<Border>>,
    /// Grouped by row program: each inner vector shares a table.
    pub clusters: Vec<Vec<Cluster>>,
    /// Lookup relations.
    pub relations: LookupRelations,
    /// Border cells per row.
    pub border_width: usize,
    /// What the backend can express.
    pub capabilities: Capabilities,
    /// Whom placement asks, and whether proofs hide the witness.
    pub heights: Heights,
    /// Which inputs, and which outputs, the statement does not have.
    pub hidden: [Vec<Option<Hidden>>; 2],
    /// Where views lead.
    pub roots: Roots,
    /// (name, value, public) in graph order.
    pub inputs: Vec<(String, ValueId)>,
    /// (name, value) in graph order.
    pub outputs: Vec<(String, ValueId)>,
}

/// A tensor that the statement does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The lookup relation that is its range.
    pub range: u32,
    /// Whether the statement has a commitment to it.
    pub committed: bool,
}

/// Who sees a tensor of the statement.
fn visibility_of(options: &PlaceOptions, name: &str, own: Visibility, input: bool) -> Visibility {
    match options.visibility.get(name) {
        Some(chosen) => *chosen,
        None if options.zero_knowledge && input && own == Visibility::Public => Visibility::Private,
        None => own,
    }
}

/// How tall tables are.
#[derive(Clone, Copy, Debug)]
pub struct Heights {
    /// Who says so.
    pub target: &'static dyn Target,
    /// What rows and cells cost.
    pub prices: Prices,
    /// For how many proofs rows are left free: none where proofs hide nothing.
    pub hiding: u32,
}

impl Heights {
    /// The shape of a table, with its height.
    pub fn of(self, t: TableShape) -> TableShape {
        TableShape { log_height: self.target.log_height(&t, self.hiding), ..t }
    }
}

/// Sums of products whose second factors stand in one table, and whose first factors do.
#[derive(Clone, Debug)]
pub struct Products {
    /// What the second factors are.
    pub factors: Factors,
    /// Numbers of the contractions, ascending.
    pub contractions: Vec<usize>,
    /// Numbers of the biases.
    pub biases: Vec<usize>,
    /// Activation cells per row.
    pub x_width: usize,
    /// Weight cells per row.
    pub w_width: usize,
}

/// What the second factors of products are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factors {
    /// Parameters that their owner commits to.
    Owned,
    /// Known at setup.
    Public,
    /// Computed, as the first ones are.
    Computed,
}

/// Decides. Every unsupported operation is reported, not the first.
pub fn place(g: &Circuit, options: &PlaceOptions) -> Result<Placement, PlaceError> {
    let roots = Roots::new(g)?;
    let capabilities = options.target.capabilities();
    refuse_unsupported(g, &roots, options)?;
    let batch = options.batch;
    let (mut inputs, mut outputs) = (vec![], vec![]);
    let mut relations = LookupRelations::new(&capabilities);
    let mut hidden = [vec![], vec![]];
    let mut hide = |v: ValueId, name: &str, seen: Visibility| -> Result<Option<Hidden>, PlaceError> {
        if seen == Visibility::Public {
            return Ok(None);
        }
        let range = relations.range(g.values[v].lo, g.values[v].hi, name)?;
        Ok(Some(Hidden { range, committed: seen == Visibility::Committed }))
    };
    for op in &g.ops {
        match &op.op {
            CircuitOp::Input { name, visibility, .. } => {
                let v = op.results[0];
                inputs.push((name.clone(), v));
                hidden[0].push(hide(v, name, visibility_of(options, name, *visibility, true))?);
            }
            CircuitOp::Output { x, name, visibility } => {
                outputs.push((name.clone(), *x));
                hidden[1].push(hide(*x, name, visibility_of(options, name, *visibility, false))?);
            }
            _ => {}
        }
    }
    let groups = cluster::groups(g, &roots);
    let exported = exported_values(g, &roots, &groups);
    let published = published(g, &roots, &outputs);
    let hiding = if options.zero_knowledge || hidden.iter().flatten().any(Option::is_some) {
        options.uses.max(1)
    } else {
        0
    };
    let heights = Heights { target: options.target, prices: options.prices, hiding };
    let contracts: Vec<(ValueId, Contract)> = contracts(g, &roots)?;
    let mut operations = vec![];
    for (y, c) in &contracts {
        let operation =
            Operation { x: c.x, w: c.w, y: *y, spec: &c.spec, holes: &c.holes, source: &c.source };
        let indices = Indices::new(&operation)?;
        operations.push((operation, indices));
    }
    let mut held = held(g, &roots, options);
    let (mut flat, mut added, relations) = loop {
        let mut relations = relations.clone();
        let mut flat: Vec<Cluster> = vec![];
        for ops in &groups {
            let known = cluster::Known {
                capabilities: &capabilities,
                published: &published,
                exported: &exported,
                held: &held,
                determined: options.determined,
            };
            flat.push(cluster::build(g, &roots, ops, known, &mut relations)?);
        }
        // entries of a batch are channels of their own where both factors are computed
        let may = |op: &Operation| options.committed || roots.is_constant(op.w);
        let results = operations.iter().filter(|(op, _)| may(op)).map(|(op, i)| (op.y, i)).collect();
        let added = biases::merge(&roots, &mut flat, &outputs, results);
        // what everybody knows, and is more than added to one contraction, stays a column
        let left = flat.iter().flat_map(|c| c.held.keys().map(|i| c.bound[*i]));
        let left: HashSet<ValueId> = left.flat_map(|v| roots.roots_of(v)).collect();
        if options.committed || left.is_empty() {
            break (flat, added, relations);
        }
        held.retain(|r| !left.contains(r));
    };
    let mut biases = biases::apart(g, &roots, &mut flat, operations.len())?;
    if options.blocks {
        order::choose(&roots, &mut flat, &operations);
    }
    let mut clusters: Vec<Vec<Cluster>> = vec![];
    for c in flat {
        match clusters.iter_mut().find(|t| t[0].row_program == c.row_program) {
            Some(t) if options.shared => t.push(c),
            _ => clusters.push(vec![c]),
        }
    }
    let divide = |c| if options.divided { tables::split(c, batch, heights) } else { vec![c] };
    let clusters: Vec<Vec<Cluster>> = clusters.into_iter().flat_map(divide).collect();
    let read = |c: &Cluster| -> Vec<(ValueId, String)> {
        let own = c.bound.iter().enumerate().filter(|(i, _)| !c.held.contains_key(i));
        own.map(|(_, p)| (*p, c.source.clone())).collect()
    };
    let readers = clusters.iter().flatten().flat_map(read);
    let readers: Vec<(ValueId, String)> =
        readers.chain(outputs.iter().map(|(n, v)| (*v, n.clone()))).collect();
    if let Some((_, source)) = readers.iter().find(|(v, _)| roots.is_constant(*v)) {
        return Err(PlaceError::unsupported(source, "an output that does not depend on the input"));
    }
    let reading = pack::Reading {
        g,
        roots: &roots,
        clusters: &clusters,
        outputs: &outputs,
        published: &published,
        relations: &relations,
        radix_bits: capabilities.radix_bits(),
    };
    let mut contractions = vec![];
    let mut borders = vec![];
    for (k, (operation, indices)) in operations.iter().enumerate() {
        let wanted = wanted(&roots, &readers, operation, indices)?;
        let computed = !roots.is_constant(operation.w);
        let mut c = Contraction::new(operation, indices, &wanted, (batch, computed));
        c.pack = pack::FACTOR;
        let added = added.remove(&c.y);
        let bounds = added.as_ref().map_or((0, 0), |a| a.bounds(&roots));
        if !options.pack || options.committed || computed || !reading.may_pack(&c, &wanted, bounds) {
            c.pack = 1;
        }
        if let Some(added) = added {
            biases.push(added.bias(&c, (k, c.read_exponents(&wanted)), !options.committed));
        }
        borders.push(c.borders(&wanted));
        contractions.push(c);
    }
    if options.committed {
        parameters_once(g, &roots, &contractions, &biases)?;
    }
    let products = products(&roots, &contractions, &biases, options, heights);
    let border_width = if borders.iter().all(|b| b.is_empty()) { 0 } else { BORDER_WIDTH };
    Ok(Placement {
        batch,
        committed: options.committed,
        contractions,
        biases,
        products,
        borders,
        clusters,
        relations,
        border_width,
        capabilities,
        heights,
        hidden,
        roots,
        inputs,
        outputs,
    })
}

/// What rows may read as results of contractions, being known at setup: all that is its owner's; of the rest what differs from element to
/// element, where the options say so.
fn held(g: &Circuit, roots: &Roots, options: &PlaceOptions) -> HashSet<ValueId> {
    if options.committed {
        return roots.parameters().collect();
    }
    if options.biases == Some(false) {
        return HashSet::new();
    }
    let differs = |v: &ValueId| {
        let (lo, hi) = roots.bounds(*v, g.values[*v].len());
        lo < hi
    };
    let operands = g.ops.iter().filter(|op| op.op.is_elementwise()).flat_map(|op| op.op.operands());
    let read: BTreeSet<ValueId> = operands.flat_map(|v| roots.roots_of(v)).collect();
    read.into_iter().filter(|v| roots.data(*v).is_some()).filter(differs).collect()
}

/// A contraction of the circuit.
struct Contract {
    x: ValueId,
    w: ValueId,
    spec: ContractSpec,
    /// Elements of `w` that are padding, where it is known at setup.
    holes: Vec<bool>,
    source: String,
}

/// All contractions, in graph order, by result.
fn contracts(g: &Circuit, roots: &Roots) -> Result<Vec<(ValueId, Contract)>, PlaceError> {
    let mut all = vec![];
    for op in &g.ops {
        tessera_cancel::point();
        let CircuitOp::Contract { x, w, maps } = &op.op else { continue };
        let (mut x, mut w) = (*x, *w);
        let mut spec = ContractSpec::from_maps(maps, &g.values[x].shape, &g.values[w].shape)
            .map_err(PlaceError::Invalid)?;
        // what is known at setup is the second factor
        if roots.is_constant(x) {
            std::mem::swap(&mut x, &mut w);
            std::mem::swap(&mut spec.x, &mut spec.w);
            for index in &mut spec.y {
                if let ResultIndex::Sum(i, k) = index {
                    std::mem::swap(i, k);
                }
            }
        }
        let holes = if roots.is_constant(w) { roots.padding(w, g.values[w].len()) } else { vec![] };
        all.push((op.results[0], Contract { x, w, spec, holes, source: op.source() }));
    }
    Ok(all)
}

/// Which contractions and biases share tables: all, but where parameters are their owner's, those are apart from what is public.
fn products(
    roots: &Roots,
    contractions: &[Contraction],
    biases: &[Bias],
    options: &PlaceOptions,
    heights: Heights,
) -> Vec<Products> {
    let of = |c: &Contraction| match () {
        () if c.computed => Factors::Computed,
        () if options.committed && roots.is_parameter(c.w) => Factors::Owned,
        () => Factors::Public,
    };
    let part = |factors: Factors| {
        let own: Vec<usize> = (0..contractions.len()).filter(|k| of(&contractions[*k]) == factors).collect();
        let theirs = if options.committed { Factors::Owned } else { Factors::Public };
        let biases = if factors == theirs { (0..biases.len()).collect() } else { vec![] };
        Products { factors, contractions: own, biases, x_width: 0, w_width: 0 }
    };
    let mut all = vec![part(Factors::Owned), part(Factors::Public), part(Factors::Computed)];
    all.retain(|p| !p.contractions.is_empty() || !p.biases.is_empty());
    for p in &mut all {
        (p.x_width, p.w_width) = widths(p, (contractions, biases), options, heights);
    }
    all
}

/// Each parameter is one cell of its owner's table.
fn parameters_once(
    g: &Circuit,
    roots: &Roots,
    contractions: &[Contraction],
    biases: &[Bias],
) -> Result<(), PlaceError> {
    let mut seen: HashMap<ValueId, Vec<bool>> = HashMap::new();
    let mut bad = vec![];
    let mut mark = |root: ValueId, source: &str, elements: &dyn Fn(&mut dyn FnMut(i64))| {
        let cells = seen.entry(root).or_insert_with(|| vec![false; g.values[root].len()]);
        let mut once = true;
        elements(&mut |e| once &= !std::mem::replace(&mut cells[e as usize], true));
        if !once {
            bad.push((source.into(), "a committed weight that is used more than once".into()));
        }
    };
    for c in contractions.iter().filter(|c| roots.is_parameter(c.w)) {
        for p in roots.pieces(c.w) {
            mark(p.root, &c.source, &|f| p.nest.visit(&mut |_, to| f(to[0])));
        }
    }
    for b in biases {
        mark(b.root, &b.source, &|f| b.elements.iter().copied().flatten().for_each(&mut *f));
    }
    for c in contractions.iter().filter(|c| roots.is_parameter(c.w)) {
        if roots.pieces(c.w).iter().any(|p| !roots.is_parameter(p.root)) {
            bad.push((
                c.source.clone(),
                "a product with committed weights and constants in one tensor".into(),
            ));
        }
        let held: i64 = roots.pieces(c.w).iter().map(|p| p.nest.len()).sum();
        if held != c.elements() as i64 {
            bad.push((c.source.clone(), "committed weights with zeros between them".into()));
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(PlaceError::Unsupported(bad)) }
}

/// Which elements of a contraction's result are read, and that none is read twice.
fn wanted(
    roots: &Roots,
    readers: &[(ValueId, String)],
    op: &Operation,
    indices: &Indices,
) -> Result<Wanted, PlaceError> {
    let mut wanted = Wanted::none(indices);
    for (v, source) in readers {
        let pieces = roots.pieces(*v).iter().filter(|p| p.root == op.y);
        let nests: Vec<Nest<1>> = pieces.map(|p| p.nest.clone()).collect();
        wanted.add(indices, &nests).ok_or_else(|| {
            PlaceError::unsupported(
                source,
                "reading one element of a matrix product or convolution twice before it is requantized",
            )
        })?;
    }
    Ok(wanted)
}

/// All operations that cannot be placed, at once.
fn refuse_unsupported(g: &Circuit, roots: &Roots, options: &PlaceOptions) -> Result<(), PlaceError> {
    let target = options.target;
    let (can, backend) = (target.capabilities(), target.name());
    let definer = g.definers();
    let mut bad = vec![];
    let hides_nothing = |seen: Visibility, what: &str, name: &str| {
        let seen = seen.keyword();
        format!("the {seen} {what} {name:?}: proofs of the backend {backend} are not zero-knowledge")
    };
    let ports = || {
        g.ops.iter().filter_map(|op| match &op.op {
            CircuitOp::Input { name, .. } | CircuitOp::Output { name, .. } => Some(name),
            _ => None,
        })
    };
    for name in options.visibility.keys().filter(|name| !ports().any(|port| port == *name)) {
        let all: Vec<&str> = ports().map(String::as_str).collect();
        bad.push((name.clone(), format!("the model has no such input or output; it has {}", all.join(", "))));
    }
    for op in &g.ops {
        if !can.lookups && op.op.looks_up() {
            bad.push((op.source(), format!("a lookup: the backend {backend} has none")));
        }
        match &op.op {
            CircuitOp::Input { name, visibility, .. } => {
                let seen = visibility_of(options, name, *visibility, true);
                if seen != Visibility::Public && !can.zero_knowledge {
                    bad.push((op.source(), hides_nothing(seen, "input", name)));
                }
            }
            CircuitOp::Output { name, visibility, .. } => {
                let seen = visibility_of(options, name, *visibility, false);
                if seen != Visibility::Public && !can.zero_knowledge {
                    bad.push((op.source(), hides_nothing(seen, "output", name)));
                } else if seen == Visibility::Private {
                    let what = "a proof would say nothing of it; make it public or committed";
                    bad.push((op.source(), format!("the private output {name:?}: {what}")));
                }
            }
            CircuitOp::Contract { .. } if !can.joins => bad.push((
                op.source(),
                format!("a matrix product or convolution: the backend {backend} joins no folds"),
            )),
            CircuitOp::Contract { x, w, maps } => {
                let computed: Vec<ValueId> =
                    [*x, *w].into_iter().filter(|v| !roots.is_constant(*v)).collect();
                let mut of = computed.iter().flat_map(|v| roots.roots_of(*v));
                if computed.is_empty() {
                    bad.push((op.source(), "a product of two constants; fold it before placement".into()));
                } else if computed.len() == 2 && maps[2].results.iter().any(|r| r.len() > 1) {
                    bad.push((op.source(), "a convolution of two computed tensors".into()));
                } else if of.any(|r| matches!(g.ops[definer[r]].op, CircuitOp::Contract { .. })) {
                    bad.push((
                        op.source(),
                        "a matrix product of another one's accumulators; requantize in between".into(),
                    ));
                }
            }
            CircuitOp::Hint { x, .. } if roots.is_constant(*x) => {
                bad.push((op.source(), "a hint of what is known at setup; fold it before placement".into()));
            }
            // what a row can hold is for its program to say, which names every op
            _ => {}
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(PlaceError::Unsupported(bad)) }
}

/// Values whose elements are all outputs, with the range that verifiers hold them to.
fn published(g: &Circuit, roots: &Roots, outputs: &[(String, ValueId)]) -> HashMap<ValueId, (i64, i64)> {
    let mut seen: HashMap<ValueId, (Vec<&Nest<1>>, i64, i64)> = HashMap::new();
    for v in outputs.iter().map(|o| o.1).filter(|v| !roots.is_constant(*v)) {
        for p in roots.pieces(v) {
            let (nests, lo, hi) = seen.entry(p.root).or_insert_with(|| (vec![], i64::MAX, i64::MIN));
            nests.push(&p.nest);
            (*lo, *hi) = ((*lo).min(g.values[v].lo), (*hi).max(g.values[v].hi));
        }
    }
    let covers = |nests: &[&Nest<1>], len: usize| {
        // most often an output is the whole value
        let whole = |n: &&Nest<1>| n.len() == len as i64 && n.inverse().once().len() == 1;
        nests.iter().any(whole) || {
            let mut elements = vec![false; len];
            nests.iter().for_each(|n| n.visit(&mut |_, to| elements[to[0] as usize] = true));
            elements.iter().all(|e| *e)
        }
    };
    let whole = seen.into_iter().filter(|(r, (nests, ..))| covers(nests, g.values[*r].len()));
    whole.map(|(r, (_, lo, hi))| (r, (lo, hi))).collect()
}

/// Values of clusters that something outside their own cluster reads.
fn exported_values(g: &Circuit, roots: &Roots, groups: &[Vec<usize>]) -> HashSet<ValueId> {
    let mut group_of = vec![usize::MAX; g.ops.len()];
    for (k, ops) in groups.iter().enumerate() {
        ops.iter().for_each(|i| group_of[*i] = k);
    }
    let definer = g.definers();
    let mut out = HashSet::new();
    for (i, op) in g.ops.iter().enumerate() {
        if matches!(op.op, CircuitOp::View { .. } | CircuitOp::Concat { .. }) {
            continue;
        }
        for x in op.op.operands().into_iter().filter(|x| !roots.is_constant(*x)) {
            // a direct use inside the cluster is no export; through a view it is
            if roots.is_root(x) && group_of[i] != usize::MAX && group_of[definer[x]] == group_of[i] {
                continue;
            }
            out.extend(roots.roots_of(x).into_iter().filter(|r| g.ops[definer[*r]].op.is_in_rows()));
        }
    }
    out
}

/// Cells in a row of what nothing reads. Few enough that short tables are not mostly padding; backends lay rows side by side as it
/// suits them.
const BORDER_WIDTH: usize = 8;

impl Products {
    /// Rows of the activation table at a width.
    fn x_rows(&self, (c, b): (&[Contraction], &[Bias]), batch: usize, width: usize) -> usize {
        let biases = self.biases.iter().map(|k| b[*k].x_rows(batch, width));
        self.contractions.iter().map(|k| c[*k].x_rows(width)).chain(biases).sum()
    }

    /// Rows of the weight table at a width.
    fn w_rows(&self, (c, b): (&[Contraction], &[Bias]), width: usize) -> usize {
        let biases = self.biases.iter().map(|k| b[*k].w_rows(width));
        self.contractions.iter().map(|k| c[*k].w_rows(width)).chain(biases).sum()
    }
}

const X_WIDTHS: [usize; 16] = [1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64, 96];
const W_WIDTHS: [usize; 17] = [8, 16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 144, 160, 168, 176, 192, 256];

/// The cheapest widths of activation and weight rows that the backend can express.
fn widths(
    p: &Products,
    (c, b): (&[Contraction], &[Bias]),
    options: &PlaceOptions,
    heights: Heights,
) -> (usize, usize) {
    let target = options.target;
    let (capabilities, prices) = (target.capabilities(), &options.prices);
    let of = |wanted: Option<usize>, all: &[usize]| wanted.map_or(all.to_vec(), |w| vec![w]);
    let segments = p.contractions.iter().map(|k| c[*k].segments).sum::<usize>() + p.biases.len();
    let mut best: Option<((usize, f64), (usize, usize))> = None;
    for x in of(options.x_width, &X_WIDTHS) {
        let w_widths = if p.factors == Factors::Computed { &X_WIDTHS[..] } else { &W_WIDTHS[..] };
        for w in of(options.w_width, w_widths) {
            let rows = (p.x_rows((c, b), options.batch, x), p.w_rows((c, b), w));
            let shape = products_shape(rows, (x, w), segments, (heights, p.factors));
            // what cannot be expressed is taken where nothing can, and refused with the whole
            let rank = (capabilities.refusals(&shape).len(), prices.weigh(&target.cost(&shape)));
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, (x, w)));
            }
        }
    }
    best.map_or((X_WIDTHS[0], W_WIDTHS[0]), |(_, widths)| widths)
}

/// The two tables of products, of so many rows and cells per row, and what is folded of them.
fn products_shape(
    (x_rows, w_rows): (usize, usize),
    (x_width, w_width): (usize, usize),
    segments: usize,
    (heights, factors): (Heights, Factors),
) -> Shape {
    let table = |name: &str, rows: usize| TableShape {
        name: name.into(),
        rows: rows.max(1) as u64,
        ..TableShape::default()
    };
    let fold = |table: u32, lanes: usize| FoldShape { table, lanes: lanes as u32, segments: segments as u32 };
    Shape {
        tables: vec![
            match factors {
                Factors::Computed => {
                    heights.of(TableShape { witness: w_width as u32, ..table("factors", w_rows) })
                }
                Factors::Public | Factors::Owned => heights.of(TableShape {
                    fixed: w_width as u32,
                    committed: factors == Factors::Owned,
                    ..table("weights", w_rows)
                }),
            },
            heights.of(TableShape { witness: x_width as u32, ..table("activations", x_rows) }),
        ],
        folds: vec![fold(0, w_width), fold(1, x_width)],
        terms: match factors {
            // the cells of both are linked to where they come from
            Factors::Computed => vec![TermShape::Join(1, 0), TermShape::Sum(1), TermShape::Sum(0)],
            Factors::Public | Factors::Owned => vec![TermShape::Join(1, 0), TermShape::Sum(1)],
        },
    }
}

impl Placement {
    /// The placement as text, for people and snapshots.
    pub fn dump(&self, program: &tessera_api::Program) -> String {
        let mut s = String::new();
        let _ = writeln!(
            s,
            "placement of {} contractions, {} clusters in {} tables, batch {}{}",
            self.contractions.len(),
            self.clusters.iter().map(Vec::len).sum::<usize>(),
            self.clusters.len(),
            self.batch,
            match (self.committed, self.heights.hiding > 0) {
                (true, true) => ", committed weights, zero knowledge",
                (true, false) => ", committed weights",
                (false, true) => ", zero knowledge",
                (false, false) => "",
            }
        );
        let _ = writeln!(s, "\ntables");
        for t in &program.tables {
            let h = 1u64 << t.log_height;
            let _ = writeln!(
                s,
                "  {:<24} {:>7} of 2^{:<2} rows ({:>2}% padding), {:>3} fixed, {:>3} witness columns, {:>2} lookups a row, {} constraints",
                t.name,
                t.rows,
                t.log_height,
                (h - t.rows as u64) * 100 / h,
                t.fixed.len(),
                t.witness.len(),
                t.lookups.len(),
                t.constraints.len()
            );
        }
        let _ = writeln!(s, "\ncontractions (z: positions, s: output channels)");
        for (k, (c, b)) in self.contractions.iter().zip(&self.borders).enumerate() {
            let _ = writeln!(
                s,
                "  d^{k:<2} {:<28} {:>4} segments, X {:>6} z, W {:>3} taps × {:>4} s, Y {:>6} z × {:>4} s, {} a cell, {:>5} border cells, batch stride {}",
                c.source,
                c.segments,
                c.x_span,
                c.weights.parts.iter().map(|p| p.taps.len()).max().unwrap_or(0),
                c.packed_channels(),
                c.y_span,
                c.s_span(),
                c.pack,
                b.iter().map(|b| b.s.clone().count() * b.z.len()).sum::<usize>() * self.batch,
                c.batch_stride
            );
        }
        for b in &self.biases {
            let _ = writeln!(
                s,
                "  d^{:<2} {:<28}    1 segment, {} {} at {} positions",
                b.id,
                b.source,
                b.elements.iter().flatten().count(),
                if b.public { "constants" } else { "parameters" },
                b.z.len() * self.batch
            );
        }
        let _ = writeln!(s, "\nrows");
        for (k, t) in self.clusters.iter().enumerate() {
            let row_program = &t[0].row_program;
            let _ = writeln!(
                s,
                "  table elementwise{k}: {} columns, {} bound values, {} lookups",
                row_program.columns.len(),
                row_program.bound.len(),
                row_program.lookups.len()
            );
            for (i, p) in row_program.bound.iter().enumerate() {
                let _ = writeln!(s, "    bound {i} = {}", show(p, &row_program.columns));
            }
            for (relation, t) in &row_program.lookups {
                let tuple: Vec<String> = t.iter().map(|e| show(e, &row_program.columns)).collect();
                let _ =
                    writeln!(s, "    ({}) in {}", tuple.join(", "), program.relations[*relation as usize]);
            }
            for e in &row_program.constraints {
                let _ = writeln!(s, "    0 = {}", show(e, &row_program.columns));
            }
            for (e, _) in &row_program.exports {
                let _ = writeln!(s, "    export {}", show(e, &row_program.columns));
            }
            for c in t {
                let _ = writeln!(s, "    {} rows: {}", c.len * self.batch, c.source);
            }
        }
        let _ = writeln!(s, "\nfolds");
        for f in &program.folds {
            let _ = writeln!(
                s,
                "  {:<28} table {}, {} lanes, {} segments",
                f.name,
                program.tables[f.table as usize].name,
                f.lanes.len(),
                f.segment_count
            );
        }
        for e in &program.equations {
            let _ = writeln!(s, "equation {}: {} terms", e.name, e.terms.len());
        }
        s
    }
}

fn show(e: &tessera_api::Expr, columns: &[(String, usize)]) -> String {
    let mut parts = vec![];
    for (c, f) in &e.terms {
        let cells: Vec<String> = f
            .iter()
            .map(|c| match c {
                tessera_api::Cell::Fixed(i) => format!("fixed{i}"),
                tessera_api::Cell::Witness(i) => {
                    format!("{}#{i}", columns.get(*i as usize).map_or("?", |c| &c.0))
                }
            })
            .collect();
        parts.push(if *c == 1 { cells.join("·") } else { format!("{c}·{}", cells.join("·")) });
    }
    if e.constant != 0 || parts.is_empty() {
        parts.push(e.constant.to_string());
    }
    parts.join(" + ")
}
