"""The audit as a command: what it says, and its exit code."""

import json

import pytest

from sensor_platform.cli.audit import audit
from sensor_platform.errors import ExitCode
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import run, said
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment


def land(home: Home, *numbers: int) -> None:
    """Land messages of a device that counts."""
    seal_segment(
        home, 1, [Message(b'{"device_id":"a","ts":%d,"seq":%d,"t":1}' % (T0 // 10**6 + n, n)) for n in numbers]
    )
    land_all(home)


def test_where_every_message_has_one_fate_the_difference_is_zero(home: Home) -> None:
    land(home, 1, 2, 3)
    seal_segment(home, 2, [Message(b"{}")])
    lines = said(audit).splitlines()
    assert lines[1].split() == ["2026-03-01T12:00:00Z", "3", "3", "0", "0", "0", "0"]
    assert lines[2:] == ["pending: 1 messages in 1 segments", "difference: 0"]


def test_what_a_device_counted_and_nobody_received_fails_the_check(home: Home) -> None:
    land(home, 1, 2, 5, 6)
    result = run(audit)
    assert "missing: a 3..4 (2 messages)" in result.stdout
    assert result.stderr.startswith("error: devices counted 2 messages that never arrived\nhint: ")
    assert result.return_value == ExitCode.CHECK_FAILED


def test_the_same_as_json_for_one_device_and_some_hours(home: Home) -> None:
    land(home, 1, 2)
    found = json.loads(said(audit, "--json", "--from", "2026-03-01", "--to", "2026-03-02", "--device", "a"))
    assert [hour["landed"] for hour in found["hours"]] == [2]
    assert (found["difference"], found["missing"]) == (0, [])
    assert json.loads(said(audit, "--json", "--from", "2026-03-02"))["hours"] == []


@pytest.mark.parametrize("words", [(), ("--from", "2026-03-01", "--to", "2026-03-01")])
def test_a_file_that_was_changed_is_found_by_its_checksum(home: Home, words: tuple[str, ...]) -> None:
    land(home, 1)
    (file,) = home.landing.glob("*/*.parquet")
    file.write_bytes(b"x" * file.stat().st_size)
    result = run(audit, "--verify", *words)
    assert "1 damaged" in result.stdout
    assert "error: 1 files are damaged or missing" in result.stderr
    assert result.return_value == ExitCode.CHECK_FAILED
