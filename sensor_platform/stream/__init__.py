"""Readings in time: windows, alert rules and the state machine of alerts. Pure; the same live and over history."""
