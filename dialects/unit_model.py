"""Models of units that no table of costs can describe; other packages register theirs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.utils.exceptions import VerifyException

from .platform_records import Unit
from .records import did_you_mean


class UnitModel(Protocol):
    """Legality and cost of a unit that the linear table cannot say; third parties register one."""

    def refuses(self, op: Operation, unit: Unit) -> str | None:
        """Why the unit cannot run `op` exactly, or None if it can."""
        ...

    def cost(self, op: Operation, unit: Unit) -> float:
        """What `op` takes on the unit, in what the unit `counts`."""
        ...

    def tile_cost(
        self, op: Operation, unit: Unit, extents: Sequence[NDArray[np.int64]]
    ) -> NDArray[np.float64]:
        """What tiles of the result of `op` take; `extents` has one array for each dimension."""
        ...


@cache
def unit_model(unit: Unit) -> UnitModel | None:
    """The model that `unit.model` names in the entry point group `runnel.unit_models`."""
    if unit.model is None:
        return None
    found = entry_points(group="runnel.unit_models")
    if unit.model not in found.names:
        raise VerifyException(
            f'unit "{unit.name}": no installed package offers the unit model "{unit.model}"'
            + did_you_mean(unit.model, found.names)
        )
    return cast(UnitModel, found[unit.model].load())
