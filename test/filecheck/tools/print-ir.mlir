// The IR around passes, on stderr, with the banners of mlir-opt.
// RUN: opt-tool %s -p canonicalize,cse --print-ir-before=cse 2>%t -o %t.mlir && filecheck --input-file %t %s --check-prefix=BEFORE
// RUN: opt-tool %s -p canonicalize,cse --mlir-print-ir-after=canonicalize,cse 2>%t -o %t.mlir && filecheck %s --input-file %t --check-prefix=AFTER
// RUN: opt-tool %s -p canonicalize,cse --print-ir-before-all --print-ir-after-all 2>%t -o %t.mlir && filecheck %s --input-file %t --check-prefix=ALL
// RUN: opt-tool %s -p canonicalize,cse --print-ir-after-change 2>%t -o %t.mlir && filecheck %s --input-file %t --check-prefix=CHANGE
// RUN: opt-tool %s -p 'func.func(cse)' -mlir-print-ir-after-all --mlir-print-ir-module-scope 2>%t -o %t.mlir && filecheck %s --input-file %t --check-prefix=MODULE
// RUN: not opt-tool %s -p cse --print-ir-after=cs 2>&1 | filecheck %s --check-prefix=WRONG
// RUN: not opt-tool %s -p 'x86-set-arch{arch=foo}' --print-ir-after-failure 2>&1 | filecheck %s --check-prefix=FAILURE

// BEFORE-NOT: canonicalize
// BEFORE:     // -----// IR Dump Before CommonSubexpressionElimination (cse) //----- //
// BEFORE-NEXT: builtin.module {
// AFTER:      // -----// IR Dump After CanonicalizePass (canonicalize) //----- //
// AFTER:      // -----// IR Dump After CommonSubexpressionElimination (cse) //----- //
// ALL:        Dump Before CanonicalizePass (canonicalize)
// ALL:          arith.addi
// ALL:        Dump After CanonicalizePass (canonicalize)
// ALL-NOT:      arith.addi
// ALL:        Dump Before CommonSubexpressionElimination (cse)
// ALL:        Dump After CommonSubexpressionElimination (cse)
// CHANGE:     Dump After CanonicalizePass (canonicalize)
// CHANGE-NOT: Dump
// MODULE:     // -----// IR Dump After CommonSubexpressionElimination (cse) ('func.func' operation: @f) //----- //
// MODULE-NEXT: builtin.module {
// WRONG: error: --print-ir-before/after: unknown pass 'cs', did you mean 'cse'?
// FAILURE: IR Dump After {{.*}} Failed (x86-set-arch)
// FAILURE: func.func @f
// FAILURE: error: pass 'x86-set-arch'
func.func @f() -> i32 {
  %two = arith.constant 2 : i32
  %three = arith.constant 3 : i32
  %sum = arith.addi %two, %three : i32
  func.return %sum : i32
}
