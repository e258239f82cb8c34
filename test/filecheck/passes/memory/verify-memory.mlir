// Broken plans, one each: the verifier names op, buffer, bytes and limit.
// RUN: opt-tool %s -p verify-memory --split-input-file --verify-diagnostics > %t

func.func @good() attributes {dma.arenas = [#dma.arena<"sram", size = 128, bound = 128>]} {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "sram">
  %a = dma.buffer at 64 : memref<64xi8, "sram">
  %y = dma.buffer at 0 "output" 0 : memref<64xi8, "sram">
  "test.op"(%x, %a) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  "test.op"(%a, %y) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  func.return
}

// -----

func.func @overlap() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "sram">
  %y = dma.buffer at 48 "output" 0 : memref<64xi8, "sram">
  // expected-error-re@+1 {{output (network output 0, bytes 48..112 of sram) overlaps input (network input 0, bytes 0..64 of sram) in bytes 48..64; the op cannot work in place there}}
  cortexm.add ins(%x, %x : memref<64xi8, "sram">, memref<64xi8, "sram">) outs(%y : memref<64xi8, "sram">)
    {kernel = "rn_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 1 : i32, clamp = array<i32: -128, 127>}
  func.return
}

// -----

func.func @use_after_overwrite() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "sram">
  %a = dma.buffer at 32 : memref<64xi8, "sram">
  %y = dma.buffer at 128 "output" 0 : memref<64xi8, "sram">
  "test.op"(%a) : (memref<64xi8, "sram">) -> ()
  // expected-error-re@+1 {{test.op: reads network input 0 (bytes 0..64 of sram), but bytes 32..64 were overwritten by test.op {{.*}} with buffer %a}}
  "test.op"(%x, %y) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  func.return
}

// -----

func.func @in_place_on_a_live_value() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "sram">
  %a = dma.buffer at 0 : memref<64xi8, "sram">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "sram">
  cortexm.add ins(%x, %x : memref<64xi8, "sram">, memref<64xi8, "sram">) outs(%a : memref<64xi8, "sram">)
    {kernel = "rn_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 1 : i32, clamp = array<i32: -128, 127>}
  // expected-error-re@+1 {{reads network input 0 (bytes 0..64 of sram), but bytes 0..64 were overwritten by cortexm.add {{.*}} with buffer %a}}
  "test.op"(%x, %y) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  func.return
}

// -----

func.func @missing() {
  // expected-error@+1 {{network input 0: has no offset in sram; run plan-memory first (and 1 more such problems)}}
  %x = dma.buffer "input" 0 : memref<64xi8, "sram">
  %y = dma.buffer "output" 0 : memref<64xi8, "sram">
  "test.op"(%x, %y) : (memref<64xi8, "sram">, memref<64xi8, "sram">) -> ()
  func.return
}

// -----

func.func @beyond_the_arena() attributes {dma.arenas = [#dma.arena<"sram", size = 128, bound = 128>]} {
  // expected-error@+1 {{buffer %x: bytes 80..144 of sram lie beyond the end of the arena, which dma.arenas gives 128 B}}
  %x = dma.buffer at 80 : memref<64xi8, "sram">
  "test.op"(%x) : (memref<64xi8, "sram">) -> ()
  func.return
}

// -----

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "one core",
  memories = [
    {name = "flash", kind = "flash", address = 0x0, size = 0x40000, bandwidth = 4.0},
    {name = "sram", kind = "ram", address = 0x20000000, size = 0x180, bandwidth = 4.0}],
  units = [
    {name = "cpu", kind = "cpu", isa = "armv7e-m", extensions = ["dsp"]}],
  toolchain = {compiler = "gcc", prefix = "arm-none-eabi-", cpu = ["-mcpu=cortex-m4"]},
  board = {runner = "host", folders = ["host"], code = "flash", data = "sram", stack = 0x100}
>} {
  func.func @beyond_the_memory() {
    // expected-error@+1 {{buffer %x: bytes 80..144 of sram lie beyond the end of the memory, which has 384 B less 256 B of stack}}
    %x = dma.buffer at 80 : memref<64xi8, "sram">
    "test.op"(%x) : (memref<64xi8, "sram">) -> ()
    func.return
  }
}

// -----

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "one core",
  memories = [
    {name = "flash", kind = "flash", address = 0x0, size = 0x40000, bandwidth = 4.0},
    {name = "sram", kind = "ram", address = 0x20000000, size = 0x180, bandwidth = 4.0}],
  units = [
    {name = "cpu", kind = "cpu", isa = "armv7e-m", extensions = ["dsp"]}],
  toolchain = {compiler = "gcc", prefix = "arm-none-eabi-", cpu = ["-mcpu=cortex-m4"]},
  board = {runner = "host", folders = ["host"], code = "flash", data = "sram", stack = 0x100}
>} {
  func.func @in_flash() {
    // expected-error@+1 {{buffer %x: memory flash is flash, a buffer must be written}}
    %x = dma.buffer at 0 : memref<64xi8, "flash">
    "test.op"(%x) : (memref<64xi8, "flash">) -> ()
    func.return
  }
}

// -----

func.func @read_of_nothing() {
  %x = dma.buffer at 0 : memref<64xi8, "sram">
  %y = dma.buffer at 64 "output" 0 : memref<64xi8, "sram">
  // expected-error@+1 {{reads buffer %x (bytes 0..64 of sram), which nothing has written}}
  cortexm.add ins(%x, %x : memref<64xi8, "sram">, memref<64xi8, "sram">) outs(%y : memref<64xi8, "sram">)
    {kernel = "rn_add_s8", multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 1 : i32, clamp = array<i32: -128, 127>}
  func.return
}
