// A scale per block: that of the channel times an integer (AIMET's LPBQ).
// RUN: opt-tool %s -p 'import-encodings{file=%S/import-encodings-blocks.json}' | filecheck %s
// RUN: opt-tool %s -p 'import-encodings{file=%S/import-encodings-blocks.json},insert-quant-casts' | filecheck %s --check-prefix=CASTS

// Code -8 occurs: blocks are full.
// CHECK: graph.constant @w {quant.blocks = {size = 2 : i64, bits = 4 : i64, steps = array<i64: 16, 1, 2, 3>, full}, quant.type = !quant.uniform<i8:f32:0, {0.125, 0.25}>}

// -16 is code -8 of 0.125 * 16; 0.9 is cut off at code 7 of 0.125; 1.6 is code 2 of 0.25 * 3.
// CASTS: graph.global @w_{{.*}} = dense<[[-128, 16, 7, -2], [2, -4, 6, 0]]>
// CASTS: quant.dcast {{.*}}quant.blocks = {size = 2 : i64, bits = 4 : i64, steps = array<i64: 16, 1, 2, 3>, full}
graph.global @w : tensor<2x4xf32> = dense<[[-16.0, 2.0, 0.9, -0.3], [0.5, -1.0, 1.6, 0.1]]>
func.func @net(%x: tensor<1x4xf32> {graph.name = "in"}) -> tensor<1x2xf32> {
  %w = graph.constant @w : tensor<2x4xf32> loc("dense/w"("dense/w"))
  %0 = graph.gemm %x, %w {trans_b = true} : (tensor<1x4xf32>, tensor<2x4xf32>) -> tensor<1x2xf32> loc("dense"("dense/y"))
  func.return %0 : tensor<1x2xf32>
}
