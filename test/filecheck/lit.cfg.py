# pyright: reportUndefinedVariable=false
# ruff: noqa: F821
"""`lit test/filecheck`: in this process by default, `--param shell=1` runs a shell as lit does."""

import os
import sys

import lit.formats

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)

from inprocess import InProcessTest  # noqa: E402

config.name = "runnel"
config.test_source_root = here
config.suffixes = {".mlir"}
config.excludes = ["Output"]
config.test_format = lit.formats.ShTest() if lit_config.params.get("shell") else InProcessTest()
config.environment["PATH"] = os.pathsep.join(
    [os.path.dirname(sys.executable), os.environ.get("PATH", "")]
)
