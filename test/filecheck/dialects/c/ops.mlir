// Every op of the c dialect, read and printed as itself.
// RUN: opt-tool %s | opt-tool | filecheck %s

// CHECK-LABEL: c.file "net.h" guard "NET_H" prefix "net_" {
c.file "net.h" guard "NET_H" prefix "net_" {
  // CHECK-NEXT: c.comment "The C API."
  c.comment "The C API."
  // CHECK-NEXT: c.include system "stdint.h"
  c.include system "stdint.h"
  // CHECK-NEXT: c.define @NET_ARENA_BYTES = 4096 : i32
  c.define @NET_ARENA_BYTES = 4096 : i32
  // CHECK-NEXT: c.enum @net_status {NET_OK = 0 : i32, NET_BAD = 1 : i32}
  c.enum @net_status {NET_OK = 0 : i32, NET_BAD = 1 : i32}
  // CHECK-NEXT: c.struct @net_tensor {scale = f32, shape = !c.array<4 x i32>, name = !emitc.ptr<!c.const<!emitc.opaque<"char">>>}
  c.struct @net_tensor {scale = f32, shape = !c.array<4 x i32>, name = !emitc.ptr<!c.const<!emitc.opaque<"char">>>}
  // CHECK-NEXT: c.global extern const @net_inputs : !c.array<1 x !emitc.opaque<"net_tensor">>
  c.global extern const @net_inputs : !c.array<1 x !emitc.opaque<"net_tensor">>
  // CHECK-NEXT: c.func @net_run(!emitc.ptr<!c.const<i8>>, !emitc.ptr<i8>) -> i32 attributes {arg_names = ["input", "output"]}
  c.func @net_run(!emitc.ptr<!c.const<i8>>, !emitc.ptr<i8>) -> i32 attributes {arg_names = ["input", "output"]}
}

// CHECK-LABEL: c.file "net.c" {
c.file "net.c" {
  // CHECK-NEXT: c.include "net.h"
  c.include "net.h"
  // CHECK-NEXT: c.global static const @w : !c.array<4 x i8> = dense<[1, -2, 3, 4]>
  c.global static const @w : !c.array<4 x i8> = dense<[1, -2, 3, 4]>
  // CHECK-NEXT: c.global static const @channels : !emitc.opaque<"rn_channels"> = {shift = @w, rounding = #emitc.opaque<"RN_SINGLE">}
  c.global static const @channels : !emitc.opaque<"rn_channels"> = {shift = @w, rounding = #emitc.opaque<"RN_SINGLE">}
  // CHECK-NEXT: c.global const @net_inputs : !c.array<1 x !emitc.opaque<"net_tensor">> = [{scale = 5.000000e-01 : f32, shape = [1 : i32, 2 : i32, 0 : i32, 0 : i32]}]
  c.global const @net_inputs : !c.array<1 x !emitc.opaque<"net_tensor">> = [{scale = 0.5 : f32, shape = [1 : i32, 2 : i32, 0 : i32, 0 : i32]}]
  // CHECK-NEXT: c.global static @arena : !c.array<4096 x ui8> align 16 section ".sram"
  c.global static @arena : !c.array<4096 x ui8> align 16 section ".sram"
  // CHECK-NEXT: c.global static @ready : i32
  c.global static @ready : i32
  // CHECK-NEXT: c.func static @expressions(%a: i32, %b: i32, %p: !emitc.ptr<f32>) -> f32 {
  c.func static @expressions(%a: i32, %b: i32, %p: !emitc.ptr<f32>) -> f32 {
    // CHECK-NEXT: %0 = c.literal -1 : i32
    %0 = c.literal -1 : i32
    // CHECK-NEXT: %1 = c.literal 1.5 : f32
    %1 = c.literal 1.5 : f32
    // CHECK-NEXT: %2 = c.literal "text" : !emitc.ptr<!c.const<!emitc.opaque<"char">>>
    %2 = c.literal "text" : !emitc.ptr<!c.const<!emitc.opaque<"char">>>
    // CHECK-NEXT: %3 = c.literal #emitc.opaque<"RN_SINGLE"> : i32
    %3 = c.literal #emitc.opaque<"RN_SINGLE"> : i32
    // CHECK-NEXT: %4 = c.binary %a "+" %b : (i32, i32) -> i32
    %4 = c.binary %a "+" %b : (i32, i32) -> i32
    // CHECK-NEXT: %5 = c.binary %p "+" %4 : (!emitc.ptr<f32>, i32) -> !emitc.ptr<f32>
    %5 = c.binary %p "+" %4 : (!emitc.ptr<f32>, i32) -> !emitc.ptr<f32>
    // CHECK-NEXT: %6 = c.binary %a "<" %b : (i32, i32) -> i1
    %6 = c.binary %a "<" %b : (i32, i32) -> i1
    // CHECK-NEXT: %7 = c.unary "-" %4 : i32
    %7 = c.unary "-" %4 : i32
    // CHECK-NEXT: %8 = c.conditional %6 ? %4 : %7 : i32
    %8 = c.conditional %6 ? %4 : %7 : i32
    // CHECK-NEXT: %9 = c.cast %8 : i32 to f32
    %9 = c.cast %8 : i32 to f32
    // CHECK-NEXT: %10 = c.subscript %5[%a] : (!emitc.ptr<f32>, i32) -> !c.lvalue<f32>
    %10 = c.subscript %5[%a] : (!emitc.ptr<f32>, i32) -> !c.lvalue<f32>
    // CHECK-NEXT: %11 = c.load %10 : !c.lvalue<f32> -> f32
    %11 = c.load %10 : !c.lvalue<f32> -> f32
    // CHECK-NEXT: %12 = c.address_of %10 : !c.lvalue<f32> -> !emitc.ptr<f32>
    %12 = c.address_of %10 : !c.lvalue<f32> -> !emitc.ptr<f32>
    // CHECK-NEXT: %13 = c.call pure @expf(%11) : (f32) -> f32
    %13 = c.call pure @expf(%11) : (f32) -> f32
    // CHECK-NEXT: c.return %13 : f32
    c.return %13 : f32
  // CHECK-NEXT: }
  }
  // CHECK-NEXT: c.func @statements(%n: i32) {
  c.func @statements(%n: i32) {
    // CHECK-NEXT: c.comment "layer"
    c.comment "layer"
    // CHECK-NEXT: c.discard %n : i32
    c.discard %n : i32
    // CHECK-NEXT: %0 = c.get_global @channels : !emitc.ptr<!c.const<!emitc.opaque<"rn_channels">>>
    %0 = c.get_global @channels : !emitc.ptr<!c.const<!emitc.opaque<"rn_channels">>>
    // CHECK-NEXT: %1 = c.member %0 "rounding" : !emitc.ptr<!c.const<!emitc.opaque<"rn_channels">>> -> !c.lvalue<!c.const<i32>>
    %1 = c.member %0 "rounding" : !emitc.ptr<!c.const<!emitc.opaque<"rn_channels">>> -> !c.lvalue<!c.const<i32>>
    // CHECK-NEXT: %zero = c.literal 0 : i32
    %zero = c.literal 0 : i32
    // CHECK-NEXT: %one = c.literal 1 : i32
    %one = c.literal 1 : i32
    // CHECK-NEXT: %sum = c.variable init(%zero : i32) : !c.lvalue<i32>
    %sum = c.variable init(%zero : i32) : !c.lvalue<i32>
    // CHECK-NEXT: %row = c.variable : !c.array<4 x f32>
    %row = c.variable : !c.array<4 x f32>
    // CHECK-NEXT: %2 = c.get_global @ready : !c.lvalue<i32>
    %2 = c.get_global @ready : !c.lvalue<i32>
    // CHECK-NEXT: c.assign %2 = %one : !c.lvalue<i32>, i32
    c.assign %2 = %one : !c.lvalue<i32>, i32
    // CHECK-NEXT: c.for %i = %zero to %n step %one : i32 {
    c.for %i = %zero to %n step %one : i32 {
      // CHECK-NEXT: %3 = c.binary %i "==" %one : (i32, i32) -> i1
      %3 = c.binary %i "==" %one : (i32, i32) -> i1
      // CHECK-NEXT: c.if %3 {
      c.if %3 {
        // CHECK-NEXT: c.assign %sum = %i : !c.lvalue<i32>, i32
        c.assign %sum = %i : !c.lvalue<i32>, i32
      // CHECK-NEXT: } else {
      } else {
        // CHECK-NEXT: c.call @rn_reset(%i) : (i32) -> ()
        c.call @rn_reset(%i) : (i32) -> ()
      // CHECK-NEXT: }
      }
      // CHECK-NEXT: c.if %3 {
      // CHECK-NEXT: }
      c.if %3 {
      }
    // CHECK-NEXT: }
    }
    // CHECK-NEXT: c.return
    c.return
  }
}
