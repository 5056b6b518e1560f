//! The page of ONNX operators: how many cases of the onnx package each passes, level by level, and why others are refused.
//!
//! Invariant: the page is a function of the list of results in `tests/suite/results.txt`, which `./x onnx` holds to the package.

use crate::MEND;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The list of results: name, operators of the graph, level, why no further.
const RESULTS: &str = "tests/suite/results.txt";

/// Levels in order, as the list spells them.
const LEVELS: [&str; 3] = ["float", "checker", "plonky3"];

const HEAD: &str = "The [onnx package](https://pypi.org/project/onnx/) has test cases for every operator. `./x onnx` runs all of them whose \
types are plain numbers and truth values, and compares the results with a list, from which this page is made: a case that starts or stops \
passing fails it. What has to be known when a model is compiled (shapes, axes, indices, weights) is a constant there, as in \
models that exporters write.

*float*: the float interpreter gives the package's outputs. *checker*: the 8-bit integers of the quantized model stand for them, and the \
reference checker accepts their witness. *plonky3*: a proof is made and verified.
";

#[derive(Default)]
struct Operator<'t> {
    cases: usize,
    passed: [usize; LEVELS.len()],
    reasons: BTreeSet<&'t str>,
}

/// The page.
///
/// # Errors
/// When the list cannot be read.
pub fn page(root: &Path) -> Result<String, String> {
    let results =
        std::fs::read_to_string(root.join(RESULTS)).map_err(|e| format!("cannot read {RESULTS}: {e}"))?;
    Ok(render(&results))
}

fn render(results: &str) -> String {
    let mut operators: BTreeMap<&str, Operator> = BTreeMap::new();
    let mut all = Operator::default();
    for line in results.lines() {
        let (head, why) = line.split_once(": ").unwrap_or((line, ""));
        let [name, ops, level] = head.split(' ').collect::<Vec<_>>()[..] else { continue };
        let reached = LEVELS.iter().position(|l| *l == level).map_or(0, |at| at + 1);
        let count = |operator: &mut Operator| {
            operator.cases += 1;
            operator.passed[..reached].iter_mut().for_each(|n| *n += 1);
        };
        count(&mut all);
        // a case that spells an operator by others is theirs
        if ops.contains('+') || name.contains("_expanded") {
            continue;
        }
        let operator = operators.entry(ops).or_default();
        count(operator);
        if reached == 0 {
            operator.reasons.insert(why.split_once(": ").map_or(why, |(_, reason)| reason));
        }
    }
    let mut text = format!(
        "# Operators\n\nRendered from the tests by `{MEND}`.\n\n{HEAD}\n| operator | cases | float | checker | plonky3 | refused |\n|---|--:|--:|--:|--:|---|\n"
    );
    let row = |name: &str, o: &Operator| {
        let reasons = o.reasons.iter().take(2).map(|r| r.replace('|', "\\|")).collect::<Vec<_>>().join("; ");
        let [float, checker, proof] = o.passed;
        format!("| {name} | {} | {float} | {checker} | {proof} | {reasons} |\n", o.cases)
    };
    for (name, operator) in &operators {
        text += &row(name, operator);
    }
    text += &row("all cases, those of several operators too", &all);
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn cases_are_counted_by_operator_and_level() {
        let list =
            "test_a Abs plonky3\ntest_b Abs refused: Abs: an element type\ntest_c Add+Abs checker: no\n";
        let page = super::render(list);
        assert!(page.contains("| Abs | 2 | 1 | 1 | 1 | an element type |\n"), "{page}");
        assert!(page.ends_with("those of several operators too | 3 | 2 | 2 | 1 |  |\n"), "{page}");
    }
}
