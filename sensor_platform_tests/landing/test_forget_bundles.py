"""A busy device is in each manifest of each hour: forgetting it rewrites bundles, and no manifest gets its own file."""

import json
import sqlite3
from pathlib import Path

import msgspec
import pytest

from sensor_platform.home import Home
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.ledger.summing import SumChange, sum_of_changes
from sensor_platform.landing.manifests.bundle_paths import bundle_keys
from sensor_platform.landing.manifests.bundles import read_bundle
from sensor_platform.landing.removal.intent import RemovalIntent, carry_out
from sensor_platform_tests.landing.crash_client import CrashServer, Stops, says
from sensor_platform_tests.landing.forgets import forgotten, readings, traces
from sensor_platform_tests.landing.homes import HOUR, T0, Message, files, land_all, seal_segment

SEGMENTS = 160
HOURS = 4
NOW = T0 + (HOURS + 3) * HOUR
DEVICE = "patient-8271"
DEVICES = [DEVICE, *(f"d{number}" for number in range(5))]


def said(device: str, number: int) -> Message:
    return Message(json.dumps({"device_id": device, "ts": T0 // 1_000_000 + number, "t": number}).encode(), "ward")


def fill(home: Home, segments: int) -> Home:
    """Segments of some hours, all of them in bundles; each has the device d1."""
    each = segments // HOURS
    for number in range(segments):
        at = T0 + number // each * HOUR
        seal_segment(home, number + 1, [said(device, number) for device in DEVICES], received_at=at)
        if number % each == each - 1:
            land_all(home, now=at + 1)
    keep_house(home, 10, 7, NOW - HOUR)
    assert not list((home.ledger / "segments").glob("*.json"))
    return home


def test_no_manifest_gets_a_file_of_its_own(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(home, SEGMENTS)
    intents = []

    def carried_out(home: Home, ledger: sqlite3.Connection, intent: RemovalIntent) -> None:
        intents.append(intent)
        carry_out(home, ledger, intent)

    monkeypatch.setattr("sensor_platform.landing.forget.erase.carry_out", carried_out)
    before = readings(home)
    done = forgotten(home, ForgetRule(at=NOW, device=DEVICE), NOW)
    assert (done.readings, done.archive_files) == (SEGMENTS, SEGMENTS)
    assert not list((home.ledger / "segments").glob("*.json"))
    (made,) = intents
    assert (made.manifests, len(made.bundles)) == ((), HOURS)
    assert len(msgspec.json.encode(made)) < 700 * SEGMENTS, "names of files, and no manifests"
    for key in bundle_keys(home):
        bundle = read_bundle(home, key)
        assert DEVICE not in set(bundle.counts["device_id"])
        assert (
            sum(each.forgotten for each in bundle.manifests.values())
            == bundle.counts["forgotten"].sum()
            == SEGMENTS / HOURS
        )
    assert not list(home.ledger.rglob("*.new"))
    for _ in range(2):
        assert sorted(readings(home)["device_id"]) == sorted(before.filter(before["device_id"] != DEVICE)["device_id"])
        assert sum(hour.forgotten for hour in audit(home).hours) == SEGMENTS
        assert audit(home).difference == 0
        rebuild_ledger(home)
    keep_house(home, 10, 7, NOW + 3 * HOUR)
    assert traces(home, DEVICE) == []


@pytest.mark.parametrize("every", [41, pytest.param(1, marks=pytest.mark.soak)])
def test_stopped_at_any_step_bundles_end_as_if_undisturbed(
    home: Home, tmp_path: Path, server: CrashServer, every: int
) -> None:
    stops = Stops(server, fill(home, 24), tmp_path, "forget", every=every, now=NOW)
    whole, steps = stops.undisturbed()
    expected = says(whole)
    assert "d1" not in set(readings(whole)["device_id"])
    for number, (step, broken, _) in enumerate(stops.each(steps)):
        if number % 3 == 2:
            rebuild_ledger(broken)
            assert audit(broken).difference == 0
            stops.again(broken)
            assert "d1" not in set(readings(broken)["device_id"])
        else:
            stops.again(broken)
            assert set(files(broken)) == set(files(whole)), f"stopped at step {step} of {steps}"
            assert says(broken) == expected, f"stopped at step {step} of {steps}"


def test_sums_of_days_add_up() -> None:
    one, other = {1: SumChange(messages=-1, landed=2)}, {1: SumChange(landed=3), 2: SumChange(readings=-4)}
    assert sum_of_changes(one, other) == {1: SumChange(messages=-1, landed=5), 2: SumChange(readings=-4)}
