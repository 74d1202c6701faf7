"""Trials on the raw archive: what a changed contract would do, and which one the traffic asks for. Nothing changes."""
