//! Checks a plan against its Program and expands its layouts, so that running it can index freely.
//!
//! Invariant: after [`Prepared::new`] succeeded, every index in a step lies within the tensor, table or column it
//! addresses, every register is written before it is read, and the memory and work of a run are within [`Limits`].
use crate::contract::Contract;
use crate::error::PlanError;
use crate::lookup::{Buses, Counting};
use crate::rows::Rows;
use crate::schedule::{Access, Schedule};
use std::sync::Arc;
use tessera_api::{Program, Public, Role, Seq, Step, WitnessPlan};

/// What a plan may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tensor elements, trace cells and layout entries together; about 8 bytes each.
    pub elements: u64,
    /// Products of all contractions of one run.
    pub operations: u64,
}

impl Default for Limits {
    /// 2³⁰ elements (8 GiB) and 2⁴³ products.
    fn default() -> Limits {
        Limits { elements: 1 << 30, operations: 1 << 43 }
    }
}

/// What is left of the limits.
pub(crate) struct Budget {
    limits: Limits,
    elements: u64,
    operations: u64,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Budget {
        Budget { limits, elements: limits.elements, operations: limits.operations }
    }

    pub(crate) fn elements(&mut self, n: u64) -> Result<(), PlanError> {
        self.elements = self
            .elements
            .checked_sub(n)
            .ok_or(PlanError::Limit { what: "elements", limit: self.limits.elements })?;
        Ok(())
    }

    pub(crate) fn operations(&mut self, n: u128) -> Result<(), PlanError> {
        let limit = PlanError::Limit { what: "operations", limit: self.limits.operations };
        self.operations = u64::try_from(n).ok().and_then(|n| self.operations.checked_sub(n)).ok_or(limit)?;
        Ok(())
    }
}

/// Stands for an absent element in an expanded layout.
pub(crate) const ABSENT: u32 = u32::MAX;

/// Expands a layout of flat indices into a tensor of `len` elements; −1 becomes [`ABSENT`].
pub(crate) fn indices(
    seq: &Seq,
    entries: usize,
    len: usize,
    budget: &mut Budget,
) -> Result<Box<[u32]>, String> {
    seq.check(1, entries as u64).map_err(|e| e.to_string())?;
    budget.elements(entries as u64).map_err(|e| e.to_string())?;
    let (mut out, mut wrong) = (Vec::with_capacity(entries), None);
    seq.visit(entries, &mut |_, v| match v[0] {
        -1 => out.push(ABSENT),
        i if i >= 0 && (i as u64) < len as u64 => out.push(i as u32),
        i => wrong = wrong.or(Some(i)),
    })
    .map_err(|e| e.to_string())?;
    match wrong {
        None => Ok(out.into_boxed_slice()),
        Some(i) => Err(format!("index {i} lies outside a tensor of {len} elements")),
    }
}

/// A tensor's place.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub name: String,
    pub len: usize,
}

/// What running needs to know of a table.
#[derive(Clone, Debug)]
pub(crate) struct TableShape {
    pub name: String,
    pub rows: usize,
    /// Padding value of each witness column; its length is the width.
    pub padding: Vec<i64>,
}

/// A checked step.
pub(crate) enum Kind {
    Load { public: usize, tensor: usize },
    Gather { src: usize, dst: usize, index: Box<[u32]> },
    Contract(Box<Contract>),
    Rows(Box<Rows>),
    Publish { tensor: usize, public: usize },
}

/// A plan that was checked against its Program and is ready to run, any number of times and from several threads.
pub struct Prepared {
    pub(crate) publics: Vec<Public>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) tables: Vec<TableShape>,
    pub(crate) steps: Vec<Kind>,
    /// All steps.
    pub(crate) full: Schedule,
    /// Only what the public outputs need; row programs reduced to what they scatter.
    pub(crate) inference: Schedule,
    pub(crate) counting: Counting,
    pub(crate) buses: Buses,
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
        let (buses, counting) = crate::lookup::prepare(program, &mut columns, &mut budget)?;
        let mut steps = vec![];
        for (i, s) in plan.steps.iter().enumerate() {
            let mut ctx = Context {
                program,
                tensors: &tensors,
                columns: &mut columns,
                buses: &buses,
                budget: &mut budget,
            };
            let step = prepare_step(s, &mut ctx).map_err(|reason| match reason {
                Refusal::Reason(reason) => PlanError::Step { step: i, what: describe(s), reason },
                Refusal::Error(e) => e,
            })?;
            steps.push(step);
        }
        let published = |p: usize| {
            steps.iter().filter(|s| matches!(s, Kind::Publish { public, .. } if *public == p)).count()
        };
        for (i, p) in program.publics.iter().enumerate() {
            if p.role == Role::Output && published(i) != 1 {
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
            buses,
        })
    }
}

/// Fixed columns, expanded once and shared.
pub(crate) struct Columns<'a> {
    program: &'a Program,
    values: Vec<Vec<Option<Arc<Vec<i64>>>>>,
}

impl<'a> Columns<'a> {
    fn new(program: &'a Program) -> Columns<'a> {
        let values = program.tables.iter().map(|t| vec![None; t.fixed.len()]).collect();
        Columns { program, values }
    }

    /// The values of a fixed column on its active rows. The indices must exist.
    pub(crate) fn get(
        &mut self,
        table: usize,
        column: usize,
        budget: &mut Budget,
    ) -> Result<Arc<Vec<i64>>, PlanError> {
        if let Some(v) = &self.values[table][column] {
            return Ok(v.clone());
        }
        let t = &self.program.tables[table];
        budget.elements(t.rows as u64)?;
        let v = Arc::new(self.program.fixed_values(t, &t.fixed[column])?);
        self.values[table][column] = Some(v.clone());
        Ok(v)
    }
}

/// What checking a step may consult.
pub(crate) struct Context<'a, 'p> {
    pub program: &'p Program,
    pub tensors: &'a [Tensor],
    pub columns: &'a mut Columns<'p>,
    pub buses: &'a Buses,
    pub budget: &'a mut Budget,
}

impl Context<'_, '_> {
    /// A tensor's index, if there is one.
    pub(crate) fn tensor(&self, id: u32) -> Result<usize, String> {
        if (id as usize) < self.tensors.len() {
            Ok(id as usize)
        } else {
            Err(format!("tensor {id} does not exist, the plan has {}", self.tensors.len()))
        }
    }
}

/// Why a step is refused.
pub(crate) enum Refusal {
    /// Something in the step itself.
    Reason(String),
    /// A limit, or the Program.
    Error(PlanError),
}

impl From<String> for Refusal {
    fn from(s: String) -> Refusal {
        Refusal::Reason(s)
    }
}

impl From<PlanError> for Refusal {
    fn from(e: PlanError) -> Refusal {
        Refusal::Error(e)
    }
}

fn describe(s: &Step) -> String {
    match s {
        Step::Load { .. } => "load".into(),
        Step::Gather { .. } => "gather".into(),
        Step::Contract { .. } => "contract".into(),
        Step::Rows(r) => format!("rows of {}", r.source),
        Step::Publish { .. } => "publish".into(),
    }
}

fn prepare_step(s: &Step, ctx: &mut Context) -> Result<Kind, Refusal> {
    let public = |p: u32, tensor: usize, role: Role, ctx: &Context| -> Result<usize, String> {
        let n = ctx.program.publics.len();
        let shape = ctx
            .program
            .publics
            .get(p as usize)
            .ok_or_else(|| format!("public tensor {p} does not exist, there are {n}"))?;
        if shape.role != role {
            return Err(format!("public tensor {:?} is not an {role:?}", shape.name).to_lowercase());
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
            Kind::Load { public: public(*p, tensor, Role::Input, ctx)?, tensor }
        }
        Step::Publish { tensor, public: p } => {
            let tensor = ctx.tensor(*tensor)?;
            Kind::Publish { public: public(*p, tensor, Role::Output, ctx)?, tensor }
        }
        Step::Gather { src, dst, index } => {
            let (src, dst) = (ctx.tensor(*src)?, ctx.tensor(*dst)?);
            if src == dst {
                return Err(format!("tensor {:?} is gathered into itself", ctx.tensors[src].name).into());
            }
            let index = indices(index, ctx.tensors[dst].len, ctx.tensors[src].len, ctx.budget)?;
            Kind::Gather { src, dst, index }
        }
        Step::Contract { x, w, w_offset, y, loops } => {
            let (x, y) = (ctx.tensor(*x)?, ctx.tensor(*y)?);
            let w = ctx
                .program
                .constants
                .get(*w as usize)
                .ok_or_else(|| format!("constant {w} does not exist"))?
                .clone();
            Kind::Contract(Box::new(Contract::new(x, w, *w_offset, y, loops, ctx)?))
        }
        Step::Rows(r) => Kind::Rows(Box::new(Rows::new(r, ctx)?)),
    })
}
