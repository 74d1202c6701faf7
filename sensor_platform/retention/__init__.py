"""Proof and repair of the tables: traces, retention, rebuild, and what a build costs."""
