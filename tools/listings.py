"""What there is to use: passes, pipelines, targets and dialects, told from their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..dialects.diagnostics import RunnelError
from ..lowering.pipelines import PIPELINES, NamedPipeline
from .messages import suggestion
from .option_types import default_text, options_of
from .registry import multiverse

_INHERITED = frozenset({"ModulePass", "Target", "ArgSpecConvertible"})


def _load(name: str, factory: Callable[[], Any]) -> tuple[str, str]:
    """The package of what `factory` makes, and the first line of its docstring."""
    try:
        made = factory()
    except Exception as error:
        return "cannot be loaded", f"{type(error).__name__}: {error}"
    package = getattr(made, "__module__", "?").partition(".")[0]
    return package, (_documentation(made).strip().splitlines() or [""])[0].strip()


def _documentation(made: type) -> str:
    """The docstring of the class itself, else of its module; not the one dataclasses writes."""
    own = made.__dict__.get("__doc__") or ""
    if own and not own.startswith(f"{made.__name__}("):
        return inspect.cleandoc(own)
    module = inspect.getmodule(made)
    return inspect.cleandoc((module and module.__doc__) or "")


def list_factories(table: Mapping[str, Callable[[], Any]]) -> str:
    """Names and first lines, by the package that they come from, ours first."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(table):
        package, summary = _load(name, table[name])
        groups.setdefault(package, []).append((name, summary))
    lines: list[str] = []
    for package in sorted(groups, key=lambda package: (package != "runnel", package)):
        lines.append(f"{package}:")
        lines += [_row(name, summary) for name, summary in groups[package]]
    return "\n".join(lines) + "\n"


def list_passes() -> str:
    return list_factories(multiverse().all_passes)


def list_targets() -> str:
    return list_factories(multiverse().all_targets)


def list_pipelines() -> str:
    """Names, what they do, and the passes they stand for."""
    lines: list[str] = []
    for name, pipeline in sorted(PIPELINES.items()):
        lines.append(_row(name + _pipeline_options(pipeline), pipeline.summary))
        lines.append(f"      = {pipeline.passes}")
    return "\n".join(lines) + "\n"


def _row(name: str, summary: str) -> str:
    return f"  {name:<40} {summary}".rstrip()


def _pipeline_options(pipeline: NamedPipeline) -> str:
    options = " ".join(
        key if value is None else f"{key}={value}" for key, value in pipeline.options.items()
    )
    return f"{{{options}}}" if options else ""


def describe_name(name: str) -> str:
    """All there is to know of one pass, pipeline or target."""
    if name in PIPELINES:
        pipeline = PIPELINES[name]
        return f"{name}{_pipeline_options(pipeline)}\n\n{pipeline.summary}\n\n= {pipeline.passes}\n"
    known = multiverse().all_passes | multiverse().all_targets
    if name not in known:
        hint = suggestion(name, [*known, *PIPELINES]) or "; see --list-passes, --list-pipelines"
        raise RunnelError(f"no pass, pipeline or target is called '{name}'{hint}")
    made = known[name]()
    lines = [name, "", _documentation(made).strip(), ""]
    for option, type, default in options_of(made):
        lines.append(f"  {option}: {type}{default_text(default)}")
    return "\n".join(lines).rstrip() + "\n"
