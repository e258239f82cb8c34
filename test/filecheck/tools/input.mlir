// Where text comes from, and what is accepted.
// RUN: cat %s | opt-tool | filecheck %s
// RUN: cat %s | opt-tool - -f mlir --allow-unregistered-dialect | filecheck %s
// RUN: opt-tool < %s --allow-unregistered-dialect | filecheck %s
// RUN: printf '"new.op"() : () -> ()' | opt-tool --allow-unregistered-dialect | filecheck %s --check-prefix=NEW
// RUN: printf '"new.op"() : () -> ()' | not opt-tool 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: not opt-tool %s --no-implicit-module 2>&1 | filecheck %s --check-prefix=MODULE
// RUN: printf '// nothing' | opt-tool | filecheck %s --check-prefix=EMPTY

// CHECK: func.func @f
// NEW: "new.op"()
// UNKNOWN: <stdin>:1:2: error: unknown op 'new.op': no dialect 'new' is installed (--allow-unregistered-dialect reads it all the same)
// MODULE: error: builtin.module operation expected
// EMPTY: builtin.module {
func.func @f() {
  func.return
}
