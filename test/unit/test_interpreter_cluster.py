"""Cluster kernels on windows, tile by tile, give what the quant op gives on the whole tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cluster_programs import Sliding, Text, memref, pack_chunk, sliding_program, window_type
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.parser import Parser

from runnel.dialects.cluster_chunk import ChunkAttr
from runnel.dialects.cortexm import PackingAttr
from runnel.dialects.diagnostics import RunnelError
from runnel.dialects.graph import add_global
from runnel.runtime.interpreter import run
from runnel.tools.registry import new_context

Array = NDArray[Any]
IN, OUT = "!quant.uniform<i8:f32, 0.5:-3>", "!quant.uniform<i8:f32, 0.25:7>"
WEIGHT = "!quant.uniform<i8:f32, 0.5>"


def parse(text: str, constants: dict[str, tuple[Array, str]] | None = None) -> ModuleOp:
    """A module; constants by name with the type of their elements."""
    context = new_context()
    module = Parser(context, text).parse_module()
    for name, (array, element) in (constants or {}).items():
        shape = "x".join(map(str, array.shape))
        type = Parser(context, f"tensor<{shape}x{element}>").parse_type()
        assert isinstance(type, TensorType)
        add_global(module, name, array, type)
    module.verify()
    return module


def tensor(shape: tuple[int, ...], element: str) -> str:
    return f"tensor<{'x'.join(map(str, shape))}x{element}>"


def array_text(kind: str, *values: int) -> str:
    return f"array<{kind}: {', '.join(map(str, values))}>"


class Layer:
    """A random 2-D layer: sizes, window, and how it is cut into tiles."""

    def __init__(self, seed: int, *, dilated: bool = True, depthwise: bool = False):
        self.random = random = np.random.default_rng(seed)

        def pick(*choices: int) -> int:
            return int(random.choice(choices))

        self.channels = pick(1, 3, 4, 8)
        self.depthwise = depthwise
        self.out = self.channels if depthwise else pick(1, 2, 5, 8)
        sliding: list[Sliding] = []
        self.pads = [0, 0, 0, 0]
        for axis in range(2):
            kernel, stride = pick(1, 2, 3), pick(1, 2)
            dilation = pick(1, 1, 2) if dilated else 1
            before, behind = (pick(*range(kernel)) for _ in range(2))
            size = pick(*range(kernel * dilation, 12))
            out = (size + before + behind - (kernel - 1) * dilation - 1) // stride + 1
            self.pads[axis], self.pads[2 + axis] = before, behind
            sliding.append(Sliding(kernel, stride, dilation, before, size, out))
        self.rows, self.columns = sliding
        self.kernel = (self.rows.kernel, self.columns.kernel)
        self.tile = [int(random.integers(1, n + 1)) for n in (self.rows.out, self.columns.out)]
        self.tile.append(int(random.integers(1, self.out + 1)))
        self.x = random.integers(-128, 128, self.in_shape).astype(np.int8)

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (1, self.rows.size, self.columns.size, self.channels)

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (1, self.rows.out, self.columns.out, self.out)

    @property
    def numbers(self) -> dict[str, str]:
        """Strides, pads and dilations as quant ops spell them."""
        s = (self.rows, self.columns)
        return {
            "strides": array_text("i64", *(a.stride for a in s)),
            "pads": array_text("i64", *self.pads),
            "dilations": array_text("i64", *(a.dilation for a in s)),
        }

    @property
    def window(self) -> str:
        """The property of cluster ops."""
        s = (self.rows, self.columns)
        numbers = [getattr(a, name) for name in ("kernel", "stride", "dilation") for a in s]
        return f"window = {array_text('i64', *numbers)}"

    def whole(self, op: str, types: str, properties: str, leave_out: str = "") -> Array:
        """The quant op on the whole tensor; `types` are those of its constants."""
        numbers = ", ".join(f"{k} = {v}" for k, v in self.numbers.items() if k != leave_out)
        ins, out = tensor(self.in_shape, IN), tensor(self.out_shape, self.out_element)
        constants = "".join(
            f"%{name} = graph.constant @{name} : {type}\n"
            for name, type in zip("wb", types.split(" and "), strict=False)
            if type
        )
        operands = "%x, %w, %b" if constants else "%x"
        listed = ", ".join([ins, *(t for t in types.split(" and ") if t)])
        text = (
            f"func.func @net(%x: {ins}) -> {out} {{\n{constants}%y = {op} {operands} "
            f'{{{numbers}, layout = "nhwc"{properties}}} : ({listed}) -> {out}\n'
            f"func.return %y : {out}\n}}"
        )
        return run(parse(text, self.constants), [self.x])["output0"]

    out_element = OUT
    constants: dict[str, tuple[Array, str]] | None = None

    def tiled(
        self, op: str, properties: str, chunks: list[Array] | None, channelwise: bool
    ) -> Array:
        """The cluster op on windows."""
        module = sliding_program(
            op, properties, self.channels, self.rows, self.columns, self.out, self.tile,
            (IN, self.out_element), chunks, channelwise=channelwise,
        )  # fmt: skip
        return run(module, [self.x])["output0"]


PACKINGS = [
    PackingAttr.get(),
    PackingAttr.get(4, 4),
    PackingAttr.get(2, 4, column_first=True),
]


def check_convolution(layer: Layer, packing: PackingAttr, rounding: str) -> None:
    random, out = layer.random, layer.out
    depth = 1 if layer.depthwise else layer.channels
    w = random.integers(-128, 128, (out, *layer.kernel, depth)).astype(np.int8)
    b = random.integers(-5000, 5000, out).astype(np.int32)
    multipliers = random.integers(1 << 30, 1 << 31, out, dtype=np.int64).astype(np.int32)
    shifts = random.integers(36, 42, out)
    groups = out if layer.depthwise else 1
    layer.constants = {"w": (w, WEIGHT), "b": (b, "i32")}
    requant = f"#quant.requant<{multipliers.tolist()}, {shifts.tolist()}, {rounding}, [-100, 120]>"
    expected = layer.whole(
        "quant.conv2d",
        f"{tensor(w.shape, WEIGHT)} and {tensor(b.shape, 'i32')}",
        f", groups = {groups} : i64, requant = {requant}",
    )
    tile = layer.tile[2]
    attr = ChunkAttr.get(tile, depth * layer.kernel[0] * layer.kernel[1], packing)
    starts = range(0, out, tile)
    # the shift before the product: two bits of every shift
    chunks = [
        pack_chunk(
            attr,
            w[i : i + tile],
            b[i : i + tile],
            multipliers[i : i + tile],
            shifts[i : i + tile] + 2,
            layer.kernel,
            depthwise=layer.depthwise,
        )
        for i in starts
    ]
    properties = (
        f'kernel = "k", {layer.window}, groups = {groups} : i64, chunk = {attr}, '
        f'acc_shift = 2 : i32, rounding = "{rounding}", clamp = array<i32: -100, 120>'
    )
    found = layer.tiled("cluster.conv2d", properties, chunks, layer.depthwise)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from(PACKINGS), st.sampled_from(["single", "floor"]))
def test_convolution(seed: int, packing: PackingAttr, rounding: str):
    check_convolution(Layer(seed), packing, rounding)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(PACKINGS[:2]))
def test_depthwise_convolution(seed: int, packing: PackingAttr):
    layer = Layer(seed, depthwise=True)
    if layer.out > 1:
        check_convolution(layer, packing, "single")


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_average_pool(seed: int):
    layer = Layer(seed, dilated=False, depthwise=True)
    kernel = array_text("i64", *layer.kernel)
    expected = layer.whole(
        "quant.avg_pool2d", "",
        f", kernel = {kernel}, requant = #quant.requant<[1395864371], [33], single, [-128, 127]>",
        "dilations",
    )  # fmt: skip
    properties = (
        f'kernel = "k", {layer.window}, multiplier = 1395864371 : i32, shift = 34 : i32, '
        'acc_shift = 1 : i32, rounding = "single", clamp = array<i32: -128, 127>'
    )
    found = layer.tiled("cluster.avg_pool2d", properties, None, True)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_max_pool(seed: int):
    layer = Layer(seed, dilated=False, depthwise=True)
    layer.out_element = IN
    kernel = array_text("i64", *layer.kernel)
    expected = layer.whole("quant.max_pool2d", "", f", kernel = {kernel}", "dilations")
    found = layer.tiled("cluster.max_pool2d", f'kernel = "k", {layer.window}', None, True)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_unfold(seed: int):
    layer = Layer(seed, dilated=False)
    elements = layer.kernel[0] * layer.kernel[1] * layer.channels
    layer.out_element, layer.out = IN, elements + seed % 4
    layer.tile[2] = layer.out
    kernel = array_text("i64", *layer.kernel)
    expected = layer.whole("quant.unfold", "", f", kernel = {kernel}", "dilations")
    (top, left), (bottom, right) = layer.pads[:2], layer.pads[2:]
    image = np.pad(layer.x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=-3)
    for y, x in np.ndindex(expected.shape[1:3]):
        rows, columns = y * layer.rows.stride, x * layer.columns.stride
        window = image[0, rows:, columns:][: layer.kernel[0], : layer.kernel[1]]
        np.testing.assert_array_equal(expected[0, y, x, :elements], window.ravel())
    assert (expected[..., elements:] == -3).all()
    found = layer.tiled("cluster.unfold", f'kernel = "k", {layer.window}', None, False)
    np.testing.assert_array_equal(found, expected)


def test_fully_connected_in_tiles_of_outputs():
    random = np.random.default_rng(1)
    inputs, outputs, tile = 21, 10, 4
    x, w = (random.integers(-128, 128, s).astype(np.int8) for s in ((1, inputs), (outputs, inputs)))
    b = random.integers(-5000, 5000, outputs).astype(np.int32)
    multipliers = random.integers(1 << 30, 1 << 31, outputs, dtype=np.int64).astype(np.int32)
    shifts = random.integers(38, 42, outputs)
    attr = ChunkAttr.get(tile, inputs, PackingAttr.get(4, 4))
    chunks = [
        pack_chunk(
            attr,
            w[i : i + tile].reshape(-1, 1, 1, inputs),
            b[i : i + tile],
            multipliers[i : i + tile],
            shifts[i : i + tile],
            (1, 1),
        )
        for i in range(0, outputs, tile)
    ]
    size = len(chunks[0])
    text = Text()
    x_type, y_type = memref((1, inputs), IN, "l2"), memref((1, outputs), OUT, "l2")
    xs = text.buffer((1, inputs), IN, "l2", '"input" 0')
    ys = text.buffer((1, outputs), OUT, "l2", '"output" 0')
    far = text.value(f"dma.constant @c : {memref((3, size), 'i8', 'l2')}")
    xt, ct = text.buffer((1, inputs), IN, "l1"), text.buffer((2, size), "i8", "l1")
    yt = text.buffer((1, tile), OUT, "l1")
    text.line(f"dma.copy {xs} to {xt} : {x_type} to {memref((1, inputs), IN, 'l1')}")
    counter = text.loop(3)
    slot = text.index("remui", counter, 2)
    source, type = text.window(far, (3, size), "i8", "l2", (counter, 0), (1, size))
    chunk, near = text.window(ct, (2, size), "i8", "l1", (slot, 0), (1, size))
    start = text.index("muli", counter, tile)
    count = text.index("minsi", text.index("subi", outputs, start), tile)
    ys, y_type = text.window(ys, (1, outputs), OUT, "l2", (0, start), (1, count))
    yw, yw_type = text.window(yt, (1, tile), OUT, "l1", (0, 0), (1, count))
    text.line(f"dma.copy {source} to {chunk} : {type} to {near}")
    text.line(
        f"cluster.fully_connected ins({xt} : {memref((1, inputs), IN, 'l1')}) "
        f"constants({chunk} : {near}) outs({yw} : {yw_type}) {{"
        f'kernel = "k", chunk = {attr}, acc_shift = 0 : i32, rounding = "double", '
        "clamp = array<i32: -128, 100>}"
    )
    text.line(f"dma.copy {yw} to {ys} : {yw_type} to {y_type}")
    text.line("}")
    found = run(text.module({"c": np.stack(chunks)}), [x])["output0"]
    reference = parse(
        f"func.func @net(%x: {tensor(x.shape, IN)}) -> {tensor((1, outputs), OUT)} {{\n"
        f"%w = graph.constant @w : {tensor(w.shape, WEIGHT)}\n"
        f"%b = graph.constant @b : tensor<{outputs}xi32>\n"
        f"%y = quant.fully_connected %x, %w, %b {{requant = #quant.requant<{multipliers.tolist()}, "
        f"{shifts.tolist()}, double, [-128, 100]>}} : ({tensor(x.shape, IN)}, "
        f"{tensor(w.shape, WEIGHT)}, tensor<{outputs}xi32>) -> {tensor((1, outputs), OUT)}\n"
        f"func.return %y : {tensor((1, outputs), OUT)}\n}}",
        {"w": (w, WEIGHT), "b": (b, "i32")},
    )
    np.testing.assert_array_equal(found, run(reference, [x])["output0"])


def test_add_and_table_on_windows_with_gaps():
    random = np.random.default_rng(2)
    x = random.integers(-128, 128, (1, 3, 4, 6)).astype(np.int8)
    table = random.permutation(np.arange(-128, 128)).astype(np.int8)
    text = Text()
    xs = text.buffer(x.shape, IN, "l1", '"input" 0')
    ys = text.buffer(x.shape, IN, "l1", '"output" 0')
    constant = text.value(f"dma.constant @t : {memref((1, 256), 'i8', 'l1')}")
    part = (1, 3, text.number(4), 3)
    low, type = text.window(xs, x.shape, IN, "l1", (0, 0, 0, 0), part)
    high, _ = text.window(xs, x.shape, IN, "l1", (0, 0, 0, 3), part)
    first, _ = text.window(ys, x.shape, IN, "l1", (0, 0, 0, 0), part)
    second, _ = text.window(ys, x.shape, IN, "l1", (0, 0, 0, 3), part)
    text.line(
        f"cluster.add ins({low}, {high} : {type}, {type}) outs({first} : {type}) "
        '{kernel = "k", multipliers = array<i32: 1000, -3000>, bias = 511 : i32, shift = 10 : i32, '
        "clamp = array<i32: -90, 127>}"
    )
    text.line(
        f"cluster.table ins({high} : {type}) constants({constant} : "
        f'{memref((1, 256), "i8", "l1")}) outs({second} : {type}) {{kernel = "k"}}'
    )
    found = run(text.module({"t": table.reshape(1, 256)}), [x])["output0"]
    a, b = x[..., :3].astype(int), x[..., 3:].astype(int)
    np.testing.assert_array_equal(
        found[..., :3], np.clip((a * 1000 - b * 3000 + 511) >> 10, -90, 127)
    )
    np.testing.assert_array_equal(found[..., 3:], table[b + 128])


FAR, NEAR = memref((4,), "i8", "l2"), memref((4,), "i8", "l1")
TRANSFER = f"{FAR} to {NEAR}"
BUFFERS = f"""
%x = dma.buffer "input" 0 : {FAR}
%y = dma.buffer "output" 0 : {FAR}
%z = dma.constant @z : {FAR}
%b = dma.buffer : {NEAR}
%o = dma.buffer : {NEAR}
%t = dma.token
"""
X = np.array([1, 2, 3, 4], np.int8)


def transfers(body: str) -> list[int]:
    """The output of a function on `BUFFERS` for the input X."""
    text = f"func.func @net() {{ {BUFFERS} {body} \n func.return }}"
    module = parse(text, {"z": (np.array([9, 9, 9, 9], np.int8), "i8")})
    return run(module, [X])["output0"].tolist()


START = f"dma.start %x to %b on %t : {TRANSFER}\n"
OUT_COPY = f"dma.copy %b to %y : {NEAR} to {FAR}\n"
POISONED = [-91] * 4


def test_a_transfer_ends_at_its_wait():
    assert transfers(f"{START} dma.wait %t \n {OUT_COPY}") == X.tolist()


def test_a_dropped_wait_shows():
    assert transfers(f"{START} {OUT_COPY}") == POISONED


def test_a_source_that_is_overwritten_too_early_shows():
    early = f"""dma.copy %x to %b : {TRANSFER}
    dma.start %b to %y on %t : {NEAR} to {FAR}
    dma.copy %z to %b : {TRANSFER}
    dma.wait %t"""
    assert transfers(early) == [9] * 4


def test_a_target_that_is_overwritten_too_early_shows():
    assert transfers(f"{START} dma.copy %z to %b : {TRANSFER}\n dma.wait %t\n {OUT_COPY}") == (
        X.tolist()
    )


@pytest.mark.parametrize("body", [f"{START} dma.wait %t\n dma.wait %t", f"dma.wait %t\n {START}"])
def test_a_token_is_used_up_by_its_wait(body: str):
    with pytest.raises(RunnelError, match="the token was already waited for"):
        transfers(body)


def test_a_window_beyond_the_buffer_is_refused():
    n = "%n = arith.constant 3 : index\n"
    window = f"%w = memref.subview %x[%n][2][1] : {FAR} to {window_type((4,), (2,), 'i8', 'l2')}"
    with pytest.raises(RunnelError, match=r"takes 3\.\.4 of dimension 0, which has 4 elements"):
        transfers(n + window)


def test_a_token_goes_through_loops_and_branches():
    body = f"""
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    {START}
    %last = scf.for %i = %c0 to %c3 step %c1 iter_args(%now = %t) -> (!dma.token) {{
      dma.wait %now
      %next = dma.token
      %odd = arith.remui %i, %c3 : index
      %first = arith.cmpi eq, %odd, %c0 : index
      %held = scf.if %first -> (!dma.token) {{
        dma.start %z to %b on %next : {TRANSFER}
        scf.yield %next : !dma.token
      }} else {{
        dma.start %x to %b on %next : {TRANSFER}
        scf.yield %next : !dma.token
      }}
      scf.yield %held : !dma.token
    }}
    dma.wait %last
    {OUT_COPY}"""
    assert transfers(body) == X.tolist()


def test_stages_of_a_pipeline_follow_one_another():
    """The kept bytes are those of the last round, written by the last stage that writes them."""
    body = f"""
    dma.pipeline 3 buffers 2 constants {{
    ^bb0(%i : index):
      dma.copy %z to %b : {TRANSFER}
    }} inputs {{
    ^bb0(%i : index):
      %c2 = arith.constant 2 : index
      %last = arith.cmpi eq, %i, %c2 : index
      scf.if %last {{
        dma.copy %x to %b : {TRANSFER}
      }}
    }} compute {{
    ^bb0(%i : index):
      cluster.add ins(%b, %b : {NEAR}, {NEAR}) outs(%o : {NEAR}) {{kernel = "k",
        multipliers = array<i32: 1, 1>, bias = 0 : i32, shift = 0 : i32,
        clamp = array<i32: -128, 127>}}
    }} store {{
    ^bb0(%i : index):
      dma.copy %o to %y : {NEAR} to {FAR}
    }}"""
    assert transfers(body) == [2, 4, 6, 8]


def test_buffers_may_be_in_a_fork():
    text = f"""func.func @net() {{
      %x = dma.buffer at 0 "input" 0 : {FAR}
      cluster.fork 4 {{
        %a = dma.buffer at 16 : {NEAR}
        %b = dma.buffer at 0 : {NEAR}
        %y = dma.buffer at 16 "output" 0 : {FAR}
        dma.copy %x to %a : {TRANSFER}
        cluster.barrier
        cluster.add ins(%a, %a : {NEAR}, {NEAR}) outs(%b : {NEAR}) {{kernel = "k",
          multipliers = array<i32: 1, 2>, bias = 0 : i32, shift = 0 : i32,
          clamp = array<i32: -128, 127>}}
        cluster.barrier
        dma.copy %b to %y : {NEAR} to {FAR}
      }}
      func.return
    }}"""
    assert run(parse(text), [X])["output0"].tolist() == [3, 6, 9, 12]
