//! Checks a plan against its Program and expands its layouts, so that running it can index freely.
//!
//! Invariant: after [`Prepared::new`] succeeded, every index in a step lies within the tensor, table or column it
//! addresses, every register is written before it is read, and the memory and work of a run are within [`Limits`].
use crate::budget::{ABSENT, Budget, Limits};
use crate::columns::{Columns, TableShape};
use crate::context::{Context, Refusal, Tensor};
use crate::contract::Contract;
use crate::error::PlanError;
use crate::greatest::Greatest;
use crate::lookup::{Counting, LookupRelations};
use crate::one_hot::OneHot;
use crate::rows::Rows;
use crate::schedule::{Access, Schedule};
use crate::step::Checked;
use crate::threshold::Threshold;
use tessera_api::commitment::{self, permutations};
use tessera_api::{Program, Public, Run, Seq, Step, WitnessPlan};

/// A plan that was checked against its Program and is ready to run, any number of times and from several threads.
pub struct Prepared {
    pub(crate) publics: Vec<Public>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) tables: Vec<TableShape>,
    pub(crate) steps: Vec<Checked>,
    /// All steps.
    pub(crate) full: Schedule,
    /// Only what the public outputs need; row programs reduced to what they scatter.
    pub(crate) inference: Schedule,
    pub(crate) counting: Counting,
    pub(crate) relations: LookupRelations,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}

impl Prepared {
    /// Checks and expands a plan, with the default [`Limits`].
    pub fn new(program: &Program, plan: &WitnessPlan) -> Result<Prepared, PlanError> {
        Prepared::with_limits(program, plan, Limits::default())
    }

    /// Checks and expands a plan.
    pub fn with_limits(program: &Program, plan: &WitnessPlan, limits: Limits) -> Result<Prepared, PlanError> {
        program.validate()?;
        let mut budget = Budget::new(limits);
        let mut tensors = vec![];
        for (name, len) in &plan.tensors {
            budget.elements(*len)?;
            if *len >= ABSENT as u64 {
                return Err(PlanError::Invalid(format!("tensor {name:?} has {len} elements")));
            }
            tensors.push(Tensor { name: name.clone(), len: *len as usize });
        }
        for t in &program.tables {
            budget.elements(t.rows as u64 * (t.witness.len() as u64 + 1))?;
        }
        let tables: Vec<TableShape> = program
            .tables
            .iter()
            .map(|t| TableShape {
                name: t.name.clone(),
                rows: t.rows as usize,
                padding: t.witness.iter().map(|w| w.padding).collect(),
            })
            .collect();
        let mut columns = Columns::new(program);
        let (relations, counting) = crate::lookup::prepare(program, &mut columns, &mut budget)?;
        let mut steps = vec![];
        for (i, s) in plan.steps.iter().enumerate() {
            let mut ctx = Context {
                program,
                tensors: &tensors,
                columns: &mut columns,
                relations: &relations,
                budget: &mut budget,
            };
            let step = prepare_step(s, &mut ctx).map_err(|reason| match reason {
                Refusal::Reason(reason) => PlanError::Step { step: i, what: describe(s), reason },
                Refusal::Error(e) => e,
            })?;
            steps.push(step);
        }
        let published = |p: usize| {
            steps.iter().filter(|s| matches!(s, Checked::Publish { public, .. } if *public == p)).count()
        };
        let committed = |p: usize| {
            steps.iter().filter(|s| matches!(s, Checked::Commit { public, .. } if *public == p)).count()
        };
        for (i, p) in program.publics.iter().enumerate() {
            if p.role.is_committed() && committed(i) != 1 {
                return Err(PlanError::Invalid(format!(
                    "tensor {:?} is committed to {} times instead of once",
                    p.name,
                    committed(i)
                )));
            }
            if !p.role.is_input() && published(i) != 1 {
                return Err(PlanError::Invalid(format!(
                    "output {:?} is published {} times instead of once",
                    p.name,
                    published(i)
                )));
            }
        }
        let access: Vec<Access> = steps.iter().map(Access::of).collect();
        let full = Schedule::new(&access, &vec![true; steps.len()])?;
        let live = crate::schedule::needed_for_outputs(&access);
        let inference = Schedule::new(&access, &live)?;
        Ok(Prepared {
            publics: program.publics.clone(),
            tensors,
            tables,
            steps,
            full,
            inference,
            counting,
            relations,
        })
    }
}

fn describe(s: &Step) -> String {
    match s {
        Step::Load { .. } => "load".into(),
        Step::Gather { .. } => "gather".into(),
        Step::Fill { .. } => "fill".into(),
        Step::Contract { .. } => "contract".into(),
        Step::Threshold { .. } => "threshold".into(),
        Step::Greatest { .. } => "greatest".into(),
        Step::OneHot { .. } => "one-hot code".into(),
        Step::Commit { .. } => "commit".into(),
        Step::Rows(r) => format!("rows of {}", r.source),
        Step::Publish { .. } => "publish".into(),
    }
}

/// Errs unless the k-th entries of all vectors are elements of so many.
fn within(places: &Seq, k: usize, len: usize) -> Result<(), String> {
    for r in &places.runs {
        let (lo, hi) = r.loops.iter().fold((r.start[k], r.start[k]), |(lo, hi), (count, step)| {
            let reach = (*count as i64 - 1) * step[k];
            (lo + reach.min(0), hi + reach.max(0))
        });
        if let Some(i) = [lo, hi].into_iter().find(|i| *i < 0 || *i as u64 >= len as u64) {
            return Err(format!("index {i} lies outside a tensor of {len} elements"));
        }
    }
    Ok(())
}

/// Nests of (element of what is written, element of what is read), of so many elements each.
fn copied(places: &Seq, lens: [usize; 2], ctx: &mut Context) -> Result<Box<[Run]>, Refusal> {
    let count = places.len().and_then(|n| places.check(2, n).map(|()| n)).map_err(|e| e.to_string())?;
    // they are kept as they are; each is copied
    ctx.budget.operations(count.into())?;
    for (k, len) in lens.into_iter().enumerate() {
        within(places, k, len)?;
    }
    Ok(places.runs.clone().into_boxed_slice())
}

fn prepare_step(s: &Step, ctx: &mut Context) -> Result<Checked, Refusal> {
    tessera_cancel::point();
    let public = |p: u32, tensor: usize, input: bool, ctx: &Context| -> Result<usize, String> {
        let n = ctx.program.publics.len();
        let shape = ctx
            .program
            .publics
            .get(p as usize)
            .ok_or_else(|| format!("public tensor {p} does not exist, there are {n}"))?;
        if shape.role.is_input() != input {
            let role = if input { "input" } else { "output" };
            return Err(format!("public tensor {:?} is not an {role}", shape.name));
        }
        let len = ctx.tensors[tensor].len;
        if shape.len() != len {
            return Err(format!(
                "public tensor {:?} has {} values, tensor {:?} has {len}",
                shape.name,
                shape.len(),
                ctx.tensors[tensor].name
            ));
        }
        Ok(p as usize)
    };
    Ok(match s {
        Step::Load { public: p, tensor } => {
            let tensor = ctx.tensor(*tensor)?;
            Checked::Load { public: public(*p, tensor, true, ctx)?, tensor }
        }
        Step::Publish { tensor, public: p } => {
            let tensor = ctx.tensor(*tensor)?;
            Checked::Publish { public: public(*p, tensor, false, ctx)?, tensor }
        }
        Step::Gather { src, dst, places } => {
            let (src, dst) = (ctx.tensor(*src)?, ctx.tensor(*dst)?);
            if src == dst {
                return Err(format!("tensor {:?} is gathered into itself", ctx.tensors[src].name).into());
            }
            let runs = copied(places, [dst, src].map(|t| ctx.tensors[t].len), ctx)?;
            Checked::Gather { src, dst, runs }
        }
        Step::Fill { constant, dst, places } => {
            let dst = ctx.tensor(*dst)?;
            let data = ctx.program.constants.get(*constant as usize);
            let data = data.ok_or_else(|| format!("constant {constant} does not exist"))?;
            let runs = copied(places, [ctx.tensors[dst].len, data.len()], ctx)?;
            Checked::Fill { data: data.values().map_err(PlanError::from)?.into_boxed_slice(), dst, runs }
        }
        Step::Contract { x, w, y, loops } => {
            let (x, y) = (ctx.tensor(*x)?, ctx.tensor(*y)?);
            Checked::Contract(Box::new(Contract::new((x, y), w, loops, ctx)?))
        }
        Step::Threshold { .. } => Checked::Threshold(Box::new(Threshold::new(s, ctx)?)),
        Step::Greatest { x, columns, greatest, at } => {
            Checked::Greatest(Greatest::new(*x, *columns, [*greatest, *at], ctx)?)
        }
        Step::OneHot { x, columns, y } => Checked::OneHot(OneHot::new(*x, *columns, *y, ctx)?),
        Step::Commit { x, public: p, cells } => {
            let (x, cells) = (ctx.tensor(*x)?, ctx.tensor(*cells)?);
            let input = ctx.program.publics.get(*p as usize).is_some_and(|p| p.role.is_input());
            let public = public(*p, x, input, ctx)?;
            let shape = &ctx.program.publics[public];
            if !shape.role.is_committed() {
                return Err(format!("tensor {:?} is not committed to", shape.name).into());
            }
            let wanted = permutations(ctx.tensors[x].len).checked_mul(commitment::CELLS);
            let found = ctx.tensors[cells].len;
            if x == cells || wanted != Some(found) {
                return Err(format!("{found} cells for a commitment to {} values", ctx.tensors[x].len).into());
            }
            ctx.budget.operations(found as u128 * 16)?;
            Checked::Commit { x, public, cells }
        }
        Step::Rows(r) => Checked::Rows(Box::new(Rows::new(r, ctx)?)),
    })
}
