"""Valid RFC 3339 and ISO 8601 times: second 60, hour 24, small letters."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.landed import case_messages
from sensor_platform_tests.field.ingest.rig import land

LEAP = datetime(2017, 1, 1, tzinfo=UTC)


def test_ingest_20_a_leap_second_is_the_end_of_its_minute(tmp_path: Path) -> None:
    landed = land(tmp_path, case_messages("ingest-20", "input-1.json"))
    assert [row.at for row in landed.rows] in ([LEAP], [LEAP - timedelta(microseconds=1)]), landed.refused


@pytest.mark.parametrize(
    ("file", "at"),
    [
        ("input-2.json", datetime(2024, 12, 31, tzinfo=UTC)),
        ("input-3.json", datetime(2024, 12, 30, 12, tzinfo=UTC)),
    ],
    ids=["hour 24", "small t and z"],
)
def test_ingest_20_a_valid_time_is_read(tmp_path: Path, file: str, at: datetime) -> None:
    landed = land(tmp_path, case_messages("ingest-20", file))
    assert [(row.at, row.is_device_time) for row in landed.rows] == [(at, True)], landed.refused


@pytest.mark.parametrize("text", ["2016-12-31T23:59:61Z", "2024-12-30T24:00:01Z", "2024-12-30T25:00:00Z"])
def test_ingest_20_what_is_not_a_time_stays_refused(tmp_path: Path, text: str) -> None:
    landed = land(tmp_path, [("sensors/gps", b'{"ts":"%s","v":1}' % text.encode())])
    assert ([refusal.rule for refusal in landed.refused], landed.rows) == (["bad_time"], [])
