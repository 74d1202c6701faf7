"""What recovery keeps, cuts and reports: kills, power cuts that lose pages, and disks that lose what was fsynced."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.wal import DamagedBytes, Header, read_batches
from sensor_platform.wal.committed_offset import CommittedOffsetFile
from sensor_platform.wal.recovery import Recovered, recover_segments
from sensor_platform.wal.segment_writer import SegmentWriter
from sensor_platform_tests.wal.written import NAME, NOON, batch

PAGE = 64
"""A small page, so that a short write covers several."""


@dataclass
class Killed:
    """An open segment of a collector that has ended."""

    folder: Path
    path: Path = field(init=False)
    ends: list[int] = field(default_factory=list)
    """End of each group."""
    frames: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Start, end and payload."""

    def write(self, groups: Sequence[Sequence[bytes]], *, acknowledged: int, marked: int, is_new: bool = True) -> None:
        """Groups of frames of one payload each; the committed offset is that of the first `marked` of them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        writer = SegmentWriter(self.folder, Header(segment=NAME, created_at=NOON))
        mark = CommittedOffsetFile(self.folder, "col")
        self.header = writer.size
        for number, payloads in enumerate(groups):
            for place, payload in enumerate(payloads):
                frame = batch([payload], begins_group=place == 0 if is_new else None)
                self.frames.append((writer.size, writer.size + len(frame), payload))
                writer.append([frame])
            self.ends.append(writer.size)
            if number < acknowledged:
                writer.commit()
            if number < marked:
                mark.publish(NAME, writer.size)
        writer.close()
        mark.close()
        self.path = writer.path

    def lose(self, start: int, end: int) -> None:
        """These bytes are zeros on the disk."""
        content = bytearray(self.path.read_bytes())
        content[start:end] = bytes(min(end, len(content)) - start)
        self.path.write_bytes(content)

    def recover(self) -> Recovered:
        (found,) = recover_segments(self.folder)
        return found


def payloads(found: Recovered) -> list[bytes]:
    return [p for each in read_batches(found.path, damage=[]) for p in each.payloads] if found.path else []


def whole_damage(found: Recovered) -> list[DamagedBytes]:
    """What a reader of the sealed segment reports."""
    damage: list[DamagedBytes] = []
    assert found.path is not None
    list(read_batches(found.path, damage=damage))
    return damage


@pytest.fixture
def killed(tmp_path: Path) -> Killed:
    return Killed(tmp_path / "wal")


def test_damage_at_the_end_of_what_was_acknowledged_stays_in_the_file(killed: Killed) -> None:
    killed.write([[b"one"], [b"two"]], acknowledged=2, marked=2)
    killed.lose(killed.ends[1] - 5, killed.ends[1])
    killed.path.write_bytes(killed.path.read_bytes() + b"\xf5SPF torn")
    found = killed.recover()
    assert found.damage == (DamagedBytes(killed.ends[0], killed.ends[1] - killed.ends[0]),)
    assert whole_damage(found) == list(found.damage)
    assert (found.kept_bytes, found.cut_bytes) == (killed.ends[1], 9)
    assert payloads(found) == [b"one"]


def test_acknowledged_bytes_that_the_disk_has_lost_are_reported(killed: Killed) -> None:
    killed.write([[b"one"], [b"two"]], acknowledged=2, marked=2)
    killed.path.write_bytes(killed.path.read_bytes()[: killed.ends[0] + 3])
    found = killed.recover()
    assert (
        found.damage == tuple(whole_damage(found)) == (DamagedBytes(killed.ends[0], killed.ends[1] - killed.ends[0]),)
    )


def test_a_segment_of_which_nothing_is_whole_is_kept_if_it_was_acknowledged(killed: Killed) -> None:
    killed.write([[b"one"]], acknowledged=1, marked=1)
    killed.lose(0, killed.ends[0])
    found = killed.recover()
    assert found.damage == (DamagedBytes(0, killed.ends[0]),)
    assert found.path is not None


def test_an_earlier_segment_than_the_committed_one_was_acknowledged_whole(killed: Killed) -> None:
    killed.write([[b"one"], [b"two"]], acknowledged=2, marked=0)
    mark = CommittedOffsetFile(killed.folder, "col")
    mark.publish(NAME.replace("00000001", "00000002"), 100)
    mark.close()
    killed.lose(killed.ends[1] - 5, killed.ends[1])
    assert [each.offset for each in killed.recover().damage] == [killed.ends[0]]


def test_a_write_that_a_power_cut_has_torn_is_no_damage_and_its_rest_is_put_aside(killed: Killed) -> None:
    killed.write([[b"one"], [b"two", b"lost", b"three"]], acknowledged=1, marked=1)
    start, end, _ = killed.frames[2]
    killed.lose(start, end)
    size = killed.path.stat().st_size
    found = killed.recover()
    assert (payloads(found), found.damage, found.cut_bytes) == ([b"one", b"two"], (), size - start)
    assert found.path is not None
    assert found.path.stat().st_size == start
    (aside,) = (killed.folder.parent / "aside").iterdir()
    assert b"three" in aside.read_bytes()


@pytest.mark.parametrize("is_new", [True, False])
def test_damage_that_later_commits_follow_stays_damage_without_a_committed_offset(killed: Killed, is_new: bool) -> None:
    killed.write([[b"one", b"lost"], [b"two"], [b"three"]], acknowledged=3, marked=0, is_new=is_new)
    killed.lose(killed.frames[1][0], killed.frames[1][1])
    found = killed.recover()
    assert payloads(found) == [b"one", b"two", b"three"]
    assert [each.offset for each in found.damage] == [killed.frames[1][0]]


def test_a_header_that_was_lost_with_the_first_write_is_no_damage(killed: Killed) -> None:
    killed.write([[b"one", b"two"]], acknowledged=0, marked=0)
    killed.lose(0, 10)
    assert killed.recover() == Recovered(None, 0, killed.ends[0], ())


groups = st.lists(st.lists(st.integers(0, 150).map(lambda n: b"x" * n), min_size=1, max_size=4), min_size=1, max_size=5)


@given(groups, st.data())
@settings(deadline=None, max_examples=200)
def test_a_power_cut_costs_nothing_acknowledged_and_shows_no_damage(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[bytes]], data: st.DataObject
) -> None:
    """The last group was written and not fsynced: any of its pages may be missing. The mark may be old."""
    killed = Killed(tmp_path_factory.mktemp("cut") / "wal")
    numbered = [[b"%d-%d-" % (n, i) + payload for i, payload in enumerate(some)] for n, some in enumerate(groups)]
    acknowledged = len(groups) - 1
    killed.write(numbered, acknowledged=acknowledged, marked=data.draw(st.integers(0, acknowledged)))
    start = killed.ends[acknowledged - 1] if acknowledged else 0
    pages = range(start // PAGE, killed.ends[-1] // PAGE + 1)
    for page in data.draw(st.lists(st.sampled_from(list(pages)), unique=True)):
        killed.lose(max(start, page * PAGE), (page + 1) * PAGE)
    found = killed.recover()
    assert found.damage == ()
    kept, everything = payloads(found), [payload for some in numbered for payload in some]
    before = sum(map(len, numbered[:acknowledged]))
    assert kept == everything[: len(kept)]
    assert len(kept) >= before


@given(groups, st.data())
@settings(deadline=None, max_examples=200)
def test_a_flipped_bit_of_what_was_acknowledged_is_always_reported(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[bytes]], data: st.DataObject
) -> None:
    killed = Killed(tmp_path_factory.mktemp("flip") / "wal")
    numbered = [[b"%d-%d-" % (n, i) + payload for i, payload in enumerate(some)] for n, some in enumerate(groups)]
    killed.write(numbered, acknowledged=len(groups), marked=len(groups))
    content = bytearray(killed.path.read_bytes())
    at = data.draw(st.integers(killed.header, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    killed.path.write_bytes(content)
    found = killed.recover()
    assert any(each.offset <= at < each.offset + each.length for each in found.damage)
    assert whole_damage(found)
    assert payloads(found) == [payload for start, end, payload in killed.frames if not start <= at < end]
