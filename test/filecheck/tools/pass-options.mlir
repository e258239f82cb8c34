// Options in braces: lists, text in quotes, names with either dash.
// RUN: opt-tool %s -p 'scf-parallel-loop-tiling{parallel-loop-tile-sizes=4}' | filecheck %s
// RUN: opt-tool %s -p 'builtin.module(scf-parallel-loop-tiling{parallel_loop_tile_sizes=4})' | filecheck %s
// RUN: opt-tool %s -p 'scf-parallel-loop-tiling{ parallel-loop-tile-sizes = 4 }' | filecheck %s
// RUN: opt-tool %s -p 'x86-set-arch{arch=avx2}' | filecheck %s --check-prefix=TEXT
// RUN: opt-tool %s -p 'x86-set-arch{arch="avx2"}' | filecheck %s --check-prefix=TEXT
// RUN: opt-tool %s -p "x86-set-arch{arch='avx2'}" | filecheck %s --check-prefix=TEXT

// CHECK: scf.parallel
// CHECK: scf.parallel
// TEXT: x86.arch = "avx2"
func.func @f(%n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  "scf.parallel"(%zero, %n, %one) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    "test.op"(%i) : (index) -> ()
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}
