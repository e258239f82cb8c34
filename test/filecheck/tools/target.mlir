// Passes, then a target; the target's own options go in braces.
// RUN: opt-tool %s -p 'func.func(cse)' -t riscv-asm | filecheck %s

// CHECK: addi a0, zero, 1
riscv_func.func @f() {
  %zero = rv32.get_register : !riscv.reg<zero>
  %sum = riscv.addi %zero, 1 : (!riscv.reg<zero>) -> !riscv.reg<a0>
  riscv_func.return
}
