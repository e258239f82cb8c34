// What a pass says goes the same way.
// RUN: opt-tool %s --verify-diagnostics -p 'x86-set-arch{arch=foo}'

// expected-error@unknown {{pass 'x86-set-arch': Unsupported arch foo}}
func.func @f() {
  func.return
}
