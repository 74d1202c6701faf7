"""Landing as a command."""

import signal
from collections.abc import Iterator

import pytest

from sensor_platform.cli.land import land
from sensor_platform.home import Home
from sensor_platform.landing.ledger import read_ledger, totals
from sensor_platform_tests.cli.running import run, said
from sensor_platform_tests.landing.homes import Message, seal_segment

GOOD, BAD = Message(b'{"device_id":"a","t":1,"h":2}'), Message(b"\x00")


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The command takes over signals of this process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_every_sealed_segment_is_landed_and_counted(home: Home) -> None:
    seal_segment(home, 1, [GOOD, BAD])
    seal_segment(home, 2, [GOOD])
    assert said(land) == "2 segments, 3 messages, 4 readings, 1 messages quarantined\n"
    assert list(home.wal.glob("*.wal")) == []
    assert said(land).startswith("0 segments, 0 messages")


def test_a_segment_that_a_killed_collector_left_open_is_landed(home: Home) -> None:
    sealed = seal_segment(home, 1, [GOOD])
    sealed.rename(sealed.with_suffix(".open"))
    assert said(land).startswith("1 segments, 1 messages")


def test_the_ledger_is_made_again_first(home: Home) -> None:
    seal_segment(home, 1, [GOOD])
    said(land)
    home.ledger_file.unlink()
    assert "ledger rebuilt from 1 segments" in run(land, "--rebuild-ledger").stderr
    with read_ledger(home) as ledger:
        assert ledger is not None
        assert totals(ledger).landed == 1


def test_following_ends_with_a_signal(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_segment(home, 1, [GOOD])
    handlers: dict[int, object] = {}

    def note(number: int, handler: object) -> None:
        handlers[number] = handler
        if callable(handler) and len(handlers) == 2:
            handler()

    monkeypatch.setattr(signal, "signal", note)
    assert said(land, "--follow") == ""
    assert set(handlers) == {signal.SIGTERM, signal.SIGINT}
    assert list(home.landing.glob("*/*.parquet"))
