"""Dagster's own storage: its instance, event log and run history."""
