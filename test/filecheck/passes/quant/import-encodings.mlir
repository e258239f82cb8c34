// Grids of a file by the names of tensors, and where insert-quant-casts puts them.
// RUN: opt-tool %s -p 'import-encodings{file=%S/import-encodings.json}' | filecheck %s
// RUN: opt-tool %s -p 'import-encodings{file=%S/import-encodings.json},insert-quant-casts' | filecheck %s --check-prefix=CASTS
// RUN: opt-tool %s -p 'import-encodings{file=%S/import-encodings.json},insert-quant-casts' --remarks=all 2>&1 | filecheck %s --check-prefix=REMARK

// An offset counts codes without sign: -28 is the zero point 28 - 128. Four bits of weights keep code -8.
// CHECK: func.func @net(%x: tensor<1x2xf32> {graph.name = "in", quant.type = !quant.uniform<i8:f32, 0.5:-100>})
// CHECK: graph.constant @w {quant.type = !quant.uniform<i8<-8:7>:f32:0, {0.5, 0.25}>}
// CHECK: graph.gemm {{.*}}quant.type = !quant.uniform<i8:f32, 0.75:-128>
// CHECK: graph.relu {{.*}}quant.type = !quant.uniform<i8<-8:7>:f32, 0.25:-8>
// CHECK: graph.exp {{.*}}quant.type = !quant.uniform<i16:f32, 0.125>

// CASTS: graph.global @w_{{.*}} = dense<[[1, -2], [2, 7]]>
// CASTS: quant.qcast %x : tensor<1x2xf32> to tensor<1x2x!quant.uniform<i8:f32, 0.5:-100>>
// CASTS: graph.gemm
// CASTS-NEXT: graph.relu
// CASTS-NEXT: quant.qcast {{.*}} to tensor<1x2x!quant.uniform<i8<-8:7>:f32, 0.25:-8>>
// CASTS: graph.exp
// CASTS-NEXT: quant.qcast {{.*}} to tensor<1x2x!quant.uniform<i16:f32, 0.125>>
// REMARK: remark: missed: insert-quant-casts [dense]: is quantized after its activation: !quant.uniform<i8:f32, 0.75:-128> is not used
graph.global @w : tensor<2x2xf32> = dense<[[0.5, -1.0], [0.5, 2.0]]>
func.func @net(%x: tensor<1x2xf32> {graph.name = "in"}) -> tensor<1x2xf32> {
  %w = graph.constant @w : tensor<2x2xf32> loc("dense/w"("dense/w"))
  %0 = graph.gemm %x, %w {trans_b = true} : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("dense"("dense/y"))
  %1 = graph.relu %0 : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("relu"("relu/y"))
  %2 = graph.exp %1 : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("softmax"("prob"))
  func.return %2 : tensor<1x2xf32>
}
