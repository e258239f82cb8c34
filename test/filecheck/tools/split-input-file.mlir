// Pieces are separate inputs: an error in one does not stop the others, and lines stay right.
// RUN: not opt-tool %s --split-input-file -p canonicalize 2>%t | filecheck %s
// RUN: filecheck %s --input-file %t --check-prefix=ERR
// RUN: not opt-tool %s 2>&1 | filecheck %s --check-prefix=WHOLE

// CHECK:      func.func @f
// CHECK:      // -----
// CHECK-NEXT: // -----
// CHECK-NEXT: builtin.module {
// CHECK-NEXT:   func.func @f
// ERR: split-input-file.mlir:19:19: error: the dialect 'test' has no op 'test.wrong'
// WHOLE: error: the dialect 'test' has no op 'test.wrong'
func.func @f() {
  func.return
}

// -----

func.func @f() { "test.wrong"() : () -> () }

// -----

func.func @f() {
  func.return
}
