"""A changed contract is tried on past traffic before it is switched on, and one is proposed from traffic."""

import json
from pathlib import Path

import cbor2
import pytest
import yaml
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.contracts.compare import Terms, compare, with_contract
from sensor_platform.contracts.infer import infer
from sensor_platform.home import Home
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform_tests.landing.homes import HOUR, T0, Message, files, land_all, mixed_messages, seal_segment, tables

LIMITS = TimeLimits(start=0, max_future=HOUR)
OLD = Contract(name="press", topic="press/+", device=ValueSource(field=("machine",)))
NEW = Contract(
    name="press", topic="press/+", device=ValueSource(field=("machine", "id")), rename={"f": "force"}, ignore=("x",)
)
REST = Contract(name="rest", topic="#")


def fill(home: Home) -> None:
    presses = [
        Message(b'{"machine": "m1", "f": 1, "x": 5}', "press/a"),
        Message(b'{"id": "m2", "f": 3}', "press/a"),
        Message(b"junk", "press/b"),
        Message(b'{"id": "m2", "f": 9}', "press/a", EnvelopeFlag.DUPLICATE),
    ]
    seal_segment(home, 1, presses + mixed_messages(1, 30))
    seal_segment(home, 2, presses[:1], received_at=T0 + 2 * HOUR)
    land_all(home, [OLD, REST], now=T0 + 3 * HOUR)


def test_a_change_is_shown_in_readings_devices_rules_and_hourly_means_and_changes_nothing(home: Home) -> None:
    fill(home)
    before = tables(home), files(home)
    now = Terms((OLD, REST), LIMITS)
    found = compare(home, now, Terms(with_contract(now.contracts, NEW), LIMITS), 0)
    assert (tables(home), files(home)) == before
    assert found.messages == 4
    assert (found.landed_now, found.landed_then, found.readings_now, found.readings_then) == (2, 3, 4, 3)
    assert (found.new_devices, found.lost_devices) == (("m2",), ())
    assert (found.new_metrics, found.lost_metrics) == (("force",), ("f", "x"))
    assert {(rule.rule, rule.now, rule.then) for rule in found.rules} == {("no_device", 1, 0), ("undecodable", 1, 1)}
    assert found.rules[0].example.topic.startswith("press/")
    assert found.changed_hours == 7
    changed = {(hour.device_id, hour.metric, hour.rows_now, hour.rows_then, hour.mean_then) for hour in found.hours}
    assert ("m2", "force", 0, 1, 3.0) in changed
    assert ("m1", "f", 1, 0, None) in changed


def test_only_traffic_since_the_moment_counts_and_an_equal_contract_changes_nothing(home: Home) -> None:
    fill(home)
    now = Terms((OLD, REST), LIMITS)
    assert compare(home, now, Terms(with_contract(now.contracts, NEW), LIMITS), T0 + HOUR).messages == 1
    same = compare(home, now, now, 0)
    assert same.messages == 0
    assert same.is_same
    shorter = Terms(now.contracts, TimeLimits(start=T0 + HOUR, max_future=HOUR))
    late = compare(home, now, shorter, 0)
    assert late.messages > 30
    assert any(rule.rule == "before_start" and rule.then for rule in late.rules)


def test_hourly_means_that_differ_by_a_time_zone_are_found(home: Home) -> None:
    seal_segment(home, 1, [Message(b'{"id": 1, "t": %d, "ts": "2026-03-01T0%d:00:00"}' % (n, n)) for n in range(5)])
    land_all(home, [REST])
    berlin = Contract(name="rest", topic="#", time=TimeSource(timezone="Europe/Berlin"))
    found = compare(home, Terms((REST,), LIMITS), Terms((berlin,), LIMITS), 0)
    assert found.changed_hours == 6
    assert found.readings_now == found.readings_then == 5


def test_the_command_says_it_in_words_and_in_json(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (site / "contracts").mkdir(parents=True)
    (site / "site.yaml").write_text("name: x\n")
    (site / "contracts/press.yaml").write_text("name: press\ntopic: press/+\ndevice: {field: [machine]}\n")
    seal_segment(home, 1, [Message(b'{"id": "m2", "f": 3}', "press/a")])
    land_all(home, [OLD])
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
    monkeypatch.setenv("SENSOR_PLATFORM_SITE", str(site))
    changed = tmp_path / "new.yaml"
    changed.write_text("name: press\ntopic: press/+\ndevice: {field: [id]}\n")
    told = CliRunner().invoke(cli, ["contract", "test", str(changed), "--last", "500w"])
    assert told.exit_code == 0, told.output
    assert "new devices: m2" in told.output
    shown = CliRunner().invoke(cli, ["contract", "test", str(changed), "--last", "500w", "--json"])
    assert json.loads(shown.output)["rules"][0] == {
        "rule": "no_device", "now": 1, "then": 0,
        "example": {"topic": "press/a", "reason": "no device id where the contract looks for one",
                    "payload": '{"id": "m2", "f": 3}'},
    }  # fmt: skip
    whole = CliRunner().invoke(cli, ["contract", "test", str(site), "--last", "500w", "--json"])
    assert json.loads(whole.output)["is_same"]
    proposed = CliRunner().invoke(cli, ["contract", "infer", "--topic", "press/+", "--last", "500w"])
    assert yaml.safe_load(proposed.stdout)["device"] == {"field": ["id"]}
    seal_segment(home, 2, [Message(b'{"machine": "m2", "f": "off"}', "press/a")])
    seal_segment(home, 3, [Message(b'{"machine": "m2", "f": 1}', "press/a")])
    land_all(home, [OLD])
    drifted = CliRunner().invoke(cli, ["contract", "drift", "--last", "500w", "--json"])
    assert [(row["device_id"], row["metric"], row["was"], row["now"]) for row in json.loads(drifted.output)] == [
        ("m2", "f", "text", "integer")
    ]


def test_a_wide_json_contract_is_inferred() -> None:
    rows = [
        {"sensorId": f"s{n}", "eventTime": f"2026-03-01T00:0{n}:00", "plant": "north", "temp": n, "ok": True}
        for n in range(9)
    ]
    found = infer("x", "a/+", [("a/b", json.dumps(row).encode()) for row in rows])
    contract = found.contract
    assert (contract.encoding, contract.layout) == ("json", "wide")
    assert contract.device.field == ("sensorId",)
    assert contract.time.field == ("eventTime",)
    assert contract.time.required
    assert contract.tags == {"plant": ValueSource(field=("plant",))}
    assert any("name no zone" in note for note in found.notes)


@pytest.mark.parametrize(
    ("payload", "encoding", "layout"),
    [
        (b'{"device": "a", "metric": "t", "value": 1, "ts": 1772366400}', "json", "long"),
        (b'{"device": "a", "engine": {"rpm": 1}}', "json", "auto"),
        (json.dumps('{"device": "a", "t": 1}').encode(), "json_in_json", "wide"),
        (cbor2.dumps({"device": "a", "t": 1.5}), "cbor", "wide"),
        (b"m,host=a t=1 1772366400000000000", "influx", "auto"),
        (b"device,t\na,1\n", "csv", "wide"),
        (b"21.5", "plain", "auto"),
        (b"ON", "plain", "auto"),
    ],
)
def test_the_encoding_is_inferred(payload: bytes, encoding: str, layout: str) -> None:
    contract = infer("x", "#", [("plant/p1/temperature", payload)] * 3).contract
    assert (contract.encoding, contract.layout) == (encoding, layout)


def test_the_topic_level_that_differs_is_the_device() -> None:
    messages = [(f"plant/m{n}/data", b'{"t": 1, "ts": 1772366400}') for n in range(5)]
    found = infer("x", "plant/#", messages)
    assert found.contract.device.topic_level == -2
    assert any("5 names" in note for note in found.notes)
