"""Rows of a slot of which nothing is left leave every table, also where the ledger was made again before the build."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform_tests.field.batch.rig import Place, make_place
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment

FIRST = datetime(2026, 3, 1, 10, tzinfo=UTC)
RULES = {
    "topic": ("--topic", "test/#"),
    "device": ("--device", "bench"),
    "metric": ("--metric", "load"),
}
DAYS = ("--from", "2026-02-01", "--to", "2027-01-01")


def send(place: Place, number: int, device: str, metric: str, at: datetime) -> None:
    arrival = int((FIRST + timedelta(days=9, seconds=number)).timestamp() * 1e6)
    topic = "test/x" if device == "bench" else f"ward/{device}"
    payload = json.dumps({"device_id": device, "ts": at.timestamp(), metric: 1})
    seal_segment(Home(place.home), number, [Message(payload.encode(), topic)], received_at=arrival)
    land_all(Home(place.home), now=arrival + 1_000_000)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Slots of one device, and slots that only another one has: between them, of the same hour, and of days around."""
    place = make_place(tmp_path_factory.mktemp("emptied"), {"site.yaml": "name: ward\nstart: 2026-01-01\n"})
    for number, minutes in enumerate((0, 30, 60, 300)):
        send(place, number + 1, "pump", "t", FIRST + timedelta(minutes=minutes))
    for number, minutes in enumerate((40, 180, -4 * 1440, 3 * 1440)):
        send(place, number + 10, "bench", "load", FIRST + timedelta(minutes=minutes))
    place.build()
    return place


def rows_of_bench(place: Place) -> dict[str, int]:
    found = {}
    for column, name in (("device_id", "bench"), ("metric", "load")):
        for table in place.tables_with(column):
            (row,) = place.rows(f"select count(*) as n from {table} where {column} = '{name}'")
            if row["n"]:
                found[table] = row["n"]
    return found


@pytest.mark.parametrize(
    ("rule", "is_lost", "after"),
    [
        ("topic", False, "rebuild"),
        ("topic", True, "dbt run"),
        ("metric", True, "rebuild"),
        pytest.param("device", True, "rebuild", marks=pytest.mark.soak),
        pytest.param("topic", True, "rebuild", marks=pytest.mark.soak),
        pytest.param("metric", True, "dbt run", marks=pytest.mark.soak),
    ],
)
def test_no_table_keeps_rows_of_an_emptied_slot(
    built: Place, tmp_path: Path, rule: str, is_lost: bool, after: str
) -> None:
    assert {"readings_clean", "readings_1d"} <= set(rows_of_bench(built))
    place = Place(tmp_path)
    shutil.copytree(built.root, tmp_path, dirs_exist_ok=True)
    place.must("forget", *RULES[rule], *DAYS, "--yes")
    if is_lost:
        Home(place.home).ledger_file.unlink()
    place.must("land", "--rebuild-ledger")
    if after == "rebuild":
        place.must("rebuild")
    else:
        place.build()
    assert rows_of_bench(place) == {}
    (row,) = place.rows("select count(*) as n from readings_1h where device_id = 'pump'")
    assert row["n"] == 3
