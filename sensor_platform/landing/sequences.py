"""Sequence numbers of devices as ranges, and those that never arrived. Pure functions.

A device numbers its messages if most numbers have a neighbour: random ids, or ids with steps, do not show what is
missing. After a restart a device counts from 0 or 1 again.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence

Range = tuple[int, int]
"""First and last number, both included."""

_FAR = 1000
"""A restart is recognised by a jump back of more than this, or by a number that had arrived before."""


def union(*several: Iterable[Range]) -> list[Range]:
    """All numbers of several lists of ranges, as the fewest ranges, ascending."""
    merged: list[Range] = []
    for first, last in sorted(each for ranges in several for each in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def without(ranges: Iterable[Range], taken: Iterable[Range]) -> list[Range]:
    """Those numbers of `ranges` that are not in `taken`, as ranges, ascending."""
    left: list[Range] = []
    away = union(taken)
    for first, last in union(ranges):
        start = first
        for low, high in away:
            if high < start or low > last:
                continue
            if low > start:
                left.append((start, low - 1))
            start = max(start, high + 1)
        if start <= last:
            left.append((start, last))
    return left


def gaps(ranges: Sequence[Range]) -> list[Range]:
    """The gaps between ranges that are disjoint and ascending."""
    return [(before[1] + 1, after[0] - 1) for before, after in itertools.pairwise(ranges)]


def is_counting(ranges: Sequence[Range]) -> bool:
    """Whether numbers look like a count: at least two numbers for each unbroken range."""
    return sum(last - first + 1 for first, last in ranges) >= 2 * len(ranges)


def missing(by_hour: Mapping[int, Sequence[Range]], later: Iterable[Range] = ()) -> list[Range]:
    """Sequence numbers of one device that never arrived.

    Args:
        by_hour: hour of arrival to the ranges that arrived in it.
        later: ranges that arrived after these hours and fill gaps in them.
    """
    found: list[Range] = []
    epochs = _epochs(by_hour)
    for number, epoch in enumerate(epochs):
        if is_counting(epoch):
            found.extend(without(gaps(epoch), later) if number == len(epochs) - 1 else gaps(epoch))
    return found


def _epochs(by_hour: Mapping[int, Sequence[Range]]) -> list[list[Range]]:
    """The ranges, split at restarts of the device."""
    epochs: list[list[Range]] = [[]]
    for _, ranges in sorted(by_hour.items()):
        hour = union(ranges)
        if hour and _is_restart(epochs[-1], hour[0]):
            epochs.append([hour.pop(0)])
        for each in hour:
            epoch = _epoch_of(epochs, each)
            epoch[:] = union(epoch, [each])
    return epochs


def _epoch_of(epochs: list[list[Range]], new: Range) -> list[Range]:
    """The count that a range continues: the newest, unless the range directly follows the end of the one before."""
    follows_before = len(epochs) > 1 and new[0] == epochs[-2][-1][1] + 1 and new[0] > epochs[-1][-1][1] + 1
    return epochs[-2] if follows_before else epochs[-1]


def _is_restart(epoch: Sequence[Range], first: Range) -> bool:
    """Whether the lowest range of an hour is the start of a new count."""
    if first[0] > 1 or not epoch:
        return False
    was_there = any(low <= first[0] <= high for low, high in epoch)
    return was_there or epoch[0][0] - first[1] > _FAR
