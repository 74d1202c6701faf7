"""Killed at any step, or refused the disk at any step, a withdrawal and a replacement end as undisturbed ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform_tests.landing.crash_client import HOW, CrashServer, Stops, crash_server, write_history
from sensor_platform_tests.landing.homes import T0, tables


@pytest.fixture(scope="module")
def server() -> Iterator[CrashServer]:
    with crash_server() as server:
        yield server


@pytest.fixture
def imported(home: Home, tmp_path: Path, server: CrashServer) -> Home:
    write_history(tmp_path)
    assert server.run(home, "import", now=T0)["error"] is None
    return home


@pytest.mark.parametrize(("how", "every"), HOW)
@pytest.mark.parametrize("action", ["withdraw", "replace"])
def test_stopped_at_any_step_it_ends_as_if_undisturbed(
    imported: Home, tmp_path: Path, server: CrashServer, how: str, every: int, action: str
) -> None:
    Stops(server, imported, tmp_path, action, how, every).end_as_undisturbed(least=20)


def test_a_rebuilt_ledger_takes_in_what_a_kill_left(imported: Home, tmp_path: Path, server: CrashServer) -> None:
    stops = Stops(server, imported, tmp_path, "withdraw")
    shown = set()
    for _, broken, _ in stops.each(stops.undisturbed()[1]):
        rebuild_ledger(broken)
        found = tables(broken)
        shown.add((len(found["imports"]), sum(row[0] == "landing" for row in kinds(broken))))
    assert shown == {(2, 1), (1, 1)}, "all of it or nothing"


def kinds(home: Home) -> list[tuple[str]]:
    from sensor_platform.landing.ledger import read_ledger

    with read_ledger(home) as ledger:
        assert ledger is not None
        return ledger.execute("select kind from files where replaced_at is null").fetchall()
