"""Runs a rule of `rules.yaml` live, over snapshots and in a backtest, with a copy of the package that has its kind."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from sensor_platform.alert.backtest import run_backtest
from sensor_platform.home import Home
from sensor_platform.kernel.clock import SECOND, from_micros
from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.site import read_rules
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform_tests.landing.homes import T0

Reading = tuple[int, float]
"""Arrival in microseconds and value. The event time is a second before."""


def live(rules: Any, batches: list[list[Reading]], *, snapshot: bool) -> list[Any]:
    """Events of the engine; with a snapshot a new engine goes on after each batch."""
    config = EngineConfig(settle="0s")
    engine = Engine(config, EngineCatalog(), rules)
    decoder = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3600 * SECOND))
    events = []
    for some in batches:
        arrivals = [at for at, _ in some]
        bodies = [{"device_id": "press", "ts": at / 1e6 - 1, "load": value} for at, value in some]
        payloads = [json.dumps(body).encode() for body in bodies]
        decoded = decoder.decode(MessageBatch(["x"] * len(some), payloads, arrivals))
        events += engine.take(decoded, arrivals, set(), set(), arrivals[-1])[1]
        events += engine.tick(arrivals[-1]).events
        if snapshot:
            saved = msgspec.msgpack.encode(engine.dump())
            engine = Engine(config, EngineCatalog(), rules)
            assert engine.load(msgspec.msgpack.decode(saved)) == [], "no rule may start without its state"
    return events


def publish_readings(home: Home, readings: list[Reading]) -> None:
    """The readings as the published view `readings_clean`."""
    home.published.mkdir(parents=True)
    home.analytics_file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(home.analytics_file)) as connection:
        connection.execute(
            "create table readings_clean (device_id varchar, metric varchar, event_at timestamp, received_at timestamp,"
            " value double, verdict varchar, tags map(varchar, varchar), segment varchar, position bigint)"
        )
        connection.executemany(
            "insert into readings_clean values ('press', 'load', ?, ?, ?, 'good', null, 'a', ?)",
            [
                (from_micros(at) - timedelta(seconds=1), from_micros(at), value, number)
                for number, (at, value) in enumerate(readings)
            ],
        )


def main(folder: Path) -> None:
    """Print the rule's kind, and the events of each way to run it."""
    config = read_rules(folder / "rules.yaml")
    values = [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    readings = [(T0 + number * SECOND, value) for number, value in enumerate(values)]
    batches = [readings[:3], readings[3:5], readings[5:]]
    home = Home(folder / "home")
    publish_readings(home, readings)
    start, end = (from_micros(T0 + seconds * SECOND) for seconds in (-10, 10))
    found = {
        "at once": live(config.rules, [readings], snapshot=False),
        "in pieces": live(config.rules, batches, snapshot=False),
        "over snapshots": live(config.rules, batches, snapshot=True),
        "backtest": run_backtest(home, config, EngineConfig(settle="0s"), start, end).events,
    }
    print(json.dumps({name: msgspec.to_builtins(events) for name, events in found.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
