//! The ONNX operators that the import accepts: a family a file, each with the list of its operators.
//!
//! Invariants:
//! - Nothing is accepted that does not stand in one of these lists, or in the list of functions of one number.
//! - A translation follows the ONNX specification for every form that it accepts; `./x onnx` holds it to the cases of the
//!   `onnx` package.

mod attention;
mod compare;
mod control;
mod elementwise;
mod gather;
mod layout;
mod learned;
mod microsoft;
mod normalize;
mod products;
pub(crate) mod quantized;
mod recurrent;
mod reduce;
mod resize;
mod shapes;
mod signal;
mod trees;
mod windows;

use crate::build::Reason;
use crate::translate::Translate;
use tessera_mlir::functions;

/// The domain of classical machine learning.
const ML: &str = "ai.onnx.ml";

/// An operator.
pub(crate) struct Operator {
    /// Its domain; empty for the standard one.
    pub(crate) domain: &'static str,
    pub(crate) name: &'static str,
    pub(crate) translate: Translate,
}

/// A list of operators of one domain.
macro_rules! operators {
    ($domain:expr; $($name:literal => $translate:expr,)*) => {
        pub(super) const OPERATORS: &[crate::operators::Operator] = &[
            $(crate::operators::Operator { domain: $domain, name: $name, translate: $translate },)*
        ];
    };
}
use operators;

const FAMILIES: &[&[Operator]] = &[
    attention::OPERATORS,
    compare::OPERATORS,
    control::OPERATORS,
    elementwise::OPERATORS,
    gather::OPERATORS,
    layout::OPERATORS,
    learned::OPERATORS,
    microsoft::OPERATORS,
    normalize::OPERATORS,
    products::OPERATORS,
    quantized::OPERATORS,
    recurrent::OPERATORS,
    reduce::OPERATORS,
    resize::OPERATORS,
    shapes::OPERATORS,
    signal::OPERATORS,
    trees::OPERATORS,
    windows::OPERATORS,
];

/// The translation of an operator, or why there is none.
pub(crate) fn find(domain: &str, name: &str) -> Result<Translate, Reason> {
    let mut all = FAMILIES.iter().flat_map(|family| family.iter());
    match all.find(|operator| operator.domain == domain && operator.name == name) {
        Some(operator) => Ok(operator.translate),
        None if domain.is_empty() && functions::onnx_operators().contains(&name) => Ok(elementwise::function),
        None => Err(help(domain, name)),
    }
}

/// The names of all operators that may work on data, sorted; those of other domains with the domain before them.
pub fn supported() -> Vec<String> {
    let listed = FAMILIES.iter().flat_map(|family| family.iter()).map(|o| match o.domain {
        "" => o.name.to_owned(),
        domain => format!("{domain}.{}", o.name),
    });
    let mut all: Vec<String> =
        listed.chain(functions::onnx_operators().into_iter().map(str::to_owned)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Why operators are not accepted, and what to do: those that are asked for most.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &[
            "Bernoulli",
            "Multinomial",
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
        ],
        "draws random numbers, so no output follows from an input; export the model for inference",
    ),
    (
        &["NonMaxSuppression", "NonZero", "Unique", "TfIdfVectorizer"],
        "has a result whose size depends on data; cut the model before it, and do this step outside of the proof",
    ),
    (
        &["RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "CategoryMapper"],
        "works on text; do this step before the model runs",
    ),
    (&["ImageDecoder"], "decodes files; do this step before the model runs"),
    (
        &["Adagrad", "Adam", "Gradient", "Momentum", "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"],
        "is for training; export the model for inference",
    ),
];

/// Why an operator is not in any list.
fn help(domain: &str, name: &str) -> Reason {
    let known = REFUSED.iter().find(|(names, _)| names.contains(&name));
    match known {
        Some((_, why)) if domain.is_empty() || domain == ML => (*why).to_owned(),
        _ if domain.is_empty() || domain == ML => "the operator is not in the accepted list".to_owned(),
        _ => "operators of other domains are not supported; export to the standard ones".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_is_listed_once() {
        let names: Vec<(&str, &str)> =
            FAMILIES.iter().flat_map(|family| family.iter()).map(|o| (o.domain, o.name)).collect();
        let once: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(once.len(), names.len());
        for (refused, _) in REFUSED {
            assert!(refused.iter().all(|name| find("", name).is_err()), "{refused:?}");
        }
    }
}
