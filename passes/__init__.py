"""The passes, loaded by name on first use. One pass, one file, one line here."""

PASSES: dict[str, str] = {
}
"""Pass name to `module:Class` below this package."""
