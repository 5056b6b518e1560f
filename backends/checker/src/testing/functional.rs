//! A proof, found by machine, that a Program is a function of its inputs: two traces that it accepts and that agree on the inputs agree
//! on every cell. A lowering that leaves a value open, two cells that share a monomial and must not, a lookup that is not there:
//! each leaves cells that no rule below determines.
//!
//! Method: as for constraint systems elsewhere (Pailoor et al., "Automated Detection of Under-Constrained Circuits", PLDI 2023), facts are
//! drawn from one relation at a time until none is new: in which interval an unknown is, and that it is determined. The rules:
//! * a lookup bounds its entries; where all unknowns of an entry but one are bounded, that one is;
//! * (u − a)·(u − b) = 0 leaves a and b;
//! * a lookup of a determined key among distinct keys determines its other entries, each with one unknown left;
//! * a linear relation determines one unknown, or several that are digits: bounded, and each step of one more than all smaller ones
//!   together, the whole below p;
//! * where several integers share a relation (parts, times powers of a number t), the honest trace has each part zero, so an accepted one
//!   differs from it in part i by at most some D_i. If the sum of D_i·t^i is below p, and each step of t^i more than all smaller
//!   ones together, each part is zero, and the rule above is asked of each;
//! * a lookup that bounds an expression in which bounded unknowns are open determines them, where the least coefficient is more than the
//!   bounds leave, and each further one more than that and all smaller ones together: so a remainder makes its quotient unique, or the
//!   digits of one;
//! * a value whose differences from others are bounded from below by zero, while the product of all of them is zero, is their maximum.
//!
//! Hints are what a prover computes and many relations together pin down, such as the smallest number that keeps a sum of table values within
//! a limit. No rule here sees that: cells of hints are named by whoever asks, and taken as determined once they are bounded. That no
//! other number in their bounds is accepted is for tests that try all of them.
//!
//! # Correctness
//! Intervals are of the residue's representative in (−p/2, p/2), and nothing is concluded where a sum of magnitudes reaches p/2. The rule
//! of parts speaks of inputs for which an honest trace exists: that is what the differential tests between levels show.
use super::second;
use super::system::{MOST_PRODUCTS, Polynomial, System, Unknown};
use crate::table::signed;
use std::collections::{HashMap, HashSet};
use tessera_api::field::MODULUS;
use tessera_api::{Program, Role, RowOp, Step, Trace, WitnessPlan};

type Interval = (i128, i128);

/// Numbers from here on do not tell residues apart.
const HALF: i128 = (MODULUS / 2) as i128;

struct Facts<'a> {
    system: &'a System,
    intervals: HashMap<Unknown, Interval>,
    determined: HashSet<Unknown>,
    /// Per lookup relation: the interval of each entry, and whether the first entry determines the others.
    relations: Vec<(Vec<Interval>, bool)>,
    changed: bool,
}

/// Proves a Program to be a function of its inputs and of its `hints`, and searches another output beside the given honest trace. Errs with
/// cells that are open or what was found, and where the Program is too large to be written out.
pub fn is_a_function(program: &Program, honest: &Trace, hints: &[Unknown]) -> Result<(), String> {
    let system = System::of(program)
        .ok_or_else(|| format!("more than {MOST_PRODUCTS} products, which is too large to be written out"))?;
    if !system.hold(honest, program) {
        return Err("the honest trace does not satisfy what is written out".into());
    }
    let open = undetermined(&system, program, hints);
    if let Some(first) = open.first() {
        return Err(format!("{} cells are open, {first:?} among them", open.len()));
    }
    match second(&system, program, honest) {
        Some(other) => Err(format!("another output for the same inputs: {:?}", other.publics.tensors)),
        None => Ok(()),
    }
}

/// The cells of a plan's hints: what is stored of quotients, mantissas, exponents, thresholds, greatest elements and one-hot codes.
pub fn hints(plan: &WitnessPlan) -> Vec<Unknown> {
    let computed = plan.steps.iter().flat_map(|s| match s {
        Step::Threshold { y, .. } => vec![*y],
        Step::Greatest { greatest, at, .. } => vec![*greatest, *at],
        Step::OneHot { y, .. } => vec![*y],
        _ => vec![],
    });
    let computed: HashSet<u32> = computed.collect();
    let mut cells = vec![];
    for rows in plan.steps.iter().filter_map(|s| if let Step::Rows(r) = s { Some(r) } else { None }) {
        let mut registers = HashSet::new();
        for op in &rows.ops {
            match op {
                RowOp::Gather { tensor, dst, .. } if computed.contains(tensor) => {
                    registers.insert(*dst);
                }
                RowOp::Quotient { dst, .. } => {
                    registers.insert(*dst);
                }
                RowOp::Mantissa { mantissa, exponent, .. } => registers.extend([*mantissa, *exponent]),
                RowOp::Store { src, column } if registers.contains(src) => {
                    let cell = |row| Unknown::Witness { table: rows.table, row, column: *column };
                    cells.extend((rows.first_row..rows.first_row + rows.rows).map(cell));
                }
                _ => {}
            }
        }
    }
    cells
}

/// The unknowns that no rule determines, given the inputs, and hints that are bounded. None for a Program that is a function.
pub fn undetermined(system: &System, program: &Program, hints: &[Unknown]) -> Vec<Unknown> {
    let relations = system.provided.iter().map(|tuples| {
        let width = tuples.first().map_or(0, Vec::len);
        let bounds = |e: usize| {
            let values = tuples.iter().map(|t| signed(t[e]));
            (values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
        };
        let mut values: HashMap<u64, &Vec<u64>> = HashMap::new();
        let distinct = tuples.iter().all(|t| *values.entry(t[0]).or_insert(t) == t);
        ((0..width).map(bounds).collect(), distinct)
    });
    let relations = relations.collect();
    let mut facts =
        Facts { system, intervals: HashMap::new(), determined: HashSet::new(), relations, changed: true };
    for (t, p) in program.publics.iter().enumerate() {
        let (min, max) = p.stated_range();
        for element in 0..p.stated() as u32 {
            let u = Unknown::Public { tensor: t as u32, element };
            facts.intervals.insert(u, (min as i128, max as i128));
            if p.role == Role::Input {
                facts.determined.insert(u);
            }
        }
    }
    while std::mem::take(&mut facts.changed) {
        system.lookups.iter().for_each(|l| {
            let (bounds, distinct) = facts.relations[l.relation as usize].clone();
            for (e, bounds) in l.entries.iter().zip(bounds) {
                facts.bound(e, bounds);
                facts.remainder(e, bounds);
            }
            let key = l.entries[0].unknowns();
            if distinct && key.is_subset(&facts.determined) {
                l.entries[1..].iter().for_each(|e| facts.digits(e));
            }
        });
        (0..system.zeros.len()).for_each(|i| {
            facts.roots(&system.zeros[i].polynomial);
            facts.zero(i);
        });
        facts.maxima();
        for hint in hints {
            if facts.intervals.contains_key(hint) {
                facts.determine(*hint);
            }
        }
    }
    let zeros = system.zeros.iter().flat_map(|z| z.polynomial.unknowns());
    let lookups = system.lookups.iter().flat_map(|l| &l.entries).flat_map(Polynomial::unknowns);
    let mut open: Vec<Unknown> = zeros
        .chain(lookups)
        .filter(|u| !facts.determined.contains(u))
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    open.sort();
    open
}

impl Facts<'_> {
    fn determine(&mut self, u: Unknown) {
        self.changed |= self.determined.insert(u);
    }
    /// Whether nothing more of use can be learned of an unknown.
    fn settled(&self, u: &Unknown) -> bool {
        self.determined.contains(u) && self.intervals.contains_key(u)
    }
    /// An unknown is in an interval, beside what is known of it.
    fn within(&mut self, u: Unknown, new: Interval) {
        if new.0.abs() >= HALF || new.1.abs() >= HALF {
            return;
        }
        let old = self.intervals.get(&u).copied();
        let both = old.map_or(new, |old| (old.0.max(new.0), old.1.min(new.1)));
        if old != Some(both) {
            self.intervals.insert(u, both);
            self.changed = true;
        }
    }
    /// The interval of Σ coefficient · Π unknowns over the given terms, where all are bounded.
    fn interval<'b>(&self, terms: impl Iterator<Item = (&'b Vec<Unknown>, &'b u64)>) -> Option<Interval> {
        let mut sum = (0i128, 0i128);
        for (unknowns, k) in terms {
            let mut product = (signed(*k), signed(*k));
            for u in unknowns {
                let (a, b) = *self.intervals.get(u)?;
                let corners = [(product.0, a), (product.0, b), (product.1, a), (product.1, b)];
                let corners = corners.map(|(x, y)| x.checked_mul(y));
                let corners: Vec<i128> = corners.into_iter().collect::<Option<_>>()?;
                product = (*corners.iter().min()?, *corners.iter().max()?);
            }
            sum = (sum.0.checked_add(product.0)?, sum.1.checked_add(product.1)?);
        }
        (sum.0.abs() < HALF && sum.1.abs() < HALF).then_some(sum)
    }
    /// The unknowns of a polynomial that are open and stand alone, with their coefficients; `None` where one stands in a product.
    fn open(&self, p: &Polynomial) -> Option<Vec<(Unknown, u64)>> {
        let mut open = vec![];
        for (unknowns, k) in &p.0 {
            match &unknowns[..] {
                [u] if !self.determined.contains(u) => open.push((*u, *k)),
                all if all.iter().any(|u| !self.determined.contains(u)) => return None,
                _ => {}
            }
        }
        Some(open)
    }
    fn rest(&self, p: &Polynomial, without: &[(Unknown, u64)]) -> Option<Interval> {
        let alone = |u: &Vec<Unknown>| matches!(&u[..], [u] if without.iter().any(|w| w.0 == *u));
        self.interval(p.0.iter().filter(|(u, _)| !alone(u)))
    }
    /// Bounds the one unknown of an expression that is not bounded, or whose coefficient is ±1 if all are.
    fn bound(&mut self, e: &Polynomial, bounds: Interval) {
        let alone = e.0.iter().filter(|(u, k)| u.len() == 1 && signed(**k).abs() == 1);
        let useful = alone.filter(|(u, _)| !self.settled(&u[0])).map(|(u, k)| (u[0], *k));
        for (u, k) in useful.collect::<Vec<_>>() {
            let Some(rest) = self.rest(e, &[(u, k)]) else { continue };
            let of = (bounds.0 - rest.1, bounds.1 - rest.0);
            self.within(u, if signed(k) == 1 { of } else { (-of.1, -of.0) });
        }
    }
    /// The rule of remainders: of two values of what is open, the expression's would differ by more than its bounds do.
    fn remainder(&mut self, e: &Polynomial, bounds: Interval) {
        let Some(open) = self.open(e) else { return };
        self.digits_above(open, bounds.1 - bounds.0);
    }
    /// What is determined of an expression that is determined as a whole: one open unknown, or digits.
    fn digits(&mut self, p: &Polynomial) {
        match self.open(p) {
            Some(open) if open.len() == 1 => self.determine(open[0].0),
            Some(open) => self.digits_above(open, 0),
            None => {}
        }
    }
    /// Bounded unknowns are determined by their sum, known up to a difference of `below`, where each counts more than that and all smaller
    /// ones together.
    fn digits_above(&mut self, mut open: Vec<(Unknown, u64)>, mut below: i128) {
        open.sort_by_key(|(_, k)| signed(*k).abs());
        for (u, k) in &open {
            let (Some((a, b)), k) = (self.intervals.get(u), signed(*k).abs()) else { return };
            if k <= below {
                return;
            }
            let Some(next) = k.checked_mul(b - a).and_then(|x| x.checked_add(below)) else { return };
            below = next;
        }
        if below < MODULUS as i128 {
            open.into_iter().for_each(|(u, _)| self.determine(u));
        }
    }
    /// The rule of roots: where u² − s·u + q is zero, and is (u − a)·(u − b) over the integers.
    fn roots(&mut self, p: &Polynomial) {
        let Some(u) = p.0.keys().find_map(|u| if let [a, b] = u[..] { (a == b).then_some(a) } else { None })
        else {
            return;
        };
        let at = |unknowns: Vec<Unknown>| p.0.get(&unknowns).map_or(0, |k| signed(*k));
        let (square, sum, product) = (at(vec![u, u]), -at(vec![u]), at(vec![]));
        let terms = [square, sum, product].iter().filter(|k| **k != 0).count();
        if square != 1 || terms != p.0.len() || self.settled(&u) {
            return;
        }
        let Some(discriminant) = sum.checked_mul(sum).and_then(|s| s.checked_sub(4 * product)) else {
            return;
        };
        let Some(root) = u128::try_from(discriminant).ok().map(|d| d.isqrt() as i128) else { return };
        if root * root == discriminant {
            self.within(u, ((sum - root) / 2, (sum + root) / 2));
        }
    }
    fn zero(&mut self, i: usize) {
        let z = &self.system.zeros[i];
        let Some(open) = self.open(&z.polynomial) else { return };
        if z.polynomial.0.keys().flatten().all(|u| self.settled(u)) {
            return;
        }
        if let [(_, p)] = &z.parts[..] {
            self.bound(p, (0, 0));
            return self.digits(p);
        }
        if open.len() == 1 {
            return self.determine(open[0].0);
        }
        let mut below = 0i128;
        for (factor, p) in &z.parts {
            let Some(open) = self.open(p) else { return };
            let alone = |u: &Vec<Unknown>| matches!(&u[..], [u] if open.iter().any(|o| o.0 == *u));
            let (Some(enforced), Some(rest)) =
                (self.interval(p.0.iter().filter(|(u, _)| alone(u))), self.rest(p, &open))
            else {
                return;
            };
            // the honest value is −rest, within what is enforced
            let honest = (enforced.0.max(-rest.1), enforced.1.min(-rest.0));
            let differ = (enforced.1 - honest.0).max(honest.1 - enforced.0).max(0);
            if *factor as i128 <= below {
                return;
            }
            let Some(next) = (*factor as i128).checked_mul(differ).and_then(|x| x.checked_add(below)) else {
                return;
            };
            below = next;
        }
        if below < MODULUS as i128 {
            z.parts.iter().for_each(|(_, p)| self.digits(p));
        }
    }
    /// The rule of maxima, for every unknown that differences are looked up of.
    fn maxima(&mut self) {
        let mut differences: HashMap<Unknown, Vec<&Polynomial>> = HashMap::new();
        for l in &self.system.lookups {
            let [e] = &l.entries[..] else { continue };
            if let Some([(u, 1)]) = self.open(e).as_deref()
                && self.relations[l.relation as usize].0[0].0 == 0
            {
                differences.entry(*u).or_default().push(e);
            }
        }
        for (max, factors) in differences.into_iter().filter(|(_, f)| f.len() > 1) {
            let product = factors[1..].iter().fold(factors[0].clone(), |p, f| p.times(f));
            let others = factors.iter().map(|f| {
                let rest = self.rest(f, &[(max, 1)])?;
                Some((-rest.1, -rest.0))
            });
            let Some(others) = others.collect::<Option<Vec<Interval>>>() else { continue };
            if self.products(max).iter().any(|p| *p == product || negated(p) == product) {
                self.determine(max);
                let hull = others.iter().fold(others[0], |a, b| (a.0.max(b.0), a.1.max(b.1)));
                self.within(max, hull);
            }
        }
    }
    /// The system over `max` and determined unknowns, with cells that hold products of two factors written out.
    fn products(&self, max: Unknown) -> Vec<Polynomial> {
        let known = |u: &Unknown| *u == max || self.determined.contains(u);
        let mut zeros: Vec<Polynomial> = (self.system.zeros.iter().map(|z| z.polynomial.clone()))
            .filter(|p| p.unknowns().contains(&max))
            .collect();
        let mut at = 0;
        while at < zeros.len() {
            let p = zeros[at].clone();
            let others: Vec<Unknown> = p.unknowns().into_iter().filter(|u| !known(u)).collect();
            at += 1;
            if let [cell] = others[..]
                && let Some(k) = p.0.get(&vec![cell]).map(|k| signed(*k)).filter(|k| k.abs() == 1)
                && p.0.keys().filter(|u| u.contains(&cell)).count() == 1
            {
                let mut value = p.clone();
                value.0.remove(&vec![cell]);
                let value = if k == 1 { negated(&value) } else { value };
                let using = self
                    .system
                    .zeros
                    .iter()
                    .map(|z| &z.polynomial)
                    .filter(|q| **q != p && q.unknowns().contains(&cell));
                let written: Vec<Polynomial> = using.map(|q| q.substitute(cell, &value)).collect();
                zeros.extend(written);
            }
        }
        zeros
    }
}

fn negated(p: &Polynomial) -> Polynomial {
    let mut out = Polynomial::default();
    out.add_scaled(p, MODULUS - 1);
    out
}

impl Polynomial {
    fn substitute(&self, cell: Unknown, value: &Polynomial) -> Polynomial {
        let mut out = Polynomial::default();
        for (unknowns, k) in &self.0 {
            let rest: Vec<Unknown> = unknowns.iter().copied().filter(|u| *u != cell).collect();
            let times = unknowns.len() - rest.len();
            let start = Polynomial([(rest, *k)].into());
            out.add_scaled(&(0..times).fold(start, |p, _| p.times(value)), 1);
        }
        out
    }
}
