"""A flipped bit, a cut or a missing file is found and set aside; its neighbours are read on; it can be put back."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.home import Home
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.raw_copies import ContractsInForce
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.reland import contracts_of, mend, reland
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.ledger import landing_files, read_ledger, slots_between
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment, tables

NOW = T0 + 3 * HOUR
ALWAYS = (0, 1 << 60)


def contracts() -> ContractsInForce:
    from datetime import date

    return contracts_of((DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)


def counted(device: str, *numbers: int) -> list[Message]:
    """One message a second of a device that counts, from T0 on."""
    return [Message(b'{"id":"%s","ts":%d,"seq":%d,"t":%d}' % (device.encode(), T0 // 10**6 + n, n, n)) for n in numbers]


@pytest.fixture
def filled(home: Home) -> Home:
    """Three segments of an hour: device a in the first, b in the second half an hour later, c in the third."""
    for seq, device, shift in ((1, "a", 0), (2, "b", 1800), (3, "c", 3000)):
        seal_segment(home, seq, counted(device, *range(shift, shift + 20)), received_at=T0 + shift * 10**6)
    land_all(home)
    return home


def landed(home: Home) -> list[Path]:
    with read_ledger(home) as ledger:
        assert ledger is not None
        return [file.path for file in landing_files(ledger, home, slots_between(ledger, *ALWAYS))]


def visible_rows(home: Home) -> set[tuple[Any, ...]]:
    frames = [pl.read_parquet(path) for path in landed(home)]
    rows = pl.concat(frames).select("device_id", "metric", "event_at", "value", "segment", "position").rows()
    assert len(rows) == len(set(rows))
    return set(rows)


def harm(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["flip", "cut", "missing"])
def test_a_harmed_landing_file_is_set_aside_and_its_neighbours_are_read(filled: Home, how: str) -> None:
    before, slots = landed(filled), open_slots(filled)
    harm(before[1], how)
    found = verify(filled, NOW)
    assert [each.file for each in found.damaged] == [str(before[1].relative_to(filled.root))]
    said = {"flip": "SHA-256", "cut": "bytes, the ledger has", "missing": "is missing"}
    assert said[how] in found.damaged[0].what
    assert bool(found.damaged[0].aside) == (how != "missing")
    assert not found.damaged[0].aside or (filled.root / found.damaged[0].aside).exists()
    assert landed(filled) == [before[0], before[2]]
    assert len(slots - open_slots(filled)) == 1, "the slot is held as it is"
    assert verify(filled, NOW).damaged == ()
    assert len(verify(filled, NOW).missed) == 1, "and is not forgotten"


def open_slots(home: Home) -> set[int]:
    with read_ledger(home) as ledger:
        assert ledger is not None
        return set(slots_between(ledger, *ALWAYS))


def test_a_file_that_is_put_back_is_in_use_again_and_its_slots_are_dirty(filled: Home) -> None:
    path, rows, slots = landed(filled)[1], visible_rows(filled), slot_positions(filled)
    copy = shutil.copy(path, filled.root / "backup")
    harm(path, "cut")
    verify(filled, NOW)
    path.write_bytes(b"not it either")
    assert verify(filled, NOW).restored == ()
    shutil.copy(copy, path)
    assert len(verify(filled, NOW).restored) == 1
    assert visible_rows(filled) == rows
    changed = {slot for slot, position in slot_positions(filled).items() if position > slots[slot]}
    assert len(changed) == 1
    assert audit(filled).is_whole


def slot_positions(home: Home) -> dict[int, int]:
    with read_ledger(home) as ledger:
        assert ledger is not None
        return slots_between(ledger, *ALWAYS)


@pytest.mark.parametrize("is_compacted", [False, True])
def test_a_harmed_file_is_made_again_from_the_raw_archive(filled: Home, is_compacted: bool) -> None:
    if is_compacted:
        keep_house(filled, 10, 7, T0 + 3 * HOUR)
        keep_house(filled, 10, 7, T0 + 5 * HOUR)
        assert len(landed(filled)) == 1
    rows = visible_rows(filled)
    harm(landed(filled)[0], "flip")
    found = verify(filled, NOW)
    done = mend(filled, found.missed, contracts(), lambda: NOW)
    assert done.segments == (3 if is_compacted else 1)
    assert visible_rows(filled) == rows
    assert audit(filled).is_whole
    assert verify(filled, NOW).missed == ()
    before = tables(filled, but=("verified",))
    rebuild_ledger(filled)
    assert visible_rows(filled) == rows
    assert tables(filled, but=("verified",))["counts"] == before["counts"]


def test_of_a_compacted_file_without_archive_the_rest_is_held(filled: Home) -> None:
    keep_house(filled, 10, 7, T0 + 3 * HOUR)
    keep_house(filled, 10, 7, T0 + 5 * HOUR)
    rows = visible_rows(filled)
    next(iter(sorted(filled.raw.glob("*/*.zst")))).unlink()
    harm(landed(filled)[0], "flip")
    found = verify(filled, NOW)
    done = mend(filled, found.missed, contracts(), lambda: NOW)
    assert (done.segments, len(done.skipped)) == (2, 1)
    assert {row for row in rows if row[0] != "a"} == visible_rows(filled)
    assert len(open_slots(filled)) == 2
    assert {each.kind for each in audit(filled).damaged_files} == {"landing", "raw"}


def test_landing_again_without_some_archives_keeps_what_they_held(filled: Home) -> None:
    keep_house(filled, 10, 7, T0 + 3 * HOUR)
    rows = visible_rows(filled)
    next(iter(sorted(filled.raw.glob("*/*.zst")))).unlink()
    done = reland(filled, contracts(), lambda: NOW)
    assert (done.segments, len(done.skipped)) == (2, 1)
    assert visible_rows(filled) == rows
    rebuild_ledger(filled)
    assert visible_rows(filled) == rows


def test_only_new_and_changed_files_are_read_by_the_cheap_look(filled: Home) -> None:
    assert verify(filled, NOW, is_full=False).files == 6
    assert verify(filled, NOW, is_full=False).files == 0
    landed(filled)[0].touch()
    assert verify(filled, NOW, is_full=False).files == 1
    harm(landed(filled)[0], "cut")
    assert len(verify(filled, NOW, is_full=False).damaged) == 1
    harm(landed(filled)[0], "missing")
    assert len(verify(filled, NOW, is_full=False).damaged) == 1


def test_a_file_that_was_cut_without_a_new_time_is_found_by_the_cheap_look_too(filled: Home) -> None:
    verify(filled, NOW, is_full=False)
    path = landed(filled)[0]
    before = path.stat()
    harm(path, "cut")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert len(verify(filled, NOW, is_full=False).damaged) == 1


def test_a_lost_file_is_held_too_when_the_ledger_is_made_anew(filled: Home) -> None:
    harm(landed(filled)[0], "missing")
    rebuilt = rebuild_ledger(filled)
    assert len(rebuilt.missing) == 1
    assert len(open_slots(filled)) == 2


@pytest.fixture
def run_audit(filled: Home, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(filled.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(cli, ["audit", "--json", *arguments])
        return result.exit_code, json.loads(result.stdout)

    return run


def test_the_command_says_what_is_damaged_and_fails_until_it_is_mended(
    filled: Home, run_audit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_audit("--verify")[0] == 0
    harm(landed(filled)[2], "flip")
    assert run_audit()[0] == 0, "only --verify reads every file"
    code, report = run_audit("--verify")
    assert (code, len(report["damaged_files"]), report["verified"]["files"]) == (1, 1, 6)
    assert run_audit()[0] == 1, "known since"
    result = CliRunner().invoke(cli, ["audit"])
    assert "sensor-platform reland" in result.stderr
    (filled.ledger / "device_rule").write_text("last_level")  # the messages were landed under the rule of old homes
    result = CliRunner().invoke(cli, ["reland", "--from", "2026-03-01", "--to", "2026-03-01"])
    assert result.exit_code == 0, result.output
    assert "3 segments, 60 messages, 60 readings (+0 to before)" in result.stdout
    assert run_audit("--verify")[0] == 0


def test_missing_numbers_of_a_device_are_named_and_fail(filled: Home, run_audit: Any) -> None:
    seal_segment(filled, 4, counted("a", *range(20, 30), *range(33, 40)), received_at=T0 + HOUR)
    land_all(filled)
    code, report = run_audit()
    assert (code, report["difference"]) == (1, 0)
    assert report["missing"] == [{"device": "a", "first": 30, "last": 32, "count": 3}]
    assert run_audit("--device", "b")[0] == 0
    assert run_audit("--to", "2026-03-01T13:00")[0] == 0
    assert run_audit("--from", "2026-03-01T13:00")[1]["hours"][0]["received"] == 17
    seal_segment(filled, 5, counted("a", 30, 31, 32), received_at=T0 + 2 * HOUR)
    land_all(filled)
    assert run_audit()[0] == 0
    assert run_audit("--from", "2026-03-01T13:00", "--to", "2026-03-01T14:00")[0] == 0, "it came later"


def test_damaged_bytes_of_a_segment_fail_the_audit(filled: Home, run_audit: Any) -> None:
    with closing(sqlite3.connect(filled.ledger_file)) as ledger, ledger:
        ledger.execute("insert into damage values ('col-1772366400000-00000001', 100, 7)")
    assert run_audit()[0] == 1
