// Greedy rewriting with patterns written in Rust, and with those of a file in PDL, which may call functions written in Rust.
// Invariants: the Rust side never unwinds into this file; PDL is checked before MLIR compiles it, since what it compiles it
// believes: a function without a body or a result that is not there would end the process.
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Rewrite.h"
#include "mlir/CAPI/Support.h"
#include "mlir/Dialect/PDL/IR/PDL.h"
#include "mlir/Dialect/PDL/IR/PDLOps.h"
#include "mlir/Dialect/PDL/IR/PDLTypes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Rewrite/FrozenRewritePatternSet.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <string>
#include <vector>

using namespace mlir;

extern "C" {
// Tries a Rust pattern, by its number, on an op.
using TesseraRewrite = bool (*)(void *patterns, intptr_t index, MlirOperation, MlirPatternRewriter);
// Is told every application of a pattern; none where nobody listens.
using TesseraApplied = void (*)(MlirStringRef pattern, MlirStringRef op, MlirLocation);
// A function that PDL may call: its name, the PDL types of its arguments and of its result with ", " between them.
struct TesseraNative {
  MlirStringRef name, takes, gives;
};
// Calls it by its number. Arguments are pointers to what the PDL types name. Constraints say whether they hold; the others put
// an attribute or a type into `result`, whatever they return.
using TesseraCall = bool (*)(void *natives, intptr_t index, MlirContext, const void *const *arguments, intptr_t count,
                             const void **result);
}

namespace {
// A pattern on ops of any name whose body is Rust.
class RustPattern : public RewritePattern {
public:
  RustPattern(MLIRContext *context, StringRef name, void *patterns, intptr_t index, TesseraRewrite rewrite)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context), patterns(patterns), index(index), rewrite(rewrite) {
    setDebugName(name);
  }

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    return success(rewrite(patterns, index, wrap(op), wrap(&rewriter)));
  }

private:
  void *patterns;
  intptr_t index;
  TesseraRewrite rewrite;
};

// Tells which pattern was applied to which op; the op itself may be gone by then.
class Listener : public RewriterBase::Listener {
public:
  Listener(MLIRContext *context, TesseraApplied applied)
      : applied(applied), location(UnknownLoc::get(context)) {}

  void notifyPatternBegin(const Pattern &, Operation *op) override {
    name = op->getName().getStringRef();
    location = op->getLoc();
  }

  void notifyPatternEnd(const Pattern &pattern, LogicalResult status) override {
    if (succeeded(status))
      applied(wrap(pattern.getDebugName()), wrap(name), wrap(location));
  }

private:
  TesseraApplied applied;
  StringRef name;
  Location location;
};

// At most so many rewrites in each of MLIR's ten sweeps: what grows for ever ends.
bool applyGreedily(Operation *root, RewritePatternSet set, int64_t most, TesseraApplied applied) {
  Listener listener(root->getContext(), applied);
  GreedyRewriteConfig config;
  config.setMaxNumRewrites(most);
  if (applied)
    config.setListener(&listener);
  return succeeded(applyPatternsGreedily(root, FrozenRewritePatternSet(std::move(set)), config));
}
} // namespace

// Applies patterns written in Rust to everything inside an op, with folding. Their names outlive the call.
extern "C" bool tesseraApplyPatterns(MlirOperation root, const MlirStringRef *names, intptr_t count,
                                     int64_t most, void *patterns, TesseraRewrite rewrite,
                                     TesseraApplied applied) {
  MLIRContext *context = unwrap(root)->getContext();
  RewritePatternSet set(context);
  for (intptr_t i = 0; i < count; ++i)
    set.add(std::make_unique<RustPattern>(context, unwrap(names[i]), patterns, i, rewrite));
  return applyGreedily(unwrap(root), std::move(set), most, applied);
}

namespace {
// How many results an op of a pattern has; none where only the op that matches can tell.
std::optional<size_t> resultCount(pdl::OperationOp op) {
  OperandRange types = op.getTypeValues();
  if (!types.empty() && llvm::all_of(types, [](Value type) { return isa<pdl::TypeType>(type.getType()); }))
    return types.size();
  if (auto name = op.getOpName()) {
    if (auto known = RegisteredOperationName::lookup(*name, op.getContext())) {
      if (known->hasTrait<OpTrait::OneResult>())
        return 1;
      if (known->hasTrait<OpTrait::ZeroResults>())
        return 0;
    }
  }
  return std::nullopt;
}

// Checks that an op of a pattern has the result, or the group of results, that is asked for. Where that depends on the op that
// matches, the question moves to the matcher: an op without that result is not rewritten.
LogicalResult checkResult(Operation *asked, Value parent, uint32_t index) {
  auto op = parent.getDefiningOp<pdl::OperationOp>();
  std::optional<size_t> count = resultCount(op);
  StringRef name = op.getOpName().value_or("the op");
  if (count && index >= *count)
    return emitError(asked->getLoc()) << name << " has " << *count << (*count == 1 ? " result" : " results")
                              << ", and the pattern asks for result " << index << ", counted from 0";
  if (count || !isa<pdl::RewriteOp>(asked->getParentOp()))
    return success();
  if (isa<pdl::RewriteOp>(op->getParentOp()))
    return emitError(asked->getLoc()) << "whether " << name << " has a result " << index
                              << " cannot be told: give the op its result types, one by one";
  asked->moveBefore(asked->getParentOp());
  return success();
}

// Checks that a function is there, and that it takes and gives what a call has.
LogicalResult checkCall(Operation *call, StringRef name, ArrayRef<TesseraNative> natives, bool constraint) {
  auto types = [](auto range) {
    std::vector<std::string> texts;
    for (Type type : range) {
      std::string text;
      llvm::raw_string_ostream(text) << type;
      texts.push_back(text);
    }
    return llvm::join(texts, ", ");
  };
  std::string takes = types(call->getOperandTypes()), gives = types(call->getResultTypes());
  std::vector<std::string> known;
  for (const TesseraNative &native : natives) {
    if (unwrap(native.gives).empty() != constraint)
      continue;
    known.push_back(unwrap(native.name).str());
    if (unwrap(native.name) != name)
      continue;
    if (unwrap(native.takes) == takes && unwrap(native.gives) == gives)
      return success();
    return emitError(call->getLoc()) << name << ": expected (" << unwrap(native.takes) << ") -> (" << unwrap(native.gives)
                             << "), found (" << takes << ") -> (" << gives << ")";
  }
  return emitError(call->getLoc()) << "no " << (constraint ? "constraint" : "function") << " is called '" << name
                           << "'; there are: " << llvm::join(known, ", ");
}

bool checkPdl(ModuleOp patterns, ArrayRef<TesseraNative> natives) {
  bool ok = true;
  auto note = [&](LogicalResult result) { ok &= succeeded(result); };
  // moved ops would disturb a walk
  std::vector<Operation *> ops;
  patterns.walk([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : ops) {
    if (auto result = dyn_cast<pdl::ResultOp>(op))
      note(checkResult(op, result.getParent(), result.getIndex()));
    else if (auto results = dyn_cast<pdl::ResultsOp>(op); results && results.getIndex())
      note(checkResult(op, results.getParent(), *results.getIndex()));
    else if (auto call = dyn_cast<pdl::ApplyNativeConstraintOp>(op))
      note(checkCall(op, call.getName(), natives, true));
    else if (auto call = dyn_cast<pdl::ApplyNativeRewriteOp>(op))
      note(checkCall(op, call.getName(), natives, false));
    else if (auto rewrite = dyn_cast<pdl::RewriteOp>(op); rewrite && rewrite.getName())
      note(emitError(op->getLoc(), "a rewrite has a body here, which may call functions"));
  }
  return ok;
}

std::vector<const void *> pointers(ArrayRef<PDLValue> values) {
  std::vector<const void *> pointers;
  for (PDLValue value : values)
    pointers.push_back(value.getAsOpaquePointer());
  return pointers;
}
} // namespace

// Applies the patterns of a module of pdl.pattern ops to everything inside an op, with folding. Takes the module.
extern "C" bool tesseraApplyPdl(MlirOperation root, MlirModule patterns, int64_t most, const TesseraNative *natives,
                                intptr_t count, void *context, TesseraCall call, TesseraApplied applied) {
  OwningOpRef<ModuleOp> module(unwrap(patterns));
  if (!checkPdl(*module, ArrayRef(natives, count)))
    return false;
  PDLPatternModule pdl(std::move(module));
  MlirContext mlir = wrap(unwrap(root)->getContext());
  for (intptr_t i = 0; i < count; ++i) {
    if (unwrap(natives[i].gives).empty()) {
      pdl.registerConstraintFunction(
          unwrap(natives[i].name), [=](PatternRewriter &, PDLResultList &, ArrayRef<PDLValue> values) -> LogicalResult {
            auto arguments = pointers(values);
            return success(call(context, i, mlir, arguments.data(), arguments.size(), nullptr));
          });
    } else {
      bool type = unwrap(natives[i].gives) == "!pdl.type";
      pdl.registerRewriteFunction(
          unwrap(natives[i].name),
          [=](PatternRewriter &, PDLResultList &results, ArrayRef<PDLValue> values) -> LogicalResult {
            auto arguments = pointers(values);
            const void *result = nullptr;
            call(context, i, mlir, arguments.data(), arguments.size(), &result);
            if (type)
              results.push_back(Type::getFromOpaquePointer(result));
            else
              results.push_back(Attribute::getFromOpaquePointer(result));
            // a failure here would end the process: the Rust side keeps the error
            return success();
          });
    }
  }
  RewritePatternSet set(unwrap(root)->getContext());
  set.add(std::move(pdl));
  return applyGreedily(unwrap(root), std::move(set), most, applied);
}
