// What would not be C: the message says why.
// RUN: opt-tool %s --split-input-file --verify-diagnostics

c.file "a.c" {
  // expected-error@+1 {{c.global @class: global 'class' is a keyword of C or C++}}
  c.global @class : i32
}

// -----

c.file "a.c" {
  // expected-error@+1 {{c.func @1st: function '1st' is not a C identifier}}
  c.func @"1st"()
}

// -----

c.file "a.c" {
  // expected-error@+1 {{global '_Pool' is reserved for the C implementation}}
  c.global @_Pool : i32
}

// -----

c.file "a.c" {
  // expected-error@+1 {{function 'expf' is a name of the C library}}
  c.func @expf(f32) -> f32
}

// -----

// expected-error@+1 {{c.func @run: 'run' is visible to other files and must begin with 'net_'}}
c.file "a.c" prefix "net_" {
  c.func static @helper() {
    c.return
  }
  c.func @run() {
    c.return
  }
}

// -----

// expected-error@+1 {{c.define @net_size: 'net_size' is visible to other files and must begin with 'NET_'}}
c.file "a.h" prefix "net_" {
  c.define @net_size = 4 : i32
}

// -----

// expected-error@+1 {{Redefinition of symbol "x"}}
c.file "a.c" {
  c.global @x : i32
  c.global @x : i32
}

// -----

c.file "a.c" {
  c.global @x : i32
}
// expected-error@+1 {{@x is defined in two files}}
c.file "b.c" {
  c.global @x : i32
}

// -----

c.file "a.h" {
  c.func @f(i32)
}
// expected-error@+1 {{@f is not the same in 'a.h' and 'a.c'}}
c.file "a.c" {
  c.include "a.h"
  c.func @f(%x: f32) {
    c.return
  }
}

// -----

// expected-error@+1 {{the name is no path below the output folder}}
c.file "../a.c" {
}

// -----

c.file "a.c" {
  // expected-error@+1 {{a constant needs a value}}
  c.global const @x : i32
}

// -----

c.file "a.c" {
  // expected-error@+1 {{alignment 12 is no power of two}}
  c.global @x : i32 align 12
}

// -----

c.file "a.c" {
  // expected-error@+1 {{i7 has no C type: the widths are 1, 8, 16, 32 and 64}}
  c.global @x : i7
}

// -----

c.file "a.c" {
  // expected-error@+1 {{f16 is not a C type}}
  c.global @x : !c.array<4 x f16>
}

// -----

c.file "a.c" {
  // expected-error@+1 {{1 : i8 is not a value of type i32}}
  c.global @x : i32 = 1 : i8
}

// -----

c.file "a.c" {
  // expected-error@+1 {{2 elements cannot fill !c.array<3 x i32>}}
  c.global @x : !c.array<3 x i32> = [1 : i32, 2 : i32]
}

// -----

c.file "a.c" {
  // expected-error@+1 {{field 'b': no global @later comes before it}}
  c.global @x : !emitc.opaque<"shape"> = {a = 1 : i32, b = @later}
}

// -----

c.file "a.c" {
  c.struct @pair {a = i32, b = f32}
  // expected-error@+1 {{pair has no field 'c'}}
  c.global @x : !emitc.opaque<"pair"> = {c = 1 : i32}
}

// -----

c.file "a.h" {
  c.func @odd()
}
c.file "a.c" {
  c.include "a.h"
  // expected-error@+1 {{c.func @even calls itself: @even -> @odd -> @even}}
  c.func @even() {
    c.call @odd() : () -> ()
    c.return
  }
  // expected-error@+1 {{c.func @odd calls itself: @odd -> @even -> @odd}}
  c.func @odd() {
    c.call @even() : () -> ()
    c.return
  }
}

// -----

c.file "a.c" {
  // expected-error@+1 {{c.func @f calls itself: @f -> @f}}
  c.func @f() {
    c.call @f() : () -> ()
    c.return
  }
}

// -----

c.file "a.c" {
  c.func @f() {
    // expected-error@+1 {{c.call: @g is used before it is declared}}
    c.call @g() : () -> ()
    c.return
  }
  c.func @g() {
    c.return
  }
}

// -----

c.file "a.c" {
  c.func @g(i32, !emitc.ptr<!c.const<f32>>)
  c.func @f(%x: i32, %p: !emitc.ptr<f32>) {
    c.call @g(%x, %p) : (i32, !emitc.ptr<f32>) -> ()
    // expected-error@+1 {{c.call: @g has the type (i32, !emitc.ptr<!c.const<f32>>) -> ()}}
    c.call @g(%x, %x) : (i32, i32) -> ()
    c.return
  }
}

// -----

c.file "a.c" {
  c.func @f(%a: i8, %b: i8) {
    // expected-error@+1 {{i8 + i8 is not C arithmetic: operands have one type of at least 32 bits (cast narrower ones first)}}
    %0 = c.binary %a "+" %b : (i8, i8) -> i8
    c.return
  }
}

// -----

c.file "a.c" {
  c.func @f(%a: f32, %b: f32) {
    // expected-error@+1 {{f32 << f32 is not C arithmetic}}
    %0 = c.binary %a "<<" %b : (f32, f32) -> f32
    c.return
  }
}

// -----

c.file "a.c" {
  c.func @f(%p: !emitc.ptr<!c.const<f32>>) {
    // expected-error@+1 {{the cast to !emitc.ptr<f32> loses a const}}
    %0 = c.cast %p : !emitc.ptr<!c.const<f32>> to !emitc.ptr<f32>
    c.return
  }
}

// -----

c.file "a.c" {
  c.func @f(%p: !emitc.ptr<!c.const<f32>>, %i: i32, %x: f32) {
    %0 = c.subscript %p[%i] : (!emitc.ptr<!c.const<f32>>, i32) -> !c.lvalue<!c.const<f32>>
    // expected-error@+1 {{c.assign: a !c.lvalue<!c.const<f32>> cannot be assigned}}
    c.assign %0 = %x : !c.lvalue<!c.const<f32>>, f32
    c.return
  }
}

// -----

c.file "a.c" {
  c.func @f(%x: i32) -> f32 {
    // expected-error@+1 {{c.return: @f has the type (i32) -> f32}}
    c.return %x : i32
  }
}

// -----

c.file "a.c" {
  c.func @f(%n: i32) {
    %zero = c.literal 0 : i32
    // expected-error@+1 {{c.for: the step is not positive}}
    c.for %i = %zero to %n step %zero : i32 {
    }
    c.return
  }
}

// -----

c.file "a.c" {
  c.func @f() {
    // expected-error@+1 {{a comment cannot hold the mark of another}}
    c.comment "ends */ here"
    c.return
  }
}

// -----

c.file "a.c" {
  c.func @f() {
    // expected-error@+1 {{constant 'x; y' is not a C identifier}}
    %0 = c.literal #emitc.opaque<"x; y"> : i32
    c.return
  }
}
