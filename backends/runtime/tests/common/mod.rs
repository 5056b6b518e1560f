//! What several tests ask of a plan.
use tessera_runtime::Prepared;

/// What is known of a run whose inputs become known part by part is what a run of all of them says, at any time; and in the end all of it is
/// known. False where a step failed, which it may where the whole run does and where sums are large.
pub fn grows(prepared: &Prepared, inputs: &[Vec<i64>], seed: u64) -> bool {
    let mut state = seed | 1;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n.max(1)
    };
    let Some(mut growth) = prepared.growth() else { return false };
    let expected = prepared.outputs(inputs.to_vec());
    // from the front, or what is left between parts that were given before
    let mut parts: Vec<(usize, usize, usize)> = vec![];
    for (input, values) in inputs.iter().enumerate() {
        let mut at = 0;
        while at < values.len() {
            let n = 1 + below((values.len() - at).min(1 + values.len() / 3));
            parts.push((input, at, n));
            at += n;
        }
    }
    if below(2) == 0 {
        (0..parts.len()).for_each(|i| parts.swap(i, below(i + 1)));
    }
    for (input, at, n) in parts {
        if growth.give(input, at, &inputs[input][at..at + n]).is_err() {
            return false;
        }
        if let Ok(expected) = &expected {
            for (public, values) in expected.tensors.iter().enumerate() {
                let known = growth.known(public);
                let agree = known.iter().zip(values).all(|(known, value)| known.is_none_or(|k| k == *value));
                assert!(agree, "output {public}: {known:?} of {values:?}");
            }
        }
    }
    let Ok(expected) = expected else { return true };
    for (public, values) in expected.tensors.iter().enumerate().skip(inputs.len()) {
        assert_eq!(growth.known(public), values.iter().copied().map(Some).collect::<Vec<_>>(), "{public}");
    }
    let (whole, none) = (inputs[0].len(), inputs.len());
    assert!(growth.give(0, whole, &[0]).is_err() && growth.give(none, 0, &[]).is_err());
    true
}
