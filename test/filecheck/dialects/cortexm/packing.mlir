// Packings print what differs from row major.
// RUN: opt-tool %s --allow-unregistered-dialect | filecheck %s

// CHECK: "test.op"() {p = #cortexm.packing<1 x 1>}
"test.op"() {p = #cortexm.packing<1 x 1, segments 1, order [0]>} : () -> ()
// CHECK: "test.op"() {p = #cortexm.packing<2 x 2, segments 3, order [0, 2, 1, 3], flip [0], column_first>}
"test.op"() {p = #cortexm.packing<2 x 2, column_first, flip [0], order [0, 2, 1, 3], segments 3>} : () -> ()
// CHECK: "test.op"() {p = #cortexm.packing<1 x 2, flip [0], bits 4>}
"test.op"() {p = #cortexm.packing<1 x 2, bits 4, flip [0]>} : () -> ()
