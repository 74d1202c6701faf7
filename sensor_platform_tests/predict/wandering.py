"""Series of seconds that wander, for tests of anomaly scores."""

from typing import Any

import numpy as np

from sensor_platform.predict.features.grid import Grid

SECONDS = Grid(1_000_000, 1, 1)
Floats = np.ndarray[Any, np.dtype[np.float64]]


def walk(rng: np.random.Generator, rows: int, step: float) -> Floats:
    """A random walk with steps of this size, plus noise of sigma 1."""
    return np.asarray(rng.normal(0, 1, rows) + np.cumsum(rng.normal(0, step, rows)))
