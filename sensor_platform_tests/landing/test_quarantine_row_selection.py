"""Which rows of the quarantine a person means."""

from datetime import UTC, datetime

import polars as pl
import pytest

from sensor_platform.landing.quarantine.row_selection import RowSelection

ROWS = pl.DataFrame(
    {
        "rule": ["undecodable", "no_time", "no_time"],
        "topic": ["plant/a", "plant/b", "lab/a"],
        "received_at": [datetime(2026, 3, 1, hour) for hour in (10, 11, 12)],  # noqa: DTZ001 - as files have it
        "device_id": [None, "b", "a"],
        "segment": ["s1", "s1", "s2"],
        "position": [0, 1, 0],
    }
)
ELEVEN = datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (RowSelection(), [0, 1, 2]),
        (RowSelection(rules=("no_time",)), [1, 2]),
        (RowSelection(rules=("no_time", "undecodable")), [0, 1, 2]),
        (RowSelection(topic="plant/+"), [0, 1]),
        (RowSelection(since=ELEVEN), [1, 2]),
        (RowSelection(until=ELEVEN), [0]),
        (RowSelection(device="b"), [1]),
        (RowSelection(segment="s1", position=0), [0]),
        (RowSelection(rules=("no_time",), topic="plant/#", since=ELEVEN), [1]),
        (RowSelection(topic="nowhere"), []),
    ],
)
def test_all_terms_hold_for_a_chosen_row(choice: RowSelection, chosen: list[int]) -> None:
    assert choice.mask(ROWS).arg_true().to_list() == chosen
