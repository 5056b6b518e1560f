// RUN: zk-opt --pass-pipeline=builtin.module(canonicalize,conjure)
module {}
