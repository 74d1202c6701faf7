"""What a collector says of itself while no broker answers, or none lets it in."""

import time
from pathlib import Path

import pytest

from sensor_platform_tests.kafka.broker import RealKafka
from sensor_platform_tests.kafka.lab import Lab, Topics
from sensor_platform_tests.running import wait_until

pytestmark = pytest.mark.kafka
SECURED = """
listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_collector="plain-secret";
listener.name.login.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


def test_a_killed_broker_shows_and_what_comes_later_is_landed(tmp_path: Path) -> None:
    cluster = RealKafka(tmp_path / "kafka")
    try:
        cluster.start()
        topics = Topics(cluster.servers)
        topics.create("away")
        topics.send("away", range(100))
        with Lab(tmp_path, {"servers": cluster.servers, "topics": ["away"], "group": "away"}) as lab:
            lab.wait_landed(100)
            wait_until(lambda: lab.status.state == "connected" and lab.status.problem is None, "a connection")
            assert lab.status.lag is not None
            cluster.kill()
            wait_until(lambda: lab.status.state == "connecting", "the loss to be noticed", 5)
            assert "no broker" in str(lab.status.problem)
            assert lab.status.counters.disconnects == 1
            cluster.restart()
            topics.send("away", range(100, 200))
            lab.wait_landed(200)
            wait_until(lambda: lab.status.state == "connected" and lab.status.problem is None, "a connection")
            assert lab.tally(range(200)) == {"missing": 0, "doubled": 0, "disordered": 0}
            hints = [line[24:] for line in lab.log.read_text().splitlines() if "hint:" in line]
            assert "no broker" in hints[0]
            assert len(hints) == len(set(hints)), hints
    finally:
        cluster.stop()


def test_logins_of_both_kinds_work_and_a_wrong_password_is_told(tmp_path: Path) -> None:
    cluster = RealKafka(tmp_path / "kafka", secured={"LOGIN": "SASL_PLAINTEXT"}, more=SECURED)
    try:
        cluster.start()
        topics = Topics(cluster.servers)
        topics.create("login")
        topics.send("login", range(100))
        for mechanism, password in (("PLAIN", "plain-secret"), ("SCRAM-SHA-256", "scram-secret")):
            options = ["security.protocol=sasl_plaintext", f"sasl.mechanism={mechanism}"]
            kafka = {
                "servers": cluster.servers_of("LOGIN"),
                "topics": ["login"],
                "group": mechanism,
                "options": options,
            }
            login = {"SENSOR_PLATFORM_KAFKA_USERNAME": "collector", "SENSOR_PLATFORM_KAFKA_PASSWORD": password}
            with Lab(tmp_path / mechanism, kafka, **login) as lab:
                lab.wait_landed(100)
                assert lab.tally(range(100))["missing"] == 0
        refused = Lab(tmp_path / "wrong", kafka, **login | {"SENSOR_PLATFORM_KAFKA_PASSWORD": "wrong"})
        refused.spawn()
        try:
            wait_until(lambda: refused.log.exists() and "hint:" in refused.log.read_text(), "a warning", 15)
            time.sleep(2)
            assert "refused the login of user collector" in str(refused.status.problem)
            assert refused.status.state == "connecting"
            assert len(refused.log.read_text().splitlines()) < 10
        finally:
            refused.kill()
    finally:
        cluster.stop()
