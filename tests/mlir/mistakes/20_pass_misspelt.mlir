// RUN: zk-opt --pass-pipeline=builtin.module(canonicalise,circuit-interval,frobnicate)
module {}
