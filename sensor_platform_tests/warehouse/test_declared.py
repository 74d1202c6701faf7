"""Meta that would not work is refused when the project is parsed: with the model, the key and what to write."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.warehouse import lineage as lineage_module
from sensor_platform.warehouse.dbt import declared as declared_module
from sensor_platform.warehouse.dbt.declared import check_lineage, declared, lineage_text, write_lineage
from sensor_platform.warehouse.lineage import dbt_tables
from sensor_platform.warehouse.meta import ModelMeta

ROOT = Path(__file__).parents[2]
LANDING = "source.sensor_platform.landing.readings"


def node(
    name: str, read: list[str], meta: dict[str, Any] | None, materialized: str = "incremental", folder: str = "marts"
) -> SimpleNamespace:
    """A model of a parsed project, as dbt describes it."""
    return SimpleNamespace(
        name=name,
        resource_type="model",
        original_file_path=f"models/{folder}/{name}.sql",
        config=SimpleNamespace(meta=meta or {}, materialized=materialized),
        depends_on=SimpleNamespace(nodes=[each if "." in each else f"model.p.{each}" for each in read]),
    )


def project(*more: SimpleNamespace) -> SimpleNamespace:
    """A project of readings and hours, with more models; one of the same name replaces its own."""
    tier = {"grain": "hour", "parents": ["readings_clean"], "tier_seconds": 3600}
    nodes = (
        node("stg_readings", [LANDING], None, "view", "staging"),
        node("int_readings", ["stg_readings"], None, "view", "intermediate"),
        node("readings_clean", ["int_readings"], {"grain": "slot", "parents": [], "reach_slots": 1}),
        node("readings_1h", ["readings_clean"], tier),
        *more,
    )
    return SimpleNamespace(nodes={f"model.p.{each.name}": each for each in nodes})


def test_a_table_is_known_with_its_meta_and_the_views_that_it_is_made_through() -> None:
    found = declared(project())
    assert [*found] == ["readings_1h", "readings_clean"]
    assert found["readings_clean"].views == ("stg_readings", "int_readings")
    assert (found["readings_1h"].tier_seconds, found["readings_1h"].newest, found["readings_1h"].late) == (
        3600,
        "last_at",
        "late_n",
    )


def test_parents_are_found_through_views() -> None:
    view = node("int_hours", ["readings_1h"], None, "view", "intermediate")
    days = node("days", ["int_hours"], {"grain": "day", "parents": ["readings_1h"]})
    assert declared(project(view, days))["days"].views == ("int_hours",)


def test_the_order_in_which_dbt_names_the_models_does_not_matter() -> None:
    one, other = project(), project()
    other.nodes = dict(reversed(other.nodes.items()))
    assert lineage_text(declared(one)) == lineage_text(declared(other))


def test_keys_of_dagster_are_left_alone() -> None:
    days = node("days", ["readings_1h"], {"grain": "day", "parents": ["readings_1h"], "dagster": {"owners": ["x"]}})
    assert declared(project(days))["days"].grain == "day"


DAY = {"grain": "day", "parents": ["readings_1h"]}


@pytest.mark.parametrize(
    ("meta", "key", "reason"),
    [
        ({}, "grain", "it is missing"),
        ({"grain": "day"}, "parents", "it is missing"),
        (DAY | {"grain": "week"}, "grain", "invalid enum value 'week'"),
        (DAY | {"parents": "readings_1h"}, "parents", "expected `array`, got `str`"),
        (DAY | {"window_colum": "w"}, "window_colum", "there is no such key; known are grain, parents, window_column"),
        (DAY | {"reach_hours": -1}, "reach_hours", "expected `int` >= 0"),
        (DAY | {"freshness": {"warn_minutes": 1}}, "freshness", "missing required field `fail_minutes`"),
        (DAY | {"parents": []}, "parents", "it is [], but the SQL reads ['readings_1h']"),
        (DAY | {"parents": ["readings_1h", "x"]}, "parents", "but the SQL reads ['readings_1h']"),
        (DAY | {"grain": "slot"}, "grain", "it is 'slot', finer than 'hour' of the parent readings_1h"),
        (DAY | {"retention": "readings_1h_days"}, "proved_by", "`retention` and `proved_by` go together"),
        (DAY | {"proved_by": "readings_1h"}, "retention", "`retention` and `proved_by` go together"),
        (DAY | {"retention": "x_days", "proved_by": "readings_1h"}, "retention", "invalid enum value 'x_days'"),
        (
            DAY | {"retention": "readings_1h_days", "proved_by": "readings_clean"},
            "proved_by",
            "readings_clean is not a tier of grain 'hour' or 'day'",
        ),
        (
            DAY | {"retention": "readings_1h_days", "proved_by": "readings_1h", "is_published": False},
            "retention",
            "days of a table that is not published are never deleted",
        ),
    ],
)
def test_meta_that_would_not_work_is_refused(meta: dict[str, Any], key: str, reason: str) -> None:
    with pytest.raises(WrongUse, match=re.escape(f"dbt model days: meta key `{key}`: ")) as error:
        declared(project(node("days", ["readings_1h"], meta)))
    assert reason in error.value.message
    assert "Add a dbt model" in error.value.hint
    if key in ModelMeta.__struct_fields__:
        assert f"config(meta={{'{key}': " in error.value.hint


WHOLE = {"grain": "whole", "parents": ["readings_1h"]}


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (node("days", ["stg_readings"], DAY), "only readings_clean reads the landed readings"),
        (node("days", ["readings_1h"], DAY, folder="intermediate"), "is a table outside of models/marts"),
        (node("days", ["readings_1h"], DAY, "table"), "grain 'day' needs materialized='incremental'"),
        (node("days", ["readings_1h"], WHOLE), "grain 'whole' needs materialized='table'"),
        (node("days", ["readings_1h"], WHOLE | {"reach_hours": 1}, "table"), "a table of grain 'whole' has no windows"),
        (node("features", ["readings_1h"], DAY), "Python makes a table of that name"),
    ],
)
def test_models_that_would_not_work_are_refused(model: SimpleNamespace, reason: str) -> None:
    with pytest.raises(WrongUse, match=re.escape(reason)):
        declared(project(model))


def test_windows_cannot_be_made_of_a_table_that_is_rebuilt_as_one() -> None:
    status = node("status", ["readings_1h"], WHOLE, "table")
    days = node("days", ["status"], {"grain": "day", "parents": ["status"]})
    with pytest.raises(WrongUse, match="it is 'day', finer than 'whole' of the parent status"):
        declared(project(status, days))


def test_a_project_that_was_changed_after_the_parse_is_refused_until_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lineage.json"
    for where in (declared_module, lineage_module):
        monkeypatch.setattr(where, "LINEAGE_FILE", file)
    dbt_tables.cache_clear()
    try:
        with pytest.raises(WrongUse, match="cannot be read"):
            dbt_tables()
        assert write_lineage(project())
        assert not write_lineage(project())
        check_lineage(project())
        days = project(node("days", ["readings_1h"], DAY))
        with pytest.raises(CheckFailed, match=r"lineage\.json does not match the dbt project: days") as error:
            check_lineage(days)
        assert "sensor-platform dbt parse" in error.value.hint
        assert write_lineage(days)
        check_lineage(days)
    finally:
        dbt_tables.cache_clear()


def test_every_key_is_documented() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \| (.*?) \|", text.split("## Add a dbt model")[1], re.MULTILINE)
    assert [key for key, _ in documented] == [*ModelMeta.__struct_fields__]
