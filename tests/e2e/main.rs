//! From an ONNX file to a verified proof, through the command that users run.
mod attention;
mod backends;
mod committed;
mod errors;
mod functions;
mod interrupts;
mod models;
mod owners;
mod predict;
mod support;
mod table;
mod texts;
mod trust;
mod verifier;
