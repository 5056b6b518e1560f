//! Runs a model by the ONNX reader itself: the independent answer that tests compare the import with.

use crate::error::ImportError;
use crate::guard::guarded;
use crate::proto;
use crate::source::{ImportOptions, Source};
use ndarray::{ArrayD, IxDyn};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

/// Outputs of the model for each of `batches` (one array per model input), computed by tract's optimized runtime.
///
/// # Errors
/// As the import, and where tract fails to run the model.
pub fn run(
    source: Source,
    options: &ImportOptions,
    batches: &[Vec<ArrayD<f32>>],
) -> Result<Vec<Vec<ArrayD<f32>>>, ImportError> {
    let model = proto::read(source, options)?;
    guarded("running the model", || {
        let failed = |e: String| ImportError::Reader { stage: "running the model", message: e };
        let model = decluttered(&model)?.into_optimized().map_err(|e| failed(format!("{e:#}")))?;
        let plan = model.into_runnable().map_err(|e| failed(format!("{e:#}")))?;
        let mut results = Vec::new();
        for batch in batches {
            let mut inputs: TVec<TValue> = tvec!();
            for x in batch {
                let data: Vec<f32> = x.iter().copied().collect();
                inputs.push(Tensor::from_shape(x.shape(), &data).map_err(|e| failed(e.to_string()))?.into());
            }
            let outputs = plan.run(inputs).map_err(|e| failed(format!("{e:#}")))?;
            let mut arrays = Vec::new();
            for o in &outputs {
                let view = o.to_plain_array_view::<f32>().map_err(|e| failed(e.to_string()))?;
                let data = view.iter().copied().collect();
                let array = ArrayD::from_shape_vec(IxDyn(view.shape()), data);
                arrays.push(array.map_err(|e| failed(e.to_string()))?);
            }
            results.push(arrays);
        }
        Ok(results)
    })
}

/// Takes a checked model and brings it to the reader's canonical ("decluttered") form.
fn decluttered(proto: &ModelProto) -> Result<TypedModel, ImportError> {
    let reader = |stage| move |e: TractError| ImportError::Reader { stage, message: format!("{e:#}") };
    tract_onnx::onnx()
        .model_for_proto_model(proto)
        .map_err(reader("reading the graph"))?
        .into_typed()
        .map_err(reader("inferring shapes"))?
        .into_decluttered()
        .map_err(reader("simplifying the graph"))
}
