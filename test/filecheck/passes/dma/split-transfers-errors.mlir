// A copy between memories that no engine joins.
// RUN: opt-tool %s -p 'set-platform{platform=siracusa-ext},split-transfers' --verify-diagnostics

func.func @engine() {
  %x = dma.buffer : memref<4xi8, "ext">
  %y = dma.buffer : memref<4xi8, "l2">
  %t = dma.token
  // expected-error@+1 {{dma.start: no DMA engine of platform siracusa-ext joins ext and l2}}
  dma.start %x to %y on %t : memref<4xi8, "ext"> to memref<4xi8, "l2">
  dma.wait %t
  func.return
}
