// What is printed, how, and where to.
// RUN: opt-tool %s --print-generic | filecheck %s --check-prefix=GENERIC
// RUN: opt-tool %s --mlir-print-op-generic | filecheck %s --check-prefix=GENERIC
// RUN: opt-tool %s --print-debuginfo | filecheck %s --check-prefix=LOC
// RUN: opt-tool %s -o %t.mlir && filecheck %s --input-file %t.mlir --check-prefix=PLAIN
// RUN: opt-tool %s -t mlir | filecheck %s --check-prefix=PLAIN
// RUN: opt-tool %s -t 'mlir{print-generic-format=true}' | filecheck %s --check-prefix=GENERIC
// RUN: opt-tool %S/target.mlir -t riscv-asm | filecheck %s --check-prefix=ASM
// RUN: not opt-tool %s -t riscv-as 2>&1 | filecheck %s --check-prefix=WRONG
// RUN: not opt-tool %s -t 'mlir{x=1}' 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: not opt-tool %s -o %t/no/such/folder.mlir 2>&1 | filecheck %s --check-prefix=FOLDER
// RUN: opt-tool --list-targets | filecheck %s --check-prefix=LIST

// GENERIC: "builtin.module"() ({
// GENERIC: "func.func"()
// LOC:     func.return loc("{{.*}}output.mlir":26:3)
// LOC:     } loc("named")
// PLAIN:   builtin.module {
// PLAIN-NEXT: func.func @f() {
// ASM:     addi a0, zero, 1
// WRONG:   error: unknown target 'riscv-as', did you mean 'riscv-asm'?
// OPTION:  error: target 'mlir' has no option 'x'
// FOLDER:  no/such/folder.mlir: No such file or directory
// LIST:    riscv-asm
func.func @f() {
  func.return
} loc("named")
