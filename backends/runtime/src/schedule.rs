//! The order of steps: a graph of who reads what whom wrote, cut into levels whose steps may run at the same time.
//!
//! Invariants: two steps of one level never write the same tensor, row or output, and none reads what another of the
//! same level writes; a step comes after every earlier step of the plan that it conflicts with.
use crate::error::PlanError;
use crate::step::Checked;
use petgraph::graph::{DiGraph, NodeIndex};
use std::ops::Range;

/// What a step touches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub reads: Vec<usize>,
    pub writes: Vec<usize>,
    pub rows: Option<(usize, Range<usize>)>,
    pub publishes: bool,
}

impl Access {
    pub(crate) fn of(k: &Checked) -> Access {
        match k {
            Checked::Load { tensor, .. } => Access { writes: vec![*tensor], ..Access::default() },
            Checked::Gather { src, dst, .. } => {
                Access { reads: vec![*src], writes: vec![*dst], ..Access::default() }
            }
            Checked::Fill { dst, .. } => Access { writes: vec![*dst], ..Access::default() },
            Checked::Contract(c) => Access { reads: c.reads(), writes: vec![c.y], ..Access::default() },
            Checked::Threshold(t) => Access { reads: vec![t.x], writes: vec![t.y], ..Access::default() },
            Checked::Greatest(g) => Access { reads: vec![g.x], writes: g.to.to_vec(), ..Access::default() },
            Checked::OneHot(o) => Access { reads: vec![o.x], writes: vec![o.y], ..Access::default() },
            Checked::Commit { x, cells, .. } => {
                Access { reads: vec![*x], writes: vec![*cells], ..Access::default() }
            }
            Checked::Rows(r) => Access {
                reads: r.reads.clone(),
                writes: r.writes.clone(),
                rows: Some((r.table, r.first_row..r.first_row + r.rows)),
                publishes: false,
            },
            Checked::Publish { tensor, .. } => {
                Access { reads: vec![*tensor], publishes: true, ..Access::default() }
            }
        }
    }
}

/// Steps by level, and which tensors nobody needs after a level.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub levels: Vec<Vec<usize>>,
    pub free: Vec<Vec<usize>>,
}

impl Schedule {
    /// Levels of the steps for which `live` holds.
    pub(crate) fn new(access: &[Access], live: &[bool]) -> Result<Schedule, PlanError> {
        let mut graph: DiGraph<usize, ()> = DiGraph::new();
        let nodes: Vec<Option<NodeIndex>> =
            live.iter().enumerate().map(|(i, l)| l.then(|| graph.add_node(i))).collect();
        let tensors = access.iter().flat_map(|a| a.reads.iter().chain(&a.writes)).max().map_or(0, |m| m + 1);
        let tables = access.iter().filter_map(|a| a.rows.as_ref()).map(|r| r.0 + 1).max().unwrap_or(0);
        let mut writer: Vec<Option<NodeIndex>> = vec![None; tensors];
        let mut readers: Vec<Vec<NodeIndex>> = vec![vec![]; tensors];
        let mut filled: Vec<Vec<(Range<usize>, NodeIndex)>> = vec![vec![]; tables];
        for (a, node) in access.iter().zip(&nodes) {
            let Some(n) = *node else { continue };
            for t in &a.reads {
                if let Some(w) = writer[*t] {
                    graph.add_edge(w, n, ());
                }
                readers[*t].push(n);
            }
            for t in &a.writes {
                if let Some(w) = writer[*t] {
                    graph.add_edge(w, n, ());
                }
                for r in readers[*t].drain(..).filter(|r| *r != n) {
                    graph.add_edge(r, n, ());
                }
                writer[*t] = Some(n);
            }
            if let Some((table, rows)) = &a.rows {
                for (_, m) in filled[*table].iter().filter(|(r, _)| r.start < rows.end && rows.start < r.end)
                {
                    graph.add_edge(*m, n, ());
                }
                filled[*table].push((rows.clone(), n));
            }
        }
        let order = petgraph::algo::toposort(&graph, None)
            .map_err(|_| PlanError::Invalid("its steps wait for each other".into()))?;
        let mut level = vec![0; graph.node_count()];
        for n in order {
            for m in graph.neighbors(n) {
                level[m.index()] = level[m.index()].max(level[n.index()] + 1);
            }
        }
        let count = level.iter().max().map_or(0, |m| m + 1);
        let mut levels = vec![vec![]; count];
        let mut last = vec![None; tensors];
        for n in graph.node_indices() {
            let (step, l) = (graph[n], level[n.index()]);
            levels[l].push(step);
            for t in access[step].reads.iter().chain(&access[step].writes) {
                last[*t] = last[*t].max(Some(l));
            }
        }
        let mut free = vec![vec![]; count];
        for (t, l) in last.into_iter().enumerate() {
            if let Some(l) = l {
                free[l].push(t);
            }
        }
        Ok(Schedule { levels, free })
    }
}

/// Which steps the public outputs depend on.
pub(crate) fn needed_for_outputs(access: &[Access]) -> Vec<bool> {
    let tensors = access.iter().flat_map(|a| a.reads.iter().chain(&a.writes)).max().map_or(0, |m| m + 1);
    let mut needed = vec![false; tensors];
    let mut live = vec![false; access.len()];
    for (a, l) in access.iter().zip(&mut live).rev() {
        // a step may write a part of a tensor only, so writing never ends the need for earlier writers
        *l = a.publishes || a.writes.iter().any(|t| needed[*t]);
        if *l {
            a.reads.iter().for_each(|t| needed[*t] = true);
        }
    }
    live
}
