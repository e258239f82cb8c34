// The two spellings of a pipeline, and passes nested on functions.
// RUN: opt-tool %s --pass-pipeline='builtin.module(canonicalize,cse)' | filecheck %s --check-prefix=ALL
// RUN: opt-tool %s -pass-pipeline="canonicalize, cse" | filecheck %s --check-prefix=ALL
// RUN: opt-tool %s -p canonicalize,cse | filecheck %s --check-prefix=ALL
// RUN: opt-tool %s -p 'builtin.module(builtin.module(dce))' | filecheck %s --check-prefix=INNER
// RUN: opt-tool %s -p 'func.func(dce)' | filecheck %s --check-prefix=FUNC
// RUN: opt-tool %s -p 'any(builtin.module(any(dce)))' | filecheck %s --check-prefix=ANY
// RUN: opt-tool %s -p '' | filecheck %s --check-prefix=NONE

// ALL-LABEL: func.func @f
// ALL-NEXT:    %sum = arith.constant 5 : i32
// ALL-NEXT:    func.return %sum
// ALL-NOT:   arith.constant

// INNER-LABEL: func.func @f
// INNER:         %unused = arith.constant
// INNER-LABEL: builtin.module @inner
// INNER-NOT:     arith.constant

// FUNC-LABEL: func.func @f
// FUNC-NOT:     %unused
// FUNC-LABEL: builtin.module @inner
// FUNC:         %dead = arith.constant

// ANY-LABEL: func.func @f
// ANY:         %unused
// ANY-LABEL: func.func @g
// ANY-NEXT:    func.return

// NONE-LABEL: func.func @f
// NONE:         %unused
// NONE:         %dead
func.func @f() -> i32 {
  %two = arith.constant 2 : i32
  %three = arith.constant 3 : i32
  %unused = arith.constant 4 : i32
  %sum = arith.addi %two, %three : i32
  func.return %sum : i32
}

builtin.module @inner {
  func.func @g() {
    %dead = arith.constant 7 : i32
    func.return
  }
}
