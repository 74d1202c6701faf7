"""The card of a forecaster's version: training data, recipe, backtest errors and serving rules."""

from datetime import datetime
from importlib.metadata import version
from typing import Any

import msgspec

from sensor_platform.predict.forecast.candidates.candidate import Anchor
from sensor_platform.predict.forecast.selection.adjust import ServingRule

LIBRARIES = ("lightgbm", "numpy", "polars")


class ForecasterCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`card.json`. Times are aware UTC."""

    metric: str
    version: str
    created_at: datetime
    trained_from: datetime
    trained_to: datetime
    """Newest hour that training, calibration or selection has seen: only later hours are forecast."""
    backtest_from: datetime
    origins: tuple[datetime, ...]
    """First hours of the folds of the backtest."""
    examples: int
    devices: int
    learnt_devices: tuple[str, ...] = ()
    """Names of the devices that it has learnt from; empty in cards of an earlier release."""
    horizons: tuple[int, ...]
    rules: tuple[ServingRule, ...]
    """Serving rule per horizon bucket, with every candidate's error in the backtest."""
    coverage: float | None
    """Interval coverage of the backtest's newer half with the margins of its older half; estimates live coverage."""
    interval: float
    others: tuple[str, ...]
    """Further metrics of the same device among the inputs."""
    inputs: tuple[str, ...]
    inputs_sha256: str
    target: str
    anchor: Anchor
    is_scaled: bool
    recipes: dict[str, float]
    """Error of each recipe that was tried."""
    units: dict[int, float]
    spreads: dict[int, tuple[float, float]]
    least: float | None
    parameters: dict[str, Any]
    seed: int
    libraries: dict[str, str]
    git_revision: str | None
    files: dict[str, str]
    """SHA-256 of each file of the version."""

    def summary(self) -> str:
        """One line for a list of versions."""
        return f"{self.examples:,} examples to {self.trained_to:%Y-%m-%d %H:%M}Z"


def library_versions() -> dict[str, str]:
    """Versions that a card records."""
    return {name: version(name) for name in LIBRARIES}
