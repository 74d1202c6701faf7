"""Metrics by plant: counted by the devices' tag, bounded however many plants there are."""

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest

from sensor_platform.live.engine.loop_status import LoopStatus
from sensor_platform.live.engine.step import Step, StepResult
from sensor_platform.live.engine.viewer import Viewer
from sensor_platform.live.monitor.metrics import LiveCollector
from sensor_platform.live.monitor.platform_status import PlatformStatus
from sensor_platform.stream.columns import Readings
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.verdicts import EngineCatalog

T0 = 1_772_366_400_000_000


def scraped(plants: int) -> list[str]:
    """`/metrics` of an engine with two devices a plant and one without, each of which sent 5 and -5, which is bad."""
    engine = Engine(EngineConfig(), EngineCatalog(limits={"m": (0.0, 10.0)}))
    device = engine.index.device_numbers([f"d{n}" for n in range(2 * plants + 1)])
    for number in range(2 * plants):
        engine.index.tags[number] = {"plant": f"p{number // 2}"}
    metric = np.full(len(device), engine.index.metric_number("m"), np.int64)
    series = np.repeat(engine.index.numbers(device, metric), 2)
    count = len(series)
    at = np.full(count, T0)
    value = np.tile([5.0, -5.0], count // 2)
    zeros, yes = np.zeros(count, np.uint8), np.ones(count, np.bool_)
    engine._take(Readings(series, np.arange(count), at, at, value, zeros, zeros.astype(np.uint64), yes), T0)
    viewer = Viewer(10)
    viewer.take(engine, LoopStatus(), Step(now=T0), StepResult())
    registry = CollectorRegistry()
    registry.register(LiveCollector(lambda: viewer.view, PlatformStatus, [], lambda: 0, lambda: T0, "plant"))
    lines = generate_latest(registry).decode().splitlines()
    return [line.removeprefix("sensor_platform_") for line in lines if line.startswith("sensor_platform_group")]


def test_readings_are_counted_by_plant_and_verdict_with_what_waits_in_open_windows() -> None:
    assert set(scraped(2)) == {
        'group_readings_total{group="p0",status="usable"} 2.0',
        'group_readings_total{group="p0",status="bad"} 2.0',
        'group_readings_total{group="p1",status="usable"} 2.0',
        'group_readings_total{group="p1",status="bad"} 2.0',
        'group_readings_total{group="default",status="usable"} 1.0',
        'group_readings_total{group="default",status="bad"} 1.0',
        'group_waiting_readings{group="p0"} 4.0',
        'group_waiting_readings{group="p1"} 4.0',
        'group_waiting_readings{group="default"} 2.0',
    }


def test_a_thousand_plants_are_a_hundred_labels_and_the_rest() -> None:
    lines = [line for line in scraped(1000) if "usable" in line]
    assert len(lines) == 101
    assert sum(float(line.split()[-1]) for line in lines) == 2001.0
