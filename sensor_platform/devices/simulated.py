"""Simulated devices with a slow oscillation, noise and a sequence each. The same seed gives the same values."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform.devices.replay_rows import topic_of

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Simulation:
    """Number of devices, rate and duration."""

    devices: int = 10
    rate: float = 10.0
    """Messages per second of all devices together."""
    seconds: float = 10.0
    seed: int = 1
    first_seq: int = 1
    topic: str = "sensors/{device}"

    @property
    def messages(self) -> int:
        """Total number of messages."""
        return round(self.rate * self.seconds)


def simulated(simulation: Simulation, now: Callable[[], datetime]) -> Iterator[ScheduledMessage]:
    """Messages of all devices in turn, each wide JSON: device_id, seq, timestamp and four metrics.

    `now` (aware UTC) gives the time of a message when it is taken from the iterator, so take it when it is due.
    """
    chance = random.Random(simulation.seed)  # noqa: S311 - values, not secrets
    levels = [chance.uniform(-1.0, 1.0) for _ in range(simulation.devices)]
    for ordinal in range(simulation.messages):
        round_number, device = divmod(ordinal, simulation.devices)
        levels[device] = 0.99 * levels[device] + chance.gauss(0.0, 0.1)
        name = f"sim-{device + 1:05}"
        body = {
            "device_id": name,
            "seq": simulation.first_seq + round_number,
            "timestamp": now(),
            **_values(levels[device], round_number),
        }
        yield ScheduledMessage(ordinal / simulation.rate, topic_of(simulation.topic, {}, name), _encode(body))


def _values(level: float, round_number: int) -> dict[str, float]:
    """Temperature in degC, humidity in %, pressure in hPa, battery in V."""
    swing = math.sin(round_number / 600.0)
    return {
        "temperature": round(20.0 + 5.0 * swing + 2.0 * level, 3),
        "humidity": round(min(100.0, max(0.0, 55.0 - 10.0 * swing + 5.0 * level)), 3),
        "pressure": round(1013.25 + 3.0 * level, 3),
        "battery": round(3.7 - 1e-6 * round_number, 6),
    }
