"""The series of a file as anomaly scores meet them: what was known before each, and where judging begins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.anomaly.block_scores import Series
from sensor_platform.predict.anomaly.deviation import LEAST_REFERENCE
from sensor_platform.predict.anomaly.score_quality import Flags
from sensor_platform.predict.evaluate.read_series import Table
from sensor_platform.predict.evaluate.sessions import stretches
from sensor_platform.predict.features.panel import Floats

LEAST_LABELS = 20
_WARM_UP = 400


@dataclass(frozen=True, slots=True)
class Case:
    """One series, its labels, and the first row that is judged."""

    series: Series
    labels: Floats
    first: int
    is_cold: bool

    @property
    def is_empty(self) -> Flags:
        """Rows in which no sensor has a value."""
        return np.asarray(~np.isfinite(self.series.values).any(axis=1))


def cases_of(table: Table) -> list[Case]:
    """Every series of the file; labels before the test's start say which rows are ordinary."""
    found = []
    for _, frame in table.frame.group_by("device_id", maintain_order=True):
        step = frame["window_start"].dt.epoch("us").to_numpy() // table.grid.step_us
        values = frame.select(table.targets).to_numpy().astype(np.float64)
        labels = frame[table.labels].to_numpy().astype(np.float64) if table.labels else np.zeros(len(step))
        is_ordinary = ~((np.nan_to_num(labels) > 0) & (step < table.test_from))
        found += [
            _case(Series(step[part], values[part], is_ordinary[part]), labels[part], table.test_from)
            for part in stretches(step, values, is_ordinary, table.test_from, table.grid)
        ]
    return found


def _case(series: Series, labels: Floats, test_from: int) -> Case:
    rows = len(series.step)
    first = int(np.searchsorted(series.step, test_from))
    is_cold = int(series.is_ordinary[:first].sum()) < LEAST_REFERENCE
    if is_cold and first < rows:
        first = min(rows, max(first, warm_up(rows)))
    return Case(series, labels, first, is_cold)


def is_empty_wrong(cases: Sequence[Case]) -> bool:
    """Whether most rows without any value before the test are labelled as anomalous."""
    seen = [case.labels[: case.first][case.is_empty[: case.first]] for case in cases if not case.is_cold]
    known = np.concatenate([np.empty(0), *seen])
    known = known[np.isfinite(known)]
    return len(known) >= LEAST_LABELS and float((known > 0).mean()) > 0.5


def warm_up(rows: int) -> int:
    """First rows of a series without a past, which only serve to know it."""
    return min(_WARM_UP, max(LEAST_REFERENCE, rows // 3))
