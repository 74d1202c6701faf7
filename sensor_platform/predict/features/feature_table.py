"""The definition of the feature rows, used by training, backtest and scoring.

Input: hourly means, one row per device and hour. Output: one row per device and hour that has a mean, strictly causal:
the row of hour t uses hours <= t, none older than t - 168 h. Lags are not stored: a lag is the value of an earlier row.
Inputs that depend on the horizon (calendar of the target hour, seasonal value) are derived from these rows in `matrix`,
so that a row serves every horizon.

Sums have a fixed order and are never running totals: a row is the same bit for bit, whether it was computed from the
whole history or from the 168 hours before it. Other cadences than hours are for `evaluate`.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.features.grid import HOURLY, Grid
from sensor_platform.predict.features.panel import Floats, Ints, Panel, coded, in_order, lay_out, network_of, scattered
from sensor_platform.predict.features.rolling import moments, pieces

if TYPE_CHECKING:
    import polars as pl

WIDEST_LAG_HOURS = HOURLY.reach
"""A changed hour changes the features of itself and of this many hours after it."""
KEYS = ("device_id", "metric", "window_start")
_THREADS = 2
SEASONS = 7
"""Days of which `same_hour_mean` is the mean."""


def numbers(grid: Grid) -> tuple[str, ...]:
    """Names of the derived columns of a grid."""
    rolling = (f"{what}_{window}" for window in grid.windows for what in ("mean", "std"))
    return ("value", *rolling, "same_hour_mean", "network_mean", "seen")


NUMBERS = numbers(HOURLY)
"""Columns of a feature row, all DOUBLE: `value` is the hour's mean, `mean_k` and `std_k` are over the newest k hours,
`same_hour_mean` over 7 days at this hour of day, `network_mean` over the devices at this hour, `seen` is how many
of the newest 168 hours have a value."""
COLUMNS = (*KEYS, *NUMBERS)


def build(hourly: "pl.DataFrame", grid: Grid = HOURLY) -> Panel:
    """Features of every hour of one metric.

    Args:
        hourly: device_id, window_start (naive UTC, microseconds, whole hours), mean; one row per device and hour, in
            any order. Rows without a finite mean count as missing.
        grid: time grid of the rows.

    Returns:
        All series with their features. Rows whose 168 hours of history are not in `hourly` see a shorter history;
        a caller that builds a part of the history passes 168 more hours before it and drops their rows.

    Raises:
        ValueError: two rows share device and hour, or an hour is not whole.
    """
    import polars as pl

    seen = hourly.select("device_id", pl.col("window_start").cast(pl.Datetime("us")), pl.col("mean").cast(pl.Float64))
    known = seen["mean"].is_finite().fill_null(value=False)
    seen = in_order(seen if known.all() else seen.filter(known))
    devices, device, step = coded(seen, grid)
    layout = lay_out(device, step, grid.reach)
    means = seen["mean"].to_numpy()
    value = scattered(layout, means)
    columns = {"value": value, **_derived(value, layout.step, network_of(step, means), grid)}
    return Panel(grid, devices, layout.device, layout.step, columns)


def rows(panel: Panel, metric: str) -> "pl.DataFrame":
    """The feature rows of a panel as the table holds them: COLUMNS, sorted by device_id and window_start."""
    import polars as pl

    at = panel.rows
    names = pl.Series("device_id", panel.devices, dtype=pl.String)
    return pl.DataFrame(
        {
            "device_id": names.gather(panel.device[at]) if len(at) else names.head(0),
            "metric": pl.Series([metric], dtype=pl.String).new_from_index(0, len(at)),
            "window_start": pl.Series(panel.step[at] * panel.grid.step_us, dtype=pl.Int64).cast(pl.Datetime("us")),
            **{name: panel.columns[name][at] for name in numbers(panel.grid)},
        }
    )


def load(table: "pl.DataFrame", grid: Grid = HOURLY) -> Panel:
    """The panel that feature rows of one metric were written from."""
    table = in_order(table)
    devices, device, step = coded(table, grid)
    layout = lay_out(device, step, grid.reach)
    columns = {name: scattered(layout, table[name].to_numpy()) for name in numbers(grid)}
    return Panel(grid, devices, layout.device, layout.step, columns)


def empty() -> "pl.DataFrame":
    """The table without rows."""
    import polars as pl

    kinds: dict[str, pl.DataType] = {"device_id": pl.String(), "metric": pl.String(), "window_start": pl.Datetime("us")}
    return pl.DataFrame(schema=kinds | dict.fromkeys(NUMBERS, pl.Float64()))


def _derived(value: Floats, step: Ints, network: tuple[int, Floats], grid: Grid) -> dict[str, Floats]:
    found = {name: np.empty(len(value)) for name in numbers(grid) if name != "value"}
    first_step, network_mean = network

    def one(where: tuple[slice, slice]) -> None:
        context, piece = where
        part = value[context]
        skip = piece.start - context.start
        rolled = moments(part, grid.windows)
        for window, each in rolled.items():
            found[f"mean_{window}"][piece] = each.level()[skip:]
            found[f"std_{window}"][piece] = each.std()[skip:]
        found["seen"][piece] = rolled[168].count[skip:]
        found["same_hour_mean"][piece] = _same_phase(part, grid)[skip:]
        own = np.flatnonzero(np.isfinite(value[piece]))
        found["network_mean"][piece] = np.nan
        found["network_mean"][piece][own] = network_mean[step[piece][own] - first_step]

    # NumPy releases the GIL while it works on a piece; every piece writes its own part of the result.
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(one, pieces(len(value), grid.reach)):
            pass
    return found


def _same_phase(value: Floats, grid: Grid) -> Floats:
    """Mean over this step and those one to six seasons before, as far as the reach goes."""
    if grid.season < 2:
        return np.full(len(value), np.nan)
    known, filled = np.isfinite(value).astype(np.float64), np.nan_to_num(value, nan=0.0)
    total, count = filled.copy(), known.copy()
    for season in range(1, min(SEASONS, grid.reach // grid.season)):
        steps = season * grid.season
        total[steps:] += filled[:-steps]
        count[steps:] += known[:-steps]
    with np.errstate(invalid="ignore"):
        return total / count
