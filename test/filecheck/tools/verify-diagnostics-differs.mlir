// Messages that differ from what is expected are errors.
// RUN: not opt-tool %s --verify-diagnostics --split-input-file 2>&1 | filecheck %s

// CHECK: differs.mlir:8:2: error: unexpected error: "unknown op 'foo.bar'
// CHECK: differs.mlir:7:4: error: expected error "some other text" was not produced

// expected-error@+1 {{some other text}}
"foo.bar"() : () -> ()

// -----

// CHECK: differs.mlir:13:4: error: expected remark "nothing says this" was not produced
// expected-remark@below {{nothing says this}}
func.func @f() {
  func.return
}

// -----

// CHECK: differs.mlir:22:2: error: unexpected error: "unknown op 'foo.baz'
// CHECK-NOT: error
"foo.baz"() : () -> ()
