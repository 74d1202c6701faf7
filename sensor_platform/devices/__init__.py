"""The device side: publishes recorded or made-up readings as devices would, for replay, demo, tests and benchmarks."""
