"""The driver as a process, and the functions that Python users call."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from xdsl.dialects.builtin import ModuleOp, TensorType, f16, f32, i1, i8

from runnel.dialects.diagnostics import RunnelError, add_remark_handler, emit_remark
from runnel.dialects.graph import GlobalOp, add_global
from runnel.tools import constants_file
from runnel.tools.instrument import Timing
from runnel.tools.messages import LocatedError, PassFailure, Sources, messages_of
from runnel.tools.opt_tool import main
from runnel.tools.pipeline import Pipeline, resolve_pipeline
from runnel.tools.pipeline_text import NestText, PassText, parse_pipeline_text
from runnel.tools.read_ir import read_mlir, split_chunks
from runnel.tools.registry import new_context
from runnel.tools.verify_diagnostics import expectations
from runnel.tools.write_ir import PrintStyle, module_text, write_module

TEXT = """\
func.func @f() -> i32 {
  %a = arith.constant 2 : i32
  %b = arith.constant 2 : i32
  %c = arith.addi %a, %b : i32
  func.return %c : i32
}
"""


def opt_tool(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runnel.tools.opt_tool", *args],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def test_a_run_prints_the_result_and_exits_with_0() -> None:
    done = opt_tool("-p", "canonicalize", stdin=TEXT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "arith.constant 4" in done.stdout


@pytest.mark.parametrize(
    "args",
    [
        ("-p", "nothing-of-that-name"),
        ("--no-such-flag",),
        ("/no/such/file.mlir",),
        ("-t", "nothing"),
        ("-p", "x86-set-arch{arch=foo}"),
        ("--describe", "nothing"),
        ("--run", "--input", "/no/such/file.npy"),
    ],
)
def test_an_error_is_one_message_and_exit_code_1(args: tuple[str, ...]) -> None:
    done = opt_tool(*args, stdin=TEXT)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_not_an_error_message() -> None:
    command = f"{sys.executable} -m runnel.tools.opt_tool | true"
    text = TEXT + "".join(TEXT.replace("@f", f"@f{i}") for i in range(2000))
    done = subprocess.run(["sh", "-c", command], input=text, capture_output=True, text=True)
    assert done.stderr == ""


def test_help_and_the_table_of_plugins_load_neither_numpy_nor_onnx() -> None:
    script = (
        "import sys, contextlib, io\n"
        "from runnel.tools.opt_tool import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main(['--help'])\n"
        "assert 'xdsl' not in sys.modules\n"
        "from runnel.tools.registry import multiverse\n"
        "multiverse()\n"
        "print([name for name in ('numpy', 'onnx', 'ortools') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", "builtin.module()"),
        ("cse", "builtin.module(cse)"),
        ("builtin.module(cse,func.func(dce,cse))", "builtin.module(cse,func.func(dce,cse))"),
        ("cleanup", "builtin.module(canonicalize,cse,dce)"),
        ("x86-set-arch{arch='a b'}", 'builtin.module(x86-set-arch{arch="a b"})'),
        ('x86-set-arch{arch="a\\"\\\\"}', 'builtin.module(x86-set-arch{arch="a\\"\\\\"})'),
        ("mlir-opt[cse]", None),
    ],
)
def test_pipelines_print_as_text_that_gives_them_again(text: str, printed: str | None) -> None:
    pipeline = resolve_pipeline(text)
    if printed is not None:
        assert str(pipeline) == printed
    assert resolve_pipeline(str(pipeline)) == pipeline


def test_pipeline_text_is_a_tree_with_places() -> None:
    nest, single = parse_pipeline_text("func.func(a{x=1,b y z={p,q}}),c")
    assert isinstance(nest, NestText)
    assert isinstance(single, PassText)
    (inner,) = nest.items
    assert isinstance(inner, PassText)
    assert [(option.key, option.values) for option in inner.options] == [
        ("x", (("1", False), ("b", False))),
        ("y", ()),
        ("z", (("p,q", True),)),
    ]
    assert (single.name, single.span.start) == ("c", 30)


def test_all_mistakes_of_a_pipeline_are_told_at_once() -> None:
    with pytest.raises(LocatedError) as caught:
        resolve_pipeline("nope,func.func(neither),cse{a=1}")
    places = [message.place and message.place.column for message in caught.value.located]
    assert places == [1, 16, 29]


def test_a_pipeline_runs_from_python() -> None:
    context = new_context()
    module = read_mlir(context, TEXT, "x.mlir").module
    pipeline = resolve_pipeline("func.func(cse)")
    timing = Timing(pipeline)
    pipeline.run(context, module, [timing])
    assert str(module).count("arith.constant") == 1
    assert "'func.func' Pipeline" in timing.report()


def test_a_failing_pass_says_which_and_keeps_its_cause() -> None:
    module = read_mlir(new_context(), TEXT, "x.mlir").module
    with pytest.raises(PassFailure, match="pass 'x86-set-arch': Unsupported arch foo"):
        resolve_pipeline("x86-set-arch{arch=foo}").run(new_context(), module)


def test_positions_of_ops_follow_the_text() -> None:
    program = read_mlir(new_context(), TEXT + '"test.op"() : () -> () loc("node")\n', "x.mlir")
    placed = {
        op.name: str(position).removeprefix("loc(") for op, position in program.positions.items()
    }
    assert placed["arith.addi"] == '"x.mlir":4:3)'
    assert placed["test.op"] == '"x.mlir":7:1)'


def test_pieces_keep_their_line_numbers() -> None:
    first, second = split_chunks("a\nb\n// -----\nc\n")
    assert first == "a\nb\n"
    assert second.split("\n")[3] == "c"


def test_expectations_find_their_lines() -> None:
    text = (
        "// expected-error@+2 {{two}}\n"
        "// expected-remark@below {{below}}\n"
        "op\n"
        "// expected-error-re@above {{a {{[0-9]+}} b}}\n"
        "// expected-error@unknown {{anywhere}} expected-warning@-2 {{up}}\n"
        "op // expected-note {{here}}\n"
    )
    found = [(one.severity, one.line, one.text) for one in expectations(text, "x")]
    assert found == [
        ("error", 3, "two"),
        ("remark", 3, "below"),
        ("error", 3, "a {{[0-9]+}} b"),
        ("error", None, "anywhere"),
        ("warning", 3, "up"),
        ("note", 6, "here"),
    ]


def test_unexpected_exceptions_become_messages() -> None:
    (message,) = messages_of(KeyError("x"), Sources())
    assert str(message) == "error: internal error: KeyError: 'x' (--debug shows where)"
    assert len(messages_of(RunnelError("one", "two"), Sources())) == 2


def test_constants_survive_the_file_beside_the_text(tmp_path: Path) -> None:
    context = new_context()

    rng = np.random.default_rng(0)
    arrays = {
        "allow_pickle": (rng.standard_normal((5, 7)).astype(np.float32), f32),
        "a/b": (rng.integers(-128, 127, (3, 2, 9)).astype(np.int8), i8),
        "a_b": (rng.standard_normal(40).astype(np.float16), f16),
        "bits": (rng.integers(0, 2, 33).astype(np.bool_), i1),
        "none": (np.zeros((0, 4), np.float32), f32),
    }
    module = ModuleOp([])
    for name, (array, element) in arrays.items():
        add_global(module, name, array, TensorType(element, array.shape))
    path = tmp_path / "model.mlir"
    write_module(path, module)
    assert "dense<" in module_text(module, PrintStyle(limit=None))[0], "the IR keeps its data"

    again = read_mlir(context, path.read_text(), "model.mlir").module
    constants_file.restore(again, path.with_suffix(".npz"))
    read = {op.sym_name.data: op.array() for op in again.walk() if isinstance(op, GlobalOp)}
    assert read.keys() == arrays.keys()
    for name, (array, _) in arrays.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
    assert again.is_structurally_equivalent(module)


def test_reading_a_large_text_takes_linear_time() -> None:
    body = "".join(f'"test.op"() {{n = {i} : i64}} : () -> ()\n' for i in range(3000))
    program = read_mlir(new_context(), body, "x.mlir")
    assert len(program.positions) == 3000


def test_an_empty_pipeline_verifies_nothing_and_changes_nothing() -> None:
    module = ModuleOp([ModuleOp([])])
    Pipeline(()).run(new_context(), module)
    assert len(module.body.block.ops) == 1


def test_the_driver_listens_to_remarks_only_while_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.mlir"
    path.write_text(TEXT)
    assert main([str(path), "--remarks=all"]) == 0
    heard: list[str] = []
    stop = add_remark_handler(lambda remark: heard.append(remark.message))
    emit_remark("passed", "a-pass", ModuleOp([]), "hello")
    stop()
    assert heard == ["hello"]
    assert "hello" not in capsys.readouterr().err


def test_a_string_that_never_ends_is_told_at_once() -> None:
    text = '"test.op"() {a = "' + "a b c " * 2000 + "\n"
    done = subprocess.run(
        [sys.executable, "-m", "runnel.tools.opt_tool"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("<stdin>:1:18: error: ")


def test_damaged_text_is_told_in_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(0)
    path = tmp_path / "x.mlir"
    failures = 0
    for _ in range(300):
        position, kind = rng.randrange(len(TEXT)), rng.randrange(3)
        damage = rng.choice('(){}<>[]%@#!"^:,=-0 9xfi32\n\0é') if kind == 0 else ""
        path.write_text(TEXT[:position] + (damage + TEXT[position + 1 + kind :]) * (kind < 2))
        code = main([str(path), "-p", "canonicalize"])
        errors = capsys.readouterr().err
        assert "internal error" not in errors
        assert (code, "error:" in errors) in [(0, False), (1, True)]
        failures += code
    assert failures > 100


def test_deep_nesting_is_told_in_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.mlir"
    path.write_text("builtin.module {" * 5000)
    assert main([str(path)]) == 1
    assert capsys.readouterr().err == "error: the input is nested too deeply\n"


def test_an_onnx_model_is_read_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = ["n", 3]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    path, data = tmp_path / "m.onnx", tmp_path / "x.npy"
    path.write_bytes(model.SerializeToString())
    np.save(data, np.array([[-1, 0, 2], [3, -4, 5]], np.float32))
    assert main([str(path), "--dim", "n=2", "--run", "--input", str(data)]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == ["y", ":", "2x3", "float32", "[[0.,", "0.,", "2.],", "[3.,", "0.,", "5.]]"]

    assert main([str(path), "--input-shape", "x=4,3"]) == 0
    assert "tensor<4x3xf32>" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="1"):
        main([str(path), "--dim", "n=0"])
