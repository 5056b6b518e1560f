// RUN: zk-opt --transform-interpreter

// A script that runs one of our passes, and one of MLIR's, on the functions of its choice.
module attributes {transform.with_named_sequence} {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = nn.relu %x : tensor<4xf32>
    %1 = nn.relu %x : tensor<4xf32>
    %2 = nn.add %0, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    return %2 : tensor<4xf32>
  }

  transform.named_sequence @is_function(%op: !transform.any_op {transform.readonly}) -> !transform.any_op {
    transform.match.operation_name %op ["func.func"] : !transform.any_op
    transform.yield %op : !transform.any_op
  }

  transform.named_sequence @__transform_main(%module: !transform.any_op {transform.readonly}) {
    %functions = transform.collect_matching @is_function in %module : (!transform.any_op) -> !transform.any_op
    %same = transform.apply_registered_pass "apply-patterns" with options = {"file" = "generic/relu_of_relu.pdl"} to %functions : (!transform.any_op) -> !transform.any_op
    transform.apply_cse to %same : !transform.any_op
    transform.yield
  }
}
