//! Runs a prepared plan, level by level; the steps of a level at the same time.
//!
//! Invariant: a step owns what it writes while it runs (the tensors are taken out, the rows are split off), so steps of
//! a level share nothing that changes.
use crate::error::RunError;
use crate::prepare::Prepared;
use crate::schedule::Schedule;
use crate::step::Checked;
use rayon::prelude::*;
use tessera_api::commitment::{self, Root, SALT};
use tessera_api::field::is_balanced;
use tessera_api::{Public, Publics, Role, Run, Trace};

/// Called with the name and the values of a tensor after each step that wrote it.
pub type Observer<'a> = dyn FnMut(&str, &[i64]) + 'a;

/// A tensor as it is now: absent ones read as zeros.
#[derive(Default)]
pub(crate) struct Cells(Option<Vec<i64>>);

/// What a run is given, and what of its statement is known.
struct Given {
    /// Values of inputs, and of outputs once they are computed.
    publics: Publics,
    /// By tensor of the statement, as are roots; zeros where there is none.
    salts: Vec<[i64; SALT]>,
    roots: Vec<Option<Root>>,
}

struct Task<'a> {
    step: usize,
    /// In the order of the step's writes.
    outs: Vec<Vec<i64>>,
    rows: Option<&'a mut [i64]>,
}

impl Prepared {
    /// Computes tables and statement from one flat row-major vector per input, in the Program's order, and after these the salt of each
    /// committed tensor ([`Prepared::salts`]).
    ///
    /// Errs where an input has the wrong size or a value out of range, where a value leaves 64 bits, and where a lookup
    /// finds no entry.
    pub fn run(&self, inputs: Vec<Vec<i64>>) -> Result<Trace, RunError> {
        self.observe(inputs, &mut |_, _| {})
    }

    /// As [`Prepared::run`], with the values of all inputs and outputs, those that the statement does not have too.
    pub fn run_open(&self, inputs: Vec<Vec<i64>>) -> Result<(Trace, Publics), RunError> {
        self.fill(inputs, &mut |_, _| {})
    }

    /// How many tensors of the statement are committed to, each with a salt.
    pub fn salts(&self) -> usize {
        self.publics.iter().filter(|p| p.role.is_committed()).count()
    }

    /// Computes the outputs only, those that a statement does not have too: no tables, no multiplicities, no salts. Of inputs what is public.
    pub fn outputs(&self, inputs: Vec<Vec<i64>>) -> Result<Publics, RunError> {
        let count = self.publics.len();
        let mut given =
            Given { publics: self.inputs(inputs)?, salts: vec![[0; SALT]; count], roots: vec![None; count] };
        self.execute(&self.inference, &mut given, None, &mut |_, _| {})?;
        self.in_range(&given.publics)?;
        let hidden = |p: &Public| p.role.is_hidden() && p.role.is_input();
        let inputs = self.publics.iter().zip(&mut given.publics.tensors).filter(|(p, _)| hidden(p));
        inputs.for_each(|(_, values)| values.clear());
        Ok(given.publics)
    }

    /// As [`Prepared::run`], showing every tensor to `observer`.
    pub fn observe(&self, inputs: Vec<Vec<i64>>, observer: &mut Observer) -> Result<Trace, RunError> {
        self.fill(inputs, observer).map(|(trace, _)| trace)
    }

    fn fill(&self, mut inputs: Vec<Vec<i64>>, observer: &mut Observer) -> Result<(Trace, Publics), RunError> {
        let salts = inputs.split_off(inputs.len().saturating_sub(self.salts()));
        let mut given = Given {
            publics: self.inputs(inputs)?,
            salts: self.by_tensor(salts)?,
            roots: vec![None; self.publics.len()],
        };
        let mut tables: Vec<Vec<i64>> = self
            .tables
            .iter()
            .map(|t| {
                if t.padding.iter().all(|p| *p == 0) {
                    vec![0; t.rows * t.padding.len()]
                } else {
                    t.padding.repeat(t.rows)
                }
            })
            .collect();
        self.execute(&self.full, &mut given, Some(&mut tables), observer)?;
        self.counting.run(&self.relations, &self.tables, &mut tables)?;
        self.in_range(&given.publics)?;
        let stated = |((p, values), root): ((&Public, &Vec<i64>), &Option<Root>)| match (p.role, root) {
            (Role::Private, _) => vec![],
            (_, Some(root)) => root.0.to_vec(),
            (_, None) => values.clone(),
        };
        let all = self.publics.iter().zip(&given.publics.tensors).zip(&given.roots);
        let publics = Publics { tensors: all.map(stated).collect() };
        publics.check(&self.publics).map_err(RunError::Outputs)?;
        Ok((Trace { tables, publics }, given.publics))
    }

    /// Errs unless all values are in the range of their tensors.
    fn in_range(&self, all: &Publics) -> Result<(), RunError> {
        let values = |p: &Public| Public { role: Role::Output, ..p.clone() };
        let values: Vec<Public> = self.publics.iter().map(values).collect();
        all.check(&values).map_err(RunError::Outputs)
    }

    /// The salt of each tensor that is committed to.
    fn by_tensor(&self, salts: Vec<Vec<i64>>) -> Result<Vec<[i64; SALT]>, RunError> {
        let mut salts = salts.into_iter();
        let of = |p: &Public| match p.role.is_committed() {
            false => Ok([0; SALT]),
            true => salts
                .next()
                .and_then(|s| s.try_into().ok())
                .filter(|s: &[i64; SALT]| s.iter().all(|x| is_balanced(*x)))
                .ok_or_else(|| {
                    RunError::Inputs(format!(
                        "tensor {:?} is committed to: expected a salt of {SALT} residues",
                        p.name
                    ))
                }),
        };
        self.publics.iter().map(of).collect()
    }

    fn inputs(&self, inputs: Vec<Vec<i64>>) -> Result<Publics, RunError> {
        let expected: Vec<_> = self.publics.iter().filter(|p| p.role.is_input()).collect();
        if inputs.len() != expected.len() {
            return Err(RunError::Inputs(format!(
                "the model takes {} inputs, {} were given",
                expected.len(),
                inputs.len()
            )));
        }
        for (p, v) in expected.iter().zip(&inputs) {
            if v.len() != p.len() {
                return Err(RunError::Inputs(format!(
                    "input {:?}: expected {} values of shape {:?}, found {}",
                    p.name,
                    p.len(),
                    p.shape,
                    v.len()
                )));
            }
            if let Some((i, x)) = v.iter().enumerate().find(|(_, x)| **x < p.min || **x > p.max) {
                return Err(RunError::Inputs(format!(
                    "input {:?}: value {x} at {i} is outside [{}, {}]",
                    p.name, p.min, p.max
                )));
            }
        }
        let mut inputs = inputs.into_iter();
        let tensors = self
            .publics
            .iter()
            .map(|p| if p.role.is_input() { inputs.next().unwrap_or_default() } else { vec![] })
            .collect();
        Ok(Publics { tensors })
    }

    fn execute(
        &self,
        schedule: &Schedule,
        given: &mut Given,
        mut tables: Option<&mut Vec<Vec<i64>>>,
        observer: &mut Observer,
    ) -> Result<(), RunError> {
        let mut tensors: Vec<Cells> = self.tensors.iter().map(|_| Cells::default()).collect();
        for (level, free) in schedule.levels.iter().zip(&schedule.free) {
            let mut tasks: Vec<Task> = level
                .iter()
                .map(|s| Task { step: *s, outs: self.take(*s, &mut tensors), rows: None })
                .collect();
            if let Some(tables) = &mut tables {
                self.split_rows(&mut tasks, tables);
            }
            // reading an absent tensor reads zeros, which must exist
            for s in level {
                for t in self.reads(*s) {
                    tensors[t].0.get_or_insert_with(|| vec![0; self.tensors[t].len]);
                }
            }
            if let [task] = &mut tasks[..] {
                self.step(task, &tensors, given)?;
            } else {
                tasks.par_iter_mut().try_for_each(|t| self.step(t, &tensors, given))?;
            }
            let done: Vec<(usize, Vec<Vec<i64>>)> = tasks.into_iter().map(|t| (t.step, t.outs)).collect();
            for (step, outs) in done {
                if let Checked::Publish { tensor, public } = &self.steps[step] {
                    given.publics.tensors[*public] = tensors[*tensor].0.clone().unwrap_or_default();
                }
                if let (Checked::Commit { public, .. }, [cells]) = (&self.steps[step], &outs[..]) {
                    given.roots[*public] = commitment::root_of(cells);
                }
                for (t, v) in self.writes(step).into_iter().zip(outs) {
                    observer(&self.tensors[t].name, &v);
                    tensors[t].0 = Some(v);
                }
            }
            for t in free {
                tensors[*t].0 = None;
            }
        }
        Ok(())
    }

    fn reads(&self, step: usize) -> Vec<usize> {
        crate::schedule::Access::of(&self.steps[step]).reads
    }

    fn writes(&self, step: usize) -> Vec<usize> {
        crate::schedule::Access::of(&self.steps[step]).writes
    }

    /// Takes out the tensors a step writes.
    fn take(&self, step: usize, tensors: &mut [Cells]) -> Vec<Vec<i64>> {
        let out = |t: usize| tensors[t].0.take().unwrap_or_else(|| vec![0; self.tensors[t].len]);
        self.writes(step).into_iter().map(out).collect()
    }

    /// Gives every row step of a level its rows.
    fn split_rows<'a>(&self, tasks: &mut [Task<'a>], tables: &'a mut [Vec<i64>]) {
        let mut places: Vec<(usize, usize, usize, usize)> = tasks
            .iter()
            .enumerate()
            .filter_map(|(i, t)| match &self.steps[t.step] {
                Checked::Rows(r) => Some((r.table, r.first_row, r.rows, i)),
                _ => None,
            })
            .collect();
        places.sort_unstable();
        let mut places = places.into_iter().peekable();
        for (table, cells) in tables.iter_mut().enumerate() {
            let width = self.tables[table].padding.len();
            let (mut rest, mut at) = (&mut cells[..], 0);
            while let Some((_, first, rows, task)) = places.next_if(|p| p.0 == table) {
                let (_, tail) = rest.split_at_mut((first - at) * width);
                let (mine, tail) = tail.split_at_mut(rows * width);
                tasks[task].rows = Some(mine);
                (rest, at) = (tail, first + rows);
            }
        }
    }

    fn step(&self, task: &mut Task, tensors: &[Cells], given: &Given) -> Result<(), RunError> {
        tessera_cancel::point();
        let read = |t: usize| tensors[t].0.as_deref().unwrap_or_default();
        match &self.steps[task.step] {
            Checked::Load { public, .. } => task.outs[0].copy_from_slice(&given.publics.tensors[*public]),
            Checked::Gather { src, runs, .. } => copy_runs(runs, read(*src), &mut task.outs[0]),
            Checked::Fill { data, runs, .. } => copy_runs(runs, data, &mut task.outs[0]),
            Checked::Contract(c) => {
                c.run(read, &mut task.outs[0]).map_err(|element| RunError::Accumulator {
                    tensor: self.tensors[c.y].name.clone(),
                    element,
                })?;
            }
            Checked::Threshold(t) => {
                t.run(read(t.x), &mut task.outs[0], &self.relations, |_| true).map_err(|element| {
                    RunError::Threshold { tensor: self.tensors[t.y].name.clone(), element }
                })?;
            }
            Checked::Greatest(g) => g.run(read(g.x), &mut task.outs, |_| true),
            Checked::OneHot(o) => o.run(read(o.x), &mut task.outs[0], |_| true),
            Checked::Commit { x, public, .. } => {
                task.outs[0] = commitment::cells(&given.salts[*public], read(*x));
            }
            Checked::Rows(r) => {
                let table = &self.tables[r.table];
                r.run(&read, task.rows.as_deref_mut(), &mut task.outs, &self.relations, table)?;
            }
            Checked::Publish { .. } => {}
        }
        Ok(())
    }
}

/// Copies elements of `src` to where runs say.
pub(crate) fn copy_runs(runs: &[Run], src: &[i64], dst: &mut [i64]) {
    runs.iter().for_each(|r| copy(&r.loops, (r.start[0], r.start[1]), src, dst));
}

/// Copies elements along a loop nest, the innermost loop first, from (element of `dst`, element of `src`) on.
fn copy(loops: &[(u32, Vec<i64>)], (to, from): (i64, i64), src: &[i64], dst: &mut [i64]) {
    match loops {
        [] => dst[to as usize] = src[from as usize],
        [(n, step)] if step[..] == [1, 1] => {
            let n = *n as usize;
            dst[to as usize..][..n].copy_from_slice(&src[from as usize..][..n]);
        }
        [inner @ .., (n, step)] => {
            (0..*n as i64).for_each(|i| copy(inner, (to + i * step[0], from + i * step[1]), src, dst));
        }
    }
}
