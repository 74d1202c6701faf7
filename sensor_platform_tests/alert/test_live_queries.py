"""Queries of the live store: alerts by state and device, and windows that were emitted lately."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

import pytest

from sensor_platform.alert import store
from sensor_platform.alert.live_queries import alert_rows, closed_windows
from sensor_platform_tests.sinks.channels import event


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with closing(store.connect(tmp_path / "live.sqlite")) as found:
        yield found


@pytest.mark.parametrize(
    ("state", "device", "expected"),
    [
        ("", "", ["alert2", "alert1", "alert0"]),
        ("resolved", "", ["alert1"]),
        ("firing", "", ["alert2", "alert0"]),
        ("", "dev0", ["alert0"]),
        ("resolved", "dev0", []),
    ],
)
def test_alerts_are_chosen_by_state_and_device_newest_first(
    connection: Connection, state: str, device: str, expected: list[str]
) -> None:
    fired = [event(number) for number in range(3)]
    store.store_events(connection, 1, [(each, "{}") for each in fired])
    store.store_events(connection, 2, [(event(1, kind="resolved", level=0), "{}")])
    assert [row["alert_id"] for row in alert_rows(connection, state, device)] == expected


def test_windows_of_a_spec_are_read_from_a_time_on_oldest_first(connection: Connection) -> None:
    rows = [(1, "10s", 100, b"old"), (2, "10s", 200, b"a"), (2, "1m", 200, b"other"), (3, "10s", 300, b"b")]
    connection.executemany("insert into closed values (?, ?, ?, ?)", rows)
    assert closed_windows(connection, "10s", 200, 10**6) == [b"a", b"b"]
