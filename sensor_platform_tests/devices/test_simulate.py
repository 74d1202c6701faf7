from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import orjson
import pytest

from sensor_platform.devices.simulated import Simulation, simulated

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def bodies(simulation: Simulation) -> list[dict[str, float | str]]:
    return [orjson.loads(message.payload) for message in simulated(simulation, lambda: NOW)]


def test_the_same_seed_gives_the_same_messages_to_the_byte() -> None:
    first, again = (list(simulated(Simulation(seed=5, rate=100), lambda: NOW)) for _ in range(2))
    assert first == again
    assert len(first) == 1000


def test_another_seed_gives_other_values() -> None:
    first, other = (bodies(Simulation(seed=seed)) for seed in (1, 2))
    assert [body["temperature"] for body in first] != [body["temperature"] for body in other]


def test_every_device_counts_its_own_sequence_without_gaps() -> None:
    got = bodies(Simulation(devices=7, rate=50, seconds=2, first_seq=40))
    for number in range(7):
        own = [body["seq"] for body in got if body["device_id"] == f"sim-{number + 1:05}"]
        assert own == list(range(40, 40 + len(own)))
    counts = Counter(body["device_id"] for body in got)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_messages_are_due_at_the_rate() -> None:
    offsets = [message.offset for message in simulated(Simulation(devices=3, rate=4, seconds=2), lambda: NOW)]
    assert offsets == [number / 4 for number in range(8)]


def test_a_message_is_stamped_when_it_is_taken() -> None:
    times = iter([NOW, NOW.replace(hour=13)])
    messages = simulated(Simulation(), lambda: next(times))
    stamps = [orjson.loads(message.payload)["timestamp"] for message in islice(messages, 2)]
    assert stamps == ["2026-05-01T12:00:00Z", "2026-05-01T13:00:00Z"]


def test_values_are_physical() -> None:
    for body in bodies(Simulation(devices=3, rate=3000, seconds=2, seed=3)):
        assert -20 < float(body["temperature"]) < 60
        assert 0 <= float(body["humidity"]) <= 100
        assert 950 < float(body["pressure"]) < 1080


@pytest.mark.parametrize(("topic", "wanted"), [("sensors/{device}", "sensors/sim-00001"), ("one/topic", "one/topic")])
def test_the_topic_may_name_the_device(topic: str, wanted: str) -> None:
    assert next(simulated(Simulation(topic=topic), lambda: NOW)).topic == wanted
