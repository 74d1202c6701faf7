"""One home with all that the tests about published tables read: dbt takes seconds, so that it runs once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensor_platform_tests.field.batch.rig import Place, make_place, write_csv

SITE = """
name: after ingest
start: 2025-01-01
warehouse:
  fill_minutes: 1440
"""
METRICS = "metric,unit,kind\nenergy,kWh,counter\nvalve,%,gauge\n"
RULES = """
rules:
  - {name: warm, kind: threshold, metric: temperature, devices: "store-*", above: 8, for: 20m,
     flap: {most: 3, within: 1h}}
  - {name: silent, kind: no_data, devices: "store-*", after: 30m}
maintenance:
  - {devices: "store-2", start: "2025-03-03T06:00", end: "2025-03-03T07:00", every: 1d}
"""
MONDAY = datetime(2025, 3, 3, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    # dbt keeps its log file open until the garbage collector finds it; nothing of ours is lost by that.
    config.addinivalue_line("filterwarnings", r"ignore:Exception ignored in. <_io.FileIO name='.*dbt\.log'")
    config.addinivalue_line("filterwarnings", r"ignore:unclosed file .*dbt\.log:ResourceWarning")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Meters, a valve, two cold stores, rooms that send until now, and a device of which the messages arrived live."""
    folder = tmp_path_factory.mktemp("after_ingest")
    place = make_place(folder, {"site.yaml": SITE, "catalog/metrics.csv": METRICS, "rules.yaml": RULES})
    _land_a_cold_room(place)
    place.must("import", _meters(folder), _valve(folder), _stores(folder), _rooms(folder))
    place.build()
    return place


def _meters(folder: Path) -> Path:
    """A step back by 0.1 at 11:42, a meter that was exchanged, one read each hour, and one read each day."""
    rows: list[tuple[object, ...]] = []
    for number in range(144):
        at, steps = MONDAY + timedelta(minutes=2 + 10 * number), number // 3
        rows.append(("meter-dip", at, round(215 + (steps - (number == 70)) / 10, 1)))
        rows.append(("meter-new", at, round(215 + steps / 10 if number < 72 else 0.2 + (steps - 24) / 10, 1)))
    rows += [("meter-hourly", MONDAY + timedelta(hours=hour, minutes=5), 1000 + 2 * hour) for hour in range(49)]
    rows += [("meter-daily", MONDAY + timedelta(days=day, hours=6), 500 + 12 * day) for day in range(7)]
    return write_csv(folder / "meters.csv", ("device_id", "ts", "energy"), rows)


def _valve(folder: Path) -> Path:
    """Sends on change: open for 350 s of a day."""
    nine = datetime(2025, 3, 10, 9, tzinfo=UTC)
    changes = [(0, 100), (5, 0), (10, 100), (15, 0), (20, 100), (360, 0)]
    rows: list[tuple[object, ...]] = [("valve-1", nine + timedelta(seconds=second), value) for second, value in changes]
    midnight = nine.replace(hour=0)
    rows = [("valve-1", midnight, 0), *rows, ("valve-1", midnight + timedelta(hours=23, minutes=59, seconds=59), 0)]
    return write_csv(folder / "valve.csv", ("device_id", "ts", "valve"), rows)


def _stores(folder: Path) -> Path:
    """Five days each ten minutes; above 8 from 06:00 to 06:40; nothing of store-1 on Wednesday 10:00 to 15:00."""
    rows: list[tuple[object, ...]] = []
    for number in range(5 * 144):
        at = MONDAY + timedelta(minutes=10 * number)
        value = 9.0 if at.hour == 6 and at.minute < 40 else 4.0
        is_silent = at.day == 5 and 10 <= at.hour < 15
        rows += [(device, at, value) for device in ("store-1", "store-2") if device == "store-2" or not is_silent]
    return write_csv(folder / "stores.csv", ("device_id", "ts", "temperature"), rows)


def _rooms(folder: Path) -> Path:
    """A reading each minute of the last twelve hours, and one device whose clock is 55 minutes ahead."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    rows: list[tuple[object, ...]] = [("room-1", now - timedelta(minutes=minute), 20) for minute in range(720)]
    rows.append(("room-fast", now + timedelta(minutes=55), 20))
    return write_csv(folder / "rooms.csv", ("device_id", "ts", "temperature"), rows)


def _land_a_cold_room(place: Place) -> None:
    """Warm at 02:30 in Berlin before and after the clocks change, and at 04:30 after it; each time for ten minutes."""
    instants = ((27, 1), (31, 0), (31, 2))
    for number, (day, hour) in enumerate(instants):
        for part, value in enumerate((9.0, 4.0)):
            at = datetime(2025, 3, day, hour, 30 + 10 * part, tzinfo=UTC)
            place.arrive(2 * number + part + 1, "cold-1", at, at, value)
