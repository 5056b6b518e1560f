//! Runs of a plan whose inputs become known element by element: each element of a tensor is computed once, when what it depends on is known.
//!
//! A model of language that reads a text token by token keeps the keys and values of all tokens before: they are known, and are not computed
//! again. That is not known here, it is found: where a mask is 0 nothing depends on the score behind it, and a product with a share that is known
//! to be 0 needs no value.
//!
//! Invariant: what is known is what [`Prepared::outputs`] says of every input that has the known elements. It rests on every element being written
//! by one step, or being a sum of products over what a constant wrote ([`Growth::new`] looks), on sums that stay in 64 bits
//! ([`Contract::grow`] looks), and on rows that compute with what is not known only where nothing depends on it ([`Waiting`]).
//!
//! [`Contract::grow`]: crate::contract::Contract::grow
use crate::contract::{Growing, Progress, State};
use crate::error::RunError;
use crate::execute::copy_runs;
use crate::prepare::Prepared;
use crate::rows::Waiting;
use crate::schedule::Access;
use crate::step::Checked;
use tessera_api::Run;

/// Runs a plan whose inputs become known element by element.
pub struct Growth<'p> {
    plan: &'p Prepared,
    tensors: Vec<Growing>,
    /// Of each tensor that is a sum: contractions whose products an element still misses.
    due: Vec<Vec<u16>>,
    /// What is known of each step's results.
    progress: Vec<Kept>,
    /// Whether every step was run.
    started: bool,
}

/// What a step keeps between runs.
enum Kept {
    Nothing,
    Sums(Progress),
    Rows(Waiting),
    /// Rows that are done.
    Done(Vec<bool>),
}

impl Prepared {
    /// Starts a run of which nothing is known; none where elements are written by more than one step, or commitments are computed.
    pub fn growth(&self) -> Option<Growth<'_>> {
        Growth::new(self)
    }
}

impl<'p> Growth<'p> {
    fn new(plan: &'p Prepared) -> Option<Growth<'p>> {
        let written = written_once(plan)?;
        let mut tensors: Vec<Growing> = plan.tensors.iter().map(|t| Growing::new(t.len)).collect();
        let mut due: Vec<Vec<u16>> = plan.tensors.iter().map(|_| vec![]).collect();
        let mut progress: Vec<Kept> = plan.steps.iter().map(|_| Kept::Nothing).collect();
        let live: Vec<usize> = plan.inference.levels.iter().flatten().copied().collect();
        for &s in &live {
            progress[s] = match &plan.steps[s] {
                Checked::Contract(c) => {
                    let p = c.progress(plan.tensors[c.y].len);
                    due[c.y].resize(plan.tensors[c.y].len, 0);
                    for i in c.reached(&p) {
                        due[c.y][i] = due[c.y][i].checked_add(1)?;
                    }
                    Kept::Sums(p)
                }
                Checked::Rows(r) => Kept::Rows(r.waiting()),
                Checked::Threshold(t) => Kept::Done(vec![false; plan.tensors[t.y].len]),
                Checked::Greatest(g) => Kept::Done(vec![false; plan.tensors[g.to[0]].len]),
                Checked::OneHot(o) => Kept::Done(vec![false; plan.tensors[o.x].len]),
                Checked::Commit { .. } => return None,
                Checked::Fill { data, dst, runs } => {
                    copy_runs(runs, data, &mut tensors[*dst].values);
                    Kept::Nothing
                }
                _ => Kept::Nothing,
            };
        }
        // constants, and what no step writes, are known; where products are added to them, the sums are not
        let mut filled: Vec<Vec<bool>> = plan.tensors.iter().map(|_| vec![]).collect();
        for &s in &live {
            if let Checked::Fill { dst, runs, .. } = &plan.steps[s] {
                filled[*dst].resize(plan.tensors[*dst].len, false);
                runs.iter().for_each(|r| places(&r.loops, r.start[0], &mut |i| filled[*dst][i] = true));
            }
        }
        for (t, tensor) in tensors.iter_mut().enumerate() {
            for i in 0..tensor.values.len() {
                let constant = !written[t].get(i).is_some_and(|w| *w) || filled[t].get(i).is_some_and(|f| *f);
                if constant && due[t].get(i).is_none_or(|due| *due == 0) {
                    tensor.know(i);
                }
            }
        }
        Some(Growth { plan, tensors, due, progress, started: false })
    }

    /// Elements of an input become known, from one on; of the inputs in the Program's order.
    ///
    /// # Errors
    /// Where there are no such elements, they are known, or a value is out of range; and where a step fails. Nothing more can be asked then.
    pub fn give(&mut self, input: usize, from: usize, values: &[i64]) -> Result<(), RunError> {
        let public = self.plan.publics.iter().enumerate().filter(|(_, p)| p.role.is_input()).nth(input);
        let Some((public, of)) = public else {
            return Err(RunError::Inputs(format!("the model has no input {input}")));
        };
        let places = from..from.saturating_add(values.len());
        if places.end > of.len() {
            return Err(RunError::Inputs(format!("elements {places:?} of {}", of.len())));
        }
        if let Some(x) = values.iter().find(|x| **x < of.min || **x > of.max) {
            return Err(RunError::Inputs(format!("value {x} is outside [{}, {}]", of.min, of.max)));
        }
        let live = self.plan.inference.levels.iter().flatten();
        for &s in live {
            tessera_cancel::point();
            if let Checked::Load { public: loaded, tensor } = &self.plan.steps[s] {
                if *loaded == public {
                    let tensor = &mut self.tensors[*tensor];
                    if let Some(i) = places.clone().find(|i| tensor.is_known(*i)) {
                        return Err(RunError::Inputs(format!("element {i} is known")));
                    }
                    places.clone().zip(values).for_each(|(i, value)| tensor.set(i, *value));
                }
            } else {
                self.step(s)?;
            }
        }
        self.tensors.iter_mut().for_each(Growing::settle);
        self.started = true;
        Ok(())
    }

    /// Tensors of the statement.
    pub fn publics(&self) -> usize {
        self.plan.publics.len()
    }

    /// What is known of an output; of the statement's tensors in the Program's order, nothing of what is none.
    pub fn known(&self, public: usize) -> Vec<Option<i64>> {
        let published = |step: &Checked| match step {
            Checked::Publish { tensor, public: p } if *p == public => Some(*tensor),
            _ => None,
        };
        let tensor = self.plan.steps.iter().find_map(published).map(|t| &self.tensors[t]);
        let known = |t: &Growing| (0..t.values.len()).map(|i| t.is_known(i).then(|| t.values[i])).collect();
        tensor.map(known).unwrap_or_default()
    }

    /// Computes what a step can compute of what has become known.
    fn step(&mut self, s: usize) -> Result<(), RunError> {
        let plan = self.plan;
        let step = &plan.steps[s];
        let Access { reads, writes, .. } = Access::of(step);
        let news = !self.started || reads.iter().any(|t| !self.tensors[*t].fresh.is_empty());
        if writes.is_empty() || !news {
            return Ok(());
        }
        let mut outs: Vec<Growing> =
            writes.iter().map(|t| std::mem::replace(&mut self.tensors[*t], Growing::new(0))).collect();
        let tensors = &self.tensors;
        let read = |t: usize| &tensors[t];
        let ok = match (step, &mut self.progress[s]) {
            (Checked::Gather { src, runs, .. }, _) => {
                let (src, dst) = (read(*src), &mut outs[0]);
                let news = src.news();
                for r in runs {
                    gather(
                        &r.loops,
                        (r.start[0], r.start[1]),
                        (news.start as i64, news.end as i64),
                        src,
                        dst,
                    );
                }
                Ok(())
            }
            (Checked::Contract(c), Kept::Sums(p)) => {
                let mut done = vec![];
                let followed = c.grow(read, &mut outs[0].values, p, &mut done);
                for i in done {
                    self.due[c.y][i] -= 1;
                    if self.due[c.y][i] == 0 {
                        outs[0].know(i);
                    }
                }
                let beyond = || RunError::Accumulator { tensor: plan.tensors[c.y].name.clone(), element: 0 };
                if followed { Ok(()) } else { Err(beyond()) }
            }
            (Checked::Rows(r), Kept::Rows(waiting)) => {
                r.grow(&read, waiting, &mut outs, &plan.relations, &plan.tables[r.table])
            }
            (Checked::Threshold(t), Kept::Done(done)) => {
                let ready = t.ready(read(t.x), done);
                let values = &mut outs[0].values;
                let ran = t.run(&read(t.x).values, values, &plan.relations, |row| ready[row]);
                know(&ready, 1, &mut outs[..1]);
                let failed =
                    |element| RunError::Threshold { tensor: plan.tensors[t.y].name.clone(), element };
                ran.map_err(failed)
            }
            (Checked::Greatest(g), Kept::Done(done)) => {
                let ready = ready(read(g.x), done);
                let mut values: Vec<Vec<i64>> =
                    outs.iter_mut().map(|o| std::mem::take(&mut o.values)).collect();
                g.run(&read(g.x).values, &mut values, |row| ready[row]);
                outs.iter_mut().zip(values).for_each(|(o, values)| o.values = values);
                know(&ready, 1, &mut outs);
                Ok(())
            }
            (Checked::OneHot(o), Kept::Done(done)) => {
                let ready = ready(read(o.x), done);
                o.run(&read(o.x).values, &mut outs[0].values, |row| ready[row]);
                let columns = plan.tensors[o.y].len / plan.tensors[o.x].len;
                know(&ready, columns, &mut outs);
                Ok(())
            }
            _ => Ok(()),
        };
        for (t, out) in writes.into_iter().zip(outs) {
            self.tensors[t] = out;
        }
        ok
    }
}

/// Rows of which everything is known and which are not done; they are done from now on.
fn ready(x: &Growing, done: &mut [bool]) -> Vec<bool> {
    let columns = x.values.len() / done.len().max(1);
    x.ready(done, |row| row * columns..(row + 1) * columns)
}

/// Results of rows become known.
fn know(ready: &[bool], columns: usize, outs: &mut [Growing]) {
    for out in outs {
        for row in (0..ready.len()).filter(|row| ready[*row]) {
            (row * columns..(row + 1) * columns).for_each(|i| out.know(i));
        }
    }
}

/// Copies elements that have become known.
fn gather(
    loops: &[(u32, Vec<i64>)],
    (to, from): (i64, i64),
    news: (i64, i64),
    src: &Growing,
    dst: &mut Growing,
) {
    let (mut least, mut most) = (from, from);
    for (count, step) in loops {
        let reach = (i64::from(*count) - 1) * step[1];
        (least, most) = (least + reach.min(0), most + reach.max(0));
    }
    if most < news.0 || least >= news.1 {
        return;
    }
    match loops {
        [] => {
            let (to, from) = (to as usize, from as usize);
            if src.state[from] == State::Fresh {
                dst.set(to, src.values[from]);
            }
        }
        [inner @ .., (count, step)] => {
            for i in 0..i64::from(*count) {
                gather(inner, (to + i * step[0], from + i * step[1]), news, src, dst);
            }
        }
    }
}

/// Which elements of each tensor a step writes; none where one is written twice, but by constants and the products that are added to them, and
/// where a tensor is written after it was read.
fn written_once(plan: &Prepared) -> Option<Vec<Vec<bool>>> {
    let live = || plan.inference.levels.iter().flatten().map(|s| &plan.steps[*s]);
    let mut summed = vec![false; plan.tensors.len()];
    for step in live() {
        if let Checked::Contract(c) = step {
            summed[c.y] = true;
        }
    }
    let mut written: Vec<Vec<bool>> = plan.tensors.iter().map(|_| vec![]).collect();
    let (mut once, mut read) = (true, vec![false; plan.tensors.len()]);
    for step in live() {
        let Access { reads, writes, .. } = Access::of(step);
        once &= writes.iter().all(|t| !read[*t]);
        reads.iter().for_each(|t| read[*t] = true);
        let constant = matches!(step, Checked::Contract(_) | Checked::Fill { .. });
        once &= constant || writes.iter().all(|t| !summed[*t]);
        let mut mark = |t: usize, i: usize| {
            written[t].resize(plan.tensors[t].len, false);
            once &= !std::mem::replace(&mut written[t][i], true);
        };
        match step {
            Checked::Contract(_) | Checked::Publish { .. } => {}
            Checked::Fill { dst, runs, .. } | Checked::Gather { dst, runs, .. } => {
                runs.iter().for_each(|r: &Run| places(&r.loops, r.start[0], &mut |i| mark(*dst, i)))
            }
            Checked::Rows(r) => r.scattered(&mut mark),
            _ => writes.iter().for_each(|t| (0..plan.tensors[*t].len).for_each(|i| mark(*t, i))),
        }
    }
    once.then_some(written)
}

/// Calls `f` for every element of what a nest of loops writes.
fn places(loops: &[(u32, Vec<i64>)], at: i64, f: &mut impl FnMut(usize)) {
    match loops {
        [] => f(at as usize),
        [inner @ .., (count, step)] => {
            (0..i64::from(*count)).for_each(|i| places(inner, at + i * step[0], f));
        }
    }
}
