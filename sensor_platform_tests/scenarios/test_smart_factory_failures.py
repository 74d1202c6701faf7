"""Failures of two makes with payloads of their own: one model of both, learnt from labels, through Dagster."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform_tests.scenarios.platforms import Scenario, running_scenario

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
LEARNT, SCORED = 55, 6
HOURS = (LEARNT + SCORED) * 24
RISE = 48
"""Hours before a failure in which a machine runs hotter and hotter."""
START = datetime.combine(datetime.now(UTC).date() - timedelta(days=LEARNT + SCORED + 1), datetime.min.time(), UTC)


@dataclass(frozen=True)
class Machine:
    """Its level is its own, so that only a change can tell."""

    name: str
    level: float
    failures: tuple[int, ...]
    """Hours since START."""

    def strain(self, hour: int) -> float:
        """0 to 1 on the way to the next failure."""
        left = min((failure - hour for failure in self.failures if failure > hour), default=HOURS)
        return max(0.0, 1.0 - left / RISE)

    def messages(self, hour: int, rng: np.random.Generator) -> Iterator[ScheduledMessage]:
        """What it sends in an hour, in the payload of its make."""
        at = (START + timedelta(hours=hour)).timestamp()
        temperature = self.level + 12.0 * self.strain(hour) + rng.normal(0, 0.5)
        if self.name.startswith("press"):
            body = {"sensor_id": self.name, "timestamp": at, "temperature": temperature, "humidity": 41.0}
            body["vibration"] = 2.0 + 1.5 * self.strain(hour) + rng.normal(0, 0.1)
            yield ScheduledMessage(0.0, "sensors/data", json.dumps(body).encode())
            return
        current = 12.0 + 4.0 * self.strain(hour) + rng.normal(0, 0.2)
        for metric, value in (("temperature", temperature), ("current", current)):
            body = {"id": self.name, "at": int(at * 1000), "type": metric, "reading": value, "seq": hour}
            yield ScheduledMessage(0.0, f"factory/motors/{self.name}", json.dumps(body).encode())


def machines(rng: np.random.Generator) -> list[Machine]:
    """Eight presses and four motors; each fails every five to nine days."""
    names = [f"press-{n:02}" for n in range(1, 9)] + [f"motor-{n:02}" for n in range(1, 5)]
    found = []
    for name in names:
        times = np.cumsum(rng.integers(5 * 24, 9 * 24, 14))
        found.append(Machine(name, rng.uniform(50, 70), tuple(int(time) for time in times if time < HOURS)))
    return found


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scenario, list[Machine]]]:
    """A factory whose model has learnt from the first days and has judged the last."""
    folder = tmp_path_factory.mktemp("failures")
    rng = np.random.default_rng(11)
    fleet = machines(rng)
    with running_scenario("smart_factory", folder, START.date()) as scenario:
        sent = 0
        for first, last in ((0, LEARNT), (LEARNT, LEARNT + SCORED)):
            known = [(each.name, hour) for each in fleet for hour in each.failures if hour < last * 24]
            lines = [f"{name},{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}" for name, hour in known]
            (folder / "failures.csv").write_text("\n".join(["machine,failed_at", *lines]))
            hours = range(first * 24, last * 24)
            sent += scenario.send(message for hour in hours for each in fleet for message in each.messages(hour, rng))
            scenario.wait_for_landed(sent)
            options = ("--device", "machine", "--start", "failed_at", "--as", "failure")
            # Known once they have happened: an hour is judged by the failures before it alone.
            done = scenario.run("labels", "import", str(folder / "failures.csv"), *options)
            assert done.returncode == 0, done.stderr
            first_day, last_day = (START.date() + timedelta(days=day) for day in (first, last - 1))
            trainings = ("forecast_model", "supervised_model")
            scenario.materialise(first_day, last_day, without=trainings if first else ())
        yield scenario, fleet


def test_failures_of_both_makes_are_foreseen_and_calm_machines_left_alone(
    scored: tuple[Scenario, list[Machine]],
) -> None:
    scenario, fleet = scored
    rows = scenario.ask(
        "select device_id, window_start, value, is_alarm from supervised_scores where task = 'equipment_failure'"
        f" and window_start >= timestamp '{START + timedelta(days=LEARNT):%Y-%m-%d}'"
    )
    by_name = {each.name: each for each in fleet}
    strain = [
        by_name[name].strain(int((at.replace(tzinfo=UTC) - START).total_seconds() // 3600)) for name, at, *_ in rows
    ]
    near = [is_alarm for (*_, is_alarm), how in zip(rows, strain, strict=True) if how > 0.5]
    calm = [is_alarm for (*_, is_alarm), how in zip(rows, strain, strict=True) if how == 0.0]
    failed = sum(hour >= LEARNT * 24 for each in fleet for hour in each.failures)
    assert len(rows) == SCORED * 24 * len(fleet) - failed, "every hour but those of the failures themselves"
    assert len(near) > 20
    assert np.mean(near) > 0.9
    assert np.mean(calm) < 0.1
    makes = {name.partition("-")[0] for (name, _, _, is_alarm) in rows if is_alarm}
    assert makes == {"press", "motor"}


def test_the_estimate_was_honest(scored: tuple[Scenario, list[Machine]]) -> None:
    scenario, _ = scored
    card = json.loads(scenario.run("models", "show", "equipment_failure").stdout)
    assert card["task"] == "equipment_failure"
    assert card["trained_to"].startswith(str(START.date() + timedelta(days=LEARNT - 1)))
