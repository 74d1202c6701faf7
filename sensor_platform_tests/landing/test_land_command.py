"""`sensor-platform land`: lands what is sealed and ends, or follows until told to stop."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensor_platform.collect.collector_lock import collector_lock
from sensor_platform.home import Home
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.lander_lock import lander_lock
from sensor_platform.landing.lander_status import read_status
from sensor_platform.wal import BatchFacts, Header, encode_mqtt
from sensor_platform.wal.segment_writer import SegmentWriter
from sensor_platform_tests.landing.homes import T0, Message, mixed_messages, publish_packet, seal_segment, tables

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(home: Home) -> Iterator[Start]:
    """Start the command on the home; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []
    env = {key: value for key, value in os.environ.items() if not key.startswith("SENSOR_PLATFORM_")}

    def run(*args: str, command: str = "land") -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", "from sensor_platform.cli.main import main; main()", command, *args],
            env=env | {"SENSOR_PLATFORM_HOME": str(home.root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_without_follow_it_lands_what_is_sealed_and_ends(home: Home, start: Start) -> None:
    seal_segment(home, 1, mixed_messages(1, 30))
    seal_segment(home, 2, mixed_messages(2, 20))
    process = start()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith("2 segments, 50 messages, ")
    status = read_status(home)
    assert status is not None
    assert (status.state, status.segments, status.messages, status.pending_segments) == ("stopped", 2, 50, 0)


def test_a_segment_that_a_killed_collector_left_open_is_landed(home: Home, start: Start) -> None:
    writer = SegmentWriter(home.wal, Header(segment="col-1772366400000-00000001", created_at=T0))
    facts = BatchFacts(T0, "session", is_session_present=True, level=4, messages=1)
    writer.append([encode_mqtt(facts, [publish_packet(Message(b'{"t":1}'), 1)])])
    writer.commit()
    writer.append([b"torn"])
    writer.close()
    assert start().wait(60) == 0
    assert [row[:2] for row in tables(home)["segments"]] == [("col-1772366400000-00000001", 1)]
    assert (audit(home).difference, audit(home).damaged_bytes) == (0, 0)


def test_an_open_segment_of_a_running_collector_is_left_alone(home: Home, start: Start) -> None:
    writer = SegmentWriter(home.wal, Header(segment="col-1772366400000-00000001", created_at=T0))
    with collector_lock(home.wal, "test"):
        assert start().wait(60) == 0
    writer.close()
    assert writer.path.exists()


@pytest.mark.parametrize("how", ["eof", "SIGTERM", "SIGINT"])
def test_following_it_lands_what_comes_and_everything_sealed_before_it_stops(
    home: Home, start: Start, how: str
) -> None:
    process = start("--follow")
    seal_segment(home, 1, mixed_messages(1, 10))
    wait_for(lambda: (status := read_status(home)) is not None and status.messages == 10)
    for seq in range(2, 6):
        seal_segment(home, seq, mixed_messages(seq, 10))
    if how == "eof":
        assert process.stdin is not None
        process.stdin.close()
    else:
        process.send_signal(signal.Signals[how])
    assert process.wait(60) == 0
    assert list(home.wal.glob("*.wal")) == []
    assert audit(home).hours[0].received == 50
    status = read_status(home)
    assert status is not None
    assert status.state == "stopped"


def test_a_second_lander_is_refused_by_name(home: Home, start: Start) -> None:
    with lander_lock(home):
        process = start()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert f"another lander (process {os.getpid()})" in err
    assert "hint:" in err
    assert "Traceback" not in err


def test_while_the_disk_refuses_it_waits_and_lands_when_it_may_again(home: Home, start: Start) -> None:
    blocked = home.landing
    blocked.write_text("a file where a folder must be")
    process = start("--follow")
    seal_segment(home, 1, mixed_messages(1, 10))
    wait_for(lambda: (status := read_status(home)) is not None and status.state == "waiting")
    status = read_status(home)
    assert status is not None
    assert status.error
    assert status.pending_segments == 1
    blocked.unlink()
    wait_for(lambda: (status := read_status(home)) is not None and status.messages == 10)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert audit(home).difference == 0


def test_without_follow_a_refusing_disk_is_an_error_with_a_hint(home: Home, start: Start) -> None:
    home.landing.write_text("a file where a folder must be")
    sealed = seal_segment(home, 1, mixed_messages(1, 10))
    process = start()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "hint:" in err
    assert "Traceback" not in err
    assert sealed.exists()


def test_the_ledger_is_rebuilt_on_demand(home: Home, start: Start) -> None:
    seal_segment(home, 1, mixed_messages(1, 10))
    assert start().wait(60) == 0
    before = tables(home)
    home.ledger_file.write_bytes(b"not a database " * 1000)
    process = start()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "--rebuild-ledger" in err
    process = start("--rebuild-ledger")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "rebuilt from 1 segments" in err
    assert tables(home) == before


def test_hostile_input_lands_or_is_quarantined_and_the_equation_holds(home: Home, start: Start) -> None:
    deep = b'{"a":' * 3000 + b"1" + b"}" * 3000
    hostile = [
        b"", b"\x00", b"{", b"null", b"\xff" * 100, b"[" * 100_000, deep, b'{"t":NaN}', b'{"t":1e999}', b'{"id":null}',
        b'{"t":1,"ts":"2100-01-01"}', b'{"t":1,"ts":0}', b'{"t":"%s"}' % (b"x" * 1_000_000),
        b'{"%s":1}' % (b"k" * 1_000_000),
        b"{" + b",".join(b'"m%d":%d' % (n, n) for n in range(60_000)) + b"}",
        b'[%s]' % b",".join([b'{"t":1}'] * 50_000),
        '{"id":"../../x","../y":1,"\'; drop table readings; --":2,"🌡️":3,"<script>":4}'.encode(),
        b'{"id":"\\u0000","t":1}', b'{"t":123456789012345678901234567890}', b'{"t":-0.0}', b'{"samples":[[[]]]}',
    ]  # fmt: skip
    messages = [Message(payload, f"sensors/{n}/'\"../🚀") for n, payload in enumerate(hostile)]
    seal_segment(home, 1, messages + [Message(b'{"t":1}', f"t/{n}") for n in range(10_000)])
    process = start()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    process = start("--json", command="audit")
    out, err = process.communicate(timeout=60)
    report = json.loads(out)
    assert (process.returncode, report["difference"]) == (0, 0)
    (hour,) = report["hours"]
    assert hour["received"] == len(hostile) + 10_000
    assert hour["quarantined"] == 14


def test_nothing_is_left_beside_the_home(home: Home, start: Start, tmp_path: Path) -> None:
    seal_segment(home, 1, mixed_messages(1, 10))
    assert start().wait(60) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert {path.name for path in home.root.iterdir()} == {"wal", "raw", "landing", "quarantine", "ledger"}
