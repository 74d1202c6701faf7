"""Messages over HTTP use the WAL writer: a failing disk is an error for the sender, no message is lost or doubled."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import now_micros, utc_from_micros
from sensor_platform.live.requests.ingest import IngestWriter
from sensor_platform.reading.model import Envelope
from sensor_platform.wal import read_envelopes
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
