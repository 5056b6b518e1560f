// The circuit dialect: relations between integer tensors with proven intervals.
#ifndef TESSERA_CIRCUIT_TD
#define TESSERA_CIRCUIT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Circuit_Dialect : Dialect {
  let name = "circuit";
  let cppNamespace = "::tessera::circuit";
  let summary = "Lookup and arithmetic circuits on integer tensors with intervals";
  let description = [{
    A circuit says which assignments of integers are allowed. It is a function `@main` without arguments and results;
    `circuit.input` and `circuit.output` name what a statement is about.

    Every value has the type `!circuit.tensor<shape in [lo, hi]>`: each element lies in the interval, and that is
    proven: by range checks of inputs and splits, by lookups, and by interval arithmetic everywhere else. Interval
    arithmetic is the verifier's work at every op. Integers live in the Goldilocks field, p = 2^64 − 2^32 + 1; an
    interval within (−p/2, p/2) makes field arithmetic agree with integer arithmetic, so an op whose result could
    wrap is an error at that op and not a wrong proof later.

    A result's interval contains what follows from the operands' intervals. `circuit.contract`, `circuit.affine` and
    `circuit.mul` may declare a tighter one: operands go together in ways that types do not say, such as a channel's
    weights and its bias, or the two sides of a maximum. The pass `circuit-intervals` proves such intervals from the
    values of the weights; what follows from the types alone must lie within half the field even so.

    The assembly says a type's shape and interval without its name, once for operands that agree: elementwise ops write one
    shape, then the operands' intervals and the results', as in `: 4 in [0, 3], [0, 1] -> [4, 11]`; one interval stands for
    all operands where they are equal.

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
    `!circuit.tensor<6x28x28 in [-128, 127]>`: extents, outermost first, then the inclusive interval that every element
    lies in. Without extents it is a scalar, `!circuit.tensor<[0, 1]>`. Bounds lie within (−p/2, p/2).
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "int64_t":$lo, "int64_t":$hi);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

// Operands and results are constrained by a predicate: which types a directive takes is said in assembly.h.
def Circuit_Value : Type<CPred<"::llvm::isa<::tessera::circuit::TensorType>($_self)">, "integer tensor with an interval">;

class Circuit_Op<string mnemonic, list<Trait> traits = []> : Op<Circuit_Dialect, mnemonic, traits> {
  let hasVerifier = 1;
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::verify() { return unwrap(tessera_circuit_verify(wrap(getOperation()))); }
  }];
}
class Circuit_PureOp<string mnemonic, list<Trait> traits = []>
  : Circuit_Op<mnemonic, !listconcat([Pure], traits)>;

def Circuit_InputOp : Circuit_Op<"input", [DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "A named input of the statement";
  let description = [{
    A public input is part of the statement: the verifier sees every element. A private one is known to the prover
    alone, and so is a committed one, of which the statement has a salted hash. The interval is what the prover must
    show: it is range-checked, or follows from being public.

    It is not `Pure`: an input that nothing reads is still part of the statement.

    ```mlir
    %image = circuit.input "image" public : 1x28x28 in [-127, 127]
    ```
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$visibility);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$name custom<Word>($visibility) `` custom<Tensor>(type($output), attr-dict)";
}

def Circuit_OutputOp : Circuit_Op<"output"> {
  let summary = "A named output of the statement";
  let description = [{
    A public output is part of the statement; of a committed one the statement has a salted hash; a private one is only
    computed.
  }];
  let arguments = (ins Circuit_Value:$input, StrAttr:$name, StrAttr:$visibility);
  let assemblyFormat = "$input $name custom<Word>($visibility) `` custom<Tensor>(type($input), attr-dict)";
}

def Circuit_WeightOp : Circuit_PureOp<"weight", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "A parameter of the model";
  let description = [{
    The values of an `ml_program.global` of integers, whose data is in the parameter file. The stage says when they
    are committed: `fixed` with the verifying key, `model` once for a model of private weights, `witness` with every
    proof. Two reads of one parameter are one value.

    ```mlir
    %conv1.w = circuit.weight @conv1.w fixed : 6x1x5x5 in [-127, 127]
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$global, StrAttr:$stage);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$global custom<Word>($stage) `` custom<Tensor>(type($output), attr-dict)";
}

def Circuit_ConstantOp : Circuit_PureOp<"constant", [ConstantLike]> {
  let summary = "A fixed tensor";
  let description = [{
    One value for all elements, or one value for each in row-major order. More than 16 values are written as a `dense`
    attribute, which MLIR prints in hexadecimal where it is long and elides on demand
    (`--mlir-elide-elementsattrs-if-larger`).

    ```mlir
    %k = circuit.constant [32768] : 1x6x24x24 in [32768, 32768]
    ```
  }];
  let arguments = (ins I64ElementsAttr:$values);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "custom<Values>($values) `` custom<Tensor>(type($output), attr-dict)";
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

    Variables are numbered as they first appear, in the operands from left to right, so that one contraction has one
    spelling. Their names say what they do: `b` batch, `g` group, `o` output channel, `c` what is summed over, `h + k` and
    `w + l` position and kernel. Any names may be written.

    The result's interval may be tighter than what follows from the operands' types, when the weights are known; it
    must lie within (−p/2, p/2).

    Source: MLIR's `linalg.generic`; sums of variables as in polynomial products.

    ```mlir
    %y = circuit.contract %x[c, h] * %w[o, c, k] -> [o, h + k]
      : 2x8 in [-3, 3], 4x2x3 in [-1, 1] -> 4x10 in [-18, 18]
    ```
  }];
  let arguments = (ins Circuit_Value:$lhs, Circuit_Value:$rhs, AffineMapArrayAttr:$maps);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "custom<Contraction>($lhs, $rhs, $maps) `` custom<Pair>(type($lhs), type($rhs), type($output), attr-dict)";
}

def Circuit_AffineOp : Circuit_PureOp<"affine"> {
  let summary = "Weighted sum of tensors and a constant, elementwise";
  let description = [{
    `y = Σ cᵢ·xᵢ + k` on tensors of equal shape. It costs nothing: it becomes a column only where another op needs it
    there.

    ```mlir
    %y = circuit.affine 2 * %a - %b + 5 : 4 in [0, 3], [0, 1] -> [4, 11]
    ```
  }];
  let arguments = (ins Variadic<Circuit_Value>:$terms, DenseI64ArrayAttr:$coefficients, I64Attr:$constant);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = [{
    custom<Sum>($terms, $coefficients, $constant) `` custom<Elementwise>(type($terms), type($output), ref($terms), attr-dict)
  }];
  let hasFolder = 1;
}

def Circuit_MulOp : Circuit_PureOp<"mul", [Commutative]> {
  let summary = "Product of two tensors, elementwise";
  let description = [{
    `y = a·b` on tensors of equal shape.

    ```mlir
    %y = circuit.mul %a * %b : 4 in [0, 3], [-1, 2] -> [-3, 6]
    ```
  }];
  let arguments = (ins Circuit_Value:$lhs, Circuit_Value:$rhs);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$lhs `*` $rhs `` custom<Elementwise>(type($lhs), type($rhs), type($output), attr-dict)";
  let hasFolder = 1;
}

def Circuit_MaxOp : Circuit_PureOp<"max"> {
  let summary = "Greatest of several tensors, elementwise";
  let description = [{
    `y = max(x₀, x₁, ..)` on two tensors or more of equal shape. The differences `y − xᵢ` are range-checked and one of them is
    zero, which makes `y` unique; where `y` is a key, that bounds every `xᵢ` as well.

    ```mlir
    %y = circuit.max %a, %b : 4 in [0, 3], [-1, 2] -> [0, 3]
    ```
  }];
  let arguments = (ins Variadic<Circuit_Value>:$inputs);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$inputs `` custom<Elementwise>(type($inputs), type($output), ref($inputs), attr-dict)";
}

def Circuit_SplitOp : Circuit_PureOp<"split"> {
  let summary = "High and low bits";
  let description = [{
    `x = high·2^shift + low` with `0 ≤ low < 2^shift`: both parts are range-checked, which makes them unique. `high`
    is the quotient rounded down, also of negative numbers.

    ```mlir
    %high, %low = circuit.split %x by 16 : 10 in [0, 4294967295] -> [0, 65535], [0, 65535]
    ```
  }];
  let arguments = (ins Circuit_Value:$input, I64Attr:$shift);
  let results = (outs Circuit_Value:$high, Circuit_Value:$low);
  let assemblyFormat = "$input `by` $shift `` custom<Parts>(type($input), type($high), type($low), attr-dict)";
}

def Circuit_TableOp : Circuit_Op<"table", [DeclareOpInterfaceMethods<Symbol, ["canDiscardOnUseEmpty"]>]> {
  let summary = "A function on an interval, as a lookup table";
  let description = [{
    Either `f(x) = clamp((x + offset) >> shift, min, max)` with an arithmetic shift, or the listed values, one for
    each `x` of the domain in order, as in `circuit.constant`. Tables are shared by the whole circuit.

    ```mlir
    circuit.table @relu(x in [-255, 255]) = clamp(x, 0, 255)
    circuit.table @requant(x in [0, 65535]) = clamp((x - 32768) >> 3, 0, 127)
    circuit.table @sign(x in [-1, 1]) = [-1, 0, 1]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DenseI64ArrayAttr:$domain, OptionalAttr<I64Attr>:$offset,
    OptionalAttr<I64Attr>:$shift, OptionalAttr<I64Attr>:$min, OptionalAttr<I64Attr>:$max,
    OptionalAttr<I64ElementsAttr>:$values);
  let hasCustomAssemblyFormat = 1;
}

def Circuit_LookupOp : Circuit_PureOp<"lookup", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Tables applied to every element";
  let description = [{
    `y = f(x)` for the function of the table; it also shows that `x` lies in the table's domain. The operand's
    interval must lie in the domain: a witness that leaves it has no proof. Source: LogUp, Haböck, ePrint 2022/1530.

    Several tables of one domain are looked up at once, with a result for each: one tuple `(x, f(x), g(x), ..)`.

    ```mlir
    %y = circuit.lookup @relu(%x) : 10 in [-255, 255] -> [0, 255]
    %up, %down = circuit.lookup @power, @root(%e) : 4 in [0, 3] -> [1, 64], [1, 64]
    ```
  }];
  let arguments = (ins FlatSymbolRefArrayAttr:$tables, Circuit_Value:$input);
  let results = (outs Variadic<Circuit_Value>:$outputs);
  let assemblyFormat = "custom<Symbols>($tables) `(` $input `)` `` custom<Images>(type($input), type($outputs), attr-dict)";
}

def Circuit_RangeOp : Circuit_Op<"range"> {
  let summary = "The same value, shown to lie in a narrower interval";
  let description = [{
    `y = x`, and an assignment in which an element lies outside of the result's interval is not allowed. The interval has at most
    2^20 numbers, or a power of two of them. It costs nothing where the result is the key of a table whose domain lies in the
    interval. It is not `Pure`: one whose result nothing reads still says something of its operand.

    ```mlir
    %y = circuit.range %x : 4 in [-100, 100] -> [0, 15]
    ```
  }];
  let arguments = (ins Circuit_Value:$input);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$input `` custom<Elementwise>(type($input), type($output), attr-dict)";
}

def Circuit_HintOp : Circuit_PureOp<"hint", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Values that the prover computes and other ops pin down";
  let description = [{
    What the relation says of the results is that each lies in its interval, and nothing of the operand: an honest prover computes them as
    its function says, and other ops (`circuit.assert_zero`, `circuit.range`, lookups) make them the only ones possible. Intervals are as in
    `circuit.range`, and are shown by the op itself.

    - `quotient [d]`: `⌊x / d⌋`, elementwise, for `d ≥ 1`.
    - `mantissa [k, bits, lo, hi]`: of `x ≥ 0`, elementwise, the exponent `e` is the smallest in `lo..hi` with
      `⌊x / 2^(k·e)⌋ < 2^bits`, or `hi` where none is, and the mantissa `v = ⌊x / 2^(k·e)⌋`. Results are `v` and `e`.
    - `threshold @T [limit, causal]`: along the last axis, the smallest integer `c` with `Σ_j T(c − x_j) ≤ limit`. Below its domain `T` is
      beyond any limit, above it its last value; it does not increase. Where `causal` is 1, the last two axes are rows and columns, and
      row `i` of `r` sums over the columns `j ≤ i + n − r` of `n`; else `causal` is 0.
    - `greatest []`: along the last axis, the greatest element and the position where it stands first.
    - `one_hot [n]`: of `0 ≤ x < n`, along a new last axis, 1 at position `x` and 0 elsewhere.

    ```mlir
    %q = circuit.hint quotient(%x) [768] : 16 in [-70000, 70000] -> 16 in [-92, 91]
    %v, %e = circuit.hint mantissa(%s) [2, 16, 3, 14] : 16 in [1, 99999999] -> 16 in [0, 65535], 16 in [3, 14]
    %c = circuit.hint threshold @exp(%a) [256, 1] : 4x16x16 in [-50, 50] -> 4x16 in [-50, 77]
    %m, %i = circuit.hint greatest(%x) [] : 4x10 in [-99, 99] -> 4 in [-99, 99], 4 in [0, 9]
    %b = circuit.hint one_hot(%t) [512] : 16 in [0, 511] -> 16x512 in [0, 1]
    ```
  }];
  let arguments = (ins StrAttr:$function, OptionalAttr<FlatSymbolRefAttr>:$table, Circuit_Value:$input, DenseI64ArrayAttr:$parameters);
  let results = (outs Variadic<Circuit_Value>:$outputs);
  let assemblyFormat = [{
    custom<Word>($function) ($table^)? `(` $input `)` $parameters `` custom<Hinted>(type($input), type($outputs), attr-dict)
  }];
}

def Circuit_ViewOp : Circuit_PureOp<"view"> {
  let summary = "Affine re-indexing";
  let description = [{
    `y[r] = x.flat[offset + Σ r_d·strides_d]` where `valid_low ≤ r < valid_high` on every axis, else 0; without
    `valid` every position is valid. Row-major order.

    The common ones are written by name; shapes say the rest. The interval of the result stands where it is not the operand's.

    - `reshape`: the same elements in the same order.
    - `transpose [p]`: axis `i` of the result is axis `p[i]` of the operand.
    - `broadcast [a]`: axis `k` of the operand is axis `a[k]` of the result; along every other axis, and along an axis of
      extent 1, elements repeat.
    - `crop [s] stride [t]`: position `r` reads `s + r·t` on every axis. Without `crop` it starts at 0, without `stride` it goes
      in steps of 1.
    - `pad [p] stride [t]`: position `r` reads `r·t − p` on every axis, and is 0 outside of the operand.

    ```mlir
    %t = circuit.view %x transpose [1, 0] : 2x3 in [0, 9] -> 3x2
    %p = circuit.view %v pad [1] : 3 in [2, 9] -> 5 in [0, 9]
    %d = circuit.view %x offset 0 strides [4] : 2x3 in [0, 9] -> 2
    ```
  }];
  let arguments = (ins Circuit_Value:$input, I64Attr:$offset, DenseI64ArrayAttr:$strides,
    OptionalAttr<DenseI64ArrayAttr>:$valid_low, OptionalAttr<DenseI64ArrayAttr>:$valid_high);
  let results = (outs Circuit_Value:$output);
  let hasCustomAssemblyFormat = 1;
  let hasFolder = 1;
}

def Circuit_ConcatOp : Circuit_PureOp<"concat"> {
  let summary = "Tensors one after the other along an axis";
  let description = [{
    Extents agree on every other axis; the interval covers those of the operands.

    ```mlir
    %y = circuit.concat %a, %b axis 0 : 4 in [0, 3], 2 in [0, 1] -> 6 in [0, 3]
    ```
  }];
  let arguments = (ins Variadic<Circuit_Value>:$inputs, I64Attr:$axis);
  let results = (outs Circuit_Value:$output);
  let assemblyFormat = "$inputs `axis` $axis `` custom<Tensors>(type($inputs), type($output), ref($inputs), attr-dict)";
  let hasFolder = 1;
}

def Circuit_AssertZeroOp : Circuit_Op<"assert_zero"> {
  let summary = "Every element is zero";
  let description = [{ An assignment in which an element is not zero is not allowed. }];
  let arguments = (ins Circuit_Value:$input);
  let assemblyFormat = "$input `` custom<Tensor>(type($input), attr-dict)";
}

#endif
