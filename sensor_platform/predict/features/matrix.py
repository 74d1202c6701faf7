"""Turns feature rows into inputs of models: one example per row and horizon.

Levels are given as differences from the last value, because a tree cannot extrapolate a level. Inputs come only from
elements at or before the row; a test alters everything after it. A change of the inputs or their meaning
needs a new REVISION: models are stored with the hash of their layout.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sensor_platform.kernel.clock import DAY
from sensor_platform.predict.features.grid import HOURLY, Grid
from sensor_platform.predict.features.panel import Floats, Ints, Panel

Inputs = npt.NDArray[np.float32]

REVISION = 2
_HARMONICS = (1, 2, 3)
_OTHER = ("level", "move_1", "move_3", "off_mean", "season_move")
_MONDAY = 3  # 1970-01-01 was a Thursday
_SMALL = 1e-9


@dataclass(frozen=True)
class InputLayout:
    """Names and kinds of a model's inputs: decided by the time grid and the other metrics."""

    grid: Grid = HOURLY
    others: tuple[str, ...] = ()
    """Further metrics of the same device."""
    attributes: tuple[str, ...] = ()
    """Static numbers of a device, such as its altitude."""

    @cached_property
    def own(self) -> tuple[str, ...]:
        """Inputs in the metric's own unit, differences from the last value but for the spreads."""
        grid = self.grid
        lags = (f"lag_{k}" for k in grid.lags if k <= grid.reach)
        seasonal = ("seasonal", "seasonal_2", "season_move", "same_hour", "same_hour_move") if grid.season > 1 else ()
        weekly = ("weekly", "weekly_move") if grid.long_season > grid.season else ()
        means = (f"mean_{window}" for window in grid.windows)
        network = ("network", "network_lag_1", "network_season")
        return (*lags, *means, *seasonal, *weekly, *network, *(f"std_{window}" for window in grid.windows))

    @cached_property
    def calendar(self) -> tuple[str, ...]:
        """Calendar inputs of the target hour, for the linear model: harmonics of the day and of the week."""
        daily = tuple(f"day_{wave}_{k}" for k in _HARMONICS for wave in ("sin", "cos"))
        weekly = tuple(f"week_{wave}_{k}" for k in _HARMONICS[:2] for wave in ("sin", "cos"))
        return (*(daily if self.grid.step_us < DAY else ()), *weekly)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every input, in order."""
        trees_only = ("horizon", "hour", "weekday", "value")
        others = (f"{kind}:{number}" for number in range(len(self.others)) for kind in _OTHER)
        return (*trees_only, *self.own, *self.calendar, *others, *(f"at:{n}" for n in range(len(self.attributes))))

    @cached_property
    def linear(self) -> npt.NDArray[np.intp]:
        """Columns that the linear model uses: without those whose effect is not a line."""
        return np.arange(4, len(self.names) - len(self.attributes))

    @cached_property
    def unit(self) -> npt.NDArray[np.intp]:
        """Columns in the metric's own unit, which per-series scaling divides."""
        return np.arange(3, 4 + len(self.own))

    @cached_property
    def sha256(self) -> str:
        """Hash of all of this: equal for two layouts only if a model of one can be used with the other."""
        text = f"{REVISION}:{self.grid}:{self.names}:{self.others}:{self.attributes}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class PanelSource:
    """Panels and attributes that the inputs of one metric are computed from."""

    panel: Panel
    others: Mapping[str, Panel] = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Static numbers by attribute and device."""

    @property
    def layout(self) -> InputLayout:
        """The inputs that can be computed from it."""
        return InputLayout(self.panel.grid, tuple(self.others), tuple(self.attributes))


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows for training or validation; all arrays have one entry per example, in the metric's own unit."""

    inputs: Inputs
    """Shape (examples, inputs of the layout); NaN where unknown."""
    index: Ints
    """Element of the panel."""
    step: Ints
    """Step of issue."""
    horizon: npt.NDArray[np.int32]
    value: Floats
    """Last value seen; also the persistence forecast."""
    scale: Floats
    """Spread of the series' newest week: the divisor of per-series scaling."""
    seen: Floats
    """How many of the newest 168 steps have a value."""
    seasonal: Floats
    """Seasonal naive forecast; NaN where the hour has a gap."""
    weekly: Floats
    """Value a week before the target; NaN where the hour has a gap."""
    actual: Floats

    def __len__(self) -> int:
        return len(self.value)

    @property
    def target(self) -> Ints:
        """Step that the forecast is about."""
        return self.step + self.horizon

    def where(self, mask: npt.NDArray[np.bool_] | Ints) -> "Examples":
        """The examples for which `mask` holds, or those at these places."""
        return Examples(*(getattr(self, name)[mask] for name in self.__slots__))


def seasonal_lag(horizon: int, season: int) -> int:
    """Steps from the row back to the newest known value at the target's phase."""
    return -horizon % season


def inputs(source: PanelSource, index: Ints, horizon: int) -> Inputs:
    """Model input of these elements of the panel for one horizon, shape (elements, inputs)."""
    panel, layout = source.panel, source.layout
    columns = _own(panel, index, horizon)
    columns |= _calendar(panel, index, horizon)
    for number, other in enumerate(source.others.values()):
        columns |= _other(panel, other, number, index, horizon)
    for number, values in enumerate(source.attributes.values()):
        known = np.array([values.get(name, np.nan) for name in panel.devices])
        columns[f"at:{number}"] = known[panel.device[index]]
    result = np.empty((len(index), len(layout.names)), dtype=np.float32)
    for place, name in enumerate(layout.names):
        result[:, place] = columns[name]
    return result


def _own(panel: Panel, index: Ints, horizon: int) -> dict[str, Floats]:
    grid, value = panel.grid, panel.value[index]
    step = panel.step[index]
    found = {f"lag_{k}": panel.lag(index, k) - value for k in grid.lags if k <= grid.reach}
    for window in grid.windows:
        found[f"mean_{window}"] = panel.columns[f"mean_{window}"][index] - value
        found[f"std_{window}"] = panel.columns[f"std_{window}"][index]
    if grid.season > 1:
        back = seasonal_lag(horizon, grid.season)
        seasonal, same = panel.lag(index, back), panel.columns["same_hour_mean"][index - back]
        season_ago = panel.lag(index, grid.season)
        found["seasonal"] = seasonal - value
        found["seasonal_2"] = panel.lag(index, min(back + grid.season, grid.reach)) - value
        # At a whole season ahead the newest value at that phase is the last one: the move is over the season before.
        found["season_move"] = seasonal - (season_ago if back else value)
        found["same_hour"] = same - value
        found["same_hour_move"] = same - panel.columns["same_hour_mean"][index]
    if grid.long_season > grid.season:
        back = seasonal_lag(horizon, grid.long_season)
        found["weekly"] = panel.lag(index, back) - value
        found["weekly_move"] = panel.lag(index, back) - panel.lag(index, grid.long_season)
    network = panel.network_at(step)
    found["network"] = network - value
    found["network_lag_1"] = panel.network_at(step - 1) - network
    found["network_season"] = panel.network_at(step - seasonal_lag(horizon, grid.season)) - network
    found["horizon"] = np.full(len(index), float(horizon))
    found["value"] = value
    return found


def _calendar(panel: Panel, index: Ints, horizon: int) -> dict[str, Floats]:
    micros = (panel.step[index] + horizon) * panel.grid.step_us
    day = (micros % DAY) / DAY
    week = ((micros // DAY + _MONDAY) % 7 + day) / 7
    found: dict[str, Floats] = {"hour": np.floor(day * 24), "weekday": np.floor(week * 7)}
    for part, name, harmonics in ((day, "day", _HARMONICS), (week, "week", _HARMONICS[:2])):
        for k in harmonics:
            found[f"{name}_sin_{k}"] = np.sin(2 * np.pi * k * part)
            found[f"{name}_cos_{k}"] = np.cos(2 * np.pi * k * part)
    return found


def _other(panel: Panel, other: Panel, number: int, index: Ints, horizon: int) -> dict[str, Floats]:
    """Another metric of the same device at the time of issue: its level and its changes."""
    grid = panel.grid
    at = other.locate(panel.devices, panel.device[index], panel.step[index])
    known, place = at >= 0, np.maximum(at, 0)

    def seen(values: Floats) -> Floats:
        return np.where(known, values, np.nan)

    if not len(other.value):
        return {f"{kind}:{number}": np.full(len(index), np.nan) for kind in _OTHER}
    level = other.value[place]
    back = seasonal_lag(horizon, grid.season)
    moves = (
        level,
        level - other.lag(place, 1),
        level - other.lag(place, 3),
        level - other.columns["mean_24"][place],
        other.lag(place, back) - level,
    )
    return {f"{kind}:{number}": seen(each) for kind, each in zip(_OTHER, moves, strict=True)}


def scale_of(panel: Panel, index: Ints) -> Floats:
    """Spread of the newest long window of each element, never 0."""
    spread = panel.columns["std_168"][index]
    level = np.abs(panel.columns["mean_168"][index])
    least = np.maximum(level, 1.0) * _SMALL
    return np.where(np.isfinite(spread) & (spread > least), spread, np.maximum(least, 1.0))


def examples(
    source: PanelSource,
    horizons: Sequence[int],
    index: Ints | None = None,
    limit: int | None = None,
    seed: int = 0,
    known_to: int | None = None,
) -> Examples:
    """Every row of the metric whose target was measured, for every horizon.

    Args:
        source: panels.
        horizons: steps ahead.
        index: rows to take; None for all.
        limit: at most about this many examples, drawn at random with `seed`, evenly over the horizons.
        seed: of that draw.
        known_to: targets at or after this step are not known yet.
    """
    rows = source.panel.rows if index is None else index
    share = None if limit is None else max(1, limit // len(horizons))
    parts = [_labelled(source, rows, horizon, share, seed, known_to) for horizon in horizons]
    return concatenate_examples(parts)


def concatenate_examples(parts: Sequence[Examples]) -> Examples:
    """All examples in one."""
    return Examples(*(np.concatenate([getattr(part, name) for part in parts]) for name in Examples.__slots__))


def _labelled(
    source: PanelSource, rows: Ints, horizon: int, limit: int | None, seed: int, known_to: int | None
) -> Examples:
    panel = source.panel
    known = np.isfinite(panel.actual(rows, horizon))
    if known_to is not None:
        known &= panel.step[rows] + horizon < known_to
    index = rows[known]
    if limit is not None and len(index) > limit:
        drawn = np.random.default_rng([seed, horizon]).choice(len(index), limit, replace=False)
        index = index[np.sort(drawn)]
    return examples_at(source, index, horizon)


def examples_at(source: PanelSource, index: Ints, horizon: int) -> Examples:
    """Examples of exactly these rows; `actual` is NaN where it is not known."""
    panel = source.panel
    season, week = panel.grid.season, panel.grid.long_season
    return Examples(
        inputs=inputs(source, index, horizon),
        index=index,
        step=panel.step[index],
        horizon=np.full(len(index), horizon, np.int32),
        value=panel.value[index],
        scale=scale_of(panel, index),
        seen=panel.columns["seen"][index],
        seasonal=panel.lag(index, seasonal_lag(horizon, season)),
        weekly=panel.lag(index, seasonal_lag(horizon, week)),
        actual=panel.actual(index, horizon),
    )
