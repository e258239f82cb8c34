"""Who may touch which bytes when: transfers under way, and cores between two barriers."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.ir import Operation

from ...dialects.diagnostics import refer_to, refuse
from ...dialects.dma import AsyncOp
from .byte_windows import ByteWindow


@dataclass(frozen=True, eq=False)
class Access:
    """A window that an op reads or writes."""

    op: Operation
    window: ByteWindow
    writes: bool

    @property
    def verb(self) -> str:
        return "writes" if self.writes else "reads"


def same_queue(a: Operation, b: Operation) -> bool:
    """Whether the works that two ops start run in their order by themselves."""
    if not isinstance(a, AsyncOp) or not isinstance(b, AsyncOp):
        return False
    return a.queue is not None and a.queue == b.queue


@dataclass(eq=False)
class Token:
    """Work that was started and is waited for together."""

    made_by: Operation
    work: list[Access] = field(default_factory=list[Access])
    waited_by: Operation | None = None


Accesses = dict[Hashable, list[Access]]
"""By the place whose bytes they touch."""


@dataclass
class Hazards:
    """The state of one execution; every method refuses, at its op, what is not ordered."""

    running: Accesses = field(default_factory=Accesses)
    """What the work touches that was not waited for."""
    tokens: dict[Token, None] = field(default_factory=dict[Token, None])
    """The tokens that were not waited for."""
    last: Token | None = None
    """The token of transfers that was made last: a DMA adds transfers to no other one."""
    forked: bool = False
    """Whether all cores run what comes now."""
    by_core_0: Accesses = field(default_factory=Accesses)
    """What core 0 alone touched since the last barrier."""
    by_all: Accesses = field(default_factory=Accesses)
    """What each core may have touched since then."""

    def barrier(self) -> None:
        """All cores have come here: what was touched before is ordered before what comes."""
        self.by_core_0.clear()
        self.by_all.clear()

    def touch(self, accesses: Sequence[Access], *, alone: bool) -> None:
        """An op that begins and ends here, on all cores or on core 0 `alone`."""
        for access in accesses:
            self._check_running(access)
        if not self.forked:
            return
        for access in accesses:
            self._check_barrier(access, alone)
        self._record(self.by_core_0 if alone else self.by_all, accesses)

    def new_token(self, made_by: Operation) -> Token:
        token = Token(made_by)
        self.tokens[token] = None
        return token

    def start(self, token: Token, accesses: Sequence[Access]) -> None:
        """Core 0 starts work that belongs to `token`."""
        for access in accesses:
            if token.waited_by is not None:
                refuse(
                    access.op,
                    f"its token was used up by {refer_to(token.waited_by)}; take a new token for "
                    "what is started afterwards",
                )
            self._check_running(access)
            if self.forked:
                self._check_barrier(access, alone=True)
        token.work += accesses
        self._record(self.running, accesses)

    def wait(self, op: Operation, token: Token) -> None:
        """Core 0 waits: the work of the token has ended, as if core 0 had done it just now."""
        if token.waited_by is not None:
            refuse(
                op,
                f"the token of {refer_to(token.made_by)} was waited for before, by "
                f"{refer_to(token.waited_by)}; a token is waited for once",
            )
        token.waited_by = op
        del self.tokens[token]
        ended = set(token.work)
        for place in {access.window.place for access in token.work}:
            self.running[place] = [a for a in self.running[place] if a not in ended]
        if self.forked:
            self._record(self.by_core_0, token.work)
        token.work = []

    def end(self) -> None:
        """The function ends: nothing may be under way."""
        for token in self.tokens:
            work = token.work[0].op if token.work else None
            started = "" if work in (None, token.made_by) else f", {refer_to(work)} belongs to it"
            refuse(
                token.made_by,
                f"the token is never waited for{started}; wait for it before the function ends",
            )

    def _record(self, accesses: Accesses, new: Sequence[Access]) -> None:
        for access in new:
            accesses.setdefault(access.window.place, []).append(access)

    def _check_running(self, access: Access) -> None:
        """Refuse bytes that work under way writes, and writing bytes that it reads."""
        for other, shared in self._conflicts(access, self.running):
            refuse(
                access.op,
                f"{access.verb} bytes {shared} ({access.window.name}), which "
                f"{refer_to(other.op)} may still be {'writing' if other.writes else 'reading'}; "
                "wait for its token before",
            )

    def _check_barrier(self, access: Access, alone: bool) -> None:
        """Refuse what another core may not have seen, or not have ended yet."""
        for others in (self.by_all,) if alone else (self.by_all, self.by_core_0):
            for other, shared in self._conflicts(access, others):
                who = "all cores" if others is self.by_all else "core 0"
                did = "written" if other.writes else "read"
                refuse(
                    access.op,
                    f"missing barrier: {access.verb} bytes {shared} ({access.window.name}), which "
                    f"{refer_to(other.op)} has {did} on {who}; put a cluster.barrier in between",
                )

    @staticmethod
    def _conflicts(access: Access, others: Accesses) -> Iterator[tuple[Access, str]]:
        window = access.window
        start, stop = window.start, window.stop
        for other in others.get(window.place, ()):
            if not (access.writes or other.writes) or same_queue(access.op, other.op):
                continue
            if other.window.stop <= start or stop <= other.window.start:
                continue
            if (shared := window.overlap(other.window)) is not None:
                yield other, f"{shared[0]}..{shared[1]} of {window.memory}"
