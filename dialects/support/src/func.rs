//! Functions and parameters in the IR: `func.func @main` with named ports, and `ml_program.global` for weights.
//!
//! Invariants:
//! - A module has one function `@main` of one block.
//! - Parameter values are never in the IR: a global is declared extern and its data lives in [`crate::params`].

use crate::{
    Error, Result, attrs,
    build::Cursor,
    context_of,
    op::{all_ops, op_name},
    rewrite::defining_op,
};
use melior::{
    Context,
    ir::{
        Attribute, AttributeLike, Block, BlockLike, BlockRef, Identifier, Location, Operation, OperationRef,
        Region, RegionLike, Type, Value, ValueLike,
        attribute::{ArrayAttribute, DictionaryAttribute, StringAttribute, TypeAttribute},
        operation::{OperationBuilder, OperationLike},
        r#type::FunctionType,
    },
};
use mlir_sys::{mlirAttributeIsADictionary, mlirTypeAttrGetValue};

/// The name of a port: an attribute of function arguments and results.
pub const PORT_NAME: &str = "nn.name";

/// An operand of an op, if there is one. melior's own getter prints the op into its error, and printing verifies:
/// inside a verifier that does not end.
pub fn operand<'c, 'a>(op: OperationRef<'c, 'a>, index: usize) -> Option<Value<'c, 'a>> {
    if index < op.operand_count() { op.operand(index).ok() } else { None }
}

/// An operand that an op must have.
///
/// # Errors
/// When the op has fewer operands.
pub fn need_operand<'c, 'a>(op: OperationRef<'c, 'a>, index: usize) -> Result<Value<'c, 'a>> {
    operand(op, index).ok_or_else(|| Error::new(format!("operand {index} is missing")).or_at_op(op))
}

/// The first result of an op.
///
/// # Errors
/// When the op has no result.
pub fn first_result<'c, 'a>(op: OperationRef<'c, 'a>) -> Result<Value<'c, 'a>> {
    if op.result_count() == 0 {
        return Err(Error::new("expected a result, found none").or_at_op(op));
    }
    Ok(op.result(0)?.into())
}

/// An input of a function.
#[derive(Clone, Debug)]
pub struct Port<'c> {
    /// What the model calls it.
    pub name: String,
    /// Its type.
    pub ty: Type<'c>,
    /// Its calibrated range, if known.
    pub range: Option<(f64, f64)>,
}

impl<'c> Port<'c> {
    /// A port without a calibrated range.
    pub fn new(name: impl Into<String>, ty: Type<'c>) -> Self {
        Self { name: name.into(), ty, range: None }
    }
}

/// A function that is being written.
pub struct FuncBuilder<'c, 'a> {
    op: OperationRef<'c, 'a>,
    block: BlockRef<'c, 'a>,
    context: &'c Context,
}

impl<'c, 'a> FuncBuilder<'c, 'a> {
    /// Starts a function at the end of a module's body.
    ///
    /// # Errors
    /// When MLIR refuses the op.
    pub fn new(
        body: BlockRef<'c, 'a>,
        location: Location<'c>,
        name: &str,
        inputs: &[Port<'c>],
    ) -> Result<Self> {
        let context = context_of(location);
        let types = inputs.iter().map(|port| port.ty).collect::<Vec<_>>();
        let region = Region::new();
        region.append_block(Block::new(&types.iter().map(|&ty| (ty, location)).collect::<Vec<_>>()));
        let ports = inputs
            .iter()
            .map(|port| {
                let mut entries = vec![attrs::named(context, PORT_NAME, attrs::string(context, &port.name))];
                if let Some((low, high)) = port.range {
                    entries.push(attrs::named(context, attrs::RANGE, attrs::f64s(context, &[low, high])));
                }
                DictionaryAttribute::new(context, &entries).into()
            })
            .collect::<Vec<Attribute>>();
        let op = OperationBuilder::new("func.func", location)
            .add_attributes(&[
                attrs::named(context, "sym_name", StringAttribute::new(context, name)),
                attrs::named(
                    context,
                    "function_type",
                    TypeAttribute::new(FunctionType::new(context, &types, &[]).into()),
                ),
                attrs::named(context, "arg_attrs", ArrayAttribute::new(context, &ports)),
            ])
            .add_regions([region])
            .build()?;
        let op = body.append_operation(op);
        let block = op.region(0)?.first_block().ok_or_else(|| Error::new("a function without a block"))?;
        Ok(Self { op, block, context })
    }

    /// The end of the function's body.
    pub fn cursor(&self) -> Cursor<'c, 'a> {
        Cursor::end(self.context, self.block)
    }

    /// An argument.
    ///
    /// # Errors
    /// When there is no such argument.
    pub fn argument(&self, index: usize) -> Result<Value<'c, 'a>> {
        Ok(self.block.argument(index)?.into())
    }

    /// Ends the function: returns the values under these names.
    ///
    /// # Errors
    /// When the numbers of values and names differ.
    pub fn finish(self, values: &[Value<'c, 'a>], names: &[impl AsRef<str>]) -> Result<Func<'c, 'a>> {
        if values.len() != names.len() {
            return Err(Error::new(format!("expected {} result names, found {}", values.len(), names.len())));
        }
        let location = self.op.location();
        self.block
            .append_operation(OperationBuilder::new("func.return", location).add_operands(values).build()?);
        let func = Func { op: self.op, block: self.block };
        func.update_type();
        func.set_result_names(names);
        Ok(func)
    }
}

/// A function of one block.
#[derive(Clone, Copy)]
pub struct Func<'c, 'a> {
    /// The `func.func`.
    pub op: OperationRef<'c, 'a>,
    /// Its body.
    pub block: BlockRef<'c, 'a>,
}

impl<'c, 'a> Func<'c, 'a> {
    /// The function `@main` of a module; of a function, itself.
    ///
    /// # Errors
    /// When there is none, or it has more than one block.
    pub fn main(module: OperationRef<'c, 'a>) -> Result<Self> {
        if op_name(module) == "func.func" {
            return Self::of(module);
        }
        let main = all_ops(module).into_iter().find(|&op| {
            op_name(op) == "func.func" && attrs::read_string(op, "sym_name").is_ok_and(|name| name == "main")
        });
        match main {
            Some(op) => Self::of(op),
            None => Err(Error::at(module.location(), "expected a function @main in the module, found none")),
        }
    }

    /// A `func.func` as a function.
    ///
    /// # Errors
    /// When it is another op, is only declared, or has more than one block.
    pub fn of(op: OperationRef<'c, 'a>) -> Result<Self> {
        let name = op_name(op);
        if name != "func.func" {
            return Err(Error::at(op.location(), format!("expected func.func, found {name}")));
        }
        let block = op.region(0).ok().and_then(|region| region.first_block());
        match block {
            Some(block) if block.next_in_region().is_none() => Ok(Self { op, block }),
            _ => Err(Error::at(op.location(), "expected a function with a body of one block")),
        }
    }

    /// The context.
    pub fn context(&self) -> &'c Context {
        context_of(self.op.location())
    }

    /// The arguments.
    pub fn arguments(&self) -> Vec<Value<'c, 'a>> {
        (0..self.block.argument_count())
            .filter_map(|index| self.block.argument(index).ok())
            .map(Into::into)
            .collect()
    }

    /// The arguments' types.
    pub fn input_types(&self) -> Vec<Type<'c>> {
        self.arguments().into_iter().map(|value| value.r#type()).collect()
    }

    /// What the model calls an argument; `arg<i>` when it has no name.
    pub fn argument_name(&self, index: usize) -> String {
        self.port_name("arg_attrs", index).unwrap_or_else(|| format!("arg{index}"))
    }

    /// What the model calls a result; `result<i>` when it has no name.
    pub fn result_name(&self, index: usize) -> String {
        self.port_name("res_attrs", index).unwrap_or_else(|| format!("result{index}"))
    }

    /// The calibrated range of an argument.
    pub fn argument_range(&self, index: usize) -> Option<(f64, f64)> {
        attrs::f64_pair(self.port(index, "arg_attrs")?.element_by_name(attrs::RANGE)?)
    }

    /// How many texts the model knows, of an argument that is texts.
    pub fn argument_texts(&self, index: usize) -> Option<i64> {
        attrs::to_int(self.port(index, "arg_attrs")?.element_by_name(attrs::TEXTS)?)
            .filter(|&texts| texts >= 0)
    }

    /// Sets the calibrated range of an argument.
    pub fn set_argument_range(&self, index: usize, low: f64, high: f64) {
        self.set_argument(index, attrs::RANGE, attrs::f64s(self.context(), &[low, high]));
    }

    /// The bits that an argument is to be quantized with.
    pub fn argument_bits(&self, index: usize) -> Option<u32> {
        attrs::some_bits(self.port(index, "arg_attrs")?.element_by_name(attrs::BITS)?)
    }

    /// Sets an attribute of an argument.
    pub fn set_argument(&self, index: usize, name: &str, value: Attribute<'c>) {
        let context = self.context();
        let ports = (0..self.block.argument_count())
            .map(|position| {
                let mut entries = vec![];
                if let Some(old) = self.port(position, "arg_attrs") {
                    entries.extend((0..old.len()).filter_map(|entry| old.element(entry).ok()));
                }
                if position == index {
                    let name = Identifier::new(context, name);
                    entries.retain(|&(held, _)| held != name);
                    entries.push((name, value));
                }
                DictionaryAttribute::new(context, &entries).into()
            })
            .collect::<Vec<Attribute>>();
        attrs::set(self.op, "arg_attrs", ArrayAttribute::new(context, &ports).into());
    }

    /// The ops in order, without the return.
    pub fn ops(&self) -> Vec<OperationRef<'c, 'a>> {
        tessera_cancel::point();
        let mut ops = vec![];
        let mut next = self.block.first_operation();
        while let Some(op) = next {
            if op_name(op) != "func.return" {
                ops.push(op);
            }
            next = op.next_in_block();
        }
        ops
    }

    /// The `func.return`.
    ///
    /// # Errors
    /// When the function does not end in one.
    pub fn terminator(&self) -> Result<OperationRef<'c, 'a>> {
        self.block
            .terminator()
            .filter(|&op| op_name(op) == "func.return")
            .ok_or_else(|| Error::at(self.op.location(), "expected the function to end in func.return"))
    }

    /// The returned values.
    ///
    /// # Errors
    /// When the function does not end in `func.return`.
    pub fn returns(&self) -> Result<Vec<Value<'c, 'a>>> {
        Ok(self.terminator()?.operands().collect())
    }

    /// Sets the function's type to what its arguments and its return are now.
    pub fn update_type(&self) {
        let context = self.context();
        let results =
            self.returns().unwrap_or_default().iter().map(|value| value.r#type()).collect::<Vec<_>>();
        let ty = FunctionType::new(context, &self.input_types(), &results);
        attrs::set(self.op, "function_type", TypeAttribute::new(ty.into()).into());
    }

    /// Says what the model calls its results, one name each.
    pub fn set_result_names(&self, names: &[impl AsRef<str>]) {
        let context = self.context();
        let named = |name: &str| {
            let name = attrs::named(context, PORT_NAME, attrs::string(context, name));
            DictionaryAttribute::new(context, &[name]).into()
        };
        let names = names.iter().map(|name| named(name.as_ref())).collect::<Vec<Attribute>>();
        attrs::set(self.op, "res_attrs", ArrayAttribute::new(context, &names).into());
    }

    /// Erases the function from its module.
    pub fn erase(self) {
        crate::rewrite::erase(self.op);
    }

    fn port(&self, index: usize, attribute: &str) -> Option<DictionaryAttribute<'c>> {
        let ports = ArrayAttribute::try_from(self.op.attribute(attribute).ok()?).ok()?;
        let port = ports.element(index).ok()?;
        // SAFETY: the attribute is alive.
        if !unsafe { mlirAttributeIsADictionary(port.to_raw()) } {
            return None;
        }
        DictionaryAttribute::try_from(port).ok()
    }

    fn port_name(&self, attribute: &str, index: usize) -> Option<String> {
        let name = self.port(index, attribute)?.element_by_name(PORT_NAME)?;
        attrs::text_of(StringAttribute::try_from(name).ok()?)
    }
}

/// Declares a parameter at the start of a module's body: `ml_program.global private @name(#extern) : type`.
///
/// # Errors
/// When MLIR refuses the op.
pub fn declare_global<'c, 'a>(
    body: BlockRef<'c, 'a>,
    location: Location<'c>,
    name: &str,
    ty: Type<'c>,
) -> Result<OperationRef<'c, 'a>> {
    let context = context_of(location);
    let value = Attribute::parse(context, &format!("#ml_program.extern : {ty}"))
        .ok_or_else(|| Error::at(location, format!("parameter {name:?} cannot have the type {ty}")))?;
    let op = OperationBuilder::new("ml_program.global", location)
        .add_attributes(&[
            attrs::named(context, "sym_name", StringAttribute::new(context, name)),
            attrs::named(context, "type", TypeAttribute::new(ty)),
            attrs::named(context, "value", value),
            attrs::named(context, "sym_visibility", StringAttribute::new(context, "private")),
        ])
        .build()?;
    // Declarations stand before the functions that read them, in the order in which they were made.
    let mut next = body.first_operation();
    while let Some(existing) = next {
        if op_name(existing) != "ml_program.global" {
            return Ok(body.insert_operation_before(existing, op));
        }
        next = existing.next_in_block();
    }
    Ok(body.append_operation(op))
}

/// `ml_program.global_load_const @name : type`
///
/// # Errors
/// When MLIR refuses the op.
pub fn load_global<'c>(location: Location<'c>, name: &str, ty: Type<'c>) -> Result<Operation<'c>> {
    let context = context_of(location);
    Ok(OperationBuilder::new("ml_program.global_load_const", location)
        .add_attributes(&[attrs::named(context, "global", attrs::symbol(context, name))])
        .add_results(&[ty])
        .build()?)
}

/// The parameter a value is, when it is the result of a `global_load_const`.
pub fn global_name(value: Value) -> Option<String> {
    loaded_global(defining_op(value)?)
}

/// The parameter an op loads, when it is a `global_load_const`.
pub fn loaded_global(op: OperationRef) -> Option<String> {
    if op_name(op) != "ml_program.global_load_const" {
        return None;
    }
    attrs::read_symbol(op, "global").ok()
}

/// The parameters that a module declares, in order.
///
/// # Errors
/// When a declaration does not decode.
pub fn globals<'c>(module: OperationRef<'c, '_>) -> Result<Vec<(String, Type<'c>)>> {
    all_ops(module)
        .into_iter()
        .filter(|&op| op_name(op) == "ml_program.global")
        .map(|op| {
            let attribute = op.attribute("type").map_err(|error| Error::from(error).or_at(op.location()))?;
            // SAFETY: the attribute `type` of a global is a type attribute, by its definition.
            let ty = unsafe { Type::from_raw(mlirTypeAttrGetValue(attribute.to_raw())) };
            Ok((attrs::read_string(op, "sym_name")?, ty))
        })
        .collect()
}

/// Erases the declaration of a parameter, if there is one.
pub fn erase_global(module: OperationRef, name: &str) {
    for op in all_ops(module) {
        if op_name(op) == "ml_program.global"
            && attrs::read_string(op, "sym_name").is_ok_and(|found| found == name)
        {
            crate::rewrite::erase(op);
        }
    }
}
