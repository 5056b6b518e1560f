// MlirOptMain behind a C name.
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

extern "C" int zkOptMain(int argc, char **argv, MlirStringRef about, MlirDialectRegistry registry) {
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, unwrap(about), *unwrap(registry)));
}
