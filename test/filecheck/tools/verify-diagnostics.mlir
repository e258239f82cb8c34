// Messages that are expected: by line, above, below, by pattern, without a place.
// RUN: opt-tool %s --verify-diagnostics --split-input-file
// RUN: opt-tool %s -verify-diagnostics -split-input-file

// expected-error@+1 {{unknown op 'foo.bar'}}
"foo.bar"() : () -> ()

// -----

"foo.bar"() : () -> () // expected-error {{no dialect 'foo'}}

// -----

// expected-error@below {{Expected 2 operands, but got 0}}
%a = "arith.addi"() : () -> i32
func.func @f() -> i32 {
  func.return
  // expected-error@above {{same types as the function output types}}
}

// -----

// expected-error-re@+1 {{'{{[a-z]+}}.addi': Unexpected attribute f{{[0-9]*}}}}
%a = arith.addi %b, %c : f32

// -----

func.func @f() {
  func.return
}
