// MlirLspServerMain behind a C name.
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

extern "C" int zkLspServerMain(int argc, char **argv, MlirDialectRegistry registry) {
  return failed(mlir::MlirLspServerMain(argc, argv, *unwrap(registry))) ? 1 : 0;
}
