"""What options of benches have in common."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable


def add_names(
    parser: argparse.ArgumentParser,
    option: str,
    known: Collection[str],
    default: Iterable[str] | None = None,
    what: str = "",
) -> None:
    """An option that takes names with commas between them, of those `known`; by default all."""

    def names(text: str) -> list[str]:
        found = [name for name in text.split(",") if name]
        if unknown := [name for name in found if name not in known]:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)}: expected some of {', '.join(known)}"
            )
        return found

    given = list(known if default is None else default)
    told = "all" if given == list(known) else ",".join(given)
    parser.add_argument(
        option,
        type=names,
        default=given,
        metavar="NAMES",
        help=f"{what}of {', '.join(known)} ({told})",
    )
