"""Messages over HTTP use the WAL writer: a failing disk is an error for the sender, no message is lost or doubled."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.cli.land import seal_abandoned
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import now_micros, utc_from_micros
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.live.requests import ingest
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.reading.model import Envelope
from sensor_platform.wal import encode_records, read_envelopes
from sensor_platform_tests.running import wait_until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def writer(home: Home) -> Iterator[IngestWriter]:
    running = IngestWriter(home, "c.http", now_micros)
    running.start()
    yield running
    running.stop()


def message(payload: bytes) -> Envelope:
    return Envelope("t", payload, utc_from_micros(now_micros()), segment="", position=0)


def stored(home: Home) -> list[bytes]:
    return [each.payload for path in sorted(home.wal.glob("*.wal")) for each in read_envelopes(path)]


def test_open_segments_are_in_a_folder_of_their_own_and_sealed_ones_go_to_the_lander(
    home: Home, writer: IngestWriter
) -> None:
    assert writer.put([message(b"1"), message(b"2")], 2).result(10) == 2
    assert len(list(home.ingest.glob("c.http-*.open"))) == 1
    assert not list(home.wal.glob("*.open"))
    writer.stop()
    assert not list(home.ingest.glob("*.open"))
    assert stored(home) == [b"1", b"2"]
    assert (writer.messages, writer.bytes) == (2, 2)


def test_what_cannot_be_written_is_answered_with_the_error_and_is_not_stored(
    home: Home, writer: IngestWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert writer.put([message(b"before")], 6).result(10) == 1
    real_fsync = os.fsync

    def fsync(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").readlink().suffix == ".open":
            raise OSError(errno.EIO, "I/O error")
        real_fsync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match="I/O error"):
            writer.put([message(b"refused")], 7).result(10)
        assert "I/O error" in writer.problem
    assert writer.put([message(b"after")], 5).result(10) == 1
    assert writer.problem == ""
    writer.stop()
    assert stored(home) == [b"before", b"after"]
    assert not list(home.ingest.glob("*.open"))


@pytest.mark.parametrize("suffix", [".open", ".wal"])
def test_what_a_killed_process_left_is_handed_over_at_the_next_start(home: Home, suffix: str) -> None:
    first = IngestWriter(home, "c.http", now_micros)
    first.start()
    assert first.put([message(b"left")], 4).result(10) == 1
    first.stop()
    (sealed,) = home.wal.glob("*.wal")
    sealed.rename(home.ingest / f"{sealed.stem}{suffix}")
    other = home.ingest / "other.http-1700000000000-00000001.open"
    other.touch()
    second = IngestWriter(home, "c.http", now_micros)
    second.start()
    wait_until(lambda: stored(home) == [b"left"], "the segment")
    second.stop()
    assert other.exists(), "another process may be writing it"


def test_a_second_process_is_refused(home: Home, writer: IngestWriter) -> None:
    with pytest.raises(WrongUse, match="another live process"):
        IngestWriter(home, "c.http", now_micros).start()


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "no space left")


def test_a_disk_that_is_full_at_the_start_is_told_to_the_senders_and_tried_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = IngestWriter(home, "c.http", now_micros)
    with monkeypatch.context() as patch:
        patch.setattr("sensor_platform.wal.segment_name.write_file", refuse)
        running.start()
        with pytest.raises(OSError, match="no space left"):
            running.put([message(b"refused")], 7).result(10)
        assert "no space left" in running.problem
    wait_until(lambda: not running.problem, "the disk to be tried again")
    assert running.put([message(b"taken")], 5).result(10) == 1
    running.stop()
    assert stored(home) == [b"taken"]


def test_an_error_of_any_kind_is_answered_and_the_next_request_is_served(
    home: Home, writer: IngestWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise ZeroDivisionError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "encode_records", fail)
        with pytest.raises(OSError, match="ZeroDivisionError: a fault"):
            writer.put([message(b"refused")], 7).result(10)
    assert writer.put([message(b"taken")], 5).result(10) == 1
    writer.stop()
    assert stored(home) == [b"taken"]


def test_a_request_that_was_given_up_is_not_stored_and_does_not_end_the_thread(
    home: Home, writer: IngestWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender whose request took too long was told to send it again."""
    entered, goes_on = threading.Event(), threading.Event()

    def wait(*some: Any, **more: Any) -> bytes:
        entered.set()
        assert goes_on.wait(10)
        return encode_records(*some, **more)

    monkeypatch.setattr(ingest, "encode_records", wait)
    first = writer.put([message(b"first")], 5)
    assert entered.wait(10)
    given_up = writer.put([message(b"given up")], 8)
    assert given_up.cancel()
    assert not first.cancel(), "it is being written: whether it is stored is known soon"
    goes_on.set()
    assert first.result(10) == 1
    assert writer.put([message(b"last")], 4).result(10) == 1
    writer.stop()
    assert stored(home) == [b"first", b"last"]


def test_a_segment_that_could_not_be_sealed_is_sealed_without_a_new_start(
    home: Home, writer: IngestWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_SEAL_SECONDS", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr("sensor_platform.wal.writer.seal_file", refuse)
        assert writer.put([message(b"one")], 3).result(10) == 1
        wait_until(lambda: "no space left" in writer.problem, "the seal to fail")
    wait_until(lambda: stored(home) == [b"one"], "the seal to be tried again")


def test_a_segment_that_could_not_be_sealed_to_the_end_is_counted_and_sealed_by_the_lander(
    home: Home, writer: IngestWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_LAST_SEAL_SECONDS", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr("sensor_platform.wal.writer.seal_file", refuse)
        assert writer.put([message(b"one")], 3).result(10) == 1
        seal_abandoned(home)
        assert stored(home) == [], "the live process seals its own"
        writer.stop()
    assert audit(home).pending_messages == 1
    seal_abandoned(home)
    assert stored(home) == [b"one"]
