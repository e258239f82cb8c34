"""Measurements: every number in a document comes from a program here."""
