//! A simulator: proofs without a witness, at challenges that are known beforehand. The verifier takes them, and what they show is
//! distributed as what real proofs show.
//!
//! It commits to columns that are uniform on every row, draws exposed values that satisfy equations, links and the sum of lookups, and
//! commits to segments that are uniform but for what the identity at the out-of-domain point and its conjugates asks of them. FRI is
//! the honest prover's. Of the Program it has the key, of the statement the public values.
use super::hiding::{Bench, Dropped, deaf, exposed, rank};
use super::join::{join, shape};
use super::*;
use crate::adversary::{Claims, Tamper};
use crate::air::Operand as Exposed;
use crate::arithmetic::{Columns, F, MODULUS, Mat, PrimeField64, signed};
use crate::hiding::random::{Purpose, Seed};
use crate::hiding::segments::Segments;
use crate::keys::Proof;
use crate::transcript::{Check, Transcript};
use crate::verify::{At, equation, rounds};

/// Draws everything from one seed; of each group's quotient it adds a polynomial of low degree to the first segment.
struct Simulator<E> {
    number: u8,
    corrections: Vec<Vec<E>>,
}

impl<E: Extension> Simulator<E> {
    fn seed(&self) -> Seed {
        Seed::of_weights(&[self.number; 32], &Digest([0x51; 32]))
    }
}

/// A linear condition on exposed values: coefficients, and what it comes to.
struct Condition<E> {
    coefficients: Vec<E>,
    excess: E,
}

/// Equations, links, and the sum of lookups.
fn conditions<E: Extension>(values: &[E], c: &Claims<E>) -> Vec<Condition<E>> {
    let (air, n) = (c.air, values.len());
    let void = air.void.iter().map(|(k, d)| d.value(c.monomials).inverse() * signed(*k)).sum::<E>();
    let mut all = vec![];
    let mut add = |terms: &mut dyn Iterator<Item = (u32, E)>, excess: E| {
        let mut coefficients = E::zero_vec(n);
        terms.for_each(|(t, k)| coefficients[t as usize] += k);
        all.push(Condition { coefficients, excess });
    };
    let lookups: E = air.lookup_terminals.iter().map(|t| values[*t as usize]).sum();
    add(&mut air.lookup_terminals.iter().map(|t| (*t, E::ONE)), lookups + void);
    for (a, b) in &air.links {
        let excess = values[*a as usize] - values[*b as usize];
        add(&mut [(*a, E::ONE), (*b, -E::ONE)].into_iter(), excess);
    }
    for e in &air.equations {
        let mut terms = e.terms.iter().filter_map(|t| match &t.operand {
            Exposed::Terminals(list) => {
                let [one] = list[..] else { panic!("a product of exposed values in a hiding proof") };
                Some((one, c.monomials[t.monomial as usize] * signed(t.coefficient)))
            }
            Exposed::Public { .. } | Exposed::Ones { .. } => None,
        });
        add(&mut terms, equation(e, values, c.monomials, c.point, c.publics));
    }
    all
}

/// Moves values so that all conditions hold: by elimination, one value a condition.
fn satisfy<E: Extension>(values: &mut [E], mut conditions: Vec<Condition<E>>) {
    let mut pivots = vec![];
    for i in 0..conditions.len() {
        let found = conditions[i].coefficients.iter().position(|k| *k != E::ZERO);
        let Some(p) = found else {
            assert_eq!(conditions[i].excess, E::ZERO, "a condition that nothing can satisfy");
            continue;
        };
        let by = conditions[i].coefficients[p].inverse();
        conditions[i].coefficients.iter_mut().for_each(|k| *k *= by);
        conditions[i].excess *= by;
        let (row, excess) = (conditions[i].coefficients.clone(), conditions[i].excess);
        for (j, other) in conditions.iter_mut().enumerate() {
            let k = other.coefficients[p];
            if j != i && k != E::ZERO {
                other.coefficients.iter_mut().zip(&row).for_each(|(x, y)| *x -= k * *y);
                other.excess -= k * excess;
            }
        }
        pivots.push((p, i));
    }
    for (p, i) in pivots {
        values[p] -= conditions[i].excess;
    }
}

impl<E: Extension> Tamper<E> for Simulator<E> {
    fn entropy(&mut self) -> Option<[u8; 32]> {
        Some([self.number; 32])
    }

    fn masks(&mut self, groups: &mut [Mat]) {
        for (g, m) in groups.iter_mut().enumerate() {
            self.seed().stream(Purpose::Masks(1), g, 0).fill(&mut m.values);
        }
    }

    fn extension_masks(&mut self, round: u8, groups: &mut [Columns<E>]) {
        for (g, c) in groups.iter_mut().enumerate() {
            let mut stream = self.seed().stream(Purpose::Masks(round), g, 0);
            c.values.iter_mut().for_each(|x| *x = stream.extension());
        }
    }

    fn terminals(&mut self, values: &mut [E], claims: &Claims<E>) {
        let mut stream = self.seed().stream(Purpose::Weights, 0, 0);
        values.iter_mut().for_each(|x| *x = stream.extension());
        satisfy(values, conditions(values, claims));
    }

    fn segments(&mut self, groups: &mut [Segments]) {
        let d = E::DEGREE;
        for (g, Segments { tall, last }) in groups.iter_mut().enumerate() {
            let mut stream = self.seed().stream(Purpose::Segments, g, 0);
            for row in tall.values.chunks_exact_mut(3 * d) {
                stream.fill(&mut row[..2 * d]);
            }
            stream.fill(&mut last.values);
            let Some(add) = self.corrections.get(g) else { continue };
            for (row, x) in tall.values.chunks_exact_mut(3 * d).zip(add) {
                row[..d].iter_mut().zip(x.as_basis_coefficients_slice()).for_each(|(r, x)| *r += *x);
            }
        }
    }
}

fn conjugate<E: Extension>(x: E) -> E {
    x.exp_u64(MODULUS)
}

/// Per group the coefficients of the polynomial by which a quotient misses what the constraints come to, at the out-of-domain point and
/// its conjugates. A real proof's is zero.
fn misses<E: Extension>(b: &Bench<E>, proof: &Proof<E>) -> Vec<Vec<E>> {
    let (air, p) = (&b.pk.vk.air, &b.pk.vk.security);
    // the verifier's challenges
    let transcript = || Transcript::new(b.pk.vk.digest(), &b.case.trace.publics, Check([].iter()));
    let mut t = deaf(0, transcript);
    let mut challenges = t.challenges::<E>(None, air, p).unwrap();
    if !air.links.is_empty() {
        t.eta(&mut challenges, p).unwrap();
    }
    let alpha = t.alpha(&proof.terminals, p).unwrap();
    let zeta: E = t.zeta(proof.commitments.last().unwrap(), p).unwrap();
    let monomials = crate::air::symbol::evaluate(&air.monomials, &challenges.0);
    let rounds = rounds(air);
    let at = At { air, rounds: &rounds, monomials: &monomials, alpha, terminals: &proof.terminals };
    let (mut point, mut opened) = (zeta, proof.opened.clone());
    // (point, per group what is missing)
    let mut values = vec![];
    for _ in 0..E::DEGREE {
        let missing =
            at.evaluate(&opened, point).into_iter().zip(&air.groups).map(|((constraints, quotient), g)| {
                constraints * crate::p3::vanishing(g.log_height, point).inverse() - quotient
            });
        values.push((point, missing.collect::<Vec<E>>()));
        opened.iter_mut().flatten().flatten().flatten().for_each(|x| *x = conjugate(*x));
        point = conjugate(point);
    }
    assert_eq!(point, zeta);
    (0..air.groups.len())
        .map(|g| {
            // Lagrange
            let mut out = E::zero_vec(E::DEGREE);
            for (i, (x, y)) in values.iter().enumerate() {
                let mut term = vec![y[g]];
                for (_, (z, _)) in values.iter().enumerate().filter(|(j, _)| *j != i) {
                    let by = (*x - *z).inverse();
                    let mut next = E::zero_vec(term.len() + 1);
                    for (k, t) in term.iter().enumerate() {
                        next[k] -= *t * *z * by;
                        next[k + 1] += *t * by;
                    }
                    term = next;
                }
                out.iter_mut().zip(term).for_each(|(o, t)| *o += t);
            }
            out
        })
        .collect()
}

/// A proof without a witness.
fn simulate<E: Extension>(b: &Bench<E>, number: u8) -> Proof<E> {
    let mut trace = b.case.trace.clone();
    trace.tables.iter_mut().flatten().for_each(|x| *x = 0);
    let run = |corrections: Vec<Vec<E>>| {
        let mut simulator = Simulator { number, corrections };
        deaf(0, || crate::prove_with(&b.pk, trace.clone(), &mut simulator)).unwrap().0
    };
    let first = run(vec![]);
    run(misses(b, &first))
}

/// Tables of these heights: as few queries and rows as can be, for many proofs.
pub fn benches<E: Extension>() -> Vec<Bench<E>> {
    let bench = |case: Case| {
        let heights: Vec<u8> = case.program.tables.iter().map(|t| t.log_height.max(6) + 1).collect();
        Bench::new(case, 2, &heights)
    };
    vec![bench(lookups(1)), bench(folds(3)), bench(join(5, shape(5)))]
}

/// Half of χ² between two lists of draws of one element, in eight classes of equal size; seven degrees of freedom.
fn chi_squared(a: &[F], b: &[F]) -> f64 {
    let count = |list: &[F]| {
        let mut n = [0f64; 8];
        list.iter().for_each(|x| n[(x.as_canonical_u64() >> 61) as usize] += 1.0);
        n
    };
    count(a).iter().zip(count(b)).map(|(a, b)| (a - b).powi(2) / (a + b).max(1.0)).sum()
}

/// What tells two lists of draws apart: an element that is distributed otherwise, or elements side by side with linear relations that the
/// others do not have.
fn apart(a: &[Vec<F>], b: &[Vec<F>]) -> Option<String> {
    /// Fewer than draws.
    const ELEMENTS: usize = 64;
    let column = |list: &[Vec<F>], i: usize| list.iter().map(|v| v[i]).collect::<Vec<F>>();
    for i in 0..a[0].len() {
        let chi = chi_squared(&column(a, i), &column(b, i));
        // 7 degrees of freedom: by chance 10⁻⁷
        if chi > 45.0 {
            return Some(format!("element {i}: χ² {chi:.1}"));
        }
    }
    for from in (0..a[0].len()).step_by(ELEMENTS) {
        let part = from..(from + ELEMENTS).min(a[0].len());
        let span = |lists: [&[Vec<F>]; 2]| {
            let differences = lists
                .concat()
                .into_iter()
                .map(|v| v[part.clone()].iter().zip(&a[0][part.clone()]).map(|(x, y)| *x - *y).collect());
            rank(differences.collect())
        };
        let ranks = [span([a, a]), span([b, &a[..1]]), span([a, b])];
        if ranks[0] != ranks[1] || ranks[0] != ranks[2] {
            return Some(format!("elements {part:?}: ranks {ranks:?}"));
        }
    }
    None
}

fn elements<E: Extension>(b: &Bench<E>, p: &Proof<E>) -> Vec<F> {
    exposed(&b.pk.vk, p).into_iter().map(|(_, x)| x).collect()
}

/// What real proofs show is what simulated ones do: every element is distributed alike, elements side by side have the same linear
/// relations, and the quotients' identity holds at all conjugates of the point. The verifier takes both. No prover that leaves out a part of the randomness passes.
fn simulated_proofs_are_as_real_ones<E: Extension>() {
    const MANY: u8 = 120;
    for b in benches::<E>() {
        let name = &b.case.name;
        let (mut real, mut simulated) = (vec![], vec![]);
        for number in 1..=MANY {
            let (honest, made) = (b.prove(number, None, Dropped::Nothing), simulate(&b, number));
            if let Err(e) = b.verdict(&made) {
                panic!("{name}: {e}");
            }
            for p in [&honest, &made] {
                assert!(misses(&b, p).iter().flatten().all(|x| *x == E::ZERO), "{name}");
            }
            real.push(elements(&b, &honest));
            simulated.push(elements(&b, &made));
        }
        println!("{name}: {} elements", real[0].len());
        assert_eq!(apart(&real, &simulated), None, "{name}");
        for dropped in [Dropped::Witness, Dropped::Columns(2), Dropped::Blinds, Dropped::Salts] {
            let list: Vec<Vec<F>> =
                (1..=MANY).map(|number| elements(&b, &b.prove(number, None, dropped))).collect();
            let found = apart(&list, &simulated);
            assert!(found.is_some(), "{name}, {dropped:?}");
        }
        // without a witness, and without what a simulator corrects, nothing is accepted
        let mut trace = b.case.trace.clone();
        trace.tables.iter_mut().flatten().for_each(|x| *x = 0);
        let mut simulator = Simulator { number: 1, corrections: vec![] };
        let wrong = deaf(0, || crate::prove_with(&b.pk, trace, &mut simulator)).unwrap().0;
        assert!(matches!(b.verdict(&wrong), Err(VerifyError::Constraints(_))), "{name}");
    }
}

both!(simulated_proofs_are_as_real_ones);
