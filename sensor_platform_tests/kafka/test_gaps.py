"""Records that Kafka dropped before they were read are told; those that it still has are read."""

import json
import shutil
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition  # type: ignore[import-not-found,unused-ignore]

from sensor_platform_tests.kafka.lab import Lab, Topics, record
from sensor_platform_tests.running import wait_until

pytestmark = pytest.mark.kafka
NOTHING = {"missing": 0, "doubled": 0, "disordered": 0}


def stopped(topics: Topics, topic: str, folder: Path, count: int) -> Lab:
    """A home that has landed records of a new topic, with its collector stopped."""
    topics.create(topic)
    topics.send(topic, range(count))
    lab = Lab(folder, {"servers": topics.servers, "topics": [topic], "group": topic})
    with lab:
        lab.wait_landed(count)
        time.sleep(1)
        assert lab.stop() == 0
    return lab


def test_what_retention_took_is_a_gap_of_the_audit(topics: Topics, tmp_path: Path) -> None:
    lab = stopped(topics, "gap-retention", tmp_path, 1000)
    topics.send("gap-retention", range(1000, 3000))
    [done] = topics.admin.delete_records([TopicPartition("gap-retention", 0, 2500)]).values()
    done.result(10)
    with lab:
        lab.wait_landed(1500)
        assert lab.tally([*range(1000), *range(2500, 3000)]) == NOTHING
        wait_until(lambda: lab.status.counters.lost_offsets == 1500, "the status")
    code, told = lab.run("audit", "--json")
    gap = {"topic": "gap-retention", "partition": 0, "first": 1000, "last": 2499, "count": 1500}
    assert (code, json.loads(told.splitlines()[0])["gaps"]) == (1, [gap])
    assert "gap: offsets 1000..2499 of gap-retention/0" in lab.run("audit")[1]
    assert "gone before they were read" in lab.log.read_text()


def test_a_home_from_a_backup_reads_again_what_kafka_still_has(topics: Topics, tmp_path: Path) -> None:
    lab = stopped(topics, "gap-restored", tmp_path, 500)
    shutil.copytree(lab.home.root, tmp_path / "backup")
    topics.send("gap-restored", range(500, 1000))
    with lab:
        lab.wait_landed(1000)
        time.sleep(1)
        assert lab.stop() == 0
    shutil.rmtree(lab.home.root)
    shutil.copytree(tmp_path / "backup", lab.home.root)
    with lab:
        lab.wait_landed(1000)
        assert lab.tally(range(1000)) == NOTHING
    assert lab.run("audit")[0] == 0


def test_transactions_leave_no_gap_and_no_lag(topics: Topics, tmp_path: Path) -> None:
    topics.create("gap-transactions", 2)
    out = Producer({"bootstrap.servers": topics.servers, "transactional.id": "gap"})
    out.init_transactions(30)
    kept: set[int] = set()
    for number in range(8):
        out.begin_transaction()
        numbers = range(number * 50, number * 50 + 50)
        for n in numbers:
            key, value = record(n, 1_700_000_000_000)
            out.produce("gap-transactions", value, key)
        out.flush(30)
        if number % 4 == 3:
            out.abort_transaction(30)
        else:
            out.commit_transaction(30)
            kept |= set(numbers)
    with Lab(tmp_path, {"servers": topics.servers, "topics": ["gap-transactions"], "group": "gap-transactions"}) as lab:
        lab.wait_landed(len(kept))
        wait_until(lambda: lab.status.lag == 0, "the end of the lag")
        assert lab.tally(kept) == NOTHING
    with lab:
        time.sleep(1)
        assert lab.tally(kept) == NOTHING
    assert lab.run("audit")[0] == 0
