"""Files of arrays: what is read, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runnel.dialects.diagnostics import RunnelError
from runnel.runtime.array_files import read_arrays, read_inputs, read_labels

ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_both_kinds_of_files(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", ROWS)
    np.savez(tmp_path / "two.npz", a=ROWS, b=ROWS + 1)
    assert {name: found.tolist() for name, found in read_arrays(tmp_path / "one.npy").items()} == {
        "": ROWS.tolist()
    }
    assert read_inputs(tmp_path / "two.npz", ["b"])["b"].tolist() == (ROWS + 1).tolist()
    assert read_inputs(tmp_path / "one.npy", ["x"])["x"].tolist() == ROWS.tolist()
    with pytest.raises(RunnelError, match="expected one array, it holds 2"):
        read_labels(tmp_path / "two.npz")
    with pytest.raises(RunnelError, match="no array 'c'; it holds a, b, the network takes a, c"):
        read_inputs(tmp_path / "two.npz", ["a", "c"])


def test_what_is_no_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object))
    for name, content in {"empty.npy": b"", "text.npy": b"1 2 3\n", "cut.npz": b"PK"}.items():
        (tmp_path / name).write_bytes(content)
    np.savez(tmp_path / "whole.npz", x=ROWS)
    (tmp_path / "short.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-9])
    for name in ("objects.npy", "empty.npy", "text.npy", "cut.npz", "short.npz"):
        with pytest.raises(RunnelError, match=r"not a readable \.npy or \.npz file") as caught:
            read_arrays(tmp_path / name)
        assert "pickle" not in str(caught.value) and str(tmp_path / name) in str(caught.value)
    with pytest.raises(RunnelError, match=r"absent\.npy: No such file or directory"):
        read_arrays(tmp_path / "absent.npy")


def test_labels_are_one_integer_per_sample(tmp_path: Path) -> None:
    path = tmp_path / "y.npy"
    np.save(path, np.array([[3], [1]]))
    assert read_labels(path, 2).tolist() == read_labels(path).tolist() == [3, 1]
    with pytest.raises(RunnelError, match=r"expected \[3\], got int64 \[2, 1\]"):
        read_labels(path, 3)
    for wrong in (np.array(["cat", "dog"]), np.array([0.5, 1.0])):
        np.save(path, wrong)
        with pytest.raises(RunnelError, match="labels are one integer per sample"):
            read_labels(path)


@pytest.mark.parametrize("array", [np.zeros((0, 2)), np.array(1.0), np.array([["a", "b"]])])
def test_samples_are_numbers_on_the_first_axis(tmp_path: Path, array: NDArray[Any]) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(RunnelError, match="samples of numbers are expected on the first axis"):
        read_inputs(tmp_path / "x.npy", ["x"])
