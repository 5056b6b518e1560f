// MlirOptMain behind a C name.
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

extern "C" int zkOptMain(int argc, char **argv, MlirDialectRegistry registry) {
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv,
                        "Tessera's optimizer driver. Beside the options below:\n"
                        "  --print-default-pipeline  print the pipeline that tessera compile runs\n"
                        "  --patterns=FILE           apply the rewrite patterns of a file, PDL or PDLL\n"
                        "  --print-patterns          print which rewrite pattern was applied where\n"
                        "  --pass-statistics         print what passes count\n",
                        *unwrap(registry)));
}
