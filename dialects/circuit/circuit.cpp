// The circuit dialect in C++: registration and the type; assembly.h has the assembly beyond the declarative format.
// Verifiers and folders are in Rust (src/verify.rs, src/fold.rs).
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
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "circuit_dialect.h.inc"
#define GET_TYPEDEF_CLASSES
#include "circuit_types.h.inc"
#define GET_OP_CLASSES
#include "circuit_ops.h.inc"

#include "assembly.h"

extern "C" {
MlirLogicalResult tessera_circuit_verify(MlirOperation);
// `symbol` is the op the name refers to; its pointer is null when there is none.
MlirLogicalResult tessera_circuit_verify_symbol(MlirOperation, MlirOperation symbol);
int tessera_circuit_fold(MlirOperation, MlirValue *);
}

#include "circuit_dialect.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "circuit_types.cpp.inc"
#define GET_OP_CLASSES
#include "circuit_ops.cpp.inc"

static OpFoldResult fold(Operation *op) {
  MlirValue value;
  switch (tessera_circuit_fold(wrap(op), &value)) {
  case 1:
    return op->getResult(0);
  case 2:
    return unwrap(value);
  default:
    return {};
  }
}

static LogicalResult verifySymbol(Operation *op, FlatSymbolRefAttr name, SymbolTableCollection &symbols) {
  Operation *symbol = symbols.lookupNearestSymbolFrom(op, name);
  return unwrap(tessera_circuit_verify_symbol(wrap(op), wrap(symbol)));
}

namespace tessera::circuit {
void CircuitDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "circuit_types.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "circuit_ops.cpp.inc"
      >();
}

Operation *CircuitDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location location) {
  auto values = dyn_cast<DenseIntElementsAttr>(value);
  auto tensor = dyn_cast<TensorType>(type);
  if (!values || !tensor)
    return nullptr;
  return ConstantOp::create(builder, location, tensor, values);
}

Type TensorType::parse(AsmParser &parser) {
  Type type;
  if (parser.parseLess() || readTensor(parser, type) || parser.parseGreater())
    return {};
  return type;
}

void TensorType::print(AsmPrinter &printer) const {
  printer << '<';
  writeTensor(printer, *this);
  printer << '>';
}

LogicalResult TensorType::verify(llvm::function_ref<InFlightDiagnostic()> error, ArrayRef<int64_t> shape,
                                 int64_t lo, int64_t hi) {
  // The greatest integer below p/2 for p = 2^64 − 2^32 + 1.
  constexpr int64_t bound = 0x7FFFFFFF80000000;
  if (lo > hi)
    return error() << "interval: expected low end ≤ high end, found [" << lo << ", " << hi << "]";
  if (lo < -bound || hi > bound)
    return error() << "interval: expected bounds within ±" << bound << " (half the field), found [" << lo << ", "
                   << hi << "]";
  int64_t elements = 1;
  for (int64_t extent : shape) {
    if (extent < 1)
      return error() << "shape: expected extents of at least 1, found " << extent;
    if (llvm::MulOverflow(elements, extent, elements) || elements > (int64_t(1) << 40))
      return error() << "shape: expected at most 2^40 elements";
  }
  return success();
}

#define FOLD(Op) \
  OpFoldResult Op::fold(FoldAdaptor) { return ::fold(getOperation()); }

FOLD(AffineOp) FOLD(MulOp) FOLD(ViewOp) FOLD(ConcatOp)

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValuesAttr(); }

// Values are called as the model calls them.
void InputOp::getAsmResultNames(OpAsmSetValueNameFn set) { set(getOutput(), getName()); }
void WeightOp::getAsmResultNames(OpAsmSetValueNameFn set) { set(getOutput(), getGlobal()); }

// A table that nothing looks up says nothing; symbol-dce may drop it.
bool TableOp::canDiscardOnUseEmpty() { return true; }

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifySymbol(getOperation(), getGlobalAttr(), symbols);
}
LogicalResult LookupOp::verifySymbolUses(SymbolTableCollection &symbols) {
  for (Attribute table : getTables())
    if (failed(verifySymbol(getOperation(), cast<FlatSymbolRefAttr>(table), symbols)))
      return failure();
  return success();
}
LogicalResult HintOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return getTableAttr() ? verifySymbol(getOperation(), getTableAttr(), symbols) : success();
}
} // namespace tessera::circuit

extern "C" {
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Circuit, circuit, tessera::circuit::CircuitDialect)

bool tesseraCircuitTypeIsTensor(MlirType type) { return isa<tessera::circuit::TensorType>(unwrap(type)); }
intptr_t tesseraCircuitTensorRank(MlirType type) {
  return cast<tessera::circuit::TensorType>(unwrap(type)).getShape().size();
}
int64_t tesseraCircuitTensorExtent(MlirType type, intptr_t axis) {
  return cast<tessera::circuit::TensorType>(unwrap(type)).getShape()[axis];
}
int64_t tesseraCircuitTensorLow(MlirType type) { return cast<tessera::circuit::TensorType>(unwrap(type)).getLo(); }
int64_t tesseraCircuitTensorHigh(MlirType type) { return cast<tessera::circuit::TensorType>(unwrap(type)).getHi(); }
// Null when the type is not valid; the caller has checked, so nothing is printed.
MlirType tesseraCircuitTensorGet(MlirContext context, intptr_t rank, const int64_t *shape, int64_t lo, int64_t hi) {
  ArrayRef<int64_t> extents(shape, rank);
  MLIRContext *raw = unwrap(context);
  return wrap(Type(tessera::circuit::TensorType::getChecked([&] { return emitError(UnknownLoc::get(raw)); }, raw,
                                                            extents, lo, hi)));
}
}
