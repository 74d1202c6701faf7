"""Random streams of messages with a rule of every kind, and an engine for them."""

import json
import random
from collections.abc import Sequence
from typing import Any

from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.rules import Condition, Count, Flap, NoData, Rate, Rule, Stuck, Threshold
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform_tests.landing.homes import T0, Message

SECOND = 1_000_000
LIMITS: dict[str, tuple[float | None, float | None]] = {"temp": (-50.0, 120.0)}
UNITS = {"temp": "degC"}

RULES: tuple[Rule, ...] = (
    Threshold(name="hot", metric="temp", above={"warning": 60.0, "critical": 80.0}, clear_margin=5.0),
    Threshold(name="hot for long", metric="temp", above=60.0, for_="4s", clear_for="3s", renotify="20s"),
    Threshold(name="flapping", metric="load", outside=(-1.0, 1.0), flap=Flap(most=2, within="30s")),
    Count(name="often", metric="temp", above=60.0, more_than=2, window="30s", severity="critical"),
    Rate(name="jump", metric="load", above=120.0),
    Stuck(name="stuck", metric="mode", unchanged_for="8s"),
    NoData(name="silent", after="7s"),
    NoData(name="silent metric", metric="load", after="15s", severity="critical"),
    Condition(name="both", when="temp > 55 and load > 0.5", max_age="20s", for_="1s"),
)


def stream(seed: int, count: int, devices: int = 4) -> list[tuple[int, Message]]:
    """(arrival, message): late, doubled, disordered, out of range, silent for a while; reproducible."""
    rng, units = random.Random(seed), random.Random(seed + 1)
    sent: list[tuple[int, Message]] = []
    clock = {number: T0 + rng.randrange(SECOND) for number in range(devices)}
    values = dict.fromkeys(range(devices), 40.0)
    for seq in range(count):
        number = rng.randrange(devices)
        pause = 40 * SECOND if rng.random() < 0.01 else rng.randrange(20_000, 1_500_000)
        clock[number] += pause
        values[number] += rng.gauss(0, 9) - (values[number] - 50) * 0.1
        late = rng.choice([0, 0, 0, 0, 300_000, 3 * SECOND, 14 * SECOND])
        temp = 999.0 if rng.random() < 0.03 else round(values[number], 3)
        body: dict[str, Any] = {"device_id": f"dev{number}", "temp": temp, "mode": seq // 40}
        if rng.random() < 0.8:
            body["load"] = round(rng.gauss(0, 0.8), 3)
        if number != 1:
            body["timestamp"] = (clock[number] - late) / 1e6
        if number != 2:
            body["seq"] = seq
        if rng.random() < 0.05:
            body["quality"] = rng.choice(["bad", "uncertain"])
        if units.random() < 0.1:
            body["unit"] = units.choice(["degC", "degF", "kelvin", "bar"])
        flag = rng.choice([EnvelopeFlag.NONE] * 20 + [EnvelopeFlag.DUPLICATE, EnvelopeFlag.SUSPECT])
        payload = json.dumps(body).encode() if rng.random() > 0.01 else b"\xff no json"
        message = Message(payload, f"sensors/dev{number}", flag)
        sent.append((clock[number] + rng.randrange(50_000), message))
        if rng.random() < 0.05 and "seq" in body:
            sent.append((clock[number] + rng.randrange(2 * SECOND), message))
    return sorted(sent, key=lambda pair: pair[0])


def engine_of(rules: Sequence[Rule] = RULES, keep: str = "1h") -> Engine:
    return Engine(EngineConfig(keep=keep), EngineCatalog(limits=LIMITS, units=UNITS), rules)
