"""Progress on stderr: one line that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TextIO

QUIET_BELOW = 2.0
"""Seconds: away from a terminal, shorter steps are not worth a line."""


class Progress:
    """Tells what runs; `quiet` tells nothing."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None):
        self.stream = sys.stderr if stream is None else stream
        self.live = not quiet and self.stream.isatty()
        self.plain = not quiet and not self.live

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Within this, `text` is what runs."""
        start = perf_counter()
        self._show(f"{text} ...")
        try:
            yield
        finally:
            self._show("")
        seconds = perf_counter() - start
        if self.plain and seconds >= QUIET_BELOW:
            print(f"{text}: {seconds:.1f} s", file=self.stream, flush=True)

    def detail(self, text: str) -> None:
        """How far the step is, on a terminal."""
        self._show(text)

    def _show(self, text: str) -> None:
        if self.live:
            self.stream.write(f"\r\033[K{text}")
            self.stream.flush()


SILENT = Progress(quiet=True)
