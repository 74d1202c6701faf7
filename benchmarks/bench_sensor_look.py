"""What one look of the ledger sensor costs at several ages of a home, under data that never pauses.

The home is written as landing and builds would have left it: 1,000 devices in a segment every five seconds, a late
reading of random age every minute, and runs that are ten seconds (today) and two minutes (history) behind. Between two
looks five seconds pass. Prints one line of JSON: medians in milliseconds by days, the first look without a mark, the
ratio of the oldest home to the youngest, and the limits that both are to keep.
"""

import argparse
import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from warehouse_data import BenchSite  # type: ignore[import-not-found]

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, MINUTE
from sensor_platform.landing.ledger import generation, open_ledger
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import SLOTS, WHOLE, models

SLOT = 10 * MINUTE
SECOND = 1_000_000
NOON = 20_500 * DAY + DAY // 2
MODELS = tuple(models().values())
ROWS = "insert or replace into warehouse_state values (?, ?, ?, ?)"


def aged(home: Home, days: int) -> tuple[str, int]:
    """A ledger of `days` days, all of it built; returns its generation and newest position."""
    with open_ledger(home) as ledger:
        made = generation(ledger)
    slots = range(NOON - days * DAY, NOON + SLOT, SLOT)
    position = len(slots) * 120
    with closing(sqlite3.connect(home.ledger_file)) as ledger:
        ledger.executemany("insert into slots values (?, ?)", ((at, n * 120 + 120) for n, at in enumerate(slots)))
        for model in MODELS:
            windows = {model.floor(at, SLOT) for at in slots} if model.grain != "whole" else {WHOLE}
            ledger.executemany(ROWS, ((model.name, at, made, position) for at in sorted(windows)))
        ledger.commit()
    return made, position


def build(ledger: sqlite3.Connection, made: str, slot: int, position: int) -> None:
    """What a run leaves that has built everything that depends on one slot."""
    reached = {SLOTS: {slot}}
    for model in MODELS:
        if (size := model.size(SLOT)) is None:
            reached[model.name] = {WHOLE}
        else:
            found: set[int] = set()
            for start in (start for parent in model.parents for start in reached[parent]):
                last = min(model.floor(start + model.reach(SLOT), SLOT), model.floor(NOON, SLOT))
                found.update(range(model.floor(start, SLOT), last + 1, size))
            reached[model.name] = found
        ledger.executemany(ROWS, ((model.name, at, made, position) for at in reached[model.name]))


def looks(days: int, minutes: int) -> tuple[float, list[float]]:
    """Milliseconds of the first look, and of the others in `minutes` minutes."""
    rng, site = random.Random(days), BenchSite()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        made, position = aged(home, days)
        started = time.perf_counter()
        dirty_days(home, site)
        first, found = time.perf_counter() - started, []
        today: list[tuple[int, int]] = []
        late: list[tuple[int, int]] = []
        with closing(sqlite3.connect(home.ledger_file)) as ledger:
            for step in range(minutes * 12):
                position += 1
                slot = NOON + step * 5 * SECOND // SLOT * SLOT
                touched = [slot]
                today.append((slot, position))
                if step % 12 == 0:
                    old = NOON - rng.randrange(days * 144) * SLOT
                    late.append((old, position))
                    touched.append(old)
                ledger.executemany("insert or replace into slots values (?, ?)", [(at, position) for at in touched])
                if step % 2 and len(today) > 2:
                    build(ledger, made, *today[-3])
                if step % 24 == 23:
                    for old, at in late[:-2]:
                        build(ledger, made, old, at)
                    late = late[-2:]
                ledger.commit()
                started = time.perf_counter()
                seen = dirty_days(home, site)
                found.append((time.perf_counter() - started) * 1000)
                assert seen
    return first * 1000, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, nargs="*", default=[1, 30, 365, 1095])
    parser.add_argument("--minutes", type=int, default=30, help="of data between the first look and the last")
    arguments = parser.parse_args()
    made = {}
    for days in arguments.days:
        first, found = looks(days, arguments.minutes)
        made[days] = {
            "look_ms": round(statistics.median(found), 1),
            "p95_ms": round(sorted(found)[len(found) * 95 // 100], 1),
            "first_ms": round(first, 1),
        }
    youngest, oldest = (made[age]["look_ms"] for age in (min(made), max(made)))
    result = {
        "benchmark": "sensor_look",
        "minutes": arguments.minutes,
        "days": made,
        "ratio_oldest_to_youngest": round(oldest / youngest, 1),
        "limits": {"look_ms": 100, "ratio": 1.5},
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
