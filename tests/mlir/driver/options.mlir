// RUN: zk-opt --pass-pipeline=builtin.module(check-params{nope=1})
module {}
