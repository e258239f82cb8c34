"""Computing with a level of the road, be it tensors, buffers or C."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ..dialects.diagnostics import RunnelError
from .road import Road

Array = NDArray[Any]


def interpret(road: Road, level: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs by name; inputs and outputs are as the module at `level` takes and gives them."""
    stop = road[level]
    if level != "c":
        from ..runtime.interpreter import run

        outputs = run(stop.module, dict(inputs)).values()
        return {i.name: a for i, a in zip(stop.signature.outputs, outputs, strict=True)}
    if "cluster" in road.stops:
        raise RunnelError(
            "the C of a cluster runs on several cores, which NumPy does not: --at cluster is the "
            "level above it, and without --at the program runs on its platform"
        )
    from .c_model import run_c

    return run_c(stop.module, road.name, stop.signature, inputs, road.options.kernels)
