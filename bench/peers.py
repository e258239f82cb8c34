"""What other tools need for the same networks: the numbers that ours stand beside.

All from `bench/peers.md` of the shared folder (November 2026: exact instruction counts of the same
QEMU boards, gcc 12.2 -O3, one int8 inference; flash of the linked program; RAM for activations).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """The best that was measured; instructions in millions, memory in kB (1000 bytes)."""

    tool: str
    instructions_m: float
    flash_kb: float | None
    ram_kb: float | None


PEERS: dict[tuple[str, str], Peer] = {
    ("resnet8", "cortex-m4"): Peer("TFLM + CMSIS-NN", 29.88, 190, 55.0),
    ("mobilenetv1_025", "cortex-m4"): Peer("TFLM + CMSIS-NN", 24.74, 426, 100.7),
    ("dscnn", "cortex-m4"): Peer("TFLM + CMSIS-NN", 7.84, 147, 22.8),
    ("autoencoder", "cortex-m4"): Peer("TFLM + CMSIS-NN", 0.583, 314, 2.6),
    ("resnet8", "cortex-m55"): Peer("TFLM + CMSIS-NN", 4.82, None, None),
    ("mobilenetv1_025", "cortex-m55"): Peer("TFLM + CMSIS-NN", 6.45, None, None),
    ("dscnn", "cortex-m55"): Peer("TFLM + CMSIS-NN", 1.79, None, None),
    ("autoencoder", "cortex-m55"): Peer("ExecuTorch + CMSIS-NN", 0.157, None, None),
    ("resnet8", "rv32"): Peer("TFLM + muRISCV-NN", 54.70, None, None),
    ("mobilenetv1_025", "rv32"): Peer("TFLM + muRISCV-NN", 44.90, None, None),
    ("dscnn", "rv32"): Peer("TFLM + muRISCV-NN", 14.92, None, None),
    ("autoencoder", "rv32"): Peer("TFLM + muRISCV-NN", 1.35, None, None),
}
"""(network, platform) to the peer with the fewest instructions; sections 1, 3, 4, 5 and 7."""

LEAST_FLASH_KB: dict[str, tuple[str, float]] = {
    "resnet8": ("emx", 104),
    "mobilenetv1_025": ("onnx2c", 279),
    "dscnn": ("onnx2c", 47),
    "autoencoder": ("emx, onnx2c", 298),
}
"""The least flash on Cortex-M4 of a tool that takes the same QDQ models; section 7."""


@dataclass(frozen=True)
class ClusterPeer:
    """What the authors of Deeploy say of their versions of the networks, and the DMA bytes of one
    inference over the floor, measured with its test networks: section 13.

    Cycles are those of a model of GAP9, a sister of Siracusa, with 8 cores, 64 KiB of L1, and an
    NE16 as NPU.
    """

    cores_cycles: int | None
    npu_cycles: int | None
    dma_ratio: float | None


CLUSTER_PEERS: dict[str, ClusterPeer] = {
    "resnet8": ClusterPeer(1_365_882, None, 4.3),
    "mobilenetv1_025": ClusterPeer(None, 518_848, 4.1),
    "dscnn": ClusterPeer(None, None, 7.1),
    "autoencoder": ClusterPeer(78_500, None, 1.0),
}
