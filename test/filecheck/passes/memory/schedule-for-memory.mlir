// Two branches that grow and shrink again run one after the other; constants stay at their users.
// RUN: opt-tool %s -p schedule-for-memory --split-input-file --verify-diagnostics
// RUN: opt-tool %s -p schedule-for-memory --split-input-file | filecheck %s
// RUN: opt-tool %s -p 'schedule-for-memory{states=1 beam=4}' --split-input-file | filecheck %s

// CHECK-LABEL: func.func @branches
// expected-remark@+1 {{passed: schedule-for-memory: peak 176 B to 112 B (no order has less)}}
func.func @branches(%x: tensor<16xi8>) -> tensor<16xi8> {
  // CHECK-NEXT: %a_wide = "test.pureop"(%x)
  %a_wide = "test.pureop"(%x) : (tensor<16xi8>) -> tensor<80xi8>
  %b_wide = "test.pureop"(%x) : (tensor<16xi8>) -> tensor<80xi8>
  // CHECK-NEXT: %w = "test.pureop"() : () -> tensor<1000xi8>
  // CHECK-NEXT: %a = "test.pureop"(%a_wide, %w)
  // CHECK-NEXT: %b_wide = "test.pureop"(%x)
  %w = "test.pureop"() : () -> tensor<1000xi8>
  // CHECK-NEXT: %b = "test.pureop"(%b_wide, %w)
  %a = "test.pureop"(%a_wide, %w) : (tensor<80xi8>, tensor<1000xi8>) -> tensor<16xi8>
  %b = "test.pureop"(%b_wide, %w) : (tensor<80xi8>, tensor<1000xi8>) -> tensor<16xi8>
  // CHECK-NEXT: "test.pureop"(%a, %b)
  %y = "test.pureop"(%a, %b) : (tensor<16xi8>, tensor<16xi8>) -> tensor<16xi8>
  func.return %y : tensor<16xi8>
}

// -----

// CHECK-LABEL: func.func @chain
// expected-remark@+1 {{analysis: schedule-for-memory: order kept, peak 96 B (no order has less)}}
func.func @chain(%x: tensor<16xi8>) -> tensor<16xi8> {
  // CHECK-NEXT: %a = "test.pureop"(%x)
  // CHECK-NEXT: %b = "test.pureop"(%a)
  %a = "test.pureop"(%x) : (tensor<16xi8>) -> tensor<80xi8>
  %b = "test.pureop"(%a) : (tensor<80xi8>) -> tensor<16xi8>
  func.return %b : tensor<16xi8>
}

// -----

// CHECK-LABEL: func.func @impure
func.func @impure(%x: tensor<16xi8>) -> tensor<16xi8> {
  // expected-remark-re@+1 {{missed: schedule-for-memory: order kept: test.op {{.*}} is not known to be free of side effects}}
  %a = "test.op"(%x) : (tensor<16xi8>) -> tensor<16xi8>
  func.return %a : tensor<16xi8>
}
