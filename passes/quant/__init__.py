"""Passes that choose scales and produce or rewrite the quant dialect."""
