//! Every reader of a file, fed changed files: containers, models, keys, proofs, NumPy arrays, parameters, ONNX, IR text.
//!
//! Inputs are honest files changed by knowledge of the format: numbers in its encodings, sections under a right checksum, numbers of a
//! Program, fields of a protobuf message. `./x fuzz [TARGET] [--seconds N]` runs longer than `./x test` does, and with counters in
//! the code: what takes a new branch is changed again, and kept in `corpus/` for formats that are not ours. (Our own change with
//! their version.)
mod allocation;
mod coverage;
mod driver;
mod known;
mod mutate;
mod numbers;
mod parts;
mod readers;
mod tessera_files;
mod wire;
