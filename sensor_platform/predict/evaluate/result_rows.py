"""What came of the forecasts of a test, per horizon and per bucket of horizons."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.evaluate.serve_piecewise import Served
from sensor_platform.predict.features.matrix import Examples
from sensor_platform.predict.forecast.candidates.baselines import PERSISTENCE
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES, CANDIDATES
from sensor_platform.predict.forecast.candidates.forecaster import Forecasts
from sensor_platform.predict.forecast.selection.forecast_record import buckets


@dataclass(frozen=True, slots=True)
class Row:
    """One horizon bucket of one target; errors in the target's unit."""

    horizons: str
    rows: int
    mae: dict[str, float]
    mae_served: float
    served: dict[str, float]
    """Mean weight of each candidate in what was served; they sum to 1."""
    coverage: float
    width: float


def judged_rows(test: Examples, said: Forecasts, served: Served) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """One row per bucket and `all`, the mean over the horizons; and one per horizon."""
    horizons = tuple(int(each) for each in np.unique(test.horizon))
    by_horizon = tuple(_row(str(h), test.horizon == h, test, said, served) for h in horizons)
    by_bucket = [_row(str(bucket), bucket.holds(test.horizon), test, said, served) for bucket in buckets(horizons)]
    return (*by_bucket, _mean(by_horizon)), by_horizon


def best_baseline(row: Row) -> tuple[str, float]:
    """Name and error of the best baseline of a row."""
    name = min(BASELINES, key=lambda each: row.mae.get(each, np.inf))
    return name, row.mae.get(name, row.mae[PERSISTENCE])


def _row(label: str, mask: npt.NDArray[np.bool_], test: Examples, said: Forecasts, served: Served) -> Row:
    actual = test.actual[mask]
    names = [name for name in CANDIDATES if name in said.by_candidate]
    shares = {name: float(served.shares[name][mask].mean()) for name in names}
    return Row(
        horizons=label,
        rows=len(actual),
        mae={name: float(np.abs(said.by_candidate[name][mask] - actual).mean()) for name in names},
        mae_served=float(np.abs(served.value[mask] - actual).mean()),
        served={name: share for name, share in shares.items() if share > 0},
        coverage=float(((actual >= served.lower[mask]) & (actual <= served.upper[mask])).mean()),
        width=float((served.upper[mask] - served.lower[mask]).mean()),
    )


def _mean(rows: tuple[Row, ...]) -> Row:
    """Over the horizons, each counting the same; coverage and weights over the forecasts."""
    total = sum(row.rows for row in rows)
    names = [name for name in rows[0].mae if any(name in row.served for row in rows)]
    return Row(
        horizons="all",
        rows=total,
        mae={name: float(np.mean([row.mae[name] for row in rows])) for name in rows[0].mae},
        mae_served=float(np.mean([row.mae_served for row in rows])),
        served={name: sum(row.served.get(name, 0.0) * row.rows for row in rows) / total for name in names},
        coverage=sum(row.coverage * row.rows for row in rows) / total,
        width=float(np.mean([row.width for row in rows])),
    )
