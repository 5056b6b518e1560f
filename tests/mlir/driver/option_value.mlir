// RUN: zk-opt --pass-pipeline=builtin.module(check-params{most=-3 unused=maybe})
module {}
