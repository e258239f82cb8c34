"""Recipes of quantization: which methods, in which order, for what reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

MIXED, CORRECTION = "mixed-precision", "correct-bias"


@dataclass(frozen=True)
class Recipe:
    """One way to quantize: a calibration method, and passes around the placing of quantizers."""

    method: str
    before: tuple[str, ...] = ()
    """Passes on the float graph; `$data` stands for the data file, here and below, and `$channels`
    for whether weights have a scale per channel.
    """
    after: tuple[str, ...] = ()
    """Passes on the graph with casts."""
    per_channel: bool = True
    encodings: Path | None = None
    """A file with the grids of tensors, which come before calibrated ranges."""
    between: tuple[str, ...] = ()
    """Passes on the calibrated graph."""

    def __str__(self) -> str:
        given = () if self.encodings is None else ("encodings",)
        parts = (*self.before, *given, self.method, *self.between, *self.after)
        return " + ".join(SHORT.get(part.partition("{")[0], part) for part in parts)

    @property
    def narrow(self) -> bool:
        """Whether bits of weights are chosen."""
        return any("weight-bits" in step for step in self.between)

    @property
    def plain(self) -> bool:
        """Whether it is a calibration and nothing else."""
        return not (self.before or self.between or self.after)

    def pipeline(self, data: Path) -> str:
        """The passes from the simplified float graph to simulated quantization."""
        channels = str(self.per_channel).lower()
        steps = (
            *(
                step.replace("$data", f'"{data}"').replace("$channels", channels)
                for step in self.before
            ),
            f'calibrate{{data="{data}" method={self.method}}}',
            *self.given(),
            *(step.replace("$data", f'"{data}"') for step in self.between),
            f"insert-quant-casts{{per-channel={channels}}}",
            *(step.replace("$data", f'"{data}"') for step in self.after),
            *self.corrected(data),
            "round-biases",
            "round-results",
        )
        return ",".join(steps)

    def corrected(self, data: Path) -> tuple[str, ...]:
        """What the pipeline `quantize` does by default, too, if biases are not corrected anyway."""
        if any(step.startswith(CORRECTION) for step in self.after):
            return ()
        return (f'{CORRECTION}{{method=narrow data="{data}"}}',)

    def given(self) -> tuple[str, ...]:
        if self.encodings is None:
            return ()
        return (f'import-encodings{{file="{self.encodings}" strict=false}}',)


SHORT = {
    "equalize": "equalization",
    "equalize-depthwise": "depthwise equalization",
    "equalize-noise": "noise equalization",
    "tune-ranges": "tuned ranges",
    "round-weights": "rounding",
    "correct-bias": "bias correction",
    "mixed-precision": "mixed precision",
}
"""What a table calls a pass."""

CALIBRATIONS = {
    "min-max": "ranges are all that was seen",
    "mse": "ranges with the least squared error",
    "percentile": "ranges leave out 0.01 % of the values on each side",
}
"""Tried one after another; the best one stays."""


@dataclass(frozen=True)
class Addition:
    """A pass that is added to the best recipe so far, and stays if it helps."""

    step: str
    why: str
    place: Literal["before", "between", "after"] = "after"
    """The field of a recipe that it goes to."""

    @property
    def name(self) -> str:
        return self.step.partition("{")[0]

    def to(self, recipe: Recipe) -> Recipe:
        match self.place:
            case "before":
                return replace(recipe, before=(*recipe.before, self.step))
            case "between":
                return replace(recipe, between=(*recipe.between, self.step))
            case "after":
                return replace(recipe, after=(*recipe.after, self.step))


ADDITIONS = (
    Addition("equalize", "weights of neighbouring layers get equal ranges per channel", "before"),
    Addition(
        "equalize-depthwise{data=$data}",
        "channels that a depthwise layer reads get equal ranges",
        "before",
    ),
    Addition(
        "equalize-noise{data=$data per-channel=$channels}",
        "channels are scaled by the noise that they bring to the output",
        "before",
    ),
    Addition("round-weights{data=$data}", "weights are rounded by what that does to the output"),
    Addition("correct-bias{data=$data}", "biases take out the mean error of each layer"),
    Addition(
        "tune-ranges{data=$data}",
        "ends of ranges move to where the logits suffer least",
        "between",
    ),
    Addition(
        "mixed-precision{data=$data sqnr=25}",
        "activations that make the most noise get 16 bits",
        "between",
    ),
)
"""In the order of their cost, but biases after rounding: one corrected for other weights is
wrong for new ones.
"""


def narrowed(recipe: Recipe, options: str, activation_bits: Sequence[int]) -> Recipe:
    """The same with bits chosen for each weight, which are then rounded by what that does."""
    bits = ",".join(map(str, activation_bits))
    channels = str(recipe.per_channel).lower()
    step = f"{MIXED}{{data=$data activation-bits={bits} per-channel={channels} points=8 {options}}}"
    others = tuple(s for s in recipe.between if not s.startswith(MIXED))
    rounding = "round-weights{data=$data}"
    after = recipe.after if rounding in recipe.after else (*recipe.after, rounding)
    return replace(recipe, between=(*others, step), after=after)
