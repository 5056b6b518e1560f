// The assembly of circuit ops, where the declarative format does not reach: types said once, sums, index maps, tables, views.
//
// A directive `custom<X>` calls parseX and printX. What is printed of a verified op reads back to the same attributes and
// types; whether they mean anything the verifier says, in Rust.

namespace tessera::circuit {

using Operand = OpAsmParser::UnresolvedOperand;

// Appends text to a std::string.
using TesseraSink = void (*)(void *target, MlirStringRef text);
static void append(void *target, MlirStringRef text) {
  static_cast<std::string *>(target)->append(text.data, text.length);
}

// ---- Types, without their names.

static void writeIntegers(AsmPrinter &printer, ArrayRef<int64_t> values) {
  printer << '[';
  llvm::interleaveComma(values, printer);
  printer << ']';
}

// [-128, 127]
static ParseResult readInterval(AsmParser &parser, int64_t &lo, int64_t &hi) {
  return failure(parser.parseLSquare() || parser.parseInteger(lo) || parser.parseComma() || parser.parseInteger(hi) ||
                 parser.parseRSquare());
}
static void writeInterval(AsmPrinter &printer, Type type) {
  auto tensor = cast<TensorType>(type);
  writeIntegers(printer, {tensor.getLo(), tensor.getHi()});
}

// 6x28x28, or nothing for a scalar; then `in`, where an interval follows. Nothing stands between a scalar and its interval.
static ParseResult readShape(AsmParser &parser, SmallVectorImpl<int64_t> &shape, bool &bounded) {
  if (parser.parseDimensionList(shape, /*allowDynamic=*/false, /*withTrailingX=*/false))
    return failure();
  bounded = shape.empty() || succeeded(parser.parseOptionalKeyword("in"));
  return success();
}
static ParseResult readBoundedShape(AsmParser &parser, SmallVectorImpl<int64_t> &shape) {
  SMLoc location = parser.getCurrentLocation();
  bool bounded;
  if (readShape(parser, shape, bounded))
    return failure();
  return bounded ? success() : parser.emitError(location, "expected an interval after the extents: 4 in [0, 9]");
}
static void writeShape(AsmPrinter &printer, Type type, bool bounded = true) {
  auto shape = cast<TensorType>(type).getShape();
  printer.printDimensionList(shape);
  if (bounded && !shape.empty())
    printer << " in ";
}

static ParseResult makeTensor(AsmParser &parser, SMLoc location, ArrayRef<int64_t> shape, int64_t lo, int64_t hi,
                              Type &type) {
  type = TensorType::getChecked([&] { return parser.emitError(location); }, parser.getContext(), shape, lo, hi);
  return success(bool(type));
}
// [-128, 127], for a shape that is known.
static ParseResult readTensorOf(AsmParser &parser, ArrayRef<int64_t> shape, Type &type) {
  int64_t lo, hi;
  SMLoc location = parser.getCurrentLocation();
  return failure(readInterval(parser, lo, hi) || makeTensor(parser, location, shape, lo, hi, type));
}

// 6x28x28 in [-128, 127]
static ParseResult readTensor(AsmParser &parser, Type &type) {
  SmallVector<int64_t> shape;
  int64_t lo, hi;
  SMLoc location = parser.getCurrentLocation();
  return failure(readBoundedShape(parser, shape) || readInterval(parser, lo, hi) ||
                 makeTensor(parser, location, shape, lo, hi, type));
}
static void writeTensor(AsmPrinter &printer, Type type) {
  writeShape(printer, type);
  writeInterval(printer, type);
}

// The colon before types, on a line of its own where much stands before it.
static void writeColon(OpAsmPrinter &printer, bool wide = false) {
  if (!wide) {
    printer << " : ";
    return;
  }
  printer.increaseIndent();
  printer.printNewline();
  printer << ": ";
  printer.decreaseIndent();
}

// What others noted at an op, after its types and on a line of its own.
static void writeNotes(OpAsmPrinter &printer, Operation *op) {
  DictionaryAttr notes = op->getDiscardableAttrDictionary();
  if (notes.empty())
    return;
  printer.increaseIndent();
  printer.printNewline();
  printer << '{';
  llvm::interleaveComma(notes, printer, [&](NamedAttribute note) { printer.printNamedAttribute(note); });
  printer << '}';
  printer.decreaseIndent();
}

// Types of operands that agree are said once.
static TypeRange distinct(TypeRange types) { return llvm::all_equal(types) ? types.take_front(1) : types; }
static ParseResult repeat(AsmParser &parser, SMLoc location, SmallVectorImpl<Type> &types, size_t count) {
  if (types.size() == 1 && count > 0)
    types.resize(count, types.front());
  if (types.size() == count)
    return success();
  return parser.emitError(location) << "expected the type of one operand for all, or of each of " << count << ", found "
                                    << types.size();
}

// `: 6x28x28 in [-128, 127]`
static ParseResult parseTensor(OpAsmParser &parser, Type &type, NamedAttrList &notes) {
  return failure(parser.parseColon() || readTensor(parser, type) || parser.parseOptionalAttrDict(notes));
}
static void printTensor(OpAsmPrinter &printer, Operation *op, Type type, DictionaryAttr) {
  writeColon(printer);
  writeTensor(printer, type);
  writeNotes(printer, op);
}

// `: 4 in [0, 3], 2 in [0, 1] -> 6 in [0, 3]`
static ParseResult readTensors(OpAsmParser &parser, SmallVectorImpl<Type> &operands, size_t count, Type &result,
                               NamedAttrList &notes) {
  if (parser.parseColon())
    return failure();
  SMLoc location = parser.getCurrentLocation();
  return failure(parser.parseCommaSeparatedList([&] { return readTensor(parser, operands.emplace_back()); }) ||
                 repeat(parser, location, operands, count) || parser.parseArrow() || readTensor(parser, result) ||
                 parser.parseOptionalAttrDict(notes));
}
static void writeTensors(OpAsmPrinter &printer, Operation *op, bool wide) {
  writeColon(printer, wide);
  llvm::interleaveComma(distinct(op->getOperandTypes()), printer, [&](Type type) { writeTensor(printer, type); });
  printer << " -> ";
  writeTensor(printer, op->getResultTypes().front());
  writeNotes(printer, op);
}
static ParseResult parseTensors(OpAsmParser &parser, SmallVectorImpl<Type> &operands, Type &result,
                                ArrayRef<Operand> values, NamedAttrList &notes) {
  return readTensors(parser, operands, values.size(), result, notes);
}
static void printTensors(OpAsmPrinter &printer, Operation *op, TypeRange, Type, OperandRange, DictionaryAttr) {
  writeTensors(printer, op, false);
}
static ParseResult parsePair(OpAsmParser &parser, Type &lhs, Type &rhs, Type &result, NamedAttrList &notes) {
  SmallVector<Type> operands;
  if (readTensors(parser, operands, 2, result, notes))
    return failure();
  lhs = operands[0], rhs = operands[1];
  return success();
}
static void printPair(OpAsmPrinter &printer, Operation *op, Type, Type, Type, DictionaryAttr) { writeTensors(printer, op, true); }

// `: 4 in [0, 3], [0, 1] -> [4, 11]`: one shape for all.
static ParseResult readElementwise(OpAsmParser &parser, SmallVectorImpl<Type> &operands, size_t count,
                                   MutableArrayRef<Type> results, NamedAttrList &notes) {
  SmallVector<int64_t> shape;
  if (parser.parseColon() || readBoundedShape(parser, shape))
    return failure();
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList([&] { return readTensorOf(parser, shape, operands.emplace_back()); }) ||
      repeat(parser, location, operands, count) || parser.parseArrow())
    return failure();
  for (auto [index, result] : llvm::enumerate(results))
    if ((index > 0 && parser.parseComma()) || readTensorOf(parser, shape, result))
      return failure();
  return parser.parseOptionalAttrDict(notes);
}
static void writeElementwise(OpAsmPrinter &printer, Operation *op) {
  writeColon(printer);
  writeShape(printer, op->getResultTypes().front());
  auto interval = [&](Type type) { writeInterval(printer, type); };
  llvm::interleaveComma(distinct(op->getOperandTypes()), printer, interval);
  printer << " -> ";
  llvm::interleaveComma(op->getResultTypes(), printer, interval);
  writeNotes(printer, op);
}
static ParseResult parseElementwise(OpAsmParser &parser, SmallVectorImpl<Type> &operands, Type &result,
                                    ArrayRef<Operand> values, NamedAttrList &notes) {
  return readElementwise(parser, operands, values.size(), result, notes);
}
static void printElementwise(OpAsmPrinter &printer, Operation *op, TypeRange, Type, OperandRange, DictionaryAttr) {
  writeElementwise(printer, op);
}
static ParseResult parseElementwise(OpAsmParser &parser, Type &operand, Type &result, NamedAttrList &notes) {
  SmallVector<Type> operands;
  if (readElementwise(parser, operands, 1, result, notes))
    return failure();
  operand = operands[0];
  return success();
}
static void printElementwise(OpAsmPrinter &printer, Operation *op, Type, Type, DictionaryAttr) { writeElementwise(printer, op); }
static ParseResult parseElementwise(OpAsmParser &parser, Type &lhs, Type &rhs, Type &result, NamedAttrList &notes) {
  SmallVector<Type> operands;
  if (readElementwise(parser, operands, 2, result, notes))
    return failure();
  lhs = operands[0], rhs = operands[1];
  return success();
}
static void printElementwise(OpAsmPrinter &printer, Operation *op, Type, Type, Type, DictionaryAttr) { writeElementwise(printer, op); }
// `: 4 in [0, 3] -> [1, 64], [1, 64]`: one shape, and as many results as there are intervals.
static ParseResult parseImages(OpAsmParser &parser, Type &input, SmallVectorImpl<Type> &results, NamedAttrList &notes) {
  SmallVector<int64_t> shape;
  return failure(parser.parseColon() || readBoundedShape(parser, shape) || readTensorOf(parser, shape, input) ||
                 parser.parseArrow() ||
                 parser.parseCommaSeparatedList([&] { return readTensorOf(parser, shape, results.emplace_back()); }) ||
                 parser.parseOptionalAttrDict(notes));
}
static void printImages(OpAsmPrinter &printer, Operation *op, Type, TypeRange, DictionaryAttr) { writeElementwise(printer, op); }
// `: 4x16 in [0, 3] -> 4 in [0, 7], 4 in [0, 1]`
static ParseResult parseHinted(OpAsmParser &parser, Type &input, SmallVectorImpl<Type> &results, NamedAttrList &notes) {
  return failure(parser.parseColon() || readTensor(parser, input) || parser.parseArrow() ||
                 parser.parseCommaSeparatedList([&] { return readTensor(parser, results.emplace_back()); }) ||
                 parser.parseOptionalAttrDict(notes));
}
static void printHinted(OpAsmPrinter &printer, Operation *op, Type input, TypeRange results, DictionaryAttr) {
  writeColon(printer);
  writeTensor(printer, input);
  printer << " -> ";
  llvm::interleaveComma(results, printer, [&](Type type) { writeTensor(printer, type); });
  writeNotes(printer, op);
}
static ParseResult parseParts(OpAsmParser &parser, Type &input, Type &high, Type &low, NamedAttrList &notes) {
  SmallVector<Type> operands;
  Type results[2];
  if (readElementwise(parser, operands, 1, results, notes))
    return failure();
  input = operands[0], high = results[0], low = results[1];
  return success();
}
static void printParts(OpAsmPrinter &printer, Operation *op, Type, Type, Type, DictionaryAttr) { writeElementwise(printer, op); }

// ---- Attributes.

// A keyword of a small set, kept as a string; the verifier says which there are.
static ParseResult parseWord(OpAsmParser &parser, StringAttr &attribute) {
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  attribute = parser.getBuilder().getStringAttr(keyword);
  return success();
}
static void printWord(OpAsmPrinter &printer, Operation *, StringAttr attribute) { printer << attribute.getValue(); }

// @power, @root
static ParseResult parseSymbols(OpAsmParser &parser, ArrayAttr &attribute) {
  SmallVector<Attribute> symbols;
  auto symbol = [&]() -> ParseResult {
    StringAttr name;
    if (parser.parseSymbolName(name))
      return failure();
    symbols.push_back(FlatSymbolRefAttr::get(name));
    return success();
  };
  if (parser.parseCommaSeparatedList(symbol))
    return failure();
  attribute = parser.getBuilder().getArrayAttr(symbols);
  return success();
}
static void printSymbols(OpAsmPrinter &printer, Operation *, ArrayAttr attribute) {
  llvm::interleaveComma(attribute, printer, [&](Attribute symbol) { printer.printAttributeWithoutType(symbol); });
}

// [1, 2, 3], and more than 16 as MLIR writes them: in hexadecimal, or elided.
static ParseResult parseValues(OpAsmParser &parser, DenseIntElementsAttr &attribute) {
  SMLoc location = parser.getCurrentLocation();
  SmallVector<int64_t> values;
  if (succeeded(parser.parseOptionalLSquare())) {
    if (parser.parseCommaSeparatedList([&] { return parser.parseInteger(values.emplace_back()); }) || parser.parseRSquare())
      return failure();
    auto type = RankedTensorType::get(values.size(), parser.getBuilder().getI64Type());
    attribute = DenseIntElementsAttr::get(type, ArrayRef<int64_t>(values));
    return success();
  }
  Attribute dense;
  if (parser.parseAttribute(dense))
    return failure();
  attribute = dyn_cast<DenseIntElementsAttr>(dense);
  if (!attribute)
    return parser.emitError(location) << "expected [..] or dense<..>, found " << dense
                                      << "; a print that elides values cannot be read";
  return success();
}
static void printValues(OpAsmPrinter &printer, Operation *, DenseIntElementsAttr attribute) {
  auto type = attribute.getType();
  if (type.getRank() == 1 && attribute.getNumElements() <= 16)
    writeIntegers(printer, llvm::to_vector(attribute.getValues<int64_t>()));
  else
    printer.printAttribute(attribute);
}

// 2 * %a - %b + 5: a constant comes last.
static ParseResult parseSum(OpAsmParser &parser, SmallVectorImpl<Operand> &terms, DenseI64ArrayAttr &coefficients,
                            IntegerAttr &constant) {
  SmallVector<int64_t> factors;
  int64_t rest = 0;
  bool negative = succeeded(parser.parseOptionalMinus());
  while (true) {
    SMLoc location = parser.getCurrentLocation();
    APInt number(/*numBits=*/8, 1);
    OptionalParseResult written = parser.parseOptionalInteger(number);
    if (written.has_value() && failed(*written))
      return failure();
    number = number.sext(number.getBitWidth() + 1);
    if (negative)
      number.negate();
    if (!number.isSignedIntN(64))
      return parser.emitError(location, "expected an integer of 64 bits");
    if (written.has_value() && failed(parser.parseOptionalStar())) {
      rest = number.getSExtValue();
      break;
    }
    factors.push_back(number.getSExtValue());
    if (parser.parseOperand(terms.emplace_back()))
      return failure();
    negative = succeeded(parser.parseOptionalMinus());
    if (!negative && failed(parser.parseOptionalPlus()))
      break;
  }
  coefficients = parser.getBuilder().getDenseI64ArrayAttr(factors);
  constant = parser.getBuilder().getI64IntegerAttr(rest);
  return success();
}
// A sign and the size of a number; the least one, which has no opposite, keeps its sign.
static int64_t writeSign(OpAsmPrinter &printer, int64_t number) {
  bool opposite = number < 0 && number != std::numeric_limits<int64_t>::min();
  printer << (opposite ? " - " : " + ");
  return opposite ? -number : number;
}
static void printSum(OpAsmPrinter &printer, Operation *, OperandRange terms, DenseI64ArrayAttr coefficients,
                     IntegerAttr constant) {
  for (auto [index, term] : llvm::enumerate(llvm::zip(coefficients.asArrayRef(), terms))) {
    int64_t factor = std::get<0>(term);
    if (index > 0)
      factor = writeSign(printer, factor);
    if (factor == -1)
      printer << '-';
    else if (factor != 1)
      printer << factor << " * ";
    printer << std::get<1>(term);
  }
  if (int64_t rest = constant.getInt())
    printer << writeSign(printer, rest);
}

// ---- Index maps.

// A name for each variable that tells what it does. `maps` are those of the operands and of the result.
static SmallVector<std::string> letters(ArrayRef<AffineMap> maps) {
  unsigned count = maps[0].getNumDims();
  std::vector<bool> in[2], out(count), left(count), right(count);
  for (int operand : {0, 1}) {
    in[operand].resize(count);
    for (unsigned i = 0; i < count; ++i)
      in[operand][i] = maps[operand].isFunctionOfDim(i);
  }
  // The two sides of a sum: positions and taps of a convolution.
  for (AffineExpr result : maps[2].getResults()) {
    bool sum = !isa<AffineDimExpr>(result);
    for (unsigned i = 0; i < count; ++i)
      if (result.isFunctionOfDim(i))
        (!sum ? out : in[0][i] ? left : right)[i] = true;
  }
  SmallVector<std::string> names(count);
  auto name = [&](StringRef wanted, auto is) {
    SmallVector<unsigned> of;
    for (unsigned i = 0; i < count; ++i)
      if (names[i].empty() && is(i))
        of.push_back(i);
    for (unsigned i : of) {
      auto free = [&](char letter) { return !llvm::is_contained(names, std::string(1, letter)); };
      auto letter = llvm::find_if(wanted, free);
      if (letter != wanted.end())
        names[i] = std::string(1, *letter);
    }
    return of.size();
  };
  auto number = [&](auto is) { return llvm::count_if(llvm::seq(0u, count), is); };
  name("hwd", [&](unsigned i) { return left[i]; });
  bool taps = name("klm", [&](unsigned i) { return right[i]; });
  name("gef", [&](unsigned i) { return in[0][i] && in[1][i] && out[i]; });
  auto free = [&](unsigned i) { return in[0][i] && !in[1][i] && out[i]; };
  auto rows = number(free);
  name(rows < 3 ? "bthw" : rows == 3 ? "bhwt" : "bchwtuv", free);
  name("opq", [&](unsigned i) { return !in[0][i] && in[1][i] && out[i]; });
  name(taps ? "crs" : "ckl", [&](unsigned i) { return in[0][i] && in[1][i]; });
  name("abcdefghijklmnopqrstuvwxyz", [](unsigned) { return true; });
  for (unsigned i = 0; i < count; ++i)
    if (names[i].empty())
      names[i] = "d" + std::to_string(i);
  return names;
}

// %x[b, c, h, w] * %w[o, c, k, l] -> [b, o, h + k, w + l]: variables are numbered as they first appear.
static ParseResult parseContraction(OpAsmParser &parser, Operand &lhs, Operand &rhs, ArrayAttr &maps) {
  MLIRContext *context = parser.getContext();
  SmallVector<StringRef> names;
  SmallVector<AffineExpr> results[3];
  auto variable = [&](bool known, AffineExpr &expression) -> ParseResult {
    SMLoc location = parser.getCurrentLocation();
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    auto found = llvm::find(names, name);
    if (found == names.end() && known)
      return parser.emitError(location) << "expected an index variable of an operand, found '" << name << "'";
    expression = getAffineDimExpr(found - names.begin(), context);
    if (found == names.end())
      names.push_back(name);
    return success();
  };
  auto list = [&](SmallVectorImpl<AffineExpr> &axes, bool known) {
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
      AffineExpr axis, other;
      if (variable(known, axis))
        return failure();
      while (succeeded(parser.parseOptionalPlus())) {
        if (variable(known, other))
          return failure();
        axis = axis + other;
      }
      axes.push_back(axis);
      return success();
    });
  };
  if (parser.parseOperand(lhs) || list(results[0], false) || parser.parseStar() || parser.parseOperand(rhs) ||
      list(results[1], false) || parser.parseArrow() || list(results[2], true))
    return failure();
  maps = parser.getBuilder().getAffineMapArrayAttr(llvm::map_to_vector(
      results, [&](ArrayRef<AffineExpr> axes) { return AffineMap::get(names.size(), 0, axes, context); }));
  return success();
}
static void printContraction(OpAsmPrinter &printer, Operation *, Value lhs, Value rhs, ArrayAttr attribute) {
  auto maps = llvm::map_to_vector(attribute, [](Attribute map) { return cast<AffineMapAttr>(map).getValue(); });
  auto names = letters(maps);
  auto list = [&](AffineMap map) {
    printer << '[';
    llvm::interleaveComma(map.getResults(), printer, [&](AffineExpr axis) {
      StringRef plus = "";
      for (unsigned i = 0; i < names.size(); ++i)
        if (axis.isFunctionOfDim(i))
          printer << std::exchange(plus, " + ") << names[i];
    });
    printer << ']';
  };
  printer << lhs;
  list(maps[0]);
  printer << " * " << rhs;
  list(maps[1]);
  printer << " -> ";
  list(maps[2]);
}

// ---- Tables: @requant(x in [0, 65535]) = clamp((x - 32768) >> 3, 0, 127), @sign(x in [-1, 1]) = [-1, 0, 1].

ParseResult TableOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  auto &table = state.getOrAddProperties<Properties>();
  int64_t lo, hi;
  if (parser.parseSymbolName(table.sym_name) || parser.parseLParen() || parser.parseKeyword("x") ||
      parser.parseKeyword("in") || readInterval(parser, lo, hi) || parser.parseRParen() || parser.parseEqual())
    return failure();
  table.domain = builder.getDenseI64ArrayAttr({lo, hi});
  if (failed(parser.parseOptionalKeyword("clamp")))
    return failure(parseValues(parser, table.values) || parser.parseOptionalAttrDict(state.attributes));
  int64_t offset = 0, shift = 0, min, max;
  bool inner = false;
  auto offsetOf = [&]() -> ParseResult {
    if (parser.parseKeyword("x"))
      return failure();
    if (succeeded(parser.parseOptionalPlus()))
      return parser.parseInteger(offset);
    if (failed(parser.parseOptionalMinus()))
      return success();
    SMLoc location = parser.getCurrentLocation();
    if (parser.parseInteger(offset))
      return failure();
    if (llvm::SubOverflow<int64_t>(0, offset, offset))
      return parser.emitError(location, "expected an integer of 64 bits");
    return success();
  };
  if (parser.parseLParen())
    return failure();
  inner = succeeded(parser.parseOptionalLParen());
  if (offsetOf() || (inner && parser.parseRParen()))
    return failure();
  if (succeeded(parser.parseOptionalGreater()) && (parser.parseGreater() || parser.parseInteger(shift)))
    return failure();
  if (parser.parseComma() || parser.parseInteger(min) || parser.parseComma() || parser.parseInteger(max) ||
      parser.parseRParen() || parser.parseOptionalAttrDict(state.attributes))
    return failure();
  table.offset = builder.getI64IntegerAttr(offset);
  table.shift = builder.getI64IntegerAttr(shift);
  table.min = builder.getI64IntegerAttr(min);
  table.max = builder.getI64IntegerAttr(max);
  return success();
}

void TableOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << "(x in ";
  writeIntegers(printer, getDomain());
  printer << ") = ";
  if (auto values = getValuesAttr()) {
    printValues(printer, *this, values);
  } else {
    int64_t offset = getOffset().value_or(0), shift = getShift().value_or(0);
    bool inner = offset != 0 && shift != 0;
    printer << (inner ? "clamp((x" : "clamp(x");
    if (offset != 0)
      printer << writeSign(printer, offset);
    printer << (inner ? ")" : "");
    if (shift != 0)
      printer << " >> " << shift;
    printer << ", " << int64_t(getMin().value_or(0)) << ", " << int64_t(getMax().value_or(0)) << ')';
  }
  writeNotes(printer, *this);
}

// ---- Views: words with integers, whose meaning is said in Rust (src/semantics/named.rs).

extern "C" {
struct TesseraIntegers {
  const int64_t *values;
  intptr_t count;
};
struct TesseraClause {
  MlirStringRef word;
  TesseraIntegers values;
};
// Lists are of the result's rank; `say` is told what is wrong.
struct TesseraView {
  int64_t offset;
  int64_t *strides, *low, *high;
  bool padded;
  TesseraSink say;
  void *target;
};
// What words say of a view between two shapes; false where they say nothing.
bool tessera_circuit_view_read(const TesseraClause *, intptr_t count, TesseraIntegers source, TesseraIntegers result,
                               TesseraView *);
// The words that say a view; nothing where there are none for it.
void tessera_circuit_view_write(MlirOperation, TesseraSink, void *target);
}

ParseResult ViewOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  auto &view = state.getOrAddProperties<Properties>();
  Operand input;
  SMLoc location;
  StringRef word;
  SmallVector<std::pair<StringRef, SmallVector<int64_t>>> words;
  if (parser.parseOperand(input))
    return failure();
  location = parser.getCurrentLocation();
  while (succeeded(parser.parseOptionalKeyword(&word))) {
    auto &values = words.emplace_back(word, SmallVector<int64_t>()).second;
    auto value = [&] { return parser.parseInteger(values.emplace_back()); };
    if (word == "offset" ? parser.parseInteger(values.emplace_back())
                         : parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalSquare, value))
      return failure();
  }
  Type source, result;
  SmallVector<int64_t> shape;
  bool bounded;
  if (parser.parseColon() || readTensor(parser, source) || parser.parseArrow())
    return failure();
  SMLoc resultLocation = parser.getCurrentLocation();
  auto from = cast<TensorType>(source);
  if (readShape(parser, shape, bounded) ||
      (bounded ? readTensorOf(parser, shape, result)
               : makeTensor(parser, resultLocation, shape, from.getLo(), from.getHi(), result)) ||
      parser.parseOptionalAttrDict(state.attributes))
    return failure();
  // offset -1 strides [9, 1] valid [0, 1] to [2, 10]
  const StringRef affine[] = {"offset", "strides", "valid", "to"};
  auto spelled = llvm::to_vector(llvm::make_first_range(words));
  if (ArrayRef(spelled) == ArrayRef(affine) || ArrayRef(spelled) == ArrayRef(affine).take_front(2)) {
    view.offset = builder.getI64IntegerAttr(words[0].second[0]);
    view.strides = builder.getDenseI64ArrayAttr(words[1].second);
    if (words.size() == 4) {
      view.valid_low = builder.getDenseI64ArrayAttr(words[2].second);
      view.valid_high = builder.getDenseI64ArrayAttr(words[3].second);
    }
  } else {
    auto integers = [](ArrayRef<int64_t> values) { return TesseraIntegers{values.data(), intptr_t(values.size())}; };
    auto clauses = llvm::map_to_vector(
        words, [&](auto &word) { return TesseraClause{wrap(word.first), integers(word.second)}; });
    SmallVector<int64_t> strides(shape.size()), low(shape.size()), high(shape.size());
    std::string reason;
    TesseraView said{0, strides.data(), low.data(), high.data(), false, append, &reason};
    if (!tessera_circuit_view_read(clauses.data(), clauses.size(), integers(from.getShape()), integers(shape), &said))
      return parser.emitError(location) << reason;
    view.offset = builder.getI64IntegerAttr(said.offset);
    view.strides = builder.getDenseI64ArrayAttr(strides);
    if (said.padded) {
      view.valid_low = builder.getDenseI64ArrayAttr(low);
      view.valid_high = builder.getDenseI64ArrayAttr(high);
    }
  }
  state.addTypes(result);
  return parser.resolveOperand(input, source, state.operands);
}

void ViewOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getInput() << ' ';
  std::string words;
  tessera_circuit_view_write(wrap(getOperation()), append, &words);
  bool pad = StringRef(words).starts_with("pad");
  if (!words.empty() && pad == getValidLow().has_value() && pad == getValidHigh().has_value()) {
    printer << words;
  } else {
    printer << "offset " << int64_t(getOffset()) << " strides ";
    writeIntegers(printer, getStrides());
    if (getValidLow() && getValidHigh()) {
      printer << " valid ";
      writeIntegers(printer, *getValidLow());
      printer << " to ";
      writeIntegers(printer, *getValidHigh());
    }
  }
  writeColon(printer);
  writeTensor(printer, getInput().getType());
  printer << " -> ";
  auto from = cast<TensorType>(getInput().getType()), to = cast<TensorType>(getOutput().getType());
  bool bounded = to.getShape().empty() || from.getLo() != to.getLo() || from.getHi() != to.getHi();
  writeShape(printer, to, bounded);
  if (bounded)
    writeInterval(printer, to);
  writeNotes(printer, *this);
}

} // namespace tessera::circuit
