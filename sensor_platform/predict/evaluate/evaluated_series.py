"""The series of a file as anomaly scores use them: cut at pauses, with their labels and the first row to evaluate.

A series may be several recordings one after the other: a machine was stopped, changed and started again. Where values
jump across pauses by more than they move between the beginning and the end of a recording, the rows before a pause do
not show what is normal after it: then each stretch between pauses becomes a series of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.anomaly.block_scores import DeviceSeries
from sensor_platform.predict.anomaly.deviation import LEAST_REFERENCE
from sensor_platform.predict.evaluate.read_series import EvaluationData
from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Flags, Floats, Ints

LEAST_LABELS = 20
"""Labelled rows of each kind before the test that a decision needs."""
_WARM_UP = 400
PAUSE = 60
"""A gap of more steps than this is a pause."""
_LEAST_ROWS = 150
_ENDS = 50
"""Rows at either end of a stretch whose mean is its first and its last level."""
_LEAST_STRETCHES = 4
_JUMP = 1.3
"""A series is cut where jumps across pauses are at least this many times the moves within stretches."""


def stretches(step: Ints, values: Floats, is_normal: npt.NDArray[np.bool_], test_from: int, grid: Grid) -> list[slice]:
    """Row ranges of one series that are treated as separate series, in order.

    It is not cut where there is a daily season, because then the time of day determines the normal values.

    Args:
        step: step of each row, ascending.
        values: shape (rows, sensors).
        is_normal: rows that are not a labelled anomaly.
        test_from: only stretches that ended before this step count as evidence. Without a row before it, a series is
            cut at every pause.
        grid: time grid.
    """
    whole = [slice(0, len(step))]
    bounds = [0, *(np.flatnonzero(np.diff(step) > PAUSE) + 1).tolist(), len(step)]
    found = [slice(first, last) for first, last in pairwise(bounds)]
    if grid.season > 1 or len(found) < 2:
        return whole
    if step[0] >= test_from:
        return found if np.median([part.stop - part.start for part in found]) >= _LEAST_ROWS else whole
    ended = [part for part in found if step[part.stop - 1] < test_from and part.stop - part.start >= _LEAST_ROWS]
    return found if len(ended) >= _LEAST_STRETCHES and _jump(values, is_normal, ended) >= _JUMP else whole


def _jump(values: Floats, is_normal: npt.NDArray[np.bool_], ended: Sequence[slice]) -> float:
    """Root mean square of the jumps across pauses divided by that of the moves within stretches.

    The geometric mean over the sensors.
    """
    ends = []
    for part in ended:
        own = values[part][is_normal[part]]
        if len(own) >= 2 * _ENDS:
            ends.append((_mean(own[:_ENDS]), _mean(own[-_ENDS:])))
    if len(ends) < _LEAST_STRETCHES:
        return 0.0
    began, ended_at = (np.stack(each) for each in zip(*ends, strict=True))
    across, within = _size(began[1:] - ended_at[:-1]), _size(ended_at - began)
    moving = (across > 0) & (within > 0)
    return float(np.exp(np.log(across[moving] / within[moving]).mean())) if moving.any() else 0.0


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _size(moves: Floats) -> Floats:
    known = np.isfinite(moves)
    size: Floats = np.sqrt((np.where(known, moves, 0.0) ** 2).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return size


@dataclass(frozen=True, slots=True)
class SeriesCase:
    """One series, its labels, and the first row that is evaluated."""

    series: DeviceSeries
    labels: Floats
    first: int
    is_cold: bool
    """Too few normal rows lie before the test, so the first rows of the test part serve as the reference."""

    @property
    def is_empty(self) -> Flags:
        """Rows in which no sensor has a value."""
        return np.asarray(~np.isfinite(self.series.values).any(axis=1))


def series_cases(table: EvaluationData) -> list[SeriesCase]:
    """All series of the file; of the labels only those before the test mark rows as not normal."""
    found = []
    for _, frame in table.frame.group_by("device_id", maintain_order=True):
        step = frame["window_start"].dt.epoch("us").to_numpy() // table.grid.step_us
        values = frame.select(table.targets).to_numpy().astype(np.float64)
        labels = frame[table.labels].to_numpy().astype(np.float64) if table.labels else np.zeros(len(step))
        is_normal = ~((np.nan_to_num(labels) > 0) & (step < table.test_from))
        found += [
            _case(DeviceSeries(step[part], values[part], is_normal[part]), labels[part], table.test_from)
            for part in stretches(step, values, is_normal, table.test_from, table.grid)
        ]
    return found


def _case(series: DeviceSeries, labels: Floats, test_from: int) -> SeriesCase:
    rows = len(series.step)
    first = int(np.searchsorted(series.step, test_from))
    is_cold = int(series.is_normal[:first].sum()) < LEAST_REFERENCE
    if is_cold and first < rows:
        first = min(rows, max(first, warm_up(rows)))
    return SeriesCase(series, labels, first, is_cold)


def is_empty_anomalous(cases: Sequence[SeriesCase]) -> bool:
    """Whether most of the rows before the test in which no sensor has a value are labelled as anomalous."""
    seen = [case.labels[: case.first][case.is_empty[: case.first]] for case in cases if not case.is_cold]
    known = np.concatenate([np.empty(0), *seen])
    known = known[np.isfinite(known)]
    return len(known) >= LEAST_LABELS and float((known > 0).mean()) > 0.5


def warm_up(rows: int) -> int:
    """Number of first rows that serve as the reference of a series without enough rows before the test."""
    return min(_WARM_UP, max(LEAST_REFERENCE, rows // 3))
