"""Sixty days trimmed: every tier intact, the dry run equal to what went, and nothing built from what is gone."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR, to_micros
from sensor_platform.landing.ledger import read_ledger
from sensor_platform.landing.ledger.horizon import late_frozen_rows
from sensor_platform.retention import apply, warehouse_tiers
from sensor_platform.retention.config import RetentionConfig, check
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dbt_command import run_command
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.published.views import relink
from sensor_platform.warehouse.published.withdrawal import is_emptied
from sensor_platform_tests.warehouse.landings import SCHEMA, Landing, SiteStub, fingerprints, reading

START = datetime(2026, 1, 1)  # noqa: DTZ001 - plain UTC
DAYS = 60
NOW = to_micros(START + timedelta(days=DAYS))
KEEP = RetentionConfig(
    landing_days=50, readings_clean_days=30, readings_10s_days=7, readings_1m_days=30, readings_1h_days=40
)
SPANS = {"readings_clean": 30, "readings_10s": 7, "readings_1m": 30, "readings_1h": 40, "readings_1h_wide": 40}
TABLES = [*SPANS, "readings_1d"]
SITE = SiteStub()


def rows_of(day: int) -> list[dict[str, object]]:
    """Three devices, a reading every 20 minutes."""
    at = START + timedelta(days=day)
    return [
        reading(f"d{device}", "t", at + timedelta(minutes=20 * n, seconds=device), day + n / 7)
        for device in range(3)
        for n in range(72)
    ]


class Daily(Landing):
    """Lands into the folder of the day of arrival, as the lander does."""

    def arrive(self, day: int, rows: list[dict[str, object]]) -> None:
        from sensor_platform.kernel.durable import sha256
        from sensor_platform.landing.ledger import FileEntry, Manifest, commit_segment, open_ledger, write_manifest
        from sensor_platform_tests.warehouse.landings import write_landing

        self.count += 1
        segment = f"test-0-{self.count:06d}"
        frame = pl.DataFrame(rows, schema=SCHEMA).with_columns(segment=pl.lit(segment)).sort("event_at", "device_id")
        arrived = START + timedelta(days=day)
        path = self.home.landing / f"{arrived:%Y-%m-%d}" / f"{segment}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_landing(frame, path)
        starts = frame["event_at"].dt.epoch("us") // self.slot * self.slot
        entry = FileEntry(
            file=str(path.relative_to(self.home.root)),
            kind="landing",
            rows=len(frame),
            bytes=path.stat().st_size,
            sha256=sha256(path),
            slots=dict(starts.value_counts().iter_rows()),
        )
        manifest = Manifest(
            segment=segment,
            written_at=to_micros(arrived) + 1,
            contract_version="test",
            messages=len(rows),
            landed=len(rows),
            quarantined=0,
            duplicate=0,
            readings=len(rows),
            rejected_readings=0,
            newest_event_at=max(entry.slots),
            files=(entry,),
            counts=(),
            arrivals={to_micros(arrived) + DAY: len(rows)},  # the last one in the hour after midnight
        )
        write_manifest(self.home, manifest)
        with open_ledger(self.home) as ledger:
            commit_segment(ledger, manifest)


def hear(home: Home, at: int) -> None:
    """Something arrives in an hour, without any reading."""
    from sensor_platform.landing.ledger import Manifest, commit_segment, open_ledger

    manifest = Manifest(
        segment=f"heard-0-{at}", written_at=at, contract_version="test", messages=1, landed=0, quarantined=1,
        duplicate=0, readings=0, rejected_readings=0, newest_event_at=None, files=(), counts=(),
        arrivals={at // HOUR * HOUR: 1},
    )  # fmt: skip
    with open_ledger(home) as ledger:
        commit_segment(ledger, manifest)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("retention") / "home")
    landing = Daily(home)
    for day in range(DAYS):
        landing.arrive(day, rows_of(day))
    for age in (1, 30):
        raw = home.raw / f"{START + timedelta(days=DAYS - age):%Y-%m-%d}" / "test-0-000001.zst"
        raw.parent.mkdir(parents=True)
        raw.write_bytes(b"raw")
    assert build(home, SITE).is_ok
    publish(home, SITE)
    return home


@pytest.fixture
def filled(template: Home, home: Home) -> Home:
    shutil.copytree(template.root, home.root)
    relink(home.published)
    return home


@pytest.fixture
def landing(filled: Home) -> Daily:
    return Daily(filled, count=DAYS)


def table(home: Home, name: str, *, first: int = 0) -> tuple[int, int]:
    """How many rows a table has from a day on, and a hash over them."""
    column = "slot_start" if name in {"readings_clean", "readings_10s", "readings_1m"} else "window_start"
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        row = connection.execute(
            f"select count(*), coalesce(sum(hash(t)::hugeint), 0) from {name} t where {column} >= ?",
            [START + timedelta(days=first)],
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def published_days(home: Home, name: str) -> set[date]:
    """Days with a file that was not emptied."""
    files = (path for path in (home.published / name).glob("day=*/*.parquet") if not is_emptied(path))
    found = {path.parent.name.removeprefix("day=") for path in files}
    return {date.fromisoformat(day) for day in found} - {date(1970, 1, 1)}


def files_of(home: Home) -> dict[str, int]:
    """Files with their sizes, but for those that were emptied: they go an hour later."""
    return {
        str(path.relative_to(home.root)): path.stat().st_size
        for folder in (home.landing, home.raw, home.published)
        for path in folder.rglob("*.*")
        if path.is_file() and (path.suffix == ".zst" or (path.suffix == ".parquet" and not is_emptied(path)))
    }


def test_the_dry_run_says_exactly_what_then_goes_and_every_tier_is_intact(filled: Home) -> None:
    before = {name: table(filled, name, first=DAYS - SPANS.get(name, DAYS)) for name in TABLES}
    counted = {name: table(filled, name)[0] for name in TABLES}
    files = files_of(filled)
    planned = apply.plan(filled, SITE, KEEP, 7, NOW)
    assert files_of(filled) == files, "a dry run deletes nothing"
    done = apply.apply(filled, SITE, KEEP, 7, NOW)
    assert done == planned
    left = files_of(filled)
    gone = {name: size for name, size in files.items() if name not in left}
    said = {each.file for each in (*done.landing, *done.raw)} | {file for each in done.days for file in each.files}
    assert gone.keys() == said
    assert sum(gone.values()) == done.bytes
    for name in TABLES:
        assert table(filled, name) == before[name], name
        assert counted[name] - before[name][0] == sum(each.rows for each in done.days if each.table == name)
        kept = SPANS.get(name, DAYS)
        assert published_days(filled, name) == {(START + timedelta(days=n)).date() for n in range(DAYS - kept, DAYS)}
    assert done.floor == (START + timedelta(days=10)).date()
    assert done.kept == ()
    with duckdb.connect(str(filled.analytics_file), read_only=True) as analysts:
        assert analysts.execute("select count(*) from readings_1d").fetchone() == (3 * DAYS,)
        assert analysts.execute("select count(distinct day) from readings_10s").fetchone() == (7,)


def test_nothing_is_dirty_by_it_and_a_second_time_nothing_goes(filled: Home) -> None:
    apply.apply(filled, SITE, KEEP, 7, NOW)
    assert dirty_days(filled, SITE, names=[*TABLES, *(f"published.{name}" for name in TABLES)]) == ()
    again = apply.apply(filled, SITE, KEEP, 7, NOW)
    assert (again.rows, again.files, again.floor) == (0, 0, None)


@pytest.mark.parametrize(
    "age", [pytest.param(20, marks=pytest.mark.soak), 35, pytest.param(45, marks=pytest.mark.soak)]
)
def test_a_late_reading_of_a_trimmed_day_is_built_from_landing_and_trimmed_again(
    filled: Home, landing: Daily, age: int, tmp_path: Path
) -> None:
    day = DAYS - age
    late = [reading("d0", "t", START + timedelta(days=day, hours=5, minutes=3), 99.0)]
    untrimmed = Home(tmp_path / "untrimmed")
    shutil.copytree(filled.root, untrimmed.root)
    Daily(untrimmed, count=DAYS).arrive(DAYS - 1, late)
    assert build(untrimmed, SITE, position=DAYS + 1).is_ok
    apply.apply(filled, SITE, KEEP, 7, NOW)
    landing.arrive(DAYS - 1, late)
    assert build(filled, SITE, position=DAYS + 1).is_ok
    for name in ("readings_1h", "readings_1d"):
        kept = SPANS.get(name, DAYS)
        assert table(filled, name, first=DAYS - kept) == table(untrimmed, name, first=DAYS - kept), name
    publish(filled, SITE)
    assert apply.apply(filled, SITE, KEEP, 7, NOW).days == (), "it came a short while ago"
    hear(filled, NOW + 60 * DAY)
    later = apply.apply(filled, SITE, KEEP, 7, NOW + 60 * DAY, is_confirmed=True)
    assert {each.table for each in later.days} == set(SPANS)
    assert later.kept == ()


def test_late_readings_below_the_floor_are_counted_and_change_nothing(filled: Home, landing: Daily) -> None:
    apply.apply(filled, SITE, KEEP, 7, NOW)
    before = fingerprints(filled)
    landing.arrive(DAYS + 1, [reading("d0", "t", START + timedelta(days=3), 99.0)])
    assert build(filled, SITE, position=DAYS + 1).is_ok
    assert build(filled, SITE).is_ok
    fresh = fingerprints(filled)
    assert fresh["readings_1d"] == before["readings_1d"]
    with read_ledger(filled) as ledger:
        assert ledger is not None
        assert late_frozen_rows(ledger) == 1
    kept = apply.apply(filled, SITE, KEEP, 7, NOW)
    assert kept.landing == (), "it is kept as long as what arrived with it"


def test_everything_built_again_after_trimming_is_the_same(filled: Home) -> None:
    apply.apply(filled, SITE, KEEP, 7, NOW)
    before = {name: table(filled, name) for name in TABLES}
    assert build(filled, SITE).is_ok
    publish(filled, SITE)
    apply.apply(filled, SITE, KEEP, 7, NOW)
    assert {name: table(filled, name) for name in TABLES} == before


def test_what_does_not_agree_is_kept_and_said(filled: Home) -> None:
    with open_warehouse(filled, SITE.warehouse) as connection:
        connection.execute("update readings_1h set n = n + 1 where window_start = ?", [START + timedelta(days=20)])
    found = apply.apply(filled, SITE, KEEP, 7, NOW)
    day = (START + timedelta(days=20)).date()
    assert {(each.table, each.day) for each in found.kept} == {
        (name, day) for name in ("readings_clean", "readings_10s", "readings_1m")
    }
    assert all("does not hold the same" in each.why for each in found.kept)


def test_what_is_not_published_or_not_built_is_kept(filled: Home, landing: Daily) -> None:
    shutil.rmtree(filled.published / "readings_1d" / f"day={(START + timedelta(days=4)).date()}")
    landing.arrive(DAYS - 1, [reading("d0", "t", START + timedelta(days=15), 99.0)])
    found = apply.apply(filled, SITE, KEEP, 7, NOW)
    whys = {(each.table, each.day.isoformat()): each.why for each in found.kept}
    assert whys["landing", "2026-01-05"] == "readings_1d of that day is not published yet"
    assert found.floor == date(2026, 1, 5)


def test_a_full_refresh_is_refused_once_something_is_gone(filled: Home) -> None:
    apply.apply(filled, SITE, KEEP, 7, NOW)
    with pytest.raises(WrongUse, match="refused: a full refresh"):
        run_command(filled, SITE, ["build", "--full-refresh"])


def test_pieces_that_a_kill_left_behind_go_with_the_next(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(warehouse_tiers, "withdraw_files", killed)
        with pytest.raises(Killed):
            apply.apply(filled, SITE, KEEP, 7, NOW)
    apply.apply(filled, SITE, KEEP, 7, NOW)
    for name, kept in SPANS.items():
        assert min(published_days(filled, name)) == (START + timedelta(days=DAYS - kept)).date()


def test_what_arrived_a_short_while_ago_stays_however_old_its_events(filled: Home) -> None:
    """History that was imported today: it is kept as long as if it had been measured today."""
    other = Home(filled.root.parent / "imported")
    landing = Daily(other)
    for day in range(3):
        landing.arrive(DAYS - 1, rows_of(day))
    assert build(other, SITE).is_ok
    publish(other, SITE)
    done = apply.apply(other, SITE, KEEP, 7, NOW)
    assert (done.days, done.landing, done.floor) == ((), (), None)


@pytest.mark.soak
def test_the_file_does_not_grow_however_often_everything_is_built_again(filled: Home) -> None:
    sizes = []
    for _ in range(5):
        assert build(filled, SITE).is_ok
        sizes.append(filled.warehouse_file.stat().st_size)
    assert max(sizes[3:]) <= max(sizes[:3]) * 1.1, f"{sizes}: the old rows and the new, and no more"


@pytest.mark.parametrize(
    "config",
    [RetentionConfig(landing_days=-1), RetentionConfig(readings_1m_days=0), RetentionConfig(readings_1h_days=20)],
)
def test_tiers_that_nothing_could_prove_are_refused(config: RetentionConfig) -> None:
    with pytest.raises(WrongUse, match="retention"):
        check(config)


def test_for_ever_is_for_ever() -> None:
    check(RetentionConfig(readings_1h_days=0, readings_1m_days=0))
    assert set(warehouse_tiers.trimmed_tables()) == set(SPANS)
    assert set(dbt_models()) - set(SPANS) >= {"readings_1d", "device_status"}
    assert UTC is not None
