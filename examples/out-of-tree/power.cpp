// The power dialect in C++: registration alone. The verifier is in Rust (src/dialect.rs).
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

#include "power_dialect.h.inc"
#define GET_OP_CLASSES
#include "power_ops.h.inc"

#include "power_dialect.cpp.inc"
#define GET_OP_CLASSES
#include "power_ops.cpp.inc"

using namespace mlir;

extern "C" MlirLogicalResult example_power_verify(MlirOperation);

namespace example::power {
void PowerDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "power_ops.cpp.inc"
      >();
}

LogicalResult PowOp::verify() { return unwrap(example_power_verify(wrap(getOperation()))); }
} // namespace example::power

extern "C" {
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Power, power, example::power::PowerDialect)
}
