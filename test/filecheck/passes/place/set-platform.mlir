// The machine is one attribute of the module.
// RUN: opt-tool %s -p 'set-platform{platform=cortex-m4}' | filecheck %s
// RUN: not opt-tool %s -p 'set-platform{platform=cortex-m5}' 2>&1 | filecheck %s --check-prefix=NAME
// RUN: not opt-tool %s -p 'set-platform{platform=%t.toml}' 2>&1 | filecheck %s --check-prefix=FILE
// RUN: not opt-tool %s -p set-platform 2>&1 | filecheck %s --check-prefix=NONE

// CHECK: builtin.module attributes {platform.platform = #platform.platform<
// CHECK-NEXT: name = "cortex-m4"
// NAME: error: pass 'set-platform': no platform "cortex-m5" (did you mean "cortex-m55"?)
// FILE: error: pass 'set-platform': {{.*}}.toml
// NONE: error: {{.*}}platform
func.func private @f()
