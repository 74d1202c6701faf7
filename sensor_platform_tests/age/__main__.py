"""`make age DAYS=1095`: an aged home beside one of a day, measured in turns. Prints one JSON line for each measure."""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, now_micros
from sensor_platform_tests.age.aged_home import make_home
from sensor_platform_tests.age.measures import MEASURES, Measures
from sensor_platform_tests.age.plan import AgePlan


def main() -> None:
    """Make the homes, measure, print."""
    parser = argparse.ArgumentParser(prog="make age", description=__doc__)
    parser.add_argument("--days", type=int, default=30, help="age of the home; a home of one day is made beside it")
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keep the homes here; those that are there are used again")
    names = [measure.__name__ for measure in MEASURES]
    parser.add_argument("--measures", nargs="*", choices=names, default=names)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        ages = sorted({1, options.days})
        homes = [_home(folder / f"days-{days}", days, options.devices) for days in ages]
        _measure(homes, options.rounds, options.measures)
        for each in homes:
            print(json.dumps(_size(each.home, each.plan)), flush=True)


def _home(root: Path, days: int, devices: int) -> Measures:
    kept = root / "plan.json"
    if kept.exists():
        return Measures(Home(root), AgePlan(**json.loads(kept.read_bytes())))
    plan = AgePlan(end=now_micros() // HOUR * HOUR, days=days, devices=devices)
    began = time.monotonic()
    home = make_home(
        root, plan, lambda text: print(f"{time.monotonic() - began:6.0f} s  {days} days: {text}", file=sys.stderr)
    )
    kept.write_text(json.dumps({"end": plan.end, "days": days, "devices": devices}))
    return Measures(home, plan)


def _measure(homes: list[Measures], rounds: int, names: list[str]) -> None:
    """Each measure in turns on all homes, so that the load of the machine is the same for all."""
    for measure in (each for each in MEASURES if each.__name__ in names):
        for home in homes:
            measure(home)  # what is imported and read once
        times = [[measure(home) for home in homes] for _ in range(rounds)]
        seconds = [statistics.median(column) for column in zip(*times, strict=True)]
        line = {
            "benchmark": "age",
            "measure": measure.__name__,
            "days": [home.plan.days for home in homes],
            "devices": homes[0].plan.devices,
            "seconds": [round(each, 4) for each in seconds],
            "ratio": round(statistics.median(row[-1] / row[0] for row in times), 2),
            "rounds": rounds,
            "load_average": os.getloadavg()[0],
        }
        print(json.dumps(line), flush=True)


def _size(home: Home, plan: AgePlan) -> dict[str, object]:
    """Files and bytes by folder of the home."""
    sizes: dict[str, list[int]] = {}
    for path in home.root.rglob("*"):
        if path.is_file():
            folder = path.relative_to(home.root).parts[0]
            count, size = sizes.get(folder, [0, 0])
            sizes[folder] = [count + 1, size + path.stat().st_size]
    files, size = (sum(each[place] for each in sizes.values()) for place in (0, 1))
    return {
        "benchmark": "age",
        "measure": "size",
        "days": plan.days,
        "files_per_day": round(files / plan.days, 1),
        "bytes_per_day": round(size / plan.days),
        "ledger_bytes_per_day": round(sizes.get("ledger", [0, 0])[1] / plan.days),
        "by_folder": sizes,
    }


if __name__ == "__main__":
    main()
