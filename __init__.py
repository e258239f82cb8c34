"""runnel: a multi-dialect compiler for neural networks on very small machines."""
