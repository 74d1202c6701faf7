"""Past traffic, as a trial sees it."""

from pathlib import Path

from sensor_platform.contracts.traffic import traffic
from sensor_platform.home import Home
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment


def payloads(home: Home, since: int = 0, topic: str = "") -> list[bytes]:
    pieces = traffic(home, since, lambda name: not topic or name == topic)
    return [payload for piece in pieces for payload in piece.messages.payloads]


def filled(folder: Path) -> Home:
    """A landed segment, and a later one that waits."""
    home = Home(folder)
    seal_segment(home, 1, [Message(b"1", "a"), Message(b"2", "b")])
    land_all(home)
    waiting = [Message(b"3", "a"), Message(b"4", "a", EnvelopeFlag.DUPLICATE), Message(b"5", "a", EnvelopeFlag.SUSPECT)]
    seal_segment(home, 2, waiting, received_at=T0 + 10)
    return home


def test_the_archive_comes_before_what_waits_and_duplicates_are_left_out(tmp_path: Path) -> None:
    assert payloads(filled(tmp_path)) == [b"1", b"2", b"3", b"5"]


def test_only_wanted_topics_and_times_are_seen(tmp_path: Path) -> None:
    home = filled(tmp_path)
    assert payloads(home, topic="b") == [b"2"]
    assert payloads(home, since=T0 + 1) == [b"3", b"5"]
    assert payloads(home, since=T0 + 11) == []


def test_what_expired_meanwhile_is_passed_over(tmp_path: Path) -> None:
    home = filled(tmp_path)
    for path in home.raw.glob("*/*"):
        path.unlink()
    assert payloads(home) == [b"3", b"5"]
