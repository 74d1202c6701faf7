"""Which models were trained on a device or a metric, by their cards."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.predict.registry.version_files import CARD, CHAMPION


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One version of a model."""

    name: str
    """Metric, or `task:` and the name of a supervised task."""
    version: str
    is_champion: bool
    is_certain: bool
    """False for a card of an earlier release, which does not name its devices."""


def trained_on(
    home: Home, *, device: str | None, metric: str | None, first: int | None = None, end: int | None = None
) -> list[TrainedModel]:
    """Versions that were trained on readings of a device, a metric, or both together; by name and version.

    Args:
        home: the data folder.
        device: None for any.
        metric: the one that is forecast, or one of the inputs; None for any.
        first: only versions trained on something later than this, microseconds.
        end: only versions trained on something earlier than this, microseconds.
    """
    found: list[TrainedModel] = []
    for path in sorted(home.models.glob(f"*/*/{CARD}")):
        try:
            card = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        devices = card.get("learnt_devices") or ()
        if device is not None and devices and device not in devices:
            continue
        if metric is not None and metric not in set(_metrics(card)):
            continue
        if not _is_within(card, first, end):
            continue
        task = card.get("task")
        name = f"task:{task}" if task else str(card.get("metric", path.parent.parent.name))
        found.append(
            TrainedModel(name, path.parent.name, path.parent.name == _champion(path), device is None or bool(devices))
        )
    return found


def _metrics(card: dict[str, Any]) -> Iterator[str]:
    """The metric that is forecast, and the metrics among the inputs."""
    yield str(card.get("metric"))
    yield from card.get("others", ())
    for name in card.get("inputs", ()):
        yield str(name)
        yield str(name).partition("__")[0]


def _is_within(card: dict[str, Any], first: int | None, end: int | None) -> bool:
    begun, until = card.get("trained_from"), card.get("trained_to")
    if first is not None and until and to_micros(datetime.fromisoformat(until)) < first:
        return False
    return not (end is not None and begun and to_micros(datetime.fromisoformat(begun)) >= end)


def _champion(card: Path) -> str | None:
    try:
        periods = json.loads((card.parent.parent / CHAMPION).read_bytes())["reigns"]
        return str(periods[-1]["version"])
    except (OSError, ValueError, KeyError, IndexError):
        return None
