// A pass nested on functions sees one function, and the constants that lie beside it.
// RUN: opt-tool %s -p 'func.func(cse)' --print-ir-before-all 2>%t | filecheck %s
// RUN: filecheck %s --input-file %t --check-prefix=DUMP

// CHECK:      graph.global @w : tensor<2xi8>
// CHECK-NEXT: func.func @f() -> (tensor<2xi8>, tensor<2xi8>) {
// CHECK-NEXT:   %a = graph.constant @w
// CHECK-NEXT:   func.return %a, %a
// CHECK:      graph.global @between : tensor<2xi8>
// CHECK:      func.func @g
// CHECK-NEXT:   %c = graph.constant @between
// CHECK-NEXT:   func.return %c
// CHECK-NOT:  graph.global

// DUMP:     // -----// IR Dump Before CommonSubexpressionElimination (cse) ('func.func' operation: @f) //----- //
// DUMP-NOT: func.func @g
// DUMP:     // -----// IR Dump Before CommonSubexpressionElimination (cse) ('func.func' operation: @g) //----- //
// DUMP-NOT: func.func @f
graph.global @w : tensor<2xi8> = dense<1>
func.func @f() -> (tensor<2xi8>, tensor<2xi8>) {
  %a = graph.constant @w : tensor<2xi8>
  %b = graph.constant @w : tensor<2xi8>
  func.return %a, %b : tensor<2xi8>, tensor<2xi8>
}
graph.global @between : tensor<2xi8> = dense<2>
func.func @g() -> tensor<2xi8> {
  %c = graph.constant @between : tensor<2xi8>
  func.return %c : tensor<2xi8>
}
