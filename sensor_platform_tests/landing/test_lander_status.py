"""What the lander says of itself."""

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.lander_status import LanderStatus, read_status, status_path, write_status


def test_the_newest_status_is_read(home: Home) -> None:
    home.ledger.mkdir()
    assert read_status(home) is None
    for state in ("idle", "landing"):
        status = LanderStatus(pid=7, state=state, segments=3, unreadable={"s": "too new"})
        write_status(home, status)
        assert read_status(home) == status
    assert list(home.ledger.iterdir()) == [status_path(home)]


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_damaged_status_is_none(home: Home, content: bytes) -> None:
    home.ledger.mkdir()
    status_path(home).write_bytes(content)
    assert read_status(home) is None


def test_a_status_that_cannot_be_written_stops_nobody(home: Home) -> None:
    write_status(home, LanderStatus())
    assert read_status(home) is None
