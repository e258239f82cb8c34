// Every failure is a message with its place, not a traceback.
// RUN: not opt-tool %t.nothing.mlir 2>&1 | filecheck %s --check-prefix=NOFILE
// RUN: not opt-tool %S 2>&1 | filecheck %s --check-prefix=FOLDER
// RUN: printf 'x' > %t.txt && not opt-tool %t.txt 2>&1 | filecheck %s --check-prefix=KIND
// RUN: printf '\377\376' > %t.mlir && not opt-tool %t.mlir 2>&1 | filecheck %s --check-prefix=BINARY
// RUN: printf 'func.func @f() {' > %t.mlir && not opt-tool %t.mlir 2>&1 | filecheck %s --check-prefix=CUT
// RUN: printf 'func.func @f( {' > %t.mlir && not opt-tool %t.mlir 2>&1 | filecheck %s --check-prefix=SYNTAX
// RUN: printf 'func.fun @f() {}' > %t.mlir && not opt-tool %t.mlir 2>&1 | filecheck %s --check-prefix=OP
// RUN: printf '"test.op"(%%%%a) : (i32) -> ()' > %t.mlir && not opt-tool %t.mlir 2>&1 | filecheck %s --check-prefix=VALUE
// RUN: printf '"test.op"() {a = !nope.type} : () -> ()' > %t.mlir && not opt-tool %t.mlir 2>&1 | filecheck %s --check-prefix=TYPE
// RUN: printf 'x' > %t.onnx && not opt-tool %t.onnx 2>&1 | filecheck %s --check-prefix=ONNX
// RUN: not opt-tool %s --tming 2>&1 | filecheck %s --check-prefix=FLAG
// RUN: not opt-tool %s --remarks=pased 2>&1 | filecheck %s --check-prefix=REMARKS
// RUN: not opt-tool %s --remarks-filter='(' 2>&1 | filecheck %s --check-prefix=REGEX
// RUN: not opt-tool %s --describe nothing-like-this 2>&1 | filecheck %s --check-prefix=DESCRIBE
// RUN: not opt-tool %s -p 'apply-individual-rewrite{matched-operation-index=9 operation-name=a pattern-name=b}' 2>&1 | filecheck %s --check-prefix=BUG
// RUN: not opt-tool %s -p 'apply-individual-rewrite{matched-operation-index=9 operation-name=a pattern-name=b}' --debug 2>&1 | filecheck %s --check-prefix=DEBUG
// RUN: not opt-tool %s -p 'x86-set-arch{arch=foo}' 2>&1 | filecheck %s --check-prefix=PASS

// NOFILE:   error: {{.*}}.nothing.mlir: No such file or directory
// FOLDER:   is a folder, expected an .mlir or .onnx file
// KIND:     unknown kind of file '.txt', expected mlir, onnx (or say which with -f)
// BINARY:   .mlir:1: not UTF-8 text (byte 0)
// CUT:      .mlir:1:17: error:
// CUT-NEXT:   func.func @f() {
// CUT-NEXT:                   ^
// SYNTAX:   .mlir:1:15: error:
// OP:       .mlir:1:1: error: the dialect 'func' has no op 'func.fun', did you mean 'func.func'?
// OP-NEXT:    func.fun @f() {}
// OP-NEXT:    ^~~~~~~~
// VALUE:    error: values used but not defined: [%a]
// TYPE:     .mlir:1:28: error: 'nope.type' is not registered
// ONNX-NOT: Traceback
// ONNX:     error:
// FLAG:     opt-tool: error: unknown option --tming, did you mean --timing?
// REMARKS:  'pased' is not one of passed, missed, analysis, all
// REGEX:    '(' is not a regular expression
// DESCRIBE: no pass, pipeline or target is called 'nothing-like-this'
// BUG-NOT:  Traceback
// BUG:      error: pass 'apply-individual-rewrite': internal error: IndexError
// DEBUG:    Traceback
// DEBUG:    error: pass 'apply-individual-rewrite': internal error: IndexError
// PASS-NOT: Traceback
// PASS:     error: pass 'x86-set-arch': Unsupported arch foo
func.func @f() {
  func.return
}
