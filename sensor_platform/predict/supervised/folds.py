"""Folds by device: a model is judged only on devices that it has never seen. With one device, on what came later."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.errors import CheckFailed
from sensor_platform.predict.features.panel import Ints
from sensor_platform.predict.supervised.inputs import Rows

MOST_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Fold:
    """Numbers of rows."""

    learnt: Ints
    judged: Ints


@dataclass(frozen=True, slots=True)
class Folds:
    """All folds, and what keeps them apart: `device` or `time`."""

    folds: tuple[Fold, ...]
    by: str


def folds(rows: Rows, stratum: npt.NDArray[np.int64], gap_hours: int, seed: int) -> Folds:
    """Up to five folds that share no device, each with its share of every stratum where the devices allow it.

    Args:
        rows: examples.
        stratum: class of each row.
        gap_hours: with a single device, the hours between what is learnt and what is judged.
        seed: of the draw of devices.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    devices = len(set(rows.device.tolist()))
    if devices < 2:
        return Folds(tuple(_by_time(rows, gap_hours)), "time")
    # Devices in which something happened are dealt out first: a fold without a failure says nothing.
    split = StratifiedGroupKFold(min(MOST_FOLDS, devices), shuffle=True, random_state=seed)
    numbers = np.unique(rows.device.astype(str), return_inverse=True)[1]
    made = tuple(Fold(learnt, judged) for learnt, judged in _split(split, stratum, numbers))
    check_apart(made, numbers.tolist())
    return Folds(made, "device")


def check_apart(found: Sequence[Fold], devices: Sequence[int | str]) -> None:
    """Refuse folds that would judge a model on devices that it has learnt from.

    Raises:
        CheckFailed: a device is on both sides of a fold.
    """
    for fold in found:
        both = {devices[row] for row in fold.learnt} & {devices[row] for row in fold.judged}
        if both:
            raise CheckFailed(
                f"{len(both)} devices are on both sides of a fold, for instance {min(map(str, both))}",
                "hold whole devices out: rows of one device are alike, and the estimate would be too good",
            )


def _split(split: object, stratum: npt.NDArray[np.int64], numbers: Ints) -> Iterator[tuple[Ints, Ints]]:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        yield from split.split(np.zeros((len(stratum), 1)), stratum, numbers)  # type: ignore[attr-defined]


def _by_time(rows: Rows, gap: int) -> Iterator[Fold]:
    order = np.argsort(rows.hour, kind="stable")
    edges = np.quantile(rows.hour, np.linspace(0, 1, MOST_FOLDS + 1)) if len(rows) else np.empty(0)
    for first, last in itertools.pairwise(edges[1:]):
        learnt = order[rows.hour[order] < first - gap]
        end = np.inf if last == edges[-1] else last
        judged = order[(rows.hour[order] >= first) & (rows.hour[order] < end)]
        if len(learnt) and len(judged):
            yield Fold(learnt, judged)
