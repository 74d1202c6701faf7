"""A disk that fails at any step, for a while, and then works again: nothing is lost, doubled, or answered too early.

The layer under the writer behaves as Linux does: after a failed fsync the dirty pages are gone, and the next fsync of
the same file succeeds as if nothing had happened.
"""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.wal import (
    BatchFacts,
    Header,
    WalFolders,
    WalWriter,
    encode_mqtt,
    read_batches,
    recover_segments,
    segment_names,
)
from sensor_platform.wal.committed_offset import CommittedOffsetFile

Publish = Callable[..., bytes]
STEPS = ("write", "short", "torn", "fsync", "replace", "open", "pwrite", "everything")


class FaultyDisk:
    """Counts the calls of one kind and fails `length` of them, starting at number `first`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: str, first: int, length: int) -> None:
        self.step, self.first, self.length = step, first, length
        self.count = 0
        self.failures = 0
        self.durable: dict[str, bytes] = {}
        self.named: set[str] = set()
        self._real = {
            name: getattr(os, name) for name in ("write", "fsync", "replace", "ftruncate", "open", "unlink", "pwrite")
        }
        for name in self._real:
            monkeypatch.setattr(os, name, getattr(self, name))

    def _is_bad(self, *steps: str) -> bool:
        if self.step not in (*steps, "everything"):
            return False
        self.count += 1
        is_bad = self.first <= self.count < self.first + self.length
        self.failures += is_bad
        return is_bad

    def write(self, fd: int, data: Any) -> int:
        if self._is_bad("short", "torn", "write"):
            if self.step == "short":
                return int(self._real["write"](fd, bytes(data)[: max(1, len(data) // 3)]))
            if self.step == "torn":
                self._real["write"](fd, bytes(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self._real["write"](fd, data))

    def fsync(self, fd: int) -> None:
        path = str(Path(f"/proc/self/fd/{fd}").readlink())
        if not Path(path).is_file():
            if self._is_bad("fsync"):
                raise OSError(errno.EIO, "I/O error")
            self.named |= {entry.name for entry in Path(path).iterdir()}
            return
        if self._is_bad("fsync"):
            safe = self.durable.get(path, b"")
            Path(path).write_bytes(safe + bytes(len(Path(path).read_bytes()) - len(safe)))
            raise OSError(errno.EIO, "I/O error")
        self.durable[path] = Path(path).read_bytes()

    def replace(self, source: Path, target: Path) -> None:
        if self._is_bad("replace"):
            raise OSError(errno.EIO, "I/O error")
        self._real["replace"](source, target)
        if str(source) in self.durable:
            self.durable[str(target)] = self.durable.pop(str(source))

    def ftruncate(self, fd: int, size: int) -> None:
        if self._is_bad("ftruncate"):
            raise OSError(errno.EIO, "I/O error")
        self._real["ftruncate"](fd, size)

    def open(self, path: Any, *rest: Any, **named: Any) -> int:
        if str(path).endswith((".open", ".wal")) and "copy-" not in str(path) and self._is_bad("open"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self._real["open"](path, *rest, **named))

    def unlink(self, path: Any, **named: Any) -> None:
        if "copy-" not in str(path) and self._is_bad("unlink"):
            raise OSError(errno.EIO, "I/O error")
        self._real["unlink"](path, **named)

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        if self._is_bad("pwrite"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self._real["pwrite"](fd, data, offset))

    def payloads(self, wal: Path) -> list[bytes]:
        """What a power cut at this moment would leave readable, in order of segments."""
        found: list[bytes] = []
        for path, data in sorted(self.durable.items()):
            is_found = f"{Path(path).stem}.open" in self.named  # without its folder entry a file does not exist
            if is_found and Path(path).parent == wal and path.endswith((".open", ".wal")):
                copy = wal.parent / f"copy-{Path(path).stem}.open"
                copy.write_bytes(data)
                found += [payload for batch in read_batches(copy) for payload in batch.payloads]
                copy.unlink()
        return found


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommittedOffsetFile]:
    """One for all journals: hundreds of them would use up the process's file descriptors."""
    shared = CommittedOffsetFile(tmp_path_factory.mktemp("committed"), "c")
    yield shared
    shared.close()


@pytest.fixture(autouse=True)
def no_real_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """FaultyDisk keeps the books of what is durable; the real disk would only make thousands of journals slow."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def wal(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "wal"
    folder.mkdir(parents=True)
    return folder


def new_writer(wal: Path, committed: CommittedOffsetFile) -> WalWriter:
    def header(name: str) -> Header:
        return Header(segment=name, created_at=0)

    return WalWriter(WalFolders(wal, wal), segment_names("c", wal), committed, header, lambda: 0.0)


def drive(writer: WalWriter, frames: Iterator[tuple[bytes, bytes]], acknowledged: list[bytes]) -> Iterator[None]:
    """What the collector does, step by step; yields after everything that could have changed the disk."""
    for seal_after in (2, 1, 3):
        for _ in range(seal_after):
            waiting = [next(frames), next(frames)]
            for _, frame in waiting:
                writer.add(frame)
            for _ in range(12):
                try:
                    writer.commit()
                    break
                except OSError:
                    yield
            else:
                pytest.fail("the writer never recovered")
            acknowledged += [payload for payload, _ in waiting]
            yield
        writer.seal()
        yield
    for _ in range(12):
        writer.mend()
    yield


def numbered_frames(publish: Publish) -> Iterator[tuple[bytes, bytes]]:
    for number in range(1000):
        payload = f"payload {number:04d}".encode() * 3
        yield payload, encode_mqtt(BatchFacts(0, "s", True, 4, 1), (publish(b"t", payload, packet_id=number + 1),))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("length", [1, 2, 5])
def test_whatever_step_fails_for_a_while_every_message_is_stored_once_and_answered_only_when_durable(
    wal: Path,
    committed: CommittedOffsetFile,
    publish_packet: Publish,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    length: int,
) -> None:
    total = 0
    for first in range(1, 80):
        for file in wal.iterdir():
            file.unlink()
        writer = new_writer(wal, committed)
        acknowledged: list[bytes] = []
        with monkeypatch.context() as patch:
            disk = FaultyDisk(patch, step, first, length)
            for _ in drive(writer, numbered_frames(publish_packet), acknowledged):
                assert set(acknowledged) <= set(disk.payloads(wal)), "answered, and not durable"
        total += disk.failures
        assert not writer.pending_bytes
        assert not list(wal.glob("*.open"))
        stored = [p for path in sorted(wal.glob("*.wal")) for batch in read_batches(path) for p in batch.payloads]
        assert stored == acknowledged
        assert len(stored) == 12
        if not disk.failures:
            break
    assert total, f"no {step} was ever called"


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_while_the_disk_fails_loses_nothing_that_was_answered(
    wal: Path, committed: CommittedOffsetFile, publish_packet: Publish, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for stop_at in range(12):
        for first in range(1, 14):
            for file in wal.iterdir():
                file.unlink()
            writer = new_writer(wal, committed)
            acknowledged: list[bytes] = []
            with monkeypatch.context() as patch:
                FaultyDisk(patch, step, first, 3)
                steps = drive(writer, numbered_frames(publish_packet), acknowledged)
                for _ in range(stop_at):
                    next(steps, None)
            if writer._segment:  # killed: no seal, no mend; only the kernel closes what was open
                writer._segment.close()
            recover_segments(wal)
            stored = [p for path in sorted(wal.glob("*.wal")) for batch in read_batches(path) for p in batch.payloads]
            assert stored[: len(acknowledged)] == acknowledged


def io_error(fd: int) -> None:
    raise OSError(errno.EIO, "I/O error")


def test_an_unanswered_copy_is_cut_before_the_frames_are_written_again(
    wal: Path, committed: CommittedOffsetFile, publish_packet: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = numbered_frames(publish_packet)
    writer = new_writer(wal, committed)
    writer.add(next(frames)[1])
    writer.commit()
    writer.add(next(frames)[1])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", io_error)
        with pytest.raises(OSError, match="I/O error"):
            writer.commit()
    writer.commit()
    writer.seal()
    first, second = sorted(wal.glob("*.wal"))
    assert sum(len(batch) for batch in read_batches(first)) == 1
    assert sum(len(batch) for batch in read_batches(second)) == 1


def test_a_committed_offset_that_cannot_be_written_delays_nothing(
    wal: Path, committed: CommittedOffsetFile, publish_packet: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = new_writer(wal, committed)
    writer.add(next(numbered_frames(publish_packet))[1])
    FaultyDisk(monkeypatch, "pwrite", 1, 1)
    writer.commit()
    assert writer.pending_bytes == 0


def test_a_disk_that_takes_no_byte_and_says_nothing_does_not_hang_the_collector(
    wal: Path, committed: CommittedOffsetFile, publish_packet: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = new_writer(wal, committed)
    writer.add(next(numbered_frames(publish_packet))[1])
    monkeypatch.setattr(os, "write", lambda *_: 0)
    with pytest.raises(OSError, match="No space"):
        writer.commit()
