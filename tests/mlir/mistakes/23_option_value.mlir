// RUN: zk-opt --pass-pipeline=builtin.module(nn-calibrate{method=median percentile=20})
module {}
