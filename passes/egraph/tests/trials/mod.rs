//! Trials of rules: each is tried on what is made for it at random, and without each of its conditions.
use rand::{SeedableRng, rngs::SmallRng};
use tessera_egraph::text::Rule;

/// Cases in which a rule applies.
const CASES: usize = 1000;

/// What a rule does to something that was made for it.
pub enum Outcome {
    /// It does not apply.
    Nothing,
    /// All forms compute the same.
    Equal,
    /// One does not, or is refused.
    Wrong(String),
}

/// Panics unless every rule applies in [`CASES`] of so many tries, and nothing goes wrong.
pub fn all_compute_the_same<O>(
    rules: &[Rule<O>],
    tries: usize,
    try_rule: impl Fn(&Rule<O>, &mut SmallRng) -> Outcome,
) {
    let mut few = vec![];
    for (index, rule) in rules.iter().enumerate() {
        let mut rng = SmallRng::seed_from_u64(index as u64);
        let mut equal = 0;
        for _ in 0..tries {
            match try_rule(rule, &mut rng) {
                Outcome::Nothing => {}
                Outcome::Equal => equal += 1,
                Outcome::Wrong(what) => panic!("rule {}: {what}", rule.name),
            }
            if equal == CASES {
                break;
            }
        }
        if equal < CASES {
            few.push((rule.name.clone(), equal));
        }
    }
    assert!(few.is_empty(), "these hardly ever apply: {few:?}");
}

/// Panics unless something goes wrong in a quarter of so many tries, whichever condition of whichever rule is left out.
pub fn every_condition_is_needed<O>(
    rules: &[Rule<O>],
    tries: usize,
    try_rule: impl Fn(&Rule<O>, &mut SmallRng) -> Outcome,
) where
    Rule<O>: Clone,
{
    let mut missed = vec![];
    for (index, rule) in rules.iter().enumerate() {
        for condition in 0..rule.conditions.len() {
            let mut broken = rule.clone();
            broken.conditions.remove(condition);
            let mut rng = SmallRng::seed_from_u64(index as u64);
            if !(0..tries / 4).any(|_| matches!(try_rule(&broken, &mut rng), Outcome::Wrong(_))) {
                missed.push(format!("{} without its condition {condition}", rule.name));
            }
        }
    }
    assert!(missed.is_empty(), "nothing goes wrong: {missed:?}");
}
