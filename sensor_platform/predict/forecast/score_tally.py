"""What a scoring did, counted piece by piece: the forecasts themselves are not kept for it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sensor_platform.predict.reports import ScoreReport, utc

if TYPE_CHECKING:
    import polars as pl

_Model = tuple[str, str | None, str]
"""Metric, model and note."""


@dataclass(slots=True)
class Tally:
    """Counts of forecasts by model, and by what was served."""

    _rows: Counter[_Model] = field(default_factory=Counter)
    _devices: dict[_Model, set[str]] = field(default_factory=dict)
    _served: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    _newest: datetime | None = None

    def add(self, metric: str, model_id: str | None, rows: "pl.DataFrame", note: str) -> None:
        """Count the rows of one metric and model."""
        import polars as pl

        key = (metric, model_id, note)
        self._rows[key] += rows.height
        self._devices.setdefault(key, set()).update(rows["device_id"].unique())
        served = rows.group_by("metric", "horizon_hours", "served").agg(pl.len())
        self._served.update({(one, horizon, name): count for one, horizon, name, count in served.iter_rows()})
        newest: datetime | None = rows["issued_at"].max()  # type: ignore[assignment]  # Polars types it as any literal
        self._newest = max((at for at in (self._newest, newest) if at is not None), default=None)

    def report(self, windows: int, seconds: float) -> ScoreReport:
        """All of it."""
        return ScoreReport(
            windows=windows,
            rows=sum(self._rows.values()),
            newest_issued_at=utc(self._newest),
            by_model=tuple(
                {"metric": key[0], "model_id": key[1], "rows": rows, "devices": len(self._devices[key]), "note": key[2]}
                for key, rows in self._rows.items()
            ),
            by_served=tuple(
                {"metric": metric, "horizon_hours": horizon, "served": served, "rows": rows}
                for (metric, horizon, served), rows in sorted(self._served.items())
            ),
            seconds=seconds,
        )
