"""A warehouse file that is damaged is set aside and made again by the next build; one that is only busy is not."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.file.connection import WarehouseSetAside, open_warehouse
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading

NOON = datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two days built and published."""
    home, site = Home(tmp_path_factory.mktemp("healing") / "home"), SiteStub()
    landing = Landing(home)
    for day in range(2):
        at = NOON + timedelta(days=day)
        landing.land([reading("d", "m", at + timedelta(seconds=n), n / 3) for n in range(3000)])
    assert build(home, site).is_ok
    publish(home, site)
    assert dirty_days(home, site, names=["readings_clean", "readings_1d"]) == ()
    return home


@pytest.fixture
def built(template: Home, home: Home, landing: Landing) -> dict[str, tuple[int, int]]:
    """A copy of it in `home`; the fingerprints of its tables."""
    shutil.copytree(template.root, home.root)
    landing.count = 2
    return fingerprints(home)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def harm_all_blocks(path: Path, sql: str = "") -> str:
    """Returns the query, which is run afterwards."""
    for at in range(12288 + 2000, path.stat().st_size, 65_536):
        flip(path, at)
    return sql


HARM: dict[str, Callable[[Path], object]] = {
    "cut": cut,
    "emptied": lambda path: os.truncate(path, 0),
    "garbage": lambda path: path.write_bytes(b"not a database" * 1000),
    "flipped header": lambda path: flip(path, 4096 + 20),
    "foreign log": lambda path: path.with_name(f"{path.name}.wal").write_bytes(path.read_bytes()[:5000]),
}


@pytest.mark.parametrize(
    "harm", [name if name == "cut" else pytest.param(name, marks=pytest.mark.soak) for name in HARM]
)
def test_a_damaged_file_is_made_again_by_the_next_build_that_knows_of_no_damage(
    home: Home, site: SiteStub, built: dict[str, tuple[int, int]], harm: str
) -> None:
    HARM[harm](home.warehouse_file)
    report = build(home, site, position=2)
    assert report.is_ok
    assert fingerprints(home) == built
    assert dirty_days(home, site, names=["readings_clean", "readings_1d"]) == ()
    if harm != "foreign log":
        assert list((home.root / "aside").glob("warehouse.duckdb*"))


def test_one_day_asked_for_leaves_the_other_dirty_so_that_it_is_asked_for_next(
    home: Home, site: SiteStub, built: dict[str, tuple[int, int]]
) -> None:
    cut(home.warehouse_file)
    day = NOON.date()
    assert build(home, site, days=(day, day), position=2).is_ok
    assert [one.day for one in dirty_days(home, site, names=["readings_clean"])] == [day + timedelta(days=1)]
    assert build(home, site, position=2).is_ok
    assert fingerprints(home) == built


def test_a_block_that_is_damaged_is_found_when_it_is_read(
    home: Home, site: SiteStub, built: dict[str, tuple[int, int]]
) -> None:
    harm_all_blocks(home.warehouse_file)
    report = build(home, site)
    assert report.is_ok
    assert fingerprints(home) == built


def test_damage_while_reading_has_a_hint_that_no_action_is_needed(
    home: Home, site: SiteStub, built: dict[str, tuple[int, int]]
) -> None:
    with (
        pytest.raises(WarehouseSetAside, match="set aside") as caught,
        open_warehouse(home, site.warehouse) as connection,
    ):
        connection.execute(harm_all_blocks(home.warehouse_file, "select sum(hash(t)) from readings_clean t"))
    assert "no action is needed" in caught.value.hint
    assert not home.warehouse_file.exists()


def test_a_file_that_is_in_use_is_left_alone(home: Home, site: SiteStub, built: dict[str, tuple[int, int]]) -> None:
    script = f"import duckdb, sys; c = duckdb.connect({str(home.warehouse_file)!r}); print('x', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(Unreachable, match="lock"):
            build(home, site)
    finally:
        child.kill()
        child.communicate()
    assert not (home.root / "aside").exists()
    assert fingerprints(home) == built


def test_after_a_kill_the_ledger_believes_the_file_and_not_its_own_copy(
    home: Home, landing: Landing, site: SiteStub, built: dict[str, tuple[int, int]]
) -> None:
    """A log whose start is damaged is taken for none: what it held is gone, and the copy must not claim it."""
    before = home.warehouse_file.read_bytes()
    landing.land([reading("late", "m", NOON, 1.0)])
    assert build(home, site, position=3).is_ok
    after = fingerprints(home)
    home.warehouse_file.write_bytes(before)
    home.warehouse_file.with_name("warehouse.duckdb.wal").write_bytes(b"")
    assert dirty_days(home, site, names=["readings_clean"]) == ()
    with open_warehouse(home, site.warehouse):
        pass
    assert [one.day for one in dirty_days(home, site, names=["readings_clean"])] == [NOON.date()]
    assert build(home, site, position=3).is_ok
    assert fingerprints(home) == after


def test_killed_while_the_engine_writes_the_next_build_ends_right(
    home: Home, landing: Landing, site: SiteStub, built: dict[str, tuple[int, int]]
) -> None:
    landing.land([reading("late", "m", NOON + timedelta(seconds=n), 1.0) for n in range(20_000)])
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_REAL, 0.6)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        build(home, site, position=3)
        os._exit(0)
    os.waitpid(child, 0)
    assert build(home, site, position=3).is_ok
    killed = fingerprints(home)
    home.warehouse_file.unlink()
    assert build(home, site).is_ok
    assert fingerprints(home) == killed
