"""What the NPU refuses and why, the layout of its constants, and requantization that it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from npu_layers import FIT, Case, fitted, layer_module, layer_of, npu_unit, random_case
from test_emulator_npu import Job, encode
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType

from runnel.dialects import quant
from runnel.dialects.diagnostics import add_remark_handler
from runnel.dialects.npu_chunk import Chunk, Constants, decode_weights, encode_weights
from runnel.dialects.npu_job import Geometry, Kind, Mode, Pitch, cycles, room_problem
from runnel.passes.place.npu_model import MODEL, Layer, constants_of, geometry_of, mode_of
from runnel.runtime.interpreter import run
from runnel.tools.pipeline import resolve_pipeline
from runnel.tools.registry import new_context

PLAIN = Case(Kind.DENSE, 8, 8, 16, 16, pads=(1, 1, 1, 1))


def refusal(case: Case) -> str | None:
    return MODEL.refuses(layer_of(fitted(case)), npu_unit())


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (PLAIN, None),
        (replace(PLAIN, strides=(2, 2)), None),
        (replace(PLAIN, strides=(3, 3), pads=(0, 0, 0, 0)), "strides of 1 or 2, here [3, 3]"),
        (replace(PLAIN, kernel=5, pads=(2, 2, 2, 2)), "its kernels are 1x1 or 3x3, not 5x5"),
        (replace(PLAIN, kind=Kind.DEPTHWISE, kernel=1), "its depthwise kernels are 3x3, not 1x1"),
        (replace(PLAIN, pads=(2, 0, 0, 0)), "a 3x3 kernel takes at most 1 of padding"),
        (replace(PLAIN, kind=Kind.POINTWISE), "a 1x1 kernel takes at most 0 of padding"),
        (replace(PLAIN, clamp=(-128, 100)), "clamps to [-128, 127] only, here to [-128, 100]"),
    ],
)
def test_the_model_names_the_constraint(case: Case, reason: str | None):
    found = refusal(case)
    assert found is None if reason is None else found is not None and reason in found


def test_what_fit_requant_repairs_is_refused_before():
    before = layer_of(layer_module(PLAIN))
    assert MODEL.refuses(before, npu_unit()) == (
        f"it shifts by at most 31, here by {before.requant.shift_array().max()}; run fit-requant"
    )
    assert MODEL.refuses(layer_of(fitted(PLAIN)), npu_unit()) is None


def test_rounding_and_overflow_are_refused():
    op = layer_of(layer_module(PLAIN))
    m, clamp = op.requant.multiplier_array(), op.requant.clamp
    op.requant = quant.RequantAttr.get(m, np.full(len(m), 31), "half_even", clamp)
    assert "rounds half up or down, not 'half_even'" in str(MODEL.refuses(op, npu_unit()))
    op.requant = quant.RequantAttr.get(m, np.full(len(m), 31), "single", clamp)
    assert f"times {m[0]} and the bias leave 32 bits" in str(MODEL.refuses(op, npu_unit()))


def test_other_ops_are_refused():
    module = layer_module(PLAIN)
    assert MODEL.refuses(module, npu_unit()) == "it runs convolutions and matrix products only"


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("channels", [1, 27, 28, 29, 32, 33, 65])
def test_weights_come_back_from_their_bits(kind: Kind, bits: int, channels: int):
    random = np.random.default_rng(channels)
    low = -(1 << (bits - 1))
    depth = 1 if kind is Kind.DEPTHWISE else channels
    k = kind.kernel
    weights = random.integers(low, -low, (channels + 3, k, k, depth))
    data = np.frombuffer(encode_weights(kind, bits, weights), np.uint8)
    back = decode_weights(kind, bits, data, depth, len(weights))
    assert np.array_equal(back, weights)
    chunk = Chunk(Mode(kind, weight_bits=bits), depth, len(weights))
    assert chunk.weights_size == data.size
    # The emulator's test has an encoder of its own.
    stored = (weights - low).reshape(len(weights), k * k, depth).astype(np.uint8)
    job = Job(k, kind is Kind.DEPTHWISE, 1, 1, channels, len(weights), bits)
    assert encode(job, stored) == data.tobytes()


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"weights of \[0, 4\] do not fit 3 bits"):
        encode_weights(Kind.POINTWISE, 3, np.arange(5).reshape(5, 1, 1, 1))


@pytest.mark.parametrize(("scale_bits", "shift"), [(8, None), (8, 5), (32, None), (32, 31)])
def test_chunks_have_room_for_missing_channels(scale_bits: int, shift: int | None):
    random = np.random.default_rng(1)
    mode = Mode(Kind.POINTWISE, scale_bits=scale_bits, shift=shift)
    chunk = Chunk(mode, 40, 13)
    shifts = random.integers(0, 32, 9) if shift is None else np.full(9, shift)
    constants = Constants(
        random.integers(-128, 128, (9, 1, 1, 40)),
        random.integers(-(2**31), 2**31, 9),
        random.integers(0, 256, 9),
        shifts,
    )
    data = chunk.pack(constants)
    assert data.size == chunk.size
    assert all(offset % 4 == 0 for offset in (chunk.bias, chunk.scale, chunk.shift, chunk.size))
    found = chunk.unpack(data)
    assert len(found.bias) == 13
    for name in ("weights", "bias", "scale", "shift"):
        assert np.array_equal(getattr(found.slice(0, 9), name), getattr(constants, name)), name


def narrowed(case: Case, bits: int = 0) -> tuple[ModuleOp, ModuleOp]:
    pipeline = f"{FIT}{{scale-bits={bits}}}" if bits else FIT
    return layer_module(case), fitted(case, pipeline)


@pytest.mark.parametrize("seed", range(30))
def test_fitted_outputs_move_by_at_most_one(seed: int):
    case = random_case(np.random.default_rng(1000 + seed))
    before, after = narrowed(case)
    op = layer_of(after)
    x = np.random.default_rng(seed).integers(-128, 128, quant.shape_of(op.input)).astype(np.int8)
    a, b = (next(iter(run(m, [x]).values())).astype(int) for m in (before, after))
    assert np.abs(a - b).max() <= 1
    assert (a != b).mean() < 0.06


def test_narrow_scales_are_coarser_and_shorter():
    case = Case(Kind.POINTWISE, 12, 12, 64, 64)
    wide, narrow = layer_of(fitted(case)), layer_of(narrowed(case, 8)[1])
    assert (mode_of(wide).scale_bits, mode_of(narrow).scale_bits) == (32, 8)
    assert narrow.requant.multiplier_array().max() < 256 < wide.requant.multiplier_array().max()
    assert MODEL.cost(narrow, npu_unit()) < MODEL.cost(wide, npu_unit())


def test_fitting_twice_changes_nothing():
    module = fitted(PLAIN)
    text = str(module)
    resolve_pipeline("fit-requant").run(new_context(), module)
    assert str(module) == text


def test_a_channel_without_weights_keeps_its_constant():
    """Its bias is as large as it can be, its multiplier tiny: what QDQ models have there."""
    module = layer_module(PLAIN)
    op = layer_of(module)
    weights, bias = quant_arrays(op)
    weights[3], bias[3] = 0, 2**30
    m, s = op.requant.multiplier_array().copy(), op.requant.shift_array().copy()
    m[3], s[3] = 1_500_000_000, 56  # 22.35 in all
    replace_constants(op, weights, bias)
    op.requant = quant.RequantAttr.get(m, s, "single", op.requant.clamp)
    messages: list[str] = []
    stop = add_remark_handler(lambda remark: messages.append(f"{remark.kind}: {remark.message}"))
    resolve_pipeline(FIT).run(new_context(), module)
    stop()
    (message,) = messages
    assert message.startswith("passed: multipliers are off by at most 0.0")
    (y,) = run(module, [np.zeros(quant.shape_of(op.input), np.int8)]).values()
    assert (y[..., 3] == np.clip(22 + quant.quantized(op.result).zero_point, -128, 127)).all()


def quant_arrays(op: Layer) -> tuple[Any, Any]:
    from runnel.dialects.graph import constant_array

    weights, bias = constant_array(op.weight), constant_array(op.bias)
    assert weights is not None and bias is not None
    return weights.copy(), bias.copy()


def replace_constants(op: Layer, weights: Any, bias: Any) -> None:
    from runnel.passes.graph.constants import new_constant

    block = op.parent
    assert block is not None
    for index, array in ((1, weights), (2, bias)):
        type = op.operands[index].type
        assert isinstance(type, TensorType)
        constant = new_constant(op, "new", array, type)
        block.insert_op_before(constant, op)
        op.operands[index] = constant.result


def test_a_multiplier_too_great_is_missed():
    module = layer_module(PLAIN)
    op = layer_of(module)
    count = len(op.requant.multiplier_array())
    op.requant = quant.RequantAttr.get([2**30] * count, [10] * count, "single", (-128, 127))
    messages: list[str] = []
    stop = add_remark_handler(lambda remark: messages.append(f"{remark.kind}: {remark.message}"))
    resolve_pipeline(FIT).run(new_context(), module)
    stop()
    assert messages == ["missed: channel 0: no multiplier is near 1.05e+06"]
    assert op.requant.rounding == StringAttr("single")


def test_room_between_the_outputs_of_a_strided_job():
    mode = Mode(Kind.DEPTHWISE, strides=(2, 2))
    g = geometry_of(layer_of(layer_module(replace(PLAIN, kind=Kind.DEPTHWISE, strides=(2, 2)))))
    channels, width = g.out_c, g.out_w
    assert "do not fit between pixels" in str(room_problem(mode, g))
    wide = replace(g, y=Pitch(2 * (2 * width - 1) * channels, 2 * channels))
    assert room_problem(mode, wide) is None
    tight = replace(g, y=Pitch(wide.y.row - 2, wide.y.pixel))
    assert "does not fit between rows" in str(room_problem(mode, tight))
    odd = replace(g, y=Pitch(wide.y.row, wide.y.pixel + 1))
    assert "no multiples of the strides (2, 2)" in str(room_problem(mode, odd))


def test_constants_hold_zero_points_and_rounding():
    op = layer_of(fitted(PLAIN))
    constants = constants_of(op)
    _, bias = quant_arrays(op)
    m, s = (a.astype(np.int64) for a in (op.requant.multiplier_array(), op.requant.shift_array()))
    zero = quant.quantized(op.result).zero_point
    assert np.array_equal(constants.bias, bias * m + (1 << (s - 1)) + zero * (1 << s))


def test_a_whole_layer_is_one_job_on_dense_buffers():
    g = geometry_of(layer_of(layer_module(Case(Kind.POINTWISE, 0, 3, 20, 7))))
    assert g == Geometry(1, 3, 20, 1, 3, 7, 0, 0, Pitch(60, 20), Pitch(21, 7))


@pytest.mark.parametrize("seed", range(8))
def test_tiles_cost_what_their_jobs_take(seed: int):
    """Arrays of extents give what each job gives by itself."""
    random = np.random.default_rng(seed)
    case = random_case(random)
    op, unit = layer_of(fitted(case)), npu_unit()
    mode, whole = mode_of(op), geometry_of(op)
    extents = [random.integers(1, 40, 6) for _ in range(3)]
    costs = MODEL.tile_cost(op, unit, [np.ones(6, np.int64), *extents])
    for (height, width, channels), cost in zip(zip(*extents, strict=True), costs, strict=True):
        depth = channels if mode.kind is Kind.DEPTHWISE else whole.in_c
        g = replace(whole, out_h=height, out_w=width, out_c=channels, in_c=depth)
        assert cost == cycles(mode, g) + float(unit.fact("job_cycles"))


def test_a_common_shift_where_it_is_near_enough():
    case = Case(Kind.POINTWISE, 4, 4, 32, 40)
    even, odd = (mode_of(layer_of(fitted(replace(case, seed=seed)))) for seed in (2, 3))
    assert even.shift is not None and odd.shift is None
