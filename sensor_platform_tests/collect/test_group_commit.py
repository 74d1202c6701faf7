"""When a group is committed: at once on a quiet socket, later on a busy one, and again after the disk failed."""

import time
from types import SimpleNamespace

import pytest

from sensor_platform.collect.collector_status import CollectorStatus
from sensor_platform.collect.mqtt.group_commit import GroupCommit


class Encoder:
    """One message that waits; `error` is what the disk answers."""

    def __init__(self) -> None:
        self.waiting = 1
        self.since = time.monotonic()
        self.commits = 0
        self.error: OSError | None = None

    @property
    def has_work(self) -> bool:
        return bool(self.waiting)

    def commit(self) -> bytes:
        if self.error:
            raise self.error
        self.commits += 1
        self.waiting = 0
        return b"PUBACK"


class Rig:
    def __init__(self) -> None:
        self.encoder = Encoder()
        self.wal = SimpleNamespace(pending_bytes=100, folders=SimpleNamespace(open="wal"))
        self.status = CollectorStatus(collector="c", pid=1)
        self.sent: list[bytes] = []
        self.group = GroupCommit(self.encoder, self.wal, self.status, self.sent.append, 10.0)  # type: ignore[arg-type]
        self.group.window.note_commit(40.0)  # a slow disk, so that the window is long
        self.group.window.note_read(0.0, 10, has_work=True)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_quiet_socket_is_not_waited_for(rig: Rig) -> None:
    rig.group.commit_when_due(0.0, is_idle=True)
    assert rig.sent == [b"PUBACK"]


def test_on_a_busy_socket_the_group_waits_until_its_window_is_over(rig: Rig) -> None:
    rig.group.commit_when_due(0.001, is_idle=False)
    assert rig.sent == []
    rig.group.commit_when_due(rig.group.window.length, is_idle=False)
    assert rig.sent == [b"PUBACK"]


def test_a_large_group_does_not_wait(rig: Rig) -> None:
    rig.wal.pending_bytes = 4 << 20
    rig.group.commit_when_due(0.001, is_idle=False)
    assert rig.sent == [b"PUBACK"]


def test_a_failing_disk_stalls_and_nothing_is_acknowledged_until_a_commit_succeeds(rig: Rig) -> None:
    rig.encoder.error = OSError(28, "No space left on device")
    rig.group.commit()
    rig.group.retry_when_due(time.monotonic() + 60.0)
    stalled = [rig.group.is_stalled]
    assert (rig.sent, rig.status.counters.stalls) == ([], 1)
    assert "No space left" in (rig.status.problem or "")
    rig.encoder.error = None
    rig.group.retry_when_due(float("-inf"))
    assert rig.sent == [], "the pause is not over"
    rig.group.retry_when_due(time.monotonic() + 60.0)
    assert [*stalled, rig.group.is_stalled] == [True, False]
    assert rig.sent == [b"PUBACK"]
