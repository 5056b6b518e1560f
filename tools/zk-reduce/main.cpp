// mlirReduceMain behind a C name, and the reductions it may try: MLIR's own only leave out whole ranges of ops, which a function
// with a terminator rarely survives.
#include "mlir/CAPI/IR.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Reducer/Passes.h"
#include "mlir/Reducer/ReductionPatternInterface.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

using namespace mlir;

namespace {
// An op that gives no value, such as an output, goes.
struct Erase : RewritePattern {
  Erase(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() || op->getNumRegions() || op->hasTrait<OpTrait::IsTerminator>() ||
        isa_and_nonnull<ModuleOp>(op->getParentOp()))
      return failure();
    rewriter.eraseOp(op);
    return success();
  }
};

// An op with an operand of its result's type is replaced by it.
struct Bypass : RewritePattern {
  Bypass(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1)
      return failure();
    for (Value operand : op->getOperands()) {
      if (operand.getType() == op->getResult(0).getType()) {
        rewriter.replaceOp(op, operand);
        return success();
      }
    }
    return failure();
  }
};

struct Reductions : DialectReductionPatternInterface {
  Reductions(Dialect *dialect) : DialectReductionPatternInterface(dialect) {}
  void populateReductionPatterns(RewritePatternSet &patterns) const override {
    patterns.add<Erase, Bypass>(patterns.getContext());
  }
};
} // namespace

extern "C" int zkReduceMain(int argc, char **argv, MlirContext context) {
  registerReducerPasses();
  Dialect *builtin = unwrap(context)->getLoadedDialect<BuiltinDialect>();
  builtin->addInterfaces<Reductions>();
  return failed(mlirReduceMain(argc, argv, *unwrap(context))) ? 1 : 0;
}
