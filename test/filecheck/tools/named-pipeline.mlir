// A named pipeline stands wherever a pass does, also nested; names are listed with what they do.
// RUN: opt-tool %s -p cleanup | filecheck %s
// RUN: opt-tool %s --pass-pipeline='builtin.module(func.func(cleanup),dce)' | filecheck %s
// RUN: not opt-tool %s -p 'cleanup{x=1}' 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: not opt-tool %s -p 'cleanip' 2>&1 | filecheck %s --check-prefix=NAME
// RUN: opt-tool --list-pipelines | filecheck %s --check-prefix=LIST
// RUN: opt-tool --describe cleanup | filecheck %s --check-prefix=ONE

// CHECK:      func.func @f() -> i32 {
// CHECK-NEXT:   %sum = arith.constant 5
// CHECK-NEXT:   func.return
// OPTION: error: pipeline 'cleanup' has no option 'x'; it has none
// NAME: error: unknown pass 'cleanip', did you mean 'cleanup'?
// LIST: cleanup {{.*}}Canonicalize, merge equal ops
// LIST-NEXT: = canonicalize,cse,dce
// ONE: cleanup
// ONE: = canonicalize,cse,dce
func.func @f() -> i32 {
  %two = arith.constant 2 : i32
  %three = arith.constant 3 : i32
  %sum = arith.addi %two, %three : i32
  func.return %sum : i32
}
