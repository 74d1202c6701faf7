"""Cuts a long range into chunks, so that the writer lock is released in between and memory stays bounded. Pure."""

from collections.abc import Mapping
from itertools import pairwise

from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.warehouse.staleness.propagation import Scope


def chunks(first: int, last: int, rows: Mapping[int, int], most: int) -> list[Scope]:
    """Cut [first, last), both starts of days, into scopes of about `most` readings each, oldest first.

    Cut between days; a day that is too large alone is cut between hours. Tables that are rebuilt as one come last.

    Args:
        first: microseconds.
        last: microseconds, exclusive.
        rows: readings by start of any window no longer than an hour.
        most: readings per chunk; a single hour may exceed it.
    """
    by_hour: dict[int, int] = {}
    for start, count in rows.items():
        by_hour[start - start % HOUR] = by_hour.get(start - start % HOUR, 0) + count
    by_day: dict[int, int] = {}
    for hour, count in by_hour.items():
        by_day[hour - hour % DAY] = by_day.get(hour - hour % DAY, 0) + count
    cuts = _cuts(first, last, by_day, by_hour, most)
    edges = [first, *cuts, last]
    return [Scope(start, end, with_whole=end == last) for start, end in pairwise(edges)]


def _cuts(first: int, last: int, by_day: Mapping[int, int], by_hour: Mapping[int, int], most: int) -> list[int]:
    cuts: list[int] = []
    held = 0
    for day in sorted(day for day in by_day if first <= day < last):
        steps = [day] if by_day[day] <= most else [day + HOUR * hour for hour in range(24)]
        for start in steps:
            count = by_day[day] if len(steps) == 1 else by_hour.get(start, 0)
            if held and held + count > most:
                cuts.append(start)
                held = 0
            held += count
    return cuts
