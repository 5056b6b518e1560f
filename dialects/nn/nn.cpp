// The nn dialect in C++: registration alone. Verifiers and folders are in Rust (src/verify.rs, src/fold.rs).
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "nn_dialect.h.inc"
#define GET_OP_CLASSES
#include "nn_ops.h.inc"

#include "nn_dialect.cpp.inc"
#define GET_OP_CLASSES
#include "nn_ops.cpp.inc"

using namespace mlir;

extern "C" {
MlirLogicalResult tessera_nn_verify(MlirOperation);
int tessera_nn_fold(MlirOperation, MlirValue *);
}

static OpFoldResult fold(Operation *op) {
  MlirValue value;
  switch (tessera_nn_fold(wrap(op), &value)) {
  case 1:
    return op->getResult(0);
  case 2:
    return unwrap(value);
  default:
    return {};
  }
}

namespace tessera::nn {
void NNDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "nn_ops.cpp.inc"
      >();
}

#define VERIFY(Op) \
  LogicalResult Op::verify() { return unwrap(tessera_nn_verify(wrap(getOperation()))); }
#define FOLD(Op) \
  OpFoldResult Op::fold(FoldAdaptor) { return ::fold(getOperation()); }

VERIFY(ConvOp) VERIFY(LinearOp) VERIFY(MatMulOp) VERIFY(AddOp) VERIFY(SubOp) VERIFY(MulOp)
VERIFY(MaxPoolOp) VERIFY(AvgPoolOp)
VERIFY(SoftmaxOp) VERIFY(NormOp) VERIFY(EmbeddingOp) VERIFY(ArgMaxOp)
VERIFY(ReluOp) FOLD(ReluOp)
VERIFY(MapOp) FOLD(MapOp)
VERIFY(ReshapeOp) FOLD(ReshapeOp)
VERIFY(TransposeOp) FOLD(TransposeOp)
VERIFY(ConcatOp) FOLD(ConcatOp)
VERIFY(PadOp) FOLD(PadOp)
VERIFY(SliceOp) FOLD(SliceOp)
} // namespace tessera::nn

extern "C" {
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(NN, nn, tessera::nn::NNDialect)
}
