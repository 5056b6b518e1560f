//! `qnn-split-attention`: lets blocks of rows compute the scores alone that their masks let them attend to.
//!
//! Equation, for scores S = f(q·k) with f element by element, and a mask M that leaves out all columns of the rows R but those of C, so that
//! shares there are 0:
//!
//! round(softmax(S, M)·v)[R] = round(softmax(f(q[R]·k[:, C]), M[R, C])·v[C])
//!
//! Of a causal mask of n positions, b blocks compute (b + 1) / 2b of the n² scores. Elements of k and v are read once a block.

use melior::ir::{OperationRef, RegionLike, Value, operation::OperationLike};
use ndarray::{ArrayD, Axis};
use std::collections::HashMap;
use std::ops::Range;
use tessera_circuit::publish::fresh_name;
use tessera_mlir::build::Cursor;
use tessera_mlir::compute::rows;
use tessera_mlir::func::{self, Func};
use tessera_mlir::params::{self, Param, ParamData, Params};
use tessera_mlir::pass::{OptionSpec, Options, Pass, PassInfo};
use tessera_mlir::types::TensorType;
use tessera_mlir::{Error, Result, rewrite, types};
use tessera_qnn::QnnOp;
use tessera_qnn::ops::RequantizeAttrs;

/// The pass; its [`PassInfo`] describes it.
pub struct SplitAttention;

/// Values that are made of a score on its way to a share, for each element of k or v that a block reads again.
const WORK: usize = 6;

impl Pass for SplitAttention {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "qnn-split-attention",
            summary: "Compute attention in blocks of rows, each with the positions alone that its mask lets it attend to",
            expects: "a module of qnn ops, with the values of its masks",
            guarantees: "the same integers; where it saves work, what is rounded of the product of masked shares with values is a \
                         concatenation of blocks, none of which computes scores that its mask leaves out but at its borders",
            rejects: "masks without values",
            options: OPTIONS,
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("split", "attentions that are computed in blocks"), ("left out", "scores that are not computed")]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let mut split =
            Split { module, params: None, masks: HashMap::new(), least: options.int("rows") as usize };
        for op in main.ops() {
            let left_out = split.rewrite(op).map_err(|error| error.or_at(op.location()))?;
            options.count("split", (left_out > 0).into());
            options.count("left out", left_out);
        }
        match split.params {
            Some(params) => params::publish(module, "blocks", params),
            None => Ok(()),
        }
    }
}

/// An attention: `shares·v`, rounded, where shares are a softmax of what is made of `q·k`, row by row of the last two axes.
struct Attention<'c, 'a> {
    q: Value<'c, 'a>,
    k: Value<'c, 'a>,
    v: Value<'c, 'a>,
    /// All ops from the first product to the rounding of the second, both included, in their order.
    ops: Vec<OperationRef<'c, 'a>>,
    /// Shape of the scores of the softmax.
    scores: Vec<usize>,
    mask: String,
}

impl<'c: 'a, 'a> Attention<'c, 'a> {
    /// What ends with an op, if it is one that a mask leaves something out of.
    fn ending_with(op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        let Some(QnnOp::Requantize { xs, attrs, .. }) = QnnOp::decode(op)? else { return Ok(None) };
        let product = rewrite::defining_op(xs[0]).filter(|_| xs.len() == 1 && rewrite::has_one_use(xs[0]));
        let Some(product) = product else { return Ok(None) };
        let Some(QnnOp::MatMul { a, b: v }) = QnnOp::decode(product)? else { return Ok(None) };
        let by_column = attrs.axis + 1 == types::of(xs[0])?.shape.len();
        if !by_column && !is_uniform(&attrs) {
            return Ok(None);
        }
        let (mut ops, mut next, mut masked) = (vec![op, product], a, None);
        loop {
            let Some(op) = rewrite::defining_op(next).filter(|_| rewrite::has_one_use(next)) else {
                return Ok(None);
            };
            ops.push(op);
            let extents = types::of(next)?.shape;
            next = match QnnOp::decode(op)? {
                Some(QnnOp::Reshape { x, .. }) if ends(&types::of(x)?.shape) == ends(&extents) => x,
                Some(QnnOp::Relu { x }) => x,
                // what is made of scores; a share of 0 has to stay 0
                Some(QnnOp::Lookup { x, .. }) if masked.is_some() => x,
                Some(QnnOp::Requantize { xs, attrs, .. })
                    if masked.is_some() && xs.len() == 1 && is_uniform(&attrs) =>
                {
                    xs[0]
                }
                Some(QnnOp::Softmax { x, mask: Some(mask), .. }) if masked.is_none() => {
                    let Some(mask) = func::global_name(mask) else { return Ok(None) };
                    masked = Some((extents, mask));
                    x
                }
                Some(QnnOp::MatMul { a: q, b: k }) => {
                    let alike = types::of(q)?.shape.len() == types::of(k)?.shape.len();
                    let Some((scores, mask)) = masked.filter(|_| alike) else { return Ok(None) };
                    ops.reverse();
                    return Ok(Some(Self { q, k, v, ops, scores, mask }));
                }
                _ => return Ok(None),
            };
        }
    }
}

/// Whether all elements are rounded alike.
fn is_uniform(attrs: &RequantizeAttrs) -> bool {
    attrs.multipliers.iter().all(|m| m.len() == 1) && attrs.bias.len() <= 1
}

/// The last two extents.
fn ends(shape: &[usize]) -> Option<[usize; 2]> {
    shape.last_chunk().copied()
}

/// Rows, and the columns that they attend to.
type Block = (Range<usize>, Range<usize>);

struct Split<'c, 'a> {
    module: OperationRef<'c, 'a>,
    /// Of the module, with those that are new; none while there are no new ones.
    params: Option<Params>,
    /// Names of blocks of masks, by mask and rows.
    masks: HashMap<(String, Range<usize>), String>,
    /// Rows of a block at least.
    least: usize,
}

impl<'c: 'a, 'a> Split<'c, 'a> {
    /// Rewrites an attention that ends with an op; how many scores are left out.
    fn rewrite(&mut self, op: OperationRef<'c, 'a>) -> Result<usize> {
        let Some(attention) = Attention::ending_with(op)? else { return Ok(0) };
        let params = params::of(self.module)?;
        let mask = params.get(&attention.mask)?;
        let Some([rows, columns]) = ends(&attention.scores) else { return Ok(0) };
        let mask = ArrayD::from_shape_vec(mask.shape.clone(), mask.data.to_i64s()?)
            .map_err(|error| Error::new(error.to_string()))?;
        let Some(counts) = rows::counting(&attention.scores, Some(&mask), 1)? else { return Ok(0) };
        let reads = |counts: &[bool]| {
            let first = counts.iter().position(|&c| c).unwrap_or(0);
            first..counts.iter().rposition(|&c| c).map_or(first, |last| last + 1)
        };
        // by row, whatever the matrix
        let mut reach = vec![columns..0; rows];
        for (row, counts) in counts.chunks_exact(columns).enumerate() {
            let (reach, reads) = (&mut reach[row % rows], reads(counts));
            *reach = reach.start.min(reads.start)..reach.end.max(reads.end);
        }
        let heads = counts.len() / (rows * columns);
        let read_again = types::of(attention.k)?.len() + types::of(attention.v)?.len();
        let cost = |blocks: &[Block]| {
            let scores: usize = blocks.iter().map(|(r, c)| r.len() * c.len()).sum();
            let read: usize = blocks.iter().map(|(_, c)| c.len()).sum();
            WORK * heads * scores + read_again * read / columns
        };
        let possible = (0..).map(|k| rows.div_ceil(1 << k)).take_while(|&size| size >= self.least.max(1));
        let sizes: Vec<usize> = possible.take(usize::BITS as usize).collect();
        let blocks = sizes.into_iter().map(|size| blocks(&reach, size)).min_by_key(|blocks| cost(blocks));
        let Some(blocks) = blocks else { return Ok(0) };
        let computed: usize = blocks.iter().map(|(r, c)| r.len() * c.len()).sum();
        if computed == rows * columns {
            return Ok(0);
        }
        let results = blocks.iter().map(|block| self.block(&attention, block, &mask, &counts));
        let results = results.collect::<Result<Vec<_>>>()?;
        let axis = types::of(op.result(0)?.into())?.shape.len() - 2;
        let whole = match &results[..] {
            [one] => *one,
            _ => Cursor::before(op).value(QnnOp::Concat { xs: results, axis }.build(op.location()))?,
        };
        rewrite::replace(op, &[whole]);
        // nobody reads what led to it
        attention.ops.iter().rev().skip(1).for_each(|op| rewrite::erase(*op));
        Ok(heads * (rows * columns - computed))
    }

    /// The rows of a block.
    fn block(
        &mut self,
        attention: &Attention<'c, 'a>,
        (rows, columns): &Block,
        mask: &ArrayD<i64>,
        counts: &[bool],
    ) -> Result<Value<'c, 'a>> {
        let last = attention.ops[attention.ops.len() - 1];
        let cursor = Cursor::before(last);
        let slice = |x: Value<'c, 'a>, from_last: usize, part: &Range<usize>| {
            let mut sizes = types::of(x)?.shape;
            let axis = sizes.len() - from_last;
            let (mut starts, strides) = (vec![0; sizes.len()], vec![1; sizes.len()]);
            (starts[axis], sizes[axis]) = (part.start, part.len());
            cursor.value(QnnOp::Slice { x, starts, sizes, strides }.build(last.location()))
        };
        let (q, k) = (slice(attention.q, 2, rows)?, slice(attention.k, 1, columns)?);
        let v = slice(attention.v, 2, columns)?;
        let mut made = None;
        for &op in &attention.ops {
            let Some(decoded) = QnnOp::decode(op)? else { continue };
            let x = made.unwrap_or(q);
            let new = match decoded {
                QnnOp::MatMul { .. } => QnnOp::MatMul { a: x, b: if made.is_none() { k } else { v } },
                QnnOp::Reshape { mut shape, .. } => {
                    let axis = shape.len() - 2;
                    shape[axis..].copy_from_slice(&[rows.len(), columns.len()]);
                    QnnOp::Reshape { x, shape }
                }
                QnnOp::Softmax { table, total, to, .. } => {
                    let mask = self.mask(&cursor, (attention, mask), (rows, columns), counts, op)?;
                    QnnOp::Softmax { x, table, mask, total, to }
                }
                QnnOp::Requantize { attrs, to, .. } => QnnOp::Requantize { xs: vec![x], attrs, to },
                QnnOp::Lookup { table, first, .. } => QnnOp::Lookup { x, table, first },
                _ => QnnOp::Relu { x },
            };
            made = Some(cursor.value(new.build(op.location()))?);
        }
        made.ok_or_else(|| Error::new("an attention without ops"))
    }

    /// A block of a mask; none where it leaves nothing out.
    fn mask(
        &mut self,
        cursor: &Cursor<'c, 'a>,
        (attention, values): (&Attention<'c, 'a>, &ArrayD<i64>),
        (rows, columns): (&Range<usize>, &Range<usize>),
        counts: &[bool],
        op: OperationRef<'c, 'a>,
    ) -> Result<Option<Value<'c, 'a>>> {
        let Some([all_rows, all_columns]) = ends(&attention.scores) else { return Ok(None) };
        let mut of_block = counts.chunks_exact(all_columns).enumerate();
        let whole = of_block.all(|(row, counts)| {
            !rows.contains(&(row % all_rows)) || counts[columns.clone()].iter().all(|&c| c)
        });
        if whole {
            return Ok(None);
        }
        let mut kept = values.view();
        for (from_last, part) in [(1, columns), (2, rows)] {
            if let Some(axis) = values.ndim().checked_sub(from_last).filter(|&axis| values.shape()[axis] > 1)
            {
                kept.slice_axis_inplace(Axis(axis), part.clone().into());
            }
        }
        let ty = TensorType::i32(kept.shape()).to_type(cursor.context());
        let block = (attention.mask.clone(), rows.clone());
        let name = match self.masks.get(&block) {
            Some(name) => name.clone(),
            None => {
                let of_module = params::of(self.module)?;
                let params = self.params.get_or_insert_with(|| (*of_module).clone());
                let base = format!("{}.{}_{}", attention.mask, rows.start, rows.end);
                let name = fresh_name(&base, |name| params.0.contains_key(name));
                let data: Vec<i32> = kept.iter().map(|&counts| counts as i32).collect();
                params.insert(name.as_str(), Param::new(kept.shape(), ParamData::I32(data.into()))?);
                let body = self.module.region(0).ok().and_then(|region| region.first_block());
                let body = body.ok_or_else(|| Error::new("expected a module with a body"))?;
                func::declare_global(body, op.location(), &name, ty)?;
                self.masks.insert(block, name.clone());
                name
            }
        };
        cursor.value(func::load_global(op.location(), &name, ty)).map(Some)
    }
}

/// Rows in blocks of so many, each with the columns that some row of it reads.
fn blocks(reach: &[Range<usize>], size: usize) -> Vec<Block> {
    let starts = (0..reach.len()).step_by(size.max(1));
    starts
        .map(|start| {
            let rows = start..(start + size).min(reach.len());
            let of_block = &reach[rows.clone()];
            let first = of_block.iter().map(|r| r.start).min().unwrap_or(0);
            (rows, first..of_block.iter().map(|r| r.end).max().unwrap_or(first))
        })
        .collect()
}

const OPTIONS: &[OptionSpec] = &[OptionSpec::int("rows", "rows of a block at least", 64, 1, 1 << 20)];

// the values of masks are in files, which an example has not: what is not masked is left as it is
const EXAMPLE: &str = r#"!q = !quant.uniform<i16<-4095:4095>:f32, 1.000000e-03>
!s = !quant.uniform<i32<0:262144>:f32, 3.800000e-06>
func.func @main(%q: tensor<2x4x3x!q>, %k: tensor<2x3x4x!q>, %v: tensor<2x4x3x!q>, %exp: tensor<9xi32>) -> tensor<2x4x3x!q> {
  %0 = qnn.matmul %q, %k : (tensor<2x4x3x!q>, tensor<2x3x4x!q>) -> tensor<2x4x4xi32>
  %1 = qnn.requantize %0 times [1] shift 12 clamp [-4095, 4095] : (tensor<2x4x4xi32>) -> tensor<2x4x4x!q>
  %2 = qnn.softmax %1, %exp total 262657 : (tensor<2x4x4x!q>, tensor<9xi32>) -> tensor<2x4x4x!s>
  %3 = qnn.matmul %2, %v : (tensor<2x4x4x!s>, tensor<2x4x3x!q>) -> tensor<2x4x3xi32>
  %4 = qnn.requantize %3 times [1] shift 8 clamp [-4095, 4095] : (tensor<2x4x3xi32>) -> tensor<2x4x3x!q>
  return %4 : tensor<2x4x3x!q>
}"#;
