// The nn dialect: neural networks on float tensors, as exporters give them.
#ifndef TESSERA_NN_TD
#define TESSERA_NN_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::tessera::nn";
  let summary = "Neural networks on float tensors";
  let description = [{
    What a model means before anything is quantized. A value is a `tensor<..xf32>` with static extents; images are
    laid out NCHW. Semantics are those of the reference interpreter (`tessera_nn::interp`), which follows ONNX.

    Any op may carry `nn.range = array<f64: low, high>`, the calibrated range of its first result; function
    arguments carry it as an argument attribute, beside `nn.name`, the name of the port. So they may carry `nn.bits`, the
    bits that the value is to be quantized with; and a convolution or a linear op `nn.weight_bits`, those of its weights.

    Absent on purpose: control flow, dynamic shapes, training, and batch normalizations, which the importer folds into
    the convolution before them.
  }];
}

def NN_Tensor : StaticShapeTensorOf<[F32]> { let summary = "tensor of f32 with static extents"; }
def NN_Any : StaticShapeTensorOf<[F32, I64]> { let summary = "tensor of f32 or i64 with static extents"; }
def NN_Indices : StaticShapeTensorOf<[I64]> { let summary = "tensor of i64 with static extents"; }

class NN_Op<string mnemonic, list<Trait> traits = []> : Op<NN_Dialect, mnemonic, !listconcat([Pure], traits)> {
  let hasVerifier = 1;
}

def NN_ConvOp : NN_Op<"conv"> {
  let summary = "Convolution of images";
  let description = [{
    `y[n,o,i,j] = bias[o] + Σ x[n, g·C' + c, i·s₀ + k·d₀ − top, j·s₁ + l·d₁ − left] · w[o,c,k,l]`, where `o` lies in
    group `g`, `C'` is the number of input channels per group, and positions outside `x` are 0. It is a correlation:
    the kernel is not flipped. `pads` are top, left, bottom, right.

    Source: ONNX `Conv`.

    ```mlir
    %y = nn.conv %x, %w bias %b strides [2, 2] pads [1, 1, 1, 1]
      : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>) -> tensor<1x4x4x4xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$weight, Optional<NN_Tensor>:$bias,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
    DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$pads,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilations,
    DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? (`strides` $strides^)? (`pads` $pads^)? (`dilations` $dilations^)?
    (`groups` $groups^)? attr-dict `:` functional-type(operands, results)
  }];
}

def NN_LinearOp : NN_Op<"linear"> {
  let summary = "Fully connected layer";
  let description = [{
    `y[.., o] = bias[o] + Σ x[.., k] · w[o, k]`: the weight is stored as PyTorch's `nn.Linear` stores it.

    Source: ONNX `Gemm` with `transB = 1`, `MatMul`.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$weight, Optional<NN_Tensor>:$bias);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def NN_MatMulOp : NN_Op<"matmul"> {
  let summary = "Product of two computed matrices";
  let description = [{
    `y[.., m, n] = Σ a[.., m, k] · b[.., k, n]`; leading axes broadcast. Both operands have at least two axes.

    Source: ONNX `MatMul`, numpy `matmul`.
  }];
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_ReluOp : NN_Op<"relu", [SameOperandsAndResultType]> {
  let summary = "Rectified linear unit";
  let description = [{
    `y = max(x, 0)`, elementwise. Source: ONNX `Relu`.
  }];
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasFolder = 1;
}

def NN_MapOp : NN_Op<"map", [SameOperandsAndResultType]> {
  let summary = "A function of one number, for every element";
  let description = [{
    `y = f(x)` for the function of that name, with its parameters in order. Functions are a list (the page on functions
    has them with their ONNX operators); where one is not defined, its value at the nearer end of its domain is taken.
    `max(x, 0)` is spelled `nn.relu`.

    ```mlir
    %y = nn.map "leaky_relu" %x parameters [0.01] : tensor<4xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, StrAttr:$function,
    DefaultValuedAttr<DenseF64ArrayAttr, "{}">:$parameters);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$function $input (`parameters` $parameters^)? attr-dict `:` type($input)";
  let hasFolder = 1;
}

class NN_Binary<string mnemonic, string text, list<Trait> traits = []> : NN_Op<mnemonic, traits> {
  let summary = "Elementwise " # text;
  let description = "Elementwise " # text # " with numpy broadcasting: axes are aligned at the end and extents "
    # "are equal or 1. Source: ONNX, section on multidirectional broadcasting.";
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}
def NN_AddOp : NN_Binary<"add", "sum", [Commutative]>;
def NN_SubOp : NN_Binary<"sub", "difference">;
def NN_MulOp : NN_Binary<"mul", "product", [Commutative]>;

def NN_SoftmaxOp : NN_Op<"softmax"> {
  let summary = "Exponentials along the last axis, divided by their sum";
  let description = [{
    `y[.., j] = m[.., j]·exp(x[.., j]) / Σ_k m[.., k]·exp(x[.., k])`. The mask `m` holds 0 and 1 and is broadcast to the shape
    of `x`; without one all positions count. Every row has a position that counts. A mask takes the place of scores of −∞.

    Source: ONNX `Softmax`; Vaswani et al., Attention Is All You Need (2017), section 3.2.3, for the mask.

    ```mlir
    %y = nn.softmax %x mask %m : (tensor<1x4x8x8xf32>, tensor<8x8xf32>) -> tensor<1x4x8x8xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, Optional<NN_Tensor>:$mask);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input (`mask` $mask^)? attr-dict `:` functional-type(operands, results)";
}

def NN_NormOp : NN_Op<"norm", [SameOperandsAndResultType]> {
  let summary = "Rows along the last axis, scaled to a mean square of 1";
  let description = [{
    `y = z / sqrt(mean(z²) + epsilon)` with means along the last axis, and `z = x − mean(x)` where the op is `centred`, else
    `z = x`: layer normalization, and root mean square normalization. Scale and shift that follow are a product and a sum.

    Source: ONNX `LayerNormalization`, `RMSNormalization`; Ba et al. (2016); Zhang and Sennrich (2019).

    ```mlir
    %y = nn.norm %x centred epsilon 1.0e-5 : tensor<1x16x64xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, UnitAttr:$centred, F64Attr:$epsilon);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$input (`centred` $centred^)? `epsilon` $epsilon attr-dict `:` type($input)";
}

def NN_EmbeddingOp : NN_Op<"embedding"> {
  let summary = "Rows of a table by computed indices";
  let description = [{
    `y[i.., :] = table[ids[i..], :]`. An index that is no row of the table is an error of whoever gives the input.

    Source: ONNX `Gather` along axis 0.
  }];
  let arguments = (ins NN_Tensor:$table, NN_Indices:$ids);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = "$table `,` $ids attr-dict `:` functional-type(operands, results)";
}

def NN_ArgMaxOp : NN_Op<"argmax"> {
  let summary = "Where the greatest element along the last axis stands";
  let description = [{
    `y[i..] = min { j : x[i.., j] = max_k x[i.., k] }`: the first among equals. Source: ONNX `ArgMax`.
  }];
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Indices:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}

def NN_MaxPoolOp : NN_Op<"max_pool"> {
  let summary = "Maximum over windows of an image";
  let description = [{
    `y[n,c,i,j] = max x[n, c, i·s₀ + k − top, j·s₁ + l − left]` over the window's positions inside `x`. Padding is
    never the maximum. The number of windows is rounded down. Source: ONNX `MaxPool` with `ceil_mode = 0`.
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$kernel,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
    DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$pads);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `kernel` $kernel (`strides` $strides^)? (`pads` $pads^)? attr-dict `:` type($input) `->` type($output)
  }];
}

def NN_AvgPoolOp : NN_Op<"avg_pool"> {
  let summary = "Mean over windows of an image";
  let description = [{
    The mean over a window's positions. With `count_include_pad` positions in the padding count as zeros; without,
    the sum is divided by the number of positions inside `x`. Source: ONNX `AveragePool`, `GlobalAveragePool`.
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$kernel,
    DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
    DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$pads,
    DefaultValuedAttr<BoolAttr, "false">:$count_include_pad);
  let results = (outs NN_Tensor:$output);
  let assemblyFormat = [{
    $input `kernel` $kernel (`strides` $strides^)? (`pads` $pads^)? (`count_include_pad` $count_include_pad^)?
    attr-dict `:` type($input) `->` type($output)
  }];
}

class NN_View<string mnemonic, Type elements = NN_Tensor> : NN_Op<mnemonic> {
  let results = (outs elements:$output);
  let hasFolder = 1;
}

def NN_ReshapeOp : NN_View<"reshape", NN_Any> {
  let summary = "The same elements under other extents";
  let description = [{
    Elements keep their row-major order. Source: ONNX `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`.
  }];
  let arguments = (ins NN_Any:$input);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
}

def NN_TransposeOp : NN_View<"transpose"> {
  let summary = "Axes in another order";
  let description = [{
    Axis `i` of the result is axis `perm[i]` of the operand. Source: ONNX `Transpose`.
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$perm);
  let assemblyFormat = "$input `perm` $perm attr-dict `:` type($input) `->` type($output)";
}

def NN_ConcatOp : NN_View<"concat"> {
  let summary = "Tensors one after the other along an axis";
  let description = [{
    Extents agree on every other axis. Source: ONNX `Concat`.
  }];
  let arguments = (ins Variadic<NN_Tensor>:$inputs, I64Attr:$axis);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` functional-type(operands, results)";
}

def NN_PadOp : NN_View<"pad"> {
  let summary = "A tensor with a border of one value";
  let description = [{
    `low[i]` positions before and `high[i]` positions after axis `i` hold `value`. Source: ONNX `Pad` in constant
    mode.
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high,
    DefaultValuedAttr<F32Attr, "0.0f">:$value);
  let assemblyFormat = [{
    $input `low` $low `high` $high (`value` $value^)? attr-dict `:` type($input) `->` type($output)
  }];
}

def NN_SliceOp : NN_View<"slice"> {
  let summary = "Positions of a tensor at regular steps";
  let description = [{
    Along axis `i`, `sizes[i]` positions from `starts[i]` in steps of `strides[i]`. Source: ONNX `Slice` with
    positive steps.
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$sizes,
    DenseI64ArrayAttr:$strides);
  let assemblyFormat = [{
    $input `starts` $starts `sizes` $sizes `strides` $strides attr-dict `:` type($input) `->` type($output)
  }];
}

#endif
