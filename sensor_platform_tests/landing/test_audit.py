"""The audit can fail: it compares the collector's count with the lander's fates, hour by hour."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor_platform.cli.main import cli
from sensor_platform.home import Home
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.quarantine.listing import count_rules, read_quarantine
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import BatchFacts, Header, encode_mqtt
from sensor_platform.wal.segment_writer import SegmentWriter
from sensor_platform_tests.landing.homes import (
    HOUR,
    T0,
    Message,
    land_all,
    mixed_messages,
    publish_packet,
    seal_segment,
)

RunAudit = Callable[..., tuple[int, Any]]


@pytest.fixture
def run_audit(home: Home, monkeypatch: pytest.MonkeyPatch) -> RunAudit:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)

    def run(*args: str) -> tuple[int, Any]:
        result = CliRunner().invoke(cli, ["audit", "--json", *args])
        return result.exit_code, json.loads(result.stdout)

    return run


def test_every_message_has_one_fate_and_the_command_says_so(home: Home, run_audit: RunAudit) -> None:
    seal_segment(home, 1, mixed_messages(1, 100), received_at=T0)
    seal_segment(home, 2, mixed_messages(2, 50), received_at=T0 + HOUR)
    manifests = land_all(home, now=T0 + 3 * HOUR)
    code, report = run_audit()
    assert code == 0
    assert report["difference"] == 0
    assert [hour["hour"] for hour in report["hours"]] == ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"]
    for hour, manifest in zip(report["hours"], manifests, strict=True):
        assert hour["received"] == manifest.messages
        assert hour["received"] == hour["landed"] + hour["quarantined"] + hour["duplicate"]
        assert min(hour["landed"], hour["quarantined"], hour["duplicate"]) > 0


@pytest.mark.parametrize("column", ["landed", "quarantined", "duplicate"])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_message_lost_or_taken_twice_is_a_difference_and_exit_code_1(
    home: Home, run_audit: RunAudit, column: str, change: int
) -> None:
    seal_segment(home, 1, mixed_messages(1, 100))
    land_all(home)
    with sqlite3.connect(home.ledger_file) as connection:
        connection.execute(f"update arrivals set {column} = {column} + ?", (change,))
    connection.close()
    code, report = run_audit()
    assert (code, report["difference"], report["hours"][0]["difference"]) == (1, 1, -change)


def test_one_too_many_does_not_excuse_one_too_few(home: Home) -> None:
    seal_segment(home, 1, mixed_messages(1))
    seal_segment(home, 2, mixed_messages(2), received_at=T0 + HOUR)
    land_all(home, now=T0 + 3 * HOUR)
    with sqlite3.connect(home.ledger_file) as connection:
        connection.execute("update arrivals set received = received + 1 where hour = ?", (T0,))
        connection.execute("update arrivals set received = received - 1 where hour = ?", (T0 + HOUR,))
    connection.close()
    assert audit(home).difference == 2


def test_received_is_what_the_collector_counted_not_what_the_lander_read(home: Home) -> None:
    writer = SegmentWriter(home.wal, Header(segment="col-1772366400000-00000001", created_at=T0))
    facts = BatchFacts(T0, "session", True, 4, 3)
    writer.append([encode_mqtt(facts, [publish_packet(Message(b'{"t":1}'), n) for n in (1, 2)])])
    writer.commit()
    writer.seal()
    land_all(home)
    found = audit(home)
    assert (found.hours[0].received, found.hours[0].landed, found.difference) == (3, 2, 1)


def test_what_waits_in_the_wal_is_pending(home: Home, run_audit: RunAudit) -> None:
    seal_segment(home, 1, mixed_messages(1, 30))
    land_all(home)
    seal_segment(home, 2, mixed_messages(2, 20))
    writer = SegmentWriter(home.wal, Header(segment="col-1772366400000-00000003", created_at=T0))
    writer.append([encode_mqtt(BatchFacts(T0, "session", True, 4, 1), [publish_packet(Message(b"{}"), 1)])])
    writer.commit()
    code, report = run_audit()
    writer.close()
    assert (code, report["pending"]) == (0, {"segments": 2, "messages": 21, "unsealed": 1})
    assert sum(hour["received"] for hour in report["hours"]) == 30


def test_a_wal_that_was_landed_already_is_not_pending(home: Home) -> None:
    sealed = seal_segment(home, 1, mixed_messages(1))
    content = sealed.read_bytes()
    land_all(home)
    sealed.write_bytes(content)
    assert audit(home).pending_segments == 0


def test_an_empty_home_has_nothing_to_explain(run_audit: RunAudit) -> None:
    code, report = run_audit()
    assert code == 0
    assert (report["hours"], report["difference"], report["damaged_bytes"]) == ([], 0, 0)
    assert (report["missing"], report["damaged_files"]) == ([], [])
    assert report["pending"] == {"segments": 0, "messages": 0, "unsealed": 0}


def test_one_device_can_be_audited(home: Home, run_audit: RunAudit) -> None:
    messages = [Message(b'{"id":"a\'b","t":1}'), Message(b'{"id":"a\'b","ts":0,"t":1}'), Message(b'{"id":"c","t":1}')]
    seal_segment(home, 1, messages)
    land_all(home)
    (hour,) = audit(home, device_id="a'b").hours
    assert (hour.received, hour.landed, hour.quarantined, hour.difference) == (2, 1, 1, 0)
    code, report = run_audit("--device", "a'b")
    assert (code, report["hours"][0]["received"]) == (0, 2)
    assert audit(home, device_id="nobody").hours == ()


def test_the_table_for_people_has_the_same_numbers(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
    seal_segment(home, 1, mixed_messages(1, 30))
    (manifest,) = land_all(home)
    result = CliRunner().invoke(cli, ["audit"])
    line = next(line for line in result.stdout.splitlines() if "2026-03-01T12" in line)
    assert line.split()[1:] == [str(n) for n in (30, manifest.landed, manifest.quarantined, manifest.duplicate, 0, 0)]
    assert "difference: 0" in result.stdout


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.one_of(st.binary(max_size=20), st.sampled_from([b'{"t":1}', b'{"id":"x","t":NaN}', b'[{"t":1},3]'])),
            st.sampled_from(list(EnvelopeFlag)),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_whatever_arrives_the_equation_holds(
    tmp_path_factory: pytest.TempPathFactory, messages: list[tuple[bytes, EnvelopeFlag]]
) -> None:
    home = Home(tmp_path_factory.mktemp("any"))
    seal_segment(home, 1, [Message(payload, flag=flag) for payload, flag in messages])
    (manifest,) = land_all(home)
    found = audit(home)
    assert found.difference == 0
    assert found.hours[0].received == len(messages)
    assert found.hours[0].duplicate == sum(bool(flag & EnvelopeFlag.DUPLICATE) for _, flag in messages)
    refused = read_quarantine(home)
    whole = 0 if refused is None else refused.collect().get_column("scope").to_list().count("message")
    assert whole == manifest.quarantined


def test_the_quarantine_can_be_asked_by_rule(home: Home) -> None:
    assert count_rules(home) == []
    messages = [
        Message(b"?"),
        Message(b"??"),
        Message(b'{"id":"a","t":NaN,"u":1}'),
        Message(b'{"id":"a","ts":0,"t":1}'),
    ]
    seal_segment(home, 1, messages)
    land_all(home)
    found = {count.rule: (count.messages, count.readings) for count in count_rules(home)}
    assert found == {"undecodable": (2, 0), "not_a_number": (0, 1), "before_start": (1, 0)}
    assert count_rules(home)[0].rule == "undecodable"
    assert all(count.hint and count.newest_reason for count in count_rules(home))
