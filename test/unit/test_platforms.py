"""Platform descriptions: the shipped ones, a user's own, and every kind of mistake in one."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

from runnel.dialects import platform as platform_dialect
from runnel.dialects import unit_model as unit_model_file
from runnel.dialects.diagnostics import RunnelError
from runnel.dialects.platform import KEY, PlatformAttr, platform_of
from runnel.dialects.platform_checks import platform_problems
from runnel.dialects.platform_records import (
    SCHEMA,
    Board,
    Cost,
    Description,
    Dma,
    Link,
    Memory,
    Toolchain,
    Unit,
)
from runnel.dialects.records import Facts
from runnel.dialects.unit_model import unit_model
from runnel.runtime.platforms import list_platforms, load_platform

TINY = """
name = "tiny"
description = "one core"
memories = [
  {name = "flash", kind = "flash", address = 0x0, size = 0x8000, bandwidth = 4},
  {name = "sram", kind = "ram", address = 0x20000000, size = 0x8000, bandwidth = 4},
]
units = [{name = "cpu", kind = "cpu", isa = "armv7e-m", extensions = ["dsp"]}]
[toolchain]
compiler = "gcc"
[board]
runner = "host"
folders = ["host"]
code = "flash"
data = "sram"
"""


def errors_of(tmp_path: Path, text: str) -> list[str]:
    """The messages of a TOML text, without the path of the file in front."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RunnelError) as caught:
        load_platform(path)
    messages = caught.value.messages
    assert all(message.startswith(f"{path}: ") for message in messages)
    return [message.removeprefix(f"{path}: ") for message in messages]


@pytest.mark.parametrize(
    "name", ["host", "cortex-m4", "cortex-m7", "cortex-m55", "rv32", "siracusa-ext"]
)
def test_shipped_platforms_load_and_round_trip(name: str):
    assert name in list_platforms()
    platform = load_platform(name)
    assert platform.label == name
    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(platform_dialect.Platform)
    text = str(ModuleOp([], {KEY: platform}))
    assert platform_of(Parser(context, text).parse_module()) == platform


def test_accessors():
    platform = load_platform("cortex-m4")
    assert platform.memory("sram").size == 4 * 1024 * 1024
    assert platform.data_memory is platform.memory("sram")
    assert platform.code_memory.kind == "flash"
    assert {"armv7e-m", "dsp"} <= platform.unit("cpu").features
    assert "mve" in load_platform("cortex-m55").unit("cpu").features
    with pytest.raises(VerifyException, match=r'cortex-m4 has no memory "srum".*"sram"'):
        platform.memory("srum")


def test_module_without_platform():
    with pytest.raises(VerifyException, match="the module has no platform"):
        platform_of(ModuleOp([]))


def test_own_file_with_own_board_folder(tmp_path: Path):
    (tmp_path / "board").mkdir()
    path = tmp_path / "mine.toml"
    path.write_text(TINY.replace('["host"]', '["host", "board"]'))
    assert load_platform(path).board.folders == ("host", str(tmp_path / "board"))
    assert load_platform(str(path)).label == "tiny"


def test_unknown_name():
    with pytest.raises(RunnelError, match=r'no platform "cortex-m5".*did you mean "cortex-m55"'):
        load_platform("cortex-m5")


def test_all_problems_come_at_once(tmp_path: Path):
    text = TINY.replace("0x8000, bandwidth", '"4M", bandwidth', 1).replace("isa =", "isaa =")
    text = text.replace('data = "sram"', 'data = "srm"').replace('kind = "ram"', 'kind = "rom"')
    assert errors_of(tmp_path, text) == [
        'memories[0].size: expected a positive integer, got "4M"',
        'memories[1].kind: expected one of "flash", "ram", got "rom"',
        'units[0].isaa: unknown key (did you mean "isa"?)',
        "units[0].isa: missing",
        'board.data: there is no memory "srm" (did you mean "sram"?)',
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size = 0x8000", "size = 0", "memories[0].size: expected a positive integer, got 0"),
        ("0x8000", "true", "memories[0].size: expected a positive integer, got true"),
        ("0x0", "-1", "memories[0].address: expected an integer that is not negative, got -1"),
        ("= 4}", "= 0}", "memories[0].bandwidth: expected a positive number, got 0"),
        ("= 4}", "= inf}", "memories[0].bandwidth: expected a positive number, got inf"),
        ("= 4}", "= nan}", "memories[0].bandwidth: expected a positive number, got nan"),
        ('"sram", k', '"s ram", k', "memories[1].name: expected a letter, then letters, digits"),
        ('"sram", k', '"flash", k', 'memories[1].name: "flash" is taken by memories[0]'),
        ("0x20000000", "0x7fff", 'memory "sram" [0x7fff, 0xffff) overlaps "flash" [0x0, 0x8000)'),
        ('["dsp"]', '"dsp"', 'units[0].extensions: expected a list, got "dsp"'),
        ('compiler = "gcc"', "compiler = 3", "toolchain.compiler: expected a string that is not"),
        ('["host"]', '["hots"]', 'board.folders[0]: there is no folder "'),
        ("[board]", "[bord]", 'bord: unknown key (did you mean "board"?)'),
        ('data = "sram"', 'data = "flash"', 'board.data: "flash" is flash'),
        ('runner = "host"', 'runner = "qemu"', "board.machine: missing, the qemu runner needs it"),
        ('[toolchain]\ncompiler = "gcc"', "toolchain = 1", "toolchain: expected a table, got 1"),
        ("units = [{", "units = [[{", "not TOML: "),
    ],
)
def test_one_problem(tmp_path: Path, old: str, new: str, message: str):
    assert old in TINY
    assert any(message in error for error in errors_of(tmp_path, TINY.replace(old, new, 1)))


def test_files_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(RunnelError, match=r"none\.toml: cannot read the platform: No such file"):
        load_platform(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RunnelError, match="not a text file in UTF-8"):
        load_platform(tmp_path / "binary.toml")


def test_attribute_from_python_is_verified():
    sound = load_platform("host").data
    overlapping = (sound.memories[0], sound.memories[0])
    with pytest.raises(VerifyException, match=r"memories\[1\]\.name.*taken"):
        PlatformAttr(Description("x", "x", overlapping, sound.units, sound.toolchain, sound.board))


def test_linear_costs_take_the_first_row_that_matches():
    rows = (Cost("quant.conv2d", 10.0, per_mac=0.5), Cost("quant.*", per_element=2.0, per_byte=1.0))
    unit = Unit("cpu", "cpu", "plain", ops=("quant.*",), costs=rows)
    assert unit.cost("quant.conv2d", macs=100, elements=7, bytes=7) == 60.0
    assert unit.cost("quant.add", macs=100, elements=7, bytes=3) == 17.0
    assert unit.cost("graph.relu", macs=1, elements=1, bytes=1) is None
    assert unit.runs("quant.add") and not unit.runs("graph.relu")


def test_facts_make_a_difference():
    """Two platforms that differ in a fact only are different attributes."""
    a, b = (Unit("npu", "npu", "x", facts=_facts(value)) for value in (1, 2))
    assert a != b and (a.fact("k"), b.fact("k")) == (1, 2)
    with pytest.raises(VerifyException, match='unit "npu" has no fact "other"'):
        a.fact("other")


def _facts(value: int) -> Any:
    return Facts().decode({"k": value})


def test_unit_model_comes_from_an_entry_point(monkeypatch: pytest.MonkeyPatch):
    from importlib.metadata import EntryPoint, EntryPoints

    point = EntryPoint("mine", "collections:OrderedDict", "runnel.unit_models")

    def entry_points(group: str) -> EntryPoints:
        return EntryPoints([point]).select(group=group)

    monkeypatch.setattr(unit_model_file, "entry_points", entry_points)
    assert unit_model(Unit("npu", "npu", "x")) is None
    assert unit_model(Unit("npu", "npu", "x", model="mine")) is point.load()
    with pytest.raises(VerifyException, match=r'offers the unit model "mien".*"mine"'):
        unit_model(Unit("npu", "npu", "x", model="mien"))


def test_dma_and_links():
    sound = load_platform("host").data
    platform = PlatformAttr(
        Description(
            "soc",
            "d",
            sound.memories,
            (*sound.units, Unit("far", "remote", "x86_64")),
            sound.toolchain,
            sound.board,
            dma=(Dma("dma", 8.0, (("flash", "sram"),), max_bytes=65535),),
            links=(Link("uart", "far", "uart", 11520.0, 900.0),),
        )
    )
    engine = platform.dma_between("sram", "flash")
    assert engine is not None and engine.max_bytes == 65535
    assert platform.dma_between("sram", "sram") is None
    assert platform.link_to("far").name == "uart"
    with pytest.raises(VerifyException, match='no link leads to unit "cpu"'):
        platform.link_to("cpu")


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
name = st.from_regex(r"\A[a-z][a-z0-9_]{0,9}\Z")
positive = st.integers(1, 2**40)
rate = st.floats(1e-6, 1e12)


@st.composite
def descriptions(draw: st.DrawFn) -> Description:
    """Sound descriptions with all kinds of fields."""
    names = draw(st.lists(name, min_size=2, max_size=4, unique=True))
    sizes = [draw(positive) for _ in names]
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    memories = tuple(
        Memory(n, "ram", start, size, draw(rate), draw(st.integers(0, 99)))
        for n, start, size in zip(names, starts, sizes, strict=True)
    )
    values = st.integers(-(2**63), 2**63 - 1) | text | st.floats(-9, 9)
    facts = Facts().decode(draw(st.dictionaries(name, values, max_size=3)))
    costs = (Cost(draw(text), draw(rate)),)
    unit = Unit(draw(text), "npu", draw(text), costs=costs, facts=facts)
    board = Board("host", ("host",), names[0], names[1], stack=1)
    dma = Dma(draw(text), draw(rate), ((names[0], names[1]),), dimensions=draw(st.integers(1, 3)))
    return Description(
        draw(text), draw(text), memories, (unit,), Toolchain(draw(text)), board, (dma,)
    )


@given(descriptions())
def test_any_platform_survives_text(description: Description):
    platform = PlatformAttr(description)
    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(platform_dialect.Platform)
    assert Parser(context, str(platform)).parse_attribute() == platform
    assert platform_problems(SCHEMA.encode(description)) == []


def variant(tmp_path: Path, text: str, base: str = TINY) -> Path:
    (tmp_path / "tiny.toml").write_text(base)
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "tiny.toml"\nname = "mine"\n{text}')
    return path


def test_a_variant_says_only_what_differs(tmp_path: Path):
    text = """
    [[memories]]
    name = "extra"
    kind = "ram"
    address = 0x3000_0000
    size = 16
    bandwidth = 1
    units = ["cpu"]
    [[memories]]
    name = "sram"
    size = 0x4000
    [toolchain]
    cpu = ["-mx"]
    """
    base, mine = load_platform(variant(tmp_path, text).parent / "tiny.toml"), tmp_path / "mine.toml"
    found = load_platform(mine)
    assert found.label == "mine" and found.data.description == base.data.description
    assert [m.name for m in found.memories] == ["flash", "sram", "extra"]
    assert found.memory("flash") == base.memory("flash")
    assert found.memory("sram") == Memory("sram", "ram", 0x20000000, 0x4000, 4.0)
    assert found.toolchain == Toolchain("gcc", cpu=("-mx",))
    assert (found.units, found.board) == (base.units, base.board)


def test_facts_of_a_variant_are_merged():
    small, whole = load_platform("pulp-4").cluster, load_platform("siracusa").cluster
    assert small is not None and whole is not None
    assert (small.cores, small.fact("banks"), whole.fact("banks")) == (4, 8, 16)
    assert small.fact("icache_bytes") == whole.fact("icache_bytes")


def test_a_variant_may_leave_things_out():
    whole, cores = load_platform("siracusa"), load_platform("siracusa-cores")
    assert [u.name for u in whole.units] == ["cluster", "npu", "controller"]
    assert [u.name for u in cores.units] == ["cluster", "controller"]
    assert "npu" in whole.memory("l1").units and "npu" not in cores.memory("l1").units
    assert "xpulp" not in load_platform("siracusa-rv32").units[0].features


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[memories]]\nname = "sram"\nsize = 0', "memories[0].size: expected a positive integer"),
        ('[[memories]]\nname = "new"', "memories[0].kind: missing"),
        (
            '[[memories]]\nname = "sram"\nsise = 1',
            'memories[0].sise: unknown key (did you mean "si',
        ),
        ('[[units]]\nname = "cpu"\nisa = 1', "units[0].isa: expected a string that is not empty"),
        ("[toolchain]\ncompiler = 1", "toolchain.compiler: expected a string"),
        ('without = ["sram"]', 'board.data: there is no memory "sram"'),
        (
            'without = ["srum"]',
            'without[0]: "tiny.toml" has nothing of the name "srum" (did you me',
        ),
        ("without = 1", "without: expected a list, got 1"),
        ("memories = 1", "memories: expected a list, got 1"),
        (
            '[[memories]]\nname = "flash"\naddress = 0x1fffffff',
            'memories[1]: memory "sram" [0x20000000, 0x20008000) overlaps "flash" [0x1fffffff, '
            '0x20007fff) (this entry comes from base "tiny.toml")',
        ),
    ],
)
def test_problems_of_a_variant_have_its_paths(tmp_path: Path, text: str, message: str):
    path = variant(tmp_path, text)
    with pytest.raises(RunnelError) as caught:
        load_platform(path)
    assert all(error.startswith(f"{path}: ") for error in caught.value.messages)
    assert any(error.startswith(f"{path}: {message}") for error in caught.value.messages), caught


def test_problems_of_a_base_are_its_own(tmp_path: Path):
    path = variant(tmp_path, "", TINY.replace('"gcc"', "3"))
    with pytest.raises(RunnelError, match=r"tiny\.toml: toolchain\.compiler: expected a string"):
        load_platform(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "tiny.toml"', r"mine\.toml: name: missing, a variant of \"tiny\.toml\" has"),
        ('base = "mine.toml"', r'base: "mine\.toml" is built on this platform itself'),
        ('base = "siracuse"', r'mine\.toml: base: no platform "siracuse" \(did you mean "sirac'),
        ('base = "none.toml"', r"none\.toml: cannot read the platform"),
        ("base = 1", r"mine\.toml: base: expected the name of a platform or the path of a \.toml"),
    ],
)
def test_bases_that_are_wrong(tmp_path: Path, text: str, message: str):
    path = variant(tmp_path, "")
    path.write_text(text)
    with pytest.raises(RunnelError, match=message):
        load_platform(path)


def test_stacks_of_a_cluster_are_in_its_l1(tmp_path: Path):
    platform = load_platform("siracusa")
    assert platform.cluster_memory is platform.memory("l1")
    assert platform.stack_bytes("l1") == 8 * platform.core_stack
    assert platform.stack_bytes("l2") == platform.board.stack
    other = load_platform("cortex-m4")
    assert other.cluster is other.cluster_memory is None
    assert (other.stack_bytes("sram"), other.stack_bytes("psram")) == (other.board.stack, 0)
    path = tmp_path / "mine.toml"
    for facts, message in (
        ("stack = 100", "units[0].facts.stack: expected bytes, a multiple of 16, got 100"),
        ("stack = 0x10000", 'facts.stack: 8 stacks of 65536 bytes do not fit "l1" of 262144 bytes'),
        ('l1 = "l3"', 'units[0].facts.l1: there is no memory "l3"'),
    ):
        changes = f'[[units]]\nname = "cluster"\n[units.facts]\n{facts}'
        path.write_text(f'base = "siracusa"\nname = "mine"\n{changes}')
        with pytest.raises(RunnelError) as caught:
            load_platform(path)
        assert message in str(caught.value)
