// RUN: opt-tool %s -p set-platform{platform=host},convert-graph-to-linalg | filecheck %s

// An output that ends in a reshape has the shape that the model says; the op before it sees a view.

// CHECK:       %0 = dma.buffer "output" 0 {graph.name = "y"} : memref<1x16xf32, "sram">
// CHECK-NEXT:  %r = dma.view %0 : memref<1x16xf32, "sram"> to memref<1x2x2x4xf32, "sram">
// CHECK-NEXT:  func.call @relu_0(%x, %r)
func.func @net(%x: tensor<1x2x2x4xf32> {graph.name = "x"}) -> (tensor<1x16xf32> {graph.name = "y"}) {
  %r = graph.relu %x : (tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  %y = graph.reshape %r : (tensor<1x2x2x4xf32>) -> tensor<1x16xf32>
  func.return %y : tensor<1x16xf32>
}
