"""Runners: the same program on the host and on every Cortex-M board, and how failures read."""

import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.platforms import BOARDS, load_platform
from runnel.runtime.runners import Array, Program, RunResult, Tensor, build
from runnel.runtime.runners import run as run_for
from runnel.runtime.runners.build_files import write_build_files

run = partial(run_for, timeout=60)
"""No program here takes more than a second or two."""

MODEL = Path(__file__).parent / "runner_model"
OUTPUTS = [Tensor(np.dtype(np.int8), (2, 4)), Tensor(np.dtype(np.int32), (1,))]
BOARD_NAMES = ["cortex-m4", "cortex-m7", "cortex-m55"]
EMULATED = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
            reason="needs qemu-system-arm, gcc-arm-none-eabi, libnewlib-arm-none-eabi",
        ),
    )
    for name in BOARD_NAMES
]
EVERYWHERE = ["host", *EMULATED]


def write_model(directory: Path, prefix: str = "small") -> list[str]:
    """Put the hand-written model there under another name; returns its sources."""
    for suffix in ("c", "h"):
        text = (MODEL / f"small.{suffix}").read_text()
        text = text.replace("small_kernel", "KERNEL").replace("SMALL_", f"{prefix.upper()}_")
        text = text.replace("small", prefix).replace("KERNEL", "small_kernel")
        text = text.replace("SMALL_H", f"{prefix.upper()}_H")
        (directory / f"{prefix}.{suffix}").write_text(text)
    return [f"{prefix}.c", f"{prefix}.h"]


def program_in(directory: Path, platform: str, *flags: str, profile: bool = False) -> Program:
    """The hand-written model, built with all warnings as errors."""
    sources = write_model(directory)
    machine = load_platform(platform)
    write_build_files(directory, "small", machine, sources, kernel_directories=[MODEL / "kernels"])
    return build(directory, "small", machine, profile=profile, extra_flags=["-Werror", *flags])


def inputs_of(count: int) -> list[list[Array]]:
    rng = np.random.default_rng(count)
    return [
        [
            rng.integers(-100, 100, 8).astype(np.int8),
            rng.integers(-(2**28), 2**28, 4).astype(np.int32),
        ]
        for _ in range(count)
    ]


def check(result: RunResult, inputs: Sequence[Sequence[Array]], add: int = 1) -> None:
    """Every output of every inference is what the model computes."""
    assert len(result.outputs) == len(inputs)
    for (y0, y1), (x0, x1) in zip(result.outputs, inputs, strict=True):
        assert y0.dtype == np.int8 and np.array_equal(y0, (x0 + np.int8(add)).reshape(2, 4))
        assert np.array_equal(y1, [x1.sum()])


@pytest.mark.parametrize("platform", EVERYWHERE)
def test_many_inferences_in_one_process(tmp_path: Path, platform: str):
    program = program_in(tmp_path, platform)
    inputs = inputs_of(1000)
    check(run(program, inputs, OUTPUTS), inputs)


@pytest.mark.parametrize("platform", EMULATED)
def test_instructions_are_exact(tmp_path: Path, platform: str):
    """An empty layer counts 0, a thousand more iterations count exactly 3,000 more."""
    inputs = inputs_of(2)
    few = run(program_in(tmp_path, platform, profile=True), inputs, OUTPUTS)
    many = run(program_in(tmp_path, platform, "-DSMALL_LOOPS=2000u", profile=True), inputs, OUTPUTS)
    again = run(
        program_in(tmp_path, platform, "-DSMALL_LOOPS=2000u", profile=True), inputs, OUTPUTS
    )
    assert few.instructions_per_layer is not None and many.instructions_per_layer is not None
    assert few.total_instructions is not None and many.total_instructions is not None
    assert few.instructions_per_layer[1] == many.instructions_per_layer[1] == 0
    assert many.instructions_per_layer[0] - few.instructions_per_layer[0] == 3000
    assert 3001 <= few.instructions_per_layer[0] <= 3020
    assert few.instructions_per_layer[2] == many.instructions_per_layer[2] > 0
    assert 0 < few.total_instructions - sum(few.instructions_per_layer) < 20
    assert many.instructions_per_layer == again.instructions_per_layer
    check(few, inputs)


@pytest.mark.parametrize("platform", EMULATED)
def test_a_long_layer_is_exact_too(tmp_path: Path, platform: str):
    long = program_in(tmp_path, platform, "-DSMALL_LOOPS=20000000u", profile=True)
    layers = run(long, inputs_of(1), OUTPUTS).instructions_per_layer
    assert layers is not None and 60_000_001 <= layers[0] <= 60_000_020


@pytest.mark.parametrize("platform", EMULATED)
def test_stack_and_sizes(tmp_path: Path, platform: str):
    shallow = run(program_in(tmp_path, platform), inputs_of(1), OUTPUTS)
    deep = program_in(tmp_path, platform, "-DSMALL_DEEP=4000")
    result = run(deep, inputs_of(1), OUTPUTS)
    assert shallow.stack_bytes is not None and result.stack_bytes is not None
    assert 0 < shallow.stack_bytes < 100
    assert 4000 <= result.stack_bytes < 4100
    sizes = deep.sizes
    assert sizes is not None
    assert (result.flash_bytes, result.ram_bytes) == (sizes.flash, sizes.ram)
    assert 64 + 8 <= sizes.model_ram < 64 + 32
    assert sizes.ram - sizes.model_ram - sizes.harness_ram < 64
    assert 200 < sizes.model_flash < 1000 and 1000 < sizes.harness_flash < 3000
    listed = subprocess.run(
        ["arm-none-eabi-size", "-A", deep.elf], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    section = {line.split()[0]: int(line.split()[1]) for line in listed if line.startswith(".")}
    in_flash = sum(section.get(name, 0) for name in (".vectors", ".text", ".ARM.exidx", ".data"))
    assert sizes.flash == in_flash
    assert sizes.ram == section[".data"] + section[".bss"]


@pytest.mark.parametrize("platform", EVERYWHERE)
def test_two_models_in_one_firmware(tmp_path: Path, platform: str):
    """Both are linked; the harness runs either, and neither disturbs the other."""
    sources = [*write_model(tmp_path, "small"), *write_model(tmp_path, "other")]
    machine = load_platform(platform)
    inputs = inputs_of(3)
    for model, add in (("small", 1), ("other", 5)):
        kernels = [MODEL / "kernels"]
        write_build_files(tmp_path, model, machine, sources, kernel_directories=kernels)
        program = build(tmp_path, model, machine, extra_flags=["-Werror", "-DOTHER_ADD=5"])
        check(run(program, inputs, OUTPUTS), inputs, add)


@pytest.mark.parametrize("platform", EVERYWHERE)
def test_files_are_self_contained_and_byte_identical(tmp_path: Path, platform: str):
    contents: list[dict[str, bytes]] = []
    for name in ("a", "b"):
        directory = tmp_path / name
        directory.mkdir()
        sources = write_model(directory)
        files = write_build_files(
            directory,
            "small",
            load_platform(platform),
            sources,
            kernel_directories=[MODEL / "kernels"],
        )
        contents.append({file: (directory / file).read_bytes() for file in files})
        found = {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}
        assert found == {*files, *sources}
    assert contents[0] == contents[1]
    assert {"kernels/small_kernel.h", "kernels/small_port.h"} <= contents[0].keys()
    assert "kernels/small_unused.h" not in contents[0]
    assert not any(str(tmp_path).encode() in data for data in contents[0].values())
    moved = tmp_path / "moved"
    (tmp_path / "a").rename(moved)
    done = subprocess.run(["make", "-C", moved], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
    inputs = inputs_of(2)
    (moved / "input.bin").write_bytes(b"".join(a.tobytes() for i in inputs for a in i))
    if platform == "host":
        subprocess.run(["make", "-C", moved, "run"], check=True, capture_output=True)
        assert (moved / "output.bin").stat().st_size == 2 * sum(t.size for t in OUTPUTS)


@pytest.mark.parametrize("platform", EMULATED)
def test_linker_script_follows_the_platform(tmp_path: Path, platform: str):
    machine = load_platform(platform)
    program = program_in(tmp_path, platform)
    table = subprocess.run(
        ["arm-none-eabi-nm", program.elf], capture_output=True, text=True, check=True
    ).stdout
    address = {line.split()[2]: int(line.split()[0], 16) for line in table.splitlines()}
    data, code = machine.data_memory, machine.code_memory
    vectors = machine.memory(machine.board.vectors or machine.board.code)
    assert address["rn_stack_limit"] == data.address
    assert address["rn_stack_top"] == data.address + machine.board.stack
    assert data.address <= address["small_arena"] < data.end
    assert code.address <= address["small_run"] < code.end
    assert address["rn_vectors"] == vectors.address


@pytest.mark.parametrize("platform", EMULATED)
def test_a_named_section_goes_to_its_memory(tmp_path: Path, platform: str):
    machine = load_platform(platform)
    other = next(m for m in machine.memories if m.kind == "ram" and m != machine.data_memory)
    section = f".bss.{other.name}.arena"
    sources = write_model(tmp_path)
    text = (tmp_path / "small.c").read_text()
    (tmp_path / "small.c").write_text(
        text.replace("} small_arena;", f'}} small_arena __attribute__((section("{section}")));')
    )
    kernels = [MODEL / "kernels"]
    write_build_files(tmp_path, "small", machine, sources, kernel_directories=kernels)
    program = build(tmp_path, "small", machine, extra_flags=["-Werror"])
    table = subprocess.run(
        ["arm-none-eabi-nm", program.elf], capture_output=True, text=True, check=True
    ).stdout
    (line,) = [line for line in table.splitlines() if line.endswith(" small_arena")]
    assert other.address <= int(line.split()[0], 16) < other.end
    inputs = inputs_of(2)
    check(run(program, inputs, OUTPUTS), inputs)


@pytest.mark.parametrize("platform", EMULATED)
def test_a_fault_names_the_function(tmp_path: Path, platform: str):
    program = program_in(tmp_path, platform, "-DSMALL_CRASH")
    with pytest.raises(RunnelError) as caught:
        run(program, inputs_of(1), OUTPUTS)
    message = str(caught.value)
    assert f"small on {platform}: HARD FAULT pc=0x" in message
    assert "address=0xf0000000" in message
    assert "pc is in small_run at small.c:" in message


@pytest.mark.parametrize("platform", EMULATED)
def test_a_stack_overflow_says_so(tmp_path: Path, platform: str):
    program = program_in(tmp_path, platform, "-DSMALL_DEEP=16500")
    with pytest.raises(RunnelError, match="stack overflow: more than the 16384 bytes"):
        run(program, inputs_of(1), OUTPUTS)


@pytest.mark.parametrize("platform", EVERYWHERE)
def test_a_model_that_fails_or_hangs(tmp_path: Path, platform: str):
    with pytest.raises(RunnelError, match="the model's run function failed"):
        run(program_in(tmp_path, platform, "-DSMALL_FAIL"), inputs_of(1), OUTPUTS)
    with pytest.raises(RunnelError, match=r"did not finish in 1 s"):
        run(program_in(tmp_path, platform, "-DSMALL_HANG"), inputs_of(1), OUTPUTS, timeout=1)


@pytest.mark.parametrize("platform", EVERYWHERE)
def test_wrong_inputs(tmp_path: Path, platform: str):
    program = program_in(tmp_path, platform)
    with pytest.raises(RunnelError, match=r"input\.bin is not a whole number of inputs"):
        run(program, [[np.zeros(8, np.int8)]], OUTPUTS)
    with pytest.raises(RunnelError, match="1 inferences of 8 bytes expected, 12 bytes came back"):
        run(program, inputs_of(1), OUTPUTS[:1])


def test_sanitizers_on_the_host(tmp_path: Path):
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    inputs = inputs_of(3)
    check(run(program_in(tmp_path, "host", *flags), inputs, OUTPUTS), inputs)
    broken = program_in(tmp_path, "host", *flags, "-DSMALL_OVERRUN")
    with pytest.raises(RunnelError, match=r"AddressSanitizer|runtime error"):
        run(broken, inputs, OUTPUTS)


def test_the_host_does_not_count(tmp_path: Path):
    result = run(program_in(tmp_path, "host"), inputs_of(1), OUTPUTS)
    assert result.instructions_per_layer is None and result.total_instructions is None
    assert result.stack_bytes is None and result.flash_bytes is None
    with pytest.raises(RunnelError, match="platform host does not count instructions"):
        build(tmp_path, "small", load_platform("host"), profile=True)


def build_with(directory: Path, platform: str, source: str) -> Program:
    """The hand-written model with more C behind it."""
    sources = write_model(directory)
    with (directory / "small.c").open("a") as file:
        file.write(source)
    machine = load_platform(platform)
    write_build_files(directory, "small", machine, sources, kernel_directories=[MODEL / "kernels"])
    return build(directory, "small", machine)


def test_compiler_errors_are_shown(tmp_path: Path):
    with pytest.raises(RunnelError, match=r"make failed:\nsmall\.c:\d+:\d+: error:"):
        build_with(tmp_path, "host", "int wrong = ;\n")


@pytest.mark.parametrize("platform", EMULATED)
def test_a_model_that_is_too_large(tmp_path: Path, platform: str):
    size = load_platform(platform).data_memory.size
    large = f'char large[{size}] __attribute__((section(".bss.large")));\n'
    large += '__attribute__((section(".vectors"))) void *const keep = large;\n'
    with pytest.raises(
        RunnelError, match=r"make failed:\n.*(sram|flash).* overflowed by \d+ bytes"
    ):
        build_with(tmp_path, platform, large)


def test_a_relative_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    inputs = inputs_of(1)
    check(run(program_in(Path("out"), "host"), inputs, OUTPUTS), inputs)


def test_a_source_that_is_not_there(tmp_path: Path):
    with pytest.raises(RunnelError, match=r"none\.c: there is no such source file"):
        write_build_files(tmp_path, "small", load_platform("host"), ["none.c"])


def test_missing_tools_name_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sources = write_model(tmp_path)
    machine = load_platform("cortex-m4")
    kernels = [MODEL / "kernels"]
    write_build_files(tmp_path, "small", machine, sources, kernel_directories=kernels)
    real = shutil.which

    def without(missing: str):
        def which(tool: str) -> str | None:
            return None if tool == missing else real(tool) or f"/usr/bin/{tool}"

        monkeypatch.setattr(shutil, "which", which)

    without("arm-none-eabi-gcc")
    message = "arm-none-eabi-gcc is not installed.*gcc-arm-none-eabi libnewlib-arm-none-eabi"
    with pytest.raises(RunnelError, match=message):
        build(tmp_path, "small", machine)
    without("qemu-system-arm")
    program = Program("small", machine, tmp_path / "small.elf", None, None)
    with pytest.raises(RunnelError, match=r"qemu-system-arm is not installed.*qemu-system-arm"):
        run(program, inputs_of(1), OUTPUTS)


def test_unknown_runner():
    from dataclasses import replace

    from runnel.dialects.platform import PlatformAttr
    from runnel.runtime.runners import runner_of

    host = load_platform("host").data
    with pytest.raises(RunnelError, match=r'no runner "qemo" \(did you mean "qemu"\?\)'):
        runner_of(PlatformAttr(replace(host, board=replace(host.board, runner="qemo"))))


def test_profile_hook_is_nothing_by_default(tmp_path: Path):
    """Emitted code with hooks gives the same object code as without."""
    objects: list[str] = []
    for text in (
        "int f(void);\nint f(void) { RN_PROFILE_LAYER(3); return 1; }\n",
        "int f(void);\nint f(void) { return 1; }\n",
    ):
        (tmp_path / "f.c").write_text(f'#include "rn_profile.h"\n{text}')
        done = subprocess.run(
            [
                "cc",
                "-std=c99",
                "-O2",
                "-Werror",
                "-Wall",
                "-S",
                "-o-",
                f"-I{BOARDS / 'common'}",
                tmp_path / "f.c",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        objects.append(done.stdout)
    assert objects[0] == objects[1]
