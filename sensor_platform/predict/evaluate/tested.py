"""Rows scored, with their labels: those that are judged, and those before the test that say what to serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.anomaly.block_scores import blocks
from sensor_platform.predict.anomaly.deviation import CAP
from sensor_platform.predict.anomaly.ordinary import Known
from sensor_platform.predict.anomaly.score_quality import Flags
from sensor_platform.predict.evaluate.cases import Case, is_empty_wrong
from sensor_platform.predict.evaluate.known_rows import Past
from sensor_platform.predict.evaluate.read_series import Table
from sensor_platform.predict.features.panel import Floats, Ints


@dataclass(frozen=True, slots=True)
class Tested:
    """Judged rows that have a label, in order of series and time."""

    scores: Floats
    flagged: Mapping[float, Flags]
    """By the share of false alarms that was aimed at."""
    labels: Flags
    series: Ints
    step: Ints
    began: Ints
    """Step of the first judged row of the row's series."""
    sizes: Floats
    """Of each sensor, shape (rows, sensors)."""
    is_empty: Flags


def tested(cases: Sequence[Case], table: Table, score: str, past: Past, rates: Sequence[float]) -> Tested:
    """Every judged row, by what was known when judging its series began."""
    sizes, scores, empty = [np.empty((0, len(table.targets)))], [np.empty(0)], [np.empty(0, bool)]
    labels, keys = [np.empty(0, bool)], [np.empty((0, 3), np.int64)]
    flagged = {rate: [np.empty(0, bool)] for rate in rates}
    empty_score = CAP if is_empty_wrong(cases) else 0.0
    for number, case in enumerate(cases):
        for block in blocks(case.series, case.first, table.grid, score):
            own = slice(block.first, block.last)
            has_label = np.isfinite(case.labels[own])
            is_empty = case.is_empty[own][has_label]
            began = int(case.series.step[case.first])
            known = past.at(began)
            found = known.reach.applied(block.deviations)
            scores.append(np.where(is_empty, empty_score, found.row_score()[has_label]))
            for rate in rates:
                flagged[rate].append(scores[-1] > known.limit(rate))
            sizes.append(found.size[has_label])
            empty.append(is_empty)
            labels.append(case.labels[own][has_label] > 0)
            step = case.series.step[own][has_label]
            keys.append(np.stack(np.broadcast_arrays(number, step, began), axis=1))
    whole = {rate: np.concatenate(parts) for rate, parts in flagged.items()}
    key = np.concatenate(keys)
    ends = (np.concatenate(labels), *key.T, np.concatenate(sizes), np.concatenate(empty))
    return Tested(np.concatenate(scores), whole, *ends)


def labelled(cases: Sequence[Case], table: Table, score: str, known: Known) -> tuple[Floats, Flags]:
    """Scores and labels before the test, each row against the rows before it."""
    scores, labels = [np.empty(0)], [np.empty(0, bool)]
    for case in cases:
        past = case.series.upto(0 if case.is_cold else case.first)
        for block in blocks(past, len(past.step) * 2 // 5, table.grid, score):
            has_label = np.isfinite(case.labels[block.first : block.last])
            scores.append(known.reach.applied(block.deviations).row_score()[has_label])
            labels.append(case.labels[block.first : block.last][has_label] > 0)
    return np.concatenate(scores), np.concatenate(labels)
