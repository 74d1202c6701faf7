"""What is forgotten is gone from every file, and does not come back."""

import json
import shutil

import polars as pl
import pytest
from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.reland import reland
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.ledger import heard_since, open_ledger
from sensor_platform.landing.ledger.manifest import DeviceCounts, no_manifest
from sensor_platform.landing.manifests.counts_table import counts_table, read_counts, write_counts
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform_tests.landing.forgets import contracts, forgotten, readings, rejects, traces
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment

DEVICE = "patient-8271"
OTHER = "pump-1"
NOW = T0 + HOUR


def said(device: str, at: int = T0, flag: EnvelopeFlag = EnvelopeFlag.NONE, **values: object) -> Message:
    payload = json.dumps({"device_id": device, "ts": at // 1_000_000, **(values or {"t": 1, "h": 2})})
    return Message(payload.encode(), f"ward/{device}/x", flag)


def mixed(*devices: str, at: int = T0) -> Message:
    rows = [{"device_id": device, "ts": at // 1_000_000, "t": number} for number, device in enumerate(devices)]
    return Message(json.dumps(rows).encode(), "gateway")


@pytest.fixture
def filled(home: Home) -> Home:
    """Three segments: the device alone, in messages with another one, twice, refused, and unreadable."""
    bad = Message(f'{{"device_id": "{DEVICE}", "t": NaN, "h": 1}}'.encode(), "ward/x")
    seal_segment(home, 1, [said(DEVICE), said(OTHER), bad, said(DEVICE, flag=EnvelopeFlag.DUPLICATE)])
    seal_segment(
        home, 2, [mixed(DEVICE, OTHER), said(DEVICE, T0 + 1_000_000, t="warm"), Message(b"\x00 " + DEVICE.encode())]
    )
    seal_segment(home, 3, [said(OTHER, T0 + HOUR // 2), Message(b"\x00 other-9"), said("patient-82711")])
    land_all(home, now=NOW - 1)
    return home


def whole(device: str = DEVICE) -> ForgetRule:
    return ForgetRule(at=NOW, device=device)


def is_sound(home: Home) -> bool:
    found = audit(home)
    return found.difference == 0 and not found.missing and not verify(home, NOW).damaged


def outcomes(home: Home) -> tuple[int, ...]:
    hours = audit(home).hours
    names = ("received", "landed", "quarantined", "duplicate", "forgotten")
    return tuple(sum(getattr(hour, name) for hour in hours) for name in names)


def test_nothing_of_a_forgotten_device_is_left(filled: Home) -> None:
    before = outcomes(filled)
    dry = forgotten(filled, whole(), NOW, is_real=False)
    assert outcomes(filled) == before
    done = forgotten(filled, whole(), NOW)
    assert done == dry
    assert set(readings(filled)["device_id"]) == {OTHER, "patient-82711"}
    assert len(rejects(filled)) == 1
    assert done.mixed_messages == 1
    assert outcomes(filled) == (10, 4, 1, 1, 4)
    assert is_sound(filled)
    keep_house(filled, 10, 7, NOW + 2 * HOUR)
    assert traces(filled, DEVICE) == []
    assert is_sound(filled)


def comes_back_by_nothing(home: Home, expected: tuple[int, ...]) -> None:
    kept = readings(home).select(pl.exclude("tags")).sort(pl.all())
    reland(home, contracts(), lambda: NOW + 5)
    assert readings(home).select(pl.exclude("tags")).sort(pl.all()).equals(kept)
    assert outcomes(home) == expected
    rebuild_ledger(home)
    assert readings(home).select(pl.exclude("tags")).sort(pl.all()).equals(kept)
    assert outcomes(home) == expected
    assert is_sound(home)


def test_it_comes_back_by_no_reland_no_rebuild_and_no_late_message(filled: Home) -> None:
    forgotten(filled, whole(), NOW)
    comes_back_by_nothing(filled, (10, 4, 1, 1, 4))
    late = [said(DEVICE), said(DEVICE, flag=EnvelopeFlag.DUPLICATE), mixed(OTHER, DEVICE), mixed(DEVICE, OTHER)]
    seal_segment(filled, 9, [*late, said(DEVICE, NOW + HOUR, t=7)], received_at=NOW + HOUR)
    land_all(filled, now=NOW + HOUR)
    assert outcomes(filled) == (15, 7, 1, 2, 5)
    assert readings(filled).filter(pl.col("device_id") == DEVICE)["value"].to_list() == [7.0], "a new reading lands"
    comes_back_by_nothing(filled, (15, 7, 1, 2, 5))


def test_compacted_files_are_written_again(filled: Home) -> None:
    keep_house(filled, 10, 7, NOW + 2 * HOUR)
    forgotten(filled, whole(), NOW)
    comes_back_by_nothing(filled, (10, 4, 1, 1, 4))
    keep_house(filled, 10, 7, NOW + 4 * HOUR)
    assert traces(filled, DEVICE) == []


def test_a_metric_and_a_range(filled: Home) -> None:
    forgotten(filled, ForgetRule(at=NOW, device=OTHER, metric="h", first=T0, end=T0 + HOUR // 2), NOW)
    left = readings(filled).filter(pl.col("device_id") == OTHER)
    assert sorted(left.select("metric", "value").rows()) == [("h", 2.0), ("t", 1.0), ("t", 1.0), ("t", 1.0)]
    assert outcomes(filled)[4] == 0, "the messages have readings left"
    comes_back_by_nothing(filled, outcomes(filled))


def test_a_topic(filled: Home) -> None:
    forgotten(filled, ForgetRule(at=NOW, topic=f"ward/{DEVICE}/#"), NOW)
    left = readings(filled)
    assert left.filter(pl.col("topic").str.starts_with(f"ward/{DEVICE}/")).is_empty()
    assert DEVICE in set(left["device_id"]), "it was in a message of another topic"
    comes_back_by_nothing(filled, outcomes(filled))


def heard_of(home: Home) -> set[str]:
    with open_ledger(home) as ledger:
        return {each.device_id for each in heard_since(ledger, 0)}


def test_when_a_device_was_heard_of_last_goes_with_it(filled: Home) -> None:
    others = heard_of(filled) - {DEVICE}
    assert DEVICE in heard_of(filled)
    before = shutil.copytree(filled.root, filled.root.with_name("before"))
    forgotten(filled, whole(), NOW)
    assert heard_of(filled) == others
    shutil.copy(before / "ledger/ledger.sqlite", filled.ledger_file)  # a ledger from a backup, older than the rule
    rebuild_ledger(filled)
    assert heard_of(filled) == others
    seal_segment(filled, 9, [said(DEVICE, NOW + HOUR, t=7)], received_at=NOW + HOUR)
    land_all(filled, now=NOW + HOUR)
    assert heard_of(filled) == {*others, DEVICE}
    rebuild_ledger(filled)
    forgotten(filled, whole("other"), NOW)
    assert DEVICE in heard_of(filled), "it came back after the rule"


def test_counts_and_rows_of_the_ledger_go_though_no_file_has_the_device(filled: Home) -> None:
    path = filled.ledger / "counts" / "2020-01-01.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    counted = DeviceCounts(
        hour=T0 - HOUR, device_id="long-silent", received=3, landed=3, quarantined=0, duplicate=0, rejected_readings=0
    )
    write_counts(path, counts_table([structs.replace(no_manifest("", T0), counts=(counted,))]))
    with open_ledger(filled) as ledger:
        ledger.execute("insert into heard values ('long-silent', ?, ?, 0, 0)", (T0, T0))
    forgotten(filled, whole("long-silent"), NOW)
    assert "long-silent" not in heard_of(filled)
    assert read_counts(path)["received"].sum() == 3
    assert traces(filled, "long-silent") == []


def refused(device: str) -> list[Message]:
    """A message whose time nobody can read, one that nobody can read at all, and one with a refused reading."""
    return [
        Message(f'{{"device_id": "{device}", "ts": "never", "t": 1}}'.encode(), "ward/x"),
        Message(b"\x00 not readable", f"ward/{device}/x"),
        said(device, NOW + HOUR, t=float("nan"), h=2),
    ]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (ForgetRule(at=NOW, device=DEVICE), 1),
        (ForgetRule(at=NOW, device=DEVICE, first=T0 - HOUR), 1),
        (ForgetRule(at=NOW, device=DEVICE, end=NOW + 1), 3),
        (ForgetRule(at=NOW, device=DEVICE, metric="t"), 3),
    ],
)
def test_rejected_messages_that_come_later(filled: Home, rule: ForgetRule, kept: int) -> None:
    forgotten(filled, rule, NOW)
    before = len(rejects(filled))
    seal_segment(filled, 9, [*refused(DEVICE), *refused(OTHER)], received_at=NOW + HOUR)
    land_all(filled, now=NOW + HOUR)
    assert len(rejects(filled)) == before + kept + 3
    comes_back_by_nothing(filled, outcomes(filled))
    assert len(rejects(filled)) == before + kept + 3
