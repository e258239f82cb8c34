"""What `runnel quantize` prints of its search."""

from __future__ import annotations

from ..on_target import OnTarget
from ..quantize import Attempt, Score, Search
from ..sensitivity import Sensitivity
from .text_table import text_table


def search_text(found: Search) -> str:
    """The table of attempts, what they are, and the outcome."""
    headers = (
        *("recipe", "simulated", "integer", "lost", "top-1", "top-3", "SQNR", "gain"),
        *("SQNR, gain out", "bytes", "seconds"),
    )
    rows = [row(attempt) for attempt in found.attempts]
    lines = [f"  {a.recipe}: {a.why}" for a in found.attempts]
    lines += [
        f"  {method} has {less:.2f} dB less SQNR than min-max here"
        for method, less in found.noisier
    ]
    why = "\n".join(lines)
    return f"{text_table(headers, rows)}\n{why}\n\n{pareto_table(found)}{outcome(found)}"


def pareto_table(found: Search) -> str:
    """What the choice of bits was made from; nothing where none was made."""
    points = found.pareto
    if not points:
        return ""
    headers = ("bits", "SQNR", "lost", "bytes of parameters", "of activations", "cycles", "")
    rows = [
        (
            *(point.bits, f"{point.sqnr:.2f} dB"),
            None if point.drop is None else f"{point.drop:+.2f}",
            *(f"{point.parameters:,}", f"{point.activations:,}", f"{point.cycles:,.0f}"),
            "chosen" if point.chosen else None,
        )
        for point in points
    ]
    note = f"on calibration data; cycles: {points[0].model}"
    return f"{text_table(headers, rows)}  {note}\n\n"


def row(attempt: Attempt) -> tuple[str | None, ...]:
    fidelity = attempt.exact.fidelity
    return (
        str(attempt.recipe),
        share(accuracy_of(attempt.simulated)),
        share(accuracy_of(attempt.exact)),
        None if attempt.drop is None else f"{attempt.drop:+.2f}",
        share(fidelity.top1),
        share(fidelity.top3),
        f"{fidelity.sqnr:.2f} dB",
        f"{fidelity.gain:.4f}",
        f"{fidelity.compensated:.2f} dB",
        f"{attempt.price.parameters:,}",
        f"{attempt.seconds:.1f}",
    )


def accuracy_of(score: Score) -> float | None:
    """Top-1 with labels, agreement with float without."""
    return score.fidelity.top1 if score.accuracy is None else score.accuracy


def share(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.2f} %"


def outcome(found: Search) -> str:
    """One or two lines: what was chosen, and how sure that is."""
    best, goal = found.best, found.goal
    fidelity = best.exact.fidelity
    lines: list[str] = []
    if found.accuracy is not None:
        lines.append(f"float: {100 * found.accuracy:.2f} % on {fidelity.samples} samples")
    if fidelity.top1 is not None and fidelity.error is not None:
        lines.append(
            f"agreement with float: {100 * fidelity.top1:.2f} % "
            f"+- {100 * fidelity.error:.2f} (one standard error)"
        )
    price = best.price
    if goal.counts:
        cycles = f"{price.cycles:,.0f} modelled cycles"
        lines.append(f"cost: {price.parameters:,} bytes of parameters, {cycles}")
    if not goal.fits(price):
        lines.append("nothing is cheap enough and keeps the target")
    wanted = f"{goal.drop:g} points" if best.drop is not None else f"{goal.sqnr:g} dB"
    got = f"{best.drop:+.2f} points" if best.drop is not None else f"{fidelity.sqnr:.1f} dB"
    verdict = "meets" if best.kept else "is the best, but misses"
    lines.append(f"chosen: {best.recipe}; it {verdict} the target of {wanted} ({got})")
    return "\n".join(lines)


def on_target_text(seen: OnTarget) -> str:
    if seen.deviation is not None:
        kept = f"off by {seen.deviation:.1g} of the range (layers in float) from"
    else:
        kept = "the same bytes as" if seen.equal else "OTHER BYTES than"
    right = "" if seen.accuracy is None else f", {100 * seen.accuracy:.2f} % right"
    level = "the integer program in the interpreter"
    return f"on {seen.where}: {kept} {level} on {seen.samples} samples{right}"


def sensitivity_table(layers: list[Sensitivity]) -> str:
    rows = [
        (
            *(entry.layer.name, entry.layer.op, f"{entry.only:.2f}"),
            *(f"{entry.without:.2f}", f"{entry.gain:.4f}"),
        )
        for entry in layers
    ]
    headers = ("layer", "op", "only it: SQNR (dB)", "all but it: SQNR (dB)", "gain, only it")
    return text_table(headers, rows)
