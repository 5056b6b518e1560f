// RUN: zk-opt --pass-pipeline=builtin.module(func.func(convert-nn-to-qnn))
module {}
