"""Files that housekeeping and retention delete: stopped at any step, nobody takes them for damaged."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import start_of_day
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.housekeeping import delete_with_ledger, keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.ledger import landing_files, open_ledger, raise_floor, read_ledger, slots_between
from sensor_platform_tests.landing.crash_client import HOW, CrashServer, copy
from sensor_platform_tests.landing.homes import HOUR, T0, Message, files, land_all, mixed_messages, seal_segment, tables

DAY = 24 * HOUR
EXPIRED = T0 + 9 * DAY


def fill(home: Home) -> None:
    """Three segments, landed and compacted; with an arrival a day for nine days, their raw archive expires."""
    for seq in (1, 2, 3):
        seal_segment(home, seq, mixed_messages(seq, 20), received_at=T0 + seq)
    land_all(home)
    keep_house(home, 10, 7, T0 + 4 * HOUR)
    for day in range(1, 10):
        seal_segment(home, 10 + day, [Message(b'{"id":"later","v":1}')], received_at=T0 + day * DAY - HOUR)
        land_all(home, now=T0 + day * DAY)


def says(home: Home) -> tuple[object, object]:
    return tables(home, but=("verified",)), files(home)


def visible_rows(home: Home) -> int:
    with read_ledger(home) as ledger:
        assert ledger is not None
        found = landing_files(ledger, home, slots_between(ledger, 0, 1 << 60))
    assert all(file.path.exists() for file in found)
    return sum(file.rows for file in found)


@pytest.mark.parametrize(("how", "every"), HOW)
def test_verified_after_a_stop_at_any_step_nothing_is_damaged(
    home: Home, tmp_path: Path, server: CrashServer, how: str, every: int
) -> None:
    fill(home)
    rows = visible_rows(home)
    whole = copy(home, tmp_path / "whole")
    undisturbed = server.run(whole, "upkeep", now=EXPIRED)
    assert undisturbed["steps"] > 8
    assert not list(whole.raw.glob("2026-03-01/*"))
    expected = says(whole)
    for step in range(1, undisturbed["steps"] + 1, every):
        broken = copy(home, tmp_path / f"at-{step}")
        server.run(broken, "upkeep", step, how, EXPIRED)
        assert verify(broken, EXPIRED).missed == (), f"stopped at step {step}"
        assert visible_rows(broken) == rows
        assert server.run(broken, "upkeep", now=EXPIRED)["error"] is None
        assert says(broken) == expected, f"stopped at step {step}"
        shutil.rmtree(broken.root)


def test_a_home_in_which_deleted_files_count_as_damaged_is_healed(home: Home) -> None:
    fill(home)
    with open_ledger(home) as ledger:
        with transaction(ledger):
            raise_floor(ledger, home, start_of_day(date(2026, 3, 3)), EXPIRED)
        # as versions did that deleted first, were killed, and then verified
        gone = [path for tier in (home.landing, home.quarantine, home.raw) for path in tier.glob("2026-03-01/*")]
        for path in gone:
            path.unlink()
        ledger.execute(
            "insert into damaged_files (file, segment, kind, rows, found_at, what, aside, entry)"
            " select file, segment, kind, rows, 1, 'is missing', '', json_object('file', file, 'kind', kind,"
            " 'rows', rows, 'bytes', bytes, 'sha256', sha256) from files where file glob 'raw/2026-03-01/*'"
        )
        ledger.execute("delete from files where file glob 'raw/2026-03-01/*'")
    assert len(verify(home, EXPIRED).missed) == 3
    keep_house(home, 10, 7, EXPIRED)
    assert verify(home, EXPIRED).missed == ()
    assert audit(home).is_whole
    assert not [row for row in tables(home)["files"] if "/2026-03-01/" in row[0]]


def test_a_missing_file_that_nothing_has_deleted_stays_damaged(home: Home) -> None:
    fill(home)
    lost = [*home.landing.glob("*/compact-*"), *home.raw.glob("2026-03-01/*")]
    for path in lost:
        path.unlink()
    assert len(verify(home, T0 + DAY).missed) == 4
    keep_house(home, 10, 7, T0 + DAY)
    assert len(verify(home, T0 + DAY).missed) == 4
    assert not audit(home).is_whole


def test_a_file_is_invisible_before_it_is_deleted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(home)
    seen: list[int] = []
    later = 9
    unlink = Path.unlink

    def look(path: Path, **options: bool) -> None:
        seen.append(visible_rows(home))
        unlink(path, **options)

    with open_ledger(home) as ledger:
        names = [
            name
            for (name,) in ledger.execute(
                "select file from files where file glob '*/2026-03-01/*' and kind = 'landing'"
            ).fetchall()
        ]
        monkeypatch.setattr(Path, "unlink", look)
        delete_with_ledger(home, ledger, names)
    assert seen == [later] * len(names)
    assert len(names) == 4
