"""Topics that were deleted and made again under their name: every new record is landed, no old one twice."""

import signal
import time
from pathlib import Path

import pytest

from sensor_platform_tests.kafka.lab import Lab, Topics

pytestmark = pytest.mark.kafka
NOTHING = {"missing": 0, "doubled": 0, "disordered": 0}


def old(topics: Topics, topic: str, folder: Path, *, at: float | None = None) -> Lab:
    """A collector that has landed 1,000 records of a topic."""
    topics.create(topic)
    topics.send(topic, range(1000), at=at)
    lab = Lab(folder, {"servers": topics.servers, "topics": [topic], "group": topic})
    lab.start()
    lab.wait_landed(1000)
    time.sleep(1)  # the offsets are committed to Kafka
    return lab


@pytest.mark.parametrize(("name", "age"), [("older", 86_400.0), ("same", 0.0)])
def test_new_records_with_old_times_are_landed(topics: Topics, tmp_path: Path, name: str, age: float) -> None:
    now = round(time.time()) - 10.0
    lab = old(topics, f"again-{name}", tmp_path, at=now)
    lab.stop()
    topics.anew(f"again-{name}")
    topics.send(f"again-{name}", range(1000, 1500), at=now - age)
    with lab:
        lab.wait_landed(1500)
        assert lab.tally(range(1500)) == NOTHING


def test_a_collector_that_hung_reads_the_new_topic_from_its_start(topics: Topics, tmp_path: Path) -> None:
    lab = old(topics, "again-hung", tmp_path)
    try:
        lab.signal(signal.SIGSTOP)
        topics.anew("again-hung")
        topics.send("again-hung", range(1000, 4000))
        time.sleep(1)
        lab.signal(signal.SIGCONT)
        lab.wait_landed(4000, 40)
        found = lab.tally(range(4000))
        assert (found["missing"], found["doubled"]) == (0, 0), (
            found
        )  # what came before the change was found stays first
    finally:
        lab.kill()


def test_kills_while_a_new_topic_is_read_lose_nothing(topics: Topics, tmp_path: Path) -> None:
    lab = old(topics, "again-killed", tmp_path)
    lab.stop()
    topics.anew("again-killed")
    topics.send("again-killed", range(1000, 31_000))
    for _ in range(3):
        with lab:
            time.sleep(0.3)
    with lab:
        lab.wait_landed(31_000)
        assert lab.tally(range(31_000)) == NOTHING
