// Mistakes in the text of a pipeline are shown at their place, all that can be found at once.
// RUN: not opt-tool %s -p 'canonicalise,cse{a=1}' 2>&1 | filecheck %s --check-prefix=TWO
// RUN: not opt-tool %s -p 'builtin.module(cse' 2>&1 | filecheck %s --check-prefix=OPEN
// RUN: not opt-tool %s -p 'cse,' 2>&1 | filecheck %s --check-prefix=END
// RUN: not opt-tool %s -p 'cse dce' 2>&1 | filecheck %s --check-prefix=COMMA
// RUN: not opt-tool %s -p 'cse)' 2>&1 | filecheck %s --check-prefix=PAREN
// RUN: not opt-tool %s -p 'x86-set-arch{arch=avx2' 2>&1 | filecheck %s --check-prefix=BRACE
// RUN: not opt-tool %s -p 'x86-set-arch{arch="avx2}' 2>&1 | filecheck %s --check-prefix=QUOTE
// RUN: not opt-tool %s -p 'x86-set-arch{arc=avx2}' 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: not opt-tool %s -p 'x86-set-arch{arch=a arch=b}' 2>&1 | filecheck %s --check-prefix=TWICE
// RUN: not opt-tool %s -p 'scf-parallel-loop-tiling{parallel-loop-tile-sizes=4,x}' 2>&1 | filecheck %s --check-prefix=TYPE
// RUN: not opt-tool %s -p 'scf.for(cse)' 2>&1 | filecheck %s --check-prefix=ANCHOR
// RUN: not opt-tool %s -p 'func.fun(cse)' 2>&1 | filecheck %s --check-prefix=NOOP
// RUN: not opt-tool %s -p 'cse(dce)' 2>&1 | filecheck %s --check-prefix=PASS
// RUN: not opt-tool %s -p 'cse,x86-set-arch{arch=pdp11}' 2>&1 | filecheck %s --check-prefix=FAILED
// RUN: not opt-tool %s -p 'set-platform{platfrom=host}' 2>&1 | filecheck %s --check-prefix=NEEDED
// RUN: not opt-tool %s -p 'mixed-precision{data=x.npy weigth-bits=4}' 2>&1 | filecheck %s --check-prefix=HYPHEN
// RUN: not opt-tool %s -p 'plan-memory{algorithm=greedy-by-size}' 2>&1 | filecheck %s --check-prefix=VALUE
// RUN: not opt-tool %s -p 'tile-network' 2>&1 | filecheck %s --check-prefix=MODULE

// TWO:      <pass-pipeline>:1:1: error: unknown pass 'canonicalise', did you mean 'canonicalize'?
// TWO-NEXT:   canonicalise,cse{a=1}
// TWO-NEXT:   ^~~~~~~~~~~~
// TWO-NEXT: <pass-pipeline>:1:18: error: pass 'cse' has no option 'a'; it has none
// TWO-NEXT:   canonicalise,cse{a=1}
// TWO-NEXT:                    ^~~
// OPEN: <pass-pipeline>:1:15: error: this '(' is never closed
// END: :1:5: error: expected the name of a pass, found the end of the text
// COMMA: :1:5: error: expected ',' or the end after a pass, found 'd'
// PAREN: :1:4: error: expected ',' or the end after a pass, found ')'
// BRACE: :1:13: error: this '{' is never closed
// QUOTE: :1:19: error: this text is never closed
// OPTION: :1:14: error: pass 'x86-set-arch' has no option 'arc', did you mean 'arch'?
// TWICE: :1:21: error: option 'arch' is given twice
// TYPE: :1:26: error: option 'parallel-loop-tile-sizes' of pass 'scf-parallel-loop-tiling' takes a list of integers
// ANCHOR: :1:1: error: passes cannot be nested on 'scf.for': it may use values from outside
// NOOP: :1:1: error: unknown op 'func.fun', did you mean 'func.func'?
// PASS: :1:1: error: 'cse' is a pass; its options go in braces: cse{...}
// FAILED:      <pass-pipeline>:1:5: error: pass 'x86-set-arch': Unsupported arch pdp11
// FAILED-NEXT:   cse,x86-set-arch{arch=pdp11}
// FAILED-NEXT:       ^~~~~~~~~~~~
// NEEDED: :1:14: error: pass 'set-platform' has no option 'platfrom', did you mean 'platform'?
// NEEDED-NOT: error:
// HYPHEN: :1:28: error: pass 'mixed-precision' has no option 'weigth-bits', did you mean 'weight-bits'?
// VALUE: :1:1: error: pass 'plan-memory': no placement algorithm named 'greedy-by-size': {{.*}} (did you mean 'greedy_by_size'?)
// MODULE: :1:1: error: pass 'tile-network': the module has no platform (attribute platform.platform); run set-platform before
func.func @f() {
  func.return
}
