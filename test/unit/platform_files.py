"""Platforms that differ a little from a shipped one, as files."""

from __future__ import annotations

from pathlib import Path


def platform_with(folder: Path, base: str, **sizes: int) -> str:
    """The path of a TOML in `folder`: `base` with other sizes of memories (`l1=0x4000`)."""
    name = "-".join((base, *(f"{memory}-{size:x}" for memory, size in sizes.items())))
    memories = "".join(
        f'[[memories]]\nname = "{memory}"\nsize = {size}\n' for memory, size in sizes.items()
    )
    path = folder / f"{name}.toml"
    path.write_text(f'base = "{base}"\nname = "{name}"\n{memories}')
    return str(path)
