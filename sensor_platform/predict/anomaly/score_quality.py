"""Quality of anomaly scores and alarms against labels."""

from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.features.panel import Flags, Floats, Ints


@dataclass(frozen=True, slots=True)
class DetectionQuality:
    """Rates over rows, and events; None where the divisor is 0. Field names are those of the JSON of `evaluate`."""

    f1: float | None
    false_alarm_rate: float | None
    """Fraction of normal rows with an alarm."""
    missed_alarm_rate: float | None
    """Fraction of anomalous rows without an alarm."""
    events: int
    events_found: int
    delay_steps: float | None
    """Median number of rows from the first anomalous row of a found event to its first alarm."""


def auc(scores: Floats, labels: Flags) -> float | None:
    """Probability that an anomalous row scores above a normal one; None unless both kinds exist."""
    from sklearn.metrics import roc_auc_score

    if labels.all() or not labels.any():
        return None
    return float(roc_auc_score(labels, scores))


def detection_quality(flagged: Flags, labels: Flags, series: Ints) -> DetectionQuality:
    """Compare alarms with labels.

    Args:
        flagged: rows with an alarm, in order of series and time.
        labels: anomalous rows.
        series: number of the series of each row.
    """
    hit, alarm = int((flagged & labels).sum()), int((flagged & ~labels).sum())
    positives, negatives = int(labels.sum()), int((~labels).sum())
    delays, events = _delays(flagged, labels, series)
    return DetectionQuality(
        f1=2 * hit / (hit + alarm + positives) if positives else None,
        false_alarm_rate=alarm / negatives if negatives else None,
        missed_alarm_rate=1 - hit / positives if positives else None,
        events=events,
        events_found=len(delays),
        delay_steps=float(np.median(delays)) if delays else None,
    )


def best_f1(scores: Floats, labels: Flags, most_false_alarms: float) -> tuple[float, float] | None:
    """Best F1 with at most this false alarm rate, and its threshold. It is chosen by the labels: an upper bound."""
    if labels.all() or not labels.any():
        return None
    order = np.argsort(-scores, kind="stable")
    hits, alarms = np.cumsum(labels[order]), np.cumsum(~labels[order])
    f1 = 2 * hits / (hits + alarms + labels.sum())
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    allowed = last_of_tie & (alarms <= most_false_alarms * (~labels).sum())
    if not allowed.any():
        return None
    best = int(np.argmax(np.where(allowed, f1, -1)))
    return float(f1[best]), float(scores[order][best])


def _delays(flagged: Flags, labels: Flags, series: Ints) -> tuple[list[int], int]:
    if not len(labels):
        return [], 0
    begins = labels & ~np.append(False, labels[:-1] & (series[1:] == series[:-1]))
    starts = np.flatnonzero(begins)
    delays = []
    for start in starts:
        after = np.flatnonzero(~labels[start:] | (series[start:] != series[start]))
        stop = start + (int(after[0]) if len(after) else len(labels) - start)
        found = np.flatnonzero(flagged[start:stop])
        if len(found):
            delays.append(int(found[0]))
    return delays, len(starts)
