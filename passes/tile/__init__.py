"""Passes that cut ops into tiles for the near memory of their unit."""
