"""From pipeline text to passes, and running them.

pipeline = resolve_pipeline("builtin.module(func.func(canonicalize,cse))")
pipeline.run(new_context(), module)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from string import Template

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.traits import IsolatedFromAbove
from xdsl.utils.arg_spec import ArgSpec, ParameterType, parse_spec
from xdsl.utils.lexer import Span

from ..lowering.pipelines import PIPELINES, NamedPipeline
from .messages import (
    LocatedError,
    Message,
    PassFailure,
    errors_know_their_op,
    span_message,
    suggestion,
)
from .options_text import build_from_text, known_options
from .pass_scope import alone
from .pipeline_text import NestText, PassText, parse_pipeline_text
from .registry import multiverse
from .verifier import verify_all

ANY_OP = "any"
"""The anchor that stands for every op which passes may run on."""


@dataclass(frozen=True)
class PassStep:
    """One pass with its options; `span` is where the text of the pipeline names it."""

    apply: ModulePass
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.apply.name

    def __str__(self) -> str:
        return spec_text(self.apply.spec())


@dataclass(frozen=True)
class NestStep:
    """Steps for each op named `anchor` that lies directly in the op at hand."""

    anchor: str
    steps: tuple[PassStep | NestStep, ...]

    def __str__(self) -> str:
        return f"{self.anchor}({','.join(map(str, self.steps))})"

    def matches(self, op: Operation) -> bool:
        if self.anchor == ANY_OP:
            return op.has_trait(IsolatedFromAbove, value_if_unregistered=False)
        return op.name == self.anchor


Step = PassStep | NestStep


class Instrument:
    """What watches a pipeline run; every method may be left out."""

    def before_step(self, remaining: Pipeline, module: ModuleOp) -> None:
        """Before a step of the outermost level; `remaining` starts with it."""

    def before_pass(self, step: PassStep, op: Operation) -> None: ...

    def after_pass(self, step: PassStep, op: Operation) -> None: ...

    def after_verify(self, step: PassStep, op: Operation) -> None: ...

    def after_failure(self, step: PassStep, op: Operation, error: BaseException) -> None: ...


@dataclass(frozen=True)
class Pipeline:
    """Passes in their order; prints as the text that gives it."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return str(NestStep(ModuleOp.name, self.steps))

    def run(
        self,
        context: Context,
        module: ModuleOp,
        instruments: Sequence[Instrument] = (),
        *,
        verify: bool = True,
    ) -> None:
        """Run on `module` in place, verifying after every pass; PassFailure says what failed."""
        runner = _Runner(context, instruments, verify)
        with errors_know_their_op():
            for index, step in enumerate(self.steps):
                for instrument in instruments:
                    instrument.before_step(Pipeline(self.steps[index:]), module)
                runner.run(step, module)


@dataclass(frozen=True)
class _Runner:
    context: Context
    instruments: Sequence[Instrument]
    verify: bool

    def run(self, step: Step, op: Operation) -> list[Operation]:
        """Run `step` on `op`; returns what stands in the place of `op` afterwards."""
        if isinstance(step, PassStep):
            return self.run_pass(step, op)
        inner = [child for block in _blocks(op) for child in block.ops if step.matches(child)]
        for child in inner:
            current = [child]
            for next_step in step.steps:
                after = [new for old in current for new in self.run(next_step, old)]
                current = [new for new in after if step.matches(new)]
        return [op]

    def run_pass(self, step: PassStep, op: Operation) -> list[Operation]:
        for instrument in self.instruments:
            instrument.before_pass(step, op)
        afterwards = False
        try:
            with alone(op) as (module, left):
                step.apply.apply(self.context, module)
            for instrument in self.instruments:
                instrument.after_pass(step, op)
            afterwards = True
            if self.verify:
                for result in left:
                    verify_all(result)
        except Exception as error:
            for instrument in self.instruments:
                instrument.after_failure(step, op, error)
            raise PassFailure(step.name, error, step.span, afterwards=afterwards) from error
        for instrument in self.instruments:
            instrument.after_verify(step, op)
        return left


def _blocks(op: Operation):
    return [block for region in op.regions for block in region.blocks]


def resolve_pipeline(text: str, name: str = "<pass-pipeline>") -> Pipeline:
    """The passes that `text` names; LocatedError shows every problem of the text with a caret."""
    problems: list[Message] = []
    steps: list[Step] = []
    for item in parse_pipeline_text(text, name):
        if isinstance(item, NestText) and item.anchor in (ModuleOp.name, ANY_OP):
            steps.extend(_resolve_items(item.items, problems, ()))
        else:
            steps.extend(_resolve_items((item,), problems, ()))
    if problems:
        raise LocatedError(*problems)
    return Pipeline(tuple(steps))


def _resolve_items(
    items: Sequence[PassText | NestText], problems: list[Message], within: tuple[str, ...]
) -> list[Step]:
    steps: list[Step] = []
    for item in items:
        if isinstance(item, NestText):
            _check_anchor(item, problems)
            steps.append(NestStep(item.anchor, tuple(_resolve_items(item.items, problems, within))))
        elif item.name in multiverse().all_passes:
            steps.extend(_resolve_pass(item, problems))
        elif item.name in PIPELINES:
            steps.extend(_resolve_named(item, PIPELINES[item.name], problems, within))
        else:
            hint = suggestion(item.name, [*multiverse().all_passes, *PIPELINES])
            text = f"unknown pass '{item.name}'{hint or '; see --list-passes'}"
            problems.append(span_message(text, item.span))
    return steps


def _check_anchor(item: NestText, problems: list[Message]) -> None:
    """Passes run on ops that are islands: refuse names of others, and names of no op at all."""
    anchor = item.anchor
    if anchor == ANY_OP:
        return
    if anchor in multiverse().all_passes or anchor in PIPELINES:
        text = f"'{anchor}' is a pass; its options go in braces: {anchor}{{...}}"
        problems.append(span_message(text, item.span))
        return
    factory = multiverse().all_dialects.get(anchor.partition(".")[0])
    ops = {op.name: op for op in factory().operations} if factory else {}
    if anchor not in ops:
        hint = suggestion(anchor, ops) or "; a nested pipeline is named by an op, as func.func(...)"
        problems.append(span_message(f"unknown op '{anchor}'{hint}", item.span))
    elif not ops[anchor].has_trait(IsolatedFromAbove):
        text = (
            f"passes cannot be nested on '{anchor}': it may use values from outside "
            "(it is not isolated from above); nest them on the function around it"
        )
        problems.append(span_message(text, item.span))


def _resolve_pass(item: PassText, problems: list[Message]) -> list[Step]:
    if item.external is not None:
        spec = parse_spec(f"{item.name}[{item.external}]")
        return [PassStep(multiverse().all_passes[item.name]().from_spec(spec), item.span)]
    try:
        pass_type = multiverse().all_passes[item.name]()
    except Exception as error:
        text = f"pass '{item.name}' cannot be loaded: {type(error).__name__}: {error}"
        problems.append(span_message(text, item.span))
        return []
    built = build_from_text("pass", item, pass_type, problems)
    return [] if built is None else [PassStep(built, item.span)]


class _OptionTemplate(Template):
    """`$io-layout`: the names of options have hyphens."""

    idpattern = r"(?a:[a-z][a-z0-9_-]*)"


def _resolve_named(
    item: PassText, named: NamedPipeline, problems: list[Message], within: tuple[str, ...]
) -> list[Step]:
    if item.name in within:
        chain = " -> ".join([*within, item.name])
        problems.append(span_message(f"pipeline '{item.name}' names itself: {chain}", item.span))
        return []
    values = dict(named.options)
    for option in item.options:
        if option.key not in values:
            text = f"pipeline '{item.name}' has no option '{option.key}'"
            text += suggestion(option.key, values) or known_options(list(values))
            problems.append(span_message(text, option.span))
        else:
            values[option.key] = ",".join(_quote(v) if q else v for v, q in option.values) or "true"
    for missing in [key for key, value in values.items() if value is None]:
        text = f"pipeline '{item.name}' needs the option '{missing}'"
        problems.append(span_message(text, item.span))
        values[missing] = "missing"
    text = _OptionTemplate(named.passes).substitute(values)
    items = parse_pipeline_text(text, f"<pipeline {item.name}>")
    steps = _resolve_items(items, problems, (*within, item.name))
    return [_named_at(item.span, step) for step in steps]


def _named_at(span: Span, step: Step) -> Step:
    """A step of a named pipeline, which stands in the text where the pipeline is named."""
    if isinstance(step, PassStep):
        return replace(step, span=span)
    return replace(step, steps=tuple(_named_at(span, inner) for inner in step.steps))


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def spec_text(spec: ArgSpec) -> str:
    """`name{a=1 b="x"}`: text that resolve_pipeline reads back as the same."""

    def value(item: ParameterType) -> str:
        if isinstance(item, bool):
            return str(item).lower()
        return _quote(item) if isinstance(item, str) else str(item)

    options = " ".join(
        f"{key.replace('_', '-')}={','.join(map(value, values))}" if values else key
        for key, values in spec.parameters.items()
    )
    return f"{spec.name}{{{options}}}" if options else spec.name
