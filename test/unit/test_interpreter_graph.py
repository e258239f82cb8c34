"""`run`: how functions are called, what is said about inputs that do not fit, and fast windows."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.parser import Parser

from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.interpreter import Listener, run
from runnel.runtime.interpreter.windows import average_pool, convolution, max_pool

Array = NDArray[Any]

TWO_INPUTS = """
func.func @net(%a: tensor<1x2xf32> {graph.name = "left"}, %b: tensor<1x2xf32>)
    -> (tensor<1x2xf32> {graph.name = "sum"}, tensor<1x2xf32>) {
  %0 = graph.add %a, %b : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = graph.neg %0 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %0, %1 : tensor<1x2xf32>, tensor<1x2xf32>
}
"""


def parse(context: Context, text: str) -> ModuleOp:
    """The module of a text."""
    module = Parser(context, text).parse_module()
    module.verify()
    return module


def row(*values: float) -> Array:
    """One sample."""
    return np.array([values], np.float32)


def test_inputs_by_name_and_in_order(context: Context) -> None:
    module = parse(context, TWO_INPUTS)
    named = run(module, {"input1": row(1, 2), "left": row(10, 20)})
    ordered = run(module, [row(10, 20), row(1, 2)])
    assert list(named) == ["sum", "output1"]
    assert named["sum"].tolist() == ordered["sum"].tolist() == [[11, 22]]
    assert named["output1"].tolist() == [[-11, -22]]


BAD_INPUTS: list[tuple[Any, str]] = [
    ([row(1, 2)], "@net takes 2 inputs (left, input1), got 1"),
    ({"left": row(1, 2)}, "@net takes the inputs left, input1; got left"),
    ({"left": row(1, 2), "right": row(1, 2)}, "got left, right"),
    ([row(1, 2), row(1, 2, 3)], "input 'input1' has shape [1, 3], tensor<1x2xf32> needs [1, 2]"),
    ([row(1, 2), np.zeros((1, 2))], "has elements of type float64, tensor<1x2xf32> needs float32"),
    ([row(1, 2), np.zeros((0, 2), np.float32)], "has shape [0, 2]"),
    ([row(1, 2), np.zeros((2, 2), np.float32)], "different numbers of samples: [1, 2]"),
]


@pytest.mark.parametrize(("inputs", "message"), BAD_INPUTS)
def test_bad_inputs(context: Context, inputs: Any, message: str) -> None:
    with pytest.raises(RunnelError) as caught:
        run(parse(context, TWO_INPUTS), inputs)
    assert message in str(caught.value)


def test_choice_of_the_function(context: Context) -> None:
    text = TWO_INPUTS + TWO_INPUTS.replace("@net", "@other")
    module = parse(context, text)
    with pytest.raises(RunnelError, match="name one function to run; the module has: @net, @other"):
        run(module, [row(1, 2), row(1, 2)])
    with pytest.raises(RunnelError, match="there is no function @third"):
        run(module, [row(1, 2), row(1, 2)], "third")
    assert run(module, [row(1, 2), row(1, 2)], "other")["sum"].tolist() == [[2, 4]]


def test_listeners_see_every_value(context: Context) -> None:
    class Record(Listener):
        def __init__(self) -> None:
            self.seen: list[tuple[str, list[float]]] = []

        def did_interpret_op(self, op: Operation, results: tuple[Any, ...]) -> None:
            self.seen += [(op.name, np.asarray(value).ravel().tolist()) for value in results]

    record = Record()
    run(parse(context, TWO_INPUTS), [row(1, 2), row(1, 2)], listeners=[record])
    assert record.seen == [("graph.add", [2.0, 4.0]), ("graph.neg", [-2.0, -4.0])]


def test_an_error_names_op_and_node(context: Context) -> None:
    module = parse(
        context,
        """
        graph.global @i : tensor<1xi64> = dense<7>
        func.func @f(%x: tensor<1x2xf32>) -> tensor<1x1xf32> {
          %i = graph.constant @i : tensor<1xi64>
          %0 = graph.gather %x, %i {axis = 1 : i64} : (tensor<1x2xf32>, tensor<1xi64>)
               -> tensor<1x1xf32> loc("pick")
          func.return %0 : tensor<1x1xf32>
        }""",
    )
    with pytest.raises(RunnelError, match=r"graph\.gather \(node 'pick'\): index 7 is out of"):
        run(module, [row(1, 2)])


def test_what_cannot_run(context: Context) -> None:
    module = parse(context, 'func.func @f() { "llvm.unreachable"() : () -> () }')
    with pytest.raises(RunnelError, match="dialect 'llvm'"):
        run(module, [])


def test_elided_constants_are_named(context: Context) -> None:
    module = parse(
        context,
        """
        graph.global @w : tensor<2xf32> = dense_resource<w>
        func.func @f() -> tensor<2xf32> {
          %0 = graph.constant @w : tensor<2xf32>
          func.return %0 : tensor<2xf32>
        }""",
    )
    with pytest.raises(Exception, match=r"the data of graph\.global @w is elided"):
        run(module, [])


# Windows against plain loops over their definition.


def windows_by_loops(x: Array, kernel: tuple[int, int], strides: Any, pads: Any, dilations: Any):
    """Yields (output position, window as [N, C, kh, kw], which of it is real) on padded input."""
    padded = np.pad(x, [(0, 0), (0, 0), *pads])
    real = np.pad(np.ones(x.shape[2:], bool), pads)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    extents = [
        (n - span) // s + 1 for n, span, s in zip(padded.shape[2:], spans, strides, strict=True)
    ]
    for at in product(*(range(extent) for extent in extents)):
        cut = tuple(
            slice(a * s, a * s + span, d)
            for a, s, span, d in zip(at, strides, spans, dilations, strict=True)
        )
        yield at, padded[(slice(None), slice(None), *cut)], real[cut]


GEOMETRIES = [
    ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((3, 2), (2, 1), ((0, 1), (1, 0)), (1, 1)),
    ((2, 3), (1, 2), ((1, 1), (2, 2)), (2, 1)),
    ((1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1)),
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("group", "outputs"), [(1, 5), (2, 4), (6, 6), (6, 12), (3, 3)])
@pytest.mark.parametrize("width", [8, 3])  # more than channels, and less
def test_convolution(geometry: Any, group: int, outputs: int, width: int) -> None:
    kernel, strides, pads, dilations = geometry
    random = np.random.default_rng(5)
    x = random.integers(-4, 5, (3, 6, 7, width)).astype(np.float32)
    weight = random.integers(-4, 5, (outputs, 6 // group, *kernel)).astype(np.float32)
    bias = random.integers(-4, 5, outputs).astype(np.float32)
    got = convolution(x, weight, bias, strides=strides, pads=pads, dilations=dilations, group=group)
    for at, window, _ in windows_by_loops(x, kernel, strides, pads, dilations):
        for o in range(outputs):
            first = o // (outputs // group) * (6 // group)
            part = window[:, first : first + 6 // group]
            want = (part * weight[o]).sum(axis=(1, 2, 3)) + bias[o]
            assert (got[(slice(None), o, *at)] == want).all()


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("counted", [False, True])
def test_pooling(geometry: Any, counted: bool) -> None:
    kernel, strides, pads, dilations = geometry
    x = np.random.default_rng(6).normal(size=(2, 3, 7, 8)).astype(np.float32)
    options: dict[str, Any] = {
        "kernel": kernel,
        "strides": strides,
        "pads": pads,
        "dilations": dilations,
    }
    mean = average_pool(x, **options, count_include_pad=counted)
    largest = max_pool(x, **options)
    for at, window, real in windows_by_loops(x, kernel, strides, pads, dilations):
        count = real.size if counted else max(1, real.sum())
        if not real.any():
            continue
        np.testing.assert_allclose(
            mean[(slice(None), slice(None), *at)],
            window.sum(axis=(2, 3)) / count,
            rtol=1e-5,
            atol=1e-6,
        )
        want = np.where(real, window, -np.inf).max(axis=(2, 3))
        assert (largest[(slice(None), slice(None), *at)] == want).all()
