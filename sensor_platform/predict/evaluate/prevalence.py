"""How common anomalies are where nobody labelled any: the share of rows over a threshold, beyond the promised share.

A threshold that ordinary rows exceed 5 % of the time, and all rows 40 %, says that at least a third of them is out of
the ordinary. Where that much is, missing it costs more than a few false alarms, and the threshold may come down.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.panel import Floats, Ints

_COMMON = 0.1
"""Share of anomalous rows from which on more false alarms than configured are worth their while."""
_LEAST_ROWS = 400


def rates_so_far(over: Mapping[float, npt.NDArray[np.bool_]], step: Ints, configured: float, most: float) -> Floats:
    """The share of false alarms to aim at for each row, judged by the scores of all rows at earlier steps.

    Args:
        over: by share of false alarms, whether each row exceeds that threshold.
        step: time of each row.
        configured: the share where anomalies are not common, or too few rows are known; never less.
        most: never more.
    """
    rates = np.array(sorted(over))
    order = np.argsort(step, kind="stable")
    counts = np.cumsum(np.stack([over[rate][order] for rate in rates], axis=1), axis=0)
    before = np.searchsorted(step[order], step, side="left")
    shares = np.where(before[:, None] > 0, counts[before - 1], 0) / np.maximum(before, 1)[:, None]
    common = np.maximum((shares - rates) / (1 - rates), 0).max(axis=1, keepdims=True)
    hits = np.maximum(shares - rates * (1 - common), 0)
    f1 = np.where((rates >= configured) & (rates <= max(most, configured)), 2 * hits / (shares + common + 1e-9), -1)
    is_known = (before >= _LEAST_ROWS) & (common[:, 0] >= _COMMON)
    return np.where(is_known, rates[np.argmax(f1, axis=1)], configured)
