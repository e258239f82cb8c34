"""A failure in one file: the IR before the step that failed, and the steps that were left."""

from __future__ import annotations

from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ..dialects.diagnostics import RunnelError
from . import constants_file
from .pipeline import Instrument, PassStep, Pipeline
from .read_ir import REPRODUCER, Program
from .write_ir import PrintStyle, data_path, module_text

_FORM = """\
// A failure of pass '{name}'; to see it again: opt-tool --run-reproducer {flags}{file}
{text}
{{-#
  external_resources: {{
    {key}: {{
      pipeline: "{pipeline}",
      disable_threading: true,
      verify_each: {verify}
    }}
  }}
#-}}
"""


class Reproducer(Instrument):
    """Keeps the IR before each outermost step, and writes it to `path` when the step fails."""

    def __init__(self, path: Path, *, verify: bool = True, allow_unregistered: bool = False):
        self.path = path
        self.verify = verify
        self.flags = "--allow-unregistered-dialect " if allow_unregistered else ""
        self.written = False
        self._kept: tuple[Pipeline, ModuleOp] | None = None

    def before_step(self, remaining: Pipeline, module: ModuleOp) -> None:
        self._kept = (remaining, module.clone())

    def after_failure(self, step: PassStep, op: Operation, error: BaseException) -> None:
        assert self._kept is not None
        remaining, module = self._kept
        text, data = module_text(module, PrintStyle(generic=True))
        escaped = str(remaining).replace("\\", "\\\\").replace('"', '\\"')
        self.path.write_text(
            _FORM.format(
                name=step.name,
                flags=self.flags,
                file=self.path.name,
                text=text.rstrip(),
                key=REPRODUCER,
                pipeline=escaped,
                verify=str(self.verify).lower(),
            ),
            encoding="utf-8",
        )
        if data:
            constants_file.save(data_path(self.path), data)
        self.written = True


def pipeline_of(program: Program, name: str) -> tuple[str, bool]:
    """The pipeline text that a reproducer carries, and whether to verify after each pass."""
    found = program.resources.get(REPRODUCER, {})
    pipeline = found.get("pipeline")
    if not isinstance(pipeline, str):
        raise RunnelError(
            f"{name}: not a reproducer, there is no '{REPRODUCER}' resource with a pipeline"
        )
    return pipeline, found.get("verify_each", True) is not False
