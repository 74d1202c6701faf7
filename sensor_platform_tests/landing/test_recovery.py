"""What a kill leaves behind is finished, cleaned or set aside; nothing that was acknowledged is thrown away."""

import os
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.files.leftovers import clear_leftovers
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.landing.ledger.manifest import manifest_path
from sensor_platform.reading.contract import Contract
from sensor_platform_tests.landing.homes import HOUR, T0, Message, files, land_all, mixed_messages, seal_segment, tables


def put_back(home: Home, sealed: Path, content: bytes) -> None:
    """As if the kill had come between commit and delete."""
    sealed.write_bytes(content)
    assert home.wal == sealed.parent


def test_a_segment_that_the_ledger_knows_is_only_deleted(home: Home) -> None:
    sealed = seal_segment(home, 1, mixed_messages(1))
    content = sealed.read_bytes()
    land_all(home)
    before = tables(home), files(home)
    put_back(home, sealed, content)
    land_all(home)
    assert (tables(home), files(home)) == before


@pytest.mark.parametrize("kind", ["landing", "quarantine", "raw", "manifest"])
@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_known_segment_whose_files_are_not_whole_is_landed_again(home: Home, kind: str, harm: str) -> None:
    sealed = seal_segment(home, 1, mixed_messages(1))
    content = sealed.read_bytes()
    (manifest,) = land_all(home)
    before = tables(home, but=("segments", "slots")), set(files(home))
    entry = next((entry.file for entry in manifest.files if entry.kind == kind), None)
    path = home.root / entry if entry else manifest_path(home, manifest.segment)
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    put_back(home, sealed, content)
    land_all(home)
    assert (tables(home, but=("segments", "slots")), set(files(home))) == before
    assert [row[1] for row in tables(home)["segments"]] == [2]
    assert {row[1] for row in tables(home)["slots"]} == {2}


def test_landing_again_under_another_contract_takes_the_old_counts_back(home: Home) -> None:
    sealed = seal_segment(home, 1, [Message(b'{"name":"x","t":1}'), Message(b'{"name":"y","t":1}')])
    content = sealed.read_bytes()
    (first,) = land_all(home)
    (home.root / first.files[0].file).unlink()
    put_back(home, sealed, content)
    land_all(home, (Contract(name="strict", topic="#", required_metrics=("u",)),))
    by_device = {row[1]: row[2:] for row in tables(home)["counts"]}
    assert by_device["dev1"] == (2, 0, 2, 0, 0, 0)
    assert [row[2] for row in tables(home)["files"]] == ["quarantine", "raw"]
    assert tables(home)["arrivals"] == [(T0, 2, 0, 2, 0, 0, 0)]


def test_a_known_segment_that_was_compacted_is_not_landed_twice(home: Home) -> None:
    contents = []
    for seq in (1, 2):
        sealed = seal_segment(home, seq, mixed_messages(seq))
        contents.append((sealed, sealed.read_bytes()))
    manifests = land_all(home)
    keep_house(home, 10, 7, T0 + 4 * HOUR)
    keep_house(home, 10, 7, T0 + 6 * HOUR)
    harmed = next(entry.file for entry in manifests[0].files if entry.kind == "raw")
    (home.root / harmed).write_bytes(b"harmed")
    before = tables(home)
    put_back(home, *contents[0])
    land_all(home)
    assert tables(home) == before
    assert (home.root / "aside" / contents[0][0].name).read_bytes() == contents[0][1]


def test_temporary_files_of_dead_processes_are_removed_and_those_of_living_ones_are_not(home: Home) -> None:
    dead = home.landing / "2026-03-01" / "x.parquet.999999999.tmp"
    own = home.raw / "2026-03-01" / f"x.zst.{os.getpid()}.tmp"
    alive = home.landing / "2026-03-01" / f"y.parquet.{os.getppid()}.tmp"
    foreign = home.landing / "2026-03-02" / f"z.parquet.0123abcdp.{os.getpid()}.tmp"
    for path in (dead, own, alive, foreign):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with open_ledger(home) as ledger:
        cleared = clear_leftovers(home, ledger)
    assert set(cleared.removed) == {dead, own}
    assert alive.exists()
    assert not dead.exists()
    assert foreign.exists(), "a container beside us may be writing it"
    os.utime(foreign, (0, 0))
    with open_ledger(home) as ledger:
        assert clear_leftovers(home, ledger).removed == (foreign,), "its folder is looked at again"


def test_files_of_a_segment_that_nobody_knows_are_set_aside(home: Home) -> None:
    land_all(home)
    orphan = home.landing / "2026-03-01" / "col-1772366400000-00000007.parquet"
    stranger = home.landing / "2026-03-01" / "notes.txt"
    for path in (orphan, stranger):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    with open_ledger(home) as ledger:
        cleared = clear_leftovers(home, ledger)
    assert [path.name for path in cleared.set_aside] == [orphan.name]
    assert cleared.set_aside[0].read_text() == orphan.name
    assert stranger.exists()


def test_files_of_a_segment_that_is_still_in_the_wal_are_left_for_the_lander(home: Home) -> None:
    sealed = seal_segment(home, 1, mixed_messages(1))
    made = home.landing / "2026-03-01" / f"{sealed.stem}.parquet"
    made.parent.mkdir(parents=True)
    made.write_text("half a landing")
    with open_ledger(home) as ledger:
        assert clear_leftovers(home, ledger).set_aside == ()
    (manifest,) = land_all(home)
    assert manifest.readings > 0


def test_setting_aside_never_overwrites(home: Home) -> None:
    for text in ("one", "two"):
        orphan = home.raw / "2026-03-01" / "col-1772366400000-00000007.zst"
        orphan.parent.mkdir(parents=True, exist_ok=True)
        orphan.write_text(text)
        with open_ledger(home) as ledger:
            clear_leftovers(home, ledger)
    assert sorted(path.read_text() for path in (home.root / "aside").iterdir()) == ["one", "two"]
