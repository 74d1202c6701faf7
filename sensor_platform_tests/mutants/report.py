"""The table of verdicts, and whether enough modules of each room are killed."""

from collections.abc import Iterator, Sequence
from math import ceil

from sensor_platform_tests.mutants.judge import Fate, Verdict
from sensor_platform_tests.mutants.rooms import TESTS

LEAST_KILLED = (9, 10)
"""Nine of ten modules of a room have a test near them that fails when they are emptied."""


def line(verdict: Verdict, width: int) -> str:
    """One row of the table: module (at least `width` wide), verdict, test, note."""
    module = verdict.module
    test = verdict.test.removeprefix(f"{TESTS}/{module.room}/")
    note = f"({verdict.note})" if verdict.note else ""
    return f"{module.short:{width}}  {verdict.fate:12}  {test} {note}".rstrip()


def totals(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What comes below the table: one line per room, and the modules that were not killed."""
    for room, some in by_room(verdicts).items():
        yield summary(room, some)
    for each in verdicts:
        if each.fate in {Fate.SURVIVED, Fate.NO_TEST}:
            yield f"not killed: {line(each, 0)}"


def by_room(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """The verdicts of each room."""
    rooms: dict[str, list[Verdict]] = {}
    for each in verdicts:
        rooms.setdefault(each.module.room, []).append(each)
    return rooms


def summary(room: str, verdicts: Sequence[Verdict]) -> str:
    """One line per room: how many were killed of how many, and of how many it must be."""
    counted, killed = _counts(verdicts)
    return f"{room}: {killed} of {counted} modules killed, {least(counted)} required"


def is_enough(verdicts: Sequence[Verdict]) -> bool:
    """Whether so many modules of a room are killed as must be."""
    counted, killed = _counts(verdicts)
    return killed >= least(counted)


def least(counted: int) -> int:
    """How many of so many modules must be killed."""
    part, whole = LEAST_KILLED
    return ceil(counted * part / whole)


def _counts(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    counted = [each for each in verdicts if each.fate is not Fate.NOTHING]
    return len(counted), sum(each.fate is Fate.KILLED for each in counted)
