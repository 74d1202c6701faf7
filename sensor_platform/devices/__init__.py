"""Publishes recorded or simulated readings as devices would, for replay, demo, tests and benchmarks."""
