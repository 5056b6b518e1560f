// RUN: zk-opt --pass-pipeline=canonicalize,cse
module {}
