"""Observations of rules in a batch, as columns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.stream.columns import Floats
from sensor_platform.stream.series import Ints

Levels = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Observations:
    """Observations of one rule, one element each, in order of key and, within a key, of arrival."""

    key: Ints
    """Series, or device for rules about devices."""
    at: Ints
    """Event time, microseconds."""
    received_at: Ints
    value: Floats
    raw: Levels
    """Level that the value calls for; 0 for none."""
    hold: Levels
    """Level that the value is enough to keep."""


@dataclass(slots=True)
class PreviousReadings:
    """The usable reading before each reading of a batch in its series; NaN and NEVER for none."""

    value: Floats
    at: Ints
