from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.devices.faults import Faults, with_faults
from sensor_platform.devices.fleet import Fields, Fleet, Signal, fleet_messages, read_fleets
from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform.errors import WrongUse

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[2] / "examples"
ROOM = {"temperature": Signal(mean=20, swing=5, noise=0.1), "humidity": Signal(mean=50, low=0, high=100)}


def bodies(*fleets: Fleet, seconds: float = 10.0, seed: int = 1) -> list[dict[str, Any]]:
    return [orjson.loads(each.payload) for each in fleet_messages(fleets, seconds, seed, 1, lambda _: NOW)]


def test_a_wide_fleet_sends_every_metric_in_one_message() -> None:
    got = bodies(Fleet(devices=3, device="room-{n}", every_seconds=2.0, metrics=ROOM), seconds=4.0)
    assert len(got) == 6
    assert got[0].keys() == {"device_id", "timestamp", "seq", "temperature", "humidity"}
    assert {body["device_id"] for body in got} == {"room-1", "room-2", "room-3"}


def test_a_long_fleet_sends_a_message_a_metric_on_its_own_topic() -> None:
    names = Fields(device="sensorId", metric="parameter", time="at")
    signals = {"pH": Signal(mean=7, unit="pH"), "BOD": Signal(mean=20)}
    fleet = Fleet(devices=1, layout="long", topic="w/{metric}/{device}", fields=names, metrics=signals)
    messages = list(fleet_messages((fleet,), 1.0, 1, 1, lambda _: NOW))
    assert [message.topic for message in messages] == ["w/pH/sim-00001", "w/BOD/sim-00001"]
    first, second = (orjson.loads(message.payload) for message in messages)
    assert (first["parameter"], first["value"], first["unit"], first["seq"]) == ("pH", 7.0, "pH", 1)
    assert (second["parameter"], second["seq"], "unit" in second) == ("BOD", 2, False)


def test_a_metric_may_appear_later_and_sequences_have_no_gap() -> None:
    fleet = Fleet(devices=2, layout="long", metrics={"a": Signal(mean=1), "b": Signal(mean=2, since_seconds=5)})
    got = bodies(fleet)
    assert [body["metric"] for body in got[:4]] == ["a"] * 4
    assert "b" in {body["metric"] for body in got}
    sequences = defaultdict(list)
    for body in got:
        sequences[body["device_id"]].append(body["seq"])
    assert all(own == list(range(1, len(own) + 1)) for own in sequences.values())


@pytest.mark.parametrize(
    ("form", "stamp"),
    [
        ("epoch_s", 1777636800.0),
        ("epoch_ms", 1777636800000),
        ("iso", "2026-05-01T12:00:00+00:00"),
        ("iso_naive", "2026-05-01T12:00:00"),
    ],
)
def test_times_have_the_form_that_the_fleet_uses(form: Any, stamp: object) -> None:
    assert bodies(Fleet(devices=1, time_format=form, metrics=ROOM))[0]["timestamp"] == stamp


def test_fields_without_a_name_are_left_out() -> None:
    body = bodies(Fleet(devices=1, fields=Fields(device="", sequence=""), metrics=ROOM, also={"plant": "p1"}))[0]
    assert body.keys() == {"timestamp", "plant", "temperature", "humidity"}


def test_fleets_of_different_rhythm_are_sent_in_order_of_time() -> None:
    fleets = (Fleet(devices=2, every_seconds=3.0, metrics=ROOM), Fleet(devices=5, every_seconds=0.7, metrics=ROOM))
    offsets = [message.offset for message in fleet_messages(fleets, 20.0, 1, 1, lambda _: NOW)]
    assert offsets == sorted(offsets)


@pytest.mark.parametrize("text", ["- devices: 0\n  metrics: {}", "devices: 1", "- {devices: 1, colour: red}", ": :"])
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    with pytest.raises(WrongUse, match=r"fleet\.yaml"):
        read_fleets(path)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/fleet.yaml")), ids=lambda path: path.parent.name)
def test_the_examples_can_be_read(path: Path) -> None:
    assert next(fleet_messages(read_fleets(path), 1.0, 1, 1, lambda _: NOW)).payload


SHARES = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@given(SHARES, SHARES, SHARES, st.integers(0, 5))
def test_faults_lose_nothing_and_invent_nothing_but_garbage(
    twice: float, late: float, garbage: float, seed: int
) -> None:
    messages = [ScheduledMessage(number / 10, "t", str(number).encode()) for number in range(200)]
    happened: Counter[str] = Counter()
    got = list(with_faults(messages, Faults(twice, late, garbage, 5.0, seed), happened))
    sent, seen = {each.payload for each in messages}, Counter(each.payload for each in got)
    assert sent <= seen.keys()
    assert sum(seen[payload] for payload in sent) == 200 + happened["twice"]
    assert len(got) == 200 + happened["twice"] + happened["garbage"]
    assert [each.offset for each in got] == sorted(each.offset for each in got)


def test_late_messages_are_overtaken() -> None:
    messages = [ScheduledMessage(number / 10, "t", str(number).encode()) for number in range(200)]
    happened: Counter[str] = Counter()
    got = [int(each.payload) for each in with_faults(messages, Faults(late=0.2), happened)]
    assert happened["late"] > 10
    assert got != sorted(got)
