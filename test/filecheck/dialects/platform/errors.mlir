// RUN: not opt-tool %s --split-input-file 2>&1 | filecheck %s

// All problems of one platform come at once, each with the path of its field.
// CHECK:      errors.mlir:11:58: error: wrong platform:
// CHECK-NEXT: memories[0].units[0]: expected a string that is not empty, got 3
// CHECK-NEXT: memories[1].kindd: unknown key (did you mean "kind"?)
// CHECK-NEXT: memories[1].size: expected a positive integer, got "4M"
// CHECK-NEXT: memories[1].kind: missing
// CHECK-NEXT: units[0].kind: expected one of "cpu", "cluster", "npu", "remote", got "gpu"
// CHECK-NEXT: board.data: "flash" is flash, data must be in a ram
module attributes {platform.platform = #platform.platform<
  name = "wrong", description = "fields",
  memories = [{name = "flash", kind = "flash", address = 0, size = 16, bandwidth = 1, units = [3]},
              {name = "sram", kindd = "ram", address = 16, size = "4M", bandwidth = 1}],
  units = [{name = "cpu", kind = "gpu", isa = "plain"}],
  toolchain = {compiler = "cc"},
  board = {runner = "host", folders = ["host"], code = "flash", data = "flash"}
>} {}

// -----

// CHECK:      error: wrong platform:
// CHECK-NEXT: memories[2].name: "ram" is taken by memories[1]
// CHECK-NEXT: memories[1]: memory "ram" [0xfff, 0x1fff) overlaps "flash" [0x0, 0x1000)
// CHECK-NEXT: memories[0].units[0]: there is no unit "cpo" (did you mean "cpu"?)
// CHECK-NEXT: dma[0].joins[0][1]: there is no memory "l2" (there is flash, ram, ram)
// CHECK-NEXT: dma[0].joins[1]: joins "ram" with itself
// CHECK-NEXT: links[0].unit: unit "cpu" is a cpu, a link leads to a remote
// CHECK-NEXT: units[1]: no link leads to remote unit "far"; add one to links
// CHECK-NEXT: board.code: there is no memory "rom" (did you mean "ram"?)
// CHECK-NEXT: board.stack: 16384 bytes do not fit "ram" of 4096 bytes
// CHECK-NEXT: board.machine: missing, the qemu runner needs it
// CHECK-NEXT: board.timer_address: missing, the qemu runner needs it
// CHECK-NEXT: board.timer_hz: missing, the qemu runner needs it
// CHECK-NEXT: board.icount_shift: missing, the qemu runner needs it
module attributes {platform.platform = #platform.platform<
  name = "wrong", description = "relations",
  memories = [
    {name = "flash", kind = "flash", address = 0, size = 0x1000, bandwidth = 1, units = ["cpo"]},
    {name = "ram", kind = "ram", address = 0xFFF, size = 0x1000, bandwidth = 1},
    {name = "ram", kind = "ram", address = 0x8000, size = 0x1000, bandwidth = 1}],
  units = [{name = "cpu", kind = "cpu", isa = "plain"}, {name = "far", kind = "remote", isa = "x"}],
  toolchain = {compiler = "cc"},
  board = {runner = "qemu", folders = ["mps2"], code = "rom", data = "ram"},
  dma = [{name = "engine", bytes_per_cycle = 8, joins = [["ram", "l2"], ["ram", "ram"]]}],
  links = [{name = "uart", unit = "cpu", transport = "uart", bandwidth = 1, round_trip_us = 1}]
>} {}

// -----

// CHECK: error: field name is given twice
module attributes {platform.platform = #platform.platform<name = "a", name = "b">} {}

// -----

// CHECK: error: expected a string, a number, a list or a table in braces
module attributes {platform.platform = #platform.platform<name = @a>} {}
