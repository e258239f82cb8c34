"""All kernels of the runtime, in the order in which they are tried."""

from __future__ import annotations

from .kernels import Kernel
from .kernels_dsp import DSP
from .kernels_dsp_s16 import DSP_S16
from .kernels_mve import MVE
from .kernels_mve_s16 import MVE_S16
from .kernels_portable import PORTABLE
from .kernels_rv32 import RV32
from .kernels_rvv import RVV
from .kernels_s16 import S16
from .kernels_w4 import W4
from .kernels_xpulp import XPULP


def all_kernels() -> tuple[Kernel, ...]:
    """The runtime's kernels, the most specific flavours first."""
    return (*MVE, *MVE_S16, *DSP, *DSP_S16, *RVV, *XPULP, *RV32, *W4, *PORTABLE, *S16)
