//! Every reader of a file, fed changed files: containers, models, keys, proofs, NumPy arrays, parameters, ONNX, IR text.
//!
//! `./x fuzz [TARGET] [--seconds N]` runs longer than `./x test` does. There is no coverage guidance: inputs are honest files
//! changed by knowledge of the format (numbers in its encodings, sections under a right checksum, numbers of a Program).
mod allocation;
mod driver;
mod known;
mod mutate;
mod numbers;
mod readers;
mod tessera_files;
