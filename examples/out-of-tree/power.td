// The power dialect of the example: one op.
#ifndef EXAMPLE_POWER_TD
#define EXAMPLE_POWER_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Power_Dialect : Dialect {
  let name = "power";
  let cppNamespace = "::example::power";
  let summary = "Powers of float tensors";
}

def Power_Tensor : StaticShapeTensorOf<[F32]> { let summary = "tensor of f32 with static extents"; }

def Power_PowOp : Op<Power_Dialect, "pow", [Pure, SameOperandsAndResultType]> {
  let summary = "A power with a fixed exponent, elementwise";
  let description = [{
    `y = x^exponent` for an exponent of at least 1.

    ```mlir
    %y = power.pow %x to 3 : tensor<1x4xf32>
    ```
  }];
  let arguments = (ins Power_Tensor:$input, I64Attr:$exponent);
  let results = (outs Power_Tensor:$output);
  let assemblyFormat = "$input `to` $exponent attr-dict `:` type($output)";
  let hasVerifier = 1;
}

#endif
