// A convolution on the NPU, the addition of its input on the cores, a convolution on the NPU.
!t = memref<1x24x24x32x!quant.uniform<i8:f32, 0.5>, "l1">
!c = memref<1x16672xi8, "l1">

func.func @block() {
  %pad = arith.constant 1 : index
  %x = dma.buffer : !t
  %y = dma.buffer : !t
  %z = dma.buffer : !t
  %out = dma.buffer : !t
  %c = dma.buffer : !c
  %a = npu.conv2d ins(%x : !t) constants(%c : !c) outs(%y : !t) pads(%pad, %pad)
    {layer = #npu.layer<dense, 32 to 32 channels>}
  npu.wait %a
  cluster.add ins(%x, %y : !t, !t) outs(%z : !t) {kernel = "rn_cluster_add_s8_xpulp",
    multipliers = array<i32: 1048576, 1048576>, bias = 1048576 : i32, shift = 21 : i32, clamp = array<i32: -128, 127>}
  %b = npu.conv2d ins(%z : !t) constants(%c : !c) outs(%out : !t) pads(%pad, %pad)
    {layer = #npu.layer<dense, 32 to 32 channels>}
  npu.wait %b
  func.return
}
