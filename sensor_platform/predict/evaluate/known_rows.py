"""What is known of ordinary rows at the time that a row is judged."""

from collections.abc import Iterator, Sequence

import numpy as np

from sensor_platform.predict.anomaly.block_scores import blocks, ordinary, outside
from sensor_platform.predict.anomaly.deviation import Deviations
from sensor_platform.predict.anomaly.ordinary import Known
from sensor_platform.predict.evaluate.cases import Case, warm_up
from sensor_platform.predict.evaluate.read_series import Table
from sensor_platform.predict.features.grid import Grid

_LEAST_PAST = 2_000
"""With fewer rows of series that ended before the test, thresholds rest on rolling origins within the series."""
_GROWN = 1.1
"""What is known is weighed again when it has grown by this factor, so that many series cost little more than few."""


class Past:
    """What is known at each time of one score. Nothing that came later has a say."""

    def __init__(self, cases: Sequence[Case], table: Table, score: str) -> None:
        """Score what was ordinary.

        Where the series of the test begin cold, those that ended before it are scored as they will be: against their
        first rows, to their end. If that is not enough, each series' own first rows count, from when they were there.
        """
        found = list(_ended(cases, table.grid, score)) if any(case.is_cold for case in cases) else []
        ends = [table.test_from] * len(found)
        if sum(len(each.level) for each in found) < _LEAST_PAST:
            for case in cases:
                own = outside(case.series.upto(case.first), table.grid, score)
                found += own
                ends += [int(case.series.step[case.first - 1]) + 1 if case.is_cold else table.test_from] * len(own)
        order = np.argsort(ends, kind="stable")
        self._ends, self._found = np.asarray(ends, np.int64)[order], [found[place] for place in order]
        self._sensors, self._grid = len(table.targets), table.grid
        self._seen: dict[int, Known] = {}

    def at(self, step: int) -> Known:
        """What was known when this step began."""
        count = int(np.searchsorted(self._ends, step, side="right"))
        if count > 1:
            count = int(_GROWN ** np.floor(np.log(count + 0.5) / np.log(_GROWN)))
        if count not in self._seen:
            self._seen[count] = Known(self._found[:count], self._sensors, self._grid)
        return self._seen[count]


def _ended(cases: Sequence[Case], grid: Grid, score: str) -> Iterator[Deviations]:
    for case in cases:
        if not case.is_cold and case.first == len(case.series.step):
            first = warm_up(len(case.series.step))
            yield from (ordinary(case.series, block) for block in blocks(case.series, first, grid, score))
