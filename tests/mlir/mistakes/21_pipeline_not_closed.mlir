// RUN: zk-opt --pass-pipeline=builtin.module(canonicalize,cse
module {}
