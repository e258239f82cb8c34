"""Passes that make a float network smaller: low-rank layers, pruned channels, chosen ratios."""
