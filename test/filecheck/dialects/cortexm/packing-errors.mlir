// What no packing may be.
// RUN: opt-tool %s --allow-unregistered-dialect --split-input-file --verify-diagnostics

// expected-error@+1 {{rows, cols and segments of a packing are at least 1}}
"test.op"() {p = #cortexm.packing<0 x 2>} : () -> ()

// -----

// expected-error@+1 {{the order must permute the 4 elements of a block}}
"test.op"() {p = #cortexm.packing<2 x 2, order [0, 1, 2, 2]>} : () -> ()

// -----

// expected-error@+1 {{flip names rows of a block, each once, below 2}}
"test.op"() {p = #cortexm.packing<2 x 2, flip [2]>} : () -> ()

// -----

// expected-error@+1 {{flip names rows of a block, each once, below 2}}
"test.op"() {p = #cortexm.packing<2 x 2, flip [1, 1]>} : () -> ()

// -----

// expected-error@+1 {{'blocks' is none of segments, order, flip, column_first, bits}}
"test.op"() {p = #cortexm.packing<2 x 2, blocks 4>} : () -> ()

// -----

// expected-error@+1 {{packed elements have 4 or 8 bits, not 6}}
"test.op"() {p = #cortexm.packing<2 x 2, bits 6>} : () -> ()
