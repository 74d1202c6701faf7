"""The card of a model: what it is, what it was trained on, how it was judged, and what is served of it."""

from datetime import datetime
from importlib.metadata import version
from typing import Any

import msgspec

LIBRARIES = ("lightgbm", "numpy", "polars")


class HorizonCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one horizon was found to be in the backtest; fields as `backtest.HorizonResult`, scale as `Forecaster`."""

    horizon_hours: int
    rows: int
    mae_lightgbm: float | None
    mae_persistence: float | None
    mae_seasonal_naive: float | None
    pinball: float | None
    coverage_raw: float | None
    coverage_calibrated: float | None
    widening: float
    widening_rests_on: str
    served: str
    why: str
    scale: float


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`card.json`. Times are aware UTC."""

    metric: str
    version: str
    created_at: datetime
    trained_from: datetime
    trained_to: datetime
    """Newest hour that training, calibration or choice has seen: a forecast of it or of an earlier hour is none."""
    backtest_from: datetime
    examples: int
    devices: int
    horizons: tuple[HorizonCard, ...]
    interval: float
    inputs: tuple[str, ...]
    inputs_sha256: str
    target: str
    parameters: dict[str, Any]
    seed: int
    libraries: dict[str, str]
    files: dict[str, str]
    """SHA-256 of each model file."""


def library_versions() -> dict[str, str]:
    """Versions that a card records."""
    return {name: version(name) for name in LIBRARIES}


def encode(card: Card) -> bytes:
    """Indented JSON, for people and diffs."""
    return msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n"


def decode(data: bytes) -> Card:
    """The card in `data`.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: it is none.
    """
    return msgspec.json.decode(data, type=Card)
