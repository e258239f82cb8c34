// Data that does not belong to the text: every array that is missing or does not fit is named.
// RUN: sed -e 's/4x5xf32/5x4xf32/' -e 's/@other/@another/' %s > %t.changed.mlir
// RUN: opt-tool %s -o %t.mlir
// RUN: opt-tool %t.changed.mlir -o %t.text.mlir && rm %t.text.npz && cp %t.npz %t.text.npz
// RUN: not opt-tool %t.text.mlir 2>&1 | filecheck %s
// RUN: not opt-tool %t.mlir --constants %t.missing.npz 2>&1 | filecheck %s --check-prefix=MISSING
// RUN: printf broken > %t.npz
// RUN: not opt-tool %t.mlir 2>&1 | filecheck %s --check-prefix=BROKEN

// CHECK: error: {{.*}}.npz: the data of graph.global @w does not fit: array 'w' is float32 [4, 5], the type needs float32 [5, 4]
// CHECK: error: {{.*}}.npz: the data of graph.global @another is missing: no array 'another' among other, w
// MISSING: .missing.npz: no such file (--constants)
// BROKEN: .npz: cannot be read as the data of constants
graph.global @w : tensor<4x5xf32> = dense<1.5>
graph.global @other : tensor<17xi8> = dense<-2>
