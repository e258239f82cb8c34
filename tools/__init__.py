"""Command line tools: nothing else in the package imports them."""
