// Where the time goes, as a table on stderr; nested passes are indented.
// RUN: opt-tool %s -p 'canonicalize,func.func(cse,dce)' --mlir-timing 2>&1 -o %t.mlir | filecheck %s
// RUN: opt-tool %s -p canonicalize --timing 2>/dev/null | filecheck %s --check-prefix=OUT

// CHECK:      ===-----
// CHECK-NEXT: ... Execution time report ...
// CHECK:      Total Execution Time: {{[0-9.]+}} seconds
// CHECK:      ----Wall Time----  ----Name----
// CHECK-NEXT: {{[0-9.]+}} ({{ *[0-9.]+}}%)  Parser
// CHECK-NEXT:  canonicalize
// CHECK-NEXT:  'func.func' Pipeline
// CHECK-NEXT:    cse
// CHECK-NEXT:    dce
// CHECK-NEXT:  Verifier
// CHECK-NEXT:  Output
// CHECK-NEXT:  Rest
// CHECK-NEXT:  (100.0%)  Total
// OUT-NOT: Execution time
// OUT: func.func @f
// OUT-NOT: Execution time
func.func @f() {
  func.return
}
