// An op that a pass made has its errors where the op stands that it came from, also if that one has the name of a node.
// RUN: opt-tool %s -p 'convert-graph-to-linalg{memory=sram},convert-linalg-to-loops,convert-loops-to-c' --split-input-file --verify-diagnostics

func.func @placed(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // expected-error@+1 {{pass 'convert-loops-to-c': dma.buffer: has no offset; run plan-memory first}}
  %0 = graph.relu %x : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = graph.exp %0 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  func.return %1 : tensor<1x4xf32>
}

// -----

func.func @named(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // expected-error@+1 {{pass 'convert-loops-to-c': dma.buffer (node 'r'): has no offset; run plan-memory first}}
  %0 = graph.relu %x : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("r")
  %1 = graph.exp %0 : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("e")
  func.return %1 : tensor<1x4xf32>
}
