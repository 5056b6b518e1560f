//! Hidden weights: what proofs of one key show of them together, within its budget and beyond it.
use super::hiding::{deaf, rank, shown};
use super::join::{Shape, join};
use super::suite::{Over, quick};
use super::*;
use crate::adversary::Honest;
use crate::air::compile::compile;
use crate::arithmetic::{F, Field, Mat, PrimeCharacteristicRing, signed};
use crate::hiding::weights;
use crate::keys::{Extensions, FixedColumns, ProvingKey, Round, assemble, audit, limits_of};
use crate::p3::{extend, loaded, stored};
use crate::{SecurityTarget, VerifyingKey};

/// A matrix product with few weights, which are their owner's; a table of this height, a power of two, has them.
pub fn case(log_height: u8, zero_knowledge: bool) -> Case {
    let s = Shape {
        layers: 1,
        channels: 3,
        positions: 1,
        outputs: 4,
        taps: 1,
        fixed: true,
        lanes: (1, 2),
        together: false,
    };
    let mut c = join(4, s);
    c.program.tables.iter_mut().for_each(|t| t.log_height = log_height);
    assert!(c.program.tables.iter().any(|t| t.committed));
    c.program.zero_knowledge = zero_knowledge;
    c
}

pub fn key<E: Extension>(c: &Case) -> ProvingKey {
    let target = SecurityTarget { bits: 5, grinding: 0, ..Default::default() };
    Over::<E>::new(target).setup(&c.program).unwrap().0
}

/// The group of the owner's columns, and how many of its rows hold no weight.
pub fn place(key: &ProvingKey) -> (usize, usize) {
    let i = key.program.tables.iter().position(|t| t.committed).unwrap();
    (key.compiled.places[i].group, key.compiled.places[i].pad as usize)
}

/// The key with one added to a row of the owner's first column.
pub fn moved(key: &ProvingKey, row: usize) -> ProvingKey {
    changed(key, &[(row, 0, F::ONE)])
}

/// The key with something added to cells of the owner's, by row and column.
pub fn changed(key: &ProvingKey, cells: &[(usize, usize, F)]) -> ProvingKey {
    let compiled = compile(&key.program, limits_of(&key.vk.air)).unwrap();
    let log_blowup = key.vk.security.fri.log_blowup;
    let extended = |all: &[Mat]| -> Vec<Mat> {
        let used = all.iter().filter(|m| m.width > 0).cloned();
        used.map(|m| extend(m, log_blowup)).collect()
    };
    let [fixed, mut model] =
        [&key.fixed, &key.model].map(|all| all.iter().map(|m| Mat::clone(m)).collect::<Vec<_>>());
    let m = &mut model[place(key).0];
    cells.iter().for_each(|(row, column, by)| m.values[row * m.width + column] += *by);
    let summed: Vec<Mat> = key.summed.iter().cloned().map(loaded).collect();
    let columns = FixedColumns {
        extensions: Extensions::Kept {
            fixed: extended(&fixed),
            model: extended(&model),
            summed: extended(&summed).into_iter().map(stored).collect(),
            summed_tree: None,
        },
        fixed,
        model,
        summed: key.summed.clone(),
        entropy: key.entropy,
    };
    assemble(key.program.clone(), key.vk.program, compiled, key.vk.security, columns).unwrap()
}

/// What a proof at known challenges shows of the owner's first column.
fn show<E: Extension>(c: &Case, key: &ProvingKey, number: u64) -> Vec<F> {
    let proof = deaf(number, || crate::prove_with::<E>(key, c.trace.clone(), &mut Honest)).unwrap().0;
    let group = place(key).0;
    let matrix = Round::Model.shapes(&key.vk.air).iter().position(|s| s.group == group).unwrap();
    shown(&key.vk, &proof, Round::Model, matrix, 0..1)
}

/// Of each row how it enters what some proofs show.
fn functionals<E: Extension>(c: &Case, key: &ProvingKey, proofs: u64) -> Vec<Vec<F>> {
    let honest: Vec<Vec<F>> = (0..proofs).map(|k| show::<E>(c, key, k)).collect();
    let row = |row: usize| {
        let other = moved(key, row);
        let difference = |k: u64| {
            let shown = show::<E>(c, &other, k);
            assert_eq!(shown.len(), honest[k as usize].len(), "places fall together");
            shown.iter().zip(&honest[k as usize]).map(|(a, b)| *a - *b).collect::<Vec<_>>()
        };
        (0..proofs).flat_map(difference).collect()
    };
    (0..key.vk.air.groups[place(key).0].height()).map(row).collect()
}

/// Within the budget, whatever is said of weights is said by rows that are uniform. Beyond it, it is not, and at last who collects proofs has
/// the weights.
fn a_key_serves_as_many_proofs_as_it_says<E: Extension>() {
    let c = case(6, true);
    let key = key::<E>(&c);
    let (group, free) = place(&key);
    let (uses, height) = (key.uses().unwrap(), key.vk.air.groups[group].height());
    let budget = key.vk.air.budget().unwrap();
    assert_eq!(uses as usize, free / budget.of_weights());
    assert!(uses >= 2 && key.vk.security.fri.queries as usize == budget.queries);
    let most = 12;
    let all = functionals::<E>(&c, &key, most);
    let lengths: Vec<usize> = (0..most).map(|k| show::<E>(&c, &key, k).len()).collect();
    let known = |proofs: u64| -> (usize, usize) {
        let n: usize = lengths[..proofs as usize].iter().sum();
        let cut = |rows: &[Vec<F>]| rows.iter().map(|r| r[..n].to_vec()).collect::<Vec<_>>();
        (rank(cut(&all[..free])), rank(cut(&all)))
    };
    for proofs in 1..=most {
        let (masks, shown) = known(proofs);
        assert!(proofs > uses || masks == shown, "{proofs} of {uses} proofs: rank {masks} of {shown}");
        assert_eq!(masks, shown.min(free), "{proofs} proofs");
    }
    assert_eq!(known(most).1, height, "enough for whoever collects them");
    let column = solved(&all, (0..most).flat_map(|k| show::<E>(&c, &key, k)).collect());
    let width = key.model[group].width;
    let own: Vec<F> = key.model[group].values.iter().step_by(width).copied().collect();
    assert_eq!(column, own);
}

/// The rows of a column, of what is shown of it.
fn solved(rows: &[Vec<F>], values: Vec<F>) -> Vec<F> {
    let n = rows.len();
    let mut equations: Vec<Vec<F>> =
        (0..values.len()).map(|i| rows.iter().map(|r| r[i]).chain([values[i]]).collect()).collect();
    for x in 0..n {
        let p = (x..equations.len()).find(|p| equations[*p][x] != F::ZERO).expect("full rank");
        equations.swap(x, p);
        let inverse = equations[x][x].inverse();
        equations[x].iter_mut().for_each(|v| *v *= inverse);
        let pivot = equations[x].clone();
        for (_, e) in equations.iter_mut().enumerate().filter(|(i, _)| *i != x) {
            let k = e[x];
            e.iter_mut().zip(&pivot).for_each(|(a, b)| *a -= k * *b);
        }
    }
    (0..n).map(|x| equations[x][n]).collect()
}

/// Where nothing is hidden, rows that hold no weight are known, and one proof tells the rest.
fn proofs_that_hide_nothing_give_weights_away<E: Extension>() {
    let c = case(6, false);
    let key = key::<E>(&c);
    assert_eq!(key.uses(), None);
    let (group, free) = place(&key);
    let all = functionals::<E>(&c, &key, 1);
    let m = &key.model[group];
    let column: Vec<F> = m.values.iter().step_by(m.width).copied().collect();
    // what an architecture says that padding is
    let padding = key.program.tables.iter().find(|t| t.committed).unwrap().fixed[0].padding;
    let known = |i: usize| all[..free].iter().map(|row| row[i]).sum::<F>() * signed(padding);
    let left = show::<E>(&c, &key, 0).iter().enumerate().map(|(i, x)| *x - known(i)).collect();
    assert_eq!(solved(&all[free..], left), column[free..]);
}

/// Two keys of one model commit to it with other randomness each; both are of its architecture, and read back from their files.
fn commitments_to_equal_weights_differ<E: Extension>() {
    let c = super::hiding::hidden::<E>(super::model::case::<E>().0);
    let (a, b) = (quick::<E>().setup(&c.program).unwrap().0, quick::<E>().setup(&c.program).unwrap().0);
    assert_ne!(a.vk.model, b.vk.model);
    assert_eq!(VerifyingKey { model: None, ..a.vk.clone() }, VerifyingKey { model: None, ..b.vk.clone() });
    for key in [&a, &b] {
        audit(&c.program.architecture(), &key.vk).unwrap();
        let read = ProvingKey::from_container(&key.to_container(), key.program.clone()).unwrap();
        assert!(read.vk == key.vk && read.uses() == key.uses() && weights::hidden(&key.vk.air));
        let (proof, _) = crate::prove_with::<E>(&read, c.trace.clone(), &mut Honest).unwrap();
        quick::<E>().verify(&key.vk, &c.trace.publics, &proof).unwrap();
    }
    // the salts and rows of another draw are not what was committed to
    let mut file = a.to_container();
    file.put("entropy", &b.entropy);
    assert!(ProvingKey::from_container(&file, a.program.clone()).is_err());
}

both!(
    a_key_serves_as_many_proofs_as_it_says,
    proofs_that_hide_nothing_give_weights_away,
    commitments_to_equal_weights_differ
);
