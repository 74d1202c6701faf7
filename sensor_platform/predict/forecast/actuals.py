"""Reads the live record: forecasts in force when their hour began, with their actuals. All monitoring rests on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from sensor_platform.kernel.clock import from_micros, to_micros
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.forecast.candidates.candidate_table import CANDIDATES
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord
from sensor_platform.predict.over_hours import OverHours
from sensor_platform.warehouse.prediction_tables import in_force_at_target

MOST_ROWS = 200_000
"""Only the newest forecasts are read: memory is bounded whatever the number of devices."""

_READ = (
    "device_id",
    "metric",
    "issued_at",
    "horizon_hours",
    "target_at",
    "raw_lower",
    "raw_upper",
    "width",
    "model_id",
)
_LIVE = """
select p.device_id, p.issued_at, p.horizon_hours, a.mean, p.raw_lower, p.raw_upper, p.width, {candidates}
from ({in_force}) p
join readings_1h a on a.device_id = p.device_id and a.metric = p.metric and a.window_start = p.target_at
where p.metric = ? and p.target_at > ? and p.target_at < ? and isfinite(a.mean) and p.raw_lower is not null
  and {is_over}
  and (? is null or p.model_id = ?)
order by p.target_at desc, p.device_id, p.horizon_hours
limit ?
"""


@dataclass(frozen=True, slots=True)
class ForecastKeys:
    """Which forecasts a record has; arrays of one length."""

    devices: tuple[str, ...]
    device: npt.NDArray[np.int32]
    """Number of the device in `devices`."""
    step: Ints
    """Step of issue."""
    horizon: npt.NDArray[np.int32]

    def where(self, mask: npt.NDArray[np.bool_]) -> "ForecastKeys":
        """Those for which `mask` holds."""
        return ForecastKeys(self.devices, self.device[mask], self.step[mask], self.horizon[mask])


def read_live(
    over: OverHours, metric: str, first: datetime, last: datetime, model_id: str | None = None
) -> ForecastRecord | None:
    """Forecasts of `metric` in force at first < target < last that have an actual; None without any.

    Args:
        over: which hours are over, in the open warehouse; no other hour has an actual.
        metric: forecast metric.
        first: aware UTC.
        last: aware UTC.
        model_id: only forecasts of this model; None for all.
    """
    found = _read(over, metric, first, last, model_id, MOST_ROWS)
    columns = {name: _floats(values) for name, values in found.items() if name not in {"issued_at", "device_id"}}
    if not len(columns.get("mean", ())):
        return None
    return ForecastRecord(
        step=_steps(found["issued_at"]),
        horizon=columns["horizon_hours"].astype(np.int32),
        actual=columns["mean"],
        by_candidate=_complete(columns, CANDIDATES),
        lower=columns["raw_lower"],
        upper=columns["raw_upper"],
        width=columns["width"],
    )


def read_keys(over: OverHours, metric: str, first: datetime, last: datetime, model_id: str, most: int) -> ForecastKeys:
    """Which forecasts `read_live` gives for these arguments, the newest `most` of them."""
    found = _read(over, metric, first, last, model_id, most)
    if not found:
        none = np.empty(0, np.int32)
        return ForecastKeys((), none, none.astype(np.int64), none)
    devices, device = np.unique(found["device_id"].astype(str), return_inverse=True)
    horizon = _floats(found["horizon_hours"]).astype(np.int32)
    return ForecastKeys(tuple(devices.tolist()), device.astype(np.int32), _steps(found["issued_at"]), horizon)


def _read(
    over: OverHours, metric: str, first: datetime, last: datetime, model_id: str | None, most: int
) -> dict[str, npt.NDArray[Any]]:
    """Columns of the live record; none where a table is missing."""
    connection = over.warehouse.connection
    tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    if not {"predictions", "predictions_superseded", "readings_1h"} <= tables:
        return {}
    found: dict[str, npt.NDArray[Any]] = connection.execute(
        _LIVE.format(
            candidates=", ".join(f'p."{name}"' for name in CANDIDATES),
            in_force=in_force_at_target((*_READ, *CANDIDATES)),
            is_over=over.condition("p.device_id", "p.target_at"),
        ),
        [metric, from_micros(to_micros(first)), from_micros(to_micros(last)), model_id, model_id, most],
    ).fetchnumpy()
    return found


def _steps(issued_at: npt.NDArray[Any]) -> Ints:
    steps: Ints = issued_at.astype("datetime64[us]").astype(np.int64) // HOURLY.step_us
    return steps


def _complete(columns: dict[str, Floats], names: Sequence[str]) -> dict[str, Floats]:
    """Candidates that every forecast of the record has."""
    return {name: columns[name] for name in names if not np.isnan(columns[name]).any()}


def _floats(values: npt.NDArray[Any]) -> Floats:
    return np.asarray(np.ma.filled(values.astype(np.float64), np.nan), dtype=np.float64)
