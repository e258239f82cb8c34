// The program as it stands, computed with NumPy on arrays from files.
// RUN: python -c "import numpy as np; np.savez('%t.npz', x=np.array([1.5, -2], 'f4')); np.save('%t.npy', np.array([1, 2], 'f4'))"
// RUN: opt-tool %s --run --input %t.npz | filecheck %s
// RUN: opt-tool %s --run --input %t.npy | filecheck %s --check-prefix=ORDER
// RUN: opt-tool %s --run --input x=%t.npy | filecheck %s --check-prefix=ORDER
// RUN: opt-tool %s --run --input %t.npz --output %t.out.npz && python -c "import numpy as np; print(dict(np.load('%t.out.npz')))" | filecheck %s --check-prefix=FILE
// RUN: opt-tool %s --run --input %t.npz --output %t.out.npy && python -c "import numpy as np; print(np.load('%t.out.npy'))" | filecheck %s --check-prefix=NPY
// RUN: opt-tool %s --run --input %t.npz -o %t.mlir && filecheck %s --input-file %t.mlir --check-prefix=IR
// RUN: not opt-tool %s --run --input %t.npz --input %t.npy 2>&1 | filecheck %s --check-prefix=BOTH
// RUN: not opt-tool %s --run --input y=%t.npy 2>&1 | filecheck %s --check-prefix=NAME
// RUN: not opt-tool %s --run --input %t.nothing.npy 2>&1 | filecheck %s --check-prefix=MISSING
// RUN: not opt-tool %s --run --input %s 2>&1 | filecheck %s --check-prefix=BROKEN

// CHECK:      y : 2 float32
// CHECK-NEXT: [ 1.5, -2. ]
// ORDER:      y : 2 float32
// ORDER-NEXT: [1., 2.]
// FILE:       {'y': array([ 1.5, -2. ], dtype=float32)}
// NPY:        [ 1.5 -2. ]
// IR:         func.func @f
// BOTH:       error: --input: name all arrays or none
// NAME:       error:
// MISSING:    nothing.npy: No such file or directory
// BROKEN:     not a readable .npy or .npz file
func.func @f(%x: tensor<2xf32> {graph.name = "x"}) -> (tensor<2xf32> {graph.name = "y"}) {
  func.return %x : tensor<2xf32>
}
