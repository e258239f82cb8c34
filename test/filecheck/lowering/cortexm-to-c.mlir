// A planned function becomes four files; constants whose names C spells alike stay apart.
// RUN: opt-tool %s -p convert-cortexm-to-c -t c | filecheck %s
// RUN: opt-tool %s -p convert-cortexm-to-c | filecheck %s --check-prefix=IR

graph.global @"t.1" : tensor<256xi8> = dense<1>
graph.global @t_1 : tensor<256xi8> = dense<2>

// IR: c.file "net.h"
// IR: c.file "net.c"
// IR: c.file "net_weights.h"
// IR: c.file "net_weights.c"
// IR-NOT: func.func

// CHECK: #define NET_INPUT_COUNT 1
// CHECK: #define NET_LAYER_COUNT 2
// CHECK: #define NET_ARENA_BYTES 20
// CHECK: #define NET_OUTPUT_0_ZERO_POINT 7
// CHECK: static uint8_t net_arena[20]
// CHECK: static void net_layer_0_low(void)
// CHECK: rn_table_s8(4, net_t_1, (const int8_t *)&net_arena[16], (int8_t *)&net_arena[0]);
// CHECK: static void net_layer_1_table(void)
// CHECK: rn_table_s8(4, net_t_1_1, {{.*}}net_arena{{.*}}, {{.*}}net_arena[16]);
// CHECK: int32_t net_run(void)
// CHECK: net_layer_0_low();
// CHECK: net_layer_1_table();
// CHECK: return 0;
// CHECK: const int8_t net_t_1[256]
// CHECK: const int8_t net_t_1_1[256]
func.func @net() {
  %x = dma.buffer at 16 "input" 0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  %0 = dma.buffer at 0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">
  cortexm.table ins(%x : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) {kernel = "rn_table_s8", table = @"t.1"} loc("low")
  %1 = dma.buffer at 16 "output" 0 : memref<1x4x!quant.uniform<i8:f32, 0.25:7>, "sram">
  cortexm.table ins(%0 : memref<1x4x!quant.uniform<i8:f32, 0.5>, "sram">) outs(%1 : memref<1x4x!quant.uniform<i8:f32, 0.25:7>, "sram">) {kernel = "rn_table_s8", table = @t_1}
  func.return
}
