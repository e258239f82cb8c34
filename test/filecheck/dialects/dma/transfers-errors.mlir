// What no copy, constant or pipeline may be.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

func.func @nowhere() {
  // expected-error@+1 {{dma.constant: memref<4xi8> names no memory}}
  %0 = dma.constant @c : memref<4xi8>
  func.return
}

// -----

func.func @shape(%x : memref<1x?x4xi8, "l2">, %y : memref<1x2x4xi8, "l1">) {
  // expected-error@+1 {{dma.copy: copies 1x?x4 to 1x2x4; both ends of a copy have one shape}}
  dma.copy %x to %y : memref<1x?x4xi8, "l2"> to memref<1x2x4xi8, "l1">
  func.return
}

// -----

func.func @elements(%x : memref<4xi8, "l2">, %y : memref<4xi16, "l1">) {
  %t = dma.token
  // expected-error@+1 {{dma.start: copies i8 to i16}}
  dma.start %x to %y on %t : memref<4xi8, "l2"> to memref<4xi16, "l1">
  func.return
}

// -----

func.func @memory(%x : memref<4xi8, "l2">, %y : memref<4xi8, "l2">) {
  // expected-error@+1 {{dma.copy: both ends are in "l2"; a copy joins two memories}}
  dma.copy %x to %y : memref<4xi8, "l2"> to memref<4xi8, "l2">
  func.return
}

// -----

func.func @rounds() {
  // expected-error@+1 {{dma.pipeline: at least one round and one buffer are needed}}
  dma.pipeline 0 buffers 2 constants {
  ^bb0(%i : index):
  } inputs {
  ^bb0(%i : index):
  } compute {
  ^bb0(%i : index):
  } store {
  ^bb0(%i : index):
  }
  func.return
}

// -----

func.func @buffers() {
  // expected-error@+1 {{dma.pipeline: at least one round and one buffer are needed}}
  dma.pipeline 2 buffers 0 constants {
  ^bb0(%i : index):
  } inputs {
  ^bb0(%i : index):
  } compute {
  ^bb0(%i : index):
  } store {
  ^bb0(%i : index):
  }
  func.return
}

// -----

func.func @stages() {
  // expected-error@+1 {{dma.pipeline: each stage takes the number of the round}}
  dma.pipeline 2 buffers 2 constants {
  ^bb0(%i : index):
  } inputs {
  ^bb0:
  } compute {
  ^bb0(%i : index):
  } store {
  ^bb0(%i : index):
  }
  func.return
}
