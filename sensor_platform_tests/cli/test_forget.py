"""Forgetting as a command, over every tier of a home."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensor_platform.cli.forget import _print as say_report
from sensor_platform.forget.forget import ForgetReport
from sensor_platform.home import Home
from sensor_platform.landing.forget.erase import Erased
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform_tests.field.batch.rig import Place, make_place
from sensor_platform_tests.landing.forgets import traces

DEVICE = "patient-8271"
FIRST = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A home with two devices, built and published."""
    place = make_place(tmp_path, {"site.yaml": "name: ward\nstart: 2026-01-01\n"})
    for number in range(4):
        at = FIRST + timedelta(minutes=30 * number)
        place.arrive(2 * number + 1, DEVICE, at, at, 20.0 + number)
        place.arrive(2 * number + 2, "pump", at, at, 7.0)
    place.must("labels", "add", DEVICE, "fever", "--start", "2026-03-01T10:00")
    place.build()
    return place


def devices(place: Place) -> dict[str, set[str]]:
    return {
        table: {row["device_id"] for row in place.rows(f"select distinct device_id from {table}") if row["device_id"]}
        for table in place.tables_with("device_id")
    }


def test_nothing_of_a_device_is_left_and_nothing_brings_it_back(place: Place) -> None:
    assert DEVICE in devices(place)["readings_1h"]
    dry = place.must("forget", "--device", DEVICE, "--dry-run").out
    assert "would delete landing: 4 readings of 4 messages" in dry
    assert "would delete readings_1d: 1 rows" in dry
    refused = place.run("forget", "--device", DEVICE)
    assert (refused.code, "hint: " in refused.text, "--yes" in refused.text) == (2, True, True)
    assert DEVICE in devices(place)["readings_1h"]
    said = json.loads(place.must("forget", "--device", DEVICE, "--yes", "--json").out)
    assert (said["landing"]["readings"], said["labels"]) == (4, 1)
    gone(place)
    place.build()
    gone(place)
    place.must("reland")
    place.must("land", "--rebuild-ledger")
    place.must("rebuild")
    place.arrive(99, DEVICE, FIRST, FIRST + timedelta(days=1), 20.0)
    place.build()
    gone(place)
    audit = json.loads(place.must("audit", "--json").out)
    assert audit["difference"] == 0
    assert traces(Home(place.home), DEVICE) == []


def gone(place: Place) -> None:
    found = devices(place)
    assert "pump" in found["readings_1h"]
    assert [table for table, names in found.items() if DEVICE in names] == []


def test_rules_are_listed_and_lifted(place: Place) -> None:
    place.must("forget", "--device", DEVICE, "--metric", "temperature", "--to", "2026-03-01T10:15", "--yes")
    (rule,) = json.loads(place.must("forget", "--list", "--json").out)
    assert (rule["device"], rule["metric"], rule["to"], rule["pending"]) == (
        DEVICE,
        "temperature",
        "2026-03-01 10:15:00",
        False,
    )
    place.build()
    (row,) = place.rows(f"select min(event_at) as at, count(*) as n from readings_clean where device_id = '{DEVICE}'")
    assert row == {"at": "2026-03-01 10:30:00", "n": 3}
    place.arrive(99, DEVICE, FIRST, FIRST + timedelta(hours=9), 1.0)
    assert place.run("forget", "--lift", "zz").code == 2
    place.must("forget", "--lift", rule["id"])
    place.arrive(100, DEVICE, FIRST, FIRST + timedelta(hours=9), 2.0)
    place.build()
    (row,) = place.rows(
        f"select value from readings_clean where device_id = '{DEVICE}' and event_at < '2026-03-01 10:15'"
    )
    assert row == {"value": 2.0}


@pytest.mark.parametrize(
    ("rule", "fate"),
    [
        (ForgetRule(at=1, topic="ward/#"), "their tables keep the rows, because no table names a topic"),
        (ForgetRule(at=1, device=DEVICE), "their tables lose the rows, nothing else"),
    ],
)
def test_what_happens_to_slots_below_the_floor_is_said(
    rule: ForgetRule, fate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ForgetReport(rule, Erased(frozen_slots=3), (), 0, 0, ())
    say_report(report, is_dry=True, as_json=False)
    assert f"3 slots can no longer be built again: {fate}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--from", "2026-01-01"),
        ("--device", "a", "--list"),
        ("--device", "a", "--from", "2026-02-01", "--to", "2026-01-01"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(tmp_path: Path, words: tuple[str, ...]) -> None:
    place = make_place(tmp_path, {"site.yaml": "name: ward\nstart: 2026-01-01\n"})
    refused = place.run("forget", *words, "--yes")
    assert (refused.code, "hint: " in refused.text) == (2, True)
