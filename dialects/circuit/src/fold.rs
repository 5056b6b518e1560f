//! Folders of the circuit dialect: rewrites that `canonicalize` applies, each with its equation.
//!
//! Invariant: a fold keeps the type of the result, interval included, and what the interpreter computes.

use crate::ops::{CircuitOp, CircuitType, maximum, producer, result_type, set_affine, set_view};
use melior::ir::{OperationRef, Value};
use mlir_sys::{MlirOperation, MlirValue};
use tessera_mlir::{
    Result,
    hooks::{self, Fold},
    rewrite::has_one_use,
};

/// The most terms that merging two affines may come to.
const MAX_TERMS: usize = 8;

#[unsafe(no_mangle)]
unsafe extern "C" fn tessera_circuit_fold(op: MlirOperation, value: *mut MlirValue) -> i32 {
    // SAFETY: the generated folder calls this with an op that is alive and a place for its result.
    unsafe { hooks::fold(op, value, fold) }
}

fn fold<'c, 'a>(op: OperationRef<'c, 'a>) -> Result<Fold<'c, 'a>> {
    let Some(decoded) = CircuitOp::decode(op)? else { return Ok(Fold::None) };
    let declared = result_type(op)?;
    let same_type = |x: Value<'c, 'a>| Ok::<_, tessera_mlir::Error>(CircuitType::of(x)? == declared);
    Ok(match decoded {
        // view(x, identity) = x
        CircuitOp::View { x, view } => {
            if view.is_identity(&CircuitType::of(x)?.shape) && same_type(x)? {
                return Ok(Fold::To(x));
            }
            // view(view(x, v), w) = view(x, w∘v)
            if let Some(CircuitOp::View { x: inner, view: first }) = producer(x)?
                && let Some(both) = view.after(&first)
            {
                set_view(op, inner, &both);
                return Ok(Fold::InPlace);
            }
            Fold::None
        }
        // concat(x) = x
        CircuitOp::Concat { xs, .. } if xs.len() == 1 && same_type(xs[0])? => Fold::To(xs[0]),
        // 1·x = x
        CircuitOp::Mul { a, b } => {
            if splat(b)? == Some(1) && same_type(a)? {
                Fold::To(a)
            } else if splat(a)? == Some(1) && same_type(b)? {
                Fold::To(b)
            } else {
                Fold::None
            }
        }
        CircuitOp::Affine { terms, constant } => {
            // 1·x + 0 = x
            if let (&[(1, x)], 0) = (terms.as_slice(), constant)
                && same_type(x)?
            {
                return Ok(Fold::To(x));
            }
            match simplify(&terms, constant)? {
                // Terms may have been known more tightly together than they are one by one.
                Some((terms, constant)) if is_valid(&terms, constant, &declared) => {
                    set_affine(op, &terms, constant);
                    Fold::InPlace
                }
                _ => Fold::None,
            }
        }
        _ => Fold::None,
    })
}

/// Whether the verifier accepts the sum under the declared type.
fn is_valid<'c: 'a, 'a>(terms: &Terms<'c, 'a>, constant: i64, declared: &CircuitType) -> bool {
    let inferred = CircuitOp::Affine { terms: terms.clone(), constant }.infer(|x| CircuitType::of(*x));
    inferred.is_ok_and(|types| types[0].interval().meets(declared.interval()))
}

type Terms<'c, 'a> = Vec<(i64, Value<'c, 'a>)>;

/// The same sum with fewer terms or fewer ops, if there is one. An affine keeps one term, since it takes its shape
/// from there.
fn simplify<'c: 'a, 'a>(terms: &Terms<'c, 'a>, constant: i64) -> Result<Option<(Terms<'c, 'a>, i64)>> {
    let mut sum = Sum { terms: vec![], constant };
    for (index, &(coefficient, x)) in terms.iter().enumerate() {
        let others = terms.len() - index - 1 + sum.terms.len();
        let done = match producer(x)? {
            // c·k + rest = rest + ck
            Some(CircuitOp::Constant { values, .. }) if values.len() == 1 && others > 0 => {
                sum.add_constant(coefficient, values[0])
            }
            // c·(Σ cᵢ·xᵢ + k) = Σ c·cᵢ·xᵢ + ck, when nothing else needs the inner sum. A maximum stays in one piece:
            // taken apart, its interval could not be proven any more.
            Some(CircuitOp::Affine { terms: inner, constant })
                if has_one_use(x)
                    && inner.len() + others <= MAX_TERMS
                    && maximum(&inner, constant, |x| producer(*x))?.is_none() =>
            {
                sum.add_all(coefficient, &inner, constant)
            }
            _ => sum.add(coefficient, x),
        };
        if done.is_none() {
            return Ok(None);
        }
    }
    // 0·x + rest = rest
    let mut kept = sum.terms.iter().copied().filter(|&(coefficient, _)| coefficient != 0).collect::<Vec<_>>();
    if kept.is_empty() {
        kept.extend(sum.terms.first());
    }
    let changed = kept != *terms || sum.constant != constant;
    Ok(changed.then_some((kept, sum.constant)))
}

struct Sum<'c, 'a> {
    terms: Terms<'c, 'a>,
    constant: i64,
}

/// Additions return `None` when a coefficient leaves 64 bits: then nothing is folded.
impl<'c, 'a> Sum<'c, 'a> {
    fn add(&mut self, coefficient: i64, x: Value<'c, 'a>) -> Option<()> {
        // a·x + b·x = (a + b)·x
        match self.terms.iter_mut().find(|(_, known)| *known == x) {
            Some((known, _)) => *known = known.checked_add(coefficient)?,
            None => self.terms.push((coefficient, x)),
        }
        Some(())
    }

    fn add_constant(&mut self, coefficient: i64, value: i64) -> Option<()> {
        self.constant = self.constant.checked_add(coefficient.checked_mul(value)?)?;
        Some(())
    }

    fn add_all(&mut self, coefficient: i64, terms: &[(i64, Value<'c, 'a>)], constant: i64) -> Option<()> {
        for &(inner, x) in terms {
            self.add(coefficient.checked_mul(inner)?, x)?;
        }
        self.add_constant(coefficient, constant)
    }
}

fn splat(value: Value) -> Result<Option<i64>> {
    Ok(match producer(value)? {
        Some(CircuitOp::Constant { values, .. }) if values.len() == 1 => Some(values[0]),
        _ => None,
    })
}
