// The first placement that fits the memory (256 bytes beside the stack) is taken, or the smallest.
// RUN: opt-tool %s -p 'plan-memory{stop-at-fit}' --remarks=all 2>&1 | filecheck %s --check-prefix=FIT
// RUN: opt-tool %s -p plan-memory --remarks=all 2>&1 | filecheck %s --check-prefix=LEAST
// Beside code and constants, whose size is not known yet, it is always the smallest.
// RUN: sed 's/code = "flash"/code = "sram"/' %s > %t.mlir
// RUN: opt-tool %t.mlir -p 'plan-memory{stop-at-fit}' --remarks=all 2>&1 | filecheck %s --check-prefix=LEAST

// FIT: sram: arena 256 B, liveness bound 192 B (1.33x), algorithm first_fit
// LEAST: sram: arena 192 B, liveness bound 192 B (1.00x)
module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "one core",
  memories = [
    {name = "flash", kind = "flash", address = 0x0, size = 0x40000, bandwidth = 4.0},
    {name = "sram", kind = "ram", address = 0x20000000, size = 0x200, bandwidth = 4.0}],
  units = [
    {name = "cpu", kind = "cpu", isa = "armv7e-m", extensions = ["dsp"]}],
  toolchain = {compiler = "gcc", prefix = "arm-none-eabi-", cpu = ["-mcpu=cortex-m4"]},
  board = {runner = "host", folders = ["host"], code = "flash", data = "sram", stack = 0x100}
>} {
  func.func @net() {
    %a = dma.buffer : memref<64xi8, "sram">
    %b = dma.buffer : memref<96xi8, "sram">
    %c = dma.buffer "output" 0 : memref<96xi8, "sram">
    "test.op"(%a) : (memref<64xi8, "sram">) -> ()
    "test.op"(%a, %b) : (memref<64xi8, "sram">, memref<96xi8, "sram">) -> ()
    "test.op"(%b, %c) : (memref<96xi8, "sram">, memref<96xi8, "sram">) -> ()
    func.return
  }
}
