"""Readings in time: windows, alarm rules and their state machine. Pure; the same engine live and over history."""
