//! `nn-next-tokens`: makes of a model that scores tokens one that says them.
//!
//! Equation, for scores of every position, of which those from `first` on count: next[.., i] = argmax(scores[.., first + i, :]).

use melior::ir::{Location, OperationRef, Value, ValueLike, operation::OperationLike};
use tessera_mlir::build::Cursor;
use tessera_mlir::func::Func;
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::rewrite::{self, set_operands};
use tessera_mlir::types::{self, Elem};
use tessera_mlir::{Error, Result, shape};
use tessera_nn::ops::{self, INDEX, NnOp};

/// The pass; its [`PassInfo`] describes it.
pub struct NextTokens;

/// What the result is called.
const NAME: &str = "next";

impl Pass for NextTokens {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "nn-next-tokens",
            summary: "Let a language model return the tokens with the greatest scores instead of the scores",
            expects: "@main of one input, ids of tokens, and of one result, scores of every position: positions x tokens, behind axes of \
                      extent 1",
            guarantees: "one result named next: for every position from the option's on, the id with the greatest score, the first among \
                         equals; scores of other positions are not computed",
            rejects: "other inputs and results",
            options: OPTIONS,
            example: EXAMPLE,
        }
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let at = |error: Error| error.or_at(main.op.location());
        let (scores, positions) = scores(&main).map_err(at)?;
        let first = usize::try_from(options.int("first")).unwrap_or(usize::MAX);
        if first >= positions {
            return Err(at(Error::new(format!(
                "first: expected one of {positions} positions, counted from 0, found {first}"
            ))));
        }
        let end = main.terminator()?;
        let (cursor, location) = (Cursor::before(end), end.location());
        let extents = types::of(scores)?.shape;
        let axis = extents.len() - 2;
        let scores = match first {
            0 => scores,
            _ => from((&cursor, location), scores, axis, first)?,
        };
        let next = cursor.value(ops::argmax(location, scores))?;
        set_operands(end, &[next]);
        main.update_type();
        main.set_result_names(&[NAME]);
        Ok(())
    }
}

/// A value from an index of an axis on. Of the rows of a linear layer the others are not computed, where nothing else reads them.
fn from<'c, 'a>(
    (cursor, location): (&Cursor<'c, 'a>, Location<'c>),
    x: Value<'c, 'a>,
    axis: usize,
    first: usize,
) -> Result<Value<'c, 'a>> {
    let at = (cursor, location);
    let extents = types::of(x)?.shape;
    let rest = extents[axis] - first;
    let made = rewrite::defining_op(x).filter(|_| rewrite::has_one_use(x));
    let decoded = made.map(|op| Ok::<_, Error>((op, NnOp::decode(op)?))).transpose()?;
    match decoded {
        Some((op, Some(NnOp::Linear { x, w, bias }))) if axis + 1 < extents.len() => {
            let x = from(at, x, axis, first)?;
            cursor.value(NnOp::Linear { x, w, bias }.build(op.location()))
        }
        Some((op, Some(NnOp::Reshape { x, .. })))
            if let Some(before) = same_axis(&types::of(x)?.shape, &extents, axis) =>
        {
            let x = from(at, x, before, first)?;
            let mut shape = extents;
            shape[axis] = rest;
            cursor.value(NnOp::Reshape { x, shape }.build(op.location()))
        }
        _ => {
            let (mut starts, mut sizes) = (vec![0; extents.len()], extents);
            (starts[axis], sizes[axis]) = (first, rest);
            let ones = vec![1; starts.len()];
            cursor.value(ops::slice(location, x, &starts, &sizes, &ones))
        }
    }
}

/// The axis of `from` that a reshape makes the axis of `to`, where it but adds and removes axes of extent 1.
fn same_axis(from: &[usize], to: &[usize], axis: usize) -> Option<usize> {
    let wide = |shape: &[usize]| (0..shape.len()).filter(|&i| shape[i] != 1).collect::<Vec<_>>();
    let (before, after) = (wide(from), wide(to));
    let same = before.iter().map(|&i| from[i]).eq(after.iter().map(|&i| to[i]));
    let at = after.iter().position(|&i| i == axis)?;
    same.then(|| before[at])
}

/// The scores that a function returns, and of how many positions.
fn scores<'c, 'a>(main: &Func<'c, 'a>) -> Result<(Value<'c, 'a>, usize)> {
    let (arguments, returns) = (main.arguments(), main.returns()?);
    let ([ids], [scores]) = (&arguments[..], &returns[..]) else {
        return Err(Error::new(format!(
            "a model of tokens has one input, their ids, and one result, their scores; found {} inputs and {} results",
            arguments.len(),
            returns.len()
        )));
    };
    let (ids, extents) = (types::of(*ids)?, types::of(*scores)?);
    if ids.elem != INDEX {
        return Err(Error::new(format!(
            "a model of tokens takes their ids, integers of 64 bits, found {}",
            main.arguments()[0].r#type()
        )));
    }
    let count = shape::elements(&ids.shape)?;
    match &extents.shape[..] {
        [outer @ .., positions, _]
            if extents.elem == Elem::F32 && *positions == count && outer.iter().all(|n| *n == 1) =>
        {
            Ok((*scores, count))
        }
        found => Err(Error::new(format!(
            "a model of tokens returns scores of each of its {count} positions, positions x tokens; found {}",
            shape::show(found)
        ))),
    }
}

const OPTIONS: &[OptionSpec] =
    &[OptionSpec::int("first", "the first position after which a token is said, from 0 on", 0, 0, 1 << 30)];

const EXAMPLE: &str = r#"ml_program.global private @table(#ml_program.extern : tensor<8x8xf32>) : tensor<8x8xf32>
func.func @main(%ids: tensor<1x4xi64> {nn.name = "ids"}) -> (tensor<1x4x8xf32> {nn.name = "logits"}) {
  %0 = ml_program.global_load_const @table : tensor<8x8xf32>
  %1 = nn.embedding %0, %ids : (tensor<8x8xf32>, tensor<1x4xi64>) -> tensor<1x4x8xf32>
  return %1 : tensor<1x4x8xf32>
}"#;
