//! The pass bridge, pipelines, patterns and diagnostics, on upstream dialects alone.

use melior::{
    Context,
    ir::{Module, OperationRef, operation::OperationLike},
};
use std::sync::Mutex;
use tessera_mlir::{
    Error, Result, attrs, context, diag,
    func::{self, Func, FuncBuilder, Port},
    loc,
    op::{all_ops, op_name},
    params, parse,
    pass::{self, OptionSpec, Options, Pass, PassInfo},
    pipeline::{self, Settings},
    rewrite::{self, Patterns},
    types::{self, Elem, Quant, TensorType},
    verify,
};

static SEEN: Mutex<Vec<String>> = Mutex::new(vec![]);

/// Does what its option says.
struct Obey;

impl Pass for Obey {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "test-obey",
            summary: "Does what it is told",
            expects: "anything",
            guarantees: "nothing",
            rejects: "what it is told to",
            options: const {
                &[
                    OptionSpec::int("size", "a size", 8, 2, 64),
                    OptionSpec::float("scale", "a scale", 0.5, 0.0, 1.0),
                    OptionSpec::boolean("loud", "whether to speak up", false),
                    OptionSpec::choice("do", "what to do", "nothing", &["nothing", "fail", "panic", "break"]),
                    OptionSpec::text("name", "a name", ""),
                ]
            },
            example: "module {}",
        }
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        SEEN.lock().unwrap().push(format!(
            "{} {} {} {} {:?}",
            options.int("size"),
            options.float("scale"),
            options.boolean("loud"),
            options.choice("do"),
            options.text("name")
        ));
        match options.choice("do") {
            "fail" => {
                let here = loc::node(tessera_mlir::context_of(module.location()), "conv1");
                let mut error =
                    Error::at(here, "the first problem").note_at(module.location(), "the module is here");
                error.push(Error::new("the second problem"));
                Err(error)
            }
            "panic" => panic!("boom"),
            "break" => {
                // Leaves IR that does not verify: a return of another type than the function has.
                let main = Func::main(module)?;
                attrs::remove(main.op, "function_type");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn run(source: &str, pipeline: &str) -> Result<String> {
    pass::register(&[&Obey]);
    pass::register(&[&Obey]);
    let context = context(&[]);
    let mut module = parse(&context, source, "test.mlir")?;
    pipeline::run(&mut module, pipeline, &Settings::default())?;
    Ok(tessera_mlir::print(&module))
}

const MAIN: &str = "func.func @main() { return }";

#[test]
fn options_arrive_checked_and_with_defaults() {
    run(MAIN, "builtin.module(test-obey{size=64 loud=true name=a-name})").unwrap();
    run(MAIN, "builtin.module(test-obey{scale=0.25})").unwrap();
    let seen = SEEN.lock().unwrap();
    assert!(seen.contains(&"64 0.5 true nothing \"a-name\"".to_owned()), "{seen:?}");
    assert!(seen.contains(&"8 0.25 false nothing \"\"".to_owned()), "{seen:?}");
}

#[test]
fn refused_options_say_what_is_expected_all_at_once() {
    let error =
        run(MAIN, "builtin.module(test-obey{size=65 scale=x loud=yes do=sing})").unwrap_err().to_string();
    for expected in [
        "pass 'test-obey': option 'size': expected an integer in 2..=64, found '65'",
        "option 'scale': expected a number in 0..=1, found 'x'",
        "option 'loud': expected true or false, found 'yes'",
        "option 'do': expected one of nothing, fail, panic, break, found 'sing'",
    ] {
        assert!(error.contains(expected), "{error}");
    }
    let error = run(MAIN, "builtin.module(test-obey{wat=1})").unwrap_err().to_string();
    assert!(error.contains("no such option wat"), "{error}");
    let error = run(MAIN, "builtin.module(test-nope)").unwrap_err().to_string();
    assert!(error.contains("'test-nope' does not refer to a registered pass"), "{error}");
}

#[test]
fn a_failing_pass_gives_all_reports_with_places_and_notes() {
    let error = run(MAIN, "builtin.module(test-obey{do=fail})").unwrap_err();
    assert_eq!(error.reports.len(), 2, "{error}");
    assert_eq!(error.reports[0].place.as_ref().unwrap().node.as_deref(), Some("conv1"));
    assert_eq!(error.reports[0].notes[0].message, "the module is here");
    assert_eq!(error.reports[1].place.as_ref().unwrap().file, Some(("test.mlir".to_owned(), 0, 0)));
    assert_eq!(
        error.to_string(),
        "node \"conv1\": the first problem\n  note: test.mlir: the module is here\ntest.mlir: the second problem"
    );
}

#[test]
fn a_panic_in_a_pass_is_an_error() {
    let error = run(MAIN, "builtin.module(test-obey{do=panic})").unwrap_err().to_string();
    assert!(error.contains("internal compiler error: boom"), "{error}");
}

#[test]
fn ir_is_verified_after_each_pass() {
    let error = run(MAIN, "builtin.module(test-obey{do=break},canonicalize)").unwrap_err().to_string();
    assert!(error.contains("function_type"), "{error}");
}

#[test]
fn running_directly_checks_options_too() {
    let context = context(&[]);
    let module = parse(&context, MAIN, "test.mlir").unwrap();
    assert!(pass::run_directly(&Obey, module.as_operation(), &[("size", "9")]).is_ok());
    assert!(pass::run_directly(&Obey, module.as_operation(), &[("size", "1")]).is_err());
    let error = pass::run_directly(&Obey, module.as_operation(), &[("do", "panic")]).unwrap_err().to_string();
    assert!(error.contains("boom"), "{error}");
}

#[test]
fn the_ir_after_each_pass_can_be_seen() {
    pass::register(&[&Obey]);
    let context = context(&[]);
    let mut module = parse(&context, MAIN, "test.mlir").unwrap();
    let mut seen = vec![];
    let pipeline = "builtin.module(func.func(canonicalize),test-obey{size=3},cse)";
    pipeline::run_observed(&mut module, pipeline, &Settings::default(), |pass, module| {
        seen.push((pass.to_owned(), op_name(module)));
        Ok(())
    })
    .unwrap();
    let passes = seen.iter().map(|(pass, _)| pass.as_str()).collect::<Vec<_>>();
    assert_eq!(passes, ["canonicalize", "test-obey", "cse"]);
    assert!(seen.iter().all(|(_, op)| op == "builtin.module"), "{seen:?}");

    let mut calls = 0;
    let error = pipeline::run_observed(&mut module, pipeline, &Settings::default(), |_, _| {
        calls += 1;
        Err(Error::new("the disk is full"))
    });
    assert_eq!((error.unwrap_err().to_string().as_str(), calls), ("the disk is full", 1));
}

#[test]
fn names_that_are_no_passes_are_found() {
    pass::register(&[&Obey]);
    let none: [&str; 0] = [];
    assert_eq!(
        pipeline::unknown_passes("builtin.module(test-obey{size=3 name=x,y},func.func(cse), canonicalize)"),
        none
    );
    assert_eq!(
        pipeline::unknown_passes("builtin.module(test-obay{size=3},func.func(csee,cse),x"),
        ["test-obay", "csee", "x"]
    );
}

#[test]
fn parse_errors_name_file_and_line() {
    let context = context(&[]);
    let error = parse(&context, "func.func @main() {\n  oops\n}", "model.mlir").err().unwrap();
    assert_eq!(error.reports[0].place.as_ref().unwrap().file.as_ref().unwrap().0, "model.mlir");
    assert_eq!(error.reports[0].place.as_ref().unwrap().file.as_ref().unwrap().1, 2);
    let error = parse(&context, "func.func @f() -> i32 { return }", "model.mlir").err().unwrap().to_string();
    assert!(error.contains("model.mlir:1:"), "{error}");
}

fn adder(context: &Context) -> Module<'_> {
    let here = loc::node(context, "sum");
    let module = Module::new(here);
    let ty = types::tensor(context, &[4], &Elem::Int(32));
    let ports = [Port { range: Some((-1.0, 2.0)), ..Port::new("image", ty) }, Port::new("other", ty)];
    let builder = FuncBuilder::new(module.body(), here, "main", &ports).unwrap();
    let (a, b) = (builder.argument(0).unwrap(), builder.argument(1).unwrap());
    let op = melior::ir::operation::OperationBuilder::new("arith.addi", here)
        .add_operands(&[a, b])
        .add_results(&[ty])
        .build()
        .map_err(Into::into);
    let sum = builder.cursor().value(op).unwrap();
    builder.finish(&[sum], &["logits"]).unwrap();
    module
}

#[test]
fn functions_have_named_ports() {
    let context = context(&[]);
    let module = adder(&context);
    verify(&module).unwrap();
    let main = Func::main(module.as_operation()).unwrap();
    assert_eq!((main.argument_name(0), main.argument_name(1)), ("image".to_owned(), "other".to_owned()));
    assert_eq!((main.result_name(0), main.result_name(1)), ("logits".to_owned(), "result1".to_owned()));
    assert_eq!((main.argument_range(0), main.argument_range(1)), (Some((-1.0, 2.0)), None));
    main.set_argument_range(1, 0.0, 1.0);
    main.set_argument_range(0, 0.0, 3.0);
    assert_eq!((main.argument_range(0), main.argument_range(1)), (Some((0.0, 3.0)), Some((0.0, 1.0))));
    assert_eq!(main.argument_name(1), "other");
    let ops = main.ops();
    assert_eq!(ops.len(), 1);
    assert_eq!(loc::node_name(ops[0].location()).as_deref(), Some("sum"));
    let text = tessera_mlir::print_with_locations(module.as_operation());
    let again = parse(&context, &text, "again.mlir").unwrap();
    let again = Func::main(again.as_operation()).unwrap();
    assert_eq!(loc::node_name(again.ops()[0].location()).as_deref(), Some("sum"), "{text}");
}

#[test]
fn errors_of_mlir_itself_say_what_to_do() {
    let context = context(&[]);
    let fail = |source: &str| parse(&context, source, "m.mlir").unwrap_err().to_string();
    let error = fail("func.func @main(%x: i32) { %0 = arith.mulli %x, %x : i32 return }");
    assert!(error.contains("m.mlir:1:33: custom op 'arith.mulli' is unknown"), "{error}");
    assert!(error.contains("did you mean 'arith.muli'?"), "{error}");
    let error = fail("func.func @main() { \"tosa.negate\"() : () -> () return }");
    assert!(error.contains("the dialects that are known here: arith, "), "{error}");
    assert!(!fail("func.func @main() { return").contains("unknown"));
}

#[test]
fn patterns_rewrite_and_report() {
    let context = context(&[]);
    let module = adder(&context);
    // a + b becomes a * b.
    Patterns::new(&context)
        .add("sum-to-product", |op, rewriter| {
            if op_name(op) != "arith.addi" {
                return Ok(false);
            }
            let operands = op.operands().collect::<Vec<_>>();
            let ty = melior::ir::ValueLike::r#type(&operands[0]);
            let product = melior::ir::operation::OperationBuilder::new("arith.muli", op.location())
                .add_operands(&operands)
                .add_results(&[ty])
                .build()
                .map_err(Error::from);
            let product = rewriter.value(product)?;
            rewriter.replace(op, &[product]);
            Ok(true)
        })
        .apply(module.as_operation())
        .unwrap();
    let main = Func::main(module.as_operation()).unwrap();
    assert_eq!(main.ops().into_iter().map(op_name).collect::<Vec<_>>(), ["arith.muli"]);
    let error = Patterns::new(&context)
        .add("fail", |_, _| Err(Error::new("cannot")))
        .apply(module.as_operation())
        .unwrap_err();
    assert_eq!(error.to_string(), "node \"sum\": cannot");
    let error = Patterns::new(&context)
        .add("panic", |_, _| panic!("boom"))
        .apply(module.as_operation())
        .unwrap_err()
        .to_string();
    assert!(error.contains("boom"), "{error}");
}

#[test]
fn uses_are_followed() {
    let context = context(&[]);
    let module = adder(&context);
    let main = Func::main(module.as_operation()).unwrap();
    let [a, b] = main.arguments().try_into().unwrap();
    assert_eq!(rewrite::users(a).len(), 1);
    assert!(rewrite::has_one_use(a));
    assert!(rewrite::defining_op(a).is_none());
    rewrite::replace_all_uses(b, a);
    assert_eq!(rewrite::users(a).len(), 2);
    assert!(!rewrite::has_one_use(a) && !rewrite::has_one_use(b));
    assert!(!rewrite::is_unused(main.ops()[0]));
    rewrite::replace(main.ops()[0], &[a]);
    assert!(main.ops().is_empty());
    verify(&module).unwrap();
}

#[test]
fn types_survive_the_way_through_mlir() {
    let context = context(&[]);
    for ty in [
        TensorType::f32([2, 3]),
        TensorType::i32([]),
        TensorType::quant([1, 4], Quant::i8(0.012345678901234567)),
        TensorType::quant([4], Quant::i16(1e-30)),
        TensorType::quant([2, 4], Quant::per_channel_i8(vec![0.1, 0.2], 0)),
    ] {
        let mlir = ty.to_type(&context);
        assert_eq!(types::read(mlir).unwrap(), ty);
        let parsed = melior::ir::Type::parse(&context, &mlir.to_string()).unwrap();
        assert_eq!(types::read(parsed).unwrap(), ty, "{mlir}");
    }
    for refused in
        ["tensor<?xf32>", "tensor<*xf32>", "f32", "tensor<2xf64>", "tensor<2x!quant.uniform<u8:f32, 0.5>>"]
    {
        let ty = melior::ir::Type::parse(&context, refused).unwrap();
        assert!(types::read(ty).is_err(), "{refused}");
    }
}

#[test]
fn parameters_are_checked_against_their_declarations() {
    let context = context(&[]);
    let module = adder(&context);
    let here = loc::node(&context, "fc");
    let ty = TensorType::quant([2, 3], Quant::per_channel_i8(vec![0.5, 0.25], 0)).to_type(&context);
    func::declare_global(module.body(), here, "fc.weight", ty).unwrap();
    func::declare_global(module.body(), here, "fc.bias", TensorType::i32([2]).to_type(&context)).unwrap();
    verify(&module).unwrap();
    let names =
        func::globals(module.as_operation()).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names, ["fc.weight", "fc.bias"]);
    assert!(params::check(module.as_operation()).is_err(), "no file is named");
    let mut values = params::Params::default();
    values.insert("fc.weight", params::Param::new([3, 2], params::ParamData::I8(vec![0; 6].into())).unwrap());
    params::put("test-checked", values);
    params::attach(module.as_operation(), "test-checked");
    let error = params::check(module.as_operation()).unwrap_err();
    assert_eq!(error.reports.len(), 2, "both are reported: {error}");
    let mut values = params::Params::default();
    values.insert("fc.weight", params::Param::new([2, 3], params::ParamData::I8(vec![0; 6].into())).unwrap());
    values.insert("fc.bias", params::Param::new([2], params::ParamData::I32(vec![0; 2].into())).unwrap());
    params::put("test-checked-too", values);
    params::attach(module.as_operation(), "test-checked-too");
    params::check(module.as_operation()).unwrap();
    func::erase_global(module.as_operation(), "fc.bias");
    assert_eq!(func::globals(module.as_operation()).unwrap().len(), 1);
}

#[test]
fn diagnostics_are_collected_not_printed() {
    let context = context(&[]);
    let here = loc::node(&context, "conv1");
    let error = Error::at(here, "expected one, found two").note("count again");
    let ((), diagnostics) = diag::collect(&context, || diag::emit(loc::node(&context, "elsewhere"), &error));
    assert_eq!(diagnostics.errors.len(), 1);
    assert_eq!(diagnostics.errors[0].message, "expected one, found two");
    assert_eq!(diagnostics.errors[0].place.as_ref().unwrap().node.as_deref(), Some("conv1"));
    assert_eq!(diagnostics.errors[0].notes[0].message, "count again");
}

#[test]
fn affine_maps_survive_the_way_through_mlir() {
    use attrs::IndexMap;
    let context = context(&[]);
    let module = adder(&context);
    let op = Func::main(module.as_operation()).unwrap().ops()[0];
    let maps = [IndexMap::select(3, &[2, 0]), IndexMap::new(3, &[&[0, 1], &[2]])];
    attrs::set(op, "maps", attrs::maps(&context, &maps));
    assert_eq!(attrs::read_maps(op, "maps").unwrap(), maps);
    let error = attrs::read_int(op, "maps").unwrap_err().to_string();
    assert!(error.contains("'arith.addi' attribute 'maps': expected an integer, found ["), "{error}");
    let error = attrs::read_usizes(op, "steps").unwrap_err().to_string();
    assert!(error.contains("needs attribute 'steps'"), "{error}");
}

/// Counts what it is not meant to when told so.
struct Count;

impl Pass for Count {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "test-count",
            options: const { &[OptionSpec::boolean("wrong", "", false)] },
            ..Obey.info()
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("seen", "ops seen"), ("never", "never counted")]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        options.count(if options.boolean("wrong") { "other" } else { "seen" }, all_ops(module).len());
        Ok(())
    }
}

#[test]
fn passes_count() {
    pass::register(&[&Count]);
    run(MAIN, "builtin.module(test-count,test-count)").unwrap();
    let counted = pass::statistics().into_iter().filter(|counted| counted.pass == "test-count");
    let counted = counted.map(|counted| (counted.name, counted.count)).collect::<Vec<_>>();
    // a function and its return, twice
    assert_eq!(counted, [("never", 0), ("seen", 4)]);
    let error = run(MAIN, "builtin.module(test-count{wrong=true})").unwrap_err().to_string();
    assert!(
        error.contains("pass 'test-count' counts 'other', which its statistics do not declare"),
        "{error}"
    );
}

const DOUBLE: &str = r#"
pdl.pattern @double : benefit(1) {
  %type = type
  %x = operand : %type
  %sum = operation "arith.addi"(%x, %x : !pdl.value, !pdl.value) -> (%type : !pdl.type)
  rewrite %sum {
    %product = operation "arith.muli"(%x, %x : !pdl.value, !pdl.value) -> (%type : !pdl.type)
    replace %sum with %product
  }
}"#;

#[test]
fn patterns_are_read_from_text() {
    let context = context(&[]);
    let source = "func.func @main(%x: i32) -> i32 { %0 = arith.addi %x, %x : i32 return %0 : i32 }";
    let module = parse(&context, source, "test.mlir").unwrap();
    rewrite::apply_pdl(module.as_operation(), DOUBLE, "double.pdl.mlir", &[]).unwrap();
    let text = tessera_mlir::print(&module);
    assert!(text.contains("arith.muli") && !text.contains("arith.addi"), "{text}");
    let apply = |source: &str| {
        rewrite::apply_pdl(module.as_operation(), source, "p.mlir", &[]).unwrap_err().to_string()
    };
    assert!(apply("module {}").contains("p.mlir: expected pdl.pattern ops, found none"));
    assert!(apply("pdl.pattern").contains("p.mlir:1:"));
}

/// MLIR's texts are bytes: none may be empty of them, or be something else than UTF-8, at the cost of a panic.
#[test]
fn texts_may_be_empty_or_no_utf8() {
    let context = context(&[]);
    for (text, found) in [("", Some("")), ("a", Some("a")), ("\\FF", None)] {
        let source = format!("module attributes {{tessera.params = \"{text}\"}} {{}} loc(\"{text}\")");
        let module = tessera_mlir::parse(&context, &source, "test.mlir").unwrap();
        let op = module.as_operation();
        assert_eq!(tessera_mlir::params::name_of(op).as_deref(), found);
        assert_eq!(tessera_mlir::loc::node_name(op.location()).as_deref(), found);
        assert_eq!(tessera_mlir::attrs::read_string(op, "tessera.params").ok().as_deref(), found);
    }
}
