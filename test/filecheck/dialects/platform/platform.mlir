// RUN: opt-tool %s | opt-tool | filecheck %s

// A machine with everything: two memory levels, a cluster, an NPU, a remote machine.
module attributes {platform.platform = #platform.platform<
  name = "soc",
  description = "cores, \"NPU\" and a link",
  memories = [
    {name = "l1", kind = "ram", address = 0x10000000, size = 262144, bandwidth = 4, units = ["cores", "npu"]},
    {name = "l2", kind = "ram", address = 0x1C000000, size = 0x200000, bandwidth = 0.5, latency = 5}
  ],
  units = [
    {name = "cores", kind = "cluster", isa = "rv32imc", extensions = ["xpulp"], cores = 8,
     costs = [{op = "quant.conv2d", start = 1.0e2, per_mac = 0.125}]},
    {name = "npu", kind = "npu", isa = "neureka", ops = ["quant.conv2d"], model = "neureka",
     facts = {macs_per_cycle = 256, utilisation = 2.5e-7, order = "hwc"}},
    {name = "far", kind = "remote", isa = "x86_64"}],
  toolchain = {compiler = "gcc", prefix = "riscv64-unknown-elf-"},
  board = {runner = "host", folders = ["host"], code = "l2", data = "l2"},
  dma = [{name = "mchan", bytes_per_cycle = 8, joins = [["l2", "l1"]], channels = 16, dimensions = 2, start_cycles = 20, max_bytes = 65535}],
  links = [{name = "uart", unit = "far", transport = "uart", bandwidth = 11520, round_trip_us = 900}]
>} {}

// CHECK:      builtin.module attributes {platform.platform = #platform.platform<
// CHECK-NEXT:   name = "soc",
// CHECK-NEXT:   description = "cores, \22NPU\22 and a link",
// CHECK-NEXT:   memories = [
// CHECK-NEXT:     {name = "l1", kind = "ram", address = 0x10000000, size = 0x40000, bandwidth = 4.0, units = ["cores", "npu"]},
// CHECK-NEXT:     {name = "l2", kind = "ram", address = 0x1c000000, size = 0x200000, bandwidth = 0.5, latency = 5}],
// CHECK-NEXT:   units = [
// CHECK-NEXT:     {name = "cores", kind = "cluster", isa = "rv32imc", extensions = ["xpulp"], cores = 8, costs = [
// CHECK-NEXT:       {op = "quant.conv2d", start = 100.0, per_mac = 0.125}]},
// CHECK-NEXT:     {name = "npu", kind = "npu", isa = "neureka", ops = ["quant.conv2d"], model = "neureka", facts = {macs_per_cycle = 256, utilisation = 2.5e-07, order = "hwc"}},
// CHECK-NEXT:     {name = "far", kind = "remote", isa = "x86_64"}],
// CHECK-NEXT:   toolchain = {compiler = "gcc", prefix = "riscv64-unknown-elf-"},
// CHECK-NEXT:   board = {runner = "host", folders = ["host"], code = "l2", data = "l2"},
// CHECK-NEXT:   dma = [
// CHECK-NEXT:     {name = "mchan", bytes_per_cycle = 8.0, joins = {{\[\[}}"l2", "l1"]], channels = 16, dimensions = 2, start_cycles = 20, max_bytes = 65535}],
// CHECK-NEXT:   links = [
// CHECK-NEXT:     {name = "uart", unit = "far", transport = "uart", bandwidth = 11520.0, round_trip_us = 900.0}]
// CHECK-NEXT: >} {
