// RUN: zk-opt --pass-pipeline=builtin.module(func.func(drop-unused-params))
func.func @main() {
  return
}
