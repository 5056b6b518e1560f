//! Functions of one number: the reader is taught to keep them as they are, instead of taking them apart or computing them
//! its own way.
//!
//! Invariant: an ONNX operator that [`functions`] lists becomes one op with all its parameters known, or the model is refused.

use tessera_mlir::functions::{self, Map};
use tract_onnx::model::{Onnx, ParsingContext, optional_inputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_hir::internal::*;

/// A function as the reader's op.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function(pub(crate) Map);

impl ElementWiseMiniOp for Function {
    fn name(&self) -> String {
        self.0.name().to_owned()
    }

    fn eval_in_place(&self, t: &mut Tensor, _: Option<DatumType>) -> TractResult<()> {
        let mut plain = t.try_as_plain_ram_mut()?;
        plain.as_slice_mut::<f32>()?.iter_mut().for_each(|x| *x = self.0.value((*x).into()) as f32);
        Ok(())
    }
}

/// A node that is a function, until the operands that are parameters are known.
#[derive(Debug, Clone)]
struct Unresolved {
    map: Map,
    /// The operand that gives a parameter.
    operands: Vec<Option<usize>>,
}

impl Expansion for Unresolved {
    fn name(&self) -> StaticName {
        self.map.name().into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1 + self.operands.iter().flatten().count())?;
        check_output_arity(outputs, 1)?;
        s.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        s.equals(&inputs[0].shape, &outputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let mut parameters = self.map.parameters();
        for (parameter, operand) in parameters.iter_mut().zip(&self.operands) {
            let Some(operand) = operand else { continue };
            let Some(value) = model.outlet_fact(inputs[*operand])?.konst.clone() else {
                bail!("the parameters of a function must be known at compile time");
            };
            *parameter = value.cast_to_scalar::<f32>()?.into();
        }
        let map = Map::named(self.map.name(), &parameters).map_err(|error| format_err!("{error}"))?;
        model.wire_node(prefix, ElementWiseOp(Box::new(Function(map)), None), &inputs[..1])
    }
}

/// What tells functions apart: the operator, and a text attribute where there is one that is not "none".
pub(crate) fn spelling(node: &NodeProto) -> String {
    let mut variants = node.attribute.iter().map(|a| String::from_utf8_lossy(&a.s)).filter(|s| !s.is_empty());
    match variants.find(|variant| variant != "none") {
        Some(variant) => format!("{}({variant})", node.op_type),
        None => node.op_type.clone(),
    }
}

/// Why a node of one of [`functions::onnx_operators`] is no function of the list.
pub(crate) fn refuse(node: &NodeProto) -> Option<String> {
    let Some(function) = functions::by_onnx(&spelling(node)) else {
        return Some(format!("the variant {} is not supported", spelling(node)));
    };
    let known = |name: &str| function.parameters().iter().any(|p| p.name == name);
    let other = node.attribute.iter().find(|a| a.s.is_empty() && !known(&a.name));
    other.map(|a| format!("the attribute \"{}\" is not supported", a.name))
}

fn parse(_: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let Some(function) = functions::by_onnx(&spelling(node)) else { bail!("not a function") };
    let (mut parameters, mut operands) = (vec![], vec![]);
    for parameter in function.parameters() {
        let given = node.attribute.iter().find(|a| a.name == parameter.name);
        parameters.push(given.map_or(parameter.default, |a| a.f.into()));
        operands.push(parameter.operand.and_then(|at| optional_inputs(node).nth(at).flatten()));
    }
    let map = Map::new(function, &parameters).map_err(|error| format_err!("{error}"))?;
    Ok((expand(Unresolved { map, operands }), vec![]))
}

/// The reader, with the functions of the list.
pub(crate) fn onnx() -> Onnx {
    let mut onnx = tract_onnx::onnx();
    for operator in functions::onnx_operators() {
        onnx.op_register.insert(operator, parse);
    }
    onnx
}
