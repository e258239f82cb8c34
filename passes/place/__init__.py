"""Passes that say which machine and which of its units runs what."""
