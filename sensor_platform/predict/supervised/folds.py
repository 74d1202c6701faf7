"""Folds by device: a model is tested only on devices that it was not trained on; with one device, on later hours."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.errors import CheckFailed
from sensor_platform.predict.features.panel import Ints
from sensor_platform.predict.supervised.task_rows import TaskRows

MOST_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers of one fold."""

    train: Ints
    test: Ints


@dataclass(frozen=True, slots=True)
class Folds:
    """All folds, and how they are separated: by `device` or by `time`."""

    folds: tuple[Fold, ...]
    by: str


def make_folds(rows: TaskRows, stratum: npt.NDArray[np.int64], gap_hours: int, seed: int) -> Folds:
    """Up to five folds without a common device, with similar shares of each stratum where the devices allow it.

    Args:
        rows: examples.
        stratum: class of each row.
        gap_hours: with a single device, the hours between training and test rows.
        seed: seed of the assignment of devices.

    Raises:
        CheckFailed: a device is on both sides of a fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    devices = len(set(rows.device.tolist()))
    if devices < 2:
        return Folds(tuple(_by_time(rows, gap_hours)), "time")
    # Devices with failures are spread first: a fold without a failure is not a test.
    split = StratifiedGroupKFold(min(MOST_FOLDS, devices), shuffle=True, random_state=seed)
    numbers = np.unique(rows.device.astype(str), return_inverse=True)[1]
    made = tuple(Fold(train, test) for train, test in _split(split, stratum, numbers))
    check_apart(made, numbers.tolist())
    return Folds(made, "device")


def check_apart(found: Sequence[Fold], devices: Sequence[int | str]) -> None:
    """Refuse folds that would test a model on devices that it was trained on.

    Raises:
        CheckFailed: a device is on both sides of a fold.
    """
    for fold in found:
        both = {devices[row] for row in fold.train} & {devices[row] for row in fold.test}
        if both:
            raise CheckFailed(
                f"{len(both)} devices are on both sides of a fold, for instance {min(map(str, both))}",
                "hold out whole devices: rows of one device are similar, so the estimate would be too good",
            )


def _split(split: object, stratum: npt.NDArray[np.int64], numbers: Ints) -> Iterator[tuple[Ints, Ints]]:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        yield from split.split(np.zeros((len(stratum), 1)), stratum, numbers)  # type: ignore[attr-defined]


def _by_time(rows: TaskRows, gap: int) -> Iterator[Fold]:
    order = np.argsort(rows.hour, kind="stable")
    edges = np.quantile(rows.hour, np.linspace(0, 1, MOST_FOLDS + 1)) if len(rows) else np.empty(0)
    for first, last in itertools.pairwise(edges[1:]):
        train = order[rows.hour[order] < first - gap]
        end = np.inf if last == edges[-1] else last
        test = order[(rows.hour[order] >= first) & (rows.hour[order] < end)]
        if len(train) and len(test):
            yield Fold(train, test)
