// Constants that nothing reads go; a symbol that an attribute names stays.
// RUN: opt-tool %s -p remove-unused-globals | filecheck %s

// CHECK: graph.global @read
// CHECK-NEXT: graph.global @named
// CHECK-NEXT: func.func
graph.global @read : tensor<1xf32> = dense<1.0>
graph.global @unread : tensor<1xf32> = dense<2.0>
graph.global @named : tensor<1xf32> = dense<3.0>
graph.global @unused : tensor<1xf32> = dense<4.0>

// CHECK-NEXT: graph.constant @read
// CHECK-NEXT: func.return
func.func @f() -> tensor<1xf32> attributes {table = [{entry = @named}]} {
  %0 = graph.constant @read : tensor<1xf32>
  %1 = graph.constant @unread : tensor<1xf32>
  func.return %0 : tensor<1xf32>
}
