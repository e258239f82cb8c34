"""Named pipelines: the steps of the road as text, usable wherever a pass is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NamedPipeline:
    """A pipeline spec under a name.

    `passes` is pipeline text; `$option` in it stands for the value of that option, whose default
    is in `options` (None: it must be given). Values are put in as the user wrote them.
    """

    summary: str
    passes: str
    options: Mapping[str, str | None] = field(default_factory=dict[str, str | None])


PIPELINES: dict[str, NamedPipeline] = {
    "cleanup": NamedPipeline(
        "Canonicalize, merge equal ops, remove what is not used.",
        "canonicalize,cse,dce",
    ),
}
"""Name to pipeline. A pipeline may name others, but not itself."""
