"""History that was imported with the wrong time zone can be put right."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensor_platform_tests.field.batch.rig import Place, Said, make_place, write_csv

WITHDRAW = ("import", "--withdraw")
"""Takes an import of the files named after it back."""
FIRST = datetime(2025, 3, 9, 23, tzinfo=UTC)
"""Midnight of 10 March in Berlin."""


@pytest.fixture
def boiler(tmp_path: Path) -> Path:
    midnight = datetime(2025, 3, 10)  # noqa: DTZ001 - the file names no zone
    rows = [("boiler-1", midnight + timedelta(hours=hour), 60 + hour) for hour in range(24)]
    return write_csv(tmp_path / "boiler.csv", ("device_id", "ts", "temperature"), rows)


@pytest.fixture
def wrong(tmp_path: Path, boiler: Path) -> Place:
    """A home with the file imported as of New York."""
    place = make_place(tmp_path, {"site.yaml": "name: undo\nstart: 2025-01-01\n"})
    place.must("import", boiler, "--timezone", "America/New_York")
    return place


def assert_is_of_berlin(place: Place) -> None:
    place.build()
    (row,) = place.rows("select min(event_at) as first, max(event_at) as last, count(*) as n from readings_clean")
    last = FIRST + timedelta(hours=23)
    assert row == {"first": f"{FIRST:%Y-%m-%d %H:%M:%S}", "last": f"{last:%Y-%m-%d %H:%M:%S}", "n": 24}
    assert place.run("audit").code == 0, "every row is still accounted for"


def import_as_of_berlin(place: Place, boiler: Path) -> Said:
    return place.run("import", boiler, "--timezone", "Europe/Berlin")


def test_batch_07_another_mapping_of_the_same_bytes_is_not_passed_over(wrong: Place, boiler: Path) -> None:
    said = import_as_of_berlin(wrong, boiler)
    if said.code:
        assert said.code == 2
        assert "hint: " in said.text
        assert "sensor-platform " in said.text.partition("hint: ")[2], "the hint names the command that helps"
        return
    assert "passed over" not in said.text, f"exit code 0 and the wrong times stay: {said.text}"
    assert_is_of_berlin(wrong)


def test_batch_07_an_import_can_be_withdrawn(wrong: Place, boiler: Path) -> None:
    said = wrong.run(*WITHDRAW, boiler)
    assert said.code == 0, f"no command takes an import back: {said.text}"
    assert import_as_of_berlin(wrong, boiler).code == 0
    assert_is_of_berlin(wrong)


def test_batch_07_the_same_file_with_the_same_mapping_adds_nothing(wrong: Place, boiler: Path) -> None:
    said = wrong.run("import", boiler, "--timezone", "America/New_York")
    assert (said.code, "passed over" in said.text) == (0, True)
