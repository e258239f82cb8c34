"""Sets of channels that layers read together: what pruning decides on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func

from ..graph.element_classes import FIXED
from .channel_classes import ChannelClasses, Reader


@dataclass(eq=False)
class Group:
    """Channels (by class) and all layers that read one of them, in order."""

    classes: NDArray[np.int64]
    readers: list[Reader]

    def kept_count(self, ratio: float, multiple: int) -> int:
        """How many of the channels stay: at least 1, rounded up to a multiple."""
        count = max(1, int(ratio * len(self.classes) + 1e-9))
        return min(-(-count // multiple) * multiple, len(self.classes))

    def places(self, reader: Reader) -> NDArray[np.int64]:
        """For each input of a reader its place in `classes`, -1 for inputs of other classes."""
        place = np.searchsorted(self.classes, reader.inputs).clip(0, len(self.classes) - 1)
        return np.where(self.classes[place] == reader.inputs, place, -1)


def groups_of(classes: ChannelClasses) -> list[Group]:
    """Groups in the order of their first readers; no class is in two of them."""
    groups: list[Group] = []
    for reader in classes.readers:
        mine = np.setdiff1d(reader.inputs, [FIXED])
        if reader.depthwise or not len(mine):
            continue
        shared = [group for group in groups if np.isin(mine, group.classes).any()]
        merged = Group(mine, [reader])
        if shared:
            every = [*(group.classes for group in shared), mine]
            readers = [entry for group in shared for entry in group.readers]
            merged = Group(np.unique(np.concatenate(every)), [*readers, reader])
            groups[groups.index(shared[0])] = merged
            groups = [group for group in groups if group not in shared]
        else:
            groups.append(merged)
    for group in groups:
        group.readers.sort(key=classes.readers.index)
    return [group for group in groups if len(group.classes) > 1]


def analyzed(function: func.FuncOp) -> tuple[ChannelClasses, list[Group]]:
    """The channels of a function, and the groups that can be pruned."""
    classes = ChannelClasses()
    classes.analyze(function)
    return classes, groups_of(classes)
