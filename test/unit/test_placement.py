"""Quantizers stand where integer ops make or read a tensor, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper
from onnx_models import model
from quant_networks import Node, apply, network
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from runnel.dialects import graph, quant
from runnel.lowering.graph_to_quant import ConvertGraphToQuant
from runnel.lowering.import_onnx import import_onnx
from runnel.passes.graph.fold_bias import FoldBias
from runnel.passes.quant.calibrate import Calibrate
from runnel.passes.quant.insert_casts import InsertQuantCasts
from runnel.passes.quant.placement import Placement
from runnel.runtime.interpreter import run

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(40, 1, 8)).astype(np.float32)


def normal(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def quantized(module: ModuleOp) -> set[str]:
    """The names of the values that have a quantizer."""
    function = next(op for op in module.walk() if isinstance(op, func.FuncOp))
    block = function.body.block
    placement = Placement(block)
    made: list[SSAValue] = [
        op.results[0] for op in block.ops if len(op.results) == 1 and op.operands
    ]
    values = [value for value in (*block.args, *made) if placement.needs_quantizer(value)]
    return {value.name_hint or "?" for value in values}


GELU: list[Node] = [
    ("Mul", ["h", "c"], ["m"], {}),
    ("Tanh", ["m"], ["t"], {}),
    ("Add", ["t", "one"], ["a"], {}),
    ("Mul", ["h", "a"], ["g"], {}),
]
CONSTANTS = {
    "w": normal(8, 8),
    "b": normal(8),
    "v": normal(8, 8),
    "c": np.float32(0.8),
    "one": np.float32(1),
}


def test_a_chain_between_products_is_a_table() -> None:
    nodes: list[Node] = [("MatMul", ["x", "w"], ["p"], {}), ("Add", ["p", "b"], ["h"], {}), *GELU]
    nodes.append(("MatMul", ["g", "v"], ["y"], {}))
    module = network([1, 8], nodes, CONSTANTS)
    apply(module, FoldBias())
    assert quantized(module) == {"x", "h", "g", "y"}


def test_a_chain_that_something_else_reads_is_cut_there() -> None:
    nodes: list[Node] = [("MatMul", ["x", "w"], ["h"], {}), *GELU[:2]]
    nodes += [("MatMul", ["t", "v"], ["q"], {}), *GELU[2:], ("Add", ["g", "q"], ["y"], {})]
    module = network([1, 8], nodes, CONSTANTS)
    # t is read by a product: a is a table of it, and g a product of two tensors.
    assert quantized(module) == {"x", "h", "t", "q", "a", "g", "y"}


def test_between_float_ops_nothing_is_quantized() -> None:
    """Layer normalization of a sum; the products around it are integer ops."""
    nodes: list[Node] = [
        ("MatMul", ["x", "w"], ["h"], {}),
        ("ReduceMean", ["h"], ["mean"], {"axes": [1]}),
        ("Sub", ["h", "mean"], ["d"], {}),
        ("Mul", ["d", "d"], ["dd"], {}),
        ("ReduceMean", ["dd"], ["var"], {"axes": [1]}),
        ("Sqrt", ["var"], ["s"], {}),
        ("Div", ["d", "s"], ["n"], {}),
        ("MatMul", ["n", "v"], ["q"], {}),
        ("Softmax", ["q"], ["y"], {"axis": 1}),
    ]
    module = network([1, 8], nodes, CONSTANTS)
    assert quantized(module) == {"x", "h", "n", "q", "y"}


def test_sums_follow_their_operands() -> None:
    nodes: list[Node] = [
        ("MatMul", ["x", "w"], ["h"], {}),
        ("ReduceMax", ["h"], ["m"], {"axes": [1]}),
        ("Sub", ["h", "m"], ["f"], {}),
        ("Add", ["h", "f"], ["s"], {}),
        ("Add", ["h", "h2"], ["y"], {}),
    ]
    nodes.insert(1, ("MatMul", ["x", "v"], ["h2"], {}))
    module = network([1, 8], nodes[:5] + nodes[5:], CONSTANTS)
    assert quantized(module) == {"x", "h", "h2", "y"}


def test_pooling_that_only_float_ops_read_is_left_in_float() -> None:
    """Its operand needs no quantizer then: layer normalization by pooling, of a sum."""
    nodes: list[Node] = [
        ("Conv", ["x", "k"], ["h"], {}),
        ("Conv", ["x", "k"], ["h2"], {}),
        ("Add", ["h", "h2"], ["s"], {}),
        ("GlobalAveragePool", ["s"], ["mean"], {}),
        ("Sub", ["s", "mean"], ["d"], {}),
        ("Conv", ["d", "k"], ["y"], {}),
    ]
    module = network([1, 2, 4, 4], nodes, {"k": normal(2, 2, 1, 1)})
    assert quantized(module) == {"x", "h", "h2", "d", "y"}
    nodes[4] = ("Conv", ["mean", "k"], ["d"], {})
    nodes.append(("Div", ["s", "y"], ["z"], {}))
    module = network([1, 2, 4, 4], nodes, {"k": normal(2, 2, 1, 1)}, "z")
    assert quantized(module) == {"x", "h", "h2", "s", "mean", "d", "y"}


def test_float_ops_read_what_float_ops_make_before_it_is_rounded(tmp_path: Any) -> None:
    nodes: list[Node] = [
        ("ReduceMax", ["x"], ["m"], {"axes": [1]}),
        ("Sub", ["x", "m"], ["d"], {}),
        ("MatMul", ["d", "w"], ["h"], {}),
        ("Add", ["h", "d"], ["s"], {}),
        ("ReduceMax", ["s"], ["y"], {"axes": [1]}),
    ]
    np.save(tmp_path / "x.npy", ROWS.reshape(-1, 8))
    module = network([1, 8], nodes, CONSTANTS)
    apply(module, Calibrate(str(tmp_path / "x.npy"), cache=False), InsertQuantCasts())
    (product,) = (op for op in module.walk() if isinstance(op, graph.MatmulOp))
    (total,) = (op for op in module.walk() if isinstance(op, graph.AddOp))
    assert isinstance(product.lhs.owner, quant.DequantizeCastOp)
    assert isinstance(total.lhs.owner, quant.DequantizeCastOp)
    assert isinstance(total.rhs.owner, graph.SubOp)


def test_every_op_that_is_said_to_be_integer_becomes_one(tmp_path: Any) -> None:
    """And the integers give what float ops give between the same quantizers."""
    nodes: list[Node] = [("Gemm", ["x", "w", "b"], ["h"], {}), *GELU]
    nodes += [("Gemm", ["g", "v", "b"], ["q"], {}), ("Add", ["g", "q"], ["s"], {})]
    nodes.append(("Softmax", ["s"], ["y"], {"axis": 1}))
    module = network([1, 8], nodes, CONSTANTS)
    np.save(tmp_path / "x.npy", ROWS.reshape(-1, 8))
    apply(module, Calibrate(str(tmp_path / "x.npy"), cache=False), InsertQuantCasts())
    integer = module.clone()
    remarks = apply(integer, ConvertGraphToQuant("half_even"))
    assert not [text for text in remarks if "stays in float" in text and "graph.softmax" in text]
    kinds = {op.name for op in integer.walk() if isinstance(op, quant.TableOp | quant.SoftmaxOp)}
    assert kinds == {"quant.table", "quant.softmax"}

    found = next(iter(run(integer, [ROWS.reshape(-1, 8)]).values()))
    expected = next(iter(run(module, [ROWS.reshape(-1, 8)]).values()))
    np.testing.assert_allclose(found, expected, atol=1.01 / 256)


def test_everywhere_quantizes_islands_too(tmp_path: Any) -> None:
    nodes: list[Node] = [
        ("ReduceMax", ["x"], ["m"], {"axes": [1]}),
        ("Sub", ["x", "m"], ["d"], {}),
        ("ReduceMax", ["d"], ["y"], {"axes": [1]}),
    ]
    np.save(tmp_path / "x.npy", ROWS.reshape(-1, 8))
    for everywhere, count in ((False, 0), (True, 4)):
        module = network([1, 8], nodes, {})
        calibrate = Calibrate(str(tmp_path / "x.npy"), cache=False)
        apply(module, calibrate, InsertQuantCasts(everywhere=everywhere))
        assert sum(isinstance(op, quant.QuantizeCastOp) for op in module.walk()) == count


def test_a_bias_goes_through_a_reshape() -> None:
    nodes: list[Node] = [
        ("MatMul", ["x", "w"], ["p"], {}),
        ("Reshape", ["p", "shape"], ["r"], {}),
        ("Add", ["r", "b"], ["y"], {}),
    ]
    constants = {**CONSTANTS, "w": normal(8, 8)}
    made = [helper.make_node(op, i, o, o[0], **attributes) for op, i, o, attributes in nodes]
    floats = {key: np.asarray(array, np.float32) for key, array in constants.items()}
    module = import_onnx(
        model(made, {"x": [4, 8]}, ["y"], floats | {"shape": np.array([1, 2, 2, 8])})
    )
    x = normal(4, 8)
    before = next(iter(run(module, [x]).values()))
    apply(module, FoldBias())
    assert not any(isinstance(op, graph.AddOp) for op in module.walk())
    np.testing.assert_allclose(next(iter(run(module, [x]).values())), before, rtol=1e-5, atol=1e-5)
