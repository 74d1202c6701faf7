"""Values of a metric of the toy kind in every tier; run in a process, from a clone that has the kind. Prints JSON."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.lineage import tiers
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading

NOON = datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC, as in files
VALUES = (1.0, 1.0, 2.0, 2.0, 1.0)
"""Seven seconds apart: two, one, two and no readings in the ten-second windows."""


def land_final_day(landing: Landing) -> None:
    """A day that is final before the metrics have a kind: later arrivals end its allowed lateness."""
    old = NOON - timedelta(days=3)
    landing.land([reading("d", metric, old, 1.0) for metric in ("valve", "plain")])
    landing.land([reading("other", "m", NOON, 1.0)])


def main(home: Home) -> dict[str, Any]:
    """Give metrics of a data folder that was built without the kind their kinds, build again and publish."""
    catalog = home.root / "catalog"
    catalog.mkdir(parents=True)
    (catalog / "metrics.csv").write_text("metric,kind\nvalve,state\nenergy,counter\n")
    site, landing = SiteStub(catalog=catalog), Landing(home, count=2)
    landing.land(
        [
            reading("d", metric, NOON + timedelta(seconds=7 * n), value)
            for metric in ("valve", "energy", "plain")
            for n, value in enumerate(VALUES)
        ]
    )
    report = build(home, site, position=0)
    assert report.is_ok, report.failed
    publish(home, site)
    query = "select metric, changes_n, increase, revision from {} where device_id = 'd' and day {} date '2026-01-02'"
    with duckdb.connect(str(home.analytics_file), read_only=True) as connection:
        return {
            f"{table} {comparison}": connection.execute(
                query.format(table, comparison) + " order by metric, window_start"
            ).fetchall()
            for table in tiers()
            for comparison in ("<", "=")
        }


if __name__ == "__main__":
    print(json.dumps(main(Home(Path(sys.argv[1])))))
