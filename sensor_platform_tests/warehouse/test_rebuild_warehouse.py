"""The warehouse made again from landing is the same to the last bit; what landing lost comes from published tables."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger import open_ledger, raise_floor
from sensor_platform.landing.ledger.schema import new_generation
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.rebuild import BEFORE_REBUILD, RebuildProgress, rebuild
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading

NOON = datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC
DAYS = 4
TABLES = ["readings_clean", "readings_10s", "readings_1m", "readings_1h", "readings_1h_wide", "readings_1d"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Four days built and published."""
    home, site = Home(tmp_path_factory.mktemp("rebuild") / "home"), SiteStub()
    landing = Landing(home)
    for day in range(DAYS):
        at = NOON + timedelta(days=day)
        rows = [reading("d", "m", at + timedelta(seconds=n), n / 3) for n in range(1000)]
        landing.land([*rows, reading("e", f"only day {day}", at, 1.0)])
    assert build(home, site).is_ok
    publish(home, site)
    return home


@pytest.fixture
def built(template: Home, home: Home, landing: Landing) -> dict[str, tuple[int, int]]:
    """A copy of it in `home`; the fingerprints of its tables."""
    shutil.copytree(template.root, home.root)
    landing.count = DAYS
    return fingerprints(home)


def small(site: SiteStub) -> SiteStub:
    import msgspec

    return SiteStub(warehouse=msgspec.structs.replace(site.warehouse, chunk_readings=1500))


def test_made_again_every_table_is_the_same(home: Home, site: SiteStub, built: dict[str, tuple[int, int]]) -> None:
    said: list[RebuildProgress] = []
    done = rebuild(home, small(site), said.append)
    assert fingerprints(home) == built
    assert (done.readings, done.restored) == (DAYS * 1001, {})
    assert [each.done_readings for each in said] == [1001 * n for n in range(1, DAYS + 1)]
    assert not (home.warehouse / BEFORE_REBUILD).exists()
    publish(home, site)
    assert dirty_days(home, site, names=dbt_models()) == ()


def test_stopped_on_the_way_the_next_build_finishes_it(
    home: Home, site: SiteStub, built: dict[str, tuple[int, int]]
) -> None:
    class Stop(Exception):
        pass

    def stop(progress: RebuildProgress) -> None:
        if progress.done_readings > 2000:
            raise Stop

    with pytest.raises(Stop):
        rebuild(home, small(site), stop)
    assert len(dirty_days(home, site, names=TABLES)) >= 2
    assert build(home, site, position=DAYS).is_ok
    assert fingerprints(home) == built


def freeze(home: Home, at: datetime) -> None:
    """As retention does: the floor is raised, and what only lies below it is gone."""
    with open_ledger(home) as ledger, transaction(ledger):
        raise_floor(ledger, home, to_micros(at), to_micros(datetime.now(UTC)))
    for path in sorted(home.landing.glob("*/*.parquet"))[:2]:
        path.unlink()


def test_below_the_landing_floor_tables_come_from_what_was_published_and_it_says_so(
    home: Home, site: SiteStub, built: dict[str, tuple[int, int]]
) -> None:
    freeze(home, NOON.replace(hour=0) + timedelta(days=2))
    done = rebuild(home, small(site), lambda _: None)
    assert fingerprints(home) == built
    assert done.floor == (NOON + timedelta(days=2)).date()
    assert done.restored["readings_1d"] == 4
    publish(home, site)
    assert dirty_days(home, site, names=TABLES) == ()


def test_a_lost_file_below_the_floor_is_restored_by_the_next_build_too(
    home: Home, site: SiteStub, built: dict[str, tuple[int, int]]
) -> None:
    freeze(home, NOON.replace(hour=0) + timedelta(days=2))
    home.warehouse_file.write_bytes(b"damaged")
    assert build(home, site, position=DAYS).is_ok
    assert fingerprints(home) == built
    assert build(home, site).is_ok
    assert fingerprints(home) == built, "once is enough"


@pytest.mark.parametrize("how", ["everything", "generation", "late"])
def test_nobody_builds_below_the_floor_again(
    home: Home, landing: Landing, site: SiteStub, built: dict[str, tuple[int, int]], how: str
) -> None:
    freeze(home, NOON.replace(hour=0) + timedelta(days=2))
    if how == "generation":
        with open_ledger(home) as ledger, transaction(ledger):
            new_generation(ledger)
    if how == "late":
        landing.land([reading("late", "m", NOON, 1.0)])
    assert build(home, site, position=None if how == "everything" else 99).is_ok
    assert fingerprints(home) == built
    assert dirty_days(home, site, names=TABLES) == ()
