import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.catalog import read_catalog
from sensor_platform_tests.warehouse import oracle
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading
from sensor_platform_tests.warehouse.truth import (
    COUNTERS,
    arrivals,
    check_clean,
    check_tier,
)

METRICS = """metric,unit,kind,min,max,max_change_per_s,compare_within_s,stuck_after_s
temp,degC,,-50,1000,5,900,1200
load,,counter,,,,,
"""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    (folder / "metrics.csv").write_text(METRICS)
    return folder


@given(arrivals())
@settings(
    deadline=None,
    max_examples=5,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a build takes a second: shrinking would take an hour
    suppress_health_check=[HealthCheck.too_slow],
)
def test_every_tier_equals_an_independent_account_of_the_same_messages(
    tmp_path_factory: pytest.TempPathFactory, catalog: Path, parts: list[list[dict[str, Any]]]
) -> None:
    home = Home(tmp_path_factory.mktemp("truth"))
    landing, site = Landing(home), SiteStub(catalog=catalog)
    landed: list[dict[str, Any]] = []
    for part in parts:
        position = landing.land(part)
        landed += landing.landed
        report = build(home, site, position=position)
        assert report.is_ok, report.failed
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        readings = oracle.clean(landed, read_catalog(catalog))
        check_clean(warehouse, readings.rows())
        for table, every in oracle.TIERS.items():
            check_tier(warehouse, table, oracle.tier(readings, every, COUNTERS))


MAGNITUDES = [1e-300, 1e-15, 1e-9, 1.0, 1e6, 1e12, 1e19, 1e100]


@pytest.mark.parametrize("unit", MAGNITUDES)
def test_no_magnitude_fails_a_build_or_costs_digits(
    home: Home, landing: Landing, site: SiteStub, noon: datetime, unit: float
) -> None:
    given_values = [unit * (1 + index / 7) for index in range(600)]
    rows = [reading("d", "m", noon + timedelta(seconds=index), value) for index, value in enumerate(given_values)]
    assert build(home, site, position=landing.land(rows)).is_ok
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        found = warehouse.execute("select sum, mean, stddev, min, max, n from readings_1h").fetchall()
    total = math.fsum(given_values)
    assert len(found) == 1
    assert found[0][0] == pytest.approx(total, rel=1e-12)
    assert found[0][1] == pytest.approx(total / 600, rel=1e-12)
    assert found[0][3:] == (given_values[0], given_values[-1], 600)
    if 1e-100 < unit < 1e100:
        mean = total / 600
        spread = math.sqrt(math.fsum((value - mean) ** 2 for value in given_values) / 599)
        assert found[0][2] == pytest.approx(spread, rel=1e-9)


def test_a_small_spread_on_a_large_level_keeps_its_digits(
    home: Home, landing: Landing, site: SiteStub, noon: datetime
) -> None:
    given_values = [1e6 + (index % 10) * 1e-3 for index in range(3600)]
    rows = [reading("d", "m", noon + timedelta(seconds=index), value) for index, value in enumerate(given_values)]
    assert build(home, site, position=landing.land(rows)).is_ok
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        found = [row[0] for row in warehouse.execute("select stddev from readings_1d").fetchall()]
    mean = math.fsum(given_values) / 3600
    assert found == [
        pytest.approx(math.sqrt(math.fsum((value - mean) ** 2 for value in given_values) / 3599), rel=1e-7)
    ]


@pytest.mark.parametrize(("minutes", "kept"), [(9.9, 1), (10.0, 2), (19.0, 2)])
def test_a_message_without_its_own_time_is_a_repeat_for_one_slot(
    home: Home, landing: Landing, site: SiteStub, noon: datetime, minutes: float, kept: int
) -> None:
    for at in (noon + timedelta(minutes=5), noon + timedelta(minutes=5 + minutes)):
        landing.land([reading("d", "m", at, 1.0, message_id="7", is_device_time=False)])
    assert build(home, site).is_ok
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        assert warehouse.execute("select count(*) from readings_clean").fetchall() == [(kept,)]


@pytest.mark.parametrize("others", [0, 3])
def test_a_message_that_came_twice_is_kept_once_however_few_share_its_minute(
    landing: Landing, home: Home, site: SiteStub, noon: datetime, others: int
) -> None:
    first = reading("d", "m", noon, 1.0, message_id="7")
    rows = [reading("d", "m", noon + timedelta(seconds=n + 1), 2.0, message_id=f"{n}") for n in range(others)]
    landing.land([first, *rows])
    landing.land([first | {"received_at": noon + timedelta(seconds=9)}])
    landing.land([first | {"message_id": "8"}][:others])
    assert build(home, site).is_ok
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        kept = warehouse.execute("select message_id from readings_clean where event_at = ? order by 1", [noon])
        assert kept.fetchall() == [("7",), ("8",)][: 1 + others], (
            "the repeat is gone, the other message of that instant is not"
        )
