//! A forger who changes any one thing, at any phase, and goes on as the protocol says.
//!
//! A [`Forgery`] is plain data: what kind of thing, which of all things of that kind, and by how much. Kinds up to
//! [`Forged::Transcript`] are done while proving, through [`Tamper`]; the others change a finished proof.
//!
//! Invariants: a forgery changes one thing or nothing, and says which; what it changes is different afterwards.
use super::{Claims, Drawn, Tamper};
use crate::air::{Air, Equation, EquationTerm, Operand};
use crate::arithmetic::{Columns, Extension, F, Field, Mat, PrimeCharacteristicRing, PrimeField64, signed};
use crate::hiding::segments::Segments;
use crate::keys::Proof;
use crate::p3::{Commitment, extend};
use crate::transcript::{Message, Skew};
use crate::verify::equation;

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forged {
    /// A cell of a witness column, on any physical row: multiplicities and padding are among them.
    Witness,
    /// Such a cell as committed only: all later rounds are computed of the honest witness.
    TwoFaced,
    /// Such a cell once the challenges that follow the witness are known: all later rounds and all openings are of the changed
    /// witness, under the commitment that was sent.
    Adapted,
    /// A segment value copied from one table to another, before running sums add it.
    Copied,
    /// A cell of a fold, copy, running sum or lookup fraction.
    Round2,
    /// A cell of an η-fold.
    Round3,
    /// An exposed value, before it is absorbed.
    Terminal,
    /// Exposed values, so that the statement's equations, the links and the sum of the lookups hold all the same: two of them,
    /// or one for each equation that a false statement breaks.
    Balanced,
    /// A value of a quotient.
    Quotient,
    /// A coefficient of a segment of a hiding proof's quotient.
    Segment,
    /// A committed column of the witness, of round 2 or of round 3 that is right on the trace domain and of too high a degree:
    /// a multiple of xⁿ − 1 is added.
    HighDegree,
    /// A layer of FRI that is of low degree, but not what the one before it folds to.
    Refold,
    /// A message that is left out of the transcript, or absorbed a challenge too late.
    Transcript,
    /// The commitment of the witness, of round 2 or of round 3, as sent.
    Commitment,
    /// The commitment of the quotients, as sent.
    QuotientCommitment,
    /// An exposed value, as sent.
    SentTerminal,
    /// A claimed value at ζ or ζω.
    Opened,
    /// A proof of work, within FRI or outside.
    Grinding,
    /// A value of a committed row that FRI opens.
    FriRow,
    /// A hash on the path of such a row.
    FriRowPath,
    /// A commitment to a folded layer.
    FriCommitment,
    /// A value of a folded layer.
    FriLayer,
    /// A hash on the path of such a value.
    FriLayerPath,
    /// A coefficient of FRI's final polynomial.
    FinalPolynomial,
    /// The length of a list.
    Length,
    /// Two messages or lists of one proof, exchanged.
    Swap,
}

impl Forged {
    /// All kinds, in the order of the protocol.
    pub const ALL: [Forged; 26] = [
        Forged::Witness,
        Forged::TwoFaced,
        Forged::Adapted,
        Forged::Copied,
        Forged::Round2,
        Forged::Round3,
        Forged::Terminal,
        Forged::Balanced,
        Forged::Quotient,
        Forged::Segment,
        Forged::HighDegree,
        Forged::Refold,
        Forged::Transcript,
        Forged::Commitment,
        Forged::QuotientCommitment,
        Forged::SentTerminal,
        Forged::Opened,
        Forged::Grinding,
        Forged::FriRow,
        Forged::FriRowPath,
        Forged::FriCommitment,
        Forged::FriLayer,
        Forged::FriLayerPath,
        Forged::FinalPolynomial,
        Forged::Length,
        Forged::Swap,
    ];

    /// Whether it is done while proving; the others change a finished proof.
    pub fn while_proving(self) -> bool {
        self <= Forged::Transcript
    }
}

/// One thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgery {
    /// What kind of thing.
    pub kind: Forged,
    /// Which of all things of that kind, counted round and round.
    pub pick: usize,
    /// What a number is changed by. Any value makes a difference.
    pub by: u64,
}

/// A [`Forgery`] at work.
#[derive(Clone, Debug)]
pub struct Forger {
    /// What it does.
    pub forgery: Forgery,
    /// What it found to change: (matrix, list or message; cell or entry). None while it found nothing.
    pub hit: Option<(usize, usize)>,
    /// Commitments and folded layers seen so far.
    seen: [usize; 2],
}

impl Forger {
    /// The list that [`Forged::Length`] calls by this number: hashes on the paths of a folded layer.
    pub const LAYER_PATHS: usize = 12;
    /// And the hashes on the paths of committed rows.
    pub const ROW_PATHS: usize = 17;

    /// A forger of one thing.
    pub fn new(kind: Forged, pick: usize, by: u64) -> Forger {
        Forger { forgery: Forgery { kind, pick, by }, hit: None, seen: [0; 2] }
    }

    fn is(&self, kind: Forged) -> bool {
        self.forgery.kind == kind
    }

    /// What is added to a cell: not zero.
    pub fn base(&self) -> F {
        F::from_u64(self.forgery.by % (F::ORDER_U64 - 1) + 1)
    }

    /// What is added to an extension element: to one of its coordinates.
    fn extension<E: Extension>(&self) -> E {
        let k = (self.forgery.by % E::DEGREE as u64) as usize;
        E::from_basis_coefficients_fn(|i| if i == k { self.base() } else { F::ZERO })
    }

    /// Which list, and where in it, if all lists of these lengths stand one after the other.
    fn locate(&mut self, lengths: impl Iterator<Item = usize> + Clone) -> Option<(usize, usize)> {
        let total: usize = lengths.clone().sum();
        let mut at = self.forgery.pick.checked_rem(total)?;
        for (list, n) in lengths.enumerate() {
            if at < n {
                self.hit = Some((list, at));
                return self.hit;
            }
            at -= n;
        }
        None
    }

    fn pick<'a, T>(&mut self, all: impl Iterator<Item = &'a mut T>) -> Option<&'a mut T> {
        let mut all: Vec<&mut T> = all.collect();
        let (_, i) = self.locate(std::iter::once(all.len()))?;
        Some(all.swap_remove(i))
    }

    fn element<'a, E: Extension>(&mut self, all: impl Iterator<Item = &'a mut E>) {
        let by: E = self.extension();
        if let Some(x) = self.pick(all) {
            *x += by;
        }
    }

    fn number<'a>(&mut self, all: impl Iterator<Item = &'a mut F>) {
        let by = self.base();
        if let Some(x) = self.pick(all) {
            *x += by;
        }
    }

    fn hash<'a>(&mut self, all: impl Iterator<Item = &'a mut [u8; 32]>) {
        let by = self.forgery.by;
        if let Some(h) = self.pick(all) {
            h[(by % 32) as usize] ^= 1 << (by / 32 % 8);
        }
    }

    fn commitment<'a>(&mut self, all: impl Iterator<Item = &'a mut Commitment>) {
        let by = self.forgery.by;
        if let Some(c) = self.pick(all) {
            let mut roots = c.roots().to_vec();
            roots[0][(by % 32) as usize] ^= 1 << (by / 32 % 8);
            *c = Commitment::new(roots);
        }
    }

    /// Makes some list of the proof longer or shorter.
    fn length<E: Extension>(&mut self, p: &mut Proof<E>) {
        let grow = self.forgery.by.is_multiple_of(2);
        const LISTS: usize = 19;
        let list = self.forgery.pick % LISTS;
        let fri = &mut p.fri;
        let round = (self.forgery.by / 2).checked_rem(p.opened.len() as u64).unwrap_or(0) as usize;
        let changed = match list {
            0 => resize(&mut p.commitments, grow),
            1 if grow => push(&mut p.terminals, E::ZERO),
            1 => p.terminals.pop().is_some(),
            2 if grow => push(&mut p.witnesses, F::ZERO),
            2 => p.witnesses.pop().is_some(),
            3 => resize(&mut p.opened, grow),
            4 => p.opened.get_mut(round).is_some_and(|v| resize(v, grow)),
            5 => p.opened.get_mut(round).and_then(|v| v.last_mut()).is_some_and(|v| resize(v, grow)),
            6 => p.opened.iter_mut().skip(round).flatten().flatten().next().is_some_and(|v| resize(v, grow)),
            7 => resize(&mut fri.commit_phase_commits, grow),
            8 => resize(&mut fri.commit_pow_witnesses, grow),
            9 => resize(&mut fri.commit_phase_openings, grow),
            10 => fri.commit_phase_openings.last_mut().is_some_and(|o| resize(&mut o.sibling_values, grow)),
            11 => {
                let all = fri.commit_phase_openings.iter_mut();
                all.flat_map(|o| &mut o.sibling_values).last().is_some_and(|v| resize(v, grow))
            }
            Forger::LAYER_PATHS => {
                let all = fri.commit_phase_openings.iter_mut();
                all.last().is_some_and(|o| resize(&mut o.opening_proof.sibling_hashes, grow))
            }
            13 => resize(&mut fri.input_openings, grow),
            14 => fri.input_openings.last_mut().is_some_and(|o| resize(&mut o.opened_values, grow)),
            15 => {
                let all = fri.input_openings.iter_mut();
                all.flat_map(|o| &mut o.opened_values).last().is_some_and(|v| resize(v, grow))
            }
            16 => {
                let all = fri.input_openings.iter_mut();
                all.flat_map(|o| &mut o.opened_values).flatten().last().is_some_and(|v| resize(v, grow))
            }
            Forger::ROW_PATHS => {
                let all = fri.input_openings.iter_mut();
                all.last().is_some_and(|o| resize(&mut o.opening_proof.0.sibling_hashes, grow))
            }
            _ => resize(&mut fri.final_poly, grow),
        };
        self.hit = changed.then_some((list, usize::from(grow)));
    }

    /// Exchanges two entries of a list that are not equal.
    fn swap<E: Extension>(&mut self, p: &mut Proof<E>) {
        const LISTS: usize = 6;
        let (list, first) = (self.forgery.pick % LISTS, self.forgery.by as usize);
        let changed = match list {
            0 => exchange(&mut p.commitments, first, |a, b| a == b),
            1 => exchange(&mut p.terminals, first, |a, b| a == b),
            2 => exchange(&mut p.opened, first, |a, b| a == b),
            3 => {
                let all = p.opened.iter_mut().flatten();
                all.max_by_key(|v| v.len()).is_some_and(|v| exchange(v, first, |a, b| a == b))
            }
            4 => exchange(&mut p.fri.commit_phase_commits, first, |a, b| a == b),
            _ => p
                .fri
                .input_openings
                .last_mut()
                .is_some_and(|o| exchange(&mut o.opened_values, first, |a, b| a == b)),
        };
        self.hit = changed.then_some((list, 0));
    }

    /// See [`Forged::Balanced`].
    fn balance<E: Extension>(&mut self, values: &mut [E], c: &Claims<E>) {
        let mut uses = vec![0; values.len()];
        for t in exposed(c.air) {
            uses[t as usize] += 1;
        }
        let once = |t: &u32| uses[*t as usize] == 1;
        // per equation the values that stand alone in one summand of it and nowhere else, with their factors
        let alone = |e: &Equation| -> Vec<(u32, E)> {
            let of = |t: &EquationTerm| match &t.operand {
                Operand::Terminals(list) if list.len() == 1 && once(&list[0]) => {
                    Some((list[0], c.monomials[t.monomial as usize] * signed(t.coefficient)))
                }
                _ => None,
            };
            e.terms.iter().filter_map(of).filter(|x| x.1 != E::ZERO).collect()
        };
        for e in &c.air.equations {
            let excess = equation(e, values, c.monomials, c.point, c.publics);
            if let (true, Some((t, factor))) = (excess != E::ZERO, alone(e).first()) {
                values[*t as usize] -= excess * factor.inverse();
                self.hit = Some((*t as usize, 0));
            }
        }
        if self.hit.is_some() {
            return;
        }
        // pairs that may move together
        let links = c.air.links.iter().filter(|(a, b)| once(a) && once(b));
        let mut pairs: Vec<[(u32, E); 2]> = links.map(|(a, b)| [(*a, E::ONE), (*b, -E::ONE)]).collect();
        let sums = c.air.lookup_terminals.windows(2).map(|w| [(w[0], E::ONE), (w[1], E::ONE)]);
        pairs.extend(sums);
        for e in &c.air.equations {
            pairs.extend(alone(e).windows(2).map(|w| [w[0], w[1]]));
        }
        let by: E = self.extension();
        if let Some([(a, fa), (b, fb)]) = self.pick(pairs.iter_mut()) {
            values[*a as usize] += by;
            values[*b as usize] -= by * *fa * fb.inverse();
        }
    }

    fn messages<E: Extension>(proof: &Proof<E>) -> usize {
        // the last commitment is that of the quotients
        proof.commitments.len().saturating_sub(1)
    }
}

/// Exposed values as often as a check outside the constraints reads them.
fn exposed(air: &Air) -> impl Iterator<Item = u32> + '_ {
    let of = |t: &EquationTerm| match &t.operand {
        Operand::Terminals(list) => list.clone(),
        Operand::Public { .. } | Operand::Ones { .. } => vec![],
    };
    let equations = air.equations.iter().flat_map(|e| &e.terms).flat_map(of);
    equations.chain(air.links.iter().flat_map(|(a, b)| [*a, *b])).chain(air.lookup_terminals.iter().copied())
}

fn push<T>(v: &mut Vec<T>, x: T) -> bool {
    v.push(x);
    true
}

/// One entry more, a copy of the last, or one less. False where there is none.
fn resize<T: Clone>(v: &mut Vec<T>, grow: bool) -> bool {
    match (grow, v.last().cloned()) {
        (_, None) => return false,
        (true, Some(x)) => v.push(x),
        (false, Some(_)) => drop(v.pop()),
    }
    true
}

/// Exchanges an entry with the next one that differs.
fn exchange<T>(v: &mut [T], first: usize, equal: impl Fn(&T, &T) -> bool) -> bool {
    let Some(i) = first.checked_rem(v.len()) else { return false };
    let Some(j) = (0..v.len()).find(|j| !equal(&v[i], &v[*j])) else { return false };
    v.swap(i, j);
    true
}

impl<E: Extension> Tamper<E> for Forger {
    fn transcript(&mut self) -> Option<Skew> {
        const ALL: [Message; 7] = [
            Message::Key,
            Message::Publics,
            Message::Witness,
            Message::Round2,
            Message::Round3,
            Message::Terminals,
            Message::Quotient,
        ];
        if !self.is(Forged::Transcript) {
            return None;
        }
        let (_, i) = self.locate(std::iter::once(2 * ALL.len()))?;
        let message = ALL[i / 2];
        Some(if i.is_multiple_of(2) { Skew::Omit(message) } else { Skew::Late(message) })
    }

    fn witness(&mut self, groups: &mut [Mat]) {
        if (self.is(Forged::Witness) || self.is(Forged::TwoFaced))
            && let Some((g, cell)) = self.locate(groups.iter().map(|g| g.values.len()))
        {
            groups[g].values[cell] += self.base();
        }
    }

    fn committed(&mut self, groups: &mut [Mat]) {
        if let (true, Some((g, cell))) = (self.is(Forged::TwoFaced), self.hit) {
            groups[g].values[cell] -= self.base();
        }
    }

    fn extended(&mut self, matrices: &mut [Mat]) {
        let round = self.seen[0];
        self.seen[0] += 1;
        // one round after the other
        if !self.is(Forged::HighDegree) || self.forgery.by % 3 != round as u64 {
            return;
        }
        if let Some((m, column)) = self.locate(matrices.iter().map(|m| m.width)) {
            let (by, m) = (self.base(), &mut matrices[m]);
            let half = m.values.len() / m.width / 2;
            let power = F::GENERATOR.exp_u64(half as u64);
            // xⁿ takes two values on the coset, one on each half of the rows
            for (row, cells) in m.values.chunks_exact_mut(m.width).enumerate() {
                cells[column] += by * (if row < half { power } else { -power } - F::ONE);
            }
        }
    }

    fn any_rows(&self) -> bool {
        self.is(Forged::HighDegree)
    }

    fn drawn(&mut self, drawn: Drawn) {
        if self.is(Forged::Adapted)
            && let Some((g, cell)) = self.locate(drawn.witness.iter().map(|m| m.values.len()))
        {
            drawn.witness[g].values[cell] += self.base();
            let columns = drawn
                .witness
                .iter()
                .filter(|m| m.width > 0)
                .cloned()
                .map(|m| extend(m, drawn.key.vk.security.fri.log_blowup))
                .collect();
            *drawn.data = (drawn.commit)(columns);
        }
    }

    fn folded(&mut self, layer: &mut [E]) {
        let number = self.seen[1];
        self.seen[1] += 1;
        if self.is(Forged::Refold) && self.forgery.pick % 3 == number {
            let by: E = self.extension();
            layer.iter_mut().for_each(|x| *x += by);
            self.hit = Some((number, 0));
        }
    }

    fn copied(&mut self, copy: usize, values: &mut [E]) {
        // one list after the other, so the first that is long enough is taken
        if self.is(Forged::Copied) && self.hit.is_none() && !values.is_empty() {
            let i = self.forgery.pick % values.len();
            values[i] += self.extension::<E>();
            self.hit = Some((copy, i));
        }
    }

    fn round2(&mut self, groups: &mut [Columns<E>]) {
        if self.is(Forged::Round2)
            && let Some((g, cell)) = self.locate(groups.iter().map(|g| g.values.len()))
        {
            groups[g].values[cell] += self.extension::<E>();
        }
    }

    fn round3(&mut self, groups: &mut [Columns<E>]) {
        if self.is(Forged::Round3)
            && let Some((g, cell)) = self.locate(groups.iter().map(|g| g.values.len()))
        {
            groups[g].values[cell] += self.extension::<E>();
        }
    }

    fn terminals(&mut self, values: &mut [E], claims: &Claims<E>) {
        match self.forgery.kind {
            Forged::Terminal => self.element(values.iter_mut()),
            Forged::Balanced => self.balance(values, claims),
            _ => {}
        }
    }

    fn quotients(&mut self, groups: &mut [Vec<E>]) {
        if self.is(Forged::Quotient)
            && let Some((g, cell)) = self.locate(groups.iter().map(Vec::len))
        {
            groups[g][cell] += self.extension::<E>();
        }
    }

    fn segments(&mut self, groups: &mut [Segments]) {
        // all but the random codewords, which may be anything
        if self.is(Forged::Segment) {
            let tall = |s: &Segments| s.tall.values.len() / 3 * 2;
            if let Some((i, cell)) = self.locate(groups.iter().flat_map(|s| [tall(s), s.last.values.len()])) {
                let (s, by) = (&mut groups[i / 2], self.base());
                match i % 2 {
                    0 => s.tall.values[cell / (2 * E::DEGREE) * 3 * E::DEGREE + cell % (2 * E::DEGREE)] += by,
                    _ => s.last.values[cell] += by,
                }
            }
        }
    }

    fn proof(&mut self, p: &mut Proof<E>) {
        let fri = &mut p.fri;
        match self.forgery.kind {
            Forged::Commitment => {
                let n = Forger::messages(p);
                self.commitment(p.commitments.iter_mut().take(n));
            }
            Forged::QuotientCommitment => self.commitment(p.commitments.last_mut().into_iter()),
            Forged::SentTerminal => self.element(p.terminals.iter_mut()),
            Forged::Opened => self.element(p.opened.iter_mut().flatten().flatten().flatten()),
            Forged::Grinding => {
                let inside = [&mut fri.batch_pow_witness, &mut fri.query_pow_witness];
                let all = inside.into_iter().chain(&mut fri.commit_pow_witnesses);
                self.number(all.chain(&mut p.witnesses));
            }
            Forged::FriRow => {
                // opened columns, and those behind sums
                let rows = fri.input_openings.iter_mut();
                let rows = rows.flat_map(|o| o.opened_values.iter_mut().chain(&mut o.opening_proof.1));
                self.number(rows.flatten().flatten());
            }
            Forged::FriRowPath => {
                let paths = fri.input_openings.iter_mut().map(|o| &mut o.opening_proof.0);
                self.hash(paths.flat_map(|o| &mut o.sibling_hashes));
            }
            Forged::FriCommitment => self.commitment(fri.commit_phase_commits.iter_mut()),
            Forged::FriLayer => {
                let layers = fri.commit_phase_openings.iter_mut().flat_map(|o| &mut o.sibling_values);
                self.element(layers.flatten());
            }
            Forged::FriLayerPath => {
                let paths = fri.commit_phase_openings.iter_mut().map(|o| &mut o.opening_proof);
                self.hash(paths.flat_map(|o| &mut o.sibling_hashes));
            }
            Forged::FinalPolynomial => self.element(fri.final_poly.iter_mut()),
            Forged::Length => self.length(p),
            Forged::Swap => self.swap(p),
            _ => {}
        }
    }
}
