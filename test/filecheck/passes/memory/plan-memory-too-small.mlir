// A memory of the platform that is too small: what fills it, how much is needed, a way out.
// RUN: opt-tool %s -p plan-memory --split-input-file --verify-diagnostics
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
  // expected-error-re@+1 {{func.func @net: memory sram has 512 B less 256 B of stack, the buffers need 308 B (liveness bound 300 B, algorithm first_fit). Alive at the peak, at test.op {{.*}}: %a of test.op {{.*}} (200 B), network input 0 (100 B). No placement fits: lower the peak}}
  func.func @net() {
    %x = dma.buffer "input" 0 : memref<100xi8, "sram">
    %a = dma.buffer : memref<200xi8, "sram">
    %y = dma.buffer "output" 0 : memref<10xi8, "sram">
    "test.op"(%x, %a) : (memref<100xi8, "sram">, memref<200xi8, "sram">) -> ()
    "test.op"(%a, %y) : (memref<200xi8, "sram">, memref<10xi8, "sram">) -> ()
    func.return
  }
}

// -----

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
    // expected-error@+1 {{dma.buffer: platform tiny has no memory "scratchpad"}}
    %x = dma.buffer "input" 0 : memref<100xi8, "scratchpad">
    "test.op"(%x) : (memref<100xi8, "scratchpad">) -> ()
    func.return
  }
}
