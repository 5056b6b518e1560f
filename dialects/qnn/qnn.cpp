// The qnn dialect in C++: registration alone. Verifiers and folders are in Rust (src/verify.rs, src/fold.rs).
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

// Operands of a weighted sum, each with its multipliers: `%x times [181], %r times [3, 4]`.
static ParseResult parseTerms(OpAsmParser &parser, SmallVectorImpl<OpAsmParser::UnresolvedOperand> &terms,
                              ArrayAttr &multipliers) {
  SmallVector<Attribute> lists;
  do {
    SmallVector<int64_t> list;
    auto number = [&]() -> ParseResult { return parser.parseInteger(list.emplace_back()); };
    if (parser.parseOperand(terms.emplace_back()) || parser.parseKeyword("times") ||
        parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, number))
      return failure();
    lists.push_back(parser.getBuilder().getDenseI64ArrayAttr(list));
  } while (succeeded(parser.parseOptionalComma()));
  multipliers = parser.getBuilder().getArrayAttr(lists);
  return success();
}
static void printTerms(OpAsmPrinter &printer, Operation *, OperandRange terms, ArrayAttr multipliers) {
  llvm::interleaveComma(llvm::zip(terms, multipliers), printer, [&](auto term) {
    printer << std::get<0>(term) << " times [";
    llvm::interleaveComma(cast<DenseI64ArrayAttr>(std::get<1>(term)).asArrayRef(), printer);
    printer << ']';
  });
}

#include "qnn_dialect.h.inc"
#define GET_OP_CLASSES
#include "qnn_ops.h.inc"

#include "qnn_dialect.cpp.inc"
#define GET_OP_CLASSES
#include "qnn_ops.cpp.inc"

extern "C" {
MlirLogicalResult tessera_qnn_verify(MlirOperation);
int tessera_qnn_fold(MlirOperation, MlirValue *);
}

static OpFoldResult fold(Operation *op) {
  MlirValue value;
  switch (tessera_qnn_fold(wrap(op), &value)) {
  case 1:
    return op->getResult(0);
  case 2:
    return unwrap(value);
  default:
    return {};
  }
}

namespace {
// Names quantized types at the top of a printed file, so that ops fit a line: !q8 for activations of 8 bits, !w8 for
// weights with a scale per channel; numbers are added where there are several.
struct Aliases : public OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;
  AliasResult getAlias(Type type, raw_ostream &os) const override {
    if (auto quantized = dyn_cast<quant::UniformQuantizedType>(type))
      os << 'q' << quantized.getStorageTypeIntegralWidth();
    else if (auto quantized = dyn_cast<quant::UniformQuantizedPerAxisType>(type))
      os << 'w' << quantized.getStorageTypeIntegralWidth();
    else
      return AliasResult::NoAlias;
    return AliasResult::OverridableAlias;
  }
};
} // namespace

namespace tessera::qnn {
void QNNDialect::initialize() {
  addInterfaces<Aliases>();
  addOperations<
#define GET_OP_LIST
#include "qnn_ops.cpp.inc"
      >();
}

#define VERIFY(Op) \
  LogicalResult Op::verify() { return unwrap(tessera_qnn_verify(wrap(getOperation()))); }
#define FOLD(Op) \
  OpFoldResult Op::fold(FoldAdaptor) { return ::fold(getOperation()); }

VERIFY(QuantizeOp) VERIFY(DequantizeOp) VERIFY(ConvOp) VERIFY(LinearOp) VERIFY(MatMulOp) VERIFY(RequantizeOp)
VERIFY(MulOp) VERIFY(SumPoolOp) VERIFY(MaxPoolOp)
VERIFY(SoftmaxOp) VERIFY(NormOp) VERIFY(EmbeddingOp) VERIFY(ArgMaxOp)
VERIFY(ReluOp) FOLD(ReluOp) VERIFY(LookupOp)
VERIFY(ReshapeOp) FOLD(ReshapeOp)
VERIFY(TransposeOp) FOLD(TransposeOp)
VERIFY(ConcatOp) FOLD(ConcatOp)
VERIFY(PadOp) FOLD(PadOp)
VERIFY(SliceOp) FOLD(SliceOp)
} // namespace tessera::qnn

extern "C" {
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(QNN, qnn, tessera::qnn::QNNDialect)
}
