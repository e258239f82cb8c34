"""Support for the kernel tests: NumPy references, weight packing, generated C, host and QEMU runs.

Nothing here imports the package under test: the references are a second, independent reading of
the contract, in plain NumPy with 64-bit integers.
"""
