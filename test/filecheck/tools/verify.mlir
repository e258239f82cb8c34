// All ops that do not verify are told of, each at its place; --no-verify lets them pass.
// RUN: not opt-tool %s 2>&1 | filecheck %s
// RUN: opt-tool %s --no-verify | filecheck %s --check-prefix=PASSED
// RUN: opt-tool %s --disable-verify | filecheck %s --check-prefix=PASSED

// CHECK:      verify.mlir:16:1: error: 'arith.addi': Expected 2 operands, but got 0
// CHECK-NEXT:   "arith.addi"() : () -> i32
// CHECK-NEXT:   ^
// CHECK-NEXT: verify.mlir:18:3: error: 'func.return': Expected arguments to have the same types
// CHECK:      verify.mlir:20:1: error: 'test.op' holds an empty block
// CHECK:      verify.mlir:23:1: error: 'func.return' (node 'conv2'):
// CHECK-NOT:  error:

// PASSED: "builtin.module"() ({
// PASSED: "arith.addi"()
"arith.addi"() : () -> i32
func.func @f() -> i32 {
  func.return
}
"test.op"() ({
^bb0:
}) : () -> ()
"func.return"() : () -> () loc("conv2")
