"""A model that is added as CONTRIBUTING.md describes it is built, judged, published and part of the asset graph."""

from pathlib import Path
from typing import Any

import pytest

from sensor_platform.errors import ExitCode
from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform_tests.warehouse.landings import Landing, SiteStub
from sensor_platform_tests.warehouse.toy_facts import land_three_days
from sensor_platform_tests.warehouse.toy_project import MARTS, Clone, documented

TREND = """
{{
  config(
    meta={
      'grain': 'hour',
      'parents': ['readings_1h'],
      'reach_hours': 2,
      'late_column': 'late_n',
      'freshness': {'warn_minutes': 120, 'fail_minutes': 180},
    }
  )
}}

with trend as (

    select
        device_id,
        window_start,
        late_n,
        cast(sum(n) over (
            partition by device_id, metric
            order by window_start range between interval 2 hours preceding and current row
        ) as bigint) as n_of_3_hours
    from {{ ref('readings_1h') }}
    where {{ in_reach_of_work('window_start') }}

)

select *
from trend
where {{ in_work('window_start') }}
"""
TREND_YML = """
  - name: toy_trend
    description: "Readings of the hour and the two before it. Grain: one row per device, metric and window_start."
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """With the documented model and one that looks back, parsed."""
    made = Clone.make(tmp_path_factory.mktemp("clone"))
    made.add("toy_days", documented("sql"), documented("yaml"))
    made.add("toy_trend", TREND, TREND_YML)
    done = made.command("dbt", "parse")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "lineage.json has changed" in done.stdout
    return made


@pytest.fixture(scope="module")
def facts(clone: Clone) -> Any:
    return clone.run("sensor_platform_tests.warehouse.toy_facts", "main", str(clone.root / "home"))


def test_two_source_files_and_a_generated_one_are_all_that_changes(clone: Clone) -> None:
    models = [f"{MARTS}/{name}" for name in ("toy_days.sql", "toy_trend.sql", "marts.yml")]
    assert clone.changed() == {*models, "sensor_platform/warehouse/lineage.json"}


def test_the_lineage_has_what_the_meta_declares(clone: Clone) -> None:
    assert clone.lineage["toy_days"] == {"grain": "day", "parents": ["readings_1h"]}
    assert clone.lineage["toy_trend"] == {
        "grain": "hour",
        "parents": ["readings_1h"],
        "reach_hours": 2,
        "late_column": "late_n",
        "freshness": {"warn_minutes": 120, "fail_minutes": 180},
    }


def test_every_window_with_data_is_built_and_its_tests_run(facts: Any) -> None:
    assert facts["first"] == {
        "models": {
            "toy_days": [3, 3, 0, "2026-01-04 00:00:00+00:00"],
            "toy_trend": [6, 6, 0, "2026-01-04 02:00:00+00:00"],
        },
        "tests": ["toy_days_has_one_row_per_device_and_day"],
    }


def test_a_late_reading_rebuilds_exactly_the_windows_that_depend_on_it(facts: Any) -> None:
    assert facts["asked"] == {"2026-01-03": ["toy_days", "toy_trend"]}
    assert facts["second"]["models"] == {
        "toy_days": [1, 1, 0, "2026-01-03 00:00:00+00:00"],
        "toy_trend": [2, 2, 1, "2026-01-03 04:00:00+00:00"],
    }
    assert facts["left"] == [], "a window with a reach records how far its parents had come"


def test_the_past_of_a_new_model_is_asked_for_and_nothing_else_is_built(clone: Clone, tmp_path: Path) -> None:
    home = Home(tmp_path)
    land_three_days(Landing(home))
    assert build(home, SiteStub()).is_ok, "by the project without the two models"
    found = clone.run("sensor_platform_tests.warehouse.toy_facts", "past", str(tmp_path))
    toys = ["toy_days", "toy_trend"]
    assert found == {
        "asked": {"2026-01-02": toys, "2026-01-03": toys, "2026-01-04": toys},
        "windows": {"toy_days": 3, "toy_trend": 6},
        "left": [],
    }


def test_analysts_read_it(facts: Any) -> None:
    assert facts["rows"]["toy_days"] == [
        ["d", "2026-01-02 00:00:00+00:00", "2", "2026-01-02 02:00:00+00:00"],
        ["d", "2026-01-03 00:00:00+00:00", "3", "2026-01-03 04:00:00+00:00"],
        ["d", "2026-01-04 00:00:00+00:00", "1", "2026-01-04 02:00:00+00:00"],
    ]
    counted = {row[1][5:13]: row[3] for row in facts["rows"]["toy_trend"]}
    assert counted == {
        "01-02 01": "1",
        "01-02 02": "2",
        "01-03 02": "1",
        "01-03 03": "3",
        "01-03 04": "4",
        "01-04 02": "1",
    }


def test_it_is_an_asset_by_day_between_its_parent_and_what_is_published(facts: Any) -> None:
    expected = {"is_partitioned_by_day": True, "parents": ["readings_1h"], "is_published_after": True}
    assert facts["assets"] == {
        "toy_days": expected | {"has_promise": False},
        "toy_trend": expected | {"has_promise": True},
    }


def test_a_model_without_meta_is_refused_with_its_name_the_key_and_an_example(tmp_path: Path) -> None:
    clone = Clone.make(tmp_path)
    clone.add("toy_days", documented("sql").split("\n", 1)[1], documented("yaml"))
    before = clone.lineage
    done = clone.command("dbt", "parse", "--quiet")
    assert done.returncode == ExitCode.WRONG_USE
    assert done.stderr.startswith("error: dbt model toy_days: meta key `grain`: it is missing\nhint: ")
    assert "config(meta={'grain': 'day', ...})" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert clone.lineage == before
