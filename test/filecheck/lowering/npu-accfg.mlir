// Jobs become setups of two contexts in turn; without states, writes of registers.
// RUN: opt-tool %s -p convert-npu-to-accfg | filecheck %s
// RUN: opt-tool %s -p 'convert-npu-to-accfg,cse,dedup-setups,convert-accfg-to-npu,dce' | filecheck %s --check-prefix=REGISTERS

!t = memref<1x8x8x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x1312xi8, "l1">

// CHECK-LABEL: func.func @f
// REGISTERS-LABEL: func.func @f
func.func @f() {
  // CHECK-NEXT: %[[A:.*]] = accfg.setup "n-eureka" to () : !accfg.state<"n-eureka">
  // CHECK-NEXT: %[[B:.*]] = accfg.setup "n-eureka" to () : !accfg.state<"n-eureka">
  %p = arith.constant 0 : index
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %n = arith.constant 9 : index
  %x = dma.buffer : !t
  %y = dma.buffer : !t
  %c = dma.buffer : !c
  // CHECK: %[[CA:.*]] = npu.address %c
  // CHECK: %[[X:.*]] = npu.address %x
  // CHECK: %[[C:.*]] = accfg.setup "n-eureka" from %[[A]] to ("weights" = %[[CA]] : index, "input" = %[[X]] : index, {{.*}}"configuration" = %{{.*}} : index)
  // CHECK-NEXT: %[[T:.*]] = "accfg.launch"(%[[C]])
  // CHECK-NEXT: "accfg.await"(%[[T]])
  // REGISTERS: %[[T:.*]] = npu.acquire
  // REGISTERS: npu.set "weights",
  // REGISTERS: npu.set "configuration",
  // REGISTERS-NEXT: npu.start
  // REGISTERS-NEXT: npu.wait %[[T]]
  %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
  npu.wait %a
  // CHECK: accfg.setup "n-eureka" from %[[B]] to
  %b = npu.conv2d ins(%y : !t) constants(%c : !c) outs(%x : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
  npu.wait %b
  // CHECK: scf.for %{{.*}} iter_args(%[[S:.*]] = %[[C]], %[[U:.*]] = %{{.*}}) -> (!accfg.state<"n-eureka">, !accfg.state<"n-eureka">)
  // REGISTERS: scf.for %{{[^ ]*}} = %{{.*}} to %{{.*}} step %{{[^ ]*}} {
  scf.for %i = %zero to %n step %one {
    // CHECK: %[[V:.*]] = accfg.setup "n-eureka" from %[[S]] to
    // REGISTERS: npu.acquire
    // REGISTERS-NEXT: npu.set "input",
    // REGISTERS-NEXT: npu.set "output",
    // REGISTERS-NEXT: npu.start
    %d = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%p, %p) {layer = #npu.layer<pointwise, 32 to 32 channels>}
    npu.wait %d
    // CHECK: scf.yield %[[U]], %[[V]]
  }
  func.return
}
