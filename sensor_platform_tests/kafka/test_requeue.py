"""What was quarantined keeps its key and headers: a requeue gives readings to the device that sent them."""

import json
import time
from pathlib import Path

import pytest

from sensor_platform_tests.kafka.lab import Lab, Topics
from sensor_platform_tests.running import wait_until

pytestmark = pytest.mark.kafka
CONTRACT = """name: temperatures
topic: requeued
encoding: {encoding}
layout: wide
device: {{kafka_key: true, topic_level: -1}}
message_id: {{user_property: message_id}}
time: {{field: [ts], timezone: UTC, required: true}}
"""


def test_a_requeue_decides_as_landing_would_have(topics: Topics, tmp_path: Path) -> None:
    topics.create("requeued")
    lab = Lab(tmp_path, {"servers": topics.servers, "topics": ["requeued"], "group": "requeued"})
    contract = tmp_path / "site/contracts/temperatures.yaml"
    contract.parent.mkdir()
    contract.write_text(CONTRACT.format(encoding="influx"))
    with lab:
        for n in range(6):
            value = json.dumps({"ts": time.time_ns() // 1_000_000, "n": n}).encode()
            topics.produce("requeued", value, f"pump-{n % 3}".encode(), headers=[("message_id", b"%d" % n)])
        topics.producer.flush(30)
        wait_until(lambda: "6" in lab.run("quarantine", "list", "--count")[1], "six refused messages")
        contract.write_text(CONTRACT.format(encoding="json"))
        code, told = lab.run("quarantine", "requeue", "--rule", "undecodable")
        assert code == 0, told
        found = lab.rows(
            "select device_id, message_id, cast(value as int) from landing where metric = 'n' order by value"
        )
        assert found == [(f"pump-{n % 3}", f"{n}", n) for n in range(6)]
