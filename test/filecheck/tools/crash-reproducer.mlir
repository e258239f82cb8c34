// A failing pass leaves the IR before it and the rest of the pipeline in one file that can be run.
// RUN: not opt-tool %s -p 'canonicalize,x86-set-arch{arch="a\"b"},func.func(cse)' --crash-reproducer=%t.repro.mlir 2>&1 | filecheck %s
// RUN: filecheck %s --input-file %t.repro.mlir --check-prefix=REPRO
// RUN: not opt-tool --run-reproducer %t.repro.mlir 2>&1 | filecheck %s --check-prefix=AGAIN
// RUN: opt-tool %t.repro.mlir -p dce | filecheck %s --check-prefix=PLAIN
// RUN: not opt-tool --run-reproducer %s 2>&1 | filecheck %s --check-prefix=NONE
// RUN: opt-tool %s -p cse --mlir-pass-pipeline-crash-reproducer=%t.none.mlir | filecheck %s --check-prefix=FINE
// RUN: not test -e %t.none.mlir

// CHECK: error: pass 'x86-set-arch': Unsupported arch a"b
// CHECK: note: reproducer written to
// REPRO:      // A failure of pass 'x86-set-arch'
// REPRO-NEXT: "builtin.module"() ({
// REPRO-NOT:  arith.addi
// REPRO:      {-#
// REPRO-NEXT:   external_resources: {
// REPRO-NEXT:     mlir_reproducer: {
// REPRO-NEXT:       pipeline: "builtin.module(x86-set-arch{arch=\"a\\\"b\"},func.func(cse))",
// REPRO-NEXT:       disable_threading: true,
// REPRO-NEXT:       verify_each: true
// AGAIN: error: pass 'x86-set-arch': Unsupported arch a"b
// PLAIN: func.func @f
// NONE: not a reproducer, there is no 'mlir_reproducer' resource
// FINE: func.func @f
func.func @f() -> i32 {
  %two = arith.constant 2 : i32
  %three = arith.constant 3 : i32
  %sum = arith.addi %two, %three : i32
  func.return %sum : i32
}
