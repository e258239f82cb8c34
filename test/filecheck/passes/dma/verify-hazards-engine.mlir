// Transfers that the engine of the platform cannot make.
// RUN: opt-tool %s -p verify-hazards --split-input-file --verify-diagnostics > %t

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "a cluster",
  memories = [
    {name = "l1", kind = "ram", address = 0x10000000, size = 0x1000, bandwidth = 8.0},
    {name = "l2", kind = "ram", address = 0x20000000, size = 0x1000, bandwidth = 8.0},
    {name = "l3", kind = "ram", address = 0x30000000, size = 0x1000, bandwidth = 8.0}],
  units = [{name = "cluster", kind = "cluster", isa = "rv32imc", cores = 8}],
  dma = [{name = "mchan", bytes_per_cycle = 8.0, joins = [["l1", "l2"]], channels = 2, dimensions = 2,
          alignment = 4, max_bytes = 256}],
  toolchain = {compiler = "gcc"},
  board = {runner = "host", folders = ["host"], code = "l2", data = "l2", stack = 0x100}
>} {
func.func @within_the_limits() {
  %x = dma.buffer at 0 "input" 0 : memref<4x8x4xi8, "l2">
  %a = dma.buffer at 0 : memref<4x4x4xi8, "l1">
  %t = dma.token
  %w = memref.subview %x[0, 4, 0][4, 4, 4][1, 1, 1] : memref<4x8x4xi8, "l2"> to memref<4x4x4xi8, strided<[32, 4, 1], offset: 16>, "l2">
  dma.start %w to %a on %t : memref<4x4x4xi8, strided<[32, 4, 1], offset: 16>, "l2"> to memref<4x4x4xi8, "l1">
  dma.wait %t
  func.return
}
}

// -----

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "a cluster",
  memories = [
    {name = "l1", kind = "ram", address = 0x10000000, size = 0x1000, bandwidth = 8.0},
    {name = "l2", kind = "ram", address = 0x20000000, size = 0x1000, bandwidth = 8.0},
    {name = "l3", kind = "ram", address = 0x30000000, size = 0x1000, bandwidth = 8.0}],
  units = [{name = "cluster", kind = "cluster", isa = "rv32imc", cores = 8}],
  dma = [{name = "mchan", bytes_per_cycle = 8.0, joins = [["l1", "l2"]], channels = 2, dimensions = 2,
          alignment = 4, max_bytes = 256}],
  toolchain = {compiler = "gcc"},
  board = {runner = "host", folders = ["host"], code = "l2", data = "l2", stack = 0x100}
>} {
func.func @over_the_length_field() {
  %x = dma.buffer at 0 "input" 0 : memref<260xi8, "l2">
  %a = dma.buffer at 0 : memref<260xi8, "l1">
  %t = dma.token
  // expected-error@+1 {{dma.start (node 'conv_1'): copies 260 bytes (network input 0 to %a), the length field of engine mchan takes 256; run split-transfers or choose smaller tiles}}
  dma.start %x to %a on %t : memref<260xi8, "l2"> to memref<260xi8, "l1"> loc("conv_1")
  dma.wait %t
  func.return
}
}

// -----

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "a cluster",
  memories = [
    {name = "l1", kind = "ram", address = 0x10000000, size = 0x1000, bandwidth = 8.0},
    {name = "l2", kind = "ram", address = 0x20000000, size = 0x1000, bandwidth = 8.0},
    {name = "l3", kind = "ram", address = 0x30000000, size = 0x1000, bandwidth = 8.0}],
  units = [{name = "cluster", kind = "cluster", isa = "rv32imc", cores = 8}],
  dma = [{name = "mchan", bytes_per_cycle = 8.0, joins = [["l1", "l2"]], channels = 2, dimensions = 2,
          alignment = 4, max_bytes = 256}],
  toolchain = {compiler = "gcc"},
  board = {runner = "host", folders = ["host"], code = "l2", data = "l2", stack = 0x100}
>} {
func.func @over_the_dimensions() {
  %x = dma.buffer at 0 "input" 0 : memref<4x8x8xi8, "l2">
  %a = dma.buffer at 0 : memref<4x4x4xi8, "l1">
  %t = dma.token
  %w = memref.subview %x[0, 0, 0][4, 4, 4][1, 1, 1] : memref<4x8x8xi8, "l2"> to memref<4x4x4xi8, strided<[64, 8, 1]>, "l2">
  // expected-error@+1 {{dma.start: copies network input 0 to %a in 3 dimensions, engine mchan has 2; run split-transfers}}
  dma.start %w to %a on %t : memref<4x4x4xi8, strided<[64, 8, 1]>, "l2"> to memref<4x4x4xi8, "l1">
  dma.wait %t
  func.return
}
}

// -----

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "a cluster",
  memories = [
    {name = "l1", kind = "ram", address = 0x10000000, size = 0x1000, bandwidth = 8.0},
    {name = "l2", kind = "ram", address = 0x20000000, size = 0x1000, bandwidth = 8.0},
    {name = "l3", kind = "ram", address = 0x30000000, size = 0x1000, bandwidth = 8.0}],
  units = [{name = "cluster", kind = "cluster", isa = "rv32imc", cores = 8}],
  dma = [{name = "mchan", bytes_per_cycle = 8.0, joins = [["l1", "l2"]], channels = 2, dimensions = 2,
          alignment = 4, max_bytes = 256}],
  toolchain = {compiler = "gcc"},
  board = {runner = "host", folders = ["host"], code = "l2", data = "l2", stack = 0x100}
>} {
func.func @no_engine() {
  %x = dma.buffer at 0 "input" 0 : memref<4xi8, "l3">
  %a = dma.buffer at 0 : memref<4xi8, "l1">
  %t = dma.token
  // expected-error@+1 {{dma.start: no DMA engine of platform tiny joins l3 and l1; go through a memory that is joined with both}}
  dma.start %x to %a on %t : memref<4xi8, "l3"> to memref<4xi8, "l1">
  dma.wait %t
  func.return
}
}

// -----

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "a cluster",
  memories = [
    {name = "l1", kind = "ram", address = 0x10000000, size = 0x1000, bandwidth = 8.0},
    {name = "l2", kind = "ram", address = 0x20000000, size = 0x1000, bandwidth = 8.0},
    {name = "l3", kind = "ram", address = 0x30000000, size = 0x1000, bandwidth = 8.0}],
  units = [{name = "cluster", kind = "cluster", isa = "rv32imc", cores = 8}],
  dma = [{name = "mchan", bytes_per_cycle = 8.0, joins = [["l1", "l2"]], channels = 2, dimensions = 2,
          alignment = 4, max_bytes = 256}],
  toolchain = {compiler = "gcc"},
  board = {runner = "host", folders = ["host"], code = "l2", data = "l2", stack = 0x100}
>} {
func.func @misaligned() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 16 : memref<4xi8, "l1">
  %t = dma.token
  %w = memref.subview %x[6][4][1] : memref<64xi8, "l2"> to memref<4xi8, strided<[1], offset: 6>, "l2">
  // expected-error@+1 {{dma.start: begins at byte 6 of l2 (network input 0), engine mchan needs a multiple of 4; choose other tiles}}
  dma.start %w to %a on %t : memref<4xi8, strided<[1], offset: 6>, "l2"> to memref<4xi8, "l1">
  dma.wait %t
  func.return
}
}

// -----

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "a cluster",
  memories = [
    {name = "l1", kind = "ram", address = 0x10000000, size = 0x1000, bandwidth = 8.0},
    {name = "l2", kind = "ram", address = 0x20000000, size = 0x1000, bandwidth = 8.0},
    {name = "l3", kind = "ram", address = 0x30000000, size = 0x1000, bandwidth = 8.0}],
  units = [{name = "cluster", kind = "cluster", isa = "rv32imc", cores = 8}],
  dma = [{name = "mchan", bytes_per_cycle = 8.0, joins = [["l1", "l2"]], channels = 2, dimensions = 2,
          alignment = 4, max_bytes = 256}],
  toolchain = {compiler = "gcc"},
  board = {runner = "host", folders = ["host"], code = "l2", data = "l2", stack = 0x100}
>} {
func.func @misaligned_runs() {
  %x = dma.buffer at 0 "input" 0 : memref<4x8xi8, "l2">
  %a = dma.buffer at 16 : memref<4x6xi8, "l1">
  %t = dma.token
  %w = memref.subview %x[0, 0][4, 6][1, 1] : memref<4x8xi8, "l2"> to memref<4x6xi8, strided<[8, 1]>, "l2">
  // expected-error@+1 {{dma.start: copies runs or steps of 6 bytes (network input 0 to %a), engine mchan needs multiples of 4; choose other tiles}}
  dma.start %w to %a on %t : memref<4x6xi8, strided<[8, 1]>, "l2"> to memref<4x6xi8, "l1">
  dma.wait %t
  func.return
}
}

// -----

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "a cluster",
  memories = [
    {name = "l1", kind = "ram", address = 0x10000000, size = 0x1000, bandwidth = 8.0},
    {name = "l2", kind = "ram", address = 0x20000000, size = 0x1000, bandwidth = 8.0},
    {name = "l3", kind = "ram", address = 0x30000000, size = 0x1000, bandwidth = 8.0}],
  units = [{name = "cluster", kind = "cluster", isa = "rv32imc", cores = 8}],
  dma = [{name = "mchan", bytes_per_cycle = 8.0, joins = [["l1", "l2"]], channels = 2, dimensions = 2,
          alignment = 4, max_bytes = 256}],
  toolchain = {compiler = "gcc"},
  board = {runner = "host", folders = ["host"], code = "l2", data = "l2", stack = 0x100}
>} {
func.func @too_many_tokens() {
  %t = dma.token
  %u = dma.token
  // expected-error@+1 {{dma.token: 3 tokens are not waited for, engine mchan has 2 channels; wait for one before, or choose fewer buffers}}
  %v = dma.token
  dma.wait %t
  dma.wait %u
  dma.wait %v
  func.return
}
}

// -----

module attributes {platform.platform = #platform.platform<
  name = "tiny",
  description = "a cluster",
  memories = [
    {name = "l1", kind = "ram", address = 0x10000000, size = 0x1000, bandwidth = 8.0},
    {name = "l2", kind = "ram", address = 0x20000000, size = 0x1000, bandwidth = 8.0},
    {name = "l3", kind = "ram", address = 0x30000000, size = 0x1000, bandwidth = 8.0}],
  units = [{name = "cluster", kind = "cluster", isa = "rv32imc", cores = 8}],
  dma = [{name = "mchan", bytes_per_cycle = 8.0, joins = [["l1", "l2"]], channels = 2, dimensions = 2,
          alignment = 4, max_bytes = 256}],
  toolchain = {compiler = "gcc"},
  board = {runner = "host", folders = ["host"], code = "l2", data = "l2", stack = 0x100}
>} {
func.func @not_the_last_token() {
  %x = dma.buffer at 0 "input" 0 : memref<64xi8, "l2">
  %a = dma.buffer at 0 : memref<64xi8, "l1">
  %b = dma.buffer at 64 : memref<64xi8, "l1">
  %t = dma.token
  %u = dma.token
  dma.start %x to %b on %u : memref<64xi8, "l2"> to memref<64xi8, "l1">
  // expected-error@+1 {{its token is not the last one, that is dma.token}}
  dma.start %x to %a on %t : memref<64xi8, "l2"> to memref<64xi8, "l1">
  dma.wait %t
  dma.wait %u
  func.return
}
}
