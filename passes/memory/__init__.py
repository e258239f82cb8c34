"""Passes that give buffers their place in memory, and verifiers that check it."""
