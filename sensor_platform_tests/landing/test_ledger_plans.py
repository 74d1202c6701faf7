"""No statement of a daily path reads a whole table of the ledger that grows with history."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, now_micros
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.ledger import (
    LandedSegmentsOf,
    drift_fingerprints,
    late_fingerprints,
    newest_event,
    read_ledger,
    totals,
)
from sensor_platform.landing.quarantine.listing import waiting
from sensor_platform.settings import load_settings
from sensor_platform_tests.landing.homes import HOUR, T0, land_all, mixed_messages, seal_segment

GROWING = (
    "segments",
    "files",
    "file_slots",
    "slots",
    "counts",
    "sequences",
    "arrivals",
    "drift",
    "late_frozen",
    "warehouse_state",
)
_SCAN = re.compile(rf"SCAN ({'|'.join(GROWING)})\b|SEARCH ({'|'.join(GROWING)})( USING PRIMARY KEY)?$")
"""A search without a condition or an index is the search for a maximum among all rows."""


@contextmanager
def statements() -> Iterator[set[str]]:
    """What the connections that are opened meanwhile execute, values in place."""
    found: set[str] = set()
    connect = sqlite3.connect

    def traced(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        connection.set_trace_callback(found.add)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", traced)
        yield found


def scans(home: Home, act: Callable[[], object]) -> list[str]:
    """Statements of `act` that read one of the tables from end to end, with what the planner says."""
    with statements() as found:
        act()
    bad = []
    with closing(sqlite3.connect(home.ledger_file)) as ledger:
        for statement in sorted(found):
            if statement.lstrip().lower().startswith(("select", "insert", "update", "delete", "replace")):
                try:
                    plan = ledger.execute(f"explain query plan {statement}").fetchall()
                except sqlite3.OperationalError:
                    continue  # of another database
                is_sorted = any("TEMP B-TREE" in row[-1] for row in plan)
                bad += [
                    f"{row[-1]}: {statement}"
                    for row in plan
                    if _is_scan(row[-1]) and (is_sorted or " limit " not in statement)  # first rows are few rows
                ]
    return bad


def _is_scan(step: str) -> bool:
    """Visible quarantine files have an index of their own and are few."""
    return _SCAN.match(step) is not None and not step.endswith("INDEX quarantine_files")


@pytest.fixture
def home(home: Home) -> Home:
    seal_segment(home, 1, mixed_messages(1, 60))
    seal_segment(home, 2, mixed_messages(2, 60), received_at=T0 + HOUR)
    land_all(home, now=T0 + 2 * HOUR)
    return home


def test_landing_a_segment(home: Home) -> None:
    seal_segment(home, 3, mixed_messages(3, 60), received_at=T0 + 2 * HOUR)
    assert scans(home, lambda: land_all(home, now=T0 + 3 * HOUR)) == []


def test_the_audit_of_a_day(home: Home) -> None:
    seal_segment(home, 3, mixed_messages(3, 60), received_at=T0 + 2 * HOUR)
    assert scans(home, lambda: audit(home, (T0, T0 + DAY))) == []
    assert scans(home, lambda: audit(home, (T0, T0 + DAY), "dev1")) == []


def _ask(home: Home) -> None:
    with read_ledger(home) as ledger:
        assert ledger is not None
        totals(ledger), newest_event(ledger, 5), drift_fingerprints(ledger), late_fingerprints(ledger)
    followed = LandedSegmentsOf(home, "col")
    assert followed.first_after(followed.newest() or "") is None
    waiting(home)


def test_questions_of_status_page_and_publish(home: Home) -> None:
    assert scans(home, lambda: _ask(home)) == []


def test_status(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from sensor_platform.cli.status import collect_status

    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
    settings = load_settings()
    assert scans(home, lambda: collect_status(settings, datetime.fromtimestamp(now_micros() / 1e6, UTC))) == []


def test_a_scan_is_recognised(home: Home) -> None:
    with read_ledger(home) as reader:
        assert reader is not None

    def scan() -> None:
        with closing(sqlite3.connect(home.ledger_file)) as ledger:
            ledger.execute("select max(newest_event_at) from segments")

    assert len(scans(home, scan)) == 1
