// Arithmetic as C: wrapping sums in unsigned types, comparisons that know about NaN.
// RUN: opt-tool %s -p convert-loops-to-c -t c | filecheck %s
// RUN: opt-tool %s -p convert-loops-to-c -t c -o %t.c && gcc -std=c99 -Wall -Wextra -Werror -pedantic -fsyntax-only %t.c

// CHECK-LABEL: int32_t wrapping(int32_t a, int32_t b) {
// CHECK-NEXT:      return (int32_t)(((uint32_t)a * (uint32_t)b) << (uint32_t)b);
func.func @wrapping(%a: i32, %b: i32) -> i32 {
  %0 = arith.muli %a, %b : i32
  %1 = arith.shli %0, %b : i32
  func.return %1 : i32
}

// CHECK-LABEL: int8_t narrow(int8_t a, int8_t b) {
// CHECK-NEXT:      return (int8_t)((int32_t)(int8_t)(uint8_t)((uint32_t)(uint8_t)a + (uint32_t)(uint8_t)b) /
// CHECK-NEXT:              (int32_t)b);
func.func @narrow(%a: i8, %b: i8) -> i8 {
  %0 = arith.addi %a, %b : i8
  %1 = arith.divsi %0, %b : i8
  func.return %1 : i8
}

// CHECK-LABEL: bool unsigned_less(int32_t a, int32_t b) {
// CHECK-NEXT:      return (uint32_t)a < (uint32_t)b;
func.func @unsigned_less(%a: i32, %b: i32) -> i1 {
  %0 = arith.cmpi ult, %a, %b : i32
  func.return %0 : i1
}

// CHECK-LABEL: bool floats(float a, float b) {
// CHECK-NEXT:      return !(a <= b) & (a == a && b == b);
func.func @floats(%a: f32, %b: f32) -> i1 {
  %0 = arith.cmpf ugt, %a, %b : f32
  %1 = arith.cmpf ord, %a, %b : f32
  %2 = arith.andi %0, %1 : i1
  func.return %2 : i1
}

// CHECK-LABEL: float maximum(float a, float b) {
// CHECK-NEXT:      return a > b || a != a ? a : b;
func.func @maximum(%a: f32, %b: f32) -> f32 {
  %0 = arith.maximumf %a, %b : f32
  func.return %0 : f32
}

// CHECK-LABEL: double wide(float a) {
// CHECK-NEXT:      const double t0 = (double)a;
// CHECK-NEXT:      return fma(t0, t0, exp(t0));
func.func @wide(%a: f32) -> f64 {
  %0 = arith.extf %a : f32 to f64
  %1 = math.exp %0 : f64
  %2 = math.fma %0, %0, %1 : f64
  func.return %2 : f64
}

// CHECK-LABEL: int64_t casts(int8_t a, bool b, int64_t c) {
// CHECK-NEXT:      return (int64_t)((uint64_t)(int64_t)a + (uint64_t)-(int64_t)b + (uint64_t)c);
func.func @casts(%a: i8, %b: i1, %c: i64) -> i64 {
  %0 = arith.extsi %a : i8 to i64
  %1 = arith.extsi %b : i1 to i64
  %2 = arith.addi %0, %1 : i64
  %3 = arith.addi %2, %c : i64
  func.return %3 : i64
}

// CHECK-LABEL: int32_t indices(int32_t i, int32_t j) {
// CHECK-NEXT:      return i * 3 + j - 1;
func.func @indices(%i: index, %j: index) -> index {
  %0 = affine.apply affine_map<(d0, d1) -> (d0 * 3 + d1 - 1)> (%i, %j)
  func.return %0 : index
}
