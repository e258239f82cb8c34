// The range of each float tensor, as the data show it.
// RUN: python -c "import numpy as np; np.save('%t.npy', np.array([[1, -2], [3, 0.5]], 'f4')); np.save('%t.wrong.npy', np.zeros((2, 3), 'f4')); np.save('%t.nan.npy', np.full((2, 2), np.nan, 'f4')); np.save('%t.none.npy', np.zeros((0, 2), 'f4')); np.save('%t.text.npy', np.array([['a', 'b']])); open('%t.cut.npz', 'wb').write(b'PK'); open('%t.empty.npy', 'wb'); np.savez('%t.other.npz', a=np.zeros(2), b=np.zeros(2))"
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max cache=false}' | filecheck %s
// RUN: opt-tool %s -p 'calibrate{data=%t.npy method=min-max headroom=2 cache=false}' | filecheck %s --check-prefix=WIDE
// RUN: not opt-tool %s -p 'calibrate{data=%t.wrong.npy cache=false}' 2>&1 | filecheck %s --check-prefix=SHAPE
// RUN: not opt-tool %s -p 'calibrate{data=%t.nan.npy cache=false}' 2>&1 | filecheck %s --check-prefix=NAN
// RUN: not opt-tool %s -p 'calibrate{data=%t.other.npz cache=false}' 2>&1 | filecheck %s --check-prefix=NAMES
// RUN: not opt-tool %s -p 'calibrate{data=%t.none.npy cache=false}' 2>&1 | filecheck %s --check-prefix=EMPTY
// RUN: not opt-tool %s -p 'calibrate{data=%t.text.npy cache=false}' 2>&1 | filecheck %s --check-prefix=TEXT
// RUN: not opt-tool %s -p 'calibrate{data=%t.cut.npz cache=false}' 2>&1 | filecheck %s --check-prefix=BROKEN
// RUN: not opt-tool %s -p 'calibrate{data=%t.empty.npy cache=false}' 2>&1 | filecheck %s --check-prefix=BROKEN
// RUN: not opt-tool %s -p 'calibrate{data=%t.npy method=magic}' 2>&1 | filecheck %s --check-prefix=METHOD
// RUN: not opt-tool %s -p calibrate 2>&1 | filecheck %s --check-prefix=NONE

// CHECK: %x: tensor<1x2xf32> {graph.name = "x", quant.range = array<f64: -2.000000e+00, 3.000000e+00>}
// CHECK: graph.relu %x {quant.range = array<f64: 0.000000e+00, 3.000000e+00>}
// CHECK: graph.neg %0 {quant.range = array<f64: -3.000000e+00, {{-?}}0.000000e+00>}
// WIDE: quant.range = array<f64: -4.000000e+00, 6.000000e+00>
// SHAPE: error: pass 'calibrate': @net: input 'x' has shape [2, 3], tensor<1x2xf32> needs [1, 2]
// NAN: error: pass 'calibrate': {{.*}}not finite
// NAMES: error: pass 'calibrate': {{.*}}other.npz: has no array 'x'; it holds a, b, the network takes x
// EMPTY: error: pass 'calibrate': {{.*}}none.npy: samples of numbers are expected on the first axis, not float32 of shape [0, 2]
// TEXT: error: pass 'calibrate': {{.*}}text.npy: samples of numbers are expected on the first axis, not <U1 of shape [1, 2]
// BROKEN: error: pass 'calibrate': {{.*}}: not a readable .npy or .npz file
// METHOD: unknown calibration 'magic', expected one of
// NONE: error: {{.*}}data
func.func @net(%x: tensor<1x2xf32> {graph.name = "x"}) -> tensor<1x2xf32> {
  %0 = graph.relu %x : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = graph.neg %0 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %1 : tensor<1x2xf32>
}
