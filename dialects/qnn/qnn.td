// The qnn dialect: the quantized model, exactly.
#ifndef TESSERA_QNN_TD
#define TESSERA_QNN_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Dialect/Quant/IR/QuantBase.td"

def QNN_Dialect : Dialect {
  let name = "qnn";
  let cppNamespace = "::tessera::qnn";
  let summary = "Quantized neural networks on integers";
  let description = [{
    The meaning of the quantized model, exact to the bit: the integer interpreter (`tessera_qnn::interp`) defines it
    and everything below must agree with it.

    Activations are `tensor<..x!quant.uniform<i8<-127:127>:f32, s>>`: a stored integer `q` stands for the real number
    `q·s`; the zero point is 0. Weights have one scale per output channel. Convolutions and products give exact sums,
    `tensor<..xi32>`; `qnn.requantize` brings them back to few bits by a multiplier and a shift that stand in the IR.
    No operation rounds but `qnn.quantize`, `qnn.requantize`, `qnn.softmax` and `qnn.norm`.

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference (2018), section 2, with zero points of 0.

    Absent on purpose: asymmetric quantization, which costs a correction term per product and has no use for a
    prover; floats other than at the borders.
  }];
}

def QNN_Quantized : StaticShapeTensorOf<[quant_QuantizedType]> {
  let summary = "tensor of symmetric !quant.uniform with static extents";
}
def QNN_Accumulator : StaticShapeTensorOf<[I32]> { let summary = "tensor of i32 with static extents"; }
def QNN_Summand : StaticShapeTensorOf<[quant_QuantizedType, I32]> {
  let summary = "tensor of symmetric !quant.uniform or i32 with static extents";
}
def QNN_Multipliers : TypedArrayAttrBase<DenseI64ArrayAttr, "a list of integers for each operand">;
def QNN_Indices : StaticShapeTensorOf<[I64]> { let summary = "tensor of i64 with static extents"; }
def QNN_Any : StaticShapeTensorOf<[quant_QuantizedType, I64]> {
  let summary = "tensor of symmetric !quant.uniform or i64 with static extents";
}
def QNN_Float : StaticShapeTensorOf<[F32]> { let summary = "tensor of f32 with static extents"; }

class QNN_Op<string mnemonic, list<Trait> traits = []> : Op<QNN_Dialect, mnemonic, !listconcat([Pure], traits)> {
  let hasVerifier = 1;
}

def QNN_QuantizeOp : QNN_Op<"quantize"> {
  let summary = "Real numbers to stored integers";
  let description = [{
    `q = clamp(round(x / s), min, max)` with `s`, `min` and `max` of the result type; halves are rounded to even.
    NaN has no stored integer and is refused where inputs are read. Source: ONNX `QuantizeLinear`.
  }];
  let arguments = (ins QNN_Float:$input);
  let results = (outs QNN_Quantized:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}

def QNN_DequantizeOp : QNN_Op<"dequantize"> {
  let summary = "Stored integers to real numbers";
  let description = [{ `x = q·s`, in f32. Source: ONNX `DequantizeLinear`. }];
  let arguments = (ins QNN_Quantized:$input);
  let results = (outs QNN_Float:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}

def QNN_ConvOp : QNN_Op<"conv"> {
  let summary = "Convolution of stored integers";
  let description = [{
    As `nn.conv` on stored integers, with an i32 bias at scale `s_x·s_w[o]`; the result is the exact sum. The
    quantizer proves from the weights that it fits into 32 bits.
  }];
  let arguments = (ins QNN_Quantized:$input, QNN_Quantized:$weight, Optional<QNN_Accumulator>:$bias,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
    DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$pads,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilations,
    DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs QNN_Accumulator:$output);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? (`strides` $strides^)? (`pads` $pads^)? (`dilations` $dilations^)?
    (`groups` $groups^)? attr-dict `:` functional-type(operands, results)
  }];
}

def QNN_LinearOp : QNN_Op<"linear"> {
  let summary = "Fully connected layer on stored integers";
  let description = [{ `y[.., o] = bias[o] + Σ x[.., k] · w[o, k]`, exactly. }];
  let arguments = (ins QNN_Quantized:$input, QNN_Quantized:$weight, Optional<QNN_Accumulator>:$bias);
  let results = (outs QNN_Accumulator:$output);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def QNN_MatMulOp : QNN_Op<"matmul"> {
  let summary = "Product of two computed matrices of stored integers";
  let description = [{ `y[.., m, n] = Σ a[.., m, k] · b[.., k, n]`, exactly; leading axes broadcast. }];
  let arguments = (ins QNN_Quantized:$lhs, QNN_Quantized:$rhs);
  let results = (outs QNN_Accumulator:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def QNN_RequantizeOp : QNN_Op<"requantize"> {
  let summary = "A weighted sum, rounded once to stored integers of few bits";
  let description = [{
    `y = clamp((Σ xᵢ·mᵢ + bias + 2^(shift−1)) >> shift, min, max)` with an arithmetic shift: the sum is exact, and its halves are
    rounded up. Operands are sums or stored integers, with numpy broadcasting; those of different scales are brought to a common one
    by their multipliers, of which each operand has one, or one for each index of `axis` of the result. A difference has a negative
    multiplier. There is no bias, one, or one for each index of `axis`. `min = 0` fuses a ReLU. With `shift = 0` nothing is rounded:
    `y = clamp(Σ xᵢ·mᵢ + bias, min, max)`.

    So a layer, a sum of two layers as at the end of a residual block, and a normalization by constants are one op each.
    Source: Jacob et al. (2018), sections 2.2 and A.2, with one rounding instead of two or three.

    Where weights are committed to, multipliers and biases that stand for channels are weights; one for all channels is public, as
    scales are.

    ```mlir
    %y = qnn.requantize %x times [181], %r times [3, 4] axis 1 bias [70, -7] shift 16 clamp [0, 127]
      : (tensor<1x2xi32>, tensor<1x2x!q8>) -> tensor<1x2x!quant.uniform<i8<-127:127>:f32, 5.0e-2>>
    ```
  }];
  let arguments = (ins Variadic<QNN_Summand>:$inputs, QNN_Multipliers:$multipliers,
    DefaultValuedAttr<I64Attr, "0">:$axis, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$bias, I64Attr:$shift,
    DenseI64ArrayAttr:$clamp);
  let results = (outs QNN_Quantized:$output);
  let assemblyFormat = [{
    custom<Terms>($inputs, $multipliers) (`axis` $axis^)? (`bias` $bias^)? `shift` $shift `clamp` $clamp attr-dict
    `:` functional-type(operands, results)
  }];
}

def QNN_MulOp : QNN_Op<"mul", [Commutative]> {
  let summary = "Product of stored integers";
  let description = [{ `y = a·b`, exactly, with numpy broadcasting. }];
  let arguments = (ins QNN_Quantized:$lhs, QNN_Quantized:$rhs);
  let results = (outs QNN_Accumulator:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

class QNN_Pool<string mnemonic, Type result> : QNN_Op<mnemonic> {
  let arguments = (ins QNN_Quantized:$input, DenseI64ArrayAttr:$kernel,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
    DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$pads);
  let results = (outs result:$output);
  let assemblyFormat = [{
    $input `kernel` $kernel (`strides` $strides^)? (`pads` $pads^)? attr-dict `:` type($input) `->` type($output)
  }];
}

def QNN_SumPoolOp : QNN_Pool<"sum_pool", QNN_Accumulator> {
  let summary = "Sum over windows of an image";
  let description = [{
    The exact sum over a window; positions in the padding are 0. An average pooling is this and a requantize that
    divides by the size of the window.
  }];
}

def QNN_MaxPoolOp : QNN_Pool<"max_pool", QNN_Quantized> {
  let summary = "Maximum over windows of an image";
  let description = [{ As `nn.max_pool`, on stored integers of one scale. }];
}

def QNN_ReluOp : QNN_Op<"relu", [SameOperandsAndResultType]> {
  let summary = "Rectified linear unit on stored integers";
  let description = [{ `y = max(x, 0)`: the zero point is 0. }];
  let arguments = (ins QNN_Quantized:$input);
  let results = (outs QNN_Quantized:$output);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasFolder = 1;
}

def QNN_LookupOp : QNN_Op<"lookup"> {
  let summary = "A table of one entry for every stored integer";
  let description = [{
    `y = table[x − min]`, where `min` is the least stored integer of `x`: the table, a parameter, has one entry for every
    stored integer of the operand's type, and its element type is the result's. What function it stands for is decided when
    the model is quantized; here it is integers, the same on every machine.

    ```mlir
    %y = qnn.lookup %x, %table : (tensor<4x!q8>, tensor<255x!q8_1>) -> tensor<4x!q8_1>
    ```
  }];
  let arguments = (ins QNN_Quantized:$input, QNN_Quantized:$table);
  let results = (outs QNN_Quantized:$output);
  let assemblyFormat = "$input `,` $table attr-dict `:` functional-type(operands, results)";
}

def QNN_SoftmaxOp : QNN_Op<"softmax"> {
  let summary = "Exponentials of a row, scaled to a common sum";
  let description = [{
    With the table `T(k) = table[k + 1]` for `k ≥ −1` (beyond the table its last entry, 0), and for every row along the last
    axis the smallest integer `c` with

    `Σ_j m[j]·T(c − x[j]) ≤ total`,

    `y[j] = m[j]·T(c − x[j])`. So `y / total` is a softmax without a maximum and without a division: for `T(k) = T₀·exp(−u·k)`
    and scores `x` in steps of `u`, the factor that all exponentials of a row share is chosen by `c`. The table is a parameter;
    it falls, `T(−1) > total ≥ T(0)`, and ends with 0. The mask `m` holds 0 and 1.

    The smallest `c` lies at the greatest score or above it, and depends on the row alone, so a causal mask keeps rows
    independent of what follows.

    ```mlir
    %y = qnn.softmax %x, %table total 263400 : (tensor<2x4x!q16>, tensor<4096xi32>) -> tensor<2x4x!q32>
    ```
  }];
  let arguments = (ins QNN_Quantized:$input, QNN_Accumulator:$table, Optional<QNN_Accumulator>:$mask, I64Attr:$total);
  let results = (outs QNN_Quantized:$output);
  let assemblyFormat = [{
    $input `,` $table (`mask` $mask^)? `total` $total attr-dict `:` functional-type(operands, results)
  }];
}

def QNN_NormOp : QNN_Op<"norm"> {
  let summary = "Rows along the last axis, scaled to a common mean square";
  let description = [{
    In units of `2^−fraction` of a stored integer, for every row along the last axis:

    - `z = x·2^fraction − μ`, with `μ = (Σx·mean_multiplier + 2^(mean_shift−1)) >> mean_shift` the rounded mean where `mean` is
      given, else `z = x·2^fraction`;
    - `V = Σz² + epsilon`, split into `V = v·4^e + w` with `0 ≤ w < 4^e` and the smallest `e` for which `v < 2^16`. It is at
      most `exponent`; since `epsilon ≥ 2^14`, `v ≥ 2^14`;
    - `y = (z·R + 2^(shift−1)) >> shift` with `R = roots[v − 2^14]·2^(exponent − e)`.

    The table of roots, a parameter of `2^16 − 2^14` entries, holds `2^(shift − exponent)·sqrt(D)/(s·sqrt(v))` for rows of `D`
    elements and the scale `s` of the result. Dropping `w` changes a result by less than one part in `2^15`.

    ```mlir
    %y = qnn.norm %x, %roots mean [16777216, 26] fraction 4 epsilon 171799 exponent 12 shift 22
      : (tensor<1x16x64x!q32>, tensor<49152xi32>) -> tensor<1x16x64x!q16>
    ```
  }];
  let arguments = (ins QNN_Quantized:$input, QNN_Accumulator:$roots, OptionalAttr<DenseI64ArrayAttr>:$mean,
    I64Attr:$fraction, I64Attr:$epsilon, I64Attr:$exponent, I64Attr:$shift);
  let results = (outs QNN_Quantized:$output);
  let assemblyFormat = [{
    $input `,` $roots (`mean` $mean^)? `fraction` $fraction `epsilon` $epsilon `exponent` $exponent `shift` $shift attr-dict
    `:` functional-type(operands, results)
  }];
}

def QNN_EmbeddingOp : QNN_Op<"embedding"> {
  let summary = "Rows of a table of stored integers by computed indices";
  let description = [{ `y[i.., :] = table[ids[i..], :]`. An index that is no row of the table is an error. }];
  let arguments = (ins QNN_Quantized:$table, QNN_Indices:$ids);
  let results = (outs QNN_Quantized:$output);
  let assemblyFormat = "$table `,` $ids attr-dict `:` functional-type(operands, results)";
}

def QNN_ArgMaxOp : QNN_Op<"argmax"> {
  let summary = "Where the greatest stored integer along the last axis stands";
  let description = [{ As `nn.argmax`: the first among equals. }];
  let arguments = (ins QNN_Quantized:$input);
  let results = (outs QNN_Indices:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}

class QNN_View<string mnemonic, Type elements = QNN_Quantized> : QNN_Op<mnemonic> {
  let results = (outs elements:$output);
  let hasFolder = 1;
}

def QNN_ReshapeOp : QNN_View<"reshape", QNN_Any> {
  let summary = "The same elements under other extents";
  let description = [{ Elements keep their row-major order and their scale. }];
  let arguments = (ins QNN_Any:$input);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}

def QNN_TransposeOp : QNN_View<"transpose"> {
  let summary = "Axes in another order";
  let description = [{ Axis `i` of the result is axis `perm[i]` of the operand. }];
  let arguments = (ins QNN_Quantized:$input, DenseI64ArrayAttr:$perm);
  let assemblyFormat = "$input `perm` $perm attr-dict `:` type($input) `->` type($output)";
}

def QNN_ConcatOp : QNN_View<"concat"> {
  let summary = "Tensors of one scale one after the other along an axis";
  let description = [{
    Operands have equal scales: those of different scales are requantized to a common one first. The element type of the result holds the
    stored values of all of them.
  }];
  let arguments = (ins Variadic<QNN_Quantized>:$inputs, I64Attr:$axis);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` functional-type(operands, results)";
}

def QNN_PadOp : QNN_View<"pad"> {
  let summary = "A tensor with a border of zeros";
  let description = [{ `low[i]` positions before and `high[i]` positions after axis `i` hold 0. }];
  let arguments = (ins QNN_Quantized:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high);
  let assemblyFormat = "$input `low` $low `high` $high attr-dict `:` type($input) `->` type($output)";
}

def QNN_SliceOp : QNN_View<"slice"> {
  let summary = "Positions of a tensor at regular steps";
  let description = [{ Along axis `i`, `sizes[i]` positions from `starts[i]` in steps of `strides[i]`. }];
  let arguments = (ins QNN_Quantized:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$sizes,
    DenseI64ArrayAttr:$strides);
  let assemblyFormat = [{
    $input `starts` $starts `sizes` $sizes `strides` $strides attr-dict `:` type($input) `->` type($output)
  }];
}

#endif
