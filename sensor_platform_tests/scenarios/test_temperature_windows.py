"""Ten-second windows from Kafka to Kafka: ids in key and header, JSON in a string, late data, a kill in the middle."""

import json
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sensor_platform_tests.kafka_cluster import MockKafka, mock_kafka
from sensor_platform_tests.scenarios.platforms import Live, Scenario, running_scenario

START = (datetime.now(UTC) - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
SENSORS = 5


def messages(first: float, last: float) -> list[tuple[str, float, int]]:
    """(sensor, seconds, value), about four a second, in order."""
    rng = random.Random(first)
    steps = int((last - first) * 4)
    return [(f"sensor-{n % SENSORS}", first + n / 4 + 0.001, rng.randrange(15, 30)) for n in range(steps)]


def record(sensor: str, at: float, value: int, number: int) -> tuple[bytes, bytes, dict[str, str]]:
    moment = (START + timedelta(seconds=at)).replace(tzinfo=None)
    body = json.dumps({"ts": moment.isoformat(timespec="microseconds"), "value": value})
    text = json.dumps(body) if number % 3 == 0 else body
    return sensor.encode(), text.encode(), {"message_id": str(uuid.UUID(int=number + 1))}


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scenario, list[Any], list[Any]]]:
    """The scenario, what was sent, and what came out."""
    folder = tmp_path_factory.mktemp("windows")
    with mock_kafka() as kafka:

        def change(site: str) -> str:
            site = site.replace('# kafka: {servers: "kafka-1:9092"', f'kafka: {{servers: "{kafka.servers}"')
            site = site.replace('# kafka_servers: "kafka-1:9092"', f'kafka_servers: "{kafka.servers}"')
            return site.replace("# - {what: windows, kafka", "- {what: windows, kafka").replace("idle: 10s", "idle: 3s")

        sent = [*messages(0, 34), ("sensor-1", 3.5, 99), *messages(34, 60)]
        records = [record(*row, number) for number, row in enumerate(sent)]
        kafka.create("temperatures")
        with running_scenario("temperature_windows", folder, START.date(), change) as scenario:
            with Live(scenario) as live:
                kafka.send("temperatures", records[:90])
                live.wait_for_messages(90)
                live.kill()
            kafka.send("temperatures", [*records[90:], *records[-4:]])
            with Live(scenario):
                scenario.wait_for_landed(len(records) + 4)
                found = read_windows(kafka, expected(sent))
            scenario.materialise(START.date(), START.date())
            yield scenario, sent, found


def read_windows(kafka: MockKafka, wanted: dict[tuple[str, int], list[int]]) -> list[Any]:
    """What comes out until every window is complete, and for two seconds more."""
    complete_at = float("inf")

    def is_over(found: list[Any]) -> bool:
        nonlocal complete_at
        n = {(key, row["window_start"] // 1_000_000): row["n"] for key, row in found}
        if n == {where: len(values) for where, values in wanted.items()}:
            complete_at = min(complete_at, time.monotonic())
        return time.monotonic() > complete_at + 2

    return kafka.read_until("temperature-windows", is_over, 60)


def expected(sent: list[Any]) -> dict[tuple[str, int], list[int]]:
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    for sensor, at, value in sent:
        found[sensor, int(START.timestamp()) + int(at // 10) * 10].append(value)
    return found


def test_every_revision_of_a_window_is_one_row_whatever_was_killed(
    windows: tuple[Scenario, list[Any], list[Any]],
) -> None:
    """At least once: a row that Kafka had when the process was killed, before this was noted, comes again."""
    _, sent, found = windows
    marks = {(key, row["window_start"], row["revision"]) for key, row in found}
    rows = {(key, json.dumps(row, sort_keys=True)) for key, row in found}
    assert len(rows) == len(marks), "what comes again is the same"
    assert len(found) <= 2 * len(marks), "the process was killed once"
    in_order = sorted(found, key=lambda pair: pair[1]["revision"])
    newest = {(key, row["window_start"] // 1_000_000): row for key, row in in_order}
    wanted = expected(sent)
    assert set(newest) == set(wanted)
    for where, values in wanted.items():
        row = newest[where]
        assert (row["n"], row["min"], row["max"]) == (len(values), min(values), max(values))
        assert row["mean"] == pytest.approx(sum(values) / len(values))
        assert row["window_end"] - row["window_start"] == 10_000_000
    late = newest["sensor-1", int(START.timestamp())]
    assert (late["max"], late["revision"]) == (99, 1), "the late reading revised its window"


def test_the_table_has_the_same_windows(windows: tuple[Scenario, list[Any], list[Any]]) -> None:
    scenario, sent, _ = windows
    rows = scenario.ask("select device_id, epoch(window_start)::bigint, n, min, max from readings_10s")
    assert {(device, at): (n, low, high) for device, at, n, low, high in rows} == {
        where: (len(values), min(values), max(values)) for where, values in expected(sent).items()
    }


def test_ids_are_taken_from_key_and_header_and_repeats_are_dropped(
    windows: tuple[Scenario, list[Any], list[Any]],
) -> None:
    scenario, sent, _ = windows
    [(count, ids)] = scenario.ask("select count(*), count(distinct message_id) from readings_clean")
    assert count == ids == len(sent)
    assert scenario.fates()["received"] == len(sent) + 4
