"""What a changed catalog row is about, and that exactly its windows are built again."""

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.catalog import CalibrationPeriod, Catalog, Metric, read_catalog, sync
from sensor_platform.warehouse.catalog.changes import Changed, changes
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform_tests.warehouse import oracle
from sensor_platform_tests.warehouse.crashing import Steps, survives
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading

T0 = datetime(2026, 1, 2, 0, 0)  # noqa: DTZ001 - plain UTC, as in files
MIN, MAX = datetime.min, datetime.max  # noqa: DTZ901 - no limit


def hour(number: int) -> datetime:
    return T0 + timedelta(hours=number)


def cal(gain: float, first: int | None, last: int | None) -> CalibrationPeriod:
    return CalibrationPeriod("d", "t", gain, 0.0, *(None if at is None else hour(at) for at in (first, last)))


@pytest.mark.parametrize(
    ("old", "new", "spans"),
    [
        pytest.param([], [cal(2, 1, 5)], [(hour(1), hour(5))], id="a new row changes its period"),
        pytest.param([cal(2, 1, 5)], [], [(hour(1), hour(5))], id="so does a removed one"),
        pytest.param([cal(2, 1, 5)], [cal(2, 1, 7)], [(hour(5), hour(7))], id="a later end changes what lies between"),
        pytest.param([cal(2, 1, 5)], [cal(3, 1, 5)], [(hour(1), hour(5))], id="another gain changes the period"),
        pytest.param([cal(2, 1, 5)], [cal(2, 1, 3), cal(2, 3, 5)], [], id="cut in two it is the same"),
        pytest.param([cal(2, None, None)], [cal(2, None, 3)], [(hour(3), MAX)], id="an end that there was not"),
        pytest.param([], [cal(1, None, None)], [], id="a gain of one changes nothing"),
        pytest.param([cal(2, 1, 3)], [cal(3, 2, 5)], [(hour(1), hour(5))], id="adjoining differences are one"),
        pytest.param(
            [cal(2, 1, 3)], [cal(2, 2, 4)], [(hour(1), hour(2)), (hour(3), hour(4))], id="what overlaps is left out"
        ),
    ],
)
def test_a_calibration_row_is_about_its_device_metric_and_period(
    old: list[CalibrationPeriod], new: list[CalibrationPeriod], spans: list[tuple[datetime, datetime]]
) -> None:
    found = changes(Catalog(calibration=tuple(old)), Catalog(calibration=tuple(new)))
    assert found == [Changed("t", "d", start, end) for start, end in spans]


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ([], [Metric("t", max=1.0)], ["t"]),
        ([Metric("t", max=1.0)], [], ["t"]),
        ([Metric("t", unit="K")], [Metric("t", unit="degC")], ["t"]),
        ([Metric("t"), Metric("u", min=0.0)], [Metric("u", min=0.0), Metric("v", kind="counter")], ["v"]),
        ([Metric("t", warn_high=1.0)], [Metric("t", warn_high=2.0)], []),
        ([], [Metric("t")], []),
    ],
)
def test_a_metric_row_is_about_every_reading_of_the_metric_unless_only_thresholds_differ(
    old: list[Metric], new: list[Metric], changed: list[str]
) -> None:
    found = changes(Catalog(metrics=tuple(old)), Catalog(metrics=tuple(new)))
    assert found == [Changed(name, None, MIN, MAX) for name in changed]


cuts = st.lists(st.integers(0, 20), min_size=0, max_size=6, unique=True).map(sorted)


@st.composite
def calibrations(draw: st.DrawFn) -> tuple[CalibrationPeriod, ...]:
    edges = draw(cuts)
    return tuple(cal(draw(st.sampled_from([1.0, 2.0, 3.0])), a, b) for a, b in pairwise(edges))


@given(calibrations(), calibrations())
def test_a_reading_is_in_a_change_exactly_if_its_calibration_differs(
    old: tuple[CalibrationPeriod, ...], new: tuple[CalibrationPeriod, ...]
) -> None:
    found = changes(Catalog(calibration=old), Catalog(calibration=new))
    for number in range(-1, 22):
        row = {"device_id": "d", "metric": "t", "event_at": hour(number), "value": 1.0}
        differs = oracle._calibrated(row, Catalog(calibration=old)) != oracle._calibrated(row, Catalog(calibration=new))
        assert any(change.start <= hour(number) < change.end for change in found) == differs


def two_days() -> list[dict[str, Any]]:
    """Two devices, two metrics, a reading every ten minutes; `flow` only from noon of the second day on."""
    steps = range(0, 48 * 60, 10)
    rows = [reading(d, "t", T0 + timedelta(minutes=m), m / 7) for m in steps for d in ("d", "e")]
    return rows + [reading("d", "flow", T0 + timedelta(minutes=m), m / 9) for m in steps if m >= 36 * 60]


def write(folder: Path, metrics: Sequence[str] = (), calibration: Sequence[str] = ()) -> Path:
    folder.mkdir(exist_ok=True)
    head = "metric,unit,kind,min,max,max_change_per_s,compare_within_s,stuck_after_s"
    (folder / "metrics.csv").write_text("\n".join([head, *metrics]) + "\n")
    head = "device_id,metric,gain,offset,valid_from,valid_to"
    (folder / "calibration.csv").write_text("\n".join([head, *calibration]) + "\n")
    return folder


SOAK = pytest.mark.soak
CHANGES = [
    ({}, {"calibration": ["d,t,2,1,2026-01-02T05:00:00,2026-01-02T06:00:00"]}, 6 + 1),
    pytest.param({"calibration": ["d,t,2,1,2026-01-02T05:00:00,2026-01-02T06:00:00"]}, {}, 6 + 1, marks=SOAK),
    ({"calibration": ["d,t,2,1,,2026-01-02T06:00:00"]}, {"calibration": ["d,t,2,1,,2026-01-02T07:00:00"]}, 6 + 1),
    ({}, {"metrics": ["flow,l/s,,,300,,,"]}, 12 * 6),
    pytest.param({}, {"metrics": ["flow,l/s,counter,,,,,"]}, 12 * 6, marks=SOAK),
    ({"metrics": ["flow,,,,,,,"]}, {"metrics": ["flow,,,,,,,", "other,,,0,1,,,"]}, 0),
    pytest.param(
        {"metrics": ["flow,,,,,0.0001,3600,"]}, {"metrics": ["flow,,,,,0.0001,3600,1800"]}, 12 * 6, marks=SOAK
    ),
]


@pytest.mark.parametrize(("before", "after", "slots"), CHANGES)
def test_a_changed_row_rebuilds_exactly_its_windows_and_gives_the_tables_of_a_fresh_build(
    tmp_path: Path, before: dict[str, list[str]], after: dict[str, list[str]], slots: int
) -> None:
    home, fresh = Home(tmp_path / "home"), Home(tmp_path / "fresh")
    site = SiteStub(catalog=write(tmp_path / "catalog", **before))
    for one in (home, fresh):
        Landing(one).land(two_days())
    assert build(home, site).is_ok
    assert dirty_days(home, site, dbt_models()) == ()
    write(tmp_path / "catalog", **after)
    report = build(home, site, position=1)
    assert report.is_ok
    assert report.models["readings_clean"].windows == slots
    assert build(fresh, site).is_ok
    assert fingerprints(home) == fingerprints(fresh)
    assert dirty_days(home, site, dbt_models()) == ()


def test_the_sensor_sees_a_changed_catalog_and_asks_until_a_build_took_it_over(
    tmp_path: Path, home: Home, landing: Landing
) -> None:
    site = SiteStub(catalog=write(tmp_path / "catalog"))
    landing.land(two_days())
    assert build(home, site).is_ok
    before = {day.day: day.models for day in dirty_days(home, site)}
    assert all("catalog" not in models for models in before.values())
    write(tmp_path / "catalog", calibration=["d,t,2,1,2026-01-02T05:00:00,2026-01-02T06:00:00"])
    newest = dirty_days(home, site)[-1]
    assert newest.models[0] == "catalog"
    assert build(home, site, days=(newest.day, newest.day), position=newest.position).is_ok
    left = dirty_days(home, site, dbt_models())
    assert [day.day for day in left] == [T0.date()]
    assert left[0].position >= newest.position
    assert "catalog" not in dirty_days(home, site)[-1].models


def wrap_write(steps: Steps) -> None:
    sync.write_tables = steps.around(sync.write_tables)  # type: ignore[attr-defined]


def test_killed_between_ledger_and_warehouse_the_change_is_found_again(
    tmp_path: Path, home: Home, landing: Landing
) -> None:
    site = SiteStub(catalog=write(tmp_path / "catalog"))
    landing.land(two_days())
    assert build(home, site).is_ok
    write(tmp_path / "catalog", metrics=["t,K,,,100,,,"])
    assert not survives(0, wrap_write, partial(build, home, site, position=1))
    assert [day.day for day in dirty_days(home, site, dbt_models())] == [T0.date(), hour(24).date()]
    assert build(home, site, position=1).is_ok
    fresh = Home(tmp_path / "fresh")
    shutil.copytree(home.root, fresh.root, ignore=shutil.ignore_patterns("warehouse"))
    assert build(fresh, site).is_ok
    assert fingerprints(home) == fingerprints(fresh)


RULES = ["t,,,,,1,600,1800"]
BORDERS = [hour(13), hour(24)]


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("changed", ["value", "late", "withdrawn_rate"])
def test_a_row_changed_just_before_a_border_changes_the_verdicts_after_it(
    tmp_path: Path, home: Home, landing: Landing, border: datetime, changed: str
) -> None:
    """A reading every 5 minutes with one value: those after the border are stuck, until one before it differs."""
    site = SiteStub(catalog=write(tmp_path / "catalog", metrics=RULES))
    rows = [reading("d", "t", border + timedelta(minutes=m), 20.0) for m in range(-60, 65, 5)]
    landing.land(rows)
    landed = list(landing.landed)
    assert build(home, site).is_ok
    assert verdicts(home, border) == ["stuck"] * 13
    late = {
        "value": reading("d", "t", border - timedelta(minutes=2), 21.0),
        "late": reading("d", "t", border - timedelta(seconds=1), 500.0),
        "withdrawn_rate": reading("d", "t", border - timedelta(minutes=29), 20.5),
    }[changed]
    position = landing.land([late])
    landed += landing.landed
    report = build(home, site, position=position)
    assert report.is_ok
    expected = oracle.clean(landed, read_catalog(site.catalog))
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        names = "device_id, metric, event_at, received_at, value, verdict, rule, segment, position"
        found = warehouse.execute(f"select {names} from readings_clean").fetchall()
    assert sorted(map(repr, found)) == sorted(map(repr, expected.rows()))
    assert verdicts(home, border) != ["stuck"] * 13
    assert dirty_days(home, site, dbt_models()) == ()


def verdicts(home: Home, since: datetime) -> list[str | None]:
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        rows = warehouse.execute(
            "select rule from readings_clean where event_at >= ? order by event_at, value", [since]
        ).fetchall()
    return [rule for (rule,) in rows]
