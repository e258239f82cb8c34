// What there is to use, and help.
// RUN: opt-tool --list-passes | filecheck %s
// RUN: opt-tool --describe canonicalize | filecheck %s --check-prefix=ONE
// RUN: opt-tool --describe scf-parallel-loop-tiling | filecheck %s --check-prefix=OPTIONS
// RUN: opt-tool --version | filecheck %s --check-prefix=VERSION
// RUN: opt-tool --help | filecheck %s --check-prefix=HELP

// CHECK: xdsl:
// CHECK: canonicalize {{ *}} Applies all canonicalization patterns.
// CHECK-NOT: cannot be loaded
// ONE: canonicalize
// ONE: Applies all canonicalization patterns.
// OPTIONS: parallel-loop-tile-sizes: a list of integers
// VERSION: opt-tool (runnel {{[0-9.]+}}, xDSL {{[0-9.]+}}, Python 3
// HELP: --pass-pipeline
// HELP: --crash-reproducer
// HELP: examples:
