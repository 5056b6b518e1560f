//! A search for a second trace: the same inputs, another output, and everything that a Program asks holds. One that is found says that
//! a lowering is too weak, whatever the honest prover does.
//!
//! Method: one value of an output is changed, then system that no longer hold are mended one by one, each by changing one unknown
//! that was not changed before, as far as a budget of tries goes. A linear relation says how; for a lookup, entries near the one that
//! was read are tried. What is found is judged by [`crate::check`]. Nothing found proves nothing: the budget is spent where an
//! attacker looks first, along the values that an output was made of.
use super::system::{Polynomial, System, Tuple, Unknown, value};
use std::collections::HashMap;
use tessera_api::field::{MODULUS, add, inv, mul};
use tessera_api::{Program, Role, Trace};

/// System mended per changed output, over all branches.
const TRIES: usize = 400;
/// Changed outputs, spread over all elements of all outputs.
const OUTPUTS: usize = 6;
/// Ways tried to mend one relation.
const WAYS: usize = 6;

/// A relation by index.
#[derive(Clone, Copy)]
enum Which {
    Zero(usize),
    Lookup(usize),
}

struct Search<'a> {
    system: &'a System,
    program: &'a Program,
    trace: &'a Trace,
    /// Which system an unknown stands in.
    uses: HashMap<Unknown, Vec<Which>>,
    /// What is changed, to what.
    changed: HashMap<Unknown, u64>,
    tries: usize,
}

/// A trace with the same inputs and other outputs that [`crate::check`] accepts, if one is found.
pub fn second(system: &System, program: &Program, trace: &Trace) -> Option<Trace> {
    let mut uses: HashMap<Unknown, Vec<Which>> = HashMap::new();
    for (i, z) in system.zeros.iter().enumerate() {
        z.polynomial.unknowns().into_iter().for_each(|u| uses.entry(u).or_default().push(Which::Zero(i)));
    }
    for (i, l) in system.lookups.iter().enumerate() {
        let unknowns = l.entries.iter().flat_map(Polynomial::unknowns);
        unknowns.for_each(|u| uses.entry(u).or_default().push(Which::Lookup(i)));
    }
    let outputs: Vec<Unknown> = (program.publics.iter().enumerate())
        .filter(|(_, p)| p.role == Role::Output)
        .flat_map(|(t, p)| {
            (0..p.len() as u32).map(move |element| Unknown::Public { tensor: t as u32, element })
        })
        .collect();
    let mut search = Search { system, program, trace, uses, changed: HashMap::new(), tries: 0 };
    for output in outputs.iter().step_by(outputs.len().div_ceil(OUTPUTS).max(1)) {
        for by in [1, MODULUS - 1] {
            search.changed = HashMap::from([(*output, add(value(program, trace, *output), by))]);
            search.tries = TRIES;
            if search.in_range(*output)
                && search.mend(search.uses.get(output).cloned().unwrap_or_default())
                && let Some(found) = search.found()
            {
                return Some(found);
            }
        }
    }
    None
}

/// The integer of a cell.
fn integer(x: u64) -> i64 {
    crate::table::signed(x) as i64
}

impl Search<'_> {
    fn value(&self, u: Unknown) -> u64 {
        self.changed.get(&u).copied().unwrap_or_else(|| value(self.program, self.trace, u))
    }
    fn tuple(&self, l: &Tuple) -> Vec<u64> {
        l.entries.iter().map(|e| e.eval(&|u| self.value(u))).collect()
    }
    /// Public values stay in their ranges; inputs do not change at all.
    fn in_range(&self, u: Unknown) -> bool {
        let Unknown::Public { tensor, .. } = u else { return true };
        let p = &self.program.publics[tensor as usize];
        p.role == Role::Output && (p.min..=p.max).contains(&integer(self.value(u)))
    }
    fn holds(&self, which: Which) -> bool {
        match which {
            Which::Zero(i) => self.system.zeros[i].polynomial.eval(&|u| self.value(u)) == 0,
            Which::Lookup(i) => self.system.provides(&self.system.lookups[i], &|u| self.value(u)),
        }
    }
    /// Mends the system that may be broken, the last first. Leaves `changed` as it was where that fails.
    fn mend(&mut self, mut broken: Vec<Which>) -> bool {
        while broken.last().is_some_and(|w| self.holds(*w)) {
            broken.pop();
        }
        let Some(which) = broken.last().copied() else { return true };
        for (u, x) in self.ways(which) {
            if self.tries == 0 {
                return false;
            }
            self.tries -= 1;
            self.changed.insert(u, x);
            let mut next = broken.clone();
            next.extend(self.uses[&u].iter().copied());
            if self.in_range(u) && self.mend(next) {
                return true;
            }
            self.changed.remove(&u);
        }
        false
    }
    /// Unknowns that may be changed so that a relation holds, or that it is nearer to holding.
    fn ways(&self, which: Which) -> Vec<(Unknown, u64)> {
        match which {
            Which::Zero(i) => self.solve(&self.system.zeros[i].polynomial, 0),
            Which::Lookup(i) => {
                let l = &self.system.lookups[i];
                let now = self.tuple(l);
                let distance = |t: &Vec<u64>| -> (usize, u64) {
                    let differ = t.iter().zip(&now).filter(|(a, b)| a != b);
                    let sizes = differ.map(|(a, b)| integer(add(*a, MODULUS - *b)).unsigned_abs());
                    sizes.fold((0, 0), |(n, far), d| (n + 1, far.saturating_add(d)))
                };
                let mut near: Vec<&Vec<u64>> = self.system.provided[l.relation as usize].iter().collect();
                if near.len() > WAYS {
                    near.select_nth_unstable_by_key(WAYS, |t| distance(t));
                    near.truncate(WAYS);
                }
                near.sort_by_key(|t| distance(t));
                let ways = near.into_iter().take(WAYS).flat_map(|t| {
                    let entry = (0..t.len()).find(|e| t[*e] != now[*e])?;
                    Some(self.solve(&l.entries[entry], t[entry]))
                });
                ways.flatten().take(WAYS).collect()
            }
        }
    }
    /// Changes of one unknown that give a polynomial a value.
    fn solve(&self, p: &Polynomial, wanted: u64) -> Vec<(Unknown, u64)> {
        let missing = add(wanted, MODULUS - p.eval(&|u| self.value(u)));
        let mut unknowns: Vec<Unknown> =
            p.unknowns().into_iter().filter(|u| !self.changed.contains_key(u)).collect();
        unknowns.sort();
        let ways = unknowns.into_iter().filter_map(|u| {
            // where the unknown enters linearly: the difference for a step of one
            let at = |x| p.eval(&|v| if v == u { x } else { self.value(v) });
            let slope = add(at(1), MODULUS - at(0));
            let x = add(self.value(u), mul(missing, inv(slope)));
            (slope != 0 && at(x) == wanted).then_some((u, x))
        });
        let mut ways: Vec<(Unknown, u64)> = ways.collect();
        // the smallest changes first: what is bound by ranges has no others
        ways.sort_by_key(|(u, x)| integer(add(*x, MODULUS - self.value(*u))).unsigned_abs());
        ways.truncate(WAYS);
        ways
    }
    /// The changed trace with its multiplicities, if the checker accepts it.
    fn found(&self) -> Option<Trace> {
        let mut trace = self.trace.clone();
        for (u, x) in &self.changed {
            match *u {
                Unknown::Witness { table, row, column } => {
                    let width = self.program.tables[table as usize].witness.len();
                    trace.tables[table as usize][row as usize * width + column as usize] = integer(*x);
                }
                Unknown::Public { tensor, element } => {
                    trace.publics.tensors[tensor as usize][element as usize] = integer(*x)
                }
            }
        }
        self.system.count(self.trace, &mut trace, self.program);
        crate::check(self.program, &trace).is_ok().then_some(trace)
    }
}
