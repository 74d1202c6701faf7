"""Starts runs in a pre-forked process, and knows whether a run is alive."""
