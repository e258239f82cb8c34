"""Passes that let cores, NPU and DMA work at the same time."""
