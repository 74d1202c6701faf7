"""Only a warehouse file that is damaged itself is set aside, whatever the engine says about files beside it."""

import os
import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from sensor_platform.errors import CheckFailed, PlatformError, Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.durable import sha256
from sensor_platform.landing.integrity.damage import damaged_files
from sensor_platform.landing.ledger import read_ledger
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.file import damage
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading

NOON = datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC
LANDED = "landing/2026-01-01/test-0-000001.parquet"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two days, built and published."""
    home, site = Home(tmp_path_factory.mktemp("damage") / "home"), SiteStub()
    landing = Landing(home)
    for day in range(2):
        at = NOON + timedelta(days=day)
        rows = [reading(f"d{n % 7}", "m", at + timedelta(seconds=n / 10), n / 3, text=f"t{n % 5}") for n in range(3000)]
        landing.land(rows)
    assert build(home, site).is_ok
    publish(home, site)
    return home


@pytest.fixture
def built(template: Home, home: Home, landing: Landing) -> Home:
    shutil.copytree(template.root, home.root)
    landing.count = 2
    return home


def flip(path: Path, whole: bytes, rng: random.Random) -> None:
    """One bit; time and size stay as they are."""
    times, at = path.stat(), rng.randrange(len(whole))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def is_aside(home: Home) -> bool:
    return any((home.root / "aside").glob("warehouse.duckdb*"))


@pytest.mark.parametrize("pattern", ["landing/*/*1.parquet", "published/readings_10s/day=2026*/*.parquet"])
def test_no_flipped_bit_of_a_parquet_file_costs_the_warehouse(built: Home, site: SiteStub, pattern: str) -> None:
    path, rng, said = min(built.root.glob(pattern)), random.Random(3), set()
    whole, kept = path.read_bytes(), sha256(built.warehouse_file)
    for _ in range(150):
        flip(path, whole, rng)
        try:
            with open_warehouse(built, site.warehouse) as connection:
                connection.execute(f"create or replace temp table t as select * from read_parquet('{path}')")
        except (duckdb.Error, PlatformError) as error:
            said.add(str(error).splitlines()[0])
        assert not is_aside(built), said
    assert said
    assert sha256(built.warehouse_file) == kept


SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 40))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_build_names_the_damaged_landing_file_and_the_next_goes_on_without_its_slots(
    built: Home, landing: Landing, site: SiteStub, seed: int
) -> None:
    path, rng = built.root / LANDED, random.Random(seed)
    before, whole = fingerprints(built), path.read_bytes()
    with duckdb.connect() as connection:
        while True:
            flip(path, whole, rng)
            try:
                connection.execute(f"create or replace temp table t as select * from read_parquet('{path}')")
            except duckdb.Error:
                break
    landing.land([reading("d1", "m", NOON, 1.0), reading("d1", "m", NOON + timedelta(days=1), 1.0)])
    with pytest.raises(CheckFailed, match=LANDED) as caught:
        build(built, site, position=3)
    assert "reland" in caught.value.hint
    assert not is_aside(built)
    assert fingerprints(built) == before
    assert build(built, site, position=3).is_ok
    after = fingerprints(built)
    assert after["readings_clean"][0] == before["readings_clean"][0] + 1, "the reading of the other day is built"


@pytest.mark.parametrize("harm", ["missing", "cut", "emptied"])
def test_a_landing_file_that_is_not_whole_is_named(built: Home, landing: Landing, site: SiteStub, harm: str) -> None:
    path = built.root / LANDED
    if harm == "missing":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2 if harm == "cut" else 0)
    landing.land([reading("d1", "m", NOON, 1.0)])
    with pytest.raises(CheckFailed, match=LANDED):
        build(built, site, position=3)
    assert not is_aside(built)
    with read_ledger(built) as ledger:
        assert ledger is not None
        assert [each.file for each in damaged_files(ledger)] == [LANDED]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_flipped_bit_of_the_warehouse_file_ends_in_the_same_tables(
    built: Home, landing: Landing, site: SiteStub, seed: int
) -> None:
    rng = random.Random(seed)
    before, whole = fingerprints(built), built.warehouse_file.read_bytes()
    flip(built.warehouse_file, whole, rng)
    assert build(built, site).is_ok
    publish(built, site)
    assert fingerprints(built) == before


@pytest.mark.parametrize(
    ("message", "kind", "hint"),
    [
        ('IO Error: Could not write file "x": No space left on device', Unreachable, "free space"),
        ("Out of Memory Error: failed to allocate data of size 16.0 MiB", Unreachable, "memory_limit"),
        ("Invalid Input Error: Failed to read Parquet file 'a.parquet': corrupt", CheckFailed, "audit --verify"),
        ("Payload value bigger than allowed. Corrupted file?", CheckFailed, "memory and the disk"),
        ("Failure while replaying WAL file: No space left on device", Unreachable, "free space"),
        ("Failure while replaying WAL file: Out of Memory", Unreachable, "memory_limit"),
    ],
)
def test_an_intact_file_stays_and_the_error_has_a_hint(
    built: Home, site: SiteStub, message: str, kind: type[PlatformError], hint: str
) -> None:
    kept = sha256(built.warehouse_file)
    with pytest.raises(kind, match=hint), open_warehouse(built, site.warehouse):
        raise duckdb.Error(message)
    assert not is_aside(built)
    assert sha256(built.warehouse_file) == kept


def test_an_error_that_is_no_damage_is_raised_as_it_is(built: Home, site: SiteStub) -> None:
    with pytest.raises(duckdb.CatalogException), open_warehouse(built, site.warehouse) as connection:
        connection.execute("select * from nothing")


def test_a_damaged_published_file_is_named_and_the_warehouse_that_needs_it_waits(built: Home, site: SiteStub) -> None:
    """Without a warehouse file and with one of the predictions' files harmed, nothing is lost by going on."""
    folder = built.published / "predictions" / "day=2026-01-02"
    folder.mkdir(parents=True)
    harmed = folder / "0000.parquet"
    harmed.write_bytes(b"no Parquet")
    built.warehouse_file.unlink()
    for _ in range(2):
        with pytest.raises(CheckFailed, match=r"0000\.parquet") as caught:
            build(built, site)
        assert "backup" in caught.value.hint
    assert not is_aside(built)
    harmed.unlink()
    assert build(built, site).is_ok


@pytest.mark.parametrize(
    "message",
    [
        'IO Error: Could not set lock on file "x": Conflicting lock is held in python',
        "IO Error: Trying to read a database file with version number 99, but we can read versions between 64 and 7",
        'IO Error: Cannot open file "x": Permission denied',
        "Out of Memory Error: failed to allocate",
        "Failure while replaying WAL: No space left on device",
        "Failed to read Parquet file '/x/y.parquet': corrupted",
    ],
)
def test_busy_foreign_and_forbidden_files_are_no_damage(message: str) -> None:
    assert not damage.is_suspected(message)
