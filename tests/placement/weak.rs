//! A Program that asks too little is seen by what proves Programs to be functions of their inputs.
use tessera_api::{Cell, Lane, Program, Trace};
use tessera_checker::testing::system::System;
use tessera_checker::testing::{second, undetermined};

/// A Program with something left out, and what.
fn weakened(program: &Program) -> Vec<(String, Program)> {
    let mut all = vec![];
    let mut without = |what: String, change: &dyn Fn(&mut Program)| {
        let mut weak = program.clone();
        change(&mut weak);
        all.push((what, weak));
    };
    for (t, table) in program.tables.iter().enumerate() {
        for i in 0..table.lookups.len() {
            without(format!("{} without lookup {i}", table.name), &|p| drop(p.tables[t].lookups.remove(i)));
        }
        for i in 0..table.constraints.len() {
            without(format!("{} without constraint {i}", table.name), &|p| {
                drop(p.tables[t].constraints.remove(i))
            });
        }
    }
    for (f, fold) in program.folds.iter().enumerate() {
        // where values are used; where they are made, another function would be asked for, not less
        let chosen = |lane: &Lane| {
            lane.expr
                .terms
                .iter()
                .all(|(k, cells)| *k > 0 && cells.iter().all(|c| matches!(c, Cell::Witness(_))))
        };
        for (i, _) in fold.lanes.iter().enumerate().filter(|(_, lane)| chosen(lane)) {
            // all cells of a lane under one monomial
            without(format!("{} with one monomial in lane {i}", fold.name), &|p| {
                let runs = &mut p.folds[f].lanes[i].monomials.runs;
                let first = runs.iter().find(|run| run.start[0] == 1).map(|run| run.start.clone());
                for run in runs.iter_mut().filter(|run| run.start[0] == 1) {
                    run.start.clone_from(first.as_ref().expect("this one, if no other"));
                    run.loops.iter_mut().for_each(|(_, steps)| steps[1..].fill(0));
                }
            });
        }
    }
    all
}

/// Leaves out of a placed Program one thing at a time. Where the honest trace is still accepted, cells must be open, and a second
/// output is searched. Returns how many were left out so, and for how many of them an output was found.
pub fn is_seen(program: &Program, honest: &Trace) -> (usize, usize) {
    let whole = System::of(program).expect("a small Program");
    let (mut kept, mut attacked) = (0, 0);
    for (what, weak) in weakened(program) {
        let system = System::of(&weak).expect("a small Program");
        if weak == *program || weak.validate().is_err() || !system.hold(honest, &weak) {
            continue;
        }
        kept += 1;
        assert!(!undetermined(&system, &weak, &[]).is_empty(), "{what}, and nothing is open");
        let mut trace = honest.clone();
        system.count_from(&whole, honest, &mut trace, &weak);
        attacked += usize::from(second(&system, &weak, &trace).is_some());
    }
    (kept, attacked)
}
