import itertools
import shutil
import sqlite3
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform_tests.warehouse.counted_commits import wrap_commits
from sensor_platform_tests.warehouse.crashing import survives
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading

ARRIVALS = 2


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, int]]]:
    """A home built once, with more landed since; and the tables of an undisturbed build of it."""
    root = tmp_path_factory.mktemp("crash")
    at = datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC
    home, site = Home(root / "before"), SiteStub()
    landing = Landing(home)
    landing.land([reading("d", "m", at + timedelta(seconds=n), n / 3) for n in range(100)])
    assert build(home, site).is_ok
    late = [reading("d", "m", at + timedelta(seconds=n, milliseconds=5), n / 7) for n in range(50)]
    landing.land([*late, reading("e", "new", at + timedelta(hours=13), 1.0)])
    undisturbed = Home(root / "undisturbed")
    shutil.copytree(home.root, undisturbed.root)
    assert build(undisturbed, site, position=ARRIVALS).is_ok
    return home.root, fingerprints(undisturbed)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_a_build_killed_at_any_commit_is_healed_by_the_next(
    prepared: tuple[Path, dict[str, tuple[int, int]]], tmp_path: Path, every: int
) -> None:
    before, undisturbed = prepared
    site = SiteStub()
    for kill_at in itertools.count(step=every):
        home = Home(tmp_path / str(kill_at))
        shutil.copytree(before, home.root)
        done = survives(kill_at, wrap_commits, partial(build, home, site, position=ARRIVALS))
        assert build(home, site, position=ARRIVALS).is_ok
        assert fingerprints(home) == undisturbed, f"killed at step {kill_at}"
        assert dirty_days(home, site, dbt_models()) == ()
        shutil.rmtree(home.root)
        if done:
            break
    assert kill_at in range(len(dbt_models()) + 1, len(dbt_models()) + 1 + every)


def test_a_first_build_killed_between_two_models_is_healed_by_the_next(
    prepared: tuple[Path, dict[str, tuple[int, int]]], tmp_path: Path
) -> None:
    before, undisturbed = prepared
    site = SiteStub()
    for kill_at in (1, 4):
        home = Home(tmp_path / str(kill_at))
        shutil.copytree(before, home.root, ignore=shutil.ignore_patterns("warehouse"))
        assert not survives(kill_at, wrap_commits, partial(build, home, site))
        assert build(home, site).is_ok
        assert fingerprints(home) == undisturbed, f"killed at step {kill_at}"


def test_a_lost_state_copy_costs_one_run_that_rebuilds_nothing(landing: Landing, home: Home, noon: datetime) -> None:
    site = SiteStub()
    position = landing.land([reading("d", "m", noon, 1.0)])
    assert build(home, site).is_ok
    before = fingerprints(home)
    with sqlite3.connect(home.ledger_file) as ledger:
        ledger.execute("delete from warehouse_state")
    ledger.close()
    assert [day.day for day in dirty_days(home, site, dbt_models())] == [noon.date()]
    report = build(home, site, position=position)
    assert not any(model.windows for model in report.models.values())
    assert dirty_days(home, site, dbt_models()) == ()
    assert fingerprints(home) == before
