"""The reference of passes, pipelines and dialects, made from their definitions.

python -m runnel.tools.reference docs/reference
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from xdsl.ir import Attribute, Dialect, Operation
from xdsl.passes import ModulePass

from ..dialects import DIALECTS
from ..lowering import LOWERINGS
from ..lowering.pipelines import PIPELINES
from ..passes import PASSES
from .option_types import default_text, options_of
from .universe import lazy


def documentation(thing: type) -> str:
    """The docstring of a class, its own and not an inherited one."""
    return inspect.cleandoc(thing.__doc__) if thing.__doc__ else ""


def pass_section(kind: type[ModulePass]) -> str:
    options = [
        f"* `{option}`: {type}{default_text(default, '`')}"
        for option, type, default in options_of(kind)
    ]
    listed = "\n".join(["", "Options:", "", *options]) if options else ""
    example = f"[Before and after](../passes/{kind.name}.md)"
    return f"## `{kind.name}`\n\n{documentation(kind)}\n{listed}".rstrip() + f"\n\n{example}"


def passes_page() -> str:
    """All passes, in the order of the tables: along the road."""
    kinds = [lazy("passes", spec)() for spec in PASSES.values()]
    kinds += [lazy("lowering", spec)() for spec in LOWERINGS.values()]
    pipelines = [
        f"## `{name}`\n\n{entry.summary}\n\n```text\n{entry.passes}\n```"
        for name, entry in PIPELINES.items()
    ]
    return page("Passes", map(pass_section, kinds)) + "\n" + page("Pipelines", pipelines)


def definition_section(kind: type[Operation] | type[Attribute]) -> str:
    return f"### `{kind.name}`\n\n{documentation(kind)}".rstrip()


def dialect_page(name: str, spec: str) -> str:
    """The ops, types and attributes of one dialect."""
    dialect = lazy("dialects", spec)()
    assert isinstance(dialect, Dialect)
    module = import_module(f"..dialects.{name}", __package__)
    sections = [inspect.getdoc(module) or ""]
    for title, kinds in (
        ("Types and attributes", list(dialect.attributes)),
        ("Operations", list(dialect.operations)),
    ):
        if kinds:
            sections += [f"## {title}", *map(definition_section, kinds)]
    return page(f"The {name} dialect", sections)


def page(title: str, sections: Iterable[str]) -> str:
    return "\n\n".join([f"# {title}", *(section for section in sections if section)]) + "\n"


def pages() -> dict[str, str]:
    """File name to Markdown."""
    dialects = {f"{name}.md": dialect_page(name, spec) for name, spec in DIALECTS.items()}
    return {"passes.md": passes_page(), **dialects}


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
