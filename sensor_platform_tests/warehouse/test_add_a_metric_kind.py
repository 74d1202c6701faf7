"""A metric kind that is added as CONTRIBUTING.md describes is accepted by the catalog and aggregated in every tier."""

from pathlib import Path
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.lineage import tiers
from sensor_platform_tests.warehouse.landings import Landing, SiteStub
from sensor_platform_tests.warehouse.toy_kind_facts import land_final_day
from sensor_platform_tests.warehouse.toy_project import Clone, example


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = Clone.make(tmp_path_factory.mktemp("clone"))
    made.add_kind("state", "{changes_n: bigint}", example("Add a metric kind", "sql"))
    return made


def test_two_source_files_are_all_that_changes(clone: Clone) -> None:
    assert clone.changed() == {"dbt_project/dbt_project.yml", "dbt_project/macros/metric_kinds/state.sql"}


@pytest.fixture(scope="module")
def found(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = Home(tmp_path_factory.mktemp("home"))
    land_final_day(Landing(home))
    assert build(home, SiteStub()).is_ok, "by the project without the kind"
    return clone.run("sensor_platform_tests.warehouse.toy_kind_facts", str(home.root))


def test_every_tier_has_its_column_for_its_metrics_alone(found: Any) -> None:
    counter = [["energy", None, increase, 0] for increase in (0.0, None, 1.0)]
    plain, states = [["plain", None, None, 0]] * 3, [["valve", changes, None, 0] for changes in (0, 0, 1)]
    assert found["readings_10s ="] == [*counter, *plain, *states]
    for table in ("readings_1m", "readings_1h", "readings_1d"):
        assert found[f"{table} ="] == [["energy", None, 2.0, 0], ["plain", None, None, 0], ["valve", 2, None, 0]]


def test_final_rows_from_before_it_are_revised_for_its_metrics_alone(found: Any) -> None:
    for table in tiers():
        assert found[f"{table} <"] == [["plain", None, None, 0], ["valve", 0, None, 1]]


def test_an_unknown_kind_is_refused_with_those_that_exist(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("metric,kind\nvalve,switch\n")
    code = "import pathlib, sys; from sensor_platform.warehouse.catalog import read_catalog as read"
    error = clone.python("-c", f"{code}; read(pathlib.Path(sys.argv[1]))", str(tmp_path)).stderr
    assert "metrics.csv:2: kind is 'switch'" in error
    assert "use gauge or state or counter, or leave it empty" in error
