// The circuit dialect: relations between integer tensors with proven intervals.
#ifndef TESSERA_CIRCUIT_TD
#define TESSERA_CIRCUIT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Circuit_Dialect : Dialect {
  let name = "circuit";
  let cppNamespace = "::tessera::circuit";
  let summary = "Lookup and arithmetic circuits on integer tensors with intervals";
  let description = [{
    A circuit says which assignments of integers are allowed. It is a function `@main` without arguments and results;
    `circuit.input` and `circuit.output` name what a statement is about.

    Every value has the type `!circuit.tensor<shape, [lo, hi]>`: each element lies in the interval, and that is
    proven: by range checks of inputs and splits, by lookups, and by interval arithmetic everywhere else. Interval
    arithmetic is the verifier's work at every op. Integers live in the Goldilocks field, p = 2^64 − 2^32 + 1; an
    interval within (−p/2, p/2) makes field arithmetic agree with integer arithmetic, so an op whose result could
    wrap is an error at that op and not a wrong proof later.

    A result's interval contains what follows from the operands' intervals. `circuit.contract`, `circuit.affine` and
    `circuit.mul` may declare a tighter one: operands go together in ways that types do not say, such as a channel's
    weights and its bias, or the two sides of a maximum. The pass `circuit-intervals` proves such intervals from the
    values of the weights; what follows from the types alone must lie within half the field even so.

    Absent on purpose: anything about tables, columns and rows, which the placement decides, and anything about a
    backend.
  }];
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

def Circuit_TensorType : TypeDef<Circuit_Dialect, "Tensor"> {
  let mnemonic = "tensor";
  let summary = "Integer tensor with a proven interval";
  let description = [{
    `!circuit.tensor<6x28x28, [-128, 127]>`: extents, outermost first, then the inclusive interval that every element
    lies in. Without extents it is a scalar, `!circuit.tensor<[0, 1]>`. Bounds lie within (−p/2, p/2).
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "int64_t":$lo, "int64_t":$hi);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

// Operands and results are constrained by a predicate, so that the assembly spells types in full.
def Circuit_Value : Type<CPred<"::llvm::isa<::tessera::circuit::TensorType>($_self)">, "integer tensor with an interval">;

class Circuit_Op<string mnemonic, list<Trait> traits = []> : Op<Circuit_Dialect, mnemonic, traits> {
  let hasVerifier = 1;
}
class Circuit_PureOp<string mnemonic, list<Trait> traits = []>
  : Circuit_Op<mnemonic, !listconcat([Pure], traits)>;

def Circuit_InputOp : Circuit_Op<"input"> {
  let summary = "A named input of the statement";
  let description = [{
    A public input is part of the statement: the verifier sees every element. A private one is known to the prover
    alone. The interval is what the prover must show: it is range-checked, or follows from being public.

    It is not `Pure`: an input that nothing reads is still part of the statement.

    ```mlir
    %x = circuit.input "image" public : !circuit.tensor<1x28x28, [-127, 127]>
    ```
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$visibility);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$name custom<Visibility>($visibility) attr-dict `:` type($output)";
}

def Circuit_OutputOp : Circuit_Op<"output"> {
  let summary = "A named output of the statement";
  let description = [{ A public output is part of the statement; a private one is only computed. }];
  let arguments = (ins Circuit_Value:$input, StrAttr:$name, StrAttr:$visibility);
  let assemblyFormat = "$input $name custom<Visibility>($visibility) attr-dict `:` type($input)";
}

def Circuit_WeightOp : Circuit_PureOp<"weight", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A parameter of the model";
  let description = [{
    The values of an `ml_program.global` of integers, whose data is in the parameter file. The stage says when they
    are committed: `fixed` with the verifying key, `model` once for a model of private weights, `witness` with every
    proof. Two reads of one parameter are one value.

    ```mlir
    %w = circuit.weight @conv1.w fixed : !circuit.tensor<6x1x5x5, [-127, 127]>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$global, StrAttr:$stage);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$global custom<Stage>($stage) attr-dict `:` type($output)";
}

def Circuit_ConstantOp : Circuit_PureOp<"constant", [ConstantLike]> {
  let summary = "A fixed tensor";
  let description = [{
    One value for all elements, or one value for each in row-major order.

    ```mlir
    %k = circuit.constant [32768] : !circuit.tensor<1x6x24x24, [32768, 32768]>
    ```
  }];
  let arguments = (ins DenseI64ArrayAttr:$values);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$values attr-dict `:` type($output)";
  let hasFolder = 1;
}

def Circuit_ContractOp : Circuit_PureOp<"contract"> {
  let summary = "Sums of products with affine index maps";
  let description = [{
    `y[m₂(i)] = Σ x[m₀(i)] · w[m₁(i)]` over all values of the index variables `i`, for maps `m₀, m₁, m₂`. Each result
    of `m₀` and `m₁` is one variable; the extents of the operands give the ranges of the variables. A result of `m₂`
    is one variable, or the sum of two: then the op is a full convolution along that axis, of extent `I + K − 1`,
    with the kernel not flipped back. A variable that `m₂` leaves out is summed over. So one op is matrix product,
    batched product and every convolution.

    The result's interval may be tighter than what follows from the operands' types, when the weights are known; it
    must lie within (−p/2, p/2).

    Source: MLIR's `linalg.generic`; sums of variables as in polynomial products.

    ```mlir
    %y = circuit.contract %x, %w maps [affine_map<(o, c, i, k) -> (c, i)>, affine_map<(o, c, i, k) -> (o, c, k)>,
                                       affine_map<(o, c, i, k) -> (o, i + k)>]
      : (!circuit.tensor<2x8, [-3, 3]>, !circuit.tensor<4x2x3, [-1, 1]>) -> !circuit.tensor<4x10, [-18, 18]>
    ```
  }];
  let arguments = (ins Circuit_Value:$lhs, Circuit_Value:$rhs, AffineMapArrayAttr:$maps);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$lhs `,` $rhs `maps` $maps attr-dict `:` functional-type(operands, results)";
}

def Circuit_AffineOp : Circuit_PureOp<"affine"> {
  let summary = "Weighted sum of tensors and a constant, elementwise";
  let description = [{
    `y = Σ cᵢ·xᵢ + k` on tensors of equal shape. It costs nothing: it becomes a column only where another op needs it
    there.

    ```mlir
    %y = circuit.affine [2 * %a, -1 * %b] + 5
      : (!circuit.tensor<4, [0, 3]>, !circuit.tensor<4, [0, 1]>) -> !circuit.tensor<4, [4, 11]>
    ```
  }];
  let arguments = (ins Variadic<Circuit_Value>:$terms, DenseI64ArrayAttr:$coefficients, I64Attr:$constant);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = [{
    custom<Terms>($terms, $coefficients) `+` $constant attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
}

def Circuit_MulOp : Circuit_PureOp<"mul", [Commutative]> {
  let summary = "Product of two tensors, elementwise";
  let description = [{ `y = a·b` on tensors of equal shape. }];
  let arguments = (ins Circuit_Value:$lhs, Circuit_Value:$rhs);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Circuit_MaxOp : Circuit_PureOp<"max"> {
  let summary = "Greatest of several tensors, elementwise";
  let description = [{
    `y = max(x₀, x₁, ..)` on two tensors or more of equal shape. The differences `y − xᵢ` are range-checked and one of them is
    zero, which makes `y` unique; where `y` is a key, that bounds every `xᵢ` as well.

    ```mlir
    %y = circuit.max %a, %b
      : (!circuit.tensor<4, [0, 3]>, !circuit.tensor<4, [-1, 2]>) -> !circuit.tensor<4, [0, 3]>
    ```
  }];
  let arguments = (ins Variadic<Circuit_Value>:$inputs);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
}

def Circuit_SplitOp : Circuit_PureOp<"split"> {
  let summary = "High and low bits";
  let description = [{
    `x = high·2^shift + low` with `0 ≤ low < 2^shift`: both parts are range-checked, which makes them unique. `high`
    is the quotient rounded down, also of negative numbers.

    ```mlir
    %high, %low = circuit.split %x by 16
      : !circuit.tensor<10, [0, 4294967295]> -> !circuit.tensor<10, [0, 65535]>, !circuit.tensor<10, [0, 65535]>
    ```
  }];
  let arguments = (ins Circuit_Value:$input, I64Attr:$shift);
  let results = (outs Circuit_Value:$high, Circuit_Value:$low);
  let assemblyFormat = "$input `by` $shift attr-dict `:` type($input) `->` type($high) `,` type($low)";
}

def Circuit_TableOp : Circuit_Op<"table", [DeclareOpInterfaceMethods<Symbol, ["canDiscardOnUseEmpty"]>]> {
  let summary = "A function on an interval, as a lookup table";
  let description = [{
    Either `f(x) = clamp((x + offset) >> shift, min, max)` with an arithmetic shift, or the listed values, one for
    each `x` of the domain in order. Tables are shared by the whole circuit.

    ```mlir
    circuit.table @relu domain [-255, 255] clamp offset 0 shift 0 min 0 max 255
    circuit.table @sign domain [-1, 1] values [-1, 0, 1]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DenseI64ArrayAttr:$domain, OptionalAttr<I64Attr>:$offset,
    OptionalAttr<I64Attr>:$shift, OptionalAttr<I64Attr>:$min, OptionalAttr<I64Attr>:$max,
    OptionalAttr<DenseI64ArrayAttr>:$values);
  let assemblyFormat = [{
    $sym_name `domain` $domain (`clamp` `offset` $offset^ `shift` $shift `min` $min `max` $max)?
    (`values` $values^)? attr-dict
  }];
}

def Circuit_LookupOp : Circuit_PureOp<"lookup", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A table applied to every element";
  let description = [{
    `y = f(x)` for the function of the table; it also shows that `x` lies in the table's domain. The operand's
    interval must lie in the domain: a witness that leaves it has no proof. Source: LogUp, Haböck, ePrint 2022/1530.

    ```mlir
    %y = circuit.lookup @relu %x : !circuit.tensor<10, [-255, 255]> -> !circuit.tensor<10, [0, 255]>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$table, Circuit_Value:$input);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$table $input attr-dict `:` type($input) `->` type($output)";
}

def Circuit_ViewOp : Circuit_PureOp<"view"> {
  let summary = "Affine re-indexing";
  let description = [{
    `y[r] = x.flat[offset + Σ r_d·strides_d]` where `valid_low ≤ r < valid_high` on every axis, else 0; without
    `valid` every position is valid. Row-major order. It is transpose, reshape, slice, crop, pad and broadcast
    (stride 0).

    ```mlir
    // The transpose of a 2x3 matrix.
    %t = circuit.view %x offset 0 strides [1, 3] : !circuit.tensor<2x3, [0, 9]> -> !circuit.tensor<3x2, [0, 9]>
    // One zero before and after.
    %p = circuit.view %x offset -1 strides [1] valid [1] to [4]
      : !circuit.tensor<3, [2, 9]> -> !circuit.tensor<5, [0, 9]>
    ```
  }];
  let arguments = (ins Circuit_Value:$input, I64Attr:$offset, DenseI64ArrayAttr:$strides,
    OptionalAttr<DenseI64ArrayAttr>:$valid_low, OptionalAttr<DenseI64ArrayAttr>:$valid_high);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = [{
    $input `offset` $offset `strides` $strides (`valid` $valid_low^ `to` $valid_high)? attr-dict
    `:` type($input) `->` type($output)
  }];
  let hasFolder = 1;
}

def Circuit_ConcatOp : Circuit_PureOp<"concat"> {
  let summary = "Tensors one after the other along an axis";
  let description = [{ Extents agree on every other axis; the interval covers those of the operands. }];
  let arguments = (ins Variadic<Circuit_Value>:$inputs, I64Attr:$axis);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Circuit_AssertZeroOp : Circuit_Op<"assert_zero"> {
  let summary = "Every element is zero";
  let description = [{ An assignment in which an element is not zero is not allowed. }];
  let arguments = (ins Circuit_Value:$input);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

#endif
