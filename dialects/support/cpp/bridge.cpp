// What the C API of MLIR lacks: diagnostics with notes, passes with names and options whose body is Rust, and the dialects and
// passes that every driver has.
// Invariants: no Rust type crosses but plain pointers and lengths; the Rust side never unwinds into this file.
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Pass.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"
#include "mlir/Dialect/PDL/IR/PDL.h"
#include "mlir/Dialect/PDLInterp/IR/PDLInterp.h"
#include "mlir/Dialect/Transform/DebugExtension/DebugExtension.h"
#include "mlir/Dialect/Transform/IR/TransformDialect.h"
#include "mlir/Dialect/Transform/PDLExtension/PDLExtension.h"
#include "mlir/Dialect/Transform/Transforms/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <mutex>
#include <string>
#include <vector>

using namespace mlir;

extern "C" {
struct TesseraNote {
  MlirLocation location;
  MlirStringRef message;
};
struct TesseraOption {
  MlirStringRef name;
  MlirStringRef value;
};
struct TesseraOptionSpec {
  MlirStringRef name;
  MlirStringRef help;
  MlirStringRef initial;
};
// Appends text to a std::string that C++ owns.
using TesseraSink = void (*)(void *target, MlirStringRef text);
using TesseraRun = bool (*)(const void *pass, MlirOperation, const TesseraOption *, intptr_t);
// Is told the module after a pass and its verifiers.
using TesseraObserve = void (*)(void *target, MlirStringRef pass, MlirOperation module);
// Checks option values; writes the reason into the sink and returns false when they are refused.
using TesseraCheck = bool (*)(const void *pass, const TesseraOption *, intptr_t, TesseraSink, void *target);
}

namespace {
// The dialects that passes may create types and ops of. A pass written in Rust does not list its own; a driver that loads
// dialects only as its input names them loads these before it runs one.
DialectRegistry &dependentDialects() {
  static DialectRegistry registry;
  return registry;
}
std::mutex dependentDialectsLock;

struct Spec {
  std::string name, summary;
  bool nests;
  std::vector<std::string> optionNames, optionHelp, optionInitial;
  const void *pass;
  TesseraRun run;
  TesseraCheck check;
  TypeID id;
};

class RustPass : public Pass {
public:
  RustPass(std::shared_ptr<const Spec> given)
      : Pass(given->id, given->nests ? std::optional<StringRef>() : ModuleOp::getOperationName()),
        spec(std::move(given)) {
    for (size_t i = 0; i < spec->optionNames.size(); ++i)
      options.push_back(std::make_unique<Option<std::string>>(
          *this, spec->optionNames[i], llvm::cl::desc(spec->optionHelp[i]),
          llvm::cl::init(spec->optionInitial[i])));
  }
  // Pass::clone copies the option values after this.
  RustPass(const RustPass &other) : RustPass(other.spec) {}

  StringRef getName() const override { return spec->name; }
  StringRef getArgument() const override { return spec->name; }
  StringRef getDescription() const override { return spec->summary; }
  std::unique_ptr<Pass> clonePass() const override { return std::make_unique<RustPass>(*this); }

  void getDependentDialects(DialectRegistry &registry) const override {
    std::lock_guard<std::mutex> guard(dependentDialectsLock);
    dependentDialects().appendTo(registry);
  }

  bool canScheduleOn(RegisteredOperationName name) const override {
    return name.getStringRef() == ModuleOp::getOperationName() || (spec->nests && name.getStringRef() == "func.func");
  }

  LogicalResult initializeOptions(
      StringRef text, llvm::function_ref<LogicalResult(const Twine &)> error) override {
    if (failed(Pass::initializeOptions(text, error)))
      return failure();
    std::string reason;
    auto values = current();
    bool ok = spec->check(
        spec->pass, values.data(), values.size(),
        [](void *target, MlirStringRef text) {
          static_cast<std::string *>(target)->append(text.data, text.length);
        },
        &reason);
    return ok ? success() : error(reason);
  }

  void runOnOperation() override {
    auto values = current();
    if (!spec->run(spec->pass, wrap(getOperation()), values.data(), values.size()))
      signalPassFailure();
  }

private:
  std::vector<TesseraOption> current() const {
    std::vector<TesseraOption> values;
    for (size_t i = 0; i < options.size(); ++i)
      values.push_back({wrap(StringRef(spec->optionNames[i])), wrap(StringRef(options[i]->getValue()))});
    return values;
  }

  std::shared_ptr<const Spec> spec;
  std::vector<std::unique_ptr<Option<std::string>>> options;
};

class Observer : public PassInstrumentation {
public:
  Observer(void *target, TesseraObserve observe) : target(target), observe(observe) {}

  void runAfterPass(Pass *pass, Operation *op) override {
    // What runs a nested pipeline is a pass without a name.
    if (pass->getArgument().empty())
      return;
    while (Operation *parent = op->getParentOp())
      op = parent;
    observe(target, wrap(pass->getArgument()), wrap(op));
  }

private:
  void *target;
  TesseraObserve observe;
};
} // namespace

extern "C" void tesseraObservePasses(MlirPassManager manager, void *target, TesseraObserve observe) {
  unwrap(manager)->addInstrumentation(std::make_unique<Observer>(target, observe));
}

extern "C" bool tesseraIsPass(MlirStringRef name) {
  return PassInfo::lookup(unwrap(name)) || PassPipelineInfo::lookup(unwrap(name));
}

// The C API either names the source or wraps bare ops into a module; this does both.
extern "C" MlirModule tesseraParseModule(MlirContext context, MlirStringRef source, MlirStringRef name) {
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(unwrap(source), ParserConfig(unwrap(context)), unwrap(name));
  return MlirModule{module ? module.release().getOperation() : nullptr};
}

extern "C" void tesseraEmitError(MlirLocation location, MlirStringRef message, const TesseraNote *notes,
                                 intptr_t count) {
  InFlightDiagnostic diagnostic = emitError(unwrap(location)) << unwrap(message);
  for (intptr_t i = 0; i < count; ++i)
    diagnostic.attachNote(unwrap(notes[i].location)) << unwrap(notes[i].message);
}

extern "C" void tesseraEmitRemark(MlirLocation location, MlirStringRef message) {
  emitRemark(unwrap(location)) << unwrap(message);
}

namespace {
// What to do about an error of MLIR's own that says what is wrong and no more; empty where there is nothing to add.
std::string advice(MLIRContext *context, StringRef error) {
  std::string text;
  llvm::raw_string_ostream out(text);
  StringRef name = error;
  if (name.consume_front("custom op '") && name.consume_back("' is unknown")) {
    StringRef near;
    unsigned best = name.size() / 3 + 1;
    auto known = context->getRegisteredOperationsByDialect(name.split('.').first);
    for (RegisteredOperationName op : known)
      if (unsigned distance = name.edit_distance(op.getStringRef(), true, best); distance < best)
        best = distance, near = op.getStringRef();
    if (!near.empty())
      out << "did you mean '" << near << "'?";
    else if (!known.empty())
      llvm::interleaveComma(llvm::reverse(known), out << "the dialect has: ", [&](auto op) { out << op.getStringRef(); });
  } else if (error.contains("unregistered dialect")) {
    llvm::interleaveComma(context->getAvailableDialects(), out << "the dialects that are known here: ");
  } else if (error.contains("with static extents, but got") && error.contains('?')) {
    out << "every extent is a number: when a model is imported, sizes are given for symbolic ones";
  } else if (error == "expected operation name in quotes") {
    out << "an op starts with its name, as in nn.relu; a '}' may be missing before this place";
  } else if (error == "use of undeclared SSA value name") {
    out << "a value is defined above its use, in the same function";
  }
  return text;
}

// Adds advice to errors, before another handler prints them. Handlers are asked latest first and a driver has its own before
// it reads IR, so this one comes with every dialect that is loaded, and looks whether an earlier one was here.
class Advisor : public DialectExtensionBase {
public:
  Advisor() : DialectExtensionBase({}) {}

  void apply(MLIRContext *context, MutableArrayRef<Dialect *>) const override {
    context->getDiagEngine().registerHandler([context](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return failure();
      std::string text = advice(context, diagnostic.str());
      auto said = [&](const Diagnostic &note) { return note.str() == text; };
      if (!text.empty() && llvm::none_of(diagnostic.getNotes(), said))
        diagnostic.attachNote() << text;
      return failure();
    });
  }
  std::unique_ptr<DialectExtensionBase> clone() const override { return std::make_unique<Advisor>(); }
};
} // namespace

extern "C" void tesseraAdvise(MlirContext context, MlirStringRef error, TesseraSink sink, void *target) {
  sink(target, wrap(StringRef(advice(unwrap(context), unwrap(error)))));
}

extern "C" void tesseraAddAdvisor(MlirDialectRegistry registry) {
  static TypeIDAllocator allocator;
  static TypeID id = allocator.allocate();
  unwrap(registry)->addExtension(id, std::make_unique<Advisor>());
}

extern "C" void tesseraAddDependentDialects(MlirDialectRegistry registry) {
  std::lock_guard<std::mutex> guard(dependentDialectsLock);
  unwrap(registry)->insert<pdl::PDLDialect, pdl_interp::PDLInterpDialect>();
  unwrap(registry)->appendTo(dependentDialects());
  // no pass of ours makes these
  unwrap(registry)->insert<transform::TransformDialect>();
  transform::registerPDLExtension(*unwrap(registry));
  transform::registerDebugExtension(*unwrap(registry));
}

extern "C" void tesseraRegisterTransformPasses() { transform::registerTransformPasses(); }

extern "C" void tesseraRegisterPass(MlirStringRef name, MlirStringRef summary, bool nests,
                                    const TesseraOptionSpec *specs, intptr_t count, const void *pass,
                                    TesseraRun run, TesseraCheck check) {
  static TypeIDAllocator allocator;
  auto spec = std::make_shared<Spec>();
  spec->name = unwrap(name).str();
  spec->summary = unwrap(summary).str();
  spec->nests = nests;
  for (intptr_t i = 0; i < count; ++i) {
    spec->optionNames.push_back(unwrap(specs[i].name).str());
    spec->optionHelp.push_back(unwrap(specs[i].help).str());
    spec->optionInitial.push_back(unwrap(specs[i].initial).str());
  }
  spec->pass = pass;
  spec->run = run;
  spec->check = check;
  spec->id = allocator.allocate();
  registerPass([spec]() -> std::unique_ptr<Pass> { return std::make_unique<RustPass>(spec); });
}
