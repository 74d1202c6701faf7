"""Dates as people and PLCs write them: a contract can state the form, and join date and time of two fields."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.landed import case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import land, land_unless_refused, land_where_accepted

AT = datetime(2024, 12, 31, 11, 30, tzinfo=UTC)
MIDNIGHT_IN_BERLIN = datetime(2024, 12, 30, 23, tzinfo=UTC)
AS_TODAY = case_contracts("ingest-19")
JOINED = (
    "name: b\ntopic: plc/b\nencoding: csv\n"
    'time: {template: "{date} {time}", format: "%Y-%m-%d %H:%M:%S", timezone: Europe/Berlin}\n'
)


def of_form(form: str) -> str:
    """A contract that states the form of its times."""
    return f'name: a\ntopic: plc/a\ntime: {{field: [when], format: "{form}", timezone: Europe/Berlin}}\n'


@pytest.mark.parametrize(
    ("file", "form"),
    [
        ("input-1.json", "%d.%m.%Y %H:%M:%S"),
        ("input-2.json", "%m/%d/%Y %I:%M:%S %p"),
        ("input-3.json", "%Y-%m-%d %H:%M:%S UTC"),
        ("input-4.json", "%Y%m%d%H%M%S"),
        ("input-6.json", "%a, %d %b %Y %H:%M:%S GMT"),
    ],
    ids=["German", "AM and PM", "UTC behind it", "digits alone", "HTTP date"],
)
def test_ingest_19_a_contract_can_state_the_form_of_a_time(tmp_path: Path, file: str, form: str) -> None:
    found = land_where_accepted(tmp_path, case_messages("ingest-19", file), AS_TODAY, [of_form(form)])
    times = [[row.at for row in landed.of("temp")] for landed in found]
    assert [AT] in times, found[0].rows or found[0].refused


def test_ingest_19_a_contract_can_join_date_and_time(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, case_messages("ingest-19", "input-5.csv"), AS_TODAY, [JOINED])
    assert [AT] in [[row.at for row in landed.of("temp")] for landed in found], found[0].rows


def test_ingest_19_a_date_without_its_time_is_not_silently_midnight(tmp_path: Path) -> None:
    """Joined, refused, or the contract refused: each is right, for the time of day stands in the next field."""
    landed = land_unless_refused(tmp_path, case_messages("ingest-19", "input-5.csv"), AS_TODAY, "time")
    times = [] if landed is None else [row.at for row in landed.rows]
    assert MIDNIGHT_IN_BERLIN not in times
    assert landed is None or landed.refused or times == [AT]


def test_ingest_19_digits_of_a_date_are_not_taken_for_a_clock_that_is_centuries_ahead(tmp_path: Path) -> None:
    landed = land(tmp_path, case_messages("ingest-19", "input-4.json"), AS_TODAY)
    assert [row.at for row in landed.rows] == [AT] or "time.format" in landed.refused[0].hint, landed.refused
