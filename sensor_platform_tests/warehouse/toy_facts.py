"""What becomes of the toy models with data; run in a process of its own, from a clone that has them. Prints JSON."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.build_report import BuildReport
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading

TOYS = ("toy_days", "toy_trend")
START = datetime(2026, 1, 2)  # noqa: DTZ001 - plain UTC, as in files
HOURS = [START + timedelta(hours=hour) for hour in (1, 2, 26, 27, 28, 50)]
LATE = START + timedelta(days=1, hours=3, minutes=30)
"""A reading of the second of three days arrives late."""


def land_three_days(landing: Landing) -> None:
    """One reading in each of the hours."""
    landing.land([reading("d", "m", at, float(n)) for n, at in enumerate(HOURS)])


def past(home: Home) -> dict[str, Any]:
    """What is asked for in a data folder that was built before the models were added, and what a build makes of it."""
    site = SiteStub()
    asked = dirty_days(home, site, dbt_models())
    report = build(home, site, position=max(day.position for day in asked))
    return {
        "asked": {str(day.day): day.models for day in asked},
        "windows": {name: model.windows for name, model in report.models.items() if model.windows},
        "left": [str(day.day) for day in dirty_days(home, site, dbt_models())],
    }


def main(home: Home) -> dict[str, Any]:
    """Build three days, then a late reading, and publish."""
    site, landing = SiteStub(), Landing(home)
    land_three_days(landing)
    first = build(home, site)
    publish(home, site)
    position = landing.land([reading("d", "m", LATE, 9.0, received_at=HOURS[-1])])
    asked = dirty_days(home, site, dbt_models())
    second = build(home, site, position=position)
    publish(home, site)
    return {
        "first": _facts(first),
        "asked": {str(day.day): [name for name in day.models if name in TOYS] for day in asked},
        "second": _facts(second),
        "left": [str(day.day) for day in dirty_days(home, site, dbt_models())],
        "rows": _published(home),
        "assets": _assets(),
    }


def _facts(report: BuildReport) -> dict[str, Any]:
    assert report.is_ok, report.failed
    tests = sorted(test.name for test in report.tests.values() if set(test.models) & {*TOYS})
    models = {
        name: [model.windows, model.rows, model.late_rows, str(model.newest_event_at)]
        for name, model in report.models.items()
        if name in TOYS
    }
    return {"models": models, "tests": tests}


def _published(home: Home) -> dict[str, list[list[str]]]:
    found = {}
    with duckdb.connect(str(home.analytics_file), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        for name in TOYS:
            rows = connection.execute(f"select * exclude (day) from {name} order by all").fetchall()
            found[name] = [[str(value) for value in row] for row in rows]
    return found


def _assets() -> dict[str, Any]:
    from dagster import AssetKey

    from sensor_platform.definitions import defs
    from sensor_platform.orchestration.partitions import DAYS

    graph = defs.resolve_asset_graph()
    nodes = {name: graph.get(AssetKey(name)) for name in TOYS}
    return {
        name: {
            "is_partitioned_by_day": node.partitions_def == DAYS,
            "parents": sorted(key.to_user_string() for key in node.parent_keys),
            "is_published_after": AssetKey("published") in node.child_keys,
            "has_promise": node.freshness_policy is not None,
        }
        for name, node in nodes.items()
    }


if __name__ == "__main__":
    print(json.dumps({"main": main, "past": past}[sys.argv[1]](Home(Path(sys.argv[2])))))
