"""How long `opt-tool --help` takes, beside a bare Python and `xdsl-opt --help`.

python bench/startup.py [RUNS]      prints the median of RUNS (11) in milliseconds
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from time import perf_counter

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "opt-tool --help": ["-c", "from runnel.tools.opt_tool import main; main(['--help'])"],
    "opt-tool (one pass)": [
        "-c",
        "from runnel.tools.opt_tool import main; main(['-p', 'cse'])",
    ],
    "xdsl-opt --help": ["-c", "from xdsl.tools.xdsl_opt import main; main()", "--help"],
}
PROGRAM = 'builtin.module {\n  "test.op"() : () -> ()\n}\n'


def milliseconds(arguments: list[str]) -> float:
    """Wall time of one run of this Python."""
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], input=PROGRAM, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{arguments} failed:\n{done.stderr}")
    return 1000 * (perf_counter() - start)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    medians: dict[str, float] = {}
    for name, arguments in COMMANDS.items():
        milliseconds(arguments)  # fills the caches
        medians[name] = statistics.median(milliseconds(arguments) for _ in range(runs))
    base = medians["python -c pass"]
    print(f"{'command':<22} {'median ms':>9} {'/ python':>9}")
    for name, median in medians.items():
        print(f"{name:<22} {median:9.0f} {median / base:9.2f}")


if __name__ == "__main__":
    main()
