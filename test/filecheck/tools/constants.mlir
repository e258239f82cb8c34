// Large constants are elided; with -o their data goes to an .npz that is read back with the text.
// RUN: opt-tool %s | filecheck %s
// RUN: opt-tool %s --elide-larger-than=1 | filecheck %s --check-prefix=ONE
// RUN: opt-tool %s --print-large-constants | filecheck %s --check-prefix=FULL
// RUN: opt-tool %s --elide=false | filecheck %s --check-prefix=FULL
// RUN: opt-tool %s -o %t.mlir && filecheck %s --input-file %t.mlir
// RUN: opt-tool %t.mlir --elide=false | filecheck %s --check-prefix=FULL
// RUN: opt-tool %t.mlir -p func.func(cse) -o %t.second.mlir && opt-tool %t.second.mlir --elide=false | filecheck %s --check-prefix=FULL
// RUN: cat %t.mlir | opt-tool - --constants %t.npz --elide=false | filecheck %s --check-prefix=FULL
// RUN: cat %t.mlir | opt-tool --elide=false | filecheck %s
// RUN: cmp %t.npz %t.second.npz

// CHECK: graph.global @"conv/w" : tensor<4x5xf32> = dense_resource<conv_w>
// CHECK: graph.global @file : tensor<17xi8> = dense_resource<file>
// CHECK: graph.global @small : tensor<2xf32> = dense<[1.000000e+00, 2.000000e+00]>
// ONE:   graph.global @small : tensor<2xf32> = dense_resource<small>
// FULL:  graph.global @"conv/w" : tensor<4x5xf32> = dense<1.500000e+00>
// FULL:  graph.global @file : tensor<17xi8> = dense<-2>
// FULL:  graph.global @small : tensor<2xf32> = dense<[1.000000e+00, 2.000000e+00]>
graph.global @"conv/w" : tensor<4x5xf32> = dense<1.5>
graph.global @file : tensor<17xi8> = dense<-2>
graph.global @small : tensor<2xf32> = dense<[1.0, 2.0]>
func.func @f() -> tensor<4x5xf32> {
  %0 = graph.constant @"conv/w" : tensor<4x5xf32>
  func.return %0 : tensor<4x5xf32>
}
