// mlirReduceMain behind a C name.
#include "mlir/CAPI/IR.h"
#include "mlir/Reducer/Passes.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

extern "C" int zkReduceMain(int argc, char **argv, MlirContext context) {
  mlir::registerReducerPasses();
  return failed(mlir::mlirReduceMain(argc, argv, *unwrap(context))) ? 1 : 0;
}
